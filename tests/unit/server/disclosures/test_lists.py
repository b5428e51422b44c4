"""Lists of persons are searched without being taken apart where they cannot hold the person: never one too few."""

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from data.errors import Damaged
from server.disclosures.who_saw import _found
from server.ledger.keys import Keys

pytestmark = pytest.mark.unit
KEYS = Keys(None, secrets.token_bytes(32), b"")
KEY = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 300), st.integers(2**52 - 300, 2**52))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sets(KEY, max_size=30), max_size=6), st.sets(KEY, min_size=1, max_size=3), st.data())
def test_search_agrees_with_membership(lists, wanted, data):
    for one in lists:
        if data.draw(st.booleans()):
            one.add(data.draw(st.sampled_from(sorted(wanted))))
    sealed = []
    for number, one in enumerate(lists):
        shown = BitMap64(key % 2**64 for key in one)
        if data.draw(st.booleans()):
            shown.run_optimize()
        sealed.append((str(number), KEYS.seal(str(number), shown.serialize())))
    found = dict(_found(sealed, KEYS, {key % 2**64: key for key in wanted}))
    assert found == {str(number): one & wanted for number, one in enumerate(lists) if one & wanted}


def test_a_list_moved_to_another_call_is_damage():
    with pytest.raises(Damaged, match="cannot be opened"):
        list(_found([("b", KEYS.seal("a", BitMap64([1]).serialize()))], KEYS, {1: 1}))
