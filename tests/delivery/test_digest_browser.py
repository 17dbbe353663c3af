"""A digest in a real browser, as a mailbox shows it: on a phone and at a desk, by day and night."""

from __future__ import annotations

import pytest

from broadsheet.delivery.digest import html, letter_html
from broadsheet.delivery.letters import letter
from broadsheet.delivery.subscription import Item
from broadsheet.web.app import create_app
from delivery.house import opened
from delivery.issued import ARXIV_LATE, BASE, LINKS, Read, issue, paper, subscribed
from web.browsing import ARGS, CHROMIUM, overflow, serving

pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "desk": (1280, 900)}
LIGHT, DARK = "rgb(252, 250, 245)", "rgb(23, 21, 18)"

# The contrast of every text with what is behind it (WCAG 2.2, 1.4.3), the least of all.
CONTRAST = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => parts(colour).slice(0, 3).map(part => part / 255)
    .map(p => p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4)
    .reduce((sum, p, i) => sum + p * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = 21;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [one, other] = [getComputedStyle(element).color, behind(element)].map(light);
    const found = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    least = Math.min(least, found);
  }
  return least;
}"""
LOW = """() => [...document.querySelectorAll("a")]
  .filter(link => link.getBoundingClientRect().height < 40).map(link => link.innerText)"""
GROUND = "() => getComputedStyle(document.body).backgroundColor"
SEEN = """() => [...document.querySelectorAll("a")]
  .filter(link => link.checkVisibility() && link.getBoundingClientRect().width > 0)
  .map(link => link.getAttribute("href"))"""


@pytest.fixture(scope="module")
def browser():
    """Return a browser of the system's."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium at /usr/bin/chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield started
        started.close()


@pytest.fixture(params=SIZES)
def size(request):
    """Return the size of a window."""
    return SIZES[request.param]


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    """Return what a reader's system asks for."""
    return request.param


@pytest.fixture
def show(browser, size, scheme):
    """Return a function that shows a mail; whatever it asks of the network is noted."""
    contexts = []

    def shown(mail):
        width, height = size
        contexts.append(
            browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                java_script_enabled=True,
            )
        )
        page = contexts[-1].new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.set_content(mail)
        return page

    yield shown
    for context in contexts:
        context.close()


def full():
    """Return an issue with all there can be in one, and texts that break no lines by themselves."""
    long = "Supercalifragilistic" * 20
    papers = [
        paper(1, title="Tides that move whole harbours, and what moves them in the end"),
        paper(2, title=long, authors=(long,) * 9, abstract=f"{long}. Tides."),
        paper(3, title="גאות ושפל בנמל", abstract="גאות ושפל."),
        paper(4, summary="Tides rise and fall.", withdrawn=True),
    ]
    marks = ("", "updated", "late", "earlier")
    items = tuple(Item(n, ("41 upvotes", long), m) for n, m in enumerate(marks, 1))
    return issue(
        papers, items=items, more=41, more_path="/trending", notices=(ARXIV_LATE, long)
    )  # fmt: skip


def short():
    """Return an issue of so many papers that each is told in few words."""
    return issue([paper(n, abstract="Tides rise. " * 60) for n in range(1, 101)])


MAILS = {
    "full": lambda: html(full()),
    "short": lambda: html(short()),
    "nothing": lambda: html(issue([], notices=(ARXIV_LATE,), house="papers.example.org")),
    "letter": lambda: letter_html(
        letter("confirm", subscribed(), LINKS, "papers.example.org"), "papers.example.org"
    ),
}


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_looks_right(show, tmp_path, scheme, size, name):
    """No line runs out of the window, all can be read and pressed, and nothing is loaded."""
    mail = MAILS[name]()
    page = show(mail)
    picture = page.screenshot(path=tmp_path / f"{name}.png", full_page=name != "short")

    assert int.from_bytes(picture[16:20], "big") == size[0]
    assert overflow(page) <= 0
    assert page.evaluate(CONTRAST) >= 4.5
    assert page.evaluate(LOW) == []
    assert page.evaluate(GROUND) == (DARK if scheme == "dark" else LIGHT)
    assert sorted(page.evaluate(SEEN)) == sorted(Read(mail).links)
    assert not page.locator("div").first.is_visible() or name == "letter"
    assert page.asked == []


@pytest.fixture(scope="module")
def web(tmp_path_factory, embedder):
    """Return the address of the web version of a digest."""
    with (
        opened(tmp_path_factory.mktemp("house"), embedder) as house,
        serving(create_app(house.library)) as address,
    ):
        yield address + house.web_path()


def test_the_web_version_fits_its_window(show, web):
    """The page at the link of a digest, at both sizes, with nothing that its policy stops."""
    page = show("")
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(web)

    assert overflow(page) <= 0
    assert page.evaluate(CONTRAST) >= 4.5
    assert page.get_by_role("link", name="PDF").count() == 3
    assert BASE not in page.content()
    assert complaints == []
