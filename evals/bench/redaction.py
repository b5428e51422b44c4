"""Benchmarks of redaction: our finder against stock Presidio, and publishing of 20,000 notes of 1 kB. Part of `make bench`; alone:
`python -m evals.bench.redaction`.

Speed is measured on notes, in rounds, each a batch that neither has seen, first by the one and then by the other, one process each. Publishing
runs in a process of its own, so that its memory is its own; what it takes for a million notes is extrapolated, and said to be.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from data.catalogue.model import catalogue
from data.snapshots import keys
from data.snapshots.text import redact_texts
from data.types import no_progress
from evals.bench.shared import run, said
from evals.redaction.hospital import hospital_build, hospital_notes
from evals.redaction.run import Finds, speed_of
from evals.redaction.sets import aci_set, shared_folder
from evals.redaction.stock import Stock
from policies.redaction import Settings, make_finder, make_redactor
from policies.redaction.parallel import Searching

NOTES, FEWER, MANY, _SIZE = 20_000, 5_000, 1_000_000, 1000
_ROUNDS, _ROUND_BYTES, _GOAL = 9, 12_000, 10
_PERSONS = 400
_WARM = (
    "Mr. John Smith of Boston was seen on 03/04/2021 and Zorbin came, too; call 617-555-0123 or write to a@example.org."
)


def main() -> None:
    """Measures, prints, and writes bench/redaction.json. With `--publish N` only publishes so many notes and prints what it took."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench.redaction", description=__doc__)
    parser.add_argument("--publish", type=int, default=0, help="publish so many notes in this process and print JSON")
    notes = parser.parse_args().publish
    if notes:
        sys.stdout.write(json.dumps(publishing(notes)) + "\n")
        return
    report = measure(Console(highlight=False))
    target = Path("bench")
    target.mkdir(exist_ok=True)
    (target / "redaction.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(out: Console) -> dict[str, Any]:
    """What was measured, and what was extrapolated from it."""
    texts, about = notes_for_speed()
    out.print(f"Redacting {about}, ours and stock Presidio in turn ...")
    report: dict[str, Any] = {"notes": about, **speed(texts)}
    out.print(f"Publishing {NOTES:,} notes of 1 kB ...")
    report["published"] = [_in_a_process(number) for number in (FEWER, NOTES)]
    each = report["published"][-1]["seconds"] / NOTES
    report["extrapolated"] = {"notes": MANY, "hours": round(each * MANY / 3600, 2)}
    _show(out, report)
    return report


# --- speed ------------------------------------------------------------------------------------------------------------------


def notes_for_speed() -> tuple[list[str], str]:
    """Notes of ACI-Bench with identities where they are here, else those of the sample hospital; and which they are."""
    shared = shared_folder(None)
    if shared is not None:
        return [one.text for one in aci_set(shared).documents], "notes of ACI-Bench with invented identities"
    return _kilobytes(2_000), "notes of the sample hospital, joined to 1 kB"


def speed(texts: list[str]) -> dict[str, float]:
    """Kilobytes a second of both (medians over rounds), their ratio, and ours with two processes."""
    ours: Finds = make_finder()
    stock: Finds = Stock()
    rounds = [(_kilobytes_a_second(ours, batch), _kilobytes_a_second(stock, batch)) for batch in _batches(texts)][1:]
    mine, theirs = (statistics.median(one) for one in zip(*rounds, strict=True))
    return {
        "ours_kb_s": round(mine, 1),
        "stock_kb_s": round(theirs, 1),
        "ratio": round(mine / theirs, 2),
        "least_ratio_of_a_round": round(min(one / other for one, other in rounds), 2),
        "ours_two_processes_kb_s": round(speed_of(Searching(Settings(), processes=2), texts), 1),
    }


def _batches(texts: list[str]) -> list[list[str]]:
    """One round more than is counted: models are loaded in the first. No text stands in two."""
    shuffled = iter(texts[:: max(1, len(texts) // 97)] + texts)
    made: list[list[str]] = [[_WARM]]
    seen: set[str] = set()
    for text in shuffled:
        if text in seen:
            continue
        seen.add(text)
        if sum(map(len, made[-1])) >= _ROUND_BYTES:
            if len(made) > _ROUNDS:
                break
            made.append([])
        made[-1].append(text)
    return made


def _kilobytes_a_second(finder: Finds, texts: list[str]) -> float:
    begun = time.perf_counter()
    finder.find(texts)
    return sum(len(one.encode()) for one in texts) / 1000 / (time.perf_counter() - begun)


# --- publishing -------------------------------------------------------------------------------------------------------------


def publishing(notes: int) -> dict[str, Any]:
    """Redacts so many notes as publishing does, in this process: seconds, and the peak of memory of it and its helpers in MiB."""
    with tempfile.TemporaryDirectory(prefix="readingroom-bench-") as directory:
        root = Path(directory)
        key = bytes(range(32))
        with hospital_build(root, _PERSONS, 7) as con:
            _fill(con, notes)
            keys.make_macros(con, key)
            keys.make_person_key(con)
            con.execute("CREATE OR REPLACE TABLE vault.snapshot_day AS SELECT DATE '2026-01-01' AS day")
            begun = time.perf_counter()
            redacted = redact_texts(con, {"note": catalogue()["note"]}, make_redactor(con, key), root, no_progress)
            seconds = time.perf_counter() - begun
        return {
            "notes": notes,
            "texts": redacted.texts,
            "changed": redacted.changed,
            "seconds": round(seconds, 1),
            "peak_mb": round(_peak()),
        }


def _fill(con: duckdb.DuckDBPyConnection, notes: int) -> None:
    """Puts so many different notes of 1 kB in the place of those of the build, each into the record of one of its persons."""
    con.execute("CREATE TEMP TABLE made (number BIGINT, text VARCHAR)")
    con.executemany("INSERT INTO made VALUES (?, ?)", list(enumerate(_kilobytes(notes))))
    con.execute(
        "CREATE TEMP TABLE persons AS SELECT row_number() OVER (ORDER BY person_id) - 1 AS place, person_id FROM cdm.person"
    )
    con.execute("DELETE FROM cdm.note")
    con.execute(
        "INSERT INTO cdm.note BY NAME SELECT number + 1 AS note_id, person_id, DATE '2025-01-01' AS note_date, 32817 AS note_type_concept_id, "
        "0 AS note_class_concept_id, text AS note_text, 0 AS encoding_concept_id, 0 AS language_concept_id "
        "FROM made JOIN persons ON place = number % (SELECT count(*) FROM persons)"
    )


def _kilobytes(number: int) -> list[str]:
    """Different notes of about 1 kB, each of several notes of the sample hospital and a number of its own."""
    texts = cycle(one.text for one in hospital_notes(_PERSONS, 7) if one.name.endswith("/text"))
    made = []
    for place in range(number):
        note = f"Note {place}.\n"
        while len(note) < _SIZE:
            note += next(texts) + "\n"
        made.append(note[:_SIZE])
    return made


def _peak() -> float:
    """Peaks of resident memory of this process and of those it started, added up, in MiB. Linux."""
    pids = ["self", *_started()]
    return sum(_resident(Path("/proc") / pid / "status") for pid in pids)


def _started() -> list[str]:
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def _resident(status: Path) -> float:
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _in_a_process(notes: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("evals.bench.redaction", "--publish", str(notes)))
    return told


def _show(out: Console, report: dict[str, Any]) -> None:
    table = Table("what", "measured", "goal", "reached", title="Redaction")
    table.add_row("ours, one process, kB/s", f"{report['ours_kb_s']:,}", "", "")
    table.add_row("stock Presidio, one process, kB/s", f"{report['stock_kb_s']:,}", "", "")
    reached = said(report["ratio"] >= _GOAL)
    table.add_row("ours, of stock (medians of rounds)", f"{report['ratio']}x", f"at least {_GOAL}x", reached)
    table.add_row("least of a round", f"{report['least_ratio_of_a_round']}x", "", "")
    table.add_row("ours, two processes, kB/s", f"{report['ours_two_processes_kb_s']:,}", "", "")
    for one in report["published"]:
        table.add_row(
            f"{one['notes']:,} notes of 1 kB published", f"{one['seconds']} s, peak {one['peak_mb']:,} MiB", "", ""
        )
    few, many = (one["peak_mb"] for one in report["published"])
    told = f"{many / few:.2f} times for 4 times the notes"
    table.add_row("memory does not grow with notes", told, "at most 1.5", said(many <= 1.5 * few))
    table.add_row(f"{MANY:,} notes (extrapolated, not measured)", f"{report['extrapolated']['hours']} h", "", "")
    out.print(table)


if __name__ == "__main__":
    main()
