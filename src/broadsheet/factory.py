"""Builds a Library from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from broadsheet import config
from broadsheet.collection.database import Database
from broadsheet.errors import ConfigError, StoreError
from broadsheet.library import Clock, Library, utc_now
from broadsheet.search.embedded import EmbeddedIndex
from broadsheet.search.embedding import Embedder, StaticEmbedder

DATABASE = "broadsheet.db"
INDEX = "index"


def load_config(flags: Mapping[str, Any], environ: Mapping[str, str]) -> config.Config:
    """Return the configuration, with the file that lies in the home that flags or environ name."""
    first = config.load(flags, environ)
    file = Path(first["home"].value) / config.FILE_NAME
    if not file.is_file():
        return first
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    return config.load(flags, environ, text, str(file))


def open_library(
    home: Path,
    *,
    clock: Clock = utc_now,
    embedder: Embedder | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Library:
    """Return the library in `home`, made if there is none, its index brought up to date.

    `progress` is told the changes done and the changes in all while the index catches up.

    Raises StoreError if the home cannot be used and EmbeddingError if the model is damaged.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the home {home} cannot be made: {error.strerror}") from error
    embedder = embedder or StaticEmbedder.load()
    database = Database(home / DATABASE)
    try:
        library = Library(database, EmbeddedIndex(home / INDEX, embedder), embedder, clock=clock)
        for done, total in library.catch_up():
            if progress is not None:
                progress(done, total)
    except BaseException:
        database.close()
        raise
    return library
