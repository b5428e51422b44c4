"""Publishes a snapshot: build, write, digest, move into place, switch. Read `_STEPS` for the order.

Everything is made in a folder of its own and renamed when it is whole and on disk, so a crash, a kill or a full disk at
any point leaves the previous snapshot in force. One publisher at a time holds the lock. The command line calls it; it
knows neither sources nor policies: the builder, releases and redactor are handed in.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path

import duckdb

from data.catalogue.model import Catalogue, catalogue, recorded
from data.errors import Damaged, ReadingRoomError
from data.snapshots import files, keys, marks, store
from data.snapshots.digest import file_sha256, quoted
from data.snapshots.model import BuildFacts, Manifest, Measures, ReleaseFacts, TableFacts, snapshot_id, to_json
from data.snapshots.release import SERVING, write_release
from data.snapshots.risk import RISK, risk_name, write_risk
from data.snapshots.tables import check_build, file_name, vault_tables, write_rows, write_table
from data.snapshots.text import Redacted, redact_texts
from data.snapshots.values import withhold_values
from data.types import Progress, Redactor, Release, no_progress

Build = Callable[[duckdb.DuckDBPyConnection], BuildFacts]
IDENTITIES = "identity_by_source"
MakeRedactor = Callable[[duckdb.DuckDBPyConnection, bytes], Redactor]  # given the build and the pseudonym key


def publish(  # noqa: PLR0913  # handed in whole, so that this floor knows neither sources nor policies
    root: Path,
    build: Build,
    releases: Sequence[Release],
    make_redactor: MakeRedactor,
    key: bytes,
    inputs: Mapping[str, object],
    progress: Progress = no_progress,
    *,
    measures: Mapping[str, Measures] | None = None,
    inputs_digest: str = "",
    created: str | None = None,
    threads: int = 2,
    memory_mb: int = 2048,
) -> Manifest:
    """Publish what `build` makes and put it in force. `changed` is False where that was in force already.

    With an `inputs_digest` equal to the last one the builder is not even called. `measures` says, by release, what is to be measured of it.
    """
    key_fingerprint = keys.fingerprint(key)
    with files.locked(root / store.LOCK):
        files.sweep(root / store.SNAPSHOTS)
        if (same := _unchanged(root, inputs_digest)) is not None:
            return same
        work = _Work(root, build, releases, make_redactor, key, progress, threads, memory_mb, measures or {})
        try:
            facts = _make(work)
            told = Manifest(
                id="",
                created=created or datetime.now(UTC).isoformat(timespec="seconds"),
                as_of=work.as_of,
                inputs=inputs,
                inputs_digest=inputs_digest,
                versions=_versions(facts, work.redactor_version),
                key_fingerprint=key_fingerprint,
                tables=work.tables,
                vault=work.vault,
                releases=work.releases_made,
                files=work.hashes(),
            )
            published = _put_in_force(root, work.path, replace(told, id=snapshot_id(told)))
            marks.forget(root, work.finding)
            return published
        finally:
            files.sweep(root / store.SNAPSHOTS)


@dataclass
class _Work:
    """One publish under way: what was handed in, and what the steps have made so far."""

    root: Path
    build: Build
    releases: Sequence[Release]
    make_redactor: MakeRedactor
    key: bytes
    progress: Progress
    threads: int
    memory_mb: int
    measures: Mapping[str, Measures]
    catalogue: Catalogue = field(default_factory=recorded)
    as_of: str = ""
    redactor_version: str = ""
    finding: str = ""
    redacted: Redacted | None = None
    withheld: dict[str, int] = field(default_factory=dict)
    facts: BuildFacts | None = None
    tables: dict[str, TableFacts] = field(default_factory=dict)
    vault: dict[str, TableFacts] = field(default_factory=dict)
    releases_made: dict[str, ReleaseFacts] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.root / store.SNAPSHOTS / f"{files.BUILDING}{os.getpid()}"

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files whose rows have no digest of their own."""
        made = list(self.releases_made)
        names = ["quality.json", *(f"releases/{name}/{SERVING}" for name in made), *(risk_name(name) for name in made)]
        return {name: file_sha256(self.path / name) for name in names if (self.path / name).is_file()}


# --- the steps: each is given the work and the build's connection, in this order -------------------------------------


def _step_build(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    work.facts = work.build(con)
    check_build(con, work.catalogue)
    work.as_of = _last_day(con, work.facts.as_of)


def _step_keys(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    keys.make_macros(con, work.key)
    keys.make_person_key(con)
    keys.make_person_first(con, work.catalogue)
    con.execute(f"CREATE OR REPLACE TABLE vault.snapshot_day AS SELECT DATE {quoted(work.as_of)} AS day")


def _step_redact(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    redactor = work.make_redactor(con, work.key)
    work.redactor_version, work.finding = redactor.version, redactor.finding
    work.redacted = redact_texts(con, work.catalogue, redactor, work.root, work.progress)
    work.withheld = withhold_values(con, work.catalogue, redactor, work.progress)


def _step_tables(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    (work.path / "tables").mkdir()
    for done, table in enumerate(work.catalogue.values()):
        work.progress("tables", done, len(work.catalogue))
        folder = "vault" if table.name in store.VAULT_ONLY else "tables"
        work.tables[table.name] = write_table(con, table, work.path / folder / file_name(table.name))


def _step_vault(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    for name in (name for name in vault_tables(con) if name not in store.VAULT_ONLY):
        select = f'SELECT * FROM vault."{name}"'
        work.vault[name] = write_rows(con, select, None, work.path / "vault" / file_name(name))
    work.vault.update(_identities(work, con))
    found = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'quarantine' AND table_name = 'record'"
    if con.execute(found).fetchall():
        rows = "SELECT * FROM quarantine.record"
        work.vault["quarantine"] = write_rows(con, rows, None, work.path / "vault" / file_name("quarantine"))


def _identities(work: _Work, con: duckdb.DuckDBPyConnection) -> dict[str, TableFacts]:
    """All that each source says of a patient, beside the one best identity that the catalogue's table has: answers are looked through for it."""
    has = "SELECT 1 FROM information_schema.columns WHERE table_schema = 'vault' AND table_name = 'patient_identity' AND column_name = 'source'"
    if not con.execute(has).fetchall():
        return {}
    path = work.path / "vault" / file_name(IDENTITIES)
    return {IDENTITIES: write_rows(con, "SELECT * FROM vault.patient_identity", None, path)}


def _step_quality(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    quality = dict(work.facts.quality) if work.facts else {}
    if work.redacted is not None:
        quality["redaction"] = {**asdict(work.redacted), "withheld_values": work.withheld}
    text = json.dumps(quality, indent=1, sort_keys=True, default=str) + "\n"
    (work.path / "quality.json").write_text(text, encoding="utf-8")


def _step_releases(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    for release in work.releases:
        folder = work.path / "releases" / release.name
        made = write_release(con, release, catalogue(), work.tables, folder, work.progress)
        work.releases_made[release.name] = made


def _step_measure(work: _Work, con: duckdb.DuckDBPyConnection) -> None:
    for done, (name, measures) in enumerate(work.measures.items()):
        work.progress("measure", done, len(work.measures))
        write_risk(con, work.path, name, measures)


_STEPS: tuple[Callable[[_Work, duckdb.DuckDBPyConnection], None], ...] = (
    _step_build,
    _step_keys,
    _step_redact,
    _step_vault,
    _step_tables,
    _step_quality,
    _step_releases,
    _step_measure,
)


def _make(work: _Work) -> BuildFacts:
    """Run the steps in the building folder; other libraries' errors become ours, without any value they may quote."""
    step = _STEPS[0]
    try:
        work.path.mkdir(parents=True, mode=0o700)
        (work.path / "vault").mkdir(mode=0o700)
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": work.threads,
            "memory_limit": f"{work.memory_mb}MiB",
        }
        with duckdb.connect(str(work.path / "build.duckdb"), config=config) as con:
            con.execute("SET enable_progress_bar = false")
            for step in _STEPS:
                step(work, con)
        for scratch in work.path.glob("build.duckdb*"):
            shutil.rmtree(scratch) if scratch.is_dir() else scratch.unlink()
        files.fsync_tree(work.path)
    except (OSError, duckdb.Error) as error:
        raise _ours(error, step.__name__.removeprefix("_step_"), work.root) from None
    if work.facts is None:
        raise ReadingRoomError("The builder gave no facts about the build.")
    return work.facts


def _ours(error: OSError | duckdb.Error, step: str, root: Path) -> ReadingRoomError:
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    if full or any(words in str(error) for words in ("No space left", "Disk quota", "max_temp_directory_size")):
        return ReadingRoomError(
            f"The disk of {root} was full at step {step}; the previous snapshot stays in force.",
            "Make room (old snapshots may be retired) and publish again.",
        )
    return ReadingRoomError(
        f"Publishing failed at step {step} with {type(error).__name__}; the previous snapshot stays in force.",
        "The words of the error are withheld, since they may quote data; look at the step named.",
    )


def _put_in_force(root: Path, made: Path, manifest: Manifest) -> Manifest:
    """Rename the finished folder to its id and switch `current`; the same snapshot already there is kept."""
    final = root / store.SNAPSHOTS / manifest.id
    in_force = _current(root) == manifest.id
    kept = _kept(final, manifest.id)
    if kept is None:
        files.write_atomic(made / store.MANIFEST, to_json(manifest))
        if final.exists():  # damaged: its name makes the sweep take it
            final.rename(final.with_name(f"{files.BUILDING}{manifest.id}"))
        made.rename(final)
        files.fsync(final.parent)
    else:
        kept = _measured_since(kept, final, manifest, made)
    if not in_force:
        files.write_atomic(root / store.CURRENT, f"{manifest.id}\n")
    told = json.dumps({"id": manifest.id, "inputs_digest": manifest.inputs_digest})
    files.write_atomic(root / store.PUBLISHED, told + "\n")
    return replace(kept or manifest, changed=not (in_force and kept))


def _kept(final: Path, name: str) -> Manifest | None:
    """The manifest of a snapshot that is there already and holds; None where it must be written."""
    if not final.exists():
        return None
    try:
        manifest = store.read_manifest(final)
        store.verify_snapshot(store.Snapshot(name, final, manifest))
    except Damaged:
        return None
    return manifest


def _measured_since(kept: Manifest, final: Path, manifest: Manifest, made: Path) -> Manifest:
    """What an earlier version did not measure of the same snapshot is added to it: first the files, then the manifest that names them."""
    new = {
        name: told for name, told in manifest.files.items() if name.startswith(f"{RISK}/") and name not in kept.files
    }
    if not new:
        return kept
    (final / RISK).mkdir(exist_ok=True)
    for name in new:
        files.write_atomic(final / name, (made / name).read_text(encoding="utf-8"))
    fuller = replace(kept, files={**kept.files, **new})
    files.write_atomic(final / store.MANIFEST, to_json(fuller))
    return fuller


def _current(root: Path) -> str | None:
    with suppress(OSError):
        return (root / store.CURRENT).read_text(encoding="utf-8").strip()
    return None


def _unchanged(root: Path, inputs_digest: str) -> Manifest | None:
    """The manifest in force, if the last publish had the same inputs."""
    if not inputs_digest:
        return None
    try:
        told = json.loads((root / store.PUBLISHED).read_text(encoding="utf-8"))
        current = store.open_current(root)
    except (OSError, ValueError, ReadingRoomError):
        return None
    same = told == {"id": current.id, "inputs_digest": inputs_digest}
    return replace(current.manifest, changed=False) if same else None


def _last_day(con: duckdb.DuckDBPyConnection, told: date | None) -> str:
    """The day on which ages are counted: as told, or the last day the data speaks of."""
    if told is not None:
        return told.isoformat()
    day = con.sql(
        "SELECT max(day) FROM (SELECT max(observation_period_end_date) AS day FROM cdm.observation_period "
        "UNION ALL SELECT max(visit_end_date) FROM cdm.visit_occurrence)"
    ).fetchall()[0][0]
    if day is None:
        raise ReadingRoomError(
            "The build has no observation period and no visit, so its last day is unknown.",
            "The builder must say `as_of`.",
        )
    return str(day)


def _versions(facts: BuildFacts, redactor: str) -> dict[str, str]:
    installed = _version("readingroom")
    return {"duckdb": duckdb.__version__, "readingroom": installed, "normalise": facts.normalise, "redactor": redactor}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
