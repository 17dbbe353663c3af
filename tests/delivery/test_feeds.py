"""Feeds in their three forms: valid by their specifications, whatever papers and people say."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from broadsheet.delivery.feeds import (
    FORMS,
    NEVER,
    Entry,
    Feed,
    Link,
    atom,
    json_feed,
    opml,
    rss,
    urn,
)
from broadsheet.sources.feed_forms import parse_feed
from broadsheet.sources.opml import Outline, parse_opml
from broadsheet.sources.prose import prose

NAMES = {"a": "http://www.w3.org/2005/Atom", "dc": "http://purl.org/dc/elements/1.1/"}
MORNING = datetime(2026, 3, 17, tzinfo=UTC)
LATER = datetime(2026, 3, 18, 9, 30, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
SCRIPT = "<script>alert(1)</script> & ]]> \"quoted\" 'twice'"


def entry(**said: object) -> Entry:
    """Return an entry of a feed with everything, but for what is said."""
    facts = {
        "id": urn("paper p12"),
        "title": "Graph networks for tidy kitchens",
        "href": "http://127.0.0.1:8000/paper/p12",
        "published": MORNING,
        "updated": LATER,
        "authors": ("Ada Example", "Čeněk Ňoura"),
        "html": "<p>Kitchens are <em>graphs</em>.</p>",
        "categories": ("cs.RO", "cs.LG"),
        "links": (
            Link("https://arxiv.org/abs/2603.00001", "arXiv 2603.00001"),
            Link("https://arxiv.org/pdf/2603.00001", "pdf", "application/pdf"),
        ),
        "ids": ("arxiv:2603.00001", "doi:10.1234/kitchen"),
    }
    return Entry(**{**facts, **said})


def feed(*entries: Entry, **said: object) -> Feed:
    """Return a feed of entries."""
    facts = {
        "id": urn("feed"),
        "title": "Editions",
        "description": "Editions of the day.",
        "address": "http://127.0.0.1:8000/feeds/editions/day.atom",
        "page": "http://127.0.0.1:8000/",
        "entries": entries,
    }
    return Feed(**{**facts, **said})


def told(root, path):
    """Return the texts at a path of an XML feed."""
    return [(e.text or "") if isinstance(e, etree._Element) else str(e) for e in found(root, path)]


def found(root, path):
    """Return what is at a path of an XML feed."""
    return root.xpath(path, namespaces=NAMES)


# ---------------------------------------------------------------------------- by the specifications


def check_atom(body):
    """Insist on what RFC 4287 requires of a feed and its entries, and return its root."""
    root = etree.fromstring(body)
    assert root.tag == f"{{{NAMES['a']}}}feed"
    for one in (root, *found(root, "a:entry")):
        assert [len(found(one, f"a:{name}")) for name in ("id", "title", "updated")] == [1, 1, 1]
        assert re.fullmatch(
            r"urn:uuid:[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}", told(one, "a:id")[0]
        )
        for moment in told(one, "a:updated | a:published"):
            # RFC 3339 is stricter than ISO 8601: four digits of a year, seconds, a zone.
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
        assert len(found(one, "a:link[@rel='alternate'][@type='text/html']")) == 1
        assert all(urlsplit(link.get("href")).netloc for link in found(one, "a:link"))
    for one in found(root, "a:entry"):
        assert found(one, "a:author/a:name")
        assert len(found(one, "a:content | a:summary")) == 1
        assert all(c.get("term") is not None for c in found(one, "a:category"))
    assert len(found(root, "a:link[@rel='self']")) == 1
    return root


def check_rss(body):
    """Insist on what RSS 2.0 requires of a channel and its items, and return the channel."""
    root = etree.fromstring(body)
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    (channel,) = root
    for name in ("title", "link", "description", "lastBuildDate", "a:link[@rel='self']"):
        assert len(found(channel, name)) == 1
    for item in found(channel, "item"):
        for name in ("title", "link", "description", "pubDate"):
            assert len(found(item, name)) == 1
        assert told(item, "guid/@isPermaLink") == ["false"]
    for moment in told(channel, "//pubDate | lastBuildDate"):
        assert parsedate_to_datetime(moment).tzinfo is UTC
    return channel


def check_json(body):
    """Insist on what JSON Feed 1.1 requires of a feed and its items, and return it."""
    made = orjson.loads(body)
    assert made["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(made["title"], str)
    for item in made["items"]:
        assert isinstance(item["id"], str)
        assert ("content_html" in item) != ("content_text" in item)
        assert all(name.keys() == {"name"} for name in item.get("authors", ()))
        assert datetime.fromisoformat(item["date_published"]).tzinfo is UTC
    return made


def test_atom_says_all_of_an_entry():
    """Every fact of an entry stands where RFC 4287 has it; the HTML is escaped once."""
    root = check_atom(atom(feed(entry(), next="http://127.0.0.1:8000/next")))
    (one,) = found(root, "a:entry")

    assert told(one, "a:title") == ["Graph networks for tidy kitchens"]
    assert told(one, "a:published | a:updated") == ["2026-03-17T00:00:00Z", "2026-03-18T04:00:05Z"]
    assert told(root, "a:updated") == ["2026-03-18T04:00:05Z"]
    assert told(one, "a:author/a:name") == ["Ada Example", "Čeněk Ňoura"]
    assert told(one, "a:content[@type='html']") == ["<p>Kitchens are <em>graphs</em>.</p>"]
    assert told(one, "a:category/@term") == ["cs.RO", "cs.LG"]
    assert told(one, "a:link[@rel='related']/@type") == ["text/html", "application/pdf"]
    assert told(one, "dc:identifier") == ["arxiv:2603.00001", "doi:10.1234/kitchen"]
    assert told(root, "a:link[@rel='next']/@href") == ["http://127.0.0.1:8000/next"]


def test_rss_says_all_of_an_entry():
    """Names are creators, since an author of RSS is an e-mail address; the id is no address."""
    channel = check_rss(rss(feed(entry(), next="http://127.0.0.1:8000/next")))
    (item,) = found(channel, "item")

    assert told(item, "dc:creator") == ["Ada Example", "Čeněk Ňoura"]
    assert told(item, "author") == []
    assert told(item, "description") == ["<p>Kitchens are <em>graphs</em>.</p>"]
    assert told(item, "pubDate") == ["Tue, 17 Mar 2026 00:00:00 GMT"]
    assert told(item, "guid") == [urn("paper p12")]
    assert told(item, "category") == ["cs.RO", "cs.LG"]
    assert told(channel, "a:link[@rel='next']/@href") == ["http://127.0.0.1:8000/next"]


def test_json_says_all_of_an_entry():
    """The paper's own page elsewhere is the external address; what is not known is left out."""
    made = check_json(json_feed(feed(entry(), entry(authors=(), links=(), ids=(), categories=()))))
    item, bare = made["items"]

    assert item["external_url"] == "https://arxiv.org/abs/2603.00001"
    assert item["authors"] == [{"name": "Ada Example"}, {"name": "Čeněk Ňoura"}]
    assert item["content_html"] == "<p>Kitchens are <em>graphs</em>.</p>"
    assert item["tags"] == ["cs.RO", "cs.LG"]
    assert item["date_modified"] == "2026-03-18T04:00:05Z"
    assert item["_broadsheet"] == {"ids": ["arxiv:2603.00001", "doi:10.1234/kitchen"]}
    assert not bare.keys() & {"authors", "tags", "external_url", "_broadsheet"}
    assert "next_url" not in made


def test_plain_text_stays_plain_text():
    """What is short and plain is a summary of Atom and text of JSON; RSS knows HTML alone."""
    plain = feed(entry(html="", text="a < b & c"))

    assert told(check_atom(atom(plain)), "//a:summary") == ["a < b & c"]
    assert told(check_rss(rss(plain)), "item/description") == ["a &lt; b &amp; c"]
    assert check_json(json_feed(plain))["items"][0]["content_text"] == "a < b & c"


def test_an_empty_feed_is_valid():
    """A feed that never held anything was never updated, and says so in every form."""
    empty = feed()

    assert told(check_atom(atom(empty)), "a:updated") == ["1970-01-01T00:00:00Z"]
    assert check_rss(rss(empty)) is not None
    assert check_json(json_feed(empty))["items"] == []
    assert empty.updated == NEVER


def test_a_paper_without_authors_is_nobody_elses():
    """Else an entry of Atom would be by the author of its feed."""
    root = check_atom(atom(feed(entry(authors=()))))

    assert told(root, "//a:name") == ["Unknown"]


def test_a_urn_is_for_ever():
    """The same name gives the same URN in every version of Broadsheet, and no other name does."""
    assert urn("paper p12 2026-03-17T08:00:00Z") == "urn:uuid:300c2093-a82f-5d7d-a77c-f8e35f9afcfc"
    assert urn("paper p1") != urn("paper p2")
    assert urn("\ud800").startswith("urn:uuid:")


def test_a_feed_names_its_hub_in_every_form():
    """WebSub has it in the body, too, for who reads no headers; without one nothing is said."""
    hub, plain = "https://hub.example/", feed(entry())
    made = feed(entry(), hub=hub)

    assert told(check_atom(atom(made)), "a:link[@rel='hub']/@href") == [hub]
    assert told(check_rss(rss(made)), "a:link[@rel='hub']/@href") == [hub]
    assert check_json(json_feed(made))["hubs"] == [{"type": "WebSub", "url": hub}]
    assert all(b"hub" not in form.write(plain) for form in FORMS.values())


# ---------------------------------------------------------------------------- lists of feeds

FEED_URLS = st.integers(0, 999).map(lambda n: f"https://x.example/{n}.atom?q=a%20b&limit=1")


def test_a_list_of_feeds_is_opml():
    """What opml.org requires of a list: a title, and for each feed its text, type and address."""
    listed = [
        Outline("Editions of the day", "https://x.example/day.atom", "Editions"),
        Outline(SCRIPT, "https://x.example/search.atom?q=a&limit=3"),
        Outline("Editions of the week", "https://x.example/week.atom", "Editions"),
    ]
    root = etree.fromstring(opml("Broadsheet", listed))

    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert root.findtext("head/title") == "Broadsheet"
    assert [one.get("text") for one in root.iterfind("body/outline")] == ["Editions", SCRIPT]
    assert len(root.findall("body/outline[@text='Editions']/outline")) == 2
    for one in root.iterfind(".//outline[@xmlUrl]"):
        assert (one.get("type"), one.get("text")) == ("rss", one.get("title"))


@given(st.lists(st.tuples(st.text(max_size=40), FEED_URLS), unique_by=lambda o: o[1]))
def test_our_own_reader_reads_a_list_again(named):
    """Whatever feeds are called, all of them come back."""
    listed = [Outline(title, url) for title, url in named]
    again = parse_opml(opml("Broadsheet", listed), name="ours")

    assert [one.url for one in again] == [one.url for one in listed]


# ---------------------------------------------------------------------------- whatever is said

# Letters of all kinds, lone surrogates and control characters too.
TEXT = st.text(st.characters(), max_size=40) | st.sampled_from(
    [SCRIPT, "\x00\x08\x1b[31m", "\ud800\udfff", "\ufffe\uffff", "]]>", "&#0;", "<!ENTITY x 'y'>"]
)
ENTRIES = st.builds(
    entry,
    title=TEXT,
    html=TEXT,
    text=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    categories=st.lists(TEXT, max_size=3).map(tuple),
    ids=st.lists(TEXT, max_size=2).map(tuple),
    links=st.lists(st.builds(Link, st.just("https://x.example/"), TEXT), max_size=2).map(tuple),
    published=st.datetimes(timezones=st.just(UTC)),
    updated=st.datetimes(timezones=st.just(UTC)),
)
FEEDS = st.lists(ENTRIES, max_size=3).flatmap(
    lambda entries: st.builds(lambda title, about: feed(*entries, title=title, description=about),
                              TEXT, TEXT)
)  # fmt: skip
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


WORDS = {
    *("feed", "id", "title", "subtitle", "updated", "generator", "link", "entry", "published"),
    *("author", "name", "category", "content", "summary", "rss", "channel", "item", "description"),
    *("lastBuildDate", "creator", "guid", "pubDate", "identifier"),
}


@given(FEEDS)
def test_whatever_is_said_the_feeds_are_valid(made):
    """No text makes markup or an invalid document, and all that XML can hold of it is there."""
    titles = [_ILLEGAL.sub("", e.title) for e in made.entries]
    root, channel, parsed = (
        check_atom(atom(made)), check_rss(rss(made)), check_json(json_feed(made)),
    )  # fmt: skip

    assert told(root, "a:entry/a:title") == titles
    assert told(channel, "item/title") == titles
    assert [item["title"] for item in parsed["items"]] == titles
    for tree in (root, channel):
        assert {etree.QName(e).localname for e in tree.iter()} <= WORDS


@given(FEEDS)
def test_the_same_feed_makes_the_same_bytes(made):
    """What has not changed can be told by its bytes."""
    assert all(form.write(made) == form.write(made) for form in FORMS.values())


# ---------------------------------------------------------------------------- as readers read it


@pytest.mark.parametrize("ending", FORMS)
def test_our_own_reader_knows_the_papers(ending):
    """Another Broadsheet that follows the feed files the same papers, by ids, names and days."""
    body = FORMS[ending].write(feed(entry(), entry(id=urn("p2"), title=SCRIPT, ids=(), links=())))
    parsed = parse_feed(body, name="ours", keep="all")
    first, second = parsed.items

    assert parsed.title == "Editions"
    assert (first.title, first.authors) == (entry().title, entry().authors)
    assert "arxiv:2603.00001" in map(str, first.external_ids)
    assert (first.published, first.updated) == ("2026-03-17", "2026-03-18")
    assert "alert(1)" in second.title
    assert " ".join(prose(first.summary or first.abstract)) == "Kitchens are graphs."


@pytest.mark.parametrize("ending", ["atom", "rss"])
def test_the_reader_that_most_use_finds_no_fault(ending):
    """Feedparser reads each feed without a complaint, and finds what was written."""
    feedparser = pytest.importorskip("feedparser", reason="feedparser is not installed")
    parsed = feedparser.parse(FORMS[ending].write(feed(entry(), entry(title=SCRIPT))))
    first, second = parsed.entries

    assert not parsed.bozo
    assert parsed.version == {"atom": "atom10", "rss": "rss20"}[ending]
    assert first.id == urn("paper p12")
    assert [a.name for a in first.authors] == ["Ada Example", "Čeněk Ňoura"]
    assert [t.term for t in first.tags] == ["cs.RO", "cs.LG"]
    assert first.published_parsed[:3] == (2026, 3, 17)
    assert "<script" not in str(second.get("summary", "")) + str(second.get("content", ""))
