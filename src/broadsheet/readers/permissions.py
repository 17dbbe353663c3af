"""Who may do what: one table of roles and actions. Pure.

ROLES_OF[action] -> the roles that may
SCOPE_OF[action] -> the scope that an API token needs for it
Actor.may(action) -> bool; Actor.require(action) raises NotSignedIn or NotAllowed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from broadsheet.errors import NotAllowed, NotSignedIn

Role = Literal["stranger", "visitor", "reader", "curator", "admin"]
"""A visitor is nobody in particular, where all may read; a stranger is so where only readers may.

Only the last three are roles of accounts.
"""
Scope = Literal["read", "act", "curate", "administer"]
Action = Literal[
    "enter", "read", "subscribe", "account", "vote", "comment", "report", "claim", "submit",
    "curate", "moderate", "health", "administer",
]  # fmt: skip

_EVERYBODY = frozenset(get_args(Role))
_READERS = frozenset({"reader", "curator", "admin"})
_CURATORS = frozenset({"curator", "admin"})
_ADMINS = frozenset({"admin"})

ROLES_OF: Mapping[Action, frozenset[str]] = {
    "enter": _EVERYBODY,  # sign in, sign up, follow a link from a letter
    "read": _EVERYBODY - {"stranger"},
    "subscribe": _EVERYBODY - {"stranger"},  # to digests; Rules may want an account for it
    "account": _READERS,  # one's own: name, password, sessions, tokens, export, deletion, notices
    "vote": _READERS,
    "comment": _READERS,  # and edit or delete one's own, and mute others
    "report": _READERS,
    "claim": _READERS,
    "submit": _READERS,
    "curate": _CURATORS,  # pick for an edition; decide which papers are the same
    "moderate": _CURATORS,  # the queue: hide, lock, decide on submissions and reports; the log
    "health": _CURATORS,  # how the collection does, where it lies
    "administer": _ADMINS,  # readers, roles, invitations, bans, claims
}
SCOPE_OF: Mapping[Action, Scope] = {
    "enter": "read",
    "read": "read",
    "subscribe": "act",
    # What is kept of a reader, and what lets them in, is not for a token that may only read.
    "account": "administer",
    "vote": "act",
    "comment": "act",
    "report": "act",
    "claim": "act",
    "submit": "act",
    "curate": "curate",
    "moderate": "curate",
    "health": "curate",
    "administer": "administer",
}
IN_WORDS: Mapping[Action, str] = {
    "enter": "come in",
    "read": "read here",
    "subscribe": "subscribe",
    "account": "see or change an account",
    "vote": "vote",
    "comment": "comment",
    "report": "report anything",
    "claim": "say that a paper is theirs",
    "submit": "submit papers",
    "curate": "decide about editions and papers",
    "moderate": "moderate",
    "health": "see how the collection does",
    "administer": "administer readers",
}


class Actor(NamedTuple):
    """Whoever asks for something: `reader` is the row of an account, None for nobody's.

    `scopes` is what an API token was given, None for a person or a command.
    """

    reader: int | None
    role: Role
    name: str = ""
    scopes: frozenset[Scope] | None = None

    def may(self, action: Action) -> bool:
        """Return whether the role, and the token if there is one, allow an action."""
        # Whoever may do something may see what it is done to: every token may read.
        has_scope = self.scopes is None or SCOPE_OF[action] in {"read", *self.scopes}
        return has_scope and self.role in ROLES_OF[action]

    def require(self, action: Action) -> None:
        """Raise NotSignedIn or NotAllowed unless the action is allowed."""
        if self.may(action):
            return
        if self.reader is None:
            raise NotSignedIn(f"Sign in first: only those with an account {IN_WORDS[action]} here.")
        if self.role in ROLES_OF[action]:
            raise NotAllowed(f"This token has no scope “{SCOPE_OF[action]}”.")
        who = "curators and admins" if "curator" in ROLES_OF[action] else "admins"
        raise NotAllowed(f"Only {who} {IN_WORDS[action]} here.")

    @property
    def id(self) -> int:
        """The row of the account; raises NotSignedIn where there is none."""
        if self.reader is None:
            raise NotSignedIn("Sign in first: this belongs to an account.")
        return self.reader


OWNER = Actor(1, "admin", "owner")
"""The one reader of a private collection, and whoever uses the command line."""
VISITOR = Actor(None, "visitor")
STRANGER = Actor(None, "stranger")
