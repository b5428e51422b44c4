"""The report on a release: what became of each of the eighteen identifiers, whether its claims hold, how easily one is singled out.

`measures` is what the publisher is handed; it keeps `about` with what it found. `report` reads that again, or, of a snapshot
in which nothing was measured, says so. Both are data: the command line and the page show them.
"""

from collections.abc import Mapping
from typing import Any

from data.catalogue.model import Catalogue
from data.snapshots import Measures
from policies.releases import proofs, risk
from policies.releases.claims import CLAIMS
from policies.releases.compile import CompiledRelease
from policies.releases.fates import fates
from policies.releases.identifiers import IDENTIFIERS, letters_of
from policies.releases.judged import judged

MEASURES = "2"  # of what is measured; another one makes the next publish measure anew
Report = dict[str, Any]


def measures(release: CompiledRelease, catalogue: Catalogue) -> Measures:
    """What is to be measured of a release, with what its SQL says of it."""
    return Measures(
        about=about(release, catalogue),
        prepare=(*proofs.prepare(release, catalogue), *risk.prepare(release, catalogue)),
        checks=tuple(proofs.checks(release, catalogue)),
        figures=risk.figures(release, catalogue),
    )


def about(release: CompiledRelease, catalogue: Catalogue) -> Report:
    """What the compiled SQL says: every column with its fate, and the quasi-identifiers."""
    columns, accounted = [], set()
    for table, column, fate, parts in fates(release, catalogue):
        verdict = judged(release.base, table, column, fate, parts)
        accounted |= {(table.name, part.name) for part in parts}
        columns.append({
            "table": table.name, "column": column.name, "letters": letters_of(table, column), "tags": sorted(column.tags),
            "shown": [part.name for part in parts], "fate": fate.kind, "how": fate.how, "allowed": verdict.allowed, "why": verdict.why,
        })  # fmt: skip
    columns += [
        _unknown(name, shown) for name in catalogue for shown in release.columns(name) if (name, shown) not in accounted
    ]
    return {
        "version": MEASURES, "base": release.base, "columns": columns,
        "quasi_identifiers": risk.quasi_identifiers(release, catalogue), "unproved": proofs.unproved(release, catalogue),
    }  # fmt: skip


def _unknown(table: str, shown: str) -> Report:
    return {
        "table": table, "column": shown, "letters": "R", "tags": [], "shown": [shown], "fate": "kept", "how": "",
        "allowed": False, "why": "no column of the catalogue is known to stand behind it",
    }  # fmt: skip


def report(name: str, ground: str, told: Mapping[str, Any], found: Mapping[str, Any] | None) -> Report:
    """All that is known of a release: `told` is what `about` said of it, `found` what was measured, None where nothing was."""
    columns = told["columns"]
    held = [one for one in columns if one["shown"]]
    made: Report = {
        "release": name, "base": told["base"], "ground": ground, "measured": found is not None,
        "tables": len({one["table"] for one in held}), "columns": sum(len(one["shown"]) for one in held),
        "identifiers": [_identifier(one.letter, one.name, one.citation, columns) for one in IDENTIFIERS],
        "texts": [one for one in columns if "free_text" in one["tags"]], "fates": columns,
        "not_allowed": [one for one in columns if not one["allowed"]],
        "quasi_identifiers": told["quasi_identifiers"], "unproved": told["unproved"],
        "proofs": [], "broken": [], "k": None, "l": None, "alone": [],
    }  # fmt: skip
    if found is not None:
        made |= _found(found)
    made["failed"] = len(made["not_allowed"]) + len(made["broken"])
    return made


def _identifier(letter: str, name: str, citation: str, columns: list[Report]) -> Report:
    mine = [one for one in columns if letter in one["letters"]]
    texts = sorted({one["fate"] for one in columns if "free_text" in one["tags"]})
    held = ", ".join(texts)
    says = (
        f"free text, which can hold any: {held}" if mine else f"no column can hold it; free text, which could: {held}"
    )
    return {"letter": letter, "name": name, "citation": citation, "columns": mine, "says": says}


def _found(found: Mapping[str, Any]) -> Report:
    figures = found["figures"]
    told = [{**one, "words": CLAIMS.get(one["claim"], one["claim"])} for one in found["proofs"]]
    alone = [
        {"column": name.removeprefix("alone "), **rows[0]}
        for name, rows in sorted(figures.items())
        if name.startswith("alone ")
    ]
    return {
        "proofs": told, "broken": [one for one in told if one["broken"]], "alone": alone,
        "k": risk.anonymity(figures["classes"]) if "classes" in figures else None,
        "l": risk.diversity(figures["diagnoses"], figures["shared"]) if "diagnoses" in figures else None,
    }  # fmt: skip
