"""Lists of arXiv's OAI interface, walked page by page, and where to go on after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from broadsheet.errors import SourceError
from broadsheet.sources.arxiv_parts import ARXIV
from broadsheet.sources.base import Cursor
from broadsheet.sources.oai import OaiAnswer, TokenExpired
from broadsheet.sources.polite import Answer, Client

FORMAT: Final = "arXivRaw"
"""The one format with the history of versions, without which a paper's age is not known."""
MOST_PAGES: Final = 20_000
"""All of arXiv has fewer: a list that goes on for longer goes round in circles."""


class Walk(NamedTuple):
    """A list and where it stands: all that changed in the set `spec` from `since` to `until`.

    Both are ISO days, `until` "" where there is no end. `token` leads to the next page and was
    given on the UTC day `day`; `response` is the day on which the first page was answered.
    """

    spec: str
    since: str
    until: str = ""
    token: str = ""
    day: str = ""
    response: str = ""
    pages: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the last page was read."""
        return self.pages > 0 and not self.token

    def saved(self) -> Cursor:
        """Return the walk as JSON."""
        return self._asdict()

    def resumed(self, saved: Any, today: str) -> Walk:
        """Return where the saved walk stands if it is of this list and its token is of `today`.

        Tokens die at midnight UTC; then the list is walked from its beginning.
        """
        try:
            known = Walk(**saved)
        except TypeError:
            return self
        is_same = known[:3] == self[:3] and bool(known.token)
        return known if is_same and known.day == today else self

    def params(self) -> dict[str, str | int]:
        """Return what asks for the next page."""
        if self.token:
            return {"verb": "ListRecords", "resumptionToken": self.token}
        asked: dict[str, str | int] = {"verb": "ListRecords", "metadataPrefix": FORMAT}
        asked |= {"from": self.since} | ({"until": self.until} if self.until else {})
        return asked | ({"set": self.spec} if self.spec else {})

    def after(self, answer: OaiAnswer, seen: str) -> Walk:
        """Return where the walk stands after a page, which was answered on the UTC day `seen`."""
        day = answer.response_day or seen
        if answer.token and (answer.token == self.token or self.pages >= MOST_PAGES):
            raise SourceError(f"arXiv's list of {self.spec} goes round in circles", source=ARXIV)
        return self._replace(
            token=answer.token, day=day, response=self.response or day, pages=self.pages + 1
        )


def pages(
    client: Client, url: str, walk: Walk, parse: Callable[[bytes], OaiAnswer]
) -> Iterator[tuple[OaiAnswer, Walk]]:
    """Yield each page of a list with where the walk stands after it.

    A token that is no longer accepted leads back to the beginning, once: the second time it is
    raised as TokenExpired.
    """
    is_anew = False
    while True:
        try:
            answer = client.get(url, params=walk.params(), form="xml")
            said = parse(answer.body)
            _refuse_lost_place(walk, said, answer.body)
        except TokenExpired:
            if is_anew or not walk.token:
                raise
            is_anew = True
            walk = Walk(*walk[:3])
            continue
        walk = walk.after(said, seen_on(answer))
        yield said, walk
        if walk.is_done:
            return


def _refuse_lost_place(walk: Walk, said: OaiAnswer, body: bytes) -> None:
    """Raise TokenExpired where nothing is said to match in the middle of a list.

    It is no end of the list: what would have followed would be lost.
    """
    if walk.token and not said.size and not said.token and b"noRecordsMatch" in body:
        raise TokenExpired(f"arXiv lost its place in the list of {walk.spec}", source=ARXIV)


def seen_on(answer: Answer) -> str:
    """Return the UTC day on which an answer came."""
    return answer.seen.date().isoformat()


def day_in(cursor: Any, name: str) -> date | None:
    """Return the day that stands in a cursor under `name`, None if none does."""
    said = cursor.get(name) if isinstance(cursor, dict) else None
    try:
        return date.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
