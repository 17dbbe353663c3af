"""Ways in which people write a query otherwise than its paper is written: pure.

Each takes a text and random numbers and returns the text changed, or as it was where it has
nothing of the kind. The same random numbers change it in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from string import ascii_lowercase

_WORD = re.compile(r"[^\W\d_]+")
_LONG = re.compile(r"[^\W\d_]{5,}")
_HYPHEN = re.compile(r"(?<=\w)[-\u2010\u2011](?=\w)")
_NEIGHBOURS = re.compile(r"\b[^\W\d_]{4,} (?=[^\W\d_]{4,}\b)")
_NO_PLURAL = re.compile(r"(?i)(?:ss|us|is|as|ics|s's)$")
_FEWEST = 4
"""Words of fewer letters are mostly no nouns, and have no other number."""

Change = Callable[[str, Random], str]


def _shuffled(text: str, draws: Random) -> str:
    words = text.split()
    draws.shuffle(words)
    return " ".join(words)


def _upper(text: str, _draws: Random) -> str:
    return text.upper()


def _lower(text: str, _draws: Random) -> str:
    return text.lower()


def _other_number(text: str, draws: Random) -> str:
    """Make one word plural that is singular, or singular that is plural."""
    return _in_one(text, [m for m in _WORD.finditer(text) if _has_number(m[0])], _number, draws)


def _has_number(word: str) -> bool:
    return len(word) >= _FEWEST and not _NO_PLURAL.search(word)


def _number(word: str, _draws: Random) -> str:
    for plural, singular in (("ies", "y"), ("ches", "ch"), ("xes", "x"), ("s", "")):
        if word.endswith(plural):
            return word.removesuffix(plural) + singular
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("ch", "sh", "x", "z")) else "s")


def _hyphens_to_spaces(text: str, _draws: Random) -> str:
    return _HYPHEN.sub(" ", text)


def _hyphens_gone(text: str, _draws: Random) -> str:
    return _HYPHEN.sub("", text)


def _hyphen_added(text: str, draws: Random) -> str:
    """Join two neighbouring words by a hyphen."""
    places = list(_NEIGHBOURS.finditer(text))
    return _in_one(text, places, lambda found, _: found[:-1] + "-", draws)


def _replaced(word: str, draws: Random) -> str:
    at = draws.randrange(1, len(word))
    others = [c for c in ascii_lowercase if c != word[at].lower()]
    return word[:at] + draws.choice(others) + word[at + 1 :]


def _missing(word: str, draws: Random) -> str:
    at = draws.randrange(1, len(word))
    return word[:at] + word[at + 1 :]


def _doubled(word: str, draws: Random) -> str:
    at = draws.randrange(1, len(word))
    return word[:at] + word[at] + word[at:]


def _swapped(word: str, draws: Random) -> str:
    places = [at for at in range(1, len(word) - 1) if word[at] != word[at + 1]]
    if not places:
        return word
    at = draws.choice(places)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _wrong_letter(change: Change) -> Change:
    """Return what changes one word of five letters or more; people seldom mistype the first."""
    return lambda text, draws: _in_one(text, list(_LONG.finditer(text)), change, draws)


def _in_one(text: str, places: Sequence[re.Match[str]], change: Change, draws: Random) -> str:
    if not places:
        return text
    place = draws.choice(places)
    return text[: place.start()] + change(place[0], draws) + text[place.end() :]


# ---------------------------------------------------------------------------- spelling

_IZE = (
    "normal|optim|general|organ|character|recogn|util|minim|maxim|summar|visual|initial|categor|"
    "special|local|factor|parameter|token|random|emphas|regular|real|standard|penal|stabil|"
    "discret|personal|quant|synthes|vector|linear|binar|diagonal|polar|memor|final|formal"
)
_ISE_WORD = re.compile(rf"(?i)\b((?:(?:re|un|pre|de)-?)?(?:{_IZE})i)s(?=[eia])")
_IZE_WORD = re.compile(rf"(?i)\b((?:(?:re|un|pre|de)-?)?(?:{_IZE})i)z(?=[eia])")
_AMERICAN = {
    "colour": "color", "coloured": "colored", "colouring": "coloring",
    "behaviour": "behavior", "behavioural": "behavioral", "favour": "favor",
    "neighbour": "neighbor", "neighbouring": "neighboring", "labour": "labor",
    "neighbourhood": "neighborhood", "tumour": "tumor", "vapour": "vapor",
    "modelling": "modeling", "modelled": "modeled", "labelling": "labeling",
    "labelled": "labeled", "unlabelled": "unlabeled", "signalling": "signaling",
    "travelling": "traveling", "analyse": "analyze", "analysed": "analyzed",
    "analysing": "analyzing", "centre": "center", "centred": "centered", "fibre": "fiber",
    "catalogue": "catalog", "dialogue": "dialog", "grey": "gray", "defence": "defense",
    "anaemia": "anemia", "oedema": "edema", "haemoglobin": "hemoglobin",
    "paediatric": "pediatric", "artefact": "artifact", "ageing": "aging",
}  # fmt: skip
_BRITISH = {american: british for british, american in _AMERICAN.items()}
# Analyses are mostly several of an analysis, and written so everywhere.
_BRITISH_WORD = re.compile(rf"(?i)\b(?!analyses\b)(?:{'|'.join(_AMERICAN)})(?=s?\b)")
_AMERICAN_WORD = re.compile(rf"(?i)\b(?:{'|'.join(_BRITISH)})(?=s?\b)")


def british(text: str, _draws: Random | None = None) -> str:
    """Return a text with American spellings made British."""
    return _AMERICAN_WORD.sub(lambda m: _cased(m[0], _BRITISH), _IZE_WORD.sub(r"\1s", text))


def american(text: str, _draws: Random | None = None) -> str:
    """Return a text with British spellings made American."""
    return _BRITISH_WORD.sub(lambda m: _cased(m[0], _AMERICAN), _ISE_WORD.sub(r"\1z", text))


def _cased(word: str, other: dict[str, str]) -> str:
    made = other[word.lower()]
    return made.capitalize() if word[0].isupper() else made


def _other_spelling(text: str, draws: Random) -> str:
    """Write a text as on the other side of the ocean: British, unless it is so already."""
    made = british(text, draws)
    return american(text, draws) if made == text else made


KINDS: dict[str, Change] = {
    "order of words": _shuffled,
    "upper case": _upper,
    "lower case": _lower,
    "plural or singular": _other_number,
    "hyphens to spaces": _hyphens_to_spaces,
    "hyphens gone": _hyphens_gone,
    "hyphen added": _hyphen_added,
    "letter replaced": _wrong_letter(_replaced),
    "letter missing": _wrong_letter(_missing),
    "letter doubled": _wrong_letter(_doubled),
    "letters swapped": _wrong_letter(_swapped),
    "other spelling": _other_spelling,
}
"""What people do to a query, and how."""


def perturbed(kind: str, text: str, seed: int = 5) -> str:
    """Return `text` changed in the way of `kind`, the same for the same `seed`."""
    return KINDS[kind](text, Random(f"{seed} {kind} {text}"))  # noqa: S311 (nothing is secret)
