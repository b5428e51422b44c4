"""The command `replay`: recorded calls executed again and held against their digests, or against another policy or snapshot."""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from data.errors import BadRequest, ReadingRoomError
from policies.model import load_policy
from server.bundles import Bundle, read_bundle
from server.cli.bundling import read_bundle_key
from server.cli.show import JsonOption, RoomOption, err, out, print_json, progress
from server.house import House, open_house
from server.ledger import Reader, RecordedCall
from server.ledger.keys import read_public_key
from server.replay import Otherwise, Pick, Replayed, picked, replay, what_if
from server.replay.pick import share_of
from server.replay.whatif import supposed_of
from server.room import Room, open_room

_ROWS_SHOWN = 20
SessionArgument = Annotated[str | None, typer.Argument(help="Session to replay; default: every call.")]
CallOption = Annotated[str | None, typer.Option("--call", help="Only the call of this id.")]
SinceOption = Annotated[datetime | None, typer.Option(help="Only calls from this time on (UTC).")]
UntilOption = Annotated[datetime | None, typer.Option(help="Only calls before this time (UTC).")]
SampleOption = Annotated[str | None, typer.Option(help="A random share of them, such as 5%.")]
SeedOption = Annotated[int | None, typer.Option(help="Draw the same sample as before; default: another each time.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Threads a query may use; default: the room's.")]
WhatIfOption = Annotated[
    list[str] | None,
    typer.Option("--what-if", help="policy=FILE or snapshot=current|ID: what would be answered. Both may be given."),
]
ShowOption = Annotated[bool, typer.Option("--show", help="With --what-if: print the rows that differ. They are data.")]
BundleOption = Annotated[Path | None, typer.Option(help="Replay the session in this bundle, not the room's own.")]
BundleKeyOption = Annotated[
    Path | None, typer.Option(help="Key that opens the bundle's arguments; default: beside it, ending in .key.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="Public key you trust, in PEM; default: the one in the bundle.")
]


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command("replay")(replay_command)


def replay_command(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    session: SessionArgument = None,
    room: RoomOption = None,
    call: CallOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    sample: SampleOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    suppose: WhatIfOption = None,
    show: ShowOption = False,
    bundle: BundleOption = None,
    bundle_key: BundleKeyOption = None,
    trusted: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute recorded calls again on their snapshot and policy, and compare the digests of the answers.

    Ends with 1 where one differs. With --what-if nothing is compared with the record: each call is executed as recorded and as supposed.
    """
    if call is not None and session is not None:
        raise BadRequest("Name a session or a call, not both.")
    if show and not suppose:
        raise BadRequest("--show belongs to --what-if.", "Of recorded answers only digests are kept.")
    how = _How(suppose, show, threads, as_json)
    if bundle is not None:
        if session or call or since or until or sample:
            raise BadRequest("A bundle is replayed whole.", "Leave out the session and what picks calls.")
        _bundled(open_room(room), bundle, bundle_key, trusted, how)
        return
    drawn = seed if seed is not None else secrets.randbits(32)
    _recorded(open_room(room), Pick(session, call, since, until, share_of(sample) if sample else 1.0, drawn), how)


@dataclass(frozen=True)
class _How:
    suppose: list[str] | None
    show: bool
    threads: int | None
    as_json: bool


def _recorded(room: Room, pick: Pick, how: _How) -> None:
    with Reader(room.ledger_url) as reader:
        total = sum(1 for _ in picked(reader, pick))
        if pick.session is not None and not total and pick.share == 1:
            raise ReadingRoomError(f"No calls of session {pick.session} are recorded.", "See `readingroom audit show`.")
        if pick.share < 1 and not how.as_json:
            err.print(f"Sample of {total} calls; --seed {pick.seed} draws it again.")
        house = open_house(room, threads=how.threads)
        try:
            _replayed(house, _counted(picked(reader, pick), total), how)
        finally:
            house.close()


def _bundled(room: Room, file: Path, key_file: Path | None, trusted: Path | None, how: _How) -> None:
    beside = key_file or file.with_name(f"{file.name}.key")
    key = read_bundle_key(beside) if key_file is not None or beside.is_file() else None
    public = read_public_key(trusted) if trusted is not None else None
    house = open_house(room, threads=how.threads)
    try:
        bundle = read_bundle(file, house.keys.seal, key, public)
        for policy in bundle.policies:
            house.know_policy(policy)
        if not how.as_json:
            _about(bundle, public is not None)
        _replayed(house, _counted(bundle.calls, len(bundle.calls)), how)
    finally:
        house.close()


def _replayed(house: House, calls: Iterable[RecordedCall], how: _How) -> None:
    if how.suppose:
        _supposed(house, calls, how.suppose, how.show, how.as_json)
    else:
        _as_recorded(house, calls, how.as_json)


def _about(bundle: Bundle, trusted: bool) -> None:
    by = "the key you gave" if trusted else "the key in the bundle: compare it with one you hold, or give --key"
    err.print(
        f"{len(bundle.calls)} calls of session {escape(bundle.session)} are in the tree of {bundle.size} entries of "
        f"{escape(bundle.origin)}, signed by {by}.",
        soft_wrap=True,
    )
    if bundle.open_arguments:
        err.print(
            "[yellow]The bundle's arguments are in the clear: handle it as health information.[/yellow]", soft_wrap=True
        )


def _counted(calls: Iterable[RecordedCall], total: int) -> Iterator[RecordedCall]:
    with progress() as told:
        for number, one in enumerate(calls):
            told("replaying", number, total)
            yield one
        told("replaying", total, total)


def _as_recorded(house: House, calls: Iterable[RecordedCall], as_json: bool) -> None:
    results = list(replay(house, calls))
    count = Counter(one.verdict for one in results)
    if as_json:
        counts = {verdict: count[verdict] for verdict in ("identical", "differs", "not_replayable")}
        print_json({**counts, "calls": [asdict(one) for one in results]})
    else:
        _report(results, count)
    if count["differs"]:
        raise typer.Exit(1)


def _report(results: list[Replayed], count: Counter[Any]) -> None:
    out.print(
        f"Replayed {len(results)} calls: {count['identical']} identical, {count['differs']} differ, "
        f"{count['not_replayable']} not replayable.",
        soft_wrap=True,
    )
    for one in results:
        if one.verdict != "identical":
            out.print(f"  {one.call} {escape(one.tool)}: {one.verdict}: {escape(one.reason)}", soft_wrap=True)
    if count["differs"]:
        out.print("Of an answer only its digest is kept, so the reason is named, not the rows.", soft_wrap=True)


_KINDS = {
    "same": "answered the same",
    "changed": "answered otherwise",
    "now_answered": "refused then, answered now",
    "now_refused": "answered then, refused now",
    "other_reason": "refused for another reason",
    "not_replayable": "not replayable",
}


def _supposed(house: House, calls: Iterable[RecordedCall], words: list[str], show: bool, as_json: bool) -> None:
    snapshots = house.snapshots
    supposed = supposed_of(
        words,
        lambda file: load_policy(Path(file)),
        lambda told: snapshots.current() if told == "current" else snapshots.pinned(told),
    )
    results = list(what_if(house, calls, supposed))
    count = Counter(one.kind for one in results)
    if as_json:
        rows = () if show else ("added", "removed")
        told = [{name: value for name, value in asdict(one).items() if name not in rows} for one in results]
        print_json({**{kind: count[kind] for kind in _KINDS}, "calls": told})  # type: ignore[index]
        return
    out.print(f"Supposing {escape(', '.join(words))}, of {len(results)} calls:", soft_wrap=True)
    for kind, meaning in _KINDS.items():
        if count[kind]:  # type: ignore[index]
            out.print(f"  {count[kind]} {meaning}")  # type: ignore[index]
    for one in results:
        if one.kind != "same":
            _difference(one, show)


def _difference(one: Otherwise, show: bool) -> None:
    out.print(f"[bold]{one.call}[/bold] {escape(one.tool)}: {_KINDS[one.kind]}", soft_wrap=True)
    if one.kind == "not_replayable":
        out.print(f"  {escape(one.then)}", soft_wrap=True)
    elif one.kind != "changed":
        out.print(f"  then {escape(one.then)}, now {escape(one.now)}", soft_wrap=True)
    elif one.parts:
        out.print(f"  other {', '.join(one.parts)}", soft_wrap=True)
    else:
        hidden = f"; cells withheld {one.cells_hidden[0]}, now {one.cells_hidden[1]}" if any(one.cells_hidden) else ""
        out.print(
            f"  rows: {one.rows_added} added, {one.rows_removed} removed, {one.rows_changed} changed{hidden}",
            soft_wrap=True,
        )
    if show:
        for mark, colour, rows in (("-", "red", one.removed), ("+", "green", one.added)):
            for row in rows[:_ROWS_SHOWN]:
                out.print(f"  [{colour}]{mark} {escape(_told(row))}[/{colour}]", soft_wrap=True)
            if len(rows) > _ROWS_SHOWN:
                out.print(f"  [dim]{mark} {len(rows) - _ROWS_SHOWN} more; --json has all.[/dim]")


def _told(row: tuple[Any, ...]) -> str:
    return " | ".join("withheld or empty" if cell is None else str(cell) for cell in row)
