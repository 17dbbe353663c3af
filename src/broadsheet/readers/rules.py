"""What holds in this house: who may come in, and how much anybody may do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

SignUp = Literal["open", "invited", "closed"]


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

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the rules that the values of the settings make."""
        return cls(
            is_shared=settings["shared"] == "on",
            is_public=settings["public"] == "on",
            sign_up=settings["sign_up"],
            address=settings["address"],
            submit_role=settings["submit_role"],
            submit_per_day=settings["submit_per_day"],
            submit_oldest_days=settings["submit_oldest_days"],
            picks_first=settings["picks_first"] == "on",
        )


PRIVATE = Rules()
"""One reader, no login."""
