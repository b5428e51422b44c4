"""Commands that say who learned what about whom: audit who-saw, what-did, accounting."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from data.errors import BadRequest
from server.cli.show import JsonOption, RoomOption, err, out, print_json, progress
from server.disclosures import Person, find_person, require_sealing_key
from server.disclosures.accounting import accounting, as_csv, as_html, since_default, unknown_lines
from server.disclosures.line import COLUMNS, line
from server.disclosures.seen import Asked, Seen, seen
from server.disclosures.what_did import deeds_of
from server.ledger import Reader, Wanted, load_or_create_keys
from server.room import Room, open_room

PersonArgument = Annotated[int | None, typer.Argument(help="Pseudonym, as an answer showed it.")]
MrnOption = Annotated[str | None, typer.Option("--mrn", help="Record number, looked up in the vault.")]
SourceOption = Annotated[
    str | None, typer.Option(help="Source whose record number it is, where two give out the same.")
]
SinceOption = Annotated[datetime | None, typer.Option(help="Only calls from this time on (UTC).")]
UntilOption = Annotated[datetime | None, typer.Option(help="Only calls before this time (UTC).")]
MostOption = Annotated[int, typer.Option(min=1, help="With --aggregates: calls to execute again at most.")]


def add(audit: typer.Typer) -> None:
    """Adds the commands to `audit`."""
    audit.command("who-saw")(who_saw)
    audit.command("what-did")(what_did)
    audit.command("accounting")(accounting_command)


def who_saw(
    person: PersonArgument = None,
    mrn: MrnOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    aggregates: Annotated[
        bool, typer.Option("--aggregates", help="Also execute again the answers that keep no list of persons.")
    ] = False,
    most: MostOption = 10_000,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """All calls whose answer showed a person, and with --aggregates all that rest on it. Needs the sealing key and the vault."""
    opened = open_room(room)
    require_sealing_key(opened)
    who = find_person(opened, person, mrn, source)
    with progress() as told:
        found = seen(opened, Asked(who, since, until, "all" if aggregates else "none", most), told)
    if as_json:
        print_json({
            "person": who.shown,
            "record": [line(one) for one in found.shown],
            "record_derived": [line(one) for one in found.rested],
            "aggregates": [{**line(one), "cells": cells} for one, cells in found.aggregates] if aggregates else None,
            "not_told": [{**line(one), "reason": reason} for one, reason in found.unknown],
            "stopped": found.stopped,
            "snapshots_without_key": list(who.unknown),
        })  # fmt: skip
        return
    _show(who, found, aggregates)


def _show(who: Person, found: Seen, derived: bool) -> None:
    out.print(f"[bold]{len(found.shown)} record-level answers showed person {who.shown}[/bold]")
    _table([line(one) for one in found.shown], COLUMNS)
    if found.shown:
        out.print(f"To {_counts(Counter(str(one.intent.body['subject']) for one in found.shown))}.", soft_wrap=True)
    if derived:
        out.print(f"[bold]{len(found.rested)} record-level answers without a list of persons rest on the person[/bold]")
        _table([line(one) for one in found.rested], COLUMNS)
        out.print(f"[bold]{len(found.aggregates)} aggregates count the person[/bold], withheld cells among them")
        _table([{**line(one), "cells": cells} for one, cells in found.aggregates], (*COLUMNS[:6], "cells", "call"))
    else:
        out.print(
            "Aggregates, and record-level answers without the column person_id, keep no list: --aggregates executes them again.",
            soft_wrap=True,
        )
    for call, reason in found.unknown:
        err.print(f"[yellow]{call.call_id}[/yellow] cannot be told: {escape(reason)}", soft_wrap=True)
    if found.stopped:
        err.print(
            "[yellow]Stopped at --most calls; later ones were not executed. Narrow with --since.[/yellow]",
            soft_wrap=True,
        )
    for snapshot in who.unknown:
        err.print(
            f"[yellow]The pseudonym key of snapshot {snapshot} is not here: its safe_harbor answers are not known.[/yellow]",
            soft_wrap=True,
        )


def _table(lines: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if not lines:
        return
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")  # a call's id is to be copied whole
    for one in lines:
        cells = {**one, "at": one["at"][:19].replace("T", " ")}
        table.add_row(*("-" if cells[name] is None else escape(str(cells[name])) for name in columns))
    out.print(table)


def what_did(
    subject: Annotated[str, typer.Argument(help="Who asked, as `audit show` names them.")],
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Calls to list, the latest; the sums are over all.")] = 50,
    persons: Annotated[bool, typer.Option("--persons", help="Name the persons they were shown most often.")] = False,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """What one subject asked: calls, verdicts, rules and counts; with the sealing key, how many persons they were shown."""
    opened = open_room(room)
    if persons:
        require_sealing_key(opened)
    keys = load_or_create_keys(opened.keys_path) if (opened.keys_path / "sealing.key").is_file() else None
    with Reader(opened.ledger_url) as reader:
        found = deeds_of(reader.calls(Wanted(subject=subject, since=since, until=until)), keys)
    if not found.calls:
        raise BadRequest("No calls of that subject are recorded in that time.", "See `readingroom audit show`.")
    if as_json:
        seen_most = found.seen_most if persons else None
        print_json({**vars(found), "calls": found.calls[-limit:], "seen_most": seen_most})
        return
    _table(found.calls[-limit:], ("at", "role", "purpose", "tool", "status", "rule", "rows", "persons", "call"))
    if len(found.calls) > limit:
        out.print(f"[dim]{len(found.calls) - limit} earlier calls are not listed; --limit lists more.[/dim]")
    out.print(f"{len(found.calls)} calls: {_counts(found.statuses)}. As {_counts(found.purposes)}.", soft_wrap=True)
    if found.rules:
        out.print(f"Rules that refused: {_counts(found.rules)}.", soft_wrap=True)
    shown = "not told without the sealing key" if found.persons is None else f"{found.persons} by the lists kept"
    more = f", and {found.unlisted} record-level answers that keep no list" if found.unlisted else ""
    out.print(f"{found.rows} rows. Different persons shown: {shown}{more}.", soft_wrap=True)
    for key, count in found.seen_most if persons else ():
        out.print(f"  person {key} in {count} answers")


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {escape(name)}" for name, count in counts.most_common())


def accounting_command(
    person: PersonArgument = None,
    mrn: MrnOption = None,
    source: SourceOption = None,
    since: Annotated[datetime | None, typer.Option(help="From when on (UTC); default: six years before now.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write it as a page that prints well.")] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="Write it as CSV.")] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also list what the rule leaves out: treatment, payment, operations, limited data sets."
        ),
    ] = False,
    most: MostOption = 10_000,
    room: RoomOption = None,
) -> None:
    """Accounting of disclosures of one person, 45 CFR 164.528. Answers without a list of persons are executed again."""
    opened = open_room(room)
    require_sealing_key(opened)
    if html is None and table is None:
        raise BadRequest("Say where the accounting goes: --html FILE, --csv FILE or both.")
    who, now = find_person(opened, person, mrn, source), datetime.now(UTC)
    begin = since.replace(tzinfo=since.tzinfo or UTC) if since is not None else since_default(now)
    with progress() as told:
        found = seen(opened, Asked(who, begin, now, "record", most), told)
    made = accounting(opened, who.shown, found, (begin, now), everything, _anchor(opened))
    for path, text in ((html, as_html), (table, as_csv)):
        if path is not None:
            _write(path, text(made))
    left_out = ", ".join(f"{count} {reason}" for reason, count in made.counted.items())
    out.print(f"{len(made.lines)} disclosures listed. Left out by the rule: {left_out or 'none'}.", soft_wrap=True)
    for words in unknown_lines(made):
        err.print(f"[yellow]Not looked into:[/yellow] {escape(words)}", soft_wrap=True)


def _anchor(room: Room) -> str:
    with Reader(room.ledger_url) as reader:
        newest = reader.newest()
    if newest is None:
        return ""
    return f"{newest.checkpoint.origin}, {newest.checkpoint.size} entries, root {newest.checkpoint.root.hex()}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadRequest(f"{path} cannot be written.", "Check the directory and the disk.") from error
