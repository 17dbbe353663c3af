"""Tables, lines and progress bars for people at a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from broadsheet.collection.backup import Manifest
from broadsheet.collection.decisions import Decision
from broadsheet.collection.picks import Pick
from broadsheet.collection.runs import Reject, Run
from broadsheet.editions.edition import CameAgain, Day, Edition, Placed, Section
from broadsheet.editions.trending_list import Trending
from broadsheet.library import Report, Sheet, Status
from broadsheet.papers.duplicates import NearMiss
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Paper, PaperId
from broadsheet.search.deepening import DeepState
from broadsheet.search.engine import Hit, Page, Similar
from broadsheet.search.explaining import Row
from broadsheet.search.highlight import Marked

if TYPE_CHECKING:
    from broadsheet.collection.claims import Claim
    from broadsheet.collection.credentials import InvitationRow, TokenRow
    from broadsheet.collection.submissions import Submission
    from broadsheet.harvest.adding import Added
    from broadsheet.harvest.harvester import Report as HarvestReport
    from broadsheet.harvest.newsroom import Standing
    from broadsheet.harvest.reconcile import Reconciliation
    from broadsheet.readers.accounts import Listed
    from broadsheet.readers.submissions import Outcome
    from broadsheet.sources.base import Finding

_WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 110)
_console = Console(width=_WIDTH, highlight=False)


class Bar:
    """A progress bar on the error stream with rate and time left; silent where nobody looks."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def rename(self, name: str, shown: str) -> None:
        """Show `shown` in place of `name`, which stays the name to call it by."""
        if name in self._tasks:
            self._progress.update(self._tasks[name], description=escape(_safe(shown)))

    def show(self, name: str, done: int, size: int | None, count: int) -> None:
        """Show that `done` of `size` steps of `name` are done, `count` things in all."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(escape(name), total=size, rate="")
        task = self._tasks[name]
        elapsed = self._progress.tasks[task].elapsed or 0
        rate = f"{count:,} {self._unit}, {count / elapsed:,.0f}/s" if elapsed else ""
        self._progress.update(task, completed=done, total=size, rate=rate)


def _line(text: str | Text = "") -> None:
    _console.print(text, soft_wrap=True)


def _safe(text: str) -> str:
    """Return text of others without characters that could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def _marked(marked: Marked, style: str = "") -> Text:
    text = Text(style=style)
    for is_hit, part in marked.parts():
        text.append(_safe(part), style="bold underline" if is_hit else "")
    return text


def _byline(paper: Paper) -> str:
    authors = ", ".join(paper.authors[:4]) + (" and others" if len(paper.authors) > 4 else "")  # noqa: PLR2004
    parts = (authors, paper.venue, paper.day or str(paper.year or ""), " ".join(paper.categories))
    return _safe(" · ".join(p for p in parts if p))


def _indented(text: str | Text, width: int = 3) -> None:
    room = _WIDTH - width
    lines = (
        text.wrap(_console, room)
        if isinstance(text, Text)
        else [Text(part) for part in textwrap.wrap(text, room)]
    )
    for line in lines:
        _line(Text(" " * width) + line)


def _shortened(marked: Marked, words: int = 60) -> Marked:
    """Return about so many words of a text, begun shortly before the first mark."""
    text = marked.text
    first = marked.spans[0][0] if marked.spans else 0
    start = text.rfind(". ", 0, first) + 2 if first > 300 and ". " in text[:first] else 0  # noqa: PLR2004
    cut = text[start:].split(" ")
    body = " ".join(cut[:words])
    spans = tuple((s - start, e - start) for s, e in marked.spans if s >= start)
    inside = tuple(span for span in spans if span[1] <= len(body))
    return Marked(body + (" …" if len(cut) > words else ""), inside)


def _explained(rows: Sequence[Row]) -> None:
    """Print what a score is made of, part by part."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for row in rows:
        table.add_row(row.name, f"{row.added:.3f}", escape(_safe(row.made_of)))
    _console.print(Padding(table, (0, 0, 0, 3)))


def hits(found: Iterable[Hit], start: int = 1, *, explained: bool = False) -> None:
    """Print hits: title, who and when, the marked abstract, and why, in a table if wanted."""
    for number, hit in enumerate(found, start):
        head = Text(f"{number:>2} ", style="dim")
        _line(head + _marked(hit.title, "bold") + Text(f"  {format_paper_id(hit.paper.id)}", "dim"))
        if byline := _byline(hit.paper):
            _indented(Text(byline, style="dim"))
        if hit.abstract.text:
            _indented(_marked(_shortened(hit.abstract)))
        why = "; ".join(r.text for r in hit.reasons)
        _indented(Text(f"{hit.score:.3f}  {_safe(why)}", style="italic dim"))
        if explained:
            _explained(hit.made.rows())
        _line()


def similar(found: Similar, *, explained: bool = False) -> None:
    """Print the papers most like one, and what keeps them from being all that was asked for."""
    if found.notice:
        _line(Text(_safe(found.notice), style="dim"))
    hits(found.hits, explained=explained)


def page(found: Page, *, explained: bool = False) -> None:
    """Print a page of search results with its counts."""
    if found.notice:
        _line(Text(_safe(found.notice), style="dim"))
    for note in found.understood:
        exact = f" (only as typed: {note.query})" if note.query else ""
        _line(Text(_safe(note.text + exact), style="dim"))
    if not found.hits:
        _line("Nothing found. Fewer or other words, or --mode vector, may help.")
        return
    hits(found.hits, explained=explained)
    for name in ("source", "year", "category", "venue"):
        values = found.facets.get(name, [])[:6]
        if values:
            _line(Text(f"{name:>9} ", "dim") + _safe("  ".join(f"{v} {n:,}" for v, n in values)))
    _line(f"\n{found.total:,} papers in {found.took_ms} ms ({found.mode})")
    if found.next:
        _line(f"more: --cursor {found.next}")


_BASES = {
    "announced": "by day of announcement",
    "presumed": "by presumed day of announcement",
    "page": "by day of a saved page",
    "filed": "by the day they were filed here",
}
_CAME_AGAIN = {
    "listed": "listed again by {}",
    "page": "on a saved page of {}",
    "version": "new version, says {}",
    "cross": "cross-listed by {}",
}
_BRIEF = 3


def edition(found: Edition) -> None:
    """Print an edition: leads with their abstracts, then titles section by section."""
    _console.rule("[bold]B R O A D S H E E T[/bold]")
    bases = ", ".join(f"{n:,} {_BASES[b]}" for b, n in sorted(found.basis.items()))
    closed = "; closed" if found.is_closed and found.total else ""
    counted = f": {bases}{closed}" if found.total else ""
    _line(Text(found.period.title, "bold") + counted)
    if found.query:
        _line(_safe(f"narrowed to {found.query}"))
    _line()
    if found.silence:
        _line(found.silence)
        _nearest(found)
    for place in found.leads:
        _lead(place)
    for section in found.sections:
        _section(section)
    _came_again(found.again)


def _nearest(found: Edition) -> None:
    near = [d for d in (found.before, found.after) if d]
    if near:
        _line("The nearest days with papers: " + ", ".join(d.isoformat() for d in near))


def _lead(place: Placed) -> None:
    paper = place.paper
    _line(Text(_safe(paper.title), style="bold"))
    if byline := _byline(paper):
        _indented(Text(byline, style="dim"))
    _indented(_safe(_shortened(Marked(paper.abstract or paper.summary), 45).text))
    _indented(Text(_safe(f"{format_paper_id(paper.id)} · {_why(place)}"), style="dim"))
    _line()


def _why(place: Placed) -> str:
    """Return who picked a paper, and the reason of its place."""
    mark = f"{_picked(place.pick)} · " if place.pick else ""
    return f"{mark}{place.reason.text}"


def _picked(found: Pick) -> str:
    return f"picked by {found.by}" + (f": {found.note}" if found.note else "")


def picks(found: Sequence[Pick]) -> None:
    """Print what curators picked for editions."""
    rows = [(p.day, format_paper_id(p.paper), p.by, p.at[:10], p.note) for p in found]
    _table(("day", "paper", "picked by", "on", "note"), rows)


def _section(section: Section) -> None:
    _line(Text(_safe(section.label), "bold") + Text(f"  {section.total:,}", "dim"))
    for place in section.places[:_BRIEF]:
        paper = place.paper
        _indented(
            Text(_safe(paper.title))
            + Text(_safe(f"  {format_paper_id(paper.id)} · {_why(place)}"), "dim")
        )
    _line()


def _came_again(again: Sequence[CameAgain]) -> None:
    if again:
        _line(Text("Came again", "bold"))
    for found in again:
        how = _CAME_AGAIN[found.kind].format(found.note)
        known = f"  {format_paper_id(found.paper.id)} · {how}; first on {found.paper.edition}"
        _indented(Text(_safe(found.paper.title)) + Text(_safe(known), "dim"))


def calendar(days: Sequence[Day]) -> None:
    """Print how many papers each day holds, and why others hold none."""
    rows = [(d.day.isoformat(), f"{d.day:%a}", f"{d.papers:,}", d.silence or "") for d in days]
    _table(("day", "", "papers", "why none"), rows, "papers")


def trending(found: Trending) -> None:
    """Print what is trending: each paper with its score and what that is made of."""
    window = "" if found.view == "hot" else f", {found.window}"
    _line(Text(f"{found.view.capitalize()}{window}", "bold") + f" at {found.at:%Y-%m-%d %H:%M} UTC")
    if found.query:
        _line(_safe(f"narrowed to {found.query}"))
    if not found.places:
        _line("No source has counted anything for these papers by then.")
    for number, place in enumerate(found.places, 1):
        _line(Text(f"{number:>2}. ") + Text(_safe(place.paper.title), "bold"))
        told = "; ".join(place.reasons)
        known = f"{format_paper_id(place.paper.id)} · {place.score:.2f} · {told}"
        _indented(Text(_safe(known), "dim"), 4)


def readers(found: Sequence[Listed]) -> None:
    """Print accounts, as admins see them."""
    rows = [
        (
            held.name, held.shown, held.email or "", held.role,
            "" if held.state == "active" else held.state, held.joined[:10], (seen or "")[:10],
        )
        for held, seen in found
    ]  # fmt: skip
    _table(("name", "shown as", "address", "role", "", "joined", "last here"), rows)


def invitations(found: Sequence[InvitationRow]) -> None:
    """Print invitations that nobody has used yet."""
    rows = [(row.id[:12], row.email, row.role, row.made[:10], row.ends[:10]) for row in found]
    _table(("invitation", "address", "role", "made", "ends"), rows)


def tokens(found: Sequence[TokenRow]) -> None:
    """Print API tokens, without what lets anybody in."""
    rows = [
        (str(t.id), t.name, ", ".join(t.scopes), t.made[:10], (t.used or "")[:10]) for t in found
    ]
    _table(("no.", "token", "scopes", "made", "last used"), rows, "no.")


def decisions(found: Sequence[Decision]) -> None:
    """Print decisions by hand, newest first."""
    rows = [
        (
            str(d.id), d.kind, format_paper_id(d.paper), format_paper_id(d.other), d.made[:10],
            d.undone[:10] if d.undone else "", d.note,
        )
        for d in found
    ]  # fmt: skip
    _table(("no.", "what", "paper", "other", "made", "undone", "note"), rows, "no.")


def submitted(made: Outcome) -> None:
    """Print what became of a wish to submit a paper."""
    if made.paper is not None:
        what = "is here already" if made.state == "here" else "was added"
        _line(f"{format_paper_id(made.paper)} {what}")
    elif made.state == "waiting":
        _line(f"Submission {made.number} waits for a curator.")
    elif made.candidates:
        _line("It may be one of these: submit it by its id, or enter yours by hand with --new.")
    else:
        _line(_safe(f"Not found: {made.reason}. It can be entered by hand: --title, --author, …"))
    for one in made.candidates:
        facts = [", ".join(one.authors), one.year, "here already" if one.paper else ""]
        _line(_safe(f"  {one.what}  {one.title} ({'; '.join(f for f in facts if f)})"))


def submissions(found: Sequence[Submission]) -> None:
    """Print what was submitted, newest first."""
    rows = [
        (
            str(s.id), s.at[:10], s.name, s.state, format_paper_id(s.paper) if s.paper else "",
            s.title or s.asked, s.reason,
        )
        for s in found
    ]  # fmt: skip
    _table(("no.", "day", "by", "is", "paper", "what", "reason"), rows, "no.")


def claims(found: Sequence[Claim]) -> None:
    """Print who says that they are authors of papers, newest first."""
    rows = [
        (
            str(c.id), c.at[:10], c.name, c.state, c.how, format_paper_id(c.paper), c.author,
            c.title, c.note,
        )
        for c in found
    ]  # fmt: skip
    columns = ("no.", "day", "reader", "is", "by", "paper", "author", "title", "note")
    _table(columns, rows, "no.")


def claim(made: Claim) -> None:
    """Print how a claim stands."""
    paper = format_paper_id(made.paper)
    _line(_safe(f"Claim {made.id}: {made.name} as {made.author} of {paper}: {made.state}"))


def near_misses(found: Sequence[NearMiss]) -> None:
    """Print pairs of papers that may be one, with the evidence."""
    for pair in found:
        for paper in (pair.one, pair.other):
            known = f"  {format_paper_id(paper.id)} {paper.year or ''} {', '.join(paper.sources)}"
            _line(Text(_safe(paper.title), "bold") + Text(_safe(known), "dim"))
        _indented(Text(_safe(f"{pair.score:.2f} · {' · '.join(pair.reasons)}"), "dim"))
        _line()
    _line(
        f"{len(found):,} pairs. `broadsheet merge A B` makes them one, `broadsheet apart A B` not."
    )


def sheet(found: Sheet) -> None:
    """Print all that is known of a paper."""
    paper = found.paper
    _line(Text(_safe(paper.title), style="bold"))
    _line(_safe(", ".join(paper.authors)))
    _line()
    for label, text in (("", paper.abstract), ("Summary: ", paper.summary)):
        if text:
            _indented(_safe(label + text), 0)
            _line()
    for name, value in _facts(paper).items():
        _line(Text(f"{name:>12}  ", "dim") + _safe(value))
    for saved, position in found.places:
        _line(
            Text("        page  ", "dim") + _safe(f"{saved.name}, {saved.day_seen}, no. {position}")
        )
    for filed in found.records:
        record = filed.record
        said = f"{record.source}:{record.key}, seen {filed.first_seen[:10]}"
        _line(Text("      record  ", "dim") + _safe(said))


def _facts(paper: Paper) -> dict[str, str]:
    facts = {
        "id": format_paper_id(paper.id),
        "year": str(paper.year or ""),
        "announced": paper.announced or "",
        "submitted": paper.submitted or "",
        "updated": paper.updated or "",
        "published": paper.published or "",
        "venue": paper.venue,
        "categories": " ".join(paper.categories),
        "keywords": ", ".join(paper.keywords),
        "comment": paper.comment,
        "ids": " ".join(map(str, paper.external_ids)),
        "links": " ".join(url for _, url in paper.links),
        "withdrawn": "yes" if paper.withdrawn else "",
    }
    return {name: value for name, value in facts.items() if value}


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: str = "") -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers.split() else "left")
    for row in rows:
        table.add_row(*(Text(_safe(cell)) for cell in row))
    _console.print(table)


def rejects(total: int, found: Sequence[Reject]) -> None:
    """Print what was set aside."""
    if not found:
        _line("Nothing was set aside.")
        return
    for reject in found:
        _line(_safe(f"{reject.source}:{reject.place}: {reject.reason}"))
        _line(Text(f"   {_safe(reject.excerpt[:90])}", style="dim"))
    _line(
        f"\n{total:,} set aside"
        + (f", the newest {len(found):,} shown" if total > len(found) else "")
    )


def report(found: Report) -> None:
    """Print what a check found."""
    _line(f"{found.papers:,} papers, {found.records:,} source records, change {found.sequence:,}")
    for name, value in found.held.items():
        _line(Text(f"{name:>9}  ", "dim") + f"{value}")
    for problem in found.problems:
        _line(Text(f"wrong: {problem}", style="bold red"))
    if not found.problems:
        _line("record and index agree")


def deep_in_words(found: DeepState) -> str:
    """Return how far the deep tier has come, and how fast."""
    done = f"{found.embedded:,} of {found.papers:,} papers, {found.model}"
    if found.rate is None or found.left_s is None:
        return done
    left = timedelta(seconds=round(found.left_s))
    return f"{done}; {found.rate:,.1f} a second, {left} left"


def deep(found: DeepState | None) -> None:
    """Print how the deep tier stands."""
    if found is None:
        _line("The deep tier is off: `broadsheet deepen --model NAME_OR_FOLDER` switches it on.")
        return
    _line(deep_in_words(found))
    if found.embedded >= found.papers:
        _line("Every paper is embedded.")
    elif found.rate is None:
        _line("Nobody is at work: `broadsheet serve` embeds beside its other work, `--now` now.")
    if found.trouble:
        _line(Text("! ", "bold") + _safe(found.trouble))


def status(found: Status) -> None:
    """Print what the collection holds, how it does, and what a person should know of."""
    held, index = found.held, found.index
    megabytes = {name: f"{size / 1e6:,.1f} MB" for name, size in found.sizes.items()}
    facts = {
        "Broadsheet": f"{found.version}, schema {found.schema}",
        "home": str(found.home),
        "papers": f"{held.papers:,} of {held.records:,} records",
        "days": f"{held.days:,}" + (f", {held.first_day} to {held.last_day}" if held.days else ""),
        "set aside": f"{held.rejects:,} records",
        "decisions": f"{held.decisions:,} by hand",
        "index": f"{index.text:,} of {index.last:,} changes, {index.model}",
        "deep tier": "off" if found.deep is None else deep_in_words(found.deep),
        "on disk": ", ".join(f"{name} {size}" for name, size in megabytes.items()),
        "last backup": found.last_backup or "none",
        "digests": ", ".join(f"{n:,} {state}" for state, n in found.mail.digests.items()) or "none",
    }
    for name, value in facts.items():
        _line(Text(f"{name:>12}  ", "dim") + _safe(value))
    _line()
    sources = [(s.source, f"{s.records:,}", s.last_changed[:10]) for s in held.sources]
    _table(("source", "records", "last change"), sources, "records")
    _line()
    _table(("day", "papers"), [(d.day, f"{d.papers:,}") for d in found.days], "papers")
    _line()
    _table(("run", "began", "outcome", "what"), [_run_row(r) for r in found.runs[:10]])
    _line()
    for warning in found.warnings:
        _line(Text("! ", "bold") + _safe(warning))
    if not found.warnings:
        _line("Nothing is wrong.")


def _run_row(run: Run) -> tuple[str, str, str, str]:
    counts = ", ".join(f"{name} {n:,}" for name, n in run.counts.items() if n)
    return run.source, run.started, run.outcome, run.reason or counts


def runs(found: Sequence[Run]) -> None:
    """Print runs, newest first, with what came of them."""
    _table(("run", "began", "outcome", "what"), [_run_row(r) for r in found])
    if not found:
        _line("Nothing was imported or harvested yet.")


def standings(found: Sequence[Standing]) -> None:
    """Print the sources: which are enabled, what they do, and when they ran and are due."""
    rows = [
        (
            s.name,
            "on" if s.is_enabled else "off",
            s.title,
            _when(s.last.started if s.last else None),
            s.last.outcome if s.last else "",
            s.next_due.strftime("%m-%d %H:%M") if s.next_due else "",
            _key(s),
        )
        for s in found
    ]
    _table(("source", "", "what", "last run", "outcome", "next (UTC)", "key"), rows)
    if not any(s.is_enabled for s in found):
        _line("\nNone is enabled: `broadsheet sources --on arxiv --on hf` enables two.")


def _when(time: str | None) -> str:
    return time[5:16].replace("T", " ") if time else "never"


def _key(found: Standing) -> str:
    if not found.key_variable:
        return "none needed"
    return "known" if found.has_key else f"none in {found.key_variable}"


def findings(found: Mapping[str, Sequence[Finding]]) -> None:
    """Print field by field whether live answers are as expected."""
    for name, fields in found.items():
        wrong = [f for f in fields if not f.is_well]
        verdict = f"{len(wrong)} of {len(fields)} differ" if wrong else "all as expected"
        _line(Text(f"{name}: {verdict}", "bold"))
        for field in fields:
            mark = Text("  ok  " if field.is_well else "  !!  ", "" if field.is_well else "bold")
            _line(mark + _safe(f"{field.field}: {field.says}"))


def harvested(found: Sequence[HarvestReport]) -> None:
    """Print what came of harvests, and of the parts that did not go well."""
    for report in found:
        _line(Text(f"{report.source}: ", "bold") + _safe(report.reason))
        for part in report.parts:
            if part["error"]:
                _line(Text("  " + _safe(f"{part['part']}: {part['error']}"), "dim"))
    if not found:
        _line("Nothing is due.")


def added(found: Sequence[Added], titles: Mapping[PaperId, str]) -> None:
    """Print what became of wishes to add papers."""
    for wish in found:
        if wish.paper is not None:
            _line(_safe(f"{format_paper_id(wish.paper)}  {titles[wish.paper]}  ({wish.reason})"))
            continue
        _line(_safe(f"{wish.wanted}: not added: {wish.reason}"))
        for record in wish.candidates:
            ids = ", ".join(map(str, record.external_ids))
            _line(Text("    " + _safe(f"{record.title}  {ids}"), "dim"))


def reconciled(found: Sequence[Reconciliation]) -> None:
    """Print listings beside what is held, a line each."""
    from broadsheet.harvest.reconcile import in_words  # noqa: PLC0415 (only here)

    for each in found:
        _line(_safe(in_words(each)))
    if not found:
        _line("No listing of these days was harvested.")


def backup(found: Manifest, what: str) -> None:
    """Print what a backup holds, and what became of it."""
    papers, records = found.counts.get("papers", 0), found.counts.get("records", 0)
    _line(_safe(f"{what}: {papers:,} papers, {records:,} records, change {found.sequence:,}"))
    _line(Text(_safe(f"as of {found.made}, schema {found.schema}, by {found.version}"), "dim"))


def settings(rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Print the settings."""
    _table(("setting", "value", "from", "what it is"), rows)


def figures(found: Mapping[str, Any]) -> None:
    """Print how well one mode of search does on one set."""
    _table(list(found), [[_figure(v) for v in found.values()]], " ".join(found))


def _figure(value: float | str | None, form: str = ".3f") -> str:
    if value is None:
        return ""
    return f"{value:{form}}" if isinstance(value, float) else str(value)


def compared(found: Mapping[str, Any]) -> None:
    """Print what each tier achieves on each set, and the differences with their intervals."""
    for each in found["skipped"]:
        _line(Text(_safe(f"skipped {each['set']}: {each['reason']}"), "dim"))
    if not found["sets"]:
        _line("There is no judged set.")
        return
    if len(found["sets"]) == 1:
        _measured(found["sets"][0])
    else:
        _side_by_side(found)
    _differences(found)


def _measured(judged: Mapping[str, Any]) -> None:
    """Print all measures of the tiers on one set."""
    _line(_safe(f"{judged['set']}: {judged['docs']:,} documents, {judged['queries']:,} queries\n"))
    names = list(next(iter(judged["tiers"].values())))
    rows = [
        (tier, *(_figure(v, ".1f" if m.startswith("ms") else ".3f") for m, v in values.items()))
        for tier, values in judged["tiers"].items()
    ]
    _table(("tier", *names), rows, " ".join(names))


def _side_by_side(found: Mapping[str, Any]) -> None:
    """Print one measure of all tiers on all sets, with the times of all sets together."""
    tiers, measure = found["tiers"], found["measure"]
    rows = [
        (s["set"], f"{s['queries']:,}", *(_figure(s["tiers"][t][measure]) for t in tiers))
        for s in found["sets"]
    ]
    means = found["means"]
    rows.append(("mean", "", *(_figure(means[t][measure]) for t in tiers)))
    rows += [
        (name, "", *(_figure(means[t][name], ".1f") for t in tiers))
        for name in ("ms_p50", "ms_p99")
    ]
    _numbers((measure, "queries", *tiers), rows)


def _differences(found: Mapping[str, Any]) -> None:
    _line("\nDifferences, and between what 95 of 100 resamples of the queries put them")
    rows, last = [], ""
    for each in found["differences"]:
        pair = f"{each['tier']} - {each['over']}"
        made = [f"{each[name]:+.3f}" for name in ("difference", "low", "high")]
        rows.append(("" if pair == last else pair, each["set"], *made))
        last = pair
    _table(("tiers", "set", found["measure"], "low", "high"), rows, f"{found['measure']} low high")


def _numbers(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of which all columns but the first are numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, name in enumerate(columns):
        table.add_column(_safe(name), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(Text(_safe(cell)) for cell in row))
    _console.print(table)


def perturbed(found: Mapping[str, Any]) -> None:
    """Print what becomes of known items when their queries are written otherwise."""
    rows = [
        (r["set"], r["kind"], f"{r['changed']:,}", f"{r['were']:,}",
         *(_figure(r[name]) for name in ("kept", "mrr_before", "mrr_after")))
        for r in found["rows"]
    ]  # fmt: skip
    _table(
        ("set", "what is changed", "queries", "found", "kept", "mrr", "after"),
        rows,
        "queries found kept mrr after",
    )


def saved_pages(found: Mapping[str, Any]) -> None:
    """Print how much of saved pages each tier brings back."""
    _line(f"{found['papers']:,} papers, {found['on_pages']:,} of them on the pages\n")
    depths = list(found["rows"][0]["found"]) if found["rows"] else []
    rows = [
        (
            f"{r['page']} {r['words']} ({r['on_page']})", r["tier"],
            *(_figure(n, ".1f") for n in r["found"].values()),
            _figure(r["ap"]), _figure(r["ap_among_pages"]),
        )
        for r in found["rows"]
    ]  # fmt: skip
    _numbers(("page", "tier", *depths, "ap", "ap among pages"), rows)


def identity(found: Mapping[str, Any]) -> None:
    """Print how labelled pairs of records came out, and some of the errors."""
    _line(f"{found['records']:,} records, {found['papers']:,} papers\n")
    rows = [[str(v) for v in row.values()] for row in found["labels"]]
    _table(("label", "pairs", "found", "merged", "apart"), rows, "pairs found merged apart")
    _line(f"\nprecision {found['precision']}  recall of `same` {found['recall']}\n")
    for error in found["errors"]:
        _line(_safe(f"{error['label']}, but {error['made']}: {error['one']}  {error['other']}"))
        _indented(Text(_safe(error["title"]), "dim"))


def foretold(found: Mapping[str, Any]) -> None:
    """Print how each formula's order of new papers agrees with each later signal."""
    _line(f"{found['papers']:,} papers of {found['days']:,} days, seen within hours\n")
    rows = [[each[k] for k in ("later", "papers", "with_some", "what")] for each in found["later"]]
    _table(
        ("later", "papers", "some", "what it is"),
        [[_figure(cell, ",") for cell in row] for row in rows],
        "papers some",
    )
    for (later, within, since), group in groupby(
        found["rows"], lambda r: (r["later"], r["within"], r["since"])
    ):
        each = list(group)
        compared = "together" if within == "all" else f"within a {within}"
        from_then = f" since {since}" if since else ""
        said = f"{each[0]['papers']:,} papers, {each[0]['pairs']:,} pairs differ"
        _line("")
        _line(Text(_safe(f"{later}, compared {compared}{from_then}: {said}"), "bold"))
        _numbers(
            ("", "in order", "tau-b", "over upvotes", "P@10", "over upvotes"),
            [_foretold_row(r) for r in each],
        )


def _foretold_row(row: Mapping[str, Any]) -> list[str]:
    order, between = _figure(row["in_order"]["value"]), _between(row["in_order"], ".2f")
    cells = [row["formula"], f"{order} ({between})" if between else order]
    for measure in ("tau", "precision"):
        cells.append(_figure((row[measure] or {}).get("value")))
        is_plain = row["formula"] == "upvotes"
        cells.append("" if is_plain else _between(row[f"{measure}_over"] or {}, "+.2f"))
    return cells


def _between(found: Mapping[str, float | None], form: str) -> str:
    low, high = (found.get(end) for end in ("low", "high"))
    return "" if low is None else f"{_figure(low, form)} to {_figure(high, form)}"


def budgets(found: Mapping[str, Any]) -> None:
    """Print what `bench` measured against the budgets."""
    _line(f"{found['papers']:,} papers, {found['text']}\n")
    rows = [
        (
            r["what"],
            r["measured"],
            r["budget"],
            "" if r["ok"] is None else "ok" if r["ok"] else "MISSED",
        )
        for r in found["rows"]
    ]
    _table(("what", "measured", "budget", ""), rows, "measured budget")
