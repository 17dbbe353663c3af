"""How fast digests go out, and when one is tried again. Pure: whoever asks says what time it is."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Final, NamedTuple

WAITS_MIN: Final = (1, 5, 15, 60)
"""Minutes after which a digest is tried again, the last ever after. Who greylists takes it after
one to fifteen minutes, and who is full or away after an hour as well as after a minute."""
JITTER: Final = 0.2
"""By this part of itself a wait is shorter or longer, so that not all come back at once."""
_MINUTE_S: Final = 60.0


def back_off(tries: int, dice: float) -> timedelta:
    """Return how long to wait after so many tries (1 or more) failed; `dice` is from [0, 1)."""
    wait = WAITS_MIN[min(max(tries, 1), len(WAITS_MIN)) - 1]
    return timedelta(minutes=wait * (1 + JITTER * (2 * dice - 1)))


class Limits(NamedTuple):
    """What is allowed at the same time, and what in any minute, of which 0 is no limit."""

    connections: int = 4
    per_minute: int = 0
    domain_connections: int = 2
    domain_per_minute: int = 0


class _Log:
    """When the last few things began."""

    def __init__(self, per_minute: int) -> None:
        self._began = deque[float](maxlen=per_minute)

    def is_full(self, now: float) -> bool:
        """Say whether one more would be too many; a clock that was set back holds up nobody."""
        began = self._began
        return bool(began.maxlen) and len(began) == began.maxlen and _is_within(began[0], now)

    def add(self, now: float) -> None:
        self._began.append(now)


def _is_within(began: float, now: float) -> bool:
    return 0 <= now - began < _MINUTE_S


class Pace:
    """Which domains may be handed a digest now. Moments are seconds of one clock.

    In no 60 seconds do more begin than are allowed in a minute, of all and of each domain, and at
    no time are more under way. Not safe to share between threads.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 (a tuple)
        self.limits = limits
        self._under_way: dict[str, int] = {}
        self._log = _Log(limits.per_minute)
        self._logs: dict[str, _Log] = {}
        self._spared: dict[str, float] = {}

    def may_begin(self, domain: str, now: float) -> bool:
        """Say whether one more may go to this domain."""
        limits, under_way = self.limits, self._under_way
        return (
            sum(under_way.values()) < limits.connections
            and under_way.get(domain, 0) < limits.domain_connections
            and not self._log.is_full(now)
            and not (domain in self._logs and self._logs[domain].is_full(now))
            and not self._is_spared(domain, now)
        )

    def begin(self, domain: str, now: float) -> None:
        """Note that one is on its way to a domain."""
        self._under_way[domain] = self._under_way.get(domain, 0) + 1
        self._log.add(now)
        if self.limits.domain_per_minute:
            self._logs.setdefault(domain, _Log(self.limits.domain_per_minute)).add(now)

    def end(self, domain: str) -> None:
        """Note that one has arrived, or not."""
        left = self._under_way.pop(domain) - 1
        if left:
            self._under_way[domain] = left

    def spare(self, domain: str, now: float) -> None:
        """Leave a domain alone for a minute: it has said that it is busy."""
        self._spared[domain] = now

    def _is_spared(self, domain: str, now: float) -> bool:
        since = self._spared.get(domain)
        return since is not None and _is_within(since, now)
