"""The tool `count_cohort`: how many persons meet some criteria, without writing SQL.

Criteria are codes as the sources write them or OMOP concept ids; all must hold. The SQL made here is judged like any other.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tools.base import Arguments, Desk, Plan, Tool
from tools.table import Table, render_table

_SEX = {"female": 8532, "male": 8507}  # OMOP concepts of the Gender vocabulary
Codes = Annotated[tuple[str, ...], Field(max_length=50)]


class Measured(Arguments):
    """A measurement compared with a number, in the unit the catalogue states for it."""

    code: str
    operator: Literal["<", "<=", ">", ">=", "="]
    value: float


class Cohort(Arguments):
    """Criteria a person must meet, all of them."""

    conditions: Annotated[
        Codes, Field(description="Has every one of these conditions (SNOMED code or concept_id).")
    ] = ()
    without_conditions: Annotated[Codes, Field(description="Has none of these conditions.")] = ()
    drugs: Annotated[Codes, Field(description="Was given every one of these drugs (RxNorm code or concept_id).")] = ()
    procedures: Annotated[Codes, Field(description="Had every one of these procedures.")] = ()
    measured: Annotated[
        tuple[Measured, ...], Field(max_length=10, description="Had such a measurement, e.g. LOINC 4548-4 > 7.")
    ] = ()
    sex: Literal["female", "male"] | None = None
    born_from: Annotated[int | None, Field(ge=1850, le=2200, description="Year of birth, from.")] = None
    born_to: Annotated[int | None, Field(ge=1850, le=2200, description="Year of birth, to.")] = None
    by: Annotated[Literal["sex", "birth_decade"] | None, Field(description="Split the count.")] = None


_SPLITS = {
    "sex": "CASE p.gender_concept_id WHEN 8532 THEN 'female' WHEN 8507 THEN 'male' ELSE 'unknown' END",
    "birth_decade": "(p.year_of_birth // 10) * 10",
}


def plan(arguments: Cohort, desk: Desk) -> Plan:
    """SQL with one membership test a criterion; every value travels as a parameter."""
    parameters: dict[str, Any] = {}

    def bind(value: object) -> str:
        name = f"v{len(parameters)}"
        parameters[name] = value
        return f"${name}"

    tests = [
        *_having("condition", arguments.conditions, bind),
        *(test.replace(" IN (", " NOT IN (", 1) for test in _having("condition", arguments.without_conditions, bind)),
        *_having("drug", arguments.drugs, bind),
        *_having("procedure", arguments.procedures, bind),
        *(_measured(one, bind) for one in arguments.measured),
    ]
    if arguments.sex:
        tests.append(f"p.gender_concept_id = {_SEX[arguments.sex]}")
    if arguments.born_from is not None:
        tests.append(f"p.year_of_birth >= {bind(arguments.born_from)}")
    if arguments.born_to is not None:
        tests.append(f"p.year_of_birth <= {bind(arguments.born_to)}")
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    count = "count(DISTINCT p.person_id) AS persons"
    if arguments.by is None:
        return Plan(sql=f"SELECT {count} FROM person p{where}", parameters=parameters)
    split = f"{_SPLITS[arguments.by]} AS {arguments.by}"
    return Plan(sql=f"SELECT {split}, {count} FROM person p{where} GROUP BY ALL ORDER BY 1", parameters=parameters)


def _having(domain: str, codes: Sequence[str], bind: Any) -> Iterator[str]:
    table = {"condition": "condition_occurrence", "drug": "drug_exposure", "procedure": "procedure_occurrence"}[domain]
    for code in codes:
        test = f"{domain}_source_value = {bind(code)}"
        if code.isdigit():
            test += f" OR {domain}_concept_id = {bind(int(code))}"
        yield f"p.person_id IN (SELECT person_id FROM {table} WHERE {test})"


def _measured(one: Measured, bind: Any) -> str:
    test = f"measurement_source_value = {bind(one.code)}"
    if one.code.isdigit():
        test = f"({test} OR measurement_concept_id = {bind(int(one.code))})"
    value = f"value_as_number {one.operator} {bind(one.value)}"
    return f"p.person_id IN (SELECT person_id FROM measurement WHERE {test} AND {value})"


TOOL = Tool(
    name="count_cohort",
    title="Count a cohort",
    description="Count the persons who meet all the given criteria (conditions, drugs, procedures, measurements, sex, birth).",
    version="1",
    arguments=Cohort,
    output=Table,
    plan=plan,
    render=render_table,
)
