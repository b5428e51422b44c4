"""The vocabulary of a build: codes of sources to standard concepts, from an Athena directory where a steward gives one, else the starter map.

An Athena download is a directory of CONCEPT.csv, CONCEPT_RELATIONSHIP.csv, CONCEPT_ANCESTOR.csv and VOCABULARY.csv. Only what the build's codes
need is read into it: their concepts, the standard ones they map to ('Maps to'), and these concepts' ancestors.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb

from data.errors import BadRequest


def _starter_digest() -> str:
    folder = resources.files("data.catalogue.starter")
    texts = (folder.joinpath(name).read_bytes() for name in ("concepts.tsv", "units.tsv", "unit_names.tsv"))
    return hashlib.sha256(b"\n".join(texts)).hexdigest()[:12]


STARTER_VERSION = f"starter {_starter_digest()}"
_NEEDED = ("CONCEPT.csv", "CONCEPT_RELATIONSHIP.csv")


@dataclass(frozen=True)
class Vocabulary:
    """An Athena directory and what it says its version is."""

    directory: Path
    version: str

    def file(self, name: str) -> Path | None:
        """A file of it, whatever its name's case; None where it is missing."""
        wanted = name.lower()
        return next((path for path in sorted(self.directory.iterdir()) if path.name.lower() == wanted), None)


def open_vocabulary(directory: Path) -> Vocabulary:
    """The vocabulary there. Raises BadRequest where files are missing. The version is Athena's own and a digest of names and sizes."""
    if not directory.is_dir():
        raise BadRequest(f"There is no vocabulary directory {directory}.", "Check `vocabulary` in readingroom.yaml.")
    vocabulary = Vocabulary(directory, "")
    if missing := [name for name in _NEEDED if vocabulary.file(name) is None]:
        raise BadRequest(f"{directory} has no {' and no '.join(missing)}.", "Unpack the Athena download there, whole.")
    hasher = hashlib.sha256()
    for path in sorted(directory.glob("*.csv"), key=lambda one: one.name.lower()):
        with path.open("rb") as file:
            hasher.update(f"{path.name.lower()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return Vocabulary(directory, f"{_stated(vocabulary)} {hasher.hexdigest()[:16]}".strip())


def _stated(vocabulary: Vocabulary) -> str:
    path = vocabulary.file("VOCABULARY.csv")
    if path is None:
        return ""
    with duckdb.connect() as con:
        found = con.execute(f"SELECT vocabulary_version FROM {_csv(path)} WHERE vocabulary_id = 'None'").fetchall()
    return str(found[0][0]).rstrip("*") if found and found[0][0] else ""


def load(con: duckdb.DuckDBPyConnection, given: Vocabulary | None) -> None:
    """Makes temp tables `starter`, `units`, `unit_names`, `vocabulary` and `concepts`.

    `vocabulary` leads a code to its standard concept; where it maps to several, `place` numbers them.
    """
    _starter(con)
    if given is None:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE vocabulary AS "
            "SELECT vocabulary, code, concept_id, concept_id AS source_concept_id, domain, 1 AS place FROM starter"
        )
        con.execute("CREATE OR REPLACE TEMP TABLE concepts AS FROM staging.concept")
        con.execute(
            "CREATE OR REPLACE TEMP TABLE ancestors (ancestor BIGINT, descendant BIGINT, least BIGINT, most BIGINT)"
        )
        return
    concept, relationship = given.file("CONCEPT.csv"), given.file("CONCEPT_RELATIONSHIP.csv")
    assert concept is not None  # noqa: S101  # open_vocabulary looked
    assert relationship is not None  # noqa: S101
    _athena(con, concept, relationship)
    ancestor = given.file("CONCEPT_ANCESTOR.csv")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE ancestors AS SELECT ancestor_concept_id::BIGINT AS ancestor, descendant_concept_id::BIGINT AS descendant, "
        "min_levels_of_separation::BIGINT AS least, max_levels_of_separation::BIGINT AS most "
        + (
            f"FROM {_csv(ancestor)} WHERE descendant_concept_id::BIGINT IN "
            "(SELECT concept_id FROM vocabulary UNION SELECT concept_given FROM staging.event)"
            if ancestor
            else "FROM (SELECT NULL AS ancestor_concept_id, NULL AS descendant_concept_id, NULL AS min_levels_of_separation, "
            "NULL AS max_levels_of_separation) WHERE false"
        )
    )
    con.execute(
        "INSERT INTO concepts BY NAME SELECT * FROM athena WHERE concept_id IN (SELECT ancestor FROM ancestors) "
        "AND concept_id NOT IN (SELECT concept_id FROM concepts)"
    )


def _starter(con: duckdb.DuckDBPyConnection) -> None:
    folder = resources.files("data.catalogue.starter")
    with (
        resources.as_file(folder.joinpath("concepts.tsv")) as concepts,
        resources.as_file(folder.joinpath("units.tsv")) as units,
        resources.as_file(folder.joinpath("unit_names.tsv")) as names,
    ):
        read = "SELECT * FROM read_csv('{}', delim = '\t', header = true, quote = '', all_varchar = true)"
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE starter AS SELECT * REPLACE (concept_id::BIGINT AS concept_id) FROM ({read.format(concepts)})"
        )
        con.execute(f"CREATE OR REPLACE TEMP TABLE unit_names AS {read.format(names)}")
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE units AS SELECT * REPLACE (factor::DECIMAL(12,7) AS factor) FROM ({read.format(units)})"
        )


def _csv(path: Path) -> str:
    """An Athena file as a table function: tabs as Athena writes, or commas; quotes only in the latter."""
    with path.open(encoding="utf-8", errors="replace") as file:
        tabs = "\t" in file.readline()
    form = "delim = '\t', quote = ''" if tabs else "delim = ','"
    quoted = str(path).replace("'", "''")
    return f"read_csv('{quoted}', {form}, header = true, all_varchar = true, strict_mode = false)"


def _athena(con: duckdb.DuckDBPyConnection, concept: Path, relationship: Path) -> None:
    """A code's own concept, and the standard ones it maps to; a standard concept maps to itself."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE athena AS SELECT concept_id::BIGINT AS concept_id, concept_name AS name, domain_id AS domain, "
        "vocabulary_id AS vocabulary, concept_code AS code, nullif(standard_concept, '') AS standard, concept_class_id AS class "
        f"FROM {_csv(concept)} WHERE TRY_CAST(concept_id AS BIGINT) IS NOT NULL"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE wanted AS SELECT DISTINCT code_system AS vocabulary, code FROM staging.event WHERE code IS NOT NULL "
        "UNION SELECT DISTINCT value_code_system, value_code FROM staging.event WHERE value_code IS NOT NULL "
        "UNION SELECT DISTINCT 'UCUM', unit FROM staging.event WHERE unit IS NOT NULL UNION SELECT 'UCUM', to_unit FROM units "
        "UNION SELECT 'UCUM', ucum FROM unit_names"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE known_code AS SELECT * FROM athena SEMI JOIN wanted USING (vocabulary, code)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE vocabulary AS "
        "WITH mapped AS (SELECT k.vocabulary, k.code, k.concept_id AS source_concept_id, s.concept_id, s.domain "
        f"FROM known_code k JOIN (SELECT concept_id_1::BIGINT AS one, concept_id_2::BIGINT AS two FROM {_csv(relationship)} "
        "WHERE relationship_id = 'Maps to' AND coalesce(invalid_reason, '') = '') r ON r.one = k.concept_id "
        "JOIN athena s ON s.concept_id = r.two AND s.standard = 'S'), "
        "every AS (FROM mapped UNION SELECT vocabulary, code, concept_id, concept_id, domain FROM known_code WHERE standard = 'S' "
        "UNION SELECT vocabulary, code, concept_id, 0, domain FROM known_code WHERE standard IS DISTINCT FROM 'S' "
        "AND concept_id NOT IN (SELECT source_concept_id FROM mapped)) "
        "SELECT vocabulary, code, concept_id, source_concept_id, domain, row_number() OVER (PARTITION BY vocabulary, code "
        "ORDER BY concept_id) AS place FROM every"
    )
    con.execute(
        "INSERT INTO vocabulary SELECT vocabulary, code, concept_id, concept_id, domain, 1 FROM starter s "
        "WHERE NOT EXISTS (FROM vocabulary v WHERE v.vocabulary = s.vocabulary AND v.code = s.code AND v.concept_id <> 0) "
        "AND NOT EXISTS (FROM known_code k WHERE k.vocabulary = s.vocabulary AND k.code = s.code)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE concepts AS "
        "SELECT DISTINCT ON (concept_id) concept_id, name, domain, vocabulary, code, standard, class FROM ("
        "SELECT *, 0 AS rank FROM athena WHERE concept_id IN (SELECT concept_id FROM vocabulary UNION SELECT source_concept_id FROM vocabulary "
        "UNION SELECT concept_given FROM staging.event UNION SELECT unit_concept_given FROM staging.event) "
        "UNION ALL SELECT concept_id, name, domain, vocabulary, code, standard, class, 1 FROM staging.concept) ORDER BY concept_id, rank, name"
    )
