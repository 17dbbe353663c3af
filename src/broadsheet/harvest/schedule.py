"""When a source is due. Pure.

The times at which a source is due are slots, fixed by its rhythm and by nothing else: each slot is
run well at most once, and after a sleep only the newest one is made up for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from broadsheet.editions.calendar import announcements, next_announcement
from broadsheet.harvest.outcome import Outcome
from broadsheet.sources.base import Rhythm

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_LOOK_BACK: Final = 14 * _DAY
_SATURDAY: Final = 5
_LEAST: Final = timedelta(minutes=15)
_RETRIES: Final = tuple(timedelta(minutes=m) for m in (10, 30, 60, 120, 240))
"""How long to wait after each failure of one slot; after the last, always as long again."""
_LOOK_AGAIN: Final = timedelta(hours=2)
_LOOKS: Final = 3
_LONGEST_WAIT: Final = _DAY
"""No host is believed that wants to be left alone for longer."""


class LastRun(NamedTuple):
    """The last run of a source that has ended.

    `slot` is the time that it was due at, `failures` how many runs of that slot, it included, did
    not end well (failed, partly failed, suspicious), `retry_after` the seconds for which the host
    asked to be left alone.
    """

    slot: datetime
    ended: datetime
    outcome: Outcome
    failures: int = 0
    retry_after: float | None = None


class Due(NamedTuple):
    """Whether a source is to be run now, for which slot, why, and when it is due next."""

    is_due: bool
    slot: datetime
    why: str
    next_try: datetime


def last_due(rhythm: Rhythm, now: datetime) -> datetime:
    """Return the newest slot that is not later than `now`, in UTC."""
    if rhythm.calendar == "arxiv":
        delay = timedelta(hours=rhythm.delay_h)
        today = (now - delay).astimezone(UTC).date()
        past = [a for a in announcements(today - _LOOK_BACK, today + _DAY) if a <= now - delay]
        # A clock before arXiv's beginning is a wrong clock, but no reason to fall over.
        return (past[-1] if past else _EPOCH) + delay
    slot = _multiple(rhythm, now)
    while rhythm.calendar == "weekdays" and slot.weekday() >= _SATURDAY:
        slot -= _every(rhythm)
    return slot


def next_due(rhythm: Rhythm, now: datetime) -> datetime:
    """Return the first slot that is later than `now`, in UTC."""
    if rhythm.calendar == "arxiv":
        delay = timedelta(hours=rhythm.delay_h)
        return next_announcement(now - delay) + delay
    slot = _multiple(rhythm, now) + _every(rhythm)
    while rhythm.calendar == "weekdays" and slot.weekday() >= _SATURDAY:
        slot += _every(rhythm)
    return slot


def _multiple(rhythm: Rhythm, now: datetime) -> datetime:
    every = _every(rhythm)
    return _EPOCH + (now - _EPOCH) // every * every


def _every(rhythm: Rhythm) -> timedelta:
    return max(timedelta(hours=rhythm.every_h), _LEAST)


def what_now(rhythm: Rhythm, now: datetime, last: LastRun | None) -> Due:
    """Return whether a source is to be run now, if `last` is its last run.

    A slot that was run well is never run again. One that failed is tried again after 10 and 30
    minutes, 1, 2 and then every 4 hours, or as late as its host asked for; one that was suspicious
    is looked at again after 2 hours, three times at most; both until the next slot. Where the clock
    went back by more than a day, what seems to be run in the future counts as not run.
    """
    slot = last_due(rhythm, now)
    following = next_due(rhythm, now)
    if last is None:
        return _run(slot, "it has never been run", following)
    if max(last.slot, last.ended) > now + _DAY:
        return _run(slot, "its last run lies in the future: the clock went back", following)
    if last.slot > slot:
        why = f"the run of {_said(last.slot)} has been already"
        return _wait(slot, why, next_due(rhythm, max(now, last.slot)))
    if last.slot < slot:
        why = f"it has been due since {_said(slot)}"
        return _from(_left_alone(last) or now, now, slot, why, following)
    again = _again(last)
    if again is None:
        return _wait(slot, f"the run of {_said(slot)} was {last.outcome}", following)
    return _from(again, now, slot, f"its last run was {last.outcome}", following)


def _from(then: datetime, now: datetime, slot: datetime, why: str, following: datetime) -> Due:
    """Return that a source is run from a time on, or with its next slot if that is sooner."""
    if now >= then:
        return _run(slot, why, following)
    next_try = min(then, following)
    return _wait(slot, f"{why}; the next try is at {_said(next_try)}", next_try)


def _run(slot: datetime, why: str, following: datetime) -> Due:
    return Due(is_due=True, slot=slot, why=why, next_try=following)


def _wait(slot: datetime, why: str, next_try: datetime) -> Due:
    return Due(is_due=False, slot=slot, why=why, next_try=next_try)


def _again(last: LastRun) -> datetime | None:
    """Return when the slot of a run is to be run again, None if it is not."""
    failures = max(last.failures, 1)
    if last.outcome in {"failed", "partly failed"}:
        wait = _RETRIES[min(failures, len(_RETRIES)) - 1]
    elif last.outcome == "suspicious" and failures <= _LOOKS:
        wait = _LOOK_AGAIN
    else:
        return None
    return max(last.ended + wait, _left_alone(last) or last.ended)


def _left_alone(last: LastRun) -> datetime | None:
    """Return until when a host asked to be left alone, if it did."""
    # Written so that nan asks for nothing.
    if last.retry_after is None or not last.retry_after > 0:
        return None
    return last.ended + timedelta(seconds=min(last.retry_after, _LONGEST_WAIT.total_seconds()))


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
