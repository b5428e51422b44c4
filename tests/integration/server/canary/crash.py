"""A server that breaks: every step of a call in turn, the ledger and the worker raise an error that quotes a secret.

    crash ROOM SECRET

Each reply is a line of standard output; logs go to standard error, traces where the environment says. `leaking` is the test of the test: a
step that writes the secret into a log and a trace.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import structlog
from opentelemetry import trace

from server import pipeline
from server.call import Call, Principal, Request
from server.house import House, open_house
from server.logs import configure_logs
from server.room import open_room

_QUESTION = {"sql": "SELECT count(*) AS n FROM person"}


def asked(house: House, secret: str) -> str:
    """The reply to one question that holds the secret, as the line to print."""
    who = Principal("breaker", "researcher", "HRESCH", "broken")
    reply = pipeline.answer(house, Request("query", {**_QUESTION, "parameters": {"secret": secret}}, who))
    return json.dumps([reply.structured, reply.text])


def broken(house: House, secret: str) -> list[str]:
    """Replies while one step after the other is broken."""

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(f"could not convert string {secret} to INT64")

    replies = []
    for place, step in enumerate(pipeline.STEPS):
        path = (*pipeline.STEPS[:place], replace(step, do=_named(breaks, step.name)), *pipeline.STEPS[place + 1 :])
        with patch.object(pipeline, "STEPS", path):
            replies.append(asked(house, secret))
    for owner, name in (
        (house.ledger, "_write"),
        (house.engine, "run"),
        (house.snapshots, "current"),
        (house.judge, "judge"),
    ):
        with patch.object(owner, name, breaks):
            replies.append(asked(house, secret))
    return replies


def _named(function: object, name: str) -> object:
    function.__name__ = name  # type: ignore[attr-defined]
    return function


def leaking(house: House, secret: str) -> str:
    """The reply of a call with a step that does what none may."""

    def tells(_: House, call: Call) -> None:
        structlog.get_logger().warning("leak", argument=call.request.arguments["parameters"]["secret"])
        trace.get_current_span().set_attribute("argument", secret)

    with patch.object(pipeline, "STEPS", (*pipeline.STEPS, pipeline.Step(tells))):
        return asked(house, secret)


def main() -> None:
    """The command; its words are those of the process."""
    configure_logs()
    opened = open_house(open_room(Path(sys.argv[2])))
    for line in broken(opened, sys.argv[3]):
        print(line)
    opened.close()
