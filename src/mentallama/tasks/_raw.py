"""What the raw layouts of the ten sources have in common."""

from mentallama.types import RawAnswer, RawFile, Split

Codes = tuple[tuple[str, str], ...]
YES_NO: Codes = (("1", "yes"), ("0", "no"))
_SPLITS: tuple[Split, ...] = ("train", "valid", "test")


def by_split(pattern: str, names: tuple[str, str, str], codes: Codes) -> tuple[RawFile, ...]:
    """Lay out a source of three CSV files with the columns text and label.

    Sources that are shared by their authors alone come in no public layout; this is the one that
    the project expects.
    """
    answers = (RawAnswer(column="label", codes=codes),)
    return tuple(
        RawFile(path=pattern.format(name), split=split, text=("text",), answers=answers)
        for split, name in zip(_SPLITS, names, strict=True)
    )
