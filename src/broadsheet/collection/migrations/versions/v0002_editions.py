"""Editions, the days on which papers came again, and decisions about identity by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and tables, and fill in what follows from the rows that are there."""
    for name, kind in (
        ("edition", sa.String(length=10)),
        ("basis", sa.String(length=9)),
        ("topic", sa.Text()),
    ):
        op.add_column("papers", sa.Column(name, kind, nullable=False, server_default=""))
    op.add_column("papers", sa.Column("upvotes", sa.Integer(), nullable=True))
    op.add_column("records", sa.Column("origin", ROW_ID, nullable=False, server_default="0"))
    op.create_index("ix_records_source", "records", ["source", "last_changed"], unique=False)
    _let_papers_share_ids()
    _add_tables()
    _fill_in()
    op.drop_index(op.f("ix_papers_merged_into"), "papers")
    op.create_index(
        "ix_papers_merged_into",
        "papers",
        ["merged_into"],
        unique=False,
        sqlite_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_index(
        "ix_papers_edition",
        "papers",
        ["edition", "upvotes", "day", "id", "topic", "basis"],
        unique=False,
        sqlite_where=sa.text("merged_into IS NULL"),
    )


def _let_papers_share_ids() -> None:
    """Make the paper part of the key, and add the ids that only the oldest paper was given."""
    op.drop_index(op.f("ix_external_ids_paper_id"), "external_ids")
    op.rename_table("external_ids", "external_ids_before")
    op.create_table(
        "external_ids",
        sa.Column("namespace", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_external_ids_paper_id")),
        sa.PrimaryKeyConstraint("namespace", "value", "paper_id", name=op.f("pk_external_ids")),
    )
    op.execute(
        """INSERT INTO external_ids (namespace, value, paper_id, since)
        SELECT namespace, value, paper_id, 0 FROM external_ids_before"""
    )
    op.execute(
        """INSERT OR IGNORE INTO external_ids (namespace, value, paper_id, since)
        SELECT DISTINCT json_extract(given.value, '$[0]'), json_extract(given.value, '$[1]'),
            papers.id, 1
        FROM papers, json_each(papers.external_ids) AS given WHERE papers.merged_into IS NULL"""
    )
    op.drop_table("external_ids_before")
    op.create_index(op.f("ix_external_ids_paper_id"), "external_ids", ["paper_id"], unique=False)


def _add_tables() -> None:
    op.create_table(
        "appearances",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_appearances_paper_id")),
        sa.PrimaryKeyConstraint("day", "paper_id", "kind", name=op.f("pk_appearances")),
    )
    op.create_index(op.f("ix_appearances_paper_id"), "appearances", ["paper_id"], unique=False)
    op.create_table(
        "days",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("papers", sa.Integer(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_days")),
    )
    op.create_table(
        "printed",
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_printed")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("paper_id", ROW_ID, nullable=False),
        sa.Column("other_id", ROW_ID, nullable=False),
        sa.Column("records", sa.JSON(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("undone", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    for name in ("paper_id", "other_id"):
        op.create_index(op.f(f"ix_decisions_{name}"), "decisions", [name], unique=False)
    op.create_table(
        "near_misses",
        sa.Column("one", ROW_ID, nullable=False),
        sa.Column("other", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", "other", name=op.f("pk_near_misses")),
    )
    op.create_index(op.f("ix_near_misses_other"), "near_misses", ["other"], unique=False)
    op.create_table(
        "apart",
        sa.Column("one", ROW_ID, nullable=False),
        sa.Column("other", ROW_ID, nullable=False),
        sa.Column("decision_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["one"], ["records.id"], name=op.f("fk_apart_one")),
        sa.ForeignKeyConstraint(["other"], ["records.id"], name=op.f("fk_apart_other")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_apart_decision_id")
        ),
        sa.PrimaryKeyConstraint("one", "other", "decision_id", name=op.f("pk_apart")),
    )
    op.create_index("ix_apart_other", "apart", ["other"], unique=False)
    op.create_index(op.f("ix_apart_decision_id"), "apart", ["decision_id"], unique=False)


# SQLite's own words are enough: no other database ever held the first schema.
_UPVOTES = "json_extract(body, '$.extra.upvotes')"
_STEPS = (
    """UPDATE papers SET topic = coalesce(json_extract(categories, '$[0]'), ''),
        edition = substr(first_seen, 1, 10), basis = 'filed'""",
    """UPDATE papers SET basis = 'page', edition = found.day FROM (
        SELECT places.paper_id, min(pages.day) AS day FROM places
        JOIN pages ON pages.key = places.page WHERE pages.day IS NOT NULL GROUP BY places.paper_id
    ) AS found WHERE found.paper_id = papers.id""",
    """UPDATE papers SET basis = 'announced', edition = announced WHERE length(announced) = 10""",
    # ruff: noqa: S608 (both parts stand in this file)
    f"""UPDATE papers SET upvotes = found.upvotes FROM (
        SELECT paper_id, max({_UPVOTES}) AS upvotes FROM records
        WHERE body LIKE '%"upvotes":%' AND json_type(body, '$.extra.upvotes') = 'integer'
            AND {_UPVOTES} BETWEEN 0 AND 2147483647 GROUP BY paper_id
    ) AS found WHERE found.paper_id = papers.id""",
    "UPDATE records SET origin = paper_id",
    """INSERT OR IGNORE INTO appearances (day, paper_id, kind, note)
        SELECT records.day, papers.id, records.kind, records.source FROM (
            SELECT paper_id, source, 'listed' AS kind, json_extract(body, '$.announced') AS day
            FROM records
            UNION ALL SELECT paper_id, source, 'version', json_extract(body, '$.updated')
            FROM records
            UNION ALL SELECT records.paper_id, records.source, 'page', pages.day FROM records
            JOIN pages ON pages.key = json_extract(records.body, '$.place[0]')
        ) AS records JOIN papers ON papers.id = records.paper_id
        WHERE length(records.day) = 10 AND records.day > papers.edition
            AND papers.merged_into IS NULL""",
    """INSERT INTO days (day, papers, touched, changed)
        SELECT edition, count(*), (SELECT coalesce(max(sequence), 0) FROM changes), max(first_seen)
        FROM papers WHERE merged_into IS NULL GROUP BY edition""",
    """INSERT OR IGNORE INTO days (day, papers, touched, changed)
        SELECT DISTINCT day, 0, (SELECT coalesce(max(sequence), 0) FROM changes),
            (SELECT coalesce(max(last_changed), '') FROM records)
        FROM appearances""",
)  # fmt: skip


def _fill_in() -> None:
    for step in _STEPS:
        op.execute(step)
