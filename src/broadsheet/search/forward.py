"""The words of each paper in their order, as numbers: what the candidates are scored by.

A word is kept as the hash of its stem, stop words are left out, and a mark stands between title
and abstract. Files are only appended to; the manifest says how much of them counts.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.errors import SearchIndexError
from broadsheet.papers.text import spelled
from broadsheet.search import manifest
from broadsheet.search.embedding import Tokens, tokens
from broadsheet.search.scoring import BOUNDARY, Form, Lengths, Words
from broadsheet.search.text_index import STOP_WORDS, stems
from broadsheet.search.understanding import Weighed
from broadsheet.search.vectors import among, standing

_STOP = 1
"""The key of all stop words, which are not kept."""
_MARK = b"\0"
_MOST_CACHED = 1_000_000


def key(stem: str) -> int:
    """Return the number (32 bits) that a stem is kept as: neither 0 nor 1."""
    return max(zlib.crc32(stem.encode("utf-8", "replace")), _STOP + 1)


class _Keys(dict[bytes, int]):
    """The key of each word, worked out once."""

    def __missing__(self, word: bytes) -> int:
        """Return the key of a word: that of the mark, of stop words, or of its stem."""
        if len(self) >= _MOST_CACHED:
            self.clear()
        found = self[word] = self._key(word)
        return found

    @staticmethod
    def _key(word: bytes) -> int:
        if word == _MARK:
            return BOUNDARY
        found = stems(word.decode("utf-8", "replace"))
        return key(found[0]) if found and found[0] not in STOP_WORDS else _STOP


_KEYS = _Keys()


def keys_of(texts: Iterable[tuple[str, str]]) -> Words:
    """Return the words of papers given as title and abstract, a mark between the two."""
    return keys_in(split(texts))


def split(texts: Iterable[tuple[str, str]]) -> Tokens:
    """Return the words of papers given as title and abstract, of which each is one text."""
    return tokens([spelled(text) for pair in texts for text in pair])


def keys_in(said: Tokens) -> Words:
    """Return the words of papers that were `split`, a mark between title and abstract."""
    keys = np.fromiter(map(_KEYS.__getitem__, said.words), np.uint32)[said.ids]
    # Every second mark ends a paper instead of a title.
    ends = np.flatnonzero(said.ids == 0)[1::2]
    kept = keys != _STOP
    kept[ends] = False
    return Words(keys[kept], np.cumsum(kept)[ends].astype(np.int64))


def forms_of(words: Sequence[Weighed]) -> tuple[tuple[Form, ...], tuple[tuple[int, int], ...]]:
    """Return the forms that score papers for these words, and the pairs that stand side by side.

    What stands for a typed word is another way of it. Stop words, names and years score nothing.
    """
    in_order = [(s, w) for w in words if w.why == "typed" for s in _counted(w.text)]
    weights: dict[str, float] = {}
    for stem, word in in_order:
        weights[stem] = weights.get(stem, 0.0) + word.weight
    shown = {stem: word.text for stem, word in reversed(in_order)}
    forms = {s: Form((s,), w, group, 0, shown[s]) for group, (s, w) in enumerate(weights.items())}
    extra: list[Form] = []
    for word in words:
        if own := _counted(word.of):
            extra.append(_another(word, own, forms, extra))
    places = {stem: number for number, stem in enumerate(weights)}
    ordered = [places[stem] for stem, _ in in_order]
    pairs = dict.fromkeys((a, b) for a, b in pairwise(ordered) if a != b)
    kept = {tuple(sorted(pair)): pair for pair in pairs}
    return tuple(f for f in (*forms.values(), *extra) if f.stems), tuple(kept.values())


def _another(
    word: Weighed, own: Sequence[str], forms: dict[str, Form], extra: Sequence[Form]
) -> Form:
    """Return another way of what was typed, whose stems become one group."""
    group = forms[own[0]].group if own[0] in forms else len(forms) + len(extra)
    for stem in own:
        if stem in forms:
            forms[stem] = forms[stem]._replace(group=group)
    way = 1 + sum(form.group == group for form in extra)
    return Form(tuple(_counted(word.text)), word.weight, group, way, word.text)


def as_one(
    rarity: Mapping[str, tuple[float, float]], words: Sequence[Weighed]
) -> dict[str, tuple[float, float]]:
    """Return the rarities with the spellings of one word as rare as the most frequent of them.

    Else the few papers that are spelled as the query would count for far more than all others.
    """
    found = dict(rarity)
    for word in words:
        if word.why == "spelling":
            own, other = _counted(word.of), _counted(word.text)
            if len(own) == len(other) == 1 and own[0] in found:
                texts, titles = zip(found[own[0]], found[other[0]], strict=True)
                found[own[0]] = found[other[0]] = (min(texts), min(titles))
    return found


def _counted(text: str) -> list[str]:
    """Return the stems of a text that papers are scored by."""
    return [stem for word in text.split() for stem in stems(word[:80]) if stem not in STOP_WORDS]


class _View(NamedTuple):
    """What the files hold: the last row of each paper stands for it."""

    keys: NDArray[np.uint32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    sequence: int
    mean: Lengths


class ForwardIndex:
    """The words of a collection's papers in the folder `path`; readers follow what one writes."""

    def __init__(self, path: Path) -> None:
        """Open the words at `path`; raises SearchIndexError if the files are damaged."""
        self.path = path
        self._lock = threading.Lock()
        self._manifest = path / "manifest.json"
        self._stamp = (-1, -1)
        path.mkdir(parents=True, exist_ok=True)
        self._view = _empty()
        self._follow()

    @property
    def sequence(self) -> int:
        """Up to where in the change log the words of all papers are held."""
        return self._follow().sequence

    @property
    def mean(self) -> Lengths:
        """How many words texts and titles have on average, stop words left out."""
        return self._follow().mean

    @property
    def ids(self) -> NDArray[np.int64]:
        """The papers whose words are held, ascending."""
        return self._follow().ids

    def read(self, papers: Sequence[int]) -> Words:
        """Return the words of `papers`, in this order; none for a paper that is not held."""
        view = self._follow()
        wanted = np.asarray(papers, np.int64)
        if not len(view.ids) or not len(wanted):
            return Words(np.empty(0, np.uint32), np.zeros(len(wanted), np.int64))
        at = np.searchsorted(view.ids, wanted).clip(max=len(view.ids) - 1)
        rows = view.rows[at]
        is_held = view.ids[at] == wanted
        starts = np.where(is_held, view.starts[rows], 0)
        lengths = np.where(is_held, view.ends[rows] - view.starts[rows], 0)
        ends = np.cumsum(lengths)
        places = np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1])
        return Words(view.keys[places], ends)

    def append(
        self, puts: Sequence[int], words: Words, drops: Sequence[int], sequence: int
    ) -> None:
        """Add the words of `puts` and take out `drops`; afterwards `sequence` is held.

        Appending again what is there already changes no answer.
        """
        view = self._follow()
        facts = manifest.read(self._manifest) or {"rows": 0, "words": 0}
        gone = among(view.ids, drops).tolist()
        rows, held = int(facts["rows"]), int(facts["words"])
        ends = np.concatenate([words.ends, np.full(len(gone), len(words.keys))]) + held
        papers = np.array([*puts, *(-g for g in gone)], np.int64)
        for name, content, before in (
            ("words.u32", words.keys.astype("<u4"), held),
            ("ends.i64", ends.astype("<i8"), rows),
            ("papers.i64", papers.astype("<i8"), rows),
        ):
            manifest.extend(self.path / name, content.tobytes(), before * content.itemsize)
        manifest.write(
            self._manifest,
            {
                "rows": rows + len(papers),
                "words": held + len(words.keys),
                "sequence": sequence,
            },
        )

    def look(self) -> None:
        """See that the words were not cut short: reading beyond their end ends the process.

        Raises SearchIndexError if they were.
        """
        try:
            is_short = (self.path / "words.u32").stat().st_size < self._view.keys.nbytes
        except FileNotFoundError:
            return
        if is_short:
            raise self._damaged()

    def _damaged(self) -> SearchIndexError:
        return SearchIndexError(f"the words in {self.path} are damaged: run `broadsheet rebuild`")

    def _follow(self) -> _View:
        """Return the current view, mapped anew if the manifest was replaced."""
        stamp = manifest.stamp(self._manifest)
        if stamp not in {self._stamp, manifest.GONE}:
            with self._lock:
                if stamp != self._stamp:
                    self._view = self._map()
                    self._stamp = stamp
        self.look()
        return self._view

    def _map(self) -> _View:
        facts = manifest.read(self._manifest)
        if facts is None:
            return self._view
        try:
            rows, words = int(facts["rows"]), int(facts["words"])
            sequence = int(facts["sequence"])
            if not rows:
                return _empty(sequence)
            papers = np.fromfile(self.path / "papers.i64", "<i8", rows).reshape(rows)
            ends = np.fromfile(self.path / "ends.i64", "<i8", rows).reshape(rows)
            keys = np.memmap(self.path / "words.u32", "<u4", "r", shape=(max(words, 1),))
        except (OSError, ValueError, KeyError, TypeError) as error:
            if manifest.stamp(self._manifest) == manifest.GONE:
                return self._view
            raise self._damaged() from error
        return _view(papers, ends, keys, sequence)


def _empty(sequence: int = 0) -> _View:
    none = np.empty(0, np.int64)
    return _View(np.empty(0, np.uint32), none, none, none, none, sequence, Lengths(0.0, 0.0))


def _view(
    papers: NDArray[np.int64], ends: NDArray[np.int64], keys: NDArray[np.uint32], sequence: int
) -> _View:
    rows = standing(papers)
    starts = np.append(0, ends[:-1])
    return _View(keys, starts, ends, papers[rows], rows, sequence, _mean(keys, starts, ends, rows))


_SAMPLED = 2000


def _mean(
    keys: NDArray[np.uint32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> Lengths:
    """Return the mean lengths; that of titles by a sample, which is near enough."""
    if not len(rows):
        return Lengths(0.0, 0.0)
    text = float((ends[rows] - starts[rows]).mean()) - 1
    some = rows[:: max(1, len(rows) // _SAMPLED)]
    lengths = [_title_length(keys[starts[r] : ends[r]]) for r in some.tolist()]
    return Lengths(max(text, 0.0), float(np.mean(lengths)))


def _title_length(words: NDArray[np.uint32]) -> int:
    edges = np.flatnonzero(words == BOUNDARY)
    return int(edges[0]) if len(edges) else len(words)
