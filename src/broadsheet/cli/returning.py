"""Commands for what comes back: letters that bounced, addresses that get nothing more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from broadsheet.cli.base import As, AsJson, Home, Limit, acting, app, fail, opened, print_json


@app.command()
def bounces(
    mailbox: Annotated[
        bool, typer.Option("--mailbox", help="Read the mailbox that the settings name, instead.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take a letter that came back from standard input, as a mail server pipes it."""
    if mailbox:
        _read_mailbox(home, as_json)
        return
    from broadsheet import present_delivery as present
    from broadsheet import wire_delivery as wire
    from broadsheet.delivery.bounces import LONGEST

    data = sys.stdin.buffer.read(LONGEST)
    # What is more is read as well, so that no server that writes it breaks off.
    while sys.stdin.buffer.read(LONGEST):
        pass
    with opened(home, wait=False) as library:
        found = library.mailroom.returns.take(data)
    if as_json:
        print_json(wire.taken_json(found))
    else:
        present.taken(found)


def _read_mailbox(home: Home, as_json: bool) -> None:
    from broadsheet.delivery.mailbox import read_mailbox
    from broadsheet.errors import ConfigError
    from broadsheet.present import Bar

    with opened(home, wait=False) as library, Bar("letters") as bar:
        manner = library.mailroom.manner
        if not manner.mailbox:
            raise ConfigError(
                "mailbox is not set: write imaps://USER@HOST, as docs/bounces.md says"
            )
        found = read_mailbox(
            manner.mailbox,
            manner.mailbox_password,
            library.mailroom.returns.take,
            lambda done, of: bar.show("reading the mailbox", done, of, done),
        )
    if as_json:
        print_json(found._asdict())
    else:
        typer.echo(f"taken {found.taken}, left as none of ours {found.left}, failed {found.failed}")


@app.command()
def suppressions(
    add: Annotated[str, typer.Option("--add", help="Send nothing to this address any more.")] = "",
    note: Annotated[str, typer.Option("--note", help="Why, for those who come later.")] = "",
    remove: Annotated[str, typer.Option("--remove", help="Send to this address again.")] = "",
    limit: Limit = 100,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the addresses that nothing is sent to, by their hashes; or add or remove one."""
    from broadsheet import present_delivery as present

    if add and remove:
        fail("--add and --remove are two things: do one after the other", 2)
    with opened(home, wait=False) as library:
        actor, returns = acting(library, as_), library.mailroom.returns
        if add or remove:
            has_changed = (
                returns.suppress(actor, add, note) if add else returns.allow(actor, remove)
            )
            _tell(has_changed, "suppressed" if add else "allowed", as_json)
            return
        actor.require("administer")
        found = returns.suppressions(limit)
    if as_json:
        print_json({"suppressions": [one._asdict() for one in found]})
    else:
        present.suppressions(found)


def _tell(has_changed: bool, words: str, as_json: bool) -> None:
    if as_json:
        print_json({"changed": has_changed})
    else:
        typer.echo(f"{words} now" if has_changed else f"it was {words} already")
