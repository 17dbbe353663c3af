r"""BibTeX and BibLaTeX files as records, whatever has become of them. Pure.

Format: http://tug.ctan.org/info/bibtex/tamethebeast/ttb_en.pdf and chapter 2 of the manual of
BibLaTeX. The parser is our own because one broken entry must cost one entry: of those that there
are, one neither joins strings with `#` nor knows `@article(…)`, and drops the second of two
entries with one key.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from broadsheet.papers.text import clean, readable
from broadsheet.sources.bibliography import (
    Entry,
    Item,
    aside,
    is_id,
    is_private,
    item,
    keywords_in,
)
from broadsheet.sources.jsonl import MAX_TEXT, split_authors

MAX_VALUE: Final = 2 * MAX_TEXT
"""Characters of one field as it is written, with its TeX."""
_MAX_COMMANDS = 300
"""So many backslashes may stand in a text whose TeX is said in letters; else it stays."""
_MAX_EXPANDED = 8_000_000
"""Characters that all macros of a file may be expanded to."""
_MAX_PARENTS = 4
_MAX_INHERITED = 1_000
"""Characters of a field that another entry takes over."""

_TYPES = (
    "article|book|booklet|conference|inbook|incollection|inproceedings|manual|mastersthesis|misc"
    "|phdthesis|proceedings|techreport|unpublished|online|electronic|www|report|thesis|preprint"
    "|dataset|software|patent|collection|reference|inreference|bookinbook|suppbook|mvbook"
    "|mvproceedings|mvcollection|periodical|suppperiodical|review|artwork|string|comment|preamble"
)
_NO_PAPERS = frozenset({
    "proceedings", "mvproceedings", "collection", "mvcollection", "periodical", "reference",
    "mvreference", "set", "xdata", "artwork", "audio", "video", "image", "jurisdiction",
    "legislation", "legal", "letter", "movie", "music", "performance", "commentary", "control",
})  # fmt: skip

_LOOKS = re.compile(rf"(?im)^[ \t\ufeff]*@(?:{_TYPES})[ \t]*[{{(]\s*[^\s{{}}()]")
# An entry begins on its own line, or behind the end of another: at either a broken one ends.
_HEAD = re.compile(r"(?:^|\}|\))[ \t]*(?=@[ \t]*[A-Za-z]{1,32}\s{0,20}[{(])", re.MULTILINE)
_START = re.compile(r"@[ \t]*([A-Za-z]{1,32})\s{0,20}([{(])")
_KEY = re.compile(r"\s*+([^,={}\"#%\n]{0,300}+)\s*+(?:,|(?=[}=)]))")
_BETWEEN = re.compile(r"(?:[\s,]|%[^\n]*\n)*")
_FIELD = re.compile(r"([^\s=,{}()\"#%@]{1,100})\s*=\s*")
_WORD = re.compile(r"[^\s,#{}()\"=%]{1,500}")
_JOIN = re.compile(r"\s*#\s*")
_MARK = re.compile(r"[{}]")
_MARK_OR_QUOTE = re.compile(r'[{}"]')

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class _BrokenError(Exception):
    """An entry cannot be read on; the text says why."""


@dataclass(slots=True)
class _Block:
    """An entry as it stands in the file: its fields by name in small letters, macros resolved."""

    kind: str
    key: str
    line: int
    text: str
    fields: dict[str, str] = field(default_factory=dict)


def is_bibtex(head: str) -> bool:
    """Return whether a text that begins with `head` has an entry of BibTeX."""
    return _LOOKS.search(head) is not None


def parse_bibtex(text: str, *, name: str) -> Iterator[Item]:
    """Yield the records of a BibTeX file, each with the line (from 1) on which it begins.

    A broken entry is an error with its line, and the rest is read. Proceedings and other
    collections are no papers: they only lend their fields to the entries that name them
    (`crossref`, `xdata`).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = list(_Reader(text, name))
    by_key: dict[str, _Block] = {}
    for block in found:
        if isinstance(block, _Block) and block.key:
            by_key.setdefault(block.key.casefold(), block)
    for block in found:
        if not isinstance(block, _Block):
            yield block
        elif block.kind not in _NO_PAPERS:
            entry = _entry(block, _inherited(block, by_key))
            yield item(entry, name=name, place=block.line, text=block.text)


class _Reader:
    """The blocks of a file, one after the other, with its macros."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._at = 0
        self._limit = 0
        self._line, self._counted = 1, 0
        self._macros = {m: m for m in _MONTHS}
        self._heads = [m.end() for m in _HEAD.finditer(text)]
        self._comments_end = True
        self._expanded = 0

    def __iter__(self) -> Iterator[_Block | Item]:
        while (start := self._text.find("@", self._at)) >= 0:
            match = _START.match(self._text, start)
            if match is None:
                self._at = start + 1
                continue
            self._at = match.end()
            self._limit = self._next_head(start)
            yield from self._block(match, start)

    def _next_head(self, start: int) -> int:
        place = bisect_right(self._heads, start)
        return self._heads[place] if place < len(self._heads) else len(self._text)

    def _block(self, match: re.Match[str], start: int) -> Iterator[_Block | Item]:
        kind, close = match[1].lower(), "}" if match[2] == "{" else ")"
        if kind == "comment":
            self._skip_comment()
            return
        try:
            if kind == "preamble":
                self._ended(close)
                self._value(close)
            elif kind == "string":
                self._macros.update(self._fields(close))
            else:
                block = _Block(kind, self._key(), self._line_of(start), self._excerpt(start))
                block.fields = self._fields(close)
                yield block
        except _BrokenError as error:
            line = self._line_of(start)
            yield aside(str(error), name=self._name, place=line, text=self._excerpt(start))
            self._at = self._limit

    def _line_of(self, at: int) -> int:
        self._line += self._text.count("\n", self._counted, at)
        self._counted = max(at, self._counted)
        return self._line

    def _excerpt(self, start: int) -> str:
        return self._text[start : min(self._limit, start + 400)]

    def _skip_comment(self) -> None:
        """Go behind a comment; where one never ends, `@comment` is a word, as for BibTeX."""
        if not self._comments_end:
            return
        self._limit = len(self._text)
        try:
            self._at = self._closed(self._at)
        except _BrokenError:
            # Each would be looked for again up to the end of the file.
            self._comments_end = False

    def _key(self) -> str:
        match = _KEY.match(self._text, self._at, self._limit)
        if match is None:
            raise _BrokenError("no key and no fields")
        if self._text[match.end() : match.end() + 1] == "=":
            return ""  # it begins with its first field
        self._at = match.end()
        return match[1].strip()

    def _fields(self, close: str) -> dict[str, str]:
        fields: dict[str, str] = {}
        while not self._ended(close):
            match = _FIELD.match(self._text, self._at, self._limit)
            if match is None:
                raise _BrokenError(f"a field was expected at {self._seen()}")
            self._at = match.end()
            name, value = match[1].lower(), self._value(close)
            # Two lists of keywords are one; of anything else the first counts, as in BibTeX.
            if name == "keywords" and fields.get(name):
                fields[name] += f"; {value}"
            elif not fields.get(name):
                fields[name] = value
        return fields

    def _ended(self, close: str) -> bool:
        """Go to what comes next, and return whether that is the end of the entry.

        Where only the closing brace is missing, the next entry or the end of the file is one.
        """
        match = _BETWEEN.match(self._text, self._at, self._limit)
        self._at = match.end() if match else self._at
        if self._at >= self._limit:
            return True
        if self._text[self._at] == close:
            self._at += 1
            return True
        return False

    def _seen(self) -> str:
        return f"“{clean(self._text[self._at : self._at + 20])}”"

    # Values.

    def _value(self, close: str) -> str:
        parts = [self._part(close)]
        size = len(parts[0])
        while match := _JOIN.match(self._text, self._at, self._limit):
            self._at = match.end()
            parts.append(self._part(close))
            size += len(parts[-1])
            if size > MAX_VALUE:
                raise _BrokenError(f"a field of more than {MAX_VALUE} characters")
        return "".join(parts)

    def _part(self, close: str) -> str:
        """Return a group in braces or quotes, a number, or what a macro stands for."""
        start = self._at
        mark = self._text[start : min(start + 1, self._limit)]
        if mark in {"{", '"'}:
            self._at = self._closed(start + 1, quoted=mark == '"')
            return self._checked(self._text[start + 1 : self._at - 1])
        match = _WORD.match(self._text, start, self._limit)
        if match is None:
            if mark in {",", close}:
                return ""  # `year = ,` is common
            raise _BrokenError(f"a value was expected at {self._seen()}")
        self._at = match.end()
        value = self._macros.get(match[0].lower(), match[0])
        self._expanded += len(value)
        if self._expanded > _MAX_EXPANDED:
            raise _BrokenError("macros that stand for too much text")
        return value

    @staticmethod
    def _checked(value: str) -> str:
        if len(value) > MAX_VALUE:
            raise _BrokenError(f"a field of {len(value)} characters")
        return value

    def _closed(self, at: int, *, quoted: bool = False) -> int:
        """Return the place behind the brace or quote that closes what begins at `at`."""
        depth = 0 if quoted else 1
        marks = _MARK_OR_QUOTE if quoted else _MARK
        for match in marks.finditer(self._text, at, self._limit):
            mark = match[0]
            depth += (mark == "{") - (mark == "}")
            if depth < 0:
                break
            if depth == 0 and mark != "{" and quoted == (mark == '"'):
                return match.end()
        raise _BrokenError("a quote is never closed" if quoted else "a brace is never closed")


# ---------------------------------------------------------------------------- entries

# What makes out a collection as a whole, and not each paper in it.
_OWN = frozenset({
    "title", "subtitle", "titleaddon", "author", "doi", "url", "eprint", "abstract", "keywords",
    "note", "annote", "pages", "crossref", "xdata", "ids", "file", "shorttitle", "isbn", "pmid",
    "howpublished", "ee", "biburl",
})  # fmt: skip


def _inherited(block: _Block, by_key: Mapping[str, _Block]) -> dict[str, str]:
    """Return the fields of an entry with those that it takes over from the entries it names."""
    fields = dict(block.fields)
    for _ in range(_MAX_PARENTS):
        parent = fields.pop("crossref", "")
        shared = fields.pop("xdata", "")
        if not parent and not shared:
            break
        for key in shared.split(",")[:_MAX_PARENTS]:
            _take_over(fields, by_key.get(key.strip().casefold()), frozenset())
        _take_over(fields, by_key.get(parent.strip().casefold()), _OWN)
    return fields


def _take_over(fields: dict[str, str], parent: _Block | None, own: frozenset[str]) -> None:
    if parent is None:
        return
    given = parent.fields
    taken = {k: v for k, v in given.items() if k not in own and len(v) <= _MAX_INHERITED}
    if own and len(given.get("title", "")) <= _MAX_INHERITED:
        venue = "journal" if parent.kind == "periodical" else "booktitle"
        taken.setdefault(venue, given.get("title", ""))
    for name in ("crossref", "xdata"):
        taken[name] = given.get(name, "")
    for name, value in taken.items():
        fields[name] = fields.get(name) or value


# The best first.
_VENUES = ("journal", "journaltitle", "booktitle", "maintitle", "howpublished", "eventtitle",
           "school", "institution")  # fmt: skip
_URLS = ("url", "ee", "link", "pdf", "howpublished", *(f"bdsk-url-{n}" for n in "123"))
_USED = frozenset({
    "title", "subtitle", "abstract", "author", "date", "year", "month", "day", "doi", "pmid",
    "eprint", "archiveprefix", "eprinttype", "primaryclass", "eprintclass", "arxivid", "keywords",
    "keyword", "note", *_VENUES, *_URLS,
})  # fmt: skip
_URL = re.compile(r"\\url|://")
# Where files lie on a person's disk, and what only their own program reads.
_DROPPED = re.compile(
    r"file|localfile|local-url|bdsk-file-\d+|owner|timestamp|date-(?:added|modified)|__markedentry"
    r"|groups|sortkey|rating|read|mendeley-\w+|pdf"
)
# Ours: only there is what somebody else said of the paper in this field.
_OUR_KEY = re.compile(r".*-p\d{1,18}")
_WITHDRAWN = re.compile(r"Withdrawn(?:\. |$)")


def _entry(block: _Block, fields: Mapping[str, str]) -> Entry:
    said = {k: untexed(v) for k, v in fields.items() if k not in {"author", *_URLS}}
    note = said.get("note", "")
    is_ours = _OUR_KEY.fullmatch(block.key) is not None
    withdrawn = is_ours and _WITHDRAWN.match(note)
    comment = note[withdrawn.end() :] if withdrawn else note
    title, subtitle = said.get("title", ""), said.get("subtitle", "")
    dropped = _USED | {"annote"} if is_ours else _USED
    kept = {k: v for k, v in said.items() if k not in dropped and not _DROPPED.fullmatch(k)}
    return Entry(
        title=f"{title}: {subtitle}" if title and subtitle else title,
        abstract=said.get("abstract", ""),
        summary=said.get("annote", "") if is_ours else "",
        authors=names(fields.get("author", "")),
        dates=_dates(said),
        doi=_verbatim(fields.get("doi", "")),
        pmid=said.get("pmid", "") or _eprint(said, "pubmed"),
        ids=[*_arxiv_ids(said), comment],
        urls=[_verbatim(fields.get(k, "")) for k in _URLS],
        venues=[v for k in _VENUES if (v := untexed(fields.get(k, ""))) and not _URL.search(v)],
        categories=[said.get("primaryclass", "") or said.get("eprintclass", "")],
        keywords=keywords_in(said.get("keywords", "") or said.get("keyword", "")),
        comment="" if is_id(comment) or is_private(comment) else comment,
        withdrawn=bool(withdrawn),
        citation_key=clean(block.key),
        kept={"entry_type": block.kind, "bibtex": {k: v for k, v in kept.items() if _kept(v)}},
    )


def _kept(value: str) -> bool:
    return bool(value) and not is_private(value)


def _dates(said: Mapping[str, str]) -> list[str]:
    """Return the date, or year, month and day as one; also the year alone."""
    year, month = said.get("year", ""), said.get("month", "")
    parts = f"{said.get('day', '')} {month} {year}"
    if month.isdigit():
        parts = f"{year}-{month}-{said.get('day', '')}".rstrip("-")
    return [said.get("date", ""), parts if year and month else "", year]


def _eprint(said: Mapping[str, str], archive: str) -> str:
    """Return the e-print of an entry if it lies in `archive`."""
    kind = said.get("archiveprefix") or said.get("eprinttype") or ""
    return said.get("eprint", "") if kind.lower() == archive else ""


def _arxiv_ids(said: Mapping[str, str]) -> list[str]:
    """Return what may be the arXiv id of an entry, the surest first."""
    kind = said.get("archiveprefix") or said.get("eprinttype") or ""
    eprint = said.get("eprint", "") if kind.lower() in {"", "arxiv"} else ""
    # DBLP: the journal is CoRR and the volume abs/1706.03762.
    volume = said.get("volume", "")
    return [eprint, said.get("arxivid", ""), volume if volume.startswith("abs/") else ""]


def _verbatim(value: str) -> str:
    r"""Return an address or id without the TeX that some put round and into it: `\url{…\_…}`."""
    match = re.search(r"\\(?:url|href|path)\s*\{([^{}]*)\}", value)
    text = match[1] if match else value
    text = re.sub(r"\\([_%&#~$])|\{\\([_%&#~$])\}|\{?\\textasciitilde\s*\}?", _escaped, text)
    return clean(re.sub(r"[{}]", "", text))


def _escaped(match: re.Match[str]) -> str:
    return match[1] or match[2] or "~"


# ---------------------------------------------------------------------------- names

_AND = re.compile(" and ", re.IGNORECASE)
_JR = re.compile(r"(?i)(?:jr|sr|ii|iii|iv|2nd|3rd)\.?")


_NOBODY = frozenset({"", "others", "et al.", "et al"})


def names(value: str) -> list[str]:
    """Return the names in an author field, each as `First von Last Jr`; groups stay whole.

    `and others` names nobody. Names joined by commas or semicolons alone are understood too.
    """
    value = f" {' '.join(value.split())} "
    people = [p for p in _split(value, _AND) if p.strip().casefold() not in _NOBODY]
    if len(people) == 1 and _is_joined_otherwise(people[0]):
        return split_authors(untexed(people[0]))
    return [n for p in people if (n := _name(p))]


def _is_joined_otherwise(text: str) -> bool:
    commas = len(_split(text, _COMMA))
    return "{" not in text and (";" in text or commas > 3)  # noqa: PLR2004 (von Last, Jr, First)


_COMMA = re.compile(",")


def _split(value: str, separator: re.Pattern[str]) -> list[str]:
    """Return the parts of a value between separators that stand in no braces."""
    if "{" not in value:
        return separator.split(value)
    parts, start, depth, seen = [], 0, 0, 0
    for match in separator.finditer(value):
        depth += value.count("{", seen, match.start()) - value.count("}", seen, match.start())
        seen = match.start()
        if depth <= 0:
            parts.append(value[start : match.start()])
            start = match.end()
    return [*parts, value[start:]]


# DBLP numbers those who share a name.
_HOMONYM = re.compile(r" 0\d{3}$")


def _name(text: str) -> str:
    """Return one name as it is said: `King, Jr, Martin` is Martin King Jr."""
    parts = [p for part in _split(text, _COMMA) if (p := _HOMONYM.sub("", untexed(part)))]
    if parts and all("=" in p for p in parts):
        return _labelled_name(parts)
    match parts:
        case [last, first]:
            return f"{last} {first}" if _JR.fullmatch(first) else f"{first} {last}"
        case [last, suffix, first]:
            return f"{first} {last} {suffix}"
    return " ".join(parts)


def _labelled_name(parts: list[str]) -> str:
    """Return BibLaTeX's `given=Ada, prefix=van, family=Berg` in the order in which it is said."""
    pairs = (p.partition("=") for p in parts)
    said = {k.strip().lower(): clean(v.strip(' "')) for k, _, v in pairs}
    return " ".join(said[k] for k in ("given", "prefix", "family", "suffix") if said.get(k))


# ---------------------------------------------------------------------------- TeX

_MATH = re.compile(r"(?<!\\)\$(?:[^$\\]++|\\.)++\$", re.DOTALL)
# These stand for signs that are put back when all braces are gone.
_SIGNS = {
    "\ue001": "\\", "\ue002": "{", "\ue003": "}", "\ue004": "~", "\ue005": "^", "\ue006": "$",
    "\ue007": "&", "\ue008": "%", "\ue009": "#", "\ue00a": "_",
}  # fmt: skip
_SIGN_OF = {
    "textbackslash": "\ue001", "textbraceleft": "\ue002", "textbraceright": "\ue003",
    "textasciitilde": "\ue004", "textasciicircum": "\ue005", "{": "\ue002", "}": "\ue003",
    "$": "\ue006", "&": "\ue007", "%": "\ue008", "#": "\ue009", "_": "\ue00a",
}  # fmt: skip
_NAMED = re.compile(
    r"\\(?:(textbackslash|textbraceleft|textbraceright|textasciitilde|textasciicircum)"
    r"(?:\{\}|(?![a-zA-Z])\s*)|([{}$&%#_]))"
)
_BACK = str.maketrans(_SIGNS)
_BRACES = re.compile(r"(\\[a-zA-Z]+\*?(?:\{[^{}]*\})+)|[{}]")
_PLACE = "\ue000"
_RELAX = re.compile(r"\\relax(?![a-zA-Z])\s*")
_RESERVED = re.compile("[\ue000-\ue00a]")


def untexed(value: str) -> str:
    r"""Return a value as it is read: `{B}ERT \& M{\"u}ller` as `BERT & Müller`.

    Math stays as it is written, and so do commands that stand for no letter.
    """
    if not re.search(r"[\\{}~$`\ue000-\ue00a]", value):
        return clean(value)
    value = _RESERVED.sub(" ", value)
    value = _RELAX.sub("", value)
    math = _MATH.findall(value)
    prose = _MATH.sub(_PLACE, value)
    prose = _NAMED.sub(lambda m: _SIGN_OF[m[1] or m[2]], prose).replace("~", " ")
    if "\\" in prose and prose.count("\\") <= _MAX_COMMANDS:
        prose = readable(prose)
    prose = _BRACES.sub(lambda m: m[1] or "", prose).translate(_BACK)
    parts = iter(math)
    return clean(re.sub(_PLACE, lambda _: next(parts, ""), prose))
