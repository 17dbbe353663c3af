"""How files are found, opened, recognised and read. All papers here are invented."""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError, SourceError, UnknownFormat
from broadsheet.papers.types import Record
from broadsheet.sources import files
from shared_data import SHARED, needs_shared

LINES = b'{"title": "Kites"}\n{"title": "Graphs", "year": 2025}\n'
PAGE = b"Daily Papers\nAug 29\nKites\nThey land.\nGraphs\nThey taste."
HTML = b"<html><h3><a href='/papers/2501.00001'>Kites</a></h3></html>"
BIBTEX = b"@misc{k, title={Kites}}\n@misc{g,\n title={Graphs}}\n"
RIS = b"TY  - JOUR\r\nTI  - Kites\r\nER  - \r\n\r\nTY  - CONF\r\nT1  - Graphs\r\nER  - \r\n"
CSL = b"""[{"type": "book", "title": "Kites", "issued": {"date-parts": [[2025]]}},
 {"type": "article-journal", "title": "Graphs", "author": [{"family": "Example"}]}]"""
ZOTERO = b"""[{"key": "AAAA", "version": 3, "data": {"itemType": "preprint", "title": "Kites"}},
 {"data": {"itemType": "note", "note": "mine"}},
 {"data": {"itemType": "thesis", "title": "Graphs"}}]"""
BETTER_BIBTEX = b"""{
 "config": {}, "items": [{"itemType": "preprint", "title": "Kites"},
 {"itemType": "attachment", "path": "/media/a/b.pdf"}, {"itemType": "book", "title": "Graphs"}]}"""
RSS = b"""<?xml version="1.0"?>\n<rss version="2.0"><channel><title>Papers</title>
<item><title>Kites</title><link>https://arxiv.org/abs/2501.00001</link></item>
<item><title>Graphs</title><link>https://arxiv.org/abs/2501.00002</link></item></channel></rss>"""
JSON_FEED = b"""{"version": "https://jsonfeed.org/version/1.1", "title": "Papers", "items": [
{"id": "1", "title": "Kites", "url": "https://arxiv.org/abs/2501.00001"},
{"id": "2", "title": "Graphs", "url": "https://arxiv.org/abs/2501.00002"}]}"""
ANTHOLOGY = b"""<?xml version='1.0' encoding='UTF-8'?>
<collection id="2025.kites"><volume id="main"><meta><booktitle>Proceedings</booktitle>
<year>2025</year></meta><paper id="1"><title>Kites</title></paper>
<paper id="2"><title>Graphs</title></paper></volume></collection>"""
OAI = b"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2026-03-17T00:00:00Z</responseDate>
<request verb="ListRecords">http://oaipmh.arxiv.org/oai</request><ListRecords>
<record><header><identifier>oai:arXiv.org:2501.00001</identifier><datestamp>2025-01-02</datestamp>
<setSpec>cs:cs:RO</setSpec></header><metadata>
<arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>2501.00001</id><created>2025-01-01</created>
<authors><author><keyname>Example</keyname></author></authors><title>Kites</title>
<categories>cs.RO</categories><abstract>Fly.</abstract></arXiv></metadata></record>
<record><header><identifier>oai:arXiv.org:2501.00002</identifier><datestamp>2025-01-02</datestamp>
<setSpec>cs:cs:RO</setSpec></header><metadata>
<arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>2501.00002</id><created>2025-01-01</created>
<authors><author><keyname>Example</keyname></author></authors><title>Graphs</title>
<categories>cs.RO</categories><abstract>Taste.</abstract></arXiv></metadata></record>
</ListRecords></OAI-PMH>"""
PWC = b"""[{"paper_url": "https://paperswithcode.com/paper/kites", "title": "Kites",
"abstract": "A", "arxiv_id": "2501.00001"}, {"paper_url": "https://paperswithcode.com/paper/graphs",
"title": "Graphs", "abstract": "B", "arxiv_id": "2501.00002"}]"""
OTHERS = {
    "bibtex": BIBTEX,
    "ris": RIS,
    "csl-json": CSL,
    "zotero-json": ZOTERO,
    "feed": RSS,
    "acl-xml": ANTHOLOGY,
    "oai-pmh": OAI,
    "pwc-papers": PWC,
}
SKIPPED_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
SIZES_OF_READS = st.integers(1, 100)


def gz(data: bytes) -> bytes:
    """Return gzip, the same at every time: what is collected on two cores must have one name."""
    return gzip.compress(data, mtime=0)


def zst(data: bytes) -> bytes:
    """Return `data` as one zstd frame."""
    return zstandard.ZstdCompressor().compress(data)


def read_bytes(data: bytes, year: int | None = None) -> list[Record | RecordError]:
    """Return what the bytes give when they come in by standard input."""
    with files.read(Path("-"), year=year, stdin=io.BytesIO(data)) as reading:
        return list(reading)


def titles(data: bytes) -> list[str]:
    """Return the titles in the bytes, and the reasons of what was set aside."""
    return [i.title if isinstance(i, Record) else i.reason for i in read_bytes(data)]


def refusal(data: bytes) -> str:
    """Return why the bytes are no known format."""
    with pytest.raises(UnknownFormat) as caught:
        read_bytes(data)
    return str(caught.value)


def run_measured(code: str, *args: Path, stdin: bytes = b"") -> tuple[str, int]:
    """Return what `code` leaves in `said`, and by how many kilobytes its process grew at most."""
    # Not `getrusage`: it counts what the parent had when the process began.
    frame = (
        "import re, sys; from pathlib import Path; from broadsheet.sources import files\n"
        "status = Path('/proc/self/status')\n"
        "peak = lambda: int(re.search('VmHWM:[^0-9]+([0-9]+)', status.read_text())[1])\n"
        f"before = peak()\n{code}\nprint(said, peak() - before, sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", frame, *args], input=stdin, capture_output=True, check=True
    )
    said, _, grown = done.stdout.decode().rpartition("|")
    return said, int(grown)


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is measured by Linux's /proc"
)


# Finding.


def test_folders_are_walked_in_order(tmp_path):
    """Files come in sorted order at every level; hidden ones and links are passed over."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.txt").touch()
    folder = tmp_path / "in"
    for name in ("b/2.txt", "b/1.txt", "a.txt", "c.txt", ".hidden.txt", ".git/x.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "link").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "x.txt")
    (folder / "loop").symlink_to(folder)
    found = [p.relative_to(folder).as_posix() for p in files.expand([folder])]
    assert found == ["a.txt", "b/1.txt", "b/2.txt", "c.txt"]


def test_files_and_standard_input_stay_as_they_are(tmp_path):
    """Named files, hidden ones and links too, and `-` are passed through in the order given."""
    (tmp_path / ".a").touch()
    (tmp_path / "b").symlink_to(tmp_path / ".a")
    paths = [Path("-"), tmp_path / "b", tmp_path / ".a"]
    assert list(files.expand(paths)) == paths


def test_a_path_that_does_not_exist(tmp_path):
    """A missing path is told of at once, before any other is touched."""
    with pytest.raises(SourceError, match=r"gone\.txt: no such file or folder"):
        files.expand([tmp_path, tmp_path / "gone.txt"])
    with pytest.raises(SourceError, match="cannot be read"):
        files.expand([tmp_path / ("x" * 5000)])


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    """A folder that cannot be listed is a source that cannot be read."""

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        list(files.expand([tmp_path]))


# Opening and decompressing.


@pytest.mark.parametrize(
    "data",
    [
        LINES,
        b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n\r\n"),
        LINES.rstrip(),
        gz(LINES),
        lzma.compress(LINES),
        zst(LINES),
        b"".join(gz(line) for line in LINES.splitlines(keepends=True)),
        b"".join(lzma.compress(line) for line in LINES.splitlines(keepends=True)),
        b"".join(map(zst, LINES.splitlines(keepends=True))),
        SKIPPED_FRAME + zst(LINES) + SKIPPED_FRAME,
        b'[{"title": "Kites"},\n {"title": "Graphs"}]',
    ],
)
def test_every_wrapping(data, tmp_path):
    """Plain, compressed and joined files give the same records, whatever the name says."""
    path = tmp_path / "papers.pdf"
    path.write_bytes(data)
    with files.read(path) as reading:
        assert [i.title for i in reading if isinstance(i, Record)] == ["Kites", "Graphs"]
        assert (reading.name, reading.format, reading.page) == ("papers.pdf", "jsonl", None)
        assert reading.size == len(data) == reading.done
    assert titles(data) == ["Kites", "Graphs"]


def test_standard_input_stays_open():
    """Standard input has no size, is named for people, and is not closed."""
    stdin = io.BytesIO(LINES)
    with files.read(Path("-"), stdin=stdin) as reading:
        assert (reading.name, reading.size) == ("standard input", None)
        assert len(list(reading)) == 2
    assert not stdin.closed


@given(st.lists(SIZES_OF_READS, min_size=1), st.sampled_from([LINES, gz(LINES), PAGE]))
def test_a_slow_pipe(sizes, data):
    """However few bytes come at a time, the records are the same."""

    class Slow(io.BytesIO):
        turns = itertools.cycle(sizes)

        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(min(size or 1, next(self.turns)))

    with files.read(Path("-"), stdin=Slow(data)) as reading:
        assert [i.title for i in reading if isinstance(i, Record)] == ["Kites", "Graphs"]


def test_progress():
    """What is done grows while a long file is read and ends at its size."""
    line = b'{"title": "Kites", "abstract": "' + b"x" * 1000 + b'"}\n'
    with files.read(Path("-"), stdin=io.BytesIO(line * 5000)) as reading:
        seen = [reading.done for _ in reading]
    assert seen == sorted(seen)
    assert seen[0] < seen[-1] == 5000 * len(line)


@pytest.mark.parametrize("compress", [gz, lzma.compress, zst])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_compressed_file_that_ends_in_the_middle(compress, kept):
    """What came before the end is given, then one error says that the file ends in the middle."""
    lines = b"".join(b'{"title": "Kite %s"}\n' % os.urandom(500).hex().encode() for _ in range(900))
    data = compress(lines)
    *records, error = read_bytes(data[: int(len(data) * kept)])
    assert 100 < len(records) < 900
    assert all(isinstance(r, Record) for r in records)
    assert isinstance(error, RecordError)
    assert error.reason == "the file ends in the middle of its compressed data"
    assert len(records) <= error.place <= len(records) + 1


def test_a_compressed_file_that_is_damaged():
    """Damage after some records is told of after them."""
    data = gz(LINES) + b"rubbish"
    *records, error = read_bytes(data)
    assert len(records) == 2
    assert isinstance(error, RecordError)
    assert "damaged" in error.reason


def test_a_compressed_page_that_ends_in_the_middle():
    """A cut compressed page gives its entries, then the error."""
    data = gz(PAGE + b" " + os.urandom(5000).hex().encode())
    *records, error = read_bytes(data[:-2000])
    assert [r.title for r in records if isinstance(r, Record)] == ["Kites", "Graphs"]
    assert isinstance(error, RecordError)


@pytest.mark.parametrize("compress", [gz, lzma.compress, zst])
def test_a_compressed_file_that_is_damaged_at_its_start(compress):
    """A file of which nothing can be decompressed cannot be read."""
    with pytest.raises(SourceError, match=r"standard input: the (file ends|compressed data)"):
        read_bytes(compress(LINES)[:11])


@needs_proc
def test_a_small_file_that_grows_large():
    """What a few bytes decompress to is taken in pieces, so nothing large is held."""
    bomb = zstandard.ZstdCompressor(level=19).compress(b" " * 300_000_000)
    assert len(bomb) < 20_000
    code = "try: files.read(Path('-'))\nexcept ValueError as error: said = str(error)"
    said, grown = run_measured(code, stdin=bomb)
    assert said.startswith("standard input: nothing but blank lines")
    assert grown < 120_000


def test_files_that_cannot_be_opened(tmp_path):
    """A folder or a missing file given for reading is told of in plain words."""
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        files.read(tmp_path)
    with pytest.raises(SourceError, match=r"gone: cannot be read: No such file"):
        files.read(tmp_path / "gone")


def test_a_disk_that_fails():
    """An error of the disk in the middle leaves what was read before it."""

    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            data = super().read1(size)
            if not data:
                raise OSError(5, "Input/output error")
            return data

    with files.read(Path("-"), stdin=Failing(LINES)) as reading:
        *records, error = reading
    assert len(records) == 2
    assert isinstance(error, RecordError)
    assert error.reason == "cannot be read: Input/output error"
    with pytest.raises(SourceError, match="Input/output error"):
        files.read(Path("-"), stdin=Failing(b""))


def test_names_that_are_no_text(tmp_path):
    """A file name that is no UTF-8 is shown with a sign in place of its bytes."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_bytes(LINES)
    with files.read(path) as reading:
        assert reading.name == "caf\ufffd.txt"


# Recognising.


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (PAGE, "daily-papers-page"),
        (b"\xef\xbb\xbf" + PAGE.replace(b"\n", b"\r\n"), "daily-papers-page"),
        (gz(PAGE), "daily-papers-page"),
        (b"[skip to the papers]\n" + PAGE, "daily-papers-page"),
        (HTML, "daily-papers-html"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html>" + HTML, "daily-papers-html"),
        (LINES, "jsonl"),
        (b'{"title": "cut\nnoise\n' + LINES, "jsonl"),
        (b"a line of noise\n" + LINES, "jsonl"),
        (b'{"title": "Daily Papers"}\nDaily Papers\n', "jsonl"),
        (b'{"title": "only one and cut', "jsonl"),
        (b'{"id": "0704.9001", "title": "T", "authors_parsed": []}', "kaggle-arxiv"),
        (b'[{"title": "T", "versions": [], "categories": "cs.CL"}]', "kaggle-arxiv"),
    ],
)
def test_formats(data, form):
    """The format is known from the content, and pages are known as soon as they are opened."""
    with files.read(Path("-"), stdin=io.BytesIO(data), year=2025) as reading:
        assert reading.format == form
        assert (reading.page is not None) == form.startswith("daily")


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize("wrap", [bytes, gz, lambda d: b"\xef\xbb\xbf" + d])
def test_formats_of_others(form, wrap):
    """What other programs wrote is known from its content, compressed and with a mark, too."""
    data = wrap(OTHERS[form])
    with files.read(Path("-"), stdin=io.BytesIO(data)) as reading:
        assert (reading.format, reading.page) == (form, None)
        assert [i.title for i in reading if isinstance(i, Record)] == ["Kites", "Graphs"]


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (BETTER_BIBTEX, "zotero-json"),
        (BETTER_BIBTEX.replace(b"\n", b""), "zotero-json"),
        (JSON_FEED, "feed"),
        (JSON_FEED.replace(b"\n", b""), "feed"),
        (b"\n".join(line.strip(b"[], ") for line in CSL.splitlines()), "csl-json"),
        (CSL.splitlines()[0][1:-1].replace(b"{", b"{\n", 1), "csl-json"),
        (b"% exported\n\nBy me.\n" + BIBTEX, "bibtex"),
        (b"Dear all, my list:\n" + BIBTEX, "bibtex"),
        (b"@string{k = {Kites}}\n" + BIBTEX, "bibtex"),
        (b"  \n" + RIS.replace(b"\r\n", b"\n").replace(b"TY  -", b"TY -"), "ris"),
        (PAGE + b"\n\n@misc{us, title={Daily}}", "daily-papers-page"),
        (b"@misc{k, title={Kites}}\nDaily Papers\nAug 29\n", "bibtex"),
        (b'{"title": "Kites", "items": []}', "jsonl"),
    ],
)
def test_other_ways_to_write_them(data, form):
    """An export may be one object, its lines may be objects, and words may stand before it."""
    with files.read(Path("-"), stdin=io.BytesIO(data)) as reading:
        assert reading.format == form
        found = [i.title for i in reading if isinstance(i, Record)]
        assert found[:1] == ["Kites"]


def test_letters_that_are_no_utf_8():
    """Lines of a bibliography that are no UTF-8 are Latin letters; the others stay."""
    data = "@misc{a, title={Käfer}}\n".encode("latin-1") + "@misc{b, title={Çiçek}}".encode()
    assert titles(data) == ["Käfer", "Çiçek"]
    assert titles("TY  - JOUR\nTI  - Käfer\nER  - \n".encode("cp1252")) == ["Käfer"]


def test_a_bibliography_that_ends_in_the_middle():
    """Of a cut file what came before is kept, and the end is told of."""
    data = gz(BIBTEX * 50 + b"@misc{x, title={" + os.urandom(9000).hex().encode())
    *records, broken, error = read_bytes(data[:-3000])
    assert len(records) == 100
    assert all(isinstance(r, Record) for r in records)
    assert isinstance(broken, RecordError)
    assert (broken.reason, broken.place) == ("a brace is never closed", 151)
    assert isinstance(error, RecordError)
    assert error.reason == "the file ends in the middle of its compressed data"


def test_saved_answers_of_oai_presume_nothing():
    """The day of announcement is not in a saved answer, and none is made up."""
    records = [i for i in read_bytes(OAI) if isinstance(i, Record)]
    assert [(r.source, r.announced, r.presumed) for r in records] == [("arxiv", None, None)] * 2


def test_damaged_xml_is_told_of():
    """XML of a known kind that cannot be read is an error of the file, not of a format."""
    for data in (ANTHOLOGY[:200], OAI[:300]):
        with pytest.raises(SourceError):
            read_bytes(data)


def test_a_page_of_a_year():
    """The year that is given dates the page, and only the page."""
    with files.read(Path("-"), stdin=io.BytesIO(PAGE), year=2025) as reading:
        assert reading.page
        assert (reading.page.day, reading.page.name) == ("2025-08-29", "standard input")
        assert [i.year for i in reading if isinstance(i, Record)] == [None, None]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (gz(b""), "an empty file"),
        (b" \r\n\n\t\n", "nothing but blank lines"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (gz(gz(LINES)), "compressed twice"),
        (b"x" * 257 + b"ustar\x0000", "a tar archive"),
        ("Daily Papers".encode("utf-16"), "text in UTF-16"),
        (bytes(range(256)), "binary data that begins with 00 01 02 03 04"),
        (b"\x80\x81\x82\x00\x01", "binary data that begins with 80 81 82 00 01"),
        (b"Dear diary,\nno papers today.", "text that begins with “Dear diary,”"),
        (b"<html><h1>Kites</h1></html>", "an HTML page without papers"),
        (b"<?xml version='1.0'?><notes></notes>", "an XML document"),
        (b"<?xml version='1.0'?><!-- mine --><opml version='2.0'/>", "a list of feeds (OPML): "),
        (b'<rdf:RDF xmlns:z="http://www.zotero.org/namespaces/export#"/>', "Zotero's RDF"),
        (b'[{"full_name": "K", "introduced_year": 1, "source_url": ""}]', "a file of the Papers"),
        (b'{\n  "title": "Kites"\n}\n', "one JSON object over many lines"),
        (b"[1, 2]", "a JSON array without objects"),
        (b"[]", "a JSON array without objects"),
        (b'[{"title": "Kites"},', "a JSON array that is damaged"),
        (b'[{"title": "Kites"}, {]' * 9, "a JSON array that is damaged"),
        (b'"title"', "text that begins with"),
    ],
)
def test_other_files(data, what):
    """Any other file is refused with what was seen and what can be read."""
    message = refusal(data)
    assert message.startswith(f"standard input: {what}")
    assert "; Broadsheet reads saved Daily Papers pages, JSON Lines, BibTeX, RIS" in message


def test_wholes_have_a_limit(monkeypatch):
    """What must be read whole is refused over the limit; a longer array is read piece by piece."""
    monkeypatch.setattr(files, "MAX_WHOLE", 100)
    assert "a page of more than" in refusal(PAGE + b" longer" * 30)
    assert "an HTML page of more than" in refusal(HTML + b" longer" * 30)
    assert "BibTeX in a file of more than" in refusal(BIBTEX * 30)
    assert "RIS in a file of more than" in refusal(RIS * 30)
    assert "a feed of more than" in refusal(RSS + b" " * 100)
    array = b"[\n" + b'{"title": "Kites"},\n' * 30
    assert titles(array + b"7]")[:30] == ["Kites"] * 30
    cut = titles(array)
    assert cut[:30] == ["Kites"] * 30
    assert len(cut) == 31


def test_a_long_array_of_another_kind(monkeypatch):
    """A long array is known by its first object, and damage is told of behind what was read."""
    monkeypatch.setattr(files, "MAX_WHOLE", 100)
    with files.read(Path("-"), stdin=io.BytesIO(PWC)) as reading:
        assert reading.format == "pwc-papers"
        assert [i.title for i in reading if isinstance(i, Record)] == ["Kites", "Graphs"]
    link = (
        b'{"paper_url": "https://paperswithcode.com/paper/kites", "paper_title": "Kites", '
        b'"paper_arxiv_id": "2501.00001", "repo_url": "https://github.com/a/%s", "is_official": %s}'
    )
    links = b"[" + link % (b"one", b"false") + b", " + link % (b"two", b"true") + b"]"
    for most in (100, 10_000):
        monkeypatch.setattr(files, "MAX_WHOLE", most)
        found = [dict(i.links)["code"] for i in read_bytes(links) if isinstance(i, Record)]
        assert found == ["https://github.com/a/two", "https://github.com/a/one"]
    monkeypatch.setattr(files, "MAX_WHOLE", 100)
    zipped = gz(b"[" + b",".join([b'{"title": "Kites"}'] * 50) + b"]" + os.urandom(9000))
    *_, error = read_bytes(zipped[:-3000])
    assert isinstance(error, RecordError)
    assert error.reason == "the file ends in the middle of its compressed data"
    assert "a JSON array that is damaged" in refusal(b"[{]" + b"x" * 200)


def test_a_long_array_with_objects_on_lines(monkeypatch):
    """What was read ahead of a file that only starts like an array is not lost."""
    monkeypatch.setattr(files, "MAX_WHOLE", 100)
    assert titles(b"[1]\n" + LINES * 30)[1:] == ["Kites", "Graphs"] * 30


# Lines.


def test_lines_that_are_none():
    """Each line that is no record is set aside with its number, its reason and its beginning."""
    data = b"\n".join([
        LINES.splitlines()[0],
        b"",
        b'{"title": "cut',
        b'{"title": "caf\xe9"}',
        b"[1, 2]",
        b'"Kites"',
        b"7",
        b"null",
        b'{"year": 2025}',
        b'{"title": "Graphs"} {"title": "More"}',
        b'{"title": "\\ud800"}',
        b'\x00\x1b[31m"\xe2\x80\xae',
        LINES.splitlines()[1],
    ])  # fmt: skip
    first, *errors, last = read_bytes(data)
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    told = {e.place: e.reason for e in errors if isinstance(e, RecordError)}
    assert list(told) == list(range(3, 13))
    assert told[3].startswith("not JSON: ")
    assert told[4] == "not UTF-8: byte 0xe9 at column 15"
    assert told[5] == "not a JSON object but a list"
    assert told[6] == "not a JSON object but text"
    assert told[7] == "not a JSON object but a number"
    assert told[8] == "not a JSON object but nothing"
    assert told[9] == "no title"
    assert all(told[n].startswith("not JSON: ") for n in (10, 11, 12))
    excerpts = {e.place: e.excerpt for e in errors if isinstance(e, RecordError)}
    assert excerpts[9] == '{"year": 2025}'
    assert excerpts[12] == '\\x00\\x1b[31m"\\u202e'


def test_excerpts_are_short():
    """An error shows the first 200 characters of its line."""
    (error, _) = read_bytes(b'{"a": "' + b"x" * 1000 + b'"}\n{"title": "Kites"}')
    assert isinstance(error, RecordError)
    assert error.excerpt == '{"a": "' + "x" * 193


def test_items_of_an_array():
    """Items of an array that are no records are set aside by their position."""
    deep = b"[" * 300 + b"]" * 300
    items = read_bytes(b'[{"title": "Kites"}, 7, {"deep": ' + deep + b', "title": "Graphs"}]')
    assert isinstance(items[0], Record)
    assert [i.place for i in items if isinstance(i, RecordError)] == [2, 3]


def test_long_lines(monkeypatch):
    """A line over the limit is set aside with its size; the lines round it are read."""
    monkeypatch.setattr(files, "MAX_LINE", 1000)
    long = b'{"title": "' + b"x" * 2000 + b'"}'
    assert titles(LINES + long + b"\n" + LINES + long) == [
        "Kites", "Graphs", "a line of 2014 bytes", "Kites", "Graphs", "a line of 2013 bytes",
    ]  # fmt: skip
    assert titles(long + b"\n" + LINES) == ["a line of 2014 bytes", "Kites", "Graphs"]


@needs_proc
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_line_of_50_mb(tmp_path, wrapped):
    """A line far over the limit costs little memory, compressed or not."""
    path = tmp_path / "long.jsonl"
    data = b'{"title": "' + b"x" * 50_000_000 + b'"}\n' + LINES
    path.write_bytes(gzip.compress(data, 1) if wrapped else data)
    code = (
        "with files.read(Path(sys.argv[1])) as reading: items = list(reading)\n"
        "said = f'{items[0].reason}, {len(items)} items'"
    )
    said, grown = run_measured(code, path)
    assert said == "a line of 50000014 bytes, 3 items"
    assert grown < 60_000


@needs_proc
def test_many_lines_in_constant_memory(tmp_path):
    """Fifty times as many lines take no more memory."""
    line = b'{"title": "Kites", "abstract": "' + b"x" * 2000 + b'"}\n'
    code = "with files.read(Path(sys.argv[1])) as reading: said = sum(1 for _ in reading)"
    peaks = []
    for count in (1000, 50_000):
        path = tmp_path / f"{count}.jsonl"
        path.write_bytes(line * count)
        said, grown = run_measured(code, path)
        assert said == str(count)
        peaks.append(grown)
    assert peaks[1] - peaks[0] < 10_000


# Anything at all.

pieces = st.sampled_from([
    b"Daily Papers\n", b"<html>", b"<h3><a href='/papers/2501.00001'>", b"{", b'{"title": "K"}\n',
    b"[", b"]", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"(\xb5/\xfd",
    *OTHERS.values(), b"@", b"@misc{", b"TY  - JOUR\n", b"<rss", b"<collection id='x'>",
    b"<OAI-PMH>",
    b"\x50\x2a\x4d\x18", gz(LINES), lzma.compress(LINES), zst(PAGE), b"\0" * 20,
])  # fmt: skip


@given(st.lists(st.binary() | pieces).map(b"".join))
def test_any_bytes(data):
    """Any bytes give records and record errors, or one refusal; nothing else and no hang."""
    try:
        items = read_bytes(data, 2025)
    except SourceError as error:
        is_as_promised = not isinstance(error, RecordError)
    else:
        is_as_promised = all(isinstance(item, Record | RecordError) for item in items)
    assert is_as_promised


@given(st.binary(max_size=200), st.integers(0, 100), st.sampled_from([gz, zst]))
def test_any_damage(noise, at, compress):
    """Noise in the middle of compressed data is never more than an error of the source."""
    data = compress(LINES * 50)
    try:
        items = read_bytes(data[:at] + noise + data[at + len(noise) :])
    except SourceError:
        return
    assert all(isinstance(item, Record | RecordError) for item in items)


# Real files.


@needs_shared
def test_saved_pages():
    """The five saved pages have 662 entries between them, none of them set aside."""
    assert SHARED
    counts = []
    for path in files.expand([SHARED / "pages"]):
        with files.read(path) as reading:
            items = list(reading)
            assert reading.page
            assert reading.page.entries == len(items)
            assert all(isinstance(i, Record) and i.title and i.abstract for i in items)
            assert "Subscribe" in reading.page.header
        counts.append(len(items))
    assert counts == [44, 307, 63, 119, 129]


@needs_shared
@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["arxiv_daily", "acl", "conferences", "hf_daily"])
def test_corpora(corpus):
    """The first 2,000 lines of each corpus are records, read through xz."""
    assert SHARED
    with files.read(SHARED / "corpus" / f"{corpus}.jsonl.xz") as reading:
        items = list(itertools.islice(reading, 2000))
    assert len(items) == 2000
    assert [i for i in items if isinstance(i, RecordError)] == []
