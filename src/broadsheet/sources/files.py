"""Files that people import: found, opened, decompressed, recognised from what they hold.

A file's name decides nothing. JSON Lines of any length are read in constant memory.
"""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import os
import re
import stat
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, Self

import orjson
import zstandard

from broadsheet.errors import RecordError, SourceError, UnknownFormat
from broadsheet.papers.types import Record, SavedPage
from broadsheet.sources import bibliography, bibtex, jsonl, pages, paperswithcode

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    Buffered = io.BufferedReader[Any]

Item = Record | RecordError

STDIN: Final = Path("-")
MAX_LINE: Final = 8 * 1024 * 1024
"""Bytes of one line; a longer one is no record."""
MAX_WHOLE: Final = 64 * 1024 * 1024
"""Bytes of a page, a bibliography or a feed, which are read whole, as shorter JSON arrays are."""

_CHUNK = 256 * 1024
_HEAD = 64 * 1024
_LINES_TRIED = 50
_BYTES_TRIED = 2 * MAX_LINE
_READ = (
    "Broadsheet reads saved Daily Papers pages, JSON Lines, BibTeX, RIS, CSL JSON, Zotero's JSON, "
    "feeds, saved answers of OAI and the XML of the ACL Anthology"
)
_BOM = b"\xef\xbb\xbf"
_MAGIC: Final = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x1f\x8b", "compressed twice"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "an RTF document"),
    (b"From: <Saved by", "a web archive (MHTML), which a browser can save again as HTML only"),
    (b"\xff\xfe", "text in UTF-16, which can be saved again as UTF-8"),
    (b"\xfe\xff", "text in UTF-16, which can be saved again as UTF-8"),
)


# Which files.


def expand(paths: Sequence[Path]) -> Iterator[Path]:
    """Return the files that `paths` name, folders walked in sorted order; `-` stays as it is.

    In folders, hidden files and links are passed over. Raises SourceError at once for a path
    that does not exist, and on the way for a folder that cannot be listed.
    """
    for path in paths:
        if path != STDIN:
            _require(path)
    return itertools.chain.from_iterable(map(_files_at, paths))


def _require(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError as error:
        said = os.fsencode(path).decode(errors="replace")
        raise SourceError(f"{said}: no such file or folder", source=shown(path)) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _files_at(path: Path) -> Iterator[Path]:
    if path != STDIN and path.is_dir():
        yield from _walk(path)
    else:
        yield path


def _walk(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(folder / entry.name)
        elif entry.is_file():
            yield folder / entry.name


def shown(path: Path) -> str:
    """Return the name of a file for people, whatever bytes it is made of."""
    if path == STDIN:
        return "standard input"
    return os.fsencode(path.name or path).decode(errors="replace")


def _unreadable(path: Path, error: OSError) -> SourceError:
    reason = error.strerror or str(error)
    return SourceError(f"{shown(path)}: cannot be read: {reason}", source=shown(path))


# Reading a file.


class Reading:
    """A file being read: iterating gives its records and record errors, in order, once.

    `format` is `daily-papers-page`, `daily-papers-html`, `jsonl`, `kaggle-arxiv`, `bibtex`, `ris`,
    `csl-json`, `zotero-json`, `pwc-papers`, `pwc-links`, `pwc-results`, `feed`, `oai-pmh` or
    `acl-xml`; `page` is set for the first two. `size` is the file's bytes on disk, None if it is
    no plain file.
    """

    def __init__(self, found: _Found, raw: _Counted, name: str, size: int | None) -> None:
        self.name = name
        self.format = found.format
        self.page = found.page
        self.size = size
        self._items = iter(found.items)
        self._raw = raw

    @property
    def done(self) -> int:
        """How many bytes have been taken from the file so far, out of `size`."""
        return self._raw.count

    def __iter__(self) -> Iterator[Item]:
        return self._items

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._raw.close()


class _Found(NamedTuple):
    """What a file turned out to be."""

    format: str
    items: Iterable[Item]
    page: SavedPage | None = None


def read(path: Path, *, year: int | None = None, stdin: BinaryIO | None = None) -> Reading:
    """Return the file at `path`, opened and recognised; `-` reads `stdin`.

    `year` is the year of a page whose date is printed without one. Raises UnknownFormat for a
    file that is none of the known formats, and SourceError for one that cannot be read.
    """
    name = shown(path)
    raw, size = _open(path, stdin)
    try:
        found = _recognise(_Decoded(raw), name, year)
    except BaseException:
        raw.close()
        raise
    return Reading(found, raw, name, size)


def _open(path: Path, stdin: BinaryIO | None) -> tuple[_Counted, int | None]:
    if path == STDIN:
        return _Counted(stdin or sys.stdin.buffer, owned=False), None
    try:
        stream = path.open("rb")
        about = os.fstat(stream.fileno())
    except OSError as error:
        raise _unreadable(path, error) from error
    size = about.st_size if stat.S_ISREG(about.st_mode) else None
    return _Counted(stream, owned=True), size


# Bytes: each stream wraps the one before it.


class _Bytes(io.RawIOBase, ABC):
    """A stream that only has to give some bytes when asked."""

    @abstractmethod
    def some(self, size: int) -> bytes:
        """Return at least one and at most `size` bytes; none at the end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self.some(len(view))
        view[: len(data)] = data
        return len(data)


class _Counted(_Bytes):
    """The file itself, counting what is taken from it."""

    def __init__(self, stream: BinaryIO, *, owned: bool) -> None:
        self.count = 0
        self._stream = stream
        self._owned = owned
        self._some: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)

    def some(self, size: int) -> bytes:
        data = self._some(size) or b""
        self.count += len(data)
        return data

    def close(self) -> None:
        if self._owned:
            self._stream.close()
        super().close()


class _Joined(_Bytes):
    """Bytes that were read ahead, and the stream that they were read from."""

    def __init__(self, head: bytes, rest: io.RawIOBase | Buffered) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def some(self, size: int) -> bytes:
        if not self._head:
            return self._rest.read(size) or b""
        data, self._head = bytes(self._head[:size]), self._head[size:]
        return data


class _Zstandard:
    """Decompression of one zstd frame after another.

    The package's own readers either stop after a frame or say nothing when the last one is cut.
    """

    # What one piece of input can grow to is bounded by its size: a block is 4 bytes at least and
    # becomes 128 KiB at most.
    _PIECE = 1024

    def __init__(self, raw: Buffered) -> None:
        self._raw = raw
        self._frame: Any = None
        self._out = io.BytesIO()

    def read1(self, size: int) -> bytes:
        while not (data := self._out.read(size)):
            piece = self._raw.read(self._PIECE)
            if not piece:
                if self._frame is not None:
                    raise EOFError
                return b""
            self._out = io.BytesIO(b"".join(self._decompress(piece)))
        return data

    def _decompress(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            yield self._frame.decompress(piece)
            piece = b""
            if self._frame.eof:
                piece = self._frame.unused_data
                self._frame = None


class _Decoded(_Bytes):
    """What the file holds, decompressed if its first bytes say so.

    Where that fails the stream ends and `damage` says why, so that what came before is kept.
    """

    def __init__(self, raw: _Counted) -> None:
        self.damage = ""
        self._some: Callable[[int], bytes] = raw.some
        try:
            start = _fill(raw, 6)
        except OSError as error:
            self.damage = f"cannot be read: {error.strerror or error}"
            return
        self._some = _decoder(start, io.BufferedReader(_Joined(start, raw), _CHUNK))

    def some(self, size: int) -> bytes:
        if self.damage:
            return b""
        try:
            return self._some(size)
        except EOFError:
            self.damage = "the file ends in the middle of its compressed data"
        except (zlib.error, lzma.LZMAError, zstandard.ZstdError, gzip.BadGzipFile) as error:
            self.damage = f"the compressed data is damaged: {error}"
        except OSError as error:
            self.damage = f"cannot be read: {error.strerror or error}"
        return b""


def _decoder(start: bytes, raw: Buffered) -> Callable[[int], bytes]:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw).read1
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(raw).read1
    # A frame, or one that is to be skipped and may come first.
    if re.match(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", start):
        return _Zstandard(raw).read1
    return raw.read1


def _fill(stream: io.RawIOBase | Buffered, size: int) -> bytes:
    """Return the next `size` bytes of `stream`, fewer only at its end."""
    parts: list[bytes] = []
    while size and (part := stream.read(min(size, _CHUNK))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# What it is.


def _recognise(decoded: _Decoded, name: str, year: int | None) -> _Found:
    head = _fill(decoded, _HEAD)
    if not head:
        raise _nothing(decoded, name)
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise _unknown(name, what)
    if head[257:262] == b"ustar":
        raise _unknown(name, "a tar archive")
    stream = io.BufferedReader(_Joined(head, decoded), _CHUNK)
    start = head.removeprefix(_BOM).lstrip()
    if start.startswith(b"<"):
        return _markup(start, stream, decoded, name, year)
    is_bibliography = re.match(rb"[@%]|TY {1,2}-", start) is not None
    if not is_bibliography and not start.startswith(b"{") and pages.is_page(_decode(head)):
        return _page(stream, decoded, name, year)
    if start.startswith(b"[") or _SPREAD.match(start):
        return _spread_json(stream, decoded, name)
    for form, has_any, parse in _BIBLIOGRAPHIES:
        if not start.startswith(b"{") and has_any(_any_text(head)):
            text = _any_text(_whole(stream, name, f"{form} in a file"))
            return _Found(form.lower(), _ending(parse(text, name=name), decoded, name))
    return _json_lines(stream, decoded, name)


_SPREAD = re.compile(rb'\{\s*(?:\n|"version"\s*:\s*"https:\\?/\\?/jsonfeed)')
_BIBLIOGRAPHIES: Final = (
    ("BibTeX", bibtex.is_bibtex, bibtex.parse_bibtex),
    ("RIS", bibliography.is_ris, bibliography.parse_ris),
)


def _any_text(data: bytes) -> str:
    """Return bytes as text; the lines that are no UTF-8 are taken for Windows' Latin letters."""
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        return "\n".join(map(_line_text, data.removeprefix(_BOM).split(b"\n")))


def _line_text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _ending(items: Iterable[Item], decoded: _Decoded, name: str) -> Iterator[Item]:
    """Yield the items, and behind them what the file itself suffers from."""
    count = 0
    for count, item in enumerate(items, 1):  # noqa: B007 (how many there were)
        yield item
    if decoded.damage:
        yield RecordError(decoded.damage, source=name, place=count + 1)


def _nothing(decoded: _Decoded, name: str) -> SourceError:
    if decoded.damage:
        return SourceError(f"{name}: {decoded.damage}", source=name)
    return _unknown(name, "an empty file")


def _unknown(name: str, what: str) -> UnknownFormat:
    return UnknownFormat(f"{name}: {what}; {_READ}", source=name)


def _decode(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _whole(stream: Buffered, name: str, what: str) -> bytes:
    data = _fill(stream, MAX_WHOLE + 1)
    if len(data) > MAX_WHOLE:
        raise _unknown(name, f"{what} of more than {MAX_WHOLE // 2**20} MB")
    return data


def _page(stream: Buffered, decoded: _Decoded, name: str, year: int | None) -> _Found:
    parsed = pages.parse_text(_decode(_whole(stream, name, "a page")), name=name, year=year)
    if parsed is None:
        raise _unknown(name, "text without the header of a Daily Papers page")
    return _found_page("daily-papers-page", parsed, decoded, name)


_ROOT = re.compile(
    rb"(?s)(?:\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*+<(?:[\w.-]+:)?([A-Za-z][\w.-]*)"
)


def _markup(
    start: bytes, stream: Buffered, decoded: _Decoded, name: str, year: int | None
) -> _Found:
    """Return what a file that begins with `<` holds, by the name of its first element."""
    match = _ROOT.match(start)
    match match and match[1].decode().lower():
        case "rss" | "feed" | "rdf":
            return _feed(_whole(stream, name, "a feed"), decoded, name)
        case "collection":
            from broadsheet.sources import acl  # noqa: PLC0415 (few files need it)

            items = acl.parse_volume(_whole(stream, name, "XML of the ACL Anthology"), name=name)
            return _Found("acl-xml", _ending(items, decoded, name))
        case "oai-pmh":
            items = _oai(_whole(stream, name, "an answer of OAI"), name)
            return _Found("oai-pmh", _ending(items, decoded, name))
        case "opml":
            raise _unknown(
                name, "a list of feeds (OPML): `broadsheet sources --opml FILE` adds them"
            )
    return _html(stream, decoded, name, year)


def _feed(data: bytes, decoded: _Decoded, name: str) -> _Found:
    from broadsheet.sources import feed_forms  # noqa: PLC0415 (few files need it)

    if b"zotero.org/namespaces/export#" in data[:_HEAD]:
        raise _unknown(name, "Zotero's RDF, which can be exported again as BibTeX, RIS or CSL JSON")
    items = feed_forms.parse_feed_bytes(data, name=name)
    if items is None:
        raise _unknown(name, "an XML document")
    return _Found("feed", _ending(items, decoded, name))


def _oai(data: bytes, name: str) -> list[Item]:
    """Return the records of a saved answer; no day of announcement is presumed from it."""
    from broadsheet.sources import oai  # noqa: PLC0415 (few files need it)

    days = oai.Days(datetime.date, lambda _: False)
    items = oai.parse_records(data, days, name=name).items
    return [replace(i, presumed=None) if isinstance(i, Record) else i for i in items]


def _html(stream: Buffered, decoded: _Decoded, name: str, year: int | None) -> _Found:
    data = _whole(stream, name, "an HTML page")
    parsed = pages.parse_html(data, name=name, year=year)
    if parsed is None:
        is_xml = data.lstrip().startswith(b"<?xml") and b"<html" not in data[:_HEAD].lower()
        raise _unknown(name, "an XML document" if is_xml else "an HTML page without papers")
    return _found_page("daily-papers-html", parsed, decoded, name)


def _found_page(form: str, parsed: pages.ParsedPage, decoded: _Decoded, name: str) -> _Found:
    items: list[Item] = list(parsed.items)
    if decoded.damage:
        items.append(RecordError(decoded.damage, source=name, place=len(items) + 1))
    return _Found(form, items, parsed.page)


# JSON.


class _Line(NamedTuple):
    """A line of a file: its number from 1, its bytes, and how many they are.

    Of a line over `MAX_LINE` only the first bytes are kept.
    """

    number: int
    data: bytes
    size: int


def _spread_json(stream: Buffered, decoded: _Decoded, name: str) -> _Found:
    """Return the records of a JSON array; a file that only starts like one is read by lines."""
    data = _fill(stream, MAX_WHOLE + 1)
    rest = io.BufferedReader(_Joined(data, stream), _CHUNK)
    if len(data) > MAX_WHOLE and _OBJECTS.match(data):
        return _long_array(rest, decoded, name)
    if len(data) <= MAX_WHOLE:
        try:
            value = orjson.loads(data.removeprefix(_BOM))
        except orjson.JSONDecodeError:
            pass
        else:
            return _array(value, data, name)
    return _json_lines(rest, decoded, name)


_OBJECTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\{")


def _long_array(stream: Buffered, decoded: _Decoded, name: str) -> _Found:
    """Return the records of an array that is too long to be read whole."""
    pieces = iter(lambda: stream.read1(_CHUNK), b"")
    placed = paperswithcode.iter_array(pieces, name=name)
    tried: list[paperswithcode.Placed | RecordError] = []
    for one in placed:
        tried.append(one)
        if isinstance(one, paperswithcode.Placed) or len(tried) >= _LINES_TRIED:
            break
    first = next((t.obj for t in tried if isinstance(t, paperswithcode.Placed)), None)
    if first is None:
        raise _unknown(name, _looks_like(b"[{"))
    form = _json_form(first, name)
    return _Found(
        form.name, _ending(_from_placed(itertools.chain(tried, placed), form, name), decoded, name)
    )


def _from_placed(
    placed: Iterable[paperswithcode.Placed | RecordError], form: _Form, name: str
) -> Iterator[Item]:
    if form.name == "pwc-links":
        placed = paperswithcode.official_first(placed)
    for one in placed:
        if isinstance(one, RecordError):
            yield one
        else:
            yield from _from_value(one.obj, form, name, one.place, None)


def _array(value: object, data: bytes, name: str) -> _Found:
    if isinstance(value, dict):
        return _lone(value, data, name)
    items = value if isinstance(value, list) else []
    first = next((item for item in items if isinstance(item, dict)), None)
    if first is None:
        raise _unknown(name, "a JSON array without objects")
    form = _json_form(first, name)
    if form.name == "pwc-links":
        links = [paperswithcode.Placed(n, i) for n, i in enumerate(items, 1) if isinstance(i, dict)]
        return _Found(form.name, _from_placed(links, form, name))
    return _Found(form.name, _from_array(items, form, name))


def _from_array(items: list[Any], form: _Form, name: str) -> Iterator[Item]:
    for place, item in enumerate(items, 1):
        yield from _from_value(item, form, name, place, None)


def _lone(value: dict[str, Any], data: bytes, name: str) -> _Found:
    """Return what one object holds: an export of Zotero, a JSON feed, or one paper."""
    if _is_json_feed(value):
        from broadsheet.sources import feed_forms  # noqa: PLC0415 (few files need it)

        return _Found("feed", feed_forms.parse_feed_bytes(data, name=name) or ())
    if _has_zotero(value):
        return _Found("zotero-json", _from_array(value["items"], _ZOTERO, name))
    form = _json_form(value, name)
    if form not in {_CSL, _ZOTERO}:
        hint = "one JSON object over many lines: put each on a line of its own (jq -c .)"
        raise _unknown(name, hint)
    return _Found(form.name, _from_array([value], form, name))


def _is_json_feed(value: Mapping[str, Any]) -> bool:
    return "jsonfeed.org/version" in str(value.get("version"))[:100]


def _has_zotero(value: Mapping[str, Any]) -> bool:
    """Return whether an object is a whole library, as Better BibTeX exports it."""
    items = value.get("items")
    first = items[0] if isinstance(items, list) and items else None
    return isinstance(first, dict) and bibliography.is_zotero(first)


class _Form(NamedTuple):
    """A kind of JSON, and how one of its objects is read; that may raise RecordError."""

    name: str
    read: Callable[[dict[str, Any], str, int], Iterable[Item | None]]


_JSONL: Final = _Form("jsonl", lambda o, name, place: (jsonl.to_record(o, name=name, line=place),))
_KAGGLE: Final = _Form("kaggle-arxiv", _JSONL.read)
_CSL: Final = _Form("csl-json", lambda o, n, p: (bibliography.csl_item(o, name=n, place=p),))
_ZOTERO: Final = _Form(
    "zotero-json", lambda o, n, p: (bibliography.zotero_item(o, name=n, place=p),)
)


def _json_form(first: dict[str, Any], name: str) -> _Form:
    """Return how the objects of a file are read, by the first of them."""
    if jsonl.is_kaggle(first):
        return _KAGGLE
    if bibliography.is_zotero(first):
        return _ZOTERO
    if bibliography.is_csl(first):
        return _CSL
    kind = paperswithcode.is_pwc(first)
    if kind is None:
        return _JSONL
    if kind not in paperswithcode.SOURCES:
        raise _unknown(
            name, f"a file of the Papers with Code archive that lists {kind}, not papers"
        )
    return _Form(f"pwc-{kind}", lambda o, n, p: paperswithcode.to_items(o, kind, name=n, place=p))


def _json_lines(stream: Buffered, decoded: _Decoded, name: str) -> _Found:
    lines = _lines(stream)
    tried: list[_Line] = []
    size = 0
    for line in lines:
        tried.append(line)
        size += len(line.data)
        first = _object_in(line)
        if first is not None:
            if _is_json_feed(first) or _has_zotero(first):
                return _lone(first, line.data, name)
            form = _json_form(first, name)
            return _Found(form.name, _from_lines(tried, lines, form, decoded, name))
        if len(tried) >= _LINES_TRIED or size > _BYTES_TRIED:
            break
    # A file of one broken record still is a file of records.
    if tried and re.match(rb'\s*\{\s*"', tried[0].data.removeprefix(_BOM)):
        return _Found("jsonl", _from_lines(tried, lines, _JSONL, decoded, name))
    raise _unknown(name, _looks_like(b"".join(line.data for line in tried)[:_HEAD]))


def _object_in(line: _Line) -> dict[str, Any] | None:
    if line.size > MAX_LINE or not line.data.lstrip(_BOM + b" \t").startswith(b"{"):
        return None
    try:
        value = orjson.loads(line.data.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _looks_like(data: bytes) -> str:
    """Return what a file that is nothing known holds, in words."""
    text = data.decode(errors="replace").strip("\ufeff \t\r\n\v\f")
    if not text:
        return "nothing but blank lines"
    if re.match(r"\[\s*(?:\{|$)", text):
        return "a JSON array that is damaged or too long (jq -c '.[]' writes one object per line)"
    strange = sum(not (c.isprintable() or c in "\t\r\n\f") or c == "\ufffd" for c in text[:4096])
    if strange * 20 > len(text[:4096]):
        return f"binary data that begins with {data[:16].hex(' ')}"
    return f"text that begins with “{pages.excerpt(text.splitlines()[0])[:60]}”"


def _lines(stream: Buffered) -> Iterator[_Line]:
    for number in itertools.count(1):
        data = stream.readline(MAX_LINE + 1)
        if not data:
            return
        size = len(data)
        if size > MAX_LINE and not data.endswith(b"\n"):
            data = data[: 4 * pages.EXCERPT]
            size += _skip_line(stream)
        yield _Line(number, data, size)


def _skip_line(stream: Buffered) -> int:
    """Return how many bytes were left of a line, having read on to its end."""
    size = 0
    while piece := stream.readline(_CHUNK):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def _from_lines(
    tried: list[_Line], rest: Iterator[_Line], form: _Form, decoded: _Decoded, name: str
) -> Iterator[Item]:
    number = 0
    for line in itertools.chain(_drained(tried), rest):
        number = line.number
        data = line.data.removeprefix(_BOM) if number == 1 else line.data
        # The line in which the data broke off is told of once, below.
        if decoded.damage and _is_broken_off(line):
            break
        if data.strip():
            yield from _from_line(line._replace(data=data), form, name)
    if decoded.damage:
        yield RecordError(decoded.damage, source=name, place=max(number, 1))


def _is_broken_off(line: _Line) -> bool:
    is_last = line.size == len(line.data) and not line.data.endswith(b"\n")
    return is_last and _object_in(line) is None


def _drained(lines: list[_Line]) -> Iterator[_Line]:
    """Return the items of `lines`, none of them held once it has been given."""
    lines.reverse()
    while lines:
        yield lines.pop()


def _from_line(line: _Line, form: _Form, name: str) -> Iterator[Item]:
    if line.size > MAX_LINE:
        yield _set_aside(f"a line of {line.size} bytes", name, line.number, line.data)
        return
    try:
        value = orjson.loads(line.data)
    except orjson.JSONDecodeError as error:
        yield _set_aside(_why_not_json(line.data, error), name, line.number, line.data)
    else:
        yield from _from_value(value, form, name, line.number, line.data)


def _why_not_json(data: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8: byte 0x{data[wrong.start]:02x} at column {wrong.start + 1}"
    return f"not JSON: {error.msg} at column {error.colno}"


def _from_value(
    value: object, form: _Form, name: str, place: int, data: bytes | None
) -> Iterator[Item]:
    if isinstance(value, dict):
        try:
            yield from filter(None, form.read(value, name, place))
        except RecordError as error:
            reason = error.reason
        else:
            return
    else:
        reason = f"not a JSON object but {jsonl.kind_of(value)}"
    yield _set_aside(reason, name, place, _dumped(value) if data is None else data)


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # nested more deeply than can be written
        return b""


def _set_aside(reason: str, name: str, place: int, data: bytes) -> RecordError:
    text = data[: 4 * pages.EXCERPT].decode(errors="replace").strip()
    return RecordError(reason, source=name, place=place, excerpt=pages.excerpt(text))
