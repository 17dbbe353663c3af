"""On which days a paper appears: the one of its edition, and those on which it came again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from broadsheet.papers.types import Record

Basis = Literal["announced", "presumed", "page", "filed"]
Kind = Literal["listed", "page", "version", "cross"]
_DAY = len("2026-03-17")


class Again(NamedTuple):
    """A later day on which a paper came again, and how: `note` names the source or the change."""

    day: str
    kind: str
    note: str


class Stamp(NamedTuple):
    """The day of a paper's edition, which day that is, and the days on which it came again."""

    day: str
    basis: Basis
    again: tuple[Again, ...]
    upvotes: int | None


def stamp(records: Collection[Record], first_seen: str, page_days: Mapping[str, str]) -> Stamp:
    """Return when a paper that consists of `records` appears, in whatever order they come.

    Its edition is that of the first day on which a listing announced it, or presumably did, else
    of the first saved page that it stood on, else of the day on which it was filed. A day that
    was presumed counts no more once the same source has said one. `page_days` has the days of
    those pages that have one.
    """
    announced = [r.announced for r in records if _is_day(r.announced)]
    presumed = _presumed(records)
    on_pages = [page_days[r.place.page] for r in records if r.place and r.place.page in page_days]
    day = min(filter(None, [*announced, *presumed] or on_pages), default=first_seen[:_DAY])
    basis: Basis = (
        "announced" if day in announced
        else "presumed" if day in presumed
        else "page" if on_pages
        else "filed"
    )  # fmt: skip
    again = {a for r in records for a in _again(r, page_days) if a.day > day}
    return Stamp(day, basis, tuple(sorted(again)), _upvotes(records))


def _is_day(text: str | None) -> bool:
    """Return whether a date is known to the day."""
    return text is not None and len(text) == _DAY


def _presumed(records: Collection[Record]) -> list[str]:
    """Return the days that are only presumed, of sources that say no day of announcement."""
    said = {_house(r.source) for r in records if _is_day(r.announced)}
    return [
        r.presumed for r in records
        if r.presumed and _is_day(r.presumed) and _house(r.source) not in said
    ]  # fmt: skip


def _house(source: str) -> str:
    # arXiv's metadata ("arxiv") and its daily feeds ("arxiv-feed") are one house's word.
    return source.partition("-")[0]


def _again(record: Record, page_days: Mapping[str, str]) -> Iterator[Again]:
    if record.announced and _is_day(record.announced):
        yield Again(record.announced, "listed", record.source)
    if record.place and record.place.page in page_days:
        yield Again(page_days[record.place.page], "page", record.source)
    if record.updated and _is_day(record.updated):
        yield Again(record.updated, "version", record.source)
    for day, kind in record.again:
        yield Again(day, kind, record.source)


def _upvotes(records: Iterable[Record]) -> int | None:
    counts = (r.extra.get("upvotes") for r in records)
    return max((c for c in counts if type(c) is int and 0 <= c < 2**31), default=None)


def carried_over(old: Record, new: Record, today: str) -> Record:
    """Return `new`, which takes the place of `old`, with the days on which `old` appeared.

    A listing that shows an item again does not make it a paper of that later day: the first
    announcement stays, and the later one is noted, as are the days of other versions than its own
    and the day on which categories were added. Repeating it changes nothing.
    """
    again = {*old.again, *new.again}
    listed = sorted({d for d in (old.announced, new.announced) if d and _is_day(d)})
    again |= {(day, "listed") for day in listed[1:]}
    if old.updated and old.updated != new.updated and _is_day(old.updated):
        again.add((old.updated, "version"))
    if old.categories and set(new.categories) - set(old.categories):
        again |= _cross_listed(old, new, today)
    announced = listed[0] if listed else new.announced
    # What was presumed when the paper was new is nearer the truth than what later edits suggest.
    presumed = old.presumed or new.presumed
    return replace(new, announced=announced, again=tuple(sorted(again)), presumed=presumed)


def _cross_listed(old: Record, new: Record, today: str) -> set[tuple[str, str]]:
    """Return the day on which categories were added: the one that `new` says that it changed.

    If it does not say, it is today, once: two files that differ may be filed in turns.
    """
    for before, after in ((old.announced, new.announced), (old.updated, new.updated)):
        if after and _is_day(after) and after > (before or ""):
            return {(after, "cross")}
    return set() if any(kind == "cross" for _, kind in old.again) else {(today, "cross")}
