"""WebSub: a real hub on this machine is told once of each change, and again where it was away."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from urllib.parse import parse_qsl

import pytest
from fastapi.testclient import TestClient

from broadsheet.delivery.feeds import FORMS, STANDING
from broadsheet.delivery.websub import AT_ONCE, GAP, Publisher, hub_of, topics
from broadsheet.factory import load_config, make_mailroom, open_library
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from delivery.test_feeds import check_atom
from delivery.test_feeds import told as read_in
from loopback import Loopback, Reply, busy, nobody, redirect, too_many
from web.invented import PRESS

HOUSE = "https://papers.example.org"
FEEDS = topics(HOUSE)
TOLD = Reply(status=204)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 17, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time that it was set to."""
        return self.now

    def on(self, **more: float) -> None:
        """Let some time go by."""
        self.now += timedelta(**more)


@pytest.fixture
def watch():
    """Return a clock that is set by hand."""
    return Watch()


@pytest.fixture
def hub():
    """Give a hub that takes everything, until it is told to do otherwise."""
    with Loopback() as served:
        served.route("/hub", TOLD)
        yield served


@pytest.fixture
def made(tmp_path, watch, hub):
    """Return a function that makes a publisher, each like that of another process."""
    return lambda url=f"{hub.url}/hub", feeds=FEEDS: Publisher(
        url, feeds, tmp_path / "websub.json", watch
    )


def told(hub: Loopback) -> list[str]:
    """Return the feeds that a hub was told of, in order, each as WebSub has it."""
    found = []
    for request in hub.log:
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        said = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        assert said.keys() == {"hub.mode", "hub.url"}
        assert said["hub.mode"] == "publish"
        found.append(said["hub.url"])
    return found


def turns(publisher: Publisher, stamp: str, most: int = 10) -> list[int]:
    """Return how many feeds each turn told of, until one has nothing to tell."""
    found = []
    while (count := publisher.tick(stamp)) and len(found) < most:
        found.append(count)
    return found


def test_every_list_is_announced_in_every_form():
    """Editions and trending, by the addresses under which they call themselves."""
    assert len(FEEDS) == len(set(FEEDS)) == len(STANDING) * len(FORMS)
    assert topics(f"{HOUSE}/") == FEEDS
    assert f"{HOUSE}/feeds/editions/day.atom" in FEEDS
    assert f"{HOUSE}/feeds/trending/rising-week.json" in FEEDS


def test_a_hub_is_told_once_of_each_change(hub, made, watch):
    """Some feeds a turn, until it knows of all; then nothing until the stamp is another."""
    assert turns(made(), "1 monday") == [AT_ONCE] * 3
    assert told(hub) == list(FEEDS)
    watch.on(hours=5)
    assert made().tick("1 monday") == 0
    assert turns(made(), "1 tuesday") == [AT_ONCE] * 3
    assert told(hub) == [*FEEDS, *FEEDS]


def test_a_harvest_is_told_of_every_ten_minutes_at_most(hub, made, watch):
    """A harvest changes papers for a while: the last change is told, and few in between."""
    publisher = made()
    for number in range(30):
        turns(publisher, f"{number}")
        watch.on(minutes=1)
    assert len(told(hub)) == 3 * len(FEEDS)
    watch.on(minutes=GAP.total_seconds() / 60)
    turns(publisher, "29")
    assert len(told(hub)) == 4 * len(FEEDS)


@pytest.mark.parametrize(
    "answer", [busy(), too_many(), Reply(b"", 408), Reply(b"", 500), Reply(hang_up=True)]
)
def test_a_hub_that_is_away_is_told_later(hub, made, watch, answer):
    """Nothing is raised, the turn ends, and what it knows already it is not told again."""
    hub.route("/hub", [TOLD, TOLD, answer, answer, TOLD])
    publisher = made()

    assert publisher.tick("1") == 2
    assert publisher.tick("1") == 0
    assert len(hub.log) == 3
    watch.on(minutes=1)
    assert publisher.tick("1") == 0
    assert len(hub.log) == 4
    watch.on(minutes=1)
    assert publisher.tick("1") == 0
    assert len(hub.log) == 4
    watch.on(minutes=1)
    # Another process goes on where this one stood.
    assert sum(turns(made(), "1")) == len(FEEDS) - 2
    assert told(hub)[4:] == list(FEEDS[2:])


def test_a_hub_says_when_it_can_be_told(hub, made, watch):
    """`Retry-After` is kept, if it is longer than we would have waited; a date is not read."""
    hub.route("/hub", [too_many(900), too_many(formatdate(usegmt=True)), TOLD])
    publisher = made()

    assert publisher.tick("1") == 0
    watch.on(seconds=899)
    assert publisher.tick("1") == 0
    assert len(hub.log) == 1
    watch.on(seconds=1)
    assert publisher.tick("1") == 0
    watch.on(minutes=2)
    assert publisher.tick("1") == AT_ONCE


def test_a_hub_that_is_gone_is_asked_ever_more_seldom(made, watch):
    """Where nothing listens, two days cost some dozen tries."""
    with nobody() as nowhere:
        publisher, tries = made(f"{nowhere}/hub"), 0
        for _ in range(2 * 24 * 6):
            before = publisher._read().failures
            assert publisher.tick("1") == 0
            tries += publisher._read().failures > before
            watch.on(minutes=10)

    assert 10 <= tries <= 16


@pytest.mark.parametrize("answer", [Reply(b"", 404), Reply(b"", 400), redirect("/elsewhere")])
def test_what_a_hub_refuses_it_is_not_told_again(hub, made, answer, caplog):
    """The log says so, and the other feeds are told of."""
    hub.route("/hub", [TOLD, answer, TOLD])

    assert sum(turns(made(), "1")) == len(FEEDS)
    assert told(hub) == list(FEEDS)
    assert [r.getMessage() for r in caplog.records] == [
        f"websub_refused host=127.0.0.1 status={answer.status} feed={FEEDS[1]}"
    ]


@pytest.mark.parametrize(
    "kept", [b"", b"[]", b"{", b'{"stamp":"1","begun":1,"at":2,"waiting":0,"failures":"x"}',
             b'{"stamp":"1","begun":"2026-03-17","at":"2026-03-17","waiting":["x"],"failures":0}']
)  # fmt: skip
def test_a_damaged_file_only_means_that_a_hub_is_told_once_more(hub, made, kept, tmp_path):
    """What lies there is no record, and names no feed that there is not."""
    (tmp_path / "websub.json").write_bytes(kept)

    assert sum(turns(made(), "2")) == len(FEEDS)
    assert told(hub) == list(FEEDS)


def test_only_what_a_hub_can_read_is_announced():
    """A house that is private, not public, or without an address has no hub."""
    open_house = Rules(is_shared=True, is_public=True, address=HOUSE)

    assert hub_of("https://hub.example/", open_house) == "https://hub.example/"
    for less in ({"is_shared": False}, {"is_public": False}, {"address": ""}):
        assert hub_of("https://hub.example/", open_house._replace(**less)) == ""


# ---------------------------------------------------------------------------- as the settings say


def test_a_harvest_and_a_new_day_reach_the_hub(tmp_path, hub, watch):
    """The mailroom tells it, as the settings say, of feeds that name it and can be fetched."""
    said = {
        "home": tmp_path, "shared": "on", "public": "on", "address": f"{HOUSE}/",
        "websub_hub": f"{hub.url}/hub",
    }  # fmt: skip
    settings = {name: one.value for name, one in load_config(said, {}).items()}
    with open_library(
        tmp_path,
        clock=watch,
        rules=Rules.of(settings),
        mailroom=lambda library: make_mailroom(settings, {}, library),
    ) as library:

        def turn():
            for _ in range(4):
                library.mailroom.tick()
            return len(hub.log)

        assert turn() == len(FEEDS)
        watch.on(minutes=20)
        assert turn() == len(FEEDS)
        list(library.file(PRESS[:3], source="invented", counts=Counter()))
        assert turn() == 2 * len(FEEDS)
        watch.on(days=1)
        assert turn() == 3 * len(FEEDS)
        client = TestClient(create_app(library, clock=watch, hub=settings["websub_hub"]))
        for feed in {f for f in told(hub) if f.endswith(".atom")}:
            root = check_atom(client.get(feed).content)
            assert read_in(root, "a:link[@rel='hub']/@href") == [settings["websub_hub"]]
            assert read_in(root, "a:link[@rel='self']/@href") == [feed]
