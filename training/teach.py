"""Make the teacher's vectors of words and short texts, from which `distil.py` learns.

    python training/teach.py --model onnx:FOLDER --corpus DIR --exclude DIR [DIR ...] --out FILE

The texts are titles, sentences and pieces of abstracts of the papers that `train_static.py`
learns from; nothing that quality is judged on is among them. README.md tells the choices.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from train_static import MARK, Paper, is_held_out, read_papers

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from broadsheet.factory import make_embedder
from broadsheet.search.embedding import split_words

LONGEST = 600  # characters
LEAST = 4  # times that a word has to occur
STEP = 10_000
TITLE, SENTENCE, BEGINNING = 0.15, 0.45, 0.65  # the rest are three sentences


def count_words(papers: list[Paper]) -> tuple[Counter[bytes], Counter[bytes]]:
    """Return how often each word occurs, and in how many papers."""
    often, papers_with = Counter[bytes](), Counter[bytes]()
    for paper in papers:
        words = split_words([f"{paper.title} {paper.abstract}"])
        often.update(words)
        papers_with.update(set(words))
    return often, papers_with


def piece(paper: Paper, rng: np.random.Generator) -> str:
    """Return some of a paper: its title, a sentence, title and first sentence, or three."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])", paper.abstract.strip())
    kind, at = rng.random(), int(rng.integers(len(sentences)))
    if kind < TITLE:
        return paper.title
    if kind < SENTENCE:
        return sentences[at][:LONGEST]
    if kind < BEGINNING:
        return f"{paper.title}. {sentences[0]}"[:LONGEST]
    return " ".join(sentences[at : at + 3])[:LONGEST]


def read_pieces(folder: Path) -> list[str]:
    """Return the word pieces of the teacher's own vocabulary (vocab.txt)."""
    lines = (folder / "vocab.txt").read_text("utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("[")]


def main() -> None:
    """Read the arguments, embed words and texts, and write their vectors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="onnx:FOLDER or transformers:FOLDER")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .jsonl(.xz) papers")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="judged sets, pages")
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=90_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    teacher = make_embedder({"embedder": options.model}, {})
    papers = [p for p in read_papers(options.corpus, options.exclude) if not is_held_out(p)]
    often, papers_with = count_words(papers)
    pieces = read_pieces(Path(options.model.partition(":")[2]))
    general = [p for p in pieces if len(p) > 1 and p.isascii() and p.isalnum() and not p.isdigit()]
    frequent = [w for w, n in often.most_common() if n >= LEAST and w != MARK][: options.words]
    words = list(dict.fromkeys([*(w.decode() for w in frequent), *general]))
    rng = np.random.default_rng(options.seed)
    texts = [piece(papers[i], rng) for i in rng.permutation(len(papers))][: options.texts]
    begun, vectors = time.monotonic(), []
    for kind in (words, texts):
        for start in range(0, len(kind), STEP):
            vectors.append(teacher.embed(kind[start : start + STEP]).astype(np.float16))
            print(f"{sum(map(len, vectors))} in {time.monotonic() - begun:.0f} s", flush=True)
    rows = np.concatenate(vectors)
    np.savez(
        options.out,
        words=np.array(words),
        papers_with=np.array([papers_with[w.encode()] for w in words]),
        papers=np.array(len(papers)),
        word_vectors=rows[: len(words)],
        texts=np.array(texts),
        text_vectors=rows[len(words) :],
        pieces=np.array(pieces),
    )


if __name__ == "__main__":
    main()
