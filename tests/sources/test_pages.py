"""What the pure parser makes of saved pages. All papers here are invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError
from broadsheet.papers.types import ExternalId, Place, Record
from broadsheet.sources import pages
from broadsheet.sources.pages import ParsedPage

PAPERS = [
    ("Kites That Learn to Land", "We let kites fall until they stop falling badly. It works."),
    ("On the Taste of Graphs", "Graphs are tasted, node by node. Some are bitter."),
    ("lower-case beginnings: a survey", "We survey what begins small. Nothing else does."),
]
BODY = "\n".join(f"{title}\n{abstract}" for title, abstract in PAPERS)
LONG_HEADER = [
    "new",
    "Get trending papers in your email inbox!",
    "Subscribe",
    "Daily Papers",
    "byAK and the research community",
    "Aug 29",
]
GLUED_HEADER = [
    "Get trending papers in your email inbox once a day!",
    "Get trending papers in your email inbox!",
]


def parse(text: str, year: int | None = None) -> ParsedPage:
    """Return the page that `text` must be."""
    parsed = pages.parse_text(text, name="page.txt", year=year)
    assert parsed is not None
    return parsed


def said(parsed: ParsedPage) -> list[tuple[str, str]]:
    """Return the titles and abstracts of a page without errors."""
    return [(item.title, item.abstract) for item in records(parsed)]


def records(parsed: ParsedPage) -> list[Record]:
    """Return the items of a page without errors."""
    assert all(isinstance(item, Record) for item in parsed.items)
    return [item for item in parsed.items if isinstance(item, Record)]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("\n\n".join([*LONG_HEADER, BODY.replace("\n", "\n\n")]), LONG_HEADER),
        ("\n".join([*GLUED_HEADER, "Subscribe" + BODY]), [*GLUED_HEADER, "Subscribe"]),
        ("\n".join([*GLUED_HEADER, "Subscribe  " + BODY]), [*GLUED_HEADER, "Subscribe"]),
        (
            "\n".join([*GLUED_HEADER, "SubscribeDaily Papers", "Mar 11", BODY]),
            [*GLUED_HEADER, "Subscribe", "Daily Papers", "Mar 11"],
        ),
        (f"Daily Papers\nby AK and the research community\n{BODY}", None),
        (f"Daily Papers\nby\nAK and the research community\n29 August 2025\n{BODY}", None),
        (f"A menu\nDaily Papers\n{BODY}", ["A menu", "Daily Papers"]),
    ],
)
def test_headers(text, header):
    """Every known header is split off whole and the papers after it are read by turns."""
    parsed = parse(text)
    assert said(parsed) == PAPERS
    wanted = tuple(header or text.removesuffix("\n" + BODY).split("\n"))
    assert parsed.page.header == wanted
    assert parsed.page.entries == 3


def test_a_lower_case_title_glued_to_the_button():
    """After the line above it the button is split off whatever letter comes next."""
    parsed = parse("Get trending papers in your email inbox!\nSubscribep-adic kites\nThey fly.")
    assert said(parsed) == [("p-adic kites", "They fly.")]


def test_a_title_that_begins_like_the_button():
    """Only the first button of a page is one; titles keep their words."""
    parsed = parse("Subscribe\nDaily Papers\nSubscriber Churn in Kites\nThey leave.")
    assert said(parsed) == [("Subscriber Churn in Kites", "They leave.")]


@pytest.mark.parametrize(
    ("printed", "year", "day"),
    [
        ("Aug 29", None, None),
        ("Aug 29", 2025, "2025-08-29"),
        ("Aug 29, 2024", 2025, "2024-08-29"),
        ("29 August 2025", None, "2025-08-29"),
        ("Sept. 3", 2025, "2025-09-03"),
        ("Friday, May 2nd", 2025, "2025-05-02"),
        ("2025-08-29", None, "2025-08-29"),
        ("Feb 30", 2025, None),
        ("Feb 29", 2025, None),
        ("Feb 29", 2024, "2024-02-29"),
    ],
)
def test_dates(printed, year, day):
    """A date is kept as printed; it is a day only with a year, and only if there is such a day."""
    page = parse(f"Daily Papers\n{printed}\n{BODY}", year).page
    assert (page.day_seen, page.day) == (printed, day)


def test_the_key_is_what_the_page_says():
    """Line ends, blank lines, a BOM, the name and the year make no other page; words do."""
    plain = "\n".join([*LONG_HEADER, BODY])
    key = parse(plain).page.key
    assert len(key) == 16
    assert parse("\ufeff" + plain.replace("\n", "\r\n\r\n") + "\r\n").page.key == key
    assert parse(plain.replace("\n", "\r"), 2025).page.key == key
    assert parse(plain.replace("Kites", "Kytes")).page.key != key
    assert parse(plain.replace("Aug 29", "Aug 30")).page.key != key


def test_records_know_their_place():
    """A record is named by its page and position, and nothing about it is guessed."""
    parsed = parse(f"Daily Papers\nAug 29\n{BODY}", 2025)
    second = records(parsed)[1]
    key = parsed.page.key
    assert second == Record("daily-papers", f"{key}#2", *PAPERS[1], place=Place(key, 2))


def test_hostile_characters():
    """Tabs, NULs, zero-width and direction characters leave one clean line each."""
    text = "Daily Papers\nA\tTitle\x00 of\u200b \u202eKites\nIt\x00 is\x0bcut\u2028by no sign.\n"
    assert said(parse(text)) == [("A Title of Kites", "It is cut by no sign.")]


def test_markup_is_text():
    """A title with a tag or an entity in it is kept as it is."""
    text = "Daily Papers\n<script>alert(1)</script> &amp; Kites\nWe escape."
    assert said(parse(text)) == [("<script>alert(1)</script> &amp; Kites", "We escape.")]


def test_a_page_cut_after_a_title():
    """A last title without its abstract is told of and does not count as an entry."""
    parsed = parse(f"Daily Papers\n{BODY}\nA Lonely Title\n")
    error = parsed.items[-1]
    assert isinstance(error, RecordError)
    assert (error.place, error.excerpt) == (8, "A Lonely Title")
    assert "without its abstract" in error.reason
    assert (len(parsed.items), parsed.page.entries) == (4, 3)


@pytest.mark.parametrize(
    ("ending", "is_cut"),
    [
        ("We find that the", True),
        ("We find kites,", True),
        ("We find kites.", False),
        ("Is it “kites?”", False),
        ("We find kites (see the wind.)", False),
        ("The code is at https://example.org/kites", False),
        ("我们找到风筝。", False),
    ],
)
def test_a_page_cut_in_an_abstract(ending, is_cut):
    """What is left of a last abstract is kept, and marked if it does not end like a sentence."""
    last = records(parse(f"Daily Papers\n{BODY}\nThe Last Kite\n{ending}"))[-1]
    assert last.abstract == ending
    assert last.extra == ({"abstract_cut": True} if is_cut else {})


def test_only_the_last_abstract_can_be_cut():
    """An abstract in the middle of a page is never marked."""
    assert records(parse("Daily Papers\nOne\nno end\nTwo\nAn end."))[0].extra == {}


def test_a_title_of_the_wrong_size():
    """A title over 2,000 characters is set aside and the turn goes on."""
    parsed = parse(f"Daily Papers\n{'x' * 2001}\nIts abstract.\n{BODY}")
    error, *rest = parsed.items
    assert isinstance(error, RecordError)
    assert error.reason == "title of 2001 characters"
    assert [r.place.position for r in rest if isinstance(r, Record) and r.place] == [2, 3, 4]
    assert parsed.page.entries == 3


def test_bytes_that_are_no_utf8():
    """Only the entry that has them is set aside, and its message names the first byte."""
    text = f"Daily Papers\nThe Cafe\nAt the caf\udce9.\n{BODY}"
    parsed = parse(text)
    error = parsed.items[0]
    assert isinstance(error, RecordError)
    assert error.reason == "not UTF-8: byte 0xe9 in the abstract"
    assert parsed.page.entries == 3


@pytest.mark.parametrize("text", ["", "\n \n", BODY, "Some words about Daily Papers and kites"])
def test_other_texts_are_no_pages(text):
    """Text without a header line of such a page is not taken for one."""
    assert pages.parse_text(text, name="x") is None
    assert not pages.is_page(text)


@given(st.text(), st.integers(-5, 10_000) | st.none())
def test_any_text(text, year):
    """Whatever follows a header, there are only records and record errors, each of them once."""
    parsed = parse("Daily Papers\n" + text, year)
    assert parsed.page.entries == sum(isinstance(i, Record) for i in parsed.items)
    assert all(isinstance(i, Record | RecordError) for i in parsed.items)
    titles = [i.title for i in parsed.items if isinstance(i, Record)]
    assert all(t and t == t.strip() and "\n" not in t for t in titles)


# HTML.

SITE = """<!doctype html><html><head><title>Daily Papers - A Site</title>
<script>var title = "<h3><a href='/papers/2501.99999'>No</a></h3>"</script></head><body>
<header><a href="/models">Models</a> <a href="/papers">Daily Papers</a></header>
<div><p>Get trending papers in your email inbox!</p><button>Subscribe</button></div>
<h1>Daily Papers</h1><div>by<a href="/AK">AK</a> and the research community</div>
<time>Aug 29</time>
<section>
<article><a href="/papers/2501.00001"><img src="https://example.org/x.png"></a>
  <h3><a href="/papers/2501.00001">Kites That   <em>Learn</em> to Land<script>alert(1)</script></a>
  </h3><div>Submitted by <a href="/kim">kim</a></div>
  <p>We let kites fall until they stop falling badly.
     It works.</p><a href="/papers/2501.00001#community">12</a></article>
<article><h3><a href="https://huggingface.co/papers/2501.00002v2">A &lt;b&gt; &amp; C</a></h3>
  <div class="line-clamp">We taste graphs, node by node, and tell of those that are bitter, of those
  that are sweet, and of a few that are neither of the two.</div></article>
<article><h3><a href="https://arxiv.org/abs/hep-th/9901001">An Old Kite</a></h3></article>
</section><footer><p>About this site, its terms, its privacy and its many other pages.</p></footer>
</body></html>"""


def parse_html(text: str, year: int | None = None) -> ParsedPage:
    """Return the page that the HTML `text` must be."""
    parsed = pages.parse_html(text.encode(), name="page.html", year=year)
    assert parsed is not None
    return parsed


def test_html_of_the_site():
    """Headings that link to papers are titles; ids come from the links, scripts are not read."""
    parsed = parse_html(SITE, 2025)
    first, second, third = records(parsed)
    assert first.title == "Kites That Learn to Land"
    assert first.abstract == "We let kites fall until they stop falling badly. It works."
    assert first.external_ids == (ExternalId("arxiv", "2501.00001"),)
    assert second.title == "A <b> & C"
    assert second.abstract.startswith("We taste graphs, node by node")
    assert second.external_ids == (ExternalId("arxiv", "2501.00002"),)
    assert third.external_ids == (ExternalId("arxiv", "hep-th/9901001"),)
    assert (parsed.page.day_seen, parsed.page.day) == ("Aug 29", "2025-08-29")
    assert "Get trending papers in your email inbox!" in parsed.page.header
    assert "byAK and the research community" in parsed.page.header
    assert parsed.page.entries == 3


def test_html_with_headings_inside_links():
    """A link round a heading gives the heading's text as the title."""
    html = "<div><a href='/papers/2501.00003'><h2>Kites</h2><span>3 upvotes</span></a></div>"
    (only,) = records(parse_html(html))
    assert (only.title, only.abstract) == ("Kites", "")


def test_html_articles_without_headings():
    """In an article without a heading the first link to its paper is the title."""
    html = (
        "<article><a href='/papers/2501.00003'>Kites</a>"
        "<p>They are let fall until they stop falling badly.</p>"
        "<a href='/papers/2501.00003#c'>3 comments</a></article>"
    )
    (only,) = records(parse_html(html))
    assert only.title == "Kites"
    assert only.abstract == "They are let fall until they stop falling badly."


def test_html_without_links_is_read_as_text():
    """HTML with the header of a page and no linked titles is read line by line."""
    lines = "".join(f"<div>{line}</div>" for line in [*LONG_HEADER, *BODY.split("\n")])
    assert said(parse_html(f"<html><body>{lines}</body></html>")) == PAPERS


def test_html_entities_are_not_expanded():
    """Declared entities, however many, are neither expanded nor fetched."""
    html = (
        '<!DOCTYPE html [<!ENTITY a "kite kite kite"><!ENTITY x SYSTEM "file:///etc/hostname">]>'
        "<h3><a href='/papers/2501.00003'>Kites &a; &x;</a></h3>"
    )
    (only,) = records(parse_html(html))
    assert "kite kite" not in only.title


@pytest.mark.parametrize(
    "html",
    [
        "<html><body><h1>Kites</h1><p>A page about kites.</p></body></html>",
        "<h3><a href='/papers/trending'>Trending</a></h3>",
        "<h3><a href='https://example.org/2501.00001'>Elsewhere</a></h3>",
        "<",
        "<!-- -->",
        "",
    ],
)
def test_other_html_is_no_page(html):
    """HTML without linked papers and without the header is no page."""
    assert pages.parse_html(html.encode(), name="x") is None


def test_html_in_another_encoding():
    """A page that declares its encoding is read in it."""
    html = "<meta charset='iso-8859-1'><h3><a href='/papers/2501.00003'>Le café</a></h3>"
    parsed = pages.parse_html(html.encode("latin-1"), name="x")
    assert parsed is not None
    assert records(parsed)[0].title == "Le café"


def test_html_nested_without_end():
    """Nesting of any depth ends in a page or in none, not in a crash."""
    html = "<div>" * 50_000 + "<h3><a href='/papers/2501.00003'>Deep</a></h3>"
    parsed = pages.parse_html(html.encode(), name="x")
    assert parsed is None or parsed.page.entries <= 1


@given(st.text(alphabet="<>/ahp3=\"'&;!-x \n\x00é") | st.text())
def test_any_html(text):
    """Any markup gives a page of records or none."""
    html = f"<h3><a href='/papers/2501.00003'>{text}</a></h3>{text}"
    parsed = pages.parse_html(html.encode(errors="replace"), name="x")
    assert parsed is None or all(isinstance(i, Record | RecordError) for i in parsed.items)
