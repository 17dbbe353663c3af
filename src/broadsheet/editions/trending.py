"""Trending: one formula over what sources counted of papers, in two views, hot and rising. Pure.

    learn(observed, announced, at, window=None) -> {(kind, source): Scale}
    hot(observed, announced, at, scales=None) -> Ranking
    rising(observed, announced, at, window="day", scales=None) -> Ranking
    stand(observed, announced, at, scales) -> Standings, of all papers with little memory
    moved(observed, announced, at, window) -> papers, all that `rising` can list
    Ranking.papers, .scores, .standings: arrays, best first; .scales: {(kind, source): Scale}
    Ranking.parts(paper) -> tuple[Part, ...]; .reasons(paper) -> tuple[str, ...]

`observed` and `announced` are what `collection.signals` reads (`Observations.of(rows)` makes them
of rows); times are whole seconds since 1970 in UTC, days are whole days since then. The formula
for people stands in docs/trending.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from broadsheet.collection.signals import Announcements, Observations

Window = Literal["day", "week", "month", "all"]
View = Literal["hot", "rising"]
Began = Literal["zero", "before", "spread", "seen"]
Name = tuple[str, str]
"""Kind and source of a signal, as `("stars", "github")`."""

DAY = 86_400
"""Seconds."""
DAYS: Mapping[Window, int] = {"day": 1, "week": 7, "month": 30}
"""How long each window is; `all` has no beginning."""
TAU = 2.0
"""Days that weigh as much as one unit of standing.

Someone who reads weekly finds a paper of one unit beside ordinary ones two days younger: the best
of a day (two or three units) stay for a week, and nothing for a month.
"""
PRIOR = 1.0
"""The weight of the prior, an ordinary paper: one signal alone counts for half."""
PSEUDO = 20
"""So many papers with the usual middle and spread are added to those that are counted."""
LEAST_SPREAD = 1.0
"""Doublings: where counts are all small and alike, twice as many is one unit and no more."""
TIE = 1e-6
"""So much of all doublings of a paper is added: what does not count otherwise parts equals."""
CAP_TIMES = 3.0
"""A day's gain counts up to so many times what the 99th centile of a source's is."""
CAP_LEAST = 20
"""With fewer gains than this, what is usual is not known, and the kind's own cap holds."""
HERE = "here"
"""The source of what readers do in this collection, where no change is missed."""
WATCHED = 7
"""Days: a gain over longer than this says nothing of what is gained in a day."""
_AT_ONCE = 500_000
"""Observations that are ranked at once: memory stays flat, and they fit into a cache."""
_Q90 = 1.2816  # standard deviations from the median to the 90th centile of a normal distribution

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Kind(NamedTuple):
    """What is usual of a kind of signal before a source has shown its own counts.

    `middle` and `spread` are doublings, of 1 + count; a gain of `cap` in a day is never cut.
    """

    weight: float
    middle: float
    spread: float
    cap: float


KINDS: Mapping[str, Kind] = {
    "upvotes": Kind(1.0, 2.5, 1.5, 100),
    "comments": Kind(0.5, 1.0, 1.0, 50),
    "stars": Kind(1.0, 4.0, 2.5, 200),
    "citations": Kind(1.0, 2.0, 2.0, 50),
    "linked_models": Kind(0.5, 1.0, 1.0, 50),
    "linked_datasets": Kind(0.5, 1.0, 1.0, 50),
    "mentions": Kind(0.5, 1.0, 1.0, 50),
}
"""Full weight is given for what costs a reader or an author a decision of their own."""
OTHER = Kind(0.5, 1.0, 1.5, 50)

_OF_READERS = frozenset({"upvotes", "comments", "mentions"})
"""Counts that begin with the paper, where a repository may be older than it."""
_YOUNG = 30
"""Days after which nobody asks how long it took to count so many."""


class Scale(NamedTuple):
    """How counts of one signal are read: `middle` and `spread` in doublings, `cap` per day.

    `papers` is how many papers it was learned from.
    """

    middle: float
    spread: float
    cap: float
    papers: int


class Burst(NamedTuple):
    """Too much at once: `gained` in `days`, of which only `counted` counts."""

    gained: float
    days: int
    counted: float


class Part(NamedTuple):
    """What one signal adds to a paper's standing: `weight * strength`, of what is shared there.

    `value` is the count as it was seen. `gained` is what of it counts in the window (for hot, since
    midnight), None if that is not known. `began` says what a gain is measured from: `zero` when the
    paper was announced, the count `before`, one that was `spread` evenly over the days between two
    observations, or the first that was `seen`. `burst` is the greatest. What is left out has no
    weight: with it the others would come to less, and nothing that was counted is against a paper.
    """

    kind: str
    source: str
    value: float
    gained: float | None
    began: Began
    burst: Burst | None
    strength: float
    weight: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Papers in order, best first; ties stand in order of id. `at` is in seconds since 1970.

    `standings` are z, what the strongest signals of a paper come to; `scores` are sorted by.
    """

    view: View
    window: Window
    at: int
    papers: Ints
    scores: Floats
    standings: Floats
    scales: Mapping[Name, Scale]
    _table: _Counts
    _names: tuple[Name, ...]

    def parts(self, paper: int) -> tuple[Part, ...]:
        """Return what a paper's standing is made of, the strongest first; nothing if unlisted."""
        first, last = np.searchsorted(self._table.paper, [paper, paper + 1])
        return _counting([self._part(row) for row in range(int(first), int(last))])

    def reasons(self, paper: int) -> tuple[str, ...]:
        """Return the parts of a paper in words: `38 upvotes in 2 days`, `212 stars (+64 today)`."""
        return tuple(_told(p, self.age(paper), self.view, self.window) for p in self.parts(paper))

    def age(self, paper: int) -> float:
        """Return the days since a paper that is listed was announced."""
        row = int(np.searchsorted(self._table.paper, paper))
        return float(self.at / DAY - self._table.announced[row])

    def _part(self, row: int) -> Part:
        table = self._table
        kind, source = self._names[int(table.signal[row])]
        gained = float(table.gained[row])
        burst = Burst(
            float(table.burst[row]), int(table.burst_days[row]), float(table.burst_counted[row])
        )
        return Part(
            kind, source, float(table.value[row]), None if np.isnan(gained) else gained,
            _BEGAN[int(table.began[row])], burst if burst.gained else None,
            float(table.strength[row]), _kind(kind).weight,
        )  # fmt: skip


class Standings(NamedTuple):
    """How papers stand, in order of id: z, the day of announcement, and whether any count is not 0.

    A hot list is in order of `z - age / TAU`, and one of all time in order of `z`.
    """

    paper: Ints
    z: Floats
    day: Ints
    is_some: Bools

    def hot(self, at: int) -> Floats:
        """Return the scores of hot lists at a time."""
        return np.round(self.z - (at / DAY - self.day.astype(np.float64)) / TAU, 9)


def learn(
    observed: Observations,
    announced: Announcements,
    at: int,
    window: Window | None = None,
    *,
    caps: Mapping[Name, float] | None = None,
) -> dict[Name, Scale]:
    """Return how counts are to be read as of `at`: for hot, or what is gained in a window.

    What was not counted by then has the usual scale of its kind. `caps` need not be learned again
    where they are known; then `observed` may be that of the papers that `moved` alone.
    """
    span = _span(at, window)
    names = observed.names
    limits = _caps(observed, announced, span, caps or {})
    told = (_largest(_counts(part, announced, span, limits)) for part in _portions(observed))
    columns = [(c.signal, c.measure) for c in told]
    signal, measure = map(np.concatenate, zip(*columns, strict=True))
    return {
        name: _scale(measure[signal == number], name[0], limits[number])
        for number, name in enumerate(names)
    }


def stand(
    observed: Observations,
    announced: Announcements,
    at: int,
    *,
    scales: Mapping[Name, Scale],
) -> Standings:
    """Return how every paper with signals stands as of `at`, by scales that are known."""
    span, caps = _span(at), _told_caps(observed.names, scales)
    found = [_standings(_counts(part, announced, span, caps), observed.names, scales)
             for part in _portions(observed)]  # fmt: skip
    return Standings._make(np.concatenate(columns) for columns in zip(*found, strict=True))


def moved(observed: Observations, announced: Announcements, at: int, window: Window) -> Ints:
    """Return the papers of which anything was seen within a window, or that are as young."""
    days = DAYS.get(window)
    since = at - days * DAY if days else 0
    young = announced.paper[announced.day.astype(np.int64) * DAY >= since]
    seen = observed.paper[(observed.seen > max(since, 0)) & (observed.seen <= at)]
    return np.union1d(seen, young).astype(np.int64)


def hot(
    observed: Observations,
    announced: Announcements,
    at: int,
    *,
    scales: Mapping[Name, Scale] | None = None,
) -> Ranking:
    """Return all papers with signals by their standing as of `at`, less what their age costs.

    Reddit's idea: z - age/TAU orders as z + announced/TAU does, so that without new signals no
    two papers change places. Pass the `scales` of an earlier ranking to keep to them.
    """
    return _ranked(observed, announced, at, None, scales)


def rising(
    observed: Observations,
    announced: Announcements,
    at: int,
    window: Window = "day",
    *,
    scales: Mapping[Name, Scale] | None = None,
) -> Ranking:
    """Return the papers that gained anything in the window before `at` by what they gained.

    A gain is known if a count was seen in the window and before it; a paper announced within the
    window began with nothing, and one first seen within it is measured from then on. `all` takes
    the counts themselves.
    """
    return _ranked(observed, announced, at, window, scales)


# ---------------------------------------------------------------------------- what was counted

_BEGAN: tuple[Began, ...] = ("zero", "before", "spread", "seen")


class _Steps(NamedTuple):
    """The last observation of each series and day, in order of series and time.

    A day ends `phase` seconds after midnight. `gain` is what came since the step before, `days`
    earlier; the first step's is what came since the announcement.
    """

    paper: Ints
    signal: Ints
    announced: Ints
    day: Ints
    value: Floats
    is_first: Bools
    is_last: Bools
    gain: Floats
    days: Ints


class _Counts(NamedTuple):
    """One signal of one paper in each row: what `Part` has, as columns.

    `measure` is what is brought onto a scale, not a number where it is not known.
    """

    paper: Ints
    signal: Ints
    announced: Ints
    value: Floats
    cut: Floats
    measure: Floats
    gained: Floats
    began: Ints
    burst: Floats
    burst_days: Ints
    burst_counted: Floats
    strength: Floats

    def take(self, rows: Ints | Bools) -> _Counts:
        """Return these rows."""
        return _Counts._make(column[rows] for column in self)


class _Span(NamedTuple):
    """What is counted: until `at`, in `days` that end `phase` seconds after midnight, or ever.

    For hot, gains are those since midnight, and told only.
    """

    at: int
    phase: int
    days: int | None
    is_hot: bool

    @property
    def until(self) -> int | None:
        """The last day before the window; None if it has no beginning."""
        return None if self.days is None else -((self.phase - self.at) // DAY) - self.days


def _span(at: int, window: Window | None = None) -> _Span:
    if window is None:
        return _Span(at, 0, 1, is_hot=True)
    days = DAYS.get(window)
    return _Span(at, at % DAY if days else 0, days, is_hot=False)


def _portions(observed: Observations) -> Iterator[Observations]:
    """Yield observations a part at a time, those of one paper always together."""
    first, size = 0, len(observed.paper)
    is_in_order = bool(np.all(np.diff(observed.paper) >= 0))
    while True:
        last = min(first + _AT_ONCE, size) if is_in_order else size
        if last < size:
            last = int(np.searchsorted(observed.paper, observed.paper[last], "right"))
        yield observed.take(slice(first, last))
        first = last
        if first >= size:
            return


def _counts(observed: Observations, announced: Announcements, span: _Span, caps: Floats) -> _Counts:
    """Return what each signal of each paper is at a time, and what it gained."""
    steps = _steps(observed, announced, span)
    excess = np.maximum(steps.gain - caps[steps.signal] * steps.days, 0.0)
    # What a paper had gathered long before anybody looked is no burst that can be told.
    excess[steps.is_first & (steps.days > WATCHED)] = 0.0
    cut = _cuts(steps, excess)
    until = span.until
    exact = np.array([source == HERE for _, source in observed.names], bool)
    counts = _gains(steps, cut, until, span.phase, exact)
    if span.is_hot:
        counts = counts._replace(measure=counts.value - counts.cut)
    elif until is not None:
        excess = np.where(steps.day > until, excess, 0.0)
    return _with_bursts(counts, steps, excess)


def _steps(observed: Observations, announced: Announcements, span: _Span) -> _Steps:
    """Take what was seen by `at` of papers that were announced by then, and nothing else."""
    at, phase = span.at, span.phase
    is_known, born = _born(observed.paper, announced)
    seen_by_then = np.flatnonzero(is_known & (born * DAY <= at) & (observed.seen <= at))
    rows = _in_order(seen_by_then, observed.series[seen_by_then], observed.seen[seen_by_then])
    day = -((phase - observed.seen[rows].astype(np.int64)) // DAY)
    is_last = _ends(observed.series[rows])
    # Of an old paper also the first one is kept: what came after it on that day is known.
    is_old = day + (phase - born[rows] * DAY) // DAY > 1
    is_kept = is_last | _ends(day) | (np.roll(is_last, 1) & is_old)
    rows, day, is_last = rows[is_kept], day[is_kept], is_last[is_kept]
    is_first = np.roll(is_last, 1)
    value, own = observed.value[rows], born[rows]
    before = np.where(is_first, 0.0, np.roll(value, 1))
    since = np.where(is_first, -((phase - own * DAY) // DAY), np.roll(day, 1))
    return _Steps(
        observed.paper[rows], observed.signal[rows], own, day, value,
        is_first, is_last, value - before, np.maximum(day - since, 1),
    )  # fmt: skip


def _in_order(rows: Ints, series: Ints, seen: Ints) -> Ints:
    """Return rows by series and time, as the record gives them: no series has a time twice."""
    step, time = np.diff(series), np.diff(seen.astype(np.int64))
    if np.all((step > 0) | ((step == 0) & (time > 0))):
        return rows
    return rows[np.lexsort((seen, series))]


def _born(papers: Ints, announced: Announcements) -> tuple[Bools, Ints]:
    """Return for each of `papers` whether its day of announcement is known, and the day."""
    if not len(announced.paper):
        return np.zeros(len(papers), bool), np.zeros(len(papers), np.int64)
    found = np.minimum(np.searchsorted(announced.paper, papers), len(announced.paper) - 1)
    return announced.paper[found] == papers, announced.day[found].astype(np.int64)


def _ends(column: Ints) -> Bools:
    """Return where a run of equal values ends."""
    return np.append(column[1:] != column[:-1], np.ones(min(len(column), 1), bool))


def _caps(
    observed: Observations, announced: Announcements, span: _Span, known: Mapping[Name, float]
) -> Floats:
    """Return the most that counts per day, for each signal."""
    names = observed.names
    if all(name in known for name in names):
        return np.array([known[name] for name in names], np.float64)
    told = [_gained(part, announced, span) for part in _portions(observed)]
    signal, gains = map(np.concatenate, zip(*told, strict=True))
    return np.array(
        [known.get(name, _cap(gains[signal == number], _kind(name[0]).cap))
         for number, name in enumerate(names)], np.float64,
    )  # fmt: skip


def _gained(
    observed: Observations, announced: Announcements, span: _Span
) -> tuple[NDArray[np.int16], Floats]:
    """Return the gains per day that tell what is usual, and of which signals they are.

    A first count of what may be older than the paper says nothing of a usual day.
    """
    steps = _steps(observed, announced, span)
    of_readers = np.array([kind in _OF_READERS for kind, _ in observed.names], bool)
    is_older = steps.is_first & ~of_readers[steps.signal]
    is_telling = (steps.gain > 0) & (steps.days <= WATCHED) & ~is_older
    return steps.signal[is_telling], steps.gain[is_telling] / steps.days[is_telling]


def _told_caps(names: tuple[Name, ...], scales: Mapping[Name, Scale]) -> Floats:
    return np.array([scales[name].cap for name in names], np.float64)


def _cap(gains: Floats, least: float) -> float:
    if len(gains) < CAP_LEAST:
        return least
    # The lower neighbour: the greatest gain of all never sets its own cap.
    return max(CAP_TIMES * float(np.quantile(gains, 0.99, method="lower")), least)


def _cuts(steps: _Steps, excess: Floats) -> Floats:
    """Return how much of each value does not count: what was too much until then.

    Where a count falls, as when bought stars are taken back, what was cut goes first.
    """
    cut = np.zeros(len(excess))
    starts, ends = np.flatnonzero(steps.is_first), np.flatnonzero(steps.is_last)
    series = np.cumsum(steps.is_first) - 1
    for one in np.unique(series[excess > 0]):  # few: a cap is what is hardly ever gained
        held = 0.0
        for step in range(starts[one], ends[one] + 1):
            held = max(held + excess[step] + min(steps.gain[step], 0.0), 0.0)
            cut[step] = held
    return cut


def _gains(steps: _Steps, cut: Floats, until: int | None, phase: int, exact: Bools) -> _Counts:
    """Return a row for each series: what it was last, and what it gained after the day `until`.

    Of `exact` signals every change is seen: they were nothing before the first, and between two
    they were what the former said.
    """
    starts, ends = np.flatnonzero(steps.is_first), np.flatnonzero(steps.is_last)
    counted = steps.value - cut
    began: Ints
    if until is None:
        is_new, began, gained = np.ones(len(ends), bool), np.zeros_like(ends), counted[ends]
    else:
        is_exact = exact[steps.signal[ends]]
        is_new = steps.announced[ends] * DAY >= until * DAY + phase
        was_none = is_exact & ~is_new & (steps.day[starts] > until)
        base, share, began = _bases(steps, starts, ends, until, is_exact)
        after = np.minimum(base + 1, ends)
        start = counted[base] + share * (counted[after] - counted[base])
        gained = np.maximum(counted[ends] - np.where(is_new | was_none, 0.0, start), 0.0)
        gained = np.where(is_new | was_none | (base < ends), gained, np.nan)
        began = np.where(was_none, _BEGAN.index("before"), began)
    none = np.zeros(len(ends))
    return _Counts(
        steps.paper[ends], steps.signal[ends], steps.announced[ends], steps.value[ends], cut[ends],
        gained, gained, np.where(is_new, 0, began), none, none.astype(np.int64), none, none,
    )  # fmt: skip


def _bases(
    steps: _Steps, starts: Ints, ends: Ints, until: int, is_exact: Bools
) -> tuple[Ints, Floats, Ints]:
    """Return from which step on each series is measured, and how that was found.

    It is the last one until the day `until`. Where the next one came days later, `share` of what
    lies between them was gained by then: nobody looked, so it is spread evenly, unless it is exact.
    """
    if not len(starts):
        return starts, np.zeros(0), starts
    earlier = np.add.reduceat(steps.day <= until, starts, dtype=np.int64)
    base = starts + np.maximum(earlier - 1, 0)
    gap = np.maximum(steps.day[np.minimum(base + 1, ends)] - steps.day[base], 1)
    share = np.where(is_exact, 0.0, np.clip((until - steps.day[base]) / gap, 0.0, 1.0))
    return base, share, np.where(earlier == 0, 3, np.where(share > 0, 2, 1))


def _with_bursts(counts: _Counts, steps: _Steps, excess: Floats) -> _Counts:
    """Return counts with the greatest excess of each series of which something is still cut."""
    burst, days, counted = np.zeros((3, len(counts.paper)))
    series = np.cumsum(steps.is_first) - 1
    steps_cut = np.flatnonzero((excess > 0) & (counts.cut[series] > 0))
    for step in steps_cut[np.argsort(excess[steps_cut], kind="stable")]:
        own = series[step]
        burst[own], days[own] = steps.gain[step], steps.days[step]
        counted[own] = steps.gain[step] - excess[step]
    return counts._replace(burst=burst, burst_days=days.astype(np.int64), burst_counted=counted)


# ---------------------------------------------------------------------------- the formula


def _ranked(
    observed: Observations,
    announced: Announcements,
    at: int,
    window: Window | None,
    scales: Mapping[Name, Scale] | None,
) -> Ranking:
    names, known = observed.names, dict(scales or {})
    if not all(name in known for name in names):
        caps = {name: scale.cap for name, scale in known.items()}
        known = learn(observed, announced, at, window, caps=caps) | known
    span = _span(at, window)
    counts = _read(_counts(observed, announced, span, _told_caps(names, known)), names, known)
    found = _summed(counts, names)
    view: View = "hot" if window is None else "rising"
    scores = found.hot(at) if window is None else np.round(found.z, 9)
    order = np.lexsort((found.paper, -scores))
    if window is not None:
        order = order[found.is_some[order]]
        counts = counts.take(np.isin(counts.paper, found.paper[order]))
    return Ranking(
        view, window or "all", at, found.paper[order], scores[order], found.z[order], known,
        counts, names,
    )  # fmt: skip


def _standings(counts: _Counts, names: tuple[Name, ...], scales: Mapping[Name, Scale]) -> Standings:
    return _summed(_read(counts, names, scales), names)


def _read(counts: _Counts, names: tuple[Name, ...], scales: Mapping[Name, Scale]) -> _Counts:
    """Return one row for each paper and kind, with its strength."""
    return _strongest(_measured(_largest(counts), names, scales), names)


def _summed(counts: _Counts, names: tuple[Name, ...]) -> Standings:
    firsts = np.flatnonzero(np.roll(_ends(counts.paper), 1))
    weights = np.array([_kind(kind).weight for kind, _ in names], np.float64)[counts.signal]
    if not len(firsts):
        return Standings(counts.paper, np.zeros(0), counts.announced, np.zeros(0, bool))
    z = _greatest(counts.paper, firsts, weights, counts.strength)
    doublings = np.log2(1 + np.maximum(counts.measure, 0.0))
    z += TIE * np.add.reduceat(weights * doublings, firsts)
    is_some = np.maximum.reduceat(counts.measure, firsts) > 0
    return Standings(counts.paper[firsts], z, counts.announced[firsts], is_some)


def _greatest(paper: Ints, firsts: Ints, weights: Floats, strength: Floats) -> Floats:
    """Return for each paper the most that any of its signals come to together.

    Where one is above the middle, the strongest ones do, as many as raise what those before them
    come to; else it is one alone.
    """
    best = np.maximum.reduceat(weights * strength / (PRIOR + weights), firsts)
    sizes = np.diff(firsts, append=len(paper))
    several = np.flatnonzero(sizes > 1)
    # Most papers have one signal: only the others are put in order.
    rows = np.flatnonzero(np.repeat(sizes > 1, sizes))
    rows = rows[np.lexsort((-strength[rows], paper[rows]))]
    starts = np.cumsum(sizes[several]) - sizes[several]
    weight, added = np.zeros(len(several)), np.zeros(len(several))
    for rank in range(int(sizes.max())):
        has_more = sizes[several] > rank
        chosen = rows[starts[has_more] + rank]
        weight[has_more] += weights[chosen]
        added[has_more] += weights[chosen] * strength[chosen]
        best[several] = np.maximum(best[several], added / (PRIOR + weight))
    return best


def _counting(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts of a paper, strongest first, with no weight for those that do not count."""
    ranked = sorted(parts, key=lambda p: (-p.strength, p.kind))
    groups = [[p] for p in ranked] + [ranked[:n] for n in range(2, len(ranked) + 1)]
    chosen = max(groups, key=_together, default=[])
    told = (p if p in chosen else p._replace(weight=0.0) for p in ranked)
    return tuple(sorted(told, key=lambda p: (-p.weight * p.strength, not p.weight, p.kind)))


def _together(parts: Sequence[Part]) -> float:
    added = sum((p.weight * p.strength for p in parts), 0.0)
    return added / (PRIOR + sum(p.weight for p in parts))


def _largest(counts: _Counts) -> _Counts:
    """Return one row for each paper and signal: of several repositories, the one with most."""
    counts = counts.take(~np.isnan(counts.measure))
    order = np.lexsort((counts.value, counts.measure, counts.signal, counts.paper))
    counts = counts.take(order)
    return counts.take(_ends(counts.paper) | _ends(counts.signal))


def _scale(measures: Floats, kind: str, cap: float) -> Scale:
    """Return how a signal is distributed: the middle of all, and the spread of what is not zero.

    Most papers gain no citation in a week. They are what is ordinary, but say nothing of how far
    apart those are that gain some.
    """
    usual = _kind(kind)
    found = np.log2(1 + np.maximum(measures, 0.0))
    some = found[found > 0]
    middle, spread = usual.middle, usual.spread
    if len(found):
        middle = _mixed(float(np.median(found)), usual.middle, len(found))
    if len(some):
        half, tenth = np.quantile(some, [0.5, 0.9])
        spread = _mixed(float(tenth - half) / _Q90, usual.spread, len(some))
    return Scale(middle, max(spread, LEAST_SPREAD), float(cap), len(found))


def _mixed(learned: float, usual: float, papers: int) -> float:
    return (papers * learned + PSEUDO * usual) / (papers + PSEUDO)


def _measured(counts: _Counts, names: tuple[Name, ...], scales: Mapping[Name, Scale]) -> _Counts:
    """Return counts with their strengths: how many spreads above the middle each is."""
    middle = np.array([scales[name].middle for name in names], np.float64)[counts.signal]
    spread = np.array([scales[name].spread for name in names], np.float64)[counts.signal]
    doublings = np.log2(1 + np.maximum(counts.measure, 0.0))
    return counts._replace(strength=(doublings - middle) / spread)


def _strongest(counts: _Counts, names: tuple[Name, ...]) -> _Counts:
    """Return one row for each paper and kind: of several services, the one that says most."""
    kinds = sorted({kind for kind, _ in names})
    kind = np.array([kinds.index(k) for k, _ in names], np.int64)[counts.signal]
    order = np.lexsort((counts.signal, counts.strength, kind, counts.paper))
    return counts.take(order).take(_ends(counts.paper[order]) | _ends(kind[order]))


def _kind(name: str) -> Kind:
    return KINDS.get(name, OTHER)


# ---------------------------------------------------------------------------- in words


def _told(part: Part, age: float, view: View, window: Window) -> str:
    name = part.kind.replace("_", " ")
    text = f"{part.value:,.0f} {name.removesuffix('s') if part.value == 1 else name}"
    is_young = age <= _YOUNG and part.kind in _OF_READERS
    if is_young or (part.began == "zero" and view == "rising" and window != "all"):
        text += f" in {_in_days(max(int(np.ceil(age)), 1))}"
    if part.gained and part.began != "zero":
        about = "about " if part.began == "spread" else ""
        text += f" ({about}+{max(part.gained, 1):,.0f} {_since(part, window)})"
    if part.burst:
        burst = part.burst
        text += f", +{burst.gained:,.0f} in {_in_days(burst.days)}"
        text += f" counted as {burst.counted:,.0f}"
    return text


def _in_days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"


def _since(part: Part, window: Window) -> str:
    if part.began == "seen":
        return "since first seen"
    return f"this {window}" if window in {"week", "month"} else "today"
