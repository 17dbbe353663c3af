"""Invented papers, some of them hostile, on one invented saved page."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn

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


def raising(error: Exception) -> Callable[..., NoReturn]:
    """Return a function that takes anything and raises `error`."""

    def fails(*_: object, **__: object) -> NoReturn:
        raise error

    return fails
