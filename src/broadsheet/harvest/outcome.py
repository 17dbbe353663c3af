"""What a run came to, and why, in words that a person understands. Pure.

A run consists of parts. Where a source has several routes to the same papers (arXiv: OAI-PMH, its
feed, its listings), one route that was well as a whole stands for the others: what they lacked is
said, but nothing is missing by it. A part is doubted where it says itself that it is stale, where
the day that it gives is older than the listing that was expected, where it brought nothing
although by its usual number that happens less than once in a thousand days, and where most of its
records could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import exp
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from broadsheet.editions.calendar import (
    announcements,
    day_of,
    listing_day,
    next_announcement,
    silence,
)
from broadsheet.sources.base import Calendar

Outcome = Literal["new", "nothing new", "suspicious", "partly failed", "failed"]

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
# The longest silence of arXiv is five days, at the end of a year.
_LOOK_BACK: Final = 14 * _DAY
_EASTERN: Final = ZoneInfo("America/New_York")
_EVENING: Final = 20
_UNLIKELY: Final = 0.001
_HALF_LIFE_DAYS: Final = 10
_DRIFTED: Final = 10
"""So many unreadable records, if they are most, say that the form of the answers has changed."""
_NAMED: Final = 3
_ROUTES: Final = {"oai": "OAI-PMH", "feed": "the feed", "listing": "the listings"}
_OF_ONE_DAY: Final = frozenset({"feed", "listing"})


class PartReport(NamedTuple):
    """What one part of a run came to.

    `counts` has `new`, `updated`, `merged` (records new to us of papers that were held already),
    `unchanged` and `rejected`. `error` says in words why it broke off, "" if it ended well, and
    `until` up to which ISO day it is complete then. `day` is the ISO day that the source said its
    answer is of. `usual` is how many papers it brings on a day that has a listing, 0 if that is
    not known. `stale` has reasons to think that the answer is an old one. `route` names the way by
    which it comes, where a source has several to the same papers. `covered` is the newest day whose
    papers the part had brought before this run; without it, that of its source counts. `newest` is
    the newest day of announcement among the papers that it brought.
    """

    part: str
    counts: Mapping[str, int]
    error: str = ""
    until: str | None = None
    day: str | None = None
    usual: float = 0.0
    stale: Sequence[str] = ()
    route: str = ""
    covered: str | None = None
    newest: str | None = None


class Verdict(NamedTuple):
    """The outcome of a run, the reason in sentences, and the outcome of each part by itself.

    `covered` is the newest ISO day whose papers the source has brought after this run, and `covers`
    the same of each part; both are what the next run is to be judged by.
    """

    outcome: Outcome
    reason: str
    parts: Mapping[str, Outcome]
    covered: str | None
    covers: Mapping[str, str | None]


def usual(previous: float, brought: int, days: int = 1) -> float:
    """Return how many papers come on a usual day: an exponential mean, half-life ten days.

    `previous` is that number before, 0 if it was not known; `brought` is what came in `days` days
    that have a listing. Days on which the source was stale or away must not be counted.
    """
    daily = brought / max(days, 1)
    kept = 0.5 ** (max(days, 1) / _HALF_LIFE_DAYS) if previous > 0 else 0.0
    return previous * kept + daily * (1 - kept)


def expected_listing(now: datetime, delay_h: float = 0) -> date | None:
    """Return the newest listing day of arXiv that was announced `delay_h` hours ago or earlier.

    None where `now` lies before all of arXiv's listings.
    """
    today = now.astimezone(UTC).date()
    moment = now - timedelta(hours=delay_h)
    past = (a for a in announcements(today - _LOOK_BACK, today + _DAY) if a <= moment)
    return max((listing_day(a) for a in past), default=None)


def judge(
    reports: Sequence[PartReport],
    *,
    calendar: Calendar,
    now: datetime,
    covered: str | None,
    title: str,
    delay_h: float = 0,
    until: date | None = None,
) -> Verdict:
    """Return what a run came to, and why.

    `covered` is the newest ISO day whose papers this source had brought before, None at the first
    run. `title` names the source. `until` is the last day that was asked for, if it was not the
    newest: then nothing newer is expected.
    """
    days = _Days(calendar, now, covered, title, delay_h, until)
    parts = [_Part(report, days) for report in reports]
    whole = _Whole(parts, days)
    outcome = whole.outcome
    return Verdict(
        outcome,
        " ".join(_reason(whole, outcome)),
        {p.report.part: p.outcome for p in parts},
        whole.covered_after(),
        {p.report.part: p.covered_after() for p in parts},
    )


# ---------------------------------------------------------------------------------------------
# Which days were due
# ---------------------------------------------------------------------------------------------


class _Days:
    """What the calendar of a source expects at a time."""

    def __init__(
        self,
        calendar: Calendar,
        now: datetime,
        covered: str | None,
        title: str,
        delay_h: float,
        until: date | None,
    ) -> None:
        self.is_arxiv = calendar == "arxiv"
        self.covered = covered
        self.title = title
        self.now = now
        self.delay_h = delay_h
        self.keeps_weekends = calendar != "days"
        self.today = self._today()
        self.is_past = until is not None and until < self.today
        self.expected = self._expected(until)
        self.announced = expected_listing(now) if self.is_arxiv else self.today

    def _today(self) -> date:
        """Return the day whose papers would be the newest ones now, if it has any."""
        if not self.is_arxiv:
            return self.now.astimezone(UTC).date()
        local = (self.now - timedelta(hours=self.delay_h)).astimezone(_EASTERN)
        return local.date() + (_DAY if local.hour >= _EVENING else timedelta())

    def _expected(self, until: date | None) -> date | None:
        """Return the newest day whose papers must be there by now."""
        if not self.is_arxiv:
            newest: date | None = max(_weekdays(self.today - 4 * _DAY, self.today - _DAY))
        else:
            newest = expected_listing(self.now, self.delay_h)
        return min(newest, until) if newest and until else newest

    def silence(self) -> str | None:
        """Return why nothing is to come today, None if something is."""
        if self.is_arxiv:
            return silence(self.today)
        if self.keeps_weekends and self.today.weekday() >= _SATURDAY:
            weekday = _in_words(self.today).partition(",")[0]
            return f"{weekday}: {self.title} lists nothing on weekends"
        return None

    def due(self, covered: str | None) -> int:
        """Return how many days that should have papers have come after the day `covered`."""
        if self.expected is None:
            return 0
        known = _day(covered)
        return 1 if known is None else sum(1 for _ in self._between(known, self.expected))

    def _between(self, first: date, last: date) -> Iterator[date]:
        if self.is_arxiv:
            return (listing_day(a) for a in announcements(first + _DAY, last))
        return _weekdays(first + _DAY, last)

    def after_next(self) -> str:
        """Return when the next listing is expected, in words."""
        moment = self.now - timedelta(hours=self.delay_h)
        return (
            f"the next listing is expected on {_in_words(listing_day(next_announcement(moment)))}"
        )

    def leaves_gap(self, day: str | None) -> bool:
        """Return whether an answer of one `day` leaves out a day after the newest covered one."""
        known, shown = _day(self.covered), _day(day)
        if not self.is_arxiv or shown is None:
            return False
        if known is None:
            # A first harvest wants more than the one day that such an answer shows.
            return True
        return any(True for _ in self._between(known, shown - _DAY))


def _weekdays(first: date, last: date) -> Iterator[date]:
    days = (first + n * _DAY for n in range((last - first).days + 1))
    return (day for day in days if day.weekday() < _SATURDAY)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


# ---------------------------------------------------------------------------------------------
# Parts
# ---------------------------------------------------------------------------------------------


class _Part:
    """One part of a run, judged by itself."""

    def __init__(self, report: PartReport, days: _Days) -> None:
        self.report = report
        self.days = days
        counts = report.counts
        self.new = counts.get("new", 0)
        self.brought = self.new + counts.get("merged", 0)
        self.known = counts.get("unchanged", 0)
        self.read = self.brought + self.known + counts.get("updated", 0)
        self.due = days.due(self._covered_before())
        self.doubts = tuple(self._doubts())

    def _covered_before(self) -> str | None:
        """Return the day after which something is due from this part."""
        own = self.report.covered or self.days.covered
        if self.report.route and own and self.days.covered:
            # What came by another route need not come by this one again.
            return max(own, self.days.covered)
        return own

    def _doubts(self) -> Iterator[str]:
        rejected = self.report.counts.get("rejected", 0)
        if rejected >= _DRIFTED and rejected > self.read:
            yield (
                f"{self.report.part}: {_count(rejected, 'record')} of {rejected + self.read:,} "
                "could not be read, so the form of its answers may have changed "
                "(`broadsheet sources --check` says where)"
            )
        if self.days.is_past:
            return
        if self.report.stale:
            yield from (reason.rstrip(". ") for reason in self.report.stale)
        elif self._shows_old_day:
            yield (
                f"{self.report.part} still shows the papers of {_short(self.report.day)}{self._all}"
            )
        elif self.brought == 0 and is_unlikely(self.awaited):
            yield (
                f"{self.report.part} brought nothing{self._all}, where "
                f"{round(self.awaited):,} are usual"
            )

    @property
    def awaited(self) -> float:
        """How many papers new to us this part would usually bring now."""
        if not self.days.is_arxiv or self._day is None:
            return self.report.usual * self.due
        # An answer that names its day has papers if that day has; others may have brought them.
        is_empty = self._day == self.days.expected and not self.read
        return self.report.usual if is_empty and self.due else 0.0

    @property
    def shows_expected_day(self) -> bool:
        """Whether it has papers, and says that they are of the day that was expected."""
        return self._day is not None and self._day == self.days.expected and self.read > 0

    @property
    def _day(self) -> date | None:
        return _day(self.report.day)

    @property
    def _shows_old_day(self) -> bool:
        shown, expected = self._day, self.days.expected
        return bool(self.days.is_arxiv and shown and expected and shown < expected)

    @property
    def _all(self) -> str:
        return f" ({_count(self.known, 'paper')}, all known)" if self._only_known else ""

    @property
    def _only_known(self) -> bool:
        return self.known > 0 and self.brought == 0

    @property
    def is_well(self) -> bool:
        return not self.report.error and not self.doubts

    @property
    def outcome(self) -> Outcome:
        if self.report.error:
            return "partly failed" if self.brought else "failed"
        if self.doubts:
            return "suspicious"
        return "new" if self.new else "nothing new"

    def covered_after(self) -> str | None:
        """Return the newest day whose papers this part has brought after the run."""
        before = self.report.covered or self.days.covered
        if not self.is_well or self.days.is_past:
            return before
        shown = self._newest_shown()
        if self.days.is_arxiv:
            return _newest(before, shown, _iso(self.days.expected))
        # Elsewhere days without papers are not known before, so silence is added up.
        return _newest(before, shown or _iso(self.days.today)) if self.brought else before

    def _newest_shown(self) -> str | None:
        """Return the newest day of which there were papers: not that of an empty answer."""
        shown = [self.report.newest, self.report.day if self.read else None]
        limit = self.days.announced
        return _newest(*(_iso(min(d, limit)) for d in map(_day, shown) if d and limit))


def is_unlikely(papers: float) -> bool:
    """Return whether nothing comes less than once in a thousand times, where so many are usual."""
    return exp(-papers) < _UNLIKELY


def _newest(*days: str | None) -> str | None:
    return max(filter(None, days), default=None)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


# ---------------------------------------------------------------------------------------------
# The whole run
# ---------------------------------------------------------------------------------------------


class _Whole:
    """All parts of a run together."""

    def __init__(self, parts: Sequence[_Part], days: _Days) -> None:
        self.parts = parts
        self.days = days
        self.new = sum(p.new for p in parts)
        self.brought = sum(p.brought for p in parts)
        self.failed = [p for p in parts if p.report.error]
        self.doubted = [p for p in parts if p.doubts and not p.report.error]
        self.standing_in = self._well_route()
        self.due = max((p.due for p in parts), default=0)

    def _well_route(self) -> str | None:
        """Return a route all of whose parts were well, so that it brought everything."""
        for route in dict.fromkeys(p.report.route for p in self.parts if p.report.route):
            mine = [p for p in self.parts if p.report.route == route]
            if all(p.is_well and not self.days.leaves_gap(p.report.day) for p in mine):
                return route
        return None

    def by_route(self, of: Callable[[_Part], float]) -> dict[str, float]:
        """Return the sum of a number of each part, route by route."""
        sums: dict[str, float] = {}
        for p in self.parts:
            sums[p.report.route] = sums.get(p.report.route, 0) + of(p)
        return sums

    @property
    def awaited(self) -> float:
        """How many papers the most fruitful route would usually bring now."""
        return max(self.by_route(lambda p: p.report.usual * p.due).values(), default=0)

    @property
    def is_too_quiet(self) -> bool:
        """Whether nothing came at all, and neither the calendar nor the usual number explains it.

        Where the usual number is not known, an answer that names its day does.
        """
        if self.brought or not self.parts or not self.due or self.days.is_past:
            return False
        if any(p.shows_expected_day and p.is_well for p in self.parts):
            return False
        if self.awaited:
            return is_unlikely(self.awaited)
        return self.days.is_arxiv and not any(p.report.day for p in self.parts)

    @property
    def outcome(self) -> Outcome:
        if self.failed:
            is_all = len(self.failed) == len(self.parts) and not self.brought
            return "failed" if is_all else "partly failed"
        if (self.doubted and self.standing_in is None) or self.is_too_quiet:
            return "suspicious"
        return "new" if self.new else "nothing new"

    def covered_after(self) -> str | None:
        before = self.days.covered
        is_whole = bool(self.parts) and all(p.is_well for p in self.parts)
        if self.is_too_quiet or self.days.is_past or not (is_whole or self.standing_in):
            return before
        well = [p for p in self.parts if is_whole or p.report.route == self.standing_in]
        return _newest(before, *(p.covered_after() for p in well))


# ---------------------------------------------------------------------------------------------
# In words
# ---------------------------------------------------------------------------------------------


def _reason(whole: _Whole, outcome: Outcome) -> Iterator[str]:
    """Yield the sentences of a reason."""
    if outcome == "failed":
        yield f"Failed: {_whole_failure(whole)}."
    else:
        yield "; ".join(_clauses(whole, outcome)) + "."
    if rejected := sum(p.report.counts.get("rejected", 0) for p in whole.parts):
        yield f"{_count(rejected, 'record')} could not be read and {_were(rejected)} set aside."


def _clauses(whole: _Whole, outcome: Outcome) -> Iterator[str]:
    yield _opening(whole, outcome)
    yield from _failures(whole)
    if outcome != "suspicious":
        yield from _doubts(whole.doubted)
    if (route := whole.standing_in) and (whole.failed or whole.doubted):
        yield f"nothing is missing by it: {_ROUTES.get(route, route)} brought everything"


def _opening(whole: _Whole, outcome: Outcome) -> str:
    updated = sum(p.report.counts.get("updated", 0) for p in whole.parts)
    also = f", {updated:,} updated" if updated else ""
    is_odd = outcome == "suspicious"
    if whole.new:
        but = f", but something is suspicious: {_suspicion(whole)}" if is_odd else ""
        return f"{_count(whole.new, 'new paper')}{_of_days(whole)}{also}{but}"
    if is_odd:
        return f"Nothing new{also}, and that is suspicious: {_suspicion(whole)}"
    why = "" if whole.failed else f": {_explanation(whole)}"
    return f"Nothing new{also}{why}"


def _of_days(whole: _Whole) -> str:
    """Return of which day the new papers are, as far as that can be told."""
    days = whole.days
    shown = (p.report.newest or p.report.day for p in whole.parts if p.brought and not p.doubts)
    last = _day(_newest(*shown)) or (days.expected if days.is_arxiv and whole.due else None)
    if last is None or days.is_past:
        return ""
    if days.covered is None:
        return f", up to those of {_title(last)}"
    if days.is_arxiv and whole.due > 1:
        return f" of {whole.due} listings, the last of {_title(last)}"
    return f" of {_title(last)}"


def _suspicion(whole: _Whole) -> str:
    doubts = list(_doubts(whole.doubted)) or ["not one paper came"]
    if whole.days.is_arxiv and whole.due and whole.days.expected:
        expected = _short(whole.days.expected.isoformat())
        return f"{'; '.join(doubts)}, although a listing of {expected} was expected"
    return "; ".join(doubts)


def _explanation(whole: _Whole) -> str:
    """Return why it is right that nothing new came."""
    if not whole.parts:
        return "nothing is set up to be harvested"
    if whole.brought:
        # What came by several routes is counted by the one that brought most.
        most = round(max(whole.by_route(lambda p: p.brought).values()))
        return f"{_count(most, 'paper')} came that {_were(most)} held already"
    if whole.days.is_past:
        return "all that was asked for is here already"
    return _quiet_day(whole) if whole.due else _calendar_says(whole.days)


def _calendar_says(days: _Days) -> str:
    """Return why nothing was due, and when something is."""
    why = days.silence()
    if not days.is_arxiv:
        return why or f"{days.title} has brought nothing since {_since(days.covered)}"
    return (
        f"{why or f'the papers of {_in_words(days.today)} are here already'}; {days.after_next()}"
    )


def _quiet_day(whole: _Whole) -> str:
    days = whole.days
    which = f" of {_in_words(days.expected)}" if days.is_arxiv and days.expected else ""
    if not whole.awaited:
        return f"{days.title} lists nothing{which}" if which else f"{days.title} has nothing"
    daily = whole.awaited / whole.due
    number = "fewer than one" if daily < 1 else f"about {round(daily)}"
    nothing = f"the listing{which} brought nothing" if which else f"{days.title} brought nothing"
    return f"{nothing}, which happens where {number} a day {_is(daily)} usual"


def _since(covered: str | None) -> str:
    return _in_words(day) if (day := _day(covered)) else "the beginning"


def _whole_failure(whole: _Whole) -> str:
    """Return why all parts failed; the parts are named only where their errors differ."""
    errors = {p.report.error.rstrip(". ") for p in whole.failed}
    return errors.pop() if len(errors) == 1 else "; ".join(_failures(whole))


def _failures(whole: _Whole) -> Iterator[str]:
    """Yield what failed, parts with the same error together."""
    alike: dict[tuple[str, str | None], list[str]] = {}
    for p in whole.failed:
        # What shows one day only has nowhere to go on from.
        until = (
            p.report.until if p.report.route not in _OF_ONE_DAY and _day(p.report.until) else None
        )
        key = (p.report.error.rstrip(". "), until)
        alike.setdefault(key, []).append(p.report.part)
    for (error, until), parts in alike.items():
        going_on = f", {'it goes' if len(parts) == 1 else 'they go'} on from {_short(until)}"
        yield f"{_listed(parts)} failed ({error})" + (going_on if until else "")


def _doubts(parts: Iterable[_Part]) -> Iterator[str]:
    """Yield what is doubtful, at most three of them."""
    doubts = list(dict.fromkeys(doubt for p in parts for doubt in p.doubts))
    if doubts:
        more = len(doubts) - _NAMED
        yield "; ".join(doubts[:_NAMED]) + (f"; and {more} more like these" if more > 0 else "")


def _listed(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{len(names)} parts ({', '.join(names[:_NAMED])}…)"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _is(number: float) -> str:
    return "is" if round(number) <= 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _title(day: date) -> str:
    return day_of(day).title


def _in_words(day: date) -> str:
    """Return a day with its weekday and without its year."""
    return _title(day).rpartition(" ")[0]


def _short(day: str | None) -> str:
    """Return a day without weekday and year, and a text that is no day as it is."""
    known = _day(day)
    return _in_words(known).partition(", ")[2] if known else day or ""
