"""Who may do what: the table, and every route asked by every role over HTTP."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import get_args

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from broadsheet.collection import schema
from broadsheet.errors import NotAllowed, NotSignedIn
from broadsheet.factory import open_library
from broadsheet.readers.permissions import (
    IN_WORDS,
    ROLES_OF,
    SCOPE_OF,
    Action,
    Actor,
    Role,
    Scope,
)
from broadsheet.readers.rules import Rules
from broadsheet.web import app as app_module
from broadsheet.web.app import create_app
from broadsheet.web.who import SESSION, Needs
from web.invented import PAGE, RECORDS, no_sources, now

ROLES = get_args(Role)
ACTIONS = get_args(Action)
SINCE = "2026-03-01T08:00:00Z"
LEAVING = {"/sign-out", "/account/delete", "/account/sessions/end", "/api/me/delete"}


@pytest.mark.parametrize("action", ACTIONS)
def test_the_table_is_whole(action):
    """Every action has its roles, its scope and its words; whoever may more may all that."""
    roles = ROLES_OF[action]

    assert roles <= set(ROLES)
    assert SCOPE_OF[action] in get_args(Scope)
    assert IN_WORDS[action]
    for less, more in (("stranger", "visitor"), ("visitor", "reader"), ("reader", "curator"),
                       ("curator", "admin")):  # fmt: skip
        assert less not in roles or more in roles


def test_nobody_without_an_account_changes_anything():
    """Those whom nobody knows may come in and, where it is public, read and ask for letters."""
    assert {a for a in ACTIONS if "stranger" in ROLES_OF[a]} == {"enter"}
    assert {a for a in ACTIONS if "visitor" in ROLES_OF[a]} == {"enter", "read", "subscribe"}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("scope", get_args(Scope))
def test_a_token_gives_nobody_more_than_their_role(action, scope):
    """A token may do what its scopes name, and nothing that its reader may not."""
    for role in ROLES[2:]:
        actor = Actor(7, role, "ada", frozenset({scope}))
        has_scope = SCOPE_OF[action] in {"read", scope}
        assert actor.may(action) == (role in ROLES_OF[action] and has_scope)


def test_a_refusal_says_who_may():
    """Nobody is told to sign in; somebody is told which role or which scope it takes."""
    with pytest.raises(NotSignedIn, match="Sign in first: only those with an account vote here"):
        Actor(None, "visitor").require("vote")
    with pytest.raises(NotAllowed, match="Only curators and admins moderate here"):
        Actor(7, "reader", "ada").require("moderate")
    with pytest.raises(NotAllowed, match="Only admins administer readers here"):
        Actor(7, "curator", "ada").require("administer")
    with pytest.raises(NotAllowed, match="no scope “act”"):
        Actor(7, "admin", "ada", frozenset({"read"})).require("vote")


# ---------------------------------------------------------------------------- every route

PLACES = {
    "ident": "p1", "name": "ada", "secret": "x" * 43, "day": "2026-03-17", "number": "12",
    "year": "2026", "week": "w12", "id": "999", "list": "hot", "period": "day", "form": "atom",
}  # fmt: skip
"""What stands for the variable parts of an address."""


def actions_of(router_action: str, route: object) -> set[str]:
    """Return everything that a route asks for."""
    found, waiting = {router_action}, [route.dependant]
    while waiting:
        one = waiting.pop()
        waiting += one.dependencies
        if isinstance(one.call, Needs):
            found.add(one.call.action)
    return found


WALK = sorted(
    {
        (method, route.path, frozenset(actions_of(action, route)))
        for action, routers in app_module.ROUTERS.items()
        for router in routers
        for route in router.routes
        for method in route.methods - {"HEAD"}
    },
    key=repr,
)


def test_every_route_that_changes_something_asks_for_more_than_reading():
    """What is posted needs an action of its own, but for a search that needs a body."""
    only_reading = {path for method, path, actions in WALK if method != "GET" and
                    actions == {"read"}}  # fmt: skip

    assert only_reading == {"/like", "/api/search/like"}
    assert {method for method, _, _ in WALK} == {"GET", "POST", "DELETE"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with a few papers and a reader of each role, who has signed in."""
    home = tmp_path_factory.mktemp("shared")
    with open_library(home, clock=now) as library:
        for _ in library.file(RECORDS, source="invented", page=PAGE, counts=Counter()):
            pass
        with library.database.write() as connection:
            for number, role in enumerate(ROLES[2:], 10):
                row = {"id": number, "name": f"a-{role}", "role": role, "joined": SINCE}
                connection.execute(insert(schema.readers), [row])
                digest = hashlib.sha256(role.encode()).hexdigest()
                row = {"digest": digest, "reader_id": number, "made": SINCE, "used": SINCE,
                       "ends": "2026-04-01T00:00:00Z"}  # fmt: skip
                connection.execute(insert(schema.sessions), [row])
    return home


@pytest.fixture
def client_of(home):
    """Return a function that gives a client for a role, and what its forms must carry."""
    opened = []

    def client(role):
        rules = Rules(is_shared=True, is_public=role != "stranger", address="http://testserver")
        library = open_library(home, clock=now, rules=rules, newsroom=no_sources)
        opened.append(library)
        app = create_app(library, clock=now, names=["testserver"])
        made = TestClient(app, follow_redirects=False)
        if role in ROLES[2:]:
            made.cookies.set(SESSION, role)
        return made

    yield client
    for library in opened:
        library.close()


def address(path: str) -> str:
    """Return an address for a path with variable parts."""
    return re.sub(
        r"\{(\w+)(?::(\w+))?\}", lambda p: PLACES.get(p[2]) or PLACES.get(p[1], "x"), path
    )


def sent(client, method: str, path: str):
    """Return the answer to a request that has everything but, perhaps, the right to it."""
    if method == "GET":
        return client.get(address(path))
    if path.startswith("/api/"):
        return client.request(method, address(path), json={})
    # Those who have signed in have forms on every page, nobody has one at the door.
    page = client.get("/sign-in").text + client.get("/").text
    name, token = re.search(r'name="(\w+)" value="([0-9a-f]{64})"', page).groups()
    return client.post(address(path), data={name: token})


def is_turned_away(answer) -> bool:
    """Return whether an answer says that this role may not do this."""
    if answer.status_code == 303:
        return answer.headers["location"].startswith("/sign-in?next=")
    return answer.status_code == 401 or (
        answer.status_code == 403 and re.search("Only [a-z ]+ here", answer.text) is not None
    )


@pytest.mark.parametrize("role", ROLES)
def test_every_route_lets_in_whom_the_table_lets_in(role, client_of):
    """Each route is really asked by each role: turned away are those, and only those, who may not.

    Those who may are answered, though perhaps with what is wrong with a request that says nothing.
    """
    client, wrong = client_of(role), []
    for method, path, actions in WALK:
        # Leaving would let nobody in afterwards.
        if path in LEAVING and role in ROLES[2:]:
            continue
        answer = sent(client, method, path)
        may = all(role in ROLES_OF[action] for action in actions)
        if is_turned_away(answer) == may or answer.status_code >= 500:
            wrong.append((method, path, sorted(actions), answer.status_code))

    assert wrong == []


def test_a_private_collection_turns_nobody_away(home):
    """There the one reader may do everything, without having signed in."""
    with open_library(home, clock=now, newsroom=no_sources) as library:
        client = TestClient(create_app(library, clock=now), follow_redirects=False)
        answers = {path: client.get(address(path)) for method, path, _ in WALK if method == "GET"}

    assert [p for p, a in answers.items() if is_turned_away(a) or a.status_code >= 500] == []
