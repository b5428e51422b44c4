"""What the vault of a snapshot holds of a few persons. Read by the server alone: query workers cannot open the vault."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from data.snapshots.digest import quoted
from data.snapshots.tables import file_name

# The table as the builder made it, and the file that holds it: `patient_identity.parquet` has the one best identity of each person.
_FILES = {
    "vault.patient_identity": "identity_by_source",
    "vault.related_person": "related_person",
    "cdm.patient_identity": "patient_identity",
}


@contextmanager
def vault_of(snapshot: Path, pseudonyms: Iterable[int]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that shows what is known of the persons with these pseudonyms, in the tables in which the build had it, and nothing else.

    `snapshot`: its folder. Pseudonyms are those of `vault.person_key`, as the releases `deidentified` and `limited` show them.
    """
    vault = snapshot / "vault"
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("CREATE SCHEMA vault; CREATE SCHEMA cdm")
        keys = quoted(str(vault / file_name("person_key")))
        con.execute(
            f"CREATE TEMP TABLE shown AS SELECT person_id FROM read_parquet({keys}) WHERE pseudonym IN (SELECT unnest($1))",
            [sorted(set(pseudonyms))],
        )
        for table, name in _FILES.items():
            path = vault / file_name(name)
            if path.is_file():
                rows = (
                    f"SELECT * FROM read_parquet({quoted(str(path))}) WHERE person_id IN (SELECT person_id FROM shown)"
                )
                con.execute(f"CREATE TABLE {table} AS {rows}")
        yield con
