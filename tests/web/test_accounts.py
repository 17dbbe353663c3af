"""Accounts on the web: coming in, one's own account, all readers; and hostile hands."""

import hashlib
import itertools
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.factory import open_library
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import Rules
from broadsheet.web import account_forms as forms
from broadsheet.web.account_api import account_api
from broadsheet.web.accounts import accounts as account_pages
from broadsheet.web.app import create_app
from broadsheet.web.entering import entering, linking
from broadsheet.web.guard import COOKIE, Guard, own_path
from broadsheet.web.who import SESSION
from readers.houses import ADDRESS, PASSWORD, Letters
from web.invented import SCRIPT, no_sources, now, raising
from web.reading import Reading, read

RULES = Rules(is_shared=True, is_public=True, sign_up="open", address=ADDRESS)
NAMES = (f"ada{number}" for number in itertools.count())
HOSTS = (f"10.0.{n // 250}.{n % 250}" for n in itertools.count(1))
TOKEN = re.compile("[0-9a-f]{64}")
NOTHING = dict.fromkeys(("read", "act", "curate", "administer"), "")
"""The scopes of a token whose boxes nobody ticks."""


@pytest.fixture(scope="module")
def post():
    """Return the letters that were sent."""
    return Letters()


@pytest.fixture(scope="module")
def library(tmp_path_factory, post):
    """Return a shared library where everybody may make an account."""
    home = tmp_path_factory.mktemp("shared")
    with open_library(home, clock=now, rules=RULES, post=post, newsroom=no_sources) as made:
        yield made


@pytest.fixture(scope="module")
def app(library):
    """Return its application, known under two names."""
    return create_app(library, clock=now, names=["papers.example.org", "other.example.org"])


@pytest.fixture
def browser(app):
    """Return a function that opens a browser, each at an address of its own."""
    return lambda: TestClient(
        app, base_url=ADDRESS, follow_redirects=False, client=(next(HOSTS), 4000)
    )


@pytest.fixture
def ruled(library, monkeypatch):
    """Return a function that changes the rules for one test."""
    accounts = library.accounts
    return lambda **rules: monkeypatch.setattr(accounts, "rules", accounts.rules._replace(**rules))


@pytest.fixture
def newcomer(library, post, browser):
    """Return a function that gives a browser in which a new reader has signed in, and the name."""

    def made(role="reader", password=""):
        client, name = browser(), next(NAMES)
        library.accounts.sign_up(f"{name}@example.org", name, client=next(HOSTS))
        session = library.accounts.use(post.secret(), name, password)
        if role != "reader":
            library.accounts.set_role(OWNER, name, role)
        client.cookies.set(SESSION, session.secret, domain="papers.example.org")
        return client, name

    return made


def fields_of(client, url, action):
    """Return the fields of the first form on a page that leads to `action`."""
    page = read(client, url)
    return next(f["fields"] for f in page.forms if f["action"] == action)


def send(client, url, action, **fields: str):
    """Send a form that stands on a page, with these fields filled in."""
    return client.post(action, data=fields_of(client, url, action) | fields)


def is_in(client):
    """Return whether somebody is signed in."""
    return client.get("/account").status_code == 200


def plain(answer):
    """Return the text of an answer without what is drawn anew for each."""
    return TOKEN.sub("", answer.text)


# ---------------------------------------------------------------------------- coming in


def test_an_account_is_made_by_a_letter(browser, post):
    """The link of a letter leads to a page, and its button makes the account, once."""
    client, name = browser(), next(NAMES)
    answer = send(client, "/sign-up", "/sign-up", email=f" {name}@Example.org ")
    assert answer.status_code == 200
    assert "A letter is on its way" in Reading(answer.text).text
    link = f"/letter/{post.secret()}"
    for _ in range(2):  # whoever looks after a mailbox follows its links
        page = client.get(link)
        assert page.status_code == 200
        assert page.headers["referrer-policy"] == "strict-origin"
        assert page.headers["cache-control"] == "no-store"
    answer = send(client, link, link, name="!", password=PASSWORD)
    assert answer.status_code == 422
    answer = send(client, link, link, name=name, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert name in read(client, "/account").text
    assert client.get(link).status_code == 404
    assert "not good any more" in client.get(link).text

    send(client, "/account", "/sign-out")
    assert not is_in(client)
    answer = send(client, "/sign-in?next=/trending", "/sign-in", who=name, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/trending")
    assert is_in(client)
    assert client.get("/sign-in?next=/trending").headers["location"] == "/trending"


def test_the_cookie_of_a_session(newcomer, browser):
    """No script reads it, no other site's form carries it, nobody on the way sees it."""
    _, name = newcomer(password=PASSWORD)
    answer = send(browser(), "/sign-in", "/sign-in", who=f"{name}@example.org", password=PASSWORD)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(SESSION))

    for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
        assert part in cookie


def test_behind_a_server_that_speaks_https(app, newcomer):
    """Where the address is https, cookies are for https, whatever reaches this process."""
    _, name = newcomer(password=PASSWORD)
    client = TestClient(app, base_url="http://papers.example.org", follow_redirects=False)
    page = client.get("/sign-in")
    assert "; Secure" in page.headers["set-cookie"]
    plain_client = TestClient(app, base_url="http://127.0.0.1:8620", follow_redirects=False)
    answer = send(plain_client, "/sign-in", "/sign-in", who=name, password=PASSWORD)
    assert not any("; Secure" in c for c in answer.headers.get_list("set-cookie"))


def test_a_link_instead_of_a_password(newcomer, browser, post):
    """A letter signs in, and sets a new password if one is given, which ends other sessions."""
    there, name = newcomer(password=PASSWORD)
    client = browser()
    send(client, "/sign-in", "/sign-in/link", email=f"{name}@example.org")
    link = f"/letter/{post.secret()}"
    answer = send(client, link, link, password="four grey swans swim")  # noqa: S106
    assert answer.status_code == 303
    assert is_in(client)
    assert not is_in(there)
    answer = send(browser(), "/sign-in", "/sign-in", who=name, password=PASSWORD)
    assert answer.status_code == 422


def test_who_is_not_in_is_led_to_the_door_and_back(newcomer, browser):
    """A page that needs an account leads to the door, and the door leads back to the page."""
    _, name = newcomer(password=PASSWORD)
    client = browser()
    there = client.get("/account?done=name").headers["location"]
    assert there == "/sign-in?next=/account%3Fdone%3Dname"
    answer = send(client, there, "/sign-in", who=name, password=PASSWORD)
    assert answer.headers["location"] == "/account?done=name"


def test_where_accounts_are_not_made(browser, ruled, post):
    """By invitation or not at all: the pages say so, and a form sent all the same is refused."""
    client = browser()
    data = fields_of(client, "/sign-up", "/sign-up") | {"email": "new@example.org"}
    before = len(post.sent)
    for sign_up, said in (("invited", "by invitation"), ("closed", "No accounts are made")):
        ruled(sign_up=sign_up)
        page = read(client, "/sign-up")
        assert said in page.text
        assert not [f for f in page.forms if f["action"] == "/sign-up"]
        assert client.post("/sign-up", data=data).status_code == 422
    assert len(post.sent) == before


def test_without_post_there_are_no_links(browser, library, monkeypatch):
    """Where no letters are sent, pages offer none, and say what to do."""
    monkeypatch.setattr(library.accounts, "post", None)
    client = browser()

    assert "/sign-in/link" not in [f["action"] for f in read(client, "/sign-in").forms]
    assert "sends no letters" in read(client, "/sign-up").text


def test_private_collections_have_no_door(tmp_path):
    """Everything about accounts leads home where there is one reader, and no page names a door."""
    with open_library(tmp_path, clock=now, newsroom=no_sources) as library:
        client = TestClient(create_app(library, clock=now), follow_redirects=False)
        for router in (entering, account_pages, linking):
            for route in router.routes:
                path = re.sub(r"\{\w+\}", "x", route.path)
                for method in route.methods:
                    answer = client.request(method, path)
                    assert (answer.status_code, answer.headers["location"]) == (303, "/"), path
        assert "/sign-in" not in client.get("/").text
        assert client.get("/api/me").json()["name"] == "owner"


# ---------------------------------------------------------------------------- one's own account


def test_a_name_as_people_write_it(newcomer):
    """The name that is shown changes, and is words on every page, whatever it is made of."""
    client, name = newcomer()
    answer = send(client, "/account", "/account/name", shown=f"Ada {SCRIPT}"[:80])
    assert answer.headers["location"] == "/account?done=name"
    for url in (f"/reader/{name}", "/account"):
        page = read(client, url)
        assert "Ada <script>" in page.text
        assert "script" not in page.tags


def test_a_new_password(newcomer, browser):
    """It needs the old one, ends every other session, and gives this browser a new one."""
    client, name = newcomer(password=PASSWORD)
    other = browser()
    send(other, "/sign-in", "/sign-in", who=name, password=PASSWORD)
    new = {"new": "four grey swans swim"}
    answer = send(client, "/account", "/account/password", old="wrong", **new)
    assert answer.status_code == 422
    assert "not the password of this account" in Reading(answer.text).text
    before = client.cookies[SESSION]
    answer = send(client, "/account", "/account/password", old=PASSWORD, **new)
    assert answer.headers["location"] == "/account?done=password"
    assert client.cookies[SESSION] != before
    assert is_in(client)
    assert not is_in(other)


def test_a_new_address(newcomer, post):
    """A letter to the new address changes it; the old one is told of it."""
    client, name = newcomer(password=PASSWORD)
    new = f"{name}@example.net"
    send(client, "/account", "/account/email", email=new, password=PASSWORD)
    assert [m.to for m in post.sent[-2:]] == [new, f"{name}@example.org"]
    link = f"/letter/{post.secret()}"
    answer = send(client, link, link)
    assert answer.headers["location"] == "/account?done=address"
    assert new in read(client, "/account").text


def test_sessions_are_seen_and_ended(newcomer, browser):
    """Each has its browser's name, as words; one or all of them can be ended."""
    client, name = newcomer(password=PASSWORD)
    other = browser()
    data = fields_of(other, "/sign-in", "/sign-in") | {"who": name, "password": PASSWORD}
    other.post("/sign-in", data=data, headers={"user-agent": f"Evil {SCRIPT}"})
    page = read(client, "/account")
    assert "Evil <script>" in page.text
    assert "script" not in page.tags
    send(client, "/account", "/account/sessions/end")
    assert is_in(client)
    assert not is_in(other)
    forms_ = [f for f in read(client, "/account").forms if f["action"] == "/account/sessions/end"]
    answer = client.post("/account/sessions/end", data=forms_[-1]["fields"])
    assert answer.headers["location"] == "/sign-in"
    assert not is_in(client)


def test_tokens_are_shown_once_and_do_what_their_scopes_say(newcomer, app):
    """A token lets a program in until it is ended, and no further than its scopes."""
    client, name = newcomer()
    answer = send(
        client, "/account", "/account/tokens", name=f"a {SCRIPT}", **NOTHING | {"act": "1"}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    secret = re.search(r"<code>(broadsheet_[\w-]+)</code>", answer.text)[1]
    assert "script" not in Reading(answer.text).tags
    assert secret not in client.get("/account").text
    program = TestClient(app, base_url=ADDRESS, headers={"authorization": f"Bearer {secret}"})
    refused = program.get("/api/me")
    assert refused.status_code == 403
    assert "no scope “administer”" in refused.json()["detail"]
    assert program.get(f"/api/readers/{name}").status_code == 200
    send(client, "/account", "/account/tokens/end")
    assert program.post("/api/me/tokens", json={"scopes": ["read"]}).status_code == 401
    answer = send(client, "/account", "/account/tokens", name="nothing", **NOTHING)
    assert answer.status_code == 422


def test_all_that_is_kept_can_be_taken_along(newcomer):
    """The export is one file of JSON without anything that lets somebody in."""
    client, name = newcomer()
    answer = client.get("/account/export")

    assert answer.headers["content-disposition"] == f'attachment; filename="broadsheet-{name}.json"'
    forms.ExportForm.model_validate(answer.json())
    assert answer.json()["account"]["email"] == f"{name}@example.org"
    assert client.cookies[SESSION] not in answer.text
    assert TOKEN.search(answer.text) is None
    assert "argon2" not in answer.text


def test_an_account_is_deleted(newcomer):
    """It needs the password; after it the session lets nobody in, and nobody has the name."""
    client, name = newcomer(password=PASSWORD)
    answer = send(client, "/account", "/account/delete", proof="wrong")
    assert answer.status_code == 422
    answer = send(client, "/account", "/account/delete", proof=PASSWORD)
    assert answer.headers["location"] == "/"
    assert not is_in(client)
    assert client.get(f"/reader/{name}").status_code == 404


# ---------------------------------------------------------------------------- all readers


def test_admins_see_everybody_and_change_roles(newcomer, browser):
    """An admin makes a curator of a reader, who sees it at once."""
    admin, _ = newcomer("admin")
    client, name = newcomer()
    assert client.get("/readers").status_code == 403
    send(admin, "/readers", f"/readers/{name}/role", role="curator")
    assert client.get("/moderation").status_code == 200
    page = read(admin, "/readers?done=role")
    assert "The role is changed." in page.text
    answer = send(admin, "/readers", f"/readers/{name}/role", role="emperor")
    assert answer.status_code == 422


def test_a_ban_ends_everything_at_once(newcomer, browser, app):
    """Session, token and letters of whoever is banned let nobody in; an unban lets them back."""
    admin, _ = newcomer("admin")
    client, name = newcomer(password=PASSWORD)
    made = send(client, "/account", "/account/tokens", name="x")
    secret = re.search(r"<code>(broadsheet_[\w-]+)</code>", made.text)[1]
    program = TestClient(app, base_url=ADDRESS, headers={"authorization": f"Bearer {secret}"})
    assert program.get("/api/me").status_code == 200
    send(admin, "/readers", f"/readers/{name}/ban", note=SCRIPT)

    assert not is_in(client)
    assert program.get("/api/me").status_code == 401
    answer = send(browser(), "/sign-in", "/sign-in", who=name, password=PASSWORD)
    assert answer.status_code == 422
    assert "banned" in read(admin, f"/reader/{name}").text
    send(admin, "/readers", f"/readers/{name}/unban")
    answer = send(browser(), "/sign-in", "/sign-in", who=name, password=PASSWORD)
    assert answer.status_code == 303
    assert not is_in(client)


def test_invitations(newcomer, browser, ruled, post, library, monkeypatch):
    """By a letter, or by a link that is shown once; each makes one account, or is taken back."""
    ruled(sign_up="invited")
    admin, _ = newcomer_when_open(library, newcomer, ruled, "admin")
    answer = send(admin, "/readers", "/readers/invite", email="eve@example.org", role="curator")
    assert answer.headers["location"] == "/readers?done=invited"
    link, name = f"/letter/{post.secret()}", next(NAMES)
    client = browser()
    assert "You are invited" in read(client, link).text
    assert send(client, link, link, name=name, password=PASSWORD).status_code == 303
    assert "curator" in read(client, "/account").text

    monkeypatch.setattr(library.accounts, "post", None)
    answer = send(admin, "/readers", "/readers/invite")
    link = re.search(rf"<code>{ADDRESS}(/letter/[\w-]+)</code>", answer.text)[1]
    assert answer.headers["cache-control"] == "no-store"
    assert browser().get(link).status_code == 200
    # The page has the invitations of other tests, too.
    ident = hashlib.sha256(link.rsplit("/", 1)[1].encode()).hexdigest()
    send(admin, "/readers", "/readers/withdraw", invitation=ident)
    assert browser().get(link).status_code == 404
    answer = send(admin, "/readers", "/readers/invite", email="eve@example.org")
    assert answer.status_code == 422


def newcomer_when_open(library, newcomer, ruled, role):
    """Return a new reader of a house where nobody can make an account just now."""
    sign_up = library.accounts.rules.sign_up
    ruled(sign_up="open")
    made = newcomer(role)
    ruled(sign_up=sign_up)
    return made


# ---------------------------------------------------------------------------- programs


def test_the_api_of_accounts(newcomer, app):
    """Programs do what the pages do, and every answer has the form that it promises."""
    client, name = newcomer()
    admin, _ = newcomer("admin")
    me = client.get("/api/me").json()
    assert forms.AccountForm.model_validate(me).name == name
    made = client.post("/api/me/tokens", json={"name": "x", "scopes": ["administer"]})
    assert made.status_code == 201
    token = forms.NewTokenForm.model_validate(made.json())
    held = forms.TokensForm.model_validate(client.get("/api/me/tokens").json())
    assert [t.id for t in held.tokens] == [token.id]
    program = TestClient(app, base_url=ADDRESS, headers={"authorization": f"bearer {token.secret}"})
    more = program.post("/api/me/tokens", json={"scopes": ["administer", "act"]})
    assert more.status_code == 422
    forms.ExportForm.model_validate(program.get("/api/me/export").json())
    assert program.post(f"/api/me/tokens/{token.id}/end", json={}).json() == {"done": True}
    assert program.get("/api/me").status_code == 401

    listed = forms.ReadersForm.model_validate(admin.get("/api/readers").json())
    assert name in [r.name for r in listed.readers]
    there = f"/api/readers/{name}"
    assert forms.ReaderForm.model_validate(client.get(there).json()).role == "reader"
    assert admin.post(f"{there}/role", json={"role": "curator"}).status_code == 200
    assert admin.post(f"{there}/role", json={"role": "emperor"}).status_code == 400
    assert admin.post(f"{there}/ban", json={"note": "x"}).status_code == 200
    assert client.get("/api/me").status_code == 401
    assert admin.post(f"{there}/unban", json={}).status_code == 200
    assert admin.post(f"{there}/unban", json={}).status_code == 422
    made = admin.post("/api/invitations", json={"role": "reader"})
    assert made.status_code == 201
    assert forms.InvitationForm.model_validate(made.json()).link.startswith(f"{ADDRESS}/letter/")
    other, name = newcomer()
    assert other.post("/api/me/delete", json={"proof": "wrong"}).status_code == 422
    assert other.post("/api/me/delete", json={"proof": name}).json() == {"done": True}
    assert other.get("/api/me").status_code == 401


def test_the_forms_are_documented():
    """The page on the web surface names every field of the JSON of accounts."""
    docs = Path(__file__).parents[2] / "docs" / "web.md"
    text = docs.read_text("utf-8")
    kinds = [k for k in vars(forms).values() if isinstance(k, type) and hasattr(k, "model_fields")]

    assert {n for k in kinds for n in k.model_fields if f"`{n}`" not in text} == set()


# ---------------------------------------------------------------------------- hostile hands


POSTS = sorted(
    {
        re.sub(r"\{\w+\}", "x", route.path)
        for router in (entering, account_pages, linking)
        for route in router.routes
        if "POST" in route.methods
    }
)


def test_other_sites_can_send_no_form(newcomer):
    """Neither a form of another site, nor one without the token of this browser, does anything."""
    client, _ = newcomer("admin")
    data = fields_of(client, "/account", "/sign-out")
    for path in POSTS:
        refuse_forms(client, path, data)
    assert is_in(client)


def refuse_forms(client, path, data):
    """Insist that an address takes no form of another site, nor one without its token."""
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = client.post(path, data=data, headers=headers)
        assert answer.status_code == 403
        assert "sent by another site" in answer.text
    assert client.post(path, data={"x": "1"}).status_code == 403
    assert client.post(path, data={"token": "0" * 64}).status_code == 403


@pytest.mark.parametrize("route", account_api.routes, ids=lambda route: route.path)
def test_other_sites_can_send_the_api_nothing(route, newcomer):
    """A browser that is signed in sends the API no form, and nothing from elsewhere."""
    if "POST" not in route.methods:
        return
    client, _ = newcomer("admin")
    path = re.sub(r"\{\w+\}", "1", route.path)
    assert (
        client.post(path, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    )
    answer = client.post(path, json={}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert is_in(client)


def test_nobody_is_signed_out_by_a_link(newcomer):
    """Signing out is a form with a token, too."""
    client, _ = newcomer()
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code in {403, 415}
    assert is_in(client)


def test_a_session_that_was_planted_is_not_taken_up(newcomer, browser):
    """Whoever signs in gets a session that nobody knew before, and the one before is over."""
    _, name = newcomer(password=PASSWORD)
    client = browser()
    planted = "planted-by-somebody-else-00000000000000000"
    client.cookies.set(SESSION, planted, domain="papers.example.org")
    send(client, "/sign-in", "/sign-in", who=name, password=PASSWORD)
    assert client.cookies.get(SESSION) not in (None, planted)
    theirs = browser()
    theirs.cookies.set(SESSION, planted, domain="papers.example.org")
    assert not is_in(theirs)


def test_the_session_before_is_over(newcomer, browser, post):
    """A browser that comes in by a letter as somebody else leaves no session of before behind."""
    client, _ = newcomer()
    before = client.cookies[SESSION]
    _, other = newcomer()
    data = fields_of(client, "/account", "/sign-out") | {"email": f"{other}@example.org"}
    client.post("/sign-in/link", data=data)
    link = f"/letter/{post.secret()}"
    assert send(client, link, link).status_code == 303
    assert other in read(client, "/account").text
    thief = browser()
    thief.cookies.set(SESSION, before, domain="papers.example.org")
    assert not is_in(thief)


def test_forms_of_before_are_worth_nothing(newcomer, browser):
    """What a page carried before signing in, or out, is no token after it."""
    _, name = newcomer(password=PASSWORD)
    client = browser()
    before = fields_of(client, "/sign-in", "/sign-in")
    cookie = client.cookies[COOKIE]
    client.post("/sign-in", data=before | {"who": name, "password": PASSWORD})
    assert client.cookies.get(COOKIE) is None
    within = fields_of(client, "/account", "/account/name")
    within_cookie = client.cookies[COOKIE]
    assert within_cookie != cookie
    client.cookies.set(COOKIE, cookie, domain="papers.example.org")
    assert client.post("/account/name", data=before).status_code == 403
    client.cookies.delete(COOKIE)
    send(client, "/account", "/sign-out")
    client.cookies.set(COOKIE, within_cookie, domain="papers.example.org")
    assert client.post("/sign-in", data=within).status_code == 403


def test_known_and_unknown_have_the_same_answers(newcomer, browser, post):
    """Status, body and number of letters tell nobody whether there is an account."""
    _, name = newcomer()
    known, unknown = f"{name}@example.org", f"{'x' * len(name)}@example.org"
    for path, url, field in (
        ("/sign-up", "/sign-up", "email"), ("/sign-in/link", "/sign-in", "email"),
        ("/sign-in", "/sign-in", "who"),
    ):  # fmt: skip
        answers, letters = [], []
        for address in (known, unknown):
            before = len(post.sent)
            answer = send(browser(), url, path, **{field: address, "password": "wrong wrong"})
            answers.append((answer.status_code, plain(answer).replace(address, "")))
            letters.append(len(post.sent) - before)
        assert answers[0] == answers[1]
        assert letters == ([0, 0] if field == "who" else [1, 1])


def test_guessing_a_password_slows_down(newcomer, browser):
    """After many wrong ones of an account the answer is to wait; the reader is never shut out."""
    client, name = newcomer(password=PASSWORD)
    answers = [
        send(browser(), "/sign-in", "/sign-in", who=name, password="wrong wrong")  # noqa: S106
        for _ in range(21)
    ]
    assert {a.status_code for a in answers[:20]} == {422}
    assert answers[20].status_code == 429
    assert int(answers[20].headers["retry-after"]) > 0
    assert is_in(client)


@pytest.mark.parametrize(
    "secret", ["", "x", "x" * 43, "broadsheet_" + "x" * 43, "é" * 20, "'; drop table", "x" * 5000]
)
def test_guessing_tokens_and_sessions(browser, secret):
    """Whatever is sent as a token or a session lets nobody in, and breaks nothing."""
    client = browser()
    headers = {"authorization": b"Bearer " + secret.encode()}
    assert client.get("/api/me", headers=headers).status_code == 401
    headers = {"cookie": f"{SESSION}=".encode() + secret.encode()}
    assert client.get("/api/me", headers=headers).status_code == 401


@pytest.mark.parametrize("secret", ["x", "x" * 43, "%00", "%F0%9F%92%A9", "..%2f", "x" * 5000])
def test_guessing_letters(browser, secret):
    """Whatever stands in the place of a letter's secret is no letter, looked at or used."""
    client = browser()
    data = fields_of(client, "/sign-in", "/sign-in")
    for answer in (client.get(f"/letter/{secret}"), client.post(f"/letter/{secret}", data=data)):
        assert answer.status_code == 404


ELSEWHERE = [
    "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil",
    "javascript:alert(1)", "evil.example", "", "/\r\nSet-Cookie: x=y",
]  # fmt: skip


def test_the_door_leads_nowhere_else(newcomer, browser):
    """`next` is an address of ours, or home."""
    inside, name = newcomer(password=PASSWORD)
    client = browser()
    fields = fields_of(client, "/sign-in", "/sign-in") | {"who": name, "password": PASSWORD}
    answer = client.post("/sign-in", data=fields | {"next": "//evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    for there in ELSEWHERE:
        assert inside.get("/sign-in", params={"next": there}).headers["location"] == "/"
        form = fields_of(browser(), f"/sign-in?{urlencode({'next': there})}", "/sign-in")
        assert form["next"] == "/"


@given(st.text(max_size=60) | st.text("/\\.:@ht\t\n", max_size=12))
def test_own_paths(text):
    """Whatever comes out begins with exactly one slash and has nothing that browsers read anew."""
    path = own_path(text)
    assert re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*( [^\\\x00-\x20\x7f]*)*", path)


def test_links_do_not_follow_the_host_header(browser, post, app, newcomer):
    """Under whatever name somebody asks, the letter leads to the address in the settings."""
    _, name = newcomer()
    for host in ("other.example.org", "127.0.0.1"):
        client = TestClient(
            app, base_url=f"https://{host}", follow_redirects=False, client=(next(HOSTS), 1)
        )
        send(client, "/sign-in", "/sign-in/link", email=f"{name}@example.org")
        assert f"{ADDRESS}/letter/" in post.sent[-1].text
        assert host not in post.sent[-1].text
    evil = TestClient(app, base_url="https://evil.example", follow_redirects=False)
    before = len(post.sent)
    assert send(evil, "/sign-in", "/sign-in/link", email=f"{name}@example.org").status_code == 403
    assert len(post.sent) == before


def test_secrets_are_not_logged(app, library, monkeypatch, caplog):
    """A fault at the address of a letter is logged without the secret in it."""
    monkeypatch.setattr(library.accounts, "letter", raising(RuntimeError("a fault")))
    client = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)
    answer = client.get("/letter/hush-hush")

    assert answer.status_code == 500
    assert "path=/letter/…" in caplog.text
    assert "hush" not in caplog.messages[0]


# ---------------------------------------------------------------------------- what browsers keep


KEPT = st.dictionaries(st.text(min_size=1).filter(lambda n: n != "sealed"), st.text())


@given(KEPT, st.text(max_size=5))
def test_what_is_sealed_comes_back_unchanged_or_not_at_all(kept, more):
    """A browser may keep it and show it again for a while, and can change nothing of it."""
    times = [1000.0]
    guard = Guard(seconds=lambda: times[-1])
    try:
        sealed = guard.seal(kept)
    except UnicodeEncodeError:
        return
    assert guard.unseal(sealed, 10) == kept
    if more:
        assert guard.unseal(sealed + more, 10) is None
        assert guard.unseal(more + sealed, 10) is None
    assert Guard(seconds=lambda: 1000.0).unseal(sealed, 10) is None
    times.append(1601.0)
    assert guard.unseal(sealed, 10) is None
    times.append(999.0)
    assert guard.unseal(sealed, 10) is None
