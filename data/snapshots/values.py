"""Looks through the values that releases show as sources sent them, and says which are withheld: vault.withheld_value (source, value).

Codes, units, wards and states are counted and grouped by, so they are not rewritten as texts are: a value stays as it is or is withheld
whole. Each distinct value is looked at once. What is an identity the redactor says; where it is not sure, a value that COMMON persons and
more have is none of theirs, and one that stands in a table of no person is left, too. Codes of the vocabulary, times of day, and values
of neither letters nor six digits are not looked at. `source` is table.column, as it is of texts.
"""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from data.catalogue.model import Catalogue, Column, Table
from data.errors import ReadingRoomError
from data.snapshots.tables import source_name
from data.snapshots.text import BYTES, TEXTS, source_of
from data.types import Progress, Redactor

WITHHELD = "[withheld]"
COMMON = 5
_OWN = 2_000_000_000  # ids from here on are no standard vocabulary's but somebody's own (OHDSI Book of OMOP, chapter 5)
_SAFE = (
    "NOT regexp_matches(value, '\\pL') AND length(regexp_replace(value, '\\PN', '', 'g')) < 6 "
    "OR regexp_full_match(value, '[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9])?')"
)
# A code has no blank, and an `@` in none of the vocabularies.
_CODES = (
    "SELECT concept_code AS value FROM cdm.concept "
    f"WHERE concept_id > 0 AND concept_id < {_OWN} AND NOT regexp_matches(concept_code, '[\\s@]')"
)


def looked_through(column: Column) -> bool:
    """Whether the values of a column are looked through: some release without identities shows them as they came."""
    kept = column.tags & {"clinical", "operational", "quasi_identifier"}
    return column.type == "VARCHAR" and bool(kept) and not column.tags & {"identifier", "free_text"}


def withhold_values(
    con: duckdb.DuckDBPyConnection, catalogue: Catalogue, redactor: Redactor, progress: Progress
) -> dict[str, int]:
    """Fill vault.withheld_value, on a connection that has the build. Gives how many distinct values are withheld, by source."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE rr_value AS {_distinct_values(catalogue)}")
    con.execute("CREATE OR REPLACE TEMP TABLE rr_doubtful (value VARCHAR, sources VARCHAR[])")
    con.execute("CREATE OR REPLACE TABLE vault.withheld_value (source VARCHAR, value VARCHAR)")
    done, total = 0, con.sql("SELECT count(*) FROM rr_value").fetchall()[0][0]
    for batch in _batches(con):
        _look(con, redactor, batch)
        done += batch.num_rows
        progress("codes and labels", done, total)
    for table, column in _columns(catalogue):
        if any(one.name == "person_id" for one in table.columns):
            con.execute(_of_few(table, column))
    con.execute("DROP TABLE rr_value")
    con.execute("DROP TABLE rr_doubtful")
    counts = "SELECT source, count(*) FROM vault.withheld_value GROUP BY source ORDER BY source"
    return dict(con.execute(counts).fetchall())


def _columns(catalogue: Catalogue) -> Iterator[tuple[Table, Column]]:
    for table in catalogue.values():
        for column in table.columns:
            if not table.made_of and looked_through(column):
                yield table, column


def _distinct_values(catalogue: Catalogue) -> str:
    """SELECT of (value, sources, batch): at most TEXTS and about BYTES have the number of one batch."""
    parts = " UNION ALL ".join(
        f"SELECT DISTINCT '{source_of(table, column)}' AS source, {column.name} AS value "
        f"FROM {source_name(table.name)} WHERE {column.name} IS NOT NULL"
        for table, column in _columns(catalogue)
    )
    return (
        f"SELECT value, sources, row_number() OVER before // {TEXTS} + sum(strlen(value)) OVER before // {BYTES} AS batch "
        f"FROM (SELECT value, list(source) AS sources FROM ({parts}) GROUP BY value) ANTI JOIN ({_CODES}) USING (value) "
        f"WHERE NOT ({_SAFE}) WINDOW before AS (ORDER BY value ROWS UNBOUNDED PRECEDING)"
    )


def _batches(con: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
    for (batch,) in con.sql("SELECT DISTINCT batch FROM rr_value ORDER BY batch").fetchall():
        yield con.sql(f"SELECT value, sources FROM rr_value WHERE batch = {batch} ORDER BY value").to_arrow_table()


def _look(con: duckdb.DuckDBPyConnection, redactor: Redactor, batch: pa.Table) -> None:
    told = redactor.withholds(batch.column("value").to_pylist())
    if len(told) != batch.num_rows or not set(told) <= {"no", "maybe", "yes"}:
        raise ReadingRoomError("The redactor did not say of each value whether it is withheld.")
    con.register("rr_told", batch.append_column("told", pa.array(told, pa.string())))
    con.execute("INSERT INTO rr_doubtful SELECT value, sources FROM rr_told WHERE told = 'maybe'")
    con.execute("INSERT INTO vault.withheld_value SELECT unnest(sources), value FROM rr_told WHERE told = 'yes'")
    con.unregister("rr_told")


def _of_few(table: Table, column: Column) -> str:
    """INSERT of the doubtful values of a column that fewer than COMMON persons have."""
    source = source_of(table, column)
    return (
        f"INSERT INTO vault.withheld_value SELECT '{source}', src.{column.name} FROM {source_name(table.name)} AS src "
        f"SEMI JOIN (SELECT value FROM rr_doubtful WHERE list_contains(sources, '{source}')) AS d ON d.value = src.{column.name} "
        f"GROUP BY src.{column.name} HAVING count(DISTINCT src.person_id) < {COMMON}"
    )
