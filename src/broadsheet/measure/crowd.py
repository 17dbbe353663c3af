"""A crowd of readers who vote and comment over HTTP, in a process of its own.

    python -m broadsheet.measure.crowd < plan.json > acts.json

The plan says where (`host`, `port`), who (`tokens`, one a reader), for how many `seconds`, with how
long a `pause` before each act of a reader in the mean and at `most` how many, which `papers` there
are, and from which `seed` all of it is drawn. What is printed is every act, with the milliseconds
until it was answered, and the status; 0 if the server was gone.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import orjson

COMMENTS = 0.1
"""The share of acts that are comments."""
BACK = 0.15
"""The share of votes that take an earlier one back."""
_PATIENCE = 60


class Plan(NamedTuple):
    """What a crowd shall do; see above."""

    host: str
    port: int
    tokens: list[str]
    papers: list[str]
    seconds: float
    pause: float
    seed: int
    most: int = 1_000_000


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Act(NamedTuple):
    """What one reader did: `what` is up, back or comment."""

    reader: int
    what: str
    paper: str
    ms: float
    status: int


def acts_of(plan: Plan, reader: int) -> Iterator[tuple[float, str, str]]:
    """Yield the pause before each act of a reader, what it is, and to which paper."""
    rng = random.Random(f"{plan.seed}/{plan.tokens[reader]}")  # noqa: S311 (a measurement)
    voted: list[str] = []
    while True:
        pause = rng.expovariate(1 / plan.pause) if plan.pause else 0.0
        paper = rng.choice(plan.papers)
        if rng.random() < COMMENTS:
            yield pause, "comment", paper
        elif voted and rng.random() < BACK:
            yield pause, "back", voted.pop(rng.randrange(len(voted)))
        else:
            if paper not in voted:
                voted.append(paper)
            yield pause, "up", paper


async def _reader(plan: Plan, reader: int) -> list[Act]:
    """Return what one reader did over a connection that is kept as long as the server keeps it."""
    done: list[Act] = []
    ends = time.perf_counter() + plan.seconds
    line: _Line | None = None
    for pause, what, paper in islice(acts_of(plan, reader), plan.most):
        if time.perf_counter() + pause > ends:
            break
        await asyncio.sleep(pause)
        began = time.perf_counter()
        line = await _line(plan, line)
        status = await _ask(line, plan, reader, what, paper) if line else 0
        done.append(Act(reader, what, paper, (time.perf_counter() - began) * 1000, status))
        if not status:
            break
    if line:
        line[1].close()
    return done


async def _line(plan: Plan, line: _Line | None) -> _Line | None:
    """Return a connection, a new one if there is none any more, or None if nobody answers."""
    if line and not line[0].at_eof():
        return line
    if line:
        line[1].close()
    with suppress(OSError):
        return await asyncio.open_connection(plan.host, plan.port)
    return None


async def _ask(
    line: _Line,
    plan: Plan,
    reader: int,
    what: str,
    paper: str,
) -> int:
    """Send one request; return the status of its answer, 0 if there was none."""
    where, body = f"/api/papers/{paper}/upvote", {"up": what == "up"}
    if what == "comment":
        where = f"/api/papers/{paper}/comments"
        body = {"text": f"Read by {reader} at {time.perf_counter()}."}  # type: ignore[dict-item]
    sent = orjson.dumps(body)
    head = (
        f"POST {where} HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n"
        f"Authorization: Bearer {plan.tokens[reader]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(sent)}\r\n\r\n"
    )
    with suppress(OSError, EOFError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            line[1].write(head.encode() + sent)
            await line[1].drain()
            return await _status(line[0])
    return 0


async def _status(lines: asyncio.StreamReader) -> int:
    head = (await lines.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await lines.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def _crowd(plan: Plan) -> list[Act]:
    done = await asyncio.gather(*(_reader(plan, n) for n in range(len(plan.tokens))))
    return [act for acts in done for act in acts]


def main() -> None:
    """Do what the plan on standard input says, and print what was done."""
    plan: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    acts = asyncio.run(_crowd(Plan(**plan)))
    sys.stdout.buffer.write(orjson.dumps([list(act) for act in acts]))


if __name__ == "__main__":
    main()
