"""Papers and comments as the entries of feeds. Pure."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from html import escape
from urllib.parse import quote

from broadsheet.delivery.feeds import Entry, Link, urn
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import Paper
from broadsheet.readers.comments import Comment
from broadsheet.web import views
from broadsheet.web.feed_answers import Wish

TEXT = 30_000
"""Characters of an abstract in full content, as on the page of a paper."""
BRIEF = 300
AUTHORS = 100
LINKS = 10


def paper_entry(wish: Wish, paper: Paper, reasons: Sequence[str]) -> Entry:
    """Return a paper as an entry; its URN is the same in every feed, form and host.

    So it is told once by a list that it stands in for days, and once by several lists.
    """
    name = format_paper_id(paper.id)
    published = _midnight(paper.edition) or datetime.fromisoformat(paper.first_seen)
    said = [reason for reason in reasons if reason]
    return Entry(
        # Another collection has another p12, which it did not see first at the same second.
        id=urn(f"paper {name} {paper.first_seen}"),
        title=clean(paper.title),
        href=f"{wish.base}{views.paper_url(paper)}",
        published=published,
        updated=max(published, _midnight(paper.updated or "") or published),
        authors=tuple(views.clip(a, 120) for a in _named(paper.authors)),
        text="" if wish.is_full else _brief(paper, said),
        html=_whole(paper, said) if wish.is_full else "",
        categories=paper.categories,
        links=tuple(_links(paper)),
        ids=tuple(map(str, paper.external_ids)),
    )


def _midnight(day: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return None


def _named(authors: Sequence[str]) -> list[str]:
    """Return the first of many authors, and how many more there are."""
    rest = len(authors) - AUTHORS
    return [*authors[:AUTHORS], *([f"and {rest:,} more"] if rest > 0 else [])]


def _links(paper: Paper) -> Iterator[Link]:
    seen = set[str]()
    ids = [views.outside(i) for i in paper.external_ids]
    found = [(views.Link(f"{site} {link.text}", link.href), "") for site, link in ids]
    found += zip(views.links(paper), (kind for kind, _ in paper.links), strict=True)
    for (text, href), kind in found[:LINKS]:
        if href and (made := _address(href)) not in seen:
            seen.add(made)
            yield Link(made, text, "application/pdf" if kind == "pdf" else "text/html")


def _address(href: str) -> str:
    """Return an address in ASCII, as feeds have to give it; what is quoted stays so."""
    return quote(href, safe="%/:?#[]@!$&'()*+,;=~", errors="replace")


def _brief(paper: Paper, reasons: Sequence[str]) -> str:
    told = views.clip(paper.abstract or paper.summary, BRIEF)
    return " \N{EM DASH} ".join(filter(None, (_withdrawn(paper), "; ".join(reasons), told)))


def _withdrawn(paper: Paper) -> str:
    return "Withdrawn." if paper.withdrawn else ""


def _whole(paper: Paper, reasons: Sequence[str]) -> str:
    """Return what a reader sees of a paper: HTML of paragraphs and links alone."""
    links = (f'<a href="{escape(link.href)}">{escape(link.title)}</a>' for link in _links(paper))
    lines = (
        f"<strong>{_withdrawn(paper)}</strong>" if paper.withdrawn else "",
        f"<em>{escape('; '.join(reasons))}</em>" if reasons else "",
        escape(views.clip(paper.summary, TEXT)),
        escape(views.clip(paper.abstract, TEXT)),
        escape(" · ".join(filter(None, (paper.venue[:TEXT], paper.comment[:TEXT])))),
        " · ".join(links),
    )
    return "".join(f"<p>{line}</p>" for line in lines if line)


# ---------------------------------------------------------------------------- comments


def comment_entry(wish: Wish, paper: Paper, comment: Comment) -> Entry:
    """Return a comment as an entry; who has not said how to be shown is shown by name."""
    at = datetime.fromisoformat(comment.at)
    writer = clean(comment.shown) or comment.name
    return Entry(
        id=urn(f"comment {comment.id} {comment.at}"),
        title=f"{writer} on “{views.clip(clean(paper.title), BRIEF)}”",
        href=f"{wish.base}/comment/{comment.id}",
        published=at,
        updated=datetime.fromisoformat(comment.edited) if comment.edited else at,
        authors=(writer,),
        text="" if wish.is_full else views.clip(comment.text, BRIEF),
        html=comment.html if wish.is_full else "",
    )
