"""Whose turn it is: what is kept of a host between requests, and how old it is."""

from __future__ import annotations

import signal
import time as clocks
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources.turns import SYSTEM_TIME, Mark, Standing, Turns, standing_of
from loopback import FakeTime, Loopback, Reply, xml
from processes import PATIENCE, ended, start_script


def test_a_new_start_of_the_machine_is_understood():
    """What was before the start is at least as old as that, and as the wall clock says."""
    before = Mark(1000.0, 90_000.0, "a")

    assert before.age(Mark(1500.0, 20.0, "b")) == 500
    assert before.age(Mark(500.0, 20.0, "b")) == 20
    assert before.age(Mark(0.0, 90_004.0, "a")) == 4
    assert not before.is_ahead(Mark(0.0, 20.0, "b"))
    assert before.is_ahead(Mark(2000.0, 20.0, "a"))


@given(st.binary(max_size=200) | st.from_regex(rb'\{"at": ?\[.*\], "hold_s".*\}', fullmatch=True))
def test_any_file_is_read_or_found_damaged(said):
    """Reading the standing raises nothing."""
    found = standing_of(said)

    assert found is None or found.hold_s >= 0


def test_standing_survives_its_file(tmp_path):
    """What is written is read again."""
    time = FakeTime()
    held = Turns(tmp_path, "a", 3, time)
    with held.hold() as standing:
        assert standing is None
        held.finish(held.begin(None), hold_s=5, open_s=6, failures=2, why="so")
    with held.hold() as standing:
        assert standing == Standing(Mark.of(time), False, 5, 6, 2, "so")
    assert SYSTEM_TIME.now().tzinfo is UTC
    assert SYSTEM_TIME.monotonic() <= SYSTEM_TIME.monotonic()


def test_whoever_died_while_asking_is_followed_by_the_whole_gap(tmp_path):
    """However long ago a request began that nobody ended, the host may have answered just now."""
    time = FakeTime()
    turns = Turns(tmp_path, "a", 3, time)
    with turns.hold() as standing:
        turns.begin(standing)
    time.sleep(100)
    with turns.hold() as standing:
        assert turns.gap_left_s(standing) == 3
    time.sleep(3)
    with turns.hold() as standing:
        assert turns.gap_left_s(standing) == 0


ASKING = """
import sys
from pathlib import Path
from broadsheet.sources.polite import Manner, PoliteClient
url, locks, gap, count = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
manner = Manner("papers.test", gap_s=gap, timeout_s=60)
with PoliteClient(manner, version="1", locks=locks, trusted=[url]) as client:
    for _ in range(count):
        client.get(url + "/a")
"""


def test_processes_take_turns(tmp_path):
    """Two processes with one folder of locks never ask at once, and keep the gap between them."""
    with Loopback() as server:
        server.route("/a", Reply(b"a", delay_s=0.05))
        both = [start_script(ASKING, server.url, tmp_path, 0.3, 4) for _ in range(2)]
        codes = [ended(process) for process in both]

        assert [code for code, _, _ in codes] == [0, 0], codes
        assert len(server.log) == 8
        assert server.most_at_once == 1
        assert min(server.gaps) >= 0.3


def test_a_killed_process_holds_up_nobody(tmp_path):
    """Who is killed while asking lets go of the lock at once; the gap after it is kept."""
    with Loopback() as server:
        server.route("/a", [Reply(delay_s=60), xml("<feed/>")])
        asking = start_script(ASKING, server.url, tmp_path, 0.3, 1)
        server.wait_for(1)
        asking.send_signal(signal.SIGKILL)
        asking.communicate(timeout=PATIENCE)
        killed = clocks.monotonic()
        after = start_script(ASKING, server.url, tmp_path, 0.3, 1)
        assert ended(after)[0] == 0

        assert 0.3 <= server.log[1].at - killed < 30
