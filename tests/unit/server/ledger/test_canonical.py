"""Canonical JSON: the vectors of RFC 8785, and agreement with an implementation of it on everything the ledger may hold."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from server.ledger.canonical import canonical_json

pytestmark = pytest.mark.unit
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | WHOLE | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)

# The published test data of RFC 8785 (section 3.2 and its repository), but for its floating numbers, which the ledger refuses.
VECTORS = {
    "section 3.2.2": (
        '{"string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false]}',
        '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ),
    "section 3.2.3": (
        ('{"\\u20ac": "Euro Sign", "\\r": "Carriage Return", "\\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One", '
        '"\\ud83d\\ude00": "Emoji: Grinning Face", "\\u0080": "Control", "\\u00f6": "Latin Small Letter O With Diaeresis"}'),
        ('{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
        '"\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'),
    ),
    "structures": (
        '{"1": {"f": {"f": "hi","F": 5} ,"\\n": 56}, "10": { }, "": "empty", "a": { }, "111": [ {"e": "yes","E": "no" } ], "A": { }}',
        '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
    ),
    "french": (
        ('{"peach": "This sorting order", "p\u00e9ch\u00e9": "is wrong according to French", "p\u00eache": "but canonicalization MUST", '
        '"sin": "ignore locale"}'),
        ('{"peach":"This sorting order","p\u00e9ch\u00e9":"is wrong according to French","p\u00eache":"but canonicalization MUST",'
        '"sin":"ignore locale"}'),
    ),
    "unicode": ('{"Unnormalized Unicode":"A\\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'),
}  # fmt: skip


@pytest.mark.parametrize(("told", "wanted"), VECTORS.values(), ids=VECTORS)
def test_vectors_of_the_standard(told, wanted):
    assert canonical_json(json.loads(told)).decode() == wanted


@given(PLAIN)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_agrees_with_another_implementation(value):
    assert canonical_json(value) == rfc8785.dumps(value)


@given(PLAIN)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_is_one_form(value):
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@pytest.mark.parametrize("value", [1.5, {"a": [1.0]}, {1: "a"}, b"x", {"a": {1, 2}}])
def test_refuses_what_has_no_one_form(value):
    with pytest.raises(TypeError):
        canonical_json(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"\udfff": 1}])
def test_refuses_what_is_no_json_everywhere(value):
    with pytest.raises(ValueError, match=r"canonical|surrogates"):
        canonical_json(value)
