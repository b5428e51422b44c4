"""Clinical research: a diabetes registry as OMOP CDM v5.4 CSV with its linkage file, and a small trial as SDTM XPORT."""

import csv
from pathlib import Path
from typing import Any, TextIO

from data.synthetic.population import Person
from data.synthetic.truth import Truth

_HEADS = {
    "PERSON": "person_id gender_concept_id year_of_birth month_of_birth day_of_birth race_concept_id ethnicity_concept_id "
    "person_source_value gender_source_value",
    "OBSERVATION_PERIOD": "observation_period_id person_id observation_period_start_date observation_period_end_date period_type_concept_id",
    "CONDITION_OCCURRENCE": "condition_occurrence_id person_id condition_concept_id condition_start_date condition_type_concept_id "
    "condition_source_value",
    "MEASUREMENT": "measurement_id person_id measurement_concept_id measurement_date measurement_type_concept_id value_as_number "
    "unit_concept_id measurement_source_value unit_source_value",
    "DRUG_EXPOSURE": "drug_exposure_id person_id drug_concept_id drug_exposure_start_date drug_exposure_end_date drug_type_concept_id "
    "drug_source_value",
    "IDENTITY": "person_id ehr_mrn family_name given_name birth_date sex",
}
_TYPE = 32879  # OMOP type concept: Registry


class Registry:
    """Writes one CSV a table, and the file that says who the registry's numbers are."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        directory.mkdir(parents=True)
        self._truth = truth
        self._files: dict[str, TextIO] = {}
        self._writers: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        for table, head in _HEADS.items():
            self._files[table] = (directory / f"{table}.csv").open("w", encoding="utf-8", newline="")
            self._writers[table] = csv.writer(self._files[table], lineterminator="\n")
            self._writers[table].writerow(head.split())

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()

    def _row(self, table: str, *values: object) -> int:
        self._writers[table].writerow(values)
        where = f"research/omop/{table}.csv"
        self._truth.wrote(where)
        return self._truth.received[where]

    def _next(self, table: str) -> int:
        self._counts[table] = self._counts.get(table, 0) + 1
        return self._counts[table]

    def add(self, person: Person) -> None:
        """Rows of a person the registry follows."""
        if not person.in_registry:
            return
        own, birth = person.number, person.birth
        gender = 8532 if person.sex == "female" else 8507
        self._row(
            "PERSON", own, gender, birth.year, birth.month, birth.day, 0, 0, f"REG-{own:05d}", person.sex[0].upper()
        )
        self._row("IDENTITY", own, person.mrn("EHR"), person.family, person.given, birth.isoformat(), person.sex)
        first, last = person.visits[0].start.date(), person.visits[-1].end.date()
        self._row("OBSERVATION_PERIOD", self._next("OBSERVATION_PERIOD"), own, first, last, _TYPE)
        for condition, visit in person.conditions:
            if condition.code == "44054006":
                day = visit.start.date()
                self._row(
                    "CONDITION_OCCURRENCE", self._next("CONDITION_OCCURRENCE"), own, 201826, day, _TYPE, condition.code
                )
                self._row("DRUG_EXPOSURE", self._next("DRUG_EXPOSURE"), own, 19009384, day, day, _TYPE, "106892")
        for lab in person.labs:
            if lab.test.code == "4548-4":
                value = lab.corrected if lab.corrected is not None else lab.value
                self._row(
                    "MEASUREMENT",
                    self._next("MEASUREMENT"),
                    own,
                    3004410,
                    lab.at.date(),
                    _TYPE,
                    value,
                    8554,
                    "4548-4",
                    "%",
                )

    def break_some(self, person: Person) -> None:
        """Plants rows that cannot be right."""
        day = "2024-01-01"
        place = self._row("MEASUREMENT", "9000001", "not-a-number", 3004410, day, _TYPE, 5.5, 8554, "4548-4", "%")
        self._truth.plant(
            "text-person-id", "research/omop/MEASUREMENT.csv", place, "quarantined", rule="unknown-person"
        )
        place = self._row("CONDITION_OCCURRENCE", "9000002", 99999999, 201826, day, _TYPE, "44054006")
        self._truth.plant(
            "unknown-person", "research/omop/CONDITION_OCCURRENCE.csv", place, "quarantined", rule="unknown-person"
        )
