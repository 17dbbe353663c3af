from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import broadsheet
from broadsheet.errors import EmbeddingError
from broadsheet.search.embedding import (
    MAX_CHARACTERS,
    StaticEmbedder,
    generated_rows,
    split_words,
    tokens,
)

WEIGHTS = Path(broadsheet.__file__).parent / "models" / "static-256.npz"

SHARPNESS = "Sharpness-aware minimization improves the generalization of neural networks."
FLAT_MINIMA = "Flat minima of the loss landscape and why deep nets generalize."
PARSING = "Dependency parsing of low-resource languages with cross-lingual treebanks."
ROBOTS = "Grasp planning for a robot arm in cluttered scenes with tactile sensors."

# All of Unicode with lone surrogates and NUL, and words that the table knows for sure.
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=60),
    st.lists(
        st.sampled_from(["neural", "network", "graph", "the", "zzyzxq", "2024", "\0", "Äpfel"]),
        max_size=30,
    ).map(" ".join),
)


@pytest.fixture(scope="module")
def content():
    """Give the bytes of the shipped weights."""
    return WEIGHTS.read_bytes()


def likeness(embedder, first, second):
    """Return the cosine of two texts."""
    one, other = embedder.embed([first, second])
    return float(one @ other)


def has_words(text):
    """Tell whether a text has a letter or a digit."""
    return bool(split_words([text]))


@given(texts=st.lists(ANY_TEXT, max_size=8))
def test_rows_are_units_or_zero(embedder, texts):
    """Any list of texts gives finite float32 rows: of length one with a word, else zero."""
    rows = embedder.embed(texts)
    assert rows.dtype == np.float32
    assert rows.shape == (len(texts), embedder.dim)
    assert np.isfinite(rows).all()
    lengths = np.linalg.norm(rows, axis=1)
    expected = np.array([float(has_words(text)) for text in texts])
    assert lengths == pytest.approx(expected, abs=1e-5)


@given(pairs=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=6), data=st.data())
def test_texts_are_split_once_for_all(embedder, pairs, data):
    """Texts that were split make the same rows: each, two as one, and some of them."""
    said = tokens([text for pair in pairs for text in pair])
    ends = [i for i, place in enumerate(said.ids.tolist()) if place == 0]
    assert len(ends) == 2 * len(pairs)
    words = [said.words[place] for place in said.ids.tolist()]
    assert words[:-1] == split_words([text for pair in pairs for text in pair])
    assert len(set(said.words)) == len(said.words)
    wanted = np.array([data.draw(st.booleans()) for _ in pairs], bool)
    rows = embedder.embed_tokens(said.joined().only(wanted))
    some = [". ".join(pair) for pair, is_wanted in zip(pairs, wanted, strict=True) if is_wanted]
    assert np.array_equal(rows, embedder.embed(some))


@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=8), data=st.data())
def test_row_depends_on_its_text_alone(embedder, texts, data):
    """A text has the same row, bit for bit, alone and among others in any order."""
    order = data.draw(st.permutations(range(len(texts))))
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    shuffled = embedder.embed([texts[i] for i in order])
    assert np.array_equal(shuffled, alone[list(order)])


def test_batches_join_without_seam(embedder):
    """More texts than one batch holds give the rows that each text has alone."""
    texts = [f"paper {n} about graphs, zq{n}" for n in range(1200)]
    rows = embedder.embed(texts)
    for n in (0, 511, 512, 513, 1023, 1024, 1199):
        assert np.array_equal(rows[n], embedder.embed([texts[n]])[0])


@settings(deadline=None, max_examples=10)
@given(texts=st.lists(ANY_TEXT, max_size=5))
def test_two_loads_agree(embedder, texts):
    """Two embedders of the same file have the same id and give the same rows."""
    again = StaticEmbedder.load(WEIGHTS)
    assert again.id == embedder.id
    assert np.array_equal(again.embed(texts), embedder.embed(texts))


def test_threads_share_one_embedder(embedder):
    """Many threads with one embedder get what one thread gets."""
    texts = [f"{SHARPNESS} {n} qx{n} {PARSING}" for n in range(300)]
    expected = embedder.embed(texts)
    results = [None] * 6

    def work(place):
        results[place] = embedder.embed(texts)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(result, expected) for result in results)


def test_no_texts_give_no_rows(embedder):
    """An empty list gives a matrix without rows that still has the right width."""
    assert embedder.embed([]).shape == (0, embedder.dim)


@pytest.mark.parametrize("text", ["", " \t\r\n", "\0\0", "\ud800", "…—!?", "́"])
def test_text_without_words_is_zero(embedder, text):
    """A text without a letter or digit has the zero row, also between other texts."""
    rows = embedder.embed([SHARPNESS, text, SHARPNESS])
    assert not rows[1].any()
    assert np.array_equal(rows[0], rows[2])


def test_similar_texts_are_nearer(embedder):
    """Texts on one topic are nearer than texts on different ones, also without a shared word."""
    assert likeness(embedder, SHARPNESS, FLAT_MINIMA) > 0.25
    for other in (PARSING, ROBOTS):
        assert likeness(embedder, SHARPNESS, FLAT_MINIMA) > 0.1 + likeness(
            embedder, SHARPNESS, other
        )
    assert likeness(embedder, "speech recognition", "automatic transcription of audio") > (
        0.1 + likeness(embedder, "speech recognition", "point cloud segmentation")
    )


def test_title_finds_its_abstract(embedder):
    """A title is nearest to the abstract of its own paper among those of other papers."""
    titles = [
        "Deep residual learning for image recognition",
        "Attention is all you need",
        "Generative adversarial nets",
        "Neural machine translation by jointly learning to align and translate",
    ]
    abstracts = [
        "Very deep convolutional layers learn residual functions and win image classification.",
        "A transformer without recurrence, based solely on attention, translates better.",
        "Adversarial training of a generator and a discriminator until the samples look real.",
        "An encoder-decoder for machine translation that searches for aligned source words.",
    ]
    nearest = (embedder.embed(titles) @ embedder.embed(abstracts).T).argmax(axis=1)
    assert nearest.tolist() == [0, 1, 2, 3]


def test_case_accents_and_marks_do_not_matter(embedder):
    """The same words in another case, with accents or with other marks give the same row."""
    plain = embedder.embed(["schrodinger bridge naive bayes"])
    assert np.array_equal(plain, embedder.embed(["SCHRÖDINGER-bridge, (naïve) Bayes’"]))


def test_shared_unknown_name_brings_texts_together(embedder):
    """Two texts that share a name which the table lacks are nearer than with two names."""
    assert b"qwvortexia" not in embedder._words
    same = likeness(embedder, "Qwvortexia in mice", "Treatment with Qwvortexia")
    different = likeness(embedder, "Qwvortexia in mice", "Treatment with Blorbozine")
    assert same > different + 0.2


def test_generated_rows_are_alike_for_word_forms():
    """Generated rows have one length, half of it for numbers, and forms of a word share half."""
    rows = generated_rows([b"qwvortexia", b"blorbozine", b"tromplet", b"20931"], 256)
    lengths = np.linalg.norm(rows, axis=1)
    assert lengths == pytest.approx([12, 12, 12, 6], rel=0.2)
    cosines = (rows @ rows.T) / np.outer(lengths, lengths)
    assert cosines[0, 1] == pytest.approx(0, abs=0.25)
    near = generated_rows([b"qwvortexing", b"qwvortexion"], 256)
    assert near[0] @ near[1] == pytest.approx(72, rel=0.4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("State-of-the-art!", ["state", "of", "the", "art"]),
        ("x₂ ﬁne ½", ["x2", "fine", "1", "2"]),
        ("Обучение сетей", ["обучение", "сетеи"]),  # the breve goes as accents do
        ("深層学習", ["深", "層", "学", "習"]),
        ("a\0b\ud800c", ["a", "b", "c"]),
        ("हिन्दी भाषा", ["हिनदी", "भाषा"]),
    ],
)
def test_words(text, words):
    """Words are runs of letters and digits in lower case, and each Han character is one."""
    assert [word.decode() for word in split_words([text])] == words


def test_texts_are_marked_apart():
    """Every text but the last is followed by one mark, even when it has none or a NUL itself."""
    assert split_words(["a\0b", "", "c"]) == [b"a", b"b", b"\0", b"\0", b"c"]


def test_only_the_first_characters_count(embedder):
    """A text of 50 MB is embedded at once, and what stands beyond the limit changes nothing."""
    start = "graph neural network " * (MAX_CHARACTERS // 21)
    assert len(start) < MAX_CHARACTERS
    huge = start.ljust(MAX_CHARACTERS) + "protein folding " * 3_000_000
    assert np.array_equal(embedder.embed([huge]), embedder.embed([start]))


@pytest.mark.parametrize("character", ["x", "\0", "ﷺ", "\ud800", "語", "̈"])
def test_huge_texts_of_one_character(embedder, character):
    """Fifty million times the same character is embedded without harm, whatever it is."""
    assert np.isfinite(embedder.embed([character * 50_000_000])).all()


def test_weights_file_is_small(content):
    """The shipped weights stay within 16 MB, and no compression hides a larger matrix."""
    assert len(content) <= 16_000_000


def test_id_names_the_content(embedder, content, tmp_path):
    """The id tells the dimensions and changes with any change of the weights."""
    assert embedder.id.startswith(f"bs-static-{embedder.dim}-")
    arrays = dict(np.load(WEIGHTS))
    arrays["learned"][0, 0] ^= 1
    np.savez(tmp_path / "other.npz", **arrays)
    assert StaticEmbedder.load(tmp_path / "other.npz").id != embedder.id


def test_missing_weights(tmp_path):
    """A path where no file is gives EmbeddingError with its cause."""
    with pytest.raises(EmbeddingError, match=r"none\.npz") as caught:
        StaticEmbedder.load(tmp_path / "none.npz")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_weights_cut_short(content, tmp_path, share):
    """A file that ends early gives EmbeddingError, wherever it ends."""
    path = tmp_path / "short.npz"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(EmbeddingError) as caught:
        StaticEmbedder.load(path)
    assert caught.value.__cause__ is not None


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_changed_weights(content, tmp_path_factory, data):
    """A file with one changed byte gives EmbeddingError or, where no data is hit, a model."""
    edge = st.one_of(st.integers(0, 2000), st.integers(len(content) - 2000, len(content) - 1))
    place = data.draw(st.one_of(edge, st.integers(0, len(content) - 1)))
    value = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("changed") / "changed.npz"
    path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
    try:
        embedder = StaticEmbedder.load(path)
    except EmbeddingError as error:
        assert error.__cause__ is not None  # noqa: PT017 (either outcome is right)
    else:
        assert np.isfinite(embedder.embed([SHARPNESS])).all()
    path.unlink()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("format", lambda _: np.array(99), "format 2"),
        ("learned", lambda codes: codes.astype(np.int16), "bytes"),
        ("taught", lambda codes: codes[:, :0], "bytes"),
        ("learned_scales", lambda scales: scales * np.float16("nan"), "positive"),
        ("taught_scales", lambda scales: scales[1:], "scale for each of the taught"),
        ("pairs", lambda pairs: pairs + np.int32(100_000), "not there"),
        ("pairs", lambda pairs: pairs[:, :1], "pairs of numbers"),
        ("pairs", lambda pairs: np.concatenate([pairs] * 5), "row for each"),
        ("words", lambda words: np.append(words, np.frombuffer(b"\nqzx", np.uint8)), "row for"),
        ("words", lambda words: np.where(words == ord("q"), np.uint8(ord("x")), words), "twice"),
        ("pieces", lambda pieces: pieces[: len(pieces) // 2], "row for each piece"),
        ("pieces_taught", lambda codes: codes[:, :8], "one length"),
        ("share", lambda _: np.array(1.0), "share"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, name, change, message):
    """Parts that do not belong together give an EmbeddingError that says what is wrong."""
    arrays = dict(np.load(WEIGHTS))
    arrays[name] = change(arrays[name])
    path = tmp_path / "odd.npz"
    np.savez(path, **arrays)
    with pytest.raises(EmbeddingError, match=message):
        StaticEmbedder.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"\x93NUMPY\x01\0", b"\x80\x04."])
def test_file_of_another_kind(tmp_path, content):
    """A file that is no archive of arrays gives EmbeddingError and runs nothing in it."""
    path = tmp_path / "odd.npz"
    path.write_bytes(content)
    with pytest.raises(EmbeddingError):
        StaticEmbedder.load(path)
