"""Pseudonyms and date shifts: keyed, so that who lacks the key can compute neither, and the same in every publish.

HMAC-SHA256 is written in SQL as a temporary macro: the key stays in the publisher's connection and reaches no file.
Person pseudonyms and shifts are kept in the vault; a collision stops the publish.
"""

import hashlib

import duckdb

from data.catalogue.model import Catalogue
from data.errors import BadRequest, ReadingRoomError

_BLOCK = 64  # bytes of one SHA-256 block, RFC 2104
MAX_SHIFT = 364


def fingerprint(key: bytes) -> str:
    """Names the key without giving it away."""
    if len(key) < 16:
        raise BadRequest("The pseudonym key is shorter than 16 bytes.", "Use 32 bytes from a random source.")
    return hashlib.sha256(b"readingroom pseudonym key\0" + key).hexdigest()[:16]


def make_macros(con: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Temporary macros rr_hmac(message) -> hex and rr_pseudonym(value) -> BIGINT in 1 .. 2^53-1, NULL for NULL."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
    con.execute(
        "CREATE OR REPLACE TEMP MACRO rr_hmac(message) AS "
        f"sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(message))))"
    )
    con.execute(
        "CREATE OR REPLACE TEMP MACRO rr_pseudonym(value) AS "
        f"1 + ('0x' || left(rr_hmac('record:' || value::VARCHAR), 15))::BIGINT % {2**53 - 1}"
    )


def make_person_key(con: duckdb.DuckDBPyConnection) -> None:
    """vault.person_key: one row a person; 52-bit pseudonym, shift of -364..364 days and never 0."""
    con.execute(
        f"""
        CREATE OR REPLACE TABLE vault.person_key AS
        SELECT person_id,
               ('0x' || left(rr_hmac('person:' || person_id), 13))::BIGINT AS pseudonym,
               (CASE WHEN n < {MAX_SHIFT} THEN n - {MAX_SHIFT} ELSE n - {MAX_SHIFT - 1} END)::INTEGER AS shift_days
        FROM (SELECT person_id, ('0x' || left(rr_hmac('shift:' || person_id), 13))::BIGINT % {2 * MAX_SHIFT} AS n
              FROM cdm.person)
        ORDER BY person_id
        """
    )
    counted = con.execute(
        "SELECT count(*), count(DISTINCT person_id), count(DISTINCT pseudonym) FROM vault.person_key"
    ).fetchone()
    rows, persons, pseudonyms = counted or (0, 0, 0)
    if rows != persons:
        raise ReadingRoomError(f"Table person has {rows - persons} person_id more than once.", "Mend the normaliser.")
    if persons != pseudonyms:
        raise ReadingRoomError("Two persons would share a pseudonym.", "Publish with another pseudonym key.")


def make_person_first(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    """vault.person_first: one row a person; the day of the first record of any kind, and the year of birth. Only for publishing."""
    days = [
        f"SELECT person_id, min({column.name})::DATE AS day FROM {table.name if '.' in table.name else f'cdm.{table.name}'} GROUP BY 1"
        for table in catalogue.values()
        for column in table.columns
        if table.unit == "person"
        and "date" in column.tags
        and "identifier" not in column.tags
        and table.name != "person"
    ]
    con.execute(
        "CREATE OR REPLACE TABLE vault.person_first AS SELECT p.person_id, min(d.day) AS first_day, "
        "any_value(p.year_of_birth) AS birth_year FROM cdm.person AS p "
        f"LEFT JOIN ({' UNION ALL '.join(days)}) AS d USING (person_id) GROUP BY 1 ORDER BY 1"
    )
