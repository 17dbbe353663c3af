"""Signing in by somebody who vouches for people: OpenID Connect's authorization code flow.

begin() -> Flow        what the browser keeps, and the address that it goes to
finish(flow, answer)   -> Vouched: who the provider says came back

OpenID Connect Core 1.0 (section 3.1), with PKCE (RFC 7636, S256) and the issuer in the answer
(RFC 9207). Nothing that a provider says is believed before its signature is checked against its
keys, and only RS256 and ES256 are signatures here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import orjson

from broadsheet.config import is_protected
from broadsheet.errors import ConfigError, RefusedError, SourceError, SourceUnavailable
from broadsheet.readers.rules import Provider
from broadsheet.sources.exchange import (
    Broken,
    Exchange,
    Limits,
    Origin,
    RawAnswer,
    origins,
    with_params,
)

ORCID = "https://orcid.org"
"""The issuer whose subjects are ORCID iDs."""
BACK = "/sign-in/openid/back"
"""Where a provider sends people back to, below our address."""
MINUTES = 10
"""How long somebody may stay at the provider."""

_LIMITS = Limits(step_s=10, whole_s=20, max_bytes=1_000_000)
_AT_ONCE, _TURN_S = 8, 5
"""So many questions at a time, and seconds to wait for a turn: an issuer that is slow, or away,
must not take all threads of the server."""
_KEPT = timedelta(hours=1)
_LEEWAY_S = 60
_SIGNATURES = ["RS256", "ES256"]
_WANTED = ("openid", "email", "profile")
_LONGEST = 255
_ORCID_ID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]", re.ASCII)
_CODE = re.compile(r"[\w.-]{1,60}", re.ASCII)


class Flow(NamedTuple):
    """What the browser that began keeps, and nobody else: without it no answer is taken."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Flow:
        """Return one that nobody can guess."""
        return cls(*(secrets.token_urlsafe(32) for _ in cls._fields))

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (RFC 7636, section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Vouched(NamedTuple):
    """Who somebody is to a provider; `email` is empty unless the provider has verified it."""

    issuer: str
    subject: str
    email: str = ""
    name: str = ""

    @property
    def orcid(self) -> str:
        """The ORCID iD, if ORCID itself vouches."""
        is_one = self.issuer == ORCID and _ORCID_ID.fullmatch(self.subject)
        return self.subject if is_one else ""


class OpenID:
    """One provider; safe to share between threads. `address` is ours, `clock` tells the time.

    Raises ConfigError where the parts of Broadsheet that this needs are not installed.
    """

    def __init__(self, provider: Provider, address: str, clock: Callable[[], datetime]) -> None:
        if importlib.util.find_spec("joserfc") is None:
            raise ConfigError("openid_issuer: install broadsheet[openid] to sign in with it")
        self.provider = provider
        self._back = address + BACK
        self._clock = clock
        self._turns = BoundedSemaphore(_AT_ONCE)
        self._known: tuple[datetime, dict[str, Any]] | None = None

    def begin(self, flow: Flow) -> str:
        """Return the address to which the browser goes.

        Raises SourceUnavailable if the provider is away, SourceError if it says nonsense.
        """
        about = self._about()
        offered = about.get("scopes_supported") or _WANTED
        asked = {
            "response_type": "code",
            "client_id": self.provider.client,
            "redirect_uri": self._back,
            "scope": " ".join(s for s in _WANTED if s in offered or s == "openid"),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return with_params(self._endpoint(about, "authorization_endpoint"), asked)

    def finish(self, flow: Flow, answer: Mapping[str, str]) -> Vouched:
        """Return who came back with this answer, the parameters of the address.

        Raises RefusedError if it is no answer to this flow, SourceUnavailable if the provider is
        away, and SourceError if what it says cannot be believed.
        """
        code = self._code(flow, answer)
        about = self._about()
        given = self._redeem(about, flow, code)
        claims = self._claims(about, given.get("id_token"))
        try:
            check_claims(claims, self.provider, flow.nonce, self._clock().timestamp())
        except ValueError as error:
            raise self._doubt(str(error)) from error
        return vouched(self._with_mail(about, claims, given.get("access_token")))

    # ---------------------------------------------------------------- the answer, the code

    def _code(self, flow: Flow, answer: Mapping[str, str]) -> str:
        name = self.provider.name
        if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise RefusedError(f"This is no answer to what this browser asked {name}. Begin again.")
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise RefusedError(f"This answer does not come from {name}. Begin again.")
        if "error" in answer:
            said = answer["error"] if _CODE.fullmatch(answer["error"]) else "error"
            raise RefusedError(f"{name} did not say who you are ({said}).")
        if not answer.get("code"):
            raise RefusedError(f"The answer of {name} is not whole. Begin again.")
        return answer["code"]

    def _redeem(self, about: Mapping[str, Any], flow: Flow, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": flow.verifier,
            "client_id": self.provider.client,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        ways = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self.provider.secret and "client_secret_basic" in ways:
            headers["Authorization"] = _basic(self.provider.client, self.provider.secret)
            del form["client_id"]
        elif self.provider.secret:
            form["client_secret"] = self.provider.secret
        where = self._endpoint(about, "token_endpoint")
        answer = self._ask("POST", where, headers, urlencode(form).encode())
        if answer.status == 400 and b"invalid_grant" in answer.body:  # noqa: PLR2004
            raise RefusedError("That took too long, or was used already. Begin again.")
        return self._read(answer)

    # ---------------------------------------------------------------- what it says of somebody

    def _claims(self, about: Mapping[str, Any], token: object) -> dict[str, Any]:
        if not isinstance(token, str):
            raise self._doubt("it sent no ID token")
        keys = self._read(self._ask("GET", self._endpoint(about, "jwks_uri"))).get("keys")
        try:
            return signed_claims(token, keys if isinstance(keys, list) else [])
        except ValueError as error:
            raise self._doubt(str(error)) from error

    def _with_mail(
        self, about: Mapping[str, Any], claims: dict[str, Any], access: object
    ) -> dict[str, Any]:
        """Return the claims, with those that some providers tell only at another endpoint."""
        if "email" in claims or not about.get("userinfo_endpoint") or not isinstance(access, str):
            return claims
        headers = {"Authorization": f"Bearer {access}"}
        more = self._read(self._ask("GET", self._endpoint(about, "userinfo_endpoint"), headers))
        # Section 5.3.2: it may be about somebody else.
        return {**more, **claims} if more.get("sub") == claims["sub"] else claims

    # ---------------------------------------------------------------- asking the provider

    def _about(self) -> dict[str, Any]:
        """Return what the provider says of itself (OpenID Connect Discovery 1.0)."""
        now, known = self._clock(), self._known
        if known is None or not known[0] <= now < known[0] + _KEPT:
            self._known = known = (now, self._discovered())
        return known[1]

    def _discovered(self) -> dict[str, Any]:
        issuer = self.provider.issuer
        where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        about = self._read(self._ask("GET", where))
        if about.get("issuer") != issuer:
            raise self._doubt("it says that it is somebody else")
        return about

    def _endpoint(self, about: Mapping[str, Any], name: str) -> str:
        said = about.get(name)
        url = said if isinstance(said, str) else ""
        # It becomes a header: what is no plain word there would be another one.
        if not re.fullmatch(r"[\x21-\x7e]+", url) or not is_protected(url):
            raise self._doubt(f"it has no {name} at an address of https")
        return url

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
    ) -> RawAnswer:
        name = self.provider.name
        # The owner has named the provider, so it may be anywhere; what it names itself may not.
        exchange = Exchange(name, _LIMITS, origins([self.provider.issuer]))
        asked = {
            "Host": urlsplit(url).netloc, "Accept": "application/json", "Connection": "close",
            "User-Agent": "Broadsheet", **headers,
        }  # fmt: skip
        if body is not None:
            asked["Content-Length"] = str(len(body))
        if not self._turns.acquire(timeout=_TURN_S):
            raise self._away(f"Many are asking {name} just now")
        try:
            exchange.check(url)
            answer = exchange.send(method, url, asked, body)
        except Broken as error:
            raise self._away(f"{name} at {Origin.of(url).host} {error}") from error
        finally:
            self._turns.release()
            exchange.close()
        if answer.status >= 500:  # noqa: PLR2004
            raise self._away(f"{name} cannot answer now")
        return answer

    def _read(self, answer: RawAnswer) -> dict[str, Any]:
        if answer.status != 200:  # noqa: PLR2004
            raise self._doubt(f"it answered with status {answer.status}")
        try:
            said = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise self._doubt("it answered with no JSON") from error
        if not isinstance(said, dict):
            raise self._doubt("it answered with something else than was asked for")
        return said

    def _away(self, why: str) -> SourceUnavailable:
        words = f"{why}. Try again later, or sign in another way."
        return SourceUnavailable(words, source=self.provider.name)

    def _doubt(self, why: str) -> SourceError:
        name = self.provider.name
        return SourceError(f"What {name} says cannot be believed: {why}.", source=name)


# ---------------------------------------------------------------------------- what is believed


def signed_claims(token: str, keys: Sequence[object]) -> dict[str, Any]:
    """Return the claims of an ID token that one of a provider's public keys has signed.

    Raises ValueError, with words, for any other token, signatures by a shared secret among them.
    """
    from joserfc import jwt  # noqa: PLC0415 (only who signs in this way needs it)
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import KeySet  # noqa: PLC0415

    kept: Any = [
        key for key in keys
        if isinstance(key, dict) and key.get("kty") in {"RSA", "EC"}
        and key.get("use", "sig") == "sig"
    ]  # fmt: skip
    if not kept:
        raise ValueError("it has no keys")
    try:
        found = jwt.decode(token, KeySet.import_key_set({"keys": kept}), algorithms=_SIGNATURES)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ValueError("its ID token is not signed with a key of its own") from error
    return dict(found.claims)


def check_claims(claims: Mapping[str, Any], provider: Provider, nonce: str, now: float) -> None:
    """Raise ValueError, with words, unless an ID token was made for us, this flow and this time.

    `now` is in seconds since 1970. OpenID Connect Core 1.0, section 3.1.3.7.
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != provider.issuer:
        raise ValueError("its ID token names another issuer")
    if provider.client not in audiences:
        raise ValueError("its ID token was made for somebody else")
    if claims.get("azp", provider.client) != provider.client or (
        len(audiences) > 1 and "azp" not in claims
    ):
        raise ValueError("its ID token was given to somebody else")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise ValueError("its ID token answers another question")
    if not _is_time(claims.get("exp")) or claims["exp"] + _LEEWAY_S < now:
        raise ValueError("its ID token has expired")
    if not _is_time(claims.get("iat")) or claims["iat"] - _LEEWAY_S > now:
        raise ValueError("its ID token comes from the future")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST:
        raise ValueError("its ID token says nothing of who it is about")


def vouched(claims: Mapping[str, Any]) -> Vouched:
    """Return who claims are about that were checked."""
    email = claims.get("email")
    is_verified = isinstance(email, str) and claims.get("email_verified") is True
    parts = [claims.get(k) for k in ("given_name", "family_name")]
    names = [
        claims.get("preferred_username"),
        claims.get("name"),
        " ".join(p for p in parts if isinstance(p, str)),
    ]
    return Vouched(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=email if isinstance(email, str) and is_verified else "",
        name=next((n for n in names if isinstance(n, str) and n), "")[:_LONGEST],
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 (no NaN)


def _basic(client: str, secret: str) -> str:
    # Both are encoded as in a form before they are joined (RFC 6749, section 2.3.1).
    pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
