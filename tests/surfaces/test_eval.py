"""Judging search: all tiers on all sets, known items written otherwise, and saved pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from broadsheet.errors import SourceError
from broadsheet.measure import judged as sets
from broadsheet.measure import known, pages, quality, tiers
from broadsheet.measure.judged import JudgedSet, Topic
from broadsheet.measure.quality import Models
from broadsheet.measure.remembered import Remembered
from broadsheet.papers.types import Record
from broadsheet.search.embedding import StaticEmbedder
from broadsheet.search.judge import average_precision
from processes import answer, called, write_lines
from shared_data import SHARED, needs_shared

_ANIMALS = {
    "d1": ("Stripes of zebras", "Zebra and quagga share the stripes of the savanna."),
    "d2": ("Quaggas", "The quagga was a zebra without stripes behind."),
    "d3": ("Walrus and narwhal", "Tusks grow in cold water, on a walrus and on a narwhal."),
    "d4": ("Pangolins", "Scales protect a pangolin from the teeth of a lion."),
    "d5": ("Lions of the savanna", "A lion hunts the zebra at night, and sleeps by day."),
    "d6": ("Okapi", "The okapi lives in forests and eats leaves."),
}
_QUERIES = {
    "q1": "quagga without stripes",
    "q2": "walrus tusks",
    "q3": "what pangolins are made of",
}
_GAINS = [("q1", "d2", 2), ("q1", "d1", 1), ("q2", "d3", 1), ("q3", "d4", 1)]


def _written(folder: Path, queries: Sequence[dict[str, str]], gains: Sequence[tuple]) -> Path:
    folder.mkdir(parents=True)
    documents = [{"_id": k, "title": t, "text": a} for k, (t, a) in _ANIMALS.items()]
    write_lines(folder / "corpus.jsonl", documents)
    write_lines(folder / "queries.jsonl", queries)
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in gains)]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def root(tmp_path):
    """Return a folder with a set of questions, one of similar papers, and two that are none."""
    _written(tmp_path / "sets" / "animals", [{"_id": k, "text": v} for k, v in _QUERIES.items()],
             _GAINS)  # fmt: skip
    alike = [{"_id": "a", "text": "ignored", "paper_id": "d1"}]
    _written(tmp_path / "sets" / "below" / "alike", alike, [("a", "d2", 1), ("a", "d1", 1)])
    bare = _written(tmp_path / "sets" / "bare", [{"_id": "q1", "text": "zebra"}], _GAINS)
    (bare / "corpus.jsonl").unlink()
    (tmp_path / "sets" / "other").mkdir()
    (tmp_path / "sets" / "other" / "pairs.tsv.xz").write_bytes(b"")
    return tmp_path / "sets"


def _animals(pool: bool = False) -> JudgedSet:
    gains: dict[str, dict[str, float]] = {}
    for query, document, gain in _GAINS:
        gains.setdefault(query, {})[document] = float(gain)
    topics = tuple(Topic(k, v, "", gains[k]) for k, v in _QUERIES.items())
    given = tuple(Record(sets.SOURCE, k, t, a) for k, (t, a) in _ANIMALS.items())
    return JudgedSet("animals", topics, given=given, pool=pool)


# ---------------------------------------------------------------------------- sets


def test_sets_are_found_at_any_depth_and_others_are_skipped_with_a_reason(root, tmp_path):
    """A folder counts with queries, judgements and documents, wherever it lies."""
    found, skipped = sets.find(root)
    with_corpus, _ = sets.find(root, root / "animals" / "corpus.jsonl", only=["bare", "animals"])

    assert [(s.name, len(s.topics), s.pool) for s in found] == [
        ("animals", 3, False),
        ("alike", 1, False),
    ]
    assert "corpus.jsonl" in skipped["bare"]
    assert "queries.jsonl" in skipped["other"]
    assert [s.name for s in with_corpus] == ["animals", "bare"]
    assert not with_corpus[0].only_with_text
    assert with_corpus[1].only_with_text


def test_queries_without_judgements_make_no_set(root):
    """Where no query is judged there is nothing to measure."""
    (root / "animals" / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq9\td1\t1\n")

    assert sets.find(root)[1]["animals"] == "none of its queries is judged"


@pytest.mark.parametrize("line", ["[1]", "{", '"a"'])
def test_a_damaged_line_is_told_with_its_place(root, line):
    """What is no object of JSON is named by file and line."""
    (root / "animals" / "queries.jsonl").write_text(f'{{"_id": "q1", "text": "a"}}\n{line}\n')

    with pytest.raises(SourceError, match=r"queries\.jsonl:2"):
        sets.read(root / "animals")


def test_a_sample_is_always_the_same_and_keeps_its_order():
    """Two of three queries, chosen by their ids alone."""
    whole = _animals()
    chosen = [t.id for t in whole.sample(2).topics]
    turned = replace(whole, topics=whole.topics[::-1]).sample(2)

    assert len(chosen) == 2
    assert chosen == [t.id for t in whole.topics if t.id in chosen]
    assert [t.id for t in turned.topics] == chosen[::-1]
    assert whole.sample(99).topics == whole.topics


def test_titles_look_for_their_abstracts_among_papers_that_stay_apart(tmp_path):
    """Abstracts are filed without titles, each a paper of its own; each title once."""
    rows = [
        {"title": f"Strange beasts, part {n}", "abstract": f"The beast {n} has {n} legs. " * 20}
        for n in range(30)
    ]
    short = [{"title": "Too short", "abstract": "A beast."}, {"title": "None at all"}]
    write_lines(tmp_path / "one.jsonl", rows + short)
    write_lines(tmp_path / "two.jsonl", [r | {"title": r["title"].upper()} for r in rows[:9]])
    made = sets.titles(tmp_path, 5, 20)
    whole = sets.titles(tmp_path, 5, 20, with_titles=True)

    assert len(made.given) == 20
    assert {r.title for r in made.given} == {""}
    assert [t.text for t in made.topics] == [r.title for r in whole.given[:5]]
    assert made.is_known_item
    with quality.shelved(made) as shelf:
        assert shelf.library.count() == 20
    with pytest.raises(SourceError):
        sets.titles(tmp_path / "nothing", 5, 20)


@needs_shared
def test_the_shared_sets_are_what_their_readmes_say():
    """Seven sets are found, one with documents elsewhere; two folders hold none."""
    assert SHARED is not None
    found, skipped = sets.find(SHARED / "judged")
    by_name = {s.name: s for s in found}

    assert sorted(skipped) == ["crosssource_duplicates", "unjudged_queries"]
    assert len(by_name["cranfield"].topics) == 225
    assert by_name["openreview_tldr_known_item"].corpus == SHARED / "corpus/conferences.jsonl.xz"
    assert [s.name for s in found if s.is_known_item] == [
        "acl_citances",
        "openreview_tldr_known_item",
        "scitldr_known_item",
    ]


# ---------------------------------------------------------------------------- tiers


class _Counting:
    """The model of the package, which counts what it is asked."""

    def __init__(self) -> None:
        self._model = StaticEmbedder.load()
        self.id, self.pace, self.price, self.step = "counting", "slow", 0.0, 2
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors, and note the texts."""
        self.asked += texts
        return self._model.embed(texts)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return a vector, and note the text."""
        self.asked.append(text)
        return self._model.query(text)

    def close(self) -> None:
        """Do nothing."""


def test_a_text_is_embedded_once(tmp_path, embedder):
    """What a folder has of a model is not made again, and what was not finished is."""
    texts = ["one zebra", "two zebras in a row", "three", "one zebra"]
    first = Remembered(_Counting(), tmp_path)
    made = first.embed(texts)
    (next(tmp_path.iterdir()) / "00000009.new").write_bytes(b"half a file")
    again = Remembered(_Counting(), tmp_path)

    assert np.array_equal(made, embedder.embed(texts))
    assert np.array_equal(again.embed(texts), made)
    assert np.array_equal(again.queries(["one zebra"])[0], embedder.query("one zebra"))
    assert (len(first.model.asked), again.model.asked) == (3, ["one zebra"])
    assert again.embed([]).shape[0] == 0


def test_every_tier_is_measured_on_every_set(root, tmp_path):
    """One filing of each set, all tiers on it; the other model alone is the static tier here."""
    found, skipped = sets.find(root)
    model = Remembered(_Counting(), tmp_path / "cache")
    figures = quality.judge_all(found, Models(against={"other": model}))
    report = quality.report(figures, skipped, "ndcg_10")
    names = ["plain BM25", "words", "static", "words+static",
             "other", "0.35 words+other", "0.5 words+other"]  # fmt: skip

    assert report["tiers"] == names
    assert [(s["set"], s["docs"], s["queries"]) for s in report["sets"]] == [
        ("animals", 6, 3),
        ("alike", 6, 1),
    ]
    for each in figures:
        for measure in quality.MEASURES:
            assert np.allclose(each.of("other", measure), each.of("static", measure))
    animals = report["sets"][0]["tiers"]
    assert {animals[tier]["ndcg_10"] for tier in ("plain BM25", "words", "words+static")} == {1.0}
    assert animals["words"]["ms_p50"] > 0
    assert animals["other"]["ms_p50"] is None
    # d1 asks and may not be found itself, so that of two relevant documents one can be.
    assert report["sets"][1]["tiers"]["plain BM25"]["recall_100"] == 0.5
    pairs = {(d["tier"], d["over"]) for d in report["differences"]}
    assert {o for t, o in pairs if t == "words+static"} == {"plain BM25", *names[4:]}
    assert {t for t, o in pairs if o == "plain BM25"} == set(names[1:])
    assert {d["set"] for d in report["differences"]} == {"animals", "alike", "mean"}


def test_the_deep_tier_is_one_more(tmp_path):
    """With a model for it, search with all three tiers is measured beside words and model."""
    model = Remembered(_Counting(), tmp_path)
    (found,) = quality.judge_all([_animals()], Models(deep=model))

    assert list(found.rows)[4:] == ["deep", "0.35 words+deep", "0.5 words+deep", tiers.DEEP]
    assert found.of(tiers.DEEP, "recall_10").min() == 1
    assert {a for _, a in _ANIMALS.values()} <= {t.partition(". ")[2] for t in model.model.asked}


def test_a_pool_is_ranked_whole_and_alone():
    """Each tier ranks the judged documents of a query and nothing else, matching or not."""
    with quality.shelved(_animals(pool=True)) as shelf:
        topic = replace_judged(shelf.judged.topics[1], {"d3": 1.0, "d6": 0.0, "d4": 0.0})
        asked = shelf.asked(topic)
        ranked = [shelf.ranking(topic, tier.rank(asked)) for tier in tiers.own(shelf.library)]

    assert all(ranking[0] == "d3" for ranking in ranked)
    assert all(sorted(ranking) == ["d3", "d4", "d6"] for ranking in ranked)


def replace_judged(topic: Topic, judged: dict[str, float]) -> Topic:
    """Return a topic with other judgements."""
    return topic._replace(judged=judged)


@pytest.mark.parametrize(
    "text", ["tusks (of walrus", '"walrus tusks', "year:soon walrus", "walrus"]
)
def test_a_question_is_read_as_search_reads_it(library, text):
    """What the language refuses is asked word for word, so that no query of a set is lost."""
    assert "walrus" in quality.understood(library, text).words


def test_plain_bm25_is_the_formula():
    """Its scores are those of Robertson's BM25 with Lucene's idf, on title and abstract as one."""
    given = (Record("eval", "a", "", "zebra zebra okapi"), Record("eval", "b", "Zebra", "walrus"),
             Record("eval", "c", "", "walrus lion lion lion"))  # fmt: skip
    judged = JudgedSet("three", (Topic("q", "the zebra zebra lion", "", {"a": 1.0}),), given=given)
    with quality.shelved(judged) as shelf:
        plain = tiers.PlainWords(shelf.library)
        scores = plain._scores(shelf.asked(judged.topics[0]), 10)
        papers = [shelf._papers[key] for key in "abc"]

    def part(times: int, length: int, holding: int) -> float:
        idf = np.log(1 + (3 - holding + 0.5) / (holding + 0.5))
        return idf * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / 3))

    expected = [2 * part(2, 3, 2), 2 * part(1, 2, 2), part(3, 4, 1)]
    assert [scores[p] for p in papers] == pytest.approx(expected, rel=1e-4)


# ---------------------------------------------------------------------------- known items


def test_known_items_are_sought_by_changed_queries():
    """Case changes nothing; of each kind only the queries count that have something of it."""
    judged = replace(_animals(), topics=_animals().topics[1:])
    rows = {r["kind"]: r for r in known.perturb([judged, _animals()])["rows"]}

    # The first query has two relevant documents, so that its set has no known items.
    assert all(r["set"] == "animals" for r in rows.values())
    assert rows["upper case"]["changed"] == 2
    assert rows["lower case"]["changed"] == 0
    assert rows["lower case"]["kept"] is None
    assert rows["upper case"]["kept"] == 1
    assert rows["upper case"]["mrr_after"] == rows["upper case"]["mrr_before"]
    assert rows["hyphens gone"] == {
        "set": "animals", "kind": "hyphens gone", "changed": 0, "were": 0, "kept": None,
        "mrr_before": 0.0, "mrr_after": 0.0,
    }  # fmt: skip


# ---------------------------------------------------------------------------- saved pages


@pytest.mark.parametrize(("relevant", "papers"), [(1, 1), (1, 4), (2, 5), (3, 6), (6, 6), (0, 3)])
def test_a_random_order_is_worth_what_all_orders_are_on_average(relevant, papers):
    """The expected average precision is the mean over every order that there is."""
    judged = {str(n): 1.0 for n in range(relevant)}
    orders = permutations(str(n) for n in range(papers))
    mean = np.mean([average_precision(order, judged) for order in orders])

    assert pages.expected_precision(relevant, papers) == pytest.approx(mean)


@pytest.fixture
def saved(tmp_path):
    """Return a folder with a saved page of two animals, and one with all as JSON Lines."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "corpora").mkdir()
    shown = "\n".join(line for key in ("d1", "d2") for line in _ANIMALS[key])
    (tmp_path / "pages" / "000_stripes.txt").write_text(f"Daily Papers\nAug 29\n{shown}\n")
    rows = [{"id": k, "title": t, "abstract": a} for k, (t, a) in _ANIMALS.items()]
    write_lines(tmp_path / "corpora" / "animals.jsonl", rows)
    return tmp_path


def test_pages_are_held_against_search(saved):
    """Papers of the page are found by its words among all, in a home that is used again."""
    words, home = {"000": "stripes"}, saved / "kept"
    found = pages.compare(saved / "pages", saved / "corpora", words, home=home)
    again = pages.compare(saved / "pages", saved / "corpora", words, home=home)
    rows = {r["tier"]: r for r in found["rows"]}

    assert (found["papers"], found["on_pages"]) == (6, 2)
    assert again == found
    assert rows["words"]["found"] == {"10": 2, "20": 2, "100": 2, "1000": 2}
    assert rows["plain BM25"]["ap"] == 1
    assert rows["random"]["found"]["10"] == 2
    assert rows["random"]["ap_among_pages"] == 1
    with pytest.raises(SourceError, match="007"):
        pages.compare(saved / "pages", saved / "corpora", {"007": "stripes"})


# ---------------------------------------------------------------------------- the commands


def test_eval_all_prints_a_table_and_the_differences(root, tmp_path):
    """Sets stand in lines and tiers in columns; JSON and the file have every figure."""
    out = tmp_path / "queries.jsonl"
    found = answer("eval", "--all", root, "--out", out, "--measure", "map")
    shown = called("eval", "--all", root, "--only", "animals", "--only", "bare", "--limit", 2)
    told = shown.stdout.decode()
    lines = [orjson.loads(line) for line in out.read_bytes().splitlines()]

    assert found["measure"] == "map"
    assert {s["set"] for s in found["skipped"]} == {"bare", "other"}
    assert len(lines) == 4 * 4
    assert set(lines[0]) == {"set", "query", "tier", *quality.MEASURES}
    assert "skipped bare" in told
    assert "animals: 6 documents, 2 queries" in told
    assert "words+static - plain BM25" in told


def test_eval_shows_two_sets_side_by_side(root):
    """With more than one set there is a line of means, and of the time that a page takes."""
    told = called("eval", "--all", root).stdout.decode().splitlines()

    assert [line.split()[0] for line in told if line][2:8] == [
        "ndcg_10", "animals", "alike", "mean", "ms_p50", "ms_p99",
    ]  # fmt: skip


def test_eval_of_titles_and_of_other_wordings(tmp_path):
    """Titles are searched in abstracts; with --perturb in whole papers, and written otherwise."""
    rows = [
        {"title": f"Number {n} of the {word}s", "abstract": f"All about the {word}. " * 20}
        for n, word in enumerate(("zebra", "walrus", "lion", "okapi"))
    ]
    write_lines(tmp_path / "papers.jsonl", rows)
    options = ("--titles", 3, "--corpora", tmp_path, "--pool-size", 4)
    found = answer("eval", *options)
    changed = answer("eval", *options, "--perturb", "--mode", "text")
    shown = called("eval", *options, "--perturb").stdout.decode()

    assert found["sets"][0]["set"] == "titles of 4 abstracts"
    assert found["sets"][0]["tiers"]["words+static"]["map"] == 1
    assert changed["mode"] == "text"
    assert changed["rows"][0]["set"] == "titles with 4 abstracts"
    assert "order of words" in shown


def test_eval_pages_prints_how_much_comes_back(saved):
    """Words are given by the beginning of a page's name."""
    args = ("eval-pages", saved / "pages", "000=stripes", "--corpora", saved / "corpora")
    found = answer(*args)
    shown = called(*args).stdout.decode()

    assert [r["tier"] for r in found["rows"]] == [
        "plain BM25", "words", "static", "words+static", "random",
    ]  # fmt: skip
    assert "6 papers, 2 of them on the pages" in shown
    assert "000 stripes (2)" in shown


def test_pages_are_filed_in_a_home_that_lacks_them(saved, tmp_path):
    """What is there stays, other corpora are not added, and the pages are never missed."""
    answer("--home", tmp_path / "home", "import", *sorted((saved / "corpora").iterdir()))
    args = ("eval-pages", saved / "pages", "000=stripes", "--corpora", tmp_path, "--home")
    found = answer(*args, tmp_path / "home")

    assert (found["papers"], found["on_pages"]) == (6, 2)


@pytest.mark.parametrize(
    "args",
    [
        ("eval",),
        ("eval", "--titles", 5),
        ("eval", "--all", ".", "--measure", "luck"),
        ("eval-pages", ".", "000", "--corpora", "."),
    ],
)
def test_a_wish_that_cannot_be_understood_is_told(args):
    """What is missing is named, and the exit code is 2."""
    assert called(*args).returncode == 2


def test_no_set_below_a_folder_is_told(tmp_path):
    """Nothing to judge is no fault."""
    shown = called("eval", "--all", tmp_path)

    assert shown.returncode == 0
    assert "no judged set" in shown.stdout.decode()
