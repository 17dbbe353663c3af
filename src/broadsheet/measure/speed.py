"""`bench`: import, search, memory and start against their budgets, in a temporary home.

Search is set beside the bare engine and the bare scan in the same run, so that a slow or busy
machine shows in both.
"""

from __future__ import annotations

import lzma
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from http.client import HTTPConnection
from itertools import accumulate, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import urlencode

import numpy as np
import orjson

from broadsheet import starter
from broadsheet.editions import calendar
from broadsheet.factory import INDEX, choose_deep, make_deep, open_library
from broadsheet.library import Library
from broadsheet.measure.quality import Show
from broadsheet.papers.types import Paper, Record
from broadsheet.search import query as language
from broadsheet.search.embedded import Embedded
from broadsheet.search.embedding import StaticEmbedder
from broadsheet.search.engine import MODES
from broadsheet.search.text_index import STOP_WORDS, TextIndex
from broadsheet.search.understanding import typed
from broadsheet.search.vectors import VectorMatrix, text_marks

QUERIES = 500
_PAGE = 20
_SEED = 20260317
_STARTS = 5

_IMPORT_RATE = 3000
_RATIO = 4
_EDITIONS = 100
_EDITION_MS = 20
_VISIBLE_MS = 2000
_PAGE_MS = 60
_PAGE_KB = 100
_CLIENTS = 8
_REQUESTS = 40
_ASKED = 200
"""So many questions are asked on one core, and the first of them not counted."""
_ONE_CORE_MS = 10
_ONE_CORE_DEEP_MS = 25
_UNDERSTOOD_MS = 1
_EMBEDDED_RATE = 20_000
_LOAD_S = 0.2
_STEP = 10_000
_QUARTER_MILLION = 260_000
_LARGE = 200_000
"""The budgets of search are set for a quarter of a million papers; far below, the fixed work of
a page (reading, marking, reasons) outweighs what the engines do, and the ratio says nothing."""


class Row(NamedTuple):
    """One line of the table; `ok` is None where there is no budget at this size."""

    what: str
    measured: str
    budget: str
    ok: bool | None


def bench(
    papers: int, *, corpus: Path | None, progress: Show, deep: str | None = None
) -> dict[str, Any]:
    """Return the table of budgets for a collection of `papers` papers, real ones if there are any.

    `corpus` is a folder of JSON Lines; without it, `../shared/data/corpus` is used where it is.
    `deep` is the model of a deep tier that search is measured with, too, by vectors that are made
    up: they are looked through as fast as others, which it would take hours to make. Raises
    EmbeddingError if that model cannot be used.
    """
    folder = corpus or Path("../shared/data/corpus")
    files = sorted(folder.glob("*.jsonl*")) if folder.is_dir() else []
    with TemporaryDirectory(prefix="broadsheet-bench-") as scratch:
        source, home = Path(scratch) / "papers.jsonl", Path(scratch) / "home"
        real = _write_papers(source, files, papers)
        rows = [_import_row(source, home, progress)]
        with open_library(home) as library:
            held = library.count()
            queries = _queries(library, held)
            rows += _search_rows(library, home, queries, progress)
            rows.append(_visible_row(library))
            rows += _edition_rows(library)
            sentences = _sentences(library, held)
        rows += _process_rows(home, held, queries)
        rows += _one_core_rows(home, held, queries, sentences)
        if deep:
            rows.append(_deep_row(home, held, queries, deep))
    text = "real papers" if real == papers else f"{real:,} real papers, the rest generated"
    facts = {"papers": held, "read": papers, "text": text if real else "generated papers"}
    return facts | {"rows": [row._asdict() for row in rows]}


# ---------------------------------------------------------------------------- papers


def _write_papers(path: Path, files: Sequence[Path], papers: int) -> int:
    """Write so many papers as JSON Lines; return how many of them are real."""
    with path.open("wb") as out:
        real = 0
        for line in islice(_mixed(files), papers):
            out.write(line)
            real += 1
        for made in islice(_generated(), papers - real):
            out.write(orjson.dumps(made) + b"\n")
    return real


def _mixed(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield the lines of all files by turns, so that a small number is a fair sample."""
    with ExitStack() as opened:
        turns = [opened.enter_context(_open(file)) for file in files]
        while turns:
            for lines in list(turns):
                if line := lines.readline():
                    yield line
                else:
                    turns.remove(lines)


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb"))


def _generated() -> Iterator[dict[str, Any]]:
    """Yield invented papers whose words follow Zipf's law, the same on every machine."""
    rng = random.Random(_SEED)  # noqa: S311 (text for timing, not secrets)
    words = vocabulary(rng)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    number = 0
    while True:
        number += 1
        body = rng.choices(words, cum_weights=weights, k=170)
        yield {
            "arxiv_id": f"{2000 + number // 100_000:04d}.{number % 100_000:05d}",
            "source": "arxiv",
            "title": " ".join(body[:10]).capitalize(),
            "abstract": ". ".join(" ".join(body[i : i + 20]) for i in range(10, 170, 20)) + ".",
            "authors": [f"{rng.choice(words)} {rng.choice(words)}".title() for _ in range(4)],
            "date": f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}",
            "categories": [f"cs.{rng.choice(['LG', 'CL', 'CV', 'IR', 'RO'])}"],
        }


def vocabulary(rng: random.Random, size: int = 40_000) -> list[str]:
    """Return words, the most frequent first: the starter collection's, then invented ones."""
    found = Counter(re.findall(r"[a-z]+", starter.PAPERS.read_text(encoding="utf-8").lower()))
    words = [word for word, _ in found.most_common()]
    syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "en", "ar")]
    rest = range(max(size - len(words), 0))
    return words + ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in rest]


def _queries(library: Library, papers: int) -> list[str]:
    """Return runs of two to four content words from titles of the collection."""
    rng = random.Random(_SEED)  # noqa: S311
    ids = sorted(rng.sample(range(1, papers + 1), min(papers, 3 * QUERIES)))
    runs = (_run(paper, rng) for paper in library.papers(ids))
    return list(islice(filter(None, runs), QUERIES))


def _run(paper: Paper, rng: random.Random) -> str:
    words = [w for w in paper.title.split() if w.isalpha() and w.lower() not in STOP_WORDS]
    size = min(rng.randint(2, 4), len(words))
    start = rng.randint(0, len(words) - size)
    return " ".join(words[start : start + size]).lower() if size > 1 else ""


def _sentences(library: Library, papers: int) -> list[str]:
    """Return first sentences of abstracts: questions as long as people write them out."""
    ids = sorted(random.Random(_SEED + 1).sample(range(1, papers + 1), min(papers, QUERIES)))  # noqa: S311
    firsts = (paper.abstract.partition(". ")[0] for paper in library.papers(ids))
    return [re.sub(r"[^\w\s]", " ", first)[:300] for first in firsts if first]


# ---------------------------------------------------------------------------- rows


def _import_row(source: Path, home: Path, progress: Show) -> Row:
    began, read = time.perf_counter(), 0
    with open_library(home) as library:
        for found in library.import_file(source):
            read = found.read
            progress("import", found.done, found.size, read)
    rate = read / (time.perf_counter() - began)
    what = "import: parse, merge, store, embed, index"
    return Row(what, f"{rate:,.0f}/s", f"{_IMPORT_RATE:,}/s", rate >= _IMPORT_RATE)


def _search_rows(library: Library, home: Path, queries: Sequence[str], progress: Show) -> list[Row]:
    bare, scan = _bare_engine(home), _bare_scan(home)
    timings: dict[str, list[float]] = {}
    calls: dict[str, Callable[[str], object]] = {
        "bare text engine, top 20": bare,
        "bare vector scan, top 20": scan,
        **{f"search, {mode}": _searcher(library, mode) for mode in MODES},
    }
    for done, (name, call) in enumerate(calls.items(), start=1):
        timings[name] = _timings(call, queries)
        progress("search", done, len(calls), done * len(queries))
    floor = _median(timings["bare text engine, top 20"]) + _median(
        timings["bare vector scan, top 20"]
    )
    p50, p99, _ = _budget(library.count())
    rows = [_latency(name, times, None, None) for name, times in timings.items()]
    rows[2] = _latency("search, hybrid", timings["search, hybrid"], p50, p99)
    ratio = _median(timings["search, hybrid"]) / floor
    is_ok = ratio <= _RATIO if library.count() >= _LARGE else None
    what = "hybrid over bare engine + bare scan"
    return [*rows, Row(what, f"{ratio:.1f} x", f"{_RATIO} x" if is_ok is not None else "", is_ok)]


class _Budget(NamedTuple):
    """What a collection of one size may take: ms of a hybrid search, MB of a process."""

    p50: float
    p99: float
    memory: float


def _budget(papers: int) -> _Budget:
    return _Budget(10, 30, 512) if papers <= _QUARTER_MILLION else _Budget(25, 75, 1229)


def _latency(name: str, times: Sequence[float], p50: float | None, p99: float | None) -> Row:
    middle, tail = _median(times), float(np.percentile(times, 99))
    budget = f"{p50:g} / {p99:g} ms" if p50 and p99 else ""
    is_ok = middle <= p50 and tail <= p99 if p50 and p99 else None
    return Row(f"{name}, p50 / p99", f"{middle:.1f} / {tail:.1f} ms", budget, is_ok)


def _bare_engine(home: Path) -> Callable[[str], object]:
    """Return the text engine's own search: words to ids of the best twenty."""
    index = TextIndex(_parts(home) / "text")

    def search(text: str) -> object:
        compiled = index.compile_words(typed(text.split()))
        return index.top(compiled, _PAGE) if compiled is not None else None

    return search


def _bare_scan(home: Path) -> Callable[[str], object]:
    """Return the matrix's own search, the query's vectors made beforehand."""
    embedder = StaticEmbedder.load()
    matrix = VectorMatrix(_parts(home) / "vectors", embedder.dim)
    vectors: dict[str, Any] = {}

    def search(text: str) -> object:
        vector = vectors.get(text)
        if vector is None:
            vector = vectors[text] = embedder.embed([text])[0]
        return matrix.scan(vector, _PAGE)

    return search


def _parts(home: Path) -> Path:
    return max((home / INDEX).glob("g*"), key=lambda p: int(p.name[1:]))


def _searcher(library: Library, mode: Any) -> Callable[[str], object]:
    return lambda text: library.engine.search(language.parse(text), mode=mode, limit=_PAGE)


def _timings(call: Callable[[str], object], queries: Sequence[str]) -> list[float]:
    """Return the ms of each call; a first round over some queries warms files and caches."""
    for text in queries[:50]:
        call(text)
    times = []
    for text in queries:
        began = time.perf_counter()
        call(text)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _median(times: Sequence[float]) -> float:
    return float(np.median(times))


def _visible_row(library: Library) -> Row:
    """Measure the time from filing one paper in an idle collection to finding it."""
    paper = Record("bench", "visible", "Zyzzogeton visibilis, a paper filed to be found at once")
    began = time.perf_counter()
    for _ in library.file([paper], source="bench", counts=Counter()):
        pass
    found = library.search("zyzzogeton", mode="text", limit=1).total
    took = (time.perf_counter() - began) * 1000
    is_ok = bool(found) and took <= _VISIBLE_MS
    return Row("one paper filed to found, idle", f"{took:.0f} ms", f"{_VISIBLE_MS:,} ms", is_ok)


def _edition_rows(library: Library) -> list[Row]:
    """Measure editions when they are first asked for, and again while nothing changes."""
    calendar_of = library.editions.calendar
    last = library.editions.newest(date.max - timedelta(2)) or date.today()  # noqa: DTZ011
    days = [d.day for d in calendar_of(last - timedelta(2000), last) if d.papers][-_EDITIONS:]
    kinds = {"day": calendar.day_of, "week": calendar.week_of, "month": calendar.month_of}
    rows = []
    for name, period_of in kinds.items():
        periods = list(dict.fromkeys(map(period_of, days)))
        for seen in ("first asked for", "again"):
            times = []
            for period in periods:
                began = time.perf_counter()
                library.editions.edition(period)
                times.append((time.perf_counter() - began) * 1000)
            rows.append(_latency(f"edition of a {name}, {seen}", times, _EDITION_MS, _EDITION_MS))
    return rows


# ---------------------------------------------------------------------------- processes

# A child's `ru_maxrss` begins with what its parent held, so Linux is asked in its own way.
_SERVE = """
import resource, sys
from pathlib import Path
from broadsheet.factory import open_library
with open_library(Path(sys.argv[1])) as library:
    for text in sys.stdin.read().splitlines():
        library.search(text)
status = Path("/proc/self/status")
if status.exists():
    print(int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20))
"""


def _process_rows(home: Path, papers: int, queries: Sequence[str]) -> list[Row]:
    budget = _budget(papers).memory
    memory = float(_run_python("-c", _SERVE, str(home), stdin="\n".join(queries)))
    starts = (
        ("import broadsheet", ("-c", "import broadsheet"), 150),
        ("broadsheet --help", ("-m", "broadsheet", "--help"), 400),
        ("first search of a new process",
         ("-m", "broadsheet", "search", "--home", str(home), queries[0]), 1000),
    )  # fmt: skip
    return [
        Row("memory of a searching process, peak", f"{memory:.0f} MB", f"{budget:g} MB",
            memory <= budget),
        *_page_rows(home, queries),
        *(_start_row(what, arguments, most) for what, arguments, most in starts),
    ]  # fmt: skip


def _one_core_rows(
    home: Path, papers: int, queries: Sequence[str], sentences: Sequence[str]
) -> list[Row]:
    """Measure what a machine with one core has time for, in CPU time."""
    found = _one_core(home, "best,page,understood,loaded,embedded", queries)
    longer = _one_core(home, "best", sentences)
    rate, load = 1000 / found["embedded"][0], _median(found["loaded"]) / 1000
    return [
        _one_core_row("the 20 best by words and static", found["best"], papers, _ONE_CORE_MS),
        _one_core_row("the same, asked in a sentence", longer["best"], papers, None),
        _one_core_row("their page with reasons and facets", found["page"], papers, None),
        _one_core_row("a query understood", found["understood"], papers, _UNDERSTOOD_MS),
        Row("one core: abstracts embedded, static", f"{rate:,.0f}/s", f"{_EMBEDDED_RATE:,}/s",
            rate >= _EMBEDDED_RATE),
        Row("one core: the static model loaded", f"{load:.2f} s", f"{_LOAD_S} s", load <= _LOAD_S),
    ]  # fmt: skip


def _deep_row(home: Path, papers: int, queries: Sequence[str], name: str) -> Row:
    with TemporaryDirectory(prefix="broadsheet-model-") as models:
        model = choose_deep(name, Path(models))
        _make_up_deep(home, model)
        found = _one_core(home, "best", queries, model)
    what = "the 20 best with the deep tier, made up"
    return _one_core_row(what, found["best"], papers, _ONE_CORE_DEEP_MS)


def _make_up_deep(home: Path, model: str) -> None:
    """Give every paper of a home a vector of the deep tier, drawn by chance."""
    embedder = make_deep({"deep": model})
    rng = np.random.default_rng(_SEED)
    with open_library(home, deep=embedder) as library, library.writing():
        dim = len(embedder.query("How long is a vector?")) if embedder else 0
        for start in range(0, library.count(), _STEP):
            papers = library.papers(range(start + 1, start + _STEP + 1))
            drawn = rng.standard_normal((len(papers), dim), np.float32)
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            made = Embedded([p.id for p in papers], text_marks(p.text for p in papers), drawn)
            library.index.append_deep(made, [], library.index.sequence)


def _one_core(
    home: Path, names: str, questions: Sequence[str], *model: str
) -> dict[str, list[float]]:
    module = ("-m", "broadsheet.measure.one_core", str(home), names, *model)
    found: dict[str, list[float]] = orjson.loads(
        _run_python(*module, stdin="\n".join(questions[:_ASKED]))
    )
    return found


def _one_core_row(what: str, times: Sequence[float], papers: int, budget: float | None) -> Row:
    middle, tail = _median(times), float(np.percentile(times, 99))
    # The budgets of one core are set for a quarter of a million papers.
    has_budget = budget is not None and papers <= _QUARTER_MILLION
    is_ok = middle <= budget if budget is not None and has_budget else None
    told = f"p50 {budget:g} ms" if has_budget else ""
    return Row(f"one core: {what}, p50 / p99", f"{middle:.1f} / {tail:.1f} ms", told, is_ok)


def _page_rows(home: Path, queries: Sequence[str]) -> list[Row]:
    """Measure search pages as clients of a real server see them, several asking without pause."""
    command = [sys.executable, "-m", "broadsheet", "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            address = _address(server.stdout or [])
            _ask(address, queries[:5])
            shares = [queries[i : i + _REQUESTS] for i in range(_CLIENTS)]
            with ThreadPoolExecutor(_CLIENTS) as clients:
                asked = list(clients.map(lambda share: _ask(address, share), shares))
        finally:
            server.terminate()
    times = [ms for answers in asked for ms, _ in answers]
    largest = max(size for answers in asked for _, size in answers)
    slow = float(np.percentile(times, 99))
    return [
        Row(f"search page, {_CLIENTS} clients at once, p50 / p99",
            f"{_median(times):.0f} / {slow:.0f} ms", f"p99 {_PAGE_MS} ms", slow <= _PAGE_MS),
        Row("largest search page", f"{largest / 1000:.0f} kB", f"{_PAGE_KB} kB",
            largest <= 1000 * _PAGE_KB),
    ]  # fmt: skip


def _address(lines: Iterable[str]) -> str:
    """Return host and port from what `serve` prints."""
    return next(line.split("//")[1].split("/")[0] for line in lines if "//" in line)


def _ask(address: str, queries: Sequence[str]) -> list[tuple[float, int]]:
    """Return the ms and the bytes of the search page of each query, one after the other."""
    connection = HTTPConnection(address, timeout=60)
    answers = []
    for text in queries:
        began = time.perf_counter()
        connection.request("GET", f"/search?{urlencode({'q': text})}")
        size = len(connection.getresponse().read())
        answers.append(((time.perf_counter() - began) * 1000, size))
    connection.close()
    return answers


def _start_row(what: str, arguments: Sequence[str], budget: float) -> Row:
    """Measure a whole process: the median of a few, after one that warms the disk."""
    _run_python(*arguments)
    times = []
    for _ in range(_STARTS):
        began = time.perf_counter()
        _run_python(*arguments)
        times.append((time.perf_counter() - began) * 1000)
    middle = _median(times)
    return Row(f"{what}, whole process", f"{middle:.0f} ms", f"{budget:g} ms", middle <= budget)


def _run_python(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(  # noqa: S603 (our own interpreter, our own words)
        [sys.executable, *arguments], input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout
