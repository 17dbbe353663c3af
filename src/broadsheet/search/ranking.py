"""How candidates become an order, and the words for why: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SHORT_QUERY = 3
"""Up to so many words a query names a thing, and its words count for more."""
SHARE_SHORT = 0.65
SHARE_LONG = 0.5
SHARE_SIMILAR = 0.4
"""Shares of the words in the fused score, measured on the judged development sets."""


class Ranked(NamedTuple):
    """One candidate with its fused score (0 to 1) and what it is made of.

    `words` is its text score over the best text score (None: no word matches); `meaning` is its
    cosine (None: not known).
    """

    paper: int
    score: float
    words: float | None
    meaning: float | None


class Reason(NamedTuple):
    """Why a paper stands where it stands: `kind` for programs, `text` for people."""

    kind: str
    text: str
    value: float | None = None


def words_share(words: int) -> float:
    """Return the share that the text score has in the fused score of a query of so many words."""
    return SHARE_SHORT if words <= SHORT_QUERY else SHARE_LONG


def fuse(text: Mapping[int, float], meaning: Mapping[int, float], share: float) -> list[Ranked]:
    """Return all candidates by `share * text / best text + (1 - share) * cosine`, best first.

    The weighted sum of scores, not of ranks, as it was measured far better with a static model
    beside BM25. Equal scores stand in order of id, so the order never depends on the input's.
    """
    top = max(text.values(), default=0.0) or 1.0
    ranked = [_ranked(p, text.get(p), meaning.get(p), top, share) for p in text.keys() | meaning]
    return sorted(ranked, key=lambda r: (-r.score, r.paper))


def _ranked(
    paper: int, text: float | None, cosine: float | None, top: float, share: float
) -> Ranked:
    words = None if text is None else text / top
    score = share * (words or 0.0) + (1 - share) * max(cosine or 0.0, 0.0)
    return Ranked(paper, score, words, cosine)


def reasons(
    ranked: Ranked,
    in_title: Sequence[str],
    in_text: Sequence[str],
    share: float,
    text: str = "abstract",
) -> tuple[Reason, ...]:
    """Return why a hit is a hit, the weightier first: which words where, how near in meaning.

    `text` says what stands below the title: the abstract, or a summary.
    """
    found = []
    both = [w for w in in_title if w in in_text]
    for kind, where, words in (
        ("words", f"in title and {text}", both),
        ("title", "in the title", [w for w in in_title if w not in both]),
        (text, f"in the {text}", [w for w in in_text if w not in both]),
    ):
        if words:
            found.append(Reason(kind, f"{_listed(words)} {where}", ranked.words))
    if ranked.meaning is not None and ranked.meaning > 0:
        near = Reason("meaning", f"{_nearness(ranked.meaning)} in meaning", ranked.meaning)
        by_meaning = (1 - share) * ranked.meaning > share * (ranked.words or 0.0)
        found.insert(0 if by_meaning else len(found), near)
    return tuple(found)


def _listed(words: Sequence[str], most: int = 6) -> str:
    shown = [f"“{w}”" for w in words[:most]]
    rest = len(words) - len(shown)
    if rest:
        return ", ".join(shown) + f" and {rest} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


_DEGREES = ((0.6, "very near"), (0.35, "near"), (0.2, "distantly near"))


def _nearness(cosine: float) -> str:
    degree = next((words for least, words in _DEGREES if cosine >= least), "hardly near")
    return f"{degree} ({cosine:.2f})"
