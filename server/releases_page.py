"""The reports on a snapshot's releases, gathered from what was measured at publish, and the same as one HTML page.

The page has its plots inline: no script, nothing fetched, readable by screen readers, fit for print, dark and light.
"""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from data.catalogue.model import catalogue
from data.errors import BadRequest
from data.snapshots import Snapshot, open_current, open_snapshot, read_risk
from data.snapshots.release import definition
from policies.model import load_policy
from policies.releases import RELEASES, CompiledRelease, about, releases_of, report
from server.room import Room

Report = dict[str, Any]
BUCKETS = ((1, 1), (2, 4), (5, 10), (11, 19), (20, 49), (50, None))
_NOBODY: Report = {"base": "", "columns": [], "quasi_identifiers": [], "unproved": []}


def reports(room: Room, snapshot: str | None = None, name: str | None = None) -> list[Report]:
    """The reports on all releases of a snapshot, or on one; of the snapshot in force unless another is named."""
    root = room.snapshots_path
    opened = open_snapshot(root, snapshot) if snapshot else open_current(root)
    held = sorted(opened.manifest.releases, key=lambda one: (RELEASES.index(one) if one in RELEASES else 99, one))
    if name is not None:
        opened.release(name)  # raises where there is none
        held = [name]
    compiled = {one.name: one for one in releases_of(load_policy(room.policy_path).releases, catalogue())}
    return [_report(opened, one, compiled.get(one)) for one in held]


def _report(snapshot: Snapshot, name: str, compiled: CompiledRelease | None) -> Report:
    facts, found = snapshot.release(name), read_risk(snapshot.path, name)
    rules = "as published"
    if found is not None:
        told = found["about"]
    elif compiled is None:
        told, rules = _NOBODY, "unknown: the policy has no such release any more"
    else:
        told = about(compiled, catalogue())
        if definition(compiled, catalogue()) != facts.definition:
            rules = "as the policy is now; this snapshot was published under others"
    manifest = snapshot.manifest
    return {
        "snapshot": snapshot.id, "as_of": manifest.as_of, "created": manifest.created, "key": manifest.key_fingerprint,
        "rules": rules, **report(name, facts.ground, told, found),
    }  # fmt: skip


def summary(one: Report) -> dict[str, Any]:
    """The line of a release in the table of releases."""
    k, l_ = one["k"], one["l"]
    return {
        "release": one["release"], "ground": short_ground(one["ground"]), "tables": one["tables"], "columns": one["columns"],
        "measured": one["measured"], "k": k and k["k"], "share_below_11": k and round(k["below"]["11"]["share"], 4),
        "l": l_ and l_["l"], "failed": one["failed"],
    }  # fmt: skip


def short_ground(ground: str) -> str:
    """The first words of a ground: up to the colon, or what fits a line."""
    first = ground.partition(":")[0]
    return first if len(first) <= 70 else f"{first[:67]}..."


def by_fate(columns: list[Report], most: int = 4) -> list[Report]:
    """Columns gathered by fate, and, where they are kept, by the reason: their number and the names of the first."""
    groups: dict[tuple[str, str, str, bool], list[str]] = {}
    for one in columns:
        why = one["why"] if one["fate"] == "kept" else ""
        groups.setdefault((one["fate"], one["how"], why, one["allowed"]), []).append(f"{one['table']}.{one['column']}")
    return [
        {"fate": fate, "how": how, "why": why, "allowed": allowed, "names": names[:most], "more": max(len(names) - most, 0)}
        for (fate, how, why, allowed), names in groups.items()
    ]  # fmt: skip


def by_claim(proofs: list[Report]) -> list[Report]:
    """Proofs gathered by claim: how many columns and values were looked at, and how many break it."""
    groups: dict[str, Report] = {}
    for one in proofs:
        group = groups.setdefault(
            one["claim"], {"claim": one["claim"], "words": one["words"], "columns": 0, "checked": 0, "broken": 0}
        )
        group["columns"] += 1
        group["checked"] += one["checked"]
        group["broken"] += one["broken"]
    return list(groups.values())


def buckets(distribution: list[dict[str, int]]) -> list[Report]:
    """Persons by size of their class, in six steps, for the plot."""
    total = sum(row["size"] * row["classes"] for row in distribution) or 1
    made = []
    for low, high in BUCKETS:
        persons = sum(
            row["size"] * row["classes"] for row in distribution if low <= row["size"] <= (high or row["size"])
        )
        words = str(low) if low == high else f"{low} to {high}" if high else f"{low} or more"
        made.append({"words": words, "low": low, "persons": persons, "share": persons / total})
    return made


def page(found: list[Report]) -> str:
    """The page of some reports, as `reports` gives them."""
    if not found:
        raise BadRequest("This snapshot has no release.", "Run `readingroom publish`.")
    pages = Environment(loader=PackageLoader("server", "pages"), autoescape=True, undefined=StrictUndefined)
    pages.globals |= {"by_fate": by_fate, "by_claim": by_claim, "buckets": buckets}
    return pages.get_template("releases.html").render(
        reports=found, rows=[summary(one) for one in found], head=found[0]
    )
