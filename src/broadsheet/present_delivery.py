"""What goes out, printed for people: subscriptions, digests, deliveries."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from broadsheet.collection.deliveries import Attempt, Delivery, domain_of
from broadsheet.collection.returned import Suppression
from broadsheet.delivery import digest
from broadsheet.delivery.digest import Issue, plain
from broadsheet.delivery.letters import schedule_in_words
from broadsheet.delivery.mailroom import Ticked
from broadsheet.delivery.returns import Done, Taken
from broadsheet.delivery.subscription import Subscription
from broadsheet.papers.identity import format_paper_id

_console = Console(
    width=min(shutil.get_terminal_size((100, 24)).columns, 110), highlight=False, markup=False
)


def _line(text: str | Text = "") -> None:
    _console.print(text, soft_wrap=True)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: str = "") -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers.split() else "left")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    _console.print(table)


# ---------------------------------------------------------------------------- subscriptions


def subscribed(found: Subscription, *, is_new: bool = False) -> None:
    """Print how a subscription stands, and what happens next; of a new hook also its secret."""
    _line(f"subscription {found.id}: {_what(found)}, {schedule_in_words(found.wishes)}")
    _line(_stands(found))
    if is_new and found.channel == "hook":
        _line(f"its posts are signed with {found.secret}")


def _what(found: Subscription) -> str:
    wishes = found.wishes
    return plain(f"{wishes.kind} {wishes.query}".strip())


def _stands(found: Subscription) -> str:
    match found.state:
        case "pending":
            return f"it begins once the link in a letter to {_to(found)} is followed"
        case "active":
            return f"the next issue is due {_due(found)}"
        case "paused":
            return f"paused {f'until {found.paused_until}' if found.paused_until else 'for now'}"
        case _:
            return "ended"


def _to(found: Subscription) -> str:
    """Return where a subscription goes; of a hook, whose address is a secret, the host."""
    return plain(found.address if found.channel == "mail" else domain_of(found.address))


def _due(found: Subscription) -> str:
    """Return when the next issue is due, by the clocks of the subscriber's zone."""
    if found.next_due is None:
        return ""
    moment = datetime.fromisoformat(found.next_due).astimezone(ZoneInfo(found.wishes.zone))
    return f"{moment:%Y-%m-%d %H:%M} {found.wishes.zone}"


def subscriptions(found: Sequence[Subscription]) -> None:
    """Print subscriptions, one a line."""
    rows = [
        (str(s.id), _to(s), s.wishes.form, _what(s), schedule_in_words(s.wishes), s.state, _due(s))
        for s in found
    ]
    _table(("", "to", "form", "what", "when", "state", "next"), rows)
    if not found:
        _line("Nobody subscribed yet.")


# ---------------------------------------------------------------------------- digests


def issues(found: Sequence[Issue]) -> None:
    """Print what would be in issues, each paper with its reasons."""
    for number, issue in enumerate(found):
        _line("\n" if number else "")
        _issue(issue)
    if not found:
        _line("Nothing is due.")


def _issue(issue: Issue) -> None:
    subscription, choice = issue.subscription, issue.choice
    whose = f"subscription {subscription.id}: " if subscription.id else ""
    _line(Text(f"{whose}{digest.subject(issue)}", "bold"))
    _line(Text(f"{plain(choice.title)}, {choice.first} to {choice.until}", "dim"))
    for notice in choice.notices:
        _line(f"! {plain(notice)}")
    for place, item in enumerate(issue.items, 1):
        paper = issue.papers[item.paper]
        _line(f"{place:>3}. {format_paper_id(paper.id)}  {plain(paper.title)}")
        if why := digest.why(item):
            _line(Text(f"     {why}", "dim"))
    if choice.more:
        _line(f"and {choice.more:,} more")


def texts(found: Sequence[Issue]) -> None:
    """Print issues as plain text, as they would be mailed."""
    for issue in found:
        sys.stdout.write(digest.text(issue))


# ---------------------------------------------------------------------------- deliveries


def ticked(found: Ticked) -> None:
    """Print what was composed and what was sent."""
    _line(f"composed: {_counted(found.composed._asdict()) or 'nothing is due'}")
    sent = found.sent._asdict()
    trouble = str(sent.pop("trouble", ""))
    _line(f"sent: {_counted(sent) or 'nothing is ready'}")
    if trouble:
        _line(f"! {plain(trouble)}")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


def deliveries(found: Sequence[Delivery], counts: Mapping[str, int]) -> None:
    """Print lines of the ledger, and how many digests are in each state."""
    rows = [
        (str(d.id), str(d.subscription), d.issue, d.domain, str(d.papers), d.state, str(d.tries),
         _when(d.next_try or d.sent), f"{d.code or ''} {d.words}".strip())
        for d in found
    ]  # fmt: skip
    _table(
        ("", "of", "issue", "to", "papers", "state", "tries", "sent or next", "said"),
        rows,
        "papers tries",
    )
    _line(f"\n{_counted(counts) or 'Nothing was composed yet.'}")
    if counts.get("unknown"):
        _line("Nobody knows whether the unknown ones arrived: --resend N sends one again.")


def _when(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%m-%d %H:%M}" if moment else ""


def attempts(found: Sequence[Attempt]) -> None:
    """Print every try to hand a digest over."""
    _table(
        ("when", "outcome", "code", "said"),
        [(one.at, one.outcome, str(one.code or ""), one.words) for one in found],
    )
    if not found:
        _line("It was not tried yet.")


# ---------------------------------------------------------------------------- what comes back

_DONE: Final[Mapping[Done, str]] = {
    "nothing": "nothing had to be done",
    "noted": "it is noted; more of these, and nothing is sent there any more",
    "suppressed": "nothing is sent to that address any more",
    "ended": "the subscription has ended",
}


def taken(found: Taken) -> None:
    """Print what a letter was that came back, and what was done about it."""
    _line(f"{found.kind} {found.status}".strip() + f": {_DONE[found.done]}")
    if found.words:
        _line(plain(found.words))
    if not found.is_ours:
        _line("It carries no token of ours, so nothing was believed that it says.")


def suppressions(found: Sequence[Suppression]) -> None:
    """Print the addresses that nothing is sent to, by the beginning of their hashes."""
    _table(
        ("since", "address", "reason", "note"),
        [(one.at, one.address[:12], one.reason, one.note) for one in found],
    )
    if not found:
        _line("Nothing is suppressed.")
