"""Commands for what goes out: subscriptions, digests, and what became of them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from broadsheet.cli.base import (
    As,
    AsJson,
    Home,
    Limit,
    acting,
    app,
    fail,
    finishing,
    opened,
    print_json,
    settings_of,
)
from broadsheet.errors import ConfigError

if TYPE_CHECKING:
    from broadsheet.delivery.digest import Issue
    from broadsheet.delivery.mailroom import Ticked
    from broadsheet.delivery.subscription import State, Subscription, Wishes
    from broadsheet.library import Library

Number = Annotated[
    int, typer.Argument(min=1, max=10**15, help="The subscription, as `subscriptions` numbers it.")
]
Trending = Annotated[
    bool, typer.Option("--trending", help="What is trending; so if nothing else is said.")
]
Edition = Annotated[bool, typer.Option("--edition", help="The edition of its days.")]
Search = Annotated[str, typer.Option("--search", help="New papers that a query finds.")]
Recommended = Annotated[bool, typer.Option("--recommended", help="A reader's own recommendations.")]
Query = Annotated[
    str, typer.Option("--query", help="Only papers that a query matches, as cat:cs.CL.")
]
Every = Annotated[str, typer.Option("--every", help="day, weekdays, week or month.")]
On = Annotated[
    str, typer.Option("--on", help="The weekday of a week, or the day of a month (1 to 31).")
]
At = Annotated[str, typer.Option("--at", help="The local time: 07:30.")]
Zone = Annotated[str, typer.Option("--zone", help="The time zone; else this machine's.")]
Longest = Annotated[int, typer.Option("--longest", help="So many papers at most.")]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="Only papers that stand so high.")
]
WhenEmpty = Annotated[
    str, typer.Option("--when-empty", help="skip, or tell that there is nothing new.")
]
Format = Annotated[
    str, typer.Option("--format", help="html (with plain text) or text alone, for mail.")
]
Language = Annotated[str, typer.Option("--language", help="The language of dates: en, de, pt-BR.")]
Hook = Annotated[
    str,
    typer.Option(
        "--hook",
        help="Post to an address: as json, slack, discord, mattermost, telegram or ntfy.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST = 3
_ZONES = "zoneinfo/"
_TERMINATED = 143
"""What shells say of whoever SIGTERM has ended."""
_LOOK_S = 0.5
"""Seconds from one look at the ledger, for the bar, to the next."""


# ---------------------------------------------------------------------------- wishes


def _wishes(
    *,
    edition: bool,
    search: str,
    recommended: bool,
    trending: bool,
    query: str,
    every: str,
    on: str,
    at: str,
    zone: str,
    longest: int,
    threshold: float | None,
    when_empty: str,
    form: str,
    language: str,
) -> Wishes:
    from broadsheet.delivery.subscription import Wishes

    said = {"trending": trending, "edition": edition, "search": bool(search)}
    kinds = [kind for kind, is_one in {**said, "recommended": recommended}.items() if is_one]
    if len(kinds) > 1:
        raise typer.BadParameter(f"choose one of --{' and --'.join(kinds)}")
    if search and query:
        raise typer.BadParameter("--search has the whole query; leave --query out")
    facts: dict[str, Any] = {
        "kind": kinds[0] if kinds else "trending", "query": search or query, "cadence": every,
        "on_day": _on_day(on, every), "at": at, "zone": zone or _own_zone(), "longest": longest,
        "threshold": threshold, "when_empty": when_empty, "form": form, "language": language,
    }  # fmt: skip
    return Wishes(**facts)


def _on_day(text: str, every: str) -> int:
    """Return the number of a day that was named, else Monday or the 1st."""
    if not text:
        return 1 if every == "month" else 0
    if text.isdecimal() and len(text) < _SHORTEST:
        return int(text)
    named = [n for n, name in enumerate(_WEEKDAYS) if name.startswith(text.lower())]
    if len(text) < _SHORTEST or not named:
        raise typer.BadParameter(f"--on {text!r} is no weekday and no day of a month")
    return named[0]


def _own_zone() -> str:
    """Return the time zone of this machine, UTC where it does not say."""
    said = os.environ.get("TZ", "").removeprefix(":")
    if not said:
        _, mark, said = os.path.realpath("/etc/localtime").rpartition(_ZONES)
        said = said if mark else ""
    return said or "UTC"


# ---------------------------------------------------------------------------- subscriptions


@app.command()
def subscribe(
    address: Annotated[
        str, typer.Argument(help="A mail address, or with --hook one of https://; else your own.")
    ] = "",
    trending: Trending = False,
    edition: Edition = False,
    search: Search = "",
    recommended: Recommended = False,
    query: Query = "",
    every: Every = "day",
    on: On = "",
    at: At = "07:00",
    zone: Zone = "",
    longest: Longest = 20,
    threshold: Threshold = None,
    when_empty: WhenEmpty = "skip",
    form: Format = "html",
    language: Language = "en",
    hook: Hook = "",
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe an address to what is trending, to the edition or to a search."""
    from broadsheet import present_delivery, wire_delivery

    wishes = _wishes(
        trending=trending, edition=edition, search=search, recommended=recommended, query=query,
        every=every, on=on, at=at, zone=zone, longest=longest, threshold=threshold,
        when_empty=when_empty, form=hook or form, language=language,
    )  # fmt: skip
    with opened(home) as library:
        actor = acting(library, as_)
        to = address or ("" if hook else library.accounts.account(actor).email or "")
        if not to:
            fail("give the address to subscribe", 2)
        made = library.mailroom.subscriptions.subscribe(
            actor, to, wishes, channel="hook" if hook else "mail", how="command"
        )
    if as_json:
        secret = {"secret": made.secret} if made.channel == "hook" else {}
        print_json(wire_delivery.subscription_json(made) | secret)
    else:
        present_delivery.subscribed(made, is_new=True)


@app.command()
def subscriptions(
    number: Annotated[
        int | None,
        typer.Argument(min=1, max=10**15, help="Print all that is kept of this one's address."),
    ] = None,
    state: Annotated[
        str, typer.Option("--state", help="Only pending, active, paused or ended ones.")
    ] = "",
    limit: Limit = 100,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List subscriptions, newest first, or print all that is kept of one as JSON."""
    from broadsheet import present_delivery, wire_delivery
    from broadsheet.delivery.subscription import State

    _among(state, get_args(State))
    with opened(home) as library:
        held = library.mailroom.subscriptions
        if number is not None:
            print_json(held.export(_found(library, number, as_)))
            return
        if as_:
            mine = held.of_reader(acting(library, as_))
            found = [s for s in reversed(mine) if not state or s.state == state][:limit]
        else:
            found = held.all(limit=limit, state=cast("State | None", state or None))
    if as_json:
        print_json({"subscriptions": [wire_delivery.subscription_json(s) for s in found]})
    else:
        present_delivery.subscriptions(found)


def _among(state: str, states: tuple[str, ...]) -> None:
    if state and state not in states:
        raise typer.BadParameter(f"--state {state!r} is none: choose {', '.join(states)}")


def _found(library: Library, number: int, as_: str) -> Subscription:
    """Return a subscription; who acts as a reader has only their own."""
    held = library.mailroom.subscriptions
    return held.own(acting(library, as_), number) if as_ else held.by_id(number)


def _tell(found: Subscription, as_json: bool) -> None:
    from broadsheet import present_delivery, wire_delivery

    if as_json:
        print_json(wire_delivery.subscription_json(found))
    else:
        present_delivery.subscribed(found)


@app.command()
def unsubscribe(
    number: Number,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete all that is kept of its address, for ever.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """End a subscription; with --forget nothing is kept of its address."""
    with opened(home) as library:
        found = _found(library, number, as_)
        held = library.mailroom.subscriptions
        if not forget:
            _tell(held.end(found, how="command"), as_json)
            return
        if not yes and not typer.confirm("Delete all that is kept of this address?", err=True):
            fail("nothing was deleted", 1)
        held.forget(found)
    if as_json:
        print_json({"id": number, "state": "deleted"})
    else:
        typer.echo(f"subscription {number} is forgotten, and everything of its address")


@app.command()
def pause(
    number: Number,
    until: Annotated[
        str, typer.Option("--until", help="The last day without issues, as 2026-12-31.")
    ] = "",
    as_: As = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Pause a subscription until a day, or until it is resumed."""
    last = _day(until) if until else None
    with opened(home) as library:
        found = _found(library, number, as_)
        made = library.mailroom.subscriptions.pause(found, last, how="command")
    _tell(made, as_json)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-12-31") from None


@app.command()
def resume(number: Number, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """End the pause of a subscription."""
    with opened(home) as library:
        found = _found(library, number, as_)
        made = library.mailroom.subscriptions.resume(found, how="command")
    _tell(made, as_json)


@app.command()
def skip(number: Number, as_: As = "", home: Home = None, as_json: AsJson = False) -> None:
    """Leave out the next issue of a subscription."""
    with opened(home) as library:
        found = _found(library, number, as_)
        made = library.mailroom.subscriptions.skip(found, how="command")
    _tell(made, as_json)


# ---------------------------------------------------------------------------- digests


@app.command()
def digest(
    number: Annotated[
        int | None,
        typer.Argument(min=1, max=10**15, help="A subscription; else whatever is due now."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be in it; so if nothing else is said.")
    ] = False,
    preview: Annotated[
        Path | None, typer.Option("--preview", help="Write it as a page of HTML to a file.")
    ] = None,
    eml: Annotated[
        Path | None, typer.Option("--eml", help="Write it to a file as it would be mailed.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print it as plain text.")] = False,
    force: Force = False,
    trending: Trending = False,
    edition: Edition = False,
    search: Search = "",
    recommended: Recommended = False,
    query: Query = "",
    every: Every = "day",
    on: On = "",
    at: At = "07:00",
    zone: Zone = "",
    longest: Longest = 20,
    threshold: Threshold = None,
    when_empty: WhenEmpty = "skip",
    form: Format = "html",
    language: Language = "en",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be in an issue: of all that is due, of a subscription, or of wishes."""
    from broadsheet import present_delivery, wire_delivery

    wished = trending or edition or search or recommended or query
    if number is not None and wished:
        raise typer.BadParameter("give a subscription or wishes, not both")
    if sum(map(bool, (dry_run, preview, eml, text))) > 1:
        raise typer.BadParameter("choose one of --dry-run, --preview, --eml and --text")
    wishes = _wishes(
        trending=trending, edition=edition, search=search, recommended=recommended, query=query,
        every=every, on=on, at=at, zone=zone, longest=longest, threshold=threshold,
        when_empty=when_empty, form=form, language=language,
    )  # fmt: skip
    with opened(home) as library:
        now = library.clock().astimezone(UTC)
        chosen = _chosen(library, number, wishes if wished else None, now)
        issues = [_issue(library, one, due) for one, due in chosen]
        file = preview or eml
        if file:
            if len(issues) != 1:
                fail(f"a file holds one issue, and there are {len(issues)}: name a subscription", 2)
            data = _page(issues[0]) if preview else _letter(library, home, issues[0], now)
            _write(file, data, issues[0], force=force, as_json=as_json)
        elif as_json:
            print_json({"issues": [wire_delivery.issue_json(issue) for issue in issues]})
        elif text:
            present_delivery.texts(issues)
        else:
            present_delivery.issues(issues)


def _chosen(
    library: Library, number: int | None, wishes: Wishes | None, now: datetime
) -> Iterable[tuple[Subscription, datetime]]:
    """Return whose issues are asked for, each with when it is due."""
    held = library.mailroom.subscriptions
    if number is not None:
        return [(held.by_id(number), now)]
    if wishes is not None:
        return [(_nobody(library, wishes, now), now)]
    active = held.all(limit=10**9, state="active")
    due = ((s, datetime.fromisoformat(s.next_due)) for s in active if s.next_due)
    return [(s, moment) for s, moment in due if moment <= now]


def _nobody(library: Library, wishes: Wishes, now: datetime) -> Subscription:
    """Return a subscription that nobody has, to wishes that can be fulfilled."""
    from broadsheet.collection.subscriptions import new_handle
    from broadsheet.delivery.subscribing import as_wishes
    from broadsheet.delivery.subscription import Subscription

    wishes = as_wishes(wishes)
    library.mailroom.composer.check(wishes)
    made = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    to = "reader@example.org"
    return Subscription(
        0, new_handle(), 0, "mail", to, "", None, wishes, "active", None, None, made
    )


def _issue(library: Library, subscription: Subscription, due: datetime) -> Issue:
    from broadsheet.delivery.due import issue_of

    choice = library.mailroom.composer.choose(subscription, due)
    name = issue_of(subscription.wishes, due)
    return library.mailroom.renderer.preview(subscription, choice, name)


def _page(issue: Issue) -> bytes:
    from broadsheet.delivery import digest as written

    return written.html(issue).encode()


def _letter(library: Library, home: Path | None, issue: Issue, now: datetime) -> bytes:
    if not settings_of(home=home)["mail_from"]:
        raise ConfigError("mail_from is not set: a letter is from somebody, as papers@example.org")
    return library.mailroom.renderer.mailed(issue, now).data


def _write(file: Path, data: bytes, issue: Issue, *, force: bool, as_json: bool) -> None:
    from broadsheet.collection.backup import replacing

    with replacing(file, force=force) as place:
        place.write_bytes(data)
    if as_json:
        facts = {"file": str(file), "bytes": len(data), "papers": len(issue.items)}
        print_json(facts)
    else:
        typer.echo(f"{file}: {len(issue.items)} papers, {len(data):,} bytes")


# ---------------------------------------------------------------------------- deliveries


@app.command()
def deliver(home: Home = None, as_json: AsJson = False) -> None:
    """Compose and send what is due, once; for cron and systemd, where `serve` does not run."""
    from broadsheet import present_delivery, wire_delivery

    with finishing(_TERMINATED), opened(home) as library:
        done = _ticked(library)
    if as_json:
        print_json(wire_delivery.ticked_json(done))
    else:
        present_delivery.ticked(done)
    if done.sent.trouble:
        raise typer.Exit(1)


def _ticked(library: Library) -> Ticked:
    """Take a turn, with a bar of what has arrived."""
    from broadsheet.present import Bar

    sender, seen_at = library.mailroom.sender, 0.0
    before = sender.counts().get("sent", 0)
    with Bar("digests") as bar:

        def look() -> bool:
            nonlocal seen_at
            if sys.stderr.isatty() and time.monotonic() >= seen_at + _LOOK_S:
                seen_at, counts = time.monotonic(), sender.counts()
                done = counts.get("sent", 0) - before
                left = counts.get("ready", 0) + counts.get("claimed", 0)
                bar.show("delivering", done, done + left, done)
            return False

        return library.mailroom.tick(look)


@app.command()
def deliveries(
    number: Annotated[
        int | None, typer.Argument(min=1, max=10**15, help="Show every try of this digest.")
    ] = None,
    state: Annotated[
        str,
        typer.Option("--state", help="Only ready, sent, unknown, refused, expired, … ones."),
    ] = "",
    resend: Annotated[
        int | None, typer.Option("--resend", min=1, max=10**15, help="Send a digest again.")
    ] = None,
    abandon: Annotated[
        int | None, typer.Option("--abandon", min=1, max=10**15, help="Stop one that waits.")
    ] = None,
    limit: Limit = 50,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List what was sent and what became of it, the newest first: the ledger."""
    from broadsheet import present_delivery, wire_delivery
    from broadsheet.collection.deliveries import STATES

    if sum(n is not None for n in (number, resend, abandon)) > 1:
        raise typer.BadParameter("give one number: of a digest to show, to resend or to abandon")
    _among(state, STATES)
    with opened(home) as library:
        sender = library.mailroom.sender
        if number is not None:
            tries = sender.attempts(number)
            _show(
                as_json,
                wire_delivery.attempts_json(number, tries),
                present_delivery.attempts,
                tries,
            )
            return
        if resend is not None or abandon is not None:
            decided = sender.resend(resend) if resend is not None else sender.abandon(abandon or 0)
            found, counts = [decided], sender.counts()
        else:
            found, counts = sender.recent(limit=limit, state=state or None), sender.counts()
    if as_json:
        print_json(wire_delivery.deliveries_json(found, counts))
    else:
        present_delivery.deliveries(found, counts)


def _show(as_json: bool, facts: dict[str, Any], show: Any, found: Any) -> None:
    if as_json:
        print_json(facts)
    else:
        show(found)
