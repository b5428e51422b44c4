"""Commands of whoever writes the policy: test it, explain a verdict, see what a change changes. None of them runs a question."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from data.errors import BadRequest, ReadingRoomError
from policies.decide import Judge
from policies.model import Policy, load_policy, schema_text
from policies.workbench.compare import grants_changed, verdicts_changed
from policies.workbench.questions import Question, asked_as, blocks, of_example, verdict
from policies.workbench.rules import Explained, explained
from server.call import Call, Request
from server.cli.show import JsonOption, PurposeOption, RoleOption, RoomOption, err, out, print_json, progress
from server.house import House, open_house
from server.ledger import calls
from server.pipeline import PLAN_STEPS, walk
from server.records import unsealed_arguments, unsealed_principal
from server.room import open_room

policy = typer.Typer(help="Test a policy, explain its verdicts, see what a change changes.", no_args_is_help=True)
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="The policy file; default: the room's.")]
AttributeOption = Annotated[
    list[str] | None, typer.Option("--attribute", metavar="NAME=VALUE", help="What row filters know of the asker.")
]
CorpusOption = Annotated[
    list[Path] | None, typer.Option("--corpus", help="Folder of .sql files, or one; may be given more than once.")
]


def add(app: typer.Typer) -> None:
    """Adds the group to the application."""
    app.add_typer(policy, name="policy")


@policy.command("test")
def try_command(
    file: Annotated[Path | None, typer.Argument(help="The policy file; default: the room's.")] = None,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the questions written under `examples`: each must get the verdict written beside it."""
    tried = _policy(file, room)
    judge, rows = Judge(tried), []
    for number, example in enumerate(tried.examples, 1):
        question = of_example(number, example)
        got = verdict(judge, question)
        right = (got.allowed, got.rule) == (example.expect == "allowed", got.rule if not example.rule else example.rule)
        rows.append(
            {"example": number, "role": example.role, "purpose": example.purpose, "right": right, "sql": example.sql,
             "expected": f"{example.expect} {example.rule}".strip(), "got": got.words}
        )  # fmt: skip
    asked = {(example.role, example.purpose) for example in tried.examples}
    untried = [f"{one.role} for {one.purpose}" for one in tried.grants if (one.role, one.purpose) not in asked]
    wrong = [row for row in rows if not row["right"]]
    if as_json:
        print_json({"examples": rows, "grants_without_example": untried})
    else:
        for row in wrong:
            err.print(f"[bold red]example {row['example']}[/bold red] ({row['role']} for {row['purpose']})")
            for name in ("sql", "expected", "got"):
                err.print(f"  {name}: {escape(str(row[name]))}", soft_wrap=True)
        out.print(f"{len(rows) - len(wrong)} of {len(rows)} examples right.")
        for name in untried:
            out.print(f"[dim]No example tries the grant {escape(name)}.[/dim]")
    if wrong:
        raise typer.Exit(1)


@policy.command("explain")
def explain_command(
    sql: Annotated[str, typer.Argument(help="One SELECT, in quotes.")],
    role: RoleOption = None,
    purpose: PurposeOption = None,
    attribute: AttributeOption = None,
    file: PolicyOption = None,
    room: RoomOption = None,
    show_sql: Annotated[bool, typer.Option("--sql", help="Show the SQL that would run, suppression and all.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say rule by rule why a question is allowed or refused: under each grant, or under that of a role and purpose."""
    judge = Judge(_policy(file, room))
    attributes = _attributes(attribute)
    asked = [
        Question("question", sql, one.role, one.purpose, attributes, one.break_glass)
        for one in judge.policy.grants
        if role in (None, one.role) and purpose in (None, one.purpose)
    ] or [Question("question", sql, role or "", purpose or "", attributes)]
    found = [(question, explained(judge, question)) for question in asked]
    if as_json:
        print_json([_explained_json(question, one, show_sql) for question, one in found])
    else:
        for question, one in found:
            _show_explained(question, one, show_sql)
    if not any(one.allowed for _, one in found):
        raise typer.Exit(1)


@policy.command("diff")
def diff_command(
    old: Annotated[Path, typer.Argument(help="The policy as it was.")],
    new: Annotated[Path, typer.Argument(help="The policy as it will be.")],
    corpus: CorpusOption = None,
    room: RoomOption = None,
    ledger: Annotated[bool, typer.Option("--ledger", help="Also the questions the room's ledger recorded.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 where anything changes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a change changes: columns a grant gains or loses, and questions of a corpus or the ledger with another verdict."""
    before, after = load_policy(old), load_policy(new)
    questions = list(_questions(before, after, corpus or []))
    if ledger:
        questions += _recorded(room)
    grants = list(grants_changed(before, after))
    changes = list(verdicts_changed(before, after, questions))
    if as_json:
        print_json({"grants": [vars(one) for one in grants], "questions": len(questions), "changes": [
            {"name": one.question.name, "role": one.question.role, "purpose": one.question.purpose, "sql": one.question.sql,
             "before": one.before.words, "after": one.after.words, "opens": one.opens} for one in changes]})  # fmt: skip
    else:
        _show_changes(grants, changes, len(questions))
    if exit_code and (grants or changes):
        raise typer.Exit(1)


@policy.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of the policy file, for editors that check while you write."""
    typer.echo(schema_text(), nl=False)


# --- questions --------------------------------------------------------------------------------------------------------


def _policy(file: Path | None, room: Path | None) -> Policy:
    return load_policy(file if file is not None else open_room(room).policy_path)


def _attributes(given: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or []]
    if wrong := [name for name, sign, _ in pairs if not sign or not name]:
        raise BadRequest(f"--attribute {wrong[0]} has no value.", "Write --attribute NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def _questions(before: Policy, after: Policy, corpora: list[Path]) -> Iterator[Question]:
    """Examples of both policies, then each corpus as every grant of either would ask it; none twice."""
    seen: set[tuple[str, str, str, bool]] = set()
    made = [
        of_example(number, one) for one_policy in (before, after) for number, one in enumerate(one_policy.examples, 1)
    ]
    for path in corpora:
        made += [one for block in blocks(path) for tried in (before, after) for one in asked_as(block, tried)]
    for question in made:
        key = (question.sql, question.role, question.purpose, question.break_glass)
        if key not in seen:
            seen.add(key)
            yield question


def _recorded(room: Path | None) -> list[Question]:
    """The SQL of the ledger's calls, as their tools made it of the sealed arguments."""
    house = open_house(open_room(room))
    found, lost = [], 0
    try:
        recorded = list(calls(house.room.ledger_url))
        with progress() as told:
            for number, one in enumerate(recorded, 1):
                told("reading the ledger", number, len(recorded))
                question = _of_call(house, one)
                found += [question] if question is not None else []
                lost += question is None
    finally:
        house.close()
    if lost:
        err.print(f"[dim]{lost} of {len(recorded)} recorded calls hold no SQL that can be had again.[/dim]")
    return found


def _of_call(house: House, recorded: Any) -> Question | None:
    body = recorded.intent.body
    try:
        principal = unsealed_principal(house, recorded.intent)
        request = Request(str(body["tool"]), unsealed_arguments(house, recorded.intent), principal)
        call = Call(request, day=date.fromisoformat(recorded.intent.at[:10]))
        call.snapshot = house.snapshots.pinned(str(body["snapshot"]))
        walk(house.under_policy(str(body["policy"])), call, PLAN_STEPS)
    except ReadingRoomError:
        return None  # counted and said by the caller
    if call.plan is None or call.plan.sql is None:
        return None
    emergency = bool(principal.break_glass)
    return Question(recorded.call_id, call.plan.sql, principal.role, principal.purpose, principal.attributes, emergency)


# --- showing ----------------------------------------------------------------------------------------------------------

_SIGNS = {"held": "[green]held[/green]", "refused": "[bold red]refused[/bold red]"}


def _show_explained(question: Question, one: Explained, show_sql: bool) -> None:
    verdict_words = "[green]allowed[/green]" if one.allowed else "[red]refused[/red]"
    out.print(f"[bold]{escape(question.role)} for {escape(question.purpose)}[/bold]: {verdict_words}")
    table = Table("wall", "state", "sees to", show_header=False, box=None, padding=(0, 1))
    for wall in one.walls:
        says = wall.wall.sees_to if not wall.rule else f"{wall.rule}: {wall.message} {wall.instead}"
        table.add_row(f"  {wall.wall.name}", _SIGNS.get(wall.state, f"[dim]{wall.state}[/dim]"), escape(says))
    out.print(table)
    if one.judged is None:
        return
    for column, tags in one.columns:
        out.print(f"    {column} [dim]({tags}, granted)[/dim]")
    out.print(f"  obligations: {', '.join(one.judged.obligations)}")
    for rule, text in one.judged.advice:
        out.print(f"  [yellow]{rule}[/yellow]: {escape(text)}")
    if show_sql:
        out.print(escape(one.judged.sql), soft_wrap=True)


def _explained_json(question: Question, one: Explained, show_sql: bool) -> dict[str, Any]:
    walls = [
        {
            "wall": wall.wall.name,
            "state": wall.state,
            "rule": wall.rule,
            "message": wall.message,
            "instead": wall.instead,
        }
        for wall in one.walls
    ]
    made: dict[str, Any] = {"role": question.role, "purpose": question.purpose, "allowed": one.allowed, "walls": walls}
    if one.judged is not None:
        made["columns"] = dict(one.columns)
        made["obligations"] = list(one.judged.obligations)
        made["advice"] = [list(pair) for pair in one.judged.advice]
        made |= {"sql": one.judged.sql} if show_sql else {}
    return made


def _show_changes(grants: list[Any], changes: list[Any], asked: int) -> None:
    for one in grants:
        out.print(f"[bold]{escape(one.grant)}[/bold]: {one.what}")
        for sign, style, columns in (("+", "green", one.gained), ("-", "red", one.lost)):
            if columns:
                more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
                out.print(f"  [{style}]{sign} {', '.join(columns[:12])}{more}[/{style}]")
        for term in one.terms:
            out.print(f"  {escape(term)}", soft_wrap=True)
    for one in changes:
        if one.before.allowed and one.after.allowed:
            continue
        style = "bold red" if one.opens else "yellow"
        what = "opens" if one.opens else "closes" if one.before.allowed else "other rule"
        where = f"{escape(one.question.name)} as {one.question.role} for {one.question.purpose}"
        out.print(f"[{style}]{what}[/{style}] {where}")
        for sign, text in (("  ", one.question.sql), ("- ", one.before.words), ("+ ", one.after.words)):
            out.print(f"  {sign}{escape(' '.join(text.split()))}", soft_wrap=True)
    both = [one for one in changes if one.before.allowed and one.after.allowed]
    for (role, before, after), count in Counter(
        (one.question.role, one.before.words, one.after.words) for one in both
    ).items():
        out.print(f"{count} questions of {role}: {before} -> {after}", soft_wrap=True, markup=False)
    opened = sum(one.opens for one in changes)
    out.print(
        f"{len(grants)} grants differ; of {asked} questions {len(changes)} get another verdict, {opened} of them open up."
    )
