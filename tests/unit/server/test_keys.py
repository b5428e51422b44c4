"""The pseudonym key: from the room, a file or the environment; rotated, the old one kept; never printed."""

import base64
import stat
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadRequest
from data.snapshots.keys import fingerprint
from server.ledger import load_or_create_keys
from server.ledger.keys import PseudonymKey
from server.room import open_room

pytestmark = pytest.mark.unit
KEY = bytes(range(100, 132))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    return path


def from_file(path, content):
    path.write_bytes(content)
    return PseudonymKey(path.parent / "keys", file=path)


def told(raised):
    """All a person or a log could see of an error, its causes included."""
    return "".join(traceback.format_exception(raised.value))


@given(key=st.binary(min_size=16, max_size=64), form=st.sampled_from(["hex", "upper", "base64", "lines"]))
def test_a_key_reads_the_same_in_every_form(tmp_path_factory, key, form):
    text = {
        "hex": key.hex(), "upper": key.hex().upper(), "base64": base64.b64encode(key).decode(), "lines": f"{key.hex()[:8]}\n {key.hex()[8:]}\n",
    }[form]  # fmt: skip
    path = tmp_path_factory.mktemp("key") / "secret"
    path.touch(0o600)
    read = from_file(path, text.encode()).read()
    # Base64 that happens to consist of hexadecimal digits alone is read as hexadecimal.
    assert read == key or (form == "base64" and read == bytes.fromhex(text))


def test_the_rooms_own_key_file_is_read_as_it_is(tmp_path, file):
    own = load_or_create_keys(tmp_path / "keys").pseudonym
    assert PseudonymKey(tmp_path / "keys").read() == own
    assert from_file(file, bytes([200]) + KEY).read() == bytes([200]) + KEY


@pytest.mark.parametrize("content", [b"secret-words-nobody-knows", b"abcd1234", b"", b"00" * 15])
def test_a_wrong_key_says_what_to_do_and_never_itself(file, monkeypatch, content):
    with pytest.raises(BadRequest) as raised:
        from_file(file, content).read()
    monkeypatch.setenv("RR_KEY", content.decode())
    with pytest.raises(BadRequest) as from_env:
        PseudonymKey(file.parent, environment="RR_KEY").read()
    for one in (raised, from_env):
        assert "openssl rand -hex 32" in one.value.advice
        assert not content or content.decode() not in told(one)
    assert "RR_KEY" in from_env.value.message


def test_a_missing_key_names_where_it_should_be(tmp_path, monkeypatch):
    monkeypatch.delenv("RR_KEY", raising=False)
    with pytest.raises(BadRequest, match="RR_KEY"):
        PseudonymKey(tmp_path, environment="RR_KEY").read()
    with pytest.raises(BadRequest, match="pseudonym_key"):
        PseudonymKey(tmp_path, file=tmp_path / "none").read()


def test_a_key_others_can_read_is_refused(file):
    file.chmod(0o644)
    with pytest.raises(BadRequest, match="chmod 600"):
        from_file(file, KEY.hex().encode()).read()


def test_rotation_keeps_the_old_key_under_its_name(tmp_path):
    place = PseudonymKey(tmp_path / "keys")
    first = place.read()
    old, new = place.rotate()
    assert old == fingerprint(first) != new == fingerprint(place.read())
    assert place.of(old) == first
    assert place.of(new) == place.read()
    place.rotate()
    assert place.kept() == sorted([old, new])
    assert place.of(old) == first
    assert {mode(path) for path in (tmp_path / "keys").glob("pseudonym*")} == {0o600}
    assert not list((tmp_path / "keys").glob(".*"))


def test_a_file_of_the_stewards_is_rotated_in_its_place(file):
    place = from_file(file, KEY.hex().encode())
    old, new = place.rotate()
    assert (old, new) == (fingerprint(KEY), fingerprint(place.read()))
    assert place.of(old) == KEY
    assert mode(file) == 0o600


def test_a_key_of_the_environment_is_rotated_there(tmp_path, monkeypatch):
    monkeypatch.setenv("RR_KEY", KEY.hex())
    with pytest.raises(BadRequest, match="rotated where that is set"):
        PseudonymKey(tmp_path, environment="RR_KEY").rotate()


def test_an_old_key_that_is_not_here_is_asked_for_by_name(tmp_path):
    place = PseudonymKey(tmp_path / "keys")
    with pytest.raises(BadRequest, match=fingerprint(KEY)) as raised:
        place.of(fingerprint(KEY))
    path = tmp_path / "keys" / f"pseudonym.{fingerprint(KEY)}.key"
    assert str(path) in raised.value.advice
    path.touch(0o600)
    path.write_text(KEY.hex())
    assert place.of(fingerprint(KEY)) == KEY
    path.write_text(bytes(32).hex())
    with pytest.raises(BadRequest, match="another key than its name says"):
        place.of(fingerprint(KEY))


@pytest.mark.parametrize("setting", ["{env: RR_KEY}", "{file: secret}"])
def test_the_setting_says_where_the_key_is(tmp_path, file, monkeypatch, setting):
    monkeypatch.setenv("RR_KEY", KEY.hex())
    file.write_text(base64.b64encode(KEY).decode())
    (tmp_path / "readingroom.yaml").write_text(f"pseudonym_key: {setting}\n")
    assert open_room(tmp_path).pseudonym_key.read() == KEY


@pytest.mark.parametrize("setting", ["{}", "{env: A, file: b}", "{env: 'not a name'}", "{key: abc}"])
def test_a_wrong_setting_is_named(tmp_path, setting):
    (tmp_path / "readingroom.yaml").write_text(f"pseudonym_key: {setting}\n")
    with pytest.raises(BadRequest, match="pseudonym_key"):
        open_room(tmp_path)
