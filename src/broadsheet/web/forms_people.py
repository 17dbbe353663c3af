"""The JSON forms of what people do, as OpenAPI describes them: what `wire_people` writes."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.exceptions import HTTPException


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ---------------------------------------------------------------------------- answers


class CountedForm(_Form):
    """What people did to a paper here; `is_mine` if one of the votes is that of who asks."""

    upvotes: int
    comments: int
    is_mine: bool


class VoteForm(CountedForm):
    """What a paper comes to after a vote."""

    id: str = Field(examples=["p12"])


class WordingForm(_Form):
    """What a comment said until it was edited."""

    text: str
    until: str


class CommentForm(_Form):
    """A comment; where who asks may not read it, `text` is empty and `state` says why."""

    id: int
    paper: str
    parent: int | None = Field(description="The comment that it answers.")
    depth: int = Field(description="How far in it is shown: 6 at most.")
    by: str = Field(description="The name of its writer.")
    shown_name: str
    author: str | None = Field(description="The author of the paper that its writer is.")
    state: Literal["shown", "waiting", "hidden", "deleted"]
    text: str = Field(description="Markdown, as it was written.")
    html: str = Field(description="The same, safe to show.")
    at: str
    edited: str | None
    is_mine: bool
    is_muted: bool
    waits_for: str | None = Field(description="Why a curator has to see it first.")


class CommentWithHistoryForm(CommentForm):
    """A comment with what it said before, oldest first."""

    earlier: list[WordingForm]


class LockForm(_Form):
    """Why a paper takes no more comments."""

    reason: str
    at: str


class ThreadForm(_Form):
    """The comments of a paper in the order of reading: answers follow what they answer."""

    id: str
    count: int = Field(description="Those that everybody may read.")
    locked: LockForm | None
    comments: list[CommentForm]


class MutedForm(_Form):
    """Whether who asks has muted a reader."""

    name: str
    muted: bool


class ReportedForm(_Form):
    """A comment that was reported."""

    id: int
    reported: Literal[True]


class NoticeForm(_Form):
    """Something that a reader should know of: reply, mention, or a decision."""

    id: int
    kind: str
    by: str | None
    paper: str | None
    comment: int | None
    text: str
    at: str
    seen: str | None


class NoticesForm(_Form):
    """The newest notices, newest first."""

    unseen: int
    notices: list[NoticeForm]


class UnseenForm(_Form):
    """How many notices were not seen."""

    unseen: int


class PickForm(_Form):
    """A paper that a curator picked; `day` is that of its edition."""

    paper: str = Field(examples=["p12"])
    day: str
    by: str
    note: str
    at: str


class PicksForm(_Form):
    """Picks in order of day, the earliest of each first."""

    picks: list[PickForm]


class ReportForm(_Form):
    """A report of a comment; `by` is null where a test for spam made it."""

    id: int
    by: str | None
    reason: str
    at: str


class CaseForm(_Form):
    """A comment that somebody has to decide about."""

    comment: CommentForm
    reports: list[ReportForm]


class WaitingForm(_Form):
    """A submission or a claim that waits."""

    id: int
    by: str
    paper: str | None
    text: str
    note: str
    at: str


class QueueForm(_Form):
    """What waits for a decision, the oldest first."""

    sizes: dict[str, int]
    comments: list[CaseForm]
    submissions: list[WaitingForm]
    claims: list[WaitingForm]


class LockedForm(_Form):
    """Whether a paper takes comments."""

    id: str
    locked: bool


class TakenForm(_Form):
    """Something that was done with the power of a curator or an admin."""

    id: int
    by: str
    action: str
    subject: str
    note: str
    at: str


class LogForm(_Form):
    """The log, newest first."""

    actions: list[TakenForm]


# ---------------------------------------------------------------------------- what is sent

# Their lengths are judged by the library, which says so in words.
Note = Annotated[str, StringConstraints(max_length=5_000)]


class UpvoteWish(_Form):
    """Vote for a paper, or take the vote back."""

    up: bool


class CommentWish(_Form):
    """Write a comment, or answer one."""

    text: str = Field(description="Markdown, 10,000 characters at most.")
    parent: int | None = Field(None, ge=1, le=10**15, description="The comment that it answers.")


class WordsWish(_Form):
    """Let a comment say something else."""

    text: str


class NothingWish(_Form):
    """Nothing needs to be said."""


class ReasonWish(_Form):
    """Report a comment."""

    reason: Note


class MuteWish(_Form):
    """Mute a reader, or hear them again."""

    muted: bool


class SeenWish(_Form):
    """Note that notices were seen: all, or those up to a number."""

    until: int | None = Field(None, ge=1, le=10**15)


class HideWish(_Form):
    """Hide a comment, or show it."""

    hidden: bool
    note: Note = Field("", description="Why; its writer reads it.")


class LockWish(_Form):
    """Let a paper take no more comments, or let it again."""

    locked: bool
    reason: Note = ""


class UpheldWish(_Form):
    """Decide about a report: upheld, the comment is hidden."""

    upheld: bool
    note: Note = ""


class PickWish(_Form):
    """Pick a paper for the edition of its day."""

    paper: str = Field(description="Any id, DOI or link of the paper.", max_length=2_000)
    note: Note = Field("", description="Why; everybody reads it. 500 characters at most.")


_F = TypeVar("_F", bound=BaseModel)


def read_as(form: type[_F], given: bytes) -> _F:
    """Return the JSON that a request carried as a form; what is wrong with it is said, with 400."""
    try:
        return form.model_validate_json(given)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors()]
        raise HTTPException(400, f"{'; '.join(said)}.".removeprefix(": ")) from error


def asking(form: type[BaseModel]) -> dict[str, Any]:
    """Return how OpenAPI says that a request carries a form."""
    schema = form.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
