"""arXiv's query API: the Atom that it answers as records, and what to ask it. Pure.

https://info.arxiv.org/help/api/user-manual.html describes it; what it really sends has changed
with the years (order, `https`, time zones, how the PDF is marked), so all of it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from broadsheet.errors import SourceError
from broadsheet.papers.text import clean, readable
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_parts import (
    ARXIV,
    Unusable,
    children,
    identity,
    ids,
    inner,
    is_withdrawn,
    item,
    links,
    local,
    moment,
    refuse_unread,
    told_apart,
    xml_root,
)
from broadsheet.sources.base import Item
from broadsheet.sources.jsonl import parse_day

AT_ONCE: Final = 100
"""So many ids fit into one question: the address that asks for them must not grow too long."""
FOUND: Final = 10
"""So many papers are asked for by title."""
_WHAT: Final = "the answer to a query"
_WORD = re.compile(r"\w+")
_MOST_WORDS = 40


class ParsedAnswer(NamedTuple):
    """A page of an answer: `total` papers fit the query, `start` of them stood on pages before.

    `came` is when the first versions of its papers were submitted, for those with a time zone.
    """

    total: int
    start: int
    items: list[Item]
    came: dict[ExternalId, datetime]

    @property
    def is_cut(self) -> bool:
        """Whether the page is empty though papers are left: arXiv does so at times; ask again."""
        return not self.items and self.start < self.total


def parse_answer(body: bytes, *, name: str) -> ParsedAnswer:
    """Return the papers of an answer; `name` says in errors whose answer it was.

    Raises SourceError if it is no such answer, breaks off, is arXiv's own account of an error, or
    holds nothing that can be read.
    """
    root, entries = _feed(body, name)
    _refuse_error(entries, name)
    items = [item(_record, entry, place=n, name=name) for n, entry in enumerate(entries, 1)]
    refuse_unread(items, name=name, what=_WHAT)
    start = _number(inner(root, "startIndex"))
    total = _number(inner(root, "totalResults"))
    most = max(total, start + len(items) if items else 0)
    return ParsedAnswer(most, start, items, dict(filter(None, map(_came, entries))))


def _feed(body: bytes, name: str) -> tuple[Any, list[Any]]:
    root = xml_root(body, name=name, what=_WHAT)
    if local(root) != "feed":
        raise SourceError(f"{_WHAT} is <{local(root)[:40]}>, not an Atom feed", source=name)
    return root, list(children(root, "entry"))


def query_params(wanted: Sequence[ExternalId]) -> dict[str, str | int]:
    """Return the parameters that ask for the newest versions of papers, at most `AT_ONCE`.

    Ids that are not arXiv's are left out. Without `max_results` only ten would come.
    """
    asked = [i.value for i in wanted if i.namespace == "arxiv"][:AT_ONCE]
    return {"id_list": ",".join(asked), "start": 0, "max_results": len(asked)}


def title_params(title: str) -> dict[str, str | int]:
    """Return the parameters that look for a title, the best fit first.

    The words stand in a phrase, where nothing is an operator, without the signs and the TeX that
    the index does not know. A title without any word gives an empty `search_query`, which is not
    worth a request.
    """
    words = _WORD.findall(readable(clean(title)).replace("_", " "))[:_MOST_WORDS]
    phrase = f'ti:"{" ".join(words)}"' if words else ""
    return {"search_query": phrase, "start": 0, "max_results": FOUND, "sortBy": "relevance"}


def _refuse_error(entries: Iterable[Any], name: str) -> None:
    for entry in entries:
        is_error = "/api/errors" in inner(entry, "id") or (
            inner(entry, "title") == "Error" and identity(inner(entry, "id")) is None
        )
        if is_error:
            reason = inner(entry, "summary") or inner(entry, "id") or "no reason given"
            raise SourceError(f"arXiv refused the query: {reason[:500]}", source=name)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0  # noqa: PLR2004


def _record(entry: Any) -> Record:
    found = identity(inner(entry, "id"))
    if found is None:
        raise Unusable("no id of arXiv")
    abstract, comment = inner(entry, "summary"), inner(entry, "comment")
    terms = told_apart(_terms(entry))
    dois = " ".join((inner(entry, "doi"), *_doi_links(entry)))
    submitted = parse_day(inner(entry, "published"))
    updated = parse_day(inner(entry, "updated"))
    external_ids = ids(found.paper, dois)
    extra: dict[str, Any] = {**terms.classes}
    extra |= {"version": version} if (version := found.version or _linked_version(entry)) else {}
    extra |= {"affiliations": there} if (there := _affiliations(entry)) else {}
    extra |= {"doi": doi} if (doi := inner(entry, "doi")) and len(external_ids) == 1 else {}
    return Record(
        source=ARXIV,
        key=found.paper.value,
        title=inner(entry, "title"),
        abstract=abstract,
        authors=_authors(entry),
        external_ids=external_ids,
        submitted=submitted,
        updated=updated if updated != submitted else None,
        categories=terms.categories,
        venue=inner(entry, "journal_ref"),
        comment=comment,
        withdrawn=is_withdrawn(abstract, comment),
        links=links(found.paper),
        extra=extra,
    )


def _came(entry: Any) -> tuple[ExternalId, datetime] | None:
    found, when = identity(inner(entry, "id")), moment(inner(entry, "published"))
    return (found.paper, when) if found and when and when.tzinfo else None


def _terms(entry: Any) -> list[str]:
    """Return the terms of an entry, the primary category first."""
    tagged = (*children(entry, "primary_category"), *children(entry, "category"))
    return [element.get("term") or "" for element in tagged]


def _doi_links(entry: Any) -> list[str]:
    return [
        link.get("href") or "" for link in children(entry, "link") if link.get("title") == "doi"
    ]


def _linked_version(entry: Any) -> int | None:
    """Return the version that a link names; the manual's answer has it there and not in the id."""
    found = (identity(link.get("href") or "") for link in children(entry, "link"))
    return next((i.version for i in found if i and i.version), None)


def _authors(entry: Any) -> tuple[str, ...]:
    people = (inner(author, "name") for author in children(entry, "author"))
    return tuple(dict.fromkeys(filter(None, people)))


def _affiliations(entry: Any) -> dict[str, list[str]]:
    """Return where authors work, for those who say so."""
    found = {}
    for author in children(entry, "author"):
        there = [clean("".join(a.itertext())) for a in children(author, "affiliation")]
        if (name := inner(author, "name")) and any(there):
            found[name] = list(filter(None, there))
    return found
