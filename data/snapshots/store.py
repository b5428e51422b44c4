"""Finds and proves snapshots: the one in force, one by its id, all of them.

It only reads. A snapshot that is not what its manifest says raises `Damaged` naming the file; the server, `doctor` and
`verify` call it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data.errors import BadRequest, Damaged
from data.snapshots.digest import file_sha256, parquet_facts
from data.snapshots.model import FORMAT, Manifest, ReleaseFacts, TableFacts, from_json, snapshot_id
from data.snapshots.release import SERVING
from data.snapshots.tables import file_name
from data.types import Progress, no_progress

SNAPSHOTS, CURRENT, LOCK, PUBLISHED = "snapshots", "current", "publish.lock", "published.json"
MANIFEST, VAULT_ONLY = "manifest.json", frozenset({"patient_identity"})
_AGAIN = "Publish again, or restore the folder from a copy."


@dataclass(frozen=True)
class Snapshot:
    """One published state: its id, folder and manifest. Opening it proves nothing but that the manifest can be read."""

    id: str
    path: Path
    manifest: Manifest

    def serving(self, release: str) -> Path:
        """The DuckDB file of a release, the only file a query worker is given."""
        self.release(release)
        return self.path / "releases" / release / SERVING

    def release(self, name: str) -> ReleaseFacts:
        if name not in self.manifest.releases:
            held = ", ".join(sorted(self.manifest.releases))
            raise BadRequest(
                f"Snapshot {self.id} has no release {name!r}.",
                f"It has {held}. Run `readingroom publish` where the policy names a new one.",
            )
        return self.manifest.releases[name]

    def tables(self, release: str) -> Mapping[str, TableFacts]:
        """What the release holds: rows, columns with types, and the most rows of one person, by table."""
        return self.release(release).tables

    def columns(self, release: str, table: str) -> tuple[tuple[str, str], ...]:
        """(name, type) of the columns of a table in a release; empty where the release leaves the table out."""
        facts = self.tables(release).get(table)
        return facts.columns if facts else ()


def open_current(root: Path) -> Snapshot:
    """The snapshot in force; `BadRequest` where none was ever published."""
    try:
        told = (root / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise BadRequest(f"No snapshot has been published in {root}.", "Run `readingroom publish`.") from None
    if not re.fullmatch(r"[0-9a-f]{16}", told):
        raise Damaged(f"File {root / CURRENT} names no snapshot.", "Publish again: it is written anew.")
    return open_snapshot(root, told)


def open_snapshot(root: Path, snapshot: str) -> Snapshot:
    """The snapshot of that id, whether in force or not."""
    path = root / SNAPSHOTS / snapshot
    if not re.fullmatch(r"[0-9a-f]{16}", snapshot) or not path.is_dir():
        raise BadRequest("There is no snapshot of that id here.", "Run `readingroom snapshots` to list them.")
    return Snapshot(snapshot, path, read_manifest(path))


def list_snapshots(root: Path) -> list[Snapshot]:
    """All snapshots, oldest first."""
    found = (root / SNAPSHOTS).glob("[0-9a-f]*") if (root / SNAPSHOTS).is_dir() else ()
    made = [open_snapshot(root, path.name) for path in found if re.fullmatch(r"[0-9a-f]{16}", path.name)]
    return sorted(made, key=lambda snapshot: (snapshot.manifest.created, snapshot.id))


def read_manifest(path: Path) -> Manifest:
    """The manifest of a snapshot's folder."""
    file = path / MANIFEST
    try:
        manifest = from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Damaged(f"File {file} cannot be read as a manifest.", _AGAIN) from None
    if manifest.format != FORMAT:
        raise Damaged(f"File {file} has format {manifest.format}; this version reads {FORMAT}.", _AGAIN)
    return manifest


def parquet_files(path: Path, manifest: Manifest) -> Iterator[tuple[Path, TableFacts]]:
    """Every Parquet file of a snapshot whose rows have a digest, with what the manifest says of it."""
    for name, facts in manifest.tables.items():
        yield path / ("vault" if name in VAULT_ONLY else "tables") / file_name(name), facts
    for name, facts in manifest.vault.items():
        yield path / "vault" / file_name(name), facts
    for release, told in manifest.releases.items():
        for name, facts in told.tables.items():
            yield path / "releases" / release / file_name(name), facts


def verify_snapshot(snapshot: Snapshot, progress: Progress = no_progress, threads: int = 2) -> None:
    """Compute every digest again from the files; `Damaged` names the first that does not hold."""
    manifest = snapshot.manifest
    if snapshot_id(manifest) != snapshot.id or manifest.id != snapshot.id:
        raise Damaged(f"File {snapshot.path / MANIFEST} does not belong to snapshot {snapshot.id}.", _AGAIN)
    files = list(parquet_files(snapshot.path, manifest))
    with duckdb.connect(config={"threads": threads}) as con:
        con.execute("SET enable_progress_bar = false")
        for done, (file, facts) in enumerate(files):
            progress("verify", done, len(files))
            _check_rows(con, file, facts)
    for name, digest in manifest.files.items():
        _check_bytes(snapshot.path / name, digest)
    progress("verify", len(files), len(files))


def _check_rows(con: duckdb.DuckDBPyConnection, file: Path, facts: TableFacts) -> None:
    try:
        found = parquet_facts(con, file, facts.max_rows_per_person)
    except (OSError, duckdb.Error):
        raise Damaged(f"File {file} cannot be read.", _AGAIN) from None
    if found != facts:
        raise Damaged(f"File {file} does not hold the rows its manifest says.", _AGAIN)


def _check_bytes(file: Path, digest: str) -> None:
    if not file.is_file():
        raise Damaged(f"File {file} is missing.", _AGAIN)
    if file_sha256(file) != digest:
        raise Damaged(f"File {file} has been changed since it was published.", _AGAIN)
