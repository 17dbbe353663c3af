"""Reading what others wrote: each function returns a value in its expected form, or nothing."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any, Final, NoReturn

import orjson

from broadsheet.errors import RecordError, SourceError
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record, Signal
from broadsheet.sources.base import Item
from broadsheet.sources.jsonl import MAX_EXTRA, MAX_TEXT, MAX_TITLE, kind_of

MAX_AUTHORS: Final = 5_000
"""The largest collaborations name some 5,000 people; more is no list of authors."""
_EXCERPT = 80
_ORCID = re.compile(r"(?i)(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dx])/?")
_MOST_ORCIDS = 1_000
# DOIs of a whole volume would make all of its chapters one paper.
_BOOK = re.compile(r"10\.\d{4,9}/(?:isbn\.)?97[89][\dx-]{10,14}")
_WRAPPED_BY: Final = {"doi": ("doi", "arxiv", "acl")}
_LINK = re.compile(r"(?i)https?://[^\s<>\"'\\\x00-\x20\x7f\ud800-\udfff]{1,2000}")

_ATTRIBUTES = r"""(?:\s+[\w:.-]{1,60}\s*=\s*(?:"[^"<>]{0,500}"|'[^'<>]{0,500}'))*\s*/?>"""
# These say how letters look or belong to a formula: no word ends at them.
_INLINE = re.compile(
    r"(?i)</?(?:jats:|mml:)?(?:i|b|u|em|strong|sub|sup|italic|bold|sc|scp|tt|span|monospace|math|m[inos]"
    r"|mrow|msub|msup|msubsup|mtext|mover|munder|munderover|mfrac|msqrt|mstyle|semantics|inline-formula"
    rf"|alternatives|xref|ext-link|a|font){_ATTRIBUTES}"
)
_TAG = re.compile(rf"</?[a-zA-Z][\w:.-]{{0,40}}{_ATTRIBUTES}")
# The formula is said in letters beside it.
_TEX = re.compile(r"(?i)<((?:jats:|mml:)?(?:tex-math|annotation))\b[^<>]{0,500}>[^<]{0,5000}</\1>")
_HEADING = re.compile(r"(?i)<(jats:title|title|h\d)>\s*(?:abstract|summary)\s*</\1>")


def loaded(body: bytes, *, source: str) -> Any:
    """Return the JSON in an answer; raises SourceError if it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        start = clean(body[:_EXCERPT].decode("utf-8", "replace"))
        raise SourceError(
            f"{source} did not answer with JSON ({error}); it begins {start!r}", source=source
        ) from error


def obj(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a string as one clean line without markup; "" of anything else."""
    return without_markup(value) if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """Return the strings of a list, cleaned, none twice."""
    return tuple(dict.fromkeys(t for v in listed(value) if (t := text(v))))


def without_markup(value: str) -> str:
    """Return a text that has tags of HTML, JATS or MathML in it, or entities, as plain words."""
    for _ in range(2):  # some of what is escaped are tags
        if "<" in value:
            value = _TAG.sub(" ", _INLINE.sub("", _TEX.sub("", _HEADING.sub(" ", value))))
        if "&" not in value:
            break
        value = html.unescape(value)
    return clean(value)


def count(value: Any) -> int | None:
    """Return a number that counts something, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 0 <= value < 2**53 else None


def year(value: Any) -> int | None:
    """Return a year that a paper may be of, else None."""
    number = count(value)
    return number if number and 1400 <= number <= 2200 else None  # noqa: PLR2004 (centuries)


def moment_day(value: Any) -> str | None:
    """Return the ISO day (UTC) of milliseconds since 1970, else None."""
    number = count(value)
    if not number or number >= 7_258_118_400_000:  # noqa: PLR2004 (the year 2200)
        return None
    return date.fromordinal(719_163 + number // 86_400_000).isoformat()


def external_id(namespace: str, value: Any) -> ExternalId | None:
    """Return the id of `namespace` that `value` is, bare or as a link; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    given = str(value).strip()
    meant = _WRAPPED_BY.get(namespace, (namespace,))
    forms = map(parse_external_id, (given, f"{namespace}:{given}"))
    found = next((f for f in forms if f and f.namespace in meant), None)
    return None if found is None or _BOOK.fullmatch(found.value) else found


def orcids(given: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return the ORCIDs of people by their names, of those who have one: at most a thousand."""
    found = (
        (name, match[1].upper())
        for name, value in given
        if name and isinstance(value, str) and (match := _ORCID.fullmatch(value.strip()))
    )
    return dict(islice(found, _MOST_ORCIDS))


def links(*given: tuple[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return those of the pairs of kind and address whose address is one, none twice."""
    good = ((k, v.strip()) for k, v in given if isinstance(v, str) and _LINK.fullmatch(v.strip()))
    return tuple(dict.fromkeys(good))


def signals(**given: Any) -> tuple[Signal, ...]:
    """Return those of the counts that are one; a missing count is not zero."""
    counted = ((kind, count(value)) for kind, value in given.items())
    return tuple(Signal(kind, float(n)) for kind, n in counted if n is not None)


def distinct(items: Iterable[Any]) -> tuple[Any, ...]:
    """Return the items that are not empty, in their order, none twice."""
    return tuple(dict.fromkeys(item for item in items if item))


def filled(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return `extra` without what is empty or null."""
    return {k: v for k, v in extra.items() if v not in (None, "", [], {}, ())}


def read_each(
    answer: Iterable[Any],
    read: Callable[[dict[str, Any], int], Record],
    *,
    source: str,
    first: int = 1,
) -> Iterator[Item]:
    """Yield the record of each item, or why there is none; places count from `first`."""
    for place, given in enumerate(answer, first):
        try:
            if not isinstance(given, dict):
                refuse(f"it is {kind_of(given)}, not an object", given, place, source=source)
            yield sound(read(given, place), place)
        except RecordError as error:
            yield error


def sound(record: Record, place: int) -> Record:
    """Return `record` if it can be kept; raises RecordError if it is too large or has no title."""
    reason = _fault(record)
    if reason:
        raise RecordError(
            reason, source=record.source, place=place, excerpt=record.title[:_EXCERPT]
        )
    return record


def _fault(record: Record) -> str:
    if not record.title:
        return "no title"
    if len(record.title) > MAX_TITLE:
        return f"title of {len(record.title)} characters"
    for name in ("abstract", "summary", "venue", "comment"):
        if len(getattr(record, name)) > MAX_TEXT:
            return f"{name} of {len(getattr(record, name))} characters"
    if len(record.authors) > MAX_AUTHORS:
        return f"{len(record.authors)} authors"
    try:
        size = len(orjson.dumps(record.extra)) if record.extra else 0
    except TypeError as error:
        return f"its other fields cannot be kept: {error}"
    return f"{size} bytes in fields beyond the known ones" if size > MAX_EXTRA else ""


def refuse(reason: str, given: Any, place: int, *, source: str) -> NoReturn:
    """Raise a RecordError with an excerpt of what was given."""
    raise RecordError(reason, source=source, place=place, excerpt=clean(repr(given)[:_EXCERPT]))
