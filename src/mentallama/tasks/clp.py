"""CLP: depression detection on Reddit, annotated by people; its rows were never released.

Example (invented): "my sister asked if I was ok and I had no answer for her" -> yes.
"""

from mentallama.tasks._binary import REFERENCE, suffers_completion, suffers_from
from mentallama.tasks._raw import YES_NO, by_split
from mentallama.types import Sizes, Source, Task

TASK = Task(
    key="CLP",
    title="Depression detection (CLPsych 2015)",
    platform="Reddit",
    annotation="human",
    labels=suffers_from("depression"),
    question="Does the poster suffer from depression?",
    completion_question=suffers_completion("depression"),
    sizes=Sizes(train=456, valid=196, test=299),
    source=Source(
        citation="Coppersmith et al. 2015, CLPsych 2015 shared task",
        home="the organisers of the shared task",
        access="under a data-use agreement with the organisers; not in the IMHI release",
        agreement=True,
    ),
    reference=REFERENCE,
    raw=by_split("{}.csv", ("train", "valid", "test"), YES_NO),
)
