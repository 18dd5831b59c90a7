"""The tables of the rating room. No post, no answer and no model's name is in them.

A place is an item in a rater's order. A submission is added, never changed; which one counts is
what its place says in ``latest``.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

studies = Table(
    "study",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("created", String(40), nullable=False),
    Column("rubric", String(200), nullable=False),
)

people = Table(
    "person",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study", ForeignKey("study.name"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("role", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("token_hash", String(64), unique=True),
    UniqueConstraint("study", "name"),
)

places = Table(
    "place",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("item", String(200), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("latest", String(36)),
    UniqueConstraint("person", "item"),
)

submissions = Table(
    "submission",
    METADATA,
    # Order of arrival: clocks may go back, this does not.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("place", ForeignKey("place.id"), nullable=False, index=True),
    Column("replaces", String(36)),
    Column("kind", String(10), nullable=False),
    Column("marks", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("position", Integer, nullable=False),
    Column("rubric", String(200), nullable=False),
    Column("time", String(40), nullable=False),
    Column("seconds", Float, nullable=False),
)
