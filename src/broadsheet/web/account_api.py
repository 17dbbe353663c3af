"""The API of accounts: one's own, what everybody sees of a reader, and all of them for admins."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from broadsheet import wire_accounts as wire
from broadsheet.web import account_forms as forms
from broadsheet.web.api import JSON, PROBLEMS, Json
from broadsheet.web.site import Here
from broadsheet.web.who import Admin, Holder, Posted, Reader

account_api = APIRouter(prefix="/api", responses=PROBLEMS)

Wish = TypeVar("Wish", bound=BaseModel)
Number = Annotated[int, InPath(ge=1, le=10**15)]


def _body(kind: type[BaseModel]) -> dict[str, Any]:
    schema = kind.model_json_schema()
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def _read(kind: type[Wish], given: bytes) -> Wish:
    """Return what a request carries, as the form it should have."""
    try:
        return kind.model_validate_json(given)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors()]
        raise HTTPException(400, f"{'; '.join(said)}.".removeprefix(": ")) from error


# ---------------------------------------------------------------------------- one's own


@account_api.get("/me", responses={200: {"model": forms.AccountForm}})
def me(site: Here, who: Holder) -> Json:
    """Tell who asks."""
    held = site.library.accounts
    return Json(wire.account(held.account(who), held.identities(who)))


@account_api.get("/me/export", responses={200: {"model": forms.ExportForm}})
def export(site: Here, who: Holder) -> Json:
    """Give all that is kept of who asks."""
    return Json(site.library.accounts.export(who))


@account_api.post(
    "/me/delete",
    responses={200: {"model": forms.DoneForm}},
    openapi_extra=_body(forms.ProofWish),
)
def delete(site: Here, who: Holder, given: Posted) -> Json:
    """Delete the account of who asks: `proof` is its password, or its name if it has none."""
    site.library.accounts.delete(who, _read(forms.ProofWish, given).proof)
    return Json({"done": True})


@account_api.get("/me/tokens", responses={200: {"model": forms.TokensForm}})
def tokens(site: Here, who: Holder) -> Json:
    """List the API tokens of who asks, without their secrets."""
    return Json({"tokens": [wire.token(t) for t in site.library.accounts.tokens(who)]})


@account_api.post(
    "/me/tokens",
    status_code=201,
    responses={201: {"model": forms.NewTokenForm}},
    openapi_extra=_body(forms.TokenWish),
)
def make_token(site: Here, who: Holder, given: Posted) -> Json:
    """Make an API token; a token makes none that may do more than itself."""
    wish = _read(forms.TokenWish, given)
    made = site.library.accounts.make_token(who, wish.name, wish.scopes)
    return Json(wire.new_token(made), 201)


@account_api.post("/me/tokens/{number}/end", responses={200: {"model": forms.DoneForm}})
def end_token(site: Here, who: Holder, number: Number, _given: Posted) -> Json:
    """End an API token."""
    site.library.accounts.end_token(who, number)
    return Json({"done": True})


# ---------------------------------------------------------------------------- readers


@account_api.get("/readers", responses={200: {"model": forms.ReadersForm}})
def readers(site: Here, who: Admin) -> Json:
    """List all accounts."""
    return Json({"readers": [wire.listed(r) for r in site.library.accounts.readers(who)]})


@account_api.get("/readers/{name}", responses={200: {"model": forms.ReaderForm}})
def reader(site: Here, _who: Reader, name: str) -> Json:
    """Tell what everybody sees of a reader."""
    held = site.library.accounts
    return Json(wire.profile(held.profile(name), held.work(name)))


@account_api.post(
    "/readers/{name}/role",
    responses={200: {"model": forms.DoneForm}},
    openapi_extra=_body(forms.RoleWish),
)
def set_role(site: Here, who: Admin, name: str, given: Posted) -> Json:
    """Give a reader another role."""
    site.library.accounts.set_role(who, name, _read(forms.RoleWish, given).role)
    return Json({"done": True})


@account_api.post(
    "/readers/{name}/ban",
    responses={200: {"model": forms.DoneForm}},
    openapi_extra=_body(forms.NoteWish),
)
def ban(site: Here, who: Admin, name: str, given: Posted) -> Json:
    """Shut a reader out: sessions and tokens end at once, votes count no more."""
    site.library.accounts.ban(who, name, _read(forms.NoteWish, given).note)
    return Json({"done": True})


@account_api.post(
    "/readers/{name}/unban",
    responses={200: {"model": forms.DoneForm}},
    openapi_extra=_body(forms.NoteWish),
)
def unban(site: Here, who: Admin, name: str, given: Posted) -> Json:
    """Let a reader in again."""
    site.library.accounts.unban(who, name, _read(forms.NoteWish, given).note)
    return Json({"done": True})


@account_api.post(
    "/invitations",
    status_code=201,
    responses={201: {"model": forms.InvitationForm}},
    openapi_extra=_body(forms.InvitationWish),
)
def invite(site: Here, who: Admin, given: Posted) -> Json:
    """Invite somebody, by a letter where there is an address and letters are sent."""
    wish = _read(forms.InvitationWish, given)
    return Json(wire.invitation(site.library.accounts.invite(who, wish.email, wish.role)), 201)
