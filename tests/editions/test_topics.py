"""Topics from titles: the same for the same papers, and no label that is not true."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet import starter
from broadsheet.editions import topics
from broadsheet.editions.topics import LEAST, MOST, SHARED, clusters
from broadsheet.search.embedding import StaticEmbedder

SUBJECTS = {
    "Tidal Harbours": ("quay", "mooring", "lunar current"),
    "Copper Kilns": ("glaze", "firing", "clay oven"),
    "Bee Colonies": ("honey", "swarm", "winter hive"),
}
LITTLE = ("A Study", "Two Approaches", "New Methods", "An Analysis", "Fast Systems", "On Models")


def titled(per_subject: int = 12) -> dict[int, str]:
    """Return titles on three subjects, so many on each; two of three name the subject."""
    found = {}
    for n in range(per_subject * len(SUBJECTS)):
        subject, words = list(SUBJECTS.items())[n % len(SUBJECTS)]
        word, little = words[n % 3 - n % 2], LITTLE[n % 5]
        named = f"{subject}: {little} of the {word}" if n // 3 % 3 else f"{little} of the {word}"
        found[100 + n] = named
    return found


def turned(vectors: np.ndarray) -> np.ndarray:
    """Return vectors at length 1, zeros as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)


def meanings(count: int, groups: int = 3, seed: int = 7, spread: float = 0.1) -> np.ndarray:
    """Return so many vectors about a few directions, in turns."""
    dice = np.random.default_rng(seed)
    centres = dice.normal(size=(groups, 16))
    noise = dice.normal(size=(count, 16)) * spread
    return turned(centres[np.arange(count) % groups] + noise)


def holds(title: str, label: str) -> bool:
    """Return whether a title has the words of a label in a row, plural or not."""

    def folded(text: str) -> str:
        words = re.findall(r"[^\W_](?:[\w'’-]*[^\W_])?", text.lower())
        cut = (w[:-1] if len(w) > 3 and re.search(r"[^sui]s$", w) else w for w in words)
        return f" {' '.join(cut)} "

    return folded(label) in folded(title)


# ---------------------------------------------------------------------------- what it should do


def test_subjects_become_topics():
    """Titles on three things are three topics in the words of the titles, nobody left out."""
    found = clusters(titled(), list(titled()), meanings(36))

    assert set(found.values()) == set(SUBJECTS)
    assert len(found) == 36
    for paper, title in titled().items():
        assert all(found[paper] == s for s in SUBJECTS if s in title)


def test_papers_near_to_a_topic_join_it():
    """A title without the words stands with papers that mean the same."""
    titles = titled()
    found = clusters(titles, list(titles), meanings(36))
    silent = [p for p, title in titles.items() if ":" not in title]

    assert len(silent) == 12
    assert {found[p] for p in silent} == set(SUBJECTS)
    assert all(found[p] == list(SUBJECTS)[(p - 100) % 3] for p in silent)


def test_papers_far_from_all_are_left_out():
    """What shares no word and no meaning with any topic has none."""
    titles = titled() | {7: "A Saddle for Camels"}
    lonely = np.zeros((1, 16), np.float32)
    vectors = np.concatenate([meanings(36), lonely])

    assert 7 not in clusters(titles, list(titles), vectors)


def test_a_real_model_finds_the_subjects(embedder: StaticEmbedder):
    """With the vectors of the model in the package, papers on three things are told apart."""
    about = {
        "Speech Recognition": ("noisy telephone calls", "whispering", "accents", "children", "TV"),
        "Galaxy Clusters": ("dark matter", "gravitational lensing", "X-rays", "redshift", "voids"),
        "Protein Folding": ("enzymes", "amino acids", "living cells", "membranes", "ribosomes"),
    }
    said = [
        (name, f"{name} {little} {word}")
        for little in ("and", "with Models of", "beyond")
        for name, words in about.items()
        for word in words
    ]
    titles = {n: title for n, (_, title) in enumerate(said)}
    found = clusters(titles, list(titles), embedder.embed(list(titles.values())))

    assert found == {n: name for n, (name, _) in enumerate(said)}


def test_most_papers_of_the_starter_collection_have_a_topic(embedder: StaticEmbedder):
    """Of papers found with one word, two thirds stand under a heading, each of them true."""
    lines = [orjson.loads(line) for line in starter.PAPERS.read_bytes().splitlines()]
    titles = {n: line["title"] for n, line in enumerate(lines)}
    texts = [f"{line['title']}. {line['tldr']}" for line in lines]
    found = clusters(titles, list(titles), embedder.embed(texts))
    sizes = Counter(found.values())
    named = Counter(label for p, label in found.items() if holds(titles[p], label))

    assert len(found) > 2 / 3 * len(titles)
    assert {"Graph Neural Networks", "Object Detection", "Wireless"} <= set(sizes)
    assert all(named[label] >= SHARED * size for label, size in sizes.items())


# ---------------------------------------------------------------------------- whatever comes

WORDS = st.sampled_from(
    [
        *("graph", "neural", "networks", "harbour", "tides", "of", "the", "for", "kilns", "bees:"),
        *("mixture", "experts", "3D", "LLMs", "Transformers", "2026", "é", "網路", "learning", "a"),
    ]
)
TITLES = st.lists(st.lists(WORDS, max_size=7).map(" ".join), min_size=LEAST, max_size=60)


@settings(deadline=None)
@given(TITLES, st.integers(1, 6), st.integers(0, 99))
def test_labels_are_true(titles: list[str], groups: int, seed: int):
    """The words of a label stand, in a row, in at least the share of titles that is promised."""
    ids = list(range(len(titles)))
    found = clusters(dict(enumerate(titles)), ids, meanings(len(ids), groups, seed, spread=0.4))
    sizes = Counter(found.values())
    named = Counter(label for p, label in found.items() if holds(titles[p], label))

    assert all(named[label] >= SHARED * size for label, size in sizes.items())
    assert len({label.lower() for label in sizes}) == len(sizes) <= MOST
    assert all(label == label.strip() and label for label in sizes)


def test_two_kinds_of_papers_are_enough():
    """One paper against thirty-five is division enough for topics, and their labels are true."""
    vectors = turned(np.concatenate([np.ones((35, 16)), -np.ones((1, 16))]))
    titles = titled()
    found = clusters(titles, list(titles), vectors)
    sizes = Counter(found.values())

    assert sizes
    for label, size in sizes.items():
        assert sum(holds(titles[p], label) for p in found if found[p] == label) >= SHARED * size


@settings(deadline=None)
@given(st.data(), TITLES, st.integers(1, 6), st.integers(0, 99))
def test_the_order_of_papers_does_not_matter(
    data: st.DataObject, titles: list[str], groups: int, seed: int
):
    """The same papers have the same topics, in whatever order, be some alike to the last bit."""
    vectors = meanings(len(titles), groups, seed, spread=data.draw(st.sampled_from([0.0, 0.4])))
    by_id = {3 * n + 1: title for n, title in enumerate(titles)}
    ids = np.array(list(by_id))
    order = data.draw(st.permutations(range(len(titles))))
    found = clusters(by_id, ids.tolist(), vectors)

    assert clusters(by_id, ids[order].tolist(), vectors[order]) == found
    assert clusters(by_id, ids.tolist(), vectors) == found


@pytest.mark.parametrize("count", [0, 1, LEAST - 1])
def test_a_few_papers_are_not_divided(count: int):
    """Fewer papers than a page full have no topics."""
    titles = dict.fromkeys(range(count), "Tidal Harbours")

    assert clusters(titles, list(titles), meanings(count)) == {}


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((36, 16), np.float32),
        np.ones((36, 16), np.float32) / 4,
        turned(np.concatenate([np.zeros((35, 16)), np.ones((1, 16))])),
    ],
    ids=["all zero", "all equal", "one alone"],
)
def test_vectors_that_say_nothing_give_no_topics(vectors: np.ndarray):
    """Where no paper is nearer to some than to others, shared words are no topic."""
    assert clusters(titled(), list(titled()), vectors) == {}


@pytest.mark.parametrize(
    "titles",
    [
        ["" for _ in range(36)],
        ["?!" for _ in range(36)],
        ["A Study of the Method" for _ in range(36)],
        ["x" * 5000 for _ in range(36)],
        ["1 2 3" for _ in range(36)],
    ],
    ids=["empty", "signs", "common words", "one endless word", "numbers"],
)
def test_titles_that_say_nothing_give_no_topics(titles: list[str]):
    """Signs, numbers, words that stand everywhere, and what is no word, name nothing."""
    assert clusters(dict(enumerate(titles)), list(range(36)), meanings(36)) == {}


# ---------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("titles", "label"),
    [
        (["Graph neural networks", "A graph neural network", "graph neural networks"], None),
        (["GRAPH KILN", "Graph Kilns", "Graph Kilns today"], "Graph Kilns"),
        (["tidal 3D maps", "Our 3D maps", "3D maps"], "3D maps"),
        (["Mixture of Experts", "A mixture of experts", "Mixtures of Experts"], None),
        (["Kilns: Graphs", "Kilns. Graphs", "Kilns, Graphs"], "Kilns"),
    ],
)
def test_labels_are_spelt_as_most_titles_spell_them(titles: list[str], label: str | None):
    """Capitals and plurals are those of the titles; words across a colon are not side by side."""
    others = [f"{w} stone{n}" for n, w in enumerate(["ochre", "basalt", "marble", "granite"] * 6)]
    all_titles = dict(enumerate(titles * 4 + others))
    vectors = np.concatenate([meanings(12, 1), meanings(24, 4, seed=8)])
    found = clusters(all_titles, list(all_titles), vectors)
    named = {found[n] for n in range(12)}

    assert len(named) == 1
    if label:
        assert named <= {label, "Graphs"}
    else:
        assert named <= {"Graph neural networks", "Mixture of Experts"}


def test_longer_names_are_preferred():
    """Where papers share three words in a row, the label is those, not one of them."""
    titles = {n: f"Graph Neural Networks {n}" for n in range(12)}
    titles |= {n: f"Basalt {n}" for n in range(12, 24)}
    vectors = np.concatenate([meanings(12, 1), meanings(12, 1, seed=8)])

    assert set(clusters(titles, list(titles), vectors).values()) == {
        "Graph Neural Networks", "Basalt",
    }  # fmt: skip


def test_a_topic_never_holds_more_than_its_label_can_bear(monkeypatch: pytest.MonkeyPatch):
    """Of many papers that are near, only the nearest join a topic that few titles name."""
    titles = {n: "Tidal Harbours" if n < 4 else f"Basalt{n}" for n in range(40)}
    titles |= {n: f"Ochre {n}" for n in range(40, 52)}
    vectors = np.concatenate([meanings(40, 1), meanings(12, 1, seed=8)])
    found = clusters(titles, list(titles), vectors)

    assert Counter(found.values())["Tidal Harbours"] == int(4 / SHARED)
    monkeypatch.setattr(topics, "SHARED", 0.5)
    assert Counter(clusters(titles, list(titles), vectors).values())["Tidal Harbours"] == 8
