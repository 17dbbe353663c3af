"""Exports: what is written is read back the same, and does no harm where it is read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from broadsheet.papers.formats import FORMATS, bibtex, bibtex_name, csv_row, jsonl, tex, written
from broadsheet.papers.identity import compose
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record
from broadsheet.sources.jsonl import to_record

WHOLE = Paper(
    id=PaperId(12),
    title="BERT & the 50% Kites: $x^2$ of {them}",
    abstract="We let kites fall.",
    summary="Kites fall.",
    authors=("Ada van der Berg", "Čeněk Ňoura", "The ATLAS Collaboration"),
    external_ids=(
        ExternalId("arxiv", "2611.00001"),
        ExternalId("doi", "10.5555/kites_1"),
        ExternalId("doi", "10.5555/kites_2"),
    ),
    year=2026,
    submitted="2026-11-14",
    announced="2026-11-17",
    updated="2026-11-19",
    published="2026-12",
    categories=("cs.RO", "cs.LG"),
    keywords=("kites", "soup & bread"),
    venue="Proceedings of the First Workshop on Kites",
    comment="Nine pages, #1",
    withdrawn=True,
    links=(("abs", "https://kites.example/a_b?c=%20#d"), ("code", "https://code.example/k")),
    sources=("arxiv", "file"),
    first_seen="2026-11-18T06:30:00Z",
    upvotes=0,
)
BARE = Paper(id=PaperId(3), title="Untitled")


# ---------------------------------------------------------------------------- JSON Lines


def read_back(paper: Paper) -> Paper:
    """Return the paper that importing the exported one into an empty collection gives."""
    record = to_record(orjson.loads(jsonl(paper)), name="export.jsonl", line=1)
    return compose(paper.id, [record], paper.first_seen)


def same(paper: Paper) -> Paper:
    """Return all of a paper that an export keeps, in the fields of a record."""
    return replace(paper, sources=("file",), edition="", basis="", upvotes=None)


def test_json_lines_say_all_that_is_known():
    """One object a line, under the names of the API; what is not known is left out."""
    assert orjson.loads(jsonl(WHOLE)) == {
        "broadsheet": 1,
        "id": "p12",
        "title": WHOLE.title,
        "abstract": WHOLE.abstract,
        "summary": WHOLE.summary,
        "authors": list(WHOLE.authors),
        "year": 2026,
        "submitted": "2026-11-14",
        "announced": "2026-11-17",
        "updated": "2026-11-19",
        "published": "2026-12",
        "venue": WHOLE.venue,
        "categories": ["cs.RO", "cs.LG"],
        "keywords": ["kites", "soup & bread"],
        "comment": "Nine pages, #1",
        "withdrawn": True,
        "external_ids": {"arxiv": ["2611.00001"], "doi": ["10.5555/kites_1", "10.5555/kites_2"]},
        "links": [
            {"kind": "abs", "url": "https://kites.example/a_b?c=%20#d"},
            {"kind": "code", "url": "https://code.example/k"},
        ],
        "upvotes": 0,
        "sources": ["arxiv", "file"],
        "first_seen": "2026-11-18T06:30:00Z",
    }
    assert orjson.loads(jsonl(BARE)) == {"broadsheet": 1, "id": "p3", "title": "Untitled"}


def test_a_full_paper_is_read_back_the_same():
    """Ids, links and dates, a lone author with a comma, a summary without an abstract: all back."""
    # The titles of papers in a collection hold no TeX any more.
    whole = replace(WHOLE, title="BERT & the 50% kites: x² of them")
    for paper in (
        whole,
        BARE,
        replace(whole, authors=("Lovelace, Ada",)),
        replace(whole, abstract=""),
        # An address that is another paper's id does not become this one's.
        replace(whole, external_ids=(), links=(("abs", "https://arxiv.org/abs/2501.00009"),)),
    ):
        assert read_back(paper) == same(paper)


def test_upvotes_and_origin_are_kept_aside():
    """What a record has no field for is kept with it, where upvotes are looked for."""
    record = to_record(orjson.loads(jsonl(WHOLE)), name="export.jsonl", line=1)
    assert record.extra["upvotes"] == 0
    assert record.extra["sources"] == ["arxiv", "file"]
    assert record.extra["first_seen"] == WHOLE.first_seen


WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)
LINES = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
DAYS = st.dates(date(1400, 1, 1), date(2200, 12, 31)).map(date.isoformat)
DATES = st.none() | DAYS | DAYS.map(lambda d: d[:7])
IDS = st.one_of(
    st.integers(1, 99999).map(lambda n: ExternalId("arxiv", f"2611.{n:05}")),
    st.integers(1, 999).map(lambda n: ExternalId("arxiv", f"math/0309{n:03}")),
    st.integers(0, 999).map(lambda n: ExternalId("doi", f"10.5555/x.({n})_y;z")),
    st.integers(0, 999).map(lambda n: ExternalId("acl", f"2026.kitchen-main.{n}")),
    st.integers(0, 999).map(lambda n: ExternalId("openreview", f"rEview_{n:03}")),
    st.integers(0, 999).map(lambda n: ExternalId("s2", f"{n:040x}")),
    st.integers(0, 999).map(lambda n: ExternalId("openalex", f"W{n + 1000}")),
    st.integers(1, 999).map(lambda n: ExternalId("pmid", str(n))),
)
LINKS = st.tuples(
    st.sampled_from(["abs", "pdf", "code", "project", "html"]),
    st.integers(0, 99).map(lambda n: f"https://arxiv.org/abs/2611.{n:05}"),
)
RECORDS = st.builds(
    Record,
    source=st.sampled_from(["arxiv", "acl", "file"]),
    key=st.uuids().map(str),
    title=LINES,
    abstract=st.just("") | LINES,
    summary=st.just("") | LINES,
    authors=st.lists(LINES, max_size=3).map(tuple),
    external_ids=st.lists(IDS, max_size=3).map(tuple),
    year=st.none() | st.integers(1400, 2200),
    submitted=DATES,
    announced=DATES,
    updated=DATES,
    published=DATES,
    categories=st.lists(st.sampled_from(["cs.LG", "cs.CL", "math.CO"]), max_size=2).map(tuple),
    keywords=st.lists(LINES, max_size=3).map(tuple),
    venue=st.just("") | LINES,
    comment=st.just("") | LINES,
    withdrawn=st.booleans(),
    links=st.lists(LINKS, max_size=3).map(tuple),
)
PAPERS = st.builds(
    lambda records: compose(PaperId(7), records, "2026-11-18T06:30:00Z"),
    st.lists(RECORDS, min_size=1, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(PAPERS)
def test_every_paper_is_read_back_the_same(paper: Paper):
    """Whatever records a paper was made of, its export gives the same paper again."""
    assert read_back(paper) == same(paper)


def test_what_others_write_under_our_mark_is_not_trusted():
    """A marked object is read by the same rules for texts, ids and addresses as any other."""
    record = to_record(
        {
            "broadsheet": 1,
            "title": "A\u202eB",
            "source": "arxiv",
            "external_ids": {"arxiv": ["2611.00001", "no id"], "doi": 7, "other": "x"},
            "links": [{"kind": "abs", "url": "javascript:alert(1)"}, "https://a.example", None],
            "authors": ["Ada", 7],
        },
        name="x",
        line=1,
    )
    assert record.title == "A B"
    assert record.source == "file"
    assert record.external_ids == (ExternalId("arxiv", "2611.00001"),)
    assert record.links == ()
    assert set(record.extra) >= {"external_ids", "links", "authors", "source"}


# ---------------------------------------------------------------------------- CSV


def cells(papers: list[Paper]) -> list[dict[str, str]]:
    """Return what a reader of CSV makes of an export."""
    data = b"".join(written(papers, FORMATS["csv"])).decode()
    return list(csv.DictReader(io.StringIO(data, newline=""), strict=True))


def test_csv_has_a_row_a_paper():
    """Any reader of CSV gets the columns of the header, lists joined in one cell."""
    first, second = cells([WHOLE, BARE])
    assert first == {
        "id": "p12",
        "title": WHOLE.title,
        "authors": "Ada van der Berg; Čeněk Ňoura; The ATLAS Collaboration",
        "year": "2026",
        "day": "2026-11-17",
        "submitted": "2026-11-14",
        "announced": "2026-11-17",
        "updated": "2026-11-19",
        "published": "2026-12",
        "venue": WHOLE.venue,
        "categories": "cs.RO cs.LG",
        "keywords": "kites; soup & bread",
        "ids": "arxiv:2611.00001 doi:10.5555/kites_1 doi:10.5555/kites_2",
        "links": "https://kites.example/a_b?c=%20#d https://code.example/k",
        "upvotes": "0",
        "withdrawn": "yes",
        "comment": "Nine pages, #1",
        "summary": "Kites fall.",
        "abstract": "We let kites fall.",
        "sources": "arxiv file",
        "first_seen": "2026-11-18T06:30:00Z",
    }
    assert second["title"] == "Untitled"
    assert {k for k, v in second.items() if v} == {"id", "title"}


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=5))
def test_a_row_of_csv_is_read_back(row: list[str]):
    """Commas, quotes and line ends survive; what could be a formula has one quote before it."""
    text = csv_row(row)
    [found] = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert text.endswith("\r\n")
    for cell, back in zip(row, found, strict=True):
        assert back in {cell, f"'{cell}"}
        assert not re.match("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", back)
        # The quote can be taken away again, for it is set where one could be meant.
        undone = back[1:] if re.match("'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", back) else back
        assert undone == cell


# ---------------------------------------------------------------------------- BibTeX


class Entry(NamedTuple):
    """An entry of BibTeX as it was read, its values raw."""

    kind: str
    key: str
    fields: dict[str, str]


def entries(text: str) -> Iterator[Entry]:
    """Yield the entries of a file, read strictly: every brace counts, as BibTeX counts them."""
    at = 0
    while at < len(text):
        head = re.compile(r"@([a-z]+)\{([A-Za-z0-9-]+)").match(text, at)
        assert head, text[at : at + 80]
        at, fields = head.end(), {}
        while found := re.compile(r",\n  ([A-Za-z]+) = (?=\{)").match(text, at):
            value, at = _braced(text, found.end())
            assert found[1] not in fields
            fields[found[1]] = value
        assert text[at : at + 4] == "\n}\n\n", text[at : at + 80]
        at += 4
        yield Entry(head[1], head[2], fields)


def _braced(text: str, at: int) -> tuple[str, int]:
    depth, start = 0, at
    while True:
        depth += (text[at] == "{") - (text[at] == "}")
        at += 1
        if depth == 0:
            return text[start + 1 : at - 1], at


_PRINTED = {"backslash": "\\", "braceleft": "{", "braceright": "}", "asciitilde": "~",
            "asciicircum": "^"}  # fmt: skip
_TOKEN = re.compile(
    r"\\text(?P<name>[a-z]+)\{\}"
    r"|(?P<accent>\\[\"'`^~=.](?:\{[A-Za-z]\}|[A-Za-z])|\\[uvHtcdbkr]\{[A-Za-z]\})"
    r"|\\(?P<special>[&%$#_])"
    r"|(?P<math>\$(?:\\.|[^$\\])+\$)"
    r"|(?P<brace>[{}])"
    r"|(?P<plain>[^\\{}&%$#_~^])"
)


def printed(value: str) -> str:
    """Return what TeX prints of a value (math and accents as they stand); strict about signs."""
    text, at = "", 0
    while at < len(value):
        token = _TOKEN.match(value, at)
        assert token, value[at : at + 40]
        at = token.end()
        if token["name"]:
            text += _PRINTED[token["name"]]
        else:
            text += token["accent"] or token["special"] or token["math"] or token["plain"] or ""
    return text


def people(value: str) -> list[tuple[str, ...]]:
    """Return the names of an author field, each in its parts: surname, suffix, first names."""
    names: list[list[str]] = [[""]]
    depth, at = 0, 0
    while at < len(value):
        depth += (value[at] == "{") - (value[at] == "}")
        if depth == 0 and value.startswith(" and ", at):
            names.append([""])
            at += 5
        elif depth == 0 and value.startswith(", ", at):
            names[-1].append("")
            at += 2
        else:
            names[-1][-1] += value[at]
            at += 1
    return [tuple(printed(part) for part in name) for name in names]


def test_an_entry_has_its_fields():
    """A paper of a workshop that is also an e-print has all that a bibliography needs."""
    [found] = entries(bibtex(WHOLE))
    assert (found.kind, found.key) == ("inproceedings", "berg2026bert-p12")
    assert found.fields == {
        "title": r"{BERT} \& the 50\% Kites: $x^2$ of \textbraceleft{}them\textbraceright{}",
        "author": "van der Berg, Ada and Ňoura, Čeněk and {The ATLAS Collaboration}",
        "booktitle": "Proceedings of the First Workshop on Kites",
        "year": "2026",
        "doi": "10.5555/kites_1",
        "eprint": "2611.00001",
        "archivePrefix": "arXiv",
        "primaryClass": "cs.RO",
        "url": "https://kites.example/a_b?c=%20#d",
        "keywords": r"kites, soup \& bread",
        "note": r"Withdrawn. Nine pages, \#1",
        "abstract": "We let kites fall.",
        "annote": "Kites fall.",
    }
    assert printed(found.fields["title"]) == WHOLE.title
    [bare] = entries(bibtex(BARE))
    assert bare == Entry("misc", "untitled-p3", {"title": "Untitled"})


@pytest.mark.parametrize(
    ("venue", "kind", "field"),
    [
        ("", "misc", None),
        ("arXiv", "misc", None),
        ("CoRR", "misc", None),
        ("NIPS 2024", "inproceedings", "booktitle"),
        ("EMNLP-IJCNLP 2019", "inproceedings", "booktitle"),
        ("Findings of the Association for Computational Linguistics: ACL 2023", "inproceedings",
         "booktitle"),
        ("Proceedings of the 61st Annual Meeting (Volume 1: Long Papers)", "inproceedings",
         "booktitle"),
        ("Actes de la 14ème conférence sur le Traitement", "inproceedings", "booktitle"),
        ("Computational Linguistics, Volume 49, Issue 4", "article", "journal"),
        ("Transactions of the Association for Computational Linguistics", "article", "journal"),
        ("Journal of Small Seas", "article", "journal"),
        ("Phys. Rev. D 76, 013009 (2007)", "article", "journal"),
        ("Proceedings of the National Academy of Sciences", "article", "journal"),
        ("TMLR 2024", "article", "journal"),
        ("Proceedings of the National Symposium on Kites", "inproceedings", "booktitle"),
        ("Coling 2008: Companion volume: Posters", "inproceedings", "booktitle"),
        ("Acquisition of Lexical Knowledge from Text", "misc", "howpublished"),
    ],
)  # fmt: skip
def test_the_type_of_an_entry_follows_the_venue(venue, kind, field):
    """Meetings, journals and e-prints get the type and field that BibTeX has for them."""
    [found] = entries(bibtex(replace(BARE, venue=venue)))
    assert found.kind == kind
    assert set(found.fields) - {"title"} == ({field} if field else set())


def test_a_paper_of_an_anthology_is_one_of_a_meeting():
    """Where the venue says nothing, an id of the ACL Anthology or of OpenReview does."""
    paper = replace(BARE, venue="Knowledge from Text", external_ids=(ExternalId("acl", "W01-1"),))
    assert next(entries(bibtex(paper))).kind == "inproceedings"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "Lovelace, Ada"),
        ("Lovelace, Ada", "Lovelace, Ada"),
        ("Ada B. C. Lovelace", "Lovelace, Ada B. C."),
        ("Ludwig van Beethoven", "van Beethoven, Ludwig"),
        ("Anna van der Berg", "van der Berg, Anna"),
        ("van der Berg, Anna", "van der Berg, Anna"),
        ("Artur d'Avila Garcez", "d'Avila Garcez, Artur"),
        ("José Ortega y Gasset", "Ortega y Gasset, José"),
        ("Rajesh v. Gopal", "Gopal, Rajesh v."),
        ("Martin Luther King Jr.", "King, Jr., Martin Luther"),
        ("Russell E. Ryan, Jr.", "Ryan, Jr., Russell E."),
        ("Ramses II", "II, Ramses"),
        ("W. R. Cooney,", "Cooney, W. R."),
        ("Laks Lakshmanan, V.S.", "Laks Lakshmanan, V.S."),
        ("OpenAI", "{OpenAI}"),
        ("曹雪芹", "{曹雪芹}"),
        ("Gemma Team", "{Gemma Team}"),
        ("the Dark Energy Science Collaboration", "{the Dark Energy Science Collaboration}"),
        ("and Shadab Khan", "{and Shadab Khan}"),
        ("A, B, C", "{A, B, C}"),
        ("R&D Lab", r"Lab, R\&D"),
        (r"Kurt G\"odel", r"G\"odel, Kurt"),
        ("{Braces} Smith", r"Smith, \textbraceleft{}Braces\textbraceright{}"),
    ],
)
def test_a_name_is_taken_apart(name, expected):
    """Surnames with their particles, suffixes, groups and single words: each as BibTeX reads it."""
    assert bibtex_name(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R&D: 50% of $5, #1_a", r"R\&D: 50\% of \$5, \#1\_a"),
        ("~ b^c", r"\textasciitilde{} b\textasciicircum{}c"),
        (r"a\b", r"a\textbackslash{}b"),
        ("{x}", r"\textbraceleft{}x\textbraceright{}"),
        ("of order $O(n \\log n)$ time", "of order $O(n \\log n)$ time"),
        (r"$\mathbb{R}^{d}$ & co", r"$\mathbb{R}^{d}$ \& co"),
        (r"$a \% b$", r"$a \% b$"),
        ("it costs $5 and $10", r"it costs \$5 and \$10"),
        ("from $5-$10", r"from \$5-\$10"),
        ("$a{b$", r"\$a\textbraceleft{}b\$"),
        (r"$\{$", r"\$\textbraceleft{}\$"),
        (r"${\}$", r"\$\textbraceleft{}\textbraceright{}\$"),
        ("$$", r"\$\$"),
        ("$a_$", r"\$a\_\$"),
        (r"$\left( x$", r"\$\textbackslash{}left( x\$"),
        (r"$\input{x}$", r"\$\textbackslash{}input\textbraceleft{}x\textbraceright{}\$"),
        ("$^^5cinput x$", r"\$\textasciicircum{}\textasciicircum{}5cinput x\$"),
        (r"\input{x}", r"\textbackslash{}input\textbraceleft{}x\textbraceright{}"),
        (r"G\"odel, Poincar\'{e}, \v{C}ech", r"G\"odel, Poincar\'{e}, \v{C}ech"),
        (r"40\% of R\&D", r"40\% of R\&D"),
        (r"\{a\}", r"\textbraceleft{}a\textbraceright{}"),
    ],
)  # fmt: skip
def test_text_is_written_so_that_tex_prints_it(text, expected):
    """Signs are escaped, sound math and accents stay, and nothing is run that stands in a text."""
    assert tex(text) == expected


SPECIAL = st.text(st.sampled_from("ab A&%$#_{}~^\\.,0 \"'éß木"), max_size=30)
BACKSLASHED = re.compile(r"\\[&%$#_{}]")


@given(SPECIAL, SPECIAL, st.lists(SPECIAL, max_size=3))
def test_an_entry_is_read_back(title: str, abstract: str, names: list[str]):
    """Whatever signs stand in a paper, BibTeX reads one entry, and TeX prints what stood there."""
    assume(not any(BACKSLASHED.search(t) for t in (title, abstract, *names)))
    paper = replace(BARE, title=f"T{title}", abstract=abstract, authors=tuple(names))
    [found] = entries(bibtex(paper))

    assert printed(found.fields["title"]) == paper.title
    assert printed(found.fields.get("abstract", "")) == abstract
    known = [n for n in names if n.strip(" ,")]
    read = people(found.fields["author"]) if known else []
    assert [sorted(" ".join(p).split()) for p in read] == [
        sorted(n.replace(",", " ").split()) if len(p) > 1 else sorted(n.split())
        for n, p in zip(known, read, strict=True)
    ]


COMMANDS = st.sampled_from(
    [r"\input{x}", r"\write18{x}", "$", r"\def\a{b}", "{", "}", "\\", "^^5c"]
)


@given(st.lists(COMMANDS | SPECIAL, max_size=8).map("".join))
def test_no_text_becomes_a_command(text: str):
    """No title, name or abstract can make TeX read, write or define anything."""
    paper = replace(WHOLE, title=f"T{text}", abstract=text, authors=(f"A {text} B",), comment=text)
    [found] = entries(bibtex(paper))
    for name, value in found.fields.items():
        if name not in {"doi", "url", "eprint"}:
            assert not re.search(r"\\(?:input|write|def)", value)
            assert "^^" not in value


def test_addresses_stand_as_they_are():
    """Addresses and ids are taken verbatim by styles; only what would end an entry is encoded."""
    paper = replace(
        BARE,
        links=(("abs", "javascript:alert(1)"), ("abs", "https://a.example/{x}_%41\\~")),
        external_ids=(ExternalId("doi", "10.1/a_b{c"),),
    )
    [found] = entries(bibtex(paper))
    assert found.fields["url"] == "https://a.example/%7Bx%7D_%41%5C~"
    assert found.fields["doi"] == "10.1/a_b%7Bc"


def test_keys_are_unique_and_stay():
    """Papers alike in author, year and title have keys of their own, whatever they come with."""
    twins = [replace(WHOLE, id=PaperId(n)) for n in range(20)]
    together = list(entries("".join(map(bibtex, twins))))
    assert len({e.key for e in together}) == 20
    assert [next(entries(bibtex(t))).key for t in reversed(twins)] == [
        e.key for e in reversed(together)
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_hostile_record_does_not_end_an_export(name):
    """A lone surrogate has no UTF-8, and is replaced; the papers after it come all the same."""
    papers = [replace(WHOLE, title="lone \ud800 surrogate"), BARE]
    data = b"".join(written(papers, FORMATS[name])).decode()
    assert "surrogate" in data
    assert "Untitled" in data
