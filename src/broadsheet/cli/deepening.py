"""The command of the deep tier: switching it on and off, how it stands, working through it now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broadsheet.cli.base import AsJson, Home, app, fail, opened, print_json, settings_of

if TYPE_CHECKING:
    from broadsheet.library import Library


@app.command()
def deepen(
    model: Annotated[
        str | None,
        typer.Option("--model", help="Switch it on: a model's folder, or its name."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch it off; its vectors stay.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Embed what waits until all is done, without a rest.")
    ] = False,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            min=0.01,
            max=1,
            help="How much of one core's time it may take: while serving, or with --now this time.",
        ),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a better model embed the collection by and by, and show how far that has come."""
    from broadsheet import present, wire

    if off and (model or now):
        fail("--off stands without --model and --now", 2)
    place = settings_of(home=home)["home"]
    _keep(place, model, off, None if now else share)
    with opened(home) as library:
        if now:
            _work(library, 1.0 if share is None else share)
        found = library.deep_state()
    if as_json:
        print_json(wire.deep(found))
    else:
        present.deep(found)


def _keep(home: Path, model: str | None, off: bool, share: float | None) -> None:
    """Write into the settings of a home what was said."""
    values: dict[str, Any] = {}
    if model is not None:
        from broadsheet.factory import choose_deep

        values["deep"] = choose_deep(model, home)
    elif off:
        values["deep"] = ""
    if share is not None:
        values["deep_share"] = share
    if values:
        from broadsheet.harvest import setting_up

        setting_up.keep(home, values)


def _work(library: Library, share: float) -> None:
    from broadsheet.present import Bar

    begun = None
    with Bar("papers") as bar:
        for done, total in library.deepen(share):
            begun = done if begun is None else begun
            bar.show("deep tier", done, total, done - begun)
