"""The pages: what they show, where they lead, and what they never let through."""

import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.errors import QueryError, SearchIndexError, StoreError
from broadsheet.factory import open_library
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Record
from broadsheet.search.highlight import Marked
from broadsheet.search.query import FIELDS, parse
from broadsheet.web import calendars, health, narrowing, views
from broadsheet.web.app import HEADERS, create_app
from web.invented import ENDLESS, IMAGE, LONG, SCRIPT, now, raising
from web.reading import TAGS, Reading, read


@pytest.fixture
def ids(library):
    """Return the ids of all papers by title."""
    return {p.title: format_paper_id(p.id) for p in library.latest(100)}


# ---------------------------------------------------------------------------- search


def test_hits_are_marked_and_say_why(client):
    """A hit has its words marked, its total, its reasons and a link to the paper."""
    page = read(client, "/search?q=tidy+kitchens")

    assert page.text.startswith("tidy kitchens · Broadsheet")
    assert "mark" in page.tags
    assert "in title and abstract" in page.text
    assert re.search(r"Why here .*?Words 0\.\d{3} “\w+” 0\.\d{3}, .*?Score [01]\.\d{3}", page.text)
    assert re.search(r"\d+ papers in (\d+|under 1) ms", page.text)


def test_categories_venues_and_facets_are_queries(client):
    """Each facet and category adds to the query in the query language itself."""
    page = read(client, "/search?q=graph")
    queries = {parse_qs(urlsplit(a["href"]).query).get("q", [""])[0] for a in page.links}

    assert {
        "graph source:arxiv",
        "graph year:2025",
        "graph cat:cs.DM",
        'graph venue:"arXiv"',
        "cat:cs.DM",
    } <= queries


def test_a_narrowing_can_be_taken_off(client):
    """Every condition stands above the hits with a link to the search without it."""
    page = read(client, "/search?q=graph+cat%3Acs.DM+year%3A2025")
    taken_off = [a["href"] for a in page.links if a.get("title") == "Take this off"]

    assert "/search?q=graph+year%3A2025" in taken_off
    assert "/search?q=graph+cat%3Acs.DM" in taken_off


def test_last_narrowing_leads_to_the_front_page(client):
    """Taking the only condition off leaves nothing to ask for."""
    page = read(client, "/search?q=cat%3Acs.DM")

    assert "/" in [a["href"] for a in page.links if a.get("title") == "Take this off"]


def test_next_pages_hold_every_hit_once(client):
    """Following "next" shows as many different papers as there are, in any mode and order."""
    seen, url = [], "/search?q=cat%3Acs.DM+sort%3Adate&mode=text"
    while url:
        page = read(client, url)
        seen += [a["href"] for a in page.links if a["href"].startswith("/paper/")]
        url = next((a["href"] for a in page.links if a.get("rel") == "next"), None)

    assert len(set(seen)) == 30


@pytest.mark.parametrize(
    "text",
    [
        "2603.00001",
        "arXiv:2603.00001v2",
        "https://arxiv.org/abs/2603.00001",
        "10.1234/kitchen.(7)/x",
        "https://doi.org/10.1234/KITCHEN.(7)/x",
        "https://aclanthology.org/2026.kitchen-main.3/",
    ],
)
def test_pasted_id_goes_to_its_paper(client, kitchen, text):
    """A pasted id, DOI or link leads straight to the paper, from the box and from an address."""
    for answer in (client.get("/search", params={"q": f" {text} "}), client.get(f"/paper/{text}")):
        assert (answer.status_code, answer.headers["location"]) == (303, f"/paper/{kitchen}")


def test_unknown_id_is_said_to_be_unknown(client):
    """An id of no paper here is named as such, whatever else is found."""
    assert "has the id arxiv:2612.99999" in read(client, "/search?q=2612.99999").text


def test_empty_search_is_the_front_page(client):
    """Nothing asked for leads to the front page."""
    for url in ("/search", "/search?q=", "/search?q=+++"):
        answer = client.get(url)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_nothing_found_says_so(client):
    """Without hits the page says what to change."""
    page = read(client, "/search?q=cat%3Amath.GT+year%3A1980")

    assert "Nothing found" in page.text
    assert "without cat:math.GT" in page.text


def test_misread_query_shows_the_place(client):
    """A query that cannot be read is 400, shown with a caret under the fault and the hint."""
    answer = client.get("/search?q=graph+auther%3Aexample")

    assert answer.status_code == 400
    shown = re.search(r"<pre.*?</pre>", answer.text, re.DOTALL)[0]
    lines = re.sub("<[^>]+>", "", shown).splitlines()
    assert lines == ["graph auther:example", "      ^"]
    assert "Did you mean author:?" in answer.text
    assert 'value="graph auther:example"' in answer.text


def test_cursor_of_another_search_begins_anew(client):
    """A cursor that belongs elsewhere leads to the first page, not to an error."""
    answer = client.get("/search?q=graph&cursor=nonsense&mode=text")

    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=graph&mode=text")


def test_unknown_like_is_not_found(client):
    """A search like no paper is 404 and keeps the query in the box."""
    answer = client.get("/search?q=like%3Ap999")

    assert answer.status_code == 404
    assert 'value="like:p999"' in answer.text


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=60))
def test_any_text_can_be_searched(app, text):
    """No text makes the search page fail, and none of it becomes a tag."""
    answer = TestClient(app, follow_redirects=False).get("/search", params={"q": text})

    assert answer.status_code in {200, 303, 400, 404}
    if answer.status_code != 303:
        assert set(Reading(answer.text).tags) <= set(TAGS.split())


@pytest.mark.parametrize("text", [LONG, "graph " + "cat:cs.DM " * 900, "网络" * 1500])
def test_long_queries_keep_pages_small(client, text):
    """A pasted abstract or hundreds of conditions give a page under 100 kB."""
    answer = client.get("/search", params={"q": text})

    assert answer.status_code == 200
    assert len(answer.content) < 100_000


# ---------------------------------------------------------------------------- one paper


def test_paper_page_has_everything(client, kitchen):
    """The page of a paper shows abstract and summary, dates, ids, sources and saved pages."""
    page = read(client, f"/paper/{kitchen}")
    hrefs = [a["href"] for a in page.links]

    for words in (
        "Abstract Kitchens are graphs.",
        "Summary Robots tidy kitchens.",
        "Announced Tuesday, 17 March 2026 the day on which a listing showed it",
        "Submitted Sunday, 15 March 2026",
        "Number 3 of 9 on saved.txt , Tuesday, 17 March 2026",
        "arxiv 2603.00001",
        "in meaning",
    ):
        assert words in page.text
    assert {
        "https://arxiv.org/abs/2603.00001",
        "https://doi.org/10.1234/kitchen.%287%29/x",
        "https://aclanthology.org/2026.kitchen-main.3",
        "https://openreview.net/forum?id=kItchen_01",
        "https://arxiv.example/pdf/2603.00001",
        "/search?q=author%3A%22Bo+the+Cook+Sample%22",
        "/search?q=cat%3Acs.RO",
    } <= set(hrefs)


def test_a_source_that_wrote_tex_said_nothing_else(tmp_path):
    """TeX that is shown as Unicode is not listed as another title, author or abstract."""
    said = Record(
        "invented", "tex", r"Tides of the $\Gamma$ Basin", authors=(r"Andr\'e Lowe",),
        abstract=r"We measure $\Gamma$ by day.",
    )  # fmt: skip
    with open_library(tmp_path, clock=now) as opened:
        for _ in opened.file([said], source="invented", counts=Counter()):
            pass
        page = TestClient(create_app(opened, clock=now)).get("/paper/p1").text
    assert "Tides of the Γ Basin" in page
    assert "André Lowe" in page
    assert "Gamma" not in page
    assert "Another text of the abstract" not in page


def test_paper_page_can_be_cited(client, kitchen):
    """Reference managers find title, every author, date and DOI in the head of the page."""
    text = client.get(f"/paper/{kitchen}").text

    assert '<meta name="citation_title" content="Graph networks for tidy kitchens">' in text
    assert text.count('name="citation_author"') == 3
    assert '<meta name="citation_doi" content="10.1234/kitchen.(7)/x">' in text
    assert f'<link rel="canonical" href="/paper/{kitchen}">' in text


def test_summary_is_never_called_an_abstract(client, ids):
    """A paper with only a summary says that its abstract is not here."""
    page = read(client, f"/paper/{ids['A graph paper with only a summary']}")

    assert "Abstract" not in page.text
    assert "Summary Short and graphic." in page.text
    assert "Withdrawn." in page.text


def test_many_authors_fold(client, ids):
    """Of very many authors the first are links and the rest are behind a fold."""
    page = read(client, f"/paper/{ids['Lighthouses and their keepers']}")

    assert "and 20 more authors" in page.text
    assert "Author Number59" in page.text


@pytest.mark.parametrize(
    "ident", ["p0", "p999", "nonsense", "10.5555/nobody", "p" + "9" * 18, "%00"]
)
def test_unknown_paper_is_not_found(client, ident):
    """An id of no paper is 404, with a way on where the id is somebody else's."""
    page = read(client, f"/paper/{ident}", 404)

    assert "No such paper" in page.text
    assert ("https://doi.org/10.5555/nobody" in [a["href"] for a in page.links]) == ("10." in ident)


def test_similar_papers_by_facet(client, library, kitchen):
    """The page of a paper offers each facet, and shows what is alike in the one that is chosen."""
    whole = read(client, f"/paper/{kitchen}")
    offered = [a["href"] for a in whole.links if a["href"].endswith("#similar")]

    assert offered == [
        f"/paper/{kitchen}{q}#similar"
        for q in ("", "?facet=problem", "?facet=method", "?facet=result")
    ]
    for facet in ("problem", "method", "result"):
        found = library.similar(kitchen, facet=facet, limit=6)
        page = read(client, f"/paper/{kitchen}?facet={facet}")
        leads = [f"/paper/{format_paper_id(h.paper.id)}" for h in found.hits]
        assert [a["href"] for a in page.links if a["href"] in leads] == leads
        assert found.notice in page.text
    assert "to compare by" not in whole.text


def test_paper_page_stands_without_the_index(client, library, kitchen, monkeypatch):
    """When the index fails the page shows the record, without similar papers."""
    monkeypatch.setattr(library, "similar", raising(SearchIndexError("the index is damaged")))

    assert "Similar papers" not in read(client, f"/paper/{kitchen}").text


# ---------------------------------------------------------------------------- hostile texts


def test_no_text_of_a_paper_becomes_a_tag_or_a_link(client, library):
    """Scripts, handlers and javascript: links in any field reach the reader as plain words."""
    urls = ["/", "/2026/03", "/2026/03/16", "/search?q=graph", "/search?q=alert"]
    urls += [f"/paper/{format_paper_id(p.id)}" for p in library.latest(100)]
    for url in urls:
        page = read(client, url)
        assert set(page.tags) <= set(TAGS.split())
        assert not {a for a in page.attributes if a.startswith("on") or a in {"style", "src"}}
        schemes = {urlsplit(a["href"]).scheme for a in page.links}
        assert schemes <= {"", "https"}


def test_outside_links_tell_nothing(client, kitchen):
    """Links to other sites keep the opener and the address to themselves."""
    page = read(client, f"/paper/{kitchen}")

    for link in page.links:
        assert ("rel" in link) == link["href"].startswith("http")
    assert client.get("/").headers["referrer-policy"] == "same-origin"


def test_hostile_query_is_echoed_as_text(client):
    """What was searched for stands in the page as words, in every place."""
    for text in (SCRIPT, IMAGE, "'\"--></title><script>"):
        page = Reading(client.get("/search", params={"q": text}).text)
        assert set(page.tags) <= set(TAGS.split())


def test_overrides_are_held_in(client, ids):
    """A direction override cannot leave its title: titles are isolated."""
    for title in (t for t in ids if "override" in t):
        assert f"<bdi>{title}</bdi>" in client.get("/search?q=override").text


# ---------------------------------------------------------------------------- the whole site


def test_every_link_of_our_own_leads_somewhere(client):
    """Following every link from the first pages meets no error; every page is under 100 kB."""
    seen, waiting = set(), ["/", "/search?q=graph", "/about/query"]
    while waiting and len(seen) < 250:
        url = waiting.pop(0)
        seen.add(url)
        # What is somebody's own is told under names of ours alone.
        answer = client.get(url, headers={"Host": "localhost"})
        assert answer.status_code in {200, 303} or "like%3A" in url, url
        if answer.headers["content-type"].startswith("text/html") and answer.status_code == 200:
            assert len(answer.content) < 100_000
            found = {a["href"] for a in Reading(answer.text).links}
            waiting += sorted(u for u in found - seen - set(waiting) if u.startswith("/"))


@pytest.mark.parametrize(
    "url",
    ["/", "/search?q=graph", "/paper/zz", "/nowhere", "/search?q=(", "/healthz", "/api/status"],
)
def test_every_answer_has_the_security_headers(client, url):
    """Pages, errors and data alike carry the policy that lets nothing in from outside."""
    headers = client.get(url).headers

    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'none'" in headers["content-security-policy"]
    # A page with votes has a form, which is nobody else's.
    assert headers["cache-control"] in {"no-cache", "private, no-cache"}


def test_nothing_comes_from_outside(client, kitchen):
    """No page loads anything but our own files, and these load nothing from anywhere else."""
    for url in ("/", "/search?q=graph", f"/paper/{kitchen}", "/about/query", "/nowhere"):
        text = client.get(url).text
        loaded = re.findall(r'<link rel="(?:stylesheet|icon)"[^>]*href="([^"]+)"', text)
        assert len(loaded) == 2
        assert all(u.startswith("/static/") for u in loaded)
        sources = re.findall(r" src=\S+", re.sub(r"&lt;.*?&gt;", "", text))
        assert all(s.startswith(' src="/static/broadsheet.js?v=') for s in sources)
        assert len(sources) <= 1
    style = files("broadsheet.web").joinpath("static/broadsheet.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style
    script = files("broadsheet.web").joinpath("static/broadsheet.js").read_text("utf-8")
    assert len(script) < 2000
    assert "//" not in re.sub("^//.*", "", script)
    assert not re.search("eval|innerHTML|import|Function", script)


def test_static_files_are_kept_by_version(client):
    """A file asked for by its version may be kept for ever, any other request may not."""
    url = re.search(r"/static/broadsheet\.css\?v=\w+", client.get("/").text)[0]

    assert "immutable" in client.get(url).headers["cache-control"]
    assert client.get("/static/broadsheet.css?v=old").headers["cache-control"] == "no-cache"
    assert client.get("/static/icon.svg").headers["content-type"] == "image/svg+xml"
    assert client.get("/static/app.py").status_code == 404
    assert client.get("/static/..%2Fapp.py").status_code == 404


def test_host_header_makes_no_address(app):
    """A forged Host is neither refused nor repeated, not even by a redirect."""
    client = TestClient(app, base_url="http://evil.example", follow_redirects=False)

    for url in ("/", "/search?q=", "/paper/arxiv:2603.00001", "/search/", "/api/openapi.json"):
        answer = client.get(url)
        assert "evil.example" not in answer.text + str(answer.headers)


def test_head_is_answered_like_get(client):
    """HEAD gives the status and the length of GET without the body."""
    for url, status in (("/", 200), ("/paper/zz", 404), ("/api/status", 200)):
        answer = client.head(url)
        assert (answer.status_code, answer.content) == (status, b"")
        assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client, method):
    """Every other method is refused with a page."""
    answer = client.request(method, "/")

    assert answer.status_code == 405
    assert "text/html" in answer.headers["content-type"]


def test_busy_store_says_when_to_come_back(client, library, monkeypatch):
    """What passes is 503 with Retry-After and the sentence of the error."""
    error = StoreError("another Broadsheet is writing", temporary=True)
    monkeypatch.setattr(library.editions, "edition", raising(error))
    answer = client.get("/")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "another Broadsheet is writing" in answer.text


def test_bug_shows_a_number_and_nothing_else(app, library, monkeypatch, caplog):
    """An unforeseen error is 500 with the number under which the log has it."""
    monkeypatch.setattr(library.editions, "edition", raising(RuntimeError("secret of the house")))
    answer = TestClient(app, raise_server_exceptions=False).get("/")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert re.search(r"has it as (\w{8})\.", answer.text)[1] in caplog.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_page_of_the_query_language_is_complete(client):
    """Every field stands there with its help and its example as a link."""
    page = read(client, "/about/query")

    for field in FIELDS:
        assert f"{field.name}: {field.help} {field.example}" in page.text


def test_status_page_tells_how_it_stands(client):
    """The status names the papers, the sources, the runs, the index and what is on disk."""
    page = read(client, "/status")

    for words in (
        "Papers 37 made of 37 records",
        "arxiv 31",
        "invented done import, Wednesday, 18 March 2026, 12:00 UTC new 37",
        "holds everything",
        "Last backup none",
        "left on the disk",
    ):
        assert words in page.text
    assert "/2026/03/17" in [a["href"] for a in page.links]


def test_status_page_warns_in_words(client, library, monkeypatch):
    """What a person should mend stands at the head of the page, hostile words and all."""
    status = library.status()
    index = status.index._replace(lag=12, last=50)
    run = status.runs[0]._replace(outcome="failed", reason=SCRIPT, source=SCRIPT)
    said = [f"The disk is full. {SCRIPT}"]
    found = replace(status, warnings=said, index=index, runs=[run] * 90)
    monkeypatch.setattr(library, "status", lambda: found)
    page = read(client, "/status")

    assert "The disk is full." in page.text
    assert "12 changes behind the record" in page.text
    assert set(page.tags) <= set(TAGS.split())


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "no backup: `broadsheet backup FILE` makes one",
            [(False, "no backup: "), (True, "broadsheet backup FILE"), (False, " makes one")],
        ),
        ("`rejects`", [(True, "rejects")]),
        ("one ` alone", [(False, "one ` alone")]),
        ("", []),
    ],
)
def test_commands_in_warnings_stand_out(text, pieces):
    """What stands between backquotes is a command; a backquote alone is itself."""
    assert views.commands(text) == pieces


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (2**30, "1.1 GB"),
        (10**12, "1,000.0 GB"),
    ],
)
def test_sizes_in_words(size, words):
    """Sizes are said in the unit that fits."""
    assert health.in_bytes(size) == words


def test_health(client):
    """The check of a supervisor needs no library and no page."""
    assert client.get("/healthz").text == "ok\n"


def test_clock_is_the_machines_by_default(library):
    """Without a clock the application takes the time of this machine."""
    assert create_app(library).state.site.clock().tzinfo is not None


# ---------------------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("query", "node", "expected"),
    [
        ("graph", narrowing.source("arxiv"), "graph source:arxiv"),
        ("a OR b", narrowing.year("2024"), "(a OR b) year:2024"),
        ("", narrowing.category("cs.LG"), "cat:cs.LG"),
        (
            "graph sort:date",
            narrowing.venue('The "big" one'),
            'graph venue:"The big one" sort:date',
        ),
        ("graph", narrowing.venue("—"), None),
        ("graph", narrowing.category("Not A Category"), None),
    ],
)
def test_conditions_are_added(query, node, expected):
    """A condition is added to the whole query; what the language cannot say gives no link."""
    addition = narrowing.Addition(parse(query), "text")
    assert addition.text(node) == expected
    assert addition.href(node) == (expected and narrowing.search_url(expected, "text"))


@settings(max_examples=200)
@given(st.text(max_size=40), st.text(max_size=30))
def test_added_and_removed_are_inverse(text, name):
    """Adding a condition and taking it off gives the same query; both can always be read."""
    try:
        query = parse(text)
    except QueryError:
        return
    addition = narrowing.Addition(query)
    for node in (narrowing.venue(name), narrowing.author(name), narrowing.source(name)):
        more = addition.text(node)
        assert addition.href(node) == (more and narrowing.search_url(more))
        if more is not None and f" {node}" not in f" {query}":
            assert parse(narrowing.removed(parse(more), node)).root == query.root


def test_excerpt_goes_where_the_marks_are():
    """A long text is cut to about 60 words round the place with most marks, at a sentence."""
    spans = tuple(m.span() for m in re.finditer("lighthouse", LONG))
    found = views.excerpt(Marked(LONG, spans))
    text = "".join(t for _, t in found.pieces)

    assert found.is_cut
    assert text.startswith("…\N{NO-BREAK SPACE}Only now the lighthouse")
    assert 40 <= len(text.split()) <= 80
    assert [t for is_marked, t in found.pieces if is_marked] == ["lighthouse"] * 3


@given(st.text(), st.integers(10, 50), st.data())
def test_excerpt_is_a_stretch_of_the_text(text, size, data):
    """An excerpt without its dots is a stretch of the text, never much longer than asked for."""
    ends = data.draw(st.lists(st.integers(0, len(text)), unique=True).map(sorted))
    spans = tuple(zip(ends[::2], ends[1::2], strict=False))
    found = views.excerpt(Marked(text, spans), size)
    shown = "".join(t for _, t in found.pieces)

    if found.is_cut:
        shown = shown.removeprefix("…\N{NO-BREAK SPACE}").removesuffix("\N{NO-BREAK SPACE}…")
    assert shown in text
    assert len(shown) <= size * 1.25


@pytest.mark.parametrize(
    ("url", "is_followed"),
    [
        ("https://example.org/a", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org/a", False),
        ("https:///a", False),
        ("http://[", False),
        ("https://example.org/\u202egpj", False),
        ("", False),
    ],
)
def test_only_web_addresses_are_links(url, is_followed):
    """Whatever is not plainly http or https is shown as words."""
    assert (views._link("pdf", url).href is not None) == is_followed


@pytest.mark.parametrize(
    ("query", "position", "caret"),
    [("abc", 1, 1), ("abc", 3, 3), ("", 0, 0), ("网络x", 2, 4), ("x" * 500, 250, 37)],
)
def test_caret_stands_under_the_fault(query, position, caret):
    """The caret counts columns, so that wide characters do not move it."""
    found = views.fault(QueryError("no", query=query, position=position))

    assert found.caret == " " * caret + "^"
    assert len(found.before + found.at + found.after) <= 76


def test_colours_have_contrast():
    """Every text colour stands out from its background by 4.5 to 1 (WCAG AA), light and dark."""
    style = files("broadsheet.web").joinpath("static/broadsheet.css").read_text("utf-8")
    for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        pairs = [
            (text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "field")
        ]
        marks = [("ink", f"m{level}") for level in range(1, calendars.LEVELS + 1)]
        for text, ground in [*pairs, *marks, ("mark-ink", "mark")]:
            assert _contrast(colours[text], colours[ground]) >= 4.5


def _contrast(one, other):
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_endless_title_is_cut_in_lists(client):
    """A title without end takes no more room in a list than a long one."""
    text = client.get("/2026/03/16").text

    assert f"<bdi>{ENDLESS[:250]}" in text
    assert ENDLESS[:1600] not in text
