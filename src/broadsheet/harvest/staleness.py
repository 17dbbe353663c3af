"""Whether what a source shows as today's papers was seen on an earlier day. Pure.

arXiv's feeds can show the batch of the day before for one category while the others are current,
under the same time of building: several hundred papers, all known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from broadsheet.papers.filing import Key
from broadsheet.papers.types import Record

FEW = 3
"""So few papers of a category say nothing of it."""


def stale(
    records: Sequence[Record], held: Mapping[Key, Record], expected: date | None, where: str
) -> list[str]:
    """Return, category by category, why an answer of `where` looks old; nothing if it does not.

    `held` has what was held under the keys of `records` before they came; `expected` is the day
    whose papers they should be. A category is judged by its new papers alone.
    """
    if expected is None:
        return []
    day = expected.isoformat()
    if all((record.announced or "") < day for record in records):
        # An answer that is old as a whole says so itself.
        return []
    by_category: dict[str, list[str]] = {}
    for record in records:
        if record.announced:
            before = held.get((record.source, record.key))
            known = before.announced if before else None
            seen = min(filter(None, (known, record.announced)))
            by_category.setdefault(record.categories[0] if record.categories else "", []).append(
                seen
            )
    return [
        f"{where}: {category} still shows the papers of {max(days)} ({len(days)}, all known)"
        for category, days in sorted(by_category.items())
        if category and len(days) >= FEW and max(days) < day
    ]
