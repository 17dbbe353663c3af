"""What each sentence of an abstract does: tell the background, the problem, the method, a result.

A linear-chain conditional random field (Lafferty, McCallum and Pereira, 2001) over the sentences
of an abstract, so that a sentence is read with its neighbours, as in Dernoncourt, Lee and
Szolovits (2017), "Neural Networks for Joint Sentence Classification in Medical Paper Abstracts".
What it sees of a sentence are its words, their pairs, and where it stands; the weights are made by
`training/train_roles.py`. A heading ("Methods:") decides for the sentences below it.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib import resources
from itertools import accumulate, repeat
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

Facet = Literal["problem", "method", "result"]
FACETS: tuple[Facet, ...] = ("problem", "method", "result")


class Role(StrEnum):
    """What a sentence does in an abstract."""

    BACKGROUND = "background"
    PROBLEM = "problem"
    METHOD = "method"
    RESULT = "result"
    OTHER = "other"


ROLES = tuple(Role)

FACET_ROLES: dict[Facet, frozenset[Role]] = {
    "problem": frozenset({Role.BACKGROUND, Role.PROBLEM}),
    "method": frozenset({Role.METHOD}),
    "result": frozenset({Role.RESULT}),
}

LONGEST = 20_000
"""Characters of an abstract that are read."""
SENTENCES = 100
"""Sentences of an abstract that are read; what follows is left out."""

# ---------------------------------------------------------------------------- sentences

_ABBREVIATIONS = re.compile(
    r"""al|approx|assoc|cf|corp|dept|dr|e\.g|eds?|eg|eqn?s?|ex|figs?|i\.e|ie|inc|jr|mrs?|ms|nos
      |p\.m|pp|prof|refs?|resp|sect?|spp?|st|tab|u\.k|u\.s|vol|vs|w\.r\.t|wrt""",
    re.IGNORECASE | re.VERBOSE,
)
"""After these a full stop ends no sentence, whatever follows."""

_INITIAL = re.compile(r"[^\W\d_]\.[^\W\d_]|[A-Z]")

_LONGEST_HEADING = 40
_HEADED: dict[str, frozenset[Role]] = {
    "before": frozenset({Role.BACKGROUND, Role.PROBLEM}),
    "aim": frozenset({Role.PROBLEM}),
    "method": frozenset({Role.METHOD}),
    "result": frozenset({Role.RESULT}),
}
_HEADINGS = r"""\W{0,3}(?:
    (?P<before>background|context|introduction|motivation)
  | (?P<aim>aims?|goals?|objectives?|problem|problem\sstatement|purpose)
  | (?P<method>approach|data|design|study\sdesign|materials\sand\smethods|methodology|methods?
      |methods\sand\smaterials|participants|procedure)
  | (?P<result>conclusions?|discussion|findings|implications|interpretation|limitations|significance
      |(?:key\s|main\s)?results?|results\sand\sconclusions)
)"""
_HEADING = re.compile(rf"{_HEADINGS}\s?(?:[:.\u2013\u2014]|\s-\s)\s*", re.IGNORECASE | re.VERBOSE)
_BARE_HEADING = re.compile(rf"{_HEADINGS}[:.]", re.IGNORECASE | re.VERBOSE)

_STOP = re.compile(
    r"""[.!?](?:
        ["'\u201d\u2019)\]]*\s(?=["'\u201c\u2018(\[]?(?:[^\W_a-z]|[$\\]))
      | (?<=[A-Za-z)][A-Za-z)]\.)(?=[A-Z][a-z]+[\s,])
    )""",
    re.VERBOSE,
)
"""A capital, a digit or a formula follows, or a capital that lost its space ("AI.However, …")."""


def split_sentences(text: str) -> list[str]:
    """Return the sentences of an abstract in order, without the white space between them.

    Full stops of abbreviations ("et al.", "e.g.", "Fig. 2"), initials and numbers end none, and a
    heading stays with the sentence that it stands before.
    """
    text = " ".join(text[:LONGEST].split())
    found: list[str] = []
    start = 0
    for stop in _STOP.finditer(text):
        if not _goes_on(text[start : stop.start()], text[stop.start()]):
            found.append(text[start : stop.end()].strip())
            start = stop.end()
    found.append(text[start:].strip())
    return [s for s in found if s][:SENTENCES]


def _goes_on(before: str, mark: str) -> bool:
    """Return whether a sentence goes on after a mark that might end it."""
    if mark != ".":
        return False
    last = before[before.rfind(" ") + 1 :].lstrip("([\"'\u201c\u2018")
    if len(before) < _LONGEST_HEADING and _BARE_HEADING.fullmatch(before + "."):
        return True
    return last != "I" and bool(_INITIAL.fullmatch(last) or _ABBREVIATIONS.fullmatch(last))


def without_heading(sentence: str) -> str:
    """Return a sentence without the heading before it, or as it is where that is all there is."""
    heading = _HEADING.match(sentence)
    return sentence[heading.end() :] or sentence if heading else sentence


def headed(sentences: Sequence[str]) -> list[frozenset[Role]]:
    """Return for each sentence the roles that the heading above it leaves; none: no heading."""

    def below(above: frozenset[Role], sentence: str) -> frozenset[Role]:
        heading = _HEADING.match(sentence)
        return _HEADED[heading.lastgroup or ""] if heading else above

    nothing: frozenset[Role] = frozenset()
    return list(accumulate(sentences, below, initial=nothing))[1:]


# ---------------------------------------------------------------------------- what is seen of them

MARK = b"\0"
_WORDS = bytearray(b" " * 256)
_WORDS[0] = 0
_WORDS[128:] = range(128, 256)
for _byte in b"abcdefghijklmnopqrstuvwxyz":
    _WORDS[_byte] = _byte
for _byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
    _WORDS[_byte] = _byte + 32
for _byte in b"0123456789":
    _WORDS[_byte] = ord("0")  # that there is a number tells, and which one does not
_TABLE = bytes(_WORDS)

EDGE = 5
"""Places counted from the first sentence, and from the last."""
DEPTHS = 8
LENGTHS = (6, 10, 16, 24, 36)
PLACES = 2 * EDGE + DEPTHS + len(LENGTHS) + 1


def words_of(sentences: Iterable[str]) -> list[bytes]:
    """Return the words of all sentences, numbers as zeros, with a mark before each sentence."""
    joined = "".join(" \0 " + s.replace("\0", " ").replace("%", " 0pc ") for s in sentences)
    return joined.encode("utf-8", "replace").translate(_TABLE).split()


def places_of(sizes: Ints, lengths: Ints) -> Ints:
    """Return a (sentences, 4) matrix of places: from the start, from the end, how deep, how long.

    `sizes` are the sentences of each abstract and `lengths` the words of each sentence.
    """
    at = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    size = np.repeat(sizes, sizes)
    first = np.minimum(at, EDGE - 1)
    last = np.minimum(size - 1 - at, EDGE - 1) + EDGE
    depth = at * DEPTHS // size + 2 * EDGE
    long = np.searchsorted(LENGTHS, lengths, side="right") + 2 * EDGE + DEPTHS
    return np.stack([first, last, depth, long], axis=1)


class Pairs(NamedTuple):
    """Known pairs of words: `keys` (first x words + second), ascending, and their rows."""

    keys: Ints
    rows: Ints

    def find(self, ids: Ints, words: int) -> tuple[Ints, Ints]:
        """Return where in `ids` a known pair begins, and its row; an id below 0 is in no pair."""
        keys = np.where((ids[:-1] >= 0) & (ids[1:] >= 0), ids[:-1] * words + ids[1:], -1)
        slots = np.searchsorted(self.keys, keys)
        slots[slots == len(self.keys)] = 0
        at = np.flatnonzero(self.keys[slots] == keys) if len(self.keys) else np.empty(0, np.int64)
        return at, self.rows[slots[at]]


@dataclass(frozen=True)
class Model:
    """The weights: a row of numbers, one for each role, for words, pairs of words and places."""

    words: list[bytes]
    pairs: Ints
    rows: Floats
    places: Floats
    steps: Floats
    """From the role of a sentence (row) to that of the next (column)."""

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def _pairs(self) -> Pairs:
        keys = self.pairs[:, 0] * len(self.words) + self.pairs[:, 1]
        order = np.argsort(keys)
        return Pairs(keys[order], order + len(self.words))

    def found(self, sentences: Sequence[str]) -> tuple[Ints, Ints, Ints]:
        """Return the known words and pairs as numbers of sentences and rows, and all lengths.

        A length is the number of words of a sentence, known or not, and one for its mark.
        """
        words = words_of(sentences)
        ids = np.fromiter(map(self._ids.get, words, repeat(-1)), np.int64, len(words))
        owners = np.cumsum(ids == self._ids[MARK]) - 1
        single = np.flatnonzero(ids >= 0)
        at, rows = self._pairs.find(ids, len(self.words))
        lengths = np.bincount(owners, minlength=len(sentences))
        return np.append(owners[single], owners[at]), np.append(ids[single], rows), lengths

    def scores(self, sentences: Sequence[str], sizes: Ints) -> Floats:
        """Return a (sentences, roles) matrix: how much each speaks for each role by itself.

        `sizes` are the numbers of sentences of each abstract.
        """
        owners, rows, lengths = self.found(sentences)
        scores: Floats = self.places[places_of(sizes, lengths)].sum(axis=1)
        for role in range(len(ROLES)):
            sums = np.bincount(owners, self.rows[:, role][rows], len(sentences))
            scores[:, role] += sums.astype(np.float32)
        return scores


_BROKEN = (OSError, ValueError, KeyError, EOFError, IndexError, zlib.error, zipfile.BadZipFile)


def load_model(content: bytes) -> Model:
    """Return the model in the bytes of a file; raises EmbeddingError if they are none."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as parts:
            return Model(
                parts["words"].tobytes().split(b"\n"),
                parts["pairs"].astype(np.int64),
                parts["rows"].astype(np.float32) * parts["scale"].astype(np.float32),
                parts["places"].astype(np.float32),
                parts["steps"].astype(np.float32),
            )
    except _BROKEN as error:
        raise EmbeddingError(f"the model that reads sentences cannot be used: {error}") from error


@lru_cache(maxsize=1)
def model() -> Model:
    """Return the model in the package, read once; raises EmbeddingError if it cannot be used."""
    place = resources.files("broadsheet") / "models" / "roles.npz"
    try:
        return load_model(place.read_bytes())
    except OSError as error:
        raise EmbeddingError(f"the model {place} cannot be read: {error}") from error


# ---------------------------------------------------------------------------- the best path

_NEVER = np.float32(-1e9)


def best_paths(scores: Floats, sizes: Ints, steps: Floats) -> Ints:
    """Return the number of the role of each sentence: those that together score highest.

    Viterbi, over all abstracts at once: `scores` are the rows of all their sentences.
    """
    if not len(scores):
        return np.empty(0, np.int64)
    filled, is_there = padded(scores, sizes)
    best = filled[:, 0]
    came_from = np.zeros(filled.shape, np.int64)
    for at in range(1, filled.shape[1]):
        ways = best[:, :, None] + steps
        came_from[:, at] = np.where(is_there[:, at, None], ways.argmax(axis=1), range(len(steps)))
        best = np.where(is_there[:, at, None], ways.max(axis=1) + filled[:, at], best)
    path = np.empty(is_there.shape, np.int64)
    path[:, -1] = best.argmax(axis=1)
    for at in range(filled.shape[1] - 1, 0, -1):
        path[:, at - 1] = came_from[np.arange(len(sizes)), at, path[:, at]]
    return path[is_there]


def padded(scores: Floats, sizes: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Return rows of sentences as (abstracts, most sentences, roles), and which are there."""
    is_there = np.arange(sizes.max()) < sizes[:, None]
    filled = np.zeros((*is_there.shape, scores.shape[1]), np.float32)
    filled[is_there] = scores
    return filled, is_there


def roles_of(abstracts: Sequence[Sequence[str]], by: Model | None = None) -> list[list[Role]]:
    """Return the role of every sentence of every abstract, each given as its sentences.

    An abstract is read by itself, so the others change nothing. `by` is the model, by default the
    one in the package; raises EmbeddingError if that cannot be used.
    """
    sentences = [s for a in abstracts for s in a]
    sizes = np.array([len(a) for a in abstracts if a], np.int64)
    if not sentences:
        return [[] for _ in abstracts]
    weights = by or model()
    scores = weights.scores([without_heading(s) for s in sentences], sizes)
    left = [roles for a in abstracts for roles in headed(a)]
    for at, roles in enumerate(left):
        if roles:
            scores[at] += np.array([0 if r in roles else _NEVER for r in ROLES], np.float32)
    found = (ROLES[i] for i in best_paths(scores, sizes, weights.steps).tolist())
    return [[next(found) for _ in a] for a in abstracts]


def roles(sentences: Sequence[str]) -> list[Role]:
    """Return the role of each sentence of one abstract."""
    return roles_of([sentences])[0]


# ---------------------------------------------------------------------------- facets


def facet_sentences(abstracts: Sequence[str], facet: Facet) -> list[list[str]]:
    """Return of each abstract the sentences that tell its problem, its method or its results."""
    split = [split_sentences(a) for a in abstracts]
    wanted = FACET_ROLES[facet]
    return [
        [without_heading(s) for s, role in zip(sentences, told, strict=True) if role in wanted]
        for sentences, told in zip(split, roles_of(split), strict=True)
    ]


def facet_text(title: str, said: Sequence[str], facet: Facet) -> str:
    """Return as one text what a paper says of a facet; of its problem the title tells, too."""
    return " ".join([title, *said] if said and facet == "problem" else said)
