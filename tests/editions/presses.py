"""A library with a clock that can be set, and short ways to file papers and to read editions."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from broadsheet.collection import editions as store
from broadsheet.editions.calendar import Period, day_of
from broadsheet.editions.edition import Edition, Editions
from broadsheet.editions.order import LEAD
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Paper, Record, SavedPage
from flows import invented

MONDAY, TUESDAY, WEDNESDAY = (f"2026-03-{n}" for n in (16, 17, 18))
TUESDAY_MORNING = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
THURSDAY = datetime(2026, 3, 19, 6, 30, tzinfo=UTC)
"""When the edition of Tuesday is closed, if nothing came for it since Wednesday evening."""
PAGE = SavedPage("0123456789abcdef", "daily.html", (), "Mar 16", MONDAY, 9)


@dataclass
class Clock:
    """A clock that stands where it is set."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return self.now


@dataclass
class Press:
    """A library in a home with a clock that can be set, and short ways to file and to ask."""

    library: Library
    clock: Clock

    def file(self, *records: Record, page: SavedPage | None = None) -> None:
        """File records at once."""
        for _ in self.library.file(records, source="invented", page=page, counts=Counter()):
            pass

    def of(self, day: str, query: str = "") -> Edition:
        """Return the edition of a day."""
        return self.library.editions.edition(on(day), query)

    def kept(self, period: Period) -> str | None:
        """Return the order under which a period was kept."""
        with self.library.database.read() as connection:
            found: str | None = store.kept(connection, period.key)
        return found


def on(day: str) -> Period:
    """Return a day as a period."""
    return day_of(date.fromisoformat(day))


def paper(number: int, day: str | None = TUESDAY, category: str = "cs.LG", **more: Any) -> Record:
    """Return an invented paper, announced on a day; `u<number>z` is its own word."""
    made = invented.record(number, words=60)
    said: dict[str, Any] = {
        "source": "arxiv",
        "key": made["id"],
        "title": made["title"],
        "abstract": made["abstract"],
        "authors": tuple(made["authors"]),
        "external_ids": (ExternalId("arxiv", f"2603.{number:05}"),),
        "year": 2026,
        "announced": day,
        "categories": (category,) if category else (),
        "extra": {"upvotes": more.pop("upvotes")} if "upvotes" in more else {},
    }
    return Record(**(said | more))


def several(start: int, count: int, *args: Any, **more: Any) -> list[Record]:
    """Return so many invented papers of one kind."""
    return [paper(n, *args, **more) for n in range(start, start + count)]


def number(found: Paper) -> int:
    """Return the number of an invented paper, which its title tells."""
    match = re.search(r"\bu(\d+)z\b", found.title)
    assert match
    return int(match[1])


def leads(found: Edition) -> list[int]:
    """Return the numbers of the leading papers in order."""
    return [number(p.paper) for p in found.leads]


def sections(found: Edition) -> dict[str, list[int]]:
    """Return the numbers of the papers that stand in each section, in order."""
    return {s.name: [number(p.paper) for p in s.places] for s in found.sections}


def shown(found: Edition) -> list[int]:
    """Return the numbers of all papers that an edition shows, in order."""
    return leads(found) + [n for numbers in sections(found).values() for n in numbers]


def listed(
    press: Press, period: Period, query: str = "", *, step: int = 50
) -> dict[str, list[Paper]]:
    """Return all papers of each section, read page by page."""
    found = press.library.editions.edition(period, query)
    names = [LEAD, *(s.name for s in found.sections)]
    return {name: _pages(press, period, name, query, step) for name in names}


def _pages(press: Press, period: Period, section: str, query: str, step: int) -> list[Paper]:
    papers: list[Paper] = []
    while True:
        page = press.library.editions.listing(
            period, section, query, offset=len(papers), limit=step
        )
        assert len(page.places) == min(step, page.total - len(papers))
        papers += [p.paper for p in page.places]
        if len(papers) >= page.total:
            return papers


def everything(listing: dict[str, list[Paper]]) -> list[int]:
    """Return the numbers of all papers of a listing, ascending."""
    return sorted(number(p) for papers in listing.values() for p in papers)


def order_of(press: Press, day: str = TUESDAY) -> list[int]:
    """Return the ids of all papers of a day in their order, section by section."""
    return [p.id for papers in listed(press, on(day)).values() for p in papers]


def fresh(press: Press) -> Press:
    """Return a press on the same library that remembers no edition."""
    library = press.library
    library.editions = Editions(library.database, library.index, library._trending, press.clock)
    return press
