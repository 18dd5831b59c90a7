"""Studies, people, places and submissions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "study",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("rubric", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_study"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("token_hash", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.ForeignKeyConstraint(["study"], ["study.name"], name="fk_person_study"),
        sa.UniqueConstraint("token_hash", name="uq_person_token_hash"),
        sa.UniqueConstraint("study", "name", name="uq_person_study_name"),
    )
    op.create_table(
        "place",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("item", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("latest", sa.String(36)),
        sa.PrimaryKeyConstraint("id", name="pk_place"),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_place_person"),
        sa.UniqueConstraint("person", "item", name="uq_place_person_item"),
    )
    op.create_index("ix_place_item", "place", ["item"])
    op.create_table(
        "submission",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("replaces", sa.String(36)),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("marks", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("rubric", sa.String(200), nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_submission"),
        sa.ForeignKeyConstraint(["place"], ["place.id"], name="fk_submission_place"),
        sa.UniqueConstraint("id", name="uq_submission_id"),
    )
    op.create_index("ix_submission_place", "submission", ["place"])
