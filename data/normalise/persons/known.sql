-- One row a patient as one source knows it (source, mrn): everything the source ever said of it, later words before earlier ones.
-- Names are folded to bare letters, birth dates to YYYYMMDD, sex to its initial, so that systems can be compared.

CREATE OR REPLACE TEMP TABLE known AS
WITH patients AS (
  SELECT *, coalesce(seq, 0) AS told FROM kept_patient WHERE mrn IS NOT NULL
  UNION ALL BY NAME  -- a number that is only known because it was merged away
  SELECT source, system, seq, blob, line, from_mrn AS mrn, CAST([] AS VARCHAR[]) AS identifiers, seq AS told FROM staging.merge
)
SELECT source, mrn, min(system) AS system, coalesce(list_sort(list_distinct(flatten(list(identifiers)))), []) AS identifiers,
  coalesce(arg_max(rr_letters(family), (told, line)) FILTER (WHERE rr_letters(family) <> ''), '') AS family,
  coalesce(arg_max(rr_letters(given), (told, line)) FILTER (WHERE rr_letters(given) <> ''), '') AS given,
  coalesce(arg_max(left(replace(birth_date, '-', ''), 8), (told, line)) FILTER (WHERE coalesce(birth_date, '') <> ''), '') AS birth,
  coalesce(arg_max(upper(left(sex, 1)), (told, line)) FILTER (WHERE coalesce(sex, '') <> ''), '') AS sex,
  coalesce(arg_max(left(zip, 5), (told, line)) FILTER (WHERE coalesce(zip, '') <> ''), '') AS zip,
  coalesce(arg_max(right(regexp_replace(phone, '[^0-9]', '', 'g'), 7), (told, line)) FILTER (WHERE coalesce(phone, '') <> ''), '') AS phone
FROM patients GROUP BY source, mrn;
