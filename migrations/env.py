"""Alembic's entry: runs the migrations on the connection that `pipeline.storage.platform.migrate` hands over."""

from alembic import context

from pipeline.storage.platform.migrate import is_compared
from pipeline.storage.platform.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=is_compared,
    compare_server_default=True,
)
context.run_migrations()
