"""The tool `search_notes`: which notes hold some words, best first, with the passage and whether it is negated.

The SQL (`note_sql.py`) is judged like any other. In record mode notes are ranked by BM25; in aggregate mode only numbers of notes and
persons come back, under disclosure control.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from data.errors import BadRequest, Refused
from data.snapshots.note_index import plain
from tools.base import Answer, Arguments, Desk, Json, Plan, Result, Tool
from tools.note_sql import Asked, counting, ranking
from tools.note_words import Sought, read_query
from tools.passages import Negated, Passage, best_passage
from tools.table import Advice

_LOOKED_AT = 4  # notes looked at for each one wanted, where negation decides
_LONGEST_CONCEPT = 10  # digits of a concept_id


class Search(Arguments):
    """Words to look for in notes, and which notes to look at."""

    words: Annotated[
        str,
        Field(
            max_length=1000,
            description='Words; "words in quotes" stand side by side; -word leaves notes out; word* begins so.',
        ),
    ]
    match: Annotated[Literal["all", "any"], Field(description="Whether a note must have all the words or any.")] = "all"
    kind: Annotated[
        str | None,
        Field(max_length=100, description="Part of the note's title, or the concept_id of its type or class."),
    ] = None
    since: Annotated[date | None, Field(alias="from", description="Notes of this day or later.")] = None
    until: Annotated[date | None, Field(alias="to", description="Notes of this day or earlier.")] = None
    person_id: Annotated[
        int | None, Field(ge=0, lt=2**53, description="Notes of one person, by the person_id of an answer.")
    ] = None
    negated: Annotated[
        Negated,
        Field(description="Whether notes are shown, left out or alone shown that only deny what is looked for."),
    ] = "show"
    most: Annotated[int, Field(ge=1, le=50, description="Notes shown at most.")] = 10


class Hit(BaseModel):
    """A note that was found."""

    note_id: int
    person_id: int | None
    date: str | None
    title: str | None
    score: float = Field(description="BM25; larger is better, of one search only")
    passage: str | None = Field(
        description="about 200 characters; what was found stands between **; null where withheld"
    )
    negated: bool | None = Field(
        description="whether what was found in the passage is negated there, as in 'denies ...'"
    )


class Counted(BaseModel):
    """How many notes hold something, and of how many persons they are."""

    words: str
    notes: int | None = Field(description="null where withheld")
    persons: int | None = Field(description="null where withheld")


class Found(BaseModel):
    """Notes in record mode, numbers in aggregate mode."""

    hits: list[Hit]
    counts: list[Counted]
    found: int | None = Field(description="notes that hold the words, shown or not; null in aggregate mode")
    truncated: bool
    cells_hidden: int
    advice: list[Advice]
    notes: list[str]
    snapshot: str
    release: str
    verdict: dict[str, Any]


# --- the plan ---------------------------------------------------------------------------------------------------------


def plan(arguments: Search, desk: Desk) -> Plan:
    """SQL that ranks notes, or counts them. Raises Refused where the grant shows no text of notes, BadRequest where nothing can be sought."""
    _check_granted(desk)
    query = read_query(arguments.words)
    tests, parameters = _tests(arguments)
    asked = Asked(query, arguments.match, tuple(tests))
    kept = {"query": query, "negated": arguments.negated, "most": arguments.most, "match": arguments.match}
    notes = (_PASSED_OVER.format(query.passed_over),) if query.passed_over else ()
    if desk.mode == "aggregate":
        if arguments.negated != "show":
            message = "Whether words are negated is not looked at where notes are counted."
            raise BadRequest(message, "Leave out the argument negated.")
        return Plan(counting(asked), parameters, notes=(*notes, _COUNTED), kept=kept)
    rows = arguments.most * (1 if arguments.negated == "show" else _LOOKED_AT)
    sql = ranking(asked, desk.granted["note"], rows)
    return Plan(sql, {**parameters, "first": asked.first}, notes=notes, kept=kept)


_PASSED_OVER = "{} of the words are not in the index (the commonest ones, very long ones) and were passed over."
_COUNTED = "Counted are notes that hold the words, negated or not."
_INDEXED = "The grant must cover the tables note_term and note_length; a snapshot published before there was an index of notes has none."
_PROBES = (
    (
        "SELECT count(*) AS n FROM note WHERE note_text IS NOT NULL",
        "It takes a grant with the table note and the tag free_text, on a release that holds the text of notes.",
    ),
    ("SELECT count(*) AS n FROM note_term WHERE term = 'x'", _INDEXED),
    ("SELECT count(*) AS n FROM note_length", _INDEXED),
)


def _check_granted(desk: Desk) -> None:
    """That the grant shows the text of notes, and the release has its index. The judge says why not; here is said what it would take."""
    for probe, allowed in _PROBES:
        try:
            desk.judge(probe)
        except Refused as refusal:
            message = f"Notes cannot be searched under this grant. {refusal.message}"
            raise replace(refusal, message=message, allowed=allowed) from None


def _tests(arguments: Search) -> tuple[list[str], dict[str, Any]]:
    """Conditions on a note `n`, and the parameters they need."""
    tests: list[str] = []
    parameters: dict[str, Any] = {}
    kind = None if arguments.kind is None else plain(arguments.kind.strip())
    if kind is not None and kind.isascii() and kind.isdigit() and len(kind) <= _LONGEST_CONCEPT:
        tests.append(f"(n.note_type_concept_id = {int(kind)} OR n.note_class_concept_id = {int(kind)})")
    elif kind is not None:
        if not kind or not kind.isprintable():
            raise BadRequest("The kind of note is empty or holds control characters.", "Write a part of a title.")
        parameters["kind"] = kind
        tests.append("contains(lower(strip_accents(n.note_title)), $kind)")
    if arguments.since is not None:
        tests.append(f"n.note_date >= DATE '{arguments.since.isoformat()}'")
    if arguments.until is not None:
        tests.append(f"n.note_date <= DATE '{arguments.until.isoformat()}'")
    if arguments.person_id is not None:
        tests.append(f"n.person_id = {arguments.person_id}")
    return tests, parameters


# --- the answer -------------------------------------------------------------------------------------------------------


def render(plan: Plan, result: Result | None, desk: Desk) -> Answer:
    """Notes with their passages, or numbers."""
    if result is None:
        raise ValueError("a plan with SQL must come with a result")
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    counted = desk.mode == "aggregate"
    hits = [] if counted else list(_hits(rows, plan))
    found = rows[0]["found"] if rows and not counted else None if counted else 0
    notes = [*plan.notes, *result.notes, *_footnotes(result, desk), *([] if counted else _left(hits, rows, plan))]
    structured: Json = {
        "hits": hits[: plan.kept["most"]],
        "counts": [_count(row, plan) for row in sorted(rows, key=lambda row: row["place"])] if counted else [],
        "found": found,
        "truncated": result.truncated or (found or 0) > len(rows) or len(hits) > plan.kept["most"],
        "cells_hidden": result.cells_hidden,
        "advice": [{"rule": rule, "text": text} for rule, text in result.advice],
        "notes": notes,
        "snapshot": desk.snapshot,
        "release": desk.release,
        "verdict": {"allowed": True, "mode": desk.mode, "role": desk.role, "purpose": desk.purpose, "rules": []},
    }
    return Answer(structured, _text(structured))


def _hits(rows: Sequence[Json], plan: Plan) -> Iterator[Json]:
    for row in rows:
        passage = _passage(row["text"], plan)
        if passage is not None:
            yield {
                "note_id": row["note_id"], "person_id": row.get("person_id"), "date": row.get("date"), "title": row.get("title"),
                "score": row["score"], "passage": passage.text or None, "negated": passage.negated,
            }  # fmt: skip


def _passage(text: str | None, plan: Plan) -> Passage | None:
    """The passage; an empty one where the text was withheld and negation does not decide."""
    if text is None:
        return Passage("", None) if plan.kept["negated"] == "show" else None
    return best_passage(text, plan.kept["query"].wanted, plan.kept["negated"], plan.kept["match"])


def _footnotes(result: Result, desk: Desk) -> Iterator[str]:
    if result.cells_hidden:
        few = f"fewer than {desk.hide_below} persons"
        yield f"{result.cells_hidden} numbers withheld: they rest on {few}, or would let such a number be derived."
    if result.redacted:
        yield f"{result.redacted} texts withheld: they held what looks like an identifier. This is recorded as an incident."


def _left(hits: Sequence[Json], rows: Sequence[Json], plan: Plan) -> Iterator[str]:
    """What was looked at for negation, where that leaves notes unseen."""
    wanted, looked_at = plan.kept["most"], len(rows)
    if plan.kept["negated"] != "show" and rows and len(hits) < wanted and rows[0]["found"] > looked_at:
        yield f"For negation the best {looked_at} of {rows[0]['found']} notes were looked at; narrow the search to see others."


def _count(row: Json, plan: Plan) -> Json:
    wanted: Sequence[Sought] = plan.kept["query"].wanted
    told = wanted[row["place"]].shown if plan.kept["match"] == "any" else " ".join(one.shown for one in wanted)
    return {"words": told, "notes": row["notes"], "persons": row["persons"]}


def _text(structured: Json) -> str:
    lines = []
    if structured["found"] is not None:
        lines.append(f"{structured['found']} notes hold the words; {len(structured['hits'])} are shown.")
    for hit in structured["hits"]:
        told = [
            f"note {hit['note_id']}",
            f"person {hit['person_id']}",
            hit["date"],
            hit["title"],
            f"score {hit['score']}",
        ]
        said = " (negated)" if hit["negated"] else ""
        lines.append(f"{', '.join(str(one) for one in told if one is not None)}{said}: {hit['passage'] or 'withheld'}")
    for count in structured["counts"]:
        notes, persons = ("withheld" if count[one] is None else count[one] for one in ("notes", "persons"))
        lines.append(f"{count['words']}: {notes} notes of {persons} persons")
    lines += [f"Advice ({one['rule']}): {one['text']}" for one in structured["advice"]]
    return "\n".join([*lines, *(f"Note: {note}" for note in structured["notes"])]) + "\n"


TOOL = Tool(
    name="search_notes",
    title="Search notes",
    description=(
        "Find clinical notes by words, phrases and words to leave out, best first, each with the passage found and whether it is negated "
        "('denies ...'). In aggregate mode only numbers of notes and persons come back. Words are not stemmed: write fall* for falls, fallen."
    ),
    version="1",
    arguments=Search,
    output=Found,
    plan=plan,
    render=render,
)
