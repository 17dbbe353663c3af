"""Every error that Broadsheet raises on purpose.

BroadsheetError
├── ConfigError (ValueError)   names the setting and where its value came from
├── QueryError (ValueError)    .query .position .hint
├── NotFoundError              .kind .id
│   ├── PaperNotFound
│   ├── ReaderNotFound
│   ├── CommentNotFound
│   ├── SubscriptionNotFound
│   ├── DigestNotFound
│   └── SourceNotFound
├── DecisionError (ValueError) a merge, split or undo by hand that cannot be carried out
├── NotSignedIn                this needs an account
├── NotAllowed                 this needs another role, or another scope of a token
├── RefusedError (ValueError)  what somebody sent cannot be taken: the rules say why
│   └── TooOften               .retry_after: it can be, later
├── SourceError                .source: it answered, but not in a form that can be read
│   ├── SourceUnavailable      .retry_after: away, busy or too slow; trying again may help
│   ├── SourceRejected         .status: it refused the request; trying again will not help
│   ├── UnknownFormat          a file that is none of the known formats
│   └── RecordError            .place .reason: one record is set aside, the run goes on
├── StoreError                 .temporary: locked, full, corrupt
│   └── SchemaVersionError     the home was made by a newer Broadsheet
├── DeliveryError              .temporary .code .retry_after: something cannot be handed over
│   ├── MailError              a letter or a digest, to what sends mail
│   ├── MailboxError           what came back cannot be read
│   └── HookError              a digest, to the address of a hook
├── SearchIndexError           an index cannot be read or written
└── EmbeddingError             .temporary: a model is missing, broken or away

`status_of` is the one table of HTTP status and exit codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class BroadsheetError(Exception):
    """The root of all errors raised on purpose; its text is a sentence for people."""


class ConfigError(BroadsheetError, ValueError):
    """A setting has a value that cannot be used."""


class QueryError(BroadsheetError, ValueError):
    """A query cannot be understood; `position` counts characters of `query` from 0."""

    def __init__(self, message: str, *, query: str, position: int, hint: str = "") -> None:
        super().__init__(message)
        self.query = query
        self.position = position
        self.hint = hint


class NotFoundError(BroadsheetError):
    """What was asked for is not in the collection."""

    kind = "thing"

    def __init__(self, ident: str) -> None:
        super().__init__(f"no {self.kind} {ident!r} in this collection")
        self.id = ident


class PaperNotFound(NotFoundError):  # noqa: N818 (named for what it says, as in design)
    """No paper has this id."""

    kind = "paper"


class SourceNotFound(NotFoundError):  # noqa: N818
    """No source has this name; the message says which there are."""

    kind = "source"

    def __init__(self, ident: str, known: Iterable[str]) -> None:
        super().__init__(ident)
        self.args = (f"there is no source {ident!r}; there are {', '.join(known)}",)


class ReaderNotFound(NotFoundError):  # noqa: N818
    """No reader has this name."""

    kind = "reader"


class CommentNotFound(NotFoundError):  # noqa: N818
    """No comment has this number."""

    kind = "comment"


class SubscriptionNotFound(NotFoundError):  # noqa: N818
    """No subscription has this number, or no link leads to one."""

    kind = "subscription"


class DigestNotFound(NotFoundError):  # noqa: N818
    """No digest has this number, or no link leads to one."""

    kind = "digest"


class NotSignedIn(BroadsheetError):  # noqa: N818 (named for what it says)
    """Only somebody with an account can do this, and nobody said who they are."""


class NotAllowed(BroadsheetError):  # noqa: N818
    """Whoever asked may not do this; the message says who may."""


class RefusedError(BroadsheetError, ValueError):
    """What somebody sent cannot be taken; the message says which rule is against it."""


class TooOften(RefusedError):  # noqa: N818
    """Somebody did this too often; after `retry_after` seconds it can be done again."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DecisionError(BroadsheetError, ValueError):
    """A decision by hand about which papers are the same cannot be carried out."""


class SourceError(BroadsheetError):
    """Something outside could not be read."""

    def __init__(self, message: str, *, source: str) -> None:
        super().__init__(message)
        self.source = source


class SourceUnavailable(SourceError):  # noqa: N818 (named for what it says, as in design)
    """A source is away, busy or too slow; after `retry_after` seconds it may be there again."""

    def __init__(self, message: str, *, source: str, retry_after: float | None = None) -> None:
        super().__init__(message, source=source)
        self.retry_after = retry_after


class SourceRejected(SourceError):  # noqa: N818
    """A source refused a request with the HTTP `status`; the same request will be refused again."""

    def __init__(self, message: str, *, source: str, status: int) -> None:
        super().__init__(message, source=source)
        self.status = status


class UnknownFormat(SourceError, ValueError):  # noqa: N818
    """A file is none of the formats that can be imported; the message says what was seen."""


class RecordError(SourceError):
    """One record cannot be used: `place` is its line (from 1) or position in the source."""

    def __init__(self, reason: str, *, source: str, place: int, excerpt: str = "") -> None:
        super().__init__(f"{source}:{place}: {reason}", source=source)
        self.reason = reason
        self.place = place
        self.excerpt = excerpt


class StoreError(BroadsheetError):
    """The record cannot be read or written; `temporary` says whether trying again may help."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


class SchemaVersionError(StoreError):
    """The home was made by a newer Broadsheet than this one."""


class DeliveryError(BroadsheetError):
    """Something cannot be handed over; `temporary` says whether trying again may help.

    `code` is what the other side answered with, of SMTP or HTTP, None if it gave none; it asked
    not to be tried again for `retry_after` seconds. `is_unknown` says that it may have been taken:
    it was sent, and no answer came.
    """

    def __init__(
        self,
        message: str,
        *,
        temporary: bool = False,
        code: int | None = None,
        retry_after: float | None = None,
        is_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.temporary = temporary
        self.is_unknown = is_unknown
        self.code = code
        self.retry_after = retry_after


class MailError(DeliveryError):
    """What sends mail does not take a letter or a digest."""


class MailboxError(DeliveryError):
    """The mailbox with what came back cannot be read."""


class HookError(DeliveryError):
    """The address of a hook does not take a digest."""


class SearchIndexError(BroadsheetError):
    """A derived index cannot be read or written; the record is not affected."""


class EmbeddingError(BroadsheetError):
    """An embedding model is missing, broken or away; `temporary` if trying again may help."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


class Status(NamedTuple):
    """How one kind of error is told to programs: an HTTP status and an exit code."""

    http: int
    exit: int


def status_of(error: BaseException) -> Status:  # noqa: C901, PLR0911 (a table, one line a row)
    """Return the HTTP status and the exit code (sysexits.h where one fits) of an error."""
    match error:
        case QueryError() | ConfigError():
            return Status(400, 2)
        case NotSignedIn():
            return Status(401, 77)
        case NotAllowed():
            return Status(403, 77)
        case TooOften():
            return Status(429, 75)
        case RefusedError():
            return Status(422, 1)
        case DecisionError():
            return Status(409, 1)
        case UnknownFormat():
            return Status(415, 2)
        case NotFoundError():
            return Status(404, 1)
        case StoreError(temporary=True) | EmbeddingError(temporary=True) | SearchIndexError():
            return Status(503, 75)
        case SourceUnavailable() | DeliveryError(temporary=True):
            return Status(503, 75)
        case SourceError() | DeliveryError():
            return Status(502, 1)
        case BroadsheetError():
            return Status(500, 1)
    return Status(500, 70)
