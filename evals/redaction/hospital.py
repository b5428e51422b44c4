"""Notes of the sample hospital with their key: who is named in each is known, because the generator wrote it.

The vault is what a build of the same hospital's sources knows, as at publish, so recall on what they send must be whole. A few notes also name
people whom no system knows.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from data import normalise
from data.raw import RawStore
from data.sources import connector
from data.synthetic.hospital import generate
from data.synthetic.notes import note_with_spans
from data.synthetic.population import Person, Visit, people
from data.types import Progress, System, no_progress
from evals.redaction.gold import HELD_OUT, TUNE, Document, Label
from evals.redaction.kinds import KNOWN_BEFORE, KNOWN_KINDS
from policies.redaction.known import Known, read_known

PERSONS, SEED = 200, 7
# Labels of what some source system sends, so that the vault holds it. Dates, nicknames and neighbours are not among them.
KNOWN = frozenset(f"{KNOWN_BEFORE}{kind}" for kind in KNOWN_KINDS)
_TITLE = re.compile(r"\b(?:Mr|Ms|Dr)\.(?= )")
_SOURCES: tuple[tuple[str, str, System, str], ...] = (
    ("ehr", "fhir-ndjson", "ehr", "ehr/fhir"),
    ("adt", "hl7v2", "ehr", "ehr/adt"),
    ("laboratory", "hl7v2", "laboratory", "laboratory"),
    ("imaging", "dicom", "imaging", "imaging"),
    ("registry", "omop-csv", "research", "research/omop"),
)


def hospital_notes(persons: int = PERSONS, seed: int = SEED) -> list[Document]:
    """Texts and titles of all visits' notes, labelled. Documents of one person are one unit; every other person is held out."""
    return [
        document
        for chunk in people(persons, seed)
        for person in chunk
        for place, visit in enumerate(person.visits)
        if place % 2 == 0  # of every other visit the EHR sends its note
        for document in _documents(person, visit)
    ]


def hospital_vault(persons: int = PERSONS, seed: int = SEED, progress: Progress = no_progress) -> Known:
    """What a build of that hospital's sources knows."""
    with (
        tempfile.TemporaryDirectory(prefix="readingroom-eval-") as directory,
        hospital_build(Path(directory), persons, seed, progress) as con,
    ):
        return read_known(con)


def hospital_build(
    directory: Path, persons: int, seed: int, progress: Progress = no_progress
) -> duckdb.DuckDBPyConnection:
    """Makes the hospital in the directory and normalises its sources; the connection is the build."""
    generate(directory / "hospital", persons, seed, progress)
    store = RawStore(directory / "raw")
    for name, kind, system, where in _SOURCES:
        store.ingest(connector(kind, name, system, path=directory / "hospital" / where))
    con = duckdb.connect(config={"threads": 2})
    normalise.extract(con, store.current(), progress)
    normalise.normalise(con, progress)
    return con


def _documents(person: Person, visit: Visit) -> Iterator[Document]:
    title, text, spans = note_with_spans(person, visit)
    unit, part = f"person {person.number}", HELD_OUT if person.number % 2 else TUNE
    labels = [Label(start, stop, f"{KNOWN_BEFORE}{kind}" if known else kind) for start, stop, kind, known in spans]
    neutral = ((_TITLE, "TITLE"), (re.compile(rf"(?<=, ){person.state}(?= {person.zip})"), "STATE"))
    labels += [Label(*match.span(), label) for shape, label in neutral for match in shape.finditer(text)]
    yield Document(f"{visit.key}/text", text, tuple(sorted(labels, key=lambda one: (one.start, one.stop))), unit, part)
    at = title.find(person.family)
    named = (Label(at, at + len(person.family), f"{KNOWN_BEFORE}NAME"),) if at >= 0 else ()
    yield Document(f"{visit.key}/title", title, named, unit, part)
