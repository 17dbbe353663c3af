"""What the score of a hit was computed from, in numbers and in words: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from broadsheet.search.nearness import Affinity
from broadsheet.search.ranking import Reason, nearness
from broadsheet.search.scoring import Share
from broadsheet.search.understanding import Weighed

_SIGNS = '.,;:!?()[]{}"“”'
_LISTED = 6
_IN_TABLE = 8
_LEAST = 0.0005
"""What is rounded to nothing is not told by name."""


class Worded(NamedTuple):
    """What a word, or two that stand near each other (`pair`), added to a score.

    Of another `kind` than these it stands for the typed words `of`, or is a name or a year.
    """

    text: str
    share: float
    kind: str = "word"
    of: str = ""


class Row(NamedTuple):
    """A line of the table that explains a score: what adds how much, and what that is made of."""

    name: str
    added: float
    made_of: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a score was computed from.

    `parts` (words, static, deep, and a facet by its name) add up to the score, `words` to the part
    of that name, most first. `static` and `deep` are the cosines behind these parts, `model` that
    of the latter; `affinities` are some of what `static` is the sum of.
    """

    parts: Mapping[str, float] = field(default_factory=dict)
    words: tuple[Worded, ...] = ()
    static: float | None = None
    deep: float | None = None
    model: str = ""
    affinities: tuple[Affinity, ...] = ()

    def in_facet(self, name: str, added: float, share: float) -> Explanation:
        """Return this as `share` of a score to which a facet adds the rest."""
        words = tuple(w._replace(share=share * w.share) for w in self.words)
        parts = {part: share * value for part, value in self.parts.items()}
        return Explanation(
            {name: added, **parts}, words, self.static, self.deep, self.model, self.affinities
        )

    def rows(self) -> tuple[Row, ...]:
        """Return the table that shows it, without the parts that there are none of."""
        made = {"words": self._in_words(), "static": self._near(), "deep": self._deep()}
        names = {"words": "Words", "static": "Meaning", "deep": "Deep tier"}
        return tuple(
            Row(names.get(part, f"Same {part}"), value, made.get(part, ""))
            for part, value in self.parts.items()
            if value
        )

    def _in_words(self) -> str:
        first = [word for word in self.words[:_IN_TABLE] if word.share >= _LEAST]
        told = [f"{shown(word)} {word.share:.3f}" for word in first]
        rest = self.words[len(first) :]
        if rest:
            told.append(f"{len(rest)} more {sum(w.share for w in rest):.3f}")
        return ", ".join(told)

    def _near(self) -> str:
        if self.static is None:
            return ""
        pairs = ", ".join(f"“{a.asked}” ~ “{a.said}” {a.share:.3f}" for a in self.affinities)
        return f"cosine {self.static:.3f}" + (f", of which {pairs}" if pairs else "")

    def _deep(self) -> str:
        return "" if self.deep is None else f"cosine {self.deep:.3f} by {self.model}"


def words_of(
    shares: Iterable[Share], part: float, weighed: Iterable[Weighed]
) -> tuple[Worded, ...]:
    """Return what words added to the part of a score that is theirs, most first.

    `shares` are those of the score in words, before it became that part; `weighed` says what was
    meant by the words. Forms of one word are taken together.
    """
    meant = {word.text: word for word in reversed([*weighed]) if word.why != "typed"}
    told = [(_told(share, meant), share.added) for share in shares]
    total = sum(added for _, added in told) or 1.0
    sums: dict[Worded, float] = {}
    for word, added in told:
        sums[word] = sums.get(word, 0.0) + part * added / total
    found = (word._replace(share=share) for word, share in sums.items())
    return tuple(sorted(found, key=lambda w: (-w.share, w.text)))


def _told(share: Share, meant: Mapping[str, Weighed]) -> Worded:
    name = plain(share.name)
    if share.kind in {"word", "pair"}:
        return Worded(name, 0.0, share.kind)
    word = meant.get(share.name)
    return Worded(name, 0.0, word.why, plain(word.of)) if word else Worded(name, 0.0)


def plain(text: str) -> str:
    """Return words without the signs around them that were typed with them."""
    return " ".join(word.strip(_SIGNS) or word for word in text.split())


def shown(word: Worded) -> str:
    """Return a word as a table shows it."""
    match word.kind:
        case "pair":
            return f"“{word.text}” near each other"
        case "author":
            return f"author “{word.text}”"
        case "year":
            return f"year “{word.text}”"
    return f"“{word.text}” (for “{word.of}”)" if word.of else f"“{word.text}”"


def reasons(
    made: Explanation, in_title: Sequence[str], in_text: Sequence[str], text: str = "abstract"
) -> tuple[Reason, ...]:
    """Return why a hit is a hit, the weightier first: which words where, how near in meaning.

    `in_title` and `in_text` are words that stand there and scored, `text` says what stands below
    the title: the abstract, or a summary.
    """
    found = [*_of_words(made, in_title, in_text, text), *_of_meaning(made)]
    return tuple(reason for _, reason in sorted(found, key=lambda f: -f[0]))


_Weighty = tuple[float, Reason]


def _of_words(
    made: Explanation, in_title: Sequence[str], in_text: Sequence[str], text: str
) -> list[_Weighty]:
    known = {word.text: word for word in reversed(made.words) if word.kind != "pair"}
    part = made.parts.get("words", 0.0)
    found: list[_Weighty] = []
    both = [w for w in in_title if w in in_text]
    for kind, where, names in (
        ("words", f"in title and {text}", both),
        ("title", "in the title", [w for w in in_title if w not in both]),
        (text, f"in the {text}", [w for w in in_text if w not in both]),
    ):
        words = sorted((known.get(n) or Worded(n, 0.0) for n in names), key=lambda w: -w.share)
        if words:
            told = f"{_listed([shown(w) for w in words])} {where}"
            found.append((part, Reason(kind, told, sum(w.share for w in words))))
    beside = (w for w in made.words if w.kind in {"author", "year"})
    return [*found, *((w.share, Reason(w.kind, shown(w), w.share)) for w in beside)]


def _of_meaning(made: Explanation) -> list[_Weighty]:
    static, deep = made.parts.get("static", 0.0), made.parts.get("deep", 0.0)
    found: list[_Weighty] = []
    if made.static is not None and made.static > 0 and static > 0:
        pairs = ", ".join(f"“{a.asked}” ~ “{a.said}”" for a in made.affinities)
        told = f"{nearness(made.static)} in meaning" + (f": {pairs}" if pairs else "")
        found.append((static, Reason("meaning", told, made.static)))
    if made.deep is not None and made.deep > 0 and deep > 0:
        told = f"{nearness(made.deep)} by the deep tier"
        found.append((deep, Reason("deep", told, made.deep)))
    return found


def _listed(told: Sequence[str]) -> str:
    rest = len(told) - _LISTED
    if rest > 0:
        return ", ".join(told[:_LISTED]) + f" and {rest} more"
    return " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))
