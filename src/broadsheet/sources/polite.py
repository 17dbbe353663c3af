"""A polite client: one for each host, which waits, tries again, gives up, and keeps its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

MB = 1_000_000


class Manner(NamedTuple):
    """How one host is to be treated, by all of our processes together.

    `host` names the rule: addresses under one rule share its connection and its gap. `gap_s` lies
    between the end of an answer and the next request. `tries` and `patience_s` (seconds of
    waiting in all) bound how long one request is tried.
    """

    host: str
    gap_s: float = 1.0
    tries: int = 4
    patience_s: float = 120
    timeout_s: float = 30
    max_bytes: int = 64 * MB


Form = Literal["xml", "json", "html", "any"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered: `status` is 2xx, or 304 where what was asked for is unchanged.

    Names of `headers` are in small letters; `body` is decompressed; `seen` is the time (UTC).
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seen: datetime

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing has changed since the `etag` or `modified` that was sent."""
        return self.status == 304  # noqa: PLR2004 (HTTP)

    @property
    def etag(self) -> str:
        """What to send as `etag` the next time, "" if the host gave none."""
        return self.headers.get("etag", "")

    @property
    def modified(self) -> str:
        """What to send as `modified` the next time, "" if the host gave none."""
        return self.headers.get("last-modified", "")


class Client(Protocol):
    """How sources reach their hosts; raises SourceUnavailable, SourceRejected and SourceError."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Form = "any",
        etag: str = "",
        modified: str = "",
    ) -> Answer:
        """Return the answer to a GET; with `etag` or `modified` a conditional one."""

    def post(
        self,
        url: str,
        *,
        json: Any,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Form = "json",
    ) -> Answer:
        """Return the answer to a POST of JSON that changes nothing there."""
