"""The JSON forms as OpenAPI describes them: what `wire` writes, with types.

Answers are written by `wire` itself; a test holds every one of them against these forms.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LinkForm(_Form):
    """A link that a source gave: `kind` is abs, pdf, code, project or another."""

    kind: str
    url: str


class PaperForm(_Form):
    """A paper; what is not known is left out."""

    id: str = Field(examples=["p12"])
    title: str
    abstract: str | None = None
    summary: str | None = Field(None, description="A short account by somebody else.")
    authors: list[str] | None = None
    year: int | None = None
    day: str | None = Field(None, description="The day it is sorted by.")
    submitted: str | None = Field(None, description="The day of the first version.")
    announced: str | None = Field(None, description="The day a listing showed it.")
    updated: str | None = Field(None, description="The day of the newest version.")
    published: str | None = Field(None, description="The day its venue published it.")
    venue: str | None = None
    categories: list[str] | None = Field(None, description="The primary one first.")
    keywords: list[str] | None = None
    comment: str | None = None
    withdrawn: bool | None = None
    external_ids: dict[str, str] | None = Field(None, examples=[{"arxiv": "2503.11677"}])
    links: list[LinkForm] | None = None
    sources: list[str] | None = None
    first_seen: str | None = Field(None, description="When this collection first stored it.")


class ReasonForm(_Form):
    """Why a hit stands where it stands: `kind` for programs, `text` for people."""

    kind: str
    text: str
    value: float | None = None


Spans = list[tuple[int, int]]


class HighlightsForm(_Form):
    """Where the query's words stand: start and end, in characters."""

    title: Spans
    abstract: Spans = Field(description="In the summary if there is no abstract.")


class HitForm(PaperForm):
    """A paper with its score, its reasons and the places of the query's words."""

    score: float
    reasons: list[ReasonForm]
    highlights: HighlightsForm


class FacetForm(_Form):
    """One value of a facet, and how many papers have it."""

    value: str
    count: int


class PageForm(_Form):
    """A page of search results; `next` is the cursor of the next one, null on the last."""

    query: str = Field(description="The query in its canonical form.")
    mode: Literal["hybrid", "text", "vector"]
    total: int
    took_ms: float
    hits: list[HitForm]
    facets: dict[str, list[FacetForm]]
    next: str | None


class RecordForm(_Form):
    """What one source said; `extra` holds the fields that have no place in a paper."""

    source: str
    key: str
    title: str
    abstract: str
    authors: list[str]
    first_seen: str
    last_changed: str
    extra: dict[str, Any]


class PlaceForm(_Form):
    """A saved page, and the position of the paper on it, counted from 1."""

    key: str
    name: str
    header: list[str]
    day_seen: str
    day: str | None
    entries: int
    position: int


class SheetForm(PaperForm):
    """A paper with the records it is made of and the pages it stood on."""

    records: list[RecordForm]
    places: list[PlaceForm]
    similar: list[HitForm] = Field(description="Empty here: see the address of similar papers.")


class SimilarForm(_Form):
    """The papers most like one."""

    id: str
    hits: list[HitForm]


class LatestForm(_Form):
    """Papers of the newest days first; `total` counts the collection."""

    total: int
    papers: list[PaperForm]


class StatusForm(_Form):
    """What this Broadsheet holds; `sequence` is up to where the index follows the record."""

    version: str
    papers: int
    sequence: int
    index: dict[str, int | str]


class ProblemForm(_Form):
    """Problem details (RFC 9457); a query's have the position of the fault and a hint."""

    type: str
    title: str
    status: int
    detail: str
    query: str | None = None
    position: int | None = None
    hint: str | None = None
