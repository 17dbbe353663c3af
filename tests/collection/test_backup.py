"""Backups: whole or refused, one moment of the record, and never at the cost of what is there."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from broadsheet.collection import backup, papers
from broadsheet.collection.backup import DATABASE, check, restore, write
from broadsheet.collection.database import HEAD, Database
from broadsheet.errors import SchemaVersionError, StoreError, status_of
from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from flows.invented import Line, Standing, bridged, standing, written
from homes.saved import extract
from processes import PATIENCE, command, ended, start, start_script

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
SETTINGS = "page_size = 30\n"


def put(database: Database, *keys: str) -> None:
    """File records, each in a transaction of its own."""
    for key in keys:
        with database.write() as connection:
            record = Record("file", key, f"Tides {key}", f"We measure the tide at {key}.")
            papers.file(connection, [record], "2026-03-17T06:30:00Z")


def made(home: Path, *keys: str) -> Path:
    """Return a home whose record holds these keys, closed."""
    home.mkdir(parents=True)
    with Database(home / DATABASE) as database:
        put(database, *keys)
    return home


def rows(database: Path) -> dict[str, list[Any]]:
    """Return everything that a record holds, table by table."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)  # noqa: S608
            for (name,) in tables.fetchall()
        }


def keys_in(home: Path) -> set[str]:
    """Return the keys of the records in a home."""
    return {row[0] for row in _asked(home / DATABASE, "SELECT key FROM records")}


def _asked(database: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones too."""
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """Return a folder with a home of three papers and settings, and its backup."""
    folder = tmp_path_factory.mktemp("kept")
    made(folder / "home", "a", "b", "c")
    (folder / "home" / "broadsheet.toml").write_text(SETTINGS)
    write(folder / "home" / DATABASE, folder / "backup.tar.zst", now=NOW)
    return folder


@pytest.fixture
def file(kept: Path) -> Path:
    """Return a backup of three papers."""
    return kept / "backup.tar.zst"


# ---------------------------------------------------------------------------- there and back


def test_what_is_restored_is_what_was_kept(kept: Path, file: Path, tmp_path: Path):
    """Every row of every table comes back, and the settings; the manifest says what there is."""
    told = restore(file, tmp_path / "new", now=NOW)

    assert told.replaced is None
    assert told.manifest == check(file)
    assert told.manifest.schema == HEAD
    assert told.manifest.counts == {
        "papers": 3, "records": 3, "pages": 0, "runs": 0, "rejects": 0,
    }  # fmt: skip
    assert told.manifest.sequence == 3
    assert told.manifest.made == "2026-03-17T06:30:00Z"
    assert rows(tmp_path / "new" / DATABASE) == rows(kept / "home" / DATABASE)
    assert (tmp_path / "new" / "broadsheet.toml").read_text() == SETTINGS
    assert names_in(tmp_path / "new") == [DATABASE, "broadsheet.toml"]
    rights = {f.name: f.stat().st_mode & 0o777 for f in (tmp_path / "new").iterdir() if f.is_file()}
    assert rights == {DATABASE: 0o600, "broadsheet.toml": 0o600}


def test_only_its_owner_reads_a_backup(file: Path):
    """It has addresses in it, and the key that links in letters are signed with."""
    assert file.stat().st_mode & 0o777 == 0o600


def test_common_tools_open_a_backup(file: Path, tmp_path: Path):
    """A backup is a tar within zstd: what is in it can be had without Broadsheet."""
    plain = tmp_path / "plain.tar"
    with zstandard.open(file, "rb") as packed, plain.open("wb") as out:
        shutil.copyfileobj(packed, out)
    with tarfile.open(plain) as archive:
        assert archive.getnames() == ["manifest.json", DATABASE, "broadsheet.toml"]
    extract(plain, tmp_path / "out")

    about = orjson.loads((tmp_path / "out" / "manifest.json").read_bytes())
    for name, content in about["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert content == {"size": len(data), "sha256": sha256(data).hexdigest()}
    assert _asked(tmp_path / "out" / DATABASE, "PRAGMA integrity_check") == [("ok",)]
    # One plain file, readable where nothing can be written.
    assert _asked(tmp_path / "out" / DATABASE, "PRAGMA journal_mode") == [("delete",)]


def test_progress_is_told_in_bytes(kept: Path, file: Path, tmp_path: Path):
    """Each part of the work says how far it has come, and ends at its whole size."""
    told: dict[str, list[tuple[int, int]]] = {}

    def progress(what: str, done: int, size: int) -> None:
        told.setdefault(what, []).append((done, size))

    write(kept / "home" / DATABASE, tmp_path / "b", now=NOW, progress=progress)
    restore(tmp_path / "b", tmp_path / "new", now=NOW, progress=progress)

    assert list(told) == ["copying", "compressing", "verifying", "checking", "restoring"]
    for steps in told.values():
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0


# ---------------------------------------------------------------------------- one moment


def test_a_backup_ends_and_holds_one_moment_while_others_write(tmp_path: Path, monkeypatch):
    """A write between every two steps neither begins the copy anew nor comes into it."""
    monkeypatch.setattr(backup, "PAGES", 8)
    home = made(tmp_path / "home", *map(str, range(40)))
    before = rows(home / DATABASE)
    left: list[int] = []
    with Database(home / DATABASE) as writer:

        def progress(what: str, done: int, size: int) -> None:
            if what == "copying":
                left.append(size - done)
                put(writer, f"late {len(left)}")

        write(home / DATABASE, tmp_path / "b", now=NOW, progress=progress)

    restore(tmp_path / "b", tmp_path / "new", now=NOW)
    assert len(left) > 5
    assert left == sorted(set(left), reverse=True)  # never from the beginning again
    assert rows(tmp_path / "new" / DATABASE) == before
    assert len(keys_in(home)) == 40 + len(left)


LINES = bridged(3000)


class Import:
    """A real import in a process of its own, which gets lines as it is fed with them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = start(command("--home", home, "import", "-"), stdin=subprocess.PIPE)
        self.fed = 0

    def feed(self, upto: int, until: int) -> None:
        """Give it the lines up to a number, and wait until it has committed so many of them."""
        data = b"".join(line.data + b"\n" for line in LINES[self.fed : upto])
        self.fed = upto
        self.process.stdin.write(data)
        self.process.stdin.flush()
        patience = time.monotonic() + PATIENCE
        while cursor(self.home) < until:
            assert self.process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.01)


def cursor(home: Path) -> int:
    """Return how many lines the run in a home has committed, 0 if it has not begun."""
    if not (home / DATABASE).exists() or not _asked(home / DATABASE, "PRAGMA table_info(runs)"):
        return 0
    return int(_asked(home / DATABASE, "SELECT coalesce(max(cursor), 0) FROM runs")[0][0])


def test_backups_during_an_import_are_prefixes_of_the_record(tmp_path: Path, embedder, monkeypatch):
    """A backup in whose middle an import commits ends, and holds exactly the changes before it."""
    monkeypatch.setattr(backup, "PAGES", 64)
    running = Import(tmp_path / "home")
    try:
        running.feed(1200, until=1000)
        backups = [_kept_while(running, 2400, until=2000), _kept_while(running, 3000, until=3000)]
        running.process.stdin.write(b"".join(line.data + b"\n" for line in LINES[3000:]))
        assert ended(running.process)[0] == 0
    finally:
        running.process.kill()
        running.process.wait()
    changes = _asked(tmp_path / "home" / DATABASE, "SELECT * FROM changes ORDER BY sequence")
    for committed, file in zip((1000, 2000), backups, strict=True):
        new = tmp_path / f"new{committed}"
        restore(file, new, now=NOW)
        found = _asked(new / DATABASE, "SELECT * FROM changes ORDER BY sequence")
        assert 0 < len(found) < len(changes)
        assert found == changes[: len(found)]
        assert cursor(new) == committed
        assert _standing_in(new, embedder) == _replayed(LINES[:committed], tmp_path, embedder)
    whole = _standing_in(tmp_path / "home", embedder)
    assert whole == _replayed(LINES, tmp_path, embedder)


def _kept_while(running: Import, upto: int, until: int) -> Path:
    """Return a backup in whose middle the import was fed further and committed more."""
    file = running.home.with_name(f"{until}.tar.zst")
    steps: list[int] = []

    def progress(what: str, done: int, _size: int) -> None:
        if what == "copying":
            steps.append(done)
            if len(steps) == 2:
                running.feed(upto, until)

    write(running.home / DATABASE, file, now=NOW, progress=progress)
    assert len(steps) > 4
    assert steps == sorted(set(steps))
    return file


def _standing_in(home: Path, embedder: Any) -> Standing:
    with open_library(home, embedder=embedder) as library:
        assert library.check().problems == []
        return _nameless(standing(library))


def _replayed(lines: list[Line], folder: Path, embedder: Any) -> Standing:
    """Return what importing these lines alone, undisturbed, gives."""
    file = written(folder / "replayed.jsonl", lines)
    with open_library(folder / f"replayed{len(lines)}", embedder=embedder) as library:
        for _ in library.import_file(file):
            pass
        return _nameless(standing(library))


def _nameless(found: Standing) -> Standing:
    """Return what a collection holds without the name of the file that it came from."""
    return found._replace(rejects=[reject[1:] for reject in found.rejects])


# ---------------------------------------------------------------------------- where to


def test_a_backup_replaces_nothing_unasked(kept: Path, tmp_path: Path):
    """A file that is there stays as it is, unless it is told to go; nothing is left beside it."""
    target = tmp_path / "b"
    target.write_text("dear")
    with pytest.raises(StoreError, match="already: --force") as caught:
        write(kept / "home" / DATABASE, target, now=NOW)

    assert status_of(caught.value).exit == 1
    assert target.read_text() == "dear"
    write(kept / "home" / DATABASE, target, now=NOW, force=True)
    assert check(target).sequence == 3
    assert names_in(tmp_path) == ["b"]


def test_a_backup_never_replaces_a_collection(tmp_path: Path):
    """Not even with force does a backup, or an export, take the place of a database."""
    home = made(tmp_path / "home", "x")
    with pytest.raises(StoreError, match="is a database"):
        write(home / DATABASE, home / DATABASE, now=NOW, force=True)
    with (
        pytest.raises(StoreError, match="is a database"),
        backup.replacing(home / DATABASE, force=True),
    ):
        pass
    assert keys_in(home) == {"x"}


@pytest.mark.parametrize(
    ("target", "said"),
    [(".", "not a file"), ("nowhere/b", "No such file"), ("file/b", "Not a directory")],
)
def test_a_place_that_cannot_be_written_is_told(kept: Path, tmp_path: Path, target, said):
    """Where no file can be put, a StoreError says so, and nothing is left."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=said):
        write(kept / "home" / DATABASE, tmp_path / target, now=NOW, force=True)
    assert names_in(tmp_path) == ["file"]


def test_a_home_without_a_collection_has_no_backup(tmp_path: Path):
    """Nothing is made up where nothing is: neither a backup nor a collection."""
    with pytest.raises(StoreError, match="no collection in"):
        write(tmp_path / DATABASE, tmp_path / "b", now=NOW)
    assert names_in(tmp_path) == []


def test_a_backup_that_fails_on_the_way_leaves_nothing(kept: Path, tmp_path: Path):
    """Whatever goes wrong, and whenever, neither half a file nor a copy stays behind."""
    for when in ("copying", "compressing", "verifying"):

        def fail(what: str, _done: int, _size: int, when: str = when) -> None:
            if what == when:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(kept / "home" / DATABASE, tmp_path / "b", now=NOW, progress=fail)
        assert names_in(tmp_path) == []


def test_a_backup_that_cannot_be_read_back_is_none(kept: Path, tmp_path: Path, monkeypatch):
    """What was written is read again before it is called a backup: a bad disk is found out."""
    pack = backup._pack

    def pack_badly(file: Path, *rest: Any) -> None:
        pack(file, *rest)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    monkeypatch.setattr(backup, "_pack", pack_badly)
    with pytest.raises(StoreError, match="is damaged"):
        write(kept / "home" / DATABASE, tmp_path / "b", now=NOW)
    assert names_in(tmp_path) == []


def test_a_damaged_record_is_told_and_not_kept(tmp_path: Path):
    """A backup of a damaged record would be no backup: the damage is told instead."""
    home = made(tmp_path / "home", *map(str, range(60)))
    data = bytearray((home / DATABASE).read_bytes())
    page = data.index(b'"key":"7"') // 4096 * 4096
    data[page + 8 : page + 16] = b"\xff" * 8  # where the rows of the page stand
    (home / DATABASE).write_bytes(data)
    with pytest.raises(StoreError, match="is damaged, and so would be its backup"):
        write(home / DATABASE, tmp_path / "b", now=NOW)
    assert names_in(tmp_path) == ["home"]


@pytest.mark.parametrize("content", [b"", b"not a database " * 500])
def test_what_is_no_record_is_not_kept(tmp_path: Path, content: bytes):
    """A file under the record's name that is none gives a StoreError, and no backup."""
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(StoreError, match="not a Broadsheet record"):
        write(tmp_path / DATABASE, tmp_path / "b", now=NOW)
    assert names_in(tmp_path) == [DATABASE]


# ---------------------------------------------------------------------------- damage


def test_no_changed_bit_goes_unnoticed(file: Path, tmp_path: Path):
    """One bit turned over, at any byte of the file, and the backup is refused."""
    data, bad = bytearray(file.read_bytes()), tmp_path / "bad"
    assert len(data) > 2000
    for position in range(len(data)):
        data[position] ^= 1 << position % 8
        bad.write_bytes(data)
        with pytest.raises(StoreError, match="damaged"):
            check(bad)
        data[position] ^= 1 << position % 8
    bad.write_bytes(data)
    assert check(bad).sequence == 3


def test_no_cut_and_no_addition_goes_unnoticed(file: Path, tmp_path: Path):
    """A backup that was cut off after any byte, or to which anything was added, is refused."""
    data, bad = file.read_bytes(), tmp_path / "bad"
    for size in range(len(data)):
        bad.write_bytes(data[:size])
        with pytest.raises(StoreError, match="not a backup of Broadsheet's, or is cut off"):
            check(bad)
    for more in (b"\0", data):
        bad.write_bytes(data + more)
        with pytest.raises(StoreError, match="bad is"):
            check(bad)


@pytest.mark.parametrize("force", [False, True])
def test_a_damaged_backup_leaves_the_home_untouched(file: Path, tmp_path: Path, force: bool):
    """What cannot be believed changes nothing, not even with force, and makes no home."""
    home = made(tmp_path / "home", "x")
    before = {p.name: p.read_bytes() for p in home.iterdir()}
    bad = tmp_path / "bad"
    bad.write_bytes(file.read_bytes()[:-1])
    for place in (home, tmp_path / "other"):
        with pytest.raises(StoreError, match="cut off or damaged"):
            restore(bad, place, now=NOW, force=force)

    assert {p.name: p.read_bytes() for p in home.iterdir()} == before
    assert names_in(tmp_path) == ["bad", "home"]


# ---------------------------------------------------------------------------- made by others


def sealed(path: Path, members: bytes) -> Path:
    """Write a tar as a backup with a checksum that is right, and return its path."""
    packed = zstandard.ZstdCompressor().compress(members)
    path.write_bytes(packed + backup._SEAL + sha256(packed).digest())
    return path


def member(name: str, data: bytes, kind: bytes = tarfile.REGTYPE, size: int | None = None) -> bytes:
    """Return one file of a tar."""
    about = tarfile.TarInfo(name)
    about.size, about.type = len(data) if size is None else size, kind
    about.linkname = "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    return about.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


END = bytes(1024)


def manifest(holding: dict[str, bytes], **other: Any) -> bytes:
    """Return the manifest, as a file of a tar, that fits these files, or says other things."""
    facts = {
        "broadsheet": "backup", "format": 1, "version": "0", "schema": HEAD, "sequence": 3,
        "counts": {"papers": 3, "records": 3, "pages": 0, "runs": 0, "rejects": 0}, "made": "now",
        "files": {name: content(data) for name, data in holding.items()},
    }  # fmt: skip
    return member("manifest.json", orjson.dumps(facts | other))


def content(data: bytes, size: int | None = None) -> dict[str, Any]:
    """Return what a manifest says of a file."""
    return {"size": len(data) if size is None else size, "sha256": sha256(data).hexdigest()}


def _saying(said: dict[str, Any], database: bytes) -> bytes:
    """Return an archive of a record whose manifest says this of its files."""
    return manifest({}, files=said) + member(DATABASE, database) + END


def _hostile() -> dict[str, Callable[[bytes], bytes]]:
    """Return makers of archives with a right checksum that are still no backups."""

    def with_record(name: str, kind: bytes = tarfile.REGTYPE) -> Callable[[bytes], bytes]:
        return lambda db: manifest({DATABASE: db}) + member(name, db, kind) + END

    return {
        "a file in the folder above": with_record("../broadsheet.db"),
        "a file at an absolute place": with_record("/tmp/broadsheet.db"),  # noqa: S108
        "a file within a folder": with_record("index/broadsheet.db"),
        "a symbolic link": with_record(DATABASE, tarfile.SYMTYPE),
        "a hard link": with_record(DATABASE, tarfile.LNKTYPE),
        "a device": with_record(DATABASE, tarfile.CHRTYPE),
        "a folder": with_record(DATABASE, tarfile.DIRTYPE),
        "headers that fill the memory": lambda db: (
            manifest({DATABASE: db}) + member("x", b"", tarfile.XHDTYPE, 1 << 40) + END
        ),
        "a manifest of a terabyte": lambda _: member("manifest.json", b"{", size=1 << 40),
        "a record smaller than said": lambda db: (
            manifest({DATABASE: db + b"x"}) + member(DATABASE, db) + END
        ),
        "a record that ends early": lambda db: (
            manifest({DATABASE: db}) + member(DATABASE, db[:5000], size=len(db))
        ),
        "a record with another checksum": lambda db: (
            manifest({DATABASE: db}) + member(DATABASE, db[:-1] + b"x") + END
        ),
        "a file more": lambda db: (
            manifest({DATABASE: db}) + member(DATABASE, db) + member("evil", b"x") + END
        ),
        "a file more in the manifest": lambda db: (
            manifest({DATABASE: db, "../evil": b"x"}) + member(DATABASE, db) + END
        ),
        "something after the end": lambda db: (
            manifest({DATABASE: db}) + member(DATABASE, db) + END + b"x" * 512
        ),
        "no end": lambda db: manifest({DATABASE: db}) + member(DATABASE, db),
        "no record": lambda _: (
            manifest({"broadsheet.toml": b"x"}) + member("broadsheet.toml", b"x") + END
        ),
        "no manifest": lambda db: member(DATABASE, db) + END,
        "nothing": lambda _: b"",
        "noise": lambda _: b"noise" * 1000,
        "a manifest that is no object": lambda _: member("manifest.json", b"[]") + END,
        "a manifest that is no JSON": lambda _: member("manifest.json", b"{") + END,
        "sizes below nothing": lambda db: _saying({DATABASE: content(db, -1)}, db),
        "settings of a gigabyte": lambda db: _saying(
            {DATABASE: content(db), "broadsheet.toml": content(b"", 1 << 30)}, db
        ),
    }  # fmt: skip


HOSTILE = _hostile()


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_backup_is_refused_whole(kept: Path, tmp_path: Path, make):
    """An archive with a right checksum and anything else in it escapes nowhere: it is refused."""
    database = (kept / "home" / DATABASE).read_bytes()
    bad = sealed(tmp_path / "bad", make(database))
    with pytest.raises(StoreError, match=r"bad is not a good backup: "):
        restore(bad, tmp_path / "home", now=NOW)
    assert names_in(tmp_path) == ["bad"]


def test_an_archive_made_by_hand_can_be_a_backup(kept: Path, tmp_path: Path):
    """The refusals above are for what they name: the same archive without it is restored."""
    database = (kept / "home" / DATABASE).read_bytes()
    good = sealed(
        tmp_path / "good", manifest({DATABASE: database}) + member(DATABASE, database) + END
    )
    restore(good, tmp_path / "home", now=NOW)
    assert keys_in(tmp_path / "home") == {"a", "b", "c"}


@pytest.mark.parametrize("content", [b"", b"no database " * 999, "other"], ids=repr)
def test_a_backup_of_something_else_is_refused(tmp_path: Path, content):
    """What has the form of a backup but holds no record leaves the home as it was."""
    if content == "other":
        with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
            connection.execute("CREATE TABLE recipes (name)")
        content = (tmp_path / "other.db").read_bytes()
    home = made(tmp_path / "home", "x")
    bad = sealed(tmp_path / "bad", manifest({DATABASE: content}) + member(DATABASE, content) + END)
    with pytest.raises(StoreError, match="not a Broadsheet record"):
        restore(bad, home, now=NOW, force=True)
    assert keys_in(home) == {"x"}
    assert names_in(home) == [DATABASE]


def test_a_record_that_differs_from_the_manifest_is_refused(kept: Path, tmp_path: Path):
    """A manifest that speaks of another record than the one beside it is not believed."""
    data = (kept / "home" / DATABASE).read_bytes()
    bad = sealed(
        tmp_path / "bad",
        manifest({DATABASE: data}, schema="0001") + member(DATABASE, data) + END,
    )
    with pytest.raises(StoreError, match="does not hold the record that it says"):
        restore(bad, tmp_path / "home", now=NOW)


@pytest.mark.parametrize("other", [{"schema": "9999"}, {"format": 2, "version": "9.9"}])
def test_a_newer_backup_is_refused_plainly(kept: Path, tmp_path: Path, other):
    """What only a newer Broadsheet understands is left to it, in words."""
    data = (kept / "home" / DATABASE).read_bytes()
    newer = sealed(
        tmp_path / "newer", manifest({DATABASE: data}, **other) + member(DATABASE, data) + END
    )
    with pytest.raises(SchemaVersionError, match=r"newer Broadsheet.*upgrade Broadsheet"):
        restore(newer, tmp_path / "home", now=NOW)
    assert names_in(tmp_path) == ["newer"]


def test_more_than_the_disk_can_hold_is_refused_at_once(file: Path, tmp_path: Path, monkeypatch):
    """Where the record does not fit, nothing is begun."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: usage._replace(free=4096))
    with pytest.raises(StoreError, match=r"not enough room: [0-9,]+ bytes are needed, 4,096 are"):
        restore(file, tmp_path / "home", now=NOW)
    assert names_in(tmp_path / "home") == []


# ---------------------------------------------------------------------------- into a home


def test_a_collection_is_replaced_only_when_told_and_never_deleted(file: Path, tmp_path: Path):
    """What stood in the home is put aside whole, with its settings, under a name with the time."""
    home = made(tmp_path / "home", "x", "y")
    (home / "broadsheet.toml").write_text("page_size = 5\n")
    before = rows(home / DATABASE)
    with pytest.raises(StoreError, match="already holds a collection: --force"):
        restore(file, home, now=NOW)
    assert keys_in(home) == {"x", "y"}

    first = restore(file, home, now=NOW, force=True)
    second = restore(file, home, now=NOW, force=True)

    assert first.replaced == home / "replaced-20260317T063000Z"
    assert rows(first.replaced / DATABASE) == before
    assert (first.replaced / "broadsheet.toml").read_text() == "page_size = 5\n"
    assert second.replaced == home / "replaced-20260317T063000Z-1"
    assert names_in(second.replaced) == [DATABASE]  # the settings were the same
    assert keys_in(home) == keys_in(second.replaced) == {"a", "b", "c"}
    assert (home / "broadsheet.toml").read_text() == SETTINGS
    assert names_in(home) == [DATABASE, "broadsheet.toml", first.replaced.name,
                              second.replaced.name]  # fmt: skip


def test_a_disk_that_knows_no_second_names_is_good_enough(file, tmp_path, monkeypatch):
    """Where a file can have one name only, what stood there is put aside all the same."""
    home = made(tmp_path / "home", "x")

    def refuse(*_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    replaced = restore(file, home, now=NOW, force=True).replaced
    assert keys_in(home) == {"a", "b", "c"}
    assert keys_in(replaced) == {"x"}


def test_what_was_not_yet_in_the_file_is_put_aside_with_it(file: Path, tmp_path: Path):
    """A write-ahead log that a killed process left belongs to the old record, and stays with it."""
    home = made(tmp_path / "home", "x")
    with Database(home / DATABASE) as database:
        put(database, "in the log")
        shutil.copytree(home, tmp_path / "killed")  # as a kill would leave it
    assert (tmp_path / "killed" / f"{DATABASE}-wal").stat().st_size > 0

    replaced = restore(file, tmp_path / "killed", now=NOW, force=True).replaced

    assert keys_in(tmp_path / "killed") == {"a", "b", "c"}
    assert keys_in(replaced) == {"x", "in the log"}


def test_a_log_without_its_record_does_not_reach_the_restored_one(file: Path, tmp_path: Path):
    """Where only the log of another record lies, it is put aside and not played into the new."""
    made(tmp_path / "home", *map(str, range(30)))
    with Database(tmp_path / "home" / DATABASE) as database:
        put(database, *map(str, range(30, 60)))
        (tmp_path / "new").mkdir()
        for end in ("-wal", "-shm"):
            shutil.copy(tmp_path / "home" / f"{DATABASE}{end}", tmp_path / "new")

    replaced = restore(file, tmp_path / "new", now=NOW).replaced

    assert names_in(replaced) == [f"{DATABASE}-shm", f"{DATABASE}-wal"]
    assert keys_in(tmp_path / "new") == {"a", "b", "c"}
    assert _asked(tmp_path / "new" / DATABASE, "PRAGMA integrity_check") == [("ok",)]


def test_a_damaged_record_can_be_replaced(file: Path, tmp_path: Path):
    """That is what backups are for: a record that cannot be opened is put aside as it is."""
    home = tmp_path / "home"
    home.mkdir()
    (home / DATABASE).write_bytes(b"noise" * 3000)
    (home / f"{DATABASE}-wal").write_bytes(b"more noise")

    replaced = restore(file, home, now=NOW, force=True).replaced

    assert (replaced / DATABASE).read_bytes() == b"noise" * 3000
    assert (replaced / f"{DATABASE}-wal").read_bytes() == b"more noise"
    assert keys_in(home) == {"a", "b", "c"}


_HOLD = """
import sys
from pathlib import Path
from broadsheet.collection import papers
from broadsheet.collection.database import Database
with Database(Path(sys.argv[1])) as database:
    with database.read() as connection:
        papers.count(connection)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_home_in_use_is_not_replaced(file: Path, tmp_path: Path):
    """While another process has the collection open it stays; afterwards it can be replaced."""
    home = made(tmp_path / "home", "x")
    words = [sys.executable, "-c", _HOLD, str(home / DATABASE)]
    other = start(words, stdin=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreError, match="in use by another process") as caught:
            restore(file, home, now=NOW, force=True)
        assert caught.value.temporary
        assert keys_in(home) == {"x"}
    finally:
        other.communicate(b"")
    restore(file, home, now=NOW, force=True)
    assert keys_in(home) == {"a", "b", "c"}


def test_nobody_begins_to_use_a_home_while_it_is_replaced(file: Path, tmp_path: Path, monkeypatch):
    """From when nobody has the collection open until the new one stands, nobody gets it."""
    home = made(tmp_path / "home", "x")
    place, tried = backup._take_place, []

    def meanwhile(*args: Path) -> None:
        with closing(sqlite3.connect(home / DATABASE, timeout=0)) as connection:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                connection.execute("SELECT * FROM papers")
            tried.append(args[1].name)
        place(*args)

    monkeypatch.setattr(backup, "_take_place", meanwhile)
    restore(file, home, now=NOW, force=True)
    assert tried == ["broadsheet.toml", DATABASE]
    assert keys_in(home) == {"a", "b", "c"}


def test_a_restored_record_gets_an_index_of_its_own(file: Path, tmp_path: Path, embedder):
    """The index of the record that went aside is not taken for one of the record that came."""
    with open_library(tmp_path / "home", embedder=embedder) as library:
        put(library.database, *(f"old {n}" for n in range(3)))
        list(library.catch_up())
        assert library.index.sequence == 3
    restore(file, tmp_path / "home", now=NOW, force=True)
    with open_library(tmp_path / "home", embedder=embedder) as library:
        assert library.check().problems == []
        assert library.search("tide measure", mode="text").total == 3
        assert [h.paper.title for h in library.search('"tides a"').hits] == ["Tides a"]


# ---------------------------------------------------------------------------- kills

_RESTORE = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from broadsheet.collection import backup

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

owner, name, number, when = eval(sys.argv[3], {"backup": backup} | vars(backup))
known, calls = getattr(owner, name), 0

def deadly(*args, **kwargs):
    global calls
    calls += 1
    if calls == number and when == "before":
        die()
    result = known(*args, **kwargs)
    if calls == number:
        die()
    return result

setattr(owner, name, deadly)
backup.restore(Path(sys.argv[1]), Path(sys.argv[2]), now=datetime.now(UTC), force=True)
"""
DEATHS = {
    "before anything is written": "tempfile, 'mkdtemp', 1, 'before'",
    "with half of the files": "os, 'fsync', 1, 'before'",
    "with all files, unchecked": "backup, '_figures', 1, 'before'",
    "before the index is gone": "Path, 'rename', 1, 'before'",
    "after the index is gone": "Path, 'rename', 1, 'after'",
    "between the settings and the record": "Path, 'replace', 1, 'after'",
    "when the old record has two names": "Path, 'hardlink_to', 1, 'after'",
    "when the new record stands": "Path, 'replace', 2, 'after'",
}


@pytest.mark.parametrize("point", DEATHS.values(), ids=DEATHS)
def test_a_killed_restore_leaves_the_old_collection_or_the_new(
    point: str, file: Path, tmp_path: Path, embedder
):
    """Wherever a restore dies, the home holds one whole collection, and can be restored again."""
    home = tmp_path / "home"
    with open_library(home, embedder=embedder) as library:
        put(library.database, "x", "y")
        list(library.catch_up())
    process = start_script(_RESTORE, file, home, point)
    code, _, err = ended(process)
    assert code == -signal.SIGKILL, err

    assert keys_in(home) in ({"x", "y"}, {"a", "b", "c"})
    with open_library(home, embedder=embedder) as library:
        assert library.check().problems == []
        assert library.search("tide measure", mode="text").total == library.count()
    restore(file, home, now=NOW, force=True)
    assert keys_in(home) == {"a", "b", "c"}
    aside = [keys_in(p) for p in home.glob("replaced-*") if (p / DATABASE).exists()]
    assert {"x", "y"} in aside


# ---------------------------------------------------------------------------- by itself


def test_the_newest_backups_of_upgrades_stay(tmp_path: Path):
    """Of the backups made by themselves the newest stay; what else lies there is left alone."""
    times = [f"2026031{n}T063000Z" for n in range(5)]
    names = [f"before-{3 - n % 2:04}-{t}.tar.zst" for n, t in enumerate(times)]
    for name in [*names, "mine.tar.zst", "before-mine"]:
        (tmp_path / name).write_text("")
    backup.let_go(tmp_path)
    assert names_in(tmp_path) == sorted([*names[-backup.KEPT :], "mine.tar.zst", "before-mine"])


def test_the_seal_is_a_frame_that_zstd_passes_over(file: Path):
    """The end of the file is of the form that every zstd decoder skips, by its own length."""
    end = file.read_bytes()[-backup._SEALED :]
    magic, size = struct.unpack("<II", end[:8])
    assert magic in range(0x184D2A50, 0x184D2A60)
    assert size == len(end) - 8
