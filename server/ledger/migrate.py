"""Brings a ledger's database to the form this version writes, by Alembic. Run when a ledger is opened; loaded only when there is work."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from server.ledger.schema import VERSION_TABLE, begin, has_table

_LOCK = 0x72656164  # of PostgreSQL's advisory locks, the one under which a ledger is brought forward


def bring_forward(connection: Connection) -> None:
    """Runs what migrations are missing, all or none, one process at a time. Raises BrokenLine, and SQLAlchemy's errors."""
    begin(connection)
    try:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config = _config(connection)
        if has_table(connection, "entry") and not has_table(connection, VERSION_TABLE):
            command.stamp(config, "1_linear")  # made before migrations were
        command.upgrade(config, "head")
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
