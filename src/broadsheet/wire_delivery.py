"""What goes out as JSON: subscriptions, digests, deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from broadsheet.collection.deliveries import Attempt, Delivery
from broadsheet.delivery.digest import Issue, subject
from broadsheet.delivery.mailroom import Ticked
from broadsheet.delivery.returns import Taken
from broadsheet.delivery.subscription import Subscription
from broadsheet.papers.identity import format_paper_id

Json = dict[str, Any]


def subscription_json(found: Subscription) -> Json:
    """Return a subscription as its owner sees it; the address of a hook is a secret."""
    is_mail = found.channel == "mail"
    return {
        "id": found.id,
        "channel": found.channel,
        "address": found.address if is_mail else urlsplit(found.address).hostname or "",
        "state": found.state,
        **asdict(found.wishes),
        "paused_until": found.paused_until,
        "next_due": found.next_due,
        "made": found.made,
    }


def issue_json(found: Issue) -> Json:
    """Return what is in an issue; `subscription` is null for wishes that nobody has."""
    choice = found.choice
    return {
        "subscription": found.subscription.id or None,
        "issue": found.name,
        "subject": subject(found),
        "title": choice.title,
        "first": choice.first.isoformat(),
        "until": choice.until.isoformat(),
        "papers": [
            {
                "id": format_paper_id(found.papers[item.paper].id),
                "title": found.papers[item.paper].title,
                "reasons": list(item.reasons),
                "mark": item.mark,
            }
            for item in found.items
        ],
        "more": choice.more,
        "more_path": choice.more_path,
        "notices": list(choice.notices),
    }


def ticked_json(found: Ticked) -> Json:
    """Return how many issues were composed and sent, by what became of them."""
    return {"composed": found.composed._asdict(), "sent": found.sent._asdict()}


def deliveries_json(found: Sequence[Delivery], counts: Mapping[str, int]) -> Json:
    """Return lines of the ledger, and how many digests are in each state."""
    return {"counts": dict(counts), "deliveries": [one._asdict() for one in found]}


def attempts_json(number: int, found: Sequence[Attempt]) -> Json:
    """Return every try to hand a digest over."""
    return {"id": number, "attempts": [one._asdict() for one in found]}


def taken_json(found: Taken) -> Json:
    """Return what a letter was that came back, and what was done about it."""
    return found._asdict()
