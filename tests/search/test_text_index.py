"""The text index: what every form of the query language finds among a dozen papers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from broadsheet.errors import SearchIndexError
from broadsheet.papers.types import ExternalId, Paper, PaperId
from broadsheet.search import manifest
from broadsheet.search.query import FIELDS, parse
from broadsheet.search.text_index import MAX_TERMS, TextIndex, bare_words, stems
from broadsheet.search.understanding import typed

S2 = "0123456789abcdef0123456789abcdef01234567"


def paper(number: int, title: str, abstract: str = "", **facts: object) -> Paper:
    """Return an invented paper; `ids` are written as `namespace:value`."""
    ids = tuple(ExternalId(*i.split(":", 1)) for i in facts.pop("ids", ()))
    return Paper(PaperId(number), title, abstract, external_ids=ids, **facts)


PAPERS = [
    paper(1, "Graph Networks for Harbour Tides", "We train robust graph networks on tides.",
          authors=("Ada Lovelace", "Grace Hopfield"), submitted="2026-01-15", year=2026,
          categories=("cs.LG", "stat.ML"), venue="ICML", sources=("arxiv", "acl"),
          ids=("arxiv:2601.00001", "doi:10.1000/tides.1")),
    paper(2, "A Survey of Graph Networks", "A survey of hypergraph methods.",
          authors=("Geoffrey Hintz",), announced="2025-12-31", submitted="2025-11-01", year=2025,
          categories=("cs.CL",), venue="Transactions on Lunar Computing", sources=("acl",),
          ids=("acl:2020.acl-main.1",)),
    paper(3, "Networks of Graph Paper", "Paper meshes are folded.", categories=("hep-th",),
          sources=("file",)),
    paper(4, "Mesh Flow", "Flow over a folded thing.", published="2026-03", year=2026,
          categories=("math.GT",), sources=("file",)),
    paper(5, "Robust Kilns", "They are state-of-the-art kilns.", year=2024,
          venue="Workshop on Kilns, ICML", sources=("file",), authors=("Tom Hintz", "Ada Reed")),
    paper(6, "Retracted Moons", "Moons move.", submitted="2024-06-30", withdrawn=True,
          categories=("cs.CV",), sources=("arxiv",), ids=("arxiv:math/0309136",)),
    paper(7, "Copper Heat", summary="A short account of furnaces.", submitted="2024-02-29",
          sources=("hf",), ids=("openreview:aBc_123",)),
    paper(8, "Über naïve Réseaux", "Des réseaux.", authors=("Zoë Çelik",),
          submitted="2023-01-01", sources=("file",), ids=("pmid:31452104",)),
    paper(9, "C++ and F# for $k$-means", "On compilers.", submitted="2022-12-31",
          sources=("file",), ids=(f"s2:{S2}",)),
    paper(10, "Or Not: Small Words", "Words and more words.", submitted="2021-05-05",
          sources=("hf",)),
    paper(11, "Tide Tables", "A table of tides.", announced="2026-03-17",
          categories=("cs.LG", "eess.AS"), sources=("hf",), ids=("arxiv:2603.00011",)),
    paper(12, "Mimicry", "Looks like a category.", categories=("csx.AB",), sources=("file",),
          keywords=("graph",)),
]  # fmt: skip
ALL = {p.id for p in PAPERS}

# Every form that docs/query.md names, with the papers that it must find.
FOUND: list[tuple[str, set[int]]] = [
    # words, phrases, and how they combine
    ("graph networks", {1, 2, 3}),
    ("GRAPHS network", {1, 2, 3}),
    ('"graph networks"', {1, 2}),
    ("“graph networks”", {1, 2}),
    ('"networks graph"', set()),
    ("graph -survey", {1, 3}),
    ("graph NOT survey", {1, 3}),
    ('-"graph networks"', ALL - {1, 2}),
    ("-(graph tides)", ALL - {1}),
    ("-(graph OR tides)", ALL - {1, 2, 3, 11}),
    ("-cat:cs.LG", ALL - {1, 11}),
    ("graph OR hypergraph", {1, 2, 3}),
    ("graph OR mesh", {1, 2, 3, 4}),
    ("(graph OR mesh) robust", {1}),
    ("graph AND robust", {1, 2, 3, 5}),
    ("graph -networks OR kilns", {5}),
    ("-graph -tides", ALL - {1, 2, 3, 11}),
    ("or and not", {9, 10}),
    ("furnaces", {7}),
    ("reseaux", {8}),
    ("uber NAIVE", {8}),
    ("state-of-the-art", {5}),
    ('"state-of-the-art kilns"', {5}),
    ('"the art kilns"', {5}),
    ("C++", {9}),
    ("F#", {9}),
    ("zebra", set()),
    ("zebra tides", {1, 11}),
    # fields
    ("author:hintz", {2, 5}),
    ("author:HINTZ", {2, 5}),
    ('author:"Geoffrey Hintz"', {2}),
    ('author:"Ada Lovelace"', {1}),
    ('author:"Lovelace Grace"', set()),
    ("author:celik", {8}),
    ("author:Çelik", {8}),
    ("author:hint", set()),
    ("author:hintz OR author:lovelace", {1, 2, 5}),
    ("title:graph", {1, 2, 3}),
    ('title:"graph networks"', {1, 2}),
    ("title:robust", {5}),
    ("abstract:robust", {1}),
    ('abstract:"graph networks"', {1}),
    ("abstract:furnaces", {7}),
    ("venue:ICML", {1, 5}),
    ('venue:"lunar computing"', {2}),
    ("cat:cs.LG", {1, 11}),
    ("cat:CS.lg", {1, 11}),
    ("cat:stat.ML", {1}),
    ("cat:cs.*", {1, 2, 6, 11}),
    ("cat:cs", {1, 2, 6, 11}),
    ("cat:hep-th", {3}),
    ("cat:eess.*", {11}),
    ("cat:c.*", set()),
    ("date:2026", {1, 4, 11}),
    ("date:2026-01", {1}),
    ("date:2026-01-15", {1}),
    ("date:2026-01..2026-03", {1, 4, 11}),
    ("date:2026-03", {4, 11}),
    ("date:2026-03-17", {4, 11}),
    ("date:2026-03-18", {4}),
    ("date:2026-04..", set()),
    ("date:2025-11", set()),
    ("date:2025-12-31", {2}),
    ("date:2024", {5, 6, 7}),
    ("date:2024-02-29", {5, 7}),
    ("date:2024-07..2025-06", {5}),
    ("date:2024..", {1, 2, 4, 5, 6, 7, 11}),
    ("date:..2022", {9, 10}),
    ("date:..2021-05-05", {10}),
    ("date:..2021-05-04", set()),
    ("year:2024", {5, 6, 7}),
    ("year:2025..", {1, 2, 4, 11}),
    ("year:..2022", {9, 10}),
    ("year:2021..2023", {8, 9, 10}),
    ("-date:1900..", {3, 12}),
    ("id:2601.00001", {1}),
    ("id:2601.00001v4", {1}),
    ("id:p7", {7}),
    ("id:P7", {7}),
    ("id:math/0309136", {6}),
    ("id:math.GT/0309136", {6}),
    ("id:2999.99999", set()),
    ("doi:10.1000/tides.1", {1}),
    ("doi:10.1000/TIDES.1", {1}),
    ("doi:https://doi.org/10.1000/tides.1", {1}),
    ("doi:10.18653/v1/2020.acl-main.1", {2}),
    ("doi:10.48550/arXiv.2601.00001", {1}),
    ("source:arxiv", {1, 6}),
    ("source:HF", {7, 10, 11}),
    ("source:acl source:arxiv", {1}),
    ("is:withdrawn", {6}),
    ("-is:withdrawn moons", set()),
    ("has:abstract", ALL - {7}),
    ("has:doi", {1}),
    ("has:arxiv", {1, 6, 11}),
    ("-has:arxiv", ALL - {1, 6, 11}),
    ("arxiv:2603.00011", {11}),
    ("hf:2603.00011", {11}),
    ("acl:2020.acl-main.1", {2}),
    ("openreview:aBc_123", {7}),
    ("pmid:31452104", {8}),
    (f"s2:{S2}", {9}),
    ("s2:649def34f8be52c8", set()),
    # several at once
    ("tides cat:cs.LG date:2026-03", {11}),
    ("title:graph -cat:cs.*", {3}),
    ("(cat:cs.LG OR cat:math.GT) year:2026", {1, 4, 11}),
    ("author:ada (venue:icml OR has:doi)", {1, 5}),
    ("is:withdrawn OR has:doi", {1, 6}),
    ("-(is:withdrawn OR has:doi)", ALL - {1, 6}),
    ("graph -(author:ada OR author:hintz)", {3}),
    ("sort:date graph", {1, 2, 3}),
    ("the of", {2, 3, 5, 7, 11}),
    ("♥", set()),
    ("♥ cat:cs.LG", {1, 11}),
    # what is pasted
    ("Networks: of Graph — Paper?", {1, 2, 3}),
]


def build(path: Path) -> TextIndex:
    """Return an index of the dozen papers."""
    index = TextIndex(path / "text")
    index.apply(PAPERS, [], is_new=True)
    index.commit(1)
    return index


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextIndex]:
    """Give an index of the dozen papers that nobody writes to."""
    made = build(tmp_path_factory.mktemp("index"))
    yield made
    made.release()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[TextIndex]:
    """Give an index of the dozen papers that a test may change."""
    made = build(tmp_path)
    yield made
    made.release()


def found(index: TextIndex, text: str) -> set[int]:
    """Return the papers that match a query in words."""
    query = parse(text)
    compiled = index.compile(bare_words(query), query)
    return set() if compiled is None else set(index.matching(compiled).tolist())


@pytest.mark.parametrize(("text", "expected"), FOUND, ids=[text for text, _ in FOUND])
def test_what_a_query_finds(index: TextIndex, text: str, expected: set[int]):
    """Each form of the query language finds the papers that it names, and no other."""
    assert found(index, text) == expected


@pytest.mark.parametrize("text", [text for text, _ in FOUND])
def test_every_way_of_asking_agrees(index: TextIndex, text: str):
    """The best, the newest, all and the count of a query are about the same papers."""
    query = parse(text)
    compiled = index.compile(bare_words(query), query)
    if compiled is not None:
        expected = found(index, text)
        top = index.top(compiled, 100)
        assert {p for p, _ in top} == expected
        assert [s for _, s in top] == sorted((s for _, s in top), reverse=True)
        assert sorted(index.newest(compiled, 100)) == sorted(expected)
        assert index.count(compiled)[0] == len(expected)
        assert index.top(compiled, 3) == top[:3]


def test_every_field_is_tried():
    """No field of the query language is missing from the table, but for the two that filter not."""
    tried = {f.name for f in FIELDS if any(f"{f.name}:" in text for text, _ in FOUND)}
    assert {f.name for f in FIELDS} - tried == {"like"}


def test_the_newest_come_first(index: TextIndex):
    """Papers stand by their last possible day, and those without a day at the end."""
    query = parse("-zebra")
    compiled = index.compile((), query)
    assert compiled is not None
    order = index.newest(compiled, 12)
    assert order[:10] == [4, 11, 1, 2, 5, 6, 7, 8, 9, 10]
    assert set(order[10:]) == {3, 12}
    assert index.newest(compiled, 4) == order[:4]


def test_facets_count_the_matches(index: TextIndex):
    """Sources, years, categories and venues are counted among the matches alone, most first."""
    compiled = index.compile(typed(["graph", "tides"]), parse(""))
    assert compiled is not None
    total, facets = index.count(compiled)
    assert total == 4
    assert {name: dict(values) for name, values in facets.items()} == {
        "source": {"acl": 2, "arxiv": 1, "file": 1, "hf": 1},
        "year": {"2026": 2, "2025": 1},
        "category": {"cs.LG": 2, "cs.CL": 1, "stat.ML": 1, "eess.AS": 1, "hep-th": 1},
        "venue": {"ICML": 1, "Transactions on Lunar Computing": 1},
    }
    assert facets["category"][0] == ("cs.LG", 2)


def test_a_word_in_the_title_counts_for_more(index: TextIndex):
    """A paper with the word in title and abstract stands before one with it in the abstract."""
    compiled = index.compile_words(typed(["robust"]))
    assert compiled is not None
    assert [p for p, _ in index.top(compiled, 9)] == [5, 1]


@pytest.mark.parametrize("text", ["cat:cs.LG", "date:2026", "has:doi", "-graph", "source:hf"])
def test_conditions_do_not_score(index: TextIndex, text: str):
    """A filter beside words leaves the scores of the words as they are."""
    alone = index.compile_words(typed(["tides", "graph", "mesh", "words"]))
    assert alone is not None
    scores = dict(index.top(alone, 99))
    narrowed = index.compile(typed(["tides", "graph", "mesh", "words"]), parse(text))
    assert narrowed is not None
    for number, score in index.top(narrowed, 99):
        assert score == pytest.approx(scores[number])


def test_a_pasted_abstract_is_searched_by_its_rarest_words(index: TextIndex):
    """Of very many words the rarest that are there at all are looked for, in their order."""
    words = [f"word{n}" for n in range(100)] + ["graph", "the", "kilns"]
    kept = index.rarest(words)
    assert len(kept) == MAX_TERMS
    assert {"graph", "kiln"} < set(kept)
    assert "the" not in kept
    assert index.rarest(["Kilns", "kiln", "of", "GRAPH"]) == ["kiln", "graph"]
    assert index.rarest(["of", "the"]) == ["of", "the"]
    assert index.rarest(["♥"]) == []


def test_more_than_there_is_can_be_asked_for(index: TextIndex):
    """A limit far beyond the collection gives all of it."""
    compiled = index.compile((), parse("-zebra"))
    assert compiled is not None
    assert len(index.top(compiled, 2**62)) == len(index.newest(compiled, 2**62)) == 12


def test_stems_are_those_of_the_index():
    """Words are folded, cut at what is no letter or digit, and stemmed."""
    assert stems("Naïve graph-NETWORKS, hopping") == ("naiv", "graph", "network", "hop")
    assert stems("♥ — !") == ()


# ---------------------------------------------------------------------------- writing


def test_a_paper_that_is_put_again_stands_once(own: TextIndex):
    """The newer form of a paper replaces the older, and a dropped one is found no more."""
    own.apply([paper(1, "Solar Nets")], [2], is_new=False)
    own.commit(2)
    assert (own.sequence, own.papers, own.highest) == (2, 11, 12)
    assert found(own, "title:graph") == {3}
    assert found(own, "solar") == {1}
    own.apply([paper(1, "Solar Nets")], [2], is_new=False)
    own.commit(3)
    assert own.papers == 11


def test_nothing_counts_before_it_is_kept(own: TextIndex):
    """What was applied is found only after `commit`."""
    own.apply([paper(13, "Solar Nets")], [], is_new=True)
    assert found(own, "solar") == set()
    own.commit(2)
    assert found(own, "solar") == {13}


def test_a_reader_follows_a_writer(own: TextIndex):
    """Another object on the same folder finds what the first one keeps."""
    reader = TextIndex(own.path)
    assert (reader.papers, reader.sequence) == (12, 1)
    own.apply([paper(13, "Solar Nets")], [1], is_new=True)
    own.commit(2)
    assert found(reader, "solar") == {13}
    assert (reader.papers, reader.sequence) == (12, 2)


def test_two_writers_are_refused(own: TextIndex):
    """A second writer gets an error in words while the first one writes."""
    own.apply([paper(13, "Solar Nets")], [], is_new=True)
    second = TextIndex(own.path)
    with pytest.raises(SearchIndexError, match="in use"):
        second.apply([paper(14, "Kilns")], [], is_new=True)
    own.commit(2)
    own.release()
    second.apply([paper(14, "Kilns")], [], is_new=True)
    second.commit(3)
    second.release()
    assert own.papers == 14


def test_an_empty_index(tmp_path: Path):
    """A new index holds nothing and answers everything."""
    index = TextIndex(tmp_path / "text")
    compiled = index.compile(typed(["graph"]), parse("graph"))
    assert compiled is not None
    assert (index.papers, index.highest, index.sequence) == (0, 0, 0)
    assert index.top(compiled, 5) == []
    assert index.newest(compiled, 5) == []
    assert index.matching(compiled).tolist() == []


def test_damage_is_told_in_words(own: TextIndex):
    """An index whose own files are noise gives an error that says what to do."""
    own.release()
    (own.path / "meta.json").write_bytes(b"noise")
    with pytest.raises(SearchIndexError, match="broadsheet rebuild"):
        TextIndex(own.path)


@pytest.mark.parametrize("kind", ["*.idx", "*.term"])
def test_a_file_cut_short_under_a_reader_is_told_in_words(own: TextIndex, kind: str):
    """Whether it is seen before it is read or only by what is read, it says what to do."""
    own.release()
    reader = TextIndex(own.path)
    compiled = reader.compile(typed(["graph"]), parse("graph"))
    assert reader.top(compiled, 5)
    for file in own.path.glob(kind):
        os.truncate(file, 1)  # the rest of the page that is mapped reads as zeros
    for ask in (reader.top, reader.newest, reader.matching):
        with suppress(SearchIndexError):
            ask(compiled, 5)
    with suppress(SearchIndexError):
        reader.rarities(["graph", "robust"])
    with pytest.raises(SearchIndexError, match="broadsheet rebuild"):
        reader.look()


def test_a_manifest_is_replaced_whole(tmp_path: Path):
    """Facts read back as written, a missing file is no error, noise is one in words."""
    path = tmp_path / "facts.json"
    assert manifest.read(path) is None
    assert manifest.stamp(path) == manifest.GONE
    manifest.write(path, {"rows": 1})
    before = manifest.stamp(path)
    manifest.write(path, {"rows": 2})
    assert manifest.read(path) == {"rows": 2}
    assert manifest.stamp(path) != before
    assert [p.name for p in tmp_path.iterdir()] == ["facts.json"]
    path.write_bytes(b"[1]")
    with pytest.raises(SearchIndexError, match="broadsheet rebuild"):
        manifest.read(path)
