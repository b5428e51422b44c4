"""The SQL of table and field checks: for each, two counts, rows that break it and rows looked at.

A count is a `Term`: an aggregate over a source. Terms of one source are asked in one query, so a table is scanned once for what
its own rows tell, and once a join (person, death, visit, concept). `needs` says which columns a check reads besides its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from data.validate.dqd.model import DqdCheck

OF_CONCEPTS = frozenset({"fkDomain", "fkClass", "isStandardValidConcept"})
INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_DEATH = (("", "person_id"), ("death", "person_id"), ("death", "death_date"))
# Tables and columns each kind of check reads; "" is the check's own table.
_READS: dict[str, tuple[tuple[str, str], ...]] = {
    "fkDomain": (("concept", "concept_id"), ("concept", "domain_id")),
    "fkClass": (("concept", "concept_id"), ("concept", "concept_class_id")),
    "isStandardValidConcept": (("concept", "concept_id"), ("concept", "standard_concept")),
    "plausibleAfterBirth": (
        ("", "person_id"),
        ("person", "person_id"),
        ("person", "birth_datetime"),
        ("person", "year_of_birth"),
        ("person", "month_of_birth"),
        ("person", "day_of_birth"),
    ),
    "plausibleBeforeDeath": _DEATH,
    "plausibleDuringLife": _DEATH,
    "withinVisitDates": (
        ("", "visit_occurrence_id"),
        ("visit_occurrence", "visit_occurrence_id"),
        ("visit_occurrence", "visit_start_date"),
        ("visit_occurrence", "visit_end_date"),
    ),
    "measurePersonCompleteness": (("", "person_id"), ("person", "person_id")),
    "measureConditionEraCompleteness": (("", "person_id"), ("condition_occurrence", "person_id")),
    "measureObservationPeriodOverlap": (
        ("", "observation_period_id"),
        ("", "person_id"),
        ("", "observation_period_start_date"),
        ("", "observation_period_end_date"),
    ),
}


@dataclass(frozen=True)
class Term:
    """An aggregate (`count`) over what stands behind FROM (`source`)."""

    source: str
    count: str


def rows(table: str) -> Term:
    """How many rows a table has."""
    return Term(_table(table), "count(*)")


def values(table: str, field: str) -> Term:
    """How many of its rows have a value in the field."""
    return Term(_table(table), f'count(t."{field}")')


def needs(check: DqdCheck) -> Iterable[tuple[str, str]]:
    """Tables and columns that a check reads besides its own field."""
    found = [(table or check.table, column) for table, column in _READS.get(check.name, ())]
    for parameter, value in check.parameters.items():
        if parameter in ("standard_field", "end"):
            found.append((check.table, value))
        elif parameter == "key" or (parameter == "after" and _key(value)[0] == check.table):
            found.append(_key(value))
        elif parameter == "after":
            found += _READS["plausibleAfterBirth"]
    if check.name == "standardConceptRecordCompleteness" and _of_number(check):
        found.append((check.table, "value_as_number"))
    return [(table or check.table, column) for table, column in found]


def terms(
    check: DqdCheck, type_: str, concept_fields: tuple[str, ...], reasons: bool, today: date
) -> tuple[Term, Term]:
    """Rows that break a table or field check, and rows looked at.

    `type_` is the column's type, `concept_fields` the table's fields to be joined with concept, `reasons` whether concept says
    why a concept is no longer valid.
    """
    if check.level == "table":
        return _of_table(check)
    if check.name in OF_CONCEPTS or check.parameters.get("key") == "concept.concept_id":
        return _with_concept(check, concept_fields, reasons), rows(check.table)
    if check.name.startswith("plausible") or check.name == "withinVisitDates":
        return _plausible(check, today)
    return _of_field(check, type_)


def _of_table(check: DqdCheck) -> tuple[Term, Term]:
    table = f'cdm."{check.table}"'
    if check.name == "measurePersonCompleteness":
        without = f"SELECT count(*) FROM cdm.person AS p WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE t.person_id = p.person_id)"
        return _alone(check, without), rows("person")
    if check.name == "measureConditionEraCompleteness":
        persons = "FROM cdm.condition_occurrence AS c"
        without = f"{persons} WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE t.person_id = c.person_id)"
        return (
            _alone(check, f"SELECT count(DISTINCT person_id) {without}"),
            _alone(check, f"SELECT count(DISTINCT person_id) {persons}"),
        )
    # Periods that overlap or follow one another without a day between: they should have been one.
    touching = (
        f"SELECT count(DISTINCT a.person_id) FROM {table} AS a JOIN {table} AS b "
        "ON a.person_id = b.person_id AND a.observation_period_id <> b.observation_period_id "
        "WHERE (a.observation_period_start_date <= b.observation_period_end_date "
        "AND b.observation_period_start_date <= a.observation_period_end_date) "
        "OR a.observation_period_end_date + 1 = b.observation_period_start_date "
        "OR b.observation_period_end_date + 1 = a.observation_period_start_date"
    )
    return _alone(check, touching), Term(_table(check.table), "count(DISTINCT t.person_id)")


def _of_field(check: DqdCheck, type_: str) -> tuple[Term, Term]:
    table, field = check.table, f't."{check.field}"'
    total = rows(table)
    match check.name:
        case "isRequired" | "measureValueCompleteness":
            return Term(total.source, f"count(*) - count({field})"), total
        case "cdmDatatype":
            return Term(total.source, "0" if type_ in INTEGERS else f"count({field})"), total
        case "isPrimaryKey":
            groups = f"SELECT count(*) AS n FROM {total.source} WHERE {field} IS NOT NULL GROUP BY {field} HAVING count(*) > 1"
            return _alone(check, f"SELECT coalesce(sum(n), 0) FROM ({groups})"), total
        case "isForeignKey":
            other, key = _key(check.parameters["key"])
            found = f'SELECT 1 FROM cdm."{other}" AS k WHERE k."{key}" = {field}'
            orphans = f"SELECT count(*) FROM {total.source} WHERE {field} IS NOT NULL AND NOT EXISTS ({found})"
            return _alone(check, orphans), total
        case "standardConceptRecordCompleteness" | "sourceConceptRecordCompleteness":
            if _of_number(check):  # a unit is only asked for where there is a number
                total = Term(total.source, "count(t.value_as_number)")
                return Term(total.source, f"count(t.value_as_number) FILTER (WHERE {field} = 0)"), total
            return Term(total.source, f"count(*) FILTER (WHERE {field} = 0)"), total
        case "sourceValueCompleteness":
            standard = check.parameters["standard_field"]
            # One row a distinct value, the absence of one being a value too.
            source = f'(SELECT coalesce(bool_or(t."{standard}" = 0), false) AS unmapped FROM {total.source} GROUP BY {field}) AS v'
            return Term(source, "count(*) FILTER (WHERE v.unmapped)"), Term(source, "count(*)")
    raise ValueError(f"no SQL for the check {check.name}")


def _plausible(check: DqdCheck, today: date) -> tuple[Term, Term]:
    """Checks a row can be judged by alone; those that need the person, the death or the visit are in `_of_life`."""
    table, field = _table(check.table), f't."{check.field}"'
    match check.name:
        case "plausibleValueLow":
            return _where(table, _bound(field, "<", check.parameters["low"], today)), values(check.table, check.field)
        case "plausibleValueHigh":
            return _where(table, _bound(field, ">", check.parameters["high"], today)), values(check.table, check.field)
        case "plausibleStartBeforeEnd":
            end = f't."{check.parameters["end"]}"'
            both = _where(table, f"{field} IS NOT NULL AND {end} IS NOT NULL")
            return _where(table, f"CAST({field} AS DATE) > CAST({end} AS DATE)"), both
        case "plausibleTemporalAfter" if _key(check.parameters["after"])[0] == check.table:
            start = f't."{_key(check.parameters["after"])[1]}"'
            return _where(table, f"CAST({start} AS DATE) > CAST({field} AS DATE)"), rows(check.table)
    return _of_life(check, table, field)


def _of_life(check: DqdCheck, table: str, field: str) -> tuple[Term, Term]:
    day = f"CAST({field} AS DATE)"
    dead = f"{table} JOIN cdm.death AS d ON d.person_id = t.person_id"
    late = _where(dead, f"{day} > CAST(d.death_date AS DATE) + 60")
    match check.name:
        case "plausibleTemporalAfter":
            return _where(_with_person(table), f"p.about > {day}"), rows(check.table)
        case "plausibleAfterBirth":
            return _where(_with_person(table), f"{day} < p.born"), values(check.table, check.field)
        case "plausibleBeforeDeath":
            return late, Term(dead, f"count({field})")
        case "plausibleDuringLife":
            # All rows of the dead, with or without this date; a death recorded twice counts them once.
            return late, _alone(
                check, f"SELECT count(*) FROM {table} WHERE t.person_id IN (SELECT person_id FROM cdm.death)"
            )
        case "withinVisitDates":
            visits = f"{table} JOIN cdm.visit_occurrence AS v ON v.visit_occurrence_id = t.visit_occurrence_id"
            return _where(visits, f"{day} < v.visit_start_date - 7 OR {day} > v.visit_end_date + 7"), Term(
                visits, "count(*)"
            )
    raise ValueError(f"no SQL for the check {check.name}")


def _with_concept(check: DqdCheck, fields: tuple[str, ...], reasons: bool) -> Term:
    """Each concept field's values are counted first, and only the distinct ones joined with concept."""
    of_each = " UNION ALL ".join(
        f"SELECT '{field}' AS of_field, t.\"{field}\" AS of_value, count(*) AS n FROM {_table(check.table)} "
        f'WHERE t."{field}" IS NOT NULL GROUP BY t."{field}"'
        for field in fields
    )
    source = f"({of_each}) AS u LEFT JOIN cdm.concept AS c ON c.concept_id = u.of_value"
    match check.name:
        case "isForeignKey":
            broken = "c.concept_id IS NULL"
        case "fkDomain":
            broken = f"c.concept_id <> 0 AND c.domain_id <> '{check.parameters['domain']}'"
        case "fkClass":
            broken = f"c.concept_id <> 0 AND c.concept_class_id <> '{check.parameters['class']}'"
        case _:
            invalid = " OR c.invalid_reason IS NOT NULL" if reasons else ""
            broken = f"c.concept_id <> 0 AND (c.standard_concept <> 'S'{invalid})"
    return Term(source, f"coalesce(sum(u.n) FILTER (WHERE u.of_field = '{check.field}' AND ({broken})), 0)")


def _with_person(table: str) -> str:
    """The table with the day of birth (`born`; the first of what is not known) and the day near it that `about` stands for."""
    born = "TRY_CAST(year_of_birth || '-' || coalesce(month_of_birth, 1) || '-' || coalesce(day_of_birth, 1) AS DATE)"
    about = "TRY_CAST(year_of_birth || '-06-01' AS DATE)"
    given = "coalesce(CAST(birth_datetime AS DATE), {})"
    person = f"SELECT person_id, {given.format(born)} AS born, {given.format(about)} AS about FROM cdm.person"
    return f"{table} JOIN ({person}) AS p ON p.person_id = t.person_id"


def _bound(field: str, sign: str, bound: str, today: date) -> str:
    if bound == "today+1":
        bound = (today + timedelta(days=1)).isoformat()
    if bound == "year+1":
        bound = str(today.year + 1)
    return f"CAST({field} AS DATE) {sign} DATE '{bound}'" if bound.count("-") == 2 else f"{field} {sign} {bound}"


def _of_number(check: DqdCheck) -> bool:
    return check.field == "unit_concept_id" and check.table in ("measurement", "observation")


def _where(source: str, condition: str) -> Term:
    return Term(source, f"count(*) FILTER (WHERE {condition})")


def _alone(check: DqdCheck, query: str) -> Term:
    """A count by a query of its own; those of one table are asked together, as columns of a single row."""
    return Term(f'(VALUES (1)) AS one("{check.table}")', f"({query})")


def _table(table: str) -> str:
    return f'cdm."{table}" AS t'


def _key(text: str) -> tuple[str, str]:
    table, _, column = text.partition(".")
    return table, column
