"""Train the taught half of the word vectors, and join both halves to the shipped file.

    python training/distil.py --learned FILE --teacher FILE --out FILE

A text's taught half shall point where the teacher's vector of that text points, in the directions
that matter most to the teacher. README.md tells the choices; the same seed gives the same file.
"""

from __future__ import annotations

import os

# One core, and the same sums each time.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse
from train_static import MARK, across, learning_rate, move_rows, unit

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from broadsheet.search.embedding import FORMAT, StaticEmbedder, packed, split_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SCALE = 20.0
WHITENED = 0.25  # axes are divided by their spread to the power of twice this
WORDS_WEIGHT = 0.5  # of the words' spread beside that of the texts
IDF_OF_UNKNOWN = 11.0  # that of a word that one paper in 60,000 has
RIDGE = 0.05


class Teacher(NamedTuple):
    """What `teach.py` wrote."""

    words: list[bytes]
    rarity: Floats
    word_vectors: Floats
    texts: list[str]
    text_vectors: Floats
    pieces: list[bytes]


def read_teacher(path: Path) -> Teacher:
    """Return the content of a file of `teach.py`."""
    with np.load(path) as parts:
        rarity = np.log((parts["papers"] + 1) / (parts["papers_with"] + 1))
        return Teacher(
            [word.encode() for word in parts["words"].tolist()],
            rarity.astype(np.float32),
            parts["word_vectors"].astype(np.float32),
            parts["texts"].tolist(),
            parts["text_vectors"].astype(np.float32),
            [piece.encode() for piece in parts["pieces"].tolist()],
        )


def count(texts: list[str], words: list[bytes]) -> sparse.csr_matrix:
    """Return sqrt(count) of each word in each text: (texts, words)."""
    numbers = {word: number for number, word in enumerate(words)}
    rows, columns = [], []
    for start in range(0, len(texts), 4096):
        row = start
        for word in split_words(texts[start : start + 4096]):
            if word == MARK:
                row += 1
            elif word in numbers:
                rows.append(row)
                columns.append(numbers[word])
    shape = (len(texts), len(words))
    counts = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    counts.sum_duplicates()
    np.sqrt(counts.data, out=counts.data)
    return counts


def directions(teacher: Teacher, dim: int) -> Floats:
    """Return the `dim` axes along which the teacher's vectors differ most, half whitened."""
    texts = teacher.text_vectors - teacher.text_vectors.mean(axis=0)
    words = teacher.word_vectors - teacher.word_vectors.mean(axis=0)
    spread = texts.T @ texts / len(texts) + WORDS_WEIGHT * words.T @ words / len(words)
    values, axes = np.linalg.eigh(spread)
    values, axes = values[::-1][:dim], axes[:, ::-1][:, :dim]
    return (axes * (values / values[0]) ** -WHITENED).astype(np.float32)


def train(teacher: Teacher, axes: Floats, options: argparse.Namespace) -> Floats:
    """Return the rows of the teacher's words: their own vectors first, then moved by the texts."""
    counts = count(teacher.texts, teacher.words)
    centred = teacher.word_vectors - teacher.word_vectors.mean(axis=0)
    rows = np.ascontiguousarray(centred @ axes * (teacher.rarity / 8)[:, None], np.float32)
    wanted, _ = unit((teacher.text_vectors - teacher.text_vectors.mean(axis=0)) @ axes)
    moments = np.zeros((2, *rows.shape), np.float32)
    rng = np.random.default_rng(options.seed)
    order = rng.permutation(len(wanted))
    begun, losses = time.monotonic(), []
    for step in range(options.steps):
        if len(order) < options.batch:
            order = rng.permutation(len(wanted))
        chosen, order = order[: options.batch], order[options.batch :]
        some = counts[chosen]
        touched, compact = np.unique(some.indices, return_inverse=True)
        shape = (len(chosen), len(touched))
        some = sparse.csr_matrix((some.data, compact, some.indptr), shape=shape)
        units, lengths = unit(some @ rows[touched])
        losses.append(float(1 - (units * wanted[chosen]).sum(axis=1).mean()))
        slope = across(units, wanted[chosen]) / lengths * np.float32(-SCALE / len(chosen))
        rate = learning_rate(step, options.steps, options.learning_rate)
        gradient = np.ascontiguousarray(some.T @ slope, np.float32)
        move_rows(rows, moments, touched, gradient, rate, step + 1)
        if (step + 1) % 100 == 0:
            spent = time.monotonic() - begun
            print(f"step {step + 1}: 1 - cosine {np.mean(losses[-100:]):.3f}, {spent:.0f} s")
    return rows


def spell(word: bytes, pieces: dict[bytes, int]) -> list[int]:
    """Return the pieces of a word, the longest possible first; fewer where one is missing."""
    found: list[int] = []
    start = 0
    while start < len(word):
        mark = b"##" if start else b""
        ends = range(len(word), start, -1)
        end = next((e for e in ends if mark + word[start:e] in pieces), None)
        if end is None:
            return found
        found.append(pieces[mark + word[start:end]])
        start = end
    return found


def fit_pieces(teacher: Teacher, rows: Floats) -> tuple[list[bytes], Floats]:
    """Return the pieces that words are spelled with, and rows whose means come near the words'.

    Ridge regression by conjugate gradients; rarity is taken out first and put back at the end.
    """
    all_pieces = {piece: number for number, piece in enumerate(teacher.pieces)}
    spelled = [spell(word, all_pieces) for word in teacher.words]
    owners = np.repeat(np.arange(len(spelled)), list(map(len, spelled)))
    used, columns = np.unique(np.concatenate(spelled).astype(np.int64), return_inverse=True)
    parts = np.ones(len(owners)) / np.maximum(np.array(list(map(len, spelled))), 1)[owners]
    means = sparse.csr_matrix((parts, (owners, columns)), shape=(len(spelled), len(used)))
    wanted = rows / np.maximum(teacher.rarity, 1)[:, None]
    normal = means.T @ means + RIDGE * sparse.eye(len(used))
    fitted = np.zeros((len(used), rows.shape[1]))
    rest = means.T @ wanted
    step, size = rest.copy(), np.square(rest).sum(axis=0)
    for _ in range(60):
        moved = normal @ step
        length = size / np.maximum((step * moved).sum(axis=0), 1e-12)
        fitted += length * step
        rest -= length * moved
        smaller = np.square(rest).sum(axis=0)
        step = rest + smaller / np.maximum(size, 1e-12) * step
        size = smaller
    pieces = [teacher.pieces[number] for number in used]
    return pieces, (fitted * IDF_OF_UNKNOWN).astype(np.float32)


def join(learned: Path, teacher: Teacher, rows: Floats, share: float, out: Path) -> None:
    """Write the model: words that were learned first, then those that the teacher knows besides."""
    with np.load(learned) as parts:
        own, pairs = parts["words"].tobytes().split(b"\n"), parts["pairs"]
        learned_rows = packed(parts["rows"].astype(np.float32))
    place = {word: number for number, word in enumerate(teacher.words)}
    known = set(own)
    words = own + [word for word in teacher.words if word not in known]
    taught = np.zeros((len(words), rows.shape[1]), np.float32)
    held = [number for number, word in enumerate(words) if word in place]
    taught[held] = rows[[place[words[number]] for number in held]]
    pieces, piece_rows = fit_pieces(teacher, rows)
    taught_rows, pieces_taught = packed(taught), packed(piece_rows)
    with out.open("wb") as file:
        np.savez(
            file,
            format=np.array(FORMAT),
            share=np.array(share),
            words=np.frombuffer(b"\n".join(words), np.uint8),
            pairs=pairs,
            pieces=np.frombuffer(b"\n".join(pieces), np.uint8),
            learned=learned_rows.codes,
            learned_scales=learned_rows.scales,
            taught=taught_rows.codes,
            taught_scales=taught_rows.scales,
            pieces_taught=pieces_taught.codes,
            pieces_taught_scales=pieces_taught.scales,
        )


def main() -> None:
    """Read the arguments, train, write the file and print what it is called."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learned", type=Path, required=True, help="what train_static.py wrote")
    parser.add_argument("--teacher", type=Path, required=True, help="what teach.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--share", type=float, default=0.4, help="of the taught half in a cosine")
    parser.add_argument("--learning-rate", type=float, default=0.01)
    for name, default in {"dim": 128, "steps": 900, "batch": 1024, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    teacher = read_teacher(options.teacher)
    rows = train(teacher, directions(teacher, options.dim), options)
    join(options.learned, teacher, rows, options.share, options.out)
    print(f"{StaticEmbedder.load(options.out).id}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
