"""dreaddit: stress detection on Reddit, annotated by people.

Example (invented): "rent is due friday, the car died today and my phone keeps buzzing" -> yes.
"""

from mentallama.tasks._binary import REFERENCE, suffers_completion, suffers_from
from mentallama.tasks._raw import YES_NO
from mentallama.types import RawAnswer, RawFile, Sizes, Source, Task

_ANSWER = (RawAnswer(column="label", codes=YES_NO),)

TASK = Task(
    key="dreaddit",
    title="Stress detection (Dreaddit)",
    platform="Reddit",
    annotation="human",
    labels=suffers_from("stress"),
    question="Does the poster suffer from stress?",
    completion_question=suffers_completion("stress"),
    sizes=Sizes(train=2837, valid=300, test=414),
    source=Source(
        citation="Turcan and McKeown 2019, Dreaddit: A Reddit Dataset for Stress Analysis",
        home="the authors' pages; part of the public IMHI release",
        access="public",
    ),
    reference=REFERENCE,
    raw=(
        RawFile(path="dreaddit-train.csv", split="train", text=("text",), answers=_ANSWER),
        RawFile(path="dreaddit-test.csv", split="test", text=("text",), answers=_ANSWER),
    ),
)
