"""Texts to vectors, with a table of trained word vectors and nothing else.

The vector of a text is the sum over its distinct words and word pairs of sqrt(count) times
the row of that word, scaled to length one. No neural network runs here: a batch is one
dictionary look-up per word and one sparse product, which embeds tens of thousands of
abstracts a second on one core. `training/train_static.py` makes the table.

A word that the table lacks gets a vector generated from a hash of its spelling, so that two
texts that share a rare name are still near each other.
"""

from __future__ import annotations

import hashlib
import io
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from importlib import resources
from itertools import repeat
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from broadsheet.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
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


def _fold(text: str) -> str:
    """Return the part of a text that counts, without accents and without marks."""
    text = text[:MAX_CHARACTERS]
    if text.isascii():
        return text.replace(_MARK, " ") if _MARK in text else text
    # Some single characters decompose into eighteen, hence the second cut.
    return unicodedata.normalize("NFKD", text)[:MAX_CHARACTERS].translate(_FOLDING)


def split_words(texts: Iterable[str]) -> list[bytes]:
    """Return the words of all texts in order, with a word of one zero byte between two texts.

    Words are runs of letters and digits, in lower case and without accents; what is not a
    letter or digit separates (also the hyphen), and each Han or Kana character is a word.
    """
    joined = f" {_MARK} ".join(map(_fold, texts))
    return joined.encode("utf-8", "replace").translate(_BYTES).split()


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


@dataclass(frozen=True, slots=True)
class _Weights:
    """The content of a weights file: rows of words first, then rows of word pairs."""

    matrix: NDArray[np.float32]
    words: list[bytes]
    pairs: NDArray[np.int32]


class StaticEmbedder:
    """An embedder that sums trained word vectors; see the module's text for how.

    An instance is never changed after loading, so threads can share it.
    """

    id: str
    dim: int
    pace: Pace = "fast"
    price: float | None = 0.0
    step: int = 10_000
    max_characters: int = MAX_CHARACTERS

    def __init__(self, ident: str, weights: _Weights) -> None:
        self.id = ident
        self.dim = int(weights.matrix.shape[1])
        self._matrix = weights.matrix
        self._words: dict[bytes, int] = {word: row for row, word in enumerate(weights.words)}
        self._size = len(weights.words)
        self._words[_MARK_WORD] = self._size  # beyond all words, so that it begins no pair
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
        dim = weights.matrix.shape[1]
        return cls(f"bs-static-{dim}-{hashlib.sha256(content).hexdigest()[:8]}", weights)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a (len(texts), dim) float32 matrix with one row of length one for each text.

        The row of a text without any word is zero. A row depends on its text alone, never on
        the other texts of the call, and only on the first `max_characters` of it.
        """
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            rows[start : start + len(batch)] = self._embed_batch(batch)
        return rows

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, which is that of any text."""
        vector: NDArray[np.float32] = self.embed([text])[0]
        return vector

    def close(self) -> None:
        """Let go of nothing: nobody waits for a table."""

    def _embed_batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        words = split_words(texts)
        ids = np.fromiter(map(self._words.get, words, repeat(_UNKNOWN)), np.int32, len(words))
        owners = np.cumsum(ids == self._size, dtype=np.int32)
        sums = self._sum_known(ids, owners, len(texts))
        unknown = np.flatnonzero(ids == _UNKNOWN)
        if len(unknown):
            sums += self._sum_unknown([words[i] for i in unknown], owners[unknown], len(texts))
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
        return self._weighted_sum(owners, found, count, generated_rows(distinct, self.dim))

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

        ones = np.ones(len(columns), dtype=np.float32)
        counts = csr_matrix((ones, (owners, columns)), shape=(count, len(matrix)))
        counts.sum_duplicates()
        np.sqrt(counts.data, out=counts.data)
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
        codes, scales, pairs = parts["codes"], parts["scales"], parts["pairs"]
        words = parts["words"].tobytes().split(b"\n")
    _check_shapes(codes, scales, pairs, len(words))
    if len(set(words)) != len(words):
        raise ValueError("a word occurs twice")
    matrix = codes.astype(np.float32)
    matrix *= scales.astype(np.float32)[:, None]
    return _Weights(matrix, words, pairs)


def _check_shapes(
    codes: NDArray[Any], scales: NDArray[Any], pairs: NDArray[Any], words: int
) -> None:
    if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] == 0:  # noqa: PLR2004
        raise ValueError("its rows are not a matrix of int8")
    if pairs.dtype != np.int32 or pairs.shape != (len(codes) - words, 2):
        raise ValueError("it has not one row for each word and word pair")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < words:
        raise ValueError("a word pair names a word that is not there")
    if scales.dtype != np.float16 or scales.shape != (len(codes),):
        raise ValueError("it has not one scale for each row")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise ValueError("a scale is not a positive number")
