"""Writes of many threads in few transactions: who waits for the disk waits for all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from broadsheet.collection.database import Database

T = TypeVar("T")


class Together:
    """Writes to one record; safe to share between threads.

    One of those who wait carries out what all of them have asked for, in one transaction: a commit
    takes as long as the disk takes, however much is in it. Meanwhile others come, of whom the
    first is next, so that nobody waits longer than two transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._is_led = False
        self._waiting: list[_Change] = []

    def write(self, change: Callable[[Connection], T]) -> T:
        """Return what `change` returns, once that is kept.

        What it raises undoes what it did, and nothing that others did. Raises StoreError if the
        record cannot be written.
        """
        mine = _Change(change)
        with self._lock:
            self._waiting.append(mine)
            leads, self._is_led = not self._is_led, True
        try:
            if not leads:
                mine.woken.wait()
        finally:
            # Also whoever is interrupted while waiting hands on what they were to lead.
            if leads or mine.leads:
                self._lead()
        return cast("T", mine.outcome())

    def _lead(self) -> None:
        with self._lock:
            changes, self._waiting = self._waiting, []
        try:
            self._carry_out(changes)
        finally:
            with self._lock:
                self._is_led = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].woken.set()
            for change in changes:
                change.woken.set()

    def _carry_out(self, changes: Sequence[_Change]) -> None:
        try:
            with self._database.write() as connection:
                carry_out = _Change.carry_out if len(changes) > 1 else _Change.carry_out_alone
                for change in changes:
                    carry_out(change, connection)
        except BaseException as error:  # noqa: BLE001 (each of them is told, by its own thread)
            for change in changes:
                change.fail(error)


class _Change:
    """A change that waits for its turn, and then what came of it.

    Whoever asked for it is `woken` when it is done, or when they are to lead the next ones.
    """

    def __init__(self, change: Callable[[Connection], Any]) -> None:
        self.woken = Event()
        self.leads = False
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

    def carry_out_alone(self, connection: Connection) -> None:
        """Do it in a transaction that is undone as a whole by what it raises."""
        self._result = self._change(connection)

    def fail(self, error: BaseException) -> None:
        """Say that nothing of the whole transaction was kept."""
        self._error = self._error or error

    def outcome(self) -> Any:
        """Return what came of it, or raise it."""
        if self._error is not None:
            raise self._error
        return self._result
