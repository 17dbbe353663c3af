"""Comments, notices and the log as pages show them, as much as there is room for. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from markupsafe import Markup

from broadsheet.collection.actions import Taken
from broadsheet.collection.comments import Wording
from broadsheet.collection.notices import Notice
from broadsheet.papers.identity import format_paper_id
from broadsheet.readers.comments import DEEPEST, Comment, Thread
from broadsheet.readers.moderation import Case
from broadsheet.web import views
from broadsheet.web.views import Link, clip

PAGE = 40
"""Comments on a page."""
ROOM = 30_000
"""Bytes of HTML that the comments of a page may take together."""
LONE = 60_000
"""Bytes of HTML that a comment may take on a page of its own."""
IN_QUEUE = 5_000
"""Bytes of HTML that each comment may take that waits for a decision."""
START = 200
"""Characters that are shown of a comment for which there is no room."""
WORDINGS = 20_000
"""Bytes that the earlier wordings of a comment may take on their page."""
REPORTS = 5
"""Reports of a comment that the queue names."""


class Said(NamedTuple):
    """A comment on a page: `html` is what it says, "" where nobody may read it.

    `start` is there in its place if the page has no room for the whole, and `answers` leads to
    what it answers if that cannot be seen from the place where it stands.
    """

    comment: Comment
    writer: Link
    when: str
    edited: str
    html: Markup | str
    start: str
    answers: Link | None


class Talk(NamedTuple):
    """A page of the comments of a paper; `before` and `after` are the numbers of other pages.

    `lock` is why it takes no more, None if it does.
    """

    said: list[Said]
    total: int
    lock: str | None
    before: int | None
    after: int | None


def talk(thread: Thread, page: int, *, is_shared: bool) -> Talk:
    """Return a page of a thread, the last one if there are not so many."""
    pages = max(-(-len(thread.comments) // PAGE), 1)
    page = min(page, pages)
    shown = thread.comments[(page - 1) * PAGE : page * PAGE]
    writers = {c.id: c for c in thread.comments}
    here, room, said = {c.id for c in shown}, ROOM, []
    for comment in shown:
        made = told(comment, is_shared=is_shared, room=room)
        room -= len(made.html)
        above = writers.get(comment.parent or 0)
        if above and (above.id not in here or comment.depth == DEEPEST):
            made = made._replace(answers=Link(_name(above, is_shared=is_shared), _url(above.id)))
        said.append(made)
    return Talk(
        said,
        thread.count,
        thread.lock and clip(thread.lock.reason, 1000),
        page - 1 if page > 1 else None,
        page + 1 if page < pages else None,
    )


def page_of(thread: Thread, number: int) -> int:
    """Return on which page of a thread a comment stands, 1 if it does not."""
    return next((n // PAGE + 1 for n, c in enumerate(thread.comments) if c.id == number), 1)


def told(comment: Comment, *, is_shared: bool, room: int = LONE) -> Said:
    """Return one comment by itself, its beginning if its HTML takes more bytes than `room`."""
    # The one place at which what people wrote is trusted as HTML: it was sanitised.
    html = Markup(comment.html) if comment.text else ""  # noqa: S704
    fits = len(html.encode()) <= room
    return Said(
        comment,
        Link(_name(comment, is_shared=is_shared), f"/reader/{comment.name}" if is_shared else None),
        _when(comment.at),
        _when(comment.edited) if comment.edited else "",
        html if fits else "",
        "" if fits else clip(comment.text, START),
        None,
    )


def _name(comment: Comment, *, is_shared: bool) -> str:
    """Return what a writer is called; whoever reads alone is not told their own name."""
    if comment.is_mine and not is_shared:
        return "You"
    return clip(comment.shown or comment.name, 80)


def _url(number: int) -> str:
    return f"/comment/{number}"


def _when(time: str) -> str:
    moment = datetime.fromisoformat(time).astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


class Earlier(NamedTuple):
    """What a comment said, until when."""

    text: str
    until: str


def earlier(found: Sequence[Wording]) -> tuple[list[Earlier], int]:
    """Return what a comment said before, newest first, and how much more there is."""
    newest = [Earlier(w.text, _when(w.until)) for w in reversed(found)]
    shown = list(views.fitting(newest, WORDINGS, lambda e: views.size(e.text)))
    return shown, len(newest) - len(shown)


# ---------------------------------------------------------------------------- moderation


class Reported(NamedTuple):
    """Who reported a comment, and why; the test for spam is called by what it is."""

    name: str
    reason: str
    when: str


class Waiting(NamedTuple):
    """A comment that somebody has to decide about, with its reports; `more` are not named."""

    said: Said
    reports: list[Reported]
    more: int


def waiting(case: Case, *, is_shared: bool) -> Waiting:
    """Return what waits for a decision as the queue shows it."""
    named = [
        Reported(clip(r.name or "The test for spam", 80), clip(r.reason, 400), _when(r.at))
        for r in case.reports[:REPORTS]
    ]
    said = told(case.comment, is_shared=is_shared, room=IN_QUEUE)
    return Waiting(said, named, len(case.reports) - len(named))


class Deed(NamedTuple):
    """A line of the log."""

    name: str
    action: str
    subject: Link
    note: str
    when: str


_PLACES = {"comment": "/comment/", "paper": "/paper/", "reader": "/reader/"}


def log(taken: Iterable[Taken]) -> list[Deed]:
    """Return the log of what was done, each line with where its subject is found."""
    return [
        Deed(clip(t.name, 80), t.action, _subject(t.subject), clip(t.note, 400), _when(t.at))
        for t in taken
    ]


def _subject(text: str) -> Link:
    kind, _, name = text.partition(" ")
    place = _PLACES.get(kind)
    is_plain = name.isascii() and name.replace("-", "").isalnum()
    return Link(clip(text, 200), f"{place}{name}" if place and is_plain else None)


# ---------------------------------------------------------------------------- notices

_SAYS = {"reply": "answered you", "mention": "named you"}


class News(NamedTuple):
    """A notice in words: who did what, where it leads, and when."""

    words: str
    href: str | None
    when: str
    is_new: bool


def news(found: Iterable[Notice]) -> list[News]:
    """Return notices as the page of them shows them."""
    return [_news(n) for n in found]


def _news(notice: Notice) -> News:
    words = clip(notice.text, 1200)
    if notice.kind in _SAYS:
        words = f"{clip(notice.name or 'Somebody', 80)} {_SAYS[notice.kind]} in a comment."
    href = None
    if notice.comment_id:
        href = _url(notice.comment_id)
    elif notice.paper_id:
        href = f"/paper/{format_paper_id(notice.paper_id)}"
    return News(words or notice.kind, href, _when(notice.at), notice.seen is None)
