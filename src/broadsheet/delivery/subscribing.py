"""Subscribing: who may, what they may wish for, and what a link in a letter lets them do.

as_wishes(wishes, channel) -> wishes in their one form, or RefusedError (pure)
Subscriptions.subscribe(…) makes a subscription that waits until its address confirms it
Subscriptions.by_token(…) -> the subscription that a link leads to; who has it may do the rest

Nothing here tells anybody whether an address is known: what is asked with a known and an unknown
one has the same answer, and sends one letter.
"""

from __future__ import annotations

import base64
import math
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, TypeVar, cast, get_args
from zoneinfo import ZoneInfoNotFoundError, available_timezones

from sqlalchemy import Connection

from broadsheet.collection import papers
from broadsheet.collection import readers as accounts
from broadsheet.collection import subscriptions as store
from broadsheet.collection.database import Database
from broadsheet.collection.subscriptions import Row
from broadsheet.collection.together import Together
from broadsheet.delivery.due import begins, ends, issue_of, next_due, zone_of
from broadsheet.delivery.hooks import as_hook
from broadsheet.delivery.letters import CONFIRMABLE, LETTER_LIFE, LetterKind
from broadsheet.delivery.links import Links, Purpose, new_key
from broadsheet.delivery.subscription import (
    Cadence,
    Channel,
    HookForm,
    Kind,
    MailForm,
    State,
    Subscription,
    WhenEmpty,
    Wishes,
)
from broadsheet.errors import NotSignedIn, RefusedError, SubscriptionNotFound
from broadsheet.readers.limits import Limits, client_key
from broadsheet.readers.names import as_email
from broadsheet.readers.permissions import Actor
from broadsheet.readers.rules import Rules

T = TypeVar("T")
MOST: Final = 20
"""Subscriptions of one address, those that ended not counted."""
MOST_PENDING: Final = 5
"""Of those so many wait to be confirmed; with one more the oldest of them goes."""
MOST_PAPERS: Final = 100
"""Papers in an issue."""
KEPT: Final = timedelta(days=90)
"""So long a subscription that ended stays, with what was sent; then it is forgotten."""
FARTHEST: Final = timedelta(days=100)
"""No issue is due later, unless a clock was ahead."""
_LONGEST_QUERY: Final = 1000
_LONGEST_LANGUAGE: Final = 12
_LAST_WEEKDAY: Final = 6
_LAST_DAY: Final = 31
_OWNER: Final = 1
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)


# ---------------------------------------------------------------------------- wishes


def as_wishes(wishes: Wishes, channel: Channel = "mail") -> Wishes:
    """Return wishes in their one form; raises RefusedError for what nobody can be sent.

    What the query means is not looked at here.
    """
    _among("A list is", wishes.kind, get_args(Kind))
    _among("An issue comes every", wishes.cadence, get_args(Cadence))
    _among("When there is nothing new, one can", wishes.when_empty, get_args(WhenEmpty))
    _among("The form is", wishes.form, get_args(MailForm if channel == "mail" else HookForm))
    if not 1 <= wishes.longest <= MOST_PAPERS:
        raise RefusedError(f"An issue has 1 to {MOST_PAPERS} papers at most.")
    if wishes.threshold is not None and not math.isfinite(wishes.threshold):
        raise RefusedError("A threshold is a number, such as 1.5, or none at all.")
    return replace(
        wishes,
        query=_query(wishes),
        on_day=_on_day(wishes),
        at=_time(wishes.at),
        zone=_zone(wishes.zone),
        language=_language(wishes.language),
    )


def _among(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise RefusedError(f"{what} {', '.join(words[:-1])} or {words[-1]}, not “{word[:40]}”.")


def _query(wishes: Wishes) -> str:
    query = " ".join(wishes.query.strip().splitlines())
    if len(query) > _LONGEST_QUERY:
        raise RefusedError(f"A query to subscribe to has {_LONGEST_QUERY} characters at most.")
    if wishes.kind == "search" and not query:
        raise RefusedError("Say what to search for: a subscription to a search needs a query.")
    return query


def _on_day(wishes: Wishes) -> int:
    if wishes.cadence == "week":
        if not 0 <= wishes.on_day <= _LAST_WEEKDAY:
            raise RefusedError("The day of a weekly issue is 0 (Monday) to 6 (Sunday).")
        return wishes.on_day
    if wishes.cadence == "month":
        if not 1 <= wishes.on_day <= _LAST_DAY:
            raise RefusedError("The day of a monthly issue is 1 to 31 (the last of any month).")
        return wishes.on_day
    return 0


def _time(text: str) -> str:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise RefusedError(f"“{text[:20]}” is no time of day: write it as 07:30.")
    return f"{int(found[1]):02}:{found[2]}"


def _zone(text: str) -> str:
    name = text.strip()
    if not _is_zone(name):
        near = get_close_matches(name[:40], _zones(), n=1)
        hint = f"did you mean {near[0]}?" if near else "write it as Europe/Berlin, or UTC."
        raise RefusedError(f"“{name[:40]}” is no time zone: {hint}")
    return name


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _is_zone(name: str) -> bool:
    try:
        # Other names in the folder of zones are no zones, or count leap seconds.
        return bool(_ZONE.fullmatch(name)) and name != "Factory" and bool(zone_of(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _language(text: str) -> str:
    # Takes a tenth of a second, which nothing else needs to wait for.
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415

    try:
        found = str(Locale.parse(text.strip().replace("_", "-"), sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise RefusedError(
            f"“{text[:20]}” is no language that dates are known in: write en, de or pt-BR."
        ) from error
    if len(found) > _LONGEST_LANGUAGE:
        raise RefusedError("Write the language shorter, as en, de or pt-BR.")
    return found


# ---------------------------------------------------------------------------- rows


def subscription_of(row: Row) -> Subscription:
    """Return a subscription as it stands in the record."""
    wishes = Wishes(
        kind=cast("Kind", row.kind),
        query=row.query,
        cadence=cast("Cadence", row.cadence),
        on_day=row.on_day,
        at=row.at,
        zone=row.zone,
        longest=row.longest,
        threshold=row.threshold,
        when_empty=cast("WhenEmpty", row.when_empty),
        form=row.form,
        language=row.language,
    )
    return Subscription(
        id=row.id,
        handle=row.handle,
        recipient=row.recipient,
        channel=cast("Channel", row.channel),
        address=row.address,
        secret=row.secret,
        reader=row.reader,
        wishes=wishes,
        state=cast("State", row.state),
        paused_until=row.paused_until,
        next_due=row.next_due,
        made=row.made,
    )


def house_key(connection: Connection) -> str:
    """Return the key that links are signed with, made now if there was none.

    Two processes agree on it; the connection must be one that writes if there is none yet.
    """
    return store.key(connection, "links") or store.keep_key(connection, "links", new_key())


# ---------------------------------------------------------------------------- subscriptions


class Subscriptions:
    """The subscriptions of a collection; safe to share between threads.

    `check` raises for wishes that nothing can be chosen by. `can_send` says whether mail goes out,
    `hooks_inside` whether hooks may post to this machine and to private networks. `how` is
    everywhere by which way somebody asked, and `client` where they asked from, for the consent log.
    """

    def __init__(
        self,
        database: Database,
        together: Together,
        rules: Rules,
        clock: Callable[[], datetime],
        links: Links,
        check: Callable[[Wishes], None],
        *,
        can_send: bool,
        hooks_inside: bool = False,
    ) -> None:
        self.rules = rules
        self.links = links
        self.can_send = can_send
        self.hooks_inside = hooks_inside
        self.limits = Limits(lambda: clock().timestamp())
        self._database = database
        self._together = together
        self._clock = clock
        self._check = check

    def _now(self) -> str:
        return _iso(self._clock())

    # ------------------------------------------------------------------ reading

    def by_token(self, purpose: Purpose, token: str) -> Subscription:
        """Return the subscription that a link leads to, in whatever state it is.

        Raises SubscriptionNotFound for a link that is none of ours, or is not good any more.
        """
        named = self.links.read(purpose, token)
        with self._database.read() as connection:
            row = store.by_handle(connection, named.handle) if named else None
        if row is None:
            raise _no_link()
        return subscription_of(row)

    def by_id(self, number: int) -> Subscription:
        """Return the subscription with a number; raises SubscriptionNotFound."""
        with self._database.read() as connection:
            return subscription_of(_found(connection, number))

    def own(self, actor: Actor, number: int) -> Subscription:
        """Return a subscription of the actor; raises SubscriptionNotFound for anybody else's."""
        mine = [s for s in self.of_reader(actor) if s.id == number]
        if not mine:
            raise SubscriptionNotFound(str(number))
        return mine[0]

    def of_reader(self, actor: Actor) -> list[Subscription]:
        """Return the subscriptions of an account and those of its mail address, oldest first."""
        actor.require("subscribe")
        with self._database.read() as connection:
            rows = store.of_reader(connection, actor.id)
        return [subscription_of(row) for row in rows]

    def of_recipient(self, subscription: Subscription) -> list[Subscription]:
        """Return all subscriptions of the address that has this one, oldest first."""
        with self._database.read() as connection:
            rows = store.of_recipient(connection, subscription.recipient)
        return [subscription_of(row) for row in rows]

    def all(self, *, limit: int = 100, state: State | None = None) -> list[Subscription]:
        """Return the newest subscriptions, newest first; those in one state, if named."""
        with self._database.read() as connection:
            return [subscription_of(row) for row in store.newest(connection, limit, state)]

    # ------------------------------------------------------------------ subscribing

    def subscribe(
        self,
        actor: Actor,
        address: str,
        wishes: Wishes,
        *,
        channel: Channel = "mail",
        how: str = "page",
        client: str = "",
    ) -> Subscription:
        """Return a subscription of an address, new or the one that there is.

        It waits until the link in a letter confirms it, unless it is the actor's own: a hook, the
        address of their account, or any that the owner of a private collection names. Raises
        RefusedError for what cannot be wished for or sent, QueryError, NotSignedIn, NotAllowed and
        TooOften; whether an address is known no answer tells but the letter.
        """
        self._require(actor, channel)
        wishes = self._checked(wishes, channel)
        address = self._as_address(address, channel, wishes.form)
        is_theirs, is_at_once = self._stands(actor, channel, address)
        if not is_at_once:
            self.limits.take("subscribe_client", client_key(client))
            self.limits.take("subscribe", address)
        ask = _Asking(self._clock(), channel, address, wishes, how, client_key(client))
        reader = actor.reader if is_theirs else None

        def change(connection: Connection) -> int:
            if is_at_once:
                return ask.at_once(connection, cast("int", reader))
            return ask.by_letter(connection, reader)

        return self.by_id(self._together.write(_acting(actor, change)))

    def _require(self, actor: Actor, channel: Channel) -> None:
        actor.require("subscribe")
        if actor.reader is None and (channel == "hook" or self.rules.subscribe == "readers"):
            what = "have hooks" if channel == "hook" else "subscribe"
            raise NotSignedIn(f"Sign in first: only those with an account {what} here.")
        if channel == "mail" and not self.can_send:
            raise RefusedError(
                "No mail is sent from here: it needs the settings mail, mail_from and address."
            )

    def _checked(self, wishes: Wishes, channel: Channel) -> Wishes:
        wishes = as_wishes(wishes, channel)
        self._check(wishes)
        return wishes

    def _as_address(self, address: str, channel: Channel, form: str) -> str:
        if channel == "hook":
            return as_hook(address, form, inside=self.hooks_inside)
        return as_email(address)

    def _stands(self, actor: Actor, channel: Channel, address: str) -> tuple[bool, bool]:
        """Return whether an address is the actor's, and whether that is proof enough."""
        if channel == "hook":
            return True, True
        if actor.reader is None:
            return False, False
        with self._database.read() as connection:
            reason = store.suppressed(connection, address)
            account = accounts.by_id(connection, actor.reader)
        is_owner = actor.reader == _OWNER and not self.rules.is_shared
        is_theirs = is_owner or account.email == address
        if is_theirs and reason in {"complaint", "hand"}:
            raise RefusedError(
                "Nothing is sent to this address: its owner complained, or asked for that. Whoever "
                "runs this place can allow it again."
            )
        return is_theirs, is_theirs and reason is None

    def confirm(self, token: str, *, client: str = "") -> Subscription:
        """Begin a subscription that its address has confirmed; once more changes nothing.

        An address that had bounced may be written to again. Raises SubscriptionNotFound for a link
        that is none of ours, is older than a week, or leads to what has ended.
        """
        number = self.by_token("confirm", token).id
        moment = self._clock()

        def change(connection: Connection) -> None:
            row = _found(connection, number)
            is_good = store.asked(connection, number) > _iso(moment - CONFIRMABLE)
            if row.state == "ended" or (row.state == "pending" and not is_good):
                raise _no_link()
            if is_good:
                store.lift_bounce(connection, row.address)
                store.stop_letters(connection, number)
            if row.state == "pending":
                _begin(connection, row, moment)
                store.note(
                    connection, number, "confirmed", "letter", client_key(client), _iso(moment)
                )

        return self._changed(number, change)

    # ------------------------------------------------------------------ changing

    def change(
        self, subscription: Subscription, wishes: Wishes, *, how: str, client: str = ""
    ) -> Subscription:
        """Let somebody wish for something else; return the subscription as it is then.

        No date has a second issue by that. Raises RefusedError, QueryError.
        """
        wishes = self._checked(wishes, subscription.channel)
        # Another form may want another address.
        self._as_address(subscription.address, subscription.channel, wishes.form)

        def change(connection: Connection, row: Row) -> None:
            values = asdict(wishes)
            if row.state == "active" and _schedule(wishes) != _schedule(_wishes(row)):
                due = _free_due(connection, row.id, wishes, self._clock())
                values["next_due"] = _iso(due)
            store.change(connection, row.id, **values)

        return self._alter(subscription, "changed", how, client, change)

    def pause(
        self, subscription: Subscription, until: date | None, *, how: str, client: str = ""
    ) -> Subscription:
        """Send nothing up to and including the local day `until`, or until it is resumed."""
        zone = zone_of(subscription.wishes.zone)
        if until is not None and until < self._clock().astimezone(zone).date():
            raise RefusedError("A pause ends today or later.")
        values = {"state": "paused", "next_due": None}
        values["paused_until"] = until.isoformat() if until else None

        def change(connection: Connection, row: Row) -> None:
            _require_begun(row)
            store.change(connection, row.id, **values)

        return self._alter(subscription, "paused", how, client, change)

    def resume(self, subscription: Subscription, *, how: str, client: str = "") -> Subscription:
        """End a pause; what is not paused stays as it is."""

        def change(connection: Connection, row: Row) -> None:
            _require_begun(row)
            if row.state == "paused":
                _begin(connection, row, self._clock())

        return self._alter(subscription, "resumed", how, client, change)

    def skip(self, subscription: Subscription, *, how: str, client: str = "") -> Subscription:
        """Leave the next issue out; what would have been in it may be in the one after it."""

        def change(connection: Connection, row: Row) -> None:
            _require_begun(row)
            if row.next_due is None:
                raise RefusedError(
                    "This subscription is paused: nothing is due that can be left out."
                )
            wishes, due = _wishes(row), datetime.fromisoformat(row.next_due)
            kept = (issue_of(wishes, due), row.next_due, _iso(ends(wishes, due)), self._now())
            store.add_skipped(connection, row.id, *kept)
            store.change(
                connection, row.id, next_due=_iso(_free_due(connection, row.id, wishes, due))
            )

        return self._alter(subscription, "skipped", how, client, change)

    def end(self, subscription: Subscription, *, how: str, client: str = "") -> Subscription:
        """End a subscription, at once; what has ended stays as it is."""

        def change(connection: Connection) -> None:
            _end(connection, _found(connection, subscription.id), how, client, self._now())

        return self._changed(subscription.id, change)

    def leave(self, subscription: Subscription, *, how: str, client: str = "") -> Subscription:
        """End a subscription or, if it had ended, what followed it: the same list to its address.

        Whoever unsubscribes by an old letter wants no more of what it held.
        """

        def change(connection: Connection) -> None:
            row = _found(connection, subscription.id)
            rows = store.of_recipient(connection, row.recipient)
            later = [one for one in rows if one.id > row.id and _list(one) == _list(row)]
            for one in later if row.state == "ended" else [row]:
                _end(connection, one, how, client, self._now())

        return self._changed(subscription.id, change)

    def end_all(self, recipient: int, *, how: str, client: str = "") -> int:
        """End all subscriptions of a recipient; return how many had not ended."""

        def change(connection: Connection) -> int:
            rows = store.of_recipient(connection, recipient)
            return sum(_end(connection, row, how, client, self._now()) for row in rows)

        return self._together.write(change)

    def _alter(
        self,
        subscription: Subscription,
        what: str,
        how: str,
        client: str,
        change: Callable[[Connection, Row], None],
    ) -> Subscription:
        # Each change is written down: who has a link must not fill the disk with that.
        self.limits.take("change", subscription.id)

        def carry_out(connection: Connection) -> None:
            row = _found(connection, subscription.id)
            if row.state == "ended":
                raise RefusedError("This subscription has ended; subscribe anew.")
            change(connection, row)
            store.note(connection, row.id, what, how, client_key(client), self._now())

        return self._changed(subscription.id, carry_out)

    def _changed(self, number: int, change: Callable[[Connection], None]) -> Subscription:
        self._together.write(change)
        return self.by_id(number)

    # ------------------------------------------------------------------ what is kept

    def export(self, subscription: Subscription) -> dict[str, Any]:
        """Return all that is kept of a recipient, without what lets anybody in."""
        with self._database.read() as connection:
            kept = store.everything(connection, _found(connection, subscription.id).recipient)
        return {"exported": self._now(), **kept}

    def forget(self, subscription: Subscription) -> None:
        """Delete all that is kept of a recipient; the hash of a suppressed address stays."""
        self._together.write(lambda c: store.forget(c, subscription.recipient))

    def say(
        self,
        subscription: Subscription,
        kind: store.Feedback,
        paper: int,
        *,
        is_so: bool = True,
    ) -> None:
        """Keep what a recipient says of a paper, or take it back; raises PaperNotFound."""

        def change(connection: Connection) -> None:
            of = (_found(connection, subscription.id).recipient, kind)
            found = papers.resolve_id(connection, paper)
            if is_so:
                store.say(connection, *of, found, self._now())
            else:
                parts = [then for then, now in store.said(connection, *of) if now == found]
                store.unsay(connection, *of, parts)

        self._together.write(change)

    def said(self, subscription: Subscription, kind: store.Feedback) -> list[int]:
        """Return the papers that a recipient said this of, newest first."""
        with self._database.read() as connection:
            found = store.said(connection, subscription.recipient, kind)
        return list(dict.fromkeys(now for _, now in found))

    def tidy(self) -> int:
        """Let go of what nobody confirmed in a week and of what ended long ago; end pauses.

        What a clock that was far ahead has put off is due again as its schedule says. Returns how
        many subscriptions it touched; where there are none it writes nothing.
        """
        moment = self._clock().astimezone(UTC)
        if not any(self._over(moment)):
            return 0

        def change(connection: Connection) -> int:
            gone, paused = self._over_in(connection, moment)
            store.forget_subscriptions(connection, gone)
            for row, end in paused:
                _begin(connection, row, end)
            return len(gone) + len(paused)

        return self._together.write(change)

    def _over(self, moment: datetime) -> tuple[list[int], list[tuple[Row, datetime]]]:
        with self._database.read() as connection:
            return self._over_in(connection, moment)

    @staticmethod
    def _over_in(
        connection: Connection, moment: datetime
    ) -> tuple[list[int], list[tuple[Row, datetime]]]:
        old = store.unconfirmed(connection, _iso(moment - CONFIRMABLE))
        old += store.ended(connection, _iso(moment - KEPT))
        # Somewhere it is tomorrow already.
        paused = store.paused_until(connection, (moment.date() + timedelta(days=1)).isoformat())
        over = [(row, _end_of_pause(row)) for row in paused]
        put_off = store.due_after(connection, _iso(moment + FARTHEST))
        begin = [(row, end) for row, end in over if end <= moment]
        return [row.id for row in old], begin + [(row, moment) for row in put_off]


class _Asking:
    """Somebody asks for a subscription: what becomes of that in the record."""

    def __init__(
        self,
        moment: datetime,
        channel: Channel,
        address: str,
        wishes: Wishes,
        how: str,
        client: str,
    ) -> None:
        self._moment = moment
        self._now = _iso(moment)
        self._channel = channel
        self._address = address
        self._wishes = wishes
        self._how = how
        self._client = client

    def at_once(self, connection: Connection, reader: int) -> int:
        """Return a subscription that has begun; raises RefusedError for one more of the same."""
        live = self._live(connection)
        if self._channel == "hook" and any(row.reader != reader for row in live):
            raise RefusedError("Another reader posts to this address already.")
        same = self._same(live)
        if same is not None and same.state != "pending":
            raise RefusedError(f"You get this already, by subscription {same.id}: change that one.")
        if same is None and len(live) >= MOST:
            raise RefusedError(f"An address has {MOST} subscriptions at most; end one first.")
        if self._channel == "hook" and len(store.hooks_of(connection, reader)) >= MOST:
            raise RefusedError(f"A reader has {MOST} hooks at most; end one first.")
        number = self._pending(connection, same, reader)
        _begin(connection, _found(connection, number), self._moment)
        store.stop_letters(connection, number)
        proof = "command" if self._how == "command" else "account"
        store.note(connection, number, "confirmed", proof, self._client, self._now)
        return number

    def by_letter(self, connection: Connection, reader: int | None) -> int:
        """Return a subscription that a letter is sent about."""
        live = self._live(connection)
        same, begun = self._same(live), [row for row in live if row.state != "pending"]
        if same is not None and same.state != "pending":
            has_bounced = store.suppressed(connection, self._address) == "bounce"
            return self._write(connection, same.id, "confirm" if has_bounced else "known")
        if same is None and len(live) >= MOST:
            return self._write(connection, (begun or live)[0].id, "full")
        number = self._pending(connection, same, reader)
        waiting = [row.id for row in live if row.state == "pending" and row.id != number]
        store.forget_subscriptions(connection, waiting[: -(MOST_PENDING - 1)])
        return self._write(connection, number, "confirm")

    def _live(self, connection: Connection) -> list[Row]:
        rows = store.of_address(connection, self._channel, self._address)
        return [row for row in rows if row.state != "ended"]

    def _same(self, live: list[Row]) -> Row | None:
        """Return the subscription to the same list, whenever it comes."""
        wanted = (self._wishes.kind, self._wishes.query)
        return next((row for row in live if _list(row) == wanted), None)

    def _pending(self, connection: Connection, same: Row | None, reader: int | None) -> int:
        values = {**asdict(self._wishes), "made": self._now}
        if same is not None:
            owned = {} if reader is None else {"reader_id": reader}
            store.change(connection, same.id, **values, **owned)
            number = same.id
        else:
            values |= {"recipient_id": self._recipient(connection, reader), "reader_id": reader}
            values |= {"handle": store.new_handle(), "state": "pending"}
            number = store.add(connection, values)
        store.note(connection, number, "asked", self._how, self._client, self._now)
        return number

    def _recipient(self, connection: Connection, reader: int | None) -> int:
        if self._channel == "mail":
            return store.recipient_of(connection, "mail", self._address, "", self._now)
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        recipient = store.recipient_of(connection, "hook", self._address, secret, self._now)
        if any(row.reader != reader for row in store.of_recipient(connection, recipient)):
            # Whoever had it before must not be able to sign for its new owner.
            store.set_secret(connection, recipient, secret)
        return recipient

    def _write(self, connection: Connection, number: int, letter: LetterKind) -> int:
        # A mail server that was away must not be given all that was asked for meanwhile.
        store.stop_letters(connection, number)
        ends = _iso(self._moment + LETTER_LIFE)
        store.add_letter(connection, number, letter, self._now, ends)
        return number


# ---------------------------------------------------------------------------- steps


def _acting(actor: Actor, change: Callable[[Connection], T]) -> Callable[[Connection], T]:
    return change if actor.reader is None else accounts.acting(actor.reader, change)


def _found(connection: Connection, number: int) -> Row:
    row = store.by_id(connection, number)
    if row is None:
        raise SubscriptionNotFound(str(number))
    return row


def _no_link() -> SubscriptionNotFound:
    error = SubscriptionNotFound("")
    # What is told, and perhaps logged, holds nothing of a link.
    error.args = ("This link leads to no subscription, or is not good any more.",)
    return error


def _require_begun(row: Row) -> None:
    if row.state == "pending":
        raise RefusedError("This subscription is not confirmed yet.")


def _wishes(row: Row) -> Wishes:
    return subscription_of(row).wishes


def _list(row: Row) -> tuple[str, str]:
    return row.kind, row.query


def _schedule(wishes: Wishes) -> tuple[str, int, str, str]:
    return wishes.cadence, wishes.on_day, wishes.at, wishes.zone


def _begin(connection: Connection, row: Row, after: datetime) -> None:
    """Let issues be due, from the first that is due after a moment."""
    due = _iso(_free_due(connection, row.id, _wishes(row), after))
    store.change(connection, row.id, state="active", paused_until=None, next_due=due)


def _end(connection: Connection, row: Row, how: str, client: str, now: str) -> bool:
    """End a subscription; return whether it had not ended."""
    if row.state == "ended":
        return False
    store.end(connection, row.id, how, client_key(client), now)
    return True


def _free_due(connection: Connection, number: int, wishes: Wishes, after: datetime) -> datetime:
    """Return when an issue is due next, of a date that has none yet."""
    due = next_due(wishes, after)
    taken = store.issues_from(connection, number, issue_of(wishes, due))
    while issue_of(wishes, due) in taken:
        due = next_due(wishes, due)
    return due


def _end_of_pause(row: Row) -> datetime:
    """Return the last moment of a pause: an issue that is due right after it is not missed."""
    first = date.fromisoformat(cast("str", row.paused_until)) + timedelta(days=1)
    return begins(row.zone, first) - timedelta(seconds=1)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
