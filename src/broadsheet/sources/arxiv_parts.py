"""What the answers of arXiv have in common, whatever their form: ids, names, days, XML. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from lxml import etree

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.categories import CATEGORIES
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.base import Item
from broadsheet.sources.fields import external_id, sound
from broadsheet.sources.pages import excerpt

FEED: Final = "arxiv-feed"
"""The source of records that stood in a feed or on a page of new listings."""
ARXIV: Final = "arxiv"
"""The source of records that arXiv gave when it was asked for papers."""

# ---------------------------------------------------------------------------------------------
# Papers
# ---------------------------------------------------------------------------------------------

_VERSIONED = re.compile(r"(.*\d)v(\d{1,4})(?:\.pdf)?", re.ASCII | re.IGNORECASE)
_SUFFIX = re.compile(r"(?i)(?:jr|sr|ii|iii|iv)\.?")
_SUFFIXED = re.compile(r"(?i) (?:jr|sr|ii|iii|iv)\.?\Z")
_BRACKETS = re.compile(r"\([^()]*\)")
_NAME = re.compile(r"(?:[^,{}]|\{[^{}]*\}|[{}])+")
_DOIS = re.compile(r"[\s;,]+(?=10\.|doi|https?:)")
_LONGEST_DOIS = 1_000
_WITHDRAWN = ("this paper has been withdrawn", "this submission has been withdrawn", "withdrawn")


class Identity(NamedTuple):
    """Which paper is meant, and which of its versions if one is named."""

    paper: ExternalId
    version: int | None


def identity(text: str) -> Identity | None:
    """Return the paper that an id, a link or an OAI identifier names; None if it is no e-print."""
    text = clean(text)
    match = _VERSIONED.fullmatch(text)
    paper = parse_external_id(match[1] if match else text)
    if paper is None or paper.namespace != "arxiv":
        return None
    return Identity(paper, int(match[2]) if match else None)


def links(paper: ExternalId) -> tuple[tuple[str, str], ...]:
    """Return the addresses of a paper's page and of its newest PDF, made of its id.

    How answers mark the link to the PDF has changed more than once; its address has not.
    """
    return (
        ("abs", f"https://arxiv.org/abs/{paper.value}"),
        ("pdf", f"https://arxiv.org/pdf/{paper.value}"),
    )


def ids(paper: ExternalId, doi: str) -> tuple[ExternalId, ...]:
    """Return a paper's own id and the ids that the DOIs in `doi` are, if they can be its own.

    Authors give several at once, the DOI of a whole book, or that of another e-print.
    """
    found = (external_id("doi", part) for part in _DOIS.split(clean(doi)[:_LONGEST_DOIS]))
    return tuple(dict.fromkeys((paper, *(i for i in found if i and i.namespace != "arxiv"))))


def names(text: str) -> tuple[str, ...]:
    """Return the authors in a string that joins them by commas, without their affiliations.

    Here a comma always parts two people (never `Last, First`), but for suffixes such as `Jr.`
    """
    for _ in range(3):
        text = _BRACKETS.sub(" ", text)
    found: list[str] = []
    for part in map(clean, _NAME.findall(text)):
        if found and _SUFFIX.fullmatch(part) and not _SUFFIXED.search(found[-1]):
            found[-1] += f" {part}"
        elif part:
            found.append(part)
    return tuple(dict.fromkeys(found))


def is_withdrawn(abstract: str, comment: str = "") -> bool:
    """Return whether one of the texts begins by saying that the paper has been withdrawn."""
    return any(t[:40].casefold().startswith(_WITHDRAWN) for t in (abstract, comment) if t)


# ---------------------------------------------------------------------------------------------
# Categories
# ---------------------------------------------------------------------------------------------

_CATEGORY = re.compile(r"([a-z-]+)\.(?:[A-Z]{2}|[a-z]+(?:-[a-z]+)*)")
_ACM = re.compile(r"[A-Ka-k]\.(?:\d\d?|m)(?:\.(?:\d\d?|m))?(?![\w.])")
_MSC = re.compile(r"(?:Primary:? *)?\d\d(?:[A-Z](?:\d\d|xx|XX)|-\d\d|-XX)", re.IGNORECASE)


class Terms(NamedTuple):
    """The terms of an answer: categories of arXiv, and classes by the name of their scheme."""

    categories: tuple[str, ...]
    classes: dict[str, str]


def is_category(term: str) -> bool:
    """Return whether arXiv files papers under `term`, or may since this was written."""
    match = _CATEGORY.fullmatch(term)
    return term in CATEGORIES or bool(match and match[1] in CATEGORIES)


def told_apart(terms: Iterable[str]) -> Terms:
    """Return the categories among `terms`, in order, apart from the classes that stand with them.

    arXiv's answers mix its categories with classes of the ACM (`I.2.6`) and of mathematics
    (`68T05`), each perhaps several in one term.
    """
    categories: list[str] = []
    classes: dict[str, str] = {}
    for term in dict.fromkeys(filter(None, map(clean, terms))):
        if is_category(term):
            categories.append(term)
        else:
            scheme = _scheme(term)
            classes[scheme] = f"{classes[scheme]}; {term}" if scheme in classes else term
    return Terms(tuple(categories), classes)


def _scheme(term: str) -> str:
    return "acm-class" if _ACM.match(term) else "msc-class" if _MSC.match(term) else "classes"


# ---------------------------------------------------------------------------------------------
# Days
# ---------------------------------------------------------------------------------------------

_EASTERN: Final = ZoneInfo("America/New_York")
_LONGEST_DATE = 64
_YEARS = range(1991, 2200)


def moment(text: str) -> datetime | None:
    """Return the time that an ISO or RFC 1123 date says; None if it is none."""
    text = clean(text)
    if not 0 < len(text) < _LONGEST_DATE:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def eastern_day(text: str) -> str | None:
    """Return the ISO day on which a moment falls in New York: there an announcement is dated."""
    when = moment(text)
    if when is None:
        return None
    try:
        day = (when.astimezone(_EASTERN) if when.tzinfo else when).date()
    except (ValueError, OverflowError):
        return None
    return day.isoformat() if day.year in _YEARS else None


def in_utc(text: str) -> str:
    """Return a moment as ISO time in UTC, to the second; "" if it is none."""
    when = moment(text)
    if when is None:
        return ""
    try:
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return ""
    return when.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


# ---------------------------------------------------------------------------------------------
# Announcements
# ---------------------------------------------------------------------------------------------

_RANK: Final = {"new": 0, "cross": 1, "replace": 2, "replace-cross": 3}
_AGAIN: Final = {"cross": "cross", "replace": "version", "replace-cross": "version"}


class Announced(NamedTuple):
    """An item of an announcement; `kind` is `new`, `cross`, `replace` or `replace-cross`."""

    kind: str
    item: Item


def dated(record: Record, kind: str, day: str | None) -> Record:
    """Return `record` with the day on which it was announced, or shown again as `kind`.

    Only what is new there was announced on that day.
    """
    if day is None:
        return record
    if kind == "new":
        return replace(record, announced=day)
    again = _AGAIN.get(kind)
    return replace(record, again=((day, again),)) if again else record


def one_each(items: Iterable[Announced]) -> list[Announced]:
    """Return the items with one record for each paper: new wins over cross, cross over replaced.

    An old paper that was both cross-listed and replaced keeps both.
    """
    best: dict[str, Announced] = {}
    errors: list[Announced] = []
    for found in items:
        if isinstance(found.item, RecordError):
            errors.append(found)
            continue
        other = best.get(found.item.key)
        best[found.item.key] = _better(other, found) if other else found
    return [*best.values(), *errors]


def _better(one: Announced, other: Announced) -> Announced:
    first, second = sorted((one, other), key=lambda a: _RANK.get(a.kind, len(_RANK)))
    if not isinstance(first.item, Record) or not isinstance(second.item, Record):
        return first
    if first.item.announced:
        return first
    again = tuple(dict.fromkeys((*first.item.again, *second.item.again)))
    return Announced(first.kind, replace(first.item, again=again))


# ---------------------------------------------------------------------------------------------
# Entries
# ---------------------------------------------------------------------------------------------


class Unusable(Exception):  # noqa: N818 (it says what is wrong, and goes no further than `item`)
    """An entry can be no record; the text says why."""


def item(read: Callable[[Any], Record], entry: Any, *, place: int, name: str) -> Item:
    """Return the record that `read` makes of an element, or why it makes none that can be kept."""
    try:
        return sound(read(entry), place)
    except Unusable as error:
        reason = str(error)
    except RecordError as error:
        reason = error.reason
    shown = excerpt(clean(" ".join(entry.itertext())))
    return RecordError(reason, source=name, place=place, excerpt=shown)


def refuse_unread(items: Sequence[Item], *, name: str, what: str) -> None:
    """Raise SourceError if an answer has entries and none can be read: its form has changed."""
    errors = [found for found in items if isinstance(found, RecordError)]
    if errors and len(errors) == len(items):
        reason = f"none of its {len(items)} entries can be read, the first for this: "
        raise SourceError(f"{what}: {reason}{errors[0].reason}", source=name)


# ---------------------------------------------------------------------------------------------
# XML
# ---------------------------------------------------------------------------------------------


def xml_root(body: bytes, *, name: str, what: str) -> Any:
    """Return the root element of an XML answer, whose entities stay what they are.

    Raises SourceError, which calls the answer `what`, if it cannot be read as a whole or declares
    a document type: no answer of arXiv does, and entities could only blow it up.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = _mended(body, parser)
    except (etree.LxmlError, ValueError, LookupError) as error:
        raise SourceError(_unread(body, what, error), source=name) from error
    if root is None or local(root) == "html":
        raise SourceError(_unread(body, what, "a web page"), source=name)
    if root.getroottree().docinfo.doctype:
        raise SourceError(f"{what} declares a document type, which arXiv's do not", source=name)
    return root


_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _mended(body: bytes, parser: Any) -> Any:
    """Return the root of `body`; a sign that XML forbids, in one abstract, does not hold it up."""
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        mended = _FORBIDDEN.sub(b" ", body)
        if mended == body:
            raise
        return etree.fromstring(mended, parser)


def _unread(body: bytes, what: str, why: object) -> str:
    head = body.lstrip()[:200].lower()
    if not head:
        return f"{what} is empty"
    if head.startswith((b"<!doctype html", b"<html")):
        shown = excerpt(clean(body.decode(errors="replace")))[:80]
        return f"{what} is a web page instead ({shown})"
    return f"{what} cannot be read as XML ({clean(str(why))}); it may have broken off"


def local(element: Any) -> str:
    """Return an element's name without its namespace, which differs by era."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Any, *tags: str) -> Iterator[Any]:
    """Yield the children of these names, whatever their namespace."""
    return (child for child in element if local(child) in tags)


def inner(element: Any, *tags: str) -> str:
    """Return the cleaned text of the first child that says something, the first name first."""
    said = (clean("".join(c.itertext())) for tag in tags for c in children(element, tag))
    return next(filter(None, said), "")
