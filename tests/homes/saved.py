"""The saved homes: which there are, and how to unpack one."""

from __future__ import annotations

import tarfile
from pathlib import Path

HERE = Path(__file__).parent
SAVED = sorted(path.name.partition(".")[0] for path in HERE.glob("????.tar.xz"))
"""The schemas of which a home is saved, ascending."""


def archive_of(schema: str) -> Path:
    """Return the archive of a saved home."""
    return HERE / f"{schema}.tar.xz"


def extract(archive: Path, folder: Path) -> None:
    """Unpack a tar into a folder, with the filter that newer versions of Python ask for."""
    with tarfile.open(archive) as found:
        found.extraction_filter = getattr(tarfile, "data_filter", None)
        found.extractall(folder)  # noqa: S202 (our own archives)


def unpacked(schema: str, folder: Path) -> Path:
    """Return a saved home, unpacked in `folder`; `expected.json` beside it tells what it held."""
    extract(archive_of(schema), folder)
    return folder / "home"
