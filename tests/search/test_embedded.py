"""The index of one machine: text and vectors together, kept in step with the record."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.collection import papers as store
from broadsheet.errors import SearchIndexError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record
from broadsheet.search import embedded as module
from broadsheet.search.embedded import EmbeddedIndex
from broadsheet.search.embedding import Pace, StaticEmbedder
from broadsheet.search.query import parse
from broadsheet.search.text_index import bare_words
from broadsheet.search.understanding import typed

NOW = "2026-03-17T06:30:00Z"
SUBJECTS = ["tides", "moons", "kilns", "harbours", "copper", "lanterns", "rivers"]
CATEGORIES = ["cs.LG", "cs.CL", "math.GT"]


def paper(number: int, title: str | None = None) -> Paper:
    """Return the invented paper of this number."""
    first, second = SUBJECTS[number % 7], SUBJECTS[number * 3 % 5]
    return Paper(
        PaperId(number),
        title or f"On {first} and {second}",
        f"Study {number} of {second} under {SUBJECTS[number % 4]}, with {first}.",
        categories=(CATEGORIES[number % 3],),
        submitted=f"20{20 + number % 7}-03-0{1 + number % 9}",
        sources=("file",),
    )


PAPERS = {n: paper(n) for n in range(1, 121)}


def build(path: Path, embedder: StaticEmbedder, papers: Sequence[Paper]) -> EmbeddedIndex:
    """Return an index of `papers` with one change for each."""
    index = EmbeddedIndex(path, embedder)
    assert index.try_lock()
    index.apply(papers, [], len(papers))
    index.unlock()
    return index


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, embedder: StaticEmbedder
) -> Iterator[EmbeddedIndex]:
    """Give an index of 120 papers that nobody writes to."""
    made = build(tmp_path_factory.mktemp("index"), embedder, list(PAPERS.values()))
    yield made
    made.close()


@pytest.fixture
def own(tmp_path: Path, embedder: StaticEmbedder) -> Iterator[EmbeddedIndex]:
    """Give an index of ten papers that a test may change."""
    made = build(tmp_path / "index", embedder, [PAPERS[n] for n in range(1, 11)])
    yield made
    made.close()


def held(index: EmbeddedIndex) -> tuple[list[int], list[int]]:
    """Return the papers that the text and the vectors hold."""
    ids = index.held()
    return ids["text"].tolist(), ids["vectors"].tolist()


# ---------------------------------------------------------------------------- reading

CONDITIONS: dict[str, Callable[[Paper], bool]] = {
    "": lambda _: True,
    "tides moons": lambda _: True,
    "cat:cs.LG": lambda p: p.categories == ("cs.LG",),
    "cat:cs.*": lambda p: p.categories != ("math.GT",),
    "-cat:cs.LG": lambda p: p.categories != ("cs.LG",),
    "year:2026": lambda p: p.submitted.startswith("2026"),
    "id:p17": lambda p: p.id == 17,
    "title:tides cat:cs.CL": lambda p: "tides" in p.title and p.categories == ("cs.CL",),
    "date:2022..2023 -title:moons": lambda p: (
        p.submitted[:4] in {"2022", "2023"} and "moons" not in p.title
    ),
    "source:arxiv": lambda _: False,
}


@pytest.mark.parametrize("few", [True, False], ids=["selective", "broad"])
@pytest.mark.parametrize("text", CONDITIONS)
def test_the_nearest_with_conditions_are_brute_force(
    index: EmbeddedIndex,
    embedder: StaticEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    few: bool,
):
    """The nearest that fulfil the conditions are found, whichever way the index takes."""
    if few:
        monkeypatch.setattr(module, "_NEAREST", 6)
    for question in ("copper moons over rivers", "study of lanterns"):
        vector = embedder.embed([question])[0]
        cosines = index.cosines(vector, list(PAPERS))
        fitting = [(c, n) for n, c in cosines.items() if CONDITIONS[text](PAPERS[n])]
        expected = [n for _, n in sorted(fitting, key=lambda f: (-f[0], f[1]))]
        for k in (1, 3, 20, 200):
            found = index.vector(vector, parse(text), k)
            assert [p for p, _ in found] == expected[:k]
            assert dict(found) == index.cosines(vector, expected[:k])


def test_cosines_are_those_of_the_texts(index: EmbeddedIndex, embedder: StaticEmbedder):
    """Kept vectors differ from those of the texts by rounding alone, unknown papers have none."""
    vector = embedder.embed(["copper moons over rivers"])[0]
    exact = embedder.embed([p.text for p in PAPERS.values()]) @ vector
    wanted = dict(zip(PAPERS, exact.tolist(), strict=True))
    assert index.cosines(vector, list(PAPERS)) == pytest.approx(wanted, abs=0.01)
    assert index.cosines(vector, [999]) == {}
    assert index.paper_vector(999) is None
    kept = index.paper_vector(7)
    assert kept is not None
    assert float(kept @ embedder.embed([PAPERS[7].text])[0]) > 0.999


QUERIES = ["tides", "copper kilns", "moons cat:cs.*", '"on tides"', "(rivers OR kilns) study",
           "lanterns -title:moons", "harbours year:2024.."]  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
def test_scores_of_some_are_the_scores_of_all(index: EmbeddedIndex, text: str):
    """Papers asked about one by one have the scores that the whole search gives them."""
    query = parse(text)
    words = bare_words(query)
    everything = dict(index.text(words, query, 500))
    assert everything
    asked = [*range(1, 121, 2), 999]
    whole = index.scoring(typed(query.words), list(everything))
    some = index.scoring(typed(query.words), asked)
    bm25 = dict(zip(everything, whole.bm25.tolist(), strict=True))
    for paper, score in zip(asked, some.bm25.tolist(), strict=True):
        if paper in bm25:
            assert score == pytest.approx(bm25[paper], rel=1e-5)
    assert index.count(words, query)[0] == len(everything)
    assert sorted(index.newest(words, query, 500)) == sorted(everything)


def test_without_papers_there_are_no_scores(index: EmbeddedIndex):
    """Asking about no papers, or with words that are none, gives no scores and no matches."""
    assert index.scoring(typed(["tides"]), []).scores.tolist() == []
    assert index.scoring(typed(["♥"]), [1, 2]).scores.tolist() == [0, 0]
    assert index.text(typed(["♥"]), parse("♥"), 5) == []
    assert index.count(typed(["♥"]), parse("♥"))[0] == 0
    assert index.count([], parse(""))[0] == 120


def test_an_empty_index_answers(tmp_path: Path, embedder: StaticEmbedder):
    """An index that holds nothing finds nothing and counts nothing."""
    index, query = EmbeddedIndex(tmp_path / "index", embedder), parse("tides")
    vector = embedder.embed(["tides"])[0]
    assert index.sequence == 0
    assert held(index) == ([], [])
    assert index.text(typed(["tides"]), query, 5) == index.vector(vector, query, 5) == []
    assert index.newest(typed(["tides"]), query, 5) == []
    assert index.scoring(typed(["tides"]), []).scores.tolist() == []
    assert index.cosines(vector, [1, 2]) == {}
    assert index.paper_vector(1) is None
    total, facets = index.count(typed(["tides"]), query)
    assert total == 0
    assert not any(facets.values())


# ---------------------------------------------------------------------------- writing


def test_applying_again_changes_nothing(own: EmbeddedIndex):
    """Changes that are held already are not taken in a second time."""
    before = own.text(typed(["tides"]), parse(""), 50)
    assert own.try_lock()
    for _ in range(2):
        own.apply([PAPERS[11]], [1], 12)
    own.apply([PAPERS[12]], [2], 11)
    own.unlock()
    assert held(own) == (list(range(2, 12)), list(range(2, 12)))
    assert own.sequence == 12
    assert own.text(typed(["tides"]), parse(""), 50) != before


def test_a_paper_is_never_held_twice(own: EmbeddedIndex, embedder: StaticEmbedder):
    """Renewing old papers in ascending batches, by a process that began later, adds none."""
    own.close()
    later = EmbeddedIndex(own.path, embedder)
    assert later.try_lock()
    for sequence, number in enumerate((3, 7, 10, 11, 12), start=11):
        later.apply([paper(number, f"Solar kiln {number}")], [], sequence)
    later.unlock()
    everyone = list(range(1, 13))
    assert held(later) == (everyone, everyone)
    assert {p for p, _ in later.text(typed(["solar"]), parse(""), 50)} == {3, 7, 10, 11, 12}


def test_a_crash_between_the_parts_is_made_good(own: EmbeddedIndex, embedder: StaticEmbedder):
    """Where the vectors are ahead of the text, the same changes again bring both in step."""
    parts = own._parts
    assert parts is not None
    vectors = embedder.embed([PAPERS[11].text, PAPERS[3].text])
    parts.vectors.append([11, 3], vectors, [1], 13)
    again = EmbeddedIndex(own.path, embedder)
    assert again.sequence == 10
    assert again.try_lock()
    again.apply([PAPERS[11], PAPERS[3]], [1], 13)
    again.unlock()
    assert again.sequence == 13
    assert held(again) == (list(range(2, 12)), list(range(2, 12)))


def test_a_crash_after_the_text_is_made_good(own: EmbeddedIndex, embedder: StaticEmbedder):
    """Where the text holds more than its manifest says, nothing is held twice afterwards."""
    parts = own._parts
    assert parts is not None
    manifest = parts.path / "text.json"
    before = manifest.read_bytes()
    assert own.try_lock()
    own.apply([PAPERS[11], PAPERS[12]], [], 12)
    own.unlock()
    manifest.write_bytes(before)
    again = EmbeddedIndex(own.path, embedder)
    assert again.try_lock()
    again.apply([PAPERS[11]], [], 11)
    again.apply([PAPERS[12]], [], 12)
    again.apply([PAPERS[13]], [], 13)
    again.unlock()
    assert held(again) == (list(range(1, 14)), list(range(1, 14)))


ODD = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=30),
    st.sampled_from(["β-catenin", "ﬁne tides", "tides" * 2000, "tide " * 5000, "각" * 4000, "²"]),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(ODD, ODD), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_vectors_are_those_of_the_texts(
    tmp_path_factory: pytest.TempPathFactory,
    embedder: StaticEmbedder,
    texts: list[tuple[str, str]],
    changed: set[int],
):
    """What is split once for words and vectors has the vectors that its texts have."""
    path = tmp_path_factory.mktemp("odd")
    parts = module.Parts(path, path, embedder)
    first = [Paper(PaperId(n), *pair) for n, pair in enumerate(texts, 1)]
    second = [replace(p, title="Tides") if p.id in changed else p for p in first]
    for sequence, papers in enumerate((first, second), 1):
        made = module.embedded(papers, parts.vectors, embedder, module.split(_texts(papers)))
        assert made.ids == [p.id for p in papers if sequence == 1 or p not in first]
        lacking = [p.text for p in papers if p.id in made.ids]
        assert np.array_equal(made.vectors, embedder.embed(lacking))
        parts.apply(papers, [], sequence)
    parts.text.release()


def _texts(papers: Sequence[Paper]) -> list[tuple[str, str]]:
    return [(p.title, p.abstract) for p in papers]


def test_writing_lets_garbage_be(tmp_path: Path, embedder: StaticEmbedder):
    """Garbage is looked for seldom while somebody writes, and as before when he has done."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # whatever other tests have left
    try:
        with open_library(tmp_path, embedder=embedder) as library:
            with library.writing():
                assert gc.get_threshold()[0] > 700
            assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*before)


def test_one_writes_at_a_time(own: EmbeddedIndex, embedder: StaticEmbedder):
    """The lock keeps out other objects and other threads until it is given back."""
    other = EmbeddedIndex(own.path, embedder)
    with pytest.raises(SearchIndexError, match="holds its lock"):
        own.begin()
    assert own.try_lock()
    assert not other.try_lock()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(own.try_lock()))
    thread.start()
    thread.join()
    assert answers == [False]
    own.unlock()
    assert other.try_lock()
    other.unlock()


def test_a_reader_follows_a_writer(own: EmbeddedIndex, embedder: StaticEmbedder):
    """An object that was open before finds what another applies, drops and rebuilds."""
    reader = EmbeddedIndex(own.path, embedder)
    assert held(reader)[0] == list(range(1, 11))
    assert own.try_lock()
    own.apply([paper(11, "Solar kiln")], [1, 2], 13)
    assert [p for p, _ in reader.text(typed(["solar"]), parse(""), 5)] == [11]
    assert held(reader) == (list(range(3, 12)), list(range(3, 12)))
    parts = own.begin()
    parts.fill([PAPERS[5]])
    assert reader.sequence == 13
    parts.finish(14)
    own.adopt(parts)
    own.unlock()
    assert held(reader) == ([5], [5])
    assert reader.sequence == 14
    assert [f.name for f in own.path.glob("g*")] == [parts.path.name]
    assert reader.size() > 0


# ---------------------------------------------------------------------------- with the record


class RenamedEmbedder:
    """The model of the package under another name and with other vectors."""

    def __init__(self, real: StaticEmbedder) -> None:
        self._real = real
        self.id = "another-model"
        self.pace: Pace = "fast"
        self.price = 0.0
        self.step = 100

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of the real model, turned round."""
        return np.ascontiguousarray(self._real.embed(texts)[:, ::-1])

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question."""
        return self.embed([text])[0]

    def close(self) -> None:
        """Let go of nothing."""


def record(key: str, title: str, *ids: str) -> Record:
    """Return a record; each of `ids` is the end of a DOI."""
    external = tuple(ExternalId("doi", f"10.1000/{i}") for i in ids)
    return Record("file", key, title, f"About {title.lower()}.", external_ids=external)


def put(library: Library, *records: Record) -> None:
    """File records and feed the index."""
    list(library.file(records, source="test", counts=Counter()))


def test_an_index_of_another_model_is_built_anew(tmp_path: Path, embedder: StaticEmbedder):
    """A home that is opened with another model has its vectors of that model at once."""
    with open_library(tmp_path, embedder=embedder) as library:
        put(library, record("a", "Tides"), record("b", "Kilns"))
        before = library.index.paper_vector(1)
    with open_library(tmp_path, embedder=RenamedEmbedder(embedder)) as library:
        assert library.check().problems == []
        after = library.index.paper_vector(1)
        assert library.index.facts["model"] == "another-model"
        assert library.search("kilns").hits[0].paper.title == "Kilns"
    assert before is not None
    assert after is not None
    assert after.tolist() == pytest.approx(before[::-1].tolist())


class Spy:
    """The model of the package, which says what it was asked for."""

    def __init__(self, real: StaticEmbedder) -> None:
        self.id, self.pace, self.price, self.step = real.id, real.pace, real.price, real.step
        self.query = real.query
        self._real = real
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of the real model."""
        self.texts += texts
        return self._real.embed(texts)

    def close(self) -> None:
        """Let go of nothing."""


def _with_index(path: Path, embedder: StaticEmbedder) -> dict[str, int | str]:
    with open_library(path, embedder=embedder) as library:
        put(library, record("a", "Tides"), record("b", "Kilns"))
        return library.index.facts


def test_words_of_another_format_are_built_anew(tmp_path: Path, embedder: StaticEmbedder):
    """A text index that another Broadsheet made is replaced on open, and the vectors stay."""
    made = _with_index(tmp_path, embedder)
    current = tmp_path / "index" / "current.json"
    facts = orjson.loads(current.read_bytes())
    current.write_bytes(orjson.dumps(facts | {"format": "0, older"}))
    spy = Spy(embedder)
    with open_library(tmp_path, embedder=spy) as library:
        assert library.check().problems == []
        assert library.index.facts == made
        assert library.search("tides", mode="text").total == 1
    assert spy.texts == []
    left = {p.relative_to(tmp_path / "index").as_posix() for p in tmp_path.glob("index/g*/*")}
    assert left == {"g1/vectors", "g2/text", "g2/text.json", "g2/words"}


@pytest.mark.parametrize("model", [None, "older"])
def test_an_index_of_the_first_form_is_read(
    tmp_path: Path, embedder: StaticEmbedder, model: str | None
):
    """One folder for both parts, and vectors that say little of themselves, are used as they are.

    With vectors of an older model only these are made anew.
    """
    made = _with_index(tmp_path, embedder)
    index = tmp_path / "index"
    vectors = index / "g1" / "vectors"
    facts = orjson.loads((vectors / "manifest.json").read_bytes())
    first = {name: facts[name] for name in ("rows", "dim", "sequence")}
    (vectors / "manifest.json").write_bytes(orjson.dumps(first))
    (vectors / "texts.u64").unlink()
    kind = {"format": made["format"], "model": model or made["model"], "folder": "g1"}
    (index / "current.json").write_bytes(orjson.dumps(kind))
    words = (index / "g1" / "text.json").read_bytes()

    spy = Spy(embedder)
    with open_library(tmp_path, embedder=spy) as library:
        assert library.check().problems == []
        assert library.index.facts == made
        assert library.search("kilns", mode="vector").hits[0].paper.title == "Kilns"
        assert len(spy.texts) == (2 if model else 0)
        assert (index / "g1" / "text.json").read_bytes() == words
        put(library, record("c", "Moons"))
        assert library.check().problems == []
        assert len(spy.texts) == (3 if model else 1)


def test_check_tells_what_is_wrong(tmp_path: Path, embedder: StaticEmbedder):
    """An index that lacks papers, holds gone ones or lags behind is reported in words."""
    with open_library(tmp_path, embedder=embedder) as library:
        put(library, record("a", "Tides"), record("b", "Kilns"))
        with library.database.write() as connection:
            store.file(connection, [record("c", "Moons")], NOW)
        assert library.check().problems == [
            "the text index lacks 1 papers (p3…)",
            "the words index lacks 1 papers (p3…)",
            "the vectors index lacks 1 papers (p3…)",
            "the index holds sequence 2 of 3",
        ]
        with library.writing():
            library.index.apply([PAPERS[77]], [1], 3)
        assert library.check().problems[:2] == [
            "the text index lacks 2 papers (p1, p3…)",
            "the text index still holds 1 papers (p77…)",
        ]
        assert list(library.rebuild())[-1] == (3, 3)
        assert library.check().problems == []


TITLES = ["Tides of nine harbours", "Copper kilns in winter", "Lanterns on slow rivers"]
RECORDS = st.builds(
    record, st.sampled_from("abcdefgh"), st.sampled_from(TITLES), st.sampled_from("1234")
) | st.builds(
    record,
    st.sampled_from("abcdefgh"),
    st.sampled_from(TITLES),
    st.sampled_from("1234"),
    st.sampled_from("1234"),
)
BATCHES = st.lists(RECORDS, min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(st.sampled_from(["file", "record only", "record only"]), BATCHES)
    | st.tuples(st.sampled_from(["sync", "reopen", "rebuild", "lag"]), st.just([])),
    min_size=1,
    max_size=9,
)


@settings(deadline=None, max_examples=20)
@given(STEPS)
def test_any_road_leads_to_the_same_index(
    tmp_path_factory: pytest.TempPathFactory,
    embedder: StaticEmbedder,
    steps: list[tuple[str, list[Record]]],
):
    """After any filings, merges, syncs and crashes the index is what a rebuild makes of it."""
    home = tmp_path_factory.mktemp("home")
    library = open_library(home, embedder=embedder, clock=lambda: datetime(2026, 3, 17, tzinfo=UTC))
    try:
        for step, records in steps:
            if step == "file":
                put(library, *records)
            elif step == "record only":
                # As when a process dies after the record and before the index.
                with library.database.write() as connection:
                    store.file(connection, records, NOW)
            elif step == "sync":
                list(library.catch_up())
                assert not list(library.catch_up())
            elif step == "lag":
                _feed_one_by_one(library)
            elif step == "rebuild":
                list(library.rebuild())
            else:
                library.close()
                library = open_library(home, embedder=embedder)
        list(library.catch_up())
        assert library.check().problems == []
        before = _answers(library, embedder)
        list(library.rebuild())
        assert library.check().problems == []
        assert _answers(library, embedder) == before
    finally:
        library.close()


def _feed_one_by_one(library: Library) -> None:
    """Feed the index its changes in as many pieces as there are."""
    with library.writing(), library.database.read() as connection:
        for change in store.changes_since(connection, library.index.sequence, 1000):
            papers = store.fetch(connection, [change.paper_id])
            gone = [change.paper_id] if change.kind == "drop" else []
            library.index.apply([] if gone else papers, gone, change.sequence)


def _answers(library: Library, embedder: StaticEmbedder) -> list[object]:
    """Return what the index holds and finds; text scores may differ until segments merge."""
    held_ids = {part: ids.tolist() for part, ids in library.index.held().items()}
    answers: list[object] = [held_ids]
    for title in TITLES:
        vector = embedder.embed([title])[0]
        answers.append(library.index.vector(vector, parse(""), 5))
        answers.append({p for p, _ in library.index.text(typed(title.split()), parse(""), 50)})
        page = library.search(f'title:"{title}"', limit=50)
        answers.append(sorted((hit.paper for hit in page.hits), key=lambda p: p.id))
        answers.append((page.total, {n: sorted(v) for n, v in page.facets.items()}))
    return answers
