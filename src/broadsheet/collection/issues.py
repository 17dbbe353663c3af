"""Issues as they were decided: the only SQL that reads what is in them, one at a time."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam

from broadsheet.collection import schema, subscriptions

_digests = schema.digests.c


class Written(NamedTuple):
    """A digest as it stands in the ledger, and whose it is; `body` is the JSON of a choice.

    Of a letter `body` is its name, and of an issue that nobody composed "".
    """

    subscription: subscriptions.Row
    issue: str
    body: str
    made: str

    @property
    def is_letter(self) -> bool:
        """Whether this is a letter about a subscription."""
        return self.issue.startswith(subscriptions.LETTER)


_WRITTEN = (
    subscriptions.chosen()
    .add_columns(_digests.issue, _digests.body, _digests.made)
    .join(schema.digests, _digests.subscription_id == schema.subscriptions.c.id)
    .where(_digests.id == bindparam("digest"))
)
"""Made once: every digest that goes out is read by it."""


def fetch(connection: Connection, digest: int) -> Written | None:
    """Return the digest with this number."""
    row = connection.execute(_WRITTEN, {"digest": digest}).first()
    return Written(subscriptions.Row(*row[:-3]), *row[-3:]) if row else None
