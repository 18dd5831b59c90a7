"""CAMS: causes of depression and suicidal thoughts on Reddit, annotated by people.

Example (invented): "since the layoff I have stopped opening the curtains" -> job.
"""

from mentallama.types import Label, RawAnswer, RawFile, ReferenceRule, Sizes, Source, Task


def _cause(key: str, name: str, *also: str) -> Label:
    phrase = f"This post shows causes of depression related to {name}."
    return Label(key=key, phrase=phrase, completion=name, also=also)


_CODES = ("none", "bias", "job", "medication", "relationship", "alienation")


def _answer(column: str, evidence: str) -> RawAnswer:
    """Read a cause by its number, 0 to 5, and the passage that people wrote beside it."""
    codes = tuple((str(number), key) for number, key in enumerate(_CODES))
    return RawAnswer(column=column, codes=codes, evidence=evidence)


TASK = Task(
    key="CAMS",
    title="Depression and suicide cause (CAMS)",
    platform="Reddit",
    annotation="human",
    labels=(
        Label(
            key="none",
            phrase="This post shows no causes of depression.",
            completion="none",
            also=("no causes of depression", "no causes", "no cause"),
        ),
        _cause("bias", "bias or abuse", "bias and abuse"),
        _cause("job", "jobs and career", "jobs and careers", "job and career"),
        _cause("medication", "medication"),
        _cause("relationship", "relationship", "relationships"),
        _cause("alienation", "alienation"),
    ),
    question="What cause of depression does this post show?",
    completion_question="This post shows the mental disorder cause of",
    stems=(
        "This post shows causes of depression related to",
        "This post shows the cause of depression related to",
        "This post shows the mental disorder cause of",
        "The cause of depression in this post is",
        "This post shows",
    ),
    sizes=Sizes(train=2207, valid=320, test=625),
    source=Source(
        citation="Garg et al. 2022, CAMS: An Annotated Corpus for Causal Analysis",
        home="GitHub drmuskangarg/CAMS",
        access="public",
    ),
    reference=ReferenceRule(
        keywords=(
            ("none", "none"),
            ("bias", "bias"),
            ("jobs", "job"),
            ("medication", "medication"),
            ("relationship", "relationship"),
            ("alienation", "alienation"),
        ),
        default="none",
    ),
    raw=(
        RawFile(
            path="IntentSDCNL_Training.csv",
            split="train",
            text=("selftext",),
            answers=(_answer("ANNOTATIONS", "Interpretations"),),
        ),
        RawFile(
            path="IntentSDCNL_Testing.csv",
            split="test",
            text=("selftext",),
            answers=(_answer("ANNOTATIONS", "Interpretations"),),
        ),
        # The file that the release's rows come from; it says nothing on splits.
        RawFile(
            path="added_CAMS_data.csv", text=("selftext",), answers=(_answer("cause", "inference"),)
        ),
    ),
)
