"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables in an empty file."""
    op.create_table(
        "changes",
        sa.Column("sequence", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_changes")),
    )
    op.create_table(
        "pages",
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.Column("day_seen", sa.Text(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pages")),
    )
    op.create_index(op.f("ix_pages_day"), "pages", ["day"], unique=False)
    op.create_table(
        "papers",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("merged_into", ROW_ID, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("submitted", sa.String(length=10), nullable=True),
        sa.Column("announced", sa.String(length=10), nullable=True),
        sa.Column("updated", sa.String(length=10), nullable=True),
        sa.Column("published", sa.String(length=10), nullable=True),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("links", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("external_ids", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["merged_into"], ["papers.id"], name=op.f("fk_papers_merged_into")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers")),
    )
    op.create_index(op.f("ix_papers_merged_into"), "papers", ["merged_into"], unique=False)
    op.create_index("ix_papers_day", "papers", ["day", "id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started", sa.String(length=20), nullable=False),
        sa.Column("ended", sa.String(length=20), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "external_ids",
        sa.Column("namespace", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_external_ids_paper_id")),
        sa.PrimaryKeyConstraint("namespace", "value", name=op.f("pk_external_ids")),
    )
    op.create_index(op.f("ix_external_ids_paper_id"), "external_ids", ["paper_id"], unique=False)
    op.create_table(
        "places",
        sa.Column("page", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["page"], ["pages.key"], name=op.f("fk_places_page")),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_places_paper_id")),
        sa.PrimaryKeyConstraint("page", "position", name=op.f("pk_places")),
    )
    op.create_index(op.f("ix_places_paper_id"), "places", ["paper_id"], unique=False)
    op.create_table(
        "records",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("title_hash", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.String(length=20), nullable=False),
        sa.Column("last_changed", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_records_paper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
    )
    op.create_index(op.f("ix_records_key_hash"), "records", ["key_hash"], unique=False)
    op.create_index(op.f("ix_records_paper_id"), "records", ["paper_id"], unique=False)
    op.create_index(op.f("ix_records_title_hash"), "records", ["title_hash"], unique=False)
    op.create_table(
        "rejects",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("run_id", ROW_ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("seen", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_rejects_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejects")),
    )
    op.create_index(op.f("ix_rejects_run_id"), "rejects", ["run_id"], unique=False)
    op.create_index("ix_rejects_source_place", "rejects", ["source", "place"], unique=False)
