"""GitHub: how many stars the repositories of held papers have, and gained day by day.

The forms are those of https://docs.github.com/rest/repos/repos and of the star history of
https://github.blog/changelog/2026-09-04-new-api-endpoint-provides-privacy-safe-star-history-data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple

from broadsheet.errors import SourceError, SourceRejected, SourceUnavailable
from broadsheet.papers.types import PaperId
from broadsheet.sources import fields
from broadsheet.sources.base import (
    Finding,
    Found,
    Observation,
    Option,
    Rhythm,
    Want,
    Wanted,
    examine,
)
from broadsheet.sources.jsonl import kind_of
from broadsheet.sources.polite import Answer, Client, Manner

NAME: Final = "github"
API_VERSION: Final = "2026-03-10"
MAX_REPOSITORIES: Final = 3
"""A paper has a repository or two; one that links to a hundred is a list of others' work."""
WEEKS_A_PAGE: Final = 30
HISTORY_PAGES: Final = 2
"""Sixty weeks, half of that without a token: nothing older says what is read now."""
GONE_DAYS: Final = 30
"""After so many days a repository that was not there, or a refused history, is tried again."""
REFUSED_DAYS: Final = 1
CHECKED: Final = "huggingface/transformers"
"""A repository that is there for all to see."""
_FORBIDDEN: Final = 403
_NOT_THERE: Final = frozenset({_FORBIDDEN, 404, 410, 451})
"""What may be said of one repository: gone, blocked, taken down. All else is said to us."""

WANTS: Final[Mapping[str, Want]] = {
    "id": Want(int),
    "full_name": Want(str),
    "stargazers_count": Want(int),
    "forks_count": Want(int, needed=False),
    "archived": Want(bool, needed=False),
    "pushed_at": Want(str, needed=False),
}

_LINK = re.compile(
    r"(?ai)(?:https?://)?(?:www\.)?github\.com(?::443)?/+"
    r"([a-z0-9_-]{1,39})/+([\w.-]{1,100})(?![\w.-])"
)
# Pages of the site itself, not people.
_NOT_OWNERS: Final = frozenset(
    {"about", "apps", "collections", "customer-stories", "enterprise", "events", "explore"}
    | {"features", "issues", "join", "login", "marketplace", "new", "notifications", "orgs"}
    | {"pricing", "pulls", "search", "security", "settings", "site", "sponsors", "stars", "team"}
    | {"topics", "trending", "users"}
)

Note = dict[str, Any]
"""What is kept of one repository."""


# ---------------------------------------------------------------------------- parsing


class Repository(NamedTuple):
    """What GitHub says of a repository; `id` stays when owner or name change."""

    id: int
    name: str
    stars: int

    @property
    def key(self) -> str:
        """Return the name of its series of counts, which survives renaming."""
        return f"github:{self.id}"


def repository_of(link: str) -> str | None:
    """Return `owner/name` in small letters if an address is in a repository on GitHub."""
    found = _LINK.match(link.strip())
    if not found or found[1].lower() in _NOT_OWNERS:
        return None
    name = found[2].lower().rstrip(".").removesuffix(".git").rstrip(".")
    return f"{found[1].lower()}/{name}" if name else None


def repositories(links: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the repositories on GitHub that a paper's links lead to; those of its code first."""
    ordered = sorted(links, key=lambda link: link[0] != "code")
    found = fields.distinct(repository_of(url) for _, url in ordered)
    return found[:MAX_REPOSITORIES]


def parse_repository(body: bytes) -> Repository:
    """Return what an answer says of a repository; raises SourceError if it says too little."""
    answer = fields.loaded(body, source=NAME)
    given = fields.obj(answer)
    ident, stars = fields.count(given.get("id")), fields.count(given.get("stargazers_count"))
    name = given.get("full_name")
    if ident is None or stars is None or not isinstance(name, str) or not repository_named(name):
        raise SourceError(
            f"GitHub sent {kind_of(answer)} without the id, name or stars of a repository; "
            "`broadsheet sources --check` shows what has changed",
            source=NAME,
        )
    return Repository(ident, name, stars)


def repository_named(name: str) -> bool:
    """Return whether `name` is that of a repository, `owner/name`, and nothing else."""
    return repository_of(f"github.com/{name}") == name.lower()


def parse_history(body: bytes) -> list[tuple[str, int]]:
    """Return the days (ISO, UTC) of an answer with the stars gained on each, oldest first.

    Only stars that are still given are counted, so a day's count may sink later. Weeks that
    contradict themselves are left out; raises SourceError if nothing else is there.
    """
    answer = fields.loaded(body, source=NAME)
    if not isinstance(answer, list):
        raise SourceError(f"GitHub sent {kind_of(answer)} instead of weeks of stars", source=NAME)
    weeks = [week for row in answer if (week := _week(fields.obj(row)))]
    if answer and not weeks:
        raise SourceError("GitHub sent weeks of stars in an unknown form", source=NAME)
    return sorted(dict(day for week in weeks for day in week).items())


def _week(row: dict[str, Any]) -> list[tuple[str, int]]:
    counts = [fields.count(gained) for gained in fields.listed(row.get("days"))]
    first = fields.moment_day((fields.count(row.get("week")) or 0) * 1000)
    known = [c for c in counts if c is not None]
    if first is None or len(known) != 7 or len(counts) != 7:  # noqa: PLR2004 (days of a week)
        return []
    if row.get("total") != sum(known):
        return []
    start = date.fromisoformat(first)
    return [((start + timedelta(days=n)).isoformat(), gained) for n, gained in enumerate(known)]


# ---------------------------------------------------------------------------- fetching


class GitHub:
    """The stars of the repositories that papers link to, asked for with what was known before.

    Without a token GitHub answers 60 requests in an hour; a repository that has not changed costs
    none. A repository keeps its series when it is renamed.
    """

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "GitHub stars"
    key_variable: ClassVar[str] = "GITHUB_TOKEN"
    at_once: ClassVar[int] = 20
    options: ClassVar[tuple[Option, ...]] = (
        Option("url", "https://api.github.com", "Where GitHub's API is."),
        Option("history", True, "Also ask once for the stars gained on each day before."),  # noqa: FBT003
    )
    rhythm: Rhythm = Rhythm("days", every_h=12)
    manner: Manner = Manner("api.github.com", gap_s=1.0, tries=3, patience_s=60)

    def __init__(
        self,
        *,
        url: str = "https://api.github.com",
        history: bool = True,
        key: str = "",
    ) -> None:
        self._url = url.rstrip("/")
        self.history_pages = (HISTORY_PAGES if key else 1) if history else 0
        self._headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def wants(self, wanted: Wanted) -> bool:
        """Return whether a paper links to a repository on GitHub."""
        return bool(repositories(wanted.links))

    def enrich(self, client: Client, wanted: Sequence[Wanted], now: datetime) -> Found:
        """Return the stars of these papers' repositories, and once those gained on days before.

        Where GitHub says that it is enough, what was answered so far is returned: papers without
        an entry in `kept` have not been asked about. Raises SourceError if nothing was answered.
        """
        visit = _Visit(self, client, now)
        trouble = visit.count_all(wanted)
        failed = trouble or visit.unread
        if failed and not visit.has_succeeded:
            raise failed
        if not trouble:
            visit.look_back()
        return visit.found()

    def ask(self, client: Client, path: str, *, etag: str = "", **params: int) -> Answer:
        """Return the answer about `owner/name` or what is below it."""
        return client.get(
            f"{self._url}/repos/{path}",
            params=params or None,
            headers=self._headers,
            form="json",
            etag=etag,
        )

    def check(self, client: Client) -> Iterator[Finding]:
        """Ask once, for a repository that all know; yield whether the answer is as expected."""
        answer = self.ask(client, CHECKED)
        given = fields.loaded(answer.body, source=NAME)
        yield from examine([fields.obj(given)], WANTS)
        yield Finding("ETag", bool(answer.etag), "asks that change nothing cost nothing")
        left = answer.headers.get("x-ratelimit-remaining", "")
        yield Finding("x-ratelimit-remaining", left.isdecimal(), f"{left or 'no'} requests left")


class _Visit:
    """One call of `enrich`: each repository is asked about once, however many papers have it."""

    def __init__(self, source: GitHub, client: Client, now: datetime) -> None:
        self._source = source
        self._client = client
        self._today = now.astimezone(UTC).date()
        self._notes: dict[str, Note] = {}
        self._answered: set[str] = set()
        self._counted: set[str] = set()
        self.unread: SourceError | None = None
        self._gains: dict[str, list[tuple[str, int]]] = {}
        self._refusals = 0
        self.papers: dict[PaperId, tuple[str, ...]] = {}

    def count_all(self, wanted: Sequence[Wanted]) -> SourceError | None:
        """Count the stars of the papers' repositories; return the refusal that ended it, if any."""
        known = _notes_of(wanted)
        for paper in wanted:
            names = repositories(paper.links)
            try:
                for name in names:
                    self._count(name, known.get(name, {}))
            except (SourceUnavailable, SourceRejected) as error:
                return error
            self.papers[paper.paper] = names
        return None

    @property
    def has_succeeded(self) -> bool:
        """Whether GitHub answered for any repository, if only that it is not there."""
        return bool(self._answered)

    def _count(self, name: str, note: Note) -> None:
        if name in self._notes:
            return
        self._notes[name] = note
        if not self._is_due(note.get("gone_on"), _waits(note.get("gone"))):
            return
        try:
            self._notes[name] = self._asked(name, note)
            self._counted.add(name)
        except SourceUnavailable:
            del self._notes[name]
            raise
        except SourceRejected as error:
            self._notes[name] = self._gone(error, note)
            if error.status == _FORBIDDEN:
                return
        except SourceError as error:
            # One answer that cannot be read says nothing of the others.
            self.unread = error
            return
        self._answered.add(name)

    def _asked(self, name: str, note: Note) -> Note:
        """Return the note of a repository as it is now; an unchanged one is counted again."""
        known = _known(note)
        path = known.name if known else name
        etag = note.get("etag") if known else None
        answer = self._source.ask(self._client, path, etag=etag if isinstance(etag, str) else "")
        if known and answer.is_unchanged:
            return {k: v for k, v in note.items() if k not in {"gone", "gone_on"}}
        found = parse_repository(answer.body)
        fresh = {"id": found.id, "name": found.name, "stars": found.stars, "etag": answer.etag}
        # Another repository may have taken over the name of one that was deleted.
        if known and known.id == found.id and "history" in note:
            fresh["history"] = note["history"]
        return fresh

    def _gone(self, error: SourceRejected, note: Note) -> Note:
        """Return the note of a repository that is not there; raises `error` if it is not that.

        A single 403 may be a repository that GitHub blocks; a second one is meant for us.
        """
        self._refusals += error.status == _FORBIDDEN
        if error.status not in _NOT_THERE or self._refusals > 1:
            raise error
        return note | {"gone": error.status, "gone_on": self._today.isoformat()}

    def look_back(self) -> None:
        """Ask for the past of those repositories of which it is not known; never raises."""
        if not self._source.history_pages:
            return
        for name in sorted(self._counted):
            if self._is_due(fields.obj(self._notes[name].get("history")).get("refused_on")):
                try:
                    self._look_back(name)
                except (SourceUnavailable, SourceRejected):
                    return

    def _look_back(self, name: str) -> None:
        note = self._notes[name]
        if "since" in fields.obj(note.get("history")):
            return
        try:
            gains = list(self._gained(note["name"]))
        except SourceUnavailable:
            raise
        except SourceError as error:
            refused = {"refused_on": self._today.isoformat()}
            self._notes[name] = note | {"history": refused}
            if isinstance(error, SourceRejected) and error.status in {401, 403}:
                raise
            return
        self._gains[name] = gains
        span = {"since": gains[0][0], "until": gains[-1][0]} if gains else {"since": None}
        self._notes[name] = note | {"history": span}

    def _gained(self, name: str) -> Iterator[tuple[str, int]]:
        """Yield whole past days with the stars gained, oldest first; today's count still grows."""
        days: dict[str, int] = {}
        for page in range(1, self._source.history_pages + 1):
            path = f"{name}/stargazers/history"
            answer = self._source.ask(self._client, path, per_page=WEEKS_A_PAGE, page=page)
            found = parse_history(answer.body)
            days |= dict(found)
            if len(found) < WEEKS_A_PAGE * 7:
                break
        past = sorted((d, gained) for d, gained in days.items() if d < self._today.isoformat())
        if days and not past:
            # Else a clock that is behind would end in a repository without a past.
            raise SourceError(f"GitHub's days of {name} all lie in the future", source=NAME)
        yield from past

    def _is_due(self, since: Any, days: int = GONE_DAYS) -> bool:
        """Return whether so many days have passed since the ISO day `since`, if it is one."""
        try:
            return self._today - date.fromisoformat(since) >= timedelta(days=days)
        except (TypeError, ValueError):
            return True

    def found(self) -> Found:
        """Return what is kept of each paper that was asked about, and what was counted."""
        kept = {
            paper: {"repos": {name: self._notes[name] for name in names}}
            for paper, names in self.papers.items()
        }
        observations = [
            observation
            for paper, names in self.papers.items()
            for name in names
            for observation in self._observed(paper, name)
        ]
        return Found(kept, observations=observations)

    def _observed(self, paper: PaperId, name: str) -> Iterator[Observation]:
        known = _known(self._notes[name]) if name in self._counted else None
        if not known:
            return
        yield Observation(paper, known.key, "stars", float(known.stars))
        # A day without gain is not told: `history` in `kept` says which days are known.
        for day, gained in self._gains.get(name, ()):
            if gained:
                yield Observation(
                    paper, known.key, "stars_gained", float(gained), f"{day}T00:00:00Z"
                )


def _notes_of(wanted: Sequence[Wanted]) -> dict[str, Note]:
    """Return what is kept of each repository; of several papers' notes one that says something."""
    notes: dict[str, Note] = {}
    for paper in wanted:
        for name, note in fields.obj(paper.kept.get("repos")).items():
            if fields.obj(note):
                notes.setdefault(name, note)
    return notes


def _known(note: Note) -> Repository | None:
    """Return what a note says of a repository, if it says all."""
    ident, stars, name = note.get("id"), note.get("stars"), note.get("name")
    if not isinstance(ident, int) or not isinstance(stars, int) or not isinstance(name, str):
        return None
    return Repository(ident, name, stars) if repository_named(name) else None


def _waits(status: Any) -> int:
    """Return after how many days a repository that was refused is asked for again."""
    return REFUSED_DAYS if status == _FORBIDDEN else GONE_DAYS
