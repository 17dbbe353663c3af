"""Invented papers in any number, with copies, bridges and broken lines among them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from broadsheet.collection import papers as store
from broadsheet.library import Library

_SYLLABLES = [c + v for c in "bcdfghlmnprstvz" for v in "aeiou"]
_SEED = random.Random(1848)
WORDS = ["".join(_SEED.choices(_SYLLABLES, k=_SEED.randint(2, 4))) for _ in range(2500)]


class Line(NamedTuple):
    """A line of a file: its bytes, the work that it tells of, and the key of its record."""

    data: bytes
    work: int | None
    key: str | None


def record(number: int, words: int = 40) -> dict[str, Any]:
    """Return the invented paper of a number; `u<number>z` in its title is its own word."""
    dice = random.Random(number)
    title = " ".join(dice.choices(WORDS, k=7)).capitalize()
    return {
        "source": "invented",
        "id": f"n{number}",
        "title": f"{title} u{number}z",
        "abstract": " ".join(dice.choices(WORDS, k=words)) + ".",
        "authors": [f"Ada {dice.choice(WORDS).title()}", f"Carl {dice.choice(WORDS).title()}"],
        "year": 1990 + number % 36,
        "doi": f"10.5555/u{number}",
    }


def lines(count: int, words: int = 40) -> list[Line]:
    """Return `count` lines: of ten, eight are papers of their own, one a copy, one may be broken.

    A copy comes from another source with no id in common, so that it is known by its text.
    Every fiftieth line is a record that no parser can read.
    """
    made: list[Line] = []
    for number in range(count):
        if number % 50 == 49:
            made.append(Line(b'{"source": "invented", "title": "broken off', None, None))
        elif number % 10 == 8:
            original = random.Random(number).randrange(number)
            original -= original % 10  # a paper of its own, never a copy or a broken line
            made.append(_line(_copy(original, number, words), original))
        else:
            made.append(_line(record(number, words), number))
    return made


def _copy(original: int, number: int, words: int) -> dict[str, Any]:
    found = record(original, words)
    del found["doi"]
    title = found["title"].replace(" ", "  ").upper()
    return found | {"source": "mirror", "id": f"m{number}", "title": title}


def _line(found: dict[str, Any], work: int) -> Line:
    return Line(orjson.dumps(found), work, found["id"])


def bridged(count: int) -> list[Line]:
    """Return `lines`, ended by records that show pairs of the papers before to be one each.

    Works are not told: `work` of the bridges is that of the first of the pair.
    """
    made = lines(count)
    for first in range(0, count - 10, 40):
        second = first + 1
        bridge = record(first) | {"source": "bridge", "id": f"b{first}"}
        bridge["externalIds"] = {"ArXiv": f"2501.{first:05}"}
        other = record(second) | {"source": "preprint", "id": f"q{second}", "title": "Another name"}
        other |= {"arxiv_id": f"2501.{first:05}"}
        made += [_line(other, second), _line(bridge, first)]
    return made


def written(path: Any, made: Sequence[Line]) -> Any:
    """Write lines to a file and return its path."""
    path.write_bytes(b"".join(line.data + b"\n" for line in made))
    return path


class Standing(NamedTuple):
    """All that a collection holds, times and row numbers left out."""

    papers: list[Any]
    records: list[Any]
    external_ids: list[Any]
    rejects: list[Any]


def standing(library: Library) -> Standing:
    """Return what a collection holds, in an order of its own."""
    with library.database.read() as connection:
        papers = store.fetch(connection, store.all_ids(connection))
        told = [_told(p) for p in papers]
        by_id = dict(zip((p.id for p in papers), told, strict=True))
        records = _rows(connection, "SELECT source, key, paper_id, body FROM records")
        external = _rows(connection, "SELECT namespace, value, paper_id FROM external_ids")
        return Standing(
            sorted(told),
            sorted((s, k, by_id[p], body) for s, k, p, body in records),
            sorted((n, v, by_id[p]) for n, v, p in external),
            sorted(_rows(connection, "SELECT source, place, reason, excerpt FROM rejects")),
        )


def _told(paper: Any) -> str:
    """Return a paper in words, without its number and the moment it came."""
    kept = (paper.title, paper.abstract, paper.authors, paper.year, paper.sources)
    return repr((*kept, paper.summary, paper.venue, paper.external_ids, paper.links))


def _rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(statement))]


def assert_sound(library: Library, told: int) -> None:
    """See that index and record agree, and that papers are found by their own words.

    `told` is the number of a paper that must be there.
    """
    report = library.check()
    assert report.problems == []
    assert report.held["text"] == report.held["vectors"] == report.sequence
    for mode in ("hybrid", "text"):
        page = library.search(f"u{told}z", mode=mode, limit=3)
        assert f"u{told}z" in page.hits[0].paper.title.lower()
    if report.papers:
        # Its whole text: among many papers a title alone may be nearer to another one.
        made = record(told)
        words = f"{made['title']}. {made['abstract']}"
        found = library.search(words, mode="vector", limit=3)
        assert f"u{told}z" in found.hits[0].paper.title.lower()
