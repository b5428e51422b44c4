"""Writes the whole sample hospital into a directory. Same seed and persons, same bytes; there already, nothing is done.

All is written beside the target first and moved into place at the end, so an interrupted run leaves nothing that looks whole.
"""

import json
import shutil
from pathlib import Path

from data.errors import BadRequest, ReadingRoomError
from data.synthetic.ehr import Adt, Fhir
from data.synthetic.imaging import Imaging
from data.synthetic.laboratory import Laboratory
from data.synthetic.operations import Operations
from data.synthetic.population import Person, people
from data.synthetic.registry import Registry
from data.synthetic.trial import Trial
from data.synthetic.truth import Truth
from data.types import Progress, no_progress

MARKER = ".readingroom-sample"
VERSION = 2


def generate(target: Path, persons: int, seed: int, progress: Progress = no_progress) -> None:
    """Writes the hospital. Raises BadRequest where the directory holds something else."""
    stamp = json.dumps({"persons": persons, "seed": seed, "version": VERSION}, sort_keys=True)
    if target.exists():
        marker = target / MARKER
        if marker.is_file() and marker.read_text() == stamp:
            return
        if not marker.is_file() and any(target.iterdir()):
            raise BadRequest(f"{target} holds files that are no sample hospital.", "Name an empty or new directory.")
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        _write(building, persons, seed, progress)
        (building / MARKER).write_text(stamp)
        if target.exists():
            shutil.rmtree(target)
        building.rename(target)
    except OSError as error:
        raise ReadingRoomError(
            f"The sample hospital cannot be written to {target}: {error.strerror}.", "Free disk space."
        ) from error


def _write(directory: Path, persons: int, seed: int, progress: Progress) -> None:
    directory.mkdir(parents=True)
    truth = Truth(persons, seed)
    systems = (
        Fhir(directory / "ehr" / "fhir", truth),
        Adt(directory / "ehr" / "adt", truth),
        Laboratory(directory / "laboratory", truth),
        Imaging(directory / "imaging", truth),
        Registry(directory / "research" / "omop", truth),
        Trial(directory / "research" / "sdtm", truth),
        Operations(directory / "operations", truth),
    )
    done, first = 0, None
    for chunk in people(persons, seed):
        for person in chunk:
            first = first or person
            for system in systems:
                system.add(person)
            _count(truth, person)
        done += len(chunk)
        progress("sample hospital", done, persons)
    for system in systems:
        if first is not None and hasattr(system, "break_some"):
            system.break_some(first)
        if hasattr(system, "close"):
            system.close()
    truth.write(directory)


def _count(truth: Truth, person: Person) -> None:
    truth.cohorts[f"sex {person.sex}"] += 1
    for code in {condition.code for condition, _ in person.conditions}:
        truth.cohorts[f"condition {code}"] += 1
        truth.cohorts[f"condition {code} {person.sex}"] += 1
