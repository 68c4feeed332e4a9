"""Run by alembic: revisions go over the connection that `server.migrations` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from server.migrations import CONNECTION, METADATA

context.configure(connection=context.config.attributes[CONNECTION], target_metadata=METADATA)
context.run_migrations()
