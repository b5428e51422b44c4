"""How easily a person is singled out in a release: k-anonymity (Sweeney 2002) and distinct l-diversity (Machanavajjhala et al. 2007).

Quasi-identifiers are the columns of `person` and of the home's `location` that carry the tag, as the release shows them.
Persons who agree in all of them are a class. The figures are asked for as SQL whose rows are numbers; `anonymity` and
`diversity` say in numbers what the rows mean. Risks are those of El Emam: somebody known to be in the data is looked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from data.catalogue.model import Catalogue, Table
from policies.releases.compile import CompiledRelease
from policies.releases.fates import fates, shown_columns
from policies.releases.proofs import made

SMALL = (2, 5, 11)
Rows = Sequence[Mapping[str, Any]]


def quasi_identifiers(release: CompiledRelease, catalogue: Catalogue) -> list[str]:
    """The quasi-identifiers a release shows of each person, as table.column; those of the home only where it can be joined."""
    found = [f"person.{name}" for name in _shown(release, catalogue["person"])]
    if all("location_id" in release.columns(name) for name in ("person", "location")):
        found += [f"location.{name}" for name in _shown(release, catalogue["location"])]
    return found


def _shown(release: CompiledRelease, table: Table) -> list[str]:
    tagged = {column.name for column in table.columns if "quasi_identifier" in column.tags}
    return [
        one.name for one in shown_columns(release, table).values() if one.name in tagged and one.fate.kind != "left out"
    ]


def prepare(release: CompiledRelease, catalogue: Catalogue) -> tuple[str, ...]:
    """rr_members: each person as the release shows it, with the number of its class."""
    if "person_id" not in release.columns("person"):
        return ()
    names = [name.replace("person.", "p.").replace("location.", "l.") for name in quasi_identifiers(release, catalogue)]
    order = f"dense_rank() OVER (ORDER BY {', '.join(names)})" if names else "1"
    home = (
        "LEFT JOIN made.main.location AS l USING (location_id)" if any(name.startswith("l.") for name in names) else ""
    )
    return (
        f"CREATE OR REPLACE TEMP TABLE rr_members AS SELECT p.person_id, {order} AS class FROM made.main.person AS p {home}",
    )


def figures(release: CompiledRelease, catalogue: Catalogue) -> dict[str, str]:
    """The questions: sizes of classes, diagnoses in each, and codes that one person alone has."""
    asked = _alone(release, catalogue)
    if "person_id" not in release.columns("person"):
        return asked
    asked["classes"] = (
        "SELECT size, count(*) AS classes FROM (SELECT count(*) AS size FROM rr_members GROUP BY class) GROUP BY 1 ORDER BY 1"
    )
    if {"person_id", "condition_concept_id"} <= set(release.columns("condition_occurrence")):
        asked["diagnoses"] = (
            "SELECT l, count(*) AS classes, sum(size)::BIGINT AS persons FROM (SELECT count(DISTINCT m.person_id) AS size, "
            "count(DISTINCT c.condition_concept_id) AS l FROM rr_members AS m LEFT JOIN made.main.condition_occurrence AS c "
            "USING (person_id) GROUP BY m.class) GROUP BY 1 ORDER BY 1"
        )
        asked["shared"] = (
            "SELECT count(DISTINCT class) AS classes FROM (SELECT m.class FROM rr_members AS m "
            "JOIN made.main.condition_occurrence AS c USING (person_id) JOIN (SELECT class, count(*) AS size FROM rr_members "
            "GROUP BY 1) AS s ON s.class = m.class WHERE s.size > 1 GROUP BY m.class, c.condition_concept_id, s.size "
            "HAVING count(DISTINCT m.person_id) = s.size)"
        )
    return asked


def _alone(release: CompiledRelease, catalogue: Catalogue) -> dict[str, str]:
    """For each code of the source that a de-identified release keeps: its distinct values, and those that one person alone has."""
    asked: dict[str, str] = {}
    if release.base not in ("deidentified", "safe_harbor"):
        return asked
    for table, column, fate, _ in fates(release, catalogue):
        if fate.kind != "kept" or not column.name.endswith("_source_value") or "clinical" not in column.tags:
            continue
        if table.unit != "person" or "person_id" not in release.columns(table.name):
            continue
        asked[f"alone {table.name}.{column.name}"] = (
            f"SELECT count(*) AS codes, count(*) FILTER (low = high) AS alone FROM (SELECT min(person_id) AS low, "
            f"max(person_id) AS high FROM {made(table.name)} WHERE {column.name} IS NOT NULL GROUP BY {column.name})"
        )
    return asked


# --- what the rows mean -----------------------------------------------------------------------------------------------


def anonymity(classes: Rows) -> dict[str, Any]:
    """k, the persons in small classes, and the risk of being picked out right; from rows of size and number of classes."""
    count = sum(row["classes"] for row in classes)
    persons = sum(row["size"] * row["classes"] for row in classes)
    smallest = min((row["size"] for row in classes), default=0)
    below = {limit: sum(row["size"] * row["classes"] for row in classes if row["size"] < limit) for limit in SMALL}
    return {
        "k": smallest, "classes": count, "persons": persons,
        "below": {str(limit): {"persons": some, "share": some / persons if persons else 0.0} for limit, some in below.items()},
        "highest_risk": 1 / smallest if smallest else 0.0, "average_risk": count / persons if persons else 0.0,
        "distribution": [{"size": row["size"], "classes": row["classes"]} for row in classes],
    }  # fmt: skip


def diversity(diagnoses: Rows, shared: Rows) -> dict[str, Any]:
    """Distinct diagnoses in a class: the fewest, the median of the classes, classes with at most one, classes of several with one in common."""
    ordered = sorted(diagnoses, key=lambda row: row["l"])
    count = sum(row["classes"] for row in ordered)
    return {
        "l": ordered[0]["l"] if ordered else 0, "median": _median(ordered, count), "classes": count,
        "at_most_one": sum(row["classes"] for row in ordered if row["l"] <= 1),
        "persons_at_most_one": sum(row["persons"] for row in ordered if row["l"] <= 1),
        "all_share_one": sum(row["classes"] for row in shared),
    }  # fmt: skip


def _median(ordered: Rows, count: int) -> float:
    """The middle one, or the mean of the two in the middle."""
    middle = [(count - 1) // 2, count // 2]
    found, seen = [], 0
    for row in ordered:
        found += [row["l"] for place in middle if seen <= place < seen + row["classes"]]
        seen += row["classes"]
    return sum(found) / len(found) if found else 0.0
