"""Accounts: what is kept of a reader, how it goes, and what admins may do."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import orjson
import pytest
from sqlalchemy import insert, select

from broadsheet.collection import schema
from broadsheet.collection import votes as ballots
from broadsheet.errors import (
    NotAllowed,
    NotSignedIn,
    ReaderNotFound,
    RefusedError,
)
from broadsheet.readers.permissions import STRANGER, Actor
from readers.houses import INVITED, PASSWORD

OTHER = "nine loud swans"
AT = "2026-03-17T06:30:00Z"


class Identity(NamedTuple):
    """Whom an issuer vouches for."""

    issuer: str = "https://id.example.org"
    subject: str = "s-1"
    email: str = ""
    name: str = ""
    orcid: str = ""


def refusal(call, *args: Any, **more: Any) -> str:
    """Return in which words a call is refused."""
    with pytest.raises(RefusedError) as caught:
        call(*args, **more)
    return str(caught.value)


# ---------------------------------------------------------------------------- export, deletion


def _busy(built) -> Actor:
    """Return a reader of whom a bit of everything is kept."""
    ada, bea = built.reader("ada", password=PASSWORD), built.reader("bea")
    mine = {"reader_id": ada.id, "at": AT}
    theirs = {"reader_id": bea.id, "at": AT}
    here = {"paper_id": 1, "state": "shown"}
    rows = [
        *((schema.papers, _paper(key)) for key in (1, 2)),
        (schema.comments, mine | here | {"id": 7, "text": "hm"}),
        (schema.comments, theirs | here | {"id": 8, "text": "so", "parent_id": 7}),
        (schema.wordings, {"comment_id": 7, "text": "ho", "until": AT}),
        (schema.mutes, mine | {"muted_id": bea.id}),
        (schema.notices, mine | {"kind": "reply", "by_id": bea.id, "paper_id": 1}),
        (schema.claims, mine | {"paper_id": 2, "author": "A. L.", "how": "asked", "state": "x"}),
    ]
    with built.database.write() as connection:
        for table, values in rows:
            connection.execute(insert(table).values(values))
        for reader in (ada, bea):
            ballots.put(connection, 1, reader.id, AT, is_up=True)
        ballots.settle(connection, [1], AT)
    built.accounts.link_identity(ada, Identity())
    built.accounts.make_token(ada, "t", ["read"])
    return ada


def _paper(key: int) -> dict:
    types = {c.name: c.type.python_type for c in schema.papers.c if not c.nullable}
    plain = {str: "", int: 0, float: 0.0, bool: False, dict: {}, list: [], bytes: b""}
    return {name: plain[kind] for name, kind in types.items()} | {"id": key}


def test_an_export_has_everything_and_no_secret(built):
    """All that is kept of a reader, with papers and people by name, as JSON."""
    ada = _busy(built)
    told = built.accounts.export(ada)
    text = orjson.dumps(told).decode()

    assert told["account"]["email"] == "ada@example.org"
    assert {k: len(v) for k, v in told.items() if isinstance(v, list)} == {
        "identities": 1, "sessions": 1, "letters": 0, "tokens": 1, "votes": 1, "voted": 1,
        "comments": 1, "mutes": 1, "notices": 1, "reports": 0, "submissions": 0, "picks": 0,
        "claims": 1, "locks": 0, "actions": 0, "recipients": 0,
    }  # fmt: skip
    assert told["comments"][0]["earlier"] == [{"text": "ho", "until": AT}]
    assert (told["votes"][0]["paper"], told["mutes"][0]["muted"]) == ("p1", "bea")
    assert "argon2" not in text
    assert "digest" not in text
    assert built.accounts.export_of(built.admin(), "ADA") == told


def test_every_table_about_people_is_exported():
    """A table of what readers do that is added one day is not forgotten."""
    from broadsheet.collection.readers import _KEPT  # noqa: PLC0415

    with_reader = {t for t in schema.metadata.tables.values() if "reader_id" in t.c}
    # Subscriptions are told with their recipients, and with those of the account's address.
    assert with_reader == {*_KEPT, schema.subscriptions}


def test_deletion_leaves_no_trace_of_who_it_was(built):
    """The row stays without a name; votes count no more; the thread stands; nothing lets in."""
    accounts = built.accounts
    ada = _busy(built)
    session = accounts.sign_in("ada", PASSWORD)
    token = accounts.make_token(ada, "u", ["read"])
    accounts.set_role(built.admin(), "ada", "curator")
    accounts.invite(built.admin(), "ada@elsewhere.example")
    assert "not the password" in refusal(accounts.delete, ada, "wrong")
    accounts.delete(ada, PASSWORD)

    assert accounts.by_session(session.secret) is None
    assert accounts.by_token(token.secret) is None
    for name in ("ada", f"gone-{ada.id}"):
        with pytest.raises(ReaderNotFound):
            accounts.profile(name)
    readers = schema.readers.c
    row = select(readers.name, readers.email, readers.password, readers.state)
    assert built.rows(row.where(readers.id == ada.id)) == [
        (f"gone-{ada.id}", None, None, "deleted")
    ]
    comments = schema.comments.c
    assert built.rows(select(comments.text, comments.state).order_by(comments.id)) == [
        ("", "deleted"),
        ("so", "shown"),
    ]
    with built.database.read() as connection:
        assert ballots.counts(connection, [1])[1] == (1, 1, False)
        assert ballots.disagreements(connection) == []
    tables = set(schema.metadata.tables.values()) - {schema.letters}
    dump = {table.name: orjson.dumps(built.rows(select(table))) for table in tables}
    traces = (b'"ada"', b" ada", b"ada@", b"A. L.", b'"ho"', b'"hm"')
    assert [name for name, rows in dump.items() if any(trace in rows for trace in traces)] == []


def test_the_name_and_the_address_are_free_again(built):
    """Who left can come back as somebody new."""
    ada = built.reader("ada")
    assert "Write the name" in refusal(built.accounts.delete, ada, "")
    built.accounts.delete(ada, "Ada")
    again = built.reader("ada")

    assert again.id != ada.id
    assert built.rows(select(schema.letters.c.email).where(schema.letters.c.email == "ada@")) == []


def test_the_last_admin_stays(built):
    """Nobody can be left without somebody who administers."""
    accounts, owner = built.accounts, built.admin()
    bea = built.reader("bea")
    assert "last admin" in refusal(accounts.delete, owner, "owner")
    assert "last admin" in refusal(accounts.set_role, owner, "owner", "reader")
    accounts.set_role(owner, "bea", "admin")
    bea = accounts.actor("bea")
    accounts.set_role(bea, "owner", "reader")

    assert "last admin" in refusal(accounts.set_role, bea, "bea", "curator")
    assert "ban themselves" in refusal(accounts.ban, bea, "bea")
    assert "last admin" in refusal(accounts.forget, bea, "bea")


# ---------------------------------------------------------------------------- administration


def test_a_ban_works_at_once(built):
    """Sessions and tokens let nobody in, votes do not count, and it can be taken back."""
    accounts, owner = built.accounts, built.admin()
    ada = _busy(built)
    session, token = accounts.sign_in("ada", PASSWORD), accounts.make_token(ada, "x", ["read"])
    accounts.begin_sign_in("ada@example.org")
    letter = built.post.secret()
    accounts.ban(owner, "Ada", "spam")

    assert accounts.by_session(session.secret) is None
    assert accounts.by_token(token.secret) is None
    assert accounts.letter(letter) is None
    assert accounts.profile("ada").state == "banned"
    with pytest.raises(ReaderNotFound):
        accounts.actor("ada")
    with built.database.read() as connection:
        assert ballots.counts(connection, [1])[1].upvotes == 1
        assert ballots.disagreements(connection) == []
    accounts.unban(owner, "ada")
    assert accounts.by_session(session.secret) is None
    assert accounts.by_token(token.secret) is None
    assert accounts.sign_in("ada", PASSWORD).actor == ada
    with built.database.read() as connection:
        assert ballots.counts(connection, [1])[1].upvotes == 2
        assert ballots.disagreements(connection) == []
    assert "not banned" in refusal(accounts.unban, owner, "ada")
    log = select(schema.actions.c.action, schema.actions.c.subject, schema.actions.c.note)
    assert built.rows(log) == [("ban", "reader ada", "spam"), ("unban", "reader ada", "")]


def test_another_role_holds_at_once(built):
    """The session that is there carries it."""
    accounts = built.accounts
    built.reader("ada", password=PASSWORD)
    session = accounts.sign_in("ada", PASSWORD)
    accounts.set_role(built.admin(), "ada", "curator")

    assert accounts.by_session(session.secret).role == "curator"
    assert "A role is" in refusal(accounts.set_role, built.admin(), "ada", "visitor")
    with pytest.raises(ReaderNotFound):
        accounts.set_role(built.admin(), "nobody", "curator")


def test_an_invitation_makes_an_account_with_its_role(build):
    """It is sent where there is an address, given as a link in any case, and used once."""
    built = build(INVITED)
    accounts, owner = built.accounts, built.admin()
    invited = accounts.invite(owner, "Ada@example.org", "curator")
    secret = built.post.secret()
    built.wait(days=13)
    opened = accounts.letter(secret)
    session = accounts.use(secret, "ada")

    assert invited.link.endswith(secret)
    assert (invited.is_sent, opened.purpose, opened.role) == (True, "invite", "curator")
    assert (session.actor.role, accounts.account(session.actor).email) == (
        "curator",
        "ada@example.org",
    )
    assert "account already" in refusal(accounts.invite, owner, "ada@example.org")
    assert "not good" in refusal(accounts.use, secret, "ada2")


def test_an_invitation_to_nobody_in_particular_needs_a_password(build):
    """Its link is printed; who uses it has no address until they confirm one."""
    built = build(INVITED)
    accounts = built.accounts
    made = accounts.invite(built.admin())
    secret = made.link.rpartition("/")[2]

    assert (made.is_sent, built.post.sent) == (False, [])
    assert "Choose a password" in refusal(accounts.use, secret, "kim")
    kim = accounts.use(secret, "kim", PASSWORD).actor
    assert accounts.account(kim).email is None
    accounts.change_email(kim, "kim@example.org", PASSWORD)
    accounts.use(built.post.secret())
    assert accounts.account(kim).email == "kim@example.org"


def test_invitations_end(build):
    """By time, by being taken back, and with the power of whoever gave them."""
    built = build(INVITED)
    accounts, owner = built.accounts, built.admin()
    late, withdrawn, orphaned = (
        accounts.invite(owner, role="admin").link.rpartition("/")[2] for _ in range(3)
    )
    rows = accounts.invitations(owner)
    assert [(r.role, r.email) for r in rows] == [("admin", "")] * 3
    digest = hashlib.sha256(withdrawn.encode()).hexdigest()
    accounts.withdraw(owner, digest)
    assert "no such invitation" in refusal(accounts.withdraw, owner, digest)
    assert "not good" in refusal(accounts.use, withdrawn, "eve", PASSWORD)
    ada = accounts.use(late, "ada", PASSWORD).actor
    accounts.set_role(ada, "owner", "reader")
    assert "cannot do so any more" in refusal(accounts.use, orphaned, "eve", PASSWORD)
    built.wait(days=14)
    assert "not good" in refusal(accounts.use, orphaned, "eve", PASSWORD)
    accounts.rules = INVITED._replace(sign_up="closed")
    assert "closed" in refusal(accounts.invite, ada)


def test_links_are_bound_to_what_they_are_for(built):
    """A link to sign in makes no account, a link for an address lets nobody in."""
    accounts = built.accounts
    ada = built.reader("ada")
    accounts.begin_sign_in("ada@example.org")
    assert accounts.use(built.post.secret(), name="somebody-else").actor == ada
    accounts.change_email(ada, "new@example.org")

    assert accounts.use(built.post.secret(), name="x", password=OTHER) is None
    assert [a.account.name for a in accounts.readers(built.admin())] == ["owner", "ada"]


def test_the_list_shows_when_somebody_was_here(built):
    """Admins see who has an account, and when a session was last used."""
    built.reader("ada")
    listed = built.accounts.readers(built.admin())

    assert [(x.account.name, x.account.role, x.seen) for x in listed] == [
        ("owner", "admin", None),
        ("ada", "reader", AT),
    ]


def test_who_forgot_a_password_and_gets_no_letters_is_given_a_link(built):
    """By an admin, who stands in the log for it."""
    ada = built.reader("ada", password=PASSWORD)
    secret = built.accounts.link_for(built.admin(), "ada")
    built.accounts.use(secret, password=OTHER)

    assert built.accounts.sign_in("ada", OTHER).actor == ada
    log = select(schema.actions.c.action, schema.actions.c.subject)
    assert built.rows(log) == [("link", "reader ada")]
    with pytest.raises(ReaderNotFound):
        built.accounts.link_for(built.admin(), "nobody")


def test_the_owner_gets_a_name_an_address_and_a_link(built):
    """So a private collection becomes a shared one, and its owner gets in."""
    accounts = built.accounts
    built.reader("bea")
    assert "taken" in refusal(accounts.own, built.admin(), "a@example.org", "bea")
    assert "account already" in refusal(accounts.own, built.admin(), "bea@example.org")
    secret = accounts.own(built.admin(), "ada@example.org", "ada")
    session = accounts.use(secret, password=PASSWORD)
    again = accounts.use(accounts.own(built.admin()))

    assert session.actor == again.actor == Actor(1, "admin", "ada")
    assert accounts.sign_in("ada@example.org", PASSWORD).actor.id == 1


@pytest.mark.parametrize(
    ("call", "args"),
    [("account", ()), ("sessions", ()), ("end_session", ("x",)), ("sign_out_everywhere", ()),
     ("rename", ("x",)), ("set_password", ("", PASSWORD)), ("change_email", ("a@example.org",)),
     ("make_token", ("t", ["read"])), ("tokens", ()), ("end_token", (1,)), ("identities", ()),
     ("link_identity", (Identity(),)), ("unlink_identity", ("x",)), ("export", ()),
     ("delete", ("",))],
)  # fmt: skip
def test_nobody_in_particular_has_no_account(built, call, args):
    """What belongs to an account needs one."""
    with pytest.raises(NotSignedIn):
        getattr(built.accounts, call)(STRANGER, *args)


@pytest.mark.parametrize(
    ("call", "args"),
    [("readers", ()), ("set_role", ("ada", "admin")), ("ban", ("owner",)), ("unban", ("owner",)),
     ("export_of", ("owner",)), ("forget", ("owner",)), ("invite", ()), ("invitations", ()),
     ("withdraw", ("x",)), ("link_for", ("ada",)), ("own", ("a@example.org",))],
)  # fmt: skip
def test_only_admins_administer(built, call, args):
    """Neither readers nor curators do, nor an admin's token without the scope."""
    built.reader("ada")
    for actor in (
        Actor(2, "reader", "ada"),
        Actor(2, "curator", "ada"),
        Actor(1, "admin", "owner", frozenset({"read", "act", "curate"})),
    ):
        with pytest.raises(NotAllowed):
            getattr(built.accounts, call)(actor, *args)


def test_a_reader_is_shown_by_another_name(built):
    """One line without what is invisible; the plain name stays."""
    ada = built.reader("ada")
    built.accounts.rename(ada, "  Ada\u202e <b>Lovelace</b>\n ")

    assert built.accounts.profile("ADA").shown == "Ada <b>Lovelace</b>"
    assert "80" in refusal(built.accounts.rename, ada, "x" * 81)
