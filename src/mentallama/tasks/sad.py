"""SAD: causes of everyday stress in text messages, annotated by people.

Example (invented): "mum and dad are not speaking again" -> family.
"""

from mentallama.types import Label, RawAnswer, RawFile, ReferenceRule, Sizes, Source, Task


def _cause(key: str, name: str, *also: str, completion: str | None = None) -> Label:
    phrase = f"This post shows the stress cause related to {name}."
    return Label(key=key, phrase=phrase, completion=completion or name, also=(name, *also))


_NAMES = (
    ("School", "school"),
    ("Financial Problem", "financial"),
    ("Family Issues", "family"),
    ("Social Relationships", "social"),
    ("Work", "work"),
    ("Health, Fatigue, or Physical Pain", "health"),
    ("Emotional Turmoil", "emotional"),
    ("Everyday Decision Making", "everyday"),
    ("Other", "other"),
)

TASK = Task(
    key="SAD",
    title="Stress cause (SAD)",
    platform="SMS",
    annotation="human",
    labels=(
        _cause("school", "school"),
        _cause("financial", "financial problem", "financial problems", "financial issues"),
        _cause("family", "family issues", "family issue", "family problems", "family"),
        _cause("social", "social relationships", "social relationship"),
        _cause("work", "work"),
        _cause("health", "health issues", "health issue", "health problems", "health"),
        _cause("emotional", "emotion turmoil", completion="emotional turmoil"),
        _cause("everyday", "everyday decision making", "everyday decision-making"),
        Label(
            key="other",
            phrase="This post shows other stress causes.",
            completion="other causes",
            also=("other stress causes", "other"),
        ),
    ),
    question="What is the stress cause of this post?",
    completion_question="This post shows the stress cause of",
    stems=(
        "This post shows the stress cause related to",
        "This post shows the stress cause of",
        "The stress cause of this post is",
        "The stress cause is",
        "This post shows",
    ),
    sizes=Sizes(train=5547, valid=616, test=684),
    source=Source(
        citation="Mauriello et al. 2021, SAD: A Stress Annotated Dataset",
        home="GitHub PervasiveWellbeingTech/Stress-Annotated-Dataset-SAD",
        access="public (MIT)",
    ),
    reference=ReferenceRule(
        keywords=(
            ("school", "school"),
            ("financial", "financial"),
            ("family", "family"),
            ("social", "social"),
            ("work", "work"),
            ("health", "health"),
            ("emotional", "emotional"),
            ("decision", "everyday"),
            ("other", "other"),
        ),
        default="other",
    ),
    raw=(
        RawFile(
            path="SAD_v1.zip",
            text=("sentence",),
            # The release's labels are those of this column (99.6 % of its rows), not the raters'
            # vote in top_label (58.7 % of the test rows).
            answers=(RawAnswer(column="original_label", codes=_NAMES),),
        ),
    ),
)
