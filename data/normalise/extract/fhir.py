"""FHIR R4 NDJSON to staging, as sets: lines go into DuckDB as text and each resource type is taken apart by one SELECT.

A line that is no JSON, no UTF-8, or has no type or id is rejected with its number; its neighbours stay.
"""

import gzip
import zlib
from collections.abc import Iterator
from importlib import resources

import duckdb
import pyarrow as pa

from data.types import Stored

_CHUNK = 8 << 20
_MOST_LINE = 64 << 20  # a longer line is no resource
_LINES = pa.schema([("line", pa.int64()), ("text", pa.string())])
_GZIP = b"\x1f\x8b"


def extract(con: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Adds the resources of one file to the staging tables."""
    damage: list[str] = []
    lines = pa.RecordBatchReader.from_batches(_LINES, _batches(stored, damage))
    con.register("fhir_arriving", lines)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE fhir_lines AS SELECT * FROM fhir_arriving WHERE text IS NULL OR trim(text, E' \\t\\r\\n') <> ''"
    )
    con.unregister("fhir_arriving")
    origin = f"{{'source': $${stored.source}$$, 'system': $${stored.system}$$, 'seq': {stored.seq}, 'blob': $${stored.digest}$$}}"
    con.execute(f"CREATE OR REPLACE TEMP MACRO origin() AS {origin}")
    for statement in _statements():
        con.execute(statement)
    con.execute(
        "INSERT INTO staging.received SELECT $1, $2, $3, $4, (SELECT count(*) FROM fhir_lines), "
        "(SELECT coalesce(sum(greatest(n, 1) - 1), 0) FROM fhir_expanded)",
        [stored.source, stored.digest, stored.name, stored.media],
    )
    if damage:
        row = [stored.source, stored.seq, stored.digest, "damaged-file", damage[0]]
        con.execute("INSERT INTO staging.reject VALUES ($1, $2, $3, NULL, NULL, $4, $5)", row)
        con.execute("UPDATE staging.received SET records = records + 1 WHERE blob = $1", [stored.digest])


def _statements() -> list[str]:
    text = resources.files("data.normalise.extract").joinpath("fhir.sql").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part for part in lines.split(";\n") if part.strip()]


def _batches(stored: Stored, damage: list[str]) -> Iterator[pa.RecordBatch]:
    """Record batches of numbered lines; a line that is not UTF-8 comes as NULL."""
    number, rest = 0, b""
    with stored.path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        source = gzip.GzipFile(fileobj=raw) if packed else raw
        while True:
            try:
                chunk = source.read1(_CHUNK)  # not read: it would lose what came before damage
            except (EOFError, OSError, zlib.error):
                damage.append("the compressed file ends too early or is damaged; what was before is kept")
                chunk = b""
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop() if chunk else b""
            if lines:
                yield _batch(number, lines)
                number += len(lines)
            if not chunk:
                return


def _batch(number: int, lines: list[bytes]) -> pa.RecordBatch:
    texts = [_text(line) for line in lines]
    numbers = pa.array(range(number + 1, number + 1 + len(lines)), pa.int64())
    return pa.record_batch([numbers, pa.array(texts, pa.string())], schema=_LINES)


def _text(line: bytes) -> str | None:
    if len(line) > _MOST_LINE:
        return None
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
