"""The tool `explain_policy`: what is granted and what a question would meet, without running it."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from data.errors import ReadingRoomError, Refused
from tools.base import Answer, Arguments, Desk, Json, Plan, Result, Tool


class Explain(Arguments):
    """A question to judge, or none for the grant itself."""

    sql: Annotated[str | None, Field(description="A SELECT to judge without running it.")] = None


class Explanation(BaseModel):
    """What the policy says."""

    role: str
    purpose: str
    release: str
    mode: str
    rules: list[str]
    contact: str
    policy: str = Field(description="digest of the policy")
    question: dict[str, Any] | None = None


def plan(arguments: Explain, desk: Desk) -> Plan:
    """The grant in words and, for a question, its verdict."""
    content: Json = {
        "role": desk.role,
        "purpose": desk.purpose,
        "release": desk.release,
        "mode": desk.mode,
        "rules": _rules(desk),
        "contact": desk.contact,
        "policy": desk.policy,
        "question": _verdict(arguments.sql, desk) if arguments.sql is not None else None,
    }
    return Plan(content=content)


def _rules(desk: Desk) -> list[str]:
    return [
        f"Answers come from the release '{desk.release}': {desk.ground}",
        f"Tables: {', '.join(desk.granted)}.",
        "One SELECT at a time; no files, settings, clock or random functions.",
        *desk.rules,
    ]


def _verdict(sql: str, desk: Desk) -> Json:
    try:
        judged = desk.judge(sql)
    except Refused as refusal:
        return {
            "allowed": False, "rule": refusal.rule, "message": refusal.message, "instead": refusal.allowed, "ask": refusal.ask,
        }  # fmt: skip
    except ReadingRoomError as error:
        return {
            "allowed": False,
            "rule": error.code,
            "message": error.message,
            "instead": error.advice,
            "ask": desk.contact,
        }
    columns = [f"{table}.{column}" for table, column in judged.facts.columns]
    return {
        "allowed": True,
        "tables": list(judged.facts.tables),
        "columns": columns,
        "obligations": list(judged.obligations),
        "advice": [{"rule": rule, "text": text} for rule, text in judged.advice],
    }


def render(plan: Plan, result: Result | None, desk: Desk) -> Answer:
    """The explanation, and the same in sentences."""
    content = plan.content or {}
    lines = [f"You ask as {content['role']} for {content['purpose']}, in {content['mode']} mode.", *content["rules"]]
    if question := content["question"]:
        if question["allowed"]:
            lines.append(f"This question is allowed; obligations: {', '.join(question['obligations'])}.")
            lines += [f"Advice ({one['rule']}): {one['text']}" for one in question["advice"]]
        else:
            lines.append(
                f"This question is refused by rule {question['rule']}: {question['message']} {question['instead']}"
            )
    lines.append(f"Whom to ask: {content['contact']}.")
    return Answer(content, "\n".join(lines))


TOOL = Tool(
    name="explain_policy",
    title="Explain the policy",
    description="Say what you may ask, and judge a question without running it: which rule allows or refuses it and what to do.",
    version="1",
    arguments=Explain,
    output=Explanation,
    plan=plan,
    render=render,
)
