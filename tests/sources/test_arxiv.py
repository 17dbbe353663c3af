"""How arXiv is harvested, against a fake of its interfaces over real HTTP. Papers are invented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.editions.calendar import announcement, announcements, listing_day, silence
from broadsheet.errors import ConfigError, RecordError, SourceError, SourceRejected
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv import Arxiv, ArxivCalendar
from broadsheet.sources.arxiv_sets import ARCHIVES, spec_of, specs_of
from broadsheet.sources.base import Ask, Batch, Cursor, Harvested, LookedUp, Searched
from broadsheet.sources.oai import TokenExpired
from broadsheet.sources.polite import PoliteClient
from loopback import (
    FakeTime,
    Loopback,
    Reply,
    Request,
    busy,
    conditional,
    html,
    not_acceptable,
    xml,
)
from oai_pages import Interface, Said, error, page, papers, raw

NOW = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)
"""A Thursday, five hours after an announcement."""


def latest(now: datetime) -> date:
    """Return the day of the newest listing that is out."""
    around = announcements(now.date() - timedelta(days=14), now.date() + timedelta(days=1))
    return max(listing_day(a) for a in around if a <= now)


CALENDAR = ArxivCalendar(
    lambda moment: listing_day(announcement(moment)), lambda day: silence(day) is None, latest
)


class Place(NamedTuple):
    """A fake arXiv, the source that asks it, and the client between them."""

    server: Loopback
    time: FakeTime
    arxiv: Arxiv
    client: PoliteClient
    oai: Interface

    def batches(self, part: str, cursor: Cursor | None = None, **ask: Any) -> list[Batch]:
        """Return what a part yields now."""
        asked = Ask(**({"now": self.time.now()} | ask))
        return list(self.arxiv.harvest(self.client, part, cursor or {}, asked))


@contextmanager
def place(said: list[Said], now: datetime = NOW, size: int = 3, **options: Any) -> Iterator[Place]:
    """Give a fake arXiv that holds these papers."""
    time = FakeTime(now)
    with TemporaryDirectory() as locks, Loopback(time=time) as server:
        urls = {f"{n}_url": f"{server.url}/{n}" for n in ("oai", "feed", "listing", "query")}
        arxiv = Arxiv(calendar=CALENDAR, **(urls | options))
        oai = Interface(said, time.now, size)
        server.route("/oai", oai)
        more = {"version": "1", "locks": Path(locks), "time": time, "trusted": [server.url]}
        with PoliteClient(arxiv.manner, **more) as client:
            yield Place(server, time, arxiv, client, oai)
        assert server.most_at_once <= 1
        assert not server.gaps or min(server.gaps) >= 3


def keys(batches: list[Batch]) -> list[str]:
    """Return the ids of all records, in order."""
    items = [item for batch in batches for item in batch.items]
    assert not [item for item in items if isinstance(item, RecordError)]
    return [item.key for item in items if isinstance(item, Record)]


def presumed(batches: list[Batch]) -> dict[str, str | None]:
    """Return the days on which the papers are presumed to have been announced."""
    return {r.key: r.presumed for b in batches for r in b.items if isinstance(r, Record)}


def fresh(count: int, **fields: Any) -> list[Said]:
    """Return papers submitted on Tuesday and announced for Wednesday, 18 November."""
    return [replace(Said(id=f"2611.{n:05}"), **fields) for n in range(1, count + 1)]


def ids_of(said: list[Said]) -> list[str]:
    """Return the ids of papers."""
    return [s.id for s in said]


def test_protocols():
    """The source offers what others are told that it offers, and takes its options by name."""
    arxiv = Arxiv(calendar=CALENDAR, **{o.name: o.default for o in Arxiv.options})
    assert isinstance(arxiv, Harvested)
    assert isinstance(arxiv, LookedUp)
    assert isinstance(arxiv, Searched)
    assert arxiv.manner.gap_s == 3


# ------------------------------------------------------------------------------- sets and parts


@pytest.mark.parametrize(
    ("category", "spec"),
    [
        ("cs.LG", "cs:cs:LG"),
        ("math.NA", "math:math:NA"),
        ("q-bio.GN", "q-bio:q-bio:GN"),
        ("hep-th", "physics:hep-th"),
        ("math-ph", "physics:math-ph"),
        ("astro-ph.CO", "physics:astro-ph:CO"),
        ("physics.optics", "physics:physics:optics"),
        ("cond-mat.mes-hall", "physics:cond-mat:mes-hall"),
        ("cs", "cs"),
        ("astro-ph", "physics:astro-ph"),
        ("physics", "physics:physics"),
    ],
)
def test_sets(category, spec):
    """Every category and archive has its set."""
    assert spec_of(category) == spec


def test_sets_of_many():
    """Many categories of an archive are one set, from which those that are wanted are taken."""
    many = tuple(f"cs.{name}" for name in ("AI", "CL", "CV", "LG", "NE", "RO", "IR"))
    assert specs_of((*many, "stat.ML")) == {"cs": many, "stat:stat:ML": ()}
    assert len(specs_of(many[:6])) == 6
    assert specs_of(("cs.LG", "cs")) == {"cs": ()}


def test_parts():
    """Sets come first, then the feed, then the listings; all of arXiv if nothing is named."""
    arxiv = Arxiv(calendar=CALENDAR, categories=("cs.LG", "hep-th"))
    sets = ["oai cs:cs:LG", "oai physics:hep-th"]
    assert arxiv.parts(Ask(NOW)) == [*sets, "feed", "listing cs.LG", "listing hep-th"]
    assert arxiv.parts(Ask(NOW, categories=("q-bio.GN",)))[0] == "oai q-bio:q-bio:GN"
    assert arxiv.parts(Ask(NOW, until=date(2026, 11, 18))) == sets
    assert len(arxiv.parts(Ask(NOW, until=date(2026, 11, 19)))) == 5
    everything = Arxiv(calendar=CALENDAR, categories=())
    assert len(everything.parts(Ask(NOW))) == 2 * len(ARCHIVES) + 1


@pytest.mark.parametrize("category", ["cs.lg.x", "nonsense", "computer science", "", "xy.AB"])
def test_unknown_categories(category):
    """What arXiv cannot have is told at once; a new category of an archive is taken on trust."""
    with pytest.raises(ConfigError, match="arXiv has no category"):
        Arxiv(calendar=CALENDAR, categories=("cs.LG", category))
    with pytest.raises(ConfigError):
        Arxiv(calendar=CALENDAR).parts(Ask(NOW, categories=(category,)))
    assert Arxiv(calendar=CALENDAR, categories=("cs.ZZ",)).parts(Ask(NOW))[0] == "oai cs:cs:ZZ"


def test_unknown_part():
    """A part that there is not is an error, not a silence."""
    with place([]) as at, pytest.raises(SourceError, match="no part"):
        at.batches("nonsense")


# ------------------------------------------------------------------------------------- changes


def test_three_pages():
    """All pages are read, politely, and the cursor goes on at the day of the first answer."""
    said = fresh(8)
    with place(said) as at:
        found = at.batches("oai cs:cs:LG")
        assert [len(b.items) for b in found] == [3, 3, 2]
        assert keys(found) == ids_of(said)
        assert at.oai.asked[0] == {
            "verb": "ListRecords",
            "metadataPrefix": "arXivRaw",
            "from": "2026-11-16",
            "set": "cs:cs:LG",
        }
        assert all({*a} == {"verb", "resumptionToken"} for a in at.oai.asked[1:])
        assert found[-1].cursor == {"from": {"cs:cs:LG": "2026-11-19"}}
        assert all(r.presumed == "2026-11-18" for b in found for r in b.items)


def test_first_harvest():
    """The first harvest begins three listings ago: here over Thanksgiving and a weekend."""
    with place([], now=datetime(2026, 12, 1, 6, tzinfo=UTC)) as at:
        (found,) = at.batches("oai cs:cs:LG")
        # 1 December, 30 November and 26 November are listings' days; one day is overlap.
        assert at.oai.asked[0]["from"] == "2026-11-25"
        assert found == Batch([], {"from": {"cs:cs:LG": "2026-12-01"}})


def test_next_harvest():
    """The next harvest begins a day before the last answer, and its papers are new."""
    late = fresh(1, datestamp="2026-11-19", versions=(datetime(2026, 11, 2, 12, tzinfo=UTC),))
    with place(late) as at:
        (found,) = at.batches("oai cs:cs:LG", {"from": {"cs:cs:LG": "2026-11-18"}})
        assert at.oai.asked[0]["from"] == "2026-11-17"
        # Held back by moderation for two weeks: announced when it appeared.
        assert found.items[0].presumed == "2026-11-19"
        (found,) = at.batches("oai cs:cs:LG", {"from": {"cs:cs:LG": "2026-10-18"}})
        assert found.items[0].presumed == "2026-11-03"


def test_first_harvest_resumed():
    """A first harvest that was broken off still cannot tell what is new from what was edited."""
    said = fresh(8, versions=(datetime(2026, 11, 2, 12, tzinfo=UTC),))
    with place(said) as at:
        first = at.batches("oai cs:cs:LG")[0]
        at.time.jump(86_400)
        found = at.batches("oai cs:cs:LG", first.cursor)
        assert presumed(found) == dict.fromkeys(ids_of(said), "2026-11-03")


def test_overlap():
    """How far the next harvest reaches back can be set."""
    with place([], overlap_days=3) as at:
        at.batches("oai cs:cs:LG", {"from": {"cs:cs:LG": "2026-11-18"}})
        assert at.oai.asked[0]["from"] == "2026-11-15"


def test_bulk_edit_day():
    """A flood of old papers is filed under their own days, none as new."""
    old = [replace(s, datestamp="2026-11-18") for s in papers(7, first=date(2015, 3, 2))]
    old = [replace(s, categories="cs.LG") for s in old]
    with place(old) as at:
        found = at.batches("oai cs:cs:LG", {"from": {"cs:cs:LG": "2026-11-18"}})
        assert keys(found) == ids_of(old)
        assert {r.presumed[:7] for b in found for r in b.items} == {"2015-03"}


def test_old_style_ids():
    """Papers of the first years come under their canonical ids."""
    said = fresh(1, id="math.GT/0309136", categories="math.GT")
    with place(said) as at:
        assert keys(at.batches("oai math:math:GT")) == ["math/0309136"]


def test_deleted():
    """A deleted paper is a tombstone: a withdrawn record without a title."""
    with place(fresh(1)) as at:
        at.oai.gone.append(("2611.00009", "2026-11-18"))
        (found,) = at.batches("oai cs:cs:LG")
        assert found.items[-1] == Record(
            source="arxiv",
            key="2611.00009",
            title="",
            external_ids=(ExternalId("arxiv", "2611.00009"),),
            withdrawn=True,
            extra={"deleted": "2026-11-18"},
        )


def test_busy():
    """That arXiv is busy is normal: the page is asked for again when it says."""
    said = fresh(4)
    with place(said) as at:
        at.server.route("/oai", [busy(20), at.oai(asks()), busy(30), at.oai(asks(skip=3))])
        assert keys(at.batches("oai cs:cs:LG")) == ids_of(said)
        assert 20 in at.time.slept


def asks(skip: int | None = None) -> Request:
    """Return a request for the first or a later page of what was changed since Monday."""
    query = {"verb": "ListRecords", "set": "cs:cs:LG", "from": "2026-11-16"}
    if skip is not None:
        token = f"2026-11-19|{skip}|2026-11-16||cs:cs:LG"
        query = {"verb": "ListRecords", "resumptionToken": token}
    return Request("GET", "/oai", query, {}, b"", 0)


def test_token_expires():
    """A token that dies at midnight leads back to the beginning, and nothing is lost."""
    said = fresh(8)
    with place(said, now=datetime(2026, 11, 19, 23, 59, 50, tzinfo=UTC)) as at:
        found = []
        for batch in at.arxiv.harvest(at.client, "oai cs:cs:LG", {}, Ask(at.time.now())):
            found.append(batch)
            at.time.jump(6)
        assert {*keys(found)} == {*ids_of(said)}
        # The third request comes after midnight, with a token of the day before.
        by_token = ["resumptionToken" in asked for asked in at.oai.asked]
        assert by_token == [False, True, True, False, True, True]
        # The last day is that of the first page of the walk that was whole.
        assert found[-1].cursor == {"from": {"cs:cs:LG": "2026-11-20"}}


def test_token_is_never_accepted():
    """A list that cannot be walked is given up, with the cursor at its beginning."""
    with place(fresh(8)) as at:
        expired = xml(error("badResumptionToken"))
        first = at.oai(asks())
        at.server.route("/oai", [first, expired, first, expired])
        found = []
        walking = at.arxiv.harvest(at.client, "oai cs:cs:LG", {}, Ask(NOW))
        with pytest.raises(TokenExpired):
            found.extend(walking)
        assert len(at.server.log) == 4


def test_token_of_yesterday():
    """A token from before midnight is not even tried."""
    said = fresh(8)
    with place(said) as at:
        first = at.batches("oai cs:cs:LG")[0]
        at.time.jump(86_400)
        found = at.batches("oai cs:cs:LG", first.cursor)
        assert "resumptionToken" not in at.oai.asked[3]
        assert at.oai.asked[3]["from"] == at.oai.asked[0]["from"]
        assert keys(found) == ids_of(said)


@given(
    count=st.integers(0, 9),
    size=st.integers(1, 4),
    stops=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=4),
)
@settings(max_examples=15)
def test_resumed(count, size, stops):
    """Stopped after any batch, and resumed from its cursor, it brings the same in the end."""
    said = fresh(count)
    with place(said, size=size) as at:
        whole = at.batches("oai cs:cs:LG")
        found: list[Batch] = []
        cursor: Cursor = {}
        for after, is_next_day in stops:
            walking = at.arxiv.harvest(at.client, "oai cs:cs:LG", cursor, Ask(at.time.now()))
            found += [batch for batch, _ in zip(walking, range(after), strict=False)]
            # What is kept is what JSON says.
            cursor = orjson.loads(orjson.dumps(found[-1].cursor))
            at.time.jump(86_400 if is_next_day else 0)
        found += at.batches("oai cs:cs:LG", cursor)
        assert {*keys(found)} == {*keys(whole)}
        assert found[-1].cursor == {"from": {"cs:cs:LG": f"{at.time.now():%Y-%m-%d}"}}
        assert presumed(found) == presumed(whole)


def test_cut_off():
    """A page that breaks off is an error; the pages before it are not walked again."""
    said = fresh(8)
    with place(said) as at:
        second = at.oai(asks(skip=3))
        cut = replace(second, body=second.body[:-400])
        at.server.route("/oai", [at.oai(asks()), cut])
        found = []
        with pytest.raises(SourceError, match="may have broken off"):
            found.extend(at.arxiv.harvest(at.client, "oai cs:cs:LG", {}, Ask(NOW)))
        at.server.route("/oai", at.oai)
        walking = at.arxiv.harvest(at.client, "oai cs:cs:LG", {}, Ask(NOW))
        first = next(walking)
        assert len(first.items) == 3
        rest = at.batches("oai cs:cs:LG", first.cursor)
        assert keys([first, *rest]) == ids_of(said)


def test_doubled_and_empty_pages():
    """A page that comes twice brings nothing new; an empty one does not end the list."""
    said = [raw(s) for s in fresh(6)]
    with place([]) as at:
        bodies = [page(said[:3], "a"), page(said[:3], "b"), page([], "c"), page(said[3:], "")]
        at.server.route("/oai", [xml(body) for body in bodies])
        found = at.batches("oai cs:cs:LG")
        assert [len(b.items) for b in found] == [3, 3, 0, 3]
        assert [{**r.query}.get("resumptionToken") for r in at.server.log] == [None, *"abc"]


def test_list_that_never_ends():
    """A token that leads to itself is not followed for ever."""
    with place([]) as at:
        at.server.route("/oai", xml(page([raw(s) for s in fresh(1)], "again")))
        with pytest.raises(SourceError, match="round in circles"):
            at.batches("oai cs:cs:LG")


def test_tokens_are_opaque():
    """A token is sent back as it came, whatever it is made of."""
    token = "verb%3DListRecords%26set%3Dcs%253Acs%26skip%3D2 +&é"  # noqa: S105
    with place([]) as at:
        at.server.route("/oai", [xml(page([], token)), xml(page([]))])
        at.batches("oai cs:cs:LG")
        assert at.server.log[1].query["resumptionToken"] == token


def test_refused():
    """A page for people instead of an answer is an error in words."""
    with place([]) as at:
        at.server.route("/oai", not_acceptable())
        with pytest.raises(SourceRejected, match="406"):
            at.batches("oai cs:cs:LG")
        at.server.route("/oai", html("<html><body>Sorry</body></html>"))
        with pytest.raises(SourceError):
            at.batches("oai cs:cs:LG")


def test_since():
    """A harvest since a day does not make the next one forget what lies before it."""
    with place(fresh(2)) as at:
        cursor = {"from": {"cs:cs:LG": "2026-11-10"}}
        found = at.batches("oai cs:cs:LG", cursor, since=date(2026, 11, 18))
        assert at.oai.asked[-1]["from"] == "2026-11-17"
        assert keys(found) == ["2611.00001", "2611.00002"]
        assert found[-1].cursor == cursor
        found = at.batches("oai cs:cs:LG", cursor, since=date(2026, 11, 2))
        assert at.oai.asked[-1]["from"] == "2026-11-01"
        assert found[-1].cursor == {"from": {"cs:cs:LG": "2026-11-19"}}
        found = at.batches("oai cs:cs:LG", {}, since=date(2026, 11, 18))
        assert found[-1].cursor == {"from": {"cs:cs:LG": "2026-11-19"}}


def test_until():
    """What was announced later is left for the next harvest, with the cursor where it was."""
    later = Said(id="2611.00007", versions=(datetime(2026, 11, 18, 12, tzinfo=UTC),))
    with place([*fresh(2), replace(later, datestamp="2026-11-19")]) as at:
        cursor = {"from": {"cs:cs:LG": "2026-11-17"}}
        found = at.batches("oai cs:cs:LG", cursor, until=date(2026, 11, 18))
        assert keys(found) == ["2611.00001", "2611.00002"]
        assert found[-1].cursor == cursor
        assert "until" not in at.oai.asked[-1]


def test_cursor_from_the_future():
    """A clock that was wrong once does not make arXiv refuse for ever."""
    with place(fresh(1)) as at:
        found = at.batches("oai cs:cs:LG", {"from": {"cs:cs:LG": "2031-01-01"}})
        assert at.oai.asked[0]["from"] == "2026-11-19"
        assert found[-1].cursor == {"from": {"cs:cs:LG": "2026-11-19"}}


@pytest.mark.parametrize(
    "cursor", [{"from": 3}, {"from": {"cs:cs:LG": 3}}, {"walk": {"x": 1}}, {"walk": 1, "from": {}}]
)
def test_strange_cursors(cursor):
    """A cursor that nobody wrote is as none."""
    with place(fresh(1)) as at:
        assert keys(at.batches("oai cs:cs:LG", cursor)) == ["2611.00001"]


MANY = ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "cs.NE", "cs.RO", "cs.IR")


def test_one_set_for_many():
    """Of an archive's set only what is wanted is kept, and each category has its own day."""
    said = [*fresh(1, categories="cs.LG stat.ML"), Said(id="2611.00002", categories="cs.DB")]
    with place(said, categories=MANY) as at:
        found = at.batches("oai cs")
        assert keys(found) == ["2611.00001"]
        assert found[-1].cursor == {"from": dict.fromkeys(MANY, "2026-11-19")}
        at.time.jump(86_400)
        # A category that is wanted for the first time is harvested as if it stood alone.
        asked = {"categories": (*MANY, "cs.DB")}
        found = at.batches("oai cs", found[-1].cursor, **asked)
        assert keys(found) == ["2611.00001", "2611.00002"]
        assert found[-1].cursor == {"from": dict.fromkeys(asked["categories"], "2026-11-20")}


# ------------------------------------------------------------------------------------- backfill


def aged(number: int, came: datetime, changed: str) -> Said:
    """Return a paper that came and was changed at some time."""
    digits = 5 if came.year >= 2015 else 4
    return Said(id=f"{came:%y%m}.{number:0{digits}}", versions=(came,), datestamp=changed)


OLD = [
    aged(1, datetime(2015, 1, 5, 12, tzinfo=UTC), "2015-01-06"),
    aged(2, datetime(2015, 1, 6, 12, tzinfo=UTC), "2016-02-29"),
    aged(3, datetime(2015, 2, 27, 22, tzinfo=UTC), "2026-11-18"),
    aged(4, datetime(2014, 12, 1, 12, tzinfo=UTC), "2016-02-01"),
    aged(5, datetime(2016, 2, 5, 12, tzinfo=UTC), "2016-02-08"),
]


def filled(at: Place, cursors: dict[str, Cursor], **ask: Any) -> list[str]:
    """Walk all parts of a backfill and keep their cursors; return the ids that came."""
    asked = Ask(at.time.now(), is_backfill=True, **ask)
    found = []
    for part in at.arxiv.parts(asked):
        for batch in at.arxiv.harvest(at.client, part, cursors.get(part, {}), asked):
            found += keys([batch])
            cursors[part] = orjson.loads(orjson.dumps(batch.cursor))
    return found


def test_months():
    """All months until now are walked: an old paper may have been changed in any."""
    arxiv = Arxiv(calendar=CALENDAR, categories=("cs.LG", "hep-th"))
    ask = Ask(NOW, since=date(2015, 1, 17), until=date(2015, 2, 3), is_backfill=True)
    parts = arxiv.parts(ask)
    assert parts[:2] == ["backfill cs:cs:LG 2015-01", "backfill physics:hep-th 2015-01"]
    assert parts[-1] == "backfill physics:hep-th 2026-11"
    assert len(parts) == 2 * (11 * 12 + 11)
    earliest = arxiv.parts(Ask(NOW, since=date(1991, 8, 1), is_backfill=True))
    assert earliest[0] == "backfill cs:cs:LG 2005-09"


def test_backfill():
    """Papers are chosen by their own day, whenever they were changed; what is done is done."""
    with place(OLD, categories=("cs.LG",), size=2) as at:
        cursors: dict[str, Cursor] = {}
        first = {"since": date(2015, 1, 1), "until": date(2015, 12, 31)}
        assert filled(at, cursors, **first) == ["1501.00001", "1501.00002", "1502.00003"]
        asked = len(at.oai.asked)
        assert at.oai.asked[0]["from"] == "2015-01-01"
        assert at.oai.asked[0]["until"] == "2015-01-31"
        assert "until" not in at.oai.asked[-1]
        # Only the month that is not over is looked at again, from where it was left.
        assert filled(at, cursors, **first) == ["1502.00003"]
        assert [a["from"] for a in at.oai.asked[asked:]] == ["2026-11-18"]
        narrower = {"since": date(2015, 2, 1), "until": date(2015, 3, 31)}
        assert filled(at, dict(cursors), **narrower) == ["1502.00003"]
        # More than was wanted then is walked anew.
        assert len(filled(at, cursors, since=date(2014, 1, 1))) == 5


def test_backfill_resumes():
    """A month that was broken off goes on at its token, or at its beginning on another day."""
    many = [aged(n, datetime(2015, 1, 5, 12, tzinfo=UTC), "2015-01-06") for n in range(1, 8)]
    with place(many, categories=("cs.LG",)) as at:
        part, asked = "backfill cs:cs:LG 2015-01", {"since": date(2015, 1, 1), "is_backfill": True}
        whole = at.batches(part, **asked)
        assert whole[-1].cursor["done"] is True
        requests = len(at.oai.asked)
        assert keys(at.batches(part, whole[0].cursor, **asked)) == keys(whole[1:])
        assert len(at.oai.asked) == requests + 2
        at.time.jump(86_400)
        assert keys(at.batches(part, whole[0].cursor, **asked)) == keys(whole)
        assert at.batches(part, whole[-1].cursor, **asked) == []


def test_backfill_of_categories():
    """What was walked for some categories of an archive is not taken for all of it."""
    said = [replace(OLD[0], categories="cs.DB"), replace(OLD[1], datestamp="2015-01-09")]
    with place(said) as at:
        part, asked = "backfill cs 2015-01", {"since": date(2015, 1, 1), "is_backfill": True}
        some = at.batches(part, categories=MANY, **asked)
        assert keys(some) == ["1501.00002"]
        assert at.batches(part, some[-1].cursor, categories=MANY, **asked) == []
        more = at.batches(part, some[-1].cursor, categories=("cs",), **asked)
        assert keys(more) == ["1501.00001", "1501.00002"]
        assert at.batches(part, more[-1].cursor, categories=MANY, **asked) == []


def test_strange_month():
    """A month that there is not is an error in words."""
    with place([]) as at, pytest.raises(SourceError, match="no month"):
        at.batches("backfill cs 2015-13")


# -------------------------------------------------------------------------- feeds and listings


def feed(category: str, numbers: range, kind: str = "new") -> str:
    """Return an Atom feed of Thursday's announcement."""
    entries = "".join(
        f"<entry><id>oai:arXiv.org:2611.{n:05}v1</id><title>Kites and Tides {n}</title>"
        "<updated>2026-11-19T05:00:12+00:00</updated><published>2026-11-19T00:00:00-05:00</published>"
        f'<link href="https://arxiv.org/abs/2611.{n:05}" rel="alternate"/>'
        f"<summary>arXiv:2611.{n:05}v1 Announce Type: {kind} \nAbstract: We fly kites.</summary>"
        f'<category term="{category}"/><arxiv:announce_type>{kind}</arxiv:announce_type>'
        "<dc:creator>Ada Example</dc:creator></entry>"
        for n in numbers
    )
    return (
        '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<id>http://rss.arxiv.org/atom/{category}</id>"
        f"<title>{category} updates on arXiv.org</title>"
        f"<updated>2026-11-19T05:00:12+00:00</updated>{entries}</feed>"
    )


def test_feed():
    """One request for all categories says how and when papers were announced."""
    with place([], categories=("cs.LG", "stat.ML")) as at:
        reply = xml(feed("cs.LG", range(1, 4)))
        at.server.route("/feed/cs.LG+stat.ML", conditional(reply, etag='"a"'))
        (found,) = at.batches("feed")
        assert found.day == "2026-11-19"
        assert {(r.source, r.announced) for r in found.items} == {("arxiv-feed", "2026-11-19")}
        assert found.cursor == {"tags": {"cs.LG+stat.ML": ['"a"', ""]}, "day": "2026-11-19"}
        (again,) = at.batches("feed", found.cursor)
        assert (again.items, again.day, again.cursor) == ((), "2026-11-19", found.cursor)
        assert at.server.log[-1].status == 304


def test_feed_that_is_cut():
    """A feed at its limit is asked for in halves, whose tags are kept and its own is not."""
    three = ("cs.AI", "cs.CL", "cs.LG")
    with place([], categories=three) as at:
        whole, both = xml(feed("cs.AI", range(1, 2001))), xml(feed("cs.AI", range(1, 1500)))
        at.server.route("/feed/cs.AI+cs.CL+cs.LG", conditional(whole, etag='"w"'))
        at.server.route("/feed/cs.AI+cs.CL", conditional(both, etag='"b"'))
        at.server.route("/feed/cs.LG", xml(feed("cs.LG", range(1400, 2700))))
        found = at.batches("feed")
        assert [len(b.items) for b in found] == [1499, 1300]
        assert found[-1].cursor["tags"] == {"cs.AI+cs.CL": ['"b"', ""], "cs.LG": ["", ""]}


def test_refused_feed():
    """A category that is refused is told in words, and the others come all the same."""
    said = "<rss version='2.0'><channel><title>Feed error for query: cs.ZZ</title></channel></rss>"

    def answer(request: Request) -> Reply:
        names = request.path.rpartition("/")[2].split("+")
        return xml(said, status=400) if "cs.ZZ" in names else xml(feed(names[0], range(1, 2)))

    with place([], categories=("cs.LG", "cs.ZZ", "hep-th")) as at:
        at.server.route("/feed/*", answer)
        found = []
        with pytest.raises(SourceRejected, match=r"cs\.ZZ"):
            found.extend(at.arxiv.harvest(at.client, "feed", {}, Ask(NOW)))
        walking = at.arxiv.harvest(at.client, "feed", {}, Ask(NOW))
        assert len(next(walking).items) == 1
        assert len(next(walking).items) == 1


def test_forbidden_feed():
    """A refusal that is not about the categories is not tried with fewer."""
    with place([], categories=("cs.LG", "hep-th")) as at:
        at.server.route("/feed/*", not_acceptable())
        with pytest.raises(SourceRejected):
            at.batches("feed")
        assert len(at.server.log) == 1


LISTING = """<html><body><div id="content"><h1>Machine Learning</h1>
<h3>Showing new listings for Thursday, 19 November 2026</h3>
<div class="paging">Total of 2 entries</div>
<dl id="articles"><h3>New submissions (showing 2 of 2 entries)</h3>
{}</dl></div></body></html>"""
ENTRY = """<dt><a name="item{0}">[{0}]</a> <a href="/abs/2611.0000{0}" title="Abstract">
arXiv:2611.0000{0}</a></dt><dd><div class="meta"><div class="list-title mathjax">
<span class="descriptor">Title:</span> Kites and Tides {0}</div>
<div class="list-authors"><a href="x">Ada Example</a></div>
<div class="list-subjects"><span class="descriptor">Subjects:</span>
<span class="primary-subject">Machine Learning (cs.LG)</span></div>
<p class="mathjax">We fly kites.</p></div></dd>"""


def test_listing():
    """A page of new listings gives what it lists and how many it says there are."""
    with place([]) as at:
        body = LISTING.format(ENTRY.format(1) + ENTRY.format(2))
        at.server.route("/listing/cs.LG/new", html(body))
        (found,) = at.batches("listing cs.LG")
        assert found.day == "2026-11-19"
        (listing,) = found.listings
        assert (listing.category, listing.day) == ("cs.LG", "2026-11-19")
        assert [i.value for i in listing.ids["new"]] == ["2611.00001", "2611.00002"]
        assert listing.counts["new"] == 2
        assert keys([found]) == ["2611.00001", "2611.00002"]


# -------------------------------------------------------------------------------- single papers


def answer_to(said: list[Said], total: int | None = None) -> Reply:
    """Return the query API's answer with these papers."""
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/{s.id}v{len(s.versions)}</id><title>{s.title}</title>"
        f"<published>{s.versions[0]:%Y-%m-%dT%H:%M:%SZ}</published>"
        f"<updated>{s.versions[-1]:%Y-%m-%dT%H:%M:%SZ}</updated><summary>{s.abstract}</summary>"
        '<category term="cs.LG"/><author><name>Ada Example</name></author></entry>'
        for s in said
    )
    there = len(said) if total is None else total
    return xml(
        '<feed xmlns="http://www.w3.org/2005/Atom"'
        ' xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"<opensearch:totalResults>{there}</opensearch:totalResults>"
        f"<opensearch:startIndex>0</opensearch:startIndex>{entries}</feed>"
    )


def wanted(*ids: str) -> list[ExternalId]:
    """Return ids of arXiv."""
    return [ExternalId("arxiv", i) for i in ids]


def test_look_up():
    """Papers are looked up many at once, and those that the index lacks one by one."""
    late = datetime(2026, 11, 17, 21, tzinfo=UTC)
    said = fresh(3, versions=(late,))
    with place(said) as at:
        at.server.route("/query", answer_to(said[:2]))
        asked = [*wanted("2611.00001", "2611.00002", "2611.00003", "2611.00099", "2611.00001")]
        found = list(at.arxiv.look_up(at.client, [*asked, ExternalId("doi", "10.5555/x")]))
        assert [r.key for r in found] == ["2611.00001", "2611.00002", "2611.00003"]
        # After the cut-off: announced a day later, whoever is asked.
        assert {r.presumed for r in found} == {"2026-11-19"}
        assert {r.source for r in found} == {"arxiv"}
        assert at.server.log[0].query["id_list"].count(",") == 3
        assert [a["identifier"] for a in at.oai.asked] == [
            "oai:arXiv.org:2611.00003",
            "oai:arXiv.org:2611.00099",
        ]


def test_look_up_many():
    """More than a hundred ids are asked for in several requests."""
    said = [Said(id=f"2611.{n:05}") for n in range(150)]
    by_id = {s.id: s for s in said}
    with place([]) as at:
        answer = lambda r: answer_to([by_id[i] for i in r.query["id_list"].split(",")])  # noqa: E731
        at.server.route("/query", answer)
        found = list(at.arxiv.look_up(at.client, wanted(*by_id)))
        assert [r.key for r in found] == list(by_id)
        assert len(at.server.log) == 2


@pytest.mark.parametrize(
    "reply",
    [
        not_acceptable(),
        html("<html><body>Rate exceeded.</body></html>"),
        Reply(b"", 429, {"Retry-After": "1"}),
        xml(
            '<feed xmlns="http://www.w3.org/2005/Atom"><entry>'
            "<id>http://arxiv.org/api/errors#incorrect_id_format_for_x</id><title>Error</title>"
            "<summary>incorrect id format for x</summary></entry></feed>"
        ),
    ],
)
def test_look_up_refused(reply):
    """Where the query API refuses, the OAI interface is asked for each paper."""
    said = fresh(2)
    with place(said) as at:
        at.server.route("/query", reply)
        found = list(at.arxiv.look_up(at.client, wanted("2611.00001", "2611.00002")))
        assert [r.key for r in found] == ["2611.00001", "2611.00002"]
        assert found[0].extra["versions"] == ["2026-11-17"]


def test_forbidden_is_obeyed():
    """Whoever forbids is not asked by another door."""
    with place(fresh(1)) as at:
        at.server.route("/query", Reply(b"Forbidden", 403))
        with pytest.raises(SourceError):
            list(at.arxiv.look_up(at.client, wanted("2611.00001")))
        assert len(at.server.log) == 1


def test_answer_that_is_cut():
    """A page that is empty though there are papers is asked for once more."""
    with place([]) as at:
        at.server.route("/query", [answer_to([], total=1), answer_to(fresh(1))])
        assert [r.key for r in at.arxiv.look_up(at.client, wanted("2611.00001"))] == ["2611.00001"]


def test_find_title():
    """A title is looked for as a phrase; one without words is not looked for."""
    with place([]) as at:
        at.server.route("/query", answer_to(fresh(1)))
        found = list(at.arxiv.find_title(at.client, "Tides of $\\Gamma$: Sparse"))
        assert [r.key for r in found] == ["2611.00001"]
        assert at.server.log[0].query["search_query"] == 'ti:"Tides of Γ Sparse"'
        assert list(at.arxiv.find_title(at.client, " ?! ")) == []
        assert len(at.server.log) == 1


# ---------------------------------------------------------------------------------------- check


WELL_KNOWN = Said(id="1706.03762", versions=(datetime(2017, 6, 12, 17, tzinfo=UTC),))


def drifted(at: Place, old: str, new: str) -> list[str]:
    """Return the fields that are not well where an answer says `new` for `old`."""
    body = at.oai.answer({"verb": "GetRecord", "identifier": "oai:arXiv.org:1706.03762"})
    assert old.encode() in body
    at.server.route("/oai", xml(body.replace(old.encode(), new.encode())))
    return [f.field for f in at.arxiv.check(at.client) if not f.is_well]


def test_check():
    """One request tells whether all fields are as they should be."""
    with place([WELL_KNOWN]) as at:
        findings = list(at.arxiv.check(at.client))
        assert len(findings) > 15
        assert [f for f in findings if not f.is_well] == []
        assert len(at.server.log) == 1


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("categories>", "subjects>", ["GetRecord.record.metadata.arXivRaw.categories"]),
        (
            "<authors>Ada Example, Boris Sample Jr</authors>",
            "<authors><author>Ada</author></authors>",
            ["GetRecord.record.metadata.arXivRaw.authors"],
        ),
        ("responseDate>", "answered>", ["responseDate"]),
        ("Mon, 12 Jun 2017", "12/6/2017", ["record"]),
        ("setSpec>", "set>", ["GetRecord.record.header.setSpec"]),
    ],
)
def test_check_drifted(old, new, fields):
    """A field that is gone or has another form is named."""
    with place([WELL_KNOWN]) as at:
        assert drifted(at, old, new) == fields


def test_check_of_nothing():
    """An interface that does not know the best known paper is not well."""
    with place([]) as at:
        assert not all(f.is_well for f in at.arxiv.check(at.client))
        at.server.route("/oai", xml(error("badVerb")))
        with pytest.raises(SourceError):
            list(at.arxiv.check(at.client))
