"""Backups: the record as of one moment, in one file that is believed only as a whole.

A backup is a tar of plain files compressed by zstd, so that common tools open it. A last frame,
which they pass over, holds the SHA-256 of everything before it: no changed bit goes unnoticed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
import zstandard

from broadsheet import __version__
from broadsheet.collection.database import HEAD, in_words
from broadsheet.config import FILE_NAME
from broadsheet.errors import SchemaVersionError, StoreError

DATABASE = "broadsheet.db"
BACKUPS = "backups"
"""The folder in a home for the backups that are made by themselves before an upgrade."""
KEPT = 3
"""So many of those stay: the newest."""
SUFFIX = ".tar.zst"
FORMAT = 1
PAGES = 1000
"""Pages of the record copied in one step, between which progress is told."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, and how many bytes of how many are done."""

_MANIFEST = "manifest.json"
_NOTE = "last.json"
_INDEX = "index"  # derived from the record, so it is neither kept nor left standing
_LARGEST = 1_000_000
"""Bytes of a manifest or a file of settings; only the record may be larger."""
_SQLITE = b"SQLite format 3\0"
_LOGS = ("-wal", "-shm", "-journal")
_BLOCK = 512
_CHUNK = 1 << 20
_LEVEL = 3
_LABEL = b"broadsheet sha256 "
_SEAL = struct.pack("<II", 0x184D2A5B, len(_LABEL) + 32) + _LABEL
_SEALED = len(_SEAL) + 32
_WAIT = 30


class Content(NamedTuple):
    """What a file in a backup must be."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """What a backup holds: which Broadsheet wrote it when, and the record's state in figures."""

    version: str
    schema: str
    sequence: int
    counts: dict[str, int]
    made: str
    files: dict[str, Content]


class Restored(NamedTuple):
    """What was restored, and the folder with what had stood in its place, if anything had."""

    manifest: Manifest
    replaced: Path | None


def silent(_what: str, _done: int, _size: int) -> None:
    """Take progress and tell nobody."""


# ---------------------------------------------------------------------------- writing


def write(
    database: Path,
    file: Path,
    *,
    now: datetime,
    force: bool = False,
    progress: Progress = silent,
) -> Manifest:
    """Write the record at `database`, and the settings beside it, to `file`; return what it holds.

    Other processes may write to the record meanwhile: the backup holds it as of one moment. On
    an error nothing is left behind. Raises StoreError if the record is damaged, if `file` is
    there already (and not `force`), or if it cannot be written.
    """
    manifest = _write(database, file, now, force=force, progress=progress)
    # So that `last` knows; a home that cannot be written to is backed up all the same.
    with suppress(OSError):
        note = database.parent / BACKUPS / _NOTE
        note.parent.mkdir(exist_ok=True)
        fresh = note.with_suffix(".new")
        fresh.write_bytes(orjson.dumps({"made": manifest.made, "file": str(file.absolute())}))
        fresh.replace(note)
    return manifest


def last(home: Path) -> str | None:
    """Return when the newest backup that was asked for was made; None if none is known of."""
    try:
        return str(orjson.loads((home / BACKUPS / _NOTE).read_bytes())["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(
    database: Path, file: Path, now: datetime, *, force: bool, progress: Progress
) -> Manifest:
    if not database.is_file():
        raise StoreError(f"there is no collection in {database.parent}")
    with replacing(file, force=force) as place:
        copy = place.with_name(DATABASE)
        _copy(database, copy, progress)
        paths = {DATABASE: copy}
        if (settings := database.with_name(FILE_NAME)).is_file():
            paths[FILE_NAME] = place.with_name(FILE_NAME)
            shutil.copyfile(settings, paths[FILE_NAME])
        manifest = _described(paths, now)
        _pack(place, manifest, paths, progress)
        # What cannot be read back would be found out only when it is needed.
        _read(place, None, progress, "verifying")
        # It has addresses in it, and the key that links in letters are signed with.
        place.chmod(0o600)
    return manifest


@contextmanager
def replacing(file: Path, *, force: bool) -> Iterator[Path]:
    """Give a path to write to; what is there at the end takes the place of `file` in one step.

    It lies in a folder of its own beside `file`, which is gone afterwards, on an error too. Raises
    StoreError if `file` is there already (and not `force`) or cannot be written.
    """
    _refuse(file, force=force)
    with _told(f"{file} cannot be written"):
        folder = Path(tempfile.mkdtemp(prefix=".broadsheet-", suffix=".partial", dir=file.parent))
        try:
            place = folder / "whole"
            yield place
            _flush(place)
            _refuse(file, force=force)
            place.replace(file)
            _flush(file.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _refuse(file: Path, *, force: bool) -> None:
    if not os.path.lexists(file):
        return
    if not file.is_file():
        raise StoreError(f"{file} is not a file that could be replaced")
    with _told(f"{file} cannot be read"), file.open("rb") as there:
        if there.read(len(_SQLITE)) == _SQLITE:
            raise StoreError(f"{file} is a database, perhaps a collection: it is not replaced")
    if not force:
        raise StoreError(f"{file} is there already: --force replaces it")


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn errors of the file system into StoreError, which says what failed and why."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror or error}") from error


def _flush(path: Path) -> None:
    """See that a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Some network drives cannot do it for folders; a file that could not be kept is an error.
        if path.is_file():
            raise
    finally:
        os.close(handle)


def _copy(database: Path, copy: Path, progress: Progress) -> None:
    """Copy the record as of one moment, whoever writes to it meanwhile, and check the copy."""
    with closing(_holding(database)) as source, closing(_opened(copy, "rwc")) as target:
        size = _value(source, "PRAGMA page_size")

        def tell(_status: int, remaining: int, total: int) -> None:
            progress("copying", (total - remaining) * size, total * size)

        with _stated(copy):
            target.execute("PRAGMA synchronous=OFF")
            source.backup(target, pages=PAGES, progress=tell)
            # So that the copy is one file, and can be read where nothing can be written.
            target.execute("PRAGMA journal_mode=DELETE")
            found = _value(target, "PRAGMA quick_check(1)")
    if found != "ok":
        raise StoreError(
            f"{database} is damaged, and so would be its backup: {found} "
            "(`broadsheet restore` brings an earlier backup back)"
        )


def _holding(database: Path) -> sqlite3.Connection:
    """Return a connection with a transaction that holds the record as of this moment.

    Without it SQLite begins a copy anew whenever another process has written, and beside a long
    import never ends.
    """
    for locking in ("NORMAL", "EXCLUSIVE"):
        connection = _opened(database, "rw")
        try:
            with _stated(database):
                connection.execute(f"PRAGMA locking_mode={locking}")
                connection.execute("BEGIN")
                _value(connection, "SELECT count(*) FROM sqlite_master")
        except StoreError as error:
            connection.close()
            # On a disk that is full, SQLite cannot make the small file by which processes agree on
            # what to read. Alone it can do without.
            if locking == "EXCLUSIVE" or error.temporary:
                raise
        else:
            break
    return connection


def _opened(path: Path, mode: str = "ro") -> sqlite3.Connection:
    with _stated(path):
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=_WAIT,
        )


@contextmanager
def _stated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if found := in_words(path, error):
            raise found from error
        raise


def _value(connection: sqlite3.Connection, statement: str) -> Any:
    return connection.execute(statement).fetchone()[0]


_COUNTS = {
    "papers": "SELECT count(*) FROM papers WHERE merged_into IS NULL",
    "records": "SELECT count(*) FROM records",
    "pages": "SELECT count(*) FROM pages",
    "runs": "SELECT count(*) FROM runs",
    "rejects": "SELECT count(*) FROM rejects",
}


def _figures(database: Path) -> tuple[str, int, dict[str, int]]:
    """Return the schema of a record, the newest change, and how much there is of everything."""
    try:
        with _stated(database), closing(_opened(database)) as connection:
            return (
                str(_value(connection, "SELECT version_num FROM alembic_version")),
                int(_value(connection, "SELECT coalesce(max(sequence), 0) FROM changes")),
                {name: int(_value(connection, s)) for name, s in _COUNTS.items()},
            )
    except (sqlite3.OperationalError, TypeError) as error:  # a table or its row is missing
        raise StoreError(f"{database} is not a Broadsheet record") from error


def _described(paths: dict[str, Path], now: datetime) -> Manifest:
    files = {}
    for name, path in paths.items():
        with path.open("rb") as source:
            files[name] = Content(path.stat().st_size, file_digest(source, "sha256").hexdigest())
    made = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Manifest(__version__, *_figures(paths[DATABASE]), made, files)


def _pack(file: Path, manifest: Manifest, paths: dict[str, Path], progress: Progress) -> None:
    about = orjson.dumps(
        {
            "broadsheet": "backup",
            "format": FORMAT,
            **manifest._asdict(),
            "files": {name: content._asdict() for name, content in manifest.files.items()},
        },
        option=orjson.OPT_INDENT_2,
    )
    total, done = sum(c.size for c in manifest.files.values()), 0
    with file.open("w+b") as raw:
        compressor = zstandard.ZstdCompressor(_LEVEL, write_checksum=True, threads=-1)
        with compressor.stream_writer(raw, closefd=False) as out:
            out.write(_header(_MANIFEST, len(about), manifest.made) + about + _padding(len(about)))
            for name, path in paths.items():
                size = manifest.files[name].size
                out.write(_header(name, size, manifest.made))
                with path.open("rb") as source:
                    for piece in _pieces(source, size):
                        out.write(piece)
                        done += len(piece)
                        progress("compressing", done, total)
                out.write(_padding(size))
            out.write(bytes(2 * _BLOCK))
        raw.seek(0)
        raw.write(_SEAL + file_digest(raw, "sha256").digest())


def _header(name: str, size: int, made: str) -> bytes:
    about = tarfile.TarInfo(name)
    about.size = size
    about.mtime = int(datetime.fromisoformat(made).timestamp())
    return about.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes; raises StoreError if there are fewer."""
    while size:
        piece = source.read(min(size, _CHUNK))
        if not piece:
            raise StoreError("it ends in the middle of a file")
        size -= len(piece)
        yield piece


# ---------------------------------------------------------------------------- reading


def check(file: Path, *, progress: Progress = silent) -> Manifest:
    """Return what a backup holds after every checksum was found right; nothing is written.

    Raises StoreError for a file that is damaged, cut off or no backup, and SchemaVersionError for
    one in a form that only a newer Broadsheet knows.
    """
    return _read(file, None, progress, "checking")


def _read(file: Path, into: Path | None, progress: Progress, what: str) -> Manifest:
    """Go through a backup, checking all of it; keep its files in the folder `into`, if given."""
    with _told(f"{file} cannot be read"), file.open("rb") as raw:
        _check_seal(raw, file)
        size = os.fstat(raw.fileno()).st_size
        raw.seek(0)
        decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        try:
            with decoder.stream_reader(raw, closefd=False) as stream:
                manifest = _manifest(stream)
                for name, content in manifest.files.items():
                    _expect(stream, name, content.size)
                    for _ in _kept(stream, content, into and into / name):
                        progress(what, min(raw.tell(), size), size)
                _expect_end(stream)
        except SchemaVersionError:
            raise
        except (StoreError, zstandard.ZstdError, tarfile.HeaderError) as error:
            raise StoreError(f"{file} is not a good backup: {error}") from error
    return manifest


def _check_seal(raw: IO[bytes], file: Path) -> None:
    """See that the file ends with the checksum of all that comes before."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(size - _SEALED, 0))
    end = raw.read()
    if len(end) < _SEALED or not end.startswith(_SEAL):
        raise StoreError(f"{file} is not a backup of Broadsheet's, or is cut off or damaged")
    raw.seek(0)
    found = sha256()
    for piece in _pieces(raw, size - _SEALED):
        found.update(piece)
    if found.digest() != end[len(_SEAL) :]:
        raise StoreError(f"{file} is damaged: it is not what was written (its checksum differs)")


def _expect(stream: IO[bytes], name: str, size: int | None = None) -> int:
    """Return the size of the file that comes next, which must have this name (and size).

    Only a plain file under this one name is taken, so no backup can put anything elsewhere.
    """
    found = tarfile.TarInfo.frombuf(b"".join(_pieces(stream, _BLOCK)), "utf-8", "replace")
    if found.type != tarfile.REGTYPE or found.name != name:
        raise StoreError(f"it holds {found.name!r} where {name} should be")
    if size not in {None, found.size}:
        raise StoreError(f"{name} has not the size that it should have")
    return found.size


def _expect_end(stream: IO[bytes]) -> None:
    if b"".join(_pieces(stream, 2 * _BLOCK)).strip(b"\0") or stream.read(1):
        raise StoreError("it holds more than it says")


def _manifest(stream: IO[bytes]) -> Manifest:
    size = _expect(stream, _MANIFEST)
    if size > _LARGEST:
        raise StoreError("its manifest is too large")
    text = b"".join(_pieces(stream, size + len(_padding(size))))[:size]
    try:
        return _read_manifest(orjson.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("its manifest cannot be understood") from error


def _read_manifest(facts: dict[str, Any]) -> Manifest:
    if facts["broadsheet"] != "backup":
        raise ValueError
    if facts["format"] > FORMAT:
        raise SchemaVersionError(
            f"this backup is of a form that a newer Broadsheet wrote ({facts['version']}): "
            "upgrade Broadsheet"
        )
    files = {n: Content(int(c["size"]), str(c["sha256"])) for n, c in facts["files"].items()}
    if DATABASE not in files or not files.keys() <= {DATABASE, FILE_NAME}:
        raise ValueError
    if any(c.size < 0 or (n != DATABASE and c.size > _LARGEST) for n, c in files.items()):
        raise ValueError
    counts = {str(name): int(n) for name, n in facts["counts"].items()}
    version, schema, made = (str(facts[name]) for name in ("version", "schema", "made"))
    return Manifest(version, schema, int(facts["sequence"]), counts, made, files)


def _kept(stream: IO[bytes], content: Content, path: Path | None) -> Iterator[None]:
    """Take a file out of a backup, to `path` or to nowhere; yields after every piece."""
    found = sha256()
    with (path or Path(os.devnull)).open("wb") as out:
        for piece in _pieces(stream, content.size):
            found.update(piece)
            out.write(piece)
            yield
        if path:
            # As in the backup: nobody else reads it.
            path.chmod(0o600)
            out.flush()
            os.fsync(out.fileno())
    b"".join(_pieces(stream, len(_padding(content.size))))
    if found.hexdigest() != content.sha256:
        raise StoreError("a file in it has not the checksum that it should have")


# ---------------------------------------------------------------------------- restoring


def restore(
    file: Path,
    home: Path,
    *,
    now: datetime,
    force: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Put the record and settings of a backup in `home`; return what came, and what went aside.

    Everything is checked first, and until one last step the home stays as it was. With `force` a
    collection that stands there is put aside, never deleted. The index is thrown away: opening the
    home builds it anew, and upgrades an older schema. No digest goes out that may have gone out
    since the backup: those that waited are stopped. Raises StoreError for a bad backup, for a home
    that holds a collection (and not `force`), and for one that is in use.
    """
    manifest = check(file, progress=progress)
    if manifest.schema > HEAD:
        raise SchemaVersionError(
            f"{file} was made by a newer Broadsheet ({manifest.version}, schema "
            f"{manifest.schema}; this one knows {HEAD}): upgrade Broadsheet"
        )
    if os.path.lexists(home / DATABASE) and not force:
        raise StoreError(f"{home} already holds a collection: --force puts it aside")
    with _told(f"nothing can be restored to {home}"):
        home.mkdir(parents=True, exist_ok=True)
        _see_room(home, manifest)
        fresh = Path(tempfile.mkdtemp(prefix=".restoring-", dir=home))
        try:
            _read(file, fresh, progress, "restoring")
            if _figures(fresh / DATABASE) != manifest[1:4]:
                raise StoreError(f"{file} does not hold the record that it says it holds")
            _stop_sending(fresh / DATABASE, now)
            replaced = _swap(home, fresh, _unused(home, f"replaced-{_stamp(now)}"))
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Restored(manifest, replaced)


_STOPPED = """
    INSERT INTO attempts (digest_id, at, outcome, words)
    SELECT id, :now, 'stopped', 'The record was restored from a backup after this was composed.'
    FROM digests WHERE state IN ('ready', 'claimed');
    UPDATE digests SET state = 'stopped' WHERE state IN ('ready', 'claimed');
    INSERT OR REPLACE INTO keys (name, value)
    SELECT 'restored', :now WHERE EXISTS (SELECT 1 FROM subscriptions);
"""


def _stop_sending(database: Path, now: datetime) -> None:
    """Note in a record that it was restored, and let nothing go out that waited in it."""
    moment = {"now": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    with _stated(database), closing(_opened(database, "rw")) as connection:
        # A record of an earlier schema has sent nothing.
        if _value(connection, "SELECT count(*) FROM sqlite_master WHERE name = 'keys'"):
            connection.execute("BEGIN")
            for statement in _STOPPED.split(";")[:-1]:
                connection.execute(statement, moment)
            connection.execute("COMMIT")
    _flush(database)


def _see_room(home: Path, manifest: Manifest) -> None:
    needed, free = sum(c.size for c in manifest.files.values()), shutil.disk_usage(home).free
    if needed > free:
        raise StoreError(
            f"the disk that holds {home} has not enough room: {needed:,} bytes are needed, "
            f"{free:,} are free"
        )


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _unused(folder: Path, name: str, suffix: str = "") -> Path:
    """Return a path in `folder` that nothing lies at: this name, or this with a number."""
    names = (f"{name}{f'-{n}' if n else ''}{suffix}" for n in count())
    return next(p for p in (folder / n for n in names) if not os.path.lexists(p))


def _swap(home: Path, fresh: Path, aside: Path) -> Path | None:
    """Put the files in `fresh` in their places, what stands there to `aside`; the record last.

    Returns `aside`, or None if nothing stood there.
    """
    with _alone(home / DATABASE):
        if (home / _INDEX).is_dir():
            # It would take the restored record for the one that it knows. It goes in one step, and
            # is deleted with `fresh`.
            (home / _INDEX).rename(fresh / _INDEX)
        for log in (home / f"{DATABASE}{end}" for end in _LOGS):
            # SQLite would play a log that lies beside a record into it, whosever it is.
            if os.path.lexists(log):
                aside.mkdir(exist_ok=True)
                log.rename(aside / log.name)
        for name in (FILE_NAME, DATABASE):
            if (fresh / name).is_file() and not _is_same(fresh / name, home / name):
                _take_place(fresh / name, home / name, aside)
        _flush(home)
    return aside if aside.is_dir() else None


def _is_same(settings: Path, there: Path) -> bool:
    """Return whether the same settings are there already; a record is always put in place."""
    if settings.name != FILE_NAME or not there.is_file():
        return False
    return settings.read_bytes() == there.read_bytes()


def _take_place(fresh: Path, target: Path, aside: Path) -> None:
    """Put `fresh` at `target` in one step; what stood there keeps a second name in `aside`."""
    if os.path.lexists(target):
        aside.mkdir(exist_ok=True)
        try:
            (aside / target.name).hardlink_to(target)
        except OSError:
            # Where a file can have one name only, the place is empty for a moment.
            target.rename(aside / target.name)
        _flush(aside)
    fresh.replace(target)


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Keep all others from a record, its log folded into it; a damaged one cannot be kept.

    Raises StoreError if another process has it open.
    """
    if not database.is_file():
        yield
        return
    with closing(_opened(database, "rw")) as connection:
        connection.execute("PRAGMA busy_timeout=2000")
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            found = in_words(database, error)
            if found is None:
                raise
            if found.temporary:
                raise found from error
        yield


# ---------------------------------------------------------------------------- by itself


def before_upgrade(
    database: Path, schema: str, *, now: datetime, progress: Progress = silent
) -> Path:
    """Write a backup of a record that is about to get another schema; return where it lies.

    Raises StoreError if it cannot be written.
    """
    folder = database.parent / BACKUPS
    with _told(f"{folder} cannot be made"):
        folder.mkdir(exist_ok=True)
    file = _unused(folder, f"before-{schema}-{_stamp(now)}", SUFFIX)
    _write(database, file, now, force=False, progress=progress)
    return file


def let_go(folder: Path) -> None:
    """Delete the oldest of the backups that were made by themselves, so that `KEPT` stay."""
    found = sorted(folder.glob(f"before-????-*{SUFFIX}"), key=lambda p: p.name.split("-", 2)[2])
    for path in found[:-KEPT]:
        # A backup too many does no harm.
        with suppress(OSError):
            path.unlink()
