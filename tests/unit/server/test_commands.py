"""The commands are where the table of files says, are read only when called for, and a misspelt one is helped."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from server.cli import _FILES, app

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", [*_FILES, "eval"])
def test_every_command_is_there_and_says_what_it_does(name):
    answered = CliRunner().invoke(app, [name, "--help"])
    assert answered.exit_code == 0
    assert f"readingroom {name}" in answered.output or f"{name} [OPTIONS]" in answered.output


def test_help_lists_commands_in_order():
    lines = CliRunner().invoke(app, ["--help"]).output.split("Commands:")[1].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert listed[: len(_FILES) + 1] == [*_FILES, "eval"]


def test_groups_are_whole_each_time():
    for _ in range(2):
        output = CliRunner().invoke(app, ["audit", "--help"]).output
        assert all(output.count(f"  {name} ") == 1 for name in ("verify", "who-saw", "export-fhir", "prune", "alerts"))


def test_a_misspelt_command_is_helped():
    answered = CliRunner().invoke(app, ["servee"])
    assert answered.exit_code == 2
    assert "Did you mean 'serve'?" in answered.output


def test_a_command_starts_without_what_others_need():
    """The MCP library, the console's and the normaliser's take longer to load than most commands to run."""
    code = (
        "import sys; from typer.testing import CliRunner; from server.cli import app; "
        "CliRunner().invoke(app, ['query', '--help']); print(*sorted({'mcp.types', 'pydicom', 'spacy', 'uvicorn'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
