"""GitHub's stars, as they come over real HTTP from a server here. All repositories are invented."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import PaperId
from broadsheet.sources import github
from broadsheet.sources.base import Enriching, Found, Harvested, Wanted
from broadsheet.sources.github import (
    GitHub,
    Repository,
    parse_history,
    parse_repository,
    repositories,
    repository_of,
)
from broadsheet.sources.polite import PoliteClient
from loopback import (
    FakeTime,
    Loopback,
    Reply,
    Request,
    conditional,
    forbidden,
    json_reply,
    not_found,
    redirect,
    too_many,
)

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)  # a Tuesday
SUNDAY = int(datetime(2026, 3, 15, tzinfo=UTC).timestamp())
WEEK = 7 * 86400
KITES = "https://github.com/Example/Kites"
HISTORY = "/repos/Example/Kites/stargazers/history"
# GitHub says with every answer how many requests are left.
LIMITED = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "57"}


def repository(stars: int = 212, number: int = 9001, name: str = "Example/Kites") -> dict[str, Any]:
    """Return an answer about a repository."""
    return {
        "id": number,
        "full_name": name,
        "stargazers_count": stars,
        "forks_count": 3,
        "archived": False,
        "pushed_at": "2026-03-01T10:00:00Z",
    }


def week(ago: int, days: Sequence[int]) -> dict[str, Any]:
    """Return a week of a history, so many weeks ago."""
    return {"week": SUNDAY - ago * WEEK, "total": sum(days), "days": list(days)}


def wanted(number: int, *links: str, kept: dict[str, Any] | None = None) -> Wanted:
    """Return a held paper whose code is at these addresses."""
    pairs = tuple(("code", link) for link in links)
    return Wanted(PaperId(number), (), f"Paper {number}", pairs, kept or {})


@contextmanager
def hub(tmp_path: Path, **options: Any) -> Iterator[tuple[Loopback, GitHub, PoliteClient]]:
    """Give a server, the source that looks there, and the client with a time of its own."""
    time = FakeTime(NOW)
    with Loopback(time=time) as server:
        source = GitHub(url=server.url, **options)
        with PoliteClient(
            source.manner, version="1", locks=tmp_path, time=time, trusted=[server.url]
        ) as client:
            yield server, source, client


def stars(found: Found) -> list[tuple[int, str, float]]:
    """Return what was counted now, for each paper."""
    return [(o.paper, o.key, o.value) for o in found.observations if o.kind == "stars"]


def gains(found: Found) -> dict[str, float]:
    """Return the stars gained by day."""
    assert all(o.seen for o in found.observations if o.kind == "stars_gained")
    return {str(o.seen)[5:10]: o.value for o in found.observations if o.kind == "stars_gained"}


# ---------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("https://github.com/Example/Kites", "example/kites"),
        ("http://www.github.com/example/kites/", "example/kites"),
        ("https://github.com/example/kites.git", "example/kites"),
        ("https://github.com/example/kites/tree/main/src", "example/kites"),
        ("https://github.com/example/kites?tab=readme#usage", "example/kites"),
        ("https://github.com/example/kites.", "example/kites"),
        ("https://github.com/example/kites.git).", "example/kites"),
        ("  https://GitHub.com//example/kites.js ", "example/kites.js"),
        ("github.com/some_body-x/a_b.c-d", "some_body-x/a_b.c-d"),
        ("https://github.com/example", None),
        ("https://github.com/example/", None),
        ("https://github.com/orgs/example", None),
        ("https://github.com/topics/kites", None),
        ("https://github.com/example/..", None),
        ("https://github.com/example/.git", None),
        ("https://github.com/exämple/kites", None),
        (f"https://github.com/example/{'k' * 101}", None),
        (f"https://github.com/{'k' * 40}/kites", None),
        ("https://gist.github.com/example/123", None),
        ("https://example.github.io/kites", None),
        ("https://gitlab.com/example/kites", None),
        ("https://kites.example/github.com/example/kites", None),
        ("https://github.com.kites.example/a/b", None),
        ("https://huggingface.co/example/kites", None),
        ("", None),
    ],
)
def test_the_repository_of_an_address(link, name):
    """Only addresses in a repository on GitHub have one, however they are written."""
    assert repository_of(link) == name


@given(st.text(max_size=80) | st.text(max_size=40).map("https://github.com/{}".format))
def test_a_repository_read_is_read_again(link):
    """Whatever an address is, what is read of it can be put into another address."""
    name = repository_of(link)
    if name is not None:
        assert repository_of(f"https://github.com/{name}") == name
        assert name.isascii()
        assert name.count("/") == 1


def test_a_paper_has_a_few_repositories_and_its_code_comes_first():
    """A repository is counted once, and a paper that links to many is not asked about for all."""
    links = [("project", f"https://github.com/example/site{n}") for n in range(5)]
    links += [("code", KITES), ("code", KITES + ".git"), ("pdf", "https://arxiv.org/pdf/1")]
    found = repositories(links)
    assert found == ("example/kites", "example/site0", "example/site1")
    assert GitHub().wants(Wanted(PaperId(1), (), "", tuple(links), {}))
    assert not GitHub().wants(wanted(1, "https://gitlab.com/example/kites"))


# ---------------------------------------------------------------------------- parsing


def test_a_repository_is_its_number_name_and_stars():
    """The number names its series."""
    found = parse_repository(orjson.dumps(repository()))
    assert found == Repository(9001, "Example/Kites", 212)
    assert found.key == "github:9001"


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": "9001"},
        {"stargazers_count": None},
        {"stargazers_count": -1},
        {"stargazers_count": True},
        {"full_name": None},
        {"full_name": "kites"},
        {"full_name": "../../users/x"},
    ],
)
def test_a_repository_without_them_is_an_error(change):
    """A field that is gone or has changed stops the count of that repository."""
    with pytest.raises(SourceError, match="--check"):
        parse_repository(orjson.dumps(repository() | change))


def test_a_history_is_days_with_the_stars_gained():
    """Weeks come with the newest first, days with the oldest."""
    found = parse_history(orjson.dumps([week(0, [5, 9, 7, 0, 0, 0, 0]), week(1, [0] * 6 + [3])]))
    assert found[5:10] == [
        ("2026-03-13", 0),
        ("2026-03-14", 3),
        ("2026-03-15", 5),
        ("2026-03-16", 9),
        ("2026-03-17", 7),
    ]
    assert parse_history(b"[]") == []


def test_weeks_that_contradict_themselves_are_left_out():
    """A sum that is none, six days, or a week without a day: no count is made of them."""
    good = week(0, [1] * 7)
    bad = [
        week(1, [1] * 7) | {"total": 8},
        week(1, [1] * 6),
        week(1, [1] * 7) | {"week": "2026-03-08"},
        week(1, [1] * 7) | {"week": 1e15},
        {"week": SUNDAY, "total": 6, "days": [1, 1, 1, 1, 1, 1, None]},
        7,
    ]
    assert parse_history(orjson.dumps([*bad, good])) == parse_history(orjson.dumps([good]))
    with pytest.raises(SourceError, match="unknown form"):
        parse_history(orjson.dumps(bad))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(st.sampled_from([*repository(), "week", "days", "total"]), inner)
    ),
    max_leaves=20,
)


@given(st.binary(max_size=200) | _JSON.map(orjson.dumps))
def test_any_answer_is_counts_or_an_error(body):
    """Nothing else comes out, whatever the bytes."""
    for parse in (parse_repository, parse_history):
        with suppress(SourceError):
            parse(body)


@given(st.integers(0, 2**32))
def test_a_damaged_answer_is_counts_or_an_error(seed):
    """Nothing else comes out of an answer that was cut and patched."""
    chance = random.Random(seed)
    for parse, whole in ((parse_repository, repository()), (parse_history, [week(0, [1] * 7)])):
        body = bytearray(orjson.dumps(whole))
        start = chance.randrange(len(body))
        body[start : start + chance.randrange(20)] = chance.choice((b"", b"null", b"9", b"[]"))
        with suppress(SourceError):
            parse(bytes(body))


# ---------------------------------------------------------------------------- counting


def test_it_is_what_it_says_it_is():
    """It has the parts of a source, and takes its options by name."""
    source = GitHub()
    assert isinstance(source, Enriching)
    assert not isinstance(source, Harvested)
    GitHub(**{option.name: option.default for option in source.options})


def test_stars_are_counted_and_the_next_time_only_if_they_changed(tmp_path):
    """What is unchanged is counted again with what is kept: the answer 304 costs nothing."""
    with hub(tmp_path, history=False, key="gh_secret") as (server, source, client):
        server.route("/repos/example/kites", conditional(json_reply(repository()), etag='"1"'))
        first = source.enrich(client, [wanted(1, KITES)], NOW)
        kept = orjson.loads(orjson.dumps(first.kept[PaperId(1)]))
        server.route("/repos/Example/Kites", conditional(json_reply(repository()), etag='"1"'))
        second = source.enrich(client, [wanted(1, KITES, kept=kept)], NOW)
        # A count may also sink.
        server.route("/repos/Example/Kites", conditional(json_reply(repository(200)), etag='"2"'))
        third = source.enrich(client, [wanted(1, KITES, kept=kept)], NOW)
        assert [r.status for r in server.log] == [200, 304, 200]
        assert {r.headers["authorization"] for r in server.log} == {"Bearer gh_secret"}
        assert {r.headers["x-github-api-version"] for r in server.log} == {github.API_VERSION}
    assert kept == {
        "repos": {
            "example/kites": {"id": 9001, "name": "Example/Kites", "stars": 212, "etag": '"1"'}
        }
    }
    assert second.kept == first.kept
    assert stars(first) == stars(second) == [(1, "github:9001", 212)]
    assert stars(third) == [(1, "github:9001", 200)]
    assert [o.seen for o in first.observations] == [None]
    assert third.kept[PaperId(1)]["repos"]["example/kites"]["etag"] == '"2"'


def test_a_repository_of_several_papers_is_asked_about_once(tmp_path):
    """Each of the papers has the count, whoever of them was known before."""
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/example/kites", json_reply(repository()))
        server.route("/repos/example/sea", json_reply(repository(5, 9002, "example/sea")))
        papers = [wanted(1, KITES), wanted(2, KITES + "/tree/main"), wanted(3)]
        papers.append(wanted(4, "https://github.com/example/sea", KITES))
        found = source.enrich(client, papers, NOW)
        assert len(server.log) == 2
        assert min(server.gaps) >= 1
    assert stars(found) == [
        (1, "github:9001", 212),
        (2, "github:9001", 212),
        (4, "github:9002", 5),
        (4, "github:9001", 212),
    ]
    assert set(found.kept) == {1, 2, 3, 4}


def test_a_renamed_repository_goes_on_with_its_series(tmp_path):
    """The redirect is followed once; then its new name is asked for, and the key is the same."""
    moved = repository(230, name="elsewhere/Kites-2")
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/example/kites", redirect("/repositories/9001", 301))
        server.route("/repositories/9001", json_reply(moved))
        server.route("/repos/elsewhere/Kites-2", json_reply(moved | {"stargazers_count": 231}))
        first = source.enrich(client, [wanted(1, KITES)], NOW)
        again = wanted(1, KITES, kept=first.kept[PaperId(1)])
        second = source.enrich(client, [again], NOW)
        assert [r.path for r in server.log][2:] == ["/repos/elsewhere/Kites-2"]
    assert stars(first) == [(1, "github:9001", 230)]
    assert stars(second) == [(1, "github:9001", 231)]
    assert list(second.kept[PaperId(1)]["repos"]) == ["example/kites"]


def test_another_repository_under_an_old_name_has_its_own_series(tmp_path):
    """The number tells; what was known of the past belongs to the other one."""
    note = {"id": 1, "name": "Example/Kites", "stars": 9, "etag": '"0"', "history": {"since": "x"}}
    kept = {"repos": {"example/kites": note}}
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/Example/Kites", json_reply(repository()))
        found = source.enrich(client, [wanted(1, KITES, kept=kept)], NOW)
    assert stars(found) == [(1, "github:9001", 212)]
    assert "history" not in found.kept[PaperId(1)]["repos"]["example/kites"]


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_repository_that_is_not_there_is_noted_and_left_alone_for_a_month(tmp_path, status):
    """It is no error, and no count; after thirty days it is asked for again."""
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/*", Reply(b"{}", status, headers=LIMITED))
        kept = source.enrich(client, [wanted(1, KITES)], NOW).kept[PaperId(1)]
        assert kept == {"repos": {"example/kites": {"gone": status, "gone_on": "2026-03-17"}}}
        soon = source.enrich(client, [wanted(1, KITES, kept=kept)], NOW + timedelta(days=29))
        assert (soon.kept[PaperId(1)], soon.observations) == (kept, [])
        assert len(server.log) == 1
        server.route("/repos/example/kites", json_reply(repository()))
        later = source.enrich(client, [wanted(1, KITES, kept=kept)], NOW + timedelta(days=30))
    assert stars(later) == [(1, "github:9001", 212)]
    assert "gone" not in later.kept[PaperId(1)]["repos"]["example/kites"]


def test_what_was_answered_before_a_limit_is_kept(tmp_path):
    """The rest has not been asked about; a second call says when to come back."""
    reset = int(NOW.timestamp()) + 3000
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    papers = [wanted(n, f"https://github.com/example/r{n}") for n in range(1, 5)]
    with hub(tmp_path) as (server, source, client):
        for n in range(1, 4):
            answer = json_reply(repository(n, n, f"example/r{n}"), headers=LIMITED)
            server.route(f"/repos/example/r{n}", answer)
        server.route("/repos/example/r3", forbidden(**used_up))
        found = source.enrich(client, papers, NOW)
        assert set(found.kept) == {1, 2}
        assert stars(found) == [(1, "github:1", 1), (2, "github:2", 2)]
        with pytest.raises(SourceUnavailable) as caught:
            source.enrich(client, papers[2:], NOW)
        # Nothing was asked of the past, and nothing after the refusal.
        assert len(server.log) == 3
    assert caught.value.retry_after == pytest.approx(3000, abs=10)


def test_a_short_pause_that_github_asks_for_is_made(tmp_path):
    """Secondary limits come as 403 or 429 with Retry-After."""
    with hub(tmp_path, history=False) as (server, source, client):
        answers = [forbidden(**{"Retry-After": "40"}), too_many(5), json_reply(repository())]
        server.route("/repos/example/kites", answers)
        found = source.enrich(client, [wanted(1, KITES)], NOW)
        assert stars(found) == [(1, "github:9001", 212)]
        assert server.gaps[0] >= 40


def test_one_blocked_repository_does_not_keep_the_others_from_being_counted(tmp_path):
    """A single 403 without a limit is about that repository; it is tried again the next day."""
    papers = [wanted(1, "https://github.com/example/blocked"), wanted(2, KITES)]
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/example/blocked", forbidden(**LIMITED))
        server.route("/repos/example/kites", json_reply(repository(), headers=LIMITED))
        found = source.enrich(client, papers, NOW)
        assert stars(found) == [(2, "github:9001", 212)]
        blocked = wanted(1, "https://github.com/example/blocked", kept=found.kept[PaperId(1)])
        source.enrich(client, [blocked], NOW + timedelta(hours=12))
        assert len(server.log) == 2
        source.enrich(client, [blocked], NOW + timedelta(days=1))
        assert len(server.log) == 3


def test_two_refusals_are_meant_for_us(tmp_path):
    """Then nothing more is asked, and what was answered before is kept."""
    papers = [wanted(n, f"https://github.com/example/r{n}") for n in range(1, 9)]
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/*", forbidden(**LIMITED))
        with pytest.raises(SourceRejected):
            source.enrich(client, papers, NOW)
        assert len(server.log) == 2
        answer = json_reply(repository(1, 1, "example/r1"), headers=LIMITED)
        server.route("/repos/example/r1", answer)
        found = source.enrich(client, papers, NOW)
    assert stars(found) == [(1, "github:1", 1)]
    assert set(found.kept) == {1, 2}


def test_a_bad_key_is_said(tmp_path):
    """A 401 is about us at once."""
    with hub(tmp_path, key="old") as (server, source, client):
        server.route("/repos/*", Reply(b'{"message": "Bad credentials"}', 401))
        with pytest.raises(SourceRejected, match="Bad credentials"):
            source.enrich(client, [wanted(1, KITES), wanted(2, KITES + "2")], NOW)
        assert len(server.log) == 1


def test_an_answer_that_cannot_be_read_says_nothing_of_the_others(tmp_path):
    """What was kept stays; if nothing can be read, that is the error."""
    kept = {"repos": {"example/odd": {"id": 7, "name": "example/odd", "stars": 3, "etag": ""}}}
    odd = wanted(1, "https://github.com/example/odd", kept=kept)
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/example/odd", json_reply({"message": "new form"}))
        server.route("/repos/example/kites", json_reply(repository()))
        found = source.enrich(client, [odd, wanted(2, KITES)], NOW)
        assert found.kept[PaperId(1)] == kept
        assert stars(found) == [(2, "github:9001", 212)]
        with pytest.raises(SourceError, match="--check"):
            source.enrich(client, [odd], NOW)


@pytest.mark.parametrize(
    "kept",
    [
        {"repos": None},
        {"repos": {"example/kites": 7}},
        {"repos": {"example/kites": {"id": "x", "etag": 7, "gone_on": "soon", "history": 1}}},
        {"repos": {"example/kites": {"id": 1, "stars": 2, "name": "../x", "etag": '"1"'}}},
    ],
)
def test_notes_that_cannot_be_read_are_made_anew(tmp_path, kept):
    """An older version may have kept something else."""
    with hub(tmp_path, history=False) as (server, source, client):
        server.route("/repos/example/kites", conditional(json_reply(repository()), etag='"1"'))
        found = source.enrich(client, [wanted(1, KITES, kept=kept)], NOW)
    assert stars(found) == [(1, "github:9001", 212)]


# ---------------------------------------------------------------------------- the past


def test_the_past_is_asked_for_once_page_by_page(tmp_path):
    """Whole past days only, from two pages; days without gain are known from the note."""
    pages = {
        "1": [week(0, [1, 2, 3, 0, 0, 0, 0]), *(week(n, [0] * 7) for n in range(1, 30))],
        "2": [week(30, [0, 4, 0, 0, 0, 0, 5]), week(31, [0] * 7)],
    }

    def answer(request: Request) -> Reply:
        assert request.query["per_page"] == "30"
        return json_reply(pages[request.query["page"]])

    with hub(tmp_path, key="gh") as (server, source, client):
        server.route("/repos/*", json_reply(repository()))
        server.route(HISTORY, answer)
        found = source.enrich(client, [wanted(1, KITES), wanted(2, KITES)], NOW)
        assert len(server.log) == 3
        again = wanted(1, KITES, kept=found.kept[PaperId(1)])
        later = source.enrich(client, [again, wanted(3, KITES)], NOW)
        assert len(server.log) == 4
    assert gains(found) == {"03-15": 1, "03-16": 2, "08-18": 4, "08-23": 5}
    assert {o.key for o in found.observations} == {"github:9001"}
    assert {o.seen for o in found.observations if o.value == 2} == {"2026-03-16T00:00:00Z"}
    assert [o.paper for o in found.observations] == [1] * 5 + [2] * 5
    note = found.kept[PaperId(2)]["repos"]["example/kites"]
    assert note["history"] == {"since": "2025-08-10", "until": "2026-03-16"}
    assert gains(later) == {}
    assert later.kept[PaperId(3)]["repos"]["example/kites"]["history"] == note["history"]


def test_without_a_token_one_page_of_the_past_must_do(tmp_path):
    """Sixty requests in an hour are soon gone."""
    whole = [week(n, [1] * 7) for n in range(30)]
    with hub(tmp_path) as (server, source, client):
        server.route("/repos/*", json_reply(repository()))
        server.route(HISTORY, json_reply(whole))
        found = source.enrich(client, [wanted(1, KITES)], NOW)
        assert len(server.log) == 2
    assert len(gains(found)) == 29 * 7 + 2


def test_a_new_repository_has_no_past_yet(tmp_path):
    """An empty history is an answer: it is not asked for again."""
    with hub(tmp_path) as (server, source, client):
        server.route("/repos/*", json_reply(repository()))
        server.route(HISTORY, json_reply([]))
        found = source.enrich(client, [wanted(1, KITES)], NOW)
        source.enrich(client, [wanted(1, KITES, kept=found.kept[PaperId(1)])], NOW)
        assert len(server.log) == 3


@pytest.mark.parametrize(
    "refusal", [forbidden(**LIMITED), not_found(), json_reply({}), Reply(b"", 401)]
)
def test_a_refused_past_costs_no_count_and_is_left_alone_for_a_month(tmp_path, refusal):
    """All repositories are counted first; then one refusal is enough for this call."""
    papers = [wanted(1, KITES), wanted(2, "https://github.com/example/sea")]
    with hub(tmp_path) as (server, source, client):
        server.route("/repos/example/kites", json_reply(repository(), headers=LIMITED))
        server.route("/repos/Example/Kites", json_reply(repository(), headers=LIMITED))
        sea = repository(5, 9002, "example/sea")
        server.route("/repos/example/sea", json_reply(sea, headers=LIMITED))
        server.route(HISTORY, refusal)
        server.route("/repos/example/sea/stargazers/history", json_reply([week(1, [1] * 7)]))
        found = source.enrich(client, papers, NOW)
        assert stars(found) == [(1, "github:9001", 212), (2, "github:9002", 5)]
        history = found.kept[PaperId(1)]["repos"]["example/kites"]["history"]
        assert history == {"refused_on": "2026-03-17"}
        again = [wanted(1, KITES, kept=found.kept[PaperId(1)])]
        for days, asked in ((29, 1), (30, 2)):
            server.log.clear()
            later = source.enrich(client, again, NOW + timedelta(days=days))
            assert len(server.log) == asked
            assert stars(later) == [(1, "github:9001", 212)]


def test_a_limit_reached_in_the_past_loses_nothing(tmp_path):
    """The counts stay, and the past is asked for the next time."""
    with hub(tmp_path, key="gh") as (server, source, client):
        server.route("/repos/*", json_reply(repository(), headers=LIMITED))
        broken = [json_reply([week(n, [1] * 7) for n in range(30)]), too_many(3000)]
        server.route(HISTORY, broken)
        found = source.enrich(client, [wanted(1, KITES)], NOW)
    assert stars(found) == [(1, "github:9001", 212)]
    assert gains(found) == {}
    assert "history" not in found.kept[PaperId(1)]["repos"]["example/kites"]


# ---------------------------------------------------------------------------- drift


def checked(tmp_path: Path, answer: Reply) -> dict[str, bool]:
    """Return which findings are well, of a repository that answers so."""
    with hub(tmp_path) as (server, source, client):
        server.route(f"/repos/{github.CHECKED}", answer)
        findings = list(source.check(client))
        assert len(server.log) == 1
    return {finding.field: finding.is_well for finding in findings}


def test_a_good_answer_passes_the_check(tmp_path):
    """Its headers are looked at, too."""
    good = json_reply(repository(), headers={"ETag": '"1"', **LIMITED})
    found = checked(tmp_path, good)
    assert set(found) == {*github.WANTS, "ETag", "x-ratelimit-remaining"}
    assert all(found.values())


def test_the_check_names_what_has_changed(tmp_path):
    """A field that is gone or has another type, and a header that is gone."""
    drifted = repository() | {"id": "9001"}
    del drifted["stargazers_count"]
    found = checked(tmp_path, json_reply(drifted, headers=LIMITED))
    bad = {field for field, is_well in found.items() if not is_well}
    assert bad == {"id", "stargazers_count", "ETag"}
    assert not all(checked(tmp_path / "list", json_reply([1])).values())
