"""Decisions on the web: what forms and programs can do, and what nobody else can."""

import http.client
import re
from collections import Counter

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from broadsheet import config
from broadsheet.collection import schema
from broadsheet.delivery.subscription import Wishes
from broadsheet.errors import ConfigError, StoreError
from broadsheet.factory import open_library
from broadsheet.readers.permissions import OWNER
from broadsheet.web import evidence, forms
from broadsheet.web.app import create_app
from broadsheet.web.guard import COOKIE, Guard
from processes import PATIENCE, command, ended, start
from web.invented import NEAR_MISSES, SCRIPT, no_sources, now, raising
from web.reading import Reading, read
from web.test_api import ROUTERS

ADDRESS = "http://127.0.0.1:8620"
PROBLEM = "application/problem+json"


def opened(home):
    """Return a library in a new home, with the papers of `NEAR_MISSES`."""
    library = open_library(home, clock=now, newsroom=no_sources)
    for _ in library.file(NEAR_MISSES, source="invented", counts=Counter()):
        pass
    return library


def calling(library):
    """Return a client that came to an address of this machine, and follows no redirects."""
    app = create_app(library, clock=now, names=["papers.example.org"])
    return TestClient(app, base_url=ADDRESS, follow_redirects=False)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a library in which no test decides anything."""
    with opened(tmp_path_factory.mktemp("undecided")) as made:
        yield made


@pytest.fixture
def client(library):
    """Return a client of the library in which nothing is decided."""
    return calling(library)


@pytest.fixture
def own(tmp_path):
    """Return a library for one test to decide in."""
    with opened(tmp_path / "own") as made:
        yield made


@pytest.fixture
def decider(own):
    """Return a client of the library to decide in."""
    return calling(own)


@pytest.fixture
def twice(library):
    """Return the id of the paper that three records make: the same in every such library."""
    return f"p{library.resolve('arxiv:2603.00001')}"


@pytest.fixture
def pair(library):
    """Return the ids of two papers that are near misses."""
    return [f"p{library.resolve(i)}" for i in ("arxiv:2603.00002", "acl:2026.moon-1.2")]


def form(client, url, action, **wanted: str):
    """Return the fields of the first form on a page that leads to `action` and has these fields."""
    page = read(client, url)
    return next(
        f["fields"]
        for f in page.forms
        if f["action"] == action and wanted.items() <= f["fields"].items()
    )


KEPT = (
    schema.votes, schema.voted, schema.comments, schema.notices,
    schema.subscriptions, schema.consents, schema.feedback,
)  # fmt: skip
"""What people do here."""


def state(library):
    """Return what a decision would change."""
    with library.database.read() as connection:
        people = [
            connection.execute(select(func.count()).select_from(table)).scalar() for table in KEPT
        ]
    return library.last_change(), library.deciding.decisions(), library.count(), people


# ---------------------------------------------------------------------------- forms


def test_merge_and_undo_from_the_list_of_duplicates(decider, own, pair):
    """Two near misses become one paper, the notice says so, and its button takes it back."""
    fields = form(decider, "/duplicates", "/decide/merge", one=pair[0])
    answer = decider.post("/decide/merge", data=fields)

    assert (answer.status_code, answer.headers["location"]) == (303, "/duplicates?done=1")
    page = read(decider, "/duplicates?done=1")
    assert f"{pair[1]} is now part of {pair[0]} ." in page.text
    assert decider.get(f"/paper/{pair[1]}").headers["location"] == f"/paper/{pair[0]}"

    answer = decider.post("/decide/undo", data=form(decider, "/duplicates?done=1", "/decide/undo"))
    assert answer.headers["location"] == "/duplicates?done=1"
    page = read(decider, "/duplicates?done=1")
    assert f"Decision 1 is undone: {pair[0]} and {pair[1]} are two papers again." in page.text
    assert decider.get(f"/paper/{pair[1]}").status_code == 200
    assert not [f for f in page.forms if f["action"] == "/decide/undo"]


def test_not_the_same_takes_a_pair_off_the_list(decider, pair):
    """Two papers told apart are not asked about again, and the log has it."""
    decider.post("/decide/apart", data=form(decider, "/duplicates", "/decide/apart", one=pair[0]))
    page = read(decider, "/duplicates?done=1")

    assert f"{pair[0]} and {pair[1]} stay two papers." in page.text
    assert "Nothing is in doubt" in page.text


def test_split_from_the_page_of_a_paper(decider, twice):
    """A record is split off, the page says where it is now, and the undo joins them again."""
    fields = form(decider, f"/paper/{twice}", "/decide/split", record="acl:2026.moon-1.1")
    answer = decider.post("/decide/split", data=fields)
    there = answer.headers["location"]

    assert (answer.status_code, there) == (303, f"/paper/{twice}?done=1")
    page = read(decider, there)
    assert f"acl:2026.moon-1.1 is now p4 , apart from {twice} ." in page.text
    assert "acl:2026.moon-1.1" not in [f["fields"].get("record") for f in page.forms]
    decider.post("/decide/undo", data=form(decider, there, "/decide/undo"))
    assert "is part of" in read(decider, there).text
    assert decider.get("/paper/p4").headers["location"] == f"/paper/{twice}"


def test_merge_with_any_paper_from_its_page(decider, pair, twice):
    """The page of a paper takes any id of another that is the same."""
    fields = form(decider, f"/paper/{pair[0]}", "/decide/merge")
    data = {**fields, "other": "https://arxiv.org/abs/2603.00001"}
    answer = decider.post("/decide/merge", data=data)

    assert answer.headers["location"] == f"/paper/{twice}?done=1"


def test_paper_says_which_source_each_field_came_from(client, twice, pair):
    """A paper of several records names the source of each field, and the rules."""
    page = read(client, f"/paper/{twice}")

    assert re.search(r"Shown above: [\w, ]*title[\w, ]* from arxiv; ", page.text)
    assert "By which rules" in page.text
    assert "Shown above" not in read(client, f"/paper/{pair[0]}").text


def test_paper_names_its_edition(client, twice):
    """A paper leads to the edition of its day and says which day that is."""
    page = read(client, f"/paper/{twice}")

    assert "Edition Tuesday, 17 March 2026 by day of announcement" in page.text
    assert "Came again Wednesday, 18 March 2026 listed again by arxiv" in page.text
    assert {"/2026/03/17", "/2026/03/18"} <= {a["href"] for a in page.links}


def test_a_large_collection_shows_what_was_found_last(decider, own, pair, monkeypatch):
    """Where comparing takes a while, the page shows what was found, and how long ago."""
    monkeypatch.setattr("broadsheet.readers.deciding.FEW", 1)
    monkeypatch.setattr("broadsheet.web.deciding.FEW", 1)
    assert "No pairs are known." in read(decider, "/duplicates").text
    assert decider.get("/api/duplicates").json() == {"pairs": [], "behind": None}
    own.deciding.look_for_duplicates(lambda _done, _total: None)
    page = read(decider, "/duplicates")
    assert f"The same paper : {pair[0]} and {pair[1]}" in page.text
    assert "compares them again" not in page.text
    own.deciding.split("arxiv:2603.00001", "acl:2026.moon-1.1")
    assert re.search(r"compared [23] changes ago", read(decider, "/duplicates").text)


def test_differences_are_marked(client):
    """Of two titles the words are marked that the other does not have."""
    text = client.get("/duplicates").text

    assert "<mark>Mapping</mark> the far side of the moon" in text
    assert "<mark>A map of</mark> the far side of the moon" in text


@given(st.text(max_size=80), st.text(max_size=80))
def test_marked_pieces_make_the_text(one, other):
    """The pieces of both titles are their words; equal titles have no marks."""
    left, right = evidence.differences(one, other)

    assert "".join(t for _, t in left) == " ".join(one.split())
    assert "".join(t for _, t in right) == " ".join(other.split())
    assert not any(is_marked for is_marked, _ in evidence.differences(one, one)[0])


@pytest.mark.parametrize(
    ("path", "data", "status", "said"),
    [
        ("merge", {"one": "p1"}, 400, "leaves out what it needs: other"),
        ("merge", {"one": "p1", "other": "p1"}, 409, "one paper already"),
        ("merge", {"one": "p1", "other": "p999"}, 404, "No such paper"),
        ("split", {"paper": "p1", "record": "nonsense"}, 409, "no record"),
        ("undo", {"number": "7"}, 404, "no decision '7'"),
        ("undo", {"number": "x"}, 400, "no number of a decision"),
        ("undo", {"number": "9" * 30}, 400, "no number of a decision"),
        ("undo", {f"f{i}": "x" for i in range(30)}, 400, "too many fields"),
        ("undo", {"number": "1" * 20_000}, 413, "more than a form holds"),
    ],
)
def test_what_cannot_be_done_is_said(client, library, path, data, status, said):
    """A decision that cannot be carried out is a page with words, and changes nothing."""
    before = state(library)
    fields = form(client, "/paper/p1", "/decide/merge") | {"one": ""}
    fields = {k: v for k, v in fields.items() if v} | data
    answer = client.post(f"/decide/{path}", data=fields)

    assert answer.status_code == status
    assert said in Reading(answer.text).text
    assert state(library) == before


def test_a_busy_record_says_to_try_again(client, library, pair, monkeypatch):
    """While another process writes, a form is answered with 503 and the sentence of the error."""
    error = StoreError("another Broadsheet is writing", temporary=True)
    monkeypatch.setattr(library.deciding, "merge", raising(error))
    answer = client.post("/decide/merge", data=form(client, "/duplicates", "/decide/merge"))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "another Broadsheet is writing" in answer.text


def test_hostile_records_are_held_in(decider, own):
    """Keys and titles made of tags stand in forms and in the log as words."""
    key = f"file:{SCRIPT}"
    decider.post("/decide/split", data=form(decider, "/paper/p1", "/decide/split", record=key))
    for url in ("/paper/p1?done=1", "/duplicates?done=1"):
        page = read(decider, url)
        assert "script" not in page.tags
        assert not {a for a in page.attributes if a.startswith("on") or a in {"style", "src"}}


# ---------------------------------------------------------------------------- who may


def refused(client, library, fields, **headers: str):
    """Send a form with these headers, and return the words with which it is refused."""
    before = state(library)
    answer = client.post("/decide/merge", data=fields, headers=headers)
    assert answer.status_code == 403
    assert state(library) == before
    return Reading(answer.text).text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:8620.evil.example"},
        {"origin": "file:///etc/passwd"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": ADDRESS, "sec-fetch-site": "cross-site"},
    ],
)
def test_other_sites_can_send_no_form(client, library, headers):
    """What a browser says was sent by another site is refused, token or not."""
    fields = form(client, "/duplicates", "/decide/merge")

    assert "sent by another site" in refused(client, library, fields, **headers)


@pytest.mark.parametrize(
    "host",
    ["evil.example:8620", "evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "["],
)
def test_names_that_are_not_ours_can_send_no_form(client, library, host):
    """A name that somebody else made lead here is refused by its Host, and the page says why."""
    fields = form(client, "/duplicates", "/decide/merge")

    assert "is not known as" in refused(client, library, fields, host=host)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8620", "http://127.0.0.1:8620"),
        ("localhost:8620", "http://localhost:8620"),
        ("box.localhost", "http://box.localhost"),
        ("[::1]:8620", "http://[::1]:8620"),
        ("192.168.1.7:8620", "http://192.168.1.7:8620"),
        ("papers.example.org", "https://papers.example.org"),
        ("PAPERS.example.org.", "https://papers.example.org"),
        ("127.0.0.1:8620", "https://papers.example.org"),
    ],
)
def test_our_own_names_can(client, library, host, origin):
    """Addresses, localhost and the names of the setting are ours, behind a server in front too."""
    fields = form(client, "/duplicates", "/decide/merge")
    headers = {"host": host, "origin": origin, "sec-fetch-site": "same-origin"}
    # The cookie goes with the request whatever the name, as it would if the page came by it.
    headers["cookie"] = f"{COOKIE}={client.cookies[COOKIE]}"

    # There is no such decision, so it was looked for.
    fields["number"] = "99"

    assert client.post("/decide/undo", data=fields, headers=headers).status_code == 404


@pytest.mark.parametrize("token", ["", "0" * 64, "é", None])
def test_a_form_needs_its_token(client, library, token):
    """Without the token that belongs to the cookie a form is refused, and says what to do."""
    fields = form(client, "/duplicates", "/decide/merge")
    fields |= {"token": token} if token is not None else {}
    if token is None:
        del fields["token"]

    assert "load the page again" in refused(client, library, fields)


def test_a_token_belongs_to_one_cookie_and_one_server(client, library):
    """A token of another browser, of no cookie, or of a server before is refused."""
    fields = form(client, "/duplicates", "/decide/merge")
    other = TestClient(client.app, base_url=ADDRESS, follow_redirects=False)
    assert "load the page again" in refused(other, library, fields)
    read(other, "/duplicates")
    assert "load the page again" in refused(other, library, fields)
    anew = TestClient(create_app(library, clock=now), base_url=ADDRESS, cookies=client.cookies)
    assert "load the page again" in refused(anew, library, fields)


def test_the_cookie_is_kept_from_other_sites_and_scripts(client):
    """The cookie is strict and hidden from scripts; a page with forms is nobody else's."""
    answer = client.get("/duplicates")
    cookie = answer.headers["set-cookie"]

    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert (answer.headers["cache-control"], answer.headers["vary"]) == (
        "private, no-cache",
        "Cookie",
    )
    assert len(client.cookies[COOKIE]) >= 22
    before = client.cookies[COOKIE]
    client.get("/paper/p1")
    assert client.cookies[COOKIE] == before


@given(st.text(max_size=60))
def test_any_host_is_judged(host):
    """No Host makes the judgement fail, and none that has a foreign name is ours."""
    name = re.sub(r":\d*$", "", host).strip("[]").lower()
    if Guard().is_ours(host):
        assert name.rstrip(".").endswith("localhost") or re.search(r"[\d:.]", name)


def subscribed_to(library):
    """Subscribe the owner to something, and return the addresses that this gives."""
    held, links = library.mailroom.subscriptions, library.mailroom.links
    hook, wishes = "https://hooks.example.org/x", Wishes(form="json")
    made = held.subscribe(OWNER, hook, wishes, channel="hook")
    manage = f"/subscription/{links.token('manage', made.handle)}"
    return [
        f"/api/subscriptions/{made.id}", manage, f"{manage}/export", f"{manage}/save/p1",
        f"/subscription/{links.token('confirm', made.handle)}/confirm",
        f"/unsubscribe/{links.token('unsubscribe', made.handle)}",
    ]  # fmt: skip


def test_no_request_for_reading_changes_anything(client, library, twice):
    """Every GET, and every POST that only asks, leaves the record and the decisions as they are."""
    said = library.community.comments.write(OWNER, twice, "Which spring was it?").id
    subscribed = subscribed_to(library)
    before = state(library)
    urls = [
        "/", "/?q=moon", "/2026", "/2026/03", "/2026/w12", "/2026/03/17", "/search?q=moon",
        "/2026/03/17?section=more", f"/paper/{twice}", f"/paper/{twice}?done=1", "/duplicates",
        "/api/editions/today/picks",
        "/duplicates?done=1&page=1", "/about/query", "/healthz", "/static/broadsheet.css",
        "/status", "/status/listings", "/api/sources", "/api/runs", "/api/listings",
        "/export/jsonl", "/api/search?q=moon", f"/api/papers/{twice}", "/api/openapi.json",
        f"/api/papers/{twice}/similar", "/api/latest", "/api/edition", "/api/calendar",
        "/api/edition/papers?section=more", "/api/duplicates", "/api/decisions", "/api/status",
        "/sign-in", "/sign-in/openid/back", "/sign-up", "/letter/x", "/account", "/account/export",
        "/reader/owner", "/readers", "/api/me", "/api/me/export", "/api/me/tokens", "/api/readers",
        "/api/readers/owner",
        "/submit", "/submissions", "/claims", "/api/submissions", "/api/claims",
        "/like", "/trending", "/api/trending", "/notices", "/moderation", "/moderation/log",
        f"/comment/{said}", f"/comment/{said}/reply", f"/comment/{said}/history",
        f"/api/papers/{twice}/comments", f"/api/comments/{said}", "/api/me/notices",
        "/api/moderation", "/api/moderation/log", "/feeds/editions/day.atom",
        "/feeds/trending/hot.rss", "/feeds/search.json?q=moon", "/feeds/categories/cs.CL.atom",
        "/feeds/authors/Ada%20Example.rss", f"/feeds/papers/{twice}/comments.atom", "/feeds",
        "/feeds/mine.opml", "/feeds/editions.ics",
        "/subscribe", "/subscriptions", "/api/subscriptions", "/api/suppressions",
        *subscribed,
    ]  # fmt: skip
    for url in urls:
        assert client.get(url).status_code < 400, url
    nowhere = ["/feeds/recommended.atom", "/feeds/for/nobody/search.atom", "/digest/x"]
    assert {client.get(url).status_code for url in nowhere} == {404}
    reading = [r for router in ROUTERS for r in router.routes if "GET" in r.methods]
    paths = [url.partition("?")[0] for url in (*urls, *nowhere)]
    missed = [r.path for r in reading if not any(map(r.path_regex.match, paths))]
    assert missed == []
    asked = {"papers": "@misc{x, title={Moons over harbours that nobody has filed}}"}
    answers = [
        client.post("/like", data=form(client, "/like", "/like") | asked),
        client.post("/api/search/like", content=asked["papers"]),
    ]
    assert [a.status_code for a in answers] == [200, 200]
    for path in ("merge", "apart", "split", "undo"):
        answer = client.get(f"/decide/{path}?one=p1&other=p2&number=1")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    assert state(library) == before


# ---------------------------------------------------------------------------- programs


def test_programs_decide_and_undo(decider, own, pair, twice):
    """A program decides with JSON, gets the decision as `wire` writes it, and takes it back."""
    wishes = [
        {"kind": "merge", "one": pair[0], "other": pair[1], "note": "seen in print"},
        {"kind": "split", "paper": twice, "record": "acl:2026.moon-1.1"},
        {"kind": "apart", "one": pair[0], "other": twice},
    ]
    for number, wish in enumerate(wishes, 1):
        answer = decider.post("/api/decisions", json=wish)
        made = answer.json()
        assert (answer.status_code, made["id"], made["kind"]) == (201, number, wish["kind"])
        forms.DecisionForm.model_validate(made)
    found = decider.get("/api/decisions").json()
    forms.DecisionsForm.model_validate(found)
    assert [d["id"] for d in found["decisions"]] == [3, 2, 1]
    assert found["decisions"][2]["note"] == "seen in print"
    assert len(decider.get(f"/api/decisions?paper={pair[0]}").json()["decisions"]) == 2
    for number in (3, 2, 1):
        answer = decider.delete(f"/api/decisions/{number}")
        assert (answer.status_code, bool(answer.json()["undone"])) == (200, True)
    assert decider.delete("/api/decisions/1").status_code == 409


def test_programs_see_duplicates(client, pair):
    """The near misses come with both papers and what speaks for each."""
    found = client.get("/api/duplicates").json()

    forms.DuplicatesForm.model_validate(found)
    assert [[p["one"]["id"], p["other"]["id"]] for p in found["pairs"]] == [pair]


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b'{"kind":"merge","one":"p1","other":"p2"}', "text/plain", 415, "application/json"),
        (
            b"kind=merge&one=p1&other=p2",
            "application/x-www-form-urlencoded",
            415,
            "application/json",
        ),
        (b"{", "application/json", 400, "JSON"),
        (b'{"kind":"merge","one":"p1"}', "application/json", 400, "other: Field required"),
        (b'{"kind":"divorce"}', "application/json", 400, "merge"),
        (b'{"kind":"merge","one":"p1","other":"p2","x":1}', "application/json", 400, "x: Extra"),
        (b"[" * 70_000, "application/json", 413, "more than a form holds"),
        (b'{"kind":"merge","one":"p1","other":"p1"}', "application/json", 409, "already"),
        (b'{"kind":"merge","one":"p1","other":"p99"}', "application/json", 404, "p99"),
    ],
)
def test_wishes_that_cannot_be_granted_are_problems(client, library, content, kind, status, said):
    """What is no decision, or none that can be carried out, is a problem with words."""
    before = state(library)
    answer = client.post("/api/decisions", content=content, headers={"content-type": kind})

    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert said in answer.json()["detail"]
    assert state(library) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example:8620"},
    ],
)
def test_pages_of_other_sites_are_no_programs(decider, own, pair, headers):
    """JSON that another site's page sends is refused, and so is its wish to undo."""
    own.deciding.merge(*pair)
    before = state(own)
    wish = {"kind": "split", "paper": "p1", "record": "acl:2026.moon-1.1"}
    for answer in (
        decider.post("/api/decisions", json=wish, headers=headers),
        decider.delete("/api/decisions/1", headers=headers),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)

    assert state(own) == before


# ---------------------------------------------------------------------------- the setting


def test_serve_knows_itself_by_the_names_that_are_set(home):
    """A served process takes decisions under the names of the setting, and under no others."""
    words = command("--home", home, "serve", "--port", 0)
    process = start(words, BROADSHEET_NAMES="Papers.example.org, box")
    try:
        lines = (re.search(rb"served at http://\S+:(\d+)/", line) for line in process.stdout)
        port = int(next(filter(None, lines))[1])
        told = {name: _undo_as(port, name) for name in ("box:99", "papers.example.org", "evil")}
        process.terminate()
        _, _, errors = ended(process)
    finally:
        process.kill()

    assert told == {"box:99": 404, "papers.example.org": 404, "evil": 403}
    assert errors == ""


def _undo_as(port, name):
    """Return the status of an undo of a decision that there is not, asked for under a name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("DELETE", "/api/decisions/7", headers={"Host": name})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("text", ["https://papers.example.org", "a b", "box:8620", "-, .", "ü"])
def test_what_is_no_name_is_refused(text):
    """An address or a port in the place of a name is an error that names the setting."""
    with pytest.raises(ConfigError, match="names"):
        config.load({}, {"BROADSHEET_NAMES": text})
