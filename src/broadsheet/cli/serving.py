"""Commands that serve, and that show the settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import (
    AsJson,
    Home,
    app,
    fail,
    finishing,
    home_before_command,
    opened,
    print_json,
    settings_of,
)
from broadsheet.cli.filing import import_one

if TYPE_CHECKING:
    import socket

    from broadsheet.library import Library


@app.command()
def config(
    example: Annotated[
        bool, typer.Option("--example", help="Print a commented broadsheet.toml with all defaults.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show every setting, its value and where the value came from."""
    if example:
        from broadsheet.harvest import setting_up

        typer.echo(setting_up.example())
        return
    from broadsheet import present
    from broadsheet.config import SETTINGS
    from broadsheet.factory import load_config

    flags = {"home": home or next(iter(home_before_command), None)}
    found = load_config(flags, os.environ)
    rows = [(s.name, str(found[s.name].value), found[s.name].origin, s.help) for s in SETTINGS]
    if as_json:
        print_json({n: {"value": v, "origin": o, "help": h} for n, v, o, h in rows})
    else:
        present.settings(rows)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    home: Home = None,
) -> None:
    """Serve the web pages and the JSON API until stopped."""
    settings = settings_of(home=home, host=host, port=port)
    _require_loopback(settings)
    # Uvicorn takes the signal itself while it runs, and then gives it to the process again.
    with finishing(0), opened(home, wait=False, host=host, port=port) as library:
        if settings["schedule"] == "on" and library.newsroom.registry.enabled:
            library.newsroom.follow()
        if settings["deliver"] == "on":
            library.mailroom.follow()
        _serve(library, settings)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Print and end, without serving.")] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    home: Home = None,
) -> None:
    """Load the starter collection, print the front page and a search, and serve them."""
    from broadsheet import present, starter
    from broadsheet.editions import calendar as periods
    from broadsheet.present import Bar

    settings = settings_of(home=home or _demo_home(), host=host, port=port)
    _require_loopback(settings)
    with opened(settings["home"]) as library:
        with Bar("records") as bar:
            import_one(library, starter.PAPERS, None, bar)
        today = library.today()
        period = periods.day_of(library.editions.newest(today) or today)
        present.edition(library.editions.edition(period))
        question = "residual neural network"
        typer.echo(f"\n$ broadsheet search {question}\n")
        present.page(library.search(question, limit=3))
        if not once:
            library.follow()
            _serve(library, settings)


def _demo_home() -> Path | None:
    """Return a home beside the usual one, so that the demo leaves a collection alone."""
    from broadsheet.factory import load_config

    flags = {"home": next(iter(home_before_command), None)}
    usual = load_config(flags, os.environ)["home"]
    home: Path = usual.value
    return home.with_name(f"{home.name}-demo") if usual.origin == "default" else None


def _require_loopback(settings: dict[str, Any]) -> None:
    """Refuse to serve a collection without a login to other machines; raises ConfigError."""
    import ipaddress

    from broadsheet.errors import ConfigError

    host = settings["host"]
    try:
        is_near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_near = host == "localhost"
    if settings["shared"] == "off" and not is_near:
        raise ConfigError(
            f"host = {host!r}: a private collection has no login, so it is served to this machine "
            "alone. `broadsheet share` makes it one with accounts"
        )


def _serve(library: Library, settings: dict[str, Any]) -> None:
    import uvicorn

    from broadsheet.web.app import create_app

    listener = listening(settings["host"], settings["port"])
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"\nBroadsheet is served at http://{shown}:{port}/  (Ctrl+C stops it)")
    names = [settings["host"], *filter(None, settings["names"].split(","))]
    pages = create_app(
        library,
        page_size=settings["page_size"],
        mode=settings["mode"],
        names=names,
        hub=settings["websub_hub"],
    )
    server = uvicorn.Server(uvicorn.Config(pages, log_level="warning", access_log=False))
    # Among threads that compute, the one that takes requests waits so long for each of them.
    sys.setswitchinterval(0.0005)
    server.run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """Return a socket at which connections wait from here on, so the address can be told.

    Exits with a message if there is no listening there.
    """
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of a socket that names TCP asyncio sends at once what is written: else the second piece
    # of a page waits until the browser acknowledges the first, which takes it up to 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        fail(f"cannot listen on {host}:{port}: {error.strerror}", 1)
    listener.listen(128)
    return listener
