-- observation_period: from a person's first recorded event to the last, one period a person.

CREATE OR REPLACE TEMP TABLE period_part AS
SELECT person_id, 'visit_occurrence' AS table_name, visit_occurrence_id AS row_id, visit_start_date AS day, visit_end_date AS last FROM cdm.visit_occurrence
UNION ALL SELECT person_id, 'condition_occurrence', condition_occurrence_id, condition_start_date, condition_start_date FROM cdm.condition_occurrence
UNION ALL SELECT person_id, 'drug_exposure', drug_exposure_id, drug_exposure_start_date, drug_exposure_end_date FROM cdm.drug_exposure
UNION ALL SELECT person_id, 'procedure_occurrence', procedure_occurrence_id, procedure_date, procedure_date FROM cdm.procedure_occurrence
UNION ALL SELECT person_id, 'measurement', measurement_id, measurement_date, measurement_date FROM cdm.measurement
UNION ALL SELECT person_id, 'observation', observation_id, observation_date, observation_date FROM cdm.observation;

INSERT INTO cdm.observation_period BY NAME
SELECT rr_key('', 'observation_period', person_id::VARCHAR) AS observation_period_id, person_id, min(day) AS observation_period_start_date,
  max(last) AS observation_period_end_date, 32817 AS period_type_concept_id
FROM period_part GROUP BY person_id;
