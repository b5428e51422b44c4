"""Benchmarks of ingestion: what a second of two cores reads, normalises and checks. Part of `make bench`; alone: `python -m evals.bench.data`.

With `--persons N` it also takes a hospital of N persons from sources to a published snapshot and says the peak memory (100000 takes about a
quarter of an hour).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from data import normalise
from data.raw import RawStore
from data.sources import connector
from data.synthetic.hospital import generate
from data.types import Stored
from data.validate import dqd

_PERSONS = 12_000


def main() -> None:
    """Measures, prints, and writes bench/data.json."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench.data", description=__doc__)
    parser.add_argument("--persons", type=int, default=0, help="also publish a hospital of so many persons")
    persons = parser.parse_args().persons
    report = measure(Console(highlight=False), persons)
    target = Path("bench")
    target.mkdir(exist_ok=True)
    (target / "data.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(out: Console, persons: int = 0) -> list[dict[str, Any]]:
    """Rows of what was measured, with its goal and whether it was reached."""
    with tempfile.TemporaryDirectory(prefix="readingroom-bench-") as directory:
        root = Path(directory)
        out.print(f"Making a sample hospital of {_PERSONS:,} persons ...")
        generate(root / "hospital", _PERSONS, 7)
        os.sync()  # or the raw store's own sync would wait for the sample's files, too
        rows = [
            _row("FHIR NDJSON, normalised", "resources/s", _fhir(root), 50_000),
            _row("HL7 v2 ORU, staged", "messages/s", _messages(root), 5_000),
            _row("DICOM headers, read into the raw store", "files/s", _images(root), 1_500),
            _row("DICOM headers, staged", "files/s", _staged_images(root), 1_500),
            _row("dashboard checks, 1 million measurements", "s", _checks(), 60, least=False),
        ]
        if persons:
            rows += _whole(root, persons)
    table = Table("what", "measured", "goal", "reached", title="Ingestion on two cores")
    for row in rows:
        reached = "yes" if row["reached"] else "[red]no[/red]"
        table.add_row(row["what"], f"{row['measured']:,} {row['unit']}", f"{row['goal']:,} {row['unit']}", reached)
    out.print(table)
    return rows


def _row(what: str, unit: str, measured: float, goal: float, *, least: bool = True) -> dict[str, Any]:
    figure = round(measured) if measured > 100 else round(measured, 2)
    reached = measured >= goal if least else measured <= goal
    return {"what": what, "unit": unit, "measured": figure, "goal": goal, "reached": reached}


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _stored(files: list[Path], media: str) -> list[Stored]:
    """Files as arrivals of one source."""
    return [
        Stored(seq, "one", "ehr", "x", path.name, media, f"{seq:064d}", 1, path) for seq, path in enumerate(files, 1)
    ]


def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2})


def _received(con: duckdb.DuckDBPyConnection) -> int:
    return int(con.execute("SELECT sum(records) FROM staging.received").fetchall()[0][0])


def _fhir(root: Path) -> float:
    files = _stored(sorted((root / "hospital/ehr/fhir").glob("*.ndjson")), "fhir+ndjson")
    with _connection() as con:
        seconds = _seconds(lambda: normalise.extract(con, files)) + _seconds(lambda: normalise.normalise(con))
        return _received(con) / seconds


def _messages(root: Path) -> float:
    files = _stored(sorted((root / "hospital/laboratory").glob("*.hl7")), "hl7v2")
    with _connection() as con:
        seconds = _seconds(lambda: normalise.extract(con, files))
        return _received(con) / seconds


def _images(root: Path) -> float:
    store = RawStore(root / "raw")
    source = connector("dicom", "imaging", "imaging", path=root / "hospital/imaging")
    seconds = _seconds(lambda: store.ingest(source))
    return len(store.arrivals()) / seconds


def _staged_images(root: Path) -> float:
    stored = RawStore(root / "raw").arrivals()
    with _connection() as con:
        return len(stored) / _seconds(lambda: normalise.extract(con, stored))


def _checks() -> float:
    """Seconds for all checks on a build with a million measurements of 20,000 persons."""
    with _connection() as con:
        normalise.extract(con, [])
        normalise.normalise(con)
        con.execute(
            "INSERT INTO cdm.person BY NAME SELECT i AS person_id, 8507 AS gender_concept_id, 1950 + i % 60 AS year_of_birth, "
            "8527 AS race_concept_id, 38003564 AS ethnicity_concept_id, TIMESTAMP '1950-01-01' + INTERVAL 1 YEAR * (i % 60) AS birth_datetime "
            "FROM range(20000) t(i)"
        )
        con.execute(
            "INSERT INTO cdm.visit_occurrence BY NAME SELECT i AS visit_occurrence_id, i % 20000 AS person_id, 9202 AS visit_concept_id, "
            "DATE '2020-01-01' + (i % 900)::INT AS visit_start_date, DATE '2020-01-02' + (i % 900)::INT AS visit_end_date, "
            "32817 AS visit_type_concept_id FROM range(200000) t(i)"
        )
        con.execute(
            "INSERT INTO cdm.measurement BY NAME SELECT i AS measurement_id, i % 20000 AS person_id, "
            "[3004501, 3004410, 3016723, 3027114][1 + i % 4] AS measurement_concept_id, DATE '2020-01-01' + (i % 900)::INT AS measurement_date, "
            "32856 AS measurement_type_concept_id, i % 300 AS value_as_number, 8840 AS unit_concept_id, i % 200000 AS visit_occurrence_id, "
            "'2345-7' AS measurement_source_value FROM range(1000000) t(i)"
        )
        return _seconds(lambda: dqd.run(con))


def _whole(root: Path, persons: int) -> list[dict[str, Any]]:
    """A hospital of so many persons from sources to a snapshot and again, each command in a process of its own."""
    room = root / "room"
    _command("init", str(room))
    _command("sample", str(room / "hospital"), "--persons", str(persons), "--seed", "7")
    first = sum(_command(word, "--room", str(room)) for word in ("ingest", "publish"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 / 1024
    again = sum(_command(word, "--room", str(room)) for word in ("ingest", "publish"))
    return [
        _row(f"{persons:,} persons ingested and published, peak memory", "GiB", peak, 4, least=False),
        _row(f"{persons:,} persons ingested and published", "s", first, 3600, least=False),
        _row("second run, of the first", "share", again / first, 0.1, least=False),
    ]


def _command(*words: str) -> float:
    return _seconds(
        lambda: subprocess.run([sys.executable, "-m", "server.cli", *words], check=True, capture_output=True)
    )


if __name__ == "__main__":
    main()
