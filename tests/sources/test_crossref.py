"""Crossref read and asked. All works here are invented."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import drifted, records, stage, survives
from broadsheet.errors import RecordError, SourceError, SourceRejected
from broadsheet.papers.types import ExternalId, Signal
from broadsheet.sources.base import Enriching, Harvested, LookedUp, Searched
from broadsheet.sources.crossref import Crossref, parse_work, parse_works
from loopback import forbidden, json_reply, not_found


def work(**changed: Any) -> dict[str, Any]:
    """Return a work as Crossref writes one."""
    return {
        "DOI": "10.5555/Kites.1",
        "type": "journal-article",
        "title": ["Kites"],
        "subtitle": ["a study"],
        "abstract": "<jats:title>Abstract</jats:title><jats:p>We let <jats:italic>kites"
        "</jats:italic> fall.</jats:p><jats:p>They fell &amp; fell.</jats:p>",
        "author": [
            {"given": "Ada", "family": "Example", "affiliation": [{"name": "Sample U"}]},
            {"name": "The Kite Consortium"},
            {"family": "Mononym"},
            {},
        ],
        "issued": {"date-parts": [[2026, 11]]},
        "container-title": ["Journal of Kites", "J. Kites"],
        "publisher": "Sample Press",
        "volume": "7",
        "page": "1-9",
        "URL": "https://doi.org/10.5555/kites.1",
        "is-referenced-by-count": 4,
        "relation": {
            "has-preprint": [
                {"id-type": "doi", "id": "10.1101/2026.11.01.1", "asserted-by": "subject"}
            ]
        },
    } | changed


def answer(**changed: Any) -> bytes:
    """Return the answer about one work."""
    return orjson.dumps({"status": "ok", "message-type": "work", "message": work(**changed)})


def parsed(**changed: Any) -> Any:
    """Return the record of one work with some changes."""
    (record,) = records([parse_work(answer(**changed))])
    return record


def test_every_field_of_a_work_is_read():
    """Titles are lists, the abstract is JATS, and a preprint stays beside the record."""
    record = parsed()
    assert (record.source, record.key) == ("crossref", "10.5555/kites.1")
    assert record.title == "Kites: a study"
    assert record.abstract == "We let kites fall. They fell & fell."
    assert record.authors == ("Ada Example", "The Kite Consortium", "Mononym")
    assert record.external_ids == (ExternalId("doi", "10.5555/kites.1"),)
    assert (record.published, record.year, record.venue) == ("2026-11", 2026, "Journal of Kites")
    assert record.signals == (Signal("citations", 4.0),)
    assert record.extra["has_preprint"] == ["doi:10.1101/2026.11.01.1"]
    assert record.links == (("abs", "https://doi.org/10.5555/kites.1"),)


def test_orcids_are_kept_by_name():
    """With them authors can show that they wrote a paper; what is no ORCID is none."""
    people = [
        {"given": "Ada", "family": "Example", "ORCID": "http://orcid.org/0000-0002-1825-009x"},
        {"given": "Bo", "family": "Sample", "ORCID": "0000"},
        {"given": "Cy", "family": "None", "ORCID": None},
    ]
    assert parsed(author=people).extra["orcids"] == {"Ada Example": "0000-0002-1825-009X"}
    many = [{"name": f"N{n}", "ORCID": "0000-0002-1825-0097"} for n in range(4000)]
    assert len(parsed(author=many).extra["orcids"]) == 1000


@pytest.mark.parametrize(
    ("given_dates", "published", "year"),
    [
        ({"issued": {"date-parts": [[2026, 3, 17]]}}, "2026-03-17", 2026),
        ({"issued": {"date-parts": [[2026]]}}, None, 2026),
        ({"issued": {"date-parts": [[None]]}, "posted": {"date-parts": [[2025, 1, 2]]}},
         "2025-01-02", 2025),
        ({"issued": {"date-parts": [[2026, 2, 30]]}}, "2026-02", 2026),
        ({"issued": {"date-parts": [[2026, 0, 0]]}}, None, 2026),
        ({"issued": {"date-parts": []}}, None, None),
        ({"issued": {"date-parts": [["2026"]]}}, None, None),
        ({"issued": None}, None, None),
        ({"issued": {"date-parts": [[99999, 1, 1]]}}, None, None),
    ],
)  # fmt: skip
def test_dates_are_known_as_far_as_their_parts_go(given_dates, published, year):
    """A missing month is not January, and what is no date is not made into one."""
    record = parsed(**given_dates)
    assert (record.published, record.year) == (published, year)


@pytest.mark.parametrize(
    ("title", "subtitle", "whole"),
    [
        (["Kites"], [], "Kites"),
        (["Kites: A Study"], ["A study"], "Kites: A Study"),
        (["Why kites?"], ["A study"], "Why kites? A study"),
        (["", "Kites"], None, "Kites"),
        ([], ["Only this"], "Only this"),
        (["<b>H</b><sub>2</sub> <mml:math><mml:mi>x</mml:mi></mml:math>"], [], "H2 x"),
    ],
)
def test_title_and_subtitle_are_one_title(title, subtitle, whole):
    """Either list may be empty, and some publishers say the subtitle twice."""
    assert parsed(title=title, subtitle=subtitle).title == whole


def test_a_paper_is_withdrawn_if_a_notice_says_so_and_the_notice_is_not():
    """`updated-by` stands at the paper, `update-to` at the notice."""
    assert parsed(**{"updated-by": [{"type": "retraction", "DOI": "10.5555/n"}]}).withdrawn
    assert not parsed(**{"updated-by": [{"type": "correction", "DOI": "10.5555/n"}]}).withdrawn
    notice = parsed(**{"update-to": [{"type": "retraction", "DOI": "10.5555/kites.0"}]})
    assert not notice.withdrawn
    assert notice.extra["updates"] == ["doi:10.5555/kites.0"]


def test_a_preprint_has_the_server_as_its_venue():
    """Posted content has no journal, but an institution."""
    record = parsed(**{"container-title": [], "institution": [{"name": "bioRxiv"}]})
    assert record.venue == "bioRxiv"
    assert parsed(**{"container-title": [], "event": {"name": "KiteConf"}}).venue == "KiteConf"


def test_formulas_are_said_once():
    """Where TeX stands beside MathML, one of them is enough."""
    text = (
        "<jats:p>A <jats:inline-formula><jats:alternatives><jats:tex-math>$$\\alpha$$"
        "</jats:tex-math><mml:math><mml:mi>α</mml:mi></mml:math></jats:alternatives>"
        "</jats:inline-formula>-kite, a &lt; b</jats:p>"
    )
    assert parsed(abstract=text).abstract == "A α-kite, a < b"


@pytest.mark.parametrize(
    "changed", [{"title": [], "subtitle": []}, {"DOI": None}, {"DOI": "10.1007/978-3-030-12345-6"}]
)
def test_what_is_no_paper_is_set_aside(changed):
    """No title, no DOI, or the DOI of a whole book."""
    fault = parse_work(answer(**changed))
    assert isinstance(fault, RecordError)
    assert fault.place == 1


@pytest.mark.parametrize("body", [b"Resource not found.", b"{}", b'{"message":[]}', b"[]"])
def test_what_is_no_answer_at_all_is_said(body):
    """Crossref's refusals are plain words."""
    with pytest.raises(SourceError):
        parse_works(body)
    with pytest.raises(SourceError):
        parse_work(body)


@settings(max_examples=150)
@given(
    st.binary(max_size=60)
    | drifted([{"message": work()}])
    | drifted([{"message": {"items": [work(), work(DOI="10.5555/2")]}}])
)
def test_nothing_but_our_errors_comes_out(body):
    """Whatever the bytes are, and wherever a field has another type."""
    survives(lambda b: [parse_work(b)], body)
    survives(parse_works, body)


@settings(max_examples=100)
@given(st.text(st.sampled_from("<>/ abip=\"'&;:#x1jats"), max_size=60))
def test_markup_of_any_kind_leaves_one_line(text):
    """However tags are broken, what is left is a line, and reading it ends."""
    abstract = parsed(abstract=text).abstract
    assert "\n" not in abstract
    assert "<p>" not in abstract


def test_long_broken_markup_takes_no_time():
    """Nothing in an abstract makes reading it slower than its length."""
    for piece in ("<p ", "<a x=", '<a x="', "<tex-math>", "&", "&#", "<a" + " " * 50):
        parsed(abstract=(piece * 100_000)[:90_000])


# ------------------------------------------------------------------ asking


def test_it_is_what_it_says():
    """It knows DOIs and titles, and brings nothing by itself."""
    source = Crossref()
    assert isinstance(source, LookedUp)
    assert isinstance(source, Searched)
    assert not isinstance(source, Harvested | Enriching)


def test_dois_are_looked_up_one_by_one(tmp_path):
    """Unknown ones and ids of other kinds are passed over; strange characters are escaped."""
    with stage(tmp_path) as play:
        doi = "10.5555%2F(sici)1097%3C1%3A%3Aaid%3E3.0%23x"
        play.server.route(
            f"/works/{doi.replace('(', '%28').replace(')', '%29')}", json_reply({"message": work()})
        )
        play.server.route("/works/10.5555%2Funknown", not_found())
        source = Crossref(url=play.url + "/")
        ids = [
            ExternalId("doi", "10.5555/unknown"),
            ExternalId("arxiv", "2611.00001"),
            ExternalId("doi", "10.5555/(sici)1097<1::aid>3.0#x"),
        ]
        assert len(records(source.look_up(play.client(source), ids))) == 1
        assert len(play.server.log) == 2


def test_other_refusals_are_not_passed_over(tmp_path):
    """Only 404 means that nobody knows a DOI."""
    with stage(tmp_path) as play:
        play.server.route("/works/*", forbidden())
        source = Crossref(url=play.url)
        with pytest.raises(SourceRejected):
            list(source.look_up(play.client(source), [ExternalId("doi", "10.5555/x")]))


def test_titles_are_found(tmp_path):
    """At most ten are asked for, the best first."""
    with stage(tmp_path) as play:
        play.server.route(
            "/works", json_reply({"message": {"items": [work(), work(title=[], subtitle=[])]}})
        )
        source = Crossref(url=play.url)
        found = list(source.find_title(play.client(source), "Kites & co?"))
        assert [type(i).__name__ for i in found] == ["Record", "RecordError"]
        assert play.server.log[0].query == {"query.bibliographic": "Kites & co?", "rows": "10"}
        assert list(source.find_title(play.client(source), " ")) == []


def test_a_check_says_what_has_drifted(tmp_path):
    """In one request: a type that changed and a field that is gone."""
    with stage(tmp_path) as play:
        source = Crossref(url=play.url)
        play.server.route("/works/*", json_reply({"message": work()}))
        assert all(f.is_well for f in source.check(play.client(source)))
        assert len(play.server.log) == 1
        play.server.route("/works/*", json_reply({"message": work(title="Kites", type=None)}))
        wrong = {f.field for f in source.check(play.client(source)) if not f.is_well}
        assert wrong == {"title", "type"}
