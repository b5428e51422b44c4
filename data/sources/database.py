"""Any database SQLAlchemy reaches: an operational analytics platform, or a clinical research database in the OMOP CDM (`omop-database`).

Each table's rows come as Parquet, in key order, all values as text: interpreting them is the normaliser's work. A table with a watermark
column (an increasing number or a time of last change) is read from where the last read ended; what it brings is added to what came before.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, MetaData, Table, create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from data.errors import BadRequest, SourceDown
from data.sources.base import MadeArrival, register
from data.types import System

_BATCH = 20_000


@register("database")
class Database:
    """One arrival a table, or a part of it since the last watermark. `watermarks` names a column by table."""

    kind: ClassVar[str] = "database"
    media: ClassVar[str] = "table+parquet"

    def __init__(
        self,
        name: str,
        system: System,
        url: str,
        tables: Sequence[str] = (),
        watermarks: Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.name, self.system, self.url, self.tables = name, system, url, tuple(tables)
        self.watermarks, self.schema = dict(watermarks or {}), schema

    def read(self, position: str | None = None) -> Iterator[MadeArrival]:
        """Tables in the order of their names. Raises SourceDown where the database cannot be reached, BadRequest for an unknown column."""
        try:
            url = make_url(self.url)
        except ArgumentError as error:
            raise BadRequest(
                f"Source {self.name}: its url is no database URL.", "See docs/reference/room.md."
            ) from error
        if url.get_backend_name() == "sqlite" and url.database:
            url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
        elif url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url)
        reached: dict[str, dict[str, Any]] = json.loads(position) if position else {}
        try:
            metadata = MetaData()
            metadata.reflect(engine, schema=self.schema, only=list(self.tables) or None)
            for table in sorted(metadata.tables.values(), key=lambda one: one.name):
                yield from self._table(engine, table, reached)
        except SQLAlchemyError as error:
            shown = url.render_as_string(hide_password=True)
            raise SourceDown(
                f"Source {self.name}: {shown} cannot be read ({type(error).__name__}).",
                "Check its url, and that it is up.",
            ) from error
        finally:
            engine.dispose()

    def _table(self, engine: Engine, table: Table, reached: dict[str, dict[str, Any]]) -> Iterator[MadeArrival]:
        column = self.watermarks.get(table.name)
        if column is None:
            yield MadeArrival(table.name, self.media, lambda: _rows(engine, table))
            return
        if column not in table.columns:
            raise BadRequest(
                f"Source {self.name}: table {table.name} has no column {column}, which is to be its watermark.",
                "Check `watermarks` in readingroom.yaml.",
            )
        last = reached.get(table.name, {"part": 0, "mark": None})
        mark = table.columns[column]
        with engine.connect() as connection:
            highest = connection.execute(select(func.max(mark))).scalar()
        if highest is None or _text(highest) == last["mark"]:
            return
        # Rows at the last mark come again: one may have been written at the same moment after it was read. A known duplicate is told as such.
        bounds = [mark <= highest, *([mark >= _like(highest, last["mark"])] if last["mark"] is not None else [])]
        reached[table.name] = {"part": last["part"] + 1, "mark": _text(highest)}
        name = f"{table.name}@{last['part'] + 1:06d}"
        yield MadeArrival(
            name, self.media, lambda: _rows(engine, table, bounds), position=json.dumps(reached, sort_keys=True)
        )


@register("omop-database")
class OmopDatabase(Database):
    """A clinical research database in the OMOP CDM v5.3 or v5.4, with the vocabulary tables it brings."""

    kind: ClassVar[str] = "omop-database"
    media: ClassVar[str] = "omop+parquet"


def _like(sample: Any, text: str) -> Any:
    """A mark read back from text, in the type the database gives."""
    kind = type(sample)
    return kind.fromisoformat(text) if hasattr(kind, "fromisoformat") else kind(text)


def _rows(engine: Engine, table: Table, bounds: Sequence[Any] = ()) -> BinaryIO:
    """Rows as Parquet in a temporary file, so that a table of any size takes the memory of a batch."""
    schema = pa.schema([(column.name, pa.string()) for column in table.columns])
    order = list(table.primary_key.columns) or list(table.columns)
    out = tempfile.TemporaryFile()  # noqa: SIM115  # the raw store closes it
    try:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer, engine.connect() as connection:
            query = select(table).where(*bounds).order_by(*order)
            result = connection.execution_options(yield_per=_BATCH).execute(query)
            for batch in result.partitions(_BATCH):
                columns = [pa.array([_text(row[place]) for row in batch], pa.string()) for place in range(len(schema))]
                writer.write_table(pa.table(columns, schema=schema))
    except SQLAlchemyError as error:
        out.close()
        raise SourceDown(
            f"Table {table.name} stopped while it was read ({type(error).__name__}).",
            "Start again: what was read stays.",
        ) from error
    out.seek(0)
    return cast("BinaryIO", out)


def _text(value: Any) -> str | None:
    return None if value is None else value.hex() if isinstance(value, bytes) else str(value)
