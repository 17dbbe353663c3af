"""Ways of writing a query otherwise: what each changes, and what none does."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.measure.perturbing import KINDS, american, british, perturbed

_TITLE = "Self-supervised learning of normalised node colours in large graphs"
_ONE_LETTER = [kind for kind in KINDS if kind.startswith("letter")]


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=80), st.integers(0, 9))
def test_any_text_can_be_changed_and_always_in_the_same_way(kind: str, text: str, seed: int):
    """Whatever is typed, no change fails, and the same seed gives the same text."""
    assert perturbed(kind, text, seed) == perturbed(kind, text, seed)


@given(st.text(max_size=80))
def test_another_order_has_the_same_words(text: str):
    """Words change places, none is lost or made."""
    assert Counter(perturbed("order of words", text).split()) == Counter(text.split())


@given(st.sampled_from(_ONE_LETTER), st.integers(0, 50))
def test_a_wrong_letter_spoils_one_word_and_not_its_beginning(kind: str, seed: int):
    """One word of at least five letters differs, by at most one letter more or less."""
    before, after = _TITLE.split(), perturbed(kind, _TITLE, seed).split()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]

    assert len(changed) <= 1
    for one, other in changed:
        assert one[0] == other[0]
        assert len(one) >= 5
        assert abs(len(one) - len(other)) <= 1


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("upper case", "Graph nets", "GRAPH NETS"),
        ("lower case", "Graph Nets", "graph nets"),
        ("plural or singular", "a network", "a networks"),
        ("plural or singular", "of networks", "of network"),
        ("plural or singular", "for galaxy", "for galaxies"),
        ("plural or singular", "for galaxies", "for galaxy"),
        ("plural or singular", "an approach", "an approaches"),
        ("plural or singular", "on statistics", "on statistics"),
        ("hyphens to spaces", "self-attention is all", "self attention is all"),
        ("hyphens gone", "pre-training of co-authors", "pretraining of coauthors"),
        ("hyphens gone", "no hyphen - here", "no hyphen - here"),
        ("hyphen added", "deep learning", "deep-learning"),
        ("hyphen added", "on it", "on it"),
        ("letter missing", "on it", "on it"),
        ("letters swapped", "aaaaa", "aaaaa"),
        ("other spelling", "nothing to say", "nothing to say"),
    ],
)
def test_changes_on_paper(kind: str, text: str, expected: str):
    """Each kind does what its name says, and leaves alone what has nothing of the kind."""
    assert perturbed(kind, text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Colour behaviour of neighbouring tumours", "Color behavior of neighboring tumors"),
        ("regularised optimisation", "regularized optimization"),
        ("Unlabelled data, centred fibres", "Unlabeled data, centered fibers"),
        ("a grey dialogue", "a gray dialog"),
        ("Meta-analyses of hemispheres", "Meta-analyses of hemispheres"),
        ("an exercise in wise surprise", "an exercise in wise surprise"),
    ],
)
def test_both_sides_of_the_ocean(one: str, other: str):
    """British becomes American and back, and what is written alike everywhere stays."""
    assert american(one) == other
    assert british(other) == one
    assert american(other) == other
    assert british(one) == one


def test_changes_draw_from_what_they_are_given():
    """The same draws choose the same word."""
    for change in KINDS.values():
        assert change(_TITLE, Random(3)) == change(_TITLE, Random(3))
