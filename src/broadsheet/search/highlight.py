"""Where the words of a query stand in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")

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


def mark(text: str, wanted: Collection[str], stems: Callable[[str], Sequence[str]]) -> Marked:
    """Return `text` with every word marked that has a stem in `wanted` (query stem → word)."""
    if not wanted:
        return Marked(text)
    spans: list[Span] = []
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        hit = next((s for s in stems(match[0]) if s in wanted), None)
        if hit is not None:
            spans.append(match.span())
            found[hit] = None
    return Marked(text, tuple(spans), tuple(found))
