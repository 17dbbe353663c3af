"""The JSON forms of what the library gives: the same for the API and for `--json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from broadsheet.collection.backup import Manifest
from broadsheet.collection.decisions import Decision
from broadsheet.collection.papers import FiledRecord
from broadsheet.collection.runs import Reject, Run
from broadsheet.collection.signals import Observed
from broadsheet.editions.edition import Day, Edition, Listing, Placed
from broadsheet.editions.trending_list import Trending, TrendingPlace
from broadsheet.errors import BroadsheetError, QueryError, status_of
from broadsheet.library import Report, Sheet, Status
from broadsheet.papers.duplicates import NearMiss
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Paper, PaperId, SavedPage
from broadsheet.search.deepening import DeepState
from broadsheet.search.engine import Hit, Page, Similar
from broadsheet.search.explaining import Explanation, Worded
from broadsheet.search.ranking import Reason

if TYPE_CHECKING:
    from broadsheet.harvest.adding import Added
    from broadsheet.harvest.harvester import Report as HarvestReport
    from broadsheet.harvest.newsroom import Standing
    from broadsheet.harvest.reconcile import Reconciliation
    from broadsheet.sources.base import Finding

Json = dict[str, Any]


def paper(found: Paper) -> Json:
    """Return a paper; what is not known is left out, but for id and title."""
    facts = {
        "id": format_paper_id(found.id),
        "title": found.title,
        "abstract": found.abstract,
        "summary": found.summary,
        "authors": list(found.authors),
        "year": found.year,
        "day": found.day,
        "submitted": found.submitted,
        "announced": found.announced,
        "updated": found.updated,
        "published": found.published,
        "venue": found.venue,
        "categories": list(found.categories),
        "keywords": list(found.keywords),
        "comment": found.comment,
        "withdrawn": found.withdrawn,
        "external_ids": {i.namespace: i.value for i in found.external_ids},
        "links": [{"kind": kind, "url": url} for kind, url in found.links],
        "sources": list(found.sources),
        "first_seen": found.first_seen,
        "edition": found.edition,
        "basis": found.basis,
        "upvotes": found.upvotes,
    }
    # Counted and found to be none is not the same as not counted.
    always = {"id", "title"} | ({"upvotes"} if found.upvotes == 0 else set())
    return {k: v for k, v in facts.items() if v or k in always}


def _reason(found: Reason) -> Json:
    return {
        "kind": found.kind,
        "text": found.text,
        **({} if found.value is None else {"value": found.value}),
    }


def _explanation(found: Explanation) -> Json:
    cosines = {"static": found.static, "deep": found.deep}
    return {
        "parts": {part: round(added, 6) for part, added in found.parts.items()},
        "words": [_worded(word) for word in found.words],
        "cosines": {
            tier: round(cosine, 6) for tier, cosine in cosines.items() if cosine is not None
        },
        "near": [{**p._asdict(), "share": round(p.share, 6)} for p in found.affinities],
    }


def _worded(found: Worded) -> Json:
    told = {"word": found.text, "share": round(found.share, 6), "kind": found.kind}
    return {**told, "of": found.of} if found.of else told


def hit(found: Hit) -> Json:
    """Return a hit: its paper, score, reasons, and where the query's words stand (start, end)."""
    return {
        **paper(found.paper),
        "score": found.score,
        "reasons": [_reason(r) for r in found.reasons],
        **_explanation(found.made),
        "highlights": {"title": found.title.spans, "abstract": found.abstract.spans},
    }


def page(found: Page) -> Json:
    """Return a page of search results."""
    return {
        "query": found.query,
        "mode": found.mode,
        "total": found.total,
        "took_ms": found.took_ms,
        "hits": [hit(h) for h in found.hits],
        "facets": {
            name: [{"value": value, "count": count} for value, count in values]
            for name, values in found.facets.items()
        },
        "next": found.next,
        "notice": found.notice,
        "understood": [note._asdict() for note in found.understood],
    }


def similar(ident: str, found: Similar) -> Json:
    """Return the papers most like the one with the id `ident`."""
    return {
        "id": ident,
        "facet": found.facet,
        "hits": [hit(h) for h in found.hits],
        "notice": found.notice,
    }


def _record(found: FiledRecord) -> Json:
    record = found.record
    return {
        "source": record.source,
        "key": record.key,
        "title": record.title,
        "abstract": record.abstract,
        "authors": list(record.authors),
        "first_seen": found.first_seen,
        "last_changed": found.last_changed,
        "extra": record.extra,
    }


def saved_page(found: SavedPage) -> Json:
    """Return what is kept of a saved page itself."""
    return {
        "key": found.key,
        "name": found.name,
        "header": list(found.header),
        "day_seen": found.day_seen,
        "day": found.day,
        "entries": found.entries,
    }


def sheet(found: Sheet, similar: Sequence[Hit] = ()) -> Json:
    """Return a paper with the records it is made of, the pages it stood on, and similar papers."""
    return {
        **paper(found.paper),
        "records": [_record(r) for r in found.records],
        "places": [{**saved_page(p), "position": position} for p, position in found.places],
        "again": [{"day": a.day, "kind": a.kind, "note": a.note} for a in found.again],
        "decisions": [decision(d) for d in found.decisions],
        "signals": [signal(o) for o in found.signals],
        "here": {"upvotes": found.here.upvotes, "comments": found.here.comments},
        "similar": [hit(h) for h in similar],
    }


def signal(found: Observed) -> Json:
    """Return what a source counted of the attention to a paper, and when it was seen."""
    return {
        "kind": found.kind,
        "source": found.source,
        "key": found.key,
        "seen": found.seen,
        "value": found.value,
    }


def placed(found: Placed) -> Json:
    """Return a paper of an edition with the reason of its place, and who picked it."""
    mark = found.pick and {"by": found.pick.by, "note": found.pick.note, "at": found.pick.at}
    return {**paper(found.paper), "reason": _reason(found.reason), "pick": mark}


def edition(found: Edition) -> Json:
    """Return an edition: leads, sections, what came again, and how much each day holds."""
    return {
        "period": found.period.key,
        "kind": found.period.kind,
        "title": found.period.title,
        "query": found.query,
        "total": found.total,
        "basis": found.basis,
        "closed": found.is_closed,
        "silence": found.silence,
        "before": found.before and found.before.isoformat(),
        "after": found.after and found.after.isoformat(),
        "leads": [placed(p) for p in found.leads],
        "sections": [
            {
                "name": s.name,
                "label": s.label,
                "total": s.total,
                "papers": [placed(p) for p in s.places],
            }
            for s in found.sections
        ],
        "again": [
            {**paper(a.paper), "again": {"day": a.day, "kind": a.kind, "note": a.note}}
            for a in found.again
        ],
        "days": calendar(found.days),
    }


def listing(found: Listing) -> Json:
    """Return a slice of a section of an edition."""
    return {
        "label": found.label,
        "total": found.total,
        "papers": [placed(p) for p in found.places],
    }


def calendar(found: Iterable[Day]) -> list[Json]:
    """Return how many papers each day holds, and why a day holds none."""
    return [{"day": d.day.isoformat(), "papers": d.papers, "silence": d.silence} for d in found]


def trending(found: Trending) -> Json:
    """Return what is trending, with all that a place can be recomputed from."""
    return {
        "view": found.view,
        "window": found.window,
        "at": found.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "query": found.query,
        "total": found.total,
        "papers": [_trending_place(p) for p in found.places],
        "scales": [
            {"kind": kind, "source": source, **scale._asdict()}
            for (kind, source), scale in sorted(found.scales.items())
        ],
    }


def _trending_place(found: TrendingPlace) -> Json:
    return {
        **paper(found.paper),
        "score": round(found.score, 6),
        "standing": round(found.standing, 6),
        "age": round(found.age, 4),
        "reasons": list(found.reasons),
        "signals": [
            {**p._asdict(), "burst": p.burst._asdict() if p.burst else None} for p in found.parts
        ],
    }


def decision(found: Decision) -> Json:
    """Return a decision by hand; `undone` is null while it stands."""
    return {
        "id": found.id,
        "kind": found.kind,
        "paper": format_paper_id(found.paper),
        "other": format_paper_id(found.other),
        "records": [f"{source}:{key}" for source, key in found.records],
        "note": found.note,
        "made": found.made,
        "undone": found.undone,
    }


def near_miss(found: NearMiss) -> Json:
    """Return two papers that may be one, with the evidence."""
    return {
        "one": paper(found.one),
        "other": paper(found.other),
        "kind": found.kind,
        "score": found.score,
        "reasons": list(found.reasons),
    }


def reject(found: Reject) -> Json:
    """Return a record that was set aside."""
    return found._asdict()


def report(found: Report) -> Json:
    """Return what a check found; `ok` is true if there are no problems."""
    return {"ok": not found.problems, **found._asdict()}


def run(found: Run) -> Json:
    """Return an import or harvest with its outcome."""
    return found._asdict()


def standing(found: Standing) -> Json:
    """Return how a source stands; times are ISO, in UTC."""
    return found._asdict() | {
        "does": list(found.does),
        "last": run(found.last) if found.last else None,
        "next_due": found.next_due.strftime("%Y-%m-%dT%H:%M:%SZ") if found.next_due else None,
    }


def findings(found: Mapping[str, Sequence[Finding]]) -> Json:
    """Return what live answers look like, field by field."""
    return {
        name: {"ok": all(f.is_well for f in fields), "fields": [f._asdict() for f in fields]}
        for name, fields in found.items()
    }


def harvested(found: HarvestReport) -> Json:
    """Return what came of a harvest."""
    return found._asdict()


def added(found: Added, titles: Mapping[PaperId, str]) -> Json:
    """Return what became of a wish to add a paper."""
    return {
        "wanted": found.wanted,
        "paper": format_paper_id(found.paper) if found.paper else None,
        "title": titles.get(found.paper) if found.paper else None,
        "outcome": found.outcome,
        "reason": found.reason,
        "candidates": [
            {"title": r.title, "authors": list(r.authors), "ids": [str(i) for i in r.external_ids]}
            for r in found.candidates
        ],
    }


def reconciliation(found: Reconciliation) -> Json:
    """Return a listing beside what is held; ids in words."""
    return {
        "category": found.category,
        "day": found.day,
        "agrees": found.agrees,
        "listed": dict(found.listed),
        "held": dict(found.held),
        "missing": {s: [str(i) for i in ids] for s, ids in found.missing.items()},
        "other_day": [{"id": str(i), "day": day} for i, day in found.other_day],
        "extra": [{"id": str(i), "title": title} for i, title in found.extra],
        "uncounted": dict(found.uncounted),
    }


def deep(found: DeepState | None) -> Json:
    """Return how the deep tier stands, each fact null where it is off."""
    facts = dict.fromkeys(DeepState._fields) if found is None else found._asdict()
    return {"is_on": found is not None, **facts}


def status(
    found: Status, harvest: Sequence[Standing] | None = None, warnings: Sequence[str] = ()
) -> Json:
    """Return what the collection holds, how it does, and the warnings in words.

    `harvest` are the enabled sources as they stand, where they were asked for; `warnings` are
    those that stand before the collection's own.
    """
    held, index = found.held, found.index
    harvested = {} if harvest is None else {"harvest": [standing(s) for s in harvest]}
    return {
        "version": found.version,
        "schema": found.schema,
        "home": str(found.home),
        "papers": held.papers,
        "records": held.records,
        "rejects": held.rejects,
        "decisions": held.decisions,
        "first_day": held.first_day,
        "last_day": held.last_day,
        "sources": [s._asdict() for s in held.sources],
        "days": [{"day": d.day, "papers": d.papers} for d in found.days],
        "runs": [run(r) for r in found.runs],
        "sequence": index.last,
        "index": index._asdict(),
        "deep": deep(found.deep),
        "sizes": found.sizes,
        "last_backup": found.last_backup,
        "mail": found.mail._asdict(),
        "warnings": [*warnings, *found.warnings],
        **harvested,
    }


def backup(found: Manifest) -> Json:
    """Return what a backup holds."""
    facts = found._asdict()
    return facts | {"files": {name: content._asdict() for name, content in found.files.items()}}


def problem(error: BroadsheetError) -> Json:
    """Return an error as problem details (RFC 9457); a query's has its position and hint."""
    facts: Json = {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": status_of(error).http,
        "detail": str(error),
    }
    if isinstance(error, QueryError):
        facts |= {"query": error.query, "position": error.position, "hint": error.hint}
    return facts
