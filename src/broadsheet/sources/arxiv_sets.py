"""Categories of arXiv, and the sets of its OAI interface that hold them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from broadsheet.errors import ConfigError
from broadsheet.papers.categories import CATEGORIES

MOST_SETS: Final = 6
"""More categories of one archive than this are walked as the one set of the archive."""

# These archives are a group of their own name; all others are in the group of physics.
_OWN_GROUP: Final = frozenset({"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"})
ARCHIVES: Final = (
    *("astro-ph", "cond-mat", "cs", "econ", "eess", "gr-qc", "hep-ex", "hep-lat", "hep-ph"),
    *("hep-th", "math", "math-ph", "nlin", "nucl-ex", "nucl-th", "physics", "q-bio", "q-fin"),
    *("quant-ph", "stat"),
)
"""The archives that take papers today: together they are all of arXiv."""

_CATEGORY = re.compile(r"([a-z]+(?:-[a-z]+)?)(?:\.[A-Za-z]+(?:-[a-z]+)?)?")


def checked(categories: Sequence[str]) -> tuple[str, ...]:
    """Return the categories, each once; raises ConfigError for what arXiv cannot have.

    Categories that arXiv adds to its archives are taken on trust.
    """
    for category in categories:
        found = _CATEGORY.fullmatch(category)
        if category not in CATEGORIES and (not found or found[1] not in CATEGORIES):
            raise ConfigError(f"arXiv has no category {category!r}: they look like cs.LG or hep-th")
    return tuple(dict.fromkeys(categories))


def spec_of(category: str) -> str:
    """Return the OAI set of a category or archive: `cs:cs:LG`, `physics:hep-th`, `cs`."""
    archive, dot, _ = category.partition(".")
    if archive in _OWN_GROUP:
        return f"{archive}:{category.replace('.', ':')}" if dot else archive
    return f"physics:{category.replace('.', ':')}"


def specs_of(categories: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the sets that hold the categories, each with those that are wanted of it.

    That is () where all that the set holds is wanted. Many categories of one archive are cheaper
    as the one set of the archive: most papers are in several of them.
    """
    by_archive: dict[str, list[str]] = {}
    for category in categories:
        by_archive.setdefault(category.partition(".")[0], []).append(category)
    found: dict[str, tuple[str, ...]] = {}
    for archive, names in by_archive.items():
        if archive in names:
            found[spec_of(archive)] = ()
        elif len(names) > MOST_SETS:
            found[spec_of(archive)] = tuple(names)
        else:
            found |= {spec_of(name): () for name in names}
    return found
