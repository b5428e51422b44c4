"""What was found in which text, kept from one publish to the next, so that only new texts are searched.

One DuckDB file beside the snapshots, in a folder that only its owner may enter: digests of texts, and marks, which are places and kinds;
no word of any text. It only saves time, and says nothing that a search would not say again: a file that cannot be read, or is not what
was written, is set aside and made anew. The publisher holds the lock under which all of this is called.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from data.errors import Damaged
from data.snapshots.digest import quoted

FOLDER, FILE = "redaction", "redaction.duckdb"
FOUND = "kept.main.found"  # (finding, digest, marks), while `attached`
_MEMORY = {"memory_limit": "512MiB"}
_log = logging.getLogger(__name__)


@contextmanager
def attached(con: duckdb.DuckDBPyConnection, root: Path) -> Iterator[None]:
    """The file of a room as catalogue `kept` of the connection, sound or new."""
    folder = root / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE
    try:
        _prove(path)
    except (duckdb.Error, Damaged) as error:
        _set_aside(path, type(error).__name__)
        _prove(path)
    con.execute(f"ATTACH {quoted(str(path))} AS kept")
    try:
        yield
    finally:
        con.execute("DETACH kept")


def add(con: duckdb.DuckDBPyConnection, finding: str, digests: pa.Array, marks: list[str]) -> None:
    """Keep what was found in some texts; on disk when this returns."""
    con.register("rr_found", pa.table({"digest": digests, "marks": pa.array(marks, pa.string())}))
    con.execute(f"INSERT INTO {FOUND} SELECT ?, digest, marks FROM rr_found", [finding])
    con.unregister("rr_found")


def forget(root: Path, finding: str) -> None:
    """Drop what was found under another version, and what was found in texts that `kept.present` does not name.

    Called when the snapshot is in force, so it never fails a publish.
    """
    try:
        with duckdb.connect(str(root / FOLDER / FILE), config=dict(_MEMORY)) as con:
            con.execute("BEGIN")
            con.execute("DELETE FROM found WHERE finding <> ? OR digest NOT IN (SELECT digest FROM present)", [finding])
            con.execute("DROP TABLE present")
            con.execute("COMMIT")
    except duckdb.Error as error:
        _log.warning(
            "Old rows of file %s stay until the next publish (%s).", root / FOLDER / FILE, type(error).__name__
        )


def _prove(path: Path) -> None:
    """Read all of the file, in an instance of its own, since damage may cost the instance that meets it."""
    with duckdb.connect(str(path), config=dict(_MEMORY)) as con:
        path.chmod(0o600)
        con.execute(
            "CREATE TABLE IF NOT EXISTS found (finding VARCHAR NOT NULL, digest BLOB NOT NULL, marks VARCHAR NOT NULL)"
        )
        told = "SELECT count(*), count(DISTINCT (finding, digest)), sum(strlen(marks)) FROM found"
        rows, texts, _ = con.execute(told).fetchall()[0]
    if rows != texts:
        raise Damaged(f"File {path} tells of one text twice.")


def _set_aside(path: Path, why: str) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    _log.warning(
        "File %s cannot be used (%s): it is set aside as %s, and all texts are searched anew.", path, why, aside
    )
    path.replace(aside)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
