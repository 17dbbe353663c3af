"""Feeds of papers that a reader follows: any number of them, each failing alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import ClassVar, Final

from broadsheet.errors import ConfigError, RecordError, SourceError, SourceRejected
from broadsheet.papers.types import Record
from broadsheet.sources.base import (
    Ask,
    Batch,
    Cursor,
    Finding,
    Option,
    Rhythm,
    Want,
    examine,
)
from broadsheet.sources.feed_forms import (
    MAX_FEED,
    ParsedFeed,
    breaks_off,
    feeds_of_page,
    parse_feed,
    parse_feed_bytes,
)
from broadsheet.sources.hosts import manner_of
from broadsheet.sources.polite import Answer, Client, Manner

__all__ = ["Feeds", "ParsedFeed", "feeds_of_page", "parse_feed", "parse_feed_bytes"]

KEEPS: Final = ("papers", "all")
_ACCEPT: Final = {
    "Accept": "application/atom+xml, application/rss+xml, application/feed+json, "
    "application/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
}
_GONE = 410
_WANTS: Final = {
    "title": Want(str),
    "id": Want(str, needed=False),
    "link": Want(str),
    "published": Want(str, needed=False),
    "external_id": Want(str, needed=False),
}


class Feeds:
    """Any number of feeds, each a part of its own that fails alone."""

    name: ClassVar[str] = "feeds"
    title: ClassVar[str] = "Feeds of papers"
    key_variable: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = (
        Option("urls", (), "The addresses of RSS, Atom or JSON feeds."),
        Option("keep", "papers", '"papers" keeps what has an id or is cited, "all" everything.'),
    )

    def __init__(self, *, urls: tuple[str, ...] = (), keep: str = "papers") -> None:
        if keep not in KEEPS:
            raise ConfigError(f'sources.feeds.keep is {keep!r}; it may be "papers" or "all"')
        self.urls = tuple(dict.fromkeys(u for u in map(str.strip, urls) if u))
        self.keep = keep
        self.manner = Manner("feeds", gap_s=1, tries=3, patience_s=60, max_bytes=MAX_FEED)
        self.rhythm = Rhythm("days", every_h=3)

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the addresses; a feed has no past, so a backfill has no parts."""
        return () if ask.is_backfill else self.urls

    def manner_of(self, part: str) -> Manner:
        """Return how the host of one feed is treated: each by a rule of its own."""
        return manner_of(part, self.manner)

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield one batch: the papers of a feed, or none where it has not changed.

        One that breaks off before its end raises SourceError after those that came.
        """
        is_known = cursor.get("keep") == self.keep and ask.since is None
        held = cursor if is_known else {}
        answer = self._fetched(client, part, held)
        if answer.is_unchanged:
            yield Batch((), cursor)
            return
        digest = blake2b(answer.body, digest_size=16).hexdigest()
        new = {"keep": self.keep, "digest": digest}
        new |= {"etag": answer.etag, "modified": answer.modified}
        if held.get("digest") == digest:
            yield Batch((), new)
            return
        parsed = parse_feed(
            answer.body, name=part, url=answer.url or part, keep=self.keep, known_as=part
        )
        # What has not come yet is asked for again, as if nothing had been read.
        is_cut = breaks_off(answer.body)
        yield Batch(parsed.items, cursor if is_cut else new, total=len(parsed.items))
        if is_cut:
            said = f"{part} breaks off in the middle; what came before that is filed"
            raise SourceError(said, source=self.name)

    def check(self, client: Client) -> Iterator[Finding]:
        """Read the first feed, and yield what its entries have."""
        if not self.urls:
            yield Finding("urls", is_well=True, says="no feed is named in the configuration")
            return
        url = self.urls[0]
        answer = self._fetched(client, url, {})
        parsed = parse_feed(answer.body, name=url, url=answer.url or url, keep="all")
        records = [item for item in parsed.items if isinstance(item, Record)]
        yield Finding("entries", bool(records), f"{len(records)} in “{parsed.title}”")
        refused = [item for item in parsed.items if isinstance(item, RecordError)]
        why = f", such as number {refused[0].place}: {refused[0].reason}" if refused else ""
        yield Finding("refused", not refused, f"{len(refused)}{why}")
        yield from examine(map(_shown, records), _WANTS)

    def _fetched(self, client: Client, url: str, held: Cursor) -> Answer:
        if not re.match(r"(?i)https?://", url):
            raise SourceError(f"{url}: a feed's address begins with https://", source=self.name)
        etag, modified = held.get("etag", ""), held.get("modified", "")
        try:
            return client.get(url, headers=_ACCEPT, etag=etag, modified=modified)
        except SourceRejected as error:
            if error.status != _GONE:
                raise
            said = f"{url} is gone for good (410): take it out of sources.feeds.urls"
            raise SourceRejected(said, source=self.name, status=_GONE) from error


def _shown(record: Record) -> dict[str, str | None]:
    return {
        "title": record.title,
        "id": record.key.partition(":")[2],
        "link": dict(reversed(record.links)).get("abs"),
        "published": record.announced or record.published or record.updated,
        "external_id": next(map(str, record.external_ids), None),
    }
