"""A build that is empty but for persons and texts, and a redactor simple enough to say by hand what must come out."""

import json
import os
import re
import time
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from data.catalogue.model import catalogue
from data.snapshots import BuildFacts, Manifest, publish
from data.snapshots.tables import source_name
from data.types import Holds
from policies.releases import RELEASES, compile_release

KEY = bytes(range(32))
Row = tuple[int, str]  # person, text


def hospital(con: duckdb.DuckDBPyConnection, notes: Iterable[Row], values: Iterable[Row] = ()) -> None:
    """Every table of the catalogue, persons 1 to 9, the notes and the values of measurements."""
    for schema in ("cdm", "operations", "vault"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for table in catalogue().values():
        columns = ", ".join(f"{one.name} {one.type}" for one in table.columns)
        con.execute(f"CREATE TABLE {source_name(table.name)} ({columns})")
    con.execute("INSERT INTO cdm.person (person_id) SELECT unnest(range(1, 10))")
    for table, column, rows in (("note", "note_text", notes), ("measurement", "value_source_value", values)):
        held = [(place, person, text) for place, (person, text) in enumerate(rows)]
        if held:
            con.executemany(f"INSERT INTO cdm.{table} ({table}_id, person_id, {column}) VALUES (?, ?, ?)", held)


class Capitals:
    """Finds words in capitals (NAME) and days (DATE), knows whom it is told, writes names as N and the person's number, withholds values with an `@`."""

    def __init__(self, known: str = "", finding: str = "1", doubtful: Collection[str] = ()) -> None:
        self.finding = finding
        self.version = f"capitals {finding} {known}"
        self._known, self._doubtful = known, doubtful
        self.batches: list[list[str]] = []

    @property
    def searched(self) -> list[str]:
        """All texts it was given to search, in order."""
        return [text for batch in self.batches for text in batch]

    def search(self, texts: list[str]) -> list[str]:
        self.batches.append(texts)
        return [_marks(_places(text)) for text in texts]

    def complete(self, texts: list[str], marks: list[str]) -> list[str]:
        found = [json.loads(mark or "[]") for mark in marks]
        for text, places in zip(texts, found, strict=True):
            if self._known:
                places += [[one.start(), one.end(), "MRN"] for one in re.finditer(self._known, text)]
        return [_marks(sorted(places)) for places in found]

    def write(
        self, texts: list[str], marks: list[str], persons: list[int | None], shifts: list[int | None], keep_dates: bool
    ) -> list[str]:
        return [_written(*one, keep_dates=keep_dates) for one in zip(texts, marks, persons, shifts, strict=True)]

    def withholds(self, values: list[str]) -> list[Holds]:
        return ["yes" if "@" in value else "maybe" if value in self._doubtful else "no" for value in values]


def _places(text: str) -> list[list[int | str]]:
    found = re.finditer(r"\b[A-Z]{2,}\b|\d{4}-\d\d-\d\d", text)
    return [[one.start(), one.end(), "NAME" if one[0].isalpha() else "DATE"] for one in found]


def _marks(places: list[list[int | str]]) -> str:
    return json.dumps(places) if places else ""


def _written(text: str, marks: str, person: int | None, shift: int | None, *, keep_dates: bool) -> str:
    for start, stop, kind in reversed(json.loads(marks)):
        new = f"N{person}" if kind == "NAME" else f"[{kind}]"
        if kind == "DATE":
            new = text[start:stop] if keep_dates else _moved(text[start:stop], shift)
        text = text[:start] + new + text[stop:]
    return text


def _moved(day: str, shift: int | None) -> str:
    return "[DATE]" if shift is None else str(date.fromisoformat(day) + timedelta(days=shift))


def published(root: Path, notes: Iterable[Row], redactor: Capitals, **options: int) -> Manifest:
    """The notes published with all four releases."""

    def build(con: duckdb.DuckDBPyConnection) -> BuildFacts:
        hospital(con, notes)
        return BuildFacts("test", {}, date(2025, 1, 1))

    releases = [compile_release(name, catalogue()) for name in RELEASES]
    return publish(root, build, releases, lambda _con, _key: redactor, KEY, {}, **options)


class Slow(Capitals):
    """Takes its time over each text, and writes down each that it has begun with, so that it can be killed over one."""

    def __init__(self, log: Path, seconds: float) -> None:
        super().__init__()
        self._log, self._seconds = log, seconds

    def search(self, texts: list[str]) -> list[str]:
        found = []
        for text in texts:
            with self._log.open("a") as file:
                file.write(f"{text} {os.getpid()}\n")
            time.sleep(self._seconds)
            found += super().search([text])
        return found
