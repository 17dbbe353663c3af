"""The polite client against a real server: what it asks, and that it asks one at a time."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime

import pytest

from broadsheet.errors import SourceRejected, SourceUnavailable
from broadsheet.sources.turns import Turns, standing_of
from loopback import Reply, busy, conditional, http_date, json_reply, redirect
from sources.asking import FAIR, MANNER

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
