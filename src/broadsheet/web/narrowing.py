"""Links that are queries: every facet, author and category leads to a search. Pure."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote_plus, urlencode

from broadsheet.errors import QueryError
from broadsheet.search.engine import Page
from broadsheet.search.query import (
    MAX_LENGTH,
    And,
    Category,
    DateRange,
    Exact,
    Node,
    Phrase,
    Query,
    Word,
    parse,
)

SHOWN = 8
"""Values of a facet shown at once."""
AT_MOST = 30
"""Values of a facet shown at all."""
LONGEST = 300
"""Characters of a condition that is offered as a link."""
LINKS = 40_000
"""Characters of links on one page that repeat the query: a pasted abstract gets fewer of them."""


def search_url(query: str, mode: str = "", cursor: str = "") -> str:
    """Return the address of a search; the front page's if nothing is asked for."""
    asked = {"q": query, "mode": mode, "cursor": cursor}
    return f"/search?{urlencode({k: v for k, v in asked.items() if v})}" if query else "/"


def room(query: Query) -> int:
    """Return how many links that repeat `query` one page has room for."""
    return LINKS // len(search_url(str(query)) + " ")


# ---------------------------------------------------------------------------- nodes


def author(name: str) -> Node:
    """Return the condition that `name` is among the authors."""
    return Phrase(_unquoted(name), "author")


def venue(name: str) -> Node:
    """Return the condition that a paper is of the venue `name`."""
    return Phrase(_unquoted(name), "venue")


def category(name: str) -> Node:
    """Return the condition that a paper is in the category `name`."""
    return Category(name)


def source(name: str) -> Node:
    """Return the condition that a paper came from the source `name`."""
    return Exact("source", name)


def year(number: str) -> Node:
    """Return the condition that a paper is of the year `number`."""
    first = date(int(number), 1, 1)
    return DateRange("year", first, first.replace(month=12, day=31))


def _unquoted(text: str) -> str:
    for quote in '"“”„‟':
        text = text.replace(quote, " ")
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def is_sayable(node: Node) -> bool:
    """Return whether the query language can say `node`, in short: not so for a venue named "—"."""
    try:
        return len(str(node)) <= LONGEST and parse(str(node)).root == node
    except QueryError:
        return False


@lru_cache(maxsize=4096)
def link(node: Node) -> str | None:
    """Return the address of the search for `node`, None if no query can say it."""
    return search_url(str(node)) if is_sayable(node) else None


# ---------------------------------------------------------------------------- queries


def _nodes(query: Query) -> tuple[Node, ...]:
    if query.root is None:
        return ()
    return query.root.nodes if isinstance(query.root, And) else (query.root,)


def _made_of(nodes: Sequence[Node], sort: str | None) -> str:
    root = And(tuple(nodes)) if len(nodes) > 1 else next(iter(nodes), None)
    return str(Query(root, sort))


class Addition:
    """What one condition more makes of a query; a page has a hundred such links."""

    def __init__(self, query: Query, mode: str = "") -> None:
        nodes = _nodes(query)
        self._before = f"{And(nodes)} " if nodes else ""
        self._after = f" sort:{query.sort}" if query.sort else ""
        self._begin, _, self._end = search_url(f"{self._before}\0{self._after}", mode).rpartition(
            quote_plus("\0")
        )

    def text(self, node: Node) -> str | None:
        """Return the query with `node`; None if that cannot be said."""
        text = f"{self._before}{node}{self._after}"
        return text if is_sayable(node) and len(text) <= MAX_LENGTH else None

    def href(self, node: Node) -> str | None:
        """Return the address of the search for it; None if it cannot be said."""
        return f"{self._begin}{_quoted(node)}{self._end}" if self.text(node) else None


@lru_cache(maxsize=4096)
def _quoted(node: Node) -> str:
    return quote_plus(str(node))


def removed(query: Query, node: Node) -> str:
    """Return `query` with one condition less; empty if nothing remains to ask for."""
    kept = [n for n in _nodes(query) if n != node]
    return _made_of(kept, query.sort) if kept else ""


def sorted_by(query: Query, sort: str | None) -> str:
    """Return `query` in another order."""
    return _made_of(_nodes(query), sort)


class Narrowing(NamedTuple):
    """One condition of a query, and the address of the search without it."""

    text: str
    href: str


def narrowings(query: Query, mode: str = "") -> list[Narrowing]:
    """Return the conditions of `query` that can be taken off, in its order."""
    return [
        Narrowing(str(node), search_url(removed(query, node), mode))
        for node in islice(filter(_is_condition, _nodes(query)), room(query) // 4)
    ]


def _is_condition(node: Node) -> bool:
    return not (isinstance(node, Word | Phrase) and node.field is None)


# ---------------------------------------------------------------------------- facets


class Choice(NamedTuple):
    """One value of a facet: `href` adds it to the query, or takes it off if `is_on`."""

    text: str
    papers: int
    href: str | None
    is_on: bool


class Facet(NamedTuple):
    """A countable property of the hits, its first values and the further ones."""

    name: str
    first: list[Choice]
    more: list[Choice]


_FACETS = (
    ("source", "Source", source),
    ("year", "Year", year),
    ("category", "Category", category),
    ("venue", "Venue", venue),
)


def facets(found: Page, query: Query, mode: str = "") -> list[Facet]:
    """Return the facets of a page of hits, each value as a link that narrows `query`."""
    made = []
    at_most = min(AT_MOST, room(query) // (2 * len(_FACETS)))
    addition = Addition(query, mode)
    for key, name, make in _FACETS:
        counted = found.facets.get(key, [])[:at_most]
        if key == "year":
            counted = sorted(counted, key=lambda value: -int(value[0]))
        choices = [_choice(query, make(value), value, n, mode, addition) for value, n in counted]
        if choices:
            made.append(Facet(name, choices[:SHOWN], choices[SHOWN:]))
    return made


def _choice(
    query: Query, node: Node, value: str, count: int, mode: str, addition: Addition
) -> Choice:
    if node in _nodes(query):
        return Choice(value, count, search_url(removed(query, node), mode), is_on=True)
    return Choice(value, count, addition.href(node), is_on=False)
