"""A small library of invented papers, and clients for its pages."""

from collections import Counter

import pytest
from fastapi.testclient import TestClient

from broadsheet.factory import open_library
from broadsheet.web.app import create_app
from processes import PATIENCE
from web.browsing import ARGS, CHROMIUM
from web.invented import PAGE, PRESS, RECORDS, no_sources, now


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Return a library with every paper of `RECORDS`."""
    with open_library(tmp_path_factory.mktemp("home"), clock=now, newsroom=no_sources) as opened:
        for _ in opened.file(RECORDS, source="invented", page=PAGE, counts=Counter()):
            pass
        yield opened


@pytest.fixture(scope="session")
def app(library):
    """Return the application on the library, ten papers a page."""
    return create_app(library, page_size=10, clock=now)


@pytest.fixture
def client(app):
    """Return a client that follows no redirects."""
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def empty_client(tmp_path):
    """Return a client of an empty collection."""
    with open_library(tmp_path, clock=now) as opened:
        yield TestClient(create_app(opened, clock=now), follow_redirects=False)


@pytest.fixture(scope="session")
def press(tmp_path_factory):
    """Return a library with the papers of `PRESS`, which stand in editions of several days."""
    with open_library(tmp_path_factory.mktemp("press"), clock=now) as opened:
        for _ in opened.file(PRESS, source="invented", counts=Counter()):
            pass
        yield opened


@pytest.fixture
def reader(press):
    """Return a client of the editions, ten papers a page, that follows no redirects."""
    app = create_app(press, page_size=10, clock=now)
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def kitchen(library):
    """Return the id of the paper that has everything."""
    return f"p{library.resolve('arxiv:2603.00001')}"


# ---------------------------------------------------------------------------- a real browser


@pytest.fixture(scope="module")
def browser():
    """Return a browser of the system's."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium at /usr/bin/chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
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
        context.set_default_timeout(1000 * PATIENCE)
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
