"""Whether what a source said of a paper names a reader as its author. Pure.

author_named(authors, name) -> the one of the authors that a name means
proof(records, author, email, orcid) -> by what the reader is known to be that author
author_with(records, authors, orcid) -> the author whose ORCID it is
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from broadsheet.papers.text import clean, fold, surname
from broadsheet.papers.types import Record

FROM_READERS = frozenset({"submitted", "by-hand"})
"""Sources whose records say what readers, or pages that they named, said: these prove nothing."""
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ORCID = re.compile(r"(?<![\w-])\d{4}-\d{4}-\d{4}-\d{3}[\dXx](?![\w-])")
_MOST = 20_000
"""Values in the fields of one record that are looked at."""


class _Said(NamedTuple):
    """A text in the fields of a record, and whose name stands beside it; "" if nobody's."""

    name: str
    text: str


def author_named(authors: Sequence[str], name: str) -> str | None:
    """Return the author that a name means: written so, or the only one with its surname."""
    wanted = fold(clean(name))
    exact = [author for author in authors if fold(clean(author)) == wanted]
    if exact:
        return exact[0]
    alike = [author for author in authors if surname(author) == surname(name) != ""]
    is_short = " " not in wanted
    return alike[0] if len(alike) == 1 and is_short else None


def proof(
    records: Iterable[Record], author: str, email: str | None, orcid: str | None
) -> Literal["email", "orcid"] | None:
    """Return what shows that whoever has this address or ORCID is that author, None if nothing.

    Where a name stands beside an address or an ORCID, it must be the author's.
    """
    said = [s for record in records for s in _of(record)]
    fits = [s.text for s in said if not s.name or surname(s.name) == surname(author)]
    if orcid and orcid.casefold() in {o.casefold() for text in fits for o in _ORCID.findall(text)}:
        return "orcid"
    if email and email.casefold() in {e.casefold() for text in fits for e in _EMAIL.findall(text)}:
        return "email"
    return None


def author_with(records: Iterable[Record], authors: Sequence[str], orcid: str | None) -> str | None:
    """Return the author beside whose name this ORCID stands, None if there is none."""
    wanted = (orcid or "").casefold()
    names = (
        said.name
        for record in records
        for said in _of(record)
        if said.name and wanted in map(str.casefold, _ORCID.findall(said.text))
    )
    return next((found for name in names if (found := author_named(authors, name))), None)


def _of(record: Record) -> Iterator[_Said]:
    """Yield all texts in what a source said beyond the known fields."""
    if record.source in FROM_READERS:
        return
    waiting: list[tuple[str, Any]] = [("", record.extra)]
    for _ in range(_MOST):
        if not waiting:
            return
        name, value = waiting.pop()
        if isinstance(value, str):
            yield _Said(name, value)
        elif isinstance(value, dict):
            known = {surname(author) for author in record.authors}
            own = _name_in(value) or name
            waiting += [(k if surname(k) in known else own, v) for k, v in value.items()]
        elif isinstance(value, list):
            waiting += [(name, one) for one in value]


def _name_in(value: dict[str, Any]) -> str:
    whole = value.get("name")
    if isinstance(whole, str):
        return whole
    parts = (value.get("given"), value.get("family"))
    return " ".join(part for part in parts if isinstance(part, str))
