"""bioRxiv and medRxiv read and asked. All preprints here are invented."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import drifted, filed, records, resumed, stage, survives
from broadsheet.errors import ConfigError, RecordError, SourceError, SourceUnavailable
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.base import Ask, Harvested
from broadsheet.sources.biorxiv import Biorxiv, parse_page
from loopback import Reply, busy, html, json_reply

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def preprint(number: int = 1, version: Any = "1", **changed: Any) -> dict[str, Any]:
    """Return a version of a preprint as bioRxiv writes one."""
    return {
        "doi": f"10.1101/2026.11.10.{600000 + number}",
        "title": f"Kites {number}",
        "authors": "Example, A. B.; Sample, C.; The Kite Consortium",
        "author_corresponding_institution": "Sample U",
        "date": "2026-11-17",
        "version": version,
        "type": "new results",
        "license": "cc_by",
        "category": "Neuroscience",
        "abstract": "We let <i>kites</i> fall.",
        "published": "NA",
        "server": "bioRxiv",
    } | changed


def page(*preprints: Any, total: Any = None, **message: Any) -> dict[str, Any]:
    """Return an answer with some preprints."""
    told = {"status": "ok", "cursor": 0, "count": len(preprints)}
    told["total"] = str(len(preprints)) if total is None else total
    return {"messages": [told | message], "collection": list(preprints)}


def parsed(*preprints: Any) -> list[Record]:
    """Return the records of an answer with these preprints."""
    return records(parse_page(orjson.dumps(page(*preprints)), server="biorxiv").items)


def test_every_field_of_a_preprint_is_read():
    """The day is that of its posting; the DOI names the one on which it came in."""
    (record,) = parsed(preprint(published="10.5555/J.1"))
    assert record == Record(
        source="biorxiv",
        key="10.1101/2026.11.10.600001",
        title="Kites 1",
        abstract="We let kites fall.",
        authors=("A. B. Example", "C. Sample", "The Kite Consortium"),
        external_ids=(
            ExternalId("doi", "10.1101/2026.11.10.600001"),
            ExternalId("doi", "10.5555/j.1"),
        ),
        year=2026,
        submitted="2026-11-10",
        published="2026-11-17",
        presumed="2026-11-17",
        keywords=("neuroscience",),
        venue="bioRxiv",
        links=(
            ("abs", "https://www.biorxiv.org/content/10.1101/2026.11.10.600001v1"),
            ("pdf", "https://www.biorxiv.org/content/10.1101/2026.11.10.600001v1.full.pdf"),
        ),
        extra={
            "version": 1,
            "type": "new results",
            "license": "cc_by",
            "institution": "Sample U",
        },
    )


def test_medrxiv_is_told_apart():
    """By what the preprint says, or else by whom was asked."""
    by_itself, by_asking = (
        parse_page(orjson.dumps(page(given)), server="medrxiv").items[0]
        for given in (preprint(server="medRxiv"), preprint(server=None))
    )
    assert isinstance(by_itself, Record)
    assert isinstance(by_asking, Record)
    assert by_itself.venue == by_asking.venue == "medRxiv"
    assert by_itself.links[0][1].startswith("https://www.medrxiv.org/")


def test_unpadded_dates_are_days():
    """They have been seen, and sort wrongly as they are."""
    (record,) = parsed(preprint(date="2026-6-3", doi="10.1101/600001"))
    assert (record.published, record.submitted) == ("2026-06-03", None)


def test_a_doi_that_names_no_earlier_day_says_nothing():
    """Numbers that are no date, and days after the posting, are not believed."""
    for doi in ("10.1101/2026.13.40.600001", "10.1101/2026.11.18.600001", "10.64898/2026.xx.1"):
        (record,) = parsed(preprint(doi=doi))
        assert record.submitted is None


def test_of_several_versions_there_is_one_record():
    """It is the latest, in whatever order they come, with the days of the first."""
    first = preprint()
    tenth = preprint(1, "10", title="Kites again", date="2026-11-20")
    second = preprint(1, "2", date="2026-11-19")
    for order in ((first, second, tenth), (tenth, first, second)):
        (record,) = parsed(*order)
        assert (record.title, record.extra["version"]) == ("Kites again", 10)
        assert (record.published, record.updated) == ("2026-11-17", "2026-11-20")
        assert record.presumed == "2026-11-17"


def test_a_later_version_alone_belongs_to_the_days_of_the_first():
    """Its DOI tells about when that was; the paper is not new today."""
    (record,) = parsed(preprint(1, 2, date="2026-11-19"))
    assert (record.published, record.updated) == (None, "2026-11-19")
    assert record.presumed == "2026-11-10"


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "withdrawn"},
        {"title": "WITHDRAWN: Kites"},
        {"abstract": "The authors have withdrawn this manuscript because of a sum."},
        {"abstract": "This article has been withdrawn."},
    ],
)
def test_a_withdrawn_preprint_is_known(changed):
    """The server says it in words."""
    assert parsed(preprint(**changed))[0].withdrawn
    assert not parsed(preprint(abstract="We study how kites are withdrawn."))[0].withdrawn


def test_no_posts_is_no_error():
    """An empty day has no collection, or an empty one."""
    for answer in (
        {"messages": [{"status": "no posts found"}], "collection": []},
        {"messages": [{"status": "no posts found"}]},
    ):
        found = parse_page(orjson.dumps(answer), server="biorxiv")
        assert (found.items, found.size) == ((), 0)


def test_one_bad_preprint_is_set_aside():
    """It counts for the place of the next page."""
    found = parse_page(orjson.dumps(page(preprint(), 5, preprint(2, doi=""))), server="biorxiv")
    assert found.size == 3
    assert [type(i).__name__ for i in found.items] == ["RecordError", "RecordError", "Record"]
    fault = found.items[0]
    assert isinstance(fault, RecordError)
    assert fault.place == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"messages":[{"status":"bad"}]}'])
def test_what_is_no_answer_at_all_is_said(body):
    """Errors of its database come with 200, too."""
    with pytest.raises(SourceError):
        parse_page(body, server="biorxiv")


@settings(max_examples=150)
@given(st.binary(max_size=60) | drifted([page(preprint(), preprint(1, 2), preprint(2))]))
def test_nothing_but_our_errors_comes_out(body):
    """Whatever the bytes are, and wherever a field has another type."""
    survives(lambda b: parse_page(b, server="biorxiv").items, body)


# ------------------------------------------------------------------ harvesting


def shelf(play, total: int, step: int, told: Any = None) -> None:
    """Let the server show so many preprints, `step` on a page; wrong places show the last page."""

    def answer(request):
        _, _, server, _, _, at = request.path.split("/")
        start = int(at) if int(at) < total else max(0, total - step)
        some = [preprint(n + 1, server=server) for n in range(start, min(start + step, total))]
        return json_reply(page(*some, total=total if told is None else told))

    play.server.route("/details/*", answer)


def asked(play) -> list[str]:
    """Return what was asked for, without the beginning that all have."""
    return [t.removeprefix("/details/") for t in play.server.targets]


def test_it_is_what_it_says():
    """Its parts are the two servers, or those that are wanted."""
    assert isinstance(Biorxiv(), Harvested)
    assert Biorxiv().parts(Ask(NOW)) == ("biorxiv", "medrxiv")
    assert Biorxiv(servers=("medRxiv",)).parts(Ask(NOW)) == ("medrxiv",)
    with pytest.raises(ConfigError, match="chemrxiv"):
        Biorxiv(servers=("medrxiv", "chemrxiv"))


@pytest.mark.parametrize("step", [30, 100])
@pytest.mark.parametrize("total", [65, 90])
def test_pages_are_as_long_as_they_come(tmp_path, step, total):
    """Thirty or a hundred: the next place is counted, not assumed."""
    with stage(tmp_path) as play:
        shelf(play, total, step)
        source = Biorxiv(url=play.url)
        held, cursor = filed(source.harvest(play.client(source), "biorxiv", {}, Ask(NOW)))
        places = [int(t.rpartition("/")[2]) for t in asked(play)]
    assert len(held) == total
    assert places == list(range(0, total, step))
    assert cursor == {"done": "2026-11-20"}


def test_the_next_harvest_looks_two_days_back(tmp_path):
    """What is posted late in a day is not in an answer of that day."""
    with stage(tmp_path) as play:
        shelf(play, 0, 30)
        source = Biorxiv(url=play.url)
        _, cursor = filed(
            source.harvest(play.client(source), "medrxiv", {"done": "2026-11-18"}, Ask(NOW))
        )
        assert asked(play) == ["medrxiv/2026-11-16/2026-11-20/0"]
        assert cursor == {"done": "2026-11-20"}


def test_a_repeated_page_is_noticed(tmp_path):
    """A place that is none still answers 200: nothing may be counted twice, nor missed silently."""
    with stage(tmp_path) as play:
        shelf(play, 40, 30, told=400)
        source = Biorxiv(url=play.url)
        with pytest.raises(SourceError, match=r"40 of 400 .* again"):
            filed(source.harvest(play.client(source), "biorxiv", {}, Ask(NOW)))
        shelf(play, 60, 30, told="many")
        held, cursor = filed(source.harvest(play.client(source), "biorxiv", {}, Ask(NOW)))
    assert len(held) == 60
    assert cursor == {"done": "2026-11-20"}


def test_fewer_than_promised_is_said(tmp_path):
    """An empty page before the total is reached is no end, and the cursor does not pass it."""
    with stage(tmp_path) as play:
        play.server.route(
            "/details/*",
            lambda r: json_reply(
                page(preprint(), total=9) if r.path.endswith("/0") else page(total=9)
            ),
        )
        source = Biorxiv(url=play.url)
        harvest = source.harvest(play.client(source), "biorxiv", {}, Ask(NOW))
        batch = next(harvest)
        with pytest.raises(SourceError, match=r"1 of 9 .* no more"):
            next(harvest)
        assert batch.cursor == {"from": "2026-11-17", "to": "2026-11-20", "next": 1}
        # Its count may be wrong for ever: the second time, that is the end.
        held, cursor = filed(source.harvest(play.client(source), "biorxiv", batch.cursor, Ask(NOW)))
    assert (held, cursor) == ({}, {"done": "2026-11-20"})


@pytest.mark.parametrize("stop", range(8))
def test_a_stopped_backfill_goes_on_where_it_was(tmp_path, stop):
    """Months are asked for one after the other, and the same months again after a stop."""
    with stage(tmp_path) as play:

        def answer(request):
            _, _, _, first, _, at = request.path.split("/")
            month = int(first[5:7]) * 1000
            some = [preprint(month + n) for n in range(int(at), min(int(at) + 30, 70))]
            return json_reply(page(*some, total=70))

        play.server.route("/details/*", answer)
        source = Biorxiv(url=play.url)
        ask = Ask(NOW, since=date(2026, 9, 1), until=date(2026, 11, 10), is_backfill=True)
        held = resumed(lambda at: source.harvest(play.client(source), "biorxiv", at, ask), stop)
        spans = {t.partition("/")[2].rpartition("/")[0] for t in asked(play)}
    assert len(held) == 210
    assert spans == {
        "2026-09-01/2026-10-02",
        "2026-10-03/2026-11-03",
        "2026-11-04/2026-11-10",
    }


def test_a_version_that_comes_on_a_later_page_does_not_lose_to_an_earlier_one(tmp_path):
    """What is filed last is the latest version, with the day of the first."""
    with stage(tmp_path) as play:
        newer = page(preprint(1, 2, title="Newer", date="2026-11-18"), total=2)
        play.server.route("/details/biorxiv/2026-11-17/2026-11-20/0", json_reply(newer))
        play.server.route(
            "/details/biorxiv/2026-11-17/2026-11-20/1", json_reply(page(preprint(), total=2))
        )
        source = Biorxiv(url=play.url)
        held, _ = filed(source.harvest(play.client(source), "biorxiv", {}, Ask(NOW)))
    (record,) = held.values()
    assert (record.title, record.published) == ("Newer", "2026-11-17")


@pytest.mark.parametrize("answer", [html("<b>MySQL error</b>"), Reply(b"{", 200), busy()])
def test_what_breaks_off_leaves_the_cursor_where_it_was(tmp_path, answer):
    """A page of errors is an error, with whatever status it comes."""
    with stage(tmp_path) as play:
        play.server.route("/details/*", answer)
        source = Biorxiv(url=play.url)
        with pytest.raises((SourceError, SourceUnavailable)):
            filed(source.harvest(play.client(source), "biorxiv", {}, Ask(NOW)))


def test_a_check_says_what_has_drifted(tmp_path):
    """In one request: a type that changed and a field that is gone."""
    with stage(tmp_path) as play:
        source = Biorxiv(url=play.url)
        play.server.route("/details/*", json_reply(page(preprint(), preprint(2))))
        assert all(f.is_well for f in source.check(play.client(source)))
        assert len(play.server.log) == 1
        changed = preprint(authors=["A"], category=None)
        play.server.route("/details/*", json_reply(page(preprint(), changed)))
        wrong = {f.field for f in source.check(play.client(source)) if not f.is_well}
        assert wrong == {"authors", "category"}
