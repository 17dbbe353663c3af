"""One JSON object, whoever wrote it, as one record. Pure: no files, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NoReturn

import orjson

from broadsheet.errors import RecordError
from broadsheet.papers.identity import NAMESPACES, parse_external_id
from broadsheet.papers.text import clean, title_key
from broadsheet.papers.types import ExternalId, Record, Signal

MAX_TITLE: Final = 2_000
"""Characters; a longer "title" is a page or an abstract in the wrong field."""
MAX_TEXT: Final = 100_000
"""Characters of an abstract, a summary, a comment or a venue."""
MAX_EXTRA: Final = 200_000
"""Bytes of JSON that a record may keep beyond the known fields."""

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("title", "name", "paper_title"),
    "abstract": ("abstract", "text", "summary", "description"),
    "summary": ("ai_summary", "tldr"),
    "authors": ("authors_parsed", "authors", "author", "creators", "authorships"),
    "year": ("year", "publication_year"),
    "announced": ("announced",),
    "submitted": ("submitted", "submitted_at", "created"),
    "published": ("published", "published_at", "publication_date"),
    "updated": ("updated", "update_date"),
    "date": ("date",),
    "primary_category": ("primary_category",),
    "categories": ("categories",),
    "keywords": ("keywords", "ai_keywords"),
    "venue": ("venue", "journal", "journal-ref", "journal_ref", "booktitle", "container-title"),
    "comment": ("comment", "comments"),
    "withdrawn": ("withdrawn", "is_withdrawn"),
    "source": ("source",),
    "id": ("id", "_id", "paper_id"),
    "arxiv": ("arxiv_id", "arxiv"),
    "doi": ("doi",),
    "acl": ("acl_id",),
    "openreview": ("openreview_id",),
    "s2": ("s2_id", "paperId"),
    "openalex": ("openalex_id",),
    "pmid": ("pmid",),
    "external_ids": ("externalIds",),
    "abs": ("abs", "url", "link"),
    "pdf": ("pdf",),
    "code": ("github_repo", "code", "code_url"),
    "project": ("project_page", "homepage"),
    "links": ("links",),
}
"""The names that each field is read from, the best first; docs/import.md shows this table."""

COUNTS: Final[Mapping[str, tuple[str, ...]]] = {
    "upvotes": ("upvotes",),
    "comments": ("comments", "num_comments", "numComments"),
    "stars": ("stars", "github_stars", "githubStars"),
    "citations": ("citations", "citation_count", "citationCount", "cited_by_count"),
    "linked_models": ("linked_models", "numTotalModels"),
    "linked_datasets": ("linked_datasets", "numTotalDatasets"),
    "mentions": ("mentions",),
}
"""The names of counts, kept as observations of the time that is said; docs/import.md shows it."""
TIMES: Final = ("snapshot_at", "retrieved_at", "seen_at")
"""The names of the time at which an object says that its counts were seen."""

# What Broadsheet itself wrote is read as it was meant: nothing is derived, turned or guessed.
_OWN_FORM = 1
_OWN_NAMES: Final = (
    "id", "title", "abstract", "summary", "authors", "year", "submitted", "announced", "updated",
    "published", "venue", "categories", "keywords", "comment", "withdrawn", "external_ids", "links",
)  # fmt: skip

# A value of another type is not the field: it stays in `extra` under its own name.
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "title": (object,),
    "summary": (str, dict),
    "authors": (list, str, dict),
    "year": (int, str, float),
    **dict.fromkeys(("announced", "submitted", "published", "updated", "date"), (str, int)),
    **dict.fromkeys(("categories", "keywords", "venue"), (list, str)),
    **dict.fromkeys(("id", *NAMESPACES), (str, int)),
    "withdrawn": (bool,),
    "external_ids": (dict,),
    "links": (list,),
}
# All the names of these count, not just the best one.
_LINK_KINDS: Final = ("abs", "pdf", "code", "project")
_SEVERAL: Final = frozenset({"id", *NAMESPACES, *_LINK_KINDS}) - {"doi"}
_FIELD_OF: Final = {
    name: (field, _TYPES.get(field, (str,)), field in _SEVERAL)
    for field, names in ALIASES.items()
    for name in names
}
_OWN_FIELD_OF: Final = {n: (n, _TYPES.get(n, (str,)), False) for n in _OWN_NAMES}
_RANK: Final = {name: rank for names in ALIASES.values() for rank, name in enumerate(names)}

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_LINK = re.compile(r"(?i)https?://[^\s<>\"'\\\x00-\x20\x7f\ud800-\udfff]{1,2000}")
_KIND = re.compile(r"[a-z]{1,16}")
_PREFIXED = re.compile(r"(?i)(?:https?|info|arxiv|doi|acl|openreview|s2|openalex|pmid):")
_PAPERLISTS = re.compile(r"(?i)pl:[^/]+/(.+)")
# DOIs that only wrap another id come back as that id.
_MEANT_BY: Final = {"doi": ("doi", "arxiv", "acl")}
# Some chapters are given the DOI of their whole volume, which would make them all one paper.
_BOOK = re.compile(r"10\.\d{4,9}/(?:isbn\.)?97[89][\dx-]{10,14}")
_EXTERNAL_IDS: Final = {"ArXiv": "arxiv", "DOI": "doi", "ACL": "acl", "PubMed": "pmid"}
_WITHDRAWN = ("this paper has been withdrawn", "this submission has been withdrawn", "withdrawn")
_ARCHIVES = re.compile(
    r"(?:astro-ph|cond-mat|cs|econ|eess|gr-qc|hep-(?:ex|lat|ph|th)|math|math-ph|nlin|nucl-(?:ex|th)"
    r"|physics|q-bio|q-fin|quant-ph|stat|alg-geom|chao-dyn|cmp-lg|dg-ga|funct-an|patt-sol|q-alg"
    r"|solv-int|supr-con)(?:\.[A-Za-z-]{2,})?"
)
_KINDS: Final = {int: "a number", float: "a number", list: "a list", dict: "an object"} | {
    bool: "true or false",
    str: "text",
}


def to_record(obj: dict[str, Any], *, name: str, line: int) -> Record:
    """Return the record that `obj` describes; `name` and `line` say where it stood.

    Raises RecordError if it has no usable title or is larger than a record may be.
    """
    return _Draft(obj, name, line).record()


def made_key(said: Iterable[str]) -> str:
    """Return a short name made of what is said of a record: the same words, the same name."""
    return blake2b("\n".join(said).encode(), digest_size=8).hexdigest()


def is_kaggle(obj: Mapping[str, Any]) -> bool:
    """Return whether `obj` has the form of Kaggle's arXiv snapshot."""
    return "authors_parsed" in obj or ("versions" in obj and isinstance(obj.get("categories"), str))


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words: `a number`, `a list`."""
    return _KINDS.get(type(value), "nothing")


class _Draft:
    """An object taken apart: which key gives which field, and what is left over."""

    __slots__ = ("chosen", "extra", "is_arxiv", "is_explicit", "is_own", "line", "name", "obj",
                 "own_id", "several", "source")  # fmt: skip

    def __init__(self, obj: dict[str, Any], name: str, line: int) -> None:
        self.obj = obj
        self.name = name
        self.line = line
        self.chosen: dict[str, str] = {}
        self.several: list[tuple[str, str]] = []
        self.extra: dict[str, Any] = {}
        self.own_id = ""
        self.is_own = obj.get("broadsheet") == _OWN_FORM
        self._sort()
        self._choose_source()
        self._choose_dates()

    def record(self) -> Record:
        title = self._title()
        abstract = self._text("abstract")
        comment = self._text("comment")
        categories = self._categories()
        external_ids, links = self._ids_and_links(categories)
        authors, year = self._authors(), self._year()
        record = Record(
            source=self.source,
            key=self._key(external_ids) or self._made_key(title, abstract, authors, year),
            title=title,
            abstract=abstract,
            summary=self._text("summary"),
            authors=authors,
            external_ids=external_ids,
            year=year,
            submitted=self._day("submitted") or self._first_version(),
            announced=self._day("announced"),
            updated=self._day("updated"),
            published=self._day("published"),
            categories=categories,
            keywords=self._list("keywords", _COMMA.split),
            venue=self._text("venue"),
            comment=comment,
            withdrawn=self._withdrawn(abstract, comment),
            links=links,
            extra=self.extra,
            signals=() if self.is_own else _signals(self.obj),
        )
        self._weigh()
        return record

    def _fail(self, reason: str) -> NoReturn:
        raise RecordError(reason, source=self.name, place=self.line)

    # Which key gives which field.

    def _sort(self) -> None:
        chosen, extra = self.chosen, self.extra
        fields = _OWN_FIELD_OF if self.is_own else _FIELD_OF
        for key, value in self.obj.items():
            known = fields.get(key)
            if known is None:
                extra[key] = value
            elif not (value or value == 0):
                continue  # null, "", [] and {} of a known field say nothing
            elif not isinstance(value, known[1]):
                extra[key] = value
            elif known[2]:
                self.several.append((known[0], key))
            elif known[0] in chosen:
                self._contest(known[0], key)
            else:
                chosen[known[0]] = key

    def _contest(self, field: str, key: str) -> None:
        """Settle which of two keys gives `field`; the other is kept aside."""
        winner, loser = sorted((self.chosen[field], key), key=_RANK.__getitem__)
        self.chosen[field] = winner
        # arXiv calls its abstract "summary"; beside an abstract it is somebody's short account.
        if loser == "summary" and not any(map(self.obj.get, ALIASES["summary"])):
            self.chosen["summary"] = loser
        else:
            self.extra[loser] = self.obj[loser]

    def _choose_source(self) -> None:
        key = self.chosen.get("source")
        folded = self.obj[key].casefold() if key else ""
        self.is_explicit = bool(_SOURCE.fullmatch(folded))
        if key and not self.is_explicit:
            self.extra[key] = self.obj[key]
        kaggle = is_kaggle(self.obj) and not self.is_own
        self.source = folded if self.is_explicit else "arxiv" if kaggle else "file"
        self.is_arxiv = kaggle or self.source == "arxiv"

    def _choose_dates(self) -> None:
        """Say which of the four dates the word "date" means, and set aside what means none."""
        chosen = self.chosen
        if "date" in chosen:
            field = "announced" if self.source in {"arxiv", "hf"} else "published"
            if field in chosen:
                self.extra["date"] = self.obj["date"]
            else:
                chosen[field] = "date"
        # In that list it is the day on which somebody put the paper there.
        if self.source == "hf" and chosen.get("submitted") == "submitted_at":
            self.extra["submitted_at"] = self.obj[chosen.pop("submitted")]

    # Texts.

    def _title(self) -> str:
        key = self.chosen.get("title")
        if key is None:
            self._fail("no title")
        title = self._words(self.obj[key])
        if title is None:
            self._fail(f"title is {kind_of(self.obj[key])}")
        if not title:
            self._fail("no title")
        if len(title) > MAX_TITLE:
            self._fail(f"title of {len(title)} characters")
        return title

    def _text(self, field: str) -> str:
        key = self.chosen.get(field)
        if key is None:
            return ""
        text = self._words(self.obj[key])
        if text is None:
            self.extra[key] = self.obj[key]
            return ""
        if len(text) > MAX_TEXT:
            self._fail(f"{field} of {len(text)} characters")
        return text

    @staticmethod
    def _words(value: object) -> str | None:
        """Return the text in `value`: a string, `{"text": …}` or a list of one; else None."""
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict):
            value = value.get("text")
        return clean(value) if isinstance(value, str) else None

    def _list(self, field: str, split: Callable[[str], list[str]]) -> tuple[str, ...]:
        key = self.chosen.get(field)
        if key is None:
            return ()
        value = self.obj[key]
        words = split(value) if isinstance(value, str) else value
        if not all(isinstance(w, str) for w in words):
            self.extra[key] = value
        return tuple(_distinct(clean(w) for w in words if isinstance(w, str)))

    def _categories(self) -> tuple[str, ...]:
        key = self.chosen.get("categories")
        value = self.obj[key] if key else ()
        spaced = isinstance(value, str) and not _COMMA.search(value)
        found = self._list("categories", str.split if spaced else _COMMA.split)
        primary = self._text("primary_category")
        if not primary or found[:1] == (primary,):
            return found
        return (primary, *(c for c in found if c != primary))

    def _authors(self) -> tuple[str, ...]:
        key = self.chosen.get("authors")
        if key is None:
            return ()
        value = self.obj[key]
        if isinstance(value, str):
            return tuple(split_authors(value))
        people = [value] if isinstance(value, dict) else value
        is_lone = len(people) == 1 and not self.is_own
        if is_lone and type(people[0]) is str and "," in people[0]:
            # A list of one string that holds them all is common, too.
            return tuple(split_authors(people[0]))
        names = [clean(p) if type(p) is str else clean(_name(p)) for p in people]
        if "" in names:
            self.extra[key] = value
            names = [n for n in names if n]
        return tuple(names)

    # Numbers and days.

    def _year(self) -> int | None:
        key = self.chosen.get("year")
        if key is None:
            return None
        value = self.obj[key]
        if type(value) is int and _FIRST_YEAR <= value <= _LAST_YEAR:
            return value
        if _YEAR.fullmatch(str(value)):
            return int(str(value)[:4])
        self.extra[key] = value
        return None

    def _day(self, field: str) -> str | None:
        key = self.chosen.get(field)
        if key is None:
            return None
        value = self.obj[key]
        day = parse_day(value)
        if day is None:
            self.extra[key] = value
        return day

    def _first_version(self) -> str | None:
        match self.extra.get("versions"):
            case [{"created": created}, *_]:
                return parse_day(created)
        return None

    def _withdrawn(self, abstract: str, comment: str) -> bool:
        key = self.chosen.get("withdrawn")
        if key is not None and self.obj[key]:
            return True
        return any(t[:40].casefold().startswith(_WITHDRAWN) for t in (abstract, comment) if t)

    # Ids and links.

    def _ids_and_links(
        self, categories: tuple[str, ...]
    ) -> tuple[tuple[ExternalId, ...], tuple[tuple[str, str], ...]]:
        if self.is_own:
            return self._own_ids_and_links()
        ids: list[ExternalId | None] = []
        links: list[tuple[str, str]] = []
        for field, key in self.several:
            value = self.obj[key]
            if field == "id":
                ids.append(self._own_id(key, value, categories))
            elif field in _LINK_KINDS:
                self._link(field, key, ids, links)
            elif found := _named_id(field, value):
                ids.append(found)
            else:
                self.extra[key] = value
        self._foreign_ids(ids)
        self._link_list(ids, links)
        self._doi(ids)
        return tuple(_distinct(ids)), tuple(_distinct(links))

    def _own_ids_and_links(
        self,
    ) -> tuple[tuple[ExternalId, ...], tuple[tuple[str, str], ...]]:
        """Return ids and links as Broadsheet wrote them: here no link gives an id."""
        if "id" in self.chosen:
            self.extra["id"] = self.obj["id"]
            self.own_id = clean(str(self.obj["id"]))
        given = self.obj["external_ids"] if "external_ids" in self.chosen else {}
        ids = [_named_id(n, v) for n, values in given.items() for v in _listed(values)]
        links = [_own_link(item) for item in self.obj["links"]] if "links" in self.chosen else []
        for key, found in (("external_ids", ids), ("links", links)):
            if None in found:
                self.extra[key] = self.obj[key]
        return tuple(_distinct(ids)), tuple(_distinct(links))

    def _own_id(self, key: str, value: str | int, categories: tuple[str, ...]) -> ExternalId | None:
        """Return the external id that the object's own id is, if it says so or must be one."""
        self.extra[key] = value
        text = clean(str(value))
        if not self.own_id or key == "id":
            self.own_id = text
        if _PREFIXED.match(text):
            return parse_external_id(text)
        if match := _PAPERLISTS.fullmatch(text):
            return parse_external_id(f"acl:{match[1]}")
        if self.is_arxiv or any(map(_ARCHIVES.fullmatch, categories)):
            return _named_id("arxiv", text)
        return None

    def _link(
        self, kind: str, key: str, ids: list[ExternalId | None], links: list[tuple[str, str]]
    ) -> None:
        url = self.obj[key].strip()
        found = _external_id(url) if kind in {"abs", "pdf"} else None
        ids.append(found)
        if _LINK.fullmatch(url):
            links.append((kind, url))
        elif found is None:
            self.extra[key] = self.obj[key]

    def _doi(self, ids: list[ExternalId | None]) -> None:
        """Take the DOI, unless it wraps an id that contradicts the paper's own."""
        key = self.chosen.get("doi")
        if key is None:
            return
        found = _named_id("doi", self.obj[key])
        rivals = {i for i in ids if i and found and i.namespace == found.namespace != "doi"}
        if found is None or rivals - {found}:
            self.extra[key] = self.obj[key]
        else:
            ids.append(found)

    def _foreign_ids(self, ids: list[ExternalId | None]) -> None:
        """Take the ids out of `{"ArXiv": …, "DOI": …}`, Semantic Scholar's form."""
        key = self.chosen.get("external_ids")
        if key is None:
            return
        given: dict[str, Any] = self.obj[key]
        found = {k: _named_id(_EXTERNAL_IDS[k], v) for k, v in given.items() if k in _EXTERNAL_IDS}
        ids.extend(found.values())
        if rest := {k: v for k, v in given.items() if not found.get(k)}:
            self.extra[key] = rest

    def _link_list(self, ids: list[ExternalId | None], links: list[tuple[str, str]]) -> None:
        key = self.chosen.get("links")
        if key is None:
            return
        given = [_kind_and_url(item) for item in self.obj[key]]
        good = [(kind, url) for kind, url in given if _LINK.fullmatch(url)]
        if len(good) < len(given):
            self.extra[key] = self.obj[key]
        links.extend(good)
        ids.extend(_external_id(url) for _, url in good)

    # The whole.

    def _key(self, external_ids: tuple[ExternalId, ...]) -> str:
        """Return the name that its source gives this record for ever, "" if it gives none."""
        if self.source == "arxiv":
            for found in external_ids:
                if found.namespace == "arxiv":
                    return found.value
        if self.is_explicit and 0 < len(self.own_id) <= _MAX_KEY:
            return self.own_id
        if self.is_explicit and not self.own_id and external_ids:
            return str(external_ids[0])
        return ""

    def _made_key(
        self, title: str, abstract: str, authors: tuple[str, ...], year: int | None
    ) -> str:
        """Return a name made of what the record says, so that no other paper's record gets it.

        A bare id means something only in its own file: with title and authors it names the record
        even when the abstract is corrected. Without one, all that is said counts.
        """
        said = [self.own_id, title_key(title) or title, *authors]
        if not self.own_id or not authors:
            said += [abstract, str(year)]
        return made_key(said)

    def _weigh(self) -> None:
        """Refuse what could not be stored beside the record."""
        if not self.extra:
            return
        try:
            size = len(orjson.dumps(self.extra))
        except TypeError as error:
            self._fail(f"its other fields cannot be kept: {error}")
        if size > MAX_EXTRA:
            self._fail(f"{size} bytes in fields beyond the known ones")


_MAX_KEY = 200
_COMMA = re.compile(r"[,;]")


def _distinct(items: Iterable[Any]) -> list[Any]:
    return [item for item in dict.fromkeys(items) if item]


def _external_id(text: str) -> ExternalId | None:
    found = parse_external_id(text)
    return None if found is not None and _BOOK.fullmatch(found.value) else found


def _named_id(namespace: str, value: object) -> ExternalId | None:
    """Return the id of `namespace` that `value` is, bare or in any other form; else None."""
    if not isinstance(value, str | int):
        return None
    text = str(value).strip()
    meant = _MEANT_BY.get(namespace, (namespace,))
    forms = map(_external_id, (text, f"{namespace}:{text}"))
    return next((i for i in forms if i and i.namespace in meant), None)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _own_link(item: object) -> tuple[str, str] | None:
    if not isinstance(item, dict):
        return None
    kind, url = item.get("kind"), item.get("url")
    if not isinstance(kind, str) or not isinstance(url, str):
        return None
    return (kind, url) if _KIND.fullmatch(kind) and _LINK.fullmatch(url) else None


def _kind_and_url(item: object) -> tuple[str, str]:
    """Return what an item of a list of links leads to, and where; no address gives ""."""
    if isinstance(item, str):
        return ("pdf" if item.lower().endswith(".pdf") else "abs"), item.strip()
    if not isinstance(item, dict):
        return "abs", ""
    url = item.get("href") or item.get("url")
    about = f"{item.get('title')} {item.get('type')}".lower()
    return ("pdf" if "pdf" in about else "abs"), url.strip() if isinstance(url, str) else ""


# People.

_BRACKETS = re.compile(r"\([^()]*\)")
_AND = re.compile(r"\s*,?\s+(?:and|&)\s+")
_SUFFIX = re.compile(r"(?i)(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d)\.?")


def split_authors(text: str) -> list[str]:
    """Return the names in one string, whichever of the usual ways they are joined.

    `A. Example, B. Sample and C. Third`, `A; B` and `Last, First and Last, First`; bracketed
    affiliations are left out.
    """
    for _ in range(3):
        text = _BRACKETS.sub(" ", text)
    text = clean(text)
    if ";" in text:
        return _distinct(_turned(part) for part in text.split(";"))
    parts = _AND.split(text)
    if all(_is_turned(part, alone=len(parts) == 1) for part in parts):
        return _distinct(map(_turned, parts))
    return _distinct(_joined_suffixes(p for part in parts for p in part.split(",")))


def _is_turned(part: str, *, alone: bool) -> bool:
    """Return whether `part` is `Last, First`; a single pair might be two people of two words."""
    last, comma, first = part.partition(",")
    return bool(comma) and "," not in first and (not alone or " " not in last.strip())


def _turned(part: str) -> str:
    """Return `First Last` of `Last, First`; anything else as it is."""
    last, _, first = part.strip().partition(",")
    if "," in first or _SUFFIX.fullmatch(first.strip()):
        return part.strip()
    return f"{first.strip()} {last}".strip()


def _joined_suffixes(parts: Iterable[str]) -> list[str]:
    names: list[str] = []
    for part in map(str.strip, parts):
        if names and _SUFFIX.fullmatch(part):
            names[-1] += f" {part}"
        else:
            names.append(part)
    return names


def _name(person: object) -> str:
    """Return the name of a person given as an object or as `[last, first, suffix]`; else ""."""
    if isinstance(person, list):
        last, first, suffix = ([p if isinstance(p, str) else "" for p in person] + [""] * 3)[:3]
        return f"{first} {last} {suffix}"
    if not isinstance(person, dict):
        return ""
    inner = person.get("author")
    if isinstance(inner, dict):
        person = inner
    for whole in ("name", "display_name", "literal"):
        if isinstance(person.get(whole), str):
            return str(person[whole])
    parts = (person.get(k) for k in ("first", "given", "middle", "last", "family", "suffix"))
    return " ".join(p for p in parts if isinstance(p, str))


# Counts.


def _signals(obj: Mapping[str, Any]) -> tuple[Signal, ...]:
    """Return the counts of an object that says when they were seen; else none, for none is known.

    They stay in `extra` too, as the object gave them.
    """
    seen = next(filter(None, (parse_moment(obj[n]) for n in TIMES if n in obj)), None)
    if seen is None:
        return ()
    counted = (
        (kind, next((obj[n] for n in names if _is_count(obj.get(n))), None))
        for kind, names in COUNTS.items()
    )
    return tuple(Signal(kind, float(value), seen) for kind, value in counted if value is not None)


def _is_count(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < _MOST and value == int(value)


def parse_moment(value: object) -> str | None:
    """Return the moment that a text names as `2026-03-17T06:30:00Z`; a day is its end; else None.

    A moment without a zone is in UTC.
    """
    if not isinstance(value, str) or len(value) > 64:  # noqa: PLR2004
        return None
    text = value.strip()
    if _DAY.fullmatch(text):
        day = _written_day(text)
        return f"{day}T23:59:59Z" if day and day[:4] in _COUNTED else None
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if str(moment.year) in _COUNTED else None


# Days.

_MOST = 2**53
_COUNTED = frozenset(map(str, range(1971, 2100)))
"""Years in which somebody may have counted what is read by the second since 1970."""
_FIRST_YEAR, _LAST_YEAR = 1400, 2200
_YEAR = re.compile(r"(?:1[4-9]|2[01])\d\d(?:\.0)?")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_RFC_1123 = re.compile(r"(?:\w{3}, *)?\d{1,2} \w{3} \d{4} \d\d:\d\d(?::\d\d)? [\w+-]{1,8}")
# Smaller numbers are years or days written without dashes, larger ones count milliseconds.
_EPOCH = range(100_000_000, 7_258_118_400)


def parse_day(value: object) -> str | None:
    """Return the ISO day of a date, in UTC where a time zone is given; None if it is none.

    Known are ISO days (unpadded too), months (which stay months: `1999-02`), ISO and RFC 1123
    moments, and seconds since 1970. Nothing is guessed: `3/4/2025` is no day.
    """
    if isinstance(value, str):
        return _written_day(value.strip()) if len(value) < 64 else None  # noqa: PLR2004
    if isinstance(value, int) and value in _EPOCH:
        return datetime.fromtimestamp(value, UTC).date().isoformat()
    return None


@lru_cache(maxsize=4096)
def _written_day(text: str) -> str | None:
    try:
        if match := _DAY.fullmatch(text):
            return _checked(date(int(match[1]), int(match[2]), int(match[3])))
        if match := _MONTH.fullmatch(text):
            month = _checked(date(int(match[1]), int(match[2]), 1))
            return month and month[:7]
        if _MOMENT.fullmatch(text):
            return _checked(_in_utc(datetime.fromisoformat(text)))
        if _RFC_1123.fullmatch(text):
            return _checked(_in_utc(parsedate_to_datetime(text)))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return None


def _in_utc(moment: datetime) -> date:
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _checked(day: date) -> str | None:
    return day.isoformat() if _FIRST_YEAR <= day.year <= _LAST_YEAR else None
