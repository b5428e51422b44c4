-- The operations schema: bed stays, appointments, claims, staffing. An appointment may lie ahead; what was done may not.

CREATE OR REPLACE TEMP TABLE ready_bed_stay AS
SELECT s.*, i.person_id, rr_ts(admitted_at) AS began,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person' ELSE rr_bad_date(rr_ts(admitted_at), b.birth_date, $horizon) END AS rule
FROM latest_bed_stay s LEFT JOIN vault.patient_index i USING (source, mrn) LEFT JOIN best_identity b USING (person_id);
INSERT INTO operations.bed_stay BY NAME
SELECT rr_key(source, 'bed_stay', record_id) AS bed_stay_id, person_id, ward, bed, began AS admitted_at, rr_ts(discharged_at) AS discharged_at
FROM ready_bed_stay WHERE rule IS NULL;

CREATE OR REPLACE TEMP TABLE ready_appointment AS
SELECT s.*, i.person_id, rr_ts(scheduled_at) AS began,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person' ELSE rr_bad_date(rr_ts(scheduled_at), b.birth_date, TIMESTAMP '2100-01-01') END AS rule
FROM latest_appointment s LEFT JOIN vault.patient_index i USING (source, mrn) LEFT JOIN best_identity b USING (person_id);
INSERT INTO operations.appointment BY NAME
SELECT rr_key(source, 'appointment', record_id) AS appointment_id, person_id, clinic, rr_ts(booked_at) AS booked_at, began AS scheduled_at, status
FROM ready_appointment WHERE rule IS NULL;

CREATE OR REPLACE TEMP TABLE ready_claim AS
SELECT s.*, i.person_id, rr_ts(service_date) AS began, TRY_CAST(s.amount AS DECIMAL(18,2)) AS money,
  CASE WHEN i.person_id IS NULL THEN 'unknown-person'
    WHEN rr_bad_date(rr_ts(service_date), b.birth_date, $horizon) IS NOT NULL THEN rr_bad_date(rr_ts(service_date), b.birth_date, $horizon)
    WHEN TRY_CAST(s.amount AS DECIMAL(18,2)) IS NULL OR TRY_CAST(s.amount AS DECIMAL(18,2)) < 0 THEN 'bad-amount' END AS rule
FROM latest_claim s LEFT JOIN vault.patient_index i USING (source, mrn) LEFT JOIN best_identity b USING (person_id);
INSERT INTO operations.claim BY NAME
SELECT rr_key(source, 'claim', record_id) AS claim_id, person_id, payer, began::DATE AS service_date, diagnosis_code AS diagnosis_source_value,
  money AS amount, status
FROM ready_claim WHERE rule IS NULL;

CREATE OR REPLACE TEMP TABLE ready_staffing AS
SELECT s.*, CASE WHEN rr_ts(shift_date) IS NULL THEN 'bad-date' WHEN TRY_CAST(headcount AS BIGINT) IS NULL THEN 'not-a-number' END AS rule FROM latest_staffing s;
INSERT INTO operations.staffing BY NAME
SELECT rr_key(source, 'staffing', record_id) AS staffing_id, ward, rr_ts(shift_date)::DATE AS shift_date, shift, role, headcount::BIGINT AS headcount
FROM ready_staffing WHERE rule IS NULL;
