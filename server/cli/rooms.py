"""Commands that make and fill a room: init, sample, ingest, publish, token."""

import hashlib
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from data.errors import BadRequest
from data.snapshots import list_snapshots
from data.synthetic.hospital import generate
from server.cli.show import JsonOption, RoomOption, err, out, print_json, progress
from server.filling import ingest_room, publish_room
from server.quality import current_id
from server.room import init_room, open_room


def add(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for command in (init, sample, ingest, publish, snapshots, token):
        app.command()(command)


def init(
    directory: Annotated[Path, typer.Argument(help="Directory of the new room.")],
    hospital: Annotated[str, typer.Option(help="Where the sources lie, relative to the room.")] = "hospital",
) -> None:
    """Make a room: a directory with a commented readingroom.yaml and policy.yaml. What is there is left alone."""
    for path in init_room(directory, hospital):
        out.print(f"wrote {path}")
    out.print(f"Room ready in {directory}. Next: readingroom ingest --room {directory}")


def sample(
    directory: Annotated[Path, typer.Argument(help="Where to write the sample hospital.")],
    persons: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many persons.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same hospital.")] = 1,
) -> None:
    """Write a synthetic hospital: one population seen by five systems that disagree as real ones do."""
    with progress() as told:
        generate(directory, persons, seed, told)
    out.print(
        f"Sample hospital of {persons} persons (seed {seed}) in {directory}; what is planted in it is in truth.json."
    )


def ingest(
    room: RoomOption = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Only this source; may be said more than once.")
    ] = None,
) -> None:
    """Read all sources into the raw store, as received. Again: only what is new. Interrupted: start it again."""
    opened = open_room(room)
    if not opened.settings.sources:
        raise BadRequest(f"No sources are set in {opened.root}/readingroom.yaml.", "List at least one under sources.")
    with progress() as told:
        counts, failed = ingest_room(opened, told, set(source or ()))
    for name, count in counts.items():
        out.print(f"{name}: {count.new} new, {count.unchanged} unchanged")
    for name, problem in failed.items():
        err.print(f"[red]{name}: {problem}[/red]", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def publish(room: RoomOption = None) -> None:
    """Normalise, validate and publish a snapshot with its releases, then switch to it. Crash-safe; nothing new: no change."""
    opened = open_room(room)
    with progress() as told:
        published = publish_room(opened, told)
    rows = sum(facts.rows for facts in published.tables.values())
    state = "published" if published.changed else "unchanged"
    out.print(
        f"Snapshot {published.id} {state}: {rows} rows in {len(published.tables)} tables, as of {published.as_of}."
    )


def snapshots(room: RoomOption = None, as_json: JsonOption = False) -> None:
    """The room's snapshots, oldest first: what each was made from, by which mapping and vocabulary, and which is in force."""
    opened = open_room(room)
    current = current_id(opened.snapshots_path)
    rows: list[dict[str, Any]] = [
        {
            "id": one.id, "in_force": one.id == current, "created": one.manifest.created, "as_of": one.manifest.as_of,
            "rows": sum(facts.rows for facts in one.manifest.tables.values()), "versions": dict(one.manifest.versions),
            "inputs": dict(one.manifest.inputs), "releases": sorted(one.manifest.releases),
        }
        for one in list_snapshots(opened.snapshots_path)
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    table = Table("snapshot", "created", "as of", "rows", "sources", "mapping", "vocabulary")
    for row in rows:
        inputs = row["inputs"]
        sources = sum(isinstance(value, dict) for value in inputs.values())
        name = f"[bold]{row['id']}[/bold] (in force)" if row["in_force"] else row["id"]
        cells = (
            row["created"],
            row["as_of"],
            row["rows"],
            sources,
            row["versions"]["normalise"],
            inputs.get("vocabulary", ""),
        )
        table.add_row(name, *(escape(str(cell)) for cell in cells))
    out.print(table)


def token(
    subject: Annotated[str, typer.Option(help="Whose token it is, as the ledger will say.")],
    role: Annotated[str, typer.Option(help="Role of the policy.")],
    purpose: Annotated[str, typer.Option(help="HL7 purpose of use.")],
) -> None:
    """Make a bearer token for HTTP: prints the secret once, and the line for readingroom.yaml."""
    secret = secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    out.print(f"Secret (shown once, give it to the client): {secret}", soft_wrap=True)
    line = f"  - {{sha256: {digest}, subject: {subject}, role: {role}, purpose: {purpose}}}"
    out.print("Under `tokens:` in readingroom.yaml:", line, sep="\n", soft_wrap=True)
