"""MultiWD: wellness dimensions on Reddit, annotated by people; one question per dimension.

Example (invented): "quit the warehouse, still can't sleep past four"
-> vocational: yes, physical: yes, spiritual: no.
"""

from mentallama.tasks._binary import REFERENCE, yes_no
from mentallama.tasks._raw import YES_NO
from mentallama.types import RawAnswer, RawFile, Sizes, Source, Task

_ASPECTS = ("spiritual", "physical", "intellectual", "social", "vocational", "emotional")
_ANSWERS = tuple(RawAnswer(column=a.capitalize(), codes=YES_NO, aspect=a) for a in _ASPECTS)

TASK = Task(
    key="MultiWD",
    title="Wellness dimensions (MultiWD)",
    platform="Reddit",
    annotation="human",
    labels=yes_no(
        "this wellness dimension exists in the post",
        "this wellness dimension does not exist in the post",
        also_yes=(
            "the wellness dimension exists in the post",
            "the {aspect} wellness dimension exists in the post",
            "the wellness dimension of {aspect} aspect exists in the post",
        ),
        also_no=(
            "the wellness dimension does not exist in the post",
            "the {aspect} wellness dimension does not exist in the post",
            "the wellness dimension of {aspect} aspect does not exist in the post",
        ),
    ),
    question="Does the {aspect} wellness dimension exist in the post?",
    completion_question=(
        'The answer to the question "Does the {aspect} wellness dimension exists in the post?" is'
    ),
    aspects=_ASPECTS,
    sizes=Sizes(train=15744, valid=1500, test=2441),
    source=Source(
        citation="Garg et al. 2023, MultiWD: Multiple Wellness Dimensions in Social Media Posts",
        home="GitHub drmuskangarg/MultiWD",
        access="public",
    ),
    reference=REFERENCE,
    raw=(
        RawFile(path="train_data.csv", split="train", text=("text",), answers=_ANSWERS),
        RawFile(path="test_data.csv", split="test", text=("text",), answers=_ANSWERS),
    ),
)
