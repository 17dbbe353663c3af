"""What comes back, in the JSON API: letters that bounced, and addresses that get nothing more."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from broadsheet import wire_delivery as wire
from broadsheet.delivery.bounces import LONGEST, Kind
from broadsheet.delivery.returns import Done
from broadsheet.web.api import PROBLEMS, Json
from broadsheet.web.forms_people import asking, read_as
from broadsheet.web.guard import read_body
from broadsheet.web.site import Here
from broadsheet.web.who import Admin, Posted, from_us

returned_api = APIRouter(prefix="/api", responses=PROBLEMS)

_LETTER = "message/rfc822"
Limit = Annotated[int, Query(ge=1, le=100_000, description="Addresses at most.")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TakenForm(_Form):
    """What a letter was that came back, and what was done about it."""

    kind: Kind
    done: Done
    is_ours: bool = Field(description="Whether it carries a token of ours.")
    status: str = Field(description="As RFC 3463 has it.", examples=["5.1.1"])
    words: str = Field(description="What the other server said, without addresses.")


class SuppressionForm(_Form):
    """An address that nothing is sent to."""

    address: str = Field(description="The SHA-256 of the address, in hex.")
    reason: Literal["bounce", "complaint", "hand"]
    note: str
    at: str


class SuppressionsForm(_Form):
    """Addresses that nothing is sent to, newest first."""

    suppressions: list[SuppressionForm]


class SuppressionWish(_Form):
    """Send nothing to an address any more."""

    address: str
    note: str = ""


class AllowanceWish(_Form):
    """Send to an address again."""

    address: str


class ChangedForm(_Form):
    """Whether that changed anything."""

    changed: bool


async def letter(request: Request, _sender: Annotated[None, Depends(from_us)]) -> bytes:
    """Return the letter that a request carries.

    No page of another site can send this type without having asked, which is never allowed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _LETTER:
        raise HTTPException(415, f"What is sent here is {_LETTER}: a letter with its headers.")
    return await read_body(request, LONGEST)


@returned_api.post(
    "/bounces",
    responses={200: {"model": TakenForm}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_LETTER: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def take(site: Here, _who: Admin, given: Annotated[bytes, Depends(letter)]) -> Json:
    """Take a letter that came back, and tell what was done about it."""
    return Json(wire.taken_json(site.library.mailroom.returns.take(given)))


@returned_api.get("/suppressions", responses={200: {"model": SuppressionsForm}})
def suppressions(site: Here, _who: Admin, limit: Limit = 1000) -> Json:
    """List the addresses that nothing is sent to, as hashes."""
    found = site.library.mailroom.returns.suppressions(limit)
    return Json({"suppressions": [one._asdict() for one in found]})


@returned_api.post(
    "/suppressions",
    responses={200: {"model": ChangedForm}},
    openapi_extra=asking(SuppressionWish),
)
def suppress(site: Here, who: Admin, given: Posted) -> Json:
    """Send nothing to an address any more, and end its subscriptions."""
    wish = read_as(SuppressionWish, given)
    returns = site.library.mailroom.returns
    return Json({"changed": returns.suppress(who, wish.address, wish.note)})


@returned_api.post(
    "/suppressions/remove",
    responses={200: {"model": ChangedForm}},
    openapi_extra=asking(AllowanceWish),
)
def allow(site: Here, who: Admin, given: Posted) -> Json:
    """Send to an address again; nothing is subscribed anew."""
    address = read_as(AllowanceWish, given).address
    return Json({"changed": site.library.mailroom.returns.allow(who, address)})
