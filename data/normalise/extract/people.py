"""The people an HL7 v2 message names, whatever its type: next of kin, guarantors, the insured, staff, and what else it says of the patient.

Which fields hold people is data here (HL7 2.3 to 2.8.2; XPN, XAD, XTN, CX, XCN, NDL and DLN of chapter 2A). Employers are left out: their
names are those of firms.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.normalise.extract.er7 import Segment, component, field, plain
from data.normalise.extract.related import PATIENT, RELATIVE, STAFF, Address, Name, Related

# Fields of type XCN (or CN, PPN: number, family and given name), by segment.
_STAFF: Mapping[str, tuple[int, ...]] = {
    "ABS": (1, 5, 8), "ACC": (7,), "AIP": (3,), "ARQ": (15, 19), "BPX": (20, 21), "CSR": (7, 8), "DG1": (16,), "EVN": (5,),
    "FT1": (20, 21, 24), "IAM": (18,), "IN1": (30,), "IN3": (3, 14, 25), "NTE": (5,), "OBR": (10, 16, 28), "OBX": (16, 25),
    "ORC": (10, 11, 12, 19), "PD1": (4,), "PES": (2,), "PR1": (8, 11, 12), "PRT": (5,), "PV1": (7, 8, 9, 17, 52), "PV2": (13,),
    "ROL": (4,), "RXA": (10,), "RXD": (10,), "RXE": (13, 14), "RXO": (14, 15), "SCH": (12, 16, 20), "TXA": (5, 9, 10, 11, 22, 23),
}  # fmt: skip
# Fields of type NDL: a person's number and names as parts of the first component.
_INTERPRETERS: Mapping[str, tuple[int, ...]] = {"OBR": (32, 33, 34, 35)}


@dataclass(frozen=True)
class _Party:
    """Where a segment tells of somebody: fields of names (XPN), addresses (XAD), phones (XTN) and numbers (CX); `bare` are numbers as text."""

    role: str
    names: tuple[int, ...]
    addresses: tuple[int, ...] = ()
    phones: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    bare: tuple[tuple[int, str], ...] = ()
    relation: int = 0  # the field that says whether this is the patient

    @property
    def fields(self) -> set[int]:
        """All of them."""
        bare = (number for number, _ in self.bare)
        return {*self.names, *self.addresses, *self.phones, *self.numbers, *bare, self.relation} - {0}


_PARTIES: Mapping[str, tuple[_Party, ...]] = {
    "NK1": (
        _Party(RELATIVE, (2,), (4,), (5, 6, 40), (12, 33), relation=3),
        _Party(RELATIVE, (30,), (32,), (31, 41), bare=((37, "SSN"),)),
        _Party(RELATIVE, (26,)),
    ),
    "GT1": (
        _Party(RELATIVE, (3,), (5,), (6, 7), (2, 19), ((12, "SSN"),), relation=11),
        _Party(RELATIVE, (4,)),
        _Party(RELATIVE, (42,)),
        _Party(RELATIVE, (45,), (), (46,)),
    ),
    "IN1": (
        _Party(RELATIVE, (16,), (19,), relation=17),
        _Party(PATIENT, (), numbers=(49,), bare=((36, "MEMBER"),)),
        _Party(STAFF, (6,), (), (7,)),
    ),
    "IN2": (
        _Party(RELATIVE, (7, 9, 40), (), (63,), (1,), ((2, "SSN"), (10, "MILITARY"))),
        _Party(RELATIVE, (52,), (), (53,)),
        _Party(PATIENT, (), numbers=(26, 61), bare=((6, "MEMBER"), (8, "MEMBER"))),
    ),
    "MRG": (_Party(PATIENT, (7,), numbers=(1, 2, 3, 4)),),
    "PRD": (_Party(STAFF, (2,), (3,), (5,)),),
    "STF": (_Party(STAFF, (3,), (11,), (10,), (2,)),),
    "CTD": (_Party(STAFF, (2,), (3,), (5,)),),
}
# Every field that is read, by segment; of PID those of which nothing is staged elsewhere.
_WANTED = {
    name: tuple(sorted({
        *_STAFF.get(name, ()), *_INTERPRETERS.get(name, ()), *(number for party in _PARTIES.get(name, ()) for number in party.fields),
    }))
    for name in {*_STAFF, *_INTERPRETERS, *_PARTIES}
} | {"PID": (2, 4, 6, 9, 14, 18, 19, 20, 21, 40)}  # fmt: skip
_SELF = frozenset({"SEL", "SELF", "18", "01"})  # tables 0063 and 0344: the patient in person


def stage(related: Related, origin: Mapping[str, Any], parts: Sequence[Segment], told: bool) -> None:
    """Everybody in a message. `told`: the first name, address and phone of the patient, and its numbers, are staged elsewhere."""
    mrn: str | None = None
    for part in parts:
        name = part[0]
        wanted = _WANTED.get(name)
        if wanted is None or (len(part) <= wanted[0] and name != "PID"):  # as most results: none of the fields is there
            continue
        if name == "PID":
            mrn = next(_numbers(field(part, 3), "HL7"), "|").partition("|")[2] or None
            said = _more(part, told)
        else:
            said = [part[number] for number in wanted if number < len(part)]
        if not any(said) or related.heard(origin["source"], name, mrn, *said):
            continue
        if name == "PID":
            _patient(related, origin, part, mrn, told)
        for number in _STAFF.get(name, ()):
            _staff(related, origin, field(part, number), "^")
        for number in _INTERPRETERS.get(name, ()):
            for one in field(part, number).split("~"):
                _staff(related, origin, one.split("^")[0], "&")
        for party in _PARTIES.get(name, ()):
            _party(related, origin, part, party, mrn)


def _more(pid: Segment, told: bool) -> list[str]:
    """Fields of PID that say something of a patient. Where the first name, address and phone are staged: only those that say more."""
    fields = [pid[number] for number in _WANTED["PID"] if number < len(pid)]
    if told:
        name, address, phone = field(pid, 5), field(pid, 11), field(pid, 13)
        fields += [name] if "~" in name or "&" in name or name.count("^") > 1 else []
        fields += [address] if "~" in address else []
        fields += [phone] if "~" in phone or "@" in phone or phone[:1] == "^" else []
    else:
        fields += [field(pid, number) for number in (3, 5, 11, 13)]
    return fields


def _patient(related: Related, origin: Mapping[str, Any], pid: Segment, mrn: str | None, told: bool) -> None:
    """What PID says beyond what is staged of it."""
    names, addresses, (phones, emails) = (
        [*_names(field(pid, 5))],
        [*_addresses(field(pid, 11))],
        _reached(pid, (13, 14, 40)),
    )
    if told:
        names = [name for place, name in enumerate(names) if place > 0 or " " in (name[1] or "")]
        addresses, staged = addresses[1:], component(field(pid, 13).split("~")[0], 1)
        phones = [phone for phone in phones if phone != staged]
    numbers = [one for number in ((2, 4) if told else (2, 3, 4)) for one in _numbers(field(pid, number), "HL7")]
    numbers += _numbers(field(pid, 18), "ACCOUNT")
    numbers += [f"{kind}|{value}" for number, kind in ((19, "SSN"), (20, "LICENSE")) if (value := _bare(pid, number))]
    related.add(
        origin, PATIENT, mrn, names=[*names, *_names(field(pid, 9))], phones=phones, emails=emails, addresses=addresses, identifiers=numbers
    )  # fmt: skip
    related.add(origin, RELATIVE, mrn, names=_names(field(pid, 6)), identifiers=_numbers(field(pid, 21), "HL7"))


def _party(related: Related, origin: Mapping[str, Any], part: Segment, party: _Party, mrn: str | None) -> None:
    relation = component(field(part, party.relation), 1) if party.relation else None
    role = PATIENT if (relation or "").upper() in _SELF else party.role
    phones, emails = _reached(part, party.phones)
    identifiers = [one for number in party.numbers for one in _numbers(field(part, number), "HL7")]
    related.add(
        origin, role, None if role == STAFF else mrn, names=[name for number in party.names for name in _names(field(part, number))],
        phones=phones, emails=emails, addresses=[one for number in party.addresses for one in _addresses(field(part, number))],
        identifiers=[*identifiers, *(f"{kind}|{value}" for number, kind in party.bare if (value := _bare(part, number)))],
    )  # fmt: skip


def _staff(related: Related, origin: Mapping[str, Any], repeated: str, separator: str) -> None:
    for one in repeated.split("~"):
        pieces = one.split(separator)
        if len(pieces) < 2:
            continue
        number, names = plain(pieces[0]), list(_family_given(pieces[1:4]))
        authority = plain(pieces[8].split("&")[0]) if separator == "^" and len(pieces) > 8 else ""
        kind = plain(pieces[12]) if separator == "^" and len(pieces) > 12 else ""
        system = "NPI" if "NPI" in (kind.upper(), authority.upper()) else authority or "STAFF"
        related.add(origin, STAFF, names=names, identifiers=[f"{system}|{number}"] if number else [])


def _names(repeated: str) -> Iterator[Name]:
    """XPN: family name, given name, further given names."""
    for one in repeated.split("~"):
        yield from _family_given(one.split("^")[:3])


def _family_given(pieces: Sequence[str]) -> Iterator[Name]:
    """The family name may be told in parts (FN): the whole, and the own and the partner's beside it."""
    given = " ".join(text for piece in pieces[1:] if (text := plain(piece))) or None
    whole, *parts = [plain(piece) for piece in pieces[0].split("&")] if pieces else [""]
    if whole or given:
        yield whole or None, given
    for place in (1, 3):
        if place < len(parts) and parts[place] and parts[place] != whole:
            yield parts[place], given


def _addresses(repeated: str) -> Iterator[Address]:
    """XAD, the street as far as its first part (SAD) tells it."""
    for one in repeated.split("~"):
        pieces = one.split("^")
        street, city, state, code = (plain(pieces[place]) if place < len(pieces) else "" for place in (0, 2, 3, 4))
        yield plain(pieces[0].split("&")[0]) or street or None, city or None, state or None, code or None


def _reached(part: Segment, numbers: Sequence[int]) -> tuple[list[str], list[str]]:
    """Phones and e-mail addresses of XTN fields: the number as text, or put together from its parts (from 2.7 on there is no text)."""
    phones, emails = [], []
    for number in numbers:
        for one in field(part, number).split("~") if number < len(part) else ():
            pieces = [plain(piece) for piece in one.split("^")]
            pieces += [""] * (12 - len(pieces))
            emails += [piece for piece in (pieces[0], pieces[3]) if "@" in piece]
            if phone := pieces[0] if "@" not in pieces[0] else "":
                phones.append(phone)
            elif pieces[6] or pieces[11]:
                phones.append(pieces[11] or " ".join(piece for piece in pieces[4:7] if piece))
    return phones, emails


def _numbers(repeated: str, otherwise: str) -> Iterator[str]:
    """CX: authority|number of each."""
    for one in repeated.split("~"):
        if number := component(one, 1):
            yield f"{(component(one, 4) or '').split('&')[0] or otherwise}|{number}"


def _bare(part: Segment, number: int) -> str | None:
    return component(field(part, number), 1)
