"""Redacts each distinct text of the build once, into vault.redacted_text (digest, text), for the releases to join.

It decides nothing about what is an identity: that is the redactor it is given. Texts go through in batches.
"""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from data.catalogue.model import Catalogue
from data.errors import ReadingRoomError
from data.snapshots.tables import source_name
from data.types import Progress, Redactor

_BATCH = 2000


def redact_texts(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, redactor: Redactor, progress: Progress) -> int:
    """Fill vault.redacted_text; gives the number of distinct texts."""
    con.execute("CREATE OR REPLACE TABLE vault.redacted_text (digest VARCHAR, text VARCHAR)")
    con.execute(f"CREATE OR REPLACE TEMP TABLE rr_texts AS {_distinct_texts(catalogue)}")
    total = con.sql("SELECT count(*) FROM rr_texts").fetchall()[0][0]
    done = 0
    for batch in _batches(con, total):
        redacted = redactor(batch.column("text").to_pylist())
        if len(redacted) != batch.num_rows:
            raise ReadingRoomError("The redactor gave back another number of texts than it was given.")
        made = pa.table({"digest": batch.column("digest"), "text": pa.array(redacted, pa.string())})
        con.register("rr_made", made)
        con.execute("INSERT INTO vault.redacted_text SELECT digest, text FROM rr_made")
        con.unregister("rr_made")
        done += batch.num_rows
        progress("redact", done, total)
    con.execute("DROP TABLE rr_texts")
    return int(total)


def _batches(con: duckdb.DuckDBPyConnection, total: int) -> Iterator[pa.Table]:
    for start in range(0, total, _BATCH):
        yield con.sql(
            f"SELECT digest, text FROM rr_texts WHERE place >= {start} AND place < {start + _BATCH}"
        ).to_arrow_table()


def _distinct_texts(catalogue: Catalogue) -> str:
    parts = [
        f"SELECT {column.name} AS text FROM {source_name(table.name)} WHERE {column.name} IS NOT NULL"
        for table in catalogue.values()
        for column in table.columns
        if "free_text" in column.tags
    ]
    union = " UNION ".join(parts)
    return f"SELECT sha256(text) AS digest, text, row_number() OVER () - 1 AS place FROM ({union})"
