"""What stands in a text in place of an identifier.

The same identity has the same surrogate in all texts of one person's record, and another one in another's, so surrogates link no two
records. They are keyed: who lacks the key can compute neither a surrogate from a name nor the other way. In place of a date stands the date
moved by the person's own shift, so intervals hold; ages over 89 become 90 (45 CFR 164.514(b)(2)(i)(C)).
"""

import base64
import hmac
import re
from collections.abc import Callable, Mapping

from data.synthetic.names import FAMILY, GIVEN_F, GIVEN_M, PLACES, STREET_KINDS, STREETS
from policies.redaction.spans import ADDRESS, AGE, DATE, EMAIL, IP, NAME, PHONE, PLACE, URL

Keyed = Callable[[str], bytes]
_GIVEN = (*GIVEN_F, *GIVEN_M)


class Surrogates:
    """Makes surrogates under a key, in one of two styles: `label` ([NAME-7KQ2]) or `realistic`."""

    def __init__(self, key: bytes, style: str) -> None:
        self._key, self._realistic = key, style == "realistic"

    def of(self, kind: str, written: str, identity: str, record: str) -> str:
        """The surrogate of an identifier as `written`, of an `identity` (its words or number, folded), in the record of a person."""
        if kind == AGE:
            return "90" if self._realistic else "[AGE-90+]"
        drawn = hmac.digest(self._key, f"surrogate\x1f{record}\x1f{kind}\x1f{identity}".encode(), "sha256")
        make = _REALISTIC.get(kind) if self._realistic else None  # a number's surrogate reads as well as a label
        return make(written, drawn) if make else f"[{kind}-{base64.b32encode(drawn)[:4].decode()}]"


def date_label() -> str:
    """In place of a date that cannot be moved."""
    return f"[{DATE}]"


def _pick(options: tuple[str, ...] | list[str], drawn: bytes, place: int) -> str:
    return options[int.from_bytes(drawn[place * 4 : place * 4 + 4], "big") % len(options)]


def _name(written: str, drawn: bytes) -> str:
    """Another name of the same form: both parts or one, family first or last, capitals, initials."""
    family, given = _pick(FAMILY, drawn, 0), _pick(_GIVEN, drawn, 1)
    words = re.findall(r"[^\W\d_]+", written)
    if "," in written:
        made = f"{family}, {given}"
    elif "^" in written:
        made = f"{family}^{given}"
    elif len(words) == 1:
        made = family
    else:
        made = f"{given[0]}. {family}" if len(words[0]) == 1 else f"{given} {family}"
    return made.upper() if written.isupper() else made


def _place(written: str, drawn: bytes) -> str:
    town = str(PLACES[int.from_bytes(drawn[:4], "big") % len(PLACES)][0])
    return town.upper() if written.isupper() else town


def _address(written: str, drawn: bytes) -> str:
    street = (
        f"{int.from_bytes(drawn[8:10], 'big') % 899 + 100} {_pick(STREETS, drawn, 0)} {_pick(STREET_KINDS, drawn, 1)}"
    )
    return street if "," not in written else f"{street}, {_place('', drawn[12:])}"


def _phone(_written: str, drawn: bytes) -> str:
    """A number kept free for fiction: 555-0100 to 555-0199 (North American Numbering Plan)."""
    return f"555-01{drawn[0] % 100:02d}"


_REALISTIC: Mapping[str, Callable[[str, bytes], str]] = {
    NAME: _name,
    PLACE: _place,
    ADDRESS: _address,
    PHONE: _phone,
    EMAIL: lambda _, drawn: f"person{int.from_bytes(drawn[:3], 'big')}@example.org",
    URL: lambda _, drawn: f"https://example.org/{int.from_bytes(drawn[:3], 'big')}",
    IP: lambda _, drawn: f"192.0.2.{drawn[0]}",
}
# Telephones, mail, addresses of the web and of machines that are kept free for examples (NANP 555-01XX, RFC 2606, RFC 5737).
INVENTED = re.compile(r"555-01\d\d|person\d+@example\.org|https://example\.org/\d+|192\.0\.2\.\d+")
