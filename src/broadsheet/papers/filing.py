"""What becomes of a batch of records: decided purely, carried out by `collection.papers`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from broadsheet.errors import DecisionError
from broadsheet.papers.appearances import Stamp, carried_over, stamp
from broadsheet.papers.identity import (
    Evidence,
    compose,
    contradicts,
    evidence,
    ids_conflict,
    same_paper,
)
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record

Outcome = Literal["new", "updated", "merged", "unchanged"]
Key = tuple[str, str]
"""A record's `(source, key)`."""


@dataclass(slots=True)
class Filed:
    """A paper as the record holds it: its records, and when it was first seen.

    `paper` and `stamp` are set for papers that were touched.
    """

    id: PaperId
    records: dict[Key, Record]
    first_seen: str
    paper: Paper | None = None
    stamp: Stamp | None = None
    is_new: bool = False
    _evidence: dict[Key, Evidence] = field(default_factory=dict)

    @property
    def ids(self) -> set[ExternalId]:
        """All external ids that its records give."""
        return {i for r in self.records.values() for i in r.external_ids}

    @property
    def has_place(self) -> bool:
        """Whether any of its records stood on a saved page."""
        return any(r.place for r in self.records.values())

    @property
    def title_keys(self) -> set[str]:
        """The folded titles that its records give."""
        return {self.evidence_of(k).key for k in self.records}

    def evidence_of(self, key: Key) -> Evidence:
        """Return what the record under `key` says, computed once."""
        if key not in self._evidence:
            self._evidence[key] = evidence(self.records[key])
        return self._evidence[key]

    def put(self, record: Record, said: Evidence) -> None:
        """Take `record` in, in place of an older one under the same key, with what it says."""
        key = (record.source, record.key)
        self.records[key] = record
        self._evidence[key] = said

    def take(self, key: Key) -> Record:
        """Take the record under `key` out, and return it."""
        self._evidence.pop(key, None)
        return self.records.pop(key)


@dataclass(slots=True)
class Known:
    """What the record holds that a batch may touch.

    `apart` has, for a record that a person told apart from others, the keys of those; it is
    symmetric. `page_days` has the days of the saved pages that have one.
    """

    filed: dict[PaperId, Filed]
    by_record: dict[Key, PaperId]
    by_external_id: dict[ExternalId, PaperId]
    by_title: dict[str, list[PaperId]]
    next_id: int
    apart: dict[Key, set[Key]] = field(default_factory=dict)
    page_days: dict[str, str] = field(default_factory=dict)


class Intents(NamedTuple):
    """What is to be written: the papers touched, their changed records, and the counts.

    `papers` are composed anew; `records` maps every record written to its paper; `merged_into`
    maps papers that are no more to the paper that took their records; `revived` are papers that
    had been merged and stand for themselves again.
    """

    papers: list[Filed]
    records: dict[Key, PaperId]
    merged_into: dict[PaperId, PaperId]
    outcomes: list[Outcome]
    revived: tuple[PaperId, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """How many records had each outcome."""
        return Counter(self.outcomes)


def decide(records: Iterable[Record], known: Known, now: str) -> Intents:
    """Return what filing `records`, in this order, does to the papers in `known`.

    `known` must hold every paper that shares a record key, an external id or a folded title
    with the batch; it is changed in place. Filing the same records again changes nothing.
    """
    desk = _Desk(known, now)
    outcomes = [desk.file(record) for record in records]
    return desk.intents(outcomes)


def refresh(known: Known, now: str) -> Intents:
    """Return what composing every paper in `known` anew from its records does."""
    desk = _Desk(known, now)
    desk.touched |= set(known.filed)
    return desk.intents([])


def merge(known: Known, one: PaperId, other: PaperId, now: str) -> Intents:
    """Return what making two papers one by hand does: the older one takes the other's records."""
    desk = _Desk(known, now)
    desk.absorb(known.filed[one], known.filed[other])
    return desk.intents([])


def split(known: Known, paper: PaperId, keys: Sequence[Key], into: PaperId, now: str) -> Intents:
    """Return what moving the records `keys` of `paper` to the paper `into` does.

    `into` is not in `known.filed`: it is a new paper, or one that was merged and is revived. Raises
    DecisionError if the paper does not hold these records, or holds no others.
    """
    home = known.filed[paper]
    missing = [key for _, key in (k for k in keys if k not in home.records)]
    if missing or not keys:
        raise DecisionError(f"p{paper} holds no record {', '.join(missing) or 'to split off'}")
    if len(set(keys)) == len(home.records):
        raise DecisionError(f"p{paper} has only this record: there is nothing to split it from")
    desk = _Desk(known, now)
    desk.part(home, keys, into)
    intents = desk.intents([])
    is_old = into < known.next_id
    return intents._replace(revived=(into,) if is_old else ())


class _Desk:
    """The working state of one `decide`."""

    def __init__(self, known: Known, now: str) -> None:
        self.known = known
        self.now = now
        self.touched: set[PaperId] = set()
        self.written: dict[Key, PaperId] = {}
        self.merged_into: dict[PaperId, PaperId] = {}

    def intents(self, outcomes: list[Outcome]) -> Intents:
        """Return what is to be written, the papers touched composed anew."""
        touched = [self.known.filed[i] for i in sorted(self.touched)]
        for filed in touched:
            records = list(filed.records.values())
            made = stamp(records, filed.first_seen, self.known.page_days)
            filed.paper = compose(filed.id, records, filed.first_seen, made)
            filed.stamp = made
        return Intents(touched, self.written, self.merged_into, outcomes)

    def file(self, record: Record) -> Outcome:
        key = (record.source, record.key)
        old = self.known.by_record.get(key)
        before = self.known.filed[old].records.get(key) if old is not None else None
        if before is not None:
            record = carried_over(before, record, self.now[:10])
        if before == record:
            return "unchanged"
        mine = evidence(record)
        matches = self._matches(record, mine)
        if old is not None:
            matches = [old, *(m for m in matches if m != old)]
        if not matches:
            self._write(self._open_paper(), record, mine)
            return "new"
        home = self._join(matches)
        self._write(home, record, mine)
        return "updated" if old is not None else "merged"

    def _matches(self, record: Record, mine: Evidence) -> list[PaperId]:
        """Return the papers that `record` belongs to, oldest first: ids before evidence."""
        by_id = self.known.by_external_id
        known = [(i, by_id[i]) for i in record.external_ids if i in by_id]
        found = sorted({paper for i, paper in known if self._may_share(i, mine, paper)})
        by_evidence = [
            p
            for p in self.known.by_title.get(mine.key, ())
            if p not in found and self._is_same(mine, self.known.filed[p])
        ]
        apart = self.known.apart.get((record.source, record.key))
        return [
            p for p in (*found, *sorted(by_evidence))
            if not apart or apart.isdisjoint(self.known.filed[p].records)
        ]  # fmt: skip

    def _may_share(self, shared: ExternalId, mine: Evidence, paper: PaperId) -> bool:
        """Return whether an id that leads to `paper` is to be believed of a record, too."""
        filed = self.known.filed[paper]
        is_sure = shared.namespace == "arxiv"
        return is_sure or not all(contradicts(mine, filed.evidence_of(k)) for k in filed.records)

    def _is_same(self, mine: Evidence, filed: Filed) -> bool:
        if ids_conflict(mine.ids, filed.ids, "arxiv"):
            return False
        return any(same_paper(mine, filed.evidence_of(k)) for k in filed.records)

    def _join(self, matches: Sequence[PaperId]) -> Filed:
        """Return the first paper, with those of the others that do not contradict it taken in."""
        home = self.known.filed[matches[0]]
        for other in matches[1:]:
            filed = self.known.filed[other]
            if not ids_conflict(home.ids, filed.ids, "arxiv") and not self._are_apart(home, filed):
                home = self.absorb(home, filed)
        return home

    def _are_apart(self, one: Filed, other: Filed) -> bool:
        """Return whether a person told a record of one paper apart from one of the other."""
        apart = self.known.apart
        return bool(apart) and any(
            not apart[k].isdisjoint(other.records) for k in one.records if k in apart
        )

    def part(self, home: Filed, keys: Sequence[Key], into: PaperId) -> None:
        """Move records of a paper to another, with the ids that only they give."""
        gone = Filed(into, {}, home.first_seen, is_new=into >= self.known.next_id)
        self.known.filed[into] = gone
        moved = [home.take(key) for key in keys]
        for external_id in {i for r in moved for i in r.external_ids} - home.ids:
            if self.known.by_external_id.get(external_id) == home.id:
                del self.known.by_external_id[external_id]
        for record in moved:
            self._write(gone, record, evidence(record))
        self.touched.add(home.id)

    def absorb(self, one: Filed, other: Filed) -> Filed:
        """Return the older of two papers holding the records of both."""
        home, gone = (one, other) if one.id < other.id else (other, one)
        for key, record in gone.records.items():
            self._write(home, record, gone.evidence_of(key))
        home.first_seen = min(home.first_seen, gone.first_seen)
        del self.known.filed[gone.id]
        self.touched.discard(gone.id)
        self._redirect(gone.id, home.id)
        return home

    def _redirect(self, gone: PaperId, home: PaperId) -> None:
        self.merged_into = {k: home if v == gone else v for k, v in self.merged_into.items()}
        self.merged_into[gone] = home
        for table in (self.known.by_record, self.known.by_external_id, self.written):
            for key, value in table.items():
                if value == gone:
                    table[key] = home  # type: ignore[index]
        for papers in self.known.by_title.values():
            if gone in papers:
                papers.remove(gone)

    def _open_paper(self) -> Filed:
        filed = Filed(PaperId(self.known.next_id), {}, self.now, is_new=True)
        self.known.next_id += 1
        self.known.filed[filed.id] = filed
        return filed

    def _write(self, home: Filed, record: Record, said: Evidence) -> None:
        key = (record.source, record.key)
        home.put(record, said)
        self.touched.add(home.id)
        self.written[key] = home.id
        self.known.by_record[key] = home.id
        for external_id in record.external_ids:
            # An id that two papers give leads to the first: one id leads to one paper.
            self.known.by_external_id.setdefault(external_id, home.id)
        papers = self.known.by_title.setdefault(said.key, [])
        if home.id not in papers:
            papers.append(home.id)
