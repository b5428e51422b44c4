"""CDISC SDTM datasets (SDTMIG 3.1 to 3.4), SAS XPORT v5, to staging. Which domain becomes what is data (`_EVENTS`).

A record is known by domain, subject and sequence number. Ages stand for birth dates where a trial withholds them: the year is that of the
reference start less the age. Findings about findings, trial design and supplemental qualifiers are counted as not understood. Investigators
(DM.INVNAM) are known by name.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyreadstat

from data.normalise.extract.lines import content_of
from data.normalise.extract.related import STAFF, Related
from data.normalise.extract.rows import Rows
from data.types import Progress, Stored, no_progress

MEDIA = ("sdtm+xpt",)
_MOST = 2 << 30
_ROWS = 20_000


@dataclass(frozen=True)
class _Event:
    """How a domain's columns are read; names without the domain's two letters, the first that has a value counts."""

    kind: str
    code: tuple[str, ...]
    system: str
    start: tuple[str, ...]
    end: tuple[str, ...] = ()
    value: bool = False


_EVENTS: Mapping[str, _Event] = {
    "AE": _Event("condition", ("DECOD", "TERM"), "MedDRA", ("STDTC",), ("ENDTC",)),
    "MH": _Event("condition", ("DECOD", "TERM"), "MedDRA", ("STDTC", "DTC"), ("ENDTC",)),
    "CM": _Event("drug", ("DECOD", "TRT"), "WHODrug", ("STDTC",), ("ENDTC",)),
    "EX": _Event("drug", ("TRT",), "SDTM", ("STDTC",), ("ENDTC",)),
    "LB": _Event("measurement", ("LOINC", "TESTCD"), "SDTM", ("DTC",), value=True),
    "VS": _Event("measurement", ("LOINC", "TESTCD"), "SDTM", ("DTC",), value=True),
    "DS": _Event("observation", ("DECOD", "TERM"), "SDTM", ("STDTC", "DTC")),
}


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the records of all datasets to the staging tables."""
    rows = Rows(con)
    related = Related(rows)
    for done, one in enumerate(stored, 1):
        _dataset(rows, related, one)
        progress("extracting SDTM", done, len(stored))
    rows.close()


def _dataset(rows: Rows, related: Related, stored: Stored) -> None:
    origin = {"source": stored.source, "system": stored.system, "seq": stored.seq, "blob": stored.digest}
    damage: list[str] = []
    content = content_of(stored.path, _MOST, damage.append)
    if content is None:
        damage.append("the dataset is too large")
    number = 0
    if not damage and content is not None:
        with tempfile.NamedTemporaryFile(suffix=".xpt") as file:
            file.write(content)
            file.flush()
            try:
                for number, record in enumerate(_records(Path(file.name)), 1):
                    _record(rows, related, {**origin, "line": number}, record)
            except _Unreadable:
                damage.append("the file is not readable as a SAS XPORT dataset")
    for place, told in enumerate(damage):
        rows.add("reject", {**origin, "line": -place, "rule": "damaged-file", "reason": told})
    received = {"source": stored.source, "blob": stored.digest, "name": stored.name, "media": stored.media}
    rows.add("received", {**received, "records": number + len(damage)})


class _Unreadable(Exception):
    """pyreadstat cannot read the file."""


def _records(path: Path) -> Iterator[dict[str, str]]:
    """Records as texts by upper-case column name; what is missing is left out."""
    offset = 0
    while True:
        columns = _rows_from(path, offset)
        lists = {name.upper(): values for name, values in columns.items()}
        count = len(next(iter(lists.values()), ()))
        for place in range(count):
            yield {name: text for name, values in lists.items() if (text := _text(values[place]))}
        if count < _ROWS:
            return
        offset += count


def _rows_from(path: Path, offset: int) -> dict[str, Any]:
    """Columns of the next rows. The format names no character set: UTF-8 is tried, then the one of most SAS installations."""
    try:
        try:
            columns, _ = pyreadstat.read_xport(str(path), output_format="dict", row_offset=offset, row_limit=_ROWS)
        except UnicodeDecodeError:
            columns, _ = pyreadstat.read_xport(
                str(path), output_format="dict", row_offset=offset, row_limit=_ROWS, encoding="WINDOWS-1252"
            )
    except Exception as error:  # its own error class, and whatever bytes of no dataset make it raise
        raise _Unreadable from error
    found: dict[str, Any] = columns
    return found


def _text(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN, which SAS writes for missing
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _record(rows: Rows, related: Related, origin: dict[str, Any], record: Mapping[str, str]) -> None:
    domain, subject = record.get("DOMAIN", "RELREC" if "RELID" in record else ""), record.get("USUBJID")
    if "RDOMAIN" in record and not domain:
        domain = f"SUPP{record['RDOMAIN'][:2]}"
    known = domain == "DM" or domain in _EVENTS or domain == "SV"
    if not known:
        rows.add("not_understood", {**origin, "what": f"SDTM {domain[:8] or 'without a domain'}", "records": 1})
    elif subject is None:
        rows.add("reject", {**origin, "rule": "no-subject", "reason": "the record names no subject (USUBJID)"})
    elif domain == "DM":
        _subject(rows, origin, subject, record)
        related.add(origin, STAFF, names=[record["INVNAM"]] if "INVNAM" in record else [])
    elif domain == "SV":
        rows.add("visit", {
            **origin, "record_id": f"SV:{subject}:{record.get('VISITNUM', '')}:{record.get('SVSTDTC', '')}", "mrn": subject,
            "class_code": "AMB", "start_at": record.get("SVSTDTC"), "end_at": record.get("SVENDTC"),
        })  # fmt: skip
    else:
        _event(rows, origin, domain, subject, record)


def _subject(rows: Rows, origin: dict[str, Any], subject: str, record: Mapping[str, str]) -> None:
    birth, start, age = record.get("BRTHDTC"), record.get("RFSTDTC", "")[:4], record.get("AGE", "")
    if not birth and start.isdigit() and age.isdigit() and record.get("AGEU", "YEARS").upper() == "YEARS":
        birth = str(int(start) - int(age))
    races = {"WHITE": "2106-3", "BLACK OR AFRICAN AMERICAN": "2054-5", "ASIAN": "2028-9"}
    ethnic = {"HISPANIC OR LATINO": "2135-2", "NOT HISPANIC OR LATINO": "2186-5"}
    race, ethnicity = record.get("RACE"), record.get("ETHNIC")
    rows.add("patient", {
        **origin, "record_id": subject, "mrn": subject, "identifiers": [f"SDTM|{subject}"], "birth_date": birth, "sex": record.get("SEX"),
        "race": races.get((race or "").upper(), race), "ethnicity": ethnic.get((ethnicity or "").upper(), ethnicity),
        "death_datetime": record.get("DTHDTC"),
    })  # fmt: skip


def _event(rows: Rows, origin: dict[str, Any], domain: str, subject: str, record: Mapping[str, str]) -> None:
    how = _EVENTS[domain]

    def first(names: tuple[str, ...]) -> str | None:
        return next((record[domain + name] for name in names if domain + name in record), None)

    code = first(how.code)
    number = record.get(f"{domain}STRESN") if how.value else None
    rows.add("event", {
        **origin, "kind": how.kind, "mrn": subject,
        "record_id": f"{domain}:{subject}:{record.get(domain + 'SEQ', origin['line'])}:{record.get(domain + 'CAT', '')}",
        "code_system": "LOINC" if f"{domain}LOINC" in record else how.system, "code": code, "display": first(("TERM", "TRT", "TEST")),
        "start_at": first(how.start), "end_at": first(how.end),
        "value_text": first(("STRESC", "ORRES")) if how.value else None, "value_number": number,
        "unit": first(("STRESU", "ORRESU")) if how.value else None,
        "range_low": first(("STNRLO",)) if how.value else None, "range_high": first(("STNRHI",)) if how.value else None,
    })  # fmt: skip
