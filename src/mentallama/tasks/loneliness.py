"""loneliness: loneliness detection on Reddit, annotated by people.

Example (invented): "I set two plates out of habit and then put one back" -> yes.
"""

from mentallama.tasks._binary import REFERENCE, suffers_completion, suffers_from
from mentallama.tasks._raw import YES_NO, by_split
from mentallama.types import Sizes, Source, Task

TASK = Task(
    key="loneliness",
    title="Loneliness detection",
    platform="Reddit",
    annotation="human",
    labels=suffers_from("loneliness"),
    question="Does the poster suffer from loneliness?",
    completion_question=suffers_completion("loneliness"),
    # 531 published, 528 rows released.
    sizes=Sizes(train=2463, valid=527, test=531),
    source=Source(
        citation="loneliness corpus named in the IMHI release",
        home="the test split stands in the public IMHI release",
        access="test split public with the IMHI release; training split from its authors",
    ),
    reference=REFERENCE,
    raw=by_split("{}.csv", ("train", "val", "test"), YES_NO),
)
