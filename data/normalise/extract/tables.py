"""Tables to staging: rows of an operational database as the database connector stored them, and OMOP CDM CSV of a registry.

Which table becomes what is data (`MAPPED`); a table named nowhere is counted as not understood. OMOP rows become the same events that
other sources give, with the concept ids they came with.
"""

from collections.abc import Mapping
from pathlib import PurePath

import duckdb

from data.normalise.extract.staging import column_names
from data.types import Stored

# source table -> (staging table, staging column -> SQL over the source's columns, all text)
MAPPED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "patients": ("patient", {
        "record_id": "ops_mrn", "mrn": "ops_mrn", "family": "family_name", "given": "given_name", "birth_date": "birth_date",
        "sex": "sex", "phone": "phone", "zip": "zip",
        "identifiers": "list_filter(['OPS|' || ops_mrn, 'EHR|' || ehr_mrn], lambda one: one IS NOT NULL)",
    }),
    "bed_stays": ("bed_stay", {"record_id": "bed_stay_id", "mrn": "ops_mrn", "ward": "ward", "bed": "bed", "admitted_at": "admitted_at",
                               "discharged_at": "discharged_at"}),
    "appointments": ("appointment", {"record_id": "appointment_id", "mrn": "ops_mrn", "clinic": "clinic", "booked_at": "booked_at",
                                     "scheduled_at": "scheduled_at", "status": "status"}),
    "claims": ("claim", {"record_id": "claim_id", "mrn": "ops_mrn", "payer": "payer", "service_date": "service_date",
                         "diagnosis_code": "diagnosis_code", "amount": "amount", "status": "status"}),
    "staffing": ("staffing", {"record_id": "staffing_id", "ward": "ward", "shift_date": "shift_date", "shift": "shift", "role": "role",
                              "headcount": "headcount"}),
}  # fmt: skip

OMOP: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "person": ("patient", {
        "record_id": "person_id", "mrn": "person_id", "identifiers": "['REG|' || person_source_value]", "sex": "gender_source_value",
        "birth_date": "printf('%04d-%02d-%02d', year_of_birth::INT, month_of_birth::INT, day_of_birth::INT)",
    }),
    "identity": ("patient", {
        "record_id": "person_id", "mrn": "person_id", "identifiers": "['EHR|' || ehr_mrn]", "family": "family_name",
        "given": "given_name", "birth_date": "birth_date", "sex": "sex",
    }),
    "condition_occurrence": ("event", {
        "record_id": "'condition:' || condition_occurrence_id", "kind": "'condition'", "mrn": "person_id",
        "start_at": "condition_start_date", "code_system": "'SNOMED'", "code": "condition_source_value",
        "concept_given": "TRY_CAST(condition_concept_id AS BIGINT)",
    }),
    "drug_exposure": ("event", {
        "record_id": "'drug:' || drug_exposure_id", "kind": "'drug'", "mrn": "person_id", "start_at": "drug_exposure_start_date",
        "end_at": "drug_exposure_end_date", "code_system": "'RxNorm'", "code": "drug_source_value",
        "concept_given": "TRY_CAST(drug_concept_id AS BIGINT)",
    }),
    "measurement": ("event", {
        "record_id": "'measurement:' || measurement_id", "kind": "'measurement'", "mrn": "person_id", "start_at": "measurement_date",
        "code_system": "'LOINC'", "code": "measurement_source_value", "value_text": "value_as_number", "value_number": "value_as_number",
        "unit": "unit_source_value", "concept_given": "TRY_CAST(measurement_concept_id AS BIGINT)",
        "numeric_expected": "value_as_number IS NOT NULL", "unit_concept_given": "TRY_CAST(unit_concept_id AS BIGINT)",
    }),
}  # fmt: skip
# Derived anew from the events, so rows of this table are known duplicates of what is computed.
_DERIVED = frozenset({"observation_period"})


def extract_table(con: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Rows of one database table."""
    rows = f"SELECT *, row_number() OVER () AS line FROM read_parquet('{stored.path}')"
    _staged(con, stored, rows, stored.name.lower(), MAPPED)


def extract_omop(con: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Rows of one OMOP CSV file; a row with too few or too many fields is rejected with its line."""
    rows = (
        f"SELECT *, row_number() OVER () AS line FROM read_csv('{stored.path}', all_varchar = true, header = true, "
        "null_padding = true, strict_mode = false, ignore_errors = true, parallel = false)"
    )
    _staged(con, stored, rows, PurePath(stored.name).stem.lower(), OMOP)


def _staged(
    con: duckdb.DuckDBPyConnection,
    stored: Stored,
    rows: str,
    table: str,
    mapping: Mapping[str, tuple[str, Mapping[str, str]]],
) -> None:
    origin = [stored.source, stored.system, stored.seq, stored.digest]
    con.execute(f"CREATE OR REPLACE TEMP TABLE table_rows AS {rows}")
    counted = con.execute("SELECT count(*) FROM table_rows").fetchone()
    count = int(counted[0]) if counted else 0
    con.execute(
        "INSERT INTO staging.received VALUES ($1, $2, $3, $4, $5, 0)",
        [origin[0], origin[3], stored.name, stored.media, count],
    )
    if table not in mapping:
        what = f"table {table[:60]}" + (" (computed here)" if table in _DERIVED else "")
        con.execute(
            "INSERT INTO staging.not_understood VALUES ($1, $2, NULL, $3, $4)", [origin[0], origin[3], what, count]
        )
        return
    target, columns = mapping[table]
    have = {row[0].lower() for row in con.execute("DESCRIBE table_rows").fetchall()}
    items = [_item(name, columns, have) for name in column_names(target)[5:]]
    con.execute(f"INSERT INTO staging.{target} SELECT $1, $2, $3, $4, line, {', '.join(items)} FROM table_rows", origin)


def _item(name: str, columns: Mapping[str, str], have: set[str]) -> str:
    """The SQL of a staging column; NULL where the source's table lacks the column it would come from."""
    sql = columns.get(name, "NULL")
    plain = sql.isidentifier() and sql not in have and sql != "NULL"
    return f"{'NULL' if plain else sql} AS {name}"
