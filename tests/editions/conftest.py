"""A press, empty, and one with an edition that is closed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broadsheet.collection.database import Database
from broadsheet.factory import DATABASE, open_library
from broadsheet.search.embedding import StaticEmbedder
from editions.presses import (
    MONDAY,
    THURSDAY,
    TUESDAY_MORNING,
    Clock,
    Press,
    several,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an empty record, to be copied: making one takes long."""
    path = tmp_path_factory.mktemp("empty") / DATABASE
    Database(path).close()
    return path


@pytest.fixture
def press(home: Path, empty: Path, embedder: StaticEmbedder) -> Iterator[Press]:
    """Give an empty library on a Tuesday morning."""
    home.mkdir()
    shutil.copy(empty, home)
    clock = Clock(TUESDAY_MORNING)
    with open_library(home, clock=clock, embedder=embedder) as library:
        yield Press(library, clock)


@pytest.fixture
def closed(press: Press) -> Press:
    """Return a press whose edition of Tuesday was filed on Tuesday and is closed on Thursday."""
    press.file(*several(1, 12), *several(20, 8, category="cs.CL"), *several(40, 3, MONDAY))
    press.clock.now = THURSDAY
    return press
