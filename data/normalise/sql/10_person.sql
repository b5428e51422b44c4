-- person, patient_identity, location, death: one row a linked person, each field from the best source that has it.

CREATE OR REPLACE TABLE vault.patient_identity AS
SELECT i.person_id, p.source, p.system, p.mrn, p.identifiers, p.family, p.given, rr_ts(p.birth_date)::DATE AS birth_date, rr_born(p.birth_date) AS born, p.sex, p.race, p.ethnicity,
  p.phone, p.street, p.city, p.state, p.zip, rr_ts(p.death_datetime) AS died_at, p.blob, p.seq, p.line
FROM kept_patient p JOIN vault.patient_index i USING (source, mrn);

CREATE OR REPLACE TEMP TABLE ranked_identity AS
SELECT *, CASE system WHEN 'ehr' THEN 0 WHEN 'research' THEN 1 WHEN 'laboratory' THEN 2 WHEN 'imaging' THEN 3 ELSE 4 END AS rank FROM vault.patient_identity;

CREATE OR REPLACE TEMP TABLE best_identity AS
SELECT person_id,
  arg_min(family, (rank, -seq, -line)) AS family, arg_min(given, (rank, -seq, -line)) AS given, arg_min(born, (-length(born), rank, -seq, -line)) AS born,
  arg_min(upper(sex[1]), (rank, -seq, -line)) AS sex, arg_min(race, (rank, -seq, -line)) AS race, arg_min(ethnicity, (rank, -seq, -line)) AS ethnicity,
  arg_min(phone, (rank, -seq, -line)) AS phone, arg_min(street, (rank, -seq, -line)) AS street, arg_min(city, (rank, -seq, -line)) AS city,
  arg_min(state, (rank, -seq, -line)) AS state, arg_min(zip, (rank, -seq, -line)) AS zip, arg_min(died_at, (rank, -seq, -line)) AS died_at,
  min(regexp_extract(one, '^EHR\|(.*)$', 1)) FILTER (WHERE one LIKE 'EHR|%') AS ehr_mrn, min(mrn) AS any_mrn
FROM (SELECT * , unnest(CASE WHEN len(identifiers) > 0 THEN identifiers ELSE [NULL] END) AS one FROM ranked_identity)
GROUP BY person_id;

-- Where only the year or month of a birth is known, its first day stands for it in checks of order; the table keeps what is known.
ALTER TABLE best_identity ADD COLUMN birth_date DATE;
UPDATE best_identity SET birth_date = TRY_CAST(left(born || '-01-01', 10) AS DATE);

INSERT INTO cdm.location BY NAME
SELECT DISTINCT rr_key('', 'location', concat_ws('|', coalesce(street, ''), coalesce(city, ''), coalesce(state, ''), coalesce(zip, ''))) AS location_id,
  street AS address_1, city, state, zip
FROM best_identity WHERE coalesce(street, city, state, zip) IS NOT NULL;

INSERT INTO cdm.person BY NAME
SELECT b.person_id, coalesce(g.concept_id, 0) AS gender_concept_id, TRY_CAST(born[1:4] AS BIGINT) AS year_of_birth, TRY_CAST(born[6:7] AS BIGINT) AS month_of_birth,
  TRY_CAST(born[9:10] AS BIGINT) AS day_of_birth, CASE WHEN length(born) = 10 THEN birth_date::TIMESTAMP END AS birth_datetime, coalesce(r.concept_id, 0) AS race_concept_id,
  coalesce(e.concept_id, 0) AS ethnicity_concept_id,
  CASE WHEN coalesce(street, city, state, zip) IS NOT NULL THEN
    rr_key('', 'location', concat_ws('|', coalesce(street, ''), coalesce(city, ''), coalesce(state, ''), coalesce(zip, ''))) END AS location_id,
  coalesce(ehr_mrn, any_mrn) AS person_source_value, sex AS gender_source_value, race AS race_source_value, ethnicity AS ethnicity_source_value
FROM best_identity b
LEFT JOIN starter g ON g.vocabulary = 'Gender' AND g.code = b.sex
LEFT JOIN starter r ON r.vocabulary = 'Race' AND r.code = b.race
LEFT JOIN starter e ON e.vocabulary = 'Ethnicity' AND e.code = b.ethnicity;

INSERT INTO cdm.patient_identity BY NAME
SELECT person_id, coalesce(ehr_mrn, any_mrn) AS medical_record_number, family AS family_name, given AS given_name,
  CASE WHEN length(born) = 10 THEN birth_date END AS birth_date, phone,
  concat_ws(', ', street, city, state) AS address, zip
FROM best_identity;

INSERT INTO cdm.death BY NAME
SELECT person_id, died_at::DATE AS death_date, died_at AS death_datetime, 32817 AS death_type_concept_id FROM best_identity WHERE died_at IS NOT NULL;
