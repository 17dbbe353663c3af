"""A cosine taken apart: what words add is all of it, and is told once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.search.embedding import StaticEmbedder, split_words
from broadsheet.search.nearness import ASKED, LEAST, Comparison, middle
from broadsheet.search.text_index import stems
from broadsheet.search.vectors import VectorMatrix

WORDS = ["residual", "networks", "network", "neural", "graph", "of", "the", "qwyzzx", "Zürich",
         "machine", "translation", "2024", "海", "deep"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=40)


@pytest.fixture(scope="module")
def model() -> StaticEmbedder:
    """Give the model in the package."""
    return StaticEmbedder.load()


@given(st.lists(TEXTS, min_size=1, max_size=3), st.lists(TEXTS, min_size=1, max_size=4))
def test_what_words_add_is_the_cosine(model: StaticEmbedder, asked: list[str], said: list[str]):
    """Over all pairs of words it adds up to the cosine of the vectors, however many texts."""
    vectors = model.embed(said)
    mean = model.embed(asked).sum(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    found = Comparison(model.summands(asked), model.summands(said))
    for number, vector in enumerate(vectors):
        places, added = found.shares(number)
        assert len(places) == len(added)
        # The mean of texts of nothing in common may be short, which makes roundings large.
        assert added.sum() == pytest.approx(float(vector @ mean), abs=1e-3)


@given(TEXTS)
def test_the_rows_of_a_text_add_up_to_its_vector(model: StaticEmbedder, text: str):
    """And each is named by words of the text."""
    found = model.summands([text])
    rows = middle(found)
    assert rows.sum(axis=0) == pytest.approx(model.query(text), abs=1e-5)
    names = [found.name(number) for number in range(len(rows))]
    assert len(set(names)) == len(names)
    said = [word.decode() for word in split_words([text])]
    assert set(names) <= {*said, *map(" ".join, pairwise(said))}


def test_what_is_stored_differs_by_rounding_alone(model: StaticEmbedder, tmp_path):
    """The cosine of a stored vector, which is rounded, is near the sum that explains it."""
    text = "Deep residual networks ease the training of neural networks."
    matrix = VectorMatrix(tmp_path, model.dim)
    matrix.append([1], model.embed([text]), [], 1)
    stored = matrix.cosines(model.query("skip connections"), [1])[1]
    found = Comparison(model.summands(["skip connections"]), model.summands([text]))
    assert found.shares(0)[1].sum() == pytest.approx(stored, abs=5e-3)


def test_affinities_are_of_different_words(model: StaticEmbedder):
    """The strongest first, none with a stem in common, and no word of the text twice."""
    said = "Skip connections and shortcuts make residual networks train. A residual block."
    found = Comparison(model.summands(["residual learning"]), model.summands([said]))
    told = found.affinities(0, stems)
    assert 0 < len(told) <= 3
    assert [a.share for a in told] == sorted((a.share for a in told), reverse=True)
    assert all(a.share >= LEAST for a in told)
    assert not any(set(stems(a.asked)) & set(stems(a.said)) for a in told)
    each = [stem for a in told for stem in set(stems(a.said))]
    assert len(each) == len(set(each))
    assert found.affinities(0, lambda _: ()) == ()


def test_of_a_long_text_the_weightiest_words_are_told(model: StaticEmbedder):
    """What fewer words add is what they add among all."""
    long = " ".join(f"word{n} graph{n} deep" for n in range(ASKED))
    asked, said = model.summands([long]), model.summands(["deep graphs"])
    few, all_ = (Comparison(asked, said, most).shares(0)[1] for most in (ASKED, None))
    assert few.shape[1] == ASKED < all_.shape[1]
    columns = {tuple(c) for c in all_.T.round(5).tolist()}
    assert {tuple(c) for c in few.T.round(5).tolist()} <= columns


def test_texts_of_nothing_are_near_nothing(model: StaticEmbedder):
    """Empty texts have no words and nothing to add."""
    found = Comparison(model.summands([""]), model.summands(["", "deep"]))
    assert [found.affinities(n, stems) for n in (0, 1)] == [(), ()]
    assert Comparison(model.summands(["deep"]), model.summands([""])).affinities(0, stems) == ()
