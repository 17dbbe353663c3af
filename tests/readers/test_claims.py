"""Author claims: what proves one, who decides the others, and what merges do to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.collection import actions, submissions
from broadsheet.collection.submissions import Given
from broadsheet.errors import NotAllowed, NotSignedIn, PaperNotFound, RefusedError, TooOften
from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from broadsheet.readers.claims import MOST_A_DAY, MOST_WAITING, ClaimNotFound
from broadsheet.readers.permissions import OWNER, VISITOR, Actor
from broadsheet.readers.proofs import author_named, author_with, proof
from readers.circle import filed, join, logged, told

ORCID = "0000-0002-1825-0097"
KITES = Record(
    "openalex", "W1", "Kites over the invented sea", authors=("Ada Example", "Bo Sample"),
    extra={"orcids": {"Ada Example": ORCID}, "contact": "Write to <bo@kites.example>, please."},
)  # fmt: skip
NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
_numbers = count(1)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Give a library in which each test has papers and readers of its own."""
    with open_library(tmp_path_factory.mktemp("claims") / "home", clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def kites(library):
    """Return the id of a paper of two authors."""
    return f"p{paper_of(library, KITES)}"


def paper_of(library, record):
    """Return a paper that is like a record, and none that was filed before."""
    number = next(_numbers)
    title = f"{record.title}, {number} times {number}"
    return filed(library, replace(record, key=f"{record.key}.{number}", title=title))[0]


def newcomer(library, name, role="reader", **more: object):
    """Return a reader whom no other test knows."""
    return join(library, f"{name}-{next(_numbers)}", role, **more)


# ------------------------------------------------------------------ what proves a claim


def test_an_orcid_that_a_source_gives_proves_a_claim(library, kites):
    """Nobody need say which author they are, and the claim counts at once."""
    ada = newcomer(library, "ada", orcid=ORCID)
    claim = library.claims.claim(ada, kites)

    assert (claim.author, claim.how, claim.state) == ("Ada Example", "orcid", "granted")
    assert library.claims.authors_of(claim.paper) == {ada.id: "Ada Example"}
    assert [c.name for c in library.claims.of_paper(claim.paper)] == [ada.name]


def test_an_orcid_proves_nothing_about_another_author(library, kites):
    """It stands beside a name, which must be the one that is claimed."""
    ada = newcomer(library, "ada", orcid=ORCID)
    claim = library.claims.claim(ada, kites, "Bo Sample")

    assert (claim.how, claim.state) == ("asked", "waiting")
    assert library.claims.authors_of(claim.paper) == {}


def test_an_address_in_a_record_proves_a_claim(library, kites):
    """In whatever field it stands, in whatever case."""
    bo = newcomer(library, "bo", email="Bo@Kites.example")
    claim = library.claims.claim(bo, kites, "Sample")

    assert (claim.author, claim.how, claim.state) == ("Bo Sample", "email", "granted")


@pytest.mark.parametrize("email", ["o@kites.example", "bo@kites.exampl", "bo@kites.example.org"])
def test_a_part_of_an_address_proves_nothing(library, kites, email):
    """Only the whole address is somebody's."""
    bo = newcomer(library, "bo", email=email)

    assert library.claims.claim(bo, kites, "Bo Sample").state == "waiting"


@pytest.mark.parametrize("source", ["submitted", "by-hand"])
def test_what_readers_entered_proves_nothing(library, source):
    """Else anybody could enter a paper with their own address and be its author."""
    address = f"eve@{source}.example"
    paper = paper_of(library, replace(KITES, source=source, extra={"email": address}))
    eve = newcomer(library, "eve", email=address)

    assert library.claims.claim(eve, f"p{paper}", "Ada Example").state == "waiting"


def test_names_beside_addresses_are_heeded():
    """However a source nests them."""
    people = [
        {"given": "Ada", "family": "Example", "contact": {"email": "ada@kites.example"}},
        {"name": "B. Sample", "email": ["bo@kites.example"]},
    ]
    record = Record("file", "1", "T", authors=("Ada Example", "Bo Sample"), extra={"who": people})

    assert proof([record], "Ada Example", "ada@kites.example", None) == "email"
    assert proof([record], "Bo Sample", "ada@kites.example", None) is None
    assert proof([record], "Bo Sample", "bo@kites.example", None) == "email"
    assert proof([record], "Bo Sample", None, None) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Ada Example", "Ada Example"),
        ("  ada   EXAMPLE ", "Ada Example"),
        ("Noura", "Čeněk Ňoura"),
        ("Sample", None),
        ("B. Sample", "B. Sample"),
        ("Eve Example", None),
        ("", None),
        ("Nobody", None),
    ],
)
def test_a_name_means_one_author_or_none(name, meant):
    """A surname will do where only one author has it."""
    authors = ("Ada Example", "B. Sample", "Bo Sample", "Čeněk Ňoura")
    assert author_named(authors, name) == meant


_values = st.recursive(
    st.none() | st.integers() | st.text() | st.just("ada@kites.example") | st.just(ORCID),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), _values), st.lists(st.text(), max_size=3), st.text())
def test_whatever_sources_keep_can_be_looked_through(extra, authors, name):
    """And what does not stand there proves nothing."""
    record = Record("file", "1", "T", authors=tuple(authors), extra=extra)
    found = proof([record], name, "ada@kites.example", ORCID)

    assert found is None or "ada@" in str(extra) or ORCID in str(extra)
    assert proof([record], name, "eve@kites.example", "0000-0000-0000-0001") is None
    assert author_with([record], authors, None) is None


# ------------------------------------------------------------------ what nobody can claim


def test_an_author_must_be_one_of_the_paper(library, kites):
    """What is said is said back, and nothing is kept."""
    eve = newcomer(library, "eve")
    with pytest.raises(RefusedError, match="“Eve” is not among the authors"):
        library.claims.claim(eve, kites, "Eve")
    with pytest.raises(RefusedError, match="Say which of the authors"):
        library.claims.claim(eve, kites)
    with pytest.raises(PaperNotFound):
        library.claims.claim(eve, "p999", "Ada Example")

    assert library.claims.claims(eve) == []


def test_a_paper_without_authors_has_none_to_be(library):
    """A name cannot be among none."""
    paper = paper_of(library, Record("file", "1", "Nobody wrote this"))
    with pytest.raises(RefusedError, match="No source names the authors"):
        library.claims.claim(newcomer(library, "eve"), f"p{paper}", "Eve")


def test_only_readers_claim_and_only_admins_decide(library, kites):
    """The library asks, whoever calls it."""
    curator = newcomer(library, "cy", "curator")
    claim = library.claims.claim(newcomer(library, "eve"), kites, "Ada Example")
    with pytest.raises(NotSignedIn):
        library.claims.claim(VISITOR, kites, "Ada Example")
    with pytest.raises(NotAllowed):
        library.claims.decide(curator, claim.id, is_granted=True)
    with pytest.raises(NotAllowed):
        library.claims.claim(Actor(1, "admin", "o", frozenset({"read"})), kites, "Ada Example")


def test_a_reader_waits_with_few_claims_at_a_time(library):
    """Admins are not to be flooded."""
    lone = replace(KITES, authors=("A B",))
    papers = [paper_of(library, lone) for _ in range(MOST_WAITING + 1)]
    eve = newcomer(library, "eve")
    for paper in papers[:-1]:
        library.claims.claim(eve, f"p{paper}")
    with pytest.raises(RefusedError, match="wait for an admin already"):
        library.claims.claim(eve, f"p{papers[-1]}")


def test_claims_that_are_made_and_withdrawn_again_and_again_come_to_an_end(library, kites):
    """Else the record would grow by as many as a program makes."""
    eve = newcomer(library, "eve")
    for _ in range(MOST_A_DAY):
        library.claims.withdraw(eve, library.claims.claim(eve, kites, "Bo Sample").id)
    with pytest.raises(TooOften) as caught:
        library.claims.claim(eve, kites, "Bo Sample")

    assert caught.value.retry_after == 86_400


def test_who_has_left_meanwhile_claims_nothing(library, kites):
    """Somebody is known at the beginning of a request, and the account may end before its end."""
    ada = newcomer(library, "ada", orcid=ORCID)
    library.accounts.forget(OWNER, ada.name)
    with pytest.raises(NotSignedIn):
        library.claims.claim(ada, kites, "Ada Example")


# ------------------------------------------------------------------ deciding


def test_an_admin_grants_with_a_notice_and_the_log_says_so(library, kites):
    """Until then nobody sees it."""
    eve = newcomer(library, "eve")
    waiting = library.claims.claim(eve, kites, "Bo Sample", "I married.")
    assert library.claims.claims(OWNER, state="waiting")[0] == waiting
    granted = library.claims.decide(OWNER, waiting.id, is_granted=True, reason="Asked the editor")

    assert (granted.state, granted.decided_by) == ("granted", "owner")
    assert library.claims.authors_of(granted.paper) == {eve.id: "Bo Sample"}
    assert told(library, eve) == ["Your claim to be Bo Sample was granted: Asked the editor"]
    done = ("grant claim", f"paper {kites}", f"{eve.name} as Bo Sample: Asked the editor")
    assert [line for line in logged(library) if kites in line[1].split()] == [done]
    again = library.claims.decide(OWNER, waiting.id, is_granted=True)
    assert again == granted
    assert logged(library)[-1] == done


def test_what_was_granted_can_be_refused_and_stays_so(library, kites):
    """Whoever was refused asks the admin, not the form."""
    ada = newcomer(library, "ada", orcid=ORCID)
    claim = library.claims.claim(ada, kites)
    library.claims.decide(OWNER, claim.id, is_granted=False)

    assert library.claims.authors_of(claim.paper) == {}
    with pytest.raises(RefusedError, match="refused this claim"):
        library.claims.claim(ada, kites)
    assert library.claims.decide(OWNER, claim.id, is_granted=True).state == "granted"
    assert logged(library)[-1][2] == f"{ada.name} as {claim.author}"


def test_a_claim_is_withdrawn_by_whom_it_belongs_to(library, kites):
    """And can be made anew."""
    ada, eve = newcomer(library, "ada", orcid=ORCID), newcomer(library, "eve")
    claim = library.claims.claim(ada, kites)
    with pytest.raises(ClaimNotFound):
        library.claims.withdraw(eve, claim.id)
    with pytest.raises(ClaimNotFound):
        library.claims.withdraw(ada, 999)
    assert library.claims.withdraw(ada, claim.id).state == "ended"
    assert library.claims.authors_of(claim.paper) == {}
    with pytest.raises(RefusedError, match="withdrawn"):
        library.claims.decide(OWNER, claim.id, is_granted=True)
    assert library.claims.claim(ada, kites).id != claim.id


def test_readers_see_their_own_claims_and_admins_all(library, kites):
    """What others claimed is nobody's business until it is granted."""
    ada, eve = newcomer(library, "ada", orcid=ORCID), newcomer(library, "eve")
    mine = library.claims.claim(ada, kites)
    hers = library.claims.claim(eve, kites, "Bo Sample")

    assert library.claims.claims(ada) == [mine]
    assert library.claims.claims(OWNER)[:2] == [hers, mine]
    assert library.claims.own(eve, mine.paper) == hers
    assert library.claims.own(VISITOR, mine.paper) is None


def test_the_owner_of_a_private_collection_is_believed(library, kites):
    """There is no other admin to wait for; the log has it."""
    claim = library.claims.claim(OWNER, kites, "Ada Example")

    assert (claim.state, claim.how, claim.decided_by) == ("granted", "asked", "owner")
    assert logged(library)[-1] == ("grant claim", f"paper {kites}", "Ada Example")


def test_whoever_is_banned_is_shown_as_nobodys_author(library, kites):
    """The claim stays for when they may come back."""
    ada = newcomer(library, "ada", orcid=ORCID)
    claim = library.claims.claim(ada, kites)
    library.accounts.ban(OWNER, ada.name)

    assert library.claims.authors_of(claim.paper) == {}
    assert library.claims.of_paper(claim.paper) == []


def test_the_log_does_not_say_who_left(library, kites):
    """Neither the name nor the author that they were; what others did stays as it is."""
    ada, admin = newcomer(library, "ada", shown="A. L."), newcomer(library, "dan", "admin")
    other = join(library, f"{ada.name}-too")
    for who in (ada, other):
        claim = library.claims.claim(who, kites, "Bo Sample")
        library.claims.decide(admin, claim.id, is_granted=True, reason="I know her")
    curator = ada._replace(role="curator")
    library.picks.pick(curator, kites, "good")
    library.picks.unpick(admin, kites)
    with library.database.write() as connection:
        number = submissions.add(connection, Given(ada.id, "x", "waiting"), "2026-03-17T06:30:00Z")
        note = f"p9 by {ada.name}: fine"
        said = ("take", f"submission {number}", note, "2026-03-17T06:30:00Z")
        actions.note(connection, admin.id, *said)
    before = len(logged(library))
    library.accounts.forget(admin, ada.name)

    gone = f"gone-{ada.id}"
    assert logged(library)[before - 2 : before] == [
        ("unpick", f"paper {kites} on 2026-03-17", f"picked by {gone}: good"),
        ("take", f"submission {number}", f"p9 by {gone}: fine"),
    ]
    notes = [note for action, _, note in logged(library) if action == "grant claim"][-2:]
    assert notes == [gone, f"{other.name} as Bo Sample: I know her"]


# ------------------------------------------------------------------ merges and crowds


def test_claims_follow_a_merge_and_its_undoing(library, kites):
    """They name the paper that they were made to, and are read where that leads."""
    other = paper_of(library, Record("file", "1", "Kites over the sea", authors=("Ada Example",)))
    ada, eve = newcomer(library, "ada", orcid=ORCID), newcomer(library, "eve")
    library.claims.claim(ada, kites)
    library.claims.claim(ada, f"p{other}")
    library.claims.claim(eve, f"p{other}")
    decision = library.deciding.merge(kites, f"p{other}")
    paper = library.resolve(f"p{other}")

    assert library.claims.authors_of(paper) == {ada.id: "Ada Example"}
    assert [c.paper for c in library.claims.claims(OWNER, 3)] == [paper] * 3
    assert library.claims.claim(eve, kites).state == "waiting"
    assert [c.reader for c in library.claims.claims(OWNER, 3)] == [eve.id, ada.id, ada.id]
    library.deciding.undo(decision.id)
    assert library.claims.own(ada, other).paper == other
    assert library.claims.own(eve, library.resolve(kites)) is None


def test_a_crowd_claims_each_once(library, kites):
    """The same claim from many threads is one."""
    ada = newcomer(library, "ada", orcid=ORCID)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: library.claims.claim(ada, kites), range(40)))

    assert len(set(claims)) == 1
    assert library.claims.claims(ada) == claims[:1]
