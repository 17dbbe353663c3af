"""How well papers match a query in words: pure, over the words of the candidates.

The text index finds candidates; here they are scored by everything that is known of them: BM25
over title and abstract taken as one text (Robertson and Zaragoza 2009), again over the title
alone, words that stand side by side in the query and near each other in the text, and TF-IDF,
which is the better measure for long queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

TITLE_WEIGHT = 0.4
PAIR_WEIGHT = 0.4
PAIR_REACH = 3
"""Two words are near each other if at most two others that are no stop words stand between."""
TF_IDF_SHARE = 0.15
K1, B = 1.2, 0.75
_SHORTEST = 10
"""A text is not taken for shorter: few words would make any match of them perfect."""

BOUNDARY = 0
"""Stands between title and abstract; no word has this key."""

_HALF = np.uint32(0xFFFF)

Floats = NDArray[np.float32]


class Form(NamedTuple):
    """A stem, or several one after the other, that papers are scored by.

    Forms of one `group` can stand for each other: those of one `way` are added up, and the best
    way counts. `name` is the word as a person knows it.
    """

    stems: tuple[str, ...]
    weight: float
    group: int
    way: int
    name: str


class Terms(NamedTuple):
    """What a query asks for in words: keys and rarities (idf in texts and titles) of its stems.

    `pairs` are forms, by number, that stand side by side in the query.
    """

    forms: tuple[Form, ...]
    keys: dict[str, int]
    rarity: dict[str, tuple[float, float]]
    pairs: tuple[tuple[int, int], ...] = ()


class Share(NamedTuple):
    """What something adds to the score of a paper in words.

    A `word` of the query, an `other` form that stands for one, a `pair` of words that stand near
    each other, or what stands `beside` the words.
    """

    kind: Literal["word", "other", "pair", "beside"]
    name: str
    added: float


class Words(NamedTuple):
    """The keys of the words of some papers one after the other: paper i ends before `ends[i]`."""

    keys: NDArray[np.uint32]
    ends: NDArray[np.int64]


class Lengths(NamedTuple):
    """How many words the texts and the titles of a collection have on average."""

    text: float
    title: float


def rarity(papers: int, having: int) -> float:
    """Return the idf of a word that stands in so many of the papers, as Lucene's BM25 has it."""
    having = min(having, papers)
    return float(np.log1p((papers - having + 0.5) / (having + 0.5)))


class Scoring:
    """The scores in words of some papers, and what they are made of.

    All matrices have a row for each paper and, unless they say otherwise, a column for each form.
    """

    def __init__(
        self,
        terms: Terms,
        words: Words,
        mean: Lengths,
        beside: Mapping[str, Floats] | None = None,
    ) -> None:
        """Find the stems of a query among the words of the papers.

        `beside` is what else adds to BM25, by name: a number for each paper.
        """
        self.terms = terms
        self.beside = beside or {}
        self._mean = mean
        lengths = np.diff(words.ends, prepend=0)
        starts = words.ends - lengths
        self._stems = {stem: number for number, stem in enumerate(terms.keys)}
        # Few words are asked for, so from here on only the places where one stands are looked at.
        wanted = np.array([BOUNDARY, *terms.keys.values()], np.uint32)
        at, codes = _places(words.keys, wanted)
        owners = np.searchsorted(words.ends, at, side="right")
        is_word = codes > 0
        edges = starts.copy()
        edges[owners[~is_word]] = at[~is_word]
        self._title_lengths = edges - starts
        self._lengths = np.maximum(lengths - 1, 0)
        self._at, self._codes, self._owners = at[is_word], codes[is_word] - 1, owners[is_word]
        self._in_title = self._at < edges[self._owners]

    @cached_property
    def _counts(self) -> tuple[Floats, Floats]:
        """How often each form stands in each text, and in its title."""
        size = len(self._stems)
        in_text = self._tallied(self._owners, self._codes, size)
        title = self._in_title
        in_title = self._tallied(self._owners[title], self._codes[title], size)
        columns = [self._stems[form.stems[0]] for form in self.terms.forms]
        in_text, in_title = in_text[:, columns], in_title[:, columns]
        for number, form in enumerate(self.terms.forms):
            if len(form.stems) > 1:
                at = self._runs(form.stems)
                in_text[:, number] = np.bincount(self._owners[at], minlength=len(in_text))
                at = at[title[at]]
                in_title[:, number] = np.bincount(self._owners[at], minlength=len(in_text))
        return in_text, in_title

    def _tallied(self, owners: NDArray[np.int64], columns: NDArray[np.int64], width: int) -> Floats:
        """Return how often each column stands with each paper: (papers, width)."""
        size = len(self._lengths) * width
        found = np.bincount(owners * width + columns, minlength=size)
        return found.reshape(len(self._lengths), width).astype(np.float32)

    def _runs(self, stems: Sequence[str]) -> NDArray[np.int64]:
        """Return which places begin all these stems one after the other, in title or abstract."""
        codes = [self._stems[stem] for stem in stems]
        begins = np.flatnonzero(self._codes == codes[0])
        for step, code in enumerate(codes[1:], start=1):
            after = np.searchsorted(self._at, self._at[begins] + step)
            begins, after = begins[after < len(self._at)], after[after < len(self._at)]
            is_next = (self._codes[after] == code) & (self._at[after] == self._at[begins] + step)
            begins = begins[is_next & self._is_one_part(begins, after)]
        return begins

    def _is_one_part(self, some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which places stand in the same title or abstract."""
        same_paper = self._owners[some] == self._owners[others]
        same: NDArray[np.bool_] = same_paper & (self._in_title[some] == self._in_title[others])
        return same

    @cached_property
    def _rarities(self) -> tuple[Floats, Floats]:
        """How rare each form is in texts and in titles: a run is as rare as all of its stems."""
        found = [[self.terms.rarity[s] for s in form.stems] for form in self.terms.forms]
        sums = np.array([np.sum(f, axis=0) for f in found], np.float32).reshape(-1, 2)
        return sums[:, 0], sums[:, 1]

    @cached_property
    def _weights(self) -> Floats:
        return np.array([form.weight for form in self.terms.forms], np.float32)

    @cached_property
    def bm25_by_form(self) -> Floats:
        """What each form adds to BM25."""
        (in_text, in_title), (rare, rare_in_titles) = self._counts, self._rarities
        text = _saturated(in_text, self._lengths, self._mean.text) * rare
        title = _saturated(in_title, self._title_lengths, self._mean.title) * rare_in_titles
        by_form: Floats = (text + np.float32(TITLE_WEIGHT) * title) * self._weights
        return by_form * self._is_best(by_form)

    @cached_property
    def tf_idf_by_form(self) -> Floats:
        """What each form adds to the product of the TF-IDF vectors of query and text.

        Counts by their square root; the text's vector is as long as the root of its words.
        """
        weights = np.sqrt(self._weights) * np.square(self._rarities[0])
        lengths = np.sqrt(np.maximum(self._lengths, _SHORTEST)).astype(np.float32)
        by_form: Floats = np.sqrt(self._counts[0]) * weights / lengths[:, None]
        return by_form * self._is_best(by_form)

    def _is_best(self, by_form: Floats) -> Floats:
        """Return 1 for the forms whose way is the best of their group, 0 for the others."""
        kept = np.ones_like(by_form)
        for group in {form.group for form in self.terms.forms if form.way}:
            columns = [n for n, form in enumerate(self.terms.forms) if form.group == group]
            ways = np.array([self.terms.forms[n].way for n in columns])
            sums = np.stack([by_form[:, columns] @ (ways == w) for w in range(ways.max() + 1)])
            kept[:, columns] = ways[None, :] == sums.argmax(axis=0)[:, None]
        return kept

    @cached_property
    def by_pair(self) -> Floats:
        """What each pair of words adds to BM25: (papers, pairs)."""
        if not self.terms.pairs:
            return np.zeros((len(self._lengths), 0), np.float32)
        rarities = self._rarities[0][np.array(self.terms.pairs)].mean(axis=1)
        near = _saturated(self._near(), self._lengths, self._mean.text)
        by_pair: Floats = np.float32(PAIR_WEIGHT) * near * rarities
        return by_pair

    def _near(self) -> Floats:
        """Return how often the words of each pair stand near each other: (papers, pairs)."""
        forms, size, pairs = self.terms.forms, len(self._stems), len(self.terms.pairs)
        number = np.full((size, size), -1)
        for pair, (one, other) in enumerate(self.terms.pairs):
            a, b = self._stems[forms[one].stems[0]], self._stems[forms[other].stems[0]]
            number[a, b] = number[b, a] = pair
        total = np.zeros((len(self._lengths), pairs), np.float32)
        for ahead in range(1, PAIR_REACH + 1):
            gaps = self._at[ahead:] - self._at[:-ahead]
            first = np.flatnonzero(gaps <= PAIR_REACH)
            first = first[self._is_one_part(first, first + ahead)]
            which = number[self._codes[first], self._codes[first + ahead]]
            first, which = first[which >= 0], which[which >= 0]
            total += self._tallied(self._owners[first], which, pairs)
        return total

    @cached_property
    def bm25(self) -> Floats:
        """The sum of what forms and pairs add: (papers,)."""
        total: Floats = self.bm25_by_form.sum(axis=1) + self.by_pair.sum(axis=1)
        for added in self.beside.values():
            total = total + added
        return total

    @cached_property
    def tf_idf(self) -> Floats:
        """The product of the TF-IDF vectors: (papers,)."""
        total: Floats = self.tf_idf_by_form.sum(axis=1)
        return total

    @cached_property
    def is_match(self) -> NDArray[np.bool_]:
        """Whether a paper has any of the forms: (papers,)."""
        return np.asarray((self._counts[0] > 0).any(axis=1))

    @cached_property
    def scores(self) -> Floats:
        """The score of each paper, 0 to 1: (papers,).

        Each of the two measures is divided by its highest, so it says how these papers compare.
        """
        bm25, tf_idf = self._highest
        return (1 - TF_IDF_SHARE) * self.bm25 / bm25 + TF_IDF_SHARE * self.tf_idf / tf_idf

    @cached_property
    def _highest(self) -> tuple[np.float32, np.float32]:
        one = np.float32(1)
        return self.bm25.max(initial=0) or one, self.tf_idf.max(initial=0) or one

    @cached_property
    def _share_by_form(self) -> Floats:
        """What each form adds to the score of each paper."""
        bm25, tf_idf = self._highest
        by_form: Floats = self.bm25_by_form * ((1 - TF_IDF_SHARE) / bm25)
        return by_form + self.tf_idf_by_form * (TF_IDF_SHARE / tf_idf)

    def shares(self, paper: int) -> list[Share]:
        """Return what a paper's score is made of, most first: the shares add up to it."""
        forms, of_bm25 = self.terms.forms, (1 - TF_IDF_SHARE) / float(self._highest[0])
        found = [
            Share("other" if form.way else "word", form.name, added)
            for form, added in zip(forms, self._share_by_form[paper].tolist(), strict=True)
            if added
        ]
        for pair, added in zip(self.terms.pairs, self.by_pair[paper].tolist(), strict=True):
            if added:
                names = (forms[one].name for one in pair)
                found.append(Share("pair", " ".join(names), of_bm25 * added))
        for name, beside in self.beside.items():
            if beside[paper]:
                found.append(Share("beside", name, of_bm25 * float(beside[paper])))
        return sorted(found, key=lambda share: (-share.added, share.name))

    def has(self, paper: int) -> set[tuple[str, ...]]:
        """Return the stems of the forms that add to a paper's score."""
        added = self._share_by_form[paper].tolist()
        return {form.stems for form, n in zip(self.terms.forms, added, strict=True) if n}


def _saturated(counts: Floats, lengths: NDArray[np.int64], mean: float) -> Floats:
    """Return BM25's share of a word's rarity for its counts: more of it adds less and less."""
    damping = (K1 * (1 - B + B * lengths / max(mean, 1e-9))).astype(np.float32)
    saturated: Floats = counts * np.float32(K1 + 1) / (counts + damping[:, None])
    return saturated


def _places(
    keys: NDArray[np.uint32], wanted: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where any of the `wanted` keys stands, ascending, and which of them it is."""
    # Half of a key tells of nearly all that it is none of them, by one look at a small table.
    is_likely = np.zeros(_HALF + 1, np.bool_)
    is_likely[wanted & _HALF] = True
    at = np.flatnonzero(is_likely[keys & _HALF])
    order = np.argsort(wanted, kind="stable")
    found = np.searchsorted(wanted[order], keys[at]).clip(max=len(wanted) - 1)
    is_wanted = wanted[order][found] == keys[at]
    return at[is_wanted], order[found[is_wanted]]
