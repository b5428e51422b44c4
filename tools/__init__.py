"""What a model can ask: one file a tool. `TOOLS` is the whole list, by name."""

from typing import Any

from tools import count_cohort, describe_data, explain_policy, query
from tools.base import Tool

TOOLS: dict[str, Tool[Any]] = {one.TOOL.name: one.TOOL for one in (describe_data, query, count_cohort, explain_policy)}
