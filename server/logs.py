"""Logs: one JSON object a line on standard error; names and counts only. Standard output belongs to answers and to MCP.

sqlglot warns of what it cannot parse by quoting it, so its logger is silent from the moment this is imported.
"""

import logging
import os
import sys

import structlog

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def configure_logs() -> None:
    """Sets up structlog for the process; READINGROOM_LOG names the level (default warning)."""
    level = logging.getLevelNamesMapping().get(os.environ.get("READINGROOM_LOG", "warning").upper(), logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
