"""When two records are the same paper, what a paper's ids look like, and what the merge shows."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

from broadsheet.papers.text import overlap, shingles, surnames, title_key
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record

T = TypeVar("T")

_ARXIV_NEW = r"\d{4}\.\d{4,5}"
_ARXIV_OLD = r"[a-z][a-z-]+(?:\.[A-Z]{2})?/\d{7}"
_ARXIV = re.compile(rf"(?i)(?:(?:arxiv|hf):\s*)?({_ARXIV_NEW}|{_ARXIV_OLD})(?:v\d+)?(?:\.pdf)?")
_ARXIV_LINK = re.compile(
    rf"(?i)https?://(?:[\w-]+\.)*(?:arxiv\.org/(?:abs|pdf|html|ps|format)"
    rf"|huggingface\.co/papers|hf\.co/papers|alphaxiv\.org/abs)/"
    rf"({_ARXIV_NEW}|{_ARXIV_OLD})(?:v\d+)?(?:\.pdf)?/?(?:[?#].*)?"
)
_DOI = re.compile(
    r"(?i)(?:doi:\s*|https?://(?:dx\.)?(?:www\.)?doi\.org/|info:doi/)?(10\.\d{4,9}(?:\.\d+)*/\S+)"
)
_ESCAPE = re.compile(r"%([2-7][0-9a-fA-F])")
_ACL_ID = r"[A-Z]\d{2}-\d{4,5}|\d{4}\.[a-z0-9_]+-[a-z0-9_]+\.\d+"
_ACL = re.compile(rf"(?i)(?:acl:\s*|https?://(?:www\.)?aclanthology\.org/)?({_ACL_ID})(?:\.pdf|/)?")
_ACL_DOI = re.compile(rf"(?i)10\.(?:18653/v1|3115/v1)/({_ACL_ID})")
_ARXIV_DOI = re.compile(rf"(?i)10\.48550/arxiv\.({_ARXIV_NEW}|{_ARXIV_OLD})(?:v\d+)?")
_OPENREVIEW = re.compile(
    r"(?:(?i:openreview:)\s*|https?://openreview\.net/(?:forum|pdf)\?id=)([\w-]{6,20})(?:[&#].*)?"
)
_S2 = re.compile(
    r"(?i)(?:s2:\s*|https?://(?:www\.)?semanticscholar\.org/paper/(?:[^/]+/)?)([0-9a-f]{40})"
)
_OPENALEX = re.compile(
    r"(?i)(?:openalex:\s*|https?://(?:api\.)?openalex\.org/(?:works/)?)(W\d{4,12})"
)
_PMID = re.compile(r"(?i)(?:pmid:\s*|https?://(?:www\.)?pubmed\.ncbi\.nlm\.nih\.gov/)(\d{1,9})/?")
_PAPER_ID = re.compile(r"(?i)p(\d{1,18})")


def _old_arxiv(value: str) -> str:
    """Return an arXiv id in its one form: `math.GT/0309136` is filed as `math/0309136`."""
    head, slash, number = value.partition("/")
    return f"{head.split('.')[0].lower()}/{number}" if slash else value


def _acl(value: str) -> str:
    return value.upper() if value[0].isalpha() else value.lower()


def _doi(value: str) -> ExternalId | None:
    """Return a DOI, or the arXiv or ACL id that it only wraps; None if too little is left of it."""
    while value != (plain := _ESCAPE.sub(lambda m: chr(int(m[1], 16)), value)):
        value = plain
    value = value.rstrip(".,;)<>]\"'").lower()
    if not _DOI.fullmatch(value):
        return None
    if match := _ARXIV_DOI.fullmatch(value):
        return ExternalId("arxiv", _old_arxiv(match[1]))
    if match := _ACL_DOI.fullmatch(value):
        return ExternalId("acl", _acl(match[1]))
    return ExternalId("doi", value)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], ExternalId | None]], ...] = (
    (_ARXIV_LINK, lambda v: ExternalId("arxiv", _old_arxiv(v))),
    (_ARXIV, lambda v: ExternalId("arxiv", _old_arxiv(v))),
    (_ACL, lambda v: ExternalId("acl", _acl(v))),
    (_DOI, _doi),
    (_OPENREVIEW, lambda v: ExternalId("openreview", v)),
    (_S2, lambda v: ExternalId("s2", v.lower())),
    (_OPENALEX, lambda v: ExternalId("openalex", v.upper())),
    (_PMID, lambda v: ExternalId("pmid", v)),
)
NAMESPACES = ("arxiv", "doi", "acl", "openreview", "s2", "openalex", "pmid")


def parse_external_id(text: str) -> ExternalId | None:
    """Return the id that `text` is (bare, prefixed, a DOI or a link), in its canonical form.

    Versions are dropped, DOIs lower-cased, and a DOI that only wraps an arXiv or ACL id becomes
    that id. None if `text` is anything else, such as words with an id among them.
    """
    text = text.strip().strip("<>")
    if len(text) > 500 or " " in text.replace(": ", ":", 1):  # noqa: PLR2004
        return None
    for pattern, make in _FORMS:
        if match := pattern.fullmatch(text):
            return make(match[1])
    return None


def format_paper_id(paper_id: int) -> str:
    """Return the form of our own id that people see: `p123`."""
    return f"p{paper_id}"


def parse_paper_id(text: str) -> PaperId | None:
    """Return the number in `p123`, or None if `text` is not of that form."""
    match = _PAPER_ID.fullmatch(text.strip())
    return PaperId(int(match[1])) if match else None


SKETCH_SIZE = 16
"""How many numbers stand for an abstract that may not be shipped; 16 tell same from different."""


def sketch(abstract: str) -> list[int]:
    """Return the `SKETCH_SIZE` smallest hashes of the abstract's three-word runs, ascending.

    Bottom-k sketch (Broder 1997): the share of these that another text has too estimates the
    overlap, and no word can be read back from it.
    """
    return sorted({zlib.crc32(s.encode()) for s in shingles(abstract)})[:SKETCH_SIZE]


class Evidence(NamedTuple):
    """What is known of one record for telling papers apart."""

    key: str
    authors: tuple[str, ...]
    abstract: str
    year: int | None
    ids: frozenset[ExternalId]
    sketch: frozenset[int]

    @property
    def surnames(self) -> frozenset[str]:
        """The folded surnames of the authors; few records are ever compared by them."""
        return surnames(self.authors)


def evidence(record: Record) -> Evidence:
    """Return what `record` says about which paper it is."""
    return Evidence(
        title_key(record.title),
        record.authors,
        record.abstract,
        record.year,
        frozenset(record.external_ids),
        frozenset(record.extra.get("abstract_sketch") or ()),
    )


SAME_ABSTRACT = 0.5
"""Overlap from which two abstracts under one title are versions of one text."""
GENERIC_TITLE = 24
"""Folded titles shorter than this ("Introduction", "Letter to the Editor") prove little."""


def _sketch_overlap(numbers: frozenset[int], abstract: str) -> float:
    found = {zlib.crc32(s.encode()) for s in _cached_shingles(abstract)}
    return len(numbers & found) / len(numbers)


@lru_cache(maxsize=64)
def _cached_shingles(text: str) -> frozenset[str]:
    return shingles(text)


def abstract_overlap(one: Evidence, other: Evidence) -> float | None:
    """Return how much of the shorter abstract the other has too (0 to 1); None if unknown."""
    if one.abstract and other.abstract:
        return 1.0 if one.abstract == other.abstract else overlap(one.abstract, other.abstract)
    for a, b in ((one, other), (other, one)):
        if a.sketch and b.abstract:
            return _sketch_overlap(a.sketch, b.abstract)
    if one.sketch and other.sketch:
        return len(one.sketch & other.sketch) / min(len(one.sketch), len(other.sketch))
    return None


def ids_conflict(one: Iterable[ExternalId], other: Iterable[ExternalId], namespace: str) -> bool:
    """Return whether both have ids of `namespace` and none in common."""
    a = {i.value for i in one if i.namespace == namespace}
    b = {i.value for i in other if i.namespace == namespace}
    return bool(a and b and not a & b)


def same_paper(one: Evidence, other: Evidence) -> bool:
    """Return whether two records with one title are one paper; symmetric.

    The title alone never decides: there must be a shared surname, or, where one side names no
    authors, abstracts that are largely the same text.
    """
    if not one.key or one.key != other.key or ids_conflict(one.ids, other.ids, "arxiv"):
        return False
    shared = abstract_overlap(one, other)
    alike = shared is not None and shared >= SAME_ABSTRACT
    if ids_conflict(one.ids, other.ids, "acl") and not alike:
        return False
    mine, theirs = one.surnames, other.surnames
    if not mine or not theirs:
        return alike
    if not mine & theirs:
        return False
    return alike or len(one.key) >= GENERIC_TITLE or _close_years(one, other)


def contradicts(one: Evidence, other: Evidence) -> bool:
    """Return whether all that two records say differs: then an id that both give is a mistake.

    Sources give the DOI of a whole volume, or the address of a neighbour on the page, as a paper's.
    """
    mine, theirs = one.surnames, other.surnames
    if not one.key or not other.key or one.key == other.key:
        return False
    if not mine or not theirs or mine & theirs:
        return False
    shared = abstract_overlap(one, other)
    return shared is None or shared < SAME_ABSTRACT


def _close_years(one: Evidence, other: Evidence) -> bool:
    return one.year is not None and other.year is not None and abs(one.year - other.year) <= 1


# The further left, the more its word counts for title, abstract and authors.
SOURCE_RANK = ("arxiv", "acl", "openreview", "paperlists", "hf", "daily-papers", "file")


def _rank(record: Record) -> tuple[int, str, str]:
    known = record.source in SOURCE_RANK
    return (
        SOURCE_RANK.index(record.source) if known else len(SOURCE_RANK) - 1,
        record.source,
        record.key,
    )


def compose(paper_id: PaperId, records: Sequence[Record], first_seen: str) -> Paper:
    """Return the paper that `records` make together, whatever order they come in.

    Each field comes from the best-ranked source that has it; among records of one source the
    longest title and abstract win (the fuller version). Venue and year prefer a record that is
    not an e-print; sets (ids, categories, keywords, links) are united.
    """
    ranked = sorted(records, key=_rank)
    published = sorted(ranked, key=lambda r: r.venue.lower() in {"", "arxiv", "corr"})
    return Paper(
        id=paper_id,
        title=_fullest(ranked, "title"),
        abstract=_fullest(ranked, "abstract"),
        summary=_first(ranked, "summary", ""),
        authors=max((r.authors for r in ranked), key=len),
        external_ids=tuple(sorted({i for r in ranked for i in r.external_ids})),
        year=_first(published, "year", None),
        submitted=_earliest(ranked, "submitted"),
        announced=_earliest(ranked, "announced"),
        updated=max((r.updated for r in ranked if r.updated), default=None),
        published=_earliest(ranked, "published"),
        categories=_united(r.categories for r in ranked),
        keywords=_united(r.keywords for r in ranked),
        venue=_first(published, "venue", ""),
        comment=_first(ranked, "comment", ""),
        withdrawn=any(r.withdrawn for r in ranked),
        links=_united(r.links for r in ranked),
        sources=tuple(sorted({r.source for r in ranked})),
        first_seen=first_seen,
    )


def _fullest(ranked: Sequence[Record], name: str) -> str:
    """Return the longest value within the best-ranked source that has one."""
    source = next((r.source for r in ranked if getattr(r, name)), None)
    values = [getattr(r, name) for r in ranked if r.source == source]
    return min(values, key=lambda v: (-len(v), v), default="")


def _first(ranked: Sequence[Record], name: str, default: T) -> T:
    return next((getattr(r, name) for r in ranked if getattr(r, name)), default)


def _earliest(ranked: Sequence[Record], name: str) -> str | None:
    return min((getattr(r, name) for r in ranked if getattr(r, name)), default=None)


def _united(groups: Iterable[Sequence[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
