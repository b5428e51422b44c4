"""The tutorial for auditors, run: each command as it stands there, what it shows held against what is written, numbers and ids aside."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.docs]
ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "tutorial" / "audit.md").read_text()


def commands():
    """(command, lines it should show) in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def pattern(line):
    """A written line as a pattern: words must be there, whatever has a digit may be another, `…` is anything."""
    words = [
        ".*"
        if word == "…"
        else r"\S+"
        if re.search(r"\d", word) and "-" not in word.strip("0123456789-:")
        else re.escape(word)
        for word in _bare(line).split()
    ]
    return r"\s*".join(words)


def _bare(text):
    return re.sub(r"[│┃]", " ", text)


def test_every_command_shows_what_is_written(room, published_room, tmp_path):
    (room.root / "hospital").symlink_to(published_room.root / "hospital")
    environment = {
        **os.environ,
        "COLUMNS": "160",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }

    def run(command):
        words = command.replace("--room demo", f"--room {room.root}").split()[1:]
        done = subprocess.run(
            [sys.executable, "-m", "server.cli", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    written = re.search(r"who-saw (\d+)", PAGE)[1]
    person, shown = written, 0
    for command, lines in commands():
        assert command.startswith("readingroom ")
        if "rehearse" not in command and person == written:
            told = run("readingroom audit what-did clinician-7 --persons --json --room demo")
            person = str(json.loads(told)["seen_most"][0][0])
        output = _bare(run(command.replace(written, person)))
        for line in lines:
            assert re.search(pattern(line), output), f"{command}\nwritten: {line}\nshown: {output}"
            shown += 1
    assert shown > 15
    assert (tmp_path / "accounting.html").read_text().count("clinician-7") > 20


def test_the_pages_name_every_command_of_audit():
    from typer.main import get_command

    from server.cli import app

    page = (ROOT / "docs" / "how-to" / "audit.md").read_text() + (
        ROOT / "docs" / "how-to" / "verify-the-ledger.md"
    ).read_text()
    names = list(get_command(app).get_command(None, "audit").commands)
    assert len(names) > 10
    assert [name for name in names if not re.search(rf"audit {name}\b|`{name}`", page)] == []


def test_rehearsing_is_for_the_sample_alone(room, run):
    from data.errors import BadRequest

    (room.root / "hospital").mkdir()
    assert isinstance(run("rehearse").exception, BadRequest)
