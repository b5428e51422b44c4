"""The tool `query`: one SELECT, judged and bounded. For questions no other tool fits."""

from typing import Annotated

from pydantic import Field

from tools.base import Arguments, Desk, Plan, Tool
from tools.table import Table, render_table


class Query(Arguments):
    """One question in SQL."""

    sql: Annotated[str, Field(description="One SELECT in DuckDB's dialect over the tables describe_data lists.")]
    parameters: Annotated[
        dict[str, str | int | float | bool | None],
        Field(default_factory=dict, description="Values of $name parameters in the SQL."),
    ]


def plan(arguments: Query, desk: Desk) -> Plan:
    """The SQL as asked; judging is the pipeline's."""
    return Plan(sql=arguments.sql, parameters=arguments.parameters)


TOOL = Tool(
    name="query",
    title="Ask in SQL",
    description=(
        "Run one SELECT (DuckDB SQL, OMOP CDM v5.4 tables) on the release granted to you. In aggregate mode the result must be "
        "counts or other aggregates; cells resting on few persons come back as null. Ask describe_data first for tables."
    ),
    version="1",
    arguments=Query,
    output=Table,
    plan=plan,
    render=render_table,
)
