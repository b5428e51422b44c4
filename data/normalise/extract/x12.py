"""X12 claims (837P, 837I, 837D: 005010X222, X223, X224) and remittances (835: 005010X221) to staging.

One claim (CLM, CLP) is one record, numbered by its segment. Separators are those of the interchange (ISA). A transaction whose own count of
segments (SE01) is wrong was cut or changed on the way: that is rejected beside its claims, which stay. A remittance takes the place of
the claim it answers, where both come from one source and have the same number. The patient is the subscriber (IL) unless a patient (QC) is
named; who is named behind the claim (another insurer's subscriber, another payer) is not: see `parties`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from data.normalise.extract.lines import content_of
from data.normalise.extract.parties import ABOUT, Parties
from data.normalise.extract.related import Related
from data.normalise.extract.rows import Rows
from data.types import Progress, Stored, no_progress

MEDIA = ("x12",)
_MOST = 1 << 30
_PAID = {
    "1": "paid",
    "2": "paid",
    "3": "paid",
    "4": "denied",
    "19": "paid",
    "20": "paid",
    "21": "paid",
    "22": "reversed",
    "23": "not ours",
}
_DIAGNOSES = ("ABK", "BK", "ABJ", "BJ")

Segment = list[str]


@dataclass
class _State:
    """Where in a transaction the reader is: who is spoken of, and the claim under way."""

    kind: str = ""
    payer: str | None = None
    person: dict[str, Any] = field(default_factory=dict)
    last_name: str = ""
    claim: dict[str, Any] | None = None
    segments: int = 0


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the claims of all files to the staging tables."""
    rows = Rows(con)
    related = Related(rows)
    for done, one in enumerate(stored, 1):
        _file(rows, related, one)
        progress("extracting X12", done, len(stored))
    rows.close()


def _file(rows: Rows, related: Related, stored: Stored) -> None:
    origin = {"source": stored.source, "system": stored.system, "seq": stored.seq, "blob": stored.digest}
    damage: list[str] = []
    content = content_of(stored.path, _MOST, damage.append)
    reader = _Reader(rows, origin, Parties(related, origin))
    if content is None:
        damage.append("the file is too large")
    elif content.strip():
        try:
            reader.read(_segments(content))
        except ValueError:
            damage.append("the file does not begin with an X12 interchange header (ISA)")
    for place, told in enumerate(damage):
        reader.reject(-place, "damaged-file", told)
    received = {"source": stored.source, "blob": stored.digest, "name": stored.name, "media": stored.media}
    rows.add("received", {**received, "records": reader.records})


def _segments(content: bytes) -> Iterator[Segment]:
    """Segments as lists of elements. The separators stand at fixed places of the first 106 characters. ValueError where there are none."""
    try:
        text = content.decode("utf-8").lstrip()
    except UnicodeDecodeError:
        text = content.decode("latin-1").lstrip()
    if not text.startswith("ISA") or len(text) < 106:
        raise ValueError("no ISA segment")
    element, end = text[3], text[105]
    for segment in text.split(end):
        if stripped := segment.strip("\r\n "):
            yield stripped.replace(text[104], ":").split(element) if text[104] != ":" else stripped.split(element)


def _element(segment: Segment, number: int) -> str | None:
    return segment[number].strip() or None if number < len(segment) else None


class _Reader:
    """Reads the segments of a file in order; `records` counts claims and rejects."""

    def __init__(self, rows: Rows, origin: dict[str, Any], parties: Parties) -> None:
        self.rows, self.origin, self.parties, self.records = rows, origin, parties, 0
        self.now = _State()

    def reject(self, line: int, rule: str, reason: str) -> None:
        self.records += 1
        self.rows.add("reject", {**self.origin, "line": line, "rule": rule, "reason": reason})

    def read(self, segments: Iterator[Segment]) -> None:
        number = 0
        for number, segment in enumerate(segments, 1):
            self._segment(number, segment)
        self._end_claim()
        if self.now.kind:  # a transaction that was never ended
            self.reject(number + 1, "count-mismatch", "the file ends inside a transaction")

    def _segment(self, number: int, segment: Segment) -> None:
        name, now = segment[0].upper(), self.now
        now.segments += 1
        if name not in ABOUT:
            self.parties.leave()
        if name == "ST":
            self._end_claim()
            self.parties.begin(subscriber=True)
            self.now = _State(kind=_element(segment, 1) or "", segments=1)
            if self.now.kind not in ("837", "835"):
                self.records += 1
                what = f"X12 {self.now.kind[:6]}"
                self.rows.add("not_understood", {**self.origin, "line": number, "what": what, "records": 1})
        elif name == "SE":
            self._end_claim()
            if _element(segment, 1) != str(now.segments):
                self.reject(
                    number, "count-mismatch", "the transaction says another number of segments than it has (SE01)"
                )
            self.now = _State()
        elif now.kind == "837":
            self._of_claim(number, name, segment)
        elif now.kind == "835":
            self._of_remittance(number, name, segment)

    def _of_claim(self, number: int, name: str, segment: Segment) -> None:
        now = self.now
        if name == "HL":
            self._end_claim()
            fresh = _element(segment, 3) in ("20", "22")
            self.parties.begin(subscriber=fresh)
            if fresh:
                now.person = {}
        elif name == "SBR":
            self.parties.relationship(segment)
        elif name == "NM1":
            self._named(segment)
        elif name in ABOUT:
            self._about(name, segment)
        elif name == "CLM":
            self._end_claim()
            now.claim = {
                "line": number,
                "record_id": _element(segment, 1),
                "amount": _element(segment, 2),
                "status": "submitted",
            }
        elif name == "DTP" and now.claim is not None and _element(segment, 1) in ("472", "434"):
            now.claim.setdefault("service_date", (_element(segment, 3) or "").split("-")[0])
        elif name == "HI" and now.claim is not None:
            qualifier, _, code = (_element(segment, 1) or "").partition(":")
            if qualifier in _DIAGNOSES and code:
                plain = code.split(":")[0].replace(".", "")
                now.claim.setdefault("diagnosis_code", plain[:3] + ("." + plain[3:] if plain[3:] else ""))

    def _of_remittance(self, number: int, name: str, segment: Segment) -> None:
        now = self.now
        if name == "N1" and _element(segment, 1) == "PR":
            now.payer = _element(segment, 2)
        elif name == "CLP":
            self._end_claim()
            self.parties.begin(subscriber=True)
            now.person = {}
            status = _PAID.get(_element(segment, 2) or "", "answered")
            now.claim = {
                "line": number,
                "record_id": _element(segment, 1),
                "amount": _element(segment, 3),
                "status": status,
            }
        elif name == "NM1":
            self._named_in_remittance(segment)
        elif name in ("PER", "REF"):
            self.parties.of_claim(segment)
        elif name == "DTM" and now.claim is not None and _element(segment, 1) in ("232", "472"):
            now.claim.setdefault("service_date", _element(segment, 2))

    def _named(self, segment: Segment) -> None:
        now, who = self.now, _element(segment, 1) or ""
        before = now.claim is None  # behind it other insurers and their subscribers are named
        now.last_name = who if before else ""
        if who == "PR" and before:
            self.parties.leave()
            now.payer = _element(segment, 3)
        elif who == "IL" and before:
            self.parties.subscriber(segment)
            self._person(segment)
        elif who == "QC" and before:
            self.parties.dependent(segment, now.person)
            self._person(segment)
        else:
            self.parties.named(segment)

    def _named_in_remittance(self, segment: Segment) -> None:
        now, who = self.now, _element(segment, 1) or ""
        patient = who == "QC" or (who == "IL" and "family" not in now.person)
        now.last_name = who if patient else ""
        if patient:
            self.parties.patient(segment)
            self._person(segment)
        else:
            self.parties.named(segment)
            if who == "IL":  # claims and remittances know a patient by the subscriber's number
                now.person["mrn"] = _element(segment, 9) or now.person.get("mrn")

    def _person(self, segment: Segment) -> None:
        self.now.person = self.now.person | {
            "mrn": _element(segment, 9) or self.now.person.get("mrn"), "family": _element(segment, 3), "given": _element(segment, 4),
        }  # fmt: skip

    def _about(self, name: str, segment: Segment) -> None:
        of_patient = self.now.last_name in ("IL", "QC")
        record_number = name == "REF" and _element(segment, 1) == "EA"  # the patient's, wherever it stands
        if record_number and self.now.claim is not None:
            self.parties.of_claim(segment)
            return
        if not of_patient or name in ("PER", "REF"):
            self.parties.about(segment, of_patient)
            return
        person = self.now.person
        if name == "N3":
            person["street"] = _element(segment, 1)
        elif name == "N4":
            person |= {"city": _element(segment, 1), "state": _element(segment, 2), "zip": _element(segment, 3)}
        elif name == "DMG":
            person |= {"birth_date": _element(segment, 2), "sex": _element(segment, 3)}

    def _end_claim(self) -> None:
        """Stages the claim under way, and its patient."""
        claim, self.now.claim = self.now.claim, None
        if claim is None:
            return
        self.records += 1
        origin, mrn = {**self.origin, "line": claim["line"]}, self.now.person.get("mrn")
        self.parties.end_claim(claim["line"], mrn)
        if not mrn or not claim["record_id"]:
            reason = "the claim names no member (NM109)" if claim["record_id"] else "the claim has no number"
            self.rows.add(
                "reject", {**origin, "rule": "no-member" if claim["record_id"] else "no-id", "reason": reason}
            )
            return
        self.rows.add(
            "patient", {**origin, "record_id": claim["record_id"], "identifiers": [f"MEMBER|{mrn}"], **self.now.person}
        )
        self.rows.add("claim", {**origin, **claim, "mrn": mrn, "payer": self.now.payer or "unknown"})
