"""Subscribing on the web: the form, one's own, the links of letters, the API; and hostile hands."""

import itertools
import logging
import re
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from broadsheet.collection import schema
from broadsheet.delivery.subscription import Wishes
from broadsheet.errors import RefusedError
from broadsheet.readers.permissions import OWNER, VISITOR
from broadsheet.readers.rules import PRIVATE
from broadsheet.web import forms_subscriptions as forms
from broadsheet.web import wishes as told
from broadsheet.web.app import create_app
from broadsheet.web.guard import COOKIE
from broadsheet.web.subscribing import by_link
from broadsheet.web.who import SESSION
from web import crowd, letters
from web.invented import SCRIPT, now, raising
from web.reading import Reading

YES = {"": ""}
"""What a form without fields sends."""
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
HOSTS = (f"10.1.{n // 250}.{n % 250}" for n in itertools.count(1))
NUMBERS = itertools.count(1)
TABLES = ("recipients", "subscriptions", "consents", "digests", "had", "feedback", "suppressions")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a shared library; Ada has an address, Bo has none."""
    home = tmp_path_factory.mktemp("shared")
    crowd.gather(home)
    with letters.opened(home, tmp_path_factory.mktemp("mail")) as made:
        with made.database.write() as connection:
            readers = schema.readers
            ada = update(readers).where(readers.c.name == "ada")
            connection.execute(ada.values(email="ada@example.org"))
        yield made


@pytest.fixture
def held(library):
    """Return its subscriptions."""
    return library.mailroom.subscriptions


@pytest.fixture
def links(library):
    """Return what makes its links."""
    return library.mailroom.links


@pytest.fixture
def client(library):
    """Return a function that gives a client of somebody, each at an address of its own."""

    def made(name=""):
        app = crowd.app_of(library)
        found = TestClient(
            app, base_url=crowd.ADDRESS, follow_redirects=False, client=(next(HOSTS), 4000)
        )
        if name:
            found.cookies.set(SESSION, name)
        return found

    return made


@pytest.fixture
def path(links):
    """Return a function that gives the address of a link without what it begins with."""
    return lambda link: link.removeprefix(links.base)


@pytest.fixture
def subscribed(held, links):
    """Return a function that gives a subscription of a new address, confirmed."""

    def made(**wishes: object):
        address = f"reader{next(NUMBERS)}@example.org"
        found = held.subscribe(VISITOR, address, Wishes(**wishes), client=next(HOSTS))
        return held.confirm(links.token("confirm", found.handle))

    return made


def state(library):
    """Return all that the record holds of what goes out."""
    with library.database.read() as connection:
        return [
            [tuple(row) for row in connection.execute(select(schema.metadata.tables[name]))]
            for name in TABLES
        ]


def of(held, address):
    """Return the subscriptions of an address, newest first."""
    return [found for found in held.all(limit=1000) if found.address == address]


# ---------------------------------------------------------------------------- the form


def form(client):
    """Return the token of the form, which nobody but its page has."""
    page = client.get("/subscribe").text
    return dict(re.findall(r'name="(\w+)" value="([0-9a-f]{64})"', page))


def send(client, **fields: str):
    """Fill in the form that subscribes and send it."""
    return client.post("/subscribe", data={**told.fields_of(Wishes()), **form(client), **fields})


def test_a_visitor_subscribes_and_confirms(client, held, links, path):
    """Nothing begins before the button on the page of the link is pressed."""
    visitor, address = client(), "new@example.org"
    answer = send(visitor, email=f" {address} ", kind="search", query="graph -knitting",
                  cadence="week", weekday="4", at="06:45", zone="Europe/Berlin", longest="7",
                  threshold="0,5", when_empty="tell", form="text", language="de")  # fmt: skip
    assert answer.status_code == 200
    assert "A letter is on its way to new@example.org" in Reading(answer.text).text
    (found,) = of(held, address)
    assert (found.state, found.reader) == ("pending", None)
    assert found.wishes == Wishes("search", "graph -knitting", "week", 4, "06:45", "Europe/Berlin",
                                  7, 0.5, "tell", "text", "de")  # fmt: skip

    stranger, link = client(), path(links.confirm(found.handle))
    page = Reading(stranger.get(link).text)
    assert "Shall it begin?" in page.text
    assert "graph -knitting" in page.text
    assert "on Fridays at 06:45 (Europe/Berlin)" in page.text
    assert held.by_id(found.id).state == "pending"
    answer = stranger.post(link, data=YES)
    assert "You are subscribed" in Reading(answer.text).text
    assert "Friday, 20 March 2026, 06:45" in answer.text
    assert held.by_id(found.id).state == "active"
    assert "You are subscribed" in stranger.post(link, data=YES).text
    assert "You are subscribed" in stranger.get(link).text


def test_known_and_unknown_addresses_have_the_same_answer(client, subscribed, held):
    """Neither the page nor the API tells whether an address is known here."""
    known = subscribed()
    answers = [send(client(), email=address) for address in (known.address, "nobody@example.org")]
    told_of = {
        re.sub("[0-9a-f]{64}", "", a.text).replace(address, "ADDRESS")
        for a, address in zip(answers, (known.address, "nobody@example.org"), strict=True)
    }
    assert len(told_of) == 1
    asked = [
        client().post("/api/subscriptions", json={"address": address})
        for address in (known.address, "nobody2@example.org")
    ]
    assert {(a.status_code, a.text) for a in asked} == {(202, '{"asked":true}')}
    assert held.by_id(known.id) == known


def test_a_reader_is_subscribed_with_their_own_address_at_once(client, held):
    """Any other address is asked by a letter, and stands in no list of theirs."""
    ada = client("ada")
    assert 'value="ada@example.org"' in ada.get("/subscribe").text
    answer = send(ada, email="ada@example.org", kind="edition", query="cat:cs.RO")
    assert (answer.status_code, answer.headers["location"]) == (303, "/subscriptions?done=made")
    answer = send(ada, email="somebody@example.org")
    assert answer.status_code == 200
    page = Reading(ada.get("/subscriptions?done=made").text).text
    assert "You are subscribed." in page
    assert "cat:cs.RO" in page
    assert "ada@example.org" in page
    assert "somebody" not in page
    assert [s.state for s in of(held, "somebody@example.org")] == ["pending"]


def test_the_owner_of_a_private_collection_needs_no_letter(tmp_path):
    """Whoever reads alone may have any address, and sees it in the list."""
    with letters.opened(tmp_path / "home", tmp_path, PRIVATE) as alone:
        client = TestClient(create_app(alone, clock=now), base_url="http://localhost",
                            follow_redirects=False)  # fmt: skip
        answer = send(client, email="me@example.org")
        assert answer.headers["location"] == "/subscriptions?done=made"
        assert "me@example.org" in client.get("/subscriptions").text
        (found,) = alone.mailroom.subscriptions.of_reader(OWNER)
        assert found.state == "active"
        # A name of somebody's that was made to lead here: their page would read the address.
        for url in ("/subscriptions", "/api/subscriptions", "/subscribe"):
            answer = client.get(url, headers={"Host": "elsewhere.example"})
            assert answer.status_code == 403
            assert "me@example.org" not in answer.text


@pytest.mark.parametrize(
    ("fields", "said", "status"),
    [
        ({"longest": "many"}, "must be a whole number", 422),
        ({"longest": "1000"}, "1 to 100 papers", 422),
        ({"threshold": "high"}, "must be a number", 422),
        ({"threshold": "nan"}, "A threshold is a number", 422),
        ({"cadence": "month", "monthday": "40"}, "1 to 31", 422),
        ({"cadence": "never"}, "An issue comes every", 422),
        ({"zone": "Europe/Berlim"}, "did you mean Europe/Berlin?", 422),
        ({"language": "xx-none"}, "is no language", 422),
        ({"kind": "search"}, "needs a query", 422),
        ({"kind": "recommended"}, "later", 422),
        ({"query": "auther:x"}, "auther", 400),
        ({"email": "nobody"}, "address", 422),
    ],
)
def test_what_cannot_be_had_is_said_over_the_form(client, fields, said, status):
    """The form comes back as it was filled in."""
    answer = send(client(), **{"email": "a@example.org", "at": "05:55", **fields})
    page = Reading(answer.text)
    assert answer.status_code == status
    assert said in page.text
    assert 'value="05:55"' in answer.text
    for value in fields.values():
        assert value in answer.text or value == "recommended"


def test_lists_lead_to_the_form(client):
    """Search, trending and editions have a link to the form, filled in with what they show."""
    visitor = client()
    for url, kind, cadence in (
        ("/search?q=graph+cat:cs.RO", "search", "day"),
        ("/trending?q=graph+cat:cs.RO", "trending", "day"),
        ("/2026/03?q=graph+cat:cs.RO", "edition", "month"),
    ):
        page = Reading(visitor.get(url).text)
        (href,) = {a["href"] for a in page.links if a["href"].startswith("/subscribe?")}
        text = visitor.get(href).text
        assert 'value="graph cat:cs.RO"' in text
        assert f'value="{kind}" checked' in text
        assert f'value="{cadence}" selected' in text


def test_where_only_readers_may_others_are_told_to_sign_in(client, held, library, monkeypatch):
    """So says the setting `subscribe`."""
    strict = library.accounts.rules._replace(subscribe="readers")
    monkeypatch.setattr(library.accounts, "rules", strict)
    monkeypatch.setattr(held, "rules", strict)
    assert "only those with an account" in client().get("/subscribe").text
    answer = client().post("/api/subscriptions", json={"address": "x@example.org"})
    assert answer.status_code == 401
    assert "E-mail address" in client("bo").get("/subscribe").text


def test_where_no_mail_is_sent_the_page_says_so(client, held, monkeypatch):
    """There is no form then."""
    monkeypatch.setattr(held, "can_send", False)
    page = Reading(client("bo").get("/subscribe").text)
    assert "No e-mail is sent from here" in page.text
    assert not [f for f in page.forms if f["action"] == "/subscribe"]


def test_many_letters_are_not_asked_for(client):
    """Somebody who tries many addresses is slowed down, and told until when."""
    visitor = client()
    token = form(visitor)
    fields = {**told.fields_of(Wishes()), **token}
    answers = [
        visitor.post("/subscribe", data={**fields, "email": f"many{n}@example.org"})
        for n in range(30)
    ]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


# ---------------------------------------------------------------------------- one's own


def press(client, number, do, **fields: str):
    """Press a button of one's own subscription."""
    data = {**form(client), "do": do, **fields}
    return client.post(f"/subscriptions/{number}", data=data)


def test_one_s_own_are_paused_resumed_skipped_and_ended(client, held):
    """Each button leads back to the list, which says what was done and how it stands."""
    ada = client("ada")
    send(ada, email="ada@example.org", kind="trending", query="year:2026")
    found = of(held, "ada@example.org")[0]
    due = found.next_due
    for do, fields, word, said in (
        ("skip", {}, "active", "The next issue is skipped"),
        ("pause", {"until": "2026-04-01"}, "paused", "paused until Wednesday, 1 April 2026"),
        ("resume", {}, "active", "It goes on"),
        ("pause", {"until": ""}, "paused", "It is paused"),
        ("resume", {}, "active", "It goes on"),
        ("end", {}, "ended", "It is ended"),
    ):
        answer = press(ada, found.id, do, **fields)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/subscriptions?done={do}",
        )
        assert held.by_id(found.id).state == word
        assert said in Reading(ada.get(answer.headers["location"]).text).text
        if do == "skip":
            assert held.by_id(found.id).next_due > due
    answer = press(ada, found.id, "resume")
    assert answer.status_code == 422
    assert "has ended" in answer.text


def test_nobody_touches_the_subscriptions_of_others(client, held, subscribed):
    """Neither one of another reader's nor a visitor's is there for anybody else."""
    send(client("ada"), email="ada@example.org", kind="edition", query="year:2025")
    theirs = [of(held, "ada@example.org")[0], subscribed()]
    for name, found in itertools.product(("", "bo", "dan"), theirs):
        other = client(name)
        assert press(other, found.id, "end").status_code == 404
        assert other.get(f"/api/subscriptions/{found.id}").status_code == 404
        assert other.post(f"/api/subscriptions/{found.id}/end", json={}).status_code == 404
        assert str(found.address) not in other.get("/subscriptions").text
    assert {held.by_id(found.id).state for found in theirs} == {"active"}


@pytest.mark.parametrize("fields", [{"until": "soon"}, {"until": "2020-01-01"}])
def test_a_pause_ends_on_a_day_to_come(client, held, fields):
    """Anything else is refused, and said on the list."""
    ada = client("ada")
    send(ada, email="ada@example.org", kind="trending", query="year:2024")
    answer = press(ada, of(held, "ada@example.org")[0].id, "pause", **fields)
    assert answer.status_code == 422
    assert "pause ends" in answer.text


# ---------------------------------------------------------------------------- links


def all_links(links, path, found, paper="p1"):
    """Return the address of every page that a link leads to."""
    manage = path(links.manage(found.handle))
    return [
        manage,
        f"{manage}/export",
        path(links.confirm(found.handle)),
        path(links.unsubscribe(found.handle)),
        f"{manage}/save/{paper}",
        f"{manage}/less/{paper}",
    ]


def test_to_follow_a_link_changes_nothing(client, library, links, path, subscribed):
    """Whoever looks after a mailbox may follow all links of a letter, without cookies."""
    found = subscribed()
    urls = all_links(links, path, found)
    before = state(library)
    for url in urls:
        for method in ("GET", "HEAD"):
            answer = client().request(method, url)
            assert answer.status_code == 200, url
            assert "set-cookie" not in answer.headers
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "strict-origin"
    assert state(library) == before
    reading = [r for r in by_link.routes if "GET" in r.methods]
    assert [r.path for r in reading if not any(r.path_regex.match(u) for u in urls)] == []


def test_no_page_of_a_link_shows_the_address(client, links, path, subscribed):
    """Those who find a letter, or look over a shoulder, do not learn whose it is."""
    found = subscribed()
    hint = told.masked(found.address)
    for url in all_links(links, path, found):
        page = client().get(url).text
        if not url.endswith("/export"):
            assert found.address not in page
    assert hint in client().get(path(links.manage(found.handle))).text


def test_links_work_in_a_closed_house(tmp_path):
    """A stranger may do what a link is for, and read nothing else."""
    rules = crowd.RULES._replace(is_public=False)
    with letters.opened(tmp_path / "home", tmp_path, rules) as closed:
        mailroom = closed.mailroom
        found = mailroom.subscriptions.subscribe(VISITOR, "in@example.org", Wishes())
        stranger = TestClient(create_app(closed, clock=now), base_url=crowd.ADDRESS,
                              follow_redirects=False)  # fmt: skip
        link = mailroom.links.confirm(found.handle).removeprefix(mailroom.links.base)
        assert stranger.post(link, data=YES).status_code == 200
        assert mailroom.subscriptions.by_id(found.id).state == "active"
        link = mailroom.links.unsubscribe(found.handle).removeprefix(mailroom.links.base)
        assert stranger.post(link, data=ONE_CLICK).status_code == 200
        assert stranger.get("/subscribe").headers["location"].startswith("/sign-in")
        assert stranger.get("/api/subscriptions").status_code == 401


def test_a_token_is_good_for_its_purpose_alone(client, links, subscribed):
    """Whoever has the link to one thing cannot do another with it."""
    found, visitor = subscribed(), client()
    for purpose in ("manage", "confirm", "unsubscribe", "digest", "bounce"):
        token = links.token(purpose, found.handle)
        tried = {
            "manage": visitor.get(f"/subscription/{token}").status_code,
            "confirm": visitor.get(f"/subscription/{token}/confirm").status_code,
            "unsubscribe": visitor.get(f"/unsubscribe/{token}").status_code,
        }
        assert tried == {name: 200 if name == purpose else 404 for name in tried}


def test_whoever_guesses_links_is_slowed_down(client, links, path, subscribed):
    """A link that is none tells nothing, and many of them are refused; good ones go on."""
    found, visitor = subscribed(), client()
    good = path(links.manage(found.handle))
    bad = good[:-1] + ("a" if good[-1] != "a" else "b")
    answer = visitor.get(bad)
    assert answer.status_code == 404
    assert "not good any more" in answer.text
    assert bad not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert {visitor.get(bad).status_code for _ in range(70)} == {404, 429}
    assert (
        visitor.post(bad.replace("subscription", "unsubscribe"), data=ONE_CLICK).status_code == 429
    )
    assert visitor.get(good).status_code == 200


def test_other_sites_can_send_nothing(client, library, links, path, subscribed):
    """A form from elsewhere is refused, though its sender knows the link."""
    found = subscribed()
    manage, before = path(links.manage(found.handle)), state(library)
    posts = [manage, f"{manage}/delete", f"{manage}/save/p1", path(links.confirm(found.handle))]
    for url in posts:
        for headers in (
            {"origin": "https://elsewhere.example"},
            {"sec-fetch-site": "cross-site"},
            {"origin": "null"},
        ):
            sent = {"do": "end", "sure": "1"}
            assert client().post(url, data=sent, headers=headers).status_code == 403
        assert client().post(url, json={"do": "end"}).status_code == 415
    assert state(library) == before


def test_links_work_under_any_name_of_the_house(client, held, links, path, subscribed):
    """A server in front may pass requests on under another name: the link is what lets in."""
    found = subscribed()
    link = path(links.manage(found.handle))
    headers = {"host": "inside.example", "origin": crowd.ADDRESS}
    assert client().post(link, data={"do": "pause"}, headers=headers).status_code == 303
    assert held.by_id(found.id).state == "paused"


# ---------------------------------------------------------------------------- preferences


def test_preferences_are_changed_by_a_link(client, held, links, path, subscribed):
    """All fields can be changed; what is wrong comes back in the form."""
    found, visitor = subscribed(), client()
    link = path(links.manage(found.handle))
    fields = told.fields_of(Wishes("edition", "cat:cs.RO", "month", 31, "22:15", "Asia/Tokyo", 5))
    answer = visitor.post(link, data={"do": "change", **fields})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link}?done=change")
    assert "set-cookie" not in answer.headers
    now_is = held.by_id(found.id)
    assert (now_is.wishes.kind, now_is.wishes.on_day) == ("edition", 31)
    page = Reading(visitor.get(answer.headers["location"]).text).text
    assert "It is changed." in page
    assert "on day 31 of each month at 22:15 (Asia/Tokyo)" in page
    answer = visitor.post(link, data={"do": "change", "query": "cat:", "longest": "9"})
    assert answer.status_code == 400
    assert 'value="9"' in answer.text
    assert held.by_id(found.id).wishes == now_is.wishes
    assert visitor.post(link, data={"do": "nothing"}).status_code == 400


def test_a_link_pauses_skips_and_ends(client, held, links, path, subscribed):
    """Each in one step, without an account; and all of an address at once."""
    found, visitor = subscribed(), client()
    link = path(links.manage(found.handle))
    for do, word in (("skip", "active"), ("pause", "paused"), ("resume", "active")):
        assert visitor.post(link, data={"do": do}).headers["location"] == f"{link}?done={do}"
        assert held.by_id(found.id).state == word
    other = held.subscribe(VISITOR, found.address, Wishes("edition"), client=next(HOSTS))
    assert visitor.post(link, data={"do": "end_all"}).status_code == 303
    assert {held.by_id(s.id).state for s in (found, other)} == {"ended"}
    assert "ended: nothing is sent" in visitor.get(link).text


def test_papers_are_saved_and_put_away_by_a_link(client, held, links, subscribed):
    """The page has a button; what was said stands among the preferences and can be taken back."""
    found, visitor = subscribed(), client()
    token = links.token("manage", found.handle)
    for kind, words in (("save", "Saved"), ("less", "There will be less like this")):
        link = f"/subscription/{token}/{kind}/p1"
        assert "Graph networks for tidy kitchens" in visitor.get(link).text
        assert held.said(found, kind) == []
        answer = visitor.post(link, data=YES)
        assert (answer.status_code, answer.headers["location"]) == (303, link)
        assert held.said(found, kind) == [1]
        assert words in visitor.get(link).text
        assert "Graph networks" in visitor.get(f"/subscription/{token}").text
        answer = visitor.post(link, data={"undo": "1", "back": "1"})
        assert answer.headers["location"] == f"/subscription/{token}?done=undo"
        assert held.said(found, kind) == []
    assert visitor.get(f"/subscription/{token}/save/p999").status_code == 404
    assert visitor.post(f"/subscription/{token}/love/p1", data=YES).status_code == 400


def test_everything_is_exported_and_deleted_by_a_link(client, held, links, path, subscribed):
    """Deletion asks once more; the link leads nowhere after it, and unsubscribing still works."""
    found, visitor = subscribed(), client()
    link = path(links.manage(found.handle))
    answer = visitor.get(f"{link}/export")
    assert answer.json()["address"] == found.address
    assert "attachment" in answer.headers["content-disposition"]
    assert "Delete everything?" in Reading(visitor.post(f"{link}/delete", data=YES).text).text
    assert held.by_id(found.id).state == "active"
    answer = visitor.post(f"{link}/delete", data={"sure": "1"})
    assert "Everything is deleted" in Reading(answer.text).text
    assert of(held, found.address) == []
    assert visitor.get(link).status_code == 404
    gone = visitor.post(path(links.unsubscribe(found.handle)), data=ONE_CLICK)
    assert gone.status_code == 200


# ---------------------------------------------------------------------------- one click


def test_one_click_unsubscribes(client, held, links, path, subscribed):
    """As RFC 8058 has it: a POST with that body, from anywhere, without cookies, and once more."""
    found = subscribed()
    url = path(links.unsubscribe(found.handle))
    boundary = (
        '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--'
    )
    ways = [
        {"data": ONE_CLICK, "headers": {"origin": "https://mail.example", "host": "elsewhere"}},
        {"data": ONE_CLICK, "headers": {"sec-fetch-site": "cross-site"}},
        {"content": boundary, "headers": {"content-type": "multipart/form-data; boundary=x"}},
    ]
    for way in ways:
        answer = client().post(url, **way)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "You are unsubscribed" in answer.text
        assert held.by_id(found.id).state == "ended"
    with held._database.read() as connection:
        how = connection.execute(
            select(schema.consents.c.how).where(
                schema.consents.c.subscription_id == found.id, schema.consents.c.what == "ended"
            )
        ).scalars()
        assert list(how) == ["one-click"]


def test_only_one_click_unsubscribes(client, held, links, path, subscribed):
    """A GET shows a button; a POST that does not say so does nothing."""
    found = subscribed()
    url, visitor = path(links.unsubscribe(found.handle)), client()
    page = Reading(visitor.get(url).text)
    assert "Unsubscribe?" in page.text
    for body in ({}, {"List-Unsubscribe": "No"}, {"x": "List-Unsubscribe=One-Click"}):
        assert visitor.post(url, data=body).status_code == 400
    assert held.by_id(found.id).state == "active"
    (button,) = [f for f in page.forms if f["action"] == url]
    assert visitor.post(url, data=button["fields"]).status_code == 200
    assert held.by_id(found.id).state == "ended"


# ---------------------------------------------------------------------------- programs


def test_programs_subscribe_and_change(client):
    """What the pages do, as JSON; what is left out of a change stays."""
    ada, there = client("ada"), "/api/subscriptions"
    wish = {"address": "ada@example.org", "kind": "search", "query": "knitting", "longest": 3}
    made = ada.post(there, json=wish)
    assert made.status_code == 201
    told_of = forms.MadeForm.model_validate(made.json())
    assert (told_of.longest, told_of.secret, told_of.state) == (3, "", "active")
    one = f"{there}/{told_of.id}"
    changed = ada.post(one, json={"cadence": "week", "on_day": 2, "threshold": 1.5})
    assert changed.status_code == 200
    found = forms.SubscriptionForm.model_validate(changed.json())
    assert (found.query, found.on_day, found.threshold) == ("knitting", 2, 1.5)
    assert ada.post(one, json={"threshold": None}).json()["threshold"] is None
    assert ada.post(one, json={"zone": None}).status_code == 422
    assert ada.post(one, json={"colour": "red"}).status_code == 400
    assert ada.post(one, json={"kind": "recommended"}).status_code == 422
    assert ada.post(f"{one}/skip", json={}).json()["next_due"] > found.next_due
    paused = ada.post(f"{one}/pause", json={"until": "2026-05-01"}).json()
    assert (paused["state"], paused["paused_until"]) == ("paused", "2026-05-01")
    assert ada.post(f"{one}/resume", json={}).json()["state"] == "active"
    assert ada.get(one).json()["state"] == "active"
    assert ada.post(f"{one}/end", json={}).json()["state"] == "ended"
    listed = forms.SubscriptionsForm.model_validate(ada.get(there).json())
    assert told_of.id in [s.id for s in listed.subscriptions]
    assert client().get(there).json() == {"subscriptions": []}


def test_a_hook_is_told_its_secret_once(client):
    """Its address is one itself: only the host is told afterwards."""
    bo, there = client("bo"), "/api/subscriptions"
    wish = {"channel": "hook", "address": "https://hooks.example.org/room/secret", "form": "slack"}
    made = bo.post(there, json=wish)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert made.json()["address"] == "hooks.example.org"
    for text in (bo.get(there).text, bo.get("/subscriptions").text):
        assert "hooks.example.org" in text
        assert "secret" not in text
        assert "room" not in text
    assert client().post(there, json=wish).status_code == 401


def test_other_sites_send_no_json(client, library):
    """What a browser was made to send from elsewhere does nothing."""
    ada, before = client("ada"), state(library)
    wish = {"address": "ada@example.org"}
    sent = ada.post("/api/subscriptions", json=wish, headers={"origin": "https://x.example"})
    assert sent.status_code == 403
    sent = ada.post("/api/subscriptions", data=wish)
    assert sent.status_code == 415
    assert state(library) == before


# ---------------------------------------------------------------------------- hostile hands


def test_what_is_typed_is_escaped(client, held, links, path):
    """A query can hold anything, and a page shows it as text."""
    hostile = f'"{SCRIPT}"'
    ada = client("ada")
    answer = send(ada, email="ada@example.org", kind="search", query=hostile)
    assert answer.status_code == 303
    found = of(held, "ada@example.org")[0]
    pages = [ada.get("/subscriptions").text, send(client(), email=f"{SCRIPT}@x", query=SCRIPT).text,
             *(client().get(u).text for u in all_links(links, path, found)
               if not u.endswith("/export"))]  # fmt: skip
    for page in pages:
        assert "<script>alert" not in page
        Reading(page)


def test_no_token_stands_in_a_log_or_another_address(
    client, held, links, path, subscribed, monkeypatch, caplog
):
    """Neither where a fault is told, nor in the way to sign in."""
    found, visitor = subscribed(), client()
    link, wrong = path(links.manage(found.handle)), path(links.manage(found.handle))[:-3] + "aaa"
    assert found.handle not in Reading(visitor.get(wrong).text).text
    assert not [a for a in Reading(visitor.get(wrong).text).links if "subscription/" in a["href"]]
    monkeypatch.setattr(held, "by_token", raising(RuntimeError("a fault")))
    quiet = TestClient(visitor.app, base_url=crowd.ADDRESS, raise_server_exceptions=False)
    with caplog.at_level(logging.ERROR):
        assert quiet.get(link).status_code == 500
    assert "path=/subscription/…" in caplog.text
    assert found.handle not in caplog.text


def test_pages_of_links_set_no_cookie_for_readers_either(client, links, path, subscribed):
    """Though a reader has signed in, such a page is nobody's: it has no forms of theirs."""
    found, ada = subscribed(), client("ada")
    for url in all_links(links, path, found):
        answer = ada.get(url)
        assert COOKIE not in answer.headers.get("set-cookie", "")
        assert "/sign-out" not in answer.text


# ---------------------------------------------------------------------------- words and forms

_TEXT = st.text(max_size=30)
_WISHES = st.builds(
    Wishes,
    kind=st.sampled_from(["trending", "edition", "search", "recommended"]),
    query=_TEXT.map(str.strip),
    cadence=st.sampled_from(["day", "weekdays"]),
    at=st.times().map(lambda t: f"{t:%H:%M}"),
    zone=st.sampled_from(["UTC", "Asia/Kolkata"]),
    longest=st.integers(1, 100),
    threshold=st.none() | st.integers(-(10**9), 10**9).map(lambda n: n / 10**7),
    when_empty=st.sampled_from(["skip", "tell"]),
    form=st.sampled_from(["html", "text"]),
    language=st.sampled_from(["en", "de"]),
) | st.one_of(
    st.builds(Wishes, cadence=st.just("week"), on_day=st.integers(0, 6)),
    st.builds(Wishes, cadence=st.just("month"), on_day=st.integers(1, 31)),
)


@given(_WISHES)
def test_a_form_says_what_it_was_filled_in_with(wishes):
    """To send a form as it came changes nothing."""
    assert told.wishes_of(told.fields_of(wishes)) == wishes
    assert told.wishes_of({}, wishes) == wishes


@given(st.dictionaries(st.sampled_from(sorted(told.fields_of(Wishes()))), st.text(max_size=40)))
def test_any_form_makes_wishes_or_is_refused(sent):
    """Nothing that somebody types is a fault of ours."""
    with suppress(RefusedError):
        assert isinstance(told.wishes_of(sent), Wishes)


@given(st.text(min_size=1, max_size=20), st.from_regex(r"[a-z0-9]{1,9}\.org", fullmatch=True))
def test_an_address_is_never_shown_whole(local, domain):
    """Of a mail address the first letter and the domain are left, of a hook the host."""
    assert told.masked(f"{local}@{domain}") == f"{local[0]}…\N{WORD JOINER}@{domain}"
    assert told.masked(f"https://{domain}/x/secret?y", "hook") == domain


def test_the_forms_are_documented():
    """The page on the web surface names every field of the JSON of subscriptions."""
    docs = (Path(__file__).parents[2] / "docs" / "web.md").read_text("utf-8")
    kinds = [k for k in vars(forms).values() if isinstance(k, type) and hasattr(k, "model_fields")]

    assert {n for k in kinds for n in k.model_fields if f"`{n}`" not in docs} == set()
