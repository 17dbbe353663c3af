"""An edition as its page shows it: links, words, and as many papers as there is room for. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import zip_longest
from typing import NamedTuple
from urllib.parse import urlencode

from broadsheet.editions.calendar import Kind, Period, day_of, month_of, week_of
from broadsheet.editions.edition import CameAgain, Edition, Placed, Section
from broadsheet.papers.types import Paper
from broadsheet.web import narrowing, views
from broadsheet.web.views import Entry, Link, clip

ROOM = 60_000
"""Bytes of a page that its papers may take; the calendar and the head need the rest."""
NAMED = 15_000
"""Bytes for the names of sections that have no room for papers."""
FRAME = 720
"""Bytes that a paper takes besides its words: its tags, its votes and the button for one."""
LEAD = 1400
"""Characters of the first leading paper's abstract."""
BRIEF = 260
"""Characters of an abstract that stands below a lead."""
MANY = 45
"""An edition of more papers shows the abstract of the first of each section alone."""
LARGE = 3
"""So many sections show more papers than the others."""
LONG = 1500
"""Characters of a query that the ways to other editions do not keep."""
NAMES = 3
"""Authors named below a lead."""


def edition_url(path: str, query: str = "", section: str = "", page: int = 1) -> str:
    """Return the address of an edition, or of a page of one of its sections."""
    asked = {"q": query, "section": section, "page": str(page) if page > 1 else ""}
    asked = {k: v for k, v in asked.items() if v}
    return f"{path}?{urlencode(asked)}" if asked else path


# ---------------------------------------------------------------------------- papers


class Again(NamedTuple):
    """A paper that came again: how in words, and the day of its own edition."""

    title: str
    href: str
    how: str
    first: Link


class Part(NamedTuple):
    """A section: those of its papers that are shown, and the address of all of them."""

    anchor: str
    label: str
    total: int
    href: str | None
    entries: list[Entry]


class Papers(NamedTuple):
    """All that an edition shows of papers.

    `named` are sections that it only names, and `unnamed` is how many it has no room to name.
    """

    leads: list[Entry]
    parts: list[Part]
    named: list[Part]
    unnamed: int
    again: list[Again]

    @property
    def entries(self) -> list[Entry]:
        """All papers with a place of their own."""
        return [*self.leads, *(entry for part in self.parts for entry in part.entries)]


def papers(edition: Edition, query: str) -> Papers:
    """Return the papers of an edition that its page has room for, the sections served in turn.

    `query` is what the edition was narrowed by, as the reader wrote it.
    """
    leads = [placed_entry(p, LEAD if n == 0 else BRIEF) for n, p in enumerate(edition.leads)]
    parts = [
        _part(edition_url(edition.period.path, query, section.name), n, section)
        for n, section in enumerate(edition.sections)
    ]
    room = ROOM - sum(map(_weight, leads))
    for part, entry in _in_turn(edition, parts):
        room -= _weight(entry) + (0 if part.entries else 2 * _name_weight(part))
        if room < 0:
            break
        part.entries.append(entry)
    rest = [p for p in parts if not p.entries]
    named = list(views.fitting(rest, NAMED, _name_weight))
    return Papers(
        leads,
        [p for p in parts if p.entries],
        named,
        len(rest) - len(named),
        list(views.fitting(_came_again(edition.again), max(room, 0), _again_weight)),
    )


def placed_entry(placed: Placed, size: int, names: int = views.NAMES) -> Entry:
    """Return a paper of an edition with its reason, and `size` characters of its abstract."""
    entry = views.paper_entry(placed.paper, size)
    more = entry.more_authors + max(len(entry.authors) - names, 0)
    excerpt = entry.excerpt if size else views.Excerpt([], is_cut=False)
    return entry._replace(
        excerpt=excerpt,
        authors=entry.authors[:names],
        more_authors=more,
        reasons=(placed.reason.text,) if placed.reason.text else (),
        pick=placed.pick,
    )


def _in_turn(edition: Edition, parts: Sequence[Part]) -> Iterator[tuple[Part, Entry]]:
    """Yield the first paper of every section, then the second of every one, and so on."""
    is_small = edition.total <= MANY
    wanted = [s.places[: 6 if n < LARGE else 3] for n, s in enumerate(edition.sections)]
    for nth, row in enumerate(zip_longest(*wanted)):
        for part, placed in zip(parts, row, strict=True):
            if placed is not None:
                yield part, placed_entry(placed, BRIEF if is_small or nth == 0 else 0, NAMES)


def _part(href: str, number: int, section: Section) -> Part:
    # A long query fits into few links: the sections behind have to do without.
    fits = number < narrowing.LINKS // 2 // len(href)
    total = max(section.total, len(section.places))
    return Part(f"s{number + 1}", clip(section.label, 80), total, href if fits else None, [])


def _weight(entry: Entry) -> int:
    """Return about how many bytes a paper takes on a page."""
    texts = [
        *(text for _, text in (*entry.title, *entry.excerpt.pieces)),
        *entry.authors,
        *entry.reasons,
        *((entry.pick.by, entry.pick.note) if entry.pick else ()),
        *(str(part) for link in (entry.venue, *entry.categories) if link for part in link if part),
    ]
    return FRAME + views.size("".join(texts))


def _name_weight(part: Part) -> int:
    return 100 + 2 * views.size(part.label) + views.size(part.href or "")


def _again_weight(again: Again) -> int:
    return FRAME + views.size(again.title)


_HOW = {
    "listed": "listed again by {}",
    "page": "on a saved page of {}",
    "version": "new version, says {}",
    "cross": "cross-listed by {}",
}


def how_again(kind: str, note: str) -> str:
    """Return in words how a paper came again."""
    return _HOW.get(kind, kind).format(clip(note, 40))


def _came_again(found: Iterable[CameAgain]) -> Iterator[Again]:
    for one in found:
        how = f"{how_again(one.kind, one.note)}, {_day_and_month(date.fromisoformat(one.day))}"
        title = clip(one.paper.title, views.TITLE)
        yield Again(title, views.paper_url(one.paper), how, edition_link(one.paper))


def edition_link(paper: Paper) -> Link:
    """Return the edition that a paper belongs to as a link."""
    return day_link(date.fromisoformat(paper.edition))


def day_link(day: date, query: str = "") -> Link:
    """Return the edition of a day as a link."""
    return Link(views.day_in_words(day), edition_url(day_of(day).path, query))


def _day_and_month(day: date) -> str:
    return f"{day.day} {day:%B}"


# ---------------------------------------------------------------------------- words

_BASES = {
    "announced": "day of announcement",
    "presumed": "presumed day of announcement",
    "page": "day of a saved page",
    "filed": "day of filing here",
}
_PRESUMED = "worked out from its other dates, as no source says on which day it was announced"


def by_which_day(edition: Edition) -> str:
    """Return by which of their days the papers of an edition belong to it, in words."""
    ranked = sorted(edition.basis.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ranked) == 1:
        return basis_in_words(ranked[0][0])
    return ", ".join(f"{n:,} {basis_in_words(basis)}" for basis, n in ranked)


def basis_in_words(basis: str) -> str:
    """Return by which of its days a paper belongs to its edition, in words."""
    return f"by {_BASES.get(basis, basis)}"


def basis_explained(basis: str) -> str:
    """Return by which of its days a paper belongs to its edition, and how that day is known."""
    words = basis_in_words(basis)
    return f"{words}: {_PRESUMED}" if basis == "presumed" else words


# ---------------------------------------------------------------------------- ways on


class Ways(NamedTuple):
    """The ways from an edition: the ones before and after it, and the wider and narrower ones."""

    previous: Link | None
    next: Link | None
    kinds: list[tuple[str, str, bool]]


def ways(edition: Edition, query: str) -> Ways:
    """Return the ways from an edition; before and after are the nearest that hold papers.

    They keep the query that the edition was narrowed by, unless that is very long.
    """
    period = edition.period
    if len(query) > LONG:
        query = ""
    day = next((d.day for d in reversed(edition.days) if d.papers), period.first)
    kinds = [
        (p.kind, edition_url(p.path, query), p.kind == period.kind)
        for p in (day_of(day), week_of(day), month_of(day))
    ]
    return Ways(
        _way(period, edition.before, query),
        _way(period, edition.after, query),
        [*kinds, ("year", f"/{day.year}", False)],
    )


def _way(period: Period, day: date | None, query: str) -> Link | None:
    if day is None:
        return None
    near = period_of(period.kind, day)
    return Link(brief_title(near, period.first.year), edition_url(near.path, query))


def period_of(kind: Kind, day: date) -> Period:
    """Return the period of a kind that a day belongs to."""
    return {"day": day_of, "week": week_of, "month": month_of}[kind](day)


def brief_title(period: Period, year: int) -> str:
    """Return a period in few words; its year is named if it is another than `year`."""
    if period.kind == "week":
        iso = period.first.isocalendar()
        return f"Week {iso.week}" + (f" of {iso.year}" if iso.year != year else "")
    said = "" if period.first.year == year else f" {period.first.year}"
    if period.kind == "month":
        return f"{period.first:%B}{said}"
    return f"{period.first:%A}, {_day_and_month(period.first)}{said}"
