"""The sender: each digest once, whatever the server does, and the ledger knows."""

from __future__ import annotations

import logging
import random
import resource
import shutil
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.delivery.mail import Answer, Server, Smtp
from broadsheet.delivery.pace import Limits, Pace
from broadsheet.delivery.sending import BROKEN, PER_LINE, TURN, Sent, becomes
from broadsheet.errors import (
    ConfigError,
    DigestNotFound,
    HookError,
    MailError,
    RefusedError,
    StoreError,
)
from delivery.ledgers import LIFE, NOW, SENDER, Ledger, iso, message_id
from delivery.misbehaving_smtp import HANG_UP, RESET, Instead, misbehaving
from processes import IS_LONG

ADA, BOB, EVE = "ada@a.example", "bob@b.example", "eve@b.example"


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return the file of an empty record: making one takes a while."""
    folder = tmp_path_factory.mktemp("empty")
    Ledger(folder).database.close()
    return folder / "broadsheet.db"


@pytest.fixture
def ledger(tmp_path, empty):
    """Give an empty ledger."""
    shutil.copy(empty, tmp_path)
    opened = Ledger(tmp_path)
    yield opened
    opened.database.close()


def smtp(server, **more: Any):
    """Return what sends to a server here; it is not waited for long."""
    given = {"timeout": 5.0, "last_timeout": 5.0}
    return Smtp(Server("127.0.0.1", server.port, "", "none"), SENDER, **(given | more))


# ---------------------------------------------------------------------------- all is well


def test_what_is_ready_is_sent_once(ledger):
    """With its own sender, to its own recipient, and byte by byte as it was made."""
    numbers = ledger.add(ADA, BOB, EVE)
    with misbehaving() as server:
        sender = ledger.sender(smtp(server))
        first, second = ledger.send(sender), ledger.send(sender)

    assert (first, second) == (Sent(sent=3), Sent())
    assert ledger.states(numbers) == ["sent"] * 3
    found = {taken.message_id: taken for taken in server.taken}
    for number, address in zip(numbers, (ADA, BOB, EVE), strict=True):
        taken = found[message_id(number)]
        assert (taken.sender, taken.recipient) == (f"bounce+{number}@example.org", address)
        assert taken.data == ledger.outgoing(number).data
        row = ledger.row(number)
        assert (row.sent, row.claimed, row.tries) == (iso(NOW), iso(NOW), 1)
        (attempt,) = ledger.attempts(number)
        assert (attempt.outcome, attempt.code) == ("sent", 250)


def test_connections_are_kept_and_end_in_time(ledger):
    """One serves a hundred messages at most, and is left with a word."""
    ledger.add(*(f"a{n}@a.example" for n in range(PER_LINE + 5)))
    with misbehaving() as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        assert ledger.send(sender) == Sent(sent=PER_LINE + 5)

    assert Counter(taken.connection for taken in server.taken) == {1: PER_LINE, 2: 5}
    assert server.of("QUIT") == 2


def test_several_connections_share_the_work(ledger):
    """As many as are allowed, and never more to one domain."""
    ledger.add(*(f"a{n}@a.example" for n in range(20)), *(f"b{n}@b.example" for n in range(20)))
    now, most, lock = Counter(), Counter(), threading.Lock()

    def watch(moment):
        domain = moment.recipient.partition("@")[2]
        with lock:
            now[domain] += {"RCPT": 1, "taken": -1}.get(moment.step, 0)
            most[domain] = max(most[domain], now[domain])
            most["all"] = max(most["all"], now["a.example"] + now["b.example"])
        return 0.002 if moment.step == "DATA" else None

    with misbehaving(watch) as server:
        limits = Limits(connections=3, domain_connections=2)
        assert ledger.send(ledger.sender(smtp(server), pace=Pace(limits))).sent == 40
    assert max(most["a.example"], most["b.example"]) <= 2
    assert most["all"] <= 3
    assert len({taken.connection for taken in server.taken}) <= 3


def test_no_more_a_minute_than_is_allowed(ledger):
    """The rest waits for the next turn, of one domain as of all."""
    numbers = ledger.add(*(f"a{n}@a.example" for n in range(5)), BOB, EVE)
    limits = Limits(per_minute=4, domain_per_minute=3)
    with misbehaving() as server:
        sender = ledger.sender(smtp(server), pace=Pace(limits))
        assert ledger.send(sender) == Sent(sent=4, waiting=3)
        assert ledger.send(sender) == Sent(waiting=3)
        ledger.now += timedelta(minutes=1)
        assert ledger.send(sender) == Sent(sent=3)
    assert ledger.states(numbers) == ["sent"] * 7


def test_a_turn_ends_in_time(ledger):
    """So that what falls due meanwhile is composed; the rest goes with the next."""
    ledger.add(*(f"a{n}@a.example" for n in range(5)))

    def pass_time(moment):
        if moment.step == "said":
            ledger.now += TURN / 2

    with misbehaving(pass_time) as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        first = ledger.send(sender)
        assert ledger.send(sender).sent + first.sent == 5 - ledger.send(sender).sent
    assert 1 < first.sent < 5
    assert first.waiting == 5 - first.sent


def test_what_waits_first_goes_first(ledger):
    """And what is not due yet waits."""
    later, first, not_yet = (
        ledger.add(f"{n}@a.example", next_try=iso(NOW + timedelta(minutes=n)))[0]
        for n in (-1, -2, 1)
    )
    with misbehaving() as server:
        ledger.send(ledger.sender(smtp(server), pace=Pace(Limits(connections=1))))

    assert [t.message_id for t in server.taken] == [message_id(first), message_id(later)]
    assert ledger.row(not_yet).state == "ready"


# ---------------------------------------------------------------------------- what is not sent


def test_whoever_was_forgotten_meanwhile_is_passed_over(ledger, caplog):
    """Without a word of a fault: they had everything deleted while their digest was made."""
    gone, other = ledger.add("a@a.example", "b@b.example")

    def outgoing(number):
        if number == gone:
            raise DigestNotFound(str(number))
        return ledger.outgoing(number)

    with misbehaving() as server:
        sent = ledger.send(ledger.sender(smtp(server), outgoing=outgoing))

    assert sent == Sent(sent=1, stopped=1)
    assert [t.message_id for t in server.taken] == [message_id(other)]
    assert not caplog.records


def test_stale_and_unwanted_digests_are_never_sent(ledger):
    """Neither too late, nor to whom has left, paused, not confirmed, or cannot be reached.

    Letters about a subscription go to all who have not left.
    """
    stale, gone, paused, asked, known, early, suppressed, left, due = (
        ledger.add(f"a{n}@a.example", **columns)[0]
        for n, columns in enumerate((
            {"ends": iso(NOW)},
            {"subscription": "ended"},
            {"subscription": "paused"},
            {"subscription": "pending", "issue": "confirm-1"},
            {"issue": "confirm-1"},
            {"subscription": "pending"},
            {},
            {"subscription": "ended", "issue": "confirm-1"},
            {},
        ))
    )  # fmt: skip
    with misbehaving() as server:
        sender = ledger.sender(smtp(server), is_suppressed=lambda a, _: a == "a6@a.example")
        assert ledger.send(sender) == Sent(sent=3, expired=1, stopped=5)

    assert {t.message_id for t in server.taken} == {message_id(n) for n in (asked, known, due)}
    assert ledger.row(stale).state == "expired"
    assert ledger.states((gone, paused, early, suppressed, left)) == ["stopped"] * 5
    (attempt,) = ledger.attempts(suppressed)
    assert (attempt.outcome, "suppressed" in attempt.words) == ("stopped", True)


def test_who_leaves_in_the_meantime_gets_nothing(ledger):
    """The claim looks once more."""
    first, second = ledger.add(ADA, BOB)

    def leave(moment):
        if moment.step == "DATA":
            with ledger.database.write() as connection:
                connection.exec_driver_sql("UPDATE subscriptions SET state = 'ended'")

    with misbehaving(leave) as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        assert ledger.send(sender).sent == 1
        assert ledger.send(sender).stopped == 1
    assert ledger.states((first, second)) == ["sent", "stopped"]


def test_what_cannot_be_made_is_refused_with_words(ledger, caplog):
    """A fault in one digest stops no other; its place is logged, without the address."""
    bad, good = ledger.add(ADA, BOB)

    def outgoing(number):
        if number == bad:
            raise ValueError(f"no such template for {ADA}")
        return ledger.outgoing(number)

    with misbehaving() as server:
        sent = ledger.send(ledger.sender(smtp(server), outgoing=outgoing))
    assert sent == Sent(sent=1, refused=1)
    assert ledger.states((bad, good)) == ["refused", "sent"]
    assert ledger.attempts(bad)[0].words.endswith("no such template for the address")
    assert "line " in caplog.text
    assert ADA not in caplog.text


def test_a_setting_that_is_wrong_refuses_nothing(ledger):
    """All wait until it is put right, and the turn says what is wrong."""
    numbers = ledger.add(ADA, BOB, EVE)

    def outgoing(number):
        raise ConfigError("dkim_key = 'x' cannot be read")

    with misbehaving() as server:
        sent = ledger.send(ledger.sender(smtp(server), outgoing=outgoing))
        assert sent == Sent(waiting=3, trouble="dkim_key = 'x' cannot be read")
        assert ledger.send(ledger.sender(smtp(server))) == Sent(sent=3)
    assert all(len(ledger.attempts(number)) == 1 for number in numbers)


def test_without_a_way_to_go_digests_wait(ledger):
    """Nothing is lost while nothing is set."""
    (number,) = ledger.add(ADA)
    assert ledger.send(ledger.sender(None)) == Sent()
    assert ledger.row(number).state == "ready"


def test_a_turn_ends_when_it_is_told_to(ledger):
    """What is being handed over is, and marked."""
    numbers = ledger.add(*(f"a{n}@a.example" for n in range(5)))
    with misbehaving() as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        sent = sender.send(NOW, stop=lambda: len(server.taken) >= 2)

    assert sent == Sent(sent=2, waiting=3)
    assert Counter(ledger.states(numbers)) == {"sent": 2, "ready": 3}


# ---------------------------------------------------------------------------- misbehaving servers

SILENCE = 1.5
LATER = {
    "421 at MAIL": {"MAIL": "421 4.4.2 too long"},
    "451 greylisted": {"RCPT": "451 4.7.1 <ada@a.example> greylisted"},
    "450 in several lines": {"RCPT": "450-4.2.0 come\r\n450-4.2.0 again\r\n450 4.2.0 later"},
    "452 full": {"MAIL": "452 4.3.1 full"},
    "550 at MAIL": {"MAIL": "550 5.7.1 not you"},
    "530 at RCPT": {"RCPT": "530 5.7.0 authentication required"},
    "421 at RCPT": {"RCPT": "421 4.7.0 slow down"},
    "421 at DATA": {"DATA": "421 4.3.2 closing"},
    "451 after DATA": {"dot": "451 4.3.0 not now"},
    "421 after DATA": {"dot": "421 4.3.0 closing"},
    "disconnect at MAIL": {"MAIL": HANG_UP},
    "disconnect before DATA": {"DATA": HANG_UP},
    "reset before DATA": {"DATA": RESET},
    "nonsense at DATA": {"DATA": "hello?"},
    "250 at DATA": {"DATA": "250 what data"},
    "silence at RCPT": {"RCPT": SILENCE},
}


@pytest.mark.parametrize("steps", LATER.values(), ids=LATER)
def test_what_may_work_later_is_tried_again(ledger, steps):
    """With a wait, without the address in the ledger, and then it is sent: once."""
    (number,) = ledger.add(ADA)
    with misbehaving(Instead(**steps)) as server:
        timeout = 1 if SILENCE in steps.values() else 5
        assert ledger.send(ledger.sender(smtp(server, timeout=timeout))) == Sent(later=1)
        sender = ledger.sender(smtp(server))
        row = ledger.row(number)
        assert row.state == "ready"
        assert iso(NOW + timedelta(seconds=40)) < row.next_try < iso(NOW + timedelta(seconds=80))
        assert ledger.send(sender) == Sent()
        ledger.now += timedelta(minutes=2)
        assert ledger.send(sender) == Sent(sent=1)

    assert [t.message_id for t in server.taken] == [message_id(number)]
    first, second = ledger.attempts(number)
    assert (first.outcome, second.outcome) == ("later", "sent")
    assert ADA not in first.words
    assert ledger.row(number).tries == 2


REFUSED = {
    "552 at MAIL": ({"MAIL": "552 5.3.4 too big"}, 552),
    "550 at RCPT": ({"RCPT": "550 5.1.1 <ADA@a.example>: no such user"}, 550),
    "554 at DATA": ({"DATA": "554 5.5.1 no"}, 554),
    "554 after DATA": ({"dot": "554-5.7.1 spam\r\n554 5.7.1 go away"}, 554),
}


@pytest.mark.parametrize(("steps", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_not_tried_again(ledger, steps, code):
    """It is noted, told, and the others go on over the same connection."""
    refused, other = ledger.add(ADA, BOB)
    told = []
    with misbehaving(Instead(**steps)) as server:
        sender = ledger.sender(
            smtp(server),
            pace=Pace(Limits(connections=1)),
            note_refused=lambda *words: told.append(words),
        )
        assert ledger.send(sender) == Sent(sent=1, refused=1)
        ledger.now += LIFE / 2
        assert ledger.send(sender) == Sent()

    assert ledger.states((refused, other)) == ["refused", "sent"]
    (attempt,) = ledger.attempts(refused)
    assert (attempt.outcome, attempt.code) == ("refused", code)
    assert "ada@" not in attempt.words.lower()
    assert told == [(refused, code, attempt.words)]
    assert {taken.connection for taken in server.taken} == {1}


UNKNOWN = {
    "hung up after the dot, not taken": ({"dot": HANG_UP}, 0),
    "reset after the dot, not taken": ({"dot": RESET}, 0),
    "hung up before 250, but taken": ({"taken": HANG_UP}, 1),
    "reset before 250, but taken": ({"taken": RESET}, 1),
    "silence after the dot": ({"taken": SILENCE}, 1),
    "nonsense after the dot": ({"taken": "well..."}, 1),
    "354 after the dot": ({"taken": "354 more?"}, 1),
}


@pytest.mark.parametrize(("steps", "taken"), UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("policy", ["keep", "resend"])
def test_what_nobody_knows_is_kept_so_or_sent_again(ledger, steps, taken, policy):
    """As the setting says; in both cases the ledger has it."""
    (number,) = ledger.add(ADA)
    with misbehaving(Instead(**steps)) as server:
        timeout = 1 if SILENCE in steps.values() else 5
        first = ledger.send(ledger.sender(smtp(server, last_timeout=timeout), unknown=policy))
        ledger.now += timedelta(minutes=2)
        second = ledger.send(ledger.sender(smtp(server), unknown=policy))

    outcomes = [attempt.outcome for attempt in ledger.attempts(number)]
    if policy == "keep":
        assert (first, second) == (Sent(unknown=1), Sent())
        assert (len(server.taken), ledger.row(number).state) == (taken, "unknown")
        assert outcomes == ["unknown"]
    else:
        assert (first, second) == (Sent(later=1), Sent(sent=1))
        assert (len(server.taken), ledger.row(number).state) == (taken + 1, "sent")
        assert len({t.message_id for t in server.taken}) == 1
        assert outcomes == ["unknown", "sent"]


def test_a_message_that_broke_in_the_middle_is_surely_not_delivered(ledger):
    """One that is too large to be on its way whole is tried again under any policy."""
    ledger.add(ADA)

    def outgoing(number):
        return ledger.outgoing(number)._replace(data=b"Subject: long\r\n\r\n" + b"x" * (1 << 23))

    with misbehaving(Instead(payload=RESET)) as server:
        sender = ledger.sender(smtp(server), outgoing=outgoing)
        assert ledger.send(sender) == Sent(later=1)
        assert server.taken == []
        ledger.now += timedelta(minutes=2)
        assert ledger.send(sender) == Sent(sent=1)


@pytest.mark.parametrize("how", [HANG_UP, RESET, "421 enough", "552 too much"])
def test_a_short_message_that_broke_in_the_middle_is_never_called_sent(ledger, how):
    """Its final dot may have been on the way: what is not sure is unknown."""
    (number,) = ledger.add(ADA)
    with misbehaving(Instead(payload=how)) as server:
        ledger.send(ledger.sender(smtp(server)))

    is_taken = bool(server.taken)
    assert (ledger.row(number).state == "sent") <= is_taken
    assert not is_taken or how == "552 too much"


def test_a_connection_that_breaks_after_250_loses_nothing(ledger):
    """What was taken was; the next goes over another."""
    numbers = ledger.add(*(f"a{n}@a.example" for n in range(4)))
    with misbehaving(Instead(said=[HANG_UP] * 4)) as server:
        sent = ledger.send(ledger.sender(smtp(server), pace=Pace(Limits(connections=1))))

    assert sent == Sent(sent=4)
    assert [t.message_id for t in server.taken] == [message_id(n) for n in numbers]
    assert all(len(ledger.attempts(number)) == 1 for number in numbers)


def test_a_reset_right_after_250_is_sent_or_unknown(ledger):
    """The answer may be lost on its way: then nobody says that it was sent, and nobody repeats."""
    (number,) = ledger.add(ADA)
    with misbehaving(Instead(said=RESET)) as server:
        sender = ledger.sender(smtp(server))
        ledger.send(sender)
        ledger.send(sender)

    assert len(server.taken) == 1
    assert ledger.row(number).state in {"sent", "unknown"}


def test_a_slow_server_is_waited_for(ledger):
    """As long as it answers in time."""
    ledger.add(ADA)
    with misbehaving(Instead(greeting=0.1, MAIL=0.1, DATA=0.1, taken=0.1)) as server:
        assert ledger.send(ledger.sender(smtp(server))) == Sent(sent=1)


# ---------------------------------------------------------------------------- servers that are away


@pytest.mark.parametrize(
    "greeting", ["421 4.3.2 too busy", "554 not you", HANG_UP, "hello", SILENCE]
)
def test_a_server_that_does_not_begin_costs_no_digest_a_try(ledger, greeting):
    """All wait, the turn says why, and the server is left alone for a while."""
    numbers = ledger.add(ADA, BOB, EVE)
    with misbehaving(Instead(greeting=[greeting] * 9)) as server:
        sender = ledger.sender(smtp(server, timeout=1 if greeting == SILENCE else 5))
        sent = ledger.send(sender)
        tried = server.of("greeting")
        again = ledger.send(sender)

        assert sent == again == Sent(waiting=3, trouble=sent.trouble)
        assert "127.0.0.1" in sent.trouble
        assert tried == server.of("greeting")
    assert ledger.states(numbers) == ["ready"] * 3
    assert all(ledger.attempts(number) == [] for number in numbers)


def test_a_server_that_is_back_is_asked_again(ledger):
    """After a minute, and then all is forgotten."""
    ledger.add(ADA)
    with misbehaving(Instead(greeting="421 busy")) as server:
        sender = ledger.sender(smtp(server))
        assert ledger.send(sender).waiting == 1
        ledger.now += timedelta(minutes=2)
        assert ledger.send(sender) == Sent(sent=1)


def test_a_server_that_breaks_off_again_and_again_is_left_alone(ledger):
    """After a few, and the others are not tried."""
    numbers = ledger.add(*(f"a{n}@x{n}.example" for n in range(9)))
    with misbehaving(Instead(RCPT=["421 4.7.0 enough <A@x.example>"] * 9)) as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        sent = ledger.send(sender)

    assert (sent.later, sent.waiting) == (BROKEN, 9 - BROKEN)
    assert sent.trouble.endswith("4.7.0 enough <the address>")
    assert sum(len(ledger.attempts(number)) for number in numbers) == BROKEN


def test_a_server_that_wants_nothing_from_us_refuses_nobody(ledger):
    """Whom it refuses is the sender, which is the same for all: they wait until that is mended."""
    numbers = ledger.add(*(f"a{n}@x{n}.example" for n in range(9)))
    with misbehaving(Instead(MAIL=["530 5.7.0 Authentication required"] * 9)) as server:
        sent = ledger.send(ledger.sender(smtp(server), pace=Pace(Limits(connections=1))))

    assert (sent.later, sent.waiting, sent.refused) == (BROKEN, 9 - BROKEN, 0)
    assert sent.trouble.endswith("5.7.0 Authentication required")
    assert set(ledger.states(numbers)) == {"ready"}


def test_a_clock_that_was_ahead_lets_no_server_rest_for_long(ledger):
    """Once it is right again, what waits is sent."""
    ledger.add(ADA, ends=iso(NOW + timedelta(days=999)))
    with misbehaving(Instead(greeting="421 busy")) as server:
        sender = ledger.sender(smtp(server))
        ledger.now += timedelta(days=365)
        assert ledger.send(sender).waiting == 1
        ledger.now -= timedelta(days=365)
        assert ledger.send(sender) == Sent(sent=1)


def test_a_domain_that_is_busy_is_spared_and_others_are_not(ledger):
    """One 421 for one domain: the rest of it waits, all others go."""
    busy = ledger.add(*(f"a{n}@a.example" for n in range(3)))
    others = ledger.add(*(f"b{n}@b.example" for n in range(3)))

    def plan(moment):
        is_busy = moment.recipient.endswith("@a.example")
        return "421 4.7.0 a.example is busy" if moment.step == "RCPT" and is_busy else None

    with misbehaving(plan) as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        assert ledger.send(sender) == Sent(sent=3, later=1, waiting=2)
    assert ledger.states(busy) == ["ready"] * 3
    assert ledger.states(others) == ["sent"] * 3


def test_nothing_is_tried_beyond_its_life(ledger):
    """Waits grow until the next one would be too long; then it is expired, not sent late."""
    (number,) = ledger.add(ADA)
    with misbehaving(lambda m: "451 later" if m.step == "RCPT" else None) as server:
        sender = ledger.sender(smtp(server))
        while ledger.row(number).state == "ready":
            ledger.send(sender)
            ledger.now += timedelta(minutes=1)

    moments = [attempt.at for attempt in ledger.attempts(number)]
    assert ledger.row(number).state == "expired"
    assert max(moments) < iso(NOW + LIFE)
    assert 10 <= len(moments) <= 18
    assert server.taken == []


@given(
    outcome=st.sampled_from(["sent", "later", "refused", "unknown"]),
    tries=st.integers(1, 20),
    life=st.integers(1, 100_000),
    unknown=st.sampled_from(["keep", "resend"]),
    dice=st.floats(0, 1, exclude_max=True),
    wait=st.none() | st.floats(0, 1e30),
)
def test_what_a_digest_becomes(outcome, tries, life, unknown, dice, wait):
    """Ready only with a moment within its life, and what is over is over."""
    ends = NOW + timedelta(seconds=life)
    answer = Answer(outcome, retry_after=wait)
    state, again = becomes(answer, tries, NOW, ends, unknown, dice)

    assert (state == "ready") == (again is not None)
    assert again is None or NOW < again < ends
    assert again is None or NOW + timedelta(seconds=wait or 0) <= again
    if outcome in {"sent", "refused"} or (outcome, unknown) == ("unknown", "keep"):
        assert state == outcome
    else:
        assert state in {"ready", "expired" if outcome == "later" else "unknown"}


SOMETIMES = {
    "greeting": ["421 busy", "554 no", HANG_UP, RESET],
    "EHLO": ["421 busy", HANG_UP],
    "MAIL": ["421 busy", "452 full", "550 no", HANG_UP, RESET],
    "RCPT": ["421 busy", "451 greylisted", "550 no", HANG_UP, RESET, "what?"],
    "DATA": ["421 busy", "451 later", "554 no", HANG_UP, RESET, "250 what?"],
    "payload": [HANG_UP, RESET],
    "dot": ["421 busy", "451 later", "554 no", HANG_UP, RESET],
    "taken": [HANG_UP, RESET, "what?"],
    "said": [HANG_UP, RESET],
    "RSET": ["421 busy", HANG_UP],
    "QUIT": ["500 never", RESET],
}


@pytest.mark.parametrize("seed", range(300 if IS_LONG else 6))
@pytest.mark.parametrize("policy", ["keep", "resend"])
def test_whatever_servers_do_ledger_and_mailbox_agree(ledger, seed, policy):
    """Anything may happen at any step: nothing comes twice, or none is lost, as was chosen."""
    dice = random.Random(seed)
    numbers = ledger.add(*(f"a{n}@d{n % 3}.example" for n in range(12)))

    def plan(moment):
        bad = SOMETIMES.get(moment.step)
        return dice.choice(bad) if bad and dice.random() < 0.08 else None

    with misbehaving(plan) as server:
        sender = ledger.sender(smtp(server), unknown=policy)
        while "ready" in ledger.states(numbers):
            ledger.send(sender)
            ledger.now += timedelta(minutes=dice.choice((1, 5, 30)))
        server.settle()

    times = Counter(taken.message_id for taken in server.taken)
    for number, state in zip(numbers, ledger.states(numbers), strict=True):
        count, tries = times[message_id(number)], ledger.attempts(number)
        unknown = [attempt.outcome for attempt in tries].count("unknown")
        assert count <= (1 if policy == "keep" else 1 + unknown)
        assert count >= 1 if state == "sent" else count <= unknown
        assert ledger.row(number).tries >= len([a for a in tries if a.outcome != "refused"])


# ---------------------------------------------------------------------------- protection


@pytest.mark.parametrize(
    "steps", [{"STARTTLS": "454 not now"}, {"STARTTLS": "220 ok"}, {"STARTTLS": "blah"}]
)
def test_without_the_protection_that_was_asked_for_nothing_is_sent(ledger, certificate, steps):
    """A STARTTLS that is refused or garbled ends the conversation."""
    own, trust = certificate
    (number,) = ledger.add(ADA)
    with misbehaving(Instead(**steps), own) as server:
        place = Server("127.0.0.1", server.port, "", "starttls")
        sent = ledger.send(ledger.sender(Smtp(place, SENDER, trust=trust, timeout=0.5)))
        assert sent.waiting == 1
        assert server.of("MAIL") == server.of("AUTH") == 0
    assert ledger.row(number).state == "ready"


def test_a_password_that_a_server_repeats_is_told_to_nobody(ledger, caplog):
    """Neither as it is nor as it was sent."""
    ledger.add(ADA)
    said = "535 5.7.8 bad password hunter2: AUTH PLAIN AGJvc3MAaHVudGVyMg=="
    with misbehaving(Instead(EHLO="250-here\r\n250 AUTH PLAIN", AUTH=said)) as server:
        mailer = Smtp(Server("127.0.0.1", server.port, "boss", "none"), SENDER, "hunter2")
        sent = ledger.send(ledger.sender(mailer))

    assert sent.trouble.endswith("refused: 535 5.7.8 bad password …: AUTH PLAIN …")
    assert "hunter2" not in caplog.text
    assert "AGJvc3MAaHVudGVyMg" not in caplog.text


def test_a_certificate_that_nobody_trusts_gets_nothing(ledger, certificate):
    """Neither with STARTTLS nor from the start; with one that is trusted it goes."""
    own, trust = certificate
    for tls in ("starttls", "always"):
        (number,) = ledger.add(f"{tls}@a.example")
        with misbehaving(tls=own, is_inside=tls == "always") as server:
            place = Server("127.0.0.1", server.port, "", tls)
            sent = ledger.send(ledger.sender(Smtp(place, SENDER, timeout=5)))
            assert (sent.waiting, server.taken) == (1, [])
            assert "certificate" in sent.trouble
            assert ledger.send(ledger.sender(Smtp(place, SENDER, trust=trust))) == Sent(sent=1)
        assert ledger.row(number).state == "sent"
        assert [taken.is_protected for taken in server.taken] == [True]


# ---------------------------------------------------------------------------- the record


@contextmanager
def no_room():
    """Let nothing that this process writes grow: to SQLite it is a disk that fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_before_anything_was_said_sends_nothing(ledger):
    """What cannot be claimed is not sent."""
    numbers = ledger.add(ADA, BOB)
    with misbehaving() as server:
        sender = ledger.sender(smtp(server))
        with no_room(), pytest.raises(StoreError):
            ledger.send(sender)
        assert server.taken == []
        assert ledger.send(sender) == Sent(sent=2)
    assert ledger.states(numbers) == ["sent"] * 2


def test_a_full_disk_after_250_loses_nothing(ledger):
    """What was taken is marked when there is room again; nothing more is sent until then."""
    numbers = ledger.add(*(f"a{n}@a.example" for n in range(4)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def plan(moment):
        if moment.step == "taken" and moment.count == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))

    with misbehaving(plan) as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        try:
            with pytest.raises(StoreError):
                ledger.send(sender)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert ledger.states(numbers) == ["sent", "claimed", "ready", "ready"]
        assert sender.recover() == 0
        assert ledger.send(sender) == Sent(sent=2)
    assert ledger.states(numbers) == ["sent"] * 4
    assert len(server.taken) == 4


@pytest.mark.parametrize(("policy", "state"), [("keep", "unknown"), ("resend", "ready")])
def test_what_a_dead_process_had_claimed(ledger, policy, state):
    """Nobody knows what became of it: the ledger says so."""
    claimed, other = ledger.add(ADA, BOB)
    ledger.change(claimed, state="claimed", next_try=None)
    assert ledger.sender(unknown=policy).recover() == 1
    assert ledger.sender(unknown=policy).recover() == 0

    assert ledger.states((claimed, other)) == [state, "ready"]
    assert [attempt.outcome for attempt in ledger.attempts(claimed)] == ["unknown"]
    with misbehaving() as server:
        ledger.send(ledger.sender(smtp(server), unknown=policy))
    assert len(server.taken) == (2 if policy == "resend" else 1)


# ---------------------------------------------------------------------------- hooks


def test_hooks_go_through_the_same_ledger(ledger):
    """Claimed, tried again, refused, and sent, like mail."""
    good, busy, gone = ledger.add(
        "https://a.example/x", "https://b.example/x", "https://c.example/x", channel="hook"
    )
    posted = []

    def post(number):
        posted.append((number, ledger.row(number).state))
        if number == busy and ledger.row(number).tries == 1:
            raise HookError("503 busy", temporary=True)
        if number == gone:
            raise HookError("410 gone")

    sender = ledger.sender(post_hook=post)
    assert ledger.send(sender) == Sent(sent=1, later=1, refused=1)
    ledger.now += timedelta(minutes=2)
    assert ledger.send(sender) == Sent(sent=1)

    assert sorted(posted) == [(n, "claimed") for n in sorted((good, busy, gone, busy))]
    assert ledger.states((good, busy, gone)) == ["sent", "sent", "refused"]
    assert [d.domain for d in sender.recent(state="refused")] == ["c.example"]


@pytest.mark.parametrize(("policy", "state"), [("keep", "unknown"), ("resend", "ready")])
def test_a_hook_that_may_have_been_taken(ledger, policy, state):
    """Is what mail would be: unknown, or posted again."""
    (number,) = ledger.add("https://a.example/x", channel="hook")

    def post(_number):
        raise HookError("no answer", temporary=True, is_unknown=True)

    ledger.send(ledger.sender(post_hook=post, unknown=policy))
    assert ledger.row(number).state == state
    assert [attempt.outcome for attempt in ledger.attempts(number)] == ["unknown"]


@pytest.mark.parametrize(
    ("error", "state", "minutes"),
    [
        (HookError("429", temporary=True, code=429, retry_after=1800), "ready", 30),
        (HookError("429", temporary=True, code=429, retry_after=1e9), "expired", None),
        (StoreError("in use", temporary=True), "ready", 1),
        (DigestNotFound("7"), "refused", None),
    ],
)
def test_what_a_hook_asks_for_is_heeded(ledger, error, state, minutes):
    """It is not asked again before; what cannot be made is refused."""
    (number,) = ledger.add("https://a.example/x", channel="hook")

    def post(_number):
        raise error

    ledger.send(ledger.sender(post_hook=post, dice=lambda: 0.5))
    row = ledger.row(number)
    assert row.state == state
    assert row.next_try == (minutes and iso(NOW + timedelta(minutes=minutes)))
    assert ledger.attempts(number)[0].code == getattr(error, "code", None)


def test_a_hook_that_does_not_answer_holds_up_no_mail(ledger):
    """Each has its own hands."""
    ledger.add("https://a.example/x", channel="hook")
    (letter,) = ledger.add(ADA)
    mailed = threading.Event()
    with misbehaving(lambda m: mailed.set() if m.step == "said" else None) as server:
        sender = ledger.sender(smtp(server), post_hook=lambda _: mailed.wait(60) or None)
        assert ledger.send(sender) == Sent(sent=2)
    assert ledger.row(letter).state == "sent"


# ---------------------------------------------------------------------------- the ledger


def test_the_ledger_tells_everything_but_the_address(ledger, caplog):
    """Newest first, with what was said last."""
    caplog.set_level(logging.INFO)
    first, second = ledger.add(ADA, BOB)
    with misbehaving(Instead(RCPT="451 4.7.1 <ada@a.example> greylisted")) as server:
        sender = ledger.sender(smtp(server), pace=Pace(Limits(connections=1)))
        ledger.send(sender)
    found = sender.recent()

    assert [delivery.id for delivery in found] == [second, first]
    told = found[1]
    assert (told.state, told.domain, told.tries, told.code) == ("ready", "a.example", 1, 451)
    assert told.words == "4.7.1 <the address> greylisted"
    assert told.issue == "2026-03-17"
    assert [delivery.id for delivery in sender.recent(limit=1)] == [second]
    assert sender.counts() == {"ready": 1, "sent": 1}
    assert f"delivery_failed digest={first} domain=a.example" in caplog.text
    assert ADA not in caplog.text + repr(found)
    with pytest.raises(DigestNotFound):
        sender.attempts(99)


@pytest.mark.parametrize("state", ["unknown", "refused", "sent", "expired", "stopped"])
def test_a_person_may_let_one_be_sent_again(ledger, state):
    """At once, under the same Message-ID, also when it is late; the ledger says so."""
    (number,) = ledger.add(ADA, state=state, ends=iso(NOW - timedelta(days=2)))
    with misbehaving() as server:
        sender = ledger.sender(smtp(server))
        assert ledger.send(sender) == Sent()
        assert sender.resend(number).state == "ready"
        assert ledger.send(sender) == Sent(sent=1)

    assert [t.message_id for t in server.taken] == [message_id(number)]
    assert [attempt.outcome for attempt in ledger.attempts(number)] == ["resend", "sent"]


@pytest.mark.parametrize("state", ["claimed", "empty", "late", "skipped"])
def test_what_is_being_sent_or_is_nothing_cannot_be_sent_again(ledger, state):
    """The message says why."""
    (number,) = ledger.add(ADA, state=state)
    with pytest.raises(RefusedError, match=state):
        ledger.sender().resend(number)
    with pytest.raises(RefusedError, match=state):
        ledger.sender().abandon(number)
    with pytest.raises(DigestNotFound):
        ledger.sender().resend(99)


def test_what_was_sent_once_stays_known_to_have_been(ledger):
    """Also when a person lets it be sent again, and then does not."""
    (number,) = ledger.add(ADA, state="sent", next_try=None, sent=iso(NOW - timedelta(hours=1)))
    sender = ledger.sender()
    assert sender.resend(number).sent == iso(NOW - timedelta(hours=1))
    found = sender.abandon(number)
    assert (found.state, found.sent) == ("stopped", iso(NOW - timedelta(hours=1)))


@pytest.mark.parametrize(
    "said",
    [
        "<Ada.Byron@A.example> unknown", "ada.byron unknown", '"ada.byron"@a.example unknown',
        "the user ADA.BYRON at a.example unknown", "SRS0=k=a.example=ada.byron@r.example unknown",
    ],
)  # fmt: skip
def test_whatever_a_server_repeats_of_an_address_is_not_kept(ledger, said):
    """Not even half of it."""
    (number,) = ledger.add("ada.byron@a.example")
    with misbehaving(Instead(RCPT=f"550 5.1.1 {said}")) as server:
        ledger.send(ledger.sender(smtp(server)))

    (attempt,) = ledger.attempts(number)
    assert "ada.byron" not in attempt.words.lower()
    assert attempt.words.endswith("unknown")


def test_a_name_that_servers_use_as_a_word_is_still_a_word(ledger):
    """Whether nobody is there is read before the name is taken out."""
    (number,) = ledger.add("user@a.example")
    told = []
    with misbehaving(Instead(RCPT="550 user unknown")) as server:
        ledger.send(ledger.sender(smtp(server), note_refused=lambda *words: told.append(words)))

    assert told == [(number, 550, "user unknown")]
    assert ledger.attempts(number)[0].words == "… unknown"


def test_a_person_may_stop_one_that_waits(ledger):
    """It is not sent then."""
    (number,) = ledger.add(ADA)
    with misbehaving() as server:
        sender = ledger.sender(smtp(server))
        assert sender.abandon(number).state == "stopped"
        assert ledger.send(sender) == Sent()
    assert server.taken == []


def test_letters_of_accounts_go_the_same_way(ledger):
    """What the server says is said, whatever the step."""
    from broadsheet.readers.letters import Letter  # noqa: PLC0415

    letter = Letter(ADA, "Signing in", "A link.\n.\n")
    with misbehaving(Instead(taken=HANG_UP)) as server:
        with pytest.raises(MailError) as caught:
            smtp(server).send(letter)
        smtp(server).send(letter)
    assert caught.value.temporary
    assert server.taken[1].data.endswith(b"A link.\r\n.\r\n")
