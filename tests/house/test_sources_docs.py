"""What docs/sources.md says of sources is so, and the source in it works as it stands there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadsheet.collection.runs import Kind
from broadsheet.harvest.registry import Registry
from broadsheet.harvest.setting_up import _shown
from broadsheet.sources.base import Enriching, Harvested
from loopback import Loopback, Reply, Request, json_reply
from processes import answer, called, printed

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
NAMES = Registry({}, {}).names
SOURCES = {s.source.name: s.source for s in Registry({}, {}).setups()}


def section(heading: str) -> str:
    """Return what stands under a heading, down to the next one of its kind or above."""
    depth = heading.index(" ")
    found = re.search(rf"(?ms)^{re.escape(heading)}$(.*?)(?=^#{{1,{depth}}} |\Z)", TEXT)
    assert found, f"docs/sources.md has no section {heading!r}"
    return found[1]


def block(language: str) -> str:
    """Return the code in one language that shows a source of one's own."""
    (found,) = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", section("## A source of your own"))
    return found


# ---------------------------------------------------------------------------- the tables


def test_the_table_has_every_source_and_no_other():
    """In order of importance, each with a link to what more there is to say."""
    rows = re.findall(r"(?m)^\| \[`(\w+)`\]\(#(\w+)\) \|", section("## All sources"))
    assert rows == [(name, name) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented_with_its_default(name):
    """Each source has a section whose table is that of its class, neither more nor less."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| `(.*?)` \| (.+) \|$", section(f"### {name}"))
    assert {option: default for option, default, _ in rows} == {
        option.name: _shown(option.default) for option in SOURCES[name].options
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_documented(name):
    """Its variable stands in the row of its source; one that needs none says so."""
    (row,) = re.findall(rf"(?m)^\| \[`{name}`\].*$", TEXT)
    variable = SOURCES[name].key_variable
    assert (f"`{variable}`" if variable else "| none |") in row


@pytest.mark.parametrize("name", NAMES)
def test_every_rhythm_is_documented(name):
    """The table says when a source is due, and which come never by themselves."""
    source = SOURCES[name]
    (row,) = re.findall(rf"(?m)^\| \[`{name}`\].*\| (.*?) \|$", TEXT)
    if not isinstance(source, Harvested | Enriching):
        assert row == "never by itself"
        return
    words = {"arxiv": "after each announcement", "weekdays": "Monday to Friday", "days": "every "}
    assert words[source.rhythm.calendar] in row
    if source.rhythm.calendar != "arxiv":
        hours = source.rhythm.every_h
        assert f"every {hours:g} h" in row or f"every {hours / 24:g} days" in row


@pytest.mark.parametrize(
    "outcome", ["new", "nothing new", "suspicious", "partly failed", "failed", "cut off", "done"]
)
def test_every_outcome_is_explained(outcome):
    """What a run may come to has its row."""
    assert f"\n| {outcome} | " in section("## What a run says")


def test_every_kind_of_run_is_explained():
    """How papers come in has a row for each kind of run, by the command that makes it."""
    said = section("## How papers come in")
    for kind in Kind.__args__:  # type: ignore[attr-defined]
        assert f"| `broadsheet {kind} " in said


def test_examples_of_settings_can_be_read():
    """What stands there as TOML is of the form that it should have."""
    for text in re.findall(r"(?ms)^```toml\n(.*?)^```$", section("## Keys")):
        tables = tomllib.loads(text)["sources"]
        assert Registry(tables, {}).enabled == list(tables)


# ---------------------------------------------------------------------------- a source of one's own


PAPERS = [
    {
        "id": f"HI-{n}",
        "title": f"Tides of Harbour {n}",
        "abstract": "Waters rise &amp; fall.",
        "authors": ["Ada Example", "B. Sample"],
        "doi": f"10.5555/tides.{n}",
        "listed": "2026-03-17",
    }
    for n in range(5)
]


def papers(request: Request) -> Reply:
    """Answer as the invented API does: two papers on a page, and the number of the next."""
    page = int(request.query["page"])
    shown = [] if request.query["since"] else PAPERS[2 * page - 2 : 2 * page]
    return json_reply({"papers": shown, "next": page + 1 if len(shown) == 2 else None})


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Give a host with the invented API."""
    with Loopback() as found:
        found.route("/papers", papers)
        yield found


@pytest.fixture
def place(tmp_path: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Install the source of the documentation as a package; return the environment with it."""
    project = tomllib.loads(block("toml"))["project"]
    points = project["entry-points"]["broadsheet.sources"]
    ((name, value),) = points.items()
    site = tmp_path / "site"
    folder = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    (site / f"{value.partition(':')[0]}.py").write_text(block("python"), encoding="utf-8")
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (folder / "entry_points.txt").write_text(f"[broadsheet.sources]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(str(site))  # for commands within the test's process
    home = tmp_path / "home"
    home.mkdir()
    (home / "broadsheet.toml").write_text(
        f'[sources.{name}]\nenabled = true\nurl = "{server.url}"\n'
    )
    return {
        "PYTHONPATH": str(site),
        "BROADSHEET_HOME": str(home),
        "BROADSHEET_STATE": str(tmp_path / "state"),
    }


def test_a_source_of_ones_own_is_short():
    """It fits on a screen."""
    assert len(block("python").splitlines()) < 60
    assert max(map(len, block("python").splitlines())) <= 100


def test_a_source_of_ones_own_works(server: Loopback, place: dict[str, Any]):
    """As an installed package it is listed, checked and harvested, and goes on where it was."""
    listed = answer("sources", "harbour", **place)["sources"]
    assert [(s["title"], s["is_enabled"]) for s in listed] == [("Harbour Institute", True)]

    checked = printed("sources", "--check", "harbour", **place)
    assert checked["ok"]
    assert {f["field"] for f in checked["sources"]["harbour"]["fields"]} >= {"id", "title"}

    server.log.clear()
    (run,) = printed("harvest", **place)["runs"]
    assert (run["outcome"], run["counts"]) == ("new", {"new": 5})
    assert [r.query["page"] for r in server.log] == ["1", "2", "3"]
    assert server.most_at_once == 1
    assert min(server.gaps) > 0.9  # its manner is one second
    found = answer("search", "doi:10.5555/tides.3", **place)["hits"]
    assert [hit["title"] for hit in found] == ["Tides of Harbour 3"]

    (again,) = printed("harvest", **place)["runs"]
    assert again["outcome"] == "nothing new"
    assert server.log[-1].query["since"] > "2026"


def test_a_source_of_ones_own_fails_in_words(server: Loopback, place: dict[str, Any]):
    """A bad paper is set aside; an answer in another form is told, by the check as well."""
    server.route("/papers", json_reply({"papers": [{"title": "No Id"}, PAPERS[0]], "next": None}))
    (run,) = answer("harvest", **place)["runs"]
    assert run["counts"] == {"new": 1, "rejected": 1}
    server.route("/papers", json_reply({"articles": []}))
    ended = called("harvest", **place)
    assert ended.returncode == 1
    assert b"sent no list of papers" in ended.stdout
    assert not answer("sources", "--check", code=1, **place)["ok"]
