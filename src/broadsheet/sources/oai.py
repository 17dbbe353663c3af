"""What arXiv answers over OAI-PMH 2.0, as records. Pure: no network, no clock.

Known are `arXivRaw` (with the history of versions), `arXiv` (with the names of people in parts) and
`oai_dc`. The formats: https://info.arxiv.org/help/oa and
https://www.openarchives.org/OAI/openarchivesprotocol.html. Texts, names and ids are read by the
rules of `jsonl`, so that Kaggle's snapshot and this interface say the same of a paper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.categories import CATEGORIES
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.arxiv_parts import ARXIV, links, local, xml_root
from broadsheet.sources.base import Item
from broadsheet.sources.jsonl import parse_day, to_record

LATE: Final = timedelta(days=31)
"""So long after its expected day a paper of one version may still have been announced."""

_HEADER_ID = "oai:arXiv.org:"
_KEPT: Final = frozenset({
    "id", "title", "abstract", "authors", "categories", "comments", "journal-ref", "doi",
    "submitter", "report-no", "msc-class", "license", "proxy",
})  # fmt: skip
"""The elements that a record keeps. `acm-class` is not: arXiv fills it from `msc-class`."""
_REFUSALS: Final = {
    "badArgument": "does not accept the request",
    "badVerb": "does not know the request",
    "cannotDisseminateFormat": "does not offer the format that was asked for",
    "noMetadataFormats": "has no format for the paper",
    "noSetHierarchy": "has no sets",
}


class TokenExpired(SourceError):  # noqa: N818 (named for what it says, as errors are here)
    """The token with which a list would go on is not accepted: it must be begun anew by date."""


class OaiAnswer(NamedTuple):
    """One answer: its records in order, and the `token` that leads on ("" on the last page).

    `response_day` is the ISO day (UTC) on which arXiv says that it answered, "" if it does not.
    `deleted` are papers that arXiv has taken out, with the day of that. `size` is how many records
    there were, those included which could not be read.
    """

    response_day: str
    items: list[Item]
    deleted: list[tuple[ExternalId, str]]
    token: str
    size: int


class Days(NamedTuple):
    """The days of arXiv's listings: `listing_day_of` says when a submission is to be listed."""

    listing_day_of: Callable[[datetime], date]
    is_listing_day: Callable[[date], bool]


def parse_records(
    body: bytes, days: Days, *, name: str = ARXIV, is_fresh: bool = False
) -> OaiAnswer:
    """Return what a ListRecords or GetRecord answer says; where nothing matches, it is empty.

    The day of announcement is not in it. It is presumed to be the day that `days` gives for the
    first version; where an answer `is_fresh` (it has what changed of late) and the paper has one
    version, it is the day of the change, if that is a listing's day within `LATE`. Raises
    TokenExpired, and SourceError where the answer is an error or cannot be read.
    """
    root = _root(body, name)
    answer = OaiAnswer("", [], [], "", 0)
    for child in root:
        match local(child):
            case "responseDate":
                answer = answer._replace(response_day=_full_day(_text(child)))
            case "error":
                _refuse(child.get("code", ""), _text(child), name)
            case "ListRecords" | "GetRecord":
                answer = _listed(child, answer, _Reader(days, name, is_fresh=is_fresh))
    return answer


def outline(body: bytes, *, name: str = ARXIV) -> dict[str, Any]:
    """Return an answer as nested dicts by the names of its elements, of equal ones the first.

    The attribute `version` of a version stands beside its elements. Raises SourceError as
    `parse_records` does.
    """
    root = _root(body, name)
    for child in root:
        if local(child) == "error":
            _refuse(child.get("code", ""), _text(child), name)
    return _outlined(root)


def _outlined(element: Any) -> dict[str, Any]:
    found: dict[str, Any] = {k: v for k, v in element.attrib.items() if k == "version"}
    for child in element:
        found.setdefault(local(child), _outlined(child) if len(child) else _text(child))
    return found


# ------------------------------------------------------------------------------------- the page


def _root(body: bytes, name: str) -> Any:
    root = _parsed(body, name)
    if local(root) != "OAI-PMH":
        shown = f"<{local(root)[:40]}>"
        raise SourceError(f"{shown} stands where arXiv's OAI interface should be", source=name)
    return root


def _parsed(body: bytes, name: str) -> Any:
    try:
        return xml_root(body, name=name, what=_WHAT)
    except SourceError:
        # One sign that XML forbids, in one abstract, must not hold up a page for ever.
        mended = _FORBIDDEN.sub(" ", body.decode("utf-8", "replace")).encode()
        if mended == body:
            raise
    return xml_root(mended, name=name, what=_WHAT)


_WHAT: Final = "the answer of arXiv's OAI interface"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _text(element: Any) -> str:
    return "".join(element.itertext()) if len(element) else (element.text or "")


def _refuse(code: str, said: str, name: str) -> None:
    """Raise what an `<error>` means; that nothing matches is no error."""
    if code in {"noRecordsMatch", "idDoesNotExist"}:
        return
    if code == "badResumptionToken":
        raise TokenExpired("arXiv no longer knows where the list was to go on", source=name)
    words = _REFUSALS.get(code, f"answers with the error {code[:40]!r}")
    detail = " ".join(said.split())[:200]
    raise SourceError(f"arXiv's OAI interface {words}{': ' if detail else ''}{detail}", source=name)


def _listed(element: Any, answer: OaiAnswer, reader: _Reader) -> OaiAnswer:
    place, token = 0, ""
    for child in element:
        match local(child):
            case "record":
                place += 1
                _take(child, place, answer, reader)
            case "resumptionToken":
                token = _text(child).strip()
    return answer._replace(token=token, size=place)


def _take(element: Any, place: int, answer: OaiAnswer, reader: _Reader) -> None:
    try:
        found = reader.read(element, place)
    except RecordError as error:
        answer.items.append(error)
        return
    if isinstance(found, Record):
        answer.items.append(found)
    else:
        answer.deleted.append(found)


# ----------------------------------------------------------------------------------- one record


class _Header(NamedTuple):
    """What stands before the metadata of a record; `datestamp` is the day of its last change."""

    id: str = ""
    datestamp: str = ""
    sets: tuple[str, ...] = ()
    is_deleted: bool = False


class _Version(NamedTuple):
    number: int
    moment: datetime | None
    kind: str


class _Reader:
    """Turns `<record>` elements into records, by one rule for the day of announcement."""

    def __init__(self, days: Days, name: str, *, is_fresh: bool) -> None:
        self._days = days
        self._name = name
        self._is_fresh = is_fresh

    def read(self, element: Any, place: int) -> Record | tuple[ExternalId, str]:
        """Return the record, or the id and the day of one that was deleted; raise RecordError."""
        header, metadata = _Header(), None
        for child in element:
            match local(child):
                case "header":
                    header = _header(child)
                case "metadata":
                    metadata = next(iter(child), None)
        try:
            return self._deleted(header) if header.is_deleted else self._record(header, metadata)
        except _Unusable as error:
            reason = str(error)
        except RecordError as error:
            reason = error.reason
        raise RecordError(reason, source=self._name, place=place, excerpt=header.id[:100])

    def _deleted(self, header: _Header) -> tuple[ExternalId, str]:
        found = parse_external_id(f"arxiv:{header.id}")
        if found is None or found.namespace != "arxiv":
            raise _Unusable("no arXiv id")
        return found, header.datestamp

    def _record(self, header: _Header, metadata: Any) -> Record:
        if metadata is None:
            raise _Unusable("no metadata")
        reader = _FORMATS.get(local(metadata))
        if reader is None:
            raise _Unusable(f"an unknown format: {local(metadata)[:40]}")
        fields, first = reader(metadata, header)
        fields["source"] = ARXIV
        record = to_record(fields, name=self._name, line=0)
        if not record.external_ids or record.external_ids[0].namespace != "arxiv":
            raise _Unusable("no arXiv id")
        return replace(
            record,
            links=links(record.external_ids[0]),
            presumed=self._presumed(first, record, header.datestamp),
        )

    def _presumed(self, first: datetime | None, record: Record, datestamp: str) -> str | None:
        """Return the day of announcement that follows from when the first version came."""
        if first is None:
            return None
        expected = self._days.listing_day_of(first)
        if self._is_fresh and record.updated is None and datestamp:
            changed = date.fromisoformat(datestamp)
            if timedelta() <= changed - expected <= LATE and self._days.is_listing_day(changed):
                return datestamp
        return expected.isoformat()


class _Unusable(Exception):  # noqa: N818
    """Why one record cannot be used."""


def _header(element: Any) -> _Header:
    identifier = datestamp = ""
    sets = []
    for child in element:
        match local(child):
            case "identifier":
                identifier = _text(child).strip().removeprefix(_HEADER_ID)
            case "datestamp":
                datestamp = _full_day(_text(child))
            case "setSpec":
                sets.append(_text(child).strip())
    return _Header(identifier, datestamp, tuple(sets), element.get("status") == "deleted")


Fields = tuple[dict[str, Any], datetime | None]
"""What `jsonl` is given, and when the first version was submitted, as far as that is known."""


def _raw(metadata: Any, header: _Header) -> Fields:
    """Read `arXivRaw`."""
    fields: dict[str, Any] = {}
    versions = []
    for child in metadata:
        name = local(child)
        if name == "version":
            versions.append(_version(child))
        elif name in _KEPT:
            fields[name] = _text(child)
    if "authors" in fields:
        fields["authors"] = _GROUP.sub(r"\1, ", fields["authors"])
    _common(fields, header)
    return fields, _history(fields, sorted(versions, key=lambda v: v.number))


# `Example Collaboration: A. Sample, B. Third` names a group and then people.
_GROUP = re.compile(r"(?i)\b(collaborations?|consortium|group|team)\s*:\s*")


def _version(element: Any) -> _Version:
    said = element.get("version", "").removeprefix("v")
    moment, kind = None, ""
    for child in element:
        match local(child):
            case "date":
                moment = _moment(_text(child))
            case "source_type":
                kind = _text(child).strip()
    return _Version(int(said) if said.isdecimal() and len(said) < _LONG else 0, moment, kind)


_LONG = 6
"""So many digits number no version."""


def _history(fields: dict[str, Any], versions: list[_Version]) -> datetime | None:
    """Write into `fields` what the versions say; return when the first was submitted."""
    moments = [v.moment for v in versions if v.moment]
    if moments:
        fields["versions"] = days = [m.date().isoformat() for m in moments]
        fields["submitted"] = days[0]
        if len(versions) > 1:
            fields["updated"] = days[-1]
    # arXiv marks a version that withdraws the paper as one without source.
    if versions and versions[-1].kind == "I":
        fields["withdrawn"] = True
    return moments[0] if moments and versions[0].moment else None


def _structured(metadata: Any, header: _Header) -> Fields:
    """Read `arXiv`, which has the names of people in parts and no history."""
    fields: dict[str, Any] = {}
    for child in metadata:
        name = local(child)
        if name == "authors":
            fields["authors_parsed"] = [n for n in map(_person, child) if any(n)]
        elif name in _KEPT or name in {"created", "updated"}:
            fields[name] = _text(child)
    _common(fields, header)
    created = _full_day(fields.pop("created", ""))
    # It is said to be that of the current version: where the id is older, it is none of the first.
    if not created or created[:7] > _month(fields["id"]):
        return fields, None
    fields["submitted"] = created
    return fields, _noon(created)


def _person(element: Any) -> list[str]:
    """Return last name, first names and suffix, as Kaggle's snapshot gives them."""
    said = {local(child): _text(child).strip() for child in element}
    parts = [said.get(part, "") for part in ("keyname", "forenames", "suffix")]
    return parts if any(c.isalnum() for c in parts[0]) else ["", "", ""]


def _dublin_core(metadata: Any, header: _Header) -> Fields:
    """Read `oai_dc`, in which everything is said with a few words."""
    said: dict[str, list[str]] = {}
    for child in metadata:
        said.setdefault(local(child), []).append(_text(child).strip())
    texts = said.get("description", [])
    fields: dict[str, Any] = {
        "title": (said.get("title") or [""])[0],
        "authors": [_turned(name) for name in said.get("creator", ())],
        "abstract": next((t for t in texts if not t.startswith("Comment:")), ""),
        "comments": next((t[8:] for t in texts if t.startswith("Comment:")), ""),
        "subjects": said.get("subject", []),
        **_named(said.get("identifier", ())),
    }
    _common(fields, header)
    days = sorted(filter(None, map(_full_day, said.get("date", ()))))
    if not days:
        return fields, None
    fields["submitted"] = days[0]
    if len(days) > 1:
        fields["updated"] = days[-1]
    return fields, _noon(days[0])


def _turned(name: str) -> str:
    """Return `Forenames Key Suffix` of `Key Suffix, Forenames`."""
    key, _, forenames = name.partition(",")
    return f"{forenames.strip()} {key.strip()}".strip()


def _named(identifiers: Iterable[str]) -> dict[str, str]:
    """Return the id, the DOI and the journal that `dc:identifier` elements name."""
    found: dict[str, str] = {}
    for text in identifiers:
        _, is_page, value = text.partition("/abs/")
        if is_page:
            found.setdefault("id", value)
        elif text.lower().startswith("doi:"):
            found.setdefault("doi", text[4:])
        else:
            found.setdefault("journal-ref", text)
    return found


_FORMATS: Final[Mapping[str, Callable[[Any, _Header], Fields]]] = {
    "arXivRaw": _raw,
    "arXiv": _structured,
    "dc": _dublin_core,
}


def _common(fields: dict[str, Any], header: _Header) -> None:
    """Fill in what the header says as well, and take one DOI where several stand."""
    fields["id"] = (fields.get("id") or header.id).strip()
    if not fields.get("categories"):
        fields["categories"] = " ".join(filter(None, map(_category, header.sets)))
    if "doi" in fields:
        first, *others = _SEVERAL_DOIS.split(fields["doi"].strip())
        if others:
            fields["dois"] = fields["doi"]
            fields["doi"] = first


# A paper and its errata, or the volume and the issue.
_SEVERAL_DOIS = re.compile(r"[\s,;]+(?=10\.\d)")


def _category(spec: str) -> str:
    """Return the category of a set (`cs:cs:LG`, `physics:hep-th`), "" if it is wider than one."""
    _, _, rest = spec.partition(":")
    category = rest.replace(":", ".")
    return category if category in CATEGORIES else ""


# --------------------------------------------------------------------------------- days and times

_MOMENT = re.compile(r"\s*(?:\w{3}, +)?(\d{1,2}) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT\s*")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_YEARS = range(1970, 2200)


def _moment(text: str) -> datetime | None:
    """Return the time that `Thu, 01 Oct 2026 17:58:06 GMT` says, in UTC; None if it says none."""
    try:
        if (found := _MOMENT.fullmatch(text)) and (month := _MONTHS.get(found[2])):
            day, year, hour, minute, second = map(int, found.group(1, 3, 4, 5, 6))
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        else:
            moment = _read_slowly(text.strip())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.year in _YEARS else None


def _read_slowly(text: str) -> datetime:
    moment = parsedate_to_datetime(text[:64])
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _full_day(text: str) -> str:
    """Return an ISO day, "" where the text says none or only a month."""
    day = parse_day(text) or ""
    return day if len(day) == len("2026-03-17") else ""


def _noon(day: str) -> datetime | None:
    """Return noon (UTC) of a day: what has no time is taken to have come before the cut-off."""
    moment = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    return moment if moment.year in _YEARS else None


_NUMBER = re.compile(r"(\d\d)(\d\d)[\d.]")
_BEGAN = 91


def _month(arxiv_id: str) -> str:
    """Return the month in which an id was given, such as `2026-10`; "" if it does not say it."""
    _, slash, number = arxiv_id.rpartition("/")
    found = _NUMBER.match(number)
    if not found:
        return ""
    century = "19" if slash and int(found[1]) >= _BEGAN else "20"
    return f"{century}{found[1]}-{found[2]}"
