"""Opening the record: connection rules, transactions, migrations, and errors in our words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import NamedTuple, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from broadsheet.errors import SchemaVersionError, StoreError

HEAD = "0005"
"""The newest migration that this Broadsheet knows; a test holds it against the folder."""

_BUSY_SECONDS = 30
_LITTLE = 1 << 18
"""Bytes free below which a disk that fails is full: SQLite tells some of that as other errors."""


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy begins transactions itself (below), so that readers see one moment.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        "cache_size=-32768",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _open_engine(path: Path) -> Engine:
    # Who comes in is looked up before anything else, by the thread that takes all requests: it must
    # never wait until somebody who reads for long gives a connection back.
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False},
        max_overflow=-1,
        # Addresses are among them, and what fails is logged.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def in_words(path: Path, error: sqlite3.Error) -> StoreError | None:
    """Return what a person can act on of an error of SQLite's; None if it tells of a bug."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"{path} is in use by another process", temporary=True)
        case sqlite3.SQLITE_FULL:
            return StoreError(f"the disk that holds {path} is full")
        case sqlite3.SQLITE_IOERR:
            is_full = disk_usage(path.parent).free < _LITTLE
            how = "is full" if is_full else f"fails ({error.sqlite_errorname})"
            return StoreError(f"the disk that holds {path} {how}")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StoreError(f"{path} cannot be opened for writing: {error}")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError(f"{path} is damaged or is not a Broadsheet record")
    return None


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the database's errors that a person can act on into StoreError."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error) and (found := in_words(path, error.orig)):
            raise found from error
        raise


class Upgrade(NamedTuple):
    """An upgrade that opening a home made: from which schema to which, and its backup."""

    before: str
    after: str
    backup: Path


class Database:
    """One SQLite file with the record; safe to share between threads."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Open the record at `path`, making or upgrading it where needed.

        Before an upgrade a backup is written beside it, in the folder `backups`; `progress` is
        told what is done and the bytes of it, and `upgraded` says afterwards that it happened.

        Raises StoreError if the file cannot be used, or not be backed up before an upgrade, and
        SchemaVersionError if it is newer.
        """
        self.path = path
        self.upgraded: Upgrade | None = None
        self._clock = clock
        self._progress = progress
        # It holds addresses and keys; what SQLite lays beside it gets the same rights. Where there
        # can be no file, opening it says why.
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._engine = _open_engine(path)
        try:
            with translated(path):
                self._bring_up_to_date()
        except BaseException:
            self.close()
            raise

    def _bring_up_to_date(self) -> None:
        with self._engine.connect() as connection:
            if self._needs(connection) is None:
                return
        with self._kept_before() as keep, self.write() as connection:
            # Another process may have been first; from here on none can write.
            version = self._needs(connection)
            if version:
                self.upgraded = Upgrade(version, HEAD, keep())
            if version is not None:
                _migrate(connection)

    def _needs(self, connection: Connection) -> str | None:
        """Return the schema to upgrade from, "" if there is none yet, None if all is well."""
        version = _version(connection)
        if version > HEAD:
            raise SchemaVersionError(
                f"{self.path} was made by a newer Broadsheet (schema {version}; this one knows "
                f"{HEAD}): upgrade Broadsheet, or choose another home with --home"
            )
        return None if version == HEAD else version

    @contextmanager
    def _kept_before(self) -> Iterator[Callable[[], Path]]:
        """Give a function that writes a backup of the record as it is, for when it is upgraded.

        If the upgrade fails, nothing has changed and the backup goes; else older ones may go.
        """
        # Needed once for every schema in the life of a home.
        from broadsheet.collection import backup  # noqa: PLC0415

        files: list[Path] = []

        def keep() -> Path:
            progress = self._progress or backup.silent
            now = self._clock()
            files.append(backup.before_upgrade(self.path, HEAD, now=now, progress=progress))
            return files[0]

        try:
            yield keep
        except BaseException:
            for file in files:
                file.unlink(missing_ok=True)
            raise
        for file in files:
            backup.let_go(file.parent)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees the record as of one moment."""
        with translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, is_patient: bool = True) -> Iterator[Connection]:
        """Give a connection whose changes are all kept at the end, or none on an error.

        Raises StoreError if another process writes for half a minute, or at all if not patient.
        """
        with translated(self.path), self._engine.connect() as plain:
            connection = plain.execution_options(writing=True)
            with nullcontext() if is_patient else _impatient(connection), connection.begin():
                yield connection

    def size(self) -> int:
        """Return the bytes on disk, with the write-ahead log."""
        files = (self.path, Path(f"{self.path}-wal"))
        return sum(f.stat().st_size for f in files if f.exists())

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the file, nothing if it is sound."""
        with self.read() as connection:
            found = connection.execute(text("PRAGMA quick_check(20)")).scalars().all()
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        return [str(f) for f in found if f != "ok"] + [
            f"broken reference: {b}" for b in broken[:20]
        ]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _impatient(connection: Connection) -> Iterator[None]:
    """Let a connection wait for no other writer, until it goes back to those that do."""
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
        cursor.close()


def _version(connection: Connection) -> str:
    """Return the schema of a record, "" if it has no tables yet."""
    known = text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if connection.execute(known).first() is None:
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def _migrate(connection: Connection) -> None:
    """Bring the record to `HEAD` within the transaction of `connection`."""
    # Alembic is slow to import and is needed once in the life of a home.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "broadsheet.collection:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
