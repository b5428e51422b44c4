-- note and image_occurrence.

CREATE OR REPLACE TEMP TABLE ready_note AS
SELECT n.*, i.person_id, rr_ts(written_at) AS began, vo.visit_occurrence_id, p.provider_id,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person' WHEN body IS NULL THEN 'no-text' ELSE rr_bad_date(rr_ts(written_at), b.birth_date, $horizon) END AS rule
FROM latest_note n
LEFT JOIN vault.patient_index i ON i.source = n.source AND i.mrn = n.mrn
LEFT JOIN best_identity b ON b.person_id = i.person_id
LEFT JOIN cdm.visit_occurrence vo ON vo.visit_occurrence_id = rr_key(n.source, 'visit', n.visit_key) AND vo.person_id = i.person_id
LEFT JOIN cdm.provider p ON p.provider_id = rr_key(n.source, 'provider', n.provider_key);

INSERT INTO cdm.note BY NAME
SELECT rr_key(source, 'note', record_id) AS note_id, person_id, began::DATE AS note_date, began AS note_datetime, 32817 AS note_type_concept_id,
  0 AS note_class_concept_id, title AS note_title, body AS note_text, 0 AS encoding_concept_id, 0 AS language_concept_id, provider_id,
  visit_occurrence_id, type_code AS note_source_value
FROM ready_note WHERE rule IS NULL;

CREATE OR REPLACE TEMP TABLE ready_image AS
SELECT m.*, i.person_id, rr_ts(acquired_at) AS began,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person' ELSE rr_bad_date(rr_ts(acquired_at), b.birth_date, $horizon) END AS rule
FROM latest_image m LEFT JOIN vault.patient_index i USING (source, mrn) LEFT JOIN best_identity b USING (person_id);

INSERT INTO cdm.image_occurrence BY NAME
SELECT rr_key(source, 'image', record_id) AS image_occurrence_id, person_id, local_path, began::DATE AS image_occurrence_date,
  study_uid AS image_study_uid, series_uid AS image_series_uid, 0 AS modality_concept_id, modality AS modality_source_value,
  body_part AS anatomic_site_source_value, burned_in AS burned_in_annotation
FROM ready_image WHERE rule IS NULL;
