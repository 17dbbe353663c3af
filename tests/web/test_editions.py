"""The pages of editions: what stands on them, where they lead, and that they stay small."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.editions.calendar import day_of, month_of
from broadsheet.editions.edition import Day
from broadsheet.errors import SearchIndexError
from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from broadsheet.web import calendars, front
from broadsheet.web.app import create_app
from web.invented import FULL, LONG, PRESS, SCRIPT, now, raising
from web.reading import TAGS, Reading, read

TUESDAY = "/2026/03/17"


def hrefs(page, start="/"):
    """Return the addresses on a page that begin with `start`."""
    return [a["href"] for a in page.links if a["href"].startswith(start)]


def rel(page, name):
    """Return the link of a kind, such as next; None if there is none."""
    return next((a["href"] for a in page.links if a.get("rel") == name), None)


@pytest.fixture
def at(press):
    """Return a function that gives a client whose clock stands at another moment."""

    def made(moment):
        return TestClient(create_app(press, clock=lambda: moment), follow_redirects=False)

    return made


# ---------------------------------------------------------------------------- the front page


def test_front_page_is_the_newest_edition(reader):
    """A day without papers shows the newest that has some, and says why and which it is."""
    page = read(reader, "/")

    assert "Tuesday, 17 March 2026" in page.text
    assert (
        "No papers for today, Wednesday, 18 March 2026. Nothing was filed for this day."
        in page.text
    )
    assert TUESDAY in hrefs(page)
    assert page.tags.count("h1") == 1


def test_front_page_of_a_day_with_papers_is_that_day(at):
    """When today has papers there is nothing to explain."""
    page = read(at(datetime(2026, 3, 17, 9, tzinfo=UTC)), "/")

    assert "70 papers by day of announcement" in page.text
    assert "No papers for today" not in page.text


def test_front_page_before_the_first_paper_shows_the_next(at):
    """A clock that is behind all papers gets the first edition there is."""
    page = read(at(datetime(2020, 1, 1, 9, tzinfo=UTC)), "/")

    assert "No papers for today, Wednesday, 1 January 2020" in page.text
    assert "This is the next edition, of Tuesday, 4 November 2025" in page.text


def test_front_page_can_be_narrowed_for_every_day(reader):
    """A bookmark of the narrowed front page stays one: its form leads to itself."""
    page = read(reader, "/?q=cat:cs.CL+-survey")
    form = next(f for f in page.forms if f.get("action") != "/search")

    assert form["action"] == "/"
    assert "/" in hrefs(page)
    assert "that match cat:cs.CL -survey" in page.text


def test_empty_collection_says_how_to_begin(empty_client):
    """Without papers the front page shows the command that files some."""
    page = read(empty_client, "/")

    assert "0 papers" in page.text
    assert "broadsheet import" in page.text


# ---------------------------------------------------------------------------- one edition


def test_edition_tells_how_many_and_by_which_day(reader):
    """The page says how many papers, by which of their days, and that the day is not over."""
    page = read(reader, TUESDAY)

    assert "70 papers by day of announcement. This edition is open" in page.text
    assert page.text.startswith("Tuesday, 17 March 2026 · Broadsheet")


def test_edition_by_the_day_of_filing(client):
    """Papers that no source dated stand by the day they were filed, and the page says so."""
    assert "1 paper by day of filing here" in read(client, "/2026/03/18").text


def test_leads_have_abstract_and_reason(reader, press):
    """The papers with most votes lead, with the abstract and the votes as the reason."""
    page = read(reader, TUESDAY)
    first = press.editions.edition(month_of(date(2026, 3, 17))).leads[0].paper

    assert first.title in page.text
    assert "90 upvotes" in page.text
    assert "This is what we know of" in page.text


def test_sections_show_some_and_lead_to_all(reader, press):
    """Each topic has its name, its total, some papers, and a link to all of them."""
    page = read(reader, TUESDAY)
    total = press.editions.listing(day_of(date(2026, 3, 17)), "cs.CL").total

    assert f"Computation and Language (cs.CL) All {total} of Comp" in page.text
    assert f"{TUESDAY}?section=cs.CL" in hrefs(page)


def test_whole_section_is_paged(reader, press):
    """Following the pages of a section meets each of its papers once, in the order of reading."""
    listing = press.editions.listing(day_of(date(2026, 3, 17)), "cs.CL")
    seen, url = [], f"{TUESDAY}?section=cs.CL"
    while url:
        page = read(reader, url)
        assert f"{listing.total} papers, in the order of the edition" in page.text
        seen += hrefs(page, "/paper/")
        url = rel(page, "next")

    assert seen == [f"/paper/p{p.paper.id}" for p in listing.places]
    assert 20 < len(seen) == listing.total


def test_papers_that_came_again_are_named_not_repeated(reader, press):
    """A paper of Monday that was listed on Tuesday again stands there in words, with its day."""
    page = read(reader, TUESDAY)
    title = next(r.title for r in PRESS if r.again)

    assert f"{title} listed again by arxiv, 17 March; first Monday, 16 March 2026" in page.text
    assert page.text.count(title) == 1
    assert title in read(reader, "/2026/03/16").text


def test_ways_lead_to_the_nearest_days_with_papers(reader):
    """Before and after are editions that hold something: empty days are stepped over."""
    monday, wednesday = read(reader, "/2026/03/16"), read(reader, "/2026/03/11")

    assert (rel(monday, "prev"), rel(monday, "next")) == ("/2026/03/11", TUESDAY)
    assert (rel(wednesday, "prev"), rel(wednesday, "next")) == ("/2025/11/04", "/2026/03/16")
    assert rel(read(reader, TUESDAY), "next") is None
    assert "Tuesday, 4 November 2025" in wednesday.text


def test_day_week_month_and_year_lead_to_each_other(reader):
    """From each kind of edition there is a way to the others round the same days."""
    for url in (TUESDAY, "/2026/w12", "/2026/03"):
        found = set(hrefs(read(reader, url)))
        assert {TUESDAY, "/2026/w12", "/2026/03", "/2026"} <= found


def test_empty_day_says_why_and_what_is_near(reader):
    """A Saturday says that it is one, and leads to the days around it."""
    page = read(reader, "/2026/03/14")

    assert "Saturday: arXiv lists nothing on weekends." in page.text
    assert (
        "The nearest days with papers: Wednesday, 11 March 2026 and Monday, 16 March" in page.text
    )
    assert (rel(page, "prev"), rel(page, "next")) == ("/2026/03/11", "/2026/03/16")


def test_days_of_a_week_and_a_month_are_counted(reader):
    """A week and a month name each of their days with what it holds."""
    week, month = read(reader, "/2026/w12"), read(reader, "/2026/03")

    assert "Mon 16 7 Tue 17 70 Wed 18 : nothing was filed for this day" in week.text
    assert "Week 12 of 2026, 16 to 22 March" in week.text
    assert "Wed 11 4" in month.text
    assert "81 papers" in month.text


def test_calendar_says_what_each_day_holds(reader):
    """In the calendar days with papers are links, and the others say why they are none."""
    page = read(reader, TUESDAY)

    assert "17 : 70 papers" in page.text
    assert "14 : Saturday: arXiv lists nothing on weekends" in page.text
    assert "Saturday: arXiv lists nothing on weekends" in page.titles
    assert {"/2026/03/11", "/2026/03/16", "/2026/w11"} <= set(hrefs(page))


def test_year_is_a_calendar(reader):
    """A year shows all its months, and leads to the years that hold papers."""
    page = read(reader, "/2026")

    assert "81 papers in the editions of this year" in page.text
    assert page.tags.count("table") == 12
    assert {"/2026/03", TUESDAY, "/2025"} <= set(hrefs(page))
    assert rel(read(reader, "/2025"), "next") == "/2026"
    assert rel(read(reader, "/1950"), "next") == "/2025"


# ---------------------------------------------------------------------------- narrowing


def test_narrowed_edition_holds_what_matches(reader):
    """A query keeps the papers that match, says so, and can be taken off."""
    page = read(reader, f"{TUESDAY}?q=cat:cs.CL+-survey")
    sections = [parse_qs(urlsplit(u).query)["section"] for u in hrefs(page) if "section=" in u]

    expected = [r for r in PRESS if r.announced == FULL and "cs.CL" in r.categories]
    expected = [r for r in expected if "survey" not in r.title]
    assert f"{len(expected)} papers by day of announcement" in page.text
    assert "A survey of" not in page.text
    assert sections == [["cs.CL"]]
    assert TUESDAY in hrefs(page)


def test_ways_keep_the_narrowing(reader):
    """Who reads one subject goes on to the day before in the same subject."""
    page = read(reader, f"{TUESDAY}?q=cat:cs.LG")

    assert rel(page, "prev") == "/2026/03/16?q=cat%3Acs.LG"
    assert "7 papers" in read(reader, rel(page, "prev")).text


def test_nothing_matches_says_so(reader):
    """An edition in which nothing matches leads to the whole of it."""
    page = read(reader, f"{TUESDAY}?q=cat:math.GT")

    assert "Nothing matches No paper of this edition matches." in page.text
    assert TUESDAY in hrefs(page)


@pytest.mark.parametrize("url", ["/", TUESDAY, "/2026/w12", f"{TUESDAY}?section=cs.CL"])
def test_misread_narrowing_shows_the_place(reader, url):
    """A query that cannot be read is shown with a caret and its hint, and can be mended there."""
    sign = "&" if "?" in url else "?"
    answer = reader.get(f"{url}{sign}q=cat:cs.CL+auther:x")
    page = Reading(answer.text)

    assert answer.status_code == 400
    shown = re.search(r"<pre.*?</pre>", answer.text, re.DOTALL)[0]
    assert re.sub("<[^>]+>", "", shown).splitlines() == ["cat:cs.CL auther:x", " " * 10 + "^"]
    assert "Did you mean author:?" in page.text
    form = next(f for f in page.forms if f.get("action") != "/search")
    assert form["action"] == url.partition("?")[0]
    assert 'value="cat:cs.CL auther:x"' in answer.text


def test_long_narrowing_keeps_the_page_small(reader):
    """A pasted abstract as a query neither fails nor makes a page large."""
    for text in (LONG[:2000], "cat:cs.LG " * 900):
        read(reader, "/?" + "q=" + text.replace(" ", "+"))


def test_narrowing_without_an_index_says_so(reader, press, monkeypatch):
    """Without an index the edition itself stands; only narrowing it has to wait."""
    monkeypatch.setattr(press.index, "matching", raising(SearchIndexError("the index is damaged")))

    read(reader, TUESDAY)
    assert "the index is damaged" in read(reader, f"{TUESDAY}?q=cat:cs.LG+moon", 503).text


# ---------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("/2026/3/17", TUESDAY),
        ("/2026/3/7?q=moon", "/2026/03/07?q=moon"),
        ("/2026/W12", "/2026/w12"),
        ("/2026/w5", "/2026/w05"),
        ("/2026/W05", "/2026/w05"),
        ("/2026/3?section=cs.CL&page=2", "/2026/03?section=cs.CL&page=2"),
    ],
)
def test_every_edition_has_one_address(reader, url, there):
    """Other spellings of a date lead to the one that stays, with what was asked for."""
    answer = reader.get(url)

    assert (answer.status_code, answer.headers["location"]) == (308, there)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/2026/02/30", "February 2026 has 28 days."),
        ("/2026/w54", "2026 has 53 weeks."),
        ("/2025/w53", "2025 has 52 weeks."),
        ("/2026/13", "There is no month 13."),
        ("/2026/00/01", "There is no month 00."),
        ("/1066/10/14", "out of range"),
        ("/0000", "There is no edition of the year 0000."),
        ("/9999", "There is no edition of the year 9999."),
        ("/2026/3/17/4", "There is nothing at this address."),
        ("/20260", "There is nothing at this address."),
        ("/2026/w", "There is nothing at this address."),
        ("/٢٠٢٦", "There is nothing at this address."),
        (f"{TUESDAY}?section=cs.XX", "has no section “cs.XX”"),
        (f"{TUESDAY}?section=cs.CL&page=9", "not so many pages"),
    ],
)
def test_what_is_not_there_says_so(reader, url, said):
    """A day that no calendar has, and a section that no edition has, are errors with words."""
    assert said in read(reader, url, 404).text


@pytest.mark.parametrize("page", ["0", "x", "9" * 30])
def test_no_such_page_of_a_section(reader, page):
    """What is no number of a page is an error with words."""
    read(reader, f"{TUESDAY}?section=cs.CL&page={page}", 400)


@settings(deadline=None, max_examples=25)
@given(st.dates(date(1900, 1, 1), date(9998, 12, 27)))
def test_every_day_has_its_editions(press, day):
    """Any day, its week, month and year can be asked for."""
    found = TestClient(create_app(press, clock=now), follow_redirects=False)
    iso = day.isocalendar()
    urls = [f"/{day:%Y/%m/%d}", f"/{iso.year}/w{iso.week:02}", f"/{day:%Y/%m}", f"/{day.year}"]

    assert {found.get(u).status_code for u in urls} == {200}


def test_every_link_of_the_editions_leads_somewhere(reader):
    """Following the links from the front page meets no error and no large page."""
    seen, waiting = set(), ["/"]
    while waiting and len(seen) < 150:
        url = waiting.pop(0).partition("#")[0]
        if url in seen:
            continue
        seen.add(url)
        # What is somebody's own is told under names of ours alone.
        answer = reader.get(url, headers={"Host": "localhost"})
        assert answer.status_code in {200, 303}, url
        if answer.headers["content-type"].startswith("text/html"):
            assert len(answer.content) < 100_000
            waiting += [u for u in hrefs(Reading(answer.text)) if u not in seen]

    assert len(seen) > 50


# ---------------------------------------------------------------------------- size and safety


def test_hostile_papers_fill_no_edition(tmp_path):
    """Papers of many topics with endless titles and names leave the page under 100 kB."""
    records = [
        Record(
            "file", f"h{i}", f"{i} " + '"><&' * 90, abstract="<&>" * 400, announced="2026-03-17",
            authors=tuple('<b>&"' * 12 + str(n) for n in range(30)),
            categories=(f"{'&' * 50}{i % 90}",), venue="<&>" * 60,
        )
        for i in range(400)
    ]  # fmt: skip
    with open_library(tmp_path, clock=now) as library:
        for _ in library.file(records, source="hostile", counts=Counter()):
            pass
        client = TestClient(create_app(library, clock=now))
        for url in ("/", TUESDAY, "/2026/w12", "/2026/03", "/2026"):
            assert set(read(client, url).tags) <= set(TAGS.split())


def test_hostile_names_are_held_in(client):
    """A script as a category is words in the heading of its section and in its address."""
    for url in (TUESDAY, "/2026/w12", f"{TUESDAY}?section=more", f"{TUESDAY}?q={SCRIPT}"):
        page = Reading(client.get(url).text)
        assert set(page.tags) <= set(TAGS.split())
        assert not {a for a in page.attributes if a.startswith("on") or a in {"style", "src"}}


# ---------------------------------------------------------------------------- decisions


@given(st.lists(st.integers(0, 5000), min_size=365, max_size=365))
def test_marks_grow_with_what_a_day_holds(counts):
    """A fuller day never has a weaker mark, and only days without papers have none."""
    days = [
        Day(date(2026, 1, 1) + timedelta(n), papers, None if papers else "not yet")
        for n, papers in enumerate(counts)
    ]
    found = [c for m in calendars.months(days) for r in m.rows for c in r.cells if c]

    assert [c.day for c in found] == [d.day for d in days]
    ranked = sorted(found, key=lambda c: c.papers)
    assert [c.level for c in ranked] == sorted(c.level for c in found)
    assert all((c.level > 0) == (c.papers > 0) == (c.href is not None) for c in found)
    assert max(c.level for c in found) <= calendars.LEVELS


@pytest.mark.parametrize(
    ("day", "kind", "year", "words"),
    [
        (date(2026, 3, 17), "day", 2026, "Tuesday, 17 March"),
        (date(2026, 3, 17), "day", 2025, "Tuesday, 17 March 2026"),
        (date(2025, 12, 31), "week", 2026, "Week 1"),
        (date(2025, 12, 31), "week", 2025, "Week 1 of 2026"),
        (date(2026, 3, 17), "month", 2026, "March"),
        (date(2026, 3, 17), "month", 2027, "March 2026"),
    ],
)
def test_brief_titles_name_another_year(day, kind, year, words):
    """A link to another edition names the year only where it is another."""
    assert front.brief_title(front.period_of(kind, day), year) == words
