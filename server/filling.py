"""Fills a room: sources into the raw store, the raw store into a snapshot with the releases of the policy floor.

The one place where data and policies meet outside a call: publishing is handed the compiled releases and the redactor.
"""

import hashlib
import json

import duckdb

from data import normalise
from data.catalogue.model import catalogue
from data.errors import BadRequest, ReadingRoomError
from data.raw import Count, RawStore
from data.snapshots import BuildFacts, Manifest, publish
from data.sources import connector
from data.types import Progress, Stored, no_progress
from data.validate import validate
from policies.redaction import make_redactor
from policies.releases import RELEASES, compile_release
from server.ledger import load_or_create_keys
from server.records import VERSION
from server.room import Room, Source


def ingest_room(room: Room, progress: Progress = no_progress) -> tuple[dict[str, Count], dict[str, str]]:
    """Reads every source. A source that fails is named with its reason; the others are still read."""
    store = RawStore(room.raw_path)
    counts: dict[str, Count] = {}
    failed: dict[str, str] = {}
    for source in room.settings.sources:
        try:
            counts[source.name] = store.ingest(
                connector(source.kind, source.name, source.system, **_options(room, source)), progress
            )
        except ReadingRoomError as error:
            failed[source.name] = str(error)
    return counts, failed


def _options(room: Room, source: Source) -> dict[str, object]:
    if source.url is not None:
        return {"url": room.source_url(source), "tables": source.tables}
    return {"path": room.source_path(source)}


def publish_room(room: Room, progress: Progress = no_progress, threads: int | None = None) -> Manifest:
    """Builds and publishes what the raw store holds of the room's sources. Unchanged inputs: nothing is done."""
    store = RawStore(room.raw_path)
    stored = store.current({source.name for source in room.settings.sources})
    if not stored:
        raise BadRequest("Nothing has been ingested in this room.", "Run `readingroom ingest` first.")
    keys = load_or_create_keys(room.keys_path)
    releases = [compile_release(name, catalogue()) for name in RELEASES]
    inputs = _inputs(stored)

    def build(con: duckdb.DuckDBPyConnection) -> BuildFacts:
        normalise.extract(con, stored, progress)
        normalise.normalise(con, progress)
        return BuildFacts(normalise=normalise.VERSION, quality=validate(con).as_json())

    fingerprint = [
        inputs,
        normalise.VERSION,
        VERSION,
        duckdb.__version__,
        [(one.name, one.ground, dict(one.tables)) for one in releases],
    ]
    digest = hashlib.sha256(
        json.dumps([*fingerprint, hashlib.sha256(keys.pseudonym).hexdigest()], sort_keys=True).encode()
    ).hexdigest()
    return publish(
        room.snapshots_path, build, releases, make_redactor, keys.pseudonym, inputs, progress,
        inputs_digest=digest, threads=threads or room.settings.engine.threads,
    )  # fmt: skip


def _inputs(stored: list[Stored]) -> dict[str, object]:
    """What went in, for the manifest: by source, how many arrivals and the digest over them."""
    told: dict[str, object] = {}
    for name in sorted({one.source for one in stored}):
        lines = "\n".join(f"{one.name} {one.digest}" for one in stored if one.source == name)
        told[name] = {"arrivals": lines.count("\n") + 1, "digest": hashlib.sha256(lines.encode()).hexdigest()}
    return told
