"""Texts are searched once, however often they stand somewhere, and rewritten for each person in whose record they stand."""

import dataclasses
import json
import stat

import duckdb
import pytest

from data.catalogue.model import catalogue
from data.errors import ReadingRoomError
from data.snapshots import marks, text
from data.snapshots.keys import make_macros, make_person_key
from data.snapshots.text import Redacted, redact_texts
from data.snapshots.values import withhold_values
from data.types import no_progress
from policies.releases import compile_release
from tests.unit.data.texts import KEY, Capitals, hospital

pytestmark = pytest.mark.unit

LONG = "No complaints today, and nothing else that would have to be written down here at all."
CAME = "ANNA came on 2024-01-01."
NOTES = [(1, CAME), (2, CAME), (1, "well"), (2, "well"), (3, LONG), (3, f"{LONG} MOSS.")]


@pytest.fixture
def made(tmp_path):
    """`made(notes, values, redactor=...)`: a build with its texts redacted, what was counted, and the redactor."""
    cons = []

    def done(
        notes=NOTES, values=(), *, redactor=None, root=tmp_path, sql="", told=None, progress=no_progress, threads=2
    ):
        con = duckdb.connect(config={"threads": threads})
        cons.append(con)
        hospital(con, notes, values)
        con.execute(sql)
        make_macros(con, KEY)
        make_person_key(con)
        redactor = redactor or Capitals()
        withhold_values(con, told or catalogue(), redactor, no_progress)
        return con, redact_texts(con, told or catalogue(), redactor, root, progress), redactor

    yield done
    for con in cons:
        con.close()


def tables(con):
    return [con.sql(f"FROM vault.{name} ORDER BY ALL").fetchall() for name in ("redacted_text", "person_text")]


def moved(con, person):
    """The first of January 2024 as it is told of a person."""
    shift = f"SELECT DATE '2024-01-01' + shift_days FROM vault.person_key WHERE person_id = {person}"
    return str(con.sql(shift).fetchall()[0][0])


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_what_has_no_marks_is_the_same_for_all(made):
    con, counted, _ = made()
    same, own = tables(con)
    assert [row[2] for row in same] == [LONG, "well"]
    assert {row[0] for row in same + own} == {"note.note_text"}
    assert counted == Redacted(4, 2, {"DATE": 1, "NAME": 2})


def test_what_has_marks_is_written_for_each_person(made):
    """Surrogates are the person's own, dates move by the person's own shift, and stay in a limited data set."""
    con, _, _ = made()
    rows = con.sql("SELECT person_id, text, dated_text FROM vault.person_text ORDER BY 1").fetchall()
    assert rows == [
        (1, f"N1 came on {moved(con, 1)}.", "N1 came on 2024-01-01."),
        (2, f"N2 came on {moved(con, 2)}.", "N2 came on 2024-01-01."),
        (3, f"{LONG} N3.", f"{LONG} N3."),
    ]


def test_a_text_of_two_columns_is_known_by_both(made):
    con, counted, redactor = made([(1, "ANNA"), (2, "x")], [(1, "ANNA"), (2, "ANNA"), (1, "x"), (1, "x")])
    same, own = tables(con)
    assert [row[:2] for row in same] == [("measurement.value_source_value", "x"), ("note.note_text", "x")]
    assert [(source, person, shown) for source, _, person, shown, _ in own] == [
        ("measurement.value_source_value", 1, "N1"),
        ("measurement.value_source_value", 2, "N2"),
        ("note.note_text", 1, "N1"),
    ]
    assert sorted(redactor.searched) == ["ANNA", "x"]
    assert counted.texts == 2


class Grace(Capitals):
    """Knows that person 1 is called Grace, which is a word, too."""

    def complete(self, texts, marks):
        return [mark or ("[]" if "grace" in text else "") for text, mark in zip(texts, marks, strict=True)]

    def write(self, texts, marks, persons, shifts, keep_dates):
        written = super().write(texts, marks, persons, shifts, keep_dates)
        return [
            shown.replace("grace", "N1") if who == 1 else shown for shown, who in zip(written, persons, strict=True)
        ]


def test_a_text_without_marks_may_be_written_all_the_same(made):
    """What tells one person alone is no mark of the text, and still does not stand in that person's record."""
    con, counted, _ = made([(1, "with grace"), (2, "with grace"), (3, "well")], redactor=Grace())
    same, own = tables(con)
    assert [row[2] for row in same] == ["well"]
    assert [row[2:] for row in own] == [(1, "with N1", "with N1"), (2, "with grace", "with grace")]
    assert counted == Redacted(2, 1, {})


def test_what_stands_in_nobodys_record_is_written_for_nobody(made):
    table = catalogue()["care_site"]
    columns = tuple(
        dataclasses.replace(one, tags=frozenset({"free_text"})) if one.name == "care_site_name" else one
        for one in table.columns
    )
    told = {**catalogue(), "care_site": dataclasses.replace(table, columns=columns)}
    con, _, _ = made(
        [], told=told, sql="INSERT INTO cdm.care_site (care_site_name) VALUES ('MOSS, 2024-01-01'), ('ward')"
    )
    assert tables(con) == [
        [("care_site.care_site_name", "ward", "ward")],
        [("care_site.care_site_name", "MOSS, 2024-01-01", None, "NNone, [DATE]", "NNone, 2024-01-01")],
    ]
    for release, shown in (("deidentified", "NNone, [DATE]"), ("limited", "NNone, 2024-01-01")):
        rows = con.sql(f"SELECT care_site_name FROM ({compile_release(release, told).select('care_site')})").fetchall()
        assert sorted(rows) == [(shown,), ("ward",)]


def test_a_long_text_is_known_by_its_digest(made):
    con, _, _ = made([(1, "x" * 63), (2, "x" * 64), (3, "é" * 32)])
    keys = con.sql("SELECT key, text, sha256(text) FROM vault.redacted_text").fetchall()
    assert {shown: key for key, shown, _ in keys} == {
        shown: shown if len(shown.encode()) < 64 else digest for _, shown, digest in keys
    }


def test_no_text_is_nothing_to_do(made):
    con, counted, redactor = made([])
    assert tables(con) == [[], []]
    assert (counted, redactor.batches) == (Redacted(0, 0, {}), [])


# --- once -------------------------------------------------------------------------------------------------------------


def test_only_new_texts_are_searched(made):
    first, counted, _ = made()
    again, counted_again, redactor = made()
    assert redactor.searched == []
    assert (tables(again), counted_again) == (tables(first), counted)
    _, _, redactor = made([*NOTES, (4, "new"), (5, "new")])
    assert redactor.searched == ["new"]


def test_what_the_build_knows_is_joined_with_what_is_kept(made):
    made()
    con, counted, redactor = made(redactor=Capitals(known="well"))
    assert redactor.searched == []
    assert counted.kinds == {"DATE": 1, "MRN": 1, "NAME": 2}
    assert {row[3] for row in tables(con)[1]} >= {"[MRN]"}


def test_another_search_searches_all(made):
    made()
    _, _, redactor = made(redactor=Capitals(finding="2"))
    assert len(redactor.searched) == 4


def test_what_is_no_longer_there_is_forgotten(made, tmp_path):
    """And only then: what was found under an earlier version stays until a snapshot made with the new one is in force."""
    made()
    made([(1, "well")], redactor=Capitals(finding="2"))
    path = tmp_path / marks.FOLDER / marks.FILE
    assert len(kept(path)) == 5
    marks.forget(tmp_path, "2")
    assert kept(path) == [("2", "")]
    _, _, redactor = made([(1, "well")], redactor=Capitals(finding="2"))
    assert redactor.searched == []


def kept(path):
    with duckdb.connect(str(path), read_only=True) as con:
        return con.sql("SELECT finding, marks FROM found").fetchall()


def test_progress_counts_what_is_kept(made):
    made()
    told = []
    made([*NOTES, (4, "new")], progress=lambda *one: told.append(one))
    assert [one for one in told if one[0] == "redact"] == [("redact", 4, 5), ("redact", 5, 5)]
    assert told[-1] == ("rewrite", 3, 3)


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_bounded_by_bytes_and_number(made, monkeypatch):
    monkeypatch.setattr(text, "BYTES", 100)
    monkeypatch.setattr(text, "TEXTS", 4)
    notes = (
        [(1, f"{place} " + "é" * 20) for place in range(5)]
        + [(1, "y" * 1000)]
        + [(1, f"{place}") for place in range(9)]
    )
    con, _, redactor = made(notes)
    sizes = [[len(one.encode()) for one in batch] for batch in redactor.batches]
    assert all(sum(batch) <= 100 or len(batch) == 1 for batch in sizes)
    assert max(map(len, sizes)) == 4
    assert [1000] in sizes
    assert sorted(redactor.searched) == sorted({one for _, one in notes})
    assert len(tables(con)[0]) == len({one for _, one in notes})


def test_order_threads_and_batches_do_not_matter(made, tmp_path, monkeypatch):
    notes = [(1 + place % 9, f"ANNA {place % 70} 2024-01-01") for place in range(200)] + NOTES
    one, counted, _ = made(notes, root=tmp_path / "one")
    monkeypatch.setattr(text, "TEXTS", 7)
    other, counted_too, _ = made(notes[::-1], root=tmp_path / "other", threads=1)
    assert tables(one) == tables(other)
    assert counted == counted_too


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["search", "complete", "write"])
def test_a_text_lost_by_the_redactor_stops_the_publish(made, step):
    redactor = Capitals()
    whole = getattr(redactor, step)
    setattr(redactor, step, lambda *given, **more: whole(*given, **more)[1:])
    with pytest.raises(ReadingRoomError, match="another number of texts"):
        made(redactor=redactor)


def test_marks_of_another_form_stop_the_publish(made):
    redactor = Capitals()
    redactor.complete = lambda texts, marks: ["NAME at 3"] * len(texts)
    with pytest.raises(ReadingRoomError, match="JSON list") as error:
        made(redactor=redactor)
    assert "NAME" not in str(error.value)


def garbage(path):
    path.write_bytes(b"no database at all, and longer than a header would be" * 400)


def flipped(path):
    """One bit in the middle of every block."""
    held = bytearray(path.read_bytes())
    for place in range(20_000, len(held), 4096):
        held[place] ^= 1
    path.write_bytes(held)


def cut(path):
    path.write_bytes(path.read_bytes()[:20_000])


def other_columns(path):
    with duckdb.connect(str(path)) as con:
        con.execute("DROP TABLE found")
        con.execute("CREATE TABLE found (a INT)")


def twice(path):
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO found FROM found")


@pytest.mark.parametrize("damage", [garbage, flipped, cut, other_columns, twice])
def test_a_damaged_file_is_set_aside_and_made_anew(made, tmp_path, caplog, damage):
    first, _, _ = made()
    path = tmp_path / marks.FOLDER / marks.FILE
    damage(path)
    again, _, redactor = made()
    assert len(redactor.searched) == 4
    assert tables(again) == tables(first)
    assert "redaction.duckdb cannot be used" in caplog.text
    assert (tmp_path / marks.FOLDER / "redaction.duckdb.damaged").exists()
    _, _, redactor = made()
    assert redactor.searched == []


def test_a_log_that_is_none_harms_nothing(made, tmp_path):
    first, _, _ = made()
    (tmp_path / marks.FOLDER / f"{marks.FILE}.wal").write_bytes(b"\x00\x01\x02" * 5000)
    again, _, _ = made()
    assert tables(again) == tables(first)


def test_what_is_kept_is_the_owners_and_holds_no_word(made, tmp_path):
    made([(1, f"note of ZACHARIASSEN number {place}") for place in range(300)])
    folder = tmp_path / marks.FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / marks.FILE).stat().st_mode) == 0o600
    assert b"ZACHARIASSEN" not in b"".join(path.read_bytes() for path in folder.iterdir())
    assert {json.loads(mark)[0][2] for _, mark in kept(folder / marks.FILE)} == {"NAME"}
