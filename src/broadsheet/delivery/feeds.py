"""Feeds: a list as RSS 2.0, Atom or JSON Feed. Pure: the same feed makes the same bytes.

RSS 2.0 (rssboard.org, with its Best Practices Profile), Atom (RFC 4287), JSON Feed 1.1
(jsonfeed.org), the pages of a feed (RFC 5005), its hub (WebSub, W3C) and lists of feeds (OPML 2.0).
What stands in an entry is plain text, but for `Entry.html`; it is escaped, and what XML cannot hold
is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import orjson
from lxml import etree

from broadsheet.sources.opml import Outline

GENERATOR: Final = "Broadsheet"
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed was updated that never held anything."""

_OURS: Final = UUID("5b1c5d0a-7c3e-5f0e-9a53-6f5a0a4f2d11")
_ATOM: Final = "http://www.w3.org/2005/Atom"
_DC: Final = "http://purl.org/dc/elements/1.1/"
# XML 1.0 section 2.2, turned round.
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Link(NamedTuple):
    """A page elsewhere about an entry, or a file of it."""

    href: str
    title: str
    media_type: str = "text/html"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a feed tells: `id` is a URN for ever, `href` the address of its page.

    Of `text`, which is plain, and `html`, which must be sound, one is told: the latter if there is
    one. `ids` are those that others gave it, such as `arxiv:2603.00001`. Times are aware.
    """

    id: str
    title: str
    href: str
    published: datetime
    updated: datetime
    authors: tuple[str, ...] = ()
    text: str = ""
    html: str = ""
    categories: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed:
    """A list of entries: `address` is its own, `page` that of the same list for people.

    `next` is the address of what follows, as RFC 5005 has it, `hub` that of a WebSub hub which
    tells when the feed has changed. All addresses are absolute.
    """

    id: str
    title: str
    description: str
    address: str
    page: str
    entries: tuple[Entry, ...]
    next: str | None = None
    hub: str = ""

    @property
    def updated(self) -> datetime:
        """When the newest entry was updated: of the same entries it is always the same."""
        return max((e.updated for e in self.entries), default=NEVER)


class Form(NamedTuple):
    """A form that feeds have: what it is sent as, what a page calls it, and how it is written."""

    media_type: str
    title: str
    write: Callable[[Feed], bytes]


def urn(name: str) -> str:
    """Return the one URN of whatever has this name, as a UUID of version 5 (RFC 9562)."""
    return uuid5(_OURS, name.encode("utf-8", "replace").decode()).urn


def sound(text: str) -> str:
    """Return `text` without the characters that XML 1.0 cannot hold, not even escaped."""
    return _NO_XML.sub("", text)


# ---------------------------------------------------------------------------- XML


def _add(parent: Any, tag: str, text: str = "", **attributes: str) -> Any:
    made = etree.SubElement(parent, tag, {k: sound(v) for k, v in attributes.items()})
    made.text = sound(text) or None
    return made


def _link(parent: Any, rel: str, href: str, **attributes: str) -> None:
    _add(parent, f"{{{_ATOM}}}link", rel=rel, href=href, **attributes)


def _identify(parent: Any, ids: Iterable[str]) -> None:
    for one in ids:
        _add(parent, f"{{{_DC}}}identifier", one)


def _written(root: Any) -> bytes:
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return made


# ---------------------------------------------------------------------------- Atom


def atom(feed: Feed) -> bytes:
    """Return a feed as Atom (RFC 4287)."""
    root = etree.Element(f"{{{_ATOM}}}feed", nsmap={None: _ATOM, "dc": _DC})
    _says(root, id=feed.id, title=feed.title, subtitle=feed.description)
    _says(root, updated=_rfc3339(feed.updated), generator=GENERATOR)
    _link(root, "self", feed.address, type=ATOM.media_type)
    _link(root, "alternate", feed.page, type="text/html")
    if feed.next:
        _link(root, "next", feed.next, type=ATOM.media_type)
    if feed.hub:
        _link(root, "hub", feed.hub)
    for entry in feed.entries:
        _atom_entry(_add(root, f"{{{_ATOM}}}entry"), entry)
    return _written(root)


def _says(parent: Any, **texts: str) -> None:
    for name, text in texts.items():
        _add(parent, f"{{{_ATOM}}}{name}", text)


def _atom_entry(made: Any, entry: Entry) -> None:
    _says(made, id=entry.id, title=entry.title)
    _says(made, published=_rfc3339(entry.published), updated=_rfc3339(entry.updated))
    _link(made, "alternate", entry.href, type="text/html")
    for link in entry.links:
        _link(made, "related", link.href, type=link.media_type, title=link.title)
    # An entry without an author would be by that of its feed, and it needs one of them.
    for name in entry.authors or ("Unknown",):
        _says(_add(made, f"{{{_ATOM}}}author"), name=name)
    for category in entry.categories:
        _add(made, f"{{{_ATOM}}}category", term=category)
    _identify(made, entry.ids)
    if entry.html:
        _add(made, f"{{{_ATOM}}}content", entry.html, type="html")
    else:
        _says(made, summary=entry.text)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# ---------------------------------------------------------------------------- RSS


def rss(feed: Feed) -> bytes:
    """Return a feed as RSS 2.0; what that has no words for, Atom and Dublin Core have."""
    root = etree.Element("rss", version="2.0", nsmap={"atom": _ATOM, "dc": _DC})
    channel = _add(root, "channel")
    _add(channel, "title", feed.title)
    _add(channel, "link", feed.page)
    _add(channel, "description", feed.description)
    _add(channel, "lastBuildDate", _rfc822(feed.updated))
    _add(channel, "generator", GENERATOR)
    _link(channel, "self", feed.address, type=RSS.media_type)
    if feed.next:
        _link(channel, "next", feed.next, type=RSS.media_type)
    if feed.hub:
        _link(channel, "hub", feed.hub)
    for entry in feed.entries:
        _rss_item(_add(channel, "item"), entry)
    return _written(root)


def _rss_item(item: Any, entry: Entry) -> None:
    _add(item, "title", entry.title)
    _add(item, "link", entry.href)
    # HTML in any case: what is plain text is escaped once more.
    _add(item, "description", entry.html or escape(entry.text))
    for name in entry.authors:
        # RSS has the author's e-mail address in its own element for it.
        _add(item, f"{{{_DC}}}creator", name)
    for category in entry.categories:
        _add(item, "category", category)
    _add(item, "guid", entry.id, isPermaLink="false")
    _add(item, "pubDate", _rfc822(entry.published))
    _says(item, updated=_rfc3339(entry.updated))
    _identify(item, entry.ids)
    for link in entry.links:
        _link(item, "related", link.href, type=link.media_type, title=link.title)


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


# ---------------------------------------------------------------------------- JSON Feed


def json_feed(feed: Feed) -> bytes:
    """Return a feed as JSON Feed 1.1; ids that others gave stand under `_broadsheet`."""
    made = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": sound(feed.title),
        "home_page_url": feed.page,
        "feed_url": feed.address,
        "description": sound(feed.description),
        **_filled(next_url=feed.next, hubs=feed.hub and [{"type": "WebSub", "url": feed.hub}]),
        "items": [_json_item(entry) for entry in feed.entries],
    }
    return orjson.dumps(made)


def _json_item(entry: Entry) -> dict[str, Any]:
    told = ("content_html", entry.html) if entry.html else ("content_text", entry.text)
    return {
        "id": entry.id,
        "url": entry.href,
        **_filled(external_url=next((link.href for link in entry.links), "")),
        "title": sound(entry.title),
        told[0]: sound(told[1]),
        "date_published": _rfc3339(entry.published),
        "date_modified": _rfc3339(entry.updated),
        **_filled(
            authors=[{"name": sound(name)} for name in entry.authors],
            tags=[sound(c) for c in entry.categories],
            _broadsheet=_filled(ids=[sound(i) for i in entry.ids]),
        ),
    }


def _filled(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value}


RSS: Final = Form("application/rss+xml", "RSS", rss)
ATOM: Final = Form("application/atom+xml", "Atom", atom)
JSON: Final = Form("application/feed+json", "JSON Feed", json_feed)
FORMS: Final[Mapping[str, Form]] = {"atom": ATOM, "rss": RSS, "json": JSON}
"""By the ending of an address."""


# ---------------------------------------------------------------------------- lists of feeds

STANDING: Final[Mapping[str, str]] = {
    "editions/day": "Editions of the day",
    "editions/week": "Editions of the week",
    "editions/month": "Editions of the month",
    "trending/hot": "Trending, hot",
    "trending/rising-day": "Trending, rising in a day",
    "trending/rising-week": "Trending, rising in a week",
    "trending/rising-month": "Trending, rising in a month",
    "trending/rising-all": "Trending, rising of all time",
}
"""The lists that every house has: their titles by their addresses below `/feeds/`."""


def opml(title: str, outlines: Iterable[Outline]) -> bytes:
    """Return a list of feeds as OPML 2.0 (opml.org/spec2.opml), those of a folder together."""
    root = etree.Element("opml", version="2.0")
    _add(_add(root, "head"), "title", title)
    body = _add(root, "body")
    folders: dict[str, Any] = {"": body}
    for one in outlines:
        if one.folder not in folders:
            folders[one.folder] = _outline(body, {"text": one.folder})
        # Readers take `rss` for any form of feed.
        said = {"text": one.title, "title": one.title, "type": "rss", "xmlUrl": one.url}
        _outline(folders[one.folder], said)
    return _written(root)


def _outline(parent: Any, said: Mapping[str, str]) -> Any:
    return etree.SubElement(parent, "outline", {k: sound(v) for k, v in said.items()})
