"""Reads from a build who and what is known: patients and relatives of all sources, staff, addresses, numbers.

A table or column that the build lacks is passed over, so that builds of other makers (a test's, a converted one's) can be read too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import duckdb

from policies.redaction.known import forms
from policies.redaction.known.known import Known

Row = tuple[str | None, ...]

# (what the values are, table, its one or two text columns)
_WHERE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("names", "vault.patient_identity", ("family", "given")),
    ("names", "vault.related_person", ("family", "given")),
    ("names", "cdm.patient_identity", ("family_name", "given_name")),
    ("name", "cdm.provider", ("provider_name",)),
    ("numbers", "vault.patient_identity", ("mrn",)),
    ("identifiers", "vault.patient_identity", ("identifiers",)),
    ("numbers", "vault.related_person", ("identifier",)),
    ("numbers", "cdm.patient_identity", ("medical_record_number",)),
    ("numbers", "cdm.person", ("person_source_value",)),
    ("numbers", "cdm.note", ("note_source_value",)),
    ("numbers", "cdm.provider", ("npi",)),
    ("numbers", "cdm.provider", ("dea",)),
    ("numbers", "cdm.image_occurrence", ("image_study_uid",)),
    ("numbers", "cdm.image_occurrence", ("image_series_uid",)),
    ("phones", "vault.patient_identity", ("phone",)),
    ("phones", "vault.related_person", ("phone",)),
    ("phones", "cdm.patient_identity", ("phone",)),
    ("emails", "vault.related_person", ("email",)),
    ("streets", "vault.patient_identity", ("street",)),
    ("streets", "vault.related_person", ("street",)),
    ("streets", "cdm.location", ("address_1",)),
    ("streets", "cdm.location", ("address_2",)),
    ("places", "vault.patient_identity", ("city", "state")),
    ("places", "vault.related_person", ("city", "state")),
    ("places", "cdm.location", ("city", "state")),
)
_DEGREES = re.compile(r",\s*(MD|DO|RN|NP|PA|PhD|DDS)\b.*$")
_TITLES = frozenset({"dr", "mr", "mrs", "ms", "miss", "prof"})


def columns_of(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """(schema.table, column) of all that the connection's database holds."""
    rows = con.execute("SELECT table_schema, table_name, column_name FROM information_schema.columns").fetchall()
    return {(f"{schema}.{table}", column) for schema, table, column in rows}


def read_known(con: duckdb.DuckDBPyConnection) -> Known:
    """All identifiers of patients, relatives and staff that a build holds."""
    have = columns_of(con)
    values: dict[str, list[Row]] = {}
    for kind, table, columns in _WHERE:
        if all((table, column) in have for column in columns):
            items = "unnest(identifiers)" if kind == "identifiers" else ", ".join(columns)
            values.setdefault(kind, []).extend(con.execute(f"SELECT DISTINCT {items} FROM {table}").fetchall())
    return _sort_out(values)


def _sort_out(values: Mapping[str, list[Row]]) -> Known:
    def singles(kind: str) -> list[str | None]:
        return [row[0] for row in values.get(kind, [])]

    identifiers = [one or "" for one in singles("identifiers")]
    ssns = {value for value in identifiers if value.lower().split("|")[0].endswith("ssn")}
    names = [(row[0], row[1]) for row in values.get("names", [])] + [split_name(one or "") for one in singles("name")]
    return Known.of(
        names=names,
        numbers=[*singles("numbers"), *(one for one in identifiers if one not in ssns)],
        phones=singles("phones"),
        streets=singles("streets"),
        ssns=ssns,
        places=[(row[0], row[1]) for row in values.get("places", [])],
        emails=singles("emails"),
    )


def split_name(name: str) -> tuple[str, str]:
    """(family, given) of a name written in one piece, without titles and degrees."""
    if "^" in name or "," in name:
        family, _, given = _DEGREES.sub("", name).replace("^", ",").partition(",")
        if given.strip():
            return family.strip(), given.replace(",", " ").strip()
        name = family
    words = [word for word in name.split() if word.lower().rstrip(".") not in _TITLES]
    return (words[-1], " ".join(words[:-1])) if words else ("", "")


class Named(NamedTuple):
    """A person whom a record names: whose it is ("own", or a relative's place in order) and the folded words of the name."""

    who: str
    words: frozenset[str]


class Persons:
    """Tells, for persons of a build, the names of each and of their relatives."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con.cursor()  # of its own, so that asking disturbs no result under way
        have = columns_of(con)
        parts = []
        if ("vault.patient_identity", "family") in have:
            parts.append("SELECT person_id, 'own' AS who, family, given FROM vault.patient_identity")
        elif ("cdm.patient_identity", "family_name") in have:
            parts.append(
                "SELECT person_id, 'own' AS who, family_name AS family, given_name AS given FROM cdm.patient_identity"
            )
        if ("vault.related_person", "role") in have:
            parts.append(
                "SELECT person_id, CASE role WHEN 'patient' THEN 'own' ELSE 'other' END AS who, family, given"
                " FROM vault.related_person WHERE person_id IS NOT NULL"
            )
        self._sql = " UNION ".join(parts)

    def named(self, persons: Iterable[int | None]) -> dict[int, Sequence[Named]]:
        """person_id -> who is named in the record, the person first. Of each, words that folding leaves."""
        wanted = sorted({one for one in persons if one is not None})
        if not wanted or not self._sql:
            return {}
        sql = f"SELECT * FROM ({self._sql}) WHERE person_id IN (SELECT unnest($1)) ORDER BY ALL"
        own: dict[int, set[str]] = {}
        others: dict[int, list[frozenset[str]]] = {}
        for person, who, family, given in self._con.execute(sql, [wanted]).fetchall():
            words = frozenset(
                word for name in (family, given) if name for word in forms.words_of(forms.without_digits(name))
            )
            if who == "own":
                own.setdefault(person, set()).update(words)
            else:
                others.setdefault(person, []).append(words)
        return {
            person: [
                Named("own", frozenset(own.get(person, ()))),
                *(Named(f"other{number}", words) for number, words in enumerate(others.get(person, ()))),
            ]
            for person in wanted
        }
