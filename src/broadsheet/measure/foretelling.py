"""How far the attention of a paper's first hours foretells what it is given later.

The early counts are one snapshot of Hugging Face's daily papers, hours after they were listed.
There is no second snapshot of the same papers, so what comes later is what others say: `LATER`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from broadsheet.collection.signals import Announcements, Observations, Observed
from broadsheet.editions import trending
from broadsheet.errors import SourceError
from broadsheet.measure.judged import objects
from broadsheet.papers.text import title_key
from broadsheet.papers.types import PaperId

Floats = npt.NDArray[np.float64]
Show = Callable[[str, int, int | None, int], None]

EARLY: Final = timedelta(hours=24)
"""A snapshot is early so long after the beginning of the day that a paper was listed."""
DEPTH: Final = 10
LEAST: Final = 2 * DEPTH
"""Precision at 10 is judged among so many papers at least: of ten papers, any order has them."""
FEWEST: Final = 10
"""With fewer spans there is no precision, and no interval: resamples of a few say nothing."""
RESAMPLES: Final = 2000
DATED: Final = ("hf_daily", "arxiv_daily")
"""The corpora whose texts have a day, so that it is known which of two came later."""
SPANS: Final = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "all": ""}


class Later(NamedTuple):
    """What a later signal is, within which spans papers are compared, and whether also with stars.

    Stars were not counted from the beginning; what they add shows since they were.
    """

    what: str
    within: tuple[str, ...]
    since_stars: bool = False


LATER: Final = {
    "mentions": Later(
        "later abstracts by others that say its name", ("day", "week"), since_stars=True
    ),
    "citations": Later("citations that a conference's list counts", ("week", "month")),
    "conference": Later("whether a conference took a paper with its title", ("day", "week")),
    "stars again": Later("stars of its repository when a later paper lists it", ("all",)),
}

_FIELDS = {
    "hf_daily": ("arxiv_id", "title", "date"),
    "arxiv_daily": ("arxiv_id", "title", "date"),
    "conferences": ("title",),
}
_REFUSED = frozenset({"Reject", "Withdraw", "Desk Reject"})
_SEED = 20260501
_WORD = re.compile(r"[A-Za-z0-9][\w.+-]*[\w+]")
_NAMED = re.compile(rf"({_WORD.pattern})\s*:")


class Early(NamedTuple):
    """What was known of a paper hours after it was listed; None for what was not counted."""

    id: str
    title: str
    authors: frozenset[str]
    listed: datetime
    seen: datetime
    upvotes: float
    comments: float | None
    stars: float | None
    repository: str

    @property
    def day(self) -> str:
        """The day (UTC) on which it was listed."""
        return self.listed.date().isoformat()


class Written(NamedTuple):
    """A text of which the day is known: who wrote it, and which names stand in it."""

    id: str
    day: str
    authors: frozenset[str]
    own: str
    names: frozenset[str]


class Span(NamedTuple):
    """Papers that are compared with each other, as their order is when the last one was seen."""

    papers: Sequence[Early]
    later: Floats
    at: datetime


class Agreement(NamedTuple):
    """How one formula's order agrees with a later signal: for each span, a number.

    Pairs in the same order less those in the other, pairs not tied by the formula, pairs not tied
    by the later signal, and precision at 10, NaN where it is not judged.
    """

    agreed: Floats
    told_apart: Floats
    differing: Floats
    precision: Floats

    def tau(self, weights: Floats) -> Floats:
        """Return Kendall's tau-b of the pairs of all spans, for each row of weights of spans."""
        pairs = np.sqrt((weights @ self.told_apart) * (weights @ self.differing))
        return _divided(weights @ self.agreed, pairs)

    def in_order(self, weights: Floats) -> Floats:
        """Return the share of the pairs not tied later that stand in that order, ties as half."""
        share: Floats = (1 + _divided(weights @ self.agreed, weights @ self.differing)) / 2
        return share

    def hits(self, weights: Floats) -> Floats:
        """Return the mean precision of the spans where it is judged, as `tau` does."""
        judged = ~np.isnan(self.precision)
        if judged.sum() < FEWEST:
            return np.full(len(weights), np.nan)
        return _divided(weights @ np.nan_to_num(self.precision), weights @ judged.astype(float))


Score = Callable[[Sequence[Early], datetime], Floats]


def judge(folder: Path, *, progress: Show) -> dict[str, Any]:
    """Return how well each formula's order of new papers agrees with each later signal.

    `folder` holds `hf_daily.jsonl`, and, as far as they are there, `arxiv_daily.jsonl` and
    `conferences.jsonl`; each may be `.xz`. In a row, `tau` is Kendall's tau-b over all pairs of
    papers of one span, `in_order` the share of pairs that stand as they do later, of those that
    differ later (half by chance), and `precision` the mean share of a span's ten with most of the
    later signal among a formula's first ten; ties count as any order of them does on average.
    Each comes with the interval of 95 of 100 resamples of the spans, also of what it has `over`
    plain upvotes. Raises SourceError where there are no early counts, or for a damaged file.
    """
    papers = list(_early(_rows(folder, "hf_daily", progress)))
    if not papers:
        raise SourceError(f"{folder} has no hf_daily.jsonl with early counts", source=str(folder))
    later = _later(folder, papers, progress)
    since = min((p.day for p in papers if p.stars is not None), default="")
    formulas = _formulas(papers)
    compared = [
        row
        for name, values in later.items()
        for start in (("", since) if since and LATER[name].since_stars else ("",))
        for span in LATER[name].within
        for row in _compared(name, start, span, _spans(papers, values, span, start), formulas)
    ]
    return {
        "papers": len(papers),
        "days": len({p.day for p in papers}),
        "stars_since": since or None,
        "later": [_summary(name, values) for name, values in later.items()],
        "rows": compared,
    }


def _summary(name: str, values: Mapping[str, float]) -> dict[str, Any]:
    some = sum(v > 0 for v in values.values())
    return {"later": name, "what": LATER[name].what, "papers": len(values), "with_some": some}


# ---------------------------------------------------------------------------- early counts


def _rows(folder: Path, name: str, progress: Show) -> Iterator[dict[str, Any]]:
    paths = (folder / f"{name}.jsonl", folder / f"{name}.jsonl.xz")
    path = next((p for p in paths if p.is_file()), None)
    for number, row in enumerate(objects(path) if path else (), start=1):
        if missing := [field for field in _FIELDS[name] if not isinstance(row.get(field), str)]:
            said = f"{path}: record {number} has no {' and no '.join(missing)}"
            raise SourceError(said, source=str(path))
        if number % 1000 == 0:
            progress(name, number, None, number)
        yield row


def _early(rows: Iterable[Mapping[str, Any]]) -> Iterator[Early]:
    """Yield each paper as it was first seen, if that was early."""
    known = set[str]()
    for row in rows:
        try:
            paper = _seen(row)
        except (KeyError, TypeError, ValueError) as error:
            said = f"hf_daily.jsonl: {row.get('arxiv_id')} lacks an early count: {error!r}"
            raise SourceError(said, source="hf_daily") from error
        since_midnight = paper.seen - _moment(paper.day)
        if paper.id not in known and timedelta() <= since_midnight <= EARLY:
            known.add(paper.id)
            yield paper


def _seen(row: Mapping[str, Any]) -> Early:
    day = _moment(row["date"])
    seen = _moment(row["snapshot_at"])
    # Where the hour is not known, or is that of another day, the day's beginning stands for it.
    submitted = _moment(row.get("submitted_at") or row["date"])
    return Early(
        row["arxiv_id"],
        row["title"],
        _authors(row),
        submitted if submitted.date() == day.date() and submitted <= seen else day,
        seen,
        float(row["upvotes"]),
        row.get("comments"),
        row.get("stars"),
        (row.get("github_repo") or "").lower().rstrip("/"),
    )


def _moment(said: str) -> datetime:
    """Return a time in UTC, which is meant where none is named."""
    found = datetime.fromisoformat(said)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _authors(row: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name.casefold() for name in row.get("authors") or ())


# ---------------------------------------------------------------------------- formulas


def _hours(papers: Sequence[Early], at: datetime) -> Floats:
    return np.array([(at - p.listed).total_seconds() / 3600 for p in papers])


def upvotes(papers: Sequence[Early], _: datetime) -> Floats:
    """Return the upvotes."""
    return np.array([p.upvotes for p in papers], dtype=float)


def hacker_news(papers: Sequence[Early], at: datetime) -> Floats:
    """Return `(P - 1) / (T + 2)^1.8`, T in hours since the listing (amix.dk/blog/post/19574)."""
    scores: Floats = (upvotes(papers, at) - 1) / (_hours(papers, at) + 2) ** 1.8
    return scores


def reddit(papers: Sequence[Early], at: datetime) -> Floats:
    """Return `log10(max(P, 1)) + t / 45000`, t in seconds (`hot` in Reddit's `_sorts.pyx`)."""
    scores: Floats = np.log10(np.maximum(upvotes(papers, at), 1)) - _hours(papers, at) * 3600 / 45e3
    return scores


def star_rate(papers: Sequence[Early], at: datetime) -> Floats:
    """Return GitHub stars per hour since the listing (Papers with Code); without stars, 0."""
    stars = np.array([p.stars or 0.0 for p in papers])
    return stars / np.maximum(_hours(papers, at), 1)


class _Ours:
    """Our formula over all papers that were seen until then, with scales learned from them."""

    def __init__(self, papers: Sequence[Early], without: str = "") -> None:
        self._ids = {p.id: number for number, p in enumerate(papers)}
        self._announced = Announcements.of({self._ids[p.id]: p.day for p in papers})
        self._observed = Observations.of(
            o for p in papers for o in _observed(p, self._ids[p.id]) if o.kind != without
        )
        self._known: dict[datetime, tuple[Floats, Floats]] = {}

    def standing(self, papers: Sequence[Early], at: datetime) -> Floats:
        """Return the standing, without age."""
        return self._ranked(at)[0][[self._ids[p.id] for p in papers]]

    def hot(self, papers: Sequence[Early], at: datetime) -> Floats:
        """Return the standing less what the age costs."""
        return self._ranked(at)[1][[self._ids[p.id] for p in papers]]

    def _ranked(self, at: datetime) -> tuple[Floats, Floats]:
        """Return standings and scores of all papers until the last one that was seen by then."""
        if at not in self._known:
            found = trending.hot(self._observed, self._announced, int(at.timestamp()))
            standings, scores = np.full((2, found.papers.max() + 1), np.nan)
            standings[found.papers], scores[found.papers] = found.standings, found.scores
            self._known[at] = standings, scores
        return self._known[at]


def _observed(paper: Early, number: int) -> Iterator[Observed]:
    counts = {"upvotes": paper.upvotes, "comments": paper.comments, "stars": paper.stars}
    seen = paper.seen.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for kind, count in counts.items():
        if count is not None:
            yield Observed(PaperId(number), kind, "hf", paper.repository or paper.id, seen, count)


def _formulas(papers: Sequence[Early]) -> dict[str, Score]:
    ours = _Ours(papers)
    return {
        "upvotes": upvotes,
        "hacker news": hacker_news,
        "reddit": reddit,
        "stars an hour": star_rate,
        "standing": ours.standing,
        "hot": ours.hot,
        "no comments": _Ours(papers, without="comments").standing,
        "no stars": _Ours(papers, without="stars").standing,
    }


# ---------------------------------------------------------------------------- later signals


def _later(folder: Path, papers: Sequence[Early], progress: Show) -> dict[str, Mapping[str, float]]:
    """Return the later signals that say something: for each paper that can have one, how much."""
    names = frozenset(_own_names(papers))
    written = (text for source in DATED for text in _texts(_rows(folder, source, progress), names))
    listed = list(_rows(folder, "conferences", progress))
    found = {
        "mentions": mentions(papers, written),
        "citations": citations(papers, listed),
        "conference": conference(papers, listed),
        "stars again": stars_again(papers),
    }
    return {name: values for name, values in found.items() if any(values.values())}


def coined(title: str) -> str:
    """Return the name that a title gives before a colon, as `Qwen2-VL`; nothing for a word.

    A name has two capitals or digits, and not capitals alone: acronyms are coined again and again.
    """
    found = _NAMED.match(title)
    name = found[1] if found else ""
    marks = sum(c.isupper() or c.isdigit() for c in name)
    return name if marks >= 2 and not (name.isalpha() and name.isupper()) else ""  # noqa: PLR2004


def _texts(rows: Iterable[Mapping[str, Any]], names: frozenset[str]) -> Iterator[Written]:
    """Yield the texts that say some of the names."""
    for row in rows:
        said = names.intersection(_WORD.findall(f"{row['title']} . {row.get('abstract')}"))
        if said:
            yield Written(row["arxiv_id"], row["date"], _authors(row), coined(row["title"]), said)


def mentions(papers: Sequence[Early], written: Iterable[Written]) -> dict[str, float]:
    """Return how many texts of later days and other authors say the name of each paper.

    Papers without a name of their own have none: their title has no name, or another paper's has
    the same, or it was written on an earlier day.
    """
    names = _own_names(papers)
    found = defaultdict[str, dict[str, Written]](dict)
    for text in written:
        for name in text.names & names.keys():
            known = found[name].get(text.id)
            if known is None or text.day < known.day:
                found[name][text.id] = text
    counts = {}
    for name, paper in names.items():
        others = [t for t in found[name].values() if t.id != paper.id]
        if any(t.day < paper.day or t.own == name for t in others):
            continue
        counts[paper.id] = float(
            sum(t.day > paper.day and not t.authors & paper.authors for t in others)
        )
    return counts


def _own_names(papers: Sequence[Early]) -> dict[str, Early]:
    bearers = defaultdict[str, list[Early]](list)
    for paper in papers:
        bearers[coined(paper.title)].append(paper)
    return {name: found[0] for name, found in bearers.items() if name and len(found) == 1}


def citations(papers: Sequence[Early], listed: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the citations of the papers of which a conference's list counts them."""
    cited: dict[str, float] = {}
    for row in listed:
        if row.get("citations") is not None:
            key = title_key(row["title"])
            cited[key] = max(cited.get(key, 0), row["citations"])
    return {p.id: cited[key] for p in papers if (key := title_key(p.title)) in cited}


def conference(papers: Sequence[Early], listed: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return 1 for papers that a conference took, 0 for others up to the last one that it took."""
    taken = {title_key(row["title"]) for row in listed if row.get("status") not in _REFUSED}
    made = {p.id: float(title_key(p.title) in taken) for p in papers}
    last = max((p.day for p in papers if made[p.id]), default="")
    return {p.id: made[p.id] for p in papers if p.day <= last}


def stars_again(papers: Sequence[Early]) -> dict[str, float]:
    """Return the stars of a repository when the last paper of a later day listed it."""
    first: dict[str, Early] = {}
    found: dict[str, float] = {}
    for paper in sorted(papers, key=lambda p: (p.seen, p.id)):
        if paper.repository:
            earlier = first.setdefault(paper.repository, paper)
            if paper.stars is not None and paper.day > earlier.day:
                found[earlier.id] = paper.stars
    return found


# ---------------------------------------------------------------------------- agreement


def _spans(
    papers: Sequence[Early], values: Mapping[str, float], span: str, start: str
) -> list[Span]:
    """Return the papers of each span that can have a later signal, from the day `start` on."""
    groups = defaultdict[str, list[Early]](list)
    for paper in papers:
        if paper.day >= start:
            groups[paper.listed.strftime(SPANS[span])].append(paper)
    made = []
    for _, found in sorted(groups.items()):
        known = [p for p in found if p.id in values]
        if known:
            later = np.array([values[p.id] for p in known], dtype=float)
            made.append(Span(known, later, max(p.seen for p in found)))
    return made


def agreement(score: Score, spans: Sequence[Span]) -> Agreement:
    """Return how the order by `score` agrees with the later signal within each span."""
    found = []
    for span in spans:
        scores = score(span.papers, span.at)
        ours, later = (np.sign(x[:, None] - x[None, :]) for x in (scores, span.later))
        pairs = ((ours * later).sum() / 2, np.abs(ours).sum() / 2, np.abs(later).sum() / 2)
        found.append((*pairs, precision(scores, span.later)))
    return Agreement(*np.array(found, dtype=float).T)


def precision(scores: Floats, later: Floats) -> float:
    """Return the share of those with most of the later signal among the first `DEPTH`.

    Papers of the same score stand in any order, and the mean of all orders is given. NaN for fewer
    papers than `LEAST`, or if none has anything later.
    """
    if len(scores) < LEAST or not later.any():
        return float("nan")
    wanted = (later > 0) & (later >= np.partition(later, -DEPTH)[-DEPTH])
    last = np.partition(scores, -DEPTH)[-DEPTH]
    above, level = scores > last, scores == last
    return float(wanted[above].sum() + (DEPTH - above.sum()) * wanted[level].mean()) / DEPTH


def _compared(
    name: str, start: str, span: str, spans: Sequence[Span], formulas: Mapping[str, Score]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each formula that tells papers apart; none where nothing differs later."""
    weights = _weights(len(spans))
    found = {f: agreement(score, spans) for f, score in formulas.items()}
    plain = found["upvotes"]
    for formula, each in found.items():
        if not (each.differing.any() and each.told_apart.any()):
            continue
        tau, hits = each.tau(weights), each.hits(weights)
        yield {
            "later": name,
            "since": start or None,
            "within": span,
            "spans": len(spans),
            "papers": sum(len(s.papers) for s in spans),
            "pairs": int(each.differing.sum()),
            "spans_of_precision": int((~np.isnan(each.precision)).sum()),
            "formula": formula,
            "tau": _interval(tau, len(spans)),
            "in_order": _interval(each.in_order(weights), len(spans)),
            "tau_over": _interval(tau - plain.tau(weights), len(spans)),
            "precision": _interval(hits, len(spans)),
            "precision_over": _interval(hits - plain.hits(weights), len(spans)),
        }


def _weights(spans: int) -> Floats:
    """Return how often each span counts: once in the first row, then as it is drawn."""
    draws = np.random.default_rng(_SEED)
    drawn = draws.multinomial(spans, np.full(spans, 1 / spans), size=RESAMPLES)
    return np.vstack([np.ones(spans), drawn]).astype(float)


def _interval(values: Floats, spans: int) -> dict[str, float | None] | None:
    """Return the first of the values, and between what 95 of 100 of the others are."""
    if np.isnan(values[0]):
        return None
    low, high = np.nanpercentile(values[1:], [2.5, 97.5]) if spans >= FEWEST else (None, None)
    made = {"value": values[0], "low": low, "high": high}
    return {k: None if v is None else round(float(v), 4) for k, v in made.items()}


def _divided(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
