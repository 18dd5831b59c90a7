"""How Alembic runs the steps: on the connection that it is handed, in one transaction."""

from alembic import context

from mentallama.human.room.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
)
context.run_migrations()
