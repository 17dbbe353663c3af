"""The JSON API: the bodies are those of `wire`, and every error is a problem (RFC 9457)."""

import asyncio
import re
import socket
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient

from broadsheet import __version__, wire
from broadsheet.cli.serving import listening
from broadsheet.editions.calendar import read_day, read_month, read_week
from broadsheet.errors import SearchIndexError, StoreError
from broadsheet.web import app, forms
from web.invented import now, raising

PROBLEM = "application/problem+json"
DOCS = Path(__file__).parents[2] / "docs" / "web.md"
ROUTERS = tuple(router for routers in app.ROUTERS.values() for router in routers)
ROUTES = {route.path for router in ROUTERS for route in router.routes} | {"/api/openapi.json"}


def fetch(client, url):
    """Return the JSON at `url`."""
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def fetch_problem(client, url, status):
    """Return the problem at `url`, which has this status."""
    answer = client.get(url)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    forms.ProblemForm.model_validate(problem)
    assert problem["status"] == status
    return problem


def test_search_gives_the_page_of_wire(client, library):
    """The body is `wire.page` of the same search, but for the time it took."""
    found = fetch(client, "/api/search?q=graph+knitting&mode=text&limit=7")
    expected = wire.page(library.search("graph knitting", mode="text", limit=7))

    forms.PageForm.model_validate(found)
    assert len(found["hits"]) == 7
    assert found["facets"] == expected["facets"]
    assert [h["id"] for h in found["hits"]] == [h["id"] for h in expected["hits"]]
    assert found["hits"][0]["reasons"] == expected["hits"][0]["reasons"]


def test_facets_can_be_left_out(client):
    """Without them a page is the same but for its facets, which are none."""
    whole, plain = (
        fetch(client, f"/api/search?q=graph+knitting&limit=7{more}")
        for more in ("", "&facets=false")
    )

    forms.PageForm.model_validate(plain)
    assert whole["facets"]["year"]
    assert plain == whole | {"facets": {}, "took_ms": plain["took_ms"]}


def test_search_turns_pages(client):
    """The cursors lead through every hit once, and the last page has none."""
    seen, cursor = [], ""
    while cursor is not None:
        found = fetch(client, f"/api/search?q=cat:cs.DM&limit=8&cursor={cursor}")
        seen += [h["id"] for h in found["hits"]]
        cursor = found["next"]

    assert len(seen) == len(set(seen)) == 30


def test_search_without_words_finds_everything(client):
    """An empty query is the whole collection, newest first, as many as a page shows."""
    found = fetch(client, "/api/search")

    assert (found["total"], len(found["hits"])) == (37, 10)


def test_search_for_an_id_gives_that_paper_alone(client, kitchen):
    """A pasted id is no redirect here: a script gets a page with one hit."""
    found = fetch(client, "/api/search?q=https://arxiv.org/abs/2603.00001")

    assert [h["id"] for h in found["hits"]] == [kitchen]


@pytest.mark.parametrize(
    "ident", ["arxiv:2603.00001", "10.1234/kitchen.(7)/x", "https://doi.org/10.1234/kitchen.(7)/x"]
)
def test_paper_by_any_id(client, library, kitchen, ident):
    """Any id of a paper, slashes and all, gives the sheet of `wire`."""
    found = fetch(client, f"/api/papers/{ident}")

    forms.SheetForm.model_validate(found)
    assert found == wire.sheet(library.sheet(kitchen))
    assert found["id"] == kitchen


def test_similar_papers(client, kitchen):
    """The papers most like one come with reasons, itself left out, as many as asked for."""
    found = fetch(client, "/api/papers/10.1234/kitchen.(7)/x/similar?limit=3")

    forms.SimilarForm.model_validate(found)
    assert found["id"] == kitchen
    assert len(found["hits"]) == 3
    assert kitchen not in [h["id"] for h in found["hits"]]
    assert all(h["reasons"] for h in found["hits"])


@pytest.mark.parametrize("facet", ["problem", "method", "result"])
def test_similar_papers_by_facet(client, library, kitchen, facet):
    """A facet puts them in its order or says that the paper tells nothing of it."""
    found = fetch(client, f"/api/papers/{kitchen}/similar?facet={facet}&limit=4")

    forms.SimilarForm.model_validate(found)
    expected = wire.similar(kitchen, library.similar(kitchen, facet=facet, limit=4))
    assert found == orjson.loads(orjson.dumps(expected))
    assert (found["facet"] == facet) != (f"no {facet} to compare by" in found["notice"])
    fetch_problem(client, f"/api/papers/{kitchen}/similar?facet=colour", 400)


def test_latest(client, library):
    """The newest papers come in the order of the library, from any offset."""
    found = fetch(client, "/api/latest?limit=5&offset=2")

    forms.LatestForm.model_validate(found)
    assert found == {"total": 37, "papers": [wire.paper(p) for p in library.latest(5, 2)]}


@pytest.mark.parametrize(
    "asked",
    ["date=2026-03-17", "week=2026-W12", "month=2026-03", "date=yesterday&q=cat:cs.CL+-survey", ""],
)
def test_edition_is_that_of_wire(reader, press, asked):
    """The edition of any period has the form that it promises, and the papers of the library."""
    found = fetch(reader, f"/api/edition?{asked}")
    period = found["period"]
    kind = {"day": read_day, "week": read_week, "month": read_month}[found["kind"]]
    query = "cat:cs.CL -survey" if "q=" in asked else ""
    expected = press.editions.edition(kind(period, now().date()), query)

    forms.EditionForm.model_validate(found)
    assert found == wire.edition(expected)
    assert found["total"] > 0
    assert found["query"] == query


def test_papers_of_a_section(reader, press):
    """All papers of a section come in slices, in the order of the edition."""
    url = "/api/edition/papers?date=2026-03-17&section=cs.CL"
    period = read_day("2026-03-17", now().date())
    slices = [fetch(reader, f"{url}&offset={n}&limit=9") for n in (0, 9, 18, 27)]

    for found in slices:
        forms.ListingForm.model_validate(found)
    everything = wire.listing(press.editions.listing(period, "cs.CL"))
    assert [p for found in slices for p in found["papers"]] == everything["papers"]
    assert slices[0]["total"] == everything["total"] > 18


def test_calendar(reader, press):
    """A calendar has every day of its time; without one it is of the month that it is."""
    found = fetch(reader, "/api/calendar?first=2026-03-14&last=2026-03-17")
    month = fetch(reader, "/api/calendar")

    forms.CalendarForm.model_validate(found)
    assert [d["papers"] for d in found["days"]] == [0, 0, 7, 70]
    assert found["days"][0]["silence"] == "Saturday: arXiv lists nothing on weekends"
    assert len(month["days"]) == 31
    assert fetch(reader, "/api/calendar?last=2026-03-31") == month


def test_status(client, library):
    """The status tells version, papers, index and runs, as the command line does."""
    found = fetch(client, "/api/status")
    expected = wire.status(library.status(), [])

    forms.StatusForm.model_validate(found)
    assert (found["version"], found["papers"]) == (__version__, 37)
    assert {**found, "sizes": {}} == {**orjson.loads(orjson.dumps(expected)), "sizes": {}}


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/api", 404),
        ("/api/", 404),
        ("/api/nowhere", 404),
        ("/api/papers/p999", 404),
        ("/api/papers/nonsense/similar", 404),
        ("/api/papers/", 404),
        ("/api/search?q=like:p999", 404),
        ("/api/search?q=(", 400),
        ("/api/search?cursor=nonsense", 400),
        ("/api/search?limit=0", 400),
        ("/api/search?limit=1001", 400),
        ("/api/search?limit=many", 400),
        ("/api/search?mode=psychic", 400),
        ("/api/latest?offset=-1", 400),
        ("/api/edition?date=2026-02-30", 400),
        ("/api/edition?week=2026-12", 400),
        ("/api/edition?date=2026-03-17&month=2026-03", 400),
        ("/api/edition?q=(", 400),
        ("/api/edition?q=like:p1", 400),
        ("/api/edition/papers?date=2026-03-17", 400),
        ("/api/calendar?first=2026-03-17&last=2026-03-16", 400),
        ("/api/calendar?first=1900-01-01&last=2026-03-16", 400),
        ("/api/calendar?first=9999", 400),
        ("/api/latest?offset=" + "9" * 30, 400),
        ("/api/runs?limit=0", 400),
        ("/api/runs?limit=1001", 400),
        ("/api/listings?date=2026-02-30", 400),
    ],
)
def test_every_error_is_a_problem(client, url, status):
    """Unknown addresses, papers, and values that cannot be used are problems with words."""
    assert fetch_problem(client, url, status)["detail"]


def test_misread_query_tells_the_place(client):
    """The problem of a query has its text, the position of the fault and a hint."""
    problem = fetch_problem(client, "/api/search?q=graph+auther:example", 400)

    assert (problem["query"], problem["position"]) == ("graph auther:example", 6)
    assert "author:" in problem["hint"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_problems(client, method):
    """Nothing can be changed, and a script is told so in its own form."""
    answer = client.request(method, "/api/search")

    assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM)
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "error", [StoreError("the record is locked", temporary=True), SearchIndexError("no index")]
)
def test_what_passes_says_when_to_ask_again(client, library, monkeypatch, error):
    """A lock or a broken index is 503 with Retry-After."""
    monkeypatch.setattr(library, "search", raising(error))
    answer = client.get("/api/search?q=graph")

    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"] == "5"


def test_bug_is_a_problem_too(app, library, monkeypatch):
    """An unforeseen error is a problem that tells nothing of the inside."""
    monkeypatch.setattr(library, "latest", raising(RuntimeError("secret of the house")))
    client = TestClient(app, raise_server_exceptions=False)

    assert "secret" not in fetch_problem(client, "/api/latest", 500)["detail"]


def test_openapi_describes_every_route(client):
    """The description has every address of the API with its form and its problems."""
    found = fetch(client, "/api/openapi.json")

    assert set(found["paths"]) == {
        re.sub(":path", "", path) for path in ROUTES if path.startswith("/api/")
    } - {"/api/openapi.json"}
    for method in (m for path in found["paths"].values() for m in path.values()):
        responses = method["responses"]
        done = responses.get("201") or responses["200"]
        assert set(responses) - {"200", "201", "202"} == {"4XX", "5XX"}
        assert set(responses["4XX"]["content"]) == {PROBLEM}
        assert "$ref" in done["content"]["application/json"]["schema"]


def test_every_route_is_documented():
    """The page on the web surface names every route of the application, and no other."""
    documented = re.findall(r"^\| `(/[^`?]*)", DOCS.read_text("utf-8"), re.MULTILINE)

    assert sorted(documented) == sorted(re.sub(r":\w+}", "}", r) for r in ROUTES)


def test_every_field_of_the_forms_is_documented():
    """The page on the web surface names every field of every JSON form."""
    text = DOCS.read_text("utf-8")
    kinds = [k for k in vars(forms).values() if isinstance(k, type) and hasattr(k, "model_fields")]

    names = {f.alias or name for k in kinds for name, f in k.model_fields.items()}

    assert {name for name in names if f"`{name}`" not in text} == set()


def test_what_a_server_writes_is_sent_at_once():
    """Else the second piece of a page waits until the first is acknowledged."""
    seen: list[int] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        seen.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def ask() -> None:
        with listening("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(answer, sock=listener):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                await reader.read()
                writer.close()

    asyncio.run(ask())
    assert seen[0]
