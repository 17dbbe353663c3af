"""The polite client and hosts in trouble: what it tries again, waits for and leaves alone."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import SourceRejected, SourceUnavailable
from broadsheet.sources.exchange import RawAnswer
from broadsheet.sources.polite import told_wait_s
from loopback import Reply, busy, forbidden, http_date, nobody, not_acceptable, not_found, too_many
from sources.asking import FAIR, MANNER

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


def test_nobody_there_is_unavailable(made):
    """A closed port is an error of ours in a sentence, not of the library below."""
    with nobody() as url, pytest.raises(SourceUnavailable, match="cannot be reached"):
        made(trusted=[url]).get(f"{url}/a")


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
