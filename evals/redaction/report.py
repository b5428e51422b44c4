"""The report of an evaluation: Markdown and HTML for people, JSON for machines, a picture beside. No word of the texts is in any of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from evals.redaction.figures import Rate, Row
from evals.redaction.goals import Goal, asked, goals
from evals.redaction.kinds import GROUPS
from evals.redaction.machine import machine
from evals.redaction.measure import Key, Noted, Place
from evals.redaction.run import Result
from evals.redaction.show import percent, rows

_WIDE, _LEFT, _HIGH = 460, 190, 16  # pixels of a full bar, of the words before it, and of a bar with its gap


@dataclass(frozen=True)
class Bar:
    """One bar of the picture, in pixels: its words, where it stands, how long it is, and its interval."""

    words: str
    top: int
    long: float
    low: float
    high: float
    first: bool
    told: str


def write_report(directory: Path, results: Sequence[Result], strict: bool) -> list[Path]:
    """Writes redaction.md, .html and .json, and a picture for each set; gives their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    sets = [_set(one) for one in results]
    loader = PackageLoader("evals.redaction", "pages")
    pages = Environment(
        loader=loader, autoescape=select_autoescape(("html.j2", "svg.j2")), undefined=StrictUndefined, trim_blocks=True
    )
    texts = {
        name: pages.get_template(f"{name}.j2").render(sets=sets, strict=strict)
        for name in ("redaction.md", "redaction.html")
    }
    picture = pages.get_template("bars.svg.j2")
    texts |= {f"redaction-{one['name']}.svg": picture.render(one=one) for one in sets}
    texts["redaction.json"] = json.dumps(machine(results, strict, with_text=False), indent=1, ensure_ascii=False) + "\n"
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in texts]


def _set(result: Result) -> dict[str, object]:
    made = []
    for held_out, title in ((True, "Held-out documents"), (False, "All documents")):
        by_finder = [(run.finder, list(rows(run.figures(held_out)))) for run in result.runs]
        made.append({"title": title, "lines": [_line(finder, row) for finder, found in by_finder for row in found]})
    shares = [(run.finder, run.figures(False).shares(), run) for run in result.runs]
    bars = _bars(result)
    return {
        "name": result.set.name,
        "about": result.set.about,
        "documents": len(result.set.documents),
        "not_english": result.not_english,
        "tables": made,
        "shares": [
            {
                "finder": finder, "complete": percent(share.complete), "clean": percent(share.clean), "removed": percent(share.removed),
                "words": f"{share.words:,}", "speed": f"{run.speed:,.0f}", "two": f"{run.speed_of_two:,.0f}" if run.speed_of_two else "-",
            }
            for finder, share, run in shares
        ],
        "goals": [_goal(one) for one in goals(result)],
        "missed": [_place(kind, noted.count, noted.places[0]) for (kind, _), noted in _first(result)],
        "bars": bars,
        "high": (bars[-1].top if bars else 0) + 2 * _HIGH,
        "left": _LEFT,
        "wide": _WIDE,
    }  # fmt: skip


def _first(result: Result, most: int = 25) -> list[tuple[Key, Noted]]:
    """The words missed most often, which the report names by place alone."""
    return sorted(result.runs[0].shown.missed.items(), key=lambda one: (-one[1].count, one[0]))[:most]


def _place(kind: str, count: int, place: Place) -> dict[str, object]:
    return {"kind": kind, "count": count, "document": place.document, "start": place.start, "stop": place.stop}


def _line(finder: str, row: Row) -> dict[str, object]:
    return {
        "name": row.name.strip(), "group": not row.name.startswith(" "), "finder": finder, "tokens": row.gold, "missed": row.gold - row.found,
        "false": row.false, "recall": percent(row.recall), "precision": percent(row.precision), "f1": percent(row.f1),
        "spans": f"{row.whole} of {row.spans}", "partly": row.partly,
    }  # fmt: skip


def _goal(goal: Goal) -> dict[str, object]:
    return {"what": goal.what, "value": f"{goal.value * 100:.2f} %", "bound": asked(goal), "met": goal.met}


def _bars(result: Result) -> list[Bar]:
    """Recall and precision of each group, a bar for each finder, with intervals."""
    found = [(run.finder, {row.name: row for row in rows(run.counting)}) for run in result.runs]
    bars: list[Bar] = []
    top = _HIGH
    for group in ("overall", *GROUPS[:-1]):
        if not found[0][1].get(group):
            continue
        for what in ("recall", "precision"):
            for number, (finder, by_name) in enumerate(found):
                rate: Rate = getattr(by_name[group], what) if group in by_name else Rate(None)
                words = f"{group}, {what}" if number == 0 else ""
                value, low, high = (_WIDE * (one or 0.0) for one in (rate.value, rate.low, rate.high))
                told = f"{finder}, {group}, {what}: {percent(rate)} %"
                bars.append(Bar(words, top, round(value, 1), round(low, 1), round(high, 1), number == 0, told))
                top += _HIGH
        top += _HIGH // 2
    return bars
