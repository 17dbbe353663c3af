"""Those who read, and what they do: accounts, votes, comments, submissions, picks, claims."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables, all of them empty but for the owner, the first who reads."""
    op.create_table(
        "readers",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("shown", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), server_default="active", nullable=False),
        sa.Column("orcid", sa.String(length=19), nullable=True),
        sa.Column("joined", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readers")),
        sa.UniqueConstraint("email", name=op.f("uq_readers_email")),
        sa.UniqueConstraint("name", name=op.f("uq_readers_name")),
    )
    op.create_table(
        "actions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("action", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_actions_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_index(op.f("ix_actions_reader_id"), "actions", ["reader_id"], unique=False)
    op.create_table(
        "claims",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("decided_by", ROW_ID, nullable=True),
        sa.Column("decided", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["decided_by"], ["readers.id"], name=op.f("fk_claims_decided_by")),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_claims_paper_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_claims_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
    )
    op.create_index(op.f("ix_claims_paper_id"), "claims", ["paper_id"], unique=False)
    op.create_index(op.f("ix_claims_reader_id"), "claims", ["reader_id"], unique=False)
    op.create_index(op.f("ix_claims_state"), "claims", ["state"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("parent_id", ROW_ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("edited", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_comments_paper_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["comments.id"], name=op.f("fk_comments_parent_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_comments_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index(op.f("ix_comments_at"), "comments", ["at"], unique=False)
    op.create_index(op.f("ix_comments_paper_id"), "comments", ["paper_id"], unique=False)
    op.create_index(op.f("ix_comments_parent_id"), "comments", ["parent_id"], unique=False)
    op.create_index(op.f("ix_comments_reader_id"), "comments", ["reader_id"], unique=False)
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name=op.f("fk_identities_reader_id")
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_reader_id"), "identities", ["reader_id"], unique=False)
    op.create_table(
        "letters",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=True),
        sa.Column("facts", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("ends", sa.String(length=20), nullable=False),
        sa.Column("used", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_letters_reader_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_letters")),
    )
    op.create_index(op.f("ix_letters_email"), "letters", ["email"], unique=False)
    op.create_index(op.f("ix_letters_reader_id"), "letters", ["reader_id"], unique=False)
    op.create_table(
        "locks",
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_locks_paper_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_locks_reader_id")),
        sa.PrimaryKeyConstraint("paper_id", name=op.f("pk_locks")),
    )
    op.create_table(
        "mutes",
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("muted_id", ROW_ID, nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["muted_id"], ["readers.id"], name=op.f("fk_mutes_muted_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_mutes_reader_id")),
        sa.PrimaryKeyConstraint("reader_id", "muted_id", name=op.f("pk_mutes")),
    )
    op.create_index(op.f("ix_mutes_muted_id"), "mutes", ["muted_id"], unique=False)
    op.create_table(
        "picks",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("ended", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_picks_paper_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_picks_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picks")),
    )
    op.create_index(op.f("ix_picks_day"), "picks", ["day"], unique=False)
    op.create_index(op.f("ix_picks_paper_id"), "picks", ["paper_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("used", sa.String(length=20), nullable=False),
        sa.Column("ends", sa.String(length=20), nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_sessions_reader_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_reader_id"), "sessions", ["reader_id"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("record", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("decided_by", ROW_ID, nullable=True),
        sa.Column("decided", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["readers.id"], name=op.f("fk_submissions_decided_by")
        ),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_submissions_paper_id")),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name=op.f("fk_submissions_reader_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
    )
    op.create_index(op.f("ix_submissions_paper_id"), "submissions", ["paper_id"], unique=False)
    op.create_index(op.f("ix_submissions_reader_id"), "submissions", ["reader_id"], unique=False)
    op.create_index(op.f("ix_submissions_state"), "submissions", ["state"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("used", sa.String(length=20), nullable=True),
        sa.Column("ended", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_tokens_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_index(op.f("ix_tokens_reader_id"), "tokens", ["reader_id"], unique=False)
    op.create_table(
        "voted",
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_voted_paper_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_voted_reader_id")),
        sa.PrimaryKeyConstraint("paper_id", "reader_id", name=op.f("pk_voted")),
    )
    op.create_index(op.f("ix_voted_reader_id"), "voted", ["reader_id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_votes_paper_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_votes_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
    )
    op.create_index(op.f("ix_votes_paper_id"), "votes", ["paper_id"], unique=False)
    op.create_index(op.f("ix_votes_reader_id"), "votes", ["reader_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("by_id", ROW_ID, nullable=True),
        sa.Column("paper_id", ROW_ID, nullable=True),
        sa.Column("comment_id", ROW_ID, nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("seen", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["readers.id"], name=op.f("fk_notices_by_id")),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_notices_comment_id")
        ),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_notices_paper_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_notices_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_reader_id"), "notices", ["reader_id"], unique=False)
    op.create_table(
        "reports",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=True),
        sa.Column("comment_id", ROW_ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=9), server_default="open", nullable=False),
        sa.Column("decided_by", ROW_ID, nullable=True),
        sa.Column("decided", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_reports_comment_id")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["readers.id"], name=op.f("fk_reports_decided_by")),
        sa.ForeignKeyConstraint(["reader_id"], ["readers.id"], name=op.f("fk_reports_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
    )
    op.create_index(op.f("ix_reports_comment_id"), "reports", ["comment_id"], unique=False)
    op.create_index(op.f("ix_reports_reader_id"), "reports", ["reader_id"], unique=False)
    op.create_index(op.f("ix_reports_state"), "reports", ["state"], unique=False)
    op.create_table(
        "wordings",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("comment_id", ROW_ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("until", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_wordings_comment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wordings")),
    )
    op.create_index(op.f("ix_wordings_comment_id"), "wordings", ["comment_id"], unique=False)

    _keep_counts_together()
    _log_what_is_counted()

    readers = sa.table(
        "readers", *map(sa.column, ("id", "name", "shown", "role", "state", "joined"))
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    op.bulk_insert(
        readers,
        [
            {
                "id": 1,
                "name": "owner",
                "shown": "",
                "role": "admin",
                "state": "active",
                "joined": now,
            }
        ],
    )


def _keep_counts_together() -> None:
    """Let the key of an observation be where it lies: half the space, and read in order."""
    op.rename_table("signals", "signals_before")
    op.create_table(
        "signals",
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seen", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_signals_paper_id")),
        sa.PrimaryKeyConstraint(
            "paper_id", "kind", "source", "key", "seen", name=op.f("pk_signals")
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        """INSERT INTO signals (paper_id, kind, source, key, seen, value)
        SELECT paper_id, kind, source, key, seen, value FROM signals_before
        ORDER BY paper_id, kind, source, key, seen"""
    )
    op.drop_table("signals_before")


def _log_what_is_counted() -> None:
    """Note of which papers anything was counted, in order, whoever writes it."""
    op.create_table(
        "counted",
        sa.Column("sequence", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_counted")),
        sa.UniqueConstraint("paper_id", name=op.f("uq_counted_paper_id")),
        sqlite_autoincrement=True,
    )
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"""CREATE TRIGGER tr_signals_{event.lower()} AFTER {event} ON signals BEGIN
            DELETE FROM counted WHERE paper_id = {row}.paper_id;
            INSERT INTO counted (paper_id) VALUES ({row}.paper_id);
            END"""  # noqa: S608 (the words are in the line above)
        )
