"""What the pure parser makes of arXiv's daily feeds. All papers here are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arxiv_answers import EPrint, atom_feed, feed_error, rss_feed
from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_feeds import ParsedFeed, parse_feed
from mutations import mutated, reworded
from shared_data import SHARED, needs_shared

DAY = date(2026, 11, 19)
BOTH = pytest.mark.parametrize("feed_of", [atom_feed, rss_feed])
KITES = EPrint(
    "2611.00001",
    title=r"Kites with $\Gamma$-wings\n  and \'Elan".replace(r"\n", "\n"),
    abstract="We let kites fall.\nAbstract: they say x < y & so do we.",
    authors=(r"Ren\'e Example", r"Zo{\"e} {de, Sample}", "Third Person, Jr."),
    categories=("cs.LG", "stat.ML", "68T05"),
)
TABLES = EPrint(
    "hep-th/9901001",
    title="Tables, Revisited",
    categories=("hep-th",),
    versions=(datetime(1999, 1, 4, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)),
    journal_ref="J. Samp. 1 (2026) 1-2",
    doi="10.5555/1234",
)
CROSSED = EPrint("2611.00002", title="Crossed Kites", categories=("cs.CL", "cs.LG"))


def parse(body: bytes) -> ParsedFeed:
    """Return the feed that `body` must be."""
    return parse_feed(body, name="arxiv-feed")


def records(parsed: ParsedFeed) -> list[Record]:
    """Return the items of a feed without errors."""
    assert all(isinstance(i, Record) for i in parsed.items)
    return [i for i in parsed.items if isinstance(i, Record)]


def arxiv(value: str) -> ExternalId:
    """Return an id of arXiv."""
    return ExternalId("arxiv", value)


@BOTH
def test_every_field_of_an_entry_is_read(feed_of):
    """Both formats say the same: title, abstract, people, categories, ids, links, licence."""
    parsed = parse(feed_of([(KITES, "new"), (TABLES, "replace")], DAY))
    kites, tables = records(parsed)
    assert kites == Record(
        source="arxiv-feed",
        key="2611.00001",
        title=r"Kites with $\Gamma$-wings and \'Elan",
        abstract="We let kites fall. Abstract: they say x < y & so do we.",
        authors=(r"Ren\'e Example", r"Zo{\"e} {de, Sample}", "Third Person Jr."),
        external_ids=(arxiv("2611.00001"),),
        announced="2026-11-19",
        categories=("cs.LG", "stat.ML"),
        links=(
            ("abs", "https://arxiv.org/abs/2611.00001"),
            ("pdf", "https://arxiv.org/pdf/2611.00001"),
        ),
        extra={
            "version": 1,
            "announce_type": "new",
            "rights": KITES.licence,
            "msc-class": "68T05",
        },
    )
    assert tables.key == "hep-th/9901001"
    assert tables.external_ids == (arxiv("hep-th/9901001"), ExternalId("doi", "10.5555/1234"))
    assert tables.venue == "J. Samp. 1 (2026) 1-2"
    assert tables.extra["version"] == 2
    assert parsed.day == "2026-11-19"
    assert parsed.built == "2026-11-19T05:00:19Z"


@BOTH
def test_only_what_is_new_was_announced_on_that_day(feed_of):
    """A cross-list and a replacement were announced before; they are shown again."""
    kinds = ("new", "cross", "replace", "replace-cross")
    papers = [EPrint(f"2611.0000{n}") for n in range(len(kinds))]
    parsed = parse(feed_of(list(zip(papers, kinds, strict=True)), DAY))
    said = [(r.announced, r.again) for r in records(parsed)]
    assert said == [
        ("2026-11-19", ()),
        (None, (("2026-11-19", "cross"),)),
        (None, (("2026-11-19", "version"),)),
        (None, (("2026-11-19", "version"),)),
    ]
    assert list(parsed.types.values()) == list(kinds)


@pytest.mark.parametrize(
    ("stated", "day"),
    [
        ("2026-11-19T00:00:00-05:00", "2026-11-19"),
        ("2026-11-19T05:00:00Z", "2026-11-19"),
        ("2026-07-01T00:00:00-04:00", "2026-07-01"),
        ("2026-07-01T04:00:00+00:00", "2026-07-01"),
        ("2026-07-01T03:59:00+00:00", "2026-06-30"),
        ("Thu, 19 Nov 2026 00:00:00 -0500", "2026-11-19"),
        ("Thu, 19 Nov 2026 05:00:00 GMT", "2026-11-19"),
        ("2026-11-19", "2026-11-19"),
    ],
)
def test_the_day_is_that_of_new_york_however_it_is_written(stated, day):
    """Midnight in New York is given with its offset or in UTC; both are one day."""
    body = atom_feed([(KITES, "new")], DAY)
    body = body.replace(b"2026-11-19T00:00:00-05:00", stated.encode())
    parsed = parse(body)
    assert records(parsed)[0].announced == parsed.day == day


@BOTH
def test_a_feed_built_in_summer_has_the_summer_day(feed_of):
    """Daylight saving time moves the moment and not the day."""
    assert parse(feed_of([(KITES, "new")], date(2026, 7, 1))).day == "2026-07-01"


@BOTH
def test_an_entry_without_a_day_has_that_of_the_feed(feed_of):
    """Where an entry gives no date, the feed's own counts."""
    body = feed_of([(KITES, "new")], DAY)
    head, entry = body.split(b"<entry>" if b"<entry>" in body else b"<item>")
    for tag in (b"published", b"pubDate", b"updated"):
        entry = entry.replace(b"<%s>" % tag, b"<x>").replace(b"</%s>" % tag, b"</x>")
    opening = b"<entry>" if feed_of is atom_feed else b"<item>"
    assert records(parse(head + opening + entry))[0].announced == "2026-11-19"


@BOTH
def test_a_paper_in_two_of_the_categories_is_one_record(feed_of):
    """In joined categories new wins over cross, and cross over replaced."""
    both = (KITES, "replace"), (KITES, "new"), (KITES, "cross"), (TABLES, "replace")
    parsed = parse(feed_of(list(both), DAY, categories=("cs.LG", "hep-th")))
    assert [r.key for r in records(parsed)] == ["2611.00001", "hep-th/9901001"]
    assert parsed.types == {arxiv("2611.00001"): "new", arxiv("hep-th/9901001"): "replace"}
    assert records(parsed)[0].announced == "2026-11-19"
    assert records(parsed)[0].again == ()
    assert parsed.size == 4


def test_an_old_paper_cross_listed_and_replaced_at_once_keeps_both():
    """Both reasons for showing it again are kept."""
    (record,) = records(parse(atom_feed([(TABLES, "replace"), (TABLES, "cross")], DAY)))
    assert record.announced is None
    assert record.again == (("2026-11-19", "cross"), ("2026-11-19", "version"))


@BOTH
def test_joined_categories_are_those_of_the_title(feed_of):
    """The title names the categories that were asked for."""
    parsed = parse(feed_of([(KITES, "new")], DAY, categories=("cs.AI", "q-bio.NC")))
    assert parsed.categories == ("cs.AI", "q-bio.NC")


@BOTH
def test_the_feed_of_a_weekend_is_empty_and_well(feed_of):
    """No entries on Saturday is no error."""
    parsed = parse(feed_of([], date(2026, 11, 21)))
    assert parsed == ParsedFeed(
        day="2026-11-21",
        built="2026-11-21T05:00:19Z",
        categories=("cs.LG",),
        items=[],
        types={},
        size=0,
    )


def test_the_kind_is_read_from_the_text_where_the_element_is_gone():
    """The summary says how a paper is announced, too."""
    body = rss_feed([(CROSSED, "cross")], DAY).replace(b"arxiv:announce_type", b"arxiv:unknown")
    parsed = parse(body)
    assert parsed.types == {arxiv("2611.00002"): "cross"}
    assert records(parsed)[0].abstract == CROSSED.abstract


def test_of_a_kind_that_nobody_knows_no_day_is_claimed():
    """The word is kept, and nothing is made of it."""
    (record,) = records(parse(atom_feed([(KITES, "absonly")], DAY)))
    assert (record.announced, record.again) == (None, ())
    assert record.extra["announce_type"] == "absonly"


def test_affiliations_are_no_authors():
    """Brackets hold affiliations, commas and further brackets among them."""
    people = ("Ada Example (Univ. of A, Dept. (of B), C)", "Plato", "Bo Sample")
    (record,) = records(parse(rss_feed([(replace(KITES, authors=people), "new")], DAY)))
    assert record.authors == ("Ada Example", "Plato", "Bo Sample")


def test_two_people_of_one_name_each_are_not_turned():
    """A comma parts people: nobody is called `Bo Plato`."""
    (record,) = records(parse(rss_feed([(replace(KITES, authors=("Plato", "Bo")), "new")], DAY)))
    assert record.authors == ("Plato", "Bo")


@pytest.mark.parametrize(
    ("doi", "ids", "kept"),
    [
        ("10.5555/Ab 10.5555/cd", ("doi:10.5555/ab", "doi:10.5555/cd"), None),
        ("https://doi.org/10.5555/1", ("doi:10.5555/1",), None),
        ("10.1007/978-3-030-18579-4", (), "10.1007/978-3-030-18579-4"),
        ("10.48550/arXiv.2501.00009", (), "10.48550/arXiv.2501.00009"),
        ("forthcoming", (), "forthcoming"),
    ],
)
def test_a_doi_counts_only_if_it_can_be_the_papers_own(doi, ids, kept):
    """Several are several; a book's, another e-print's and words are kept aside."""
    (record,) = records(parse(rss_feed([(replace(KITES, doi=doi), "new")], DAY)))
    assert tuple(map(str, record.external_ids[1:])) == ids
    assert record.extra.get("doi") == kept


def test_a_withdrawn_paper_is_known_by_its_abstract():
    """Feeds say it only there."""
    gone = replace(TABLES, abstract="This paper has been withdrawn by the author.")
    (record,) = records(parse(atom_feed([(gone, "replace")], DAY)))
    assert record.withdrawn


def test_an_entry_that_cannot_be_used_does_not_stop_the_others():
    """It becomes an error with its position, and the others are read."""
    bad = [EPrint("not-an-id"), replace(CROSSED, title=" "), replace(CROSSED, title="x" * 3000)]
    parsed = parse(atom_feed([(KITES, "new"), *((b, "new") for b in bad)], DAY))
    record, *errors = parsed.items
    assert isinstance(record, Record)
    assert [(e.place, e.reason) for e in errors if isinstance(e, RecordError)] == [
        (2, "no id of arXiv"),
        (3, "no title"),
        (4, "title of 3000 characters"),
    ]
    assert all(len(e.excerpt) <= 200 for e in errors if isinstance(e, RecordError))


def test_if_nothing_can_be_read_the_form_has_changed():
    """Entries of which none is usable mean drift, not bad luck."""
    body = atom_feed([(KITES, "new"), (CROSSED, "new")], DAY).replace(b"title>", b"headline>")
    with pytest.raises(SourceError, match=r"none of its 2 entries can be read.*no title"):
        parse(body)


def test_a_sign_that_xml_forbids_does_not_hold_up_a_feed():
    """Control characters from someone's abstract are taken out."""
    body = atom_feed([(KITES, "new")], DAY).replace(b"We let", b"We\x0c\x01let")
    assert records(parse(body))[0].abstract.startswith("We let kites fall.")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (feed_error("cs.XX", "Bad subject class 'XX'."), "made no feed: Bad subject class 'XX'"),
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Busy &amp; sorry</body></html>", "is a web page instead"),
        (b"<html><body><p>no", "is a web page instead"),
        (b"<html/>", "is a web page instead"),
        (b"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", "RSS 1.0"),
        (b"<rss version='2.0'/>", "RSS or Atom feed was expected, not <rss>"),
        (b"<opml/>", "RSS or Atom feed was expected, not <opml>"),
        (b'{"error": "no"}', "cannot be read as XML"),
        (b"<feed><title>cs.LG updates on arXiv.org</title><entry><id>oai", "may have broken off"),
        (b"<?xml version='1.0' encoding='klingon'?><feed/>", "cannot be read as XML"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_reason(body, says):
    """The error says what came instead of a feed."""
    with pytest.raises(SourceError, match=says) as caught:
        parse(body)
    assert not isinstance(caught.value, RecordError)
    assert caught.value.source == "arxiv-feed"


LAUGHS = (
    b'<!DOCTYPE feed [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(9))
    + b"]><feed xmlns='http://www.w3.org/2005/Atom'><title>&j;</title></feed>"
)
OUTSIDE = (
    b'<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]><feed><title>&x;</title></feed>'
)


@pytest.mark.parametrize("bomb", [LAUGHS, OUTSIDE])
def test_entities_are_never_followed(bomb):
    """Neither a billion laughs nor a file of this machine come of an answer."""
    with pytest.raises(SourceError, match=r"document type|cannot be read"):
        parse(bomb)


# Fuzz.

GOOD = [
    feed_of([(KITES, "new"), (TABLES, "replace"), (CROSSED, "cross")], DAY)
    for feed_of in (atom_feed, rss_feed)
]
REAL = (
    [p.read_bytes() for p in sorted((SHARED / "raw" / "arxiv_rss_atom").glob("*.xml"))]
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
        if isinstance(found, Record):
            assert found.title
            assert found.external_ids[0] in parsed.types


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(body):
    """Only SourceError comes out, whatever comes in."""
    survives(body)


@given(mutated(GOOD))
@settings(max_examples=150)
def test_mutated_feeds_are_survived(body):
    """Broken feeds give records, errors or a SourceError."""
    survives(body)


@given(reworded(GOOD))
@settings(max_examples=150)
def test_feeds_with_other_words_are_survived(body):
    """Well-formed feeds that say anything at all are read."""
    survives(body)


@needs_shared
def test_a_real_feed_is_read_whole():
    """Every entry of a feed that arXiv really sent becomes a record."""
    (body,) = REAL
    parsed = parse(body)
    assert len(records(parsed)) == body.count(b"<entry>")
    assert parsed.categories == ("cs.AI",)
    assert parsed.day == "2025-08-20"
    assert set(parsed.types.values()) == {"new", "cross"}
    assert all(r.abstract and r.authors and r.categories for r in records(parsed))
    assert not any("Announce Type" in r.abstract for r in records(parsed))


@needs_shared
@given(st.data())
@settings(max_examples=100)
def test_mutated_real_feeds_are_survived(data):
    """So are broken ones of arXiv's own."""
    survives(data.draw(mutated(REAL)))
