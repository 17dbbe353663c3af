"""A server that plays a host, and polite clients that ask it, in a time without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broadsheet.sources.polite import Manner, PoliteClient
from loopback import FakeTime, Loopback
from sources.asking import MANNER


@pytest.fixture
def time() -> FakeTime:
    """Give a time in which waiting takes none."""
    return FakeTime()


@pytest.fixture
def server(time: FakeTime) -> Iterator[Loopback]:
    """Give a server that goes by the fake time."""
    with Loopback(time=time) as running:
        yield running


@pytest.fixture
def made(time: FakeTime, server: Loopback, tmp_path: Path) -> Iterator[Callable[..., PoliteClient]]:
    """Give what makes clients of the server, with changes to their manner or arguments."""
    clients: list[PoliteClient] = []

    def make(manner: Manner = MANNER, **more: object) -> PoliteClient:
        known = {"version": "1.2", "locks": tmp_path / "locks", "time": time, "chance": _half}
        clients.append(PoliteClient(manner, **(known | {"trusted": [server.url]} | more)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(made) -> PoliteClient:
    """Give a client of the server."""
    return made()


def _half() -> float:
    return 0.5
