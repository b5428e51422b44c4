"""The rules of advice, in the order in which they are told. A rule gives one sentence: what may be wrong, and what to write instead."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from policies.advice import counting, time
from policies.advice.view import Base, Held, View, written

Rule = Callable[[View], str | None]

# The column that says what happened, by event table, and its OMOP domain.
WHAT: dict[str, tuple[str, str]] = {
    "condition_occurrence": ("condition_concept_id", "Condition"),
    "condition_era": ("condition_concept_id", "Condition"),
    "drug_exposure": ("drug_concept_id", "Drug"),
    "drug_era": ("drug_concept_id", "Drug"),
    "procedure_occurrence": ("procedure_concept_id", "Procedure"),
    "measurement": ("measurement_concept_id", "Measurement"),
    "observation": ("observation_concept_id", "Observation"),
    "visit_occurrence": ("visit_concept_id", "Visit"),
}
_HIERARCHIES = ("Condition", "Drug", "Procedure")  # where a concept commonly has others below it
_DOMAINS: dict[Base, str] = {(table, column): domain for table, (column, domain) in WHAT.items()}


def source_mixed(view: View) -> str | None:
    """A source's own code set equal to a standard concept."""
    for left, right in view.equal:
        kinds = {_kind(left), _kind(right)}
        if kinds == {"source", "standard"}:
            source, standard = (left, right) if _kind(left) == "source" else (right, left)
            return f"{source[1]} is the source's own code and {standard[1]} a standard concept: they do not meet."
    for one in view.held:
        text = any(isinstance(other, exp.Literal) and other.is_string for other in one.other)
        if _kind(one.base) == "standard" and text:
            return f"{one.base[1]} is a number of the concept table; codes as sources write them are in the _source_value column."
    return None


def descendants(view: View) -> str | None:
    """Given concepts only, without those below them."""
    if "concept_ancestor" in view.tables:
        return None
    for one in view.held:
        if _DOMAINS.get(one.base) in _HIERARCHIES and isinstance(one.node, exp.EQ | exp.In) and _given(one):
            return (
                f"{one.base[1]} is held against the given concepts only, without those below them. To take them in: "
                f"{one.base[1]} IN (SELECT descendant_concept_id FROM concept_ancestor WHERE ancestor_concept_id = ...)."
            )
    return None


def wrong_domain(view: View) -> str | None:
    """A concept of one domain looked for in another's table."""
    asked = {
        other.name.lower()
        for one in view.held
        if one.base == ("concept", "domain_id")
        for other in one.other
        if isinstance(other, exp.Literal)
    }
    for left, right in view.equal:
        pair = (left, right) if right == ("concept", "concept_id") else (right, left)
        if pair[1] != ("concept", "concept_id"):
            domains = {_DOMAINS.get(left), _DOMAINS.get(right)} - {None}
            if len(domains) == 2:
                return f"{left[1]} and {right[1]} are of different domains: no concept is in both."
            continue
        domain = _DOMAINS.get(pair[0])
        if domain and asked and domain.lower() not in asked:
            return (
                f"{pair[0][0]} holds the domain {domain}; concepts of {', '.join(sorted(asked))} are in another table."
            )
    return None


def concept_by_name(view: View) -> str | None:
    """A concept looked up by its name."""
    if any(one.base == ("concept", "concept_name") and written(one.other) for one in view.held):
        return "Concepts are looked up by name, which misses synonyms and takes in others: use concept_id, or concept_code with vocabulary_id."
    return None


def code_without_vocabulary(view: View) -> str | None:
    """A code that several vocabularies may hold."""
    if (
        any(one.base == ("concept", "concept_code") for one in view.held)
        and ("concept", "vocabulary_id") not in view.used
    ):
        return "The same concept_code stands in several vocabularies: add vocabulary_id = '...'."
    return None


def not_only_standard(view: View) -> str | None:
    """Concepts searched for without saying that they must be standard ones."""
    searched = {"concept_name", "concept_code", "domain_id", "vocabulary_id", "concept_class_id"}
    events = view.tables & set(WHAT)
    found = any(one.base[0] == "concept" and one.base[1] in searched for one in view.held)
    if events and found and ("concept", "standard_concept") not in view.used:
        return "The concepts found may not be standard ones, which alone stand in the _concept_id columns: add standard_concept = 'S'."
    return None


def unmapped(view: View) -> str | None:
    """Records without a mapped concept counted as if 0 were one."""
    limited = {one.base for one in view.held if written(one.other)} | {one.base for one in _by_lookup(view)}
    if groups := sorted(base for base in view.grouped & set(_DOMAINS) if base not in limited):
        return f"Among the groups, {groups[0][1]} = 0 are the records whose code is not mapped to a concept, of whatever kind."
    return None


def ancestor_turned_round(view: View) -> str | None:
    """Ancestor and descendant confused."""
    for left, right in view.equal:
        pair = {left, right}
        event = next((one for one in pair if one in _DOMAINS), None)
        if event and ("concept_ancestor", "ancestor_concept_id") in pair:
            return (
                f"{event[1]} meets ancestor_concept_id: records are of the descendants, so join descendant_concept_id."
            )
    return None


def keys_of_different_things(view: View) -> str | None:
    """A join of keys that are of different things."""
    for left, right in view.equal:
        names = {_thing(left[1]), _thing(right[1])}
        keys = all(name.endswith("_id") and not name.endswith(("concept_id", "event_id")) for name in names)
        if len(names) == 2 and keys and left[0] != right[0]:
            return f"{left[0]}.{left[1]} and {right[0]}.{right[1]} are keys of different things."
    return None


def null_compared(view: View) -> str | None:
    """Compared with NULL, which is never true."""
    for node in view.nodes(exp.EQ, exp.NEQ):
        if isinstance(node.this, exp.Null) or isinstance(node.expression, exp.Null):
            return "A comparison with NULL is never true: write IS NULL or IS NOT NULL."
    return None


def left_join_undone(view: View) -> str | None:
    """A condition on the outer side of a LEFT JOIN, in WHERE."""
    for select, _ in view.selects():
        outer = {
            join.alias_or_name
            for join in select.args.get("joins") or []
            if str(join.args.get("side")).upper() == "LEFT"
        }
        for test in view.where(select):
            columns = list(test.find_all(exp.Column))
            tolerant = test.find(exp.Is, exp.Coalesce, exp.Or, exp.Case, exp.Subquery, exp.NullSafeEQ)
            if columns and tolerant is None and {column.table for column in columns} <= outer:
                return f"WHERE asks something of {columns[0].table}, which undoes the LEFT JOIN: put it into ON."
    return None


ADVICE: dict[str, Rule] = {
    "source-and-standard": source_mixed,
    "descendants-left-out": descendants,
    "wrong-domain": wrong_domain,
    "concept-by-name": concept_by_name,
    "code-without-vocabulary": code_without_vocabulary,
    "not-only-standard": not_only_standard,
    "unmapped-as-concept": unmapped,
    "ancestor-turned-round": ancestor_turned_round,
    "keys-of-different-things": keys_of_different_things,
    "outside-observation": time.outside_observation,
    "empty-range": time.empty_range,
    "future-date": time.future,
    "units-mixed": counting.units_mixed,
    "measurements-mixed": counting.measurements_mixed,
    "events-for-persons": counting.events_for_persons,
    "rows-multiplied": counting.rows_multiplied,
    "null-compared": null_compared,
    "left-join-undone": left_join_undone,
}


def advise(tree: exp.Query, scopes: Sequence[Scope], day: date | None = None) -> tuple[tuple[str, str], ...]:
    """(rule, sentence) of all that may be wrong with a question; `scopes` are its own.

    `day`: the snapshot's, after which nothing can have happened.
    """
    view = View(tree, scopes, day)
    return tuple((name, text) for name, rule in ADVICE.items() if (text := rule(view)) is not None)


def _kind(base: Base) -> str:
    table, name = base
    if table in WHAT and name.endswith(("_source_value", "_source_concept_id")):
        return "source"
    return "standard" if base in _DOMAINS else ""


def _given(one: Held) -> bool:
    return written(one.other) and not any(other.name == "0" for other in one.other)


def _by_lookup(view: View) -> Iterator[Held]:
    """Columns limited by a subquery or met with a concept that is searched for."""
    for node in view.nodes(exp.In):
        if node.args.get("query") is not None and (base := view.base(node.this)) is not None:
            yield Held(base, node, ())
    if any(one.base[0] in ("concept", "concept_ancestor") and written(one.other) for one in view.held):
        for left, right in view.equal:
            for base, other in ((left, right), (right, left)):
                if other[0] in ("concept", "concept_ancestor"):
                    yield Held(base, view.tree, ())


def _thing(name: str) -> str:
    return name.removeprefix("preceding_")
