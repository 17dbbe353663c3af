"""A model whose vectors are kept in a folder, as a transformer takes minutes to make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError
from broadsheet.search.embedding import Embedder, Pace

_KEY = 16
Told = Callable[[int, int], None]
"""Takes how many texts are embedded, of how many."""


class Remembered:
    """An embedder that asks `model` for a text once, and from then on a file in `folder`.

    One process at a time may use a folder. Each step is a file of its own, so what was being made
    when a process was killed is all that is made again.
    """

    def __init__(self, model: Embedder, folder: Path) -> None:
        """Take the vectors that `folder` has of this model; it is made if there is none."""
        self.model = model
        self.told: Told = lambda _done, _all: None
        self._folder = folder / blake2b(model.id.encode(), digest_size=8).hexdigest()
        self._known: dict[bytes, int] = {}
        self._rows: NDArray[np.float32] = np.empty((0, 0), np.float32)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._read()
        except (OSError, ValueError) as error:
            raise EmbeddingError(f"{self._folder} cannot be used: {error}") from error

    @property
    def id(self) -> str:
        """The name of the model."""
        return self.model.id

    @property
    def pace(self) -> Pace:
        """What embedding takes."""
        return self.model.pace

    @property
    def price(self) -> float | None:
        """What a million tokens cost."""
        return self.model.price

    @property
    def step(self) -> int:
        """How many texts are best embedded and kept at a time."""
        return self.model.step

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, as the model would; raises EmbeddingError."""
        return self._remembered(texts, b"", self.model.embed)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of questions, one row each; raises EmbeddingError."""
        return self._remembered(
            texts, b"query", lambda some: np.stack([self.model.query(t) for t in some])
        )

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, made anew, as whoever measures time wants it."""
        return self.model.query(text)

    def close(self) -> None:
        """Let go of what the model waits for."""
        self.model.close()

    def _remembered(
        self,
        texts: Sequence[str],
        kind: bytes,
        make: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        keys = [_key(text, kind) for text in texts]
        lacking = {k: t for k, t in zip(keys, texts, strict=True) if k not in self._known}
        self._make(lacking, make)
        return self._rows[[self._known[k] for k in keys]] if texts else self.model.embed([])

    def _make(
        self, lacking: dict[bytes, str], make: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> None:
        # Texts of one length are embedded together: a batch takes as long as its longest.
        keys = sorted(lacking, key=lambda k: len(lacking[k]))
        for start in range(0, len(keys), self.step):
            some = keys[start : start + self.step]
            self._keep(some, make([lacking[k] for k in some]))
            self.told(start + len(some), len(keys))

    def _keep(self, keys: Sequence[bytes], rows: NDArray[np.float32]) -> None:
        file = self._folder / f"{len(self._known):08}.npz"
        unfinished = file.with_suffix(".new")
        with unfinished.open("wb") as out:
            np.savez(out, keys=np.frombuffer(b"".join(keys), np.uint8), rows=rows)
        unfinished.replace(file)
        self._take(keys, rows)

    def _take(self, keys: Sequence[bytes], rows: NDArray[np.float32]) -> None:
        self._known |= {key: len(self._known) + n for n, key in enumerate(keys)}
        self._rows = np.concatenate([self._rows.reshape(-1, rows.shape[1]), rows])

    def _read(self) -> None:
        for file in sorted(self._folder.glob("*.npz")):
            with np.load(file, allow_pickle=False) as parts:
                keys, rows = parts["keys"].tobytes(), parts["rows"]
            self._take([keys[n : n + _KEY] for n in range(0, len(keys), _KEY)], rows)


def _key(text: str, kind: bytes) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=_KEY, person=kind).digest()
