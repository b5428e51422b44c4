"""Calls are found by who asked, session, snapshot, time and how they ended: the same as by looking at every entry, in pages, by index."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from server.ledger import Reader, Wanted, calls, entries
from server.ledger.read import _search
from server.ledger.schema import RARE

pytestmark = pytest.mark.unit
BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
STATUSES = ("answered", "refused", "failed", None)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """120 calls of three subjects, five sessions and two snapshots; some refused, one in four never ended; a minute apart."""
    from .conftest import Book

    book, now = Book(tmp_path_factory.mktemp("mixed")), [BEGIN]
    ledger = book.open(clock=lambda: now[0])
    for number in range(120):
        now[0] = BEGIN + timedelta(minutes=number)
        call = f"{number:032x}"
        ledger.intent(call, {"subject": f"u{number % 3}", "session": f"s{number % 5}", "snapshot": f"n{number // 60}"})
        if (status := STATUSES[number % 4]) is not None:
            ledger.outcome(call, {"status": status}, b"persons" if number % 8 == 0 else None)
        if number % 10 == 0:
            ledger.note({"alert": "volume", "subject": "u0"})
    ledger.close()
    return book


def fits(number, wanted):
    at = BEGIN + timedelta(minutes=number)
    return (
        wanted.subject in (None, f"u{number % 3}")
        and wanted.session in (None, f"s{number % 5}")
        and wanted.snapshot in (None, f"n{number // 60}")
        and wanted.status in (None, STATUSES[number % 4] or "open")
        and (wanted.since is None or at >= wanted.since)
        and (wanted.until is None or at < wanted.until)
        and (not wanted.persons or (number % 8 == 0 and STATUSES[number % 4] is not None))
    )


QUESTIONS = [
    Wanted(subject=subject, session=session, snapshot=snapshot, status=status, since=since, persons=persons)
    for subject, session, snapshot, status, since, persons in product(
        (None, "u1"), (None, "s2"), (None, "n1"), (None, "answered", "failed", "open"), (None, BEGIN + timedelta(minutes=40)), (False, True)
    )
] + [
    Wanted(until=BEGIN + timedelta(minutes=7)),
    Wanted(since=BEGIN + timedelta(minutes=30), until=BEGIN + timedelta(minutes=50), status="refused"),
    Wanted(subject="nobody"),
]  # fmt: skip


@pytest.mark.parametrize("newest_first", [False, True])
def test_every_question_finds_what_looking_at_all_finds(mixed, newest_first):
    with Reader(mixed.url) as reader:
        for wanted in QUESTIONS:
            found = [int(one.call_id, 16) for one in reader.calls(wanted, newest_first)]
            right = [number for number in range(120) if fits(number, wanted)]
            assert found == (right[::-1] if newest_first else right), wanted


def test_pages_go_on_where_the_last_ended(mixed):
    with Reader(mixed.url) as reader:
        for wanted in (Wanted(), Wanted(status="answered"), Wanted(subject="u1"), Wanted(status="open")):
            found, cursor, pages = [], None, 0
            while True:
                page = reader.page(wanted, limit=7, cursor=cursor)
                found += [int(one.call_id, 16) for one in page.calls]
                pages += 1
                assert len(page.calls) <= 7
                if page.next is None:
                    break
                cursor = page.next
            assert found == [number for number in reversed(range(120)) if fits(number, wanted)]
            assert pages == -(-len(found) // 7)


def test_a_call_has_its_two_entries(mixed):
    with Reader(mixed.url) as reader:
        call = reader.call(f"{8:032x}")
        assert call.intent.body == {"subject": "u2", "session": "s3", "snapshot": "n0"}
        assert (call.outcome.body, call.outcome.sealed) == ({"status": "answered"}, b"persons")
        assert reader.call(f"{3:032x}").outcome is None
        assert reader.call("no such call") is None
        assert sorted(reader.open_calls()) == [f"{number:032x}" for number in range(3, 120, 4)]


def test_entries_are_read_from_any_place(mixed):
    with Reader(mixed.url) as reader:
        every = list(reader.entries())
        assert [one.seq for one in every] == list(range(1, reader.size() + 1))
        assert [one.seq for one in reader.entries(after=200)] == list(range(201, reader.size() + 1))
        assert [one.body["alert"] for one in reader.entries(kind="note")] == ["volume"] * 12
        assert reader.newest().checkpoint.size == reader.size()
        assert next(one.checkpoint.size for one in reader.checkpoints()) == reader.size()
    assert [one.written for one in entries(mixed.url)] == [one.written for one in every]


def test_a_ledger_never_written_has_nothing(new_book):
    book = new_book()
    with Reader(book.url) as reader:
        assert (reader.size(), reader.newest(), list(reader.entries()), reader.open_calls()) == (0, None, [], [])
        assert reader.page(Wanted()).calls == ()
    assert list(calls(book.url)) == []
    assert not book.file.exists()


@pytest.mark.parametrize("wanted", QUESTIONS)
def test_questions_are_asked_by_index(mixed, wanted):
    """No question but that for open calls or for all may look at every entry of a large ledger."""
    sql, values = _search(wanted, 50, True)
    plan = mixed.read_plan(f"{sql} LIMIT 50", values)
    assert not [line for line in plan if line.startswith("SCAN") and "USING" not in line], plan


def test_rare_kinds_are_read_by_index(mixed):
    plan = mixed.read_plan(f"SELECT seq FROM entry WHERE seq > 7 AND kind = 'note' AND {RARE} ORDER BY seq", ())
    assert ["entry_rare" in line for line in plan] == [True]


def test_times_without_a_zone_are_utc(mixed):
    with Reader(mixed.url) as reader:
        zoned = list(reader.calls(Wanted(since=BEGIN + timedelta(minutes=100))))
        assert list(reader.calls(Wanted(since=datetime(2025, 3, 1, 1, 40)))) == zoned  # noqa: DTZ001 - that is the point
        assert len(zoned) == 20


def test_reading_never_writes(mixed):
    before = mixed.file.read_bytes()
    with Reader(mixed.url) as reader, reader.connection() as connection:
        with pytest.raises(Exception, match="readonly"):
            connection.exec_driver_sql("DELETE FROM entry")
        list(reader.calls())
    assert mixed.file.read_bytes() == before
