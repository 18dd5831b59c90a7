"""How a model is asked: as the release asks, zero-shot, with worked examples, by reasoning first.

The styles are those of the evaluation paper (arXiv 2304.03347) and of the MentaLLaMA paper; the
wordings are our own and stand in ``prompts.yaml``. Every style asks for an answer that the
benchmark's rules read: the label sentence in front of "Reasoning:", or behind "Answer:".
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mentallama.errors import InputError
from mentallama.models.examples import Choice, Round, choose_examples, make_pool
from mentallama.models.retrieval import Embed
from mentallama.tasks import TASKS, get_label, get_task
from mentallama.tasks.posts import make_sample, post_id
from mentallama.types import Post, Sample

Style = Literal["release", "zero-shot", "few-shot", "cot", "emotion-cot"]
STYLES: tuple[Style, ...] = ("release", "zero-shot", "few-shot", "cot", "emotion-cot")
_AS_RELEASED: tuple[Style, ...] = ("release", "few-shot")
"""Styles that keep the release's query and its answers, in either form."""
_WITH_SHOTS: tuple[Style, ...] = ("few-shot", "cot", "emotion-cot")
_TO_FILL_IN = {"sentence": "(the chosen answer)", "explanation": "(your reasoning)"}


class _Wording(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    layout: str
    text: str


class _Wordings(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    version: int
    layouts: dict[str, str]
    styles: dict[str, _Wording]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """How samples are worded as prompts."""

    style: Style = "release"
    shots: int = 0
    """Worked examples of each label; the styles few-shot, cot and emotion-cot take them."""
    examples: Literal["fixed", "nearest"] = "fixed"
    """The same for every post of a question, drawn by ``seed``; or those nearest to each post."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """The prompts of samples, in order, and what became of the examples."""

    texts: list[str]
    pool: int = 0
    """Training rows given that answer what is asked."""
    excluded: int = 0
    """Of ``pool``, rows left out because their post is, or copies, an evaluation post."""
    lost_examples: int = 0
    """Prompts that hold fewer examples than asked for because they would not fit."""
    without_examples: int = 0
    """Of these, prompts left with none."""


def make_prompts(
    samples: Sequence[Sample],
    prompting: Prompting,
    pool: Sequence[Sample] = (),
    *,
    fits: Callable[[str], bool] | None = None,
    embed: Embed | None = None,
) -> Prompts:
    """Word samples as prompts; examples come from the training rows of ``pool``.

    ``pool`` may hold all splits of a folder: what is not training is held out of the examples.
    Where ``fits`` says no, examples are taken out of a prompt, one of each label at a time, the
    farthest first. ``embed`` measures nearness by vectors instead of TF-IDF. Raises InputError
    where style, form and examples do not go together or a label has too few examples.
    """
    _need_sense(samples, prompting, pool)
    if not prompting.shots:
        return Prompts(texts=[_render(sample, [], prompting.style) for sample in samples])
    found = make_pool(samples, pool)
    choice = Choice(
        shots=prompting.shots, examples=prompting.examples, seed=prompting.seed, embed=embed
    )
    texts, left = [], []
    chosen = choose_examples(samples, found, choice)
    for sample, rounds in zip(samples, chosen, strict=True):
        text, kept = _render_fitting(sample, rounds, prompting.style, fits)
        texts.append(text)
        left.append(kept)
    return Prompts(
        texts=texts,
        pool=found.of,
        excluded=found.excluded,
        lost_examples=sum(kept < prompting.shots for kept in left),
        without_examples=left.count(0),
    )


def prompting_key(prompting: Prompting) -> str:
    """Name what the wording of prompts depends on; any changed word or layout changes the key.

    Which posts serve as examples is not in it: the prompts themselves show that.
    """
    parts: list[str] = [prompting.style]
    if prompting.shots:
        parts += [f"shots={prompting.shots}", f"examples={prompting.examples}"]
        parts += [f"seed={prompting.seed}"] if prompting.examples == "fixed" else []
    return " ".join([*parts, f"wording={_wordings().version}-{_hash_wording(prompting.style)}"])


def _need_sense(samples: Sequence[Sample], prompting: Prompting, pool: Sequence[Sample]) -> None:
    style, shots = prompting.style, prompting.shots
    completion = any(sample.form == "completion" for sample in samples)
    if completion and style not in _AS_RELEASED:
        raise InputError(f"style {style} asks the instruction form; the samples are completions")
    if shots < 0:
        raise InputError(f"{shots} shots: expected 0 or more examples of each label")
    if style == "few-shot" and not shots:
        raise InputError("style few-shot needs at least 1 shot (examples of each label)")
    if shots and style not in _WITH_SHOTS:
        raise InputError(f"style {style} takes no shots; {', '.join(_WITH_SHOTS)} do")
    if shots and not pool:
        raise InputError(f"style {style} with {shots} shots needs --examples-from DIR")
    if prompting.examples == "nearest" and not shots:
        raise InputError("nearest examples need at least 1 shot (examples of each label)")


def _render_fitting(
    sample: Sample, rounds: Sequence[Round], style: Style, fits: Callable[[str], bool] | None
) -> tuple[str, int]:
    """Return the prompt with as many of the last rounds as fit, and their number."""
    for kept in range(len(rounds), 0, -1):
        text = _render(sample, rounds[len(rounds) - kept :], style)
        if fits is None or fits(text):
            return text, kept
    return _render(sample, [], style), 0


def _render(sample: Sample, rounds: Sequence[Round], style: Style) -> str:
    examples = [_work(example, style) for examples in rounds for example in examples]
    return "\n\n".join([*examples, _ask(sample, style)])


def _ask(sample: Sample, style: Style) -> str:
    if style in _AS_RELEASED:
        return sample.prompt
    wording = _wordings().styles[style]
    answers = "\n".join(f"- {label.phrase}" for label in get_task(sample.post.task).labels)
    form = _wordings().layouts[wording.layout].format(**_TO_FILL_IN)
    return wording.text.format(query=sample.prompt, answers=answers, form=form)


def _work(example: Sample, style: Style) -> str:
    """Word a query with its gold answer, as tuning joins them or as the style asks for."""
    if style in _AS_RELEASED:
        return f"{example.prompt.rstrip(' ')} {example.response.strip()}"
    label = get_label(get_task(example.post.task), example.post.label or "")
    layout = _wordings().layouts[_wordings().styles[style].layout]
    answer = layout.format(sentence=label.phrase, explanation=example.explanation.strip())
    return f"{example.prompt}\n\n{answer}"


@lru_cache(maxsize=1)
def _wordings() -> _Wordings:
    import yaml

    text = (files("mentallama.models") / "prompts.yaml").read_text(encoding="utf-8")
    return _Wordings.model_validate(yaml.safe_load(text))


@lru_cache(maxsize=len(STYLES))
def _hash_wording(style: Style) -> str:
    """Hash one prompt of each of the ten tasks: wording, layout, example, label sentences."""
    digest = hashlib.sha256()
    for task in TASKS:
        aspect = task.aspects[0] if task.aspects else None
        label, text = task.labels[0], "a post"
        post = Post(id=post_id(text), text=text, task=task.key, aspect=aspect, label=label.key)
        sample = make_sample(task, post, label, "because", "instruction", 1)
        rounds = [(sample,)] if style in _WITH_SHOTS else []
        digest.update(_render(sample, rounds, style).encode())
    return digest.hexdigest()[:12]
