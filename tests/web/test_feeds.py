"""The feeds over HTTP: what they hold, page by page, and that nothing is sent twice."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from lxml import etree

from broadsheet.collection import signals
from broadsheet.collection.signals import Observed
from broadsheet.delivery.feeds import FORMS
from broadsheet.factory import open_library
from broadsheet.papers.types import PaperId
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from broadsheet.web.feed_lists import feed_lists, secret_feeds
from broadsheet.web.feeds import KINDS, TRENDING, feeds
from delivery.test_feeds import check_atom, check_json, check_rss, found, told
from readers.circle import join
from web.invented import PRESS, SCRIPT
from web.reading import read

DOCS = Path(__file__).parents[2] / "docs" / "feeds.md"
CHECKS = {"atom": check_atom, "rss": check_rss, "json": check_json}


def atom_of(client, url):
    """Return the root of the Atom feed at an address, which is valid."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    root = check_atom(answer.content)
    # RFC 4287, 4.1.1: no two entries of a feed have one id and one time; ours have not even one id.
    ids = told(root, "a:entry/a:id")
    assert len(ids) == len(set(ids))
    return root


def papers(root):
    """Return the numbers of the papers of a feed, in its order."""
    return [
        link.rpartition("/")[2] for link in told(root, "a:entry/a:link[@rel='alternate']/@href")
    ]


def walk(client, url):
    """Return the pages of an Atom feed, each found by the one before."""
    pages = []
    while url:
        pages.append(atom_of(client, url))
        url = next(iter(told(pages[-1], "a:link[@rel='next']/@href")), None)
        assert len(pages) < 200
    return pages


# ---------------------------------------------------------------------------- every feed

ALL = [
    "/feeds/editions/day",
    "/feeds/editions/week",
    "/feeds/editions/month",
    *(f"/feeds/trending/{name}" for name in TRENDING),
    "/feeds/search",
    "/feeds/categories/cs.CL",
    "/feeds/authors/Olaf%20Reader",
]


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("path", ALL)
def test_every_feed_is_valid_in_every_form(client, path, ending):
    """Hostile papers and a hostile query make no feed invalid, and each says what it is."""
    for asked in ("", "?content=short", "?q=graph&limit=3", '?q="%3Cscript%3E%00%F0%80"'):
        answer = client.get(f"{path}.{ending}{asked}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{FORMS[ending].media_type}; charset=utf-8"
        assert CHECKS[ending](answer.content) is not None


@pytest.mark.parametrize("ending", ["atom", "rss"])
@pytest.mark.parametrize("path", ALL)
def test_the_reader_that_most_use_finds_no_fault(client, path, ending):
    """Feedparser reads every feed without a complaint, hostile papers and all."""
    feedparser = pytest.importorskip("feedparser", reason="feedparser is not installed")
    answer = client.get(f"{path}.{ending}?limit=30")
    parsed = feedparser.parse(answer.content, response_headers=dict(answer.headers))

    assert not parsed.bozo
    assert parsed.version == {"atom": "atom10", "rss": "rss20"}[ending]
    assert all(entry.id and entry.link and entry.title for entry in parsed.entries)


def test_an_empty_collection_has_empty_feeds(empty_client):
    """Where there is nothing there is no error, and no next page."""
    for path in ALL:
        root = atom_of(empty_client, f"{path}.atom")
        assert papers(root) == []
        assert told(root, "a:link[@rel='next']") == []


@pytest.mark.parametrize(
    "path", ["/feeds/editions/day", "/feeds/trending/hot", "/feeds/search", *ALL[-2:]]
)
def test_what_is_read_twice_is_sent_once(client, path):
    """Whoever has a feed is told so, by its tag or by its time; by the tag if both are said."""
    address = f"{path}.atom"
    first = client.get(address)
    tag, since = first.headers["etag"], first.headers["last-modified"]
    other = "Tue, 17 Mar 2020 00:00:00 GMT"

    def status(**headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.get(address, headers=named)
        assert answer.headers["etag"] == tag
        assert bool(answer.content) == (answer.status_code == 200)
        return answer.status_code

    assert re.fullmatch(r'"[\da-f]{32}"', tag)
    assert status() == 200
    assert status(if_none_match=tag) == 304
    assert status(if_none_match=f'"other", W/{tag}') == 304
    assert status(if_none_match="*") == 304
    assert status(if_modified_since=since) == 304
    assert status(if_none_match='"other"', if_modified_since=since) == 200
    assert status(if_none_match=tag, if_modified_since=other) == 304
    assert status(if_modified_since=other) == 200
    assert status(if_modified_since="soon") == 200
    head = client.head(address, headers={"If-None-Match": '"other"'})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert int(head.headers["content-length"]) == len(first.content)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_feeds_are_for_reading(client, method):
    """Nothing can be changed by a feed."""
    assert client.request(method, "/feeds/search.atom").status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/feeds/editions/year.atom", "/feeds/editions/day.xml", "/feeds/trending/cold.rss",
     "/feeds/search.csv", "/feeds/search", "/feeds/editions/day.atom?until=2026-02-30",
     "/feeds/categories/a%20b.atom", "/feeds/authors/%E2%80%94.atom", "/feeds/authors/.atom"],
)  # fmt: skip
def test_there_are_only_the_feeds_there_are(client, path):
    """Any other address is not there, and the page says what is."""
    read(client, path, 404)


@pytest.mark.parametrize(
    "asked", ["q=(", "content=all", "limit=0", "limit=501", "skip=-1", "cursor=x"]
)
def test_what_cannot_be_understood_is_said(client, asked):
    """A feed that nobody can have asked for is an error, not an empty feed."""
    read(client, f"/feeds/search.atom?{asked}", 400)


# ---------------------------------------------------------------------------- editions


@pytest.mark.parametrize("kind", ["day", "week", "month"])
def test_a_feed_of_editions_has_every_paper_once_in_their_order(reader, press, kind):
    """The newest edition first, its leads first; page by page down to the oldest."""
    whole = [
        p for root in walk(reader, f"/feeds/editions/{kind}.atom?limit=500") for p in papers(root)
    ]
    pages = walk(reader, f"/feeds/editions/{kind}.atom?limit=7")
    parts = [papers(root) for root in pages]

    assert sorted(whole) == sorted(f"p{i + 1}" for i in range(press.count()))
    assert [p for part in parts for p in part] == whole
    assert {len(part) for part in parts[:-1]} == {7}
    assert len({told(root, "a:id")[0] for root in pages}) == 1
    newest = read(reader, {"day": "/", "week": "/2026/w12", "month": "/2026/03"}[kind])
    shown = [a["href"].rpartition("/")[2] for a in newest.links if a["href"].startswith("/paper/")]
    assert whole[:3] == shown[:3]


def test_an_entry_says_what_its_paper_is(reader):
    """Title, names, the day of its edition, the reason of its place, abstract, ids and links."""
    root = atom_of(reader, "/feeds/editions/day.atom")
    first = found(root, "a:entry")[0]
    (content,) = told(first, "a:content")

    assert told(first, "a:published") == ["2026-03-17T00:00:00Z"]
    assert told(first, "a:author/a:name")[1:] == ["Olaf Reader", "Ida Third", "Max Fourth"]
    assert "90 upvotes" in content
    assert "This is what we know of" in content
    assert '<a href="https://arxiv.org/abs/2603.' in content
    assert told(first, "dc:identifier")[0].startswith("arxiv:2603.")


def test_short_content_is_a_text_of_some_lines(reader):
    """What is asked for short has no HTML and at most some hundred characters of an abstract."""
    root = atom_of(reader, "/feeds/editions/day.atom?content=short")

    assert found(root, "a:entry/a:content") == []
    assert all(0 < len(text) < 400 for text in told(root, "a:entry/a:summary"))
    assert told(root, "a:link[@rel='self']/@href")[0].endswith("day.atom?content=short")


def test_editions_are_narrowed_by_a_query(reader, press):
    """Only papers that match are told; a page that finds few says where to go on."""
    pages = walk(reader, "/feeds/editions/day.atom?q=cat:cs.CL+-bakeries")
    told_of = [p for root in pages for p in papers(root)]

    assert sorted(told_of) == sorted(
        f"p{h.paper.id}" for h in press.search("cat:cs.CL -bakeries", limit=1000).hits
    )
    assert told(pages[0], "a:title")[0] == "Editions of the day: cat:cs.CL -bakeries"
    assert told(pages[0], "a:link[@rel='alternate']/@href")[0].endswith("/?q=cat%3Acs.CL+-bakeries")


def test_a_page_looks_through_so_many_editions_and_no_more(reader, monkeypatch):
    """A narrow query costs no page more than the next: a page may be empty and lead on."""
    address = "/feeds/editions/day.atom?q=cat:cs.CL"
    whole = papers(atom_of(reader, address))
    monkeypatch.setitem(KINDS, "day", ("day", 1))
    parts = [papers(root) for root in walk(reader, address)]

    assert [p for part in parts for p in part] == whole
    assert list(map(len, parts)) == [25, 0, 4, 3]


def test_editions_until_a_day(reader):
    """A feed can begin with the edition of an earlier day."""
    root = atom_of(reader, "/feeds/editions/day.atom?until=2026-03-12")

    assert set(told(root, "a:entry/a:published")) == {
        "2026-03-11T00:00:00Z",
        "2025-11-04T00:00:00Z",
    }


# ---------------------------------------------------------------------------- identity


def test_a_paper_is_the_same_in_every_feed_and_form_and_under_every_name(reader, press):
    """Its id is a URN; addresses are those of the host that was asked."""
    ids = {}
    for host in ("127.0.0.1:8000", "[::1]:8000", "news.localhost"):
        for path in ("editions/day", "editions/month", "search"):
            answer = reader.get(f"/feeds/{path}.json?limit=500", headers={"Host": host})
            for item in check_json(answer.content)["items"]:
                assert item["url"].startswith(f"http://{host}/paper/p")
                ids.setdefault(item["url"].rpartition("/")[2], set()).add(item["id"])
    atom_ids = told(atom_of(reader, "/feeds/editions/day.atom?limit=500"), "a:entry/a:id")

    assert len(ids) == press.count()
    assert {len(urns) for urns in ids.values()} == {1}
    assert set(atom_ids) <= {urn for urns in ids.values() for urn in urns}
    assert len({urn for urns in ids.values() for urn in urns}) == len(ids)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example@localhost", "localhost/evil", "localhost:8000/x", "localhost?x",
     "localhost#", 'localhost"><x', "[::1", "fe80::1%25x", "localhost:99999999", "", "a b"],
)  # fmt: skip
def test_a_name_that_is_not_ours_makes_no_address(reader, host):
    """Links to elsewhere could be kept for others by what stands in between."""
    answer = reader.get("/feeds/editions/day.atom", headers={"Host": host})
    hrefs = told(check_atom(answer.content), "a:entry/a:link[@rel='alternate']/@href")

    assert all(re.fullmatch(r"http://(127\.0\.0\.1:\d+|localhost)/paper/p\d+", h) for h in hrefs)
    assert "evil" not in answer.text


def test_the_setting_names_the_address_of_what_is_shared(tmp_path, embedder):
    """Whatever host was asked; and nothing in between may keep what not everybody may read."""
    rules = Rules(is_shared=True, is_public=True, address="https://news.example/paper/")
    with open_library(tmp_path, embedder=embedder, rules=rules) as library:
        list(library.file(PRESS[:1], source="invented", counts=Counter()))
        answer = TestClient(create_app(library)).get("/feeds/search.atom")
    root = check_atom(answer.content)

    assert told(root, "//a:link[@rel!='related']/@href") == [
        "https://news.example/paper/feeds/search.atom",
        "https://news.example/paper/",
        "https://news.example/paper/paper/p1",
    ]
    assert answer.headers["cache-control"] == "private, no-cache"


def test_only_addresses_that_can_be_followed_are_told(client):
    """A script is no link, and what is withdrawn says so first."""
    text = client.get("/feeds/editions/day.json").text

    assert "javascript:" not in text
    assert "data:text" not in text
    assert "<strong>Withdrawn.</strong>" in text
    assert "\u202e" not in "".join(told(atom_of(client, "/feeds/search.atom"), "//a:title"))
    assert SCRIPT not in "".join(
        re.sub(r"<title>.*?</title>|<[^>]*>", "", client.get(f"/feeds/search.{form}").text)
        for form in ("atom", "rss")
    )


# ---------------------------------------------------------------------------- searches


def test_a_search_has_its_newest_papers_first(client, library):
    """All its words must be in a paper, as no score would put what has only one of them behind."""
    pages = walk(client, "/feeds/search.atom?q=knitting+graph&limit=8")
    days = [m for root in pages for m in told(root, "a:entry/a:published")]
    expected = library.search('"knitting" "graph" sort:date', limit=1000)

    assert len(days) == expected.total == 30
    assert days == sorted(days, reverse=True)
    assert len(pages) == 4


def test_a_search_in_its_own_order(client, library):
    """What asks for an order has it: the best first, or the most alike."""
    for q in ("knitting sort:relevance", "like:arxiv:2603.00001"):
        root = atom_of(client, f"/feeds/search.atom?q={q}&limit=5")
        assert papers(root) == [f"p{h.paper.id}" for h in library.search(q, limit=5).hits]


def test_the_papers_of_a_category(reader, press):
    """All of them and no others, the newest first; `.*` stands for all of an archive."""
    for path, q in (("cs.CL", "cat:cs.CL"), ("cs.*", "cat:cs.*")):
        pages = walk(reader, f"/feeds/categories/{path}.atom?limit=10")
        expected = press.search(f"{q} sort:date", limit=1000).hits
        assert [p for root in pages for p in papers(root)] == [f"p{h.paper.id}" for h in expected]
    assert told(pages[0], "a:title") == ["cs.* · Broadsheet"]
    root = atom_of(reader, "/feeds/categories/cs.CL.atom")
    assert told(root, "a:title") == ["Computation and Language (cs.CL) · Broadsheet"]
    assert told(root, "a:link[@rel='alternate']/@href")[0].endswith("/search?q=cat%3Acs.CL")


def test_the_papers_of_an_author(reader, press):
    """The whole name counts, whatever stands in it; its page is the search for the author."""
    root = atom_of(reader, "/feeds/authors/Olaf%20Reader.atom")
    expected = press.search('author:"Olaf Reader" sort:date', limit=1000).hits

    assert expected
    assert papers(root) == [f"p{h.paper.id}" for h in expected]
    assert told(root, "a:title") == ["Papers by Olaf Reader · Broadsheet"]
    assert told(root, "a:link[@rel='self']/@href")[0].endswith("/feeds/authors/Olaf%20Reader.atom")
    assert told(root, "a:link[@rel='alternate']/@href")[0].endswith(
        "/search?q=author%3A%22Olaf+Reader%22"
    )
    for name in ("J.%20O%27Neil%2FSmith", "%C4%8Cen%C4%9Bk%20%3Fx%3D1%23", "a%22b%3Cc%3E"):
        address = f"/feeds/authors/{name}.atom"
        (own,) = told(atom_of(reader, address), "a:link[@rel='self']/@href")
        assert reader.get(own).status_code == 200
        assert not re.search(r'[\s"<>]', own)


def test_a_category_and_an_author_are_narrowed_further(reader, press):
    """As other lists are: by conditions, which may be alternatives, and in no other order."""
    q = "knitting OR bakeries OR cat:cs.LG"
    for path, condition in (
        ("categories/cs.CL", "cat:cs.CL"),
        ("authors/Olaf Reader", 'author:"Olaf Reader"'),
    ):
        root = atom_of(reader, f"/feeds/{path}.atom?q={q}")
        expected = press.search(f"{condition} ({q}) sort:date", limit=1000).hits
        assert papers(root) == [f"p{h.paper.id}" for h in expected]
        assert reader.get(f"/feeds/{path}.atom?q=sort:relevance").status_code == 400
        assert reader.get(f"/feeds/{path}.atom?q=like:p1").status_code == 400


def test_what_is_not_recommended_yet_has_no_feed(reader):
    """The address is told apart from one that nobody knows: it says what there is instead."""
    page = read(reader, "/feeds/recommended.rss", 404)

    assert "Nothing is recommended here yet" in page.text


def test_a_search_for_nothing_has_all_papers(client, library):
    """The feed of everything that is here, newest first."""
    pages = walk(client, "/feeds/search.atom?limit=20")

    assert sum(len(papers(root)) for root in pages) == library.count()


# ---------------------------------------------------------------------------- trending

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
SEEN = [
    (1, "2026-03-16T20:00:00Z", 10),
    (1, "2026-03-17T08:00:00Z", 38),
    (2, "2026-03-17T08:00:00Z", 60),
    (3, "2026-03-17T08:00:00Z", 4),
]


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """Return the time that it was set to."""
        return self.now


def note(library, *seen: tuple[int, str, int]):
    """Note upvotes of papers, each as seen at a time."""
    with library.database.write() as connection:
        signals.note(
            connection,
            [Observed(PaperId(p), "upvotes", "hf", str(p), at, count) for p, at, count in seen],
        )


@pytest.fixture
def watch():
    """Return a clock that is set by hand."""
    return Watch()


@pytest.fixture
def trends(tmp_path, embedder, watch):
    """Give a library of which three papers were counted, and a client of it."""
    with open_library(tmp_path, embedder=embedder, clock=watch) as library:
        list(library.file(PRESS[:6], source="invented", counts=Counter()))
        note(library, *SEEN)
        yield library, TestClient(create_app(library, clock=watch), follow_redirects=False)


def test_what_is_trending_stands_in_its_order_with_its_parts(trends):
    """The feed is the list of the page, each paper with what was counted of it."""
    library, client = trends
    for name, (view, window) in TRENDING.items():
        root = atom_of(client, f"/feeds/trending/{name}.atom")
        expected = library.trending(view, window=window).places
        assert papers(root) == [f"p{place.paper.id}" for place in expected]
        contents = told(root, "a:entry/a:content")
        assert all(p.reasons[0] in c for p, c in zip(expected, contents, strict=True))
    assert [papers(r) for r in walk(client, "/feeds/trending/hot.atom?limit=1")] == [
        [f"p{place.paper.id}"] for place in library.trending().places
    ]
    assert papers(atom_of(client, "/feeds/trending/hot.atom?q=survey")) == ["p3"]


def test_a_ranking_is_new_when_it_has_changed_and_not_before(trends, watch):
    """Its time is when it was first asked for as it is, since what it holds does not say."""
    library, client = trends
    address = "/feeds/trending/hot.atom"
    first = client.get(address)
    watch.now += timedelta(minutes=5)
    again = client.get(address, headers={"If-Modified-Since": first.headers["last-modified"]})
    note(library, (3, "2026-03-17T12:04:00Z", 400))
    watch.now += timedelta(minutes=5)
    after = client.get(address, headers={"If-Modified-Since": first.headers["last-modified"]})

    assert again.status_code == 304
    assert after.status_code == 200
    assert after.headers["last-modified"] == "Tue, 17 Mar 2026 12:10:00 GMT"
    assert after.headers["etag"] != first.headers["etag"]
    assert sorted(told(check_atom(first.content), "a:entry/a:id")) == sorted(
        told(check_atom(after.content), "a:entry/a:id")
    )


def test_a_new_version_updates_an_entry_and_tells_no_other(trends):
    """Readers show the same paper as changed."""
    library, client = trends
    before = atom_of(client, "/feeds/search.atom")
    changed = replace(PRESS[0], updated="2026-03-19", title=PRESS[0].title)
    list(library.file([changed], source="invented", counts=Counter()))
    after = atom_of(client, "/feeds/search.atom")
    entry = next(e for e in found(after, "a:entry") if told(e, "a:updated")[0] > "2026-03-18")

    assert sorted(told(before, "a:entry/a:id")) == sorted(told(after, "a:entry/a:id"))
    assert told(entry, "a:published | a:updated") == [
        "2026-03-17T00:00:00Z",
        "2026-03-19T00:00:00Z",
    ]
    assert told(after, "a:updated") == ["2026-03-19T00:00:00Z"]


# ---------------------------------------------------------------------------- comments


@pytest.fixture
def talk(tmp_path, embedder, watch):
    """Give a library with two papers, of which the first was talked about, and a client of it."""
    with open_library(tmp_path, embedder=embedder, clock=watch) as library:
        list(library.file(PRESS[:2], source="invented", counts=Counter()))
        ada, bo = join(library, "ada", shown="Ada Example"), join(library, "bo")
        said = library.community.comments
        first = said.write(ada, "p1", "What *is* the moon?")
        watch.now += timedelta(minutes=1)
        said.write(bo, "p1", f"{SCRIPT} [here](javascript:alert(1))", first.id)
        watch.now += timedelta(minutes=1)
        said.edit(ada, first.id, "What **is** the moon made of?")
        said.write(ada, "p2", "Elsewhere.")
        yield library, TestClient(create_app(library, clock=watch), follow_redirects=False), ada, bo


def test_the_comments_of_a_paper_come_newest_first(talk):
    """Each is an entry of its own by whoever wrote it, and says when it was edited."""
    _, client, *_ = talk
    root = atom_of(client, "/feeds/papers/p1/comments.atom")
    titles = told(root, "a:entry/a:title")

    assert [title.partition(" on “")[0] for title in titles] == ["bo", "Ada Example"]
    assert told(root, "a:entry/a:author/a:name") == ["bo", "Ada Example"]
    assert told(root, "a:entry/a:published") == ["2026-03-17T12:01:00Z", "2026-03-17T12:00:00Z"]
    assert told(root, "a:entry/a:updated") == ["2026-03-17T12:01:00Z", "2026-03-17T12:02:00Z"]
    assert (
        told(root, "a:entry/a:content")[1] == "<p>What <strong>is</strong> the moon made of?</p>\n"
    )
    assert told(root, "a:entry/a:link/@href")[1].endswith("/comment/1")
    assert [len(found(page, "a:entry")) for page in walk(
        client, "/feeds/papers/p1/comments.atom?limit=1"
    )] == [1, 1]  # fmt: skip


@pytest.mark.parametrize("ending", FORMS)
def test_comments_are_valid_in_every_form(talk, ending):
    """Full and short, with an ETag as any feed."""
    _, client, *_ = talk
    for asked in ("", "?content=short"):
        answer = client.get(f"/feeds/papers/p1/comments.{ending}{asked}")
        assert CHECKS[ending](answer.content) is not None
        assert answer.headers["content-type"] == f"{FORMS[ending].media_type}; charset=utf-8"
        assert "etag" in answer.headers


def test_a_hostile_comment_does_no_harm(talk):
    """A script and an address that runs one are words, whatever a feed reader makes of HTML."""
    _, client, *_ = talk
    root = atom_of(client, "/feeds/papers/p1/comments.atom")
    hostile = etree.HTML(told(root, "a:entry/a:content[@type='html']")[0])

    assert {e.tag for e in hostile.iter()} == {"html", "body", "p"}
    assert "alert(1)" in "".join(hostile.itertext())


def test_only_what_is_shown_is_told(talk):
    """What was deleted is gone from the feed, and whom a reader mutes is gone from theirs."""
    library, client, _, bo = talk
    address = "/feeds/papers/p1/comments.atom"
    before = atom_of(client, address)
    library.community.mute(OWNER, "ada", is_muted=True)
    muted = atom_of(client, address)
    library.community.mute(OWNER, "ada", is_muted=False)
    library.community.comments.delete(bo, 2)
    after = atom_of(client, address)

    assert told(muted, "a:entry/a:id") == told(before, "a:entry/a:id")[:1]
    assert told(after, "a:entry/a:id") == told(before, "a:entry/a:id")[1:]


def test_the_comments_of_a_paper_have_one_address(talk):
    """Another id of it leads there, a paper without comments has an empty feed, none has none."""
    _, client, *_ = talk
    answer = client.get("/feeds/papers/arxiv:2603.00100/comments.rss?content=short&skip=1")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/feeds/papers/p1/comments.rss?content=short&skip=1"
    assert len(found(atom_of(client, "/feeds/papers/p2/comments.atom"), "a:entry")) == 1
    read(client, "/feeds/papers/p99/comments.atom", 404)


# ---------------------------------------------------------------------------- ways to them


@pytest.mark.parametrize(
    ("page", "feed"),
    [
        ("/2026/03/17", "/feeds/editions/day.{}"),
        ("/2026/w12?q=cat:cs.CL", "/feeds/editions/week.{}?q=cat%3Acs.CL"),
        ("/2026/03", "/feeds/editions/month.{}"),
        ("/paper/p1", "/feeds/papers/p1/comments.{}"),
        ("/search?q=cat:cs.CL", "/feeds/search.{}?q=cat%3Acs.CL"),
        ("/trending", "/feeds/trending/hot.{}"),
        ("/trending?view=rising&window=week&q=a%26b", "/feeds/trending/rising-week.{}?q=a%26b"),
    ],
)
def test_a_page_names_the_feeds_of_what_it_shows(reader, page, feed):
    """Feed readers find them from the page, and people at its foot; each leads to a feed."""
    text = reader.get(page).text
    tree = etree.HTML(text)
    named = [e.get("href") for e in tree.iterfind(".//link[@rel='alternate']")]
    linked = {e.get("href") for e in tree.iterfind(".//main//a")}

    assert named == [feed.format(ending) for ending in FORMS]
    assert [e.get("type") for e in tree.iterfind(".//link[@rel='alternate']")] == [
        form.media_type for form in FORMS.values()
    ]
    assert set(named) <= linked
    assert "/feeds" in {e.get("href") for e in tree.iterfind(".//footer//a")}
    assert all(reader.get(address).status_code == 200 for address in named)


def test_every_feed_is_documented():
    """Each route stands in docs/feeds.md, with each kind, window, ending and parameter."""
    text = DOCS.read_text("utf-8")
    documented = re.findall(r"^\| `(/feeds[^`?]*)", text, re.MULTILINE)
    routes = [*feeds.routes, *feed_lists.routes, *secret_feeds.routes]

    assert sorted(documented) == sorted(route.path.replace(":path", "") for route in routes)
    assert all(f"`{name}`" in text for name in (*TRENDING, "day", "week", "month"))
    assert all(f"`.{ending}`" in text for ending in FORMS)
    assert all(f"`{p}`" in text for p in ("q", "content", "limit", "until"))
