"""Train the learned half of the word vectors from titles and abstracts.

    python training/train_static.py --corpus DIR --exclude DIR [DIR ...] --out FILE

A paper gives pairs of texts that belong together (its title and its abstract, some of its
words and the whole, ...). Each step sums word rows to text vectors, asks each text to be
nearer to its partner than to the partners of all other texts of the batch, and moves the rows
that took part. README.md tells the choices; the same seed gives the same file on one machine.
"""

from __future__ import annotations

import os

# One core, and the same sums each time.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import itertools
import json
import lzma
import re
import sys
import time
import zlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from broadsheet.search.embedding import split_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.integer]
    Floats = NDArray[np.float32]
    Span = tuple[int, int]

MARK = b"\0"
DEFAULTS = {"seed": 1, "steps": 2000, "batch": 1024, "words": 36_000, "pairs": 16_000, "dim": 256}
SCALE = 20.0  # cosines are multiplied by this before the softmax
DIMS = (256, 128, 64)  # the first 128 and 64 numbers of a vector are trained to stand alone
FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.98, 1e-8
WARM_UP = 15
LAST_RATE = 0.03  # of the highest learning rate
KEPT_WORDS = 0.9  # on the document side
LARGE_BATCH_FROM = 0.8  # of the steps; from there on batches are twice as large
TITLE, SPAN, SENTENCE, HALVES, KEYWORDS = range(5)
KIND_WEIGHTS = (3.0, 3.0, 2.0, 1.0, 1.0)
HELD_OUT = 10  # of 1,000 papers: for `broadsheet eval --titles`
LONGEST_TEXT = 2_000  # words and word pairs

STOP_WORDS = frozenset(
    b"""a about above after again against all also although among an and any are as at be because
    been before being between both but by can could did do does during each either et al eg etc
    few first for from further had has have having he her here his how however i ie if in into is
    it its itself many may more moreover most much must near no nor not of off on once one only or
    other others our out over own same she should show shows shown so some such than that the
    their them then there therefore these they this those three through thus to too two under
    until up upon us use used uses using very via was we well were what when where whether which
    while who whose why will with within without would yet you your approach based can different
    existing method methods new novel paper present problem propose proposed proposes provide
    result results study work works""".split()
)


class Paper(NamedTuple):
    """What training takes from a record."""

    title: str
    abstract: str
    keywords: tuple[str, ...]


class Texts(NamedTuple):
    """All texts as numbers. Sentence i is `words[starts[i]:starts[i + 1]]`.

    A paper's first sentence is its title: `papers[p]` to `papers[p + 1]` are its sentences.
    `keywords` tells the same of its keywords, each of which is a "sentence" too. `pairs[i]` is
    the row of the word pair that begins at word i; -1 is a word or pair that has no row.
    `common` tells which words are stop words.
    """

    words: Ints
    pairs: Ints
    starts: Ints
    papers: Ints
    keywords: Ints
    common: NDArray[np.bool_]


# ---------------------------------------------------------------- reading


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a .jsonl or .jsonl.xz file."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def title_key(title: str) -> bytes:
    """Return the title without case, accents, spaces and marks."""
    return b"".join(split_words([title]))


def read_excluded(folders: list[Path]) -> tuple[set[str], set[bytes]]:
    """Return the ids and the title keys of everything that is judged or shown in these folders.

    Saved pages (.txt) count line by line, which covers their titles.
    """
    ids: set[str] = set()
    titles: set[bytes] = set()
    for path in sorted(itertools.chain.from_iterable(folder.rglob("*") for folder in folders)):
        if path.name.endswith((".jsonl", ".jsonl.xz")):
            for row in read_lines(path):
                ids.update(str(row[key]) for key in ("_id", "paper_id") if row.get(key))
                titles.update(title_key(row[key]) for key in ("title", "text") if row.get(key))
        elif path.name == "qrels.tsv":
            ids.update(line.split("\t")[1] for line in path.read_text("utf-8").splitlines()[1:])
        elif path.suffix == ".txt":
            lines = path.read_text("utf-8").splitlines()
            titles.update(title_key(line.removeprefix("Subscribe")) for line in lines)
    return ids, titles - {b""}


def is_excluded(row: dict[str, Any], ids: set[str]) -> bool:
    """Tell whether a record has one of the ids, with or without the name of its source."""
    own = [str(row[key]) for key in ("id", "arxiv_id", "doi") if row.get(key)]
    return any(form in ids for name in own for form in (name, re.split(r"[:/]", name)[-1]))


def read_papers(corpus: Path, folders: list[Path]) -> list[Paper]:
    """Return the papers to train on: not excluded, with an abstract, each title once."""
    rows = [row for path in sorted(corpus.glob("*.jsonl*")) for row in read_lines(path)]
    ids, seen = read_excluded(folders)
    seen.update(title_key(row["title"]) for row in rows if is_excluded(row, ids))
    papers = []
    for row in rows:
        abstract = row.get("abstract") or ""
        key = title_key(row["title"])
        if len(abstract) < 200 or key in seen or is_excluded(row, ids):
            continue
        seen.add(key)
        papers.append(Paper(row["title"], abstract, tuple(row.get("keywords") or ())))
    return papers


def is_held_out(paper: Paper) -> bool:
    """Tell whether a paper is kept for the figures at the end; this depends on its title only."""
    return zlib.crc32(title_key(paper.title)) % 1000 < HELD_OUT


# ---------------------------------------------------------------- counting


def number_texts(papers: list[Paper], size: int) -> tuple[list[bytes], Texts]:
    """Return the `size` most frequent words and all texts in numbers, yet without word pairs."""
    sentences: list[str] = []
    keywords: list[str] = []
    firsts, first_keywords = [0], [0]
    for paper in papers:
        sentences += [paper.title, *re.split(r"(?<=[.!?])\s+(?=[A-Z])", paper.abstract.strip())]
        keywords += paper.keywords
        firsts.append(len(sentences))
        first_keywords.append(len(keywords))
    numbers: defaultdict[bytes, int] = defaultdict(itertools.count().__next__)
    end = numbers[MARK]  # the first number, 0
    flat = number_words(sentences + keywords, numbers)
    marks = np.flatnonzero(flat == end)
    counts = np.bincount(flat, minlength=len(numbers))
    counts[end] = 0
    chosen = np.argsort(-counts, kind="stable")[:size]
    chosen = chosen[counts[chosen] >= 5]
    rows = np.full(len(numbers), -1, dtype=np.int32)
    rows[chosen] = np.arange(len(chosen), dtype=np.int32)
    spelled = list(numbers)
    words = [spelled[i] for i in chosen]
    texts = Texts(
        words=rows[flat[flat != end]],
        pairs=np.empty(0, np.int32),
        starts=np.append(0, marks - np.arange(len(marks))),
        papers=np.array(firsts),
        keywords=np.array(first_keywords) + len(sentences),
        common=np.array([word in STOP_WORDS for word in words]),
    )
    return words, texts


def number_words(texts: list[str], numbers: defaultdict[bytes, int]) -> Ints:
    """Return the numbers of all words, and that of MARK after each text; new words get new ones."""
    parts = []
    for start in range(0, len(texts), 4096):
        words = [*split_words(texts[start : start + 4096]), MARK]
        parts.append(np.fromiter(map(numbers.__getitem__, words), np.int32, len(words)))
    return np.concatenate(parts)


def find_pairs(texts: Texts, size: int) -> tuple[Ints, Texts]:
    """Return the `size` best word pairs as word numbers, and the texts with the pairs' rows.

    A pair stands within one sentence, has no stop word, occurs 15 times or more, and much more
    often than its words' frequencies alone would make it.
    """
    count = len(texts.common)
    plain = np.append(~texts.common, False)  # the last is for unknown words, -1
    left, right = texts.words[:-1].astype(np.int64), texts.words[1:].astype(np.int64)
    valid = plain[left] & plain[right]
    inner = texts.starts[(texts.starts > 0) & (texts.starts < len(texts.words))]
    valid[inner - 1] = False
    keys = np.where(valid, left * count + right, -1)
    found, times = np.unique(keys[valid], return_counts=True)
    found, times = found[times >= 15], times[times >= 15]
    frequency = np.bincount(texts.words[texts.words >= 0], minlength=count)
    expected = frequency[found // count] * frequency[found % count] / len(texts.words)
    information = np.log(times / expected)
    gain = np.where(information > 1.5, np.log(times) * information, -1.0)
    best = np.argsort(-gain, kind="stable")[:size]
    best = np.sort(found[best[gain[best] > 0]])
    slots = np.minimum(np.searchsorted(best, keys), len(best) - 1)
    rows = np.append(np.where(best[slots] == keys, slots + count, -1), -1)
    pairs = np.stack([best // count, best % count], axis=1).astype(np.int32)
    return pairs, texts._replace(pairs=rows.astype(np.int32))


@numba.njit
def count_papers(texts: Texts, size: int) -> Ints:
    """Return in how many papers each row occurs."""
    counts = np.zeros(size, np.int64)
    last = np.full(size, -1)
    for paper in range(len(texts.papers) - 1):
        first, after = texts.papers[paper], texts.papers[paper + 1]
        for i in range(texts.starts[first], texts.starts[after]):
            for row in (texts.words[i], texts.pairs[i]):
                if row >= 0 and last[row] != paper:
                    last[row] = paper
                    counts[row] += 1
    return counts


def first_rows(texts: Texts, size: int, dim: int, rng: np.random.Generator) -> Floats:
    """Return random rows as long as their words are rare.

    Untrained they are a random projection of TF-IDF, which keeps every word's identity.
    """
    rarity = np.log((len(texts.papers) + 1) / (count_papers(texts, size) + 1))
    rows = rng.standard_normal((size, dim), dtype=np.float32) / np.float32(dim**0.5)
    return rows * (rarity / rarity.mean()).astype(np.float32)[:, None]


# ---------------------------------------------------------------- pairs of texts


@numba.njit
def clear_span(texts: Texts, start: int, end: int) -> tuple[int, int]:
    """Return a random span of 1 to 6 words, if possible with one that is not a stop word."""
    first, last = start, end
    for _ in range(6):
        length = min(np.random.randint(1, 7), end - start)
        first = start + np.random.randint(0, end - start - length + 1)
        last = first + length
        for i in range(first, last):
            if texts.words[i] >= 0 and not texts.common[texts.words[i]]:
                return first, last
    return first, last


@numba.njit
def choose_pair(texts: Texts, kind: int, paper: int) -> tuple[Span, Span, Span]:
    """Return the query, the document and what the document leaves out, as spans of words."""
    starts, title, after = texts.starts, texts.papers[paper], texts.papers[paper + 1]
    begin, body, stop = starts[title], starts[title + 1], starts[after]
    nothing = (stop, stop)
    if kind == TITLE:
        return (begin, body), (body, stop), nothing
    if kind == KEYWORDS:
        first, last = texts.keywords[paper], texts.keywords[paper + 1]
        count = min(np.random.randint(1, 4), last - first)
        first += np.random.randint(0, last - first - count + 1)
        return (starts[first], starts[first + count]), (begin, stop), nothing
    if kind == HALVES:
        cut = body + int((stop - body) * (0.35 + 0.3 * np.random.random()))
        if np.random.random() < 0.5:
            return (body, cut), (cut, stop), nothing
        return (cut, stop), (body, cut), nothing
    n = np.random.randint(title + 1, after)
    if kind == SPAN and np.random.random() < 0.6:
        n = title
    sentence = (starts[n], starts[n + 1])
    if kind == SENTENCE:
        return sentence, (begin, stop), sentence
    gap = sentence if np.random.random() < 0.5 else nothing
    return clear_span(texts, sentence[0], sentence[1]), (begin, stop), gap


@numba.njit
def write(out: Ints, at: int, texts: Texts, span: Span, kept: float) -> int:
    """Write the rows of a span from out[at] on, leaving some out, and return the end."""
    for i in range(span[0], span[1]):
        if texts.words[i] >= 0 and np.random.random() < kept:
            out[at] = texts.words[i]
            at += 1
        if i + 1 < span[1] and texts.pairs[i] >= 0 and np.random.random() < kept:
            out[at] = texts.pairs[i]
            at += 1
    return at


@numba.njit
def write_pairs(out: Ints, texts: Texts, kind: int, chosen: Ints, seed: int) -> Ints:
    """Write a query and a document for each chosen paper and return where each text ends."""
    np.random.seed(seed)
    ends = np.zeros(2 * len(chosen), np.int64)
    at = 0
    for n in range(len(chosen)):
        query, document, gap = choose_pair(texts, kind, chosen[n])
        at = write(out, at, texts, query, 1.0)
        ends[2 * n] = at
        at = write(out, at, texts, (document[0], min(gap[0], document[1])), KEPT_WORDS)
        at = write(out, at, texts, (gap[1], document[1]), KEPT_WORDS)
        ends[2 * n + 1] = at
    return ends


class Drawing:
    """Draws batches of text pairs, of one kind each."""

    def __init__(self, texts: Texts, rng: np.random.Generator) -> None:
        lengths = np.diff(texts.starts[texts.papers])
        self.usable = np.flatnonzero(lengths < LONGEST_TEXT // 2)
        self.with_keywords = np.intersect1d(self.usable, np.flatnonzero(np.diff(texts.keywords)))
        self.texts = texts
        self.rng = rng

    def draw(self, size: int) -> sparse.csr_matrix:
        """Return sqrt(count) of each row in each text: queries at 0, 2, .., documents at 1, 3, ..

        All pairs of a batch are of one kind, so that no kind is told from the others.
        """
        weights = np.array(KIND_WEIGHTS)
        weights[KEYWORDS] *= len(self.with_keywords) >= size
        kind = self.rng.choice(len(weights), p=weights / weights.sum())
        source = self.with_keywords if kind == KEYWORDS else self.usable
        chosen = self.rng.choice(source, size, replace=False)
        out = np.empty(2 * LONGEST_TEXT * size, np.int32)
        ends = write_pairs(out, self.texts, kind, chosen, self.rng.integers(1 << 31))
        used = out[: ends[-1]]
        ones = np.ones(len(used), np.float32)
        shape = (2 * size, int(used.max()) + 1)
        counts = sparse.csr_matrix((ones, used, np.append(0, ends)), shape=shape)
        counts.sum_duplicates()
        np.sqrt(counts.data, out=counts.data)
        return counts


# ---------------------------------------------------------------- training


def unit(rows: Floats) -> tuple[Floats, Floats]:
    """Return the rows scaled to length one, and their lengths."""
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True)) + np.float32(1e-6)
    return rows / lengths, lengths


def softmax(logits: Floats, axis: int) -> Floats:
    """Return the softmax; the logits are at most SCALE, so nothing overflows."""
    powers = np.exp(logits)
    return powers / powers.sum(axis=axis, keepdims=True)


def across(units: Floats, pulls: Floats) -> Floats:
    """Return the parts of pulls that are across the vectors: only these change a cosine."""
    return pulls - units * (units * pulls).sum(axis=1, keepdims=True)


def loss_and_gradient(sums: Floats, dims: tuple[int, ...]) -> tuple[float, Floats]:
    """Return the mean InfoNCE loss over `dims` and its derivative by the sums of word rows.

    Queries are the even rows and documents the odd ones; both directions count one half.
    """
    loss, gradient = 0.0, np.zeros_like(sums)
    own = np.arange(len(sums) // 2)
    for dim in dims:
        queries, query_lengths = unit(sums[0::2, :dim])
        documents, document_lengths = unit(sums[1::2, :dim])
        logits = np.float32(SCALE) * (queries @ documents.T)
        by_query, by_document = softmax(logits, 1), softmax(logits, 0)
        chances = by_query[own, own] * by_document[own, own]
        loss -= float(np.log(chances + 1e-30).mean()) / 2 / len(dims)
        slope = by_query + by_document
        slope[own, own] -= 2.0
        slope *= np.float32(SCALE / (2 * len(own) * len(dims)))
        gradient[0::2, :dim] += across(queries, slope @ documents) / query_lengths
        gradient[1::2, :dim] += across(documents, slope.T @ queries) / document_lengths
    return loss, gradient


@numba.njit
def move_rows(
    rows: Floats, moments: Floats, touched: Ints, gradient: Floats, rate: float, step: int
) -> None:
    """Take one Adam step on the touched rows; all other rows and their moments stay."""
    first, second = moments[0], moments[1]
    root = np.float32(np.sqrt(1.0 - SECOND_MOMENT**step))
    pace = np.float32(rate / (1.0 - FIRST_MOMENT**step))
    b1, b2 = np.float32(FIRST_MOMENT), np.float32(SECOND_MOMENT)
    one = np.float32(1.0)
    for n in range(len(touched)):
        r = touched[n]
        for k in range(rows.shape[1]):
            g = gradient[n, k]
            first[r, k] = b1 * first[r, k] + (one - b1) * g
            second[r, k] = b2 * second[r, k] + (one - b2) * g * g
            rows[r, k] -= pace * first[r, k] / (np.sqrt(second[r, k]) / root + np.float32(EPSILON))


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Return the rate of a step: a short rise, then a straight fall to LAST_RATE of it."""
    fall = 1.0 - (1.0 - LAST_RATE) * step / steps
    return highest * min(1.0, (step + 1) / WARM_UP) * fall


def train(rows: Floats, drawing: Drawing, steps: int, batch: int, highest: float) -> None:
    """Change `rows` in place by `steps` steps, and print the loss on the way."""
    dims = tuple(dim for dim in DIMS if dim <= rows.shape[1])
    moments = np.zeros((2, *rows.shape), np.float32)
    begun, losses = time.monotonic(), []
    for step in range(steps):
        counts = drawing.draw(batch if step < LARGE_BATCH_FROM * steps else 2 * batch)
        touched, compact = np.unique(counts.indices, return_inverse=True)
        shape = (counts.shape[0], len(touched))
        counts = sparse.csr_matrix((counts.data, compact, counts.indptr), shape=shape)
        loss, slope = loss_and_gradient(counts @ rows[touched], dims)
        gradient = np.ascontiguousarray(counts.T @ slope)
        move_rows(rows, moments, touched, gradient, learning_rate(step, steps, highest), step + 1)
        losses.append(loss)
        if (step + 1) % 50 == 0 or step + 1 == steps:
            spent = time.monotonic() - begun
            print(f"step {step + 1}: loss {np.mean(losses[-50:]):.3f}, {spent:.0f} s", flush=True)


# ---------------------------------------------------------------- writing


def save(path: Path, rows: Floats, words: list[bytes], pairs: Ints) -> None:
    """Write the rows as float16, the words as text and the pairs as numbers of words."""
    text = np.frombuffer(b"\n".join(words), dtype=np.uint8)
    np.savez(path, rows=rows.astype(np.float16), words=text, pairs=pairs)


def main() -> None:
    """Read the arguments, train and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .jsonl(.xz) papers")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="judged sets, pages")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--learning-rate", type=float, default=0.03)
    for name, default in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    begun = time.monotonic()
    papers = read_papers(options.corpus, options.exclude)
    papers = [paper for paper in papers if not is_held_out(paper)]
    words, texts = number_texts(papers, options.words)
    pairs, texts = find_pairs(texts, options.pairs)
    print(f"{len(papers)} papers, {len(texts.words)} words, {time.monotonic() - begun:.0f} s")
    rng = np.random.default_rng(options.seed)
    rows = first_rows(texts, len(words) + len(pairs), options.dim, rng)
    drawing = Drawing(texts, rng)
    train(rows, drawing, options.steps, options.batch, options.learning_rate)
    save(options.out, rows, words, pairs)
    print(f"{time.monotonic() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
