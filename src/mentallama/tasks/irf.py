"""Irf: interpersonal risk factors on Reddit, annotated by people; one question per factor.

Example (invented): "they would all have a calmer dinner without me at the table"
-> perceived burdensomeness: yes.
"""

from mentallama.tasks._binary import REFERENCE, yes_no
from mentallama.types import Sizes, Source, Task

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
    aspects=("thwarted belongingness", "perceived burdensomeness"),
    sizes=Sizes(train=3943, valid=985, test=2113),
    source=Source(
        citation="Garg et al. 2023, an annotated dataset for interpersonal risk factors",
        home="GitHub drmuskangarg/Irf",
        access="public",
    ),
    reference=REFERENCE,
)
