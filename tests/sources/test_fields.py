"""Fields of JSON that others wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.types import ExternalId, Record, Signal
from broadsheet.sources import fields
from broadsheet.sources.jsonl import MAX_EXTRA, MAX_TEXT, MAX_TITLE


@given(st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_milliseconds_are_a_day(moment):
    """In UTC, whatever the time of the day."""
    assert fields.moment_day(int(moment.timestamp() * 1000)) == moment.date().isoformat()


@pytest.mark.parametrize("value", [None, True, "7", [7], -1, float("inf"), float("nan"), 2**60])
def test_what_counts_nothing_is_no_count(value):
    """Nor does it become zero."""
    assert fields.count(value) is None
    assert fields.signals(citations=value) == ()
    assert fields.signals(citations=3, stars=value) == (Signal("citations", 3.0),)


@pytest.mark.parametrize(
    ("namespace", "value", "found"),
    [
        ("doi", "https://doi.org/10.5555/A.1", ExternalId("doi", "10.5555/a.1")),
        ("doi", "10.48550/arXiv.2611.00001", ExternalId("arxiv", "2611.00001")),
        ("doi", "10.1007/978-3-030-12345-6", None),
        ("doi", "NA", None),
        ("openalex", "https://openalex.org/W1234", ExternalId("openalex", "W1234")),
        ("openalex", "https://openalex.org/A1234", None),
        ("pmid", 77, ExternalId("pmid", "77")),
        ("pmid", True, None),
        ("acl", "arxiv:2611.00001", None),
        ("s2", {"a": 1}, None),
    ],
)
def test_ids_are_of_the_kind_that_is_meant(namespace, value, found):
    """DOIs that only wrap another id are that id; those of books are of no paper."""
    assert fields.external_id(namespace, value) == found


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("p<i and j>k", "p<i and j>k"),
        ("H<sub>2</sub>O", "H2O"),
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        ("&lt;p&gt;One&amp;amp;Two&lt;/p&gt;", "One&Two"),
        ('<a href="https://x.example" title="y">here</a>', "here"),
        ("AT&T, R&D; x &amp y", "AT&T, R&D; x & y"),
    ],
)
def test_markup_goes_and_comparisons_stay(raw, said):
    """Only what has the form of a tag is one."""
    assert fields.without_markup(raw) == said


def test_addresses_that_are_none_are_left_out():
    """So are addresses that run code, and those that are there already."""
    given_links = [("abs", "https://x.example"), ("pdf", None), ("code", "javascript:alert(1)")]
    assert fields.links(*given_links, given_links[0]) == (("abs", "https://x.example"),)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"title": ""}, "no title"),
        ({"title": "x" * (MAX_TITLE + 1)}, "title of"),
        ({"abstract": "x" * (MAX_TEXT + 1)}, "abstract of"),
        ({"authors": ("A",) * (fields.MAX_AUTHORS + 1)}, "authors"),
        ({"extra": {"a": "x" * MAX_EXTRA}}, "bytes in fields"),
        ({"extra": {"a": object()}}, "cannot be kept"),
    ],
)
def test_what_is_too_large_to_keep_is_set_aside(changed, reason):
    """As the importer does."""
    record = Record(**({"source": "s", "key": "k", "title": "T"} | changed))
    with pytest.raises(RecordError, match=reason) as caught:
        fields.sound(record, 3)
    assert caught.value.place == 3


def test_what_is_no_json_is_shown_by_its_beginning():
    """So that people see a page of a proxy for what it is."""
    with pytest.raises(SourceError, match="<h1>Log in"):
        fields.loaded(b"<h1>Log in</h1>", source="s")
