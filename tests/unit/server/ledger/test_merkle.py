"""The tree: known roots, and proofs held against the definitions of RFC 6962 written out as they stand there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.ledger.merkle import (
    EMPTY,
    Frontier,
    consistency_proof,
    full_root,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_by_inclusion,
)

pytestmark = pytest.mark.unit

# The test data of the Certificate Transparency reference implementation.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(1, 70)


def leaves(count):
    return [leaf_hash(str(number).encode()) for number in range(count)]


def mth(hashes):
    """Merkle Tree Hash, RFC 6962 section 2.1, word for word."""
    if not hashes:
        return EMPTY
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(mth(hashes[:k]), mth(hashes[k:]))


def nodes(hashes):
    return lambda level, number: full_root(hashes[number << level : (number + 1) << level])


def test_known_roots():
    tree = Frontier()
    assert tree.root() == EMPTY
    for told, root in zip(INPUTS, ROOTS, strict=True):
        tree.push(leaf_hash(bytes.fromhex(told)))
        assert tree.root().hex() == root


@given(SIZES)
@settings(max_examples=70, deadline=None, derandomize=True)
def test_the_frontier_has_the_root_of_the_definition(size):
    tree = Frontier()
    for leaf in leaves(size):
        tree.push(leaf)
    assert tree.root() == mth(leaves(size))
    assert len(tree.peaks) == size.bit_count()


def test_full_subtrees_may_be_added_whole():
    one, other, hashes = Frontier(), Frontier(), leaves(600)
    for leaf in hashes:
        one.push(leaf)
    for number in range(2):
        other.push(full_root(hashes[number * 256 : number * 256 + 256]), 8)
    for leaf in hashes[512:]:
        other.push(leaf)
    assert (one.root(), one.peaks) == (other.root(), other.peaks)
    assert one.complete == [(8, number, full_root(hashes[number * 256 : number * 256 + 256])) for number in range(2)]
    with pytest.raises(ValueError, match="multiple"):
        other.push(EMPTY, 8)


@given(st.data(), SIZES)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_leaf_is_proven_and_no_other(data, size):
    index, hashes = data.draw(st.integers(0, size - 1)), leaves(size)
    proof = inclusion_proof(index, size, nodes(hashes))
    assert len(proof) <= (size - 1).bit_length()
    assert root_by_inclusion(hashes[index], index, size, proof) == mth(hashes)
    assert root_by_inclusion(leaf_hash(b"another"), index, size, proof) != mth(hashes)
    if size > 1:
        elsewhere = data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
        try:
            assert root_by_inclusion(hashes[index], elsewhere, size, proof) != mth(hashes)
        except ValueError as error:
            assert "proof" in str(error)  # noqa: PT017 - a proof of another length is as good an answer
        with pytest.raises(ValueError, match="proof"):
            root_by_inclusion(hashes[index], index, size, proof[:-1])
    with pytest.raises(ValueError, match="proof"):
        root_by_inclusion(hashes[index], index, size, [*proof, EMPTY])


@given(st.data(), SIZES)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_earlier_tree_is_proven_and_no_other(data, size):
    first, hashes = data.draw(st.integers(1, size)), leaves(size)
    proof, before, now = consistency_proof(first, size, nodes(hashes)), mth(hashes[:first]), mth(hashes)
    assert is_consistent(first, before, size, now, proof)
    forked = mth([*hashes[: first - 1], leaf_hash(b"another")])
    assert not is_consistent(first, forked, size, now, proof)
    assert not is_consistent(first, before, size, mth([*hashes, EMPTY]), proof)
    if proof:
        assert not is_consistent(first, before, size, now, proof[:-1])
    assert not is_consistent(first, before, size, now, [*proof, EMPTY])


def test_what_is_not_in_a_tree_has_no_proof():
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="not in"):
            inclusion_proof(index, size, nodes(leaves(3)))
    for first in (0, 4):
        with pytest.raises(ValueError, match="not inside"):
            consistency_proof(first, 3, nodes(leaves(3)))
