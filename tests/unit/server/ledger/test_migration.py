"""A ledger of the first form, written by an older version: its entries stay as they are and become leaves, and its line is still checked."""

import json

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from data.errors import Damaged, ReadingRoomError
from server.ledger import Reader, Wanted, calls, entries
from server.ledger.schema import METADATA, VERSION_TABLE, make_engine

pytestmark = pytest.mark.unit
FIELDS = "seq, kind, call_id, at, body, sealed, prev, hash"


def test_old_entries_stay_as_they_are(old):
    before = old.read(f"SELECT {FIELDS} FROM entry ORDER BY seq")
    found = old.verify()
    assert (found.ok, found.entries, found.open_calls) == (True, 12, (f"{5:032x}",))
    assert old.read(f"SELECT {FIELDS} FROM entry ORDER BY seq") == before


def test_it_is_written_on_and_all_of_it_is_signed(old):
    old.write(3)
    found = old.verify()
    assert (found.ok, found.entries) == (True, 18)
    with Reader(old.url) as reader:
        assert reader.newest().checkpoint.size == 18
        assert [one.call_id for one in reader.calls(Wanted(subject="ana"))] == [f"{n:032x}" for n in (1, 3, 5)]
        assert reader.call(f"{3:032x}").outcome.body == {"status": "refused", "rows": 3, "rule": ""}
    first = next(calls(old.url))
    assert old.keys.unseal(first.call_id, first.intent.sealed) == b'{"arguments":{}}'
    assert [one.body["alert"] for one in entries(old.url) if one.kind == "note"] == ["volume"]


@pytest.mark.parametrize("written_on", [False, True])
@pytest.mark.parametrize(
    ("edit", "first_bad"),
    [
        ("UPDATE entry SET body = replace(body, 'query', 'quary') WHERE seq = 3", 3),
        ("UPDATE entry SET subject = 'another' WHERE seq = 5", 5),
        ("UPDATE entry SET status = 'refused' WHERE seq = 2", 2),
        ("UPDATE entry SET prev = hash WHERE seq = 4", 4),
        ("UPDATE entry SET prev = NULL, hash = NULL WHERE seq = 4", 4),
        ("UPDATE entry SET sealed = NULL WHERE seq = 7", 7),
        ("DELETE FROM entry WHERE seq = 9", 9),
    ],
)
def test_edits_of_old_entries_are_found(old, edit, first_bad, written_on):
    if written_on:
        old.write(1)
    assert old.verify().ok
    old.edit(edit)
    assert old.verify().first_bad == first_bad


@pytest.mark.parametrize(
    ("edit", "first_bad"),
    [
        ("UPDATE entry SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 4", 4),
        ("DELETE FROM entry WHERE seq = 6", 6),
        ("UPDATE entry SET prev = hash WHERE seq = 2", 2),
        ("DELETE FROM entry WHERE seq > 10", 11),
        ("DELETE FROM entry", 1),
    ],
)
def test_what_was_changed_before_is_not_carried_over_as_whole(old, edit, first_bad):
    """An old ledger that does not hold is left as it is: nothing of it may look whole afterwards, and nothing is answered on it."""
    old.edit(edit)
    assert old.verify().first_bad == first_bad
    with pytest.raises(ReadingRoomError, match=r"older copy|does not hold"):
        old.open().intent("x", {})


def test_the_old_head_is_still_held_against_it(old):
    old.write(1)
    told = json.loads((old.root / "ledger.head").read_text())
    (old.root / "ledger.head").write_text(json.dumps({**told, "hash": "0" * 64}))
    assert old.verify().problem == "the signature of the head file ledger.head does not hold"


def test_a_ledger_of_a_newer_form_is_left_alone(book):
    book.edit(f"UPDATE {VERSION_TABLE} SET version_num = '9_unheard_of'")
    with pytest.raises(Damaged, match="newer version"):
        next(entries(book.url))
    with pytest.raises(Damaged, match="newer version"):
        book.open().note({})


def test_migrations_lead_to_the_tables_that_are_used(book):
    """What Alembic would still change, between what the migrations made and what the code reads: nothing."""
    engine = make_engine(book.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
