"""Folding of titles, names and abstracts into forms that can be compared."""

from __future__ import annotations

import re
import unicodedata

_TEX_DRESS = re.compile(
    r"\\(?:text\w*|math\w*|operatorname|emph|mbox|bf|it|rm|tt|sc|sf|em|cal|displaystyle|left|right)"
    r"(?![a-zA-Z])"
)
_TEX_ACCENT = re.compile(r"""\\["'`^~=.](?![a-zA-Z]{2})|\\[uvhtcdbkr](?=\{| [a-z](?![a-z]))""")
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
_NOT_WORD = re.compile(r"[\W_]+")
_SPACES = re.compile(r"\s+")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ud800-\udfff]"
)

# Signs that one source writes as a sign and another as the name of its TeX command.
_SIGNS = {
    "·": "cdot", "⋅": "cdot", "×": "times", "∞": "infty", "≤": "leq", "≥": "geq", "→": "to",
    "±": "pm", "∈": "in", "≈": "approx", "√": "sqrt", "∂": "partial", "∇": "nabla", "ß": "ss",
    "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
_SIGN_TABLE = str.maketrans(_SIGNS)
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})


def clean(text: str) -> str:
    """Return `text` on one line: no control or direction characters, single spaces."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return _SPACES.sub(" ", _CONTROL.sub(" ", text)).strip()


def fold(text: str) -> str:
    """Return `text` without accents and case, with Greek letters and signs spelled out."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_SIGN_TABLE)
    return "".join(c for c in folded if not unicodedata.combining(c))


def title_key(title: str) -> str:
    r"""Return what is left of a title when TeX, accents, case, spaces and punctuation are gone.

    `HyperZ$\cdot$Z`, `HyperZ·Z` and `HyperZcdotZ` have one key. A title in a script without
    Latin letters keeps its own letters. The empty string means that nothing is left.
    """
    folded = fold(title)
    if "\\" in folded:
        folded = _TEX_ACCENT.sub("", _TEX_DRESS.sub(" ", folded))
    if folded.isascii():
        return _NOT_ALNUM.sub("", folded)
    return _NOT_WORD.sub("", folded)


def surname(author: str) -> str:
    """Return the folded surname of `Ada B. Lovelace`, `Lovelace, Ada` or `A. van der Berg Jr.`."""
    head, comma, _ = author.partition(",")
    words = [w for w in re.split(r"[\s.]+", fold(head if comma else author)) if w]
    while len(words) > 1 and words[-1].strip("()") in _SUFFIXES:
        words.pop()
    return _NOT_WORD.sub("", words[-1]) if words else ""


def surnames(authors: tuple[str, ...]) -> frozenset[str]:
    """Return the folded surnames of `authors`, empty ones left out."""
    return frozenset(filter(None, map(surname, authors)))


def shingles(text: str, width: int = 3) -> frozenset[str]:
    """Return the runs of `width` folded words in `text`; the whole text if it is shorter."""
    words = _NOT_WORD.sub(" ", fold(text)).split()
    if len(words) <= width:
        return frozenset({" ".join(words)}) if words else frozenset()
    return frozenset(" ".join(words[i : i + width]) for i in range(len(words) - width + 1))


def overlap(one: str, other: str) -> float:
    """Return the share (0 to 1) of the shorter text's three-word runs that the other has too."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0
