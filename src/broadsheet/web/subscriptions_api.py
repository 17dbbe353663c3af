"""Subscriptions in the JSON API: to subscribe, and one's own."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath

from broadsheet import wire_delivery as wire
from broadsheet.delivery.subscription import Subscription, Wishes
from broadsheet.errors import RefusedError
from broadsheet.web import forms_subscriptions as forms
from broadsheet.web.api import PROBLEMS, Json
from broadsheet.web.entering import client_of
from broadsheet.web.forms_people import NothingWish, asking, read_as
from broadsheet.web.site import Here
from broadsheet.web.subscribing import is_own, own_one
from broadsheet.web.who import Posted, Subscriber, at_home

subscriptions_api = APIRouter(
    prefix="/api/subscriptions", responses=PROBLEMS, dependencies=[Depends(at_home)]
)

Number = Annotated[int, InPath(ge=1, le=10**15)]
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": forms.SubscriptionForm}}
_HOW = "api"


@subscriptions_api.get("", responses={200: {"model": forms.SubscriptionsForm}})
def subscriptions(site: Here, who: Subscriber) -> Json:
    """List what the account of who asks is subscribed to: nothing for those who have none."""
    held = site.library.mailroom.subscriptions
    mine = held.of_reader(who) if who.reader is not None else []
    return Json({"subscriptions": [wire.subscription_json(one) for one in mine]})


@subscriptions_api.post(
    "",
    status_code=201,
    responses={201: {"model": forms.MadeForm}, 202: {"model": forms.AskedForm}},
    openapi_extra=asking(forms.SubscriptionWish),
)
def subscribe(site: Here, who: Subscriber, request: Request, given: Posted) -> Json:
    """Subscribe an address: one's own at once (201), any other by a letter that asks it (202)."""
    wish = read_as(forms.SubscriptionWish, given)
    usual = Wishes(form="json") if wish.channel == "hook" else Wishes()
    made = site.library.mailroom.subscriptions.subscribe(
        who, wish.address, _wishes(wish, usual), channel=wish.channel, how=_HOW,
        client=client_of(request),
    )  # fmt: skip
    if made.state == "active" and is_own(made, who):
        return Json({**wire.subscription_json(made), "secret": made.secret}, 201)
    return Json({"asked": True}, 202)


def _wishes(wish: forms.WishesWish, before: Wishes) -> Wishes:
    """Return wishes as a request changes them: only what it names."""
    said = wish.model_dump(include=set(forms.WishesWish.model_fields), exclude_unset=True)
    empty = sorted(name for name, value in said.items() if value is None and name != "threshold")
    if empty:
        raise RefusedError(f"This cannot be null: {', '.join(empty)}.")
    return replace(before, **said)


@subscriptions_api.get("/{number}", responses=_ONE)
def subscription(site: Here, who: Subscriber, number: Number) -> Json:
    """Show one of one's own."""
    return _told(own_one(site.library.mailroom.subscriptions, who, number))


@subscriptions_api.post("/{number}", responses=_ONE, openapi_extra=asking(forms.WishesWish))
def change(site: Here, who: Subscriber, request: Request, number: Number, given: Posted) -> Json:
    """Change what one of one's own asks for."""
    held = site.library.mailroom.subscriptions
    found = own_one(held, who, number)
    wishes = _wishes(read_as(forms.WishesWish, given), found.wishes)
    return _told(held.change(found, wishes, how=_HOW, client=client_of(request)))


@subscriptions_api.post("/{number}/pause", responses=_ONE, openapi_extra=asking(forms.PauseWish))
def pause(site: Here, who: Subscriber, request: Request, number: Number, given: Posted) -> Json:
    """Send nothing until a day is over, or until it is resumed."""
    held = site.library.mailroom.subscriptions
    found, until = own_one(held, who, number), read_as(forms.PauseWish, given).until
    return _told(held.pause(found, until, how=_HOW, client=client_of(request)))


@subscriptions_api.post("/{number}/resume", responses=_ONE, openapi_extra=asking(NothingWish))
def resume(site: Here, who: Subscriber, request: Request, number: Number, given: Posted) -> Json:
    """Let a pause be over."""
    read_as(NothingWish, given)
    held = site.library.mailroom.subscriptions
    found = own_one(held, who, number)
    return _told(held.resume(found, how=_HOW, client=client_of(request)))


@subscriptions_api.post("/{number}/skip", responses=_ONE, openapi_extra=asking(NothingWish))
def skip(site: Here, who: Subscriber, request: Request, number: Number, given: Posted) -> Json:
    """Leave the next issue out."""
    read_as(NothingWish, given)
    held = site.library.mailroom.subscriptions
    found = own_one(held, who, number)
    return _told(held.skip(found, how=_HOW, client=client_of(request)))


@subscriptions_api.post("/{number}/end", responses=_ONE, openapi_extra=asking(NothingWish))
def end(site: Here, who: Subscriber, request: Request, number: Number, given: Posted) -> Json:
    """End a subscription; to do so twice is the same."""
    read_as(NothingWish, given)
    held = site.library.mailroom.subscriptions
    found = own_one(held, who, number)
    return _told(held.end(found, how=_HOW, client=client_of(request)))


def _told(found: Subscription) -> Json:
    return Json(wire.subscription_json(found))
