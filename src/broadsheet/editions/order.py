"""The order of an edition, each place with its reason. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import nsmallest
from math import log2
from typing import NamedTuple

from broadsheet.editions.trending import KINDS, PRIOR
from broadsheet.search.ranking import Reason

LEADS = ((30, 5), (8, 3), (1, 1))
"""From so many papers on, so many lead."""
PER_SECTION = 2
"""So many leads come from one section at most, as long as others have some to offer."""
MOST_PICKED = 5
"""So many picks lead at most, however thin the edition is; the others stand first in theirs."""
SMALL = 3
"""A section of fewer papers joins the rest."""
LEAD = "lead"
REST = "more"
REST_LABEL = "More papers"


class Candidate(NamedTuple):
    """What an edition knows of a paper before it is read.

    `section` is its topic; `newness` is 1 less the cosine to the nearest earlier paper, None where
    that is not known; `recent` is the day it was announced, submitted or published. `standing` is
    its z among all papers by what was `counted` of it, told in words; None if nothing was.
    `upvotes` are those that a record has without saying when they were counted.
    """

    paper: int
    section: str
    upvotes: int | None = None
    newness: float | None = None
    recent: str | None = None
    standing: float | None = None
    counted: tuple[str, ...] = ()
    is_picked: bool = False

    @property
    def attention(self) -> float | None:
        """How much attention it has, on the scale of standings; None if none is known."""
        known = [self.standing, usual_standing(self.upvotes) if self.upvotes else None]
        return max((z for z in known if z is not None), default=None)

    @property
    def has_attention(self) -> bool:
        """Whether anybody has shown that it is worth reading."""
        return self.is_picked or self.attention is not None


class Place(NamedTuple):
    """A place in an edition: `section` is `lead`, a topic, or `more`."""

    paper: int
    section: str
    reason: Reason


def foremost(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the `most` strongest candidates, strongest first."""
    return nsmallest(most, candidates, key=_strength)


def arrange(
    candidates: Sequence[Candidate], can_lead: Collection[int] | None = None
) -> list[Place]:
    """Return every candidate once, in the order of reading: leads, then section by section.

    What curators picked comes first, then what was counted by its standing; among the others the
    ones that are least like anything before; else the newest. Larger sections come first. With
    `can_lead` no other paper leads of which nothing was counted. The order of the candidates does
    not matter.
    """
    ranked = sorted(candidates, key=_strength)
    sections = merged_sections(c.section for c in candidates)
    able = [c for c in ranked if c.has_attention or can_lead is None or c.paper in can_lead]
    leads = _leads(able, len(ranked))
    led = {c.paper for c in leads}
    sizes = Counter(sections[c.section] for c in ranked)
    # Within a section they stay as they are ranked.
    rest = sorted(
        (c for c in ranked if c.paper not in led),
        key=lambda c: _place_of(sections[c.section], sizes),
    )
    return [Place(c.paper, LEAD, reason(c)) for c in leads] + [
        Place(c.paper, sections[c.section], reason(c)) for c in rest
    ]


def merged_sections(names: Iterable[str]) -> Mapping[str, str]:
    """Return for each topic the section that it stands in: its own, or `more` if it is small."""
    sizes = Counter(names)
    # A source may call a category what a part of the page is called.
    large = {n for n, size in sizes.items() if size >= SMALL and n not in {"", LEAD, REST}}
    return {name: name if name in large else REST for name in sizes}


def _place_of(section: str, sizes: Mapping[str, int]) -> tuple[bool, int, str]:
    return section == REST, -sizes[section], section


def _strength(c: Candidate) -> tuple[bool, bool, float, bool, float, tuple[int, ...], int]:
    """Return what sorts the stronger first.

    A missing signal is not a zero: where nothing was counted, or nothing but zeros, the newness
    decides, and papers whose newness is not known stand behind those where it is.
    """
    attention = c.attention
    return (
        not c.is_picked, attention is None, -(attention or 0.0),
        c.newness is None, -(c.newness or 0.0), _age(c.recent or "0"), -c.paper,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _age(day: str) -> tuple[int, ...]:
    """Return what sorts newer days first, a month or a year behind the days of that time."""
    return tuple(-int(part) for part in f"{day}-0-0".split("-")[:3])


def _leads(ranked: Sequence[Candidate], total: int) -> list[Candidate]:
    """Return the leading papers: picks, and others of different sections where there are some."""
    picked = sum(c.is_picked for c in ranked)
    wanted = max(next((n for least, n in LEADS if total >= least), 0), min(picked, MOST_PICKED))
    seen: Counter[str] = Counter()
    first: list[Candidate] = []
    others: list[Candidate] = []
    for candidate in ranked:
        seen[candidate.section] += not candidate.is_picked
        (first if seen[candidate.section] <= PER_SECTION else others).append(candidate)
        if len(first) == wanted:
            break
    return sorted((first + others)[:wanted], key=_strength)


def usual_standing(upvotes: int) -> float:
    """Return how a paper stands by upvotes alone, on the scale that is usual of them."""
    usual = KINDS["upvotes"]
    strength = (log2(1 + upvotes) - usual.middle) / usual.spread
    return usual.weight * strength / (PRIOR + usual.weight)


def reason(candidate: Candidate) -> Reason:
    """Return why a paper stands where it stands: the first of the facts that it has."""
    upvotes = candidate.upvotes or 0
    votes = [f"{upvotes:,} upvote{'' if upvotes == 1 else 's'}"] if upvotes else []
    if candidate.standing is not None:
        told = ", ".join([*votes, *candidate.counted])
        return Reason("counted", told, round(candidate.attention or 0.0, 4))
    if votes:
        return Reason("upvotes", votes[0], float(upvotes))
    if candidate.newness is not None:
        near = round(1 - candidate.newness, 2)
        return Reason("newness", f"nearest earlier paper: {near:.2f} alike", near)
    if candidate.recent:
        return Reason("recency", f"dated {candidate.recent}")
    return Reason("filed", "in order of filing")
