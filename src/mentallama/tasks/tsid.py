"""t-sid: mental disorders on Twitter, weakly labelled.

Example (invented): "car backfired and I was on the kitchen floor before I knew it" -> ptsd.
"""

from mentallama.tasks._raw import by_split
from mentallama.types import Label, ReferenceRule, Sizes, Source, Task

_GROUPS = (
    ("depression", "depression"),
    ("ptsd", "ptsd"),
    ("suicide", "suicide"),
    ("control", "none"),
)

TASK = Task(
    key="t-sid",
    title="Mental disorders (T-SID)",
    platform="Twitter",
    annotation="weak",
    labels=(
        Label(
            key="none",
            phrase="This post shows no mental disorders.",
            completion="no mental disorders",
            also=("no mental disorder", "none"),
        ),
        Label(
            key="suicide",
            phrase="This post shows suicide or self-harm tendency.",
            completion="suicide or self-harm tendency",
            also=("suicide or self-harm", "suicide", "self-harm"),
        ),
        Label(
            key="depression",
            phrase="This post shows depression.",
            completion="depression",
        ),
        Label(key="ptsd", phrase="This post shows PTSD.", completion="ptsd"),
    ),
    question="What mental disorder does this post show?",
    completion_question="This post shows the mental disorder symptoms of",
    stems=("This post shows the mental disorder symptoms of", "This post shows"),
    sizes=Sizes(train=3071, valid=767, test=959),
    source=Source(
        citation="Ji et al. 2022, T-SID in the study that introduced SWMH",
        home="the authors, by request",
        access="under a data-use agreement; the IMHI release holds the test split",
        agreement=True,
    ),
    reference=ReferenceRule(
        keywords=(
            ("depression", "depression"),
            ("suicide", "suicide"),
            ("ptsd", "ptsd"),
            ("no mental", "none"),
        ),
        default="none",
    ),
    released_order=("depression", "suicide", "ptsd", "none"),
    raw=by_split("{}.csv", ("train", "val", "test"), _GROUPS),
)
