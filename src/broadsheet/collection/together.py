"""Writes of many threads in few transactions: who waits for the disk waits for all at once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from broadsheet.collection.database import Database

T = TypeVar("T")


class Together:
    """Writes to one record; safe to share between threads.

    Whoever has the turn carries out what all others have asked for meanwhile, in one transaction:
    a commit takes as long as the disk takes, however much is in it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._list = Lock()
        self._turn = Lock()
        self._waiting: list[_Change] = []

    def write(self, change: Callable[[Connection], T]) -> T:
        """Return what `change` returns, once that is kept.

        What it raises undoes what it did, and nothing that others did. Raises StoreError if the
        record cannot be written.
        """
        mine = _Change(change)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                self._carry_out()
        return cast("T", mine.outcome())

    def _carry_out(self) -> None:
        with self._list:
            changes, self._waiting = self._waiting, []
        try:
            with self._database.write() as connection:
                for change in changes:
                    change.carry_out(connection)
        except BaseException as error:  # noqa: BLE001 (each of them is told, by its own thread)
            for change in changes:
                change.fail(error)
        for change in changes:
            change.is_done = True


class _Change:
    """A change that waits for its turn, and then what came of it."""

    def __init__(self, change: Callable[[Connection], Any]) -> None:
        self.is_done = False
        self._change = change
        self._result: Any = None
        self._error: BaseException | None = None

    def carry_out(self, connection: Connection) -> None:
        """Do it in a part of the transaction that can be undone by itself."""
        try:
            with connection.begin_nested():
                self._result = self._change(connection)
        except Exception as error:  # noqa: BLE001 (it is raised where it belongs)
            self._error = error

    def fail(self, error: BaseException) -> None:
        """Say that nothing of the whole transaction was kept."""
        self._error = self._error or error

    def outcome(self) -> Any:
        """Return what came of it, or raise it."""
        if self._error is not None:
            raise self._error
        return self._result
