-- Where every row came from: the record of the source (raw bytes by digest, line or message number) behind each row of each table.
-- Eras and observation periods are computed from the rows of a person in the tables they are of; they have no record of their own.

CREATE OR REPLACE TABLE vault.lineage AS
SELECT CASE target WHEN 'Condition' THEN 'condition_occurrence' WHEN 'Drug' THEN 'drug_exposure' WHEN 'Procedure' THEN 'procedure_occurrence'
    WHEN 'Measurement' THEN 'measurement' ELSE 'observation' END AS table_name, event_key AS row_id, source, blob, line, record_id
FROM ready_event WHERE rule IS NULL
UNION ALL SELECT 'visit_occurrence', l.visit_occurrence_id, v.source, v.blob, v.line, v.record_id
FROM ready_visit v JOIN vault.visit_link l USING (source, record_id)
UNION ALL SELECT DISTINCT 'person', person_id, source, blob, line, mrn FROM vault.patient_identity
UNION ALL SELECT 'note', rr_key(source, 'note', record_id), source, blob, line, record_id FROM ready_note WHERE rule IS NULL
UNION ALL SELECT 'image_occurrence', rr_key(source, 'image', record_id), source, blob, line, record_id FROM ready_image WHERE rule IS NULL
UNION ALL SELECT 'operations.bed_stay', rr_key(source, 'bed_stay', record_id), source, blob, line, record_id FROM ready_bed_stay WHERE rule IS NULL
UNION ALL SELECT 'operations.appointment', rr_key(source, 'appointment', record_id), source, blob, line, record_id
FROM ready_appointment WHERE rule IS NULL
UNION ALL SELECT 'operations.claim', rr_key(source, 'claim', record_id), source, blob, line, record_id FROM ready_claim WHERE rule IS NULL
UNION ALL SELECT 'operations.staffing', rr_key(source, 'staffing', record_id), source, blob, line, record_id FROM ready_staffing WHERE rule IS NULL
UNION ALL SELECT 'provider', rr_key(source, 'provider', record_id), source, blob, line, record_id FROM staging.provider WHERE record_id IS NOT NULL
UNION ALL SELECT 'care_site', rr_key(source, 'care_site', record_id), source, blob, line, record_id
FROM staging.care_site WHERE record_id IS NOT NULL;
