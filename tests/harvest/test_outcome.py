"""What a run came to: each outcome with the reason that people read, day by day of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.editions.calendar import announcements, silence
from broadsheet.harvest.outcome import PartReport, Verdict, expected_listing, judge, usual

# Of 2026, the 19th of November is a Thursday; its listing is announced at 01:00 UTC of that day.
WEDNESDAY, THURSDAY, FRIDAY = "2026-11-18", "2026-11-19", "2026-11-20"
DELAY_H = 5.0


def utc(text: str) -> datetime:
    """Return a moment written as "2026-11-19 07:00" in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MORNING = utc("2026-11-19 07:00")


def arxiv(
    *reports: PartReport,
    now: datetime = MORNING,
    covered: str | None = WEDNESDAY,
    until: date | None = None,
) -> Verdict:
    """Judge a run of arXiv, by default on a Thursday morning after Wednesday's papers."""
    return judge(
        reports,
        calendar="arxiv",
        now=now,
        covered=covered,
        title="arXiv",
        delay_h=DELAY_H,
        until=until,
    )


def oai(name: str = "cs:cs:LG", *, new: int = 0, **more: Any) -> PartReport:
    """Return a report of one set of OAI-PMH; `new` and other counts by name."""
    return _report(f"oai {name}", "oai", new, more)


def feed(new: int = 0, **more: Any) -> PartReport:
    """Return a report of the feed."""
    return _report("feed", "feed", new, more)


def plain(part: str, new: int = 0, **more: Any) -> PartReport:
    """Return a report of a part of a source with one route only."""
    return _report(part, "", new, more)


def _report(part: str, route: str, new: int, more: dict) -> PartReport:
    names = ("updated", "merged", "unchanged", "rejected")
    counts = {"new": new} | {n: more.pop(n) for n in names if n in more}
    return PartReport(part=part, counts=counts, route=route, **more)


# --- what was expected ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "delay_h", "expected"),
    [
        ("2026-11-19 00:59", 0, "2026-11-18"),
        ("2026-11-19 01:00", 0, "2026-11-19"),
        ("2026-11-19 05:59", 5, "2026-11-18"),
        ("2026-11-19 06:00", 5, "2026-11-19"),
        # In summer the announcement is an hour earlier.
        ("2026-07-15 00:00", 0, "2026-07-15"),
        ("2026-07-14 23:59", 0, "2026-07-14"),
        # From Friday's listing to Monday's.
        ("2026-11-22 12:00", 0, "2026-11-20"),
        ("2026-11-23 01:00", 0, "2026-11-23"),
        # Thanksgiving: no announcement on Thursday evening, so no listing of Friday.
        ("2026-11-27 12:00", 0, "2026-11-26"),
        ("2026-11-30 01:00", 0, "2026-11-30"),
        # The year's end: 31 December is silent, and 29 and 31 are named.
        ("2026-12-26 12:00", 0, "2026-12-25"),
    ],
)
def test_expected_listing(now, delay_h, expected):
    """The expected listing is the newest that was announced and has had its time."""
    assert expected_listing(utc(now), delay_h) == date.fromisoformat(expected)


def test_nothing_is_expected_before_arxiv_began():
    """A clock that stands in 1970 expects no listing and breaks nothing."""
    then = utc("1970-01-02 00:00")
    assert expected_listing(then) is None
    assert arxiv(oai(), now=then, covered=None).outcome == "nothing new"


@given(
    st.datetimes(datetime(2025, 1, 5), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.floats(0, 12),
)
def test_expected_listing_is_that_of_the_last_announcement(now, delay_h):
    """It is never silent, never announced later, and no other lies between."""
    day = expected_listing(now, delay_h)
    assert day is not None
    assert silence(day) is None
    moment = now - timedelta(hours=delay_h)
    (announced,) = announcements(day, day)
    assert announced <= moment
    assert all(a > moment for a in announcements(day + timedelta(1), day + timedelta(9)))


# --- new papers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (arxiv(oai(new=412)), "412 new papers of Thursday, 19 November 2026."),
        (arxiv(oai(new=1)), "1 new paper of Thursday, 19 November 2026."),
        (
            arxiv(oai(new=1412, updated=88)),
            "1,412 new papers of Thursday, 19 November 2026, 88 updated.",
        ),
        (
            arxiv(oai(new=412), covered=None),
            "412 new papers, up to those of Thursday, 19 November 2026.",
        ),
        (
            arxiv(oai(new=900), covered="2026-11-16"),
            "900 new papers of 3 listings, the last of Thursday, 19 November 2026.",
        ),
        # Moderators let some go late.
        (arxiv(oai(new=3), covered=THURSDAY), "3 new papers."),
        (
            arxiv(oai(new=5, rejected=2)),
            (
                "5 new papers of Thursday, 19 November 2026. 2 records could not be read and were "
                "set aside."
            ),
        ),
    ],
)
def test_new_papers(verdict, reason):
    """New papers are counted, with the listing that they are of."""
    assert (verdict.outcome, verdict.reason) == ("new", reason)


def test_a_backfill_names_no_day():
    """Old papers are not those of the newest listing, and nothing of it is covered by them."""
    verdict = arxiv(oai(new=5000), until=date(2015, 1, 31), covered=None)
    assert (verdict.reason, verdict.covered) == ("5,000 new papers.", None)
    again = arxiv(oai(unchanged=5000, usual=400), until=date(2015, 1, 31), covered=WEDNESDAY)
    assert again.reason == "Nothing new: all that was asked for is here already."
    assert (again.outcome, again.covered) == ("nothing new", WEDNESDAY)


def test_merged_records_are_no_new_papers():
    """Papers that another source brought before are counted, but not as new."""
    verdict = arxiv(oai(merged=400, usual=400))
    assert verdict.outcome == "nothing new"
    assert verdict.reason == "Nothing new: 400 papers came that were held already."
    assert verdict.covered == THURSDAY


# --- nothing new, and why ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "covered", "why"),
    [
        (
            "2026-11-21 12:00",
            FRIDAY,
            (
                "Saturday: arXiv lists nothing on weekends; the next listing is expected on "
                "Monday, 23 November"
            ),
        ),
        (
            "2026-11-22 12:00",
            FRIDAY,
            (
                "Sunday: arXiv lists nothing on weekends; the next listing is expected on "
                "Monday, 23 November"
            ),
        ),
        (
            "2026-11-27 12:00",
            "2026-11-26",
            (
                "Thanksgiving: arXiv announces nothing the evening before; the next listing is "
                "expected on Monday, 30 November"
            ),
        ),
        (
            "2026-07-06 12:00",
            "2026-07-03",
            (
                "Independence Day, kept on Friday: arXiv announces nothing on the Sunday after; "
                "the next listing is expected on Tuesday, 7 July"
            ),
        ),
        (
            "2026-11-19 09:00",
            THURSDAY,
            (
                "the papers of Thursday, 19 November are here already; the next listing is "
                "expected on Friday, 20 November"
            ),
        ),
        # Friday's listing is announced at 01:00 UTC, but its five hours are not over.
        (
            "2026-11-20 05:00",
            THURSDAY,
            (
                "the papers of Thursday, 19 November are here already; the next listing is "
                "expected on Friday, 20 November"
            ),
        ),
    ],
)
def test_nothing_new_is_explained_by_the_calendar(now, covered, why):
    """A weekend, a holiday by its name, and a listing that is here already are no bad signs."""
    verdict = arxiv(oai(usual=400), feed(day=covered), now=utc(now), covered=covered)
    assert (verdict.outcome, verdict.reason) == ("nothing new", f"Nothing new: {why}.")
    assert verdict.covered == covered


def test_a_small_category_has_quiet_days():
    """Where two papers are usual, a day without one is no bad sign."""
    verdict = arxiv(oai("math:math:HO", usual=2.2))
    assert verdict.outcome == "nothing new"
    assert verdict.reason == (
        "Nothing new: the listing of Thursday, 19 November brought nothing, which happens where "
        "about 2 a day are usual."
    )
    assert verdict.covered == THURSDAY


def test_a_feed_of_today_without_papers_is_believed():
    """Where nobody knows what is usual, an answer of the expected day explains itself."""
    verdict = arxiv(feed(day=THURSDAY))
    assert verdict.reason == "Nothing new: arXiv lists nothing of Thursday, 19 November."
    assert arxiv(feed()).outcome == "suspicious"


def test_no_parts():
    """A source that is told to harvest nothing says so."""
    verdict = arxiv()
    assert verdict.reason == "Nothing new: nothing is set up to be harvested."
    assert (verdict.outcome, verdict.covered) == ("nothing new", WEDNESDAY)


# --- suspicious -------------------------------------------------------------------------------


def test_a_stale_answer_is_suspicious():
    """Several hundred papers, all known, of a day before: the signature of a stale feed."""
    verdict = arxiv(plain("listing cs.AI", unchanged=212, day="2026-11-17"))
    assert (verdict.outcome, verdict.covered) == ("suspicious", WEDNESDAY)
    assert verdict.reason == (
        "Nothing new, and that is suspicious: listing cs.AI still shows the papers of 17 November "
        "(212 papers, all known), although a listing of 19 November was expected."
    )


def test_an_answer_of_the_day_need_not_bring_anything():
    """A listing shows what OAI-PMH has brought just before, as it should."""
    listing = _report("listing cs.AI", "listing", 0, {"unchanged": 190, "usual": 60.0})
    verdict = arxiv(oai(new=371, usual=380), listing._replace(day=THURSDAY))
    assert (verdict.outcome, verdict.parts["listing cs.AI"]) == ("new", "nothing new")
    assert verdict.reason == "371 new papers of Thursday, 19 November 2026."


def test_an_empty_feed_of_the_day_is_a_bad_sign():
    """A feed that says that it is of the expected day, and has nothing where 380 are usual."""
    verdict = arxiv(feed(day=THURSDAY, usual=380))
    assert verdict.outcome == "suspicious"
    assert "feed brought nothing, where 380 are usual" in verdict.reason


def test_a_feed_of_a_weekend_is_empty():
    """After a sleep until Sunday OAI-PMH brings Friday's papers, and the feed has none of them."""
    sunday = utc("2026-11-22 09:00")
    verdict = arxiv(oai(new=300, usual=380), feed(day="2026-11-22", usual=380), now=sunday)
    assert verdict.outcome == "new"
    assert verdict.reason == "300 new papers of 2 listings, the last of Friday, 20 November 2026."
    assert arxiv(oai(error=BUSY), feed(day="2026-11-22"), now=sunday).covered == WEDNESDAY


def test_what_is_awaited_is_counted_where_it_is_due():
    """One set was well before; the small one that failed brings nothing, which may be."""
    verdict = arxiv(
        oai(unchanged=371, usual=380, covered=THURSDAY),
        oai("math:math:HO", usual=2, covered=WEDNESDAY),
    )
    assert verdict.outcome == "nothing new"


def test_reasons_of_the_source_itself_are_told():
    """What a source says of its own staleness stands for what would be said of it here."""
    stale = ("cs.AI shows 200 of the 212 papers of yesterday.",)
    verdict = arxiv(feed(unchanged=212, day="2026-11-17", stale=stale))
    assert verdict.reason == (
        "Nothing new, and that is suspicious: cs.AI shows 200 of the 212 papers of yesterday, "
        "although a listing of 19 November was expected."
    )


def test_new_papers_do_not_hide_a_stale_category():
    """One stale category beside others that are well: suspicious, and the new are counted."""
    verdict = arxiv(
        oai(new=371, usual=380), oai("cs:cs:AI", unchanged=212, usual=200, covered=WEDNESDAY)
    )
    assert verdict.outcome == "suspicious"
    assert verdict.reason == (
        "371 new papers of Thursday, 19 November 2026, but something is suspicious: oai cs:cs:AI "
        "brought nothing (212 papers, all known), where 200 are usual, although a listing of "
        "19 November was expected."
    )
    assert verdict.parts == {"oai cs:cs:LG": "new", "oai cs:cs:AI": "suspicious"}
    # The whole is not covered, but what was well is not waited for again.
    assert verdict.covered == WEDNESDAY
    assert verdict.covers == {"oai cs:cs:LG": THURSDAY, "oai cs:cs:AI": WEDNESDAY}
    again = arxiv(
        oai(unchanged=371, usual=380, covered=THURSDAY),
        oai("cs:cs:AI", new=190, usual=200, covered=WEDNESDAY),
        now=MORNING + timedelta(hours=2),
    )
    assert (again.outcome, again.covered) == ("new", THURSDAY)


def test_many_small_categories_together_are_not_quiet_at_once():
    """Ten categories with two papers a day each never all bring nothing."""
    verdict = arxiv(*(oai(f"math:{n}", usual=2) for n in range(10)))
    assert verdict.outcome == "suspicious"
    assert verdict.reason == (
        "Nothing new, and that is suspicious: not one paper came, although a listing of "
        "19 November was expected."
    )
    assert verdict.covered == WEDNESDAY


def test_a_first_run_that_brings_nothing_is_suspicious():
    """Nobody knows what is usual then, but a new reader must not be told that all is well."""
    assert arxiv(oai(), covered=None).outcome == "suspicious"


def test_an_answer_that_cannot_be_read_is_suspicious():
    """Where most records are refused, the form of the answers has changed."""
    verdict = arxiv(oai(rejected=200, usual=200))
    assert verdict.outcome == "suspicious"
    assert "200 records of 200 could not be read" in verdict.reason
    assert "broadsheet sources --check" in verdict.reason
    assert arxiv(oai(new=199, rejected=20)).outcome == "new"


def test_many_doubts_are_counted():
    """Three doubts are named, the others counted."""
    verdict = arxiv(*(oai(f"cs:{n}", unchanged=1, day="2026-11-17") for n in range(40)))
    assert verdict.reason.count("still shows") == 3
    assert "and 37 more like these" in verdict.reason


# --- failures ---------------------------------------------------------------------------------

BUSY = "arXiv answered 503 four times."


def test_all_failed():
    """Where all parts failed for one reason, it is said once."""
    verdict = arxiv(oai(error=BUSY), feed(error=BUSY))
    assert verdict.outcome == "failed"
    assert verdict.reason == "Failed: arXiv answered 503 four times."
    assert verdict.covered == WEDNESDAY
    other = arxiv(
        oai(error=BUSY, until=WEDNESDAY), feed(error="no answer in 30 s", until=WEDNESDAY)
    )
    assert other.reason == (
        "Failed: oai cs:cs:LG failed (arXiv answered 503 four times), it goes on from "
        "18 November; feed failed (no answer in 30 s)."
    )


def test_some_failed():
    """What failed is told with what is new, and from where it goes on."""
    verdict = arxiv(oai(new=371), oai("math:math:NA", error=BUSY, until=WEDNESDAY, usual=30))
    assert verdict.outcome == "partly failed"
    assert verdict.reason == (
        "371 new papers of Thursday, 19 November 2026; oai math:math:NA failed (arXiv answered "
        "503 four times), it goes on from 18 November."
    )
    assert (verdict.covered, verdict.parts["oai math:math:NA"]) == (WEDNESDAY, "failed")


def test_a_part_that_broke_off_keeps_what_it_brought():
    """All parts broke off, but papers came: that is no failure of everything."""
    verdict = arxiv(oai(new=2000, error="the token has died", until=WEDNESDAY))
    assert (verdict.outcome, verdict.covered) == ("partly failed", WEDNESDAY)
    assert verdict.parts == {"oai cs:cs:LG": "partly failed"}


def test_many_failed_parts_are_told_together():
    """Parts with one error are one clause."""
    failed = [oai(f"math:math:{n}", error=BUSY) for n in range(12)]
    assert (
        "12 parts (oai math:math:0, oai math:math:1, oai math:math:2…) failed (arXiv answered "
        "503 four times)" in arxiv(oai(new=1), *failed).reason
    )
    two = arxiv(oai(new=1), *failed[:2]).reason
    assert "oai math:math:0 and oai math:math:1 failed" in two


@pytest.mark.parametrize(
    ("reports", "reason"),
    [
        (
            (oai(new=400), feed(error=BUSY)),
            (
                "400 new papers of Thursday, 19 November 2026; feed failed (arXiv answered 503 "
                "four times); nothing is missing by it: OAI-PMH brought everything."
            ),
        ),
        (
            (oai(error=BUSY, until=WEDNESDAY), feed(new=400, day=THURSDAY)),
            (
                "400 new papers of Thursday, 19 November 2026; oai cs:cs:LG failed (arXiv answered "
                "503 four times), it goes on from 18 November; nothing is missing by it: the feed "
                "brought everything."
            ),
        ),
    ],
)
def test_one_route_stands_for_another(reports, reason):
    """What one route lacked another brought: it is told, and nothing is missing."""
    verdict = arxiv(*reports)
    assert (verdict.outcome, verdict.reason) == ("partly failed", reason)
    assert verdict.covered == THURSDAY


def test_a_stale_feed_does_no_harm_where_all_came():
    """A stale feed is told, but not a bad sign where OAI-PMH brought everything."""
    verdict = arxiv(oai(new=400, usual=390), feed(unchanged=300, day="2026-11-17"))
    assert verdict.outcome == "new"
    assert verdict.reason == (
        "400 new papers of Thursday, 19 November 2026; feed still shows the papers of 17 November "
        "(300 papers, all known); nothing is missing by it: OAI-PMH brought everything."
    )
    assert verdict.parts["feed"] == "suspicious"


def test_a_feed_of_one_day_does_not_stand_for_three():
    """After a sleep of days the feed has today's papers only: without OAI-PMH days are missing."""
    verdict = arxiv(oai(error=BUSY), feed(new=400, day=THURSDAY), covered="2026-11-16")
    assert "nothing is missing" not in verdict.reason
    assert verdict.covered == "2026-11-16"


def test_a_run_before_its_time():
    """Who asks an hour early has the papers already: they are named, and not missed later."""
    early = utc("2026-11-19 04:00")
    verdict = arxiv(oai(new=400, usual=400, newest=THURSDAY), feed(day=WEDNESDAY), now=early)
    assert verdict.reason == "400 new papers of Thursday, 19 November 2026."
    assert verdict.covered == THURSDAY
    later = arxiv(oai(usual=400, covered=THURSDAY), covered=THURSDAY)
    assert later.outcome == "nothing new"
    # No answer can cover days that are still to come.
    assert arxiv(oai(new=400, newest="2026-12-24")).covered == THURSDAY
    saturday = arxiv(feed(day="2026-11-21"), now=utc("2026-11-21 12:00"), covered=FRIDAY)
    assert saturday.covered == FRIDAY


def test_what_another_route_brought_is_not_waited_for():
    """The feed brought Thursday's papers; OAI-PMH later brings none of them anew, rightly."""
    verdict = arxiv(
        oai(unchanged=400, usual=400, covered=WEDNESDAY),
        feed(unchanged=400, day=THURSDAY),
        covered=THURSDAY,
    )
    assert verdict.outcome == "nothing new"


# --- other calendars --------------------------------------------------------------------------


def huggingface(*reports: PartReport, now: str, covered: str | None) -> Verdict:
    """Judge a run of a source that lists from Monday to Friday."""
    title = "Hugging Face"
    return judge(reports, calendar="weekdays", now=utc(now), covered=covered, title=title)


@pytest.mark.parametrize(
    ("now", "covered", "outcome", "reason"),
    [
        (
            "2026-11-21 12:00",
            FRIDAY,
            "nothing new",
            "Nothing new: Saturday: Hugging Face lists nothing on weekends.",
        ),
        (
            "2026-11-20 06:00",
            THURSDAY,
            "nothing new",
            "Nothing new: Hugging Face has brought nothing since Thursday, 19 November.",
        ),
        (
            "2026-11-20 06:00",
            WEDNESDAY,
            "suspicious",
            "Nothing new, and that is suspicious: daily brought nothing, where 30 are usual.",
        ),
        # Over a weekend nothing is missed.
        (
            "2026-11-23 06:00",
            FRIDAY,
            "nothing new",
            "Nothing new: Hugging Face has brought nothing since Friday, 20 November.",
        ),
    ],
)
def test_weekdays(now, covered, outcome, reason):
    """A whole weekday without papers is a bad sign, the day that has just begun is none."""
    verdict = huggingface(plain("daily", usual=30), now=now, covered=covered)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_weekdays_with_papers():
    """New papers are of the day that the source says, else of none."""
    verdict = huggingface(plain("daily", 31, day=FRIDAY), now="2026-11-20 12:00", covered=THURSDAY)
    assert verdict.reason == "31 new papers of Friday, 20 November 2026."
    assert verdict.covered == FRIDAY
    unsaid = huggingface(plain("daily", 31), now="2026-11-20 12:00", covered=THURSDAY)
    assert (unsaid.reason, unsaid.covered) == ("31 new papers.", FRIDAY)


def test_silence_of_one_feed_adds_up():
    """Two papers a day are usual: four silent weekdays are not, whatever other feeds bring."""

    def run(now: str, quiet_since: str) -> Verdict:
        reports = (
            plain("https://a.example/feed", 5, usual=5, covered=THURSDAY),
            plain("https://b.example/feed", usual=2, covered=quiet_since),
        )
        return judge(reports, calendar="days", now=utc(now), covered=THURSDAY, title="Feeds")

    early = run("2026-11-20 06:00", WEDNESDAY)
    assert early.outcome == "new"
    assert early.covers["https://b.example/feed"] == WEDNESDAY
    late = run("2026-11-25 06:00", WEDNESDAY)
    assert late.outcome == "suspicious"
    assert "https://b.example/feed brought nothing, where 8 are usual" in late.reason


def test_an_unknown_feed_is_never_suspicious():
    """Where nobody knows what is usual, a quiet feed is a quiet feed."""
    report = plain("https://a.example/feed", unchanged=20)
    verdict = judge(
        [report], calendar="days", now=MORNING, covered="2026-10-01", title="https://a.example"
    )
    assert verdict.reason == "Nothing new: https://a.example has nothing."


# --- usual ------------------------------------------------------------------------------------


def test_usual_is_an_exponential_mean():
    """The first count is taken as it is; after ten days half of the old is left."""
    assert usual(0, 400) == 400
    value = 400.0
    for _ in range(10):
        value = usual(value, 0)
    assert value == pytest.approx(200)
    assert usual(400, 0, days=10) == pytest.approx(200)
    assert usual(100, 300, days=3) == pytest.approx(100)
    assert usual(0, 0) == 0


# --- always -----------------------------------------------------------------------------------

counts = st.dictionaries(
    st.sampled_from(["new", "updated", "merged", "unchanged", "rejected"]), st.integers(0, 5000)
)
known_days = st.dates(date(2026, 10, 1), date(2026, 12, 31)).map(date.isoformat)
some_reports = st.lists(
    st.builds(
        PartReport,
        part=st.text("abc:", min_size=1, max_size=8),
        counts=counts,
        error=st.sampled_from(["", "", BUSY, "no answer"]),
        until=st.none() | known_days,
        day=st.none() | known_days | st.just("not a day"),
        usual=st.floats(0, 1000),
        stale=st.lists(st.just("it is old"), max_size=2),
        route=st.sampled_from(["", "oai", "feed"]),
        covered=st.none() | known_days,
        newest=st.none() | known_days,
    ),
    max_size=6,
    unique_by=lambda r: r.part,
)


@given(
    some_reports,
    st.sampled_from(["arxiv", "weekdays", "days"]),
    st.datetimes(datetime(2026, 10, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.none() | known_days,
    st.none() | st.dates(date(2026, 10, 1), date(2026, 12, 31)),
)
def test_every_run_has_an_outcome_and_a_reason(reports, calendar, now, covered, until):
    """Whatever the parts report: new papers are counted, failures told, and no day is uncovered."""
    verdict = judge(
        reports, calendar=calendar, now=now, covered=covered, title="It", until=until, delay_h=4
    )
    new = sum(r.counts.get("new", 0) for r in reports)
    failed = [r for r in reports if r.error]
    assert set(verdict.parts) == {r.part for r in reports} == set(verdict.covers)
    assert verdict.reason.endswith(".")
    assert verdict.reason[0].isupper() or verdict.reason[0].isdigit()
    if new:
        assert f"{new:,} new paper" in verdict.reason
    if failed:
        assert verdict.outcome in {"partly failed", "failed"}
        assert " failed" in verdict.reason or verdict.reason.startswith("Failed")
    else:
        assert verdict.outcome not in {"partly failed", "failed"}
    if verdict.outcome == "new":
        assert new
    if verdict.outcome == "nothing new":
        assert not new
    assert (verdict.covered or "") >= (covered or "")
