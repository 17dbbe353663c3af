"""The one table of settings, and how their values are found: flag, environment, file, default."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from broadsheet.errors import ConfigError

PREFIX = "BROADSHEET_"
FILE_NAME = "broadsheet.toml"


class Setting(NamedTuple):
    """One setting: `read` turns its text into the value, or raises ValueError saying why not."""

    name: str
    read: Callable[[str], Any]
    default: Any
    help: str


def _folder(text: str) -> Path:
    if not text:
        raise ValueError("is empty")
    return Path(text).expanduser().absolute()


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return read


def _mode(text: str) -> str:
    if text not in {"hybrid", "text", "vector"}:
        raise ValueError("must be hybrid, text or vector")
    return text


SETTINGS = (
    Setting(
        "home",
        _folder,
        Path(platformdirs.user_data_dir("broadsheet", appauthor=False)),
        "The folder with the collection and its index.",
    ),
    Setting("host", str, "127.0.0.1", "The address that `serve` listens on."),
    Setting(
        "port", _whole(0, 65535), 8620, "The port that `serve` listens on; 0 takes a free one."
    ),
    Setting("mode", _mode, "hybrid", "How to search when nothing is said: hybrid, text or vector."),
    Setting("page_size", _whole(1, 100), 20, "How many papers a page of results shows."),
)


class Value(NamedTuple):
    """A setting's value and where it came from, in words."""

    value: Any
    origin: str


Config = dict[str, Value]


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str], text: str | None = None, file: str = ""
) -> Config:
    """Return the value of every setting with its origin; the first that has one wins.

    `flags` holds what the command line said, `text` the TOML in `file`. Raises ConfigError that
    names the setting and the origin of a value that cannot be used, and unknown names in the file.
    """
    in_file = _read_file(text, file) if text is not None else {}
    return {s.name: _value(s, flags, environ, in_file, file) for s in SETTINGS}


def _value(
    setting: Setting,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    in_file: Mapping[str, Any],
    file: str,
) -> Value:
    name, variable = setting.name, f"{PREFIX}{setting.name.upper()}"
    candidates = (
        (flags.get(name), f"--{name.replace('_', '-')}"),
        (environ.get(variable), variable),
        (in_file.get(name), file),
    )
    for raw, origin in candidates:
        if raw is not None:
            return Value(_read(setting, str(raw), origin), origin)
    return Value(setting.default, "default")


def _read(setting: Setting, raw: str, origin: str) -> Any:
    try:
        return setting.read(raw)
    except ValueError as error:
        raise ConfigError(f"{setting.name} = {raw!r} (from {origin}): {error}") from error


def _read_file(text: str, file: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    # The file lies in the home, so it cannot say where the home is.
    names = [s.name for s in SETTINGS if s.name != "home"]
    unknown = sorted(set(found) - set(names))
    if unknown:
        known = ", ".join(names)
        raise ConfigError(f"{file}: unknown setting {unknown[0]!r}; there are {known}")
    return found
