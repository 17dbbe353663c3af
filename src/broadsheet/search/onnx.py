"""A transformer in ONNX as embedder: the extra `deep`, which needs no torch.

The folder is one of sentence-transformers: `tokenizer.json`, one or more `.onnx` files there or in
`onnx/`, and beside them what says how long a text may be, how its tokens become one vector, and
what is put before a question.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError
from broadsheet.search.embedding import Pace, at_length_one
from broadsheet.search.sentences import hash_of

_TOKENS = 4096
"""So many tokens, with what fills rows up, are given to the model at a time."""
_LONGEST = 512
_REMEMBERED = 256
_INTS = ("quint8", "qint8", "int8", "quantized", "uint8")
_MATRIX, _TOKEN_ROWS = 2, 3
_INSTRUCTIONS = ("avx512_vnni", "avx512", "avx2", "arm64")
"""What a file may be made for, as its name says; the first that fits is the fastest."""
_UNFIT = ("fp16", "bf16", "float16", "bnb4", "q4", "_o4")
"""What names say of files that are for other hardware, or slow on this."""


class _Form(NamedTuple):
    """How a model wants its texts: tokens at most, which of its rows count, and prefixes."""

    longest: int
    pooling: str
    question: str
    document: str


class OnnxEmbedder:
    """An embedder that runs a model of a folder with ONNX Runtime, on one core.

    One instance may be used by many threads.
    """

    pace: Pace = "slow"
    price: float | None = 0.0
    step: int = 256

    def __init__(self, folder: Path) -> None:
        """Take the model in `folder`, which is read when it is first needed."""
        self._folder = folder.expanduser()
        file = model_file(self._folder)
        parts = {*self._folder.glob("*.json"), *self._folder.glob("*_Pooling/config.json")}
        self.id = f"onnx:{hash_of(self._folder, [*parts, file]) if file else folder}"
        self._file = file
        self._lock = threading.Lock()
        self._loaded: _Model | None = None
        self._asked = lru_cache(_REMEMBERED)(self._ask)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a float32 matrix with one row of length one for each text, zero for an empty one.

        What is beyond the model's longest input is not read. Raises EmbeddingError if the model,
        or what runs it, is missing or broken.
        """
        if not texts:
            return np.empty((0, 0), np.float32)
        model = self._model()
        return self._made(model, [model.form.document + t for t in texts], texts)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, which must not be changed; the last ones are kept."""
        return self._asked(text)

    def close(self) -> None:
        """Let go of nothing: what is being embedded ends by itself soon."""

    def _ask(self, text: str) -> NDArray[np.float32]:
        model = self._model()
        vector: NDArray[np.float32] = self._made(model, [model.form.question + text], [text])[0]
        vector.flags.writeable = False
        return vector

    def _made(
        self, model: _Model, inputs: Sequence[str], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        rows = model.rows(inputs)
        rows[[not text.strip() for text in texts]] = 0
        return at_length_one(rows, self.id)

    def _model(self) -> _Model:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> _Model:
        if self._file is None:
            raise EmbeddingError(f"there is no model in {self._folder}: it has no .onnx file")
        return _Model(self._folder, self._file)


class _Model:
    """A loaded model with its tokenizer."""

    def __init__(self, folder: Path, file: Path) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 (an extra, and a quarter of a second)
            from tokenizers import Tokenizer  # noqa: PLC0415
        except ImportError as error:
            raise EmbeddingError(
                "an onnx: model needs more than is installed: pip install 'broadsheet[deep]'"
            ) from error
        self._file = file
        self.form = _form(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # whatever the libraries raise for files of others
            raise EmbeddingError(f"the model {file} cannot be loaded: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.form.longest)
        self._inputs = {i.name for i in self._session.get_inputs()}
        self._output = _chosen_output([o.name for o in self._session.get_outputs()])
        self._lock = threading.Lock()

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row for each text, of any length; raises EmbeddingError."""
        try:
            # The tokenizer must not be used by two threads at once; the session may be.
            with self._lock:
                tokens = [e.ids for e in self._tokenizer.encode_batch(list(texts))]
            made: NDArray[np.float32] | None = None
            for batch in _batches([len(t) for t in tokens]):
                rows = self._run([tokens[i] for i in batch])
                if made is None:
                    made = np.empty((len(texts), rows.shape[1]), np.float32)
                made[batch] = rows
        except Exception as error:  # the runtime's own kinds have no common one
            raise EmbeddingError(f"the model {self._file} failed: {error}") from error
        return made if made is not None else np.empty((0, 0), np.float32)

    def _run(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(tokens), max(1, *map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, found in enumerate(tokens):
            ids[row, : len(found)] = found
            mask[row, : len(found)] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        given = {name: known[name] for name in self._inputs}
        made = np.asarray(self._session.run([self._output], given)[0], np.float32)
        if made.ndim == _TOKEN_ROWS:
            return _pooled(made, mask, self.form.pooling)
        if made.ndim != _MATRIX:
            raise ValueError(f"{self._output} has {made.ndim} dimensions")
        return made


def model_file(folder: Path, *, machine: frozenset[str] | None = None) -> Path | None:
    """Return the `.onnx` file of a model's folder that runs best on this machine, None if none.

    That is one of 8-bit integers made for instructions that this machine has, else the plain one.
    `machine` names the instructions in place of those that are found.
    """
    known = instructions() if machine is None else machine
    found = [*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")]
    fits = [f for f in found if _made_for(f.name) in known | {""} and not _is_unfit(f.name)]
    return min(fits, key=_preference, default=None)


def _made_for(name: str) -> str:
    return next((i for i in _INSTRUCTIONS if i in name.lower()), "")


def _is_unfit(name: str) -> bool:
    return any(mark in name.lower() for mark in _UNFIT)


def _preference(file: Path) -> tuple[bool, int, bool, str]:
    order = (*_INSTRUCTIONS, "")
    is_small = any(mark in file.name.lower() for mark in _INTS)
    is_plain = file.name == "model.onnx"
    return not is_small, order.index(_made_for(file.name)), not is_plain, file.as_posix()


@cache
def instructions() -> frozenset[str]:
    """Return which of the sets of instructions that files are made for this machine has."""
    if platform.machine().lower() in {"arm64", "aarch64"}:
        return frozenset({"arm64"})
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return frozenset({"avx2"})  # every such machine of the last ten years
    marks = {"avx512_vnni": "avx512_vnni", "avx512": "avx512f", "avx2": "avx2"}
    return frozenset(name for name, flag in marks.items() if flag in words)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the positions of all texts, those of like length together, within `_TOKENS` at most."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        end = start + max(1, _TOKENS // max(1, lengths[order[start]]))
        yield order[start:end]
        start = end


def _chosen_output(names: Sequence[str]) -> str:
    """Return the output that is one vector for each text, or else the first, which is pooled."""
    return next((n for n in names if n == "sentence_embedding"), names[0])


def _pooled(
    tokens: NDArray[np.float32], mask: NDArray[np.int64], pooling: str
) -> NDArray[np.float32]:
    """Return one vector for each text: that of its first token, or the mean of all."""
    if pooling == "cls":
        first: NDArray[np.float32] = tokens[:, 0]
        return first
    weights = mask[:, :, None].astype(np.float32)
    means: NDArray[np.float32] = (tokens * weights).sum(1) / np.maximum(weights.sum(1), 1)
    return means


# ---------------------------------------------------------------------------- what a folder says


def _form(folder: Path) -> _Form:
    """Return how the model in a folder wants its texts; raises EmbeddingError for what we lack."""
    kinds = [str(m.get("type", "")).rpartition(".")[2] for m in _read(folder / "modules.json", [])]
    if unknown := sorted({*kinds} - {"Transformer", "Pooling", "Normalize", ""}):
        raise EmbeddingError(
            f"the model in {folder} has a step that only sentence-transformers can do "
            f"({unknown[0]}): use it as transformers:{folder}"
        )
    prompts = _read(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
    documents = (prompts.get(name) for name in ("document", "passage", "corpus"))
    return _Form(
        _longest(folder),
        _pooling(folder),
        str(prompts.get("query") or ""),
        str(next(filter(None, documents), "")),
    )


def _longest(folder: Path) -> int:
    for file, name in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    ):
        said = _read(folder / file, {}).get(name)
        if isinstance(said, int) and 0 < said <= 1 << 16:  # some write a huge number for none
            return said
    return _LONGEST


def _pooling(folder: Path) -> str:
    said: dict[str, Any] = {}
    for file in folder.glob("*_Pooling/config.json"):
        said = _read(file, {})
    modes = {name.removeprefix("pooling_mode_") for name, is_on in said.items() if is_on is True}
    mode = str(said.get("pooling_mode") or next(iter(modes - {"include_prompt"}), "mean"))
    known = {"mean_tokens": "mean", "cls_token": "cls", "mean": "mean", "cls": "cls"}
    if mode not in known:
        raise EmbeddingError(
            f"the model in {folder} makes one vector of many in a way that only "
            f"sentence-transformers can ({mode}): use it as transformers:{folder}"
        )
    return known[mode]


def _read(file: Path, default: Any) -> Any:
    """Return the JSON in a file, `default` if there is none or it is of another kind."""
    try:
        found = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise EmbeddingError(f"{file} cannot be read: {error}") from error
    return found if isinstance(found, type(default)) else default
