"""REDCap projects to staging: raw data exports, read with the project's data dictionary.

What a field means is said in the dictionary's Field Annotation column, where a steward writes tags of this project's own:
`@RR-ROLE='birth_date'` (or sex, family, given, identifier:SYSTEM, visit_date) and `@RR-CODE='LOINC:2345-7'`. A field without a code is an
observation under its own name. A record is dated by the first answered date field of its form with the role visit_date, else of any kind.
Fields marked as identifiers are used only by role.

People are known by roles, too: name, family, given, phone, email, street, city, state, zip and identifier:SYSTEM behind `relative.`, `staff.` or
nothing (of the patient), as in `@RR-ROLE='relative.phone'`. Without a role, what REDCap itself validates as a phone, an e-mail or a ZIP code is
the patient's; other text marked as an identifier is a name where it is words, else a number. All of these are kept for finding them in texts.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import duckdb

from data.normalise.extract.lines import content_of
from data.normalise.extract.related import PATIENT, RELATIVE, STAFF, Related
from data.normalise.extract.rows import Rows
from data.types import Progress, Stored, no_progress

MEDIA = ("redcap+csv",)
_MOST = 512 << 20
_NAMES = {
    "field_name": "name", "variable / field name": "name", "form_name": "form", "form name": "form", "field_type": "type", "field type": "type",
    "select_choices_or_calculations": "choices", "choices, calculations, or slider labels": "choices", "identifier": "identifier",
    "identifier?": "identifier", "text_validation_type_or_show_slider_number": "validation",
    "text validation type or show slider number": "validation", "field_annotation": "annotation", "field annotation": "annotation",
    "field_note": "unit", "field note": "unit", "field_label": "label", "field label": "label",
}  # fmt: skip
_TAG = re.compile(r"@RR-(ROLE|CODE)='([^']*)'")
_NUMBERS = ("integer", "number")
_WHOSE = (PATIENT, RELATIVE, STAFF)
_UNSAID = "name or number"
_TOLD = ("name", "family", "given", "phone", "email", "street", "city", "state", "zip")
# REDCap's own validations begin so.
_VALIDATED = {"phone": "phone", "email": "email", "zipcode": "zip", "postalcode": "zip"}


@dataclass(frozen=True)
class _Field:
    """One field of the dictionary."""

    name: str
    form: str
    type: str
    validation: str
    identifier: bool
    label: str
    role: str
    system: str
    code: str
    choices: Mapping[str, str]

    @property
    def dated(self) -> bool:
        return self.validation.startswith(("date_", "datetime_"))

    @property
    def tells_of(self) -> tuple[str, str] | None:
        """Of whom (patient, relative, staff) the field tells what: None where it tells nothing by which somebody is known."""
        whose, _, what = self.role.rpartition(".")
        if whose in ("", *_WHOSE) and (what in _TOLD or (whose and what.startswith("identifier:"))):
            return whose or PATIENT, what
        validated = next((what for begin, what in _VALIDATED.items() if self.validation.startswith(begin)), None)
        if self.role or self.type not in ("text", "") or self.dated:
            return None
        if validated:
            return PATIENT, validated
        return (PATIENT, _UNSAID) if self.identifier else None


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the records of all projects to the staging tables, each source by the dictionary that came with it last."""
    rows = Rows(con)
    related = Related(rows)
    by_source: dict[str, list[tuple[Stored, list[list[str]] | None]]] = defaultdict(list)
    for done, one in enumerate(stored, 1):
        by_source[one.source].append((one, _table(one)))
        progress("extracting REDCap", done, len(stored))
    for tables in by_source.values():
        dictionaries = sorted((one.seq, table) for one, table in tables if table and _is_dictionary(table))
        fields = _fields(dictionaries[-1][1]) if dictionaries else {}
        for one, table in tables:
            _file(rows, related, one, table, fields)
    rows.close()


def _table(stored: Stored) -> list[list[str]] | None:
    """Rows of a CSV file, the header first; None where it cannot be read whole."""
    damage: list[str] = []
    content = content_of(stored.path, _MOST, damage.append)
    if content is None or damage:
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        return [row for row in csv.reader(text.splitlines(keepends=True)) if row]
    except csv.Error:
        return None


def _is_dictionary(table: Sequence[Sequence[str]]) -> bool:
    return {_NAMES.get(cell.strip().lower(), "") for cell in table[0][:4]} >= {"name", "form"}


def _fields(table: Sequence[Sequence[str]]) -> dict[str, _Field]:
    columns = [_NAMES.get(cell.strip().lower(), "") for cell in table[0]]
    found = {}
    for row in table[1:]:
        said: defaultdict[str, str] = defaultdict(str, zip(columns, (cell.strip() for cell in row), strict=False))
        tags = dict(_TAG.findall(said["annotation"]))
        system, _, code = tags.get("CODE", "").partition(":")
        choices = dict(part.split(",", 1) for part in said["choices"].split("|") if "," in part)
        found[said["name"]] = _Field(
            said["name"], said["form"], said["type"], said["validation"], said["identifier"].lower() == "y", said["label"],
            tags.get("ROLE", ""), system if code else "REDCAP", code or said["name"],
            {key.strip(): label.strip() for key, label in choices.items()},
        )  # fmt: skip
    return found


def _file(
    rows: Rows, related: Related, stored: Stored, table: list[list[str]] | None, fields: Mapping[str, _Field]
) -> None:
    origin = {"source": stored.source, "system": stored.system, "seq": stored.seq, "blob": stored.digest}
    received = {
        "source": stored.source,
        "blob": stored.digest,
        "name": stored.name,
        "media": stored.media,
    }

    def set_aside(what: str, records: int) -> None:
        rows.add("not_understood", {**origin, "what": what, "records": records})
        rows.add("received", {**received, "records": records})

    if table is None:
        rows.add("reject", {**origin, "line": 0, "rule": "damaged-file", "reason": "the file cannot be read as CSV"})
        rows.add("received", {**received, "records": 1})
    elif not table:
        rows.add("received", {**received, "records": 0})
    elif _is_dictionary(table):
        set_aside("REDCap data dictionary (used)", len(table) - 1)
    elif not fields or table[0][0] not in fields:
        set_aside("REDCap data without its dictionary", len(table) - 1)
    else:
        for number, row in enumerate(table[1:], 1):
            _record(rows, related, {**origin, "line": number}, table[0], row, fields)
        rows.add("received", {**received, "records": len(table) - 1})


def _record(
    rows: Rows,
    related: Related,
    origin: dict[str, Any],
    header: list[str],
    row: list[str],
    fields: Mapping[str, _Field],
) -> None:
    answers = {name: value.strip() for name, value in zip(header, row, strict=False) if value.strip()}
    number = answers.get(header[0])
    if number is None or len(row) > len(header):
        reason = "the record has no id" if number is None else "the row has more cells than the header"
        rows.add("reject", {**origin, "rule": "no-id" if number is None else "broken-row", "reason": reason})
        return
    roles = {field.role: answers[name] for name, field in fields.items() if field.role and name in answers}
    known = [
        f"{role.partition(':')[2]}|{value}" for role, value in sorted(roles.items()) if role.startswith("identifier:")
    ]
    rows.add("patient", {
        **origin, "record_id": number, "mrn": number, "identifiers": known, "family": roles.get("family"), "given": roles.get("given"),
        "birth_date": roles.get("birth_date"), "sex": roles.get("sex"),
    })  # fmt: skip
    _people(related, origin, number, answers, fields)
    place = ":".join(
        answers.get(name, "") for name in ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")
    )
    days = _days(answers, fields)
    for field, value, code in _answered(answers, fields):
        event = {
            **origin,
            "mrn": number,
            "record_id": f"{number}:{place}:{code}",
            "start_at": days.get(field.form) or days.get(""),
        }
        numeric = field.validation.startswith(_NUMBERS) or field.type in ("calc", "slider")
        rows.add("event", {
            **event, "kind": "measurement" if field.system == "LOINC" else "observation", "code_system": field.system,
            "code": field.code if field.type != "checkbox" else code, "display": field.label or None,
            "value_text": value if numeric else field.choices.get(value, value), "value_number": value if numeric else None,
            "numeric_expected": numeric,
        })  # fmt: skip


def _people(
    related: Related, origin: dict[str, Any], number: str, answers: Mapping[str, str], fields: Mapping[str, _Field]
) -> None:
    """Relatives, staff, and what else the record says of the patient."""
    said: dict[str, dict[str, list[str]]] = {role: defaultdict(list) for role in _WHOSE}
    for name, field in fields.items():
        if (value := answers.get(name)) and (meaning := field.tells_of):
            whose, what = meaning
            said[whose][_what(value) if what == _UNSAID else what].append(value)
    if participant := answers.get("redcap_survey_identifier"):  # a column of its own, where there is a participant list
        said[PATIENT][_what(participant)].append(participant)
    for role, told in said.items():
        names = zip_longest(told["family"], told["given"])
        related.add(
            origin, role, None if role == STAFF else number, names=[*([] if role == PATIENT else names), *told["name"]],
            phones=told["phone"], emails=told["email"],
            addresses=zip_longest(told["street"], told["city"], told["state"], told["zip"]),
            identifiers=[
                f"{what.partition(':')[2]}|{value}" for what, values in told.items() for value in values if what.startswith("identifier:")
            ],
        )  # fmt: skip


def _what(value: str) -> str:
    if "@" in value:
        return "email"
    return "identifier:REDCAP" if any(sign.isdigit() for sign in value) else "name"


def _days(answers: Mapping[str, str], fields: Mapping[str, _Field]) -> dict[str, str]:
    """The day of each form, and under the empty name that of the record."""
    days: dict[str, str] = {}
    dated = [field for name, field in fields.items() if field.dated and name in answers and field.role != "birth_date"]
    for field in sorted(dated, key=lambda one: one.role != "visit_date"):
        days.setdefault(field.form, answers[field.name])
        days.setdefault("", answers[field.name])
    return days


def _answered(answers: Mapping[str, str], fields: Mapping[str, _Field]) -> Iterator[tuple[_Field, str, str]]:
    """Fields that say something about the patient: (field, answer, what it is known by)."""
    for name, value in answers.items():
        base, _, choice = name.partition("___")
        field = fields.get(base)
        if (
            field is None
            or field.identifier
            or field.role
            or field.dated
            or field.type in ("descriptive", "file", "notes")
        ):
            continue
        if field.type == "checkbox":
            if value == "1" and choice:
                yield field, field.choices.get(choice, choice), name
        elif name != next(iter(fields)):
            yield field, value, name
