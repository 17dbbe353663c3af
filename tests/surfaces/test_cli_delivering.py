"""Subscriptions, digests and the ledger from the command line."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import orjson
import pytest
from filelock import FileLock
from sqlalchemy import update

from broadsheet.cli.delivering import _on_day, _own_zone
from broadsheet.collection import schema
from broadsheet.collection.database import Database
from broadsheet.search.embedding import StaticEmbedder
from delivery.misbehaving_smtp import misbehaving
from loopback import Loopback, Reply, json_reply
from processes import answer, called, command, ended, start, write_lines

ADDRESS = "ada@example.org"


def iso(moment: datetime) -> str:
    """Return a moment as the record has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module", autouse=True)
def _one_model(embedder):
    """Let the model be read once for all commands, which takes longer than most of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticEmbedder, "load", lambda: embedder)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Return a home with two papers of today, which writes its mail into a folder."""
    folder = tmp_path_factory.mktemp("made")
    today = datetime.now(UTC).date().isoformat()
    papers = [
        {"title": f"Of {what}", "abstract": f"They fly. {what} do.", "date": today,
         "arxiv_id": f"2611.0000{n}", "authors": ["Ada Byron"], "categories": [category]}
        for n, (what, category) in enumerate([("kites", "cs.CL"), ("gliders", "cs.LG")], 1)
    ]  # fmt: skip
    file = write_lines(folder / "papers.jsonl", papers)
    assert called("--home", folder / "home", "import", file).returncode == 0
    return folder / "home"


@pytest.fixture
def made(base, home, monkeypatch):
    """Return a copy of it for one test, with a folder of its own for mail."""
    shutil.copytree(base, home)
    (home / "broadsheet.toml").write_text(
        f'mail = "folder:{home}/out"\nmail_from = "Papers <papers@example.org>"\n'
        'hooks_inside = "on"\n'
    )
    monkeypatch.setenv("TZ", "Europe/Berlin")
    return home


def told(home, *words: object, stdin: bytes = b"", code: int = 0) -> str:
    """Return what a command tells people."""
    done = called("--home", home, *words, stdin=stdin)
    assert done.returncode == code, done.stderr.decode()
    return (done.stderr if code else done.stdout).decode()


def facts(home, *words: object) -> dict:
    """Return what a command tells programs."""
    return answer("--home", home, *words)


def subscribed(home, *words: object) -> dict:
    """Subscribe an address, and return what was told."""
    return facts(home, "subscribe", ADDRESS, *words)


def fall_due(home, number: int = 1) -> None:
    """Let a subscription have been due a minute ago."""
    moment = iso(datetime.now(UTC) - timedelta(minutes=1))
    with Database(home / "broadsheet.db") as database, database.write() as connection:
        connection.execute(
            update(schema.subscriptions)
            .where(schema.subscriptions.c.id == number)
            .values(next_due=moment)
        )


# ------------------------------------------------------------------ subscribing


def test_subscribe_takes_every_wish(made):
    """What is said is what is kept; the owner's subscriptions begin at once."""
    words = "--edition --query cat:cs.CL --every week --on friday --at 7:30 --zone Asia/Kathmandu"
    more = "--longest 5 --threshold 0.5 --when-empty tell --format text --language pt-BR"
    found = subscribed(made, *words.split(), *more.split())

    assert found["state"] == "active"
    wanted = {
        "kind": "edition", "query": "cat:cs.CL", "cadence": "week", "on_day": 4, "at": "07:30",
        "zone": "Asia/Kathmandu", "longest": 5, "threshold": 0.5, "when_empty": "tell",
        "form": "text", "language": "pt-BR", "channel": "mail", "address": ADDRESS,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted


def test_subscribe_without_much_is_what_is_trending_every_day(made):
    """By this machine's clock; `subscriptions` lists it."""
    said = told(made, "subscribe", ADDRESS)

    assert "subscription 1: trending, every day at 07:00 (Europe/Berlin)" in said
    assert "the next issue is due" in said
    assert ADDRESS in told(made, "subscriptions")
    listed = facts(made, "subscriptions")["subscriptions"]
    assert [one["zone"] for one in listed] == ["Europe/Berlin"]
    assert facts(made, "subscriptions", "--state", "ended") == {"subscriptions": []}


def test_wishes_that_cannot_be_had(made):
    """The library says what is wrong; nothing is kept."""
    assert "Europe/Berlin" in told(made, "subscribe", ADDRESS, "--zone", "Europe/Berln", code=1)
    assert "kites" in told(made, "subscribe", ADDRESS, "--search", "kites (", code=2)
    assert "later" in told(made, "subscribe", ADDRESS, "--recommended", code=1)
    assert "slack" in told(made, "subscribe", "https://x.example.org/", "--hook", "teams", code=1)
    assert facts(made, "subscriptions") == {"subscriptions": []}


def test_words_that_do_not_go_together(made):
    """Said before anything is opened."""
    assert "choose one" in told(made, "subscribe", ADDRESS, "--trending", "--edition", code=2)
    assert "leave" in told(made, "subscribe", ADDRESS, "--search", "a", "--query", "b", code=2)
    assert "no weekday" in told(made, "subscribe", ADDRESS, "--on", "someday", code=2)
    assert "not both" in told(made, "digest", 1, "--trending", code=2)
    assert "choose one" in told(made, "digest", 1, "--text", "--dry-run", code=2)
    assert "no day" in told(made, "pause", 1, "--until", "soon", code=2)
    assert "address" in told(made, "subscribe", "--hook", "json", code=2)


def test_days_and_zones(monkeypatch):
    """Weekdays by name, in any length from three letters; days of the month by number."""
    assert [_on_day(t, "week") for t in ("mon", "Friday", "sund", "")] == [0, 4, 6, 0]
    assert [_on_day(t, "month") for t in ("31", "")] == [31, 1]
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert _own_zone() == "Asia/Tokyo"
    monkeypatch.delenv("TZ")
    assert _own_zone()


def test_pause_resume_skip_and_end(made):
    """Each says how it stands then."""
    first = subscribed(made)
    later = facts(made, "skip", 1)["next_due"]
    assert later > first["next_due"]
    assert "paused for now" in told(made, "pause", 1)
    paused = facts(made, "pause", 1, "--until", "2999-12-31")
    assert (paused["state"], paused["paused_until"]) == ("paused", "2999-12-31")
    assert facts(made, "resume", 1)["state"] == "active"
    assert "ended" in told(made, "unsubscribe", 1)
    assert facts(made, "unsubscribe", 1)["state"] == "ended"
    assert "no subscription '9'" in told(made, "skip", 9, code=1)


def test_what_is_kept_can_be_seen_and_deleted(made):
    """Export and deletion; the latter asks."""
    subscribed(made)
    kept = told(made, "subscriptions", 1)

    assert ADDRESS in kept
    assert "exported" in orjson.loads(kept)
    assert "nothing was deleted" in told(made, "unsubscribe", 1, "--forget", stdin=b"n\n", code=1)
    assert "is forgotten" in told(made, "unsubscribe", 1, "--forget", "--yes")
    assert facts(made, "subscriptions") == {"subscriptions": []}


# ------------------------------------------------------------------ digests


def test_a_dry_run_keeps_nothing(made):
    """Of wishes, of a subscription, and of all that is due."""
    assert "Nothing is due." in told(made, "digest", "--dry-run")
    shown = told(made, "digest", "--edition", "--query", "cat:cs.CL")
    assert "p1  Of kites" in shown
    assert "gliders" not in shown
    subscribed(made, "--edition")
    assert "Of gliders" in told(made, "digest", 1)
    fall_due(made)
    (issue,) = facts(made, "digest")["issues"]
    assert issue["subscription"] == 1
    assert {p["id"] for p in issue["papers"]} == {"p1", "p2"}
    assert facts(made, "deliveries") == {"counts": {}, "deliveries": []}
    told(made, "digest", "--search", "(", code=2)


def test_a_preview_is_a_file_once(made):
    """As a page, as a letter, as text; a file that is there is not replaced unasked."""
    page, letter = made / "issue.html", made / "issue.eml"
    wishes = ("digest", "--edition")

    assert "2 papers" in told(made, *wishes, "--preview", page)
    assert b"Of kites" in page.read_bytes()
    assert "--force" in told(made, *wishes, "--preview", page, code=1)
    assert facts(made, *wishes, "--preview", page, "--force")["papers"] == 2
    told(made, *wishes, "--eml", letter)
    read = message_from_bytes(letter.read_bytes(), policy=default)
    assert read.get_content_type() == "multipart/alternative"
    assert read["from"] == "Papers <papers@example.org>"
    assert "Of kites" in told(made, *wishes, "--text")
    assert "holds one issue" in told(made, "digest", "--preview", page, code=2)


# ------------------------------------------------------------------ deliveries


def test_deliver_composes_and_sends_once(made):
    """What is due is in the folder, once, however often it runs; the ledger says so."""
    subscribed(made, "--edition")
    fall_due(made)
    done = facts(made, "deliver")
    assert done["composed"]["ready"] == 1
    assert done["sent"]["sent"] == 1
    assert "nothing is ready" in told(made, "deliver")
    assert len(list((made / "out").glob("*.eml"))) == 1

    (line,) = facts(made, "deliveries")["deliveries"]
    assert (line["state"], line["domain"], line["papers"]) == ("sent", "example.org", 2)
    shown = told(made, "deliveries")
    assert "1 sent" in shown
    assert ADDRESS not in shown
    assert facts(made, "deliveries", "--state", "unknown")["deliveries"] == []
    tries = facts(made, "deliveries", 1)["attempts"]
    assert [one["outcome"] for one in tries] == ["sent"]
    assert "sent" in told(made, "deliveries", 1)


def test_a_person_decides_about_what_is_unknown(made):
    """Sent again under the same id, or not at all."""
    subscribed(made, "--edition")
    fall_due(made)
    told(made, "deliver")
    with Database(made / "broadsheet.db") as database, database.write() as connection:
        connection.execute(update(schema.digests).values(state="unknown"))

    assert "--resend" in told(made, "deliveries", "--state", "unknown")
    assert facts(made, "deliveries", "--resend", 1)["deliveries"][0]["state"] == "ready"
    assert facts(made, "deliveries", "--abandon", 1)["deliveries"][0]["state"] == "stopped"
    told(made, "deliveries", "--resend", 1)
    assert facts(made, "deliver")["sent"]["sent"] == 1
    assert len(list((made / "out").glob("*.eml"))) == 1
    assert "no digest '9'" in told(made, "deliveries", "--resend", 9, code=1)
    assert "one number" in told(made, "deliveries", 1, "--resend", 1, code=2)


def test_a_server_that_is_away_is_told_by_the_code(made):
    """So that whoever runs it from cron learns of it; nothing is lost."""
    subscribed(made, "--edition")
    fall_due(made)
    file = made / "broadsheet.toml"
    file.write_text(file.read_text().replace("folder:", "sendmail:"))
    done = called("--home", made, "deliver", "--json")

    assert done.returncode == 1
    assert "is no program" in orjson.loads(done.stdout)["sent"]["trouble"]
    assert facts(made, "deliveries")["counts"] == {"ready": 1}


@pytest.mark.parametrize("command", ["deliveries", "subscriptions"])
def test_a_state_that_is_none_is_refused(made, command):
    """A list that is empty for a slip of the pen would say that all is well."""
    assert "unknwon" in told(made, command, "--state", "unknwon", code=2)


def test_a_letter_is_from_somebody(made):
    """Without that it is no letter, and programs are told so as of every setting."""
    (made / "broadsheet.toml").write_text("")
    done = called("--home", made, "digest", "--edition", "--eml", made / "a.eml", "--json")
    assert done.returncode == 2
    assert "mail_from" in orjson.loads(done.stderr)["detail"]


@pytest.mark.parametrize(("words", "code"), [(("serve", "--port", 0), 0), (("deliver",), 143)])
def test_what_is_being_handed_over_is_waited_for(made, words, code):
    """However a process is ended: what the server took is known to have been sent."""
    subscribed(made, "--edition")
    fall_due(made)
    running: list[subprocess.Popen[bytes]] = []

    def slow(moment):
        if moment.step == "taken":
            running[0].send_signal(signal.SIGTERM)
            time.sleep(1)

    with misbehaving(slow) as server:
        file = made / "broadsheet.toml"
        mail = f'mail = "smtp://127.0.0.1:{server.port}"'
        file.write_text(re.sub("mail = .*", mail, file.read_text()))
        running.append(start(command("--home", made, *words)))
        assert ended(running[0])[0] == code

    assert facts(made, "deliveries")["counts"] == {"sent": 1}


def test_one_process_delivers_at_a_time(made):
    """The other ends with the code for: try again."""
    (made / "locks").mkdir(exist_ok=True)
    with FileLock(made / "locks" / "mailroom.lock"):
        done = called("--home", made, "deliver")
    assert done.returncode == 75
    assert b"another process delivers" in done.stderr


def test_a_hook_gets_its_issue(made):
    """Posted once, signed; its address is told nowhere, its secret only in the beginning."""
    with Loopback() as server:
        server.route("/s3cret", [Reply(b"", 503), json_reply({})])
        address = f"{server.url}/s3cret"
        found = facts(made, "subscribe", address, "--hook", "json", "--edition")
        assert found["secret"].startswith("whsec_")
        assert found["address"] == "127.0.0.1"
        fall_due(made)
        assert facts(made, "deliver")["sent"]["later"] == 1
        with Database(made / "broadsheet.db") as database, database.write() as connection:
            connection.execute(update(schema.digests).values(next_try=iso(datetime.now(UTC))))
        assert facts(made, "deliver")["sent"]["sent"] == 1
        first, second = server.log
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert {p["id"] for p in second.json()["data"]["papers"]} == {"p1", "p2"}
    shown = told(made, "subscriptions") + told(made, "deliveries") + told(made, "deliveries", 1)
    assert "s3cret" not in shown
    assert "whsec_" not in shown


def test_an_address_that_is_gone_ends_its_hook(made):
    """410 says that there is nobody any more."""
    with Loopback() as server:
        server.route("/hook", Reply(b"", 410))
        told(made, "subscribe", f"{server.url}/hook", "--hook", "json", "--edition")
        fall_due(made)
        assert facts(made, "deliver")["sent"]["refused"] == 1
    assert facts(made, "subscriptions")["subscriptions"][0]["state"] == "ended"


def test_bench_measures_composing_and_sending():
    """What is invented is composed, and handed to a server in another process."""
    found = answer("bench", "--digests", 30, "--papers", 200)
    rows = {row["what"]: row for row in found["rows"]}
    ready, empty = rows["… with papers, without"]["measured"].split(", ")

    assert int(ready) + int(empty) == 30
    assert int(ready) >= 10
    assert rows["messages that the server took"]["measured"] == ready
    assert rows["30 issues composed"]["budget"] == "0.18 s"
    assert rows["messages rendered, handed over and marked"]["budget"] == "200/s"
