"""A polite client: one for each host, which waits, tries again, gives up, and keeps its limits."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, Protocol, Self
from urllib.parse import urljoin, urlsplit

from broadsheet.errors import SourceError, SourceRejected, SourceUnavailable
from broadsheet.sources.exchange import (
    Broken,
    Exchange,
    Limits,
    Origin,
    RawAnswer,
    is_secret,
    origins,
    secrets_of,
    shown,
    with_params,
    without,
)
from broadsheet.sources.turns import (
    LONGEST_HOLD_S,
    LONGEST_TURN_S,
    SYSTEM_TIME,
    Mark,
    Standing,
    Time,
    Turns,
)

__all__ = ["MB", "SYSTEM_TIME", "Answer", "Client", "Form", "Manner", "PoliteClient", "Time"]

MB = 1_000_000
# Beyond the standard's: what proxies in front of busy hosts answer.
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
_FORBIDDEN = 403
_OF_ALL = {403, 429}
"""What a host says with these holds for all hosts under its rule."""
_MOST_REDIRECTS = 5
_MOST_FAILURES = 3
_FIRST_PAUSE_S = 300.0
_LONGEST_PAUSE_S = 6 * 3600.0
_FORBIDDEN_PAUSE_S = 3600.0
_LONGEST_BACK_OFF_S = 60.0
_ROUNDING_S = 1e-6
"""What is left of a pause below this comes from reckoning with floats."""
_AN_EPOCH = 1e9
"""Greater numbers are times since 1970, smaller ones seconds from now."""
_LOOKED_AT = 10_000
_HTML = re.compile(rb"(?i)<(!doctype\s+html|html)(?![\w:.-])")
_PROLOG = re.compile(rb"(?s)\s*(<\?.*?\?>|<!--.*?-->)\s*")
_JSON_STARTS = set(map(bytes, zip(b'{["-0123456789tfn', strict=True)))


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


@dataclass(slots=True)
class _Asked:
    """One request as it is put now, and how much patience is left for it."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    patience_s: float
    secrets: list[str]
    hops: int = 0
    trouble: str = ""
    """What went wrong the last time: a whole sentence without its full stop."""


class PoliteClient:
    """The client of one host, for one run; threads may share it.

    `contact` (a mail address) and `version` are told to the host; `locks` is the folder by which
    all clients on this machine keep to one request at a time. After `deadline` (by `time`'s
    monotonic clock) no request starts. `trusted` are addresses (URLs or host:port) that need not be
    public. `headers` go with every request; keys and cookies never to another host than was asked.
    `chance` gives numbers from 0 to 1, which spread the repetitions.

    Proxies of the environment (HTTPS_PROXY and its like) are used. Limits on how long an answer
    takes (`manner.timeout_s`, four times that in all) are in real time, whatever `time` says.
    """

    def __init__(
        self,
        manner: Manner,
        *,
        contact: str = "",
        version: str,
        locks: Path,
        time: Time = SYSTEM_TIME,
        deadline: float | None = None,
        trusted: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._manner = manner
        self._time = time
        self._deadline = deadline
        self._chance = chance
        self._headers = {
            "accept-encoding": "gzip",
            "connection": "close",
            "user-agent": f"Broadsheet/{version}" + (f" (+mailto:{contact})" if contact else ""),
        } | {name.lower(): value for name, value in (headers or {}).items()}
        limits = Limits(manner.timeout_s, 4 * manner.timeout_s, manner.max_bytes)
        self._exchange = Exchange(manner.host, limits, origins(trusted))
        self._turns = Turns(locks, manner.host, manner.gap_s, time)
        self._locks = locks
        self.requests = 0
        """How many requests were sent, redirects and repetitions counted."""
        self.waited_s = 0.0
        """How many seconds went by in waiting for gaps, holds and back-offs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._exchange.close()

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
        """Return the answer to a GET; see `Client`."""
        more = {"if-none-match": etag, "if-modified-since": modified}
        conditions = {name: value for name, value in more.items() if value}
        asked = self._asked("GET", with_params(url, params), {**(headers or {}), **conditions})
        return self._answer(asked, form)

    def post(
        self,
        url: str,
        *,
        json: Any,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Form = "json",
    ) -> Answer:
        """Return the answer to a POST of JSON; see `Client`."""
        import orjson  # noqa: PLC0415 (only who posts needs it)

        more = {**(headers or {}), "content-type": "application/json"}
        asked = self._asked("POST", with_params(url, params), more, orjson.dumps(json))
        return self._answer(asked, form)

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> _Asked:
        told = self._headers | {name.lower(): value for name, value in headers.items()}
        secrets = secrets_of(url, told)
        return _Asked(method, url, told, content, self._manner.patience_s, secrets)

    def _answer(self, asked: _Asked, form: Form) -> Answer:
        raw = self._followed(asked)
        if raw.status >= 400:  # noqa: PLR2004 (HTTP)
            said = without(first_words(raw.body), asked.secrets)
            says = f"{shown(raw.url)} refused with {raw.status}"
            says += f": {said}" if said else ""
            raise SourceRejected(says, source=self._manner.host, status=raw.status)
        if raw.status not in {204, 304} and (wrong := misfit(raw.body, form)):
            self._stop(f"{shown(raw.url)} answered with {without(wrong, asked.secrets)}")
        return Answer(raw.url, raw.status, raw.headers, raw.body, self._time.now())

    # ------------------------------------------------------------------ redirects

    def _followed(self, asked: _Asked) -> RawAnswer:
        """Return the answer at the end of all redirects."""
        while True:
            raw = self._tried(asked)
            where = raw.headers.get("location", "")
            if raw.status not in {301, 302, 303, 307, 308}:
                if 300 <= raw.status < 400 and raw.status != 304:  # noqa: PLR2004 (HTTP)
                    self._stop(f"{shown(asked.url)} answered {raw.status}, which leads nowhere")
                return raw
            if not where:
                self._stop(f"{shown(asked.url)} answered {raw.status} without saying where to go")
            self._redirect(asked, raw.status, where)

    def _redirect(self, asked: _Asked, status: int, where: str) -> None:
        asked.hops += 1
        if asked.hops > _MOST_REDIRECTS:
            self._stop(f"{shown(asked.url)} was redirected more than {_MOST_REDIRECTS} times")
        try:
            to = urljoin(asked.url, where)
            there, here = Origin.of(to), Origin.of(asked.url)
        except ValueError:
            self._stop(f"{shown(asked.url)} was redirected to something that is no address")
        old, new = urlsplit(asked.url).scheme, urlsplit(to).scheme
        if old == "https" and new != "https":
            self._stop(f"{shown(asked.url)} was redirected to {shown(to)}, away from https")
        if there not in {here, Origin(here.host, 443)}:
            asked.headers = {n: v for n, v in asked.headers.items() if not is_secret(n)}
        if asked.method == "POST" and status in {301, 302, 303}:
            asked.method, asked.content = "GET", None
            asked.headers.pop("content-type", None)
        asked.url = to

    # ------------------------------------------------------------------ trying again

    def _tried(self, asked: _Asked) -> RawAnswer:
        """Return the first answer that is worth reading, within the tries and the patience."""
        tried = 0
        while True:
            tried += 1
            with self._turn(asked) as standing:
                raw = self._once(asked, standing, is_last=tried >= self._manner.tries, tried=tried)
            if raw is not None:
                return raw

    def _once(
        self, asked: _Asked, standing: Standing | None, *, is_last: bool, tried: int
    ) -> RawAnswer | None:
        """Return an answer, or None if another try may help; the turn is ours."""
        begun = self._turns.begin(standing)
        place = self._place(asked.url)
        raw = None
        try:
            self._exchange.check(asked.url)
            self.requests += 1
            raw = self._exchange.send(asked.method, asked.url, asked.headers, asked.content)
        except Broken as error:
            asked.trouble = without(f"{shown(asked.url)} {error}", asked.secrets)
        except SourceError:
            self._turns.finish(begun, failures=begun.failures)
            raise
        told_s = told_wait_s(raw, self._time.now()) if raw else None
        if raw is not None and not is_temporary(raw, told_s):
            is_shut = raw.status == _FORBIDDEN and not speaks_of_limits(raw.headers)
            open_s = _FORBIDDEN_PAUSE_S if is_shut else 0.0
            why = "it answered 403, which is not to be tried again" if is_shut else ""
            self._turns.finish(begun, hold_s=told_s or 0.0, open_s=open_s, why=why)
            if (stood := place.standing()) is not None and stood.failures:
                place.finish(stood)
            return raw
        if raw is not None:
            asked.trouble = f"{shown(asked.url)} answered {raw.status}"
        turns = self._turns
        if raw is None or raw.status not in _OF_ALL:
            # Of several hosts under one rule one may be away while the others answer.
            self._turns.finish(begun, failures=begun.failures)
            turns, begun = place, place.begin(place.standing())
        self._go_on(asked, turns, begun, told_s, tried=tried, is_last=is_last)
        return None

    def _place(self, url: str) -> Turns:
        """Return where the troubles of one of the hosts under the rule are noted."""
        return Turns(self._locks, f"{self._manner.host} {urlsplit(url).netloc}", 0, self._time)

    def _go_on(
        self,
        asked: _Asked,
        turns: Turns,
        begun: Standing,
        told_s: float | None,
        *,
        tried: int,
        is_last: bool,
    ) -> None:
        """Note how long to wait before the next try; raise SourceUnavailable if there is none."""
        pause_s = told_s if told_s is not None else back_off_s(tried, self._chance())
        if not is_last and pause_s <= asked.patience_s and not self._is_late(pause_s):
            turns.finish(begun, hold_s=pause_s, failures=begun.failures)
            return
        # Who says when to come back, later than we can wait, has not failed.
        has_failed = is_last or told_s is None
        failures = begun.failures + has_failed
        open_s = pause_after_s(failures) if has_failed else 0.0
        why = f"{failures} requests in a row failed, at last: {asked.trouble}"
        turns.finish(begun, hold_s=told_s or 0.0, open_s=open_s, failures=failures, why=why)
        raise self._unavailable(asked.trouble, max(told_s or 0.0, open_s) or None)

    # ------------------------------------------------------------------ waiting

    @contextmanager
    def _turn(self, asked: _Asked) -> Iterator[Standing | None]:
        """Wait until the host may be asked, and keep all others from it during a block."""
        began, patience_s = self._time.monotonic(), asked.patience_s
        while True:
            before = self._time.monotonic()
            if before - began > patience_s + LONGEST_TURN_S:
                raise self._unavailable(f"others kept asking {self._manner.host}", None)
            longest_s = None if self._deadline is None else self._deadline - before
            with self._turns.hold(longest_s) as standing:
                self.waited_s += self._time.monotonic() - before
                pause_s = self._pause_s(asked, standing)
                if pause_s < _ROUNDING_S:
                    yield standing
                    return
            # Others may look meanwhile how the host stands, and need not wait to be told.
            self._time.sleep(pause_s)
            self.waited_s += pause_s

    def _pause_s(self, asked: _Asked, standing: Standing | None) -> float:
        """Return how long to wait; raises SourceUnavailable if that is too long."""
        trouble = f"{asked.trouble}; " if asked.trouble else ""
        now = Mark.of(self._time)
        known = [s for s in (standing, self._place(asked.url).standing()) if s is not None]
        hold_s = max((s.hold_left_s(now) for s in known), default=0.0)
        for shut in known:
            if (open_s := shut.open_left_s(now)) > 0:
                says = f"{self._manner.host} is left alone for {_span(open_s)}: {shut.why}"
                raise self._unavailable(trouble + says, open_s)
        gap_s = self._turns.gap_left_s(standing)
        if hold_s > asked.patience_s + _ROUNDING_S:
            says = f"{self._manner.host} asked not to be asked for another {_span(hold_s)}"
            raise self._unavailable(trouble + says, hold_s)
        if self._is_late(max(hold_s, gap_s)):
            says = f"{trouble}the time of this run is up"
            raise self._unavailable(says, hold_s or None)
        asked.patience_s -= hold_s if hold_s > gap_s else 0.0
        return max(hold_s, gap_s)

    def _is_late(self, pause_s: float) -> bool:
        return self._deadline is not None and self._time.monotonic() + pause_s >= self._deadline

    def _unavailable(self, says: str, retry_after: float | None) -> SourceUnavailable:
        return SourceUnavailable(says, source=self._manner.host, retry_after=retry_after)

    def _stop(self, says: str) -> NoReturn:
        raise SourceError(says, source=self._manner.host)


# ---------------------------------------------------------------------------- when to come back


def told_wait_s(raw: RawAnswer, now: datetime) -> float | None:
    """Return for how many seconds (> 0) a host asks to be left alone, None if it does not.

    `Retry-After` (RFC 9110) counts in refusals; a limit that is used up counts in any answer:
    `RateLimit` and `RateLimit-Reset` (IETF, Hugging Face's `"api";r=0;t=143`), and GitHub's
    `X-RateLimit-Remaining` and `X-RateLimit-Reset`, in seconds since 1970 or from now. Times are
    taken relative to the answer's own Date, which a wrong clock here does not touch.
    """
    headers = raw.headers
    there = _moment(headers.get("date", "")) or now
    told = None
    if is_refusal(raw.status):
        told = _retry_after_s(headers.get("retry-after", ""), there)
    if told is None:
        # Zotero's, which comes with good answers, too.
        told = _retry_after_s(headers.get("backoff", ""), there)
    if told is None:
        told = _used_up_s(headers, there)
    return min(told, LONGEST_HOLD_S) if told is not None and told > 0 else None


def is_refusal(status: int) -> bool:
    """Return whether a status says that the host does not want to answer now."""
    return status in _TEMPORARY or status == _FORBIDDEN


def is_temporary(raw: RawAnswer, told_s: float | None) -> bool:
    """Return whether the same request may be answered later; GitHub limits with 403, too."""
    return raw.status in _TEMPORARY or (raw.status == _FORBIDDEN and told_s is not None)


def speaks_of_limits(headers: Mapping[str, str]) -> bool:
    """Return whether a host counts requests openly: then its 403 is about what was asked for."""
    return any(name.startswith(("ratelimit", "x-ratelimit")) for name in headers)


def back_off_s(tried: int, chance: float) -> float:
    """Return seconds to wait after so many tries: doubled each time, and spread by a half."""
    return min(_LONGEST_BACK_OFF_S, 2.0 ** min(tried, 10)) * (0.5 + chance)


def pause_after_s(failures: int) -> float:
    """Return for how long a host is left alone after so many failures in a row."""
    if failures < _MOST_FAILURES:
        return 0.0
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - _MOST_FAILURES, 20))


def _retry_after_s(told: str, there: datetime) -> float | None:
    if (seconds := _number(told)) is not None:
        return seconds
    moment = _moment(told)
    return None if moment is None else (moment - there).total_seconds()


def _used_up_s(headers: Mapping[str, str], there: datetime) -> float | None:
    """Return when a limit of which nothing is left begins anew."""
    limit = headers.get("ratelimit", "")
    policies = limit.split(",") if ";" in limit else [limit]
    waits = [wait for policy in policies if (wait := _of_policy(policy)) is not None]
    for prefix in ("ratelimit-", "x-ratelimit-"):
        if _number(headers.get(f"{prefix}remaining", "")) == 0:
            reset = _number(headers.get(f"{prefix}reset", ""))
            if reset is not None:
                waits.append(reset - there.timestamp() if reset > _AN_EPOCH else reset)
    return max(waits, default=None)


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (slow, rarely needed)

    try:
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,12}(\.\d{1,9})?\s*", text) else None


def _of_policy(policy: str) -> float | None:
    """Return the `t` of a policy like `"api";r=0;t=143` if its `r` is 0."""
    told = dict(re.findall(r"[;,\s](r|t|remaining|reset)\s*=\s*(\d{1,12})", f" {policy}"))
    left, wait = told.get("r", told.get("remaining")), told.get("t", told.get("reset"))
    return float(wait) if wait is not None and left is not None and int(left) == 0 else None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"  # noqa: PLR2004


# ---------------------------------------------------------------------------- what came back


def misfit(body: bytes, form: Form) -> str:
    """Return what a body is instead of the form that was wanted, "" if it may be of that form."""
    if form == "any":
        return ""
    start = body[:_LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip()
    name = form.upper()
    if not start:
        return f"nothing at all instead of {name}"
    if form == "html":
        return ""
    if _is_html(start):
        title = _title(start)
        return f"an HTML page{f' (“{title}”)' if title else ''} instead of {name}"
    fits = start[:1] in _JSON_STARTS if form == "json" else start[:1] == b"<" or _is_utf_16(body)
    return "" if fits else f"something that is not {name}: {_seen(start)}"


def first_words(body: bytes, longest: int = 200) -> str:
    """Return the beginning of what a body says to a reader, its tags taken away."""
    text = body[:_LOOKED_AT].decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1\s*>|$)", " ", text)
    text = unescape(re.sub(r"<[^>]{0,500}(>|$)", " ", text))
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _is_html(start: bytes) -> bool:
    at = 0
    while found := _PROLOG.match(start, at):
        at = found.end()
    return _HTML.match(start, at) is not None


def _seen(start: bytes) -> str:
    return first_words(start, 80) or ascii(start[:40].decode("utf-8", "replace"))


def _title(start: bytes) -> str:
    found = re.search(rb"(?is)<title[^>]{0,200}>(.{0,500}?)</title", start)
    return first_words(found[1], 80) if found else ""


def _is_utf_16(body: bytes) -> bool:
    return body[:2] in {b"\xfe\xff", b"\xff\xfe"}
