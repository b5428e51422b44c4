"""What each table of an OMOP CDM source becomes (OMOP CDM v5.3 and v5.4). All columns of the CDM may be named; those a source lacks are NULL.

Gender, race, ethnicity and visit concepts are turned back into the codes that other sources send, so that there is one way into the CDM.
"""

from collections.abc import Mapping

_ID = "TRY_CAST({0} AS BIGINT)"


def _more(columns: str) -> str:
    """Columns carried on as they are, as one JSON object; empty ones are left out."""
    pairs = ", ".join(f"'{name}', {name}" for name in columns.split())
    return f"json_merge_patch('{{}}', json_object({pairs}))"


def _event(
    kind: str, table: str, prefix: str, start: str, details: str = "", **more: str
) -> tuple[str, Mapping[str, str]]:
    """An event table whose columns begin with `prefix`; its own id makes the key; `details` are carried on as they are."""
    return "event", {
        "record_id": f"'{kind}:' || {table}_id", "kind": f"'{kind}'", "mrn": "person_id", "visit_key": "visit_occurrence_id",
        "start_at": f"coalesce({start}time, {start})", "code_system": "'OMOP'",
        "code": f"coalesce({prefix}_source_value, {prefix}_concept_id)", "concept_given": _ID.format(f"{prefix}_concept_id"),
        "provider_key": "provider_id", **({"more": _more(details)} if details else {}), **more,
    }  # fmt: skip


_VALUES = {
    "value_text": "coalesce(value_source_value, value_as_number)", "value_number": "value_as_number", "unit": "unit_source_value",
    "unit_concept_given": _ID.format("unit_concept_id"), "numeric_expected": "value_as_number IS NOT NULL",
    "range_low": "range_low", "range_high": "range_high",
    "value_operator": "CASE operator_concept_id WHEN '4171756' THEN '<' WHEN '4171754' THEN '<=' WHEN '4172704' THEN '>' "
                      "WHEN '4171755' THEN '>=' END",
}  # fmt: skip
OMOP: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "person": ("patient", {
        "record_id": "person_id", "mrn": "person_id", "identifiers": "list_filter(['REG|' || person_source_value], lambda one: one IS NOT NULL)",
        "sex": "CASE gender_concept_id WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' ELSE gender_source_value END",
        "birth_date": "concat_ws('-', lpad(year_of_birth, 4, '0'), lpad(month_of_birth, 2, '0'), "
                      "CASE WHEN month_of_birth IS NOT NULL THEN lpad(day_of_birth, 2, '0') END)",
        "race": "CASE race_concept_id WHEN '8527' THEN '2106-3' WHEN '8516' THEN '2054-5' WHEN '8515' THEN '2028-9' ELSE race_source_value END",
        "ethnicity": "CASE ethnicity_concept_id WHEN '38003563' THEN '2135-2' WHEN '38003564' THEN '2186-5' ELSE ethnicity_source_value END",
    }),
    "identity": ("patient", {
        "record_id": "person_id", "mrn": "person_id", "identifiers": "['EHR|' || ehr_mrn]", "family": "family_name",
        "given": "given_name", "birth_date": "birth_date", "sex": "sex",
    }),
    "death": ("patient", {"record_id": "person_id", "mrn": "person_id", "identifiers": "CAST([] AS VARCHAR[])",
                          "death_datetime": "coalesce(death_datetime, death_date)"}),
    "visit_occurrence": ("visit", {
        "record_id": "visit_occurrence_id", "mrn": "person_id", "start_at": "coalesce(visit_start_datetime, visit_start_date)",
        "end_at": "coalesce(visit_end_datetime, visit_end_date)", "provider_key": "provider_id", "care_site_key": "care_site_id",
        "class_code": "CASE visit_concept_id WHEN '9201' THEN 'IMP' WHEN '9202' THEN 'AMB' WHEN '9203' THEN 'EMER' WHEN '262' THEN 'IMP' "
                      "ELSE visit_source_value END",
    }),
    "condition_occurrence": _event("condition", "condition_occurrence", "condition", "condition_start_date",
                                   "stop_reason condition_status_concept_id",
                                   end_at="coalesce(condition_end_datetime, condition_end_date)"),
    "drug_exposure": _event("drug", "drug_exposure", "drug", "drug_exposure_start_date",
                            "stop_reason refills quantity days_supply sig route_concept_id lot_number route_source_value dose_unit_source_value",
                            end_at="coalesce(drug_exposure_end_datetime, drug_exposure_end_date)"),
    "procedure_occurrence": _event("procedure", "procedure_occurrence", "procedure", "procedure_date",
                                   "modifier_concept_id quantity modifier_source_value",
                                   end_at="coalesce(procedure_end_datetime, procedure_end_date)"),
    "measurement": _event("measurement", "measurement", "measurement", "measurement_date", **_VALUES),
    "observation": _event("observation", "observation", "observation", "observation_date", "qualifier_concept_id qualifier_source_value",
                          **{name: sql for name, sql in _VALUES.items() if name not in ("range_low", "range_high", "value_operator")}
                          | {"value_text": "coalesce(value_as_string, value_source_value, value_as_number)"}),
    "note": ("note", {
        "record_id": "note_id", "mrn": "person_id", "visit_key": "visit_occurrence_id", "written_at": "coalesce(note_datetime, note_date)",
        "type_code": "note_source_value", "title": "note_title", "body": "note_text", "provider_key": "provider_id",
    }),
    "provider": ("provider", {"record_id": "provider_id", "name": "provider_name", "npi": "npi"}),
    "care_site": ("care_site", {"record_id": "care_site_id", "name": "care_site_name"}),
    "concept": ("concept", {
        "concept_id": _ID.format("concept_id"), "name": "concept_name", "domain": "domain_id", "vocabulary": "vocabulary_id",
        "code": "concept_code", "standard": "nullif(standard_concept, '')", "class": "concept_class_id",
    }),
}  # fmt: skip
# What else the tables say of people: staff, and where patients live. Of whom an address is says person.location_id, by `record_id`.
_PLACE = "'location:' || location_id"
OMOP_PEOPLE: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "provider": (
        {"role": "'staff'", "name": "provider_name", "identifier": "'NPI|' || npi"},
        {"role": "'staff'", "identifier": "'DEA|' || dea"},
    ),
    "person": ({"role": "'patient'", "mrn": "person_id", "record_id": _PLACE},),
    "location": (
        {"role": "'patient'", "record_id": _PLACE, "street": "address_1", "city": "city", "state": "state", "zip": "zip"},
        {"role": "'patient'", "record_id": _PLACE, "street": "address_2"},
    ),
}  # fmt: skip
# Computed anew from the events, so rows of these tables are known duplicates of what is computed.
DERIVED = frozenset({"observation_period", "condition_era", "drug_era", "dose_era"})
