"""Whether a known paper stays on the first page when its query is written otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from broadsheet.measure.judged import JudgedSet, Topic
from broadsheet.measure.perturbing import KINDS, perturbed
from broadsheet.measure.quality import Shelf, Show, ignore, shelved
from broadsheet.measure.tiers import Own
from broadsheet.search.engine import Mode
from broadsheet.search.judge import reciprocal_rank

FIRST_PAGE = 10


def perturb(
    sets: Sequence[JudgedSet], mode: Mode = "hybrid", *, progress: Show = ignore
) -> dict[str, Any]:
    """Return a row for each kind of change on each known-item set: what it does to first pages.

    `changed` queries have something of the kind; of the papers that `were` among the first ten
    for these, the share `kept` still is. MRR@10 is that of the changed queries.
    """
    known = [each for each in sets if each.is_known_item]
    return {"mode": mode, "rows": [row for each in known for row in _rows(each, mode, progress)]}


def _rows(judged: JudgedSet, mode: Mode, progress: Show) -> Iterator[dict[str, Any]]:
    with shelved(judged, progress) as shelf:
        tier = Own(mode, shelf.library.engine, mode)
        before = {t.id: _rank(shelf, tier, t) for t in judged.topics}
        for number, kind in enumerate(KINDS, start=1):
            changed = [t for t in judged.topics if perturbed(kind, t.text) != t.text]
            after = {t.id: _rank(shelf, tier, t, perturbed(kind, t.text)) for t in changed}
            progress(f"{judged.name}: {kind}", number, len(KINDS), len(changed))
            yield {"set": judged.name, "kind": kind} | _compared(before, after)


def _rank(shelf: Shelf, tier: Own, topic: Topic, text: str | None = None) -> float:
    """Return 1 / the rank of the paper that is sought, 0 if it is not on the first page."""
    ranking = shelf.ranking(topic, tier.rank(shelf.asked(topic, text)))
    return reciprocal_rank(ranking, topic.judged, FIRST_PAGE)


def _compared(before: dict[str, float], after: dict[str, float]) -> dict[str, Any]:
    were = [ident for ident in after if before[ident]]
    kept = sum(after[ident] > 0 for ident in were)
    size = max(len(after), 1)
    return {
        "changed": len(after),
        "were": len(were),
        "kept": round(kept / len(were), 4) if were else None,
        "mrr_before": round(sum(before[ident] for ident in after) / size, 4),
        "mrr_after": round(sum(after.values()) / size, 4),
    }
