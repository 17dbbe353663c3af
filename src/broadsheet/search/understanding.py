"""What a reader means by a query, beyond what they typed: pure.

Nothing that was typed is taken away or overruled: words are added, with smaller weights where
they mean more than was asked for, and every addition is told. What stands in quotes, in a field
or below OR and NOT is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from broadsheet.papers.text import fold
from broadsheet.search.query import And, DateRange, Phrase, Query, Word
from broadsheet.search.spelling import variants

Why = Literal["typed", "corrected", "spelling", "acronym", "author", "year"]
"""Why a word ranks: it was typed, is its other form or long form, or is a name or a year."""

RARE: Final = 3
RARE_SHARE: Final = 10_000
"""A word may be a typing error if fewer papers have it than `RARE`, or than one in so many."""
CLEARLY: Final = 100
"""What so many times as many papers have is what was meant."""
USUAL: Final = 0.6
"""An acronym has one meaning if so much of its definitions are the same."""
DEFINED: Final = 0.2
"""A word in small letters is an acronym if so much of the papers that have it define it."""
HOUSEHOLD: Final = 0.02
"""An acronym that fewer of its papers define needs no explanation, and its long form is unused."""
RARELY: Final = 200
"""Another spelling counts if it is not so many times as rare as the one typed."""
HYPHENED: Final = 20
"""A compound is also written as one word if that is not so many times as rare as the hyphen."""
COMMON: Final = 0.005
"""What so much of all papers have is surely meant by an error near it, as far as meaning goes."""
SHORT: Final = 3
"""A query of no more words may be a name with something about it."""
LONG: Final = 15
"""A query of more words describes what it is about, and needs other spellings only."""

EXPANDED: Final = 0.5
"""The weight of a long form: its words are several, and score as much each."""
DOUBTED: Final = 0.7
"""The weight of a correction where a few papers do have the word as it was typed."""
YEAR_BONUS: Final = 1.0
"""What a paper of the year gets beside its score in words: less than for a common word."""

_YEAR: Final = re.compile(r"(?:19[5-9]|20\d)\d")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_PARTS: Final = re.compile(r"[^\W_]+")
_LONGEST_FORM: Final = 6


class Weighed(NamedTuple):
    """A word, or several, that rank papers with a `weight`; 1 is that of a word typed once.

    What stands for the typed words `of` is another form of them (several words in this order): a
    paper that has both is scored by the better one. An `author` is looked for among the names,
    and a `year` is a small bonus for what matches otherwise.
    """

    text: str
    weight: float = 1.0
    why: Why = "typed"
    of: str = ""

    @property
    def is_meant(self) -> bool:
        """Whether a paper with this word alone is a match; a year only ranks."""
        return self.why != "year"


class Note(NamedTuple):
    """What was understood: `kind` for programs, `text` for people.

    `query`, if there is one, asks for exactly what was typed.
    """

    kind: str
    text: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """The words that rank, what goes to the embedder, and what people are told."""

    words: tuple[Weighed, ...]
    meant: str
    notes: tuple[Note, ...] = ()


class Vocabulary(Protocol):
    """What a collection knows of words and names."""

    @property
    def total(self) -> int:
        """How many papers there are."""

    def papers(self, word: str) -> int:
        """Return how many papers have the word in any form, in title or abstract."""

    def often(self, word: str) -> int:
        """Return about how many papers have exactly this folded word, hyphens and all."""

    def near(self, word: str) -> list[tuple[str, int]]:
        """Return the known words that are likely meant, likeliest first, with their papers."""

    def has_phrase(self, text: str) -> bool:
        """Return whether a paper has these words one after the other."""

    def authors(self, *names: str) -> int:
        """Return how many papers have an author with these names, in this order."""

    def long_forms(self, acronym: str) -> Mapping[str, int]:
        """Return the long forms of an acronym in any case, with how often it is defined so."""

    def acronyms(self, long_form: str) -> Mapping[str, int]:
        """Return the acronyms of a folded long form, with how often they are defined so."""


def typed(words: Iterable[str]) -> list[Weighed]:
    """Return words as they were typed, nothing added."""
    return [Weighed(word) for word in words]


def understand(query: Query, knows: Vocabulary) -> Understood:
    """Return what `query` means to a collection with this vocabulary.

    Its bare words come first, in order, each with weight 1. In a description of more than `LONG`
    words only the spellings of the other side of the ocean stand beside them.
    """
    bare = query.bare
    if not bare:
        return Understood((), " ".join(query.words))
    reader = _Reader(query, bare, knows)
    return Understood(reader.weighed(), reader.said(), tuple(reader.notes))


class _Reader:
    """Reads the bare words of one query."""

    def __init__(self, query: Query, bare: Sequence[str], knows: Vocabulary) -> None:
        self.notes: list[Note] = []
        self._query = query
        self._bare = bare
        self._knows = knows
        self._rare = max(RARE, knows.total // RARE_SHARE)
        self._shouts = len(bare) > 1 and all(w.upper() == w for w in bare)
        self._corrected: dict[str, str] = {}
        self._mended: dict[str, str] = {}
        self._expanded: dict[str, str] = {}
        if len(bare) > LONG:
            self._added = [*self._spellings()]
            return
        self._added = [
            *self._corrections(),
            *self._spellings(),
            *self._compounds(),
            *self._long_forms(),
            *self._short_forms(),
            *self._names(),
            *self._years(),
        ]

    def weighed(self) -> tuple[Weighed, ...]:
        return (*typed(self._bare), *dict.fromkeys(self._added))

    def said(self) -> str:
        """Return the words for the embedder: errors mended, and acronyms with their long forms.

        Beside more than a few other words an acronym is clear, and its long form would drown them.
        """
        words = [self._mended.get(w, w) for w in self._query.words]
        if len(words) > SHORT:
            return " ".join(words)
        return " ".join(f"{w} {self._expanded[w]}" if w in self._expanded else w for w in words)

    def _note(self, kind: str, text: str, query: str = "") -> None:
        self.notes.append(Note(kind, text, query))

    # ------------------------------------------------------------------ errors

    def _corrections(self) -> Iterator[Weighed]:
        for word in dict.fromkeys(self._bare):
            held = self._knows.papers(word)
            if held >= self._rare or self._is_known(word) or self._split(word, held):
                continue
            if near := self._meant(word, held):
                is_sure = self._knows.papers(near) >= max(COMMON * self._knows.total, CLEARLY)
                self._corrected[word] = near
                self._mended[word] = near if is_sure else f"{word} {near}"
                self._note(
                    "correction",
                    f"did you mean “{near}”? It was searched for beside “{word}”",
                    self._quoted(word),
                )
                yield Weighed(near, DOUBTED if held else 1.0, "corrected", word)

    def _meant(self, word: str, held: int) -> str:
        """Return the word that this is an error for, or nothing."""
        near = self._knows.near(fold(word))
        return next((w for w, n in near if n >= max(CLEARLY * held, 1)), "")

    def _is_known(self, word: str) -> bool:
        """Whether this is no error: it has a digit or a capital inside, or is a name, or British.

        An acronym may be rare, too.
        """
        if not _LETTERS.fullmatch(word) or self._knows.authors(word) or self._is_acronym(word):
            return True
        return any(self._knows.often(v) >= self._rare for v in variants(word.lower()))

    def _is_acronym(self, word: str) -> bool:
        return word[1:].lower() != word[1:] and not self._shouts

    def _quoted(self, word: str) -> str:
        """Return the query with this word in quotes, to be taken as it is."""
        found = tuple(
            Phrase(n.text) if isinstance(n, Word) and n.field is None and n.text == word else n
            for n in self._query.parts
        )
        root = And(found) if len(found) > 1 else found[0]
        return str(Query(root, self._query.sort))

    # ------------------------------------------------------------------ forms

    def _spellings(self) -> Iterator[Weighed]:
        for word in dict.fromkeys(part for w in self._bare for part in w.split("-")):
            own = self._corrected.get(word, word).lower()
            if not own.isascii() or not own.isalpha() or len(own) < 4:  # noqa: PLR2004
                continue
            for other in variants(own):
                n = self._knows.often(other)
                if n >= RARE and n * RARELY >= self._knows.papers(own):
                    yield Weighed(other, 1.0, "spelling", word)

    def _compounds(self) -> Iterator[Weighed]:
        """Yield compounds in one word for those in two or with a hyphen, and the other way."""
        for first, second in zip(self._bare, self._bare[1:], strict=False):
            if _LETTERS.fullmatch(first) and _LETTERS.fullmatch(second):
                yield from self._joined(fold(first), fold(second), f"{first} {second}")
        for word in dict.fromkeys(self._bare):
            first, hyphen, second = fold(word).partition("-")
            if hyphen and first.isalpha() and second.isalpha():
                yield from self._joined(first, second, word)
            elif parts := self._split(word, self._knows.papers(word)):
                yield Weighed(parts, 1.0, "spelling", word)

    def _joined(self, first: str, second: str, of: str) -> Iterator[Weighed]:
        hyphened, joined = self._knows.often(f"{first}-{second}"), self._knows.often(first + second)
        # Two words that are often lost their space somewhere, which makes no compound of them.
        parts = min(self._knows.often(first), self._knows.often(second))
        least = max(RARE, hyphened / HYPHENED, parts / CLEARLY)
        if hyphened >= RARE and joined >= least:
            yield Weighed(first + second, 1.0, "spelling", of)

    def _split(self, word: str, held: int) -> str:
        """Return a compound in two words, if it is also written with a hyphen; else nothing.

        One that nobody writes as one word may also be two that stand side by side.
        """
        whole = fold(word)
        if not whole.isalpha():
            return ""
        for at in range(2, len(whole) - 2):
            first, second = whole[:at], whole[at:]
            hyphened = self._knows.often(f"{first}-{second}")
            if hyphened >= RARE and hyphened * HYPHENED >= held:
                return f"{first} {second}"
        return self._unspaced(whole, max(RARE, CLEARLY * held)) if held < self._rare else ""

    def _unspaced(self, whole: str, least: int) -> str:
        """Return two words that stand side by side somewhere, each in so many papers; or nothing.

        Of several ways to part them the one with the more frequent words.
        """
        halves = ((whole[:at], whole[at:]) for at in range(3, len(whole) - 2))
        known = [h for h in halves if min(map(self._knows.often, h)) >= least]
        known.sort(key=lambda h: -min(map(self._knows.often, h)))
        return next((" ".join(h) for h in known[:3] if self._knows.has_phrase(" ".join(h))), "")

    # ------------------------------------------------------------------ acronyms

    def _long_forms(self) -> Iterator[Weighed]:
        said = set(_folded(self._bare))
        for word in dict.fromkeys(self._bare):
            long = self._long_form(word, said)
            if long and not set(long.split()) <= said:
                self._expanded[word] = long
                self._note("acronym", f"also searched for “{long}” ({word})")
                yield Weighed(long, EXPANDED, "acronym", word)

    def _long_form(self, word: str, said: set[str]) -> str:
        """Return the usual long form of an acronym, or the one that the other words agree with."""
        forms = self._knows.long_forms(word)
        total = sum(forms.values())
        least = HOUSEHOLD if self._is_acronym(word) else DEFINED
        if not total or total < least * max(self._knows.papers(word), RARE):
            return ""
        ranked = sorted(forms, key=lambda f: (-len(said & set(f.split())), -forms[f], f))
        agreed = len(said & set(ranked[0].split())) > 0
        usual = max(forms, key=lambda f: (forms[f], f))
        return ranked[0] if agreed else usual if forms[usual] >= USUAL * total else ""

    def _short_forms(self) -> Iterator[Weighed]:
        """Yield the acronyms of what is written out, the longest first."""
        words, at = _folded(self._bare), 0
        while at < len(words):
            sizes = range(min(_LONGEST_FORM, len(words) - at), 1, -1)
            found = ((size, self._short_form(words[at : at + size])) for size in sizes)
            size, short = next((f for f in found if f[1]), (1, ""))
            if short and short.lower() not in words:
                long = " ".join(words[at : at + size])
                self._note("acronym", f"also searched for “{short}” ({long})")
                yield Weighed(short, 1.0, "acronym", long)
            at += size

    def _short_form(self, words: Sequence[str]) -> str:
        """Return the acronym that mostly stands for these words, or nothing."""
        shorts = self._knows.acronyms(" ".join(words))
        short = max(shorts, key=lambda s: (shorts[s], s), default="")
        total = sum(self._knows.long_forms(short).values())
        # Two letters stand for too much.
        return short if len(short) > 2 and shorts[short] >= USUAL * total else ""  # noqa: PLR2004

    # ------------------------------------------------------------------ names and years

    def _names(self) -> Iterator[Weighed]:
        """Yield names of authors: of two words side by side, or one that is hardly a word."""
        named: set[str] = set()
        for first, second in zip(self._bare, self._bare[1:], strict=False):
            if self._is_person(first, second):
                named |= {first, second}
                self._note("author", f"“{first} {second}” is looked for among the authors too")
                yield Weighed(f"{first} {second}", 2.0, "author")
        alone = dict.fromkeys(self._bare) if len(self._bare) <= SHORT else ()
        for word in alone:
            is_sign = len(word) < 3 or self._is_acronym(word) or word in named  # noqa: PLR2004
            bearers = 0 if is_sign else self._knows.authors(word)
            if bearers >= RARE and bearers >= 2 * self._knows.papers(word):
                self._note("author", f"“{word}” is looked for among the authors too")
                yield Weighed(word, 1.0, "author")

    def _is_person(self, first: str, second: str) -> bool:
        if not (self._knows.authors(first) and self._knows.authors(second)):
            return False
        people = self._knows.authors(first, second)
        return people > 0 and not self._knows.has_phrase(f"{first} {second}")

    def _years(self) -> Iterator[Weighed]:
        """Yield a year, if it is not part of a name ("WMT 2014") and no field says when."""
        if any(isinstance(n, DateRange) for n in self._query.parts) or len(self._bare) < 2:  # noqa: PLR2004
            return
        years: dict[str, None] = {}
        for before, word in zip(("", *self._bare), self._bare, strict=False):
            is_name = sum(c.isupper() for c in before) > 1 and not self._shouts
            if _YEAR.fullmatch(word) and not is_name:
                years[word] = None
        for year in years:
            self._note("year", f"papers of {year} stand a little higher")
            yield Weighed(year, YEAR_BONUS, "year")


def _folded(words: Iterable[str]) -> list[str]:
    return [part for word in words for part in _PARTS.findall(fold(word))]
