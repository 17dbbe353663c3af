"""What a killed sender leaves behind: nobody gets an issue twice, or none is lost, as was chosen.

The server's own mailbox is the truth: what it has taken was delivered, whatever the ledger says.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import orjson
import pytest

from delivery.ledgers import Ledger, message_id
from delivery.misbehaving_smtp import STEPS, Misbehaving, Moment, misbehaving
from processes import IS_LONG, start

DIGESTS, HANDS = 16, 2
# Reads lines [point, folder, port, policy]; for each, a process that dies at that point sends what
# is ready, and its number and how it ended are told. All come from one that has loaded everything.
_DEADLY = """
import json, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import smtplib, socket, ssl
from broadsheet.collection import deliveries
from broadsheet.collection.together import Together
from broadsheet.delivery import mail, sending
from broadsheet.delivery.pace import Limits, Pace
from delivery.ledgers import Ledger

def deadly(owner, name, at, moment):
    # Call number `at` of `owner.name` is the last thing that happens.
    original, calls = getattr(owner, name), []
    def die():
        os.kill(os.getpid(), signal.SIGKILL)
    def called(*args, **named):
        calls.append(1)
        is_last = len(calls) == at
        if is_last and moment == "before":
            die()
        answer = original(*args, **named)
        if is_last:
            die()
        return answer
    setattr(owner, name, called)

def run(folder, port, policy):
    ledger = Ledger(Path(folder))
    clock = lambda: datetime.now(UTC)
    pace = Pace(Limits(connections=HANDS, domain_connections=1))
    sender = ledger.sender(f"smtp://127.0.0.1:{port}", clock=clock, pace=pace, unknown=policy)
    sender.recover()
    while sum(sender.send(clock())[:4]):
        pass
    ledger.database.close()

for line in sys.stdin:
    point, folder, port, policy = json.loads(line)
    child = os.fork()
    if not child:
        try:
            if point:
                eval(f"deadly({point})")
            run(folder, port, policy)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

IN_CODE = {
    "before it is known what was claimed": "deliveries, 'recover', {}, 'before'",
    "before that is kept": "deliveries, 'recover', {}, 'after'",
    "before what is over is ended": "deliveries, 'close_over', {}, 'before'",
    "before a message is made": "Ledger, 'outgoing', {}, 'before'",
    "before a server is called": "mail.Smtp, '_connected', {}, 'before'",
    "after a server was called": "mail.Smtp, '_connected', {}, 'after'",
    "before a claim": "deliveries, 'claim', {}, 'before'",
    "before a claim is kept": "deliveries, 'claim', {}, 'after'",
    "with a claim that is kept": "Together, 'write', {}, 'after'",
    "before a message is offered": "mail._SmtpLine, '_offer', {}, 'before'",
    "before the final dot": "mail._SmtpLine, '_end', {}, 'before'",
    "after the answer": "mail._SmtpLine, '_end', {}, 'after'",
    "before a try is written": "deliveries, 'mark', {}, 'before'",
    "before that is kept, too": "deliveries, 'mark', {}, 'after'",
    "before a try and a claim are written together": "sending._Book, 'write', {}, 'before'",
    "after both": "sending._Book, 'write', {}, 'after'",
    "before a connection is closed": "mail._SmtpLine, 'close', {}, 'before'",
}
POINTS = [*(step for step in STEPS if step not in {"STARTTLS", "RSET"}), *IN_CODE.values()]


class Killer:
    """A plan that kills whoever talks to the server, at a step."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._lock = threading.Lock()
        self._step, self._left, self._victim = "", 0, 0

    def aim(self, step: str, at: int) -> None:
        """Kill at a step, when it is reached for the `at`-th time, whoever `name` will name."""
        with self._lock:
            self._step, self._left = step, at
            self._known.clear()

    def name(self, victim: int) -> None:
        """Say who is to be killed."""
        self._victim = victim
        self._known.set()

    def __call__(self, moment: Moment) -> None:
        """Kill, if it is time."""
        with self._lock:
            if moment.step != self._step:
                return
            self._left -= 1
            if self._left:
                return
        assert self._known.wait(60)
        os.kill(self._victim, signal.SIGKILL)


class Sending:
    """Processes that send, and the server that they send to."""

    def __init__(self, server: Misbehaving, killer: Killer, process: subprocess.Popen) -> None:
        self.server = server
        self._killer = killer
        self._process = process

    def run(self, folder: Path, policy: str, point: str = "", at: int = 1) -> int:
        """Let a process send what is ready, and die at a point; return how it ended."""
        is_step = point in STEPS
        self._killer.aim(point if is_step else "", at)
        asked = ["" if is_step else point.format(at), str(folder), self.server.port, policy]
        self._process.stdin.write(orjson.dumps(asked) + b"\n")
        self._process.stdin.flush()
        self._killer.name(int(self._process.stdout.readline()))
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def sending() -> Iterator[Sending]:
    """Give processes that send, and a server that outlives them."""
    script = _DEADLY.replace("HANDS", str(HANDS))
    tests = str(Path(__file__).parents[1])
    process = start([sys.executable, "-c", script], stdin=subprocess.PIPE, PYTHONPATH=tests)
    killer = Killer()
    with misbehaving(killer) as server:
        yield Sending(server, killer, process)
        _, told = process.communicate()
    assert b"Traceback" not in told


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    """Return the file of a record with some digests that are ready."""
    folder = tmp_path_factory.mktemp("ready")
    ledger = Ledger(folder, datetime.now(UTC))
    ledger.add(*(f"a{n}@d{n % 5}.example" for n in range(DIGESTS)))
    ledger.database.close()
    return folder / "broadsheet.db"


def killings() -> list[tuple[str, int]]:
    """Return at which points to kill, and when there, in an order that is mixed but always same."""
    counts = range(1, 9) if IS_LONG else (2,)
    found = [(point, 1 if "recover" in point or "over" in point else n)
             for point in POINTS for n in counts]  # fmt: skip
    random.Random(412).shuffle(found)
    return found


@pytest.mark.timeout(3600 if IS_LONG else 300)
@pytest.mark.parametrize("policy", ["keep", "resend"])
def test_a_killed_sender_repeats_nothing_or_loses_nothing(policy, tmp_path, ready, sending):
    """Wherever it dies, and however often: then it is started again, until nothing is left."""
    points, kills = killings(), 0
    if not IS_LONG:
        points = points[policy == "keep" :: 2]
    for number, in_a_row in zip(range(len(points)), cycle((1, 4, 2, 3)), strict=False):
        if not points:
            break
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(ready, folder)
        sending.server.taken.clear()
        killed = 0
        for point, at in [points.pop() for _ in range(min(in_a_row, len(points)))]:
            code = sending.run(folder, policy, point, at)
            assert code in {0, -signal.SIGKILL}
            killed += code != 0
        assert sending.run(folder, policy) == 0
        kills += killed
        sending.server.settle()
        see(folder, sending.server, policy, killed)

    assert kills >= (120 if IS_LONG else 8)


def see(folder: Path, server: Misbehaving, policy: str, kills: int) -> None:
    """See that ledger and mailbox agree, and that what is unknown is no more than it must be."""
    ledger = Ledger(folder)
    times = Counter(taken.message_id for taken in list(server.taken))
    states = dict(enumerate(ledger.states(range(1, DIGESTS + 1)), 1))
    outcomes = {number: [a.outcome for a in ledger.attempts(number)] for number in states}
    ledger.database.close()

    for number, state in states.items():
        count = times[message_id(number)]
        assert state in ({"sent", "unknown"} if policy == "keep" else {"sent"}), (number, states)
        if policy == "keep":
            assert count == 1 if state == "sent" else count <= 1
        else:
            assert 1 <= count <= 1 + outcomes[number].count("unknown")
        assert outcomes[number][-1] == state
    unknown = sum(found.count("unknown") for found in outcomes.values())
    assert unknown <= kills * HANDS
