"""Which sources there are, and how they are set up: `[sources.NAME]` in the settings.

Sources of one's own are classes that an installed package names under the entry point
`broadsheet.sources`. A class is imported when it is needed, so that sources cost nothing at start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from broadsheet.editions import calendar
from broadsheet.errors import ConfigError, SourceNotFound
from broadsheet.harvest.outcome import expected_listing
from broadsheet.sources.base import Option, Source

GROUP: Final = "broadsheet.sources"
_BUILT_IN: Final = {
    "arxiv": "broadsheet.sources.arxiv:Arxiv",
    "hf": "broadsheet.sources.huggingface:HuggingFace",
    "feeds": "broadsheet.sources.feeds:Feeds",
    "zotero": "broadsheet.sources.zotero:Zotero",
    "openalex": "broadsheet.sources.openalex:OpenAlex",
    "s2": "broadsheet.sources.semantic_scholar:SemanticScholar",
    "github": "broadsheet.sources.github:GitHub",
    "crossref": "broadsheet.sources.crossref:Crossref",
    "acl": "broadsheet.sources.acl:AclAnthology",
    "biorxiv": "broadsheet.sources.biorxiv:Biorxiv",
    "openreview": "broadsheet.sources.openreview:OpenReview",
}
"""In order of importance: the order in which what is due is run."""
ENABLED: Final = Option(
    "enabled", default=False, help="Whether it is harvested when it is due, and by `harvest` alone."
)
KEY_VARIABLE: Final = "key_variable"
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*|")


class Setup(NamedTuple):
    """One source as it is set up; `trusted` are addresses that its settings name."""

    source: Source
    is_enabled: bool
    has_key: bool
    trusted: tuple[str, ...]


class Registry:
    """All sources, each made when it is first asked for."""

    def __init__(
        self,
        tables: Mapping[str, Mapping[str, Any]],
        environ: Mapping[str, str],
        file: str = "",
        also: Mapping[str, Any] | None = None,
    ) -> None:
        """`tables` is what the settings say of each source, `environ` may hold keys.

        `also` has classes of sources besides those that are installed.

        Raises ConfigError for a table of a source that there is not.
        """
        self._tables = tables
        self._environ = environ
        self._file = file or "the settings"
        self._classes = _classes() | {n: lambda k=kind: k for n, kind in (also or {}).items()}
        self._made: dict[str, Setup] = {}
        for name in tables:
            if name not in self._classes:
                known = ", ".join(self.names)
                raise ConfigError(f"{self._file}: there is no source {name!r}; there are {known}")

    @property
    def names(self) -> list[str]:
        """The names of all sources, the most important first."""
        return list(self._classes)

    @property
    def enabled(self) -> list[str]:
        """The names of the sources that are enabled; raises ConfigError where that is unclear."""
        return [n for n in self.names if self._is_enabled(n, self._tables.get(n, {}))]

    def setup(self, name: str) -> Setup:
        """Return a source; raises SourceNotFound, and ConfigError for a setting that is wrong."""
        if name not in self._classes:
            raise SourceNotFound(name, self.names)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def setups(self, names: Collection[str] = ()) -> Iterator[Setup]:
        """Yield the sources with these names, all of them if none is named."""
        return (self.setup(name) for name in (names or self.names))

    def _make(self, name: str) -> Setup:
        kind = self._classes[name]()
        if kind.name != name:
            raise ConfigError(f"the source {name!r} calls itself {kind.name!r}: it needs one name")
        said = dict(self._tables.get(name, {}))
        self._refuse_others(name, kind, said)
        values = {
            option.name: self._value(name, option, said.get(option.name, option.default))
            for option in kind.options
        }
        key = self._key(self._variable(name, kind, said)) if kind.key_variable else ""
        source = kind(**values, **_also(kind, key))
        trusted = tuple(url for value in values.values() for url in _addresses(value))
        if key and (open_to_all := [url for url in trusted if not _is_protected(url)]):
            raise ConfigError(
                f"{self._file}: [sources.{name}] has a key, which would travel unprotected to "
                f"{open_to_all[0]}: use https://, or set {KEY_VARIABLE} to nothing"
            )
        return Setup(source, self._is_enabled(name, said), bool(key), trusted)

    def _refuse_others(self, name: str, kind: Any, said: Mapping[str, Any]) -> None:
        """Raise ConfigError for what is said of a source and is no setting of its."""
        keys = [KEY_VARIABLE] if kind.key_variable else []
        known = [ENABLED.name, *keys, *(option.name for option in kind.options)]
        for option in said:
            if option not in known:
                raise ConfigError(
                    f"{self._file}: [sources.{name}] has no setting {option!r}; "
                    f"it has {', '.join(known)}"
                )

    def _is_enabled(self, name: str, said: Mapping[str, Any]) -> bool:
        return bool(self._value(name, ENABLED, said.get(ENABLED.name, ENABLED.default)))

    def _variable(self, name: str, kind: Any, said: Mapping[str, Any]) -> str:
        """Return the name of the variable with the key; what is said may be the key: not shown."""
        variable = said.get(KEY_VARIABLE, kind.key_variable)
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            raise ConfigError(
                f"{self._file}: [sources.{name}] {KEY_VARIABLE}: must be the NAME of an "
                "environment variable, in capitals, not the key"
            )
        return variable

    def _value(self, name: str, option: Option, value: Any) -> Any:
        wanted = type(option.default)
        if wanted is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        if wanted is float and type(value) is int:
            return float(value)
        if type(value) is not wanted:
            raise ConfigError(
                f"{self._file}: [sources.{name}] {option.name} = {value!r}: must be "
                f"{_IN_WORDS[wanted]}"
            )
        return value

    def _key(self, variable: str) -> str:
        """Return the key that an environment variable holds, or the file that it names."""
        if not variable:
            return ""
        if key := self._environ.get(variable, "").strip():
            return key
        file = self._environ.get(f"{variable}_FILE", "")
        if not file:
            return ""
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{variable}_FILE: {file} cannot be read: {error}") from error


_IN_WORDS: Final[dict[type, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of texts",
}


def _classes() -> dict[str, Callable[[], Any]]:
    """Return how each class is got, by name; a built-in one is not replaced."""
    found: dict[str, Callable[[], Any]] = {
        name: partial(_imported, place) for name, place in _BUILT_IN.items()
    }
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, partial(_loaded, entry))
    return found


_NEEDED: Final = ("name", "title", "options", "key_variable", "check")


def _loaded(entry: EntryPoint) -> Any:
    """Return the class of a source that somebody else wrote; it is theirs to mend if it breaks."""
    package = f" of the package {entry.dist.name}" if entry.dist else ""
    which = f"the source {entry.name!r}{package} ({entry.value})"
    try:
        kind = entry.load()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{which} cannot be loaded: {why}") from error
    if missing := [name for name in _NEEDED if not hasattr(kind, name)]:
        raise ConfigError(f"{which} is no source: it lacks {', '.join(missing)}")
    return kind


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _also(kind: Any, key: str) -> dict[str, Any]:
    """Return what a class is given besides its options."""
    also: dict[str, Any] = {"key": key} if kind.key_variable else {}
    if kind.name == "arxiv":
        also["calendar"] = _imported("broadsheet.sources.arxiv:ArxivCalendar")(
            listing_day_of=lambda at: calendar.listing_day(calendar.announcement(at)),
            is_listing_day=lambda day: calendar.silence(day) is None,
            latest_listing=expected_listing,
        )
    return also


def _is_protected(url: str) -> bool:
    """Return whether nobody on the way can read what is sent there."""
    place = urlsplit(url)
    return place.scheme == "https" or place.hostname in {"127.0.0.1", "::1", "localhost"}


def _addresses(value: object) -> Iterator[str]:
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and urlsplit(text).scheme in {"http", "https"}:
            yield text
