"""What the quality report says was not understood: kinds that a standard knows by name, never words that stand in their place."""

import json

import pytest

pytestmark = pytest.mark.unit


def told(con):
    return {
        what
        for (what,) in con.execute("SELECT table_name FROM quality.metric WHERE name = 'not_understood'").fetchall()
    }


def test_types_of_fhir_are_named_and_nothing_else(staged):
    kinds = ("CarePlan", "DiagnosticReport", "KarlRicci", "Karl Ricci", "Encounter ")
    lines = "\n".join(json.dumps({"resourceType": kind, "id": str(place)}) for place, kind in enumerate(kinds))
    assert told(staged(("a.ndjson", "fhir+ndjson", lines.encode()))) == {
        "FHIR CarePlan",
        "FHIR DiagnosticReport",
        "FHIR of no known type",
    }


def test_types_of_hl7_are_named_and_nothing_else(staged):
    kinds = ("MDM^T02", "ACK", "RICCI^KARL", "Karl^Ricci", "ADT^KARL", "")
    messages = "".join(f"MSH|^~\\&|A|B|C|D|20240101||{kind}|1|P|2.5\rPID|1||7\r" for kind in kinds)
    assert told(staged(("a.hl7", "hl7v2", messages.encode()))) == {"HL7 MDM^T02", "HL7 ACK", "HL7 of no known type"}
