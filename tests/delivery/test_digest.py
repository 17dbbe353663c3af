"""What a digest says: the same to every mailbox, whatever a title or an abstract holds."""

from __future__ import annotations

import lzma
import re
from binascii import b2a_qp
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.delivery import dates, digest
from broadsheet.delivery.digest import COLUMNS, LIMIT, html, letter_html, subject, text, told
from broadsheet.delivery.letters import Words
from broadsheet.delivery.links import Links
from broadsheet.delivery.subscription import Item
from broadsheet.papers.types import ExternalId
from delivery.issued import (
    ARXIV_LATE,
    BASE,
    HANDLE,
    LINKS,
    Read,
    addresses,
    issue,
    paper,
    subscribed,
)
from shared_data import SHARED, needs_shared

MANAGE = LINKS.manage(HANDLE)
ANY = st.text(max_size=200)
LONG = "An endlessly long account of tides and what moves them in every harbour " * 40
ENDLESS = "潮汐" * 2000


def size(made: str) -> int:
    """Return the bytes of an HTML part as it is sent."""
    return len(b2a_qp(made.encode()))


# ---------------------------------------------------------------------------- the subject


def test_subject_says_day_count_and_first_title():
    """The day in the subscriber's language, how many papers, and the first of them."""
    papers = [paper(1, title=r"Schr\"odinger's $\Gamma$"), paper(2)]

    assert subject(issue(papers)) == "20 Nov 2026 · 2 papers · Schrödinger's Γ"
    german = issue(papers[:1], subscription=subscribed(language="de"))
    assert subject(german) == "20.11.2026 · 1 paper · Schrödinger's Γ"


def test_subject_of_nothing():
    """An issue without papers says so."""
    assert subject(issue([])) == "20 Nov 2026 · Nothing new · Trending in cs.CL"


@given(title=ANY, language=st.sampled_from(["en", "de", "ar", "pt-BR", "xx", "../x"]))
def test_subject_is_one_short_line(title, language):
    """Whatever a title holds, the subject is one line of what can be seen."""
    made = subject(issue([paper(1, title=title)], subscription=subscribed(language=language)))

    assert made.isprintable()
    assert len(made) <= 150


@pytest.mark.parametrize(
    ("language", "day"),
    [("en", "Friday, 20 November 2026"), ("en-US", "Friday, November 20, 2026"),
     ("fr", "vendredi 20 novembre 2026"), ("xx", "Friday, 20 November 2026")],
)  # fmt: skip
def test_days_are_said_in_a_language(language, day):
    """CLDR says days; what it does not know is said in our English."""
    assert dates.in_words(issue([]).day, language) == day
    assert dates.is_known(language) == (language != "xx")


# ---------------------------------------------------------------------------- a paper in words


@pytest.mark.parametrize(
    ("count", "line"),
    [(0, ""), (1, "A0"), (2, "A0 and A1"), (4, "A0, A1, A2 and A3"), (5, "A0, A1, A2 and 2 more"),
     (1203, "A0, A1, A2 and 1,200 more")],
)  # fmt: skip
def test_authors_are_shortened(count, line):
    """Few are all named, and of many three, with how many more there are."""
    assert digest.byline([f"A{n}" for n in range(count)]) == line


def test_summary_before_abstract_and_two_sentences_at_most():
    """Somebody's summary is told if there is one, else how the abstract begins."""
    made = told(paper(1), BASE)
    assert (made.summary, made.basis) == (
        "We measure the tides. They rise by α metres.",
        "abstract",
    )
    made = told(paper(1, summary="Tides rise."), BASE)
    assert (made.summary, made.basis) == ("Tides rise.", "summary")
    assert told(paper(1, abstract=""), BASE).summary == ""
    assert len(told(paper(1, abstract=LONG), BASE).summary) <= digest.CUTS[0].summary


def test_links_of_a_paper():
    """What a source linked counts, else what follows from an id; scripts are no links."""
    made = told(paper(7), BASE)
    assert (made.paper, made.pdf) == (
        "https://arxiv.org/abs/2611.00007",
        "https://arxiv.org/pdf/2611.00007",
    )
    assert (made.code, made.page) == ("https://code.example.org/tides/7", f"{BASE}/paper/p7")
    only_id = told(paper(7, links=()), BASE)
    assert (only_id.paper, only_id.pdf, only_id.code) == (made.paper, made.pdf, "")
    of_doi = told(paper(7, links=(), external_ids=(ExternalId("doi", "10.1/a<b>"),)), BASE)
    assert of_doi.paper == "https://doi.org/10.1/a%3Cb%3E"


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "http://", "http://[", "https://a.example/\n",
     "https://bücher.example/", "https://a.example/" + "x" * 600, "ftp://a.example/"],
)  # fmt: skip
def test_what_no_mailbox_should_follow_is_no_link(address):
    """Only http and https addresses in ASCII are links."""
    assert digest.followed(address) == ""
    assert told(paper(1, links=(("code", address),)), BASE).code == ""


@given(ANY)
def test_followed_addresses_are_ascii_of_the_web(text):
    """Whatever is in an address, it comes out as one that stays whole in a mail, or not at all."""
    made = digest.followed(f"https://a.example/{text}")

    assert made == "" or re.fullmatch(r"https://a\.example/[!-~]*", made)
    assert not set(made) & set('<>"`{}|\\^ ')


# ---------------------------------------------------------------------------- both forms


def full():
    """Return an issue with all there can be in one."""
    papers = [paper(n) for n in range(1, 5)]
    marks = ("", "updated", "late", "earlier")
    items = tuple(Item(n, ("41 upvotes", "in cs.CL"), m) for n, m in enumerate(marks, 1))
    return issue(
        papers, items=items, more=41, more_path="/trending?q=cat:cs.CL", notices=(ARXIV_LATE,)
    )


@pytest.mark.parametrize("form", [html, text])
def test_all_is_told_in_both_forms(form):
    """Titles, authors, summaries, reasons, marks in words, notices, and why one gets this."""
    made = form(full())
    words = Read(made).words if form is html else " ".join(made.split())

    for told_so in (
        "Tides in harbour 1", "Ada Example and Berta Sample", "They rise by α metres.",
        "From the abstract:", "41 upvotes · in cs.CL", "Updated since you had it",
        "Came late", "rising now", ARXIV_LATE, "41 more papers match", "Trending in cs.CL",
        "Friday, 20 November 2026", "19–20 Nov 2026", "4 papers",
        "You asked for this: Trending in cs.CL, every day at 07:30 (Europe/Berlin).",
    ):  # fmt: skip
        assert told_so in words


def test_both_forms_have_the_same_links():
    """Nobody has fewer ways for reading plain text."""
    links = set(Read(html(full())).links)

    assert links == set(addresses(text(full()))) - {BASE}
    assert links >= {
        MANAGE, f"{MANAGE}#pause", f"{MANAGE}#skip", LINKS.unsubscribe(HANDLE),
        LINKS.digest(HANDLE, 12), f"{BASE}/trending?q=cat:cs.CL", f"{MANAGE}/save/p1",
        f"{MANAGE}/less/p4", "https://arxiv.org/abs/2611.00001",
        "https://arxiv.org/pdf/2611.00001", "https://code.example.org/tides/1", f"{BASE}/paper/p1",
    }  # fmt: skip


def test_a_preview_has_no_web_version():
    """What is not in the ledger has no address."""
    links = Read(html(issue([paper(1)], number=0))).links

    assert not any("/digest/" in link for link in links)
    assert MANAGE in links


def test_nothing_new_is_said():
    """An issue without papers has a sentence, its notices, and all links of the footer."""
    empty = issue([], notices=(ARXIV_LATE,))

    assert "Nothing new this time." in Read(html(empty)).words
    assert "Nothing new this time." in text(empty)
    assert ARXIV_LATE in Read(html(empty)).words
    assert LINKS.unsubscribe(HANDLE) in Read(html(empty)).links


def test_papers_that_are_no_more_are_left_out():
    """A paper that went away since counts nowhere."""
    made = issue([paper(1)], items=(Item(2, ()), Item(1, ())))

    assert subject(made) == "20 Nov 2026 · 1 paper · Tides in harbour 1"
    assert "1 paper," in Read(html(made)).words


def test_withdrawn_papers_are_marked():
    """Nobody is sent a withdrawn paper as if it were none."""
    made = issue([paper(1, withdrawn=True)])

    assert "Withdrawn." in Read(html(made)).words
    assert "(withdrawn)" in text(made)


@settings(max_examples=60)
@given(title=ANY, abstract=ANY, author=ANY, reason=ANY, notice=ANY, listed=ANY, path=ANY)
def test_nothing_that_is_told_breaks_a_mail(title, abstract, author, reason, notice, listed, path):
    """Whatever texts hold, tags close in order, nothing runs, and no control character is left."""
    made = issue(
        [paper(1, title=title, abstract=abstract, authors=(author,) * 2, comment=author)],
        items=(Item(1, (reason,)),), notices=(notice,), title=listed, more=1, more_path=path,
    )  # fmt: skip
    page, lines = html(made), text(made)

    read = Read(page)
    assert read.tags <= Read(html(full())).tags
    assert not any(name.startswith("on") or name == "src" for name in read.attributes)
    assert digest.plain(title, 300) in read.words or not digest.plain(title)
    assert all(line.isprintable() for line in (page + lines).split("\n"))
    (page + lines).encode()


def test_hostile_html_is_words():
    """Tags in a title are shown, not used."""
    made = issue([paper(1, title="<script>alert(1)</script>&amp;", abstract="<img src=x>")])

    assert "<script>alert(1)</script>&amp;" in Read(html(made)).words
    assert "script" not in Read(html(made)).tags | {"img"} - {"img"}


# ---------------------------------------------------------------------------- mailboxes


def test_html_is_what_mailboxes_can_show():
    """Tables and inline styles; nothing loaded, nothing run, and a frame of Outlook's own."""
    made = html(full())
    read = Read(made)

    assert not read.tags & {"script", "img", "link", "form", "iframe", "svg", "video", "object"}
    for word in (
        "url(",
        "@import",
        "@font-face",
        "display:flex",
        "grid",
        "position:",
        "expression",
    ):
        assert word not in made
    assert made.count("<!--[if mso]>") == made.count("<![endif]-->") == 3
    assert 'name="color-scheme" content="light dark"' in made
    assert "prefers-color-scheme:dark" in made
    assert "{%" not in made
    assert "{{" not in made


def test_the_preheader_tells_the_next_titles():
    """What a list of mails shows beside the subject is what the subject does not say."""
    hidden = re.search(r'<div style="display:none[^>]*>([^<]*)</div>', html(full()))

    assert hidden is not None
    assert hidden[1] == "Tides in harbour 2 · Tides in harbour 3 · Tides in harbour 4"


def test_a_hundred_papers_of_long_text_fit():
    """None is left out, and Gmail cuts nothing off: texts are cut instead."""
    papers = [
        paper(n, title=f"{n} {LONG}", abstract=LONG, authors=("Ada Example",) * 50)
        for n in range(100)
    ]
    items = tuple(Item(n, (LONG, LONG)) for n in range(100))
    made = html(issue(papers, items=items, notices=(LONG,) * 20))

    assert size(made) <= LIMIT < 102_400
    links = Read(made).links
    for n in range(100):
        assert f"{MANAGE}/save/p{n}" in links
        assert f"{MANAGE}/less/p{n}" in links
        assert f"https://arxiv.org/pdf/2611.{n:05}" in links


def test_few_papers_are_told_at_length():
    """Texts are cut no more than they must be."""
    abstract = "Tides rise, " * 20 + "and fall."
    assert abstract in Read(html(issue([paper(n, abstract=abstract) for n in range(10)]))).words


def test_what_does_not_fit_is_counted():
    """Where even the fewest words are too many, the web version has the rest."""
    links = Links("https://" + "a-very-long-name." * 14 + "example", "ab" * 32)
    papers = [paper(n, title=ENDLESS, abstract=ENDLESS, authors=(ENDLESS,)) for n in range(100)]
    made = html(issue(papers, links=links))

    assert size(made) <= LIMIT
    shown = sum("/save/" in link for link in Read(made).links)
    assert 0 < shown < 100
    assert f"{100 - shown} papers more of this issue" in Read(made).words
    assert "99" in text(issue(papers, links=links))


@settings(max_examples=25)
@given(st.lists(st.tuples(ANY, ANY), max_size=100), st.integers(0, 3))
def test_no_issue_is_too_long(papers, times):
    """Whatever is told, the HTML stays below what Gmail shows."""
    made = [paper(n, title=t * 3**times, abstract=a * 3**times) for n, (t, a) in enumerate(papers)]

    assert size(html(issue(made))) <= LIMIT


@settings(max_examples=60)
@given(title=ANY, abstract=st.text(max_size=2000), reason=ANY)
def test_plain_text_fits_a_terminal(title, abstract, reason):
    """No line is wider than 72 columns but for an address, which stays whole."""
    made = issue([paper(1, title=title, abstract=abstract)], items=(Item(1, (reason,)),))

    for line in text(made).split("\n"):
        assert len(line) <= COLUMNS or addresses(line)


def test_the_same_issue_makes_the_same_text():
    """What is sent again is the same."""
    assert (html(full()), text(full())) == (html(full()), text(full()))


def test_what_is_shared_is_no_other_subscribers():
    """What is told to many has nothing in it of the one whom it was told first."""
    first = issue([paper(1)], subscription=replace(subscribed(), handle="a" * 16))
    second = issue([paper(1)], subscription=replace(subscribed(), handle="b" * 16))

    assert "a" * 16 in html(first) + text(first)
    assert "a" * 16 not in html(second) + text(second)


# ---------------------------------------------------------------------------- letters


def test_a_letter_as_html():
    """A letter has one button, and its link in words for those who cannot press it."""
    words = Words("Please <confirm>", ("Before & <b>",), "Confirm", f"{BASE}/c/x", ("After",))
    read = Read(letter_html(words, "Broadsheet"))

    assert read.links == [f"{BASE}/c/x"]
    for told_so in ("Before & <b>", "Confirm", "After", f"{BASE}/c/x", "Broadsheet"):
        assert told_so in read.words


@needs_shared
@pytest.mark.corpus
def test_real_papers_are_told():
    """Of five hundred real papers each is told with a title, in both forms and as one page."""
    assert SHARED is not None
    papers = []
    with lzma.open(SHARED / "corpus" / "hf_daily.jsonl.xz") as lines:
        for n, line in zip(range(500), lines, strict=False):
            found = orjson.loads(line)
            abstract, authors = found.get("abstract") or "", found.get("authors") or ()
            names = tuple(a if isinstance(a, str) else a.get("name", "") for a in authors)
            papers.append(paper(n, title=found["title"], abstract=abstract, authors=names))
    for start in range(0, 500, 100):
        made = issue(papers[start : start + 100])
        read = Read(html(made))
        assert size(html(made)) <= LIMIT
        for one in made.papers.values():
            assert told(one, BASE).title[:50] in read.words
        assert all(len(line) <= COLUMNS or addresses(line) for line in text(made).split("\n"))
