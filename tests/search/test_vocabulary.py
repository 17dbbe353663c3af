"""What a collection's own words are: definitions, near words, and a table that is never needed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.papers.types import Paper, PaperId
from broadsheet.search import vocabulary
from broadsheet.search.spelling import variants
from broadsheet.search.vocabulary import (
    SAMPLED,
    KnownWords,
    Lesson,
    WordTable,
    definitions,
    distances,
    words_of,
)

LETTERS = st.text("abcde", max_size=9)


def paper(number: int, title: str, abstract: str = "") -> Paper:
    """Return an invented paper."""
    return Paper(PaperId(number), title, abstract)


@pytest.fixture
def table(tmp_path):
    """Return a table that has learned of kilns and lanterns."""
    made = WordTable(tmp_path / "words.json")
    texts = [
        *["Moon lantern networks (MLN) of copper"] * 4,
        *["Mostly loud noise (MLN) in harbours"] * 2,
        *["Moon lantern network (MLN)"] * 3,
        "Pre-glazing kilns, and preglazing again",
    ]
    lesson = Lesson().read(paper(n, text) for n, text in enumerate(texts))
    made.keep(lesson, len(texts), len(texts))
    return made


# ---------------------------------------------------------------------------- definitions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We fire a kiln glaze network (KGN) at dawn.", [("KGN", "kiln glaze network")]),
        ("All moon lantern networks (MLNs) glow.", [("MLN", "moon lantern network")]),
        ("A long short-term kiln (LSTK) cools.", [("LSTK", "long short term kiln")]),
        ("We love self-glazed kilns (SGK).", [("SGK", "self glazed kilns")]),
        ("Harbour Exchange of Copper (HEC)", [("HEC", "harbour exchange of copper")]),
        ("the eXtended tide model (XTM)", []),
        ("Bright lanterns by harbours (BLaH) shine", [("BLaH", "bright lanterns by harbours")]),
        ("a kiln (the old one) and copper (Cu)", []),
        ("see Smith (2019) and (KGN)", []),
        ("The KGN kiln network (KGN) repeats", []),
        ("nothing here begins so (QZX)", []),
        ("Ålesund tide models (ATM)", [("ATM", "alesund tide models")]),
        ("", []),
    ],
)
def test_definitions_are_read_from_texts(text, expected):
    """An acronym in brackets stands for the words before it that it abbreviates, or for none."""
    assert list(definitions(text)) == expected


@given(st.text(max_size=200))
def test_any_text_has_definitions_or_none(text):
    """No text breaks the reading, and long forms have two words or more."""
    for short, long in definitions(text + f" (AB{text[:3]}) {text}"):
        assert sum(c.isupper() for c in short) > 1
        assert len(long.split()) > 1


@given(st.lists(st.text("abcdefghij", min_size=2, max_size=8), min_size=2, max_size=6))
def test_initials_are_always_recognised(words):
    """Where the letters are those that the words begin with, exactly these words are meant."""
    short = "".join(w[0] for w in words).upper()
    found = dict(definitions(f"Zzz {' '.join(words)} ({short})"))
    assert short.lower() in words or found == {short: " ".join(words)}


# ---------------------------------------------------------------------------- near words


def slips(one: str, other: str) -> int:
    """Return the distance of two words by the definition, letter by letter."""
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                rows[i][j] = i + j
                continue
            same = one[i - 1] == other[j - 1]
            ways = [rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (not same)]
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                ways.append(rows[i - 2][j - 2] + 1)
            rows[i][j] = min(ways)
    return rows[-1][-1]


@given(LETTERS, st.lists(LETTERS, min_size=1, max_size=12))
def test_distances_are_those_of_the_definition(word, others):
    """All words at once have the distances that each has alone."""
    rows = np.array(others, "S9").view(np.uint8).reshape(len(others), 9)
    sizes = np.array([len(o) for o in others])
    found = distances(np.frombuffer(word.encode(), np.uint8), rows, sizes)
    assert found.tolist() == [slips(word, other) for other in others]


@given(
    st.lists(st.text("abcdef", min_size=4, max_size=12), min_size=1, max_size=30, unique=True),
    st.text("abcdef", min_size=5, max_size=12),
)
def test_near_words_are_near_and_none_at_one_slip_is_missed(tmp_path_factory, words, asked):
    """What is one slip away with the same first letter is found; what is found is near."""
    table = WordTable(tmp_path_factory.mktemp("near") / "words.json")
    table.keep(Lesson().read([paper(1, " ".join(words))]), 1, 1)
    found = [w for w, _ in table.forms().near(asked)]

    near = {w for w in words if w[0] == asked[0] and slips(asked, w) == 1}
    assert near <= set(found)
    assert all(1 <= slips(asked, w) <= (2 if len(asked) > 9 else 1) for w in found)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("netwroks", "networks"),
        ("netwoks", "networks"),
        ("nettworks", "networks"),
        ("natworks", "networks"),
        ("enworks", None),
        ("entworks", "networks"),
        ("betworks", None),
        ("kln", None),
        ("kilns2", None),
        ("привет", None),
        ("n" * 60, None),
    ],
)
def test_slips_are_mended(table, typed, meant):
    """One wrong, missing, doubled or swapped letter is; short words and other signs are not."""
    assert next((w for w, _ in table.forms().near(typed)), None) == meant


# ---------------------------------------------------------------------------- the table


def test_words_are_counted_once_a_paper():
    """Words are folded and counted by papers, compounds whole and in parts."""
    found = Lesson().read([paper(1, "Kiln KILN kíln", "self-glazed"), paper(2, "kiln")]).words
    assert found == {"kiln": 2, "self-glazed": 1, "self": 1, "glazed": 1}
    assert words_of("β-Kiln") == ["beta-kiln", "beta", "kiln"]


@given(st.lists(st.text("ab- é", max_size=9), max_size=40), st.lists(st.integers(1, 9)))
def test_counts_do_not_depend_on_the_steps(texts, sizes):
    """Papers teach the same read at once, one by one, or in steps; each counts a word once."""
    papers = [paper(number, text) for number, text in enumerate(texts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "EXACT", 10)
        once, by_steps = Lesson().read(papers), Lesson()
        begun = 0
        for size in (*sizes, len(papers)):
            by_steps.read(papers[begun : begun + size])
            begun += size
    expected = Counter()
    for number, text in enumerate(texts):
        step = 1 if number < 10 else SAMPLED
        if number % step == 0:
            expected.update(dict.fromkeys(words_of(text), step))
    assert once.words == by_steps.words == expected


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_plain_words_are_words(text):
    """Texts of ASCII are split as all are."""
    assert Counter(words_of(text)) == Counter(words_of(f"{text} 中")) - Counter("中")


def test_acronyms_are_looked_up_both_ways(table):
    """Singular and plural are one long form, shown as it stands most often."""
    assert table.forms().long_forms("mln") == {
        "moon lantern networks": 4 + 3,
        "mostly loud noise": 2,
    }
    assert table.forms().acronyms("moon lantern network") == {"MLN": 7}
    assert table.forms().acronyms("moon lantern networks") == {"MLN": 7}
    assert table.forms().long_forms("kiln") == table.forms().acronyms("kiln") == {}


def test_the_table_is_read_by_others_and_goes_on(table):
    """A second reader sees what was kept, and more is counted on top of it."""
    other = WordTable(table.path)
    assert other.forms().often("preglazing") == other.forms().often("pre-glazing") == 1
    assert not other.lacks(10)
    assert other.lacks(11)
    lesson, begun = other.begun(11)
    other.keep(lesson.read([paper(11, "preglazing")]), 11, 11)

    assert begun == 10
    assert table.forms().often("preglazing") == 2


def test_a_table_of_another_record_is_begun_anew(table):
    """What was learned from more than there is was learned from something else."""
    assert table.lacks(3)
    lesson, begun = table.begun(3)
    assert (begun, lesson.words) == (0, {})


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 99}', b"\xff"])
def test_a_damaged_table_is_an_empty_one(table, damage):
    """It is derived: nothing is known for now, and it is learned again."""
    table.path.write_bytes(damage)
    assert table.forms().near("netwroks") == []
    assert table.lacks(10)


def test_nothing_is_known_without_a_table(tmp_path):
    """A collection that was never read knows no word, and says so without a fault."""
    knows = KnownWords(WordTable(tmp_path / "words.json").forms(), None)
    assert (knows.total, knows.papers("kiln"), knows.often("kiln")) == (0, 0, 0)
    assert not knows.has_phrase("kiln glaze")
    assert knows.near("kilns") == []
    assert knows.authors("Ada") == 0
    assert knows.long_forms("AB") == knows.acronyms("a b") == {}


# ---------------------------------------------------------------------------- spelling


@pytest.mark.parametrize(
    "pair",
    [
        "colour color",
        "behaviour behavior",
        "optimise optimize",
        "optimisation optimization",
        "analyse analyze",
        "centre center",
        "dialogue dialog",
        "defence defense",
        "programme program",
        "grey gray",
        "tumour tumor",
        "haemoglobin hemoglobin",
        "anaemia anemia",
        "oedema edema",
        "foetal fetal",
        "paediatric pediatric",
        "diarrhoea diarrhea",
        "oestrogen estrogen",
        "archaeology archeology",
        "encyclopaedia encyclopedia",
        "aesthetic esthetic",
        "modelling modeling",
        "artefact artifact",
        "sulphur sulfur",
        "aluminium aluminum",
    ],
)
def test_spellings_lead_to_each_other(pair):
    """Each form is among those that the rules make of the other."""
    british, american = pair.split()
    assert american in variants(british)
    assert british in variants(american)


@given(st.text(max_size=30))
def test_a_word_is_no_variant_of_itself(word):
    """Whatever is asked, all that comes back is different."""
    assert word not in variants(word)
