"""The tables of the record. Every other shape of the data is derived from these."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

# SQLite gives its fast row numbers only to INTEGER keys; elsewhere ids are 64 bits wide.
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

papers = Table(
    "papers",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    # Set when this paper turned out to be another one: its address leads there for ever.
    Column("merged_into", _ROW_ID, ForeignKey("papers.id")),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("year", Integer),
    Column("day", String(10)),
    Column("submitted", String(10)),
    Column("announced", String(10)),
    Column("updated", String(10)),
    Column("published", String(10)),
    Column("categories", Text, nullable=False),
    Column("keywords", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("links", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("external_ids", Text, nullable=False),
    Column("first_seen", String(20), nullable=False),
    # The day whose edition it belongs to, and which of its days that is.
    Column("edition", String(10), nullable=False, server_default=""),
    Column("basis", String(9), nullable=False, server_default=""),
    Column("topic", Text, nullable=False, server_default=""),
    Column("upvotes", Integer),
    Index("ix_papers_day", "day", "id"),
    # Only of merged papers: SQLite would take an index of all to look for those that are not.
    # (A condition for another database here would import its whole dialect at every start.)
    Index(
        "ix_papers_merged_into", "merged_into",
        sqlite_where=text("merged_into IS NOT NULL"),
    ),
    # Holds all that the order of an edition asks for, so that no abstract is read for it.
    Index(
        "ix_papers_edition", "edition", "upvotes", "day", "id", "topic", "basis",
        sqlite_where=text("merged_into IS NULL"),
    ),
)  # fmt: skip

# Two papers may give one id (a source errs, or a person told them apart): it leads to the one that
# gave it first, `since` a sequence of the change log.
external_ids = Table(
    "external_ids",
    metadata,
    Column("namespace", String(16), primary_key=True),
    Column("value", Text, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True, index=True),
    Column("since", BigInteger, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), nullable=False, index=True),
    # The hashes stand for long texts so that their indexes stay small: (source, key) and the
    # folded title; whoever looks one up compares the text itself too.
    Column("key_hash", BigInteger, nullable=False, index=True),
    Column("title_hash", BigInteger, nullable=False, index=True),
    Column("source", String(32), nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("first_seen", String(20), nullable=False),
    Column("last_changed", String(20), nullable=False),
    # The paper that it was first filed under, which comes back when it is split off.
    Column("origin", _ROW_ID, nullable=False, server_default="0"),
    Index("ix_records_source", "source", "last_changed"),
)

pages = Table(
    "pages",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("header", JSON, nullable=False),
    Column("day_seen", Text, nullable=False),
    Column("day", String(10), index=True),
    Column("entries", Integer, nullable=False),
    Column("first_seen", String(20), nullable=False),
)

places = Table(
    "places",
    metadata,
    Column("page", String(16), ForeignKey("pages.key"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), nullable=False, index=True),
)

appearances = Table(
    "appearances",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True, index=True),
    Column("kind", String(8), primary_key=True),
    Column("note", Text, nullable=False),
)

days = Table(
    "days",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("papers", Integer, nullable=False),
    # The last change that touched a paper of this day: what was made of it before is stale.
    Column("touched", BigInteger, nullable=False),
    Column("changed", String(20), nullable=False),
)

printed = Table(
    "printed",
    metadata,
    Column("period", String(10), primary_key=True),
    Column("made", String(20), nullable=False),
    Column("body", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("paper_id", _ROW_ID, nullable=False, index=True),
    Column("other_id", _ROW_ID, nullable=False, index=True),
    Column("records", JSON, nullable=False),
    # Papers whose addresses had led to the other one: they do so again after an undo.
    Column("addresses", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("made", String(20), nullable=False),
    Column("undone", String(20)),
)

apart = Table(
    "apart",
    metadata,
    Column("one", _ROW_ID, ForeignKey("records.id"), primary_key=True),
    Column("other", _ROW_ID, ForeignKey("records.id"), primary_key=True),
    Column("decision_id", _ROW_ID, ForeignKey("decisions.id"), primary_key=True, index=True),
    Index("ix_apart_other", "other"),
)

near_misses = Table(
    "near_misses",
    metadata,
    Column("one", _ROW_ID, primary_key=True),
    Column("other", _ROW_ID, primary_key=True, index=True),
    Column("kind", String(16), nullable=False),
    Column("score", Float, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("sequence", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, nullable=False),
    Column("kind", String(8), nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("source", Text, nullable=False),
    Column("started", String(20), nullable=False),
    Column("ended", String(20)),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("counts", JSON, nullable=False),
    # Where the run stands: items taken from the source so far, written with the rows they gave.
    Column("cursor", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False, server_default="import"),
    # The due time that it served, so that none is served twice.
    Column("slot", String(20)),
    Column("parts", JSON, nullable=False, server_default="[]"),
    Index("ix_runs_kind", "kind", "source", "id"),
)

# Where each part of a source goes on, and what it is like; the part "" is the source as a whole.
cursors = Table(
    "cursors",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("part", Text, primary_key=True),
    Column("value", JSON, nullable=False),
    # How many new papers it brings on a day that has any, as a moving mean.
    Column("usual", Float, nullable=False, server_default="0"),
    # The newest day of announcement whose papers it brought.
    Column("covered", String(10)),
    Column("updated", String(20), nullable=False),
)

# What a source counted of the attention to a paper, as it was seen: never changed, only added to.
# `key` is that of the source's record, or of what it looked at for the paper (a repository).
signals = Table(
    "signals",
    metadata,
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("source", String(32), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("seen", String(20), primary_key=True),
    Column("value", Float, nullable=False),
    # What was counted of one paper lies together, and only once.
    sqlite_with_rowid=False,
)

# Which papers were counted last: triggers of `signals` write it, whoever changes a row there.
counted = Table(
    "counted",
    metadata,
    Column("sequence", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, nullable=False, unique=True),
    # A number that was given is never given again, not even that of a row that is gone.
    sqlite_autoincrement=True,
)

# About which papers a source was asked, and what it wants to know the next time.
asked = Table(
    "asked",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True),
    Column("at", String(20), nullable=False),
    Column("kept", JSON, nullable=False),
)

# What a source's own page of a day lists, for holding our count against it.
listings = Table(
    "listings",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("category", String(32), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("seen", String(20), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("ids", JSON, nullable=False),
    Index("ix_listings_day", "day"),
)

rejects = Table(
    "rejects",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("run_id", _ROW_ID, ForeignKey("runs.id"), nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("excerpt", Text, nullable=False),
    Column("seen", String(20), nullable=False),
    Index("ix_rejects_source_place", "source", "place"),
)

# ---------------------------------------------------------------------------- people

# Those who read: the first one is the owner, who was here before there was anyone else. Whoever
# leaves keeps a row without a name, so that what others answered still stands beside something.
readers = Table(
    "readers",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("shown", Text, nullable=False, server_default=""),
    Column("email", String(254), unique=True),
    Column("password", Text),
    Column("role", String(8), nullable=False),
    Column("state", String(8), nullable=False, server_default="active"),
    Column("orcid", String(19)),
    Column("joined", String(20), nullable=False),
)

# Who a reader is to somebody else who vouches for people: an OpenID issuer and its subject.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("made", String(20), nullable=False),
)

# Of everything that lets somebody in only the SHA-256 is kept: who reads the record cannot use it.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("made", String(20), nullable=False),
    Column("used", String(20), nullable=False),
    Column("ends", String(20), nullable=False),
    Column("agent", Text, nullable=False, server_default=""),
)

letters = Table(
    "letters",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("purpose", String(12), nullable=False),
    Column("email", String(254), nullable=False, index=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), index=True),
    Column("facts", JSON, nullable=False, server_default="{}"),
    Column("made", String(20), nullable=False),
    Column("ends", String(20), nullable=False),
    Column("used", String(20)),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("made", String(20), nullable=False),
    Column("used", String(20)),
    Column("ended", String(20)),
)

# ---------------------------------------------------------------------------- what people do
#
# Everything here names the paper that it was done to, for ever. After a merge it is read where
# that paper leads (`papers.merged_into`), after an undo where it was: nothing has to move.

# Every vote that was given or taken back, in order; `voted` is what they come to.
votes = Table(
    "votes",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), nullable=False, index=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("is_up", Boolean, nullable=False),
    Column("at", String(20), nullable=False),
)

voted = Table(
    "voted",
    metadata,
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), primary_key=True, index=True),
    Column("at", String(20), nullable=False),
)

comments = Table(
    "comments",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), nullable=False, index=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("parent_id", _ROW_ID, ForeignKey("comments.id"), index=True),
    Column("text", Text, nullable=False),
    # shown, waiting (for a curator), hidden (by one), or deleted (by its writer).
    Column("state", String(8), nullable=False),
    Column("at", String(20), nullable=False, index=True),
    Column("edited", String(20)),
)

# What a comment said before it was edited.
wordings = Table(
    "wordings",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("comment_id", _ROW_ID, ForeignKey("comments.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("until", String(20), nullable=False),
)

mutes = Table(
    "mutes",
    metadata,
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), primary_key=True),
    Column("muted_id", _ROW_ID, ForeignKey("readers.id"), primary_key=True, index=True),
    Column("at", String(20), nullable=False),
)

# What a reader should know of: an answer, a mention, a decision about something of theirs.
notices = Table(
    "notices",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("by_id", _ROW_ID, ForeignKey("readers.id")),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id")),
    Column("comment_id", _ROW_ID, ForeignKey("comments.id")),
    Column("text", Text, nullable=False, server_default=""),
    Column("at", String(20), nullable=False),
    Column("seen", String(20)),
)

# `reader_id` is nobody where a test for spam reported it.
reports = Table(
    "reports",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), index=True),
    Column("comment_id", _ROW_ID, ForeignKey("comments.id"), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("at", String(20), nullable=False),
    Column("state", String(9), nullable=False, server_default="open", index=True),
    Column("decided_by", _ROW_ID, ForeignKey("readers.id")),
    Column("decided", String(20)),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("asked", Text, nullable=False),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), index=True),
    # here (it was already), added, waiting (for a curator), refused.
    Column("state", String(8), nullable=False, index=True),
    # What was entered by hand, until it is filed; and why it was refused.
    Column("record", JSON),
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", String(20), nullable=False),
    Column("decided_by", _ROW_ID, ForeignKey("readers.id")),
    Column("decided", String(20)),
)

# What curators feature on the edition of a day.
picks = Table(
    "picks",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), nullable=False, index=True),
    Column("day", String(10), nullable=False, index=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", String(20), nullable=False),
    Column("ended", String(20)),
)

# Readers who say that they wrote a paper.
claims = Table(
    "claims",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), nullable=False, index=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("author", Text, nullable=False),
    # email, orcid or asked: by what it was granted, or is to be.
    Column("how", String(8), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    # waiting, granted, refused or ended.
    Column("state", String(8), nullable=False, index=True),
    Column("at", String(20), nullable=False),
    Column("decided_by", _ROW_ID, ForeignKey("readers.id")),
    Column("decided", String(20)),
)

# Papers whose comments take no more.
locks = Table(
    "locks",
    metadata,
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String(20), nullable=False),
)

# Everything that was done with a curator's or an admin's power, for ever.
actions = Table(
    "actions",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), nullable=False, index=True),
    Column("action", String(24), nullable=False),
    # What it was done to, in words for people: `comment 12`, `reader ada`, `paper p7`.
    Column("subject", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", String(20), nullable=False),
)

# ---------------------------------------------------------------------------- what goes out

# What nobody outside may know, by its name: links are signed with `links`.
keys = Table(
    "keys",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", Text, nullable=False),
)

# Where something is delivered: a mail address, or the address that a hook posts to.
recipients = Table(
    "recipients",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("channel", String(4), nullable=False),
    Column("address", Text, nullable=False),
    # What a hook's posts are signed with.
    Column("secret", Text, nullable=False, server_default=""),
    Column("made", String(20), nullable=False),
    Index("ix_recipients_address", "address", "channel", unique=True),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    # Drawn at random: what links name it by, beside their signature.
    Column("handle", String(16), nullable=False, unique=True),
    Column("recipient_id", _ROW_ID, ForeignKey("recipients.id"), nullable=False, index=True),
    Column("reader_id", _ROW_ID, ForeignKey("readers.id"), index=True),
    # trending, edition, search or recommended, of the papers that the query matches.
    Column("kind", String(12), nullable=False),
    Column("query", Text, nullable=False, server_default=""),
    # day, weekdays, week (on a weekday from 0, Monday) or month (on a day from 1).
    Column("cadence", String(8), nullable=False),
    Column("on_day", Integer, nullable=False, server_default="0"),
    Column("at", String(5), nullable=False),
    Column("zone", Text, nullable=False),
    Column("longest", Integer, nullable=False),
    Column("threshold", Float),
    Column("when_empty", String(4), nullable=False),
    Column("form", String(12), nullable=False),
    Column("language", String(12), nullable=False),
    # pending (not confirmed), active, paused, or ended.
    Column("state", String(8), nullable=False),
    # The last day of a pause; none if it has no end.
    Column("paused_until", String(10)),
    Column("next_due", String(20)),
    Column("made", String(20), nullable=False),
    Index("ix_subscriptions_next_due", "state", "next_due"),
    # A number that somebody was given in a link is never somebody else's.
    sqlite_autoincrement=True,
)

# Who agreed to what, when and from where; also when they took it back.
consents = Table(
    "consents",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("subscription_id", _ROW_ID, ForeignKey("subscriptions.id"), nullable=False, index=True),
    Column("what", String(12), nullable=False),
    # page, letter, one-click, mail, account, api, command or bounce.
    Column("how", String(12), nullable=False),
    Column("client", Text, nullable=False, server_default=""),
    Column("at", String(20), nullable=False),
)

# An issue of a subscription: what was decided to be in it, and what became of it. The ledger.
digests = Table(
    "digests",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("subscription_id", _ROW_ID, ForeignKey("subscriptions.id"), nullable=False),
    # The date in the subscriber's zone on which it is due; `confirm-N` for a letter that asks.
    Column("issue", String(16), nullable=False),
    Column("due", String(20), nullable=False),
    # After this it is of no use any more.
    Column("ends", String(20), nullable=False),
    # ready, claimed, sent, unknown, refused, expired, stopped; or empty, late, skipped.
    Column("state", String(8), nullable=False),
    # The last day whose papers it covers, and what of the change log.
    Column("until", String(10), nullable=False, server_default=""),
    Column("cut", BigInteger, nullable=False, server_default="0"),
    Column("body", Text, nullable=False, server_default=""),
    Column("papers", Integer, nullable=False, server_default="0"),
    Column("made", String(20), nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try", String(20)),
    Column("claimed", String(20)),
    Column("sent", String(20)),
    Index("ix_digests_issue", "subscription_id", "issue", unique=True),
    Index("ix_digests_state", "state", "next_try"),
    sqlite_autoincrement=True,
)

# Every time that somebody was asked to take a digest, and what they said.
attempts = Table(
    "attempts",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("digest_id", _ROW_ID, ForeignKey("digests.id"), nullable=False, index=True),
    Column("at", String(20), nullable=False),
    # sent, later, refused, unknown or stopped; or resend or abandon (a person decided so).
    Column("outcome", String(8), nullable=False),
    Column("code", Integer),
    Column("words", Text, nullable=False, server_default=""),
)

# Which papers a recipient was given, in which digest, and as of which day of theirs.
had = Table(
    "had",
    metadata,
    Column("recipient_id", _ROW_ID, ForeignKey("recipients.id"), primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True),
    Column("digest_id", _ROW_ID, ForeignKey("digests.id"), primary_key=True, index=True),
    Column("updated", String(10), nullable=False, server_default=""),
    Index("ix_had_paper_id", "paper_id"),
    sqlite_with_rowid=False,
)

# What a recipient said of a paper in a digest: save, or less (like this).
feedback = Table(
    "feedback",
    metadata,
    Column("recipient_id", _ROW_ID, ForeignKey("recipients.id"), primary_key=True),
    Column("paper_id", _ROW_ID, ForeignKey("papers.id"), primary_key=True, index=True),
    Column("kind", String(4), primary_key=True),
    Column("at", String(20), nullable=False),
)

# What came back: `address` is the SHA-256 of the mail address, which stays when it is forgotten.
bounces = Table(
    "bounces",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("address", String(64), nullable=False, index=True),
    Column("digest_id", _ROW_ID, index=True),
    # hard, soft or complaint.
    Column("kind", String(9), nullable=False),
    Column("status", String(12), nullable=False, server_default=""),
    Column("words", Text, nullable=False, server_default=""),
    Column("at", String(20), nullable=False),
)

# Addresses, by their SHA-256, that nothing is sent to any more.
suppressions = Table(
    "suppressions",
    metadata,
    Column("address", String(64), primary_key=True),
    # bounce, complaint or hand.
    Column("reason", String(9), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("at", String(20), nullable=False),
)
