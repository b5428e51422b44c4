"""Needles in HL7 v2: messages in which every field is planted but those that make them messages of a patient at a time."""

import base64
from pathlib import Path

from data.synthetic.population import Person
from tests.integration.server.canary.persons import Cast

_AT = "20240303080000"


class _Writer:
    """Writes segments about one person of one source."""

    def __init__(self, cast: Cast, person: Person, source: str, system: str) -> None:
        self.cast, self.person, self.source, self.system = cast, person, source, system

    def text(self, where: str) -> str:
        return self.cast.text(f"{self.source}: {where}", self.person)

    def segment(self, name: str, fields: int, **known: str) -> str:
        """A segment of so many fields; those known by number (`f3`) are as given, all others are planted."""
        return "|".join(
            [name, *(known.get(f"f{place}") or self._field(name, place, known) for place in range(1, fields + 1))]
        )

    def _field(self, name: str, place: int, known: dict[str, str]) -> str:
        return "" if known.get(f"f{place}") == "" else self.text(f"{name}-{place}")

    def head(self, kind: str, version: str = "2.5") -> str:
        control = self.text("MSH-10").split(" ")[-1].partition("@")[0]
        applications = "|".join(self.text(f"MSH-{place}") for place in (3, 4, 5, 6))
        return f"MSH|^~\\&|{applications}|{_AT}|{self.text('MSH-8')}|{kind}|{control}|P|{version}"

    def patient(self) -> str:
        """PID: who the person is, and a needle in all else that HL7 2.5.1 has there."""
        one = self.person
        name = f"{one.family}^{one.given}^{self.text('PID-5.3')}^{self.text('PID-5.4')}"
        address = f"{one.street}^{self.text('PID-11.2')}^{one.city}^{one.state}^{one.zip}^{self.text('PID-11.6')}"
        return self.segment(
            "PID", 39, f1="1", f3=f"{one.mrn(self.system)}^^^{self.system}^MR", f5=name, f7=f"{one.birth:%Y%m%d}", f8=one.sex[0].upper(),
            f11=address, f13=f"{one.phone}^{self.text('PID-13.2')}^^{self.text('PID-13.4')}", f19=one.ssn, f29="", f30="",
        )  # fmt: skip


def plant_adt(folder: Path, cast: Cast) -> None:
    """An admission told in full, a merge, a document (which is not read), and a message of no known type."""
    to = _Writer(cast, cast.persons[6], "adt", "EHR")
    visit = to.segment("PV1", 52, f1="1", f44=_AT, f45="")
    admitted = [to.head("ADT^A01"), to.segment("EVN", 7, f1="A01", f2=_AT), to.patient(), to.segment("NK1", 39), visit,
                *(to.segment(name, many) for name, many in (("PV2", 49), ("AL1", 6), ("DG1", 21), ("GT1", 57), ("IN1", 53), ("ZPI", 9)))]  # fmt: skip
    merged = [to.head("ADT^A40"), to.segment("EVN", 7, f1="A40", f2=_AT), to.patient(), to.segment("MRG", 7)]
    document = [to.head("MDM^T02"), to.patient(), to.segment("TXA", 23), to.segment("OBX", 19)]
    strange = [to.head(f"{to.person.family}^{to.person.given}"), to.patient()]
    undated = [to.head("ADT^A04"), to.segment("EVN", 7, f1="A04"), to.patient(), to.segment("PV1", 52, f45="")]
    _write(folder / "adt-canary.hl7", admitted, merged, document, strange, undated)


def plant_laboratory(folder: Path, cast: Cast) -> None:
    """A report with results of every type, and results that end in quarantine."""
    to = _Writer(cast, cast.persons[9], "laboratory", "LAB")
    own = to.text("OBX-5 (coded)")
    values = {
        "NM": ("5.5", "2345-7^Glucose^LN"), "ST": (to.text("OBX-5 (ST)"), "4548-4^x^LN"), "TX": (to.text("OBX-5 (TX)"), "2160-0^x^LN"),
        "FT": (f"{to.text('OBX-5 (FT)')}~{to.text('OBX-5 (FT) again')}", "718-7^x^LN"), "CWE": (f"{own}^{to.text('OBX-5.2')}^L", "2093-3^x^LN"),
        "ED": (f"^TEXT^^Base64^{base64.b64encode(to.text('OBX-5 (ED)').encode()).decode()}", "11502-2^x^LN"),
    }  # fmt: skip
    lines = [
        to.head("ORU^R01"),
        to.patient(),
        to.segment("NTE", 4),
        to.segment("NK1", 39),
        to.segment("PV1", 52),
        to.segment("ORC", 31),
    ]
    lines.append(to.segment("OBR", 50, f7=_AT, f22=""))
    for kind, (value, code) in values.items():
        lines += [to.segment("OBX", 25, f2=kind, f3=code, f5=value, f11="F", f14=_AT), to.segment("NTE", 4)]
    local = f"{to.text('OBX-3.1')}^{to.text('OBX-3.2')}^L^{to.text('OBX-3.4')}^{to.text('OBX-3.5')}^L"
    lines.append(to.segment("OBX", 25, f2="ST", f3=local, f14=_AT))
    lines.append(to.segment("SPM", 29))
    head, order = [to.head("ORU^R01"), to.patient()], to.segment("OBR", 50, f7="", f22="")
    bad_number = [*head, order, to.segment("OBX", 25, f2="NM", f3="2345-7^x^LN", f11="F", f14=_AT)]
    bad_date = [*head, order, to.segment("OBX", 25, f2="NM", f3="2345-7^x^LN", f5="5", f11="F")]
    nobody = [to.head("ORU^R01"), to.segment("PID", 39, f1="1", f3=""), order]
    _write(folder / "oru-canary.hl7", lines, bad_number, bad_date, nobody)
    (folder / "oru-torn.hl7").write_text(f"PID|{to.text('a message without a head')}\r")


def _write(path: Path, *messages: list[str]) -> None:
    path.write_bytes(("\r".join("\r".join(lines) for lines in messages) + "\r").encode())


def plant_often(folder: Path, cast: Cast) -> None:
    """One person's results under a code that is a remark, more than a hundred of them: whatever counts records would name it."""
    to = _Writer(cast, cast.persons[12], "laboratory", "LAB")
    code = to.text("OBX-3.1 (often)")
    lines = [to.head("ORU^R01"), to.patient(), to.segment("OBR", 50, f7=_AT, f22="")]
    lines += [f"OBX|{place}|NM|{code}^{code}^L|{place}|{place}|mg/dL|||||F|||{_AT}" for place in range(1, 131)]
    _write(folder / "oru-often.hl7", lines)
