"""Saved pages of a "Daily Papers" site, as text or HTML, as records. Pure: no files, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from lxml import etree

from broadsheet.errors import RecordError
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Place, Record, SavedPage
from broadsheet.sources.jsonl import MAX_TEXT, MAX_TITLE

SOURCE: Final = "daily-papers"
EXCERPT: Final = 200
"""Characters of what could not be read that an error shows."""
_LOOK_AHEAD = 20
"""Lines with something on them among which a page's header must begin."""


class ParsedPage(NamedTuple):
    """A saved page, and its entries in the page's order."""

    page: SavedPage
    items: list[Record | RecordError]


class _Entry(NamedTuple):
    """A title and its abstract as the page has them; no abstract where the page ends first."""

    title: str
    abstract: str | None
    line: int
    external_ids: tuple[ExternalId, ...] = ()


class _Line(NamedTuple):
    number: int
    text: str


def parse_text(text: str, *, name: str, year: int | None = None) -> ParsedPage | None:
    """Return the page that `text` is, or None if no header of such a page is found.

    `text` may hold bytes that are no UTF-8 as surrogates (`surrogateescape`); the entries with
    such bytes become errors. `year` is the year of a date printed without one.
    """
    header, lines = _split_header(_lines(text))
    if not header:
        return None
    entries = [
        _Entry(title.text, abstract.text if abstract else None, title.number)
        for title, abstract in _pairs(lines)
    ]
    return _assemble(header, entries, name, year)


def is_page(head: str) -> bool:
    """Return whether a text that begins with `head` is a saved page."""
    return _first_marker(_lines(head)) is not None


def excerpt(text: str) -> str:
    """Return the first characters of `text` with everything unprintable escaped."""
    shown = text[:EXCERPT]
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)[:EXCERPT]


# Text.


def _lines(text: str) -> list[_Line]:
    """Return the lines of `text` that have something on them; other separators stay inside."""
    lines = enumerate(re.split(r"\r\n?|\n", text.removeprefix("\ufeff")), 1)
    return [_Line(number, line.strip()) for number, line in lines if clean(_readable(line))]


def _readable(text: str) -> str:
    """Return `text` with bytes that are no UTF-8 as question marks."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _pairs(lines: Sequence[_Line]) -> Iterator[tuple[_Line, _Line | None]]:
    for i in range(0, len(lines), 2):
        yield lines[i], lines[i + 1] if i + 1 < len(lines) else None


# Header.

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? )?"
_YEAR = r"(?:,? (?P<year>\d{4}))?"
_MONTH_DAY = re.compile(rf"(?i){_WEEKDAY}{_MONTH} {_DAY}{_YEAR}")
_DAY_MONTH = re.compile(rf"(?i){_WEEKDAY}{_DAY} {_MONTH}{_YEAR}")
_ISO_DAY = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)")
_MARKER = re.compile(
    r"(?i)get trending papers in your email inbox.{0,40}|daily papers|(?:by\s*)?ak and the research"
    r" community"
)
# Words that stand alone in the header of some saved pages; none of them is a title there.
_SMALL_WORDS = frozenset({"new", "by", "daily", "weekly", "monthly", "today", "subscribe"})


def _first_marker(lines: Sequence[_Line]) -> int | None:
    head = lines[:_LOOK_AHEAD]
    return next((i for i, line in enumerate(head) if _MARKER.fullmatch(clean(line.text))), None)


def _split_header(lines: list[_Line]) -> tuple[list[str], list[_Line]]:
    """Return the header's lines and the lines after it; no header if there is no marker."""
    marker = _first_marker(lines)
    if marker is None:
        return [], lines
    header = [line.text for line in lines[:marker]]
    for i in range(marker, len(lines)):
        number, text = lines[i]
        if "Subscribe" not in header and _is_glued(text, after=header):
            header.append("Subscribe")
            text = text.removeprefix("Subscribe").strip()
        if text and not _in_header(clean(text)):
            return header, [_Line(number, text), *lines[i + 1 :]]
        if text:
            header.append(text)
    return header, []


def _is_glued(text: str, after: Sequence[str]) -> bool:
    """Return whether `text` is the button "Subscribe", or has it glued to what comes next."""
    rest = text.removeprefix("Subscribe")
    at_button = bool(after) and clean(after[-1]).startswith("Get trending papers")
    return rest != text and (at_button or not rest[:1].islower())


def _in_header(text: str) -> bool:
    is_word = text.casefold() in _SMALL_WORDS
    return is_word or bool(_MARKER.fullmatch(text)) or _date_in(text) is not None


def _date_in(text: str) -> re.Match[str] | None:
    return _MONTH_DAY.fullmatch(text) or _DAY_MONTH.fullmatch(text) or _ISO_DAY.fullmatch(text)


def _iso_day(text: str, year: int | None) -> str | None:
    """Return the ISO day of a printed date, which may need `year`; None if there is no such."""
    found = _date_in(clean(text))
    if found is None or not (found["year"] or year):
        return None
    month = found["month"]
    number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
    try:
        return date(int(found["year"] or year or 0), number, int(found["day"])).isoformat()
    except ValueError:
        return None


# From entries to records.

_ENDING = re.compile(r"""[.!?…。！？][)\]}"'”’»*_$]*$|\$$|https?://\S+$""")  # noqa: RUF001


def _assemble(
    header: Sequence[str], entries: Sequence[_Entry], name: str, year: int | None
) -> ParsedPage:
    key = _page_key(header, entries)
    items = [_item(entry, key, i, name) for i, entry in enumerate(entries, 1)]
    if items and isinstance(items[-1], Record):
        _mark_cut(items[-1])
    day_seen = next((h for h in header if _date_in(clean(h))), "")
    page = SavedPage(
        key=key,
        name=name,
        header=tuple(map(_readable, header)),
        day_seen=day_seen,
        day=_iso_day(day_seen, year),
        entries=sum(isinstance(item, Record) for item in items),
    )
    return ParsedPage(page, items)


def _page_key(header: Sequence[str], entries: Sequence[_Entry]) -> str:
    """Return a hash of what the page says: line ends, blank lines and its name do not count."""
    digest = blake2b(digest_size=8)
    for text in (*header, *(t for e in entries for t in ("", e.title, e.abstract or ""))):
        digest.update(clean(_readable(text)).encode() + b"\n")
    return digest.hexdigest()


def _item(entry: _Entry, key: str, position: int, name: str) -> Record | RecordError:
    reason = _objection(entry)
    if reason:
        shown = excerpt(_readable(entry.title))
        return RecordError(reason, source=name, place=entry.line, excerpt=shown)
    return Record(
        source=SOURCE,
        key=f"{key}#{position}",
        title=clean(entry.title),
        abstract=clean(entry.abstract or ""),
        external_ids=entry.external_ids,
        place=Place(key, position),
    )


def _objection(entry: _Entry) -> str:
    """Return why `entry` can be no record; the empty string if it can."""
    if entry.abstract is None:
        return "the page ends after this title, without its abstract"
    for what, text, limit in (
        ("title", entry.title, MAX_TITLE),
        ("abstract", entry.abstract, MAX_TEXT),
    ):
        if byte := re.search("[\udc80-\udcff]", text):
            return f"not UTF-8: byte 0x{ord(byte[0]) - 0xDC00:02x} in the {what}"
        if len(text) > limit and len(clean(text)) > limit:
            return f"{what} of {len(clean(text))} characters"
    return ""


def _mark_cut(last: Record) -> None:
    """Say of the page's last record that its abstract breaks off, if it seems to."""
    if last.abstract and not _ENDING.search(last.abstract[-EXCERPT:]):
        last.extra["abstract_cut"] = True


# HTML.

_PAPER = re.compile(
    r"(?i)(?:/papers/|arxiv\.org/abs/)(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})(?:v\d+)?/?(?:[?#].*)?$"
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4"})
_BLOCKS: Final = _HEADINGS | {
    "address", "article", "aside", "blockquote", "body", "br", "button", "dd", "div", "dl", "dt",
    "figcaption", "figure", "footer", "form", "h5", "h6", "header", "hr", "html", "li", "main",
    "nav", "ol", "p", "pre", "section", "table", "td", "th", "time", "title", "tr", "ul",
}  # fmt: skip
_UNREAD: Final = ("script", "style", "noscript", "template", "svg", "iframe", "textarea")
_PARAGRAPH, _BLOCK_OF_TEXT = 40, 120
"""Characters from which a paragraph, or any other block, is taken for an abstract."""


def parse_html(data: bytes, *, name: str, year: int | None = None) -> ParsedPage | None:
    """Return the saved page that the HTML in `data` is, or None if there are no papers on it.

    Headings that link to a paper are titles and the paragraph after each is its abstract;
    without such headings the page is read as its text. Nothing is fetched and no script run.
    """
    root = _tree(data)
    if root is None:
        return None
    lines = _block_lines(root)
    entries = _linked_entries(root)
    if not entries:
        return parse_text("\n".join(lines), name=name, year=year)
    header = [text for text in lines[: _index(lines, entries[0].title)] if _in_header(clean(text))]
    return _assemble(header, entries, name, year)


def _tree(data: bytes) -> Any:
    parser = etree.HTMLParser(
        encoding="utf-8" if _is_utf8(data) else None,
        huge_tree=False,
        no_network=True,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data.replace(b"\0", b" "), parser)
    except (etree.LxmlError, ValueError):
        return None
    if root is not None:
        etree.strip_elements(root, *_UNREAD, with_tail=False)
    return root


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _block_lines(root: Any) -> list[str]:
    """Return the text of the page, a line for each block as a browser would show it."""
    parts: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        text = element.text if event == "start" else element.tail
        edge = "\n" if element.tag in _BLOCKS else ""
        parts.extend((edge, re.sub(r"[\r\n]+", " ", text or "")))
    return [line for line in map(clean, "".join(parts).split("\n")) if line]


def _index(lines: Sequence[str], title: str) -> int:
    return next((i for i, line in enumerate(lines) if title in line), 0)


def _linked_entries(root: Any) -> list[_Entry]:
    found: list[tuple[str, ExternalId, list[tuple[str, str]]]] = []
    for element in root.iter():
        if element.tag == "a" and (paper := _paper_of(element)):
            title = _title_of(element)
            if title and not (found and found[-1][1] == paper):
                found.append((title, paper, []))
        elif found and element.tag in _BLOCKS - _HEADINGS and _is_leaf(element):
            found[-1][2].append((element.tag, _text_of(element)))
    return [
        _Entry(title, _abstract_among(blocks), position, (paper,))
        for position, (title, paper, blocks) in enumerate(found, 1)
    ]


def _paper_of(link: Any) -> ExternalId | None:
    match = _PAPER.search(link.get("href") or "")
    return parse_external_id(f"arxiv:{match[1]}") if match else None


def _title_of(link: Any) -> str:
    """Return the title that `link` is: in a heading, round one, or in an article without one."""
    if any(above.tag in _HEADINGS for above in link.iterancestors()):
        return _text_of(link)
    heading = next(link.iter(*_HEADINGS), None)
    if heading is not None:
        return _text_of(heading)
    article = next(link.iterancestors("article"), None)
    is_bare = article is not None and next(article.iter(*_HEADINGS), None) is None
    return _text_of(link) if is_bare else ""


def _text_of(element: Any) -> str:
    return clean("".join(element.itertext()))


def _is_leaf(element: Any) -> bool:
    return next(element.iterdescendants(*(_BLOCKS - {"br"})), None) is None


def _abstract_among(blocks: Sequence[tuple[str, str]]) -> str:
    """Return the abstract among the blocks between two titles; some listings have none."""
    for tag, text in blocks:
        if tag in {"p", "blockquote"} and len(text) >= _PARAGRAPH:
            return text
    longest = max((text for _, text in blocks), key=len, default="")
    return longest if len(longest) >= _BLOCK_OF_TEXT else ""
