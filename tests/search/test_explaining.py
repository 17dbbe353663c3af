"""Explanations: sums that hold, and the words for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.search.explaining import Explanation, Worded, reasons, words_of
from broadsheet.search.nearness import Affinity
from broadsheet.search.scoring import Share
from broadsheet.search.understanding import Weighed

NEAR = (Affinity("residual", "skip connections", 0.2), Affinity("learning", "training", 0.1))


def made(
    words: dict[str, float], static: float | None = None, affinities: tuple[Affinity, ...] = ()
) -> Explanation:
    """Return an explanation of words and of a cosine that has half of the score."""
    return Explanation(
        {"words": sum(words.values()), "static": (static or 0) / 2, "deep": 0.0},
        tuple(Worded(word, share) for word, share in words.items()),
        static,
        affinities=affinities,
    )


@pytest.mark.parametrize(
    ("explanation", "title", "abstract", "expected"),
    [
        (made({"a": 0.3, "b": 0.2, "c": 0.1}), ["a", "b"], ["a", "c"], [
            "“a” in title and abstract", "“b” in the title", "“c” in the abstract"]),
        (made({"c": 0.3, "a": 0.2, "b": 0.1}), ["a", "b", "c"], [], [
            "“c”, “a” and “b” in the title"]),
        (made({"a": 0.5}, 0.2), ["a"], [], [
            "“a” in the title", "distantly near (0.20) in meaning"]),
        (made({"a": 0.1}, 0.4), ["a"], [], ["near (0.40) in meaning", "“a” in the title"]),
        (made({}, 0.7, affinities=NEAR), [], [], [
            "very near (0.70) in meaning: “residual” ~ “skip connections”, “learning” ~ “training”"
        ]),
        (made({}, -0.1), [], [], []),
        (made({}), [], [], []),
        (made({"a": 0.1}), list("abcdefgh"), [], [
            "“a”, “b”, “c”, “d”, “e”, “f” and 2 more in the title"]),
        (Explanation({"words": 0.2, "static": 0.0, "deep": 0.5},
                     (Worded("Ng", 0.2, "author"),), None, 0.5, "onnx:small"), [], [], [
            "near (0.50) by the deep tier", "author “Ng”"]),
    ],
)  # fmt: skip
def test_reasons(
    explanation: Explanation, title: list[str], abstract: list[str], expected: list[str]
):
    """Each word is named once where it stands, and the weightier kind of reason comes first."""
    assert [r.text for r in reasons(explanation, title, abstract)] == expected


def test_a_reason_has_what_its_words_added():
    """The value of words is their share of the score, that of meaning the cosine."""
    found = reasons(made({"a": 0.3, "b": 0.2}, 0.4), ["a", "b"], [])
    assert [(r.kind, r.value) for r in found] == [("title", 0.5), ("meaning", 0.4)]


def test_what_stood_for_a_word_is_named_so():
    """Long forms, names and years are told as what they are; forms of one word are one."""
    weighed = [Weighed("GCN?"), Weighed("graph network", 0.5, "acronym", "GCN?"),
               Weighed("Ada Weis", 2.0, "author"), Weighed("2024", 1.0, "year")]  # fmt: skip
    shares = [Share("word", "GCN?", 0.2), Share("other", "graph network", 0.4),
              Share("word", "(GCN", 0.1), Share("pair", "GCN? nets", 0.1),
              Share("beside", "Ada Weis", 0.1), Share("beside", "2024", 0.1)]  # fmt: skip
    found = words_of(shares, 0.5, weighed)
    assert [(w.text, w.kind, w.of, pytest.approx(w.share)) for w in found] == [
        ("graph network", "acronym", "GCN", 0.2),
        ("GCN", "word", "", 0.15),
        ("2024", "year", "", 0.05),
        ("Ada Weis", "author", "", 0.05),
        ("GCN nets", "pair", "", 0.05),
    ]
    (row,) = Explanation({"words": 0.5}, found).rows()
    assert row.made_of == (
        "“graph network” (for “GCN”) 0.200, “GCN” 0.150, year “2024” 0.050, "
        "author “Ada Weis” 0.050, “GCN nets” near each other 0.050"
    )


SHARES = st.lists(st.tuples(st.sampled_from("abcdefghijkl"), st.floats(0.01, 1)), max_size=15)


@given(SHARES, st.floats(0.01, 1), st.floats(-0.5, 0.5), st.floats(0, 1), st.floats(0, 1))
def test_words_and_parts_add_up(
    given_shares: list[tuple[str, float]], part: float, near: float, added: float, share: float
):
    """Words are their part of the score, also as a share of one to which a facet adds."""
    shares = [Share("word", name, value) for name, value in given_shares]
    words = words_of(shares, part, [])
    assert sum(w.share for w in words) == pytest.approx(part if shares else 0)
    whole = Explanation({"words": part, "static": near, "deep": 0.0}, words, near)
    in_facet = whole.in_facet("method", added, share)
    assert sum(in_facet.parts.values()) == pytest.approx(added + share * (part + near))
    assert sum(w.share for w in in_facet.words) == pytest.approx(share * part if shares else 0)
    assert [r.added for r in in_facet.rows()] == [v for v in in_facet.parts.values() if v]


def test_the_table_names_a_few_words_and_counts_the_rest():
    """Of very many words the weightiest are shown, and the sum of the others."""
    words = {f"w{n:02}": 0.01 for n in range(12)}
    (row,) = made(words).rows()
    assert row.made_of.endswith("“w07” 0.010, 4 more 0.040")
    near = "“residual” ~ “skip connections” 0.200, “learning” ~ “training” 0.100"
    table = made({"a": 0.1}, 0.4, affinities=NEAR).rows()
    assert [(r.name, r.made_of) for r in table] == [
        ("Words", "“a” 0.100"),
        ("Meaning", f"cosine 0.400, of which {near}"),
    ]
