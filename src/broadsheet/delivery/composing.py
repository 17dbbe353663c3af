"""Composes issues: who is due, what there is for them, and the ledger of what was decided.

What subscriptions share is made once for all that are due together: the papers of some days in
order, those of them that a query matches, and what was chosen where nobody had anything before.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import Connection

from broadsheet.collection import digests, harvests, papers, picks
from broadsheet.collection import editions as store
from broadsheet.collection.database import Database
from broadsheet.collection.digests import Covered, Made
from broadsheet.collection.editions import Slim
from broadsheet.collection.together import Together
from broadsheet.delivery import choosing, due
from broadsheet.delivery.choosing import Candidate, Meanings, as_body, of_body
from broadsheet.delivery.subscribing import subscription_of
from broadsheet.delivery.subscription import Cadence, Choice, Item, Mark, Subscription, Wishes
from broadsheet.editions import calendar
from broadsheet.editions.calendar import announcements, listing_day
from broadsheet.editions.edition import Editions
from broadsheet.editions.narrowing import narrowing
from broadsheet.editions.order import usual_standing
from broadsheet.editions.trending import TAU, Window
from broadsheet.editions.trending_list import Standing, TrendingLists
from broadsheet.errors import (
    EmbeddingError,
    NotFoundError,
    QueryError,
    RefusedError,
    SearchIndexError,
)
from broadsheet.search import query as language
from broadsheet.search.index import Index
from broadsheet.search.query import And, DateRange, Like, Query
from broadsheet.search.ranking import Ranked, nearness

__all__ = ["Composed", "Composer", "as_body", "of_body"]

LENGTH: Final[Mapping[Cadence, int]] = {"day": 1, "weekdays": 1, "week": 7, "month": 31}
"""Days that a first issue reaches back."""
OLDEST: Final = timedelta(days=31)
"""No issue reaches back further, or than twice its own length: what is older is no news."""
LATE: Final = 14
"""Days after which a paper that came late is not told any more, nor one that rises late."""
FRESH: Final = timedelta(hours=3)
"""Until so long after its announcement a listing that is not here is not late."""
SAMPLE: Final = 1000
"""So many of the newest papers say how near two papers usually are."""
FOREMOST: Final = 2000
"""So many papers of a span are put in order by what was counted of them."""
RISING: Final = 200
"""So many papers that rise are looked at for those that were announced before."""
BATCH: Final = 500
"""So many subscriptions are decided in one transaction."""
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_DAY: Final = timedelta(days=1)
_ARXIV: Final = "arxiv"
_SILENCE: Final = 10
"""Days: longer than arXiv is ever silent."""
_WINDOWS: Final[Mapping[Cadence, Window]] = {
    "day": "day", "weekdays": "day", "week": "week", "month": "month",
}  # fmt: skip
_PERIODS: Final = {
    "day": calendar.day_of, "weekdays": calendar.day_of, "week": calendar.week_of,
    "month": calendar.month_of,
}  # fmt: skip
_BAD: Final = frozenset({"failed", "partly failed"})
_RECENT: Final = timedelta(days=2)
_EARLIER: Final[Mark] = "earlier"
_CAME_LATE: Final[Mark] = "late"
_HOW: Final = {"page": "on the page of", "filed": "filed"}

_log = logging.getLogger(__name__)

Rank = Callable[[Query, Sequence[int]], Sequence[Ranked]]
"""Puts papers in the order that a search would give them (`Engine.rank_among`)."""


class Composed(NamedTuple):
    """How many issues became ready, had nothing to tell, were too late, or wait for sources.

    `stopped` could not be decided, which is logged, or somebody had changed them meanwhile.
    """

    ready: int = 0
    empty: int = 0
    late: int = 0
    waiting: int = 0
    stopped: int = 0


class Span(NamedTuple):
    """What an issue covers: papers of the days after `after` until `until`.

    With what came for earlier days `since` a place in the change log, if there was an issue before.
    `due` is when it is due, by when papers stand as they stand.
    """

    after: date
    until: date
    since: int | None
    due: datetime
    cadence: Cadence


class Lack(NamedTuple):
    """What is not here at a due moment: sentences about it, and whether an issue waits for it.

    The papers of `day` and after it are still to come in the ordinary way.
    """

    notices: tuple[str, ...]
    is_awaited: bool
    day: date


class _Held(NamedTuple):
    """A paper that may be in an issue, and why it is there beside those of the issue's days."""

    slim: Slim
    mark: Mark
    reasons: tuple[str, ...] = ()


def _never() -> bool:
    return False


class Composer:
    """Decides what is in the issues that are due. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        together: Together,
        editions: Editions,
        trending: TrendingLists,
        index: Index,
        rank: Rank,
        clock: Callable[[], datetime],
        wait: timedelta,
        sources: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`rank` is `Engine.rank_among`; `sources` names the sources that are enabled.

        A due issue waits for these for `wait` at most.
        """
        self._database = database
        self._together = together
        self._editions = editions
        self._trending = trending
        self._index = index
        self._rank = rank
        self._clock = clock
        self._wait = wait
        self._sources = sources

    def check(self, wishes: Wishes) -> None:
        """See that wishes can be fulfilled; raises QueryError, PaperNotFound or RefusedError."""
        if wishes.kind == "recommended":
            raise RefusedError("Recommendations come later: there is nothing to subscribe to yet.")
        query = language.parse(wishes.query)
        if wishes.kind != "search":
            narrowing(query, "this list")
            return
        _conditions(query)
        self._rank(query, [])

    def choose(self, subscription: Subscription, due_at: datetime) -> Choice:
        """Return what would be in the issue of a due moment, without deciding anything.

        Of one that is still to come it is what is here by now. What the recipient had is left out
        if the subscription is one of the record's. Raises QueryError, NotFoundError and
        SearchIndexError.
        """
        due_at = min(due_at, self._clock())
        with self._database.read() as connection:
            look = self._look(connection)
            ledger = _Ledger.of(connection, [subscription], self._clock())
            span = look.span(subscription, ledger, due_at)
            ledger.read_had(connection, look.papers({(subscription.wishes.kind, span)}))
            return look.choice(subscription, span, ledger)

    def compose(self, now: datetime, stop: Callable[[], bool] = _never) -> Composed:
        """Decide what is in all issues that are due at `now`, and keep it.

        Each issue is decided once; what cannot be decided stays due. When `stop` says so, the rest
        is left for another time. Raises StoreError and SearchIndexError.
        """
        counts: Counter[str] = Counter()
        with self._database.read() as connection:
            wanted = digests.due(connection, _iso(now))
            if wanted:
                look = self._look(connection)
                for numbers in _batches(wanted):
                    if stop():
                        break
                    counts += self._decided(look, numbers, now)
        return Composed(**counts)

    def _look(self, connection: Connection) -> _Look:
        return _Look(
            connection, self._index, self._trending, self._editions, self._rank,
            frozenset(self._sources()),
        )  # fmt: skip

    def _decided(self, look: _Look, numbers: Sequence[int], now: datetime) -> Counter[str]:
        """Decide a batch of issues and keep what was decided; return how many of each state."""
        with self._database.read() as connection:
            found = [subscription_of(row) for row in digests.rows(connection, numbers)]
            # Some may have been changed since they were found to be due.
            found = [s for s in found if s.state == "active" and (s.next_due or "~") <= _iso(now)]
            dues = {s.id: _newest_due(s, now) for s in found}
            late = {s.id for s in found if look.is_late(s, dues[s.id], now)}
            live = [s for s in found if s.id not in late]
            waiting = {s.id for s in live if self._waits(look, s, dues[s.id], now)}
            ready = [s for s in live if s.id not in waiting]
            ledger = _Ledger.of(connection, ready, now)
            spans = {s.id: look.span(s, ledger, dues[s.id]) for s in ready}
            kinds = {(s.wishes.kind, spans[s.id]) for s in ready}
            ledger.read_had(connection, look.papers(kinds))
        made = [_late(s, dues[s.id], now) for s in found if s.id in late]
        made += filter(None, (look.decided(s, spans[s.id], ledger) for s in ready))
        moment = _iso(self._clock())
        kept = self._together.write(lambda writing: digests.keep(writing, made, moment))
        counts = Counter(m.state for m in kept)
        counts.update(waiting=len(waiting), stopped=len(numbers) - len(waiting) - len(kept))
        return counts

    def _waits(self, look: _Look, s: Subscription, due_at: datetime, now: datetime) -> bool:
        """Return whether an issue waits for what is not here: never past half of its life."""
        life = due.ends(s.wishes, due_at) - due_at
        return now < due_at + min(self._wait, life / 2) and look.lack(due_at).is_awaited


# ---------------------------------------------------------------------------- moments


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_FORM)


def _newest_due(subscription: Subscription, now: datetime) -> datetime:
    """Return the newest moment at which an issue was due, of several that were missed."""
    noted = datetime.fromisoformat(subscription.next_due or "")
    return max(noted, due.last_due(subscription.wishes, now) or noted)


def _batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))


def _late(subscription: Subscription, due_at: datetime, now: datetime) -> Made:
    """Return the row of an issue that is too late to be of use."""
    return _made(subscription, due_at, max(due_at, now), "late")


def _made(
    subscription: Subscription,
    due_at: datetime,
    after: datetime,
    state: str,
    span: Span | None = None,
    cut: int = 0,
    body: str = "",
    had: Mapping[int, str] | None = None,
    words: str = "",
) -> Made:
    wishes = subscription.wishes
    return Made(
        subscription.id, subscription.recipient, subscription.next_due or "",
        due.issue_of(wishes, due_at), _iso(due_at), _iso(due.ends(wishes, due_at)), state,
        span.until.isoformat() if span else "", cut, body, had or {},
        _iso(due.next_due(wishes, after)),
        words,
    )  # fmt: skip


# ---------------------------------------------------------------------------- the ledger


class _Ledger(NamedTuple):
    """What recipients had before, and what they said of it; it follows what is decided.

    `begun` is the day of the first issue of a subscription of which none was delivered.
    """

    covered: Mapping[int, Covered]
    begun: Mapping[int, date]
    less: Mapping[int, tuple[int, ...]]
    had: dict[int, dict[int, str]]

    @classmethod
    def of(cls, connection: Connection, found: Sequence[Subscription], now: datetime) -> _Ledger:
        """Read it as of now, but for what they had."""
        covered = digests.covered(connection, [s.id for s in found], _iso(now))
        first = digests.begun(connection, [s.id for s in found if s.id not in covered])
        begun = {number: _day(datetime.fromisoformat(due)) for number, due in first.items()}
        recipients = {s.recipient for s in found}
        less = digests.less(connection, recipients)
        return cls(covered, begun, less, {r: {} for r in recipients})

    def read_had(self, connection: Connection, into: Mapping[int, int]) -> None:
        """Read which papers they had, as `digests.had` takes them."""
        self.had.update(digests.had(connection, list(self.had), into))


# ---------------------------------------------------------------------------- what there is


class _Look:
    """The record as of one moment, and what is made of it for those who are due together."""

    def __init__(
        self,
        connection: Connection,
        index: Index,
        trending: TrendingLists,
        editions: Editions,
        rank: Rank,
        sources: frozenset[str],
    ) -> None:
        self._connection = connection
        self._index = index
        self._trending = trending
        self._editions = editions
        self._rank = rank
        self._sources = sources
        self.cut = min(index.sequence, papers.last_sequence(connection))
        # What the index does not hold yet comes with the next issue.
        self._unheld = digests.came_after(connection, self.cut, "9999")
        self._restored = digests.restored(connection)
        # What the house sent between the backup and its return, nobody here knows.
        self._floor = date.fromisoformat(self._restored[:10]) if self._restored else date.min
        self._arxiv = harvests.stand(connection, _ARXIV).covered or ""
        # Nothing of this outlives the turn for which it is made.
        self.lack = cache(self._lack)
        self._pool = cache(self._read_pool)
        self._late = cache(self._read_late)
        self._parts = cache(lambda kind, span: digests.parts(connection, self._of(kind, span)))
        self._ids = cache(lambda kind, span: sorted(self._of(kind, span)))
        self._versions = cache(self._read_versions)
        self._meanings = cache(self._read_meanings)
        self._unliked = cache(lambda less: index.paper_vectors(less)[1])
        self._picked = cache(self._read_picked)
        self._order = cache(self._in_order)
        self._candidates = cache(self._matching)
        self._choice = cache(self._chosen)
        self._parsed = cache(language.parse)

    # ------------------------------------------------------------------ moments

    def is_late(self, subscription: Subscription, due_at: datetime, now: datetime) -> bool:
        """Return whether an issue is of no use any more, or may have been sent before a restore."""
        return due.ends(subscription.wishes, due_at) <= now or _iso(due_at) <= self._restored

    def span(self, subscription: Subscription, ledger: _Ledger, due_at: datetime) -> Span:
        """Return what an issue covers."""
        cadence = subscription.wishes.cadence
        until, length = min(_day(due_at), self.lack(due_at).day - _DAY), LENGTH[cadence] * _DAY
        covered = ledger.covered.get(subscription.id)
        # Of a subscription that has had nothing yet, from where its first issue would have begun.
        missed = _day(datetime.fromisoformat(subscription.next_due or _iso(due_at)))
        first = min(until, missed, ledger.begun.get(subscription.id, until))
        after = date.fromisoformat(covered.until) if covered else first - length
        after = max(after, until - max(OLDEST, 2 * length), self._floor)
        return Span(after, max(until, after), covered.cut if covered else None, due_at, cadence)

    def _lack(self, due_at: datetime) -> Lack:
        """Return what is not here at a due moment that should be."""
        behind, others = len(self._unheld), sorted(self._sources - {_ARXIV})
        notices = [choosing.not_indexed(behind)] if behind else []
        today = _day(due_at)
        coming, is_awaited = [today + _DAY], bool(behind)
        if _ARXIV in self._sources:
            days = [listing_day(a) for a in announcements(today - _SILENCE * _DAY, today)]
            coming += [day for day in days if _announced(day) > due_at]
            last = max(day for day in days if _announced(day) <= due_at)
            if last.isoformat() > self._arxiv:
                is_awaited = True
                if due_at < _announced(last) + FRESH:
                    coming.append(last)
                else:
                    notices.append(choosing.late_listing(last, self._to_follow(last)))
        for source, started, outcome, reason in digests.last_runs(self._connection, others):
            if outcome in _BAD and started > _iso(due_at - _RECENT):
                notices.append(choosing.failed(source, reason))
        return Lack(tuple(notices), is_awaited, min(coming))

    def _to_follow(self, day: date) -> int:
        """Return how many papers a listing has that are not here, as far as is known."""
        beside = harvests.beside(self._connection, day.isoformat())
        return sum(max(b.listed - b.here, 0) for b in beside)

    # ------------------------------------------------------------------ papers

    def papers(self, kinds: Collection[tuple[str, Span]]) -> Mapping[int, int]:
        """Return all papers that may be in issues of these kinds, as `digests.had` takes them."""
        return {paper: now for kind in kinds for paper, now in self._parts(*kind).items()}

    def _of(self, kind: str, span: Span) -> Mapping[int, _Held]:
        return self._pool(span, with_earlier=kind == "trending")

    def _read_pool(self, span: Span, *, with_earlier: bool) -> Mapping[int, _Held]:
        first, last = (span.after + _DAY).isoformat(), span.until.isoformat()
        inside = set(store.ids_between(self._connection, first, last))
        late = set(self._late(span.after, span.since) if span.since is not None else ())
        rising = self._rising(span) if with_earlier else dict[int, tuple[str, ...]]()
        wanted = sorted((inside | late | rising.keys()) - self._unheld)
        marks = dict.fromkeys(rising, _EARLIER) | dict.fromkeys(late, _CAME_LATE)
        return {
            s.id: _Held(s, marks.get(s.id, ""), rising.get(s.id, ()))
            for s in store.of_ids(self._connection, wanted)
        }

    def _read_late(self, after: date, since: int) -> list[int]:
        """Return the papers of earlier days that came since a place in the change log."""
        came = digests.came_after(self._connection, since, after.isoformat())
        return digests.between(self._connection, came, *self._before(after))

    def _rising(self, span: Span) -> Mapping[int, tuple[str, ...]]:
        """Return papers that were announced before and rise now, each with what it gained."""
        window = _WINDOWS[span.cadence]
        found = self._trending.trending("rising", window, span.due, limit=RISING).places
        first, last = self._before(span.after)
        return {
            p.paper.id: p.reasons for p in found
            if p.score > 0 and first <= p.paper.edition <= last
        }  # fmt: skip

    def _before(self, day: date) -> tuple[str, str]:
        """Return the first and the last of the days until `day` that are told of later."""
        first = max(day - (LATE - 1) * _DAY, self._floor + _DAY)
        return first.isoformat(), day.isoformat()

    def _read_versions(self, span: Span, *, with_earlier: bool) -> Mapping[int, str]:
        pool = self._pool(span, with_earlier=with_earlier)
        return digests.updated(self._connection, pool)

    def _read_meanings(self, span: Span, *, with_earlier: bool) -> Meanings:
        pool = self._pool(span, with_earlier=with_earlier)
        newest = store.earlier(self._connection, (span.until + _DAY).isoformat(), SAMPLE)
        sample = self._index.paper_vectors(newest)[1]
        return Meanings.of(*self._index.paper_vectors(sorted(pool)), sample)

    # ------------------------------------------------------------------ in order

    def _in_order(self, kind: str, span: Span) -> Sequence[Candidate]:
        """Return the papers of a span in the order of a kind of list, whatever the query."""
        pool = self._of(kind, span)
        standings = self._trending.standings(list(pool), span.due, FOREMOST)
        heated = sorted(_heated(held, standings.get(p), span) for p, held in pool.items())
        hot: Sequence[Candidate] = [candidate for *_, candidate in heated]
        if kind == "edition":
            hot = self._as_printed(hot, span)
        picked = self._picked(span.due)
        return [c.because(picked.get(c.paper, "")) for c in hot] if picked else hot

    def _read_picked(self, due_at: datetime) -> Mapping[int, str]:
        """Return in words who had picked papers by a moment, and why."""
        first = _day(due_at) - 3 * OLDEST
        found = picks.between(self._connection, first.isoformat(), "9999", _iso(due_at))
        return {p.paper: choosing.picked(p.by, p.note) for p in reversed(found)}

    def _as_printed(self, hot: Sequence[Candidate], span: Span) -> Sequence[Candidate]:
        """Return candidates in the order of editions; what has no place there comes after."""
        order = self._editions.places(span.after + _DAY, span.until, span.due)
        places = {p.paper: (n, (p.reason.text,)) for n, p in enumerate(order)}
        last = len(order), ()
        told = [c._replace(reasons=places.get(c.paper, last)[1] or c.reasons) for c in hot]
        return sorted(told, key=lambda c: places.get(c.paper, last)[0])

    def _matching(self, kind: str, text: str, span: Span) -> Sequence[Candidate]:
        """Return those in order that a query matches."""
        query, known = self._parsed(text), self._order(kind, span)
        conditions = _conditions(query) if kind == "search" else narrowing(query)
        if conditions is not None:
            ids = self._ids(kind, span)
            kept = set(self._index.matching((), conditions, ids).tolist())
            known = [c for c in known if c.paper in kept]
        return self._searched(query, known, span) if kind == "search" else known

    def _searched(
        self, query: Query, known: Sequence[Candidate], span: Span
    ) -> Sequence[Candidate]:
        """Return matches in the order of a search, told why they match."""
        why = choosing.matched(query)
        found = {c.paper: c.because(why) for c in known}
        if query.sort or not (query.words or query.likes):
            return list(found.values())
        ranked = self._rank(query, sorted(found))
        if not query.likes:
            return [found[r.paper] for r in ranked]
        near = self._meanings(span, with_earlier=False).near
        return [
            found[r.paper].because(f"{nearness(r.static)} to {', '.join(query.likes)}")
            for r in ranked
            if r.static is not None and r.static >= near
        ]

    # ------------------------------------------------------------------ for one recipient

    def choice(self, subscription: Subscription, span: Span, ledger: _Ledger) -> Choice:
        """Return what is in an issue of a recipient."""
        wishes, had = subscription.wishes, ledger.had.get(subscription.recipient, {})
        known = self._candidates(wishes.kind, wishes.query, span)
        mine = frozenset((c.paper, had[c.paper]) for c in known if c.paper in had)
        return self._choice(_asked(wishes), span, mine, ledger.less.get(subscription.recipient, ()))

    def _chosen(
        self, wishes: Wishes, span: Span, had: frozenset[tuple[int, str]], less: tuple[int, ...]
    ) -> Choice:
        query, with_earlier = self._parsed(wishes.query), wishes.kind == "trending"
        known = self._candidates(wishes.kind, wishes.query, span)
        versions = self._versions(span, with_earlier=with_earlier)
        new = choosing.unread(known, dict(had), versions)
        new = choosing.standing_at_least(new, wishes.threshold)
        meanings = self._meanings(span, with_earlier=with_earlier)
        new = choosing.liked(new, meanings, less, self._unliked(less))
        by_topic = not choosing.named_categories(query)
        items = choosing.thinned(new, wishes.longest, meanings, by_topic=by_topic)
        first = span.after + _DAY
        return Choice(
            title=choosing.title_of(wishes, query),
            first=min(first, span.until),
            until=span.until,
            items=tuple(Item(c.paper, c.reasons, c.mark) for c in items),
            more=_new(new) - _new(items),
            more_path=path_of(wishes, query, first, span.until),
            notices=self.lack(span.due).notices,
        )

    def decided(self, subscription: Subscription, span: Span, ledger: _Ledger) -> Made | None:
        """Return what is decided of an issue, which its recipient has had from now on.

        None if it can be decided another time.
        """
        try:
            return self._made(subscription, span, ledger)
        except (QueryError, NotFoundError) as error:
            _log.warning("compose_stopped subscription=%d: %s", subscription.id, error)
            return _made(subscription, span.due, span.due, "stopped", words=str(error))
        except (SearchIndexError, EmbeddingError) as error:
            # One that cannot be decided is no reason for the others to get nothing.
            _log.warning("compose_failed subscription=%d: %s", subscription.id, error)
            return None

    def _made(self, subscription: Subscription, span: Span, ledger: _Ledger) -> Made:
        choice, wishes = self.choice(subscription, span, ledger), subscription.wishes
        versions = self._versions(span, with_earlier=wishes.kind == "trending")
        # A version of a day that is covered is the one that they get.
        until = span.until.isoformat()
        had = {item.paper: max(versions[item.paper], until) for item in choice.items}
        ledger.had[subscription.recipient].update(had)
        state = "ready" if had or wishes.when_empty == "tell" else "empty"
        return _made(subscription, span.due, span.due, state, span, self.cut, as_body(choice), had)


# ---------------------------------------------------------------------------- parts


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


@cache
def _announced(day: date) -> datetime:
    """Return when the listing of a day is announced."""
    return next(announcements(day, day))


def _conditions(query: Query) -> Query | None:
    """Return what a search must fulfil, without what only puts papers in order."""
    nodes = tuple(n for n in query.parts if not isinstance(n, Like))
    return narrowing(Query(And(nodes), text=query.text), "this list") if nodes else None


def _asked(wishes: Wishes) -> Wishes:
    """Return wishes without what does not matter to which papers are chosen."""
    return Wishes(
        wishes.kind, wishes.query, wishes.cadence, longest=wishes.longest,
        threshold=wishes.threshold,
    )  # fmt: skip


def path_of(wishes: Wishes, query: Query, first: date, until: date) -> str:
    """Return where on the site the papers of an issue are, with those that had no place in it."""
    if wishes.kind == "search":
        # The days of an issue, as the query language says them.
        days = "" if query.likes else f" {DateRange('date', first, until)}"
        return f"/search?{urlencode({'q': f'{query}{days}'})}"
    asked = f"?{urlencode({'q': str(query)})}" if query.root else ""
    if wishes.kind == "edition":
        return f"{_PERIODS[wishes.cadence](until).path}{asked}"
    return f"/trending{asked}"


def _new(candidates: Sequence[Candidate]) -> int:
    return sum(c.mark != "earlier" for c in candidates)


def _heated(
    held: _Held, standing: Standing | None, span: Span
) -> tuple[bool, float, int, int, Candidate]:
    """Return a paper behind what sorts it: the hottest first, what nobody counted last by day."""
    slim, mark, reasons = held
    day = date.fromisoformat(slim.edition)
    if standing is not None:
        z, told = standing.z, standing.reasons
    elif slim.upvotes:
        # Of an imported file, which does not say when they were counted: as editions read them.
        z, told = usual_standing(slim.upvotes), (_upvotes(slim.upvotes),)
    else:
        z, told = None, (f"{_HOW.get(slim.basis, 'announced')} {slim.edition}",)
    candidate = Candidate(slim.id, slim.topic, z, reasons or told, mark)
    # In a week or a month the oldest day loses nothing by its age, as in editions.
    age = (_day(span.due) - day).days if _WINDOWS[span.cadence] == "day" else 0
    return z is None, age / TAU - (z or 0.0), -day.toordinal(), slim.id, candidate


def _upvotes(number: int) -> str:
    return f"{number:,} upvote{'' if number == 1 else 's'}"
