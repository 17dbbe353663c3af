"""Feeds of papers, read and fetched. All feeds here are invented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import ConfigError, RecordError, SourceError, SourceRejected
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.base import Ask, Harvested
from broadsheet.sources.feeds import Feeds, feeds_of_page, parse_feed, parse_feed_bytes
from broadsheet.sources.polite import PoliteClient
from broadsheet.sources.prose import prose
from loopback import FakeTime, Loopback, Reply, conditional, html, json_reply, redirect, xml
from shared_data import SHARED, needs_shared

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
ASK = Ask(NOW)
LONG = "We fly kites over fields and measure how the strings hum in a steady wind. " * 4

RDF = f"""<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:prism="http://prismstandard.org/namespaces/1.2/basic/">
<channel rdf:about="http://press.example/feed"><title>Press of Kites</title>
<link>http://press.example/</link></channel>
<item rdf:about="http://press.example/content/10.5555/2026.01.02.1v1?rss=1">
<title><![CDATA[ Kites &amp; CO<sub>2</sub> ]]></title>
<link>http://press.example/content/10.5555/2026.01.02.1v1?rss=1</link>
<description><![CDATA[ <p>{LONG}</p> ]]></description>
<dc:creator><![CDATA[Example, A., Sample, B. C., Third, D.-E.]]></dc:creator>
<dc:date>2026-01-03</dc:date>
<dc:identifier>doi:10.5555/2026.01.02.1</dc:identifier>
<dc:publisher>Cold Press</dc:publisher>
<prism:publicationDate>2026-01-02</prism:publicationDate><prism:section>New</prism:section>
<prism:publicationName>Annals of Kites</prism:publicationName>
</item></rdf:RDF>""".encode()

ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<title>Kite Lab</title><id>urn:lab</id><link rel="self" href="https://lab.example/feed.xml"/>
<entry><id>tag:lab.example,2026:1</id><title type="html">A &lt;i&gt;String&lt;/i&gt; Theory</title>
<link rel="alternate" href="https://arxiv.org/abs/2601.00001v2"/>
<link rel="related" type="application/pdf" href="/papers/1.pdf"/>
<published>2026-01-03T00:00:00+09:00</published><updated>2026-02-03T10:00:00Z</updated>
<author><name>Ann Example</name></author><author><name>Bo Sample</name></author>
<category term="kites"/><summary>Abstract: {LONG}</summary></entry>
<entry><id>tag:lab.example,2026:2</id><title>We have moved</title>
<link href="https://lab.example/news"/><updated>2026-02-04T10:00:00Z</updated>
<summary>New rooms.</summary></entry></feed>""".encode()

RSS = b"""<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>cs.LG</title>
<item><title>[cs.LG] On Kites. (arXiv:2601.00002v3 [cs.LG] UPDATED)</title>
<link>https://lists.example/1</link><guid isPermaLink="false">g1</guid>
<author>ann@lab.example (Ann Example)</author><author>bo@lab.example</author>
<pubDate>Tue, 17 Mar 2026 00:00:00 -0400</pubDate><description>Short.</description></item>
<item><title>Graphs</title><link>/doi/10.5555/abc.1</link>
<guid isPermaLink="false">doi:10.5555/abc.1</guid>
<dc:creator>A. One, B. Two and C. Three</dc:creator>
<description>&lt;p&gt;Publication date: 2026-03-01&lt;/p&gt;
&lt;p&gt;&lt;b&gt;Source:&lt;/b&gt; Letters on Graphs, 2&lt;/p&gt;
&lt;p&gt;Author(s): X. Why&lt;/p&gt;</description>
</item></channel></rss>"""

ARXIV = f"""<rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>x</title>
<item><title>New Strings</title><link>https://arxiv.org/abs/2603.00001</link>
<description>arXiv:2603.00001v1 Announce Type: new
Abstract: {LONG}</description><guid isPermaLink="false">oai:arXiv.org:2603.00001v1</guid>
<pubDate>Tue, 17 Mar 2026 00:00:00 -0400</pubDate><arxiv:announce_type>new</arxiv:announce_type>
<dc:creator>Ann Example, Bo Sample</dc:creator></item>
<item><title>Old Strings</title><link>https://arxiv.org/abs/2503.00001</link>
<description>x</description><guid isPermaLink="false">oai:arXiv.org:2503.00001v4</guid>
<pubDate>Tue, 17 Mar 2026 00:00:00 -0400</pubDate>
<arxiv:announce_type>replace</arxiv:announce_type><arxiv:DOI>10.5555/old</arxiv:DOI></item>
</channel></rss>""".encode()

JSON: dict[str, Any] = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Kites in JSON",
    "feed_url": "https://json.example/feed.json",
    "items": [
        {
            "id": "https://json.example/1",
            "url": "https://json.example/1",
            "external_url": "https://doi.org/10.5555/Json.1",
            "title": "Kites <em>in</em> JSON",
            "content_html": f"<div><p>{LONG}</p><script>steal()</script></div>",
            "summary": "On kites.",
            "date_published": "2026-02-07T14:04:00-05:00",
            "authors": [{"name": "Ann Example"}, {"name": "Bo Sample"}, 7],
            "tags": ["kites", 5],
            "attachments": [{"url": "1.pdf", "mime_type": "application/pdf"}],
        },
        7,
        {"id": 3, "url": "https://json.example/3", "title": "News"},
        {"id": 4, "url": "https://arxiv.org/abs/2601.00004"},
    ],
}  # fmt: skip


def records(body: bytes, keep: str = "papers", url: str = "") -> list[Record]:
    """Return the records in a feed."""
    items = parse_feed(body, name="a feed", url=url, keep=keep).items
    return [item for item in items if isinstance(item, Record)]


def rss(*items: str) -> bytes:
    """Return a feed of these items."""
    terms = "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:prism='http://prism.example/'"
    inner = "".join(f"<item>{item}</item>" for item in items)
    return f"<rss version='2.0' {terms}><channel>{inner}</channel></rss>".encode()


def refusal(body: bytes, url: str = "") -> str:
    """Return why the bytes are no feed."""
    with pytest.raises(SourceError) as caught:
        parse_feed(body, name="a feed", url=url)
    assert type(caught.value) is SourceError
    return str(caught.value)


# What is read.


def test_rdf_with_terms_of_a_press():
    """Rdf with terms of a press."""
    (paper,) = records(RDF)
    assert paper.title == "Kites & CO2"
    assert paper.abstract == LONG.strip()
    assert paper.authors == ("A. Example", "B. C. Sample", "D.-E. Third")
    assert paper.external_ids == (ExternalId("doi", "10.5555/2026.01.02.1"),)
    assert paper.published == "2026-01-02"
    assert paper.venue == "Annals of Kites"
    assert paper.links == (("abs", "http://press.example/content/10.5555/2026.01.02.1v1?rss=1"),)
    assert paper.extra["section"] == "New"
    assert paper.source == "feed"


def test_atom():
    """Atom."""
    parsed = parse_feed(ATOM, name="a feed", url="https://lab.example/feed.xml")
    assert (parsed.title, parsed.skipped) == ("Kite Lab", 1)
    (paper,) = parsed.items
    assert isinstance(paper, Record)
    assert paper.title == "A String Theory"
    assert paper.abstract == LONG.strip()
    assert paper.authors == ("Ann Example", "Bo Sample")
    assert paper.external_ids == (ExternalId("arxiv", "2601.00001"),)
    assert (paper.published, paper.updated) == ("2026-01-02", "2026-02-03")
    assert ("pdf", "https://lab.example/papers/1.pdf") in paper.links
    assert paper.keywords == ("kites",)


def test_all_is_kept_where_that_is_wanted():
    """All is kept where that is wanted."""
    assert [r.title for r in records(ATOM, "all")] == ["A String Theory", "We have moved"]
    assert [r.summary for r in records(ATOM, "all")] == ["", "New rooms."]


def test_rss_of_a_listing():
    """Rss of a listing."""
    first, second = records(RSS, url="https://lists.example/feed")
    assert first.title == "On Kites"
    assert first.external_ids == (ExternalId("arxiv", "2601.00002"),)
    assert first.authors == ("Ann Example",)
    assert (first.published, first.summary, first.abstract) == ("2026-03-17", "Short.", "")
    assert second.links == (("abs", "https://lists.example/doi/10.5555/abc.1"),)
    assert second.external_ids == (ExternalId("doi", "10.5555/abc.1"),)
    assert second.authors == ("A. One", "B. Two", "C. Three")
    assert second.venue == "Letters on Graphs, 2"
    assert (second.published, second.summary) == ("2026-03-01", "")


def test_arxivs_own_feed_says_when_it_announced():
    """Arxivs own feed says when it announced."""
    new, old = records(ARXIV)
    assert (new.announced, new.published, new.updated) == ("2026-03-17", None, None)
    assert new.abstract == LONG.strip()
    assert (old.announced, old.published, old.updated) == (None, None, "2026-03-17")
    assert set(old.external_ids) == {
        ExternalId("arxiv", "2503.00001"),
        ExternalId("doi", "10.5555/old"),
    }
    assert new.key.endswith(":arxiv:2603.00001")  # not v1: the next version is the same record


def test_json_feed():
    """Json feed."""
    parsed = parse_feed(orjson.dumps(JSON), name="a feed")
    paper, error, untitled = parsed.items
    assert isinstance(paper, Record)
    assert paper.title == "Kites in JSON"
    assert paper.abstract == LONG.strip()
    assert paper.summary == "On kites."
    assert paper.authors == ("Ann Example", "Bo Sample")
    assert paper.external_ids == (ExternalId("doi", "10.5555/json.1"),)
    assert paper.published == "2026-02-07"
    assert dict(paper.links)["pdf"] == "https://json.example/1.pdf"
    assert isinstance(error, RecordError)
    assert (error.place, error.reason) == (2, "not a JSON object but a number")
    assert isinstance(untitled, RecordError)
    assert (untitled.place, untitled.reason) == (4, "no title")
    assert parsed.skipped == 1


@pytest.mark.parametrize(
    ("title", "expected", "number"),
    [
        ("[cs.LG] Kites", "Kites", None),
        ("[quant-ph] Kites", "Kites", None),
        ("[Re] Kites", "[Re] Kites", None),
        ("[2601.00009v1] Kites", "Kites", "2601.00009"),
        ("Kites. (arXiv:2601.00009v1 [cs.LG, stat.ML])", "Kites", "2601.00009"),
        ("Kites (arXiv:hep-th/9901001)", "Kites", "hep-th/9901001"),
        ("Kites (in a wind)", "Kites (in a wind)", None),
        ("p &amp;lt; 0.05 &amp;amp; more", "p < 0.05 & more", None),
    ],
)
def test_what_listings_put_round_a_title_goes(title, expected, number):
    """What listings put round a title goes."""
    (paper,) = records(rss(f"<title>{title}</title><link>https://x.example/1</link>"), "all")
    assert paper.title == expected
    assert [i.value for i in paper.external_ids] == ([number] if number else [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Example, Ann", ("Ann Example",)),
        ("ann@x.example (Ann Example)", ("Ann Example",)),
        ("Ann Example &lt;ann@x.example&gt;", ("Ann Example",)),
        ("ann@x.example", ()),
        ("ann@x.org", ()),
        ("ann@x.org (Ann Example)", ("Ann Example",)),
        ("Ann Example; Bo Sample", ("Ann Example", "Bo Sample")),
        ("Ann Example, Bo Sample", ("Ann Example", "Bo Sample")),
        ("Example, A., Sample, B.", ("A. Example", "B. Sample")),
        ("&lt;a href='/ann'&gt;Ann Example&lt;/a&gt;", ("Ann Example",)),
    ],
)
def test_authors_in_all_their_forms(said, expected):
    """Authors in all their forms."""
    (paper,) = records(rss(f"<title>T</title><dc:creator>{said}</dc:creator>"), "all")
    assert paper.authors == expected


def test_a_short_or_cut_text_is_no_abstract():
    """A short or cut text is no abstract."""

    def account(text: str) -> tuple[str, str]:
        (paper,) = records(rss(f"<title>T</title><description>{text}</description>"), "all")
        return paper.abstract, paper.summary

    assert account("Short.") == ("", "Short.")
    assert account(LONG + "[…]")[0] == ""
    assert account("ABSTRACT: Short.") == ("Short.", "")
    assert account(LONG)[0] == LONG.strip()
    assert account("x" * 100_001) == ("", "")


def test_a_journal_that_says_its_doi_only_in_the_source():
    """A journal that says its doi only in the source."""
    body = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><item><title>T</title><link>https://j.example/s1</link>
    <dc:source>Kites, Published online: 2026-03-01; | doi:10.5555/s1</dc:source></item></rdf:RDF>"""
    (paper,) = records(body)
    assert paper.external_ids == (ExternalId("doi", "10.5555/s1"),)
    assert paper.venue == "Kites"


def test_the_doi_of_a_whole_volume_is_no_id():
    """The doi of a whole volume is no id."""
    said = "<link>https://v.example/{0}</link><prism:doi>10.5555/978-3-16-148410-0</prism:doi>"
    body = rss(*(f"<title>{name}</title>{said.format(name)}" for name in "AB"))
    assert [(r.title, r.external_ids) for r in records(body)] == [("A", ()), ("B", ())]


def test_keys_last_and_belong_to_their_feed():
    """Keys last and belong to their feed."""

    def keys(url: str) -> list[str]:
        return [r.key for r in records(RSS, url=url)]

    assert keys("https://a.example/") == keys("https://a.example/")
    assert not set(keys("https://a.example/")) & set(keys("https://b.example/"))
    assert len(set(keys("https://a.example/"))) == 2


def test_what_a_feed_repeats_counts_once():
    """What a feed repeats counts once."""
    item = (
        b"<item><title>T</title><guid>1</guid><link>https://arxiv.org/abs/2601.00001</link></item>"
    )
    assert len(records(b"<rss version='2.0'><channel>" + item * 3 + b"</channel></rss>")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding):
    """Encodings."""
    body = f"""<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel><item>
    <title>Déjà vu</title><link>https://arxiv.org/abs/2601.00001</link></item></channel></rss>"""
    items = parse_feed_bytes(body.encode(encoding), name="f")
    assert items is not None
    assert [i.title for i in items if isinstance(i, Record)] == ["Déjà vu"]


def test_an_encoding_that_is_not_what_it_says():
    """Bytes that are no UTF-8 are read as Windows writes them; entities of HTML are letters."""
    body = rss("<title>Déjà “vu” &eacute;&nbsp;&amp; &notathing;</title>").decode()
    (paper,) = records(body.encode("windows-1252"), "all")
    assert paper.title.startswith("Déjà “vu” é &")


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Tue, 17 Mar 2026 23:00:00 GMT", "2026-03-17"),
        ("17 Mar 2026", "2026-03-17"),
        ("Tue, 17 Mar 26 10:00 EST", "2026-03-17"),
        ("2026-03-17T23:00:00-05:00", "2026-03-18"),
        ("2026-03", "2026-03"),
        ("3/4/2026", None),
        ("2026", None),
        ("soon", None),
        ("99 Mar 2026", None),
    ],
)
def test_days(said, day):
    """Days are read where they are clear, and not guessed."""
    (paper,) = records(rss(f"<title>T</title><pubDate>{said}</pubDate>"), "all")
    assert paper.published == day


def test_several_identifiers():
    """All that are said are looked at."""
    said = "".join(f"<dc:identifier>{i}</dc:identifier>" for i in ("hwp:1", "doi:10.5555/d.2", "x"))
    (paper,) = records(rss(f"<title>CO<sub>2</sub></title>{said}"))
    assert paper.external_ids == (ExternalId("doi", "10.5555/d.2"),)
    assert paper.title == "CO2"


def test_a_broken_feed_gives_what_is_whole():
    """A broken feed gives what is whole."""
    cut = RSS[: RSS.index(b"<item><title>Graphs")]
    assert [r.title for r in records(cut)] == ["On Kites"]
    assert records(RSS.replace(b"Short.", b"Short & <b>bold"))[0].title == "On Kites"


# What is no feed.


def test_a_page_says_where_its_feed_is():
    """A page says where its feed is."""
    page = b"""<!doctype html><html><head><title>Lab</title>
    <link rel="alternate" type="application/rss+xml" href="/feed.xml">
    <link rel="stylesheet" href="/x.css"></head><body>hello</body></html>"""
    assert feeds_of_page(page, url="https://lab.example/x/") == ["https://lab.example/feed.xml"]
    assert refusal(page, "https://lab.example/x/") == (
        "a feed is a page; its feed is at https://lab.example/feed.xml"
    )
    assert "it names none" in refusal(b"<html><body>hello</body></html>")


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"<?xml version='1.0'?><opml version='2.0'/>", b"\x89PNG", b"{}", b"{", b"[1]",
     b'{"version": "https://jsonfeed.org/version/1", "items": 7}'],
)  # fmt: skip
def test_what_is_no_feed_is_refused(body):
    """What is no feed is refused."""
    assert refusal(body)


def test_files_that_are_no_feeds_are_left_to_others():
    """Files that are no feeds are left to others."""
    for body in (
        b"",
        b"<opml/>",
        b'{"title": "x"}',
        b"<!doctype html><html><p>&lt;rss&gt;",
        b"<html><rss>",
    ):
        assert parse_feed_bytes(body, name="f") is None
    assert parse_feed_bytes(orjson.dumps(JSON), name="f")


def test_a_file_tells_what_was_left_out():
    """A count with its reason comes last; the version of a JSON Feed may, too."""
    items = parse_feed_bytes(ATOM, name="f")
    assert items is not None
    assert isinstance(items[-1], RecordError)
    assert (len(items), items[-1].place) == (2, 2)
    assert items[-1].reason.startswith("1 entries without an id")
    late = {k: JSON[k] for k in ("items", "title")} | {"version": JSON["version"]}
    assert len(parse_feed_bytes(orjson.dumps(late) + b" " * 5000, name="f") or ()) == 4


def test_an_empty_feed_is_well():
    """An empty feed is well."""
    assert parse_feed(
        b"<rss version='2.0'><channel><title>T</title></channel></rss>", name="f"
    ) == ("T", [], 0)


# Hostile feeds.


def test_entities_are_not_expanded():
    """Entities are not expanded."""
    bomb = "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 9))
    body = f"""<!DOCTYPE rss [<!ENTITY a0 "lolol">{bomb}<!ENTITY x SYSTEM "file:///etc/passwd">]>
    <rss version="2.0"><channel><item><title>T &a8; &x;</title>
    <link>https://arxiv.org/abs/2601.00001</link></item></channel></rss>"""
    assert "defines entities" in refusal(body.encode())
    assert "defines entities" in refusal(body.encode("utf-16"))


def test_a_feed_that_is_too_large_is_refused():
    """A feed that is too large is refused."""
    assert "more than is read" in refusal(b"<rss>" + b" " * 8_000_000)
    assert "more than is read" in refusal(b"<rss>" + b"<b>" * 400_000)


@pytest.mark.parametrize(
    "piece",
    [b"&lt;!--", b"&lt;b&gt;", b"&lt;a a='", b"&amp;lt;", b"&lt;script&gt;", b"<b>", b"&", b"<a "],
)
@pytest.mark.parametrize("word", [b"title", b"description", b"category", b"tags", b"author"])
def test_reading_takes_time_in_proportion(piece, word):
    """Whatever is repeated, and wherever it stands."""
    inside = b"<" + word + b">" + piece * 40_000 + b"</" + word + b">"
    many = (b"<" + word + b">x,y</" + word + b">") * 20_000
    body = b"<rss version='2.0'><channel><item><title>T</title>" + inside + many
    parse_feed(body, name="f", keep="all")


def test_prose_has_no_markup():
    """Prose has no markup."""
    assert prose("<p>One <b>bo</b>ld</p><script>x()</script><p>Two<br>Three</p><!-- no -->") == [
        "One bold",
        "Two",
        "Three",
    ]
    assert prose("p < 0.05 and &lt;b&gt;bold&lt;/b&gt;") == ["p < 0.05 and bold"]
    assert prose("") == []
    assert prose("<svg/onload=alert(1)>&amp;lt;") == ["<"]


GOOD = (RDF, ATOM, RSS, ARXIV, orjson.dumps(JSON))


def is_sound(body: bytes) -> bool:
    """Read `body` as a feed, in each way; nothing but a SourceError may come out."""
    for keep in ("papers", "all"):
        with suppress(SourceError):
            for item in parse_feed(body, name="f", url="https://x.example/[", keep=keep).items:
                assert isinstance(item, Record | RecordError)
                if isinstance(item, Record):
                    assert 0 < len(item.key) < 200
                    orjson.dumps([item.title, item.abstract, item.authors, item.links, item.extra])
    with suppress(SourceError):
        parse_feed_bytes(body, name="f")
    return True


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body):
    """Any bytes are read or refused."""
    assert is_sound(body)
    assert is_sound(b"<rss version='2.0'><channel><item><title>" + body)


@given(st.sampled_from(GOOD), st.data())
def test_damaged_feeds_are_read_or_refused(body, draw):
    """Damaged feeds are read or refused."""
    at = draw.draw(st.integers(0, len(body)))
    to = draw.draw(st.integers(at, min(len(body), at + 60)))
    assert is_sound(body[:at] + draw.draw(st.binary(max_size=20)) + body[to:])


@needs_shared
def test_a_real_feed():
    """A real feed."""
    assert SHARED is not None
    body = next((SHARED / "raw" / "arxiv_rss_atom").glob("*.xml")).read_bytes()
    parsed = parse_feed(body, name="real")
    found = [i for i in parsed.items if isinstance(i, Record)]
    assert len(found) == len(parsed.items) > 5
    assert all(r.external_ids and r.authors and r.abstract for r in found)
    assert all(not r.abstract.startswith(("arXiv:", "Abstract")) for r in found)


@needs_shared
@given(draw=st.data())
def test_a_damaged_real_feed(draw):
    """A damaged real feed."""
    assert SHARED is not None
    body = next((SHARED / "raw" / "arxiv_rss_atom").glob("*.xml")).read_bytes()[:6000]
    at = draw.draw(st.integers(0, len(body)))
    assert is_sound(body[:at] + draw.draw(st.binary(max_size=9)) + body[at + 5 :])


# Fetching.


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Return a server that plays the hosts of feeds."""
    with Loopback() as running:
        yield running


@pytest.fixture
def client(server, tmp_path: Path) -> Iterator[PoliteClient]:
    """Return the client of feeds, in a time that does not really pass."""
    manner = Feeds().manner
    with PoliteClient(
        manner, version="1", locks=tmp_path, time=FakeTime(), trusted=[server.url]
    ) as one:
        yield one


def harvested(
    client: PoliteClient, url: str, cursor: dict[str, Any], ask: Ask = ASK, keep: str = "papers"
):
    """Return the one batch of a feed."""
    (batch,) = Feeds(urls=(url,), keep=keep).harvest(client, url, cursor, ask)
    return batch


def test_feeds_is_a_source_with_a_part_for_each_address():
    """Feeds is a source with a part for each address."""
    feeds = Feeds(urls=("https://a.example/", " https://b.example/", "https://a.example/", ""))
    assert isinstance(feeds, Harvested)
    assert feeds.parts(ASK) == ("https://a.example/", "https://b.example/")
    assert feeds.parts(Ask(NOW, is_backfill=True)) == ()
    assert {o.name for o in Feeds.options} == {"urls", "keep"}
    with pytest.raises(ConfigError, match=r"sources\.feeds\.keep"):
        Feeds(keep="some")


def test_an_unchanged_feed_costs_nothing(server, client):
    """An unchanged feed costs nothing."""
    server.route(
        "/feed", conditional(xml(RSS), etag='"1"', modified="Tue, 17 Mar 2026 00:00:00 GMT")
    )
    url = f"{server.url}/feed"
    first = harvested(client, url, {})
    assert len(first.items) == 2
    second = harvested(client, url, dict(first.cursor))
    assert (second.items, second.cursor) == ((), first.cursor)
    assert server.log[-1].headers["if-none-match"] == '"1"'
    assert server.log[-1].status == 304
    assert orjson.loads(orjson.dumps(first.cursor)) == first.cursor


def test_what_has_not_changed_is_known_without_an_etag(server, client):
    """What has not changed is known without an etag."""
    server.route("/feed", [xml(RSS), xml(RSS), xml(ATOM)])
    url = f"{server.url}/feed"
    first = harvested(client, url, {})
    assert harvested(client, url, first.cursor).items == ()
    assert [i.title for i in harvested(client, url, first.cursor).items] == ["A String Theory"]


def test_another_choice_or_a_wish_reads_the_feed_anew(server, client):
    """Another choice or a wish reads the feed anew."""
    server.route("/feed", conditional(xml(ATOM), etag='"1"'))
    url = f"{server.url}/feed"
    first = harvested(client, url, {})
    assert len(harvested(client, url, first.cursor, keep="all").items) == 2
    again = harvested(client, url, first.cursor, Ask(NOW, since=date(2026, 3, 1)))
    assert len(again.items) == 1


def test_links_are_relative_to_where_the_feed_was_found(server, client):
    """Links are relative to where the feed was found."""
    server.route("/old", redirect("/new/feed"))
    server.route("/new/feed", xml(RSS))
    batch = harvested(client, f"{server.url}/old", {})
    assert dict(batch.items[1].links)["abs"] == f"{server.url}/doi/10.5555/abc.1"


def test_keys_stay_when_the_feed_moves(server, client):
    """Keys stay when the feed moves."""
    server.route("/old", [xml(RSS), redirect("/new")])
    server.route("/new", xml(RSS + b" "))
    url = f"{server.url}/old"
    first = harvested(client, url, {})
    second = harvested(client, url, first.cursor)
    assert [i.key for i in first.items] == [i.key for i in second.items]


def test_a_feed_that_is_gone_is_named_with_what_to_do(server, client):
    """A feed that is gone is named with what to do."""
    server.route("/feed", Reply(b"gone", 410))
    with pytest.raises(SourceRejected, match="take it out of") as caught:
        harvested(client, f"{server.url}/feed", {})
    assert caught.value.status == 410
    assert f"{server.url}/feed" in str(caught.value)


def test_a_page_instead_of_a_feed(server, client):
    """A page instead of a feed."""
    server.route(
        "/",
        html(
            "<html><head><link rel='alternate' type='application/atom+xml' href='/a'></head></html>"
        ),
    )
    with pytest.raises(SourceError, match="its feed is at http"):
        harvested(client, f"{server.url}/", {})


def test_a_dead_feed_leaves_the_others_alone(server, client):
    """A dead feed leaves the others alone."""
    server.route("/dead", Reply(b"no", 404))
    server.route("/feed", Reply(RSS, content_type="text/html", drip_s=0.001, drip_bytes=400))
    feeds = Feeds(urls=(f"{server.url}/dead", f"{server.url}/feed"))
    dead, well = feeds.parts(ASK)
    with pytest.raises(SourceRejected):
        list(feeds.harvest(client, dead, {}, ASK))
    assert sum(len(b.items) for b in feeds.harvest(client, well, {}, ASK)) == 2


@pytest.mark.parametrize(
    ("url", "host", "gap_s"),
    [
        ("https://Press.example/feed", "press.example", 1),
        ("https://rss.arxiv.org/rss/cs.LG", "arxiv", 3),
        ("http://arxiv.org./rss", "arxiv", 3),
        ("https://notarxiv.org/rss", "notarxiv.org", 1),
        ("https://[", "feeds", 1),
        ("nothing", "feeds", 1),
    ],
)
def test_each_host_has_a_rule_of_its_own(url, host, gap_s):
    """But arXiv is arXiv, whoever asks for it."""
    manner = Feeds().manner_of(url)
    assert (manner.host, manner.gap_s) == (host, gap_s)
    assert manner.max_bytes == Feeds().manner.max_bytes


def test_what_one_host_refuses_keeps_us_from_no_other(server, tmp_path):
    """A host that answers 403 is left alone for an hour; the next feed is read all the same."""
    server.route("/shut", Reply(b"no", 403))
    server.route("/feed", xml(RSS))
    shut, well = f"{server.url}/shut", f"http://localhost:{server.port}/feed"
    feeds, now = Feeds(urls=(shut, well)), FakeTime()
    trusted = (server.url, f"http://localhost:{server.port}")
    found = []
    for part in feeds.parts(ASK):
        with (
            suppress(SourceRejected),
            PoliteClient(
                feeds.manner_of(part), version="1", locks=tmp_path, time=now, trusted=trusted
            ) as own,
        ):
            found += [len(b.items) for b in feeds.harvest(own, part, {}, ASK)]
    assert found == [2]


def test_an_address_that_is_none_is_refused_unasked(server, client):
    """An address that is none is refused unasked."""
    with pytest.raises(SourceError, match="begins with https"):
        harvested(client, "file:///etc/passwd", {})
    assert server.log == []


def test_check_says_what_the_first_feed_has(server, client):
    """Check says what the first feed has."""
    server.route("/feed", xml(ATOM))
    findings = {f.field: f for f in Feeds(urls=(f"{server.url}/feed",)).check(client)}
    assert all(f.is_well for f in findings.values())
    assert findings["entries"].says == "2 in “Kite Lab”"
    assert len(server.log) == 1
    server.route("/feed", json_reply(JSON | {"items": []}))
    assert not next(iter(Feeds(urls=(f"{server.url}/feed",)).check(client))).is_well
    assert [f.is_well for f in Feeds().check(client)] == [True]


def test_check_finds_what_has_drifted(server, client):
    """A field that is gone, or is something else than it was, is named."""
    source = Feeds(urls=(f"{server.url}/feed",))
    server.route(
        "/feed", xml(ATOM.replace(b"<title>We", b"<name>We").replace(b"ed</title>", b"ed</name>"))
    )
    findings = {f.field: f for f in source.check(client)}
    assert findings["refused"] == ("refused", False, "1, such as number 2: no title")
    first = JSON["items"][0]
    server.route("/feed", json_reply(JSON | {"items": [first | {"url": 5, "external_url": None}]}))
    findings = {f.field: f for f in source.check(client)}
    assert not findings["link"].is_well
    assert findings["title"].is_well
