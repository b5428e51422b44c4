"""What a model can ask: one file a tool. `TOOLS` is the whole list, by name."""

from typing import Any

from tools import count_cohort, describe_data, explain_policy, query, search_notes
from tools.base import Tool

_ALL = (describe_data, query, count_cohort, search_notes, explain_policy)
TOOLS: dict[str, Tool[Any]] = {one.TOOL.name: one.TOOL for one in _ALL}
