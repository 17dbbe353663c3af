"""What docs/editions.md says, held against the code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from broadsheet.editions import edition
from broadsheet.editions.order import LEADS, SMALL
from broadsheet.editions.topics import LEAST, SHARED


def test_the_document_tells_the_rules_as_they_are():
    """The numbers in docs/editions.md are those of the code."""
    told = (Path(__file__).parents[2] / "docs" / "editions.md").read_text(encoding="utf-8")

    assert f"At most about {edition.PLACES:,} papers" in told
    assert f"a text of {edition.LEAD_TEXT} characters" in told
    assert f"At most {edition.AGAIN} papers are named" in told
    assert "nothing has come for it for twelve hours" in told
    assert timedelta(hours=12) == edition.SETTLED
    assert (edition.COMPARED, edition.LEAST_COMPARED) == (1000, 100)
    assert "the thousand papers" in told
    assert "a hundred earlier papers" in told
    assert LEADS == ((30, 5), (8, 3), (1, 1))
    assert "five of thirty papers or more, three of eight or more, else one" in told
    assert (SMALL, LEAST, SHARED) == (3, 12, 0.25)
    for words in ("fewer than three papers", "Fewer than twelve", "at least a quarter"):
        assert words in told
