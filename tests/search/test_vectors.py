"""The vector matrix: the best of many, exact scans, and rows that come, go and are cut off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.errors import SearchIndexError
from broadsheet.search.vectors import VectorMatrix, among, best, quantise, text_marks

DIM = 32
Vectors = NDArray[np.float32]


def unit(count: int, seed: int, dim: int = DIM) -> Vectors:
    """Return random vectors of length one."""
    made = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def brute(held: dict[int, Vectors], query: Vectors, k: int) -> list[tuple[int, float]]:
    """Return what a scan must find: every row as it reads back from int8, scored one by one."""
    scored = []
    for paper, vector in held.items():
        row, scale = quantise(vector[None, :])
        cosine = float((row[0].astype(np.float32) * scale[0]) @ query)
        scored.append((paper, min(max(cosine, -1.0), 1.0)))
    return sorted(scored, key=lambda s: (-s[1], s[0]))[:k]


def assert_same(found: Sequence[tuple[int, float]], expected: Sequence[tuple[int, float]]) -> None:
    """Hold found papers and cosines against the expected ones, rounding apart."""
    assert [p for p, _ in found] == [p for p, _ in expected]
    assert [s for _, s in found] == pytest.approx([s for _, s in expected], abs=1e-5)


@pytest.fixture
def matrix(tmp_path: Path) -> VectorMatrix:
    """Return an empty matrix."""
    return VectorMatrix(tmp_path / "vectors", DIM)


# ---------------------------------------------------------------------------- the best of many


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 3000),
    st.integers(1, 80),
    st.sampled_from([2, 9, 999]),
)
def test_the_best_are_those_of_a_full_sort(seed: int, size: int, k: int, values: int):
    """The highest scores come first and ties by position, however many scores are alike."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, values, size).astype(np.float32)
    scores[rng.random(size) < 0.1] = -np.inf
    expected = np.lexsort((np.arange(size), -scores))[:k]
    assert best(scores, k).tolist() == expected.tolist()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 5120, 5121])
def test_the_best_of_equals_are_the_first(size: int):
    """Where all scores are alike the first positions win, at every size of the blocks."""
    assert best(np.zeros(size, np.float32), 10).tolist() == list(range(min(size, 10)))


def test_rounding_loses_little():
    """A row times its scale is the vector again, within half a step of the scale."""
    vectors = np.concatenate([unit(50, 1), np.zeros((1, DIM), np.float32)])
    rows, scales = quantise(vectors)
    assert rows.dtype == np.int8
    error = np.abs(rows * scales[:, None] - vectors)
    assert (error <= scales[:, None] / 2 + 1e-7).all()
    assert scales[-1] == 0


# ---------------------------------------------------------------------------- scanning


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_scan_is_brute_force(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    """After any appending, renewing and dropping a scan finds what scoring every row finds."""
    matrix = VectorMatrix(tmp_path_factory.mktemp("m") / "vectors", DIM)
    held: dict[int, Vectors] = {}
    ids = st.lists(st.integers(1, 30), max_size=8, unique=True)
    for sequence in range(1, data.draw(st.integers(1, 6)) + 1):
        puts = data.draw(ids)
        drops = [d for d in data.draw(ids) if d not in puts]
        vectors = unit(len(puts), data.draw(st.integers(0, 10**6)))
        matrix.append(puts, vectors, drops, sequence)
        held |= dict(zip(puts, vectors, strict=True))
        held = {p: v for p, v in held.items() if p not in drops}
        assert matrix.sequence == sequence
    assert matrix.ids.tolist() == sorted(held)
    query = unit(1, data.draw(st.integers(0, 10**6)))[0]
    k = data.draw(st.integers(1, 40))
    assert_same(matrix.scan(query, k), brute(held, query, k))
    allowed = sorted(data.draw(ids))
    among = {p: v for p, v in held.items() if p in allowed}
    assert_same(matrix.scan(query, k, np.array(allowed, np.int64)), brute(among, query, k))
    wanted = [*allowed, 99]
    scores = dict(brute(held, query, 40))
    expected = {p: scores[p] for p in wanted if p in scores}
    assert matrix.cosines(query, wanted) == pytest.approx(expected, abs=1e-5)


def test_a_large_scan_is_brute_force(matrix: VectorMatrix):
    """Among 2,000 papers the scan finds the truly highest scores, alike at every depth."""
    vectors, queries = unit(2000, 2), unit(5, 3)
    matrix.append(range(1, 2001), vectors, [], 1)
    held = dict(enumerate(vectors, start=1))
    for query in queries:
        whole = matrix.scan(query, 1500)
        for found, expected in zip(whole, brute(held, query, 1500), strict=True):
            assert found[1] == pytest.approx(expected[1], abs=1e-6)
        for k in (1, 10, 97, 400, 1499):
            assert matrix.scan(query, k) == whole[:k]


def test_rounding_finds_the_nearest(tmp_path: Path):
    """Of the ten truly nearest among 2,000 nearly all are found, and the others are as near.

    Random directions are the hardest case, as their tenth and eleventh neighbours are hardly
    apart: 2 of 100 may change places there, by less than rounding moves a cosine.
    """
    matrix = VectorMatrix(tmp_path / "vectors", 256)
    vectors, queries = unit(2000, 4, 256), unit(300, 5, 256)
    matrix.append(range(2000), vectors, [], 1)
    shared = 0
    for query in queries:
        cosines = vectors @ query
        exact = np.argsort(-cosines)[:10]
        found = [p for p, _ in matrix.scan(query, 10)]
        shared += len(set(found) & set(exact.tolist()))
        assert cosines[found].min() > cosines[exact[-1]] - 0.003
    assert shared / 3000 >= 0.98


def test_a_paper_is_nearest_to_itself(matrix: VectorMatrix):
    """A vector finds its own paper first, with a cosine that is never above one."""
    vectors = unit(200, 6)
    matrix.append(range(1, 201), vectors, [], 1)
    for paper, vector in enumerate(vectors, start=1):
        [(found, cosine)] = matrix.scan(vector, 1)
        assert found == paper
        assert 0.99 < cosine <= 1


@pytest.mark.parametrize("k", [1, 7])
def test_nothing_is_near_nothing(matrix: VectorMatrix, k: int):
    """An empty matrix, a query of zeros and an empty choice find nothing."""
    query = unit(1, 7)[0]
    assert matrix.scan(query, k) == []
    assert matrix.vector(1) is None
    assert matrix.cosines(query, [1, 2]) == {}
    matrix.append([1], unit(1, 8), [], 1)
    assert matrix.scan(np.zeros(DIM, np.float32), k) == []
    assert matrix.scan(query, k, np.empty(0, np.int64)) == []


# ---------------------------------------------------------------------------- rows


def test_later_rows_win(matrix: VectorMatrix):
    """A paper that is put again has its new vector and stands once."""
    old, new = unit(3, 9), unit(1, 10)
    matrix.append([1, 2, 3], old, [], 1)
    matrix.append([2], new, [], 2)
    assert matrix.ids.tolist() == [1, 2, 3]
    found = matrix.vector(2)
    assert found is not None
    assert found @ new[0] > 0.999
    assert float(np.linalg.norm(found)) == pytest.approx(1, abs=1e-6)
    assert [p for p, _ in matrix.scan(old[1], 10)].count(2) == 1


def test_dropped_papers_are_gone(matrix: VectorMatrix):
    """A dropped paper is found no more until it is put again; an unknown drop is no row."""
    vectors = unit(3, 11)
    matrix.append([1, 2, 3], vectors, [], 1)
    matrix.append([], unit(0, 0), [2, 77], 2)
    assert matrix.ids.tolist() == [1, 3]
    assert {p for p, _ in matrix.scan(vectors[1], 10)} == {1, 3}
    assert matrix.vector(2) is None
    matrix.append([2], vectors[1:2], [], 3)
    assert matrix.scan(vectors[1], 1)[0][0] == 2


def test_appending_again_changes_no_answer(matrix: VectorMatrix):
    """The same append a second time, as after a crash, leaves every answer as it was."""
    vectors, query = unit(5, 12), unit(1, 13)[0]
    for _ in range(2):
        matrix.append([1, 2, 3, 4, 5], vectors, [], 1)
        matrix.append([], unit(0, 0), [4], 2)
        found = matrix.scan(query, 9)
    assert_same(found, brute({p: vectors[p - 1] for p in (1, 2, 3, 5)}, query, 9))


def test_a_reader_follows_a_writer(tmp_path: Path):
    """What one object appends, another that was open before finds with its next scan."""
    writer, reader = (VectorMatrix(tmp_path / "vectors", DIM) for _ in range(2))
    vectors = unit(4, 14)
    for n in range(4):
        assert reader.ids.tolist() == list(range(1, n + 1))
        writer.append([n + 1], vectors[n : n + 1], [], n + 1)
        assert reader.scan(vectors[n], 1)[0][0] == n + 1
        assert reader.sequence == n + 1


def test_rows_beyond_the_manifest_are_cut_off(tmp_path: Path):
    """What a crash left behind the rows that count is not read, and is written over."""
    folder = tmp_path / "vectors"
    matrix, vectors = VectorMatrix(folder, DIM), unit(5, 15)
    matrix.append([1, 2], vectors[:2], [], 1)
    manifest = (folder / "manifest.json").read_bytes()
    matrix.append([3, 4], vectors[2:4], [1], 2)
    (folder / "manifest.json").write_bytes(manifest)
    again = VectorMatrix(folder, DIM)
    assert (again.ids.tolist(), again.sequence) == ([1, 2], 1)
    again.append([5], vectors[4:], [], 2)
    assert VectorMatrix(folder, DIM).ids.tolist() == [1, 2, 5]
    assert (folder / "papers.i64").stat().st_size == 3 * 8
    assert (folder / "vectors.i8").stat().st_size == 3 * DIM


@pytest.mark.parametrize("name", ["vectors.i8", "scales.f32", "papers.i64"])
def test_missing_rows_are_told_in_words(tmp_path: Path, name: str):
    """A file that is shorter than the manifest says gives an error that says what to do."""
    folder = tmp_path / "vectors"
    VectorMatrix(folder, DIM).append([1, 2], unit(2, 16), [], 1)
    with (folder / name).open("r+b") as file:
        file.truncate(3)
    with pytest.raises(SearchIndexError, match="broadsheet rebuild"):
        VectorMatrix(folder, DIM)


@pytest.mark.parametrize("noise", [b"", b"{", b"[1, 2]", b"\xff\xfe"])
def test_a_manifest_of_noise_is_told_in_words(tmp_path: Path, noise: bytes):
    """A manifest that is none gives an error that says what to do."""
    folder = tmp_path / "vectors"
    VectorMatrix(folder, DIM).append([1], unit(1, 17), [], 1)
    (folder / "manifest.json").write_bytes(noise)
    with pytest.raises(SearchIndexError, match="broadsheet rebuild"):
        VectorMatrix(folder, DIM)


# ---------------------------------------------------------------------------- what it was made of


@settings(deadline=None, max_examples=30)
@given(st.lists(st.dictionaries(st.integers(1, 9), st.sampled_from("abc"), max_size=4), max_size=6))
def test_it_is_known_which_text_a_row_is_of(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[int, str]]
):
    """A paper holds the text that it was last appended with, and no other."""
    folder = tmp_path_factory.mktemp("m") / "vectors"
    matrix = VectorMatrix(folder)
    held: dict[int, str] = {}
    for sequence, step in enumerate(steps, start=1):
        matrix.append(
            list(step), unit(len(step), sequence), [], sequence, texts=text_marks(step.values())
        )
        held |= step
    again = VectorMatrix(folder)
    for text in "abc":
        asked = list(range(1, 12))
        found = again.holds(asked, text_marks([text] * len(asked)))
        assert found.tolist() == [held.get(p) == text for p in asked]


def test_a_matrix_of_unknown_length_takes_that_of_the_first(tmp_path: Path):
    """The first vectors say how long all are; others are refused and change nothing."""
    matrix = VectorMatrix(tmp_path / "vectors")
    assert matrix.dim == 0
    matrix.append([], np.empty((0, 0), np.float32), [], 1)
    matrix.append([1], unit(1, 1), [], 2)
    assert matrix.dim == VectorMatrix(tmp_path / "vectors").dim == DIM
    with pytest.raises(SearchIndexError, match=f"vectors of 3 numbers, .* of {DIM}"):
        matrix.append([2], np.ones((1, 3), np.float32), [], 3)
    matrix.append([], np.empty((0, 0), np.float32), [1], 4)
    assert (matrix.ids.tolist(), matrix.sequence) == ([], 4)


def test_a_file_cut_short_under_the_matrix_is_noticed(tmp_path: Path):
    """What is no longer there is not read, which would end the process."""
    matrix = VectorMatrix(tmp_path / "vectors", DIM)
    matrix.append(range(1, 2001), unit(2000, 5), [], 1)
    assert matrix.scan(unit(1, 6)[0], 3)
    file = tmp_path / "vectors" / "vectors.i8"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(SearchIndexError, match="damaged"):
        matrix.scan(unit(1, 6)[0], 3)


def test_whole_once_is_whole_until_rewound(tmp_path: Path):
    """Being whole lasts over later appends and openings; rewinding ends it and drops strangers."""
    matrix = VectorMatrix(tmp_path / "vectors", DIM)
    matrix.append([1], unit(1, 1), [], 1)
    assert not matrix.is_whole
    matrix.append([2, 3], unit(2, 2), [], 2, is_whole=True)
    matrix.append([4], unit(1, 3), [], 3)
    assert VectorMatrix(tmp_path / "vectors", DIM).is_whole
    matrix.rewind(np.array([2, 4, 9], np.int64))
    assert (matrix.is_whole, matrix.sequence, matrix.ids.tolist()) == (False, 0, [2, 4])


NUMBERS = st.lists(st.integers(1, 40))


@given(NUMBERS, NUMBERS)
def test_what_is_asked_for_and_there(held: list[int], wanted: list[int]):
    """It is the intersection of two sets, whether or not anything is held or asked for."""
    ids = np.unique(np.asarray(held, np.int64))
    assert among(ids, wanted).tolist() == sorted(set(held) & set(wanted))
