"""The commands by which papers come in, against hosts that are servers on this machine."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from arxiv_answers import EPrint, oai_page, query_answer
from broadsheet.collection.harvests import Listed, keep_listing
from broadsheet.factory import open_library
from broadsheet.harvest.harvester import Harvester
from loopback import Loopback, Reply, Request, json_reply, not_found, xml
from processes import answer, broadsheet, called, printed, write_lines

TODAY = datetime.now(UTC).date().isoformat()
"""The commands live in real time; what is asked for of Hugging Face is one day, one request."""
TELLTALE = "a-token-of-somebody"
LISTS = "/api/daily_papers"
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Kites</title><item>
<title>Kites over Feeds</title><link>https://doi.org/10.5555/kites.1</link>
<guid>https://doi.org/10.5555/kites.1</guid></item></channel></rss>"""
MINE = """\
# Mine.
page_size = 7   # few

[sources.hf]
enabled = true  # for the votes
url = "{url}"

[sources.arxiv]
query_url = "{url}/query"
oai_url = "{url}/oai"
# no answer from these
[sources.openalex]
url = "{url}/openalex"
[sources.s2]
url = "{url}/s2"
[sources.crossref]
url = "{url}/crossref"
[sources.feeds]
urls = ["{url}/feed.xml"]
"""


def paper(number: int, **more: Any) -> dict[str, Any]:
    """Return a paper of Hugging Face's list of today."""
    inner = {
        "id": f"2603.{number:05}",
        "title": f"Kites at Sea, Part {number}",
        "summary": "We fly kites.",
        "authors": [{"name": "Ada Example"}],
        "publishedAt": "2026-03-13T17:59:00.000Z",
        "submittedOnDailyAt": f"{TODAY}T03:33:17.568Z",
        "upvotes": 5,
    }
    return {"paper": inner | more, "numComments": 2}


def lists(*papers: dict[str, Any]) -> Any:
    """Return a route that has these papers on the list of today, and none on others."""

    def listed(request: Request) -> Reply:
        return json_reply(list(papers) if request.query.get("date", TODAY) == TODAY else [])

    return listed


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Give a host with two papers on today's list, and one in a feed."""
    with Loopback() as found:
        found.route(LISTS, lists(paper(1), paper(2)))
        found.route("/feed.xml", xml(FEED))
        yield found


@pytest.fixture
def file(home: Path, server: Loopback) -> Path:
    """Return a file of settings in a home, in which Hugging Face is enabled."""
    home.mkdir()
    file = home / "broadsheet.toml"
    file.write_text(MINE.format(url=server.url))
    return file


@pytest.fixture
def env(file: Path, tmp_path: Path) -> dict[str, str]:
    """Return the environment of that home."""
    return {"BROADSHEET_HOME": str(file.parent), "BROADSHEET_STATE": str(tmp_path / "state")}


def said(*args: object, code: int = 0, **env: str) -> str:
    """Run a command and return what it printed for people, spaces made one; both streams."""
    ended = called(*args, **env)
    assert ended.returncode == code, ended.stderr.decode()
    return " ".join((ended.stdout + ended.stderr).decode().split())


def problem(*args: object, code: int, **env: str) -> dict[str, Any]:
    """Run a command that fails with `--json`; return its problem details."""
    ended = called(*args, "--json", **env)
    assert ended.returncode == code
    found = json.loads(ended.stderr)
    assert isinstance(found, dict)
    return found


# ---------------------------------------------------------------------------- sources


def test_sources_are_listed(env, server):
    """All of them, with what is enabled and which keys are known; nothing is asked of a host."""
    found = {s["name"]: s for s in answer("sources", **env, HF_TOKEN=TELLTALE)["sources"]}
    assert list(found)[:3] == ["arxiv", "hf", "feeds"]
    assert [n for n, s in found.items() if s["is_enabled"]] == ["hf"]
    assert found["hf"]["has_key"]
    assert found["hf"]["next_due"].endswith("Z")
    assert found["arxiv"]["next_due"] is None
    assert found["s2"]["key_variable"] == "S2_API_KEY"
    assert found["arxiv"]["does"] == ["new papers", "papers by id", "papers by title"]
    text = said("sources", **env, HF_TOKEN=TELLTALE)
    assert "hf on Hugging Face Daily Papers never" in text
    assert "none in S2_API_KEY" in text
    assert TELLTALE not in text
    assert server.log == []


def test_only_some_sources_are_listed(env):
    """Those that are named."""
    assert [s["name"] for s in answer("sources", "s2", "hf", **env)["sources"]] == ["hf", "s2"]


def test_a_home_without_sources_says_how_to_begin(tmp_path):
    """The list shows the command, and a harvest does so, too."""
    env = {"BROADSHEET_HOME": str(tmp_path / "h"), "BROADSHEET_STATE": str(tmp_path / "s")}
    assert "broadsheet sources --on arxiv" in said("sources", **env)
    for command in ("harvest", "enrich"):
        assert "no source is enabled: name one" in said(command, code=2, **env)
    assert "Nothing is due." in said("tick", **env)
    assert "no source is enabled" in said("sources", "--check", code=2, **env)


def test_sources_are_switched(env, file):
    """What else stands in the file stays: comments, spaces, other settings."""
    before = file.read_text()
    listed = answer("sources", "--on", "feeds", "--off", "hf", **env)["sources"]
    assert [s["name"] for s in listed if s["is_enabled"]] == ["feeds"]
    text = file.read_text()
    assert "enabled = false  # for the votes" in text
    assert "page_size = 7   # few" in text
    assert (
        text.replace("enabled = false", "enabled = true").replace(
            'feed.xml"]\nenabled = true\n', 'feed.xml"]\n'
        )
        == before
    )
    answer("sources", "--on", "hf", **env)
    assert tomllib.loads(file.read_text())["sources"]["hf"]["enabled"] is True


@pytest.mark.parametrize(
    "words",
    [
        ("sources", "arxive"),
        ("sources", "--on", "arxive"),
        ("sources", "--check", "arxive"),
        ("harvest", "arxive"),
        ("enrich", "arxive"),
        ("backfill", "arxive", "--from", "2015-01"),
    ],
    ids=" ".join,
)
def test_a_source_that_there_is_not(env, file, words):
    """Exit code 1, and the names that there are; the file is not touched."""
    before = file.read_text()
    assert "there is no source 'arxive'; there are arxiv, hf, feeds" in said(*words, code=1, **env)
    assert problem(*words, code=1, **env)["title"] == "SourceNotFound"
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[sources.arxive]", "there is no source 'arxive'"),
        ("[sources.acl]\ncollection = 3", "[sources.acl] has no setting 'collection'"),
        ("[sources.acl]\ncollections = 3", "collections = 3: must be a list of texts"),
        ("[sources.acl]\nenabled = 'on'", "must be true or false"),
        ("[sources.acl]\ncollections = ['x y']", "'x y' is no collection"),
    ],
)
def test_a_file_that_is_wrong_is_told(env, file, line, words):
    """Exit code 2, the file and what is wrong; papers that are here can be read meanwhile."""
    file.write_text(f"{line}\n")
    found = problem("sources", code=2, **env)
    assert words in found["detail"]
    assert found["title"] == "ConfigError"
    assert answer("search", "kites", **env)["total"] == 0


def test_feeds_come_from_a_reader(env, file, tmp_path):
    """An OPML file adds the feeds that are not there, and enables them."""
    (tmp_path / "feeds.opml").write_text(
        '<opml version="2.0"><body><outline text="a" type="rss" xmlUrl="https://a.example/f"/>'
        '<outline text="b" type="rss" xmlUrl="https://b.example/f"/></body></opml>'
    )
    assert "2 of 2 feeds added" in said("sources", "--opml", tmp_path / "feeds.opml", **env)
    assert "0 of 2 feeds added" in said("sources", "--opml", tmp_path / "feeds.opml", **env)
    feeds = tomllib.loads(file.read_text())["sources"]["feeds"]
    assert feeds["urls"][1:] == ["https://a.example/f", "https://b.example/f"]
    assert feeds["enabled"] is True
    assert "cannot be read" in said("sources", "--opml", tmp_path / "none.opml", code=1, **env)


def test_the_example_of_settings_is_printed(env):
    """It has the sources, and can be put in the place of the file."""
    text = called("config", "--example", **env).stdout.decode()
    assert "#[sources.arxiv]" in text
    assert "#contact = " in text
    Path(env["BROADSHEET_HOME"], "broadsheet.toml").write_text(text)
    assert not any(s["is_enabled"] for s in answer("sources", **env)["sources"])


# ---------------------------------------------------------------------------- checking


def test_a_check_of_good_answers(env, server):
    """One request to what is enabled; each field is well."""
    found = answer("sources", "--check", **env)
    assert found["ok"]
    assert list(found["sources"]) == ["hf"]
    assert all(f["is_well"] for f in found["sources"]["hf"]["fields"])
    assert len(server.log) == 1


def test_a_check_of_what_has_drifted(env, server):
    """What is gone and what is of another type is marked, and the exit code says so."""
    server.route(LISTS, lists(paper(1, upvotes="many", title=None)))
    fields = answer("sources", "--check", "hf", code=1, **env)["sources"]["hf"]["fields"]
    assert {f["field"] for f in fields if not f["is_well"]} == {"paper.upvotes", "paper.title"}


def test_a_check_of_a_host_that_is_away(env, server):
    """It is told as what it is, and nothing is a fault in Broadsheet."""
    server.route(LISTS, not_found())
    text = said("sources", "--check", "hf", code=1, **env)
    assert "hf: 1 of 1 differ" in text
    assert "!! answer:" in text
    assert "404" in text


# ---------------------------------------------------------------------------- harvesting


def test_a_harvest_brings_papers_and_says_so(env, server):
    """New ones, then nothing new, then one more; and they can be found."""
    harvest = ("harvest", "--since", TODAY)
    (run,) = answer(*harvest, **env)["runs"]
    assert (run["source"], run["outcome"], run["counts"]) == ("hf", "new", {"new": 2})
    assert run["reason"].startswith("2 new papers")
    assert answer("search", "kites", **env)["total"] == 2
    text = said(*harvest, **env)
    assert text.startswith("hf: Nothing new")
    server.route(LISTS, lists(paper(1), paper(2), paper(3)))
    assert "hf: 1 new paper" in said(*harvest, **env)
    assert server.most_at_once == 1


def test_a_harvest_that_fails_says_why(env, server):
    """Exit code 1 and the reason, in the list of runs as well; the next one succeeds."""
    server.route(LISTS, not_found())
    text = said("harvest", "hf", "--since", TODAY, code=1, **env)
    assert text.startswith("hf: Failed: ")
    assert "404" in text
    (run,) = answer("runs", **env)["runs"]
    assert run["outcome"] == "failed"
    server.route(LISTS, lists(paper(1)))
    assert answer("harvest", "--since", TODAY, **env)["runs"][0]["outcome"] == "new"


def test_a_source_that_fails_does_not_keep_the_others_away(env, server):
    """Both are told; the papers of the one that is well are here."""
    server.route(LISTS, not_found())
    found = answer("harvest", "hf", "feeds", "--since", TODAY, code=1, **env)["runs"]
    assert [(r["source"], r["outcome"]) for r in found] == [("hf", "failed"), ("feeds", "new")]
    assert answer("search", "kites", **env)["total"] == 1


def test_a_source_that_is_being_harvested_is_left_alone(env, tmp_path):
    """The others are harvested, and the exit code says that it may be tried again."""
    with open_library(Path(env["BROADSHEET_HOME"])) as library:
        locks = Path(env["BROADSHEET_HOME"]) / "locks"
        other = Harvester(library.database, None, lambda: None, None, locks=locks)  # type: ignore[arg-type]
        with other.turn("hf", "harvest"):
            text = said("harvest", "hf", "feeds", "--since", TODAY, code=75, **env)
            assert "feeds: " in text
            assert "another harvest of hf is under way" in text
            assert "under way" in problem("harvest", "hf", code=75, **env)["detail"]


def test_a_dry_run_keeps_nothing(env):
    """It counts what would have come; neither papers nor a run are there afterwards."""
    (run,) = answer("harvest", "--dry-run", "--since", TODAY, **env)["runs"]
    assert (run["run"], run["counts"]) == (None, {"new": 2})
    assert answer("search", "kites", **env)["total"] == 0
    assert answer("runs", **env)["runs"] == []


@pytest.mark.parametrize(
    ("day", "position"), [("2026-02-30", 8), ("2026-13-01", 5), ("tomorrow", 0), ("20260317", 4)]
)
def test_a_day_that_is_none_is_pointed_at(env, server, day, position):
    """Exit code 2, with the place of the first wrong part; nothing is asked of a host."""
    found = problem("harvest", "--since", day, code=2, **env)
    assert (found["title"], found["query"], found["position"]) == ("QueryError", day, position)
    assert server.log == []


def test_a_category_that_is_none_is_told(env, server):
    """Exit code 2 and the category."""
    found = problem("harvest", "arxiv", "--categories", "cs.LG,c s", code=2, **env)
    assert "'c s'" in found["detail"]
    assert server.log == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("harvest", "crossref"), "Crossref brings no new papers"),
        (("harvest", "zotero"), "Zotero has nothing to harvest as it is set up"),
        (("harvest", "s2", "--dry-run"), "Semantic Scholar brings no new papers"),
        (("enrich", "hf"), "Hugging Face Daily Papers cannot be asked about held papers"),
        (("backfill", "s2", "--from", "2020-01"), "Semantic Scholar has no old papers"),
    ],
)
def test_what_a_source_cannot_do_is_told(env, server, words, sentence):
    """In a sentence, with exit code 1, before anything is asked."""
    assert sentence in problem(*words, code=1, **env)["detail"]
    assert server.log == []


def test_what_is_enabled_and_has_nothing_is_passed_over(env, server):
    """The others are harvested; if there are none, it is told how to set one up."""
    said("sources", "--on", "crossref", "--on", "zotero", **env)
    assert [r["source"] for r in answer("harvest", "--since", TODAY, **env)["runs"]] == ["hf"]
    said("sources", "--off", "hf", **env)
    text = said("harvest", code=2, **env)
    assert "nothing can be harvested of what is enabled (zotero, crossref)" in text


def test_a_tick_runs_what_is_due_once(env, file, server):
    """The second finds nothing to do, and asks no host."""
    said("sources", "--off", "hf", "--on", "feeds", **env)
    (run,) = answer("tick", **env)["runs"]
    assert (run["source"], run["outcome"]) == ("feeds", "new")
    assert said("tick", **env) == "Nothing is due."
    assert answer("tick", **env) == {"runs": []}
    assert len(server.log) == 1
    (kept,) = answer("runs", "feeds", **env)["runs"]
    assert kept["slot"].endswith("Z")


def test_runs_are_listed(env, tmp_path):
    """Harvests and imports, newest first; of one source, and not too many."""
    assert said("runs", **env).endswith("Nothing was imported or harvested yet.")
    answer("harvest", "feeds", **env)
    answer("harvest", "--since", TODAY, **env)
    said("import", write_lines(tmp_path / "p.jsonl", [{"title": "Tides"}]), **env)
    found = answer("runs", **env)["runs"]
    assert [(r["kind"], r["outcome"]) for r in found] == [
        ("import", "done"), ("harvest", "new"), ("harvest", "new"),
    ]  # fmt: skip
    (one,) = answer("runs", "hf", **env)["runs"]
    assert one["parts"][0]["part"] == "daily"
    assert len(answer("runs", "-n", "1", **env)["runs"]) == 1
    text = said("runs", **env)
    assert "hf" in text
    assert "2 new papers" in text


def test_enrichment_without_papers_is_quiet(env, server):
    """There is nothing to ask about, and that is no failure."""
    (run,) = answer("enrich", "s2", "--papers", "5", **env)["runs"]
    assert (run["outcome"], run["reason"]) == ("nothing new", "No paper is due to be asked about.")
    assert server.log == []


# ---------------------------------------------------------------------------- backfill


def test_a_backfill_says_what_it_brought(env, server):
    """The newest month of one set is one request; what is held already is nothing new."""
    now = datetime.now(UTC)
    kites = EPrint("2403.00001", title="Old Kites", versions=(now,), datestamp=TODAY)
    server.route("/oai", xml(oai_page([kites], response_date=now)))
    month = TODAY[:7]
    words = ("backfill", "arxiv", "--from", month, "--categories", "cs.LG")
    (run,) = answer(*words, **env)["runs"]
    assert (run["outcome"], run["counts"]) == ("new", {"new": 1})
    assert [p["part"] for p in run["parts"]] == [f"backfill cs:cs:LG {month}"]
    (asked,) = server.log
    assert (asked.query["from"], asked.query["set"]) == (f"{month}-01", "cs:cs:LG")
    assert said(*words, **env).startswith("arxiv: Nothing new: ")
    assert answer("runs", **env)["runs"][0]["kind"] == "backfill"


@pytest.mark.parametrize(
    ("words", "position"),
    [
        (("--from", "2024-13"), 5),
        (("--from", "2024-02-30"), 8),
        (("--from", "2024-01", "--to", "x"), 0),
    ],
)
def test_months_that_are_none_are_pointed_at(env, server, words, position):
    """As days are."""
    assert problem("backfill", "arxiv", *words, code=2, **env)["position"] == position
    assert server.log == []


# ---------------------------------------------------------------------------- adding


def test_a_paper_is_added_by_its_id(env, server):
    """From arXiv; what is held is not fetched again."""
    server.route("/query", xml(query_answer([EPrint("2603.00009", title="Added Kites")])))
    (added,) = answer("add", "arXiv:2603.00009v1", **env)["added"]
    assert (added["outcome"], added["title"], added["reason"]) == (
        "new", "Added Kites", "from arXiv",
    )  # fmt: skip
    assert added["paper"] == "p1"
    text = said("add", "https://arxiv.org/abs/2603.00009", **env)
    assert text == "p1 Added Kites (it is here already)"
    assert len(server.log) == 1
    assert answer("runs", **env)["runs"][0]["kind"] == "add"


def test_another_source_stands_in(env, server):
    """Where arXiv refuses, Hugging Face is asked for the same paper."""
    server.route("/api/papers/2603.00001", json_reply(paper(1)["paper"]))
    (added,) = answer("add", "2603.00001", **env)["added"]
    assert (added["outcome"], added["reason"]) == ("new", "from Hugging Face Daily Papers")
    assert {r.path for r in server.log} == {"/query", "/oai", "/api/papers/2603.00001"}


def test_a_paper_that_nobody_knows(env, server):
    """Exit code 1, and what each source said; what is found beside it is added all the same."""
    server.route("/crossref/*", not_found())
    server.route("/openalex/*", not_found())
    server.route("/s2/*", json_reply([None]))
    server.route("/query", xml(query_answer([EPrint("2603.00009", title="Added Kites")])))
    found = answer("add", "10.5555/nothing", "2603.00009", code=1, **env)["added"]
    assert [a["outcome"] for a in found] == ["failed", "new"]
    assert found[0]["paper"] is None
    text = said("add", "10.5555/nothing", code=1, **env)
    assert "10.5555/nothing: not added: " in text
    assert "Crossref does not know it" in text


def test_a_title_has_candidates(env, server):
    """Where none has just this title, the nearest are named and nothing is added."""
    server.route("/query", xml(query_answer([])))
    server.route("/api/papers/search", json_reply([paper(1), paper(2)]))
    (added,) = answer("add", "Kites at Sea", code=1, **env)["added"]
    assert added["outcome"] == "failed"
    assert [c["title"] for c in added["candidates"]] == [f"Kites at Sea, Part {n}" for n in (1, 2)]
    assert added["candidates"][0]["ids"] == ["arxiv:2603.00001"]
    assert answer("search", "kites", **env)["total"] == 0


def test_a_title_that_is_the_right_one_is_added(env, server):
    """Signs and letters may differ."""
    server.route("/query", xml(query_answer([])))
    server.route("/api/papers/search", json_reply([paper(1), paper(2)]))
    text = said("add", "kites at sea: part 2", **env)
    assert text == "p1 Kites at Sea, Part 2 (from Hugging Face Daily Papers)"


# ---------------------------------------------------------------------------- reconciling


@pytest.fixture
def listed(env, tmp_path) -> None:
    """Keep a listing of three papers, two of which are held, and one that it does not have."""
    held = [
        {"source": "arxiv", "id": f"arxiv:2603.0000{n}", "title": f"Kites {n}",
         "announced": "2026-03-17", "categories": "cs.LG"}
        for n in (1, 2, 5)
    ]  # fmt: skip
    called("import", write_lines(tmp_path / "p.jsonl", held), **env)
    ids = {"new": ["2603.00001", "2603.00002", "2603.00003"]}
    listing = Listed("arxiv", "cs.LG", "2026-03-17", "2026-03-17T01:00:00Z", {"new": 3}, ids)
    with open_library(Path(env["BROADSHEET_HOME"])) as library, library.database.write() as record:
        keep_listing(record, listing)
        keep_listing(record, listing._replace(category="cs.CV", counts={"new": 0}, ids={"new": []}))


@pytest.mark.usefixtures("listed")
def test_what_is_held_is_held_against_the_listing(env):
    """What is missing and what is too much is named; other days have no listing."""
    (found,) = answer("reconcile", "--date", "2026-03-17", "--category", "cs.LG", **env)["listings"]
    assert not found["agrees"]
    assert (found["listed"], found["held"]) == ({"new": 3}, {"new": 2})
    assert found["missing"] == {"new": ["arxiv:2603.00003"]}
    assert found["extra"] == [{"id": "arxiv:2603.00005", "title": "Kites 5"}]
    text = said("reconcile", **env)
    assert "cs.LG of 2026-03-17: arXiv lists 3 new; we hold 2: missing 2603.00003 (new)" in text
    assert "cs.CV of 2026-03-17: arXiv lists 0 new; all are held" in text
    assert said("reconcile", "--date", "2026-03-18", **env).startswith("No listing of these days")
    assert problem("reconcile", "--date", "2026-03-99", code=2, **env)["position"] == 8


# ---------------------------------------------------------------------------- as a process


def test_a_harvest_is_a_process_like_others(env, server):
    """Its results are on one stream, and for people nothing is left on the other."""
    (run,) = printed("harvest", "hf", "--since", TODAY, **env)["runs"]
    assert run["outcome"] == "new"
    ended = broadsheet("harvest", "hf", "--since", TODAY, **env)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"Nothing new" in ended.stdout
