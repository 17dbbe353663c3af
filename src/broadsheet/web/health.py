"""The status of a collection as its page shows it. Pure."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from broadsheet.collection.runs import Run
from broadsheet.library import Status
from broadsheet.web import front
from broadsheet.web.views import Fact, Piece, clip, day_in_words

ROWS = 50
RUNS = 10
_TEXT = 300


def page_of(found: Status) -> dict[str, Any]:
    """Return what the page of the status shows: bounded, and in words."""
    return {
        "warnings": [commands(clip(w, 2 * _TEXT)) for w in found.warnings[:ROWS]],
        "facts": list(_facts(found)),
        "sources": [
            (clip(s.source, 60), f"{s.records:,}", day_in_words(s.last_changed[:10]))
            for s in found.held.sources[:ROWS]
        ],
        "days": [
            (front.day_link(date.fromisoformat(d.day)), f"{d.papers:,}")
            for d in reversed(found.days)
        ],
        "runs": [_run(r) for r in found.runs[:RUNS]],
    }


def _facts(found: Status) -> Iterable[Fact]:
    held, index = found.held, found.index
    yield Fact("Papers", f"{held.papers:,}", f"made of {held.records:,} records")
    if held.first_day and held.last_day:
        span = f"{day_in_words(held.first_day)} to {day_in_words(held.last_day)}"
        yield Fact("Editions", f"{held.days:,} days with papers", span)
    yield Fact("Set aside", f"{held.rejects:,} records", "that could not be read")
    yield Fact("Decisions", f"{held.decisions:,}", "made by hand and not undone")
    yield Fact("Index", _index(found), f"{index.model}; format {index.format}")
    for key, (name, meaning) in _SIZES.items():
        if key in found.sizes:
            yield Fact(name, in_bytes(found.sizes[key]), meaning)
    yield Fact("Last backup", day_in_words((found.last_backup or "")[:10]) or "none")
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


def _run(run: Run) -> tuple[str, str, str, str]:
    counts = ", ".join(f"{name} {n:,}" for name, n in run.counts.items() if n)
    began = run.started[:16].replace("T", " ")
    return clip(run.source, _TEXT), began, run.outcome, clip(run.reason or counts, _TEXT)


def commands(text: str) -> list[Piece]:
    """Return a text in pieces, those marked that stand between backquotes."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [(False, text)]
    return [(n % 2 == 1, part) for n, part in enumerate(parts) if part]


def in_bytes(size: int) -> str:
    """Return a size on disk in words: "12.3 MB"."""
    for unit, of in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= of:
            return f"{size / of:,.1f} {unit}"
    return f"{size:,} bytes"
