"""The laboratory: HL7 v2 ORU^R01 messages with its own patient numbers, other units from a satellite site, corrections and repeats."""

from datetime import timedelta
from itertools import groupby
from pathlib import Path

from data.synthetic import names
from data.synthetic.population import Lab, Person
from data.synthetic.relatives import nk1
from data.synthetic.truth import Truth


class Laboratory:
    """Writes a file of messages for every five hundred persons."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        directory.mkdir(parents=True)
        self._directory, self._truth = directory, truth

    def add(self, person: Person) -> None:
        """One message an order; corrections follow two days later, every hundredth message comes twice."""
        name = f"oru-{(person.number - 1) // 500:05d}.hl7"
        where, messages = f"laboratory/{name}", []
        for place, (_, group) in enumerate(groupby(person.labs, key=lambda lab: lab.at)):
            labs = list(group)
            order = f"F{person.number:07d}{place:02d}"
            messages.append(self._message(person, labs, order, "F"))
            corrections = [lab for lab in labs if lab.corrected is not None]
            if (person.number + place) % 100 == 5:
                messages.append(messages[-1])
                self._plant("duplicate-message", where, len(messages), "duplicate", order)
            if corrections:
                messages.append(self._message(person, corrections, order, "C"))
                self._plant("correction", where, len(messages), "superseded", order)
        if messages:
            self._write(name, "".join(messages), len(messages))

    def _plant(self, case: str, where: str, place: int, becomes: str, order: str) -> None:
        self._truth.plant(case, where, self._truth.received[where] + place, becomes, order=order)

    def _write(self, name: str, text: str, messages: int, encoding: str = "utf-8") -> None:
        with (self._directory / name).open("a", encoding=encoding, newline="") as file:
            file.write(text)
        self._truth.wrote(f"laboratory/{name}", messages)

    def _message(self, person: Person, labs: list[Lab], order: str, status: str) -> str:
        sent = labs[0].at + timedelta(days=2 if status == "C" else 0, hours=3)
        site = "SATELLITE" if labs[0].other_unit else "MAIN"
        given, family, npi = names.CLINICIANS[person.number % len(names.CLINICIANS)]
        kin = nk1(person).splitlines() if person.number % 2 else []
        lines = [
            f"MSH|^~\\&|LAB|{site}|RR|HOSP|{sent:%Y%m%d%H%M%S}||ORU^R01|{order}{status}|P|2.5.1",
            self._pid(person),
            *kin,
            f"OBR|1||{order}|24323-8^Panel^LN|||{labs[0].at:%Y%m%d%H%M%S}|||||||||{npi}^{family}^{given}|||||||||{status}",
        ]
        for place, lab in enumerate(labs, 1):
            value = lab.corrected if status == "C" and lab.corrected is not None else lab.value
            test, unit = lab.test, lab.test.unit
            if lab.other_unit and test.other_unit:
                value, unit = round(value * test.to_other, 4), test.other_unit
            lines.append(
                f"OBX|{place}|NM|{test.code}^{test.name}^LN||{value}|{unit}|||||{status}|||{lab.at:%Y%m%d%H%M%S}"
            )
        return "\r".join(lines) + "\r"

    def _pid(self, person: Person) -> str:
        numbers = f"{person.mrn('LAB')}^^^LAB^MR"
        if person.linked["LAB"]:
            numbers += f"~{person.mrn('EHR')}^^^EHR^MR"
        return (
            f"PID|1||{numbers}||{person.name_elsewhere}^{person.given}||{person.birth:%Y%m%d}|{person.sex[0].upper()}"
        )

    def break_some(self, person: Person) -> None:
        """Plants broken messages in a file of their own, each noted in the key."""
        head = "MSH|^~\\&|LAB|MAIN|RR|HOSP|20240601080000||ORU^R01|{}|P|2.5.1\r"
        order = "OBR|1||{}|24323-8^Panel^LN|||20240601080000||||||||||||||||||F\r"
        result = "OBX|1|NM|2345-7^Glucose^LN||{}|mg/dL|||||{}|||{}\r"
        pid = self._pid(person) + "\r"
        cases = [
            ("no-pid", head.format("B1") + order.format("B1") + result.format(90, "F", "20240601"), "quarantined", "no-pid"),
            ("text-for-number", head.format("B2") + pid + order.format("B2") + result.format("high", "F", "20240601"), "quarantined", "not-a-number"),
            ("zero-date", head.format("B3") + pid + order.format("B3").replace("20240601080000", "") + result.format(90, "F", "00000000"), "quarantined", "bad-date"),
            ("withdrawn", head.format("B4") + pid + order.format("B4") + result.format(90, "W", "20240601"), "retracted", ""),
        ]  # fmt: skip
        where = "laboratory/oru-broken.hl7"
        for number, (case, message, becomes, rule) in enumerate(cases, 1):
            self._write("oru-broken.hl7", message, 1)
            self._truth.plant(case, where, number, becomes, rule=rule)
