"""Documents say what the code does: generated pages are fresh, every rule, tool, setting and error is written down and tried."""

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions
from pathlib import Path

import pytest

from data import errors
from data.catalogue.model import catalogue
from data.errors import ReadingRoomError, Refused, SourceDown
from data.raw import RawStore
from data.sources import base as sources_base
from policies.decide import decide
from policies.model import Grant, parse_policy
from server.room import RoomSettings, read_settings
from server.templates import POLICY, ROOM
from tools import TOOLS

pytestmark = pytest.mark.docs
ROOT = Path(__file__).parents[2]
DOCS = "\n".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".sql"))


def test_generated_pages_are_fresh():
    result = subprocess.run([sys.executable, str(ROOT / "docs/generate.py"), "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_every_link_leads_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_rule_is_tried():
    rules = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/reference/rules.md").read_text(), re.MULTILINE)
    untried = {rule for rule in rules if rule not in TESTS}
    assert len(rules) > 20
    assert untried <= {"not-understood", "sandbox-required"}


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_documented_and_tried(name):
    assert f"## {name}" in DOCS
    assert f'"{name}"' in TESTS


def test_every_setting_is_documented():
    page = (ROOT / "docs/reference/room.md").read_text()
    missing = [name for name in RoomSettings.model_fields if name not in page]
    missing += [name for name in Grant.model_fields if name not in (ROOT / "docs/reference/policy.md").read_text()]
    assert missing == []


def test_every_error_code_is_documented():
    made = [
        kind("x").code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, ReadingRoomError)
    ]
    assert [code for code in made if f"`{code}`" not in DOCS] == []


def test_policys_own_examples_hold(held):
    policy = parse_policy(POLICY)
    whole = {name: {column.name: column.type for column in table.columns} for name, table in catalogue().items()}
    for example in policy.examples:
        grant = policy.grant(example.role, example.purpose)
        release = whole if grant.release == "identified" else held
        try:
            decide(example.sql, grant, release, 11)
            verdict, rule = "allowed", ""
        except Refused as refusal:
            verdict, rule = "refused", refusal.rule
        assert (verdict, rule) == (example.expect, example.rule), example.sql


def test_room_template_loads(tmp_path):
    path = tmp_path / "readingroom.yaml"
    path.write_text(ROOM.replace("{hospital}", "hospital"))
    assert {source.system for source in read_settings(path).sources} == {
        "ehr",
        "laboratory",
        "imaging",
        "research",
        "operations",
    }


def test_no_dependency_takes_our_names():
    ours = {"data", "policies", "tools", "server", "evals"}
    for found in distributions():
        if found.metadata["Name"] == "readingroom":
            continue
        tops = {str(file).split("/")[0] for file in found.files or []}
        assert not tops & ours, found.metadata["Name"]


def test_requirements_name_no_address():
    for path in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in path.read_text()


def test_files_and_functions_stay_small():
    import ast

    for folder in ("data", "policies", "tools", "server", "evals"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            assert len(text.splitlines()) <= 500, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert node.end_lineno - node.lineno <= 60, f"{path}: {node.name}"


class _Pages(BaseHTTPRequestHandler):
    """Two pages, then nothing."""

    def do_GET(self):
        number = int(self.path.partition("page=")[2])
        content = b"claim_id\n%d\n" % number if number <= 2 else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing on the terminal."""


def test_the_connector_of_the_how_to_works(tmp_path, monkeypatch):
    """The example is run as it stands: in under sixty lines, on from where it stopped, and a clear word when the source is gone."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/add-a-connector.md").read_text(), re.DOTALL)
    example = next(one for one in examples if "ward-feed" in one)
    assert example.count("\n") < 60
    monkeypatch.setattr(sources_base, "_KINDS", dict(sources_base._KINDS))
    made = {}
    exec(compile(example, "add-a-connector.md", "exec"), made)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = sources_base.connector(
            "ward-feed", "ward", "operations", url=f"http://127.0.0.1:{server.server_port}/feed"
        )
        store = RawStore(tmp_path)
        assert store.ingest(source).new == 2
        assert store.ingest(source).new == 0
        server.shutdown()
    assert [one.path.read_bytes() for one in store.arrivals()] == [b"claim_id\n1\n", b"claim_id\n2\n"]
    with pytest.raises(SourceDown):
        store.ingest(source)
