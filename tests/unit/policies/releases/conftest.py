"""A hospital of fourteen persons made by hand, as the publisher has it, with what de-identification must see to planted in it."""

import dataclasses
import json
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

import duckdb
import pytest

from data.catalogue.model import catalogue
from data.snapshots import measured
from data.snapshots.keys import make_macros, make_person_first, make_person_key
from data.snapshots.text import redact_texts
from data.snapshots.values import withhold_values
from data.types import Holds, no_progress
from policies.releases import CompiledRelease, measures

KEY = bytes(range(32))
AS_OF = date(2025, 12, 31)
NOTES = (
    "Seen in clinic, well.",
    "Called on 555-0134-0134 about MRN E01061146.",
    "Comes again on 2026-03-01.",
    f"{'Sleeps and eats well. ' * 4}To call 555-0134-0134 on 2026-03-02.",
)


class Strike:
    """A redactor that knows one number, one telephone and days; says whose record it wrote for, and moves days to another month."""

    version = finding = "test"
    _known: ClassVar = {"555-0134-0134": "PHONE", "E01061146": "MRN", "2026-03-0": "DATE"}

    def search(self, texts: list[str]) -> list[str]:
        found = [[[text.index(one), 0, kind] for one, kind in self._known.items() if one in text] for text in texts]
        return [json.dumps(places) if places else "" for places in found]

    def complete(self, texts: list[str], marks: list[str]) -> list[str]:
        return marks

    def write(
        self, texts: list[str], marks: list[str], persons: list[int | None], shifts: list[int | None], keep_dates: bool
    ) -> list[str]:
        written = []
        for text, person in zip(texts, persons, strict=True):
            shown = text.replace("555-0134-0134", "[PHONE]").replace("E01061146", f"[MRN-{person}]")
            written.append(shown if keep_dates else shown.replace("2026-03-", "2026-07-"))
        return written

    def withholds(self, values: list[str]) -> list[Holds]:
        return ["yes" if "555-0134-0134" in value else "no" for value in values]


def _rows() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in catalogue()}
    for n in range(14):
        born = 1926 if n == 0 else 1931 if n == 1 else 1950 + n
        rows["person"].append({
            "person_id": 100 + n, "gender_concept_id": 8507 if n % 2 else 8532, "gender_source_value": "M" if n % 2 else "F",
            "gender_source_concept_id": 0, "year_of_birth": born, "month_of_birth": 6, "day_of_birth": 15,
            "birth_datetime": datetime.combine(date(born, 6, 15), time()), "race_concept_id": 8527 if n else 8657, "race_source_value": "w" if n else "n",
            "race_source_concept_id": 0, "ethnicity_concept_id": 38003564, "ethnicity_source_concept_id": 0, "location_id": n,
            "person_source_value": f"E0106114{n}",
        })  # fmt: skip
        zip_ = "03601" if n == 2 else "99801" if n == 3 else "02139-1234"
        rows["location"].append({"location_id": n, "state": "NH" if n == 2 else "MA", "zip": zip_, "city": "Town"})
        rows["patient_identity"].append(
            {
                "person_id": 100 + n,
                "medical_record_number": "E01061146",
                "phone": "555-0134-0134",
                "family_name": "Moss",
            }
        )
        for visit in range(6):
            key, day = 1000 + 10 * n + visit, date(2021, 1, 1) + timedelta(days=40 * n + 217 * visit)
            rows["visit_occurrence"].append({
                "visit_occurrence_id": key, "person_id": 100 + n, "visit_concept_id": 9201, "visit_type_concept_id": 32817,
                "visit_start_date": day, "visit_start_datetime": datetime.combine(day, time(9, 30)),
                "visit_end_date": day + timedelta(days=2), "visit_source_value": "inp",
            })  # fmt: skip
            rows["condition_occurrence"].append({
                "condition_occurrence_id": key, "person_id": 100 + n, "condition_concept_id": 1 + (n * visit) % 5,
                "condition_type_concept_id": 32817, "condition_start_date": day, "condition_source_value": "one" if n == visit == 0 else "call 555-0134-0134" if visit == 1 and n else "c",
            })  # fmt: skip
            rows["note"].append({
                "note_id": key, "person_id": 100 + n, "note_date": day, "note_text": NOTES[visit % len(NOTES)], "note_type_concept_id": 0,
                "note_class_concept_id": 0, "encoding_concept_id": 0, "language_concept_id": 0,
            })  # fmt: skip
    return rows


@pytest.fixture(scope="session")
def hand_made(tmp_path_factory):
    con = duckdb.connect()
    for schema in ("cdm", "operations", "vault"):
        con.execute(f"CREATE SCHEMA {schema}")
    for name, rows in _rows().items():
        table, place = catalogue()[name], name if "." in name else f"cdm.{name}"
        con.execute(f"CREATE TABLE {place} ({', '.join(f'{one.name} {one.type}' for one in table.columns)})")
        for row in rows:
            marks = ", ".join("?" * len(row))
            con.execute(f"INSERT INTO {place} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    make_macros(con, KEY)
    make_person_key(con)
    make_person_first(con, catalogue())
    con.execute("CREATE TABLE vault.snapshot_day AS SELECT ?::DATE AS day", [AS_OF])
    redact_texts(con, catalogue(), Strike(), tmp_path_factory.mktemp("kept"), no_progress)
    withhold_values(con, catalogue(), Strike(), no_progress)
    yield con
    con.close()


@pytest.fixture
def publish_as(hand_made):
    """Writes `written` as a release and measures it as `meant`: what a release holds, asked what another promises."""

    def done(meant: CompiledRelease, written: CompiledRelease | None = None) -> dict[str, Any]:
        release = written or meant
        hand_made.execute("ATTACH ':memory:' AS made")
        try:
            hand_made.execute("CREATE SCHEMA made.operations")
            for name in release.tables:
                place = f"made.{name}" if "." in name else f"made.main.{name}"
                hand_made.execute(f"CREATE TABLE {place} AS {release.select(name)}")
            return measured(hand_made, measures(meant, catalogue()))
        finally:
            hand_made.execute("DETACH made")

    return done


@pytest.fixture
def broken(publish_as):
    """Which (claim, table, column) break: `broken(meant, written)`."""

    def asked(meant: CompiledRelease, written: CompiledRelease | None = None) -> dict[tuple[str, str, str], int]:
        found = publish_as(meant, written)["proofs"]
        return {(one["claim"], one["table"], one["column"]): one["broken"] for one in found if one["broken"]}

    return asked


@pytest.fixture
def wrong():
    """A release in which one expression of a table is another: `wrong(release, table, old, new)`."""

    def made(release: CompiledRelease, table: str, old: str, new: str) -> CompiledRelease:
        columns, sql = release.tables[table]
        assert old in sql
        return dataclasses.replace(release, tables={**release.tables, table: (columns, sql.replace(old, new))})

    return made
