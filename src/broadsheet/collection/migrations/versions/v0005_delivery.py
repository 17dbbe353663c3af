"""What goes out: subscriptions, digests and what became of them, hooks, what comes back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables; all of them begin empty."""
    op.create_table(
        "bounces",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("digest_id", ROW_ID, nullable=True),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("status", sa.String(length=12), server_default="", nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
    )
    op.create_index(op.f("ix_bounces_address"), "bounces", ["address"], unique=False)
    op.create_index(op.f("ix_bounces_digest_id"), "bounces", ["digest_id"], unique=False)
    op.create_table(
        "keys",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_keys")),
    )
    op.create_table(
        "recipients",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("channel", sa.String(length=4), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), server_default="", nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
    )
    op.create_index("ix_recipients_address", "recipients", ["address", "channel"], unique=True)
    op.create_table(
        "suppressions",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=9), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "feedback",
        sa.Column("recipient_id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_feedback_paper_id")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_feedback_recipient_id")
        ),
        sa.PrimaryKeyConstraint("recipient_id", "paper_id", "kind", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_paper_id"), "feedback", ["paper_id"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("handle", sa.String(length=16), nullable=False),
        sa.Column("recipient_id", ROW_ID, nullable=False),
        sa.Column("reader_id", ROW_ID, nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("query", sa.Text(), server_default="", nullable=False),
        sa.Column("cadence", sa.String(length=8), nullable=False),
        sa.Column("on_day", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("longest", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("when_empty", sa.String(length=4), nullable=False),
        sa.Column("form", sa.String(length=12), nullable=False),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("paused_until", sa.String(length=10), nullable=True),
        sa.Column("next_due", sa.String(length=20), nullable=True),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name=op.f("fk_subscriptions_reader_id")
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_subscriptions_recipient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("handle", name=op.f("uq_subscriptions_handle")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_subscriptions_next_due", "subscriptions", ["state", "next_due"], unique=False
    )
    op.create_index(
        op.f("ix_subscriptions_reader_id"), "subscriptions", ["reader_id"], unique=False
    )
    op.create_index(
        op.f("ix_subscriptions_recipient_id"), "subscriptions", ["recipient_id"], unique=False
    )
    op.create_table(
        "consents",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("subscription_id", ROW_ID, nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("client", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_consents_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        op.f("ix_consents_subscription_id"), "consents", ["subscription_id"], unique=False
    )
    op.create_table(
        "digests",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("subscription_id", ROW_ID, nullable=False),
        sa.Column("issue", sa.String(length=16), nullable=False),
        sa.Column("due", sa.String(length=20), nullable=False),
        sa.Column("ends", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("until", sa.String(length=10), server_default="", nullable=False),
        sa.Column("cut", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("papers", sa.Integer(), server_default="0", nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try", sa.String(length=20), nullable=True),
        sa.Column("claimed", sa.String(length=20), nullable=True),
        sa.Column("sent", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_digests_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_digests_issue", "digests", ["subscription_id", "issue"], unique=True)
    op.create_index("ix_digests_state", "digests", ["state", "next_try"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("digest_id", ROW_ID, nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digests.id"], name=op.f("fk_attempts_digest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_digest_id"), "attempts", ["digest_id"], unique=False)
    op.create_table(
        "had",
        sa.Column("recipient_id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("digest_id", ROW_ID, nullable=False),
        sa.Column("updated", sa.String(length=10), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digests.id"], name=op.f("fk_had_digest_id")),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_had_paper_id")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_had_recipient_id")
        ),
        sa.PrimaryKeyConstraint("recipient_id", "paper_id", "digest_id", name=op.f("pk_had")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_had_digest_id"), "had", ["digest_id"], unique=False)
    op.create_index("ix_had_paper_id", "had", ["paper_id"], unique=False)
