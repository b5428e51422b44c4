"""Needles in tables: every text column of an OMOP research database, REDCap, SDTM, the operational database, and X12 claims."""

import csv
import sqlite3
from pathlib import Path
from typing import Any

from data.catalogue.model import Column, catalogue
from data.synthetic.population import Person
from data.synthetic.trial import xport
from tests.integration.server.canary.persons import Cast

_OMOP = (
    "person", "visit_occurrence", "condition_occurrence", "drug_exposure", "procedure_occurrence", "measurement", "observation", "note",
    "provider", "care_site", "concept", "location", "death", "observation_period",
)  # fmt: skip
_ID = 910_000_001
_DAY = "2024-03-03"


def plant_registry(folder: Path, cast: Cast) -> None:
    """A registry of its own: one row a table, with every column the CDM has, and the file that says who its patient is."""
    folder.mkdir(parents=True)
    person = cast.persons[13]
    for name in _OMOP:
        table = catalogue()[name]
        row = {column.name: _omop_value(cast, name, column) for column in table.columns}
        _csv(folder / f"{name.upper()}.csv", [row, *_more(cast, name, row)])
    identity = {
        "person_id": _ID,
        "ehr_mrn": person.mrn("EHR"),
        "family_name": person.family,
        "given_name": person.given,
    }
    _csv(folder / "IDENTITY.csv", [{**identity, "birth_date": person.birth.isoformat(), "sex": person.sex}])
    _csv(folder / "NOTE_NLP.csv", [{"note_nlp_id": 1, "snippet": cast.text("registry2: note_nlp.snippet")}])


def _more(cast: Cast, table: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows that end in quarantine."""
    if table != "measurement":
        return []
    texts = {
        name: cast.text(f"registry2: measurement.{name} (bad)")
        for name in ("measurement_date", "measurement_datetime", "value_source_value")
    }
    number = {"measurement_id": 3, "value_as_number": cast.text("registry2: measurement.value_as_number (bad)")}
    return [{**row, **texts, "measurement_id": 2}, {**row, **number}]


def _omop_value(cast: Cast, table: str, column: Column) -> Any:
    if column.type == "VARCHAR":
        text = cast.text(f"registry2: {table}.{column.name}")
        return text.rpartition(" ")[2].partition("@")[0] if column.name == "person_source_value" else text
    if column.name in ("person_id", f"{table}_id"):
        return _ID
    if column.name in ("location_id", "care_site_id", "provider_id", "visit_occurrence_id", "year_of_birth"):
        return 1980 if column.name == "year_of_birth" else _ID
    return {"DATE": _DAY, "TIMESTAMP": f"{_DAY} 08:00:00", "BIGINT": 0}.get(column.type, 1)


def _csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


# Variable / field name, form, type, choices, validation, identifier?, annotation
_FIELDS = (
    ("record_id", "text", "", "", "", ""), ("family", "text", "", "", "y", "@RR-ROLE='family'"), ("given", "text", "", "", "y", "@RR-ROLE='given'"),
    ("born", "text", "", "date_ymd", "y", "@RR-ROLE='birth_date'"), ("hospital_number", "text", "", "", "y", "@RR-ROLE='identifier:EHR'"),
    ("visited", "text", "", "date_ymd", "", "@RR-ROLE='visit_date'"), ("remark", "text", "", "", "", ""), ("story", "notes", "", "", "", ""),
    ("contact", "text", "", "email", "y", ""), ("smokes", "radio", "yes", "", "", ""), ("signs", "checkbox", "yes", "", "", ""),
    ("glucose", "text", "", "number", "", "@RR-CODE='LOINC:2345-7'"), ("weight", "text", "", "number", "", "@RR-CODE='LOINC:29463-7'"),
    ("upload", "file", "", "", "", ""),
)  # fmt: skip


def plant_redcap(folder: Path, cast: Cast) -> None:
    """A project whose labels, choices and answers are planted."""
    folder.mkdir(parents=True)
    person, dictionary = cast.persons[16], []
    for name, kind, choices, validation, identifier, annotation in _FIELDS:
        dictionary.append({
            "field_name": name, "form_name": "visit", "field_type": kind, "field_label": cast.text(f"redcap: label of {name}", person),
            "select_choices_or_calculations": _choices(cast, name, person) if choices else "",
            "field_note": cast.text(f"redcap: note of {name}", person), "text_validation_type_or_show_slider_number": validation,
            "identifier": identifier, "field_annotation": annotation,
        })  # fmt: skip
    answers: dict[str, Any] = {
        "record_id": "R-77001", "redcap_event_name": cast.text("redcap: redcap_event_name", person), "family": person.family, "given": person.given,
        "born": person.birth.isoformat(), "hospital_number": person.mrn("EHR"), "visited": _DAY, "smokes": "1", "signs___1": "1", "signs___2": "0",
        "glucose": "95",
    }  # fmt: skip
    for name in ("remark", "story", "contact", "weight", "upload"):
        answers[name] = cast.text(f"redcap: {name}", person)
    _csv(folder / "dictionary.csv", dictionary)
    _csv(folder / "records.csv", [answers])


def _choices(cast: Cast, name: str, person: Person) -> str:
    return f"1, {cast.text(f'redcap: choice of {name}', person).replace(',', '')} | 2, no"


_DOMAINS = {
    "DM": "SITEID INVNAM SEX RACE ETHNIC ARM COUNTRY", "AE": "AETERM AESEV AEACN AEOUT", "MH": "MHTERM MHCAT", "CM": "CMTRT CMINDC CMDOSU CMROUTE",
    "EX": "EXTRT EXDOSU", "LB": "LBTESTCD LBTEST LBORRES LBSTRESC LBSTRESU LBNAM", "VS": "VSTESTCD VSTEST VSORRES VSSTRESU",
    "DS": "DSTERM DSSCAT", "CO": "COVAL COREF", "SUPPAE": "QNAM QLABEL QVAL QEVAL",
}  # fmt: skip
_DATED = {"DM": "RFSTDTC", "LB": "LBDTC", "VS": "VSDTC"}


def plant_trial(folder: Path, cast: Cast) -> None:
    """Datasets of one subject, every text variable planted; the subject's number is a needle itself."""
    folder.mkdir(parents=True, exist_ok=True)
    subject = cast.manifest.know("RR99-CANARY-0007", "trial: USUBJID", "number")
    for domain, named in _DOMAINS.items():
        texts = {name: cast.text(f"trial: {domain}.{name}") for name in named.split()}
        row: dict[str, Any] = {"STUDYID": "RR99", "DOMAIN": domain, "USUBJID": subject, **texts}
        if domain not in ("CO", "SUPPAE"):
            row[_DATED.get(domain, f"{domain}STDTC")] = _DAY
        if domain == "SUPPAE":
            row = {"RDOMAIN": "AE", **{name: value for name, value in row.items() if name != "DOMAIN"}}
        if domain == "DM":
            row |= {"AGE": 44.0}
        content = xport(domain, list(row), [list(row.values())])
        (folder / f"canary-{domain.lower()}.xpt").write_bytes(content)


def plant_operations(database: Path, cast: Cast) -> None:
    """Rows whose every text is planted, some of them for quarantine, and a table that is not read."""
    person = cast.persons[19]
    own = person.mrn("OPS")

    def text(where: str) -> str:
        return cast.text(f"operations: {where}", person)

    def key(table: str) -> str:
        return cast.manifest.plant(f"operations: key of {table}").partition("@")[0]

    rows = {
        "bed_stays": (key("bed_stays"), own, text("bed_stays.ward"), text("bed_stays.bed"), f"{_DAY} 08:00:00", f"{_DAY} 18:00:00"),
        "appointments": (key("appointments"), own, text("appointments.clinic"), f"{_DAY} 08:00:00", f"{_DAY} 18:00:00", text("appointments.status")),
        "claims": (key("claims"), own, text("claims.payer"), _DAY, text("claims.diagnosis_code"), "12.00", text("claims.status")),
        "staffing": (key("staffing"), text("staffing.ward"), _DAY, text("staffing.shift"), text("staffing.role"), 3),
        "remarks": (key("remarks"), own, text("remarks.remark")),
    }  # fmt: skip
    bad = {
        "claims": (key("claims (bad)"), own, "Public", _DAY, None, text("claims.amount (bad)"), "paid"),
        "bed_stays": (key("bed_stays (bad)"), own, "Ward A", "1", text("bed_stays.admitted_at (bad)"), None),
        "appointments": (key("appointments (bad)"), text("appointments.ops_mrn (bad)"), "Eye", _DAY, f"{_DAY} 08:00:00", "kept"),
        "staffing": (key("staffing (bad)"), "Ward A", _DAY, "day", "nurse", text("staffing.headcount (bad)")),
    }  # fmt: skip
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE remarks (remark_id TEXT PRIMARY KEY, ops_mrn TEXT, remark TEXT)")
        for table, row in [*rows.items(), *bad.items()]:
            db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
    db.close()


def plant_claims(folder: Path, cast: Cast) -> None:
    """An 837P with one claim, every element that may hold words planted; and one with a wrong count."""
    folder.mkdir(parents=True)
    person = cast.persons[22]
    member = cast.manifest.know("MEM-4417-CANARY", "claims: member number", "number")

    def text(where: str) -> str:
        return cast.text(f"claims: {where}", person)

    def transaction(count: int) -> list[str]:
        return [
            "ST*837*0001*005010X222A1", f"BHT*0019*00*{text('BHT03')}*20240303*1200*CH", f"NM1*41*2*{text('NM103 submitter')}*****46*1",
            f"PER*IC*{text('PER02')}*TE*{text('PER04')}", f"NM1*85*1*{text('NM103 provider')}*{text('NM104 provider')}****XX*{cast.staff[0][2]}",
            "HL*2*1*22*0", f"SBR*P*18*{text('SBR03')}*{text('SBR04')}*****CI",
            f"NM1*IL*1*{person.family}*{person.given}*{text('NM105')}**{text('NM107')}*MI*{member}", f"N3*{person.street}*{text('N302')}",
            f"N4*{text('N401')}*{text('N402')}*{text('N403')}", f"DMG*D8*{person.birth:%Y%m%d}*M", f"NM1*PR*2*{text('NM103 payer')}*****PI*1",
            f"CLM*{text('CLM01').rpartition(' ')[2].partition('@')[0]}*150***11:B:1*Y*A*Y*Y", "DTP*472*D8*20240303",
            f"HI*ABK:{text('HI01-2')}", f"NTE*ADD*{text('NTE02')}", f"REF*EA*{text('REF02')}", f"LX*1*{text('LX')}", f"SE*{count}*0001",
        ]  # fmt: skip

    head = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *240303*1200*^*00501*000000001*0*P*:~"
    segments = [*transaction(19), *transaction(4)]
    (folder / "canary.x12").write_text(
        head
        + f"GS*HC*{text('GS02')}*R*20240303*1200*1*X*005010X222A1~"
        + "~".join(segments)
        + "~GE*2*1~IEA*1*000000001~"
    )
