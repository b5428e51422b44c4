"""Group commit by itself: everyone is written once, those who come together together, and no error or stop leaves anyone waiting or deceived."""

import threading
import time

import pytest

from server.ledger.group import Group, Item

pytestmark = pytest.mark.unit


def together(group, count, each=1):
    """Hands in from many threads; gives what came of each: the item, or its error."""
    found, lock = [], threading.Lock()

    def put():
        for _ in range(each):
            item = Item()
            try:
                group.put(item)
                came = item
            except Exception as error:  # noqa: BLE001 - what came of it is what is asked
                came = error
            with lock:
                found.append(came)

    threads = [threading.Thread(target=put) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    return found


def test_everyone_is_written_once_and_many_at_a_time():
    batches, writing = [], threading.Lock()

    def write(batch):
        assert writing.acquire(blocking=False), "two wrote at once"
        time.sleep(0.002)
        batches.append(list(batch))
        writing.release()

    found = together(Group(write, 10), 16, 50)
    written = [item for batch in batches for item in batch]
    assert len(written) == len(set(map(id, written))) == len(found) == 800
    assert set(map(id, written)) == set(map(id, found))
    assert len(batches) < 400


def test_an_error_reaches_those_it_was_for():
    count = [0]

    def write(batch):
        time.sleep(0.001)
        count[0] += 1
        if count[0] % 2:
            for item in batch:
                item.error = OSError("no room")

    found = together(Group(write, 10), 8, 20)
    assert len(found) == 160
    assert {type(one) for one in found} == {OSError, Item}


def test_a_bug_in_writing_deceives_nobody():
    """What raised instead of writing was not written, whoever waited for it; and the next is served."""
    begun, unwritten, written = [], [], []

    def write(batch):
        begun.append(batch)
        time.sleep(0.02)
        if len(begun) == 2:
            unwritten.extend(batch)
            raise KeyError("bug")
        written.extend(batch)

    found = together(Group(write, 10), 6, 5)
    assert unwritten
    assert all(isinstance(item.error, RuntimeError) for item in unwritten)
    assert {id(one) for one in found if isinstance(one, Item)} == {id(item) for item in written}
    assert len(written) + len(unwritten) == 30


def test_who_waits_too_long_is_told_and_not_written():
    begun, go_on, written = threading.Event(), threading.Event(), []

    def write(batch):
        begun.set()
        go_on.wait(10)
        written.extend(batch)

    group, first, late = Group(write, 0.1), Item(), Item()
    leader = threading.Thread(target=group.put, args=(first,))
    leader.start()
    begun.wait(10)
    with pytest.raises(TimeoutError):
        group.put(late)
    go_on.set()
    leader.join(timeout=10)
    assert written == [first]
    group.put(Item())
    assert len(written) == 2
