"""The JSON forms of subscriptions as OpenAPI describes them, and what requests about them carry."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from broadsheet.delivery.subscription import Cadence, Channel, Kind, State, WhenEmpty


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ---------------------------------------------------------------------------- answers


class SubscriptionForm(_Form):
    """A subscription of one's own."""

    id: int
    channel: Channel
    address: str = Field(description="The mail address; of a hook, the name of its host.")
    state: State
    kind: Kind
    query: str
    cadence: Cadence
    on_day: int = Field(description="The weekday from 0, Monday, or the day of the month, else 0.")
    at: str = Field(examples=["07:00"])
    zone: str = Field(examples=["Europe/Berlin"])
    longest: int
    threshold: float | None
    when_empty: WhenEmpty
    form: str
    language: str
    paused_until: str | None
    next_due: str | None
    made: str


class MadeForm(SubscriptionForm):
    """A new subscription of one's own; `secret` is what the posts of a hook are signed with."""

    secret: str = Field(description="Told this once; empty for a mail address.")


class SubscriptionsForm(_Form):
    """What one is subscribed to."""

    subscriptions: list[SubscriptionForm]


class AskedForm(_Form):
    """The answer for every address that is not one's own, whether it is known here or not."""

    asked: Literal[True] = True


# ---------------------------------------------------------------------------- what is sent


class WishesWish(_Form):
    """What is wished for; what is left out is as usual or, of a subscription, as it was."""

    kind: Kind | None = None
    query: str | None = Field(None, max_length=10_000)
    cadence: Cadence | None = None
    on_day: int | None = None
    at: str | None = Field(None, max_length=5)
    zone: str | None = Field(None, max_length=80)
    longest: int | None = None
    threshold: float | None = Field(None, description="null is no threshold.")
    when_empty: WhenEmpty | None = None
    form: str | None = Field(None, max_length=12)
    language: str | None = Field(None, max_length=12)


class SubscriptionWish(WishesWish):
    """A subscription that shall be: of a mail address, or of a hook."""

    address: str = Field(max_length=2000)
    channel: Channel = "mail"


class PauseWish(_Form):
    """How long nothing is sent: up to and with a day; null has no end."""

    until: date | None = None
