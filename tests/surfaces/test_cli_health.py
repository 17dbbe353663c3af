"""`status` and `check --repair`: what a collection says of itself, and mending it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from broadsheet.collection.database import HEAD
from processes import called as run

PAPERS = [
    {"id": f"t{n}", "source": "harbour" if n % 2 else "kiln", "title": f"Tides of harbour {n}",
     "abstract": f"The tide of harbour {n} rises and falls.", "date": "2026-03-17"}
    for n in range(12)
]  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return a home with twelve papers of two sources and one record set aside."""
    lines = [json.dumps(p) for p in PAPERS] + ['{"abstract": "no title"}']
    (tmp_path / "papers.jsonl").write_text("\n".join(lines))
    run("--home", tmp_path / "home", "import", tmp_path / "papers.jsonl")
    return tmp_path / "home"


def test_status_for_programs(filled: Path):
    """Everything that the page shows, with numbers that are right."""
    found = json.loads(run("--home", filled, "status", "--json").stdout)
    assert (found["papers"], found["records"], found["rejects"]) == (12, 12, 1)
    assert {s["source"]: s["records"] for s in found["sources"]} == {"harbour": 6, "kiln": 6}
    assert sum(d["papers"] for d in found["days"]) == 12
    [ran] = found["runs"]
    assert (ran["outcome"], ran["counts"]["new"]) == ("done", 12)
    assert found["index"]["lag"] == 0
    assert found["sizes"]["record"] > 0 < found["sizes"]["index"]
    assert found["schema"] == HEAD
    [warning] = found["warnings"]
    assert "1 record" in warning


def test_status_for_people(filled: Path):
    """The same in words."""
    said = run("--home", filled, "status").stdout.decode()
    for words in ("12 of 12 records", "harbour", "kiln", "done", "set aside"):
        assert words in said


def test_repair_mends_what_is_derived(filled: Path):
    """Papers changed and an index torn behind Broadsheet's back are as the records say again."""
    before = json.loads(run("--home", filled, "show", "p1", "--json").stdout)
    with sqlite3.connect(filled / "broadsheet.db") as raw:
        raw.execute("UPDATE papers SET title = 'Nonsense', edition = '1999-01-01'")
        raw.execute("DELETE FROM days")
        raw.execute("DELETE FROM external_ids")
    raw.close()
    assert b"Nonsense" in run("--home", filled, "show", "p1").stdout
    done = run("--home", filled, "check", "--repair", "--json")
    assert json.loads(done.stdout)["problems"] == []
    assert json.loads(run("--home", filled, "show", "p1", "--json").stdout) == before
    hits = json.loads(run("--home", filled, "search", "harbour", "--json").stdout)
    assert hits["total"] == 12
    assert json.loads(run("--home", filled, "status", "--json").stdout)["papers"] == 12
