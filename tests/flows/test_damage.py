"""A damaged or missing index costs time, never papers."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from broadsheet.collection import papers as store
from broadsheet.errors import SearchIndexError, status_of
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import Record
from broadsheet.search import feeding
from broadsheet.search.embedded import EmbeddedIndex
from broadsheet.web.app import create_app
from processes import PATIENCE, ended, start_script, write_lines

PAPERS = [
    Record("invented", f"n{n}", f"On tides and kilns, part {n}", f"We measure kiln {n} at tide.")
    for n in range(40)
]


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut(path: Path) -> None:
    """Cut a file short where it lies, under those who have it mapped."""
    os.truncate(path, path.stat().st_size // 2)


def _scribble(path: Path) -> None:
    path.write_bytes(b'{"x')


def _empty(path: Path) -> None:
    path.write_bytes(b"{}")


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, embedder) -> Path:
    """Return a home with an index in good order."""
    home = tmp_path_factory.mktemp("whole")
    with open_library(home, embedder=embedder) as library:
        for _ in library.file(PAPERS, source="invented", counts=Counter()):
            pass
    return home


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("current.json", _scribble),
        ("current.json", _empty),
        ("current.json", _remove),
        ("g1", _remove),
        ("g1/text", _remove),
        ("g1/text/meta.json", _scribble),
        ("g1/text/meta.json", _remove),
        ("g1/text.json", _scribble),
        ("g1/text.json", _empty),
        ("g1/vectors", _remove),
        ("g1/vectors/manifest.json", _scribble),
        ("g1/vectors/manifest.json", _empty),
        ("g1/vectors/vectors.i8", _tear),
        ("g1/vectors/vectors.i8", _remove),
        ("g1/vectors/scales.f32", _tear),
        ("g1/vectors/papers.i64", _tear),
    ],
)
def test_a_damaged_index_is_built_anew_on_open(whole, tmp_path, embedder, name, damage):
    """Whatever is damaged, the next open finds all papers again and record and index agree."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    damage(home / "index" / name)
    with open_library(home, embedder=embedder) as library:
        assert library.check().problems == []
        for mode in ("text", "vector", "hybrid"):
            found = library.search("kiln at tide", mode=mode, limit=100)
            assert len(found.hits) == len(PAPERS)


# ---------------------------------------------------------------------------- while it is open


def _until(found: Callable[[], object]) -> None:
    """Wait until something holds; it is looked at often, and the test fails when it hangs."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _finds_all(library: Library) -> bool:
    """Return whether all papers are found; nothing but a damaged index may keep them."""
    try:
        modes = ("text", "vector", "hybrid")
        pages = [library.search("kiln at tide", mode=m, limit=100) for m in modes]
    except SearchIndexError:
        return False
    return all(len(page.hits) == len(PAPERS) for page in pages)


def _followers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "broadsheet-follow"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("current.json", _scribble),
        ("current.json", _remove),
        ("g1", _remove),
        ("g1/text.json", _scribble),
        ("g1/vectors/manifest.json", _scribble),
        ("g1/vectors/vectors.i8", _cut),
        ("g1/text/*.idx", _cut),
        ("g1/text/*.term", _cut),
        ("", _remove),
    ],
)
def test_damage_under_a_running_library_is_made_good(whole, tmp_path, embedder, name, damage):
    """What is damaged while a library follows is built anew, and the record is read meanwhile."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    with open_library(home, embedder=embedder) as library:
        library.follow(interval_s=0.05)
        _until(lambda: _finds_all(library))
        before = (home / "index" / "current.json").read_bytes()
        for path in sorted((home / "index").glob(name)) if name else [home / "index"]:
            damage(path)
        assert library.sheet("p1").paper.id == 1
        # What is open stays whole where it was only removed; what was cut must not be read.
        if damage is not _remove:
            _until(lambda: _changed(home / "index" / "current.json", before))
        _until(lambda: _finds_all(library))
        _until(lambda: library.index_state().notice == "")
    with open_library(home, embedder=embedder) as library:
        assert library.check().problems == []


def _changed(path: Path, before: bytes) -> bool:
    try:
        return path.read_bytes() not in {before, b'{"x'}
    except FileNotFoundError:
        return False


def test_an_index_is_built_while_the_record_is_read(whole, tmp_path, embedder):
    """Without waiting the record is there at once, the search says how far it is, then finds."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    shutil.rmtree(home / "index")
    told: list[tuple[int, int]] = []
    with open_library(
        home, embedder=embedder, wait=False, progress=lambda *step: told.append(step)
    ) as library:
        assert library.count() == len(PAPERS)
        assert library.sheet("p7").paper.title == PAPERS[6].title
        _until(lambda: _finds_all(library))
        assert len(_followers()) == 1
    assert told[-1] == (len(PAPERS), len(PAPERS))
    assert _followers() == []


def test_a_search_while_the_index_is_built_says_so(whole, tmp_path, embedder):
    """A damaged index is an error that says how far its building is, or what to run."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    with open_library(home, embedder=embedder) as library:
        _scribble(home / "index" / "g1" / "text.json")
        with pytest.raises(SearchIndexError, match="`broadsheet rebuild`") as error:
            library.search("kiln")
        assert status_of(error.value) == (503, 75)
        assert "g1/text.json" in library.index_state().notice
        building = library.rebuild()
        next(building)
        with pytest.raises(SearchIndexError, match="being built: 0 of 40 papers are done"):
            library.search("kiln")
        assert library.index_state().building == (0, 40)
        list(building)
        assert _finds_all(library)
        assert library.index_state().building is None


def test_the_record_is_served_without_an_index(whole, tmp_path, embedder):
    """Pages of papers and the status come from the record; a search says when to ask again."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    with open_library(home, embedder=embedder) as library, _client(library) as client:
        assert client.get("/search", params={"q": "kiln"}).status_code == 200
        _scribble(home / "index" / "g1" / "text.json")
        _scribble(home / "index" / "current.json")
        for path in ("/", "/paper/p1", "/api/papers/p1", "/api/latest", "/about/query"):
            assert client.get(path).status_code == 200, path
        for path in ("/search", "/api/search"):
            refused = client.get(path, params={"q": "kiln"})
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert "broadsheet rebuild" in refused.text
        status = client.get("/api/status").json()
        assert status["papers"] == len(PAPERS)
        assert "current.json" in status["index"]["notice"]
        library.follow(interval_s=0.05)
        _until(lambda: client.get("/search", params={"q": "kiln"}).status_code == 200)
        assert client.get("/api/status").json()["index"]["notice"] == ""


def _client(library: Library) -> TestClient:
    return TestClient(create_app(library), follow_redirects=False)


def test_a_follower_takes_in_what_a_killed_import_left(whole, tmp_path, embedder):
    """Papers that were filed but not indexed by a process that died are found by a running one."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    with (
        open_library(home, embedder=embedder) as dying,
        open_library(home, embedder=embedder) as library,
    ):
        library.follow(interval_s=0.05)
        late = Record("invented", "late", "Celadon glazes", "Green.")
        with dying.database.write() as connection:
            store.file(connection, [late], "2026-03-17T06:30:00Z")
        _until(lambda: library.search("celadon", mode="text").hits)
        assert library.check().problems == []


def test_a_follower_leaves_room_for_an_import(whole, tmp_path, embedder, monkeypatch):
    """While a follower feeds much in many steps, another process gets its turn to write."""
    monkeypatch.setattr(feeding, "STEP", 1)
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    shutil.rmtree(home / "index")
    with open_library(home, embedder=embedder, wait=False) as library:
        _until(lambda: library.index.sequence > 0)
        other = EmbeddedIndex(home / "index", embedder)
        assert other.try_lock(timeout=PATIENCE)
        assert other.sequence < len(PAPERS)
        monkeypatch.setattr(feeding, "STEP", len(PAPERS))
        other.unlock()
        _until(lambda: library.index_state().lag == 0)
        assert _finds_all(library)


def test_a_full_disk_is_told_in_words_and_loses_nothing(whole, tmp_path, embedder):
    """Where the index cannot grow, an import fails in words, and what it filed is found later."""
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    made = [{"id": f"x{n}", "title": f"Celadon {n}", "abstract": "Glaze " * 40} for n in range(600)]
    file = write_lines(tmp_path / "papers.jsonl", made)
    process = start_script(_FULL, home, file)
    code, out, err = ended(process)

    assert code == 0, err
    assert "cannot be written" in out
    assert "nothing is lost" in out
    with open_library(home, embedder=embedder) as library:
        assert library.check().problems == []
        assert library.count() > len(PAPERS)
        assert library.search("celadon").total == library.count() - len(PAPERS)


# Files papers where no file of the index may become larger than it is by much: a full disk.
_FULL = """
import resource, sys
from pathlib import Path
from broadsheet import library as module
from broadsheet.errors import SearchIndexError
from broadsheet.factory import open_library
with open_library(Path(sys.argv[1])) as library:
    index = library.index.apply
    def apply(*args):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, hard))
        try:
            index(*args)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    library.index.apply = apply
    try:
        list(library.import_file(Path(sys.argv[2])))
    except SearchIndexError as error:
        print(error)
"""
