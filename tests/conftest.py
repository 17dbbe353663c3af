"""What all tests share: a library with fakes in a temporary home, a clock, invented papers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from broadsheet.config import SETTINGS
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.search.embedding import StaticEmbedder

# On a busy machine any example may take long once, which says nothing about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# What prints is as wide in every process as `processes.environment` says: xdist sets 80 in its own,
# and a width is looked at once.
os.environ["COLUMNS"] = "100"

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in {"127.0.0.1", "::1", "localhost", "local"}:
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let what is made for many tests, too, take its turns at hosts apart from everybody else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROADSHEET_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep every test away from the home and the settings of whoever runs it."""
    for setting in SETTINGS:
        monkeypatch.delenv(f"BROADSHEET_{setting.name.upper()}", raising=False)
    monkeypatch.setenv("BROADSHEET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BROADSHEET_STATE", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def embedder() -> StaticEmbedder:
    """Return the model in the package, loaded once: it never changes."""
    return StaticEmbedder.load()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder for a collection that is not there yet."""
    return tmp_path / "home"


@pytest.fixture
def library(home: Path) -> Iterator[Library]:
    """Give an empty library whose clock stands still."""
    with open_library(home, clock=lambda: NOW) as opened:
        yield opened
