-- visit_occurrence, care_site, provider. A visit that two sources tell of (an Encounter and its ADT messages) becomes one row.

INSERT INTO cdm.care_site BY NAME
SELECT DISTINCT ON (care_site_id) rr_key(source, 'care_site', record_id) AS care_site_id, name AS care_site_name, record_id AS care_site_source_value
FROM staging.care_site WHERE record_id IS NOT NULL ORDER BY care_site_id, seq DESC, line DESC;

INSERT INTO cdm.provider BY NAME
SELECT DISTINCT ON (provider_id) rr_key(source, 'provider', record_id) AS provider_id, name AS provider_name, npi, record_id AS provider_source_value
FROM staging.provider WHERE record_id IS NOT NULL ORDER BY provider_id, seq DESC, line DESC;

-- HL7 tells of a visit in parts: each field from the last message that said it; the empty text takes back what was said.
CREATE OR REPLACE TEMP TABLE told_visit AS
SELECT source, record_id, arg_max(class_code, (seq, line)) AS class_code, nullif(arg_max(start_at, (seq, line)), '') AS start_at,
  nullif(arg_max(end_at, (seq, line)), '') AS end_at, arg_max(provider_key, (seq, line)) AS provider_key
FROM staging.visit WHERE partial GROUP BY source, record_id;

CREATE OR REPLACE TEMP TABLE ready_visit AS
WITH whole AS (
  SELECT v.* REPLACE (
      CASE WHEN v.partial THEN t.class_code ELSE v.class_code END AS class_code, CASE WHEN v.partial THEN t.start_at ELSE v.start_at END AS start_at,
      CASE WHEN v.partial THEN t.end_at ELSE v.end_at END AS end_at, CASE WHEN v.partial THEN t.provider_key ELSE v.provider_key END AS provider_key)
  FROM latest_visit v LEFT JOIN told_visit t USING (source, record_id)
)
SELECT v.*, i.person_id, rr_ts(start_at) AS began, greatest(coalesce(rr_ts(end_at), rr_ts(start_at)), rr_ts(start_at)) AS ended,
  rr_key(v.source, 'visit', v.record_id) AS own_id,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person' ELSE rr_bad_date(rr_ts(start_at), b.birth_date, $horizon) END AS rule
FROM whole v LEFT JOIN vault.patient_index i USING (source, mrn) LEFT JOIN best_identity b USING (person_id);

-- Which visit a source's record of a visit belongs to: another source's, whose record is whole, where the two share a number, or
-- person, class and beginning (to the hour, and only one fits); else its own.
CREATE OR REPLACE TABLE vault.visit_link AS
WITH good AS (SELECT * FROM ready_visit WHERE rule IS NULL),
candidate AS (
  SELECT p.source, p.record_id, w.own_id, coalesce(w.visit_number = p.visit_number, false) AS same_number
  FROM good p JOIN good w ON w.person_id = p.person_id AND w.source <> p.source AND p.partial AND w.partial IS NULL
    AND (w.visit_number = p.visit_number OR (w.class_code = p.class_code AND abs(epoch(w.began) - epoch(p.began)) <= 3600))
),
chosen AS (
  SELECT source, record_id, coalesce(min(own_id) FILTER (WHERE same_number), min(own_id)) AS other_id,
    CASE WHEN bool_or(same_number) THEN 'number' ELSE 'time' END AS how
  FROM candidate GROUP BY source, record_id HAVING bool_or(same_number) OR count(*) = 1
)
SELECT g.source, g.record_id, g.person_id, coalesce(c.other_id, g.own_id) AS visit_occurrence_id, coalesce(c.how, 'own') AS rule
FROM good g LEFT JOIN chosen c USING (source, record_id);

INSERT INTO cdm.visit_occurrence BY NAME
SELECT own_id AS visit_occurrence_id, v.person_id, coalesce(c.concept_id, 0) AS visit_concept_id,
  began::DATE AS visit_start_date, began AS visit_start_datetime, ended::DATE AS visit_end_date,
  ended AS visit_end_datetime, 32817 AS visit_type_concept_id, class_code AS visit_source_value,
  p.provider_id, s.care_site_id
FROM ready_visit v
JOIN vault.visit_link l ON l.source = v.source AND l.record_id = v.record_id AND l.visit_occurrence_id = v.own_id
LEFT JOIN starter c ON c.vocabulary = 'Visit' AND c.code = v.class_code
LEFT JOIN cdm.provider p ON p.provider_id = rr_key(v.source, 'provider', v.provider_key)
LEFT JOIN cdm.care_site s ON s.care_site_id = rr_key(v.source, 'care_site', v.care_site_key)
WHERE v.rule IS NULL;
