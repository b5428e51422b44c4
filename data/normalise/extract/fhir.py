"""FHIR R4 to staging, as sets: lines go into DuckDB as text, many files at a time, and each resource type is taken apart by one SELECT.

A line that is no JSON, no UTF-8, or has no type or id is rejected with its number; its neighbours stay. Bundles are taken apart into their
entries first. Chunks of lines are worked on side by side: reading and unpacking the next goes on meanwhile.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from data.normalise.extract.lines import MOST_LINE, content_of, lines_of, texts
from data.normalise.extract.staging import statements
from data.types import Progress, Stored, no_progress

MEDIA = ("fhir+ndjson", "fhir+bundle", "fhir+deleted")
_MOST_BUNDLE = 512 << 20
_CHUNK_BYTES, _CHUNK_LINES = 24 << 20, 40_000
_SIDE_BY_SIDE = 2
_ENTRIES = (
    "SELECT coalesce(json_extract(e, '$.resource'), e)::VARCHAR, regexp_extract(v[1], '([^/:]+)$', 1), "
    "CASE WHEN v[2] = 'DELETE' THEN v[3] END FROM (SELECT e, json_extract_string(e, ['$.fullUrl', '$.request.method', '$.request.url']) AS v "
    "FROM (SELECT unnest(json_extract($1, '$.entry[*]')) AS e))"
)


@dataclass
class _Chunk:
    """Lines of one or several files. `entries` are (file, line, text, id from the entry, what it deletes)."""

    files: list[Stored] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    size: int = 0
    lines: int = 0

    @property
    def full(self) -> bool:
        return self.size >= _CHUNK_BYTES or self.lines >= _CHUNK_LINES

    def add(self, file: Stored, numbers: Sequence[int], text: pa.Array, given: pa.Array, deleted: pa.Array) -> None:
        """Some lines of a file; `given` and `deleted` may be all NULL."""
        if not self.files or self.files[-1] is not file:
            self.files.append(file)
        place = pa.array([len(self.files) - 1] * len(text), pa.int32())
        arrays = [place, pa.array(numbers, pa.int64()), text, given, deleted]
        self.batches.append(pa.record_batch(arrays, schema=_LINES))
        self.size, self.lines = self.size + text.nbytes, self.lines + len(text)


_LINES = pa.schema(
    [
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("text", pa.string()),
        ("given", pa.string()),
        ("deleted", pa.string()),
    ]
)


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the resources of all files to the staging tables."""
    damages: list[tuple[Stored, str]] = []
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        running: list[Future[None]] = []
        for chunk in _chunks(con, stored, damages, progress):
            while len(running) > _SIDE_BY_SIDE:  # bounds the memory: no more than these wait
                running.pop(0).result()
            running.append(pool.submit(_stage, con.cursor(), chunk))
        for one in running:
            one.result()
    for number, (file, damage) in enumerate(damages):  # lines from 0 down: the file, not one of its lines
        row = [file.source, file.seq, file.digest, -number, "damaged-file", damage]
        con.execute("INSERT INTO staging.reject VALUES ($1, $2, $3, $4, NULL, $5, $6)", row)
        received = [file.source, file.digest, file.name, file.media]
        con.execute("INSERT INTO staging.received VALUES ($1, $2, $3, $4, 1)", received)


def _chunks(
    con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], damages: list[tuple[Stored, str]], progress: Progress
) -> Iterator[_Chunk]:
    chunk = _Chunk()
    cursor = con.cursor()
    for done, file in enumerate(stored, 1):
        found: list[str] = []
        for numbers, text, given, deleted in _entries(cursor, file, found):
            chunk.add(file, numbers, text, given, deleted)
            if chunk.full:
                yield chunk
                chunk = _Chunk()
        damages.extend((file, one) for one in found)
        progress("extracting FHIR", done, len(stored))
    if chunk.batches:
        yield chunk


_Entries = tuple[Sequence[int], pa.Array, pa.Array, pa.Array]


def _entries(con: duckdb.DuckDBPyConnection, file: Stored, damages: list[str]) -> Iterator[_Entries]:
    """Numbered texts of a file, a few thousand at a time."""
    if file.media == "fhir+bundle":
        yield from _bundle(con, file, damages)
        return
    number = 0
    for lines in lines_of(file.path, damages.append):
        for start in range(0, len(lines), _CHUNK_LINES):
            part = lines[start : start + _CHUNK_LINES]
            text = texts(part)
            if file.media == "fhir+deleted":
                for place, line in enumerate(text.to_pylist(), number + 1):
                    yield _taken_apart(con, line, [place])
            else:
                nothing = pa.nulls(len(part), pa.string())
                yield range(number + 1, number + 1 + len(part)), text, nothing, nothing
            number += len(part)


def _bundle(con: duckdb.DuckDBPyConnection, file: Stored, damages: list[str]) -> Iterator[_Entries]:
    """Entries of a Bundle as lines, numbered from 1; a file with another resource is one line."""
    content = content_of(file.path, _MOST_BUNDLE, damages.append)
    if content is None:
        damages.append("the Bundle is too large to be taken apart; ask its sender for NDJSON")
        return
    text = texts([content])[0].as_py()
    if text is None or text.strip():
        yield _taken_apart(con, text, None)


def _taken_apart(con: duckdb.DuckDBPyConnection, text: str | None, numbers: Sequence[int] | None) -> _Entries:
    """Entries of one Bundle: all under the number given, or each under its own. What is no Bundle stays as it is."""
    rows: list[tuple[str, str | None, str | None]] = []
    if text is not None and len(text) <= max(MOST_LINE, _MOST_BUNDLE) and _is_bundle(con, text):
        rows = con.execute(_ENTRIES, [text]).fetchall()
    rows = rows or [(text, None, None)]  # type: ignore[list-item]  # a line that is not UTF-8
    own = numbers * len(rows) if isinstance(numbers, list) else range(1, len(rows) + 1)
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return own, columns[0], columns[1], columns[2]


def _is_bundle(con: duckdb.DuckDBPyConnection, text: str) -> bool:
    row = con.execute(
        "SELECT json_valid($1) AND coalesce(json_extract_string($1, '$.resourceType') = 'Bundle', false)", [text]
    ).fetchone()
    return bool(row and row[0])


def _stage(con: duckdb.DuckDBPyConnection, chunk: _Chunk) -> None:
    """Runs the statements of fhir.sql and fhir_persons.sql on one chunk, in a connection of its own."""
    with con:
        con.register("fhir_arriving", pa.Table.from_batches(chunk.batches))
        files = [
            (place, one.source, one.system, one.seq, one.digest, one.name, one.media)
            for place, one in enumerate(chunk.files)
        ]
        names = ["file", "source", "system", "seq", "blob", "name", "media"]
        con.register("fhir_files", pa.table([pa.array(column) for column in zip(*files, strict=True)], names=names))
        for file in ("fhir", "fhir_persons"):
            for statement in statements(file):
                con.execute(statement)
