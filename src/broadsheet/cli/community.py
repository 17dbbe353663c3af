"""Commands for what people do: vote, comment, moderate."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from broadsheet.cli.base import (
    As,
    AsJson,
    Home,
    Ident,
    Limit,
    acting,
    app,
    opened,
    print_json,
)

if TYPE_CHECKING:
    from broadsheet.readers.comments import Comment, Thread
    from broadsheet.readers.moderation import Queue

Number = Annotated[
    int, typer.Argument(min=1, max=10**15, help="The comment, as `comments` numbers it.")
]
Note = Annotated[str, typer.Option("--note", help="Why; the writer reads it.")]

_INDENT = "  "


@app.command()
def upvote(
    ident: Ident,
    back: Annotated[bool, typer.Option("--back", help="Take the vote back.")] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Vote for a paper, once; or take the vote back."""
    from broadsheet import wire_people
    from broadsheet.papers.identity import format_paper_id

    with opened(home) as library:
        found = library.community.votes.vote(acting(library, as_), ident, not back)
        paper = library.resolve(ident)
    if as_json:
        print_json(wire_people.vote(paper, found))
    else:
        votes = "1 upvote" if found.upvotes == 1 else f"{found.upvotes:,} upvotes"
        yours = ", yours among them" if found.is_mine else ""
        typer.echo(f"{format_paper_id(paper)}: {votes}{yours}")


@app.command()
def comment(
    ident: Ident,
    text: Annotated[str, typer.Argument(help="Markdown; - reads it from standard input.")],
    parent: Annotated[
        int | None,
        typer.Option("--parent", min=1, max=10**15, help="The comment that this one answers."),
    ] = None,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Comment on a paper, or answer a comment."""
    from broadsheet import wire_people

    said = sys.stdin.read() if text == "-" else text
    with opened(home) as library:
        made = library.community.comments.write(acting(library, as_), ident, said, parent)
    if as_json:
        print_json(wire_people.comment(made))
    else:
        typer.echo(f"comment {made.id} on p{made.paper} {_stands(made)}")


def _stands(made: Comment) -> str:
    return f"waits for a curator: {made.waits_for}" if made.state == "waiting" else "is shown"


@app.command()
def comments(ident: Ident, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """Print the comments of a paper in the order of reading."""
    from broadsheet import wire_people

    with opened(home) as library:
        found = library.community.comments.of(ident, acting(library, as_))
    if as_json:
        print_json(wire_people.thread(found))
    else:
        typer.echo("\n".join(_thread_lines(found)))


def _thread_lines(found: Thread) -> Iterable[str]:
    count = "1 comment" if found.count == 1 else f"{found.count:,} comments"
    yield f"p{found.paper}: {count}"
    if found.lock:
        yield f"closed since {found.lock.at[:10]}" + _because(found.lock.reason)
    for one in found.comments:
        yield from ("", *_comment_lines(one))


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _comment_lines(found: Comment) -> Iterable[str]:
    indent = _INDENT * found.depth
    marks = [
        f"author: {found.author}" if found.author else "",
        f"edited {found.edited[:10]}" if found.edited else "",
        found.state if found.state != "shown" else "",
    ]
    said = "".join(f", {mark}" for mark in marks if mark)
    yield f"{indent}{found.id}  {found.name}, {found.at[:16].replace('T', ' ')}{said}"
    if found.waits_for:
        yield f"{indent}{_INDENT}waits for a curator: {found.waits_for}"
    for line in found.text.splitlines():
        yield f"{indent}{_INDENT}{line}"


# ---------------------------------------------------------------------------- moderation


@app.command()
def queue(limit: Limit = 50, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """List what waits for a curator's decision, the oldest first."""
    from broadsheet import wire_people

    with opened(home) as library:
        found = library.community.moderation.queue(acting(library, as_), limit)
    if as_json:
        print_json(wire_people.queue(found))
    else:
        typer.echo("\n".join(_queue_lines(found)))


def _queue_lines(found: Queue) -> Iterable[str]:
    if not any(found.sizes.values()):
        yield "nothing waits for a decision"
    for case in found.cases:
        yield from _comment_lines(case.comment)
        for report in case.reports:
            who = report.name or "the test for spam"
            yield f"{_INDENT}report {report.id} by {who}: {report.reason}"
    for what, waiting in (("submission", found.submissions), ("claim", found.claims)):
        for one in waiting:
            yield f"{what} {one.id} by {one.name}: {one.text}" + (f" ({one.note})" * bool(one.note))


@app.command()
def hide(
    number: Number,
    note: Note = "",
    back: Annotated[bool, typer.Option("--back", help="Show it instead.")] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Hide a comment, or show one that was hidden or waits; reports of it are decided so."""
    from broadsheet import wire_people

    with opened(home) as library:
        moderation = library.community.moderation
        decide = moderation.show if back else moderation.hide
        found = decide(acting(library, as_), number, note)
    if as_json:
        print_json(wire_people.comment(found))
    else:
        typer.echo(f"comment {number} is {found.state}")


@app.command()
def lock(
    ident: Ident,
    reason: Annotated[str, typer.Option("--note", help="Why, for everybody to read.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Let it take comments again.")] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a paper take no more comments."""
    with opened(home) as library:
        moderation, actor = library.community.moderation, acting(library, as_)
        paper = moderation.unlock(actor, ident) if back else moderation.lock(actor, ident, reason)
    if as_json:
        print_json({"id": f"p{paper}", "locked": not back})
    else:
        typer.echo(f"p{paper} takes {'comments again' if back else 'no more comments'}")


@app.command()
def log(limit: Limit = 50, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """List what was done with the power of curators and admins, the newest first."""
    from broadsheet import wire_people

    with opened(home) as library:
        found = library.community.moderation.log(acting(library, as_), limit)
    if as_json:
        print_json({"actions": [wire_people.taken(t) for t in found]})
    else:
        for one in found:
            typer.echo(f"{one.at}  {one.name}: {one.action} {one.subject}{_because(one.note)}")
