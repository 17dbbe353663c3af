"""What holds in this house: who may come in, and how much anybody may do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from broadsheet.errors import ConfigError

SignUp = Literal["open", "invited", "closed"]
OPENID_SECRET = "BROADSHEET_OPENID_SECRET"  # noqa: S105 (the name of a variable)
"""The environment variable with what a provider knows us by."""


@dataclass(frozen=True)
class Provider:
    """Who else may say who somebody is: an OpenID issuer, and what we are to it."""

    issuer: str
    client: str
    name: str
    secret: str = field(default="", repr=False)


class Rules(NamedTuple):
    """The settings that make a collection private or shared, as docs/configuration.md says them."""

    is_shared: bool = False
    is_public: bool = False
    sign_up: SignUp = "invited"
    address: str = ""
    submit_role: Literal["reader", "curator"] = "reader"
    submit_per_day: int = 5
    submit_oldest_days: int = 0
    picks_first: bool = True
    subscribe: Literal["everybody", "readers"] = "everybody"
    provider: Provider | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], environ: Mapping[str, str] = {}) -> Self:
        """Return the rules that the values of the settings make; secrets come from `environ`.

        Raises ConfigError for settings that cannot be used together.
        """
        return cls(
            is_shared=settings["shared"] == "on",
            is_public=settings["public"] == "on",
            sign_up=settings["sign_up"],
            address=settings["address"],
            submit_role=settings["submit_role"],
            submit_per_day=settings["submit_per_day"],
            submit_oldest_days=settings["submit_oldest_days"],
            picks_first=settings["picks_first"] == "on",
            subscribe=settings["subscribe"],
            provider=_provider(settings, environ),
        )


def _provider(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Provider | None:
    issuer, client = settings["openid_issuer"], settings["openid_client"]
    if not issuer:
        return None
    for name in ("openid_client", "address"):
        if not settings[name]:
            raise ConfigError(f"openid_issuer = {issuer!r}: the setting {name} is needed with it")
    name = settings["openid_name"] or urlsplit(issuer).hostname or issuer
    return Provider(issuer, client, name, environ.get(OPENID_SECRET, ""))


PRIVATE = Rules()
"""One reader, no login."""
