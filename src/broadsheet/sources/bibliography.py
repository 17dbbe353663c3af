"""RIS, CSL-JSON and Zotero's JSON as records, and what they share with BibTeX. Pure.

Formats: RIS as EndNote, Zotero, Scopus and Web of Science write it
(https://en.wikipedia.org/wiki/RIS_(file_format)), CSL-JSON
(https://docs.citationstyles.org/en/stable/specification.html#appendix-iv-variables) and the
items of Zotero (https://www.zotero.org/support/dev/web_api/v3/types_and_fields).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from broadsheet.errors import RecordError
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.text import clean, title_key
from broadsheet.papers.types import Record
from broadsheet.sources import jsonl, pages
from broadsheet.sources.fields import without_markup

Item = Record | RecordError


@dataclass(slots=True)
class Entry:
    """What an entry of a bibliography says, in whatever format it was written.

    `dates` are as they were printed, the best first; `ids` are texts that may hold an id of the
    paper itself; `venues` and `urls` have the best first; `kept` is whatever has no place here.
    """

    title: str = ""
    abstract: str = ""
    summary: str = ""
    authors: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    doi: str = ""
    pmid: str = ""
    ids: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    venues: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    comment: str = ""
    withdrawn: bool = False
    citation_key: str = ""
    kept: dict[str, Any] = field(default_factory=dict)


def to_record(entry: Entry, *, name: str, place: int) -> Record:
    """Return the record of an entry; `name` and `place` say where it stood.

    Its source is `file`; its key is made of its best id and its title, so that one id given to
    two papers by mistake loses neither. Raises RecordError where `jsonl.to_record` does.
    """
    year, published = _first_date(entry.dates)
    arxiv = next(filter(None, map(arxiv_in, (*entry.ids, *entry.venues))), "")
    venue = next((v for v in entry.venues if v and not _IS_EPRINT.fullmatch(v[:200])), "")
    obj = {
        "title": entry.title,
        "abstract": entry.abstract,
        "tldr": entry.summary,
        "authors": [{"name": a} for a in entry.authors if a],
        "year": year,
        "published": published,
        "doi": entry.doi,
        "pmid": entry.pmid,
        "arxiv_id": arxiv,
        "links": [{"href": u, "type": _link_type(u)} for u in _addresses(entry)],
        "venue": venue,
        "categories": [c for c in entry.categories if _CATEGORY.fullmatch(c)],
        "keywords": entry.keywords,
        "comment": entry.comment,
        "withdrawn": entry.withdrawn,
    }
    record = jsonl.to_record({**obj, **_kept(entry)}, name=name, line=place)
    return replace(record, key=_key(record, entry.citation_key))


def _kept(entry: Entry) -> dict[str, Any]:
    """Return what goes to `extra`: neither nothing, nor where files lie on somebody's disk."""
    kept = {k: v for k, v in entry.kept.items() if v and not is_private(v)}
    if _first_date(entry.dates) == (None, None) and any(entry.dates):
        kept["date_seen"] = next(filter(None, entry.dates))[:200]
    return kept | ({"citation_key": entry.citation_key} if entry.citation_key else {})


_BEST = ("arxiv", "doi", "acl", "openreview", "pmid", "s2", "openalex")


def _key(record: Record, citation_key: str) -> str:
    best = min(record.external_ids, key=lambda i: _BEST.index(i.namespace), default=None)
    title = title_key(record.title) or record.title
    if best is not None:
        return jsonl.made_key((str(best), title))
    said = [citation_key, title, *record.authors]
    if not citation_key or not record.authors:
        said += [record.abstract, str(record.year)]
    return jsonl.made_key(said)


# ---------------------------------------------------------------------------- ids and links

_ARXIV_ID = r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Za-z-]+)?/\d{7})(?:v\d+)?"
_EPRINT = re.compile(
    rf"(?i)(?:arxiv(?:\s+(?:e-?prints?|preprint))?[\s,:;]*)?(?:arxiv:|abs/)\s*({_ARXIV_ID})"
    r"(?:\s*\[[A-Za-z. -]{2,20}\])?[\s.]*"
)
_IS_EPRINT = re.compile(
    rf"(?i)(?:arxiv|corr)(?:\.org)?(?:\s+(?:e-?prints?|preprint))?(?:\s*\(cornell university\))?"
    rf"[\s,:;]*(?:(?:arxiv:|abs/)?\s*{_ARXIV_ID})?(?:\s*\[[A-Za-z. -]{{2,20}}\])?[\s.]*"
)
_CATEGORY = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,4})?(?:\.[A-Za-z-]{2,9})?")
_ADDRESS = re.compile(r"(?i)https?://[^\s<>\"'{}\\]+")
_PRIVATE = re.compile(
    r"(?i)file:/|(?:^|[\s;:{\"'=])(?:[a-z]:\\|~/|/(?:home|users|volumes|mnt|media|tmp|var|private)/)"
    r"|\\\\[\w.-]+\\|internal-pdf:|zotero://"
)


def arxiv_in(text: str) -> str:
    """Return the arXiv id that `text` is, in any of the forms of bibliographies; else "".

    `arXiv:2403.00001 [cs.CL]`, `arXiv preprint arXiv:2403.00001`, `abs/1706.03762`; no sentence.
    """
    match = _EPRINT.fullmatch(text.strip()[:200])
    found = parse_external_id(f"arxiv:{match[1]}" if match else text)
    return found.value if found and found.namespace == "arxiv" else ""


def is_id(text: str) -> bool:
    """Return whether a note is nothing but an id of the paper."""
    return bool(arxiv_in(text)) or parse_external_id(text) is not None


def is_private(value: object, depth: int = 8) -> bool:
    """Return whether a value tells of a place on somebody's own disk, or hides it too deep."""
    if isinstance(value, str):
        return _PRIVATE.search(value) is not None
    if isinstance(value, dict | list) and not depth:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(is_private(v, depth - 1) for v in inner)


def _addresses(entry: Entry) -> list[str]:
    """Return the addresses of an entry, each once."""
    texts = [u[:2_000] for u in entry.urls]
    return list(dict.fromkeys(m[0].rstrip(".,;)") for t in texts for m in _ADDRESS.finditer(t)))


def _link_type(url: str) -> str:
    return "pdf" if re.search(r"(?i)\.pdf(?:$|[?#])|/pdf/", url) else "abs"


# ---------------------------------------------------------------------------- days

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
                  "dec")  # fmt: skip
_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?!\d)")
_MONTH_NAME = re.compile(rf"(?i)(?<![a-z])({'|'.join(_MONTHS)})[a-z]{{0,6}}\.?(?![a-z])")
_YEAR = re.compile(r"(?<!\d)(1[4-9]\d\d|2[01]\d\d|2200)(?!\d)")
_SMALL = re.compile(r"(?<!\d)(\d{1,2})(?!\d)")
_NUMERIC = re.compile(r"(?<!\d)(?:(\d{1,2})[/.-])?(\d{1,2})[/.-](\d{4})(?!\d)")


def written_date(text: str) -> tuple[int | None, str | None]:
    """Return the year of a date as people write it, and its ISO day or month if it has one.

    `2026-03-17`, `2026/03/17/`, `17 March 2026`, `Mar 2026`, `03/2026`; of a range its first
    day. Nothing is guessed: `3/4/2026` is only a year.
    """
    text = clean(text[:200])
    if match := _ISO.search(text):
        day = _day(match[1], match[2], match[3])
        return _year(match[1]), day
    found = _YEAR.search(text)
    if found is None:
        return None, None
    if month := _MONTH_NAME.search(text):
        number = str(_MONTHS.index(month[1].lower()) + 1)
        small = _SMALL.search(text.replace(found[0], " ", 1))
        return _year(found[1]), _day(found[1], number, small and small[1])
    if match := _NUMERIC.search(text):
        return _year(match[3]), _numeric(match[1], match[2], match[3])
    return _year(found[1]), None


def _numeric(first: str | None, second: str, year: str) -> str | None:
    """Return the day of `17/03/2026` or `03/17/2026`, None where it could be either."""
    if first is None:
        return _day(year, second, None)
    if int(first) > 12 or first == second:  # noqa: PLR2004 (months)
        return _day(year, second, first)
    return _day(year, first, second) if int(second) > 12 else None  # noqa: PLR2004


def _day(year: str, month: str, day: str | None) -> str | None:
    """Return the ISO day, the month if the day is none, else None."""
    whole = day and jsonl.parse_day(f"{year}-{month}-{day}")
    return whole or jsonl.parse_day(f"{year}-{month}")


def _year(text: str) -> int | None:
    return int(text) if _YEAR.fullmatch(text) else None


def _first_date(dates: Iterable[str]) -> tuple[int | None, str | None]:
    """Return year and day of the first date that has a day or month, else of one with a year."""
    read = [written_date(d) for d in dates if d]
    exact = next((d for d in read if d[1]), None)
    return exact or next((d for d in read if d[0]), (None, None))


# ---------------------------------------------------------------------------- texts


def keywords_in(text: str) -> list[str]:
    """Return the keywords of a list with semicolons, or with commas if it has none."""
    return [k for part in text.split(";" if ";" in text else ",") if (k := clean(part))]


def aside(reason: str, *, name: str, place: int, text: str) -> RecordError:
    """Return the error of an entry that is set aside; `text` is how it begins."""
    return RecordError(reason, source=name, place=place, excerpt=pages.excerpt(clean(text[:800])))


def item(entry: Entry, *, name: str, place: int, text: str) -> Item:
    """Return the record of an entry, or the error that says why it can be none."""
    try:
        return to_record(entry, name=name, place=place)
    except RecordError as error:
        return aside(error.reason, name=name, place=place, text=text)


# ---------------------------------------------------------------------------- RIS

_RIS_START = re.compile(r"(?m)^[ \t\ufeff]*TY {1,2}- ?[A-Za-z]{2,12}[ \t\r]*$")
_RIS_LINE = re.compile(r"[ \t\ufeff]*([A-Z][A-Z0-9]) {1,2}-(?: (.*)|)", re.DOTALL)
# The best first: what stands in a chapter's title is the chapter, in BT the book.
_RIS_TITLES = ("TI", "T1", "CT", "BT")
_RIS_VENUES = ("T2", "JF", "JO", "BT", "JA", "J2", "J1", "T3", "C3")
_RIS_DATES = ("PY", "DA", "Y1", "Y2")
_RIS_URLS = ("UR", "LK", "L2", "L1", "L4")
_RIS_KNOWN = frozenset({
    "TY", "ER", "AU", "A1", "AB", "N2", "KW", "DE", "ID", "LB", "N1", "RN", "L3",
    *_RIS_TITLES, *_RIS_VENUES, *_RIS_DATES, *_RIS_URLS, "DO",
})  # fmt: skip


def is_ris(head: str) -> bool:
    """Return whether a text that begins with `head` has a record of RIS."""
    return _RIS_START.search(head) is not None


def parse_ris(text: str, *, name: str) -> Iterator[Item]:
    """Yield the records of a RIS file, each with the line (from 1) on which it begins.

    A record without its `ER` ends where the next begins; lines without a tag go on the one
    before.
    """
    fields: list[tuple[str, list[str]]] = []
    start = 0
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        match = _RIS_LINE.fullmatch(line.rstrip())
        if match and match[1] == "TY":
            yield from _ris_item(fields, name, start)
            fields, start = [("TY", [match[2] or ""])], number
        elif match and match[1] == "ER":
            yield from _ris_item(fields, name, start)
            fields = []
        elif match and fields:
            fields.append((match[1], [match[2] or ""]))
        elif fields and line.strip():
            fields[-1][1].append(line)
    yield from _ris_item(fields, name, start)


def _ris_item(fields: list[tuple[str, list[str]]], name: str, place: int) -> Iterator[Item]:
    if not fields:
        return
    values: dict[str, list[str]] = {}
    for tag, lines in fields:
        if text := clean(" ".join(lines)):
            values.setdefault(tag, []).append(text)
    said = "; ".join(f"{tag} {v[0][:100]}" for tag, v in values.items())
    yield item(_ris_entry(values, fields), name=name, place=place, text=said)


def _ris_entry(values: dict[str, list[str]], fields: list[tuple[str, list[str]]]) -> Entry:
    def first(*tags: str) -> str:
        return next((values[t][0] for t in tags if t in values), "")

    def every(*tags: str) -> list[str]:
        return [v for t in tags for v in values.get(t, ())]

    title_tag = next((t for t in _RIS_TITLES if t in values), "")
    notes = every("N1", "RN")
    rest = {t: v if len(v) > 1 else v[0] for t, v in values.items() if t not in _RIS_KNOWN}
    return Entry(
        title=without_markup(first(*_RIS_TITLES)),
        abstract=without_markup(first("AB", "N2")),
        authors=[n for a in every("AU", "A1") for n in turned_names(a)],
        dates=every(*_RIS_DATES),
        doi=first("DO") or _doi_among((*every("M3", "L3"), *notes)),
        ids=[*every("AN", "M1", "L3", "ID"), *notes, _volume_id(first("VL"))],
        urls=every(*_RIS_URLS),
        venues=[
            without_markup(v) for t in _RIS_VENUES if t != title_tag for v in values.get(t, ())
        ],
        keywords=_ris_keywords(fields),
        comment="; ".join(n for n in notes if not is_private(n) and not is_id(n)),
        citation_key=first("ID", "LB"),
        kept={"entry_type": first("TY"), "ris": {k: v for k, v in rest.items() if _public(v)}},
    )


def _ris_keywords(fields: list[tuple[str, list[str]]]) -> list[str]:
    """Return the keywords: one a tag, one a line below it, or a list with semicolons."""
    lines = [line for tag, lines in fields if tag in {"KW", "DE"} for line in lines]
    return [k for line in lines for part in line.split(";") if (k := clean(part))]


def _public(value: object) -> bool:
    return not is_private(value)


def _volume_id(volume: str) -> str:
    """Return DBLP's volume of an e-print (`abs/1706.03762`), else ""."""
    return volume if volume.startswith("abs/") else ""


def _doi_among(texts: Iterable[str]) -> str:
    for text in texts:
        found = parse_external_id(text)
        if found is not None and found.namespace == "doi":
            return found.value
    return ""


_JR = re.compile(r"(?i)(?:jr|sr|ii|iii|iv|2nd|3rd)\.?")


def turned_names(text: str) -> list[str]:
    """Return the name in `Last, First, Suffix` as `First Last Suffix`; several stand apart by `;`.

    A name in another form stays as it is.
    """
    parts = text.split(";") if ";" in text else [text]
    return [n for part in parts if (n := _turned(part))]


def _turned(text: str) -> str:
    parts = [clean(p) for p in text.split(",")]
    match [p for p in parts if p]:
        case [last, first, suffix]:
            if _JR.fullmatch(first):
                first, suffix = suffix, first
            return f"{first} {last} {suffix}"
        case [last, first]:
            return f"{last} {first}" if _JR.fullmatch(first) else f"{first} {last}"
        case [name]:
            return name
    return clean(text)


# ---------------------------------------------------------------------------- CSL-JSON

_CSL_TYPES: Final = frozenset("""
    article article-journal article-magazine article-newspaper bill book broadcast chapter classic
    collection dataset document entry entry-dictionary entry-encyclopedia event figure graphic
    hearing interview legal_case legislation manuscript map motion_picture musical_score pamphlet
    paper-conference patent performance periodical personal_communication post post-weblog
    regulation report review review-book software song speech standard thesis treaty webpage
""".split())  # fmt: skip  # noqa: SIM905
_CSL_KNOWN = frozenset({
    "type", "title", "abstract", "author", "issued", "DOI", "PMID", "URL", "container-title",
    "event-title", "collection-title", "keyword", "note", "id", "citation-key", "citation-label",
})  # fmt: skip


def is_csl(obj: Mapping[str, Any]) -> bool:
    """Return whether an object has the form of CSL-JSON."""
    if not isinstance(obj.get("type"), str) or obj["type"] not in _CSL_TYPES:
        return False
    authors = obj.get("author")
    people = isinstance(authors, list) and bool(authors) and isinstance(authors[0], dict)
    return (
        people
        or isinstance(obj.get("issued"), dict)
        or not obj.keys().isdisjoint(
            {"DOI", "URL", "container-title", "citation-key", "citation-label"}
        )
    )


def csl_item(obj: Mapping[str, Any], *, name: str, place: int) -> Item:
    """Return the record of an object of CSL-JSON, or the error that says why it is none."""
    texts = {k: _one_text(v) for k, v in obj.items()}
    notes = _notes(obj.get("note"))
    said = notes.labelled.get
    entry = Entry(
        title=without_markup(texts.get("title", "")),
        abstract=without_markup(texts.get("abstract", "")),
        authors=_csl_names(obj.get("author")),
        dates=_csl_dates(obj.get("issued")),
        doi=texts.get("DOI", ""),
        pmid=texts.get("PMID", "") or said("pmid", ""),
        ids=[
            *(texts.get(k, "") for k in ("number", "archive_location", "id")),
            f"arxiv:{said('arxiv', '')}",
            *notes.rest,
        ],
        urls=[texts.get("URL", "")],
        venues=[
            without_markup(texts.get(k, "")) for k in ("container-title", "event-title", "archive")
        ],
        keywords=keywords_in(texts.get("keyword", "")),
        comment="; ".join(n for n in notes.rest if not is_id(n)),
        citation_key=_csl_key(texts),
        kept={
            "entry_type": texts.get("type", ""),
            "csl": {k: v for k, v in obj.items() if k not in _CSL_KNOWN and _public(v)},
        },
    )
    return item(entry, name=name, place=place, text=str(texts))


def _csl_key(texts: Mapping[str, str]) -> str:
    keys = (texts.get(k, "") for k in ("citation-key", "citation-label", "id"))
    return next((k for k in keys if k and not _ADDRESS.match(k)), "")


def _one_text(value: object) -> str:
    """Return the text in a value: itself, a number, or the first of a list; else ""."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return clean(str(value))


def _csl_names(people: object) -> list[str]:
    return [_csl_name(p) for p in people if isinstance(p, dict)] if isinstance(people, list) else []


def _csl_name(person: Mapping[str, Any]) -> str:
    if literal := _one_text(person.get("literal") or person.get("name")):
        return literal
    keys = ("given", "dropping-particle", "non-dropping-particle", "family", "suffix")
    return " ".join(filter(None, (_one_text(person.get(k)) for k in keys)))


def _csl_dates(issued: object) -> list[str]:
    """Return `{"date-parts": [[2026, 3, 17]]}`, `{"raw": …}` or a bare date as texts."""
    if not isinstance(issued, dict):
        return [_one_text(issued)]
    found = [_one_text(issued.get(k)) for k in ("raw", "literal")]
    match issued.get("date-parts"):
        case [[*numbers], *_]:
            found.insert(0, "-".join(_one_text(n) for n in numbers[:3]))
    return found


class _Notes(NamedTuple):
    """A field of notes taken apart: `Label: value` by its label in small letters, and the rest."""

    labelled: dict[str, str]
    rest: tuple[str, ...]


_LABELLED = re.compile(r"([A-Za-z][\w .-]{1,30}):[ \t]*(\S.*)")


def _notes(value: object) -> _Notes:
    """Return the lines in which Zotero keeps what it has no field for; the rest is a comment."""
    labelled: dict[str, str] = {}
    rest: list[str] = []
    lines = value.splitlines() if isinstance(value, str) else []
    for line in map(clean, lines):
        if match := _LABELLED.fullmatch(line):
            labelled.setdefault(match[1].lower(), match[2])
        elif line:
            rest.append(line)
    return _Notes(labelled, tuple(rest))


# ---------------------------------------------------------------------------- Zotero

# The last ones have no title but a subject or a name of their own.
_NO_PAPERS: Final = frozenset({
    "attachment", "note", "annotation", "email", "instantMessage", "case", "statute",
})  # fmt: skip
_NO_AUTHORS: Final = frozenset({
    "editor", "seriesEditor", "translator", "reviewedAuthor", "recipient", "castMember",
    "commenter",
})  # fmt: skip
_ZOTERO_VENUES: Final = (
    "publicationTitle", "proceedingsTitle", "bookTitle", "conferenceName", "encyclopediaTitle",
    "dictionaryTitle", "websiteTitle", "blogTitle", "forumTitle", "university", "institution",
    "repository",
)  # fmt: skip
# Only these are kept: other fields tell of files, or of the reader.
_ZOTERO_KEPT: Final = (
    "volume", "issue", "pages", "series", "seriesTitle", "edition", "publisher", "place", "ISBN",
    "ISSN", "language", "reportNumber", "thesisType", "libraryCatalog", "rights", "dateAdded",
    "collections",
)  # fmt: skip


def is_zotero(obj: Mapping[str, Any]) -> bool:
    """Return whether an object is an item of Zotero, as its API or an export writes it."""
    data = obj.get("data", obj)
    return isinstance(data, dict) and isinstance(data.get("itemType"), str)


def zotero_item(obj: Mapping[str, Any], *, name: str, place: int) -> Item | None:
    """Return the record of an item of Zotero or why it is none; None of what is no paper.

    Notes, attachments, annotations and what lies in the bin are no papers.
    """
    data = obj.get("data", obj)
    if not isinstance(data, dict) or not isinstance(data.get("itemType"), str):
        return aside("no item of Zotero", name=name, place=place, text=str(obj)[:800])
    if data["itemType"] in _NO_PAPERS or data.get("deleted"):
        return None
    entry = _zotero_entry(data, obj.get("meta"))
    return item(entry, name=name, place=place, text=entry.title or str(data.get("key", "")))


def _zotero_entry(data: Mapping[str, Any], meta: object) -> Entry:
    texts = {k: _one_text(v) for k, v in data.items()}
    notes = _notes(data.get("extra"))
    said = notes.labelled.get
    kept = {k: data[k] for k in _ZOTERO_KEPT if data.get(k)}
    parsed = meta.get("parsedDate") if isinstance(meta, dict) else None
    return Entry(
        title=without_markup(texts.get("title", "")),
        abstract=without_markup(texts.get("abstractNote", "")),
        authors=_zotero_authors(data.get("creators")),
        dates=[texts.get("date", ""), _one_text(parsed)],
        doi=texts.get("DOI", "") or said("doi", ""),
        pmid=said("pmid", ""),
        ids=[
            *(texts.get(k, "") for k in ("archiveID", "archiveLocation", "reportNumber")),
            f"arxiv:{said('arxiv', '')}",
            *notes.rest,
        ],
        urls=[texts.get("url", "")],
        venues=[without_markup(texts.get(k, "")) for k in _ZOTERO_VENUES],
        keywords=_zotero_tags(data.get("tags")),
        comment="; ".join(n for n in notes.rest if not is_id(n)),
        citation_key=texts.get("citationKey", "") or said("citation key", ""),
        kept={"entry_type": texts["itemType"], "zotero": kept},
    )


def _zotero_authors(creators: object) -> list[str]:
    """Return the authors; where a type of item has none, whoever made it."""
    people = [c for c in creators if isinstance(c, dict)] if isinstance(creators, list) else []
    authors = [c for c in people if c.get("creatorType") == "author"]
    makers = authors or [c for c in people if c.get("creatorType") not in _NO_AUTHORS]
    return list(map(_zotero_name, makers))


def _zotero_name(person: Mapping[str, Any]) -> str:
    names = (_one_text(person.get(k)) for k in ("firstName", "lastName"))
    return _one_text(person.get("name")) or " ".join(filter(None, names))


def _zotero_tags(tags: object) -> list[str]:
    given = tags if isinstance(tags, list) else []
    found = (t.get("tag") if isinstance(t, dict) else t for t in given)
    return [text for t in found if (text := _one_text(t))]
