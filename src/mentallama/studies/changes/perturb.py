"""Small changes that must not change a label: what the same person might have typed instead.

None of them adds, takes away or negates anything that is said. A value behind the colon sets how
much ("typos:0.1"), where there is something to set.
"""

import re
from collections.abc import Callable
from random import Random

from mentallama.errors import InputError
from mentallama.studies.changes.texts import in_case, replace_words

Perturbation = Callable[[str, str, Random], str]
"""Text, value behind the colon (or empty) and draws to text."""

_SHARE = 0.05
"""Share of the longer words that a typo or a long vowel hits, one at least."""
_LONGER = 4
_WORD = re.compile(r"[A-Za-z]+")
_SPELLINGS = (
    "colour color, favour favor, favourite favorite, honour honor, humour humor, labour labor, "
    "neighbour neighbor, neighbours neighbors, behaviour behavior, rumour rumor, grey gray, "
    "centre center, theatre theater, metre meter, mum mom, mums moms, realise realize, realised "
    "realized, realising realizing, organise organize, organised organized, recognise recognize, "
    "recognised recognized, apologise apologize, apologised apologized, criticise criticize, "
    "criticised criticized, emphasise emphasize, socialise socialize, socialising socializing, "
    "hospitalised hospitalized, traumatised traumatized, analyse analyze, paralysed paralyzed, "
    "travelled traveled, travelling traveling, cancelled canceled, cancelling canceling, labelled "
    "labeled, counselling counseling, counsellor counselor, fulfil fulfill, enrol enroll, pyjamas "
    "pajamas, jewellery jewelry, mould mold, sceptical skeptical, whilst while, amongst among, "
    "towards toward, learnt learned, dreamt dreamed, spelt spelled, diarrhoea diarrhea, anaemic "
    "anemic, paediatrician pediatrician, programme program, cosy cozy, doughnut donut, aeroplane "
    "airplane, aluminium aluminum, storey story, catalogue catalog, dialogue dialog, defence "
    "defense, offence offense, practise practice, tyre tire, kerb curb, maths math"
)
_ONE_WAY = {"storey", "practise", "programme", "tyre", "kerb", "metre", "whilst"}
"""Whose American spelling is another word in Britain: never written the British way."""
_PAIRS = [(one.split()[0], one.split()[1]) for one in _SPELLINGS.split(", ")]
AMERICAN: dict[str, str] = dict(_PAIRS)
BRITISH = {american: british for british, american in _PAIRS if british not in _ONE_WAY}
_WRITTEN_OUT = {"won't": "will not", "can't": "cannot", "shan't": "shall not", "let's": "let us"}
_WRITTEN_OUT |= {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'m": " am"}
_CONTRACTION = re.compile(
    r"\b(?:(?:wo|ca|sha)n['\u2019]t|let['\u2019]s)\b|(?<=[a-z])(?:n['\u2019]t|['\u2019](?:re|ve|ll|m))\b",
    re.IGNORECASE,
)
NEUTRAL = (
    "Typing this on my phone.",
    "Thanks for reading.",
    "Edit: fixed the formatting.",
    "First time writing here.",
    "I will check the replies later.",
)
EMOJI = ("\N{MEMO}", "\N{MOBILE PHONE}", "\N{PUSHPIN}", "\N{OPEN BOOK}", "\N{PAPERCLIP}")


def perturb(name: str, text: str, value: str, draw: Random) -> str:
    """Return a text with one kind of change, the same for the same draws."""
    return PERTURBATIONS[name](text, value, draw)


def _typos(text: str, value: str, draw: Random) -> str:
    return _hit(text, _share("typos", value), draw, _mistype)


def _mistype(word: str, draw: Random) -> str:
    """Swap two inner letters that differ, or drop or double one; the first and last stay."""
    place = draw.randrange(1, len(word) - 2)
    first, second = word[place], word[place + 1]
    kinds = [second + first] if first != second else []
    return word[:place] + draw.choice([*kinds, second, first + first + second]) + word[place + 2 :]


def _elongation(text: str, value: str, draw: Random) -> str:
    return _hit(text, _share("elongation", value), draw, _stretch)


def _stretch(word: str, draw: Random) -> str:
    """Write the last vowel of a word, if it has one, three times more."""
    vowels = [place for place, letter in enumerate(word) if letter in "aeiou"]
    return word[: vowels[-1]] + 4 * word[vowels[-1]] + word[vowels[-1] + 1 :] if vowels else word


def _hit(text: str, share: float, draw: Random, change: Callable[[str, Random], str]) -> str:
    words = [found for found in _WORD.finditer(text) if len(found[0]) >= _LONGER]
    chosen = draw.sample(words, min(len(words), max(1, round(share * len(words)))))
    for found in sorted(chosen, key=lambda one: -one.start()):
        text = text[: found.start()] + change(found[0], draw) + text[found.end() :]
    return text


def _share(name: str, value: str) -> float:
    try:
        share = float(value or _SHARE)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise InputError(f"alter: {name}:{value}: expected a share of words, above 0 and up to 1")
    return share


def _casing(text: str, value: str, draw: Random) -> str:
    if value not in ("", "lower", "upper"):
        raise InputError(f"alter: casing:{value}: expected lower or upper")
    return text.upper() if value == "upper" else text.lower()


def _punctuation(text: str, value: str, draw: Random) -> str:
    """Take away what ends and parts sentences; apostrophes, hyphens and quotes stay."""
    return re.sub(r"[.,;:!?…]+(?=\s|$)", "", text)


def _contractions(text: str, value: str, draw: Random) -> str:
    """Write contractions out; 's and 'd, which may stand for two things, stay."""

    def write_out(found: re.Match[str]) -> str:
        short = found[0].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        return in_case(found[0], _WRITTEN_OUT[short])

    return _CONTRACTION.sub(write_out, text)


def _spelling(text: str, value: str, draw: Random) -> str:
    """Write each listed word as the other side of the Atlantic does."""
    return replace_words(text, {**BRITISH, **AMERICAN})


def _neutral(text: str, value: str, draw: Random) -> str:
    end = "" if re.search(r"[.!?…)\"]\s*$", text) else "."
    return f"{text.rstrip()}{end} {draw.choice(NEUTRAL)}"


def _spaces(text: str, value: str, draw: Random) -> str:
    """Double about every tenth space and break the line at some."""
    return re.sub(r"(?<=\S) (?=\S)", lambda _: draw.choices((" ", "  ", "\n"), (18, 1, 1))[0], text)


def _emoji(text: str, value: str, draw: Random) -> str:
    return f"{text.rstrip()} {draw.choice(EMOJI)}"


PERTURBATIONS: dict[str, Perturbation] = {
    "typos": _typos,
    "casing": _casing,
    "punctuation": _punctuation,
    "elongation": _elongation,
    "contractions": _contractions,
    "spelling": _spelling,
    "neutral-sentence": _neutral,
    "spaces": _spaces,
    "emoji": _emoji,
}
