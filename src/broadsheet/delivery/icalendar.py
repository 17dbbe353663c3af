"""Calendars: days with something on them, as iCalendar (RFC 5545). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, NamedTuple

MEDIA_TYPE: Final = "text/calendar"
_WIDTH: Final = 75
"""Bytes of a line without its end (RFC 5545, 3.1)."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class AllDay(NamedTuple):
    """What is on a day: `id` is for ever, `href` the address of its page."""

    id: str
    day: date
    title: str
    href: str


def icalendar(title: str, events: Iterable[AllDay]) -> bytes:
    """Return a calendar of events that take no time: the same events make the same bytes."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Broadsheet//Editions//EN",
        f"NAME:{_escaped(title)}",
        # What most programs read instead of the name that RFC 7986 has for it.
        f"X-WR-CALNAME:{_escaped(title)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        *(line for event in events for line in _event(event)),
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _event(event: AllDay) -> tuple[str, ...]:
    return (
        "BEGIN:VEVENT",
        f"UID:{event.id}",
        # A time must stand here: that of making the answer would make every answer another one.
        f"DTSTAMP:{event.day:%Y%m%d}T000000Z",
        f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{event.day + timedelta(1):%Y%m%d}",
        f"SUMMARY:{_escaped(event.title)}",
        f"URL:{_CONTROL.sub('', event.href)}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    )


def _escaped(text: str) -> str:
    """Return a text as a value of RFC 5545, 3.3.11."""
    text = "\n".join(text.splitlines())
    for sign in "\\;,":
        text = text.replace(sign, f"\\{sign}")
    return _CONTROL.sub("", text.replace("\n", "\\n"))


def _folded(line: str) -> bytes:
    """Return a line in pieces of at most 75 bytes, none of which breaks a character."""
    pieces, room = [b""], _WIDTH
    for char in line:
        said = char.encode("utf-8", "replace")
        if len(pieces[-1]) + len(said) > room:
            # The space that begins a further piece counts.
            pieces.append(b"")
            room = _WIDTH - 1
        pieces[-1] += said
    return b"\r\n ".join(pieces) + b"\r\n"
