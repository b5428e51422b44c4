"""Lineage by a key as a release shows it, after the pseudonym key was rotated."""

from types import SimpleNamespace

import duckdb
import pytest

from data.errors import BadRequest
from data.snapshots.keys import fingerprint, make_macros
from server import quality
from server.room import init_room, open_room

pytestmark = pytest.mark.unit


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A room whose snapshot has one measurement, number 17, made with the key in force now."""
    init_room(tmp_path)
    opened = open_room(tmp_path)
    key = opened.pseudonym_key.read()
    (tmp_path / "vault").mkdir()
    duckdb.sql(
        "SELECT 'measurement' AS table_name, 17::BIGINT AS row_id, 'ehr' AS source, 'abc' AS blob, 3 AS line, 'm17' AS record_id"
    ).write_parquet(str(tmp_path / "vault" / "lineage.parquet"))
    snapshot = SimpleNamespace(path=tmp_path, manifest=SimpleNamespace(key_fingerprint=fingerprint(key)))
    monkeypatch.setattr(quality, "open_current", lambda _: snapshot)
    return opened


def shown(room) -> int:
    """Number 17 as the release shows it."""
    with duckdb.connect() as con:
        make_macros(con, room.pseudonym_key.read())
        return con.execute("SELECT rr_pseudonym(17::BIGINT)").fetchone()[0]


def test_a_released_key_leads_back_after_rotation(room):
    """The snapshot was made with the key before, which was kept."""
    key = shown(room)
    room.pseudonym_key.rotate()
    assert shown(room) != key
    assert [one.record for one in quality.lineage(room, "measurement", key)] == ["m17"]
    with pytest.raises(BadRequest, match="no row with that key"):
        quality.lineage(room, "measurement", shown(room))


def test_a_released_key_leads_back_where_the_key_comes_from_elsewhere(room, tmp_path, monkeypatch):
    key = shown(room)
    monkeypatch.setenv("RR_KEY", room.pseudonym_key.read().hex())
    (tmp_path / "keys" / "pseudonym.key").unlink()
    (tmp_path / "readingroom.yaml").write_text("pseudonym_key: {env: RR_KEY}\n")
    assert [one.record for one in quality.lineage(open_room(tmp_path), "measurement", key)] == ["m17"]
