"""Editions, their calendar and decisions by hand, as people and programs get them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from flows import invented
from processes import answer, broadsheet, called, printed, write_lines

MONDAY, TUESDAY = "2026-03-16", "2026-03-17"


def line(number: int, day: str, category: str, **more: Any) -> dict[str, Any]:
    """Return an invented paper as a line of a file."""
    made = invented.record(number, words=60)
    del made["id"], made["doi"]
    ids = {"source": "arxiv", "arxiv_id": f"2603.{number:05}"}
    return made | ids | {"announced": day, "categories": [category], "year": 2026} | more


LINES = [
    *(line(n, TUESDAY, "cs.LG", upvotes=n) for n in range(1, 4)),
    *(line(n, TUESDAY, "cs.LG") for n in range(4, 12)),
    *(line(n, TUESDAY, "cs.CL") for n in range(12, 16)),
    *(line(n, MONDAY, "hep-th") for n in range(20, 24)),
    line(24, "2026-02-27", "cs.LG"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with papers of three days, one of which came again later."""
    folder = tmp_path_factory.mktemp("made")
    file = write_lines(folder / "papers.jsonl", LINES)
    again = write_lines(folder / "again.jsonl", [line(20, TUESDAY, "hep-th")])
    answer("--home", folder / "home", "import", file)
    answer("--home", folder / "home", "import", again)
    return folder / "home"


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """Return a home of its own for a test that decides something."""
    return Path(shutil.copytree(made, tmp_path / "own"))


def lines_of(shown: bytes) -> list[str]:
    """Return what was printed, line by line, in one width of space."""
    return [re.sub(r"\s+", " ", text).strip() for text in shown.decode().splitlines()]


# ---------------------------------------------------------------------------- editions


def test_the_edition_of_a_day_for_people(made: Path):
    """Its date and basis, leads with their text and reason, sections, and what came again."""
    ended = broadsheet("--home", made, "edition", "--date", TUESDAY)
    text = lines_of(ended.stdout)

    assert ended.returncode == 0
    assert "Tuesday, 17 March 2026: 15 by day of announcement" in text
    assert any(re.fullmatch(r"p\d+ · 3 upvotes", row) for row in text)
    assert "Machine Learning (cs.LG) 9" in text or "Machine Learning (cs.LG) 8" in text
    assert any(row.startswith("Computation and Language (cs.CL)") for row in text)
    assert "listed again by arxiv; first on 2026-03-16" in " ".join(text)


def test_the_edition_of_a_day_for_programs(made: Path):
    """`--json` gives leads, sections, reasons, what came again, and the days with their counts.

    It was filed a moment ago, so it is not closed, long past though it is.
    """
    found = printed("--home", made, "edition", "--date", TUESDAY)

    assert {k: found[k] for k in ("period", "kind", "title", "total", "basis", "closed")} == {
        "period": TUESDAY,
        "kind": "day",
        "title": "Tuesday, 17 March 2026",
        "total": 15,
        "basis": {"announced": 15},
        "closed": False,
    }
    assert (found["before"], found["after"], found["silence"]) == (MONDAY, None, None)
    assert [p["upvotes"] for p in found["leads"][:2]] == [3, 2]
    assert found["leads"][0]["reason"] == {"kind": "upvotes", "text": "3 upvotes", "value": 3.0}
    assert {s["name"]: s["label"] for s in found["sections"]} == {
        "cs.LG": "Machine Learning (cs.LG)",
        "cs.CL": "Computation and Language (cs.CL)",
    }
    assert len(found["leads"]) + sum(s["total"] for s in found["sections"]) == 15
    assert [a["again"] for a in found["again"]] == [
        {"day": TUESDAY, "kind": "listed", "note": "arxiv"}
    ]
    assert found["days"] == [{"day": TUESDAY, "papers": 15, "silence": None}]


@pytest.mark.parametrize(
    ("args", "period", "total"),
    [
        (("--week", "2026-W12"), "2026-W12", 19),
        (("--week", "2026-w12", "--query", "cat:hep-th"), "2026-W12", 4),
        (("--month", "2026-03"), "2026-03", 19),
        (("--month", "2026-2"), "2026-02", 1),
        (("--date", MONDAY, "-q", "u20z OR u21z"), MONDAY, 2),
        (("--date", MONDAY, "-q", "-u20z"), MONDAY, 3),
        ((), TUESDAY, 15),
    ],
)
def test_weeks_months_and_narrowed_editions(made: Path, args: tuple, period: str, total: int):
    """Each period, narrowed or not; without one, the newest day that has papers."""
    found = answer("--home", made, "edition", *args)

    assert (found["period"], found["total"]) == (period, total)
    assert found["query"] == (args[-1] if len(args) == 4 else "")


def test_an_empty_day_says_why_and_where_papers_are(made: Path):
    """A Sunday has no listing; the days before and after it that have papers are named."""
    shown = called("--home", made, "edition", "--date", "2026-03-15").stdout.decode()

    assert "Sunday, 15 March 2026\n" in shown
    assert "Sunday: arXiv lists nothing on weekends." in shown
    assert "The nearest days with papers: 2026-02-27, 2026-03-16" in shown


def test_a_query_that_matches_nothing_says_so(made: Path):
    """The edition is there, but no paper of it matches."""
    shown = called("--home", made, "edition", "--date", TUESDAY, "-q", "cat:math.CO")

    assert shown.returncode == 0
    assert "narrowed to cat:math.CO" in shown.stdout.decode()
    assert "No paper of this edition matches." in shown.stdout.decode()


@pytest.mark.parametrize(
    ("args", "position", "hint"),
    [
        (("edition", "--date", "2026-02-30"), 8, "from 1 to 28"),
        (("edition", "--date", "2026-03-1x"), 9, "2026-03-17"),
        (("edition", "--date", "tomorrow"), 0, "today or yesterday"),
        (("edition", "--week", "2026-W60"), 6, "from 1 to 53"),
        (("edition", "--month", "2026-13"), 5, "from 1 to 12"),
        (("edition", "--query", "graph (kilns"), 6, ""),
        (("edition", "--query", "graph like:2603.00001"), 6, "like:"),
        (("calendar", "--month", "March"), 0, "2026-03"),
    ],
)
def test_what_is_no_period_or_query_is_refused(made: Path, args: tuple, position: int, hint: str):
    """Exit code 2, the place of the mistake and what to write, for people and for programs."""
    told = called("--home", made, *args, "--json")
    problem = orjson.loads(told.stderr)
    shown = called("--home", made, *args).stderr.decode()

    assert (told.returncode, told.stdout) == (2, b"")
    assert (problem["title"], problem["status"]) == ("QueryError", 400)
    assert (problem["query"], problem["position"]) == (args[-1], position)
    assert hint in problem["hint"]
    assert f"\n  {args[-1]}\n  {' ' * position}^\n" in shown


def test_one_period_at_a_time(made: Path):
    """A day and a week together are no edition."""
    ended = called("--home", made, "edition", "--date", "today", "--week", "this")

    assert ended.returncode == 2
    assert b"one of --date, --week, --month" in ended.stderr


def test_an_empty_home_has_an_edition(tmp_path: Path):
    """Nothing filed at all: today's edition is empty and says so."""
    found = answer("--home", tmp_path / "new", "edition")

    assert (found["total"], found["before"], found["after"]) == (0, None, None)
    assert found["silence"].endswith(".")


# ---------------------------------------------------------------------------- picks


def test_pick_and_unpick(own: Path):
    """A paper is picked with a note, leads its edition, is listed, and is taken back."""
    made = printed("--home", own, "pick", "2603.00008", "--note", "Read this.")
    paper = printed("--home", own, "show", "2603.00008")["id"]
    assert {**made, "at": ""} == {
        "paper": paper, "day": TUESDAY, "by": "owner", "note": "Read this.", "at": "",
    }  # fmt: skip
    assert printed("--home", own, "picks", "--week", "2026-W12") == {"picks": [made]}
    first = printed("--home", own, "edition", "--date", TUESDAY)["leads"][0]
    assert (first["id"], first["pick"]["note"]) == (paper, "Read this.")
    shown = " ".join(lines_of(broadsheet("--home", own, "edition", "--date", TUESDAY).stdout))
    assert f"{paper} · picked by owner: Read this. · " in shown
    listed = " ".join(lines_of(broadsheet("--home", own, "picks").stdout))
    assert f"{TUESDAY} {paper} owner" in listed

    ended = broadsheet("--home", own, "unpick", paper)
    assert ended.stdout.decode() == f"{paper} is not picked any more for the edition of {TUESDAY}\n"
    assert printed("--home", own, "picks") == {"picks": []}
    assert broadsheet("--home", own, "pick", paper, "--date", TUESDAY).stdout.decode() == (
        f"{paper} is picked for the edition of {TUESDAY}\n"
    )


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("unpick", "2603.00008"), 1, "Nobody has picked this paper"),
        (("pick", "2603.00008", "--date", MONDAY), 1, f"not of {MONDAY}"),
        (("pick", "2603.09999"), 1, "2603.09999"),
        (("pick", "2603.00008", "--as", "nobody"), 1, "nobody"),
    ],
)
def test_what_cannot_be_picked_is_told(made: Path, args: tuple, status: int, words: str):
    """A refusal is a sentence on standard error."""
    ended = broadsheet("--home", made, *args)

    assert (ended.returncode, ended.stdout) == (status, b"")
    assert words in ended.stderr.decode()


# ---------------------------------------------------------------------------- the calendar


def test_the_calendar_of_a_month(made: Path):
    """Every day with how much it holds, and why others hold none."""
    found = answer("--home", made, "calendar", "--month", "2026-03")["days"]
    text = lines_of(called("--home", made, "calendar", "--month", "2026-03").stdout)

    assert len(found) == 31
    assert {d["day"]: d["papers"] for d in found if d["papers"]} == {MONDAY: 4, TUESDAY: 15}
    assert [d["silence"] for d in found[13:18]] == [
        "Saturday: arXiv lists nothing on weekends",
        "Sunday: arXiv lists nothing on weekends",
        None,
        None,
        "nothing was filed for this day",
    ]
    assert text[0] == "day papers why none"
    assert "2026-03-17 Tue 15" in text
    assert len(answer("--home", made, "calendar")["days"]) in {28, 29, 30, 31}


# ---------------------------------------------------------------------------- decisions


def total(home: Path) -> int:
    """Return how many papers the edition of Tuesday has."""
    found: int = answer("--home", home, "edition", "--date", TUESDAY)["total"]
    return found


def test_a_merge_and_its_undo(own: Path):
    """Two papers are one: both addresses lead there, the edition has one less; then both again."""
    home = ("--home", own)
    merged = broadsheet(*home, "merge", "2603.00012", "2603.00013", "--note", "one and the same")
    assert merged.returncode == 0
    said = re.fullmatch(
        r"p(\d+) is now part of p(\d+) \(`broadsheet undo 1` takes it back\)\n",
        merged.stdout.decode(),
    )
    assert said
    gone, survivor = (f"p{n}" for n in said.groups())

    assert answer(*home, "show", gone)["id"] == survivor
    assert answer(*home, "show", "2603.00013")["id"] == survivor
    assert total(own) == 14
    [decision] = answer(*home, "decisions")["decisions"]
    assert {k: decision[k] for k in ("id", "kind", "paper", "other", "note", "undone")} == {
        "id": 1, "kind": "merge", "paper": survivor, "other": gone, "note": "one and the same",
        "undone": None,
    }  # fmt: skip
    assert decision["records"] == ["arxiv:2603.00013"]

    undone = called(*home, "undo", 1)
    assert undone.stdout.decode() == "decision 1 (merge) is undone\n"
    assert answer(*home, "show", gone)["id"] == gone
    assert total(own) == 15
    assert answer(*home, "decisions")["decisions"][0]["undone"]


def test_a_later_import_does_not_undo_a_merge(own: Path, tmp_path: Path):
    """The same file imported again leaves the merged papers one."""
    answer("--home", own, "merge", "2603.00012", "2603.00013")
    write_lines(tmp_path / "papers.jsonl", [line(13, TUESDAY, "cs.CL", upvotes=9)])
    answer("--home", own, "import", tmp_path / "papers.jsonl")

    assert total(own) == 14
    assert (
        answer("--home", own, "show", "2603.00013")["id"]
        == (answer("--home", own, "show", "2603.00012")["id"])
    )


def test_a_split_and_what_it_is_called(own: Path):
    """A record taken out is a paper of its own again; its name and number are told."""
    home = ("--home", own)
    merged = answer(*home, "merge", "2603.00001", "2603.00002")
    assert b"arxiv:2603.00002, seen" in called(*home, "show", merged["paper"]).stdout
    split = called(*home, "split", merged["paper"], "arxiv:2603.00002")

    assert split.stdout.decode() == (
        f"arxiv:2603.00002 is now {merged['other']}, apart from {merged['paper']} "
        "(`broadsheet undo 2` takes it back)\n"
    )
    assert answer(*home, "show", "2603.00002")["id"] == merged["other"]
    assert total(own) == 15
    kinds = [(d["kind"], bool(d["undone"])) for d in answer(*home, "decisions")["decisions"]]
    assert kinds == [("split", False), ("merge", False)]
    assert answer(*home, "undo", 2)["kind"] == "split"
    assert answer(*home, "show", "2603.00002")["id"] == merged["paper"]


def test_papers_told_apart_stay_two(own: Path, tmp_path: Path):
    """A record with the ids of both joins the older one and leaves the other alone."""
    home = ("--home", own)
    decided = answer(*home, "apart", "2603.00004", "2603.00005", "--note", "two experiments")
    bridge = line(4, TUESDAY, "cs.LG") | {"source": "file", "id": "bridge"}
    twin = line(5, TUESDAY, "cs.LG") | {"source": "file", "id": "twin", "title": bridge["title"]}
    twin |= {"authors": bridge["authors"], "abstract": bridge["abstract"]}
    answer(*home, "import", write_lines(tmp_path / "more.jsonl", [bridge, twin]))

    assert (decided["kind"], decided["note"]) == ("apart", "two experiments")
    assert {answer(*home, "show", f"2603.0000{n}")["id"] for n in (4, 5)} == {
        decided["paper"],
        decided["other"],
    }


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("merge", "2603.00001", "2603.00001"), "one paper already"),
        (("merge", "2603.00001", "nowhere"), "no paper 'nowhere'"),
        (("apart", "2603.00001", "2603.00001"), "`broadsheet split`"),
        (("split", "2603.00001", "file:x"), "which is made of arxiv:2603.00001"),
        (("split", "2603.00001", "2603.00001"), "has only this record"),
        (("undo", "77"), "no decision '77'"),
    ],
)
def test_what_cannot_be_decided_is_told(made: Path, args: tuple, words: str):
    """Exit code 1 and a sentence; nothing is decided."""
    told = called("--home", made, *args, "--json")
    problem = orjson.loads(told.stderr)

    assert (told.returncode, told.stdout) == (1, b"")
    assert words in problem["detail"]
    assert problem["status"] in {404, 409}
    assert answer("--home", made, "decisions")["decisions"] == []


def test_an_undo_cannot_be_repeated(own: Path):
    """What is undone is undone; the second time says since when."""
    answer("--home", own, "merge", "2603.00001", "2603.00002")
    answer("--home", own, "undo", 1)
    again = called("--home", own, "undo", 1)

    assert again.returncode == 1
    assert re.search(rb"decision 1 was undone on \d{4}-\d\d-\d\d already", again.stderr)


def test_decisions_for_people(own: Path):
    """A table, newest first: what was decided about which papers, when, and why."""
    answer("--home", own, "merge", "2603.00001", "2603.00002", "--note", "same tables")
    answer("--home", own, "apart", "2603.00004", "2603.00005")
    answer("--home", own, "undo", 2)
    text = lines_of(called("--home", own, "decisions").stdout)

    assert text[0] == "no. what paper other made undone note"
    assert re.fullmatch(r"2 apart p\d+ p\d+ \d{4}-\d\d-\d\d \d{4}-\d\d-\d\d", text[1])
    assert re.fullmatch(r"1 merge p\d+ p\d+ \d{4}-\d\d-\d\d same tables", text[2])
    assert len(answer("--home", own, "decisions", "-n", 1)["decisions"]) == 1
