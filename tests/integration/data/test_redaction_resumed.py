"""Redaction goes on where a killed publish was, and what is kept of it changes nothing but the time a publish takes."""

import json
import subprocess
import sys
import time
from collections import Counter

import duckdb
import pytest

from data.snapshots import open_current, text, verify_snapshot
from data.snapshots.marks import FILE, FOLDER
from tests.unit.data.texts import Capitals, Slow, published

pytestmark = pytest.mark.integration

BATCH = 10
NOTES = [(1 + place % 9, f"ANNA-{place} 2024-01-01" if place % 3 else f"well-{place}") for place in range(100)]
PUBLISH = """
import sys
from pathlib import Path
from data.snapshots import text
from tests.unit.data.texts import Slow, published
from tests.integration.data.test_redaction_resumed import BATCH, NOTES
text.TEXTS = BATCH
published(Path(sys.argv[1]), NOTES, Slow(Path(sys.argv[2]), 0.02))
"""


def begun(log):
    """Texts whose search has begun, in order; each as often as it has."""
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def test_killed_redaction_goes_on(tmp_path, monkeypatch):
    """Killed three times, each time in the middle of a batch: no kill costs more than the batch it struck."""
    log = tmp_path / "log"
    kills = 0
    for wanted in (25, 52, 75):
        process = subprocess.Popen([sys.executable, "-c", PUBLISH, str(tmp_path / "room"), str(log)])
        deadline = time.monotonic() + 60
        while len(begun(log)) < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        kills += process.wait() == -9
    assert kills == 3
    monkeypatch.setattr(text, "TEXTS", BATCH)
    manifest = published(tmp_path / "room", NOTES, Slow(log, 0))
    searched = Counter(begun(log))
    assert len(searched) == len({one for _, one in NOTES})
    assert 0 < searched.total() - len(searched) <= kills * BATCH
    verify_snapshot(open_current(tmp_path / "room"))
    assert published(tmp_path / "peace", NOTES, Capitals()).id == manifest.id


def test_what_is_kept_changes_nothing(tmp_path):
    """Same id, same rows of every table of every release, same report, whether all texts were searched or none."""
    first, second = Capitals(), Capitals()
    uncached = published(tmp_path / "one", NOTES, first, threads=1)
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / FOLDER).rename(tmp_path / "two" / FOLDER)
    cached = published(tmp_path / "two", NOTES[::-1], second)
    assert (len(first.searched), second.searched) == (100, [])
    assert uncached.id != cached.id  # the rows of the notes have other keys
    again = published(tmp_path / "one", NOTES[::-1], Capitals())
    assert again.id == cached.id
    assert again.releases == cached.releases
    told = json.loads((open_current(tmp_path / "one").path / "quality.json").read_text())
    assert told["redaction"] == {"texts": 100, "changed": 66, "kinds": {"DATE": 66, "NAME": 66}, "withheld_values": {}}


def test_another_redactor_is_another_snapshot(tmp_path):
    """Whom the build knows is part of the redactor's version, and so of the id; what was found is used again."""
    one = published(tmp_path, NOTES, Capitals())
    redactor = Capitals(known="well")
    other = published(tmp_path, NOTES, redactor)
    assert one.id != other.id
    assert redactor.searched == []
    assert other.versions["redactor"] == redactor.version


def test_what_was_found_is_kept_of_the_texts_in_force(tmp_path):
    published(tmp_path, NOTES, Capitals())
    published(tmp_path, NOTES[:7], Capitals())
    with duckdb.connect(str(tmp_path / FOLDER / FILE), read_only=True) as con:
        assert con.sql("SELECT count(*), count(DISTINCT digest) FROM found").fetchall() == [(7, 7)]


def test_a_damaged_file_fails_no_publish(tmp_path):
    one = published(tmp_path, NOTES, Capitals())
    path = tmp_path / FOLDER / FILE
    path.write_bytes(path.read_bytes()[:30_000])
    redactor = Capitals()
    assert published(tmp_path, NOTES, redactor).id == one.id
    assert len(redactor.searched) == 100


LONG = """
import json, resource, sys
from pathlib import Path
from tests.unit.data.texts import Capitals, published
from tests.integration.data.test_redaction_resumed import NOTES
long, redactor = ("a" * 999 + " ") * 50_700 + "ANNA", Capitals()
published(Path(sys.argv[1]), [*NOTES, (4, long)], redactor)
sizes = [sum(map(len, batch)) for batch in redactor.batches]
print(json.dumps([sizes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def test_a_text_of_50_mb_goes_alone(tmp_path):
    """And the releases hold it whole, with its one name rewritten, in no more memory than a publish may take."""
    told = subprocess.run([sys.executable, "-c", LONG, str(tmp_path)], check=True, capture_output=True, text=True)
    sizes, peak = json.loads(told.stdout)
    assert 50_700_004 in sizes
    assert peak < 3 << 20  # KiB
    shown = open_current(tmp_path).path / "releases" / "deidentified" / "note.parquet"
    ends = "SELECT length(note_text), right(note_text, 6) FROM '{}' WHERE length(note_text) > 100"
    assert duckdb.sql(ends.format(shown)).fetchall() == [(50_700_002, "aaa N4")]
