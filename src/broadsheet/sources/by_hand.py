"""Papers that a reader names: by an id, by the address of a page, or by a title.

What a page says of its paper stands in its `meta` elements: those that Google Scholar reads
(scholar.google.com/intl/en/scholar/inclusion.html: `citation_title`…), Dublin Core, PRISM, Open
Graph, and in JSON-LD (schema.org/ScholarlyArticle).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

import orjson

from broadsheet.errors import SourceError
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.text import clean, pluses, shingles, surnames, title_key
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.jsonl import MAX_TEXT, parse_day, split_authors
from broadsheet.sources.polite import Client, Manner
from broadsheet.sources.prose import MAX_HTML, tree

SOURCE: Final = "by-hand"
MANNER: Final = Manner("pages", gap_s=1, tries=2, patience_s=30, max_bytes=8_000_000)
"""How the hosts of pages are treated: somebody is waiting."""
MAX_PAGE: Final = 8_000_000
"""Bytes of a page."""
_MAX_METAS = 20_000
_MAX_JSON = 1_000_000
_ABSTRACT = 200
"""Characters from which a description is taken for an abstract."""

ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "arxiv": ("arxiv", "hf", "openalex", "s2"),
    "doi": ("crossref", "openalex", "s2"),
    "acl": ("acl", "s2", "crossref", "openalex"),
    "openreview": ("openreview",),
    "pmid": ("openalex", "s2"),
    "s2": ("s2",),
    "openalex": ("openalex",),
}
"""For each namespace the names of the sources that are asked about its ids, best first."""


# What is wanted.


class ById(NamedTuple):
    """A paper by its id."""

    id: ExternalId


class ByLink(NamedTuple):
    """A paper by the address of a page about it, which gives no id itself."""

    url: str


class ByTitle(NamedTuple):
    """A paper by its title."""

    title: str


Named = ById | ByLink | ByTitle


class Seen(NamedTuple):
    """What sources say of an id: `told` is who knows it, or why there is no record."""

    record: Record | None
    told: str


_ADDRESS = re.compile(r"(?i)https?://\S+")
_BARE_ADDRESS = re.compile(r"(?i)(?:[a-z0-9-]+\.)+[a-z]{2,}/\S*|www\.(?:[a-z0-9-]+\.)+[a-z]{2,}")
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "«": "»", "„": "“"}


def read_wanted(text: str) -> Named:
    """Return what somebody means by an id, an address or a title; SourceError if it is nothing."""
    text = clean(text)
    if found := parse_external_id(text):
        return ById(found)
    bare = text.strip("<>")
    if _ADDRESS.fullmatch(bare):
        return ByLink(bare)
    if _BARE_ADDRESS.fullmatch(bare):
        return ByLink(f"https://{bare}")
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    if not title_key(text):
        raise SourceError("no id, no address and no title to look for", source=SOURCE)
    return ByTitle(text)


_SAME = 0.9
"""The share of three-word runs that two forms of one title have in common."""


def best_title(wanted: str, candidates: Sequence[Record]) -> Record | None:
    """Return the first candidate that has this title, None if none has or several papers have."""
    key, plus = title_key(wanted), pluses(wanted)
    exact = [c for c in candidates if key and title_key(c.title) == key and pluses(c.title) == plus]
    same = exact or [c for c in candidates if likeness(wanted, c.title) >= _SAME]
    if not same or any(_is_another(same[0], other) for other in same[1:]):
        return None
    return same[0]


def likeness(one: str, other: str) -> float:
    """Return the share of the longer title's runs that the other has."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / max(len(a), len(b)) if a and b and pluses(one) == pluses(other) else 0.0


def _is_another(one: Record, other: Record) -> bool:
    """Return whether two records of one title name authors, and none in common."""
    ours, theirs = surnames(one.authors), surnames(other.authors)
    return bool(ours and theirs) and not ours & theirs


# Pages.


def fetch_page(client: Client, url: str) -> Record:
    """Return what the page at `url` says of its paper; see `parse_page`."""
    answer = client.get(url)
    return parse_page(answer.body, url=answer.url or url)


def parse_page(body: bytes, *, url: str) -> Record:
    """Return the paper that a page is about; `extra["guessed"]` if no field says that it is one.

    Raises RecordError if the page has no title, and SourceError if it is no page, or one of
    several papers.
    """
    page = _Page(body, url)
    titles = {title_key(title) for title in page.said["citation_title"]}
    if len(titles) > _FORMS_OF_A_TITLE:
        raise SourceError(f"{url} is a page of {len(titles)} papers, not of one", source=SOURCE)
    return fields.sound(page.record(), 1)


_FORMS_OF_A_TITLE = 3
"""A title is given in two or three languages on some pages."""
_TITLES: Final = (
    "citation_title",
    "dc.title",
    "dcterms.title",
    "eprints.title",
    "bepress_citation_title",
)
_GUESSED_TITLES: Final = ("og:title", "twitter:title", "<title>")
_AUTHORS: Final = (
    "citation_author", "citation_authors", "dc.creator", "dcterms.creator", "eprints.creators_name",
    "bepress_citation_author",
)  # fmt: skip
_ABSTRACTS: Final = (
    "citation_abstract", "dcterms.abstract", "eprints.abstract", "dc.description.abstract",
)  # fmt: skip
_DESCRIPTIONS: Final = ("dc.description", "description", "og:description", "twitter:description")
_DAYS: Final = (
    "citation_publication_date", "citation_date", "citation_online_date", "citation_cover_date",
    "prism.publicationdate", "dcterms.issued", "dc.date.issued", "dc.date", "eprints.date",
    "bepress_citation_date", "article:published_time", "citation_year",
)  # fmt: skip
_VENUES: Final = (
    "citation_journal_title", "citation_conference_title", "citation_inbook_title",
    "prism.publicationname", "bepress_citation_journal_title", "citation_conference", "dc.source",
)  # fmt: skip
_IDS: Final = (
    "citation_arxiv_id", "citation_doi", "prism.doi", "bepress_citation_doi", "doi",
    "citation_pmid", "dc.identifier", "dcterms.identifier", "dc.identifier.doi",
    "citation_abstract_html_url", "citation_pdf_url", "<canonical>", "og:url",
    "dc.relation.isversionof",
)  # fmt: skip
_NAMESPACE_OF: Final = {
    "citation_arxiv_id": "arxiv",
    "citation_pmid": "pmid",
    "citation_doi": "doi",
}
_ARTICLES: Final = frozenset({
    "scholarlyarticle", "medicalscholarlyarticle", "techarticle", "report", "thesis", "chapter",
})  # fmt: skip
_BREAK = re.compile(r"\s*[;,]\s*")
_BEGINNING = re.compile(r"(?i)(?:abstract\s*[:.—-]?\s+)(?=\S)")


class _Page:
    """What the fields of a page say: `said` has the contents by their names in small letters."""

    def __init__(self, body: bytes, url: str) -> None:
        self.url = url
        self.said: dict[str, list[str]] = {"citation_title": []}
        root = None if len(body) > MAX_PAGE or _foreign(body) else tree(body)
        if root is None:
            what = _foreign(body) or ("an empty answer" if not body.strip() else "no HTML")
            raise SourceError(f"{url} is not a page about a paper but {what}", source=SOURCE)
        for name, content in _metas(root):
            self.said.setdefault(name, []).append(content)
        self.article = next(_articles(root), {})

    def all(self, *names: str) -> list[str]:
        """Return what the first of these fields that says anything says."""
        return next((said for name in names if (said := self.said.get(name))), [])

    def first(self, *names: str) -> str:
        return next(iter(self.all(*names)), "")

    @property
    def is_guessed(self) -> bool:
        """Whether nothing on the page says that it is about a paper."""
        return not self.article and not any(self.said.get(name) for name in (*_TITLES, "doi"))

    def record(self) -> Record:
        ids = self._ids()
        day = self._day()
        is_preprint = any(found.namespace == "arxiv" for found in ids) and not self.first(*_VENUES)
        abstract, summary = self._account()
        where = self._absolute(self.first("<canonical>", "og:url")) or self.url
        pdf = self._absolute(self.first("citation_pdf_url", "bepress_citation_pdf_url"))
        return Record(
            source=SOURCE,
            key=_short(str(ids[0]) if ids else where),
            title=self._title(),
            abstract=abstract,
            summary=summary,
            authors=self._authors(),
            external_ids=ids,
            year=None if day else self._year(),
            submitted=day if is_preprint else None,
            published=None if is_preprint else day,
            keywords=self._keywords(),
            venue=fields.text(self.first(*_VENUES) or _name_in(self.article.get("isPartOf"))),
            links=fields.links(("abs", where), ("pdf", pdf)),
            extra={"guessed": True} if self.is_guessed else {},
        )

    def _title(self) -> str:
        said = self.first(*_TITLES) or fields.text(
            self.article.get("headline") or self.article.get("name")
        )
        return fields.text(said or self.first(*_GUESSED_TITLES))

    def _authors(self) -> tuple[str, ...]:
        said: Iterable[str] = self.all(*_AUTHORS)
        if not said:
            people = self.article.get("author")
            said = map(_name_in, people if isinstance(people, list) else [people])
        names = [fields.text(name[:MAX_TEXT]) for name in said]
        found = (n for name in names for n in _people(name, is_alone=len(names) == 1))
        return fields.distinct(found)[: fields.MAX_AUTHORS]

    def _account(self) -> tuple[str, str]:
        """Return abstract and summary; a page that is guessed to be a paper's has no abstract."""
        labelled = self.first(*_ABSTRACTS) or self.article.get("abstract")
        described = max(self.all(*_DESCRIPTIONS), key=len, default="")
        described = described or self.article.get("description") or ""
        abstract, summary = fields.text(labelled), fields.text(described)
        is_cut = summary.endswith(("…", "..."))
        if not abstract and len(summary) >= _ABSTRACT and not is_cut and not self.is_guessed:
            abstract = summary
        is_same = summary[:80].casefold() == abstract[:80].casefold()
        return _BEGINNING.sub("", abstract, count=1) if _BEGINNING.match(abstract) else abstract, (
            "" if is_same else summary
        )

    def _day(self) -> str | None:
        said = [d for name in _DAYS for d in self.said.get(name, [])]
        said.append(fields.text(self.article.get("datePublished")))
        days = (parse_day(d.strip().replace("/", "-")) for d in said)
        return next(filter(None, days), None)

    def _year(self) -> int | None:
        said = [d.strip()[:4] for name in _DAYS for d in self.said.get(name, [])]
        return next((year for d in said if d.isdigit() and (year := fields.year(int(d)))), None)

    def _keywords(self) -> tuple[str, ...]:
        said = self.all("citation_keywords", "citation_keyword", "dc.subject", "keywords")
        words = [w for text in said for w in _BREAK.split(fields.text(text))]
        return tuple(fields.distinct(w for w in words if len(w) < 100))[:50]  # noqa: PLR2004

    def _ids(self) -> tuple[ExternalId, ...]:
        found: dict[str, ExternalId] = {}
        for namespace, text in self._said_ids():
            known = fields.external_id(namespace, text) if namespace else parse_external_id(text)
            if known and (sure := fields.external_id(known.namespace, str(known))):
                found.setdefault(sure.namespace, sure)
        ranked = sorted(found.values(), key=lambda i: i.namespace not in {"arxiv", "doi"})
        return tuple(ranked)

    def _said_ids(self) -> Iterator[tuple[str, str]]:
        for name in _IDS:
            for text in self.said.get(name, [])[:20]:
                yield _NAMESPACE_OF.get(name, ""), text
        for name in ("identifier", "sameAs", "@id", "doi", "url"):
            for value in _several(self.article.get(name))[:20]:
                yield "", str(fields.obj(value).get("value") or value)
        yield "", self.url

    def _absolute(self, address: str) -> str:
        try:
            return urljoin(self.url, address.strip()) if address else ""
        except ValueError:
            return ""


def _people(name: str, *, is_alone: bool) -> list[str]:
    """Return whom a field names: one person as a rule, sometimes all of them."""
    last, comma, first = (part.strip() for part in name.partition(","))
    is_pair = bool(comma and first) and "," not in first and ";" not in name
    if is_pair and not (is_alone and " " in last and " " in first):
        return [f"{first} {last}"]
    return split_authors(name)


def _foreign(body: bytes) -> str:
    """Return what an answer is that is no page, "" if it may be one."""
    if body.startswith(b"%PDF-"):
        return "a PDF (the page that leads to it says more)"
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in {b"{", b"["}:
        return "JSON"
    if len(body) > MAX_PAGE:
        return f"{len(body)} bytes"
    return "" if b"<" in body[:100_000] else "text"


def _metas(root: Any) -> Iterator[tuple[str, str]]:
    """Yield names and contents of a page's `meta`, and of what else says what it is about."""
    for count, element in enumerate(root.iter("meta", "link", "title")):
        if count >= _MAX_METAS:
            return
        if element.tag == "title":
            yield "<title>", clean("".join(element.itertext()))[:5_000]
        elif element.tag == "link":
            if "canonical" in (element.get("rel") or "").lower().split():
                yield "<canonical>", element.get("href") or ""
        elif content := (element.get("content") or "").strip():
            name = element.get("name") or element.get("property") or element.get("itemprop") or ""
            yield name.strip().lower(), content[:MAX_HTML]


def _articles(root: Any) -> Iterator[dict[str, Any]]:
    """Yield the papers that JSON-LD on a page describes."""
    for count, element in enumerate(root.iter("script")):
        if count >= _MAX_METAS or "ld+json" not in (element.get("type") or "").lower():
            continue
        text = element.text or ""
        if len(text) > _MAX_JSON:
            continue
        try:
            said = orjson.loads(text.encode(errors="replace"))
        except orjson.JSONDecodeError:
            continue
        for one in _several(said):
            graph = _several(fields.obj(one).get("@graph"))
            yield from (a for a in (one, *graph) if isinstance(a, dict) and _is_article(a))


def _is_article(said: Mapping[str, Any]) -> bool:
    kinds = _several(said.get("@type"))
    return any(isinstance(k, str) and k.lower() in _ARTICLES for k in kinds)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _name_in(value: Any) -> str:
    """Return the name of a person or a venue in JSON-LD."""
    if isinstance(value, str):
        return value
    said = fields.obj(value)
    whole = said.get("name")
    if isinstance(whole, str):
        return whole
    parts = (said.get("givenName"), said.get("familyName"))
    return " ".join(p for p in parts if isinstance(p, str))


def _short(key: str) -> str:
    key = clean(key)
    if len(key) <= 190:  # noqa: PLR2004 (a key is short)
        return key
    return blake2b(key.encode(errors="replace"), digest_size=16).hexdigest()
