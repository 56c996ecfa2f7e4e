"""Runs the steps on the connection that the catalog hands over.

In: a connection under `attributes["connection"]`. Out: the tables. Never: a database of its own.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite alters a table only by copying it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
