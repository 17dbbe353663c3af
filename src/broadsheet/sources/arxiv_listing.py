"""The page of a category's new listings on arXiv (`/list/cs.LG/new`) as records and counts. Pure.

The page is that of https://arxiv.org/list/cs.LG/new as its program writes it
(https://github.com/arXiv/arxiv-browse, `browse/templates/list`); the form that it had until 2023
is read, too. It shows one announcement in three sections, and may be spread over several pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple

from lxml import etree

from broadsheet.errors import SourceError
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_parts import (
    FEED,
    Announced,
    Identity,
    Unusable,
    dated,
    identity,
    ids,
    is_category,
    is_withdrawn,
    item,
    links,
    names,
    one_each,
    refuse_unread,
)
from broadsheet.sources.base import Item
from broadsheet.sources.pages import excerpt

SECTIONS: Final[tuple[str, ...]] = ("new", "cross", "replace")
"""The sections of the page, in its order."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(r"(?i)\b(\d{1,2}) ([a-z]{3})[a-z]* (\d{4}|\d\d)\b")
_HEADING = re.compile(r"(?i)(new submission|cross[- ]?(?:submission|list)|replacement)s?\b")
_SHOWING = re.compile(r"(?i)showing (?:first |last )?(\d{1,6}) of (\d{1,6}) entries")
_LISTINGS = re.compile(r"(?i)showing new listings for")
_TOTAL = re.compile(r"(?i)\btotal of (\d{1,6}) entr(?:y|ies)")
_NOTHING = re.compile(r"(?i)\bno updates (?:today|for this time period)")
_LIST_LINK = re.compile(r"/list/([a-z-]+(?:\.[A-Za-z-]+)?)/(?:new|recent|pastweek)\b")
_ANCHOR = re.compile(r"#item(\d{1,6})$")
_ABS_LINK = re.compile(r"/abs/([^?#]+)")
_CODE = re.compile(r"\(([A-Za-z-]+(?:\.[A-Za-z-]+)?)\)")
_HIDDEN_AUTHORS = re.compile(r"(?i)\bet al\. \(\d+ (?:additional|other) authors? not shown\)")
_HIDDEN_LINK = re.compile(r"(?i)this https? URL|this URL|this http")


class ParsedListing(NamedTuple):
    """A page of new listings: ids by section (`new`, `cross`, `replace`), and a record for each.

    `counts` has how many papers each section has in all, where the page says it; a section that
    is not in it may have any. `shown` is how many entries are on this page, `total` how many the
    announcement has. `category` is "" and `day` None if the page does not say.
    """

    category: str
    day: str | None
    ids: dict[str, tuple[ExternalId, ...]]
    counts: dict[str, int]
    items: list[Item]
    shown: int
    total: int


class _Entry(NamedTuple):
    """A paper on the page: its `dt`, the `dd` after it if there is one, and its section."""

    section: str
    head: Any
    body: Any | None


def parse_listing(body: bytes, *, name: str) -> ParsedListing:
    """Return what a page of new listings shows; `name` says in errors whose answer it was.

    Raises SourceError if it is no such page, or nothing on it can be read.
    """
    root = _tree(body, name)
    text = clean(" ".join(root.itertext()))
    headings = {h: clean("".join(h.itertext())) for h in root.iter("h2", "h3", "h4")}
    titled = [t for t in headings.values() if _HEADING.match(t) or _LISTINGS.match(t)]
    if not titled and not _NOTHING.search(text):
        shown = excerpt(text)[:80]
        raise SourceError(f"this is no page of arXiv's new listings ({shown})", source=name)
    day = next(filter(None, map(_day, titled)), None)
    entries = list(_entries(root, headings))
    found = one_each(_announced(entries, day, name))
    items = [f.item for f in found]
    refuse_unread(items, name=name, what="the page of new listings")
    by_section = _ids(entries)
    counts = _counts(root, headings, text, by_section)
    said = _TOTAL.search(text)
    return ParsedListing(
        category=_category(root),
        day=day,
        ids=by_section,
        counts=counts,
        items=items,
        shown=len(entries),
        total=max(int(said[1]) if said else sum(counts.values()), len(entries)),
    )


def _tree(body: bytes, name: str) -> Any:
    parser = etree.HTMLParser(
        encoding="utf-8",
        huge_tree=False,
        no_network=True,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body.replace(b"\0", b" "), parser)
    except (etree.LxmlError, ValueError) as error:
        raise SourceError(
            f"the page of new listings cannot be read: {error}", source=name
        ) from None
    if root is None:
        raise SourceError("the page of new listings is empty", source=name)
    etree.strip_elements(root, "script", "style", "noscript", "template", with_tail=False)
    return root


# The page.


def _section(heading: str) -> str:
    match = _HEADING.match(heading)
    first = match[1][:1].casefold() if match else ""
    return {"n": "new", "c": "cross", "r": "replace"}.get(first, "")


def _day(heading: str) -> str | None:
    """Return the ISO day in `Thursday, 19 November 2026` or, as it once was, `Thu, 19 Nov 26`."""
    match = _DATE.search(heading)
    if match is None or match[2].lower() not in _MONTHS:
        return None
    year = int(match[3]) if len(match[3]) > 2 else 2000 + int(match[3])  # noqa: PLR2004
    try:
        return date(year, _MONTHS.index(match[2].lower()) + 1, int(match[1])).isoformat()
    except ValueError:
        return None


def _category(root: Any) -> str:
    """Return the category that the page links to as its own."""
    found = [
        ((link.get("id") or "").startswith(("recent-", "new-")), match[1])
        for link in root.iter("a")
        if (match := _LIST_LINK.search(link.get("href") or ""))
    ]
    return max(found, key=itemgetter(0))[1] if found else ""


def _entries(root: Any, headings: Mapping[Any, str]) -> Iterator[_Entry]:
    """Yield the entries under the headings of sections; others are not the announcement's."""
    section = ""
    head: Any = None
    for element in root.iter("dt", "dd", "h2", "h3", "h4"):
        if element.tag in {"dt", "dd"} and not section:
            continue
        if element.tag == "dd":
            if head is not None:
                yield _Entry(section, head, element)
            head = None
            continue
        if head is not None:
            yield _Entry(section, head, None)
        head = element if element.tag == "dt" else None
        if element.tag != "dt":
            section = _section(headings[element])
    if head is not None:
        yield _Entry(section, head, None)


def _ids(entries: Iterable[_Entry]) -> dict[str, tuple[ExternalId, ...]]:
    found: dict[str, dict[ExternalId, None]] = {section: {} for section in SECTIONS}
    for entry in entries:
        if paper := _paper(entry.head):
            found[entry.section][paper.paper] = None
    return {section: tuple(papers) for section, papers in found.items()}


def _counts(
    root: Any,
    headings: Mapping[Any, str],
    text: str,
    shown: Mapping[str, Sequence[ExternalId]],
) -> dict[str, int]:
    """Return how many papers each section has in all: by its heading, else by the page's index.

    A section that the page does not name is empty if the page shows all that there is.
    """
    said = _TOTAL.search(text)
    counts = _index_counts(root, int(said[1])) if said else {}
    for heading in headings.values():
        if (section := _section(heading)) and (match := _SHOWING.search(heading)):
            counts[section] = int(match[2])
    on_page = sum(map(len, shown.values()))
    known = sum(counts.values()) + sum(len(shown[s]) for s in SECTIONS if s not in counts)
    if (int(said[1]) if said else on_page) <= max(on_page, known):
        counts = {s: counts.get(s, len(shown[s])) for s in SECTIONS}
    return counts


def _index_counts(root: Any, total: int) -> dict[str, int]:
    """Return what follows from the numbers at which, by the page's index, its sections begin."""
    starts: dict[str, int] = {}
    for link in root.iter("a"):
        match = _ANCHOR.search(link.get("href") or "")
        if match and (section := _section(clean("".join(link.itertext())))):
            starts[section] = max(int(match[1]), 1)
    named = [s for s in SECTIONS if s in starts]
    ends = [*(starts[s] for s in named), total + 1][1:]
    lengths = {s: end - starts[s] for s, end in zip(named, ends, strict=True)}
    return lengths if all(n > 0 for n in lengths.values()) else {}


# The entries.


def _announced(entries: Iterable[_Entry], day: str | None, name: str) -> Iterator[Announced]:
    for place, entry in enumerate(entries, 1):
        read = partial(_record, entry=entry, day=day)
        yield Announced(entry.section, item(read, entry.head, place=place, name=name))


def _record(head: Any, entry: _Entry, day: str | None) -> Record:
    found = _paper(head)
    if found is None:
        raise Unusable("no id of arXiv")
    if entry.body is None:
        raise Unusable("nothing is said of this paper")
    fields = _fields(entry.body)
    comment, abstract = fields["comments"], fields["abstract"]
    authors, is_cut = _authors(entry.body)
    extra: dict[str, Any] = {"announce_type": entry.section}
    extra |= {"version": found.version} if found.version else {}
    extra |= {"authors_cut": True} if is_cut else {}
    record = Record(
        source=FEED,
        key=found.paper.value,
        title=fields["title"],
        abstract=abstract,
        authors=authors,
        external_ids=ids(found.paper, ""),
        categories=_codes(fields["subjects"]),
        venue=fields["journal-ref"],
        comment=comment,
        withdrawn=is_withdrawn(abstract, comment),
        links=links(found.paper),
        extra=extra,
    )
    return dated(record, entry.section, day)


def _paper(head: Any) -> Identity | None:
    for link in head.iter("a"):
        match = _ABS_LINK.search(link.get("href") or "")
        if match and (found := identity(match[1])):
            return found
    return None


def _fields(body: Any) -> dict[str, str]:
    """Return the texts of an entry, each without the word that stands before it."""
    found = dict.fromkeys(("title", "comments", "subjects", "journal-ref", "abstract"), "")
    for element in body.iter("div", "p"):
        classes = (element.get("class") or "").split()
        if element.tag == "p":
            found["abstract"] = found["abstract"] or _text(element)
        for field in found:
            if f"list-{field}" in classes and not found[field]:
                found[field] = _text(element)
    return found


def _text(element: Any) -> str:
    """Return the text of an element: `<br>` is a space, and a hidden link the address it hides."""
    return clean("".join(_pieces(element)))


def _pieces(element: Any) -> Iterator[str]:
    hides = 0
    for event, part in etree.iterwalk(element, events=("start", "end")):
        is_hidden = part is not element and (_is_descriptor(part) or _hidden_link(part))
        if event == "start":
            if part.tag == "br":
                yield " "
            elif is_hidden and not hides:
                yield _hidden_link(part)
            hides += bool(is_hidden)
            yield "" if hides else part.text or ""
        else:
            hides -= bool(is_hidden)
            yield "" if hides or part is element else part.tail or ""


def _is_descriptor(element: Any) -> bool:
    return "descriptor" in (element.get("class") or "").split()


def _hidden_link(element: Any) -> str:
    """Return the address behind "this https URL", which stands in its place; else ""."""
    if element.tag != "a" or not _HIDDEN_LINK.match(clean(element.text or "")):
        return ""
    href = clean(element.get("href") or "")
    return href if href.startswith(("http://", "https://")) else ""


def _authors(body: Any) -> tuple[tuple[str, ...], bool]:
    """Return the authors that are shown, and whether the list was cut for being long."""
    for element in body.iter("div"):
        if "list-authors" in (element.get("class") or "").split():
            text = _text(element)
            people = [clean("".join(link.itertext())) for link in element.iter("a")]
            is_cut = bool(_HIDDEN_AUTHORS.search(text))
            shown = [p for p in people if p and not _HIDDEN_AUTHORS.search(f"et al. ({p})")]
            return tuple(dict.fromkeys(shown)) or _unlinked(text), is_cut
    return (), False


def _unlinked(text: str) -> tuple[str, ...]:
    return names(_HIDDEN_AUTHORS.sub("", text))


def _codes(subjects: str) -> tuple[str, ...]:
    """Return the categories in `Machine Learning (cs.LG); Optimization and Control (math.OC)`."""
    return tuple(dict.fromkeys(filter(is_category, _CODE.findall(subjects))))
