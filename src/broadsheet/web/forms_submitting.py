"""The JSON forms of submissions and claims, as OpenAPI describes them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EntryForm(_Form):
    """A paper as somebody enters it by hand."""

    title: str
    authors: list[str]
    abstract: str
    link: str
    day: str


class CandidateForm(_Form):
    """A paper that may be meant: `what` submits it, `paper` is where it is here already."""

    what: str
    title: str
    authors: list[str]
    year: str
    paper: str | None


class OutcomeForm(_Form):
    """What became of a wish to submit a paper."""

    state: Literal["here", "added", "waiting", "choose", "unknown"]
    what: str
    paper: str | None = Field(examples=["p12"])
    submission: int | None
    reason: str
    candidates: list[CandidateForm] = Field(description="To choose from.")
    entry: EntryForm = Field(description="What is known for entering it by hand.")


class TermsForm(_Form):
    """The rules of submitting as they bind who asks."""

    may: bool
    by: Literal["readers", "curators"] = Field(description="Who may submit papers here.")
    used: int = Field(description="What was submitted today (UTC).")
    most: int | None = Field(description="Papers a day; none is no limit.")
    oldest: str | None = Field(description="No paper of an earlier day is taken.")
    filed_at_once: bool = Field(description="What is entered by hand waits for nobody.")


class SubmissionForm(_Form):
    """What a reader brought."""

    id: int
    by: str
    what: str
    paper: str | None
    title: str
    state: Literal["here", "added", "waiting", "refused"]
    entry: EntryForm | None
    reason: str
    at: str
    decided_by: str | None
    decided: str | None


class SubmissionsForm(_Form):
    """The newest submissions, newest first, and the rules."""

    terms: TermsForm
    submissions: list[SubmissionForm]


class ClaimForm(_Form):
    """Somebody's claim to be an author of a paper."""

    id: int
    paper: str
    title: str
    by: str
    author: str = Field(description="The author, as the paper names them.")
    how: Literal["email", "orcid", "asked"]
    note: str
    state: Literal["waiting", "granted", "refused", "ended"]
    at: str
    decided_by: str | None
    decided: str | None


class ClaimsForm(_Form):
    """The newest claims, newest first."""

    claims: list[ClaimForm]


# ---------------------------------------------------------------------------- wishes


class SubmitWish(_Form):
    """A paper by `what` (an id, a DOI, a link or a title), or entered by hand."""

    what: str = Field("", max_length=2000)
    title: str = ""
    authors: list[str] = Field([], max_length=1000)
    abstract: str = ""
    link: str = ""
    day: str = ""
    is_new: bool = Field(default=False, description="It is none of the candidates.")


class TakeWish(_Form):
    """Whether what waits is taken, and why or why not."""

    taken: bool
    reason: str = Field("", max_length=2000)


class ClaimWish(_Form):
    """Which of the authors somebody is; an ORCID of the account may say it."""

    author: str = Field("", max_length=500)
    note: str = Field("", max_length=2000)


class GrantWish(_Form):
    """Whether a claim is granted, and why or why not."""

    granted: bool
    reason: str = Field("", max_length=2000)
