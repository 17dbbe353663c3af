"""What arXiv's OAI interface says, read from bytes. All papers here are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.editions.calendar import announcement, listing_day, silence
from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import jsonl
from broadsheet.sources.oai import Days, OaiAnswer, TokenExpired, outline, parse_records
from oai_pages import (
    Said,
    deleted,
    dublin_core,
    envelope,
    error,
    kaggle,
    page,
    papers,
    raw,
    structured,
)
from shared_data import SHARED, needs_shared

DAYS = Days(lambda moment: listing_day(announcement(moment)), lambda day: silence(day) is None)
REAL = sorted((SHARED / "raw" / "arxiv_oai").glob("*.xml")) if SHARED else []
FULL = Said(
    id="2609.00042",
    title="Tides of Sparse\n  Gradients for Andr\\'e",
    abstract="  We show that $x_i$ follows\nthe tide.\n",
    people=(("Example", "Ada", ""), ("Sample", "Boris", "Jr"), ("Third", "C.-P.", "")),
    categories="cs.LG stat.ML math.OC",
    versions=(
        datetime(2026, 9, 17, 12, 0, 6, tzinfo=UTC),
        datetime(2026, 9, 30, 19, 10, 11, tzinfo=UTC),
    ),
    datestamp="2026-10-02",
    more={
        "comments": "12 pages,\n  3 figures",
        "report-no": "EX-26-1",
        "msc-class": "68T05",
        "journal-ref": "J. Samp. 1 (2026) 1-2",
        "doi": "10.5555/1234",
    },
)


def read(*records: str, **how: Any) -> OaiAnswer:
    """Return what a page of these records says."""
    return parse_records(page(records), DAYS, **how)


def one(*records: str, **how: Any) -> Record:
    """Return the one record of such a page."""
    (item,) = read(*records, **how).items
    assert isinstance(item, Record), item
    return item


def reason(*records: str) -> str:
    """Return why the one record of such a page cannot be used."""
    (item,) = read(*records).items
    assert isinstance(item, RecordError)
    return item.reason


# ------------------------------------------------------------------------------------ one record


def test_raw():
    """`arXivRaw` gives every field, the history and the day of announcement that follows."""
    assert one(raw(FULL)) == Record(
        source="arxiv",
        key="2609.00042",
        title="Tides of Sparse Gradients for Andr\\'e",
        abstract="We show that $x_i$ follows the tide.",
        authors=("Ada Example", "Boris Sample Jr", "C.-P. Third"),
        external_ids=(ExternalId("arxiv", "2609.00042"), ExternalId("doi", "10.5555/1234")),
        submitted="2026-09-17",
        updated="2026-09-30",
        categories=("cs.LG", "stat.ML", "math.OC"),
        comment="12 pages, 3 figures",
        venue="J. Samp. 1 (2026) 1-2",
        links=(
            ("abs", "https://arxiv.org/abs/2609.00042"),
            ("pdf", "https://arxiv.org/pdf/2609.00042"),
        ),
        presumed="2026-09-18",
        extra={
            "id": "2609.00042",
            "submitter": "Ada Example",
            "report-no": "EX-26-1",
            "msc-class": "68T05",
            "license": "http://creativecommons.org/licenses/by/4.0/",
            "versions": ["2026-09-17", "2026-09-30"],
        },
    )


SAME = ("source", "key", "title", "abstract", "authors", "external_ids", "categories", "comment",
        "venue", "submitted", "withdrawn")  # fmt: skip


@pytest.mark.parametrize("write", [raw, structured, dublin_core])
def test_same_as_kaggle(write):
    """All formats and Kaggle's snapshot say the same of a paper."""
    snapshot = jsonl.to_record(kaggle(FULL), name="x", line=1)
    record = one(write(FULL))
    same = [n for n in SAME if write is not dublin_core or n != "categories"]
    assert {n: getattr(record, n) for n in same} == {n: getattr(snapshot, n) for n in same}
    assert {*record.categories} == {*snapshot.categories}
    assert record.updated == "2026-09-30"
    assert record.presumed == "2026-09-18"


@pytest.mark.parametrize("number", range(0, 60, 7))
def test_many_same_as_kaggle(number):
    """That holds of papers of all shapes."""
    said = list(papers(number + 1))[number]
    snapshot = jsonl.to_record(kaggle(said), name="x", line=1)
    record = one(raw(said))
    same = [n for n in SAME if n != "authors"]
    assert {n: getattr(record, n) for n in same} == {n: getattr(snapshot, n) for n in same}


def test_affiliations_are_dropped():
    """What stands in brackets behind names is no name, nor is a collaboration's colon."""
    text = raw(FULL)
    start, end = text.index("<authors>"), text.index("</authors>")

    def authors(said: str) -> tuple[str, ...]:
        return one(text[:start] + "<authors>" + said + text[end:]).authors

    people = ("A. Example", "B. Sample", "C. Third")
    assert authors("A. Example, B. Sample (Example Univ.) and C. Third") == people
    assert authors("A. Example (1), B. Sample (1,2), C. Third ((1) Here, (2) There)") == people
    kites = ("The KITE Collaboration", "A. Example", "B. Sample")
    assert authors("The KITE Collaboration: A. Example, B. Sample") == kites


def test_authors_without_letters():
    """`arXiv` has the colon behind a collaboration as a person."""
    people = (("Collaboration", "Super-Kite", ""), (":", "", ""), ("Example", "Ada", ""))
    record = one(structured(replace(FULL, people=people)))
    assert record.authors == ("Super-Kite Collaboration", "Ada Example")


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("math.GT/0309136", "math/0309136"),
        ("hep-th/9901001", "hep-th/9901001"),
        ("0704.0001", "0704.0001"),
        ("1501.00001v3", "1501.00001"),
    ],
)
def test_ids(said, key):
    """Ids of all eras have one form, without version or subject class."""
    for write in (raw, structured, dublin_core):
        record = one(write(replace(FULL, id=said)))
        assert record.key == key
        assert record.external_ids[0] == ExternalId("arxiv", key)
        assert record.links[0] == ("abs", f"https://arxiv.org/abs/{key}")


def test_id_of_the_header():
    """Metadata without an id is that of the paper in the header."""
    assert one(raw(FULL).replace("<id>2609.00042</id>", "")).key == "2609.00042"


def test_several_dois():
    """The first of several DOIs is the paper's; what was said is kept."""
    said = "10.5555/1234, 10.5555/5678;10.5555/9"
    record = one(raw(replace(FULL, more={"doi": said})))
    assert [str(i) for i in record.external_ids] == ["arxiv:2609.00042", "doi:10.5555/1234"]
    assert record.extra["dois"] == said


def test_acm_class_is_ignored():
    """The interface fills `acm-class` from `msc-class`."""
    record = one(raw(replace(FULL, more={"acm-class": "68T05"})))
    assert "acm-class" not in record.extra


def test_withdrawn():
    """A paper is withdrawn by its comment, its abstract, or a last version without source."""
    assert not one(raw(FULL)).withdrawn
    assert one(raw(replace(FULL, more={"comments": "This paper has been withdrawn"}))).withdrawn
    assert one(raw(replace(FULL, abstract=" This paper has been withdrawn by A."))).withdrawn
    assert one(raw(replace(FULL, kinds=("D", "I")))).withdrawn
    assert not one(raw(replace(FULL, kinds=("I", "D")))).withdrawn


def test_versions_in_any_order():
    """The first version is the one with the lowest number."""
    text = raw(FULL)
    first, second = text.index('<version version="v1">'), text.index('<version version="v2">')
    end = text.rindex("</version>") + len("</version>")
    turned = text[:first] + text[second:end] + text[first:second] + text[end:]
    assert one(turned) == one(text)


def test_categories_of_sets():
    """Where no categories are said, the sets say them."""
    text = raw(FULL).replace("<categories>cs.LG stat.ML math.OC</categories>", "")
    assert one(text).categories == ("cs.LG", "stat.ML", "math.OC")


# ------------------------------------------------------------------------------------------ days


def v(*moments: datetime, datestamp: str) -> str:
    """Return a record of a paper with versions of these times."""
    return raw(replace(FULL, versions=moments, datestamp=datestamp))


TUESDAY = datetime(2026, 11, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("datestamp", "presumed"),
    [
        ("2026-11-18", "2026-11-18"),  # in time
        ("2026-11-20", "2026-11-20"),  # held back by moderation
        ("2026-11-21", "2026-11-18"),  # a Saturday: something else was changed
        ("2026-11-17", "2026-11-18"),  # before it can have been announced
        ("2026-12-18", "2026-12-18"),
        ("2026-12-21", "2026-11-18"),  # too late: a bulk edit
        ("", "2026-11-18"),
    ],
)
def test_presumed(datestamp, presumed):
    """In a fresh answer a first version was announced on the day it appeared."""
    record = v(TUESDAY, datestamp=datestamp)
    assert one(record, is_fresh=True).presumed == presumed
    assert one(record).presumed == "2026-11-18"


def test_presumed_of_later_versions():
    """A new version says nothing of when the first was announced."""
    record = v(TUESDAY, TUESDAY + timedelta(days=2), datestamp="2026-11-20")
    assert one(record, is_fresh=True).presumed == "2026-11-18"


def test_presumed_over_a_holiday():
    """What came before Thanksgiving is listed after it."""
    came = datetime(2026, 11, 25, 20, tzinfo=UTC)
    assert one(v(came, datestamp="2026-11-30")).presumed == "2026-11-30"


def test_created_is_not_trusted():
    """`created` may be that of the current version: an older id shows it."""
    old = replace(FULL, id="2601.00042")
    record = one(structured(old))
    assert (record.submitted, record.presumed) == (None, None)
    assert one(structured(replace(FULL, id="math/9309136"))).submitted is None


@pytest.mark.parametrize(
    "said", ["", "yesterday", "Thu, 31 Feb 2026 12:00:00 GMT", "Thu, 01 Jan 0001 00:00:00 GMT",
             "Thu, 01 Xyz 2026 12:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 -2300"]
)  # fmt: skip
def test_unreadable_dates(said):
    """A version without a readable date gives none."""
    text = raw(replace(FULL, versions=(TUESDAY,)))
    record = one(text.replace("Tue, 17 Nov 2026 12:00:00 GMT", said))
    assert record.submitted is None or record.submitted.startswith("19")


def test_other_spellings_of_dates():
    """Days without padding and other zones are read."""
    text = raw(replace(FULL, versions=(datetime(2026, 11, 2, 12, tzinfo=UTC),)))
    padded = "Mon, 02 Nov 2026 12:00:00 GMT"
    assert padded in text
    assert one(text.replace(padded, "Mon, 2 Nov 2026 12:00:00 GMT")).submitted == "2026-11-02"
    assert one(text.replace(padded, "Mon, 2 Nov 2026 23:00:00 -0500")).submitted == "2026-11-03"


# ---------------------------------------------------------------------------------- the envelope


def test_page():
    """A page has its records in order, what was deleted, and the token; an empty one ends it."""
    first, second = raw(FULL), raw(replace(FULL, id="2609.00043"))
    token = "verb%3DListRecords%26skip%3D2000"  # noqa: S105 (a place in a list)
    answer = parse_records(page([first, deleted("2609.00044", "2026-11-18"), second], token), DAYS)
    assert [r.key for r in answer.items if isinstance(r, Record)] == ["2609.00042", "2609.00043"]
    assert answer.deleted == [(ExternalId("arxiv", "2609.00044"), "2026-11-18")]
    assert (answer.token, answer.size, answer.response_day) == (token, 3, "2026-11-19")
    assert parse_records(page([first], ""), DAYS).token == ""
    assert parse_records(page([first]), DAYS).token == ""


@pytest.mark.parametrize("code", ["noRecordsMatch", "idDoesNotExist"])
def test_nothing_matches(code):
    """A quiet day and an unknown paper come as errors with HTTP 200."""
    answer = parse_records(error(code), DAYS)
    assert (answer.items, answer.token, answer.response_day) == ([], "", "2026-11-19")


def test_expired_token():
    """A token that is not known has an error of its own."""
    with pytest.raises(TokenExpired):
        parse_records(error("badResumptionToken"), DAYS)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("badArgument", "arXiv's OAI interface does not accept the request: from is late"),
        ("badVerb", "does not know the request"),
        ("cannotDisseminateFormat", "does not offer the format"),
        ("somethingNew", "answers with the error 'somethingNew'"),
    ],
)
def test_errors(code, says):
    """Other errors are said in words."""
    with pytest.raises(SourceError, match=says):
        parse_records(error(code, "from\n is late"), DAYS)
    with pytest.raises(SourceError, match=says):
        outline(error(code, "from\n is late"))


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (raw(replace(FULL, title=" ")), "no title"),
        (raw(replace(FULL, title="x" * 3000)), "title of 3000 characters"),
        (raw(replace(FULL, id="nonsense")), "no arXiv id"),
        (deleted("nonsense", "2026-11-18"), "no arXiv id"),
        (raw(FULL).replace("arXivRaw", "arXivNew"), "an unknown format: arXivNew"),
        ("<record><header/></record>", "no metadata"),
        ("<record/>", "no metadata"),
    ],
)
def test_unusable_records(records, says):
    """One record that cannot be used is set aside, with its place; the others stay."""
    assert reason(records) == says
    answer = read(raw(FULL), records, raw(replace(FULL, id="2609.00043")))
    (bad,) = [i for i in answer.items if isinstance(i, RecordError)]
    assert (bad.place, bad.source) == (2, "arxiv")
    assert len(answer.items) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Rate exceeded.</body></html>",
        b'{"a": 1}',
        b"<feed xmlns='http://www.w3.org/2005/Atom'/>",
        page([raw(FULL)])[:-30],
        b"<?xml version='1.0' encoding='nonsense'?><OAI-PMH/>",
        b"\xff\xfe\x00",
    ],
)
def test_no_answer(body):
    """What is no answer of OAI, or was cut off, is an error as a whole."""
    with pytest.raises(SourceError) as caught:
        parse_records(body, DAYS)
    assert not isinstance(caught.value, RecordError)


def test_entities_are_refused():
    """Nothing is expanded, and nothing is fetched."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><OAI-PMH>&l9;</OAI-PMH>'
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><OAI-PMH>&e;</OAI-PMH>'
    for body in (bomb, outside):
        with pytest.raises(SourceError):
            parse_records(body.encode(), DAYS)


def test_forbidden_signs():
    """A control character or a broken byte in one abstract does not hold up the page."""
    body = page([raw(replace(FULL, abstract="We SHOW that")), raw(FULL)])
    for sign in (b"\x0b", b"\x00", b"\xff"):
        answer = parse_records(body.replace(b"SHOW", b"sh" + sign + b"ow"), DAYS)
        assert len(answer.items) == 2


def test_comments_are_ignored():
    """Comments and processing instructions are not part of a text."""
    text = raw(FULL).replace("follows", "fol<!-- x --><?php y ?>lows")
    assert one(text).abstract == one(raw(FULL)).abstract


def test_outline():
    """An answer is shown as nested dicts, with the first of equal elements."""
    said = outline(envelope(f"<GetRecord>{raw(FULL)}</GetRecord>"))
    record = said["GetRecord"]["record"]
    assert record["header"]["setSpec"] == "cs:cs:LG"
    assert record["metadata"]["arXivRaw"]["version"]["version"] == "v1"
    assert record["metadata"]["arXivRaw"]["id"] == "2609.00042"


# ------------------------------------------------------------------------------ real and mutated


@needs_shared
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real(path: Path):
    """Real answers are read whole: every record with a title, authors and a presumed day."""
    answer = parse_records(path.read_bytes(), DAYS)
    assert answer.items
    assert len(answer.items) == answer.size
    for record in answer.items:
        assert isinstance(record, Record), record
        assert record.title
        assert record.abstract
        assert record.authors
        assert record.categories
        assert record.external_ids[0] == ExternalId("arxiv", record.key)
        assert record.presumed is None or date.fromisoformat(record.presumed)


@st.composite
def mutated(draw: st.DrawFn, bodies: list[bytes]) -> bytes:
    """Return a body with some bytes cut, doubled or changed."""
    body = draw(st.sampled_from(bodies))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 60)))
        body = body[:start] + draw(st.sampled_from((b"", body[start:end] * 2, b"<a>"))) + body[end:]
        body += draw(st.sampled_from((b"", b"", b"&amp;", b"\x00")))
    return body


INVENTED = [
    page([raw(FULL), deleted("2609.00044", "2026-11-18")], "t"),
    page([structured(FULL)]),
    page([dublin_core(FULL)]),
    error("badResumptionToken", "x"),
]


def survives(body: bytes) -> None:
    """Assert that nothing but the two errors of sources comes out."""
    for is_fresh in (True, False):
        try:
            answer = parse_records(body, DAYS, is_fresh=is_fresh)
        except SourceError as caught:
            if isinstance(caught, RecordError):
                raise
            continue
        assert all(isinstance(item, Record | RecordError) for item in answer.items)
        assert len(answer.items) + len(answer.deleted) <= answer.size


@given(st.binary(max_size=300))
def test_any_bytes(body):
    """Whatever the bytes, only errors of sources come out."""
    survives(body)


@given(mutated(INVENTED))
def test_mutated(body):
    """So it is with answers that something happened to."""
    survives(body)


@needs_shared
@given(st.data())
@settings(suppress_health_check=[HealthCheck.data_too_large])
def test_mutated_real(data):
    """So it is with real answers that something happened to."""
    survives(data.draw(mutated([path.read_bytes() for path in REAL])))


ELEMENTS = st.sampled_from(
    ("id", "title", "authors", "version", "date", "categories", "doi", "abstract", "author",
     "keyname", "created", "identifier", "creator", "description", "setSpec", "datestamp")
)  # fmt: skip
TEXTS = st.sampled_from(
    ("", "2609.00042", "math.GT/0309136", "10.5555/x 10.5555/y", "Thu, 01 Oct 2026 17:58:06 GMT",
     "2026-02-31", "2026-10", "9999-12-31", "cs.LG; x", "A. Example, Jr", ":", "v1")
)  # fmt: skip


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> str:
    """Return elements with the right names in the wrong places."""
    name, text = draw(ELEMENTS), draw(TEXTS)
    inner = "".join(draw(st.lists(trees(depth - 1), max_size=3))) if depth else ""
    version = draw(st.sampled_from(("", ' version="v1"', ' version="v²"', ' version="999999999"')))
    return f"<{name}{version}>{text}{inner}</{name}>"


@given(st.sampled_from(("arXivRaw", "arXiv", "dc")), st.lists(trees(), max_size=6), trees())
def test_any_tree(kind, inner, header):
    """So it is with well-formed records that make no sense."""
    text = f"<header>{header}</header><metadata><{kind}>{''.join(inner)}</{kind}></metadata>"
    survives(page([f"<record>{text}</record>"]))
