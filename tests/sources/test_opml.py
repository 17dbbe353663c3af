"""Lists of feeds. All lists here are invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import SourceError
from broadsheet.sources.opml import Outline, parse_opml

LIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- from a reader -->
<opml version="2.0"><head><title>Feeds</title></head><body>
<outline text="Science"><outline text="Physics / new" title="Physics / new">
<outline type="rss" text="Kites &amp; strings" xmlUrl="https://kites.example/feed" htmlUrl="https://kites.example/"/>
<outline type="rss" text="Kites again" xmlUrl="https://kites.example/feed"/></outline>
<outline TEXT="Graphs" XMLURL=" feed://graphs.example/rss "/></outline>
<outline text="No feed" htmlUrl="https://page.example/"/>
<outline text="A file" xmlUrl="file:///etc/passwd"/>
<outline text="A script" xmlUrl="javascript:alert(1)"/>
<outline xmlUrl="feed:http://plain.example/a?b=1&amp;c=2"/>
</body></opml>"""


def refusal(body: bytes) -> str:
    """Return why the bytes are no list of feeds."""
    with pytest.raises(SourceError) as caught:
        parse_opml(body, name="feeds.opml")
    return str(caught.value)


def test_a_list_as_readers_write_it():
    """Feeds come in order with their folders, once each, and only from the web."""
    assert parse_opml(LIST, name="f") == [
        Outline("Kites & strings", "https://kites.example/feed", "Science/Physics - new"),
        Outline("Graphs", "https://graphs.example/rss", "Science"),
        Outline("http://plain.example/a?b=1&c=2", "http://plain.example/a?b=1&c=2"),
    ]


def test_damage_is_passed_over():
    """A bare ampersand, or the end of the file missing, costs no feed that is whole."""
    assert len(parse_opml(LIST[:-9], name="f")) == 3
    assert len(parse_opml(LIST.replace(b"b=1&amp;c", b"b=1&c"), name="f")) == 3


def test_encodings():
    """The list's own encoding counts."""
    text = '<?xml version="1.0" encoding="{}"?><opml><body><outline text="é" xmlUrl="https://a.example/"/></body></opml>'
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        body = text.format(encoding).encode(encoding)
        assert parse_opml(body, name="f") == [Outline("é", "https://a.example/")]


@pytest.mark.parametrize("body", [b"", b"hello", b"<rss/>", b"<html>", b"{}", b"\x89PNG", b"\0\0"])
def test_what_is_no_opml_is_refused(body):
    """The message says so and names the file."""
    assert "feeds.opml is no OPML" in refusal(body)


def test_an_empty_list_is_one():
    """It has no feeds."""
    assert parse_opml(b"<opml version='1.0'><body/></opml>", name="f") == []


def test_hostile_lists():
    """Entities are refused; depth and size cost little."""
    laughs = b"<!DOCTYPE o [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><opml>&b;</opml>"
    assert "entities" in refusal(laughs)
    assert "entities" in refusal(laughs.decode().encode("utf-16"))
    parse_opml(b"<opml><body>" + b"<outline text='x'>" * 100_000, name="f")
    assert "more than is read" in refusal(b"<opml>" + b" " * 8_000_000)


@given(st.binary(max_size=200), st.integers(0, len(LIST)))
def test_any_bytes_are_read_or_refused(body, at):
    """Nothing but a SourceError comes out."""
    for given_body in (body, LIST[:at] + body, LIST[:at] + body + LIST[at:]):
        try:
            found = parse_opml(given_body, name="f")
        except SourceError:
            continue
        assert all(o.url.lower().startswith("http") for o in found)
