"""The figures of a set as tables for the terminal, made to fit 80 columns."""

from collections.abc import Iterator, Mapping
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evals.redaction.figures import Figures, Rate, Row
from evals.redaction.goals import asked, goals
from evals.redaction.kinds import GROUP_OF, GROUPS, KINDS
from evals.redaction.measure import Key, Noted
from evals.redaction.run import OURS, STOCK, Result

_WORST = 25
_SHORT = {OURS: "ours", STOCK: "stock"}
_NUMBERS = {"tokens", "missed of", "recall %", "false", "precision %", "F1 %", "times", "measured"}


def show(out: Console, result: Result, with_text: bool, worst: int = _WORST) -> None:
    """Prints figures of the held-out documents by group and kind, then of all, speed, and the worst misses of the first finder."""
    out.print(f"\n[bold]{result.set.name}[/bold]: {len(result.set.documents)} documents, ", end="")
    out.print(f"{result.set.about}.", markup=False)
    for held_out in (True, False):
        if any(one.figures(held_out).row("overall").gold for one in result.runs):
            out.print(_figures(result, held_out))
    out.print(_labels(result))
    out.print(_shares(result))
    if result.not_english:
        out.print(
            f"Not in English: {result.not_english} documents. There only known identifiers and patterns are looked for with certainty."
        )
    out.print(_goals(result))
    first = result.runs[0]
    half = ", tuning half" if first.tuning.units else ""
    _places(out, f"Missed by {first.finder}{half}", first.shown.missed, with_text, worst)
    _places(out, f"Wrongly removed by {first.finder}{half}", first.shown.wrong, with_text, worst)


def rows(figures: Figures) -> Iterator[Row]:
    """Overall, then each group with its kinds, where anything was labelled or struck."""
    yield figures.row("overall")
    for group in GROUPS:
        kinds = [kind for kind in KINDS if GROUP_OF[kind] == group]
        row = figures.row(group, kinds)
        if row.gold or row.false:
            yield row
            for kind in kinds if len(kinds) > 1 else ():
                one = figures.row(f"  {kind}", [kind])
                if one.gold or one.false:
                    yield one


def percent(rate: Rate, interval: bool = True, digits: int = 1) -> str:
    """A share in percent with its interval, whose ends have so many digits; a dash where there was nothing to count."""
    if rate.value is None:
        return "-"
    if not interval or rate.low is None or rate.high is None:
        return f"{rate.value * 100:.1f}"
    return f"{rate.value * 100:.1f} ({rate.low * 100:.{digits}f}-{rate.high * 100:.{digits}f})"


def _figures(result: Result, held_out: bool) -> Table:
    title = f"{result.set.name}, {'held-out' if held_out else 'all'} documents, tokens"
    table = _table(title, "", "", "missed of", "recall %", "false", "precision %", "F1 %")
    made = [
        (_SHORT.get(one.finder, one.finder), {row.name: row for row in rows(one.figures(held_out))})
        for one in result.runs
    ]
    for name in sorted({name for _, found in made for name in found}, key=_ORDER.index):
        for number, (finder, found) in enumerate(made):
            if row := found.get(name):
                rates = (
                    percent(row.recall, digits=0),
                    str(row.false),
                    percent(row.precision, digits=0),
                    percent(row.f1, False),
                )
                first = number == 0 or name not in made[0][1]
                table.add_row(
                    name if first else "",
                    finder,
                    f"{row.gold - row.found}/{row.gold}",
                    *rates,
                    style=None if number == 0 else "dim",
                )
    return table


_ORDER = ["overall"] + [
    name for group in GROUPS for name in (group, *(f"  {kind}" for kind in KINDS if GROUP_OF[kind] == group))
]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    return table


def _labels(result: Result) -> Table:
    table = _table("By label, all documents", "label", "tokens", *(f"recall %, {one.finder}" for one in result.runs))
    made = [
        {label: (tokens, recall) for label, tokens, _, recall in one.figures(False).labels()} for one in result.runs
    ]
    for label, (tokens, _) in made[0].items():
        table.add_row(Text(label), str(tokens), *(percent(one[label][1]) for one in made))
    return table


def _shares(result: Result) -> Table:
    table = _table("Documents, words, speed", "", *(one.finder for one in result.runs))
    shares = [one.figures(False).shares() for one in result.runs]
    table.add_row("nothing missed, % of documents", *(percent(one.complete) for one in shares))
    table.add_row("nothing wrongly removed, %", *(percent(one.clean) for one in shares))
    table.add_row("ordinary words removed, %", *(percent(one.removed) for one in shares))
    table.add_row("of so many", *(f"{one.words:,}" for one in shares))
    table.add_row("one process, kB/s", *(f"{one.speed:,.0f}" for one in result.runs))
    if any(one.speed_of_two for one in result.runs):
        table.add_row(
            "two processes, kB/s", *(f"{one.speed_of_two:,.0f}" if one.speed_of_two else "-" for one in result.runs)
        )
    return table


def _goals(result: Result) -> Table:
    table = _table(f"Goals of {result.runs[0].finder}, held-out documents", "goal", "asked", "measured", "")
    for one in goals(result):
        table.add_row(
            one.what, asked(one), f"{one.value * 100:.2f} %", "met" if one.met else "[bold red]missed[/bold red]"
        )
    return table


def _places(out: Console, title: str, found: Mapping[Key, Noted], with_text: bool, worst: int) -> None:
    if not found or not worst:
        return
    table = _table(title, "kind", "times", *(("word", "around it") if with_text else ("where",)))
    for (kind, _), noted in islice(sorted(found.items(), key=lambda one: (-one[1].count, one[0])), worst):
        first = noted.places[0]
        where = f"{first.document} {first.start}-{first.stop}"
        told = (first.word, f"{where}: {first.around}") if with_text else (where,)
        table.add_row(
            kind, str(noted.count), *map(Text, told)
        )  # as Text, since a document may hold what looks like markup
    out.print(table)
    if len(found) > worst:
        out.print(f"... and {len(found) - worst} more.")
