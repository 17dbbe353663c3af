"""What a source's own listing of a day counts, against what is held. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Final, NamedTuple

from broadsheet.papers.types import ExternalId, PaperId
from broadsheet.sources.base import Listing

_COUNTED: Final = ("new", "cross")
_WORDS: Final = {"new": "new", "cross": "cross-listed", "replace": "replaced"}
_NAMED: Final = 10


class Held(NamedTuple):
    """What is held of one paper: `announced` is its ISO day, `again` its later days with kinds."""

    paper: PaperId
    announced: str | None
    again: Mapping[str, AbstractSet[str]]
    categories: tuple[str, ...]
    title: str


class Reconciliation(NamedTuple):
    """A listing beside what is held.

    `listed` counts by section what the listing has (as its headings say, if they say more than it
    shows), `held` how many of those that it shows are held: `new` ones on its day, `cross` ones in
    its category. `missing` are listed and not held, by section. `other_day` are listed as new, and
    held under another day (or None). `extra` are held as papers of that day and category but not
    listed. `uncounted` is by how much headings exceed what is shown.
    """

    category: str
    day: str
    listed: Mapping[str, int]
    held: Mapping[str, int]
    missing: Mapping[str, tuple[ExternalId, ...]]
    other_day: tuple[tuple[ExternalId, str | None], ...]
    extra: tuple[tuple[ExternalId, str], ...]
    uncounted: Mapping[str, int]

    @property
    def agrees(self) -> bool:
        """Whether new and cross-listed papers are all held, on the right day, and no others.

        Replaced papers that are not held are older than the collection; they do not count. A
        listing that shows less than it counts cannot be agreed with.
        """
        wrong = [*(self.missing.get(s) for s in _COUNTED), *map(self.uncounted.get, _COUNTED)]
        return not (any(wrong) or self.other_day or self.extra)


def reconcile(listing: Listing, held: Mapping[ExternalId, Held]) -> Reconciliation:
    """Return how a listing differs from what is held.

    `held` has those of the listed papers that are held, and all others that are held as papers of
    its day and category.
    """
    sections = _sections(listing)
    missing = {
        s: tuple(i for i in ids if not _is_held(i, s, listing, held)) for s, ids in sections.items()
    }
    other_day = tuple(
        (i, held[i].announced)
        for i in sections.get("new", ())
        if i in held and held[i].announced != listing.day
    )
    there = {s: len(ids) - len(missing[s]) for s, ids in sections.items()}
    if "new" in there:
        there["new"] -= len(other_day)
    counts = {s: max(len(ids), listing.counts.get(s, 0)) for s, ids in listing.ids.items()}
    counts |= {s: n for s, n in listing.counts.items() if s not in counts}
    shown = {s: len(set(listing.ids.get(s, ()))) for s in counts}
    return Reconciliation(
        category=listing.category,
        day=listing.day,
        listed=counts,
        held=there,
        missing={s: ids for s, ids in missing.items() if ids},
        other_day=other_day,
        extra=tuple(_extra(listing, held)),
        uncounted={s: n - shown[s] for s, n in counts.items() if n > shown[s]},
    )


def _sections(listing: Listing) -> dict[str, tuple[ExternalId, ...]]:
    """Return each id once, in the first section that has it."""
    seen: set[ExternalId] = set()
    sections: dict[str, tuple[ExternalId, ...]] = {}
    for section in sorted(listing.ids, key=_rank):
        fresh = tuple(dict.fromkeys(i for i in listing.ids[section] if i not in seen))
        sections[section] = fresh
        seen.update(fresh)
    return sections


def _rank(section: str) -> int:
    known = list(_WORDS)
    return known.index(section) if section in known else len(known)


def _is_held(
    ident: ExternalId, section: str, listing: Listing, held: Mapping[ExternalId, Held]
) -> bool:
    """Return whether a listed paper is held; if it is cross-listed, under the category, too."""
    if (paper := held.get(ident)) is None:
        return False
    return section != "cross" or listing.category in paper.categories


def _extra(listing: Listing, held: Mapping[ExternalId, Held]) -> Iterator[tuple[ExternalId, str]]:
    listed = {i for ids in listing.ids.values() for i in ids}
    for ident, paper in held.items():
        came_later = any(
            day > listing.day and "cross" in kinds for day, kinds in paper.again.items()
        )
        is_of_day = paper.announced == listing.day and listing.category in paper.categories
        # What was cross-listed on a later day may have come into this category only then.
        if ident not in listed and is_of_day and not came_later:
            yield ident, paper.title


def in_words(found: Reconciliation, title: str = "arXiv") -> str:
    """Return a reconciliation in one line; differing papers are named, ten of each kind at most."""
    listed = ", ".join(f"{n:,} {_WORDS.get(s, s)}" for s, n in _counted(found.listed))
    head = f"{found.category} of {found.day}: {title} lists {listed or 'nothing'}"
    differences = list(_differences(found))
    if found.agrees and not differences:
        return f"{head}; all are held" if listed else f"{head}, and nothing is held of it"
    held = " and ".join(f"{n:,}" for _, n in _counted(found.held))
    we_hold = f"; we hold {held}" if held else ""
    return f"{head}{we_hold}: {'; '.join(differences)}"


def _counted(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    return ((s, counts[s]) for s in _COUNTED if s in counts)


def _differences(found: Reconciliation) -> Iterator[str]:
    missing = [
        f"{_name(i)} ({s})" for s, ids in found.missing.items() if s in _COUNTED for i in ids
    ]
    if missing:
        yield f"missing {_some(missing)}"
    if found.other_day:
        days = [f"{_name(i)} ({_on(day)})" for i, day in found.other_day]
        yield f"held on another day {_some(days)}"
    if found.extra:
        yield f"held but not listed {_some([f'{_name(i)} “{t}”' for i, t in found.extra])}"
    for section, more in _counted(found.uncounted):
        yield f"{more:,} {_WORDS[section]} counted by the listing but not shown by it"


def _on(day: str | None) -> str:
    """Return the day under which a paper is held, in words."""
    try:
        return date.fromisoformat(day).isoformat() if day else "without a day"
    except ValueError:
        return str(day)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _name(ident: ExternalId) -> str:
    return ident.value if ident.namespace == "arxiv" else str(ident)
