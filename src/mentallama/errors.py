"""What can go wrong, in the user's words: where, what was found, what to do.

Messages never carry the text of a post; they name the file and the row instead.
"""

import difflib
from collections.abc import Iterable


class MentallamaError(Exception):
    """Base of all errors that a user can mend; printed as one line, without a traceback."""

    exit_code = 2


class InputError(MentallamaError):
    """A file, folder, value or option is not what it should be."""


def first_line(error: Exception) -> str:
    """Return the first line of a library's message, or the error's kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known word closest to ``word``, or an empty string."""
    by_fold = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.5)
    return f" Did you mean '{by_fold[close[0]]}'?" if close else ""


class CheckError(MentallamaError):
    """A check looked at something and said no."""

    exit_code = 1
