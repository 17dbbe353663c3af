"""The forms of feeds: RSS, RDF, Atom and JSON Feed of papers as records. Fetches nothing.

RSS 2.0 (rssboard.org), RSS 1.0 with `dc:` and `prism:` terms (purl.org/rss, prismstandard.org),
Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org). What is no paper is left out, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate
from hashlib import blake2b
from html.entities import html5
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

import orjson
from lxml import etree

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Item
from broadsheet.sources.jsonl import MAX_TEXT, kind_of, parse_day, split_authors
from broadsheet.sources.prose import prose, tree

SOURCE: Final = "feed"
MAX_FEED: Final = 8_000_000
"""Bytes of a feed; a listing of 2,000 papers with their abstracts is half as large."""
MAX_TAGS: Final = 400_000
"""Tags in a feed, which bound its elements: one takes some hundred bytes of memory."""
MAX_ITEMS: Final = 20_000
_ABSTRACT = 200
"""Characters from which a text without a word to say so is taken for an abstract."""
_EXCERPT = 80
_LONGEST_TITLE = 20_000
"""Characters of a title that are looked at, markup included."""
_HEAD = 4096


class ParsedFeed(NamedTuple):
    """A feed as it was read: `skipped` counts what it holds beside papers."""

    title: str
    items: list[Item]
    skipped: int = 0


class _Entry(NamedTuple):
    """One thing in a feed, whatever its form: texts may have HTML in them."""

    title: str
    guid: str = ""
    link: str = ""
    links: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    said_ids: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    venue: str = ""
    published: str | None = None
    updated: str | None = None
    announced: str | None = None
    is_marked: bool = False
    """Whether it has terms that only papers have."""
    extra: Mapping[str, Any] = {}


class _Feed(NamedTuple):
    title: str
    address: str
    entries: list[_Entry | str]
    """A string says why one of them cannot be read."""


def parse_feed_bytes(body: bytes, *, name: str) -> list[Item] | None:
    """Return the papers of a feed that is a file, or None if it is no feed.

    What it holds beside papers is counted in one RecordError at the end.
    Raises SourceError if it is one that is too large, or that nothing can be read from.
    """
    if not _looks_like_feed(body):
        return None
    parsed = parse_feed(body, name=name)
    if parsed.skipped:
        # Somebody who imports a file is told of everything in it.
        reason = f"{parsed.skipped} entries without an id or a term that only papers have"
        place = len(parsed.items) + parsed.skipped
        parsed.items.append(RecordError(reason, source=name, place=place))
    return parsed.items


def parse_feed(
    body: bytes, *, name: str, url: str = "", keep: str = "papers", known_as: str = ""
) -> ParsedFeed:
    """Return what a feed holds; `name` stands in errors, and links are relative to `url`.

    Keys go by `known_as`, the address that the feed is followed by, which it may have left since;
    failing that by `url`, and failing that by the address that it gives for itself.
    With `keep` "papers" only what has a known id, or terms of citing, is kept; with "all",
    everything is. Raises SourceError if it is no feed; of a page, it says where its feed is.
    """
    if len(body) > MAX_FEED or body.count(b"<") > MAX_TAGS:
        said = f"{name}: a feed of {len(body)} bytes is more than is read ({MAX_FEED} bytes)"
        raise SourceError(said, source=SOURCE)
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        feed = _json_feed(body, name, url)
    else:
        feed = _xml_feed(body, name, url)
    return _chosen(feed, name, keep, known_as or feed.address or name)


def _chosen(feed: _Feed, name: str, keep: str, known_as: str) -> ParsedFeed:
    """Return the papers of a feed, none twice."""
    prefix = blake2b(known_as.encode(errors="replace"), digest_size=4).hexdigest()
    items: dict[str, Item] = {}
    skipped = 0
    for place, entry in enumerate(feed.entries, 1):
        if isinstance(entry, str):
            items[f"{place}"] = RecordError(entry, source=name, place=place)
            continue
        ids = _ids(entry)
        if keep == "papers" and not ids and not entry.is_marked:
            skipped += 1
            continue
        item = _item(entry, ids, feed, prefix, place, name)
        items.setdefault(item.key if isinstance(item, Record) else f"{place}", item)
    return ParsedFeed(feed.title, list(items.values()), skipped)


# From what stands in a feed to a record.

_SECTION = re.compile(r"\[(?:[a-z-]+\.[A-Za-z-]{2,}|[a-z]+-[a-z]+)\]\s+")
_NUMBERED = re.compile(r"\[(\d{4}\.\d{4,5})(?:v\d+)?\]\s+")
_MARGIN = re.compile(
    r"\s*\(arxiv:([a-z./-]{0,20}\d[\d.]{6,9})(?:v\d+)?(?:\s*\[[\w., -]{0,200}\])?(?:\s+\w+)?\)$",
    re.IGNORECASE,
)


def _item(
    entry: _Entry, ids: tuple[ExternalId, ...], feed: _Feed, prefix: str, place: int, name: str
) -> Item:
    title = _title(fields.text(entry.title[:_LONGEST_TITLE]))[0]
    abstract, summary, told = _texts(entry.texts)
    day = entry.published or told.get("published")
    extra = {**entry.extra, "feed": feed.title[:300], "feed_url": feed.address[:2000]}
    try:
        record = Record(
            source=SOURCE,
            key=_key(entry, ids, prefix, title),
            title=title,
            abstract=abstract,
            summary=summary,
            authors=_authors(entry.names or (told.get("authors", ""),)),
            external_ids=ids,
            announced=entry.announced,
            updated=entry.updated,
            published=None if entry.announced else day,
            keywords=tuple(fields.distinct(map(fields.text, entry.keywords)))[:50],
            venue=_venue(entry.venue or told.get("venue", "")),
            links=fields.links(("abs", entry.link), *entry.links)[:20],
            extra=fields.filled(extra),
        )
        return fields.sound(record, place)
    except RecordError as error:
        excerpt = clean((entry.title or entry.link or entry.guid)[:_EXCERPT])
        return RecordError(error.reason, source=name, place=place, excerpt=excerpt)


def _ids(entry: _Entry) -> tuple[ExternalId, ...]:
    """Return the ids that an entry says it has, at most one of each namespace."""
    found: dict[str, ExternalId] = {}
    addresses = (url for _, url in entry.links)
    said = (
        *entry.said_ids,
        entry.guid,
        entry.link,
        *addresses,
        _title(clean(entry.title[:_LONGEST_TITLE]))[1],
    )
    for text in said:
        known = parse_external_id(text) if text else None
        # Once more by its namespace: the DOI of a whole volume is no id of a paper.
        if known and (sure := fields.external_id(known.namespace, str(known))):
            found.setdefault(sure.namespace, sure)
    return tuple(found.values())


def _key(entry: _Entry, ids: Sequence[ExternalId], prefix: str, title: str) -> str:
    """Return a name that lasts: an id without its version, else what the feed itself gives."""
    guid = clean(entry.guid)
    known = parse_external_id(guid) if guid else None
    named = str(known) if known else guid or (str(ids[0]) if ids else "") or clean(entry.link)
    named = named or title
    if len(named) > 180:  # noqa: PLR2004 (a key is short)
        named = blake2b(named.encode(errors="replace"), digest_size=16).hexdigest()
    return f"{prefix}:{named}"


def _title(title: str) -> tuple[str, str]:
    """Return a title without what arXiv listings put round it, and the id that stood there."""
    number = ""
    if found := _NUMBERED.match(title):
        number, title = found[1], title[found.end() :]
    title = _SECTION.sub("", title, count=1) if _SECTION.match(title) else title
    if found := _MARGIN.search(title):
        number = found[1]
        title = title[: found.start()].removesuffix(".")
    return title.strip(), number and f"arxiv:{number}"


_CUT = re.compile(r"(?:…|\.\.\.|\[(?:…|\.\.\.)\])$")
_LABEL = re.compile(r"(?i)(?:^|\s)abstract\s*[:.—-]\s*")
_HEADED = re.compile(r"Abstract\s+(?=[A-Z])")
_ANNOUNCED = re.compile(r"\AarXiv:\S{1,40} Announce Type: \S{1,20} ")
_ONLINE = re.compile(r"\A[^.;]{0,100}, Published online: [^;]{4,20}; ?(?:doi:\s?\S+\s*)?")
_TOLD: Final = (
    ("published", re.compile(r"(?i)(?:publication date|available online):\s*(.*)")),
    ("venue", re.compile(r"(?i)source:\s*(.*)")),
    ("authors", re.compile(r"(?i)authors?(?:\(s\))?:\s*(.*)")),
)


def _texts(texts: Iterable[str]) -> tuple[str, str, dict[str, str]]:
    """Return abstract, summary, and what is told in lines such as `Author(s): …`."""
    told: dict[str, str] = {}
    labelled, plain = "", []
    for text in texts:
        said = _ANNOUNCED.sub("", _ONLINE.sub("", _without_lines(prose(text), told)))
        if len(said) > MAX_TEXT:
            continue  # a whole paper or a page, and no account of one
        found = _LABEL.search(said[:300]) or _HEADED.match(said)
        if found and not labelled:
            labelled = said[found.end() :]
        elif said:
            plain.append(said)
    if "published" in told:
        told["published"] = parse_day(told["published"]) or ""
    longest = max(plain, key=len, default="")
    is_abstract = len(longest) >= _ABSTRACT and not _CUT.search(longest)
    abstract = labelled or (longest if is_abstract else "")
    shorter = next((p for p in plain if p not in abstract), "")
    return abstract, shorter, {k: v for k, v in told.items() if v}


def _without_lines(lines: Sequence[str], told: dict[str, str]) -> str:
    left = []
    for line in lines:
        found = next(((k, m) for k, p in _TOLD if (m := p.fullmatch(line))), None)
        if found:
            told.setdefault(found[0], found[1][1])
        else:
            left.append(line)
    return clean(" ".join(left))


# Bounded, so that a long run of letters is not looked through from each of them.
_IN_BRACKETS = re.compile(r"[^\s()]{1,100}@[^\s()]{1,100}\s{0,9}\(([^()]{1,200})\)")
_ADDRESS = re.compile(r"[(<]?[^\s<>()@]{1,100}@[^\s<>()@]{1,100}[)>]?")
_INITIALS = re.compile(r"(?:[^\W\d_]\.?[ -]?){1,5}")


def _authors(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the forms in which feeds give them, without addresses of mail."""
    found: list[str] = []
    for name in names:
        text = fields.text(name[:MAX_TEXT])
        text = clean(_ADDRESS.sub(" ", _IN_BRACKETS.sub(r"\1", text)))
        parts = [p.strip() for p in text.strip(", ").split(",")]
        firsts = parts[1::2]
        if len(parts) > 2 and len(parts) % 2 == 0 and all(map(_INITIALS.fullmatch, firsts)):  # noqa: PLR2004
            found += (f"{first} {last}" for last, first in zip(parts[::2], firsts, strict=True))
        else:
            found += split_authors(text)
    return fields.distinct(found)


def _venue(text: str) -> str:
    said = fields.text(text[:MAX_TEXT])
    return re.split(r"(?i),? published online| ?\| ?doi:", said, maxsplit=1)[0].strip()


# XML.

_FEED_START = re.compile(rb"(?i)<(?:[a-z]+:)?(?:rss|rdf|feed)\b")
_PAGE_START = re.compile(rb"(?i)<!doctype html|<html\b")
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,30});")
_OF_XML: Final = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_SAYS_UTF_8 = re.compile(rb"(?i)\s*(?:<\?xml(?![^>]*encoding)|<\?xml[^>]*encoding=.utf-?8|<[^?])")
# Which words a namespace has, known by a part of its name: there are several of each.
_NAMESPACES: Final = (
    ("purl.org/dc/", "dc:"), ("prism", "prism:"), ("arxiv.org/schemas", "arxiv:"),
    ("rss/1.0/modules/content", "content:"), ("www.w3.org/1999/02/22-rdf", "rdf:"),
    ("www.w3.org/2005/atom", ""), ("purl.org/atom", ""), ("purl.org/rss/1.0/modules", "other:"),
    ("purl.org/rss/1.0", ""), ("netscape.com/rdf/simple", ""), ("userland.com", ""),
    ("harvard.edu/tech/rss", ""), ("purl.org/rss", ""),
)  # fmt: skip
_CITING: Final = ("prism:", "citation_", "arxiv:", "dc:identifier", "dc:bibliographiccitation")
_KEPT: Final = {
    "prism:volume": "volume", "prism:number": "number", "prism:startingpage": "first_page",
    "prism:section": "section", "prism:issn": "issn", "dc:rights": "rights", "rights": "rights",
    "arxiv:announce_type": "announce_type", "arxiv:journal_reference": "journal_ref",
}  # fmt: skip
_SAID_IDS: Final = (
    "prism:doi", "dc:identifier", "arxiv:doi", "doi", "citation_doi", "prism:url",
    "feedburner:origlink",
)  # fmt: skip
_PUBLISHED: Final = ("prism:publicationdate", "prism:coverdate", "published", "pubdate", "issued",
                     "dc:issued", "dc:created")  # fmt: skip
_UPDATED: Final = ("updated", "modified", "dc:modified")
_TEXTS: Final = ("content:encoded", "content", "abstract", "summary", "description", "dc:abstract",
                 "dc:description")  # fmt: skip
_MOST_IDS = 20


def _looks_like_feed(body: bytes) -> bool:
    head = body[:_HEAD].replace(b"\0", b"")  # the other half of each letter of UTF-16
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return re.search(rb"jsonfeed\.org\\?/version", body) is not None
    return _FEED_START.search(head) is not None and not _PAGE_START.search(head)


def _xml_feed(body: bytes, name: str, url: str) -> _Feed:
    root = _root(body, name)
    kind = "" if root is None else _word(root).rpartition(":")[2]
    if kind not in {"rss", "rdf", "feed"} or _PAGE_START.search(body[:_HEAD]):
        raise _no_feed(body, name, url)
    head = _Said(next((e for e in root if _word(e) == "channel"), root))
    address = url or head.own_address()
    found = list(islice((e for e in root.iter() if _word(e) in {"item", "entry"}), MAX_ITEMS))
    if _BEGINS_ENTRY.search(body, _after(_ENDS_ENTRY, body)) and breaks_off(body):
        # The last one is not whole: half of its title or abstract would be filed as all of it.
        found = found[:-1]
    entries = [_from_xml(_Said(e), address, is_atom=kind == "feed") for e in found]
    return _Feed(fields.text(head.first("title")), address, list(entries))


_PREFIX = rb"(?:[\w.-]{1,40}:)?"
_BEGINS_ENTRY = re.compile(rb"(?i)<" + _PREFIX + rb"(?:item|entry)[\s>]")
_ENDS_ENTRY = re.compile(rb"(?i)</" + _PREFIX + rb"(?:item|entry)\s*>")
_ROOT = _PREFIX + rb"(?:rss|rdf|feed)"
_ENDS = re.compile(rb"(?i)</" + _ROOT + rb"\s*>|<" + _ROOT + rb"\b[^<>]*/>")


def breaks_off(body: bytes) -> bool:
    """Return whether the XML of a feed ends before its root does, as where it was cut."""
    body = body.replace(b"\0", b"")
    return body.lstrip(b"\xff\xfe\xef\xbb\xbf \t\r\n")[:1] == b"<" and not _ENDS.search(
        body, _after(_ENDS_ENTRY, body)
    )


def _after(pattern: re.Pattern[bytes], body: bytes) -> int:
    """Return where the last match of a pattern ends, 0 if there is none."""
    return max((found.end() for found in pattern.finditer(body)), default=0)


def _root(body: bytes, name: str) -> Any:
    """Return the root of what can be read of some XML, however damaged; None if that is nothing."""
    if b"<!ENTITY" in body.replace(b"\0", b""):
        raise SourceError(f"{name} defines entities, which no feed needs", source=SOURCE)
    encoding = None
    if not body.startswith(_WIDE):
        body = _ENTITY.sub(_number, body.replace(b"\0", b" "))
        if _SAYS_UTF_8.match(body) and not _is_utf_8(body):
            body, encoding = body.decode("windows-1252", "replace").encode(), "utf-8"
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body.lstrip(b" \t\r\n"), parser)
    except (etree.LxmlError, ValueError, LookupError):
        return None


def _number(found: re.Match[bytes]) -> bytes:
    """Return an entity of HTML, which XML does not know, by its number."""
    if found[1] in _OF_XML:
        return found[0]
    letters = html5.get(f"{found[1].decode()};", "")
    return "".join(f"&#{ord(c)};" for c in letters).encode() or found[0]


def _is_utf_8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _word(element: Any) -> str:
    """Return the name of an element in small letters, with the usual prefix of its namespace."""
    if not isinstance(element.tag, str):
        return ""  # an entity
    namespace, _, local = element.tag.lower().rpartition("}")
    if not namespace:
        return str(local.removeprefix("atom:"))
    known = next((prefix for part, prefix in _NAMESPACES if part in namespace), None)
    return f"{element.prefix or 'other'}:{local}" if known is None else f"{known}{local}"


class _Said:
    """What stands in an element, by the words of feeds."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.parts: dict[str, list[Any]] = {}
        for part in element:
            self.parts.setdefault(_word(part), []).append(part)

    def all(self, word: str) -> list[str]:
        """Return the texts of this word, without those that are empty."""
        return [t for e in self.parts.get(word, ()) if (t := "".join(e.itertext()).strip())]

    def first(self, *words: str) -> str:
        return next((t for word in words for t in self.all(word)), "")

    def day(self, *words: str) -> str | None:
        return next((day for w in words for t in self.all(w) if (day := _day(t))), None)

    def own_address(self) -> str:
        """Return the address that a feed gives for itself, or failing that its site's."""
        own = (e.get("href") for e in self.parts.get("link", ()) if e.get("rel") == "self")
        return clean(next(filter(None, own), "") or self.first("link", "id"))

    def links(self, base: str) -> list[tuple[str, str]]:
        """Return kinds and addresses of the links that lead to the paper, its page first."""
        found = []
        for element in self.parts.get("link", ()):
            href = element.get("href") or "".join(element.itertext())
            address = _absolute(_base(element, base), href)
            kind = "pdf" if "pdf" in (element.get("type") or "").lower() else "abs"
            if address.lower().endswith(".pdf"):
                kind = "pdf"
            if address and (kind == "pdf" or element.get("rel", "alternate") == "alternate"):
                found.append((kind, address))
        return sorted(found, key=lambda link: link[0] != "abs")

    def names(self) -> Iterator[str]:
        for element in self.parts.get("author", ()):
            inner = [e for e in element if _word(e) == "name"]
            yield from ("".join(e.itertext()) for e in inner or [element])
        yield from self.all("dc:creator")

    def texts(self) -> Iterator[str]:
        """Yield the accounts of the paper; markup that is not escaped is kept as markup."""
        for element in (e for word in _TEXTS for e in self.parts.get(word, ())[:5]):
            if len(element):
                yield etree.tostring(element, encoding="unicode", method="html", with_tail=False)
            else:
                yield element.text or ""

    def keywords(self) -> list[str]:
        terms = [e.get("term") or "".join(e.itertext()) for e in self.parts.get("category", ())]
        return [*terms, *self.all("dc:subject")]


def _base(element: Any, base: str) -> str:
    """Return what an address in an element is relative to (XML Base)."""
    try:
        return _absolute(base, element.base or "") or base
    except ValueError:
        return base


def _from_xml(said: _Said, base: str, *, is_atom: bool) -> _Entry:
    published, updated = said.day(*_PUBLISHED), said.day(*_UPDATED)
    date = said.day("dc:date")
    if is_atom:
        updated = updated or date
    else:
        published = published or date
    kind = said.first("arxiv:announce_type")
    announced, published, updated = _arxiv_days(kind, published, updated)
    source = said.first("dc:source")
    doi = re.search(r"(?i)doi:\s?(10\.\S+)", source)
    links = said.links(base)
    about = [v for k, v in said.element.attrib.items() if k.endswith("}about")]
    guid = said.first("guid", "id") or next(iter(about), "")
    ids = [t for word in _SAID_IDS for t in said.all(word)[:_MOST_IDS]]
    return _Entry(
        title=said.first("title", "dc:title"),
        guid=guid,
        link=next((url for kind, url in links if kind == "abs"), _web(guid)),
        links=tuple(links[:_MOST_IDS]),
        names=tuple(said.names()),
        texts=tuple(said.texts()),
        said_ids=(*ids, *([doi[1]] if doi else [])),
        keywords=tuple(said.keywords()),
        venue=said.first("prism:publicationname", "arxiv:journal_reference") or source,
        published=published,
        updated=updated if updated != published else None,
        announced=announced,
        is_marked=any(word.startswith(_CITING) for word in said.parts),
        extra={new: fields.text(said.first(old))[:1000] for old, new in _KEPT.items()},
    )


def _web(guid: str) -> str:
    return guid if re.match(r"(?i)https?://", guid) else ""


def _day(text: str) -> str | None:
    """Return the day in any form that feeds use, such as `17 Mar 2026` and `Tue, 17 Mar 26`."""
    text = clean(text)[:63]
    known = parse_day(text)
    if known or re.match(r"\d{4}\b", text):
        return known
    parsed = parsedate(text) or parsedate(f"{text} 00:00")
    return parse_day("{:04}-{:02}-{:02}".format(*parsed[:3])) if parsed else None


def _arxiv_days(
    kind: str, published: str | None, updated: str | None
) -> tuple[str | None, str | None, str | None]:
    """Return announced, published, updated: the day in arXiv's own feeds is that of the listing."""
    if kind in {"new", "cross"}:
        return published, None, None
    if kind.startswith("replace"):
        return None, None, published
    return None, published, updated


def _absolute(base: str, address: str) -> str:
    address = clean(address)
    if not address or not base or re.match(r"(?i)https?://", address):
        return address
    try:
        return urljoin(base, address)
    except ValueError:
        return address


# What is no feed.


def _no_feed(body: bytes, name: str, url: str) -> SourceError:
    if not _PAGE_START.search(body[:_HEAD]):
        return SourceError(f"{name} is no feed: neither RSS, Atom nor JSON Feed", source=SOURCE)
    feeds = feeds_of_page(body, url=url)
    if not feeds:
        return SourceError(f"{name} is a page, not a feed, and it names none", source=SOURCE)
    return SourceError(f"{name} is a page; its feed is at {' or '.join(feeds[:3])}", source=SOURCE)


def feeds_of_page(body: bytes, *, url: str = "") -> list[str]:
    """Return the addresses of feeds that a page names (`<link rel="alternate">`), at most ten."""
    root = tree(body[:MAX_FEED])
    found = []
    for link in () if root is None else root.iter("link"):
        kind = (link.get("type") or "").lower()
        is_feed = kind in {"application/rss+xml", "application/atom+xml", "application/feed+json"}
        if is_feed and "alternate" in (link.get("rel") or "").lower():
            found.append(clean(_absolute(url, link.get("href") or ""))[:500])
    return list(fields.distinct(found))[:10]


# JSON Feed.


def _json_feed(body: bytes, name: str, url: str) -> _Feed:
    head = _loaded(body, name)
    version, items = head.get("version"), head.get("items")
    if not isinstance(version, str) or "jsonfeed.org" not in version:
        raise SourceError(f"{name} is JSON, but no JSON Feed", source=SOURCE)
    if not isinstance(items, list):
        said = f"{name}: the items of this JSON Feed are {kind_of(items)}, not a list"
        raise SourceError(said, source=SOURCE)
    address = url or _said(head, "feed_url") or _said(head, "home_page_url")
    feed = _Feed(fields.text(head.get("title")), address, [])
    for item in items[:MAX_ITEMS]:
        is_object = isinstance(item, dict)
        said = f"not a JSON object but {kind_of(item)}"
        feed.entries.append(_from_json(item, address) if is_object else said)
    return feed


def _said(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _loaded(body: bytes, name: str) -> dict[str, Any]:
    try:
        return fields.obj(orjson.loads(body.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{name} is no feed: broken JSON ({error})", source=SOURCE) from error


def _from_json(item: Mapping[str, Any], base: str) -> _Entry:
    people = [*fields.listed(item.get("authors")), item.get("author")]
    # An item may be about a page elsewhere: that is the paper.
    link = _said(item, "external_url") or _said(item, "url")
    files = [fields.obj(a) for a in fields.listed(item.get("attachments"))]
    pdfs = [_said(f, "url") for f in files if "pdf" in _said(f, "mime_type")]
    guid = item.get("id")
    return _Entry(
        title=_said(item, "title"),
        guid=str(guid) if isinstance(guid, str | int) else "",
        link=_absolute(base, link),
        links=(
            ("abs", _absolute(base, _said(item, "url"))),
            *(("pdf", _absolute(base, p)) for p in pdfs),
        ),
        names=tuple(_said(fields.obj(p), "name") for p in people if p),
        texts=(_said(item, "content_html") or _said(item, "content_text"), _said(item, "summary")),
        said_ids=(_said(item, "doi"), _said(item, "_doi")),
        keywords=tuple(t for t in fields.listed(item.get("tags")) if isinstance(t, str)),
        published=parse_day(item.get("date_published")),
        updated=parse_day(item.get("date_modified")),
    )
