"""Judging which records become one paper, on a few labelled pairs."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import orjson
import pytest

from broadsheet.errors import SourceError
from broadsheet.measure import identity
from processes import called
from shared_data import SHARED, needs_shared

TIDES, EDITOR = "Lunar Nets for Harbour Tides", "Report of the Editor in Chief"
HEADING = "label\tid_a\tid_b\ttitle_a"
RECORDS = [
    {"id": "a1", "source": "harbour", "title": TIDES, "authors": ["Ada Lowe"]},
    {"id": "b1", "source": "kiln", "title": TIDES.lower() + ".", "authors": ["A. Lowe"]},
    {"id": "a2", "source": "harbour", "title": "Glazes of Stoke Town", "authors": ["Bo Hay"]},
    {"id": "b2", "source": "kiln", "title": "Glazes of Stoke Town", "authors": ["Cy Ray"]},
    {"id": "a3", "source": "harbour", "title": EDITOR, "authors": ["Di Fox"]},
    {"id": "b3", "source": "kiln", "title": EDITOR, "authors": ["Di Fox"]},
]  # fmt: skip
PAIRS = [
    ("same", "harbour:a1", "kiln:b1"),
    ("same", "harbour:a2", "kiln:b2"),
    ("same", "harbour:a1", "kiln:absent"),
    ("different", "harbour:a3", "kiln:b3"),
    ("different", "harbour:a1", "kiln:b2"),
    ("unsure", "harbour:a3", "kiln:b3"),
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return a compressed table of pairs, and a file with the records."""
    pairs, corpus = tmp_path / "pairs.tsv.xz", tmp_path / "corpus.jsonl"
    rows = [HEADING, *("\t".join((*p, "Tides")) for p in PAIRS)]
    pairs.write_bytes(lzma.compress("\n".join(rows).encode()))
    corpus.write_text("\n".join(map(json.dumps, RECORDS)))
    return pairs, corpus


def test_pairs_are_judged(files: tuple[Path, Path]):
    """Each label is counted; precision and recall are what the counts say, errors are named."""
    found = json.loads(called("eval-identity", *files, "--json").stdout)
    rows = {r.pop("label"): tuple(r.values()) for r in found["labels"]}
    assert rows == {"same": (3, 2, 1, 1), "different": (2, 2, 1, 1), "unsure": (1, 1, 1, 0)}
    assert (found["precision"], found["recall"]) == (0.5, 0.5)
    assert [(e["label"], e["made"], e["one"]) for e in found["errors"]] == [
        ("same", "apart", "harbour:a2"),
        ("different", "merged", "harbour:a3"),
    ]
    assert (found["papers"], found["records"]) == (4, 6)


def test_pairs_are_judged_for_people(files: tuple[Path, Path]):
    """The table, and no more errors than asked for."""
    said = called("eval-identity", *files, "--errors", 1).stdout.decode()
    assert "precision 0.5" in said
    assert "harbour:a2" in said
    assert "harbour:a3" not in said


def test_a_file_that_is_no_table_is_refused(files: tuple[Path, Path]):
    """The message says what is missing."""
    with pytest.raises(SourceError, match="label, id_a and id_b"):
        identity.judge(files[1], [], progress=lambda *_: None)


def test_records_are_named_by_their_sources_key(tmp_path: Path):
    """A record whose key is another's id is found, and never taken for that other's record."""
    records = [
        {"arxiv_id": "2503.00001", "id": "arxiv:2503.00001", "source": "arxiv", "title": TIDES},
        {"arxiv_id": "2503.00001", "source": "hf", "title": TIDES},
        {"arxiv_id": "2503.00002", "source": "hf", "title": EDITOR},
        {"id": "pl:kiln/7", "source": "paperlists", "title": "Glazes of Stoke Town"},
    ]
    pairs = [
        ("same", "arxiv:2503.00001", "hf:2503.00001"),
        ("same", "arxiv:2503.00002", "hf:2503.00002"),
        ("different", "hf:2503.00002", "pl:kiln/7"),
    ]
    table, corpus = tmp_path / "pairs.tsv", tmp_path / "corpus.jsonl"
    table.write_text("\n".join([HEADING, *("\t".join((*p, "Tides")) for p in pairs)]))
    corpus.write_text("\n".join(map(json.dumps, records)))
    found = identity.judge(table, [corpus], progress=lambda *_: None)
    rows = {r.pop("label"): tuple(r.values()) for r in found["labels"]}
    assert rows == {"same": (2, 1, 1, 0), "different": (1, 1, 0, 1)}


@needs_shared
def test_the_labelled_pairs_of_the_corpora(tmp_path: Path):
    """The records of all labelled pairs, filed together: the shares that are asked for.

    The full form, `broadsheet eval-identity` on all four corpora, files the others beside them.
    """
    assert SHARED is not None
    pairs = SHARED / "judged" / "crosssource_duplicates" / "pairs.tsv.xz"
    with lzma.open(pairs, "rt", encoding="utf-8") as rows:
        wanted = {name for row in rows for name in row.split("\t")[1:3]}
    for path in (SHARED / "corpus").glob("*.jsonl.xz"):
        with lzma.open(path) as lines, (tmp_path / path.stem).open("wb") as out:
            out.writelines(line for line in lines if orjson.loads(line).get("id") in wanted)
    files = [f for f in sorted(tmp_path.glob("*.jsonl")) if f.stat().st_size]
    found = identity.judge(pairs, files, progress=lambda *_: None)
    [same] = [r for r in found["labels"] if r["label"] == "same"]
    assert same["found"] > 2500
    assert found["recall"] >= 0.98
    assert found["precision"] >= 0.995


def test_nothing_is_left_behind(files: tuple[Path, Path], tmp_path: Path, monkeypatch):
    """The home that the pairs are judged in is gone afterwards."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    identity.judge(files[0], [files[1]], progress=lambda *_: None)
    assert not list((tmp_path / "scratch").iterdir())
