"""Whose turn it is to ask a host: one request at a time on this machine, with a gap between them.

A lock file for each host, which the operating system lets go of when its holder dies, makes that
so for all threads, processes and homes that share a folder. Beside it a small JSON file keeps the
host's standing: when it last answered, how long it asked to be left alone, and how often it failed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from broadsheet.errors import SourceUnavailable

LONGEST_HOLD_S = 86_400.0
"""However long a host asks to be left alone, it is asked again after a day."""
LONGEST_TURN_S = 600.0
_T = TypeVar("_T")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Time:
    """The time a client goes by; a test has its own."""

    def now(self) -> datetime:
        """Return the wall clock's time (UTC, aware)."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that no change of the clock touches, sleep of the machine included."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        time.sleep(seconds)

    @cached_property
    def boot(self) -> str:
        """Name what `monotonic` counts from, "" where the system has no name for it."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return ""


SYSTEM_TIME = Time()


class Mark(NamedTuple):
    """A moment by two clocks, so that neither a new start nor a changed clock hides its age."""

    wall: float
    monotonic: float
    boot: str

    @classmethod
    def of(cls, now: Time) -> Mark:
        """Return this moment."""
        return cls(now.now().timestamp(), now.monotonic(), now.boot)

    def age(self, now: Mark) -> float:
        """Return seconds from this moment to `now`: rather too few than too many, and never < 0."""
        by_wall = now.wall - self.wall
        by_monotonic = now.monotonic - self.monotonic
        if not self.boot:
            return max(0.0, min(by_wall, by_monotonic))
        if self.boot == now.boot:
            return max(0.0, by_monotonic)
        # What was before this start of the machine is at least as old as the start.
        return max(0.0, now.monotonic, by_wall)

    def is_ahead(self, now: Mark) -> bool:
        """Whether this moment lies after `now`, by a clock that was set back since."""
        if not self.boot:
            return self.wall > now.wall or self.monotonic > now.monotonic
        return self.boot == now.boot and self.monotonic > now.monotonic


@dataclass(frozen=True, slots=True)
class Standing:
    """How a host stands since the moment `at`, the end of its last answer.

    For `hold_s` seconds it asked to be left alone; for `open_s` nothing is asked because it
    refused or failed (`why`); `failures` counts requests in a row that failed for good.
    `is_asking` says that a request is under way, or was when its process died.
    """

    at: Mark
    is_asking: bool = False
    hold_s: float = 0.0
    open_s: float = 0.0
    failures: int = 0
    why: str = ""

    def hold_left_s(self, now: Mark) -> float:
        """Return for how many seconds more the host is to be left alone."""
        return max(0.0, self.hold_s - self.at.age(now))

    def open_left_s(self, now: Mark) -> float:
        """Return for how many seconds more nothing is asked."""
        return max(0.0, self.open_s - self.at.age(now))


class Turns:
    """The turns of one host; all that have the same `folder` and `host` share them."""

    def __init__(self, folder: Path, host: str, gap_s: float, now: Time) -> None:
        name = quote(host.casefold(), safe="") or "_"
        self._lock = folder / f"{name}.lock"
        self._file = folder / f"{name}.json"
        self._host = host
        self._gap_s = gap_s
        self._time = now

    @contextmanager
    def hold(self, longest_s: float | None = None) -> Iterator[Standing | None]:
        """Hold the host's lock around a block, and give its standing; None if it is unknown yet.

        Raises SourceUnavailable if others hold it for longer than `longest_s` real seconds (and
        ten minutes at most), or if the folder cannot be used.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 (only who asks needs it)

        longest = min(LONGEST_TURN_S, max(0.0, longest_s if longest_s is not None else 1e9))
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            # A soft lock would outlive a process that is killed.
            lock = FileLock(self._lock, fallback_to_soft=False, preserve_lock_file=True)
            lock.acquire(timeout=longest)
        except Timeout as error:
            said = f"other requests to {self._host} took all the time there was"
            raise SourceUnavailable(said, source=self._host) from error
        except (OSError, NotImplementedError) as error:
            raise self._unusable(error) from error
        try:
            yield self._read()
        finally:
            lock.release()

    def gap_left_s(self, standing: Standing | None) -> float:
        """Return how many seconds the gap after the last answer still lasts."""
        if standing is None:
            return 0.0
        return max(0.0, self._gap_s - standing.at.age(Mark.of(self._time)))

    def begin(self, standing: Standing | None) -> Standing:
        """Note that a request is under way: should this process die, the gap is kept all the same.

        Must be called with the lock held, as `finish`.
        """
        mark = Mark.of(self._time)
        known = standing or Standing(mark)
        begun = replace(known, at=mark, is_asking=True, hold_s=0.0, open_s=0.0)
        self._write(begun)
        return begun

    def finish(
        self,
        begun: Standing,
        *,
        hold_s: float = 0.0,
        open_s: float = 0.0,
        failures: int = 0,
        why: str = "",
    ) -> None:
        """Note how the request ended, just now."""
        mark = Mark.of(self._time)
        self._write(
            replace(
                begun,
                at=mark,
                is_asking=False,
                hold_s=min(hold_s, LONGEST_HOLD_S),
                open_s=open_s,
                failures=failures,
                why=why,
            )
        )

    def standing(self) -> Standing | None:
        """Return how the host stands, None if it is unknown yet; a lock over it must be held."""
        return self._read()

    def _read(self) -> Standing | None:
        try:
            said = self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        found, now = standing_of(said), Mark.of(self._time)
        if found is not None and not found.is_asking and not found.at.is_ahead(now):
            return found
        # Nobody else holds the lock: whoever was asking is gone, a moment ago for all we know.
        known = replace(found, at=now, is_asking=False) if found else Standing(now)
        self._write(known)
        return known

    def _write(self, standing: Standing) -> None:
        written = self._file.with_suffix(".tmp")
        try:
            written.write_text(json.dumps(asdict(standing)), encoding="utf-8")
            os.replace(written, self._file)  # noqa: PTH105 (atomic)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> SourceUnavailable:
        said = f"whose turn it is cannot be kept in {self._lock.parent}: {error}"
        return SourceUnavailable(said, source=self._host)


def standing_of(said: bytes) -> Standing | None:
    """Return the standing that was written, None if that is damaged."""
    try:
        found = json.loads(said)
        wall, monotonic, boot = found["at"]
        return Standing(
            Mark(_number(wall), _number(monotonic), _typed(boot, str)),
            _typed(found["is_asking"], bool),
            min(_number(found["hold_s"]), LONGEST_HOLD_S),
            min(_number(found["open_s"]), LONGEST_HOLD_S),
            int(_number(found["failures"])),
            _typed(found["why"], str),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(value)
    if value < 0:
        raise ValueError(value)
    return float(value)


def _typed(value: Any, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(value)
    return value
