"""What a digest says: its subject, and its text as HTML and as plain text. Pure.

told(paper, base) -> what is told of a paper, in plain words
subject(issue), html(issue), text(issue) -> the same issue makes the same text

What is said of a paper is the same for all who get it, so it is made once; what differs, the links
that only one recipient has and why they get the paper, is put into it. The styles are
variables of the templates: a tool that inlines a style sheet would parse every mail anew.
"""

from __future__ import annotations

import re
import textwrap
from binascii import b2a_qp
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from broadsheet.delivery import dates
from broadsheet.delivery.letters import Words, schedule_in_words
from broadsheet.delivery.links import Links
from broadsheet.delivery.subscription import Choice, Item, Mark, Subscription
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.text import clean, readable
from broadsheet.papers.types import Paper
from broadsheet.search.roles import split_sentences

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LIMIT: Final = 100_000
"""Bytes of the HTML as it is sent; Gmail cuts what is longer than about 102 kB."""
COLUMNS: Final = 72
"""Columns of the plain text, but for links, which stay whole."""
NAMED: Final = 4
"""Authors who are all named; of more, the first three are."""

_NAME, _LINK, _LINE = 60, 600, 300
_ABSTRACT: Final = 4000
"""Characters of an abstract in which its first sentences are looked for."""
_NOTICES: Final = 6
_SUBJECT: Final = 150
_PAPERS: Final = 8192
"""So many papers are kept as they were last told."""

# What stands for what only one recipient has; no text has these, for all are made plain.
_MANAGE, _WHY, _PAPERS_HERE = "\x01", "\x02", "\x03"


@dataclass(frozen=True)
class Issue:
    """An issue of a subscription with what is needed to tell it.

    `number` is its row in the ledger, 0 for a preview; `name` its date, `2026-11-20`. `papers` has
    those of the choice that are still here, by their number in it. `house` is who sends.
    """

    subscription: Subscription
    number: int
    name: str
    choice: Choice
    papers: Mapping[int, Paper]
    links: Links
    house: str

    @cached_property
    def items(self) -> list[Item]:
        """What is told, in order: papers that are still here, once if they were merged since."""
        found: dict[int, Item] = {}
        for item in self.choice.items:
            if item.paper in self.papers:
                found.setdefault(self.papers[item.paper].id, item)
        return list(found.values())

    @cached_property
    def frame(self) -> Frame:
        """What stands round the papers."""
        return _framed(self)

    @property
    def day(self) -> date:
        """The day that the issue is of."""
        try:
            return date.fromisoformat(self.name)
        except ValueError:
            return self.choice.until

    @property
    def web(self) -> str:
        """The address of the web version, "" for a preview."""
        made = self.links.digest(self.subscription.handle, self.number)
        return made if self.number else ""


# ---------------------------------------------------------------------------- a paper in words


class Told(NamedTuple):
    """What is told of a paper: lines of plain text, and addresses, "" where there is none.

    `summary` is one sentence or two; `basis` says of what: `summary` or `abstract`.
    """

    title: str
    authors: str
    summary: str
    basis: str
    paper: str
    pdf: str
    code: str
    page: str
    is_withdrawn: bool


def plain(text: str, longest: int = _LINE) -> str:
    """Return a text on one line, TeX in Unicode, without what cannot be seen, cut at a word."""
    line = clean(readable(text))
    if not line.isprintable():
        line = " ".join("".join(c for c in line if c.isprintable()).split())
    return _cut(line, longest)


def _cut(line: str, longest: int) -> str:
    if len(line) <= longest:
        return line
    space = line.rfind(" ", longest // 2, longest)
    return line[: space if space > 0 else longest - 1].rstrip(" ,;:.") + "…"


@lru_cache(maxsize=_PAPERS)
def told(paper: Paper, base: str) -> Told:
    """Return what is told of a paper; `base` is the address of the house."""
    summary = _sentences(paper.summary)
    found = dict(_addresses(paper))
    return Told(
        plain(paper.title) or "Untitled",
        byline(paper.authors),
        summary or _sentences(paper.abstract),
        "summary" if summary else "abstract",
        found.get("abs", ""),
        found.get("pdf", ""),
        found.get("code", ""),
        f"{base}/paper/{format_paper_id(paper.id)}",
        paper.withdrawn,
    )


def byline(authors: Sequence[str]) -> str:
    """Return authors in few words: `A, B, C and 12 more`."""
    names = [name for author in authors[: NAMED + 1] if (name := plain(author, _NAME))]
    if len(authors) <= NAMED:
        return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return f"{', '.join(names[: NAMED - 1])} and {len(authors) - NAMED + 1:,} more"


def _sentences(text: str) -> str:
    """Return the first sentence of a text, and the second if both are short."""
    first, *rest = split_sentences(plain(text[:_ABSTRACT], _ABSTRACT)) or [""]
    both = f"{first} {rest[0]}" if rest else first
    return both if len(both) <= CUTS[0].summary else _cut(first, CUTS[0].summary)


_AT: Final[Mapping[str, tuple[str, str]]] = {
    "arxiv": ("https://arxiv.org/abs/{}", "https://arxiv.org/pdf/{}"),
    "acl": ("https://aclanthology.org/{}", "https://aclanthology.org/{}.pdf"),
    "openreview": (
        "https://openreview.net/forum?id={}",
        "https://openreview.net/pdf?id={}",
    ),
    "doi": ("https://doi.org/{}", ""),
}


def _addresses(paper: Paper) -> Iterator[tuple[str, str]]:
    """Yield kinds of addresses of a paper with one each; of two of a kind the latter is better."""
    for kind, address in reversed(paper.links):
        if kind in {"abs", "pdf", "code"} and (made := followed(address)):
            yield kind, made
    for namespace, value in reversed(paper.external_ids):
        page, pdf = _AT.get(namespace, ("", ""))
        # Whoever linked to a page of a paper chose it less well than who gave it an id.
        if page:
            yield "abs", page.format(_escaped(_NOT_IN_ID, value))
        if pdf and not any(kind == "pdf" for kind, _ in paper.links):
            yield "pdf", pdf.format(_escaped(_NOT_IN_ID, value))


def followed(address: str) -> str:
    """Return an address that may be followed, in ASCII; "" of any other than http and https."""
    if not address.isprintable() or not _FOLLOWED.fullmatch(address):
        return ""
    made = _escaped(_UNSAFE, address)
    return made if len(made) <= _LINK else ""


_FOLLOWED: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][^ ]*)?")
_UNSAFE: Final = re.compile(r"[^!-~]|[\"<>\\^`{|}]")
"""What stands in no address as it is (RFC 3986); a percent sign may be an escape."""
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9._~/:;()-]")


def _escaped(unsafe: re.Pattern[str], text: str) -> str:
    return unsafe.sub(
        lambda found: "".join(f"%{b:02X}" for b in found[0].encode("utf-8", "replace")), text
    )


# ---------------------------------------------------------------------------- words of an issue

MARKS: Final[Mapping[Mark, str]] = {
    "": "",
    "updated": "Updated since you had it",
    "late": "Came late, so it was in no issue yet",
    "earlier": "Announced earlier, rising now",
}


def subject(issue: Issue) -> str:
    """Return the subject: the day, how many papers, and the title of the first."""
    day = dates.in_words(issue.day, issue.subscription.wishes.language, "medium")
    items = issue.items
    if not items:
        return plain(f"{day} · Nothing new · {plain(issue.choice.title)}", _SUBJECT)
    first = told(issue.papers[items[0].paper], issue.links.base).title
    return plain(f"{day} · {count(len(items))} · {first}", _SUBJECT)


def count(papers: int) -> str:
    """Return how many papers there are, in words."""
    return f"{papers:,} paper{'' if papers == 1 else 's'}"


@lru_cache(maxsize=_PAPERS)
def _why(mark: Mark, reasons: tuple[str, ...]) -> str:
    return " · ".join(filter(None, (MARKS[mark], *map(plain, reasons))))


def why(item: Item) -> str:
    """Return why a paper is in an issue, in one line."""
    return _why(item.mark, item.reasons)


class Frame(NamedTuple):
    """What stands round the papers, in words and addresses that are the same in both forms."""

    house: str
    base: str
    title: str
    day: str
    language: str
    span: str
    total: int
    glance: str
    notices: tuple[str, ...]
    more: str
    more_href: str
    because: str
    web: str
    unsubscribe: str


def _framed(issue: Issue) -> Frame:
    choice, wishes = issue.choice, issue.subscription.wishes
    base, items = issue.links.base, issue.items
    path = _escaped(_UNSAFE, choice.more_path)
    title = plain(choice.title, _LINE)
    return Frame(
        house=plain(issue.house, _NAME) or "Broadsheet",
        base=base,
        title=title,
        day=dates.in_words(issue.day, wishes.language),
        language=dates.written(wishes.language),
        span=dates.span(choice.first, choice.until, wishes.language),
        total=len(items),
        glance=" · ".join(told(issue.papers[i.paper], base).title for i in items[1:4]),
        notices=tuple(filter(None, map(plain, choice.notices[:_NOTICES]))),
        more=_more(choice.more) if choice.more else "",
        more_href=base + path if path.startswith("/") else "",
        because=f"You asked for this: {title}, {schedule_in_words(wishes)}.",
        web=issue.web,
        unsubscribe=issue.links.unsubscribe(issue.subscription.handle),
    )


def _more(papers: int) -> str:
    is_one = papers == 1
    return f"{papers:,} more paper{'' if is_one else 's'} match{'es' if is_one else ''}"


# ---------------------------------------------------------------------------- HTML


class Cut(NamedTuple):
    """How long the title of a paper, its authors, its summary and the reason may be."""

    title: int
    authors: int
    summary: int
    why: int


CUTS: Final = (
    Cut(300, 250, 420, 300),
    Cut(220, 180, 240, 200),
    Cut(160, 90, 120, 120),
    Cut(110, 60, 0, 80),
)
"""How much is told of each paper: the first by which all of an issue fit into the limit."""
TIGHT: Final = 2
"""From here on the styles of a paper stand in the head alone, which most mailboxes read."""


@lru_cache(maxsize=1)
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    made = Environment(
        loader=PackageLoader("broadsheet.delivery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.globals["head"] = _head
    return made


@lru_cache(maxsize=1)
def _head() -> Markup:
    from markupsafe import Markup  # noqa: PLC0415

    return Markup(_rendered("_head.html"))  # noqa: S704 (nothing in it comes from outside)


def html(issue: Issue) -> str:
    """Return an issue as HTML for mail: no script, nothing that is loaded, no longer than `LIMIT`.

    What does not fit even in few words is counted, and stands in the web version.
    """
    manage = issue.links.manage(issue.subscription.handle)
    frame = _whole_page(issue, manage)
    papers = _fitting(issue, manage, LIMIT - _weight(frame) - _TAIL)
    left = len(issue.items) - len(papers)
    if left:
        papers.append(_rendered("left.html", left=count(left), web=issue.web))
    return frame.replace(_PAPERS_HERE, "".join(papers).replace(_MANAGE, manage))


def letter_html(words: Words, house: str) -> str:
    """Return a letter about a subscription as HTML for mail."""
    return _rendered("letter.html", words=words, house=plain(house, _NAME))


_TAIL: Final = 600
"""Bytes kept free for the sentence about what did not fit."""


def _whole_page(issue: Issue, manage: str) -> str:
    return _rendered("digest.html", issue=issue.frame, manage=manage, papers=_PAPERS_HERE)


def _rendered(template: str, **facts: object) -> str:
    return _templates().get_template(template).render(**facts)


def _fitting(issue: Issue, manage: str, room: int) -> list[str]:
    """Return the papers of an issue as they all fit, or the first of them in the fewest words."""
    for level in range(len(CUTS)):
        made = [_item_html(issue, at, level) for at in range(len(issue.items))]
        sizes = list(accumulate(m.weight + 2 * len(manage) for m in made))
        if not sizes or sizes[-1] <= room:
            break
    return [m.text for m in made[: bisect_right(sizes, room)]]


def _item_html(issue: Issue, at: int, level: int) -> _Made:
    item = issue.items[at]
    made = _paper_html(issue.papers[item.paper], issue.links.base, level, is_first=not at)
    reason = _why_html(why(item), level)
    return _Made(made.text.replace(_WHY, reason.text), made.weight + reason.weight)


class _Made(NamedTuple):
    text: str
    weight: int


@lru_cache(maxsize=_PAPERS)
def _paper_html(paper: Paper, base: str, level: int, *, is_first: bool) -> _Made:
    said, cut = told(paper, base), CUTS[level]
    shown = said._replace(
        title=_cut(said.title, cut.title),
        authors=_cut(said.authors, cut.authors),
        summary=_cut(said.summary, cut.summary) if cut.summary else "",
    )
    made = _rendered(
        "paper.html", paper=shown, id=format_paper_id(paper.id), manage=_MANAGE, why=_WHY,
        basis=_BASES[said.basis], is_first=is_first and not level, is_tight=level >= TIGHT,
    )  # fmt: skip
    return _Made(made, _weight(made))


@lru_cache(maxsize=_PAPERS)
def _why_html(reason: str, level: int) -> _Made:
    if not reason:
        return _Made("", 0)
    said = _cut(reason, CUTS[level].why)
    made = _rendered("why.html", why=said, is_tight=level >= TIGHT)
    return _Made(made, _weight(made))


def _weight(text: str) -> int:
    """Return the bytes that a text takes as it is sent, in quoted-printable."""
    return len(b2a_qp(text.encode()))


# ---------------------------------------------------------------------------- plain text

_INDENT: Final = " " * 5
_LABEL: Final = 7


def text(issue: Issue) -> str:
    """Return an issue in plain text, with the same links, for a terminal of 72 columns."""
    frame, items = issue.frame, issue.items
    manage = issue.links.manage(issue.subscription.handle)
    lines = [*_heading(frame), *_notices(frame)]
    for place, item in enumerate(items, 1):
        made = _paper_text(issue.papers[item.paper], issue.links.base)
        reason = why(item)
        lines += ("", f"{place:>3}. " + made.replace(_WHY, _why_text(reason) if reason else ""))
    if not items:
        lines += ("", "Nothing new this time.")
    lines += _ending(frame, manage)
    return "\n".join(lines).replace(_MANAGE, manage) + "\n"


def _heading(frame: Frame) -> list[str]:
    lines = [frame.house.upper(), *_wrapped(frame.title), frame.day]
    said = f"{count(frame.total)}, announced {frame.span}" if frame.total else frame.span
    return [*lines, said, "-" * COLUMNS]


def _notices(frame: Frame) -> list[str]:
    return [line for notice in frame.notices for line in ("", *_wrapped(f"Note: {notice}"))]


def _ending(frame: Frame, manage: str) -> list[str]:
    more = ("", f"{frame.more}:", frame.more_href) if frame.more and frame.more_href else ()
    links = (
        ("Web version", frame.web), ("Change", manage), ("Pause", f"{manage}#pause"),
        ("Skip the next", f"{manage}#skip"), ("Unsubscribe", frame.unsubscribe),
    )  # fmt: skip
    return [
        *more, "", "-" * COLUMNS, *_wrapped(frame.because), "",
        *(f"{name + ':':<15}{href}" for name, href in links if href),
        "", f"Sent by {frame.house}", frame.base,
    ]  # fmt: skip


def _wrapped(line: str, first: str = "", indent: str = "") -> list[str]:
    return textwrap.wrap(
        line, COLUMNS, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )


@lru_cache(maxsize=_PAPERS)
def _paper_text(paper: Paper, base: str) -> str:
    """Return a paper in lines, the first without its indent."""
    said = told(paper, base)
    about = f"{_BASES[said.basis]} {said.summary}" if said.summary else ""
    title = f"{said.title} (withdrawn)" if said.is_withdrawn else said.title
    lines = [line for part in (title, said.authors, about) for line in _indented(part)]
    links = (
        ("Paper", said.paper), ("PDF", said.pdf), ("Code", said.code), ("Page", said.page),
        ("Save", f"{_MANAGE}/save/{format_paper_id(paper.id)}"),
        ("Less", f"{_MANAGE}/less/{format_paper_id(paper.id)}"),
    )  # fmt: skip
    told_links = [f"{_INDENT}{name + ':':<{_LABEL}}{href}" for name, href in links if href]
    return "\n".join((*lines, _WHY + told_links[0], *told_links[1:])).removeprefix(_INDENT)


_BASES: Final = {"summary": "Summary:", "abstract": "From the abstract:"}


def _indented(line: str) -> list[str]:
    return _wrapped(line, _INDENT, _INDENT)


@lru_cache(maxsize=_PAPERS)
def _why_text(reason: str) -> str:
    return "".join(f"{line}\n" for line in _indented(f"Why here: {reason}"))
