"""The ledger's tables, and how its database is opened: SQLite in WAL mode, or PostgreSQL. Migrations bring older forms forward.

`entry` holds what happened, and each leaf's hash. `node` holds roots of full subtrees of 256 leaves and its powers, so that a proof reads
few rows. `head` is one row: the newest checkpoint, signed, written with the entries it covers in one transaction; who lacks the key cannot
add an entry to it. `checkpoint` keeps one in a while.
"""

import importlib
import os
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, make_url

from data.errors import Damaged

WAIT_SECONDS = 10.0
VERSION_TABLE = "ledger_version"  # Alembic's, named so that another application may keep its own beside it
FORM = "2_merkle"
OLDER = (None, "1_linear")

METADATA = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
ENTRY = Table(
    "entry",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("call_id", String(64), nullable=False),
    Column("session", Text),
    Column("snapshot", Text),
    Column("status", Text),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("prev", String(64)),  # of entries written before the ledger was a tree: the hash before, and their own
    Column("hash", String(64)),
    Column("leaf", LargeBinary, nullable=False),
)
NODE = Table(
    "node",
    METADATA,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
HEAD = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", _NUMBER, nullable=False),
    Column("note", Text, nullable=False),
)
CHECKPOINT = Table(
    "checkpoint",
    METADATA,
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)
Index("entry_call", ENTRY.c.call_id, ENTRY.c.kind)
Index("entry_at", ENTRY.c.at, ENTRY.c.kind)
for _name in ("session", "snapshot", "status", "subject"):
    _there = ENTRY.c[_name].is_not(None)
    Index(f"entry_{_name}", ENTRY.c[_name], ENTRY.c.seq, sqlite_where=_there, postgresql_where=_there)
_rare = ENTRY.c.kind.not_in(("intent", "outcome"))
Index("entry_rare", ENTRY.c.kind, ENTRY.c.seq, sqlite_where=_rare, postgresql_where=_rare)
_persons = (ENTRY.c.kind == "outcome") & ENTRY.c.sealed.is_not(None)
Index("entry_persons", ENTRY.c.seq, sqlite_where=_persons, postgresql_where=_persons)

RARE = "kind NOT IN ('intent', 'outcome')"  # SQLite takes the index of rare kinds only where a query says the very same
FIELDS = "seq, at, kind, call_id, session, snapshot, status, subject, body, sealed, prev, hash"


def make_engine(url: str, durable: bool = True) -> Engine:
    """SQLAlchemy engine of a ledger that is written; it waits for the disk where durable."""
    engine = create_engine(_driven(url), isolation_level="AUTOCOMMIT", connect_args=_connect_args(url))
    bound = int(WAIT_SECONDS * 1000)
    if engine.dialect.name == "sqlite":
        orders = [f"PRAGMA busy_timeout={bound}", "PRAGMA journal_mode=WAL"]
        orders.append(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
    else:
        orders = [f"SET lock_timeout={bound}", f"SET statement_timeout={bound}"]
        orders.append(f"SET synchronous_commit={'on' if durable else 'off'}")
    _on_connect(engine, orders)
    return engine


def reading_engine(url: str) -> Engine:
    """SQLAlchemy engine that cannot write. A SQLite file in a folder that cannot be written to is taken as one that nobody changes."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        engine = create_engine(_driven(url), isolation_level="AUTOCOMMIT")
        _on_connect(engine, ["SET default_transaction_read_only=on"])
        return engine
    address = f"sqlite:///{reading_uri(parsed.database)}&uri=true"
    engine = create_engine(address, isolation_level="AUTOCOMMIT", connect_args=_connect_args(url))
    _on_connect(engine, [f"PRAGMA busy_timeout={int(WAIT_SECONDS * 1000)}"])
    return engine


def begin(connection: Connection) -> None:
    """Begins a transaction that writes. SQLite takes its write lock here, so that what is read next is the last that was written."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")


def placed(connection: Connection, statement: str) -> str:
    """A statement with `?` for values, in the driver's way of writing."""
    return statement if connection.dialect.paramstyle == "qmark" else statement.replace("?", "%s")


def reading_uri(database: str) -> str:
    """SQLite's `file:` URI of a database that is only read; of one in a folder that cannot be written to, as a file nobody changes."""
    path, effective = Path(database), os.access in os.supports_effective_ids
    writable = os.access(path.parent, os.W_OK, effective_ids=effective)
    alone = not writable and not path.with_name(f"{path.name}-wal").exists()
    quoted = database.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode=ro{'&immutable=1' if alone else ''}"


def _driven(url: str) -> URL:
    """The URL with the driver that is installed, where it names none."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername in ("postgresql", "postgres") else parsed


def _connect_args(url: str) -> dict[str, Any]:
    return {"check_same_thread": False} if make_url(url).get_backend_name() == "sqlite" else {}


def _on_connect(engine: Engine, orders: list[str]) -> None:
    @event.listens_for(engine, "connect")
    def _ordered(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for order in orders:
            cursor.execute(order)
        cursor.close()


def has_table(connection: Connection, name: str) -> bool:
    """Whether the database has the table now. Asked of its own catalogue each time, within a transaction too."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,))
    else:
        found = connection.exec_driver_sql("SELECT 1 WHERE to_regclass(%s) IS NOT NULL", (name,))
    return found.first() is not None


def require_form(connection: Connection, may_write: bool) -> bool:
    """Whether the ledger has this version's form. An older one is brought forward where that may be; else it is False, as for none at all."""
    if has_table(connection, VERSION_TABLE):
        found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
        if found == FORM:
            return True
        if found not in OLDER:
            raise Damaged(
                "The ledger was written by a newer version of Reading Room.", "Use that version, or a newer one."
            )
    if not may_write:
        return False
    # Alembic takes as long to load as the rest of the ledger, and is needed once in a ledger's life.
    importlib.import_module("server.ledger.migrate").bring_forward(connection)
    return True
