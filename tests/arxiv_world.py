"""A fake arXiv with its own course of days: what it has announced by now it serves, and no more.

    time = FakeTime(datetime(2026, 11, 18, 23, tzinfo=UTC))
    world = ArxivWorld(changes_of(papers), time)
    with Loopback(time=time) as server:
        world.mount(server)          # /oai, /atom/*, /list/*, /api/query
        ...

Announcements come out as arXiv's do: on its pages at 20:00 US Eastern, over OAI two and a half
hours later, in its feeds at midnight. `troubles` are what goes wrong, and when.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from arxiv_answers import (
    EASTERN,
    EPrint,
    Kind,
    atom_feed,
    listing_page,
    oai_error,
    oai_page,
    query_answer,
    set_of,
)
from broadsheet.editions.calendar import announcement, announcements, listing_day, silence
from loopback import Loopback, Reply, Request, busy, html, not_acceptable, not_found, xml

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OAI_AFTER, FEED_AFTER = 2.5 * HOUR, 4 * HOUR
Place = Literal["oai", "feed", "listing", "query"]


class Change(NamedTuple):
    """What became of a paper: `paper` is how it stands after the moment `at`.

    What is announced (`new`, `cross`, `replace`) has the moment of its announcement; an `edit` and
    a `deletion` are announced nowhere. `added` are the categories that a later cross-list added.
    """

    at: datetime
    kind: Literal["new", "cross", "replace", "edit", "deletion"]
    paper: EPrint
    added: tuple[str, ...] = ()

    @property
    def is_announced(self) -> bool:
        """Whether it stands in a listing."""
        return self.kind in {"new", "cross", "replace"}

    @property
    def day(self) -> date:
        """The day of its listing, or on which the paper was edited."""
        return listing_day(self.at) if self.is_announced else self.at.astimezone(UTC).date()


class Trouble(NamedTuple):
    """What goes wrong from `first` on until `last`.

    away      503 at `where`, or everywhere if that is ""; `after_s` goes into Retry-After
    refused   406 with a page of HTML at `where`
    late      what is announced from `first` on comes out at `last` only
    stale     the feed shows the papers of the listing before for the category `where`
    empty     the feed of a listing day has no entries
    cut       every page of OAI breaks off in the middle, as XML does that was cut
    cut once  the first page of OAI is cut on its way
    token     the first resumption token that comes back is no longer known
    """

    kind: Literal["away", "refused", "late", "stale", "empty", "cut", "cut once", "token"]
    first: datetime
    last: datetime
    where: str = ""
    after_s: int | None = None

    def is_on(self, now: datetime) -> bool:
        """Return whether it goes wrong now."""
        return self.first <= now < self.last


def changes_of(papers: Iterable[EPrint]) -> list[Change]:
    """Return how papers came: each version was announced as the calendar says, none was held up."""
    found = []
    for paper in papers:
        for number in range(1, paper.version + 1):
            stood = replace(paper, versions=paper.versions[:number])
            kind: Literal["new", "replace"] = "new" if number == 1 else "replace"
            found.append(Change(announcement(paper.versions[number - 1]), kind, stood))
    return found


class Asked(NamedTuple):
    """A request that came: for which `part` of a harvest, and whether it was answered as asked."""

    at: datetime
    place: Place
    part: str
    target: str
    is_well: bool


class ArxivWorld:
    """The fake arXiv; `time` has a method `now`, and must not go back by much."""

    def __init__(
        self,
        changes: Iterable[Change],
        time: object,
        *,
        troubles: Sequence[Trouble] = (),
        page: int = 500,
    ) -> None:
        """`page` is how many records OAI puts on a page."""
        self.now = time.now  # type: ignore[attr-defined]
        self.troubles = list(troubles)
        self.page = page
        self.asked: list[Asked] = []
        self._spent: set[Trouble] = set()
        self._pending = sorted(
            ((self.out_at(c), n, c) for n, c in enumerate(changes)), reverse=True
        )
        self._announced: dict[date, list[Change]] = defaultdict(list)
        for _, _, change in reversed(self._pending):
            if change.is_announced:
                self._announced[change.day].append(change)
        self._stands: dict[str, EPrint] = {}
        self._by_stamp: dict[str, set[str]] = defaultdict(set)

    def mount(self, server: Loopback) -> None:
        """Answer for arXiv on a server."""
        server.route("/oai", self._answering("oai", self._oai))
        server.route("/atom/*", self._answering("feed", self._feed))
        server.route("/list/*", self._answering("listing", self._listing))
        server.route("/api/query", self._answering("query", self._query))

    # ---------------------------------------------------------------------- what is out

    def out_at(self, change: Change) -> datetime:
        """Return when OAI shows a change."""
        out = change.at + (OAI_AFTER if change.is_announced else timedelta())
        late = [t.last for t in self.troubles if t.kind == "late" and t.is_on(change.at)]
        return max([out, *late])

    def out(self) -> dict[str, EPrint]:
        """Return the papers as OAI shows them now, by id."""
        now = self.now()
        while self._pending and self._pending[-1][0] <= now:
            change = self._pending.pop()[2]
            paper = replace(change.paper, datestamp=change.day.isoformat())
            if change.kind == "deletion":
                paper = replace(paper, deleted=True)
            if (before := self._stands.get(paper.id)) is not None:
                self._by_stamp[before.datestamp].discard(paper.id)
            self._stands[paper.id] = paper
            self._by_stamp[paper.datestamp].add(paper.id)
        return self._stands

    def feed_day(self) -> date:
        """Return the day that the feeds show: they are built anew at each midnight."""
        shown: date = self.now().astimezone(EASTERN).date()
        if self.trouble("late") is not None:
            shown = self.listed_day()
        return shown

    def listed_day(self) -> date:
        """Return the day of the newest listing that is out."""
        now = self.now()
        days = [listing_day(a) for a in _announcements(now) if a <= now and not self._is_held(a)]
        return days[-1]

    def in_feed(self, categories: Sequence[str]) -> list[tuple[EPrint, Kind]]:
        """Return what the feed of these categories shows now, and as what."""
        if self.trouble("empty") is not None:
            return []
        day = self.feed_day()
        stale = self.trouble("stale")
        shown = [c for c in self._announced.get(day, ()) if stale is None or not _of(c, stale)]
        if stale is not None:
            before = _listing_before(day)
            shown += [c for c in self._announced.get(before, ()) if _of(c, stale)]
        kinds = ((c.paper, _kind(c, categories)) for c in shown)
        return [(paper, kind) for paper, kind in kinds if kind is not None]

    def in_listing(self, category: str, day: date) -> dict[str, list[EPrint]]:
        """Return the papers of a category's listing of a day by section."""
        sections: dict[str, list[EPrint]] = {"new": [], "cross": [], "replace": []}
        for change in self._announced.get(day, ()):
            kind = _kind(change, [category])
            if kind is not None:
                sections["replace" if kind == "replace-cross" else kind].append(change.paper)
        return sections

    # ---------------------------------------------------------------------- troubles

    def trouble(self, kind: str, where: str | None = None) -> Trouble | None:
        """Return what goes wrong in this way now, at `where` if it is given."""
        now = self.now()
        here = (t for t in self.troubles if t.kind == kind and t.is_on(now))
        return next((t for t in here if where is None or t.where in {"", where}), None)

    def _is_held(self, announced: datetime) -> bool:
        return any(t.kind == "late" and t.is_on(announced) and t.last > self.now()
                   for t in self.troubles)  # fmt: skip

    def _answering(self, place: Place, answer):
        def answered(request: Request) -> Reply:
            now, part = self.now(), _part(place, request)
            reply = self._troubled(place) or answer(request)
            if self._cuts(place):
                reply = replace(reply, body=reply.body[: len(reply.body) // 2])
            is_well = reply.status == 200 and reply.cut_after is None and not self._cuts(place)
            self.asked.append(Asked(now, place, part, request.target, is_well))
            return reply

        return answered

    def _troubled(self, place: Place) -> Reply | None:
        if (away := self.trouble("away", place)) is not None:
            return busy(away.after_s)
        return not_acceptable() if self.trouble("refused", place) is not None else None

    def _cuts(self, place: Place) -> bool:
        return place == "oai" and self.trouble("cut") is not None

    def _once(self, kind: str) -> bool:
        """Return whether this goes wrong now, for the first time."""
        found = self.trouble(kind)
        if found is None or found in self._spent:
            return False
        self._spent.add(found)
        return True

    # ---------------------------------------------------------------------- answers

    def _oai(self, request: Request) -> Reply:
        asked, now = request.query, self.now()
        if asked.get("verb") == "GetRecord":
            return xml(self._got(asked, now))
        token, skip = asked.get("resumptionToken", ""), 0
        if token:
            name, since, until, place, given = token.split("|")
            if given != now.date().isoformat() or self._once("token"):
                message = "The token has expired"
                return xml(oai_error("badResumptionToken", message, response_date=now))
            skip = int(place)
        else:
            name, since = asked.get("set", ""), asked.get("from", "")
            until = asked.get("until", "")
        found = self._changed(name, since, until or "9999")
        if not found:
            return xml(oai_error("noRecordsMatch", response_date=now))
        here, more = found[skip : skip + self.page], skip + self.page < len(found)
        next_ = f"{name}|{since}|{until}|{skip + self.page}|{now.date().isoformat()}"
        body = oai_page(
            here, token=next_ if more else "", response_date=now, is_last=skip > 0 and not more
        )
        return xml(body, cut_after=len(body) // 2 if self._once("cut once") else None)

    def _got(self, asked: dict[str, str], now: datetime) -> bytes:
        paper = self.out().get(asked.get("identifier", "").removeprefix("oai:arXiv.org:"))
        if paper is None:
            return oai_error("idDoesNotExist", response_date=now)
        return oai_page([paper], response_date=now, verb="GetRecord")

    def _changed(self, name: str, since: str, until: str) -> list[EPrint]:
        stands = self.out()
        days = sorted(day for day in self._by_stamp if since <= day <= until)
        papers = (stands[i] for day in days for i in sorted(self._by_stamp[day]))
        return [p for p in papers if any(_is_in(set_of(c), name) for c in p.categories)]

    def _feed(self, request: Request) -> Reply:
        categories = request.path.removeprefix("/atom/").split("+")
        return xml(atom_feed(self.in_feed(categories), self.feed_day(), categories=categories))

    def _listing(self, request: Request) -> Reply:
        _, _, category, page = request.path.split("/")
        if page != "new":
            return not_found()
        day = self.listed_day()
        shown = self.in_listing(category, day)
        return html(listing_page(category, day, shown["new"], shown["cross"], shown["replace"]))

    def _query(self, request: Request) -> Reply:
        out = self.out()
        wanted = [i.partition("v")[0] for i in request.query.get("id_list", "").split(",")]
        return xml(query_answer([out[i] for i in wanted if i in out]))


# ---------------------------------------------------------------------------- small decisions


def _part(place: Place, request: Request) -> str:
    """Return the part of a harvest that a request belongs to."""
    if place == "listing":
        return f"listing {request.path.split('/')[2]}"
    if place == "oai":
        token = request.query.get("resumptionToken", "")
        return f"oai {token.partition('|')[0] or request.query.get('set', '')}"
    return place


def _announcements(now: datetime) -> Iterator[datetime]:
    today = now.astimezone(UTC).date()
    return announcements(today - 14 * DAY, today + DAY)


def _listing_before(day: date) -> date:
    day -= DAY
    while silence(day) is not None:
        day -= DAY
    return day


def _is_in(spec: str, name: str) -> bool:
    return f"{spec}:".startswith(f"{name}:") if name else True


def _wants(categories: Sequence[str], category: str) -> bool:
    return any(category == c or category.startswith(f"{c}.") for c in categories)


def _of(change: Change, trouble: Trouble) -> bool:
    return _wants([trouble.where], change.paper.categories[0])


def _kind(change: Change, categories: Sequence[str]) -> Kind | None:
    """Return as what a change is announced to those who want these categories; None if not."""
    primary, *others = change.paper.categories
    if change.kind == "cross":
        return "cross" if any(_wants(categories, c) for c in change.added) else None
    is_new = change.kind == "new"
    if _wants(categories, primary):
        return "new" if is_new else "replace"
    if any(_wants(categories, c) for c in others):
        return "cross" if is_new else "replace-cross"
    return None
