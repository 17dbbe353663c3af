"""What all commands share: the application, the options, opening the library, printing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from broadsheet import __version__

if TYPE_CHECKING:
    from broadsheet.library import Library
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
def opened(home: Path | None) -> Iterator[Library]:
    """Open the library in `home`, its index brought up to date, for one command."""
    from broadsheet.factory import open_library

    with open_library(settings_of(home=home)["home"], progress=_show_catching_up) as library:
        yield library


def _show_catching_up(done: int, total: int) -> None:
    """Say how far the index has come that has to catch up before a command can go on."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\rbringing the index up to date: {done:,} of {total:,} papers{end}")
        sys.stderr.flush()


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
