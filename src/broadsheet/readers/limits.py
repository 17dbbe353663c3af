"""How often anybody may do what: sliding windows, in memory. Pure but for the clock it is given.

LIMITS[kind] -> the windows of one kind of doing
Limits(clock).take(kind, key) counts one, or raises TooOften and counts nothing
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import Literal, NamedTuple

from broadsheet.errors import TooOften

Kind = Literal[
    "sign_in",
    "sign_in_client",
    "letter",
    "letter_client",
    "subscribe",
    "subscribe_client",
    "link_client",
    "change",
    "vote",
    "comment",
    "report",
    "submit",
]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
MOST = 20_000
"""So many keys are remembered; beyond them those are forgotten that did least of late."""
_NET = 64
"""Bits of an IPv6 address that are one client's: nobody is given less."""


class Limit(NamedTuple):
    """So many times within so many seconds, whichever seconds one looks at."""

    times: int
    seconds: float


# An account is slowed down and never locked: whoever guesses has about 2,000 tries a day with its
# name and as many with its address (that both are one account is not told), and a link by e-mail
# lets its reader in meanwhile. A client may be a whole institute behind one address.
LIMITS: Mapping[Kind, tuple[Limit, ...]] = {
    "sign_in": (Limit(20, 15 * MINUTE),),
    "sign_in_client": (Limit(60, 15 * MINUTE),),
    "letter": (Limit(3, 15 * MINUTE), Limit(10, DAY)),
    "letter_client": (Limit(20, HOUR),),
    "subscribe": (Limit(3, 15 * MINUTE), Limit(10, DAY)),
    "subscribe_client": (Limit(20, HOUR),),
    "link_client": (Limit(60, 15 * MINUTE),),
    "change": (Limit(60, HOUR),),
    "vote": (Limit(30, MINUTE), Limit(600, DAY)),
    "comment": (Limit(5, MINUTE), Limit(100, DAY)),
    "report": (Limit(20, HOUR),),
    "submit": (Limit(20, HOUR),),
}
_IN_WORDS: Mapping[Kind, str] = {
    "sign_in": "There were many attempts to sign in to this account.",
    "sign_in_client": "There were many attempts to sign in from here.",
    "letter": "Many letters were asked for with this address.",
    "letter_client": "Many letters were asked for from here.",
    "subscribe": "Many digests were asked for with this address.",
    "subscribe_client": "Many digests were asked for from here.",
    "link_client": "Many links that are none were followed from here.",
    "change": "These are many changes of a subscription in a short time.",
    "vote": "These are many votes in a short time.",
    "comment": "These are many comments in a short time.",
    "report": "These are many reports in a short time.",
    "submit": "These are many submissions in a short time.",
}


def wait(times: deque[float], limits: tuple[Limit, ...], now: float) -> float:
    """Return the seconds until there is room for one more after these times, 0 if there is."""
    waits = [
        times[-limit.times] + limit.seconds - now for limit in limits if len(times) >= limit.times
    ]
    return max([0.0, *waits])


def client_key(address: str) -> str:
    """Return what stands for the client at an address: an IPv6 net of 64 bits is one client."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_NET]
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Address(int(found) >> _NET << _NET))
    return str(found)


class Limits:
    """What was done of late, by kind and key; safe to share between threads.

    `clock` tells seconds. At most `most` keys are remembered.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        limits: Mapping[Kind, tuple[Limit, ...]] = LIMITS,
        most: int = MOST,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._most = most
        self._lock = Lock()
        self._done: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def take(self, kind: Kind, key: object) -> None:
        """Count one more, or raise TooOften, which counts nothing."""
        limits = self._limits[kind]
        with self._lock:
            now = self._clock()
            times = self._times(kind, key, now)
            seconds = wait(times, limits, now)
            if not seconds:
                times.append(now)
        if seconds:
            words = f"{_IN_WORDS[kind]} Try again in {_in_words(seconds)}."
            raise TooOften(words, retry_after=math.ceil(seconds))

    def give_back(self, kind: Kind, key: object) -> None:
        """Take back the last one that was counted."""
        with self._lock:
            times = self._done.get((kind, str(key)))
            if times:
                times.pop()

    def _times(self, kind: Kind, key: object, now: float) -> deque[float]:
        place = (kind, str(key))
        most = max(limit.times for limit in self._limits[kind])
        times = self._done.setdefault(place, deque(maxlen=most))
        self._done.move_to_end(place)
        while len(self._done) > self._most:
            self._done.popitem(last=False)
        # A clock that was put back must not make anybody wait until it is where it was.
        while times and times[-1] > now:
            times.pop()
        return times


def _in_words(seconds: float) -> str:
    if seconds < 2 * MINUTE:
        return f"{math.ceil(seconds)} seconds"
    if seconds < 2 * HOUR:
        return f"{math.ceil(seconds / MINUTE)} minutes"
    return f"{math.ceil(seconds / HOUR)} hours"
