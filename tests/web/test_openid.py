"""Signing in by a provider, on the web: a browser that goes there and back, and others that try."""

from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from broadsheet.factory import open_library
from broadsheet.readers.openid import ORCID, OpenID, Vouched
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from broadsheet.web.entering import FLOW
from broadsheet.web.guard import COOKIE
from broadsheet.web.who import SESSION
from loopback import Reply
from readers.houses import ADDRESS, Letters
from vouching import Vouching
from web.browsing import serving
from web.invented import SCRIPT, no_sources, now
from web.reading import Reading, read

BACK = "/sign-in/openid/back"


@pytest.fixture
def provider():
    """Return a provider."""
    with Vouching(now()) as made:
        yield made


@pytest.fixture
def library(tmp_path, provider):
    """Return a shared library that knows the provider."""
    rules = Rules(
        is_shared=True, is_public=True, sign_up="open", address=ADDRESS,
        provider=provider.as_known(),
    )  # fmt: skip
    with open_library(
        tmp_path, clock=now, rules=rules, post=Letters(), newsroom=no_sources
    ) as made:
        yield made


@pytest.fixture
def visitor(library):
    """Return a function that opens a browser."""
    app = create_app(library, clock=now, names=["papers.example.org"])
    return lambda: TestClient(app, base_url=ADDRESS, follow_redirects=False)


def leave(client, url="/sign-in", action="/sign-in/openid", **fields: str):
    """Send the form that leads to the provider; return the address that the page leads to."""
    page = read(client, url)
    form = next(f["fields"] for f in page.forms if f["action"] == action)
    answer = client.post(action, data=form | fields)
    assert answer.status_code == 200
    address = answer.headers["refresh"].removeprefix("0; url=")
    assert address in [a["href"] for a in Reading(answer.text).links]
    return address


def come(client, provider, **how: str):
    """Go to the provider, agree, and come back."""
    return client.get(BACK, params=provider.visit(leave(client, **how)))


def is_in(client):
    """Return whether somebody is signed in."""
    return client.get("/account").status_code == 200


def joined(library, name, email=None):
    """Return a session of a new reader with an address."""
    accounts = library.accounts
    accounts.sign_up(email or f"{name}@example.org", name, client=name)
    return accounts.use(accounts.post.secret(), name)


def test_somebody_new_comes_in(visitor, provider):
    """Where all may sign up, whoever is vouched for has an account from then on, the same one."""
    client = visitor()
    answer = come(client, provider, next="/trending")
    assert (answer.status_code, answer.headers["location"]) == (303, "/trending")
    assert client.cookies.get(FLOW) is None
    page = read(client, "/account")
    assert "ada@example.org" in page.text
    assert "Vouching House ada-1" in page.text
    other = visitor()
    come(other, provider)
    assert other.get("/api/me").json() == client.get("/api/me").json()


def test_a_verified_address_leads_to_its_account(library, visitor, provider):
    """Only one that the provider has verified does; another one is nobody's."""
    joined(library, "ada", "ada@example.org")
    client = visitor()
    provider.claims["email_verified"] = False
    come(client, provider)
    assert client.get("/api/me").json()["name"] != "ada"
    provider.claims |= {"email_verified": True, "sub": "ada-2"}
    client = visitor()
    come(client, provider)
    assert client.get("/api/me").json()["name"] == "ada"


@pytest.mark.parametrize("sign_up", ["invited", "closed"])
def test_nobody_new_where_not_all_may_sign_up(library, visitor, provider, sign_up):
    """The rules for signing up hold for those who are vouched for; those who are here come in."""
    session = joined(library, "ada", "ada@example.org")
    library.accounts.rules = library.accounts.rules._replace(sign_up=sign_up)
    assert come(visitor(), provider).status_code == 303
    provider.claims = {"sub": "eve-1", "email": "eve@example.org", "email_verified": True}
    client = visitor()
    answer = come(client, provider)
    assert answer.status_code == 422
    assert not is_in(client)
    assert [r.account.name for r in library.accounts.readers(OWNER)] == ["owner", "ada"]
    assert session.actor.name == "ada"


def test_linking_and_unlinking(library, visitor, provider):
    """A reader links who they are elsewhere, comes in by it, and takes it back."""
    provider.claims = {"sub": "ada-1"}
    client = visitor()
    client.cookies.set(SESSION, joined(library, "ada").secret, domain="papers.example.org")
    answer = come(client, provider, url="/account", action="/account/openid")
    assert answer.headers["location"] == "/account?done=linked"
    other = visitor()
    come(other, provider)
    assert other.get("/api/me").json()["name"] == "ada"
    form = next(
        f["fields"] for f in read(client, "/account").forms
        if f["action"] == "/account/openid/end"
    )  # fmt: skip
    assert client.post("/account/openid/end", data=form).headers["location"].endswith("unlinked")
    assert client.get("/api/me").json()["identities"] == []


def test_an_orcid_comes_and_goes_with_its_link(library):
    """What ORCID vouches for is the reader's ORCID iD until it is unlinked."""
    accounts, ada = library.accounts, joined(library, "ada").actor
    accounts.link_identity(ada, Vouched("https://id.example.org", "0000-0002-1825-0097"))
    assert accounts.account(ada).orcid is None
    accounts.link_identity(ada, Vouched(ORCID, "0000-0002-1825-0097"))
    assert accounts.profile("ada").orcid == "0000-0002-1825-0097"
    accounts.unlink_identity(ada, ORCID)
    assert accounts.account(ada).orcid is None


def test_coming_back_slows_down(visitor):
    """What nobody asked for is not taken up for ever, either."""
    client = visitor()
    answers = {client.get(BACK).status_code for _ in range(61)}
    assert answers == {422, 429}


def test_nobody_links_what_is_another_readers(library, visitor, provider):
    """An identity belongs to one account."""
    come(visitor(), provider)
    client = visitor()
    client.cookies.set(SESSION, joined(library, "eve").secret, domain="papers.example.org")
    answer = come(client, provider, url="/account", action="/account/openid")
    assert answer.status_code == 422
    assert client.get("/api/me").json()["identities"] == []


def test_a_link_belongs_to_the_session_that_asked_for_it(library, visitor, provider):
    """Whoever signs in as somebody else meanwhile does not get the other one's identity."""
    client = visitor()
    client.cookies.set(SESSION, joined(library, "ada").secret, domain="papers.example.org")
    address = leave(client, url="/account", action="/account/openid")
    eve = joined(library, "eve").secret
    for other in ("", eve):
        client.cookies.delete(SESSION)
        client.cookies.set(SESSION, other, domain="papers.example.org")
        answer = client.get(BACK, params=provider.visit(address))
        assert answer.status_code == 422
    assert library.accounts.identities(library.accounts.actor("eve")) == []


def test_an_answer_is_for_the_browser_that_asked(visitor, provider):
    """Another browser, a changed cookie, another state, or coming twice: nobody comes in."""
    mine, theirs = visitor(), visitor()
    answer = provider.visit(leave(mine))
    assert theirs.get(BACK, params=answer).status_code == 422
    leave(theirs)
    assert theirs.get(BACK, params=answer).status_code == 422
    sealed = mine.cookies.get(FLOW)
    assert sealed is not None
    for change in (sealed[:-1] + "x", "0" * 64 + sealed[64:], "", "x", "é.x"):
        forged = visitor()
        headers = {"cookie": f"{FLOW}={change}".encode()}
        assert forged.get(BACK, params=answer, headers=headers).status_code == 422
        assert not is_in(forged)
    assert mine.get(BACK, params=answer).status_code == 303
    again = visitor()
    headers = {"cookie": f"{FLOW}={sealed}".encode()}
    assert again.get(BACK, params=answer, headers=headers).status_code == 422
    assert not is_in(again)
    assert not is_in(theirs)


def test_a_session_that_was_planted_is_not_taken_up(visitor, provider):
    """Whoever comes back gets a session and forms that nobody knew before."""
    client = visitor()
    client.get("/sign-in")
    client.cookies.set(SESSION, "planted", domain="papers.example.org")
    come(client, provider)
    assert client.cookies[SESSION] != "planted"
    assert client.cookies.get(COOKIE) is None


def test_the_banned_stay_out(library, visitor, provider):
    """Being vouched for does not help whoever is banned."""
    client = visitor()
    come(client, provider)
    library.accounts.ban(OWNER, client.get("/api/me").json()["name"])
    assert not is_in(client)
    client = visitor()
    assert come(client, provider).status_code == 422
    assert not is_in(client)


def test_a_provider_that_is_away(visitor, provider):
    """Other ways to sign in stay, and the page says what happened."""
    client = visitor()
    answer = provider.visit(leave(client))
    provider.route("/token", Reply(b"", 503))
    failed = client.get(BACK, params=answer)
    assert failed.status_code == 503
    page = Reading(failed.text)
    assert "cannot answer now" in page.text
    assert "/sign-in" in [f["action"] for f in page.forms]


def test_what_a_provider_says_is_words(visitor, provider):
    """Names and subjects made of tags stand on pages as words."""
    provider.claims = {"sub": SCRIPT, "name": SCRIPT, "preferred_username": SCRIPT}
    client = visitor()
    come(client, provider)
    page = read(client, "/account")
    assert "<script>" in page.text
    assert "script" not in page.tags


def test_the_provider_is_told_the_address_in_the_settings(visitor, provider):
    """Not that of a Host header, nor anything of the page that somebody came from."""
    address = leave(visitor(), next="/paper/p1")
    assert "redirect_uri=https%3A%2F%2Fpapers.example.org%2Fsign-in%2Fopenid%2Fback" in address
    assert "paper%2Fp1" not in address
    assert urlsplit(address).netloc == urlsplit(provider.url).netloc


def test_without_a_provider_there_is_none(library):
    """Where none is set, no page offers one, and its addresses say so."""
    library.accounts.rules = library.accounts.rules._replace(provider=None)
    app = create_app(library, clock=now, names=["papers.example.org"])
    client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
    page = read(client, "/sign-in")
    assert "/sign-in/openid" not in [f["action"] for f in page.forms]
    assert client.post("/sign-in/openid", data=page.forms[1]["fields"]).status_code == 404
    assert client.get(BACK).status_code == 404


@pytest.fixture
def site(library, provider):
    """Return the address of a real server, to which the provider sends people back."""
    app = create_app(library, clock=now)
    with serving(app) as url:
        app.state.openid = OpenID(provider.as_known(), url, now)
        yield url


@pytest.mark.browser
def test_a_real_browser_goes_there_and_back(open_page, site):
    """What pages may do here does not keep a browser from the provider, and it comes back in."""
    page = open_page("/sign-in?next=/trending")
    page.get_by_role("button", name="Sign in with Vouching House").click()
    page.get_by_role("heading", level=1).filter(has_not_text="On to").wait_for()
    assert page.url == f"{site}/trending", page.inner_text("main")
    nav = page.get_by_role("navigation", name="Account")
    nav.get_by_role("link", name="ada-l").click()
    assert page.get_by_role("heading", level=1).inner_text() == "ada-l"
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("link", name="Sign in").wait_for()
    page.goto(f"{site}/account")
    assert page.url == f"{site}/sign-in?next=/account"
    assert page.complaints == []
