"""What narrows a list that has an order of its own: conditions, and nothing that ranks. Pure."""

from __future__ import annotations

import re

from broadsheet.errors import QueryError
from broadsheet.search.query import And, Like, Node, Not, Or, Phrase, Query, Word


def narrowing(query: Query, of: str = "an edition") -> Query | None:
    """Return a query as conditions alone: a bare word, which only ranks, must be there too.

    `of` names what is narrowed.

    Raises QueryError for what would put papers in another order.
    """
    if query.sort or _holds_like(query.root):
        name = "sort" if query.sort else "like"
        at = next((m.start() for m in _ORDERING.finditer(query.text) if m[1]), 0)
        raise QueryError(
            f"{name}: puts papers in another order, but {of} has its own",
            query=query.text,
            position=at,
            hint=f"Narrow it with words and fields, or use {name}: in the search.",
        )
    if query.root is None:
        return None
    nodes = query.root.nodes if isinstance(query.root, And) else (query.root,)
    kept = tuple(map(_required, nodes))
    return Query(And(kept) if len(kept) > 1 else kept[0])


_QUOTE = '"\u201c\u201d\u201e\u201f'
# Quoted text is passed over.
_ORDERING = re.compile(rf"[{_QUOTE}][^{_QUOTE}]*[{_QUOTE}]?|\b((?:like|sort):)", re.IGNORECASE)


def _holds_like(node: Node | None) -> bool:
    if isinstance(node, Not):
        return _holds_like(node.node)
    if isinstance(node, And | Or):
        return any(map(_holds_like, node.nodes))
    return isinstance(node, Like)


def _required(node: Node) -> Node:
    return Phrase(node.text) if isinstance(node, Word) and node.field is None else node
