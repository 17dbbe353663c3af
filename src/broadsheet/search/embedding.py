"""Texts to vectors, with a table of trained word vectors and nothing else.

The vector of a text has two halves. One is learned from papers alone, which texts belong
together; the other is taught by a transformer, whose vectors it imitates. Each half is the sum
over the text's distinct words and word pairs of sqrt(count) times the row of that word. No neural
network runs here: a batch is one dictionary look-up per word and one sparse product, which embeds
tens of thousands of abstracts a second on one core. `training/` makes the table.

A word that nobody learned gets a learned half generated from a hash of its spelling, so that two
texts that share a rare name are still near each other, and a taught half made of its pieces.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass
from importlib import resources
from itertools import count, repeat
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from broadsheet.errors import EmbeddingError
from broadsheet.search.nearness import Summands, summands

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 2
"""The version of the weights file and of the word rules that go with it."""

MAX_CHARACTERS = 20_000
"""Only this many characters of a text are considered; an abstract has about 1,200."""

_BATCH = 512
_SHORT = 64
_MARK = "\0"  # between two texts; no text can contain it once it has been folded
_MARK_WORD = b"\0"
_UNKNOWN = -1

# What numpy and zipfile raise for a file that is missing, cut short, changed or another's.
_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)

# Trained rows of rare words have a length of 4 to 10. Longer generated rows help texts of other
# fields, where many words are unknown, and cost a little in the field of the training texts.
_GENERATED_LENGTH = 12.0
_MOST_KNOWN = 20_000
_MOST_PIECES = 20
_NUMBER_SHARE = 0.5  # a number that nobody counted often says less than a rare name
_SHORTEST_STEM = 4
_SUFFIX = 3


def _byte_table() -> bytes:
    """Return the table of bytes.translate: letters to lower case, the rest to spaces.

    Bytes from 128 on belong to letters of other scripts (everything else that is not ASCII
    is gone by then), and the mark between two texts stays.
    """
    table = bytearray(b" " * 256)
    table[0] = 0
    table[128:] = range(128, 256)
    for byte in b"abcdefghijklmnopqrstuvwxyz0123456789":
        table[byte] = byte
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        table[byte] = byte + 32
    return bytes(table)


_BYTES = _byte_table()

_ONE_CHARACTER_WORDS = ((0x2E80, 0x31C0), (0x31F0, 0xA4D0), (0xF900, 0xFB00), (0x20000, 0x323B0))


class _Folding(dict[int, str]):
    """A table of str.translate for decomposed text that works out each character once."""

    def __missing__(self, code: int) -> str:
        """Return what the character becomes: nothing, a space, or its lower-case form."""
        folded = self._fold(code)
        self[code] = folded
        return folded

    @staticmethod
    def _fold(code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category in {"Mn", "Me"}:
            return ""
        if category[0] not in "LN" and category != "Mc":
            return " "
        if any(first <= code < end for first, end in _ONE_CHARACTER_WORDS):
            return f" {character} "  # these scripts put no spaces between words
        return character.lower()


_FOLDING = _Folding()
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def _fold(text: str) -> str:
    """Return the part of a text that counts, without accents and without marks."""
    text = text[:MAX_CHARACTERS]
    if text.isascii():
        return text.replace(_MARK, " ") if _MARK in text else text
    # Most of a text is ASCII, also where some of it is not.
    return _NOT_ASCII.sub(_fold_run, text).replace(_MARK, " ")[:MAX_CHARACTERS]


def _fold_run(run: re.Match[str]) -> str:
    # Some single characters decompose into eighteen.
    return unicodedata.normalize("NFKD", run[0])[:MAX_CHARACTERS].translate(_FOLDING)


def split_words(texts: Iterable[str]) -> list[bytes]:
    """Return the words of all texts in order, with a word of one zero byte between two texts.

    Words are runs of letters and digits, in lower case and without accents; what is not a
    letter or digit separates (also the hyphen), and each Han or Kana character is a word.
    """
    joined = f" {_MARK} ".join(map(_fold, texts))
    return joined.encode("utf-8", "replace").translate(_BYTES).split()


class Tokens(NamedTuple):
    """The words of some texts in their order, each by its place among the `words` that differ.

    The first of `words` is the mark, which stands behind each text.
    """

    words: list[bytes]
    ids: NDArray[np.int32]

    def joined(self) -> Tokens:
        """Return the same of texts that are two of these each: title and abstract as one."""
        return self._replace(ids=np.delete(self.ids, np.flatnonzero(self.ids == 0)[::2]))

    def only(self, wanted: NDArray[np.bool_]) -> Tokens:
        """Return the same of those texts alone that are `wanted`."""
        lengths = np.diff(np.flatnonzero(self.ids == 0), prepend=-1)
        return self._replace(ids=self.ids[np.repeat(wanted, lengths)])


def tokens(texts: Sequence[str]) -> Tokens:
    """Return the words of texts, split once for all that is made of them."""
    places: defaultdict[bytes, int] = defaultdict(count().__next__)
    found = [np.full(1, places[_MARK_WORD], np.int32)[:0]]
    for start in range(0, len(texts), _BATCH):
        words = [*split_words(texts[start : start + _BATCH]), _MARK_WORD]
        found.append(np.fromiter(map(places.__getitem__, words), np.int32, len(words)))
    return Tokens(list(places), np.concatenate(found))


def _signs(words: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Return a (len(words), dim) matrix of +1 and -1, each row drawn by a hash of its word."""
    size = -(-dim // 8)
    if size <= hashlib.blake2b.MAX_DIGEST_SIZE:
        digests = b"".join([hashlib.blake2b(word, digest_size=size).digest() for word in words])
    else:
        digests = b"".join([hashlib.shake_128(word).digest(size) for word in words])
    rows = np.frombuffer(digests, dtype=np.uint8).reshape(len(words), size)
    bits = np.unpackbits(rows, axis=1, count=dim)
    return bits.astype(np.float32) * np.float32(2) - np.float32(1)


def _stem_key(word: bytes) -> bytes:
    """Return the key under which the forms of a word (method, methods) share half a vector."""
    return b"^" + word[: max(_SHORTEST_STEM, len(word) - _SUFFIX)]


def generated_rows(words: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Return a (len(words), dim) float32 matrix of rows for words that have no trained one.

    A row depends on the spelling alone. Words that differ only in their last letters get
    rows with a cosine near one half.
    """
    rows = _signs(words, dim) + _signs([_stem_key(word) for word in words], dim)
    share = np.array([_NUMBER_SHARE if word.isdigit() else 1.0 for word in words], np.float32)
    # The length of a row of signs is sqrt(dim), and that of a sum of two is sqrt(2 * dim).
    return rows * (share * np.float32(_GENERATED_LENGTH / np.sqrt(2.0 * dim)))[:, None]


Pace = Literal["fast", "slow", "paid"]
"""What it takes to embed a collection: seconds, hours, or money."""


class Embedder(Protocol):
    """What turns texts into vectors; vectors of different `id`s must never be compared."""

    @property
    def id(self) -> str:
        """The name of the model with its version, known without loading the model."""

    @property
    def pace(self) -> Pace:
        """What embedding takes, which decides when it is done unasked."""

    @property
    def price(self) -> float | None:
        """What a million tokens cost, in dollars; None if that is not known."""

    @property
    def step(self) -> int:
        """How many texts are best embedded and kept at a time."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a float32 matrix, for each text a row of length one or, if it is empty, zero.

        Raises EmbeddingError if the model cannot be used.
        """

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, to be compared with those of texts.

        Raises EmbeddingError if the model cannot be used.
        """

    def close(self) -> None:
        """Let go of what is waited for: other threads that wait get an EmbeddingError."""


def about_tokens(text: str) -> int:
    """Return about how many tokens a text has: models cut English into pieces of four bytes."""
    return len(text.encode("utf-8", "replace")) // 4 + 1


def at_length_one(rows: NDArray[np.float32], model: str) -> NDArray[np.float32]:
    """Return vectors at length one, or zero; raises EmbeddingError for what is no number."""
    if not np.isfinite(rows).all():
        raise EmbeddingError(f"{model} gave a vector with something in it that is no number")
    # Squares of very large numbers would be too large.
    peaks = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    rows = np.divide(rows, peaks, out=np.zeros_like(rows), where=peaks > 0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    made: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return made


class _Rows(NamedTuple):
    """Rows packed to four bits a number, two numbers a byte, with one scale for each row."""

    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def unpacked(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """Return the rows at these places as numbers."""
        codes = self.codes[at]
        rows = np.empty((len(codes), 2 * codes.shape[1]), np.float32)
        rows[:, 0::2] = _LOW[codes]
        rows[:, 1::2] = _HIGH[codes]
        rows *= self.scales[at].astype(np.float32)[:, None]
        return rows


_LOW = (np.arange(256) % 16 - 8).astype(np.int8)
_HIGH = (np.arange(256) // 16 - 8).astype(np.int8)


def packed(rows: NDArray[np.float32]) -> _Rows:
    """Return rows packed, each at the scale that loses least of it."""
    peaks = np.abs(rows).max(axis=1, keepdims=True)
    best = np.full(len(rows), np.inf)
    codes = np.zeros(rows.shape, np.int8)
    scales = np.zeros(len(rows), np.float16)
    for share in (1.0, 0.9, 0.8, 0.7, 0.6):
        scale = np.maximum(peaks * share / 7, 1e-4).astype(np.float16)
        tried = np.clip(np.rint(rows / scale.astype(np.float32)), -7, 7).astype(np.int8)
        lost = np.square(tried * scale.astype(np.float32) - rows).sum(axis=1)
        is_better = lost < best
        best[is_better], codes[is_better] = lost[is_better], tried[is_better]
        scales[is_better] = scale[is_better, 0]
    nibbles = (codes + 8).astype(np.uint8)
    return _Rows((nibbles[:, 0::2] | nibbles[:, 1::2] << 4).astype(np.uint8), scales)


@dataclass(frozen=True, slots=True)
class _Weights:
    """The content of a weights file.

    `learned` has the rows of the first words and then of the word pairs, `taught` those of all
    words, `pieces_taught` those of the pieces that other words are spelled with. `share` is that
    of the taught half in a cosine.
    """

    words: list[bytes]
    pairs: NDArray[np.int32]
    pieces: list[bytes]
    learned: _Rows
    taught: _Rows
    pieces_taught: _Rows
    share: float


class StaticEmbedder:
    """An embedder that sums trained word vectors; see the module's text for how.

    Threads can share an instance.
    """

    id: str
    dim: int
    pace: Pace = "fast"
    price: float | None = 0.0
    step: int = 10_000
    max_characters: int = MAX_CHARACTERS

    def __init__(self, ident: str, weights: _Weights) -> None:
        self.id = ident
        size = self._size = len(weights.learned.codes) - len(weights.pairs)
        self._cut = 2 * weights.learned.codes.shape[1]
        self.dim = self._cut + 2 * weights.taught.codes.shape[1]
        self._matrix = np.zeros((len(weights.learned.codes), self.dim), np.float32)
        self._matrix[:, : self._cut] = weights.learned.unpacked()
        self._matrix[:size, self._cut :] = weights.taught.unpacked(slice(size))
        self._words: dict[bytes, int] = {w: row for row, w in enumerate(weights.words[:size])}
        self._words[_MARK_WORD] = size  # beyond all words, so that it begins no pair
        self._rest = _Rest(weights, size, self._cut)
        self._weights = np.sqrt(np.array([1 - weights.share, weights.share], np.float32))
        self._prepare_pairs(weights.pairs)

    @classmethod
    def load(cls, path: Path | None = None) -> StaticEmbedder:
        """Return the embedder of a weights file, by default of the one in the package.

        Raises EmbeddingError if the file is missing or cannot be used.
        """
        place = path or resources.files("broadsheet") / "models" / "static-256.npz"
        try:
            content = place.read_bytes()
            weights = _read_weights(content)
        except _BROKEN as error:
            raise EmbeddingError(f"the embedding model {place} cannot be used: {error}") from error
        dim = 2 * (weights.learned.codes.shape[1] + weights.taught.codes.shape[1])
        return cls(f"bs-static-{dim}-{hashlib.sha256(content).hexdigest()[:8]}", weights)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a (len(texts), dim) float32 matrix with one row of length one for each text.

        The row of a text without any word is zero. A row depends on its text alone, never on
        the other texts of the call, and only on the first `max_characters` of it.
        """
        return self.embed_tokens(tokens(texts))

    def embed_tokens(self, said: Tokens) -> NDArray[np.float32]:
        """Return what `embed` does, of texts that are split already."""
        known = np.fromiter(map(self._words.get, said.words, repeat(_UNKNOWN)), np.int32)
        ends = np.flatnonzero(said.ids == 0) + 1
        rows = np.zeros((len(ends), self.dim), dtype=np.float32)
        begin = 0
        for start in range(0, len(ends), _BATCH):
            size = len(ends[start : start + _BATCH])
            end = ends[start + size - 1]
            rows[start : start + size] = self._embed_batch(said, known, slice(begin, end), size)
            begin = end
        return rows

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, which is that of any text."""
        vector: NDArray[np.float32] = self.embed([text])[0]
        return vector

    def close(self) -> None:
        """Let go of nothing: nobody waits for a table."""

    def _embed_batch(
        self, said: Tokens, known: NDArray[np.int32], at: slice, size: int
    ) -> NDArray[np.float32]:
        """Return the rows of the `size` texts whose words stand at one place; `known` are rows."""
        places = said.ids[at]
        ids = known[places]
        owners = np.cumsum(ids == self._size, dtype=np.int32)
        sums = self._sum_known(ids, owners, size)
        unknown = np.flatnonzero(ids == _UNKNOWN)
        if len(unknown):
            words = [said.words[place] for place in places[unknown].tolist()]
            sums += self._sum_unknown(words, owners[unknown], size)
        return self._joined(sums)

    def summands(self, texts: Sequence[str]) -> Summands:
        """Return the words and known word pairs that the vectors of some texts are sums of."""
        words = split_words(texts)
        ids = np.fromiter(map(self._words.get, words, repeat(_UNKNOWN)), np.int32, len(words))
        owners = np.cumsum(ids == self._size)
        at, pairs = self._find_pairs(ids)
        unknown = np.flatnonzero(ids == _UNKNOWN).tolist()
        rare = sorted({words[i] for i in unknown})
        beyond = {word: len(self._matrix) + place for place, word in enumerate(rare)}
        ids[unknown] = [beyond[words[i]] for i in unknown]
        kept = np.flatnonzero(ids != self._size)
        found, places = np.concatenate([ids[kept], pairs]), np.concatenate([kept, at])
        # A table of all words is sooner looked through than those found are sorted.
        first = np.full(len(self._matrix) + len(rare), _UNKNOWN, np.int32)
        first[found[::-1]] = np.arange(len(found))[::-1]
        columns = np.flatnonzero(first != _UNKNOWN)
        first, numbers = first[columns], first
        numbers[columns] = np.arange(len(columns))
        keys = np.sort(owners[places] * len(columns) + numbers[found])
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        roots = np.sqrt(np.diff(starts, append=len(keys)).astype(np.float32))
        rows = self._matrix[columns[columns < len(self._matrix)]]
        if rare:
            rows = np.concatenate([rows, self._rest.rows(rare)])

        def name(word: int) -> str:
            place = places[first[word]]
            end = place + 1 + (first[word] >= len(kept))
            return b" ".join(words[place:end]).decode("utf-8", "replace")

        cells = (*np.divmod(keys[starts], max(len(columns), 1)), roots)
        halves = [slice(self._cut), slice(self._cut, None)]
        return summands(name, rows, cells, halves, self._joined, len(texts))

    def _joined(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return sums with both halves at their shares, and the whole at length one."""
        for half, weight in zip(
            (sums[:, : self._cut], sums[:, self._cut :]), self._weights, strict=True
        ):
            lengths = np.sqrt(np.square(half).sum(axis=1, keepdims=True))
            np.divide(half * weight, lengths, out=half, where=lengths > 0)
        lengths = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        return sums

    def _sum_known(
        self, ids: NDArray[np.int32], owners: NDArray[np.int32], count: int
    ) -> NDArray[np.float32]:
        single = np.flatnonzero((ids >= 0) & (ids < self._size))
        at, pairs = self._find_pairs(ids)
        columns = np.concatenate([ids[single], pairs])
        owners = np.concatenate([owners[single], owners[at]])
        return self._weighted_sum(owners, columns, count, self._matrix)

    def _sum_unknown(
        self, words: list[bytes], owners: NDArray[np.int32], count: int
    ) -> NDArray[np.float32]:
        # In sorted order the sum of a text is rounded alike whatever texts come with it.
        distinct = sorted(set(words))
        columns = {word: column for column, word in enumerate(distinct)}
        found = np.fromiter(map(columns.__getitem__, words), np.int32, len(words))
        return self._weighted_sum(owners, found, count, self._rest.rows(distinct))

    @staticmethod
    def _weighted_sum(
        owners: NDArray[np.int32],
        columns: NDArray[np.int32],
        count: int,
        matrix: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        if count == 1 and len(columns) <= _SHORT:
            return _sum_one(columns, matrix)
        # Here, so that a program that only asks short questions does not wait for scipy.
        from scipy.sparse import csr_matrix  # noqa: PLC0415

        # Sorted whole numbers are counted sooner than a sparse matrix finds its duplicates.
        bits = len(matrix).bit_length()
        keys = np.sort(owners.astype(np.int64) << bits | columns)
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        roots = np.sqrt(np.diff(firsts, append=len(keys)).astype(np.float32))
        keys = keys[firsts]
        starts = np.searchsorted(keys, np.arange(count + 1) << bits)
        columns = (keys & (1 << bits) - 1).astype(np.int32)
        shape = (count, len(matrix))
        counts = csr_matrix((roots, columns, starts.astype(np.int32)), shape)
        sums: NDArray[np.float32] = counts @ matrix
        return sums

    def _prepare_pairs(self, pairs: NDArray[np.int32]) -> None:
        # Most neighbours are no known pair; two small tables tell so before the search.
        first, second = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
        keys = first * self._size + second
        order = np.argsort(keys)
        self._pair_keys = keys[order]
        self._pair_rows = (self._size + order).astype(np.int32)
        # One more place each for the mark, and one for "unknown", which indexes the last.
        self._begins = np.zeros(self._size + 2, dtype=np.bool_)
        self._ends = np.zeros(self._size + 2, dtype=np.bool_)
        self._begins[first] = True
        self._ends[second] = True

    def _find_pairs(self, ids: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return the positions where a known word pair begins, and the rows of the pairs."""
        at = np.flatnonzero(self._begins[ids[:-1]] & self._ends[ids[1:]])
        if not len(at):
            return at, np.empty(0, dtype=np.int32)
        keys = ids[at].astype(np.int64) * self._size + ids[at + 1]
        slots = np.searchsorted(self._pair_keys, keys)
        slots[slots == len(self._pair_keys)] = 0
        hits = np.flatnonzero(self._pair_keys[slots] == keys)
        return at[hits], self._pair_rows[slots[hits]]


class _Rest:
    """The rows of all words that were not learned, made when they are first met."""

    def __init__(self, weights: _Weights, size: int, cut: int) -> None:
        self._taught, self._pieces = weights.taught, weights.pieces_taught
        self._cut = cut
        self._words = {w: size + row for row, w in enumerate(weights.words[size:])}
        self._spelled = {p: row for row, p in enumerate(weights.pieces)}
        self._longest = max(map(len, weights.pieces), default=0)
        self._known: dict[bytes, NDArray[np.float32]] = {}

    def rows(self, words: Sequence[bytes]) -> NDArray[np.float32]:
        """Return a (len(words), dim) matrix with the row of each of these distinct words."""
        if len(self._known) > _MOST_KNOWN:
            self._known = {}
        known = self._known
        fresh = [word for word in words if word not in known]
        if fresh:
            known |= zip(fresh, self._made(fresh), strict=True)
        return np.stack([known[word] for word in words])

    def _made(self, words: Sequence[bytes]) -> NDArray[np.float32]:
        rows = np.empty((len(words), self._cut + 2 * self._taught.codes.shape[1]), np.float32)
        rows[:, : self._cut] = generated_rows(words, self._cut)
        places = np.array([self._words.get(word, _UNKNOWN) for word in words], np.int64)
        is_taught = places != _UNKNOWN
        rows[is_taught, self._cut :] = self._taught.unpacked(places[is_taught])
        others = [words[i] for i in np.flatnonzero(~is_taught).tolist()]
        rows[~is_taught, self._cut :] = self._spelled_rows(others)
        return rows

    def _spelled_rows(self, words: Sequence[bytes]) -> NDArray[np.float32]:
        """Return the taught halves of words that nobody was taught: the mean of their pieces."""
        rows = np.zeros((len(words), 2 * self._taught.codes.shape[1]), np.float32)
        spelled = [self._spelling(word) for word in words]
        for size in {len(pieces) for pieces in spelled} - {0}:
            at = [i for i, pieces in enumerate(spelled) if len(pieces) == size]
            parts = self._pieces.unpacked(np.array([spelled[i] for i in at]).ravel())
            shares = [(_NUMBER_SHARE if words[i].isdigit() else 1.0) / size for i in at]
            sums = parts.reshape(len(at), size, -1).sum(axis=1)
            rows[at] = sums * np.array(shares, np.float32)[:, None]
        return rows

    def _spelling(self, word: bytes) -> list[int]:
        """Return the pieces of a word, the longest possible first (WordPiece, Wu et al. 2016)."""
        found: list[int] = []
        start, mark = 0, b""
        while start < len(word) and len(found) < _MOST_PIECES:
            end = min(len(word), start + self._longest)
            while end > start and mark + word[start:end] not in self._spelled:
                end -= 1
            if end == start:
                break
            found.append(self._spelled[mark + word[start:end]])
            start, mark = end, b"##"
        return found


def _sum_one(columns: NDArray[np.int32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum for a single short text, rounded as the sparse product rounds it."""
    total = np.zeros((1, matrix.shape[1]), np.float32)
    for row, times in zip(*np.unique(columns, return_counts=True), strict=True):
        total += np.sqrt(np.float32(times)) * matrix[row]
    return total


def _read_weights(content: bytes) -> _Weights:
    """Return the weights in the bytes of a file, or raise ValueError if they do not fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if archive.testzip() is not None:
            raise ValueError("its content has changed since it was written")
    with np.load(io.BytesIO(content), allow_pickle=False) as parts:
        version = int(parts["format"])
        if version != FORMAT:
            raise ValueError(f"its format is {version}, and this program reads format {FORMAT}")
        words, pieces = (parts[n].tobytes().split(b"\n") for n in ("words", "pieces"))
        learned, taught = _read_rows(parts, "learned"), _read_rows(parts, "taught")
        of_pieces, share = _read_rows(parts, "pieces_taught"), float(parts["share"])
        weights = _Weights(words, parts["pairs"], pieces, learned, taught, of_pieces, share)
    _check(weights)
    return weights


def _read_rows(parts: Any, name: str) -> _Rows:
    rows = _Rows(parts[name], parts[f"{name}_scales"])
    if rows.codes.dtype != np.uint8 or rows.codes.ndim != 2 or rows.codes.shape[1] == 0:  # noqa: PLR2004
        raise ValueError(f"its {name} rows are not a matrix of bytes")
    if rows.scales.dtype != np.float16 or rows.scales.shape != (len(rows.codes),):
        raise ValueError(f"it has not one scale for each of the {name} rows")
    if not (np.isfinite(rows.scales).all() and (rows.scales > 0).all()):
        raise ValueError("a scale is not a positive number")
    return rows


def _check(weights: _Weights) -> None:
    if len(set(weights.words)) != len(weights.words):
        raise ValueError("a word occurs twice")
    pairs = weights.pairs
    if pairs.dtype != np.int32 or pairs.ndim != 2 or pairs.shape[1] != 2:  # noqa: PLR2004
        raise ValueError("its word pairs are not pairs of numbers")
    learned = len(weights.learned.codes) - len(pairs)
    if not 0 < learned <= len(weights.words) == len(weights.taught.codes):
        raise ValueError("it has not one row for each word and word pair")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < learned:
        raise ValueError("a word pair names a word that is not there")
    if len(weights.pieces) != len(weights.pieces_taught.codes):
        raise ValueError("it has not one row for each piece")
    if weights.taught.codes.shape[1] != weights.pieces_taught.codes.shape[1]:
        raise ValueError("the rows of words and pieces are not of one length")
    if not 0 <= weights.share < 1:
        raise ValueError("the share of its taught half is none")
