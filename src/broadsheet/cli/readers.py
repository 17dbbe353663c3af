"""Commands for accounts: sharing a collection, and who reads it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import (
    As,
    AsJson,
    Home,
    acting,
    app,
    fail,
    opened,
    print_json,
    settings_of,
)

if TYPE_CHECKING:
    from broadsheet.readers.accounts import Accounts

Name = Annotated[str, typer.Argument(help="The name of a reader.")]
Note = Annotated[str, typer.Option("--note", help="Why, for the log.")]
Role = Annotated[str, typer.Option("--role", help="reader, curator or admin.")]


@app.command()
def share(
    email: Annotated[str, typer.Option("--email", help="Your own address.")] = "",
    address: Annotated[
        str | None, typer.Option("--address", help="Where readers reach it: https://HOST.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What you are called; else owner.")] = "",
    off: Annotated[
        bool, typer.Option("--off", help="Make it private again; its accounts stay.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Give a private collection accounts, its owner first, and print the link that lets you in.

    Nothing of the collection changes. Called again, it prints a fresh link.
    """
    if off:
        if email or name or address is not None:
            fail("--off stands alone", 2)
        _keep(home, {"shared": "off"})
        _tell({"shared": False}, "the collection is private: one reader, on this machine", as_json)
        return
    values = {"shared": "on"} | ({} if address is None else {"address": address.rstrip("/")})
    _check(values)
    with opened(home) as library:
        secret = library.accounts.own(acting(library, ""), email, name)
        held = library.accounts.account(acting(library, ""))
    _keep(home, values)
    link = _link(home, f"/letter/{secret}")
    told = {"shared": True, "name": held.name, "email": held.email, "link": link}
    _tell(
        told,
        f"the collection has accounts now, and you are its admin, {held.name}\n"
        "`broadsheet serve` it, then open this link within an hour: it signs you in, once, and "
        f"sets a password if you choose one\n{link}",
        as_json,
    )


def _check(values: dict[str, str]) -> None:
    """Raise ConfigError for values that no file of settings may hold."""
    from broadsheet import config

    config.load(values, {})


def _keep(home: Path | None, values: dict[str, str]) -> None:
    from broadsheet.harvest import setting_up

    setting_up.keep(settings_of(home=home)["home"], values)


def _link(home: Path | None, link: str) -> str:
    """Return a link that leads here, whether or not it is set where readers reach this."""
    settings = settings_of(home=home)
    here = settings["address"] or f"http://{settings['host']}:{settings['port']}"
    return here + link if link.startswith("/") else link


@app.command()
def readers(as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """List who has an account, and when they were here last."""
    from broadsheet import present, wire_accounts

    with opened(home) as library:
        found = library.accounts.readers(acting(library, as_))
    if as_json:
        print_json({"readers": [wire_accounts.listed(one) for one in found]})
    else:
        present.readers(found)


@app.command()
def invite(
    email: Annotated[
        str, typer.Argument(help="Where the invitation is sent; without one it is only printed.")
    ] = "",
    role: Role = "reader",
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make an invitation, whose link is good for two weeks, once."""
    from broadsheet import wire_accounts

    with opened(home) as library:
        made = library.accounts.invite(acting(library, as_), email, role)
    made = made._replace(link=_link(home, made.link))
    sent = f"a letter to {made.email} is on its way\n" if made.is_sent else ""
    _tell(wire_accounts.invitation(made), sent + made.link, as_json)


@app.command()
def invitations(
    withdraw: Annotated[
        str, typer.Option("--withdraw", help="Take one back, by the beginning of its id.")
    ] = "",
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the invitations that nobody has used yet, or take one back."""
    from broadsheet import present

    with opened(home) as library:
        actor = acting(library, as_)
        if withdraw:
            _withdraw(library.accounts, actor, withdraw)
        found = library.accounts.invitations(actor)
    if as_json:
        print_json({"invitations": [row._asdict() for row in found]})
    else:
        present.invitations(found)


def _withdraw(accounts: Accounts, actor: Any, start: str) -> None:
    named = [row.id for row in accounts.invitations(actor) if row.id.startswith(start)]
    if len(named) > 1:
        fail(f"{len(named)} invitations begin with {start!r}; give more of the id", 2)
    accounts.withdraw(actor, named[0] if named else start)


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="reader, curator or admin.")],
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Give a reader another role."""
    with opened(home) as library:
        library.accounts.set_role(acting(library, as_), name, role)
    _tell({"name": name.lower(), "role": role}, f"{name} is {role} now", as_json)


@app.command()
def sign_in(name: Name, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """Print a link that signs a reader in and sets a new password, for who forgot theirs.

    It is good for an hour, once, and stands in the log.
    """
    with opened(home) as library:
        secret = library.accounts.link_for(acting(library, as_), name)
    link = _link(home, f"/letter/{secret}")
    _tell({"name": name.lower(), "link": link}, link, as_json)


@app.command()
def ban(
    name: Name, note: Note = "", as_: As = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Shut a reader out at once; their votes count no more."""
    with opened(home) as library:
        library.accounts.ban(acting(library, as_), name, note)
    words = f"{name} is banned (`broadsheet unban {name}` takes it back)"
    _tell({"name": name.lower(), "state": "banned"}, words, as_json)


@app.command()
def unban(
    name: Name, note: Note = "", as_: As = "", home: Home = None, as_json: AsJson = False
) -> None:
    """Let a reader in again."""
    with opened(home) as library:
        library.accounts.unban(acting(library, as_), name, note)
    _tell({"name": name.lower(), "state": "active"}, f"{name} may sign in again", as_json)


@app.command()
def token(
    title: Annotated[str, typer.Argument(help="What the token is for; none lists them.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, act, curate or administer; may stand more than once."),
    ] = None,
    end: Annotated[int | None, typer.Option("--end", help="End the token of this number.")] = None,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make an API token, shown this once; list them; or end one."""
    from broadsheet import present, wire_accounts

    with opened(home) as library:
        actor = acting(library, as_)
        if title:
            made = library.accounts.make_token(actor, title, scope or ["read"])
            _tell(wire_accounts.new_token(made), made.secret, as_json)
            return
        if end is not None:
            library.accounts.end_token(actor, end)
        found = library.accounts.tokens(actor)
    if as_json:
        print_json({"tokens": [wire_accounts.token(row) for row in found]})
    else:
        present.tokens(found)


@app.command()
def export_reader(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write all that is kept of a reader as JSON, for whoever asks for it."""
    import orjson

    from broadsheet.collection.backup import replacing

    with opened(home) as library:
        told = library.accounts.export_of(acting(library, as_), name)
    data = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with replacing(output, force=force) as place:
        place.write_bytes(data)
    facts = {"name": name.lower(), "file": str(output), "bytes": len(data)}
    _tell(facts, f"all that is kept of {name} is in {output}", as_json)


@app.command()
def forget_reader(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Delete the account of a reader who asked for it, with what they wrote; there is no way back.

    Picks and submissions stay, without a name.
    """
    with opened(home) as library:
        library.accounts.profile(name)
        if not yes and not typer.confirm(f"Delete {name} and all they wrote?", err=True):
            fail("nothing was deleted", 1)
        library.accounts.forget(acting(library, as_), name)
    _tell({"name": name.lower(), "state": "deleted"}, f"{name} is forgotten", as_json)


def _tell(facts: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        typer.echo(words)
