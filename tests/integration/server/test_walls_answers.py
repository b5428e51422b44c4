"""The walls that stand last, alone: the second line of redaction, and what no wall may fall over or tell."""

from datetime import date

import pyarrow as pa
import pytest

from data.types import Rows

pytestmark = pytest.mark.integration


# --- the release's redaction taken down: the second line alone ----------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Seen again, MRN 12345678, no fever.",
        "SSN 123-45-6789",
        "123-45-6789",
        "write to anna.smith@example.org",
        "call (617) 555-0199 after noon",
        "Tel. 617-555-0199",
        "see https://portal.example.org/patient/17",
        "from host 192.168.17.23",
        "E-1234567",
        "study 1.2.840.113619.2.55.3.604688119",
    ],
)
def test_the_second_line_withholds_what_the_release_let_through(text, call, house, monkeypatch):
    """The worker is made to give a text that the publisher should have struck out."""
    table = pa.table({"concept_name": [text, "Essential hypertension"]})
    monkeypatch.setattr(house.engine, "run", lambda *_: Rows(table, False, 0.0))
    reply = call("SELECT concept_name FROM concept")
    assert reply.structured["rows"] == [[None], ["Essential hypertension"]]
    assert text not in reply.text


def test_the_second_line_leaves_clinical_words_alone(call, house, monkeypatch):
    words = [
        "Type 2 diabetes mellitus",
        "Amoxicillin 250 MG Oral Capsule",
        "Glucose [Mass/volume] in Blood",
        "44054006",
    ]
    monkeypatch.setattr(house.engine, "run", lambda *_: Rows(pa.table({"concept_name": words}), False, 0.0))
    assert call("SELECT concept_name FROM concept").structured["rows"] == [[word] for word in words]


@pytest.mark.parametrize(
    "value",
    [
        ["SSN 123-45-6789"], {"x": "SSN 123-45-6789"}, [["SSN 123-45-6789"]], [{"x": ["anna.smith@example.org"]}],
        {"x": b"SSN 123-45-6789"}, b"SSN 123-45-6789",
    ],
)  # fmt: skip
def test_the_second_line_looks_into_lists(value, call, house, monkeypatch):
    monkeypatch.setattr(house.engine, "run", lambda *_: Rows(pa.table({"a": [value]}), False, 0.0))
    assert call("SELECT [concept_name] AS a FROM concept").structured["rows"] == [[None]]


@pytest.mark.parametrize(
    "type_",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()), pa.binary(), pa.map_(pa.string(), pa.int8())],
)  # fmt: skip
def test_the_second_line_looks_into_every_type_of_text(type_, call, house, monkeypatch):
    text = "SSN 123-45-6789"
    value = [(text, 1)] if pa.types.is_map(type_) else text.encode() if pa.types.is_binary(type_) else text
    column = pa.array([value]).cast(type_) if pa.types.is_dictionary(type_) else pa.array([value], type_)
    monkeypatch.setattr(house.engine, "run", lambda *_: Rows(pa.table({"a": column}), False, 0.0))
    assert call("SELECT concept_name AS a FROM concept").structured["rows"] == [[None]]


def test_the_second_line_leaves_lists_of_clinical_words_alone(call, house, monkeypatch):
    value = {"words": ["Type 2 diabetes mellitus", None], "day": date(2020, 1, 1), "n": 1234567890}
    table = pa.table({"a": [value], "b": [bytes.fromhex("ab123456")]})
    monkeypatch.setattr(house.engine, "run", lambda *_: Rows(table, False, 0.0))
    shown = [value | {"day": "2020-01-01"}, "ab123456"]
    assert call("SELECT [concept_name] AS a FROM concept").structured["rows"] == [shown]


# --- what no wall may fall over, and none may tell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql", ["SELECT DATE '2020-01-01' + INTERVAL 200000 YEAR AS d", "SELECT CAST('infinity' AS DATE) AS d"]
)
def test_a_date_beyond_python_is_no_crash(sql, call):
    reply = call(sql)
    assert not reply.is_error or reply.structured["error"]["code"] != "crashed"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (pa.array([2**31 - 1], pa.date32()), "infinity"), (pa.array([7300000], pa.date32()), "+21956-09-21"),
        (pa.array([-(2**63) + 1], pa.timestamp("us")), "-infinity"),
        (pa.array([[-735000]], pa.list_(pa.date32())), ["-0043-08-22"]),
    ],
)  # fmt: skip
def test_a_date_beyond_python_is_shown(value, shown, call, house, monkeypatch):
    monkeypatch.setattr(house.engine, "run", lambda *_: Rows(pa.table({"d": value}), False, 0.0))
    reply = call("SELECT concept_name AS d FROM concept")
    assert reply.structured["rows"] == [[shown]]
    assert str(shown) in reply.text


def test_no_text_of_a_question_reaches_the_log(call, caplog):
    """sqlglot warns of what it cannot parse by quoting it."""
    for sql in ("CALL secret_of('Karl Ricci')", "EXPLAIN SELECT 'Karl Ricci'", "SELECT 1; VACUUM 'Karl Ricci'"):
        assert call(sql).is_error
    assert "Ricci" not in caplog.text
