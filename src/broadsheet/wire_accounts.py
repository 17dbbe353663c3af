"""The JSON forms of accounts: the same for the API and for `--json`."""

from __future__ import annotations

from typing import Any

from broadsheet.collection.credentials import TokenRow
from broadsheet.collection.readers import Account, Identity
from broadsheet.papers.identity import format_paper_id
from broadsheet.readers.accounts import Invitation, Listed, Profile, Token, Work

Json = dict[str, Any]


def account(found: Account, identities: list[Identity]) -> Json:
    """Return an account as its reader sees it."""
    vouched = [{"issuer": i.issuer, "subject": i.subject, "made": i.made} for i in identities]
    return {
        "name": found.name,
        "shown": found.shown,
        "email": found.email,
        "role": found.role,
        "orcid": found.orcid,
        "joined": found.joined,
        "has_password": found.has_password,
        "identities": vouched,
    }


def token(found: TokenRow) -> Json:
    """Return an API token without its secret."""
    return {
        "id": found.id,
        "name": found.name,
        "scopes": list(found.scopes),
        "made": found.made,
        "used": found.used,
    }


def new_token(made: Token) -> Json:
    """Return a new API token with its secret, which is told this once."""
    return {**token(made.row), "secret": made.secret}


def profile(found: Profile, work: Work) -> Json:
    """Return what everybody sees of a reader."""
    return {
        "name": found.name,
        "shown": found.shown,
        "role": found.role,
        "state": found.state,
        "orcid": found.orcid,
        "joined": found.joined,
        "comments": [
            {"id": c.id, "paper": format_paper_id(c.paper_id), "text": c.text, "at": c.at}
            for c in work.comments
        ],
        "papers": [
            {"paper": format_paper_id(p.paper_id), "title": p.title, "author": p.author}
            for p in work.papers
        ],
    }


def listed(found: Listed) -> Json:
    """Return an account as admins see it."""
    held = found.account
    return {
        "name": held.name,
        "shown": held.shown,
        "email": held.email,
        "role": held.role,
        "state": held.state,
        "orcid": held.orcid,
        "joined": held.joined,
        "seen": found.seen,
    }


def invitation(made: Invitation) -> Json:
    """Return an invitation; whoever has its link can use it."""
    return {"link": made.link, "email": made.email, "role": made.role, "is_sent": made.is_sent}
