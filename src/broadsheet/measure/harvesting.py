"""`bench --sources` and `bench --arxiv`: how fast records are read, and all of arXiv from disk.

Everything is generated from one seed: papers as arXiv has them in form and size, in no language.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple
from xml.sax.saxutils import escape

import orjson

from broadsheet.editions import calendar
from broadsheet.measure.quality import Show
from broadsheet.measure.speed import Row
from broadsheet.papers.categories import CATEGORIES
from broadsheet.sources import files, oai

PARSE_RATE: Final = 5000
"""Records a second on one core."""
_SEED: Final = 20261121
_WORDS: Final = 60_000
_PAGE: Final = 1000
_FIRST: Final = datetime(1993, 1, 4, 15, tzinfo=UTC)
_SAMPLES: Final = 10
_MB: Final = 1 << 20


class _EPrint(NamedTuple):
    """A generated paper, as much of it as both forms say."""

    id: str
    title: str
    abstract: str
    authors: list[tuple[str, str]]
    categories: list[str]
    versions: list[datetime]
    doi: str


def e_prints(count: int) -> Iterator[_EPrint]:
    """Yield invented papers in order of id, over the years of arXiv; the same ones every time."""
    rng = random.Random(_SEED)  # noqa: S311 (a benchmark, no secret)
    words = _vocabulary(rng)
    weights = list(accumulate(1 / (n + 8) for n in range(_WORDS)))
    step = timedelta(days=33 * 365) / count
    at, month, number = _FIRST, (0, 0), 0
    categories = sorted(CATEGORIES)
    for _ in range(count):
        at += step
        number = 1 if (at.year, at.month) != month else number + 1
        month = at.year, at.month
        text = rng.choices(words, cum_weights=weights, k=rng.randint(90, 190))
        people = [(rng.choice(words).title(), rng.choice("ABCDEFGH") + ".")
                  for _ in range(rng.randint(1, 7))]  # fmt: skip
        versions = [at + n * timedelta(days=40) for n in range(rng.choice((1, 1, 1, 2, 3)))]
        yield _EPrint(
            f"{at:%y%m}.{number:05}",
            " ".join(text[:9]).capitalize(),
            "  " + _sentences(text[9:]) + "\n",
            people,
            rng.sample(categories, rng.choice((1, 1, 2, 3))),
            versions,
            f"10.5555/{at:%y%m}.{number}" if rng.random() < 0.3 else "",  # noqa: PLR2004
        )


def _vocabulary(rng: random.Random) -> list[str]:
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
    return ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(_WORDS)]


def _sentences(words: Sequence[str]) -> str:
    parts = [words[n : n + 14] for n in range(0, len(words), 14)]
    return " ".join(" ".join(p).capitalize() + "." for p in parts).replace(". ", ".\n", 1)


def _kaggle(paper: _EPrint) -> bytes:
    """Return a line of Kaggle's snapshot of arXiv."""
    return orjson.dumps(
        {
            "id": paper.id,
            "submitter": " ".join(reversed(paper.authors[0])),
            "authors": _names(paper),
            "title": paper.title,
            "comments": None,
            "journal-ref": None,
            "doi": paper.doi or None,
            "report-no": None,
            "categories": " ".join(paper.categories),
            "license": "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
            "abstract": paper.abstract,
            "versions": [
                {"version": f"v{n}", "created": format_datetime(at, usegmt=True)}
                for n, at in enumerate(paper.versions, 1)
            ],
            "update_date": paper.versions[-1].date().isoformat(),
            "authors_parsed": [[last, first, ""] for last, first in paper.authors],
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _names(paper: _EPrint) -> str:
    return ", ".join(f"{first} {last}" for last, first in paper.authors)


def _oai(papers: Sequence[_EPrint]) -> bytes:
    """Return a page of a ListRecords answer in arXivRaw."""
    records = "".join(map(_oai_record, papers))
    return (
        "<?xml version='1.0' encoding='UTF-8'?>"
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        "<responseDate>2026-11-19T03:40:00Z</responseDate><request>x</request>"
        f"<ListRecords>{records}</ListRecords></OAI-PMH>"
    ).encode()


def _oai_record(paper: _EPrint) -> str:
    versions = "".join(
        f'<version version="v{n}"><date>{format_datetime(at, usegmt=True)}</date>'
        "<size>100kb</size></version>"
        for n, at in enumerate(paper.versions, 1)
    )
    sets = "".join(f"<setSpec>{c.partition('.')[0]}</setSpec>" for c in paper.categories)
    doi = f"<doi>{paper.doi}</doi>" if paper.doi else ""
    return (
        f"<record><header><identifier>oai:arXiv.org:{paper.id}</identifier>"
        f"<datestamp>{paper.versions[-1].date()}</datestamp>{sets}</header><metadata>"
        f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>{paper.id}</id>'
        f"<submitter>{escape(paper.authors[0][0])}</submitter>{versions}"
        f"<title>{escape(paper.title)}</title><authors>{escape(_names(paper))}</authors>"
        f"<categories>{' '.join(paper.categories)}</categories>{doi}"
        "<license>http://creativecommons.org/licenses/by/4.0/</license>"
        f"<abstract>{escape(paper.abstract)}</abstract></arXivRaw></metadata></record>"
    )


# ---------------------------------------------------------------------------- reading


def parse_rates(count: int, progress: Show) -> dict[str, Any]:
    """Return the table of how many records a second are read from each form, on one core."""
    papers = list(e_prints(count))
    rows = [_kaggle_row(papers, progress), _oai_row(papers, progress)]
    return {"papers": count, "text": "generated", "rows": [row._asdict() for row in rows]}


def _kaggle_row(papers: Sequence[_EPrint], progress: Show) -> Row:
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as scratch:
        file = Path(scratch) / "snapshot.json"
        file.write_bytes(b"".join(map(_kaggle, papers)))
        began, done = time.perf_counter(), 0
        with files.read(file) as reading:
            for _ in reading:
                done += 1
        return _rate_row("read Kaggle's snapshot", done, time.perf_counter() - began, progress)


def _oai_row(papers: Sequence[_EPrint], progress: Show) -> Row:
    pages = [_oai(papers[n : n + _PAGE]) for n in range(0, len(papers), _PAGE)]
    days = oai.Days(
        lambda at: calendar.listing_day(calendar.announcement(at)),
        lambda day: calendar.silence(day) is None,
    )
    began = time.perf_counter()
    done = sum(len(oai.parse_records(page, days, is_fresh=True).items) for page in pages)
    return _rate_row("read OAI-PMH (arXivRaw)", done, time.perf_counter() - began, progress)


def _rate_row(what: str, done: int, seconds: float, progress: Show) -> Row:
    rate = done / seconds
    progress(what, done, done, done)
    return Row(what, f"{rate:,.0f} records/s", f"{PARSE_RATE:,} records/s", rate >= PARSE_RATE)


# ---------------------------------------------------------------------------- all of arXiv


def backfill(count: int, progress: Show, keep: Path | None = None) -> dict[str, Any]:
    """Import a generated snapshot of `count` papers in a process of its own; return the table.

    The memory of that process is looked at after each tenth: what it holds of its own (anonymous),
    and with the files that it has mapped, which the system takes back when it needs them.
    """
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as scratch:
        folder = keep or Path(scratch)
        file, home = folder / "snapshot.json", folder / "home"
        with file.open("wb") as out:
            _write(out, count, progress)
        began = time.monotonic()
        memory = _watched(file, home, count, progress)
        seconds = time.monotonic() - began
        size = sum(f.stat().st_size for f in home.rglob("*") if f.is_file())
        rows = [
            Row("papers from disk", f"{count:,} in {seconds:,.0f} s", "", None),
            Row("import", f"{count / seconds:,.0f} papers/s", "3,000 papers/s",
                count / seconds >= 3000),  # noqa: PLR2004 (the budget of an import)
            Row("memory of its own, by tenths", _in_mb(m[0] for m in memory), "flat", None),
            Row("memory with mapped files", _in_mb(m[1] for m in memory), "", None),
            Row("home on disk", f"{size / 1e9:,.1f} GB", "", None),
        ]  # fmt: skip
    return {"papers": count, "text": "generated", "rows": [row._asdict() for row in rows]}


def _in_mb(sizes: Iterator[int]) -> str:
    return " ".join(f"{size // _MB:,}" for size in sizes) + " MB"


def _write(out: BinaryIO, count: int, progress: Show) -> None:
    for done, paper in enumerate(e_prints(count), 1):
        out.write(_kaggle(paper))
        if done % _PAGE == 0:
            progress("writing the snapshot", done, count, done)


def _watched(file: Path, home: Path, count: int, progress: Show) -> list[tuple[int, int]]:
    """Import a file while looking at the memory of the process; raises if it fails."""
    words = [sys.executable, "-m", "broadsheet.measure.importing", str(home), str(file)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own)
    assert process.stdout is not None  # noqa: S101 (it is piped)
    samples: list[tuple[int, int]] = []
    for line in process.stdout:
        done = int(json.loads(line)["done"])
        progress("importing", done, count, done)
        if done * _SAMPLES >= count * (len(samples) + 1):
            samples.append(_memory(process.pid))
    if process.wait():
        raise RuntimeError("the import failed; what it said stands above")
    return samples


def _memory(pid: int) -> tuple[int, int]:
    """Return the bytes that a process holds: anonymous, and all that is resident."""
    try:
        said = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0, 0
    sizes = {
        line.partition(":")[0]: int(line.split()[1]) * 1024
        for line in said.splitlines()
        if line.startswith(("RssAnon", "VmRSS"))
    }
    return sizes.get("RssAnon", 0), sizes.get("VmRSS", 0)
