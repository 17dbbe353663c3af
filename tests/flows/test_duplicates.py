"""Near misses from finding to deciding: listed, kept, and gone once somebody has decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.readers import deciding as module
from processes import called
from shared_data import SHARED, needs_shared

TEXT = (
    "We study how lunar nets can foretell the tides of small harbours from a year of gauges, and "
    "show that two layers are enough where the sea is shallow, with half of the errors of before."
)
PAPERS = [
    {"id": "a", "source": "kiln", "title": "Lunar Nets for Harbour Tides", "abstract": TEXT,
     "authors": ["Ada Lowe", "Bo Hay"], "year": 2025},
    {"id": "b", "source": "harbour", "title": "Foretelling the Tides of Small Harbours",
     "abstract": TEXT, "authors": ["Ada Lowe", "Bo Hay"], "year": 2026},
    {"id": "c", "source": "kiln", "title": "Glazes of the Potteries", "abstract": "On ash glazes.",
     "authors": ["Cy Ray"], "year": 2025},
]  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return a home with three papers, two of which may be one."""
    (tmp_path / "papers.jsonl").write_text("\n".join(map(json.dumps, PAPERS)))
    called("--home", tmp_path / "home", "import", tmp_path / "papers.jsonl")
    return tmp_path / "home"


def pairs(library: Library) -> list[tuple[int, int]]:
    """Return the pairs that are listed."""
    return [(m.one.id, m.other.id) for m in library.deciding.duplicates()]


def silent(_done: int, _total: int) -> None:
    """Show nothing."""


def test_pairs_are_listed_until_they_are_decided(filled: Path):
    """A merge and “not the same” both take the pair off the list; an undo brings it back."""
    with open_library(filled) as library:
        library.deciding.look_for_duplicates(silent)
        assert pairs(library) == [(1, 2)]
        for decide in (library.deciding.merge, library.deciding.tell_apart):
            made = decide("p1", "p2")
            assert pairs(library) == []
            library.deciding.look_for_duplicates(silent)
            assert pairs(library) == []
            library.deciding.undo(made.id)
            assert pairs(library) == [(1, 2)]


def test_what_was_found_is_kept(filled: Path, monkeypatch):
    """In a collection too large to compare while a page waits, the last look is what is shown."""
    monkeypatch.setattr(module, "FEW", 0)
    with open_library(filled) as library:
        assert library.deciding.last_look() is None
        assert pairs(library) == []
        library.deciding.look_for_duplicates(silent)
        assert library.deciding.last_look().behind == 0
        assert [m.reasons for m in library.deciding.duplicates()] != [()]
        assert library.deciding.duplicates(ident="p3") == []
        assert len(library.deciding.duplicates(ident="p2")) == 1
        made = library.deciding.tell_apart("p1", "p3")
        library.deciding.undo(made.id)
        assert pairs(library) == [(1, 2)]


def test_the_command_looks_when_something_has_changed(filled: Path):
    """The first call looks; `--kept` never does; the list is the same for programs."""
    assert json.loads(called("--home", filled, "duplicates", "--json").stdout)["pairs"]
    told = called("--home", filled, "duplicates", "--kept").stdout.decode()
    assert "Lunar Nets for Harbour Tides" in told
    assert "Foretelling the Tides of Small Harbours" in told
    assert "broadsheet merge A B" in told


@needs_shared
def test_the_pages_hold_a_pair_under_other_titles(tmp_path: Path):
    """A paper that two saved pages show in two versions, without authors, is listed."""
    assert SHARED is not None
    with open_library(tmp_path / "home") as library:
        for page in sorted((SHARED / "pages").glob("*.txt")):
            list(library.import_file(page))
        found = {frozenset((m.one.title, m.other.title)) for m in library.deciding.duplicates()}
    assert any({title.split()[0] for title in pair} == {"Channel", "Pruning"} for pair in found), (
        found
    )
