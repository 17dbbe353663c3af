"""What people come for, walked through in a real browser without JavaScript."""

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from broadsheet.factory import open_library
from broadsheet.web.app import create_app
from web.browsing import overflow, serving
from web.invented import NEAR_MISSES, PRESS

pytestmark = pytest.mark.browser

MORNING = datetime(2026, 3, 17, 8, tzinfo=UTC)
"""Breakfast of the day that has most papers."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the address of a server of invented papers, on the morning of their fullest day."""
    with open_library(tmp_path_factory.mktemp("home"), clock=lambda: MORNING) as library:
        for _ in library.file((*PRESS, *NEAR_MISSES), source="invented", counts=Counter()):
            pass
        with serving(create_app(library, page_size=10, clock=lambda: MORNING)) as address:
            yield address


@pytest.fixture
def page(open_page, size):
    """Return the front page in a window without JavaScript."""
    return open_page("/", size, java_script_enabled=False)


def heading(page):
    """Return the words of the main heading."""
    return page.get_by_role("heading", level=1).inner_text()


def test_today_a_paper_similar_and_back(page):
    """From today to its first paper, to one that is similar, and back to today."""
    assert heading(page) == "Tuesday, 17 March 2026"
    first = page.locator(".lead").get_by_role("link").first
    title = first.inner_text()
    first.click()
    assert heading(page) == title
    similar = page.locator(".similar article").get_by_role("link").first
    other = similar.inner_text()
    similar.click()
    assert heading(page) == other != title
    page.go_back()
    page.go_back()
    assert heading(page) == "Tuesday, 17 March 2026"


def test_yesterday_last_week_and_a_day_in_2025(page):
    """From today to yesterday, to last week, and over the year to a day of the year before."""
    page.get_by_role("link", name="Monday, 16 March").first.click()
    assert heading(page) == "Monday, 16 March 2026"
    page.get_by_role("link", name="Week", exact=True).click()
    page.get_by_role("link", name="Week 11").first.click()
    assert heading(page) == "Week 11 of 2026, 9 to 15 March"
    page.get_by_role("link", name="Year", exact=True).click()
    page.get_by_role("link", name="2025").click()
    assert heading(page) == "2025"
    november = page.get_by_role("table").filter(has_text="November")
    november.get_by_role("link", name=re.compile("^4 ?: 3 papers")).click()
    assert heading(page) == "Tuesday, 4 November 2025"


def test_search_narrow_and_next_page(page, size):
    """A search, narrowed by a facet, turned to its next page."""
    page.get_by_role("searchbox", name="Search papers").fill("moon")
    page.get_by_role("button", name="Search").click()
    before = page.locator(".tally strong").inner_text()
    if size[0] < 800:
        page.get_by_text("Narrow the search").click()
    page.locator(".facets").get_by_role("link", name="cs.CL").click()
    assert int(page.locator(".tally strong").inner_text()) < int(before)
    assert page.get_by_role("searchbox").input_value() == "moon cat:cs.CL"
    first = page.locator(".hit h2").all_inner_texts()
    page.get_by_role("link", name="Next page").click()
    second = page.locator(".hit h2").all_inner_texts()
    assert len(second) == 10
    assert not set(first) & set(second)


def test_a_pasted_link(page):
    """A link to an arXiv page, pasted into the box, leads to its paper here."""
    box = page.get_by_role("searchbox", name="Search papers")
    box.fill("https://arxiv.org/abs/2603.00203v2")
    box.press("Enter")
    assert heading(page) == "Mapping violins by the light of the moon, part 203"
    assert page.get_by_role("link", name="2603.00203").is_visible()


def test_merge_two_duplicates_and_undo(page):
    """Two papers that may be one are made one with a button, and are two again with another."""
    page.get_by_role("link", name="Duplicates").click()
    pair = page.get_by_role("article").filter(has_text="the far side of the moon")
    pair.get_by_role("button", name="The same paper").click()
    notice = page.get_by_role("status")
    assert "is now part of" in notice.inner_text()
    assert pair.count() == 0
    notice.get_by_role("link").last.click()
    assert heading(page) == "Mapping the far side of the moon"
    assert page.get_by_role("heading", name="acl 2026.moon-1.2").is_visible()
    page.go_back()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    assert "are two papers again" in page.get_by_role("status").inner_text()
    assert pair.count() == 1


def test_split_a_record_off_and_undo(page):
    """A record that does not belong to its paper is split off on the paper's page, and put back."""
    page.get_by_role("searchbox", name="Search papers").fill("2603.00001")
    page.get_by_role("button", name="Search").click()
    record = page.get_by_role("article").filter(has_text="2026.moon-1.1").last
    record.get_by_role("button", name="Split this record off").click()
    notice = page.get_by_role("status")
    assert "acl:2026.moon-1.1 is now" in notice.inner_text()
    notice.get_by_role("button", name="Undo").click()
    assert "again" in page.get_by_role("status").inner_text()
    assert page.get_by_role("heading", name="acl 2026.moon-1.1").is_visible()


def test_narrow_an_edition(page):
    """The box of an edition narrows it, and the narrowing can be taken off."""
    before = page.locator(".tally strong").inner_text()
    page.get_by_role("searchbox", name="Narrow this edition").fill("cat:cs.CL -survey")
    page.get_by_role("button", name="Narrow").click()
    assert "match cat:cs.CL -survey" in page.locator(".tally").inner_text()
    assert page.get_by_text("A survey of").count() == 0
    page.get_by_role("link", name="take this off").click()
    assert page.locator(".tally strong").inner_text() == before


def test_editions_fit_a_narrow_phone(open_page):
    """At 360 pixels nothing has to be scrolled sideways, and nobody complains."""
    for url in (
        "/", "/2026/w12", "/2026/03", "/2026", "/2026/03/14", "/2026/03/17?section=cs.LG",
        "/2026/03/17?q=cat:cs.CL+auther:x", "/2026/13", "/duplicates", "/paper/arxiv:2603.00001",
    ):  # fmt: skip
        page = open_page(url, (360, 740))
        assert overflow(page) <= 0, url
        assert [c for c in page.complaints if "status of 40" not in c] == [], url
