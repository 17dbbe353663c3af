"""Folding: what titles, names and abstracts come down to when they are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.papers.text import clean, fold, overlap, shingles, surname, surnames, title_key

# Each row is one title as several sources spell it.
ALIKE = [
    [r"HyperZ$\cdot$Z", "HyperZ·Z", "HyperZcdotZ", r"HYPERZ $\cdot$ Z", "hyperz⋅z"],
    ["Global Context Networks", "global context   networks.", "Global-Context Networks!"],
    [r"The $\alpha$-Divergence", "The α-divergence", "The alpha divergence", "THE Α-DIVERGENCE"],
    [r"Schr\"odinger Bridges", r"Schr{\"o}dinger Bridges", "Schrödinger bridges"],
    [r"Erd\H{o}s Graphs", r"Erd{\H o}s graphs", "Erdős Graphs", "Erdo\u030bs graphs"],
    [r"Na\"{\i}ve Na\'{\i}ve", "Naïve naíve", "Naive Naive"],
    [r"\v{C}ech Sets, \c{C}elebi Sets", "Čech Sets, Çelebi Sets", "cech sets celebi sets"],
    [r"\textbf{Deep} \emph{Tides}", "Deep Tides", r"$\mathrm{Deep}$ Tides"],
    [r"Learning in $\mathcal{O}(n)$", "Learning in O(n)", r"Learning in $\mathcal O(n)$"],
    [r"$\ell_1$ is enough", "ell_1 is enough"],
    ["ﬁne ﬂow", "fine flow"],
    ["Straße", "Strasse", r"Stra{\ss}e"],
    ["Łódź", "Lodz", r"{\L}\'od\'z"],
    ["Tides×Moons", r"Tides$\times$Moons"],
    ["μ-Nets", "µ-Nets", r"$\mu$-Nets"],
    ["海 の 波", "海の波", "海の波。"],
    ["Волны и приливы", "волны и приливы!"],
]
DIFFERENT = [
    ("Global Context Networks", "GCNet"),
    ("Tides", "Tides II"),
    ("On 3 Moons", "On 4 Moons"),
    ("海の波", "山の波"),
    ("α-nets", "β-nets"),
    ("C", "C2"),
]
SURNAMES = [
    ("Ada Lovelace", "lovelace"),
    ("Ada B. Lovelace", "lovelace"),
    ("Lovelace, Ada", "lovelace"),
    ("LOVELACE, A. B.", "lovelace"),
    ("A. van der Berg", "berg"),
    ("van der Berg, Anna", "berg"),
    ("A. van der Berg Jr.", "berg"),
    ("Tom Reed, Jr.", "reed"),
    ("Reed Jr., Tom", "reed"),
    ("Tom Reed III", "reed"),
    ("Tom Reed PhD", "reed"),
    ("Jean-Luc O'Neil", "oneil"),
    ("Zoë Çelik", "celik"),
    ("José García Márquez", "marquez"),
    ("García Márquez, José", "marquez"),
    ("Anna Müller-Lüdenscheidt", "mullerludenscheidt"),
    ("Søren Østergård", "ostergard"),
    ("李 明", "明"),
    ("Plato", "plato"),
    ("Jr.", "jr"),
    ("", ""),
    (" , ", ""),
]


@pytest.mark.parametrize("spellings", ALIKE, ids=lambda s: s[0])
def test_spellings_of_one_title_have_one_key(spellings: list[str]):
    """TeX, signs, accents, case, spaces and punctuation never tell two titles apart."""
    keys = {title_key(s) for s in spellings}
    assert len(keys) == 1
    assert keys != {""}


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_titles_have_different_keys(one: str, other: str):
    """A title is never taken for its abbreviation, its sequel or its neighbour."""
    assert title_key(one) != title_key(other)


@pytest.mark.parametrize("title", ["", "   ", "!?", "$$", "—", "___"])
def test_a_title_without_letters_has_no_key(title: str):
    """Where no letter or digit is left, the key is empty."""
    assert title_key(title) == ""


@given(st.text())
def test_a_key_is_its_own_key(title: str):
    """Folding a folded title changes nothing, whatever the text."""
    key = title_key(title)
    assert title_key(key) == key


@given(st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "Z"))))
def test_case_never_counts(title: str):
    """A title in capitals that can be turned back has the key that it has in small letters."""
    if title.upper().lower() == title.lower():
        assert title_key(title.upper()) == title_key(title)


@given(
    st.text(alphabet="aB3éß·αЯ海 -:$\\{}"), st.sampled_from([" ", "-", ":", "  ", ", ", "“", "$"])
)
def test_marks_between_words_never_count(title: str, mark: str):
    """Punctuation before and after a title leaves its key as it is."""
    assert title_key(f"{mark}{title}{mark}") == title_key(title)


@given(st.text())
def test_clean_text_is_one_tidy_line(text: str):
    """Cleaned text has single spaces, no control characters, and is clean already."""
    cleaned = clean(text)
    assert cleaned == clean(cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert not any(c in cleaned for c in "\x00\x1b\u200b\u202e\ufeff")


@given(st.text())
def test_folding_twice_is_folding_once(text: str):
    """A folded text stays as it is when it is folded again."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(("author", "expected"), SURNAMES)
def test_surnames(author: str, expected: str):
    """The surname is found in both orders, without particles, accents and suffixes."""
    assert surname(author) == expected


def test_surnames_of_nobody_are_none():
    """Authors without letters leave no surname behind, and nobody has none."""
    assert surnames(("", "...", "Ada Lovelace")) == {"lovelace"}
    assert surnames(()) == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c d e", "a b c d e", 1.0),
        ("a b c d e", "A, B: c d e!", 1.0),
        ("a b c d e", "a b c d e f g h", 1.0),
        ("a b c d", "b c d e", 0.5),
        ("a b c d", "d c b a", 0.0),
        ("a b c", "a b", 0.0),
        ("a", "a", 1.0),
        ("", "a b c", 0.0),
        ("", "", 0.0),
    ],
)
def test_overlap(one: str, other: str, expected: float):
    """Overlap is the share of the shorter text's three-word runs, in both directions alike."""
    assert overlap(one, other) == pytest.approx(expected)
    assert overlap(other, one) == pytest.approx(expected)


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 4))
def test_shingles_are_the_runs_of_words(words: list[str], width: int):
    """Every shingle stands in the text, and every run of that many words is a shingle."""
    found = shingles(" ".join(words), width)
    if not words:
        assert found == frozenset()
    elif len(words) <= width:
        assert found == {" ".join(words)}
    else:
        runs = {" ".join(words[i : i + width]) for i in range(len(words) - width + 1)}
        assert found == runs
