"""Whether an index holds what the record does, no more and no less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.embedded import EmbeddedIndex


def problems_of(index: EmbeddedIndex, ids: NDArray[np.int64], sequence: int) -> list[str]:
    """Return in words where an index differs from a record of these papers, at its last change.

    Raises SearchIndexError if the index cannot be read.
    """
    found = index.held()
    waiting = index.meaning.notice
    if waiting and index.embedder.pace != "fast":
        # Vectors that wait are behind the record; what they hold cannot agree with it.
        del found["vectors"]
    problems = [waiting] if "vectors" not in found else []
    for part, held in found.items():
        problems += _differences(part, ids, held)
    if index.sequence != sequence:
        problems.append(f"the index holds sequence {index.sequence} of {sequence}")
    return problems


def _differences(part: str, wanted: NDArray[np.int64], held: NDArray[np.int64]) -> list[str]:
    found = []
    for words, ids in (
        ("lacks", np.setdiff1d(wanted, held)),
        ("still holds", np.setdiff1d(held, wanted)),
    ):
        if len(ids):
            some = ", ".join(f"p{i}" for i in ids[:5])
            found.append(f"the {part} index {words} {len(ids)} papers ({some}…)")
    return found + ([f"the {part} index holds papers twice"] if len(set(held)) < len(held) else [])
