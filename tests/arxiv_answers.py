"""Answers of arXiv about papers that do not exist, in the forms in which arXiv sends its own.

Every function is pure: what it renders follows from its arguments alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from html import escape
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from broadsheet.papers.categories import CATEGORIES

EASTERN = ZoneInfo("America/New_York")
Kind = Literal["new", "cross", "replace", "replace-cross"]
LICENCE = "http://creativecommons.org/licenses/by/4.0/"

_ATOM = (
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us"'
)
_RSS = (
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:atom="http://www.w3.org/2005/Atom"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0"'
)
_XML = "<?xml version='1.0' encoding='UTF-8'?>\n"


@dataclass(frozen=True, slots=True)
class EPrint:
    """An invented paper. `versions` are the moments (UTC) at which they were submitted.

    `categories` has the primary one first; `datestamp` is the ISO day of its last change, as OAI
    has it.
    """

    id: str
    title: str = "A paper that nobody wrote"
    abstract: str = "We show nothing at all, and prove it."
    authors: tuple[str, ...] = ("Ada Example", "Bo Sample")
    categories: tuple[str, ...] = ("cs.LG",)
    versions: tuple[datetime, ...] = (datetime(2026, 11, 17, 12, tzinfo=UTC),)
    datestamp: str = "2026-11-18"
    comment: str = ""
    journal_ref: str = ""
    doi: str = ""
    licence: str = LICENCE
    classes: Mapping[str, str] = field(default_factory=dict)
    """`msc-class`, `acm-class` and `report-no`, if it has them."""
    deleted: bool = False

    @property
    def version(self) -> int:
        """The number of its newest version."""
        return len(self.versions)

    def as_of(self, moment: datetime) -> EPrint:
        """Return the paper with the versions that had been submitted by then, at least one."""
        known = tuple(v for v in self.versions if v <= moment)
        return replace(self, versions=known or self.versions[:1])


def _e(text: str) -> str:
    return escape(text, quote=True)


def _optional(tag: str, text: str) -> str:
    return f"<{tag}>{_e(text)}</{tag}>" if text else ""


# ---------------------------------------------------------------------------------------------
# Feeds: https://rss.arxiv.org/atom/cs.LG and /rss/cs.LG
# ---------------------------------------------------------------------------------------------


def _terms(terms: Sequence[str], scheme: str = "") -> str:
    beside = f' scheme="{scheme}"' if scheme else ""
    return "".join(f'<category term="{_e(term)}"{beside}/>' for term in terms)


def announced_at(day: date) -> datetime:
    """Return the moment that a feed gives for the announcement of a day: midnight in New York."""
    return datetime.combine(day, time(), EASTERN)


def _built(day: date, built: datetime | None) -> datetime:
    return built or (announced_at(day) + timedelta(seconds=19)).astimezone(UTC)


def _summary(paper: EPrint, kind: str) -> str:
    return f"arXiv:{paper.id}v{paper.version} Announce Type: {kind} \nAbstract: {paper.abstract}"


def _beside(paper: EPrint, kind: str) -> str:
    """Return the elements that entries of both formats end in."""
    return (
        f"<arxiv:announce_type>{kind}</arxiv:announce_type>"
        f"{_optional('dc:rights', paper.licence)}"
        f"{_optional('arxiv:journal_reference', paper.journal_ref)}"
        f"{_optional('arxiv:DOI', paper.doi)}"
        f"<dc:creator>{_e(', '.join(paper.authors))}</dc:creator>"
    )


def atom_feed(
    papers: Sequence[tuple[EPrint, str]],
    day: date,
    *,
    categories: Sequence[str] = ("cs.LG",),
    built: datetime | None = None,
) -> bytes:
    """Return the Atom feed that announces each paper in its own kind (`new`, `cross`…).

    `categories` are those asked for; none of the papers gives the feed of a weekend.
    """
    at = announced_at(day).isoformat()
    made = _built(day, built).isoformat()
    about = ", ".join(categories)
    entries = "".join(
        f"<entry><id>oai:arXiv.org:{p.id}v{p.version}</id><title>{_e(p.title)}</title>"
        f"<updated>{made}</updated>"
        f'<link href="https://arxiv.org/abs/{p.id}" rel="alternate" type="text/html"/>'
        f"<summary>{_e(_summary(p, kind))}</summary>"
        f"{_terms(p.categories)}"
        f"<published>{at}</published>{_beside(p, kind)}</entry>\n"
        for p, kind in papers
    )
    link = f"http://rss.arxiv.org/atom/{'+'.join(categories)}"
    return (
        f"{_XML}<feed {_ATOM}><id>{link}</id><title>{about} updates on arXiv.org</title>"
        f'<updated>{made}</updated><link href="{link}" rel="self" type="application/atom+xml"/>'
        f"<subtitle>{about} updates on the arXiv.org e-print archive.</subtitle>\n{entries}</feed>"
    ).encode()


def rss_feed(
    papers: Sequence[tuple[EPrint, str]],
    day: date,
    *,
    categories: Sequence[str] = ("cs.LG",),
    built: datetime | None = None,
) -> bytes:
    """Return the RSS 2.0 feed that announces each paper in its own kind (`new`, `cross`…)."""
    at = format_datetime(announced_at(day))
    made = format_datetime(_built(day, built))
    about = ", ".join(categories)
    items = "".join(
        f"<item><title>{_e(p.title)}</title><link>https://arxiv.org/abs/{p.id}</link>"
        f"<description>{_e(_summary(p, kind))}</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{p.id}v{p.version}</guid>'
        f"{''.join(f'<category>{_e(c)}</category>' for c in p.categories)}"
        f"<pubDate>{at}</pubDate>{_beside(p, kind)}</item>\n"
        for p, kind in papers
    )
    link = f"http://rss.arxiv.org/rss/{'+'.join(categories)}"
    return (
        f"{_XML}<rss {_RSS}><channel><title>{about} updates on arXiv.org</title>"
        f"<link>{link}</link><description>{about} updates on the arXiv.org e-print archive."
        f'</description><atom:link href="{link}" rel="self" type="application/rss+xml"/>'
        "<docs>http://www.rssboard.org/rss-specification</docs><language>en-us</language>"
        f"<lastBuildDate>{made}</lastBuildDate>"
        "<managingEditor>rss-help@arxiv.org</managingEditor>"
        f"<pubDate>{at}</pubDate>"
        f"<skipDays><day>Sunday</day><day>Saturday</day></skipDays>\n{items}</channel></rss>"
    ).encode()


def feed_error(query: str, reason: str, day: date = date(2026, 11, 19)) -> bytes:
    """Return the feed that comes with HTTP 400 where a query names no category."""
    at = format_datetime(announced_at(day))
    link = f"http://rss.arxiv.org/rss/{query}"
    return (
        f"{_XML}<rss {_RSS}><channel><title>Feed error for query: {_e(link)}</title>"
        f"<link>{_e(link)}</link><description>{_e(reason)}</description>"
        f"<language>en-us</language><pubDate>{at}</pubDate></channel></rss>"
    ).encode()


# ---------------------------------------------------------------------------------------------
# New listings: https://arxiv.org/list/cs.LG/new
# ---------------------------------------------------------------------------------------------

_HEADS = {"new": "New", "cross": "Cross", "replace": "Replacement"}
_INDEX = {"new": "New submissions", "cross": "Cross-lists", "replace": "Replacements"}


def listing_page(
    category: str,
    day: date,
    new: Sequence[EPrint] = (),
    cross: Sequence[EPrint] = (),
    replaced: Sequence[EPrint] = (),
    *,
    skip: int = 0,
    show: int = 2000,
) -> bytes:
    """Return the page of new listings of a category, from entry `skip` on, at most `show`."""
    every = [("new", p) for p in new] + [("cross", p) for p in cross]
    every += [("replace", p) for p in replaced]
    totals = {"new": len(new), "cross": len(cross), "replace": len(replaced)}
    here = list(enumerate(every, 1))[skip : skip + show]
    paging = _paging(category, len(every), skip, show)
    sections = "".join(
        _section(section, totals[section], [(i, p) for i, (s, p) in here if s == section])
        for section in _HEADS
        if any(s == section for _, (s, _) in here)
    )
    name = CATEGORIES.get(category, category)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>{_e(name)}  </title>\n'
        "<script>var page = '<dt>no entry</dt>';</script></head><body>"
        f'<div class="header-breadcrumbs"><a href="/list/{category}/recent">{category}</a></div>'
        f"<div id='content-inner'><div id='dlpage'><h1>{_e(name)}</h1>\n"
        f"<ul>{_index(category, totals, skip, show)}</ul>"
        f'<p>See <a id="recent-{category}" aria-labelledby="recent-{category}"'
        f' href="/list/{category}/recent">recent</a> articles</p>\n'
        f"<h3>Showing new listings for {day:%A}, {day.day} {day:%B} {day.year}</h3>\n"
        f"{paging}{sections or '<p>No updates today.</p>'}{paging}</div></div></body></html>"
    ).encode()


def _index(category: str, totals: Mapping[str, int], skip: int, show: int) -> str:
    start = 1
    lines = []
    for section, total in totals.items():
        if total:
            page = (start - 1) // show * show
            at = "" if page == skip else f"/list/{category}/new?skip={page}&amp;show={show}"
            anchor = 0 if start == 1 else start
            lines.append(
                f'<li><a href="{at}#item{anchor}" rel="nofollow">{_INDEX[section]}</a></li>'
            )
        start += total
    return "\n".join(lines)


def _paging(category: str, total: int, skip: int, show: int) -> str:
    if not total:
        return ""
    spans = [
        f"<span>{at + 1}-{min(at + show, total)}</span>"
        if at == skip
        else f"<a href=/list/{category}/new?skip={at}&amp;show={show} rel='nofollow'>"
        f"{at + 1}-{min(at + show, total)}</a>"
        for at in range(0, total, show)
    ]
    pages = f" : {' '.join(spans)}" if total > show else ""
    return (
        f"<div class='paging'>Total of {total} entries {pages}</div>"
        f"<div class='morefewer'>Showing up to {show} entries per page: fewer | more | all</div>\n"
    )


def _section(section: str, total: int, entries: Sequence[tuple[int, EPrint]]) -> str:
    shown = len(entries)
    which = "" if shown == total else "first "
    return (
        f"<dl id='articles'><h3>{_HEADS[section]} submissions"
        f" (showing {which}{shown} of {total} entries)</h3>\n"
        f"{''.join(_entry(section, i, p) for i, p in entries)}</dl>\n"
    )


def _subject(category: str) -> str:
    return f"{_e(CATEGORIES.get(category, category))} ({category})"


def _entry(section: str, number: int, paper: EPrint) -> str:
    primary, *others = paper.categories
    kind = {"cross": f"(cross-list from {primary})", "replace": "(replaced)"}.get(section, "")
    people = ", ".join(
        f'<a href="https://arxiv.org/search/?searchtype=author&amp;query={quote(a)}"'
        f' rel="nofollow">{_e(a)}</a>'
        for a in paper.authors
    )
    comment = journal = abstract = ""
    if paper.comment:
        comment = (
            "<div class='list-comments mathjax'><span class='descriptor'>Comments:</span>\n"
            f"          {_e(paper.comment)}\n        </div>"
        )
    if paper.journal_ref:
        journal = (
            "<div class='list-journal-ref'><span class='descriptor'>Journal-ref:</span>\n"
            f"          {_e(paper.journal_ref)}\n        </div>"
        )
    if section != "replace":
        abstract = f"<p class='mathjax'>\n          {_e(paper.abstract)}\n        </p>"
    return (
        f"<dt>\n  <a name='item{number}'>[{number}]</a>\n"
        f'  <a href ="/abs/{paper.id}" title="Abstract" id="{paper.id}">\n    arXiv:{paper.id}\n'
        f'  </a>\n  {kind}\n  [<a href="/pdf/{paper.id}" title="Download PDF" id="pdf-{paper.id}"'
        f' aria-labelledby="pdf-{paper.id}">pdf</a>, <a href="/format/{paper.id}"'
        f' title="Other formats" id="oth-{paper.id}">other</a>]\n</dt>\n<dd><div class=\'meta\'>'
        "<div class='list-title mathjax'><span class='descriptor'>Title:</span>\n"
        f"          {_e(paper.title)}\n        </div>"
        f"<div class='list-authors'>{people}</div>{comment}{journal}"
        "<div class='list-subjects'><span class='descriptor'>Subjects:</span>\n"
        f'          <span class="primary-subject">{_subject(primary)}</span>'
        f"{''.join(f'; {_subject(c)}' for c in others)}</div>{abstract}</div></dd>\n"
    )


# ---------------------------------------------------------------------------------------------
# OAI-PMH: https://oaipmh.arxiv.org/oai
# ---------------------------------------------------------------------------------------------

_OAI = 'xmlns="http://www.openarchives.org/OAI/2.0/"'
_PHYSICS = (
    *("astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nlin"),
    *("nucl-ex", "nucl-th", "physics", "quant-ph"),
)


def set_of(category: str) -> str:
    """Return the OAI set of a category: `cs:cs:LG`, `physics:hep-th`, `physics:astro-ph:CO`."""
    archive, _, subject = category.partition(".")
    group = "physics" if archive in _PHYSICS else archive
    return f"{group}:{archive}:{subject}" if subject else f"{group}:{archive}"


def oai_page(
    papers: Sequence[EPrint],
    *,
    token: str = "",
    response_date: datetime = datetime(2026, 11, 19, 3, 40, tzinfo=UTC),
    prefix: str = "arXivRaw",
    verb: str = "ListRecords",
    arguments: Mapping[str, str] | None = None,
    is_last: bool = False,
) -> bytes:
    """Return a page of `ListRecords` (or the answer to `GetRecord`) in one of arXiv's formats.

    `token` goes on to the next page; with `is_last` there is the empty one that ends a list.
    """
    records = "".join(_oai_record(p, prefix) for p in papers)
    more = ""
    if token:
        midnight = datetime.combine(response_date.date() + timedelta(days=1), time())
        more = (
            f"<resumptionToken expires='{midnight:%Y-%m-%dT%H:%M:%SZ}'>{_e(token)}"
            "</resumptionToken>"
        )
    elif is_last:
        more = "<resumptionToken/>"
    given = {"verb": verb, "metadataPrefix": prefix, **(arguments or {})}
    return _oai(given, response_date, f"<{verb}>{records}{more}</{verb}>")


def oai_error(
    code: str,
    message: str = "",
    *,
    response_date: datetime = datetime(2026, 11, 19, 3, 40, tzinfo=UTC),
    arguments: Mapping[str, str] | None = None,
) -> bytes:
    """Return what OAI-PMH says, with HTTP 200, of a request that it cannot or need not answer."""
    given = {"verb": "ListRecords", **(arguments or {})}
    return _oai(given, response_date, f'<error code="{code}">{_e(message)}</error>')


def _oai(given: Mapping[str, str], response_date: datetime, inside: str) -> bytes:
    asked = "".join(f' {k}="{_e(v)}"' for k, v in given.items())
    return (
        f'{_XML}<OAI-PMH {_OAI} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<responseDate>{response_date.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</responseDate>"
        f"<request{asked}>http://oaipmh.arxiv.org/oai</request>{inside}</OAI-PMH>"
    ).encode()


def _oai_record(paper: EPrint, prefix: str) -> str:
    status = ' status="deleted"' if paper.deleted else ""
    sets = "".join(f"<setSpec>{set_of(c)}</setSpec>" for c in paper.categories)
    header = (
        f"<header{status}><identifier>oai:arXiv.org:{paper.id}</identifier>"
        f"<datestamp>{paper.datestamp}</datestamp>{sets}</header>"
    )
    body = {"arXivRaw": _raw, "arXiv": _structured, "oai_dc": _dublin}[prefix](paper)
    metadata = "" if paper.deleted else f"<metadata>{body}</metadata>"
    return f"<record>{header}{metadata}</record>\n"


def _ending(paper: EPrint) -> str:
    return (
        f"{_optional('comments', paper.comment)}"
        f"{''.join(_optional(k, v) for k, v in paper.classes.items())}"
        f"{_optional('journal-ref', paper.journal_ref)}{_optional('doi', paper.doi)}"
        f"{_optional('license', paper.licence)}<abstract>  {_e(paper.abstract)}\n</abstract>"
    )


def _raw(paper: EPrint) -> str:
    versions = "".join(
        f'<version version="v{n}"><date>{format_datetime(v.astimezone(UTC), usegmt=True)}</date>'
        "<size>812kb</size><source_type>D</source_type></version>"
        for n, v in enumerate(paper.versions, 1)
    )
    return (
        f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>{paper.id}</id>'
        f"<submitter>{_e(paper.authors[0])}</submitter>{versions}<title>{_e(paper.title)}</title>"
        f"<authors>{_e(_spoken(paper.authors))}</authors>"
        f"<categories>{' '.join(paper.categories)}</categories>{_ending(paper)}</arXivRaw>"
    )


def _spoken(authors: Sequence[str]) -> str:
    *first, last = authors
    return f"{', '.join(first)} and {last}" if first else last


def _structured(paper: EPrint) -> str:
    people = "".join(
        f"<author><keyname>{_e(last)}</keyname>{_optional('forenames', fore)}</author>"
        for fore, _, last in (a.rpartition(" ") for a in paper.authors)
    )
    # As arXiv does, both dates come from the current version's row.
    updated = f"<updated>{paper.versions[-1]:%Y-%m-%d}</updated>" if paper.version > 1 else ""
    return (
        f'<arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{paper.id}</id>'
        f"<created>{paper.versions[-1]:%Y-%m-%d}</created>{updated}<authors>{people}</authors>"
        f"<title>{_e(paper.title)}</title><categories>{' '.join(paper.categories)}</categories>"
        f"{_ending(paper)}</arXiv>"
    )


def _dublin(paper: EPrint) -> str:
    turned = (a.rpartition(" ") for a in paper.authors)
    people = "".join(
        f"<dc:creator>{_e(f'{last}, {fore}')}</dc:creator>" for fore, _, last in turned
    )
    days = dict.fromkeys(f"{v:%Y-%m-%d}" for v in (paper.versions[0], paper.versions[-1]))
    return (
        '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{_e(paper.title)}</dc:title>'
        f"{people}<dc:description>{_e(paper.abstract)}</dc:description>"
        f"{''.join(f'<dc:date>{d}</dc:date>' for d in days)}<dc:type>text</dc:type>"
        f"<dc:identifier>http://arxiv.org/abs/{paper.id}</dc:identifier></oai_dc:dc>"
    )


# ---------------------------------------------------------------------------------------------
# The query API: https://export.arxiv.org/api/query
# ---------------------------------------------------------------------------------------------


def query_answer(
    papers: Sequence[EPrint], *, total: int | None = None, start: int = 0, asked: str = ""
) -> bytes:
    """Return a page of an answer of the query API, in its form of 2026."""
    entries = "".join(map(_query_entry, papers))
    return _query_feed(entries, len(papers) if total is None else total, start, len(papers), asked)


def query_error(message: str) -> bytes:
    """Return the feed with one entry by which the query API says that a query is wrong."""
    about = f"https://arxiv.org/api/errors#{quote(message.replace(' ', '_'))}"
    entry = (
        f"<entry><id>{about}</id><title>Error</title><summary>{_e(message)}</summary>"
        f'<updated>2026-11-19T00:00:00Z</updated><link href="{about}" rel="alternate"'
        ' type="text/html"/><author><name>arXiv api core</name></author></entry>'
    )
    return _query_feed(entry, 1, 0, 1, "")


def _query_feed(entries: str, total: int, start: int, count: int, asked: str) -> bytes:
    return (
        f'{_XML}<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">'
        "<id>https://arxiv.org/api/aW52ZW50ZWQ</id>"
        f"<title>arXiv Query: {_e(asked)}</title><updated>2026-11-19T00:00:00Z</updated>"
        f"<opensearch:itemsPerPage>{count}</opensearch:itemsPerPage>"
        f"<opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>\n{entries}</feed>"
    ).encode()


def _query_entry(paper: EPrint) -> str:
    full = f"{paper.id}v{paper.version}"
    terms = (*paper.categories, *(v for k, v in paper.classes.items() if k.endswith("-class")))
    doi = ""
    if paper.doi:
        doi = f'<link href="https://doi.org/{_e(paper.doi)}" rel="related" title="doi"/>'
    return (
        f"<entry><id>http://arxiv.org/abs/{full}</id><title>{_e(paper.title)}</title>"
        f"<updated>{paper.versions[-1].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</updated>"
        f'<link href="https://arxiv.org/abs/{full}" rel="alternate" type="text/html"/>'
        f'<link href="https://arxiv.org/pdf/{full}" rel="related" type="application/pdf"'
        f' title="pdf"/>{doi}<summary>{_e(paper.abstract)}</summary>'
        f"{_terms(terms, 'http://arxiv.org/schemas/atom')}"
        f"<published>{paper.versions[0].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</published>"
        f"{_optional('arxiv:comment', paper.comment)}"
        f'<arxiv:primary_category term="{paper.categories[0]}"/>'
        f"{_optional('arxiv:journal_ref', paper.journal_ref)}{_optional('arxiv:doi', paper.doi)}"
        f"{''.join(f'<author><name>{_e(a)}</name></author>' for a in paper.authors)}</entry>\n"
    )
