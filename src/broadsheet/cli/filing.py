"""Commands by which papers come in, and by which record and index are kept in order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import AsJson, Home, Limit, app, fail, opened, print_json
from broadsheet.errors import SourceError, UnknownFormat, status_of

if TYPE_CHECKING:
    from broadsheet.library import Library, Progress
    from broadsheet.search.feeding import Cost


@app.command("import")
def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders; - is standard input.", allow_dash=True)
    ],
    year: Annotated[
        int | None,
        typer.Option(min=1900, max=2200, help="The year of dates that a saved page shows without."),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """File papers from files: JSON, BibTeX, RIS, Zotero, feeds, archives, saved pages.

    They may be compressed (.gz, .xz, .zst).
    """
    import time
    from collections import Counter

    from broadsheet.present import Bar
    from broadsheet.sources import files

    began, counts = time.monotonic(), Counter[str]()
    left_out: list[tuple[Path, SourceError]] = []
    with opened(home) as library, Bar("records") as bar:
        for path in files.expand(paths):
            try:
                counts += import_one(library, path, year, bar)
            except SourceError as error:
                left_out.append((path, error))
        papers, notice = library.count(), library.index_state().notice
    names = ("new", "updated", "merged", "unchanged", "rejected")
    facts = {"read": counts.total()} | {name: counts[name] for name in names}
    facts |= {"papers": papers}
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        print_json(facts | {"seconds": seconds})
    else:
        typer.echo("  ".join(f"{name} {n:,}" for name, n in facts.items()) + f"  in {seconds} s")
        if counts["rejected"]:
            typer.echo("`broadsheet rejects` lists what was set aside, with the reasons.")
    if notice:
        typer.echo(notice, err=True)
    _tell_left_out(left_out, paths, counts.total())


def import_one(library: Library, path: Path, year: int | None, bar: Any) -> Any:
    """File everything in `path` while `bar` shows it; return how many records had each outcome."""
    progress: Progress | None = None
    stdin = sys.stdin.buffer if str(path) == "-" else None
    for progress in library.import_file(path, year=year, stdin=stdin):
        bar.show(progress.name, progress.done, progress.size, progress.read)
    return progress.counts if progress else {}


def _tell_left_out(left_out: list[tuple[Path, SourceError]], named: list[Path], read: int) -> None:
    """Tell of files not imported; a file of no known format is an error if named, or if alone."""
    for _, error in left_out:
        typer.echo(f"not imported: {error}", err=True)
    for path, error in left_out:
        if path in named or not read or not isinstance(error, UnknownFormat):
            raise typer.Exit(status_of(error).exit)


@app.command()
def rejects(limit: Limit = 100, home: Home = None, as_json: AsJson = False) -> None:
    """List the records that were set aside, with file, line and reason."""
    from broadsheet import present, wire

    with opened(home) as library:
        total, found = library.rejects(limit)
    if as_json:
        print_json({"total": total, "rejects": [wire.reject(r) for r in found]})
    else:
        present.rejects(total, found)


@app.command()
def rebuild(
    only_vectors: Annotated[
        bool, typer.Option("--vectors", help="Only embed what waits, and leave the words alone.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Pay for a paid model without being asked.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Build the index anew from the record, and embed what waits with the chosen model."""
    from broadsheet.present import Bar

    papers = embedded = 0
    with opened(home) as library:
        if library.index.embedder.pace == "paid":
            _consent(library.embedding_cost(), yes)
        with Bar("papers") as bar:
            if not only_vectors:
                for papers, total in library.rebuild(only_this_model=True):
                    bar.show("index", papers, total, papers)
            for embedded, total in library.embed():
                bar.show("vectors", embedded, total, embedded)
        state = library.index_state()
    if as_json:
        print_json({"papers": papers, "embedded": state.embedded, "notice": state.notice})
    elif only_vectors:
        typer.echo(f"embedded: {state.embedded:,} of {state.papers:,} papers with {state.model}")
    else:
        typer.echo(f"index rebuilt: {papers:,} papers, {state.embedded:,} with a vector")


def _consent(cost: Cost, yes: bool) -> None:
    """Say what a paid model will be asked for, and go on only if somebody agrees."""
    if not cost.papers:
        return
    price = "a price that is not set (embedder_price)"
    if cost.dollars is not None:
        price = f"about ${cost.dollars:,.2f}"
    typer.echo(
        f"{cost.papers:,} papers, about {cost.tokens:,} tokens, for {price}, with {cost.model}",
        err=True,
    )
    if yes:
        return
    if not sys.stdin.isatty():
        fail("nothing was changed: --yes agrees to that", 2)
    if not typer.confirm("Embed them?", err=True):
        fail("nothing was changed", 1)


@app.command()
def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Make again what is derived, then compare.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare the index with the record; exit code 0 only if they agree."""
    from broadsheet import present, wire
    from broadsheet.present import Bar

    with opened(home) as library:
        if repair:
            with Bar("papers") as bar:
                for what, done, total in library.repair():
                    bar.show(what, done, total, done)
        found = library.check()
    if as_json:
        print_json(wire.report(found))
    else:
        present.report(found)
    if found.problems:
        raise typer.Exit(1)


@app.command()
def status(home: Home = None, as_json: AsJson = False) -> None:
    """Show what the collection holds, its last imports, the index, and what needs attention."""
    from broadsheet import present, wire

    with opened(home) as library:
        found = library.status()
    if as_json:
        print_json(wire.status(found))
    else:
        present.status(found)
