"""Invented papers as arXiv's OAI interface says them, and a fake of that interface.

`Said` is what arXiv knows of a paper; `raw`, `structured` and `dublin_core` write it in the three
formats, `kaggle` as a line of the snapshot. `papers` invents as many as are wanted, for tests of
speed as well. `Interface` is a route for `Loopback` that answers as arXiv does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from loopback import Reply, Request, xml

TEXT = (
    "we show that small models of tidal water follow sparse gradients under weak assumptions and "
    "improve on earlier bounds for noisy graphs with attention over long windows of moored sensors"
)
WORDS = TEXT.split()
NAMES = ("Ada Example", "Boris Sample", "Chen Third", "D. E. Fourth", "Fran{\\c c}ois Fifth")


@dataclass(frozen=True)
class Said:
    """What arXiv knows of a paper; `versions` are the times of its versions."""

    id: str = "2611.00001"
    title: str = "Tides of Sparse\n  Gradients"
    abstract: str = "  We show that tides\nfollow gradients.\n"
    people: tuple[tuple[str, str, str], ...] = (("Example", "Ada", ""), ("Sample", "Boris", "Jr"))
    categories: str = "cs.LG stat.ML"
    versions: tuple[datetime, ...] = (datetime(2026, 11, 17, 12, 0, 6, tzinfo=UTC),)
    datestamp: str = "2026-11-18"
    more: dict[str, str] = field(default_factory=dict)
    """Other elements of arXivRaw, such as `comments` and `journal-ref`."""
    kinds: tuple[str, ...] = ()
    """The source types of the versions, such as `D`; `I` is that of a withdrawal."""

    @property
    def authors(self) -> str:
        """All names in one string, as arXivRaw has them."""
        return ", ".join(f"{first} {last} {suffix}".strip() for last, first, suffix in self.people)

    @property
    def sets(self) -> list[str]:
        """The sets that the paper is in."""
        return [spec(category) for category in self.categories.split()]


def spec(category: str) -> str:
    """Return the set of a category."""
    archive, dot, _ = category.partition(".")
    group = archive if archive in {"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"} else ""
    tail = f":{category.partition('.')[2]}" if dot else ""
    return f"{group or 'physics'}:{archive}{tail}"


def mail_date(moment: datetime) -> str:
    """Return a time as arXivRaw writes it."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def record(said: Said, metadata: str) -> str:
    """Return a record with its header."""
    sets = "".join(f"<setSpec>{s}</setSpec>" for s in said.sets)
    return (
        f"<record><header><identifier>oai:arXiv.org:{said.id}</identifier>"
        f"<datestamp>{said.datestamp}</datestamp>{sets}</header>"
        f"<metadata>{metadata}</metadata></record>"
    )


def _elements(pairs: dict[str, str]) -> str:
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in pairs.items())


def raw(said: Said) -> str:
    """Return a record in `arXivRaw`."""
    kinds = said.kinds or ("D",) * len(said.versions)
    history = "".join(
        f'<version version="v{n}"><date>{mail_date(m)}</date><size>{n}kb</size>'
        f"<source_type>{kind}</source_type></version>"
        for n, (m, kind) in enumerate(zip(said.versions, kinds, strict=True), 1)
    )
    head = _elements({"id": said.id, "submitter": "Ada Example"})
    body = _elements(
        {"title": said.title, "authors": said.authors, "categories": said.categories}
        | said.more
        | {"license": "http://creativecommons.org/licenses/by/4.0/", "abstract": said.abstract}
    )
    space = "http://arxiv.org/OAI/arXivRaw/"
    return record(said, f'<arXivRaw xmlns="{space}">{head}{history}{body}</arXivRaw>')


def structured(said: Said) -> str:
    """Return a record in `arXiv`."""
    people = "".join(
        "<author>"
        + _elements({"keyname": last, "forenames": first} | ({"suffix": end} if end else {}))
        + "<affiliation>Example Institute</affiliation></author>"
        for last, first, end in said.people
    )
    days = {"created": said.versions[0].date().isoformat()}
    if len(said.versions) > 1:
        days["updated"] = said.versions[-1].date().isoformat()
    body = _elements(
        {"title": said.title, "categories": said.categories}
        | said.more
        | {"license": "http://creativecommons.org/licenses/by/4.0/", "abstract": said.abstract}
    )
    head = _elements({"id": said.id} | days)
    space = "http://arxiv.org/OAI/arXiv/"
    return record(said, f'<arXiv xmlns="{space}">{head}<authors>{people}</authors>{body}</arXiv>')


def dublin_core(said: Said) -> str:
    """Return a record in `oai_dc`."""
    named = [f"http://arxiv.org/abs/{said.id}"]
    named += [said.more["journal-ref"]] if "journal-ref" in said.more else []
    named += [f"doi:{said.more['doi']}"] if "doi" in said.more else []
    texts = [said.abstract]
    texts += [f"Comment: {said.more['comments']}"] if "comments" in said.more else []
    days = dict.fromkeys(m.date().isoformat() for m in (said.versions[0], said.versions[-1]))
    pairs = [
        ("title", said.title),
        *(("creator", f"{f'{last} {end}'.strip()}, {first}") for last, first, end in said.people),
        ("subject", "Computer Science - Machine Learning"),
        *(("description", text) for text in texts),
        *(("date", day) for day in days),
        ("type", "text"),
        *(("identifier", text) for text in named),
    ]
    body = "".join(f"<dc:{name}>{escape(text)}</dc:{name}>" for name, text in pairs)
    spaces = (
        'xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    return record(said, f"<oai_dc:dc {spaces}>{body}</oai_dc:dc>")


def kaggle(said: Said) -> dict[str, Any]:
    """Return the paper as a line of Kaggle's snapshot."""
    return {
        "id": said.id,
        "submitter": "Ada Example",
        "authors": said.authors,
        "title": said.title,
        "comments": said.more.get("comments"),
        "journal-ref": said.more.get("journal-ref"),
        "doi": said.more.get("doi"),
        "report-no": said.more.get("report-no"),
        "categories": said.categories,
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "abstract": said.abstract,
        "versions": [
            {"version": f"v{n}", "created": mail_date(m)} for n, m in enumerate(said.versions, 1)
        ],
        "update_date": said.datestamp,
        "authors_parsed": [list(person) for person in said.people],
    }


def deleted(arxiv_id: str, day: str, sets: Sequence[str] = ("cs:cs:LG",)) -> str:
    """Return the record of a paper that was taken out."""
    specs = "".join(f"<setSpec>{s}</setSpec>" for s in sets)
    return (
        f'<record><header status="deleted"><identifier>oai:arXiv.org:{arxiv_id}</identifier>'
        f"<datestamp>{day}</datestamp>{specs}</header></record>"
    )


def envelope(inner: str, responded: str = "2026-11-19T05:00:00Z") -> bytes:
    """Return an answer with its envelope."""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>{responded}</responseDate>"
        f'<request verb="ListRecords">http://oaipmh.arxiv.org/oai</request>{inner}</OAI-PMH>'
    ).encode()


def page(
    records: Sequence[str], token: str | None = None, responded: str = "2026-11-19T05:00:00Z"
) -> bytes:
    """Return a page of a list; without a `token` it says nothing of more."""
    last = "" if token is None else f"<resumptionToken>{escape(token)}</resumptionToken>"
    return envelope(f"<ListRecords>{''.join(records)}{last}</ListRecords>", responded)


def error(code: str, text: str = "", responded: str = "2026-11-19T05:00:00Z") -> bytes:
    """Return an error, which comes with HTTP 200."""
    return envelope(f"<error code={quoteattr(code)}>{escape(text)}</error>", responded)


def papers(count: int, seed: int = 1, first: date = date(2026, 10, 1)) -> Iterator[Said]:
    """Yield invented papers as large as real ones, some of them with several versions."""
    random_ = random.Random(seed)
    for number in range(count):
        day = first + timedelta(days=number % 28)
        came = datetime(day.year, day.month, day.day, number % 24, number % 60, tzinfo=UTC)
        versions = [came + timedelta(days=9 * v) for v in range(random_.choice((1, 1, 1, 2, 3)))]
        words = random_.choices(WORDS, k=random_.randint(120, 230))
        lines = [" ".join(words[i : i + 11]) for i in range(0, len(words), 11)]
        yield Said(
            id=f"{day:%y%m}.{number:05}",
            title=f"On {' '.join(words[:5])} \n  {' '.join(words[5:9])} {number}",
            abstract="  " + "\n".join(lines) + "\n",
            people=tuple(
                (name.split()[-1], " ".join(name.split()[:-1]), "")
                for name in random_.choices(NAMES, k=random_.randint(1, 7))
            ),
            categories=random_.choice(("cs.LG stat.ML", "cs.CL", "cs.CV cs.LG eess.IV", "math.NA")),
            versions=tuple(versions),
            datestamp=(versions[-1].date() + timedelta(days=1)).isoformat(),
            more={"comments": "12 pages, 3 figures"}
            | ({"doi": f"10.5555/x.{number}"} if number % 3 == 0 else {}),
        )


@dataclass
class Interface:
    """A route that answers as arXiv's OAI interface: sets, dates, and tokens of one UTC day.

    `holds` may be changed between requests. `asked` are the arguments of all requests.
    """

    holds: list[Said]
    now: Callable[[], datetime]
    size: int = 3
    write: Callable[[Said], str] = raw
    gone: list[tuple[str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        """Return the answer to one request."""
        self.asked.append(request.query)
        return xml(self.answer(request.query))

    def answer(self, query: dict[str, str]) -> bytes:
        """Return the page that a request asks for."""
        responded = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if query["verb"] == "GetRecord":
            return self._one(query["identifier"].removeprefix("oai:arXiv.org:"), responded)
        skip, wanted = 0, query
        if token := query.get("resumptionToken"):
            day, place, since, until, name = token.split("|")
            if day != responded[:10]:
                return error("badResumptionToken", "expired", responded)
            skip, wanted = int(place), {"from": since, "until": until, "set": name}
        found = self._found(wanted)
        if not found:
            return error("noRecordsMatch", "", responded)
        shown = [text for _, text in found[skip : skip + self.size]]
        more = [wanted.get(k, "") for k in ("from", "until", "set")]
        following = "|".join([responded[:10], str(skip + self.size), *more])
        is_last = skip + self.size >= len(found)
        return page(shown, "" if is_last else following, responded)

    def _found(self, wanted: dict[str, str]) -> list[tuple[str, str]]:
        name, since = wanted.get("set", ""), wanted.get("from", "")
        until = wanted.get("until") or "9999"
        found = [
            (s.datestamp + s.id, self.write(s))
            for s in self.holds
            if since <= s.datestamp <= until
            and any(f"{one}:".startswith(f"{name}:") for one in s.sets)
        ]
        found += [(day + one, deleted(one, day)) for one, day in self.gone if since <= day <= until]
        return sorted(found)

    def _one(self, arxiv_id: str, responded: str) -> bytes:
        found = [self.write(s) for s in self.holds if s.id == arxiv_id]
        if not found:
            return error("idDoesNotExist", f"{arxiv_id} is unknown", responded)
        return envelope(f"<GetRecord>{found[0]}</GetRecord>", responded)
