"""Commands that find and show papers."""

from __future__ import annotations

from typing import Annotated

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


@app.command()
def search(
    query: Annotated[list[str], typer.Argument(help='Words, "phrases", -not, author:… year:…')],
    limit: Limit = 10,
    mode: ModeName = None,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find papers by words and by meaning, best first, with reasons."""
    from broadsheet import present, wire

    with opened(home) as library:
        page = library.search(" ".join(query), mode=mode_of(mode, home), limit=limit, cursor=cursor)
    if as_json:
        print_json(wire.page(page))
    else:
        present.page(page)


@app.command()
def similar(
    ident: Ident,
    limit: Limit = 10,
    mode: ModeName = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find the papers most like one."""
    from broadsheet import present, wire

    with opened(home) as library:
        hits = library.similar(ident, limit=limit, mode=mode_of(mode, home))
    if as_json:
        print_json({"id": ident, "hits": [wire.hit(h) for h in hits]})
    else:
        present.hits(hits)


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
