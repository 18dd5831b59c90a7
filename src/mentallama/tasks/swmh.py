"""swmh: mental disorders on Reddit, weakly labelled by subreddit.

Example (invented): "my heart races before every single phone call" -> anxiety.
"""

from mentallama.tasks._raw import by_split
from mentallama.types import Label, ReferenceRule, Sizes, Source, Task


def _symptoms(name: str, *, key: str | None = None, also: tuple[str, ...] = ()) -> Label:
    phrase = f"This post shows mental disorder symptoms related to {name}."
    return Label(key=key or name, phrase=phrase, completion=name, also=also)


_SUBREDDITS = (
    ("self.Anxiety", "anxiety"),
    ("self.bipolar", "bipolar"),
    ("self.depression", "depression"),
    ("self.SuicideWatch", "suicide"),
    ("self.offmychest", "none"),
)

TASK = Task(
    key="swmh",
    title="Mental disorders (SWMH)",
    platform="Reddit",
    annotation="weak",
    labels=(
        _symptoms("anxiety"),
        _symptoms("bipolar disorder", key="bipolar", also=("bipolar",)),
        _symptoms("depression"),
        _symptoms("suicide", also=("suicidal ideation",)),
        Label(
            key="none",
            phrase="This post shows no mental disorder symptoms.",
            completion="no mental disorder symptoms",
            also=("no mental disorders", "no mental disorder", "none"),
        ),
    ),
    question="What mental disorder symptoms does this post show?",
    # The completion wording of this set has not been seen; the reader takes what the file says.
    completion_question=None,
    stems=(
        "This post shows mental disorder symptoms related to",
        "This post shows the mental disorder symptoms of",
        "This post shows symptoms of",
        "This post shows",
    ),
    sizes=Sizes(train=34822, valid=8705, test=10882),
    source=Source(
        citation="Ji et al. 2022, Suicidal Ideation and Mental Disorder Detection (SWMH)",
        home="Zenodo, by request to the authors",
        access="under a data-use agreement; the IMHI release holds the test split",
        agreement=True,
    ),
    reference=ReferenceRule(
        keywords=(
            ("no mental", "none"),
            ("suicide", "suicide"),
            ("depression", "depression"),
            ("anxiety", "anxiety"),
            ("bipolar", "bipolar"),
        ),
        default="none",
    ),
    released_order=("depression", "suicide", "anxiety", "bipolar", "none"),
    raw=by_split("{}.csv", ("train", "val", "test"), _SUBREDDITS),
)
