"""A shared library with a subscription and a ledger, for tests of what is sent and shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, update

from broadsheet.collection import schema
from broadsheet.delivery.choosing import as_body
from broadsheet.delivery.links import Links
from broadsheet.delivery.mailroom import Mailroom, Manner
from broadsheet.delivery.message import MailRules
from broadsheet.delivery.rendering import Renderer
from broadsheet.delivery.subscription import Choice, Item
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Record
from broadsheet.readers.rules import Rules
from broadsheet.search.embedding import Embedder
from conftest import NOW
from delivery.issued import BASE, HANDLE

ADDRESS = "ada@example.net"
SENDER = "Daily Papers <papers@example.org>"
MADE = "2026-03-17T06:30:00Z"
RECORDS = [
    Record(
        source="invented", key=str(n), title=f"Lighthouses of coast {n}", abstract="They shine.",
        authors=("Ada Example",), external_ids=(ExternalId("arxiv", f"2603.0000{n}"),),
        announced="2026-03-16", categories=("cs.CL",),
    )
    for n in range(1, 4)
]  # fmt: skip


class House:
    """A shared library that only readers may read, with a subscription and its ledger."""

    def __init__(self, library: Library) -> None:
        self.library = library
        for _ in library.file(RECORDS, source="invented", counts=Counter()):
            pass
        self.papers = [library.resolve(f"arxiv:2603.0000{n}") for n in range(1, 4)]
        now = {"channel": "mail", "address": ADDRESS, "made": MADE}
        recipient = self._add(schema.recipients, **now)
        self.subscription = self._add(
            schema.subscriptions, recipient_id=recipient, handle=HANDLE, kind="trending",
            cadence="day", at="07:30", zone="Europe/Berlin", longest=20, when_empty="skip",
            form="html", language="en", state="active", made=MADE,
        )  # fmt: skip

    @property
    def renderer(self) -> Renderer:
        """What is tested."""
        return self.library.mailroom.renderer

    @property
    def links(self) -> Links:
        """The links of this house."""
        return self.library.mailroom.links

    def _add(self, table: Table, **values: Any) -> int:
        with self.library.database.write() as connection:
            made = connection.execute(insert(table).values(**values))
            return int(made.inserted_primary_key[0])

    def digest(self, issue: str = "2026-03-17", body: str | None = None) -> int:
        """Return the number of a new digest with all papers."""
        items = tuple(Item(paper, ("41 upvotes",)) for paper in self.papers)
        day = date(2026, 3, 16)
        choice = Choice("Trending", day, day, items, more=2, more_path="/trending")
        return self._add(
            schema.digests, subscription_id=self.subscription, issue=issue, due=MADE, ends=MADE,
            state="ready", body=as_body(choice) if body is None else body, made=MADE,
        )  # fmt: skip

    def web_path(self) -> str:
        """Return the path of the web version of a new digest."""
        return self.links.digest(HANDLE, self.digest()).removeprefix(BASE)

    def change(self, **values: Any) -> None:
        """Change the subscription."""
        with self.library.database.write() as connection:
            connection.execute(update(schema.subscriptions).values(**values))

    def refile(self, **changes: Any) -> None:
        """File the first paper anew, otherwise than before."""
        changed = [replace(RECORDS[0], **changes)]
        for _ in self.library.file(changed, source="invented", counts=Counter()):
            pass


@contextmanager
def opened(folder: Path, embedder: Embedder) -> Iterator[House]:
    """Give a house in a folder."""

    def mailroom(library: Library) -> Mailroom:
        manner = Manner(base=BASE, mail=MailRules(SENDER), returns="returns@example.org")
        return Mailroom(library.stock, library.accounts.rules, manner, None)

    rules = Rules(is_shared=True, address=BASE)
    with open_library(
        folder, clock=lambda: NOW, embedder=embedder, rules=rules, mailroom=mailroom
    ) as library:
        yield House(library)
