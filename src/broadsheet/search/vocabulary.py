"""What words, acronyms and names a collection uses: learned from its papers, kept beside the index.

All of it is derived and none of it is needed to search: where there is no table yet, every word
is taken as it was typed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from broadsheet.errors import SearchIndexError
from broadsheet.papers.text import fold
from broadsheet.papers.types import Paper
from broadsheet.search import manifest
from broadsheet.search.text_index import TextIndex

FORMAT: Final = 1
SMALL: Final = 10_000
"""Up to so many papers, what stands in one of them is worth keeping; beyond, in two."""
LAG: Final = 50
"""The table is brought up to date when it lacks one in so many of its papers."""
FREQUENT: Final = 2_000
"""A typing error is compared with words that one in so many papers has."""
EXACT: Final = 20_000
SAMPLED: Final = 8
"""Beyond so many papers the words of every eighth one are counted, eight times each."""
MOST: Final = 1_000_000
"""Words counted at once: beyond, those met once so far are dropped, as most errors are."""
_LONGEST: Final = 24

_WORD: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_PLAIN_WORD: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""The same for small letters of ASCII, found sooner."""
_SHORT: Final = re.compile(r"\(([^\W_][\w-]{1,9})\)")
_PART: Final = re.compile(r"[^\W_]+")
_BEFORE: Final = re.compile(r"[^\s()]+")


def words_of(text: str) -> list[str]:
    """Return the folded words of a text; with a hyphen, whole and in their parts."""
    folded = fold(text)
    found = (_PLAIN_WORD if folded.isascii() else _WORD).findall(folded)
    return found + [part for word in found if "-" in word for part in word.split("-")]


# ---------------------------------------------------------------------------- acronyms


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each acronym that `text` defines with its folded long form: `long form (LF)`.

    The algorithm of Schwartz and Hearst (2003), for acronyms with two capitals or more. A plural
    s is taken off both, and hyphens in the long form are spaces.
    """
    for match in _SHORT.finditer(text):
        short = match[1].removesuffix("s") if match[1][:-1].isupper() else match[1]
        if sum(c.isupper() for c in short) > 1:
            most = min(len(short) + 5, 2 * len(short))
            before = _BEFORE.findall(text[max(0, match.start() - 40 * most) : match.start()])
            if long := _long_form(short, " ".join(before[-most:])):
                yield short, _singular(long) if short != match[1] else long


def _long_form(short: str, before: str) -> str:
    """Return the end of `before` that `short` stands for, or nothing.

    The words that begin with its letters, if there are such; else the shortest end that has its
    letters in order, of which the first has to begin a word.
    """
    before, short = fold(before), fold(short)
    last = list(_PART.finditer(before))[-len(short) :]
    if "".join(m[0][0] for m in last) == short:
        return _words_of_long(before[last[0].start() :], short)
    at = len(before)
    for place in range(len(short) - 1, -1, -1):
        letter = short[place]
        if not letter.isalnum():
            continue
        at = before.rfind(letter, 0, at)
        while place == 0 and at > 0 and before[at - 1].isalnum():
            at = before.rfind(letter, 0, at)
        if at < 0:
            return ""
    return _words_of_long(before[at:], short)


def _words_of_long(long: str, short: str) -> str:
    """Return the words of a long form; nothing if they are one, or have the acronym among them."""
    words = _PART.findall(long)
    # One word abbreviates little.
    return " ".join(words) if len(words) > 1 and short not in words else ""


def _singular(long: str) -> str:
    """Return a long form without the plural of its last word: networks are defined like one."""
    return long if long.endswith(("ss", "is", "us")) else long.removesuffix("s")


# ---------------------------------------------------------------------------- learning


class Table(NamedTuple):
    """What the file holds: `sequence` of the change log, words and definitions with counts."""

    sequence: int
    papers: int
    words: Mapping[str, int]
    acronyms: Mapping[tuple[str, str], int]


class Lesson:
    """Counts of words and definitions, which grow as papers are read."""

    def __init__(self, table: Table | None = None) -> None:
        """Go on from the counts of `table`."""
        self.words: Counter[str] = Counter(table.words if table else None)
        self.acronyms: Counter[tuple[str, str]] = Counter(table.acronyms if table else None)
        self._papers = table.papers if table else 0

    def read(self, papers: Iterable[Paper]) -> Self:
        """Count in about how many of `papers` each word stands, and what they define."""
        texts = [(paper.id, paper.text) for paper in papers]
        whole = max(0, EXACT - self._papers)
        self._papers += len(texts)
        self.words.update(_distinct(text for _, text in texts[:whole]))
        sampled = Counter(_distinct(text for i, text in texts[whole:] if i % SAMPLED == 0))
        for word, count in sampled.items():
            self.words[word] += count * SAMPLED
        self.acronyms.update(chain.from_iterable({*definitions(text)} for _, text in texts))
        if len(self.words) > MOST:
            self.words = Counter({w: n for w, n in self.words.items() if n > 1})
        return self


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    """Return the words of texts one after the other, each once for a text."""
    return chain.from_iterable(map(set, map(words_of, texts)))


# ---------------------------------------------------------------------------- the table


_NOTHING = Table(0, 0, {}, {})


class WordTable:
    """The file `path` with the words and acronyms of a collection, read when first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = manifest.GONE
        self._held = Forms(_NOTHING)

    def forms(self) -> Forms:
        """Return what can be looked up as of now."""
        stamp = manifest.stamp(self.path)
        if stamp != self._stamp:
            self._held, self._stamp = Forms(_read(self.path)), stamp
        return self._held

    def lacks(self, sequence: int) -> bool:
        """Whether the table is so far from what the record holds at `sequence` to be made again."""
        held = self.forms().table.sequence
        return held > sequence or (sequence - held) * LAG >= max(held, 1)

    def begun(self, sequence: int) -> tuple[Lesson, int]:
        """Return what was learned so far, to go on from, and up to which sequence that was."""
        table = self.forms().table
        if table.sequence > sequence:
            table = _NOTHING
        return Lesson(table), table.sequence

    def keep(self, lesson: Lesson, sequence: int, papers: int) -> None:
        """Replace the table, in one step for readers."""
        least = 1 if papers <= SMALL else 2
        words = {w: n for w, n in lesson.words.items() if n >= least}
        manifest.write(
            self.path,
            {
                "format": FORMAT,
                "sequence": sequence,
                "papers": papers,
                "words": " ".join(words),
                "counts": list(words.values()),
                "acronyms": [[*k, n] for k, n in lesson.acronyms.items() if n >= least],
            },
        )


def _read(path: Path) -> Table:
    """Return the table in a file; an empty one if there is none that can be read."""
    try:
        facts = manifest.read(path)
        if not facts or facts["format"] != FORMAT:
            return _NOTHING
        words = dict(zip(facts["words"].split(), facts["counts"], strict=True))
        acronyms = {(short, long): n for short, long, n in facts["acronyms"]}
        return Table(int(facts["sequence"]), int(facts["papers"]), words, acronyms)
    except (SearchIndexError, KeyError, ValueError, TypeError, AttributeError):
        return _NOTHING  # derived: it is learned anew


class Forms:
    """A table with what is looked up in it, each made when it is first asked for."""

    def __init__(self, table: Table) -> None:
        self.table = table

    @cached_property
    def _longs(self) -> dict[str, dict[str, int]]:
        """Long forms by acronym in small letters; of singular and plural the more frequent."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for (short, long), n in self.table.acronyms.items():
            same = found.setdefault(short.lower(), {}).setdefault(_singular(long), {})
            same[long] = same.get(long, 0) + n
        return {
            short: {
                max(same, key=lambda f: (same[f], f)): sum(same.values()) for same in forms.values()
            }
            for short, forms in found.items()
        }

    @cached_property
    def _shorts(self) -> dict[str, dict[str, int]]:
        """Acronyms by the singular of their long form."""
        found: dict[str, dict[str, int]] = {}
        for (short, long), n in self.table.acronyms.items():
            told = found.setdefault(_singular(long), {})
            told[short] = told.get(short, 0) + n
        return found

    @cached_property
    def _frequent(self) -> _Letters:
        words, least = self.table.words, max(1, self.table.papers // FREQUENT)
        return _Letters({w: n for w, n in words.items() if n >= least})

    def often(self, word: str) -> int:
        """Return about how many papers have exactly this folded word."""
        return self.table.words.get(word, 0)

    def near(self, word: str) -> list[tuple[str, int]]:
        """Return the frequent words nearest to `word`, most frequent first, with how many have it.

        They begin with the same letter, or with the first two swapped, and are one slip away: a
        letter more, less or other, or two swapped. For ten letters or more it may be two, if there
        is none at one and the last three letters are the same: real words differ in their ends.
        """
        return self._frequent.near(word)

    def long_forms(self, acronym: str) -> dict[str, int]:
        """Return the long forms of an acronym in any case, with how often it is defined so."""
        return self._longs.get(acronym.lower(), {})

    def acronyms(self, long_form: str) -> dict[str, int]:
        """Return the acronyms that stand for a folded long form, with how often."""
        return self._shorts.get(_singular(long_form), {})


class _Letters:
    """Words as rows of letters, so that all of them are compared with one at once."""

    def __init__(self, words: Mapping[str, int]) -> None:
        fit = [w for w in words if 3 <= len(w) <= _LONGEST and w.isascii() and w.isalpha()]  # noqa: PLR2004
        self._words, self._often = fit, words
        self._counts = np.array([words[w] for w in fit], np.int64)
        self._rows = np.array(fit, f"S{_LONGEST}").view(np.uint8).reshape(len(fit), _LONGEST)
        self._sizes = np.array([len(w) for w in fit], np.int64)
        self._masks = _masks(self._rows)

    def near(self, word: str) -> list[tuple[str, int]]:
        if not (5 <= len(word) < _LONGEST and word.isascii() and word.isalpha()):  # noqa: PLR2004
            return []
        most = 2 if len(word) >= 10 else 1  # noqa: PLR2004
        row = np.frombuffer(word.encode(), np.uint8)
        # Each slip changes the set of letters by two at most.
        other = np.bitwise_count(self._masks ^ _masks(row[None])[0])
        like = np.flatnonzero(
            (other <= 2 * most) & (abs(self._sizes - len(word)) <= most) & self._begin_like(row)
        )
        sizes = self._sizes[like]
        slips = distances(row, self._rows[like, : sizes.max(initial=0)], sizes)
        for allowed in range(1, most + 1):
            found = like[slips == allowed]
            order = found[np.argsort(-self._counts[found], kind="stable")].tolist()
            near = [self._words[i] for i in order if _is_likely(word, self._words[i], allowed)]
            if near:
                return [(w, int(self._often[w])) for w in near]
        return []

    def _begin_like(self, row: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which words have the first letter of a row, or its first two swapped."""
        first, second = self._rows[:, 0], self._rows[:, 1]
        found: NDArray[np.bool_] = (first == row[0]) | ((first == row[1]) & (second == row[0]))
        return found


def _is_likely(word: str, meant: str, slips: int) -> bool:
    """Whether people slip so: seldom at the first letter, and not at the end of all places."""
    if word[0] != meant[0]:
        return slips == 1 and word[:2] == meant[1::-1]
    return slips == 1 or word[-3:] == meant[-3:]


def _masks(rows: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return for each row of small letters, filled with zeros, the set of its letters as bits."""
    bits = np.where(rows > 0, np.uint32(1) << (rows.astype(np.uint32) - 97 & 31), np.uint32(0))
    found: NDArray[np.uint32] = np.bitwise_or.reduce(bits, axis=1)
    return found


def distances(
    word: NDArray[np.uint8], rows: NDArray[np.uint8], sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many slips lie between `word` and each row: Damerau's (1964), none twice.

    A slip is a letter inserted, left out or replaced, or two neighbours swapped (the optimal
    string alignment). `rows` are (n, width) letters, of which the first `sizes` count.
    """
    n, width = rows.shape
    before = np.zeros((n, width + 1), np.int64)
    last = np.tile(np.arange(width + 1), (n, 1))
    for i, letter in enumerate(word):
        now = np.empty_like(last)
        now[:, 0] = i + 1
        same = rows == letter
        for j in range(width):
            replaced = last[:, j] + ~same[:, j]
            now[:, j + 1] = np.minimum(np.minimum(now[:, j], last[:, j + 1]) + 1, replaced)
            if i and j:
                swapped = same[:, j - 1] & (rows[:, j] == word[i - 1])
                better = np.minimum(now[:, j + 1], before[:, j - 1] + 1)
                now[:, j + 1] = np.where(swapped, better, now[:, j + 1])
        before, last = last, now
    return last[np.arange(n), sizes]


# ---------------------------------------------------------------------------- what is known


class KnownWords:
    """The `Vocabulary` of an index: its terms and names, and the table of words beside it."""

    def __init__(self, forms: Forms, text: TextIndex | None) -> None:
        """Look up in what was opened; answers are kept, as one query asks for them often."""
        self._table = forms
        self._text = text
        self._papers: dict[str, int] = {}
        self._authors: dict[tuple[str, ...], int] = {}

    @property
    def total(self) -> int:
        """How many papers there are."""
        return self._text.papers if self._text else 0

    def papers(self, word: str) -> int:
        """Return how many papers have the word in any form, in title or abstract."""
        if word not in self._papers:
            self._papers[word] = self._text.having(word) if self._text else 0
        return self._papers[word]

    def has_phrase(self, text: str) -> bool:
        """Return whether a paper has these words one after the other."""
        return self._text is not None and self._text.has_phrase(text)

    def authors(self, *names: str) -> int:
        """Return how many papers have an author with these names, in this order."""
        if names not in self._authors:
            self._authors[names] = self._text.named(names) if self._text else 0
        return self._authors[names]

    def often(self, word: str) -> int:
        """Return about how many papers have exactly this folded word."""
        return self._table.often(word)

    def near(self, word: str) -> list[tuple[str, int]]:
        """Return the frequent words nearest to `word`, most frequent first."""
        return self._table.near(word)

    def long_forms(self, acronym: str) -> dict[str, int]:
        """Return the long forms of an acronym, with how often it is defined so."""
        return self._table.long_forms(acronym)

    def acronyms(self, long_form: str) -> dict[str, int]:
        """Return the acronyms that stand for a folded long form, with how often."""
        return self._table.acronyms(long_form)
