"""Words that name what each task looks for: what a reader who only counts words goes by.

A trailing star stands for any ending. The lists serve the keyword baseline, and they define the
corpus's tag ``implicit``: a post with the condition and without any word of it. They are ours,
short on purpose, and not a lexicon of any disorder.
"""

import re
from functools import lru_cache

from mentallama.tasks import get_task
from mentallama.types import Task

_DEPRESSION = (
    "depress*, hopeless*, worthless*, miserable, empty, emptiness, numb*, sad, sadness, cry, "
    "cries, cried, crying, suicid*, antidepressant*, therap*"
)
_SUICIDE = (
    "suicid*, want to die, wanted to die, be dead, being dead, were dead, to exist, want to live, "
    "be alive"
)
_YES = {
    ("DR", None): _DEPRESSION,
    ("CLP", None): _DEPRESSION,
    ("dreaddit", None): (
        "stress*, anxi*, worr*, panic*, overwhelm*, pressure*, scared, nervous*, tense, tension, "
        "trembl*, freak*"
    ),
    ("loneliness", None): (
        "lonel*, alone, isolat*, friendless, ignored, left out, no friends, no one to talk, "
        "nobody to talk"
    ),
    ("Irf", "thwarted belongingness"): (
        "alone, lonely, nobody, no one, belong*, ignored, invisible, forgotten, unwanted, outsider"
    ),
    ("Irf", "perceived burdensomeness"): (
        "burden*, useless, worthless, weight, cost*, sorry, better off without, in the way"
    ),
    ("MultiWD", "spiritual"): (
        "god, faith, pray*, church, temple, mosque, soul, meaning, purpose, believ*, spirit*"
    ),
    ("MultiWD", "physical"): (
        "sleep*, slept, tired, pain*, sick, ill, eat*, ate, body, doctor, drink*, stomach, hospital"
    ),
    ("MultiWD", "intellectual"): (
        "stud*, school, exam*, learn*, read*, class*, think*, book*, college, university, writ*"
    ),
    ("MultiWD", "social"): (
        "friend*, family, mom, mum, dad, wife, husband, people, together, sister, brother"
    ),
    ("MultiWD", "vocational"): (
        "job*, work*, boss, money, career, fired, layoff, office, shift*, pay, rent, manager"
    ),
    ("MultiWD", "emotional"): (
        "feel*, felt, sad, cry*, cried, angry, happy, anxi*, scared, afraid, hate, love*"
    ),
}
_LABELS = {
    "swmh": {
        "anxiety": "anxi*, panic*, worr*, nervous",
        "bipolar": "bipolar, mania, manic, hypomani*, lithium",
        "depression": "depress*, hopeless*, worthless*, empty, numb*, cry, crying, sad",
        "suicide": _SUICIDE,
    },
    "t-sid": {
        "depression": _DEPRESSION,
        "ptsd": "ptsd, trauma*, flashback*, nightmare*",
        "suicide": _SUICIDE,
    },
    "SAD": {
        "school": "school, exam*, class*, homework, college, teacher*, assignment*, thesis, grade*",
        "financial": "money, rent, bill*, debt*, loan*, pay*, afford, broke, price*",
        "family": "family, mom, mum, dad, mother, father, sister, brother, parent*, son, daughter",
        "social": "friend*, boyfriend, girlfriend, dating, party, date",
        "work": "work*, boss, job*, shift*, manager, coworker*, office",
        "health": "sick, pain*, doctor, hospital, sleep*, ill, headache*, migraine, surgery, knee",
        "emotional": "cry*, sad, sadness, angry, anxi*, empty, upset, feeling*, lonely",
        "everyday": "decide, decision*, choose, choice, pick, dinner",
        "other": "traffic, covid, noise, weather, election",
    },
    "CAMS": {
        "bias": "abus*, bull*, racis*, sexis*, toxic, discriminat*, mock*",
        "job": "job*, work*, unemploy*, fired, career*, exam*, college, boss",
        "medication": "medication*, meds, pill*, tablet*, drug*, alcohol, drinking, dose*",
        "relationship": (
            "breakup, broke up, girlfriend, boyfriend, wife, husband, divorc*, ex, friend*"
        ),
        "alienation": "useless, meaning*, pointless, outcast, belong*, alone, nobody, worthless",
    },
}


def has_keywords(task: Task) -> bool:
    """Say whether there are words for a task; a user's own task has none."""
    return task.key in _LABELS or any(key == task.key for key, _ in _YES)


def find_keywords(task: Task, aspect: str | None, text: str) -> dict[str, int]:
    """Count the words of each label in a text; labels without a hit are left out."""
    counts = {
        label: len(pattern.findall(text)) for label, pattern in _patterns(task.key, aspect).items()
    }
    return {label: count for label, count in counts.items() if count}


def guess_by_keywords(task: Task, aspect: str | None, text: str) -> str:
    """Return the label whose words stand in a text most often; without any, no/none/other."""
    counts = find_keywords(task, aspect, text)
    return max(counts, key=lambda label: counts[label]) if counts else _without_words(task.key)


@lru_cache(maxsize=64)
def list_keywords(task: Task, aspect: str | None) -> re.Pattern[str]:
    """Return what finds every word of a question, whichever label it speaks for."""
    lists = _LABELS.get(task.key) or {"yes": _YES[task.key, aspect]}
    return _compile(", ".join(lists.values()))


@lru_cache(maxsize=64)
def _without_words(task: str) -> str:
    keys = {label.key for label in get_task(task).labels}
    return next(key for key in ("no", "none", "other") if key in keys)


@lru_cache(maxsize=64)
def _patterns(task: str, aspect: str | None) -> dict[str, re.Pattern[str]]:
    lists = _LABELS.get(task) or {"yes": _YES[task, aspect]}
    return {label: _compile(words) for label, words in lists.items()}


def _compile(words: str) -> re.Pattern[str]:
    terms = [re.escape(term).replace(r"\*", r"\w*") for term in words.split(", ")]
    return re.compile(rf"\b(?:{'|'.join(terms)})\b", re.IGNORECASE)
