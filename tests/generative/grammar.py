"""What the generative tests share: how many examples are tried, a small database, and a grammar of questions.

`few(n)` tries n fixed examples; with READINGROOM_EXAMPLES=N in the environment N fresh ones. Nothing here judges.
"""

import os
from collections.abc import Sequence
from typing import Any

import duckdb
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Held = dict[str, dict[str, str]]


def few(examples: int, share: float = 1.0) -> settings:
    """Settings of a property: fixed and few, or fresh and many (`share` of the number in the environment for slow ones)."""
    many = int(os.environ.get("READINGROOM_EXAMPLES", "0"))
    return settings(
        max_examples=max(1, int(many * share)) or examples if many else examples,
        derandomize=not many,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def emptied(held: Held, only: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """A database in memory with the tables named, empty."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("CREATE SCHEMA operations")
    for name in only:
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {type_}' for column, type_ in held[name].items())})")
    return con


def fill(con: duckdb.DuckDBPyConnection, tables: dict[str, tuple[str, list[tuple[Any, ...]]]]) -> None:
    """Puts rows in the place of what the tables held: table -> (columns, rows)."""
    for name, (columns, rows) in tables.items():
        con.execute(f"DELETE FROM {name}")
        if rows:
            marks = ", ".join(f"({', '.join(_written(value) for value in row)})" for row in rows)
            con.execute(f"INSERT INTO {name} ({columns}) VALUES {marks}")


def _written(value: Any) -> str:
    if value is None:
        return "NULL"
    return repr(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


# --- a grammar of questions ---------------------------------------------------------------------------------------------

Columns = list[tuple[str, str]]  # (as one writes it, "i" for a number or "t" for text)
HOSTILE_TABLES = (
    "note", "patient_identity", "observation", "location", "main.note", "identified.person", "information_schema.columns", "duckdb_tables()",
    "pg_catalog.pg_class", "sqlite_master", "read_csv('/etc/passwd')", "'/etc/passwd'", "query('SELECT * FROM note')", "query_table('note')",
    "duckdb_settings()", "pragma_table_info('note')", "range(3)", "memory.main.note", "temp.note", "main.duckdb_columns()", "glob('/*')",
)  # fmt: skip
HOSTILE_VALUES = (
    "*", "{a}.*", "{a}", "COLUMNS('.*')", "* EXCLUDE (person_id)", "* REPLACE (1 AS person_id)", "{a}::VARCHAR", "to_json({a})", "row({a})",
    "struct_pack(x := {a})", "{a}.rowid", "rowid", "current_setting('home_directory')", "getenv('HOME')", "now()", "random()", "uuid()",
    "error('x')", "hash({a})", "list({c})", "array_agg({c})", "string_agg({t}, ',')", "first({c})", "arg_max({h}, {c})", "histogram({c})",
    "any_value({c})", "CAST({c} AS JSON)", "CAST({c} AS UUID)", "{c}::ENUM('a', 'b')", "CAST({t} AS BLOB)", "CAST({t} AS INTEGER)", "{t}::regclass",
    "TRY({c})", "TRY_CAST({h} AS VARCHAR)", "{h}", "max({h})", "count({h})", "coalesce({h}, {c})", "CASE WHEN {h} IS NULL THEN 1 ELSE 2 END",
    "(SELECT max(x.{hidden}) FROM {b} AS x)", "(SELECT count(*) FROM note)", "EXISTS (SELECT 1 FROM patient_identity)", "main.{b}.{hidden}",
    "row_number() OVER (ORDER BY {h})", "lag({h}) OVER (ORDER BY {c})", "sum({c}) OVER (PARTITION BY {h})", "list_transform([1], x -> {c})",
    "query('SELECT 1')", "getvariable('x')", "nextval('s')", "md5({t})", "format('{{}}', {h})", "{c} COLLATE nocase", "[{h}][1]", "{{'a': {h}}}",
)  # fmt: skip
HOSTILE_TAILS = (
    " ORDER BY {h}", " ORDER BY ALL", " GROUP BY {h}", " HAVING max({h}) IS NOT NULL", " QUALIFY row_number() OVER (ORDER BY {h}) = 1", " LIMIT 1",
    " USING SAMPLE 3", "; SELECT 1", " UNION ALL SELECT * FROM note", " -- {h}", " WINDOW w AS (ORDER BY {h})", " OFFSET 2", " ORDER BY random()",
    " UNION BY NAME SELECT * FROM note", " EXCEPT SELECT {h} FROM note", " FOR UPDATE", " ORDER BY 1 LIMIT (SELECT count(*) FROM note)",
)  # fmt: skip
HOSTILE_WHOLES = (
    "FROM {b}", "DESCRIBE {b}", "SUMMARIZE {b}", "SHOW TABLES", "PRAGMA database_list", "CALL pragma_version()", "EXPLAIN SELECT 1", "TABLE {b}",
    "PIVOT {b} ON {hidden} USING count(*)", "UNPIVOT {b} ON {hidden} INTO NAME n VALUE v", "COPY {b} TO '/tmp/x'", "DELETE FROM {b}",
    "WITH x AS (DELETE FROM {b} RETURNING *) SELECT * FROM x", "ATTACH '/tmp/x' AS y", "SET threads = 1", "INSTALL httpfs", "EXECUTE x",
    "SELECT * FROM {b} NATURAL JOIN note", "SELECT * FROM {b} JOIN note USING (person_id)", "SELECT 1 FROM {b} POSITIONAL JOIN note",
    "SELECT * FROM {b} AS x({hidden})", "WITH {b} AS (SELECT 1 AS person_id) SELECT * FROM {b}", "SELECT * FROM {b} WHERE {hidden} IS NULL",
    "SELECT count(*) FROM {b} AS a JOIN {b} AS b ON a.{hidden} = b.{hidden}", "SELECT * FROM {b} TABLESAMPLE 50%", "VALUES (1), (2)",
    "SELECT x FROM (SELECT {hidden} AS x FROM {b})", "SELECT * FROM (SELECT * FROM {b}) AS y WHERE y.{hidden} IS NOT NULL", "SELECT {{", "",
    "SELECT count(*) FROM {b} AS a WHERE EXISTS (SELECT 1 FROM note AS n WHERE n.person_id = a.person_id AND n.note_text LIKE '%a%')",
    "SELECT count(*) FROM {b} GROUP BY CUBE ({hidden})", 'SELECT "{hidden}" FROM {b}', "SELECT {b}.{hidden} FROM main.{b}",
)  # fmt: skip


class Grammar:
    """Makes questions over granted columns: `tables` is table -> {column: "i" or "t"}, `hidden` table -> columns not granted."""

    def __init__(
        self, draw: Any, tables: dict[str, dict[str, str]], hidden: dict[str, list[str]], hostile: int = 0
    ) -> None:
        self.draw, self.tables, self.hidden, self.hostile = draw, tables, hidden, hostile
        self.names = iter(f"q{number}" for number in range(10_000))
        self.parts: dict[str, tuple[str, str]] = {}  # of the WITH parts: name -> (SQL, kinds of its columns)

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def rarely(self) -> bool:
        """Whether something hostile stands here: never, or about once in so many places."""
        return bool(self.hostile) and self.draw(st.integers(0, self.hostile)) == 0

    def whole(self) -> str:
        """A question of one to three columns, with what it needs before and behind it."""
        if self.rarely():
            return self.spoilt(self.pick(*HOSTILE_WHOLES), self.pick(*self.tables), "x", [("1", "i")])
        query = self.query(self.kinds(), 2)
        if self.parts:
            query = f"WITH {', '.join(f'{name} AS ({sql})' for name, (sql, _) in self.parts.items())} {query}"
        return query + self.pick("", "", " ORDER BY ALL", f" ORDER BY ALL LIMIT {self.draw(st.integers(0, 9))}")

    def kinds(self) -> str:
        return self.pick("i", "t", "ii", "it", "iti", "iii")

    def query(self, kinds: str, depth: int) -> str:
        """A SELECT or a set operation whose columns are of these kinds, named c0, c1 and so on."""
        if depth and self.pick(True, False, False, False, False):
            way = self.pick("UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL")
            return f"{self.query(kinds, depth - 1)} {way} {self.query(kinds, depth - 1)}"
        source, columns, base = self.sources(depth)
        tests = [self.condition(columns, depth) for _ in range(self.draw(st.integers(0, 2)))]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        way = self.pick("plain", "plain", "distinct", "grouped", "grouped", "one")
        if way in ("grouped", "one"):
            keys = [self.value(columns, kinds[0], 0)] if way == "grouped" else []
            values = [self.aggregate(columns, kind) for kind in kinds[len(keys) :]]
            group = f" GROUP BY {keys[0]}" if keys else ""
            having = (
                f" HAVING {self.aggregate(columns, 'i')} > {self.draw(st.integers(0, 4))}"
                if keys and self.pick(True, False, False)
                else ""
            )
            items, tail = [*keys, *values], group + having
        else:
            items, tail = [self.item(columns, kind, depth) for kind in kinds], ""
        items = [
            self.spoilt(self.pick(*HOSTILE_VALUES), base, columns[0][0].partition(".")[0], columns)
            if self.rarely()
            else one
            for one in items
        ]
        listed = ", ".join(f"{one} AS c{place}" if one[-1:] != "*" else one for place, one in enumerate(items))
        tail += (
            self.spoilt(self.pick(*HOSTILE_TAILS), base, columns[0][0].partition(".")[0], columns)
            if self.rarely()
            else ""
        )
        return f"SELECT {'DISTINCT ' if way == 'distinct' else ''}{listed} FROM {source}{where}{tail}"

    def spoilt(self, text: str, base: str, alias: str, columns: Columns) -> str:
        hidden = self.pick(*self.hidden[base])
        texts = [name for name, kind in columns if kind == "t"] or ["'x'"]
        return text.format(
            a=alias, b=base, h=f"{alias}.{hidden}", hidden=hidden, c=self.pick(*columns)[0], t=self.pick(*texts)
        )

    # --- FROM ---------------------------------------------------------------------------------------------------------

    def sources(self, depth: int) -> tuple[str, Columns, str]:
        """FROM with joins; the columns there are; one base table of it."""
        text, columns, base = self.source(depth)
        for _ in range(self.pick(0, 0, 1, 1, 2)):
            other, more, _ = self.source(depth)
            way = self.pick("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN", ",")
            left, right = ([name for name, _ in side if name.endswith(".person_id")] for side in (columns, more))
            same = (
                f"{left[0]} = {right[0]}"
                if left and right and self.pick(True, True, False)
                else self.same(columns, more)
            )
            if way == ",":
                text, columns = f"{text} JOIN {other} ON {same}", columns + more
            else:
                text = f"{text} {way} {other} ON {same}"
                columns = columns if way in ("SEMI JOIN", "ANTI JOIN") else columns + more
        return text, columns, base

    def same(self, columns: Columns, more: Columns) -> str:
        left, right = ([name for name, kind in side if kind == "i"] or ["1"] for side in (columns, more))
        return f"{self.pick(*left)} = {self.pick(*right)}"

    def source(self, depth: int) -> tuple[str, Columns, str]:
        name, base = next(self.names), self.pick(*self.tables)
        if self.rarely():
            return (
                f"{self.pick(*HOSTILE_TABLES)} AS {name}",
                [(f"{name}.person_id", "i"), (f"{name}.{self.pick(*self.hidden[base])}", "t")],
                base,
            )
        if not depth or self.pick(True, True, False):
            return f"{base} AS {name}", [(f"{name}.{column}", kind) for column, kind in self.tables[base].items()], base
        kinds = self.kinds()
        query = self.query(kinds, depth - 1)
        columns = [(f"{name}.c{place}", kind) for place, kind in enumerate(kinds)]
        if self.pick(True, False):
            part = next(self.names)
            self.parts[part] = (query, kinds)
            return f"{part} AS {name}", columns, base
        return f"({query}) AS {name}", columns, base

    # --- values -------------------------------------------------------------------------------------------------------

    def item(self, columns: Columns, kind: str, depth: int) -> str:
        if kind == "i" and self.pick(True, False, False, False):
            key, by = self.pick(*columns)[0], self.pick(*columns)[0]
            return self.pick(
                f"count(*) OVER (PARTITION BY {key})", f"rank() OVER (PARTITION BY {key} ORDER BY {by})", f"max({key}) OVER (PARTITION BY {by})",
                f"sum({self.value(columns, 'i', 0)}) OVER (PARTITION BY {key} ORDER BY {by})", f"dense_rank() OVER (ORDER BY {by} DESC NULLS LAST)",
            ) if not key.endswith("c1") else f"count(*) OVER (PARTITION BY {key})"  # fmt: skip
        return self.value(columns, kind, depth)

    def value(self, columns: Columns, kind: str, depth: int) -> str:
        fitting = [name for name, of in columns if of == kind]
        if not fitting:
            return "1" if kind == "i" else "'x'"
        name = self.pick(*fitting)
        if kind == "t":
            return self.pick(
                name,
                name,
                f"upper({name})",
                f"{name} || '-'",
                f"left({name}, 2)",
                f"coalesce({name}, 'none')",
                f"nullif({name}, 'w1')",
            )
        return self.pick(
            name, name, f"{name} + 1", f"{name} * 2", f"{name} % 3", f"coalesce({name}, 0)", f"CASE WHEN {name} > 2 THEN 1 ELSE 0 END",
            f"abs({name} - 5)", f"greatest({name}, 2)", f"CAST({name} AS BIGINT)", f"least({name}, {self.pick(*fitting)})",
        )  # fmt: skip

    def aggregate(self, columns: Columns, kind: str) -> str:
        value, test = self.value(columns, kind, 0), self.condition(columns, 0)
        if kind == "t":
            return self.pick(f"min({value})", f"max({value})")
        persons = [name for name, _ in columns if name.endswith(".person_id")]
        return self.pick(
            "count(*)", f"count({value})", f"count(DISTINCT {self.pick(*(persons or [value]))})", f"sum({value})", f"min({value})", f"max({value})",
            f"avg({value})", f"count(*) FILTER (WHERE {test})", f"sum(CASE WHEN {test} THEN 1 ELSE 0 END)", f"median({value})", f"count_if({test})",
        )  # fmt: skip

    def condition(self, columns: Columns, depth: int) -> str:
        name, kind = self.pick(*columns)
        number = self.draw(st.integers(0, 6))
        if depth and self.pick(True, False, False):
            persons = [one for one, _ in columns if one.endswith(".person_id")]
            source, others, _ = self.source(depth - 1)
            theirs = [one for one, _ in others if one.endswith(".person_id")]
            if persons and theirs and self.pick(True, True, False):
                return self.pick(
                    f"{persons[0]} IN (SELECT {theirs[0]} FROM {source})",
                    f"EXISTS (SELECT 1 FROM {source} WHERE {theirs[0]} = {persons[0]} AND {self.condition(others, 0)})",
                    f"NOT EXISTS (SELECT 1 FROM {source} WHERE {theirs[0]} = {persons[0]})",
                    f"(SELECT count(*) FROM {source} WHERE {theirs[0]} = {persons[0]}) > {number % 3}",
                )
            whole = [one for one, of in others if of == kind]
            return f"{name} IN (SELECT {self.pick(*whole)} FROM {source})" if whole else "true"
        if kind == "t":
            return self.pick(
                f"{name} = 'w{number}'",
                f"{name} LIKE 'w%'",
                f"{name} IS NOT NULL",
                f"lower({name}) <> 'w1'",
                f"length({name}) > 1",
            )
        return self.pick(
            f"{name} = {number}", f"{name} > {number}", f"{name} BETWEEN 1 AND {number}", f"{name} IS NOT NULL", f"{name} <> {number}",
            f"({name} < {number} OR {name} IS NULL)", f"NOT ({name} = {number})", f"{name} IN (1, 2, {number})",
        )  # fmt: skip


def asked(tables: dict[str, dict[str, str]], hidden: dict[str, list[str]], hostile: int = 0) -> st.SearchStrategy[str]:
    """Questions of the grammar as a strategy; `hostile`: one in so many places holds something that must be refused or do no harm."""

    @st.composite
    def made(draw: Any) -> str:
        return Grammar(draw, tables, hidden, hostile).whole()

    return made()
