"""Makes a room whose sources hold a needle in every text field, under a policy with a grant for every release and mode."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from server.room import Room, init_room, open_room
from tests.integration.server.canary.needles import Manifest
from tests.integration.server.canary.persons import Cast, make_hospital
from tests.integration.server.canary.plant_dicom import plant_imaging
from tests.integration.server.canary.plant_fhir import plant_fhir
from tests.integration.server.canary.plant_hl7 import plant_adt, plant_laboratory
from tests.integration.server.canary.plant_tables import (
    plant_claims,
    plant_operations,
    plant_redcap,
    plant_registry,
    plant_trial,
)

PERSONS = 30
_MORE = (
    ("registry2", "omop-csv", "research", "research/second"), ("redcap", "redcap-csv", "research", "research/redcap"),
    ("trial", "sdtm-xpt", "research", "research/sdtm"), ("claims", "x12", "operations", "operations/claims"),
)  # fmt: skip
_ALL_TAGS = [
    "person_key",
    "record_key",
    "identifier",
    "quasi_identifier",
    "date",
    "free_text",
    "clinical",
    "operational",
]
# role -> purpose, release, mode: each release by rows, the default one by aggregates, too
GRANTS = {
    "researcher": ("HRESCH", "deidentified", "aggregate"), "reader": ("HRESCH", "deidentified", "record"),
    "analyst": ("HOPERAT", "limited", "record"), "publisher": ("PUBHLTH", "safe_harbor", "record"), "clinician": ("TREAT", "identified", "record"),
}  # fmt: skip
HASTY = ("hasty", "PATADMIN", "deidentified", "record")  # whose questions are stopped after a second


@dataclass(frozen=True)
class Planted:
    """The room and what is hidden in its sources."""

    room: Room
    manifest: Manifest
    cast: Cast


def plant(root: Path) -> Planted:
    """Writes hospital, settings and policy into an empty folder."""
    manifest, hospital = Manifest(), root / "hospital"
    cast = make_hospital(hospital, manifest, PERSONS)
    plant_fhir(hospital / "ehr" / "fhir", cast)
    plant_adt(hospital / "ehr" / "adt", cast)
    plant_laboratory(hospital / "laboratory", cast)
    plant_imaging(hospital / "imaging", cast)
    plant_registry(hospital / "research" / "second", cast)
    plant_redcap(hospital / "research" / "redcap", cast)
    plant_trial(hospital / "research" / "sdtm", cast)
    plant_operations(hospital / "operations" / "operations.db", cast)
    plant_claims(hospital / "operations" / "claims", cast)
    init_room(root)
    settings = yaml.safe_load((root / "readingroom.yaml").read_text())
    settings["sources"] += [
        {"name": name, "kind": kind, "system": system, "path": f"hospital/{path}"} for name, kind, system, path in _MORE
    ]
    settings["engine"] = {"workers": 1, "threads": 1}
    (root / "readingroom.yaml").write_text(yaml.safe_dump(settings))
    (root / "policy.yaml").write_text(yaml.safe_dump(_policy()))
    return Planted(open_room(root), manifest, cast)


def _policy() -> dict[str, object]:
    grants: list[dict[str, object]] = [
        {"role": role, "purpose": purpose, "release": release, "mode": mode, "tables": ["*"], "tags": _ALL_TAGS}
        for role, purpose, release, mode in [*((role, *grant) for role, grant in GRANTS.items()), HASTY]
    ]
    grants[-1]["bounds"] = {"seconds": 1}
    return {"version": 1, "contact": "the data guardian", "grants": grants}
