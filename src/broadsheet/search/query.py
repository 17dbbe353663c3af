"""The query language: text in, one `Query` out, and canonical text back.

`parse` reads what a person types and raises nothing but `QueryError`; `plain` takes a pasted
abstract and interprets nothing. `str(query)` prints text that parses to an equal query, so that
one line of text can drive a page, a feed, a saved search and a digest.

Trees are kept in normal form: an `And` or an `Or` has two or more nodes and none of its own
kind, a `Not` never holds a `Not`. Precedence, tightest first: NOT, adjacency, OR.
"""

import calendar
import difflib
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, TypeAlias
from unicodedata import category

from broadsheet.errors import QueryError
from broadsheet.papers.text import readable

MAX_LENGTH: Final = 10_000
MAX_PLAIN_LENGTH: Final = 20_000
MAX_DEPTH: Final = 50
MAX_TERMS: Final = 1_000
MAX_LIKES: Final = 50
"""So many papers can be named for others like them."""
PROSE: Final = 150
"""A text of more characters may be a pasted one."""

_QUOTES: Final = '"“”„‟'
_EDGE: Final = ",;:!?"
_OPERATORS: Final = frozenset({"AND", "NOT", "OR"})
_OPERATOR_WORD: Final = re.compile(r"\b(?:AND|NOT|OR)\b")
SHOUTED: Final = 5
"""So many words in capitals, and none in small letters, are not names: `BERT OR GPT` is."""

# Each becomes one space, so that positions stay: controls, lone surrogates, bidi overrides.
_UNCLEAN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
# Space, punctuation, and hyphens that join ("F"-score) or are a dash (--); never a NOT.
_SKIP: Final = re.compile(rf"(?:[\s{_EDGE}]|(?<=[^\s(])-+|--+)*")
_OPENING_SIGN: Final = re.compile(rf"-[({_QUOTES}]")
_OPERATOR: Final = re.compile(rf"(?:AND|NOT|OR)(?![^\s(){_QUOTES}])")
_QUOTE: Final = re.compile(rf"[{_QUOTES}]")
_WORD: Final = re.compile(rf"[^\s(){_QUOTES}]+")
# Addresses and DOIs may hold a balanced pair of parentheses and are kept whole.
_WHOLE_START: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|10\.[0-9]{4,9}/")
_WHOLE: Final = re.compile(rf"(?:[^\s(){_QUOTES}]+|\([^\s(){_QUOTES}]*\))+")
_BARE_VALUE: Final = re.compile(r"[\w-](?:[\w./:+-]*[\w/-])?")
_CATEGORY: Final = re.compile(r"[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*(?:\.\*)?")
_DAY: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class Word:
    """One word to look for, everywhere or in one text field."""

    text: str
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.field}:{self.text}" if self.field else self.text


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to look for in this order, everywhere or in one text field."""

    text: str
    field: str | None = None

    def __str__(self) -> str:
        return f'{self.field}:"{self.text}"' if self.field else f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Category:
    """A category ("cs.LG") or an archive with all of its categories ("cs.*", "hep-th")."""

    value: str

    def __str__(self) -> str:
        return f"cat:{self.value}"

    @property
    def is_prefix(self) -> bool:
        """Whether `stem` and everything below it is wanted: "cs.*", and a bare "cs" too."""
        return "." not in self.value or self.value.endswith(".*")

    @property
    def stem(self) -> str:
        """The category without a closing ".*": with `is_prefix`, match it and `stem + "."`."""
        return self.value.removesuffix(".*")


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from `start` to `end`, both included; None leaves that side open.

    A "year" range starts on a 1 January and ends on a 31 December.
    """

    field: Literal["date", "year"]
    start: date | None
    end: date | None

    def __str__(self) -> str:
        size = 4 if self.field == "year" else _grain(self.start, self.end)
        first, last = (day.isoformat()[:size] if day else "" for day in (self.start, self.end))
        return f"{self.field}:{first}" if first == last else f"{self.field}:{first}..{last}"


@dataclass(frozen=True, slots=True)
class Exact:
    """A field that must equal a value: "id", "doi" or "source"."""

    field: str
    value: str

    def __str__(self) -> str:
        prefix, _, rest = self.value.partition(":")
        if self.field == "id" and prefix in _ID_PREFIXES and _quoted_if_needed(rest) == rest:
            return self.value
        return f"{self.field}:{_quoted_if_needed(self.value)}"


@dataclass(frozen=True, slots=True)
class Flag:
    """Something true of a paper: ("is", "withdrawn"), ("has", "doi")."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}:{self.value}"


@dataclass(frozen=True, slots=True)
class Like:
    """Papers similar to this one or, with commas, to these taken together."""

    paper_id: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "paper_id", ",".join(self.ids))

    def __str__(self) -> str:
        is_bare = all(_quoted_if_needed(ident) == ident for ident in self.ids)
        return f"like:{self.paper_id}" if is_bare else f'like:"{self.paper_id}"'

    @property
    def ids(self) -> tuple[str, ...]:
        """The papers, one by one."""
        return tuple(dict.fromkeys(ident for i in self.paper_id.split(",") if (ident := i.strip())))


@dataclass(frozen=True, slots=True)
class Not:
    """Everything that `node` does not match."""

    node: "Node"

    def __str__(self) -> str:
        return "-" + _wrapped(self.node, (And, Or, Not))


@dataclass(frozen=True, slots=True)
class And:
    """Nodes standing side by side; whether a bare word is a must or a should, the engine says."""

    nodes: tuple["Node", ...]

    def __str__(self) -> str:
        return " ".join(_wrapped(node, (And, Or)) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the nodes."""

    nodes: tuple["Node", ...]

    def __str__(self) -> str:
        return " OR ".join(_wrapped(node, (Or,)) for node in self.nodes)


Node: TypeAlias = Word | Phrase | Category | DateRange | Exact | Flag | Like | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed request; two queries that ask for the same are equal, whatever was typed."""

    root: Node | None
    sort: str | None = None
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        parts = (self.root, self.sort and f"sort:{self.sort}")
        return " ".join(str(part) for part in parts if part)

    @property
    def words(self) -> tuple[str, ...]:
        """The bare, wanted words and phrases in order: what is scored and embedded."""
        return tuple(
            leaf.text
            for leaf in _wanted(self.root)
            if isinstance(leaf, Word | Phrase) and leaf.field is None
        )

    @property
    def parts(self) -> tuple[Node, ...]:
        """What stands side by side at the top."""
        if self.root is None:
            return ()
        return self.root.nodes if isinstance(self.root, And) else (self.root,)

    @property
    def bare(self) -> tuple[str, ...]:
        """The words that rank but need not all be there: those side by side at the top."""
        return tuple(n.text for n in self.parts if isinstance(n, Word) and n.field is None)

    @property
    def likes(self) -> tuple[str, ...]:
        """The ids of the papers that the hits should be similar to."""
        likes = (leaf for leaf in _wanted(self.root) if isinstance(leaf, Like))
        return tuple(ident for like in likes for ident in like.ids)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked for, apart from an order."""
        return self.root is None

    @property
    def has_only_filters(self) -> bool:
        """Whether something is asked for, but neither `words` nor `likes` to rank it by."""
        return not (self.is_empty or self.words or self.likes)


def _wanted(node: Node | None) -> Iterator[Node]:
    """Yield the leaves that do not stand below a Not."""
    if isinstance(node, And | Or):
        for child in node.nodes:
            yield from _wanted(child)
    elif node is not None and not isinstance(node, Not):
        yield node


def _wrapped(node: Node, kinds: tuple[type, ...]) -> str:
    return f"({node})" if isinstance(node, kinds) else str(node)


def _quoted_if_needed(value: str) -> str:
    is_bare = _BARE_VALUE.fullmatch(value) is not None and not _is_noise(value)
    return value if is_bare else f'"{value}"'


def _is_noise(text: str) -> bool:
    """Whether a text is punctuation only and so stands for nothing."""
    return all(char in string.punctuation or category(char)[0] in "CPZ" for char in text)


@dataclass(frozen=True, slots=True)
class _Value:
    """What stands after the colon of a field, and where it stands."""

    query: str
    field: str
    text: str
    is_quoted: bool
    position: int

    def error(self, message: str, hint: str) -> QueryError:
        return QueryError(message, query=self.query, position=self.position, hint=hint)


def _read_text(value: _Value) -> Node:
    return (Phrase if value.is_quoted else Word)(value.text, value.field)


def _read_category(value: _Value) -> Node:
    if _CATEGORY.fullmatch(value.text) is None:
        hint = "Write cat:cs.LG, cat:cs.* or cat:hep-th."
        raise value.error(f"{value.text:.60} is not a category.", hint)
    return Category(value.text)


def _read_range(value: _Value) -> Node:
    first, dots, last = value.text.partition("..")
    start, end = _span(first, value), _span(last if dots else first, value)
    if start and end and start[0] > end[1]:
        hint = f"Write {value.field}:{last}..{first}."
        raise value.error(f"{value.field}:{value.text:.60} ends before it starts.", hint)
    name: Literal["date", "year"] = "year" if value.field == "year" else "date"
    return DateRange(name, start and start[0], end and end[1])


def _span(text: str, value: _Value) -> tuple[date, date] | None:
    """Return the first and the last day of a year, a month or a day; None for no text."""
    if not text:
        return None
    match = _DAY.fullmatch(text)
    if match is None or (value.field == "year" and match[2]):
        raise _bad_date(value)
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
    except ValueError as error:
        raise _bad_date(value) from error
    last = first.replace(month=month or 12)
    return first, last.replace(day=day or _days_in_month(last))


def _bad_date(value: _Value) -> QueryError:
    name = value.field
    hint = f"Write {name}:2024, {name}:2020..2022, {name}:2024.. or {name}:..2024"
    hint += "." if name == "year" else ", with months and days as 2024-05 and 2024-05-31."
    return value.error(f"{value.text:.60} is not a {name} or a range of them.", hint)


def _grain(start: date | None, end: date | None) -> int:
    """Return how many characters of an ISO date both ends need: 4, 7 or 10."""
    if (start and start.day != 1) or (end and end.day != _days_in_month(end)):
        return 10
    return 7 if (start and start.month != 1) or (end and end.month != 12) else 4  # noqa: PLR2004


def _days_in_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _read_exact(value: _Value) -> Node:
    """Return a Like or an Exact; a source and the prefix of an id are in lower case."""
    if value.field == "like":
        return _read_like(value)
    if value.field in _ID_PREFIXES:
        return Exact("id", f"{value.field}:{value.text}")
    text = value.text.lower() if value.field == "source" else _paper_id(value.text)
    return Exact(value.field, text)


def _read_like(value: _Value) -> Node:
    found = Like(",".join(_paper_id(ident.strip()) for ident in value.text.split(",")))
    if len(found.ids) > MAX_LIKES:
        raise value.error(
            f"like: takes {MAX_LIKES} papers at most.", "Leave out those that say least."
        )
    return found


def _paper_id(text: str) -> str:
    prefix, colon, rest = text.partition(":")
    return prefix.lower() + colon + rest if prefix.lower() in _ID_PREFIXES else text


def _read_choice(value: _Value) -> Node | str:
    """Return a Flag, or the name of an order for sort."""
    allowed, later = _CHOICES[value.field]
    text, hint = value.text.lower(), f"{value.field}: takes {', '.join(allowed)}."
    if text in later:
        why = f"This collection does not hold the data for {value.field}:{text}."
        raise value.error(f"Not yet: {why}", hint)
    if text not in allowed:
        raise value.error(f"{value.field}:{value.text:.60} is unknown.", hint)
    return text if value.field == "sort" else Flag(value.field, text)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the query language, as the user's reference and the hints show it."""

    name: str
    help: str
    example: str
    read: Callable[[_Value], Node | str] = field(repr=False, compare=False)


FIELDS: Final[tuple[Field, ...]] = (
    Field("author", "A word or a quoted name among the authors.", "author:hinton", _read_text),
    Field("title", "A word or a quoted phrase in the title.", 'title:"graph networks"', _read_text),
    Field("abstract", "A word or a quoted phrase in the abstract.", "abstract:robust", _read_text),
    Field("venue", "A word or a quoted phrase in the name of the venue.", "venue:ICML", _read_text),
    Field("cat", "A category, or an archive and all in it.", "cat:cs.*", _read_category),
    Field("date", "A day, month or year, or a range.", "date:2026-01..2026-03", _read_range),
    Field("year", "A year or a range of years.", "year:2020..2022", _read_range),
    Field("id", "The id of one paper.", "id:2503.11677", _read_exact),
    Field("doi", "The DOI of one paper.", "doi:10.1000/182", _read_exact),
    Field("source", "The source that a paper came from.", "source:arxiv", _read_exact),
    Field("is", "A state of the paper: withdrawn.", "is:withdrawn", _read_choice),
    Field("has", "What the record has: abstract, doi or arxiv.", "has:doi", _read_choice),
    Field("like", "Papers similar to these, by their ids.", "like:2503.11677,p12", _read_exact),
    Field("sort", "The order of the hits: relevance or date.", "sort:date", _read_choice),
    Field("arxiv", "The arXiv id of one paper.", "arxiv:2503.11677", _read_exact),
    Field("acl", "The ACL Anthology id of one paper.", "acl:2020.acl-main.1", _read_exact),
    Field("hf", "The Hugging Face id of one paper.", "hf:2503.11677", _read_exact),
    Field("openreview", "The OpenReview id of one paper.", "openreview:aBc_123", _read_exact),
    Field("pmid", "The PubMed id of one paper.", "pmid:31452104", _read_exact),
    Field("s2", "The Semantic Scholar id of one paper.", "s2:649def34f8be52c8", _read_exact),
)
_CHOICES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "is": (("withdrawn",), ()),
    "has": (("abstract", "doi", "arxiv"), ("code", "data", "model", "project", "summary")),
    "sort": (("relevance", "date"), ("trending", "cited")),
}
_BY_NAME: Final = {known.name: known for known in FIELDS}
_ID_PREFIXES: Final = frozenset({"acl", "arxiv", "hf", "openreview", "pmid", "s2"})
_HOLDS_PARENTHESES: Final = _ID_PREFIXES | {"id", "doi", "like"}
_ALSO_CALLED: Final = {
    "abs": "abstract", "after": "date", "au": "author", "before": "date", "by": "author",
    "category": "cat", "conference": "venue", "from": "date", "journal": "venue", "order": "sort",
    "similar": "like", "since": "date", "subject": "cat", "ti": "title", "until": "date",
}  # fmt: skip


def _unknown_field_hint(name: str) -> str:
    """Return the field that was probably meant, or all of them, and how to ask for the text."""
    near = difflib.get_close_matches(name.lower()[:30], _BY_NAME, n=1)
    meant = _ALSO_CALLED.get(name.lower()) or next(iter(near), None)
    guess = f"Did you mean {meant}:?" if meant else f"The fields are {', '.join(_BY_NAME)}."
    return f"{guess} To search for the text itself, put it in quotes."


class _Parser:
    """Reads a cleaned text from left to right in one pass; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.terms = 0
        self.sort: str | None = None

    def query(self) -> Query:
        root = self._either()
        if self._skip():
            raise self._error("This ) closes nothing.", self.at, "Add a ( or remove this one.")
        return Query(root, self.sort, self.text)

    def _either(self) -> Node | None:
        sides = [self._adjacent()]
        while self._skip() and self._run(_OPERATOR) == "OR":
            start, self.at = self.at, self.at + len("OR")
            sides.append(self._adjacent())
            if sides[-2] is None or sides[-1] is None:
                hint = 'For the word itself write "or" in small letters.'
                raise self._error("OR needs something on both sides.", start, hint)
        return _joined(Or, sides)

    def _adjacent(self) -> Node | None:
        nodes: list[Node | None] = []
        while self._skip() not in {"", ")"} and (operator := self._run(_OPERATOR)) != "OR":
            if operator == "AND":
                self.at += len(operator)
            else:
                nodes.append(self._signed())
        return _joined(And, nodes)

    def _signed(self) -> Node | None:
        """Read one node and the NOTs before it: two of them say nothing."""
        signs: list[int] = []
        while (char := self._skip()) == "-" or self._run(_OPERATOR) == "NOT":
            signs.append(self.at)
            self.at += 1 if char == "-" else len("NOT")
        if not signs:
            return self._simple(char)
        node = None if char in {"", ")"} or self._run(_OPERATOR) else self._simple(char)
        if node is None:
            raise self._error("Nothing to leave out here.", signs[-1], "Write -word or -(group).")
        if len(signs) % 2 == 0:
            return node
        return node.node if isinstance(node, Not) else Not(node)

    def _simple(self, char: str) -> Node | None:
        """Read a group or a term; None for what adds nothing to the tree, such as a sort."""
        if char == "(":
            return self._group()
        start = self.at
        node = self._phrase() if char in _QUOTES else self._word()
        self.terms += node is not None
        if self.terms > MAX_TERMS:
            message = f"A query can have {MAX_TERMS:,} terms at most."
            raise self._error(message, start, "Leave some words out.")
        return node

    def _group(self) -> Node | None:
        start, self.at = self.at, self.at + 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"Groups can be {MAX_DEPTH} deep at most."
            raise self._error(message, start, "Remove some parentheses.")
        node = self._either()
        if self._skip() != ")":
            raise self._error("This ( is never closed.", start, "Add a ) or remove this one.")
        self.at += 1
        self.depth -= 1
        return node

    def _phrase(self) -> Node | None:
        text = self._quoted()
        return None if _is_noise(text) else Phrase(text)

    def _word(self) -> Node | None:
        known = self._field()
        if known is not None:
            return self._fielded(known)
        raw = self._run(_WHOLE if self._run(_WHOLE_START) else _WORD)
        self.at += len(raw)
        return Word(_tidy(raw))

    def _field(self) -> Field | None:
        """Return the field that opens here, None when a colon is only punctuation."""
        name, colon, rest = self._run(_WORD).partition(":")
        known, after = _BY_NAME.get(name.lower()), self.at + len(name) + 1
        next_char = "" if rest else self.text[after : after + 1]
        if not colon or not name.isascii() or (next_char.isspace() and self.text[after:].strip()):
            return None
        if known is None and name.isalpha() and (_is_value(rest) or next_char in {*_QUOTES, "("}):
            raise self._error(f"There is no field {name:.60}:.", self.at, _unknown_field_hint(name))
        return known

    def _fielded(self, known: Field) -> Node | None:
        start, self.at = self.at, self.at + len(known.name) + 1
        value = self._value(known)
        if _is_noise(value.text):
            message = f"{known.name}: needs a value right after the colon."
            raise self._error(message, start, f"Write for example {known.example}.")
        read = known.read(value)
        if not isinstance(read, str):
            return read
        if self.depth or self.sort is not None:
            hint = "Keep one sort: at the end of the query."
            raise self._error("sort: can stand once, outside parentheses.", start, hint)
        self.sort = read
        return None

    def _value(self, known: Field) -> _Value:
        """Return what stands here, after the colon of a field, and step behind it."""
        start = self.at
        if self._run(_QUOTE):
            return _Value(self.text, known.name, self._quoted(), is_quoted=True, position=start)
        run = self._run(_WHOLE if known.name in _HOLDS_PARENTHESES else _WORD)
        self.at += len(run)
        text = run.strip(_EDGE) if known.read is _read_range else _stripped(run)
        return _Value(self.text, known.name, text, is_quoted=False, position=start)

    def _quoted(self) -> str:
        """Return the text of the quote that opens here, and step behind it."""
        close = _QUOTE.search(self.text, self.at + 1)
        if close is None:
            raise self._error("This quote is never closed.", self.at, 'Add a " or remove this one.')
        start, self.at = self.at + 1, close.end()
        return " ".join(self.text[start : close.start()].split())

    def _skip(self) -> str:
        """Step over space and punctuation; return the character that stands there, if any."""
        while True:
            self.at += len(self._run(_SKIP))
            word = self._run(_WORD)
            if not word or not _is_noise(word) or self._run(_OPENING_SIGN):
                return self.text[self.at : self.at + 1]
            self.at += len(word)

    def _run(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        return "" if match is None else match[0]

    def _error(self, message: str, position: int, hint: str) -> QueryError:
        return QueryError(message, query=self.text, position=position, hint=hint)


def _is_value(rest: str) -> bool:
    """Whether this, after a name and a colon, makes a field: not in "std::sort" or "https://x"."""
    return not _is_noise(rest) and not rest.startswith((":", "//"))


def _stripped(text: str) -> str:
    return text.lstrip(_EDGE).rstrip(_EDGE + ".")


def _tidy(raw: str) -> str:
    """Return a word without the punctuation around it; an operator becomes an ordinary word."""
    word = _stripped(raw)
    return word.lower() if word in _OPERATORS else word


def _joined(kind: type[And] | type[Or], nodes: Iterable[Node | None]) -> Node | None:
    """Return the nodes as one in normal form: None, the only node, or a flat And or Or."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, kind) else () if node is None else (node,))
    return kind(tuple(flat)) if len(flat) > 1 else next(iter(flat), None)


def parse(text: str) -> Query:
    """Return the query that a person typed.

    Raises `QueryError`, and nothing else, with the position of the fault in `text`: broken
    syntax, an unknown field or value, more than `MAX_LENGTH` characters, `MAX_TERMS` terms or
    `MAX_DEPTH` groups in each other.

    >>> parse("BERT: pre-training -survey year:2024..").words
    ('BERT', 'pre-training')
    """
    query = _Parser(_UNCLEAN.sub(" ", text)).query() if len(text) <= MAX_LENGTH else None
    # The canonical text can be a little longer, and it has to be readable again.
    if query is None or len(str(query)) > MAX_LENGTH:
        message = f"A query can have {MAX_LENGTH:,} characters at most."
        start = _UNCLEAN.sub(" ", text[:MAX_LENGTH])
        raise QueryError(message, query=start, position=len(start), hint="Leave some words out.")
    return query


def plain(text: str) -> Query:
    """Return a query of all the words of a text, with nothing interpreted; never raises.

    Made for pasted abstracts: quotes, parentheses, hyphens before a word and fields mean
    nothing. Everything after `MAX_PLAIN_LENGTH` characters is left out.
    """
    cleaned = _UNCLEAN.sub(" ", text[:MAX_PLAIN_LENGTH])
    words = (word for raw in _WORD.findall(cleaned) for word in _plain_words(raw))
    root = _joined(And, (Word(word) for word in words if not _is_noise(word)))
    return Query(root, text=cleaned)


# A citation in brackets says nothing of what is looked for: [12], [3, 7], (Smith et al., 2019).
_CITED: Final = re.compile(
    r"\[\s*\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\s*\]"
    r"|\((?:[^()\s][^()]{0,300}?[\s,])?(?:19|20)\d\d[a-z]?\)"
)
_SENTENCE: Final = re.compile(r"[.,;:?!](?:\s|$)")
_SYNTAX: Final = re.compile(
    rf"(?i:(?<![^\s(-])(?:{'|'.join(sorted(_BY_NAME.keys() - _HOLDS_PARENTHESES))}|like):[^\s])"
    r"|(?<!\S)(?:AND|NOT|OR)(?!\S)"
)


def is_prose(text: str) -> bool:
    """Return whether a text is a pasted one, to be read as it stands.

    It is long, has the punctuation of sentences, and neither a field nor an operator.
    """
    is_long = len(text) > PROSE and _SENTENCE.search(text) is not None
    return is_long and _SYNTAX.search(text) is None


def read(text: str) -> Query:
    """Return the query that was typed, or that a pasted text is; TeX is said in Unicode.

    Of prose nothing is interpreted, and what it cites is left out. Where everything is in
    capitals, AND, OR and NOT are words like the others. Raises `QueryError` for anything else that
    cannot be parsed.
    """
    said = readable(text)
    if _is_shouted(said):
        said = _OPERATOR_WORD.sub(lambda word: word[0].lower(), said)
    if not is_prose(said):
        return parse(said)
    query = plain(_CITED.sub(" ", said[:MAX_LENGTH]))
    # The canonical text has to be readable again.
    root = And(query.parts[:MAX_TERMS]) if len(query.parts) > MAX_TERMS else query.root
    return Query(root, text=query.text)


def _is_shouted(text: str) -> bool:
    """Whether a text is all capitals, and longer than a list of names between operators."""
    words = [w for w in text.split() if w not in _OPERATORS and any(map(str.isalpha, w))]
    return len(words) >= SHOUTED and text.upper() == text


def _plain_words(raw: str) -> list[str]:
    """Return the words in one run of characters: two where it looks like a field."""
    bare = raw.lstrip(_EDGE + "-")
    name, _, rest = bare.partition(":")
    is_unknown_field = name.isalpha() and _is_value(rest)
    if name.isascii() and (name.lower() in _BY_NAME or is_unknown_field):
        return [_tidy(piece.lstrip(_EDGE + "-")) for piece in bare.split(":")]
    return [_tidy(bare)]
