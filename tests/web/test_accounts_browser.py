"""Coming in with a real browser: what it sends of itself is what the forms ask for."""

import pytest

from broadsheet.factory import open_library
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from readers.houses import ADDRESS, PASSWORD, Letters
from web.browsing import serving
from web.invented import no_sources, now


@pytest.fixture
def post():
    """Return what keeps the letters."""
    return Letters()


@pytest.fixture
def site(tmp_path, post):
    """Return the address of a real server of a shared collection."""
    rules = Rules(is_shared=True, is_public=True, sign_up="open", address=ADDRESS)
    with (
        open_library(tmp_path, clock=now, rules=rules, post=post, newsroom=no_sources) as library,
        serving(create_app(library, clock=now)) as url,
    ):
        yield url


@pytest.mark.browser
def test_an_account_from_the_first_letter_to_the_last_day(open_page, site, post):
    """A link from a letter, a password, a token, a new name, signing out and in, and leaving.

    A page that told a browser to send no referrer at all would get no origin either, and a form
    without one is refused.
    """
    page = open_page("/sign-up")
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_role("button", name="Send me a link").click()
    page.get_by_text("A letter is on its way").wait_for()
    page.goto(f"{site}/letter/{post.secret()}")
    page.get_by_label("Name", exact=True).fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(f"{site}/")

    page.goto(f"{site}/account")
    form = page.locator('form[action="/account/tokens"]')
    form.locator("#token-name").fill("a script")
    form.get_by_role("button").click()
    page.get_by_text("broadsheet_").first.wait_for()
    form = page.locator('form[action="/account/name"]')
    form.locator("input:not([type=hidden])").first.fill("Ada Example")
    form.get_by_role("button").click()
    page.wait_for_url(f"{site}/account?done=*")

    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("link", name="Sign in").first.wait_for()
    page.goto(f"{site}/sign-in")
    page.locator("#who").fill("ada")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{site}/")
    assert page.complaints == []
