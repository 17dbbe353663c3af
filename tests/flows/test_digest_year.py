"""A year of digests: subscribers in thirty zones, and everything that happens to papers meanwhile.

Papers come on arXiv's calendar, some hours after it announces; now and then its listing is late,
papers come days after the others, get new versions or turn out to be one, digests expire or are
refused, and the machine is off for a night. In the end every issue was composed once, at the right
local time, nobody had a paper twice, and whoever wants all papers of a category had them all.

A year for a thousand subscriptions is run by
`BROADSHEET_LONG=1 pytest tests/flows/test_digest_year.py -s`, else some days in which Europe and
America set their clocks back.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from broadsheet.collection import harvests, schema
from broadsheet.collection import papers as store
from broadsheet.delivery.choosing import of_body
from broadsheet.delivery.composing import Composer
from broadsheet.delivery.links import Links, new_key
from broadsheet.delivery.subscribing import Subscriptions
from broadsheet.delivery.subscription import Subscription, Wishes
from broadsheet.editions.calendar import announcements
from broadsheet.errors import RefusedError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import Record
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import PRIVATE
from editions.presses import Clock, Press, paper
from processes import IS_LONG

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TICK = timedelta(minutes=30)
WAIT = timedelta(minutes=45)
LOOK = timedelta(minutes=15)
"""No zone has an offset that is no multiple of this."""
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "America/Sao_Paulo", "Pacific/Apia", "Asia/Tokyo", "Europe/London", "America/Los_Angeles",
    "Africa/Casablanca", "Asia/Kathmandu", "Australia/Adelaide", "America/St_Johns",
    "Pacific/Chatham", "Asia/Tehran", "Africa/Cairo", "America/Havana", "Asia/Beirut",
    "America/Asuncion", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Dublin",
    "America/Santiago", "Asia/Shanghai", "Africa/Johannesburg", "Pacific/Auckland",
    "America/Caracas", "Asia/Yangon", "Antarctica/Troll",
)  # fmt: skip
TIMES = ("00:00", "02:30", "07:00")
"""The first two do not exist on one night of the year in some of the zones, or come twice."""
CATEGORIES = ("cs.CL", "cs.CV", "cs.LG", "math.AG")
CADENCES = ("day", "day", "day", "weekdays", "week", "month")


class Span(NamedTuple):
    """Which days are played, for how many subscriptions in how many zones."""

    first: date
    last: date
    subscriptions: int
    zones: int
    papers: int


SPAN = (
    Span(date(2025, 3, 1), date(2026, 3, 1), 1000, len(ZONES), 8)
    if IS_LONG
    else Span(date(2025, 10, 24), date(2025, 11, 4), 40, 8, 5)
)


# ---------------------------------------------------------------------------- what happens


@dataclass
class World:
    """A collection, its subscribers, and what truly happened to them."""

    library: Library
    clock: Clock
    dice: random.Random
    subscriptions: list[Subscription] = field(default_factory=list)
    had: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The papers that each recipient had, as they are now."""
    versions: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """How many new versions of a paper there were."""
    seen: dict[tuple[int, int], int] = field(default_factory=dict)
    """Which version of a paper a recipient had."""
    down: list[tuple[datetime, datetime]] = field(default_factory=list)
    filed: int = 0
    notices: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    composed: Counter[str] = field(default_factory=Counter)
    told: int = 0

    def __post_init__(self) -> None:
        """Set up what composes."""
        library = self.library
        self.press = Press(library, self.clock)
        self.composer = Composer(
            library.database, library.together, library.editions, library._trending,
            library.index, library._engine.rank_among, self.clock, WAIT, lambda: ("arxiv",),
        )  # fmt: skip
        links = Links("https://papers.example.org", new_key())
        self.subscribing = Subscriptions(
            library.database, library.together, PRIVATE, self.clock, links, self.composer.check,
            can_send=True,
        )  # fmt: skip

    # ------------------------------------------------------------------ papers

    def file(self, day: date, number: int) -> None:
        """File so many new papers of a day."""
        made = [self._record(day, self.filed + n) for n in range(number)]
        self.filed += number
        self.press.file(*made)

    def _record(self, day: date, number: int) -> Record:
        return paper(number, day.isoformat(), self.dice.choice(CATEGORIES))

    def harvested(self, day: date) -> None:
        """Let arXiv's listings until a day be here."""
        with self.library.database.write() as connection:
            now = iso(self.clock.now)
            harvests.move(connection, "arxiv", harvests.WHOLE, now, covered=day.isoformat())

    def renew(self) -> None:
        """Let there be a new version of a paper of the last days."""
        with self.library.database.read() as connection:
            own = store.fetch(connection, [p.id for p in store.latest(connection, 40)])
            chosen = self.dice.choice(own)
            (first, *_) = store.records_of(connection, chosen.id)
        self.press.file(replace(first.record, updated=self.clock.now.date().isoformat()))
        self.versions[chosen.id] += 1

    def merge(self) -> None:
        """Let two papers of the last days turn out to be one."""
        with self.library.database.read() as connection:
            one, other = self.dice.sample(store.latest(connection, 30), 2)
        if one.edition == other.edition:
            self.library.deciding.merge(f"p{one.id}", f"p{other.id}")
            survivor = self.library.resolve(f"p{one.id}")
            (gone,) = {one.id, other.id} - {survivor}
            # A version of either is one of the paper that they are.
            self.versions[survivor] += self.versions[gone]
            for recipient, own in self.had.items():
                if gone in own:
                    own.add(survivor)
                    seen = self.seen.pop((recipient, gone), -1)
                    self.seen.setdefault((recipient, survivor), seen)

    # ------------------------------------------------------------------ time

    def subscribe(self, number: int, zones: Sequence[str]) -> None:
        """Subscribe in many ways; every third one belongs to somebody who has another already."""
        dice = self.dice
        cadence = dice.choice(CADENCES)
        kind, query = dice.choice(
            [
                ("trending", ""), ("edition", ""), ("edition", "cat:cs.*"),
                *(("search", f"cat:{c}") for c in CATEGORIES),
            ]
        )  # fmt: skip
        wishes = Wishes(
            kind, query, cadence,
            on_day={"week": dice.randrange(7), "month": dice.randint(1, 31)}.get(cadence, 0),
            at=dice.choice(TIMES), zone=zones[number % len(zones)],
            longest=100 if number % 3 != 1 else dice.choice((3, 10)),
            when_empty=dice.choice(("skip", "tell")),
        )  # fmt: skip
        who = number - 1 if number % 3 == 2 else number
        try:
            made = self.subscribing.subscribe(OWNER, f"r{who}@example.org", wishes, how="command")
        except RefusedError:  # They have this very list already.
            self.subscribe(number, zones)
        else:
            self.subscriptions.append(made)

    def tick(self) -> None:
        """Compose what is due, and let something become of it."""
        counts = self.composer.compose(self.clock.now)
        self.composed.update(counts._asdict())
        if counts.ready:
            self._deliver()

    def _deliver(self) -> None:
        table = schema.digests.c
        ready = select(table.id, table.subscription_id, table.body).where(table.state == "ready")
        with self.library.database.write() as connection:
            for number, subscription, body in connection.execute(ready).all():
                state = self.dice.choices(("sent", "unknown", "expired", "refused"), (94, 2, 3, 1))[
                    0
                ]
                connection.execute(
                    update(schema.digests).where(table.id == number).values(state=state)
                )
                if state in {"sent", "unknown"}:
                    self._had(subscription, body)

    def _had(self, subscription: int, body: str) -> None:
        """Note what a recipient had, which must be nothing that they had before."""
        self.told += 1
        recipient = self.subscriptions[subscription - 1].recipient
        choice = of_body(body)
        self.notices.update(n.partition(" of ")[0] for n in choice.notices)
        for item in choice.items:
            self.marks[item.mark] += 1
            version = self.versions[item.paper]
            if item.paper in self.had[recipient]:
                assert item.mark == "updated"
                assert version > self.seen[recipient, item.paper]
            else:
                assert item.mark != "updated"
            self.had[recipient].add(item.paper)
            self.seen[recipient, item.paper] = version


def iso(moment: datetime) -> str:
    """Return a moment as the record has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def course(span: Span, dice: random.Random) -> Iterator[tuple[datetime, str, date]]:
    """Yield what happens when: listings that come, in parts and late, and what changes later."""
    for announced in announcements(span.first - 20 * DAY, span.last):
        day = (announced + 6 * HOUR).date()
        is_late = dice.random() < 0.08
        came = announced + (dice.uniform(4, 40) * HOUR if is_late else dice.uniform(0.3, 2) * HOUR)
        yield came, "listing", day
        if dice.random() < 0.3:
            yield came + dice.uniform(0.2, 6) * DAY, "late", day
        if dice.random() < 0.4:
            yield came + dice.uniform(0.1, 3) * DAY, "version", day
        if dice.random() < 0.3:
            yield came + dice.uniform(0.1, 3) * DAY, "merge", day


def outages(span: Span, dice: random.Random) -> list[tuple[datetime, datetime]]:
    """Return when the machine was off: some nights, and once for days."""
    found = []
    for n in range(max((span.last - span.first).days // 30, 1)):
        start = at_midnight(span.first) + (30 * n + dice.uniform(6, 9)) * DAY
        found.append((start, start + dice.choice((8, 16, 50)) * HOUR))
    return found


def at_midnight(day: date) -> datetime:
    """Return when a day begins in UTC."""
    return datetime.combine(day, time(), UTC)


# ---------------------------------------------------------------------------- what must be


def expected(wishes: Wishes, first: datetime, last: datetime) -> dict[str, datetime]:
    """Return when each issue must be due, found by looking at the clock again and again."""
    zone, at = ZoneInfo(wishes.zone), time.fromisoformat(wishes.at)
    found: dict[str, datetime] = {}
    moment = first.replace(minute=0, second=0, microsecond=0)
    while moment <= last:
        local = moment.astimezone(zone)
        day = local.date()
        is_day = {
            "day": True,
            "weekdays": day.weekday() < 5,
            "week": day.weekday() == wishes.on_day,
            "month": day.day == wishes.on_day or ((day + DAY).day == 1 and day.day < wishes.on_day),
        }[wishes.cadence]
        if is_day and local.time() >= at:
            found.setdefault(day.isoformat(), moment)
        moment += LOOK
    # What was due before they subscribed is none of theirs.
    return {day: due for day, due in found.items() if due > first}


def check_issues(world: World, span: Span) -> None:
    """See that every issue was composed once, at its time, and none when it was of no use."""
    table = schema.digests
    rows = defaultdict(dict)
    with world.library.database.read() as connection:
        for row in connection.execute(select(table)).mappings():
            # The unique key says so, too.
            assert row["issue"] not in rows[row["subscription_id"]]
            rows[row["subscription_id"]][row["issue"]] = row
    for subscription in world.subscriptions:
        made = datetime.fromisoformat(subscription.made)
        wanted = expected(subscription.wishes, made, at_midnight(span.last))
        own = rows[subscription.id]
        assert own.keys() <= wanted.keys(), subscription.wishes
        for issue, due in wanted.items():
            if issue not in own and due > at_midnight(span.last) - 2 * HOUR:
                continue
            is_off = any(start <= due + TICK and due < end for start, end in world.down)
            if issue not in own:
                assert is_off, (subscription.wishes, issue)
                continue
            row = own[issue]
            assert row["due"] == iso(due), subscription.wishes
            composed = datetime.fromisoformat(row["made"])
            if row["state"] == "late":
                assert is_off
                assert row["body"] == ""
            else:
                assert row["made"] < row["ends"]
                assert is_off or due <= composed <= due + WAIT + TICK


def check_all_had(world: World, span: Span) -> None:
    """See that whoever wanted all papers had them, if their last issue came late enough."""
    papers, digests, checked = schema.papers.c, schema.digests.c, 0
    with world.library.database.read() as connection:
        alive = connection.execute(
            select(papers.id, papers.edition, papers.topic, papers.first_seen).where(
                papers.merged_into.is_(None)
            )
        ).all()
        for subscription in world.subscriptions:
            wishes = subscription.wishes
            others = [s for s in world.subscriptions if s.recipient == subscription.recipient]
            if wishes.longest < 100 or len(others) > 1:
                continue
            of_it = (digests.subscription_id == subscription.id) & digests.state.in_(
                ("sent", "unknown", "empty")
            )
            issues = connection.execute(
                select(digests.until, digests.made, digests.body).where(of_it).order_by(digests.due)
            ).all()
            # Some lists of a month have more than there is room for in an issue.
            if not issues or any(of_body(issue.body).more for issue in issues):
                continue
            checked += 1
            first = of_body(issues[0].body).first.isoformat()
            until, made, _ = issues[-1]
            wanted = {
                paper
                for paper, edition, topic, came in alive
                if first <= edition <= until and is_of(wishes.query, topic) and came <= made
            }
            assert wanted <= world.had[subscription.recipient], wishes
    assert checked > len(world.subscriptions) / 6


def is_of(query: str, topic: str) -> bool:
    """Return whether a paper of this one category matches."""
    prefix = query.removeprefix("cat:").removesuffix("*")
    return topic.startswith(prefix)


# ---------------------------------------------------------------------------- the year


def played(world: World, span: Span) -> None:
    """Let everything happen in the order of time."""
    dice = world.dice
    happens = sorted(course(span, dice))
    world.down = outages(span, dice)
    moment, end = at_midnight(span.first), at_midnight(span.last)
    held = ""
    world.clock.now = moment
    while moment < end:
        while happens and happens[0][0] <= moment:
            _, what, day = happens.pop(0)
            if what in {"listing", "late"}:
                world.file(day, span.papers if what == "listing" else 1)
            elif world.filed > 60:
                {"version": world.renew, "merge": world.merge}[what]()
            if what == "listing" and day.isoformat() > held:
                # What comes late comes with what came meanwhile.
                held = day.isoformat()
                world.harvested(day)
        if not world.subscriptions:
            zones = dice.sample(ZONES, span.zones)
            for number in range(span.subscriptions):
                world.subscribe(number, zones)
        if not any(start <= moment < stop for start, stop in world.down):
            world.tick()
        moment += TICK
        world.clock.now = moment


@pytest.mark.timeout(7200 if IS_LONG else 300)
def test_a_year_of_digests(home: Path, embedder):
    """Every issue once and in time, no paper twice, none lost."""
    clock = Clock(at_midnight(SPAN.first))
    with open_library(home, clock=clock, embedder=embedder) as library:
        world = World(library, clock, random.Random(1845))
        played(world, SPAN)
        check_issues(world, SPAN)
        check_all_had(world, SPAN)
        print(world.composed, world.marks, world.notices, world.told, world.filed)  # noqa: T201
        assert world.composed["stopped"] == 0
        assert world.composed["late"]
        assert world.composed["waiting"]
        assert {"", "late"} <= set(world.marks)
        assert world.marks["updated"] or not IS_LONG
        assert world.notices["arXiv's listing"]
