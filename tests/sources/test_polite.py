"""The polite client against a real server that misbehaves: what it waits, refuses and survives."""

from __future__ import annotations

import gzip
import ipaddress
import json
import random
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import SourceError, SourceRejected, SourceUnavailable
from broadsheet.sources import exchange, polite
from broadsheet.sources.exchange import RawAnswer
from broadsheet.sources.polite import Manner, PoliteClient, told_wait_s
from broadsheet.sources.turns import Turns, standing_of
from loopback import (
    FakeTime,
    Loopback,
    Reply,
    Request,
    bomb,
    busy,
    conditional,
    forbidden,
    html,
    http_date,
    json_reply,
    not_acceptable,
    not_found,
    redirect,
    too_many,
    xml,
)

MANNER = Manner("papers.test", gap_s=3, timeout_s=5)
FAIR = xml("<feed/>")


@pytest.fixture
def time() -> FakeTime:
    """Give a time in which waiting takes none."""
    return FakeTime()


@pytest.fixture
def server(time: FakeTime) -> Iterator[Loopback]:
    """Give a server that goes by the fake time."""
    with Loopback(time=time) as running:
        yield running


@pytest.fixture
def made(time: FakeTime, server: Loopback, tmp_path: Path) -> Iterator[Callable[..., PoliteClient]]:
    """Give what makes clients of the server, with changes to their manner or arguments."""
    clients: list[PoliteClient] = []

    def make(manner: Manner = MANNER, **more: object) -> PoliteClient:
        known = {"version": "1.2", "locks": tmp_path / "locks", "time": time, "chance": _half}
        clients.append(PoliteClient(manner, **(known | {"trusted": [server.url]} | more)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(made) -> PoliteClient:
    """Give a client of the server."""
    return made()


def _half() -> float:
    return 0.5


@contextmanager
def _patiently(tmp_path: Path, server: Loopback, **manner: object) -> Iterator[PoliteClient]:
    """Give a client that goes by the real time."""
    kind = MANNER._replace(**({"gap_s": 0.05, "tries": 1} | manner))
    with PoliteClient(kind, version="1", locks=tmp_path, trusted=[server.url]) as made:
        yield made


# ---------------------------------------------------------------------------- asking


def test_an_answer_is_told_whole(client, server, time):
    """Status, headers in small letters, body and time come back; the host learns who asks."""
    server.route("/a", Reply(b"<feed/>", headers={"ETag": '"e"', "Last-Modified": "then"}))

    answer = client.get(f"{server.url}/a?x=1", params={"q": "cs:cs:LG a&b", "n": 2}, form="xml")

    assert (answer.status, answer.body, answer.seen) == (200, b"<feed/>", time.now())
    assert (answer.etag, answer.modified, answer.is_unchanged) == ('"e"', "then", False)
    assert server.log[0].query == {"x": "1", "q": "cs:cs:LG a&b", "n": "2"}
    assert server.log[0].headers["user-agent"] == "Broadsheet/1.2"
    assert server.log[0].headers["accept-encoding"] == "gzip"


def test_the_contact_is_told(made, server):
    """With an address to write to, the host is told it."""
    server.route("/a", FAIR)
    made(contact="me@example.org", headers={"X-Api-Key": "k"}).get(f"{server.url}/a")

    assert server.log[0].headers["user-agent"] == "Broadsheet/1.2 (+mailto:me@example.org)"
    assert server.log[0].headers["x-api-key"] == "k"


def test_json_is_posted(client, server):
    """A POST sends JSON and takes JSON."""
    server.route("/batch", lambda request: json_reply(request.json()["ids"][::-1]))

    answer = client.post(f"{server.url}/batch", json={"ids": [1, 2]}, params={"fields": "title"})

    assert json.loads(answer.body) == [2, 1]
    assert server.log[0].method == "POST"
    assert server.log[0].headers["content-type"] == "application/json"


def test_what_is_unchanged_is_not_sent_again(client, server):
    """With what was told the last time, a request is conditional, and 304 has no body."""
    server.route("/a", conditional(FAIR, etag='"1"', modified=http_date(datetime.now(UTC))))
    first = client.get(f"{server.url}/a")

    second = client.get(f"{server.url}/a", form="xml", etag=first.etag)
    third = client.get(f"{server.url}/a", form="xml", modified=first.modified)

    assert not first.is_unchanged
    assert second.is_unchanged
    assert third.is_unchanged
    assert second.body == b""


def test_compressed_answers_are_read(client, server):
    """Compression is undone, whether of known length or in chunks, and of several members."""
    server.route("/a", Reply(b"a" * 100_000, gzip=True))
    server.route("/b", Reply(b"b" * 100_000, gzip=True, is_chunked=True, drip_s=0.001))
    two = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0"
    server.route("/c", Reply(two, headers={"Content-Encoding": "gzip"}))

    assert client.get(f"{server.url}/a").body == b"a" * 100_000
    assert client.get(f"{server.url}/b").body == b"b" * 100_000
    assert client.get(f"{server.url}/c").body == b"one two"


# ---------------------------------------------------------------------------- one at a time


def test_the_gap_is_kept_after_everything(client, server):
    """Answers, failures, repetitions and redirects are all followed by the whole gap."""
    server.route("/a", FAIR)
    server.route("/b", [busy(), Reply(hang_up=True), redirect("/a")])
    client.get(f"{server.url}/a")
    client.get(f"{server.url}/b")
    with pytest.raises(SourceRejected):
        client.get(f"{server.url}/nothing")
    client.get(f"{server.url}/a")

    assert len(server.gaps) == 6 == client.requests - 1
    assert min(server.gaps) >= 3
    assert server.most_at_once == 1
    assert client.waited_s == pytest.approx(sum(server.gaps), abs=0.01)


def test_time_that_passed_counts(client, server, time):
    """Who comes late enough does not wait at all."""
    server.route("/a", FAIR)
    client.get(f"{server.url}/a")
    time.sleep(2)
    client.get(f"{server.url}/a")
    time.sleep(100)
    client.get(f"{server.url}/a")

    assert time.slept == [2, 1, 100]


@pytest.mark.parametrize("seconds", [86400, -86400, 3, -2])
def test_a_changed_clock_does_not_shorten_the_gap(client, server, time, seconds):
    """The gap goes by a clock that nobody can set."""
    server.route("/a", FAIR)
    client.get(f"{server.url}/a")
    time.jump(seconds)
    client.get(f"{server.url}/a")

    assert server.gaps == [3]


@pytest.mark.parametrize("jump", [0, 86400, -86400])
def test_without_a_name_of_the_boot_both_clocks_must_agree(made, server, time, jump):
    """Where nobody can say whether the machine was started anew, the lesser age counts."""
    time.boot = ""
    server.route("/a", FAIR)
    made().get(f"{server.url}/a")
    time.jump(jump)
    made().get(f"{server.url}/a")

    assert server.gaps[0] >= 3


def test_a_restored_machine_waits_once_and_not_for_hours(client, server, time):
    """Where even the monotonic clock went back, the gap begins now."""
    server.route("/a", FAIR)
    client.get(f"{server.url}/a")
    time._elapsed -= 4000
    client.get(f"{server.url}/a")

    assert time.slept == [3]


@pytest.mark.parametrize(
    "said", [b"", b"\0" * 50, b"{}", b"[1]", b'{"at": [1, 2, "a"], "hold_s": NaN}', b"[" * 99999]
)
def test_a_damaged_file_means_the_whole_gap(client, server, time, tmp_path, said):
    """Nothing that stands in the file stops the client, or lets it hurry."""
    server.route("/a", FAIR)
    locks = tmp_path / "locks"
    locks.mkdir()
    (locks / "papers.test.json").write_bytes(said)
    client.get(f"{server.url}/a")

    assert time.slept == [3]
    assert standing_of((locks / "papers.test.json").read_bytes()) is not None


def test_threads_and_clients_of_one_host_take_turns(made, server, time):
    """However many ask at once, the host sees one after the other."""
    server.route("/a", FAIR)
    clients = [made(), made(), made(MANNER._replace(host="PAPERS.test"))]
    asking = [
        threading.Thread(target=client.get, args=(f"{server.url}/a",))
        for client in clients
        for _ in range(3)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()

    assert len(server.log) == 9
    assert server.most_at_once == 1
    assert min(server.gaps) >= 3


def test_hosts_do_not_wait_for_each_other(made, server, time):
    """Another host has a gap of its own."""
    server.route("/a", FAIR)
    made().get(f"{server.url}/a")
    made(MANNER._replace(host="other.test")).get(f"{server.url}/a")

    assert time.slept == []


def test_waiting_for_the_lock_ends(made, server, time, tmp_path):
    """Who cannot have the lock before the deadline says so."""
    server.route("/a", FAIR)
    client = made(deadline=time.monotonic() + 0.2)
    with (
        Turns(tmp_path / "locks", MANNER.host, 3, time).hold(),
        pytest.raises(SourceUnavailable, match="took all the time") as caught,
    ):
        client.get(f"{server.url}/a")

    assert caught.value.source == "papers.test"
    assert server.log == []


def test_a_folder_that_cannot_be_used_is_named(made, server, tmp_path):
    """Without a place for the locks nothing is asked."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceUnavailable, match="file"):
        made(locks=tmp_path / "file").get(f"{server.url}/a")

    assert server.log == []


def test_a_host_with_an_odd_name_has_a_lock(made, server, tmp_path):
    """Names that are no good for files are spelt so that they are."""
    server.route("/a", FAIR)
    made(MANNER._replace(host="../é:80")).get(f"{server.url}/a")

    assert {path.parent for path in tmp_path.rglob("*.lock")} == {tmp_path / "locks"}


# ---------------------------------------------------------------------------- trying again


@pytest.mark.parametrize("told", ["40", lambda now: http_date(now + timedelta(seconds=40))])
@pytest.mark.parametrize("kind", [busy, too_many])
def test_what_a_host_asks_for_is_waited(client, server, time, kind, told):
    """Retry-After is kept, in seconds and as a date, and the answer then comes."""
    told = told if isinstance(told, str) else told(time.now())
    server.route("/a", [kind(told), FAIR])

    assert client.get(f"{server.url}/a").status == 200
    assert server.gaps == [40]


def test_a_date_is_taken_by_the_hosts_clock(client, server, time):
    """A clock that is wrong here does not change how long a host is left alone."""
    there = time.now() - timedelta(days=400)
    headers = {"Date": http_date(there)}
    server.route("/a", [busy(http_date(there + timedelta(seconds=50)), **headers), FAIR])
    client.get(f"{server.url}/a")

    assert server.gaps == [50]


@pytest.mark.parametrize("bad", [busy(), too_many("soon"), Reply(status=500), Reply(hang_up=True)])
def test_back_off_is_doubled(client, server, bad):
    """Without a word of the host, each wait is twice the one before, and the tries end."""
    server.route("/a", bad)
    with pytest.raises(SourceUnavailable) as caught:
        client.get(f"{server.url}/a")

    assert server.gaps == [3, 4, 8]
    assert caught.value.retry_after is None
    assert f"{server.url}/a" in str(caught.value)


def test_back_off_is_spread(made, server):
    """Two machines that failed together do not come back together."""
    server.route("/a", [busy(), FAIR])
    dice = random.Random(7)
    client = made(MANNER._replace(gap_s=0), chance=dice.random)
    client.get(f"{server.url}/a")

    assert server.gaps == [pytest.approx(2 * (0.5 + random.Random(7).random()), abs=1e-5)]


def test_a_storm_ends_within_patience(client, server, time):
    """However often a host asks to wait, one request waits no longer than its patience."""
    server.route("/a", too_many(50))
    with pytest.raises(SourceUnavailable, match="answered 429") as caught:
        client.get(f"{server.url}/a")

    assert server.gaps == [50, 50]
    assert caught.value.retry_after == 50


def test_longer_than_patience_is_said_at_once(client, made, server, time):
    """A host that asks for an hour is believed, now and by every other client."""
    server.route("/a", too_many(3600))
    with pytest.raises(SourceUnavailable) as caught:
        client.get(f"{server.url}/a")
    time.sleep(600)
    with pytest.raises(SourceUnavailable, match="50 minutes") as again:
        made().get(f"{server.url}/a")

    assert (caught.value.retry_after, again.value.retry_after) == (3600, 3000)
    assert len(server.log) == 1


def test_absurd_waits_are_bounded(client, server):
    """No host can send us away for ever."""
    server.route("/a", busy(999999999999))
    with pytest.raises(SourceUnavailable) as caught:
        client.get(f"{server.url}/a")

    assert caught.value.retry_after == 86400


LIMITS = [
    ({"RateLimit": '"api";r=0;t=43'}, 43),
    ({"RateLimit": '"pages";r=7;t=100, "api";r=0;t=43'}, 43),
    ({"RateLimit": "limit=100, remaining=0, reset=43"}, 43),
    ({"RateLimit-Remaining": "0", "RateLimit-Reset": "43"}, 43),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "43"}, 43),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1773729043"}, 43),
    ({"RateLimit": '"api";r=1;t=43'}, None),
    ({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "43"}, None),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-01-01"}, None),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1773728000"}, None),
    ({"Retry-After": "43"}, None),
]


@pytest.mark.parametrize(("headers", "wait_s"), LIMITS)
def test_a_limit_that_is_used_up_is_noticed_before_the_refusal(client, server, headers, wait_s):
    """After an answer that says that nothing is left, the next request waits for the reset."""
    server.route("/a", replace(FAIR, headers={"Date": "Tue, 17 Mar 2026 06:30:00 GMT"} | headers))
    client.get(f"{server.url}/a")
    client.get(f"{server.url}/a")

    assert server.gaps == [wait_s or 3]


@pytest.mark.parametrize(("headers", "wait_s"), LIMITS[:6])
def test_the_limits_of_a_refusal_are_waited(client, server, headers, wait_s):
    """Limits say how long to wait, also where the status is GitHub's 403."""
    told = {"Date": "Tue, 17 Mar 2026 06:30:00 GMT"} | headers
    server.route("/a", [too_many(**told), forbidden(**told), FAIR])
    client.get(f"{server.url}/a")

    assert server.gaps == [wait_s, wait_s]


def test_a_limit_beyond_patience_is_told_before_asking(client, server):
    """Nothing is asked where the reset is too far away."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800"}
    server.route("/a", replace(FAIR, headers=headers))
    client.get(f"{server.url}/a")
    with pytest.raises(SourceUnavailable, match="30 minutes") as caught:
        client.get(f"{server.url}/a")

    assert caught.value.retry_after == 1800
    assert len(server.log) == 1


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"]),
        st.text(max_size=30) | st.from_regex(r'"\w+";r=0;t=\d+|\d+|-?\d+\.\d*|[A-Z]{3}, \d+ \w+'),
    ),
    st.sampled_from([200, 403, 429, 503]),
)
def test_any_header_is_understood_or_ignored(headers, status):
    """Whatever a host says of limits, the wait is none or between nothing and a day."""
    told = told_wait_s(RawAnswer("", status, headers, b""), datetime(2026, 3, 17, tzinfo=UTC))

    assert told is None or 0 < told <= 86400


@pytest.mark.parametrize(
    "bad",
    [
        Reply(b"<feed>" + b"x" * 999, cut_after=50),
        Reply(b"<feed>" + b"x" * 999, cut_after=50, is_chunked=True),
        Reply(random.Random(1).randbytes(999), cut_after=50, gzip=True),
        Reply(gzip.compress(b"<feed>" * 99)[:-9], headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_truncated_answer_is_asked_for_again(client, server, bad):
    """Half an answer is never taken for one, however it came to be half."""
    server.route("/a", [bad, FAIR])
    server.route("/b", bad)

    assert client.get(f"{server.url}/a").body == b"<feed/>"
    with pytest.raises(SourceUnavailable, match="broke off in the middle"):
        client.get(f"{server.url}/b")
    assert len(server.log) == 2 + MANNER.tries


def test_a_damaged_answer_is_asked_for_again(client, server):
    """What is no gzip though it says so counts as damaged on its way."""
    server.route("/a", [Reply(b"plain", headers={"Content-Encoding": "gzip"}), FAIR])

    assert client.get(f"{server.url}/a").body == b"<feed/>"


def test_nobody_there_is_unavailable(tmp_path):
    """A closed port is an error of ours in a sentence, not of the library below."""
    with Loopback() as server:
        pass
    with (
        _patiently(tmp_path, server) as client,
        pytest.raises(SourceUnavailable, match="cannot be reached"),
    ):
        client.get(f"{server.url}/a")


# ---------------------------------------------------------------------------- the deadline


def test_after_the_deadline_nothing_starts(made, server, time):
    """When the time of a run is up, requests fail without one."""
    server.route("/a", FAIR)
    client = made(deadline=time.monotonic() + 4)
    client.get(f"{server.url}/a")
    client.get(f"{server.url}/a")
    with pytest.raises(SourceUnavailable, match="the time of this run is up"):
        client.get(f"{server.url}/a")

    assert len(server.log) == 2
    assert time.slept == [3]


def test_a_wait_beyond_the_deadline_is_not_begun(made, server, time):
    """What would be over too late is told at once, with when to come back."""
    server.route("/a", busy(100))
    client = made(deadline=time.monotonic() + 50)
    with pytest.raises(SourceUnavailable) as caught:
        client.get(f"{server.url}/a")

    assert caught.value.retry_after == 100
    assert time.slept == []


# ---------------------------------------------------------------------------- leaving alone


def test_forbidden_means_stop(client, made, server, time):
    """After 403 nothing is asked for an hour, by no client, also not after a new start."""
    server.route("/a", [forbidden(), FAIR])
    with pytest.raises(SourceRejected) as caught:
        client.get(f"{server.url}/a")
    time.sleep(600)
    with pytest.raises(SourceUnavailable, match="left alone for 50 minutes: it answered 403") as e:
        made().get(f"{server.url}/a")
    time.sleep(3000)

    assert caught.value.status == 403
    assert e.value.retry_after == 3000
    assert made().get(f"{server.url}/a").status == 200
    assert made().get(f"{server.url}/a").status == 200


@pytest.mark.parametrize(
    "reply",
    [
        forbidden(**{"X-RateLimit-Remaining": "4000"}),
        not_found(),
        not_acceptable(),
        Reply(status=401),
        Reply(status=400),
        Reply(status=410),
    ],
)
def test_refusals_of_one_thing_do_not_close_the_host(client, server, reply):
    """What is refused is refused once, and the next request is asked."""
    server.route("/a", reply)
    server.route("/b", FAIR)
    for _ in range(4):
        with pytest.raises(SourceRejected) as caught:
            client.get(f"{server.url}/a")

    assert caught.value.status == reply.status
    assert len(server.log) == 4
    assert client.get(f"{server.url}/b").status == 200


def test_three_failures_close_a_host_and_success_opens_it(made, server, time):
    """A host that is down is left alone for longer and longer, until it answers."""
    server.route("/a", Reply(status=502))
    server.route("/b", FAIR)
    once = MANNER._replace(tries=1)

    def waits() -> float | None:
        with pytest.raises(SourceUnavailable) as caught:
            made(once).get(f"{server.url}/a")
        return caught.value.retry_after

    told = [waits() for _ in range(3)]
    asked = len(server.log)
    assert told == [None, None, 300]
    assert waits() == 300
    assert len(server.log) == asked

    for seconds in (300, 600, 1200, 2400, 4800, 9600, 19200, 21600):
        time.sleep(seconds)
        waited = waits()
    assert waited == 21600

    time.sleep(21600)
    made(once).get(f"{server.url}/b")
    assert waits() is None


def test_a_storm_closes_the_host_at_last(made, server):
    """A host that always says to come back soon, and never answers, is left alone too."""
    server.route("/a", too_many(5))
    client = made()
    for _ in range(3):
        with pytest.raises(SourceUnavailable) as caught:
            client.get(f"{server.url}/a")

    assert caught.value.retry_after == 300
    with pytest.raises(SourceUnavailable, match=r"3 requests in a row failed, at last: .* 429"):
        client.get(f"{server.url}/a")
    assert len(server.log) == 12


# ---------------------------------------------------------------------------- limits


def test_a_dripping_answer_ends(tmp_path):
    """Bytes that come one by one do not keep a request alive."""
    with Loopback() as server:
        server.route("/body", Reply(b"x" * 1000, drip_s=0.05))
        server.route("/head", Reply(b"x" * 1000, drip_s=0.05, drip_headers=True))
        with _patiently(tmp_path, server, timeout_s=0.15) as client:
            for path in ("/body", "/head"):
                with pytest.raises(SourceUnavailable, match=r"took longer than 0\.6 seconds"):
                    client.get(server.url + path)


def test_a_slow_answer_is_given_up(tmp_path):
    """A host that says nothing is not waited for longer than the limit."""
    with Loopback() as server:
        server.route("/a", Reply(delay_s=60))
        with (
            _patiently(tmp_path, server, timeout_s=0.1) as client,
            pytest.raises(SourceUnavailable, match="did not answer in time"),
        ):
            client.get(f"{server.url}/a")


@pytest.mark.parametrize(
    "big", [Reply(b"x" * 2_000_000), Reply(b"x" * 2_000_000, is_chunked=True), bomb(2)]
)
def test_too_much_is_refused(made, server, big):
    """An answer beyond the limit is an error, whether it is long or becomes long."""
    server.route("/a", big)
    with pytest.raises(SourceError, match="more than 1 MB"):
        made(MANNER._replace(max_bytes=1_000_000)).get(f"{server.url}/a")

    assert len(server.log) == 1


def test_a_bomb_takes_no_memory(made, server):
    """A little that becomes a hundred megabytes is stopped at the limit."""
    server.route("/a", bomb(100))
    client = made(MANNER._replace(max_bytes=2_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="more than 2 MB"):
            client.get(f"{server.url}/a")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 16_000_000


def test_an_encoding_not_asked_for_is_refused(client, server):
    """What cannot be undone is not taken for text."""
    server.route("/a", Reply(b"??", headers={"Content-Encoding": "br"}))
    with pytest.raises(SourceError, match="'br'"):
        client.get(f"{server.url}/a")


# ---------------------------------------------------------------------------- where it goes


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(client, server, status):
    """The answer says where it came from in the end."""
    server.route("/a", redirect("/b?x=1", status))
    server.route("/b", FAIR)

    assert client.get(f"{server.url}/a").url == f"{server.url}/b?x=1"


def test_a_posted_redirect_becomes_a_get_where_http_says_so(client, server):
    """307 repeats the POST, 303 asks for another page."""
    server.route("/a", redirect("/c", 303))
    server.route("/b", redirect("/c", 307))
    server.route("/c", lambda request: json_reply([request.method, len(request.body)]))

    assert json.loads(client.post(f"{server.url}/a", json=[1]).body) == ["GET", 0]
    assert json.loads(client.post(f"{server.url}/b", json=[1]).body) == ["POST", 3]


def test_redirects_end(client, server):
    """A circle is left after five steps."""
    server.route("/a", redirect("/a"))
    with pytest.raises(SourceError, match="more than 5 times"):
        client.get(f"{server.url}/a")

    assert len(server.log) == 6
    assert min(server.gaps) >= 3


def test_a_redirect_to_a_private_address_is_refused(client, server):
    """Nothing on this machine or network is asked because a host said so."""
    with Loopback() as other:
        server.route("/a", redirect(f"{other.url}/secret"))
        with pytest.raises(SourceError, match="not on the public internet"):
            client.get(f"{server.url}/a")

        assert other.log == []


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.1.2.3/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0/",
        "http://localhost:1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://a:b/",
        "http://[/",
    ],
)
def test_no_other_way_in_is_open(client, server, where):
    """However a private address is spelt, it is refused; so is all that is not http."""
    server.route("/a", redirect(where))
    with pytest.raises(SourceError) as caught:
        client.get(f"{server.url}/a")

    assert not isinstance(caught.value, SourceUnavailable)
    assert len(server.log) == 1


def test_an_address_that_is_not_trusted_must_be_public(made, server):
    """Also the first address is looked at."""
    with pytest.raises(SourceError, match="not on the public internet"):
        made(trusted=()).get(f"{server.url}/a")

    assert server.log == []


def test_a_name_that_changes_its_mind_is_caught(made, server, monkeypatch):
    """What resolves to a public address and leads to a private one is sent nothing."""
    monkeypatch.setattr(exchange, "_resolved", lambda _: [ipaddress.ip_address("8.8.8.8")])
    with pytest.raises(SourceError, match=r"led to 127\.0\.0\.1"):
        made(trusted=()).get(f"http://localhost:{server.port}/a")

    assert server.log == []


def test_a_name_that_does_not_resolve_may_pass(made, monkeypatch):
    """Without a network the source is away, and no fault of ours."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(exchange.socket, "getaddrinfo", fail)
    with pytest.raises(SourceUnavailable, match="does not resolve"):
        made().get("http://papers.example/a")


def test_keys_do_not_go_to_another_host(made, server):
    """What is nobody's business stays with the host that was asked."""
    keys = {"Authorization": "Bearer abcdef", "X-Api-Key": "k" * 8, "Cookie": "c=1"}
    with Loopback() as other:
        other.route("/b", FAIR)
        server.route("/a", redirect(f"{other.url}/b"))
        server.route("/same", redirect("/b"))
        server.route("/b", FAIR)
        client = made(trusted=[server.url, f"127.0.0.1:{other.port}"], headers={"X-Plain": "1"})
        client.get(f"{server.url}/a", headers=keys | {"Zotero-Api-Key": "z" * 8})
        client.get(f"{server.url}/same", headers=keys)

        assert not {"authorization", "x-api-key", "cookie", "zotero-api-key"} & set(
            other.log[0].headers
        )
        assert other.log[0].headers["x-plain"] == "1"
        assert server.log[-1].headers["authorization"] == "Bearer abcdef"


def test_https_is_not_left(client):
    """No redirect leads from what is encrypted to what is not."""
    asked = client._asked("GET", "https://papers.example/a", {"x-api-key": "secret"})
    with pytest.raises(SourceError, match="away from https"):
        client._redirect(asked, 302, "http://papers.example/a")

    client._redirect(asked, 302, "//papers.example/b")
    assert (asked.url, "x-api-key" in asked.headers) == ("https://papers.example/b", True)
    client._redirect(asked, 302, "https://elsewhere.example/b")
    assert "x-api-key" not in asked.headers


def test_a_proxy_of_the_environment_is_used(made, server, monkeypatch):
    """Where a proxy is set, it is asked, and it alone resolves names."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.route("/a", FAIR)
    client = made()

    assert client.get("http://papers.example/a").body == b"<feed/>"
    assert server.log[0].target == "http://papers.example/a"
    with pytest.raises(SourceError, match="not on the public internet"):
        client.get("http://10.0.0.1/a")


# ---------------------------------------------------------------------------- what came back


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><html><head><title>Down for\n maintenance</title>",
        "\ufeff \n<!-- a --><!-- b --><HTML><title>Down for maintenance</title>",
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C"><title>Down for maintenance</title>',
    ],
)
def test_a_page_is_not_taken_for_an_answer(client, server, form, page):
    """A page instead of what was asked for is told with its title, whatever type it claims."""
    server.route("/a", Reply(page.encode(), content_type="application/atom+xml"))
    with pytest.raises(SourceError) as caught:
        client.get(f"{server.url}/a", form=form)

    says = f"answered with an HTML page (“Down for maintenance”) instead of {form.upper()}"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("body", "form", "says"),
    [
        (b"", "xml", "nothing at all instead of XML"),
        (b" \n", "json", "nothing at all instead of JSON"),
        (b"", "html", "nothing at all instead of HTML"),
        (b'{"a": 1}', "xml", "not XML"),
        (b"<feed/>", "json", "not JSON: '<feed/>'"),
        (b"Rate exceeded.", "xml", "not XML: Rate exceeded."),
        (b"\xff\xfeR", "json", "not JSON"),
    ],
)
def test_other_forms_are_refused(client, server, body, form, says):
    """What cannot be of the wanted form is said, in the host's words."""
    server.route("/a", html(body))
    with pytest.raises(SourceError) as caught:
        client.get(f"{server.url}/a", form=form)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"\xef\xbb\xbf <?xml version='1.0'?><feed/>", "xml"),
        ("<feed/>".encode("utf-16"), "xml"),
        (b"<html-like/>", "xml"),
        (b" [1]", "json"),
        (b"null", "json"),
        (b"<html>", "html"),
        (b"", "any"),
    ],
)
def test_what_may_be_of_the_form_is_passed_on(client, server, body, form):
    """The type a host claims does not matter, and parsers judge the rest."""
    server.route("/a", Reply(body, content_type="text/html"))

    assert client.get(f"{server.url}/a", form=form).body == body


@given(st.binary(max_size=400), st.sampled_from(["xml", "json", "html", "any"]))
def test_any_body_is_judged(body, form):
    """Whatever comes back, the judgement is a short text."""
    assert len(polite.misfit(body, form)) < 250
    assert len(polite.first_words(body)) <= 200
    assert polite.first_words(body).isprintable()


def test_what_a_host_says_of_its_refusal_is_told(client, server):
    """The first words are told, without tags and scripts."""
    page = "<style>p {}</style><script>x()</script><p>No <b>such</b> paper &amp; more" + " on" * 300
    server.route("/a", html(page, 404))
    server.route("/b", not_acceptable())
    with pytest.raises(SourceRejected) as caught:
        client.get(f"{server.url}/a")
    with pytest.raises(SourceRejected, match="Not Acceptable No, thanks") as b:
        client.get(f"{server.url}/b", form="xml")

    assert "refused with 404: No such paper & more on on" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "refused with 406: " in str(b.value)
    assert b.value.status == 406
    assert len(server.log) == 2


KEY = "sk-5ecret/value+1"


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 406, 429, 500])
def test_keys_are_never_shown(made, server, status, tmp_path):
    """No error and no file holds a key, even if the host repeats it."""

    def repeat(request: Request) -> Reply:
        return html(f"bad key {request.query['api_key']} {request.headers['x-api-key']}", status)

    server.route("/a", repeat)
    client = made(MANNER._replace(tries=1), headers={"X-Api-Key": KEY})
    for _ in range(4):
        with pytest.raises(SourceError) as caught:
            client.get(
                f"{server.url}/a",
                params={"api_key": KEY, "mailto": "me@example.org", "q": "a"},
                headers={"Authorization": f"Bearer {KEY}"},
                form="json",
            )
        told = f"{caught.value!r} {caught.value.__cause__!r}"
        assert "5ecret" not in told
        assert "me@example.org" not in told
    assert "5ecret" not in "".join(p.read_text() for p in (tmp_path / "locks").iterdir())


def test_malformed_requests_tell_no_key(client, server):
    """A key with a line break in it is refused before it is sent, and not shown."""
    for key in ("5ecret\nX: y", "5ecret☃"):
        with pytest.raises(SourceError) as caught:
            client.get(f"{server.url}/a", headers={"authorization": key})
        assert "5ecret" not in f"{caught.value!r} {caught.value.__cause__!r}"

    with pytest.raises(SourceError):
        client.get("nonsense")
    assert server.log == []
