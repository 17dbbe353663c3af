"""Whether real papers that are typed anew are found to be here, and new ones are not."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from broadsheet.readers.rules import Rules
from broadsheet.readers.submissions import Entry
from broadsheet.sources import files
from processes import IS_LONG
from readers.circle import join
from shared_data import SHARED, needs_shared

HELD, TRIED = (2500, 150) if IS_LONG else (200, 20)


def swapped(title: str, chance: random.Random) -> str:
    """Return a title in which two letters changed places."""
    at = chance.randrange(1, len(title) - 2)
    return title[:at] + title[at + 1] + title[at] + title[at + 2 :]


def cut(title: str, chance: random.Random) -> str:
    """Return a title without one of its words."""
    words = title.split()
    words.pop(chance.randrange(len(words)))
    return " ".join(words)


@needs_shared
def test_papers_that_are_here_are_led_to_and_new_ones_are_not(tmp_path):
    """Typed as it is, a title leads to its paper; with a slip, the paper is offered."""
    with files.read(SHARED / "corpus" / "arxiv_daily.jsonl.xz") as reading:
        wide = islice(reading, 3 * (HELD + TRIED))
        records = [r for r in wide if isinstance(r, Record) and r.authors and len(r.title) > 30]
    chance = random.Random(6)
    chance.shuffle(records)
    held, new = records[:HELD], records[HELD : HELD + TRIED]
    tried = chance.sample(held, TRIED)
    with open_library(
        tmp_path / "home", rules=Rules(is_shared=True, submit_per_day=1000)
    ) as library:
        for _ in library.file(held, source="real", counts=Counter()):
            pass

        def states(entries: list[Entry]) -> Counter[str]:
            return Counter(library.submissions.enter(someone(), e).state for e in entries)

        def someone():
            return join(library, f"reader-{chance.getrandbits(60)}")

        whole = states([Entry(r.title.lower(), r.authors[:1]) for r in tried])
        slips = states([Entry(swapped(r.title, chance), r.authors[:2]) for r in tried])
        short = states([Entry(cut(r.title, chance), r.authors[:2]) for r in tried])
        fresh = states([Entry(r.title, r.authors, r.abstract) for r in new])
    print(f"\n{TRIED} of {HELD}: as it is {whole}, slip {slips}, word less {short}, new {fresh}")  # noqa: T201

    assert whole["here"] >= 0.95 * TRIED
    assert slips["here"] + slips["choose"] >= 0.95 * TRIED
    assert short["here"] + short["choose"] >= 0.9 * TRIED
    assert fresh["waiting"] >= 0.95 * TRIED
