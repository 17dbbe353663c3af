"""Backup, restore and export as people and as programs use them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from broadsheet.cli import keeping
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.formats import FORMATS, written
from broadsheet.papers.types import Paper, PaperId
from flows import invented
from processes import answer, called, write_lines

TWO_DOIS = {
    "title": "A paper with everything",
    "abstract": "It has two DOIs, several links and four dates.",
    "tldr": "Everything.",
    "authors": ["Lovelace, Ada"],
    "doi": "10.5555/first",
    "url": "https://doi.org/10.5555/second",
    "pdf": "https://papers.example/1.pdf",
    "code": "https://code.example/1",
    "submitted": "2026-01-02",
    "announced": "2026-01-05",
    "updated": "2026-02",
    "published": "2026-03-01",
    "keywords": ["all", "things"],
    "venue": "Journal of All Things",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """Return a home with some hundred papers, some of them made of several records."""
    folder = tmp_path_factory.mktemp("kept")
    many = invented.written(folder / "many.jsonl", invented.bridged(400))
    whole = write_lines(folder / "whole.jsonl", [TWO_DOIS])
    answer("--home", folder / "home", "import", many, whole)
    return folder / "home"


@pytest.fixture(scope="module")
def papers(filled: Path, embedder) -> list[Paper]:
    """Return all papers of that home, in order of id."""
    with open_library(filled, embedder=embedder) as library:
        return list(library.select())


# ---------------------------------------------------------------------------- export


def said(paper: Paper) -> Paper:
    """Return what an export keeps of a paper for whoever imports it."""
    return replace(paper, id=PaperId(0), sources=(), first_seen="", edition="", basis="")


def test_an_export_imported_elsewhere_gives_the_same_papers(filled, papers, tmp_path, embedder):
    """Ids, links, dates, texts: an empty collection that imports an export has the same papers."""
    file = tmp_path / "all.jsonl"
    told = answer("--home", filled, "export", "--output", file)
    assert told == {
        "file": str(file),
        "format": "jsonl",
        "papers": len(papers),
        "bytes": file.stat().st_size,
    }
    first = answer("--home", tmp_path / "new", "import", file)
    second = answer("--home", tmp_path / "new", "import", file)
    with open_library(tmp_path / "new", embedder=embedder) as library:
        found = list(library.select())

    assert (first["new"], first["papers"]) == (len(papers), len(papers))
    assert second["unchanged"] == len(papers)
    assert list(map(said, found)) == list(map(said, papers))
    assert [len(p.external_ids) for p in found if p.title == TWO_DOIS["title"]] == [2]


def test_the_command_knows_every_form():
    """The names that the help of the command gives are those of the forms that there are."""
    assert tuple(FORMATS) == keeping.FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_written_to_standard_output(filled, papers, name):
    """Without a file the papers themselves, and nothing else, go to standard output."""
    ended = called("--home", filled, "export", "--format", name)
    assert ended.returncode == 0
    assert ended.stdout == b"".join(written(papers, FORMATS[name]))


def ids_of(*words: str, filled: Path) -> list[str]:
    """Return the ids of the papers that an export of a query has, in its order."""
    ended = called("--home", filled, "export", *words)
    assert ended.returncode == 0, ended.stderr
    return [orjson.loads(line)["id"] for line in ended.stdout.splitlines()]


def test_an_export_has_what_the_query_chooses(filled, papers):
    """Conditions, phrases and words choose; `sort:date` turns the order to the newest first."""
    year = [p for p in papers if p.year == 2000]
    assert ids_of("year:2000", filled=filled) == [f"p{p.id}" for p in year]
    assert len(year) > 5
    assert ids_of("u30z", filled=filled) == [
        f"p{p.id}" for p in papers if "u30z" in p.title.lower()
    ]
    newest = ids_of("year:1990..2010", "sort:date", filled=filled)
    days = {f"p{p.id}": p.day or "" for p in papers}
    assert [days[i] for i in newest] == sorted((days[i] for i in newest), reverse=True)
    assert len(set(newest)) == len([p for p in papers if 1990 <= (p.year or 0) <= 2010])
    assert len(ids_of("sort:date", filled=filled)) == len(papers)
    assert ids_of("10.5555/second", filled=filled) == [
        f"p{p.id}" for p in papers if p.title == TWO_DOIS["title"]
    ]


@pytest.mark.parametrize("query", ["like:p1", "tides -like:p1", "(like:p1 OR tides)", "nobody:x"])
def test_what_does_not_choose_is_refused(filled, query):
    """A query that cannot be read, or that only orders, is an error in words, and no file."""
    ended = called("--home", filled, "export", query)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert b"broadsheet: " in ended.stderr


def test_an_export_replaces_nothing_unasked(filled, tmp_path):
    """A file that is there stays unless it is told to go; nothing is left beside it."""
    file = tmp_path / "papers.bib"
    file.write_text("dear")
    words = ("--home", filled, "export", "--format", "bibtex", "--output", file)
    refused = called(*words)
    assert refused.returncode == 1
    assert b"--force" in refused.stderr
    assert file.read_text() == "dear"
    assert called(*words, "--force").returncode == 0
    assert file.read_text().startswith("@misc{")
    assert [p.name for p in tmp_path.iterdir()] == ["papers.bib"]


@pytest.mark.parametrize(
    "words", [("--format", "docx"), ("--json",)], ids=["another format", "JSON of no file"]
)
def test_an_export_that_cannot_be_meant_is_refused(filled, words):
    """What there is no form for, or nothing to tell of, is a mistake in the command."""
    assert called("--home", filled, "export", *words).returncode == 2


def test_papers_are_read_as_they_are_taken(filled, embedder, monkeypatch):
    """An export of any size keeps a batch in memory: the next is read when it is asked for."""
    monkeypatch.setattr("broadsheet.library.BATCH", 10)
    with open_library(filled, embedder=embedder) as library:
        read: list[int] = []
        fetch = library.papers
        monkeypatch.setattr(library, "papers", lambda ids: read.append(len(ids)) or fetch(ids))
        found = library.select("year:1990..")
        assert found.total > 100
        assert read == []
        next(found)
        assert read == [10]
        assert len(list(found)) == found.total - 1


def test_papers_that_go_meanwhile_are_left_out(filled, papers, tmp_path, embedder, monkeypatch):
    """Whoever takes papers slowly holds nothing up, and gets those that are still there."""
    monkeypatch.setattr("broadsheet.library.BATCH", 1)
    shutil.copytree(filled, tmp_path / "home")
    with open_library(tmp_path / "home", embedder=embedder) as library:
        found = library.select()
        one, other, *others = papers
        assert next(found).id == one.id
        library.deciding.merge(f"p{one.id}", f"p{other.id}")
        assert [p.id for p in found] == [p.id for p in others]


# ---------------------------------------------------------------------------- backup, restore


def test_a_backup_is_told_and_restored(filled, papers, tmp_path, embedder):
    """The commands tell what a backup holds; what they restore is found and agrees."""
    file = tmp_path / "papers.tar.zst"
    made = answer("--home", filled, "backup", file)
    assert made["file"] == str(file)
    assert made["bytes"] == file.stat().st_size
    assert made["counts"]["papers"] == len(papers)
    checked = answer("restore", "--check", file)
    assert checked["replaced"] is None
    assert checked == {k: v for k, v in made.items() if k != "bytes"} | {"replaced": None}

    told = answer("--home", tmp_path / "new", "restore", file)
    assert told == checked
    # The index stands already when the command has ended.
    with open_library(tmp_path / "new", embedder=embedder) as library:
        assert library.index.sequence == told["sequence"]
        assert library.check().problems == []
        assert list(library.select()) == papers

    refused = called("--home", tmp_path / "new", "restore", file)
    assert refused.returncode == 1
    assert b"--force" in refused.stderr
    again = answer("--home", tmp_path / "new", "restore", file, "--force")
    assert (Path(again["replaced"]) / "broadsheet.db").is_file()


def test_people_are_told_in_a_line_or_two(filled, papers, tmp_path):
    """What was kept, where, how much, and as of when."""
    file = tmp_path / "papers.tar.zst"
    made = called("--home", filled, "backup", file).stdout.decode()
    assert f"kept in {file}" in made
    assert f"{len(papers):,} papers" in made
    assert "as of 20" in made
    checked = called("restore", "--check", file).stdout.decode()
    assert f"{file} is a good backup: {len(papers):,} papers" in checked
    called("--home", tmp_path / "new", "restore", file)
    again = called("--home", tmp_path / "new", "restore", file, "--force").stdout.decode()
    assert "what was there is kept in" in " ".join(again.split())


def test_a_check_restores_nothing(filled, tmp_path):
    """`--check` makes no home, and a bad file is an error with a sentence."""
    file = tmp_path / "b"
    answer("--home", filled, "backup", file)
    answer("--home", tmp_path / "new", "restore", "--check", file)
    assert not (tmp_path / "new").exists()
    file.write_bytes(file.read_bytes()[:-1])
    ended = called("restore", "--check", file, "--json")
    assert ended.returncode == 1
    assert "cut off" in orjson.loads(ended.stderr)["detail"]


def test_a_backup_needs_no_index(filled, tmp_path):
    """The record is kept also where the index cannot be opened at all."""
    shutil.copytree(filled, tmp_path / "home")
    shutil.rmtree(tmp_path / "home" / "index")
    (tmp_path / "home" / "index").write_text("in the way")
    made = answer("--home", tmp_path / "home", "backup", tmp_path / "b")
    assert made["counts"]["papers"] > 100


def test_a_backup_of_no_collection_is_refused(tmp_path):
    """A home that was mistyped is not taken for an empty collection."""
    ended = called("--home", tmp_path / "typo", "backup", tmp_path / "b")
    assert ended.returncode == 1
    assert b"there is no collection in" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_last_backup_is_known(library: Library, tmp_path):
    """A collection knows when it was last backed up; a failed attempt is none."""
    assert library.status().last_backup is None
    with pytest.raises(Exception, match="No such file"):
        library.backup(tmp_path / "nowhere" / "b")
    assert library.status().last_backup is None
    made = library.backup(tmp_path / "b")
    assert library.status().last_backup == made.made == "2026-03-17T06:30:00Z"
