"""Clinical research, second voice: a small trial as CDISC SDTM domains in SAS XPORT v5, as regulators take them.

XPORT v5 is a format of 80-byte records with IBM floating point (SAS technical note TS-140). The library at hand writes it from data
frames only, so the few lines it takes are here; tests read the files back with that library.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path

from data.synthetic.population import Person
from data.synthetic.truth import Truth

MOST_PERSONS = 200
_STAMP = "01JAN26:00:00:00"
Value = str | float | None


class Trial:
    """Gathers the trial's persons, at most two hundred, and writes DM, LB, AE and CM at the end."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        directory.mkdir(parents=True)
        self._directory, self._truth = directory, truth
        self._rows: dict[str, list[list[Value]]] = {"DM": [], "LB": [], "AE": [], "CM": []}

    def add(self, person: Person) -> None:
        """Rows of a person who takes part: adults with diabetes."""
        diabetic = any(one.code == "44054006" for one, _ in person.conditions)
        if not diabetic or len(self._rows["DM"]) >= MOST_PERSONS:
            return
        subject = f"RR01-{len(self._rows['DM']) + 1:04d}"
        arm = "TREATMENT" if person.number % 2 else "PLACEBO"
        day = person.visits[0].start.date().isoformat()
        self._rows["DM"].append(["RR01", "DM", subject, person.sex[0].upper(), 2025.0 - person.birth.year, arm, day])
        for place, lab in enumerate(person.labs, 1):
            self._rows["LB"].append(
                [
                    "RR01",
                    "LB",
                    subject,
                    float(place),
                    lab.test.code,
                    lab.value,
                    lab.test.unit,
                    lab.at.date().isoformat(),
                ]
            )
        if person.number % 3 == 0:
            self._rows["AE"].append(["RR01", "AE", subject, 1.0, "HEADACHE", "MILD", day])
        self._rows["CM"].append(["RR01", "CM", subject, 1.0, "INSULIN", day])

    def close(self) -> None:
        """Writes the files."""
        heads = {
            "DM": "STUDYID DOMAIN USUBJID SEX AGE ARM RFSTDTC",
            "LB": "STUDYID DOMAIN USUBJID LBSEQ LBTESTCD LBSTRESN LBSTRESU LBDTC",
            "AE": "STUDYID DOMAIN USUBJID AESEQ AETERM AESEV AESTDTC",
            "CM": "STUDYID DOMAIN USUBJID CMSEQ CMTRT CMSTDTC",
        }
        for domain, rows in self._rows.items():
            (self._directory / f"{domain.lower()}.xpt").write_bytes(xport(domain, heads[domain].split(), rows))
            self._truth.wrote(f"research/sdtm/{domain.lower()}.xpt", len(rows))


def xport(name: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> bytes:
    """A SAS transport file of one member; a column is numeric when no value of it is text."""
    text = [any(isinstance(row[place], str) for row in rows) or not rows for place in range(len(columns))]
    lengths = [
        max((len(str(row[place])) for row in rows), default=1) if text[place] else 8 for place in range(len(columns))
    ]
    header = "HEADER RECORD*******{:8}HEADER RECORD!!!!!!!{:30}  "
    zeros = "0" * 30
    parts = [
        header.format("LIBRARY ", zeros),
        f"{'SAS':8}{'SAS':8}{'SASLIB':8}{'9.4':8}{'':32}{_STAMP}"[:80],
        f"{_STAMP:80}",
    ]
    parts.append("HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!000000000000000001600000000140  ")
    parts.append(header.format("DSCRPTR ", zeros))
    parts.append(f"{'SAS':8}{name:8}{'SASDATA':8}{'9.4':8}{'':32}{_STAMP}"[:80])
    parts.append(f"{_STAMP:16}{'':64}")
    parts.append(header.format("NAMESTR ", f"000000{len(columns):04d}00000000000000000000"))
    described = b"".join(
        _namestr(*one) for one in zip(range(1, len(columns) + 1), columns, text, lengths, _places(lengths), strict=True)
    )
    body = b"".join(_value(value, text[place], lengths[place]) for row in rows for place, value in enumerate(row))
    observed = header.format("OBS     ", zeros)
    return "".join(parts).encode() + _padded(described) + observed.encode() + _padded(body)


def _places(lengths: Sequence[int]) -> list[int]:
    return [sum(lengths[:place]) for place in range(len(lengths))]


def _namestr(number: int, column: str, text: bool, length: int, place: int) -> bytes:
    fixed = struct.pack(">hhhh8s40s8shhh2s8shhl", 2 if text else 1, 0, length, number, f"{column:8}".encode(), b" " * 40, b" " * 8,
                        0, 0, 0, b"\0\0", b" " * 8, 0, 0, place)  # fmt: skip
    return fixed + b"\0" * 52


def _value(value: Value, text: bool, length: int) -> bytes:
    if text:
        return f"{'' if value is None else value:{length}}".encode()
    return b"." + b"\0" * 7 if value is None else ibm_float(float(value))


def ibm_float(number: float) -> bytes:
    """A number as eight bytes of IBM hexadecimal floating point."""
    if number == 0:
        return b"\0" * 8
    mantissa, exponent = math.frexp(abs(number))
    shift = -exponent % 4
    fraction = int(mantissa * 2 ** (56 - shift))
    power = (exponent + shift) // 4 + 64
    return struct.pack(">Q", (0x80 if number < 0 else 0) << 56 | power << 56 | fraction)


def _padded(data: bytes) -> bytes:
    return data + b" " * (-len(data) % 80)
