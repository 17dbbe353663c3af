"""The mailroom: everything that goes out, and what comes back. What is due is composed and sent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal, NamedTuple

from filelock import FileLock, Timeout

from broadsheet import __version__
from broadsheet.collection import subscriptions as store
from broadsheet.collection.database import Database
from broadsheet.collection.together import Together
from broadsheet.delivery.composing import Composed, Composer, Rank
from broadsheet.delivery.hooks import Poster
from broadsheet.delivery.links import Links
from broadsheet.delivery.mail import Mailer
from broadsheet.delivery.mailbox import read_mailbox
from broadsheet.delivery.message import MailRules
from broadsheet.delivery.pace import Limits, Pace
from broadsheet.delivery.rendering import Renderer
from broadsheet.delivery.returns import Returns
from broadsheet.delivery.sending import Sender, Sent
from broadsheet.delivery.subscribing import Subscriptions, house_key
from broadsheet.delivery.websub import Publisher
from broadsheet.editions.edition import Editions
from broadsheet.editions.trending_list import TrendingLists
from broadsheet.errors import BroadsheetError, StoreError
from broadsheet.readers.rules import Rules
from broadsheet.search.index import Index

_log = logging.getLogger(__name__)
TICK_S: Final = 20.0
"""Seconds from one look for what is due to the next."""
MAILBOX_S: Final = 300.0
"""Seconds from one reading of the mailbox to the next."""
_END_S: Final = 60.0
"""Seconds that what is being handed over has to end."""


class Manner(NamedTuple):
    """How things go out, as the settings of docs/configuration.md say.

    `base` is what links begin with, `house` what letters call the place.
    """

    base: str = "http://127.0.0.1:8620"
    house: str = "Broadsheet"
    mail: MailRules = MailRules()
    returns: str = ""
    unknown: Literal["keep", "resend"] = "keep"
    pace: Limits = Limits()
    wait: timedelta = timedelta(hours=1)
    hooks_inside: bool = False
    mailbox: str = ""
    mailbox_password: str = ""


@dataclass(frozen=True, slots=True)
class Stock:
    """What issues are made of: the record, its index, and what is made of them."""

    database: Database
    together: Together
    editions: Editions
    trending: TrendingLists
    index: Index
    rank: Rank
    sources: Callable[[], Collection[str]]
    clock: Callable[[], datetime]


class Ticked(NamedTuple):
    """What a turn came to."""

    composed: Composed
    sent: Sent


class Mailroom:
    """All that goes out of a collection. Safe to share between threads."""

    def __init__(
        self,
        stock: Stock,
        rules: Rules,
        manner: Manner,
        mailer: Mailer | None,
        publisher: Publisher | None = None,
    ) -> None:
        """Without `mailer` no mail goes out; `publisher` tells a hub which feeds have changed."""
        database, together, clock = stock.database, stock.together, stock.clock
        self.manner = manner
        self.links = Links(manner.base, _key(database, together), manner.returns)
        self.composer = Composer(
            database, together, stock.editions, stock.trending, stock.index, stock.rank, clock,
            manner.wait, stock.sources,
        )  # fmt: skip
        self.subscriptions = Subscriptions(
            database, together, rules, clock, self.links, self.composer.check,
            can_send=mailer is not None, hooks_inside=manner.hooks_inside,
        )  # fmt: skip
        self.renderer = Renderer(database, self.links, manner.house, manner.mail)
        self.returns = Returns(database, together, self.subscriptions, self.links, clock)
        self._stock = stock
        self._mailer = mailer
        self._publisher = publisher
        self._ticker: _Ticker | None = None
        self._read_at = -MAILBOX_S

    @cached_property
    def sender(self) -> Sender:
        """What sends, and the ledger of it."""
        return Sender(
            self._stock.database, self._stock.together, self.renderer.outgoing, self._mailer,
            self._post, Pace(self.manner.pace), self._stock.clock, unknown=self.manner.unknown,
            is_suppressed=self.returns.is_suppressed, note_refused=self.returns.note_refused,
        )  # fmt: skip

    @cached_property
    def _poster(self) -> Poster:
        return Poster(
            __version__,
            lambda subscription: self.subscriptions.end(subscription, how="bounce"),
            self._stock.clock,
            inside=self.manner.hooks_inside,
        )

    def _post(self, number: int) -> None:
        self._poster.post(self.renderer.issue(number))

    # ------------------------------------------------------------------ turns

    def tick(self, stop: Callable[[], bool] = lambda: False) -> Ticked:
        """Compose what is due and send what is ready, once.

        Raises StoreError, `temporary`, while another process delivers from this home, and
        ConfigError where messages shall be signed with a key that cannot sign.
        """
        with self._alone():
            self.renderer.check()
            self.sender.recover()
            self._read_mailbox()
            self.subscriptions.tidy()
            composed = self.composer.compose(self._stock.clock(), stop)
            sent = self.sender.send(self._stock.clock(), stop)
            if self._publisher is not None:
                self._publisher.tick(self._changed())
        return Ticked(composed, sent)

    def _changed(self) -> str:
        """Return another text once a list in a feed may be another: something came, or a day."""
        return f"{self._stock.trending.stamp()} {self._stock.clock():%Y-%m-%d}"

    def _read_mailbox(self) -> None:
        now = time.monotonic()
        if not self.manner.mailbox or now < self._read_at + MAILBOX_S:
            return
        self._read_at = now
        try:
            read_mailbox(self.manner.mailbox, self.manner.mailbox_password, self.returns.take)
        except BroadsheetError as error:
            # What cannot be read now comes back later; what is due must not wait for it.
            _log.warning("mailbox_failed reason=%s", error)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self._stock.database.path.parent / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "mailroom.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreError(
                "another process delivers from this home: wait until it ends", temporary=True
            ) from error
        try:
            yield
        finally:
            lock.release()

    def follow(self, interval_s: float = TICK_S) -> None:
        """Take turns from a thread of its own, until closed."""
        if self._ticker is None:
            self._ticker = _Ticker(self, interval_s)

    def close(self) -> None:
        """End the thread; what is being handed over is waited for."""
        if self._ticker is not None:
            self._ticker.stop()


def _key(database: Database, together: Together) -> str:
    with database.read() as connection:
        found = store.key(connection, "links")
    return found or together.write(house_key)


class _Ticker:
    """A thread that composes and sends while a process serves."""

    def __init__(self, mailroom: Mailroom, interval_s: float) -> None:
        self._mailroom = mailroom
        self._interval_s = interval_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broadsheet-mail", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._mailroom.tick(self._end.is_set)
            except StoreError as error:
                # Another process delivers, or the record is in use: what is due stays due.
                _log.info("deliver_waits reason=%s", error)
            except BroadsheetError as error:
                _log.warning("deliver_failed reason=%s", error)
            except Exception:  # noqa: BLE001 (told in the log)
                # What cannot be sent must not end what is served.
                _log.exception("deliver_failed")
            self._end.wait(self._interval_s)

    def stop(self) -> None:
        self._end.set()
        self._thread.join(timeout=_END_S)
