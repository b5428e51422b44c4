-- vault.related_person: what is known of people besides vault.patient_identity, for finding them in texts. `role` is relative (person_id: the patient),
-- staff (person_id NULL) or patient (more names, phones, e-mails, addresses and numbers of a patient). person_id is NULL, too, where no source
-- describes the patient. One row holds one of each at most; `identifier` is system|number, as in patient_identity (SSN, NPI, ACCOUNT, MEMBER, LICENSE,
-- ACCESSION, or the system the source names). Nothing here is a record of its own: the books do not count it.

-- Titles and degrees. Those that are surnames, too (Ma, Do), count only in capitals beside a name that is not.
CREATE OR REPLACE MACRO rr_title(word, text) AS lower(replace(word, '.', '')) IN ('dr', 'mr', 'mrs', 'ms', 'miss', 'mx', 'prof', 'professor', 'doctor', 'sr', 'jr',
  'ii', 'iii', 'iv', 'md', 'dds', 'dmd', 'dpm', 'rn', 'lpn', 'lvn', 'np', 'aprn', 'arnp', 'crnp', 'fnp', 'fnp-bc', 'dnp', 'pa-c', 'cnm', 'crna', 'cns', 'cma', 'phd',
  'pharmd', 'rph', 'psyd', 'bsn', 'msn', 'mph', 'msc', 'mba', 'mbbs', 'facp', 'facs', 'faap', 'facc', 'dpt', 'otr', 'slp', 'lcsw', 'msw', 'emt')
  OR (replace(word, '.', '') IN ('MA', 'DO', 'PA', 'OD', 'PT', 'OT', 'RD', 'RT') AND text <> upper(text));

-- The parts of a name between its commas, each a list of words; what stands in brackets is no part of it.
CREATE OR REPLACE MACRO rr_name_parts(text) AS list_filter(
  list_transform(string_split(regexp_replace(coalesce(text, ''), '\([^)]*\)', ' ', 'g'), ','),
    lambda part: list_filter(string_split_regex(trim(part), '\s+'), lambda word: word <> '' AND NOT rr_title(word, text))),
  lambda words: len(words) > 0);

-- Words of letters (some generators put digits behind a name), and none that tells of a place of work.
CREATE OR REPLACE MACRO rr_are_name_words(words) AS len(words) BETWEEN 1 AND 5 AND len(list_filter(words, lambda word:
  NOT regexp_full_match(word, '\p{L}[\p{L}\p{M}''’.\-]*[0-9]{0,4}') OR lower(word) IN ('hospital', 'hospitals', 'clinic', 'clinics', 'center', 'centre', 'health',
    'healthcare', 'care', 'medical', 'medicine', 'department', 'dept', 'inc', 'llc', 'ltd', 'corp', 'group', 'laboratory', 'laboratories', 'lab', 'labs', 'pharmacy',
    'university', 'institute', 'service', 'services', 'unit', 'team', 'system', 'systems', 'practice', 'associates', 'office', 'room', 'desk', 'school', 'home',
    'partners', 'program', 'emergency', 'outpatient', 'inpatient', 'radiology', 'cardiology', 'surgery', 'nursing', 'provider', 'physician', 'nurse', 'unknown',
    'default', 'interface', 'generic', 'tech', 'technician', 'technologist', 'operator', 'resident', 'staff', 'historical', 'test', 'user', 'admin', 'of', 'the',
    'and', 'for'))) = 0;

-- A name in one piece ("Dr. Ana Silva, MD", "SILVA, ANA") as {family, given}; NULL where the words do not look like a person's name.
CREATE OR REPLACE MACRO rr_split_name(text) AS list_transform([rr_name_parts(text)], lambda parts: CASE
  WHEN len(parts) = 0 OR NOT rr_are_name_words(flatten(parts)) THEN NULL
  WHEN len(parts) > 1 THEN {'family': array_to_string(parts[1], ' '), 'given': array_to_string(parts[2], ' ')}
  WHEN len(parts[1]) > 1 AND length(parts[1][-1]) > 1 THEN {'family': parts[1][-1], 'given': array_to_string(parts[1][:-2], ' ')}
  WHEN len(parts[1]) = 1 AND regexp_matches(text, '(?i)^\s*(dr|doctor|prof|mr|mrs|ms|miss)\b') THEN {'family': parts[1][1], 'given': NULL} END)[1];

-- What is typed where a name is not known is no name, nor is what a system is called by, a number, a sentence or an address.
CREATE OR REPLACE MACRO rr_said_name(value) AS CASE WHEN NOT contains(value, '@') AND len(string_split_regex(trim(value), '\s+')) <= 6
  AND length(regexp_replace(value, '[^0-9]', '', 'g')) <= length(rr_letters(value))
  AND rr_letters(value) NOT IN ('', 'unknown', 'unk', 'none', 'na', 'nil', 'null', 'self', 'same', 'sameaspatient', 'notavailable', 'notapplicable', 'notgiven',
    'notprovided', 'notassigned', 'unassigned', 'noname', 'nopcp', 'pcp', 'other', 'outside', 'refused', 'declined', 'deceased', 'patient', 'doctor', 'physician',
    'provider', 'nurse', 'staff', 'clinic', 'lab', 'laboratory', 'system', 'interface', 'admin', 'administrator') THEN trim(value) END;

CREATE OR REPLACE TABLE vault.related_person AS
WITH lives AS (  -- an address that a source keeps apart from those who live there
  SELECT DISTINCT source, record_id, mrn AS whose FROM staging.other_person WHERE record_id LIKE 'location:%' AND mrn IS NOT NULL
), different AS (
  SELECT DISTINCT source, coalesce(o.mrn, l.whose) AS mrn, role, name, family, given, phone, email, street, city, state, zip, identifier
  FROM staging.other_person o LEFT JOIN lives l USING (source, record_id)
), split AS (
  SELECT *, CASE WHEN name IS NOT NULL THEN rr_split_name(name) END AS pieces FROM different
), told AS (
  SELECT i.person_id, role, rr_said_name(coalesce(s.family, pieces.family, CASE WHEN pieces IS NULL AND role <> 'staff' THEN name END)) AS family,
    rr_said_name(coalesce(s.given, pieces.given)) AS given, CASE WHEN regexp_matches(phone, '[0-9].*[0-9].*[0-9].*[0-9]') THEN trim(phone) END AS phone,
    CASE WHEN contains(email, '@') THEN trim(email) END AS email, nullif(trim(street), '') AS street, nullif(trim(city), '') AS city,
    nullif(trim(state), '') AS state, nullif(trim(zip), '') AS zip, CASE WHEN regexp_matches(identifier, '\|\s*\S') THEN trim(identifier) END AS identifier, source
  FROM split s LEFT JOIN vault.patient_index i USING (source, mrn)
)
SELECT DISTINCT * FROM told WHERE coalesce(family, given, phone, email, street, city, state, zip, identifier) IS NOT NULL
