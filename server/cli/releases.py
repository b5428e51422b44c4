"""Commands on releases: what each shows and on which ground, what became of the eighteen identifiers, and the key of pseudonyms."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from server.cli.show import JsonOption, RoomOption, err, out, print_json
from server.house import open_ledger
from server.ledger import load_or_create_keys
from server.releases_page import by_claim, by_fate, page, reports, summary
from server.room import open_room


class _ShowUnlessTold(TyperGroup):
    """`releases` and `releases NAME` mean `releases show`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else ["show", *args])


releases = typer.Typer(
    cls=_ShowUnlessTold, help="What each release shows, what was proved of it, and the pseudonym key."
)


def add(app: typer.Typer) -> None:
    """Adds the group to the application."""
    app.add_typer(releases, name="releases")


@releases.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="The release; default: all, in a line each.")] = None,
    room: RoomOption = None,
    snapshot: Annotated[str | None, typer.Option("--snapshot", metavar="ID", help="Default: the one in force.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report with its plots to this HTML file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Releases of a snapshot in a line each; of one, the eighteen identifiers, proofs, k and l. Ends with 1 where a proof fails."""
    found = reports(open_room(room), snapshot, name)
    if html is not None:
        html.write_text(page(found), encoding="utf-8")
        out.print(f"wrote {html}")
    elif as_json:
        print_json(found[0] if name is not None else [summary(one) for one in found])
    elif name is not None:
        _one(found[0])
    else:
        _all(found)
    if any(one["failed"] for one in found):
        raise typer.Exit(1)


@releases.command("rotate-key")
def rotate_key(room: RoomOption = None) -> None:
    """Put a new pseudonym key in force for the next publish. The old one is kept, so that old snapshots can be explained."""
    opened = open_room(room)
    old, new = opened.pseudonym_key.rotate()
    ledger = open_ledger(opened, load_or_create_keys(opened.keys_path))
    try:
        ledger.note({"pseudonym_key_rotated": {"from": old, "to": new}})
    finally:
        ledger.close()
    out.print(
        f"Pseudonym key {new} is in force; {old} is kept in {opened.keys_path}. Recorded in the ledger.", soft_wrap=True
    )
    out.print("In effect after: readingroom publish. Keep a copy of both keys.")
    err.print(
        "[yellow]Rows of the snapshots before and after do not link: every pseudonym and every date shift changes. Whoever holds rows of "
        "both can still match persons by their intervals and codes, so do not hand out both.[/yellow]",
        soft_wrap=True,
    )


# --- showing ----------------------------------------------------------------------------------------------------------


def _all(found: list[dict[str, Any]]) -> None:
    table = Table("release", "ground", "tables", "columns", "k", "in classes < 11", "l", "failed proofs")
    for row in map(summary, found):
        share = "" if row["share_below_11"] is None else f"{100 * row['share_below_11']:.1f} %"
        risk = (row["k"], share, row["l"]) if row["measured"] else ("not measured", "", "")
        cells = (
            row["release"],
            row["ground"],
            row["tables"],
            row["columns"],
            *("" if one is None else one for one in risk),
        )
        failed = (
            f"[bold red]{row['failed']}[/bold red]" if row["failed"] else "0" if row["measured"] else "not measured"
        )
        table.add_row(*(escape(str(cell)) for cell in cells), failed)
    out.print(table)
    out.print(
        "[dim]k: persons in the smallest class of those alike in all quasi-identifiers; l: fewest diagnoses in a class.[/dim]"
    )
    for one in found:
        if one["failed"]:
            out.print(f"[red]{one['release']}: see readingroom releases {one['release']}[/red]")


def _one(one: dict[str, Any]) -> None:
    out.print(
        f"[bold]{escape(one['release'])}[/bold] of snapshot {one['snapshot']}, as of {one['as_of']}, key {one['key']}"
    )
    out.print(escape(one["ground"]), soft_wrap=True)
    if one["rules"] != "as published":
        out.print(f"[yellow]Rules: {escape(one['rules'])}.[/yellow]")
    table = Table("", "identifier", "what became of it", show_lines=True)
    for letter in one["identifiers"]:
        table.add_row(
            letter["letter"],
            letter["name"],
            "\n".join([*_groups(letter["columns"]), f"[dim]{escape(letter['says'])}[/dim]"]),
        )
    out.print(table)
    for bad in one["not_allowed"]:
        out.print(
            f"[bold red]{bad['table']}.{bad['column']} is {bad['fate']}[/bold red]: {escape(bad['why'])}",
            soft_wrap=True,
        )
    _proofs(one)
    _risk(one)


def _groups(columns: list[dict[str, Any]]) -> list[str]:
    lines = []
    for group in by_fate(columns):
        style = "bold" if group["allowed"] else "bold red"
        how = "".join(f" ({words})" for words in (group["how"], group["why"]) if words)
        more = f" and {group['more']} more" if group["more"] else ""
        lines.append(f"[{style}]{group['fate']}[/{style}]{escape(how)}: {escape(', '.join(group['names']))}{more}")
    return lines


def _proofs(one: dict[str, Any]) -> None:
    if not one["measured"]:
        out.print("Proofs, k and l: not measured; this snapshot was published before its releases were. Publish again.")
        return
    table = Table("claim", "columns", "looked at", "break it", title="What was proved of the rows")
    for claim in by_claim(one["proofs"]):
        broken = f"[bold red]{claim['broken']}[/bold red]" if claim["broken"] else "0"
        table.add_row(escape(claim["words"]), str(claim["columns"]), f"{claim['checked']:,}", broken)
    out.print(table if one["proofs"] else "Nothing is claimed of its rows: it shows what the source holds.")
    if one["unproved"]:
        out.print(
            f"Not proved, since their rows lead to no person: {escape(', '.join(one['unproved']))}.", soft_wrap=True
        )
    for bad in one["broken"]:
        where = f"{bad['table']}.{bad['column']}"
        out.print(
            f"[bold red]{where}[/bold red]: {bad['broken']} of {bad['checked']} break: {escape(bad['words'])}",
            soft_wrap=True,
        )


def _risk(one: dict[str, Any]) -> None:
    k, l_ = one["k"], one["l"]
    if k is not None:
        below = ", ".join(
            f"under {limit}: {some['persons']} ({100 * some['share']:.1f} %)" for limit, some in k["below"].items()
        )
        out.print(
            f"k = {k['k']}: {k['persons']} persons in {k['classes']} classes; persons in classes {below}.",
            soft_wrap=True,
        )
        out.print(f"Risk of being picked out: highest {k['highest_risk']:.3f} (1/k), average {k['average_risk']:.3f}.")
        out.print(f"[dim]Quasi-identifiers: {escape(', '.join(one['quasi_identifiers']))}.[/dim]", soft_wrap=True)
    if l_ is not None:
        out.print(
            f"l = {l_['l']}: median {l_['median']:g} diagnoses a class; {l_['at_most_one']} of {l_['classes']} classes have at most one; "
            f"in {l_['all_share_one']} classes of several persons all share one.", soft_wrap=True,
        )  # fmt: skip
    alone = ", ".join(f"{row['column']} {row['alone']} of {row['codes']}" for row in one["alone"] if row["alone"])
    if one["alone"]:
        out.print(f"Codes of the source that one person alone has, kept: {escape(alone or 'none')}.", soft_wrap=True)
