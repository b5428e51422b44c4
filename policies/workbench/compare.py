"""What a changed policy changes: columns a grant gains or loses, and questions whose verdict is another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data.catalogue.model import catalogue
from policies.decide import Judge
from policies.model import Grant, Policy, granted_schema
from policies.workbench.questions import Question, Verdict, holds, verdict


@dataclass(frozen=True)
class GrantChange:
    """A grant that came, went, or changed. `gained` and `lost` are columns, `terms` other words of the grant that differ."""

    grant: str
    what: str
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerdictChange:
    """A question that gets another verdict. `opens`: what was refused is allowed."""

    question: Question
    before: Verdict
    after: Verdict

    @property
    def opens(self) -> bool:
        """Whether the change lets something through."""
        return self.after.allowed and not self.before.allowed


def grants_changed(old: Policy, new: Policy) -> Iterator[GrantChange]:
    """By grant, in the order of the new policy, then those that went."""
    before = {_name(grant): (grant, _columns(old, grant)) for grant in old.grants}
    after = {_name(grant): (grant, _columns(new, grant)) for grant in new.grants}
    for name, (grant, columns) in after.items():
        if name not in before:
            yield GrantChange(name, "new", tuple(sorted(columns)))
            continue
        was, had = before[name]
        terms = [
            f"{term}: {_term(old, was, term)} -> {_term(new, grant, term)}"
            for term in _TERMS
            if _term(old, was, term) != _term(new, grant, term)
        ]
        if terms or columns != had:
            yield GrantChange(name, "changed", tuple(sorted(columns - had)), tuple(sorted(had - columns)), tuple(terms))
    for name in before.keys() - after.keys():
        yield GrantChange(name, "gone", lost=tuple(sorted(before[name][1])))


def verdicts_changed(old: Policy, new: Policy, questions: Iterable[Question]) -> Iterator[VerdictChange]:
    """Those of the questions that the new policy answers otherwise: allowed, refused, by another rule or with other obligations."""
    before, after = Judge(old), Judge(new)
    for question in questions:
        was, becomes = verdict(before, question), verdict(after, question)
        if (was.allowed, was.rule, was.obligations) != (becomes.allowed, becomes.rule, becomes.obligations):
            yield VerdictChange(question, was, becomes)


_TERMS = ("release", "mode", "threshold", "rows", "overlap", "bounds", "budget", "valid_from", "valid_until",
          "calls_per_hour_alert")  # fmt: skip


def _name(grant: Grant) -> str:
    return f"{grant.role} for {grant.purpose}{' (break-glass)' if grant.break_glass else ''}"


def _term(policy: Policy, grant: Grant, term: str) -> str:
    value = getattr(grant, term)
    if term == "release" and value in policy.releases:
        value = f"{value} {policy.releases[value].model_dump()}"
    elif term == "threshold":
        value = policy.threshold(grant).model_dump()
    elif term == "rows":
        value = {name: policy.row_filters[name].keep or f"not {policy.row_filters[name].drop}" for name in value}
    elif hasattr(value, "model_dump"):
        value = value.model_dump()
    return str(value)


def _columns(policy: Policy, grant: Grant) -> set[str]:
    seen = granted_schema(grant, holds(policy, grant.release), catalogue())
    return {f"{table}.{column}" for table, columns in seen.items() for column in columns}
