"""Secret addresses of feeds, the lists of feeds, days as a calendar, and what names a hub."""

import logging
import re
from collections import Counter
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from lxml import etree

from broadsheet.delivery.feeds import FORMS, STANDING
from broadsheet.delivery.mail import Folder
from broadsheet.delivery.mailroom import Mailroom, Manner
from broadsheet.delivery.subscription import Wishes
from broadsheet.delivery.websub import topics
from broadsheet.factory import open_library
from broadsheet.readers.rules import Rules
from broadsheet.sources.opml import parse_opml
from broadsheet.web.app import create_app
from broadsheet.web.feed_lists import DAYS
from broadsheet.web.who import SESSION
from delivery.test_feeds import check_atom, check_json, check_rss, told
from delivery.test_icalendar import check_calendar
from processes import PATIENCE
from readers.circle import join, signed_in
from web.browsing import overflow, serving
from web.invented import PRESS, no_sources, now
from web.reading import read

HOUSE = "https://papers.example.org"
HUB = "https://hub.example/"
CHECKS = {"atom": check_atom, "rss": check_rss, "json": check_json}
CLOSED = Rules(is_shared=True, address=HOUSE)
OPEN = CLOSED._replace(is_public=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Give a shared library that is not public."""
    home = tmp_path_factory.mktemp("house")

    def mailroom(library):
        outbox = Folder(home / "outbox", "papers@example.org")
        return Mailroom(library.stock, CLOSED, Manner(base=HOUSE), outbox)

    with open_library(
        home, clock=now, rules=CLOSED, newsroom=no_sources, mailroom=mailroom
    ) as library:
        list(library.file(PRESS, source="invented", counts=Counter()))
        yield library


@pytest.fixture
def ruled(house, monkeypatch):
    """Return a function that changes the rules of the house for one test."""
    return lambda rules: monkeypatch.setattr(house.accounts, "rules", rules)


def client_of(house, **said: object):
    """Return a client of nobody's, that follows no redirects."""
    app = create_app(house, clock=now, names=["papers.example.org"], hub=HUB)
    return TestClient(app, **{"base_url": HOUSE, "follow_redirects": False, **said})


@pytest.fixture
def client(house):
    """Return a client of nobody's."""
    return client_of(house)


@pytest.fixture(scope="module")
def secret_of(house):
    """Return a function that gives the secret of a token of one reader, made with some scopes."""
    reader = join(house, "ada")
    return lambda *scopes: house.accounts.make_token(reader, "feeds", scopes).secret


FEEDS = (
    *(f"/{path}" for path in STANDING),
    *("/search", "/categories/cs.CL", "/authors/Olaf%20Reader", "/papers/p1/comments"),
)

# ---------------------------------------------------------------------------- a secret address


@pytest.mark.parametrize("ending", FORMS)
def test_a_secret_address_opens_every_feed(client, secret_of, ending):
    """And nobody else is let in. All that differs is the address of the feed itself."""
    secret = secret_of("read")
    for path in FEEDS:
        assert client.get(f"/feeds{path}.{ending}").status_code == 401
        answer = client.get(f"/feeds/for/{secret}{path}.{ending}")
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "private, no-cache"
        CHECKS[ending](answer.content)
        assert answer.text.count(secret) == 1
        tag = answer.headers["etag"]
        again = client.get(f"/feeds/for/{secret}{path}.{ending}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        head = client.head(f"/feeds/for/{secret}{path}.{ending}")
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_the_secret_stands_in_the_address_of_a_feed_and_of_its_next_page_alone(client, secret_of):
    """Entries lead to the pages of papers, and the feed is the same feed as without it."""
    secret, pages = secret_of("read"), []
    url = f"{HOUSE}/feeds/for/{secret}/editions/day.atom?limit=40"
    while url:
        root = check_atom(client.get(url).content)
        assert told(root, "a:link[@rel='self']/@href") == [url]
        assert secret not in "".join(told(root, "a:id | a:entry//text() | //a:entry//@href"))
        pages.append(root)
        url = next(iter(told(root, "a:link[@rel='next']/@href")), None)
        assert url is None or url.startswith(f"{HOUSE}/feeds/for/{secret}/editions/day.atom?")
    other = secret_of("read")
    again = check_atom(client.get(f"/feeds/for/{other}/editions/day.atom?limit=40").content)

    assert len(pages) > 1
    assert told(again, "a:id") == told(pages[0], "a:id")
    assert told(again, "a:entry/a:id") == told(pages[0], "a:entry/a:id")


def test_another_id_of_a_paper_leads_to_its_comments_at_the_secret_address(client, secret_of):
    """A redirect keeps the address, without which there is no way in."""
    secret = secret_of("read")
    answer = client.get(f"/feeds/for/{secret}/papers/arxiv:2603.00100/comments.rss?content=short")

    assert answer.status_code == 303
    there = answer.headers["location"]
    assert re.fullmatch(rf"/feeds/for/{secret}/papers/p\d+/comments.rss\?content=short", there)
    assert client.get(there).status_code == 200


@pytest.mark.parametrize("scopes", [("act",), ("read", "act"), ("administer",), ("curate", "read")])
def test_what_may_do_more_opens_no_address(client, secret_of, scopes):
    """Addresses are kept and passed on; a token that may do more than read belongs into none."""
    answer = client.get(f"/feeds/for/{secret_of(*scopes)}/search.atom")

    assert answer.status_code == 404


def test_a_secret_address_that_was_ended_says_so(house, client, ruled):
    """At once, in words, and where the collection is public too."""
    reader = join(house, "bo")
    token = house.accounts.make_token(reader, "feeds", ["read"])
    address = f"/feeds/for/{token.secret}/search.atom"
    assert client.get(address).status_code == 200
    house.accounts.end_token(reader, token.row.id)

    for rules in (CLOSED, OPEN):
        ruled(rules)
        page = read(client, address, 404)
        assert "This secret address leads to no feed" in page.text
        assert token.secret not in client.get(address).text


def test_a_secret_address_is_for_reading_feeds(client, secret_of):
    """It is no way to pages, to the API or to anything that changes something."""
    door = f"/feeds/for/{secret_of('read')}"
    for path in ("/../account", "/..%2f..%2faccount", "/%2e%2e/api/me", "//api/me", "/mine", "/",
                 "", "/for/x/search.atom", "/search.csv"):  # fmt: skip
        assert client.get(f"{door}{path}").status_code in {401, 404}, path
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, f"{door}/search.atom").status_code == 405
    for path in ("/api/me", "/account"):
        assert client.get(path).status_code in {303, 401}


def test_a_private_collection_has_no_secret_addresses(house, client, ruled, secret_of):
    """It has no accounts whose they could be."""
    address = f"/feeds/for/{secret_of('read')}/search.atom"
    ruled(Rules())

    assert client.get(address).status_code == 404


def test_no_log_and_no_page_tells_a_secret_address(client, house, secret_of, monkeypatch, caplog):
    """Not even where something is wrong with Broadsheet itself, or with what was asked."""
    secret = secret_of("read")
    wrong = client.get(f"/feeds/for/{secret}/search.atom?q=(")
    assert wrong.status_code == 400
    assert secret not in wrong.text

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(house, "search", broken)
    lenient = client_of(house, raise_server_exceptions=False)
    with caplog.at_level(logging.DEBUG):
        answer = lenient.get(f"/feeds/for/{secret}/search.atom")

    assert answer.status_code == 500
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("broadsheet")]
    assert any("path=/feeds/for/…" in line for line in ours)
    assert secret not in answer.text + "".join(ours)


# ---------------------------------------------------------------------------- the account's page


def signed_client(house, name):
    """Return the client of a new reader, and the reader."""
    reader = join(house, name)
    made = client_of(house)
    made.cookies.set(SESSION, signed_in(house, reader))
    return made, reader


def sent(client, path, **said: str):
    """Return the answer to a form of the account's page."""
    name, token = re.search(
        r'name="(\w+)" value="([0-9a-f]{64})"', client.get("/account").text
    ).groups()
    return client.post(path, data={name: token, **said}, headers={"Origin": HOUSE})


def test_a_secret_address_is_made_on_the_account_page_and_shown_once(house, client):
    """It works, it stands there as a token by name alone, and is ended like any other."""
    mine, reader = signed_client(house, "cleo")
    answer = sent(mine, "/account/feeds")
    (secret,) = set(re.findall(r"/feeds/for/([\w-]{30,})", answer.text))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert f"{HOUSE}/feeds/for/{secret}/editions/day.atom" in answer.text
    assert client.get(f"/feeds/for/{secret}/editions/day.atom").status_code == 200
    page = mine.get("/account").text
    assert secret not in page
    (token,) = house.accounts.tokens(reader)
    assert (token.name, token.scopes) == ("feeds", ["read"])
    assert sent(mine, "/account/tokens/end", number=str(token.id)).status_code == 303
    assert client.get(f"/feeds/for/{secret}/editions/day.atom").status_code == 404


def test_another_site_makes_no_secret_address(house, client):
    """The form has its token, as all forms have."""
    mine, reader = signed_client(house, "dora")

    assert mine.post("/account/feeds", data={"list": "1"}).status_code == 403
    assert client.post("/account/feeds").status_code in {303, 401, 403}
    assert house.accounts.tokens(reader) == []


# ---------------------------------------------------------------------------- lists of feeds


def listed(answer):
    """Return titles by address of a list, as our own reader of such lists reads it."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/x-opml; charset=utf-8"
    assert "broadsheet.opml" in answer.headers["content-disposition"]
    root = etree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    return {o.url: (o.folder, o.title) for o in parse_opml(answer.content, name="ours")}


def test_whoever_may_read_has_a_list_of_the_feeds(client, ruled):
    """Each address in it is that of a feed, with the title that the feed has."""
    assert client.get("/feeds/mine.opml").status_code == 401
    ruled(OPEN)
    answer = client.get("/feeds/mine.opml")
    feeds = listed(answer)

    assert len(feeds) == len(STANDING) + 1
    for url, (folder, title) in feeds.items():
        root = check_atom(client.get(url).content)
        assert told(root, "a:link[@rel='self']/@href") == [url]
        assert told(root, "a:title") == [f"{title} · Broadsheet"]
        assert folder in {"Editions", "Trending", "Searches"}
    tag = answer.headers["etag"]
    assert client.get("/feeds/mine.opml", headers={"If-None-Match": tag}).status_code == 304


def test_a_list_at_a_secret_address_has_secret_addresses(client, secret_of):
    """A feed reader that cannot sign in takes all of them at once."""
    secret = secret_of("read")
    feeds = listed(client.get(f"/feeds/for/{secret}/mine.opml"))

    assert len(feeds) == len(STANDING) + 1
    assert all(url.startswith(f"{HOUSE}/feeds/for/{secret}/") for url in feeds)
    assert all(client.get(url).status_code == 200 for url in feeds)


WISHES = [
    Wishes(kind="search", query='author:"Olaf Reader" OR cat:cs.CL'),
    Wishes(kind="edition", query="cat:cs.CL", cadence="week"),
    Wishes(kind="trending", query="survey", cadence="weekdays"),
    Wishes(kind="trending"),
    Wishes(kind="search", query="bakeries"),
]


def test_a_list_has_what_one_subscribed_to(house, client, secret_of):
    """A feed for each query, as often as none: it is one's own, and not for a token that reads."""
    mine, reader = signed_client(house, "eve")
    with house.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE readers SET email = 'eve@example.org' WHERE name = 'eve'"
        )
    held = house.mailroom.subscriptions
    made = [held.subscribe(reader, "eve@example.org", wishes) for wishes in WISHES]
    held.end(made[-1], how="page")
    feeds = listed(mine.get("/feeds/mine.opml"))
    own = {url: title for url, (_, title) in feeds.items() if "q=" in url}

    assert len(feeds) == len(STANDING) + 1 + 3
    assert sorted(own.values()) == [
        "Editions of the week: cat:cs.CL", "Trending: survey", 'author:"Olaf Reader" OR cat:cs.CL',
    ]  # fmt: skip
    assert all(mine.get(url).status_code == 200 for url in feeds)
    token = house.accounts.make_token(reader, "feeds", ["read"]).secret
    assert not any("q=" in url for url in listed(client.get(f"/feeds/for/{token}/mine.opml")))

    answer = sent(mine, "/account/feeds", list="1")
    feeds = listed(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert sum("q=" in url for url in feeds) == 3
    assert all(url.startswith(f"{HOUSE}/feeds/for/") for url in feeds)
    assert all(client.get(url).status_code == 200 for url in feeds)


# ---------------------------------------------------------------------------- the page of feeds


FEED = re.compile(r"/feeds/.+\.(atom|rss|json)(\?|$)")


def test_the_page_of_feeds_leads_to_feeds(client, ruled):
    """Every list and every category, in every form; narrowed if one writes a query there."""
    assert client.get("/feeds").headers["location"] == "/sign-in?next=/feeds"
    ruled(OPEN)
    for asked in ("", "?q=cat%3Acs.CL"):
        page = read(client, f"/feeds{asked}")
        feeds = [a["href"] for a in page.links if FEED.match(a["href"])]
        assert len(feeds) >= (len(STANDING) + 2) * len(FORMS)
        assert [feed for feed in feeds if ("q=" in feed) != bool(asked)] == []
        assert {client.get(feed).status_code for feed in feeds} == {200}
    read(client, "/feeds?q=(", 400)
    read(client, f"/feeds?q={'a' * 301}", 400)
    hrefs = {a["href"] for a in read(client, "/feeds").links}
    assert {"/feeds/mine.opml", "/feeds/editions.ics"} <= hrefs


# ---------------------------------------------------------------------------- a calendar


def test_days_with_editions_are_a_calendar(house, client, secret_of):
    """Each with its papers and its page; at a secret address, too, which it does not tell."""
    assert client.get("/feeds/editions.ics").status_code == 401
    secret = secret_of("read")
    answer = client.get(f"/feeds/for/{secret}/editions.ics")
    events = check_calendar(answer.content)
    today = now().date()
    days = [d for d in house.editions.calendar(today - timedelta(DAYS), today) if d.papers]

    assert days
    assert [e["DTSTART;VALUE=DATE"] for e in events] == [f"{d.day:%Y%m%d}" for d in days]
    assert [e["SUMMARY"].split()[0] for e in events] == [str(d.papers) for d in days]
    assert [e["URL"] for e in events] == [f"{HOUSE}/{d.day:%Y/%m/%d}" for d in days]
    assert secret not in answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    tag = answer.headers["etag"]
    again = client.get(f"/feeds/for/{secret}/editions.ics", headers={"If-None-Match": tag})
    assert again.status_code == 304


# ---------------------------------------------------------------------------- a hub


def hub_in(body, ending):
    """Return the hubs and the own address that a feed names."""
    root = CHECKS[ending](body)
    if ending == "json":
        return [hub["url"] for hub in root.get("hubs", [])], root["feed_url"]
    return told(root, "a:link[@rel='hub']/@href"), told(root, "a:link[@rel='self']/@href")[0]


def test_the_feeds_that_a_hub_is_told_of_name_it(house, ruled):
    """In the header and in the body, with the very address that the hub is told."""
    ruled(OPEN)
    client = client_of(house)
    for topic in topics(HOUSE):
        answer = client.get(topic)
        assert answer.headers["link"] == f'<{HUB}>; rel="hub", <{topic}>; rel="self"'
        assert hub_in(answer.content, topic.rpartition(".")[2]) == ([HUB], topic)


def test_no_other_feed_names_a_hub(house, ruled, secret_of):
    """What no hub is told of would never be told by it."""
    ruled(OPEN)
    client = client_of(house)
    for path in ("/feeds/search.atom", "/feeds/editions/day.atom?q=cat:cs.CL",
                 "/feeds/trending/hot.atom?content=short", "/feeds/editions/day.atom?limit=3",
                 f"/feeds/for/{secret_of('read')}/editions/day.atom"):  # fmt: skip
        answer = client.get(path)
        assert "link" not in answer.headers
        assert hub_in(answer.content, "atom")[0] == []


@pytest.mark.parametrize("rules", [CLOSED, Rules(), OPEN._replace(address="")])
def test_a_house_that_no_hub_can_read_names_none(house, ruled, rules, secret_of):
    """It would have to sign in, or to find this machine."""
    ruled(rules)
    client = client_of(house)
    door = f"/feeds/for/{secret_of('read')}" if rules is CLOSED else "/feeds"
    answer = client.get(f"{door}/editions/day.atom")

    assert answer.status_code == 200
    assert hub_in(answer.content, "atom")[0] == []


# ---------------------------------------------------------------------------- in a browser


@pytest.fixture
def site(house):
    """Give the address of a server of the house."""
    with serving(create_app(house, clock=now)) as address:
        yield address


def test_pages_of_feeds_fit_a_screen(house, site, browser, size):
    """The list of feeds, and a secret address that was just made, are as wide as the window."""
    reader = join(house, f"fay-{size[0]}")
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(1000 * PATIENCE)
    cookie = {"name": SESSION, "value": signed_in(house, reader), "url": site}
    context.add_cookies([cookie])
    page = context.new_page()
    page.goto(f"{site}/feeds?q=cat:cs.CL")
    assert page.get_by_role("heading", name="Lists with cat:cs.CL").is_visible()
    assert overflow(page) == 0
    page.get_by_role("link", name="secret address").click()
    page.get_by_role("button", name="Make a secret address").click()
    shown = page.get_by_role("status").locator("code").first
    assert re.fullmatch(rf"{HOUSE}/feeds/for/[\w-]{{30,}}", shown.inner_text())
    assert overflow(page) == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Make a list of your feeds").click()
    assert download.value.suggested_filename == "broadsheet.opml"
    context.close()
