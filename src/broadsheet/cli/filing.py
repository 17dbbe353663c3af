"""Commands by which papers come in, and by which record and index are kept in order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import AsJson, Home, Limit, app, opened, print_json
from broadsheet.errors import SourceError, UnknownFormat, status_of

if TYPE_CHECKING:
    from broadsheet.library import Library, Progress


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
    """File papers from saved "Daily Papers" pages and JSON Lines (plain, .gz, .xz, .zst)."""
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
        papers = library.count()
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
def rebuild(home: Home = None, as_json: AsJson = False) -> None:
    """Build the index anew from the record."""
    from broadsheet.present import Bar

    done = 0
    with opened(home) as library, Bar("papers") as bar:
        for done, total in library.rebuild():
            bar.show("index", done, total, done)
    if as_json:
        print_json({"papers": done})
    else:
        typer.echo(f"index rebuilt: {done:,} papers")


@app.command()
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Compare the index with the record; exit code 0 only if they agree."""
    from broadsheet import present, wire

    with opened(home) as library:
        found = library.check()
    if as_json:
        print_json(wire.report(found))
    else:
        present.report(found)
    if found.problems:
        raise typer.Exit(1)
