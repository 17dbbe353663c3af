"""Near misses: papers that may be one, though nothing merged them. For people to decide. Pure.

First come candidates: every paper leaves a trace of hashes, and pairs that share rare ones are
looked at. Then each pair is compared in full, and what speaks for it is said in words.
"""

from __future__ import annotations

import math
import re
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.papers.identity import (
    GENERIC_TITLE,
    SAME_ABSTRACT,
    ids_conflict,
    is_e_print,
)
from broadsheet.papers.text import fold, pluses, shingles, surnames, title_key
from broadsheet.papers.types import ExternalId, Paper, PaperId

Kind = Literal["title", "abstract", "ids", "years", "names"]
Pair = tuple[PaperId, PaperId]
Fetch = Callable[[Sequence[PaperId]], Iterable[Paper]]
Progress = Callable[[int, int], None]

LIKELY = 0.5
"""From this score on a pair is more likely one paper than two, as far as we looked at pairs."""


class NearMiss(NamedTuple):
    """Two papers that may be one: `reasons` say in words and numbers what speaks for it.

    `kind` is what the two nearly share: the `title` or the `abstract`; under the very same title it
    is what kept them apart: their `ids`, their `years`, or the `names` of their authors. `score` (0
    to 1) ranks by how sure it is. `one` is the paper that has been here longer.
    """

    one: Paper
    other: Paper
    kind: Kind
    score: float
    reasons: tuple[str, ...]


def near_misses(
    papers: Iterable[Paper],
    fetch: Fetch,
    *,
    apart: Collection[Pair] = (),
    least: float = LIKELY,
    most: int = 10_000,
    progress: Progress = lambda _done, _total: None,
) -> list[NearMiss]:
    """Return the pairs among `papers` that may be one, surest first, and no more than `most`.

    `papers` are read once and not kept; `fetch` gives some of them again by their ids. Pairs in
    `apart`, the paper with the smaller id first, are left out, as are those with a score below
    `least`. `progress` hears how many of all candidate pairs have been compared.
    """
    traces = Traces()
    for paper in papers:
        traces.add(paper)
    pairs = [pair for pair in traces.pairs() if pair not in apart]
    found: list[NearMiss] = []
    for start in range(0, len(pairs), _AT_ONCE):
        some = pairs[start : start + _AT_ONCE]
        held = {p.id: p for p in fetch(sorted({i for pair in some for i in pair}))}
        compared = (near_miss(held[a], held[b]) for a, b in some if a in held and b in held)
        found = ranked([*found, *(m for m in compared if m and m.score >= least)])[:most]
        progress(start + len(some), len(pairs))
    return found


def near_misses_of(
    paper: Paper, others: Iterable[Paper], *, least: float = LIKELY
) -> list[NearMiss]:
    """Return which of `others` may be the same as `paper`, surest first.

    `others` are papers worth asking about, such as those most like it.
    """
    compared = (near_miss(paper, other) for other in others if other.id != paper.id)
    return ranked(miss for miss in compared if miss and miss.score >= least)


def ranked(found: Iterable[NearMiss]) -> list[NearMiss]:
    """Return near misses surest first."""
    return sorted(found, key=lambda m: (-m.score, m.one.id, m.other.id))


# ---------------------------------------------------------------------------- candidates

_EDGE = 24
"""Letters at either end of a title, half as many of a short one, that a slip may have spared."""
_SHORT = 4
_PEOPLE = 4
_FEW = 3
_RUN = 4
_RUNS = 16
"""Hashes of runs of four words that stand for an abstract."""
_AT_ONCE = 2000
_TOKEN = re.compile(rb"[a-z0-9\x80-\xff]+")


class Traces:
    """What all papers leave behind for finding pairs: about 300 bytes each, no word of a text."""

    def __init__(self) -> None:
        self._papers = array("q")
        self._titles = (array("I"), array("I"))
        self._words = (array("I"), array("I"))
        self._runs = (array("I"), array("I"))

    def add(self, paper: Paper) -> None:
        """Take in the trace of a paper."""
        row = len(self._papers)
        self._papers.append(paper.id)
        people = sorted(surnames(paper.authors), key=_hash)
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
                _sharing(*self._words, most=30, least=3),
                _sharing(*self._runs, most=25, least=2),
            ])
        )  # fmt: skip
        papers = np.frombuffer(self._papers, np.int64) if self._papers else np.zeros(0, np.int64)
        one, other = papers[found >> np.uint64(32)], papers[found & np.uint64(0xFFFFFFFF)]
        return [
            (PaperId(min(a, b)), PaperId(max(a, b)))
            for a, b in zip(one.tolist(), other.tolist(), strict=True)
            if a != b
        ]


def _hash(text: str) -> int:
    return zlib.crc32(text.encode(errors="replace"))


def _title_keys(title: str, people: Sequence[str]) -> Iterator[str]:
    """Yield what two papers share if their titles are nearly the same."""
    key = title_key(title)
    if not key:
        return
    yield key
    some = people[:_PEOPLE]
    if len(key) >= _EDGE:
        yield f"{key[: _EDGE // 2]}…{key[-_EDGE // 2 :]}"
    groups = ["+".join(pair) for pair in combinations(sorted(some), 2)]
    if len(some) < _FEW:
        groups += some
    parts = [p for p in map(title_key, title.split(":", 1)) if len(p) >= _SHORT]
    edge = _EDGE if len(key) > 2 * _EDGE else _EDGE // 2
    parts += [f"{key[:edge]}…", f"…{key[-edge:]}"]
    for group in groups or [""]:
        for part in parts:
            yield f"{part}|{group}"


def _word_keys(title: str, people: Sequence[str]) -> Iterator[str]:
    """Yield what two papers by the same people share if their titles have words in common."""
    group = "+".join(people)
    for word in set(_title_words(title)) - _SMALL_WORDS:
        yield f"{group}|{word}"


def _runs(text: str) -> list[int]:
    """Return the smallest hashes of the runs of words in `text`, a sketch of it."""
    words = np.fromiter(
        map(zlib.crc32, _TOKEN.findall(fold(text).encode(errors="replace"))), np.uint32
    )
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

_WORD = re.compile(r"[^\W_]+")
_SMALL_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "is", "of", "on", "the",
    "through", "to", "toward", "towards", "using", "via", "with",
})  # fmt: skip
# Titles that differ in such a word are two of a series: parts, years, tasks, versions.
_SERIAL = re.compile(r".*\d.*|[ivx]+|[a-z]|first|second|third|fourth|fifth|sixth|seventh|eighth")
_ENOUGH = 20
"""Three-word runs that the shorter abstract must have for an overlap to mean anything."""


def near_miss(one: Paper, other: Paper) -> NearMiss | None:
    """Return what speaks for two papers being one, or None if nothing does; symmetric.

    The score grows with the likeness of titles, the share of common authors and the overlap of
    abstracts, and falls with the years between them and with ids of one archive that differ. Its
    weights were set by hand on pairs looked at one by one (docs/identity.md).
    """
    if one.id > other.id:
        one, other = other, one
    titles = _compare_titles(one.title, other.title)
    people = _compare_people(one.authors, other.authors, may_be_turned=titles.is_equal)
    if titles.is_serial or (titles.is_generic and not people.shared):
        return None
    shared = _abstract_overlap(one.abstract, other.abstract)
    if not people.shared and not _may_be_unnamed(titles, people, shared):
        return None
    conflict = _conflicting_ids(one, other)
    evidence = (
        4 * titles.likeness - 3.2
        + people.weight
        + (5 * (shared - 0.45) if shared is not None else 0)
        - _years_between(one, other)
        + _weight_of_places(one, other, conflict, titles)
    )  # fmt: skip
    reasons = (
        titles.reason,
        people.reason,
        *([f"{shared:.0%} of the shorter abstract is in the other"] if shared is not None else []),
        *_reasons_of_years(one, other),
        *([f"but two ids: {conflict[0]} and {conflict[1]}"] if conflict else []),
    )
    kind = _kind(titles, people, shared, is_conflict=bool(conflict))
    return NearMiss(one, other, kind, round(1 / (1 + math.exp(-evidence)), 3), reasons)


class _Titles(NamedTuple):
    """How two titles compare; `is_serial` if they name two of a series."""

    likeness: float
    reason: str
    is_serial: bool
    is_generic: bool

    @property
    def is_equal(self) -> bool:
        return self.likeness == 1


def _compare_titles(one: str, other: str) -> _Titles:
    keys = title_key(one), title_key(other)
    is_generic = min(map(len, keys)) < GENERIC_TITLE
    if not all(keys):
        return _Titles(0.0, "no title to compare", is_serial=False, is_generic=True)
    is_successor = pluses(one) != pluses(other)
    if keys[0] == keys[1]:
        return _Titles(1.0, "the same title", is_successor, is_generic)
    left, right = _title_words(one), _title_words(other)
    mine, others = _differing(left, right)
    is_serial = is_successor or any(map(_SERIAL.fullmatch, (*mine, *others)))
    likeness, reason = _likeness(set(left), set(right), mine, others)
    if keys[0] in _parts(other) or keys[1] in _parts(one):
        likeness = max(likeness, _NEAR_TITLE)
    if (name := _nickname(one)) and title_key(name) == title_key(_nickname(other)):
        likeness = max(likeness, min(max(likeness, 0.45) + 0.25, 0.95))
        reason = f"both are called “{name}”; {reason}"
    return _Titles(likeness, reason, is_serial, is_generic)


def _likeness(
    left: set[str], right: set[str], mine: list[str], others: list[str]
) -> tuple[float, str]:
    """Return how alike titles are that differ in the words `mine` and `others`, and why."""
    if not mine and not others:
        return 0.95, "titles differ only in small words or their order"
    said = [f"“{_clipped(' '.join(words))}”" for words in (mine, others)]
    if mine and others and _ratio("".join(mine), "".join(others)) >= _SPELLING:
        return 0.95, f"titles differ in spelling: {said[0]}, {said[1]}"
    left, right = left - _SMALL_WORDS, right - _SMALL_WORDS
    both, either = len(left & right), max(len(left | right), 1)
    if not mine or not others:
        # Three words in a longer title may be its subject: “Deep Kernel Learning”.
        least = _NEAR_TITLE if both > _FEW else 0.0
        reason = f"titles differ by {said[0] if mine else said[1]}"
        return min(max(both / either, least), 0.95), reason
    return min(both / either, 0.95), f"titles share {both} of {either} words"


_SPELLING = 0.8
_NEAR_TITLE = 0.75
"""From this likeness on two titles are nearly the same."""


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_SHOWN = 60


def _title_words(title: str) -> list[str]:
    return _WORD.findall(fold(title))


def _differing(one: Sequence[str], other: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words, small ones left out, that only one of two titles has in its place."""
    mine: list[str] = []
    others: list[str] = []
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            mine += one[a:b]
            others += other[c:d]
    kept = [[w for w in words if w not in _SMALL_WORDS] for words in (mine, others)]
    return ([], []) if sorted(kept[0]) == sorted(kept[1]) else (kept[0], kept[1])


def _parts(title: str) -> list[str]:
    """Return the folded title and subtitle, none if there is only one of them."""
    parts = [key for part in _BREAK.split(title) if (key := title_key(part))]
    return parts if len(parts) > 1 else []


_BREAK = re.compile(r":|\s[-\u2013\u2014]+\s|\u2014")


def _nickname(title: str) -> str:
    """Return what stands before the colon of a title, "" if there is none."""
    name, colon, _ = title.partition(":")
    return name.strip() if colon else ""


class _People(NamedTuple):
    """How two lists of authors compare; `are_known` if both sides name anybody."""

    shared: int
    weight: float
    reason: str
    are_known: bool
    are_turned: bool = False


def _compare_people(
    one: tuple[str, ...], other: tuple[str, ...], *, may_be_turned: bool
) -> _People:
    mine, theirs = surnames(one), surnames(other)
    if not mine or not theirs:
        who = "one of them" if mine or theirs else "neither"
        verb = "names no" if mine or theirs else "names any"
        return _People(0, 0.0, f"{who} {verb} authors", are_known=False)
    shared, most = len(mine & theirs), max(len(mine), len(theirs))
    turned = len(_whole_names(one) & _whole_names(other)) if may_be_turned and not shared else 0
    if turned:
        reason = f"{_counted(turned, 'author')} in common, first and last names turned round"
        weight = _weight_of_share(turned / most)
        return _People(turned, weight, reason, are_known=True, are_turned=True)
    return _People(
        shared, _weight_of_share(shared / most), _people_in_words(shared, mine, theirs),
        are_known=True,
    )  # fmt: skip


def _weight_of_share(share: float) -> float:
    return 2.5 * (share - 0.7)


def _people_in_words(shared: int, mine: Collection[str], theirs: Collection[str]) -> str:
    if shared == len(mine) == len(theirs):
        return "the same author" if shared == 1 else f"all {shared} authors the same"
    return f"{_counted(shared, 'author')} in common, of {len(mine)} and {len(theirs)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _whole_names(authors: Iterable[str]) -> set[frozenset[str]]:
    """Return the words of every author's name, whatever their order."""
    return {words for a in authors if len(words := frozenset(_title_words(a))) > 1}


def _may_be_unnamed(titles: _Titles, people: _People, shared: float | None) -> bool:
    """Return whether two papers without a common author may be one all the same."""
    is_text = shared is not None and shared >= SAME_ABSTRACT
    if people.are_known:
        return titles.is_equal and is_text
    return is_text or (titles.is_equal and shared is None)


def _abstract_overlap(one: str, other: str) -> float | None:
    """Return how much of the shorter abstract the other has; None if that would say nothing."""
    if not one or not other:
        return None
    mine, theirs = shingles(one), shingles(other)
    least = min(len(mine), len(theirs))
    return len(mine & theirs) / least if least >= _ENOUGH else None


def _years_between(one: Paper, other: Paper) -> float:
    """Return what the years between two papers weigh against their being one."""
    years = _year(one), _year(other)
    if years[0] is None or years[1] is None:
        return 0.0
    between = abs(years[0] - years[1])
    return 0.0 if between <= 1 else 1.0 if between == 2 else 2.0  # noqa: PLR2004


def _year(paper: Paper) -> int | None:
    return paper.year or (int(paper.day[:4]) if paper.day else None)


def _reasons_of_years(one: Paper, other: Paper) -> list[str]:
    mine, theirs = _year(one), _year(other)
    if mine is None or theirs is None:
        return []
    return [f"both of {mine}" if mine == theirs else f"of {mine} and {theirs}"]


def _conflicting_ids(one: Paper, other: Paper) -> tuple[ExternalId, ExternalId] | None:
    """Return two ids of an archive that gives a paper only one, if the papers have such."""
    for name in ("arxiv", "acl"):
        if ids_conflict(one.external_ids, other.external_ids, name):
            first, second = (
                next(i for i in p.external_ids if i.namespace == name) for p in (one, other)
            )
            return first, second
    return None


def _weight_of_places(
    one: Paper, other: Paper, conflict: tuple[ExternalId, ExternalId] | None, titles: _Titles
) -> float:
    """Return what it weighs where two papers come from: an e-print and its publication fit."""
    is_one_year = _year(one) == _year(other)
    if titles.is_equal and conflict:
        return (-1.0 if is_one_year else -1.5) - 1.0 * titles.is_generic
    weight = -1.0 if conflict else -0.4 if set(one.sources) & set(other.sources) else 0.5
    if titles.is_equal or not _are_published(one, other):
        return weight
    # No place publishes a paper twice: it is two papers, and one has got the other's abstract.
    if conflict and _volume(conflict[0]) == _volume(conflict[1]):
        return weight - 3.0
    if titles.likeness < _NEAR_TITLE:
        return weight - (3.0 if one.venue == other.venue and is_one_year else 1.2)
    # Under another title in the next year it is the next paper, as often as not.
    return weight if is_one_year else weight - 0.8


def _are_published(one: Paper, other: Paper) -> bool:
    """Return whether both papers have a venue that is more than an e-print server."""
    return not (is_e_print(one.venue) or is_e_print(other.venue))


def _volume(ident: ExternalId) -> str:
    """Return what the ids of one volume of the ACL Anthology have in common."""
    volume, point, _ = ident.value.rpartition(".")
    if ident.namespace == "arxiv":
        return ident.value
    return volume if point else ident.value[: -2 if ident.value[0] == "W" else -3]


def _kind(titles: _Titles, people: _People, shared: float | None, *, is_conflict: bool) -> Kind:
    if titles.is_equal:
        is_unnamed = not people.shared or people.are_turned
        return "names" if is_unnamed else "ids" if is_conflict else "years"
    is_text = shared is not None and shared >= SAME_ABSTRACT and titles.likeness < _NEAR_TITLE
    return "abstract" if is_text else "title"
