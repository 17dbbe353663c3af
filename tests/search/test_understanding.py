"""What is understood of a query: additions with their reasons, and nothing taken away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import QueryError, SourceError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Record
from broadsheet.search.forward import as_one
from broadsheet.search.query import MAX_TERMS, is_prose, parse, plain, read
from broadsheet.search.understanding import LONG, Understood, Weighed, typed, understand
from shared_data import SHARED, needs_shared

TEXTS = (
    ("Kiln glaze networks (KGN) for pottery", "A kiln glaze network (KGN) fires clay evenly."),
    ("On kiln glaze networks", "What KGN learn of clay, after pre-firing of the clay."),
    ("KGN without words", "Clay models with prefiring; the KGN is small."),
    ("Tide colour of harbours", "The colour of water; pre-firing of lamps, and prefiring."),
    ("The color of moons", "Its color changes as it rises; the pre-firing of moons; prefiring."),
    ("Lanterns and color", "A lantern has a color, and self-glazing is seldom."),
    ("Color and colour of lanterns", "One word, two colour spellings, self-glazing lanterns."),
    ("Lanterns at sea", "Copper lanterns, self-glazing in the harbour. Workshops of 2020."),
)
AUTHORS = ("Ada Quillfeather", "Bob Moonlighter")


def record(number: int) -> Record:
    """Return one of a few invented papers, of a year and by a person."""
    title, abstract = TEXTS[number % len(TEXTS)]
    return Record(
        "file",
        str(number),
        f"{title}, part {number}",
        abstract,
        authors=(AUTHORS[number % 2], "Cy Plain"),
        year=2015 + number % 8,
        external_ids=(ExternalId("arxiv", f"2401.{number:05}"),),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Iterator[Library]:
    """Give a library of invented papers that nobody writes to."""
    with open_library(tmp_path_factory.mktemp("understood")) as opened:
        list(opened.file(map(record, range(64)), source="test", counts=Counter()))
        yield opened


@pytest.fixture
def ask(library):
    """Return what understands a text with the vocabulary of the library."""
    return lambda text: understand(read(text), library.index.vocabulary)


def added(found: Understood) -> set[tuple[str, str]]:
    """Return what was added, each with why."""
    return {(w.text, w.why) for w in found.words if w.why != "typed"}


TYPED = ["KGN", "kgn", "lantersn", "colour", "2019", "Ada", "(x", "pre", "firing", "of"]

# ---------------------------------------------------------------------------- what is added


@pytest.mark.parametrize(
    ("text", "expected", "meant"),
    [
        ("KGN", {("kiln glaze networks", "acronym")}, "KGN kiln glaze networks"),
        ("kgn", {("kiln glaze networks", "acronym")}, "kgn kiln glaze networks"),
        ("kiln glaze network", {("KGN", "acronym")}, "kiln glaze network"),
        ("Kiln-glaze networks", {("KGN", "acronym")}, "Kiln-glaze networks"),
        ("KGN kiln glaze networks", set(), "KGN kiln glaze networks"),
        ("lantersn", {("lanterns", "corrected")}, "lantersn lanterns"),
        ("harbuor", {("harbour", "corrected")}, "harbuor harbour"),
        ("lantern colour", {("color", "spelling")}, "lantern colour"),
        ("prefiring", {("pre firing", "spelling")}, "prefiring"),
        ("pre-firing", {("prefiring", "spelling")}, "pre-firing"),
        ("pre firing", {("prefiring", "spelling")}, "pre firing"),
        ("selfglazing", {("self glazing", "spelling")}, "selfglazing"),
        ("kilnglaze", {("kiln glaze", "spelling")}, "kilnglaze"),
        ("quillfeather", {("quillfeather", "author")}, "quillfeather"),
        (
            "Ada Quillfeather lanterns",
            {("Ada Quillfeather", "author")},
            "Ada Quillfeather lanterns",
        ),
        ("2019 lanterns", {("2019", "year")}, "2019 lanterns"),
        ("WMT 2019 lanterns", set(), "WMT 2019 lanterns"),
        ("2019", set(), "2019"),
        ("2019 lanterns year:2018..", set(), "2019 lanterns"),
        ("kilns of clay", set(), "kilns of clay"),
        ('"lantersn" "KGN"', set(), "lantersn KGN"),
        ("title:lantersn author:KGN", set(), ""),
        ("-lantersn clay", set(), "clay"),
        ("lantersn OR KGN", set(), "lantersn KGN"),
        ("LanTersn", set(), "LanTersn"),
        ("", set(), ""),
    ],
)
def test_what_is_added_to_a_query(ask, text, expected, meant):
    """Acronyms, slips, spellings, compounds, names and years; nothing in quotes or fields."""
    found = ask(text)
    assert added(found) == expected
    assert found.meant == meant


def test_what_is_meant_beyond_the_words_is_told(ask):
    """Each addition that is more than another form of the same word has its note."""
    found = ask("2019 lantersn KGN cat:cs.*")
    assert [n.kind for n in found.notes] == ["correction", "acronym", "year"]
    assert "lanterns" in found.notes[0].text
    assert found.notes[0].query == '2019 "lantersn" KGN cat:cs.*'
    assert ask(found.notes[0].query).notes[0].kind == "acronym"
    assert ask("colour").notes == ()


@given(st.text(max_size=80))
def test_no_word_is_lost_and_none_weighs_more(library, text):
    """Whatever is typed, its words come first, in order, with their weight."""
    query = plain(text)
    found = understand(query, library.index.vocabulary)
    assert tuple(w.text for w in found.words[: len(query.bare)]) == query.bare
    assert all(w == (w.text, 1, "typed", "") for w in found.words[: len(query.bare)])
    assert all(0 < w.weight <= 2 for w in found.words)


@given(st.lists(st.sampled_from(TYPED)))
def test_what_is_searched_as_typed_is_typed(library, words):
    """The query that a note leads to adds nothing for the word that the note is about."""
    query = plain(" ".join(words))
    for note in understand(query, library.index.vocabulary).notes:
        if note.query:
            again = understand(parse(note.query), library.index.vocabulary)
            assert note not in again.notes


def test_a_description_needs_spellings_only(ask):
    """More words than a few say what they are about, but each still has two spellings."""
    found = ask("lantersn KGN " * LONG + "water-colour")
    assert added(found) == {("color", "spelling")}
    assert found.notes == ()


def test_both_spellings_of_a_word_are_as_rare_as_the_more_frequent_one():
    """A paper does not rank for its country's spelling; what is no other spelling stays."""
    words = [
        *typed(["colour", "lantersn"]),
        Weighed("color", 1.0, "spelling", "colour"),
        Weighed("lanterns", 1.0, "corrected", "lantersn"),
    ]
    rarity = {"colour": (5.0, 7.0), "color": (2.0, 8.0), "lantersn": (9.0, 9.0)}
    found = as_one({**rarity, "lantern": (1.0, 1.0)}, words)
    assert found["colour"] == found["color"] == (2.0, 7.0)
    assert (found["lantersn"], found["lantern"]) == ((9.0, 9.0), (1.0, 1.0))


# ---------------------------------------------------------------------------- what it does


def titles(library: Library, text: str, mode: str = "text") -> list[str]:
    """Return the titles found, without their numbers."""
    return [h.paper.title.rpartition(",")[0] for h in library.search(text, mode=mode).hits]


def test_a_slip_finds_what_was_meant(library):
    """The hits are those of the right word, the page says so, and the word is marked."""
    found = library.search("lantersn", mode="text", limit=5)
    assert {h.paper.id for h in found.hits} <= {
        h.paper.id for h in library.search("lanterns", mode="text", limit=64).hits
    }
    assert found.total == library.search("lanterns", mode="text").total
    assert found.understood[0].kind == "correction"
    assert "Lanterns" in {text for marked, text in found.hits[0].title.parts() if marked}
    assert titles(library, found.understood[0].query) == []


def test_one_spelling_finds_the_other_and_both_count_once(library):
    """Both forms are matches, and a paper with both gains nothing by it."""
    found = library.search("colour", mode="text", limit=64)
    assert found.total == library.search("color", mode="text").total
    assert {t.split(",")[0] for t in titles(library, "colour")} >= {"Tide colour of harbours"}


def test_an_acronym_and_its_long_form_find_each_other(library):
    """Papers with the one or the other match; what has only words of it does not."""
    both = library.search('"KGN" OR "kiln glaze network"', mode="text").total
    assert library.search("KGN", mode="text").total == both == 24
    assert library.search('"KGN"', mode="text").total == 16 + 8
    assert "KGN without words" in titles(library, "kiln glaze network")


def test_a_year_moves_up_and_leaves_nothing_out(library):
    """Papers of the year come first among equals."""
    plainly, hinted = (library.search(q, mode="text", limit=64) for q in ("clay", "clay 2016"))
    assert hinted.hits[0].paper.year == 2016
    assert {h.paper.id for h in plainly.hits} <= {h.paper.id for h in hinted.hits}


def test_a_year_that_is_said_twice_counts_once(library):
    """The note and the bonus come once."""
    found = library.search("2016 clay 2016", mode="text")
    assert [n.kind for n in found.understood] == ["year"]


def test_a_name_finds_what_its_bearer_wrote(library):
    """A surname alone is enough, and counts as a match."""
    found = library.search("quillfeather", mode="text", limit=64)
    assert found.total == 32
    assert all("Ada Quillfeather" in h.paper.authors for h in found.hits)


def test_selecting_takes_what_searching_counts(library):
    """An export holds the matches that the page counted."""
    for text in ("lantersn", "colour", "quillfeather", "KGN", "2016 clay"):
        assert library.select(text).total == library.search(text, mode="text").total


@pytest.mark.parametrize("text", ["β", "$\\beta$", "beta", "ｂｅｔａ"])
def test_signs_and_their_names_are_one(home, text):
    """Greek letters, TeX and full-width letters find each other."""
    papers = [Record("file", "1", "On β-kilns"), Record("file", "2", "Beta kilns, ﬁred")]
    with open_library(home) as opened:
        list(opened.file(papers, source="test", counts=Counter()))
        assert opened.search(text, mode="text").total == 2
        assert opened.search("fired", mode="text").total == 1


def test_words_are_learned_as_papers_come_and_again_when_lost(home):
    """A table that is gone is made again; new papers are counted with the others."""
    with open_library(home) as opened:
        list(opened.file(map(record, range(8)), source="test", counts=Counter()))
        assert opened.index.words.forms().often("lanterns") == 3
        list(opened.file(map(record, range(8, 16)), source="test", counts=Counter()))
        assert opened.index.words.forms().often("lanterns") == 6
        opened.index.words.path.unlink()
        assert opened.search("lantersn").understood == ()
    with open_library(home) as opened:
        assert opened.search("lantersn").understood[0].kind == "correction"
        list(opened.rebuild())
        assert opened.index.words.forms().often("lanterns") == 6


# ---------------------------------------------------------------------------- pasted texts

PROSE = (
    "Following earlier work (Quillfeather et al., 2019) [12, 13], we fire clay: lanterns OF "
    "copper, (unclosed brackets and “quotes, a field:like this, -hyphens too. The kiln (KGN) glows."
)


def test_prose_is_read_as_it_stands(library):
    """What would be a fault of syntax is none in a sentence, and what it cites is left out."""
    assert is_prose(PROSE)
    words = read(PROSE).bare
    assert "glows" in words
    assert "12" not in words
    assert "Quillfeather" not in words
    found = library.search(PROSE)
    assert found.understood[0].kind == "prose"
    assert found.hits


@pytest.mark.parametrize(
    "text",
    [
        "short (unclosed",
        PROSE + " year:2019",
        PROSE + " OR clay",
        "words without any marks " * 8 + "(",
        "title:(a, b. " + PROSE,
    ],
)
def test_what_is_no_prose_is_parsed(text):
    """Short texts, and those with fields or operators, keep their meaning and their faults."""
    assert not is_prose(text)
    with pytest.raises(QueryError):
        read(text + " (")


@given(st.text(max_size=600))
def test_reading_raises_nothing_but_query_errors(text):
    """And what was read can be printed and read again."""
    for asked in (text, text + ", and so on. " * 20):
        try:
            query = read(asked)
        except QueryError:
            continue
        assert parse(str(query)) == query


def test_long_prose_stays_within_bounds():
    """A whole paper pasted is cut where its canonical text can still be read."""
    query = read("A kiln, a lantern. " * 2_000)
    assert len(query.parts) == MAX_TERMS
    assert parse(str(query)) == query


# ---------------------------------------------------------------------------- ids and lists


def test_ids_alone_are_exactly_these_papers(library):
    """Several ids, however they are written, ask for their papers."""
    found = library.search("arXiv:2401.00003 2401.00005, https://arxiv.org/abs/2401.00007")
    keys = {str(i) for h in found.hits for i in h.paper.external_ids}
    assert keys == {"arxiv:2401.00005", "arxiv:2401.00007", "arxiv:2401.00003"}


def test_an_id_among_words_asks_for_the_like(library):
    """The paper is the pattern, and the other words say what about it."""
    found = library.search("papers near 2401.00003")
    assert found.query == "like:arxiv:2401.00003 papers near"
    assert found.understood[0].kind == "like"
    assert library.search("papers near 2401.99999").query == "papers near 2401.99999"


@pytest.mark.parametrize("mode", ["hybrid", "text", "vector"])
def test_several_papers_make_one_pattern(library, mode):
    """`like:` with commas takes them together, and leaves all of them out."""
    found = library.search("like:arxiv:2401.00000,2401.00003,arxiv:2401.00000", mode=mode, limit=64)
    assert found.query == "like:arxiv:2401.00000,2401.00003"
    assert not {h.paper.id for h in found.hits} & {
        library.resolve("2401.00000"),
        library.resolve("2401.00003"),
    }
    assert found.total == 62 or mode == "text"


def test_more_than_fifty_are_refused():
    """A pattern of everything is none."""
    with pytest.raises(QueryError, match="50 papers at most"):
        parse("like:" + ",".join(f"p{n}" for n in range(51)))
    assert len(parse("like:" + ",".join(f"p{n}" for n in range(50))).likes) == 50


BIB = b"""
@article{one, title={Lanterns at sea, part 7}, author={Moonlighter, Bob}, eprint={2401.00007},
  archiveprefix={arXiv}}
@article{two, title={On kiln glaze networks, part 1}, year={2016}}
"""
OTHER = b"@article{x, title={Copper lanterns nobody has filed}, abstract={Lanterns of copper.}}"


def test_a_file_of_references_is_a_pattern(library, tmp_path):
    """Entries are found by id or title, and the page's query finds the same again."""
    (tmp_path / "refs.bib").write_bytes(BIB)
    found = library.like_file(tmp_path / "refs.bib", limit=5)
    ids = {library.resolve("2401.00007"), library.resolve("2401.00001")}
    assert found.query == "like:" + ",".join(f"p{i}" for i in sorted(ids, reverse=True)) or ids
    assert not ids & {h.paper.id for h in found.hits}
    again = library.search(found.query, limit=5)
    assert [h.paper.id for h in again.hits] == [h.paper.id for h in found.hits]


def test_references_that_are_not_here_count_by_their_text(library, tmp_path):
    """What nobody filed has a title, which is enough; words and fields narrow."""
    (tmp_path / "refs.bib").write_bytes(BIB + OTHER)
    found = library.like_file(tmp_path / "refs.bib", "year:2022", limit=5)
    assert {h.paper.year for h in found.hits} == {2022}
    assert found.next is None
    assert "3 that were given; in the collection: 2" in found.understood[0].text
    (tmp_path / "one.bib").write_bytes(OTHER)
    assert "antern" in library.like_file(tmp_path / "one.bib").hits[0].paper.title


def test_a_file_without_papers_is_told(library, tmp_path):
    """There is nothing to find others like."""
    (tmp_path / "none.jsonl").write_bytes(b'{"title": ""}\n')
    with pytest.raises(SourceError):
        library.like_file(tmp_path / "none.jsonl")


# ---------------------------------------------------------------------------- real queries


@needs_shared
def test_real_queries_are_answered(library):
    """Each of some hundred machine-written requests is read, and loses no word."""
    assert SHARED is not None
    lines = (SHARED / "judged/unjudged_queries/paperlantern.jsonl").read_bytes().splitlines()
    for line in lines[::3]:
        query = read(orjson.loads(line)["text"])
        found = understand(query, library.index.vocabulary)
        assert tuple(w.text for w in found.words[: len(query.bare)]) == query.bare
    for line in lines[::40]:
        assert library.search(orjson.loads(line)["text"]).hits
