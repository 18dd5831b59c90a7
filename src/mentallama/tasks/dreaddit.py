"""dreaddit: stress detection on Reddit, annotated by people.

Example (invented): "rent is due friday, the car died today and my phone keeps buzzing" -> yes.
"""

from mentallama.tasks._binary import REFERENCE, suffers_completion, suffers_from
from mentallama.types import Sizes, Source, Task

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
)
