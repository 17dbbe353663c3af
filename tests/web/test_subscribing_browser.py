"""Subscribing with a real browser: from the form, by a letter, to the last button."""

import re
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from broadsheet.delivery.subscription import Wishes
from broadsheet.readers.permissions import VISITOR
from broadsheet.web.app import create_app
from broadsheet.web.who import SESSION
from web import crowd, letters
from web.browsing import overflow, serving
from web.invented import ENDLESS, now

pytestmark = pytest.mark.browser

ADDRESS = "ada@example.org"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        """Return the moment."""
        return self.now


@pytest.fixture(scope="module")
def clock():
    """Return the clock of the house."""
    return Clock()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder that letters are sent to."""
    return tmp_path_factory.mktemp("letters")


@pytest.fixture(scope="module")
def library(tmp_path_factory, folder, clock):
    """Return a shared library that sends letters."""
    home = tmp_path_factory.mktemp("shared")
    crowd.gather(home)
    with letters.opened(home, folder, clock=clock) as made:
        yield made


@pytest.fixture(scope="module")
def site(library, clock):
    """Return the address of a real server."""
    with serving(create_app(library, clock=clock)) as address:
        yield address


def link_in(letter, path):
    """Return the address of the first link of a letter that leads to such a path."""
    text = letter.get_body(("plain",)).get_content()
    return re.search(rf"{re.escape(letters.BASE)}({path}\S*)", text)[1]


def posted(url, body):
    """Return the answer to a form that was sent without a browser."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse()


def test_a_visitor_from_the_form_to_the_one_click(open_page, site, library, folder, clock):
    """Subscribe, confirm by the letter, change, pause, get an issue, unsubscribe: no account."""
    from playwright.sync_api import expect  # noqa: PLC0415 (it is not everywhere)

    page = open_page("/search?q=cat:cs.RO", timezone_id="Asia/Tokyo")
    page.get_by_role("link", name="Get this by e-mail").click()
    # Not `wait_for_function`: it may have to evaluate text, which our pages forbid.
    expect(page.locator("#zone")).to_have_value("Asia/Tokyo")
    assert page.get_by_label("Only papers that match").input_value() == "cat:cs.RO"
    page.get_by_label("How often").select_option("weekdays")
    page.get_by_label("At", exact=True).fill("07:30")
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_text("A letter is on its way").wait_for()
    library.mailroom.tick()
    (letter,) = letters.letters_in(folder, ADDRESS)

    page.context.clear_cookies()
    page.goto(site + link_in(letter, "/subscription/"))
    page.get_by_role("button", name="Yes, send it to me").click()
    page.get_by_text("The first comes on Thursday, 19 March 2026, 07:30").wait_for()
    page.get_by_role("link", name="Change, pause or end it").click()
    page.get_by_label("How often").select_option("week")
    page.get_by_label("On", exact=True).select_option("Friday")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("on Fridays at 07:30 (Asia/Tokyo)").wait_for()
    page.get_by_label("Pause until").fill("2026-03-30")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("paused until Monday, 30 March 2026").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("next on Friday, 20 March 2026, 07:30").wait_for()
    assert page.context.cookies() == []

    clock.now += timedelta(days=2)
    library.mailroom.tick()
    clock.now -= timedelta(days=2)
    (_, issue) = letters.letters_in(folder, ADDRESS)
    page.goto(site + link_in(issue, r"/subscription/\w+-\w+/save"))
    page.get_by_role("button", name="Save it").click()
    page.get_by_text("All that you saved").click()
    page.get_by_role("heading", name="Saved").wait_for()
    page.get_by_text("Last issues: ").get_by_role("link").click()
    page.get_by_text("Graph networks for tidy kitchens").first.wait_for()

    # As the one who runs the mailbox does it: by the header, with no cookie.
    (https, *_) = re.findall("<([^>]+)>", issue["List-Unsubscribe"])
    assert issue["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    answer = posted(https.replace(letters.BASE, site), issue["List-Unsubscribe-Post"])
    assert (answer.status, answer.getheader("set-cookie")) == (200, None)
    states = {s.address: s.state for s in library.mailroom.subscriptions.all()}
    assert states[ADDRESS] == "ended"
    assert page.complaints == []


def pages_of(library):
    """Return the address of each page, of a subscription that is hard to lay out."""
    held, links = library.mailroom.subscriptions, library.mailroom.links
    wishes = Wishes("search", f'"{ENDLESS[:900]}"', zone="America/Argentina/ComodRivadavia")
    found = held.subscribe(VISITOR, f"{'a' * 60}@{'b' * 60}.example.org", wishes)
    manage = f"/subscription/{links.token('manage', found.handle)}"
    confirm = f"/subscription/{links.token('confirm', found.handle)}/confirm"
    held.confirm(links.token("confirm", found.handle))
    held.say(found, "save", 1)
    held.say(found, "less", 5)
    return {
        "form": "/subscribe",
        "own": "/subscriptions",
        "preferences": manage,
        "confirm": confirm,
        "less": f"{manage}/less/p5",
        "unsubscribe": f"/unsubscribe/{links.token('unsubscribe', found.handle)}",
    }


@pytest.fixture(scope="module")
def pages(library):
    """Return the addresses of all pages."""
    return pages_of(library)


LOW = """() => {
  const fields = "main button, main input, main select, main .as-button";
  return [...document.querySelectorAll(fields)]
    .filter((e) => e.type !== "radio" && e.type !== "hidden" && e.checkVisibility())
    .map((e) => [e.name || e.textContent, e.getBoundingClientRect().height])
    .filter(([, height]) => height < 40);
}"""
"""What fingers would miss: a button or a field, and how high it is."""
PALE = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    return /, 0\\)$/.test(colour) && e.parentElement ? behind(e.parentElement) : colour;
  };
  const contrast = (e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const says = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.querySelectorAll("main *")]
    .filter((e) => e.checkVisibility() && says(e) && contrast(e) < 4.5)
    .map((e) => [e.textContent.trim().slice(0, 40), contrast(e)]);
}"""
"""Words with less contrast than WCAG 2 wants of text, and how much they have."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_and_touched(open_page, site, pages, size, scheme):
    """None is wider than its window or pale, and on a phone fingers find the buttons."""
    page = open_page("/about/query", size, color_scheme=scheme)
    page.context.add_cookies([{"name": SESSION, "value": "ada", "url": site}])
    wrong = []
    for name, url in pages.items():
        page.goto(site + url)
        low = page.evaluate(LOW) if size[0] < 400 else []
        wrong += [(name, what) for what in (overflow(page), low, page.evaluate(PALE)) if what]

    assert wrong == []
    assert page.complaints == []


def test_fields_of_other_cadences_are_not_in_the_way(open_page):
    """The day of the week is asked for weekly ones alone, the day of the month for monthly ones."""
    page = open_page("/subscribe")
    week, month = page.get_by_label("On", exact=True), page.get_by_label("On day")
    assert (week.is_visible(), month.is_visible()) == (False, False)
    page.get_by_label("How often").select_option("week")
    assert (week.is_visible(), month.is_visible()) == (True, False)
    page.get_by_label("How often").select_option("month")
    assert (week.is_visible(), month.is_visible()) == (False, True)
