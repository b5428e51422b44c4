"""Plots as SVG for pages: drawn here, without script or style of their own (the page's style sheet colours their classes).

Each carries its content in words (`aria-label`), and the page has the same numbers as a table.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 960, 200
NARROW = 560  # of lying bars, which stand two beside each other
_LEFT, _BOTTOM = 48, 24
STATUSES = ("answered", "refused", "out_of_bounds", "failed")


def stacked(bars: Sequence[tuple[str, Mapping[str, int]]], parts: Sequence[str], words: str) -> Markup:
    """Upright bars, each of parts on top of each other; every label that fits stands below. `words` says what it shows."""
    most = max((sum(counts.values()) for _, counts in bars), default=0) or 1
    top = _rounded_up(most)
    step = (WIDTH - _LEFT) / max(len(bars), 1)
    height = HEIGHT - _BOTTOM - 8
    drawn = [_line(HEIGHT - _BOTTOM, "0"), _line(8 + height / 2, _figure(top / 2)), _line(8, _figure(top))]
    every = max(1, -(-len(bars) // 8))
    for place, (label, counts) in enumerate(bars):
        x, y = _LEFT + place * step, float(HEIGHT - _BOTTOM)
        for part in parts:
            tall = counts.get(part, 0) / top * height
            y -= tall
            if tall:
                title = Markup("<title>{}: {} {}</title>").format(label, counts[part], part.replace("_", " "))
                drawn.append(_rect(x + step * 0.1, y, step * 0.8, tall, part, title))
        if place % every == 0:
            drawn.append(_text(x + step / 2, HEIGHT - 6, label[-8:].replace("T", " "), "middle"))
    return _svg(WIDTH, HEIGHT, words, drawn)


def across(rows: Sequence[tuple[str, float, str]], words: str, kind: str = "answered") -> Markup:
    """Lying bars: (name, value, the value in words), each below the other."""
    most = max((value for _, value, _ in rows), default=0) or 1
    drawn = []
    for place, (name, value, told) in enumerate(rows):
        y, long = place * 26, value / most * (NARROW - 320)
        drawn.append(_text(200, y + 17, name if len(name) < 30 else f"{name[:28]}\u2026", "end"))
        drawn.append(_rect(210, y + 4, max(long, 1), 18, kind, Markup("<title>{}: {}</title>").format(name, told)))
        drawn.append(_text(216 + long, y + 17, told, "start"))
    return _svg(NARROW, 26 * len(rows) + 4, words, drawn)


def strip(parts: Sequence[tuple[str, int]], words: str) -> Markup:
    """One lying bar of parts after each other, in shades by turn; parts too narrow for their name have it in the title alone."""
    whole = sum(value for _, value in parts) or 1
    drawn, x = [], 0.0
    for place, (name, value) in enumerate(parts):
        wide = value / whole * WIDTH
        drawn.append(_rect(x, 2, wide, 26, f"shade{place % 4}", Markup("<title>{}: {}</title>").format(name, value)))
        if wide > 9 * len(name):
            drawn.append(_text(x + wide / 2, 46, name, "middle"))
        x += wide
    return _svg(WIDTH, 52, words, drawn)


def _svg(width: float, height: float, words: str, drawn: Sequence[Markup]) -> Markup:
    head = Markup('<svg width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">').format(
        width, height, words
    )
    return head + Markup("").join(drawn) + Markup("</svg>")


def _rect(x: float, y: float, wide: float, tall: float, kind: str, title: Markup) -> Markup:
    place = tuple(f"{number:.1f}" for number in (x, y, wide, tall))
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}">{}</rect>').format(*place, kind, title)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(f"{x:.1f}", f"{y:.1f}", anchor, escape(text))


def _line(y: float, label: str) -> Markup:
    line = Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" class="axis"></line>').format(
        _LEFT, WIDTH, f"{y:.1f}", f"{y:.1f}"
    )
    return line + _text(_LEFT - 6, y + 4, label, "end")


def _rounded_up(most: int) -> int:
    """The least of 2, 5, 10, 20, 50 ... that is not below."""
    size = 1
    while True:
        for step in (2, 5, 10):
            if step * size >= most:
                return step * size
        size *= 10


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
