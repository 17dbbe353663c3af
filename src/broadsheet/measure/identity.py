"""How well papers are told apart: pairs of records, labelled, against what filing made of them."""

from __future__ import annotations

import csv
import lzma
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from broadsheet.collection import papers as store
from broadsheet.collection.database import Database
from broadsheet.errors import RecordError, SourceError
from broadsheet.library import BATCH, utc_now
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.types import Record
from broadsheet.sources import files

Show = Callable[[str, int, int | None, int], None]
SAME = ("same", "same_within_source")
UNSURE = "unsure"


class Pair(NamedTuple):
    """Two records and whether people or a rule call them the same paper."""

    label: str
    one: str
    other: str
    title: str


class Verdict(NamedTuple):
    """What filing made of a pair: the papers of its records, None for one that was not filed."""

    pair: Pair
    papers: tuple[int | None, int | None]

    @property
    def is_found(self) -> bool:
        """Whether both records were filed."""
        return None not in self.papers

    @property
    def is_merged(self) -> bool:
        """Whether both records are one paper."""
        return self.is_found and self.papers[0] == self.papers[1]

    @property
    def is_wrong(self) -> bool:
        """Whether what was made of the pair is not what its label says."""
        expected = self.pair.label in SAME
        return self.is_found and self.pair.label != UNSURE and self.is_merged != expected


def judge(
    pairs: Path, corpora: Sequence[Path], *, progress: Show, errors: int = 20
) -> dict[str, Any]:
    """File `corpora` in an empty home and return how the labelled pairs of records came out.

    `pairs` is tab-separated with a heading: label, id_a, id_b, …, title_a. Pairs of which a record
    is not in the corpora count as absent. Recall is the share of the pairs labelled `same` that are
    one paper; precision is the share of pairs labelled the same (within one source or across)
    among all merged pairs but those labelled unsure. Raises SourceError for a file of pairs that
    cannot be read.
    """
    wanted = list(_read(pairs))
    with (
        tempfile.TemporaryDirectory(prefix="broadsheet-identity-") as scratch,
        Database(Path(scratch) / "broadsheet.db") as database,
    ):
        for path in corpora:
            _file(database, path, progress)
        with database.read() as connection:
            owners = {
                (source, key): paper
                for source in store.sources(connection)
                for key, paper in store.keys_of_source(connection, source)
            }
            number = store.count(connection)
    verdicts = _verdicts(wanted, owners)
    # What is wrong across sources comes first: within one, copies with ids of their own are many.
    wrong = sorted((v for v in verdicts if v.is_wrong), key=lambda v: v.pair.label == SAME[1])
    return {
        "papers": number,
        "records": len(owners),
        **_figures(verdicts),
        "labels": [_row(label, verdicts) for label in dict.fromkeys(p.label for p in wanted)],
        "errors": [_error(v) for v in wrong[:errors]],
    }


def _read(path: Path) -> Iterator[Pair]:
    opened = lzma.open if path.suffix == ".xz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield Pair(row["label"], row["id_a"], row["id_b"], row.get("title_a") or "")
    except (OSError, KeyError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise SourceError(
            f"{path} is not a table of pairs with label, id_a and id_b: {error}", source=str(path)
        ) from error


def _file(database: Database, path: Path, progress: Show) -> None:
    """File the records of one file, in batches; nothing is indexed."""
    now, done = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"), 0
    with files.read(path) as reading:
        records: Iterator[Record] = (r for r in reading if not isinstance(r, RecordError))
        while batch := list(islice(records, BATCH)):
            with database.write() as connection:
                store.file(connection, batch, now)
            done += len(batch)
            progress(reading.name, reading.done, reading.size, done)


def _verdicts(pairs: Sequence[Pair], owners: dict[tuple[str, str], int]) -> list[Verdict]:
    sources = {source for source, _ in owners}
    by_key = {key: paper for (_, key), paper in owners.items()}

    def paper_of(name: str) -> int | None:
        """Return the paper of the record `source:key`, or of the one whose key is all of `name`.

        A source may call its key by an id of another: Hugging Face's are `arxiv:2405.15738`.
        """
        source, _, key = name.partition(":")
        if source not in sources:
            return by_key.get(name)
        spellings = (key, name, str(parse_external_id(name)))
        return next((owners[source, k] for k in spellings if (source, k) in owners), None)

    return [Verdict(p, (paper_of(p.one), paper_of(p.other))) for p in pairs]


def _figures(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    merged = [v.pair.label for v in verdicts if v.is_merged and v.pair.label != UNSURE]
    same = [v.is_merged for v in verdicts if v.is_found and v.pair.label == SAME[0]]
    right = sum(label in SAME for label in merged)
    return {
        "precision": round(right / len(merged), 4) if merged else None,
        "recall": round(sum(same) / len(same), 4) if same else None,
    }


def _row(label: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    mine = [v for v in verdicts if v.pair.label == label]
    found = [v for v in mine if v.is_found]
    return {
        "label": label,
        "pairs": len(mine),
        "found": len(found),
        "merged": sum(v.is_merged for v in found),
        "apart": sum(not v.is_merged for v in found),
    }


def _error(verdict: Verdict) -> dict[str, str]:
    pair, what = verdict.pair, "merged" if verdict.is_merged else "apart"
    return {
        "label": pair.label,
        "made": what,
        "one": pair.one,
        "other": pair.other,
        "title": pair.title,
    }
