"""Where the words of a query stand in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import NamedTuple

Span = tuple[int, int]


class Marked(NamedTuple):
    """A text with the places to mark (start, end; ascending) and the words of the query found."""

    text: str
    spans: tuple[Span, ...] = ()
    words: tuple[str, ...] = ()

    def parts(self) -> Iterator[tuple[bool, str]]:
        """Yield the text in pieces, each with whether it is marked; together they are the text."""
        at = 0
        for start, end in self.spans:
            if start > at:
                yield False, self.text[at:start]
            yield True, self.text[start:end]
            at = end
        if at < len(self.text):
            yield False, self.text[at:]


Run = tuple[str, ...]
"""Stems that stand one after the other, with nothing but stop words between."""


class Marker:
    """Finds the words of one query in any number of texts."""

    def __init__(
        self,
        wanted: Mapping[Run, str],
        stems: Callable[[str], Sequence[str]],
        stop_words: Container[str] = (),
    ) -> None:
        """Take what to mark, each with the words of the query it comes from."""
        self._wanted = wanted
        self._stems = stems
        self._stop_words = stop_words
        self._heads = _heads(chain.from_iterable(wanted))

    @cached_property
    def _in_ascii(self) -> re.Pattern[str]:
        # Without a condition in front, `re` looks for the first letters alone.
        return re.compile(rf"(?:{'|'.join(self._heads) or '(?!)'})[a-z0-9]*", re.ASCII)

    @cached_property
    def _in_any(self) -> re.Pattern[str]:
        return _pattern(self._heads)

    def _candidates(self, text: str) -> Iterator[Span]:
        """Yield where every word stands that may be wanted, and few others."""
        if not text.isascii():
            yield from (match.span() for match in self._in_any.finditer(text))
            return
        small = text.lower()
        for match in self._in_ascii.finditer(small):
            start, end = match.span()
            if not (start and small[start - 1].isalnum()):
                yield start, end

    def mark(self, text: str, among: Container[Run] | None = None) -> Marked:
        """Return `text` with every wanted word or run of words marked, or those `among` them."""
        begun: dict[str, list[Run]] = {}
        for run in self._wanted:
            if among is None or run in among:
                begun.setdefault(run[0], []).append(run)
        found = self._candidates(text) if begun else ()
        seen = [_Seen(span, self._stems(text[slice(*span)])) for span in found]
        marked: set[Span] = set()
        words: dict[str, None] = {}
        for at, (_, stems) in enumerate(seen):
            for run in chain.from_iterable(begun.get(stem, ()) for stem in stems):
                if len(run) == 1 or self._stands(run, seen[at : at + len(run)], text):
                    marked.update(word.span for word in seen[at : at + len(run)])
                    words[self._wanted[run]] = None
        return Marked(text, tuple(sorted(marked)), tuple(words))

    def _stands(self, run: Run, seen: Sequence[_Seen], text: str) -> bool:
        """Whether these words are the run, and nothing but stop words between them."""
        if len(seen) < len(run):
            return False
        gaps = (text[a.span[1] : b.span[0]] for a, b in pairwise(seen))
        return all(stem in word.stems for stem, word in zip(run, seen, strict=True)) and all(
            stem in self._stop_words for gap in gaps for stem in self._stems(gap)
        )


class _Seen(NamedTuple):
    """A word of a text that may be wanted."""

    span: Span
    stems: Sequence[str]


def _heads(stems: Iterable[str]) -> list[str]:
    """Return the letters that every word with one of `stems` begins with, as patterns.

    A stemmer changes the end of a word, so its first letters stay.
    """
    return sorted({re.escape(s[: max(1, len(s) - 2)]) for s in stems})


def _pattern(heads: Sequence[str]) -> re.Pattern[str]:
    """Return what matches every word with one of `heads`, and few others.

    A word with a letter outside ASCII may be folded into anything and is always tried.
    """
    if not heads:
        return re.compile(r"(?!)")
    word, foreign = r"[^\W_]*", r"[^\W\x00-\x7f]"
    # Case is ignored for the heads alone: ignoring it, `re` takes İ for an ASCII letter.
    return re.compile(rf"(?<![^\W_])(?:(?i:{'|'.join(heads)}){word}|{word}{foreign}{word})")
