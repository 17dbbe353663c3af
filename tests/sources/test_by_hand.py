"""Papers that a reader names. All papers and pages here are invented."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.identity import NAMESPACES
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.by_hand import (
    MANNER,
    ORDER,
    ById,
    ByLink,
    ByTitle,
    best_title,
    fetch_page,
    parse_page,
    read_wanted,
)
from broadsheet.sources.polite import PoliteClient
from loopback import FakeTime, Loopback, Reply, html, redirect

LONG = "We fly kites over fields and measure how the strings hum in a steady wind. " * 4
URL = "https://press.example/kites/1?from=mail"

HIGHWIRE = f"""<!doctype html><html><head><title>Kites | Press</title>
<link rel="canonical" href="/kites/1">
<meta name="citation_title" content="On Kites &amp; &lt;i&gt;Strings&lt;/i&gt;">
<meta name="citation_author" content="van der Example, Ann">
<meta name="citation_author" content="Bo Sample">
<meta name="citation_doi" content="doi:10.5555/Kites.1">
<meta name="citation_publication_date" content="2026/3/7">
<meta name="citation_journal_title" content="Annals of Kites">
<meta name="citation_pdf_url" content="/kites/1.pdf">
<meta name="citation_keywords" content="kites; strings">
<meta name="citation_abstract" content="&lt;p&gt;Abstract: {LONG}&lt;/p&gt;">
<meta property="og:title" content="Read this">
</head><body>hello</body></html>""".encode()

JSON_LD = orjson.dumps(
    {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "Organization", "name": "Press"},
            {
                "@type": ["ScholarlyArticle"],
                "headline": "Graphs in Schema",
                "author": [
                    {"@type": "Person", "name": "Ann Example"},
                    {"givenName": "Bo", "familyName": "Sample"},
                ],
                "datePublished": "2026-03-01T10:00:00Z",
                "sameAs": ["https://doi.org/10.5555/graphs.2"],
                "isPartOf": {"name": "Letters on Graphs"},
                "abstract": LONG,
            },
        ],
    }
)


def meta(**said: str) -> bytes:
    """Return a page with these fields (`__` for a dot)."""
    fields = "".join(
        f'<meta name="{name.replace("__", ".")}" content="{value}">' for name, value in said.items()
    )
    return f"<html><head>{fields}</head></html>".encode()


# What is wanted.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2601.00001v2", ById(ExternalId("arxiv", "2601.00001"))),
        ("arXiv:2601.00001 [cs.LG]", ById(ExternalId("arxiv", "2601.00001"))),
        ("https://arxiv.org/pdf/2601.00001", ById(ExternalId("arxiv", "2601.00001"))),
        ("10.5555/ABC", ById(ExternalId("doi", "10.5555/abc"))),
        ("https://doi.org/10.5555/abc", ById(ExternalId("doi", "10.5555/abc"))),
        ("https://press.example/kites", ByLink("https://press.example/kites")),
        ("<https://press.example/kites>", ByLink("https://press.example/kites")),
        ("press.example/kites", ByLink("https://press.example/kites")),
        ("www.press.example", ByLink("https://www.press.example")),
        ("On Kites and Strings", ByTitle("On Kites and Strings")),
        ("  “On Kites” ", ByTitle("On Kites")),
        ("AdaKite/Graph", ByTitle("AdaKite/Graph")),
        ("Kites: https://x.example and more", ByTitle("Kites: https://x.example and more")),
    ],
)
def test_what_somebody_means(text, expected):
    """An id in any form, an address with or without its scheme, else a title."""
    assert read_wanted(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "“”", "...", "\u200b"])
def test_nothing_is_refused(text):
    """There is nothing to look for."""
    with pytest.raises(SourceError, match="no id, no address and no title"):
        read_wanted(text)


@given(st.text(max_size=80))
def test_anything_is_something_or_nothing(text):
    """Nothing but a SourceError comes out."""
    try:
        assert isinstance(read_wanted(text), ById | ByLink | ByTitle)
    except SourceError as error:
        assert error.source == "by-hand"  # noqa: PT017 (either way is right)


def test_every_namespace_has_somebody_to_ask():
    """What can be an id can be asked about."""
    assert set(ORDER) == set(NAMESPACES)
    assert all(ORDER.values())


# Titles.


def record(title: str, *authors: str) -> Record:
    """Return a candidate."""
    return Record(source="s2", key=title, title=title, authors=authors)


def test_the_candidate_that_has_the_title():
    """Accents, case, TeX and one word of many do not count; being contained does not suffice."""
    kites = record("On Kites: Strings & Winds")
    others = [
        record("On Kites"),
        record("A Survey of On Kites: Strings and Winds in Fields"),
        kites,
    ]
    assert best_title("on kites -- strings winds", others) == kites
    assert best_title("Strings", others) is None
    assert best_title("", others) is None
    assert best_title("On Kites", []) is None
    long = (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    )
    assert best_title(f"{long} sixteen", [record(long)]) is not None
    assert best_title("Tides", [record("Tides++")]) is None


def test_two_papers_of_one_title_are_for_the_reader_to_choose():
    """Records of one paper are one choice; those of people with nothing in common are two."""
    ours, same = record("Kites", "Ann Example"), record("Kites", "A. Example", "Bo Sample")
    assert best_title("Kites", [ours, same, record("Kites")]) == ours
    assert best_title("Kites", [ours, record("Kites", "Cy Third")]) is None


# Pages.


def test_a_page_with_the_fields_of_scholar():
    """All that they say is read, and addresses are whole."""
    paper = parse_page(HIGHWIRE, url=URL)
    assert paper.title == "On Kites & Strings"
    assert paper.authors == ("Ann van der Example", "Bo Sample")
    assert paper.external_ids == (ExternalId("doi", "10.5555/kites.1"),)
    assert (paper.published, paper.submitted, paper.year) == ("2026-03-07", None, None)
    assert paper.venue == "Annals of Kites"
    assert paper.abstract == LONG.strip()
    assert paper.keywords == ("kites", "strings")
    assert paper.links == (
        ("abs", "https://press.example/kites/1"),
        ("pdf", "https://press.example/kites/1.pdf"),
    )
    assert (paper.source, paper.key, paper.extra) == ("by-hand", "doi:10.5555/kites.1", {})


def test_a_preprint():
    """Its date is that of submission."""
    page = meta(citation_title="Kites", citation_arxiv_id="2601.00001", citation_date="2026/01/02")
    paper = parse_page(page, url="https://mirror.example/x")
    assert (paper.submitted, paper.published) == ("2026-01-02", None)
    assert paper.key == "arxiv:2601.00001"


def test_a_page_with_dublin_core():
    """The other usual set of fields; a year is a year."""
    page = meta(DC__title="Kites", DC__creator="Example, Ann", DC__date="2019",
                DC__identifier="https://doi.org/10.5555/d.1", DC__description=LONG)  # fmt: skip
    paper = parse_page(page, url=URL)
    assert (paper.title, paper.authors, paper.year) == ("Kites", ("Ann Example",), 2019)
    assert paper.abstract == LONG.strip()
    assert paper.external_ids == (ExternalId("doi", "10.5555/d.1"),)
    assert paper.extra == {}


def test_a_page_with_json_ld():
    """An article is found among other things, in whatever nest."""
    page = b'<html><script type="application/ld+json">' + JSON_LD + b"</script></html>"
    paper = parse_page(page, url=URL)
    assert paper.title == "Graphs in Schema"
    assert paper.authors == ("Ann Example", "Bo Sample")
    assert paper.published == "2026-03-01"
    assert paper.venue == "Letters on Graphs"
    assert paper.external_ids == (ExternalId("doi", "10.5555/graphs.2"),)
    assert paper.abstract == LONG.strip()


def test_a_page_that_says_little_is_a_guess():
    """Its title counts, what is said for sharing is a summary, and the guess is marked."""
    page = b"<html><head><title>Kites - a blog</title><meta property='og:title' content='Kites'>"
    page += f"<meta property='og:description' content='{LONG}'></head></html>".encode()
    paper = parse_page(page, url="https://blog.example/kites")
    assert (paper.title, paper.extra) == ("Kites", {"guessed": True})
    assert (paper.abstract, paper.summary) == ("", LONG.strip())
    assert paper.key == "https://blog.example/kites"
    assert parse_page(b"<title>Only this</title>", url=URL).title == "Only this"


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("Ann Example, Bo Sample", ("Ann Example", "Bo Sample")),
        ("van der Example, Ann", ("Ann van der Example",)),
        ("Example, Ann; Sample, Bo", ("Ann Example", "Bo Sample")),
        ("A. One, B. Two, C. Three", ("A. One", "B. Two", "C. Three")),
        ("Ann Example", ("Ann Example",)),
    ],
)
def test_one_field_for_all_authors(said, names):
    """Some pages name everybody in one field."""
    assert parse_page(meta(citation_title="T", citation_author=said), url=URL).authors == names


def test_a_page_without_a_title():
    """It is set aside with the reason."""
    with pytest.raises(RecordError, match="no title"):
        parse_page(b"<html><body>hello</body></html>", url=URL)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"%PDF-1.7 <<", "a PDF"),
        (b'{"a": "<b>"}', "JSON"),
        (b"", "text"),
        (b"just words", "text"),
        (b"<html>" + b" " * 8_000_000, "8000006 bytes"),
    ],
)
def test_what_is_no_page(body, says):
    """The message says what it is."""
    with pytest.raises(SourceError, match=says) as caught:
        parse_page(body, url=URL)
    assert not isinstance(caught.value, RecordError)


def test_a_page_of_many_papers():
    """A listing is not one paper."""
    page = b"".join(b'<meta name="citation_title" content="Kites %d">' % n for n in range(5))
    with pytest.raises(SourceError, match="a page of 5 papers"):
        parse_page(page, url=URL)


def test_hostile_pages_cost_little():
    """Entities, depth, many fields and broken JSON."""
    bomb = b"<!DOCTYPE html [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
    assert len(parse_page(bomb + b"<title>T &b;</title>", url=URL).title) < 20
    parse_page(b"<title>T</title>" + b"<div>" * 100_000, url=URL)
    parse_page(
        b"<title>T</title>" + b'<meta name="citation_author" content="A B">' * 50_000, url=URL
    )
    nest = b"[" * 5_000
    parse_page(b'<title>T</title><script type="application/ld+json">' + nest, url=URL)


def test_encodings():
    """The page's own encoding counts."""
    page = "<html><head><meta charset='iso-8859-1'><title>Déjà vu</title></head></html>"
    assert parse_page(page.encode("iso-8859-1"), url=URL).title == "Déjà vu"
    assert parse_page(page.encode(), url=URL).title == "Déjà vu"


LD_PAGE = b'<html><script type="application/ld+json">' + JSON_LD + b"</script></html>"


@given(st.sampled_from([HIGHWIRE, LD_PAGE, b"<html>"]), st.data())
def test_any_page_is_read_or_refused(body, draw):
    """Nothing but a SourceError comes out."""
    at = draw.draw(st.integers(0, len(body)))
    to = draw.draw(st.integers(at, min(len(body), at + 40)))
    try:
        paper = parse_page(body[:at] + draw.draw(st.binary(max_size=30)) + body[to:], url=URL)
    except SourceError:
        return
    orjson.dumps([paper.title, paper.abstract, paper.authors, paper.extra, paper.key, paper.links])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = (
    "headline",
    "name",
    "author",
    "identifier",
    "sameAs",
    "isPartOf",
    "datePublished",
    "abstract",
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)))
def test_json_ld_of_any_form(said):
    """Values of types that nobody expects are passed over."""
    try:
        body = orjson.dumps({"@type": "ScholarlyArticle", **said}).replace(b"<", b" ")
    except TypeError:  # larger numbers than JSON has here
        return
    page = b'<title>T</title><script type="application/ld+json">' + body + b"</script>"
    assert parse_page(page, url=URL).title


def test_fetching(tmp_path: Path):
    """A page is asked for once, redirects count, and what is no page is refused."""
    with (
        Loopback() as server,
        PoliteClient(
            MANNER, version="1", locks=tmp_path, time=FakeTime(), trusted=[server.url]
        ) as client,
    ):
        server.route("/short", redirect("/kites/2"))
        server.route("/kites/2", html(HIGHWIRE))
        server.route("/pdf", Reply(b"%PDF-1.4", content_type="application/pdf"))
        paper = fetch_page(client, f"{server.url}/short")
        assert dict(paper.links)["pdf"] == f"{server.url}/kites/1.pdf"
        assert len(server.log) == 2
        with pytest.raises(SourceError, match="a PDF"):
            fetch_page(client, f"{server.url}/pdf")
