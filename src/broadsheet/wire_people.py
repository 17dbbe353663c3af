"""The JSON forms of what people do: the same for the API and for `--json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from broadsheet.collection.actions import Taken
from broadsheet.collection.claims import Claim
from broadsheet.collection.comments import Wording
from broadsheet.collection.community import Report, Waiting
from broadsheet.collection.notices import Notice
from broadsheet.collection.picks import Pick
from broadsheet.collection.submissions import Submission
from broadsheet.collection.votes import Counted
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import PaperId
from broadsheet.readers.comments import Comment, Thread
from broadsheet.readers.moderation import Case, Queue

if TYPE_CHECKING:
    from broadsheet.papers.types import Record
    from broadsheet.readers.submissions import Candidate, Entry, Outcome, Terms

Json = dict[str, Any]


def counted(found: Counted) -> Json:
    """Return what people did to a paper here."""
    return {"upvotes": found.upvotes, "comments": found.comments, "is_mine": found.is_mine}


def vote(paper: PaperId, found: Counted) -> Json:
    """Return what a paper comes to after a vote."""
    return {"id": format_paper_id(paper), **counted(found)}


def comment(found: Comment, earlier: Iterable[Wording] | None = None) -> Json:
    """Return a comment, with what it said before if that is given; `text` is its Markdown."""
    told = {
        "id": found.id,
        "paper": format_paper_id(found.paper),
        "parent": found.parent,
        "depth": found.depth,
        "by": found.name,
        "shown_name": found.shown,
        "author": found.author,
        "state": found.state,
        "text": found.text,
        "html": found.html,
        "at": found.at,
        "edited": found.edited,
        "is_mine": found.is_mine,
        "is_muted": found.is_muted,
        "waits_for": found.waits_for,
    }
    return told if earlier is None else told | {"earlier": [w._asdict() for w in earlier]}


def thread(found: Thread) -> Json:
    """Return the comments of a paper, in the order of reading."""
    return {
        "id": format_paper_id(found.paper),
        "count": found.count,
        "locked": found.lock._asdict() if found.lock else None,
        "comments": [comment(c) for c in found.comments],
    }


def notice(found: Notice) -> Json:
    """Return something that a reader should know of."""
    return {
        "id": found.id,
        "kind": found.kind,
        "by": found.name,
        "paper": _paper(found.paper_id),
        "comment": found.comment_id,
        "text": found.text,
        "at": found.at,
        "seen": found.seen,
    }


def report(found: Report) -> Json:
    """Return a report; nobody made it where a test for spam did."""
    return {"id": found.id, "by": found.name, "reason": found.reason, "at": found.at}


def queue(found: Queue) -> Json:
    """Return what waits for a decision."""
    return {
        "sizes": dict(found.sizes),
        "comments": [_case(c) for c in found.cases],
        "submissions": [_waiting(w) for w in found.submissions],
        "claims": [_waiting(w) for w in found.claims],
    }


def pick(found: Pick) -> Json:
    """Return what a curator picked for an edition."""
    return {
        "paper": format_paper_id(found.paper),
        "day": found.day,
        "by": found.by,
        "note": found.note,
        "at": found.at,
    }


def picks(found: Iterable[Pick]) -> Json:
    """Return what was picked, in order of day."""
    return {"picks": [pick(p) for p in found]}


def outcome(found: Outcome) -> Json:
    """Return what became of a wish to submit a paper."""
    return {
        "state": found.state,
        "what": found.what,
        "paper": _paper(found.paper),
        "submission": found.number,
        "reason": found.reason,
        "candidates": [_candidate(c) for c in found.candidates],
        "entry": _entry(found.entry),
    }


def _candidate(found: Candidate) -> Json:
    return {
        "what": found.what,
        "title": found.title,
        "authors": list(found.authors),
        "year": found.year,
        "paper": _paper(found.paper),
    }


def _entry(found: Entry) -> Json:
    return found._asdict() | {"authors": list(found.authors)}


def terms(found: Terms) -> Json:
    """Return the rules of submitting as they bind who asks."""
    return {
        "may": found.may,
        "by": found.by,
        "used": found.used,
        "most": found.most,
        "oldest": found.oldest,
        "filed_at_once": found.is_filed_at_once,
    }


def submission(found: Submission) -> Json:
    """Return what a reader brought; `entry` is what they entered by hand."""
    return {
        "id": found.id,
        "by": found.name,
        "what": found.asked,
        "paper": _paper(found.paper),
        "title": found.title,
        "state": found.state,
        "entry": _entered(found.record) if found.record else None,
        "reason": found.reason,
        "at": found.at,
        "decided_by": found.decided_by,
        "decided": found.decided,
    }


def _entered(found: Record) -> Json:
    return {
        "title": found.title,
        "authors": list(found.authors),
        "abstract": found.abstract,
        "link": next((url for _, url in found.links), ""),
        "day": found.published or str(found.year or ""),
    }


def claim(found: Claim) -> Json:
    """Return somebody's claim to be an author of a paper."""
    return {
        "id": found.id,
        "paper": format_paper_id(found.paper),
        "title": found.title,
        "by": found.name,
        "author": found.author,
        "how": found.how,
        "note": found.note,
        "state": found.state,
        "at": found.at,
        "decided_by": found.decided_by,
        "decided": found.decided,
    }


def taken(found: Taken) -> Json:
    """Return a line of the log."""
    return {
        "id": found.id,
        "by": found.name,
        "action": found.action,
        "subject": found.subject,
        "note": found.note,
        "at": found.at,
    }


def _case(found: Case) -> Json:
    return {"comment": comment(found.comment), "reports": [report(r) for r in found.reports]}


def _waiting(found: Waiting) -> Json:
    return {
        "id": found.id,
        "by": found.name,
        "paper": _paper(found.paper_id),
        "text": found.text,
        "note": found.note,
        "at": found.at,
    }


def _paper(number: int | None) -> str | None:
    return None if number is None else format_paper_id(PaperId(number))
