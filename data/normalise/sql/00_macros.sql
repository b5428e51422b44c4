-- How texts of sources are read. Both HL7 DTM (20240131, 202401310930, 20240131093000+0100) and ISO 8601 (2024-01-31, 2024-01-31T09:30:00+01:00)
-- are understood; offsets are dropped and the wall time as sent is kept. What cannot be read is NULL.

CREATE OR REPLACE MACRO rr_ts(value) AS CASE
  WHEN value IS NULL THEN NULL
  WHEN regexp_full_match(value, '[0-9]{8}.*') THEN
    TRY_CAST(value[1:4] || '-' || value[5:6] || '-' || value[7:8] || ' ' ||
      CASE WHEN regexp_full_match(value[9:14], '[0-9]{6}') THEN value[9:10] || ':' || value[11:12] || ':' || value[13:14]
           WHEN regexp_full_match(value[9:12], '[0-9]{4}') THEN value[9:10] || ':' || value[11:12] || ':00' ELSE '00:00:00' END AS TIMESTAMP)
  WHEN length(value) < 10 THEN NULL
  ELSE TRY_CAST(value[1:10] || ' ' || CASE WHEN length(value) >= 19 THEN value[12:19] ELSE '00:00:00' END AS TIMESTAMP) END;

-- A birth date as far as it is known: 1980, 1980-05 or 1980-05-31.
CREATE OR REPLACE MACRO rr_born(value) AS CASE
  WHEN regexp_full_match(value, '[0-9]{8}.*') THEN value[1:4] || '-' || value[5:6] || '-' || value[7:8]
  WHEN regexp_full_match(value, '[0-9]{6}') THEN value[1:4] || '-' || value[5:6]
  WHEN regexp_full_match(value, '[0-9]{4}(-[0-9]{2}(-[0-9]{2}.*)?)?') THEN value[1:10] END;

CREATE OR REPLACE MACRO rr_num(value) AS TRY_CAST(value AS DECIMAL(18,6));

-- A number in another unit; wide enough in between that no product overflows, NULL where the result is too large to keep.
CREATE OR REPLACE MACRO rr_scaled(number, factor) AS
  TRY_CAST(number::DECIMAL(25,6) * coalesce(factor, 1)::DECIMAL(12,7) AS DECIMAL(18,6));

-- The key of a row: positive, below 2^53, the same on every machine.
CREATE OR REPLACE MACRO rr_key(source, kind, record) AS 1 + ('0x' || left(sha256(source || chr(10) || kind || chr(10) || record), 13))::BIGINT;

-- Why a date cannot stand: NULL where it can.
CREATE OR REPLACE MACRO rr_bad_date(moment, birth, horizon) AS CASE
  WHEN moment IS NULL THEN 'bad-date'
  WHEN moment > horizon OR moment < TIMESTAMP '1880-01-01' THEN 'implausible-date'
  WHEN birth IS NOT NULL AND moment < birth - INTERVAL 300 DAY THEN 'before-birth' END;

-- A name as bare letters, so that accents, case, hyphens and spaces do not keep two systems apart.
CREATE OR REPLACE MACRO rr_letters(value) AS regexp_replace(lower(strip_accents(value)), '[^\p{L}]', '', 'g');

-- Patients their source has not taken back.
CREATE OR REPLACE TEMP TABLE kept_patient AS
SELECT p.* FROM staging.patient p WHERE NOT EXISTS (
  FROM staging.deleted d WHERE d.source = p.source AND d.kind = 'Patient' AND d.record_id = p.mrn AND (d.seq, d.line) > (p.seq, p.line));
