"""What a killed process leaves behind: everything that was acknowledged, and nothing twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from broadsheet.factory import open_library
from broadsheet.search.embedding import StaticEmbedder
from flows.invented import (
    Line,
    Standing,
    assert_sound,
    bridged,
    lines,
    standing,
    written,
)
from processes import IS_LONG, answer, called, command, ended, printed, start

KILLS = 200 if IS_LONG else 20
LINES = 26_000 if IS_LONG else 4_000


@pytest.mark.timeout(14_400 if IS_LONG else 300)
def test_a_killed_import_keeps_what_it_acknowledged_and_ends_as_if_undisturbed(tmp_path, embedder):
    """After SIGKILL at any moment the committed batches stand, and importing again completes."""
    made = lines(LINES)
    file = written(tmp_path / "papers.jsonl", made)
    began = time.monotonic()
    printed("--home", tmp_path / "undisturbed", "import", file)
    seconds = time.monotonic() - began
    expected = _standing_in(tmp_path / "undisturbed", embedder)
    dice, kills, number, inside = random.Random(8620), 0, 0, 0

    while kills < KILLS or inside <= KILLS // 10:
        home = tmp_path / f"home{number}"
        lines_more = dice.choice([0, 1000, 2000, 3000])
        delay = dice.uniform(0, seconds / 20 if lines_more else seconds)
        if _is_killed(home, file, lines_more, delay):
            kills += 1
            done = max(_acknowledged(home), default=0)
            inside += 0 < done < len(made)
            _assert_kept(home, made[:done], embedder)
        else:
            assert _standing_in(home, embedder) == expected
            number += 1
    home = tmp_path / f"home{number}"
    answer("--home", home, "import", file)

    assert _standing_in(home, embedder) == expected
    assert called("--home", home, "check").returncode == 0


def _is_killed(home: Path, file: Path, lines_more: int, delay: float) -> bool:
    """Start an import, and kill it `delay` seconds after it has committed so many lines more.

    Return False if it had ended by then. How long a start takes is told by no clock: only the
    record says when a kill falls between two commits.
    """
    wanted = sum(_acknowledged(home)) + lines_more
    process = start(command("--home", home, "import", file))
    while sum(_acknowledged(home)) < wanted and process.poll() is None:
        time.sleep(0.002)
    try:
        code = process.wait(delay)
    except subprocess.TimeoutExpired:
        process.kill()
        code, _, _ = ended(process)
    process.communicate()
    assert code in {0, -signal.SIGKILL}
    return code != 0


def _acknowledged(home: Path) -> list[int]:
    """Return how many lines of the file each run has committed, and see that it counts them."""
    if not (home / "broadsheet.db").exists():
        return []
    with sqlite3.connect(f"file:{home / 'broadsheet.db'}?mode=ro", uri=True) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
            return []
        found = connection.execute(
            "SELECT cursor, (SELECT coalesce(sum(value), 0) FROM json_each(counts)) FROM runs"
        ).fetchall()
    connection.close()
    assert all(cursor == counted for cursor, counted in found)
    return [cursor for cursor, _ in found]


def _assert_kept(home: Path, made: list[Line], embedder: StaticEmbedder) -> None:
    """See that a home holds exactly these lines of the file, in record and index alike."""
    with open_library(home, embedder=embedder) as library:
        found = standing(library)
        assert sorted(k for _, k, _, _ in found.records) == sorted(x.key for x in made if x.key)
        assert len(found.papers) == len(_works(made))
        broken = [n for n, x in enumerate(made, 1) if x.key is None]
        assert [place for _, place, _, _ in found.rejects] == broken
        if made:
            assert_sound(library, told=len(made) // 20 * 10)
        else:
            assert library.check().problems == []


def _works(made: list[Line]) -> set[int]:
    return {line.work for line in made if line.work is not None}


def _standing_in(home: Path, embedder: StaticEmbedder) -> Standing:
    with open_library(home, embedder=embedder) as library:
        assert_sound(library, told=30)
        return standing(library)


# ---------------------------------------------------------------------------- on purpose

# Reads lines [point, arguments]; for each, a process that dies at that point runs the command, and
# how it ended is told. All come from one that has loaded everything, which saves the loading.
_DEADLY = """
import json, os, signal, sys
from broadsheet import factory, library, present
from broadsheet.cli import main
from broadsheet.collection import papers, runs
from broadsheet.search import embedded, feeding, manifest, text_index, vectors

def deadly(owner, name, at, moment, when):
    # Call number `at` of `owner.name` for which `when` holds is the last thing that happens.
    original, calls = getattr(owner, name), []
    def die():
        os.kill(os.getpid(), signal.SIGKILL)
    def called(*args, **named):
        counts = when(args)
        calls.extend([1] * bool(counts))
        is_last = counts and len(calls) == at
        if is_last and moment == "before":
            die()
        answer = original(*args, **named)
        if is_last:
            die()
        return answer
    setattr(owner, name, called)

def to(name):
    return lambda args: args[0].name == name

def always(args):
    return True

library.BATCH, library.SYNC_EVERY, feeding.STEP = 100, 150, 150
for line in sys.stdin:
    point, arguments = json.loads(line)
    child = os.fork()
    if not child:
        eval(f"deadly({point})")
        sys.argv = ["broadsheet", *arguments]
        os.dup2(2, 1)
        main()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def die_at():
    """Return a call that runs a command which dies at a point, and returns how it ended."""
    process = start([sys.executable, "-c", _DEADLY], stdin=subprocess.PIPE)

    def run(point: str, *arguments: object) -> int:
        process.stdin.write(orjson.dumps([point, [str(a) for a in arguments]]) + b"\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield run
    process.communicate()


IN_IMPORT = {
    "before the first row of a fresh home": "runs, 'begin', 1, 'before', always",
    "inside the first transaction": "runs, 'advance', 1, 'before', always",
    "inside a later transaction": "runs, 'advance', 5, 'after', always",
    "between records and changes": "papers, '_write_changes', 3, 'before', always",
    "while papers are merged": "papers, '_write_merges', 7, 'after', always",
    "after a commit, before the index": "library.Library, '_file_batch', 3, 'after', always",
    "after the last commit": "runs, 'finish', 1, 'before', always",
    "when the parts are made": "embedded.EmbeddedIndex, '_put_in_use', 1, 'before', always",
    "as current.json is written": "manifest, 'flush', 1, 'before', to('current.new')",
    "after current.json is written": "manifest, 'write', 1, 'after', to('current.json')",
    "before vectors": "vectors.VectorMatrix, 'append', 2, 'before', always",
    "with the rows but not the scales": "manifest, 'flush', 2, 'after', to('vectors.i8')",
    "with rows and scales but no papers": "manifest, 'flush', 3, 'after', to('scales.f32')",
    "with all arrays but no manifest": "manifest, 'write', 2, 'before', to('manifest.json')",
    "as the manifest of vectors is written": "manifest, 'flush', 2, 'before', to('manifest.new')",
    "between vectors and text": "vectors.VectorMatrix, 'append', 2, 'after', always",
    "with text applied but not committed": "text_index.TextIndex, 'commit', 2, 'before', always",
    "between tantivy and its manifest": "manifest, 'write', 2, 'before', to('text.json')",
    "after the manifest of text": "manifest, 'write', 3, 'after', to('text.json')",
    "before segments are merged": "text_index.TextIndex, 'release', 1, 'before', always",
}
IN_REBUILD = {
    "in the middle": "embedded.Parts, 'fill', 2, 'after', always",
    "before it is finished": "embedded.Parts, 'finish', 1, 'before', always",
    "between text and vectors": "text_index.TextIndex, 'commit', 1, 'after', always",
    "before it is adopted": "embedded.EmbeddedIndex, 'adopt', 1, 'before', always",
    "as it is adopted": "manifest, 'write', 1, 'before', to('current.json')",
    "before the old one is gone": "embedded.shutil, 'rmtree', 1, 'before', always",
    "after the old one is gone": "embedded.shutil, 'rmtree', 1, 'after', always",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return a file of some hundred lines, whose last ones make papers one that were two."""
    return written(tmp_path_factory.mktemp("file") / "papers.jsonl", bridged(600))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, file, embedder):
    """Return what one quiet import of the file gives."""
    with open_library(tmp_path_factory.mktemp("quiet"), embedder=embedder) as library:
        for _ in library.import_file(file):
            pass
        assert_sound(library, told=30)
        assert library.count() == len(_works(bridged(600))) - 15  # pairs that became one
        return standing(library)


@pytest.mark.parametrize("point", IN_IMPORT.values(), ids=IN_IMPORT)
def test_an_import_killed_at_a_chosen_point_is_made_whole(
    point, home, file, undisturbed, embedder, die_at
):
    """Wherever an import dies, opening mends the index and importing again completes the record."""
    assert die_at(point, "--home", home, "import", file) == -signal.SIGKILL

    with open_library(home, embedder=embedder) as library:
        assert library.check().problems == []
        before = library.count()
        for _ in library.import_file(file):
            assert library.count() >= before - 20  # the bridges at the end make pairs one
        assert_sound(library, told=30)
        assert standing(library) == undisturbed


@pytest.mark.parametrize("point", IN_REBUILD.values(), ids=IN_REBUILD)
def test_a_killed_rebuild_leaves_an_index_that_agrees(
    point, home, file, undisturbed, embedder, die_at
):
    """Wherever a rebuild dies, the old index or the new one stands whole, and can be rebuilt."""
    with open_library(home, embedder=embedder) as library:
        for _ in library.import_file(file):
            pass
    assert die_at(point, "--home", home, "rebuild") == -signal.SIGKILL

    with open_library(home, embedder=embedder) as library:
        assert_sound(library, told=30)
        list(library.rebuild())
        assert_sound(library, told=30)
        assert standing(library) == undisturbed
        folders = [f.name for f in (home / "index").iterdir() if f.is_dir()]
        assert len(folders) == 1
