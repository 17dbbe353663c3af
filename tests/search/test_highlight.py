"""Marks in a text: where they may stand, and which words they take."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broadsheet.search.highlight import Marked, Marker, Run
from broadsheet.search.text_index import STOP_WORDS, stems

# Words whose stems end differently from the words, beside look-alikes that must stay unmarked.
WORDS = [
    "network", "Networks", "networking", "net", "happy", "happiness", "happily", "hap", "ties",
    "tying", "tie", "sensibility", "sensible", "relational", "relate", "studies", "study", "sky",
    "skies", "Δ", "naïve", "naive", "réseaux", "ﬁne", "fine", "C", "c3", "snake_case", "İstanbul",
    "state-of-the-art", "Волны", "海の波", "o'clock", "dying", "die", "3d", "generically",
]  # fmt: skip
TEXTS = st.lists(
    st.sampled_from([*WORDS, " ", " ", " ", "-", "_", ".", "(", "e\u0301", "\n"]), max_size=30
).map("".join)
WANTED = st.lists(st.sampled_from(WORDS), max_size=5).map(
    lambda words: {(s,): w for w in words for s in stems(w)}
)


def marked(text: str, *words: str) -> list[str]:
    """Return the marked pieces of a text for a query of `words`."""
    found = Marker({(s,): w for w in words for s in stems(w)}, stems).mark(text)
    return [piece for is_marked, piece in found.parts() if is_marked]


def wanted_in(word: str, wanted: dict[Run, str]) -> set[Run]:
    """Return which of the wanted words this one is."""
    return {(stem,) for stem in stems(word)} & set(wanted)


@given(TEXTS | st.text(), WANTED)
@example("İİİ network", {("network",): "network"})
def test_marks_keep_the_text_whole(text: str, wanted: dict[Run, str]):
    """Spans ascend inside the text without touching one another's letters, and parts join up."""
    found = Marker(wanted, stems).mark(text)
    assert found.text == text
    edges = [e for span in found.spans for e in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in found.spans)
    assert "".join(piece for _, piece in found.parts()) == text
    assert [p for is_marked, p in found.parts() if is_marked] == [text[a:b] for a, b in found.spans]


@given(TEXTS, WANTED)
def test_marks_tell_the_truth(text: str, wanted: dict[Run, str]):
    """Every marked word has a wanted stem, and the words named are those that were marked."""
    found = Marker(wanted, stems).mark(text)
    pieces = [text[a:b] for a, b in found.spans]
    assert all(wanted_in(piece, wanted) for piece in pieces)
    assert set(found.words) <= {wanted[r] for p in pieces for r in wanted_in(p, wanted)}
    assert len(set(found.words)) == len(found.words)
    assert bool(found.words) is bool(pieces)


@given(TEXTS, WANTED)
def test_no_word_is_missed(text: str, wanted: dict[Run, str]):
    """Every word of the text that the index would find by a wanted stem is marked."""
    found = Marker(wanted, stems).mark(text)
    rest = re.split(r"[\W_]+", "".join("\n" * len(p) if m else p for m, p in found.parts()))
    assert not [word for word in rest if wanted_in(word, wanted)]


@given(TEXTS, WANTED)
def test_what_else_stands_in_a_text_changes_no_marks(text: str, wanted: dict[Run, str]):
    """Texts in ASCII alone, which are looked through in another way, are marked alike."""
    plain = text.encode("ascii", "ignore").decode()
    marker = Marker(wanted, stems)
    alone, beside = marker.mark(plain), marker.mark(f"{plain} \u2013")
    assert (alone.spans, alone.words) == (beside.spans, beside.words)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Graph Networks and networks", ["network"], ["Networks", "networks"]),
        ("graphs, hypergraphs", ["graph"], ["graphs"]),
        ("a snake_case name", ["case"], ["case"]),
        ("state-of-the-art", ["art"], ["art"]),
        ("Naïve réseaux", ["naive", "reseaux"], ["Naïve", "réseaux"]),
        ("die, dying", ["dies"], ["die", "dying"]),
        ("net", ["network"], []),
        ("", ["network"], []),
        ("nothing wanted", [], []),
        ("1.5 and 15", ["15"], ["15"]),
    ],
)
def test_which_words_are_marked(text: str, words: list[str], expected: list[str]):
    """Words are marked by stem, whole, and without regard to case and accents."""
    assert marked(text, *words) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A graph convolutional network", ["graph", "convolutional", "network"]),
        ("Graph-convolutional networks, graph networks", ["Graph", "convolutional", "networks"]),
        ("a graph of the convolutional network", ["graph", "convolutional", "network"]),
        ("graph and deep convolutional networks", []),
        ("convolutional networks on a graph", []),
        ("convolutional network, graph convolutional", []),
    ],
)
def test_several_words_are_marked_where_they_stand_together(text: str, expected: list[str]):
    """In their order, with nothing but stop words between, as they were scored."""
    run = stems("graph convolutional network")
    found = Marker({run: "GCN"}, stems, STOP_WORDS).mark(text)
    assert [piece for is_marked, piece in found.parts() if is_marked] == expected
    assert found.words == (("GCN",) if expected else ())


@given(TEXTS, WANTED, WANTED)
def test_only_what_is_asked_for_is_marked(text: str, wanted: dict[Run, str], among: dict[Run, str]):
    """Marks among some are those of a marker that wants no others."""
    fewer = {run: word for run, word in wanted.items() if run in among}
    assert Marker(wanted, stems).mark(text, among) == Marker(fewer, stems).mark(text)


def test_a_text_without_marks_is_one_part():
    """Unmarked text is one piece, and an empty text none."""
    assert list(Marked("tides").parts()) == [(False, "tides")]
    assert list(Marked("").parts()) == []
    assert list(Marked("tides", ((0, 5),)).parts()) == [(True, "tides")]
