"""Results as JSON: the same order and names every time, so that two runs can be compared line by line."""

from collections.abc import Mapping, Sequence
from typing import Any

from evals.redaction.figures import Figures, Rate, Shares
from evals.redaction.goals import goals
from evals.redaction.measure import Key, Noted
from evals.redaction.run import Result, Run
from evals.redaction.show import rows

_WORST = 100


def machine(results: Sequence[Result], strict: bool, with_text: bool) -> dict[str, Any]:
    """All results. Without text no word of the documents is in it, only where words stand."""
    sets = [_set(one, with_text) for one in results]
    return {
        "counted": "as labelled" if strict else "as HIPAA asks",
        "intervals": "95%, percentile bootstrap over units of alike documents; wilson where said",
        "sets": sets,
        "met": all(goal["met"] for one in sets for goal in one["goals"]),
    }


def _set(result: Result, with_text: bool) -> dict[str, Any]:
    return {
        "name": result.set.name,
        "about": result.set.about,
        "documents": len(result.set.documents),
        "not_english": result.not_english,
        "finders": [_run(one, with_text) for one in result.runs],
        "goals": [
            {"what": one.what, "value": _rounded(one.value), "bound": one.bound, "met": one.met}
            for one in goals(result)
        ],
    }


def _run(run: Run, with_text: bool) -> dict[str, Any]:
    return {
        "finder": run.finder,
        "kilobytes_per_second": round(run.speed, 1),
        "kilobytes_per_second_of_two": round(run.speed_of_two, 1) or None,
        "held_out": _figures(run.figures(held_out=True)),
        "all": _figures(run.figures(held_out=False)),
        "missed": _noted(run.shown.missed, with_text),
        "wrongly_removed": _noted(run.shown.wrong, with_text),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "figures": [
            {
                "name": row.name.strip(), "tokens": row.gold, "found": row.found, "false": row.false,
                "recall": _rate(row.recall), "precision": _rate(row.precision), "f1": _rate(row.f1),
                "spans": {"labelled": row.spans, "whole": row.whole, "partly": row.partly},
            }
            for row in rows(figures)
        ],
        "labels": [
            {"label": label, "tokens": tokens, "found": found, "recall": _rate(recall)} for label, tokens, found, recall in figures.labels()
        ],
        "shares": _shares(figures.shares()),
    }  # fmt: skip


def _shares(shares: Shares) -> dict[str, Any]:
    return {
        "documents": shares.documents,
        "nothing_missed": _rate(shares.complete),
        "nothing_wrongly_removed": _rate(shares.clean),
        "ordinary_words": shares.words,
        "ordinary_words_removed": _rate(shares.removed),
    }


def _noted(noted: Mapping[Key, Noted], with_text: bool) -> list[dict[str, Any]]:
    told = []
    for (kind, _), one in sorted(noted.items(), key=lambda one: (-one[1].count, one[0]))[:_WORST]:
        places = [
            {"document": place.document, "start": place.start, "stop": place.stop}
            | ({"around": place.around} if with_text else {})
            for place in one.places
        ]
        told.append(
            {"kind": kind}
            | ({"word": one.places[0].word} if with_text else {})
            | {"count": one.count, "places": places}
        )
    return told


def _rate(rate: Rate) -> dict[str, Any] | None:
    if rate.value is None:
        return None
    return {"value": _rounded(rate.value), "low": _rounded(rate.low), "high": _rounded(rate.high), "interval": rate.how}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
