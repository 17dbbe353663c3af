"""One process writes while others read, and a second writer waits or is told so."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from broadsheet.factory import open_library
from flows.invented import assert_sound, lines, record, standing, written
from processes import (
    IS_LONG,
    PATIENCE,
    answer,
    broadsheet,
    called,
    command,
    ended,
    printed,
    start,
    start_script,
)

LINES = 40_000 if IS_LONG else 5_000
REBUILDS = 600 if IS_LONG else 30

# Searches in every mode until the file `stop` is there, then once more, and tells what it saw.
_READER = """
import json, sys
from pathlib import Path
from broadsheet.factory import open_library
home, stop, query = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
totals, rounds, missed = [], 0, 0
with open_library(home) as library:
    print("reading", flush=True)
    is_last = False
    while not is_last:
        is_last = stop.exists()
        for mode in ("hybrid", "text", "vector"):
            page = library.search(query, mode=mode)
            missed += query not in [hit.paper.title for hit in page.hits]
        missed += not library.similar("p1").hits
        totals.append(library.search("source:invented").total)
        rounds += 1
    fallen = [pair for pair in zip(totals, totals[1:]) if pair[1] < pair[0]]
    facts = {"rounds": rounds, "missed": missed, "fallen": fallen, "steps": len(set(totals))}
    print(json.dumps(facts | {"last": totals[-1], "papers": library.count()}))
"""


@pytest.fixture
def file(tmp_path):
    """Return a file of several thousand lines, a tenth of them copies and a few broken."""
    return written(tmp_path / "papers.jsonl", lines(LINES))


@contextmanager
def _reading(home: Path, stop: Path):
    """Run a reading process around a block; the dict given holds what it saw at the end."""
    seen: dict = {}
    process = start_script(_READER, home, stop, record(30)["title"])
    try:
        assert process.stdout.readline() == b"reading\n", process.stderr.read().decode()
        yield seen
    finally:
        stop.touch()
        code, out, err = ended(process)
    assert (code, err) == (0, "")
    seen.update(orjson.loads(out))


def test_a_reader_beside_an_import_sees_it_grow_and_never_fall(home, tmp_path, file):
    """Searches beside an import never fail or lose papers, and at the end see everything."""
    written(tmp_path / "first.jsonl", lines(100))
    answer("--home", home, "import", tmp_path / "first.jsonl")
    with _reading(home, tmp_path / "stop") as seen:
        facts = printed("--home", home, "import", file)

    assert seen["rounds"] > 3
    assert seen["steps"] > 1
    assert seen["fallen"] == []
    assert seen["missed"] == 0
    assert seen["last"] == seen["papers"] == facts["papers"]


def test_a_reader_beside_rebuilds_always_sees_the_whole(home, tmp_path):
    """While the index is built anew and put in place, every search finds every paper."""
    file = written(tmp_path / "papers.jsonl", lines(300))
    papers = answer("--home", home, "import", file)["papers"]
    with _reading(home, tmp_path / "stop") as seen, open_library(home) as library:
        for _ in range(REBUILDS):
            list(library.rebuild())

    assert seen["rounds"] > 10
    assert seen["fallen"] == []
    assert seen["missed"] == 0
    assert seen["steps"] == 1
    assert seen["last"] == seen["papers"] == papers


def test_a_second_import_waits_for_the_first(home, tmp_path):
    """Two imports that overlap both complete, the second after the first, with nothing twice."""
    one, other = (tmp_path / name for name in ("one.jsonl", "other.jsonl"))
    written(one, lines(1500))
    written(other, lines(2500))
    first = _halfway(home, one)
    second = start([*command("--home", home, "import", other), "--json"])
    time.sleep(2)
    assert second.poll() is None
    first_facts = _completed(first, one)
    code, out, err = ended(second)

    assert code == 0, err
    facts = orjson.loads(out)
    assert first_facts["read"] == 1500
    assert facts["read"] == 2500
    assert facts["unchanged"] == 1470  # all of the first file but its broken lines
    _assert_as_alone(home, tmp_path, other)


def test_a_second_import_says_that_another_writes(home, tmp_path):
    """An import that waited in vain exits 75 with a plain sentence, and can be run again."""
    one, other = (tmp_path / name for name in ("one.jsonl", "other.jsonl"))
    written(one, lines(1500))
    written(other, lines(1700))
    first = _halfway(home, one)
    turned_away = broadsheet("--home", home, "import", other)
    found = answer("--home", home, "search", record(0)["title"])
    _completed(first, one)

    assert turned_away.returncode == 75
    assert b"another Broadsheet is writing" in turned_away.stderr
    assert turned_away.stdout == b""
    assert found["mode"] == "hybrid"  # reading goes on meanwhile
    assert called("--home", home, "rebuild").returncode == 0
    assert answer("--home", home, "import", other)["rejected"] == 34
    _assert_as_alone(home, tmp_path, other)


def test_many_processes_may_open_a_fresh_home_at_once(home):
    """Whoever comes first makes the record; the others find it made."""
    processes = [start(command("--home", home, "check", "--json")) for _ in range(4)]
    answers = [ended(p) for p in processes]

    assert [(code, err) for code, _, err in answers] == [(0, "")] * 4
    assert all(orjson.loads(out)["ok"] for _, out, _ in answers)


def _halfway(home: Path, file: Path):
    """Start an import from standing input that has filed some, and waits for more."""
    process = start([*command("--home", home, "import", "-"), "--json"], stdin=-1)
    data = file.read_bytes()
    process.stdin.write(data[: data.index(b"\n", len(data) * 4 // 5) + 1])
    process.stdin.flush()
    deadline = time.monotonic() + PATIENCE
    while not _filed(home):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    return process


def _filed(home: Path) -> int:
    if not (home / "broadsheet.db").exists():
        return 0
    connection = sqlite3.connect(f"file:{home / 'broadsheet.db'}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT count(*) FROM records").fetchone()[0]
    except sqlite3.OperationalError:  # no table yet
        return 0
    finally:
        connection.close()


def _completed(process, file: Path) -> dict:
    """Give an import that waits halfway its other half; return what it printed at the end."""
    data = file.read_bytes()
    rest = data[data.index(b"\n", len(data) * 4 // 5) + 1 :]
    out, err = process.communicate(rest, timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return orjson.loads(out)


def _assert_as_alone(home: Path, tmp_path: Path, file: Path) -> None:
    """See that a home holds what an import of the larger file alone gives."""
    answer("--home", tmp_path / "alone", "import", file)
    with open_library(home) as library, open_library(tmp_path / "alone") as alone:
        assert_sound(library, told=30)
        assert standing(library)[:3] == standing(alone)[:3]
