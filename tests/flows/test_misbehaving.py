"""Every source against hosts that misbehave: what is said of it, what is kept, what comes later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from arxiv_answers import oai_error, oai_page
from arxiv_world import Trouble
from broadsheet.sources.polite import Time
from loopback import FakeTime, Loopback, Reply, Request, xml
from misbehaving import (
    CASES,
    NOW,
    SECRET,
    WAYS,
    Host,
    Play,
    ServerTime,
    Stage,
    Told,
    Way,
    arxiv_play,
    put_out,
)
from processes import IS_LONG

DAY_S = 86_400.0
STATED = {"new", "nothing new", "suspicious", "partly failed", "failed"}


@cache
def undisturbed(name: str) -> tuple[Told, list[Any], int]:
    """Return what is said and kept where nothing goes wrong, and how many requests that takes."""
    with TemporaryDirectory() as folder, put_out(Path(folder), CASES[name]) as stage:
        told = stage.run()
        return told, stage.kept(), stage.host.asked


def cells() -> list[tuple[str, str, int]]:
    """Return each source with each way to misbehave, and the request with which that begins.

    In the short form a third of them, by turns, and only one request.
    """
    return [
        (name, way, at)
        for place, (name, case) in enumerate(CASES.items())
        for number, way in enumerate(WAYS)
        for at in sorted({1, 3, 4, case.at} if IS_LONG else {case.at})
        if IS_LONG or ((place + number) % 3 == 0 and (way != "drips" or place % 2 == 0))
    ]


@pytest.mark.parametrize(("name", "way", "at"), cells())
def test_trouble_is_told_and_nothing_is_lost(name, way, at, tmp_path, caplog):
    """The outcome is stated with its cause; afterwards all is there, once, and no key was told."""
    if at > undisturbed(name)[2]:
        pytest.skip("so many requests are never made")
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "broadsheet")
    see(name, WAYS[way], tmp_path, at)
    assert SECRET not in caplog.text


def see(name: str, way: Way, folder: Path, at: int) -> None:
    """Let a host misbehave from a request on, and see all that has to hold."""
    case = CASES[name]
    usual, everything, _ = undisturbed(name)
    with put_out(folder, case, way, at=at) as stage:
        before = stage.kept()
        told = stage.run()
        assert stage.host.spoilt > 0
        is_something = stage.kept() != before
        if way.jump_s:
            assert told.outcome in STATED
        elif way.words:
            assert told.outcome == ("partly failed" if is_something else "failed"), told
            assert any(word in told.reason for word in way.words), told
        else:
            assert told == usual
            assert stage.kept() == everything
        see_who_asked(stage)
        stage.end_trouble()
        later = stage.run()
        assert later.outcome in {"new", "nothing new", "unchanged"}, later
        assert stage.kept() == everything
        see_who_asked(stage)
        shown = stage.shown()
        assert SECRET not in told.reason + later.reason + shown


def see_who_asked(stage: Stage) -> None:
    """See that one request was in flight at a time, with the gap between them that the host has."""
    if not stage.case.more:
        # Else several hosts are played by one server, each with one request at a time.
        assert stage.server.most_at_once == 1
    assert min(stage.gaps, default=1e9) >= stage.manner.gap_s


@pytest.mark.parametrize(
    ("name", "days"),
    [
        (name, days)
        for name, case in CASES.items()
        for days in (-365, -2, 2, 365)
        # How far back arXiv's first harvest goes is said by the clock alone.
        if case.kind == "harvest" and not (name == "arxiv" and days > 0)
    ],
)
def test_a_clock_that_was_wrong_loses_no_paper(name, days, tmp_path):
    """What a run noted by a wrong clock does not keep a later one from what is new."""
    with put_out(tmp_path, CASES[name]) as stage:
        stage.time.jump(days * DAY_S)
        assert stage.run().outcome in STATED
        stage.time.jump(-days * DAY_S)
        stage.end_trouble()
        assert stage.run().outcome in STATED
        assert stage.kept() == undisturbed(name)[1]
        see_who_asked(stage)


# ---------------------------------------------------------------------------- arXiv's own troubles

Spoil = Callable[[Request, Play], Reply]


def once_at(place: str, spoilt: Spoil) -> Callable[[Time], Play]:
    """Return an arXiv that spoils the first answer to the token that leads to `place`."""

    def made(time: Time) -> Play:
        play, done = arxiv_play(time), set[str]()

        def answer(request: Request) -> Reply:
            token = request.query.get("resumptionToken", "")
            if f"|{place}|" not in token or done:
                return play(request)
            done.add(token)
            return spoilt(request, play)

        return answer

    return made


def page_again(request: Request, play: Play) -> Reply:
    """Return the page before, under a token that is new."""
    token = request.query["resumptionToken"].replace("|2|", "|0|")
    good = play(replace(request, query={**request.query, "resumptionToken": token}))
    return replace(good, body=good.body.replace(b"|2|", b"|02|"))


def empty_page(request: Request, _play: Play) -> Reply:
    """Return a page without papers, and a token that goes on."""
    token = request.query["resumptionToken"].replace("|2|", "|02|")
    return xml(oai_page([], token=token, response_date=NOW))


def says_oai(code: str) -> Spoil:
    """Return what answers with an error of OAI-PMH."""
    return lambda _request, _play: xml(oai_error(code, response_date=NOW))


@pytest.mark.parametrize(
    "spoilt",
    [page_again, empty_page, says_oai("noRecordsMatch"), says_oai("badResumptionToken")],
    ids=["a page twice", "an empty page", "nothing matches", "the token has expired"],
)
def test_lists_of_arxiv_that_go_astray_end_well(spoilt, tmp_path):
    """All papers come, each once, within the one harvest."""
    case = replace(CASES["arxiv"], play=once_at("2", spoilt))
    with put_out(tmp_path, case) as stage:
        told = stage.run()
        assert told.outcome == "new", told
        assert stage.kept() == undisturbed("arxiv")[1]
        see_who_asked(stage)


def test_a_list_that_never_goes_on_is_told_of_and_comes_later(tmp_path):
    """A token that is refused each time, as an error of OAI-PMH with HTTP 200."""
    refusal = xml(oai_error("badResumptionToken", response_date=NOW))
    way = Way(lambda g, r: refusal if "resumptionToken" in r.query else g, ("no longer knows",))
    see_way(way, tmp_path)
    lost = xml(oai_error("noRecordsMatch", response_date=NOW))
    way = Way(lambda g, r: lost if "resumptionToken" in r.query else g, ("lost its place",))
    see_way(way, tmp_path / "lost")


def see_way(way: Way, folder: Path) -> None:
    """See that arXiv is harvested whole in the end, and what is said until then."""
    with put_out(folder, CASES["arxiv"], way, at=1) as stage:
        told = stage.run()
        assert told.outcome == "partly failed"
        assert any(word in told.reason for word in way.words), told
        stage.end_trouble()
        assert stage.run().outcome in {"new", "nothing new"}
        assert stage.kept() == undisturbed("arxiv")[1]
        see_who_asked(stage)


def test_tokens_die_at_midnight(tmp_path):
    """A list that is walked over midnight (UTC) is begun anew, and has all."""
    late = datetime(2026, 11, 18, 23, 59, 55, tzinfo=UTC)
    with put_out(tmp_path, CASES["arxiv"], now=late) as stage:
        assert stage.run().outcome == "new"
        assert b"expired" in b"".join(r.body for r in stage.host.replies)
        assert stage.rows("select key from records where source = 'arxiv' order by 1") == [
            (f"2611.{n:05}",) for n in range(9)
        ]
        see_who_asked(stage)


def two_days(folder: Path, *troubles: Trouble) -> tuple[Told, list[Any], list[Any]]:
    """Harvest on a Wednesday well, on Thursday with troubles, and on Friday with none.

    Returns what was said on Thursday, all that was held by then, and all on Friday.
    """
    case = replace(CASES["arxiv"], play=lambda time: arxiv_play(time, *troubles))
    with put_out(folder, case) as stage:
        assert stage.run().outcome == "new"
        stage.time.sleep(20 * 3600)
        told = stage.run()
        thursday = stage.kept()
        stage.time.sleep(DAY_S)
        assert stage.run().outcome in {"new", "nothing new"}
        see_who_asked(stage)
        return told, thursday, stage.kept()


def on_thursday(kind: Any, where: str = "") -> Trouble:
    """Return a trouble that is over on Friday."""
    return Trouble(kind, NOW + timedelta(hours=10), NOW + timedelta(hours=30), where)


@pytest.mark.parametrize(
    ("troubles", "outcome", "words"),
    [
        ([on_thursday("away", "oai")], "partly failed", ["503", "the feed brought everything"]),
        ([on_thursday("refused", "oai")], "partly failed", ["406", "the feed brought everything"]),
        ([on_thursday("cut")], "partly failed", ["the feed brought everything"]),
        ([on_thursday("away", "feed")], "partly failed", ["503", "OAI-PMH brought everything"]),
        ([on_thursday("away", "listing")], "partly failed", ["503", "OAI-PMH brought everything"]),
        ([on_thursday("stale", "cs.CV")], "new", []),
        ([on_thursday("away")], "failed", ["503"]),
    ],
)
def test_one_way_of_arxiv_stands_in_for_the_others(troubles, outcome, words, tmp_path):
    """Papers of the day come by the ways that are left; when all is well again, nothing lacks."""
    _, day, everything = two_days(tmp_path / "well")
    told, found, later = two_days(tmp_path / "ill", *troubles)
    assert told.outcome == outcome, told
    assert all(word in told.reason for word in words), told
    if outcome != "failed":
        # Each paper once, by whichever way it came; counted are papers.
        assert found[1] == day[1]
        assert found[3] == day[3]
    assert later[1] == everything[1]
    assert later[3] == everything[3]
    assert [r for r in later[0] if r[0] == "arxiv"] == [r for r in everything[0] if r[0] == "arxiv"]


# ---------------------------------------------------------------------------- several at once


def test_two_homes_ask_arxiv_by_turns(tmp_path):
    """Harvesting at the same time, they share its one connection and its three seconds."""
    time = FakeTime(NOW)
    true = ServerTime(time)
    reports: list[Told] = []
    with Loopback(time=true) as server:
        host = Host(arxiv_play(true), None, 1, time)
        server.route("/*", host)
        case = CASES["arxiv"]
        stages = [
            Stage(case, None, tmp_path, server, host, time, home=f"home{n}") for n in range(2)
        ]
        threads = [threading.Thread(target=lambda s=s: reports.append(s.run())) for s in stages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        kept = [stage.kept() for stage in stages]
        for stage in stages:
            stage.database.close()
        assert [r.outcome for r in reports] == ["new", "new"]
        assert kept == [undisturbed("arxiv")[1]] * 2
        assert server.most_at_once == 1
        assert min(server.gaps) >= 3
        assert len(server.log) == 2 * undisturbed("arxiv")[2]
