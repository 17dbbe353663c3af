"""`broadsheet bench --trending` prints its table; what it measures is never asserted."""

from __future__ import annotations

from processes import answer


def test_what_trending_takes_is_measured():
    """Reading, ranking, what is new and what is shown, in a record that is made for it."""
    found = answer("bench", "--trending", "--papers", 300)
    assert found["text"] == "600 invented observations"
    told = [row["what"] for row in found["rows"]]
    assert len(told) == 11
    assert told[0].startswith("columns read from the record")
    assert "a list after 1,000 new counts" in told
    assert all(row["measured"] for row in found["rows"])
