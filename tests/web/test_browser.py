"""The pages in a real browser: layout, folding, keyboard, and the policy against scripts."""

import shutil
import socket
import threading
import time

import pytest
import uvicorn

from broadsheet.papers.identity import format_paper_id
from web.invented import ENDLESS

CHROMIUM = shutil.which("chromium", path="/usr/bin")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium at /usr/bin/chromium"),
]


@pytest.fixture(scope="module")
def site(app):
    """Return the address of a real server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser():
    """Return a browser of the system's."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield opened
        opened.close()


@pytest.fixture(params=["desktop", "phone"])
def size(request):
    """Return the size of a window."""
    return {"desktop": (1280, 900), "phone": (390, 844)}[request.param]


@pytest.fixture
def open_page(browser, site):
    """Return a function that opens an address and notes whatever the browser complains of."""
    contexts = []

    def opened(url, size=(1280, 900), **options: object):
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.goto(site + url)
        return page

    yield opened
    for context in contexts:
        context.close()


def overflow(page):
    """Return by how many pixels a page is wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_no_page_is_wider_than_its_window(open_page, library, size):
    """Endless words, overrides and hostile titles break no layout and run no script."""
    papers = [f"/paper/{format_paper_id(p.id)}" for p in library.latest(6)]
    for url in ("/", "/?page=2", "/search?q=graph", "/about/query", *papers):
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
    page.get_by_role("searchbox").fill("lighthouse keepers")
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
