"""Sums and ranges that numbers of a kind must fit; what tells a row of digits that is a card from one that is a result.

Each function is given the number without blanks and dashes, letters in either case, and says whether it could be one.
"""

import re

from policies.redaction.patterns.lists import listed

_IBAN = {entry[:2].lower(): int(entry[2:]) for entry in listed("iban")}
_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("abcdefgh", range(1, 9), strict=True)),
    **dict(zip("jklmn", range(1, 6), strict=True)),
    **dict(zip("pr", (7, 9), strict=True)),
    **dict(zip("stuvwxyz", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

# Issuer prefixes and lengths: American Express, Diners, JCB, Visa, Mastercard, Discover, UnionPay, Maestro.
_CARDS = re.compile(
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14,17}|(?:2131|1800)\d{11}|4\d{12}(?:\d{3}){0,2}"
    r"|(?:5[1-5]|2[2-7])\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|62\d{14,17}|(?:50|5[6-9]|6\d)\d{10,17}"
)

_VERHOEFF_TURN = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2), (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0), (4, 2, 8, 6, 5, 7, 3, 9, 0, 1), (2, 7, 9, 3, 8, 0, 6, 4, 1, 5), (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)  # fmt: skip


def luhn(digits: str) -> bool:
    """The sum of ISO/IEC 7812-1: cards and NPI."""
    if not digits.isdecimal():
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(digits: str) -> bool:
    """A payment card: a known issuer's prefix and length, and the Luhn sum."""
    return bool(_CARDS.fullmatch(digits)) and luhn(digits)


def npi(digits: str) -> bool:
    """A National Provider Identifier: Luhn with the prefix 80840 (45 CFR 162.406)."""
    return len(digits) == 10 and digits[0] in "12" and luhn("80840" + digits)


def iban(written: str) -> bool:
    """An account number by ISO 13616: as long as its country has them, and the rest by 97 is 1."""
    if _IBAN.get(written[:2].lower()) != len(written) or not written.isascii() or not written.isalnum():
        return False
    turned = written[4:] + written[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def aba(digits: str) -> bool:
    """A US bank routing number: Federal Reserve prefix, weights 3, 7, 1."""
    if len(digits) != 9 or not digits.isdecimal():
        return False
    prefix = int(digits[:2])
    known = prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    return known and sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(digits)) % 10 == 0


def ssn(digits: str) -> bool:
    """A Social Security number that can have been given: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    return (
        len(digits) == 9
        and digits[:3] not in {"000", "666"}
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
    )


def itin(digits: str) -> bool:
    """An individual taxpayer number, given to those without a Social Security number: 9xx and groups from 50."""
    return len(digits) == 9 and digits[0] == "9" and digits[3:5] >= "50"


def vin(written: str) -> bool:
    """A vehicle identification number with its check digit (49 CFR 565.15)."""
    written = written.lower()
    if len(written) != 17 or written.isdecimal() or written.isalpha():
        return False
    try:
        rest = sum(_VIN_VALUES[letter] * weight for letter, weight in zip(written, _VIN_WEIGHTS, strict=True)) % 11
    except KeyError:
        return False
    return written[8] == ("x" if rest == 10 else str(rest))


def dea(written: str) -> bool:
    """A prescriber's DEA registration: two letters (or letter and 9), seven digits, the last a sum of the others."""
    digits = written[2:]
    if len(written) != 9 or not digits.isdecimal():
        return False
    odd, even = sum(map(int, digits[0:6:2])), sum(map(int, digits[1:6:2]))
    return (odd + 2 * even) % 10 == int(digits[6])


def dni(written: str) -> bool:
    """A Spanish identity number (DNI, NIE): its letter is the rest by 23."""
    number = written[:-1].lower().translate({ord("x"): "0", ord("y"): "1", ord("z"): "2"})
    return number.isdecimal() and "trwagmyfpdxbnjzsqvhlcke"[int(number) % 23] == written[-1].lower()


def sctid(digits: str) -> bool:
    """A SNOMED CT identifier, which names a concept and no person: partition and Verhoeff's check digit."""
    if not 6 <= len(digits) <= 18 or digits[0] == "0" or digits[-3:-1] not in {"00", "01", "02", "10", "11", "12"}:
        return False
    rest = 0
    for place, digit in enumerate(reversed(digits)):
        rest = _dihedral(rest, _VERHOEFF_TURN[place % 8][int(digit)])
    return rest == 0


def day_first(digits: str) -> bool:
    """Six digits that could be a birthday DDMMYY, as in Nordic identity numbers."""
    return 1 <= int(digits[:2]) <= 31 and 1 <= int(digits[2:4]) <= 12


def year_first(digits: str) -> bool:
    """Six digits that could be a birthday YYMMDD; days from 61 are Swedish co-ordination numbers."""
    return 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) % 60 <= 31


def _dihedral(left: int, right: int) -> int:
    """The product in the group of the pentagon's symmetries, numbered as Verhoeff did."""
    if left < 5:
        return (left + right) % 5 if right < 5 else 5 + (left + right) % 5
    return 5 + (left - right) % 5 if right < 5 else (left - right) % 5
