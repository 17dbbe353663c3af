"""Where the shared data lies: texts by other people, which never enter the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_given = os.environ.get("BROADSHEET_SHARED")
_folder = Path(_given) if _given else Path(__file__).parents[2] / "shared" / "data"

SHARED: Path | None = _folder if _folder.is_dir() else None
"""The folder that holds `pages/` and `corpus/`, or None where there is none."""

needs_shared = pytest.mark.skipif(
    SHARED is None, reason=f"the shared data is not at {_folder} (set BROADSHEET_SHARED)"
)
