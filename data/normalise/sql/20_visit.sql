-- visit_occurrence, care_site, provider. A visit that two sources tell of stays two records; joining them is a later version's.

INSERT INTO cdm.care_site BY NAME
SELECT DISTINCT ON (care_site_id) rr_key(source, 'care_site', record_id) AS care_site_id, name AS care_site_name, record_id AS care_site_source_value
FROM staging.care_site WHERE record_id IS NOT NULL ORDER BY care_site_id, seq DESC, line DESC;

INSERT INTO cdm.provider BY NAME
SELECT DISTINCT ON (provider_id) rr_key(source, 'provider', record_id) AS provider_id, name AS provider_name, npi, record_id AS provider_source_value
FROM staging.provider WHERE record_id IS NOT NULL ORDER BY provider_id, seq DESC, line DESC;

CREATE OR REPLACE TEMP TABLE ready_visit AS
SELECT v.*, i.person_id, rr_ts(start_at) AS began, coalesce(rr_ts(end_at), rr_ts(start_at)) AS ended,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person' ELSE rr_bad_date(rr_ts(start_at), b.birth_date, $horizon) END AS rule
FROM latest_visit v LEFT JOIN vault.patient_index i USING (source, mrn) LEFT JOIN best_identity b USING (person_id);

INSERT INTO cdm.visit_occurrence BY NAME
SELECT rr_key(v.source, 'visit', v.record_id) AS visit_occurrence_id, person_id, coalesce(c.concept_id, 0) AS visit_concept_id,
  began::DATE AS visit_start_date, began AS visit_start_datetime, greatest(ended, began)::DATE AS visit_end_date,
  greatest(ended, began) AS visit_end_datetime, 32817 AS visit_type_concept_id, class_code AS visit_source_value,
  p.provider_id, s.care_site_id
FROM ready_visit v
LEFT JOIN vocabulary c ON c.vocabulary = 'Visit' AND c.code = v.class_code
LEFT JOIN cdm.provider p ON p.provider_id = rr_key(v.source, 'provider', v.provider_key)
LEFT JOIN cdm.care_site s ON s.care_site_id = rr_key(v.source, 'care_site', v.care_site_key)
WHERE rule IS NULL;
