"""OpenReview: papers that venues accepted, from its API of 2023 and later.

The format is that of https://docs.openreview.net/reference/api-v2 and of the official client,
openreview-py. Since autumn 2026 questions without a token are often answered with 403.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urljoin

from broadsheet.errors import SourceError, SourceRejected
from broadsheet.papers.types import ExternalId, Record
from broadsheet.sources import fields
from broadsheet.sources.base import Ask, Batch, Cursor, Finding, Item, Option, Rhythm, Want, examine
from broadsheet.sources.polite import Client, Manner

_NAME = "openreview"
_SITE = "https://openreview.net"
_LIMIT = 1000
_NOT_FOUND = 404
_CHECKED = "ICLR.cc/2024/Conference"
# What becomes of papers that a venue did not take is said in the id of their venue.
_NOT_TAKEN = ("rejected_submission", "withdrawn_submission", "rejected", "withdrawn")

WANTS: Mapping[str, Want] = {
    "id": Want(str),
    "forum": Want(str),
    "content.title.value": Want(str),
    "content.abstract.value": Want(str, needed=False),
    "content.authors.value": Want(list, needed=False),
    "content.keywords.value": Want(list, needed=False),
    "content.venue.value": Want(str),
    "content.venueid.value": Want(str),
    "content.pdf.value": Want(str, needed=False),
    "content.TLDR.value": Want(str, needed=False),
    "pdate": Want(int, needed=False),
    "cdate": Want(int),
}


# ---------------------------------------------------------------------------- reading


def parse_notes(body: bytes) -> list[Item]:
    """Return the papers among the notes of an answer; raises SourceError if it has none.

    Reviews, comments, and papers that were deleted, withdrawn or not accepted are left out.
    """
    return _papers(_notes(body))


def _notes(body: bytes) -> list[Any]:
    notes = fields.obj(fields.loaded(body, source=_NAME)).get("notes")
    if not isinstance(notes, list):
        raise SourceError("OpenReview's answer has no notes", source=_NAME)
    return notes


def _papers(notes: list[Any]) -> list[Item]:
    papers = [note for note in notes if not isinstance(note, dict) or _is_paper(note)]
    return list(fields.read_each(papers, read_note, source=_NAME))


def _is_paper(note: Mapping[str, Any]) -> bool:
    is_reply = note.get("forum", note.get("id")) != note.get("id") or note.get("replyto")
    state = fields.text(_value(note, "venueid")).rpartition("/")[2].casefold()
    return not is_reply and not note.get("ddate") and not state.endswith(_NOT_TAKEN)


def _value(note: Mapping[str, Any], name: str) -> Any:
    """Return a field of a note's content; the old API has no `value` round it."""
    given = fields.obj(note.get("content")).get(name)
    return given.get("value") if isinstance(given, dict) else given


def read_note(note: Mapping[str, Any], place: int) -> Record:
    """Return the record of one paper; raises RecordError if it has no id."""
    own = fields.external_id("openreview", note.get("forum") or note.get("id"))
    if own is None:
        fields.refuse("no id of a forum", note.get("id"), place, source=_NAME)
    pdf = _value(note, "pdf")
    published = fields.moment_day(note.get("pdate"))
    return Record(
        source=_NAME,
        key=own.value,
        title=fields.text(_value(note, "title")),
        abstract=fields.text(_value(note, "abstract")),
        summary=fields.text(_value(note, "TLDR")) or fields.text(_value(note, "TL;DR")),
        authors=fields.texts(_value(note, "authors")),
        external_ids=(own,),
        year=int(published[:4]) if published else None,
        submitted=fields.moment_day(note.get("cdate")),
        published=published,
        keywords=_keywords(_value(note, "keywords")),
        venue=fields.text(_value(note, "venue")),
        links=fields.links(
            ("abs", f"{_SITE}/forum?id={own.value}"),
            ("pdf", _address(pdf)),
            ("code", _value(note, "code")),
            ("project", _value(note, "project_page")),
        ),
        extra=fields.filled(
            {
                "venueid": fields.text(_value(note, "venueid")),
                "number": fields.count(note.get("number")),
                "area": fields.text(_value(note, "primary_area")),
            }
        ),
    )


def _keywords(given: Any) -> tuple[str, ...]:
    """Return the keywords of a list; some write them all as one, with commas."""
    words = fields.texts(given)
    if len(words) == 1:
        words = tuple(word.strip() for word in words[0].replace(";", ",").split(","))
    return fields.distinct(words)


def _address(pdf: Any) -> str:
    return urljoin(_SITE, pdf) if isinstance(pdf, str) and pdf.startswith(("/", "http")) else ""


# ---------------------------------------------------------------------------- asking


class OpenReview:
    """Brings the papers that venues accepted, such as `ICLR.cc/2026/Conference`.

    It knows papers by the id of their forum.
    """

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "OpenReview"
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://api2.openreview.net", "Address of the API."),
        Option("venues", (), "Ids of venues: ICLR.cc/2026/Conference, TMLR."),
    )
    key_variable: ClassVar[str] = "OPENREVIEW_TOKEN"
    namespaces: ClassVar[tuple[str, ...]] = (_NAME,)
    # Decisions change papers that were submitted long ago, so that all are read again.
    rhythm = Rhythm("days", every_h=7 * 24)
    manner = Manner("api2.openreview.net", gap_s=2.0, timeout_s=120)

    def __init__(
        self,
        *,
        url: str = "https://api2.openreview.net",
        venues: tuple[str, ...] = (),
        key: str = "",
    ) -> None:
        self._notes = url.rstrip("/") + "/notes"
        self._venues = tuple(filter(None, map(str.strip, venues)))
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the venues that are wanted."""
        del ask
        return self._venues

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield the papers of a venue, a thousand at a time, in the order of their ids.

        Within a harvest the cursor has `after`, the last id that was seen; in the end it has
        `done`, the day.
        """
        after = cursor.get("after")
        after = after if isinstance(after, str) else ""
        seen = {after}
        while True:
            notes = self._page(client, part, after, _LIMIT)
            after = _last_id(notes)
            is_last = len(notes) < _LIMIT or not after
            following = {"done": str(ask.now.date())} if is_last else {"after": after}
            if not is_last and after in seen:
                raise SourceError(
                    f"OpenReview repeats a page of {part}: it knows no 'after'", source=_NAME
                )
            seen.add(after)
            yield Batch(_papers(notes), following)
            if is_last:
                return

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the papers with these ids, whatever became of them at their venue."""
        for wanted in ids:
            if wanted.namespace != _NAME:
                continue
            try:
                notes = self._asked(client, {"id": wanted.value})
            except SourceRejected as error:
                if error.status != _NOT_FOUND:
                    raise
                continue
            own = [n for n in notes if fields.obj(n).get("id") == wanted.value]
            yield from fields.read_each(own, read_note, source=_NAME)

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask for some papers of one venue, and judge their fields."""
        venue = next(iter(self._venues), _CHECKED)
        yield from examine(map(fields.obj, self._page(client, venue, "", 5)), WANTS)

    def _page(self, client: Client, venue: str, after: str, limit: int) -> list[Any]:
        # An offset would skip papers where others vanish meanwhile.
        asked: dict[str, str | int] = {"content.venueid": venue, "sort": "id", "limit": limit}
        if after:
            asked["after"] = after
        return self._asked(client, asked)

    def _asked(self, client: Client, asked: Mapping[str, str | int]) -> list[Any]:
        try:
            answer = client.get(self._notes, params=asked, headers=self._headers, form="json")
        except SourceRejected as error:
            if error.status not in {401, 403}:
                raise
            raise SourceRejected(
                f"OpenReview does not take the token in {self.key_variable}: they last some days"
                if self._headers
                else "OpenReview wants to see that a person asks: log in there, and set"
                f" {self.key_variable} to the token of your session",
                source=_NAME,
                status=error.status,
            ) from None
        return _notes(answer.body)


def _last_id(notes: list[Any]) -> str:
    last = fields.obj(notes[-1]).get("id") if notes else None
    return last if isinstance(last, str) else ""
