"""Accounts: how people come in, what lets them in, what is kept of them, and what is not told."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select, update

from broadsheet.collection import schema
from broadsheet.collection.database import Database
from broadsheet.errors import (
    NotAllowed,
    NotSignedIn,
    RefusedError,
    StoreError,
    TooOften,
)
from broadsheet.readers import passwords
from broadsheet.readers.permissions import Actor
from readers.houses import INVITED, OPEN, PASSWORD, House

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


# ---------------------------------------------------------------------------- signing up


def test_a_link_makes_an_account_once(built):
    """Who signs up gets a letter, whose link makes the account and lets them in, once."""
    accounts = built.accounts
    accounts.sign_up(" Ada@Example.ORG ", "Ada", "192.0.2.1")
    secret = built.post.secret()
    opened = accounts.letter(secret)
    session = accounts.use(secret) if False else accounts.use(secret, "Ada")

    assert (opened.purpose, opened.email, opened.name) == ("sign_up", "ada@example.org", "ada")
    assert session.actor == Actor(2, "reader", "ada")
    assert accounts.by_session(session.secret) == session.actor
    assert accounts.letter(secret) is None
    assert "not good any more" in refusal(accounts.use, secret, "bea")
    assert accounts.account(session.actor).email == "ada@example.org"


def test_looking_at_a_link_changes_nothing(built):
    """What follows all links of a mailbox, too, does not use them up."""
    built.accounts.sign_up("ada@example.org")
    secret = built.post.secret()
    before = built.rows(select(schema.letters))
    opened = [built.accounts.letter(secret) for _ in range(3)]

    assert len(set(opened)) == 1
    assert built.rows(select(schema.letters)) == before


def test_a_link_is_used_by_one_of_many_at_the_same_time(built):
    """Two who follow a link at once do not both get in, whichever process answers them."""
    built.accounts.sign_up("ada@example.org")
    secret = built.post.secret()
    with Database(built.database.path) as database:
        beside = House(database, OPEN)

        def follow(number: int) -> object:
            accounts = (built if number % 2 else beside).accounts
            try:
                return accounts.use(secret, f"ada{number}")
            except RefusedError as error:
                return str(error)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(follow, range(8)))

    assert len([f for f in found if not isinstance(f, str)]) == 1
    assert len(built.rows(select(schema.readers.c.id))) == 2


def test_what_is_refused_leaves_the_link_good(built):
    """A taken name or a bad password does not use the link up."""
    accounts = built.accounts
    built.reader("ada")
    accounts.sign_up("bea@example.org")
    secret = built.post.secret()

    assert "taken" in refusal(accounts.use, secret, "ADA")
    assert "10 to 200" in refusal(accounts.use, secret, "bea", "short")
    assert "guessed" in refusal(accounts.use, secret, "bea", "bea@example.org")
    assert accounts.use(secret, "bea", PASSWORD).actor.name == "bea"


def test_a_link_ends_after_an_hour(built):
    """An old letter lets nobody in."""
    built.accounts.sign_up("ada@example.org")
    secret = built.post.secret()
    built.wait(minutes=59)
    assert built.accounts.letter(secret) is not None
    built.wait(minutes=1)

    assert built.accounts.letter(secret) is None
    assert "not good any more" in refusal(built.accounts.use, secret, "ada")


def test_an_address_makes_one_account(built):
    """Of two letters to one address the second makes no second account."""
    accounts = built.accounts
    accounts.sign_up("ada@example.org")
    first = built.post.secret()
    accounts.sign_up("ADA@example.org")
    second = built.post.secret()
    accounts.use(first, "ada")

    assert "not good any more" in refusal(accounts.use, second, "ada2")


def test_who_may_sign_up(build):
    """The rule of the house holds when one asks, and when one follows the link."""
    built = build(INVITED)
    accounts = built.accounts
    assert "invitation" in refusal(accounts.sign_up, "ada@example.org")
    accounts.rules = OPEN
    accounts.sign_up("ada@example.org")
    secret = built.post.secret()
    for mode in ("invited", "closed"):
        accounts.rules = OPEN._replace(sign_up=mode)
        assert "any more" in refusal(accounts.use, secret, "ada")
    accounts.rules = OPEN._replace(is_shared=False)
    assert "private" in refusal(accounts.use, secret, "ada")
    assert "private" in refusal(accounts.sign_up, "bea@example.org")
    assert "private" in refusal(accounts.begin_sign_in, "bea@example.org")


def test_without_letters_nobody_signs_up_by_one(build):
    """Where nothing sends letters this is said, and an invitation needs a password."""
    built = build(has_post=False)
    accounts = built.accounts

    assert not accounts.can_write
    assert "No letters" in refusal(accounts.sign_up, "ada@example.org")
    secret = accounts.invite(built.admin()).link.rpartition("/")[2]
    assert "Choose a password" in refusal(accounts.use, secret, "ada")
    assert accounts.use(secret, "ada", PASSWORD).actor.name == "ada"


# ---------------------------------------------------------------------------- enumeration


def _counted(built, call) -> tuple[object, int, int]:
    """Return what a call answered, the letters it sent and the rows it wrote."""
    sent, kept = len(built.post.sent), len(built.rows(select(schema.letters)))
    answer = call()
    return (
        answer,
        len(built.post.sent) - sent,
        len(built.rows(select(schema.letters))) - kept,
    )


@pytest.mark.parametrize("asked", ["sign_up", "begin_sign_in"])
def test_known_and_unknown_addresses_are_answered_alike(built, asked):
    """Nobody learns from the answer, or from the number of letters, who has an account."""
    built.reader("ada")
    built.accounts.ban(built.admin(), built.reader("bea").name)
    call = getattr(built.accounts, asked)
    found = [
        _counted(built, lambda who=who: call(f"{who}@example.org", client="192.0.2.7"))
        for who in ("ada", "bea", "nobody")
    ]

    assert found == [(None, 1, 1)] * 3
    told = [letter.text for letter in built.post.sent[-3:]]
    assert "one already" in told[0] or "signs you in" in told[0]
    assert ("makes it" in told[2]) == (asked == "sign_up")


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(built, monkeypatch):
    """The same words, and the same work: one hash is computed for either."""
    built.reader("ada", password=PASSWORD)
    built.reader("without")
    hashes = []
    plain = passwords._hasher().verify

    def counted(_self: object, kept: str, given: str) -> bool:
        hashes.append(kept)
        return plain(kept, given)

    monkeypatch.setattr(type(passwords._hasher()), "verify", counted)
    words = {
        refusal(built.accounts.sign_in, who, "wrong password")
        for who in ("ada", "ada@example.org", "nobody", "nobody@example.org", "without", "\0@")
    }

    assert len(words) == 1
    assert len(hashes) == 6
    assert {h.split("$")[1:4] == ["argon2id", "v=19", "m=19456,t=2,p=1"] for h in hashes} == {True}


def test_a_banned_reader_is_told_so_only_with_the_password(built):
    """Others cannot tell a banned account from none."""
    built.reader("ada", password=PASSWORD)
    built.accounts.ban(built.admin(), "ada")

    assert "banned" in refusal(built.accounts.sign_in, "ada", PASSWORD)
    assert "do not go together" in refusal(built.accounts.sign_in, "ada", "wrong password")


# ---------------------------------------------------------------------------- signing in


def test_a_password_lets_in_by_name_and_by_address(built):
    """Each time there is a new session; a link by letter does the same."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    by_name = accounts.sign_in(" Ada", PASSWORD, "Firefox\n on\x00 paper" + "." * 900)
    by_email = accounts.sign_in("ADA@example.org", PASSWORD)
    accounts.begin_sign_in("ada@example.org")
    by_letter = accounts.use(built.post.secret())

    assert {s.actor for s in (by_name, by_email, by_letter)} == {ada}
    assert len({s.secret for s in (by_name, by_email, by_letter)}) == 3
    seen = accounts.sessions(ada, by_name.secret)
    assert len(seen) == 4
    assert [s.agent for s in seen if s.is_this] == [("Firefox on paper" + "." * 900)[:200]]


def test_letters_keys_are_nowhere_in_the_record(built):
    """Whoever reads the record can use nothing of it."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    session = accounts.sign_in("ada", PASSWORD)
    token = accounts.make_token(ada, "backup", ["read"])
    accounts.begin_sign_in("ada@example.org")
    secrets = [session.secret, token.secret, built.post.secret(), PASSWORD]
    kept = built.database.path.read_bytes()
    kept += built.database.path.with_name("broadsheet.db-wal").read_bytes()

    assert not [s for s in secrets if s.encode() in kept]
    assert hashlib.sha256(session.secret.encode()).hexdigest().encode() in kept


def test_a_session_lives_while_it_is_used(built):
    """It ends thirty days after it was last used, which is written down at most hourly."""
    accounts = built.accounts
    built.reader("ada", password=PASSWORD)
    session = accounts.sign_in("ada", PASSWORD)
    built.wait(minutes=50)
    accounts.by_session(session.secret)
    unchanged = accounts.sessions(session.actor, session.secret)[0]
    for _ in range(3):
        built.wait(days=29)
        assert accounts.by_session(session.secret) == session.actor
        accounts.settle()
    seen = [s for s in accounts.sessions(session.actor, session.secret) if s.is_this]
    built.wait(days=30)

    assert unchanged.used == "2026-03-17T06:30:00Z"
    assert [s.used for s in seen] == ["2026-06-12T07:20:00Z"]
    assert accounts.by_session(session.secret) is None


def test_who_is_known_may_read_where_nothing_can_be_written(built, monkeypatch):
    """A full disk shuts nobody out."""
    ada = built.reader("ada", password=PASSWORD)
    session = built.accounts.sign_in("ada", PASSWORD)
    token = built.accounts.make_token(ada, "t", ["read"])
    built.wait(days=1)

    def full(_change: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(built.together, "write", full)
    assert built.accounts.by_session(session.secret) == ada
    assert built.accounts.by_token(token.secret).name == "ada"


def test_what_is_no_secret_lets_nobody_in(built):
    """Guesses, digests and the secrets of other things are worth nothing."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    session = accounts.sign_in("ada", PASSWORD)
    token = accounts.make_token(ada, "t", ["read"])
    accounts.begin_sign_in("ada@example.org")
    letter = built.post.secret()
    digest = hashlib.sha256(session.secret.encode()).hexdigest()

    for guess in ("", "a", "\udcff", digest, token.secret, letter, session.secret + "="):
        assert accounts.by_session(guess) is None
    for guess in ("", digest, session.secret, letter, token.secret.lower()):
        assert accounts.by_token(guess) is None
    for guess in ("", digest, session.secret, token.secret):
        assert accounts.letter(guess) is None


def test_signing_out_ends_a_session_and_all(built):
    """One, one of them by name, or everything."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    bea = built.reader("bea")
    one, two, three = (accounts.sign_in("ada", PASSWORD) for _ in range(3))
    accounts.sign_out(one.secret)
    other = next(s.id for s in accounts.sessions(ada, two.secret) if s.is_this)
    assert "no such session" in refusal(accounts.end_session, bea, other)
    accounts.end_session(ada, other)

    assert [accounts.by_session(s.secret) for s in (one, two)] == [None, None]
    assert accounts.by_session(three.secret) == ada
    accounts.sign_out_everywhere(ada)
    assert accounts.by_session(three.secret) is None


def test_sessions_are_bounded(built):
    """Of very many the one used longest ago ends, and nobody else's."""
    accounts = built.accounts
    ada, bea = built.reader("ada"), built.reader("bea")
    sessions = []
    for _ in range(52):
        built.wait(seconds=1)
        sessions.append(accounts._together.write(lambda c: accounts._admit(c, ada.id, "")))

    assert len(accounts.sessions(ada)) == 50
    assert [accounts.by_session(s.secret) for s in sessions[:3]] == [None, None, ada]
    assert len(accounts.sessions(bea)) == 1


def test_guessing_passwords_slows_down_and_never_locks(built):
    """After many wrong ones even the right one must wait; a link lets in meanwhile."""
    accounts = built.accounts
    built.reader("ada", password=PASSWORD)
    for number in range(20):
        refusal(accounts.sign_in, "ada", "wrong password", client=f"192.0.2.{number}")
    with pytest.raises(TooOften) as caught:
        accounts.sign_in("Ada ", PASSWORD, client="192.0.2.99")
    accounts.begin_sign_in("ada@example.org", "192.0.2.99")

    assert 0 < caught.value.retry_after <= 900
    assert accounts.use(built.post.secret()).actor.name == "ada"
    built.wait(minutes=15)
    for _ in range(30):  # what is right counts for nothing
        accounts.sign_in("ada", PASSWORD)


def test_who_must_wait_learns_nothing_of_whose_address_it_is(built):
    """What was tried with a name that all may see slows no address down, whoever has it."""
    accounts = built.accounts
    built.reader("ada", password=PASSWORD)
    for number in range(20):
        refusal(accounts.sign_in, "ada", "wrong password", client=f"192.0.2.{number}")
    for who in ("ada@example.org", "nobody@example.org"):
        assert "together" in refusal(accounts.sign_in, who, "wrong password")
    for who in ("ada@b\u00fccher.example", "nobody@b\u00fccher.example"):
        for number in range(20):
            refusal(accounts.sign_in, who, "wrong password", client=f"192.0.2.{number}")
        with pytest.raises(TooOften):
            accounts.sign_in(who.replace("b\u00fccher", "xn--bcher-kva"), "wrong password")


def test_a_password_that_is_changed_meanwhile_lets_nobody_in(built, monkeypatch):
    """To check one takes a while, in which its reader may have chosen another one."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    plain = passwords.verify

    def verify(kept: str | None, password: str) -> passwords.Verdict:
        verdict = plain(kept, password)
        monkeypatch.setattr(passwords, "verify", plain)
        accounts.set_password(ada, PASSWORD, OTHER)
        return verdict

    monkeypatch.setattr(passwords, "verify", verify)

    assert "together" in refusal(accounts.sign_in, "ada", PASSWORD)
    assert accounts.sign_in("ada", OTHER).actor == ada
    assert len(accounts.sessions(ada)) == 2


def test_a_client_cannot_try_many_accounts(built):
    """Guessing one password for everybody is slowed down, too, across a whole IPv6 net."""
    for number in range(60):
        client = f"2001:db8::{number:x}"
        refusal(built.accounts.sign_in, f"reader{number}", "wrong password", client=client)
    with pytest.raises(TooOften):
        built.accounts.sign_in("another", "wrong password", client="2001:db8::ffff")
    assert "together" in refusal(
        built.accounts.sign_in, "another", "wrong password", client="2001:db8:0:1::1"
    )


def test_nobody_is_flooded_with_letters(built):
    """An address gets few letters, known or not, and a client causes few."""
    accounts = built.accounts
    built.reader("ada")
    for who in ("ada", "nobody"):
        before = len(built.post.to(f"{who}@example.org"))
        for number in range(3 - before):
            accounts.begin_sign_in(f"{who}@example.org", f"192.0.2.{number}")
        with pytest.raises(TooOften):
            accounts.sign_up(f"{who}@example.org", client="192.0.2.200")
    for number in range(20):
        accounts.begin_sign_in(f"x{number}@example.org", "192.0.2.50")
    with pytest.raises(TooOften):
        accounts.begin_sign_in("y@example.org", "192.0.2.50")


# ---------------------------------------------------------------------------- passwords


def test_a_new_password_ends_all_other_sessions(built):
    """Who has the old session has nothing; a letter tells of it."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    old = accounts.sign_in("ada", PASSWORD)
    accounts.begin_sign_in("ada@example.org")
    link = built.post.secret()
    assert "not the password" in refusal(accounts.set_password, ada, "wrong", OTHER)
    fresh = accounts.set_password(ada, PASSWORD, OTHER)

    assert accounts.by_session(old.secret) is None
    assert accounts.by_session(fresh.secret) == ada
    assert accounts.letter(link) is None
    assert "was changed" in built.post.sent[-1].text
    assert "together" in refusal(accounts.sign_in, "ada", PASSWORD)
    assert accounts.sign_in("ada", OTHER).actor == ada


def test_a_link_sets_a_password_that_was_forgotten(built):
    """It ends all sessions there were, as any new password does."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    old = accounts.sign_in("ada", PASSWORD)
    accounts.begin_sign_in("ada@example.org")
    fresh = accounts.use(built.post.secret(), password=OTHER)

    assert accounts.by_session(old.secret) is None
    assert accounts.by_session(fresh.secret) == ada
    assert accounts.sign_in("ada", OTHER).actor == ada


def test_a_hash_of_weaker_parameters_is_made_anew(built):
    """When the parameters change, whoever signs in is kept by the new ones."""
    from argon2 import PasswordHasher  # noqa: PLC0415

    ada = built.reader("ada", password=PASSWORD)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with built.database.write() as connection:
        connection.execute(
            update(schema.readers).where(schema.readers.c.id == ada.id).values(password=weak)
        )
    built.accounts.sign_in("ada", PASSWORD)
    kept = built.rows(select(schema.readers.c.password).where(schema.readers.c.id == ada.id))

    assert kept[0][0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert built.accounts.sign_in("ada", PASSWORD).actor == ada


@pytest.mark.parametrize(
    "password",
    ["", "nine char", "x" * 201, "Password123", "aaaaaaaaaaaa", "ababababab", "ada-lovelace",
     "Ada-Lovelace1815!", "ada-lovelace@example.org"],
)  # fmt: skip
def test_passwords_that_are_guessed_first_are_refused(password):
    """Too short, too long, common, of few letters, or one's own name."""
    with pytest.raises(RefusedError):
        passwords.check(password, "ada-lovelace", "ada-lovelace@example.org")


@pytest.mark.parametrize(
    "password", ["seven quiet herons", "x7#kQ!v2 zz", "ждёт на берегу", "a b c d e f"]
)
def test_passwords_need_no_special_signs(password):
    """What is long enough and not foreseeable is taken, and found again however it was typed."""
    passwords.check(password, "ada")
    kept = passwords.hashed(password)

    assert passwords.verify(kept, password) == (True, None)
    assert passwords.verify(kept, password + ".") == (False, None)
    assert passwords.verify(passwords.hashed("Ångström units"), "Ångström units").is_right


# ---------------------------------------------------------------------------- e-mail


def test_a_new_address_counts_once_it_is_confirmed(built):
    """The new one gets the link, the old one is told, and the link signs nobody in."""
    accounts = built.accounts
    ada = built.reader("ada", password=PASSWORD)
    assert "not the password" in refusal(accounts.change_email, ada, "a@new.example", "wrong")
    accounts.change_email(ada, "A@new.example", PASSWORD)
    secret = built.post.secret()
    assert accounts.account(ada).email == "ada@example.org"
    assert accounts.letter(secret).purpose == "email"

    assert accounts.use(secret) is None
    assert accounts.account(ada).email == "a@new.example"
    assert [len(built.post.to(e)) for e in ("a@new.example", "ada@example.org")] == [1, 3]
    assert accounts.sign_in("a@new.example", PASSWORD).actor == ada


def test_the_address_of_another_account_is_not_given_away(built):
    """Who wishes for a taken address gets the same answer; its owner gets a letter."""
    accounts = built.accounts
    ada = built.reader("ada")
    built.reader("bea")
    free = _counted(built, lambda: accounts.change_email(ada, "free@example.org"))
    taken = _counted(built, lambda: accounts.change_email(ada, "bea@example.org"))

    assert free == taken == (None, 2, 1)
    assert "another account" in built.post.to("bea@example.org")[-1].text


def test_an_address_that_was_taken_meanwhile_is_refused(built):
    """Between letter and link somebody else may have come with it."""
    accounts = built.accounts
    ada = built.reader("ada")
    accounts.change_email(ada, "bea@example.org")
    link = built.post.secret()
    built.reader("bea")

    assert refusal(accounts.use, link)
    assert accounts.account(ada).email == "ada@example.org"


# ---------------------------------------------------------------------------- tokens


def test_a_token_lets_in_with_its_scopes(built):
    """It carries the role of its reader, cut to what it was made for, until it is ended."""
    accounts = built.accounts
    ada = built.reader("ada")
    token = accounts.make_token(ada, "my\nscript", ["read", "act"])
    who = accounts.by_token(token.secret)
    accounts.settle()

    assert who == Actor(ada.id, "reader", "ada", frozenset({"read", "act"}))
    assert who.may("vote")
    assert not who.may("account")
    assert [(t.name, t.used) for t in accounts.tokens(ada)] == [("my script", AT)]
    accounts.end_token(ada, token.row.id)
    assert accounts.by_token(token.secret) is None
    assert accounts.tokens(ada) == []
    assert "no such token" in refusal(accounts.end_token, ada, token.row.id)


def test_no_token_makes_one_that_may_more(built):
    """Scopes are known ones, and at most those of the token that asks."""
    accounts = built.accounts
    ada = built.reader("ada")
    token = accounts.make_token(ada, "t", ["administer", "read"])
    narrow = accounts.by_token(token.secret)

    assert refusal(accounts.make_token, ada, "t", [])
    assert refusal(accounts.make_token, ada, "t", ["everything"])
    assert refusal(accounts.make_token, narrow, "t", ["act"])
    assert accounts.by_token(accounts.make_token(narrow, "t", ["read"]).secret).name == "ada"
    with pytest.raises(NotAllowed, match="scope"):
        accounts.make_token(ada._replace(scopes=frozenset({"act"})), "t", ["act"])


def test_tokens_are_bounded_and_ones_own(built):
    """Nobody has very many, and nobody ends another's."""
    accounts = built.accounts
    ada, bea = built.reader("ada"), built.reader("bea")
    tokens = [accounts.make_token(ada, f"t{n}", ["read"]) for n in range(50)]

    assert "50 tokens" in refusal(accounts.make_token, ada, "t", ["read"])
    assert "no such token" in refusal(accounts.end_token, bea, tokens[0].row.id)
    assert accounts.by_token(tokens[0].secret) is not None


def test_tokens_that_were_ended_do_not_pile_up(built):
    """Else the record would grow by as many as a program makes and ends."""
    accounts = built.accounts
    ada = built.reader("ada")
    for number in range(120):
        accounts.end_token(ada, accounts.make_token(ada, f"t{number}", ["read"]).row.id)
    names = built.rows(select(schema.tokens.c.name).order_by(schema.tokens.c.id))

    assert [name for (name,) in names] == [f"t{number}" for number in range(70, 120)]


def test_an_account_that_has_ended_meanwhile_keeps_nothing_more(built):
    """Somebody is known at the beginning of a request, and the account may end before its end."""
    accounts = built.accounts
    ada = built.reader("ada")
    accounts.delete(ada, "ada")
    before = built.rows(select(schema.readers))
    for attempt in (
        lambda: accounts.rename(ada, "Ada L."),
        lambda: accounts.change_email(ada, "ada@elsewhere.example"),
        lambda: accounts.make_token(ada, "t", ["read"]),
        lambda: accounts.link_identity(ada, Identity()),
    ):
        with pytest.raises(NotSignedIn):
            attempt()

    assert built.rows(select(schema.readers)) == before
    for table in (schema.letters, schema.tokens, schema.identities):
        assert built.rows(select(table).where(table.c.reader_id == ada.id)) == []


# ---------------------------------------------------------------------------- who is vouched for


def test_an_identity_is_linked_and_lets_in(built):
    """Linked by its reader it signs in, is nobody else's, and ORCID's number is kept."""
    accounts = built.accounts
    ada, bea = built.reader("ada"), built.reader("bea")
    orcid = Identity("https://orcid.org", "0000-0002-1825-0097", orcid="0000-0002-1825-0097")
    accounts.link_identity(ada, orcid)
    accounts.link_identity(ada, orcid)

    assert accounts.vouched(orcid).actor == ada
    assert accounts.profile("ada").orcid == "0000-0002-1825-0097"
    assert "another account" in refusal(accounts.link_identity, bea, orcid)
    assert [i.subject for i in accounts.identities(ada)] == ["0000-0002-1825-0097"]
    accounts.unlink_identity(ada, "https://orcid.org")
    assert accounts.identities(ada) == []
    assert "not linked" in refusal(accounts.unlink_identity, ada, "https://orcid.org")


def test_nobody_unlinks_what_alone_lets_them_in(built):
    """Without address and password the identity stays, until there is a password."""
    accounts = built.accounts
    ada = accounts.vouched(Identity(name="ada", email="no address")).actor
    assert accounts.account(ada).email is None
    assert "Set a password" in refusal(accounts.unlink_identity, ada, Identity().issuer)
    accounts.set_password(ada, "", PASSWORD)
    accounts.unlink_identity(ada, Identity().issuer)
    assert accounts.sign_in("ada", PASSWORD).actor == ada


def test_a_verified_address_leads_to_its_account(built):
    """Who is vouched for with the address of an account is let into it, and linked."""
    ada = built.reader("ada")
    accounts = built.accounts

    assert accounts.vouched(Identity(email="ADA@example.org")).actor == ada
    assert accounts.vouched(Identity()).actor == ada
    accounts.ban(built.admin(), "ada")
    assert "banned" in refusal(accounts.vouched, Identity())


def test_somebody_new_who_is_vouched_for_gets_a_free_name(built):
    """Where all may sign up they have an account at once; else they are refused."""
    accounts = built.accounts
    names = [
        accounts.vouched(Identity(subject=f"s{n}", email=email, name=name)).actor.name
        for n, (email, name) in enumerate(
            [("", "Ada Lovelace"), ("", "Ada Lovelace"), ("kim@example.org", ""), ("", "艾达"),
             ("", "admin"), ("", "x")]
        )
    ]  # fmt: skip
    assert names == ["ada-lovelace", "ada-lovelace-2", "kim", "reader-2", "admin-2", "x-2"]
    for mode in ("invited", "closed"):
        accounts.rules = OPEN._replace(sign_up=mode)
        assert "identity" in refusal(accounts.vouched, Identity(subject="new"))
