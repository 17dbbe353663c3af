"""The pages in a real browser: layout, folding, keyboard, and the policy against scripts."""

import pytest

from broadsheet.papers.identity import format_paper_id
from web.browsing import overflow, serving
from web.invented import ENDLESS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(app):
    """Return the address of a real server."""
    with serving(app) as address:
        yield address


def test_no_page_is_wider_than_its_window(open_page, library, size):
    """Endless words, overrides and hostile titles break no layout and run no script."""
    papers = [f"/paper/{format_paper_id(p.id)}" for p in library.latest(6)]
    status = ("/status", "/status/listings")
    for url in ("/", "/2026/03/16", "/2026", "/search?q=graph", "/about/query", *status, *papers):
        page = open_page(url, size)
        assert overflow(page) <= 0, url
        assert page.complaints == [], url


def test_long_query_breaks_no_layout(open_page, size):
    """A query without spaces fits into every page that repeats it."""
    for url in (f"/search?q={ENDLESS}", f"/search?q=%28{ENDLESS}", f"/paper/{ENDLESS}"):
        assert overflow(open_page(url, size)) <= 0


def test_works_without_javascript(open_page):
    """Searching, opening a whole abstract and following a hit need no script."""
    page = open_page("/", java_script_enabled=False)
    page.get_by_role("searchbox", name="Search papers").fill("lighthouse keepers")
    page.get_by_role("button", name="Search").click()
    hit = page.get_by_role("article").filter(has_text="Lighthouses and their keepers")
    hit.get_by_text("Whole abstract").click()
    assert hit.locator(".whole p").is_visible()
    assert not hit.locator(".excerpt").is_visible()
    hit.get_by_role("link", name="Lighthouses and their keepers").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Lighthouses and their keepers"


def test_facets_stand_beside_or_fold(open_page):
    """On a desk the facets stand in the side column; on a phone they wait behind a fold."""
    desk, phone = open_page("/search?q=graph"), open_page("/search?q=graph", (390, 844))
    for page, is_seen in ((desk, True), (phone, False)):
        assert page.get_by_role("link", name="cs.DM").last.is_visible()
        assert page.locator(".facets > section").first.is_visible() == is_seen
    phone.get_by_text("Narrow the search").click()
    assert phone.locator(".facets > section").first.is_visible()


def test_keyboard_skips_to_the_papers(open_page):
    """The first stop of the keyboard leads past the masthead, and stops can be seen."""
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.hash") == "#main"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_colours_follow_the_system(open_page):
    """A reader who asks for dark gets dark."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light = open_page("/", color_scheme="light").evaluate(ground)
    dark = open_page("/", color_scheme="dark").evaluate(ground)

    assert light != dark


def test_policy_stops_scripts(open_page):
    """Even a script that got into a page would not run: the policy forbids it."""
    page = open_page("/")
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s); }"
    )

    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in page.complaints[0]


def test_paper_prints_without_furniture(open_page, kitchen):
    """On paper there is no search box, and the abstract is there."""
    page = open_page(f"/paper/{kitchen}")
    page.emulate_media(media="print")

    assert not page.get_by_role("searchbox").is_visible()
    assert page.get_by_text("Kitchens are graphs.").first.is_visible()
