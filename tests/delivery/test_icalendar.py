"""Calendars: valid by RFC 5545, whatever days are called."""

import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from broadsheet.delivery.feeds import urn
from broadsheet.delivery.icalendar import AllDay, icalendar

DAY = date(2026, 12, 31)


def day(title: str = "41 papers", when: date = DAY) -> AllDay:
    """Return an edition in a calendar."""
    return AllDay(urn(f"edition {when}"), when, title, f"https://x.example/{when:%Y/%m/%d}")


def read_calendar(body: bytes) -> list[tuple[str, str]]:
    """Insist on the lines of RFC 5545, 3.1, and return them unfolded, names before values."""
    assert body.endswith(b"\r\n")
    lines = body.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    # Each line is sound UTF-8 by itself: no fold breaks a character.
    assert not any(re.search("[\x00-\x08\x0a-\x1f\x7f]", line.decode()) for line in lines)
    whole = body.decode().removesuffix("\r\n").replace("\r\n ", "")
    return [tuple(line.split(":", 1)) for line in whole.split("\r\n")]


def unescaped(value: str) -> str:
    """Return what a value of RFC 5545, 3.3.11 says."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


def check_calendar(body: bytes) -> list[dict[str, str]]:
    """Insist on what RFC 5545 requires of a calendar (3.6) and its events, and return these."""
    lines = read_calendar(body)
    assert (lines[0], lines[-1]) == (("BEGIN", "VCALENDAR"), ("END", "VCALENDAR"))
    names = [name for name, _ in lines]
    assert (names.count("VERSION"), names.count("PRODID")) == (1, 1)
    events = []
    for name, value in lines[1:-1]:
        if (name, value) == ("BEGIN", "VEVENT"):
            events.append({})
        elif events and name != "END":
            assert name not in events[-1]
            events[-1][name] = value
    for event in events:
        assert {"UID", "DTSTAMP", "DTSTART;VALUE=DATE"} <= event.keys()
        assert re.fullmatch(r"\d{8}T\d{6}Z", event["DTSTAMP"])
        assert event["DTSTART;VALUE=DATE"] < event["DTEND;VALUE=DATE"]
    assert len({event["UID"] for event in events}) == len(events)
    return events


def test_an_edition_is_a_day_that_takes_no_time():
    """It ends where the next day begins, and leads to its page."""
    (event,) = check_calendar(icalendar("Broadsheet", [day()]))

    assert event["DTSTART;VALUE=DATE"] == "20261231"
    assert event["DTEND;VALUE=DATE"] == "20270101"
    assert event["SUMMARY"] == "41 papers"
    assert event["URL"] == "https://x.example/2026/12/31"
    assert event["TRANSP"] == "TRANSPARENT"
    assert event["UID"].startswith("urn:uuid:")


def test_a_calendar_without_days_is_valid():
    """And says what it is of."""
    assert check_calendar(icalendar("Papers; of, all", [])) == []
    assert ("NAME", "Papers\\; of\\, all") in read_calendar(icalendar("Papers; of, all", []))


@given(st.text(max_size=120), st.text("é漢🌙 ab,;\\\n", max_size=120))
def test_whatever_is_said_a_calendar_is_valid(title, summary):
    """No text makes a line of its own or breaks one, and all that can be printed of it is there."""
    made = icalendar(title, [day(summary)])
    (event,) = check_calendar(made)

    assert unescaped(event["SUMMARY"]) == "\n".join(summary.splitlines())
    assert made == icalendar(title, [day(summary)])
