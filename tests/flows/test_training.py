"""The programs of `training/` make a model from papers and a teacher, in small."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from broadsheet.search.embedding import StaticEmbedder
from tiny_onnx import SUBJECTS, WORDS, made_model, needs_onnx

TRAINING = Path(__file__).parents[2] / "training"

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba not installed: ./dev deep"
)


def paper(number: int) -> dict[str, object]:
    """Return an invented paper about two subjects."""
    dice = random.Random(number)
    one, other = dice.sample(SUBJECTS, 2)
    said = [
        f"We study {one} and {other} in season {dice.randint(1, 9)}.",
        *(f"Here {dice.choice([one, other])} meet {dice.choice([one, other])}." for _ in range(9)),
    ]
    title = f"On {one} and {other}, part {number}"
    return {"id": f"x:{number}", "title": title, "abstract": " ".join(said)}


def run(program: str, *arguments: str | Path) -> None:
    """Run one of the programs; it must end well."""
    command = [sys.executable, str(TRAINING / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@needs_onnx
@needs_numba
@pytest.mark.timeout(400)
def test_a_model_is_trained_distilled_and_loaded(tmp_path: Path) -> None:
    """Papers on one subject are nearer in the trained model than papers on others."""
    corpus, judged = tmp_path / "corpus", tmp_path / "judged"
    corpus.mkdir()
    judged.mkdir()
    lines = "".join(json.dumps(paper(n)) + "\n" for n in range(120))
    (corpus / "papers.jsonl").write_text(lines, encoding="utf-8")
    (judged / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": paper(7)["title"]}))
    teacher = made_model(tmp_path / "teacher")
    (teacher / "vocab.txt").write_text("\n".join([*WORDS, "##s", "har", "##bour"]))
    papers = ("--corpus", corpus, "--exclude", judged)
    learned, taught, made = (tmp_path / f"{n}.npz" for n in ("learned", "taught", "model"))
    small = ("--dim", "8", "--words", "40", "--pairs", "4", "--steps", "20", "--batch", "16")
    run("train_static.py", *papers, "--out", learned, *small)
    run("teach.py", "--model", f"onnx:{teacher}", *papers, "--texts", "100", "--out", taught)
    with np.load(taught) as parts:
        assert paper(7)["title"] not in " ".join(parts["texts"].tolist())
        assert set(SUBJECTS) <= set(parts["words"].tolist())
    several = ("--dim", "8", "--steps", "30", "--batch", "32")
    run("distil.py", "--learned", learned, "--teacher", taught, "--out", made, *several)
    embedder = StaticEmbedder.load(made)
    assert embedder.dim == 16
    rows = embedder.embed(["copper kilns", "kilns of copper", "tides and moons"])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.3
