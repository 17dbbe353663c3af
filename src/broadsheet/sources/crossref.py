"""Crossref: what publishers say of the works behind their DOIs.

The format is that of https://api.crossref.org/swagger-ui/index.html. No key is needed; the contact
in the User-Agent leads to the polite pool. DOIs of arXiv are DataCite's and are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from broadsheet.errors import SourceError, SourceRejected
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Finding, Item, Option, Want, examine
from broadsheet.sources.jsonl import parse_day
from broadsheet.sources.polite import Client, Manner

_NAME = "crossref"
_NOT_FOUND = 404
_FOUND = 10
_CHECKED = "10.5555/12345678"
"""The work that Crossref's documentation shows; its publisher and its authors are made up."""
_RELATIONS: Final = ("is-preprint-of", "has-preprint", "is-version-of", "has-version")
_WITHDRAWALS = frozenset({"retraction", "withdrawal", "removal"})

WANTS: Mapping[str, Want] = {
    "DOI": Want(str),
    "title": Want(list),
    "type": Want(str),
    "issued": Want(dict),
    "author": Want(list, needed=False),
    "abstract": Want(str, needed=False),
    "subtitle": Want(list, needed=False),
    "container-title": Want(list, needed=False),
    "is-referenced-by-count": Want(int),
    "relation": Want(dict, needed=False),
    "updated-by": Want(list, needed=False),
}


# ---------------------------------------------------------------------------- reading


def parse_work(body: bytes) -> Item:
    """Return the one work in an answer; raises SourceError if there is none."""
    message = _message(body)
    return next(fields.read_each([message], read_work, source=_NAME))


def parse_works(body: bytes) -> list[Item]:
    """Return the works that a search found, best first; raises SourceError if it is no answer."""
    items = _message(body).get("items")
    if not isinstance(items, list):
        raise SourceError("Crossref's answer to a search has no items", source=_NAME)
    return list(fields.read_each(items, read_work, source=_NAME))


def _message(body: bytes) -> dict[str, Any]:
    message = fields.obj(fields.loaded(body, source=_NAME)).get("message")
    if not isinstance(message, dict):
        raise SourceError("Crossref's answer has no message", source=_NAME)
    return message


def read_work(work: Mapping[str, Any], place: int) -> Record:
    """Return the record of one work; raises RecordError if it has no DOI."""
    own = fields.external_id("doi", work.get("DOI"))
    if own is None:
        fields.refuse("no DOI of a paper", work.get("DOI"), place, source=_NAME)
    day = _day(work)
    return Record(
        source=_NAME,
        key=own.value,
        title=_title(work),
        abstract=fields.text(work.get("abstract")),
        authors=tuple(filter(None, map(_person, fields.listed(work.get("author"))))),
        external_ids=(own,),
        year=int(day[:4]) if day else None,
        published=day if day and len(day) > len("2026") else None,
        venue=_venue(work),
        withdrawn=_is_withdrawn(work),
        links=fields.links(("abs", work.get("URL"))),
        extra=fields.filled(_extra(work)),
        signals=fields.signals(citations=work.get("is-referenced-by-count")),
    )


def _title(work: Mapping[str, Any]) -> str:
    """Return title and subtitle as one; both are lists, and may be empty."""
    title = next(iter(fields.texts(work.get("title"))), "")
    below = next(iter(fields.texts(work.get("subtitle"))), "")
    if not title or not below or below.casefold() in title.casefold():
        return title or below
    return f"{title} {below}" if title[-1] in ":?!-" else f"{title}: {below}"


def _venue(work: Mapping[str, Any]) -> str:
    """Return the journal or proceedings, else the event, else who posted it."""
    journals = fields.texts(work.get("container-title"))
    others = [work.get("event"), *fields.listed(work.get("institution"))]
    names = (*journals, *(fields.text(fields.obj(one).get("name")) for one in others))
    return next(filter(None, names), "")


def _person(given: Any) -> str:
    """Return a name; of a group its own, and no suffix or affiliation."""
    person = fields.obj(given)
    parts = (fields.text(person.get(name)) for name in ("given", "family"))
    return " ".join(filter(None, parts)) or fields.text(person.get("name"))


def _day(work: Mapping[str, Any]) -> str | None:
    """Return the earliest known date, as far as it is known: `2026-11-17`, `2026-11` or `2026`."""
    for name in ("issued", "posted", "published-online", "published", "published-print", "created"):
        dates = fields.listed(fields.obj(work.get(name)).get("date-parts"))
        parts = fields.listed(dates[0]) if dates else []
        if day := _dated(parts):
            return day
    return None


def _dated(parts: list[Any]) -> str | None:
    numbers: list[int] = []
    for part in parts[:3]:
        if (number := fields.count(part)) is None:
            break
        numbers.append(number)
    if not numbers or fields.year(numbers[0]) is None:
        return None
    # What stands where no month is known is no month.
    dated = (parse_day("-".join(map(str, numbers[:n]))) for n in (3, 2) if len(numbers) >= n)
    return next(filter(None, dated), str(numbers[0]))


def _is_withdrawn(work: Mapping[str, Any]) -> bool:
    """Return whether a notice says so; `update-to` is in the notice, and names other works."""
    updates = map(fields.obj, fields.listed(work.get("updated-by")))
    return any(str(u.get("type")).casefold() in _WITHDRAWALS for u in updates)


def _extra(work: Mapping[str, Any]) -> dict[str, Any]:
    relations = fields.obj(work.get("relation"))
    return {
        "type": fields.text(work.get("type")),
        "publisher": fields.text(work.get("publisher")),
        "volume": fields.text(work.get("volume")),
        "issue": fields.text(work.get("issue")),
        "pages": fields.text(work.get("page")),
        "updates": _dois(work.get("update-to"), "DOI"),
        "orcids": _orcids(work),
        **{r.replace("-", "_"): _dois(relations.get(r), "id") for r in _RELATIONS},
    }


def _orcids(work: Mapping[str, Any]) -> dict[str, str]:
    """Return the ORCIDs of authors by their names: who has one can show that they wrote this."""
    people = map(fields.obj, fields.listed(work.get("author")))
    return fields.orcids((_person(person), person.get("ORCID")) for person in people)


def _dois(given: Any, name: str) -> list[str]:
    ids = (fields.external_id("doi", fields.obj(one).get(name)) for one in fields.listed(given))
    return [str(i) for i in fields.distinct(ids)]


# ---------------------------------------------------------------------------- asking


class Crossref:
    """Knows papers by DOI, and finds them by title."""

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "Crossref"
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://api.crossref.org", "Address of the API."),
    )
    key_variable: ClassVar[str] = ""
    namespaces: ClassVar[tuple[str, ...]] = ("doi",)
    manner = Manner("api.crossref.org", gap_s=0.5, timeout_s=60)

    def __init__(self, *, url: str = "https://api.crossref.org") -> None:
        self._works = url.rstrip("/") + "/works"

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the works with these DOIs that are Crossref's."""
        for wanted in ids:
            if wanted.namespace != "doi":
                continue
            try:
                answer = client.get(f"{self._works}/{quote(wanted.value, safe='')}", form="json")
            except SourceRejected as error:
                if error.status == _NOT_FOUND:
                    continue
                raise
            yield parse_work(answer.body)

    def find_title(self, client: Client, title: str) -> Iterator[Item]:
        """Yield at most ten works with a like title."""
        words = " ".join(title.split())
        if not words:
            return
        asked: dict[str, str | int] = {"query.bibliographic": words, "rows": _FOUND}
        yield from parse_works(client.get(self._works, params=asked, form="json").body)

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for the work that the documentation shows, and judge its fields."""
        answer = client.get(f"{self._works}/{quote(_CHECKED, safe='')}", form="json")
        yield from examine([_message(answer.body)], WANTS)
