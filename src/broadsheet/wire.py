"""The JSON forms of what the library gives: the same for the API and for `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broadsheet.collection.papers import FiledRecord
from broadsheet.collection.runs import Reject
from broadsheet.errors import BroadsheetError, QueryError, status_of
from broadsheet.library import Report, Sheet
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Paper, SavedPage
from broadsheet.search.engine import Hit, Page

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
    }
    return {k: v for k, v in facts.items() if v or k in {"id", "title"}}


def hit(found: Hit) -> Json:
    """Return a hit: its paper, score, reasons, and where the query's words stand (start, end)."""
    return {
        **paper(found.paper),
        "score": found.score,
        "reasons": [
            {"kind": r.kind, "text": r.text, **({} if r.value is None else {"value": r.value})}
            for r in found.reasons
        ],
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
        "similar": [hit(h) for h in similar],
    }


def reject(found: Reject) -> Json:
    """Return a record that was set aside."""
    return found._asdict()


def report(found: Report) -> Json:
    """Return what a check found; `ok` is true if there are no problems."""
    return {"ok": not found.problems, **found._asdict()}


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
