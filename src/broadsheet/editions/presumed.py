"""The day on which arXiv presumably announced a paper of which only the versions are known.

Pure. A dump of arXiv's metadata says when each version came, and nothing of announcements.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from broadsheet.editions.calendar import announcement, listing_day
from broadsheet.papers.types import Record


def with_presumed_day(record: Record) -> Record:
    """Return a record of arXiv's with the day of the listing that its first version was due in.

    Records that say a day themselves, of other sources, or without versions stay as they are. The
    form is that of Kaggle's snapshot: `versions` with `created` as in RFC 1123.
    """
    if record.source != "arxiv" or record.announced or record.presumed:
        return record
    match record.extra.get("versions"):
        case [{"created": str(created)}, *_]:
            day = _day(created)
            return replace(record, presumed=day) if day else record
    return record


@lru_cache(4096)
def _day(created: str) -> str | None:
    try:
        came = parsedate_to_datetime(created)
    except ValueError:
        return None
    if came.tzinfo is None:
        came = came.replace(tzinfo=UTC)
    return listing_day(announcement(came)).isoformat() if _is_of_arxiv(came) else None


def _is_of_arxiv(came: datetime) -> bool:
    # The calendar knows no listing before arXiv's first one, and none that nobody can have seen.
    return 1991 <= came.year <= 9000  # noqa: PLR2004
