"""What the yes/no tasks have in common."""

from mentallama.types import Label, ReferenceRule

REFERENCE = ReferenceRule(keywords=(("yes", "yes"), ("no", "no")), default="no")


def yes_no(
    yes: str, no: str, *, also_yes: tuple[str, ...] = (), also_no: tuple[str, ...] = ()
) -> tuple[Label, Label]:
    """Build the two labels from their statements, such as "the poster suffers from stress"."""
    return (
        Label(key="no", phrase=f"No, {no}.", completion="no", also=(no, *also_no)),
        Label(key="yes", phrase=f"Yes, {yes}.", completion="yes", also=(yes, *also_yes)),
    )


def suffers_from(condition: str) -> tuple[Label, Label]:
    """Build the labels of a task that asks whether the poster suffers from ``condition``."""
    return yes_no(
        f"the poster suffers from {condition}",
        f"the poster does not suffer from {condition}",
        also_yes=(f"the poster is suffering from {condition}",),
        also_no=(f"the poster is not suffering from {condition}",),
    )


def suffers_completion(condition: str) -> str:
    """Completion question of such a task; its grammar is the release's."""
    return f'The answer to the question "Does the poster suffers from {condition}?" is'
