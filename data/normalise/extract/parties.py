"""The people an X12 claim or remittance names beside its patient: who is insured or pays in the patient's place, who treats, refers and bills.

NM101 says what somebody is to the claim, NM102 whether it is a person (1); the segments that follow tell how to reach them (N3, N4, PER) and
their numbers (REF). Whose relative somebody is stands fast only when the claim ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from data.normalise.extract.related import PATIENT, RELATIVE, STAFF, Address, Name, Related

# Entity codes of 837P, I and D and of 835 (005010X222, X223, X224, X221; QD in 4010).
_ROLES = {
    **dict.fromkeys(("41", "71", "72", "82", "85", "87", "DD", "DK", "DN", "DQ", "P3", "QB", "ZZ"), STAFF),
    "QD": RELATIVE, "GB": RELATIVE, "74": PATIENT,
}  # fmt: skip
_SELF = "18"
_NUMBERS = {"XX": "NPI", "34": "SSN", "24": "EIN", "SY": "SSN", "0B": "LICENSE", "EA": "MRN"}  # NM108 and REF01
_MEMBER = frozenset({"MI", "II", "1W", "1L", "IG", "23"})
_PHONES = frozenset({"TE", "FX", "CP", "HP", "WP"})
_NOWHERE: Address = (None, None, None, None)
ABOUT = frozenset({"N2", "N3", "N4", "PER", "REF", "PRV", "DMG"})  # segments that tell more of whom NM1 named


@dataclass
class _Party:
    """Somebody, as far as told."""

    role: str
    person: bool
    names: list[Name | str] = field(default_factory=list)
    phones: list[str | None] = field(default_factory=list)
    emails: list[str | None] = field(default_factory=list)
    address: Address = _NOWHERE
    numbers: list[str | None] = field(default_factory=list)


class Parties:
    """Gathers the people of one file. `_now` is the one spoken of, None while it is the patient, or nobody."""

    def __init__(self, related: Related, origin: Mapping[str, Any]) -> None:
        self._related, self._origin = related, origin
        self._now: _Party | None = None
        self._patient: _Party | None = None
        self._subscriber: _Party | None = None
        self._waiting: list[_Party] = []  # who belongs to the patient of the claim under way
        self._told_self = False

    def begin(self, subscriber: bool) -> None:
        """Another patient is spoken of: a subscriber, or one who belongs to the subscriber told of before."""
        self.leave()
        self._patient, self._waiting, self._told_self = None, [], False
        if subscriber:
            self._subscriber = None

    def relationship(self, segment: Sequence[str]) -> None:
        """SBR: whether the subscriber named next is the patient (SBR02)."""
        self._told_self = _element(segment, 2) == _SELF

    def subscriber(self, segment: Sequence[str]) -> None:
        """NM1 of the subscriber, who is the patient unless another is named."""
        self.patient(segment)
        self._subscriber = self._patient

    def dependent(self, segment: Sequence[str], told: Mapping[str, Any]) -> None:
        """NM1 of the patient where that is not the subscriber; `told` is where the subscriber lives."""
        one = self._subscriber
        if one is not None and one.person:
            address = told.get("street"), told.get("city"), told.get("state"), told.get("zip")
            self._waiting.append(replace(one, role=RELATIVE, address=address))
        self.patient(segment)

    def patient(self, segment: Sequence[str]) -> None:
        """NM1 of the patient."""
        self.leave()
        self._patient = _party(PATIENT, segment)

    def named(self, segment: Sequence[str]) -> None:
        """NM1 of somebody who is not the patient."""
        code = _element(segment, 1) or ""
        role = (PATIENT if self._told_self else RELATIVE) if code == "IL" else _ROLES.get(code)
        self.leave()
        if role is not None:
            self._now = _party(role, segment)

    def about(self, segment: Sequence[str], of_patient: bool) -> None:
        """N3, N4, PER or REF of the one spoken of."""
        name, one = segment[0].upper(), self._patient if of_patient else self._now
        if name == "PER":
            self._reach(one, segment)
        elif one is not None and one.person:
            street, city, state, code = one.address
            if name == "N3":
                one.address = (_element(segment, 1), city, state, code)
            elif name == "N4":
                one.address = (street, _element(segment, 1), _element(segment, 2), _element(segment, 3))
            elif name == "REF":
                one.numbers.append(_number(segment, 1, 2))

    def of_claim(self, segment: Sequence[str]) -> None:
        """PER or REF of a claim as such: a payer's contact, or a number of the patient."""
        self.leave()
        if segment[0].upper() == "PER":
            self._reach(None, segment)
        else:
            self._waiting.append(_Party(PATIENT, True, numbers=[_number(segment, 1, 2)]))

    def leave(self) -> None:
        """The next segment is about something else."""
        one, self._now = self._now, None
        if one is not None and one.role == STAFF:
            self._add(one, None, None)
        elif one is not None:
            self._waiting.append(one)

    def end_claim(self, line: int, mrn: str | None) -> None:
        """Hands over the patient's people. Of the patient's name only what has more in it than is staged elsewhere."""
        self.leave()
        for one in self._waiting:
            self._add(one, line, mrn)
        if (one_more := self._patient) is not None:
            names: list[Name | str] = [name for name in one_more.names if " " in (name[1] or "")]
            self._add(replace(one_more, names=names), line, mrn)

    def _reach(self, one: _Party | None, segment: Sequence[str]) -> None:
        """PER: a contact's name in one piece, and up to three numbers with what they are. A firm's contact is its staff."""
        firm = one is None or (one.role == STAFF and not one.person)
        whose = _Party(STAFF, True) if firm or one is None else one
        if (contact := _element(segment, 2)) and whose.role == STAFF:
            whose.names.append(contact)
        elif contact:
            self._waiting.append(_Party(RELATIVE, True, [contact]))
        for place in (3, 5, 7):
            kind, number = _element(segment, place), _element(segment, place + 1)
            if kind == "EM":
                whose.emails.append(number)
            elif kind in _PHONES:
                whose.phones.append(number)
        if firm:
            self._add(whose, None, None)

    def _add(self, one: _Party, line: int | None, mrn: str | None) -> None:
        self._related.add(
            {**self._origin, "line": line}, one.role, mrn, names=one.names, phones=one.phones, emails=one.emails,
            addresses=[one.address], identifiers=one.numbers,
        )  # fmt: skip


def _party(role: str, segment: Sequence[str]) -> _Party:
    person = _element(segment, 2) == "1"
    number = _number(segment, 8, 9) if person else None
    return _Party(role, person, [_name(segment)] if person else [], numbers=[number])


def _name(segment: Sequence[str]) -> Name:
    given = " ".join(text for place in (4, 5) if (text := _element(segment, place)))
    return _element(segment, 3), given or None


def _number(segment: Sequence[str], qualifier: int, place: int) -> str | None:
    kind, number = _element(segment, qualifier) or "", _element(segment, place)
    system = "MEMBER" if kind in _MEMBER else _NUMBERS.get(kind)
    return f"{system}|{number}" if system and number else None


def _element(segment: Sequence[str], number: int) -> str | None:
    return segment[number].strip() or None if number < len(segment) else None
