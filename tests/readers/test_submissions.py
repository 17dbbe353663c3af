"""Papers that readers bring: found, led to, entered by hand, refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.errors import (
    BroadsheetError,
    NotAllowed,
    NotSignedIn,
    RefusedError,
    TooOften,
)
from broadsheet.papers.types import ExternalId, Record
from broadsheet.readers.permissions import OWNER, VISITOR
from broadsheet.readers.submissions import Entry, SubmissionNotFound
from loopback import Loopback, Reply, bomb, html, json_reply, redirect
from readers.bringing import Press, bringing
from readers.circle import counted, filed, join, logged, told

PAGE = """<html><head><meta name="citation_title" content="{title}">
<meta name="citation_author" content="Example, Ada">
<meta name="citation_author" content="Bo Sample">
<meta name="citation_publication_date" content="2026/03/09">{more}</head></html>"""
ENTRY = Entry("Bells under invented water", ("Ada Example", "Bo Sample"), "We ring them.",
              "https://bells.example/1", "2026-03-01")  # fmt: skip


@pytest.fixture(scope="module")
def press():
    """Give a press that prints nothing yet."""
    with Loopback() as server:
        yield Press(server)


@pytest.fixture(scope="module")
def library(press, tmp_path_factory):
    """Give a shared library; each test has readers and papers of its own."""
    with bringing(tmp_path_factory.mktemp("brought") / "home", press) as opened:
        yield opened


@pytest.fixture
def reader(library, request):
    """Return a reader who has submitted nothing."""
    return join(library, f"r{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def curator(library, request):
    """Return a curator."""
    return join(library, f"c{abs(hash(request.node.name)) % 10**9}", "curator")


def page(title: str, more: str = "") -> Reply:
    """Return the page of a paper."""
    return html(PAGE.format(title=title, more=more))


# ------------------------------------------------------------------ by id


def test_a_doi_is_looked_up_and_filed(library, press, reader):
    """As an ordinary record of the source that knows it, and it can be found."""
    doi = press.print(1, "Lanterns in the first invented harbour")
    made = library.submissions.submit(reader, f"https://doi.org/{doi}")

    assert made.state == "added"
    assert library.papers([made.paper])[0].sources == ("crossref",)
    assert [h.paper.id for h in library.search("lanterns harbour").hits][:1] == [made.paper]
    again = library.submissions.submit(reader, doi)
    assert (again.state, again.paper) == ("here", made.paper)
    assert [s.state for s in library.submissions.submissions(reader)] == ["here", "added"]


def test_what_is_here_is_led_to_without_asking_anybody(library, press, reader):
    """By any of its ids."""
    record = Record("file", "1", "Already here", external_ids=(ExternalId("arxiv", "2603.00009"),))
    paper = filed(library, record)[0]
    before = press.asked()
    made = library.submissions.submit(reader, "https://arxiv.org/pdf/2603.00009v2")

    assert (made.state, made.paper, press.asked()) == ("here", paper, before)
    assert library.submissions.terms(reader).used == 0


def test_an_id_that_nobody_knows_is_entered_by_hand(library, reader):
    """The reason is said, and nothing is kept."""
    made = library.submissions.submit(reader, "10.5555/unknown.1")

    assert (made.state, made.paper, made.number) == ("unknown", None, None)
    assert "does not know it" in made.reason


def test_a_paper_of_a_known_title_joins_what_is_here(library, press, reader):
    """Filed under its own id, it is the paper that was here."""
    paper = filed(library, Record("file", "2", "Ropes of a second invented harbour, and their care",
                                  authors=("Ada Example",)))[0]  # fmt: skip
    doi = press.print(2, "Ropes of a second invented harbour, and their care")
    made = library.submissions.submit(reader, doi)

    assert (made.state, made.paper) == ("here", paper)


@pytest.mark.parametrize("what", ["", "  ", "!?", "\x00"])
def test_nothing_is_no_paper(library, reader, what):
    """Something must be said."""
    with pytest.raises(RefusedError, match="Say which paper"):
        library.submissions.submit(reader, what)


# ------------------------------------------------------------------ by title


def test_a_title_is_offered_and_not_guessed(library, press, reader):
    """The likest first, each with what submits it; nothing is kept before one is chosen."""
    doi = press.print(3, "A third invented harbour and its gulls")
    press.print(30, "Something else entirely about clocks")
    made = library.submissions.submit(reader, "a third invented harbour and its GULLS")

    assert made.state == "choose"
    assert [(c.what, c.year, c.paper) for c in made.candidates] == [(f"doi:{doi}", "2026", None)]
    assert library.submissions.submissions(reader) == []
    chosen = library.submissions.submit(reader, made.candidates[0].what)
    assert chosen.state == "added"


def test_a_title_that_is_here_is_offered_first_and_nobody_is_asked(library, press, reader):
    """The very same title is enough to look at it."""
    paper = filed(library, Record("file", "3", "Of the fourth invented harbour"))[0]
    before = press.asked()
    made = library.submissions.submit(reader, "Of the Fourth Invented Harbour")

    assert [(c.what, c.paper) for c in made.candidates] == [(f"p{paper}", paper)]
    assert press.asked() == before


def test_a_title_that_is_nearly_here_is_offered_beside_what_sources_find(library, press, reader):
    """What a source finds and is here is shown once."""
    title = "Tides of the fifth invented harbour in winter"
    doi = press.print(5, title)
    paper = library.submissions.submit(reader, doi).paper
    made = library.submissions.submit(reader, "Tides of the fifth invented harbour in summer")

    assert [c.paper for c in made.candidates] == [paper]


def test_a_title_that_nobody_knows_begins_an_entry(library, reader):
    """It need not be typed twice."""
    made = library.submissions.submit(reader, "Zithers nobody ever heard nor printed")

    assert (made.state, made.entry.title) == ("unknown", "Zithers nobody ever heard nor printed")


# ------------------------------------------------------------------ by link


def test_a_link_leads_to_the_paper_that_its_page_names(library, press, reader):
    """The source of the id says more than the page."""
    doi = press.print(6, "Piers of the sixth invented harbour")
    meta = f'<meta name="citation_doi" content="{doi}">'
    url = press.page("/pier", page("Piers (a page)", meta))
    made = library.submissions.submit(reader, url)

    assert made.state == "added"
    assert library.papers([made.paper])[0].title == "Piers of the sixth invented harbour"


def test_a_page_without_an_id_fills_the_form(library, press, reader):
    """Nothing of it is kept before somebody has looked at it."""
    url = press.page("/oars", page("Oars that were never made"))
    made = library.submissions.submit(reader, url)

    assert made.state == "unknown"
    assert made.entry == Entry(
        "Oars that were never made", ("Ada Example", "Bo Sample"), "", url, "2026-03-09"
    )


def test_metadata_without_a_page_is_read(library, press, reader):
    """JSON-LD may stand alone; what would end its element does not."""
    said = {"@type": "ScholarlyArticle", "name": "Sails </script> never sewn",
            "author": [{"name": "Ada Example"}]}  # fmt: skip
    made = library.submissions.submit(reader, press.page("/sails", json_reply(said)))

    assert made.entry.authors == ("Ada Example",)
    assert made.entry.title.startswith("Sails")


def test_a_page_about_what_is_here_leads_there(library, press, reader):
    """As one to be chosen: a page may say anything."""
    title = "Anchors of a seventh invented harbour"
    paper = filed(library, Record("file", "7", title, authors=("Ada Example",)))[0]
    made = library.submissions.submit(reader, press.page("/anchors", page(title)))

    assert (made.state, [c.paper for c in made.candidates]) == ("choose", [paper])


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://localhost:22/",
        "http://user:word@10.0.0.1/",
    ],
)
def test_a_link_to_what_is_not_public_is_refused(library, reader, url):
    """And nothing of it is kept."""
    with pytest.raises(RefusedError):
        library.submissions.submit(reader, url)

    assert library.submissions.submissions(reader) == []


def test_a_redirect_to_what_is_not_public_is_refused(library, press, reader):
    """However it is reached."""
    url = press.page("/away", redirect("http://169.254.169.254/latest/"))
    with pytest.raises(RefusedError, match="not on the public internet"):
        library.submissions.submit(reader, url)


@pytest.mark.parametrize(
    ("path", "reply", "says"),
    [
        ("/huge", html(b"a" * 3_000_000), "more than 2 MB"),
        ("/bomb", bomb(10), "more than 2 MB"),
        ("/pdf", Reply(b"%PDF-1.7", content_type="application/pdf"), "application/pdf"),
        ("/gone", html("", 410), "410"),
        ("/empty", html("<p>nothing"), "no title"),
    ],
)
def test_what_is_no_page_can_be_entered_by_hand(library, press, reader, path, reply, says):
    """The link stands in the form, and why it was not read is said."""
    url = press.page(path, reply)
    made = library.submissions.submit(reader, url)

    assert (made.state, made.entry) == ("unknown", Entry(link=url))
    assert says in made.reason


# ------------------------------------------------------------------ by hand


def test_what_a_reader_enters_waits_and_what_a_curator_takes_is_filed(library, reader, curator):
    """Until then it is no paper: nobody can find it."""
    entry = ENTRY._replace(title="Bells under the first invented water")
    made = library.submissions.enter(reader, entry)
    assert (made.state, made.paper) == ("waiting", None)
    assert library.count() == library.search("").total
    assert not any(h.paper.title == entry.title for h in library.search("bells water").hits)

    taken = library.submissions.decide(curator, made.number, is_taken=True, reason="Good")
    paper = library.papers([taken.paper])[0]
    assert (taken.state, taken.decided_by) == ("added", curator.name)
    assert (paper.title, paper.authors, paper.abstract) == entry[:3]
    assert (paper.published, dict(paper.links)["abs"], paper.sources) == (
        "2026-03-01", "https://bells.example/1", ("submitted",),
    )  # fmt: skip
    assert told(library, reader) == [f"“{entry.title}”, which you submitted, was added: Good"]
    assert logged(library)[-1][:2] == ("take", f"submission {made.number}")


def test_what_a_curator_refuses_is_never_a_paper(library, reader, curator):
    """Its reader learns why."""
    before = library.count()
    made = library.submissions.enter(reader, ENTRY._replace(title="Buy these invented watches"))
    refused = library.submissions.decide(curator, made.number, is_taken=False, reason="No paper")

    assert (refused.state, refused.paper, library.count()) == ("refused", None, before)
    assert told(library, reader) == [
        "“Buy these invented watches”, which you submitted, was not taken: No paper"
    ]
    with pytest.raises(RefusedError, match="does not wait: it is refused"):
        library.submissions.decide(curator, made.number, is_taken=True)
    with pytest.raises(SubmissionNotFound):
        library.submissions.decide(curator, 10**6, is_taken=True)


def test_what_a_curator_enters_is_filed_at_once(library, curator):
    """There is nobody to wait for, and no power was used over others."""
    before = len(logged(library))
    made = library.submissions.enter(curator, ENTRY._replace(title="Bells a curator brought in"))

    assert made.state == "added"
    assert library.papers([made.paper])[0].title == "Bells a curator brought in"
    assert len(logged(library)) == before


def test_a_duplicate_leads_to_the_paper_that_is_there(library, reader):
    """By title and authors."""
    title = "Bells of the eighth invented harbour, rung at night"
    paper = filed(library, Record("file", "8", title, authors=("Ada Example", "C. Other")))[0]
    made = library.submissions.enter(reader, ENTRY._replace(title=title.upper()))

    assert (made.state, made.paper) == ("here", paper)


def test_near_misses_are_offered_before_anything_waits(library, reader):
    """Whoever knows better says so."""
    title = "Bells of the ninth invented harbour, rung in fog by night"
    paper = filed(library, Record("file", "9", title, authors=("Ada Example", "Bo Sample")))[0]
    entry = ENTRY._replace(title="Bells of the ninth invented harbour rung in fog at night")
    made = library.submissions.enter(reader, entry)

    assert (made.state, made.number) == ("choose", None)
    assert [c.paper for c in made.candidates] == [paper]
    assert library.submissions.enter(reader, entry, is_new=True).state == "waiting"


def test_a_link_with_an_id_is_looked_up_first(library, press, reader):
    """What a source says is better than what somebody types."""
    doi = press.print(10, "Masts of the tenth invented harbour")
    entry = ENTRY._replace(title="Masts", link=f"https://doi.org/{doi}")
    made = library.submissions.enter(reader, entry)

    assert made.state == "added"
    assert library.papers([made.paper])[0].title == "Masts of the tenth invented harbour"


def test_a_form_that_is_sent_twice_is_one_submission(library, reader):
    """From many tabs, too."""
    entry = ENTRY._replace(title="Bells that were sent in twice")
    numbers = {library.submissions.enter(reader, entry, is_new=True).number for _ in range(3)}

    assert len(numbers) == 1
    assert library.submissions.terms(reader).used == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": " "}, "title is missing"),
        ({"title": "…!"}, "title is missing"),
        ({"title": "a" * 501}, "more than 500"),
        ({"authors": ()}, "authors are missing"),
        ({"authors": (" ", "\x00")}, "authors are missing"),
        ({"authors": ("a" * 201,)}, "one author a line"),
        ({"authors": tuple(map(str, range(501)))}, "more than 500 authors"),
        ({"abstract": "a" * 20_001}, "more than 20,000"),
        ({"link": "javascript:alert(1)"}, "no address of http"),
        ({"link": "file:///etc/passwd"}, "no address of http"),
        ({"day": "yesterday"}, "no day such as"),
        ({"day": "2027-01-01"}, "has not come yet"),
    ],
)
def test_what_cannot_be_a_paper_is_refused(library, reader, change, says):
    """Each fault is named."""
    with pytest.raises(RefusedError, match=says):
        library.submissions.enter(reader, ENTRY._replace(**change))


_texts = st.text(max_size=40)


@given(_texts, st.lists(_texts, max_size=4), _texts, _texts, _texts)
def test_whatever_is_typed_is_refused_or_sound(library, title, authors, abstract, link, day):
    """No text gets through that no paper can have."""
    entry = Entry(title, tuple(authors), abstract, link, day)
    try:
        made = library.submissions._sound(OWNER, entry)
    except RefusedError:
        return
    assert made.title.strip()
    assert all(name.strip() for name in made.authors)
    assert "\x00" not in "".join((made.title, *made.authors, made.abstract))


@given(st.text(max_size=200))
def test_whatever_is_named_by_a_visitor_is_refused(library, what):
    """Before it is looked at."""
    with pytest.raises(NotSignedIn):
        library.submissions.submit(VISITOR, what)


# ------------------------------------------------------------------ who, how often, how old


def test_each_sees_their_own_and_curators_all(library, reader, curator):
    """What others brought is nobody's business."""
    library.submissions.enter(reader, ENTRY._replace(title="Bells of whom it concerns"))
    other = join(library, "other-reader")

    assert library.submissions.submissions(other) == []
    assert [s.title for s in library.submissions.submissions(reader)] == [
        "Bells of whom it concerns"
    ]
    waiting = library.submissions.submissions(curator, state="waiting")
    assert "Bells of whom it concerns" in [s.title for s in waiting]
    with pytest.raises(NotAllowed):
        library.submissions.decide(reader, waiting[0].id, is_taken=True)


def test_the_rules_are_told_and_hold(press, tmp_path):
    """How often and how old bind readers; curators are not bound."""
    new, old = press.print(20, "Newest invented news"), press.print(
        21, "Oldest invented news", issued={"date-parts": [[2025, 12, 1]]}
    )  # fmt: skip
    with bringing(tmp_path / "home", press, submit_per_day=2, submit_oldest_days=30) as library:
        reader, curator = join(library, "ada"), join(library, "cy", "curator")
        terms = library.submissions.terms(reader)
        assert (terms.may, terms.used, terms.most, terms.oldest) == (True, 0, 2, "2026-02-15")
        with pytest.raises(
            RefusedError, match=r"of 2025-12-01; only papers of 2026-02-15 or later"
        ):
            library.submissions.submit(reader, old)
        with pytest.raises(RefusedError, match="date is missing"):
            library.submissions.enter(reader, ENTRY._replace(day=""))
        with pytest.raises(RefusedError, match="only papers of"):
            library.submissions.enter(reader, ENTRY._replace(day="2026-01"))
        assert library.submissions.enter(reader, ENTRY._replace(day="2026-02")).state == "waiting"
        assert library.submissions.submit(reader, new).state == "added"
        with pytest.raises(TooOften, match="2 papers a day") as caught:
            library.submissions.submit(reader, old)
        assert 17 * 3600 < caught.value.retry_after <= 17.5 * 3600
        assert library.submissions.submit(reader, new).state == "here"
        assert library.submissions.submit(curator, old).state == "added"
        free = library.submissions.terms(curator)
        assert (free.most, free.oldest, free.is_filed_at_once) == (None, None, True)
        assert counted(library, "submissions") == 4


def test_where_only_curators_submit_others_are_told_so(press, tmp_path):
    """In the rules, and when they try."""
    with bringing(tmp_path / "home", press, submit_role="curator") as library:
        reader = join(library, "ada")
        terms = library.submissions.terms(reader)
        assert (terms.may, terms.by) == (False, "curators")
        assert not library.submissions.terms(VISITOR).may
        with pytest.raises(NotAllowed, match="Only curators submit"):
            library.submissions.submit(reader, "10.5555/press.1")
        with pytest.raises(NotAllowed, match="Only curators submit"):
            library.submissions.enter(reader, ENTRY)


def test_looking_things_up_is_not_for_free(library, press, reader):
    """What comes to nothing asks hosts all the same, so that it is not done without end."""
    url = press.page("/nothing", html("<p>nothing"))
    for _ in range(20):
        library.submissions.submit(reader, url)
    with pytest.raises(TooOften, match="many submissions"):
        library.submissions.submit(reader, url)

    assert library.submissions.terms(reader).used == 0


def test_one_thing_is_looked_up_for_a_reader_at_a_time(library, press, reader):
    """Slow pages hold few threads, whoever names them."""
    began, go_on = Event(), Event()

    def slow(_: object) -> Reply:
        began.set()
        go_on.wait(20)
        return page("Slow bells")

    press.server.route("/slow", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(library.submissions.submit, reader, f"{press.server.url}/slow")
        assert began.wait(20)
        with pytest.raises(TooOften, match="still looked up"):
            library.submissions.submit(reader, "10.5555/press.1")
        go_on.set()
        first.exception()
    assert library.submissions.submit(reader, "10.5555/none.1").state == "unknown"


def test_a_crowd_brings_a_paper_once(library, press):
    """Many readers, one paper; each is told what came of it."""
    doi = press.print(40, "Crowds of the fortieth invented harbour")
    readers = [join(library, f"crowd-{n}") for n in range(12)]

    def bring(reader):
        for _ in range(500):
            try:
                return library.submissions.submit(reader, doi)
            except TooOften:
                continue
        return None

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(bring, readers))
    assert len({m.paper for m in made}) == 1
    assert [m.state for m in made].count("added") == 1


def test_a_merged_paper_is_led_to_where_it_went(library, press, reader):
    """What was submitted is read where its paper leads."""
    first = library.submissions.submit(reader, press.print(50, "Quays, as one calls them")).paper
    other = library.submissions.submit(reader, press.print(51, "Wharves, as others say")).paper
    library.deciding.merge(f"p{first}", f"p{other}")

    papers = [s.paper for s in library.submissions.submissions(reader)]
    assert papers == [library.resolve(f"p{other}")] * 2
    with pytest.raises(BroadsheetError):
        library.submissions.decide(OWNER, 10**6, is_taken=False)
