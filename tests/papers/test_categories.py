"""The table of arXiv's categories: complete, and nothing else is touched."""

from __future__ import annotations

import lzma
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.papers.categories import CATEGORIES, category_label
from shared_data import SHARED, needs_shared


@pytest.mark.parametrize(
    ("category", "label"),
    [
        ("cs.CL", "Computation and Language (cs.CL)"),
        ("hep-th", "High Energy Physics - Theory (hep-th)"),
        ("cmp-lg", "Computation and Language (cmp-lg)"),
        ("alg-geom", "Algebraic Geometry (alg-geom)"),
        ("physics.optics", "Optics (physics.optics)"),
        ("cond-mat", "Condensed Matter (cond-mat)"),
    ],
)
def test_a_category_has_a_name(category: str, label: str):
    """Categories of today, archives without categories and archives of old are told in words."""
    assert category_label(category) == label


@given(st.text(max_size=20).filter(lambda text: text not in CATEGORIES))
def test_what_is_no_category_is_left_alone(text: str):
    """Labels of clusters, venues and anything else come back as they are."""
    assert category_label(text) == text
    assert category_label("Pruning, quantization") == "Pruning, quantization"


def test_the_table_is_whole():
    """It has the 155 categories of today in their archives, 11 archives with and 18 long closed."""
    today = [c for c in CATEGORIES if "." in c]
    archives = {c.partition(".")[0] for c in today}
    alone = {"gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nucl-ex", "nucl-th"}
    alone.add("quant-ph")

    assert len(today) + len(alone) == 155
    assert archives <= set(CATEGORIES)
    assert alone <= set(CATEGORIES)
    assert len(archives) == 11
    assert len(CATEGORIES) == 155 + 11 + 18
    assert all(name.strip() == name and len(name) > 4 for name in CATEGORIES.values())


@needs_shared
@pytest.mark.corpus
def test_every_category_that_occurs_is_known():
    """All categories of 72,000 announced papers are in the table.

    Authors add classes of other schemes (I.2.7, 68T50), and one of them wrote "na" for none.
    """
    assert SHARED is not None
    shape = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z-]{2,})?")
    found: set[str] = set()
    with lzma.open(SHARED / "corpus" / "arxiv_daily.jsonl.xz") as lines:
        for line in lines:
            paper = orjson.loads(line)
            assert paper["primary_category"] in CATEGORIES
            found.update(paper["categories"])

    assert {c for c in found if shape.fullmatch(c)} - set(CATEGORIES) == {"na"}
    assert len(found & set(CATEGORIES)) > 140
