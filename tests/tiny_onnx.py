"""A tiny random model in ONNX, in a folder as sentence-transformers keeps one."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SUBJECTS = ["tides", "moons", "kilns", "harbours", "copper", "lanterns", "rivers"]
_SMALL = ["on", "and", "of", "the", "study", "under", "with", "at", "how"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *SUBJECTS, *_SMALL]
DIM = 16

_LACKING = [n for n in ("onnx", "onnxruntime", "tokenizers") if not importlib.util.find_spec(n)]
needs_onnx = pytest.mark.skipif(
    bool(_LACKING), reason=f"{' and '.join(_LACKING)} not installed: ./dev deep"
)
"""For tests that run a model: the extra `deep`, and onnx to make one."""


def table() -> np.ndarray:
    """Return the vector of each word, the same on every machine."""
    return np.random.default_rng(8620).standard_normal((len(WORDS), DIM)).astype(np.float32)


def made_model(
    folder: Path,
    *,
    pooling: str | None = "mean",
    longest: int = 64,
    has_types: bool = False,
    is_pooled: bool = False,
    **files: Any,
) -> Path:
    """Make a model whose tokens are the vectors of words; `files` are more JSON to lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder / "tokenizer.json")
    _write_graph(folder / "model.onnx", has_types, is_pooled)
    texts = {"sentence_bert_config": {"max_seq_length": longest}} | files
    for name, content in texts.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    if pooling is not None:
        (folder / "1_Pooling").mkdir(exist_ok=True)
        modes = {"mean": "mean_tokens", "cls": "cls_token"}
        said = {f"pooling_mode_{m}": m == modes.get(pooling, pooling) for m in (
            "cls_token", "mean_tokens", "max_tokens")}  # fmt: skip
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
    return folder


def _write_tokenizer(file: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415

    made = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    # As real ones come: cut and filled up to a length of their own.
    made.enable_truncation(5)
    made.enable_padding(length=5)
    made.save(str(file))


def _write_graph(file: Path, has_types: bool, is_pooled: bool) -> None:
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    names = ["input_ids", "attention_mask", *(["token_type_ids"] if has_types else [])]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "s"]) for n in names]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    outputs = [
        helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "s", DIM])
    ]
    if is_pooled:
        nodes.append(
            helper.make_node(
                "ReduceMax", ["last_hidden_state"], ["sentence_embedding"], axes=[1], keepdims=0
            )
        )
        outputs.append(
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["b", DIM])
        )
    graph = helper.make_graph(
        nodes, "tiny", inputs, outputs, [numpy_helper.from_array(table(), "table")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(file))
