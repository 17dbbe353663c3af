"""What the pure parser makes of pages of new listings. All papers here are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arxiv_answers import EPrint, listing_page
from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_listing import SECTIONS, ParsedListing, parse_listing
from mutations import mutated, reworded

DAY = date(2026, 11, 19)
KITES = EPrint(
    "2611.00001",
    title=r"Kites with $\Gamma$-wings",
    abstract="We let kites fall, if $x < y$ & z.",
    authors=("René Example", "Bo Sample"),
    categories=("cs.LG", "physics.acc-ph", "hep-th"),
    comment="12 pages",
    journal_ref="J. Samp. 1 (2026) 1-2",
)
CROSSED = EPrint("2611.00002", title="Crossed Kites", categories=("cs.CL", "cs.LG"))
OLD = EPrint("math/0309136", title="Knots of Kites", categories=("math.GT", "cs.LG"))
# Until 2023 the headings stood between the lists and had the date in them.
EARLIER = b"""<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
 "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><body><div id="dlpage">
<h1>Machine Learning</h1><h2>New submissions</h2>
<ul><li><a href="#item0">New submissions</a></li><li><a href="#item3">Cross-lists</a></li>
<li><a href="/list/cs.LG/new?skip=3&amp;show=3#item4">Replacements</a></li></ul>
<p>See <a href="/list/cs.LG/recent">recent</a> articles</p>
<small>[ total of 9 entries:  <b>1-3</b> | <a href="/list/cs.LG/new?skip=3&amp;show=3">4-6</a> ]
</small><br />
<h3>New submissions for Mon,  9 Jan 23</h3>
<dl>
<dt><a name="item1">[1]</a>&nbsp;  <span class="list-identifier"><a href="/abs/2301.00001"
 title="Abstract">arXiv:2301.00001</a> [<a href="/pdf/2301.00001" title="Download PDF">pdf</a>]
</span></dt>
<dd><div class="meta"><div class="list-title mathjax">
<span class="descriptor">Title:</span> Early Kites
</div><div class="list-authors"><span class="descriptor">Authors:</span>
<a href="/search/cs?q=a">Ada Example</a>,
<a href="/search/cs?q=b">Bo Sample</a></div>
<div class="list-subjects"><span class="descriptor">Subjects:</span>
<span class="primary-subject">Machine Learning (cs.LG)</span></div>
<p class="mathjax">They flew.
</p></div></dd>
<dt><a href="/abs/2301.00002" title="Abstract">arXiv:2301.00002</a></dt>
<dd><div class="meta"><div class="list-title mathjax">Later Kites</div></div></dd>
</dl>
<h3>Cross-lists for Mon,  9 Jan 23</h3>
<dl><dt><a href="/abs/2301.00003" title="Abstract">arXiv:2301.00003</a>
 (cross-list from cs.CL) </dt>
<dd><div class="meta"><div class="list-title mathjax">Crossed Kites</div></div></dd>
</dl></div></body></html>"""


def parse(body: bytes) -> ParsedListing:
    """Return the listing that `body` must be."""
    return parse_listing(body, name="arxiv-feed")


def records(parsed: ParsedListing) -> list[Record]:
    """Return the items of a page without errors."""
    assert all(isinstance(i, Record) for i in parsed.items)
    return [i for i in parsed.items if isinstance(i, Record)]


def papers(count: int, first: int = 1) -> list[EPrint]:
    """Return papers numbered from `first` on."""
    return [EPrint(f"2611.{n:05}", title=f"Kite {n}") for n in range(first, first + count)]


def ids(*values: str) -> tuple[ExternalId, ...]:
    """Return ids of arXiv."""
    return tuple(ExternalId("arxiv", v) for v in values)


def test_every_field_of_an_entry_is_read():
    """Titles, people, comments, subjects and abstracts lose the words that stand before them."""
    parsed = parse(listing_page("cs.LG", DAY, [KITES]))
    assert records(parsed) == [
        Record(
            source="arxiv-feed",
            key="2611.00001",
            title=r"Kites with $\Gamma$-wings",
            abstract="We let kites fall, if $x < y$ & z.",
            authors=("René Example", "Bo Sample"),
            external_ids=ids("2611.00001"),
            announced="2026-11-19",
            categories=("cs.LG", "physics.acc-ph", "hep-th"),
            venue="J. Samp. 1 (2026) 1-2",
            comment="12 pages",
            links=(
                ("abs", "https://arxiv.org/abs/2611.00001"),
                ("pdf", "https://arxiv.org/pdf/2611.00001"),
            ),
            extra={"announce_type": "new"},
        )
    ]


def test_the_sections_are_told_apart():
    """Only what is new was announced on the day; the counts are those of the headings."""
    parsed = parse(listing_page("cs.LG", DAY, [KITES], [CROSSED], [OLD]))
    assert parsed._replace(items=[]) == ParsedListing(
        category="cs.LG",
        day="2026-11-19",
        ids={
            "new": ids("2611.00001"),
            "cross": ids("2611.00002"),
            "replace": ids("math/0309136"),
        },
        counts={"new": 1, "cross": 1, "replace": 1},
        items=[],
        shown=3,
        total=3,
    )
    assert [(r.announced, r.again, r.extra["announce_type"]) for r in records(parsed)] == [
        ("2026-11-19", (), "new"),
        (None, (("2026-11-19", "cross"),), "cross"),
        (None, (("2026-11-19", "version"),), "replace"),
    ]


@pytest.mark.parametrize("show", [1, 2, 3, 4, 7, 2000])
def test_every_page_knows_the_counts_of_all_sections(show):
    """Sections on other pages are counted by the page's index."""
    new, cross, again = papers(5), papers(3, 10), papers(2, 20)
    shown = []
    for skip in range(0, 10, show):
        parsed = parse(listing_page("cs.LG", DAY, new, cross, again, skip=skip, show=show))
        assert parsed.counts == {"new": 5, "cross": 3, "replace": 2}
        assert parsed.total == 10
        assert parsed.shown == len(parsed.items) == min(show, 10 - skip)
        shown += [i for section in SECTIONS for i in parsed.ids[section]]
    assert shown == [*ids(*(p.id for p in (*new, *cross, *again)))]


@pytest.mark.parametrize("section", range(3))
def test_sections_that_are_empty_count_nothing(section):
    """A day may have only new papers, only cross-lists or only replacements."""
    sections: list[list[EPrint]] = [[], [], []]
    sections[section] = papers(2)
    parsed = parse(listing_page("cs.LG", DAY, *sections))
    assert list(parsed.counts.values()) == [2 * (n == section) for n in range(3)]


def test_a_page_without_updates_is_well():
    """Small categories have days without a paper."""
    parsed = parse(listing_page("math.GM", DAY))
    assert parsed == ParsedListing(
        category="math.GM",
        day="2026-11-19",
        ids={"new": (), "cross": (), "replace": ()},
        counts={"new": 0, "cross": 0, "replace": 0},
        items=[],
        shown=0,
        total=0,
    )


def test_the_earlier_form_is_read():
    """Its headings have the date, with two digits of the year, and no counts."""
    parsed = parse(EARLIER)
    assert parsed.day == "2023-01-09"
    assert parsed.category == "cs.LG"
    assert parsed.ids == {
        "new": ids("2301.00001", "2301.00002"),
        "cross": ids("2301.00003"),
        "replace": (),
    }
    assert parsed.counts == {"new": 2, "cross": 1, "replace": 6}
    assert (parsed.shown, parsed.total) == (3, 9)
    first = records(parsed)[0]
    assert (first.title, first.abstract) == ("Early Kites", "They flew.")
    assert first.authors == ("Ada Example", "Bo Sample")
    assert first.announced == "2023-01-09"


def test_what_nobody_counts_is_not_counted():
    """Without an index and with more pages, a section without a count may have any."""
    start, end = EARLIER.index(b"<ul>"), EARLIER.index(b"</ul>")
    parsed = parse(EARLIER[:start] + EARLIER[end:])
    assert parsed.counts == {}
    assert parsed.total == 9


@pytest.mark.parametrize(
    ("heading", "day"),
    [
        ("Showing new listings for Thursday, 19 November 2026", "2026-11-19"),
        ("Showing new listings for Wednesday, 1 July 2026", "2026-07-01"),
        ("New submissions for Thu, 19 Nov 26", "2026-11-19"),
        ("New submissions for Thu, 19 Nov 2026 (showing 1 of 1 entries)", "2026-11-19"),
        ("New submissions for Thu, 31 Feb 2026", None),
        ("New submissions for today", None),
    ],
)
def test_the_day_of_a_heading(heading, day):
    """Every form that arXiv has used is read, and no day is made up."""
    body = listing_page("cs.LG", DAY, [KITES])
    body = body.replace(b"Showing new listings for Thursday, 19 November 2026", heading.encode())
    parsed = parse(body)
    assert parsed.day == day
    assert records(parsed)[0].announced == day


def test_hidden_links_say_where_they_lead():
    """ArXiv shows "this https URL" in place of an address, and line breaks as `<br>`."""
    body = listing_page("cs.LG", DAY, [KITES]).replace(
        b"We let kites fall",
        b'See <a href="https://kites.example/a?b=1&amp;c" rel="external">this https URL</a>.<br>'
        b'We <em>let</em><script>no</script> kites (<a href="http://x.example">here</a>) fall',
    )
    assert records(parse(body))[0].abstract == (
        "See https://kites.example/a?b=1&c. We let kites (here) fall, if $x < y$ & z."
    )


def test_a_long_list_of_authors_is_marked_as_cut():
    """ArXiv shows the first hundred; who takes them for all would lose the others."""
    body = listing_page("cs.LG", DAY, [KITES, CROSSED]).replace(
        b"Bo Sample</a></div>", b"Bo Sample</a> et al. (460 additional authors not shown)</div>", 1
    )
    first, second = records(parse(body))
    assert first.authors == ("René Example", "Bo Sample")
    assert first.extra["authors_cut"] is True
    assert "authors_cut" not in second.extra


def test_authors_without_links_are_read():
    """A name may stand there as text only."""
    body = listing_page("cs.LG", DAY, [KITES])
    start, end = body.index(b"<div class='list-authors'>"), body.index(b"</div><div class='list-c")
    body = body[:start] + b"<div class='list-authors'>Ada Example, Bo Sample (Lab)" + body[end:]
    assert records(parse(body))[0].authors == ("Ada Example", "Bo Sample")


def test_a_withdrawn_paper_is_known_by_its_comment():
    """That is where a replacement says it."""
    gone = replace(OLD, comment="This paper has been withdrawn by the author")
    assert records(parse(listing_page("cs.LG", DAY, (), (), [gone])))[0].withdrawn


def test_a_paper_in_two_sections_is_one_record():
    """It stays in the ids of both; as a record, new wins over replaced."""
    parsed = parse(listing_page("cs.LG", DAY, [KITES], (), [KITES]))
    assert parsed.ids["new"] == parsed.ids["replace"] == ids("2611.00001")
    assert [r.announced for r in records(parsed)] == ["2026-11-19"]


def test_an_entry_that_cannot_be_used_does_not_stop_the_others():
    """It becomes an error with its position on the page; its id counts all the same."""
    body = listing_page("cs.LG", DAY, [KITES, CROSSED, OLD])
    body = body.replace(b"          Crossed Kites", b" ").replace(b"/abs/math", b"/abs/kites")
    parsed = parse(body)
    record, *errors = parsed.items
    assert isinstance(record, Record)
    assert [(e.place, e.reason) for e in errors if isinstance(e, RecordError)] == [
        (2, "no title"),
        (3, "no id of arXiv"),
    ]
    assert parsed.ids["new"] == ids("2611.00001", "2611.00002")
    assert parsed.counts["new"] == 3


def test_an_entry_may_lack_its_text():
    """A `dt` without a `dd` is an error; the next paper keeps its own text."""
    body = listing_page("cs.LG", DAY, [KITES, CROSSED])
    start, end = body.index(b"<dd>"), body.index(b"</dd>") + 5
    record, error = parse(body[:start] + body[end:]).items
    assert isinstance(record, Record)
    assert record.title == "Crossed Kites"
    assert isinstance(error, RecordError)
    assert (error.place, error.reason) == (1, "nothing is said of this paper")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is empty|cannot be read"),
        (b"<html><body><h1>403 Forbidden</h1></body></html>", "no page of arXiv's new listings"),
        (b"<html><body><h3>Thu, 19 Nov 2026</h3><dl><dt>x</dt></dl>", "403|no page"),
        (b'{"error": "busy"}', "no page of arXiv's new listings"),
        (
            listing_page("cs.LG", DAY, [KITES, CROSSED]).replace(b"list-title", b"list-headline"),
            "none of its 2 entries can be read, the first for this: no title",
        ),
    ],
)
def test_what_is_no_such_page_is_refused_with_a_reason(body, says):
    """The error says what came instead."""
    with pytest.raises(SourceError, match=says) as caught:
        parse(body)
    assert not isinstance(caught.value, RecordError)


def test_entities_and_scripts_do_nothing():
    """A page that declares entities is read as a page; no file is opened, nothing expands."""
    doctype = b'<!DOCTYPE html [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;">]>'
    body = listing_page("cs.LG", DAY, [replace(KITES, title="Kites XX")])
    body = doctype + body.replace(b"<!DOCTYPE html>", b"").replace(b"XX", b"&a;&b;")
    assert records(parse(body))[0].title == "Kites &a;&b;"


# Fuzz.

GOOD = [
    listing_page("cs.LG", DAY, [KITES], [CROSSED], [OLD]),
    listing_page("cs.LG", DAY, papers(4), [CROSSED], [OLD], skip=2, show=3),
    EARLIER,
]


def survives(body: bytes) -> None:
    """Fail if anything but SourceError comes of reading `body`, or counts that cannot be."""
    try:
        parsed = parse(body)
    except SourceError:
        return
    for found in parsed.items:
        assert isinstance(found, Record | RecordError)
        assert isinstance(found, RecordError) or (found.title and found.key)
    assert parsed.shown >= sum(isinstance(i, Record) for i in parsed.items)
    assert parsed.total >= parsed.shown
    assert all(count >= 0 for count in parsed.counts.values())


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(body):
    """Only SourceError comes out, whatever comes in."""
    survives(body)


@given(mutated(GOOD))
@settings(max_examples=150)
def test_mutated_pages_are_survived(body):
    """Broken pages give records, errors or a SourceError."""
    survives(body)


@given(reworded(GOOD))
@settings(max_examples=150)
def test_pages_with_other_words_are_survived(body):
    """Pages that say anything at all between their tags are read."""
    survives(body)
