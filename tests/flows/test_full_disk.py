"""A disk that is full: said in words, nothing lost, and all goes on when there is room again.

The disk is a small tmpfs. Mounting one needs root, so that whoever is not runs these tests once
more as the root of a namespace of their own.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from broadsheet.collection import backup
from broadsheet.collection import papers as store
from broadsheet.collection.backup import BACKUPS, DATABASE
from broadsheet.collection.database import HEAD, Database
from broadsheet.errors import SearchIndexError, StoreError
from broadsheet.factory import open_library
from broadsheet.library import Library, utc_now
from broadsheet.papers.formats import FORMATS
from broadsheet.papers.formats import written as written_out
from broadsheet.sources.jsonl import to_record
from flows.invented import Standing, assert_sound, lines, record, standing, written
from homes.saved import SAVED, unpacked
from processes import called

SIZE = 32 << 20
LINES = lines(1500)
IS_ROOT = os.geteuid() == 0


class Disk:
    """A small disk: `path` is where it is mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path / "home"
        self._ballast = path / "ballast"

    def leave(self, room: int) -> None:
        """Fill the disk but for so many bytes, in whole pages."""
        self.make_room()
        gc.collect()  # deleted files that are still open somewhere hold their room
        page = os.statvfs(self.path).f_bsize
        with self._ballast.open("wb") as out:
            os.posix_fallocate(out.fileno(), 0, self.free() // page * page - room)

    def make_room(self) -> None:
        """Give back what `leave` took."""
        self._ballast.unlink(missing_ok=True)

    def free(self) -> int:
        """Return how many bytes are free."""
        return shutil.disk_usage(self.path).free


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Give an empty disk of some megabytes."""
    if not IS_ROOT:
        pytest.skip("mounting needs root: this runs in the namespace of the first test")
    path = tmp_path / "disk"
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.mark.skipif(IS_ROOT, reason="root can mount, so the tests themselves do it")
def test_all_of_these_as_root_of_a_namespace():
    """Without root the tests of this file run where this user is root, and all of them pass."""
    alone = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("this system lets nobody but root mount a disk")
    words = [*alone, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    if "passed" not in ended.stdout:
        pytest.skip("this system lets nobody mount a disk, not even in a namespace")


def is_refused(attempt: Callable[[], object]) -> bool:
    """Return whether an attempt found the disk full, which it must tell in words."""
    try:
        attempt()
    except (StoreError, SearchIndexError) as error:
        if not is_told(str(error)):
            raise
        return True
    return False


def is_told(text: str) -> bool:
    """Return whether a message says that there is no room."""
    return "is full" in text or "No space left" in text or "not enough room" in text


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """Return a file of papers, on a disk with room."""
    return written(tmp_path_factory.mktemp("file") / "papers.jsonl", LINES)


@pytest.fixture(scope="module")
def undisturbed(file: Path, tmp_path_factory, embedder) -> Standing:
    """Return what a quiet import of the file gives."""
    with open_library(tmp_path_factory.mktemp("quiet"), embedder=embedder) as library:
        for _ in library.import_file(file):
            pass
        return standing(library)


def committed(home: Path) -> int:
    """Return how many lines of the file the record has kept."""
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        if not connection.execute("PRAGMA table_info(runs)").fetchall():
            return 0
        [(found,)] = connection.execute("SELECT coalesce(max(cursor), 0) FROM runs").fetchall()
        return int(found)


def test_an_import_until_the_disk_is_full(disk, file, undisturbed, embedder):
    """It ends with a sentence, keeps what it had committed, and the next one completes it.

    With a little more room each time the disk is full at other points, until it suffices; then the
    limit is closed in on until the record had room and the index had none.
    """

    def suffices(room: int) -> bool:
        shutil.rmtree(disk.home, ignore_errors=True)
        disk.leave(room * 1024)
        ended = called("--home", disk.home, "import", file)
        disk.make_room()
        if ended.returncode:
            assert ended.returncode in {1, 75}
            assert is_told(ended.stderr.decode()), ended.stderr.decode()
            kept.add(completed())
        return ended.returncode == 0

    def completed() -> int:
        taken = committed(disk.home)
        with open_library(disk.home, embedder=embedder) as library:
            keys = sorted(key for _, key, _, _ in standing(library).records)
            assert keys == sorted(line.key for line in LINES[:taken] if line.key)
            assert library.check().problems == []
            for _ in library.import_file(file):
                pass
            assert standing(library) == undisturbed
            assert_sound(library, told=30)
        return taken

    kept: set[int] = set()
    enough = next(room for room in range(48, 6000, 640) if suffices(room))
    too_little = enough - 640
    while len(LINES) not in kept and enough - too_little > 8:
        middle = (too_little + enough) // 2
        if suffices(middle):
            enough = middle
        else:
            too_little = middle
    assert kept == {0, 1000, len(LINES)}  # full in the record, and in the index


def filed(library: Library, numbers: range) -> None:
    """File papers in the record alone, so that the index lacks them."""
    made = [to_record(record(n), name="invented", line=n) for n in numbers]
    with library.database.write() as connection:
        store.file(connection, made, "2026-03-17T06:30:00Z")


def test_an_index_until_the_disk_is_full(disk, embedder):
    """What it cannot take in it says and lacks; the papers can be read, and it catches up later."""
    failures = 0
    with open_library(disk.home, embedder=embedder) as library:
        filed(library, range(200))
        list(library.catch_up())
        for step, room in enumerate(range(0, 64, 4)):
            filed(library, range(200 + step * 25, 225 + step * 25))
            disk.leave(room * 1024)
            failures += is_refused(lambda: list(library.catch_up()))
            assert len(library.latest(1000)) == 225 + step * 25
            disk.make_room()
            list(library.catch_up())
            assert library.check().problems == []
        assert_sound(library, told=400)
    assert failures > 8


def test_an_index_built_anew_until_the_disk_is_full(disk, embedder):
    """The old index stays in use until a new one is whole, and can be built when there is room."""
    with open_library(disk.home, embedder=embedder) as library:
        filed(library, range(400))
        list(library.catch_up())
        for room in (0, 64, 128, 256):
            disk.leave(room * 1024)
            assert is_refused(lambda: list(library.rebuild()))
            assert library.search("u30z", mode="text").hits
            disk.make_room()
        list(library.rebuild())
        assert_sound(library, told=30)


# ---------------------------------------------------------------------------- backups


@pytest.fixture
def collection(disk, tmp_path, embedder) -> Path:
    """Return the record of some hundred papers, on the small disk."""
    with open_library(disk.home, embedder=embedder) as library:
        filed(library, range(500))
    return disk.home / DATABASE


def test_a_backup_until_the_disk_is_full(disk, collection):
    """No half file is left, the record is as it was, and with room the backup is whole."""
    target = disk.path / "papers.tar.zst"
    before = collection.read_bytes()
    for room in range(0, 4000, 300):
        disk.leave(room * 1024)
        if not is_refused(lambda: backup.write(collection, target, now=utc_now())):
            break
        assert {p.name for p in disk.path.iterdir()} == {"home", "ballast"}
        assert collection.read_bytes() == before
    assert room > 600
    assert backup.check(target).counts["papers"] == 500
    disk.make_room()


def test_a_collection_on_a_full_disk_can_be_backed_up_elsewhere(disk, collection, tmp_path):
    """With not a byte left the record can still be brought to safety, what is in its log too."""
    raw = sqlite3.connect(collection, isolation_level=None)
    raw.execute("PRAGMA wal_autocheckpoint=0")
    raw.execute("DELETE FROM changes WHERE sequence > 400")
    shutil.copytree(disk.home, disk.path / "killed")  # as a kill would leave it
    raw.close()
    (disk.path / "killed" / f"{DATABASE}-shm").unlink()
    assert (disk.path / "killed" / f"{DATABASE}-wal").stat().st_size > 0
    for home, sequence in ((disk.home, 400), (disk.path / "killed", 400)):
        disk.leave(0)
        backup.write(home / DATABASE, tmp_path / home.name, now=utc_now())
        assert backup.check(tmp_path / home.name).sequence == sequence
        disk.make_room()


def test_a_restore_until_the_disk_is_full(disk, collection, tmp_path):
    """The home is as it was, nothing is left in it, and with room the backup comes back."""
    kept = tmp_path / "kept.tar.zst"
    backup.write(collection, kept, now=utc_now())
    shutil.rmtree(disk.home)
    disk.home.mkdir()
    for room in (0, 200, 600):
        disk.leave(room * 1024)
        assert is_refused(lambda: backup.restore(kept, disk.home, now=utc_now()))
        assert list(disk.home.iterdir()) == []
    disk.make_room()
    backup.restore(kept, disk.home, now=utc_now())
    assert backup.check(kept).counts["papers"] == 500


def test_a_full_disk_while_a_backup_is_unpacked(disk, collection, tmp_path, monkeypatch):
    """Also where the room is taken by others after it was looked at, the home stays as it was."""
    kept = tmp_path / "kept.tar.zst"
    backup.write(collection, kept, now=utc_now())
    before = collection.read_bytes()
    monkeypatch.setattr(backup, "_see_room", lambda *_: disk.leave(300 * 1024))
    with pytest.raises(StoreError, match="No space left"):
        backup.restore(kept, disk.home, now=utc_now(), force=True)
    assert collection.read_bytes() == before
    assert not list(disk.home.glob(".restoring*"))
    disk.make_room()


def test_an_upgrade_until_the_disk_is_full(disk):
    """It is refused with a sentence and nothing has changed; with room it happens."""
    before = SAVED[0]
    assert unpacked(before, disk.path) == disk.home
    refused = 0
    for room in range(0, 2000, 8):
        disk.leave(room * 1024)
        is_full = is_refused(lambda: Database(disk.home / DATABASE).close())
        disk.make_room()
        if not is_full:
            break
        refused += 1
        with closing(sqlite3.connect(disk.home / DATABASE)) as connection:
            assert connection.execute("SELECT * FROM alembic_version").fetchall() == [(before,)]
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        # A backup of an upgrade that did not happen is not kept.
        assert list(disk.home.glob(f"{BACKUPS}/*")) == []
    assert refused > 10
    with Database(disk.home / DATABASE) as database:
        assert database.upgraded is None
        assert database.check() == []
    [kept] = (disk.home / BACKUPS).iterdir()
    assert kept.name.startswith(f"before-{HEAD}-")


def test_an_export_until_the_disk_is_full(disk, collection, embedder):
    """An export that does not fit is said, and leaves no half file."""
    with open_library(disk.home, embedder=embedder) as library:
        papers = library.select()
        disk.leave(64 * 1024)
        target = disk.path / "papers.jsonl"
        with (
            pytest.raises(StoreError, match="No space left"),
            backup.replacing(target, force=False) as place,
            place.open("wb") as out,
        ):
            out.writelines(written_out(papers, FORMATS["jsonl"]))
    assert {p.name for p in disk.path.iterdir()} == {"home", "ballast"}
    disk.make_room()
