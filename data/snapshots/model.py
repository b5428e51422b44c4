"""What a snapshot says of itself: the manifest, as frozen data that is written to and read from one JSON file.

The id rests on logical content only (tables, release definitions, redactor, key fingerprint, day, format), never on the
time, the machine or the bytes of files. Nothing here reads the data itself.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

FORMAT = 2


@dataclass(frozen=True)
class BuildFacts:
    """What the builder says after filling the build: its version, its quality report, and the data's last day.

    `as_of` fixes ages: None means the last day of any observation period or visit.
    """

    normalise: str
    quality: Mapping[str, object] = field(default_factory=dict)
    as_of: date | None = None


@dataclass(frozen=True)
class TableFacts:
    """Digest of the sorted rows, their number, (column, type) pairs, and the most rows of any one person."""

    digest: str
    rows: int
    columns: tuple[tuple[str, str], ...]
    max_rows_per_person: int | None = None


@dataclass(frozen=True)
class ReleaseFacts:
    """A release as published: its ground, the digest of its definition, its tables."""

    ground: str
    definition: str
    tables: Mapping[str, TableFacts]


@dataclass(frozen=True)
class Check:
    """A question about a finished release. Its one row has two counts for each (claim, column) of `subjects`: how many were looked at,
    and how many break the claim. The SQL may read the build, and the release's serving file as `made`.
    """

    table: str
    subjects: tuple[tuple[str, str], ...]
    sql: str


@dataclass(frozen=True)
class Measures:
    """What is to be measured of a release at publish, handed in by whoever made it: statements to run first, checks, and figures,
    each a name and SQL whose rows are numbers. `about` is kept beside what was found, as it is.
    """

    about: Mapping[str, object]
    prepare: tuple[str, ...]
    checks: tuple[Check, ...]
    figures: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """All a snapshot says of itself. `changed` is not kept: False where `publish` found nothing to do."""

    id: str
    created: str
    as_of: str
    inputs: Mapping[str, object]
    inputs_digest: str
    versions: Mapping[str, str]
    key_fingerprint: str
    tables: Mapping[str, TableFacts]
    vault: Mapping[str, TableFacts]
    releases: Mapping[str, ReleaseFacts]
    files: Mapping[str, str]
    format: int = FORMAT
    changed: bool = field(default=False, compare=False)


def snapshot_id(manifest: Manifest) -> str:
    """First 16 hex digits of the SHA-256 over what makes this snapshot this one."""
    told = {
        "format": manifest.format,
        "as_of": manifest.as_of,
        "tables": {name: facts.digest for name, facts in manifest.tables.items()},
        "vault": {name: facts.digest for name, facts in manifest.vault.items()},
        "releases": {name: facts.definition for name, facts in manifest.releases.items()},
        "quality": manifest.files.get("quality.json", ""),
        "redactor": manifest.versions.get("redactor", ""),
        "key": manifest.key_fingerprint,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def to_json(manifest: Manifest) -> str:
    """The manifest as text, keys sorted."""
    kept = asdict(manifest)
    del kept["changed"]
    return json.dumps(kept, indent=1, sort_keys=True, default=str) + "\n"


def from_json(text: str) -> Manifest:
    """The manifest of that text; ValueError, KeyError or TypeError where it is none."""
    kept: dict[str, Any] = json.loads(text)
    kept["tables"] = _tables(kept["tables"])
    kept["vault"] = _tables(kept["vault"])
    kept["releases"] = {
        name: ReleaseFacts(facts["ground"], facts["definition"], _tables(facts["tables"]))
        for name, facts in kept["releases"].items()
    }
    return Manifest(**kept)


def _tables(kept: dict[str, Any]) -> dict[str, TableFacts]:
    return {
        name: TableFacts(
            facts["digest"], facts["rows"], tuple((c, t) for c, t in facts["columns"]), facts["max_rows_per_person"]
        )
        for name, facts in kept.items()
    }
