"""A real OpenID provider on this machine, that vouches for one person: well, or as a test wants.

with Vouching() as provider:
    rules = Rules(..., provider=provider.as_known("http://127.0.0.1:8620"))
    back = provider.visit(address_of_the_flow)     # what a browser would bring back
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from broadsheet.readers.rules import Provider
from loopback import Loopback, Reply, Request, json_reply, not_found

CLIENT, SECRET = "broadsheet", "a secret with : and %"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
OTHERS = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
"""A key of somebody else's, under the same name."""


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


class Vouching(Loopback):
    """The provider: `claims` are of whoever comes; the rest is what goes wrong, if anything."""

    def __init__(self, when: datetime) -> None:
        super().__init__()
        self.when = int(when.timestamp())
        self.claims: dict[str, Any] = {"sub": "ada-1", "email": "ada@example.org",
                                       "email_verified": True, "name": "Ada L."}  # fmt: skip
        self.instead: dict[str, Any] = {}
        self.key: Any = RSA
        self.algorithm = "RS256"
        self.told: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.token = ""
        self._codes: dict[str, Mapping[str, str]] = {}
        self.route("/.well-known/openid-configuration", lambda _: json_reply(self.about()))
        self.route("/authorize", self._authorize)
        self.route("/token", self._token)
        self.route("/userinfo", self._userinfo)
        keys = KeySet([RSA, EC]).as_dict(private=False)
        keys["keys"].append({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "three"})
        self.route("/keys", json_reply(keys))

    def as_known(self) -> Provider:
        """Return it as the settings would name it."""
        return Provider(self.url, CLIENT, "Vouching House", SECRET)

    def about(self) -> dict[str, Any]:
        """Return what it says of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "scopes_supported": ["openid", "email"],
            **self.told,
        }

    def visit(self, address: str) -> dict[str, str]:
        """Go there as a browser does, agree, and return the parameters to come back with."""
        opener = build_opener(_Stay)
        try:
            opener.open(address)
        except OSError as answer:
            there = answer.headers["location"]
        return dict(parse_qsl(urlsplit(there).query))

    def signed(self, nonce: str) -> str:
        """Return the ID token for whoever comes."""
        claims = {
            "iss": self.url, "aud": CLIENT, "iat": self.when, "exp": self.when + 300,
            "nonce": nonce, **self.claims, **self.instead,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm in {"none", "HS256"}:
            parts = ({"alg": self.algorithm, "kid": "one"}, claims)
            text = ".".join(_packed(orjson.dumps(p)) for p in parts)
            made = hmac.digest(self.key, text.encode(), "sha256")
            return f"{text}.{_packed(made) if self.algorithm == 'HS256' else ''}"
        header = {"alg": self.algorithm, "kid": "one"}
        if self.key is EC:
            header["kid"] = "two"
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def confuse(self) -> None:
        """Sign from now on with the public key, as if it were a secret that both share."""
        self.algorithm = "HS256"
        self.key = RSA.as_pem(private=False)

    def sign_nothing(self) -> None:
        """Say from now on that a token needs no signature."""
        self.algorithm, self.key = "none", b""

    def _authorize(self, request: Request) -> Reply:
        asked = request.query
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["scope"] == "openid email"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return Reply(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert [unquote(part) for part in pair.split(":")] == [CLIENT, SECRET]
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (
            asked is None
            or asked["code_challenge"] != _packed(digest)
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return Reply(b'{"error":"invalid_grant"}', 400, content_type="application/json")
        token = self.token or self.signed(asked["nonce"])
        return json_reply({"id_token": token, "access_token": "open", "token_type": "Bearer"})

    def _userinfo(self, request: Request) -> Reply:
        if request.headers.get("authorization") != "Bearer open":
            return not_found()
        return json_reply(self.userinfo)


def _packed(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()
