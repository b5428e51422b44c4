-- From lines of FHIR resources (fhir_arriving: file, line, text, given, deleted; fhir_files: where each file came from) to the staging tables.
-- Each SELECT reads all the paths it needs in one pass over the JSON.

-- The id a reference points to: the last part of Patient/7, urn:uuid:7, or an address, versions left out.
CREATE OR REPLACE TEMP MACRO fhir_ref(reference) AS
  regexp_extract(CASE WHEN contains(reference, '/_history/') THEN split_part(reference, '/_history/', 1) ELSE reference END, '([^/:]+)$', 1);

CREATE OR REPLACE TEMP MACRO fhir_system(uri) AS CASE uri
  WHEN 'http://snomed.info/sct' THEN 'SNOMED' WHEN 'http://loinc.org' THEN 'LOINC'
  WHEN 'http://www.nlm.nih.gov/research/umls/rxnorm' THEN 'RxNorm' WHEN 'http://hl7.org/fhir/sid/cvx' THEN 'CVX'
  WHEN 'http://hl7.org/fhir/sid/icd-10-cm' THEN 'ICD10CM' ELSE 'LOCAL' END;

CREATE OR REPLACE TEMP MACRO fhir_identifier_system(uri) AS CASE uri
  WHEN 'urn:readingroom:ehr' THEN 'EHR' WHEN 'http://hl7.org/fhir/sid/us-ssn' THEN 'SSN' WHEN 'http://hl7.org/fhir/sid/us-npi' THEN 'NPI' ELSE uri END;

-- What every resource is asked for, in one pass: its type and id, whether it contains others, whom it is about, and all places where a reference
-- may show somebody's name (`shown`, a line each). A line that is no JSON has no head.
CREATE OR REPLACE TEMP TABLE fhir_rows AS
SELECT line, text, given, deleted, source, system, seq, blob, name, media, head IS NOT NULL AS readable, head[1] AS kind, coalesce(head[2], given) AS id,
  head[3] IS NOT NULL AS contains_others, head[4] AS about, head[5] AS about_shown, head[6] AS about_patient, array_to_string(head[7:], chr(10)) AS shown
FROM (SELECT l.line, l.text, l.given, l.deleted, f.source, f.system, f.seq, f.blob, f.name, f.media,
    CASE WHEN text IS NOT NULL AND deleted IS NULL THEN TRY(json_extract_string(text, ['$.resourceType', '$.id', '$.contained[0].id',
      '$.subject.reference', '$.subject.display', '$.patient', '$.performer', '$.participant', '$.requester', '$.author', '$.recorder',
      '$.asserter', '$.provider', '$.careTeam', '$.interpreter', '$.resultsInterpreter', '$.referrer', '$.authenticator', '$.enterer',
      '$.informationSource', '$.note[0].authorReference', '$.generalPractitioner'])) END AS head
  FROM fhir_arriving l JOIN fhir_files f USING (file) WHERE text IS NULL OR deleted IS NOT NULL OR trim(text, E' \t\r\n') <> '');

CREATE OR REPLACE TEMP VIEW fhir AS
SELECT source, system, seq, blob, line, text, kind, id, contains_others, about, about_shown, about_patient, shown
FROM fhir_rows WHERE deleted IS NULL AND kind IS NOT NULL AND id IS NOT NULL;

INSERT INTO staging.received
SELECT source, blob, any_value(name), any_value(media), count(DISTINCT line) FROM fhir_rows GROUP BY source, blob;

-- What its source says is gone: the id, and the type it had.
INSERT INTO staging.deleted
SELECT source, system, seq, blob, line, fhir_ref(deleted), split_part(deleted, '/', -2) FROM fhir_rows WHERE deleted IS NOT NULL;

INSERT INTO staging.reject
SELECT source, seq, blob, line, NULL,
  CASE WHEN text IS NULL THEN 'not-utf8' WHEN NOT readable THEN 'broken-json' WHEN kind IS NULL THEN 'no-type' ELSE 'no-id' END,
  CASE WHEN text IS NULL THEN 'the line is not UTF-8 text, or far too long' WHEN NOT readable THEN 'the line is not a JSON object'
    WHEN kind IS NULL THEN 'the resource has no resourceType' ELSE 'the resource has no id' END
FROM fhir_rows WHERE deleted IS NULL AND (kind IS NULL OR id IS NULL);

INSERT INTO staging.patient
SELECT source, system, seq, blob, line, id, id,
  list_transform(
    list_filter(list_zip(json_extract_string(text, '$.identifier[*].system'), json_extract_string(text, '$.identifier[*].value')),
      lambda one: one[1] IS NOT NULL AND one[2] IS NOT NULL),
    lambda one: fhir_identifier_system(one[1]) || '|' || one[2]),
  v[1], v[2], v[3], v[4],
  list_extract(json_extract_string(text, '$.extension[*].extension[*].valueCoding.code'), 1),
  list_extract(list_filter(json_extract_string(text, '$.extension[*].extension[*].valueCoding.code'), lambda one: one IN ('2135-2', '2186-5')), 1),
  v[5], v[6], v[7], v[8], v[9], v[10]
FROM (SELECT *, json_extract_string(text, ['$.name[0].family', '$.name[0].given[0]', '$.birthDate', '$.gender', '$.address[0].line[0]',
  '$.address[0].city', '$.address[0].state', '$.address[0].postalCode', '$.telecom[0].value', '$.deceasedDateTime']) AS v
  FROM fhir WHERE kind = 'Patient');

INSERT INTO staging.visit
SELECT source, system, seq, blob, line, id, fhir_ref(v[1]), v[2], v[3], v[4], v[5],
  fhir_ref(v[6]), fhir_ref(v[7]), NULL, v[8]
FROM (SELECT *, json_extract_string(text, ['$.subject.reference', '$.class.code', '$.period.start', '$.period.end', '$.status',
  '$.participant[0].individual.reference', '$.serviceProvider.reference', '$.identifier[0].value']) AS v FROM fhir WHERE kind = 'Encounter');

INSERT INTO staging.event BY NAME
SELECT source, system, seq, blob, line, kind || '/' || id AS record_id,
  CASE kind WHEN 'Condition' THEN 'condition' WHEN 'Procedure' THEN 'procedure' WHEN 'Immunization' THEN 'immunization'
    WHEN 'AllergyIntolerance' THEN 'allergy' ELSE 'drug' END AS kind,
  fhir_ref(coalesce(v[1], v[2])) AS mrn, fhir_ref(v[3]) AS visit_key,
  fhir_system(coalesce(v[4], v[7], v[10])) AS code_system, coalesce(v[5], v[8], v[11]) AS code, coalesce(v[6], v[9], v[12]) AS display,
  coalesce(v[13], v[14], v[15], v[16], v[17], v[26], v[27], v[28], v[18], v[24]) AS start_at, coalesce(v[19], v[20], v[29]) AS end_at,
  coalesce(v[25], v[21]) AS status, fhir_ref(coalesce(v[22], v[23])) AS provider_key,
  CASE WHEN coalesce(v[30], v[31], v[32], v[33], v[34]) IS NOT NULL THEN
    json_object('quantity', coalesce(v[30], v[31]), 'days_supply', v[32], 'refills', v[33], 'sig', v[34]) END AS more
FROM (SELECT *, json_extract_string(text, ['$.subject.reference', '$.patient.reference', '$.encounter.reference',
  '$.code.coding[0].system', '$.code.coding[0].code', '$.code.coding[0].display',
  '$.medicationCodeableConcept.coding[0].system', '$.medicationCodeableConcept.coding[0].code', '$.medicationCodeableConcept.coding[0].display',
  '$.vaccineCode.coding[0].system', '$.vaccineCode.coding[0].code', '$.vaccineCode.coding[0].display',
  '$.onsetDateTime', '$.authoredOn', '$.performedPeriod.start', '$.performedDateTime', '$.occurrenceDateTime', '$.recordedDate',
  '$.abatementDateTime', '$.performedPeriod.end', '$.status', '$.requester.reference', '$.performer[0].actor.reference',
  '$.onsetPeriod.start', '$.verificationStatus.coding[0].code', '$.effectiveDateTime', '$.effectivePeriod.start', '$.whenHandedOver',
  '$.effectivePeriod.end', '$.dispenseRequest.quantity.value', '$.quantity.value', '$.dispenseRequest.expectedSupplyDuration.value',
  '$.dispenseRequest.numberOfRepeatsAllowed', '$.dosageInstruction[0].text']) AS v
  FROM fhir WHERE kind IN ('Condition', 'Procedure', 'Immunization', 'AllergyIntolerance', 'MedicationRequest', 'MedicationStatement',
    'MedicationAdministration', 'MedicationDispense'));

INSERT INTO staging.event BY NAME
SELECT source, system, seq, blob, line,
  'Observation/' || id || part AS record_id,
  CASE WHEN v[13] IN ('social-history', 'survey') THEN 'observation' ELSE 'measurement' END AS kind,
  fhir_ref(v[1]) AS mrn, fhir_ref(v[2]) AS visit_key,
  CASE WHEN other THEN fhir_system(w[13]) ELSE fhir_system(w[1]) END AS code_system, CASE WHEN other THEN w[14] ELSE w[2] END AS code,
  CASE WHEN other THEN w[15] ELSE w[3] END AS display,
  coalesce(v[3], v[4], v[5]) AS start_at, v[6] AS end_at,
  coalesce(w[11], w[12], w[4], w[16], w[17], w[18], w[19] || ':' || w[20]) AS value_text, coalesce(w[4], w[16]) AS value_number, w[5] AS value_operator,
  CASE WHEN w[10] IS NOT NULL THEN fhir_system(w[9]) END AS value_code_system, w[10] AS value_code, coalesce(w[6], w[7]) AS unit,
  v[8] AS range_low, v[9] AS range_high, v[7] AS status, fhir_ref(v[10]) AS provider_key, w[4] IS NOT NULL AS numeric_expected
FROM (SELECT *, fhir_system(w[1]) = 'LOCAL' AND fhir_system(w[13]) <> 'LOCAL' AS other FROM (
  SELECT *, json_extract_string(body, ['$.code.coding[0].system', '$.code.coding[0].code', '$.code.coding[0].display',
    '$.valueQuantity.value', '$.valueQuantity.comparator', '$.valueQuantity.code', '$.valueQuantity.unit', '$.id',
    '$.valueCodeableConcept.coding[0].system', '$.valueCodeableConcept.coding[0].code', '$.valueString',
    '$.valueCodeableConcept.coding[0].display', '$.code.coding[1].system', '$.code.coding[1].code', '$.code.coding[1].display',
    '$.valueInteger', '$.valueBoolean', '$.valueDateTime', '$.valueRatio.numerator.value', '$.valueRatio.denominator.value']) AS w
  FROM (
    SELECT source, system, seq, blob, line, id, text AS body, '' AS part, v FROM (SELECT *, json_extract_string(text, ['$.subject.reference', '$.encounter.reference',
      '$.effectiveDateTime', '$.effectivePeriod.start', '$.effectiveInstant', '$.effectivePeriod.end', '$.status',
      '$.referenceRange[0].low.value', '$.referenceRange[0].high.value', '$.performer[0].reference', '$.issued', '$.id',
      '$.category[0].coding[0].code']) AS v
      FROM fhir WHERE kind = 'Observation' AND coalesce(json_array_length(text, '$.component'), 0) = 0)
    UNION ALL
    SELECT source, system, seq, blob, line, id, unnest(json_extract(text, '$.component[*]'))::VARCHAR, '#' || unnest(range(1, json_array_length(text, '$.component')::BIGINT + 1)), v
    FROM (SELECT *, json_extract_string(text, ['$.subject.reference', '$.encounter.reference',
      '$.effectiveDateTime', '$.effectivePeriod.start', '$.effectiveInstant', '$.effectivePeriod.end', '$.status',
      '$.none', '$.none', '$.performer[0].reference', '$.issued', '$.id', '$.category[0].coding[0].code']) AS v
      FROM fhir WHERE kind = 'Observation' AND coalesce(json_array_length(text, '$.component'), 0) > 0)
  )
));

INSERT INTO staging.note
SELECT source, system, seq, blob, line, id, fhir_ref(v[1]), fhir_ref(v[2]), v[3], fhir_system(v[4]), v[5],
  v[6], CASE WHEN v[7] IS NOT NULL THEN TRY(decode(from_base64(v[7]))) END, fhir_ref(v[8]), v[9]
FROM (SELECT *, json_extract_string(text, ['$.subject.reference', '$.context.encounter[0].reference', '$.date', '$.type.coding[0].system',
  '$.type.coding[0].code', '$.content[0].attachment.title', '$.content[0].attachment.data', '$.author[0].reference', '$.status']) AS v
  FROM fhir WHERE kind = 'DocumentReference');

INSERT INTO staging.provider
SELECT source, system, seq, blob, line, id, concat_ws(' ', v[1], v[2]), v[3]
FROM (SELECT *, json_extract_string(text, ['$.name[0].given[0]', '$.name[0].family', '$.identifier[0].value']) AS v
  FROM fhir WHERE kind = 'Practitioner');

INSERT INTO staging.care_site
SELECT source, system, seq, blob, line, id, json_extract_string(text, '$.name')
FROM fhir WHERE kind = 'Organization';

INSERT INTO staging.image BY NAME
SELECT source, system, seq, blob, line, coalesce(json_extract_string(one, '$.uid'), id || '#' || place) AS record_id, fhir_ref(v[1]) AS mrn,
  regexp_replace(coalesce(v[2], id), '^urn:oid:', '') AS study_uid, json_extract_string(one, '$.uid') AS series_uid,
  json_extract_string(one, '$.modality.code') AS modality, json_extract_string(one, '$.bodySite.display') AS body_part,
  coalesce(json_extract_string(one, '$.started'), v[3]) AS acquired_at
FROM (SELECT *, unnest(json_extract(text, '$.series[*]')) AS one, unnest(range(1, json_array_length(text, '$.series')::BIGINT + 1)) AS place,
  json_extract_string(text, ['$.subject.reference', '$.identifier[0].value', '$.started']) AS v
  FROM fhir WHERE kind = 'ImagingStudy' AND coalesce(json_array_length(text, '$.series'), 0) > 0);

INSERT INTO staging.claim BY NAME
SELECT source, system, seq, blob, line, id AS record_id, fhir_ref(v[1]) AS mrn, coalesce(v[2], v[3]) AS payer, coalesce(v[4], v[5]) AS service_date,
  v[6] AS diagnosis_code, v[7] AS amount, v[8] AS status
FROM (SELECT *, json_extract_string(text, ['$.patient.reference', '$.insurance[0].coverage.display', '$.insurer.display', '$.billablePeriod.start',
  '$.created', '$.diagnosis[0].diagnosisCodeableConcept.coding[0].code', '$.total.value', '$.status']) AS v FROM fhir WHERE kind = 'Claim');

-- The quality report names types of FHIR R4 only, not whatever stands in resourceType.
INSERT INTO staging.not_understood
SELECT source, blob, line, CASE WHEN kind IN (
  'Account', 'AdverseEvent', 'Appointment', 'AppointmentResponse', 'AuditEvent', 'Basic', 'Binary', 'BodyStructure', 'Bundle',
  'CarePlan', 'CareTeam', 'ChargeItem', 'ClaimResponse', 'ClinicalImpression', 'CodeSystem', 'Communication',
  'CommunicationRequest', 'Composition', 'ConceptMap', 'Consent', 'Contract', 'Coverage', 'CoverageEligibilityRequest',
  'CoverageEligibilityResponse', 'DetectedIssue', 'Device', 'DeviceDefinition', 'DeviceMetric', 'DeviceRequest',
  'DeviceUseStatement', 'DiagnosticReport', 'DocumentManifest', 'Endpoint', 'EnrollmentRequest', 'EnrollmentResponse',
  'EpisodeOfCare', 'ExplanationOfBenefit', 'FamilyMemberHistory', 'Flag', 'Goal', 'Group', 'GuidanceResponse', 'HealthcareService',
  'ImagingStudy', 'ImmunizationEvaluation', 'ImmunizationRecommendation', 'InsurancePlan', 'Invoice', 'Library', 'Linkage', 'List',
  'Location', 'Measure', 'MeasureReport', 'Media', 'Medication', 'MedicationKnowledge', 'MessageHeader', 'MolecularSequence',
  'NutritionOrder', 'OperationOutcome', 'OrganizationAffiliation', 'Parameters', 'PaymentNotice', 'PaymentReconciliation', 'Person',
  'PlanDefinition', 'PractitionerRole', 'Provenance', 'Questionnaire', 'QuestionnaireResponse', 'RelatedPerson', 'RequestGroup',
  'ResearchStudy', 'ResearchSubject', 'RiskAssessment', 'Schedule', 'ServiceRequest', 'Slot', 'Specimen', 'Subscription',
  'Substance', 'SupplyDelivery', 'SupplyRequest', 'Task', 'ValueSet', 'VerificationResult', 'VisionPrescription')
  THEN 'FHIR ' || kind ELSE 'FHIR of no known type' END, 1 FROM fhir
WHERE kind NOT IN ('Patient', 'Encounter', 'Condition', 'MedicationRequest', 'MedicationStatement', 'MedicationAdministration',
  'MedicationDispense', 'Procedure', 'Immunization', 'AllergyIntolerance', 'Observation', 'DocumentReference', 'Practitioner', 'Organization',
  'Claim') AND NOT (kind = 'ImagingStudy' AND coalesce(json_array_length(text, '$.series'), 0) > 0)
