"""Whatever bytes a source sends, nothing crashes, nothing hangs, and the books balance; good records beside bad ones stay."""

import gzip
import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import normalise
from data.types import Stored
from tests.generative.grammar import few

pytestmark = pytest.mark.generative

PATIENT = json.dumps(
    {"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01", "name": [{"family": "Doe", "given": ["Jane"]}]}
)
WEIGHT = json.dumps({
    "resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-05-05",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "valueQuantity": {"value": 70, "code": "kg"},
})  # fmt: skip
SAMPLES = {
    "fhir+ndjson": f"{PATIENT}\n{WEIGHT}\n".encode(),
    "fhir+bundle": f'{{"resourceType":"Bundle","entry":[{{"resource":{PATIENT}}},{{"fullUrl":"urn:uuid:o","resource":{WEIGHT}}}]}}'.encode(),
    "fhir+deleted": b'{"resourceType":"Bundle","entry":[{"request":{"method":"DELETE","url":"Patient/p"}}]}\n',
    "hl7v2": b"MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|2.5\rPID|1||L1^^^LAB||Doe^Jane||19800101|F\rOBR|1||F1\rOBX|1|NM|1^A^LN||5|mg|1-9||||F|||20240101\r"
    b"MSH|^~\\&|A|B|C|D|20240101||ADT^A01|2|P|2.5\rEVN||20240101\rPID|1||L1^^^LAB\rPV1|1|I|||||||||||||||||V1\r",
    "omop+csv": b"person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth\n1,8507,1980,5,6\n",
    "table+csv": b"claim_id,ops_mrn,payer,service_date,amount,status\n1,O1,X,2024-01-01,5.00,paid\n",
    "redcap+csv": b"field_name,form_name,field_type\nrecord_id,a,text\n",
    "x12": b"ISA*00*          *00*          *ZZ*S              *ZZ*R              *260101*0900*^*00501*000000001*0*P*:~ST*837*1~HL*1**22~"
    b"NM1*IL*1*DOE*JANE****MI*M1~CLM*C1*5~DTP*472*D8*20240101~SE*6*1~",
    "dicom+json": b'[{"00100020":{"vr":"LO","Value":["P1"]},"0020000D":{"vr":"UI","Value":["1.2"]},"0020000E":{"vr":"UI","Value":["1.2.3"]}}]',
    "dicom": b"\x00" * 128 + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00" + b"\x10\x00\x20\x00LO\x02\x00P1",
    "sdtm+xpt": b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  ".ljust(480),
    "table+parquet": b"PAR1" + b"\x00" * 40 + b"PAR1",
}  # fmt: skip


@st.composite
def spoilt(draw, sample):
    """The sample with pieces cut out, repeated, replaced by any bytes, or packed and cut."""
    content = bytearray(sample)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        content[start:end] = draw(
            st.one_of(
                st.binary(max_size=30),
                st.just(bytes(content[start:end]) * 2),
                st.sampled_from([b"\r", b"\n", b'"', b"|", b"\x00", b"\xff"]),
            )
        )
    packed = gzip.compress(bytes(content), mtime=0) if draw(st.booleans()) and draw(st.booleans()) else bytes(content)
    return packed[: draw(st.integers(0, len(packed)))] if draw(st.booleans()) else packed


@pytest.mark.parametrize("media", sorted(SAMPLES))
def test_any_bytes_end_in_the_books(media, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bytes")
    good = SAMPLES[media]

    @few(8, share=0.02)
    @given(spoilt(good), st.sampled_from(["person.csv", "claims.csv", "x.hl7", "x"]))
    def tried(content, name):
        stored = []
        for seq, (part, where) in enumerate([(good, "good"), (content, "spoilt")], 1):
            path = folder / str(seq)
            path.write_bytes(part)
            stored.append(Stored(seq, where, "ehr", "x", name, media, f"{seq:064d}", len(part), path))
        with duckdb.connect(config={"threads": 2}) as con:
            normalise.extract(con, stored)
            normalise.normalise(con)
            assert [book for book in normalise.balance(con) if not book.holds] == []
            reasons = con.execute("SELECT DISTINCT reason FROM quarantine.record").fetchall()
            assert all("Doe" not in reason and "Jane" not in reason for (reason,) in reasons)

    tried()
