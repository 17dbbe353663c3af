"""Days of announcement that follow from times of submission."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.editions.presumed import with_presumed_day
from broadsheet.papers.types import Record


def kaggle(created: object, **facts: object) -> Record:
    """Return a paper of arXiv whose first version came then."""
    versions = [{"version": "v1", "created": created}, {"version": "v2", "created": "?"}]
    return Record("arxiv", "0704.0001", "Kites", extra={"versions": versions}, **facts)


@pytest.mark.parametrize(
    ("created", "day"),
    [
        ("Mon, 2 Apr 2007 17:18:42 GMT", "2007-04-03"),
        ("Mon, 2 Apr 2007 19:18:42 GMT", "2007-04-04"),
        ("Fri, 20 Nov 2026 18:00:00 GMT", "2026-11-23"),
        ("Wed, 25 Nov 2026 20:00:00 GMT", "2026-11-30"),
    ],
)
def test_the_day_follows_from_the_first_version(created: str, day: str):
    """Before and after the cut-off, over a weekend, over Thanksgiving."""
    assert with_presumed_day(kaggle(created)).presumed == day


def test_what_is_known_is_not_presumed():
    """A record that says its day, or that is not arXiv's, stays as it is."""
    for record in (
        kaggle("Mon, 2 Apr 2007 17:18:42 GMT", announced="2007-04-04"),
        kaggle("Mon, 2 Apr 2007 17:18:42 GMT", presumed="2007-04-04"),
        Record("file", "a", "Kites", extra=kaggle("Mon, 2 Apr 2007 17:18:42 GMT").extra),
        Record("arxiv", "a", "Kites"),
    ):
        assert with_presumed_day(record) is record


@given(st.text() | st.integers() | st.none() | st.sampled_from(["Mon, 2 Apr 0007 17:18:42 GMT"]))
def test_nonsense_has_no_day(created: object):
    """Whatever stands there, nothing is raised."""
    assert with_presumed_day(kaggle(created)).title == "Kites"
