"""What is asked: every column of every table as each role may see it, and questions that carry needles themselves."""

from collections.abc import Iterator
from typing import Any

from tests.integration.server.canary.persons import Cast

Question = tuple[str, dict[str, Any]]  # tool, arguments

# Rows of a person joined with themselves until no machine ends in time.
_JOINS = " ".join(f"JOIN measurement {one} ON {one}.person_id = a.person_id" for one in "bcdefgh")


# Their answers fail on what the data holds.
FAILING: tuple[Question, ...] = (
    ("query", {"sql": "SELECT CAST(note_text AS INTEGER) AS n FROM note"}),
    ("query", {"sql": "SELECT CAST(value_source_value AS DATE) AS d, count(*) AS n FROM measurement GROUP BY 1"}),
)


def rows_of(table: dict[str, Any]) -> Question:
    """All rows of a table, as `describe_data` lists it."""
    return "query", {"sql": f"SELECT {', '.join(table['columns'])} FROM {table['name']}"}


def counts_of(table: dict[str, Any]) -> Iterator[Question]:
    """Counts by each text of a table, as `describe_data` describes it in full."""
    for one in table["columns"]:
        if one["type"] == "VARCHAR":
            yield "query", {"sql": f"SELECT {one['name']}, count(*) AS n FROM {table['name']} GROUP BY 1"}


def any_arguments(schema: dict[str, Any], cast: Cast, tool: str) -> dict[str, Any]:
    """Arguments for any tool, by its input schema, with a needle wherever a text may stand."""
    return {
        name: _any(schema, one, cast, f"asked: {tool}.{name}") for name, one in schema.get("properties", {}).items()
    }


def _any(schema: dict[str, Any], one: dict[str, Any], cast: Cast, where: str) -> Any:
    one = next((part for part in one.get("anyOf", []) if part.get("type") != "null"), one)
    if "$ref" in one:
        named = schema["$defs"][one["$ref"].rpartition("/")[2]]
        return {name: _any(schema, part, cast, f"{where}.{name}") for name, part in named.get("properties", {}).items()}
    if "enum" in one or "const" in one:
        return one.get("const", one.get("enum", [None])[0])
    match one.get("type"):
        case "array":
            return [_any(schema, one.get("items", {}), cast, f"{where}[]")]
        case "object":
            return {"name": cast.text(where)}
        case "integer" | "number":
            return one.get("minimum", 1)
        case "boolean":
            return True
    return cast.text(where)


def telling(cast: Cast) -> Iterator[Question]:
    """Questions with needles in them: answered, refused, failing; each needle is the question's own."""

    def text(where: str) -> str:
        return cast.text(f"asked: {where}").replace("'", "")

    def name(where: str) -> str:
        return cast.manifest.plant(f"asked: {where}").partition("@")[0]

    sql = {
        "a literal": f"SELECT count(*) AS n FROM note WHERE note_text LIKE '%{text('a literal')}%'",
        "a literal shown": f"SELECT '{text('a literal shown')}' AS said, count(*) AS n FROM person",
        "an alias": f"SELECT count(*) AS {name('an alias')} FROM person",
        "a nameless output": f"SELECT count(*) FILTER (year_of_birth = {len(text(''))}), max('{text('a nameless output')}') FROM person",
        "a comment": f"SELECT count(*) AS n FROM person -- {text('a comment')}",
        "a part": f"WITH {name('a part')} AS (SELECT person_id FROM person) SELECT count(*) AS n FROM person",
        "a table": f"SELECT * FROM {name('a table')}",
        "a quoted table": f'SELECT * FROM "{text("a quoted table")}"',
        "a file": f"SELECT * FROM '{text('a file')}'",
        "a column": f"SELECT {name('a column')} FROM person",
        "a function": f"SELECT {name('a function')}(1)",
        "a parameter's name": f"SELECT ${name('a parameter')} AS x",
        "not SQL": f"SELEC '{text('not SQL')}' FORM",
        "an open quote": f"SELECT '{text('an open quote')}",
        "two statements": f"SELECT 1; SELECT '{text('two statements')}'",
        "a change": f"UPDATE person SET person_source_value = '{text('a change')}'",
        "a call": f"CALL {name('a call')}('{text('a call')}')",
        "a setting": f"SET VARIABLE x = '{text('a setting')}'",
        "a failing cast": f"SELECT CAST('{text('a failing cast')}' AS INTEGER) + count(*) FROM person",
        "a pattern": f"SELECT count(*) AS n FROM person WHERE regexp_matches(gender_source_value, '({text('a pattern')}')",
        "a control character": f"SELECT '\x01{text('a control character')}'",
    }  # fmt: skip
    for place, one in enumerate(sql.values()):
        yield "query", {"sql": one}
        if place % 3 == 0:
            yield "explain_policy", {"sql": one}
    told = text("a parameter")
    yield "query", {"sql": "SELECT count(*) AS n FROM note WHERE note_text = $told", "parameters": {"told": told}}
    yield (
        "query",
        {
            "sql": "SELECT count(*) AS n FROM person WHERE year_of_birth = $told",
            "parameters": {"told": text("a wrong parameter")},
        },
    )
    yield "query", {"sql": "SELECT 1", text("an argument's name"): text("an argument")}
    yield "query", {"sql": {"nested": [text("a nested argument")]}}
    yield "query", {"sql": "SELECT 1", "parameters": {"x": {"y": text("a nested parameter")}}}
    yield "count_cohort", {"conditions": [text("a code")], "sex": text("no sex")}
    yield "describe_data", {"table": text("no table")}
    yield name("a tool"), {"sql": text("an unknown tool's argument")}
    yield text("a tool's name"), {}


def endless(cast: Cast, where: str) -> dict[str, str]:
    """Arguments of a query that ends at its bound of time and not before."""
    return {
        "sql": f"SELECT count(*) AS n FROM measurement a {_JOINS} WHERE a.value_source_value <> '{cast.text(f'asked: {where}')}'"
    }
