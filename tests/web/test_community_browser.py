"""Votes and comments in a real browser: with our script, without it, and where it fails."""

import pytest

from broadsheet.web.who import SESSION
from web.browsing import overflow, serving
from web.crowd import PEOPLE, app_of, gather, opened
from web.invented import ENDLESS

pytestmark = pytest.mark.browser

LIST = "/search?q=graph&mode=text"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a shared library with a thread that is hard to lay out."""
    home = tmp_path_factory.mktemp("crowded")
    gather(home)
    with opened(home) as made:
        write, above = made.community.comments.write, None
        for name in (*PEOPLE, "cleo", "dan", "cleo"):
            above = write(
                PEOPLE[name], "p1", f"{ENDLESS}\n\n    {ENDLESS}\n\n> {ENDLESS}", above
            ).id
        made.community.comments.report(PEOPLE["bo"], 1, ENDLESS[:900])
        made.community.moderation.hide(PEOPLE["cleo"], 5, ENDLESS[:900])
        yield made


@pytest.fixture(scope="module")
def site(library):
    """Return the address of a real server."""
    with serving(app_of(library)) as address:
        yield address


@pytest.fixture
def sign_in(open_page, site):
    """Return a function that opens an address as one of `PEOPLE`."""

    def opened_as(name, url, size=(1280, 900), **options: object):
        page = open_page("/about/query", size, **options)
        page.context.add_cookies([{"name": SESSION, "value": name, "url": site}])
        page.goto(site + url)
        return page

    return opened_as


def button(page, paper):
    """Return the button of a page that votes for a paper."""
    return page.locator(f"#{paper} button")


@pytest.mark.parametrize("has_script", [True, False])
def test_a_vote_stays_where_it_was_given(sign_in, library, has_script):
    """With and without our script the count and the button change, and the place is kept."""
    name = "ada" if has_script else "bo"
    page = sign_in(name, LIST, java_script_enabled=has_script)
    address, was = page.url, library.community.counts([4], PEOPLE[name])[4].upvotes
    for way, count in (("true", was + 1), ("false", was)):
        button(page, "p4").click()
        page.locator(f"#p4 button[aria-pressed={way}]").wait_for()
        assert button(page, "p4").inner_text().split()[:2] == ["▲", str(count)]
        assert library.community.counts([4], PEOPLE[name])[4].upvotes == count
        assert page.url == (address if has_script else f"{address}#p4")
        assert button(page, "p4").is_visible()
    assert page.complaints == []


def test_a_vote_that_fails_is_told_in_words(sign_in):
    """Whoever signed out in another window is led to the page that says what to do."""
    page = sign_in("cleo", LIST)
    page.context.clear_cookies()
    button(page, "p4").click()
    page.get_by_role("heading", name="That needs an account").wait_for()

    assert "Sign in first" in page.inner_text("main")


def test_a_vote_can_be_given_by_keyboard(sign_in):
    """The button takes the focus, and keeps it when it has voted."""
    page = sign_in("dan", LIST)
    button(page, "p3").focus()
    page.keyboard.press("Enter")
    page.locator("#p3 button[aria-pressed=true]").wait_for()

    assert page.evaluate("document.activeElement.getAttribute('formaction')") == "/paper/p3/vote"


def test_a_comment_is_written_without_javascript(sign_in):
    """Writing, answering and editing lead to the comment each time."""
    page = sign_in("ada", "/paper/p6", java_script_enabled=False)
    page.get_by_label("Comment on this paper").fill("What shines, **really**?")
    page.get_by_role("button", name="Comment").click()
    said = page.locator(".comment", has_text="What shines, really?")
    assert page.url.endswith(f"#{said.get_attribute('id')}")
    said.get_by_role("link", name="Reply").click()
    page.get_by_label("Your answer").fill("The lamp.")
    page.get_by_role("button", name="Answer").click()
    answer = page.locator(".comment.d1", has_text="The lamp.")
    answer.get_by_role("link", name="Edit").click()
    page.get_by_label("Your comment").fill("The lamp and its mirror.")
    page.get_by_role("button", name="Keep this wording").click()

    assert page.locator(".comment.d1", has_text="its mirror").get_by_text("edited").is_visible()


def test_no_page_of_readers_is_wider_than_its_window(sign_in, site, size):
    """Endless words in comments, code, notes and reports break no layout."""
    page = sign_in("cleo", "/notices", size)
    for url in ("/paper/p1", "/comment/1/history", "/moderation", "/moderation/log"):
        page.goto(site + url)
        assert overflow(page) <= 0, url
        assert page.complaints == [], url


def test_what_a_finger_touches_is_high_enough(sign_in, site):
    """On a phone every button, field and fold of these pages is 36 pixels high, a vote 40."""
    page = sign_in("cleo", LIST, (390, 844))
    heights = "found => found.map(e => e.getBoundingClientRect().height).filter(h => h > 0)"
    for url in (LIST, "/paper/p1", "/comment/1/history", "/moderation", "/account"):
        page.goto(site + url)
        touched = page.locator("button, summary, main input:not([type=checkbox]), textarea")
        assert min(touched.evaluate_all(heights)) >= 36, url
        assert all(h >= 40 for h in page.locator(".standing button").evaluate_all(heights)), url
