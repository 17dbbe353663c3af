"""The sender: hands over what is ready, once, and keeps a ledger of what came of it.

A digest is `claimed`, and that is on the disk, before anybody outside hears of it; it is `sent`
once that was said. Of what is found claimed later nobody knows whether it arrived: it is `unknown`,
and the setting `mail_unknown` says what then. docs/mail.md tells it all.
"""

from __future__ import annotations

import logging
import random
import re
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Condition
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from sqlalchemy import Connection

from broadsheet.collection import deliveries
from broadsheet.collection.database import Database
from broadsheet.collection.deliveries import Attempt, Delivery, Waiting, domain_of
from broadsheet.collection.together import Together
from broadsheet.delivery.bounces import without_name
from broadsheet.delivery.mail import Answer, Mailer, Outcome
from broadsheet.delivery.pace import Limits, Pace, back_off
from broadsheet.errors import (
    BroadsheetError,
    ConfigError,
    DeliveryError,
    DigestNotFound,
    RefusedError,
    StoreError,
)

if TYPE_CHECKING:
    from broadsheet.delivery.message import Outgoing

_log = logging.getLogger(__name__)
Unknown = Literal["keep", "resend"]
MOST: Final = 20_000
"""So many digests are looked at in one turn."""
TURN: Final = timedelta(minutes=5)
"""A turn ends after this, so that what falls due meanwhile is composed."""
PER_LINE: Final = 100
"""So many messages go over one connection: many servers take no more."""
BROKEN: Final = 3
"""After so many connections in a row that broke, the server is left alone."""
AGAIN: Final = timedelta(hours=12)
"""What a person lets be sent again is of use for so long, whenever it was due."""
HOOK_LIMITS: Final = Limits(domain_connections=1)
"""Hooks have their own: one post at a time to each host."""
_LONGEST_REST: Final = 3
"""The server is asked again after the third wait of `back_off` at the latest."""
_LONGEST_WAIT_S: Final = 1e7
"""Longer than any digest is of use."""
_LONGEST: Final = 300
"""Characters that are kept of what a server says."""
_BUSY, _NEVER = 421, 500
_ADDRESS: Final = re.compile(r"""[^\s<>()"',:;]+@[^\s<>()"',:;]+""")
_DIED: Final = "the process that was sending it died, and nobody knows how far it got"


class Sent(NamedTuple):
    """What came of a turn: digests by what became of them.

    `waiting` were due and are left for another turn: for the pace, or since nothing takes them,
    which `trouble` then says in words.
    """

    sent: int = 0
    later: int = 0
    refused: int = 0
    unknown: int = 0
    expired: int = 0
    stopped: int = 0
    waiting: int = 0
    trouble: str = ""


def becomes(
    answer: Answer, tries: int, now: datetime, ends: datetime, unknown: Unknown, dice: float
) -> tuple[str, datetime | None]:
    """Return the state of a digest after so many tries, and when it is tried again, if it is.

    It never is from the moment on at which it is of no use any more, nor before it was asked for.
    """
    outcome = answer.outcome
    if outcome in {"sent", "refused"} or (outcome == "unknown" and unknown == "keep"):
        return outcome, None
    least = timedelta(seconds=min(answer.retry_after or 0.0, _LONGEST_WAIT_S))
    again = now + max(back_off(tries, dice), least)
    if again < ends:
        return "ready", again
    return "unknown" if outcome == "unknown" else "expired", None


def _never() -> bool:
    return False


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Sender:
    """Sends what is ready. Of all processes with the same record, one at a time sends."""

    def __init__(
        self,
        database: Database,
        together: Together,
        outgoing: Callable[[int], Outgoing],
        mailer: Mailer | None,
        post_hook: Callable[[int], None] | None,
        pace: Pace,
        clock: Callable[[], datetime],
        *,
        unknown: Unknown = "keep",
        is_suppressed: Callable[[str, bool], bool] = lambda *_: False,
        note_refused: Callable[[int, int, str], object] = lambda *_: None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """Make one that hands to `mailer` what `outgoing` makes, and posts hooks.

        Without one of them what would go that way waits. `note_refused` is told the digest, the
        code and the words whenever a server refuses one for good.
        """
        self._database = database
        self._together = together
        self._clock = clock
        self._dice = dice
        self._unknown = unknown
        self._is_suppressed = is_suppressed
        self._book = _Book(together, clock, unknown, note_refused, dice)
        self._courses: dict[str, _Course] = {}
        if mailer is not None:
            self._courses["mail"] = _Course(outgoing, mailer.open, pace)
        if post_hook is not None:
            self._courses["hook"] = _Course(int, lambda: _Post(post_hook), Pace(HOOK_LIMITS))

    # ------------------------------------------------------------------ sending

    def recover(self) -> int:
        """Say of what a dead process had claimed that it is unknown; return how many there were.

        Only whoever alone sends may call it: what another process is sending is claimed, too.
        """
        # What this process knows it has sent is none of it.
        self._book.flush()
        after = "ready" if self._unknown == "resend" else "unknown"
        now = _iso(self._clock())
        found = self._together.write(lambda c: deliveries.recover(c, now, after, _DIED))
        if found:
            _log.warning("deliveries_unknown count=%d now=%s", found, after)
        return found

    def send(self, now: datetime, stop: Callable[[], bool] = _never) -> Sent:
        """Send what is ready and due at `now`, until `stop` or TURN is over; return what came.

        Raises StoreError if the record cannot be written; then nothing more is handed over, and
        what was is marked on the next call.
        """
        self._book.flush()
        began = self._clock()
        expired, stopped = self._together.write(lambda c: deliveries.close_over(c, _iso(now)))
        turns = [
            _Turn(course, self._waiting(channel, now), self._book, self._is_suppressed,
                  lambda: stop() or self._clock() - began >= TURN, self._clock)
            for channel, course in self._courses.items()
        ]  # fmt: skip
        awake = [turn for turn in turns if not turn.course.rests(now)]
        _all_of(awake)
        for turn in awake:
            turn.course.learn(turn.trouble, now, self._dice())
        return _summed(turns, expired, stopped)

    def _waiting(self, channel: str, now: datetime) -> list[Waiting]:
        with self._database.read() as connection:
            return deliveries.waiting(connection, channel, _iso(now), MOST)

    # ------------------------------------------------------------------ the ledger

    def recent(
        self, *, limit: int = 50, state: str | None = None, subscription: int | None = None
    ) -> list[Delivery]:
        """Return the newest digests, newest first: all, in one state, or of one subscription."""
        with self._database.read() as connection:
            return deliveries.recent(connection, limit, state, subscription)

    def counts(self) -> dict[str, int]:
        """Return how many digests are in each state."""
        with self._database.read() as connection:
            return deliveries.counts(connection)

    def attempts(self, number: int) -> list[Attempt]:
        """Return all tries to send a digest, oldest first; raises DigestNotFound."""
        with self._database.read() as connection:
            _found(connection, number)
            return deliveries.attempts(connection, number)

    def resend(self, number: int) -> Delivery:
        """Let a digest be sent again, as a person decides, under the same Message-ID.

        Raises DigestNotFound, and RefusedError for what is being sent or has nothing to be sent.
        """

        def change(connection: Connection) -> Delivery:
            found, now = _found(connection, number), self._clock()
            if found.state in {"claimed", "empty", "late", "skipped"}:
                raise RefusedError(f"Digest {number} is {found.state}: it cannot be sent again.")
            deliveries.again(connection, number, _iso(now), _iso(now + AGAIN))
            deliveries.note(connection, Attempt(number, _iso(now), "resend"))
            return _found(connection, number)

        return self._together.write(change)

    def abandon(self, number: int) -> Delivery:
        """Stop a digest that waits, as a person decides.

        Raises DigestNotFound, and RefusedError for what does not wait.
        """

        def change(connection: Connection) -> Delivery:
            if (state := _found(connection, number).state) != "ready":
                raise RefusedError(
                    f"Digest {number} is {state}: only what is ready can be stopped."
                )
            attempt = Attempt(number, _iso(self._clock()), "abandon")
            deliveries.mark(connection, attempt, "ready", "stopped")
            return _found(connection, number)

        return self._together.write(change)


def _found(connection: Connection, number: int) -> Delivery:
    found = deliveries.delivery(connection, number)
    if found is None:
        raise DigestNotFound(str(number))
    return found


def _all_of(turns: Sequence[_Turn]) -> None:
    hands = [turn for turn in turns for _ in range(turn.hands)]
    if not hands:
        return
    with ThreadPoolExecutor(len(hands), "sender") as pool:
        try:
            for done in [pool.submit(_Hand(turn).work) for turn in hands]:
                done.result()
        except BaseException:
            for turn in turns:
                turn.is_broken_off = True
            raise


def _summed(turns: Sequence[_Turn], expired: int, stopped: int) -> Sent:
    counts = sum((turn.counts for turn in turns), Counter(expired=expired, stopped=stopped))
    trouble = next((turn.course.trouble for turn in turns if turn.course.trouble), "")
    return Sent(**counts, waiting=sum(turn.left for turn in turns), trouble=trouble)


# ---------------------------------------------------------------------------- ways to go


class _Line(Protocol):
    """A connection of either kind (`mail.Line` is one)."""

    is_open: bool

    def deliver(self, outgoing: Any, /) -> Answer: ...

    def close(self) -> None: ...


class _Post:
    """A hook, as a line: each digest is a request of its own."""

    is_open = True

    def __init__(self, post: Callable[[int], None]) -> None:
        self._post = post

    def deliver(self, digest: int, /) -> Answer:
        try:
            self._post(digest)
        except StoreError as error:
            return Answer("later", None, str(error))
        except DeliveryError as error:
            known: Outcome = "later" if error.temporary else "refused"
            outcome = "unknown" if error.is_unknown else known
            return Answer(outcome, error.code, str(error), error.retry_after)
        except BroadsheetError as error:
            return Answer("refused", None, str(error))
        return Answer("sent")

    def close(self) -> None:
        """Do nothing: nothing is kept."""


class _Course:
    """A way for digests to go, and whether what takes them is left alone for now."""

    def __init__(
        self, prepare: Callable[[int], Any], open_line: Callable[[], _Line], pace: Pace
    ) -> None:
        self.prepare = prepare
        self.open = open_line
        self.pace = pace
        self.trouble = ""
        self._failures = 0
        self._began: datetime | None = None
        self._rest = timedelta()

    def rests(self, now: datetime) -> bool:
        # A clock that was set back lets nothing rest for longer.
        return self._began is not None and timedelta() <= now - self._began < self._rest

    def learn(self, trouble: str, now: datetime, dice: float) -> None:
        """Note how a turn went: after trouble the next one waits, longer each time."""
        self.trouble = trouble
        self._failures = self._failures + 1 if trouble else 0
        self._rest = back_off(min(self._failures, _LONGEST_REST), dice)
        self._began = now if trouble else None
        if trouble:
            _log.warning("deliveries_rest seconds=%d why=%r", self._rest.total_seconds(), trouble)


# ---------------------------------------------------------------------------- what is written


class _Mark(NamedTuple):
    """What is written of a try, by the state that the digest was in and the one that it gets.

    `said` are the words before the name of the address was taken out: it may be one of them.
    """

    attempt: Attempt
    domain: str
    before: str
    after: str
    again: str | None
    said: str


class _Book:
    """Writes what came of tries; what cannot be written is kept until it can."""

    def __init__(
        self,
        together: Together,
        clock: Callable[[], datetime],
        unknown: Unknown,
        note_refused: Callable[[int, int, str], object],
        dice: Callable[[], float],
    ) -> None:
        self._together = together
        self._clock = clock
        self._unknown: Unknown = unknown
        self._note_refused = note_refused
        self._dice = dice
        self._unwritten: list[_Mark] = []

    def mark(self, digest: Waiting, answer: Answer, *, is_claimed: bool = True) -> _Mark:
        """Return what is to be written of a try."""
        now, ends = self._clock(), datetime.fromisoformat(digest.ends)
        tries = digest.tries + 1
        after, again = becomes(answer, tries, now, ends, self._unknown, self._dice())
        said = _without(digest.address, answer.words)[:_LONGEST]
        words = without_name(digest.address, said)
        attempt = Attempt(digest.id, _iso(now), answer.outcome, answer.code, words)
        before = "claimed" if is_claimed else "ready"
        next_try = None if again is None else _iso(again)
        return _Mark(attempt, domain_of(digest.address), before, after, next_try, said)

    def flush(self) -> None:
        """Write what could not be written before; raises StoreError."""
        held, self._unwritten = self._unwritten, []
        self.write(held)

    def write(self, marks: Sequence[_Mark], claim: int | None = None) -> bool:
        """Write marks, and claim another digest in the same transaction; return whether it is ours.

        Raises StoreError; then the marks are kept for `flush`.
        """
        if not marks and claim is None:
            return False
        try:
            is_ours = self._together.write(lambda c: self._written(c, marks, claim))
        except BaseException:
            self._unwritten.extend(marks)
            raise
        for mark in marks:
            self._tell(mark)
        return is_ours

    def _written(self, connection: Connection, marks: Sequence[_Mark], claim: int | None) -> bool:
        for mark in marks:
            deliveries.mark(connection, mark.attempt, mark.before, mark.after, mark.again)
        return claim is not None and deliveries.claim(connection, claim, _iso(self._clock()))

    def stop(self, digest: int, why: str) -> None:
        """Say that a digest is not sent, and why."""
        attempt = Attempt(digest, _iso(self._clock()), "stopped", None, why)
        self._together.write(lambda c: deliveries.mark(c, attempt, "ready", "stopped"))

    def _tell(self, mark: _Mark) -> None:
        (digest, _, outcome, code, _), domain = mark.attempt, mark.domain
        if outcome == "sent":
            return
        told = "delivery_failed digest=%d domain=%s outcome=%s code=%s next=%s"
        _log.warning(told, digest, domain, outcome, code, mark.again or mark.after)
        if outcome == "refused" and code is not None and code >= _NEVER:
            try:
                self._note_refused(digest, code, mark.said)
            except Exception:  # noqa: BLE001 (it is in the ledger; the others must go on)
                _log.exception("refusal_not_noted digest=%d", digest)


def _without(address: str, words: str) -> str:
    """Return what was said without the address, which servers like to repeat, or any other."""
    if address in words:  # that of a hook
        words = words.replace(address, "the address")
    return _ADDRESS.sub("the address", words) if "@" in words else words


def _fault(what: str, digest: Waiting, error: Exception) -> None:
    """Log a fault of ours, with where it happened, without the address."""
    told = "".join(traceback.format_exception(error))
    _log.error("%s digest=%d\n%s", what, digest.id, _without(digest.address, told))


# ---------------------------------------------------------------------------- one turn


class _Turn:
    """What waits on one course, by domain, and the hands that take from it."""

    def __init__(
        self,
        course: _Course,
        waiting: Sequence[Waiting],
        book: _Book,
        is_suppressed: Callable[[str, bool], bool],
        is_over: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self.course = course
        self.book = book
        self.is_suppressed = is_suppressed
        self.counts = Counter[str]()
        self.trouble = ""
        self.is_broken_off = False
        self.left = len(waiting)
        self.hands = min(course.pace.limits.connections, len(waiting))
        self._is_over = is_over
        self._clock = clock
        self._broken = 0
        self._under_way = 0
        self._changed = Condition()
        self._queues: dict[str, deque[Waiting]] = {}
        for digest in waiting:
            self._queues.setdefault(domain_of(digest.address), deque()).append(digest)
        self._domains = deque(self._queues)

    def next(self, *, patiently: bool) -> Waiting | None:
        """Return a digest that may go now, each domain in its turn.

        If one may only once another has arrived, wait for that if `patiently`; else return None.
        """
        with self._changed:
            while not (self.trouble or self.is_broken_off or self._is_over()):
                found = self._allowed()
                if found is not None or not patiently or not self._under_way:
                    return found
                self._changed.wait(1)
        return None

    def _allowed(self) -> Waiting | None:
        now, pace = self._clock().timestamp(), self.course.pace
        for _ in range(len(self._domains)):
            domain = self._domains.popleft()
            if not pace.may_begin(domain, now):
                self._domains.append(domain)
                continue
            digest = self._queues[domain].popleft()
            if self._queues[domain]:
                self._domains.append(domain)
            pace.begin(domain, now)
            self._under_way += 1
            self.left -= 1
            return digest
        return None

    def arrived(self, digest: Waiting) -> None:
        """Note that nothing is under way of a digest any more."""
        with self._changed:
            self._under_way -= 1
            self.course.pace.end(domain_of(digest.address))
            self._changed.notify_all()

    def heard(self, digest: Waiting, answer: Answer, *, is_open: bool) -> None:
        """Learn from an answer: who is busy is spared, and who breaks off again and again, too."""
        with self._changed:
            if answer.code == _BUSY:
                self.course.pace.spare(domain_of(digest.address), self._clock().timestamp())
            self._broken = 0 if is_open else self._broken + 1
            if self._broken >= BROKEN:
                words = without_name(digest.address, _without(digest.address, answer.words))
                self.trouble = f"{BROKEN} connections in a row broke: {words}"

    def gives_up(self, digest: Waiting, why: str) -> None:
        """End the turn, since nothing takes what is sent; this digest was not tried."""
        with self._changed:
            self.trouble = self.trouble or _without(digest.address, why)
            self.left += 1

    def count(self, what: str) -> None:
        with self._changed:
            self.counts[what] += 1


class _Hand:
    """A thread of a turn, with a connection of its own."""

    def __init__(self, turn: _Turn) -> None:
        self._turn = turn
        self._book = turn.book
        self._line: _Line | None = None
        self._handed = 0
        self._marks: list[_Mark] = []

    def work(self) -> None:
        """Send one after the other; what came of one is written when the next is claimed."""
        try:
            while (digest := self._next()) is not None:
                try:
                    self._send(digest)
                finally:
                    self._turn.arrived(digest)
        except BaseException:
            self._turn.is_broken_off = True
            raise
        finally:
            try:
                self._write()
            finally:
                self._let_go()

    def _next(self) -> Waiting | None:
        if (digest := self._turn.next(patiently=False)) is not None:
            return digest
        self._write()
        return self._turn.next(patiently=True)

    def _write(self, claim: int | None = None) -> bool:
        marks, self._marks = self._marks, []
        return self._book.write(marks, claim)

    def _send(self, digest: Waiting) -> None:
        if self._turn.is_suppressed(digest.address, digest.is_letter):
            self._book.stop(digest.id, "nothing is sent to this address: it is suppressed")
            self._turn.count("stopped")
            return
        try:
            prepared = self._turn.course.prepare(digest.id)
        except StoreError:
            raise
        except DigestNotFound:
            # Whoever it was for has had all that was kept of them deleted meanwhile.
            self._turn.count("stopped")
            return
        except ConfigError as error:
            # No digest is to blame for a setting: all wait until it is put right.
            self._turn.gives_up(digest, str(error))
            return
        except Exception as error:  # noqa: BLE001 (one that cannot be made stops no others)
            _fault("delivery_not_made", digest, error)
            words = f"it cannot be made: {type(error).__name__}: {error}"
            self._heard(digest, Answer("refused", None, words), is_claimed=False)
            return
        try:
            line = self._opened()
        except DeliveryError as error:
            self._turn.gives_up(digest, str(error))
            return
        if self._write(digest.id):
            self._heard(digest, self._delivered(digest, line, prepared))

    def _delivered(self, digest: Waiting, line: _Line, prepared: Any) -> Answer:
        was_used = self._handed > 0
        answer = self._handed_over(digest, line, prepared)
        if answer.outcome == "later" and was_used and not line.is_open:
            # Whoever has served long enough hangs up: that says nothing of this one.
            with suppress(DeliveryError):
                answer = self._handed_over(digest, self._opened(), prepared)
        return answer

    def _handed_over(self, digest: Waiting, line: _Line, prepared: Any) -> Answer:
        self._handed += 1
        try:
            return line.deliver(prepared)
        except Exception as error:  # noqa: BLE001 (nobody knows how far it got)
            _fault("delivery_fault", digest, error)
            self._let_go()
            return Answer("unknown", None, f"a fault in Broadsheet: {type(error).__name__}")

    def _heard(self, digest: Waiting, answer: Answer, *, is_claimed: bool = True) -> None:
        mark = self._book.mark(digest, answer, is_claimed=is_claimed)
        self._marks.append(mark)
        self._turn.count("later" if mark.after == "ready" else mark.after)
        self._turn.heard(digest, answer, is_open=self._line is None or self._line.is_open)

    def _opened(self) -> _Line:
        """Return a connection that takes more; raises DeliveryError."""
        if self._line is None or not self._line.is_open or self._handed >= PER_LINE:
            # It may take long, and what came of the last one is known.
            self._write()
            self._let_go()
            self._line = self._turn.course.open()
            self._handed = 0
        return self._line

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
