"""The operational analytics platform: a SQLite database of patients, beds, appointments, claims and staff."""

import sqlite3
from datetime import date, timedelta
from pathlib import Path

from data.synthetic import codes
from data.synthetic.population import Person
from data.synthetic.truth import Truth

_SCHEMA = """
CREATE TABLE patients (ops_mrn TEXT PRIMARY KEY, ehr_mrn TEXT, family_name TEXT, given_name TEXT, birth_date TEXT, sex TEXT,
  phone TEXT, zip TEXT);
CREATE TABLE bed_stays (bed_stay_id TEXT PRIMARY KEY, ops_mrn TEXT, ward TEXT, bed TEXT, admitted_at TEXT, discharged_at TEXT);
CREATE TABLE appointments (appointment_id TEXT PRIMARY KEY, ops_mrn TEXT, clinic TEXT, booked_at TEXT, scheduled_at TEXT, status TEXT);
CREATE TABLE claims (claim_id TEXT PRIMARY KEY, ops_mrn TEXT, payer TEXT, service_date TEXT, diagnosis_code TEXT, amount TEXT,
  status TEXT);
CREATE TABLE staffing (staffing_id TEXT PRIMARY KEY, ward TEXT, shift_date TEXT, shift TEXT, role TEXT, headcount INTEGER);
"""


class Operations:
    """Writes the database; rows are handed over a person at a time and committed at the end."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        directory.mkdir(parents=True)
        self._truth = truth
        self._db = sqlite3.connect(directory / "operations.db")
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        self._db.execute("BEGIN")
        self._staffing()

    def close(self) -> None:
        """Commits and closes."""
        self._db.commit()
        self._db.close()

    def _row(self, table: str, *values: object) -> int:
        self._db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)
        where = f"operations/{table}"
        self._truth.wrote(where)
        return self._truth.received[where]

    def _staffing(self) -> None:
        for day in range(28):
            shift_date = (date(2025, 12, 1) + timedelta(days=day)).isoformat()
            for place, ward in enumerate(codes.WARDS):
                for role, least in (("nurse", 4), ("doctor", 1)):
                    self._row(
                        "staffing",
                        f"S{day:02d}{place}{role[0]}",
                        ward,
                        shift_date,
                        "day",
                        role,
                        least + (day + place) % 3,
                    )

    def add(self, person: Person) -> None:
        """The person as operations know them, with beds, appointments and claims."""
        own = person.mrn("OPS")
        ehr = person.mrn("EHR") if person.linked["OPS"] else None
        birth = person.birth.isoformat()
        sex = person.sex[0].upper()
        self._row("patients", own, ehr, person.family, person.given, birth, sex, person.phone, person.zip)
        for place, visit in enumerate(person.visits):
            key = f"{person.number:07d}{place:02d}"
            start, end = visit.start.isoformat(sep=" "), visit.end.isoformat(sep=" ")
            if visit.kind == "IMP":
                ward = codes.WARDS[(person.number + place) % 5]
                self._row("bed_stays", f"B{key}", own, ward, f"{person.number % 24 + 1:02d}", start, end)
            if visit.kind == "AMB":
                booked = (visit.start - timedelta(days=person.number % 40)).isoformat(sep=" ")
                status = "missed" if (person.number + place) % 12 == 0 else "kept"
                self._row(
                    "appointments", f"A{key}", own, codes.CLINICS[(person.number + place) % 5], booked, start, status
                )
            diagnosis = next((one.code for one, at in person.conditions if at == visit), None)
            amount = (
                f"{80 + (person.number * 37 + place * 11) % 900 + (4000 if visit.kind == 'IMP' else 0)}.{place:02d}"
            )
            status = ("paid", "paid", "denied", "pending")[(person.number + place) % 4]
            self._row(
                "claims",
                f"C{key}",
                own,
                codes.PAYERS[person.number % 4],
                visit.start.date().isoformat(),
                diagnosis,
                amount,
                status,
            )

    def break_some(self, person: Person) -> None:
        """Plants claims that cannot be right and one row for nobody."""
        own = person.mrn("OPS")
        cases = [
            ("negative-amount", ("C-bad-1", own, "Public", "2024-02-02", None, "-99999", "paid"), "bad-amount"),
            ("text-amount", ("C-bad-2", own, "Public", "2024-02-02", None, "a lot", "paid"), "bad-amount"),
            (
                "unknown-person",
                ("C-bad-3", "O-nobody", "Public", "2024-02-02", None, "10.00", "paid"),
                "unknown-person",
            ),
            ("zero-date", ("C-bad-4", own, "Public", "0000-00-00", None, "10.00", "paid"), "bad-date"),
        ]
        for case, row, rule in cases:
            place = self._row("claims", *row)
            self._truth.plant(case, "operations/claims", place, "quarantined", rule=rule, key=row[0])
