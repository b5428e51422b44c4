"""Sums that numbers of a kind must fit: true ones pass, one changed digit does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.redaction.patterns import checks

pytestmark = pytest.mark.unit

# From the standards' own examples and issuers' published test numbers.
TRUE = [
    (checks.card, ["4111111111111111", "5555555555554444", "2223003122003222", "378282246310005", "30569309025904", "6011111111111117",
                   "3530111333300000", "6250941006528599", "180045984582343", "4735110554588", "6759649826438453", "676222165679"]),
    (checks.npi, ["1234567893", "1245319599"]),
    (checks.iban, ["GB82WEST12345698765432", "DE89370400440532013000", "fr1420041010050500013m02606", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]),
    (checks.aba, ["021000021", "011401533", "091000019"]),
    (checks.ssn, ["219099999", "078051120", "899999999", "001010001"]),
    (checks.itin, ["912701234", "999881234"]),
    (checks.vin, ["1M8GDM9AXKP042788", "1HGCM82633A004352", "5gzcz43d13s812715"]),
    (checks.dea, ["BB1388568", "AB1234563", "f91234563"]),
    (checks.dni, ["12345678Z", "X1234567L", "Y1234567X", "00000000t"]),
    (checks.sctid, ["44054006", "73211009", "22298006", "1240581000000104", "900000000000207008", "1148757008"]),
    (checks.day_first, ["010190", "311299"]),
    (checks.year_first, ["900101", "991231", "900161"]),
]  # fmt: skip
FALSE = [
    (checks.card, ["4111111111111112", "1111111111111117", "411111111111111", "0000000000000000", ""]),
    (checks.npi, ["1234567890", "3234567893", "123456789", ""]),
    (checks.iban, ["GB82WEST12345698765431", "GB82WEST1234569876543", "ZZ82WEST12345698765432", "DE8937040044053201300\u0660", ""]),
    (checks.aba, ["021000022", "991000021", "02100002", "o21000021"]),
    (checks.ssn, ["000121234", "666121234", "900121234", "219009999", "219090000", "12345678"]),
    (checks.itin, ["912121234", "812701234"]),
    (checks.vin, ["1M8GDM9A1KP042788", "11111111111111111", "IOQGDM9AXKP042788", "1M8GDM9AXKP04278", "AAAAAAAAAAAAAAAAA"]),
    (checks.dea, ["BB1388569", "BB138856", "BBB388568"]),
    (checks.dni, ["12345678A", "X123456AL", ""]),
    (checks.sctid, ["44054007", "12345678", "044054006", "44054", "99999999999999999999"]),
    (checks.day_first, ["321299", "001299", "011399"]),
    (checks.year_first, ["991301", "990132", "990199", "990100"]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "written"), [(check, one) for check, some in TRUE for one in some])
def test_true_number_passes(check, written):
    assert check(written)


@pytest.mark.parametrize(("check", "written"), [(check, one) for check, some in FALSE for one in some])
def test_false_number_does_not(check, written):
    assert not check(written)


@given(st.sampled_from([(checks.card, "4111111111111111"), (checks.npi, "1234567893"), (checks.aba, "021000021"), (checks.sctid, "1240581000000104")]),
       st.data())  # fmt: skip
def test_one_digit_changed_is_noticed(sound, data):
    check, digits = sound
    place = data.draw(st.integers(1, len(digits) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != digits[place]]))
    assert not check(digits[:place] + other + digits[place + 1 :])


@given(st.text("0123456789", min_size=3, max_size=18))
def test_luhn_has_exactly_one_last_digit(digits):
    assert sum(checks.luhn(digits + last) for last in "0123456789") == 1


@given(st.text(max_size=40))
def test_any_text_is_answered(text):
    for check in (checks.luhn, checks.card, checks.npi, checks.iban, checks.aba, checks.vin, checks.dea):
        assert check(text) in (True, False)
