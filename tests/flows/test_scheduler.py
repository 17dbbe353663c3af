"""Papers come by themselves while Broadsheet serves, once, however many processes look."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import pytest

from loopback import Loopback, Reply, Request, json_reply
from processes import PATIENCE, command, ended, printed, start


@pytest.fixture
def lists() -> Iterator[Loopback]:
    """Give a Hugging Face whose every list has one paper of its own."""
    with Loopback() as server:
        server.route("/api/daily_papers", one_paper)
        yield server


def one_paper(request: Request) -> Reply:
    """Return the list of the day that is asked for."""
    day = request.query["date"]
    number = int(day.replace("-", "")[-5:])
    paper: dict[str, Any] = {
        "id": f"2603.{number:05}",
        "title": f"Kites of {day}",
        "summary": "We fly kites.",
        "submittedOnDailyAt": f"{day}T00:00:00.000Z",
        "upvotes": 3,
        "authors": [{"name": "Ada Example"}],
    }
    return json_reply([{"paper": paper}])


@pytest.fixture
def home(tmp_path: Path, lists: Loopback) -> Path:
    """Return a home in which that source is enabled."""
    folder = tmp_path / "home"
    folder.mkdir()
    settings = f'[sources.hf]\nenabled = true\nurl = "{lists.url}"\n'
    (folder / "broadsheet.toml").write_text(settings, encoding="utf-8")
    return folder


def waited(home: Path, state: str) -> list[dict[str, Any]]:
    """Return the runs of the source once one of them has ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        runs = printed("--home", home, "runs", "hf", BROADSHEET_STATE=state)["runs"]
        if any(run["ended"] for run in runs):
            return runs
        time.sleep(0.5)
    raise AssertionError("nothing was harvested")


def test_papers_come_by_themselves_and_once(home: Path, lists: Loopback, tmp_path: Path):
    """A server and two commands look at the same time; the slot is run once, and shown."""
    state = str(tmp_path / "state")
    words = command("--home", home, "serve", "--port", 0)
    serving = start(words, BROADSHEET_STATE=state)
    ticks = [
        start(command("--home", home, "tick", "--json"), BROADSHEET_STATE=state) for _ in range(2)
    ]
    try:
        assert serving.stdout is not None
        said = serving.stdout.readline() + serving.stdout.readline()
        address = re.search(rb"http://\S+/", said)
        assert address is not None
        reports = [orjson.loads(ended(tick)[1]) for tick in ticks]
        runs = waited(home, state)
        page = urlopen(address[0].decode() + "status").read().decode()  # noqa: S310 (our own)
    finally:
        serving.send_signal(signal.SIGTERM)
        assert ended(serving)[0] in {0, -signal.SIGTERM}
    assert len(runs) == 1
    assert runs[0]["outcome"] == "new"
    assert runs[0]["slot"]
    assert sum(len(report["runs"]) for report in reports) <= 1
    asked = Counter(request.target for request in lists.log)
    assert set(asked.values()) == {1}
    assert lists.most_at_once == 1
    assert min(lists.gaps, default=1.0) >= 1.0
    assert "Hugging Face" in page
    assert printed("--home", home, "tick", BROADSHEET_STATE=state)["runs"] == []


def test_a_switch_keeps_it_from_coming(home: Path, lists: Loopback, tmp_path: Path):
    """With `schedule` off, `serve` asks nobody."""
    words = command("--home", home, "serve", "--port", 0)
    serving = start(words, BROADSHEET_STATE=str(tmp_path / "state"), BROADSHEET_SCHEDULE="off")
    assert serving.stdout is not None
    serving.stdout.readline()
    serving.stdout.readline()
    time.sleep(2)
    serving.send_signal(signal.SIGTERM)
    assert ended(serving)[0] in {0, -signal.SIGTERM}
    assert lists.log == []
