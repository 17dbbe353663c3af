"""Commands that find and show papers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from broadsheet.cli.base import (
    AsJson,
    Home,
    Ident,
    Limit,
    ModeName,
    app,
    mode_of,
    opened,
    print_json,
)

Explain = Annotated[
    bool, typer.Option("--explain", help="Show what each score is made of (JSON always does).")
]


@app.command()
def search(
    query: Annotated[
        list[str] | None, typer.Argument(help='Words, "phrases", -not, author:… year:…')
    ] = None,
    limit: Limit = 10,
    mode: ModeName = None,
    like_file: Annotated[
        Path | None,
        typer.Option(help="Find papers like those in this file (BibTeX, RIS, …); - reads a pipe."),
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    explain: Explain = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find papers by words and by meaning, best first, with reasons."""
    from broadsheet import present, wire

    words, how = " ".join(query or ()), mode_of(mode, home)
    if not words and like_file is None:
        raise typer.BadParameter("say what to search for, or give a --like-file")
    with opened(home) as library:
        if like_file is not None and cursor is None:
            stdin = sys.stdin.buffer if str(like_file) == "-" else None
            page = library.like_file(like_file, words, mode=how, limit=limit, stdin=stdin)
        else:
            page = library.search(words, mode=how, limit=limit, cursor=cursor)
    if as_json:
        print_json(wire.page(page))
    else:
        present.page(page, explained=explain)


@app.command()
def similar(
    ident: Ident,
    limit: Limit = 10,
    mode: ModeName = None,
    facet: Annotated[
        Literal["problem", "method", "result"] | None,
        typer.Option(help="Those with the same problem, method or result."),
    ] = None,
    explain: Explain = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find the papers most like one, as a whole or in one facet."""
    from broadsheet import present, wire

    with opened(home) as library:
        found = library.similar(ident, limit=limit, mode=mode_of(mode, home), facet=facet)
    if as_json:
        print_json(wire.similar(ident, found))
    else:
        present.similar(found, explained=explain)


@app.command()
def show(ident: Ident, home: Home = None, as_json: AsJson = False) -> None:
    """Show all that is known of a paper, and what each source said."""
    from broadsheet import present, wire

    with opened(home) as library:
        sheet = library.sheet(ident)
    if as_json:
        print_json(wire.sheet(sheet))
    else:
        present.sheet(sheet)
