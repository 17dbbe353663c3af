"""Importing as a person does it: real pages, the starter collection, copies, and bad input."""

from __future__ import annotations

import gzip
import lzma
import random
import shutil
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

import orjson
import pytest

from broadsheet import starter
from broadsheet.errors import NotFoundError, QueryError
from broadsheet.factory import open_library
from broadsheet.papers.text import shingles
from broadsheet.sources import files
from flows.invented import assert_sound, bridged, lines, record, standing, written
from processes import (
    IS_LONG,
    answer,
    broadsheet,
    called,
    ended,
    printed,
    start_script,
    write_lines,
)
from shared_data import SHARED, needs_shared

MEMORY_FILE = (400 if IS_LONG else 60) * 1024 * 1024
MEMORY_BOUND = 450 * 1024 * 1024
"""Bytes that an import may take at its peak, however large the file: most of it is the model,
the writer's buffer and the record's page cache."""


def imported(library, *paths: Path) -> Counter[str]:
    """Import files one by one; return the counts."""
    counts: Counter[str] = Counter()
    for path in paths:
        *_, progress = library.import_file(path)
        counts += progress.counts
    return counts


# ---------------------------------------------------------------------------- the pages


def _pages() -> list[Path]:
    assert SHARED is not None
    return sorted((SHARED / "pages").glob("*.txt"))


@needs_shared
def test_the_pages_are_the_same_papers_in_any_order(tmp_path, embedder):
    """662 entries are 627 papers, the same ones in whatever order the pages come, once or twice."""
    orders = list(permutations(_pages()))
    orders = orders if IS_LONG else random.Random(5).sample(orders, 4)
    told = []
    for number, order in enumerate(orders):
        with open_library(tmp_path / str(number), embedder=embedder) as library:
            assert imported(library, *order) == {"new": 627, "merged": 35}
            assert library.count() == 627
            assert imported(library, *reversed(order)) == {"unchanged": 662}
            assert library.count() == 627
            assert library.check().problems == []
            told.append(standing(library))

    assert all(papers == told[0].papers for papers, *_ in told)
    assert all(t.records == told[0].records for t in told)


@needs_shared
def test_the_folder_of_pages_together_and_again(home):
    """The command tells of 662 records and 627 papers, and finds nothing new the second time."""
    folder = _pages()[0].parent
    first = printed("--home", home, "import", folder)
    again = answer("--home", home, "import", *reversed(_pages()))

    assert first.pop("seconds") < 60
    assert first == {
        "read": 662, "new": 627, "updated": 0, "merged": 35, "unchanged": 0, "rejected": 0,
        "papers": 627,
    }  # fmt: skip
    assert (again["unchanged"], again["new"], again["papers"]) == (662, 0, 627)
    assert printed("--home", home, "check")["ok"] is True


@needs_shared
def test_two_spellings_are_one_paper_and_two_versions_too(tmp_path, embedder):
    """HyperZ in two spellings, and two versions of one abstract, are one paper each."""
    with open_library(tmp_path, embedder=embedder) as library:
        imported(library, *_pages())
        hyper = library.search("HyperZ", mode="text")
        convolutional = library.search(
            'title:"Fully Convolutional Networks for Semantic Segmentation"', mode="text"
        )
        spelled = library.sheet(f"p{hyper.hits[0].paper.id}")
        versions = library.sheet(f"p{convolutional.hits[0].paper.id}")

    assert hyper.total == convolutional.total == 1
    assert len({r.record.title for r in spelled.records}) == 2
    assert [page.name[:3] for page, _ in spelled.places] == ["001", "002"]
    assert len({r.record.abstract for r in versions.records}) == 2
    assert [position for _, position in versions.places] == [70, 78]


# ---------------------------------------------------------------------------- the starter


def test_the_starter_collection_is_627_papers_without_abstracts(tmp_path, embedder):
    """Every starter paper is filed, is found by its title, and holds a summary of our own."""
    with open_library(tmp_path, embedder=embedder) as library:
        assert imported(library, starter.PAPERS) == {"new": 627}
        assert imported(library, starter.PAPERS) == {"unchanged": 627}
        papers = library.papers(range(1, 628))

    assert all(p.summary and not p.abstract for p in papers)
    assert len({p.title for p in papers}) == 627


@needs_shared
@pytest.mark.parametrize("starter_is_first", [True, False])
def test_starter_and_pages_are_the_same_papers(starter_is_first, tmp_path, embedder):
    """Whichever comes first, starter and pages are 627 papers with abstract and summary each."""
    paths = [starter.PAPERS, *_pages()]
    with open_library(tmp_path, embedder=embedder) as library:
        imported(library, *(paths if starter_is_first else reversed(paths)))
        papers = library.papers(range(1, 2000))
        assert library.check().problems == []

    assert len(papers) == 627
    assert all(set(p.sources) == {"daily-papers", "starter"} for p in papers)
    assert all(p.abstract and p.summary for p in papers)


@needs_shared
def test_the_starter_says_nothing_in_the_words_of_the_abstracts():
    """No summary of the starter shares seven words in a row with any abstract of the pages."""
    runs = set()
    for page in _pages():
        with files.read(page) as reading:
            for item in reading:
                runs |= shingles(item.abstract, 7)
    summaries = [r.summary for r in files.read(starter.PAPERS)]

    assert len(runs) > 50_000
    assert all(len(shingles(s, 7)) > 3 for s in summaries)
    assert [s for s in summaries if shingles(s, 7) & runs] == []


# ---------------------------------------------------------------------------- copies


def test_copies_are_merged_whatever_the_order_and_the_batches(tmp_path, embedder, monkeypatch):
    """Copies known by their text, and pairs that a third record joins, end as the same papers."""
    made = bridged(400)
    wanted = {line.work for line in made if line.work is not None}
    told = []
    for number, batch in enumerate((1000, 37, 1)):
        monkeypatch.setattr("broadsheet.library.BATCH", batch)
        random.Random(number).shuffle(made)
        file = written(tmp_path / f"{number}.jsonl", made)
        with open_library(tmp_path / str(number), embedder=embedder) as library:
            counts = imported(library, file)
            assert counts.total() == len(made)
            assert library.count() == len(wanted) - 10
            assert_sound(library, told=30)
            told.append(standing(library))

    assert all(t[:3] == told[0][:3] for t in told)


def test_a_changed_record_updates_its_paper(tmp_path, embedder):
    """A record that comes again with other words replaces itself in record and index."""
    old, new = record(1), record(1) | {"abstract": "Entirely about quixotic marmalade."}
    with open_library(tmp_path / "home", embedder=embedder) as library:
        imported(library, write_lines(tmp_path / "a.jsonl", [old, record(2)]))
        counts = imported(library, write_lines(tmp_path / "b.jsonl", [new, record(2)]))
        found = library.search("marmalade", mode="text")
        gone = library.search(f'"{" ".join(old["abstract"].split()[:4])}"', mode="text")
        assert library.check().problems == []

    assert counts == {"updated": 1, "unchanged": 1}
    assert [h.paper.abstract for h in found.hits] == [new["abstract"]]
    assert gone.total == 0


@pytest.mark.parametrize("name", ["gz", "xz", "stdin", "folder"])
def test_however_a_file_is_wrapped_it_gives_the_same(name, tmp_path, home, embedder):
    """Compressed, piped or within folders, the same lines are the same papers and rejects."""
    file = written(tmp_path / "papers.jsonl", lines(120))
    data = file.read_bytes()
    target, stdin = file, b""
    if name == "gz":
        target = tmp_path / "has-no-suffix"
        target.write_bytes(gzip.compress(data))
    elif name == "xz":
        target = tmp_path / "papers.jsonl.xz"
        target.write_bytes(lzma.compress(data))
    elif name == "folder":
        target = tmp_path / "above"
        (target / "below").mkdir(parents=True)
        file.rename(target / "below" / "papers.jsonl")
    elif name == "stdin":
        target, stdin = Path("-"), data
    run = broadsheet if name == "stdin" else called
    ended = run("--home", home, "import", target, "--json", stdin=stdin)
    facts = orjson.loads(ended.stdout)

    assert ended.returncode == 0
    assert (facts["read"], facts["rejected"], facts["papers"]) == (120, 2, 106)
    with open_library(home, embedder=embedder) as library:
        assert sorted(r.place for r in library.rejects()[1]) == [50, 100]


# ---------------------------------------------------------------------------- memory

_PEAK = """
import re, resource, sys
from pathlib import Path
from broadsheet.cli import main

def peak():
    # Linux counts what the parent had before into getrusage, but not into this file.
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

sys.argv = ["broadsheet", *sys.argv[1:]]
try:
    main()
finally:
    print(peak(), file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_memory_stays_flat_however_large_the_file(tmp_path, home):
    """An import of a large file stays under a stated peak of memory."""
    file = tmp_path / "large.jsonl"
    written_bytes, number = 0, 0
    filler = orjson.dumps(" ".join(record(1, 200)["abstract"] for _ in range(30))).decode()
    with file.open("wb") as out:
        while written_bytes < MEMORY_FILE:
            facts = record(number) | {"note": f"{number} {filler[:30_000]}"}
            written_bytes += out.write(orjson.dumps(facts) + b"\n")
            number += 1
    code, out, err = ended(start_script(_PEAK, "--home", home, "import", file, "--json"))
    peak = int(err.splitlines()[-1])
    shutil.rmtree(home)

    assert code == 0
    assert orjson.loads(out)["new"] == number
    assert peak < MEMORY_BOUND


# ---------------------------------------------------------------------------- bad input

_PAGE_HEAD = (
    "Get trending papers in your email inbox once a day!\nSubscribe\nDaily Papers\nAug 29\n"
)
_NOISE = random.Random(7).randbytes(150_000)
_SCRIPT = {"title": "<script>alert(1)</script> Bold", "abstract": "<img src=x onerror=y> about"}


def _line(title: str) -> bytes:
    return orjson.dumps({"title": title, "abstract": f"All about {title}."})


# Bytes of a file, how many papers it gives, and the lines that are set aside with a reason's words.
PARTLY_BAD = {
    "truncated JSON": (b"\n".join([_line("One"), _line("Two")[:30]]), 1, {2: "not JSON"}),
    "truncated JSON alone": (_line("One")[:-5], 0, {1: "not JSON"}),
    "a line of 50 MB": (
        b"\n".join([_line("One"), b'{"title": "' + b"x" * 50_000_000 + b'"}', _line("Two")]),
        2,
        {2: "a line of 50000014 bytes"},
    ),
    "Latin-1": (
        b"\n".join([_line("One"), '{"title": "Café Networks"}'.encode("latin-1"), _line("Two")]),
        2,
        {2: "not UTF-8"},
    ),
    "NUL bytes": (
        b"\n".join([_line("One"), b'{"title": "a\0b"}', b"\0\0\0", b'{"title": "ok \\u0000 two"}']),
        2,
        {2: "not JSON", 3: "not JSON"},
    ),
    "a title of 10,000 characters": (
        b"\n".join([_line("t" * 10_000), _line("Two")]),
        1,
        {1: "title of 10000 characters"},
    ),
    "no title, and other things": (
        b'{"abstract": "x"}\n[1, 2]\n"text"\nnull\n\n{"title": 7}\n{"title": "Fine"}',
        1,
        {1: "no title", 2: "a list", 3: "text", 4: "nothing", 6: "title is a number"},
    ),
    "lone surrogates": (b'{"title": "One"}\n{"title": "\\ud800 half"}', 1, {2: "not JSON"}),
    "deeply nested": (b'{"title": "One"}\n' + b'{"a":' * 3000 + b"1" + b"}" * 3000, 1, {2: ""}),
    "HTML and script": (orjson.dumps(_SCRIPT), 1, {}),
    "a page cut within an abstract": (
        f"{_PAGE_HEAD}First title\nIts whole abstract.\nSecond title\nThis breaks o".encode(),
        2,
        {},
    ),
    "a page cut after a title": (
        f"{_PAGE_HEAD}First title\nIts whole abstract.\nSecond title\n".encode(),
        1,
        {7: "without its abstract"},
    ),
    "a page with bytes of no encoding": (
        _PAGE_HEAD.encode() + b"First title\nAll is well.\nSec\xffond title\nAll is not.\n",
        1,
        {7: "not UTF-8"},
    ),
    "a page with NUL bytes": (
        _PAGE_HEAD.encode() + b"First\0 title\nAll is well.\n\0\0\nSecond title\nSo so.\n",
        2,
        {},
    ),
    "a cut gzip file": (
        gzip.compress(b"".join(_line(f"Number {n}") + b"\n" for n in range(3000)))[:-200],
        None,
        {None: "ends in the middle of its compressed data"},
    ),
}


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory):
    """Return a folder with a file of each case."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (data, _, _) in PARTLY_BAD.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", PARTLY_BAD)
def test_what_is_bad_is_set_aside_and_the_rest_is_filed(name, bad_folder, tmp_path, embedder):
    """Each bad record is kept with file, line and reason; all good ones are filed."""
    _, papers, bad = PARTLY_BAD[name]
    with open_library(tmp_path, embedder=embedder) as library:
        counts = imported(library, bad_folder / name)
        total, rejects = library.rejects()
        assert library.check().problems == []
        assert library.count() == counts.total() - len(bad) == counts["new"]

    assert total == counts["rejected"] == len(bad)
    assert counts["new"] == papers if papers is not None else counts["new"] > 1000
    assert {r.source for r in rejects} <= {str(bad_folder / name)}
    for place, reason in bad.items():
        said = [r.reason for r in rejects if place in {r.place, None}]
        assert [reason in words for words in said] == [True]


def test_a_folder_of_bad_files_at_the_command_line(bad_folder, home):
    """The command files what is good, exits 0, and lists what is bad with file and line."""
    facts = printed("--home", home, "import", bad_folder)
    listed = answer("--home", home, "rejects")
    shown = called("--home", home, "rejects").stdout.decode()
    found = answer("--home", home, "search", "script alert bold", "--mode", "text")
    wanted = sum(len(bad) for _, _, bad in PARTLY_BAD.values())

    assert facts["rejected"] == listed["total"] == wanted
    outcomes = ("new", "updated", "merged", "unchanged", "rejected")
    assert facts["read"] == sum(facts[name] for name in outcomes) > 2000
    sources = {str(bad_folder / name) for name, case in PARTLY_BAD.items() if case[2]}
    assert {r["source"] for r in listed["rejects"]} == sources
    assert all(r["reason"] and isinstance(r["place"], int) for r in listed["rejects"])
    assert "NUL bytes:2" in shown
    assert f"{wanted} set aside" in shown
    assert found["hits"][0]["title"] == _SCRIPT["title"]
    assert printed("--home", home, "check")["ok"] is True


UNKNOWN = {
    "nothing": (b"", "an empty file"),
    "blank lines": (b"\n \n\n", "nothing but blank lines"),
    "noise": (_NOISE, "binary data that begins with"),
    "NUL bytes only": (bytes(100_000), "binary data that begins with 00"),
    "text": (b"Dear diary,\nnothing happened.\n" * 40, "“Dear diary,”"),
    "one line of 50 MB": (b"x" * 50_000_000, "text that begins with “xxx"),
    "UTF-16": ('{"title": "One"}\n'.encode("utf-16"), "UTF-16"),
    "a PDF": (b"%PDF-1.7 \x00\x01", "a PDF document"),
    "an HTML page of nothing": (b"<html><body><p>Hello</p></body></html>", "without papers"),
    "JSON of something else": (b"[1, 2, 3]", "a JSON array without objects"),
}


def test_files_of_no_known_format_are_refused_with_what_was_seen(tmp_path, home):
    """The exit code is 2; each error says which file, what it holds, and what can be read."""
    paths = [tmp_path / name for name in UNKNOWN]
    for path in paths:
        path.write_bytes(UNKNOWN[path.name][0])
    ended = broadsheet("--home", home, "import", *paths)
    said = ended.stderr.decode().splitlines()

    assert ended.returncode == 2
    for name, (_, words) in UNKNOWN.items():
        about = next(line for line in said if line.startswith(f"not imported: {name}: "))
        assert words in about
        assert "Broadsheet reads saved Daily Papers pages" in about
    assert ended.stdout.startswith(b"read 0 ")


@pytest.mark.parametrize("name", ["nothing", "noise"])
def test_a_file_of_no_known_format_alone_exits_2(name, tmp_path, home):
    """A single file that cannot be read as anything ends the command with exit code 2."""
    (tmp_path / name).write_bytes(UNKNOWN[name][0])
    ended = called("--home", home, "import", tmp_path / name)

    assert ended.returncode == 2
    assert UNKNOWN[name][1] in ended.stderr.decode()


def test_one_bad_file_does_not_stop_the_others(tmp_path, home):
    """Good files beside one of no known format and a damaged one are filed; the exit tells."""
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.jsonl", [record(1)])
    (tmp_path / "in" / "b.bin").write_bytes(_NOISE)
    write_lines(tmp_path / "in" / "z.jsonl", [record(2)])
    in_folder = called("--home", home, "import", tmp_path / "in")
    named = called("--home", home, "import", *sorted((tmp_path / "in").iterdir()))
    (tmp_path / "in" / "c.gz").write_bytes(gzip.compress(b"x" * 999)[:10])
    damaged = called("--home", home, "import", tmp_path / "in")

    assert (in_folder.returncode, named.returncode, damaged.returncode) == (0, 2, 1)
    assert all(b"b.bin: binary data" in e.stderr for e in (in_folder, named, damaged))
    assert b"c.gz: the file ends in the middle" in damaged.stderr
    assert all(b"papers 2 " in e.stdout for e in (in_folder, named, damaged))


def test_a_path_that_is_not_there_is_an_error_before_anything_is_filed(tmp_path, home):
    """A mistyped path exits 1 and names it; the good file beside it waits."""
    good = write_lines(tmp_path / "a.jsonl", [record(1)])
    ended = called("--home", home, "import", good, tmp_path / "nowhere.jsonl")

    assert ended.returncode == 1
    assert b"nowhere.jsonl: no such file or folder" in ended.stderr
    assert answer("--home", home, "check")["papers"] == 0


HOSTILE = (
    "", " ", "(", ")", '"', "((((((", "-", "OR", "NOT", "a OR", "author:", "year:abc", "year:9..1",
    "like:p1 OR x", "id:", "\x00", "\x1b[31m red", "\u202eabc", "'; DROP TABLE papers; --", "*",
    "a*b?", "[1 TO 2]", "title:*", "cat:../../etc", "{}", "%s%n", "\\", "a" * 9_999, "a " * 4_999,
    "(" * 200 + "a" + ")" * 200, "sort:random", "date:2025-02-30", "p99999999999999999999",
    "🙂 论文",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"),
)  # fmt: skip


def test_hostile_queries_find_or_are_refused_in_words(tmp_path, embedder):
    """Whatever is asked, in every mode, there is a page of results or an error for people."""
    refused = 0
    with open_library(tmp_path / "home", embedder=embedder) as library:
        imported(library, written(tmp_path / "a.jsonl", lines(60)))
        for query in HOSTILE:
            for mode in ("hybrid", "text", "vector"):
                try:
                    page = library.search(query, mode=mode)
                except (QueryError, NotFoundError):
                    refused += 1
                else:
                    assert page.total >= len(page.hits)
        assert library.search("u30z").hits

    assert 20 < refused < 80


@pytest.mark.parametrize("query", ["author:(", "\x1b[31m red '; DROP TABLE papers; --"])
def test_hostile_queries_at_the_command_line(query, tmp_path, home):
    """The command answers or exits 2, prints no control characters, and never a traceback."""
    answer("--home", home, "import", written(tmp_path / "a.jsonl", lines(20)))
    ended = called("--home", home, "search", "--", query)

    assert ended.returncode in {0, 2}
    assert b"\x1b" not in ended.stdout + ended.stderr
    assert answer("--home", home, "check")["papers"] > 10
