"""The cascade: anchored phrases, then a trained labeller where they find nothing, else abstain."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mentallama.benchmark.inference.labeller import TaskLabeller, row_hash
from mentallama.benchmark.inference.layout import clean
from mentallama.benchmark.inference.rules import NOTHING, read_by_rules
from mentallama.tasks import get_task
from mentallama.types import Prediction, Response

_UNREAD = f"rules: {NOTHING}"


@dataclass(slots=True, kw_only=True)
class Cascade:
    """A ``Labeller`` that asks the trained labellers where the rules find nothing.

    A labeller is not asked about the rows it was trained on, unless ``allow_trained`` says so;
    ``withheld`` counts these, by task.
    """

    labellers: Mapping[str, TaskLabeller]
    allow_trained: bool = False
    withheld: Counter[str] = field(default_factory=Counter)

    def __call__(self, responses: Sequence[Response]) -> list[Prediction]:
        """Read one prediction from each response, in order."""
        predictions = read_by_rules(responses)
        unread: dict[str, list[int]] = {}
        for index, (response, prediction) in enumerate(zip(responses, predictions, strict=True)):
            labeller = self.labellers.get(response.task)
            if labeller is None or prediction.route != _UNREAD:
                continue
            if not self.allow_trained and self._knows(labeller, response):
                self.withheld[response.task] += 1
                predictions[index] = replace(prediction, route="labeller: one of its training rows")
            else:
                unread.setdefault(response.task, []).append(index)
        for task, indices in unread.items():
            self._ask(self.labellers[task], responses, predictions, indices)
        return predictions

    def _knows(self, labeller: TaskLabeller, response: Response) -> bool:
        return row_hash(response.task, response.reference) in labeller.trained

    def _ask(
        self,
        labeller: TaskLabeller,
        responses: Sequence[Response],
        predictions: list[Prediction],
        indices: Sequence[int],
    ) -> None:
        task = get_task(labeller.settings.task)
        guesses = labeller.guess([clean(task, responses[index].text) for index in indices])
        for index, guess in zip(indices, guesses, strict=True):
            route = f"labeller: {labeller.settings.kind}"
            if guess.label is None:
                predictions[index] = replace(predictions[index], route=f"{route}, {guess.reason}")
            else:
                predictions[index] = replace(
                    predictions[index],
                    outcome="verdict",
                    label=guess.label,
                    route=route,
                    confidence=guess.confidence,
                )
