"""Fills a room: sources into the raw store, the raw store into a snapshot with the releases of the policy floor.

The one place where data and policies meet outside a call: publishing is handed the compiled releases and the redactor.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import timedelta
from functools import partial

import duckdb

from data import normalise
from data.catalogue.model import catalogue
from data.errors import BadRequest, ReadingRoomError
from data.raw import Count, RawStore
from data.snapshots import BuildFacts, Manifest, publish
from data.sources import connector
from data.types import Connector, Progress, Stored, no_progress
from data.validate import Gates, validate
from policies.model import load_policy
from policies.redaction import make_finder, make_redactor
from policies.redaction.redactor import VERSION as REDACTOR
from policies.releases import MEASURES, measures, releases_of
from server.quality import current_id, keep_drift
from server.records import VERSION
from server.room import Room, Source


def ingest_room(
    room: Room, progress: Progress = no_progress, only: Collection[str] = ()
) -> tuple[dict[str, Count], dict[str, str]]:
    """Reads every source, or `only` those named. A source that fails is named with its reason; the others are still read."""
    names = {source.name for source in room.settings.sources}
    if unknown := sorted(set(only) - names):
        raise BadRequest(f"This room has no source {', '.join(unknown)}.", f"It has {', '.join(sorted(names))}.")
    store = RawStore(room.raw_path)
    counts: dict[str, Count] = {}
    failed: dict[str, str] = {}
    for source in room.settings.sources:
        if only and source.name not in only:
            continue
        try:
            counts[source.name] = store.ingest(connector_of(room, source), progress)
        except ReadingRoomError as error:
            failed[source.name] = str(error)
    return counts, failed


_FILES = ("key", "token_file")  # options that name a file, relative to the room like every path


def connector_of(room: Room, source: Source) -> Connector:
    """The connector of a source as the room describes it."""
    options: dict[str, object] = {
        name: room.root / value if name in _FILES else value for name, value in source.options.items()
    }
    if source.url is not None:
        options["url"] = room.source_url(source)
    if source.path is not None:
        options["path"] = room.source_path(source)
    if source.tables:
        options["tables"] = source.tables
    return connector(source.kind, source.name, source.system, **options)


def publish_room(
    room: Room, progress: Progress = no_progress, threads: int | None = None, *, anew: bool = False
) -> Manifest:
    """Builds and publishes what the raw store holds of the room's sources. Unchanged inputs: nothing is done, unless `anew`.

    What is dated more than two days after the last arrival lies in the future and is quarantined. Drift against the snapshot that was in force
    is kept in the room's `drift` directory.
    """
    store = RawStore(room.raw_path)
    stored = store.current({source.name for source in room.settings.sources})
    if not stored:
        raise BadRequest("Nothing has been ingested in this room.", "Run `readingroom ingest` first.")
    key = room.pseudonym_key.read()
    policy = load_policy(room.policy_path)
    releases = releases_of(policy.releases, catalogue())
    vocabulary = _vocabulary(room)
    decisions = normalise.read_decisions(room.links_path)
    day = store.last_day(stored) + timedelta(days=2)
    quality = room.settings.quality
    gates = Gates(quality.gate, quality.thresholds, quality.most_quarantined)
    inputs = _inputs(stored) | {
        "vocabulary": vocabulary.version if vocabulary else normalise.STARTER_VERSION,
        "decisions": len(decisions),
    }

    def build(con: duckdb.DuckDBPyConnection) -> BuildFacts:
        normalise.extract(con, stored, progress)
        normalise.normalise(con, progress, day, decisions, vocabulary)
        report = validate(con, gates, day, progress).as_json()
        con.execute("DROP SCHEMA staging CASCADE")  # what follows needs the tables alone
        return BuildFacts(normalise=normalise.VERSION, quality=report)

    fingerprint = [
        inputs,
        normalise.VERSION,
        VERSION,
        MEASURES,
        duckdb.__version__,
        day.isoformat(),
        quality.model_dump(),
        policy.redaction.model_dump(mode="json"),
        make_finder(settings=policy.redaction).version,
        REDACTOR,
        [vars(one) for one in decisions],
        [(one.name, one.ground, dict(one.tables)) for one in releases],
    ]
    digest = hashlib.sha256(
        json.dumps([*fingerprint, hashlib.sha256(key).hexdigest()], sort_keys=True).encode()
    ).hexdigest()
    before = current_id(room.snapshots_path)
    manifest = publish(
        room.snapshots_path, build, releases, partial(make_redactor, settings=policy.redaction), key, inputs, progress,
        measures={one.name: measures(one, catalogue()) for one in releases}, inputs_digest="" if anew else digest,
        threads=threads or room.settings.engine.threads, memory_mb=room.settings.engine.publish_memory_mb,
    )  # fmt: skip
    if before and before != manifest.id:
        keep_drift(room, before, manifest.id)
    return manifest


def _vocabulary(room: Room) -> normalise.Vocabulary | None:
    """The room's Athena vocabulary, where it has one."""
    given = room.settings.vocabulary
    return normalise.open_vocabulary(room.root / given) if given else None


def _inputs(stored: list[Stored]) -> dict[str, object]:
    """What went in, for the manifest: by source, how many arrivals and the digest over them."""
    told: dict[str, object] = {}
    for name in sorted({one.source for one in stored}):
        lines = "\n".join(f"{one.name} {one.digest}" for one in stored if one.source == name)
        told[name] = {"arrivals": lines.count("\n") + 1, "digest": hashlib.sha256(lines.encode()).hexdigest()}
    return told
