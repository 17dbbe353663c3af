"""The small file beside an index that says what the index holds, replaced in one step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from broadsheet.errors import SearchIndexError

GONE = (0, 0)
"""The stamp of a manifest that is not there: not written yet, or thrown away with its folder."""


def flush(path: Path) -> None:
    """Make sure that the contents of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def extend(path: Path, content: bytes, held: int) -> None:
    """Write `content` behind the first `held` bytes of a file; what stood there is no more."""
    path.touch()
    with path.open("r+b") as file:
        file.truncate(held)
        file.seek(held)
        file.write(content)
    flush(path)


def write(path: Path, facts: dict[str, Any]) -> None:
    """Replace the manifest: whoever reads sees the old facts or the new ones, never a mixture."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(orjson.dumps(facts))
    flush(fresh)
    fresh.replace(path)
    flush(path.parent)


def read(path: Path) -> dict[str, Any] | None:
    """Return the facts, or None if there is no manifest yet.

    Raises SearchIndexError if there is one that cannot be read.
    """
    try:
        facts = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SearchIndexError(f"{path} cannot be read: run `broadsheet rebuild`") from error
    if not isinstance(facts, dict):
        raise SearchIndexError(f"{path} is damaged: run `broadsheet rebuild`")
    return facts


def stamp(path: Path) -> tuple[int, int]:
    """Return what changes whenever the manifest is replaced: its inode and time."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return GONE
    return (found.st_ino, found.st_mtime_ns)
