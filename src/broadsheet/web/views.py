"""What the templates show of papers, ready made and of bounded size. Pure."""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from markupsafe import escape

from broadsheet.collection.picks import Pick
from broadsheet.errors import QueryError
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import ExternalId, Paper, PaperId
from broadsheet.search.engine import Hit
from broadsheet.search.explaining import Row
from broadsheet.search.highlight import Marked
from broadsheet.web import narrowing

T = TypeVar("T")

Piece = tuple[bool, str]
"""A piece of text and whether it is marked."""

EXCERPT = 420
"""Characters of an abstract in a list: about 60 words."""
TITLE = 300
"""Characters of a title in a list; a real one is far shorter."""
WHOLE = 20_000
"""Characters of whole abstracts with their marks, and of what scores were made of, on one page."""
NAMES = 6
"""Authors named in a list."""
CONTEXT = 90
"""Characters before the first mark that an excerpt begins with, if it does not begin earlier."""


class Link(NamedTuple):
    """Words that lead somewhere, or only words if `href` is None."""

    text: str
    href: str | None


def clip(text: str, size: int) -> str:
    """Return `text`, cut with an ellipsis if it is longer than `size`."""
    return text if len(text) <= size else text[: size - 1] + "…"


def size(text: str) -> int:
    """Return how many bytes a text takes on a page."""
    return len(escape(text).encode("utf-8", "replace"))


def fitting(found: Iterable[T], room: int, weight: Callable[[T], int]) -> Iterator[T]:
    """Yield the first of `found` that have room together."""
    for one in found:
        room -= weight(one)
        if room < 0:
            return
        yield one


def commands(text: str) -> list[Piece]:
    """Return a text in pieces, those marked that stand between backquotes."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [(False, text)]
    return [(n % 2 == 1, part) for n, part in enumerate(parts) if part]


def day_in_words(day: date | str) -> str:
    """Return `Thursday, 20 November 2025`, or `November 2025` where only the month is known.

    A text that is neither comes back as it is.
    """
    if isinstance(day, str):
        try:
            if len(day) == len("2025-11"):
                return f"{date.fromisoformat(day + '-01'):%B %Y}"
            return day_in_words(date.fromisoformat(day))
        except ValueError:
            return day
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


# ---------------------------------------------------------------------------- excerpts


class Excerpt(NamedTuple):
    """A stretch of a text with its marks; `is_cut` if there is more of it."""

    pieces: list[Piece]
    is_cut: bool


def excerpt(marked: Marked, size: int = EXCERPT) -> Excerpt:
    """Return the stretch of about `size` characters of a text that holds the most marks."""
    text = marked.text
    if len(text) <= size * 1.25:
        return Excerpt(list(marked.parts()), is_cut=False)
    start = _start(marked, size)
    end = len(text)
    if start + size < end:
        space = text.rfind(" ", start + size // 2, start + size)
        end = space if space > 0 else start + size
    pieces = list(_between(marked.parts(), start, end))
    before = [(False, "…\N{NO-BREAK SPACE}")] if start else []
    after = [(False, "\N{NO-BREAK SPACE}…")] if end < len(text) else []
    return Excerpt([*before, *pieces, *after], is_cut=True)


def _start(marked: Marked, size: int) -> int:
    """Return where to begin so that most marks are seen: at the beginning unless that is worse."""
    starts = [start for start, _ in marked.spans]
    seen = [bisect_left(starts, start + size - CONTEXT) - i for i, start in enumerate(starts)]
    best = max(range(len(seen)), key=seen.__getitem__, default=None)
    if best is None or seen[best] <= bisect_left(starts, size):
        return 0
    wanted = max(starts[best] - CONTEXT, 0)
    sentence = marked.text.rfind(". ", wanted, starts[best])
    if sentence >= 0:
        return sentence + 2
    return marked.text.find(" ", wanted, starts[best]) + 1 or wanted


def _between(parts: Iterable[Piece], start: int, end: int) -> Iterator[Piece]:
    at = 0
    for is_marked, text in parts:
        piece = text[max(start - at, 0) : max(end - at, 0)]
        at += len(text)
        if piece:
            yield is_marked, piece


# ---------------------------------------------------------------------------- papers in lists


class Entry(NamedTuple):
    """A paper as lists show it."""

    id: PaperId
    href: str
    title: list[Piece]
    authors: tuple[str, ...]
    more_authors: int
    year: int | None
    venue: Link | None
    categories: list[Link]
    excerpt: Excerpt
    whole: list[Piece]
    is_summary: bool
    is_withdrawn: bool
    reasons: tuple[str, ...] = ()
    explained: tuple[Row, ...] = ()
    pick: Pick | None = None


def _entry(paper: Paper, title: Marked, text: Marked, size: int) -> Entry:
    name = clip(paper.venue, 120)
    return Entry(
        id=paper.id,
        href=paper_url(paper),
        title=excerpt(title, TITLE).pieces,
        authors=tuple(clip(a, 80) for a in paper.authors[:NAMES]),
        more_authors=max(len(paper.authors) - NAMES, 0),
        year=paper.year,
        venue=Link(name, narrowing.link(narrowing.venue(paper.venue))) if name else None,
        categories=categories(paper)[:NAMES],
        excerpt=excerpt(text, size),
        whole=[],
        is_summary=bool(paper.summary and not paper.abstract),
        is_withdrawn=paper.withdrawn,
    )


def paper_entry(paper: Paper, size: int = EXCERPT) -> Entry:
    """Return a paper as a list without a query shows it."""
    return _entry(paper, Marked(paper.title), Marked(paper.abstract or paper.summary), size)


def hit_entries(hits: Iterable[Hit]) -> list[Entry]:
    """Return hits as a page of results shows them, whole abstracts as far as `WHOLE` goes."""
    shown = [(hit, hit.made.rows()) for hit in hits]
    room = WHOLE - sum(len(row.made_of) for _, rows in shown for row in rows)
    entries = []
    for hit, rows in shown:
        entry = _entry(hit.paper, hit.title, hit.abstract, EXCERPT)
        whole: list[Piece] = []
        size = len(hit.abstract.text) + len(hit.abstract.spans) * len("<mark></mark>")
        if entry.excerpt.is_cut and size <= room:
            room -= size
            whole = list(hit.abstract.parts())
        told = tuple(r.text for r in hit.reasons)
        entries.append(entry._replace(whole=whole, reasons=told, explained=rows))
    return entries


# ---------------------------------------------------------------------------- one paper

_SITES = {
    "arxiv": ("arXiv", "https://arxiv.org/abs/"),
    "doi": ("DOI", "https://doi.org/"),
    "acl": ("ACL Anthology", "https://aclanthology.org/"),
    "openreview": ("OpenReview", "https://openreview.net/forum?id="),
    "hf": ("Hugging Face", "https://huggingface.co/papers/"),
    "s2": ("Semantic Scholar", "https://www.semanticscholar.org/paper/"),
    "openalex": ("OpenAlex", "https://openalex.org/"),
    "pmid": ("PubMed", "https://pubmed.ncbi.nlm.nih.gov/"),
}

_SOURCES = {"github": "GitHub", "crossref": "Crossref", "biorxiv": "bioRxiv", "zotero": "Zotero"}

_DATES = (
    ("Announced", "announced", "the day on which a listing showed it"),
    ("Submitted", "submitted", "the day of its first version"),
    ("Updated", "updated", "the day of its newest version"),
    ("Published", "published", "the day on which its venue published it"),
)


class Fact(NamedTuple):
    """A name, a value, and what the name means."""

    name: str
    value: str
    meaning: str = ""


def paper_url(paper: Paper) -> str:
    """Return the one address of a paper."""
    return f"/paper/{format_paper_id(paper.id)}"


def paper_url_of(external: ExternalId) -> str:
    """Return an address that leads to the paper with an id."""
    return f"/paper/{quote(str(external), safe='/:')}"


def categories(paper: Paper) -> list[Link]:
    """Return the categories of a paper as links to searches, primary first."""
    return [Link(clip(c, 60), narrowing.link(narrowing.category(c))) for c in paper.categories]


def authors(names: Iterable[str]) -> list[Link]:
    """Return authors as links to searches."""
    return [Link(clip(n, 120), narrowing.link(narrowing.author(n))) for n in names]


def dates(paper: Paper) -> list[Fact]:
    """Return the dates of a paper, each with what it means."""
    found = [
        Fact(name, day_in_words(value), meaning)
        for name, key, meaning in _DATES
        if (value := getattr(paper, key))
    ]
    if paper.year and not found:
        found.append(Fact("Year", str(paper.year)))
    seen = Fact("First seen", day_in_words(paper.first_seen[:10]), "here, in this collection")
    return [*found, seen] if paper.first_seen else found


_FIELDS = {
    "submitted": "day of submission",
    "announced": "day of announcement",
    "presumed": "presumed day of announcement",
    "published": "day of publication",
    "updated": "day of the newest version",
}


def origins_in_words(origins: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each source with the fields of a paper that are shown as it said them."""
    fields: dict[str, list[str]] = {}
    for name, source in origins.items():
        fields.setdefault(source, []).append(_FIELDS.get(name, name))
    return [(source, in_words(names)) for source, names in fields.items()]


def in_words(names: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def outside(external: ExternalId) -> tuple[str, Link]:
    """Return the name of the site that gave an id, and the id as a link to its page there."""
    name, prefix = _SITES.get(external.namespace, (external.namespace, ""))
    return name, Link(external.value, prefix + quote(external.value, safe="/") if prefix else None)


def source_name(source: str) -> str:
    """Return what a source is called; one of somebody's own by the name that it has."""
    name, _ = _SITES.get(source, (_SOURCES.get(source, source), ""))
    return name


def links(paper: Paper) -> list[Link]:
    """Return the links of a paper; those that are not http or https are words only."""
    return [_link(kind, url) for kind, url in paper.links]


def _link(kind: str, url: str) -> Link:
    host = _host(url)
    return (
        Link(f"{clip(kind, 40)} ({host})", url) if host else Link(clip(f"{kind}: {url}", 80), None)
    )


def _host(url: str) -> str | None:
    """Return the host of an address that may be followed, None of any other."""
    if any(unicodedata.category(c)[0] in "CZ" for c in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


CITED_AUTHORS = 100


def citation(paper: Paper) -> list[tuple[str, str]]:
    """Return the meta tags by which reference managers know a paper."""
    ids = {i.namespace: i.value for i in reversed(paper.external_ids)}
    pdf = next((url for kind, url in paper.links if kind == "pdf" and _host(url)), "")
    day = paper.published or paper.submitted or paper.announced or str(paper.year or "")
    tags = (
        ("citation_title", paper.title),
        *(("citation_author", name) for name in paper.authors[:CITED_AUTHORS]),
        ("citation_publication_date", day.replace("-", "/")),
        ("citation_journal_title", paper.venue),
        ("citation_doi", ids.get("doi", "")),
        ("citation_arxiv_id", ids.get("arxiv", "")),
        ("citation_pdf_url", pdf),
        ("citation_keywords", "; ".join(paper.keywords)),
    )
    return [(name, clip(value, 2000)) for name, value in tags if value]


# ---------------------------------------------------------------------------- a misread query

_AROUND = 36


class Fault(NamedTuple):
    """A query round the character that cannot be understood, and the line with the caret."""

    before: str
    at: str
    after: str
    caret: str


def fault(error: QueryError) -> Fault:
    """Return where in its query an error lies, in at most one line."""
    query, place = error.query, error.position
    start = max(place - _AROUND, 0)
    before = ("…" if start else "") + query[start:place]
    rest = query[place + 1 :]
    after = rest[:_AROUND] + ("…" if len(rest) > _AROUND else "")
    return Fault(before, query[place : place + 1] or " ", after, " " * _columns(before) + "^")


def _columns(text: str) -> int:
    """Return how many columns a text takes in a fixed-width font."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
