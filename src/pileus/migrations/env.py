"""How Alembic reaches the database and the tables that the code declares.

Only who writes a migration needs the tables, and has imported `pileus.app` for them.
"""

from alembic import context

from pileus.core.resource import schema

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=schema, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
