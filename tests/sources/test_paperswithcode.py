"""The archive of Papers with Code. All papers here are invented."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import RecordError, SourceError, UnknownFormat
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources.paperswithcode import (
    Placed,
    is_pwc,
    iter_array,
    official_first,
    to_items,
)

PAPER: dict[str, Any] = {
    "paper_url": "https://paperswithcode.com/paper/on-kites-1",
    "arxiv_id": "1901.00001",
    "nips_id": None,
    "openreview_id": None,
    "title": "On Kites",
    "abstract": "We fly\nkites.",
    "url_abs": "http://arxiv.org/abs/1901.00001v2",
    "url_pdf": "http://arxiv.org/pdf/1901.00001v2.pdf",
    "proceeding": "ICK 2019 7",
    "authors": ["Ann Example", "Bo Sample"],
    "tasks": ["Kite Flying", "Wind"],
    "date": "2019-01-01",
    "methods": [{"name": "String", "full_name": "A String", "description": "x" * 900}],
}
LINK: dict[str, Any] = {
    "paper_url": "https://paperswithcode.com/paper/on-kites-1",
    "paper_title": "On Kites",
    "paper_arxiv_id": "1901.00001",
    "paper_url_abs": "http://arxiv.org/abs/1901.00001v2",
    "paper_url_pdf": "http://arxiv.org/pdf/1901.00001v2.pdf",
    "repo_url": "https://github.com/example/kites",
    "is_official": True,
    "mentioned_in_paper": True,
    "mentioned_in_github": False,
    "framework": "pytorch",
}
ROW: dict[str, Any] = {
    "model_name": "Kite-L",
    "metrics": {"Height": "99.1", "Fall": None},
    "paper_title": "On Kites",
    "paper_url": "https://paperswithcode.com/paper/on-kites-1",
    "paper_date": "2019-01-01",
    "code_links": [{"title": "x/kites", "url": "https://github.com/example/kites"}],
    "uses_additional_data": False,
}


def table(name: str, *rows: Any, below: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return a dataset with a table of results."""
    return {
        "dataset": name,
        "sota": {"metrics": ["Height"], "rows": list(rows)},
        "subdatasets": list(below),
    }


TASK: dict[str, Any] = {
    "task": "Kite Flying",
    "categories": ["Air"],
    "description": "x",
    "synonyms": [],
    "source_link": None,
    "datasets": [
        table("Meadow", ROW, ROW | {"paper_title": ""}, 7, below=(table("Wet Meadow", ROW),)),
        {"dataset": "Empty", "sota": None},
    ],
    "subtasks": [
        {
            "task": "Kite Landing",
            "datasets": [table("Field", ROW | {"paper_url": "https://arxiv.org/abs/2001.00009"})],
            "subtasks": None,
        }
    ],
}


def pieces(body: bytes, size: int = 7) -> Iterator[bytes]:
    """Yield a body in pieces."""
    return (body[i : i + size] for i in range(0, len(body), size))


def read(body: bytes, size: int = 7, **more: Any) -> list[Any]:
    """Return the objects of an array, and the reasons of what was set aside."""
    found = iter_array(pieces(body, size), name="a.json", **more)
    return [f.obj if isinstance(f, Placed) else (f.place, f.reason) for f in found]


def records(obj: dict[str, Any]) -> list[Record]:
    """Return the records of one object."""
    kind = is_pwc(obj)
    assert kind
    items = list(to_items(obj, kind, name="a.json", place=1))
    return [i for i in items if isinstance(i, Record)]


# Arrays.


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_objects_of_an_array(size):
    """Brackets and quotes in strings are no brackets and quotes, wherever a piece ends."""
    objects = [{"a": 'x"]}[{\\', "b": [{"c": []}]}, {}, {"é": "\u2028 \\u0022"}]
    for body in (orjson.dumps(objects), orjson.dumps(objects, option=orjson.OPT_INDENT_2)):
        assert read(body, size) == objects
        assert read(b"\xef\xbb\xbf \n" + body + b"\n ", size) == objects


def test_places_count_from_one():
    """Every object knows where it stood."""
    found = list(iter_array(pieces(b'[{"a":1},{"a":},{"a":3}]'), name="f"))
    assert [f.place for f in found] == [1, 2, 3]
    assert [type(f) for f in found] == [Placed, RecordError, Placed]


def test_damage_is_told_and_the_next_object_read():
    """What is broken within its brackets costs nothing else."""
    found = read(b'[{"a":1}, {"b" 2}, 7, null, [{"x":1}], {"c":"\xff"}, {"d":4}]')
    assert found[0] == {"a": 1}
    assert found[-1] == {"d": 4}
    reasons = [reason for _, reason in found[1:-1]]
    assert reasons[0].startswith("not JSON")
    assert reasons[1:3] == ["not a JSON object", "not a JSON object but a list"]
    assert reasons[3].startswith("not JSON")


@pytest.mark.parametrize(
    "body", [b"[", b'[{"a":1}', b'[{"a":1},', b'[{"a":1},{"b":', b'[{"a":1},{"b":"x']
)
def test_an_array_that_breaks_off(body):
    """It is said once, after what is whole."""
    found = read(body)
    assert [f for f in found if isinstance(f, dict)] == [{"a": 1}] * (b"1" in body)
    assert isinstance(found[-1], tuple)
    assert "breaks off" in found[-1][1]
    assert sum(isinstance(f, tuple) for f in found) == 1


def test_an_empty_array():
    """It has no objects; what follows an array is told."""
    assert read(b" [ ] ") == []
    assert read(b'[{"a":1}] {"b":2}') == [{"a": 1}, (2, "something follows the array")]


@pytest.mark.parametrize("body", [b"", b"  ", b'{"a":1}', b"hello", b"\x1f\x8b"])
def test_what_is_no_array(body):
    """It is refused."""
    with pytest.raises(SourceError, match="no JSON array"):
        read(body)


def test_an_object_that_is_too_large():
    """It is set aside, and what comes after it is read."""
    large = orjson.dumps([{"a": 1}, {"b": ["x" * 50] * 100}, {"c": 3}])
    found = read(large, max_object=1000)
    assert (found[0], found[2]) == ({"a": 1}, {"c": 3})
    assert found[1][1].startswith("an object of 53")
    # A string that long cannot be looked past.
    endless = read(b'[{"a": "' + b"x" * 50_000, 1000, max_object=1000)
    assert len(endless) == 1
    assert "breaks off" in endless[0][1]


def test_memory_and_time():
    """20 megabytes pass through less than 4, and a long string is not looked through in vain."""
    one = orjson.dumps(PAPER | {"abstract": 'We "fly" {kites} [high]. ' * 100})

    def stream() -> Iterator[bytes]:
        yield b"["
        block = b",".join([one] * 20)
        for _ in range(300):
            yield block + b","
        yield one + b"]"

    tracemalloc.start()
    try:
        count = sum(isinstance(f, Placed) for f in iter_array(stream(), name="f"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 6_001
    assert peak < 4_000_000
    assert len(read(b'[{"a":"' + b"\\n" * 4_000_000 + b'"}]', 4096)) == 1


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_read_or_refused(body, size):
    """Nothing but a SourceError comes out."""
    for given_body in (body, b"[" + body, b'[{"a":1},' + body + b',{"b":2}]'):
        try:
            read(given_body, size, max_object=64)
        except SourceError as error:
            assert "no JSON array" in str(error)  # noqa: PT017 (either way is right)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=5), st.integers(1, 40)
)
def test_every_array_of_objects_is_read_whole(objects, size):
    """As the whole of it would be."""
    try:
        body = orjson.dumps(objects)
    except TypeError:  # surrogates
        return
    assert read(body, size) == orjson.loads(body)


# Which file.


def test_files_are_known_by_their_first_object():
    """By the keys that the dump has, not by a name."""
    method = {"url": "u", "name": "n", "full_name": "f", "introduced_year": 2000, "source_url": "s"}
    dataset = {"url": "u", "name": "n", "full_name": "f", "modalities": [], "variants": []}
    assert list(map(is_pwc, (PAPER, LINK, TASK, method, dataset))) == [
        "papers", "links", "results", "methods", "datasets",
    ]  # fmt: skip
    assert is_pwc({"title": "x", "abstract": "y"}) is None
    assert is_pwc({}) is None
    with pytest.raises(UnknownFormat, match="lists methods, not papers"):
        list(to_items(method, "methods", name="m.json", place=1))


# Records.


def test_a_paper():
    """All its fields have their places."""
    (paper,) = records(PAPER)
    assert (paper.source, paper.key, paper.title) == ("pwc", "on-kites-1", "On Kites")
    assert paper.abstract == "We fly kites."
    assert paper.authors == ("Ann Example", "Bo Sample")
    assert paper.external_ids == (ExternalId("arxiv", "1901.00001"),)
    assert (paper.submitted, paper.published, paper.venue) == ("2019-01-01", None, "ICK 2019")
    assert paper.keywords == ("Kite Flying", "Wind")
    assert paper.extra == {"methods": ["String"]}
    assert dict(paper.links) == {
        "abs": "http://arxiv.org/abs/1901.00001v2",
        "pdf": "http://arxiv.org/pdf/1901.00001v2.pdf",
        "pwc": "https://paperswithcode.com/paper/on-kites-1",
    }


def test_a_paper_that_is_no_preprint():
    """Its date is that of publication; other ids come from its links."""
    url = "https://aclanthology.org/P19-1001"
    (paper,) = records(
        PAPER | {"arxiv_id": None, "url_abs": url, "url_pdf": None, "proceeding": None}
    )
    assert (paper.submitted, paper.published, paper.venue) == (None, "2019-01-01", "")
    assert paper.external_ids == (ExternalId("acl", "P19-1001"),)


def test_code_of_a_paper():
    """Repositories of one paper are records of their own."""
    other = LINK | {"repo_url": "https://github.com/other/kites", "is_official": False}
    (one,), (two,) = records(LINK), records(other)
    assert (one.source, one.title) == ("pwc-code", "On Kites")
    assert one.key == "on-kites-1 https://github.com/example/kites"
    assert one.key != two.key
    assert one.external_ids == (ExternalId("arxiv", "1901.00001"),)
    assert dict(one.links)["code"] == "https://github.com/example/kites"
    assert one.extra["is_official"] is True
    assert one.extra["framework"] == "pytorch"
    (item,) = to_items(LINK | {"repo_url": None}, "links", name="f", place=3)
    assert isinstance(item, RecordError)
    assert (item.source, item.place, item.excerpt) == ("f", 3, "On Kites")


def test_official_code_comes_first():
    """Within a paper; papers and errors keep their order."""
    broken = RecordError("x", source="f", place=9)
    given_links = [
        Placed(1, {"paper_url": "a", "n": 1}),
        Placed(2, {"paper_url": "a", "n": 2, "mentioned_in_paper": True}),
        Placed(3, {"paper_url": "a", "n": 3, "is_official": True}),
        Placed(4, {"paper_url": "b", "n": 4}),
        broken,
        Placed(5, {"paper_url": "b", "n": 5, "is_official": True}),
    ]
    found = [f if isinstance(f, RecordError) else f.obj["n"] for f in official_first(given_links)]
    assert found == [3, 2, 1, 4, broken, 5]


def test_results_of_a_task():
    """Each row of each table, at any depth, is a record of its paper; rows without are skipped."""
    found = records(TASK)
    assert [(r.extra["results"]["task"], r.extra["results"]["dataset"]) for r in found] == [
        ("Kite Flying", "Meadow"), ("Kite Flying", "Wet Meadow"), ("Kite Landing", "Field"),
    ]  # fmt: skip
    first, _, last = found
    assert (first.source, first.title) == ("pwc-results", "On Kites")
    assert first.key == "kite flying/meadow/on-kites-1/kite-l"
    assert first.extra["results"]["metrics"] == {"Height": "99.1"}
    assert first.extra["results"]["model_name"] == "Kite-L"
    assert ("code", "https://github.com/example/kites") in first.links
    assert (first.published, first.submitted) == ("2019-01-01", None)
    assert last.external_ids == (ExternalId("arxiv", "2001.00009"),)
    assert last.submitted == "2019-01-01"
    assert len({r.key for r in found}) == 3


@given(st.sampled_from([PAPER, LINK, TASK]), st.data())
def test_fields_of_any_type(obj, draw):
    """A value that nobody expects gives a record without it, or an error."""
    key = draw.draw(st.sampled_from(sorted(obj)))
    kind = is_pwc(obj)
    assert kind
    for item in to_items(obj | {key: draw.draw(JSON)}, kind, name="f", place=1):
        assert isinstance(item, Record | RecordError)
        if isinstance(item, Record):
            assert 0 < len(item.key) < 200


@given(st.dictionaries(st.sampled_from(sorted(ROW)), JSON))
def test_rows_of_any_form(changed):
    """Likewise in a table."""
    task = TASK | {"datasets": [table("Meadow", ROW | changed)]}
    for item in to_items(task, "results", name="f", place=1):
        assert isinstance(item, Record | RecordError)
