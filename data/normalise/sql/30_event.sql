-- Every clinical event made ready once: person, visit, dates, concept, unit and domain; then one INSERT a target table.
-- A code whose concept belongs to another domain goes to that domain's table, as the CDM asks. A code that maps to several standard
-- concepts gives a row for each; `place` numbers them, and the first stands for the record in the books.

-- Units as sources write them, read as UCUM where only case or a common spelling differs.
CREATE OR REPLACE TEMP TABLE unit_concept AS
SELECT code, min(concept_id) AS concept_id FROM vocabulary WHERE vocabulary = 'UCUM' AND concept_id <> 0 GROUP BY code;

CREATE OR REPLACE TEMP TABLE placed_event AS
SELECT e.*, i.person_id, rr_ts(e.start_at) AS began, rr_ts(e.end_at) AS ended, b.birth_date, rr_num(e.value_number) AS number,
  coalesce(u.code, n.ucum, lower_u.code, e.unit) AS clean_unit
FROM latest_event e
LEFT JOIN vault.patient_index i ON i.source = e.source AND i.mrn = e.mrn
LEFT JOIN best_identity b ON b.person_id = i.person_id
LEFT JOIN unit_concept u ON u.code = e.unit
LEFT JOIN unit_names n ON u.code IS NULL AND n.written = e.unit
LEFT JOIN (SELECT lower(code) AS low, min(code) AS code FROM unit_concept GROUP BY ALL HAVING count(*) = 1) lower_u
  ON u.code IS NULL AND lower_u.low = lower(e.unit);

-- The visit of an event: the one it names; else the only visit of the person that was going on at the time.
CREATE OR REPLACE TEMP TABLE timed_visit AS
SELECT e.source, e.record_id, min(v.visit_occurrence_id) AS visit_occurrence_id
FROM placed_event e JOIN cdm.visit_occurrence v ON v.person_id = e.person_id AND e.began BETWEEN v.visit_start_datetime AND v.visit_end_datetime
WHERE e.visit_key IS NULL AND v.visit_end_datetime > v.visit_start_datetime GROUP BY e.source, e.record_id HAVING count(*) = 1;

CREATE OR REPLACE TEMP TABLE ready_event AS
WITH joined AS (
  SELECT e.*, coalesce(nullif(e.concept_given, 0), c.concept_id, 0) AS concept_id, coalesce(c.place, 1) AS place, c.source_concept_id,
    CASE WHEN coalesce(e.concept_given, 0) = 0 THEN c.domain END AS domain, u.factor, coalesce(u.to_unit, e.clean_unit) AS final_unit,
    coalesce(vl.visit_occurrence_id, tv.visit_occurrence_id) AS visit_occurrence_id, p.provider_id,
    CASE e.kind WHEN 'condition' THEN 'Condition' WHEN 'drug' THEN 'Drug' WHEN 'immunization' THEN 'Drug' WHEN 'procedure' THEN 'Procedure'
      WHEN 'measurement' THEN 'Measurement' ELSE 'Observation' END AS own_domain
  FROM placed_event e
  LEFT JOIN vocabulary c ON c.vocabulary = e.code_system AND c.code = e.code AND (coalesce(e.concept_given, 0) = 0 OR c.place = 1)
  LEFT JOIN units u ON u.code = e.code AND u.from_unit = e.clean_unit
  LEFT JOIN vault.visit_link vl ON vl.source = e.source AND vl.record_id = e.visit_key AND vl.person_id = e.person_id
  LEFT JOIN timed_visit tv ON tv.source = e.source AND tv.record_id = e.record_id
  LEFT JOIN cdm.provider p ON p.provider_id = rr_key(e.source, 'provider', e.provider_key)
)
SELECT * EXCLUDE (domain, own_domain),
  rr_key(source, 'event', record_id || CASE WHEN place = 1 THEN '' ELSE '>' || concept_id END) AS event_key,
  CASE WHEN domain IN ('Condition', 'Drug', 'Procedure', 'Measurement', 'Observation') THEN domain ELSE own_domain END AS target,
  CASE WHEN system = 'research' THEN 32879 WHEN system = 'laboratory' THEN 32856 ELSE 32817 END AS type_concept_id,
  CASE WHEN person_id IS NULL THEN 'unknown-person'
    WHEN rr_bad_date(began, birth_date, $horizon) IS NOT NULL THEN rr_bad_date(began, birth_date, $horizon)
    WHEN code IS NULL THEN 'no-code'
    WHEN numeric_expected AND TRY_CAST(coalesce(value_number, value_text) AS DOUBLE) IS NULL THEN 'not-a-number'
    WHEN value_number IS NOT NULL AND rr_scaled(number, factor) IS NULL THEN 'out-of-range' END AS rule
FROM joined;

INSERT INTO cdm.condition_occurrence BY NAME
SELECT event_key AS condition_occurrence_id, person_id, concept_id AS condition_concept_id, began::DATE AS condition_start_date,
  began AS condition_start_datetime, ended::DATE AS condition_end_date, ended AS condition_end_datetime, type_concept_id AS condition_type_concept_id,
  provider_id, visit_occurrence_id, code AS condition_source_value, source_concept_id AS condition_source_concept_id,
  status AS condition_status_source_value, more->>'stop_reason' AS stop_reason,
  TRY_CAST(more->>'condition_status_concept_id' AS BIGINT) AS condition_status_concept_id
FROM ready_event WHERE rule IS NULL AND target = 'Condition';

INSERT INTO cdm.drug_exposure BY NAME
SELECT event_key AS drug_exposure_id, person_id, concept_id AS drug_concept_id, began::DATE AS drug_exposure_start_date,
  began AS drug_exposure_start_datetime, greatest(coalesce(ended, began), began)::DATE AS drug_exposure_end_date,
  greatest(coalesce(ended, began), began) AS drug_exposure_end_datetime, type_concept_id AS drug_type_concept_id, provider_id,
  visit_occurrence_id, code AS drug_source_value, source_concept_id AS drug_source_concept_id, more->>'stop_reason' AS stop_reason,
  TRY_CAST(more->>'refills' AS BIGINT) AS refills, rr_num(more->>'quantity') AS quantity, TRY_CAST(more->>'days_supply' AS BIGINT) AS days_supply,
  more->>'sig' AS sig, TRY_CAST(more->>'route_concept_id' AS BIGINT) AS route_concept_id, more->>'lot_number' AS lot_number,
  more->>'route_source_value' AS route_source_value, more->>'dose_unit_source_value' AS dose_unit_source_value
FROM ready_event WHERE rule IS NULL AND target = 'Drug';

INSERT INTO cdm.procedure_occurrence BY NAME
SELECT event_key AS procedure_occurrence_id, person_id, concept_id AS procedure_concept_id, began::DATE AS procedure_date,
  began AS procedure_datetime, ended::DATE AS procedure_end_date, ended AS procedure_end_datetime, type_concept_id AS procedure_type_concept_id,
  provider_id, visit_occurrence_id, code AS procedure_source_value, source_concept_id AS procedure_source_concept_id,
  TRY_CAST(more->>'modifier_concept_id' AS BIGINT) AS modifier_concept_id, rr_num(more->>'quantity') AS quantity,
  more->>'modifier_source_value' AS modifier_source_value
FROM ready_event WHERE rule IS NULL AND target = 'Procedure';

INSERT INTO cdm.measurement BY NAME
SELECT event_key AS measurement_id, person_id, e.concept_id AS measurement_concept_id, began::DATE AS measurement_date, began AS measurement_datetime,
  strftime(began, '%H:%M:%S') AS measurement_time, type_concept_id AS measurement_type_concept_id,
  CASE value_operator WHEN '<' THEN 4171756 WHEN '<=' THEN 4171754 WHEN '>' THEN 4172704 WHEN '>=' THEN 4171755 WHEN '=' THEN 4172703 END AS operator_concept_id,
  rr_scaled(number, factor) AS value_as_number, v.concept_id AS value_as_concept_id,
  coalesce(nullif(e.unit_concept_given, 0), u.concept_id, CASE WHEN final_unit IS NOT NULL THEN 0 END) AS unit_concept_id,
  rr_scaled(rr_num(range_low), factor) AS range_low, rr_scaled(rr_num(range_high), factor) AS range_high,
  provider_id, visit_occurrence_id, e.code AS measurement_source_value, e.source_concept_id AS measurement_source_concept_id,
  unit AS unit_source_value, nullif(concat_ws(' ', value_text, unit), '') AS value_source_value
FROM ready_event e
LEFT JOIN unit_concept u ON u.code = e.final_unit
LEFT JOIN vocabulary v ON v.vocabulary = e.value_code_system AND v.code = e.value_code AND v.place = 1
WHERE rule IS NULL AND target = 'Measurement';

INSERT INTO cdm.observation BY NAME
SELECT event_key AS observation_id, person_id, e.concept_id AS observation_concept_id, began::DATE AS observation_date, began AS observation_datetime,
  type_concept_id AS observation_type_concept_id, number AS value_as_number, coalesce(value_text, display) AS value_as_string,
  v.concept_id AS value_as_concept_id,
  coalesce(nullif(e.unit_concept_given, 0), u.concept_id, CASE WHEN final_unit IS NOT NULL THEN 0 END) AS unit_concept_id,
  provider_id, visit_occurrence_id, e.code AS observation_source_value, e.source_concept_id AS observation_source_concept_id,
  unit AS unit_source_value, value_code AS value_source_value, more->>'qualifier_source_value' AS qualifier_source_value,
  TRY_CAST(more->>'qualifier_concept_id' AS BIGINT) AS qualifier_concept_id
FROM ready_event e
LEFT JOIN unit_concept u ON u.code = e.final_unit
LEFT JOIN vocabulary v ON v.vocabulary = e.value_code_system AND v.code = e.value_code AND v.place = 1
WHERE rule IS NULL AND target = 'Observation';
