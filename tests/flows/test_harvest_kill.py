"""A harvest that is killed anywhere goes on to the same collection as one that was not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time as clocks
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arxiv_answers import EPrint
from arxiv_world import ArxivWorld, changes_of
from broadsheet.factory import open_library
from broadsheet.search.embedding import StaticEmbedder
from flows.harvesting import BEGAN
from loopback import FakeTime, Loopback
from processes import IS_LONG, PATIENCE, environment

SCRIPT = Path(__file__).with_name("harvesting.py")
KILLS = 30 if IS_LONG else 2
PAPERS = 600


def e_prints() -> list[EPrint]:
    """Return invented papers of the last days, some with a second version."""
    dice = random.Random(7)
    made = []
    for n in range(PAPERS):
        first = datetime(2026, 11, 12, 15, tzinfo=UTC) + timedelta(minutes=12 * n)
        later = first + timedelta(hours=30)
        categories = dice.choice([("cs.LG",), ("cs.CV", "cs.LG"), ("cs.LG", "stat.ML")])
        versions = (first, later) if dice.random() < 0.2 else (first,)
        title = f"Invented tides, part {n}"
        abstract = f"We measure the tides of harbour number {n}, and find water."
        made.append(EPrint(f"2611.{n:05}", title, abstract, categories=categories,
                           versions=versions))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def arxiv() -> Iterator[str]:
    """Give the address of a fake arXiv whose clock stands where the harvests begin."""
    with Loopback() as server:
        ArxivWorld(changes_of(e_prints()), FakeTime(BEGAN), page=25).mount(server)
        yield server.url


def started(home: Path, url: str) -> subprocess.Popen[bytes]:
    """Start a harvest in a process of its own."""
    return subprocess.Popen(
        [sys.executable, SCRIPT, home, url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip


def finished(home: Path, url: str) -> str:
    """Harvest to the end, and return what was said of it."""
    out, err = started(home, url).communicate(timeout=PATIENCE)
    assert not err, err.decode()
    return out.decode()


def content(home: Path, embedder: StaticEmbedder) -> tuple[list[object], list[str]]:
    """Return all that was filed, without when, and what a check finds wrong with it."""
    with open_library(home, embedder=embedder) as library:
        papers = [
            (p.title, p.edition, p.basis, p.external_ids, p.categories, p.updated, p.sources)
            for p in library.select()
        ]
        found = library.check()
        again = [library.sheet(f"p{p.id}").again for p in library.select()]
    return sorted(zip(papers, again, strict=True), key=repr), found.problems


@pytest.fixture(scope="module")
def undisturbed(arxiv, tmp_path_factory, embedder) -> tuple[list[object], float]:
    """Return what a harvest files that nobody killed, and how long it takes."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    began = clocks.monotonic()
    assert finished(home, arxiv).startswith("new:")
    took = clocks.monotonic() - began
    papers, problems = content(home, embedder)
    assert len(papers) > PAPERS // 2
    assert problems == []
    return papers, took


@pytest.mark.timeout(60 * 60 if IS_LONG else 300)
def test_a_harvest_that_is_killed_anywhere_ends_in_the_same_collection(
    arxiv, undisturbed, tmp_path: Path, embedder: StaticEmbedder
):
    """SIGKILL at random moments; every harvest goes on where the record stands."""
    papers, took = undisturbed
    dice = random.Random(0)
    killed = 0
    for number in range(4 * KILLS):
        home = tmp_path / f"home{number}"
        for _ in range(2):
            process = started(home, arxiv)
            clocks.sleep(dice.uniform(0.2, 1.0) * took)
            process.send_signal(signal.SIGKILL)
            if process.wait() == -signal.SIGKILL:
                killed += 1
            else:  # the machine is quicker now than when it was timed
                took *= 0.8
            process.communicate()
        finished(home, arxiv)
        found, problems = content(home, embedder)
        assert problems == []
        assert found == papers
        if killed >= KILLS:
            break
    assert killed >= KILLS
