"""Searches a home and embeds its papers on one core: the process that is measured.

python -m broadsheet.measure.one_core HOME WHAT,… [MODEL]: questions on standard input, a line each;
what they took as JSON on standard output. MODEL is that of the deep tier. All figures are ms of the
CPU time of this process, which is what it takes on a core that it has for itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from broadsheet.factory import make_deep, open_library
from broadsheet.library import Library
from broadsheet.search import query as language
from broadsheet.search.embedding import StaticEmbedder
from broadsheet.search.query import Query
from broadsheet.search.understanding import understand

_LOADS = 5
_WARMING = 50
_EMBEDDED = 5_000
_PAGE = 20

_Given = TypeVar("_Given")


def main() -> None:
    """Measure what is asked for in this home, and print it."""
    home, names, model = Path(sys.argv[1]), sys.argv[2].split(","), "".join(sys.argv[3:])
    _stay_on_one_core()
    queries = [language.parse(text) for text in sys.stdin.read().splitlines()]
    with open_library(home, deep=make_deep({"deep": model})) as library:
        found = {name: _MEASURES[name](library, queries) for name in names}
    sys.stdout.write(json.dumps(found) + "\n")


def _stay_on_one_core() -> None:
    """Keep all threads of this process on the last core that it may use, where systems can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _best(library: Library, queries: Sequence[Query]) -> list[float]:
    return _each(lambda q: library.engine.rank(q, depth=_PAGE), queries)


def _page(library: Library, queries: Sequence[Query]) -> list[float]:
    return _each(lambda q: library.engine.search(q, limit=_PAGE), queries)


def _understood(library: Library, queries: Sequence[Query]) -> list[float]:
    vocabulary = library.index.vocabulary
    return _each(lambda q: understand(q, vocabulary), queries)


def _loaded(_library: Library, _queries: Sequence[Query]) -> list[float]:
    return [_took(StaticEmbedder.load) for _ in range(_LOADS)]


def _embedded(library: Library, _queries: Sequence[Query]) -> list[float]:
    """Return what each of some papers took."""
    texts = [paper.text for paper in library.papers(range(1, _EMBEDDED + 1))]
    embedder = StaticEmbedder.load()
    embedder.embed(texts[:_WARMING])
    return [_took(lambda: embedder.embed(texts)) / max(len(texts), 1)]


_MEASURES = {
    "best": _best,
    "page": _page,
    "understood": _understood,
    "loaded": _loaded,
    "embedded": _embedded,
}


def _each(call: Callable[[_Given], object], given: Sequence[_Given]) -> list[float]:
    """Return the ms of each call but the first ones, which warm files and caches."""
    took = [_took(partial(call, one)) for one in given]
    return took[_WARMING:] or took


def _took(call: Callable[[], object]) -> float:
    """Return the ms of CPU time that a call takes, in all threads."""
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


if __name__ == "__main__":
    main()
