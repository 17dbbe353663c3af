"""Submissions and claims, as people and programs get them on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from loopback import Loopback
from processes import answer, called
from readers.bringing import Press
from readers.circle import filed, join

ORCID = "0000-0002-1825-0097"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a paper, a reader and a curator."""
    home = tmp_path_factory.mktemp("brought") / "home"
    with open_library(home) as library:
        join(library, "ada", orcid=ORCID)
        join(library, "cy", "curator")
        extra = {"orcids": {"Ada Example": ORCID}}
        filed(library, Record("file", "1", "Owls", authors=("Ada Example", "B C"), extra=extra))
    return home


def by_hand(home: Path, title: str, *more: str, code: int = 0) -> dict:
    """Return what becomes of a paper that is entered by hand."""
    given = ("--title", title, "--author", "Ada Example", "--author", "Bo Sample", "--day", "2026")
    return answer("--home", home, "submit", *given, *more, code=code)


def test_a_paper_is_submitted_by_its_id(home):
    """What a source knows is added, and told from what was here."""
    with Loopback() as server:
        press = Press(server)
        doi = press.print(1, "Owls on the line")
        (home / "broadsheet.toml").write_text(
            f'[sources.crossref]\nurl = "{server.url}/crossref"\n', "utf-8"
        )
        first = answer("--home", home, "submit", doi)
        again = called("--home", home, "submit", doi)
    (home / "broadsheet.toml").unlink()

    assert (first["state"], again.returncode) == ("added", 0)
    assert again.stdout.decode().strip() == f"{first['paper']} is here already"


def test_the_owner_enters_a_paper_and_it_is_there(home):
    """Whoever has the files is a curator."""
    made = by_hand(home, "Owls of the owner")

    assert (made["state"], made["candidates"]) == ("added", [])
    assert answer("--home", home, "show", made["paper"])["title"] == "Owls of the owner"


def test_what_a_reader_enters_is_taken_or_refused(home):
    """By number, with the reason."""
    taken = by_hand(home, "Owls to be taken", "--as", "ada", "--abstract", "We look at owls.")
    gone = by_hand(home, "Owls to be refused by all", "--as", "ada", "--new")
    assert (taken["state"], gone["state"]) == ("waiting", "waiting")
    waiting = answer("--home", home, "submissions", "--waiting")["submissions"]
    assert [s["id"] for s in waiting] == [gone["submission"], taken["submission"]]

    assert called("--home", home, "take", taken["submission"], "--as", "ada").returncode == 77
    told = called("--home", home, "take", taken["submission"], "--as", "cy").stdout.decode()
    assert told.startswith(f"submission {taken['submission']} is p")
    made = answer("--home", home, "refuse", gone["submission"], "--reason", "No owls")
    assert (made["state"], made["reason"]) == ("refused", "No owls")
    shown = called("--home", home, "submissions", "--as", "ada").stdout.decode()
    assert "No owls" in shown
    assert "Owls to be taken" in shown


def test_what_is_like_a_paper_is_shown_and_nothing_is_kept(home):
    """With exit code 1: it is not done yet."""
    by_hand(home, "Owls that are much alike in the long night")
    made = by_hand(home, "Owls that are much alike in the longer night", code=1)
    assert (made["state"], made["submission"]) == ("choose", None)
    title = "Owls that are much alike in the darkest night"
    shown = called("--home", home, "submit", "--title", title, "--author", "Ada Example")
    assert shown.returncode == 1
    assert "here already" in shown.stdout.decode()
    assert called("--home", home, "submit").returncode == 1
    assert (
        b"not on the public internet"
        in called("--home", home, "submit", "http://169.254.169.254/latest/meta-data/").stderr
    )


def test_claims_are_made_granted_denied_and_withdrawn(home):
    """As on the pages."""
    proved = answer("--home", home, "claim", "p1", "--as", "ada")
    assert (proved["how"], proved["state"], proved["author"]) == ("orcid", "granted", "Ada Example")
    asked = called("--home", home, "claim", "p1", "--author", "B C", "--as", "cy").stdout.decode()
    assert asked.strip() == f"Claim {proved['id'] + 1}: cy as B C of p1: waiting"
    number = proved["id"] + 1
    waiting = answer("--home", home, "claims", "--waiting")["claims"]
    assert [c["id"] for c in waiting] == [number]
    assert called("--home", home, "grant", number, "--as", "cy").returncode == 77
    assert answer("--home", home, "deny", number, "--reason", "No")["state"] == "refused"
    assert answer("--home", home, "grant", number)["state"] == "granted"
    assert answer("--home", home, "withdraw", proved["id"], "--as", "ada")["state"] == "ended"
    shown = called("--home", home, "claims").stdout.decode()
    assert "Ada Example" in shown
