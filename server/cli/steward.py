"""Commands of the data steward: sources, quality, quarantine, lineage, and who is who."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from data.errors import BadRequest
from data.normalise.persons.decisions import Decision, Verdict, add_decision
from data.raw import RawStore
from data.sources import kinds
from server import quality as asked
from server.cli.show import JsonOption, RoomOption, out, print_json, progress
from server.filling import publish_room
from server.quality_page import page
from server.room import open_room

quarantine = typer.Typer(help="Records that could not be used, with their reasons.", no_args_is_help=True)
persons = typer.Typer(
    help="Which patients of the sources are one person; decide what rules leave open.", no_args_is_help=True
)
SourceOption = Annotated[str | None, typer.Option("--source", help="Only of this source.")]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw", help="Print the records themselves; with --json, their keys. They hold what identifies patients."
    ),
]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only by this rule.")]


def add(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for command in (sources, quality, lineage):
        app.command()(command)
    app.add_typer(quarantine, name="quarantine")
    app.add_typer(persons, name="persons")


def sources(room: RoomOption = None, as_json: JsonOption = False) -> None:
    """How each source stands: what arrived, when last, how long ago it was last read whole, what failed."""
    opened = open_room(room)
    store = RawStore(opened.raw_path)
    now = datetime.now(UTC)
    rows = []
    for source in opened.settings.sources:
        stands = store.standing(source.name)
        lag = int((now - datetime.fromisoformat(stands.last_read)).total_seconds()) if stands.last_read else None
        rows.append(
            {"name": source.name, "kind": source.kind, "system": source.system, "lag_seconds": lag, **vars(stands)}
        )
    if as_json:
        print_json(rows)
        return
    table = Table("source", "kind", "arrivals", "MB", "last arrival", "last read", "lag", "problem")
    for row in rows:
        since = "-" if row["lag_seconds"] is None else _span(int(row["lag_seconds"]))
        when = [str(row[name] or "never").replace("+00:00", "Z") for name in ("last_arrival", "last_read")]
        cells = (row["name"], row["kind"], row["arrivals"], f"{int(row['bytes']) / 1e6:.1f}", *when, since)
        table.add_row(*(escape(str(cell)) for cell in cells), f"[red]{row['problem']}[/red]" if row["problem"] else "")
    out.print(table)
    out.print(f"[dim]Kinds of source: {', '.join(kinds())}.[/dim]")


def _span(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def quality(
    room: RoomOption = None,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(help="Write the report with its plots to this HTML file.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="List every failed check, not only the first twenty.")
    ] = False,
) -> None:
    """The quality report of the snapshot in force: books of each source, checks of the Data Quality Dashboard, drift."""
    report = asked.report(open_room(room))
    if html is not None:
        html.write_text(page(report), encoding="utf-8")
        out.print(f"wrote {html}")
    elif as_json:
        print_json(report)
    else:
        _books(report["books"], report["metrics"])
        _dashboard(report["dashboard"], None if failed else 20)
        _drift(report["drift"])


_FATES = ("normalised", "duplicates", "superseded", "retracted", "quarantined")


def _books(books: list[dict[str, object]], metrics: list[dict[str, object]]) -> None:
    counts: dict[tuple[object, object], int] = {}
    for one in metrics:
        key = one["source"], one["name"]
        counts[key] = counts.get(key, 0) + int(str(one["value"]))
    table = Table(
        "source", "received", "not understood", "rejected", *_FATES, "books", title="What became of every record"
    )
    for book in books:
        name = book["source"]
        cells = [str(counts.get((name, fate), 0)) for fate in ("not_understood", "rejected", *_FATES)]
        table.add_row(str(name), str(book["received"]), *cells, "hold" if book["holds"] else "[red]do not hold[/red]")
    out.print(table)


def _dashboard(dashboard: dict[str, object], most: int | None) -> None:
    results: list[dict[str, object]] = dashboard["results"]  # type: ignore[assignment]  # as validate wrote it
    bad = [one for one in results if one["status"] in ("failed", "error")]
    passed = sum(one["status"] == "passed" for one in results)
    out.print(f"Data Quality Dashboard: {passed} checks passed, {len(bad)} failed or in error.")
    if bad:
        table = Table("check", "table", "field", "concept", "broken", "of", "allowed")
        for one in bad[:most]:
            cells = (one["name"], one["table"], one["field"], one["concept"] or "", one["violated"], one["total"])
            table.add_row(*(escape(str(cell)) for cell in cells), f"{one['threshold']} %")
        out.print(table)
    if most is not None and len(bad) > most:
        out.print(f"[dim]{len(bad) - most} more: readingroom quality --failed[/dim]")


def _drift(drift: dict[str, object] | None) -> None:
    if drift is None:
        out.print("Drift: this is the first snapshot, there is none to compare with.")
        return
    findings: list[dict[str, object]] = drift["findings"]  # type: ignore[assignment]  # as keep_drift wrote it
    out.print(f"Drift since snapshot {drift['since']}: {len(findings)} findings.")
    if findings:
        table = Table("kind", "table", "what", "before", "now")
        for one in findings[:40]:
            table.add_row(*(escape(str(one[name])) for name in ("kind", "table", "what", "before", "now")))
        out.print(table)


def lineage(
    table: Annotated[str, typer.Argument(help="Table of the snapshot, e.g. measurement.")],
    row: Annotated[int, typer.Argument(help="Key of the row, as the snapshot holds it or as a release shows it.")],
    room: RoomOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
) -> None:
    """Where a row came from: source, file, line or message number, and the digest of the bytes as received."""
    origins = asked.lineage(open_room(room), table, row)
    if as_json:
        print_json([_told(one, raw) for one in origins])
        return
    _origins([(one, "") for one in origins], raw)


def _told(origin: asked.Origin, raw: bool) -> dict[str, object]:
    """An origin as data. The record's own key may be a patient's number, or whatever was typed there, so it is shown with --raw only."""
    return {name: value for name, value in vars(origin).items() if name != "path" and (raw or name != "record")}


def _origins(found: list[tuple[asked.Origin, str]], raw: bool) -> None:
    table = Table(
        "source", "file", "line", "arrived", "bytes (SHA-256)", *(["rule"] if any(rule for _, rule in found) else [])
    )
    for one, rule in found:
        cells = (one.source, one.file, one.line or "file", one.arrived, one.digest[:16])
        table.add_row(*(escape(str(cell)) for cell in cells), *([rule] if rule else []))
    out.print(table)
    for one, _ in found if raw else []:
        out.print(asked.raw_record(one), markup=False, soft_wrap=True)


@quarantine.command("show")
def quarantine_show(
    room: RoomOption = None,
    source: SourceOption = None,
    rule: RuleOption = None,
    records: Annotated[bool, typer.Option("--records", help="List single records with file and line.")] = False,
    raw: RawOption = False,
    limit: Annotated[int, typer.Option(min=1, help="How many records to list.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """What is in quarantine, by source and rule with the reason; single records with --records."""
    opened = open_room(room)
    if records or raw:
        found = asked.quarantined_records(opened, source, rule, limit)
        if as_json:
            print_json([{**_told(one, raw), "rule": why} for one, why in found])
        else:
            _origins(found, raw)
        return
    rows = asked.quarantined(opened, source, rule)
    if as_json:
        print_json([dict(zip(("source", "rule", "reason", "records"), row, strict=True)) for row in rows])
        return
    table = Table("source", "rule", "reason", "records")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


@quarantine.command("retry")
def quarantine_retry(room: RoomOption = None) -> None:
    """Take the quarantined records through again, with the sources, mapping and decisions as they are now, and publish."""
    opened = open_room(room)
    before = {(source, rule): count for source, rule, _, count in asked.quarantined(opened)}
    with progress() as told:
        manifest = publish_room(opened, told, anew=True)
    after = {(source, rule): count for source, rule, _, count in asked.quarantined(opened)}
    freed = sum(max(count - after.get(key, 0), 0) for key, count in before.items())
    state = "published" if manifest.changed else "unchanged"
    out.print(f"{freed} records left quarantine, {sum(after.values())} are in it. Snapshot {manifest.id} {state}.")


@persons.command("review")
def review(room: RoomOption = None, as_json: JsonOption = False) -> None:
    """Pairs of patients that may be one person and that no rule may link. They show numbers of patients."""
    rows = asked.review_list(open_room(room))
    if as_json:
        print_json([dict(zip(asked.REVIEW, row, strict=True)) for row in rows])
        return
    table = Table(*asked.REVIEW)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)
    out.print("Decide with: readingroom persons decide SOURCE NUMBER OTHER_SOURCE OTHER_NUMBER same|apart")


@persons.command("decide")
def decide(
    source: Annotated[str, typer.Argument(help="Source that knows the first patient.")],
    number: Annotated[str, typer.Argument(help="The patient's number in it.")],
    other_source: Annotated[str, typer.Argument(help="Source that knows the other patient.")],
    other_number: Annotated[str, typer.Argument(help="The patient's number in that.")],
    verdict: Annotated[str, typer.Argument(help="same, apart, or undecided (takes an earlier decision back).")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    room: RoomOption = None,
) -> None:
    """Decide whether two patients are one person. In force from the next publish; taken back by `undecided`."""
    words: dict[str, Verdict] = {"same": "same", "apart": "apart", "undecided": "undecided"}
    if verdict not in words:
        raise BadRequest("The verdict is one of same, apart, undecided.", "Say one of them.")
    opened = open_room(room)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    by = os.environ.get("USER", "unknown")
    add_decision(
        opened.links_path,
        Decision(source, number, other_source, other_number, words[verdict], by, at, reason),
    )
    out.print(f"Noted in {opened.links_path}. In force after: readingroom publish")
