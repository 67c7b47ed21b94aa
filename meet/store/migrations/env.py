"""Alembic's entrance: runs the steps in ``versions`` on the connection that it is handed.

It is only ever run by `meet.store.sql`, and leaves logging as it finds it.
"""

from __future__ import annotations

from alembic import context

from meet.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
