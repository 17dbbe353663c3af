"""What a source's own listings of a day count, beside what is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from broadsheet.collection.harvests import Beside
from broadsheet.library import Library
from broadsheet.papers.categories import category_label
from broadsheet.papers.types import ExternalId
from broadsheet.web import front, views
from broadsheet.web.views import Link, clip, in_words

if TYPE_CHECKING:
    from broadsheet.harvest.reconcile import Reconciliation

ROOM = 50_000
"""Bytes of a page that the differing papers may take."""
CATEGORIES = 150
"""Listings of a day that its page shows; arXiv has about as many categories."""
NAMED = 6
"""Categories that the foot of an edition names."""
_FRAME = 160
_COUNTED: Final = {"new": "new", "cross": "cross-listed"}


# ---------------------------------------------------------------------------- reading


class Days(NamedTuple):
    """A day with listings, and the nearest ones before and after it that have some, too."""

    day: str
    before: str | None
    after: str | None


def days_round(library: Library, day: str | None) -> Days | None:
    """Return a day and the days with listings round it, without one the newest that has any.

    None if there are no listings at all.
    """
    days = library.listed_days()
    if not days:
        return None
    shown = day or days[-1]
    before = [d for d in days if d < shown]
    after = [d for d in days if d > shown]
    return Days(shown, before[-1] if before else None, after[0] if after else None)


# ---------------------------------------------------------------------------- in words


def foot(found: Sequence[Beside]) -> str:
    """Return in one sentence what listings of a day count beside what is here; "" without any."""
    some = [c for c in found if c.listed]
    if not some:
        return ""
    source = views.source_name(some[0].source)
    if len(some) == 1:
        only = some[0]
        lists = f"{source} lists {only.listed:,} new in {clip(only.category, 40)}"
        return f"{lists}; {only.here:,} {'is' if only.here == 1 else 'are'} here."
    named = [f"{c.listed:,} in {clip(c.category, 40)} ({c.here:,} here)" for c in some[:NAMED]]
    if len(some) > NAMED:
        named.append(f"more in {len(some) - NAMED} other categories")
    return f"{source} lists as new {in_words(named)}."


class Named(NamedTuple):
    """A paper that differs: where it is to be seen, and what else is known of it."""

    link: Link
    note: Link | None = None


class Group(NamedTuple):
    """Papers that differ in the same way; `more` have no room on the page."""

    words: str
    papers: list[Named]
    more: int


class Compared(NamedTuple):
    """A listing beside what is here; `groups` name how they differ."""

    label: str
    words: str
    agrees: bool
    groups: list[Group]


def compared(found: Iterable[Reconciliation]) -> list[Compared]:
    """Return the listings of a day in words, with as many differing papers as a page has room."""
    shown, room = [], ROOM
    for one in list(found)[:CATEGORIES]:
        groups = []
        for words, papers in _groups(one):
            fitting = list(views.fitting(papers, room, _weight))
            room -= sum(map(_weight, fitting))
            groups.append(Group(words, fitting, len(papers) - len(fitting)))
        label = clip(category_label(one.category), 120)
        shown.append(Compared(label, _account(one), one.agrees, groups))
    return shown


def _weight(named: Named) -> int:
    texts = [*named.link, *(named.note or ())]
    return _FRAME + views.size("".join(filter(None, texts)))


def _account(found: Reconciliation) -> str:
    """Return what a listing counts and what of it is here, in sentences."""
    sections = [s for s in _COUNTED if found.listed.get(s)]
    counts = [
        f"{found.listed[s]:,} {_COUNTED[s]} ({found.held.get(s, 0):,} here)" for s in sections
    ]
    said = [f"{in_words(counts)}." if counts else "Nothing new is listed."]
    said += [
        f"Its headings count {more:,} more {_COUNTED[s]} {'paper' if more == 1 else 'papers'} "
        "than it shows."
        for s, more in found.uncounted.items()
        if s in _COUNTED
    ]
    if older := len(found.missing.get("replace", ())):
        words = "replaced paper is not here: it is" if older == 1 else (
            "replaced papers are not here: they are"
        )  # fmt: skip
        said.append(f"{older:,} {words} older than this collection.")
    return " ".join(said)


def _groups(found: Reconciliation) -> Iterator[tuple[str, list[Named]]]:
    """Yield how a listing and what is here differ, each with the papers."""
    missing = {s: [Named(_outside(i)) for i in found.missing.get(s, ())] for s in _COUNTED}
    groups = (
        ("Listed as new, and not here", missing["new"]),
        ("Listed as cross-listed, and not here in this category", missing["cross"]),
        (
            "Listed as new, and here on another day",
            [Named(_inside(i, i.value), _edition(day)) for i, day in found.other_day],
        ),
        (
            "Here on this day, and not listed",
            [Named(_inside(i, title), _outside(i)) for i, title in found.extra],
        ),
    )
    yield from ((words, papers) for words, papers in groups if papers)


def _outside(ident: ExternalId) -> Link:
    _, link = views.outside(ident)
    return link._replace(text=clip(link.text, 60))


def _inside(ident: ExternalId, text: str) -> Link:
    return Link(clip(text, 160), views.paper_url_of(ident))


def _edition(day: str | None) -> Link:
    try:
        return front.day_link(date.fromisoformat(day or ""))
    except ValueError:
        return Link("without a day", None)
