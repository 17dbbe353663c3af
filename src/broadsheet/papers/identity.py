"""When two records are the same paper, what a paper's ids look like, and what the merge shows."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from broadsheet.papers.appearances import Stamp
from broadsheet.papers.text import (
    clean,
    overlap,
    pluses,
    readable,
    shingles,
    surname,
    surnames,
    title_key,
)
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record

T = TypeVar("T")
Pick = Callable[[Sequence[Record]], Record | None]

_MONTH = r"(?:0[1-9]|1[0-2])"
_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas"
    "|cond-mat|cs|dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin"
    "|nucl-ex|nucl-th|patt-sol|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con"
)
# Four digits until 2014, five from 2015, and before April 2007 an archive with seven.
_ARXIV_ID = (
    rf"(?:0[7-9]|1[0-4]){_MONTH}\.\d{{4}}|(?:1[5-9]|[2-9]\d){_MONTH}\.\d{{5}}"
    rf"|(?:{_ARCHIVES})(?:\.[a-z-]{{2,9}})?/\d\d{_MONTH}\d{{3}}"
)
_ACL_ID = r"[AC-FH-UW-Y]\d\d-\d{4,5}|\d{4}\.[a-z0-9_]+-[a-z0-9_]+\.\d+"


def _pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern that knows no case, and only the digits and letters of ASCII."""
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


# What stands on an e-print's margin is pasted whole: `arXiv:2503.11677v2 [cs.CL] 12 Mar 2025`.
_ARXIV = _pattern(
    rf"({_ARXIV_ID})(?:v\d+)?(?:\.pdf|\s*\[[a-z.-]+\](?:\s+\d\d? [a-z]{{3}} \d{{4}})?)?"
)
# Nearly all that an import reads has one of these forms, so they are tried before anything else.
_COMMON = _pattern(
    rf"(?:arxiv:|hf:|https?://arxiv\.org/(?:abs|pdf)/)?({_ARXIV_ID})(?:v\d+)?(?:\.pdf)?"
    rf"|(?:acl:|https?://aclanthology\.org/)?({_ACL_ID})(?:\.pdf|/)?"
    r"|(?:doi:|https?://doi\.org/)?(10\.\d{4,9}/[\w./-]*\w)"
)
_ACL = _pattern(rf"({_ACL_ID})(?:v\d+)?(?:\.pdf)?")
_DOI = _pattern(r"10\.\d{4,9}(?:\.\d+)*/\S+")
_ARXIV_DOI = _pattern(rf"10\.48550/arxiv[.:]({_ARXIV_ID})(?:v\d+)?")
_ACL_DOI = _pattern(rf"10\.(?:18653|3115)/v1/({_ACL_ID})")
_OPENREVIEW = _pattern(r"([\w-]{6,20})")
_S2 = _pattern(r"([0-9a-f]{40})")
_OPENALEX = _pattern(r"(w\d{4,12})")
_PMID = _pattern(r"0*([1-9]\d{0,8})")
_PAPER_ID = re.compile(r"(?i)p(\d{1,18})")

_ESCAPES = _pattern(r"(?:%[0-9a-f]{2})+")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_CLOSING = {")": "(", "]": "[", "}": "{", ">": "<"}
_WRAPS = {"<": ">", "(": ")", "[": "]", '"': '"', "'": "'", "“": "”"}
_MAX_TEXT = 500
_MAX_DOI = 400


def _unescaped(text: str) -> str:
    """Return `text` with percent escapes and the entities of HTML resolved, however often."""
    while "%" in text or "&" in text:
        plain = _ESCAPES.sub(_decoded, _entities(text))
        if plain == text:
            break
        text = plain
    return text


def _decoded(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]


def _entities(text: str) -> str:
    if "&" not in text:
        return text
    for entity, sign in _ENTITIES.items():
        text = text.replace(entity, sign)
    return text


def _trimmed(text: str) -> str:
    """Return `text` without the marks of a sentence after it, or a bracket that nothing opened."""
    while text and (
        text[-1] in ".,;:!?'\"”"
        or (text[-1] in _CLOSING and text.count(text[-1]) > text.count(_CLOSING[text[-1]]))
    ):
        text = text[:-1]
    return text


def _unwrapped(text: str) -> str:
    """Return `text` without the brackets and quotes round it and the marks after it."""
    text = _trimmed(_entities(clean(text)))
    while text and text[-1] == _WRAPS.get(text[0]):
        text = _trimmed(text[1:-1].strip())
    return _trimmed(text[1:].strip()) if text[:1] in _WRAPS else text


def _arxiv(value: str) -> ExternalId:
    """Return an arXiv id in its one form: `math.GT/0309136` is filed as `math/0309136`."""
    head, slash, number = value.lower().partition("/")
    return ExternalId("arxiv", f"{head.split('.')[0]}/{number}" if slash else value)


def _acl(value: str) -> ExternalId:
    """Return an ACL id in its one form: `P18-1001`, `2020.acl-main.1`."""
    if value[0].isalpha():
        return ExternalId("acl", value.upper())
    volume, _, number = value.lower().rpartition(".")
    return ExternalId("acl", f"{volume}.{int(number)}")


def _doi(value: str) -> ExternalId | None:
    """Return a DOI, or the arXiv or ACL id that it only wraps; None if too little is left of it."""
    value = value.lower()
    while (plain := _trimmed(_unescaped(value).lower())) != value:
        value = plain
    if len(value) > _MAX_DOI or not value.isprintable() or not _DOI.fullmatch(value):
        return None
    if match := _ARXIV_DOI.fullmatch(value):
        return _arxiv(match[1])
    if match := _ACL_DOI.fullmatch(value):
        return _acl(match[1])
    return ExternalId("doi", value)


class _Form(NamedTuple):
    """What an id looks like in one place: `shape` has it as its first group."""

    shape: re.Pattern[str]
    make: Callable[[str], ExternalId | None]

    def read(self, text: str) -> ExternalId | None:
        match = self.shape.fullmatch(text)
        return self.make(match[1]) if match else None


_BARE = {
    "arxiv": _Form(_ARXIV, _arxiv),
    "acl": _Form(_ACL, _acl),
    "doi": _Form(_pattern(r"(10\..+)"), _doi),
    "openreview": _Form(_OPENREVIEW, lambda v: ExternalId("openreview", v)),
    "s2": _Form(_S2, lambda v: ExternalId("s2", v.lower())),
    "openalex": _Form(_OPENALEX, lambda v: ExternalId("openalex", v.upper())),
    "pmid": _Form(_PMID, lambda v: ExternalId("pmid", v)),
}
NAMESPACES = tuple(_BARE)
_PLAIN = ("arxiv", "acl", "doi")
"""The namespaces whose ids are known without a word before them."""

# `openreview networks` is two words; only where an id is made of digits is a space enough.
_LABEL = _pattern(
    r"(?:(arxiv|doi|pmid)(?:\s*:\s*|\s+)|(hf|acl|openreview|s2|openalex)\s*:\s*"
    r"|info:(arxiv|doi|pmid)/|(?:oai:|urn:)(arxiv|doi)(?:\.org)?:)(.+)"
)
_LABELS = {"hf": "arxiv"}
_WRAPPED_BY = {"doi": ("doi", "arxiv", "acl")}

_HOSTS = (
    r"arxiv\.org|xxx\.lanl\.gov|ar5iv\.org|alphaxiv\.org|arxiv-vanity\.com|huggingface\.co|hf\.co"
    r"|papers\.cool|scirate\.com|doi\.org|aclanthology\.org|aclanthology\.info|aclweb\.org"
    r"|openreview\.net|semanticscholar\.org|openalex\.org|ncbi\.nlm\.nih\.gov|dl\.acm\.org"
)
# Nearly all links lead elsewhere: one look tells.
_KNOWN = _pattern(rf"^(?:[\w-]+\.)*(?:{_HOSTS}|aclanthology\.coli)|/10\.\d")
_LINK = _pattern(
    rf"(?:(?:https?:)?//|(?=(?:[\w-]+\.)*(?:{_HOSTS})/))(?:www\.)?([^/?#\s@]+)(/[^\s?#]*)"
    r"(\?[^\s#]*)?(?:#\S*)?"
)
_FORUM = _pattern(r"(?:api2?\.)?openreview\.net/(?:forum|pdf|attachment)")
_FORUM_ID = re.compile(r"[?&]id=([\w-]{6,20})(?=&|$)", re.ASCII)


def parse_external_id(text: str) -> ExternalId | None:
    """Return the id that `text` is (bare, prefixed, a DOI or a link), in its canonical form.

    Versions are dropped, DOIs lower-cased, and a DOI that only wraps an arXiv or ACL id becomes
    that id; what is returned reads back as itself. None if `text` is anything else, such as words
    with an id among them.
    """
    if match := _COMMON.fullmatch(text):
        arxiv, acl, doi = match.groups()
        return _arxiv(arxiv) if arxiv else _acl(acl) if acl else _doi(doi)
    if len(text) > _MAX_TEXT:
        return None
    text = _unwrapped(text)
    if "%3a%2f%2f" in text[:20].lower():
        text = _unescaped(text)
    if match := _LINK.fullmatch(text):
        return _linked(match[1].lower(), match[2], match[3] or "")
    return _labelled(text) or _plain(text)


def _plain(text: str) -> ExternalId | None:
    return next(filter(None, (_BARE[name].read(text) for name in _PLAIN)), None)


def _labelled(text: str) -> ExternalId | None:
    """Return the id in `arXiv: 2503.11677`; what follows the word may be a link again."""
    match = _LABEL.fullmatch(text)
    if not match:
        return None
    label, rest = filter(None, match.groups())
    name = _LABELS.get(label.lower(), label.lower())
    if found := _BARE[name].read(rest):
        return found
    found = parse_external_id(rest)
    return found if found and found.namespace in _WRAPPED_BY.get(name, (name,)) else None


_SITES = (
    _Form(
        _pattern(
            r"(?:(?:[\w-]+\.)*arxiv\.org|xxx\.lanl\.gov|ar5iv\.org|alphaxiv\.org|arxiv-vanity\.com"
            r"|huggingface\.co|hf\.co|papers\.cool|scirate\.com|semanticscholar\.org)/(?:abs|pdf"
            r"|html|ps|format|src|e-print|other|overview|papers|arxiv)/(?:arxiv:)?"
            rf"({_ARXIV_ID})(?:v\d+)?(?:\.pdf|\.ps)?(?:\.gz)?"
        ),
        _arxiv,
    ),
    _Form(
        _pattern(
            r"(?:aclanthology\.(?:org|info|coli\.uni-saarland\.de)|anthology\.aclweb\.org"
            r"|aclweb\.org/anthology(?:-new)?)(?:/(?:papers|[a-z]|[a-z]\d\d))*"
            rf"/({_ACL_ID})(?:v\d+)?(?:\.pdf|\.bib|\.xml)?(?:/\1)?"
        ),
        _acl,
    ),
    _Form(_pattern(r"(?:dx\.)?doi\.(?:org|acm\.org)/(?:doi:\s*)?(10\..+)"), _doi),
    _Form(
        _pattern(
            r"[\w.-]+/doi/(?:[a-z]+/)*(10\..+?)(?:/(?:full|abstract|e?pdf|pdfdirect|summary)?)?"
        ),
        _doi,
    ),
    _Form(_pattern(r"link\.springer\.com/(?:article|chapter)/(10\..+?)(?:\.pdf)?"), _doi),
    _Form(_pattern(r"api\.crossref\.org/works/(10\..+)"), _doi),
    _Form(
        _pattern(r"semanticscholar\.org/(?:paper|reader)/(?:[^/]+/)?([0-9a-f]{40})(?:/.*)?"),
        _BARE["s2"].make,
    ),
    _Form(
        _pattern(r"api\.semanticscholar\.org/(?:(?:graph/)?v1/paper/)?([0-9a-f]{40})(?:/.*)?"),
        _BARE["s2"].make,
    ),
    _Form(
        _pattern(r"(?:api\.)?semanticscholar\.org/(?:(?:graph/)?v1/)?paper/([a-z]+:[^:]+)"),
        _labelled,
    ),
    _Form(_pattern(r"(?:[\w-]+\.)?openalex\.org/(?:works/)?(w\d{4,12})"), _BARE["openalex"].make),
    _Form(
        _pattern(r"(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/pubmed)/0*([1-9]\d{0,8})"),
        _BARE["pmid"].make,
    ),
)


def _linked(host: str, path: str, query: str) -> ExternalId | None:
    """Return the id that the address of a known site leads to."""
    place = host + _trimmed(_unescaped(path).rstrip("/"))
    if _FORUM.fullmatch(place):
        match = _FORUM_ID.search(query)
        return ExternalId("openreview", match[1]) if match else None
    if not _KNOWN.search(place):
        return None
    return next(filter(None, (site.read(place) for site in _SITES)), None)


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
    pluses: str
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
        pluses(record.title),
        record.authors,
        record.abstract,
        record.year or _year_of_dates(record),
        frozenset(record.external_ids),
        frozenset(record.extra.get("abstract_sketch") or ()),
    )


def _year_of_dates(record: Record) -> int | None:
    dates = (record.submitted, record.published, record.announced)
    return min((int(d[:4]) for d in dates if d), default=None)


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
    if not one.key or one.key != other.key or one.pluses != other.pluses:
        return False
    if ids_conflict(one.ids, other.ids, "arxiv"):
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
SOURCE_RANK = (
    "arxiv", "arxiv-feed", "acl", "openreview", "biorxiv", "paperlists", "crossref", "hf", "s2",
    "openalex", "pwc", "daily-papers", "zotero", "feed", "by-hand", "file",
)  # fmt: skip
_RANKS = {source: rank for rank, source in enumerate(SOURCE_RANK)}
_E_PRINT = re.compile(r"(?i)(?:\W*|(?:arxiv|biorxiv|medrxiv|corr|ssrn|e-?print|preprint)(?:\W.*)?)")
# Of somebody's lists of names: several people in one, or where they work.
_NO_NAME = re.compile(r"(?i),[^,]*,|\bet al\b|[;@\d]|\b(?:and|university|institute|department)\b")


def is_e_print(venue: str) -> bool:
    """Return whether `venue` names no more than a server of e-prints, or nothing."""
    return _E_PRINT.fullmatch(venue) is not None


def _rank(record: Record) -> tuple[int, str, str]:
    return _RANKS.get(record.source, len(SOURCE_RANK) - 1), record.source, record.key


def _first(name: str) -> Pick:
    """Return the rule: the first source that says anything."""
    return lambda ranked: next((r for r in ranked if getattr(r, name)), None)


def _fullest(name: str) -> Pick:
    """Return the rule: the longest text of the first source that has one."""

    def pick(ranked: Sequence[Record]) -> Record | None:
        first = next((r for r in ranked if getattr(r, name)), None)
        if first is None or len(ranked) == 1:
            return first
        said = [r for r in ranked if r.source == first.source]
        return min(said, key=lambda r: (-len(getattr(r, name)), getattr(r, name)))

    return pick


def _published(name: str) -> Pick:
    """Return the rule: the first source whose venue is more than an e-print's."""

    def pick(ranked: Sequence[Record]) -> Record | None:
        said = [r for r in ranked if getattr(r, name)]
        return next((r for r in said if not is_e_print(r.venue)), said[0] if said else None)

    return pick


def _earliest(name: str) -> Pick:
    """Return the rule: the earliest date that any source gives."""
    return lambda ranked: min(
        (r for r in ranked if getattr(r, name)), key=attrgetter(name), default=None
    )


def _latest(name: str) -> Pick:
    """Return the rule: the latest date that any source gives."""
    return lambda ranked: max(
        (r for r in ranked if getattr(r, name)), key=attrgetter(name), default=None
    )


def _authors(ranked: Sequence[Record]) -> Record | None:
    """Return the record whose authors are shown: people one by one, and nobody left out."""
    distinct: dict[tuple[str, ...], Record] = {}
    for record in ranked:
        if record.authors:
            distinct.setdefault(record.authors, record)
    said = list(distinct.values())
    if len(said) < 2:  # noqa: PLR2004
        return said[0] if said else None
    listed = [r for r in said if _names_people(r.authors)] or said
    shown, people = listed[0], surnames(listed[0].authors)
    for record in listed[1:]:
        if len(shown.authors) < len(record.authors):
            others = surnames(record.authors)
            if people < others and len(record.authors) <= 2 * len(others):
                shown, people = record, others
    return shown


def _names_people(names: Sequence[str]) -> bool:
    """Return whether each of `names` is one person's, or a collaboration's."""
    return any(map(surname, names)) and not any(map(_NO_NAME.search, names))


_BY_SOURCE = (
    "the first of these sources that gives one: arXiv, its feeds, the ACL Anthology, OpenReview, "
    "bioRxiv, lists of conferences, Crossref, Hugging Face, Semantic Scholar, OpenAlex, the Papers "
    "with Code archive, saved pages, Zotero, feeds, pages added by hand, files"
)


class FieldRule(NamedTuple):
    """Which source's word is shown for a field: in words, and as a choice among records.

    `pick` is given the records with the best source first, and returns the one whose value is
    shown, or None if none has one; it is None itself where what all sources say is shown.
    """

    field: str
    words: str
    pick: Pick | None


FIELD_RULES: tuple[FieldRule, ...] = (
    FieldRule("title", f"{_BY_SOURCE}; of several records of it, the longest", _fullest("title")),
    FieldRule("abstract", "as the title, the longest of its source", _fullest("abstract")),
    FieldRule(
        "authors",
        "as the title, but a list that names people one by one comes before one that does not, and "
        "a longer list that has all these people and more before both",
        _authors,
    ),
    FieldRule("summary", "the first source that gives one", _first("summary")),
    FieldRule(
        "venue", "the first source that names more than an e-print server", _published("venue")
    ),
    FieldRule("year", "as the venue", _published("year")),
    FieldRule("submitted", "the earliest day that any source gives", _earliest("submitted")),
    FieldRule("announced", "the earliest day that any source gives", _earliest("announced")),
    FieldRule("published", "the earliest day that any source gives", _earliest("published")),
    FieldRule("updated", "the latest day that any source gives", _latest("updated")),
    FieldRule("comment", "the first source that gives one", _first("comment")),
    FieldRule("external_ids", "those of all sources", None),
    FieldRule("categories", "those of all sources, the best source's first", None),
    FieldRule("keywords", "those of all sources, the best source's first", None),
    FieldRule(
        "links",
        "those of all sources, the best source's first; if none has code, the repository on GitHub "
        "or GitLab that the comment or the abstract names",
        None,
    ),
    FieldRule("withdrawn", "if any source says so", None),
)
"""The one rule of each field that a paper shows; docs/identity.md shows this table."""
_PICKS = {rule.field: rule.pick for rule in FIELD_RULES if rule.pick}


def _chosen(ranked: Sequence[Record]) -> dict[str, Record]:
    """Return, for each field that some source gives, the record whose value is shown."""
    if len(ranked) == 1:
        return {name: ranked[0] for name in _PICKS if getattr(ranked[0], name)}
    found = {name: pick(ranked) for name, pick in _PICKS.items()}
    return {name: record for name, record in found.items() if record is not None}


def origins(records: Iterable[Record]) -> dict[str, str]:
    """Return the source that each shown field of the paper made of `records` comes from.

    Fields that no source gives, and those that unite what all sources say, are not in it.
    """
    chosen = _chosen(sorted(records, key=_rank))
    return {name: record.source for name, record in chosen.items()}


def compose(
    paper_id: PaperId, records: Sequence[Record], first_seen: str, made: Stamp | None = None
) -> Paper:
    """Return the paper that `records` make together, whatever order they come in.

    Each field is chosen by its rule in `FIELD_RULES`. TeX in the texts and names is said in
    Unicode as far as that goes. `made` says of which edition it is.
    """
    ranked = sorted(records, key=_rank)
    chosen = _chosen(ranked).items()
    values = {"title": ""} | {name: getattr(record, name) for name, record in chosen}
    for name in ("title", "abstract", "summary"):
        if name in values:
            values[name] = readable(values[name])
    if "authors" in values:
        values["authors"] = tuple(map(readable, values["authors"]))
    if made is not None:
        values |= {"edition": made.day, "basis": made.basis, "upvotes": made.upvotes}
    return Paper(
        id=paper_id,
        **values,
        external_ids=tuple(sorted({i for r in ranked for i in r.external_ids})),
        categories=_united(r.categories for r in ranked),
        keywords=_united(r.keywords for r in ranked),
        withdrawn=any(r.withdrawn for r in ranked),
        links=_with_code(_united(r.links for r in ranked), values),
        sources=tuple(sorted({r.source for r in ranked})),
        first_seen=first_seen,
    )


_CODE = re.compile(
    r"(?i)\b(?:https?://)?(?:www\.)?((?:github|gitlab)\.com/[a-z\d](?:[\w.-]*[\w])?/[\w.-]*[\w-])"
)


def _with_code(
    links: tuple[tuple[str, str], ...], texts: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    """Return `links` with the repository that comment or abstract name, if none has code.

    Authors write it there, and most sources have no field for it.
    """
    if any(kind == "code" for kind, _ in links):
        return links
    for name in ("comment", "abstract"):
        text = texts.get(name, "")
        if "hub.com/" in (low := text.lower()) or "lab.com/" in low:
            found = _CODE.search(text)
            if found:
                return (*links, ("code", "https://" + found[1].removesuffix(".git")))
    return links


def _united(groups: Iterable[Sequence[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
