"""Masking the words that give a label away, and as many others by chance to compare with.

``mask:conditions`` takes names of conditions, ``mask:groups`` those of forums, ``mask:disclosures``
what tells of a diagnosis or a treatment, ``mask:all`` these three, ``mask:keywords`` the question's
own words (``tasks/keywords.py``). ``chance:conditions`` masks as many words of the same post that
``mask:conditions`` leaves.
"""

import re
from random import Random

from mentallama.errors import InputError, nearest
from mentallama.tasks import get_task
from mentallama.tasks.keywords import list_keywords
from mentallama.types import Sample

MASK = "___"
_CONDITIONS = (
    "depress*, anxi*, bipolar, mania, manic, hypomani*, suicid*, self-harm*, self harm*, stress*, "
    "lonel*, ptsd, post-traumatic, trauma*, ocd, obsessive*, adhd, bpd, borderline, schizo*, "
    "psychosis, psychotic, panic attack*, panic disorder*, eating disorder*, anorexi*, bulimi*, "
    "autis*, addict*, burnout, burned out, mental illness*, mental disorder*, mental health"
)
_GROUPS = (
    "subreddit*, sub, reddit*, suicidewatch, depression_help, twitter, tumblr, facebook group*, "
    "support group*"
)
_DISCLOSURES = (
    "diagnos*, prescri*, medicat*, meds, antidepressant*, ssri*, therap*, psychiatr*, psycholog*, "
    "counsel*, disorder*, prozac, zoloft, lexapro, celexa, cymbalta, wellbutrin, effexor, xanax, "
    "klonopin, ativan, lithium, lamictal, seroquel, abilify, sertraline, fluoxetine, citalopram, "
    "escitalopram, mirtazapine, venlafaxine, buspirone, hospitali*"
)
_FORUM = r"/?\br/\w+"


def _compile(words: str, *more: str) -> re.Pattern[str]:
    terms = [re.escape(term).replace(r"\*", r"\w*") for term in words.split(", ")]
    return re.compile("|".join([*more, rf"\b(?:{'|'.join(terms)})\b"]), re.IGNORECASE)


PATTERNS = {
    "conditions": _compile(_CONDITIONS),
    "groups": _compile(_GROUPS, _FORUM),
    "disclosures": _compile(_DISCLOSURES),
    "all": _compile(f"{_CONDITIONS}, {_GROUPS}, {_DISCLOSURES}", _FORUM),
}
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def mask(sample: Sample, value: str) -> str:
    """Return a post's text with the listed words masked."""
    return _pattern(sample, value).sub(MASK, sample.post.text)


def mask_by_chance(sample: Sample, value: str, draw: Random) -> str:
    """Return a post's text with as many words masked as ``mask`` would, among those it leaves."""
    text, pattern = sample.post.text, _pattern(sample, value)
    listed = [found.span() for found in pattern.finditer(text)]
    free = [
        found.span()
        for found in _WORD.finditer(text)
        if not any(found.start() < end and start < found.end() for start, end in listed)
    ]
    # A term of several words is one mask, as is a word drawn here.
    for start, end in sorted(draw.sample(free, min(len(listed), len(free))), reverse=True):
        text = text[:start] + MASK + text[end:]
    return text


def _pattern(sample: Sample, value: str) -> re.Pattern[str]:
    if value == "keywords":
        return list_keywords(get_task(sample.post.task), sample.post.aspect)
    if value not in PATTERNS:
        known = (*PATTERNS, "keywords")
        raise InputError(f"alter: mask:{value}.{nearest(value, known) or f' Known: {known}.'}")
    return PATTERNS[value]
