"""The two files `readingroom init` writes, comments and all. Tests check that both load and that the policy's examples hold."""

ROOM = """\
# A Reading Room. Every path is relative to this file's directory.

# Source systems. `kind` says how it is read, `system` what it is. `readingroom ingest` reads them all.
sources:
  - {name: ehr, kind: fhir-ndjson, system: ehr, path: {hospital}/ehr/fhir}
  - {name: adt, kind: hl7v2, system: ehr, path: {hospital}/ehr/adt}
  - {name: laboratory, kind: hl7v2, system: laboratory, path: {hospital}/laboratory}
  - {name: imaging, kind: dicom, system: imaging, path: {hospital}/imaging}
  - {name: registry, kind: omop-csv, system: research, path: {hospital}/research/omop}
  - name: operations
    kind: database
    system: operations
    url: sqlite:///{hospital}/operations/operations.db

# A trial's subjects carry no identities: with this source they are persons of their own, beside the hospital's.
#  - {name: trial, kind: sdtm-xpt, system: research, path: {hospital}/research/sdtm}

# Codes are mapped by an Athena download where there is one; else by a starter map.
# vocabulary: athena

# What stops a publish; see `readingroom quality`.
quality: {gate: [isPrimaryKey], most_quarantined: 50}

# Who may ask what. Check it with `readingroom explain SQL`.
policy: policy.yaml

# Keys are made here on first use. Keep a copy elsewhere: without the pseudonym key no later snapshot fits this one,
# without the sealing key nobody can read the arguments in the ledger.
keys: keys

# The pseudonym key may come from elsewhere, in hexadecimal or base64: from an environment variable, or from a file of yours.
# pseudonym_key: {env: READINGROOM_PSEUDONYM_KEY}

# The record of every call. `durable: true` waits for the disk before an answer leaves. A witness is a file on another machine's mount, or
# one that can only be added to: it gets each signed checkpoint, so that an older copy put back is found.
ledger:
  url: sqlite:///ledger.db
  durable: true
#  witness: /mnt/elsewhere/ledger.witness
#  witness_required: true

# Who asks over stdio and from the command line when the command does not say.
local: {role: researcher, purpose: HRESCH}

# Query workers: each may use this many threads and this much memory.
engine: {workers: 2, threads: 2, memory_mb: 1024}

# Bearer tokens for HTTP: make one with `readingroom token`.
tokens: []
"""

POLICY = """\
# Who may know what. Nothing is allowed that is not granted here.
#
# A grant gives one role, for one purpose of use (HL7 PurposeOfUse), one release in one mode:
#   aggregate  counts and averages; cells resting on few persons are withheld
#   record     rows
# `tags` are the kinds of column that may be seen; a column is seen when all of its tags are granted.
version: 1
contact: the data guardian of this hospital (set `contact` in policy.yaml)

# A cell that rests on 1 to hide_below - 1 persons is withheld. 11 is the CMS cell size suppression policy.
thresholds:
  cms: {hide_below: 11}
  strict: {hide_below: 20}

grants:
  - role: researcher
    purpose: HRESCH
    release: deidentified
    mode: aggregate
    tables: ["*"]
    tags: [person_key, record_key, quasi_identifier, date, clinical, operational]
    threshold: cms

  - role: analyst
    purpose: HOPERAT
    release: limited
    mode: record
    tables: ["operations.*", care_site]
    tags: [person_key, record_key, date, operational, clinical]

  - role: clinician
    purpose: TREAT
    release: identified
    mode: record
    tables: ["*"]
    tags: [person_key, record_key, identifier, quasi_identifier, date, free_text, clinical, operational]
    calls_per_hour_alert: 120

# The policy's own test: each question must get the verdict written beside it.
examples:
  - {role: researcher, purpose: HRESCH, expect: allowed, sql: "SELECT count(DISTINCT person_id) FROM condition_occurrence"}
  - {role: researcher, purpose: HRESCH, expect: refused, rule: table-not-in-release, sql: "SELECT family_name FROM patient_identity"}
  - {role: researcher, purpose: HRESCH, expect: refused, rule: aggregate-only, sql: "SELECT person_id FROM person"}
  - {role: researcher, purpose: HRESCH, expect: refused, rule: table-not-granted, sql: "SELECT count(*) FROM note_term WHERE term = 'fall'"}
  - {role: analyst, purpose: HOPERAT, expect: allowed, sql: "SELECT ward, bed FROM operations.bed_stay LIMIT 5"}
  - {role: analyst, purpose: HOPERAT, expect: refused, rule: table-not-granted, sql: "SELECT count(*) FROM condition_occurrence"}
  - {role: clinician, purpose: TREAT, expect: allowed, sql: "SELECT family_name, given_name FROM patient_identity LIMIT 5"}
"""
