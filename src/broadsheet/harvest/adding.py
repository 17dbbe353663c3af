"""Adding a paper by hand: found among what is held, else fetched from the source that knows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from broadsheet.collection import papers as store
from broadsheet.collection import runs
from broadsheet.collection.database import Database
from broadsheet.errors import SourceError
from broadsheet.harvest.harvester import Connect, Harvester
from broadsheet.harvest.registry import Registry
from broadsheet.papers.types import ExternalId, PaperId, Record
from broadsheet.sources import by_hand
from broadsheet.sources.base import Item, LookedUp, Searched, Source
from broadsheet.sources.fetching import Fetcher
from broadsheet.sources.hosts import manner_of
from broadsheet.sources.polite import Client, Manner

_SHOWN: Final = 5


_ADDRESS = re.compile(r"https?://([^/?\s]+)[^\s]*")


class Added(NamedTuple):
    """What became of a wish to add a paper: the paper, if it was found or was here already.

    `outcome` is `new`, `updated`, `merged`, `unchanged` or `failed`, and `reason` says more.
    `candidates` have titles like the one that was given, where none has just that.
    """

    wanted: str
    paper: PaperId | None
    outcome: str
    reason: str
    candidates: Sequence[Record] = ()


class Adder:
    """Adds papers one at a time."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        harvester: Harvester,
        connect: Connect,
        client: Callable[[Manner], AbstractContextManager[Client]],
        fetcher: Fetcher,
    ) -> None:
        """`connect` gives the client of a source, `client` one for a host that is no source's.

        `fetcher` fetches what strangers name.
        """
        self._database = database
        self._registry = registry
        self._harvester = harvester
        self._connect = connect
        self._client = client
        self._fetcher = fetcher

    def add(self, text: str) -> Added:
        """Return what became of the wish for the paper that `text` means."""
        try:
            wanted = by_hand.read_wanted(text)
        except SourceError as error:
            return Added(text, None, "failed", str(error))
        if isinstance(wanted, by_hand.ById):
            return self._add_id(text, wanted.id)
        if isinstance(wanted, by_hand.ByLink):
            return self._add_link(text, wanted.url)
        return self._add_title(text, wanted.title)

    def _add_id(self, text: str, external: ExternalId) -> Added:
        held = self._held(external)
        if held is not None:
            return Added(text, held, "unchanged", "it is here already")
        seen = self.look_up(external)
        if seen.record is None:
            return Added(text, None, "failed", seen.told)
        return self.file(text, seen.told, seen.record)

    def look_up(self, external: ExternalId) -> by_hand.Seen:
        """Return what the first source that knows an id says; nothing is kept."""
        told: list[str] = []
        for name in by_hand.ORDER.get(external.namespace, ()):
            source = self._registry.setup(name).source
            if isinstance(source, LookedUp) and external.namespace in source.namespaces:
                found = self._looked_up(source, external, told)
                if found:
                    return by_hand.Seen(found[0], source.title)
        return by_hand.Seen(None, "; ".join(dict.fromkeys(told)) or "no source knows it")

    def _held(self, external: ExternalId) -> PaperId | None:
        with self._database.read() as connection:
            return store.find_external(connection, [external]).get(external)

    def _looked_up(self, source: LookedUp, external: ExternalId, told: list[str]) -> list[Record]:
        before = len(told)
        found = self._asked(source, lambda client: source.look_up(client, [external]), told)
        if not found and len(told) == before:
            told.append(f"{source.title} does not know it")
        return found

    def _asked(
        self, source: Source, ask: Callable[[Client], Iterator[Item]], told: list[str]
    ) -> list[Record]:
        """Return the records that a source answers with; what goes wrong is added to `told`."""
        try:
            with self._connect(source)("") as client:
                items = list(ask(client))
        except SourceError as error:
            # Which host did not answer is of use to people; with what it was asked is not.
            told.append(_ADDRESS.sub(r"\1", str(error)))
            return []
        told += [item.reason for item in items if not isinstance(item, Record)]
        return [item for item in items if isinstance(item, Record)]

    def _add_link(self, text: str, url: str) -> Added:
        manner = manner_of(url, by_hand.MANNER)
        try:
            with self._client(manner) as client:
                record = by_hand.fetch_page(client, url)
        except SourceError as error:
            return Added(text, None, "failed", str(error))
        for external in record.external_ids:
            # The source that gave the id says more than a page that repeats it.
            known = self._add_id(text, external)
            if known.paper is not None:
                return known
        return self.file(text, urlsplit(url).hostname or url, record)

    def read_page(self, url: str) -> Record:
        """Return what the page at an address that a stranger gave says of its paper.

        Raises RefusedError for an address that must not be asked, and SourceError without a paper.
        """
        found = self._fetcher.fetch(url)
        body = found.body
        if found.is_json:
            # As it would stand on a page, where no text in it must end the element.
            json = body.replace(b"</", b"<\\/")
            body = b'<script type="application/ld+json">' + json + b"</script>"
        return by_hand.parse_page(body, url=found.url)

    def _add_title(self, text: str, title: str) -> Added:
        told: list[str] = []
        candidates: list[Record] = []
        for setup in self._registry.setups():
            source = setup.source
            if not isinstance(source, Searched):
                continue
            found = self._found(source, title, told)
            best = by_hand.best_title(title, found)
            if best is not None:
                return self.file(text, source.title, best)
            candidates += found
        reason = "; ".join(["no source has a paper of this title", *dict.fromkeys(told)])
        return Added(text, None, "failed", reason, candidates[:_SHOWN])

    def find_title(self, title: str) -> tuple[list[Record], str]:
        """Return what all sources find that is like a title, likest first; and what went wrong."""
        told: list[str] = []
        found = [
            record
            for setup in self._registry.setups()
            if isinstance(setup.source, Searched)
            for record in self._found(setup.source, title, told)
        ]
        found.sort(key=lambda record: -by_hand.likeness(title, record.title))
        return found, "; ".join(dict.fromkeys(told))

    def _found(self, source: Searched, title: str, told: list[str]) -> list[Record]:
        return self._asked(source, lambda client: source.find_title(client, title), told)

    def file(self, text: str, title: str, found: Record) -> Added:
        """File what the source of this title gave, as a run of its own, and feed the index."""
        key = found.source, found.key
        with self._database.write() as connection:
            number = runs.begin(connection, key[0], self._harvester.stamp(), "add")
        record, how = self._harvester.file(key[0], [found], number).records[0]
        with self._database.write() as connection:
            paper = store.papers_of(connection, [key])[key]
            runs.advance(connection, number, 1, Counter[str]([how]))
            outcome = "new" if how == "new" else "nothing new"
            reason = f"Added by hand: {record.title}"
            runs.finish(connection, number, outcome, reason, self._harvester.stamp())
        self._harvester.feed()
        return Added(text, paper, how, f"from {title}")
