"""What a room brings to an evaluation: the `redaction:` section of its policy, and what its vault knows in the snapshot in force.

Read straight from the room's files, without the server: the policy by the policy floor, the vault's tables by the snapshot's.
"""

from pathlib import Path

import duckdb
import yaml

from data.errors import BadRequest
from data.snapshots import Snapshot, open_current
from data.snapshots.digest import quoted
from data.snapshots.tables import file_name
from policies.model import load_policy
from policies.redaction.known import Known, read_known
from policies.redaction.settings import Settings

_VAULT = {
    "vault.patient_identity": "identity_by_source",
    "vault.related_person": "related_person",
    "cdm.patient_identity": "patient_identity",
}
_TABLES = ("person", "provider", "location", "note", "image_occurrence")


def room_settings(room: Path) -> Settings:
    """The policy's section on redaction. Raises BadRequest where the directory is no room."""
    try:
        told = yaml.safe_load((room / "readingroom.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BadRequest(
            f"{room} is no room: readingroom.yaml cannot be read.", "Name a room's directory with --room."
        ) from error
    name = told.get("policy", "policy.yaml") if isinstance(told, dict) else "policy.yaml"
    return load_policy(room / str(name)).redaction


def room_vault(room: Path) -> Known:
    """All that the snapshot in force knows of patients, relatives and staff. Raises BadRequest where nothing is published."""
    return _known(open_current(room))


def _known(snapshot: Snapshot) -> Known:
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute("CREATE SCHEMA vault; CREATE SCHEMA cdm")
        files = {table: snapshot.path / "vault" / file_name(name) for table, name in _VAULT.items()}
        files |= {f"cdm.{name}": snapshot.path / "tables" / file_name(name) for name in _TABLES}
        for table, file in files.items():
            if file.is_file():
                con.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({quoted(str(file))})")
        return read_known(con)
