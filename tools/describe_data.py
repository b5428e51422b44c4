"""The tool `describe_data`: which tables and columns may be asked, what they mean, how much is there. Reads no data."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from data.catalogue.model import catalogue
from data.errors import BadRequest
from policies.releases import base_column
from tools.base import Answer, Arguments, Desk, Json, Plan, Result, Tool


class Describe(Arguments):
    """All tables, or one in full."""

    table: Annotated[str | None, Field(description="A table's name, to see its columns.")] = None


class Description(BaseModel):
    """Tables the asker may use."""

    snapshot: str
    release: str
    ground: str = Field(description="legal ground of the release")
    mode: str
    tables: list[dict[str, Any]]


def plan(arguments: Describe, desk: Desk) -> Plan:
    """The description, from the catalogue and the grant alone."""
    names = list(desk.granted)
    if arguments.table is not None:
        if arguments.table not in desk.granted:
            raise BadRequest(
                f"Table '{arguments.table}' is not among those you may use.", f"They are: {', '.join(names)}."
            )
        names = [arguments.table]
    content = {
        "snapshot": desk.snapshot,
        "release": desk.release,
        "ground": desk.ground,
        "mode": desk.mode,
        "tables": [_table(name, desk, full=arguments.table is not None) for name in names],
    }
    return Plan(content=content)


def _table(name: str, desk: Desk, full: bool) -> Json:
    table = catalogue()[name]
    described: Json = {
        "name": name,
        "meaning": table.meaning,
        "rows": desk.rows.get(name),
        "columns": list(desk.granted[name]),
    }
    if full:
        described["columns"] = [
            {"name": column, "type": type_, "meaning": based.meaning if (based := base_column(table, column)) else ""}
            for column, type_ in desk.granted[name].items()
        ]
    return described


def render(plan: Plan, result: Result | None, desk: Desk) -> Answer:
    """The description as it is, and a line a table."""
    content = plan.content or {}
    lines = [
        f"Release {content['release']} of snapshot {content['snapshot']}, {content['mode']} mode. {content['ground']}"
    ]
    for table in content["tables"]:
        columns = ", ".join(one if isinstance(one, str) else f"{one['name']} {one['type']}" for one in table["columns"])
        size = "rows not told" if table["rows"] is None else f"{table['rows']} rows"
        lines.append(f"{table['name']} ({size}): {table['meaning']} Columns: {columns}")
    return Answer(content, "\n".join(lines))


TOOL = Tool(
    name="describe_data",
    title="Describe the data",
    description="List the tables and columns you may ask about, with their meaning and size. Ask this first.",
    version="1",
    arguments=Describe,
    output=Description,
    plan=plan,
    render=render,
)
