"""The daily feeds of arXiv, RSS 2.0 and Atom, as records; and whether one is stale. Pure.

The format is that of https://rss.arxiv.org as its program writes it
(https://github.com/arXiv/arxiv-feed) and https://info.arxiv.org/help/rss.html describes it. A feed
has the announcement of one day, and nothing on days without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_parts import (
    FEED,
    Announced,
    Unusable,
    children,
    dated,
    eastern_day,
    identity,
    ids,
    in_utc,
    inner,
    is_withdrawn,
    item,
    links,
    local,
    names,
    one_each,
    refuse_unread,
    told_apart,
    xml_root,
)
from broadsheet.sources.base import Item

_WHAT: Final = "the feed"
_SUMMARY = re.compile(
    r"(?:arXiv:\S+\s+)?(?:Announce Type: *(?P<kind>[a-z-]+)\s+)?(?:Abstract: *)?(?P<abstract>.*)",
    re.DOTALL,
)
_TITLE = re.compile(r"(.+?) updates on (?:the )?arXiv", re.IGNORECASE)
_MARKUP = re.compile(r"</?(?:p|br)(?: [^<>]*)?/?>", re.IGNORECASE)


class ParsedFeed(NamedTuple):
    """A feed: one record for each paper, and errors for the entries that cannot be used.

    `day` is the ISO day of the announcement that it shows, `built` the ISO time (UTC) at which the
    feed was made, "" if it does not say. `types` has for each paper how it was announced: `new`,
    `cross`, `replace` or `replace-cross`, "" where the feed does not say. `size` is how many
    entries came, those included that were there twice: arXiv cuts a feed at its limit.
    """

    day: str | None
    built: str
    categories: tuple[str, ...]
    items: list[Item]
    types: dict[ExternalId, str]
    size: int


def parse_feed(body: bytes, *, name: str) -> ParsedFeed:
    """Return what a feed announces; `name` says in errors whose answer it was.

    Raises SourceError if it is no feed of arXiv, breaks off, says that the query was wrong, or
    holds nothing that can be read.
    """
    root = xml_root(body, name=name, what=_WHAT)
    channel = _channel(root, name)
    title = inner(channel, "title")
    _refuse_error(channel, title, name)
    published = inner(channel, "pubDate", "published", "lastBuildDate", "updated")
    entries = list(children(channel, "item", "entry"))
    found = one_each(_announced(entries, eastern_day(published), name))
    items = [f.item for f in found]
    refuse_unread(items, name=name, what=_WHAT)
    types = {f.item.external_ids[0]: f.kind for f in found if isinstance(f.item, Record)}
    return ParsedFeed(
        day=max(filter(None, map(day_of, items)), default=eastern_day(published)),
        built=in_utc(inner(channel, "lastBuildDate", "updated", "pubDate")),
        categories=_categories(title),
        items=items,
        types=types,
        size=len(entries),
    )


def day_of(found: Item) -> str | None:
    """Return the day of the announcement in which a record of a feed stood; None if unknown."""
    if isinstance(found, RecordError):
        return None
    return found.announced or next((day for day, _ in found.again), None)


def _channel(root: Any, name: str) -> Any:
    """Return the element that has the feed's own fields and, in both formats, its entries."""
    if local(root) == "feed":
        return root
    if local(root) == "rss" and (channel := next(children(root, "channel"), None)) is not None:
        return channel
    if local(root) == "RDF":
        raise SourceError("the feed is RSS 1.0, which arXiv left in 2024", source=name)
    raise SourceError(f"an RSS or Atom feed was expected, not <{local(root)[:40]}>", source=name)


def _refuse_error(channel: Any, title: str, name: str) -> None:
    if title.casefold().startswith("feed error"):
        reason = inner(channel, "description", "subtitle") or title
        raise SourceError(f"arXiv made no feed: {reason[:500]}", source=name)


def _categories(title: str) -> tuple[str, ...]:
    match = _TITLE.match(title)
    return tuple(filter(None, map(str.strip, match[1].split(",")))) if match else ()


def _announced(entries: Sequence[Any], day: str | None, name: str) -> Iterator[Announced]:
    for place, entry in enumerate(entries, 1):
        kind = _summary(entry)[0]
        yield Announced(kind, item(partial(_record, day=day), entry, place=place, name=name))


def _summary(entry: Any) -> tuple[str, str]:
    """Return how a paper is announced, and its abstract, which stand in one text."""
    text = _MARKUP.sub(" ", inner(entry, "description", "summary"))
    match = _SUMMARY.match(clean(text))
    said, abstract = (match["kind"] or "", match["abstract"]) if match else ("", "")
    return inner(entry, "announce_type").casefold() or said, abstract


def _record(entry: Any, day: str | None) -> Record:
    places = (inner(entry, "guid", "id"), inner(entry, "link"), *_hrefs(entry))
    paper = next(filter(None, map(identity, places)), None)
    if paper is None:
        raise Unusable("no id of arXiv")
    kind, abstract = _summary(entry)
    terms = told_apart(_terms(entry))
    doi = inner(entry, "DOI", "doi")
    external_ids = ids(paper.paper, doi)
    extra: dict[str, Any] = {**terms.classes}
    extra |= {"version": paper.version} if paper.version else {}
    extra |= {"announce_type": kind} if kind else {}
    extra |= {"rights": rights} if (rights := inner(entry, "rights")) else {}
    extra |= {"doi": doi} if doi and len(external_ids) == 1 else {}
    record = Record(
        source=FEED,
        key=paper.paper.value,
        title=inner(entry, "title"),
        abstract=abstract,
        authors=_authors(entry),
        external_ids=external_ids,
        categories=terms.categories,
        venue=inner(entry, "journal_reference", "journal_ref"),
        withdrawn=is_withdrawn(abstract),
        links=links(paper.paper),
        extra=extra,
    )
    said = eastern_day(inner(entry, "pubDate", "published", "updated"))
    return dated(record, kind, said or day)


def _hrefs(entry: Any) -> list[str]:
    return [link.get("href") or "" for link in children(entry, "link")]


def _terms(entry: Any) -> list[str]:
    return [c.get("term") or c.text or "" for c in children(entry, "category")]


def _authors(entry: Any) -> tuple[str, ...]:
    """Return the authors: all in one `dc:creator`, or, as Atom has it, an element for each."""
    people = [inner(author, "name") for author in children(entry, "author")]
    if found := [clean("".join(c.itertext())) for c in children(entry, "creator")]:
        return names(", ".join(found))
    return tuple(dict.fromkeys(filter(None, people)))
