"""Near misses: papers that may be one, though nothing merged them. For people to decide. Pure.

First come candidates: every paper leaves a trace of hashes, and pairs that share rare ones are
looked at. Then each pair is compared in full, and what speaks for it is said in words.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.papers.identity import GENERIC_TITLE, ids_conflict
from broadsheet.papers.text import fold, shingles, surnames, title_key
from broadsheet.papers.types import ExternalId, Paper, PaperId

Kind = Literal["abstract", "title", "ids", "names"]
Pair = tuple[PaperId, PaperId]
Fetch = Callable[[Sequence[PaperId]], Iterable[Paper]]
Progress = Callable[[int, int], None]
Hashes = NDArray[np.uint32]


class NearMiss(NamedTuple):
    """Two papers that may be one: `reasons` say in words and numbers what speaks for it.

    `kind` is what is nearly the same: the `abstract` under another title; the `title`, with
    authors in common; or the title is the same and what kept them apart are their `ids` or their
    authors' `names`. `score` (0 to 1) ranks by how sure it is. `one` is the older paper here.
    """

    one: Paper
    other: Paper
    kind: Kind
    score: float
    reasons: tuple[str, ...]


# ---------------------------------------------------------------------------- candidates

_EDGE = 24
"""Letters at either end of a title that stay the same when a word between them changes."""
_PEOPLE = 4
_RUN = 4
_RUNS = 16
_TOKEN = re.compile(rb"[a-z0-9\x80-\xff]+")


class Traces:
    """What all papers leave behind for finding pairs: about 150 bytes each, no word of a text."""

    def __init__(self) -> None:
        self._papers = array("q")
        self._titles = (array("I"), array("I"))
        self._words = (array("I"), array("I"))
        self._runs = (array("I"), array("I"))

    def add(self, paper: Paper) -> None:
        """Take in the trace of a paper."""
        row = len(self._papers)
        self._papers.append(paper.id)
        people = sorted(surnames(paper.authors), key=lambda s: zlib.crc32(s.encode()))
        for (hashes, rows), found in (
            (self._titles, [_hash(k) for k in _title_keys(paper.title, people)]),
            (self._words, [_hash(k) for k in _word_keys(paper.title, people)]),
            (self._runs, _runs(paper.abstract)),
        ):
            hashes.extend(found)
            rows.extend([row] * len(found))

    def pairs(self) -> list[Pair]:
        """Return the pairs of papers that are worth comparing, each once, the older paper first."""
        found = np.unique(
            np.concatenate([
                _sharing(*self._titles, most=30, least=1),
                _sharing(*self._words, most=30, least=2),
                _sharing(*self._runs, most=25, least=2),
            ])
        )  # fmt: skip
        papers = np.frombuffer(self._papers, np.int64) if self._papers else np.zeros(0, np.int64)
        one, other = papers[found >> np.uint64(32)], papers[found & np.uint64(0xFFFFFFFF)]
        return [
            (PaperId(min(a, b)), PaperId(max(a, b)))
            for a, b in zip(one.tolist(), other.tolist(), strict=True)
        ]


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def _title_keys(title: str, people: Sequence[str]) -> Iterator[str]:
    """Yield what two papers share if their titles are nearly the same."""
    key = title_key(title)
    if not key:
        return
    yield key
    some = people[:_PEOPLE]
    groups = ["+".join(pair) for pair in combinations(sorted(some), 2)] + some * (len(some) < 3)
    parts = [p for p in map(title_key, title.split(":", 1)) if len(p) > 3] if ":" in title else [key]
    if len(key) >= _EDGE:
        parts += [f"{key[:_EDGE]}…", f"…{key[-_EDGE:]}"]
    for group in groups or [""]:
        for part in parts:
            yield f"{part}|{group}"


def _word_keys(title: str, people: Sequence[str]) -> Iterator[str]:
    """Yield what two papers by the same people share if their titles have words in common."""
    if len(people) < 2:
        return
    group = "+".join(people)
    for word in set(_title_words(title)) - _SMALL_WORDS:
        yield f"{group}|{word}"


def _runs(text: str) -> list[int]:
    """Return the smallest hashes of the runs of words in `text`, a sketch of it."""
    words = np.fromiter(map(zlib.crc32, _TOKEN.findall(fold(text).encode())), np.uint32)
    if len(words) < 3 * _RUN:
        return []
    mixed = words[: 1 - _RUN].copy()
    for i in range(1, _RUN):
        mixed *= np.uint32(0x9E3779B1)
        mixed += words[i : len(words) - _RUN + 1 + i]
        mixed ^= mixed >> np.uint32(15)
    found: list[int] = np.unique(mixed)[:_RUNS].tolist()
    return found


def _sharing(hashes: array[int], rows: array[int], *, most: int, least: int) -> NDArray[np.uint64]:
    """Return the pairs of rows that share `least` hashes which no more than `most` rows have.

    A pair is one number, the smaller row in its upper half.
    """
    keys, owners = np.frombuffer(hashes, np.uint32), np.frombuffer(rows, np.uint32)
    order = np.lexsort((owners, keys))
    keys, owners = keys[order], owners[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else order
    sizes = np.diff(np.r_[starts, len(keys)])
    rare = np.repeat((sizes > 1) & (sizes <= most), sizes)
    keys, owners = keys[rare], owners[rare]
    found = []
    for step in range(1, most):
        same = keys[step:] == keys[:-step]
        one, other = owners[:-step][same], owners[step:][same]
        pairs = (one.astype(np.uint64) << np.uint64(32)) | other
        found.append(pairs[one != other])
    shared, counts = np.unique(np.concatenate(found), return_counts=True)
    return shared[counts >= least]


# ---------------------------------------------------------------------------- comparing

_WORD = re.compile(r"[^\W_]+\+*")
_SERIAL = re.compile(r".*[\d+].*|[ivx]+|[a-z]|first|second|third|fourth|fifth|sixth|seventh")
_SMALL_WORDS = frozenset(
    "a an the of for in on to and with via by from at as is are using through towards toward"
    " based learning neural model models network networks".split()
)


def _title_words(title: str) -> list[str]:
    return _WORD.findall(fold(title))
