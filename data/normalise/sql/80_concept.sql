-- concept and concept_ancestor: names of the concepts the build uses, and which are kinds of which.

INSERT INTO cdm.concept BY NAME
SELECT DISTINCT ON (concept_id) concept_id, name AS concept_name, domain AS domain_id, vocabulary AS vocabulary_id, code AS concept_code,
  standard AS standard_concept, class AS concept_class_id
FROM (
  SELECT concept_id, name, domain, vocabulary, code, standard, coalesce(class, 'Undefined') AS class, 0 AS rank FROM concepts
  UNION ALL SELECT concept_id, name, domain, vocabulary, code, 'S', 'Undefined', 1 FROM starter
  UNION ALL SELECT 0, 'No matching concept', 'Metadata', 'None', 'No matching concept', NULL, 'Undefined', 2)
WHERE concept_id IS NOT NULL AND name IS NOT NULL
ORDER BY concept_id, rank, vocabulary, code, name;

INSERT INTO cdm.concept_ancestor BY NAME
SELECT DISTINCT ON (ancestor, descendant) ancestor AS ancestor_concept_id, descendant AS descendant_concept_id,
  least AS min_levels_of_separation, most AS max_levels_of_separation
FROM ancestors ORDER BY ancestor, descendant, least, most;
