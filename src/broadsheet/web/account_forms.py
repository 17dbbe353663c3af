"""The JSON forms of accounts as OpenAPI describes them, and what requests about them carry."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["read", "act", "curate", "administer"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IdentityForm(_Form):
    """Who a reader is to an OpenID issuer."""

    issuer: str
    subject: str
    made: str


class AccountForm(_Form):
    """One's own account."""

    name: str
    shown: str
    email: str | None
    role: str
    orcid: str | None
    joined: str
    has_password: bool
    identities: list[IdentityForm]


class TokenForm(_Form):
    """An API token without its secret."""

    id: int
    name: str
    scopes: list[Scope]
    made: str
    used: str | None


class TokensForm(_Form):
    """One's own API tokens that let in, newest first."""

    tokens: list[TokenForm]


class NewTokenForm(TokenForm):
    """A new API token; the secret is told this once."""

    secret: str


class RemarkForm(_Form):
    """A comment of a reader."""

    id: int
    paper: str
    text: str
    at: str


class AuthoredForm(_Form):
    """A paper that a reader is known to have written."""

    paper: str
    title: str
    author: str


class ReaderForm(_Form):
    """What everybody sees of a reader."""

    name: str
    shown: str
    role: str
    state: str
    orcid: str | None
    joined: str
    comments: list[RemarkForm]
    papers: list[AuthoredForm]


class ListedForm(_Form):
    """An account as admins see it."""

    name: str
    shown: str
    email: str | None
    role: str
    state: str
    orcid: str | None
    joined: str
    seen: str | None


class ReadersForm(_Form):
    """All accounts, in the order in which they were made."""

    readers: list[ListedForm]


class InvitationForm(_Form):
    """An invitation; whoever has its link can use it."""

    link: str
    email: str
    role: str
    is_sent: bool


class ExportForm(BaseModel):
    """All that is kept of a reader, by table."""

    model_config = ConfigDict(extra="allow")

    made: str
    account: dict[str, Any]


class DoneForm(_Form):
    """Nothing but that it is done."""

    done: Literal[True] = True


# ---------------------------------------------------------------------------- what is sent


class TokenWish(_Form):
    """A token that shall be made."""

    name: str = ""
    scopes: list[Scope] = Field(min_length=1)


class RoleWish(_Form):
    """The role that a reader shall have."""

    role: Literal["reader", "curator", "admin"]


class NoteWish(_Form):
    """Why something is done, for the log."""

    note: str = Field("", max_length=2000)


class InvitationWish(_Form):
    """Who shall be invited: to an address, or whoever gets the link."""

    email: str = ""
    role: Literal["reader", "curator", "admin"] = "reader"


class ProofWish(_Form):
    """The password, or the name of an account that has none."""

    proof: str
