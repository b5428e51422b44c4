"""What tests of the console do again and again."""

import re
from types import SimpleNamespace
from typing import Any

from server.console import Console

HOSTILE = "<script>alert('x')</script>"
SECRETS = {
    "auditor": "the auditor's secret",
    "steward": "the steward's secret",
    "researcher": "the researcher's secret",
}


def form_token(client: Any, path: str = "/console/ledger") -> str:
    """The token that forms of a page carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', client.get(path).text)
    assert found is not None
    return found[1]


def recorded(desk: Console) -> Any:
    """The ids of the calls in the ledger, by what was asked."""
    names = ("counts", "refused", "rows", "content", "hostile_sql", "hostile_role", "hostile_tool")
    return SimpleNamespace(**dict(zip(names, (call.call_id for call in desk.reader.calls()), strict=True)))
