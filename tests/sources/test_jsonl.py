"""What the pure reader makes of JSON objects. All papers here are invented."""

from __future__ import annotations

import itertools
import lzma
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError
from broadsheet.papers.text import _CONTROL, _SPACES, clean
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import jsonl
from shared_data import SHARED, needs_shared

DOCS = Path(__file__).parents[2] / "docs" / "import.md"
KAGGLE = {
    "id": "0704.9001",
    "submitter": "A. Example",
    "authors": "A. Example, B. Sample and C.-P. Third (1) ((1) Inst. of Kites)",
    "title": "A title that\n  wraps",
    "comments": "37 pages",
    "journal-ref": "J.Samp.D76:1,2007",
    "doi": "10.5555/x",
    "report-no": "EX-07-1",
    "categories": "hep-ph hep-ex",
    "license": None,
    "abstract": "  We compute kites\nvalid at sea.\n",
    "versions": [
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
        {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
    ],
    "update_date": "2008-11-26",
    "authors_parsed": [["Example", "A.", ""], ["Sample", "B.", "Jr"], ["Third", "C. -P.", "", "X"]],
}


def made(**fields: Any) -> Record:
    """Return the record of an object with these fields and, unless it has one, a title."""
    return jsonl.to_record({"title": "Kites"} | fields, name="x.jsonl", line=1)


def ids(**fields: Any) -> list[str]:
    """Return the external ids of such an object."""
    return [str(i) for i in made(**fields).external_ids]


def test_kaggle():
    """A line of Kaggle's arXiv snapshot gives every field that a record has."""
    record = jsonl.to_record(KAGGLE, name="x", line=1)
    kept = ("id", "submitter", "report-no", "license", "versions", "authors")
    assert record == Record(
        source="arxiv",
        key="0704.9001",
        title="A title that wraps",
        abstract="We compute kites valid at sea.",
        authors=("A. Example", "B. Sample Jr", "C. -P. Third"),
        external_ids=(ExternalId("arxiv", "0704.9001"), ExternalId("doi", "10.5555/x")),
        submitted="2007-04-02",
        updated="2008-11-26",
        categories=("hep-ph", "hep-ex"),
        venue="J.Samp.D76:1,2007",
        comment="37 pages",
        extra={k: KAGGLE[k] for k in kept},
    )


def test_a_listing_of_arxiv():
    """A row with a source is keyed by its arXiv id and its date is the day of the listing."""
    record = made(
        id="arxiv:2501.00001", arxiv_id="2501.00001v2", date="2025-01-02", source="arXiv",
        primary_category="cs.CV", categories=["cs.AI", "cs.CV"], url="https://arxiv.org/abs/2501.00001",
    )  # fmt: skip
    assert (record.source, record.key) == ("arxiv", "2501.00001")
    assert record.external_ids == (ExternalId("arxiv", "2501.00001"),)
    assert (record.announced, record.published) == ("2025-01-02", None)
    assert record.categories == ("cs.CV", "cs.AI")
    assert record.links == (("abs", "https://arxiv.org/abs/2501.00001"),)
    assert record.extra == {"id": "arxiv:2501.00001"}


def test_a_row_of_daily_papers():
    """A number of comments is no comment, and a day of posting is no day of submission."""
    record = made(
        arxiv_id="2501.00001", source="hf", date="2025-01-02", published_at="2024-12-31T23:00:00Z",
        submitted_at="2025-01-02T01:00:00Z", comments=3, upvotes=0, ai_summary="Kites land.",
        github_repo="https://github.com/x/y", project_page="javascript:alert(1)",
    )  # fmt: skip
    assert (record.key, record.announced, record.published) == (
        "arxiv:2501.00001",
        "2025-01-02",
        "2024-12-31",
    )
    assert (record.submitted, record.comment, record.summary) == (None, "", "Kites land.")
    assert record.links == (("code", "https://github.com/x/y"),)
    assert record.extra == {
        "submitted_at": "2025-01-02T01:00:00Z",
        "comments": 3,
        "upvotes": 0,
        "project_page": "javascript:alert(1)",
    }


@pytest.mark.parametrize(
    ("given_title", "reason"),
    [
        (None, "no title"),
        ("", "no title"),
        (" \n\x00", "no title"),
        (7, "title is a number"),
        (1.5, "title is a number"),
        (False, "title is true or false"),
        ({"a": 1}, "title is an object"),
        (["a", "b"], "title is a list"),
        ("x" * 2001, "title of 2001 characters"),
    ],
)
def test_titles_that_are_none(given_title, reason):
    """A record without a usable title is refused, in plain words."""
    with pytest.raises(RecordError) as caught:
        jsonl.to_record({"title": given_title, "id": "1"}, name="x.jsonl", line=7)
    assert (caught.value.reason, caught.value.source, caught.value.place) == (reason, "x.jsonl", 7)


def test_no_title_at_all():
    """An empty object has no title."""
    with pytest.raises(RecordError, match="no title"):
        jsonl.to_record({}, name="x", line=1)


@pytest.mark.parametrize("field", ["title", "name", "paper_title"])
def test_title_aliases(field):
    """A title has several names; markup and entities in it are kept as text."""
    record = jsonl.to_record({field: " <b>Kites</b>\n&amp; X "}, name="x", line=1)
    assert record.title == "<b>Kites</b> &amp; X"


@pytest.mark.parametrize("order", [*itertools.permutations(["abstract", "summary", "description"])])
def test_summary_beside_an_abstract(order):
    """`summary` is the abstract where there is no other, else a summary; order never counts."""
    both = made(**{name: name for name in order})
    assert (both.abstract, both.summary) == ("abstract", "summary")
    assert both.extra == {"description": "description"}
    alone = made(**{name: name for name in order if name != "abstract"})
    assert (alone.abstract, alone.summary) == ("summary", "")


def test_summaries():
    """An AI summary or a TL;DR is a summary, and of two the better-named one."""
    assert made(tldr={"text": "Short.", "model": "m"}).summary == "Short."
    assert made(tldr="Short.").summary == "Short."
    both = made(abstract="A.", ai_summary="S.", summary="T.")
    assert (both.summary, both.extra) == ("S.", {"summary": "T."})
    assert made(abstract="A.", ai_summary=None, summary="T.").summary == "T."


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        (["A. Example", " B.  Sample "], ["A. Example", "B. Sample"]),
        ([{"name": "A. Example"}, {"first": "B.", "last": "Sample"}], ["A. Example", "B. Sample"]),
        ([{"given": "A.", "family": "Example", "suffix": "Jr."}], ["A. Example Jr."]),
        ([{"author": {"display_name": "A. Example"}, "position": 1}], ["A. Example"]),
        ([{"literal": "The Kite Group"}], ["The Kite Group"]),
        ({"name": "A. Example"}, ["A. Example"]),
        (["Ada Example, Bea Sample, Cy Third"], ["Ada Example", "Bea Sample", "Cy Third"]),
        (["Example, Ada"], ["Ada Example"]),
        ("Ada Example, PhD, Bea Sample", ["Ada Example PhD", "Bea Sample"]),
        ("A. Example, B. Sample and C.-P. Third", ["A. Example", "B. Sample", "C.-P. Third"]),
        ("A. Example, B. Sample, and C. Third", ["A. Example", "B. Sample", "C. Third"]),
        ("A. Example & B. Sample", ["A. Example", "B. Sample"]),
        ("A. Example; B. Sample", ["A. Example", "B. Sample"]),
        ("Example, Ada; Sample, Bea", ["Ada Example", "Bea Sample"]),
        ("Example, Ada and Sample, Bea", ["Ada Example", "Bea Sample"]),
        ("Example, Ada", ["Ada Example"]),
        ("Ada Example, Bea Sample", ["Ada Example", "Bea Sample"]),
        ("Ada Example, Jr., Bea Sample", ["Ada Example Jr.", "Bea Sample"]),
        ("Ada Example (Kite Inst. (North)), Bea Sample", ["Ada Example", "Bea Sample"]),
        ("Ada Example", ["Ada Example"]),
        (" , ", []),
    ],
)
def test_authors(authors, names):
    """Authors come as lists of names or people, or as one string joined in a usual way."""
    assert made(authors=authors).authors == tuple(names)


def test_authors_that_cannot_be_read():
    """Where a name is missing, the others are taken and the whole is kept aside."""
    given_authors = ["A. Example", {"orcid": "0"}, 7, None]
    record = made(authors=given_authors)
    assert record.authors == ("A. Example",)
    assert record.extra == {"authors": given_authors}


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ("2026-06-03", "2026-06-03"),
        (" 2026-6-3 ", "2026-06-03"),
        ("1999-02", "1999-02"),
        ("2026-06-03T10:00:00.000Z", "2026-06-03"),
        ("2026-06-03T01:00:00+08:00", "2026-06-02"),
        ("2026-06-03 23:30:00", "2026-06-03"),
        ("Mon, 2 Apr 2007 19:18:42 GMT", "2007-04-02"),
        ("2 Apr 2007 23:18:42 -0800", "2007-04-03"),
        (1_751_328_000, "2025-07-01"),
        ("2026-02-30", None),
        ("2026-13-01", None),
        ("3/4/2025", None),
        ("June 2025", None),
        ("0000-01-01", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("x" * 100, None),
        (2025, None),
        (20_250_304, None),
        (1_751_328_000_000, None),
        (True, None),
        ([2025, 1, 1], None),
    ],
)
def test_dates(date, day):
    """Dates in known forms are ISO days in UTC; the others stay as given and are not guessed."""
    record = made(published=date)
    assert record.published == day
    assert ("published" in record.extra) == (day is None)


def test_which_date():
    """Each alias gives its own date, and a bare `date` is a day of publication."""
    assert made(date="2025-01-02").published == "2025-01-02"
    assert made(date="2025-01-02", source="hf").announced == "2025-01-02"
    assert made(created="2025-01-02").submitted == "2025-01-02"
    assert made(update_date="2025-01-02").updated == "2025-01-02"
    both = made(date="2025-01-02", published="2025-01-03")
    assert (both.published, both.extra) == ("2025-01-03", {"date": "2025-01-02"})


@pytest.mark.parametrize(
    ("year", "expected"),
    [(2025, 2025), ("2025", 2025), (2025.0, 2025), (0, None), ("25", None), (True, None)],
)
def test_years(year, expected):
    """A year has four digits; what is none stays aside."""
    record = made(year=year)
    assert record.year == expected
    assert record.extra == ({} if expected else {"year": year})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"arxiv_id": "arXiv:2501.00001v3"}, ["arxiv:2501.00001"]),
        ({"arxiv": "https://arxiv.org/pdf/2501.00001"}, ["arxiv:2501.00001"]),
        ({"doi": "https://doi.org/10.5555/ABC"}, ["doi:10.5555/abc"]),
        ({"doi": "10.48550/arXiv.2501.00001"}, ["arxiv:2501.00001"]),
        ({"acl_id": "P99-1001"}, ["acl:P99-1001"]),
        ({"openreview_id": "aBcDeFgHiJ"}, ["openreview:aBcDeFgHiJ"]),
        ({"s2_id": "0" * 40}, [f"s2:{'0' * 40}"]),
        ({"paperId": "a" * 40}, [f"s2:{'a' * 40}"]),
        ({"openalex_id": "W1234567"}, ["openalex:W1234567"]),
        ({"pmid": 1234567}, ["pmid:1234567"]),
        ({"id": "https://openalex.org/W1234567"}, ["openalex:W1234567"]),
        ({"id": "acl:P99-1001"}, ["acl:P99-1001"]),
        ({"_id": "doi:10.5555/x"}, ["doi:10.5555/x"]),
        ({"id": "2501.00001", "categories": ["cs.CL"]}, ["arxiv:2501.00001"]),
        ({"id": "2501.00001", "categories": ["physics"]}, ["arxiv:2501.00001"]),
        ({"id": "2501.00001", "source": "arxiv"}, ["arxiv:2501.00001"]),
        ({"id": "2501.00001", "categories": ["Kites"]}, []),
        ({"id": "P99-1001"}, []),
        ({"id": 7}, []),
        ({"id": "pl:acl2099/2099.acl-long.7"}, ["acl:2099.acl-long.7"]),
        ({"id": "pl:kites2099/0815"}, []),
        (
            {"id": "pl:iclr2099/x", "url": "https://openreview.net/forum?id=aBcDeFgHiJ"},
            ["openreview:aBcDeFgHiJ"],
        ),
        ({"pdf": "https://arxiv.org/pdf/2501.00001v1"}, ["arxiv:2501.00001"]),
        ({"link": "doi:10.5555/x"}, ["doi:10.5555/x"]),
        (
            {"externalIds": {"ArXiv": "2501.00001", "DOI": "10.5555/x", "CorpusId": 7}},
            ["arxiv:2501.00001", "doi:10.5555/x"],
        ),
        ({"links": [{"href": "http://arxiv.org/abs/2501.00001v1"}]}, ["arxiv:2501.00001"]),
        ({"code": "https://arxiv.org/abs/2501.00001"}, []),
        # What only looks like an id of the paper.
        ({"doi": "see 10.5555/x"}, []),
        ({"doi": "10.1007/978-3-031-00000-4"}, []),
        ({"doi": "10.1007/978-3-031-00000-4_7"}, ["doi:10.1007/978-3-031-00000-4_7"]),
        ({"doi": "10.18653/v1/P99-1002", "id": "acl:P99-1001"}, ["acl:P99-1001"]),
        ({"arxiv_id": 2501.1}, []),
    ],
)
def test_ids(fields, expected):
    """Ids are canonical; an own id is external only if it says so; a DOI is of the paper alone."""
    assert ids(**fields) == expected


def test_ids_that_are_none_are_kept():
    """What stands in an id's place and is none stays under its own name."""
    fields = {"doi": "none yet", "arxiv_id": 7.5, "externalIds": {"CorpusId": 7}, "id": "a1"}
    assert made(**fields).extra == fields


def test_links():
    """Links are http or https; each alias has its kind; anything else stays aside."""
    record = made(
        url="https://example.org/a", pdf="http://example.org/a.pdf", code="ftp://example.org",
        homepage="https://example.org/h", links=["https://example.org/b.pdf", {"href": "x"}],
    )  # fmt: skip
    assert record.links == (
        ("abs", "https://example.org/a"),
        ("pdf", "http://example.org/a.pdf"),
        ("project", "https://example.org/h"),
        ("pdf", "https://example.org/b.pdf"),
    )
    assert set(record.extra) == {"code", "links"}


@pytest.mark.parametrize(
    ("fields", "is_withdrawn"),
    [
        ({"withdrawn": True}, True),
        ({"is_withdrawn": True}, True),
        ({"withdrawn": False}, False),
        ({"comment": "This paper has been WITHDRAWN by its author"}, True),
        ({"abstract": "This submission has been withdrawn."}, True),
        ({"comment": "Withdrawn: an error"}, True),
        ({"abstract": "We ask why papers are withdrawn."}, False),
        ({"status": "Withdraw"}, False),
    ],
)
def test_withdrawn(fields, is_withdrawn):
    """A paper is withdrawn if a field or the first words of abstract or comment say so."""
    assert made(**fields).withdrawn is is_withdrawn


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        (["cs.CL", "cs.LG", "cs.CL"], ("cs.CL", "cs.LG")),
        ("cs.CL cs.LG", ("cs.CL", "cs.LG")),
        ("Machine Learning, Kites", ("Machine Learning", "Kites")),
        (7, ()),
    ],
)
def test_categories(categories, expected):
    """Categories come as a list or in one string, the first being the primary one."""
    assert made(categories=categories).categories == expected


def test_texts():
    """Keywords, venue and comment are found under their other names."""
    record = made(
        keywords="kites; wind, string", journal=["J. Kites"], comments="7 pages", volume=7
    )
    assert record.keywords == ("kites", "wind", "string")
    assert (record.venue, record.comment, record.extra) == ("J. Kites", "7 pages", {"volume": 7})
    assert made(**{"container-title": "K", "booktitle": "B"}).venue == "B"


def test_nothing_is_lost():
    """Fields without a place are kept unchanged; nulls and empties of known ones say nothing."""
    odd = {"n": None, "deep": [{"a": [1.5, "x"]}], "abstract_sketch": [1, 2], "title_de": "Drachen"}
    assert made(**odd, abstract=None, doi="", authors=[], venue=None).extra == odd


@pytest.mark.parametrize(
    ("source", "expected", "extra"),
    [
        ("ACL", "acl", {}),
        ("my.list-2", "my.list-2", {}),
        ("my list", "file", {"source": "my list"}),
        ("x" * 33, "file", {"source": "x" * 33}),
        ({"a": 1}, "file", {"source": {"a": 1}}),
        (None, "file", {}),
    ],
)
def test_sources(source, expected, extra):
    """A source is a short plain word; anything else is kept aside and the source is "file"."""
    record = made(source=source)
    assert (record.source, record.extra) == (expected, extra)


def test_keys_with_a_source():
    """Within a named source the item's own id is its key, else an external id, else its title."""
    assert made(source="s", id="a/7").key == "a/7"
    assert made(source="s", id=7).key == "7"
    assert made(source="s", doi="10.5555/x").key == "doi:10.5555/x"
    assert made(source="s").key == made(source="s", title="KITES!").key
    assert made(source="s", id="i" * 300).key != made(source="s", id="j" * 300).key
    assert len(made(source="s", id="i" * 300).key) == 16


def test_keys_without_a_source():
    """A correction keeps its key; the same local id under another title is another item."""
    first = made(id="1", abstract="Old.", authors=["A. Example"])
    assert first.key == made(id="1", abstract="New.", authors=["A. Example"]).key
    assert first.key != made(id="1", abstract="Old.", authors=["B. Sample"]).key
    assert re.fullmatch("[0-9a-f]{16}", first.key)
    assert first.key != made(id="1", title="Graphs").key
    assert first.key != made(id="2", abstract="Old.", authors=["A. Example"]).key


@pytest.mark.parametrize(
    "other", [{"abstract": "Two."}, {"year": 1999}, {"authors": ["B. Sample"]}]
)
def test_keys_without_any_id(other):
    """Records with one title and no id are different items wherever they say anything different."""
    first = {"title": "Summing up", "abstract": "One.", "year": 1998, "authors": ["A. Example"]}
    assert made(**first).key == made(**first).key
    assert made(**first).key != made(**(first | other)).key


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"abstract": "x" * 100_001}, "abstract of 100001 characters"),
        ({"comment": "x" * 100_001}, "comment of 100001 characters"),
        ({"body": "x" * 200_001}, "200012 bytes in fields beyond the known ones"),
        ({"n": 2**80}, "cannot be kept"),
    ],
)
def test_limits(fields, reason):
    """A record larger than a record may be is refused with its size."""
    with pytest.raises(RecordError, match=reason):
        made(**fields)


def test_nesting():
    """Fields nested beyond what can be written are refused."""
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(RecordError, match="cannot be kept"):
        made(deep=deep)


def test_the_object_is_not_changed():
    """Reading an object leaves it as it was."""
    before = orjson.dumps(KAGGLE)
    jsonl.to_record(KAGGLE, name="x", line=1)
    assert orjson.dumps(KAGGLE) == before


@given(st.text())
def test_the_short_way_to_clean(text):
    """The short way past the regular expressions gives what `clean` gives."""
    assert clean(text) == _SPACES.sub(" ", _CONTROL.sub(" ", text)).strip()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(
        ["2501.00001", "https://arxiv.org/abs/2501.00001", "10.5555/x", "2025-01-02", "A, B and C"]
    ),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text() | st.sampled_from(["name", "text", "author", "href"]), inner),
    max_leaves=8,
)  # fmt: skip
names = st.sampled_from([name for aliases in jsonl.ALIASES.values() for name in aliases])


@given(st.dictionaries(names | st.text(), json_values, max_size=8), st.booleans())
def test_any_object(obj, titled):
    """Any JSON object is a record or a record error, and the same one each time."""
    if titled:
        obj["title"] = "Kites"
    outcomes = []
    for _ in range(2):
        try:
            outcomes.append(repr(jsonl.to_record(obj, name="x", line=1)))
        except RecordError as error:
            outcomes.append(error.reason)
    assert outcomes[0] == outcomes[1]


def test_no_name_stands_for_two_fields():
    """The table of aliases names every field once."""
    every = [name for aliases in jsonl.ALIASES.values() for name in aliases]
    assert len(every) == len(set(every))


def test_aliases_are_documented():
    """docs/import.md shows the table of aliases as it is."""
    rows = re.findall(r"(?m)^\| ([a-z_0-9]+) \| (`.*?) \|", DOCS.read_text("utf-8"))
    documented = {field: tuple(re.findall("`(.+?)`", aliases)) for field, aliases in rows}
    assert documented == dict(jsonl.ALIASES)


@needs_shared
@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["arxiv_daily", "acl", "conferences", "hf_daily"])
def test_corpora(corpus):
    """The first 2,000 lines of each corpus are records that keep ids, titles and years."""
    assert SHARED
    with lzma.open(SHARED / "corpus" / f"{corpus}.jsonl.xz") as lines:
        objects = [orjson.loads(line) for line in itertools.islice(lines, 2000)]
    records = [jsonl.to_record(o, name=corpus, line=i) for i, o in enumerate(objects, 1)]
    assert len(records) == 2000
    for obj, record in zip(objects, records, strict=True):
        assert record.source == obj["source"]
        assert record.title == clean(obj["title"])
        assert record.abstract == clean(obj.get("abstract", ""))
        assert record.year == obj.get("year")
        # Some lists hold all names in one string.
        assert len(record.authors) >= len(obj.get("authors", ()))
    assert len({r.key for r in records}) == 2000
