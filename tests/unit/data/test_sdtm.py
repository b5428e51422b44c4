"""A clinical trial as SDTM datasets."""

import gzip

import pytest

from data import normalise

pytestmark = pytest.mark.unit


def datasets(folder, *names):
    files = sorted(path for path in folder.rglob("*.xpt*") if not names or path.name.split(".")[0] in names)
    assert files
    return [(path.name, "sdtm+xpt", path.read_bytes(), "trial", "research") for path in files]


def test_the_sample_trial_becomes_persons_and_events(staged, hospital, truth):
    con = staged(*datasets(hospital / "research"))
    written = sum(count for where, count in truth["received"].items() if "sdtm" in where)
    assert con.execute("SELECT sum(records) FROM staging.received").fetchall() == [(written,)]
    assert con.execute("SELECT count(*) > 5 FROM cdm.person WHERE year_of_birth IS NOT NULL").fetchall() == [(True,)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"HEADER RECORD*******",
        lambda whole: whole[::-1],
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_damage_ends_in_the_books(staged, hospital, damage, pack):
    name, media, whole, *_ = datasets(hospital / "research")[0]
    con = staged((name, media, pack(damage(whole))))
    assert all(book.holds for book in normalise.balance(con))


@pytest.mark.shared
def test_a_real_trial_is_accounted_for(staged, shared):
    con = staged(*datasets(shared / "sdtm/tdf_pilot"))
    assert con.execute("SELECT count(*) FROM quarantine.record WHERE rule = 'damaged-file'").fetchall() == [(0,)]
    counts = dict(con.execute("SELECT kind, count(*) FROM staging.event GROUP BY 1").fetchall())
    assert counts.keys() == {"condition", "drug", "measurement", "observation"}
    assert all(count > 100 for count in counts.values())
    persons, events = con.execute(
        "SELECT (SELECT count(*) FROM cdm.person), (SELECT count(*) FROM cdm.condition_occurrence)"
    ).fetchall()[0]
    assert persons > 200
    assert events > 500
