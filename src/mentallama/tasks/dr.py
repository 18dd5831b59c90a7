"""DR: depression detection on Reddit, weakly labelled.

Example (invented): "third week of eating cereal in the dark, can't face the dishes" -> yes.
"""

from mentallama.tasks._binary import REFERENCE, suffers_completion, suffers_from
from mentallama.tasks._raw import YES_NO, by_split
from mentallama.types import Sizes, Source, Task

TASK = Task(
    key="DR",
    title="Depression detection (DepressionReddit)",
    platform="Reddit",
    annotation="weak",
    labels=suffers_from("depression"),
    question="Does the poster suffer from depression?",
    completion_question=suffers_completion("depression"),
    sizes=Sizes(train=1003, valid=430, test=405),
    source=Source(
        citation="Pirina and Coltekin 2018, Identifying Depression on Reddit",
        home="the authors' pages; part of the public IMHI release",
        access="public with the IMHI release",
    ),
    reference=REFERENCE,
    raw=by_split("reddit_{}.csv", ("train", "valid", "test"), YES_NO),
)
