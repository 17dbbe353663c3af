"""What tests of readers share: an empty record to copy, and houses with accounts."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from broadsheet.collection.database import Database
from readers.houses import OPEN, house


@pytest.fixture(scope="session")
def empty_record(tmp_path_factory: pytest.TempPathFactory):
    """Return a record without anything in it: to make one takes longer than most tests."""
    place = tmp_path_factory.mktemp("empty") / "broadsheet.db"
    Database(place).close()
    return place


@pytest.fixture
def build(tmp_path, empty_record):
    """Return a function that builds a house with certain rules."""
    with ExitStack() as stack:
        yield lambda rules=OPEN, **how: stack.enter_context(
            house(tmp_path, empty_record, rules, **how)
        )


@pytest.fixture
def built(build):
    """Return a house where everybody may make an account."""
    return build()
