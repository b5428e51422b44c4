"""What a build looks like from afar, so that the next can be held against it: rows, empty fields, codes and numbers, as counts and quantiles.

No value of a person stands in it: codes are counted from twenty records up, quantiles of a measurement taken from a hundred, and both
only where they are of eleven persons or more, since what a source sends as a code may be words about one.
"""

from typing import Any

import duckdb

from data.catalogue.model import Table, recorded

_CODES = {
    "condition_occurrence": ("condition_concept_id", "condition_source_value"),
    "drug_exposure": ("drug_concept_id", "drug_source_value"),
    "procedure_occurrence": ("procedure_concept_id", "procedure_source_value"),
    "measurement": ("measurement_concept_id", "measurement_source_value"),
    "observation": ("observation_concept_id", "observation_source_value"),
    "visit_occurrence": ("visit_concept_id", "visit_source_value"),
}
_FEW, _ENOUGH = 20, 100
_PERSONS = 11  # as CMS counts cells: one to ten persons are too few to be told of
_POINTS = [0.1, 0.25, 0.5, 0.75, 0.9]


def profile(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """`tables` (rows, share of NULL by column), `codes` (records by source code, and how many are unmapped), `numbers` (quantiles)."""
    return {
        "tables": {table.name: _table(con, table) for table in recorded().values()},
        "codes": {table: _codes(con, table, *columns) for table, columns in _CODES.items()},
        "numbers": _numbers(con),
    }


def _table(con: duckdb.DuckDBPyConnection, table: Table) -> dict[str, Any]:
    name = table.name if "." in table.name else f"cdm.{table.name}"
    counts = ", ".join(f"count({column.name})" for column in table.columns)
    rows, *filled = con.execute(f"SELECT count(*), {counts} FROM {name}").fetchall()[0]
    nulls = {
        column.name: round(1 - have / rows, 6) if rows else 0.0
        for column, have in zip(table.columns, filled, strict=True)
    }
    return {"rows": rows, "nulls": nulls}


def _codes(con: duckdb.DuckDBPyConnection, table: str, concept: str, source: str) -> dict[str, Any]:
    total, unmapped = con.execute(f"SELECT count(*), count(*) FILTER ({concept} = 0) FROM cdm.{table}").fetchall()[0]
    rows = con.execute(
        f"SELECT {source}, count(*) AS n FROM cdm.{table} WHERE {source} IS NOT NULL GROUP BY 1 "
        f"HAVING n >= {_FEW} AND count(DISTINCT person_id) >= {_PERSONS} ORDER BY 1"
    ).fetchall()
    return {"records": total, "unmapped": unmapped, "by_code": dict(rows)}


def _numbers(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    rows = con.execute(
        "SELECT measurement_source_value || ' ' || coalesce(unit_concept_id::VARCHAR, '-') AS what, count(*) AS n, "
        f"quantile_cont(value_as_number::DOUBLE, {_POINTS}) FROM cdm.measurement "
        f"WHERE value_as_number IS NOT NULL AND measurement_source_value IS NOT NULL GROUP BY 1 "
        f"HAVING n >= {_ENOUGH} AND count(DISTINCT person_id) >= {_PERSONS} ORDER BY 1"
    ).fetchall()
    return {what: {"records": n, "quantiles": [float(f"{point:.6g}") for point in points]} for what, n, points in rows}
