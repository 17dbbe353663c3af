"""The sources and their runs as the status tells of them: in words, and of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from broadsheet.collection.runs import Run
from broadsheet.errors import ConfigError
from broadsheet.library import Library
from broadsheet.web import views
from broadsheet.web.views import Piece, clip, commands, day_in_words

if TYPE_CHECKING:
    from broadsheet.harvest.newsroom import Standing

REASON = 900
"""Characters of a reason: a whole one, unless it names a dozen parts."""
PARTS = 6
"""Parts of a run that did badly and are named."""
_TEXT = 200
_FRAME = 400
_ODD: Final = {"suspicious", "partly failed", "failed", "cut off"}
_KINDS: Final = {
    "import": "import",
    "harvest": "harvest",
    "backfill": "backfill",
    "enrich": "counts and facts of papers that are here",
    "add": "added by hand",
}


class Enabled(NamedTuple):
    """The enabled sources as they stand; `trouble` says why that cannot be told, if it cannot."""

    standings: list[Standing]
    trouble: str


def enabled(library: Library) -> Enabled:
    """Return how the enabled sources stand; sources that are set up wrongly are no error here."""
    try:
        return Enabled([s for s in library.newsroom.sources() if s.is_enabled], "")
    except ConfigError as error:
        return Enabled([], unusable(error))


def unusable(error: ConfigError) -> str:
    """Return in a sentence that the sources are set up wrongly."""
    return f"The sources cannot be used: {str(error).rstrip('.')}."


# ---------------------------------------------------------------------------- runs


class Part(NamedTuple):
    """A part of a run that did badly: `words` say why, and up to which day it is complete."""

    name: str
    outcome: str
    words: str


class Told(NamedTuple):
    """A run in words; one that `is_odd` wants to be seen. `more` parts did badly, too."""

    source: str
    kind: str
    began: str
    outcome: str
    is_odd: bool
    reason: list[Piece]
    parts: list[Part]
    more: int


def told(run: Run) -> Told:
    """Return a run in words."""
    bad = [p for p in run.parts if p.get("outcome") in _ODD or p.get("error")]
    return Told(
        clip(run.source, _TEXT),
        _KINDS.get(run.kind, run.kind),
        time_in_words(run.started),
        run.outcome,
        run.outcome in _ODD,
        commands(clip(run.reason or _counted(run), REASON)),
        [_part(p) for p in bad[:PARTS]],
        max(len(bad) - PARTS, 0),
    )


def weight(run: Told) -> int:
    """Return about how many bytes a run takes on a page."""
    texts = [run.source, run.kind, *(text for _, text in run.reason)]
    parts = [text for part in run.parts for text in part]
    return _FRAME + 80 * len(run.parts) + views.size("".join([*texts, *parts]))


def _counted(run: Run) -> str:
    counts = ", ".join(f"{name} {n:,}" for name, n in run.counts.items() if n)
    if run.outcome == "running":
        return f"It has not ended yet: {counts} so far." if counts else "It has not ended yet."
    return counts


def _part(part: dict[str, Any]) -> Part:
    until = part.get("until")
    error = str(part.get("error") or "").rstrip(". ")
    words = [error, until and f"complete up to {day_in_words(str(until))}"]
    return Part(
        clip(str(part.get("part", "")), 80),
        clip(str(part.get("outcome", "")), 40),
        clip("; ".join(filter(None, words)), _TEXT),
    )


# ---------------------------------------------------------------------------- sources


class Shown(NamedTuple):
    """A source as it stands, in words; what is not known of it is empty."""

    name: str
    title: str
    last: Told | None
    due: str
    covered: str
    key: str


def shown(found: Sequence[Standing], now: datetime) -> Iterator[Shown]:
    """Yield sources in words, at a time."""
    for one in found:
        yield Shown(
            clip(one.name, 60),
            clip(one.title, 80),
            told(one.last) if one.last else None,
            _due(one.next_due, now),
            day_in_words(one.covered) if one.covered else "",
            f"There is none in {one.key_variable}" if one.key_variable and not one.has_key else "",
        )


def _due(due: datetime | None, now: datetime) -> str:
    if due is None:
        return ""
    if due <= now:
        return "Now"
    return f"{time_in_words(due)}, {_in(due - now)}"


def _in(span: timedelta) -> str:
    """Return a span of time in the unit that fits: "in 5 hours"."""
    minutes = max(round(span / timedelta(minutes=1)), 1)
    for unit, of, enough in (("day", 1440, 36 * 60), ("hour", 60, 90), ("minute", 1, 0)):
        if minutes >= enough:
            number = round(minutes / of)
            return f"in {number} {unit}{'' if number == 1 else 's'}"
    return ""


def time_in_words(time: datetime | str) -> str:
    """Return a time as "Tuesday, 17 March 2026, 06:30 UTC"; a text that is none as it is."""
    if isinstance(time, str):
        try:
            return time_in_words(datetime.fromisoformat(time))
        except ValueError:
            return time
    moment = time.astimezone(UTC)
    return f"{day_in_words(moment.date())}, {moment:%H:%M} UTC"
