"""Semantic Scholar: citations, short summaries and ids of papers, many at once.

The format is that of https://api.semanticscholar.org/api-docs/graph. Without a key everybody shares
one allowance, so that refusals with 429 are normal there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Final

from broadsheet.errors import RecordError, SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import ExternalId, PaperId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Finding, Found, Item, Option, Rhythm, Want, Wanted, examine
from broadsheet.sources.jsonl import parse_day
from broadsheet.sources.polite import Client, Manner

_NAME = "s2"
_FIELDS = (
    "externalIds,title,abstract,year,publicationDate,venue,publicationTypes,authors.name,tldr,"
    "citationCount,influentialCitationCount,openAccessPdf"
)
_MAX_BATCH = 500
_MAX_ID = 300
_NOBODY_KNOWN = "no valid paper ids"
_ONE_EACH = frozenset({"arxiv", "acl"})
_LEFT_ALONE = "left alone"
_BAD_REQUEST = 400
_FAILED_ALONE = 2
"""So many ids that fail alone, while none has been answered, are no fault of the ids."""

# The first of a paper's ids that is known here is asked for; the next ones if that is unknown.
_PREFIXES: Final[Mapping[str, str]] = {
    "s2": "",
    "arxiv": "ARXIV:",
    "acl": "ACL:",
    "doi": "DOI:",
    "pmid": "PMID:",
}
_NAMES: Final[Mapping[str, str]] = {"ArXiv": "arxiv", "ACL": "acl", "DOI": "doi", "PubMed": "pmid"}
_PREPRINTS = frozenset({"arxiv.org", "biorxiv", "medrxiv"})

WANTS: Mapping[str, Want] = {
    "paperId": Want(str),
    "externalIds": Want(dict),
    "title": Want(str),
    "abstract": Want(str, needed=False),
    "year": Want(int, needed=False),
    "publicationDate": Want(str, needed=False),
    "venue": Want(str, needed=False),
    "citationCount": Want(int),
    "influentialCitationCount": Want(int),
    "authors": Want(list),
    "tldr.text": Want(str, needed=False),
    "openAccessPdf.url": Want(str, needed=False),
}
# A paper that everybody knows, and an id that nobody has.
_CHECKED = ("ARXIV:1706.03762", "ARXIV:0704.9999")


# ---------------------------------------------------------------------------- reading


def parse_batch(body: bytes, asked: int) -> list[Item | None]:
    """Return for each id that was asked its record, its fault, or None where it is unknown.

    Raises SourceError if the answer is no list as long as the question.
    """
    answer = fields.loaded(body, source=_NAME)
    if not isinstance(answer, list) or len(answer) != asked:
        size = len(answer) if isinstance(answer, list) else "no list"
        raise SourceError(
            f"Semantic Scholar was asked for {asked} papers and answered with {size}",
            source=_NAME,
        )
    return [None if one is None else _item(one, place) for place, one in enumerate(answer, 1)]


def parse_search(body: bytes) -> list[Item]:
    """Return the papers in an answer to a search; raises SourceError if it is none."""
    answer = fields.obj(fields.loaded(body, source=_NAME))
    papers = answer.get("data")
    if not isinstance(papers, list) and answer.get("total") != 0:
        raise SourceError("Semantic Scholar's answer has neither data nor a total", source=_NAME)
    return [_item(one, place) for place, one in enumerate(fields.listed(papers), 1)]


def _item(given: Any, place: int) -> Item:
    return next(fields.read_each([given], read_paper, source=_NAME, first=place))


def read_paper(paper: Mapping[str, Any], place: int) -> Record:
    """Return the record of one paper; raises RecordError if it has no id."""
    own = fields.external_id("s2", paper.get("paperId"))
    if own is None:
        fields.refuse("no paperId", paper.get("paperId"), place, source=_NAME)
    given = fields.obj(paper.get("externalIds"))
    ids = [fields.external_id(ours, given.get(theirs)) for theirs, ours in _NAMES.items()]
    venue = fields.text(paper.get("venue"))
    people = map(fields.obj, fields.listed(paper.get("authors")))
    corpus_id = given.get("CorpusId", paper.get("corpusId"))
    return Record(
        source=_NAME,
        key=own.value,
        title=fields.text(paper.get("title")),
        abstract=fields.text(paper.get("abstract")),
        summary=fields.text(fields.obj(paper.get("tldr")).get("text")),
        authors=tuple(name for p in people if (name := fields.text(p.get("name")))),
        external_ids=fields.distinct((*ids, own)),
        year=fields.year(paper.get("year")),
        published=parse_day(paper.get("publicationDate")),
        venue="" if venue.casefold() in _PREPRINTS else venue,
        links=fields.links(("pdf", fields.obj(paper.get("openAccessPdf")).get("url"))),
        extra=fields.filled(
            {
                "corpus_id": fields.count(corpus_id),
                "types": list(fields.texts(paper.get("publicationTypes"))),
            }
        ),
        signals=fields.signals(
            citations=paper.get("citationCount"),
            influential_citations=paper.get("influentialCitationCount"),
        ),
    )


# ---------------------------------------------------------------------------- asking


class SemanticScholar:
    """Counts citations of papers that are held, and has a one-line summary of many.

    It knows papers by id, and finds them by title.
    """

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "Semantic Scholar"
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://api.semanticscholar.org/graph/v1", "Address of the API."),
    )
    key_variable: ClassVar[str] = "S2_API_KEY"
    namespaces: ClassVar[tuple[str, ...]] = tuple(_PREFIXES)
    at_once: ClassVar[int] = _MAX_BATCH
    rhythm = Rhythm("days", every_h=24)

    def __init__(
        self, *, url: str = "https://api.semanticscholar.org/graph/v1", key: str = ""
    ) -> None:
        self._paper = url.rstrip("/") + "/paper"
        self._headers = {"x-api-key": key} if key else {}
        self.most = _MAX_BATCH
        """How many papers are asked about at once, fewer once that was too much."""
        # A key allows one request a second; without one, patience gets more than haste.
        self.manner = Manner(
            "api.semanticscholar.org",
            gap_s=1.1 if key else 3.0,
            tries=6,
            patience_s=300,
            timeout_s=60,
        )

    def wants(self, wanted: Wanted) -> bool:
        """Return whether a paper has an id that Semantic Scholar knows."""
        return bool(_names(wanted.external_ids))

    def enrich(self, client: Client, wanted: Sequence[Wanted], now: datetime) -> Found:
        """Return what is known of these papers, with their citations as signals.

        What could be asked before an error is returned; raises SourceError if that is nothing.
        """
        del now
        names = {w.paper: _names(w.external_ids) for w in wanted}
        asking = _Asking(self, client)
        found: dict[PaperId, Item] = {}
        # An id may be unknown there while another of the same paper is known: asked once more.
        for turn in range(2):
            missing = {
                p: list(some)[turn]
                for p, some in names.items()
                if len(some) > turn and p not in found
            }
            try:
                asking.ask(list(dict.fromkeys(missing.values())))
            except SourceError:
                if not asking.answers:
                    raise
            for paper, name in missing.items():
                if item := _as_asked(asking.answers.get(name), names[paper][name]):
                    found[paper] = item
        kept = {p: _kept(list(some), found.get(p), asking.answers) for p, some in names.items()}
        items = {str(i) if isinstance(i, RecordError) else i.key: i for i in found.values()}
        return Found({p: k for p, k in kept.items() if k is not None}, list(items.values()))

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the records of those papers that are known there."""
        names = {name: i for wanted in ids for name, i in _names([wanted]).items()}
        for start in range(0, len(names), _MAX_BATCH):
            some = list(names)[start : start + _MAX_BATCH]
            answers = zip(some, self.batch(client, some), strict=True)
            yield from filter(None, (_as_asked(item, names[name]) for name, item in answers))

    def find_title(self, client: Client, title: str) -> Iterator[Item]:
        """Yield at most ten papers with a like title."""
        words = title.replace("-", " ").strip()  # a word with a hyphen finds nothing there
        if not words:
            return
        asked: dict[str, str | int] = {"query": words, "limit": 10, "fields": _FIELDS}
        answer = client.get(
            f"{self._paper}/search", params=asked, headers=self._headers, form="json"
        )
        yield from parse_search(answer.body)

    def batch(self, client: Client, names: Sequence[str]) -> list[Item | None]:
        """Return for each of at most 500 names its record, its fault, or None if it is unknown."""
        try:
            answer = client.post(
                f"{self._paper}/batch",
                json={"ids": list(names)},
                params={"fields": _FIELDS},
                headers=self._headers,
            )
        except SourceRejected as error:
            # What is said where not one of the ids is known, such as on the day of new papers.
            if error.status == _BAD_REQUEST and _NOBODY_KNOWN in str(error).casefold():
                return [None] * len(names)
            raise
        return parse_batch(answer.body, len(names))

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for a well-known paper and for one that there is not, and judge the fields."""
        answer = client.post(
            f"{self._paper}/batch",
            json={"ids": list(_CHECKED)},
            params={"fields": _FIELDS},
            headers=self._headers,
        )
        papers = fields.listed(fields.loaded(answer.body, source=_NAME))
        same = len(papers) == len(_CHECKED)
        yield Finding("as many answers as ids", same, f"{len(papers)} of {len(_CHECKED)}")
        yield from examine([fields.obj(one) for one in papers[:1]], WANTS)


@dataclass
class _Asking:
    """The questions of one call: `answers` has what is known by now, by the name asked for."""

    source: SemanticScholar
    client: Client
    answers: dict[str, Item | None] = field(default_factory=dict)
    failed: int = 0

    def ask(self, names: Sequence[str]) -> None:
        """Ask for names, fewer at once where an answer is too large for the host to give.

        A name that fails alone is left out. Raises SourceError where it is not the names' fault.
        """
        waiting = list(names)
        while waiting:
            some = waiting[: self.source.most]
            try:
                self.answers.update(zip(some, self.source.batch(self.client, some), strict=True))
            except SourceUnavailable as error:
                if not self._shrunk(len(some), error):
                    raise
                if len(some) > 1:
                    continue
            waiting = waiting[len(some) :]

    def _shrunk(self, size: int, error: SourceUnavailable) -> bool:
        """Return whether it may help to ask for fewer than `size`, or to leave out the one."""
        if not _is_too_much(error):
            return False
        # The client leaves a host alone after three failures, so that halves would not get far.
        self.source.most = max(1, (size if size > 1 else _MAX_BATCH) // 8)
        self.failed += size == 1
        return self.failed < _FAILED_ALONE or bool(self.answers)


def _is_too_much(error: SourceUnavailable) -> bool:
    """Return whether the host failed at what it was asked, and does not just want to be left."""
    said = str(error)
    return (
        any(f"answered {status}" in said for status in (500, 502, 504)) and _LEFT_ALONE not in said
    )


def _names(ids: Iterable[ExternalId]) -> dict[str, ExternalId]:
    """Return the names by which Semantic Scholar knows these ids, the surest first."""
    given = {i.namespace: i for i in reversed(list(ids))}
    found = [(prefix + given[n].value, given[n]) for n, prefix in _PREFIXES.items() if n in given]
    # One empty name would spoil the whole question.
    return {name: i for name, i in found if i.value.strip() and len(name) <= _MAX_ID}


def _as_asked(item: Item | None, wanted: ExternalId) -> Item | None:
    """Return an answer with the id that was asked for, so that it is filed with that paper.

    None if it is unknown, or if the answer is a paper with another id of the kind that has one.
    """
    if not isinstance(item, Record) or wanted in item.external_ids:
        return item
    if any(i.namespace == wanted.namespace in _ONE_EACH for i in item.external_ids):
        return None
    if wanted.namespace == _NAME:
        return item
    return replace(item, external_ids=(wanted, *item.external_ids))


def _kept(
    names: Sequence[str], found: Item | None, answers: Mapping[str, Item | None]
) -> dict[str, Any] | None:
    """Return what is kept of a paper; None if it was not asked about, as far as it could be."""
    if isinstance(found, Record):
        return {"paper": found.key}
    return {} if all(name in answers for name in names[:2]) else None
