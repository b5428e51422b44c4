-- condition_era and drug_era by the CDM's conventions: exposures of one concept no more than thirty days apart are one era.
-- Unmapped events (concept 0) are in none. Drug eras are of ingredients where the vocabulary has ancestors, of the concept itself where not.

CREATE OR REPLACE TEMP TABLE era_part AS
SELECT 'condition' AS kind, condition_occurrence_id AS part, person_id, condition_concept_id AS concept_id, condition_start_date AS began,
  greatest(coalesce(condition_end_date, condition_start_date), condition_start_date) AS ended
FROM cdm.condition_occurrence WHERE condition_concept_id <> 0
UNION ALL
SELECT 'drug', drug_exposure_id, d.person_id, coalesce(i.ancestor, d.drug_concept_id), drug_exposure_start_date,
  greatest(coalesce(drug_exposure_end_date, drug_exposure_start_date), drug_exposure_start_date)
FROM cdm.drug_exposure d LEFT JOIN (
  SELECT a.descendant, a.ancestor FROM ancestors a JOIN concepts c ON c.concept_id = a.ancestor WHERE c.class = 'Ingredient') i
  ON i.descendant = d.drug_concept_id
WHERE d.drug_concept_id <> 0;

CREATE OR REPLACE TEMP TABLE era AS
WITH reached AS (
  SELECT *, max(ended) OVER (PARTITION BY kind, person_id, concept_id ORDER BY began, ended, part ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM era_part
), numbered AS (
  SELECT *, sum(CASE WHEN before IS NULL OR began > before + 30 THEN 1 ELSE 0 END)
    OVER (PARTITION BY kind, person_id, concept_id ORDER BY began, ended, part ROWS UNBOUNDED PRECEDING) AS number,
    CASE WHEN before IS NOT NULL AND began > before AND began <= before + 30 THEN began - before ELSE 0 END AS gap
  FROM reached
)
SELECT kind, person_id, concept_id, number, min(began) AS began, max(ended) AS ended, count(*) AS parts, sum(gap)::BIGINT AS gap
FROM numbered GROUP BY kind, person_id, concept_id, number;

INSERT INTO cdm.condition_era BY NAME
SELECT rr_key('', 'condition_era', concat_ws('|', person_id, concept_id, began)) AS condition_era_id, person_id, concept_id AS condition_concept_id,
  began AS condition_era_start_date, ended AS condition_era_end_date, parts AS condition_occurrence_count
FROM era WHERE kind = 'condition';

INSERT INTO cdm.drug_era BY NAME
SELECT rr_key('', 'drug_era', concat_ws('|', person_id, concept_id, began)) AS drug_era_id, person_id, concept_id AS drug_concept_id,
  began AS drug_era_start_date, ended AS drug_era_end_date, parts AS drug_exposure_count, gap AS gap_days
FROM era WHERE kind = 'drug';
