"""Bundles: a session leaves one room and is proven and replayed in another that holds the same snapshot; every changed part is found."""

import json
import shutil
import stat
import zipfile

import pytest

from data.errors import BadRequest, Damaged
from server.bundles import read_bundle
from server.ledger import load_or_create_keys
from server.room import open_room
from tests.integration.server.evidence.conftest import copied

pytestmark = pytest.mark.integration
SECRET = "nobody-is-called-this"
QUESTIONS = (
    "SELECT gender_concept_id, count(DISTINCT person_id) AS n FROM person GROUP BY 1",
    f"SELECT count(*) AS n FROM condition_occurrence WHERE condition_source_value <> '{SECRET}'",
    "SELECT family_name FROM patient_identity",
)


@pytest.fixture
def elsewhere(published_room, tmp_path):
    """A room on another machine: the same snapshot, keys and a policy of its own, no record."""
    other = copied(published_room, tmp_path / "elsewhere", "keys", "policies")
    other.policy_path.write_text(other.policy_path.read_text().replace("hide_below: 11", "hide_below: 40"))
    return open_room(other.root)


@pytest.fixture
def bundle(asked, run, tmp_path):
    for sql in QUESTIONS:
        asked(sql, session="told")
    asked("", tool="count_cohort", session="told", conditions=["44054006"], by="sex")
    asked("SELECT 1 AS one", session="untold")
    file = tmp_path / "told.zip"
    result = run("audit", "bundle", "told", "--out", str(file))
    assert result.exit_code == 0, result.output
    assert "wrote 4 calls of session told" in result.stdout
    return file


def test_another_room_replays_it(bundle, elsewhere, run, room, tmp_path):
    assert stat.S_IMODE((tmp_path / "told.zip.key").stat().st_mode) == 0o600
    told = json.loads(run("replay", "--bundle", str(bundle), "--json", at=elsewhere).stdout)
    assert (told["identical"], len(told["calls"])) == (4, 4)
    result = run("replay", "--bundle", str(bundle), "--key", str(room.keys_path / "signing.pub.pem"), at=elsewhere)
    assert result.exit_code == 0
    assert "4 calls of session told are in the tree of 10 entries" in result.stderr
    assert "signed by the key you gave" in result.stderr
    supposed = run(
        "replay", "--bundle", str(bundle), "--what-if", f"policy={elsewhere.policy_path}", "--json", at=elsewhere
    )
    assert json.loads(supposed.stdout)["not_replayable"] == 0


def test_it_holds_no_question_unless_opened(bundle, run, elsewhere, tmp_path):
    with zipfile.ZipFile(bundle) as file:
        assert not any(SECRET.encode() in file.read(name) for name in file.namelist())
        names = set(file.namelist())
    assert {"bundle.json", "keys/signing.pub.pem", "tools/query.json", "tools/count_cohort.json"} <= names
    assert {name.split("/")[0] for name in names} == {
        "bundle.json",
        "proofs",
        "arguments",
        "policies",
        "snapshots",
        "tools",
        "keys",
    }
    result = run("audit", "bundle", "told", "--out", str(tmp_path / "open.zip"), "--open")
    assert "The arguments are in the clear." in result.stderr
    assert not (tmp_path / "open.zip.key").exists()
    with zipfile.ZipFile(tmp_path / "open.zip") as file:
        assert any(SECRET.encode() in file.read(name) for name in file.namelist())
    result = run("replay", "--bundle", str(tmp_path / "open.zip"), at=elsewhere)
    assert result.exit_code == 0
    assert "in the clear" in result.stderr


def test_without_its_key_or_with_another_it_stays_shut(bundle, run, elsewhere, tmp_path):
    key = tmp_path / "told.zip.key"
    kept = key.read_text()
    key.write_text("00" * 32)
    assert "cannot be opened" in str(run("replay", "--bundle", str(bundle), at=elsewhere).exception)
    key.write_text("no key")
    assert isinstance(run("replay", "--bundle", str(bundle), at=elsewhere).exception, BadRequest)
    key.unlink()
    assert "--bundle-key" in str(run("replay", "--bundle", str(bundle), at=elsewhere).exception)
    (tmp_path / "sent").write_text(kept)
    assert run("replay", "--bundle", str(bundle), "--bundle-key", str(tmp_path / "sent"), at=elsewhere).exit_code == 0


def test_a_key_that_is_not_trusted_is_found(bundle, run, elsewhere):
    run("query", "SELECT 1 AS one", at=elsewhere)
    own = elsewhere.keys_path / "signing.pub.pem"
    assert isinstance(run("replay", "--bundle", str(bundle), "--key", str(own), at=elsewhere).exception, Damaged)


def changed(bundle, to, name, new):
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(to, "w") as file:
        for one in old.namelist():
            content = new(old.read(one)) if one == name else old.read(one)
            if content is not None:
                file.writestr(one, content)
    return to


def test_every_changed_part_is_found(bundle, elsewhere, tmp_path):
    """Each proof, argument, policy and the head in turn: cut, dropped, and with a digit changed."""
    keys = load_or_create_keys(elsewhere.keys_path)
    key = bytes.fromhex((tmp_path / "told.zip.key").read_text())
    read_bundle(bundle, keys.seal, key)
    with zipfile.ZipFile(bundle) as file:
        names = [one for one in file.namelist() if one.split("/")[0] in ("proofs", "arguments", "bundle.json")]
    assert len(names) == 9
    for name in names:
        for number, spoil in enumerate(
            (lambda c: c[: len(c) // 2], lambda c: None, lambda c: c.replace(b"1", b"2", 1) if b"1" in c else c[:-1])
        ):
            if (name, number) == ("bundle.json", 2):
                continue  # the version, not a value
            file = changed(bundle, tmp_path / f"spoilt{number}.zip", name, spoil)
            with pytest.raises((Damaged, BadRequest)):
                read_bundle(file, keys.seal, key)


def test_swapped_arguments_are_found(bundle, elsewhere, run, tmp_path):
    """In the clear nothing is sealed, but the entry's digest still binds what was asked."""
    run("audit", "bundle", "told", "--out", str(tmp_path / "open.zip"), "--open")
    with zipfile.ZipFile(tmp_path / "open.zip") as file:
        first, second, *_ = [one for one in file.namelist() if one.startswith("arguments/")]
        other = file.read(second)
    spoilt = changed(tmp_path / "open.zip", tmp_path / "swapped.zip", first, lambda _: other)
    with pytest.raises(Damaged, match="the recorded call had other arguments"):
        read_bundle(spoilt, load_or_create_keys(elsewhere.keys_path).seal)


def test_what_is_no_bundle_or_cannot_be_replayed_is_said(bundle, run, elsewhere, tmp_path):
    (tmp_path / "text").write_text("no zip")
    for words in (
        ("replay", "--bundle", str(tmp_path / "text")),
        ("replay", "told", "--bundle", str(bundle)),
        ("replay", "--bundle", str(tmp_path / "none")),
    ):
        assert isinstance(run(*words, at=elsewhere).exception, BadRequest)
    assert isinstance(run("audit", "bundle", "nobody", "--out", str(tmp_path / "b")).exception, BadRequest)
    assert isinstance(run("audit", "bundle", "told", "--out", str(tmp_path / "no" / "b")).exception, BadRequest)
    for one in (elsewhere.root / "snapshots").iterdir():
        shutil.rmtree(one)
    told = json.loads(run("replay", "--bundle", str(bundle), "--json", at=elsewhere).stdout)
    assert told["not_replayable"] == 4
    assert "was retired" in told["calls"][0]["reason"]
