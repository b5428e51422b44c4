"""The rules in the order in which a question meets them, and a verdict told rule by rule."""

from dataclasses import dataclass
from typing import Literal

from data.catalogue.model import catalogue
from data.errors import ReadingRoomError, Refused
from policies.decide import Judge
from policies.model import Grant, Policy
from policies.verdict import Judged
from policies.workbench.questions import Question, holds


@dataclass(frozen=True)
class Wall:
    """One of the walls before the data: what it makes sure of, and the rules by which it refuses."""

    name: str
    sees_to: str
    rules: tuple[str, ...]


WALLS: tuple[Wall, ...] = (
    Wall("grant", "role and purpose are granted, now", ("default-deny", "grant-expired", "break-glass", "sandbox-required")),
    Wall("asker", "what the grant's row filters need to know of the asker is said", ("row-filter",)),
    Wall("text", "the text is short and plain", ("plain-text", "size", "reserved-name", "bad_request")),
    Wall("statement", "it is one SELECT", ("one-statement", "select-only")),
    Wall("words", "every word, function, clause and type is a listed one",
         ("word-not-listed", "function-not-listed", "volatile-function", "clause-not-listed", "type-not-listed", "pattern", "pivot",
          "own-rows", "recursion", "may-fail")),
    Wall("tables", "every table is held by the release and granted",
         ("name-shadows-table", "unknown-table", "table-not-in-release", "table-not-granted")),
    Wall("columns", "every column is held by the release and granted", ("column-not-in-release", "column-not-granted", "not-understood")),
    Wall("cost", "tables are not multiplied with one another", ("cost",)),
    Wall("persons", "what comes out is about groups, and each row on the way is about one person",
         ("aggregate-only", "aggregate-argument", "not-grouped", "join-on-person", "key-compared", "window-per-person", "limit-per-person",
          "subquery-on-person", "linked-table", "grouping-sets", "extreme")),
    Wall("earlier", "beside what was answered before, the answer tells of no small group, and the budget has room", ("budget", "overlap")),
)  # fmt: skip
State = Literal["held", "refused", "not reached", "when asked"]


@dataclass(frozen=True)
class Passed:
    """How a question fared at one wall."""

    wall: Wall
    state: State
    rule: str = ""
    message: str = ""
    instead: str = ""


@dataclass(frozen=True)
class Explained:
    """Why a question is allowed or not under one grant; `judged` is there where it is allowed."""

    walls: tuple[Passed, ...]
    grant: Grant | None
    judged: Judged | None
    columns: tuple[tuple[str, str], ...] = ()  # (table.column, its tags), all of which are granted

    @property
    def allowed(self) -> bool:
        """Whether nothing refuses before it is run."""
        return self.judged is not None


def explained(judge: Judge, question: Question) -> Explained:
    """The question held against each wall in turn. Runs nothing; what only shows when asked is said to."""
    grant: Grant | None = None
    try:
        grant = judge.grant(question.role, question.purpose, break_glass=question.break_glass)
        held = holds(judge.policy, grant.release)
        judged = judge.judge(question.sql, grant, held, "no snapshot", attributes=question.attributes)
    except ReadingRoomError as error:
        return Explained(tuple(_up_to(error)), grant, None)
    walls = [Passed(wall, "when asked" if wall.name in ("cost", "earlier") else "held") for wall in WALLS]
    if grant.mode == "record":
        walls = [one for one in walls if one.wall.name != "persons"]
    return Explained(tuple(walls), grant, judged, tuple(_columns(judged)))


def _up_to(error: ReadingRoomError) -> list[Passed]:
    rule = error.rule if isinstance(error, Refused) else error.code
    place = next((number for number, wall in enumerate(WALLS) if rule in wall.rules), len(WALLS))
    instead = getattr(error, "allowed", "") or error.advice
    return [
        Passed(wall, "refused", rule, error.message, instead)
        if number == place
        else Passed(wall, "not reached" if number > place else "when asked" if wall.name == "cost" else "held")
        for number, wall in enumerate(WALLS)
    ]


def _columns(judged: Judged) -> list[tuple[str, str]]:
    told = []
    for table, name in judged.facts.columns:
        entry = catalogue()[table]
        known = {column.name: column for column in entry.columns}
        column = known.get(name) or known.get(name.removesuffix("_year")) or known.get(name.removesuffix("_offset"))
        told.append((f"{table}.{name}", ", ".join(sorted(column.tags)) if column else ""))
    return told


def grant_words(policy: Policy, grant: Grant) -> tuple[str, ...]:
    """What a grant means for who asks, one sentence each; the tables are left to `describe_data`."""
    words = [f"At most {grant.bounds.rows} rows and {grant.bounds.seconds:g} seconds a call."]
    if grant.mode == "aggregate":
        words += _aggregate_words(policy, grant)
    words += [f"Only {policy.row_filters[name].meaning} are seen (filter {name})." if policy.row_filters[name].keep
              else f"Not seen are {policy.row_filters[name].meaning} (filter {name})." for name in grant.rows]  # fmt: skip
    limits = {name.replace("_per_", " a "): value for name, value in grant.budget.model_dump().items() if value}
    if limits:
        words.append("Budget: " + ", ".join(f"{value} {name}" for name, value in limits.items()) + ".")
    if grant.valid_until:
        words.append(f"The grant ends after {grant.valid_until}.")
    if grant.break_glass:
        words.append("This is an emergency grant: the reason is recorded and every call raises an alert.")
    return tuple(words)


def _aggregate_words(policy: Policy, grant: Grant) -> list[str]:
    threshold = policy.threshold(grant)
    words = [
        f"Only aggregates; a cell resting on 1 to {threshold.hide_below - 1} persons is withheld, and derivable ones with it.",
        "Tables about persons are joined on person_id; keys are not compared with values.",
    ]
    if threshold.round_to:
        words.append(f"Counts are rounded to multiples of {threshold.round_to}.")
    if threshold.extremes == "hide":
        words.append("No minimum and maximum; percentiles from 5 to 95 only.")
    if grant.overlap != "none":
        whose = "you were" if grant.overlap == "principal" else f"anybody in the role {grant.role} was"
        words.append(f"What {whose} answered before counts: two answers must not differ by a few persons.")
    return words
