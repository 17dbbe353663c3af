"""Commands by which people decide which papers are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from broadsheet.cli.base import AsJson, Home, Ident, Limit, app, opened, print_json

if TYPE_CHECKING:
    from broadsheet.collection.decisions import Decision

Other = Annotated[str, typer.Argument(help="The other paper, by any of its ids.")]
Note = Annotated[str, typer.Option("--note", help="Why, for those who come later.")]


@app.command()
def duplicates(
    limit: Limit = 50,
    kept: Annotated[
        bool, typer.Option("--kept", help="Only what was found the last time, without looking.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List pairs of papers that may be one, surest first, with the evidence."""
    from broadsheet import present, wire
    from broadsheet.present import Bar

    with opened(home) as library:
        look = library.deciding.last_look()
        if not kept and (look is None or look.behind):
            with Bar("pairs") as bar:
                library.deciding.look_for_duplicates(lambda n, of: bar.show("comparing", n, of, n))
        found = library.deciding.duplicates(limit)
    if as_json:
        print_json({"pairs": [wire.near_miss(pair) for pair in found]})
    else:
        present.near_misses(found)


@app.command()
def merge(
    one: Ident, other: Other, note: Note = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Decide that two papers are one; later imports do not undo it."""
    with opened(home) as library:
        found = library.deciding.merge(one, other, note)
    _tell(found, f"p{found.other} is now part of p{found.paper}", as_json)


@app.command()
def split(
    ident: Ident,
    record: Annotated[str, typer.Argument(help="The record, as `show` names it: source:key.")],
    note: Note = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take a record out of a paper; it becomes a paper of its own, for ever."""
    with opened(home) as library:
        found = library.deciding.split(ident, record, note)
    _tell(found, f"{record} is now p{found.other}, apart from p{found.paper}", as_json)


@app.command()
def apart(
    one: Ident, other: Other, note: Note = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Decide that two papers are not the same, so that nothing joins or lists them again."""
    with opened(home) as library:
        found = library.deciding.tell_apart(one, other, note)
    _tell(found, f"p{found.paper} and p{found.other} stay two papers", as_json)


@app.command()
def undo(
    number: Annotated[int, typer.Argument(help="The decision, as `decisions` numbers it.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take a decision back."""
    from broadsheet import wire

    with opened(home) as library:
        found = library.deciding.undo(number)
    if as_json:
        print_json(wire.decision(found))
    else:
        typer.echo(f"decision {number} ({found.kind}) is undone")


@app.command()
def decisions(limit: Limit = 50, home: Home = None, as_json: AsJson = False) -> None:
    """List the decisions that were made by hand, newest first."""
    from broadsheet import present, wire

    with opened(home) as library:
        found = library.deciding.decisions(limit)
    if as_json:
        print_json({"decisions": [wire.decision(d) for d in found]})
    else:
        present.decisions(found)


def _tell(found: Decision, words: str, as_json: bool) -> None:
    from broadsheet import wire

    if as_json:
        print_json(wire.decision(found))
    else:
        typer.echo(f"{words} (`broadsheet undo {found.id}` takes it back)")
