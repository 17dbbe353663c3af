"""Opening the record: connection rules, transactions, migrations, and errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from broadsheet.errors import SchemaVersionError, StoreError

HEAD = "0002"
"""The newest migration that this Broadsheet knows; a test holds it against the folder."""

_BUSY_SECONDS = 30


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
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the database's errors that a person can act on into StoreError."""
    try:
        yield
    except OperationalError as error:
        words = str(error.orig).lower()
        if "locked" in words or "busy" in words:
            raise StoreError(f"{path} is in use by another process", temporary=True) from error
        if "full" in words:
            raise StoreError(f"the disk that holds {path} is full") from error
        if "readonly" in words or "unable to open" in words:
            raise StoreError(f"{path} cannot be opened for writing: {error.orig}") from error
        raise
    except DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise StoreError(f"{path} is damaged or is not a Broadsheet record") from error
        raise


class Database:
    """One SQLite file with the record; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open the record at `path`, making or upgrading it where needed.

        Raises StoreError if the file cannot be used and SchemaVersionError if it is newer.
        """
        self.path = path
        self._engine = _open_engine(path)
        try:
            with translated(path):
                self._bring_up_to_date()
        except BaseException:
            self.close()
            raise

    def _bring_up_to_date(self) -> None:
        version = self._version()
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise SchemaVersionError(
                f"{self.path} was made by a newer Broadsheet (schema {version}; this one knows "
                f"{HEAD}): upgrade Broadsheet, or choose another home with --home"
            )
        self._migrate()

    def _version(self) -> str | None:
        with self._engine.connect() as connection:
            found = connection.execute(
                text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
            ).first()
            if found is None:
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def _migrate(self) -> None:
        # Alembic is slow to import and is needed once in the life of a home.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", "broadsheet.collection:migrations")
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees the record as of one moment."""
        with translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are all kept at the end, or none on an error."""
        with translated(self.path), self._engine.connect() as plain:
            connection = plain.execution_options(writing=True)
            with connection.begin():
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
