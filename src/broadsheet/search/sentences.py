"""A local sentence-transformers model as embedder: the extra `transformers`.

Loading one takes seconds and hundreds of megabytes, so it is loaded when it is first needed. What
it is called is known without: the name, and for a folder a hash of what lies in it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError
from broadsheet.search.embedding import Pace, at_length_one

_BATCH = 32
_ALL = 1 << 30
_REMEMBERED = 256
_SMALL = 1_000_000
_SAMPLES = 64
_SAMPLE = 4096
_PARTS_OF_A_MODEL = {".json", ".txt", ".model", ".safetensors", ".bin"}


class SentenceEmbedder:
    """An embedder that runs a sentence-transformers model on this machine.

    One instance may be used by many threads; they take turns.
    """

    pace: Pace = "slow"
    price: float | None = 0.0
    step: int = 256

    def __init__(self, name: str, *, threads: int | None = None, at_once: int = _ALL) -> None:
        """Take the model in the folder `name` or, if there is none, the one of that name.

        It may use so many `threads`, by default all; others get their turn after `at_once` texts.
        """
        folder = Path(name).expanduser()
        self._name = str(folder) if folder.is_dir() else name
        self.id = f"transformers:{hash_of(folder, _files(folder)) if folder.is_dir() else name}"
        self._threads = threads
        self._at_once = at_once
        self._lock = threading.Lock()
        self._model: Any = None
        self._asked = lru_cache(_REMEMBERED)(self._ask)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a float32 matrix with one row of length one for each text, zero for an empty one.

        What is beyond the model's longest input is not read. Raises EmbeddingError if the model,
        or what runs it, is missing or broken.
        """
        starts = range(0, len(texts), self._at_once)
        made = [self._encode("encode_document", texts[i : i + self._at_once]) for i in starts]
        return np.concatenate(made) if made else np.empty((0, 0), np.float32)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, asked in the way that the model was trained for.

        It must not be changed: the last ones are kept.
        """
        return self._asked(text)

    def _ask(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._encode("encode_query", [text])[0]
        vector.flags.writeable = False
        return vector

    def close(self) -> None:
        """Let go of nothing: what is being embedded ends by itself soon."""

    def _encode(self, method: str, texts: Sequence[str]) -> NDArray[np.float32]:
        # Tokenizers must not be used by two threads at once.
        with self._lock:
            model = self._loaded()
            try:
                rows = getattr(model, method)(
                    list(texts),
                    batch_size=_BATCH,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
            except (RuntimeError, ValueError, TypeError) as error:
                raise EmbeddingError(f"the model {self._name} failed: {error}") from error
        made = np.asarray(rows, np.float32).reshape(len(texts), -1)
        made[[not text.strip() for text in texts]] = 0
        return at_length_one(made, self.id)

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = _load(self._name)
            if self._threads is not None:
                import torch  # noqa: PLC0415 (it is loaded by now)

                torch.set_num_threads(self._threads)
        return self._model


def _load(name: str) -> Any:
    if name.startswith(("/", ".", "~")) and not Path(name).expanduser().is_dir():
        raise EmbeddingError(f"there is no folder {name} with a model")
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (seconds, and extra)
        from transformers.utils import logging  # noqa: PLC0415
    except ImportError as error:
        raise EmbeddingError(
            "a transformers: model needs more than is installed: "
            "pip install 'broadsheet[transformers]'"
        ) from error
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(name)
    except Exception as error:  # whatever the libraries below raise for files of others
        raise EmbeddingError(f"the model {name} cannot be loaded: {error}") from error


def hash_of(folder: Path, files: Iterable[Path]) -> str:
    """Return the name of a model's folder with a hash that changes with these `files` of it."""
    known = blake2b(digest_size=4)
    for file in sorted(files):
        known.update(f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n".encode())
        for part in _samples(file):
            known.update(part)
    return f"{folder.resolve().name}-{known.hexdigest()}"


def _files(folder: Path) -> Iterable[Path]:
    for file in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix in _PARTS_OF_A_MODEL and file.is_file() and not is_hidden:
            yield file


def _samples(file: Path) -> Iterable[bytes]:
    """Yield the content of a small file, and pieces from all over a large one."""
    size = file.stat().st_size
    with file.open("rb") as content:
        if size <= _SMALL:
            yield content.read()
            return
        for number in range(_SAMPLES):
            content.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
            yield content.read(_SAMPLE)
