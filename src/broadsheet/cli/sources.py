"""Commands by which papers come in from where they really are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broadsheet.cli.base import AsJson, Home, Limit, app, fail, opened, print_json, settings_of

if TYPE_CHECKING:
    from broadsheet.harvest.harvester import Report, Told, Wish
    from broadsheet.library import Library

Names = Annotated[
    list[str] | None, typer.Argument(help="Names of sources; the enabled ones if none is named.")
]
Categories = Annotated[
    str, typer.Option(help="arXiv categories, with commas between: cs.LG,stat.ML.")
]


@app.command()
def sources(
    names: Names = None,
    check: Annotated[
        bool, typer.Option("--check", help="Make one live request to each, and compare the answer.")
    ] = False,
    on: Annotated[list[str] | None, typer.Option(help="Enable a source.")] = None,
    off: Annotated[list[str] | None, typer.Option(help="Disable a source.")] = None,
    opml: Annotated[
        Path | None, typer.Option(help="Add the feeds that an OPML file lists.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the sources and how they stand; check, enable or disable them."""
    if on or off or opml:
        _set_up(home, on or [], off or [], opml)
    with opened(home) as library:
        if check:
            _check(library, names or library.newsroom.registry.enabled, as_json=as_json)
        else:
            _list(library, names or [], as_json=as_json)


def _set_up(home: Path | None, on: list[str], off: list[str], opml: Path | None) -> None:
    from broadsheet.harvest import setting_up
    from broadsheet.sources.opml import parse_opml

    folder = settings_of(home=home)["home"]
    if opml is not None:
        found = parse_opml(_content(opml), name=opml.name)
        added = setting_up.add_feeds(folder, [outline.url for outline in found])
        typer.echo(f"{added} of {len(found)} feeds added to [sources.feeds]", err=True)
        on = [*on, "feeds"]
    for name in on:
        setting_up.switch(folder, name, is_on=True)
    for name in off:
        setting_up.switch(folder, name, is_on=False)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", 1)


def _list(library: Library, names: list[str], *, as_json: bool) -> None:
    from broadsheet import present, wire

    for name in names:
        library.newsroom.registry.setup(name)
    found = [s for s in library.newsroom.sources() if not names or s.name in names]
    if as_json:
        print_json({"sources": [wire.standing(s) for s in found]})
    else:
        present.standings(found)


def _check(library: Library, names: list[str], *, as_json: bool) -> None:
    from broadsheet import present, wire

    _require(names)
    findings = {}
    for name in dict.fromkeys(names):
        if not as_json and sys.stderr.isatty():
            typer.echo(f"asking {name} …", err=True)
        findings[name] = library.newsroom.check(name)
    is_well = all(f.is_well for found in findings.values() for f in found)
    if as_json:
        print_json({"ok": is_well, "sources": wire.findings(findings)})
    else:
        present.findings(findings)
    if not is_well:
        raise typer.Exit(1)


def _require(names: list[str]) -> None:
    if not names:
        fail(
            "no source is enabled: name one, or enable it with `broadsheet sources --on arxiv`; "
            "`broadsheet sources` lists all",
            2,
        )


@app.command()
def harvest(
    names: Names = None,
    since: Annotated[
        str | None, typer.Option(help="From this day of announcement on: 2026-03-17, yesterday.")
    ] = None,
    categories: Categories = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Fetch and count, and keep nothing.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fetch what is new from the sources, and say what came of it."""
    from broadsheet.harvest.harvester import Wish

    with opened(home) as library:
        wish = Wish(
            since=_day(since, library), categories=_list_of(categories), is_dry=dry_run
        )  # fmt: skip
        _run(library, names or [], wish, as_json=as_json)


def _day(text: str | None, library: Library) -> date | None:
    from broadsheet.editions.calendar import read_day

    return read_day(text, library.today()).first if text else None


def _list_of(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _run(library: Library, names: list[str], wish: Wish, *, as_json: bool) -> None:
    """Run sources one after the other: one that fails does not keep the others away.

    The same holds of one that another process is harvesting; that is told in the end.
    """
    from broadsheet.errors import StoreError

    newsroom, reports = library.newsroom, []
    kinds, busy = _to_run(library, names, wish), list[StoreError]()
    with _telling() as told:
        for name, able in kinds.items():
            try:
                if "harvest" in able:
                    reports.append(newsroom.harvest(name, wish, told))
                if "enrich" in able:
                    reports.append(newsroom.enrich(name, told=told))
            except StoreError as error:
                if not error.temporary:
                    raise
                busy.append(error)
    if reports or not busy:
        _print(reports, as_json=as_json)
    if busy:
        raise busy[0]


def _to_run(library: Library, names: list[str], wish: Wish) -> dict[str, list[str]]:
    """Return what is run of each source: of the enabled ones that have something, if none is named.

    Raises SourceError for a source that is named and has nothing.
    """
    newsroom = library.newsroom
    chosen = names or newsroom.registry.enabled
    _require(chosen)
    able = {n: [k for k in newsroom.kinds(n) if k == "harvest" or not wish.is_dry] for n in chosen}
    for name in names:
        if not able[name]:
            newsroom.harvest(name, wish)
    found = {name: list[str](kinds) for name, kinds in able.items() if kinds}
    if not found:
        fail(
            f"nothing can be harvested of what is enabled ({', '.join(chosen)}) as it is set up; "
            "`broadsheet config --example` shows what each source can be told",
            2,
        )
    return found


@contextmanager
def _telling() -> Iterator[Told]:
    """Give what shows a bar with the parts that are done and the records that came."""
    from broadsheet.harvest.harvester import Step
    from broadsheet.present import Bar

    with Bar("records") as bar:

        def told(step: Step) -> None:
            name = f"{step.source} {step.part}".strip()
            bar.show(step.source, step.done, step.of, step.counts.total())
            bar.rename(step.source, name)

        yield told


def _print(reports: list[Report], *, as_json: bool) -> None:
    from broadsheet import present, wire

    if as_json:
        print_json({"runs": [wire.harvested(r) for r in reports]})
    else:
        present.harvested(reports)
    if any(r.outcome == "failed" for r in reports):
        raise typer.Exit(1)


@app.command()
def backfill(
    name: Annotated[str, typer.Argument(help="The name of a source: arxiv.")],
    first: Annotated[str, typer.Option("--from", help="A month or day: 2015-01.")],
    last: Annotated[str | None, typer.Option("--to", help="A month or day, it included.")] = None,
    categories: Categories = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fetch old papers; it may take days, and goes on where it was stopped."""
    from broadsheet.editions.calendar import read_day, read_month
    from broadsheet.harvest.harvester import Wish

    with opened(home) as library:
        today, month = library.today(), len("2015-01")
        read = {True: read_month, False: read_day}
        since = read[len(first) <= month](first, today).first
        until = read[len(last) <= month](last, today).last if last else None
        wish = Wish(since=since, until=until, categories=_list_of(categories))
        with _telling() as told:
            report = library.newsroom.backfill(name, wish, told)
    _print([report], as_json=as_json)


@app.command()
def enrich(
    names: Names = None,
    papers: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="About so many papers each, at most.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Ask the sources for citations, stars and summaries of papers that are here."""
    with opened(home) as library:
        newsroom = library.newsroom
        chosen = names or [n for n in newsroom.registry.enabled if "enrich" in newsroom.kinds(n)]
        _require(chosen)
        with _telling() as told:
            reports = [newsroom.enrich(name, papers, told) for name in chosen]
    _print(reports, as_json=as_json)


@app.command()
def tick(home: Home = None, as_json: AsJson = False) -> None:
    """Run what is due now, each source once; for cron, where `serve` does not run."""
    with opened(home) as library, _telling() as told:
        reports = library.newsroom.tick(told)
    _print(reports, as_json=as_json)


@app.command()
def runs(
    source: Annotated[str | None, typer.Argument(help="Only runs of this source.")] = None,
    limit: Limit = 20,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the last harvests and imports, each with its outcome and the reason."""
    from broadsheet import present, wire

    with opened(home) as library:
        found = library.runs(limit, source)
    if as_json:
        print_json({"runs": [wire.run(r) for r in found]})
    else:
        present.runs(found)


@app.command()
def add(
    wanted: Annotated[
        list[str], typer.Argument(help="An arXiv id, a DOI, another id, a link or a title.")
    ],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fetch papers by hand, from whichever source knows them."""
    from broadsheet import present, wire

    with opened(home) as library:
        found = [library.newsroom.add(text) for text in wanted]
        titles = {a.paper: library.papers([a.paper])[0].title for a in found if a.paper}
    if as_json:
        print_json({"added": [wire.added(a, titles) for a in found]})
    else:
        present.added(found, titles)
    if any(a.paper is None for a in found):
        raise typer.Exit(1)


@app.command()
def reconcile(
    day: Annotated[
        str | None, typer.Option("--date", help="2026-03-17, today, yesterday; else all days.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Only this category: cs.LG.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Hold what is here against the source's own listings, day by day and paper by paper."""
    from broadsheet import present, wire

    with opened(home) as library:
        asked = _day(day, library)
        days = (asked.isoformat(), asked.isoformat()) if asked else ("", "9999")
        found = library.newsroom.reconciled(*days, category)
    if as_json:
        print_json({"listings": [wire.reconciliation(r) for r in found]})
    else:
        present.reconciled(found)
