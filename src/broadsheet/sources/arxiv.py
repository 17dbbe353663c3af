"""arXiv: its OAI interface first, then its feeds and listings; its query API for single papers.

All four share one rule: one request at a time, three seconds apart, whoever asks on this machine
(https://info.arxiv.org/help/api/tou.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

from broadsheet.errors import SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_feeds import parse_feed
from broadsheet.sources.arxiv_listing import parse_listing
from broadsheet.sources.arxiv_query import AT_ONCE, parse_answer, query_params, title_params
from broadsheet.sources.arxiv_sets import ARCHIVES, checked, specs_of
from broadsheet.sources.base import (
    Ask,
    Batch,
    Cursor,
    Finding,
    Item,
    Listing,
    Option,
    Rhythm,
    Want,
    examine,
)
from broadsheet.sources.oai import Days, OaiAnswer, outline, parse_records
from broadsheet.sources.oai_walk import FORMAT, Walk, day_in, pages
from broadsheet.sources.polite import Client, Manner

_DEFAULT: Final = ("cs.LG", "cs.CL", "cs.CV", "cs.AI", "stat.ML")
_FEED_LIMIT: Final = 2000
"""A feed has no more entries than this, however many there are."""
_FIRST_LISTINGS: Final = 3
"""The first harvest begins so many listings ago."""
_EARLIEST: Final = date(2005, 9, 16)
"""No record of the OAI interface is said to have changed before (its `earliestDatestamp`)."""
_A_DAY: Final = timedelta(days=1)
_RECENT: Final = timedelta(days=8)
"""A harvest that begins longer ago cannot tell what was announced from what was edited."""
_BAD_REQUEST: Final = 400
_WELL_KNOWN: Final = "1706.03762"


class ArxivCalendar(NamedTuple):
    """When arXiv lists, as far as this source must know it.

    `listing_day_of` gives the day of the listing in which a submission is expected,
    `is_listing_day` whether a day has one, and `latest_listing` the day of the newest one that
    should be out at a time, None if a clock says that there cannot be any.
    """

    listing_day_of: Callable[[datetime], date]
    is_listing_day: Callable[[date], bool]
    latest_listing: Callable[[datetime], date | None]


class Arxiv:
    """The source `arxiv`; see `base.Harvested`, `base.LookedUp` and `base.Searched`.

    Its parts are `oai SET`, which bring the papers, `feed`, which says on which day and how they
    were announced (as records of the source `arxiv-feed`), and `listing CATEGORY`, whose counts
    show what is missing. A backfill has the parts `backfill SET YYYY-MM`: what changed in that
    month. A paper that arXiv has deleted comes as a record with an empty title, `withdrawn`, and
    the day in `extra["deleted"]`.
    """

    name: ClassVar[str] = "arxiv"
    title: ClassVar[str] = "arXiv"
    key_variable: ClassVar[str] = ""
    namespaces: ClassVar[tuple[str, ...]] = ("arxiv",)
    options: ClassVar[tuple[Option, ...]] = (
        Option("categories", _DEFAULT, "The categories or archives that are wanted; none is all."),
        Option("overlap_days", 1, "How many days before the last harvest the next one begins."),
        Option("oai_url", "https://oaipmh.arxiv.org/oai", "The OAI-PMH interface."),
        Option("feed_url", "https://rss.arxiv.org/atom", "The daily feeds."),
        Option("listing_url", "https://arxiv.org/list", "The pages of new listings."),
        Option("query_url", "https://export.arxiv.org/api/query", "The query API."),
    )
    manner: Manner = Manner("arxiv", gap_s=3.0, patience_s=300, timeout_s=60)
    # Mails go out at 20:00 US Eastern, OAI is ready at 22:30 and the feeds are built at midnight.
    rhythm: Rhythm = Rhythm("arxiv", delay_h=4.25)

    def __init__(
        self,
        *,
        calendar: ArxivCalendar,
        categories: Sequence[str] = _DEFAULT,
        overlap_days: int = 1,
        oai_url: str = "https://oaipmh.arxiv.org/oai",
        feed_url: str = "https://rss.arxiv.org/atom",
        listing_url: str = "https://arxiv.org/list",
        query_url: str = "https://export.arxiv.org/api/query",
    ) -> None:
        self._calendar = calendar
        self._categories = checked(categories)
        self._overlap = max(0, overlap_days) * _A_DAY
        self._oai_url = oai_url
        self._feed_url = feed_url.rstrip("/")
        self._listing_url = listing_url.rstrip("/")
        self._query_url = query_url

    # ---------------------------------------------------------------------------- what is new

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the sets first, then the feed, then the listings, or the months of a backfill.

        Feeds and listings show the newest announcement alone: an `ask` that ends before it has no
        use for them. Raises ConfigError for a category that arXiv cannot have.
        """
        wanted = self._wanted(ask)
        if ask.is_backfill:
            return [f"backfill {s} {m}" for m in _months(ask) for s in specs_of(wanted)]
        sets = [f"oai {spec}" for spec in specs_of(wanted)]
        newest = self._calendar.latest_listing(ask.now)
        if ask.until and newest and ask.until < newest:
            return sets
        return [*sets, "feed", *(f"listing {category}" for category in wanted)]

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield what is new in a part; see `base.Harvested`."""
        match part.split():
            case ["oai", spec]:
                yield from self._changes(client, spec, cursor, ask)
            case ["backfill", spec, month]:
                yield from self._month(client, spec, month, cursor, ask)
            case ["feed"]:
                yield from self._feeds(client, cursor, self._wanted(ask))
            case ["listing", category]:
                yield self._listing(client, category)
            case _:
                raise SourceError(f"arXiv has no part {part!r}", source=self.name)

    def _wanted(self, ask: Ask) -> tuple[str, ...]:
        return checked(ask.categories) or self._categories or ARCHIVES

    # -------------------------------------------------------------------------------- changes

    def _changes(self, client: Client, spec: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield what changed in a set since the cursor, whatever its age.

        The cursor has under `from`, by category where only some of the set are wanted, the day
        from which the next harvest goes on: that of the first answer of the last one, or an older
        one where `ask` leaves a gap. The walk under way stands beside it.
        """
        names = specs_of(self._wanted(ask)).get(spec, ())
        keys = names or (spec,)
        begins = {key: self._begins(day_in(cursor.get("from"), key), ask) for key in keys}
        # A start in the future, which a wrong clock may have left, would be refused.
        start = min(*begins.values(), _today(ask))
        known = _days(cursor.get("from"))
        held = dict.fromkeys(keys, (start + self._overlap).isoformat()) | known
        walk = Walk(spec, start.isoformat()).resumed(cursor.get("walk"), _today(ask).isoformat())
        # What was not there the last time is new on the day on which it changed.
        is_first = bool(cursor.get("is_first")) or not {*keys} <= known.keys()
        is_fresh = not is_first and not ask.since and _today(ask) - start <= _RECENT
        parse = partial(self._parsed, is_fresh=is_fresh)
        for answer, now in pages(client, self._oai_url, walk, parse):
            after: Cursor = {"from": held, "walk": now.saved(), "is_first": is_first}
            if now.is_done:
                after = {"from": self._gone_on(held, keys, now, ask)}
            yield Batch(_chosen(answer, names, "", _iso(ask.until)), after)

    def _begins(self, held: date | None, ask: Ask) -> date:
        if ask.since:
            return ask.since - self._overlap
        return (held or self._first_start(ask.now)) - self._overlap

    def _first_start(self, now: datetime) -> date:
        day = self._calendar.latest_listing(now) or now.astimezone(UTC).date()
        for _ in range(_FIRST_LISTINGS - 1):
            day = self._listing_before(day)
        return day

    def _listing_before(self, day: date) -> date:
        # No silence of arXiv's is longer than this.
        before = (day - n * _A_DAY for n in range(1, 31))
        return next(filter(self._calendar.is_listing_day, before), day - _A_DAY)

    def _gone_on(
        self, held: Mapping[str, str], keys: Sequence[str], walk: Walk, ask: Ask
    ) -> dict[str, str]:
        """Return `held` with the day of the first answer, where nothing before it was left out."""
        response = date.fromisoformat(walk.response)
        is_whole = ask.until is None or ask.until >= response
        began = date.fromisoformat(walk.since)
        whole = [k for k in keys if began <= date.fromisoformat(held[k]) - self._overlap]
        return {**held, **(dict.fromkeys(whole, walk.response) if is_whole else {})}

    def _parsed(self, body: bytes, *, is_fresh: bool = False) -> OaiAnswer:
        days = Days(self._calendar.listing_day_of, self._calendar.is_listing_day)
        return parse_records(body, days, name=self.name, is_fresh=is_fresh)

    # ------------------------------------------------------------------------------- backfill

    def _month(
        self, client: Client, spec: str, month: str, cursor: Cursor, ask: Ask
    ) -> Iterator[Batch]:
        """Yield the papers announced from `since` to `until` that last changed in a month.

        The cursor says under `scope` what was wanted; if that is more than is wanted now and the
        month is `done`, there is nothing to do.
        """
        names = specs_of(self._wanted(ask)).get(spec, ())
        scope: Cursor = {"since": _iso(ask.since), "until": _iso(ask.until), "names": list(names)}
        known = cursor if _covers(cursor.get("scope"), scope) else {}
        if known.get("done"):
            return
        first, last = _bounds(month)
        going = day_in(known, "from")
        start = max(first, going - self._overlap) if going else max(first, _EARLIEST)
        end = "" if last >= _today(ask) else last.isoformat()
        walk = Walk(spec, start.isoformat(), end)
        saved = cursor.get("walk") if cursor.get("scope") == scope else None
        walk = walk.resumed(saved, _today(ask).isoformat())
        for answer, now in pages(client, self._oai_url, walk, self._parsed):
            after: Cursor = {"scope": scope, "walk": now.saved()} | _kept(known, "from")
            if now.is_done and end:
                after = {"scope": scope, "done": True}
            elif now.is_done:
                after = {"scope": scope, "from": now.response}
            yield Batch(_chosen(answer, names, _iso(ask.since), _iso(ask.until)), after)

    # --------------------------------------------------------------------- feeds and listings

    def _feeds(self, client: Client, cursor: Cursor, wanted: tuple[str, ...]) -> Iterator[Batch]:
        """Yield the feed of all categories, in parts where it is too long or one is refused."""
        tags = {k: v for k, v in _lists(cursor.get("tags")).items() if {*k.split("+")} <= {*wanted}}
        day = cursor.get("day")
        waiting, refused = [wanted], list[SourceRejected]()
        while waiting:
            group = waiting.pop(0)
            try:
                found = self._feed(client, group, tags.get("+".join(group), ["", ""]))
            except SourceRejected as error:
                if error.status != _BAD_REQUEST:
                    raise
                if len(group) == 1:
                    refused.append(error)
                waiting = [*_halves(group), *waiting]
                continue
            if found is None:
                waiting = [*_halves(group), *waiting]
                continue
            day = found.day or day
            tags |= {"+".join(group): found.cursor["tag"]}
            yield found._replace(cursor={"tags": dict(tags), "day": day}, day=day)
        if refused:
            raise refused[0]

    def _feed(self, client: Client, group: tuple[str, ...], tag: list[str]) -> Batch | None:
        """Return one feed, and its tag as the cursor; None if it was cut at its limit."""
        url = f"{self._feed_url}/{'+'.join(group)}"
        answer = client.get(url, form="xml", etag=tag[0], modified=tag[1])
        if answer.is_unchanged:
            return Batch((), {"tag": tag})
        feed = parse_feed(answer.body, name=self.name)
        if feed.size >= _FEED_LIMIT and len(group) > 1:
            return None
        return Batch(feed.items, {"tag": [answer.etag, answer.modified]}, feed.day)

    def _listing(self, client: Client, category: str) -> Batch:
        answer = client.get(f"{self._listing_url}/{category}/new", form="html")
        page = parse_listing(answer.body, name=self.name)
        listings = [Listing(category, page.day, page.ids, page.counts)] if page.day else []
        return Batch(page.items, {"day": page.day}, page.day, listings=listings, is_second=True)

    # -------------------------------------------------------------------------- single papers

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the papers of these ids: from the query API, and those that it lacks from OAI.

        Its index lags behind the announcements, and it refuses whom it takes for robots. Raises
        SourceError where neither answers.
        """
        wanted = list(dict.fromkeys(i for i in ids if i.namespace == self.name))
        is_refused = False
        for place in range(0, len(wanted), AT_ONCE):
            group = wanted[place : place + AT_ONCE]
            found: dict[str, Record] = {}
            try:
                if not is_refused:
                    found = {r.key: r for r in self._queried(client, query_params(group))}
            except (SourceRejected, SourceUnavailable):
                is_refused = True
            except SourceError:
                # One strange id is enough to have a whole question refused.
                found = {}
            for one in group:
                known = found.get(one.value)
                yield from [known] if known else self._got(client, one)

    def find_title(self, client: Client, title: str) -> Iterator[Item]:
        """Yield the papers whose titles have the words of `title` in this order, at most ten."""
        params = title_params(title)
        if params["search_query"]:
            yield from self._queried(client, params)

    def _queried(self, client: Client, params: Mapping[str, str | int]) -> list[Record]:
        """Return the papers that the query API answers with."""
        body = client.get(self._query_url, params=params, form="xml").body
        answer = parse_answer(body, name=self.name)
        if answer.is_cut:
            body = client.get(self._query_url, params=params, form="xml").body
            answer = parse_answer(body, name=self.name)
        days = {
            paper.value: self._calendar.listing_day_of(came).isoformat()
            for paper, came in answer.came.items()
            if came.year >= _EARLIEST_YEAR
        }
        found = [item for item in answer.items if isinstance(item, Record)]
        return [replace(r, presumed=days.get(r.key)) for r in found]

    def _got(self, client: Client, paper: ExternalId) -> list[Item]:
        answer = client.get(self._oai_url, params=_one(paper.value), form="xml")
        return self._parsed(answer.body).items

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask the OAI interface for one well-known paper; yield what is as expected."""
        body = client.get(self._oai_url, params=_one(_WELL_KNOWN), form="xml").body
        yield from examine([outline(body, name=self.name)], _WANTS)
        items = self._parsed(body).items
        well = len(items) == 1 and isinstance(items[0], Record) and items[0].presumed is not None
        says = "one paper with its days" if well else "; ".join(map(str, items)) or "no paper"
        yield Finding("record", well, says)


_EARLIEST_YEAR = 1970
_RECORD = "GetRecord.record."
_RAW = f"{_RECORD}metadata.arXivRaw."
_WANTS: Final[dict[str, Want]] = {
    "responseDate": Want(str),
    f"{_RECORD}header.identifier": Want(str),
    f"{_RECORD}header.datestamp": Want(str),
    f"{_RECORD}header.setSpec": Want(str),
    **{_RAW + name: Want(str) for name in ("id", "title", "authors", "categories", "abstract")},
    f"{_RAW}version.version": Want(str),
    f"{_RAW}version.date": Want(str),
    **{
        _RAW + name: Want(str, needed=False)
        for name in (
            "version.source_type",
            "submitter",
            "comments",
            "journal-ref",
            "doi",
            "license",
        )
    },
}


def _one(arxiv_id: str) -> dict[str, str | int]:
    identifier = f"oai:arXiv.org:{arxiv_id}"
    return {"verb": "GetRecord", "identifier": identifier, "metadataPrefix": FORMAT}


# ------------------------------------------------------------------------------ what is wanted


def _chosen(answer: OaiAnswer, names: Sequence[str], since: str, until: str) -> list[Item]:
    """Return the items of an answer that are wanted; errors and deletions always are."""
    items = [item for item in answer.items if _is_wanted(item, names, since, until)]
    return [*items, *(_tombstone(paper, day) for paper, day in answer.deleted)]


def _is_wanted(item: Item, names: Sequence[str], since: str, until: str) -> bool:
    if not isinstance(item, Record):
        return True
    day = item.presumed
    if day and (day < since or (until and day > until)):
        return False
    return not names or any(category in names for category in item.categories)


def _tombstone(paper: ExternalId, day: str) -> Record:
    return Record(
        source=Arxiv.name,
        key=paper.value,
        title="",
        external_ids=(paper,),
        withdrawn=True,
        extra={"deleted": day},
    )


def _halves(group: tuple[str, ...]) -> list[tuple[str, ...]]:
    middle = (len(group) + 1) // 2
    return [group[:middle], group[middle:]] if len(group) > 1 else []


# ------------------------------------------------------------------------------- days and cursors


def _today(ask: Ask) -> date:
    return ask.now.astimezone(UTC).date()


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _months(ask: Ask) -> list[str]:
    """Return the months in which papers of `ask` may have changed last: until now, each of them."""
    day = max(ask.since or _EARLIEST, _EARLIEST).replace(day=1)
    found = []
    while day <= _today(ask):
        found.append(f"{day:%Y-%m}")
        day = (day + 31 * _A_DAY).replace(day=1)
    return found


def _bounds(month: str) -> tuple[date, date]:
    """Return the first and the last day of a month; raises SourceError if it is none."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise SourceError(f"{month!r} is no month", source=Arxiv.name) from error
    return first, (first + 31 * _A_DAY).replace(day=1) - _A_DAY


def _covers(known: Any, wanted: Mapping[str, Any]) -> bool:
    """Return whether what was walked for `known` has all that is `wanted`."""
    if not isinstance(known, dict) or known.keys() != wanted.keys():
        return False
    is_later = wanted["until"] and known["until"] >= wanted["until"]
    is_wider = wanted["names"] and {*wanted["names"]} <= {*known["names"]}
    return (
        (not known["since"] or (bool(wanted["since"]) and known["since"] <= wanted["since"]))
        and bool(not known["until"] or is_later)
        and bool(not known["names"] or is_wider)
    )


def _kept(cursor: Cursor, name: str) -> Cursor:
    return {name: cursor[name]} if name in cursor else {}


def _days(value: Any) -> dict[str, str]:
    return {k: v for k, v in value.items() if day_in(value, k)} if isinstance(value, dict) else {}


def _lists(value: Any) -> dict[str, list[str]]:
    return dict(value) if isinstance(value, dict) else {}
