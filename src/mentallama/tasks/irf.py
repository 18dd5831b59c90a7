"""Irf: interpersonal risk factors on Reddit, annotated by people; one question per factor.

Example (invented): "they would all have a calmer dinner without me at the table"
-> perceived burdensomeness: yes.
"""

from mentallama.tasks._binary import REFERENCE, yes_no
from mentallama.tasks._raw import YES_NO
from mentallama.types import RawAnswer, RawFile, Sizes, Source, Task

_BELONG, _BURDEN = "thwarted belongingness", "perceived burdensomeness"
_ANSWERS = (
    RawAnswer(column="belong", codes=YES_NO, aspect=_BELONG, evidence="belong_exp"),
    RawAnswer(column="burden", codes=YES_NO, aspect=_BURDEN, evidence="burden_exp"),
)

TASK = Task(
    key="Irf",
    title="Interpersonal risk factors (IRF)",
    platform="Reddit",
    annotation="human",
    labels=yes_no(
        "the post shows this risk",
        "the post does not show this risk",
        also_yes=(
            "the post shows risk of {aspect}",
            "the post shows a risk of {aspect}",
            "the post does show risk of {aspect}",
        ),
        also_no=(
            "the post does not show risk of {aspect}",
            "the post does not show a risk of {aspect}",
        ),
    ),
    question="Does the post show risk of {aspect}?",
    # The colon after "question" stands in this set only.
    completion_question='The answer to the question: "Does the post shows risk of {aspect}?" is',
    aspects=(_BELONG, _BURDEN),
    sizes=Sizes(train=3943, valid=985, test=2113),
    source=Source(
        citation="Garg et al. 2023, an annotated dataset for interpersonal risk factors",
        home="GitHub drmuskangarg/Irf",
        access="public",
    ),
    reference=REFERENCE,
    raw=(
        RawFile(path="train_data.csv", split="train", text=("text",), answers=_ANSWERS),
        RawFile(path="val_data.csv", split="valid", text=("text",), answers=_ANSWERS),
        RawFile(path="test_data.csv", split="test", text=("text",), answers=_ANSWERS),
    ),
)
