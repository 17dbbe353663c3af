"""The int8 vector matrix: one row a paper, scanned exactly, on disk as plain arrays.

Rows are only ever appended. `papers` says whose row it is; a later row of the same paper stands
for it, a row under the negative id takes the paper out. The manifest says how many rows count
and up to which sequence of the change log they hold, so what a crash left behind them is cut
off. A reading process maps the files and follows the manifest. `texts` says what text each row
was made of, so that no text is embedded twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simsimd
from numpy.typing import NDArray

from broadsheet.errors import SearchIndexError
from broadsheet.search import manifest

_BLOCK = 64
_LONGEST_ROW = 1.02
"""No row of a vector of length 1 is longer, after rounding."""


class _View(NamedTuple):
    """The matrix as of one manifest; `rows[i]` is the live row of paper `ids[i]` (ascending)."""

    matrix: NDArray[np.int8]
    scales: NDArray[np.float32]
    papers: NDArray[np.int64]
    texts: NDArray[np.uint64]
    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    is_live: NDArray[np.bool_]
    sequence: int
    is_whole: bool


def text_marks(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Return a hash of each text, never 0: texts with the same hash count as the same."""
    digests = (blake2b(t.encode("utf-8", "replace"), digest_size=8).digest() for t in texts)
    marks = np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
    marks[marks == 0] = 1
    return marks


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 rows and the float32 scale of each: `row * scale` is the vector again."""
    scales = np.abs(vectors).max(axis=1, initial=0).astype(np.float32) / np.float32(127)
    safe = np.where(scales > 0, scales, 1)
    return np.rint(vectors / safe[:, None]).astype(np.int8), scales


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the positions of the `k` highest scores, highest first, ties by position.

    At least k scores are as high as the k-th highest of the maxima of blocks, so only what is no
    lower than that is sorted.
    """
    k = min(k, len(scores))
    whole = len(scores) // _BLOCK * _BLOCK
    if k * _BLOCK * 4 < whole:
        peaks = scores[:whole].reshape(_BLOCK, -1).max(axis=0)
        least = np.partition(peaks, len(peaks) - k)[len(peaks) - k]
        candidates = np.flatnonzero(scores >= least)
    else:
        candidates = np.arange(len(scores))
    kept = scores[candidates]
    if k < len(kept):
        # Ties at the border stay in, so that the lowest positions among them win.
        edge = np.partition(kept, len(kept) - k)[len(kept) - k]
        candidates = candidates[kept >= edge]
    order = np.lexsort((candidates, -scores[candidates]))
    return candidates[order[:k]]


_Arrays = tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int64], NDArray[np.uint64]]


class VectorMatrix:
    """The vectors of a collection in the folder `path`; reads follow what another process writes.

    `scan` and `cosines` may run in many threads; one process at a time may `append`.
    """

    def __init__(self, path: Path, dim: int | None = None, model: str = "") -> None:
        """Open the matrix at `path` for vectors of `dim` numbers, or as many as the first has.

        `model` is what makes them, which is kept beside them. Raises SearchIndexError if the files
        are damaged.
        """
        self.path = path
        self._dim = dim
        self._model = model
        self._lock = threading.Lock()
        self._manifest = path / "manifest.json"
        names = ("vectors.i8", "scales.f32", "papers.i64", "texts.u64")
        self._files = tuple(path / name for name in names)
        self._stamp = (-1, -1)
        self._view = self._empty(dim or 0)
        path.mkdir(parents=True, exist_ok=True)
        self._follow()

    @staticmethod
    def _empty(dim: int, sequence: int = 0, *, is_whole: bool = False) -> _View:
        none = np.empty(0, np.int64)
        rows = np.empty((0, dim), np.int8), np.empty(0, np.float32), none, np.empty(0, np.uint64)
        return _View(*rows, none, none, np.empty(0, bool), sequence, is_whole)

    @property
    def dim(self) -> int:
        """The length of each vector; 0 if that is not known yet."""
        return int(self._follow().matrix.shape[1])

    @property
    def sequence(self) -> int:
        """Up to where in the change log the matrix holds everything."""
        return self._follow().sequence

    @property
    def is_whole(self) -> bool:
        """Whether the matrix has held everything once, so that search by it misses little."""
        return self._follow().is_whole

    @property
    def ids(self) -> NDArray[np.int64]:
        """The papers that have a vector, ascending."""
        return self._follow().ids

    def _follow(self) -> _View:
        """Return the current view, mapped anew if the manifest was replaced.

        Where a rebuild has thrown the folder away, what is mapped stays whole.
        """
        stamp = manifest.stamp(self._manifest)
        if stamp not in {self._stamp, manifest.GONE}:
            with self._lock:
                if stamp != self._stamp:
                    self._view = self._map()
                    self._stamp = stamp
        self._look(self._view)
        return self._view

    def _look(self, view: _View) -> None:
        """See that the mapped file was not cut short: reading beyond its end ends the process."""
        try:
            is_short = self._files[0].stat().st_size < view.matrix.nbytes
        except FileNotFoundError:
            return
        if is_short:
            raise self._damaged()

    def _damaged(self) -> SearchIndexError:
        return SearchIndexError(f"the vectors in {self.path} are damaged: run `broadsheet rebuild`")

    def _map(self) -> _View:
        facts = manifest.read(self._manifest)
        if facts is None:
            return self._view
        try:
            rows, sequence = int(facts["rows"]), int(facts["sequence"])
            # The first matrices did not say whether they are whole; they were never partial.
            is_whole = bool(facts.get("whole", True))
            if rows == 0:
                return self._empty(self._dim or 0, sequence, is_whole=is_whole)
            arrays = self._arrays(rows, int(facts["dim"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            if manifest.stamp(self._manifest) == manifest.GONE:
                return self._view
            raise self._damaged() from error
        return _view(*arrays, sequence=sequence, is_whole=is_whole)

    def _arrays(self, rows: int, dim: int) -> _Arrays:
        vectors, scales, papers, texts = self._files
        if self._dim not in {None, dim}:
            raise ValueError(f"its vectors have {dim} numbers, those of the model {self._dim}")
        return (
            np.memmap(vectors, np.int8, "r", shape=(rows, dim)),
            np.fromfile(scales, np.float32, rows).reshape(rows),
            np.fromfile(papers, np.int64, rows).reshape(rows),
            _read_marks(texts, rows),
        )

    def holds(self, papers: Sequence[int], texts: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return for each of `papers` whether its row was made of the text with this hash."""
        view = self._follow()
        wanted = np.asarray(papers, np.int64)
        if not len(view.ids):
            return np.zeros(len(wanted), bool)
        at = np.searchsorted(view.ids, wanted).clip(max=len(view.ids) - 1)
        found: NDArray[np.bool_] = (view.ids[at] == wanted) & (view.texts[view.rows[at]] == texts)
        return found

    def append(
        self,
        puts: Sequence[int],
        vectors: NDArray[np.float32],
        drops: Sequence[int],
        sequence: int,
        *,
        texts: NDArray[np.uint64] | None = None,
        is_whole: bool = False,
    ) -> None:
        """Add the vectors of `puts` and take out `drops`; afterwards `sequence` is held.

        `texts` are the hashes of what was embedded. What was whole once stays so. Appending again
        what is there already changes no answer. Raises SearchIndexError if the vectors are of
        another length than those that are there.
        """
        facts = manifest.read(self._manifest) or {"rows": 0}
        before = self._follow()
        dim = self._fitting_dim(before, vectors)
        gone = among(before.ids, drops).tolist()
        matrix, scales = quantise(vectors if len(vectors) else np.empty((0, dim), np.float32))
        marks = np.zeros(len(puts), np.uint64) if texts is None else texts
        blocks = (
            np.concatenate([matrix, np.zeros((len(gone), dim), np.int8)]),
            np.concatenate([scales, np.zeros(len(gone), np.float32)]),
            np.array([*puts, *(-g for g in gone)], np.int64),
            np.concatenate([marks, np.zeros(len(gone), np.uint64)]),
        )
        self._extend(facts["rows"], blocks, dim)
        rows = facts["rows"] + len(blocks[2])
        kept = {"rows": rows, "dim": dim, "sequence": sequence, "model": self._model}
        manifest.write(self._manifest, kept | {"whole": is_whole or before.is_whole})

    def rewind(self, papers: NDArray[np.int64]) -> None:
        """Keep the rows of `papers` alone, to be compared with their texts from the beginning."""
        gone = np.setdiff1d(self.ids, papers).tolist()
        self.append([], np.empty((0, self.dim), np.float32), gone, 0)
        facts = manifest.read(self._manifest) or {}
        manifest.write(self._manifest, facts | {"whole": False})

    @staticmethod
    def _fitting_dim(view: _View, vectors: NDArray[np.float32]) -> int:
        held, given = int(view.matrix.shape[1]), int(vectors.shape[1])
        if not len(vectors):
            return held or given
        if len(view.papers) and held != given:
            raise SearchIndexError(
                f"the model gives vectors of {given} numbers, and the index holds vectors of {held}"
            )
        return given

    def _extend(self, rows: int, blocks: Sequence[NDArray[np.generic]], dim: int) -> None:
        for path, block, width in zip(self._files, blocks, (dim, 4, 8, 8), strict=True):
            manifest.extend(path, np.ascontiguousarray(block).tobytes(), rows * width)

    def scan(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """Return the `k` papers nearest to `query` (of length 1) with their cosines, best first.

        With `allowed` (paper ids, ascending) only these are ranked. The order is exact over int8
        rows: all that rounding the query could have kept from the best `k` are scored again
        with the query in float, so the first of a longer answer are the whole of a shorter one.
        """
        view = self._follow()
        if not len(view.ids) or not query.any() or k < 1:
            return []
        if allowed is not None:
            rows = _rows_of(view, allowed)
            scores = _cosines(view, rows, query)
            top = best(scores, k)
            return list(zip(view.papers[rows[top]].tolist(), scores[top].tolist(), strict=True))
        wide = self._contenders(view, query, k)
        scores = _cosines(view, wide, query)
        order = np.lexsort((view.papers[wide], -scores))[:k]
        return list(zip(view.papers[wide[order]].tolist(), scores[order].tolist(), strict=True))

    def _contenders(self, view: _View, query: NDArray[np.float32], k: int) -> NDArray[np.intp]:
        """Return the live rows that can be among the `k` nearest, by a scan with an int8 query."""
        row, scale = quantise(query[None, :])
        found = simsimd.cdist(row, view.matrix, metric="dot", out_dtype="float32")
        dots = np.asarray(found, np.float32).ravel()
        dots *= view.scales * scale
        if len(view.ids) < len(dots):
            dots[~view.is_live] = -np.inf
        last = dots[best(dots, min(k, len(view.ids)))[-1]]
        # Each of two scores is wrong by the length of the rounding error times that of its row.
        slack = 2 * _LONGEST_ROW * np.linalg.norm(query - row[0] * scale)
        return np.flatnonzero(dots >= last - slack)

    def cosines(self, query: NDArray[np.float32], papers: Sequence[int]) -> dict[int, float]:
        """Return how near those of `papers` that have a vector are to `query` (-1 to 1)."""
        view = self._follow()
        rows = _rows_of(view, np.asarray(papers, np.int64))
        found = _cosines(view, rows, query) if len(rows) else np.empty(0, np.float32)
        return dict(zip(view.papers[rows].tolist(), found.tolist(), strict=True))

    def vector(self, paper: int) -> NDArray[np.float32] | None:
        """Return the vector of one paper at length 1, or None if it has none."""
        view = self._follow()
        rows = _rows_of(view, np.array([paper], np.int64))
        if not len(rows):
            return None
        vector = view.matrix[rows[0]].astype(np.float32)
        length = float(np.linalg.norm(vector))
        return vector / np.float32(length) if length else None

    def several(self, papers: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return those of `papers` that have a vector, ascending, and their vectors at length 1."""
        view = self._follow()
        rows = _rows_of(view, np.unique(np.asarray(papers, np.int64)))
        vectors = view.matrix[rows].astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return view.papers[rows], vectors / np.maximum(lengths, 1)


def among(ids: NDArray[np.int64], wanted: Sequence[int]) -> NDArray[np.int64]:
    """Return those of `wanted` that are there, ascending, each once; so are `ids`."""
    asked = np.unique(np.asarray(wanted, np.int64))
    if not len(ids):
        return asked[:0]
    found: NDArray[np.int64] = asked[
        ids[np.searchsorted(ids, asked).clip(max=len(ids) - 1)] == asked
    ]
    return found


def standing(papers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that count in files that are only appended to, in order of paper.

    The last row of a paper stands for it; one under its negative id takes it out.
    """
    owners = np.abs(papers)
    order = np.argsort(owners, kind="stable")
    is_last = np.append(owners[order][1:] != owners[order][:-1], True)
    rows = order[is_last]
    found: NDArray[np.int64] = rows[papers[rows] > 0]
    return found


def _view(
    matrix: NDArray[np.int8],
    scales: NDArray[np.float32],
    papers: NDArray[np.int64],
    texts: NDArray[np.uint64],
    *,
    sequence: int,
    is_whole: bool,
) -> _View:
    """Return the view in which the last row of each paper stands for it."""
    rows = standing(papers)
    is_live = np.zeros(len(papers), bool)
    is_live[rows] = True
    return _View(matrix, scales, papers, texts, papers[rows], rows, is_live, sequence, is_whole)


def _read_marks(path: Path, rows: int) -> NDArray[np.uint64]:
    """Return the hashes of the rows' texts; what is not there is 0, which is that of no text."""
    marks = np.zeros(rows, np.uint64)
    if path.exists():
        found = np.fromfile(path, np.uint64, rows)
        marks[: len(found)] = found
    return marks


def _rows_of(view: _View, papers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the live rows of those of `papers` that have one."""
    if not len(view.ids):
        return np.empty(0, np.int64)
    at = np.searchsorted(view.ids, papers).clip(max=len(view.ids) - 1)
    rows: NDArray[np.int64] = view.rows[at[view.ids[at] == papers]]
    return rows


def _cosines(
    view: _View, rows: NDArray[np.int64], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    # Unlike a product of matrices, einsum rounds a row alike whichever others come with it.
    dots = np.einsum("ij,j->i", view.matrix[rows].astype(np.float32), query)
    # Rounding to int8 can lengthen a row a little.
    cosines: NDArray[np.float32] = (dots * view.scales[rows]).clip(-1, 1)
    return cosines
