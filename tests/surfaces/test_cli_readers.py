"""Sharing a collection, and the accounts of those who read it, at the command line."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
from pathlib import Path

import orjson
import pytest

from processes import answer, called, printed

ADDRESS = "https://papers.example.org"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home that was made a shared one, with a reader."""
    home = tmp_path_factory.mktemp("shared") / "home"
    answer("--home", home, "share", "--email", "me@example.org", "--address", ADDRESS)
    link = answer("--home", home, "invite", "--role", "curator")["link"]
    _follow(home, link, "ada", "seven quiet herons")
    return home


@pytest.fixture
def own(shared: Path, tmp_path: Path) -> Path:
    """Return a home of its own for a test that changes something."""
    return Path(shutil.copytree(shared, tmp_path / "own"))


def _follow(home: Path, link: str, name: str = "", password: str = "") -> None:
    """Do what whoever opens a link in a browser does."""
    from broadsheet.factory import load_config, open_library  # noqa: PLC0415
    from broadsheet.readers.rules import Rules  # noqa: PLC0415

    settings = {k: v.value for k, v in load_config({"home": str(home)}, {}).items()}
    with open_library(home, rules=Rules.of(settings, {})) as library:
        library.accounts.use(link.rpartition("/")[2], name, password)


def _names(home: Path) -> dict[str, str]:
    found = answer("--home", home, "readers")["readers"]
    return {reader["name"]: reader["role"] for reader in found}


def test_sharing_keeps_everything_and_gives_the_owner_a_way_in(home):
    """Settings are written, the owner is named, and the link is good for an account."""
    answer("--home", home, "config")
    home.mkdir(parents=True, exist_ok=True)
    (home / "broadsheet.toml").write_text("# mine\npage_size = 30\n", encoding="utf-8")
    found = printed(
        "--home", home, "share", "--email", "Me@Example.org", "--name", "ada", "--address",
        ADDRESS + "/",
    )  # fmt: skip
    text = (home / "broadsheet.toml").read_text(encoding="utf-8")

    assert found | {"link": ""} == {
        "shared": True, "name": "ada", "email": "me@example.org", "link": "",
    }  # fmt: skip
    assert re.fullmatch(re.escape(ADDRESS) + r"/letter/[\w-]{43}", found["link"])
    assert text.startswith("# mine\npage_size = 30\n")
    assert 'shared = "on"' in text
    _follow(home, found["link"], password="seven quiet herons")  # noqa: S106
    assert _names(home) == {"ada": "admin"}
    again = called("--home", home, "share")
    assert b"/letter/" in again.stdout
    assert b"you are its admin, ada" in again.stdout


def test_a_collection_is_private_again(own):
    """Its accounts stay, for when it is shared again."""
    answer("--home", own, "share", "--off")

    assert answer("--home", own, "config")["shared"]["value"] == "off"
    assert _names(own) == {"owner": "admin", "ada": "curator"}
    refused = called("--home", own, "invite")
    assert refused.returncode == 1
    assert b"private" in refused.stderr
    assert called("--home", own, "share", "--off", "--name", "x").returncode == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--email", "nobody"], 1, b"no mail address"),
        (["--name", "everyone"], 1, b"Nobody may be called"),
        (["--address", "papers.example.org"], 2, b"http://"),
    ],
)
def test_what_cannot_be_shared_so_changes_nothing(home, words, code, said):
    """A bad address or name is said, and the collection stays private."""
    refused = called("--home", home, "share", *words)

    assert refused.returncode == code
    assert said in refused.stderr
    assert answer("--home", home, "config")["shared"]["value"] == "off"


def test_readers_are_listed(shared):
    """With roles and addresses, as a table and as JSON."""
    shown = called("--home", shared, "readers").stdout.decode()
    found = answer("--home", shared, "readers")["readers"]

    assert [(r["name"], r["email"], r["state"]) for r in found] == [
        ("owner", "me@example.org", "active"),
        ("ada", None, "active"),
    ]
    assert re.search(r"ada\s+curator", shown)


def test_invitations_are_made_listed_and_withdrawn(own):
    """Without a way to send letters the link is printed."""
    made = answer("--home", own, "invite", "kim@example.org", "--role", "admin")
    printed_link = called("--home", own, "invite").stdout.decode().strip()
    rows = answer("--home", own, "invitations")["invitations"]
    kim = next(r for r in rows if r["email"])
    left = answer("--home", own, "invitations", "--withdraw", kim["id"][:12])["invitations"]
    again = called("--home", own, "invitations", "--withdraw", kim["id"])

    assert (made["is_sent"], made["role"]) == (False, "admin")
    assert printed_link.startswith(ADDRESS + "/letter/")
    assert len(rows) == 2
    assert [r["role"] for r in left] == ["reader"]
    assert again.returncode == 1
    assert b"no such invitation" in again.stderr


def test_an_invitation_is_sent(own, tmp_path):
    """Where letters are sent, one is there when the command has ended."""
    out = tmp_path / "out"
    with (own / "broadsheet.toml").open("a", encoding="utf-8") as file:
        file.write(f'mail = "folder:{out}"\nmail_from = "Broadsheet <papers@example.org>"\n')
    made = printed("--home", own, "invite", "kim@example.org")
    (file,) = out.iterdir()
    letter = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)

    assert made["is_sent"]
    assert letter["To"] == "kim@example.org"
    assert made["link"] in letter.get_content()


def test_what_was_not_sent_is_said(own):
    """A server that is away is told on the error stream, with the link all the same."""
    with (own / "broadsheet.toml").open("a", encoding="utf-8") as file:
        file.write('mail = "smtp://127.0.0.1:9"\nmail_from = "papers@example.org"\n')
    made = called("--home", own, "invite", "kim@example.org")

    assert made.returncode == 0
    assert ADDRESS.encode() in made.stdout
    assert b"example.org" in made.stderr
    assert b"not sent" in made.stderr
    assert b"kim@" not in made.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('mail = "folder:x"', b"mail_from"),
        ('mail = "smtps://me@example.org"\nmail_from = "a@example.org"', b"MAIL_PASSWORD"),
        ('mail = "example.org"', b"smtp://"),
    ],
)
def test_settings_that_send_nothing_are_said(own, settings, said):
    """Each names what is missing or wrong."""
    with (own / "broadsheet.toml").open("a", encoding="utf-8") as file:
        file.write(settings + "\n")
    refused = called("--home", own, "readers")

    assert refused.returncode == 2
    assert said in refused.stderr


def test_roles_and_bans(own):
    """Given, taken, and refused for the last admin."""
    assert answer("--home", own, "role", "ada", "reader") == {"name": "ada", "role": "reader"}
    assert _names(own)["ada"] == "reader"
    assert b"unban ada" in called("--home", own, "ban", "ada", "--note", "spam").stdout
    assert answer("--home", own, "readers")["readers"][1]["state"] == "banned"
    assert answer("--home", own, "unban", "ada")["state"] == "active"
    refused = called("--home", own, "role", "owner", "reader")

    assert refused.returncode == 1
    assert b"last admin" in refused.stderr
    assert called("--home", own, "ban", "nobody").returncode == 1


def test_a_reader_may_no_more_here_than_elsewhere(own):
    """Whoever acts `--as` a reader has their role."""
    refused = called("--home", own, "readers", "--as", "ada")
    made = answer("--home", own, "token", "script", "--scope", "act", "--as", "ada")

    assert refused.returncode == 77
    assert b"Only admins" in refused.stderr
    assert made["scopes"] == ["act"]
    assert called("--home", own, "readers", "--as", "nobody").returncode == 1


def test_tokens_are_made_listed_and_ended(own):
    """The secret is shown once."""
    secret = called("--home", own, "token", "backup").stdout.decode().strip()
    (row,) = answer("--home", own, "token")["tokens"]
    shown = called("--home", own, "token").stdout.decode()

    assert secret.startswith("broadsheet_")
    assert (row["name"], row["scopes"], row["used"]) == ("backup", ["read"], None)
    assert secret not in shown
    assert answer("--home", own, "token", "--end", str(row["id"])) == {"tokens": []}


def test_a_link_signs_a_reader_in(own):
    """For who forgot a password, where no letters are sent."""
    link = answer("--home", own, "sign-in", "ada")["link"]
    _follow(own, link, password="nine loud swans")  # noqa: S106
    shown = called("--home", own, "sign-in", "ada").stdout.decode()

    assert link.startswith(ADDRESS + "/letter/")
    assert shown.startswith(ADDRESS + "/letter/")
    assert called("--home", own, "sign-in", "nobody").returncode == 1


def test_a_reader_is_exported_and_forgotten(own, tmp_path):
    """All that is kept of them is written; then nothing of it is here."""
    shown = orjson.loads(called("--home", own, "export-reader", "ada").stdout)
    facts = answer("--home", own, "export-reader", "ada", "--output", tmp_path / "ada.json")
    kept = called("--home", own, "forget-reader", "ada", stdin=b"n\n")
    assert kept.returncode == 1
    assert "ada" in _names(own)
    answer("--home", own, "forget-reader", "ada", "--yes")

    assert shown["account"]["name"] == "ada"
    assert facts["bytes"] == (tmp_path / "ada.json").stat().st_size
    assert _names(own) == {"owner": "admin"}
    assert called("--home", own, "forget-reader", "ada", "--yes").returncode == 1
