"""Ids in every spelling, when two records are one paper, and what a merge shows."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broadsheet.papers.identity import (
    FIELD_RULES,
    GENERIC_TITLE,
    SKETCH_SIZE,
    FieldRule,
    abstract_overlap,
    compose,
    evidence,
    format_paper_id,
    ids_conflict,
    origins,
    parse_external_id,
    parse_paper_id,
    same_paper,
    sketch,
)
from broadsheet.papers.text import readable
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record

S2 = "0123456789abcdef0123456789abcdef01234567"
SPELLINGS = [
    ("arxiv:2503.11677", "2503.11677"),
    ("arxiv:2503.11677", "2503.11677v3"),
    ("arxiv:2503.11677", "arXiv:2503.11677"),
    ("arxiv:2503.11677", "ARXIV: 2503.11677v12"),
    ("arxiv:2503.11677", "hf:2503.11677"),
    ("arxiv:2503.11677", "  <https://arxiv.org/abs/2503.11677v1>  "),
    ("arxiv:2503.11677", "http://export.arxiv.org/pdf/2503.11677v2.pdf"),
    ("arxiv:2503.11677", "https://www.arxiv.org/html/2503.11677/?a=b#c"),
    ("arxiv:2503.11677", "https://huggingface.co/papers/2503.11677"),
    ("arxiv:2503.11677", "https://www.alphaxiv.org/abs/2503.11677"),
    ("arxiv:2503.11677", "10.48550/arXiv.2503.11677"),
    ("arxiv:2503.11677", "https://doi.org/10.48550/ARXIV.2503.11677v2"),
    ("arxiv:0704.0001", "0704.0001"),
    ("arxiv:math/0309136", "math/0309136"),
    ("arxiv:math/0309136", "math.GT/0309136v2"),
    ("arxiv:math/0309136", "https://arxiv.org/abs/math.GT/0309136"),
    ("arxiv:hep-th/9901001", "arXiv:hep-th/9901001"),
    ("arxiv:hep-th/9901001", "HEP-TH/9901001"),
    ("arxiv:hep-th/9901001", "10.48550/arXiv.hep-th/9901001"),
    ("doi:10.1000/182", "10.1000/182"),
    ("doi:10.1000/abc.def", "10.1000/ABC.Def"),
    ("doi:10.1000/182", "DOI: 10.1000/182"),
    ("doi:10.1000/182", "https://doi.org/10.1000/182"),
    ("doi:10.1000/182", "http://dx.doi.org/10.1000/182."),
    ("doi:10.1000/182", "info:doi/10.1000/182"),
    ("doi:10.1000/a/b", "https://doi.org/10.1000/a%2Fb"),
    ("doi:10.1000/a/b", "https://doi.org/10.1000/a%252Fb"),
    ("doi:10.1000.10/182", "10.1000.10/182"),
    ("acl:P19-1001", "P19-1001"),
    ("acl:P19-1001", "p19-1001"),
    ("acl:P19-1001", "https://www.aclanthology.org/P19-1001.pdf"),
    ("acl:P19-1001", "10.18653/v1/P19-1001"),
    ("acl:P19-1001", "https://doi.org/10.3115/V1/p19-1001"),
    ("acl:2020.acl-main.1", "2020.acl-main.1"),
    ("acl:2020.acl-main.1", "ACL: 2020.ACL-main.1"),
    ("acl:2020.acl-main.1", "https://aclanthology.org/2020.acl-main.1/"),
    ("acl:2020.acl-main.1", "10.18653/v1/2020.acl-main.1"),
    ("openreview:aBc_12-Z", "openreview:aBc_12-Z"),
    ("openreview:aBc_12-Z", "https://openreview.net/forum?id=aBc_12-Z&noteId=x"),
    ("openreview:aBc_12-Z", "https://openreview.net/pdf?id=aBc_12-Z"),
    (f"s2:{S2}", f"s2:{S2.upper()}"),
    (f"s2:{S2}", f"https://www.semanticscholar.org/paper/Some-Title/{S2}"),
    (f"s2:{S2}", f"https://www.semanticscholar.org/paper/{S2}"),
    ("openalex:W2741809807", "https://openalex.org/W2741809807"),
    ("openalex:W2741809807", "openalex:w2741809807"),
    ("openalex:W2741809807", "https://api.openalex.org/works/W2741809807"),
    ("pmid:31452104", "pmid: 31452104"),
    ("pmid:31452104", "https://pubmed.ncbi.nlm.nih.gov/31452104/"),
]
# Ids that stand on pages, in papers and in other people's programs.
LISSABON = "10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9"
SPELLINGS += [
    ("arxiv:2503.11677", spelling)
    for spelling in (
        "arXiv:2503.11677v2 [cs.CL]",
        "arXiv:2503.11677v1 [cond-mat.str-el] 12 Mar 2025",
        "arXiv 2503.11677",
        "arxiv:arxiv:2503.11677",
        "oai:arXiv.org:2503.11677",
        "info:arxiv/2503.11677",
        "hf: https://huggingface.co/papers/2503.11677",
        "arxiv.org/abs/2503.11677",
        "www.arxiv.org/pdf/2503.11677v2.pdf",
        "//arxiv.org/abs/2503.11677",
        "(https://arxiv.org/abs/2503.11677).",
        "“https://arxiv.org/abs/2503.11677”,",
        "<arXiv:2503.11677>",
        "\u200b2503.11677\u200b",
        "HTTPS://ARXIV.ORG/ABS/2503.11677V1",
        "https://arxiv.org/abs/arXiv:2503.11677",
        "https://arxiv.org/src/2503.11677",
        "https://arxiv.org/e-print/2503.11677v1",
        "https://arxiv.org/ps/2503.11677.ps.gz",
        "https://browse.arxiv.org/html/2503.11677v1/",
        "https://ar5iv.labs.arxiv.org/html/2503.11677",
        "https://ar5iv.org/abs/2503.11677v2",
        "https://www.alphaxiv.org/overview/2503.11677",
        "https://www.arxiv-vanity.com/papers/2503.11677/",
        "https://huggingface.co/papers/2503.11677#community",
        "hf.co/papers/2503.11677",
        "https://papers.cool/arxiv/2503.11677",
        "https://www.semanticscholar.org/arxiv/2503.11677",
        "https://api.semanticscholar.org/graph/v1/paper/arXiv:2503.11677",
        "https://doi.org/10.48550%2FarXiv.2503.11677",
        "https%3A%2F%2Fdoi.org%2F10.48550%2FarXiv.2503.11677",
        "doi: 10.48550/arXiv:2503.11677",
        "arxiv:10.48550/arXiv.2503.11677",
    )
]
SPELLINGS += [
    ("arxiv:math/0309136", "MATH.GT/0309136V2"),
    ("arxiv:math/0309136", "https://ar5iv.org/html/math/0309136"),
    ("arxiv:math/0309136", "https://arxiv.org/abs/math.GT%2F0309136"),
    ("arxiv:math/0309136", "10.48550/arxiv.math%2F0309136"),
    ("arxiv:math/0309136", "https://doi.org/10.48550/arXiv.math.GT/0309136"),
    ("arxiv:cond-mat/0001001", "cond-mat.str-el/0001001"),
    ("arxiv:hep-th/9901001", "http://xxx.lanl.gov/abs/hep-th/9901001"),
    ("arxiv:cmp-lg/9404001", "cmp-lg/9404001"),
    ("doi:10.1000/182", "doi.org/10.1000/182"),
    ("doi:10.1000/182", "https://www.dx.doi.org/10.1000/182"),
    ("doi:10.1000/182", "DOI 10.1000/182"),
    ("doi:10.1000/182", "doi:doi:10.1000/182"),
    ("doi:10.1000/182", "doi: https://doi.org/doi:10.1000/182"),
    ("doi:10.1000/182", "urn:doi:10.1000/182"),
    ("doi:10.1000/182", "(10.1000/182);"),
    ("doi:10.1000/182", "https://doi.org/10.1000/182?utm_source=x#sec"),
    ("doi:10.1000/182#a", "https://doi.org/10.1000/182%23a"),
    ("doi:10.1000/182(a)", "10.1000/182(a)"),
    ("doi:10.1000/182(a)", "(see 10.1000/182(a))".replace("see ", "")),
    ("doi:10.1000/\u00e9t\u00e9", "10.1000/%C3%A9t%C3%A9"),
    ("doi:10.1016/s0019-9958(65)90241-x", "10.1016/S0019-9958(65)90241-X"),
    ("doi:10.1016/s0019-9958(65)90241-x", "https://doi.org/10.1016/S0019-9958%2865%2990241-X"),
    (f"doi:{LISSABON.lower()}", LISSABON),
    (f"doi:{LISSABON.lower()}", f"<{LISSABON}>"),
    (f"doi:{LISSABON.lower()}", LISSABON.replace("<", "%3C").replace(">", "%3E")),
    (f"doi:{LISSABON.lower()}", LISSABON.replace("<", "&lt;").replace(">", "&gt;")),
    ("doi:10.1145/3292500.3330701", "https://dl.acm.org/doi/abs/10.1145/3292500.3330701"),
    ("doi:10.1145/3292500.3330701", "dl.acm.org/doi/10.1145/3292500.3330701#bib"),
    ("doi:10.1002/asi.1", "https://asistdl.onlinelibrary.wiley.com/doi/full/10.1002/asi.1/pdf"),
    (
        "doi:10.1007/s11263-015-0816-y",
        "https://link.springer.com/article/10.1007/s11263-015-0816-y",
    ),
    ("doi:10.1162/tacl_a_00041", "10.1162/tacl_a_00041"),
    ("doi:10.3115/980845.980895", "10.3115/980845.980895"),
    ("acl:P18-1001", "P18-1001v2.pdf"),
    ("acl:P18-1001", "http://aclweb.org/anthology/P18-1001.pdf"),
    ("acl:P18-1001", "https://www.aclweb.org/anthology/P/P18/P18-1001.pdf"),
    ("acl:P18-1001", "https://www.aclweb.org/anthology/papers/P/P18/P18-1001/"),
    ("acl:P18-1001", "https://aclanthology.info/papers/P18-1001/p18-1001"),
    ("acl:P18-1001", "https://aclanthology.org/P18-1001.bib"),
    ("acl:2020.acl-main.1", "aclanthology.org/2020.acl-main.1v2.pdf"),
    ("acl:2020.acl-main.1", "2020.acl-main.001"),
    ("acl:2020.acl-main.1", "https://www.aclweb.org/anthology/2020.acl-main.1/"),
    ("openreview:aBc_12-Z", "https://openreview.net/forum?noteId=x&id=aBc_12-Z"),
    ("openreview:aBc_12-Z", "openreview.net/attachment?id=aBc_12-Z&name=pdf"),
    ("openreview:aBc_12-", "https://www.openreview.net/forum?id=aBc_12-."),
    (f"s2:{S2}", f"https://www.semanticscholar.org/paper/Some-Title/{S2}/figure/3?utm=x"),
    (f"s2:{S2}", f"https://www.semanticscholar.org/paper/Some-Title/{S2}#citing-papers"),
    (f"s2:{S2}", f"https://api.semanticscholar.org/graph/v1/paper/{S2}?fields=title"),
    (f"s2:{S2}", f"https://api.semanticscholar.org/{S2.upper()}"),
    ("doi:10.1000/182", "https://api.semanticscholar.org/graph/v1/paper/DOI:10.1000/182"),
    ("pmid:31452104", "PMID 031452104"),
    ("pmid:31452104", "https://www.ncbi.nlm.nih.gov/pubmed/31452104"),
]
NO_IDS = [
    "", "graph networks", "graph 2503.11677", "2503.11677 networks", "2503.116", "250.11677",
    "math/030913", "10.1000", "10.1000/", "10.1000/...", "10.1000/%20x", "10.10/182",
    "openreview:abc", "https://example.org/2503.11677", "https://arxiv.org/list/cs.CL/recent",
    "s2:12ab", "openalex:31452104", "W2741809807x", "pmid:", "p12", "x" * 600,
    "1234.5678", "2513.11677", "2503.1167", "1412.12345", "2503.11677 [cs.CL] and more",
    "tcp/9901001", "math/0313136", "\u0662\u0665\u0660\u0663.\u0661\u0661\u0666\u0667\u0667",
    "openreview networks", "acl networks", "s2 " + S2, S2, "pmid:0", "G18-1001", "P18-1",
    "10.1000/a b", "10.1000/\x00", "10.1000/" + "x" * 450, "https://sci-hub.se/10.1000/182",
    "https://arxiv.org@example.org/abs/2503.11677", "https://notarxiv.org/abs/2503.11677",
    "https://openreview.net/group?id=ICLR.cc", "https://openreview.net/forum?noteId=aBc_12-Z",
    "https://huggingface.co/papers?q=2503.11677", "https://aclanthology.org/volumes/2020.acl-main/",
    "https://api.semanticscholar.org/CorpusID:13756489", "//", "https://", "http:///", "<>", "()",
]  # fmt: skip


@pytest.mark.parametrize(("expected", "spelling"), SPELLINGS)
def test_every_spelling_of_an_id_is_understood(expected: str, spelling: str):
    """Versions, prefixes, links, wrapping DOIs and case all lead to one canonical id."""
    assert str(parse_external_id(spelling)) == expected


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_is_none(text: str):
    """Words, words with an id among them and broken ids are no ids."""
    assert parse_external_id(text) is None


SHAPES = st.one_of(
    st.from_regex(r"(?a)(arxiv: ?|ARXIV:|hf:)?\d{4}\.\d{4,5}(v\d)?(\.pdf)?", fullmatch=True),
    st.from_regex(r"(?a)[a-z][a-z-]{1,8}(\.[A-Z]{2})?/\d{7}(v\d)?", fullmatch=True),
    st.from_regex(r"(doi:|https://doi\.org/)?10\.\d{4}/\S{1,12}", fullmatch=True),
    st.from_regex(r"(?a)10\.1000/(%[0-9a-fA-F]{2}|[<>.a-z%]){1,6}", fullmatch=True),
    st.from_regex(r"(?a)10\.(48550/arxiv|18653/v1|3115/v1)[./]\S{1,12}", fullmatch=True),
    st.from_regex(r"(?a)(acl: ?)?([A-Za-z]\d{2}-\d{4}|\d{4}\.\w{2,5}-\w{1,5}\.\d)", fullmatch=True),
    st.from_regex(r"https://openreview\.net/forum\?id=[\w-]{6,20}", fullmatch=True),
    st.from_regex(r"(?a)(openalex:|https://openalex\.org/)[wW]\d{4,12}", fullmatch=True),
    st.from_regex(r"s2:[0-9a-fA-F]{40}", fullmatch=True),
    st.text(max_size=60),
    st.text("10.4/%2528&lt;g<>()[]\"'.,:;?#vV\u0130\u00df ", max_size=40).map("10.1000/".__add__),
    st.text("htps:/doi.rgaxv1048%2F&lt;?#=()<> ", max_size=60),
)


@given(SHAPES)
@example("10.1000/a%3C")
@example("10.1000/%2525")
@example("10.1000/%20x")
@example("10.1000/...")
def test_a_canonical_id_is_its_own_spelling(text: str):
    """Reading never raises, and every id that is read reads back as itself."""
    found = parse_external_id(text)
    if found is not None:
        assert parse_external_id(str(found)) == found


MONTHS = st.integers(1, 12).map("{:02d}".format)
NEW_ARXIV = st.one_of(
    st.builds("{:02d}{}.{:04d}".format, st.integers(7, 14), MONTHS, st.integers(1, 9999)),
    st.builds("{:02d}{}.{:05d}".format, st.integers(15, 99), MONTHS, st.integers(1, 99999)),
)
OLD_ARXIV = st.builds(
    "{}/{:02d}{}{:03d}".format,
    st.sampled_from(["math", "cs", "hep-th", "cond-mat", "astro-ph", "cmp-lg", "q-bio"]),
    st.integers(0, 99), MONTHS, st.integers(1, 999),
)  # fmt: skip
DOIS = st.from_regex(r"(?a)10\.[1-9]\d{3}/[a-z0-9][a-z0-9._()/;:<>-]{0,16}[a-z0-9]", fullmatch=True)
ACL_IDS = st.one_of(
    st.builds("{}{:02d}-{:04d}".format, st.sampled_from("ACDEPWY"), st.integers(0, 99),
              st.integers(1001, 9999)),
    st.builds("{}.{}-{}.{}".format, st.integers(1952, 2030), st.sampled_from(["acl", "eamt"]),
              st.sampled_from(["main", "1"]), st.integers(0, 999)),
)  # fmt: skip
FORUMS = st.from_regex(r"(?a)[A-Za-z0-9_-]{9,11}", fullmatch=True)
# Each way in which people and programs write an id of a namespace; {} is the id.
DRESSES = {
    "arxiv": (
        NEW_ARXIV | OLD_ARXIV,
        ["{}", "arXiv:{}", "arxiv: {}v7", "{}v1", "{}.pdf", "https://arxiv.org/abs/{}",
         "http://export.arxiv.org/pdf/{}v2.pdf", "arxiv.org/html/{}v3", "hf:{}",
         "https://huggingface.co/papers/{}", "https://ar5iv.labs.arxiv.org/html/{}",
         "https://www.alphaxiv.org/abs/{}v1", "10.48550/arXiv.{}", "(arXiv:{}).",
         "https://doi.org/10.48550/ARXIV.{}", "oai:arXiv.org:{}", "arXiv:{}v2 [cs.CL]"],
    ),
    "doi": (
        DOIS,
        ["{}", "doi:{}", "DOI: {}.", "https://doi.org/{}", "http://dx.doi.org/{}", "<{}>",
         "https://www.doi.org/{},", "info:doi/{}", "urn:doi:{}", "https://dl.acm.org/doi/{}"],
    ),
    "acl": (
        ACL_IDS,
        ["{}", "acl:{}", "{}.pdf", "{}v2", "https://aclanthology.org/{}/", "10.18653/v1/{}",
         "https://www.aclweb.org/anthology/{}.pdf", "https://doi.org/10.3115/v1/{}"],
    ),
    "openreview": (
        FORUMS,
        ["openreview:{}", "https://openreview.net/forum?id={}", "openreview.net/pdf?id={}",
         "https://openreview.net/forum?id={}&noteId=x", "https://openreview.net/forum?a=b&id={}#x"],
    ),
    "s2": (
        st.from_regex(r"(?a)[0-9a-f]{40}", fullmatch=True),
        ["s2:{}", "https://www.semanticscholar.org/paper/{}", "S2: {}",
         "https://www.semanticscholar.org/paper/Some-Title-Reed/{}",
         "https://api.semanticscholar.org/graph/v1/paper/{}?fields=title"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("namespace", DRESSES)
@given(st.data())
def test_all_spellings_of_one_id_agree(namespace: str, data: st.DataObject):
    """However an id is dressed, and whatever version it names, it is the one canonical id."""
    values, dresses = DRESSES[namespace]
    value = data.draw(values)
    spelling = data.draw(st.sampled_from(dresses)).format(value)
    if namespace != "openreview" and data.draw(st.booleans()):
        spelling = spelling.upper()
    assert str(parse_external_id(spelling)) == f"{namespace}:{value}"


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ äß海-–'\"(),.!?/"))
@example("arXiv acl doi pmid")
@example("openreview networks")
@example("acl/anthology")
def test_plain_words_are_no_id(text: str):
    """Words without a digit are never an id, whatever marks stand among them."""
    assert parse_external_id(text) is None


@given(
    st.sampled_from(["graph", "Networks", "and", "10", "of 12"]),
    st.sampled_from(["2503.11677", "10.1000/182", "P18-1001", "https://arxiv.org/abs/2503.11677"]),
)
def test_an_id_among_words_is_no_id(word: str, ident: str):
    """A query that has an id among its words is searched, not looked up."""
    assert parse_external_id(f"{word} {ident}") is parse_external_id(f"{ident} {word}") is None


@given(st.integers(1, 10**18 - 1))
def test_our_own_ids_read_back(number: int):
    """The id that people see leads back to the number, in both cases."""
    shown = format_paper_id(number)
    assert parse_paper_id(shown) == parse_paper_id(f" {shown.upper()} ") == number


@pytest.mark.parametrize("text", ["", "p", "12", "p-1", "p1.2", "pp1", "p" + "1" * 19, "x1"])
def test_what_is_not_our_id_is_none(text: str):
    """Anything but p and a number is none of our ids."""
    assert parse_paper_id(text) is None


# ---------------------------------------------------------------------------- same paper

TEXT = "we measure how tides move slow lunar nets across nine invented harbours and report it all"
OTHER = "an unrelated account of copper kilns which nobody fired before the long winter had ended"
LONG = "Lunar Nets for Harbour Tides"
SHORT = "Introduction"
ADA = ("Ada Lovelace", "Tom Reed")


def record(**changes: object) -> Record:
    """Return a record with authors and an abstract, with these changes."""
    base = Record("arxiv", "k", LONG, abstract=TEXT, authors=ADA, year=2025)
    return replace(base, **changes)


def arxiv(number: str) -> tuple[ExternalId, ...]:
    """Return an arXiv id alone."""
    return (ExternalId("arxiv", number),)


def acl(number: str) -> tuple[ExternalId, ...]:
    """Return an ACL id alone."""
    return (ExternalId("acl", number),)


VERDICTS = {
    "title, surname and abstract": (record(), record(authors=("Lovelace, A.",)), True),
    "title and surname": (record(abstract=""), record(abstract=OTHER), True),
    "title alone": (
        record(authors=(), abstract=""),
        record(authors=(), abstract=""),
        False,
    ),
    "title with authors on one side only": (record(authors=(), abstract=""), record(), False),
    "title and abstract, authors unknown": (record(authors=()), record(), True),
    "title, other abstract, authors unknown": (
        record(authors=(), abstract=OTHER),
        record(),
        False,
    ),
    "title and abstract, other people": (record(authors=("Zoe Quill",)), record(), False),
    "other title": (record(title="Lunar Nets"), record(), False),
    "a title and its successor": (record(title=f"{LONG}++"), record(), False),
    "no title": (record(title="?!"), record(title="..."), False),
    "generic title, one surname, years apart": (
        record(title=SHORT, abstract="", year=2019),
        record(title=SHORT, abstract="", year=2025),
        False,
    ),
    "generic title, one surname, no year": (
        record(title=SHORT, abstract="", year=None),
        record(title=SHORT, abstract=""),
        False,
    ),
    "generic title, one surname, next year": (
        record(title=SHORT, abstract="", year=2024),
        record(title=SHORT, abstract=""),
        True,
    ),
    "generic title, one surname, a date of the next year": (
        record(title=SHORT, abstract="", year=None, announced="2026-01-03"),
        record(title=SHORT, abstract=""),
        True,
    ),
    "generic title, one surname, a date of years before": (
        record(title=SHORT, abstract="", year=None, announced="2025-01-03", submitted="2019-05"),
        record(title=SHORT, abstract=""),
        False,
    ),
    "generic title, same abstract, years apart": (
        record(title=SHORT, year=2019),
        record(title=SHORT),
        True,
    ),
    "title and abstract, one side anonymous": (record(authors=("Anonymous",)), record(), True),
    "title, other abstract, one side anonymous": (
        record(authors=("Anonymous Authors",), abstract=OTHER),
        record(),
        False,
    ),
    "title, and collaborations of two names": (
        record(authors=("Kiln Collaboration",), abstract=""),
        record(authors=("Tide Collaboration",)),
        False,
    ),
    "two arXiv ids": (
        record(external_ids=arxiv("2501.00001")),
        record(external_ids=arxiv("2501.00002")),
        False,
    ),
    "one arXiv id": (record(external_ids=arxiv("2501.00001")), record(), True),
    "two ACL ids, other abstract": (
        record(external_ids=acl("P19-1001")),
        record(external_ids=acl("P19-1002"), abstract=OTHER),
        False,
    ),
    "two ACL ids, same abstract": (
        record(external_ids=acl("P19-1001")),
        record(external_ids=acl("P19-1002")),
        True,
    ),
    "a sketch of the abstract, authors unknown": (
        record(authors=(), abstract="", extra={"abstract_sketch": sketch(TEXT)}),
        record(),
        True,
    ),
    "a sketch of another abstract, authors unknown": (
        record(authors=(), abstract="", extra={"abstract_sketch": sketch(OTHER)}),
        record(),
        False,
    ),
    "two sketches, authors unknown": (
        record(authors=(), abstract="", extra={"abstract_sketch": sketch(TEXT)}),
        record(authors=(), abstract="", extra={"abstract_sketch": sketch(TEXT)}),
        True,
    ),
}


@pytest.mark.parametrize(("one", "other", "expected"), VERDICTS.values(), ids=VERDICTS)
def test_when_two_records_are_one_paper(one: Record, other: Record, expected: bool):
    """A shared title needs a shared surname or a shared abstract; ids can speak against it."""
    assert same_paper(evidence(one), evidence(other)) is expected
    assert same_paper(evidence(other), evidence(one)) is expected


def test_generic_titles_are_generic():
    """The two titles of the table stand on the two sides of what counts as generic."""
    assert len(evidence(record(title=SHORT)).key) < GENERIC_TITLE <= len(evidence(record()).key)


ANY_RECORD = st.builds(
    Record,
    source=st.sampled_from(["arxiv", "acl"]),
    key=st.sampled_from("ab"),
    title=st.sampled_from([LONG, SHORT, ""]),
    abstract=st.sampled_from(["", TEXT, OTHER]),
    authors=st.lists(st.sampled_from(["Ada Lovelace", "Tom Reed", ""]), max_size=2).map(tuple),
    external_ids=st.lists(
        st.sampled_from([*arxiv("2501.00001"), *arxiv("2501.00002"), *acl("P19-1001"),
                         *acl("P19-1002")]),
        max_size=2,
    ).map(tuple),
    year=st.sampled_from([None, 2019, 2024, 2025]),
    extra=st.sampled_from([{}, {"abstract_sketch": sketch(TEXT)}, {"abstract_sketch": []}]),
)  # fmt: skip


@given(ANY_RECORD, ANY_RECORD)
def test_being_one_paper_is_symmetric(one: Record, other: Record):
    """Which of two records is asked first never matters."""
    a, b = evidence(one), evidence(other)
    assert same_paper(a, b) == same_paper(b, a)
    assert abstract_overlap(a, b) == abstract_overlap(b, a)


@given(ANY_RECORD, ANY_RECORD)
def test_a_title_alone_never_decides(one: Record, other: Record):
    """Without authors and without abstracts no two records are one paper."""
    bare = [replace(r, authors=(), abstract="", extra={}) for r in (one, other)]
    assert not same_paper(evidence(bare[0]), evidence(bare[1]))


@given(st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=60).map(" ".join))
def test_a_sketch_stands_for_its_abstract(abstract: str):
    """A sketch is small, ascending, and finds all of itself in the text it was made of."""
    numbers = sketch(abstract)
    assert numbers == sorted(set(numbers))
    assert 1 <= len(numbers) <= SKETCH_SIZE
    sketched = evidence(record(abstract="", extra={"abstract_sketch": numbers}))
    assert abstract_overlap(sketched, evidence(record(abstract=abstract))) == 1.0
    assert abstract_overlap(sketched, sketched) == 1.0


def test_an_unknown_abstract_has_no_overlap():
    """Where one side has neither abstract nor sketch, nothing is said about the overlap."""
    assert abstract_overlap(evidence(record(abstract="")), evidence(record())) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((), (), False),
        (arxiv("1"), (), False),
        (arxiv("1"), arxiv("1"), False),
        (arxiv("1"), arxiv("2"), True),
        (arxiv("1") + arxiv("2"), arxiv("2"), False),
        (arxiv("1"), acl("2"), False),
    ],
)
def test_ids_conflict(one: tuple[ExternalId, ...], other: tuple[ExternalId, ...], expected: bool):
    """Ids conflict where both sides have some of the namespace and none in common."""
    assert ids_conflict(one, other, "arxiv") is ids_conflict(other, one, "arxiv") is expected


# ---------------------------------------------------------------------------- compose

DAYS = st.sampled_from([None, "2025-01-02", "2025-03", "2026-02-01"])
WORDS = st.sampled_from(
    ["", "Tides", "Tides of Nine Harbours", "Moons of Nine Harbours", r"\emph{Kilns} at $\alpha^2$"]
)
TAGS = st.lists(st.sampled_from(["cs.LG", "cs.CL", "math.GT"]), max_size=2, unique=True).map(tuple)
FULL_RECORDS = st.lists(
    st.builds(
        Record,
        source=st.sampled_from(["arxiv", "acl", "openreview", "hf", "file", "elsewhere"]),
        key=st.sampled_from(["1", "2", "3"]),
        title=WORDS.filter(bool),
        abstract=WORDS,
        summary=WORDS,
        authors=st.lists(
            st.sampled_from([*ADA, "Zoe Quill", "A. One, B. Two and C. Three", r"Zo\"e Quill"]),
            max_size=3,
        ).map(tuple),
        external_ids=st.sampled_from([(), arxiv("2501.00001"), acl("P19-1001")]),
        year=st.sampled_from([None, 2024, 2025]),
        submitted=DAYS,
        announced=DAYS,
        updated=DAYS,
        published=DAYS,
        categories=TAGS,
        keywords=TAGS,
        venue=st.sampled_from(["", "arXiv", "CoRR", "ICML", "ACL"]),
        comment=WORDS,
        withdrawn=st.booleans(),
        links=st.sampled_from([(), (("pdf", "https://example.org/a"),)]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda r: (r.source, r.key),
)


@given(FULL_RECORDS.flatmap(lambda rs: st.tuples(st.just(rs), st.permutations(rs))))
def test_the_order_of_records_never_shows(worlds: tuple[list[Record], list[Record]]):
    """A paper is composed alike in whatever order its records come."""
    given_order, shuffled = worlds
    first = compose(PaperId(1), given_order, "2026-03-17T06:30:00Z")
    assert compose(PaperId(1), shuffled, "2026-03-17T06:30:00Z") == first


def as_shown(name: str, one: Record) -> object:
    """Return the value of a field of a record as a paper would show it."""
    value = getattr(one, name)
    if name == "authors":
        return tuple(map(readable, value))
    return readable(value) if name in {"title", "abstract", "summary"} else value


@given(FULL_RECORDS)
def test_every_shown_field_has_the_origin_that_is_told(records: list[Record]):
    """The source that is named for a field says what is shown, and no field shown lacks one."""
    paper = compose(PaperId(1), records, "now")
    told = origins(records)
    chosen = [rule.field for rule in FIELD_RULES if rule.pick]
    assert set(told) == {name for name in chosen if getattr(paper, name)}
    for name, source in told.items():
        assert getattr(paper, name) in [as_shown(name, r) for r in records if r.source == source]


@given(FULL_RECORDS.flatmap(lambda rs: st.tuples(st.just(rs), st.permutations(rs))))
def test_the_order_of_records_never_changes_an_origin(worlds: tuple[list[Record], list[Record]]):
    """The sources named are the same in whatever order the records come."""
    assert origins(worlds[0]) == origins(worlds[1])


def test_every_field_of_a_paper_has_its_one_rule():
    """All that a paper shows is ruled, but for what is made of the papers' days and of itself."""
    ruled = [rule.field for rule in FIELD_RULES]
    made = {"id", "sources", "first_seen", "edition", "basis", "upvotes"}
    assert sorted(ruled) == sorted({f.name for f in fields(Paper)} - made)
    assert all(rule.words for rule in FIELD_RULES)


@pytest.mark.parametrize("rule", FIELD_RULES, ids=lambda rule: rule.field)
def test_every_rule_stands_in_the_documentation(rule: FieldRule):
    """docs/identity.md shows the rules word for word."""
    text = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")
    assert f"\n| {rule.field} | {rule.words} |\n" in text


JOINED = ("Ada Lovelace, Tom Reed and Zoe Quill",)
THREE = ("Ada Lovelace", "Tom Reed", "Zoe Quill")
AUTHORS = {
    "the better source": ({"arxiv": ADA, "acl": ("A. Lovelace", "T. Reed")}, ADA),
    "names one by one before names in one": ({"arxiv": JOINED, "hf": ADA}, ADA),
    "names in one before nothing": ({"arxiv": (), "hf": JOINED}, JOINED),
    "a list that goes on": ({"arxiv": ADA, "acl": THREE}, THREE),
    "a list that was cut": ({"arxiv": ("Ada Lovelace", "et al."), "acl": THREE}, THREE),
    "a longer list of other people": ({"arxiv": ADA, "hf": ("Al Gray", "Bo Hill", "Cy Moor")}, ADA),
    "a list blown up with places": (
        {"arxiv": ADA, "file": (*ADA, "University of Tides", "Zoe Quill")},
        ADA,
    ),
    "a list blown up with numbers": ({"arxiv": ADA, "file": (*ADA, "1", "2", "3")}, ADA),
    "a list that names all again and again": ({"arxiv": ADA, "file": (*THREE, *THREE, *ADA)}, ADA),
    "names before none": ({"arxiv": ("Anonymous",), "openreview": ADA}, ADA),
    "an author turned round": ({"file": ("Lovelace, Ada", "Reed, Tom")},
                               ("Lovelace, Ada", "Reed, Tom")),
}  # fmt: skip


@pytest.mark.parametrize(("lists", "expected"), AUTHORS.values(), ids=AUTHORS)
def test_whose_authors_are_shown(lists: dict[str, tuple[str, ...]], expected: tuple[str, ...]):
    """The best source that names people one by one, or a list that has these and more."""
    records = [Record(source, "1", LONG, authors=names) for source, names in lists.items()]
    assert compose(PaperId(1), records, "now").authors == expected
    assert compose(PaperId(1), records[::-1], "now").authors == expected


def test_tex_is_shown_readable():
    """A paper shows title, abstract and authors without TeX; its folded title stays the same."""
    raw = record(title=r"$\Gamma$-Nets of {\L}\'od\'z", abstract=r"\emph{Very} deep: $n^2$",
                 authors=(r"Andr\'e Quill",))  # fmt: skip
    paper = compose(PaperId(1), [raw], "now")
    assert (paper.title, paper.abstract) == ("Γ-Nets of Łódź", "Very deep: n²")
    assert paper.authors == ("André Quill",)
    assert evidence(replace(raw, title=paper.title)).key == evidence(raw).key


@pytest.mark.parametrize(
    "venue",
    ["", "arXiv", "ArXiv preprint arXiv:2503.11677", "CoRR", "CoRR abs/2503.11677", "bioRxiv"],
)
def test_an_e_print_is_no_venue(venue: str):
    """Venue and year are those of the conference, though the e-print is the better source."""
    records = [
        Record("arxiv", "1", "Tides", venue=venue, year=2024),
        Record("acl", "1", "Tides", venue="Corrosion Letters", year=2025),
    ]
    paper = compose(PaperId(1), records, "now")
    assert (paper.venue, paper.year) == ("Corrosion Letters", 2025)
    assert origins(records)["venue"] == origins(records)["year"] == "acl"


@given(FULL_RECORDS)
def test_a_paper_unites_its_records(records: list[Record]):
    """Ids, categories, keywords, links and sources are united; nothing is invented."""
    paper = compose(PaperId(1), records, "now")
    assert set(paper.external_ids) == {i for r in records for i in r.external_ids}
    for name in ("categories", "keywords", "links"):
        assert set(getattr(paper, name)) == {v for r in records for v in getattr(r, name)}
        assert len(set(getattr(paper, name))) == len(getattr(paper, name))
    assert set(paper.sources) == {r.source for r in records}
    for name in ("title", "abstract", "summary", "venue", "comment", "authors", "year"):
        said = [as_shown(name, r) for r in records]
        assert getattr(paper, name) in said
        assert getattr(paper, name) or not any(said)
    assert paper.withdrawn is any(r.withdrawn for r in records)
    for name in ("submitted", "announced", "published"):
        days = [getattr(r, name) for r in records if getattr(r, name)]
        assert getattr(paper, name) == min(days, default=None)
    assert paper.updated == max((r.updated for r in records if r.updated), default=None)


def test_the_better_source_gives_the_words():
    """The e-print's title and abstract win, the conference gives venue and year."""
    records = [
        Record("acl", "1", "A Longer Title of Tides", "long " * 9, venue="ACL", year=2026),
        Record("arxiv", "1", "Tides", "short", venue="arXiv", year=2025),
    ]
    paper = compose(PaperId(7), records, "now")
    assert (paper.title, paper.abstract) == ("Tides", "short")
    assert (paper.venue, paper.year) == ("ACL", 2026)
    assert (paper.id, paper.first_seen) == (7, "now")


def test_a_missing_field_comes_from_the_next_source():
    """Where the best source has no abstract, the fullest one of the next best is shown."""
    records = [
        Record("arxiv", "1", "Tides"),
        Record("file", "1", "Tides!", "from a file"),
        Record("acl", "1", "Tides", "short"),
        Record("acl", "2", "Tides", "fuller than short"),
    ]
    assert compose(PaperId(1), records, "now").abstract == "fuller than short"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({"announced": "2026-02-01", "submitted": "2026-01-01"}, "2026-02-01"),
        ({"submitted": "2026-01-01", "published": "2026-05"}, "2026-01-01"),
        ({"published": "2026-05"}, "2026-05"),
        ({"year": 2026}, "2026"),
        ({}, None),
    ],
)
def test_the_day_of_a_paper(days: dict[str, object], expected: str | None):
    """A paper is sorted by its announcement, else submission, else publication, else year."""
    paper = compose(PaperId(1), [Record("file", "1", "Tides", **days)], "now")
    assert paper.day == expected


@pytest.mark.parametrize("pair", list(product(["", TEXT, OTHER], repeat=2)))
def test_the_text_of_a_paper(pair: tuple[str, str]):
    """What is embedded is title and abstract, or title and summary where there is no abstract."""
    abstract, summary = pair
    record_of = Record("file", "1", "Tides", abstract=abstract, summary=summary)
    paper = compose(PaperId(1), [record_of], "now")
    assert paper.text == f"Tides. {abstract or summary}"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("Code: https://github.com/ada/kites.", "https://github.com/ada/kites"),
        ("see (github.com/Ada-9/kites_2.0), please", "https://github.com/Ada-9/kites_2.0"),
        ("http://www.github.com/ada/kites.git", "https://github.com/ada/kites"),
        ("https://gitlab.com/ada/kites/-/tree/main", "https://gitlab.com/ada/kites"),
        ("https://github.com/ada", None),
        ("a mygithub.com/ada/kites clone", None),
        ("github.com//kites and github.com/ada/.", None),
    ],
)
def test_code_is_found_where_authors_write_it(text: str, url: str | None):
    """In the comment or the abstract; a link that a source gives comes before it."""
    said = Record("arxiv", "1", "Kites", abstract=text)
    assert compose(PaperId(1), [said], "now").links == ((("code", url),) if url else ())
    commented = replace(said, abstract="", comment=text)
    assert compose(PaperId(1), [commented], "now").links == ((("code", url),) if url else ())
    given = replace(said, links=(("code", "https://code.example/x"),))
    assert compose(PaperId(1), [given], "now").links == given.links
