"""Invented papers, some of them hostile, on one invented saved page."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from broadsheet.harvest.newsroom import Newsroom, Rules
from broadsheet.harvest.registry import Registry
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Place, Record, SavedPage

SCRIPT = "<script>alert(1)</script> in the title of a graph paper"
IMAGE = '"><img src=x onerror=alert(1)> beside a graph'
TURNED = "Left \u202eright again, a graph title with an override"
ENDLESS = "graph" * 400
LONG = (
    "We begin far from the matter and talk at length of weather, bread and ships. " * 8
    + "Only now the lighthouse is named, and the lighthouse shines on the lighthouse keeper. "
    + "Then we talk of weather again, and of other things that nobody asked about. " * 8
)
PAGE = SavedPage("page-key", "saved.txt", ("Daily Papers",), "Mar 17", "2026-03-17", 9)


def now() -> datetime:
    """Return one and the same moment."""
    return datetime(2026, 3, 18, 12, 0, tzinfo=UTC)


def no_sources(library: Library) -> Newsroom:
    """Return the sources of a library of which none is enabled."""
    return Newsroom(library.database, Registry({}, {}), Rules(), library.keep_up, library.clock)


RECORDS = (
    Record(
        "arxiv",
        "2603.00001",
        "Graph networks for tidy kitchens",
        abstract="Kitchens are graphs. We tidy them with a network of small robots.",
        summary="Robots tidy kitchens.",
        authors=("Ada Example", 'Bo "the Cook" Sample', "Čeněk Ňoura"),
        external_ids=(
            ExternalId("arxiv", "2603.00001"),
            ExternalId("doi", "10.1234/kitchen.(7)/x"),
            ExternalId("acl", "2026.kitchen-main.3"),
            ExternalId("openreview", "kItchen_01"),
        ),
        year=2026,
        announced="2026-03-17",
        submitted="2026-03-15",
        updated="2026-03-16",
        categories=("cs.RO", "cs.LG"),
        keywords=("robots", "soup & bread"),
        venue="Conference on Kitchens 2026",
        comment="Nine pages <b>and</b> a recipe",
        links=(
            ("pdf", "https://arxiv.example/pdf/2603.00001"),
            ("code", "javascript:alert(1)"),
            ("project", "data:text/html,<script>alert(1)</script>"),
        ),
        place=Place("page-key", 3),
        extra={"licence": "<i>free</i>"},
    ),
    Record(
        "file", "hostile-1", SCRIPT, abstract=SCRIPT * 3, authors=(SCRIPT,), venue=SCRIPT,
        categories=(SCRIPT,), announced="2026-03-17", comment=SCRIPT, extra={SCRIPT: SCRIPT},
    ),
    Record(
        "file", "hostile-2", IMAGE, abstract=IMAGE, authors=(IMAGE,), venue=IMAGE,
        announced="2026-03-16",
    ),
    Record("file", "hostile-3", TURNED, authors=(TURNED,), announced="2026-03-16"),
    Record(
        "file", "hostile-4", ENDLESS, abstract="graph " + ENDLESS, authors=(ENDLESS,),
        venue=ENDLESS, announced="2026-03-16",
    ),
    Record(
        "acl", "2020.boats-1.1", "Lighthouses and their keepers", abstract=LONG,
        authors=tuple(f"Author Number{i}" for i in range(60)), year=2020, venue="Boats",
        external_ids=(ExternalId("acl", "2020.boats-1.1"),),
    ),
    Record(
        "hf", "2603.00002", "A graph paper with only a summary", summary="Short and graphic.",
        announced="2026-03-17", withdrawn=True,
    ),
    *(
        Record(
            "arxiv",
            f"2501.{i:05}",
            f"Graph paper number {i} about knitting",
            abstract=f"Knitting graphs, part {i}.",
            authors=("Kim Wool",),
            external_ids=(ExternalId("arxiv", f"2501.{i:05}"),),
            year=2025,
            announced=f"2025-01-{1 + i % 28:02}",
            categories=("cs.DM",),
            venue="arXiv",
        )
        for i in range(30)
    ),
)  # fmt: skip


_SUBJECTS = (
    "lighthouses", "bakeries", "glaciers", "violins", "beehives", "harbours", "meadows", "tunnels",
    "kites", "orchards",
)  # fmt: skip
_DOINGS = ("A survey of", "Counting", "Predicting", "Mending", "Listening to", "Mapping")


def _story(number: int, day: str, category: str, upvotes: int | None = None) -> Record:
    """Return one invented paper, its title unlike that of any other number."""
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    title = f"{_DOINGS[number % len(_DOINGS)]} {subject} by the light of the moon, part {number}"
    return Record(
        "arxiv",
        f"{day[2:4]}{day[5:7]}.{number:05}",
        title,
        abstract=f"This is what we know of {subject}, number {number} of many. " * 8,
        authors=(f"Una Writer{number}", "Olaf Reader", "Ida Third", "Max Fourth"),
        external_ids=(ExternalId("arxiv", f"{day[2:4]}{day[5:7]}.{number:05}"),),
        year=int(day[:4]),
        announced=day,
        categories=(category,),
        extra={"upvotes": upvotes} if upvotes else {},
    )


FULL = "2026-03-17"
"""The day that holds most of `PRESS`: a Tuesday, the day before `now`."""

PRESS = (
    *(_story(100 + i, FULL, "cs.LG", upvotes=90 - i if i < 3 else None) for i in range(40)),
    *(_story(200 + i, FULL, "cs.CL") for i in range(25)),
    *(_story(300 + i, FULL, "cs.CV") for i in range(5)),
    *(_story(400 + i, "2026-03-16", "cs.LG") for i in range(6)),
    replace(_story(450, "2026-03-16", "cs.LG"), again=((FULL, "listed"),)),
    *(_story(500 + i, "2026-03-11", "cs.CL") for i in range(4)),
    *(_story(600 + i, "2025-11-04", "cs.CL") for i in range(3)),
)
"""Papers of some days: none of them of the day that `now` gives."""


_MOON = (
    "We map the far side of the moon from orbit with a camera of our own making, and find craters "
    "that no chart has. The map has a resolution of two metres; we give it away with all pictures. "
    "We also tell how the camera was built, what broke on the way, and what we would do otherwise."
)

NEAR_MISSES = (
    Record(
        "arxiv", "2603.00001", "Weighing the tides with a very long spring",
        abstract="Tides. " * 30, authors=("Ada Example", "Bo Sample"), year=2026,
        external_ids=(ExternalId("arxiv", "2603.00001"),), announced="2026-03-17",
        categories=("physics.ao-ph",),
        again=(("2026-03-18", "listed"),),
    ),
    Record(
        "acl", "2026.moon-1.1", "Weighing the Tides with a Very Long Spring",
        authors=("Ada Example", "Bo Sample"), external_ids=(ExternalId("acl", "2026.moon-1.1"),),
        year=2026, venue="Proceedings of the Moon",
    ),
    Record(
        "file", SCRIPT, "Weighing the tides with a very long spring", authors=("Ada Example",),
        year=2026,
    ),
    Record(
        "arxiv", "2603.00002", "Mapping the far side of the moon", abstract=_MOON, year=2026,
        authors=("Cleo Crater", "Dan Dust"), external_ids=(ExternalId("arxiv", "2603.00002"),),
        announced="2026-03-17", categories=("astro-ph.EP",),
    ),
    Record(
        "acl", "2026.moon-1.2", "A map of the far side of the moon", abstract=_MOON, year=2026,
        authors=("Cleo Crater", "Dan Dust"), external_ids=(ExternalId("acl", "2026.moon-1.2"),),
        venue="Proceedings of the Moon",
    ),
)  # fmt: skip
"""A paper that three records make, and two papers that may be one."""


def raising(error: Exception) -> Callable[..., NoReturn]:
    """Return a function that takes anything and raises `error`."""

    def fails(*_: object, **__: object) -> NoReturn:
        raise error

    return fails
