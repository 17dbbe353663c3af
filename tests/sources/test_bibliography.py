"""BibTeX, RIS, CSL-JSON and Zotero's JSON become records. All papers here are invented."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError
from broadsheet.papers.formats import FORMATS, bibtex, written
from broadsheet.papers.text import readable, surnames, title_key
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record
from broadsheet.sources import files
from broadsheet.sources.bibliography import (
    Item,
    arxiv_in,
    csl_item,
    is_csl,
    is_private,
    is_ris,
    is_zotero,
    parse_ris,
    written_date,
    zotero_item,
)
from broadsheet.sources.bibtex import is_bibtex, names, parse_bibtex, untexed
from shared_data import SHARED, needs_shared


def bib(text: str) -> list[Item]:
    """Return what a BibTeX file gives."""
    return list(parse_bibtex(text, name="x.bib"))


def one(text: str) -> Record:
    """Return the only record of a BibTeX file."""
    (found,) = bib(text)
    assert isinstance(found, Record), found
    return found


def said(items: list[Item]) -> list[str]:
    """Return titles, and the lines and reasons of what was set aside."""
    return [i.title if isinstance(i, Record) else f"{i.place}: {i.reason}" for i in items]


# ---------------------------------------------------------------------------- dates, ids, paths


@pytest.mark.parametrize(
    ("text", "year", "day"),
    [
        ("2026-03-17", 2026, "2026-03-17"),
        ("2026/03/17/", 2026, "2026-03-17"),
        ("2026.3", 2026, "2026-03"),
        ("2026-03-17/2026-03-20", 2026, "2026-03-17"),
        ("2026-03-17T10:00:00Z", 2026, "2026-03-17"),
        ("2026-00-00", 2026, None),
        ("2026-02-31", 2026, "2026-02"),
        ("17 March 2026", 2026, "2026-03-17"),
        ("March 17, 2026", 2026, "2026-03-17"),
        ("Mar. 2026", 2026, "2026-03"),
        ("July-August 2026", 2026, "2026-07"),
        ("03/2026", 2026, "2026-03"),
        ("17/03/2026", 2026, "2026-03-17"),
        ("03/17/2026", 2026, "2026-03-17"),
        ("3/4/2026", 2026, None),
        ("5/5/2026", 2026, "2026-05-05"),
        ("Spring 2026", 2026, None),
        ("c2026", 2026, None),
        ("2026a", 2026, None),
        ("in press", None, None),
        ("n.d.", None, None),
        ("", None, None),
        ("0001-01-01", None, None),
        ("Marching 20261", None, None),
    ],
)
def test_dates_as_people_write_them(text, year, day):
    """Days and months are read where they are sure, and nothing is guessed."""
    assert written_date(text) == (year, day)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2611.00001", "2611.00001"),
        ("arXiv:2611.00001v2 [cs.RO]", "2611.00001"),
        ("arXiv preprint arXiv:2611.00001", "2611.00001"),
        ("ArXiv e-prints, arXiv:2611.00001", "2611.00001"),
        ("CoRR", ""),
        ("abs/1706.00001", "1706.00001"),
        ("math.GT/0309136", "math/0309136"),
        ("https://arxiv.org/pdf/2611.00001", "2611.00001"),
        ("An extended version of arXiv:2611.00001", ""),
        ("10.5555/x", ""),
        ("", ""),
    ],
)
def test_ids_of_e_prints(text, found):
    """A text that is an id gives it in any of its forms; one that only names it does not."""
    assert arxiv_in(text) == found


@pytest.mark.parametrize(
    ("value", "private"),
    [
        ("/media/ada/papers/x.pdf", True),
        (":/Volumes/ada/x.pdf:PDF", True),
        ("C:\\Users\\ada\\x.pdf", True),
        ("file:///tmp/x", True),
        ("/ho" + "me/ada/x.pdf", True),
        ("/Us" + "ers/ada/x.pdf", True),
        ("see ~/papers/x.pdf", True),
        ("a~/b", False),
        ("internal-pdf://123/x.pdf", True),
        (["a", {"b": "~/media/x"}], True),
        ("https://a.example/media/ada and /mediate", False),
        ("and/or", False),
        (3, False),
        ([[[[[[[[[["deep"]]]]]]]]]], True),
    ],
)
def test_paths_are_private(value, private):
    """Where files lie on a person's disk is known as such."""
    assert is_private(value) is private


# ---------------------------------------------------------------------------- BibTeX

MESSY = r"""% Encoding: UTF-8
Notes of mine. ada@kites.example wrote them.
@string{jk = "Journal of " # "Kites"}
@PREAMBLE{ "\newcommand{\x}{y}" # jk }
@comment{jabref-meta: @article{foo, title={no}};}
@ARTICLE { lovelace:2026+a ,
  author = {Lovelace, Ada and van der Berg, Anna and {The Kite and Sail Team} and
            King, Jr., Martin and M{\"u}ller, J{\"o}rg AND others},
  title = {{BERT} \& the 50\% Kites: $x^{2}$ of K\"onigsberg},
  Journal = jk, YEAR = 2026, month = mar # "~17",
  volume = 3, pages = "1--9",
  doi = {https://doi.org/10.5555/KITES\_1},
  eprint = {2611.00001}, archivePrefix = {arXiv}, primaryClass = {cs.RO},
  file = {:/media/ada/x.pdf:PDF}, owner = {ada}, localnote = {see /Volumes/ada/x},
  keywords = {kites; wind, rain}, keywords = "sails",
  note = {arXiv:2611.00001 [cs.RO]},
  abstract = {We say {"}hello{"}.
    Twice.}
}
@inproceedings{broken, title = {Never closed,
  author = {A}
@inproceedings(par, title = "In {"}Parentheses{"}", author="Ada Lovelace AND Bob Sample",
  crossref = {Proc})
@article{title = {No Key}, author = {Solo, H.} year = 2020 , month=7,}
@proceedings{proc, title={Proceedings of Kites}, year=2025, doi={10.5555/proc}, url={https://p.example}}
@misc{web, title={Last but one}, howpublished={\url{https://arxiv.org/abs/2611.00003}}, year = ,
@misc{last, title={Cut off}, year=2
"""


def test_a_messy_file():
    """Broken entries cost only themselves; everything else is understood."""
    items = bib(MESSY)
    assert said(items) == [
        "BERT & the 50% Kites: $x^{2}$ of Königsberg",
        "20: a brace is never closed",
        'In "Parentheses"',
        "No Key",
        "Last but one",
        "Cut off",
    ]
    first = items[0]
    assert isinstance(first, Record)
    assert first == Record(
        source="file",
        key=first.key,
        title="BERT & the 50% Kites: $x^{2}$ of Königsberg",
        abstract='We say "hello". Twice.',
        authors=("Ada Lovelace", "Anna van der Berg", "The Kite and Sail Team", "Martin King Jr.",
                 "Jörg Müller"),
        external_ids=(ExternalId("arxiv", "2611.00001"), ExternalId("doi", "10.5555/kites_1")),
        year=2026,
        published="2026-03-17",
        categories=("cs.RO",),
        keywords=("kites", "wind, rain", "sails"),
        venue="Journal of Kites",
        extra={
            "entry_type": "article",
            "bibtex": {"volume": "3", "pages": "1--9"},
            "citation_key": "lovelace:2026+a",
        },
    )  # fmt: skip
    error, chapter, nameless, web = items[1:5]
    assert isinstance(error, RecordError)
    assert error.excerpt.startswith("@inproceedings{broken, title")
    assert isinstance(chapter, Record)
    assert (chapter.venue, chapter.year, chapter.external_ids, chapter.links) == (
        "Proceedings of Kites", 2025, (), (),
    )  # fmt: skip
    assert isinstance(nameless, Record)
    assert (nameless.authors, nameless.published) == (("H. Solo",), "2020-07")
    assert isinstance(web, Record)
    assert web.external_ids == (ExternalId("arxiv", "2611.00003"),)
    assert (web.venue, web.links) == ("", (("abs", "https://arxiv.org/abs/2611.00003"),))


def test_nothing_private_is_kept():
    """No path, no owner and no annotation of the reader is in any record."""
    text = str(bib(MESSY))
    assert not re.search("/media|/Volumes|owner", text)
    private = one("@misc{a, title={T}, note={in /media/ada/x}, url={file:///media/ada/x.pdf}}")
    assert (private.comment, private.links) == ("", ())
    assert "/media" not in str(private)


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ("eprint={2611.00001}", ["arxiv:2611.00001"]),
        ("eprint={arXiv:2611.00001v3}, eprinttype={arxiv}", ["arxiv:2611.00001"]),
        ("eprint={123456}, eprinttype={pubmed}", ["pmid:123456"]),
        ("eprint={2611.00001}, archiveprefix={other}", []),
        ("arxivid={2611.00001}", ["arxiv:2611.00001"]),
        ("journal={CoRR}, volume={abs/1706.00001}", ["arxiv:1706.00001"]),
        ("journal={arXiv preprint arXiv:2611.00001}", ["arxiv:2611.00001"]),
        ("note={arXiv:2611.00001}", ["arxiv:2611.00001"]),
        ("note={See also arXiv:2611.00001}", []),
        ("doi={10.48550/arXiv.2611.00001}", ["arxiv:2611.00001"]),
        ("doi={10.5555/a}, eprint={2611.00001}", ["arxiv:2611.00001", "doi:10.5555/a"]),
        ("url={https://aclanthology.org/2026.kites-main.7}", ["acl:2026.kites-main.7"]),
        ("url={https://openreview.net/forum?id=rEview_001}", ["openreview:rEview_001"]),
        ("pmid={0123}", ["pmid:123"]),
        ("doi={not one}", []),
    ],
)
def test_ids_of_entries(fields, ids):
    """The ids of a paper are found in every field in which they are written."""
    assert [str(i) for i in one(f"@misc{{k, title={{T}}, {fields}}}").external_ids] == ids


def test_an_e_print_has_no_venue():
    """The name of the archive is no venue, in any of its forms."""
    for venue in ("CoRR", "arXiv", "arXiv preprint arXiv:2611.00001", "arXiv:2611.00001 [cs.CL]"):
        assert one(f"@article{{k, title={{T}}, journal={{{venue}}}}}").venue == ""
    assert one("@article{k, title={T}, journal={arXiv Studies}}").venue == "arXiv Studies"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ada Lovelace and Bob Sample", ["Ada Lovelace", "Bob Sample"]),
        ("Lovelace, Ada\n  and\n Sample, Bob", ["Ada Lovelace", "Bob Sample"]),
        ("{Barnes and Noble} and Others, A.", ["Barnes and Noble", "A. Others"]),
        ("King, III, Martin and et al.", ["Martin King III"]),
        ("Ryan, Jr.", ["Ryan Jr."]),
        (r"{\'E}tienne {\O}re and \'{E}mile Zo{\"e}", ["Étienne Øre", "Émile Zoë"]),
        ("given=Ada, prefix=van, family=Berg and others", ["Ada van Berg"]),
        ("A. Example, B. Sample, C. Third, D. Fourth", ["A. Example", "B. Sample", "C. Third",
                                                        "D. Fourth"]),
        ("Example, A.; Sample, B.", ["A. Example", "B. Sample"]),
        (" and and ", ["and"]),
        ("", []),
        ("Sand and Land", ["Sand", "Land"]),
        (r"Bob Sample 0001 and {\relax Ch}arles Third", ["Bob Sample", "Charles Third"]),
    ],
)  # fmt: skip
def test_names(value, expected):
    """Names are said as people say them, whichever way they are written and joined."""
    assert names(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{T}he {BERT}", "The BERT"),
        (r"A \& B, 50\% of \$5 \#1 a\_b", "A & B, 50% of $5 #1 a_b"),
        (r"\textbraceleft{}x\textbraceright{} \textbackslash{} \textasciitilde{}", "{x} \\ ~"),
        ("A~B", "A B"),
        (r"$\alpha^{2}$-nets and {\alpha}", r"$\alpha^{2}$-nets and α"),
        (r"{\emph{Very} bold}", "Very bold"),
        (r"\unknown{x} y", r"\unknown{x} y"),
        ("a\ue000b\ue003", "a b"),
        ("plain", "plain"),
    ],
)
def test_tex_is_read(value, expected):
    """Braces and escapes go, accents become letters, and math stays as it was written."""
    assert untexed(value) == expected


def test_xdata_and_chains_of_parents():
    """Fields are taken over from shared data and from the parents of parents; circles end."""
    text = """@inproceedings{a, title={A}, crossref={b}, author={X}}
    @proceedings{b, title={Kites}, crossref={c}, xdata={d}}
    @proceedings{c, year=2026, crossref={b}, doi={10.5555/c}}
    @xdata{d, month=mar, publisher={P}}
    @misc{self, title={Self}, crossref={self}}"""
    first, second = bib(text)
    assert isinstance(first, Record)
    assert (first.venue, first.published, first.external_ids) == ("Kites", "2026-03", ())
    assert said([second]) == ["Self"]


def test_one_id_for_two_papers_loses_neither():
    """Records with one DOI and two titles have two keys; a corrected author changes none."""
    text = "@misc{a, title={A}, doi={10.5555/x}}@misc{a, title={B}, doi={10.5555/x}}"
    keys = [i.key for i in bib(text) if isinstance(i, Record)]
    assert len(set(keys)) == 2
    again = one("@misc{other, title={{A}}, author={New, N.}, doi={10.5555/X}}")
    assert again.key == keys[0]
    bare = [one(f"@misc{{k, title={{A}}, author={{N}}, abstract={{{a}}}}}").key for a in "xy"]
    assert len(set(bare)) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@misc{a, year=2026}", "no title"),
        ("@misc{a, title={" + "x" * 2001 + "}}", "title of 2001 characters"),
        ("@misc{a, title={T}, abstract={" + "x" * 100_001 + "}}", "abstract of 100001 characters"),
        ("@misc{a, title={T}, abstract={" + "x" * 200_001 + "}}", "a field of 200001 characters"),
        ("@misc{a, title=}", "no title"),
        ("@misc{a, title {T}}", "a field was expected at “title {T}}”"),
        ('@misc{a, title="T}', "a quote is never closed"),
        ('@misc{a, title="T}"}', "a quote is never closed"),
        ("@misc{a, title={T}, year==}", "a value was expected at “=}”"),
        ("@misc{", "no key and no fields"),
        ("@string{a = {b}", None),
    ],
)
def test_entries_that_are_none(text, reason):
    """What cannot be a record is told of with its line and the reason."""
    items = bib("\n\n" + text)
    assert said(items) == ([f"3: {reason}"] if reason else [])


def entry(number: int) -> str:
    """Return a usual entry."""
    return f"""@article{{key{number},
  title = {{The {{BERT}} of Kites, Number {number}}},
  author = {{Lovelace, Ada and van der Berg, Anna and M{{\\"u}}ller, J.}},
  journal = {{Journal of Kites}}, year = 2024, month = mar, doi = {{10.5555/kites.{number}}},
  abstract = {{{"We let kites fall. " * 60}}},
}}
"""


HOSTILE = {
    "usual": "".join(map(entry, range(3500))),
    "never closed": "@article{a, title = {" + "word {x} " * 500_000,
    "many never closed": "@article{a, title={" * 250_000,
    "many lines never closed": "@article{a, title={\n" * 100_000,
    "heads": "@a{" * 1_500_000,
    "quotes": '@article{a, title = "' + 'x" ' * 1_500_000,
    "comments": "@comment{" * 500_000,
    "macros": "@string{a={" + "x" * 1000 + "}}\n" + "@string{a=a#a}\n" * 40
    + "@article{k,title=a#a}\n" * 30_000,
    "macros of macros": "@string{a={" + "x" * 90_000 + "}}" + "@misc{k,title={t},x=a#a}" * 2_000,
    "tabs": "@article{" + "\t" * 5_000_000,
    "at tabs": "@" + "\t" * 5_000_000,
    "spaced names": "@misc{a, title={x}, author={" + " " * 190_000 + "}}",
    "braced names": "@misc{a, title={x}, author={" + "{a} and " * 20_000 + "}}",
    "fonts": "@misc{a, title={x}, abstract={" + r"\emph{{" * 290 + "x " * 40_000 + "}}" * 291,
    "math": "@misc{a, title={x}, abstract={" + "$x$ " * 20_000 + "}}",
    "parents": "@proceedings{p, title={" + "t" * 990 + "}}\n"
    + "@misc{a,title={x},crossref=p}\n" * 4_000,
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_large_and_hostile_files(what):
    """Megabytes of anything come to an end, with records and record errors alone."""
    items = bib(HOSTILE[what])
    assert all(isinstance(i, Record | RecordError) for i in items)
    if what == "usual":
        assert len(items) == 3500
        assert all(isinstance(i, Record) for i in items)


# Our own export.

LETTERS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1)
WORDS = st.lists(LETTERS, min_size=1, max_size=5).map(" ".join)
NAMES = st.lists(st.sampled_from(["Ada", "van", "Berg", "J.", "Müller", "Team", "Jr.", "O'Hara"]),
                 min_size=1, max_size=4).map(" ".join)  # fmt: skip
PAPERS = st.builds(
    Paper,
    id=st.integers(1, 999).map(PaperId),
    title=WORDS.map(lambda t: f"T {t}"),
    abstract=st.just("") | WORDS,
    summary=st.just("") | WORDS,
    authors=st.lists(NAMES, max_size=3).map(tuple),
    external_ids=st.lists(
        st.integers(1, 99999).map(lambda n: ExternalId("arxiv", f"2611.{n:05}"))
        | st.integers(0, 999).map(lambda n: ExternalId("doi", f"10.5555/x.({n})_y;z")),
        max_size=1,
    ).map(tuple),
    year=st.none() | st.integers(1400, 2200),
    categories=st.lists(st.sampled_from(["cs.LG", "math.CO"]), max_size=1).map(tuple),
    keywords=st.lists(st.sampled_from(["kites", "sails & soup", "x_y"]), unique=True).map(tuple),
    withdrawn=st.booleans(),
)


@given(st.lists(PAPERS, max_size=4))
def test_what_was_exported_comes_back(papers: list[Paper]):
    """What Broadsheet wrote as BibTeX is read as the same papers, whatever signs they hold."""
    # Accents and escapes that a title already holds are TeX, and are read as what they say.
    papers = [p for p in papers if "\\" not in f"{p.title}{p.abstract}{p.summary}"]
    text = b"".join(written(papers, FORMATS["bibtex"])).decode()
    assert is_bibtex(text) is bool(papers)
    found = bib(text)
    assert len(found) == len(papers)
    for paper, record in zip(papers, found, strict=True):
        assert isinstance(record, Record), record
        assert title_key(record.title) == title_key(paper.title)
        assert record.external_ids == paper.external_ids
        assert record.year == paper.year
        assert record.keywords == paper.keywords
        assert record.withdrawn is paper.withdrawn
        assert [surname_of(a) for a in record.authors] == [surname_of(a) for a in paper.authors]
        assert readable(record.abstract) == readable(paper.abstract)
        assert readable(record.summary) == readable(paper.summary)


@needs_shared
@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["arxiv_daily", "acl", "conferences", "hf_daily"])
def test_real_papers_come_back(corpus):
    """Real titles, names and abstracts survive being written as BibTeX and read again."""
    assert SHARED
    with files.read(SHARED / "corpus" / f"{corpus}.jsonl.xz") as reading:
        records = [r for r in itertools.islice(reading, 1500) if isinstance(r, Record)]
    names_of = {f.name for f in dataclasses.fields(Paper)} & {
        f.name for f in dataclasses.fields(Record)
    }
    papers = [
        Paper(PaperId(n), **{k: getattr(r, k) for k in names_of}) for n, r in enumerate(records, 1)
    ]
    found = bib(b"".join(written(papers, FORMATS["bibtex"])).decode())
    assert len(found) == len(papers)
    differing = 0
    for paper, record in zip(papers, found, strict=True):
        assert isinstance(record, Record), record
        assert title_key(record.title) == title_key(paper.title)
        given = {i for i in paper.external_ids if i.namespace in {"arxiv", "doi"}}
        assert {i.namespace for i in record.external_ids} >= {i.namespace for i in given}
        assert len(record.authors) == len(paper.authors)
        differing += surnames(record.authors) != surnames(paper.authors)
    assert differing <= len(papers) / 100


def surname_of(name: str) -> list[str]:
    """Return the words of a name, in whatever order."""
    return sorted(name.replace(",", " ").split())


def test_an_exported_paper_comes_back_whole():
    """Links, venue, comment and summary are the paper's again."""
    paper = Paper(
        id=PaperId(7), title="BERT & {Kites}: $x^2$ at 50%", abstract="They ~ fly.",
        summary="Kites fly.", authors=("Ada Lovelace", "The Kite Team"), year=2026,
        external_ids=(ExternalId("doi", "10.5555/a_b"),), venue="Proceedings of Kites",
        comment="Nine pages, #1", withdrawn=True,
        links=(("abs", "https://kites.example/a_b?c=%20"),),
    )  # fmt: skip
    record = one(bibtex(paper))
    for name in ("title", "abstract", "summary", "authors", "year", "external_ids", "venue",
                 "comment", "withdrawn", "links"):  # fmt: skip
        assert getattr(record, name) == getattr(paper, name), name
    assert one(bibtex(replace(paper, comment=""))).comment == ""


# ---------------------------------------------------------------------------- RIS

ZOTERO_RIS = """\ufeffTY  - CONF
TI  - <i>Kites</i> and Sails
AU  - Lovelace, Ada
AU  - King, Martin, Jr.
A1  - The Kite Team
T2  - Proceedings of Kites
AB  - We let kites
 fall down.
DA  - 2026/03/17/
PY  - 2026
DO  - 10.5555/kites
UR  - https://doi.org/10.5555/kites
L1  - /media/ada/storage/kites.pdf
L1  - https://kites.example/kites.pdf
KW  - kites
KW  - sails; soup
N1  - arXiv:2611.00001 [cs.RO]
N1  - Accepted
SN  - 1234-5678
ID  - lovelace2026
ER  -

TY  - JOUR
T1  - A Record of Another Program
JF  - Journal of Kites
JO  - J. Kites
Y1  - 2025///
N2  - An abstract.
M3  - doi: 10.5555/other
EP  - 9
TY  - GEN
CT  - No End
KW  - one
two

ER  -
noise
TY  - JOUR
AU  - Nobody, N.
ER  -
"""


def test_ris():
    """The tags of all programs are known, records may lack their end, and paths are dropped."""
    items = list(parse_ris(ZOTERO_RIS, name="x.ris"))
    assert said(items) == [
        "Kites and Sails", "A Record of Another Program", "No End", "38: no title",
    ]  # fmt: skip
    first, second, third = (i for i in items if isinstance(i, Record))
    assert first == Record(
        source="file",
        key=first.key,
        title="Kites and Sails",
        abstract="We let kites fall down.",
        authors=("Ada Lovelace", "Martin King Jr.", "The Kite Team"),
        external_ids=(ExternalId("arxiv", "2611.00001"), ExternalId("doi", "10.5555/kites")),
        year=2026,
        published="2026-03-17",
        keywords=("kites", "sails", "soup"),
        venue="Proceedings of Kites",
        comment="Accepted",
        links=(("abs", "https://doi.org/10.5555/kites"), ("pdf", "https://kites.example/kites.pdf")),
        extra={
            "entry_type": "CONF", "ris": {"SN": "1234-5678"}, "citation_key": "lovelace2026",
        },
    )  # fmt: skip
    assert (second.venue, second.year, second.published) == ("Journal of Kites", 2025, None)
    assert second.external_ids == (ExternalId("doi", "10.5555/other"),)
    assert third.keywords == ("one", "two")
    assert "/media" not in str(items)


def test_ris_is_known():
    """Only a file with a record of RIS is one."""
    assert is_ris(ZOTERO_RIS)
    assert is_ris("\n\nTY - JOUR\r\n")
    assert not is_ris("TY is two letters\nTYPE - JOUR")


def test_a_large_ris_file():
    """Megabytes come to an end, whatever they hold."""
    for text in (ZOTERO_RIS * 1_000, "TY  - JOUR\n" * 30_000, "TY  - JOUR\n" + "x\n" * 1_000_000):
        items = list(parse_ris(text, name="x"))
        assert items


# ---------------------------------------------------------------------------- CSL-JSON

CSL = {
    "id": "lovelace2026",
    "type": "paper-conference",
    "title": 'The <span class="nocase">BERT</span> of <i>Kites</i>',
    "author": [
        {"family": "Lovelace", "given": "Ada"},
        {"family": "Berg", "given": "Anna", "non-dropping-particle": "van der"},
        {"literal": "The Kite Team"},
        {"family": "King", "given": "Martin", "suffix": "Jr."},
        "noise",
    ],
    "issued": {"date-parts": [["2026", 3, 17]]},
    "container-title": "Proceedings of Kites",
    "DOI": "10.5555/KITES",
    "URL": "https://kites.example/1",
    "PMID": "123",
    "abstract": "<jats:p>We let kites fall.</jats:p>",
    "keyword": "kites, sails",
    "note": "arXiv: 2611.00001 [cs.RO]\nNine pages\nPublisher: P",
    "volume": 3,
    "file": "/media/ada/x.pdf",
}


def csl(**more: object) -> Record:
    """Return the record of an object of CSL-JSON."""
    found = csl_item({**CSL, **more}, name="x", place=1)
    assert isinstance(found, Record), found
    return found


def test_csl():
    """All parts of names and dates are read, markup goes, and paths are dropped."""
    found = csl()
    assert found == Record(
        source="file",
        key=found.key,
        title="The BERT of Kites",
        abstract="We let kites fall.",
        authors=("Ada Lovelace", "Anna van der Berg", "The Kite Team", "Martin King Jr."),
        external_ids=(
            ExternalId("pmid", "123"), ExternalId("arxiv", "2611.00001"),
            ExternalId("doi", "10.5555/kites"),
        ),
        year=2026,
        published="2026-03-17",
        keywords=("kites", "sails"),
        venue="Proceedings of Kites",
        comment="Nine pages",
        links=(("abs", "https://kites.example/1"),),
        extra={
            "entry_type": "paper-conference", "csl": {"volume": 3}, "citation_key": "lovelace2026",
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("issued", "year", "day"),
    [
        ({"date-parts": [[2026]]}, 2026, None),
        ({"date-parts": [[2026, 3]]}, 2026, "2026-03"),
        ({"date-parts": [[2026, 13, 1]]}, 2026, None),
        ({"raw": "17 March 2026"}, 2026, "2026-03-17"),
        ({"literal": "in press"}, None, None),
        ({"date-parts": []}, None, None),
        ({"date-parts": [None]}, None, None),
        ({"date-parts": 7}, None, None),
        ("2026-03", 2026, "2026-03"),
        (None, None, None),
    ],
)
def test_dates_of_csl(issued, year, day):
    """A date may be parts, words, or nothing that can be read."""
    found = csl(issued=issued)
    assert (found.year, found.published) == (year, day)


def test_csl_is_known():
    """An object of another program that also has a type is not taken for CSL-JSON."""
    assert is_csl(CSL)
    assert not is_csl({"type": "article", "title": "T", "authors": ["A"]})
    assert not is_csl({"type": 7, "DOI": "10.5555/x"})
    assert not is_csl({"type": "journal-article", "DOI": "10.5555/x"})


# ---------------------------------------------------------------------------- Zotero

ITEM = {
    "key": "ABCD2345",
    "version": 7,
    "meta": {"parsedDate": "2026-03-17"},
    "data": {
        "key": "ABCD2345",
        "itemType": "preprint",
        "title": "The BERT of <i>Kites</i>",
        "creators": [
            {"creatorType": "editor", "firstName": "E.", "lastName": "Editor"},
            {"creatorType": "author", "firstName": "Ada", "lastName": "Lovelace"},
            {"creatorType": "author", "name": "The Kite Team"},
        ],
        "abstractNote": "We let kites fall.",
        "date": "March 17, 2026",
        "DOI": "10.48550/arXiv.2611.00001",
        "url": "http://arxiv.org/abs/2611.00001",
        "repository": "arXiv",
        "archiveID": "arXiv:2611.00001",
        "extra": "arXiv:2611.00001 [cs]\nCitation Key: lovelace2026\nGood one",
        "tags": [{"tag": "kites"}, {"tag": "sails", "type": 1}, "soup", 7],
        "dateAdded": "2026-03-18T09:00:00Z",
        "collections": ["COLL2345"],
        "attachments": [{"path": "/media/ada/x.pdf"}],
        "relations": {},
    },
}


def test_an_item_of_zotero():
    """Authors, tags, ids and days are read; of the other fields only known ones are kept."""
    found = zotero_item(ITEM, name="x", place=1)
    assert isinstance(found, Record)
    assert found == Record(
        source="file",
        key=found.key,
        title="The BERT of Kites",
        abstract="We let kites fall.",
        authors=("Ada Lovelace", "The Kite Team"),
        external_ids=(ExternalId("arxiv", "2611.00001"),),
        year=2026,
        published="2026-03-17",
        keywords=("kites", "sails", "soup", "7"),
        comment="Good one",
        links=(("abs", "http://arxiv.org/abs/2611.00001"),),
        extra={
            "entry_type": "preprint",
            "zotero": {"dateAdded": "2026-03-18T09:00:00Z", "collections": ["COLL2345"]},
            "citation_key": "lovelace2026",
        },
    )
    assert "/media" not in str(found)


@pytest.mark.parametrize("kind", ["note", "attachment", "annotation", "case"])
def test_what_is_no_paper_in_zotero(kind):
    """Notes and files are passed over, and so is what lies in the bin."""
    assert zotero_item({"data": {"itemType": kind}}, name="x", place=1) is None
    deleted = {"data": {"itemType": "book", "title": "T", "deleted": 1}}
    assert zotero_item(deleted, name="x", place=1) is None
    assert is_zotero({"itemType": kind})
    assert not is_zotero({"data": [kind]})


def test_zotero_items_that_are_none():
    """An item without a title, or of no form at all, is set aside."""
    for item, reason in (({"itemType": "book"}, "no title"), ({"data": 7}, "no item of Zotero")):
        found = zotero_item(item, name="x", place=3)
        assert isinstance(found, RecordError)
        assert (found.reason, found.place) == (reason, 3)


def test_makers_of_what_has_no_authors():
    """A talk has presenters, and a book that only has an editor has no author."""
    talk = {"itemType": "presentation", "title": "T", "creators": [
        {"creatorType": "presenter", "firstName": "Ada", "lastName": "Lovelace"}]}  # fmt: skip
    found = zotero_item(talk, name="x", place=1)
    assert isinstance(found, Record)
    assert found.authors == ("Ada Lovelace",)


# ---------------------------------------------------------------------------- anything at all

PIECES = st.sampled_from([
    "@article{k, ", "@", "{", "}", '"', "title = {T}", ",", "=", "#", "@string{a=", "@comment{",
    "author={", " and ", "\\", "$", "%", "\n", "\r", "TY  - JOUR\n", "ER  - \n", "TI  - T\n",
    "crossref={k}", "month=mar", "(", ")", "\\textbf{", "\ud800", "\0", "year=20000000000000000",
    "date={2026-99-99}", "doi={10.1/x}", "eprint={2611.00001}", "\ue000", "--", "~",
])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=8), max_size=40).map("".join))
def test_any_text(text):
    """Any text gives records and record errors, and nothing else."""
    for items in (bib(text), parse_ris(text, name="x")):
        for item in items:
            assert isinstance(item, Record | RecordError)
            assert not isinstance(item, Record) or item.title
    is_bibtex(text)
    is_ris(text)


@given(st.integers(0, len(MESSY)), st.integers(0, 40), st.text(max_size=10))
def test_any_damage(at, length, noise):
    """A messy file with a hole or noise anywhere still gives only records and record errors."""
    for text in (MESSY, ZOTERO_RIS):
        damaged = text[:at] + noise + text[at + length :]
        items = [*bib(damaged), *parse_ris(damaged, name="x")]
        assert all(isinstance(i, Record | RecordError) for i in items)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*CSL]), JSON), st.data())
def test_any_json(changed, data):
    """Objects of CSL-JSON and Zotero may have anything in any field."""
    found = csl_item({**CSL, **changed}, name="x", place=1)
    assert isinstance(found, Record | RecordError)
    is_csl({**CSL, **changed})
    fields = data.draw(st.dictionaries(st.sampled_from([*ITEM["data"]]), JSON))  # type: ignore[misc]
    item = zotero_item({**ITEM, "data": {**ITEM["data"], **fields}}, name="x", place=1)  # type: ignore[dict-item]
    assert item is None or isinstance(item, Record | RecordError)
    if isinstance(item, Record):
        orjson.dumps(item.extra)
