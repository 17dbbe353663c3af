"""An embedder that asks an endpoint which speaks OpenAI's form of embeddings, for money or not.

What goes wrong for a while (too many requests, a server in trouble, a cut connection) is tried
again within a budget of patience; what will not pass by itself is told at once. Whatever comes
back is looked at before it is believed. The key is sent to the endpoint and shown nowhere.
"""

from __future__ import annotations

import email.utils
import http.client
import random
import re
import threading
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet import __version__
from broadsheet.errors import EmbeddingError
from broadsheet.search.embedding import Pace, about_tokens, at_length_one

_TOKENS_A_REQUEST = 100_000
_SLOWEST_PAUSE_S = 60.0
_TEMPORARY = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}
_TOO_LONG = re.compile(r"too (long|large|many tokens)|maximum|exceed|length|token", re.IGNORECASE)
_SHORTEST = 200
"""Characters below which a text that is refused as too long is not cut again."""
_FAULT_S = 30.0
_LONGEST_NAP_S = 0.5
_REMEMBERED = 256
"""So many questions are not asked twice."""


@dataclass(frozen=True)
class Endpoint:
    """Where and how to ask: `url` is what `/embeddings` is added to."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    key_name: str = ""
    dimensions: int = 0
    price: float | None = None
    longest: int = 8000
    batch: int = 128
    concurrency: int = 4
    per_minute: int = 0
    timeout_s: float = 60.0
    patience_s: float = 300.0
    question_s: float = 8.0


class _Pacing:
    """Tells when requests may be sent: one after the other, at most so many a minute."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._gap_s = 60 / per_minute if per_minute else 0.0
        self._now = now
        self._lock = threading.Lock()
        self._next = 0.0

    def turn_s(self) -> float:
        """Return in how many seconds the next request may be sent, which takes its turn."""
        with self._lock:
            turn = max(self._next, self._now())
            self._next = turn + self._gap_s
            return turn - self._now()

    def hold(self, seconds: float) -> None:
        """Let nothing through for so long: the endpoint asked for it."""
        with self._lock:
            self._next = max(self._next, self._now() + seconds)


@dataclass(frozen=True)
class _Call:
    """One call of the embedder: when patience ends, and whether anybody still waits."""

    until: float
    is_closed: threading.Event
    has_failed: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.has_failed.is_set() or self.is_closed.is_set()


class _Refused(Exception):  # noqa: N818 (never leaves this module)
    """An answer that is none: whether trying again may help, when, and what was said."""

    def __init__(
        self, said: str, *, is_temporary: bool, after_s: float | None = None, is_long: bool = False
    ) -> None:
        super().__init__(said)
        self.is_temporary = is_temporary
        self.after_s = after_s
        self.is_long = is_long


class EndpointEmbedder:
    """An embedder that sends texts to an endpoint; one instance may be used by many threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        """Take an endpoint; `now` and `wait` are the time it goes by, in seconds."""
        self._to = endpoint
        self._now, self._wait = now, wait
        self._pacing = _Pacing(endpoint.per_minute, now)
        self._dice = random.Random()  # noqa: S311 (spreads retries, keeps no secret)
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._fault = (0.0, "")
        self._closed = threading.Event()
        place = urlsplit(endpoint.url)
        wanted = f"/{endpoint.dimensions}" if endpoint.dimensions else ""
        # One name means different models at different places.
        self.id = f"openai:{endpoint.model}{wanted}@{place.netloc}{place.path.rstrip('/')}"
        self.pace: Pace = "slow" if endpoint.price == 0 else "paid"
        self.price = endpoint.price
        self.step = endpoint.batch * endpoint.concurrency

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a float32 matrix with one row of length one for each text, zero for an empty one.

        Raises EmbeddingError if the endpoint refuses, fails for longer than the patience with it,
        or answers with anything but one good vector for each text.
        """
        at = [i for i, text in enumerate(texts) if text.strip()]
        asked = [shortened(texts[i], self._to.longest) for i in at]
        call = _Call(self._now() + self._to.patience_s, self._closed)
        with ThreadPoolExecutor(self._to.concurrency, "broadsheet-embed") as pool:
            pieces = batches(asked, self._to.batch)
            waiting = [pool.submit(self._vectors, piece, call) for piece in pieces]
            try:
                found = [row for answer in waiting for row in answer.result()]
            except BaseException:
                # Nobody waits for what will not be used.
                call.has_failed.set()
                pool.shutdown(cancel_futures=True)
                raise
        return self._matrix(found, at, len(texts))

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, remembered for when it is asked again.

        Raises EmbeddingError within seconds; after that it does for half a minute without asking,
        so that search by words does not wait for an endpoint that is down.
        """
        with self._lock:
            held = self._asked.get(text)
            until, said = self._fault
        if held is not None:
            return held
        if self._now() < until:
            raise EmbeddingError(said, temporary=True)
        call = _Call(self._now() + self._to.question_s, self._closed)
        try:
            rows = self._vectors([shortened(text, self._to.longest)], call)
        except EmbeddingError as error:
            with self._lock:
                self._fault = (self._now() + _FAULT_S, str(error))
            raise
        vector: NDArray[np.float32] = self._matrix(rows, [0], 1)[0]
        with self._lock:
            self._asked[text] = vector
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        return vector

    def close(self) -> None:
        """Wait for no answer any longer, and ask nothing again."""
        self._closed.set()

    def _matrix(self, found: list[Any], at: list[int], count: int) -> NDArray[np.float32]:
        lengths = {len(row) for row in found}
        wanted = self._to.dimensions
        if len(lengths) > 1 or (wanted and lengths - {wanted}):
            asked = f" where {wanted} were asked for" if wanted else ""
            raise self._wrong(f"gave vectors of {sorted(lengths)} numbers{asked}")
        made = np.zeros((count, max(lengths, default=0)), np.float32)
        if found:
            made[at] = found
        made = at_length_one(made, self.id)
        if not made[at].any(axis=1).all():
            raise self._wrong("gave a vector of nothing but zeros")
        return made

    def _wrong(self, said: str) -> EmbeddingError:
        return EmbeddingError(f"the endpoint {self._to.url} {said}")

    # ------------------------------------------------------------------ asking

    def _vectors(self, texts: Sequence[str], call: _Call) -> list[Any]:
        """Return a vector for each text; texts that the endpoint finds too long are cut."""
        try:
            return self._ask_again(texts, call)
        except _Refused as error:
            if error.is_long and len(texts) > 1:
                half = len(texts) // 2
                parts = texts[:half], texts[half:]
                return [row for part in parts for row in self._vectors(part, call)]
            if error.is_long and len(texts[0]) > _SHORTEST:
                return self._vectors([texts[0][: len(texts[0]) // 2]], call)
            said = self._hidden(f"the endpoint {self._to.url} {error}")
            raise EmbeddingError(said, temporary=error.is_temporary) from error

    def _ask_again(self, texts: Sequence[str], call: _Call) -> list[Any]:
        """Ask until there is an answer, patience has an end, or asking again makes no sense."""
        tries = 0
        while True:
            self._pause(self._pacing.turn_s(), call)
            try:
                left_s = max(0.1, call.until - self._now())
                return self._ask(texts, min(self._to.timeout_s, left_s))
            except _Refused as error:
                pause = pause_s(tries, error.after_s, self._dice.random())
                if not error.is_temporary or self._now() + pause > call.until:
                    raise
                if error.after_s is not None:
                    self._pacing.hold(error.after_s)
            tries += 1
            self._pause(pause, call)

    def _pause(self, seconds: float, call: _Call) -> None:
        while seconds > 0 and not call.is_over:
            pause = min(seconds, _LONGEST_NAP_S)
            self._wait(self._closed, pause)
            seconds -= pause
        if call.is_over:
            raise _Refused("was not asked any longer", is_temporary=False)

    def _ask(self, texts: Sequence[str], timeout_s: float) -> list[Any]:
        """Ask once; raises _Refused."""
        try:
            with _OPENER.open(self._request(texts), timeout=timeout_s) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            said = f"does not answer: {str(reason) or type(reason).__name__}"
            raise _Refused(said, is_temporary=True) from error
        try:
            return read_answer(content, len(texts))
        except ValueError as error:
            raise _Refused(f"gave {error}", is_temporary=False) from error

    def _request(self, texts: Sequence[str]) -> urllib.request.Request:
        wanted: dict[str, Any] = {"model": self._to.model, "input": list(texts)}
        if self._to.dimensions:
            wanted["dimensions"] = self._to.dimensions
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"broadsheet/{__version__}",
        }
        if self._to.key:
            headers["Authorization"] = f"Bearer {self._to.key}"
        url = f"{self._to.url.rstrip('/')}/embeddings"
        return urllib.request.Request(url, orjson.dumps(wanted), headers)  # noqa: S310 (the setting says http)

    def _refusal(self, error: urllib.error.HTTPError) -> _Refused:
        status = error.code
        if status in {401, 403}:
            key = self._to.key_name or "the setting embedder_key_variable"
            what = "refuses the key in" if self._to.key else "wants a key: see"
            return _Refused(f"{what} {key} ({status})", is_temporary=False)
        try:
            body = error.read(2000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            body = ""
        after_s = retry_after_s(error.headers.get("Retry-After"), time.time())
        patience = f" (and asks for {after_s:,.0f} s of patience)" if after_s else ""
        return _Refused(
            self._hidden(f"answers {status}: {' '.join(body.split())[:200]}{patience}"),
            # An account that is used up is told like too many requests, but does not pass.
            is_temporary=status in _TEMPORARY and "insufficient_quota" not in body,
            after_s=after_s,
            is_long=status == 413 or (status in {400, 422} and bool(_TOO_LONG.search(body))),  # noqa: PLR2004
        )

    def _hidden(self, said: str) -> str:
        """Return what was said without the key, which an answer may hold."""
        return said.replace(self._to.key, "[key]") if self._to.key else said


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: what is sent, and with it the key, is for the endpoint alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return that a redirect is not followed."""
        return


_OPENER = urllib.request.build_opener(_NoRedirect)


# ---------------------------------------------------------------------------- rules


def batches(
    texts: Sequence[str], count: int, tokens: int = _TOKENS_A_REQUEST
) -> Iterator[list[str]]:
    """Yield `texts` in order, in batches of at most `count` and about `tokens`."""
    batch: list[str] = []
    weight = 0
    for text in texts:
        added = about_tokens(text)
        if batch and (len(batch) == count or weight + added > tokens):
            yield batch
            batch, weight = [], 0
        batch.append(text)
        weight += added
    if batch:
        yield batch


def pause_s(tries: int, after_s: float | None, dice: float) -> float:
    """Return how long to wait after so many tries: longer each time, never less than was asked.

    `dice` is from 0 to 1, so that those who failed together do not come back together.
    """
    own = min(2.0**tries, _SLOWEST_PAUSE_S) * (0.5 + dice / 2)
    return own if after_s is None else after_s + own * 0.1


def retry_after_s(said: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for, as a number or a date; None if it does not.

    `now` is in seconds since 1970.
    """
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def read_answer(content: bytes, count: int) -> list[Any]:
    """Return the vectors of an answer in the order of the texts; raises ValueError saying what is.

    Each is a list of finite numbers, and there are `count`.
    """
    try:
        data = orjson.loads(content)["data"]
        found = {_index(item): item["embedding"] for item in data}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        begin = content[:80].decode("utf-8", "replace")
        raise ValueError(f"no list of embeddings but {begin!r}") from error
    if len(data) != count or set(found) != set(range(count)):
        raise ValueError(f"{len(data)} vectors with {len(found)} places for {count} texts")
    return [_vector(found[i]) for i in range(count)]


def _index(item: Any) -> int:
    index = item["index"]
    if type(index) is not int:
        raise TypeError(index)
    return index


def _vector(values: Any) -> NDArray[np.float32]:
    try:
        vector = np.array(values, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError("a vector with something in it that is no number") from error
    limit = float(np.finfo(np.float32).max)
    if vector.ndim != 1 or not len(vector) or not (np.abs(vector) <= limit).all():
        raise ValueError("a vector with something in it that is no number")
    return vector.astype(np.float32)


def shortened(text: str, tokens: int) -> str:
    """Return as much of a text as has about so many tokens, all of it in UTF-8."""
    return text.encode("utf-8", "replace")[: 4 * tokens - 1].decode("utf-8", "ignore")
