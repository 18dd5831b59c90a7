"""Swapping gender, age or region in any post by lists of words: a label should not move.

Rough where language is: "her" becomes "his" before a word that it may belong to, else "him"; all
people of a post change their gender together, so that couples stay what they were. Ages are
written as numbers; under 45 they grow by 25 years, above they shrink by as many.
"""

import re

from mentallama.errors import InputError, nearest
from mentallama.studies.changes.texts import in_case, replace_words

_GENDER = (
    "he she, himself herself, man woman, men women, boy girl, boys girls, boyfriend girlfriend, "
    "boyfriends girlfriends, husband wife, husbands wives, father mother, fathers mothers, dad "
    "mom, dads moms, daddy mommy, brother sister, brothers sisters, son daughter, sons daughters, "
    "uncle aunt, nephew niece, grandfather grandmother, grandpa grandma, grandson granddaughter, "
    "stepdad stepmom, stepfather stepmother, male female, males females, groom bride, policeman "
    "policewoman, fiancé fiancée, mr mrs, gentleman lady"
)
_ALSO = {"mum": "dad", "mums": "dads", "mummy": "daddy", "ms": "mr"}
_REGION = (
    "america nigeria, american nigerian, americans nigerians, usa ghana, england india, english "
    "indian, britain kenya, british kenyan, canada brazil, canadian brazilian, australia jamaica, "
    "australian jamaican, ireland croatia, irish croatian, scotland morocco, scottish moroccan, "
    "wales kerala, germany egypt, german egyptian, france peru, french peruvian, london lagos, "
    "leeds lima, manchester mumbai, glasgow chennai, texas punjab, ohio gujarat, florida manila, "
    "california cairo, chicago nairobi, toronto accra, boston karachi, seattle hanoi, oslo tunis, "
    "munich amman, chinese spanish, japanese italian, japan italy, korean swedish, mexico "
    "finland, mexican finnish"
)
_DECADES = "twenties fifties, thirties sixties, forties seventies, youngest oldest, younger older"


def _both_ways(pairs: str) -> dict[str, str]:
    two = [pair.split() for pair in pairs.split(", ")]
    return {old: new for one, other in two for old, new in ((one, other), (other, one))}


GENDER = {**_both_ways(_GENDER), **_ALSO}
REGION = _both_ways(_REGION)
AGE = {**_both_ways(_DECADES), "teenager": "pensioner", "pensioner": "teenager"}
PRONOUNS = {"her": ("his", "him"), "his": ("her", "hers"), "him": ("her", "her")}
PRONOUNS["hers"] = ("his", "his")
"""Counterparts before what is owned, and elsewhere."""
_LETTERS = str.maketrans("MFmf", "FMfm")
ATTRIBUTES = ("gender", "age", "region")
_YEARS, _GROWN = 25, 45
_NOT_OWNED = (
    "to|and|or|but|in|on|at|for|with|that|when|because|so|if|as|is|was|again|back|out|off|up|down|"
    "about|from|by|all|very|too|not|i|we|he|she|they|it|how|what|who|where|why|until|after|before|"
    "while|more|since|last|yesterday|today|once|every|anymore|now|then|there|here"
)
_OWNED = re.compile(rf"\s+(?!(?:{_NOT_OWNED})\b)[a-z]", re.IGNORECASE)
_GENDERED = re.compile(rf"\b(?:{'|'.join([*GENDER, *PRONOUNS])})\b", re.IGNORECASE)
_SEX = re.compile(r"(?<=\b\d\d)[MF]\b|(?<=[\[(])[MFmf](?=\d\d[\])])|(?<=[\[(]\d\d)[mf](?=[\])])")
_AGE = re.compile(
    r"(?P<before>\b(?:i['\u2019]?m|i am|aged?|turned) |[\[(][mf])?"
    r"(?<![\d.$£€:/-])(?P<years>[1-9]\d)"
    r"(?P<after>[ -]?(?:years?[ -]olds?|y/?o|yrs? old)\b|[mf]\b)?"
    r"(?![\d%:/-]|[.,]\d| (?:min|hour|day|week|month|pound|lb|kg|mile|percent|k\b))",
    re.IGNORECASE,
)


def swap(text: str, attribute: str) -> str:
    """Return a text with the words of one attribute exchanged."""
    match attribute:
        case "gender":
            return _SEX.sub(lambda found: found[0].translate(_LETTERS), _GENDERED.sub(_other, text))
        case "age":
            return _AGE.sub(_other_age, replace_words(text, AGE))
        case "region":
            return replace_words(text, REGION)
    hint = nearest(attribute, ATTRIBUTES) or f" Known: {', '.join(ATTRIBUTES)}."
    raise InputError(f"alter: swap:{attribute}.{hint}")


def _other(found: re.Match[str]) -> str:
    """Return the counterpart of a gendered word; what follows decides on "her" and "his"."""
    word = found[0].lower()
    owned = _OWNED.match(found.string, found.end()) is not None
    if word in PRONOUNS:
        return in_case(found[0], PRONOUNS[word][0 if owned else 1])
    return in_case(found[0], GENDER[word])


def _other_age(found: re.Match[str]) -> str:
    before, years, after = (found[name] or "" for name in ("before", "years", "after"))
    if not before and not after:
        return found[0]
    age = int(years) + (_YEARS if int(years) < _GROWN else -_YEARS)
    return f"{before}{age}{after}"
