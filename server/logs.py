"""Logs: one JSON object a line on standard error; names and counts only. Standard output belongs to answers and to MCP.

Libraries quote what a client sent and what data held: of what they log or warn of, only who said something and at which place of its
code is told, never the words. The same holds of an exception that nobody caught: its type and where it came from.
"""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog

# sqlglot warns of what it cannot parse by quoting it; silent from the moment this is imported, set up or not.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
log = structlog.get_logger()
_OURS = ("data", "policies", "tools", "server", "evals")
_MOST_FRAMES = 40


def configure_logs() -> None:
    """Sets up logging for the process; READINGROOM_LOG names the level (default warning)."""
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
    logging.basicConfig(handlers=[Named()], level=level, force=True)
    logging.raiseExceptions = False  # else what cannot be logged is printed, arguments and all
    warnings.showwarning = _warned
    threading.excepthook = lambda told: unexpected("thread.crashed", told.exc_value)
    sys.unraisablehook = lambda told: unexpected("object.crashed", told.exc_value)


class Named(logging.Handler):
    """Hands records of the standard library's loggers on: ours in their words, those of libraries by their place alone."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line for one record."""
        told: dict[str, object] = {"logger": record.name, "place": f"{record.module}:{record.lineno}"}
        if record.name.partition(".")[0] in _OURS:
            told["words"] = _words(record)
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = kind(record.exc_info[1])
        log.log(record.levelno, "library", **told)


def _words(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit; what is logged must not fail the caller
        return str(record.msg)


def unexpected(event: str, error: BaseException | None) -> None:
    """Logs an exception that nobody caught: its type, and the places it came through, innermost last."""
    if error is not None:
        log.error(event, error=kind(error), places=list(_places(error.__traceback__))[-_MOST_FRAMES:])


def kind(error: BaseException) -> str:
    """The type of an exception; of a group, those of its members too."""
    inner = f"({', '.join(map(kind, error.exceptions))})" if isinstance(error, BaseExceptionGroup) else ""
    return type(error).__name__ + inner


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log.warning("library.warning", kind=category.__name__, place=f"{Path(filename).name}:{lineno}")
