"""`bench --digests`: how fast issues are composed, and handed to a real server for mail.

A temporary home holds invented papers, five hundred a day as arXiv announces them, a third of them
with upvotes. All subscriptions are due at the same moment. The server is another process, which
takes every message and keeps none.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import orjson

from broadsheet.collection import schema
from broadsheet.collection.subscriptions import new_handle
from broadsheet.delivery.mail import Mailer, mailer_of
from broadsheet.delivery.mailroom import Mailroom, Manner
from broadsheet.delivery.message import MailRules
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.measure.quality import Show
from broadsheet.measure.speed import Row, vocabulary
from broadsheet.papers.types import Record, Signal

T = TypeVar("T")
COMPOSED_S: Final = 60.0
"""Seconds in which 10,000 issues are composed."""
SENT_RATE: Final = 200
"""Messages that are rendered and handed over in a second."""
_SHARE: Final = 10_000
_A_DAY: Final = 500
_CATEGORIES: Final = ("cs.LG", "cs.CL", "cs.CV", "cs.IR", "cs.RO")
_NOW: Final = datetime(2026, 11, 20, 7, tzinfo=UTC)
_SEED: Final = 20261120
_SENDER: Final = "papers@example.org"
_DOMAINS: Final = 40
_STEP: Final = 5_000


def bench(digests: int, papers: int, progress: Show) -> dict[str, Any]:
    """Return the table of what it takes to compose and send so many digests of so many papers."""
    began = time.monotonic()

    def clock() -> datetime:
        return _NOW + timedelta(seconds=time.monotonic() - began)

    with TemporaryDirectory(prefix="broadsheet-bench-") as scratch, _sink() as (place, told):
        mailer = mailer_of(place, _SENDER)
        with open_library(
            Path(scratch), clock=clock, mailroom=lambda library: _mailroom(library, mailer)
        ) as library:
            _file(library, papers, progress)
            queries = _subscribe(library, digests, papers, progress)
            rows = _rows(library, digests, progress)
        taken = told()
    size = taken["bytes"] / max(taken["messages"], 1) / 1000
    rows.append(Row("messages that the server took", f"{taken['messages']:,}", "", None))
    rows.append(Row("… each of about", f"{size:,.0f} kB", "", None))
    text = f"invented; {digests:,} subscriptions with {queries:,} different wishes"
    return {"papers": papers, "read": papers, "text": text, "rows": [r._asdict() for r in rows]}


def _mailroom(library: Library, mailer: Mailer) -> Mailroom:
    manner = Manner(base="https://papers.example.org", mail=MailRules(_SENDER))
    return Mailroom(library.stock, library.accounts.rules, manner, mailer)


def _rows(library: Library, digests: int, progress: Show) -> list[Row]:
    mailroom = library.mailroom
    composed, compose_s, compose_cpu = _took(lambda: mailroom.composer.compose(_NOW))
    progress("digests composed", 1, 1, digests)
    sent, send_s, send_cpu = _took(lambda: mailroom.sender.send(library.clock()))
    progress("digests sent", 1, 1, sent.sent)
    budget, rate = COMPOSED_S * digests / _SHARE, sent.sent / send_s
    return [
        Row(f"{digests:,} issues composed", f"{compose_s:.1f} s", f"{budget:g} s",
            compose_s <= budget),
        Row("… with papers, without", f"{composed.ready:,}, {composed.empty:,}", "", None),
        Row("… of CPU, for each", f"{1000 * compose_cpu / digests:.2f} ms", "", None),
        Row("messages rendered, handed over and marked", f"{rate:,.0f}/s", f"{SENT_RATE}/s",
            rate >= SENT_RATE),
        Row("… of CPU, for each", f"{1000 * send_cpu / max(sent.sent, 1):.2f} ms", "", None),
        Row("digests by what became of them", _counted(mailroom.sender.counts()), "", None),
    ]  # fmt: skip


def _took(call: Callable[[], T]) -> tuple[T, float, float]:
    """Return what a call returns, its seconds, and those of the processor, which has others."""
    began, used = time.perf_counter(), time.process_time()
    made = call()
    return made, time.perf_counter() - began, time.process_time() - used


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{state}: {count:,}" for state, count in sorted(counts.items()))


@contextmanager
def _sink() -> Iterator[tuple[str, Callable[[], dict[str, int]]]]:
    """Give the place of a server for mail, and what says in the end what it took."""
    command = [sys.executable, "-m", "broadsheet.measure.sink"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:  # noqa: S603
        try:
            port = (server.stdout or sys.stdin).readline().strip()
            yield f"smtp://127.0.0.1:{port}", lambda: orjson.loads(server.communicate()[0])
        finally:
            server.terminate()


# ---------------------------------------------------------------------------- what there is


def _file(library: Library, papers: int, progress: Show) -> None:
    for filed, _ in enumerate(
        library.file(_papers(papers), source="invented", counts=Counter()), 1
    ):
        progress("papers", min(filed * 1000, papers), papers, min(filed * 1000, papers))


def _papers(count: int) -> Iterator[Record]:
    rng = random.Random(_SEED)  # noqa: S311 (a measurement)
    words = vocabulary(rng)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    for number in range(count):
        body = rng.choices(words, cum_weights=weights, k=130)
        day = _day(number // _A_DAY)
        upvotes = Signal("upvotes", float(rng.randint(1, 200)), f"{day}T20:00:00Z")
        yield Record(
            "arxiv", f"{number:07}", " ".join(body[:10]).capitalize(),
            abstract=". ".join(" ".join(body[i : i + 20]) for i in range(10, 130, 20)) + ".",
            authors=tuple(f"{rng.choice(words)} {rng.choice(words)}".title() for _ in range(4)),
            announced=day, categories=(rng.choice(_CATEGORIES),),
            signals=(upvotes,) if number % 3 == 0 else (),
        )  # fmt: skip


def _day(before: int) -> str:
    """Return a weekday as ISO, so many weekdays before the newest."""
    weeks, days = divmod(before, 5)
    newest = date(2026, 11, 20) - timedelta(weeks=weeks)
    return (newest - timedelta(days=days)).isoformat()


def _subscribe(library: Library, count: int, papers: int, progress: Show) -> int:
    """Keep so many subscriptions, all due now; return how many different wishes they have."""
    wishes = list(_wishes(library, count, papers))
    due = _NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    for first in range(0, count, _STEP):
        part = list(enumerate(wishes[first : first + _STEP], first + 1))
        with library.database.write() as connection:
            connection.execute(
                schema.recipients.insert(), [_recipient(number, due) for number, _ in part]
            )
            connection.execute(
                schema.subscriptions.insert(),
                [_subscription(number, kind, query, due) for number, (kind, query) in part],
            )
        progress("subscriptions", first + len(part), count, first + len(part))
    return len(set(wishes))


def _recipient(number: int, made: str) -> dict[str, Any]:
    address = f"reader{number}@mail{number % _DOMAINS}.example.org"
    return {"id": number, "channel": "mail", "address": address, "secret": "", "made": made}


def _subscription(number: int, kind: str, query: str, due: str) -> dict[str, Any]:
    return {
        "id": number, "handle": new_handle(), "recipient_id": number, "kind": kind,
        "query": query, "cadence": "day", "on_day": 0, "at": "07:00", "zone": "UTC",
        "longest": 20, "when_empty": "skip", "form": "html", "language": "en", "state": "active",
        "next_due": due, "made": due,
    }  # fmt: skip


def _wishes(library: Library, count: int, papers: int) -> Iterator[tuple[str, str]]:
    """Yield kinds and queries: half are searches, each of two words of a title of these days."""
    rng = random.Random(_SEED)  # noqa: S311
    newest = sorted(rng.sample(range(1, min(papers, 5 * _A_DAY) + 1), min(papers, _A_DAY)))
    titles = [paper.title.lower().split() for paper in library.papers(newest)]
    for number in range(count):
        category = f"cat:{rng.choice(_CATEGORIES)}"
        match number % 10:
            case 0:
                yield "trending", ""
            case 1 | 2 | 3:
                yield "trending", category
            case 4:
                yield "edition", category
            case _:
                words = rng.sample(rng.choice(titles), 2)
                yield "search", f"{' '.join(words)} {category if number % 2 else ''}".strip()
