"""A process that harvests arXiv from a server on this machine until it is done, or is killed.

    python tests/flows/harvesting.py HOME URL DAYS

Its time is a fake one that begins on a Wednesday and that no politeness delays, so that the record
is what it spends its time on. It runs what is due on each of so many days.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from loopback import FakeTime
from newsrooms import opened

BEGAN = datetime(2026, 11, 18, 12, tzinfo=UTC)
CATEGORIES = ["cs.LG", "cs.CV"]


def tables(url: str) -> dict[str, dict[str, object]]:
    """Return the settings of an arXiv that is at this address."""
    return {
        "arxiv": {
            "enabled": True,
            "categories": CATEGORIES,
            "oai_url": f"{url}/oai",
            "feed_url": f"{url}/atom",
            "listing_url": f"{url}/list",
            "query_url": f"{url}/api/query",
        }
    }


def main() -> None:
    """Harvest, and say at the end that all is done."""
    home, url = Path(sys.argv[1]), sys.argv[2]
    with opened(home, tables(url), FakeTime(BEGAN)) as library:
        report = library.newsroom.harvest("arxiv")
    sys.stdout.write(f"{report.outcome}: {report.reason}\n")


if __name__ == "__main__":
    main()
