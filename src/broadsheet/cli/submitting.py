"""Commands for what readers bring, and for what they say that they wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import As, AsJson, Home, Ident, Limit, acting, app, opened, print_json

if TYPE_CHECKING:
    from broadsheet.collection.claims import Claim

Number = Annotated[int, typer.Argument(min=1, max=10**15, help="Its number in the list.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; whoever it belongs to is told.")]
Waiting = Annotated[bool, typer.Option("--waiting", help="Only what waits for a decision.")]


@app.command()
def submit(
    what: Annotated[
        str, typer.Argument(help="An id, a DOI, a link or a title.", show_default=False)
    ] = "",
    title: Annotated[str, typer.Option("--title", help="Enter it by hand: its title.")] = "",
    author: Annotated[
        list[str] | None, typer.Option("--author", help="An author; again for each of them.")
    ] = None,
    abstract: Annotated[str, typer.Option("--abstract", help="Its abstract.")] = "",
    link: Annotated[str, typer.Option("--link", help="Where it can be read.")] = "",
    day: Annotated[str, typer.Option("--day", help="When it came out: 2026-03-17.")] = "",
    new: Annotated[
        bool, typer.Option("--new", help="It is none of the papers that are like it.")
    ] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Submit a paper by the rules of the house: found in the sources, or entered by hand."""
    from broadsheet import present, wire_people
    from broadsheet.readers.submissions import Entry

    entry = Entry(title, tuple(author or ()), abstract, link, day)
    with opened(home) as library:
        who = acting(library, as_)
        if what or not title:
            made = library.submissions.submit(who, what)
        else:
            made = library.submissions.enter(who, entry, is_new=new)
    if as_json:
        print_json(wire_people.outcome(made))
    else:
        present.submitted(made)
    if made.number is None:
        raise typer.Exit(1)


@app.command()
def submissions(
    limit: Limit = 50,
    waiting: Waiting = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List what was submitted, newest first."""
    from broadsheet import present, wire_people

    with opened(home) as library:
        state: Any = "waiting" if waiting else None
        found = library.submissions.submissions(acting(library, as_), limit, state)
    if as_json:
        print_json({"submissions": [wire_people.submission(s) for s in found]})
    else:
        present.submissions(found)


@app.command()
def take(
    number: Number, reason: Reason = "", as_: As = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Make what a reader entered by hand a paper."""
    _decide(number, reason, as_, home, as_json=as_json, is_taken=True)


@app.command()
def refuse(
    number: Number, reason: Reason = "", as_: As = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Refuse what a reader entered by hand."""
    _decide(number, reason, as_, home, as_json=as_json, is_taken=False)


def _decide(
    number: int, reason: str, as_: str, home: Home, *, as_json: bool, is_taken: bool
) -> None:
    from broadsheet import wire_people

    with opened(home) as library:
        made = library.submissions.decide(
            acting(library, as_), number, is_taken=is_taken, reason=reason
        )
    if as_json:
        print_json(wire_people.submission(made))
    elif made.paper is None:
        typer.echo(f"submission {number} is refused")
    else:
        typer.echo(f"submission {number} is p{made.paper}")


# ---------------------------------------------------------------------------- authors


@app.command()
def claim(
    ident: Ident,
    author: Annotated[
        str, typer.Option("--author", help="Which of the authors, as the paper names them.")
    ] = "",
    note: Annotated[str, typer.Option("--note", help="For whoever decides about it.")] = "",
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say that a reader is an author of a paper."""
    with opened(home) as library:
        made = library.claims.claim(acting(library, as_), ident, author, note)
    _tell_claim(made, as_json)


@app.command()
def claims(
    limit: Limit = 50,
    waiting: Waiting = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List who says that they are authors of papers, newest first."""
    from broadsheet import present, wire_people

    with opened(home) as library:
        state: Any = "waiting" if waiting else None
        found = library.claims.claims(acting(library, as_), limit, state)
    if as_json:
        print_json({"claims": [wire_people.claim(c) for c in found]})
    else:
        present.claims(found)


@app.command()
def grant(
    number: Number, reason: Reason = "", as_: As = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Grant a reader's claim to be an author."""
    with opened(home) as library:
        who = acting(library, as_)
        made = library.claims.decide(who, number, is_granted=True, reason=reason)
    _tell_claim(made, as_json)


@app.command()
def deny(
    number: Number, reason: Reason = "", as_: As = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Refuse a reader's claim to be an author, also one that was granted."""
    with opened(home) as library:
        who = acting(library, as_)
        made = library.claims.decide(who, number, is_granted=False, reason=reason)
    _tell_claim(made, as_json)


@app.command()
def withdraw(number: Number, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """Take back one's own claim to be an author."""
    with opened(home) as library:
        made = library.claims.withdraw(acting(library, as_), number)
    _tell_claim(made, as_json)


def _tell_claim(made: Claim, as_json: bool) -> None:
    from broadsheet import present, wire_people

    if as_json:
        print_json(wire_people.claim(made))
    else:
        present.claim(made)
