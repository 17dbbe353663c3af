"""The command line: parses input, calls the library, prints. No rules live here."""

from __future__ import annotations

import gc
import os
import sys

import typer

from broadsheet.cli import (  # noqa: F401 (they add commands)
    community,
    deciding,
    deepening,
    delivering,
    editions,
    filing,
    finding,
    keeping,
    measuring,
    readers,
    returning,
    serving,
    sources,
    submitting,
)
from broadsheet.cli.base import app
from broadsheet.errors import BroadsheetError, QueryError, status_of

__all__ = ["app", "main"]


def _tell(error: BroadsheetError) -> None:
    """Print an error in words, or as JSON where the command was asked for JSON."""
    if "--json" in sys.argv:
        import orjson

        from broadsheet import wire

        typer.echo(orjson.dumps(wire.problem(error)).decode(), err=True)
        return
    typer.echo(f"broadsheet: {error}", err=True)
    if isinstance(error, QueryError):
        shown = "".join(c if c.isprintable() else " " for c in error.query)
        start = max(error.position - 60, 0)
        typer.echo(f"  {shown[start : start + 78]}", err=True)
        typer.echo("  " + " " * (error.position - start) + "^", err=True)
        if error.hint:
            typer.echo(f"  {error.hint}", err=True)


def main() -> None:
    """Run the command line; exits with the code that `errors.status_of` gives."""
    # A start makes many objects, which all stay: to look for garbage among them after every 700 is
    # a tenth of the time until the first search is answered.
    gc.set_threshold(100_000, 20, 20)
    try:
        app()
    except BroadsheetError as error:
        _tell(error)
        sys.exit(status_of(error).exit)
    except KeyboardInterrupt:
        typer.echo("stopped; what was filed so far is kept", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if os.environ.get("BROADSHEET_DEBUG"):
            raise
        typer.echo(
            f"broadsheet: {type(error).__name__}: {error}\nThis is a fault in Broadsheet, not in "
            "what you did. BROADSHEET_DEBUG=1 shows where it happened.",
            err=True,
        )
        sys.exit(status_of(error).exit)
