"""Making a folder that `onnx` can run from one of sentence-transformers, with 8-bit weights.

Needs torch, transformers and onnx, once; running what it makes needs none of them.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broadsheet.errors import EmbeddingError
from broadsheet.search.sentences import hash_of

_NEEDED = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers")
_OPSET = 17
_KEPT = ("*.json", "*_Pooling/config.json")


def is_possible() -> bool:
    """Return whether everything that it takes is installed."""
    return all(importlib.util.find_spec(name) for name in _NEEDED)


def export(folder: Path, place: Path) -> Path:
    """Return a folder in `place` with the model of `folder` in ONNX, made if it is not there yet.

    Raises EmbeddingError if it cannot be made.
    """
    files = [*folder.glob("*.json"), *folder.glob("*.safetensors"), *folder.glob("*.bin")]
    target = place / hash_of(folder, files)
    if target.is_dir():
        return target
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        for pattern in _KEPT:
            for file in folder.glob(pattern):
                (fresh / file.relative_to(folder)).parent.mkdir(exist_ok=True)
                shutil.copy(file, fresh / file.relative_to(folder))
        _write(folder, fresh)
        fresh.rename(target)
    except Exception as error:  # whatever the libraries raise for models of others
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddingError(
            f"the model in {folder} cannot be made into ONNX ({error}): use it as "
            f"transformers:{folder}"
        ) from error
    return target


def _write(folder: Path, fresh: Path) -> None:
    """Write the model of `folder` into `fresh` as ONNX, its weights as 8-bit integers."""
    import torch  # noqa: PLC0415 (seconds, and an extra)
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415
    from transformers import AutoModel  # noqa: PLC0415
    from transformers.utils import logging as bars  # noqa: PLC0415

    bars.disable_progress_bar()
    # The other ways to attend cannot be written for texts of any length.
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    whole = fresh / "whole.onnx"
    names, shape = ["input_ids", "attention_mask"], {0: "texts", 1: "tokens"}
    some = torch.ones(2, 16, dtype=torch.long)
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            _tokens_alone(torch, model.eval()),
            (some, some),
            str(whole),
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes=dict.fromkeys([*names, "last_hidden_state"], shape),
            opset_version=_OPSET,
            dynamo=False,
        )
        small = fresh / "model_qint8.onnx"
        quantize_dynamic(str(whole), str(small), weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the advice that these libraries have for who develops models."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _tokens_alone(torch: Any, model: Any) -> Any:
    """Return the model with its tokens' vectors as its one output."""

    class Tokens(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            found = self.model(input_ids=input_ids, attention_mask=attention_mask)
            return found.last_hidden_state

    return Tokens()
