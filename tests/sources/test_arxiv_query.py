"""What the pure parser makes of the query API's answers. All papers here are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arxiv_answers import EPrint, query_answer, query_error
from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_query import (
    AT_ONCE,
    ParsedAnswer,
    parse_answer,
    query_params,
    title_params,
)
from mutations import mutated, reworded
from shared_data import SHARED, needs_shared

KITES = EPrint(
    "2610.00001",
    title="Kites with $\\Gamma$-wings\n  and \\'Elan",
    abstract="  We let kites fall\nuntil $x < y$ & stop.",
    authors=("Ren\\'e Example", "Bo Sample"),
    categories=("cs.LG", "stat.ML"),
    versions=tuple(datetime(2026, m, 1, 17, 58, 6, tzinfo=UTC) for m in (8, 9, 10)),
    comment="12 pages, 3 figures",
    journal_ref="J. Samp. 1 (2026) 1-2",
    doi="10.5555/AB.1234",
    classes={"acm-class": "I.2.6; H.5", "msc-class": "68T05 (Primary), 68T10"},
)
OLD = EPrint(
    "math.GT/0309136",
    title="Knots of Kites",
    categories=("math.GT",),
    versions=(datetime(2003, 9, 8, tzinfo=UTC),),
)
# The form of 2007 to 2025: other order, other prefixes, a time zone, no version in the id.
MANUAL = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
  <opensearch:totalResults>1000</opensearch:totalResults>
  <opensearch:startIndex>20</opensearch:startIndex>
  <entry xmlns:a="http://arxiv.org/schemas/atom">
    <id>http://arxiv.org/abs/hep-ex/0307999</id>
    <published>2003-07-07T22:46:39-04:00</published>
    <updated>2003-07-09T13:46:39-04:00</updated>
    <title>Kites at High
  Momenta</title>
    <summary>  We throw kites.
</summary>
    <author><name>K1 Collaboration</name></author>
    <author><name>Ada Example</name><a:affiliation>Univ. of Kites</a:affiliation>
      <a:affiliation>Kite Lab</a:affiliation></author>
    <link href="http://arxiv.org/abs/hep-ex/0307999v2" rel="alternate" type="text/html"/>
    <link title="doi" href="http://dx.doi.org/10.5555/kite.9" rel="related"/>
    <category term="nucl-ex" scheme="http://arxiv.org/schemas/atom"/>
    <category term="hep-ex" scheme="http://arxiv.org/schemas/atom"/>
    <a:primary_category term="hep-ex" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
</feed>"""


def parse(body: bytes) -> ParsedAnswer:
    """Return the answer that `body` must be."""
    return parse_answer(body, name="arxiv")


def only(body: bytes) -> Record:
    """Return the one record of an answer."""
    (found,) = parse(body).items
    assert isinstance(found, Record)
    return found


def arxiv(value: str) -> ExternalId:
    """Return an id of arXiv."""
    return ExternalId("arxiv", value)


def test_every_field_of_an_entry_is_read():
    """The form of 2026, with everything that an entry may have."""
    assert only(query_answer([KITES])) == Record(
        source="arxiv",
        key="2610.00001",
        title="Kites with $\\Gamma$-wings and \\'Elan",
        abstract="We let kites fall until $x < y$ & stop.",
        authors=("Ren\\'e Example", "Bo Sample"),
        external_ids=(arxiv("2610.00001"), ExternalId("doi", "10.5555/ab.1234")),
        submitted="2026-08-01",
        updated="2026-10-01",
        categories=("cs.LG", "stat.ML"),
        venue="J. Samp. 1 (2026) 1-2",
        comment="12 pages, 3 figures",
        links=(
            ("abs", "https://arxiv.org/abs/2610.00001"),
            ("pdf", "https://arxiv.org/pdf/2610.00001"),
        ),
        extra={
            "acm-class": "I.2.6; H.5",
            "msc-class": "68T05 (Primary), 68T10",
            "version": 3,
        },
    )


def test_the_form_of_the_manual_is_read():
    """Elements in another order and namespace, a time zone, the version only in a link."""
    parsed = parse(MANUAL)
    record = only(MANUAL)
    assert (parsed.total, parsed.start) == (1000, 20)
    assert record.key == "hep-ex/0307999"
    assert record.title == "Kites at High Momenta"
    # 22:46 at -04:00 is the next day in UTC, by which all days of versions are named.
    assert (record.submitted, record.updated) == ("2003-07-08", "2003-07-09")
    moment = datetime(2003, 7, 8, 2, 46, 39, tzinfo=UTC)
    assert parsed.came == {record.external_ids[0]: moment}
    assert record.categories == ("hep-ex", "nucl-ex")
    assert record.authors == ("K1 Collaboration", "Ada Example")
    assert record.external_ids == (arxiv("hep-ex/0307999"), ExternalId("doi", "10.5555/kite.9"))
    assert record.extra == {
        "version": 2,
        "affiliations": {"Ada Example": ["Univ. of Kites", "Kite Lab"]},
    }


def test_an_old_id_loses_its_subject_class():
    """`math.GT/0309136` and `math/0309136` are one paper."""
    record = only(query_answer([OLD]))
    assert (record.key, record.external_ids) == ("math/0309136", (arxiv("math/0309136"),))
    assert ("pdf", "https://arxiv.org/pdf/math/0309136") in record.links
    assert (record.submitted, record.updated) == ("2003-09-08", None)


def test_the_pdf_is_found_however_its_link_is_marked():
    """In November 2025 the link lost its title and said that it was a page."""
    body = query_answer([KITES])
    odd = body.replace(b'rel="related" type="application/pdf" title="pdf"', b'rel="alternate"')
    assert odd != body
    assert only(odd) == only(body)


def test_two_pages_say_how_many_there_are():
    """Each page has the number of all papers and where it begins."""
    papers = [replace(KITES, id=f"2610.0000{n}") for n in range(5)]
    first = parse(query_answer(papers[:3], total=5))
    second = parse(query_answer(papers[3:], total=5, start=3))
    assert [(p.total, p.start, len(p.items)) for p in (first, second)] == [(5, 0, 3), (5, 3, 2)]
    assert not first.is_cut
    assert not second.is_cut


@pytest.mark.parametrize(
    ("total", "start", "is_cut"), [(30, 20, True), (30, 0, True), (30, 30, False), (0, 0, False)]
)
def test_an_empty_page_amid_an_answer_is_told_from_its_end(total, start, is_cut):
    """ArXiv sends pages without entries now and then; they must be asked for again."""
    parsed = parse(query_answer([], total=total, start=start))
    assert parsed.items == []
    assert parsed.is_cut is is_cut


def test_a_withdrawn_paper_is_known_by_its_comment():
    """That is where arXiv says it."""
    gone = replace(KITES, comment="This submission has been withdrawn by arXiv administrators")
    assert only(query_answer([gone])).withdrawn
    assert not only(query_answer([KITES])).withdrawn


@pytest.mark.parametrize(
    ("term", "kept"),
    [
        ("I.2.6", {"acm-class": "I.2.6"}),
        ("F.4.1; F.4.m; K.2", {"acm-class": "F.4.1; F.4.m; K.2"}),
        ("03B70, 68Q99", {"msc-class": "03B70, 68Q99"}),
        ("Primary 37K05", {"msc-class": "Primary 37K05"}),
        ("05-XX", {"msc-class": "05-XX"}),
        ("graph kites", {"classes": "graph kites"}),
    ],
)
def test_classes_are_told_apart_from_categories(term, kept):
    """Those of the ACM and of mathematics stand among arXiv's own."""
    record = only(query_answer([replace(KITES, categories=("cs.LG", term), classes={})]))
    assert record.categories == ("cs.LG",)
    assert record.extra == {"version": 3, **kept}


@pytest.mark.parametrize("category", ["cs.ZZ", "astro-ph.new-one", "acc-phys", "quant-ph"])
def test_categories_of_any_time_count(category):
    """ArXiv has closed archives and will open categories."""
    assert only(query_answer([replace(KITES, categories=(category,))])).categories == (category,)


def test_what_is_no_paper_does_not_stop_the_others():
    """An entry without a title or an id is an error with its position."""
    bad = [replace(KITES, title=""), replace(KITES, id="nonsense")]
    record, *errors = parse(query_answer([KITES, *bad], total=3)).items
    assert isinstance(record, Record)
    assert [(e.place, e.reason) for e in errors if isinstance(e, RecordError)] == [
        (2, "no title"),
        (3, "no id of arXiv"),
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            query_error("incorrect id format for 1234.1234567"),
            "arXiv refused the query: incorrect id format for 1234.1234567",
        ),
        (query_error("max_results must be an integer"), "max_results must be an integer"),
        (query_answer([KITES])[:-200], "it may have broken off"),
        (b"<!DOCTYPE html>\n<html><head><title>406 Not Acceptable</title>", "is a web page"),
        (b"", "is empty"),
        (b"Rate exceeded.", "cannot be read as XML"),
        (b"<rss/>", "is <rss>, not an Atom feed"),
        (query_answer([KITES]).replace(b"/abs/", b"/kites/"), "none of its 1 entries"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_reason(body, says):
    """The error says what came instead, in arXiv's words if it gave any."""
    with pytest.raises(SourceError, match=says) as caught:
        parse(body)
    assert not isinstance(caught.value, RecordError)


def test_a_paper_may_be_called_error():
    """Only arXiv's own entries about errors are refused."""
    assert only(query_answer([replace(KITES, title="Error")])).title == "Error"


def test_entities_are_never_followed():
    """Neither a billion laughs nor a file of this machine come of an answer."""
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE feed [<!ENTITY e0 "ha">{laughs}]>'.encode()
    outside = b'<!DOCTYPE feed [<!ENTITY e9 SYSTEM "file:///etc/passwd">]>'
    for bomb in (doctype, outside):
        with pytest.raises(SourceError):
            parse(bomb + b"<feed><title>&e9;</title></feed>")


# Questions.


def test_ids_are_asked_for_with_their_number():
    """Without `max_results` arXiv would send ten of them."""
    ids = [arxiv(f"2610.{n:05}") for n in range(12)]
    params = query_params([*ids, ExternalId("doi", "10.5555/1")])
    assert params == {"id_list": ",".join(i.value for i in ids), "start": 0, "max_results": 12}
    assert query_params([arxiv("2610.00001")] * 300)["max_results"] == AT_ONCE


@pytest.mark.parametrize(
    ("title", "phrase"),
    [
        ("Kites Fall", 'ti:"Kites Fall"'),
        ('On "Kites" ANDNOT (falling): a survey', 'ti:"On Kites ANDNOT falling a survey"'),
        (r"$\Gamma$-kites by Ren\'e", 'ti:"Γ kites by René"'),
        ("snake_case\\ kites", 'ti:"snake case kites"'),
        ("?!", ""),
    ],
)
def test_a_title_is_asked_for_as_a_phrase_of_words(title, phrase):
    """No sign of a title can end the phrase or become an operator."""
    params = title_params(title)
    assert params["search_query"] == phrase
    assert params["max_results"] == 10


@given(st.text(max_size=500))
def test_no_title_breaks_out_of_its_phrase(title):
    """Whatever it says, there is one phrase of words."""
    query = str(title_params(title)["search_query"])
    if query:
        assert query.startswith('ti:"')
        assert query.endswith('"')
        assert all(word.isalnum() for word in query[4:-1].split(" "))


# Fuzz.

GOOD = [query_answer([KITES, OLD], total=9), MANUAL, query_error("no")]
REAL = (
    [p.read_bytes() for p in sorted((SHARED / "raw" / "arxiv_atom").glob("*.xml"))]
    if SHARED
    else []
)


def survives(body: bytes) -> None:
    """Fail if anything but SourceError comes of reading `body`, or a record that is no record."""
    try:
        parsed = parse(body)
    except SourceError:
        return
    for found in parsed.items:
        assert isinstance(found, Record | RecordError)
        assert isinstance(found, RecordError) or (found.title and found.key)
    assert parsed.total >= len(parsed.items)


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(body):
    """Only SourceError comes out, whatever comes in."""
    survives(body)


@given(mutated(GOOD))
@settings(max_examples=150)
def test_mutated_answers_are_survived(body):
    """Broken answers give records, errors or a SourceError."""
    survives(body)


@given(reworded(GOOD))
@settings(max_examples=150)
def test_answers_with_other_words_are_survived(body):
    """Well-formed answers that say anything at all are read."""
    survives(body)


@needs_shared
def test_real_answers_are_read_whole():
    """Every entry that arXiv really sent becomes a record, and its error an error."""
    real = {len(body): body for body in REAL}
    counts = []
    for body in real.values():
        if b"api/errors" in body:
            with pytest.raises(SourceError, match="incorrect id format"):
                parse(body)
            continue
        items = parse(body).items
        records = [i for i in items if isinstance(i, Record)]
        assert len(records) == len(items) == body.count(b"</entry>")
        assert all(r.authors and r.abstract and r.categories and r.submitted for r in records)
        counts.append(len(records))
    assert sorted(counts) == [1, 10]


@needs_shared
@given(st.data())
@settings(max_examples=100)
def test_mutated_real_answers_are_survived(data):
    """So are broken ones of arXiv's own."""
    survives(data.draw(mutated(REAL)))
