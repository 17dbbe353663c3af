"""How far search brings back what another system showed: saved pages as a weak signal.

What stands on a page was chosen by another search from a collection that nobody here knows, so
the figures say how alike two searches are, and not how good one is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from broadsheet.collection import papers as store
from broadsheet.errors import RecordError, SourceError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.measure import tiers as ways
from broadsheet.measure.quality import Show, ignore, understood
from broadsheet.measure.tiers import Asked, Tier
from broadsheet.search.judge import average_precision, recall
from broadsheet.sources import files

DEPTHS = (10, 20, 100, 1000)


class SavedQuery(NamedTuple):
    """The words that a saved page answers, and the papers that stand on it, best first."""

    page: str
    words: str
    papers: list[int]


def compare(
    pages: Path,
    corpora: Path,
    words: Mapping[str, str],
    *,
    home: Path | None = None,
    progress: Show = ignore,
) -> dict[str, Any]:
    """Return for each page in the folder `pages` and each tier how much of the page it finds.

    `words` has, for the beginning of a page's file name, what was searched for. All files in
    `corpora` are filed in `home`, unless it holds papers already, and beside them the pages;
    without a home in one that is thrown away. `found` counts the page's papers in the first
    `DEPTHS`, and `ap` is their average precision: among the first 1,000 of everything (`ap`), and
    with the papers of all pages alone (`ap_among_pages`); of `random` order it is what is expected.
    Raises SourceError for words of a page that is not there.
    """
    paths = {name: _page(pages, name) for name in words}
    with _filled(home, sorted(pages.glob("*.txt")), _corpora(corpora), progress) as library:
        saved = [SavedQuery(n, words[n], _papers(library, path)) for n, path in paths.items()]
        among = sorted({p for q in saved for p in q.papers})
        systems = ways.own(library)
        asked = [Asked(understood(library, q.words), q.words) for q in saved]
        held = library.count()
        found = zip(saved, asked, strict=True)
        rows = [row for q, wish in found for row in _rows(q, wish, systems, among, held)]
    return {"papers": held, "on_pages": len(among), "rows": rows}


def _page(pages: Path, name: str) -> Path:
    found = next(iter(sorted(pages.glob(f"{name}*.txt"))), None)
    if found is None:
        raise SourceError(f"{pages} has no page whose name begins with {name}", source=str(pages))
    return found


def _corpora(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl*"))


@contextmanager
def _filled(
    home: Path | None, pages: Sequence[Path], corpora: Sequence[Path], progress: Show
) -> Iterator[Library]:
    with (
        tempfile.TemporaryDirectory(prefix="broadsheet-eval-") as scratch,
        open_library(home or Path(scratch)) as library,
    ):
        # Pages that are filed already are so again, which takes a moment and changes nothing.
        for path in pages if library.count() else (*pages, *corpora):
            for done in library.import_file(path):
                progress(done.name, done.done, done.size, done.read)
        yield library


def _papers(library: Library, page: Path) -> list[int]:
    """Return the papers on a saved page, in its order."""
    with files.read(page) as reading:
        keys = [(r.source, r.key) for r in reading if not isinstance(r, RecordError)]
    with library.database.read() as connection:
        held = store.papers_of(connection, keys)
    return list(dict.fromkeys(held[key] for key in keys if key in held))


def _rows(
    saved: SavedQuery, asked: Asked, systems: Sequence[Tier], among: Sequence[int], held: int
) -> Iterator[dict[str, Any]]:
    judged = {str(p): 1.0 for p in saved.papers}
    facts = {"page": saved.page, "words": saved.words, "on_page": len(judged)}
    for tier in systems:
        ranking = [str(p) for p in tier.rank(asked)]
        inside = [str(p) for p in tier.rank(asked._replace(among=among))]
        found = {str(k): round(recall(ranking, judged, k) * len(judged)) for k in DEPTHS}
        yield facts | {
            "tier": tier.name,
            "found": found,
            "ap": round(average_precision(ranking, judged), 4),
            "ap_among_pages": round(average_precision(inside, judged), 4),
        }
    yield facts | {
        "tier": "random",
        "found": {str(k): round(len(judged) * min(k / held, 1.0), 2) for k in DEPTHS},
        "ap": round(expected_precision(len(judged), held), 4),
        "ap_among_pages": round(expected_precision(len(judged), len(among)), 4),
    }


def expected_precision(relevant: int, papers: int) -> float:
    """Return the average precision that a random order of `papers` is expected to have.

    With R relevant ones of N: ((R - 1) / (N - 1) * (N - H) + H) / N, where H = 1 + 1/2 + ... + 1/N
    (Bestgen 2015, "Exact expected average precision of the random baseline").
    """
    if not relevant or papers <= 1:
        return float(bool(relevant))
    harmonic = sum(1 / n for n in range(1, papers + 1))
    return ((relevant - 1) / (papers - 1) * (papers - harmonic) + harmonic) / papers
