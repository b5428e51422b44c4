-- Where every row came from: the records of sources (raw bytes by digest, line or message number) behind each row of each table.
-- What is computed leads to the records it was computed from: an era to its parts, an observation period to the records at its ends,
-- an address and a death to what the person's records say. Only concepts have no record: they are of the vocabulary.

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

INSERT INTO vault.lineage
SELECT DISTINCT 'death', person_id, source, blob, line, mrn FROM vault.patient_identity WHERE died_at IS NOT NULL
UNION ALL SELECT DISTINCT 'location', p.location_id, i.source, i.blob, i.line, i.mrn
FROM cdm.person p JOIN vault.patient_identity i USING (person_id)
WHERE p.location_id IS NOT NULL AND coalesce(i.street, i.city, i.state, i.zip) IS NOT NULL;

INSERT INTO vault.lineage
SELECT DISTINCT e.kind || '_era', rr_key('', e.kind || '_era', concat_ws('|', e.person_id, e.concept_id, e.began)), l.source, l.blob, l.line, l.record_id
FROM era e JOIN era_part p ON p.kind = e.kind AND p.person_id = e.person_id AND p.concept_id = e.concept_id AND p.began BETWEEN e.began AND e.ended
JOIN vault.lineage l ON l.row_id = p.part AND l.table_name = CASE e.kind WHEN 'condition' THEN 'condition_occurrence' ELSE 'drug_exposure' END;

INSERT INTO vault.lineage
SELECT DISTINCT 'observation_period', o.observation_period_id, l.source, l.blob, l.line, l.record_id
FROM (SELECT person_id, unnest([arg_min({'t': table_name, 'r': row_id}, (day, table_name, row_id)),
    arg_max({'t': table_name, 'r': row_id}, (last, table_name, row_id))]) AS at_end FROM period_part GROUP BY person_id) e
JOIN cdm.observation_period o USING (person_id)
JOIN vault.lineage l ON l.table_name = e.at_end.t AND l.row_id = e.at_end.r;
