"""Where sources go on, what they count, about what they were asked, and what they list."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and tables; all of them begin empty."""
    op.add_column(
        "runs", sa.Column("kind", sa.String(length=8), nullable=False, server_default="import")
    )
    op.add_column("runs", sa.Column("slot", sa.String(length=20), nullable=True))
    op.add_column("runs", sa.Column("parts", sa.JSON(), nullable=False, server_default="[]"))
    op.create_index("ix_runs_kind", "runs", ["kind", "source", "id"], unique=False)
    op.create_table(
        "cursors",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("usual", sa.Float(), nullable=False, server_default="0"),
        sa.Column("covered", sa.String(length=10), nullable=True),
        sa.Column("updated", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("source", "part", name=op.f("pk_cursors")),
    )
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
    )
    op.create_table(
        "asked",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("kept", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_asked_paper_id")),
        sa.PrimaryKeyConstraint("source", "paper_id", name=op.f("pk_asked")),
    )
    op.create_table(
        "listings",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("seen", sa.String(length=20), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source", "category", "day", name=op.f("pk_listings")),
    )
    op.create_index("ix_listings_day", "listings", ["day"], unique=False)
