"""`broadsheet bench` prints the table of budgets; what it measures is never asserted."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import orjson
from typer.testing import CliRunner

from broadsheet.cli import app
from tiny_onnx import made_model

ROWS = (
    "import",
    "bare text engine",
    "bare vector scan",
    "search, hybrid",
    "search, text",
    "search, vector",
    "hybrid over bare engine",
    "one paper filed to found",
    "memory",
    "search page",
    "largest search page",
    "import broadsheet",
    "broadsheet --help",
    "first search",
    "one core: the 20 best by words and static",
    "one core: the same, asked in a sentence",
    "one core: their page with reasons and facets",
    "one core: a query understood",
    "one core: abstracts embedded, static",
    "one core: the static model loaded",
)


def _corpus(folder: Path) -> Path:
    folder.mkdir()
    papers = [
        {"title": f"Tides of harbour number {n}", "abstract": f"Kiln {n}."} for n in range(60)
    ]
    (folder / "own.jsonl").write_bytes(b"\n".join(map(orjson.dumps, papers)) + b"\n")
    return folder


def test_bench_measures_every_budget(tmp_path):
    """Every budget has a line with a figure, and the table says which papers it was made on."""
    corpus = _corpus(tmp_path / "corpus")
    words = ["bench", "--papers", "120", "--corpus", str(corpus), "--json"]
    rows = list(ROWS)
    if all(find_spec(name) for name in ("onnx", "onnxruntime", "tokenizers")):
        words += ["--deep", str(made_model(tmp_path / "model"))]
        rows.append("one core: the 20 best with the deep tier")
    result = CliRunner().invoke(app, words, catch_exceptions=False)

    found = json.loads(result.stdout)
    assert (found["read"], found["text"]) == (120, "60 real papers, the rest generated")
    assert found["papers"] == 120
    told = [row["what"] for row in found["rows"]]
    assert [name for name in rows if not any(what.startswith(name) for what in told)] == []
    assert all(set(r) == {"what", "measured", "budget", "ok"} for r in found["rows"])
    assert all(any(c.isdigit() for c in r["measured"]) for r in found["rows"])
