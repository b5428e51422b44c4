"""Commands that say who learned what about whom: audit who-saw, audit what-did."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from data.errors import BadRequest
from server.cli.show import JsonOption, RoomOption, err, out, print_json, progress
from server.disclosures import Deriver, Person, find_person, require_sealing_key, sights
from server.disclosures.line import COLUMNS, line
from server.disclosures.what_did import deeds_of
from server.house import open_house
from server.ledger import Reader, RecordedCall, Wanted, load_or_create_keys
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


@dataclass
class Seen:
    """What is known of one person: answers that showed it, answers that rest on it, and those of which it could not be said."""

    shown: list[RecordedCall] = field(default_factory=list)
    rested: list[RecordedCall] = field(default_factory=list)
    aggregates: list[tuple[RecordedCall, int]] = field(default_factory=list)
    unknown: list[tuple[RecordedCall, str]] = field(default_factory=list)
    stopped: bool = False


@dataclass(frozen=True)
class Asked:
    """A person and a time, and how many calls may be executed again; none without `derive`."""

    person: Person
    since: datetime | None = None
    until: datetime | None = None
    derive: bool = False
    most: int = 10_000


def seen(room: Room, asked: Asked) -> Seen:
    """Everything that is asked about a person. Raises BadRequest where the sealing key is not here."""
    require_sealing_key(room)
    found = Seen()
    with Reader(room.ledger_url) as reader, progress() as told:
        keys = load_or_create_keys(room.keys_path)
        lists = sights(reader, keys, asked.person, asked.since, asked.until, lambda n: told("reading lists", n, None))
        found.shown = [one.call for one in lists]
        if asked.derive:
            _derive(room, reader, asked, found, told)
    return found


def _derive(room: Room, reader: Reader, asked: Asked, found: Seen, told: Any) -> None:
    house = open_house(room)
    try:
        deriver = Deriver(house, asked.person)
        for number, call in enumerate(_unlisted(reader, asked)):
            if number == asked.most:
                found.stopped = True
                break
            told("executing again", number + 1, None)
            one = deriver.derived(call)
            if one.found == "aggregate":
                found.aggregates.append((call, one.cells))
            elif one.found == "record":
                found.rested.append(call)
            elif one.found == "unknown":
                found.unknown.append((call, one.reason))
    finally:
        house.close()


def _unlisted(reader: Reader, asked: Asked) -> Iterator[RecordedCall]:
    for call in reader.calls(Wanted(status="answered", since=asked.since, until=asked.until)):
        if call.outcome is not None and call.outcome.sealed is None:
            yield call


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
    found = seen(opened, Asked(who, since, until, aggregates, most))
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
    table = Table(*columns)
    for one in lines:
        cells = {**one, "at": one["at"][:19].replace("T", " ")}
        table.add_row(*("-" if cells[name] is None else escape(str(cells[name])) for name in columns))
    out.print(table)


def what_did(
    subject: Annotated[str, typer.Argument(help="Who asked, as `audit show` names them.")],
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Calls to list, the latest; the sums are over all.")] = 50,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """What one subject asked: calls, verdicts, rules and counts; with the sealing key, how many persons they were shown."""
    opened = open_room(room)
    keys = load_or_create_keys(opened.keys_path) if (opened.keys_path / "sealing.key").is_file() else None
    with Reader(opened.ledger_url) as reader:
        found = deeds_of(reader.calls(Wanted(subject=subject, since=since, until=until)), keys)
    if not found.calls:
        raise BadRequest("No calls of that subject are recorded in that time.", "See `readingroom audit show`.")
    if as_json:
        print_json({**vars(found), "calls": found.calls[-limit:]})
        return
    _table(found.calls[-limit:], ("at", "role", "purpose", "tool", "status", "rule", "rows", "persons", "call"))
    if len(found.calls) > limit:
        out.print(f"[dim]{len(found.calls) - limit} earlier calls are not listed; --limit lists more.[/dim]")
    out.print(f"{len(found.calls)} calls: {_counts(found.statuses)}. As {_counts(found.purposes)}.", soft_wrap=True)
    if found.rules:
        out.print(f"Rules that refused: {_counts(found.rules)}.", soft_wrap=True)
    persons = "not told without the sealing key" if found.persons is None else f"{found.persons} by the lists kept"
    more = f", and {found.unlisted} record-level answers that keep no list" if found.unlisted else ""
    out.print(f"{found.rows} rows. Different persons shown: {persons}{more}.", soft_wrap=True)


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {escape(name)}" for name, count in counts.most_common())
