"""A source asked over real HTTP on this machine, and what every parser must survive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.types import ExternalId, PaperId, Record
from broadsheet.sources.base import Batch, Cursor, Item, Wanted
from broadsheet.sources.polite import PoliteClient
from loopback import FakeTime, Loopback


class Stage:
    """A loopback server in a time of its own, and clients that go there."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self.time = FakeTime()
        self.server = closing.enter_context(Loopback(time=self.time))
        self._folder = folder
        self._closing = closing

    @property
    def url(self) -> str:
        """Return the address of the server."""
        return self.server.url

    def client(self, source: Any) -> PoliteClient:
        """Return a client with the manner of `source`, that never really sleeps."""
        client = PoliteClient(
            source.manner,
            version="1",
            locks=self._folder,
            time=self.time,
            trusted=[self.url],
            chance=lambda: 0.5,
        )
        return self._closing.enter_context(client)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Yield a server and clients, closed at the end."""
    with ExitStack() as closing:
        yield Stage(folder, closing)


def wanted(paper: int, *ids: str, title: str = "A Title", **kept: Any) -> Wanted:
    """Return a held paper with ids like `arxiv:2611.00001`."""
    external = tuple(ExternalId(*i.split(":", 1)) for i in ids)
    return Wanted(PaperId(paper), external, title, (), kept)


def records(items: Iterable[Item]) -> list[Record]:
    """Return items that must all be records."""
    found = list(items)
    assert all(isinstance(i, Record) for i in found), found
    return [i for i in found if isinstance(i, Record)]


def filed(batches: Iterable[Batch]) -> tuple[dict[str, Record], Cursor]:
    """Return the records of some batches by key, as they would be filed, and the last cursor."""
    held: dict[str, Record] = {}
    cursor: Cursor = {}
    for batch in batches:
        held |= {r.key: r for r in batch.items if isinstance(r, Record)}
        cursor = orjson.loads(orjson.dumps(batch.cursor))
    return held, cursor


def resumed(
    harvest: Callable[[Cursor], Iterator[Batch]], stop_after: int, cursor: Cursor | None = None
) -> dict[str, Record]:
    """Return what is held of a harvest that stops after so many batches and is begun again."""
    first = harvest(cursor or {})
    held, at = filed(batch for batch, _ in zip(first, range(stop_after), strict=False))
    more, _ = filed(harvest(at if stop_after else cursor or {}))
    return held | more


def survives(read: Callable[[bytes], Sequence[Item | None]], body: bytes) -> None:
    """Check that reading `body` gives items that can be kept, or SourceError, nothing else."""
    try:
        items = read(body)
    except SourceError as error:
        assert str(error)  # noqa: PT017 (any sentence will do)
        return
    for item in items:
        if isinstance(item, Record):
            assert item.key
            assert item.title
            assert len(orjson.dumps(item.extra)) < 200_001
        elif item is not None:
            assert isinstance(item, RecordError)
            assert item.place >= 1


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["<p>x</p>", "2026-13-45", "10.5555/x", "https://x.example", "9" * 5000, ""])
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def drifted(draw: st.DrawFn, answers: Sequence[Any]) -> bytes:
    """Return one of the answers as JSON, with some values replaced by others of any type."""
    answer = orjson.loads(orjson.dumps(draw(st.sampled_from(answers))))
    for _ in range(draw(st.integers(1, 3))):
        answer = _replaced(draw, answer)
    return orjson.dumps(answer)


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    """Return a JSON value with one value somewhere in it replaced."""
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    if not keys or draw(st.integers(0, 4)) == 0:
        return draw(_VALUES)
    key = draw(st.sampled_from(list(keys)))
    value[key] = _replaced(draw, value[key])
    return value
