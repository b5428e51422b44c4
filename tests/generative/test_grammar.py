"""Questions of a grammar, honest and hostile, over a room in which everything not granted holds a marker.

Not granted are columns by their tags, columns by `hide`, tables, and persons by a row filter. Whatever is asked, and however it ends, no marker
comes out: not in an answer, an error, a log line, a span or the ledger. What is answered in record mode is what the plain question gives on a
database that holds the granted rows and columns only; in aggregate mode a number shown is the plain one, and rests on enough persons.
"""

import json
import re
from collections import Counter
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from data.catalogue.model import catalogue
from data.engines.canonical import canonical, to_python
from data.errors import ReadingRoomError
from data.snapshots.model import Manifest, ReleaseFacts, TableFacts, to_json
from policies.decide import Judge
from policies.model import granted_schema, parse_policy
from server.call import Principal, Request
from server.house import open_house
from server.pipeline import answer
from server.room import init_room, open_room
from server.steps import error_json, error_text
from server.traces import Traces
from tests.generative.grammar import HOSTILE_VALUES, Grammar, asked, few

pytestmark = pytest.mark.generative

POLICY = """\
version: 1
contact: the guardian
thresholds: {tiny: {hide_below: 4}}
row_filters:
  not_out: {meaning: all but those who opted out, drop: "SELECT person_id FROM observation WHERE observation_concept_id = 1"}
grants:
  - {role: reader, purpose: HRESCH, release: limited, mode: record, rows: [not_out],
     tables: [person, condition_occurrence, measurement, visit_occurrence, concept, care_site, operations.bed_stay],
     tags: [person_key, record_key, clinical, quasi_identifier, operational],
     hide: [measurement.range_low, condition_occurrence.condition_source_value, person.race_concept_id, concept.concept_code]}
"""
BOTH = POLICY + POLICY[POLICY.index("  - {role") :].replace("reader", "counter").replace(
    "mode: record", "mode: aggregate, threshold: tiny, overlap: none"
)
PERSONS, OUT = 18, 6  # those the filter keeps, and those it drops, whose every value is a marker
MARKER = re.compile(r"MARK|77700[01]\d{3}|7771000\d{2}|1777-")
K = 4


def value(kind: str, seed: int, marked: bool):
    """A value of a type: a small one, or a marker no other value can be taken for."""
    if kind in ("DATE", "TIMESTAMP"):
        return date(1777 if marked else 2020, 1, 1) + timedelta(days=seed % 300)
    if kind == "VARCHAR":
        return f"MARK{seed}" if marked else ("w1", "w2", "1", "5", None)[seed % 5]
    return 777_000_000 + seed if marked else (seed % 7 if seed % 11 else None)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(database with everything, one with what is granted, what the release holds, what is granted): rows by one rule."""
    held = {name: {one.name: one.type for one in table.columns} for name, table in catalogue().items()}
    granted = granted_schema(parse_policy(BOTH).grants[0], held, catalogue())
    path = tmp_path_factory.mktemp("world") / "all.duckdb"
    everything, plain = duckdb.connect(str(path)), duckdb.connect()
    for con, schema in ((everything, held), (plain, granted)):
        con.execute("CREATE SCHEMA operations")
        for name, columns in schema.items():
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{one} {kind}' for one, kind in columns.items())})")
    seed = 0
    for name, table in catalogue().items():
        for number in range(14 if table.unit == "reference" else 2 * (PERSONS + OUT)):
            place = number // 2
            out = table.unit != "reference" and place >= PERSONS
            if name in ("person", "death", "patient_identity") and number % 2:
                continue
            row = {}
            for column, kind in held[name].items():
                seed += 1
                row[column] = value(kind, seed * 7 % 1009 + number, out or column not in granted.get(name, {}))
            if "ward" in row and not out:
                row["ward"] = str(number % 7)
            if table.unit == "person":
                row["person_id"] = 777_000_000 + place if out else place
            if table.key in row and table.key != "person_id":
                row[table.key] = 777_100_000 + number if out or name not in granted else number
            if name == "observation":
                row["observation_concept_id"] = 1 if out else 2
            put(everything, name, row)
            if name in granted and not out:
                put(plain, name, {one: row[one] for one in granted[name]})
    everything.close()
    return path, plain, held, granted


def put(con, name, row):
    con.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def grammar_of(held, granted):
    """Tables and columns as the grammar wants them: a few of each, keys first."""
    kinds = {"BIGINT": "i", "DECIMAL": "i", "VARCHAR": "t"}
    tables = {
        name: {one: kinds[kind.split("(")[0]] for one, kind in list(columns.items())[:9] if kind.split("(")[0] in kinds}
        for name, columns in granted.items()
    }
    hidden = {name: [one for one in held[name] if one not in granted[name]] or ["note_text"] for name in granted}
    return tables, hidden


@pytest.fixture(scope="module")
def words(world):
    return grammar_of(*world[2:])


@pytest.fixture(scope="module")
def open_all(world):
    con = duckdb.connect(str(world[0]), read_only=True)
    yield con
    con.close()


@st.composite
def counted(draw, tables, hidden, often=0):
    """(question, the same with the persons behind each number): one key or none, one to three numbers."""
    about = {name: columns for name, columns in tables.items() if "person_id" in columns}
    grammar = Grammar(draw, about, hidden)
    source, columns, base = grammar.source(0)
    person = columns[0][0].partition(".")[0] + ".person_id"
    for _ in range(draw(st.integers(0, 1))):
        other, more, _ = grammar.source(0)
        source += f" JOIN {other} ON {more[0][0].partition('.')[0]}.person_id = {person}"
        columns = columns + more
    grammar.hostile = often
    columns = [(name, kind) for name, kind in columns if not name.endswith("_id") or name.endswith("concept_id")]
    number = grammar.pick(*[name for name, kind in columns if kind == "i"] or ["1"])
    key = grammar.pick("", f"CASE WHEN {number} > 2 THEN 1 ELSE 0 END", f"{number} % 2", f"{number} IS NULL")
    where = f" WHERE {grammar.condition(columns, 0)}" if grammar.pick(True, False) else ""
    values, persons = [], []
    for _ in range(draw(st.integers(1, 3))):
        measured = [name for name, kind in columns if kind == "i" and not name.endswith("concept_id")]
        value, test = grammar.pick(*measured or [""]), grammar.condition(columns, 0)
        choices = [
            ("count(*)", "true"), (f"count(DISTINCT {person})", "true"), (f"count(*) FILTER (WHERE {test})", test),
            (f"sum(CASE WHEN {test} THEN 1 ELSE 0 END)", test), (f"count_if({test})", test),
        ]  # fmt: skip
        if value:
            choices += [
                (f"{name}({value})", f"{value} IS NOT NULL")
                for name in ("sum", "avg", "max", "min", "median", "stddev", "count")
            ]
        text, whom = grammar.pick(*choices)
        if grammar.rarely():
            text = grammar.spoilt(grammar.pick(*HOSTILE_VALUES), base, person.partition(".")[0], columns)
        values.append(text)
        persons.append(f"count(DISTINCT {person}) FILTER (WHERE {whom})")
    group = f" GROUP BY {key}" if key else ""
    head = f"SELECT {key or 1} AS k, "
    names = [f"{text} AS v{place}" for place, text in enumerate(values)]
    return (
        f"{head}{', '.join(names)} FROM {source}{where}{group}",
        f"{head}{', '.join([_nobody_is_nought(one) for one in values] + persons)} FROM {source}{where}{group}",
    )


def _nobody_is_nought(value):
    """DuckDB's count_if of nothing but NULLs is NULL; the governed one counts nobody."""
    return f"coalesce({value}, 0)" if value.startswith("count_if") else value


def spoilt(words, often):
    """Questions of both kinds, of which one place in so many holds something hostile."""
    return st.one_of(asked(*words, hostile=often), counted(*words, often=often).map(lambda both: both[0]))


# --- no marker comes out ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(world, tmp_path_factory):
    """A house with a snapshot made by hand around that database, and what its spans and logs say."""
    path, _, held, _ = world
    root = tmp_path_factory.mktemp("room")
    (root / "policy.yaml").write_text(BOTH)
    init_room(root)
    identity = "0" * 16
    folder = root / "snapshots" / identity / "releases" / "limited"
    folder.mkdir(parents=True)
    (folder / "serving.duckdb").write_bytes(path.read_bytes())
    with duckdb.connect(str(path), read_only=True) as con:
        rows = {name: con.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in held}
    tables = {
        name: TableFacts("", rows[name], tuple(columns.items()), 2 if "person_id" in columns else None)
        for name, columns in held.items()
    }
    facts = ReleaseFacts("a ground", "", tables)
    manifest = Manifest(identity, "2026-01-01T00:00:00Z", "2026-01-01", {}, "", {}, "", {}, {}, {"limited": facts}, {})
    (root / "snapshots" / identity / "manifest.json").write_text(to_json(manifest))
    (root / "current").write_text(identity)
    exporter = InMemorySpanExporter()
    opened = open_house(open_room(root), threads=1, traces=Traces(exporter))
    yield opened, exporter, root
    opened.close()


def clean(*texts: object) -> bool:
    """Whether no marker stands in any of them."""
    return not any(MARKER.search(one if isinstance(one, str) else json.dumps(one, default=str)) for one in texts)


def judged_or_not(judge, sql, grant, held):
    """The verdict, or the error instead."""
    try:
        return judge.judge(sql, grant, held, "one"), None
    except ReadingRoomError as error:
        return None, error


def test_no_marker_leaves_the_house(house, words):
    """The whole way of a call, worker and ledger included: answers, errors, logs, spans, and what is kept of them."""
    opened, exporter, root = house

    @given(st.sampled_from(["reader", "counter"]), spoilt(words, 8))
    @few(60, 0.1)
    def tried(role, sql):
        with capture_logs() as logs:
            reply = answer(opened, Request("query", {"sql": sql}, Principal("s", role, "HRESCH", "t")))
        event(reply.structured["error"]["rule"] or reply.structured["error"]["code"] if reply.is_error else "answered")
        assert clean(reply.structured, reply.text, *logs)
        assert reply.structured.get("error", {}).get("code") != "crashed"

    tried()
    opened.traces._provider.force_flush()
    spans = exporter.get_finished_spans()
    assert spans
    assert clean(
        *[
            json.dumps([span.name, dict(span.attributes), [dict(one.attributes) for one in span.events]], default=str)
            for span in spans
        ]
    )
    kept = b"".join(
        path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".duckdb"
    )
    assert MARKER.search(kept.decode("latin-1")) is None


def test_no_marker_is_answered(world, open_all, words):
    """Judged and run without the house, so that many more can be tried; an error is shown as the house would."""
    held = world[2]
    policy = parse_policy(BOTH)
    judge = Judge(policy)

    @given(st.sampled_from(policy.grants), spoilt(words, 6))
    @few(250)
    def tried(grant, sql):
        judged, wrong = judged_or_not(judge, sql, grant, held)
        if wrong is not None:
            event(getattr(wrong, "rule", "") or wrong.code)
            shown = error_json(wrong, "c")
            assert clean(shown, error_text(shown), str(wrong), repr(wrong))
            return
        try:
            rows = open_all.execute(judged.sql).fetchall()
        except duckdb.Error:  # the worker says no more than that it failed; see the test above
            event("failed while running")
            return
        event("answered")
        assert clean(rows)

    tried()


# --- answers are right --------------------------------------------------------------------------------------------------


def multiset(con, sql, visible=None) -> Counter:
    """Rows as they would be shown, order aside."""
    _, _, rows = to_python(canonical(con.sql(sql).to_arrow_table()))
    return Counter(repr(row[:visible]) for row in rows)


def test_record_mode_is_the_plain_answer_on_what_is_granted(world, open_all, words):
    """Row filter, hidden columns and total order change nothing else: the same rows, or the same failure."""
    _, plain, held, _ = world
    policy = parse_policy(BOTH)
    judge = Judge(policy)

    @given(asked(*words))
    @few(200)
    def tried(sql):
        judged, wrong = judged_or_not(judge, sql, policy.grants[0], held)
        if wrong is not None:
            event(f"refused: {getattr(wrong, 'rule', '') or wrong.code}")
            return
        try:
            expected = multiset(plain, sql)
        except duckdb.Error as error:
            event(f"no question: {type(error).__name__}")
            return
        event("rows" if expected else "no rows")
        assert multiset(open_all, judged.sql, judged.visible) == expected

    tried()


# A cast or a product that fails for those the filter drops, and for nobody else; the second condition makes the engine try it on them.
FAILING = {
    "record": "SELECT ward AS w FROM operations.bed_stay WHERE CAST(ward AS INTEGER) > 0 AND bed_stay_id IN (SELECT concept_id FROM concept)",
    "aggregate": "SELECT count(*) AS n FROM person WHERE gender_concept_id * 100000000000 > 1 AND person_id IN (SELECT person_id FROM measurement)",
}


@pytest.mark.parametrize("mode", ["aggregate", "record"])
def test_no_error_speaks_of_persons_the_filter_drops(world, open_all, mode):
    """What fails for them alone must not fail: who asks could read their values by halving."""
    _, plain, held, _ = world
    policy = parse_policy(BOTH)
    grant = next(one for one in policy.grants if one.mode == mode)
    judged = Judge(policy).judge(FAILING[mode], grant, held, "one")
    assert multiset(open_all, judged.sql, judged.visible) == multiset(plain, FAILING[mode])


SUMS = (
    "SELECT sum(CASE WHEN gender_concept_id = 1 THEN CAST({} AS INT128) ELSE 0 END) AS s FROM person",
    "SELECT sum(CASE WHEN gender_concept_id = 1 THEN CAST(100000000000000000 AS INT128) * 100000000000000000 * {} ELSE 0 END) AS s FROM person",
    "SELECT sum(CAST(1 AS INT128) * 100000000000000000 * 100000000000000000 * {}) FILTER (WHERE gender_concept_id = 1) AS s FROM person",
)


@pytest.mark.parametrize("sql", SUMS)
def test_no_error_tells_how_many_a_withheld_cell_counts(world, open_all, sql):
    """The largest summand that passes would be the largest number divided by the persons of a cell that is withheld."""
    policy = parse_policy(BOTH)
    largest, ended = 2**127 - 1 if "100000000000000000" not in sql else (2**127 - 1) // 10**34, set()
    for persons in range(1, K + 1):
        judged, wrong = judged_or_not(Judge(policy), sql.format(largest // persons), policy.grants[1], world[2])
        ended.add("refused" if wrong is not None else str(open_all.execute(judged.sql).fetchall()))
    assert len(ended) == 1


# --- aggregate mode -------------------------------------------------------------------------------------------------------


def test_aggregate_mode_shows_what_is_so_and_rests_on_enough(world, open_all, words):
    """A number shown is the plain one, and no one to three persons make it up."""
    _, plain, held, _ = world
    policy = parse_policy(BOTH)
    judge = Judge(policy)

    @given(counted(*words))
    @few(150)
    def tried(questions):
        sql, behind = questions
        judged, wrong = judged_or_not(judge, sql, policy.grants[1], held)
        if wrong is not None:
            event(f"refused: {getattr(wrong, 'rule', '') or wrong.code}")
            return
        shown = to_python(canonical(open_all.sql(judged.sql).to_arrow_table()))[2]
        truth = {row[0]: row[1:] for row in to_python(canonical(plain.sql(behind).to_arrow_table()))[2]}
        assert len(shown) == len(truth)
        for row in shown:
            for place, value in enumerate(row[1 : judged.visible]):
                if value is not None:
                    event("shown")
                    assert value == truth[row[0]][place]
                    assert truth[row[0]][judged.visible - 1 + place] not in range(1, K)

    tried()
