"""Sentences and what they do in an abstract."""

from __future__ import annotations

import json
import lzma
import re
from collections import defaultdict
from hashlib import blake2b
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import EmbeddingError
from broadsheet.search import roles as reading
from broadsheet.search.roles import (
    FACET_ROLES,
    FACETS,
    ROLES,
    SENTENCES,
    Role,
    best_paths,
    facet_sentences,
    facet_text,
    roles,
    roles_of,
    split_sentences,
    without_heading,
)
from shared_data import SHARED, needs_shared

ABSTRACT = [
    "Kilns are an important part of many potteries.",
    "However, existing kilns suffer from uneven heat, and why remains unclear.",
    "In this paper, we propose a novel kiln that turns by itself.",
    "Specifically, our kiln uses a copper wheel below the floor.",
    "Experiments on 12 potteries show that it outperforms the state of the art by 4.5%.",
    "Our code is available at https://example.org/kiln.",
]
TOLD = [Role.BACKGROUND, Role.PROBLEM, Role.METHOD, Role.METHOD, Role.RESULT, Role.OTHER]

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(' .!?:\0\n%$\\(["“’0123456789') | st.sampled_from("AIiae"),
        st.sampled_from("\ud800\u202e\u0301\ufeff"),
    ),
    max_size=300,
)

# ---------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["One is here.", "Two is there.", "Is it?", "It is!", "(So it is.)", "“Said.”", "And so."],
        ["As Smith et al. Showed, e.g. Kilns, i.e. Ovens (cf. Fig. 2, Eq. (3), Sec. IV) burn."],
        ["J. R. Kiln and U.S. Potters fire at 3.5 degrees, approx. 4.", "9 of them burn."],
        ["We fire pots, plates, etc.", "This costs k.", "Then $x$ falls.", "\\emph{So} it does."],
        ["Results: We fire.", "Methods. We burn.", "It is version 2.0.", "It burns vs. Water."],
        ["a small letter follows. here no sentence ends"],
        ["The heat of AI.", "However, the space is lost."],
    ],
)  # fmt: skip
def test_sentences_end_where_people_end_them(sentences):
    """Abbreviations, initials, numbers and headings end no sentence."""
    text = " ".join(sentences).replace("AI. However", "AI.However")
    assert split_sentences(text) == sentences


@given(HOSTILE)
def test_splitting_loses_nothing_but_space(text):
    """The sentences together are the text, each without space around it and none empty."""
    sentences = split_sentences(text)
    assert (
        "".join("".join(sentences).split()) == "".join(text.split()) or len(sentences) == SENTENCES
    )
    assert all(s and s == s.strip() for s in sentences)


def test_an_endless_abstract_is_cut():
    """Of what is far too long, the beginning is read."""
    assert len(split_sentences("So it burns. " * 10_000)) == SENTENCES


# ---------------------------------------------------------------------------- roles


def test_a_plain_abstract_is_read_as_a_person_reads_it():
    """Sentences that say what they do are told apart."""
    assert roles(ABSTRACT) == TOLD


def test_a_sentence_is_read_with_its_neighbours():
    """The same sentence does one thing at the beginning and another in the middle."""
    plain = "The floor of the kiln turns once a day."
    told = {at: roles([*ABSTRACT[:at], plain, *ABSTRACT[at:]])[at] for at in (0, 3)}
    assert told[3] is Role.METHOD
    assert told[0] is not Role.METHOD


def test_headings_decide():
    """What stands below a heading has a role of that heading, whatever it says."""
    sentences = ["Background: We propose.", "Methods: However, it suffers.", "It outperforms all."]
    assert roles(sentences) == [roles(sentences)[0], Role.METHOD, Role.METHOD]
    assert roles(sentences)[0] in FACET_ROLES["problem"]
    assert without_heading(sentences[0]) == "We propose."
    assert without_heading("RESULTS - It burns.") == "It burns."
    assert without_heading("Results:") == "Results:"
    assert without_heading("Results show that it burns.") == "Results show that it burns."


@given(st.lists(st.lists(HOSTILE, max_size=8), max_size=6))
def test_every_sentence_has_a_role_of_its_own_abstract_alone(abstracts):
    """Any text is read, and abstracts read together are read as if alone."""
    together = roles_of(abstracts)
    assert [len(told) for told in together] == [len(a) for a in abstracts]
    assert together == [roles(a) for a in abstracts]


@given(st.data())
def test_the_best_path_is_the_best_of_all_paths(data):
    """Viterbi over several abstracts finds what trying every path finds."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sizes = np.array(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    scores = rng.normal(size=(sizes.sum(), 3)).astype(np.float32)
    steps = rng.normal(size=(3, 3)).astype(np.float32)
    found = best_paths(scores, sizes, steps)
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        own = scores[end - size : end]
        paths = np.stack(np.meshgrid(*[range(3)] * size, indexing="ij"), -1).reshape(-1, size)
        totals = [
            sum(own[t, r] for t, r in enumerate(p)) + sum(steps[a, b] for a, b in pairwise(p))
            for p in paths
        ]
        assert tuple(found[end - size : end]) == tuple(paths[int(np.argmax(totals))])


def test_the_model_is_small_and_of_its_roles():
    """The file is light, and each row has a number for each role."""
    place = resources.files("broadsheet") / "models" / "roles.npz"
    assert len(place.read_bytes()) < 200_000
    model = reading.model()
    assert model.rows.shape == (len(model.words) + len(model.pairs), len(ROLES))
    assert model.steps.shape == (len(ROLES), len(ROLES))
    assert len(set(model.words)) == len(model.words)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nonsense"])
def test_a_broken_model_is_an_error(content):
    """Bytes that are no model are refused, never read as one."""
    with pytest.raises(EmbeddingError, match="cannot be used"):
        reading.load_model(content)


# ---------------------------------------------------------------------------- facets


def test_facets_take_their_sentences():
    """Each facet has the sentences of its roles, without their headings."""
    headed = "Objective: To fire. Methods: We burned it. Results: It held. Conclusions: It is well."
    told = {f: facet_sentences([" ".join(ABSTRACT), "", headed], f) for f in FACETS}
    assert told["problem"] == [ABSTRACT[:2], [], ["To fire."]]
    assert told["method"] == [ABSTRACT[2:4], [], ["We burned it."]]
    assert told["result"] == [ABSTRACT[4:5], [], ["It held.", "It is well."]]


def test_the_title_tells_of_the_problem_alone():
    """The title joins what is said of the problem, where something is."""
    assert facet_text("Kilns", ["They burn."], "problem") == "Kilns They burn."
    assert facet_text("Kilns", ["They burn."], "method") == "They burn."
    assert facet_text("Kilns", [], "problem") == ""


# ---------------------------------------------------------------------------- what was read by hand

BY_HAND = Path(__file__).parents[2] / "training" / "roles_by_hand.tsv"


def by_hand() -> list[list[str]]:
    """Return the sample: part, corpus, id, number of the sentence, its hash, its role."""
    return [line.split("\t") for line in BY_HAND.read_text(encoding="utf-8").splitlines()]


def test_the_sample_has_roles_and_hashes_and_no_text():
    """Other people's sentences are not in the repository."""
    head, *rows = by_hand()
    assert head == ["part", "corpus", "id", "sentence", "hash", "role"]
    assert {row[5] for row in rows} == set(ROLES)
    assert all(re.fullmatch("[0-9a-f]{16}", row[4]) for row in rows)


@needs_shared
@pytest.mark.corpus
def test_real_abstracts_are_read_as_a_person_read_them():
    """Of the sentences that were read by hand in one corpus, three of four get their role.

    Each is still the sentence that was read, so the splitting has not changed either.
    """
    told: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, corpus, ident, _, digest, role in by_hand():
        if corpus == "hf_daily":
            told[ident].append((digest, role))
    with lzma.open(SHARED / "corpus" / "hf_daily.jsonl.xz", "rt", encoding="utf-8") as lines:
        papers = [p for p in map(json.loads, lines) if p["arxiv_id"] in told]
    right = []
    for paper in papers:
        sentences = split_sentences(paper["abstract"])
        found = [blake2b(s.encode(), digest_size=8).hexdigest() for s in sentences]
        assert found == [digest for digest, _ in told[paper["arxiv_id"]]]
        truth = [role for _, role in told[paper["arxiv_id"]]]
        right += [a == b for a, b in zip(roles(sentences), truth, strict=True)]
    assert len(papers) == 15
    assert sum(right) / len(right) > 0.75
