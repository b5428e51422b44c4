"""Fixtures every kind of test may use: a tiny hospital held in memory, and where the real sample data lies."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data import normalise
from data.catalogue.model import catalogue
from data.raw import RawStore
from data.synthetic.hospital import generate
from data.types import Stored
from policies.decide import decide
from policies.model import Grant, parse_policy
from server.call import Principal, Request
from server.filling import ingest_room, publish_room
from server.house import open_house
from server.pipeline import answer
from server.room import Room, init_room, open_room
from server.templates import POLICY

SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `shared` are skipped where the real sample data is absent."""
    if SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason="the sample data of ../shared/data is absent"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Directory of the real sample data."""
    return SHARED


@pytest.fixture(scope="session")
def held() -> dict[str, dict[str, str]]:
    """What a release without identities holds, for judging: every table but patient_identity, no identifier columns."""
    return {
        name: {column.name: column.type for column in table.columns if "identifier" not in column.tags}
        for name, table in catalogue().items()
        if name != "patient_identity"
    }


@pytest.fixture(scope="session")
def grants() -> dict[str, Grant]:
    """The three grants of the policy `init` writes, by role."""
    return {grant.role: grant for grant in parse_policy(POLICY).grants}


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., duckdb.DuckDBPyConnection]:
    """Bytes as arrivals, staged: `staged(("a.hl7", "hl7v2", b"..."), ...)`, in order of arrival; all of source `one` unless a fourth says."""

    def made(*arrivals: Any, normalised: bool = True, **options: Any) -> duckdb.DuckDBPyConnection:
        stored = []
        for seq, (name, media, content, *more) in enumerate(arrivals, 1):
            path = tmp_path / f"{seq}"
            path.write_bytes(content)
            source = more[0] if more else "one"
            system = more[1] if len(more) > 1 else "ehr"
            stored.append(Stored(seq, source, system, "x", name, media, f"{seq:064d}", len(content), path))
        con = duckdb.connect()
        normalise.extract(con, stored)
        if normalised:
            normalise.normalise(con, **options)
            assert [book for book in normalise.balance(con) if not book.holds] == []
        return con

    return made


@pytest.fixture(scope="session")
def tiny(held: dict[str, dict[str, str]]) -> duckdb.DuckDBPyConnection:
    """A hundred persons: 95 men, 5 women; condition 1 in 5 persons, 2 in 35, 3 in 60; nine measurements each."""
    con = duckdb.connect()
    con.execute("CREATE SCHEMA operations")
    for name, columns in held.items():
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {type_}' for column, type_ in columns.items())})")
    con.execute(
        "INSERT INTO person (person_id, gender_concept_id, year_of_birth, location_id) "
        "SELECT i, CASE WHEN i < 95 THEN 8507 ELSE 8532 END, 1950 + i % 5 * 10, i % 2 FROM range(100) t(i)"
    )
    con.execute(
        "INSERT INTO condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, "
        "visit_occurrence_id) SELECT i, i % 100, CASE WHEN i % 100 < 5 THEN 1 WHEN i % 100 < 40 THEN 2 ELSE 3 END, "
        "DATE '2020-01-01' + (i % 900)::INT, i FROM range(500) t(i)"
    )
    con.execute("INSERT INTO visit_occurrence (visit_occurrence_id, person_id) SELECT i, i % 100 FROM range(500) t(i)")
    con.execute("INSERT INTO location (location_id, state) VALUES (0, 'MA'), (1, 'NY')")
    con.execute(
        "INSERT INTO concept (concept_id, concept_name) VALUES (1, 'one'), (2, 'two'), (3, 'three'), (8507, 'MALE'), (8532, 'FEMALE')"
    )
    con.execute(
        "INSERT INTO measurement (measurement_id, person_id, value_as_number, measurement_concept_id) "
        "SELECT i, i % 100, i % 17, i % 3 FROM range(900) t(i)"
    )
    return con


@pytest.fixture(scope="session")
def ask(tiny: duckdb.DuckDBPyConnection, held: Any, grants: dict[str, Grant]) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of a question as the researcher would get them: judged, run, the marking column kept last."""

    def asked(sql: str, role: str = "researcher", **parameters: Any) -> list[tuple[Any, ...]]:
        judged = decide(sql, grants[role], held, 11)
        return tiny.execute(judged.sql, parameters or None).fetchall()

    return asked


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample hospital of 250 persons."""
    target = tmp_path_factory.mktemp("sample") / "hospital"
    generate(target, 250, 1)
    return target


@pytest.fixture(scope="session")
def truth(hospital: Path) -> dict[str, Any]:
    """The key of known truths of that hospital."""
    return json.loads((hospital / "truth.json").read_text())


@pytest.fixture(scope="session")
def published_room(hospital: Path) -> Room:
    """A room with that hospital ingested and published."""
    root = hospital.parent
    init_room(root)
    room = open_room(root)
    _, failed = ingest_room(room)
    assert not failed
    publish_room(room)
    return room


@pytest.fixture
def changeable_room(published_room: Room, tmp_path: Path) -> Room:
    """A copy of that room that a test may change."""
    root = tmp_path / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "ledger*"))
    (root / "hospital").symlink_to(published_room.root / "hospital")
    return open_room(root)


@pytest.fixture(scope="session")
def build(published_room: Room) -> duckdb.DuckDBPyConnection:
    """The build database of that room, as the publisher has it before it writes."""
    con = duckdb.connect()
    normalise.extract(con, RawStore(published_room.raw_path).current())
    normalise.normalise(con)
    return con


@pytest.fixture
def house(published_room: Room):
    """The room opened for asking."""
    opened = open_house(published_room)
    yield opened
    opened.close()


@pytest.fixture
def call(house, request):
    """Asks the house: `call(sql, role)` gives the reply. Each test is a subject of its own, whose earlier answers alone count."""
    subject = request.node.name

    def asked(sql: str, role: str = "researcher", tool: str = "query", session: str = "test", **arguments: Any):
        purpose = {"researcher": "HRESCH", "analyst": "HOPERAT", "clinician": "TREAT"}.get(role, "HRESCH")
        return answer(
            house,
            Request(tool, {"sql": sql, **arguments} if sql else arguments, Principal(subject, role, purpose, session)),
        )

    return asked
