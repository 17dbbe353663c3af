"""Papers that are alike in one facet: order, reasons, and what is done where nothing is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import PaperNotFound
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import Paper, PaperId, Record
from broadsheet.search.embedding import StaticEmbedder
from broadsheet.search.engine import Hit
from broadsheet.search.facets import FACET_SHARE, SHOWN, Compared, compare, quick
from broadsheet.search.ranking import Ranked
from broadsheet.search.roles import FACETS, Facet, facet_sentences

PROBLEMS = {
    "parsing": "Parsing of long sentences remains challenging, and existing parsers are slow.",
    "protein": "Protein folding remains challenging, and existing simulations of molecules fail.",
    "weather": "Forecasting rain remains challenging, and existing weather models are coarse.",
}
METHODS = {
    "graph": "In this paper, we propose a graph neural network that passes messages along edges.",
    "bandit": "In this paper, we propose a multi-armed bandit that explores actions by regret.",
    "kernel": "In this paper, we propose a Gaussian process with kernels over inducing points.",
}
RESULTS = {
    "speed": "Experiments show that it is ten times faster and needs half of the memory.",
    "accuracy": "Experiments show that it outperforms the best accuracy on all test sets by 4%.",
    "theory": "Our results show that the bound is tight, and we prove a theorem on convergence.",
}
PAPERS = [(p, m, r) for p in PROBLEMS for m in METHODS for r in RESULTS]
SILENT = len(PAPERS) + 1


def record(number: int, problem: str, method: str, result: str) -> Record:
    """Return an invented paper that puts together three sentences."""
    text = f"{PROBLEMS[problem]} {METHODS[method]} {RESULTS[result]}"
    return Record("file", str(number), f"On {problem}: study {number}", text)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Give a library of every combination of problem, method and result, and of a bare title."""
    records = [record(n, *parts) for n, parts in enumerate(PAPERS, 1)]
    records.append(Record("file", str(SILENT), "A note on rain"))
    with open_library(tmp_path_factory.mktemp("facets")) as opened:
        list(opened.file(records, source="test", counts=Counter()))
        yield opened


def parts_of(hit: Hit) -> tuple[str, ...]:
    """Return which problem, method and result a paper was made of."""
    return PAPERS[hit.paper.id - 1]


@pytest.mark.parametrize("facet", FACETS)
@pytest.mark.parametrize("number", [1, 14, 27])
def test_those_with_the_same_facet_come_first(library: Library, number: int, facet: Facet):
    """The eight others with the same sentence of a facet stand before all that have another."""
    found = library.similar(f"p{number}", facet=facet, limit=26)
    place = FACETS.index(facet)
    first = [parts_of(hit)[place] for hit in found.hits[:8]]
    assert found.facet == facet
    assert found.notice == ""
    assert number not in [hit.paper.id for hit in found.hits]
    assert set(first) == {PAPERS[number - 1][place]}
    assert [h.score for h in found.hits] == sorted((h.score for h in found.hits), reverse=True)


@pytest.mark.parametrize("facet", FACETS)
def test_the_first_reason_shows_the_sentence_that_is_alike(library: Library, facet: Facet):
    """It is a sentence of the other paper, with the cosine that the score was computed from."""
    texts = {"problem": PROBLEMS, "method": METHODS, "result": RESULTS}[facet]
    for hit in library.similar("p5", facet=facet, limit=8).hits:
        reason = hit.reasons[0]
        assert reason.kind == facet
        assert reason.text.endswith(f"“{texts[parts_of(hit)[FACETS.index(facet)]]}”")
        assert reason.value is not None
        whole = hit.score - FACET_SHARE * reason.value
        assert -1e-3 <= whole <= 1 - FACET_SHARE + 1e-3
        assert len(hit.reasons) > 1
        assert list(hit.made.parts) == [facet, "words", "static", "deep"]
        assert hit.made.parts[facet] == pytest.approx(FACET_SHARE * reason.value)
        assert sum(hit.made.parts.values()) == pytest.approx(hit.score, abs=1e-4)


def test_without_the_facet_it_is_the_whole_paper_and_is_said(library: Library):
    """A paper without an abstract has no facet: papers like it as a whole come, with a notice."""
    found = library.similar(f"p{SILENT}", facet="method")
    assert found.facet is None
    assert found.notice == "no method to compare by: these are like it as a whole"
    assert found.hits == library.similar(f"p{SILENT}").hits


def test_no_facet_asked_for_is_the_whole_paper(library: Library):
    """Without a facet there is neither notice nor a reason of one."""
    found = library.similar("p1")
    assert (found.facet, found.notice) == (None, "")
    assert not {r.kind for h in found.hits for r in h.reasons} & set(FACETS)


def test_those_that_say_nothing_have_no_such_reason(library: Library):
    """A paper without a sentence of the facet stands by what it is like as a whole, no more."""
    by_facet = library.similar("p27", facet="problem", limit=100).hits
    (silent,) = [h for h in by_facet if h.paper.id == SILENT]
    (whole,) = [h for h in library.similar("p27", limit=100).hits if h.paper.id == SILENT]
    assert silent.reasons == whole.reasons
    assert silent.score == pytest.approx((1 - FACET_SHARE) * whole.score, abs=1e-3)


def test_an_unknown_paper_is_not_found(library: Library):
    """A facet of nothing is no facet."""
    with pytest.raises(PaperNotFound):
        library.similar("p4711", facet="method")


# ---------------------------------------------------------------------------- pure


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    """Return the embedder of the package."""
    return StaticEmbedder.load()


def compared(
    embedder: StaticEmbedder, abstracts: list[str], whole: list[float], facet: Facet
) -> Compared | None:
    """Return papers with these abstracts compared with the first of them."""
    papers = [Paper(PaperId(n), f"Paper {n}", text) for n, text in enumerate(abstracts, 1)]
    ranked = [Ranked(p.id, score, None, score) for p, score in zip(papers[1:], whole, strict=False)]
    return compare(papers[0], ranked, papers[1:], facet, embedder)


@given(
    st.lists(st.text(max_size=200) | st.sampled_from(sorted(METHODS.values())), max_size=8),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.sampled_from(FACETS),
)
def test_any_abstracts_can_be_compared(embedder, abstracts, whole, facet):
    """Every paper keeps its place in the order, best first, and reasons are sentences of it."""
    mine = f"{PROBLEMS['parsing']} {METHODS['graph']} {RESULTS['speed']}"
    found = compared(embedder, [mine, *abstracts], whole, facet)
    if found is None:
        assert not any(facet_sentences(abstracts, facet))
        return
    assert sorted(r.paper for r in found.order) == list(range(2, len(abstracts) + 2))
    keys = [(-r.score, r.paper) for r in found.order]
    assert keys == sorted(keys)
    for paper in range(2, len(abstracts) + 2):
        for reason in found.reason(paper):
            assert reason.kind == facet
            assert -1 <= reason.value <= 1


def test_a_long_sentence_is_cut(embedder):
    """A reason shows the beginning of a sentence that is far too long."""
    long = METHODS["graph"].removesuffix(".") + " and on" * 60 + "."
    texts = [f"{PROBLEMS['parsing']} {m} {RESULTS['speed']}" for m in (METHODS["graph"], long)]
    found = compared(embedder, texts, [0.5], "method")
    assert found is not None
    (reason,) = found.reason(2)
    assert reason.text.endswith("…”")
    assert len(reason.text) < SHOWN + 60


def test_a_slow_model_never_keeps_a_reader_waiting(embedder):
    """What is asked for now is embedded by what is quick, whatever embeds the collection."""

    class Slow(StaticEmbedder):
        pace = "slow"

    slow = Slow.load()
    assert quick(embedder) is embedder
    assert quick(slow).pace == "fast"
