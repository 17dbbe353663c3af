"""Changing settings in the file of a home, so that everything else in it stays."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Table

from broadsheet.config import FILE_NAME, SETTINGS, SOURCES
from broadsheet.errors import ConfigError, SourceNotFound
from broadsheet.harvest.registry import ENABLED, KEY_VARIABLE, Registry
from broadsheet.sources.base import Source


def switch(home: Path, name: str, *, is_on: bool) -> None:
    """Enable or disable a source in the settings of a home; raises SourceNotFound, ConfigError."""
    known = Registry({}, {}).names
    if name not in known:
        raise SourceNotFound(name, known)
    _change(home / FILE_NAME, name, lambda table: table.update(enabled=is_on))


def add_feeds(home: Path, urls: Iterable[str]) -> int:
    """Add addresses to the feeds of a home that it lacks; return how many those were."""
    wanted, added = dict.fromkeys(urls), 0

    def add(table: Any) -> None:
        nonlocal added
        table.setdefault("urls", [])
        have = table["urls"]
        if not isinstance(have, list):
            raise ConfigError(f"{home / FILE_NAME}: [sources.feeds] urls is no list of addresses")
        fresh = [url for url in wanted if url not in have]
        if isinstance(have, Array):
            have.multiline(multiline=True)
        have.extend(fresh)
        added = len(fresh)

    _change(home / FILE_NAME, "feeds", add)
    return added


def keep(home: Path, values: Mapping[str, Any]) -> None:
    """Write settings that are no source's into the file of a home; raises ConfigError."""
    file = home / FILE_NAME
    document = _read(file)
    wanted = {**document.unwrap(), **values}
    for name, value in values.items():
        document[name] = value
    _write_sound(file, document, wanted, ", ".join(values))


def example() -> str:
    """Return a file of settings with every setting and every source, all at their defaults.

    All of it is commented out, with what each is for: whoever wants another value takes the mark
    away.
    """
    lines = [
        f"# {FILE_NAME}: the settings of this Broadsheet. Each line shows a default; take the #",
        "# away to change it. What the command line or the environment says comes first.",
        "",
    ]
    for setting in SETTINGS:
        if setting.name != "home":
            lines += [f"# {setting.help}", f"#{setting.name} = {_shown(setting.default)}", ""]
    registry = Registry({}, {})
    for name in registry.names:
        lines += _of_source(registry.setup(name).source)
    return "\n".join(lines)


def _of_source(source: Source) -> list[str]:
    lines = [f"# {source.title}", f"#[{SOURCES}.{source.name}]"]
    if source.key_variable:
        lines += [
            "# The environment variable that holds the key; NAME_FILE may name a file with it.",
            f"#{KEY_VARIABLE} = {_shown(source.key_variable)}",
        ]
    for option in (ENABLED, *source.options):
        lines += [f"# {option.help}", f"#{option.name} = {_shown(option.default)}"]
    return [*lines, ""]


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return str(tomlkit.item(list(value)).as_string())
    return str(tomlkit.item(str(value) if isinstance(value, Path) else value).as_string())


def _change(file: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change the table of a source in a file, and nothing else in it."""
    document = _read(file)
    wanted = document.unwrap()
    change(_table(wanted, name, file))
    change(_table(document, name, file))
    _write_sound(file, document, wanted, f"[sources.{name}]")


def _write_sound(file: Path, document: tomlkit.TOMLDocument, wanted: Any, what: str) -> None:
    """Write a changed document, if it says what is `wanted` and no more; raises ConfigError."""
    text = tomlkit.dumps(document).lstrip("\n")
    try:
        is_sound = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        is_sound = False
    if not is_sound:
        # Dotted names before other settings, for one: what follows would join another table.
        raise ConfigError(f"{file} has a form that can only be changed by hand: {what}")
    _write(file, text)


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return (
            tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()
        )
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _table(document: Any, name: str, file: Path) -> Any:
    """Return the table of a source, made if there is none."""
    found = document
    for key, empty in ((SOURCES, tomlkit.table(is_super_table=True)), (name, tomlkit.table())):
        found = found.setdefault(key, empty if isinstance(found, Container | Table) else {})
        if not isinstance(found, MutableMapping):
            raise ConfigError(f"{file}: {key} is no table; write [sources.{name}]")
    return found


def _write(file: Path, text: str) -> None:
    """Replace the file as a whole, so that it is never half written; a link to it stays one."""
    file = file.resolve()
    fresh = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        if file.exists():
            shutil.copymode(file, fresh)
        fresh.replace(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
