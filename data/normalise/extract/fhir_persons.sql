-- People in FHIR resources (table fhir, made by fhir.sql) to staging.other_person: relatives, staff, and what else a patient is called and reached by.
-- Whoever has a record, or a part of a patient's, of their own is read whole; of others only the name is known that a reference shows.

-- A reference's type; NULL where it has none in it (urn:uuid:7, #2). Those of these types are people.
CREATE OR REPLACE TEMP MACRO fhir_type(reference) AS nullif(regexp_extract(reference, '(?:^|/)([A-Z][A-Za-z]+)/[^/]+(?:/_history/.*)?$', 1), '');
CREATE OR REPLACE TEMP MACRO fhir_role(kind) AS CASE kind WHEN 'Patient' THEN 'patient' WHEN 'RelatedPerson' THEN 'relative' WHEN 'FamilyMemberHistory' THEN 'relative'
  ELSE 'staff' END;

-- One object or a list of them, as a list.
CREATE OR REPLACE TEMP MACRO fhir_list(json) AS CASE WHEN json IS NULL THEN [] WHEN starts_with(json, '[') THEN json_extract(json, '$[*]')
  WHEN starts_with(json, '{') THEN [json::JSON] ELSE [] END;
CREATE OR REPLACE TEMP MACRO fhir_lines(address) AS CASE WHEN json_array_length(address, '$.line') > 0 THEN json_extract_string(address, '$.line[*]')
  ELSE [json_extract_string(address, '$.text')] END;
CREATE OR REPLACE TEMP MACRO fhir_is_email(telecom) AS coalesce(json_extract_string(telecom, '$.system') = 'email', false)
  OR coalesce(contains(json_extract_string(telecom, '$.value'), '@'), false);

-- Everyone with a record: the parts as sent. Of a patient what fhir.sql has staged (the first of each) is left out (`staged`), and those of whom
-- there is no more are passed over.
CREATE OR REPLACE TEMP TABLE fhir_person AS
WITH whole AS (
  SELECT source, system, seq, blob, line, id, kind, id AS about, text AS body FROM fhir WHERE kind IN ('RelatedPerson', 'Practitioner', 'PractitionerRole', 'FamilyMemberHistory')
  UNION ALL BY NAME
  SELECT source, system, seq, blob, line, id, kind, id AS about, text AS body FROM fhir WHERE kind = 'Patient' AND (contains(text, 'patient-mothersMaidenName')
    OR list_transform([json_extract_string(text, ['$.name[1]', '$.name[0].given[1]', '$.name[0].text', '$.telecom[1]', '$.address[1]', '$.address[0].line[1]',
      '$.address[0].text', '$.contact[0]', '$.telecom[0].system', '$.identifier[0].value', '$.identifier[0].system', '$.identifier[1].value', '$.identifier[1].system'])],
      lambda v: coalesce(v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]) IS NOT NULL OR coalesce(v[9] <> 'phone', false) OR (v[10] IS NOT NULL AND v[11] IS NULL)
        OR (v[12] IS NOT NULL AND v[13] IS NULL))[1])
  UNION ALL BY NAME
  SELECT source, system, seq, blob, line, id, json_extract_string(body, '$.resourceType') AS kind, about, body
  FROM (SELECT source, system, seq, blob, line, id, fhir_ref(coalesce(about, json_extract_string(about_patient, '$.reference'))) AS about,
    unnest(json_extract(text, '$.contained[*]'))::VARCHAR AS body
    FROM fhir WHERE contains_others AND (contains(text, '"Practitioner"') OR contains(text, '"RelatedPerson"') OR contains(text, '"Patient"')))
  WHERE json_extract_string(body, '$.resourceType') IN ('Patient', 'RelatedPerson', 'Practitioner')
), parts AS (
  SELECT *, kind = 'Patient' AND about = id AS staged, json_extract_string(body, ['$.name', '$.telecom', '$.address', '$.identifier', '$.contact', '$.extension',
    '$.patient.reference', '$.practitioner.display']) AS v FROM whole
)
SELECT source, system, seq, blob, line, id, fhir_role(kind) AS role, CASE fhir_role(kind) WHEN 'patient' THEN about WHEN 'relative' THEN fhir_ref(coalesce(v[7], about)) END AS mrn,
  CASE WHEN kind = 'PractitionerRole' THEN [json_object('text', v[8])] WHEN kind = 'FamilyMemberHistory' THEN [json_object('text', v[1])] ELSE fhir_list(v[1]) END AS names,
  fhir_list(v[2]) AS telecoms, fhir_list(v[3]) AS addresses, fhir_list(v[4]) AS identifiers, staged,
  fhir_list(v[5]) AS contacts, fhir_list(v[6]) AS extensions
FROM parts;

INSERT INTO fhir_person BY NAME
SELECT source, system, seq, blob, line, id, 'relative' AS role, mrn, fhir_list(v[1]) AS names, fhir_list(v[2]) AS telecoms, fhir_list(v[3]) AS addresses, false AS staged
FROM (SELECT *, json_extract_string(one, ['$.name', '$.telecom', '$.address']) AS v FROM (SELECT *, unnest(contacts) AS one FROM fhir_person WHERE role = 'patient'));

INSERT INTO fhir_person BY NAME
SELECT source, system, seq, blob, line, id, 'relative' AS role, mrn, [json_object('text', v[2])] AS names, false AS staged
FROM (SELECT *, json_extract_string(one, ['$.url', '$.valueString']) AS v FROM (SELECT *, unnest(extensions) AS one FROM fhir_person WHERE role = 'patient'))
WHERE v[1] = 'http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName' AND v[2] IS NOT NULL;

-- One row for the first name, phone, e-mail, address and number, one for the second, and so on. Of a patient that is staged: from what is not yet.
INSERT INTO staging.other_person BY NAME
WITH lists AS (
  SELECT source, system, seq, blob, line, id, role, mrn,
    list_filter(names, lambda one, place: NOT staged OR place > 1 OR json_array_length(one, '$.given') > 1 OR json_extract(one, '$.family') IS NULL) AS names,
    list_transform(list_filter(telecoms, lambda one, place: NOT fhir_is_email(one) AND (NOT staged OR place > 1)), lambda one: json_extract_string(one, '$.value')) AS phones,
    list_transform(list_filter(telecoms, lambda one: fhir_is_email(one)), lambda one: json_extract_string(one, '$.value')) AS emails,
    list_filter(flatten(list_transform(addresses, lambda one: list_transform(fhir_lines(one), lambda street: {'street': street, 'rest': one}))),
      lambda one, place: NOT staged OR place > 1) AS places,
    list_filter(list_transform(identifiers, lambda one: json_extract_string(one, ['$.system', '$.value'])), lambda one: one[2] IS NOT NULL AND (NOT staged OR one[1] IS NULL)) AS numbers
  FROM fhir_person
), told AS (
  SELECT *, json_extract_string(names[place], ['$.family', '$.text']) AS called, nullif(array_to_string(json_extract_string(names[place], '$.given[*]'), ' '), '') AS given,
    json_extract_string(places[place].rest, ['$.city', '$.state', '$.postalCode']) AS town, numbers[place] AS number
  FROM (SELECT *, unnest(range(1, greatest(len(names), len(phones), len(emails), len(places), len(numbers)) + 1)) AS place FROM lists)
)
SELECT source, system, seq, blob, line, id AS record_id, role, mrn, CASE WHEN coalesce(called[1], given) IS NULL THEN called[2] END AS name, called[1] AS family, given,
  phones[place] AS phone, emails[place] AS email, places[place].street AS street, town[1] AS city, town[2] AS state, town[3] AS zip,
  coalesce(fhir_identifier_system(number[1]), 'FHIR') || '|' || number[2] AS identifier
FROM told;

-- What references show: of every different one of the chunk once, whatever number of records have it.
INSERT INTO staging.other_person BY NAME
WITH shown AS MATERIALIZED (
  SELECT DISTINCT source, system, seq, blob, about, unnest(fhir_list(item)) AS one FROM (
    SELECT source, system, seq, blob, CASE WHEN contains(shown, 'RelatedPerson') THEN coalesce(about, json_extract_string(about_patient, '$.reference')) END AS about,
      unnest(string_split(shown, chr(10))) AS item
    FROM fhir WHERE contains(shown, '"display"'))
), read AS MATERIALIZED (
  SELECT *, coalesce(v[1], v[3], v[5], v[7], v[9], v[11]) AS display, coalesce(v[2], v[4], v[6], v[8], v[10], v[12]) AS reference
  FROM (SELECT *, json_extract_string(one, ['$.display', '$.reference', '$.actor.display', '$.actor.reference', '$.individual.display', '$.individual.reference',
    '$.member.display', '$.member.reference', '$.provider.display', '$.provider.reference', '$.party.display', '$.party.reference']) AS v FROM shown)
), named AS (
  SELECT DISTINCT source, system, seq, blob, display, fhir_role(fhir_type(reference)) AS role,
    CASE fhir_role(fhir_type(reference)) WHEN 'patient' THEN fhir_ref(reference) WHEN 'relative' THEN fhir_ref(about) END AS mrn
  FROM read WHERE display IS NOT NULL AND coalesce(fhir_type(reference), 'Practitioner') IN ('Practitioner', 'PractitionerRole', 'RelatedPerson', 'Patient')
)
SELECT source, system, seq, blob, role, mrn, display AS name FROM named;

INSERT INTO staging.other_person BY NAME
SELECT DISTINCT source, system, seq, blob, 'patient' AS role, fhir_ref(coalesce(about, json_extract_string(about_patient, '$.reference'))) AS mrn,
  coalesce(about_shown, json_extract_string(about_patient, '$.display')) AS name
FROM fhir WHERE about_shown IS NOT NULL OR contains(about_patient, '"display"')
