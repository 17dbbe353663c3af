"""Hugging Face's lists, as they come over real HTTP from a server here. All papers are invented."""

from __future__ import annotations

import lzma
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError, SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import ExternalId, Record, Signal
from broadsheet.sources import huggingface, jsonl
from broadsheet.sources.base import Ask, Batch, Enriching, Harvested, LookedUp, Searched
from broadsheet.sources.huggingface import HuggingFace, parse_papers
from broadsheet.sources.polite import PoliteClient
from loopback import FakeTime, Loopback, Reply, Request, html, json_reply, not_found, too_many
from shared_data import SHARED, needs_shared

TODAY = date(2026, 3, 17)  # a Tuesday
NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
LISTS = "/api/daily_papers"


def paper(number: int = 1, day: str = "2026-03-16", **more: Any) -> dict[str, Any]:
    """Return one paper of a list, with all that may be there."""
    inner = {
        "id": f"2603.{number:05}",
        "title": f"Kites at Sea, Part {number}",
        "summary": "We fly\nkites with <think> tokens.",
        "publishedAt": "2026-03-13T17:59:00.000Z",
        "submittedOnDailyAt": f"{day}T03:33:17.568Z",
        "submittedOnDailyBy": {"_id": "65aa", "fullname": "Sample User"},
        "upvotes": 57,
        "discussionId": "66bb",
        "ai_summary": "Kites fly.",
        "ai_keywords": ["kites", " sea ", "kites", 7],
        "githubRepo": "https://github.com/example/kites",
        "githubStars": 212,
        "projectPage": "https://kites.example/",
        "mediaUrls": [],
        "withdrawnAt": None,
        "authors": [
            {"_id": "1", "name": "Ada  Example", "hidden": False, "user": {"name": "ada"}},
            {"_id": "2", "name": "Hidden Person", "hidden": True},
            {"_id": "3", "name": "B. Sample"},
        ],
    }
    return {
        "paper": inner | more,
        "title": inner["title"],
        "summary": inner["summary"],
        "publishedAt": inner["publishedAt"],
        "numComments": 2,
        "submittedBy": {"_id": "65aa", "fullname": "Sample User", "name": "sample"},
        "organization": {"_id": "9", "name": "sample-org", "fullname": "Sample Org"},
    }


def bare(number: int = 1) -> dict[str, Any]:
    """Return a paper with nothing that may be absent."""
    inner = {"id": f"2603.{number:05}", "title": "Bare", "summary": "", "authors": []}
    return {"paper": inner}


def one(item: dict[str, Any], listed: str | None = None) -> Record:
    """Return the record of a list with one paper."""
    (found,) = parse_papers(orjson.dumps([item]), listed=listed)
    assert isinstance(found, Record), found
    return found


# ---------------------------------------------------------------------------- parsing


def test_a_paper_of_a_list_says_all_this():
    """Every field that has a place in a record is there, cleaned; hidden authors are not."""
    found = one(paper())
    assert found == Record(
        source="hf",
        key="arxiv:2603.00001",
        title="Kites at Sea, Part 1",
        abstract="We fly kites with <think> tokens.",
        summary="Kites fly.",
        authors=("Ada Example", "B. Sample"),
        external_ids=(ExternalId("arxiv", "2603.00001"),),
        submitted="2026-03-13",
        announced="2026-03-16",
        keywords=("kites", "sea"),
        links=(
            ("abs", "https://huggingface.co/papers/2603.00001"),
            ("code", "https://github.com/example/kites"),
            ("project", "https://kites.example/"),
        ),
        extra={
            "upvotes": 57,
            "comments": 2,
            "stars": 212,
            "organization": "Sample Org",
            "submitted_by": "sample",
        },
    )
    assert found.signals == (Signal("upvotes", 57), Signal("comments", 2), Signal("stars", 212))


def test_what_may_be_absent_may_be_null_too():
    """Absent and null are the same, and the day that was asked for stands in."""
    needed = {"id", "title", "summary", "authors"}
    optional = [name for name in paper()["paper"] if name not in needed]
    nulls = paper(**dict.fromkeys(optional)) | dict.fromkeys(
        ("numComments", "submittedBy", "organization")
    )
    without = bare()
    for item in (nulls, without):
        found = one(item, "2026-03-16")
        assert found.announced == "2026-03-16"
        assert (found.signals, found.extra, found.keywords, found.summary) == ((), {}, (), "")
        assert [kind for kind, _ in found.links] == ["abs"]


def test_a_missing_count_is_not_zero_and_zero_is_counted():
    """Only whole numbers from zero up are counts."""
    assert one(bare()).signals == ()
    assert one(paper(upvotes=0, githubStars=None)).signals == (
        Signal("upvotes", 0),
        Signal("comments", 2),
    )
    assert one(paper(upvotes=0)).extra["upvotes"] == 0
    for odd in (True, -1, "57", float("1e300")):
        assert "upvotes" not in {s.kind for s in one(paper(upvotes=odd)).signals}


def test_the_day_of_the_list_is_not_the_day_of_arxiv():
    """The time that arXiv took the paper is never the day of its listing."""
    found = one(paper(day="2026-03-17"), listed="2026-03-17")
    assert (found.submitted, found.announced) == ("2026-03-13", "2026-03-17")
    # A week's answer has papers of other days than any that was asked for.
    assert one(paper(day="2026-03-13")).announced == "2026-03-13"
    assert one(paper(submittedOnDailyAt="2026-03"), "2026-03-16").announced == "2026-03-16"


def test_a_withdrawn_paper_is_marked():
    """A time of withdrawal is enough."""
    assert one(paper(withdrawnAt="2026-03-15T00:00:00.000Z")).withdrawn
    assert not one(paper()).withdrawn


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "ftp://kites.example", "github.com/o/r", "https://a b", 7, {}]
)
def test_only_addresses_of_the_web_are_links(link):
    """What people type into the field of a link may be anything."""
    kinds = [kind for kind, _ in one(paper(githubRepo=link, projectPage=link)).links]
    assert kinds == ["abs"]


def test_a_papers_own_answer_counts_what_is_linked():
    """The answer about one paper is not wrapped, and names models, datasets and spaces."""
    inner = paper()["paper"]
    told = {"linkedModels": [{"id": "a/b"}], "numTotalModels": 41, "linkedDatasets": []}
    (found,) = parse_papers(orjson.dumps(inner | told))
    assert isinstance(found, Record)
    counts = {s.kind: s.value for s in found.signals}
    assert counts == {"upvotes": 57, "stars": 212, "linked_models": 41, "linked_datasets": 0}
    assert found == replace(one(paper()), extra=found.extra)


def test_old_ids_and_ids_that_are_not_arxivs():
    """A version is no part of an id; what is no id of arXiv is kept as it is."""
    old = one(paper(id="cs/0112017"))
    assert old.key == "arxiv:cs/0112017"
    assert old.links[0] == ("abs", "https://huggingface.co/papers/cs/0112017")
    assert one(paper(id="2603.00001v2")).key == "arxiv:2603.00001"
    own = one(paper(id="a kite"))
    assert (own.key, own.external_ids) == ("a kite", ())
    assert own.links[0] == ("abs", "https://huggingface.co/papers/a%20kite")


def test_a_bad_paper_is_set_aside_and_the_others_stay():
    """Each has its place in the answer, and the reason."""
    bad = [7, {"paper": {"title": "No id"}}, {"paper": None}, paper(id=""), paper(id="x" * 65)]
    no_title = bare()
    no_title["paper"]["title"] = "  "
    long = paper(summary="a" * 100_001)
    found = parse_papers(orjson.dumps([*bad, paper(1), no_title, long, paper(2)]))
    errors = [item for item in found if isinstance(item, RecordError)]
    assert [e.place for e in errors] == [1, 2, 3, 4, 5, 7, 8]
    assert all(e.source == "hf" and e.reason for e in errors)
    assert [i.key for i in found if isinstance(i, Record)] == [
        "arxiv:2603.00001",
        "arxiv:2603.00002",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"{}",
        b"7",
        b'"text"',
        b"[[]]",
        b'[{"papers": []}]',
        b'{"error": "Sorry, we can\'t find the page"}',
        b"[" * 2000,
        orjson.dumps({"items": [paper()], "page": 1}),
        orjson.dumps([paper()])[:-5],
    ],
)
def test_an_answer_in_another_form_is_an_error_of_the_source(body):
    """An error message, a page, half an answer or a wrapped list are no papers."""
    with pytest.raises(SourceError) as caught:
        parse_papers(body)
    assert type(caught.value) is SourceError
    assert caught.value.source == "hf"


def test_an_empty_list_is_a_list():
    """A weekend is not an error."""
    assert parse_papers(b"[]") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_NAMES = tuple(paper()["paper"]) + tuple(paper()) + ("linkedModels", "numTotalModels")


@given(st.binary(max_size=300))
def test_any_bytes_are_papers_or_an_error(body):
    """Nothing else comes out of any bytes."""
    _only_our_errors(body)


@given(st.lists(st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=8), max_size=3))
def test_any_values_in_known_fields_are_papers_or_an_error(changes):
    """Nothing else comes out of known fields with any values."""
    items = [
        {**paper(n), "paper": {**paper(n)["paper"], **change}} | change
        for n, change in enumerate(changes)
    ]
    _only_our_errors(_dumped(items))


@given(st.integers(0, 2**32))
def test_a_damaged_answer_is_papers_or_an_error(seed):
    """Nothing else comes out of an answer that was cut and patched."""
    _only_our_errors(_damaged(orjson.dumps([paper(1), bare(2)]), random.Random(seed)))


@needs_shared
def test_damaged_real_answers_are_papers_or_an_error():
    """Nor out of real ones."""
    chance = random.Random(4)
    for path in _real():
        for _ in range(10):
            _only_our_errors(_damaged(path.read_bytes(), chance))


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, half a character
        return b"[]"


def _damaged(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        start = chance.randrange(len(changed) + 1)
        changed[start : start + chance.randrange(40)] = chance.choice(
            (b"", b"null", b"[]", b"{}", b'"', b"0", chance.randbytes(3))
        )
    return bytes(changed)


def _only_our_errors(body: bytes) -> None:
    found: list[Any] = []
    with suppress(SourceError):
        found = parse_papers(body, listed="2026-03-16")
    for item in found:
        assert isinstance(item, Record | RecordError)
        if isinstance(item, Record):
            assert item.title
            assert item.key
            orjson.dumps(item.extra)


# ---------------------------------------------------------------------------- real answers


def _real() -> list[Path]:
    assert SHARED
    return sorted((SHARED / "raw" / "hf_daily_papers").glob("*.json"))


@needs_shared
def test_real_answers_are_read_whole():
    """Every paper of every real list is a record of that day."""
    for path in _real():
        found = parse_papers(path.read_bytes(), listed=path.stem)
        assert len(found) == len(orjson.loads(path.read_bytes()))
        for item in found:
            assert isinstance(item, Record), item
            assert item.external_ids
            assert item.abstract
            assert item.authors
            assert item.announced == path.stem
            assert item.submitted
            assert item.submitted <= path.stem
            assert {s.kind for s in item.signals} >= {"upvotes", "comments"}


@needs_shared
def test_an_imported_list_and_the_real_answer_are_the_same_records():
    """Who imported old lists and then harvests gets no paper twice."""
    assert SHARED
    with lzma.open(SHARED / "corpus" / "hf_daily.jsonl.xz") as lines:
        given = [orjson.loads(line) for line in lines]
    days = {path.stem for path in _real()}
    imported = {
        (row["date"], row["arxiv_id"]): jsonl.to_record(row, name="corpus", line=1)
        for row in given
        if row["date"] in days
    }
    same = {
        "source",
        "key",
        "title",
        "abstract",
        "summary",
        "keywords",
        "external_ids",
        "announced",
    }
    for path in _real():
        for item in parse_papers(path.read_bytes(), listed=path.stem):
            assert isinstance(item, Record)
            other = imported.pop((path.stem, item.external_ids[0].value))
            assert {f: getattr(item, f) for f in same} == {f: getattr(other, f) for f in same}
            assert set(other.links) <= set(item.links)
            for count in ("upvotes", "comments", "stars"):
                assert item.extra.get(count) == other.extra.get(count)
            assert item.extra.get("organization", "") == other.extra.get("organization", "").strip()
    assert not imported


# ---------------------------------------------------------------------------- fetching


@contextmanager
def hub(tmp_path: Path, **options: Any) -> Iterator[tuple[Loopback, HuggingFace, PoliteClient]]:
    """Give a server, the source that looks there, and the client with a time of its own."""
    time = FakeTime(NOW)
    with Loopback(time=time) as server:
        source = HuggingFace(url=server.url, **options)
        with PoliteClient(
            source.manner, version="1", locks=tmp_path, time=time, trusted=[server.url]
        ) as client:
            yield server, source, client


def lists(counts: dict[str, int], *, after: date = TODAY) -> Callable[[Request], Reply]:
    """Return a route that plays the lists: so many papers on each day, 400 for days to come."""

    def answer(request: Request) -> Reply:
        day = request.query["date"]
        if date.fromisoformat(day) > after:
            return json_reply({"error": "Invalid date"}, 400)
        start = int(day[5:7]) * 3000 + int(day[8:]) * 100
        whole = [paper(start + n, day) for n in range(counts.get(day, 0))]
        page, limit = int(request.query["p"]), int(request.query["limit"])
        assert limit <= 100
        return json_reply(whole[page * limit : (page + 1) * limit])

    return answer


def harvested(source: HuggingFace, client: PoliteClient, cursor: Any, **ask: Any) -> list[Batch]:
    """Return all batches of a harvest of the one part there is."""
    (part,) = source.parts(Ask(NOW, **ask))
    return list(source.harvest(client, part, cursor, Ask(NOW, **ask)))


def keys(batches: Sequence[Batch]) -> list[str]:
    """Return the keys of all records, in order."""
    return [item.key for batch in batches for item in batch.items if isinstance(item, Record)]


def asked_days(server: Loopback) -> list[str]:
    """Return the days that were asked for, without the year."""
    return [request.query["date"][5:] for request in server.log]


def test_it_is_what_it_says_it_is():
    """It has the parts of a source, and takes its options by name."""
    source = HuggingFace()
    assert isinstance(source, Harvested)
    assert isinstance(source, LookedUp)
    assert isinstance(source, Searched)
    assert not isinstance(source, Enriching)
    HuggingFace(**{option.name: option.default for option in source.options})  # type: ignore[arg-type]


def test_the_first_time_a_week_is_read_and_weekends_are_empty(tmp_path):
    """One request for each day, politely; an empty day moves the cursor, too."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({"2026-03-13": 2, "2026-03-16": 3}))
        batches = harvested(source, client, {})
    assert [b.day for b in batches] == [
        None,
        None,
        None,
        "2026-03-13",
        None,
        None,
        "2026-03-16",
        None,
    ]
    assert [b.cursor for b in batches] == [{"day": f"2026-03-{d}"} for d in range(10, 18)]
    assert len(keys(batches)) == 5
    assert server.most_at_once == 1
    assert min(server.gaps) >= 1


def test_it_goes_on_at_its_cursor_and_looks_again_at_the_last_lists(tmp_path):
    """Lists count back, not days, so that Monday sees what Thursday had."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({}))
        harvested(source, client, {"day": "2026-03-17"})
        # Thursday, Friday and Monday, with the weekend between them.
        assert asked_days(server) == ["03-12", "03-13", "03-14", "03-15", "03-16", "03-17"]
        server.log.clear()
        harvested(source, client, {"day": "2026-03-01"})
        assert asked_days(server)[0] == "03-01"
        server.log.clear()
        harvested(HuggingFace(url=server.url, days_back=0), client, {"day": "2026-03-17"})
        assert asked_days(server) == ["03-17"]


def test_a_cursor_never_goes_back_while_old_lists_are_looked_at_again(tmp_path):
    """Stopped in the middle of that, nothing is lost."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({"2026-03-12": 1}))
        batches = harvested(source, client, {"day": "2026-03-16"})
    assert {b.cursor["day"] for b in batches} == {"2026-03-16", "2026-03-17"}
    assert batches[0].cursor == {"day": "2026-03-16"}
    assert keys(batches) == ["arxiv:2603.10200"]


def test_upvotes_grow_from_look_to_look(tmp_path):
    """The same paper comes again with the counts of the day."""
    with hub(tmp_path, days_back=0) as (server, source, client):
        server.route(LISTS, [json_reply([paper(upvotes=votes)]) for votes in (5, 9)])
        seen = [
            harvested(source, client, {"day": "2026-03-16"}, until=date(2026, 3, 16))
            for _ in range(2)
        ]
    votes = [b[0].items[0].signals[0] for b in seen]  # type: ignore[union-attr]
    assert votes == [Signal("upvotes", 5), Signal("upvotes", 9)]


def test_a_long_list_is_read_to_its_end(tmp_path):
    """Pages follow until one is not full."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({"2026-03-13": 230, "2026-03-16": 100}))
        batches = harvested(source, client, {"day": "2026-03-12"}, since=date(2026, 3, 13))
    assert len(set(keys(batches))) == len(keys(batches)) == 330
    assert [len(b.items) for b in batches] == [100, 100, 30, 0, 0, 100, 0]
    # The day is done only with the last of its pages.
    assert [b.cursor["day"][8:] for b in batches] == ["12", "12", "13", "14", "15", "16", "17"]
    assert [r.query["p"] for r in server.log] == ["0", "1", "2", "0", "0", "0", "1", "0"]


def test_a_server_that_knows_no_pages_is_not_asked_for_ever(tmp_path):
    """A page that brings nothing new is the last."""
    whole = [paper(n) for n in range(100)]
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, json_reply(whole))
        day = date(2026, 3, 16)
        batches = harvested(source, client, {}, since=day, until=day)
    assert len(keys(batches)) == 100
    assert len(server.log) == 2


def test_the_list_of_another_day_is_refused(tmp_path):
    """If the parameter were ignored, old papers would be new every day."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, json_reply([paper(day="2026-03-10")]))
        with pytest.raises(SourceError, match="asked for the list of 2026-03-16"):
            harvested(source, client, {}, since=date(2026, 3, 16))


def test_todays_list_may_not_be_there_yet(tmp_path):
    """A 400 for today is the end; the next harvest asks again."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({"2026-03-16": 1}, after=date(2026, 3, 16)))
        batches = harvested(source, client, {"day": "2026-03-16"})
    assert len(keys(batches)) == 1
    assert batches[-1].cursor == {"day": "2026-03-16"}


def test_a_refused_day_of_the_past_is_a_failure(tmp_path):
    """A 400 for a day that has been is said, after what came before it."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({"2026-03-12": 1}, after=date(2026, 3, 12)))
        walk = source.harvest(client, "daily", {"day": "2026-03-12"}, Ask(NOW))
        assert keys([next(walk)]) == ["arxiv:2603.10200"]
        with pytest.raises(SourceRejected) as caught:
            next(walk)
    assert caught.value.status == 400


def test_a_limit_is_waited_for_as_the_header_says(tmp_path):
    """A 429 tells its wait in the RateLimit header."""
    told = {"RateLimit": '"api";r=0;t=43', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, [too_many(**told), json_reply([paper()])])
        day = date(2026, 3, 16)
        batches = harvested(source, client, {}, since=day, until=day)
    assert len(keys(batches)) == 1
    assert server.gaps[0] >= 43


def test_what_was_read_before_it_broke_off_is_kept(tmp_path):
    """The cursor stands before the day that could not be read."""
    play = lists({"2026-03-12": 1, "2026-03-13": 1})

    def answer(request: Request) -> Reply:
        return Reply(b"", 503) if request.query["date"] == "2026-03-16" else play(request)

    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, answer)
        walk = source.harvest(client, "daily", {"day": "2026-03-12"}, Ask(NOW))
        batches = list(islice(walk, 4))
        with pytest.raises(SourceUnavailable):
            next(walk)
    assert len(keys(batches)) == 2
    assert batches[-1].cursor == {"day": "2026-03-15"}


def test_a_page_instead_of_json_is_an_error(tmp_path):
    """HTML with status 200 is not an empty list."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, html("<html><title>Maintenance</title></html>"))
        with pytest.raises(SourceError):
            harvested(source, client, {})


COUNTS = {"2026-02-26": 2, "2026-03-06": 130, "2026-03-10": 2, "2026-03-13": 3, "2026-03-16": 1}


@pytest.mark.parametrize(
    ("start", "since", "papers"),
    [({}, None, 6), ({"day": "2026-03-08"}, None, 6), ({}, date(2026, 3, 6), 136)],
)
def test_wherever_it_is_stopped_it_resumes_to_the_same(tmp_path, start, since, papers):
    """Killed after any batch, the next harvest ends with the same records and cursor."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists(COUNTS))
        whole = harvested(source, client, start, since=since)
        expected = {item.key: item for b in whole for item in b.items if isinstance(item, Record)}
        assert len(expected) == papers
        for stop in range(1, len(whole)):
            walk = source.harvest(client, "daily", start, Ask(NOW, since=since))
            filed = list(islice(walk, stop))
            server.log.clear()
            cursor = orjson.loads(orjson.dumps(filed[-1].cursor))
            if cursor:
                filed += harvested(source, client, cursor)
            else:
                filed += harvested(source, client, {}, since=since)
            assert {i.key: i for b in filed for i in b.items} == expected  # type: ignore[union-attr]
            assert filed[-1].cursor == whole[-1].cursor == {"day": "2026-03-17"}
            # No more than the last day that was filed and the last lists are read twice.
            assert asked_days(server)[0] == min(cursor.get("day", "2026-03-06"), "2026-03-12")[5:]


def test_days_that_were_asked_for_move_the_cursor_only_if_they_join_it(tmp_path):
    """Asking for January neither repeats February nor skips it."""
    january = {"since": date(2026, 1, 5), "until": date(2026, 1, 6)}
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({}))
        for cursor in ({}, {"day": "2026-03-16"}, {"day": "2026-01-02"}):
            batches = harvested(source, client, cursor, **january)
            assert [b.cursor for b in batches] == [cursor, cursor]
        joined = harvested(source, client, {"day": "2026-01-04"}, **january)
        assert joined[-1].cursor == {"day": "2026-01-06"}


def test_a_backfill_is_months_each_read_whole_once(tmp_path):
    """A month that is broken off goes on; one that is not over yet is never done."""
    ask = Ask(NOW, since=date(2026, 2, 20), until=date(2026, 3, 5), is_backfill=True)
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists(COUNTS))
        february, march = source.parts(ask)
        assert (february, march) == ("backfill 2026-02", "backfill 2026-03")
        batches = list(source.harvest(client, february, {}, ask))
        assert len(batches) == len(server.log) == 28
        assert batches[-1].cursor == {"day": "2026-02-28", "done": True}
        assert not any("done" in b.cursor for b in batches[:-1])
        for stop in (1, 9, 27):
            server.log.clear()
            rest = list(source.harvest(client, february, batches[stop - 1].cursor, ask))
            assert rest == batches[stop:]
        assert len(server.log) == 1
        batches = list(source.harvest(client, march, {}, ask))
        assert batches[-1].cursor == {"day": "2026-03-17"}
        assert len(keys(batches)) == 136
        assert list(source.harvest(client, march, batches[-1].cursor, ask)) == []
    assert len(source.parts(Ask(NOW, is_backfill=True))) == 35
    assert source.parts(Ask(NOW, since=date(1999, 1, 1), is_backfill=True))[0] == "backfill 2023-05"


@pytest.mark.parametrize("cursor", [{"day": None}, {"day": 7}, {"day": "soon"}, {"asked": []}])
def test_a_cursor_that_cannot_be_read_begins_anew(tmp_path, cursor):
    """Nothing is lost by it but time."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, lists({}))
        assert len(harvested(source, client, cursor)) == huggingface.FIRST_DAYS + 1


def test_a_key_goes_with_each_request_and_none_without_one(tmp_path):
    """A token is optional."""
    for key, expected in (("hf_secret", "Bearer hf_secret"), ("", None)):
        with hub(tmp_path, key=key) as (server, source, client):
            server.route(LISTS, lists({}))
            harvested(source, client, {"day": "2026-03-17"})
            assert {r.headers.get("authorization") for r in server.log} == {expected}


def test_papers_are_looked_up_and_unknown_ones_are_not_there(tmp_path):
    """A 404 says that there is no page; anything else is an error."""
    ids = [ExternalId("arxiv", v) for v in ("2603.00001", "2603.00009", "cs/0112017")]
    with hub(tmp_path) as (server, source, client):
        server.route("/api/papers/2603.00001", json_reply(paper()["paper"]))
        server.route("/api/papers/2603.00009", not_found())
        server.route("/api/papers/cs/0112017", json_reply(paper(id="cs/0112017")["paper"]))
        found = list(source.look_up(client, [*ids, ExternalId("doi", "10.5555/x")]))
        assert len(server.log) == 3
        server.route("/api/papers/*", Reply(b"no", 401))
        with pytest.raises(SourceRejected):
            list(source.look_up(client, [ExternalId("arxiv", "2603.00004")]))
    assert [i.key for i in found if isinstance(i, Record)] == [
        "arxiv:2603.00001",
        "arxiv:cs/0112017",
    ]


def test_a_search_gives_ten_papers_at_most(tmp_path):
    """Long titles are cut to what the search takes, empty ones not asked for."""
    with hub(tmp_path) as (server, source, client):
        server.route("/api/papers/search", json_reply([paper(n) for n in range(14)]))
        found = list(source.find_title(client, "kites  at\nsea " * 40))
        assert list(source.find_title(client, " \n")) == []
    assert len(found) == 10
    assert len(server.log) == 1
    assert len(server.log[0].query["q"]) == 250
    assert server.log[0].query["q"].startswith("kites at sea kites")


# ---------------------------------------------------------------------------- drift


def checked(tmp_path: Path, answer: Any) -> dict[str, bool]:
    """Return which findings are well, of a list that answers so."""
    with hub(tmp_path) as (server, source, client):
        server.route(LISTS, json_reply(answer))
        findings = list(source.check(client))
        assert len(server.log) == 1
    return {finding.field: finding.is_well for finding in findings}


def test_a_good_answer_passes_the_check(tmp_path):
    """Optional fields need not be there."""
    found = checked(tmp_path, [paper(1), paper(2, ai_summary=None, githubRepo=None)])
    assert set(found) == {"answer", *huggingface.WANTS}
    assert all(found.values())


def test_the_check_names_the_fields_that_have_changed(tmp_path):
    """A field that moved or changed its type is named, and no other."""
    moved = paper(1)
    moved["upvotes"] = moved["paper"].pop("upvotes")
    moved["paper"]["ai_keywords"] = "kites, sea"
    moved["paper"]["authors"] = {"1": "Ada"}
    found = checked(tmp_path, [moved, paper(2)])
    assert {field for field, is_well in found.items() if not is_well} == {
        "paper.upvotes",
        "paper.ai_keywords",
        "paper.authors",
    }


@pytest.mark.parametrize("answer", [{"items": []}, [], "no", [1, 2]])
def test_the_check_of_an_answer_in_another_form_fails(tmp_path, answer):
    """It says so instead of breaking off."""
    assert not all(checked(tmp_path, answer).values())


def test_the_lists_before_a_day_skip_weekends():
    """The third list before a Monday is that of Wednesday."""
    monday = date(2026, 3, 16)
    before = [huggingface._lists_ago(monday, n) for n in range(4)]
    assert before == [monday - timedelta(days=d) for d in (0, 3, 4, 5)]
