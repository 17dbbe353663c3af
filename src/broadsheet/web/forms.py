"""The JSON forms as OpenAPI describes them: what `wire` writes, with types.

Answers are written by `wire` itself; a test holds every one of them against these forms.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter


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
    edition: str | None = Field(None, description="The day whose edition it belongs to.")
    basis: str | None = Field(
        None, description="Which day that is: announced, presumed, page or filed."
    )
    upvotes: int | None = Field(None, description="The most that any source counted.")


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


class WordForm(_Form):
    """What a word added to a score: one of the query, or what stood for `of`."""

    word: str
    share: float
    kind: Literal["word", "pair", "corrected", "spelling", "acronym", "author", "year"]
    of: str | None = None


class NearForm(_Form):
    """A word of the query and one of the paper, and what they add to the static cosine."""

    asked: str
    said: str
    share: float


class HitForm(PaperForm):
    """A paper with its score, what it was computed from, and the places of the query's words."""

    score: float
    reasons: list[ReasonForm]
    parts: dict[str, float] = Field(
        description="What words, static, deep and a facet add: together the score.",
        examples=[{"words": 0.41, "static": 0.18, "deep": 0.0}],
    )
    words: list[WordForm] = Field(description="What each word added: together the part words.")
    cosines: dict[str, float] = Field(description="How near it is by each tier.")
    near: list[NearForm] = Field(description="The strongest of what the static cosine is made of.")
    highlights: HighlightsForm


class FacetForm(_Form):
    """One value of a facet, and how many papers have it."""

    value: str
    count: int


class NoteForm(_Form):
    """What was understood of a query; `query` asks for exactly what was typed."""

    kind: Literal["correction", "acronym", "author", "year", "like", "prose"]
    text: str
    query: str


class PageForm(_Form):
    """A page of search results; `next` is the cursor of the next one, null on the last."""

    query: str = Field(description="The query in its canonical form.")
    mode: Literal["hybrid", "text", "vector"]
    total: int
    took_ms: float
    hits: list[HitForm]
    facets: dict[str, list[FacetForm]]
    next: str | None
    notice: str = Field(description="What keeps the search from being all that was asked for.")
    understood: list[NoteForm] = Field(description="What was searched for beyond what was typed.")


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


class AgainForm(_Form):
    """A later day on which a paper came again: `kind` is listed, page, version or cross."""

    day: str
    kind: str
    note: str = Field(description="The source that said so.")


class DecisionForm(_Form):
    """A decision by hand about which papers are the same; `undone` is null while it stands."""

    id: int
    kind: Literal["merge", "split", "apart"]
    paper: str
    other: str
    records: list[str] = Field(description="The records that moved, each as source:key.")
    note: str
    made: str
    undone: str | None


class SignalForm(_Form):
    """What a source counted of the attention to a paper, and when that was seen."""

    kind: str = Field(description="upvotes, comments, stars, citations or another.")
    source: str
    key: str = Field(description="What was counted of: a record of the source, a repository.")
    seen: str
    value: float


class HereForm(_Form):
    """What the readers of this collection did: `comments` are those that everybody may read."""

    upvotes: int
    comments: int


class SheetForm(PaperForm):
    """A paper with the records it is made of and the pages it stood on."""

    records: list[RecordForm]
    places: list[PlaceForm]
    again: list[AgainForm]
    decisions: list[DecisionForm] = Field(description="Those about this paper, newest first.")
    signals: list[SignalForm] = Field(description="By kind and source, oldest first.")
    here: HereForm
    similar: list[HitForm] = Field(description="Empty here: see the address of similar papers.")


class SimilarForm(_Form):
    """The papers most like one."""

    id: str
    facet: str | None = Field(description="problem, method, result, or null: as a whole.")
    hits: list[HitForm]
    notice: str = Field(description="What keeps them from being all that was asked for.")


class MarkForm(_Form):
    """Which curator picked a paper for its edition, why and when."""

    by: str
    note: str
    at: str


class PlacedForm(PaperForm):
    """A paper of an edition with the reason of its place."""

    reason: ReasonForm
    pick: MarkForm | None


class SectionForm(_Form):
    """A part of an edition: `total` papers, of which the first stand here."""

    name: str
    label: str
    total: int
    papers: list[PlacedForm]


class CameAgainForm(PaperForm):
    """A paper of an earlier edition that came again in this one."""

    again: AgainForm


class DayForm(_Form):
    """How many papers a day holds; `silence` says why it holds none."""

    day: str
    papers: int
    silence: str | None


class EditionForm(_Form):
    """The papers of a day, a week or a month; `before` and `after` hold papers, too."""

    period: str = Field(examples=["2026-03-17", "2026-W12", "2026-03"])
    kind: Literal["day", "week", "month"]
    title: str
    query: str = Field(description="What it is narrowed by, in canonical form.")
    total: int
    basis: dict[str, int] = Field(description="How many papers stand here by which of their days.")
    closed: bool
    silence: str | None
    before: str | None
    after: str | None
    leads: list[PlacedForm]
    sections: list[SectionForm]
    again: list[CameAgainForm]
    days: list[DayForm]


class ListingForm(_Form):
    """Papers of one section of an edition, in its order."""

    label: str
    total: int
    papers: list[PlacedForm]


class CalendarForm(_Form):
    """The days of a time, each with what it holds."""

    days: list[DayForm]


class LatestForm(_Form):
    """Papers of the newest days first; `total` counts the collection."""

    total: int
    papers: list[PaperForm]


class BurstForm(_Form):
    """Too much at once: `gained` in `days`, of which `counted` counts."""

    gained: float
    days: int
    counted: float


class TrendingSignalForm(_Form):
    """What one signal adds: `weight` times `strength`; docs/trending.md has the formula."""

    kind: str = Field(examples=["upvotes"])
    source: str
    value: float = Field(description="The count as it was seen.")
    gained: float | None = Field(description="In the window, or since midnight; null: not known.")
    began: Literal["zero", "before", "spread", "seen"] = Field(
        description="What the gain is measured from."
    )
    burst: BurstForm | None
    strength: float = Field(description="Spreads above the middle of its scale.")
    weight: float


class TrendingPaperForm(PaperForm):
    """A paper that is trending, with all that its score is made of."""

    score: float
    standing: float
    age: float = Field(description="Days since it was announced.")
    reasons: list[str] = Field(examples=[["38 upvotes in 2 days", "212 stars (+64 today)"]])
    signals: list[TrendingSignalForm]


class ScaleForm(_Form):
    """How the counts of one source are read; `middle` and `spread` are doublings."""

    kind: str
    source: str
    middle: float
    spread: float
    cap: float = Field(description="The most that counts of what is gained in a day.")
    papers: int = Field(description="How many it was learned from.")


class TrendingForm(_Form):
    """What is trending at a moment, best first."""

    view: Literal["hot", "rising"]
    window: Literal["day", "week", "month", "all"]
    at: str
    query: str
    total: int
    papers: list[TrendingPaperForm]
    scales: list[ScaleForm]


class NearMissForm(_Form):
    """Two papers that may be one, with what speaks for it."""

    one: PaperForm
    other: PaperForm
    kind: str
    score: float
    reasons: list[str]


class DuplicatesForm(_Form):
    """Pairs of papers that may be one, surest first."""

    pairs: list[NearMissForm]
    behind: int | None = Field(
        description="How many changes ago all papers were compared; null if no pair was ever found."
    )


class DecisionsForm(_Form):
    """Decisions by hand, newest first."""

    decisions: list[DecisionForm]


Ident = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Note = Annotated[str, StringConstraints(max_length=2000)]


class _Pair(_Form):
    one: Ident = Field(description="A paper, by any of its ids.")
    other: Ident
    note: Note = Field("", description="Why, for those who come later.")


class MergeForm(_Pair):
    """Two papers are one."""

    kind: Literal["merge"]


class ApartForm(_Pair):
    """Two papers are not the same."""

    kind: Literal["apart"]


class SplitForm(_Form):
    """A record of a paper is a paper of its own."""

    kind: Literal["split"]
    paper: Ident
    record: Ident = Field(description="The record, as source:key.")
    note: Note = ""


WishForm = Annotated[MergeForm | ApartForm | SplitForm, Field(discriminator="kind")]
WISH: TypeAdapter[WishForm] = TypeAdapter(WishForm)
"""Reads a decision that is asked for."""


class SourceForm(_Form):
    """How many records a source gave, and when one of them last came or changed."""

    source: str
    records: int
    last_changed: str


class CountForm(_Form):
    """How many papers a day holds."""

    day: str
    papers: int


class PartForm(_Form):
    """What became of one part of a run; `until` is the day up to which it is complete."""

    part: str
    outcome: str
    counts: dict[str, int]
    error: str = Field(description="Why it broke off; empty if it ended well.")
    until: str | None
    retry_after: float | None = Field(None, description="Seconds that its host wants to rest.")


class RunForm(_Form):
    """One import or harvest; `reason` says in sentences how its `outcome` came about."""

    id: int
    source: str = Field(description="The name of a source, or the path of an import.")
    started: str
    ended: str | None
    outcome: str = Field(
        description="running, new, nothing new, suspicious, partly failed, failed or cut off; "
        "done of an import."
    )
    reason: str
    counts: dict[str, int]
    kind: Literal["import", "harvest", "backfill", "enrich", "add"]
    slot: str | None = Field(description="The due time that it served; null if asked for.")
    parts: list[PartForm]


class RunsForm(_Form):
    """The last imports and harvests, newest first."""

    runs: list[RunForm]


class StandingForm(_Form):
    """A source as it stands: what it `does`, its last run, and when it is due again."""

    name: str
    title: str
    is_enabled: bool
    key_variable: str = Field(description="The variable of its key; empty if it needs none.")
    has_key: bool
    does: list[str]
    last: RunForm | None
    next_due: str | None
    covered: str | None = Field(description="The newest day whose papers it has brought.")


class SourcesForm(_Form):
    """All sources, the most important first."""

    sources: list[StandingForm]


class OtherDayForm(_Form):
    """A paper that is listed as new and is here on another day, or on none."""

    id: str
    day: str | None


class ExtraForm(_Form):
    """A paper that is here on a day and in a category but not listed there."""

    id: str
    title: str


class ReconciliationForm(_Form):
    """A day's listing of a category beside what is here."""

    category: str
    day: str
    agrees: bool = Field(description="Whether just what is new or cross-listed is here.")
    listed: dict[str, int] = Field(description="How many papers it counts, by section.")
    held: dict[str, int] = Field(description="How many of those are here, by section.")
    missing: dict[str, list[str]] = Field(description="Listed and not here, by section.")
    other_day: list[OtherDayForm]
    extra: list[ExtraForm]
    uncounted: dict[str, int] = Field(description="By how much its headings exceed what it shows.")


class ListingsForm(_Form):
    """The listings of a day, by category."""

    listings: list[ReconciliationForm]


class IndexForm(_Form):
    """How the index stands to the record, in sequences of the change log."""

    format: str
    model: str
    text: int
    vectors: int
    last: int
    lag: int = Field(description="Changes that the index lacks.")
    papers: int
    embedded: int = Field(description="Papers that have a vector.")
    size: int = Field(description="Bytes on disk.")
    building: tuple[int, int] | None = Field(
        description="Papers done and in all, while it is built."
    )
    notice: str = Field(description="What is wrong with the index, or what it still lacks.")


class DeepForm(_Form):
    """How far the deep tier has come; all else is null where it is off."""

    is_on: bool
    model: str | None
    papers: int | None
    embedded: int | None = Field(description="Papers that have a vector of the deep tier.")
    share: float | None = Field(description="Of one core's time that it may take.")
    rate: float | None = Field(description="Papers a second, rests included; null if at rest.")
    left_s: float | None = Field(description="Seconds until all are done; null if at rest.")
    trouble: str | None = Field(description="What keeps it from going on.")


class LedgerForm(_Form):
    """What is in the ledger of digests."""

    digests: dict[str, int] = Field(description="How many digests are in each state.")
    oldest: str | None = Field(description="Since when the one waits that waits longest.")


class StatusForm(_Form):
    """What this Broadsheet holds, and how it does."""

    version: str
    schema_: str = Field(alias="schema")
    home: str
    papers: int
    records: int
    rejects: int
    decisions: int
    first_day: str | None
    last_day: str | None
    sources: list[SourceForm]
    days: list[CountForm]
    runs: list[RunForm]
    sequence: int
    index: IndexForm
    deep: DeepForm
    sizes: dict[str, int]
    last_backup: str | None
    mail: LedgerForm
    warnings: list[str]
    harvest: list[StandingForm] = Field(description="The enabled sources.")


class ProblemForm(_Form):
    """Problem details (RFC 9457); a query's have the position of the fault and a hint."""

    type: str
    title: str
    status: int
    detail: str
    query: str | None = None
    position: int | None = None
    hint: str | None = None
