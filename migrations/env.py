"""Alembic's entry: runs the migrations on the connection that `pipeline.storage.migrate` hands over."""

from alembic import context

from pipeline.storage.migrate import is_compared
from pipeline.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=is_compared,
    compare_server_default=True,
)
context.run_migrations()
