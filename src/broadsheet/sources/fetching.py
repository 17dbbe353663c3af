"""The page at an address that a stranger gave: fetched so that nobody reaches through us.

Only pages and JSON, from public addresses at the usual ports; each redirect is looked at anew, and
nothing is sent along that says more than who we are. What goes wrong is told without telling
where a name leads: who asks might want to know just that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from broadsheet.errors import RefusedError, SourceError
from broadsheet.sources.exchange import (
    Broken,
    Exchange,
    Limits,
    NotPublic,
    Origin,
    RawAnswer,
    origins,
    shown,
)

SOURCE: Final = "link"
MAX_BYTES: Final = 2_000_000
"""Bytes of an answer, as sent and as decompressed."""
WHOLE_S: Final = 10.0
"""Seconds that all of it may take, redirects counted."""
MOST_REDIRECTS: Final = 5
_STEP_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_JSON: Final = frozenset({"application/json", "application/ld+json"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LONGEST: Final = 2_000


class Fetched(NamedTuple):
    """What lies at `url`, where the address that was asked for leads: a page, or JSON."""

    url: str
    body: bytes
    is_json: bool


class Fetcher:
    """Fetches pages that strangers name; safe to share between threads.

    `trusted` are addresses that may be asked though they are not public, at any port.
    """

    def __init__(
        self,
        version: str,
        *,
        trusted: Collection[str] = (),
        clock: Callable[[], float] = monotonic,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._trusted = origins(trusted)
        self._clock = clock
        self._whole_s = whole_s
        self._headers = {
            "accept": ", ".join([*sorted(_PAGES), *sorted(_JSON)]),
            "accept-encoding": "gzip",
            "connection": "close",
            "user-agent": f"Broadsheet/{version}",
        }

    def fetch(self, url: str) -> Fetched:
        """Return what lies at an address.

        Raises RefusedError for one that must not be asked, and SourceError if there is no page.
        """
        end = self._clock() + self._whole_s
        for _ in range(MOST_REDIRECTS + 1):
            self._check(url)
            answer = self._asked(url, end)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return self._read(answer)
            url = self._joined(url, answer.headers["location"])
        raise _failure(url, f"redirects more than {MOST_REDIRECTS} times")

    def _check(self, url: str) -> None:
        """Raise RefusedError if the address itself says that it is not to be asked."""
        try:
            parts, origin = urlsplit(url), Origin.of(url)
        except ValueError:
            raise _refused(url, "is no address of http or https") from None
        if parts.scheme not in _PORTS or len(url) > _LONGEST or not url.isprintable():
            raise _refused(url, "is no address of http or https")
        if "@" in parts.netloc:
            raise _refused(url, "has a name or a password in it: give an address without")
        if origin.port != _PORTS[parts.scheme] and origin not in self._trusted:
            raise _refused(url, "is at a port that is not asked: only 80 and 443 are")

    def _asked(self, url: str, end: float) -> RawAnswer:
        left_s = end - self._clock()
        if left_s <= 0:
            raise _failure(url, f"took longer than {self._whole_s:g} seconds to answer")
        limits = Limits(min(_STEP_S, left_s), left_s, MAX_BYTES)
        exchange = Exchange(SOURCE, limits, self._trusted, is_direct=True)
        try:
            return exchange.send("GET", url, self._headers)
        except Broken as error:
            raise _failure(url, str(error)) from error
        except NotPublic:
            raise _refused(url, "is not on the public internet") from None
        finally:
            exchange.close()

    @staticmethod
    def _joined(url: str, to: str) -> str:
        try:
            return urljoin(url, to.strip())
        except ValueError:
            raise _refused(url, "redirects to what is no address") from None

    @staticmethod
    def _read(answer: RawAnswer) -> Fetched:
        if not 200 <= answer.status < 300:  # noqa: PLR2004 (HTTP)
            raise _failure(answer.url, f"answered with {answer.status}")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _PAGES | _JSON:
            what = kind[:60] if kind.isprintable() and kind else "something of no kind"
            raise _failure(answer.url, f"is no page but {what}: give the page that leads to it")
        return Fetched(answer.url, answer.body, kind in _JSON)


def _failure(url: str, says: str) -> SourceError:
    return SourceError(f"{shown(url)} {says}", source=SOURCE)


def _refused(url: str, says: str) -> RefusedError:
    return RefusedError(f"{shown(url)} {says}")
