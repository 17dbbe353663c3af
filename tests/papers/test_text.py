"""Folding: what titles, names and abstracts come down to when they are compared."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.papers.text import (
    clean,
    fold,
    overlap,
    readable,
    shingles,
    spelled,
    surname,
    surnames,
    title_key,
)

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
    [r"$\ell_1$ is enough", "ell_1 is enough", "ℓ₁ is enough", r"\ell_{1} is enough"],
    [r"Quasars at $z\sim6$", "Quasars at z∼6", r"Quasars at $z \sim 6$", "Quasars at $z$ ∼ 6"],
    [r"The 45$^{\circ}$ Law", "The 45° Law", r"The $45^\circ$ law"],
    [r"From A $\rightarrow$ B", "From A → B", r"From A $\to$ B"],
    [r"\underline{K}ites at $\tilde{O}(\sqrt{n})$", "Kites at Õ(√n)"],
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
    ("Narayanan P J", "narayanan"),
    ("P. J. Narayanan", "narayanan"),
    ("Weinan E", "weinan"),
    ("E, Weinan", "weinan"),
    ("Mausam -", "mausam"),
    (r"Paul Erd\H{o}s", "erdos"),
    (r"{\L}ukasz Kaiser", "kaiser"),
    ("the Virgo Collaboration", "virgocollaboration"),
    ("Euclid Collaboration", "euclidcollaboration"),
    ("Anonymous", ""),
    ("Anonymous Authors", ""),
    ("et al.", ""),
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


@given(
    st.text(
        alphabet=st.characters(
            codec="utf-8", categories=("L", "N", "P", "Z"), exclude_characters="\\"
        )
    )
)
def test_case_never_counts(title: str):
    r"""A title in capitals that can be turned back has the key that it has in small letters.

    TeX is left out: `\o` and `\O` are letters, `\c c` is one and `\C C` is nothing.
    """
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


@given(st.text("ab \u00a0\u3000é"))
def test_clean_text_has_all_words(text: str):
    """Of text with nothing to take out, only the spaces change."""
    assert clean(text) == " ".join(text.split())


@given(st.text("aβΩϕ\u0390ﬁ \n"))
def test_only_a_greek_letter_alone_is_spelled_out(text: str):
    """Beside another letter of the script it belongs to a word, and stays."""
    alone = r"(?<![\u0370-\u03ff])[\u0391-\u03c9](?![\u0370-\u03ff])"
    plain = unicodedata.normalize("NFKC", text)
    assert spelled(text) == re.sub(alone, lambda m: f" {fold(m[0])} ", plain)


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


# ---------------------------------------------------------------------------- TeX

READABLE = [
    (r"Andr\'e, Andr\'{e}, Andr{\'e}", "André, André, André"),
    (r"{\L}\'od\'z and \L ukasz, S\o ren, \AA rhus", "Łódź and Łukasz, Søren, Å rhus"),
    (r"Erd\H{o}s, \v{C}ech, \c c, \~n, na\"{\i}ve", "Erdős, Čech, ç, ñ, naïve"),
    (r"\emph{very {Deep}} \textbf{n\textit{e}ts}, {\em i.e.,} so", "very Deep nets, i.e., so"),
    (r"{BERT}: {P}re-training, Re{LU}", "BERT: Pre-training, ReLU"),
    (r"``so'' it is", "“so” it is"),
    (r"50\% of \$5, A\&B, C\#, a\_b", "50% of $5, A&B, C#, a_b"),
    (r"$\Gamma$-nets, $k$-means, $\alpha\beta$", "Γ-nets, k-means, αβ"),
    (r"$O(n^2)$, $H_0$, 10$^{-3}$, 10^{-3}, $\ell_1$", "O(n²), H₀, 10⁻³, 10⁻³, ℓ₁"),
    (r"$\mathbb{R}^d$ and \(\mathcal{O}(\sqrt{T})\)", "ℝᵈ and O(√T)"),
    (r"$\tilde{O}(1)$, $\hat{\rho}$, $\frac{1}{2}$", "Õ(1), ρ̂, 1/2"),
    (r"$z\sim 6$, $2\times$, 45$^\circ$, $\{0,1\}^n$", "z∼ 6, 2×, 45°, {0,1}ⁿ"),
    (r"$\log n \leq \infty$, $10\,\mathrm{pc}$", "log n ≤ ∞, 10 pc"),
    (r"$^{40}\mathrm{K}$ in ${\rm I}$", "⁴⁰K in I"),
    (r"\url{https://a.org/b_c}, \href{https://a.org}{\texttt{us}}",
     "https://a.org/b_c, us (https://a.org)"),
    (r"$\unicode{x2013}$ and $\unicode{x26BE}$", "– and ⚾"),
    (r"$λλ$3726,3729 at $z$=2", "λλ3726,3729 at z=2"),
]  # fmt: skip
# Neither math nor TeX that all know: nobody may touch these.
LEFT = [
    "plain words", "", "costs $5 and $10", "from $5-$10 to $5–$10", "$200k", "$0.5M--$0.7M",
    "about ($43) achieves comparable words and ($90)", "earn $1 Million or $2 Million",
    "reach $99-600 per month and more than $5", "US$ and HK$", "in {0,1}^n", "f({a, b})", "a_b^c",
    r"$\ell_\infty$-norm", r"$M_{\rm eff}$", r"$\begin{matrix}1\end{matrix}$", r"\method{} is",
    r"\Euclid-selected", r"$\etaw$", "$x", "x$", "a $$ b", r"\cite{a}", "{", "}", "$", "\\alphabet",
]  # fmt: skip


@pytest.mark.parametrize(("tex", "expected"), READABLE)
def test_tex_is_said_in_unicode(tex: str, expected: str):
    """Accents, letters, fonts, escapes and simple math are shown as they would be printed."""
    assert readable(tex) == expected


@pytest.mark.parametrize("text", LEFT)
def test_what_is_no_simple_tex_is_left_alone(text: str):
    """Sums of money, braces of sets, hard math and unknown commands stay as they are."""
    assert readable(text) == text


def test_math_that_cannot_be_said_stays_whole():
    """Beside math that is said, hard math stays letter by letter, dollars and all."""
    assert readable(r"$\ell_0$, \emph{$\ell_\infty$} and $x_{\rm eff}^2$") == (
        r"ℓ₀, $\ell_\infty$ and $x_{\rm eff}^2$"
    )


TEX = st.lists(
    st.sampled_from([
        "$", "$$", "{", "}", "\\", " ", "^", "_", "a", "Kites", "12", "5 and", "-", "é", "β", "ℓ",
        "''", "``", "\\alpha", "\\ell", "\\sim", "\\sqrt{n}", "\\emph{", "\\rm ", "\\mathcal{O}",
        "\\'e", "\\c c", "\\L", "\\%", "\\,", "\\{", "\\}", "^{2}", "_{ij}", "^\\circ", "\\(",
        "\\)", "\\frac{1}{2}", "\\unknown", "\x00", "\x01", "\\href{u}{v}", "\\hat{x}",
        "\\unicode{xd800}", "\\unicode{x41}",
    ]),
    max_size=14,
).map("".join)  # fmt: skip


@given(TEX)
def test_a_readable_title_is_the_same_title(tex: str):
    """Making a title readable never changes its key, nor a title into nothing."""
    assert title_key(readable(tex)) == title_key(tex)
    assert bool(readable(tex)) == bool(tex)


@given(st.text(st.characters(exclude_characters="\\${`")))
def test_text_without_tex_is_untouched(text: str):
    """Where no sign of TeX stands, not a letter changes."""
    assert readable(text) == text
