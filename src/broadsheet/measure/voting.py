"""`bench --voters`: how long a vote takes while many readers vote and comment.

A real server answers real processes over HTTP, in a temporary home with invented readers.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from broadsheet import config
from broadsheet.factory import open_library
from broadsheet.measure.crowd import Act, Plan
from broadsheet.measure.quality import Show
from broadsheet.measure.speed import Row
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Record
from broadsheet.readers.permissions import OWNER
from broadsheet.readers.rules import Rules

VOTE_MS: Final = 150
"""The 99th centile of a vote, among 200 readers."""
PAUSE: Final = 2.5
"""Seconds between the acts of a reader: nobody reads a title quicker, and limits allow no more."""
SECONDS: Final = 30
PAPERS: Final = 500
PROCESSES: Final = 4
KINDS: Final = ("up", "back", "comment")
_SEED: Final = 20261121
_RULES: Final = Rules(is_shared=True, is_public=True, sign_up="invited")
_SETTINGS: Final = 'shared = "on"\npublic = "on"\n'


class Told(NamedTuple):
    """What the members of a crowd did, by their names, each in order."""

    acts: dict[str, list[Act]]

    def times(self, *kinds: str) -> list[float]:
        """Return the ms that it took to answer acts of these kinds."""
        return [a.ms for acts in self.acts.values() for a in acts if a.what in kinds and a.status]

    def statuses(self) -> Counter[int]:
        """Return how many acts were answered with each status."""
        return Counter(a.status for acts in self.acts.values() for a in acts)


def bench(readers: int, progress: Show) -> dict[str, Any]:
    """Return the table of what votes and comments take with so many readers."""
    with TemporaryDirectory(prefix="broadsheet-bench-") as scratch:
        home = Path(scratch) / "home"
        tokens = gather(home, readers, progress)
        with serving(home) as (_, address):
            crowd(address, dict(list(tokens.items())[:4]), seconds=2, pause=0.2)
            told = crowd(address, tokens, seconds=SECONDS, pause=PAUSE)
            began = time.perf_counter()
            rush = crowd(address, tokens, seconds=SECONDS, pause=0, most=1, seed=_SEED + 1)
            took = time.perf_counter() - began
    rows = [
        _row(f"a vote, {readers:,} readers, each every {PAUSE:g} s", told.times("up", "back"),
             VOTE_MS),
        _row("a comment, among them", told.times("comment"), None),
        Row("answers a second, among them", f"{len(told.times(*KINDS)) / SECONDS:,.0f}", "", None),
        _row(f"all {readers:,} at the same moment", rush.times(*KINDS), None),
        Row("… and until the last of them knew", f"{took:.1f} s", "", None),
        Row("answers by status", _counted(told.statuses() + rush.statuses()), "", None),
    ]  # fmt: skip
    facts = {"papers": PAPERS, "text": f"{readers:,} readers in {PROCESSES} processes, one server"}
    return facts | {"rows": [row._asdict() for row in rows]}


def _row(what: str, times: Sequence[float], budget: float | None) -> Row:
    middle, slow = float(np.median(times)), float(np.percentile(times, 99))
    told = f"p99 {budget:g} ms" if budget else ""
    is_ok = slow <= budget if budget else None
    return Row(f"{what}, p50 / p99", f"{middle:.0f} / {slow:.0f} ms", told, is_ok)


def _counted(statuses: Counter[int]) -> str:
    return ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))


# ---------------------------------------------------------------------------- the parts


def gather(home: Path, readers: int, progress: Show, papers: int = PAPERS) -> dict[str, str]:
    """Make a shared home with papers and readers; return the API token of each by their name."""
    with open_library(home, rules=_RULES) as library:
        made = (Record("invented", f"{n}", f"Kites and lighthouses, part {n}", year=2026)
                for n in range(1, papers + 1))  # fmt: skip
        for _ in library.file(made, source="invented", counts=Counter()):
            pass
        tokens = {}
        for number in range(1, readers + 1):
            name = f"reader-{number:04}"
            link = library.accounts.invite(OWNER).link.rsplit("/", 1)[1]
            session = library.accounts.use(link, name, f"{name} likes kites")
            if session is not None:
                tokens[name] = library.accounts.make_token(session.actor, "crowd", ["act"]).secret
            progress("readers", number, readers, number)
    (home / config.FILE_NAME).write_text(_SETTINGS, encoding="utf-8")
    return tokens


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """Give a real server of a home, with its address, until the end."""
    command = [sys.executable, "-m", "broadsheet", "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            said = next(line for line in server.stdout or [] if "//" in line)
            host, _, port = said.split("//")[1].split("/")[0].partition(":")
            yield server, (host, int(port))
        finally:
            server.terminate()


def crowd(
    address: tuple[str, int],
    tokens: dict[str, str],
    *,
    seconds: float,
    pause: float,
    most: int = 1_000_000,
    seed: int = _SEED,
    papers: int = PAPERS,
) -> Told:
    """Let readers vote and comment from several processes, and return what came of it."""
    names = list(tokens)
    shares = [share for n in range(PROCESSES) if (share := names[n::PROCESSES])]
    idents = [format_paper_id(n) for n in range(1, papers + 1)]
    plans = [
        Plan(*address, [tokens[n] for n in share], idents, seconds, pause, seed, most)
        for share in shares
    ]
    with ThreadPoolExecutor(PROCESSES) as threads:
        done = list(threads.map(_acts, plans))
    found: dict[str, list[Act]] = {name: [] for name in names}
    for share, acts in zip(shares, done, strict=True):
        for act in acts:
            found[share[act.reader]].append(act)
    return Told(found)


def _acts(plan: Plan) -> list[Act]:
    command = [sys.executable, "-m", "broadsheet.measure.crowd"]
    given = orjson.dumps(plan._asdict())
    ended = subprocess.run(command, input=given, capture_output=True, check=True)  # noqa: S603
    return [Act(*act) for act in orjson.loads(ended.stdout)]
