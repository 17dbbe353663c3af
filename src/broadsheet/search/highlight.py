"""Where the words of a query stand in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


class Marker:
    """Finds the words of one query in any number of texts."""

    def __init__(self, wanted: Mapping[str, str], stems: Callable[[str], Sequence[str]]) -> None:
        """Take the stems to mark, each with the word of the query it comes from."""
        self._wanted = wanted
        self._stems = stems
        self._candidates = _pattern(wanted)

    def mark(self, text: str) -> Marked:
        """Return `text` with every word marked that has a wanted stem."""
        spans: list[Span] = []
        found: dict[str, None] = {}
        for match in self._candidates.finditer(text):
            for stem in self._stems(match[0]):
                if stem in self._wanted:
                    spans.append(match.span())
                    found[self._wanted[stem]] = None
                    break
        return Marked(text, tuple(spans), tuple(found))


def _pattern(stems: Iterable[str]) -> re.Pattern[str]:
    """Return what matches every word that can have one of `stems`, and few others.

    A stemmer changes the end of a word, so its first letters stay; a word with a letter outside
    ASCII may be folded into anything and is always tried.
    """
    heads = sorted({re.escape(s[: max(1, len(s) - 2)]) for s in stems})
    if not heads:
        return re.compile(r"(?!)")
    word, foreign = r"[^\W_]*", r"[^\W\x00-\x7f]"
    # Case is ignored for the heads alone: ignoring it, `re` takes İ for an ASCII letter.
    return re.compile(rf"(?<![^\W_])(?:(?i:{'|'.join(heads)}){word}|{word}{foreign}{word})")
