"""Hugging Face's Daily Papers: what its members put on the list of a day, and how they voted.

The form is that of https://huggingface.co/docs/hub/api and of the answers themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

from broadsheet.errors import RecordError, SourceError, SourceRejected
from broadsheet.papers.text import clean
from broadsheet.papers.types import ExternalId, Record
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
from broadsheet.sources.jsonl import kind_of, parse_day
from broadsheet.sources.polite import Client, Manner

NAME: Final = "hf"
PAGE: Final = "https://huggingface.co/papers/"
"""Where people read of a paper, followed by its arXiv id."""
PAGE_SIZE: Final = 100
"""Papers in one answer; the API gives no more."""
MAX_PAGES: Final = 20
"""A day's list has had forty papers at most; a list that never ends is not one."""
MAX_QUERY: Final = 250
FOUND: Final = 10
DAILY: Final = "daily"
BACKFILL: Final = "backfill "
FIRST_LIST: Final = date(2023, 5, 1)
"""There are no lists of months before."""
FIRST_DAYS: Final = 7
"""So many days are read the first time, if nobody says more."""

WANTS: Final[Mapping[str, Want]] = {
    "paper.id": Want(str),
    "paper.title": Want(str),
    "paper.summary": Want(str),
    "paper.authors": Want(list),
    "paper.publishedAt": Want(str),
    "paper.upvotes": Want(int),
    "paper.submittedOnDailyAt": Want(str),
    "numComments": Want(int),
    "paper.ai_summary": Want(str, needed=False),
    "paper.ai_keywords": Want(list, needed=False),
    "paper.githubRepo": Want(str, needed=False),
    "paper.githubStars": Want(int, needed=False),
    "paper.projectPage": Want(str, needed=False),
    "paper.withdrawnAt": Want(str, needed=False),
    "paper.organization": Want(dict, needed=False),
    "organization": Want(dict, needed=False),
    "submittedBy": Want(dict, needed=False),
}


# ---------------------------------------------------------------------------- parsing


def parse_papers(body: bytes, *, listed: str | None = None) -> list[Item]:
    """Return the papers of a day, a week, a month, a search, or of a paper's own answer.

    `listed` is the ISO day whose list was asked for; a paper that says the day of its list itself
    is believed. Raises SourceError if the answer is none of these.
    """
    answer = fields.loaded(body, source=NAME)
    given = answer if isinstance(answer, list) else [answer]
    if given and not any(map(_is_paper, given)):
        raise _drifted(answer)
    return list(
        fields.read_each(given, lambda item, place: _record(item, place, listed), source=NAME)
    )


def _paper(item: Any) -> dict[str, Any]:
    """Return what is said of the paper: lists wrap it, its own answer does not."""
    return fields.obj(item.get("paper", item)) if isinstance(item, dict) else {}


def _is_paper(item: Any) -> bool:
    return "id" in _paper(item)


def _drifted(answer: Any) -> SourceError:
    said = fields.obj(answer).get("error")
    reason = f"said {clean(said)[:200]!r}" if isinstance(said, str) else f"sent {kind_of(answer)}"
    return SourceError(
        f"Hugging Face {reason} where papers were expected; "
        "`broadsheet sources --check` shows what has changed",
        source=NAME,
    )


def _record(item: dict[str, Any], place: int, listed: str | None) -> Record:
    paper = _paper(item)
    ident, external = _ids(paper, place)
    signals = fields.signals(
        upvotes=paper.get("upvotes"),
        comments=item.get("numComments"),
        stars=paper.get("githubStars"),
        linked_models=_linked(item, "Models"),
        linked_datasets=_linked(item, "Datasets"),
        linked_spaces=_linked(item, "Spaces"),
    )
    return Record(
        source=NAME,
        key=str(external) if external else ident,
        title=_text(paper.get("title")) or _text(item.get("title")),
        abstract=_text(paper.get("summary")) or _text(item.get("summary")),
        summary=_text(paper.get("ai_summary")),
        authors=_authors(paper.get("authors")),
        external_ids=(external,) if external else (),
        submitted=parse_day(paper.get("publishedAt")),
        announced=_iso(_day(paper.get("submittedOnDailyAt"))) or listed,
        keywords=fields.distinct(map(_text, fields.listed(paper.get("ai_keywords")))),
        withdrawn=bool(paper.get("withdrawnAt")),
        links=fields.links(
            ("abs", PAGE + quote(ident)),
            ("code", paper.get("githubRepo")),
            ("project", paper.get("projectPage")),
        ),
        extra=_extra(item, paper),
        signals=signals,
    )


def _ids(paper: dict[str, Any], place: int) -> tuple[str, ExternalId | None]:
    """Return the paper's id there, and which arXiv id it is; a paper without one is refused."""
    given = paper.get("id")
    found = fields.external_id("arxiv", given)
    if found:
        return found.value, found
    ident = _text(given)
    if not ident.isascii() or not 0 < len(ident) <= 64:  # noqa: PLR2004 (no id is longer)
        raise RecordError("no id", source=NAME, place=place, excerpt=_text(paper.get("title"))[:80])
    return ident, None


def _text(value: Any) -> str:
    """Return a string as one line. What looks like a tag is a token of some model: it stays."""
    return clean(value) if isinstance(value, str) else ""


def _authors(given: Any) -> tuple[str, ...]:
    """Return the names of those authors who are not hidden from the paper's page."""
    shown = (fields.obj(a) for a in fields.listed(given) if fields.obj(a).get("hidden") is not True)
    return fields.distinct(_text(author.get("name")) for author in shown)


def _linked(item: dict[str, Any], what: str) -> Any:
    """Return how many models, datasets or spaces name the paper; only its own answer says so."""
    first = item.get(f"linked{what}")
    shown = len(first) if isinstance(first, list) else None
    return item.get(f"numTotal{what}", shown)


def _extra(item: dict[str, Any], paper: dict[str, Any]) -> dict[str, Any]:
    """Return the rest, under the names that imported lists of these papers use."""
    organization = fields.obj(paper.get("organization") or item.get("organization"))
    submitter = fields.obj(item.get("submittedBy") or paper.get("submittedOnDailyBy"))
    return fields.filled(
        {
            "upvotes": fields.count(paper.get("upvotes")),
            "comments": fields.count(item.get("numComments")),
            "stars": fields.count(paper.get("githubStars")),
            "organization": _text(organization.get("fullname")) or _text(organization.get("name")),
            "submitted_by": _text(submitter.get("name")) or _text(submitter.get("fullname")),
        }
    )


# ---------------------------------------------------------------------------- fetching


class HuggingFace:
    """The Daily Papers, day by day, with upvotes as they were when the day was read.

    The last `days_back` days with a list are read again each time: votes grow for days, and papers
    join a list late. A token only raises the limit (500 requests in five minutes without one).
    """

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "Hugging Face Daily Papers"
    key_variable: ClassVar[str] = "HF_TOKEN"
    namespaces: ClassVar[tuple[str, ...]] = ("arxiv",)
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://huggingface.co", "Where Hugging Face is."),
        Option("days_back", 3, "So many past lists are read again, to see their upvotes grow."),
    )
    rhythm: Rhythm = Rhythm("weekdays", every_h=6)
    manner: Manner = Manner("huggingface.co", gap_s=1.0)

    def __init__(
        self, *, url: str = "https://huggingface.co", days_back: int = 3, key: str = ""
    ) -> None:
        self._api = f"{url.rstrip('/')}/api"
        self._days_back = max(days_back, 0)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return the one list there is, or the months of a backfill."""
        if not ask.is_backfill:
            return (DAILY,)
        today = ask.now.astimezone(UTC).date()
        first, last = max(ask.since or FIRST_LIST, FIRST_LIST), min(ask.until or today, today)
        return [BACKFILL + month for month in _months(first, last)]

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield each page of each day's list, the oldest first, to today (UTC).

        A weekend's lists are empty. The cursor moves on with the last page of a day. A month of a
        backfill is read whole.
        """
        span = _Span(part, cursor, ask, self._days_back)
        for day in span.days():
            try:
                pages = list(self._pages(client, day))
            except SourceRejected as error:
                # In the first minutes of a day its list may not be there yet.
                if error.status == 400 and day == span.today:  # noqa: PLR2004 (HTTP)
                    return
                raise
            yield from _batches(pages, day, span)

    def _pages(self, client: Client, day: date) -> Iterator[list[Item]]:
        seen: set[str] = set()
        for page in range(MAX_PAGES):
            items = self._papers(
                client,
                "daily_papers",
                {"date": day.isoformat(), "limit": PAGE_SIZE, "p": page},
                listed=day.isoformat(),
            )
            _refuse_other_days(items, day)
            keys = {item.key for item in items if isinstance(item, Record)}
            if page and keys <= seen:
                return
            yield items
            if len(items) < PAGE_SIZE:
                return
            seen |= keys

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the records of those arXiv ids that have a page there, which most have not."""
        for ident in ids:
            if ident.namespace not in self.namespaces:
                continue
            try:
                yield from self._papers(client, f"papers/{quote(ident.value)}", {})
            except SourceRejected as error:
                if error.status != 404:  # noqa: PLR2004 (HTTP)
                    raise

    def find_title(self, client: Client, title: str) -> Iterator[Item]:
        """Yield what the search there finds, at most ten papers, best first."""
        words = clean(title)[:MAX_QUERY]
        if words:
            found = self._papers(client, "papers/search", {"q": words, "limit": FOUND})
            yield from found[:FOUND]

    def _papers(
        self,
        client: Client,
        path: str,
        params: Mapping[str, str | int],
        listed: str | None = None,
    ) -> list[Item]:
        answer = client.get(
            f"{self._api}/{path}", params=params, headers=self._headers, form="json"
        )
        return parse_papers(answer.body, listed=listed)

    def check(self, client: Client) -> Iterator[Finding]:
        """Make one request, for the newest list; yield whether each field is as expected."""
        answer = client.get(
            f"{self._api}/daily_papers", params={"limit": 10}, headers=self._headers, form="json"
        )
        papers = fields.loaded(answer.body, source=NAME)
        if not isinstance(papers, list):
            says = f"{kind_of(papers)}, where a list was expected"
            yield Finding("answer", is_well=False, says=says)
            return
        yield Finding("answer", bool(papers), f"a list of {len(papers)} papers")
        yield from examine(map(fields.obj, papers), WANTS)


def _batches(pages: Sequence[list[Item]], day: date, span: _Span) -> Iterator[Batch]:
    """Yield the pages of a day; only with the last of them is the day done."""
    for number, items in enumerate(pages, 1):
        said = day.isoformat() if items else None
        yield Batch(items, span.cursor(day if number == len(pages) else None), said)


def _refuse_other_days(items: Sequence[Item], day: date) -> None:
    """Raise SourceError if a list is that of another day than was asked for."""
    days = [i.announced for i in items if isinstance(i, Record) and i.announced]
    if days and not any(abs(date.fromisoformat(d) - day) <= timedelta(days=1) for d in days):
        raise SourceError(
            f"Hugging Face was asked for the list of {day} and sent that of {days[0]}", source=NAME
        )


class _Span:
    """The days of one harvest, and the cursors while it goes on.

    A cursor's `day` is the last up to which every list has been filed; `done` says that a month
    is filed whole.
    """

    def __init__(self, part: str, cursor: Cursor, ask: Ask, days_back: int) -> None:
        self.today = ask.now.astimezone(UTC).date()
        self._head = _day(cursor.get("day"))
        self._month_ends: date | None = None
        if part == DAILY:
            self._last = min(ask.until or self.today, self.today)
            self._first = ask.since or self._going_on(days_back)
        else:
            first = date.fromisoformat(f"{part.removeprefix(BACKFILL)}-01")
            self._month_ends = _next_month(first) - timedelta(days=1)
            self._last = min(self._month_ends, self.today)
            self._first = max(first, self._head + timedelta(days=1)) if self._head else first

    def _going_on(self, days_back: int) -> date:
        if self._head is None:
            return self.today - timedelta(days=FIRST_DAYS)
        return min(self._head, _lists_ago(self.today, days_back))

    def days(self) -> Iterator[date]:
        """Yield the days to be read, the oldest first."""
        for number in range((self._last - self._first).days + 1):
            yield self._first + timedelta(days=number)

    def cursor(self, done: date | None) -> Cursor:
        """Return the cursor once the whole list of `done` is filed; None leaves it as it was."""
        if done:
            self._move(done)
        cursor: Cursor = {"day": self._head.isoformat()} if self._head else {}
        is_whole = self._month_ends and self._head == self._month_ends < self.today
        return cursor | ({"done": True} if is_whole else {})

    def _move(self, done: date) -> None:
        if self._head is None:
            # Days that end before today do not say where the next harvest goes on.
            is_joined = self._month_ends is not None or self._last == self.today
            self._head = done if is_joined else None
        elif self._first <= self._head + timedelta(days=1):
            self._head = max(self._head, done)


def _months(first: date, last: date) -> Iterator[str]:
    """Yield the months (`2026-03`) from that of one day to that of another."""
    month = first.replace(day=1)
    while month <= last:
        yield f"{month:%Y-%m}"
        month = _next_month(month)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _lists_ago(today: date, lists: int) -> date:
    """Return the day so many lists before today; there is none on Saturday and Sunday."""
    day = today
    while lists > 0:
        day -= timedelta(days=1)
        lists -= day.weekday() < 5  # noqa: PLR2004 (Monday to Friday)
    return day


def _day(value: Any) -> date | None:
    day = parse_day(value) if isinstance(value, str) else None
    return date.fromisoformat(day) if day and len(day) == 10 else None  # noqa: PLR2004


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
