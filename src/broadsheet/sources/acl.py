"""The ACL Anthology: proceedings of computational linguistics, from its own XML files.

The format is that of https://github.com/acl-org/acl-anthology, data/xml and data/xml/schema.rnc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, ClassVar, Final

from broadsheet.errors import ConfigError, RecordError, SourceError, SourceRejected
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Ask, Batch, Cursor, Finding, Item, Option, Rhythm, Want, examine
from broadsheet.sources.jsonl import parse_day
from broadsheet.sources.polite import Client, Manner

_NAME = "acl"
_SITE = "https://aclanthology.org"
_NOT_FOUND = 404
_BATCH = 500
_OLD_COLLECTION = re.compile(r"[A-Z]\d\d")
_COLLECTION = re.compile(r"[A-Z]\d\d|\d{4}\.[a-z0-9_]+", re.ASCII)
_NUMBER = re.compile(r"\d{1,5}", re.ASCII)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CHECKED = "2023.eacl"

WANTS: Mapping[str, Want] = {
    "id": Want(str),
    "title": Want(str),
    "author": Want(str),
    "url": Want(str),
    "bibkey": Want(str),
    "abstract": Want(str, needed=False),
    "doi": Want(str, needed=False),
    "year": Want(str),
    "booktitle": Want(str),
}


# ---------------------------------------------------------------------------- reading


def parse_volume(body: bytes, *, name: str) -> list[Item]:
    """Return the papers of one of the Anthology's XML files, front matter left out.

    `name` says in errors which file it was. Raises SourceError if it is no such file; what comes
    before the place where a file is damaged is lost, since a whole file is one answer.
    """
    volume = _Volume()
    items: list[Item] = []
    place = 0
    for event, element in _elements(body, name):
        if event == "start":
            volume.enter(element)
        elif element.tag == "meta":
            volume.read(element)
        elif element.tag == "paper":
            place += 1
            items.append(_item(element, volume, name, place))
            _forget(element)
    if not volume.collection:
        raise SourceError(f"{name} is no file of the ACL Anthology: no collection", source=_NAME)
    return items


def _elements(body: bytes, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the start of each volume and the end of what is read, as the file goes on."""
    from lxml import etree  # noqa: PLC0415 (takes a while)

    events = etree.iterparse(
        BytesIO(body),
        events=("start", "end"),
        tag=("collection", "volume", "meta", "paper"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        yield from events
    except etree.XMLSyntaxError as error:
        raise SourceError(f"{name} is no good XML: {error}", source=_NAME) from error


def _forget(element: Any) -> None:
    """Free a paper that was read: a file of thousands would be held as a tree otherwise."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _item(element: Any, volume: _Volume, name: str, place: int) -> Item:
    try:
        return fields.sound(_record(element, volume, place), place)
    except RecordError as error:
        return RecordError(error.reason, source=name, place=place, excerpt=error.excerpt)


class _Volume:
    """What the papers of a volume share."""

    def __init__(self) -> None:
        self.collection = ""
        self.volume = ""
        self.ingested = ""
        self.booktitle = ""
        self.venues: tuple[str, ...] = ()
        self.year: int | None = None
        self.month = 0

    def enter(self, element: Any) -> None:
        """Take the name of a collection, or begin a volume in it."""
        if element.tag == "collection":
            self.collection = element.get("id", "")
        elif element.tag == "volume":
            collection = self.collection
            self.__init__()  # type: ignore[misc]
            self.collection = collection
            self.volume = element.get("id", "")
            self.ingested = parse_day(element.get("ingest-date")) or ""

    def read(self, meta: Any) -> None:
        """Take what the head of a volume says."""
        self.booktitle = _words(meta.find("booktitle")) or _words(meta.find("journal-title"))
        self.venues = fields.distinct(clean(_plain(v)) for v in meta.iterfind("venue"))
        self.year, self.month = _year_and_month(meta)


def _year_and_month(element: Any) -> tuple[int | None, int]:
    """Return the year and the number of the month, 0 if none is said."""
    month = clean(_plain(element.find("month")))
    number = _MONTHS.get(month[:3].casefold(), 0) or _small(month, len(_MONTHS))
    return fields.year(_small(clean(_plain(element.find("year"))), 9999)), number


def _small(text: str, most: int) -> int:
    """Return a number up to `most`, else 0."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return int(text) if is_number and int(text) <= most else 0


def anthology_id(collection: str, volume: str, paper: str) -> str:
    """Return the id of a paper: `2023.eacl-main.1`, or of old collections `P18-1001`, `W18-0101`.

    The old form has four digits for both: of workshops two for the volume, else one.
    """
    if not _OLD_COLLECTION.fullmatch(collection):
        return f"{collection}-{volume}.{paper}"
    if not _NUMBER.fullmatch(volume) or not _NUMBER.fullmatch(paper):
        return ""
    is_wide = collection[0] == "W" or collection == "C69"
    is_wide = is_wide or (collection == "D19" and int(volume) >= 5)  # noqa: PLR2004 (workshops)
    width = (2, 2) if is_wide else (1, 3)
    return f"{collection}-{int(volume):0{width[0]}d}{int(paper):0{width[1]}d}"


def _record(paper: Any, volume: _Volume, place: int) -> Record:
    given = anthology_id(volume.collection, volume.volume, paper.get("id", ""))
    own = fields.external_id("acl", given)
    if own is None:
        fields.refuse("no id of the Anthology", given, place, source=_NAME)
    year, month = _year_and_month(paper)
    year, month = year or volume.year, month or volume.month
    doi = fields.external_id("doi", _plain(paper.find("doi")).strip())
    page = f"{_SITE}/{own.value}"
    return Record(
        source=_NAME,
        # As the importer names the records of the Anthology's papers, so that they stay one.
        key=str(own),
        title=_words(paper.find("title")),
        abstract=_words(paper.find("abstract")),
        authors=tuple(filter(None, map(_person, paper.iterfind("author")))),
        external_ids=fields.distinct((own, doi)),
        year=year,
        published=f"{year}-{month:02d}" if year and month else None,
        venue=volume.booktitle,
        comment=_retraction(paper),
        withdrawn=paper.find("retracted") is not None or paper.find("removed") is not None,
        links=fields.links(("abs", f"{page}/"), ("pdf", _pdf(paper, page)), ("code", _code(paper))),
        extra=fields.filled(_extra(paper, volume)),
    )


def _retraction(paper: Any) -> str:
    """Return why a paper was taken back, "" if it was not or nobody says."""
    return _words(paper.find("retracted")) or _words(paper.find("removed"))


def _person(author: Any) -> str:
    """Return `First Last` and suffix; variants in other scripts are left out."""
    return clean(" ".join(_plain(author.find(part)) for part in ("first", "last", "suffix")))


def _pdf(paper: Any, page: str) -> str:
    """Return where the text is: at the Anthology, unless the address leads elsewhere."""
    url = _plain(paper.find("url")).strip()
    if not url:
        return ""
    return url if url.startswith(("http://", "https://")) else f"{page}.pdf"


def _code(paper: Any) -> str:
    code = paper.find("pwccode")
    return "" if code is None else code.get("url", "")


def _extra(paper: Any, volume: _Volume) -> dict[str, Any]:
    changes = [*paper.iterfind("revision"), *paper.iterfind("erratum")]
    return {
        "bibkey": clean(_plain(paper.find("bibkey"))),
        "pages": clean(_plain(paper.find("pages"))),
        "awards": [clean(_plain(award)) for award in paper.iterfind("award")],
        "venues": list(volume.venues),
        "ingested": volume.ingested,
        "changes": [
            fields.filled(
                {
                    "kind": change.tag,
                    "id": change.get("id", ""),
                    "date": change.get("date", ""),
                    "says": _words(change) if change.tag == "revision" else "",
                }
            )
            for change in changes
        ],
    }


def _plain(element: Any) -> str:
    return "" if element is None else "".join(element.itertext())


def _words(element: Any) -> str:
    """Return the text of an element that marks letters, formulas and addresses, on one line."""
    if element is None:
        return ""
    for math in element.iter("tex-math"):
        said = "".join(math.itertext())
        math.text = f"${said}$" if said and "$" not in said else said
        for child in list(math):
            math.remove(child)
    return clean("".join(element.itertext()))


# ---------------------------------------------------------------------------- asking


class AclAnthology:
    """Brings the papers of collections of the ACL Anthology, such as `2026.acl`.

    It knows papers by id, each by fetching its collection.
    """

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "ACL Anthology"
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "url",
            "https://raw.githubusercontent.com/acl-org/acl-anthology/master/data/xml",
            "Address of the folder with the XML files.",
        ),
        Option("collections", (), "Collections to bring: 2026.acl, 2026.findings, P18."),
    )
    key_variable: ClassVar[str] = ""
    namespaces: ClassVar[tuple[str, ...]] = (_NAME,)
    rhythm = Rhythm("days", every_h=24)
    manner = Manner("raw.githubusercontent.com", gap_s=1.0, timeout_s=120)

    def __init__(
        self,
        *,
        url: str = "https://raw.githubusercontent.com/acl-org/acl-anthology/master/data/xml",
        collections: tuple[str, ...] = (),
    ) -> None:
        self._url = url.rstrip("/")
        for name in collections:
            if not _COLLECTION.fullmatch(name):
                raise ConfigError(
                    f"[sources.acl] collections: {name!r} is no collection of the Anthology;"
                    " they have names like 2026.acl and P18"
                )
        self._collections = collections

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the collections that are wanted."""
        del ask
        return self._collections

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield the papers of a collection if its file changed, some hundred at a time.

        The cursor has `etag` and `modified` of the file that was read to its end. A collection
        that is not there yet has no papers.
        """
        del ask
        etag, modified = (v if isinstance(v, str) else "" for v in map(cursor.get, _CONDITIONS))
        try:
            answer = client.get(self._file(part), form="xml", etag=etag, modified=modified)
        except SourceRejected as error:
            if error.status != _NOT_FOUND:
                raise
            yield Batch((), {}, total=0)
            return
        if answer.is_unchanged:
            yield Batch((), cursor)
            return
        items = parse_volume(answer.body, name=f"{part}.xml")
        whole = {"etag": answer.etag, "modified": answer.modified}
        for start in range(0, max(1, len(items)), _BATCH):
            some = items[start : start + _BATCH]
            # A file that was not filed to its end is asked for again.
            is_last = start + _BATCH >= len(items)
            yield Batch(some, whole if is_last else cursor, total=len(items))

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the papers with these ids of the Anthology; each collection is fetched once."""
        wanted = dict.fromkeys(i for i in ids if i.namespace == _NAME)
        for part in dict.fromkeys(i.value.partition("-")[0] for i in wanted):
            try:
                answer = client.get(self._file(part), form="xml")
            except SourceRejected as error:
                if error.status != _NOT_FOUND:
                    raise
                continue
            for item in parse_volume(answer.body, name=f"{part}.xml"):
                if isinstance(item, Record) and not wanted.keys().isdisjoint(item.external_ids):
                    yield item

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for one collection, and judge the fields of its first papers."""
        part = next(iter(self._collections), _CHECKED)
        answer = client.get(self._file(part), form="xml")
        yield from examine(_as_dicts(answer.body, part), WANTS)

    def _file(self, part: str) -> str:
        return f"{self._url}/{part}.xml"


_CONDITIONS = ("etag", "modified")
_JUDGED = 20


def _as_dicts(body: bytes, name: str) -> list[dict[str, Any]]:
    """Return the first papers of a file as plain fields, for `check`."""
    found: list[dict[str, Any]] = []
    shared: dict[str, Any] = {}
    for event, element in _elements(body, name):
        if event == "end" and element.tag == "meta":
            shared = {c.tag: _plain(c) for c in element if c.tag in {"year", "booktitle"}}
        elif event == "end" and element.tag == "paper":
            found.append(shared | {c.tag: _plain(c) for c in element} | {"id": element.get("id")})
            if len(found) == _JUDGED:
                break
    return found
