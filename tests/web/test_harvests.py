"""Sources, their runs and listings, and what they counted: on the pages and in the API."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from broadsheet import wire
from broadsheet.collection import harvests, runs, signals
from broadsheet.collection.harvests import Beside, Listed
from broadsheet.collection.runs import Run
from broadsheet.collection.signals import Observed
from broadsheet.errors import ConfigError, RecordError, SourceUnavailable
from broadsheet.factory import open_library
from broadsheet.harvest.newsroom import Standing
from broadsheet.papers.types import ExternalId, Record
from broadsheet.web import counted, forms, listings, sources
from broadsheet.web.app import create_app
from loopback import FakeTime
from newsrooms import Invented, Shelf, e_print, opened
from web.invented import SCRIPT, now, raising
from web.reading import TAGS, Reading, read
from web.test_api import fetch, fetch_problem

ON = {"invented": {"enabled": True}}
TUESDAY = "2026-03-17"
STAMP = "2026-03-17T06:00:00Z"
HERE = [e_print(n, TUESDAY) for n in range(1, 6)]


@pytest.fixture
def time():
    """Return a time that stands still on a Tuesday in the morning."""
    return FakeTime(datetime(2026, 3, 17, 6, 30, tzinfo=UTC))


@pytest.fixture
def shelf():
    """Give the shelf of the invented source, with two parts."""
    Invented.shelf = Shelf({"one": [[e_print(1, TUESDAY)]], "two": [[e_print(2)], [e_print(3)]]})
    yield Invented.shelf
    Invented.shelf = Shelf()


@pytest.fixture
def library(home, time, shelf):
    """Give an empty library that has the invented source, enabled."""
    with opened(home, ON, time, more={"invented": Invented}) as found:
        yield found


@pytest.fixture
def client(library):
    """Return a client of the library."""
    return TestClient(create_app(library, clock=library.clock), follow_redirects=False)


def away(message):
    """Return trouble: the second part is away from its second page on, and says so."""

    def trouble(part, page):
        if part == "two" and page:
            raise SourceUnavailable(message, source="invented")

    return trouble


def hrefs(page):
    """Return the addresses that a page leads to."""
    return [a["href"] for a in page.links]


def file(library, records):
    """File records."""
    for _ in library.file(records, source="invented", counts=Counter()):
        pass


def listed(library, day=TUESDAY, category="cs.LG", counts=None, **sections: object):
    """Keep a listing of a day, its sections given as ids."""
    ids = {name: list(found) for name, found in sections.items()}
    found = Listed("arxiv", category, day, STAMP, counts or {}, ids)
    with library.database.write() as connection:
        harvests.keep_listing(connection, found)


def observe(library, ident, found):
    """Keep observations of a paper: of each the kind, source, key, day and value."""
    paper = library.resolve(ident)
    with library.database.write() as connection:
        signals.note(
            connection,
            [Observed(paper, k, s, key, f"{d}T06:00:00Z", v) for k, s, key, d, v in found],
        )


# ---------------------------------------------------------------------------- sources


def test_status_without_sources_says_how_to_begin(home, time):
    """Where none is enabled, one sentence has the command that enables two."""
    with opened(home, {}, time) as library:
        client = TestClient(create_app(library, clock=library.clock))
        page = read(client, "/status")
        assert "No source is harvested: broadsheet sources --on arxiv --on hf enables" in page.text
        assert fetch(client, "/api/status")["harvest"] == []


def test_status_shows_a_source_that_never_ran(client):
    """An enabled source stands there before its first run, with when that is due."""
    page = read(client, "/status")

    assert "The Invented invented Last run none yet Next due" in page.text
    assert "broadsheet sources --on" not in page.text
    assert "arXiv" not in page.text


def test_status_shows_how_a_harvest_went(client, library, time):
    """A source has its last run with the reason, and when it is due again; so has the API."""
    library.newsroom.enrich("invented")
    report = library.newsroom.harvest("invented")
    time.jump(60)
    page = read(client, "/status")

    assert f"Last run new harvest, Tuesday, 17 March 2026, 06:30 UTC {report.reason}" in page.text
    assert "in 6 hours" in page.text or "in 5 hours" in page.text
    assert "Last runs invented new harvest" in page.text
    assert "Covered up to Tuesday, 17 March 2026" in page.text
    status = fetch(client, "/api/status")
    forms.StatusForm.model_validate(status)
    (standing,) = status["harvest"]
    assert (standing["name"], standing["last"]["reason"]) == ("invented", report.reason)


def test_partly_failed_run_is_marked_with_its_parts(client, library, shelf):
    """What went wrong with which part, and until when it is complete, is named, scripts and all."""
    shelf.trouble = away(f"it answers 503, {SCRIPT}")
    report = library.newsroom.harvest("invented")
    text = client.get("/status").text
    page = Reading(text)

    assert report.outcome == "partly failed"
    assert text.count('<strong class="outcome odd">partly failed</strong>') == 2
    assert "two partly failed : it answers 503" in page.text
    assert "one new" not in page.text
    assert set(page.tags) <= set(TAGS.split())
    assert len(text) < 100_000
    assert any("The last harvest of invented:" in w for w in library.status().warnings)


def test_commands_in_reasons_stand_out(client, library, shelf):
    """A reason that names a command shows it as one."""
    bad = [RecordError("no title", source="invented", place=n, excerpt=str(n)) for n in range(30)]
    shelf.pages = {"one": [bad]}
    library.newsroom.harvest("invented")

    assert "<code>broadsheet sources --check</code>" in client.get("/status").text


def test_hostile_runs_fill_no_page(client, library):
    """Endless reasons and parts of many runs leave the status under 100 kB."""
    parts = [{"part": SCRIPT * 9, "outcome": "failed", "error": "<&>" * 999, "until": "<"}] * 90
    with library.database.write() as connection:
        for n in range(30):
            runs.finish(connection, runs.begin(connection, f"{SCRIPT}{n}", STAMP), "failed",
                        "<&>" * 999, STAMP)  # fmt: skip
        for _ in range(30):
            run = runs.begin(connection, "invented", STAMP, "harvest")
            runs.finish(connection, run, "partly failed", '"><&' * 999, STAMP, parts)
    page = read(client, "/status")

    assert set(page.tags) <= set(TAGS.split())
    assert "and 84 more" in page.text


def test_sources_that_are_set_up_wrongly_are_a_warning(home, time, monkeypatch):
    """A setting that is wrong is said on the pages; only what needs it is refused to programs."""
    with opened(home, {"invented": {"enabled": True, "colour": 7}}, time,
                more={"invented": Invented}) as library:  # fmt: skip
        client = TestClient(create_app(library, clock=library.clock))
        page = read(client, "/status")
        assert (
            "The sources cannot be used: the settings: [sources.invented] colour = 7" in page.text
        )
        assert "broadsheet sources --on" not in page.text
        status = fetch(client, "/api/status")
        assert status["harvest"] == []
        assert "colour = 7" in status["warnings"][0]
        assert "colour = 7" in fetch_problem(client, "/api/sources", 400)["detail"]
        listed(library, new=["2603.00001"])
        monkeypatch.setattr(library.newsroom, "reconciled", raising(ConfigError(f"no {SCRIPT}")))
        page = read(client, "/status/listings")
        assert "The sources cannot be used: no <script>" in page.text
        assert set(page.tags) <= set(TAGS.split())


def test_library_without_sources_has_a_status(tmp_path):
    """A library that was opened without sources says so, and is shown."""
    with open_library(tmp_path / "home", clock=now) as library:
        client = TestClient(create_app(library, clock=now))
        assert "opened without sources" in read(client, "/status").text


def test_edition_and_paper_need_no_sources(client, library, monkeypatch):
    """Only what tells of sources makes them: they would keep the front page waiting."""
    file(library, HERE)
    listed(library, new=["2603.00001"])
    monkeypatch.setattr(type(library), "newsroom", property(raising(AssertionError("made"))))

    for url in ("/", f"/paper/p{library.resolve('arxiv:2603.00001')}", "/search?q=kites"):
        assert client.get(url).status_code == 200


def test_programs_see_sources_and_runs(client, library, shelf):
    """The bodies are those of `wire`, in the forms that they promise, for one source or all."""
    shelf.trouble = away("it answers 503")
    library.newsroom.harvest("invented")
    file(library, HERE)
    found = fetch(client, "/api/sources")
    every = fetch(client, "/api/runs")
    one = fetch(client, "/api/runs?source=invented&limit=1")

    forms.SourcesForm.model_validate(found)
    assert [s["name"] for s in found["sources"] if s["is_enabled"]] == ["invented"]
    assert len(found["sources"]) > 5
    forms.RunsForm.model_validate(every)
    assert every["runs"] == orjson.loads(orjson.dumps([wire.run(r) for r in library.runs()]))
    assert {r["kind"] for r in every["runs"]} == {"import", "harvest"}
    assert len(one["runs"]) == 1
    harvest = next(r for r in every["runs"] if r["kind"] == "harvest")
    assert [p["outcome"] for p in harvest["parts"]] == ["new", "partly failed"]
    assert fetch(client, "/api/runs?source=nobody") == {"runs": []}


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(-5, "Now"), (0, "Now"), (1, "in 1 minute"), (89, "in 89 minutes"), (90, "in 2 hours"),
     (35 * 60, "in 35 hours"), (36 * 60, "in 2 days"), (24 * 600, "in 10 days")],
)  # fmt: skip
def test_due_times_in_words(minutes, words):
    """A due time says how far away it is; one that is past is now."""
    due = now() + timedelta(minutes=minutes)
    standing = Standing("a", "A", True, "", True, (), None, due, None)
    (found,) = sources.shown([standing], now())

    assert found.due.endswith(words)


def test_missing_key_is_named():
    """A source whose key is not known names the variable."""
    standing = Standing("a", "A", True, "A_KEY", False, (), None, None, None)
    (found,) = sources.shown([standing], now())

    assert found.key == "There is none in A_KEY"


@pytest.mark.parametrize(
    ("outcome", "counts", "words"),
    [
        ("running", {}, "It has not ended yet."),
        ("running", {"new": 7, "merged": 0}, "It has not ended yet: new 7 so far."),
        ("done", {"new": 1234}, "new 1,234"),
        ("cut off", {}, ""),
    ],
)
def test_runs_without_a_reason(outcome, counts, words):
    """A run that gives no reason tells what it counted."""
    run = Run(1, "file", STAMP, None, outcome, "", counts)

    assert "".join(text for _, text in sources.told(run).reason) == words


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_stays_as_it_is(text):
    """A text that is no time is shown, not refused."""
    assert sources.time_in_words(text) == text


# ---------------------------------------------------------------------------- listings


@pytest.fixture
def beside(library):
    """Return a library with five papers of a Tuesday, and listings of it and of the day before."""
    file(
        library,
        [*HERE, e_print(8, "2026-03-13"), e_print(9, "2026-03-16", categories=("cs.CL",))],
    )
    here = [f"2603.{n:05}" for n in range(1, 6)]
    listed(library, new=[*here[:4], "2603.00008", "2603.77777"], cross=["2603.88888"],
           replace=["2603.00666"], counts={"new": 7})  # fmt: skip
    listed(library, category="cs.CV", new=[], cross=[])
    listed(library, day="2026-03-16", category="cs.CL", new=["2603.00009"])
    return library


def test_listings_name_what_differs(client, beside):
    """What is missing, on another day or not listed is named, with ways there and back."""
    page = read(client, "/status/listings")
    links = hrefs(page)

    for words in (
        "Listings of Tuesday, 17 March 2026",
        "Machine Learning (cs.LG) differs 7 new (4 here) and 1 cross-listed (0 here). ",
        "Its headings count 1 more new paper than it shows. ",
        "1 replaced paper is not here: it is older than this collection.",
        "Listed as new, and not here 2603.77777",
        "Listed as cross-listed, and not here in this category 2603.88888",
        "Listed as new, and here on another day 2603.00008 Friday, 13 March 2026",
        "Here on this day, and not listed Kites at Sea, Part 5 2603.00005",
        "(cs.CV) agrees Nothing new is listed.",
    ):
        assert words in page.text
    assert "https://arxiv.org/abs/2603.77777" in links
    assert client.get("/paper/arxiv:2603.00008").status_code == 303
    assert {"/paper/arxiv:2603.00008", "/paper/arxiv:2603.00005", "/2026/03/13"} <= set(links)


def test_listings_lead_from_day_to_day(client, beside):
    """Every day with listings leads to the nearest ones, and the status to the newest."""
    assert "/status/listings" in hrefs(read(client, "/status"))
    newest = read(client, "/status/listings")
    assert "/status/listings?date=2026-03-16" in hrefs(newest)
    before = read(client, "/status/listings?date=2026-03-16")
    assert "Computation and Language (cs.CL) agrees 1 new (1 here)." in before.text
    assert "/status/listings?date=2026-03-17" in hrefs(before)
    empty = read(client, "/status/listings?date=2026-03-15")
    assert "No listing of this day is kept." in empty.text
    assert "/status/listings?date=2026-03-16" in hrefs(empty)
    assert "Listings of Tuesday" in read(client, "/status/listings?date=today").text


def test_listings_of_no_day(client):
    """Without any listing the page says where they come from; a day that is none is not found."""
    assert "No listing is kept yet" in read(client, "/status/listings").text
    assert (
        "There is no listing of that day."
        in read(client, "/status/listings?date=2026-02-30", status=404).text
    )
    assert fetch(client, "/api/listings") == {"listings": []}


def test_programs_see_listings(client, beside):
    """The bodies are those of `wire`: of the newest day, of one day, of one category."""
    newest = fetch(client, "/api/listings")
    day = fetch(client, "/api/listings?date=2026-03-16")
    one = fetch(client, "/api/listings?date=2026-03-17&category=cs.CV")

    forms.ListingsForm.model_validate(newest)
    expected = [wire.reconciliation(r) for r in beside.newsroom.reconciled(TUESDAY, TUESDAY)]
    assert newest["listings"] == orjson.loads(orjson.dumps(expected))
    assert [r["category"] for r in newest["listings"]] == ["cs.CV", "cs.LG"]
    assert [(r["category"], r["agrees"]) for r in day["listings"]] == [("cs.CL", True)]
    assert [r["category"] for r in one["listings"]] == ["cs.CV"]


def test_hostile_listings_stay_small(client, library):
    """Thousands of differing papers and scripts as categories leave the page small and harmless."""
    file(
        library,
        [
            replace(e_print(n, TUESDAY, categories=(SCRIPT,)), title=f"{SCRIPT} {n}")
            for n in range(1, 400)
        ],
    )
    for n in range(160):
        listed(library, category=f"{SCRIPT}{n}", new=[f"2604.{i:05}" for i in range(50)])
    listed(library, category=SCRIPT, new=[f'"><{i}' for i in range(3000)])
    page = read(client, "/status/listings")

    assert set(page.tags) <= set(TAGS.split())
    assert "all in the JSON" in page.text
    assert "<script>" in page.text


def test_edition_tells_what_the_source_lists(client, beside):
    """The foot of a day has one line where listings are kept, and only there."""
    page = read(client, "/2026/03/17")
    assert "arXiv lists 7 new in cs.LG; 4 are here." in page.text
    assert f"/status/listings?date={TUESDAY}" in hrefs(page)
    assert "Paper by paper" in read(client, "/").text
    for url in ("/2026/03/13", "/2026/w12", "/2026/03", "/2026/03/17?q=kites"):
        assert "Paper by paper" not in read(client, url).text


def test_edition_names_some_categories():
    """Several categories are counted one by one, very many are not all named."""
    found = [Beside("arxiv", f"cs.{n}", n, 1) for n in range(9)]

    assert listings.foot(found[:1]) == ""
    assert listings.foot(found[:2]) == "arXiv lists 1 new in cs.1; 1 is here."
    assert (
        listings.foot(found[:3]) == "arXiv lists as new 1 in cs.1 (1 here) and 2 in cs.2 (1 here)."
    )
    assert listings.foot(found).endswith("6 in cs.6 (1 here) and more in 2 other categories.")


def test_foot_of_an_edition_is_cheap(library):
    """A day without listings costs one question to the record, one with listings two."""
    file(library, HERE)
    day = date.fromisoformat(TUESDAY)
    asked = []
    with library.database.read() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    def selects():
        return [s for s in asked if s.startswith("SELECT")]

    assert library.listed_beside(day) == []
    assert len(selects()) == 1
    for category in ("cs.LG", "cs.CL", "cs.CV"):
        listed(library, category=category, new=[f"2603.{n:05}" for n in range(400)])
    asked.clear()
    assert [c.here for c in library.listed_beside(day)] == [5, 5, 5]
    assert len(selects()) == 2


# ---------------------------------------------------------------------------- counts


def test_paper_shows_what_was_counted(client, library):
    """The latest count of each kind and source stands there with its day, older ones below."""
    code = ("code", "https://github.com/example/kites.git")
    file(library, [e_print(1, TUESDAY, links=(code,), signals=())])
    observe(
        library,
        "arxiv:2603.00001",
        [
            ("citations", "openalex", "W1", "2026-03-17", 3.0),
            ("upvotes", "hf", "2603.00001", "2026-03-16", 12.0),
            ("upvotes", "hf", "2603.00001", "2026-03-17", 57.0),
            ("stars", "github", "github:7", "2026-03-17", 1212.0),
        ],
    )
    page = read(client, f"/paper/p{library.resolve('arxiv:2603.00001')}")

    assert (
        "Counted Upvotes 57 Hugging Face , 17 March 2026 "
        "Stars 1,212 github.com/example/kites , 17 March 2026 "
        "Citations 3 OpenAlex , 17 March 2026"
    ) in page.text
    assert "https://github.com/example/kites" in hrefs(page)
    seen = "17 March 2026: 57 16 March 2026: 12"
    assert f"when and how many Upvotes Hugging Face {seen} One paper or two" in page.text
    found = fetch(client, "/api/papers/arxiv:2603.00001")
    forms.SheetForm.model_validate(found)
    assert [(s["kind"], s["value"]) for s in found["signals"]] == [
        ("citations", 3), ("stars", 1212), ("upvotes", 12), ("upvotes", 57),
    ]  # fmt: skip


def test_paper_without_counts_has_no_place_for_them(client, library):
    """Nothing is said of counts where nobody counted, and one count has no history."""
    file(library, [e_print(1, TUESDAY, signals=())])
    url = f"/paper/p{library.resolve('arxiv:2603.00001')}"
    assert "Counted" not in read(client, url).text
    observe(library, "arxiv:2603.00001", [("upvotes", "hf", "1", "2026-03-16", 1.0)])
    page = read(client, url)
    assert "Upvotes 1 Hugging Face" in page.text
    assert "Counts seen before" not in page.text


def test_hostile_counts_are_held_in(client, library):
    """Endless and hostile kinds and sources of counts are words, and not all of them."""
    file(library, [e_print(1, TUESDAY, signals=())])
    days = [f"2026-02-{n:02}" for n in range(1, 29)]
    observe(
        library,
        "arxiv:2603.00001",
        [(f"{n}{SCRIPT}", SCRIPT, SCRIPT, d, 1e15) for n in range(60) for d in days],
    )
    page = read(client, f"/paper/p{library.resolve('arxiv:2603.00001')}")

    assert set(page.tags) <= set(TAGS.split())
    assert "and 20 earlier" in page.text


@pytest.mark.parametrize(
    ("links", "where", "href"),
    [
        ((), "GitHub", None),
        ((("code", "https://github.com/a/b"),), "github.com/a/b", "https://github.com/a/b"),
        ((("code", "https://github.com/a/b/tree/x"), ("project", "http://github.com/a/b")),
         "github.com/a/b", "https://github.com/a/b"),
        ((("code", "https://github.com/a/b"), ("code", "https://github.com/a/c")), "GitHub", None),
        ((("code", "https://evil.example/github.com/a/b"),), "GitHub", None),
    ],
)  # fmt: skip
def test_stars_are_of_a_repository(library, links, where, href):
    """The repository is named that the stars must be of, none where there are several."""
    file(library, [e_print(1, TUESDAY, links=links, signals=())])
    paper = library.papers([library.resolve("arxiv:2603.00001")])[0]
    (found,) = counted.series(
        [Observed(paper.id, "stars", "github", "github:7", STAMP, 5.0)], paper
    )

    assert found.where == (where, href)


def test_paper_explains_a_presumed_day(client, library):
    """A day of announcement that was worked out is called presumed, and why is said."""
    file(
        library,
        [
            Record("arxiv", "2603.00001", "Kites at noon", presumed=TUESDAY,
                   external_ids=(ExternalId("arxiv", "2603.00001"),)),
        ],
    )  # fmt: skip
    page = read(client, f"/paper/p{library.resolve('arxiv:2603.00001')}")

    assert (
        "by presumed day of announcement: worked out from its other dates, as no source says on "
        "which day it was announced"
    ) in page.text
