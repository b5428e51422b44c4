"""Alembic's environment for the ledger: migrations run in the transaction of the connection they are handed."""

from alembic import context

from server.ledger.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
