"""The staging tables: what every source is first turned into, whatever its format. Text as sent; nothing is interpreted yet.

Each row says where it came from (`source`, `blob`, `line`), so that every later row leads back to received bytes, and in which order it
arrived (`seq`, then `line`), so that corrections win over what they correct.
"""

from importlib import resources

import duckdb

_ORIGIN = "source VARCHAR, system VARCHAR, seq BIGINT, blob VARCHAR, line BIGINT, record_id VARCHAR"
TABLES: dict[str, str] = {
    "patient": (
        f"{_ORIGIN}, mrn VARCHAR, identifiers VARCHAR[], family VARCHAR, given VARCHAR, birth_date VARCHAR, sex VARCHAR, race VARCHAR, "
        "ethnicity VARCHAR, street VARCHAR, city VARCHAR, state VARCHAR, zip VARCHAR, phone VARCHAR, death_datetime VARCHAR"
    ),
    "visit": (
        f"{_ORIGIN}, mrn VARCHAR, class_code VARCHAR, start_at VARCHAR, end_at VARCHAR, status VARCHAR, provider_key VARCHAR, "
        "care_site_key VARCHAR, partial BOOLEAN, visit_number VARCHAR"
    ),
    "event": (
        f"{_ORIGIN}, kind VARCHAR, mrn VARCHAR, visit_key VARCHAR, code_system VARCHAR, code VARCHAR, display VARCHAR, start_at VARCHAR, "
        "end_at VARCHAR, value_text VARCHAR, value_number VARCHAR, value_operator VARCHAR, value_code_system VARCHAR, value_code VARCHAR, "
        "unit VARCHAR, range_low VARCHAR, range_high VARCHAR, status VARCHAR, provider_key VARCHAR, numeric_expected BOOLEAN, "
        "concept_given BIGINT, unit_concept_given BIGINT, more JSON"
    ),
    "note": (
        f"{_ORIGIN}, mrn VARCHAR, visit_key VARCHAR, written_at VARCHAR, type_system VARCHAR, type_code VARCHAR, title VARCHAR, "
        "body VARCHAR, provider_key VARCHAR, status VARCHAR"
    ),
    "image": (
        f"{_ORIGIN}, mrn VARCHAR, study_uid VARCHAR, series_uid VARCHAR, modality VARCHAR, body_part VARCHAR, acquired_at VARCHAR, "
        "local_path VARCHAR, burned_in VARCHAR"
    ),
    "provider": f"{_ORIGIN}, name VARCHAR, npi VARCHAR",
    "care_site": f"{_ORIGIN}, name VARCHAR",
    # People whom records name beside what else they say: parts of records, so they are not counted among them. `role` is patient (what a
    # source knows of a patient beyond the table above), relative (of the patient `mrn`, as far as the record says) or staff. One row holds
    # one of each at most: a second phone is a second row. `name` is a name in one piece, `identifier` is system|number.
    "other_person": (
        f"{_ORIGIN}, role VARCHAR, mrn VARCHAR, name VARCHAR, family VARCHAR, given VARCHAR, phone VARCHAR, email VARCHAR, street VARCHAR, "
        "city VARCHAR, state VARCHAR, zip VARCHAR, identifier VARCHAR"
    ),
    "bed_stay": f"{_ORIGIN}, mrn VARCHAR, ward VARCHAR, bed VARCHAR, admitted_at VARCHAR, discharged_at VARCHAR",
    "appointment": f"{_ORIGIN}, mrn VARCHAR, clinic VARCHAR, booked_at VARCHAR, scheduled_at VARCHAR, status VARCHAR",
    "claim": (
        f"{_ORIGIN}, mrn VARCHAR, payer VARCHAR, service_date VARCHAR, diagnosis_code VARCHAR, amount VARCHAR, status VARCHAR"
    ),
    "staffing": f"{_ORIGIN}, ward VARCHAR, shift_date VARCHAR, shift VARCHAR, role VARCHAR, headcount VARCHAR",
    # Concepts a source brings along: names for the concept ids it gives.
    "concept": "concept_id BIGINT, name VARCHAR, domain VARCHAR, vocabulary VARCHAR, code VARCHAR, standard VARCHAR, class VARCHAR",
    # What its source took back (a FHIR delete, a cancelled admission): `kind` is a FHIR type, or visit.
    "deleted": f"{_ORIGIN}, kind VARCHAR",
    # One patient under two numbers, as the source itself says (ADT A40): what was `from_mrn` is now `mrn`.
    "merge": f"{_ORIGIN}, mrn VARCHAR, from_mrn VARCHAR",
    # What is known to be there and not read further in this version: kept raw, counted, said in the quality report.
    "not_understood": "source VARCHAR, blob VARCHAR, line BIGINT, what VARCHAR, records BIGINT",
    "reject": "source VARCHAR, seq BIGINT, blob VARCHAR, line BIGINT, record_id VARCHAR, rule VARCHAR, reason VARCHAR",
    # The left side of the balance: records in each blob, good or not.
    "received": "source VARCHAR, blob VARCHAR, name VARCHAR, media VARCHAR, records BIGINT",
}


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the schema `staging` and its tables, empty."""
    con.execute("DROP SCHEMA IF EXISTS staging CASCADE; CREATE SCHEMA staging")
    for name, columns in TABLES.items():
        con.execute(f"CREATE TABLE staging.{name} ({columns})")


def statements(name: str) -> list[str]:
    """The SQL statements of a file of this folder."""
    text = resources.files("data.normalise.extract").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part for part in lines.split(";\n") if part.strip()]


def column_names(table: str) -> list[str]:
    """Columns of a staging table, in order."""
    return [part.strip().split(" ")[0] for part in TABLES[table].split(",")]
