"""Hooks: an issue is posted to the address of somebody's chat or program.

as_hook(address, form) -> the address of a hook, or RefusedError (it asks nobody)
Poster(…).post(issue) hands an issue over, signed as Standard Webhooks has it

The address is a secret, for whoever knows it can post there: what is told names only its host.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast, get_args
from urllib.parse import parse_qs, urlsplit

from broadsheet.delivery.digest import Issue
from broadsheet.delivery.hook_forms import payload
from broadsheet.delivery.subscription import HookForm, Subscription
from broadsheet.errors import HookError, RefusedError, SourceError
from broadsheet.sources.exchange import (
    Broken,
    Exchange,
    Limits,
    NotPublic,
    Origin,
    RawAnswer,
    is_public,
    shown,
)

FORMS: Final = get_args(HookForm)
WHOLE_S: Final = 10.0
"""Seconds that a post may take, its answer counted."""
MAX_BYTES: Final = 64_000
"""Bytes that are read of an answer."""
_STEP_S: Final = 5.0
_LONGEST: Final = 2000
_SECRET: Final = "whsec_"  # noqa: S105 (how one begins)
_OK, _GONE = range(200, 300), 410
_LATER: Final = frozenset({408, 425, 429})
_FAULTS: Final = 500
_HOME: Final = re.compile(r"[^.:]+|.+\.(local|localhost|internal|lan|home\.arpa)")


def host_of(address: str) -> str:
    """Return what may be shown of an address: its host."""
    with suppress(ValueError):
        return urlsplit(address).hostname or "an address"
    return "an address"


def as_hook(address: str, form: str, *, inside: bool = False) -> str:
    """Return the address of a hook of a form; raises RefusedError if nothing is posted there.

    `inside` allows this machine and private networks, there also without TLS. Whether a name leads
    there is seen only when something is posted.
    """
    if form not in FORMS:
        raise RefusedError(f"A hook has no form “{form[:40]}”: choose {', '.join(FORMS)}.")
    text = address.strip()
    try:
        parts, origin = urlsplit(text), Origin.of(text)
    except ValueError:
        raise RefusedError("A hook is an address that begins with https://.") from None
    if len(text) > _LONGEST or not (text.isascii() and text.isprintable()) or " " in text:
        raise RefusedError(
            f"The address of a hook is plain ASCII without spaces, {_LONGEST:,} characters at most."
        )
    if "@" in parts.netloc or parts.fragment or parts.port == 0:
        raise RefusedError("The address of a hook has no user, no # and no port 0.")
    is_home = _is_home(origin.host)
    if parts.scheme != "https" and not (inside and is_home and parts.scheme == "http"):
        raise RefusedError("A hook is an address that begins with https://.")
    if is_home and not inside:
        raise RefusedError(
            "Hooks to this machine and to private networks are not allowed here (hooks_inside)."
        )
    if form == "telegram" and not parse_qs(parts.query).get("chat_id"):
        raise RefusedError(
            "The address for Telegram is https://api.telegram.org/botTOKEN/sendMessage?chat_id=CHAT"
        )
    return text


def _is_home(host: str) -> bool:
    """Return whether a host says itself that it is this machine or in a private network."""
    try:
        return not is_public(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return bool(_HOME.fullmatch(host))


def post_id(issue: Issue) -> str:
    """Return what names an issue to its receiver: the same at every try, and at no other issue."""
    told = f"{issue.subscription.handle}:{issue.name}"
    return f"digest_{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def signature(secret: str, name: str, moment: int, body: bytes) -> str:
    """Return the signature of a body (Standard Webhooks 1.0.0, symmetric)."""
    said = b"%s.%d.%s" % (name.encode(), moment, body)
    made = hmac.new(_key(secret), said, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def _key(secret: str) -> bytes:
    if secret.startswith(_SECRET):
        with suppress(binascii.Error):
            return base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    return secret.encode()


class Poster:
    """Posts issues to the hooks that want them; safe to share between threads.

    `gone` is told of a subscription whose address said that it is gone for ever (410).
    """

    def __init__(
        self,
        version: str,
        gone: Callable[[Subscription], object],
        clock: Callable[[], datetime],
        *,
        inside: bool = False,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._version = version
        self._gone = gone
        self._clock = clock
        self._inside = inside
        self._limits = Limits(min(_STEP_S, whole_s), whole_s, MAX_BYTES)

    def post(self, issue: Issue) -> int:
        """Hand an issue over and return the status of the answer, one of 2xx.

        Raises HookError, `temporary` if trying again may help, with the `code` and `retry_after`
        of an answer. Where none came it `is_unknown` whether a chat shows it; a program sees by
        its `webhook-id` whether it has it, so that it can be tried again.
        """
        subscription = issue.subscription
        form = cast("HookForm", subscription.wishes.form)
        try:
            address = as_hook(subscription.address, form, inside=self._inside)
        except RefusedError as error:
            raise HookError(str(error)) from error
        made = payload(issue, form)
        moment = int(self._clock().timestamp())
        headers = {**made.headers, **self._headers(issue, moment, made.body)}
        answer = self._asked(address, headers, made.body, is_safe=form == "json")
        if answer.status == _GONE:
            self._gone(subscription)
        self._judge(answer)
        return answer.status

    def _headers(self, issue: Issue, moment: int, body: bytes) -> dict[str, str]:
        name = post_id(issue)
        return {
            "accept-encoding": "identity",
            "connection": "close",
            "user-agent": f"Broadsheet/{self._version}",
            "webhook-id": name,
            "webhook-timestamp": str(moment),
            "webhook-signature": signature(issue.subscription.secret, name, moment, body),
        }

    def _asked(
        self, address: str, headers: Mapping[str, str], body: bytes, *, is_safe: bool
    ) -> RawAnswer:
        host = host_of(address)
        trusted = {Origin.of(address)} if self._inside else set()
        exchange = Exchange("hook", self._limits, trusted, is_direct=True)
        # No cause is kept of what fails: it may hold the address.
        try:
            return exchange.send("POST", address, headers, body)
        except Broken as error:
            is_unknown = not (is_safe or _is_unsent(error))
            raise HookError(f"{host} {error}", temporary=True, is_unknown=is_unknown) from None
        except NotPublic:
            raise HookError(f"{host} is not on the public internet") from None
        except SourceError as error:
            raise HookError(str(error).replace(shown(address), host)) from None
        finally:
            exchange.close()

    def _judge(self, answer: RawAnswer) -> None:
        """Raise HookError unless an answer says that the issue was taken."""
        if answer.status in _OK:
            return
        says = f"{host_of(answer.url)} answered with {answer.status}"
        if 300 <= answer.status < 400:  # noqa: PLR2004 (HTTP)
            says += ": a hook follows no redirect, so give the address where it leads"
        raise HookError(
            says,
            temporary=answer.status in _LATER or answer.status >= _FAULTS,
            code=answer.status,
            retry_after=_retry_after(answer.headers.get("retry-after", ""), self._clock()),
        )


def _is_unsent(error: Broken) -> bool:
    """Return whether nothing was sent before an exchange broke: there was no connection."""
    import httpx2  # noqa: PLC0415 (a tenth of a second, and loaded by then)

    # A name that does not resolve is told as an OSError.
    kinds = (httpx2.ConnectError, httpx2.ConnectTimeout, OSError, UnicodeError)
    return isinstance(error.__cause__, kinds)


def _retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, section 10.2.3), if it can be read."""
    if re.fullmatch(r"\d{1,8}(\.\d{1,6})?", text.strip(), re.ASCII):
        return float(text)
    with suppress(ValueError, TypeError):
        return max((parsedate_to_datetime(text).astimezone(UTC) - now).total_seconds(), 0.0)
    return None
