"""A damaged or missing index costs time, never papers."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from broadsheet.factory import open_library
from broadsheet.papers.types import Record

PAPERS = [
    Record("invented", f"n{n}", f"On tides and kilns, part {n}", f"We measure kiln {n} at tide.")
    for n in range(40)
]


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


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
