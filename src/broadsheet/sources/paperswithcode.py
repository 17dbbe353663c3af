"""The archive of Papers with Code, which ended in July 2025: papers, their code, and results.

The files are those of `pwc-archive` on Hugging Face (paperswithcode/paperswithcode-data): JSON
arrays of up to a gigabyte, which are read here object by object. Fetches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from broadsheet.errors import RecordError, SourceError, UnknownFormat
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Item
from broadsheet.sources.jsonl import kind_of, parse_day

MAX_OBJECT: Final = 32 * 1024 * 1024
"""Bytes of one object of an array: a task with all its results is the largest there is."""
MAX_ROWS: Final = 200_000
"""Results in one task."""
_EXCERPT = 80
_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_HEAD = 1_000_000

# ---------------------------------------------------------------------------- long arrays

# From anywhere outside a string to the next bracket, over whole strings.
_TO_QUOTE = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_TO_BRACKET = re.compile(_TO_QUOTE.pattern + rb"([{}\[\]])", re.DOTALL)
_NONE: Final = b"-"
_DEPTH: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, _NONE: 0}


class Placed(NamedTuple):
    """An object of an array, and its position there, from 1."""

    place: int
    obj: dict[str, Any]


def iter_array(
    stream: Iterable[bytes], *, name: str, max_object: int = MAX_OBJECT
) -> Iterator[Placed | RecordError]:
    """Yield the objects of the JSON array that the pieces of `stream` make up, in constant memory.

    What is no object, is broken, or has more than `max_object` bytes gives a RecordError, and the
    next is read; so does an array that breaks off. Raises SourceError if it is no array at all.
    """
    return _Array(iter(stream), name, max_object).items()


class _Array:
    """A window on an array: `held` is what was read of it and is not done with yet."""

    def __init__(self, pieces: Iterator[bytes], name: str, max_object: int) -> None:
        self.pieces = pieces
        self.name = name
        self.max_object = max_object
        self.held = bytearray()
        self.at = 0
        self.place = 0
        self.is_over = False

    def items(self) -> Iterator[Placed | RecordError]:
        self._enter()
        while True:
            bracket = self._next_bracket()
            if bracket is None:
                yield self._error("the array breaks off", bytes(self.held[: 4 * _EXCERPT]))
                return
            end, sign = bracket
            end += sign == _NONE
            between = bytes(self.held[: end - 1]).strip(_SPACE + b",")
            if between:
                self.place += 1
                yield self._error("not a JSON object", between)
            self._drop(end - 1)
            if sign == _NONE:
                continue
            if sign in b"]}":
                yield from self._rest()
                return
            self.place += 1
            yield self._item()
            if self.is_over:
                return

    def _enter(self) -> None:
        """Go past the bracket that opens the array."""
        while not (begun := self._beginning()) and len(self.held) < _HEAD and self._read(1):
            pass
        if not begun.startswith(b"["):
            raise SourceError(f"{self.name} is no JSON array", source=self.name)
        self.held = bytearray(begun[1:])

    def _beginning(self) -> bytes:
        """Return what was read, without a byte order mark and space; "" while that may go on."""
        if _BOM.startswith(self.held):
            return b""
        return bytes(self.held.removeprefix(_BOM)).lstrip(_SPACE)

    def _read(self, size: int) -> bool:
        """Read at least `size` bytes more, if there are any; return whether there were."""
        before = len(self.held)
        for piece in self.pieces:
            self.held += piece
            if len(self.held) - before >= size:
                break
        return len(self.held) > before

    def _next_bracket(self) -> tuple[int, bytes] | None:
        """Return where the next bracket after `at` ends, and which; None if there is none left.

        Where none comes for too long, it is `_NONE`, and where what was looked at ends.
        """
        while True:
            found = _TO_BRACKET.match(self.held, self.at)
            if found:
                return found.end(), found[1]
            if len(self.held) - self.at > self.max_object:
                whole = _TO_QUOTE.match(self.held, self.at)
                if whole and whole.end() > self.at:
                    return whole.end(), _NONE
                # A string that is longer than all of an object may be: its end is never found.
                self.held.clear()
                self.at = 0
                return None
            # As much again, so that a long string is not looked through for every piece.
            if not self._read(max(1, len(self.held) - self.at)):
                return None

    def _drop(self, end: int) -> None:
        del self.held[:end]
        self.at = 0

    def _item(self) -> Placed | RecordError:
        """Return what the brackets that open here enclose; `held` begins with them."""
        depth, size, is_kept = 0, 0, True
        first = bytes(self.held[: 4 * _EXCERPT])
        while True:
            bracket = self._next_bracket()
            if bracket is None:
                excerpt = first or bytes(self.held[: 4 * _EXCERPT])
                self.is_over = True
                return self._error("the array breaks off in it", excerpt)
            self.at, sign = bracket
            depth += _DEPTH[sign]
            if depth == 0:
                break
            if self.at > self.max_object:
                is_kept = False
            if not is_kept:
                size += self.at
                self._drop(self.at)
        if not is_kept or self.at > self.max_object:
            size += self.at
            self._drop(self.at)
            return self._error(f"an object of {size} bytes", first)
        given = bytes(self.held[: self.at])
        self._drop(self.at)
        return self._loaded(given)

    def _loaded(self, given: bytes) -> Placed | RecordError:
        try:
            value = orjson.loads(given)
        except orjson.JSONDecodeError as error:
            return self._error(f"not JSON: {error.msg}", given)
        if not isinstance(value, dict):
            return self._error(f"not a JSON object but {kind_of(value)}", given)
        return Placed(self.place, value)

    def _rest(self) -> Iterator[RecordError]:
        """Yield an error if anything follows the array."""
        self._drop(1)
        while not self.held.strip(_SPACE) and self._drop_read():
            pass
        if self.held.strip(_SPACE):
            self.place += 1
            yield self._error("something follows the array", bytes(self.held[: 4 * _EXCERPT]))

    def _drop_read(self) -> bool:
        self._drop(len(self.held))
        return self._read(1)

    def _error(self, reason: str, given: bytes) -> RecordError:
        text = given[: 4 * _EXCERPT].decode(errors="replace")
        excerpt = fields.text(text)[:_EXCERPT]
        return RecordError(reason, source=self.name, place=max(1, self.place), excerpt=excerpt)


# ---------------------------------------------------------------------------- which file

_KINDS: Final = (
    ("papers", {"paper_url", "title", "abstract"}),
    ("links", {"paper_url", "repo_url"}),
    ("results", {"task", "datasets", "subtasks"}),
    ("methods", {"full_name", "introduced_year", "source_url"}),
    ("datasets", {"full_name", "modalities", "variants"}),
)
SOURCES: Final[Mapping[str, str]] = {"papers": "pwc", "links": "pwc-code", "results": "pwc-results"}
"""The files that are about papers, and the source of their records."""


def is_pwc(first: Mapping[str, Any]) -> str | None:
    """Return which file of the archive begins with this object, None if it is none of them.

    `papers`, `links` and `results` are read; `methods` and `datasets` are known, too.
    """
    return next((kind for kind, keys in _KINDS if keys <= first.keys()), None)


def to_items(obj: dict[str, Any], kind: str, *, name: str, place: int) -> Iterator[Item]:
    """Yield the records that an object of a file of this kind gives: one, or one for each result.

    Raises UnknownFormat for a file that is not about papers.
    """
    if kind not in SOURCES:
        said = f"{name}: this file of the Papers with Code archive lists {kind}, not papers"
        raise UnknownFormat(said, source=name)
    given = _results(obj) if kind == "results" else iter((obj,))
    read = {"papers": _paper, "links": _code, "results": _result}[kind]
    for one in given:
        try:
            yield fields.sound(read(one), place)
        except RecordError as error:
            excerpt = fields.text(one.get("paper_title") or one.get("title"))[:_EXCERPT]
            yield RecordError(error.reason, source=name, place=place, excerpt=excerpt)


def official_first(objects: Iterable[Placed | RecordError]) -> Iterator[Placed | RecordError]:
    """Yield the links of each paper with the official code first, then what the paper mentions.

    In the archive the links of a paper stand together, so no more than those are held.
    """
    group: list[Placed] = []
    for one in objects:
        is_other = isinstance(one, RecordError) or (group and _paper_of(one) != _paper_of(group[0]))
        if is_other or len(group) >= _GROUP:
            yield from sorted(group, key=_standing)
            group = []
        if isinstance(one, RecordError):
            yield one
        else:
            group.append(one)
    yield from sorted(group, key=_standing)


_GROUP = 1_000


def _paper_of(one: Placed) -> object:
    return one.obj.get("paper_url")


def _standing(one: Placed) -> tuple[bool, bool]:
    return one.obj.get("is_official") is not True, one.obj.get("mentioned_in_paper") is not True


# ---------------------------------------------------------------------------- records

_SLUG = re.compile(r"(?i)paperswithcode\.com/paper/([^/?#\s]{1,300})")
# "ICML 2018 7" is of July.
_MONTH = re.compile(r"(.*\b\d{4}) \d{1,2}")
_NAMED_IDS: Final = (
    ("arxiv", "arxiv_id"),
    ("arxiv", "paper_arxiv_id"),
    ("openreview", "openreview_id"),
)
_ADDRESSES: Final = (
    "url_abs",
    "url_pdf",
    "paper_url_abs",
    "paper_url_pdf",
    "conference_url_abs",
    "paper_url",
)


def _paper(obj: dict[str, Any]) -> Record:
    ids = _ids(obj)
    methods = [fields.text(fields.obj(m).get("name")) for m in fields.listed(obj.get("methods"))]
    day = parse_day(obj.get("date"))
    is_preprint = _is_preprint(ids)
    return Record(
        source=SOURCES["papers"],
        key=_slug(obj),
        title=fields.text(obj.get("title")),
        abstract=fields.text(obj.get("abstract")),
        authors=fields.texts(obj.get("authors")),
        external_ids=ids,
        submitted=day if is_preprint else None,
        published=None if is_preprint else day,
        keywords=fields.texts(obj.get("tasks"))[:50],
        venue=_venue(fields.text(obj.get("proceeding") or obj.get("conference"))),
        links=fields.links(
            ("abs", obj.get("url_abs")), ("pdf", obj.get("url_pdf")), ("pwc", obj.get("paper_url"))
        ),
        extra=fields.filled({
            "methods": list(fields.distinct(methods))[:100],
            "reproduces_paper": fields.text(obj.get("reproduces_paper"))[:300],
        }),
    )  # fmt: skip


def _code(obj: dict[str, Any]) -> Record:
    repository = fields.text(obj.get("repo_url"))
    if not fields.links(("code", repository)):
        fields.refuse("no address of a repository", obj, 1, source=SOURCES["links"])
    return Record(
        source=SOURCES["links"],
        key=_short(f"{_slug(obj)} {repository}"),
        title=fields.text(obj.get("paper_title")),
        external_ids=_ids(obj),
        links=fields.links(
            ("abs", obj.get("paper_url_abs")),
            ("pdf", obj.get("paper_url_pdf")),
            ("code", repository),
            ("pwc", obj.get("paper_url")),
        ),
        extra=fields.filled({
            "is_official": obj.get("is_official") is True,
            "mentioned_in_paper": obj.get("mentioned_in_paper") is True,
            "mentioned_in_github": obj.get("mentioned_in_github") is True,
            "framework": fields.text(obj.get("framework"))[:40],
        }),
    )  # fmt: skip


def _results(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a task's tables and of those below it, each with its task and dataset."""
    tasks, given = [task], 0
    while tasks:
        one = tasks.pop()
        tasks += [t for t in fields.listed(one.get("subtasks")) if isinstance(t, dict)][::-1]
        datasets = [d for d in fields.listed(one.get("datasets")) if isinstance(d, dict)][::-1]
        while datasets:
            dataset = datasets.pop()
            below = [d for d in fields.listed(dataset.get("subdatasets")) if isinstance(d, dict)]
            datasets += below[::-1]
            about = {"task": one.get("task"), "dataset": dataset.get("dataset")}
            for row in fields.listed(fields.obj(dataset.get("sota")).get("rows")):
                # Many rows name a model and no paper.
                if not isinstance(row, dict) or not fields.text(row.get("paper_title")):
                    continue
                given += 1
                if given > MAX_ROWS:
                    return
                yield row | {"about": about}


def _result(row: dict[str, Any]) -> Record:
    about = {k: fields.text(v)[:200] for k, v in row["about"].items()}
    model = fields.text(row.get("model_name"))[:300]
    metrics = {
        fields.text(k)[:100]: fields.text(str(v))[:100]
        for k, v in list(fields.obj(row.get("metrics")).items())[:50]
        if v is not None
    }
    ids, day = _ids(row), parse_day(row.get("paper_date"))
    is_preprint = _is_preprint(ids)
    codes = [fields.obj(c).get("url") for c in fields.listed(row.get("code_links"))[:20]]
    return Record(
        source=SOURCES["results"],
        key=_short("/".join((about["task"], about["dataset"], _slug(row), model)).casefold()),
        title=fields.text(row.get("paper_title")),
        external_ids=ids,
        submitted=day if is_preprint else None,
        published=None if is_preprint else day,
        links=fields.links(*(("code", url) for url in codes), _page(row)),
        extra={"results": fields.filled(about | {"metrics": metrics, "model_name": model})},
    )


def _is_preprint(ids: Iterable[ExternalId]) -> bool:
    """Return whether the archive's date of a paper is that of its first version on arXiv."""
    return any(found.namespace == "arxiv" for found in ids)


def _page(row: dict[str, Any]) -> tuple[str, Any]:
    url = row.get("paper_url")
    return ("pwc" if isinstance(url, str) and _SLUG.search(url) else "abs"), url


def _ids(obj: dict[str, Any]) -> tuple[ExternalId, ...]:
    """Return the ids that an object gives or links to, at most one of each namespace."""
    found: dict[str, ExternalId] = {}
    named = [fields.external_id(namespace, obj.get(key)) for namespace, key in _NAMED_IDS]
    linked = [parse_external_id(url) for k in _ADDRESSES if isinstance(url := obj.get(k), str)]
    for known in (*named, *linked):
        if known and (sure := fields.external_id(known.namespace, str(known))):
            found.setdefault(sure.namespace, sure)
    return tuple(found.values())


def _venue(proceeding: str) -> str:
    dated = _MONTH.fullmatch(proceeding)
    return dated[1] if dated else proceeding


def _slug(obj: dict[str, Any]) -> str:
    """Return the name of a paper in the archive, or failing that one made of what is said of it."""
    url = fields.text(obj.get("paper_url"))
    found = _SLUG.search(url)
    title = fields.text(obj.get("title") or obj.get("paper_title"))
    return _short(unquote(found[1]) if found else url or title)


def _short(key: str) -> str:
    if 0 < len(key) <= 190:  # noqa: PLR2004 (a key is short)
        return key
    return blake2b(key.encode(errors="replace"), digest_size=16).hexdigest()
