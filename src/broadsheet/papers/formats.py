r"""Papers written for other programs: JSON Lines, BibTeX and CSV. Pure.

BibTeX counts every brace, also one behind a backslash, so a brace of the text is written by its
name. Addresses and ids stand as they are: bibliography styles take these fields verbatim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import fold, surname
from broadsheet.papers.types import Paper


class Format(NamedTuple):
    """A form of export: `head` begins a file, `write` gives a paper with its line ends."""

    name: str
    suffix: str
    media_type: str
    head: str
    write: Callable[[Paper], str]


def written(papers: Iterable[Paper], form: Format) -> Iterator[bytes]:
    """Yield a file of `papers` in UTF-8, piece by piece, a paper at a time."""
    if form.head:
        yield form.head.encode()
    for paper in papers:
        # A lone surrogate has no UTF-8; one hostile record must not end an export.
        yield form.write(paper).encode("utf-8", "replace")


# ---------------------------------------------------------------------------- JSON Lines

OWN_FORM = 1
"""What `broadsheet` says in an object that Broadsheet wrote: `sources.jsonl` knows it by that."""


def jsonl(paper: Paper) -> str:
    """Return a paper as one line of JSON; what is not known is left out, but for id and title."""
    by_namespace: dict[str, list[str]] = {}
    for namespace, value in paper.external_ids:
        by_namespace.setdefault(namespace, []).append(value)
    facts: dict[str, Any] = {
        "broadsheet": OWN_FORM,
        "id": format_paper_id(paper.id),
        "title": paper.title,
        "abstract": paper.abstract,
        "summary": paper.summary,
        "authors": paper.authors,
        "year": paper.year,
        "submitted": paper.submitted,
        "announced": paper.announced,
        "updated": paper.updated,
        "published": paper.published,
        "venue": paper.venue,
        "categories": paper.categories,
        "keywords": paper.keywords,
        "comment": paper.comment,
        "withdrawn": paper.withdrawn,
        "external_ids": by_namespace,
        "links": [{"kind": kind, "url": url} for kind, url in paper.links],
        "upvotes": paper.upvotes,
        "sources": paper.sources,
        "first_seen": paper.first_seen,
    }
    always = {"id", "title"} | ({"upvotes"} if paper.upvotes is not None else set())
    kept = {k: v for k, v in facts.items() if v or k in always}
    return json.dumps(kept, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------------------- CSV

_COLUMNS: dict[str, Callable[[Paper], str]] = {
    "id": lambda p: format_paper_id(p.id),
    "title": lambda p: p.title,
    "authors": lambda p: "; ".join(p.authors),
    "year": lambda p: str(p.year or ""),
    "day": lambda p: p.day or "",
    "submitted": lambda p: p.submitted or "",
    "announced": lambda p: p.announced or "",
    "updated": lambda p: p.updated or "",
    "published": lambda p: p.published or "",
    "venue": lambda p: p.venue,
    "categories": lambda p: " ".join(p.categories),
    "keywords": lambda p: "; ".join(p.keywords),
    "ids": lambda p: " ".join(map(str, p.external_ids)),
    "links": lambda p: " ".join(url for _, url in p.links),
    "upvotes": lambda p: "" if p.upvotes is None else str(p.upvotes),
    "withdrawn": lambda p: "yes" if p.withdrawn else "",
    "comment": lambda p: p.comment,
    "summary": lambda p: p.summary,
    "abstract": lambda p: p.abstract,
    "sources": lambda p: " ".join(p.sources),
    "first_seen": lambda p: p.first_seen,
}
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NEEDS_QUOTES = re.compile(r'[",\r\n]')


def csv_row(cells: Iterable[str]) -> str:
    """Return a row of CSV (RFC 4180) that no spreadsheet takes for a formula.

    A cell that begins with `=`, `+`, `-`, `@` (also wide ones), a tab or a line end gets a `'`
    before it, and so does one in which such quotes stand before these: taking one away gives the
    cell again.
    """
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(text: str) -> str:
    if _FORMULA.match(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _csv(paper: Paper) -> str:
    return csv_row(read(paper) for read in _COLUMNS.values())


# ---------------------------------------------------------------------------- BibTeX

# A journal, though its name speaks of proceedings.
_ACADEMY = re.compile(r"(?i)proceedings of the (?:national acad|royal soc|vldb|acm on|ieee$)")
_MEETING = re.compile(
    r"(?i)\b(?:proceedings|proc\.|conference|conf\.|workshop|symposium|meeting|congress|summit"
    r"|findings|actes|conférence|colloquium|companion|tutorials?|posters?|demonstrations?)(?!\w)"
    r"|^\S*\w+ (?:(?:19|20)\d\d|'\d\d)$"
)
_JOURNAL = re.compile(
    r"(?i)\b(?:journal|transactions|letters?|magazine|annals|bulletin|quarterly|reviews?|nature"
    r"|science|acta|zeitschrift|revue|phys|astrophys|math|volume|vol|issue|tmlr|tacl|jmlr|pnas)\b"
    r"|\d.*,\s*\d"
)
_JOURNAL_WITH_YEAR = re.compile(r"(?i)(?:tmlr|tacl|jmlr|pnas|nature|science)\b")
_EPRINT = frozenset({"", "arxiv", "corr"})
_NOT_KEY = re.compile(r"[^a-z0-9]+")
_SMALL = frozenset({"a", "an", "the", "on", "of", "in", "for", "to", "and", "is", "towards"})


def bibtex(paper: Paper) -> str:
    """Return a paper as an entry of BibTeX, in UTF-8.

    Its key ends with our id, so it is unique and stays the same whatever else is exported.
    """
    kind, venue_field = _entry_type(paper)
    ids = {i.namespace: i.value for i in reversed(paper.external_ids)}
    year = paper.year or int((paper.day or "0")[:4])
    fields = {
        "title": _title(paper.title),
        "author": " and ".join(bibtex_name(a) for a in paper.authors if a.strip(" ,")),
        venue_field: tex(paper.venue) if venue_field else "",
        "year": str(year or ""),
        "doi": _verbatim(ids.get("doi", "")),
        "eprint": ids.get("arxiv", ""),
        "archivePrefix": "arXiv" if "arxiv" in ids else "",
        "primaryClass": tex(paper.categories[0]) if "arxiv" in ids and paper.categories else "",
        "url": _url(paper, ids),
        "keywords": tex(", ".join(paper.keywords)),
        "note": tex(". ".join(filter(None, ("Withdrawn" * paper.withdrawn, paper.comment)))),
        "abstract": tex(paper.abstract),
        "annote": tex(paper.summary),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if name and value]
    return f"@{kind}{{{_key(paper, year)},\n" + ",\n".join(lines) + "\n}\n\n"


def _entry_type(paper: Paper) -> tuple[str, str]:
    """Return the type of an entry, and the field that its venue stands in."""
    venue = paper.venue
    if venue.lower() in _EPRINT:
        return "misc", ""
    is_journal = _ACADEMY.match(venue) or _JOURNAL_WITH_YEAR.match(venue)
    if not is_journal and _MEETING.search(venue):
        return "inproceedings", "booktitle"
    if is_journal or _JOURNAL.search(venue):
        return "article", "journal"
    if any(i.namespace in {"acl", "openreview"} for i in paper.external_ids):
        return "inproceedings", "booktitle"
    return "misc", "howpublished"


def _key(paper: Paper, year: int) -> str:
    who = _NOT_KEY.sub("", surname(paper.authors[0])) if paper.authors else ""
    words = _NOT_KEY.sub(" ", fold(paper.title)).split()
    word = next((w for w in words if w not in _SMALL), "")
    return f"{who[:20]}{year or ''}{word[:20]}-{format_paper_id(paper.id)}".lstrip("-")


def _url(paper: Paper, ids: dict[str, str]) -> str:
    for wanted in ("abs", "pdf"):
        for kind, url in paper.links:
            if kind == wanted and url.lower().startswith(("http://", "https://")):
                return _verbatim(url)
    return f"https://arxiv.org/abs/{ids['arxiv']}" if "arxiv" in ids else ""


def _verbatim(text: str) -> str:
    """Return an address or id as it stands, but for what would break the entry."""
    return re.sub(r"[{}\\\s]", lambda m: f"%{ord(m[0]):02X}", text)


# Names.

_SUFFIX = re.compile(r"(?i)(?:jr|sr|ii|iii|iv|2nd|3rd)\.?")
_GROUP = re.compile(
    r"(?i)\b(?:collaboration|team|group|consortium|project|committee|initiative|alliance"
    r"|association|foundation|society|network|community|laborator(?:y|ies)|institute|university)\b"
    r"|^the\b"
)
_JOINING = frozenset({"y", "e", "i"})


def bibtex_name(name: str) -> str:
    """Return a name as `von Last, Jr, First`; a group, or one word, in braces that keep it whole.

    Words in small letters before the last one belong to the surname, as in `van der Berg`.
    """
    head, _, tail = (part.strip() for part in name.strip(" ,").partition(","))
    words = head.split()
    has_jr = bool(_SUFFIX.fullmatch(tail))
    if "," in tail or _GROUP.search(name) or {"and", "others"} & {w.lower() for w in name.split()}:
        return f"{{{tex(name)}}}"
    if tail and not has_jr:
        return f"{tex(head)}, {tex(tail)}"
    suffix = tail
    if not suffix and len(words) > 2 and _SUFFIX.fullmatch(words[-1]):  # noqa: PLR2004
        suffix = words.pop()
    if len(words) < 2:  # noqa: PLR2004
        return f"{{{tex(name)}}}"
    start = _surname_start(words)
    last, first = " ".join(words[start:]), " ".join(words[:start])
    return ", ".join(tex(part) for part in (last, suffix, first) if part)


def _surname_start(words: list[str]) -> int:
    """Return where the surname begins among the words of `First von Last`."""
    for n, word in enumerate(words[1:-1], start=1):
        if word[0].islower() and not word.endswith("."):
            return n - 1 if word in _JOINING and n > 1 else n
    return len(words) - 1


# TeX.

_MATH = re.compile(r"(?<!\\)\$(?=[^\s$])((?:\\.|[^$\\])*)(?<!\s)\$(?!\d)")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
# Signs that end a line, align, or name characters by numbers, and scripts of nothing.
_OUT_OF_PLACE = re.compile(r"[%#&~]|\^\^|[_^]\s*(?:$|[_^}])")
# What could read or write files, define things, or leave something open.
_UNSAFE = frozenset(
    """
    input include includeonly openin openout read write closein closeout immediate special def edef
    gdef xdef let futurelet newcommand renewcommand providecommand newread newwrite csname endcsname
    catcode expandafter usepackage loop repeat directlua latelua begin end begingroup endgroup
    bgroup egroup shipout output every par verb
    """.split()  # noqa: SIM905 (a list of forty quoted words would be harder to read)
)
_ACCENT = r"""\\["'`^~=.](?:\{[A-Za-z]\}|[A-Za-z])|\\[uvHtcdbkr]\{[A-Za-z]\}"""
_SPECIAL = re.compile(rf"({_ACCENT}|\\[&%$#_])|\\([{{}}])|[\\{{}}&%$#_~^]")
_NAMES = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def tex(text: str) -> str:
    r"""Return `text` so that TeX prints it as it stands.

    Math that is well formed stays math, accents (`\"o`) and what is escaped already stay so too.
    """
    return "".join(part if is_math else _escaped(part) for is_math, part in _parts(text))


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a text, each with whether it is well-formed math."""
    end = 0
    for match in _MATH.finditer(text):
        if _is_sound(match[1]):
            yield False, text[end : match.start()]
            yield True, match[0]
            end = match.end()
    yield False, text[end:]


def _is_sound(math: str) -> bool:
    """Return whether TeX can be given what stands between two dollar signs."""
    bare = re.sub(r"\\.", "", math)
    commands = _COMMAND.findall(math)
    return (
        # BibTeX counts the braces behind backslashes, TeX does not.
        _is_balanced(math)
        and _is_balanced(bare)
        and commands.count("left") == commands.count("right")
        and not _OUT_OF_PLACE.search(bare)
        and _UNSAFE.isdisjoint(commands)
    )


def _is_balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            return False
    return depth == 0


def _escaped(text: str) -> str:
    return _SPECIAL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    char = match[2] or match[0]
    return _NAMES.get(char) or f"\\{char}"


def _title(text: str) -> str:
    """Return a title whose words with capitals inside keep them, whatever a style does."""
    return "".join(
        part if is_math else re.sub(r"\S+", _braced, part) for is_math, part in _parts(text)
    )


def _braced(match: re.Match[str]) -> str:
    word = _escaped(match[0])
    return f"{{{word}}}" if any(c.isupper() for c in match[0][1:]) else word


FORMATS = {
    form.name: form
    for form in (
        Format("jsonl", "jsonl", "application/jsonl; charset=utf-8", "", jsonl),
        Format("bibtex", "bib", "application/x-bibtex; charset=utf-8", "", bibtex),
        Format("csv", "csv", "text/csv; charset=utf-8; header=present", csv_row(_COLUMNS), _csv),
    )
}
"""The forms of export, by the names under which they are asked for."""
