"""Train the classifier of sentences of `broadsheet.search.roles`, and judge it on what was read.

    python training/train_roles.py --corpus DIR --out FILE [--by-hand FILE]

No sentence has a label that a person gave. Headings of structured abstracts and cue phrases ("we
propose", "results show") leave each sentence some of the roles, often all; the conditional random
field is trained to give as much probability as it can to what they leave (Täckström et al. 2013,
"Token and Type Constraints for Cross-Lingual Part-of-Speech Tagging"). README.md tells the choices.
"""

from __future__ import annotations

import os

# One core, and the same sums each time.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import csv
import hashlib
import io
import itertools
import json
import lzma
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from broadsheet.search import roles as reading
from broadsheet.search.roles import MARK, PLACES, ROLES, Model, Role

DEFAULTS = {"seed": 1, "papers": 4_000, "epochs": 4, "features": 12_000}
SHORTEST = 300  # characters of an abstract
FEWEST, MOST = 3, 20  # sentences of an abstract
BATCH = 256
RATE, LAST_RATE, DECAY = 0.02, 0.05, 1e-5
FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.999, 1e-8
RAREST_WORD, RAREST_PAIR = 40, 60
HIDDEN = 0.5  # of the abstracts are seen without their cue phrases
STRUCTURED = 3  # times as often as the others

Array = np.ndarray[Any, Any]

B, P, M, R, O = ROLES  # noqa: E741 (the letters of the sample)

# ---------------------------------------------------------------------------- weak labels


class Cue(NamedTuple):
    """A phrase that speaks for a role, from and to some depth of an abstract (0 first, 1 last)."""

    role: Role
    first: float
    last: float
    phrase: re.Pattern[str]


def cues_of(path: Path) -> list[Cue]:
    """Return the cues of a table."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Cue(Role(role), float(first), float(last), re.compile(phrase, re.IGNORECASE))
        for role, first, last, phrase in rows[1:]
    ]


CUES = cues_of(Path(__file__).with_name("role_cues.tsv"))
_OURS = re.compile(r"\b(?:we|our|this (?:paper|work|study|article))\b", re.IGNORECASE)


class Read(NamedTuple):
    """An abstract: its sentences, the same without their cues, and the roles left to each."""

    sentences: list[str]
    hidden: list[str]
    left: list[frozenset[Role]]
    is_structured: bool


def read(abstract: str) -> Read | None:
    """Return an abstract to learn from, or None if it says too little of itself."""
    split = reading.split_sentences(abstract)
    if not FEWEST <= len(split) <= MOST:
        return None
    headed = reading.headed(split)
    sentences = [reading.without_heading(s) for s in split]
    is_structured = len(set(headed) - {frozenset()}) > 1
    told = [cued(s, at / (len(split) - 1)) for at, s in enumerate(sentences)]
    left = [
        frozenset(h & roles or h or roles or ROLES)
        for h, (roles, _) in zip(headed, told, strict=True)
    ]
    if sum(len(roles) < len(ROLES) for roles in left) < 2:
        return None
    return Read(sentences, [hidden for _, hidden in told], left, is_structured)


def cued(sentence: str, depth: float) -> tuple[frozenset[Role], str]:
    """Return the roles that the cues of a sentence speak for, and the sentence without them."""
    roles, hidden = set(), sentence
    for role, first, last, phrase in CUES:
        # What is said of one's own work is no background, however important it is.
        is_own = role is B and _OURS.search(sentence)
        if first <= depth <= last and not is_own and phrase.search(sentence):
            roles.add(role)
            hidden = phrase.sub(" ", hidden)
    return frozenset(roles), hidden


def abstracts(folder: Path, most: int, seed: int, without: set[str]) -> Iterator[Read]:
    """Yield from each file `most` abstracts drawn by chance and all that are structured.

    An abstract with a sentence whose hash is in `without` is left out, whatever its source, and
    each text comes once.
    """
    seen: set[str] = set()
    for path in sorted(folder.glob("*.jsonl*")):
        texts = [t for t in texts_of(path) if len(t) >= SHORTEST]
        order = np.random.default_rng(seed).permutation(len(texts))
        count = 0
        for text in (texts[i] for i in order):
            if count >= most and not _MAY_BE_STRUCTURED.search(text):
                continue
            found = read(text)
            if found is None or (count >= most and not found.is_structured):
                continue
            hashes = {hash_of(s) for s in reading.split_sentences(text)}
            if hashes & without or text in seen:
                continue
            seen.add(text)
            count += 1
            yield found


_MAY_BE_STRUCTURED = re.compile(r"(?:methods?|approach|results?) ?[:.]", re.IGNORECASE)


def texts_of(path: Path) -> Iterator[str]:
    """Yield the abstracts of a file of papers."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line).get("abstract") or ""


def hash_of(sentence: str) -> str:
    """Return what stands for a sentence in the sample."""
    return hashlib.blake2b(sentence.encode(), digest_size=8).hexdigest()


# ---------------------------------------------------------------------------- what is seen


def vocabulary(read_in: Sequence[Read]) -> tuple[list[bytes], Array]:
    """Return the words and the pairs of words that stand in sentences often enough."""
    words, pairs = Counter[bytes](), Counter[tuple[bytes, bytes]]()
    for one in read_in:
        found = reading.words_of(one.sentences)
        words.update(found)
        pairs.update(itertools.pairwise(found))
    kept = [MARK, *sorted(w for w, n in words.items() if n >= RAREST_WORD and w != MARK)]
    ids = {word: row for row, word in enumerate(kept)}
    often = sorted(
        (ids[a], ids[b]) for (a, b), n in pairs.items() if n >= RAREST_PAIR and b != MARK
    )
    return kept, np.array(often, np.int64).reshape(-1, 2)


def seen(model: Model, sentences: list[str]) -> sparse.csr_matrix:
    """Return a (sentences, rows) matrix: how often each word and pair stands in each."""
    owners, rows, _ = model.found(sentences)
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_matrix((ones, (owners, rows)), (len(sentences), len(model.rows)))


# ---------------------------------------------------------------------------- learning


def expected(scores: Array, steps: Array, there: Array) -> tuple[Array, Array, float]:
    """Return how probable each role and each step is, and the logarithm of all paths' sum.

    Forward and backward over (abstracts, sentences, roles); probabilities of what is not there
    are 0. The second is summed over all places: (roles, roles).
    """
    _, longest, size = scores.shape
    forward, backward = np.zeros_like(scores), np.zeros_like(scores)
    forward[:, 0] = scores[:, 0]
    for t in range(1, longest):
        ways = _summed(forward[:, t - 1, :, None] + steps, 1) + scores[:, t]
        forward[:, t] = np.where(there[:, t, None], ways, forward[:, t - 1])
    for t in range(longest - 2, -1, -1):
        ways = _summed(steps + (scores[:, t + 1] + backward[:, t + 1])[:, None, :], 2)
        backward[:, t] = np.where(there[:, t + 1, None], ways, backward[:, t + 1])
    total = _summed(forward[:, -1], 1)
    single = np.exp(forward + backward - total[:, None, None]) * there[:, :, None]
    double = np.zeros((size, size))
    for t in range(1, longest):
        ways = forward[:, t - 1, :, None] + steps + (scores[:, t] + backward[:, t])[:, None, :]
        double += (np.exp(ways - total[:, None, None]) * there[:, t, None, None]).sum(axis=0)
    return single, double, float(total.sum())


def _summed(logs: Array, axis: int) -> Array:
    top = logs.max(axis=axis, keepdims=True)
    return np.log(np.exp(logs - top).sum(axis=axis)) + top.squeeze(axis)


class Adam:
    """Moves arrays against their gradients, the rate falling straight to its end."""

    def __init__(self, arrays: list[Array], turns: int) -> None:
        self._arrays, self._turns, self._turn = arrays, turns, 0
        self._means = [(np.zeros_like(a), np.zeros_like(a)) for a in arrays]

    def move(self, gradients: list[Array]) -> None:
        """Take one step."""
        self._turn += 1
        rate = RATE * (1 - (1 - LAST_RATE) * self._turn / self._turns)
        for array, means, gradient in zip(self._arrays, self._means, gradients, strict=True):
            means[0][:] += (1 - FIRST_MOMENT) * (gradient - means[0])
            means[1][:] += (1 - SECOND_MOMENT) * (gradient**2 - means[1])
            mean = means[0] / (1 - FIRST_MOMENT**self._turn)
            spread = np.sqrt(means[1] / (1 - SECOND_MOMENT**self._turn))
            array[:] -= rate * mean / (spread + EPSILON)


def trained(read_in: list[Read], epochs: int, rng: np.random.Generator) -> tuple[Model, Array]:
    """Return a model of all words that stand often enough, and how often each row was seen."""
    words, pairs = vocabulary(read_in)
    rows = np.zeros((len(words) + len(pairs), len(ROLES)), np.float32)
    places = np.zeros((PLACES, len(ROLES)), np.float32)
    model = Model(words, pairs, rows, places, np.zeros((len(ROLES), len(ROLES)), np.float32))
    shown = [seen(model, [s for a in read_in for s in s_of(a)]) for s_of in _VIEWS]
    sizes = np.array([len(a.sentences) for a in read_in])
    starts = np.cumsum(sizes) - sizes
    at = reading.places_of(sizes, model.found([s for a in read_in for s in a.sentences])[2])
    allowed = np.array([[r in left for r in ROLES] for a in read_in for left in a.left])
    often = np.repeat(
        np.arange(len(read_in)), [STRUCTURED if a.is_structured else 1 for a in read_in]
    )
    adam = Adam([rows, places, model.steps], epochs * -(-len(often) // BATCH))
    for epoch in range(epochs):
        gained = 0.0
        order = rng.permutation(often)
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            of = np.concatenate([np.arange(starts[i], starts[i] + sizes[i]) for i in batch])
            features = shown[int(rng.random() < HIDDEN)][of]
            gained += _learn(model, adam, features, at[of], allowed[of], sizes[batch])
        print(f"epoch {epoch + 1}: {gained / len(order):.4f} per abstract", flush=True)
    return model, np.asarray(shown[0].sum(axis=0)).ravel()


_VIEWS = (lambda a: a.sentences, lambda a: a.hidden)


def _learn(
    model: Model,
    adam: Adam,
    features: sparse.csr_matrix,
    at: Array,
    allowed: Array,
    sizes: Array,
) -> float:
    """Move the weights once; return the logarithm of how probable what is left was, on average."""
    scores = (features @ model.rows + model.places[at].sum(axis=1)).astype(np.float64)
    free, there = reading.padded(scores, sizes)
    held, _ = reading.padded(np.where(allowed, scores, -1e9), sizes)
    free_single, free_double, free_total = expected(free.astype(np.float64), model.steps, there)
    held_single, held_double, held_total = expected(held.astype(np.float64), model.steps, there)
    too_much = ((free_single - held_single)[there] / len(sizes)).astype(np.float32)
    places = np.zeros_like(model.places)
    for column in at.T:
        np.add.at(places, column, too_much)
    adam.move(
        [
            features.T @ too_much + DECAY * model.rows,
            places + DECAY * model.places,
            ((free_double - held_double) / len(sizes)).astype(np.float32),
        ]
    )
    return held_total - free_total


def shortened(model: Model, counts: Array, most: int) -> Model:
    """Return a model of the `most` rows that change scores most, each with the words it needs."""
    spread = model.rows - model.rows.mean(axis=1, keepdims=True)
    weight = np.abs(spread).max(axis=1) * np.sqrt(counts + 1)
    best = np.zeros(len(weight), np.bool_)
    best[np.argsort(-weight, kind="stable")[:most]] = True
    size = len(model.words)
    pairs = model.pairs[best[size:]]
    needed = best[:size].copy()
    needed[[0, *pairs.ravel().tolist()]] = True
    number = np.cumsum(needed) - 1
    singles = np.where(best[:size, None], spread[:size], 0)[needed]
    words = [w for w, is_needed in zip(model.words, needed, strict=True) if is_needed]
    rows = np.concatenate([singles, spread[size:][best[size:]]])
    return Model(words, number[pairs], rows.astype(np.float32), model.places, model.steps)


def written(model: Model) -> bytes:
    """Return the bytes of a model's file."""
    scale = np.float32(np.abs(model.rows).max() / 127)
    out = io.BytesIO()
    np.savez_compressed(
        out,
        words=np.frombuffer(b"\n".join(model.words), np.uint8),
        pairs=model.pairs.astype(np.uint16),
        rows=np.round(model.rows / scale).astype(np.int8),
        scale=scale,
        places=model.places,
        steps=model.steps,
    )
    return out.getvalue()


# ---------------------------------------------------------------------------- judging


class Labelled(NamedTuple):
    """An abstract that a person has read."""

    part: str
    sentences: list[str]
    roles: list[Role]


def sample(path: Path, folder: Path) -> list[Labelled]:
    """Return the abstracts of the sample; raises ValueError where a text is not what was read."""
    rows: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            key = (row["part"], row["corpus"], row["id"])
            rows.setdefault(key, []).append((row["hash"], row["role"]))
    texts = {}
    for corpus in sorted({corpus for _, corpus, _ in rows}):
        with lzma.open(folder / f"{corpus}.jsonl.xz", "rt", encoding="utf-8") as lines:
            for found in map(json.loads, lines):
                texts[corpus, found.get("id") or found.get("arxiv_id")] = found.get("abstract")
    return [_labelled(key, told, texts[key[1:]]) for key, told in rows.items()]


def _labelled(key: tuple[str, str, str], told: list[tuple[str, str]], text: str) -> Labelled:
    sentences = reading.split_sentences(text)
    if [hash_of(s) for s in sentences] != [h for h, _ in told]:
        raise ValueError(f"{key}: the sentences are not those that were read")
    return Labelled(key[0], sentences, [Role(role) for _, role in told])


def judged(name: str, truth: Sequence[Role], found: Sequence[Role]) -> str:
    """Return a line of a table: accuracy, the mean F1 and the F1 of each role."""
    right = sum(a is b for a, b in zip(truth, found, strict=True)) / len(truth)
    scores = [f1(truth, found, role) for role in ROLES]
    cells = [f"{right:.3f}", f"{np.mean(scores):.3f}", *(f"{s:.3f}" for s in scores)]
    return f"| {name} | " + " | ".join(cells) + " |"


def f1(truth: Sequence[Role], found: Sequence[Role], role: Role) -> float:
    """Return the harmonic mean of precision and recall of one role."""
    both = sum(a is role and b is role for a, b in zip(truth, found, strict=True))
    said = sum(a is role for a in truth) + sum(b is role for b in found)
    return 2 * both / said if said else 0.0


def by_cues(sentences: Sequence[str]) -> list[Role]:
    """Return the roles that the cues alone speak for; method where they are silent or disagree."""
    last = max(len(sentences) - 1, 1)
    told = [cued(s, at / last)[0] for at, s in enumerate(sentences)]
    return [next(iter(roles)) if len(roles) == 1 else M for roles in told]


def by_place(known: Sequence[Labelled]) -> dict[int, Role]:
    """Return the commonest role of each tenth of the depth, in the sample's other part."""
    counts: dict[int, Counter[Role]] = {}
    for one in known:
        for at, role in enumerate(one.roles):
            counts.setdefault(10 * at // len(one.roles), Counter())[role] += 1
    return {tenth: count.most_common(1)[0][0] for tenth, count in counts.items()}


def report(model: Model, read_by_hand: list[Labelled], part: str) -> None:
    """Print how the classifier and three baselines do on a part of the sample."""
    chosen = [a for a in read_by_hand if a.part == part]
    place = by_place([a for a in read_by_hand if a.part != part])
    truth = [r for a in chosen for r in a.roles]
    found = [r for told in reading.roles_of([a.sentences for a in chosen], model) for r in told]
    print(f"\n{part}: {len(chosen)} abstracts, {len(truth)} sentences")
    print("| | accuracy | mean F1 |", " | ".join(ROLES), "|\n" + "|---" * (len(ROLES) + 3) + "|")
    print(judged("always method", truth, [M] * len(truth)))
    placed = [place[10 * at // len(a.roles)] for a in chosen for at in range(len(a.roles))]
    print(judged("place alone", truth, placed))
    print(judged("cues alone", truth, [r for a in chosen for r in by_cues(a.sentences)]))
    print(judged("roles.npz", truth, found))
    facets = [{B: P, O: M}.get(r, r) for r in truth], [{B: P, O: M}.get(r, r) for r in found]
    right = sum(a is b for a, b in zip(*facets, strict=True)) / len(truth)
    print(f"problem, method or result (other counted as method): {right:.3f}")
    print("\n| read \\ said | " + " | ".join(ROLES) + " |\n" + "|---" * (len(ROLES) + 1) + "|")
    confused = Counter(zip(truth, found, strict=True))
    for role in ROLES:
        print(f"| {role} | " + " | ".join(str(confused[role, said]) for said in ROLES) + " |")


def main() -> None:
    """Train, write, and judge what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--by-hand", type=Path, default=Path(__file__).with_name("roles_by_hand.tsv")
    )
    parser.add_argument("--test", action="store_true", help="Judge on the part kept for the end.")
    for name, value in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    began = time.monotonic()
    with asked.by_hand.open(encoding="utf-8") as lines:
        without = {row["hash"] for row in csv.DictReader(lines, delimiter="\t")}
    read_in = list(abstracts(asked.corpus, asked.papers, asked.seed, without))
    left = Counter(
        next(iter(roles)) if len(roles) == 1 else "open" for a in read_in for roles in a.left
    )
    structured = sum(a.is_structured for a in read_in)
    print(f"{len(read_in)} abstracts, {structured} structured; {dict(left)}", flush=True)
    model, counts = trained(read_in, asked.epochs, np.random.default_rng(asked.seed))
    content = written(shortened(model, counts, asked.features))
    asked.out.write_bytes(content)
    print(f"{asked.out.name}: {len(content)} bytes, {time.monotonic() - began:.0f} s")
    read_by_hand = sample(asked.by_hand, asked.corpus)
    for part in ("choice", "test")[: 1 + asked.test]:
        report(reading.load_model(content), read_by_hand, part)


if __name__ == "__main__":
    main()
