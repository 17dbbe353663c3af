"""Changing the settings of sources in the file of a home, so that everything else in it stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from broadsheet.config import FILE_NAME, SETTINGS, SOURCES
from broadsheet.errors import ConfigError, SourceNotFound
from broadsheet.harvest.registry import ENABLED, KEY_VARIABLE, Registry
from broadsheet.sources.base import Source


def switch(home: Path, name: str, *, is_on: bool) -> None:
    """Enable or disable a source in the settings of a home; raises SourceNotFound, ConfigError."""
    known = Registry({}, {}).names
    if name not in known:
        raise SourceNotFound(name, known)
    file = home / FILE_NAME
    document = _read(file)
    _table(document, name, file)["enabled"] = is_on
    _write(file, document)


def add_feeds(home: Path, urls: Iterable[str]) -> int:
    """Add addresses to the feeds of a home that it lacks; return how many those were."""
    file = home / FILE_NAME
    document = _read(file)
    table = _table(document, "feeds", file)
    have = table.get("urls", [])
    if not isinstance(have, list):
        raise ConfigError(f"{file}: [sources.feeds] urls is no list of addresses")
    fresh = [url for url in dict.fromkeys(urls) if url not in have]
    table["urls"] = tomlkit.item([*have, *fresh]).multiline(multiline=True)
    _write(file, document)
    return len(fresh)


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


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return (
            tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()
        )
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _table(document: tomlkit.TOMLDocument, name: str, file: Path) -> Any:
    found: Any = document
    for key, empty in ((SOURCES, tomlkit.table(is_super_table=True)), (name, tomlkit.table())):
        found = found.setdefault(key, empty)
        if not isinstance(found, MutableMapping):
            raise ConfigError(f"{file}: {key} is no table; write [sources.{name}]")
    return found


def _write(file: Path, document: tomlkit.TOMLDocument) -> None:
    """Replace the file as a whole, so that it is never half written; a link to it stays one."""
    file = file.resolve()
    fresh = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(tomlkit.dumps(document), encoding="utf-8")
        if file.exists():
            shutil.copymode(file, fresh)
        fresh.replace(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
