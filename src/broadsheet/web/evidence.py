"""Decisions in words, and near misses side by side. Pure."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

from broadsheet.collection.decisions import Decision
from broadsheet.papers.duplicates import NearMiss
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Paper
from broadsheet.web import views
from broadsheet.web.views import Link, Piece, clip

EXCERPT = 420
TITLE = 300
NAMES = 8
_TEXT = 200


class Told(NamedTuple):
    """A decision as pages tell it: `words` may lead to the papers that they name."""

    number: int
    words: list[Link]
    note: str
    made: str
    undone: str | None


def told(found: Decision) -> Told:
    """Return a decision in words: what was done, or that it is undone."""
    return Told(
        found.id,
        _undone(found) if found.undone else _made(found),
        clip(found.note, 500),
        found.made[:10],
        found.undone and found.undone[:10],
    )


def notice(made: Iterable[Decision], number: int | None) -> Told | None:
    """Return the decision with a number as a notice; None if it is not among `made`."""
    return next((told(d) for d in made if d.id == number), None)


def _made(found: Decision) -> list[Link]:
    paper, other = _link(found.paper), _link(found.other)
    match found.kind:
        case "merge":
            return [other, _text(" is now part of "), paper, _text(".")]
        case "split":
            records = ", ".join(f"{source}:{key}" for source, key in found.records)
            return [
                _text(f"{clip(records, _TEXT)} is now "), other, _text(", apart from "), paper,
                _text("."),
            ]  # fmt: skip
        case "apart":
            return [paper, _text(" and "), other, _text(" stay two papers.")]


def _undone(found: Decision) -> list[Link]:
    paper, other = _link(found.paper), _link(found.other)
    begin = _text(f"Decision {found.id} is undone: ")
    match found.kind:
        case "merge":
            return [begin, paper, _text(" and "), other, _text(" are two papers again.")]
        case "split":
            return [begin, other, _text(" is part of "), paper, _text(" again.")]
        case "apart":
            return [begin, paper, _text(" and "), other, _text(" may be the same again.")]


def _link(paper: int) -> Link:
    return Link(format_paper_id(paper), f"/paper/{format_paper_id(paper)}")


def _text(words: str) -> Link:
    return Link(words, None)


# ---------------------------------------------------------------------------- near misses


class Side(NamedTuple):
    """One of two papers: in its title is marked what the other's does not have."""

    id: str
    title: list[Piece]
    facts: list[tuple[str, str]]
    text: str


class Pair(NamedTuple):
    """Two papers that may be one, with what speaks for it."""

    one: Side
    other: Side
    reasons: list[str]
    score: float


def pair(found: NearMiss) -> Pair:
    """Return two papers side by side."""
    one, other = differences(clip(found.one.title, TITLE), clip(found.other.title, TITLE))
    return Pair(
        _side(found.one, one),
        _side(found.other, other),
        [clip(reason, _TEXT) for reason in found.reasons],
        found.score,
    )


def _side(paper: Paper, title: list[Piece]) -> Side:
    names = [clip(name, 80) for name in paper.authors[:NAMES]]
    more = len(paper.authors) - len(names)
    facts = (
        ("Authors", ", ".join(names) + (f" and {more:,} more" if more > 0 else "")),
        ("Year", str(paper.year or "")),
        ("Venue", clip(paper.venue, 120)),
        ("Day", views.day_in_words(paper.day) if paper.day and "-" in paper.day else ""),
        ("Ids", ", ".join(clip(str(i), 80) for i in paper.external_ids[:6])),
        ("Sources", ", ".join(clip(s, 40) for s in paper.sources[:8])),
    )
    text = paper.abstract or paper.summary
    return Side(format_paper_id(paper.id), title, [f for f in facts if f[1]], clip(text, EXCERPT))


def differences(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Return two texts in pieces, marked where the other has other words; case does not matter."""
    left, right = one.split(), other.split()
    matcher = SequenceMatcher(
        None, [w.casefold() for w in left], [w.casefold() for w in right], autojunk=False
    )
    mine: list[Piece] = []
    others: list[Piece] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        _add(mine, left[a:b], is_marked=tag != "equal")
        _add(others, right[c:d], is_marked=tag != "equal")
    return mine, others


def _add(pieces: list[Piece], words: list[str], *, is_marked: bool) -> None:
    if words:
        if pieces:
            pieces.append((False, " "))
        pieces.append((is_marked, " ".join(words)))
