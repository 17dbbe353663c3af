"""The papers in a library of Zotero: of its Web API, or of the app on the same machine.

Formats: https://www.zotero.org/support/dev/web_api/v3/basics and …/v3/syncing; the app's own API is
described in its source (`server_localAPI.js`). What is deleted there stays here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from broadsheet.errors import ConfigError, RecordError, SourceError, SourceUnavailable
from broadsheet.papers.types import Record
from broadsheet.sources import fields
from broadsheet.sources.base import (
    Ask,
    Batch,
    Cursor,
    Finding,
    Item,
    Option,
    Rhythm,
    Want,
    examine,
)
from broadsheet.sources.bibliography import aside, zotero_item
from broadsheet.sources.jsonl import kind_of
from broadsheet.sources.polite import Answer, Client, Manner

NAME: Final = "zotero"
PAGE: Final = 100
"""Items of one answer: the most that the Web API gives."""
_BEGINNINGS = 4
"""So often a pass is begun anew, because the library was changed, before it is given up."""
_CHECKED = 10

_LIBRARY = re.compile(r"(?:users|groups)/\d{1,12}")
_OF_THE_APP = "users/0"
_NEXT = re.compile(r"""<[^<>]*>\s*;\s*rel\s*=\s*"?next\b""")

_WANTS: Final[Mapping[str, Want]] = {
    "key": Want(str),
    "version": Want(int),
    "data": Want(dict),
    "data.itemType": Want(str),
    "data.title": Want(str, needed=False),
    "data.creators": Want(list, needed=False),
    "data.abstractNote": Want(str, needed=False),
    "data.date": Want(str, needed=False),
    "data.DOI": Want(str, needed=False),
    "data.url": Want(str, needed=False),
    "data.archiveID": Want(str, needed=False),
    "data.extra": Want(str, needed=False),
    "data.tags": Want(list, needed=False),
    "data.collections": Want(list, needed=False),
    "data.dateAdded": Want(str),
}


def parse_items(body: bytes, *, library: str, first: int = 0) -> list[Item]:
    """Return the papers of an answer that lists items of `library`; notes and files are none.

    `first` is how many items the answers before it had. Raises SourceError if it is no such list.
    """
    answer = fields.loaded(body, source=NAME)
    if not isinstance(answer, list):
        said = f"Zotero answered with {kind_of(answer)}, not with a list of items"
        raise SourceError(said, source=NAME)
    found = (_item(given, library, place) for place, given in enumerate(answer, first + 1))
    return [item for item in found if item is not None]


def _item(given: Any, library: str, place: int) -> Item | None:
    if not isinstance(given, dict):
        return aside(f"not an object but {kind_of(given)}", name=NAME, place=place, text=str(given))
    item = zotero_item(given, name=NAME, place=place)
    if item is None or isinstance(item, RecordError):
        return item
    key = fields.text(given.get("key")) or fields.text(fields.obj(given.get("data")).get("key"))
    if not key:
        return aside("no key", name=NAME, place=place, text=item.title)
    return _filed(item, f"{library}/{key[:40]}")


def _filed(record: Record, key: str) -> Record:
    return replace(record, source=NAME, key=key)


class Zotero:
    """One library: that of a user or of a group.

    A pass asks for what has changed since the library's version at the end of the pass before. If
    it changes during a pass, the pass begins anew: pages would have moved. The app's own library
    (`users/0`) is read whole each time, because what it has not synchronised has no version.
    """

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "Zotero"
    key_variable: ClassVar[str] = "ZOTERO_API_KEY"
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "url",
            "https://api.zotero.org",
            'The address of the API; "http://localhost:23119/api" is the app on this machine.',
        ),
        Option("library", "", '"users/123" or "groups/45"; "users/0" is the library of the app.'),
    )

    def __init__(
        self, *, url: str = "https://api.zotero.org", library: str = "", key: str = ""
    ) -> None:
        if library and not _LIBRARY.fullmatch(library):
            said = f'sources.zotero.library is {library!r}; it is like "users/123" or "groups/45"'
            raise ConfigError(said)
        self.url = url.rstrip("/")
        self.library = library
        is_app = library == _OF_THE_APP
        self.manner = Manner("zotero-app", gap_s=0) if is_app else Manner("zotero", gap_s=1)
        self.rhythm = Rhythm("days", every_h=6)
        self._key = key
        self._is_app = is_app

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the library, if one is named; the first harvest has all of it."""
        return (self.library,) if self.library and not ask.is_backfill else ()

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield the pages of a pass, which a cursor with `start` goes on with.

        Where `ask` names a day, the whole library is read again: Zotero knows no such days.
        """
        is_whole = self._is_app or ask.since is not None
        held = 0 if is_whole else _whole(cursor.get("version"))
        start, target = _whole(cursor.get("start")), cursor.get("target")
        beginnings = 0
        while True:
            answer = self._asked(client, part, held, start)
            if answer.is_unchanged:
                yield Batch((), {"version": held})
                return
            version = _version(answer)
            if start and version != target:
                beginnings += 1
                if beginnings >= _BEGINNINGS:
                    raise SourceUnavailable(f"Zotero: {part} keeps changing", source=NAME)
                start = 0
                continue
            batch, start = self._batch(answer, part, held, start)
            target = version
            yield batch
            if "start" not in batch.cursor:
                return

    def _batch(self, answer: Answer, part: str, held: int, start: int) -> tuple[Batch, int]:
        """Return the batch of an answer, and how many items of the pass are read with it."""
        items = parse_items(answer.body, library=part, first=start)
        count = len(fields.listed(fields.loaded(answer.body, source=NAME)))
        total = _whole(_number(answer, "total-results"))
        version, read = _version(answer), start + count
        has_more = bool(_NEXT.search(answer.headers.get("link", ""))) or read < total
        if has_more and not count:
            raise SourceError("Zotero sent an empty page, and says that more follow", source=NAME)
        more = {"version": held, "target": version, "start": read}
        return Batch(items, more if has_more else {"version": version}, total=total or read), read

    def _asked(self, client: Client, part: str, held: int, start: int, limit: int = PAGE) -> Answer:
        params: dict[str, str | int] = {"format": "json", "limit": limit, "start": start}
        params |= {"sort": "dateAdded", "direction": "asc"}
        headers = {"Zotero-API-Version": "3"}
        if held:
            params["since"] = held
        if held and not start:
            headers["If-Modified-Since-Version"] = str(held)
        if self._key:
            headers["Zotero-API-Key"] = self._key
        url = f"{self.url}/{part}/items/top"
        return client.get(url, params=params, headers=headers, form="json")

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for the first items of the library, and yield what they have."""
        if not self.library:
            yield Finding("library", is_well=True, says="no library is named in the configuration")
            return
        answer = self._asked(client, self.library, 0, 0, _CHECKED)
        version = _version(answer)
        says = str(version) if version else "is not there"
        yield Finding("Last-Modified-Version", bool(version) or self._is_app, says)
        parse_items(answer.body, library=self.library)
        items = fields.loaded(answer.body, source=NAME)
        if items:
            yield from examine(map(fields.obj, items), _WANTS)
        else:
            yield Finding("items", is_well=True, says="the library is empty")


def _version(answer: Answer) -> int:
    """Return the version of the library that an answer is of, 0 if it says none."""
    return _whole(_number(answer, "last-modified-version"))


def _number(answer: Answer, header: str) -> int:
    text = answer.headers.get(header, "").strip()
    return int(text) if text.isdecimal() and len(text) < 16 else 0  # noqa: PLR2004 (JSON's)


def _whole(value: object) -> int:
    """Return a number from a cursor, 0 if there is none."""
    return value if isinstance(value, int) and value > 0 else 0
