"""What a steward asks of a room: the quality report of its snapshot, drift since the one before, quarantined records, where a row came from."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from data.errors import BadRequest, Damaged
from data.normalise.extract.er7 import messages
from data.normalise.extract.lines import lines_of
from data.raw import RawStore
from data.snapshots import open_current, open_snapshot
from data.snapshots.keys import make_macros
from data.snapshots.store import CURRENT
from data.types import Stored
from data.validate import compare
from server.room import Room


def current_id(root: Path) -> str:
    """The id of the snapshot in force; empty where there is none yet."""
    path = root / CURRENT
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def report(room: Room) -> dict[str, Any]:
    """The quality report of the snapshot in force, with its id, its day, and the drift kept for it."""
    snapshot = open_current(room.snapshots_path)
    told = _json(snapshot.path / "quality.json")
    manifest = snapshot.manifest
    told |= {
        "snapshot": snapshot.id,
        "as_of": manifest.as_of,
        "created": manifest.created,
        "inputs": dict(manifest.inputs),
    }
    drift = room.root / "drift" / f"{snapshot.id}.json"
    told["drift"] = _json(drift) if drift.is_file() else None
    return told


def keep_drift(room: Room, before: str, now: str) -> None:
    """Compares two snapshots' profiles and keeps what differs, under the id of the later."""
    profiles: list[dict[str, Any]] = []
    for name in (before, now):
        try:
            snapshot = open_snapshot(room.snapshots_path, name)
        except (
            BadRequest,
            Damaged,
        ):  # the earlier one was retired, or written by an earlier version: nothing to compare with
            return
        profiles.append(_json(snapshot.path / "quality.json").get("profile") or {})
    if not all(profiles):
        return
    findings = [asdict(one) for one in compare(*profiles)]
    folder = room.root / "drift"
    folder.mkdir(exist_ok=True)
    text = json.dumps({"since": before, "findings": findings}, indent=1, sort_keys=True)
    (folder / f"{now}.json").write_text(text + "\n", encoding="utf-8")


def _json(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be read.", "Publish again.") from error
    return told


@dataclass(frozen=True)
class Origin:
    """The record of a source behind a row: file, line or message number in it, the record's own key."""

    source: str
    file: str
    arrived: str
    digest: str
    line: int
    record: str | None
    path: Path


def lineage(room: Room, table: str, row: int) -> list[Origin]:
    """Where a row of the snapshot in force came from. Raises BadRequest where there is no such row.

    `row` is the key as the snapshot holds it, or as the de-identified releases show it.
    """
    snapshot = open_current(room.snapshots_path)
    path = snapshot.path / "vault" / "lineage.parquet"
    asked = "SELECT source, blob, line, record_id FROM {file} WHERE table_name = $1 AND {key} = $2 ORDER BY source, blob, line"
    found = _query(path, asked.replace("{key}", "row_id"), [table, row])
    if not found:
        key = room.pseudonym_key.of(snapshot.manifest.key_fingerprint)
        if table == "person":
            persons = str(snapshot.path / "vault" / "person_key.parquet").replace("'", "''")
            shown = f"(SELECT p.pseudonym FROM read_parquet('{persons}') p WHERE p.person_id = row_id)"
        else:
            shown = "rr_pseudonym(row_id)"
        found = _query(path, asked.replace("{key}", shown), [table, row], key)
    if not found:
        raise BadRequest(
            f"Table {table} has no row with that key, or its rows are computed.", "See `readingroom lineage --help`."
        )
    return list(_origins(room, found))


def quarantined(room: Room, source: str | None = None, rule: str | None = None) -> list[tuple[str, str, str, int]]:
    """Quarantined records by source, rule and reason, with how many there are."""
    where, values = _where(source, rule)
    return _query(
        _quarantine(room),
        f"SELECT source, rule, reason, count(*) FROM {{file}} {where} GROUP BY ALL ORDER BY 1, 4 DESC, 2, 3",
        values,
    )


def quarantined_records(room: Room, source: str | None, rule: str | None, most: int) -> list[tuple[Origin, str]]:
    """Single quarantined records with their rule, at most so many."""
    where, values = _where(source, rule)
    found = _query(
        _quarantine(room),
        f"SELECT source, blob, line, record_id, rule FROM {{file}} {where} ORDER BY source, blob, line, rule LIMIT {int(most)}",
        values,
    )
    return list(zip(_origins(room, [row[:4] for row in found]), (row[4] for row in found), strict=True))


def _quarantine(room: Room) -> Path:
    return open_current(room.snapshots_path).path / "vault" / "quarantine.parquet"


def _where(source: str | None, rule: str | None) -> tuple[str, list[Any]]:
    asked = [(name, value) for name, value in (("source", source), ("rule", rule)) if value]
    where = " AND ".join(f"{name} = ${place}" for place, (name, _) in enumerate(asked, 1))
    return (f"WHERE {where}" if where else ""), [value for _, value in asked]


def _query(path: Path, sql: str, values: list[Any], key: bytes | None = None) -> list[Any]:
    """Rows of a question on one Parquet file; with the key, it may call rr_pseudonym."""
    if not path.is_file():
        return []
    quoted = str(path).replace("'", "''")
    with duckdb.connect() as con:
        if key is not None:
            make_macros(con, key)
        return con.execute(sql.format(file=f"read_parquet('{quoted}')"), values).fetchall()


def _origins(room: Room, rows: list[Any]) -> Iterator[Origin]:
    store = RawStore(room.raw_path)
    named: dict[tuple[str, str], Stored] = {(one.source, one.digest): one for one in store.arrivals()}
    for source, blob, line, record in rows:
        one = named.get((source, blob))
        yield Origin(
            source,
            one.name if one else "?",
            store.arrived_at(one.seq) if one else "?",
            blob,
            line or 0,
            record,
            store.path(blob),
        )


REVIEW = ("source", "mrn", "other_source", "other_mrn", "rule", "confidence")


def review_list(room: Room) -> list[Any]:
    """Pairs of patients left to a steward, the likeliest first."""
    path = open_current(room.snapshots_path).path / "vault" / "review.parquet"
    columns = ", ".join(REVIEW).replace("confidence", "confidence::DOUBLE")  # JSON knows no decimals
    return _query(
        path, f"SELECT {columns} FROM {{file}} ORDER BY confidence DESC, source, mrn, other_source, other_mrn", []
    )


def raw_record(origin: Origin) -> str:
    """A record as its source sent it; of binary data only its size."""
    content = [] if not origin.path.is_file() else _lines(origin)
    if not content:
        return f"{origin.path} (no text of its own at this place)"
    return content[0]


def _lines(origin: Origin) -> list[str]:
    name = origin.file.lower()
    if name.endswith(".hl7"):
        found: Iterator[bytes | None] = iter(messages(origin.path, lambda _: None))
    elif name.endswith((".ndjson", ".ndjson.gz", ".jsonl", ".zip", ".csv", ".csv.gz")):
        found = (line for many in lines_of(origin.path, lambda _: None) for line in many)
    else:
        return []
    wanted = origin.line + 1 if ".csv" in name else origin.line  # a header stands before the rows
    for number, record in enumerate(found, 1):
        if number == wanted and record is not None:
            return [record.decode("utf-8", errors="replace").replace("\r", "\n")]
    return []
