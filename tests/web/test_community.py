"""Votes and comments in the pages: what readers can do there, and what nobody can."""

import re
import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from broadsheet.collection import schema
from broadsheet.collection.comments import Wording
from broadsheet.factory import open_library
from broadsheet.readers.comments import DEEPEST, Comment, Thread
from broadsheet.web import threads
from broadsheet.web.community import COMMENT
from broadsheet.web.guard import own_path
from web.crowd import PEOPLE, client_of, gather, opened, send, token
from web.invented import PAGE, RECORDS, SCRIPT, no_sources, now
from web.reading import read

HOSTILE = (
    f"{SCRIPT}\n\n<img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](data:text/html,x) "
    '![c](https://evil.example/x.png) <style>*{}</style> "><svg onload=alert(1)>'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a shared home in which nobody has done anything yet."""
    made = tmp_path_factory.mktemp("shared")
    gather(made)
    return made


@pytest.fixture
def library(home, tmp_path):
    """Return a shared library to write in."""
    shutil.copytree(home, tmp_path / "own")
    with opened(tmp_path / "own") as made:
        yield made


@pytest.fixture(scope="module")
def still(tmp_path_factory, home):
    """Return a shared library with one comment, in which no test changes anything."""
    shutil.copytree(home, own := tmp_path_factory.mktemp("still") / "own")
    with opened(own) as made:
        made.community.comments.write(PEOPLE["cleo"], "p1", "Mine")
        yield made


@pytest.fixture
def ada(library):
    """Return a client of a reader."""
    return client_of(library, "ada")


@pytest.fixture
def bo(library):
    """Return a client of another reader."""
    return client_of(library, "bo")


def ballot(client, url):
    """Return the buttons of a page that vote: of each paper whether it votes for it."""
    found = re.findall(
        r'formaction="/paper/(p\d+)/vote" name="up" value="([01])"', client.get(url).text
    )
    return {paper: value == "1" for paper, value in found}


def kept(library, table):
    """Return how many rows a table has."""
    with library.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


# ---------------------------------------------------------------------------- votes


@pytest.mark.parametrize("url", ["/search?q=graph&mode=text", "/2026/03/17", "/paper/p1"])
def test_a_vote_comes_back_to_where_it_was_given(ada, bo, url):
    """The button of a list votes, leads back to its place, and then takes the vote back."""
    assert ballot(ada, url)["p1"]
    there = send(ada, "/paper/p1/vote", up=1, back=url)
    assert there == f"{url}#p1"
    assert f'id="{there.partition("#")[2]}"' in ada.get(there).text
    assert not ballot(ada, url)["p1"]
    assert ballot(bo, url)["p1"]
    assert "▲ 1 upvotes" in read(bo, url).text

    send(ada, "/paper/p1/vote", up=0, back=url)
    assert ballot(ada, url)["p1"]
    assert "▲ 1" not in read(bo, url).text


def test_what_is_trending_has_votes_too(ada):
    """A paper that somebody voted for trends, and its entry has its count."""
    send(ada, "/paper/p1/vote", up=1)

    assert ballot(ada, "/trending") == {"p1": False}


def test_a_vote_is_counted_once(ada, bo, library):
    """Voting twice changes nothing, whichever id of the paper was used."""
    assert send(ada, "/paper/p1/vote", up=1) == "/paper/p1#p1"
    assert send(ada, "/paper/arxiv:2603.00001/vote", up=1) == "/paper/p1#p1"
    send(bo, "/paper/p1/vote", up=1)

    assert "▲ 2 upvotes" in read(ada, "/paper/p1").text
    assert kept(library, schema.votes) == 2


def test_a_script_of_ours_is_told_the_count(ada):
    """Asked for JSON, the answer is the new count alone."""
    fields = {**token(ada), "up": "1"}
    answer = ada.post("/paper/p1/vote", data=fields, headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()) == (200, {"upvotes": 1})


@pytest.mark.parametrize("fields", [{}, {"up": "2"}, {"up": ""}, {"up": "yes"}])
def test_what_is_no_vote_is_refused(fields, still):
    """A form that does not say which way changes nothing."""
    ada = client_of(still, "ada")
    send(ada, "/paper/p1/vote", 400, **fields)
    send(ada, "/paper/p999/vote", 404, up=1)

    assert kept(still, schema.votes) == 0


def test_nobody_votes_by_a_link(still):
    """A GET of the address of a vote is a paper that there is not, and changes nothing."""
    assert client_of(still, "ada").get("/paper/p1/vote?up=1").status_code == 404
    assert kept(still, schema.votes) == 0


def test_too_many_votes_wait(ada):
    """Whoever votes faster than anybody reads is asked to wait, and told how long."""
    fields = token(ada)
    answers = [ada.post("/paper/p1/vote", data={**fields, "up": str(n % 2)}) for n in range(31)]

    assert [a.status_code for a in answers] == [303] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_who_has_not_signed_in_sees_counts(library, ada):
    """A visitor sees what others did and where to sign in, and has no forms."""
    send(ada, "/paper/p1/vote", up=1)
    send(ada, "/paper/p1/comment", text="Which kitchen?")
    visitor = client_of(library)
    page = read(visitor, "/paper/p1")

    assert "▲ 1 1 comment" in page.text
    assert "Which kitchen?" in page.text
    assert not [f for f in page.forms if f["action"] != "/search"]
    assert {"/sign-in?next=/paper/p1"} <= {a["href"] for a in page.links}
    assert visitor.get("/comment/1/reply").headers["location"].startswith("/sign-in?next=")


@given(st.text(max_size=40) | st.sampled_from(["//evil.example", "/\\evil.example", "/a\n/b"]))
def test_a_form_leads_only_to_our_own_pages(text):
    """Whatever a form gives as the address to come back to, it is on this server."""
    found = own_path(text)

    assert found in {"/", text}
    assert re.match(r"/(?![/\\])", found)
    assert "\\" not in found
    assert found.isprintable()


def test_a_vote_leads_to_no_other_site(ada):
    """An address elsewhere is not followed."""
    assert send(ada, "/paper/p1/vote", up=1, back="//evil.example/x") == "/#p1"


# ---------------------------------------------------------------------------- comments


def test_a_thread_is_written_and_read(ada, bo):
    """A comment, an answer to it, and the address of each."""
    assert send(ada, "/paper/p1/comment", text="Which *kitchen*?") == "/comment/1"
    assert ada.get("/comment/1").headers["location"] == "/paper/p1#c1"
    page = read(bo, "/comment/1/reply")
    assert "Which kitchen ?" in page.text
    assert send(bo, "/paper/p1/comment", text="Hers.", parent=1) == "/comment/2"

    page = read(ada, "/paper/p1")
    assert "2 comments" in page.text
    assert re.search("Ada Example you 18 March 2026, 12:00 UTC Which kitchen ?", page.text)
    assert page.text.index("Which kitchen") < page.text.index("Hers.")
    assert 'class="comment d1" id="c2"' in ada.get("/paper/p1").text


def test_a_comment_is_edited_and_deleted(ada, bo):
    """What it said before stays to be read until it is deleted; then only its place stays."""
    send(ada, "/paper/p1/comment", text="First words")
    send(bo, "/paper/p1/comment", text="Well said", parent=1)
    assert send(ada, "/comment/1/edit", text="Second words") == "/comment/1"
    assert "edited" in read(bo, "/paper/p1").text
    page = read(bo, "/comment/1/history")
    assert "Until 18 March 2026, 12:00 UTC First words" in page.text

    assert send(ada, "/comment/1/delete") == "/paper/p1#comments"
    page = read(bo, "/paper/p1")
    assert "Deleted by its writer." in page.text
    assert "1 comment 18 March 2026, 12:00 UTC Deleted by its writer. bo you" in page.text
    for url in ("/paper/p1", "/comment/1/history"):
        assert not re.search("First words|Second words", bo.get(url).text)


def test_only_its_writer_changes_a_comment(ada, bo, library):
    """Somebody else is refused, and has no form for it."""
    send(ada, "/paper/p1/comment", text="Mine")
    assert "Only who wrote" in send(bo, "/comment/1/edit", 403, text="Yours").text
    assert "Only who wrote" in send(bo, "/comment/1/delete", 403).text
    page = read(bo, "/comment/1/history")

    assert "/comment/1/edit" not in [f["action"] for f in page.forms]
    assert library.community.comments.get(1, PEOPLE["bo"]).text == "Mine"


def test_what_is_refused_comes_back_to_be_mended(ada, bo, library):
    """A comment that is too long, empty, too many or too late is not lost."""
    for text, status, why in (("x" * 10_001, 422, "at most 10,000"), ("  ", 422, "some text")):
        page = send(ada, "/paper/p1/comment", status, text=text)
        assert why in page.text
        assert text.strip() in page.text
    send(ada, "/paper/p1/comment", text="Kept")
    assert "some text" in send(ada, "/comment/1/edit", 422, text="").text
    assert "Say why" in send(bo, "/comment/1/report", 422, reason="").text
    library.community.moderation.lock(PEOPLE["cleo"], "p1", "Enough said")
    page = send(bo, "/paper/p1/comment", 422, text="One more thing", parent=1)
    assert "Enough said" in page.text
    assert "One more thing" in page.text
    for n in range(9):
        answer = ada.post("/paper/p2/comment", data={**token(ada), "text": f"Number {n} of mine"})
    assert answer.status_code == 429
    assert "Number 8 of mine" in answer.text
    assert "retry-after" in answer.headers


def test_a_locked_paper_says_so(ada, library):
    """There is no form, and the reason stands in its place."""
    library.community.moderation.lock(PEOPLE["cleo"], "p1", "Enough said")
    page = read(ada, "/paper/p1")

    assert "The comments of this paper are closed: Enough said" in page.text
    assert "/paper/p1/comment" not in [f["action"] for f in page.forms]


@pytest.mark.parametrize("name", ["ada", "eve"])
def test_hostile_words_are_held_in(library, name):
    """Scripts, handlers, javascript: and pictures do nothing: in comments, names and titles."""
    client = client_of(library, name)
    paper = next(p for p in range(1, 9) if library.papers([p])[0].title == SCRIPT)
    send(client, f"/paper/p{paper}/comment", text=HOSTILE)
    send(client, "/comment/1/edit", text=f"{HOSTILE} again")
    send(client_of(library, "bo"), "/comment/1/report", reason=HOSTILE)
    send(client_of(library, "cleo"), f"/paper/p{paper}/lock", locked=1, reason=HOSTILE)
    urls = {"cleo": ["/moderation", "/moderation/log"], "bo": [], "": []}
    urls[name] = ["/notices"]
    for who, own in urls.items():
        for url in (f"/paper/p{paper}", "/comment/1/history", *own):
            page = read(client_of(library, who), url)
            assert not {"script", "img", "svg", "style"} & set(page.tags), url
            assert not {a for a in page.attributes if a.startswith("on") or a in {"style", "src"}}
            assert all(re.match("https?:|/|#", a["href"]) for a in page.links), url


def test_a_mute_folds_for_one_reader(ada, bo):
    """Who muted somebody has their words folded away, and nobody else."""
    send(ada, "/paper/p1/comment", text="Loud words")
    assert send(bo, "/reader/ada/mute", muted=1, back="/comment/1") == "/comment/1"
    assert "<details><summary>Folded away" in bo.get("/paper/p1").text
    assert "Folded away" not in ada.get("/paper/p1").text
    assert "Hear ada again" in read(bo, "/notices").text
    send(bo, "/reader/ada/mute", muted=0)
    assert "Folded away" not in bo.get("/paper/p1").text


def test_what_a_muted_reader_deleted_is_not_told_to_be_theirs(ada, bo):
    """The place of a deleted comment says nothing of who wrote it, not by its fold either."""
    where = send(ada, "/paper/p5/comment", text="Words to take back")
    number = re.search(r"\d+$", where).group()
    send(bo, "/paper/p5/comment", text="An answer", parent=number)
    send(bo, "/reader/ada/mute", muted=1, back="/comment/1")
    send(ada, f"/comment/{number}/delete")

    page = bo.get("/paper/p5").text
    assert "Deleted by its writer." in page
    assert "Folded away" not in page


def test_an_author_is_marked(ada, library):
    """Whose claim to the paper was granted is its author in the thread."""
    with library.database.write() as connection:
        row = {"paper_id": 1, "reader_id": 10, "author": "Ada Example", "how": "asked",
               "state": "granted", "at": "2026-03-01T00:00:00Z"}  # fmt: skip
        connection.execute(insert(schema.claims), [row])
    send(ada, "/paper/p1/comment", text="I did")

    assert "Ada Example author you" in read(ada, "/paper/p1").text


def test_answers_and_mentions_are_notices(ada, bo):
    """Each leads to its comment, is new until it was seen, and is counted."""
    send(ada, "/paper/p1/comment", text="Hello @bo")
    send(bo, "/paper/p1/comment", text="Hello", parent=1)
    page = read(bo, "/notices")
    assert "ada named you in a comment." in page.text
    assert "· new" in page.text
    assert "bo answered you in a comment." in read(ada, "/notices").text
    fields = next(f["fields"] for f in page.forms if f["action"] == "/notices/seen")
    assert bo.post("/notices/seen", data=fields).headers["location"] == "/notices"
    assert "· new" not in read(bo, "/notices").text
    assert send(bo, "/notices/seen", 400, until="x")


# ---------------------------------------------------------------------------- much of it


def test_a_long_thread_has_pages(ada, library):
    """A thousand comments stay a page of bounded size; each is found where its address leads."""
    rows = [
        {"id": n, "paper_id": 1, "reader_id": 10, "parent_id": n - 1 if n % 10 > 1 else None,
         "text": f"Comment number {n}. " * 20, "state": "shown", "at": "2026-03-01T00:00:00Z"}
        for n in range(1, 1001)
    ]  # fmt: skip
    with library.database.write() as connection:
        connection.execute(insert(schema.comments), rows)
    page = read(ada, "/paper/p1")
    assert "1,000 comments" in page.text
    assert "Comment number 40." in page.text
    assert "Comment number 41." not in page.text
    assert {"/paper/p1?comments=2#comments"} <= {a["href"] for a in page.links}
    for number in (1, 41, 777, 1000):
        there = ada.get(f"/comment/{number}").headers["location"]
        page = read(ada, there)
        assert f'id="c{number}"' in ada.get(there).text
    assert "← Earlier comments" in page.text
    assert "More comments" not in page.text
    assert read(ada, "/paper/p1?comments=9999").text == page.text


def test_what_is_large_shows_its_beginning(ada, library):
    """Long comments take no more room than a page has; each is read in whole by itself."""
    rows = [
        {"id": n, "paper_id": 1, "reader_id": 10, "text": "> > > > > deep\n\n" * 600,
         "state": "shown", "at": "2026-03-01T00:00:00Z"}
        for n in range(1, 30)
    ]  # fmt: skip
    with library.database.write() as connection:
        connection.execute(insert(schema.comments), rows)
    page = read(ada, "/paper/p1")

    assert "Read the whole comment" in page.text
    assert "/comment/1/history" in {a["href"] for a in page.links}


def test_bodies_without_end_are_refused(ada, library):
    """A form larger than the longest comment is not read to its end."""
    longest = {**token(ada), "text": "🦋" * 10_000}
    assert ada.post("/paper/p1/comment", data=longest).status_code == 303
    for url, size in (("/paper/p1/comment", COMMENT), ("/paper/p1/vote", 16_384)):
        answer = ada.post(url, data={**token(ada), "text": "x" * size, "up": "1"})
        assert answer.status_code == 413
    assert kept(library, schema.votes) == 0


texts = st.text(min_size=1, max_size=60)


@given(st.lists(st.tuples(texts, st.integers(0, DEEPEST), st.booleans()), max_size=130),
       st.integers(1, 9))  # fmt: skip
def test_every_comment_is_on_one_page(made, page):
    """The pages of any thread hold each comment once, in order, and have room for it."""
    comments = tuple(
        Comment(n, 1, n - 1 or None, depth, "ada", "", text if is_shown else "",
                "shown" if is_shown else "hidden", "2026-03-01T00:00:00Z")
        for n, (text, depth, is_shown) in enumerate(made, 1)
    )  # fmt: skip
    thread = Thread(1, comments, len(comments), None)
    pages, number = [], 1
    while number:
        pages.append(threads.talk(thread, number, is_shared=True))
        number = pages[-1].after
    assert [s.comment for p in pages for s in p.said] == list(comments)
    for number, shown in enumerate(pages, 1):
        assert sum(len(s.html) for s in shown.said) <= threads.ROOM
        for said in shown.said:
            assert threads.page_of(thread, said.comment.id) == number
            assert not (said.html and said.start)
            assert said.comment.text or not said.html
    assert threads.talk(thread, page, is_shared=True) == pages[min(page, len(pages)) - 1]


@given(st.lists(texts, max_size=20))
def test_earlier_wordings_are_shown_newest_first(said):
    """As many as there is room for, and how many more there are."""
    found = [Wording(text * 50, "2026-03-01T00:00:00Z") for text in said]
    shown, more = threads.earlier(found)

    assert [e.text for e in shown] == [w.text for w in found[::-1]][: len(shown)]
    assert len(shown) + more == len(found)


# ---------------------------------------------------------------------------- who may


POSTS = (
    ("/paper/p1/vote", {"up": "1"}),
    ("/paper/p1/comment", {"text": "Sent from elsewhere"}),
    ("/comment/1/edit", {"text": "Changed from elsewhere"}),
    ("/comment/1/delete", {}),
    ("/comment/1/report", {"reason": "From elsewhere"}),
    ("/comment/1/hide", {}),
    ("/comment/1/show", {}),
    ("/paper/p1/lock", {"locked": "1"}),
    ("/reader/ada/mute", {"muted": "1"}),
    ("/notices/seen", {"until": "1"}),
)


@pytest.mark.parametrize(("url", "fields"), POSTS)
def test_other_sites_send_nothing(still, url, fields):
    """A form that another site made a browser send is refused, with its token and without."""
    cleo, tables = client_of(still, "cleo"), schema.metadata.sorted_tables
    before = [kept(still, t) for t in tables]
    own = token(cleo)
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ):
        answer = cleo.post(url, data={**own, **fields}, headers=headers)
        assert answer.status_code == 403, headers
    assert cleo.post(url, data={**fields, "x": "1"}).status_code == 403
    assert cleo.post(url, data={**fields, **token(client_of(still, "ada"))}).status_code == 403
    assert cleo.post(url, json={**own, **fields}).status_code == 415
    assert cleo.get(url).status_code in {404, 405}

    assert [kept(still, t) for t in tables] == before
    assert still.community.comments.get(1, PEOPLE["ada"]).text == "Mine"


# ---------------------------------------------------------------------------- alone


def test_who_reads_alone_votes_and_comments(tmp_path):
    """In a private collection the owner does all this without a name or an account."""
    with open_library(tmp_path, clock=now, newsroom=no_sources) as alone:
        list(alone.file(RECORDS[:1], source="invented", page=PAGE, counts=Counter()))
        owner = client_of(alone)
        send(owner, "/paper/p1/vote", up=1)
        send(owner, "/paper/p1/comment", text="Note to myself")
        page = read(owner, "/paper/p1")

    assert "You 18 March 2026, 12:00 UTC Note to myself" in page.text
    assert "owner" not in page.text
    assert "Moderate" not in page.text
    assert "Close the comments" not in page.text
