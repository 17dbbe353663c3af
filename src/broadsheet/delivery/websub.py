"""WebSub (W3C): a hub is told which feeds have changed, and tells whoever follows them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import orjson

from broadsheet.delivery.feeds import FORMS, STANDING
from broadsheet.errors import SourceError
from broadsheet.readers.rules import Rules
from broadsheet.sources.exchange import Broken, Exchange, Limits, Origin, origins

_log = logging.getLogger(__name__)

GAP: Final = timedelta(minutes=10)
"""From one time that the hub is told of what has changed to the next: a harvest takes a while."""
AT_ONCE: Final = 8
"""Feeds that a hub is told of in one turn; the others wait for the next."""
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=6)
"""A hub that is away is asked again after these times, doubled each time."""
_LIMITS: Final = Limits(step_s=5, whole_s=10, max_bytes=65_536)
_AWAY: Final = frozenset({408, 425, 429})
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def hub_of(hub: str, rules: Rules) -> str:
    """Return the hub of a house, "" where none could be of use: it must be able to read feeds."""
    return hub if rules.is_shared and rules.is_public and rules.address else ""


def topics(base: str) -> tuple[str, ...]:
    """Return the addresses of the feeds that a hub is told of; `base` is that of the house."""
    base = base.rstrip("/")
    return tuple(f"{base}/feeds/{path}.{ending}" for path in STANDING for ending in FORMS)


class _Round(NamedTuple):
    """What the hub is being told: `waiting` feeds are left, of which it is told from `at` on."""

    stamp: str = ""
    begun: datetime = _NEVER
    waiting: tuple[str, ...] = ()
    failures: int = 0
    at: datetime = _NEVER


class _Away(Exception):  # noqa: N818 (never leaves this module)
    """The hub cannot be told now; it may say after how many seconds it can be."""

    def __init__(self, why: str, seconds: float = 0) -> None:
        super().__init__(why)
        self.wait = timedelta(seconds=seconds)


class Publisher:
    """Tells a hub that feeds have changed, and again where it was away.

    What it still has to be told lies in the file `kept`, so that it is told once, whatever process
    does it. One process at a time may use it.
    """

    def __init__(
        self, hub: str, feeds: Sequence[str], kept: Path, clock: Callable[[], datetime]
    ) -> None:
        self._hub = hub
        self._feeds = tuple(feeds)
        self._kept = kept
        self._clock = clock

    def tick(self, stamp: str) -> int:
        """Tell the hub of what is to be told now, if anything; return of how many feeds it was.

        `stamp` is another one whenever something has changed. Nothing is raised for a hub that is
        away: it is told later. Raises OSError if `kept` cannot be written.
        """
        before, now = self._read(), self._clock().astimezone(UTC)
        round_ = before
        if stamp != round_.stamp and now >= round_.begun + GAP:
            round_ = round_._replace(stamp=stamp, begun=now, waiting=self._feeds)
        told = 0
        if round_.waiting and now >= round_.at:
            told, round_ = self._told(round_, now)
        if round_ != before:
            self._write(round_)
        return told

    def _told(self, round_: _Round, now: datetime) -> tuple[int, _Round]:
        told = 0
        for feed in round_.waiting[:AT_ONCE]:
            try:
                self._tell(feed)
            except _Away as error:
                wait = max(error.wait, min(FIRST_WAIT * 2**round_.failures, LONGEST_WAIT))
                host = Origin.of(self._hub).host
                _log.warning("websub_failed host=%s wait=%s: %s", host, wait, error)
                # More would only make the number longer.
                failures = min(round_.failures + 1, 20)
                left = round_.waiting[told:]
                return told, round_._replace(waiting=left, failures=failures, at=now + wait)
            told += 1
        return told, round_._replace(waiting=round_.waiting[told:], failures=0)

    def _tell(self, feed: str) -> None:
        """Tell the hub of one feed; raises _Away if it has to be told again."""
        body = urlencode({"hub.mode": "publish", "hub.url": feed}).encode()
        kind = "application/x-www-form-urlencoded"
        asked = {"content-type": kind, "user-agent": "Broadsheet", "connection": "close"}
        # The owner has named the hub, so it may be anywhere.
        exchange = Exchange("websub", _LIMITS, origins([self._hub]))
        try:
            answer = exchange.send("POST", self._hub, asked, body)
        except (Broken, SourceError) as error:
            raise _Away(str(error)) from error
        finally:
            exchange.close()
        if answer.status in _AWAY or answer.status >= 500:  # noqa: PLR2004 (HTTP)
            raise _Away(f"status {answer.status}", _seconds(answer.headers.get("retry-after", "")))
        if answer.status >= 300:  # noqa: PLR2004 (HTTP)
            # Asked again it would say the same.
            host = Origin.of(self._hub).host
            _log.warning("websub_refused host=%s status=%s feed=%s", host, answer.status, feed)

    def _read(self) -> _Round:
        # A file that is missing or damaged only means that the hub is told once more.
        with suppress(OSError, ValueError, TypeError, KeyError):
            said = orjson.loads(self._kept.read_bytes())
            begun, at = (datetime.fromisoformat(said[n]).astimezone(UTC) for n in ("begun", "at"))
            waiting = tuple(feed for feed in said["waiting"] if feed in self._feeds)
            return _Round(str(said["stamp"]), begun, waiting, int(said["failures"]), at)
        return _Round()

    def _write(self, round_: _Round) -> None:
        new = self._kept.with_suffix(".new")
        new.write_bytes(orjson.dumps(round_._asdict()))
        new.replace(self._kept)


def _seconds(said: str) -> float:
    """Return the seconds of Retry-After, 0 if it says none; a day at most."""
    return min(float(said), 86_400) if said.isdecimal() else 0
