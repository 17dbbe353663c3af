"""What all commands share: the application, the options, opening the library, printing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self

import typer

from broadsheet import __version__

if TYPE_CHECKING:
    from broadsheet.library import Library
    from broadsheet.present import Bar
    from broadsheet.readers.permissions import Actor
    from broadsheet.search.engine import Mode

# Everything below the surface is imported inside the commands, so that `--help` is instant.

app = typer.Typer(
    name="broadsheet",
    help="The daily paper of research, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The folder with the collection.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many to show.")]
ModeName = Annotated[
    str | None, typer.Option("--mode", help="hybrid, text (words) or vector (meaning).")
]
As = Annotated[
    str,
    typer.Option("--as", help="The reader who does it; else the owner.", show_default=False),
]
Ident = Annotated[str, typer.Argument(help="p12, an arXiv id, a DOI, an ACL id or a link.")]

home_before_command: list[Path] = []


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"broadsheet {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    home: Home = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    home_before_command[:] = [home] if home else []


def settings_of(**flags: object) -> dict[str, Any]:
    """Return the value of every setting; `flags` holds what the command line said."""
    from broadsheet.factory import load_config

    if flags.get("home") is None and home_before_command:
        flags["home"] = home_before_command[0]
    return {name: found.value for name, found in load_config(flags, os.environ).items()}


@contextmanager
def opened(home: Path | None, *, wait: bool = True, **flags: object) -> Iterator[Library]:
    """Open the library in `home` for one command; `flags` holds what its line said of settings.

    Its index is brought up to date first or, without `wait`, meanwhile.
    """
    from broadsheet.factory import (
        make_deep,
        make_embedder,
        make_mailroom,
        make_newsroom,
        make_post,
        open_library,
    )
    from broadsheet.readers.rules import Rules

    settings = settings_of(home=home, **flags)
    with (
        CatchingUp() as progress,
        open_library(
            settings["home"],
            embedder=make_embedder(settings, os.environ),
            deep=make_deep(settings),
            deep_share=settings["deep_share"],
            progress=progress,
            wait=wait,
            unasked=settings["embedder_unasked"],
            upgrading=progress.upgrading,
            newsroom=lambda library: make_newsroom(settings, os.environ, library),
            mailroom=lambda library: make_mailroom(settings, os.environ, library),
            rules=Rules.of(settings, os.environ),
            post=make_post(settings, os.environ, _tell_letter),
        ) as library,
    ):
        _tell_upgrade(library)
        yield library


@contextmanager
def finishing(code: int) -> Iterator[None]:
    """Let SIGTERM end a command with a code once what it has under way has ended, as Ctrl+C does.

    Else a digest that is being handed over might have arrived, and nobody would know.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_letter(words: str) -> None:
    typer.echo(f"broadsheet: {words}", err=True)


def _tell_upgrade(library: Library) -> None:
    if done := library.database.upgraded:
        typer.echo(
            f"the collection in {library.database.path.parent} was upgraded from schema "
            f"{done.before} to {done.after}; as it was, it is kept in {done.backup}",
            err=True,
        )


class CatchingUp:
    """Shows how far index or upgrade have come, with a bar that is there only while it takes."""

    def __init__(self) -> None:
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` papers or changes are done."""
        self._show("papers", "bringing the index up to date", done, total, done)

    def upgrading(self, what: str, done: int, size: int) -> None:
        """Show how far the backup before an upgrade has come, in bytes."""
        self._show("MB", f"{what} for an upgrade", done, size, done // 1_000_000)

    def _show(self, unit: str, what: str, done: int, total: int, count: int) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            from broadsheet.present import Bar

            self._bar = Bar(unit).__enter__()
        self._bar.show(what, done, total, count)
        if done >= total:
            self._end()

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def acting(library: Library, name: str) -> Actor:
    """Return the reader of this name, or the owner: whoever has the files may do anything."""
    from broadsheet.readers.permissions import OWNER

    return library.accounts.actor(name) if name else OWNER


def mode_of(name: str | None, home: Path | None) -> Mode:
    """Return the mode of search that a command was asked for, or the one that is set."""
    found: Mode = settings_of(home=home, mode=name)["mode"]
    return found


def print_json(value: object) -> None:
    """Print `value` as one line of JSON."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


def fail(message: str, code: int) -> NoReturn:
    """End with a message on standard error and an exit code."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
