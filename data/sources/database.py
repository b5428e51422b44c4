"""An operational analytics platform, or any other database SQLAlchemy reaches: each table's rows as Parquet, in key order."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, MetaData, Table, create_engine, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from data.errors import SourceDown
from data.sources.base import MadeArrival, register
from data.types import System

_BATCH = 20_000


@register("database")
class Database:
    """One arrival a table. All values travel as text: interpreting them is the normaliser's work."""

    kind: ClassVar[str] = "database"

    def __init__(self, name: str, system: System, url: str, tables: Sequence[str] = ()) -> None:
        self.name, self.system, self.url, self.tables = name, system, url, tuple(tables)

    def read(self, position: str | None = None) -> Iterator[MadeArrival]:
        """Tables in the order of their names. Raises SourceDown where the database cannot be reached."""
        url = make_url(self.url)
        if url.get_backend_name() == "sqlite" and url.database:
            url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
        engine = create_engine(url)
        try:
            metadata = MetaData()
            metadata.reflect(engine, only=list(self.tables) or None)
            for name in sorted(metadata.tables):
                table = metadata.tables[name]
                yield MadeArrival(name, "table+parquet", lambda table=table: _rows(engine, table))  # type: ignore[misc]
        except SQLAlchemyError as error:
            shown = url.render_as_string(hide_password=True)
            raise SourceDown(
                f"Source {self.name}: {shown} cannot be read ({type(error).__name__}).", "Check its url."
            ) from error
        finally:
            engine.dispose()


def _rows(engine: Engine, table: Table) -> bytes:
    schema = pa.schema([(column.name, pa.string()) for column in table.columns])
    order = list(table.primary_key.columns) or list(table.columns)
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema, compression="zstd") as writer, engine.connect() as connection:
        result = connection.execution_options(yield_per=_BATCH).execute(select(table).order_by(*order))
        for batch in result.partitions(_BATCH):
            columns = [pa.array([_text(row[place]) for row in batch], pa.string()) for place in range(len(schema))]
            writer.write_table(pa.table(columns, schema=schema))
    return out.getvalue()


def _text(value: Any) -> str | None:
    return None if value is None else value.hex() if isinstance(value, bytes) else str(value)
