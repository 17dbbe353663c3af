"""Commands by which a collection is kept safe, and taken elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import AsJson, Home, app, opened, print_json, settings_of

if TYPE_CHECKING:
    from broadsheet.collection.backup import Manifest
    from broadsheet.library import Selection
    from broadsheet.papers.formats import Format
    from broadsheet.papers.types import Paper
    from broadsheet.present import Bar

# Backup and restore work on the record alone: they must work where the index cannot be opened or
# written, which is when they are needed most.

FORMATS = ("jsonl", "bibtex", "csv")

_MEGABYTE = 1_000_000


def _shown_by(bar: Bar) -> Any:
    def progress(what: str, done: int, size: int) -> None:
        bar.show(what, done, size, done // _MEGABYTE)

    return progress


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it, such as papers.tar.zst.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write the collection as of one moment to one file, also while it is in use."""
    from broadsheet import present, wire
    from broadsheet.collection.backup import DATABASE, write
    from broadsheet.library import utc_now
    from broadsheet.present import Bar

    database = settings_of(home=home)["home"] / DATABASE
    with Bar("MB") as bar:
        found = write(database, file, now=utc_now(), force=force, progress=_shown_by(bar))
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size, **wire.backup(found)})
    else:
        present.backup(found, f"kept in {file}, {size / _MEGABYTE:,.1f} MB")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `broadsheet backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Put the collection aside that the home holds.")
    ] = False,
    only_check: Annotated[
        bool, typer.Option("--check", help="Only see whether the file is a good backup.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Bring a collection back from a backup, and build its index anew."""
    from broadsheet import present, wire
    from broadsheet.collection.backup import check
    from broadsheet.present import Bar

    if only_check:
        with Bar("MB") as bar:
            found, replaced = check(file, progress=_shown_by(bar)), None
        words = f"{file} is a good backup"
    else:
        found, replaced = _restore(file, home, force)
        words = f"restored to {settings_of(home=home)['home']}"
    if as_json:
        shown = str(replaced) if replaced else None
        print_json({"file": str(file), "replaced": shown, **wire.backup(found)})
    else:
        present.backup(found, words)
        if replaced:
            typer.echo(f"what was there is kept in {replaced}")


def _restore(file: Path, home: Path | None, force: bool) -> tuple[Manifest, Path | None]:
    """Restore a home and open it once, so that it is upgraded and has an index."""
    from broadsheet.collection import backup
    from broadsheet.library import utc_now
    from broadsheet.present import Bar

    place = settings_of(home=home)["home"]
    with Bar("MB") as bar:
        done = backup.restore(file, place, now=utc_now(), force=force, progress=_shown_by(bar))
    with opened(home):
        return done.manifest, done.replaced


@app.command()
def export(
    query: Annotated[
        list[str] | None, typer.Argument(help="As in `search`; all papers without one.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    ] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write every paper that a query chooses as JSON Lines, BibTeX or CSV."""
    from broadsheet.collection.backup import replacing
    from broadsheet.papers import formats

    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}")
    if as_json and output is None:
        raise typer.BadParameter("--json tells of a file: --output names it")
    chosen = formats.FORMATS[form]
    with opened(home) as library:
        papers = library.select(" ".join(query or ()))
        if output is None:
            _write(papers, chosen, sys.stdout.buffer)
            return
        with replacing(output, force=force) as place, place.open("wb") as out:
            count = _write(papers, chosen, out)
    if as_json:
        size = output.stat().st_size
        print_json({"file": str(output), "format": form, "papers": count, "bytes": size})
    else:
        typer.echo(f"{count:,} papers in {output}")


def _write(papers: Selection, form: Format, out: Any) -> int:
    """Write papers, with a bar where it does not stand among them; return how many there were."""
    from broadsheet.papers import formats
    from broadsheet.present import Bar

    count = 0

    def counted() -> Iterable[Paper]:
        nonlocal count
        for count, paper in enumerate(papers, 1):
            if count % 100 == 0 and not (out is sys.stdout.buffer and sys.stdout.isatty()):
                bar.show(form.name, count, papers.total, count)
            yield paper

    with Bar("papers") as bar:
        for piece in formats.written(counted(), form):
            out.write(piece)
    out.flush()
    return count
