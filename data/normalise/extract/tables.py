"""Tables to staging: rows of operational databases and files, and the tables of a clinical research database in the OMOP CDM (v5.3, v5.4).

Which table becomes what is data (`MAPPED`, and `OMOP` beside this file); a table named nowhere is counted as not understood. OMOP rows
become the same events that other sources give, with the concept ids they came with. `PEOPLE` and `OMOP_PEOPLE` are the columns that name others
than the patient, or more of the patient; none of them need be there.
"""

from collections.abc import Mapping
from pathlib import PurePath

import duckdb

from data.catalogue.model import catalogue
from data.normalise.extract.omop import DERIVED, OMOP, OMOP_PEOPLE
from data.normalise.extract.staging import column_names
from data.types import Stored

Mapped = Mapping[str, tuple[str, Mapping[str, str]]]
# source table -> (staging table, staging column -> SQL over the source's columns, all text)
MAPPED: Mapped = {
    "patients": ("patient", {
        "record_id": "ops_mrn", "mrn": "ops_mrn", "family": "family_name", "given": "given_name", "birth_date": "birth_date",
        "sex": "sex", "phone": "phone", "street": "street", "city": "city", "state": "state", "zip": "zip",
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
# source table -> what of it goes to staging.other_person, a row each: column -> SQL over the source's columns
People = Mapping[str, tuple[Mapping[str, str], ...]]
_PATIENT, _RELATIVE, _STAFF = (
    {"role": "'patient'", "mrn": "ops_mrn"},
    {"role": "'relative'", "mrn": "ops_mrn"},
    {"role": "'staff'"},
)
PEOPLE: People = {
    "patients": (
        {**_PATIENT, "email": "email"},
        {**_RELATIVE, "name": "contact_name", "phone": "contact_phone", "email": "contact_email"},
    ),
    "appointments": ({**_STAFF, "name": "clinician"},),
    "staffing": ({**_STAFF, "name": "staff_name"},),
    "claims": (
        {**_STAFF, "name": "provider_name", "identifier": "'NPI|' || provider_npi"},
        {**_PATIENT, "identifier": "'MEMBER|' || member_id"},
        {**_RELATIVE, "name": "subscriber_name"},
    ),
}
# Columns that expressions above name and a source may lack.
_NAMED = {"patients": ("ops_mrn", "ehr_mrn"), "claims": ("provider_npi", "member_id")}


def extract_table(con: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Rows of one table of an operational database, as Parquet or CSV."""
    _staged(con, stored, MAPPED, PEOPLE)


def extract_omop(con: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Rows of one OMOP table, as CSV or Parquet."""
    _staged(con, stored, OMOP, OMOP_PEOPLE)


def _table_name(name: str) -> str:
    """The table a file or a part of a table holds: `bed_stays@0002` and `2024/bed_stays.csv.gz` are both of bed_stays."""
    return PurePath(name).name.split("@")[0].split(".")[0].lower()


def _staged(con: duckdb.DuckDBPyConnection, stored: Stored, mapped: Mapped, people: People) -> None:
    table = _table_name(stored.name)
    if not _read(con, stored, table):
        return
    counted = con.execute("SELECT count(*) FROM table_rows").fetchall()[0][0]
    received = [stored.source, stored.digest, stored.name, stored.media, counted]
    con.execute("INSERT INTO staging.received VALUES ($1, $2, $3, $4, $5)", received)
    have = {row[0].lower() for row in con.execute("DESCRIBE table_rows").fetchall()}
    for columns in people.get(table, ()):
        _people(con, stored, columns, have)
    if table not in mapped:
        what = f"table {table[:60]}" + (" (computed here)" if table in DERIVED else "")
        row = [stored.source, stored.digest, what, counted]
        con.execute("INSERT INTO staging.not_understood VALUES ($1, $2, NULL, $3, $4)", row)
        return
    target, columns = mapped[table]
    if target == "concept":  # names for the ids of this source, not records of anybody
        row = [stored.source, stored.digest, f"table {table} (names of concepts, used)", counted]
        con.execute("INSERT INTO staging.not_understood VALUES ($1, $2, NULL, $3, $4)", row)
        con.execute(f"INSERT INTO staging.concept SELECT {', '.join(columns.values())} FROM table_rows")
        return
    items = [_item(name, columns, have) for name in column_names(target)[5:]]
    origin = [stored.source, stored.system, stored.seq, stored.digest]
    con.execute(f"INSERT INTO staging.{target} SELECT $1, $2, $3, $4, line, {', '.join(items)} FROM table_rows", origin)


def _people(con: duckdb.DuckDBPyConnection, stored: Stored, columns: Mapping[str, str], have: set[str]) -> None:
    """Adds what a table says of one kind of people, each different row once; nothing where it has none of the columns."""
    names = [name for name in column_names("other_person")[5:] if name in columns]
    items = [_item(name, columns, have) for name in names]
    told = [f"{name} IS NOT NULL" for name in names if name not in ("role", "mrn")]
    origin = [stored.source, stored.system, stored.seq, stored.digest]
    con.execute(
        "INSERT INTO staging.other_person BY NAME SELECT DISTINCT $1 AS source, $2 AS system, $3 AS seq, $4 AS blob, * "
        f"FROM (SELECT {', '.join(items)} FROM table_rows) WHERE {' OR '.join(told)}",
        origin,
    )


def _read(con: duckdb.DuckDBPyConnection, stored: Stored, table: str) -> bool:
    """Temp table `table_rows` of all rows as text, with their numbers and every column the mapping may name; False where unreadable."""
    path = str(stored.path).replace("'", "''")
    parquet = stored.media.endswith("parquet")
    source = f"read_parquet('{path}')" if parquet else _csv(path)
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        texts = ", ".join(f'CAST("{row[0]}" AS VARCHAR) AS "{str(row[0]).lower()}"' for row in described)
        have = {str(row[0]).lower() for row in described}
        missing = "".join(f", CAST(NULL AS VARCHAR) AS {name}" for name in _expected(table) if name not in have)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE table_rows AS SELECT {texts}, row_number() OVER () AS line{missing} FROM {source}"
        )
    except duckdb.Error:
        reason = "the file cannot be read as a table"
        row = [stored.source, stored.seq, stored.digest, reason]
        con.execute("INSERT INTO staging.reject VALUES ($1, $2, $3, 0, NULL, 'damaged-file', $4)", row)
        received = [stored.source, stored.digest, stored.name, stored.media]
        con.execute("INSERT INTO staging.received VALUES ($1, $2, $3, $4, 1)", received)
        return False
    return True


def _csv(path: str) -> str:
    """A CSV with a header; a row with too few fields is padded, one with too many or broken quotes keeps what can be read of it."""
    return (
        f"read_csv('{path}', all_varchar = true, header = true, null_padding = true, strict_mode = false, ignore_errors = true, "
        "parallel = false)"
    )


def _expected(table: str) -> tuple[str, ...]:
    known = catalogue().get(table)
    return (*(column.name for column in known.columns), *_NAMED.get(table, ())) if known else _NAMED.get(table, ())


def _item(name: str, columns: Mapping[str, str], have: set[str]) -> str:
    """The SQL of a staging column; NULL where the source's table lacks the column it would come from."""
    sql = columns.get(name, "NULL")
    plain = sql.isidentifier() and sql not in have and sql != "NULL"
    return f"{'NULL' if plain else sql} AS {name}"
