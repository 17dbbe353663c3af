"""The status of a collection as its page shows it. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from broadsheet.library import Status
from broadsheet.search.deepening import DeepState
from broadsheet.web import front, sources
from broadsheet.web.sources import Enabled
from broadsheet.web.views import Fact, Piece, clip, commands, day_in_words, fitting, size

ROWS = 50
RUNS = 20
ROOM = 30_000
"""Bytes of the page that the sources may take, and the runs as many again."""
WARNINGS_ROOM = 15_000
ROW = 600
"""Bytes that a source takes besides its last run."""


def page_of(found: Status, enabled: Enabled, now: datetime) -> dict[str, Any]:
    """Return what the page of the status shows at a time: bounded, and in words."""
    warnings = [*filter(None, [enabled.trouble]), *found.warnings]
    said = [commands(clip(w, sources.REASON)) for w in warnings[:ROWS]]
    return {
        "warnings": list(fitting(said, WARNINGS_ROOM, _warning_weight)),
        "harvested": list(fitting(sources.shown(enabled.standings, now), ROOM, _source_weight)),
        "is_any_enabled": bool(enabled.standings or enabled.trouble),
        "facts": list(_facts(found)),
        "records": [
            (clip(s.source, 60), f"{s.records:,}", day_in_words(s.last_changed[:10]))
            for s in found.held.sources[:ROWS]
        ],
        "days": [
            (front.day_link(date.fromisoformat(d.day)), f"{d.papers:,}")
            for d in reversed(found.days)
        ],
        "runs": list(fitting(map(sources.told, found.runs[:RUNS]), ROOM, sources.weight)),
    }


def _warning_weight(pieces: list[Piece]) -> int:
    return 60 + size("".join(text for _, text in pieces))


def _source_weight(source: sources.Shown) -> int:
    return ROW + size(source.title) + (sources.weight(source.last) if source.last else 0)


def _facts(found: Status) -> Iterable[Fact]:
    held, index = found.held, found.index
    yield Fact("Papers", f"{held.papers:,}", f"made of {held.records:,} records")
    if held.first_day and held.last_day:
        span = f"{day_in_words(held.first_day)} to {day_in_words(held.last_day)}"
        yield Fact("Editions", f"{held.days:,} days with papers", span)
    yield Fact("Set aside", f"{held.rejects:,} records", "that could not be read")
    yield Fact("Decisions", f"{held.decisions:,}", "made by hand and not undone")
    yield Fact("Index", _index(found), f"{index.model}; format {index.format}")
    if found.deep is not None:
        yield Fact("Deep tier", *_deep(found.deep))
    for key, (name, meaning) in _SIZES.items():
        if key in found.sizes:
            yield Fact(name, in_bytes(found.sizes[key]), meaning)
    yield Fact("Last backup", day_in_words((found.last_backup or "")[:10]) or "none")
    states = ", ".join(f"{count:,} {state}" for state, count in found.mail.digests.items())
    yield Fact("Digests", states or "none")
    yield Fact("Broadsheet", found.version, f"schema {found.schema}")


_SIZES = {
    "record": ("Record on disk", "what cannot be made again"),
    "index": ("Index on disk", "made from the record"),
    "free": ("Free", "left on the disk"),
}


def _index(found: Status) -> str:
    index = found.index
    if index.building:
        return f"being built: {index.building[0]:,} of {index.building[1]:,} papers are done"
    if index.lag:
        return f"{index.lag:,} changes behind the record"
    return f"holds everything, up to change {index.last:,}"


def _deep(found: DeepState) -> tuple[str, str]:
    done = f"{found.embedded:,} of {found.papers:,} papers"
    if found.rate is None or found.left_s is None:
        return done, found.model
    left = timedelta(minutes=round(found.left_s / 60))
    return done, f"{found.model}; {found.rate:,.1f} a second, {left} left"


def in_bytes(size: int) -> str:
    """Return a size on disk in words: "12.3 MB"."""
    for unit, of in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= of:
            return f"{size / of:,.1f} {unit}"
    return f"{size:,} bytes"
