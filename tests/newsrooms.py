"""A library whose sources are servers on this machine, in a time of its own; and an own source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from broadsheet.errors import RecordError
from broadsheet.factory import open_library
from broadsheet.harvest.newsroom import Newsroom, Rules
from broadsheet.harvest.registry import Registry
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Record, Signal
from broadsheet.sources.base import (
    Ask,
    Batch,
    Cursor,
    Finding,
    Found,
    Observation,
    Option,
    Rhythm,
    Want,
    Wanted,
    examine,
)
from broadsheet.sources.polite import Client, Manner
from loopback import FakeTime

Tables = Mapping[str, Mapping[str, Any]]


@contextmanager
def opened(
    home: Path,
    tables: Tables,
    time: FakeTime,
    *,
    more: Mapping[str, type] | None = None,
    environ: Mapping[str, str] | None = None,
    **rules: Any,
) -> Iterator[Library]:
    """Give the library in `home`, with `more` classes of sources, all of it living in `time`."""

    def newsroom(library: Library) -> Newsroom:
        registry = Registry(tables, environ or {}, also=more or {})
        made = Rules(state=home.parent / "state", **rules)
        return Newsroom(library.database, registry, made, library.keep_up, time.now, time)

    with open_library(home, clock=time.now, newsroom=newsroom) as library:
        yield library


@dataclass
class Shelf:
    """What the invented source has: pages of records by part, and how its calls go wrong."""

    pages: dict[str, list[list[Record | RecordError]]] = field(default_factory=dict)
    trouble: Callable[[str, int], None] = lambda _part, _page: None
    asked: list[tuple[str, int]] = field(default_factory=list)


class Invented:
    """A source without a network, whose pages lie on a shelf that the test has filled."""

    name: ClassVar[str] = "invented"
    title: ClassVar[str] = "The Invented"
    options: ClassVar[tuple[Option, ...]] = (Option("colour", "blue", "Nothing."),)
    key_variable: ClassVar[str] = ""
    at_once: ClassVar[int] = 2
    shelf: ClassVar[Shelf] = Shelf()
    rhythm = Rhythm("days", every_h=6)
    manner = Manner("invented", gap_s=0)

    def __init__(self, *, colour: str) -> None:
        self.colour = colour

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the shelf's parts."""
        return list(self.shelf.pages)

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield the pages of a part that come after the cursor."""
        pages = self.shelf.pages[part]
        for number in range(int(cursor.get("page", 0)), len(pages)):
            self.shelf.asked.append((part, number))
            self.shelf.trouble(part, number)
            yield Batch(pages[number], {"page": number + 1}, total=len(pages))

    def wants(self, wanted: Wanted) -> bool:
        """Return whether a paper has an id of arXiv."""
        return any(i.namespace == "arxiv" for i in wanted.external_ids)

    def enrich(self, client: Client, wanted: Sequence[Wanted], now: Any) -> Found:
        """Count seven citations of each paper, and one more each time."""
        self.shelf.trouble("enrich", len(self.shelf.asked))
        self.shelf.asked += [("enrich", w.paper) for w in wanted]
        times = {w.paper: int(w.kept.get("times", 0)) + 1 for w in wanted}
        return Found(
            {paper: {"times": n} for paper, n in times.items()},
            observations=[Observation(p, f"p{p}", "citations", 6 + n) for p, n in times.items()],
        )

    def check(self, client: Client) -> Iterator[Finding]:
        """Find that the title is there and the year is not."""
        yield from examine([{"title": "Kites"}], {"title": Want(str), "year": Want(int)})


def e_print(number: int, day: str | None = None, **changes: Any) -> Record:
    """Return an invented record of the invented source."""
    ident = f"2603.{number:05}"
    facts: dict[str, Any] = {
        "external_ids": (ExternalId("arxiv", ident),),
        "authors": ("Ada Example",),
        "announced": day,
        "categories": ("cs.LG",),
        "signals": (Signal("upvotes", float(number)),),
    }
    return Record("invented", ident, f"Kites at Sea, Part {number}", **(facts | changes))
