"""From staging to OMOP CDM v5.4: runs the SQL files beside it in their order. Each is one chapter, readable by a data engineer.

Everything staged ends in exactly one place: normalised, quarantined with a rule, a known duplicate, superseded by a correction, or retracted
by its source. `balance` checks that; nothing is dropped in silence.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources

import duckdb

from data.catalogue.model import recorded
from data.normalise import persons, vocabulary
from data.normalise.extract.staging import column_names
from data.normalise.persons import Decision
from data.normalise.vocabulary import Vocabulary
from data.types import Progress, no_progress


def _mapping_digest() -> str:
    hasher = hashlib.sha256()
    for folder in ("sql", "persons", "extract"):
        found = resources.files("data.normalise").joinpath(folder).iterdir()
        for file in sorted((one for one in found if one.name.endswith((".sql", ".py"))), key=lambda one: one.name):
            hasher.update(file.name.encode() + b"\n" + file.read_bytes())
    return hasher.hexdigest()[:12]


# What the mapping is: a change of any of its files makes another version, so that a snapshot says by which it was made.
VERSION = f"2-{_mapping_digest()}"
HORIZON = date(2100, 1, 1)
_RETRACTED = "('entered-in-error', 'D', 'W', 'X')"
# Tables of records that may come again or be corrected, with their status column where they have one.
RECORDS = {
    "visit": True,
    "event": True,
    "note": True,
    "image": False,
    "bed_stay": False,
    "appointment": False,
    "claim": False,
    "staffing": False,
}
_CHAPTERS = (
    "10_person",
    "15_related_person",
    "20_visit",
    "30_event",
    "40_note_image",
    "50_operations",
    "60_period",
    "70_era",
    "80_concept",
    "90_lineage",
)


@dataclass(frozen=True)
class Balance:
    """For one source: records received, how many are accounted for, and rows staged against rows with a known end."""

    source: str
    received: int
    accounted: int
    staged: int
    ended: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost."""
        return self.received == self.accounted and self.staged == self.ended


def normalise(
    con: duckdb.DuckDBPyConnection,
    progress: Progress = no_progress,
    horizon: date | None = None,
    decisions: Sequence[Decision] = (),
    given: Vocabulary | None = None,
) -> None:
    """Fills schemas cdm, operations, vault, quarantine and quality of the build from its schema staging.

    `decisions` are a steward's words on which patients are one person; records dated after `horizon` are
    quarantined; `given` is an Athena vocabulary, the starter map where there is none.
    """
    _schemas(con)
    vocabulary.load(con, given)
    for statement in _statements("00_macros"):
        con.execute(statement)
    persons.link(con, decisions)
    for table, has_status in RECORDS.items():
        _latest(con, table, has_status)
    day = (horizon or HORIZON).isoformat()
    for number, chapter in enumerate(_CHAPTERS, 1):
        for statement in _statements(chapter):
            con.execute(statement.replace("$horizon", f"TIMESTAMP '{day}'"))
        progress("normalising", number, len(_CHAPTERS))
    _quarantine(con)
    _quality(con)


def balance(con: duckdb.DuckDBPyConnection) -> list[Balance]:
    """The books of each source."""
    lines = " UNION ".join(
        f"SELECT source, seq, line FROM staging.{table}"
        for table in (*RECORDS, "patient", "provider", "care_site", "reject", "deleted", "merge")
    )
    rows = con.execute(
        f"WITH lines AS ({lines}), "
        "received AS (SELECT source, sum(records) AS n FROM staging.received GROUP BY source), "
        "accounted AS (SELECT source, sum(n) AS n FROM (SELECT source, count(*) AS n FROM lines GROUP BY source "
        "UNION ALL SELECT source, sum(records) FROM staging.not_understood GROUP BY source) GROUP BY source), "
        "staged AS (SELECT source, sum(value) AS n FROM quality.metric WHERE name = 'staged' GROUP BY source), "
        "ended AS (SELECT source, sum(value) AS n FROM quality.metric "
        "WHERE name IN ('normalised', 'quarantined', 'duplicates', 'superseded', 'retracted') GROUP BY source) "
        "SELECT r.source, r.n::BIGINT, coalesce(a.n, 0)::BIGINT, coalesce(s.n, 0)::BIGINT, coalesce(e.n, 0)::BIGINT FROM received r "
        "LEFT JOIN accounted a USING (source) LEFT JOIN staged s USING (source) LEFT JOIN ended e USING (source) ORDER BY 1"
    ).fetchall()
    return [Balance(*row) for row in rows]


def _schemas(con: duckdb.DuckDBPyConnection) -> None:
    for schema in ("cdm", "operations", "vault", "quarantine", "quality"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for table in recorded().values():
        name = table.name if "." in table.name else f"cdm.{table.name}"
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        con.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")


def _statements(chapter: str) -> Iterator[str]:
    text = resources.files("data.normalise").joinpath(f"sql/{chapter}.sql").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return (part for part in lines.split(";\n") if part.strip().strip(";"))


# The FHIR types whose deletion takes back a record of the table; the key of an event has its type in it.
_DELETED_KINDS = {"visit": "('Encounter', 'visit')", "note": "('DocumentReference')", "claim": "('Claim')"}


def _latest(con: duckdb.DuckDBPyConnection, table: str, has_status: bool) -> None:
    """`latest_T`: of each record the last that came. The others are duplicates of it, or superseded by it; some it retracts."""
    content = ", ".join(f"s.{name}" for name in column_names(table) if name not in ("seq", "blob", "line"))
    retracted = f"coalesce(status, '') IN {_RETRACTED}" if has_status else "false"
    record = "coalesce(record_id, blob || ':' || line)"
    gone = "false"
    if table in ("event", *_DELETED_KINDS):
        name = "d.kind || '/' || d.record_id = split_part(r.record_id, '#', 1)"
        if table != "event":
            name = f"d.kind IN {_DELETED_KINDS[table]} AND d.record_id = r.record_id"
        gone = f"EXISTS (FROM staging.deleted d WHERE d.source = r.source AND {name} AND (d.seq, d.line) > (r.seq, r.line))"
    # The window runs over the few records that came more than once, and over no wider columns than it needs.
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE fate_{table} AS WITH named AS ("
        f"SELECT rowid AS row, source, {record} AS record, seq, line FROM staging.{table}), "
        "again AS (SELECT source, record FROM named GROUP BY ALL HAVING count(*) > 1), "
        f"told AS (SELECT n.*, hash({content}) AS said FROM (FROM named SEMI JOIN again USING (source, record)) n "
        f"JOIN staging.{table} s ON s.rowid = n.row), "
        "placed AS (SELECT row, row_number() OVER w AS place, said = first_value(said) OVER w AS same FROM told "
        "WINDOW w AS (PARTITION BY source, record ORDER BY seq DESC, line DESC, said)) "
        "SELECT r.rowid AS row, r.source, CASE WHEN place > 1 AND same THEN 'duplicates' WHEN place > 1 THEN 'superseded' "
        f"WHEN {retracted} OR {gone} THEN 'retracted' END AS fate FROM staging.{table} r LEFT JOIN placed p ON p.row = r.rowid "
        "WHERE fate IS NOT NULL"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW latest_{table} AS SELECT s.* REPLACE ({record} AS record_id) FROM staging.{table} s "
        f"WHERE s.rowid NOT IN (SELECT row FROM fate_{table})"
    )


_REASONS = {
    "unknown-person": "the record is about a patient no source describes",
    "bad-date": "the date is missing or cannot be read",
    "implausible-date": "the date lies before 1880 or in the far future",
    "before-birth": "the date lies before the person's birth",
    "no-code": "the record has no code",
    "not-a-number": "a number was announced and something else came",
    "out-of-range": "the number is too large to keep",
    "no-text": "the note has no readable text",
    "bad-amount": "the amount is missing, negative or no number",
}


def _quarantine(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE quarantine.record AS "
        "SELECT source, blob, line, record_id, 'extract' AS stage, rule, reason FROM staging.reject"
    )
    reasons = " ".join(
        f"WHEN '{rule}' THEN '{reason.replace(chr(39), chr(39) * 2)}'" for rule, reason in _REASONS.items()
    )
    for table in RECORDS:
        con.execute(
            f"INSERT INTO quarantine.record SELECT source, blob, line, record_id, 'normalise', rule, CASE rule {reasons} END "
            f"FROM ready_{table} WHERE rule IS NOT NULL{_first(table)}"
        )


def _first(table: str) -> str:
    """A code that maps to several concepts makes several rows of one record; the books count it once."""
    return " AND place = 1" if table == "event" else ""


def _quality(con: duckdb.DuckDBPyConnection) -> None:
    """quality.metric (name, table_name, source, value): what became of everything."""
    con.execute(
        "CREATE OR REPLACE TABLE quality.metric (name VARCHAR, table_name VARCHAR, source VARCHAR, value BIGINT)"
    )
    insert = "INSERT INTO quality.metric "
    con.execute(insert + "SELECT 'received', media, source, sum(records) FROM staging.received GROUP BY ALL")
    con.execute(insert + "SELECT 'not_understood', what, source, sum(records) FROM staging.not_understood GROUP BY ALL")
    con.execute(insert + "SELECT 'rejected', rule, source, count(*) FROM staging.reject GROUP BY ALL")
    for table in RECORDS:
        con.execute(insert + f"SELECT 'staged', '{table}', source, count(*) FROM staging.{table} GROUP BY ALL")
        con.execute(insert + f"SELECT fate, '{table}', source, count(*) FROM fate_{table} GROUP BY ALL")
        con.execute(
            insert
            + f"SELECT 'quarantined', '{table}', source, count(*) FROM ready_{table} WHERE rule IS NOT NULL{_first(table)} GROUP BY ALL"
        )
        con.execute(
            insert
            + f"SELECT 'normalised', '{table}', source, count(*) FROM ready_{table} WHERE rule IS NULL{_first(table)} GROUP BY ALL"
        )
    con.execute(
        insert
        + "SELECT 'unmapped', code_system, source, count(*) FROM ready_event WHERE rule IS NULL AND concept_id = 0 GROUP BY ALL"
    )
    con.execute(
        insert
        + "SELECT 'units_converted', code, source, count(*) FROM ready_event WHERE rule IS NULL AND factor IS NOT NULL GROUP BY ALL"
    )
    con.execute(insert + "SELECT 'linked', rule, source, count(*) FROM vault.patient_index GROUP BY ALL")
    con.execute(insert + "SELECT 'visits_linked', rule, source, count(*) FROM vault.visit_link GROUP BY ALL")
    con.execute(insert + "SELECT 'in_review', rule, source, count(*) FROM vault.review GROUP BY ALL")
