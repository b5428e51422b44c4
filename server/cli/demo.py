"""The command `demo`: from an empty directory to a replayed session. The same commands a user would give, shown one after another.

The session is held by a real MCP client in this process with the server as a process of its own, over stdio. Run again it is quick and
changes nothing but the ledger, which keeps every session.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from data.errors import ReadingRoomError
from data.synthetic.codes import RARE
from data.synthetic.hospital import generate
from server.cli.audit import verify_room
from server.cli.show import out, progress, show_rows
from server.filling import ingest_room, publish_room
from server.house import open_house
from server.ledger import calls
from server.quality import report
from server.quality_page import page
from server.replay import replay
from server.room import Room, init_room, open_room

QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("What may I ask about?", "describe_data", {}),
    ("How many persons have type 2 diabetes, by sex?", "count_cohort", {"conditions": ["44054006"], "by": "sex"}),
    (
        "How high is HbA1c on average, with and without diabetes?",
        "query",
        {
            "sql": "SELECT CASE WHEN person_id IN (SELECT person_id FROM condition_occurrence WHERE condition_concept_id = 201826) "
            "THEN 'diabetes' ELSE 'no diabetes' END AS persons_with, "
            "round(avg(value_as_number), 2) AS hba1c_percent FROM measurement WHERE measurement_concept_id = 3004410 GROUP BY 1"
        },
    ),
    ("What are the patients called?", "query", {"sql": "SELECT family_name, given_name FROM patient_identity"}),
    (
        "Which diagnoses are the rarest?",
        "query",
        {
            "sql": "SELECT c.concept_name AS diagnosis, count(DISTINCT o.person_id) AS persons FROM condition_occurrence o "
            "JOIN concept c ON c.concept_id = o.condition_concept_id WHERE o.condition_source_value IN "
            f"('{RARE.code}', '230690007', '53741008', '38822007') GROUP BY 1 ORDER BY persons DESC"
        },
    ),
    ("May I read the notes?", "explain_policy", {"sql": "SELECT note_text FROM note"}),
)


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(demo)


def demo(
    room: Annotated[Path, typer.Option("--room", help="Where the demo's room is made.")] = Path("demo"),
    persons: Annotated[int, typer.Option(min=50, help="How many persons the sample hospital has.")] = 1000,
) -> None:
    """Make a sample hospital, ingest and publish it, ask it questions over MCP, verify the record and replay the session."""
    opened = _filled(room, persons)
    out.print(Rule("A session over MCP, as a researcher"))
    session = anyio.run(_session, opened.root)
    out.print(Rule("The record"))
    verification = verify_room(opened)
    if not verification.ok:
        raise ReadingRoomError(
            f"The ledger does not verify: {verification.problem}.", "See `readingroom audit verify`."
        )
    out.print(f"Ledger verified: {verification.entries} entries, none changed, dropped or moved.")
    _replayed(opened, session)
    out.print(
        f'\nAsk yourself: [bold].venv/bin/readingroom query --room {room} "SELECT count(*) FROM person"[/bold]',
        soft_wrap=True,
    )


def _filled(room: Path, persons: int) -> Room:
    out.print(Rule("Five source systems, one snapshot"))
    init_room(room)
    opened = open_room(room)
    with progress() as told:
        generate(opened.root / "hospital", persons, 1, told)
        counts, failed = ingest_room(opened, told)
        if failed:
            raise ReadingRoomError(f"Sources failed: {', '.join(failed)}.", next(iter(failed.values())))
        published = publish_room(opened, told)
    for name, count in counts.items():
        out.print(f"  {name}: {count.new} new, {count.unchanged} unchanged")
    state = "published" if published.changed else "unchanged"
    rows = sum(facts.rows for facts in published.tables.values())
    releases = ", ".join(published.releases)
    out.print(f"Snapshot {published.id} {state}: {rows} rows; releases {releases}.")
    _quality(opened)
    return opened


def _quality(opened: Room) -> None:
    """What became of every record, in two lines, and the page with the plots."""
    found = report(opened)
    ends: Counter[str] = Counter()
    for one in found["metrics"]:
        ends[one["name"]] += one["value"]
    received = sum(book["received"] for book in found["books"])
    again = ends["duplicates"] + ends["superseded"] + ends["retracted"]
    bad = ends["quarantined"] + ends["rejected"]
    out.print(
        f"Of {received} records received {ends['normalised']} rows were normalised, {again} came again, were corrected or taken back, "
        f"{bad} are quarantined with their reasons; the books of every source hold.",
        soft_wrap=True,
    )
    judged = Counter(one["status"] for one in found["dashboard"]["results"])
    path = opened.root / "quality.html"
    path.write_text(page(found), encoding="utf-8")
    out.print(
        f"Data Quality Dashboard: {judged['passed']} checks passed, {judged['failed']} failed. See {path}",
        soft_wrap=True,
    )


async def _session(root: Path) -> str:
    """Holds the session; gives its name in the ledger."""
    before = {call.intent.body["session"] for call in calls(open_room(root).ledger_url)}
    command = StdioServerParameters(command=sys.executable, args=["-m", "server.cli", "serve", "--room", str(root)])
    async with Client(command) as client:
        tools = await client.list_tools()
        out.print(f"Tools: {', '.join(tool.name for tool in tools.tools)}\n")
        for words, tool, arguments in QUESTIONS:
            _show(words, tool, arguments, await client.call_tool(tool, arguments))
    after = [call.intent.body["session"] for call in calls(open_room(root).ledger_url)]
    return str(next(session for session in reversed(after) if session not in before))


def _show(words: str, tool: str, arguments: dict[str, Any], result: CallToolResult) -> None:
    asked = arguments.get("sql") or ", ".join(f"{name}={value}" for name, value in arguments.items())
    out.print(
        Panel(Text(asked or "(no arguments)"), title=f"[bold]{escape(words)}[/bold]", subtitle=tool, title_align="left")
    )
    answer: dict[str, Any] = result.structured_content or {}
    if result.is_error:
        error = answer["error"]
        out.print(f"[bold red]Refused[/bold red] (rule {error['rule']}): {escape(error['message'])}")
        out.print(f"  [dim]{escape(error['allowed'][:160])}[/dim]")
    elif "rows" in answer:
        show_rows(answer)
    elif "tables" in answer:
        out.print(
            f"{len(answer['tables'])} tables of release [bold]{answer['release']}[/bold], {answer['mode']} mode, for instance:"
        )
        for table in answer["tables"][:4]:
            out.print(
                f"  {table['name']} ({'few' if table['rows'] is None else table['rows']} rows): {escape(table['meaning'])}"
            )
    elif answer.get("question"):
        question = answer["question"]
        verdict = (
            "Allowed."
            if question["allowed"]
            else f"Would be refused by rule [bold]{question['rule']}[/bold]: {escape(question['message'])}"
        )
        out.print(verdict)
    out.print()


def _replayed(room: Room, session: str) -> None:
    house = open_house(room)
    try:
        results = list(replay(house, calls(room.ledger_url, session=session)))
    finally:
        house.close()
    identical = sum(one.verdict == "identical" for one in results)
    out.print(f"Session {session} replayed: [bold]{identical} of {len(results)} answers identical[/bold].")
    if identical != len(results):
        raise ReadingRoomError("Not every answer came out the same.", f"See `readingroom replay {session}`.")
