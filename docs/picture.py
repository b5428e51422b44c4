"""Draws docs/images/demo.svg: the session of the demo as the terminal shows it. Run as `python docs/picture.py ROOM` on a filled room."""

import sys
from pathlib import Path

import anyio
from rich.console import Console

from server.cli import demo, show

ROOM = Path(sys.argv[1])
console = Console(record=True, width=100, highlight=False, file=Path("/dev/null").open("w", encoding="utf-8"))
demo.out = console
demo.show_rows = lambda answer: show.show_rows(answer, console)  # type: ignore[assignment]
session = anyio.run(demo._session, ROOM.resolve())
demo._replayed(demo.open_room(ROOM), session)
target = Path(__file__).parent / "images" / "demo.svg"
console.save_svg(str(target), title="make demo")
text = target.read_text(encoding="utf-8")
start = text.index("@font-face")  # fonts named there would be fetched from the network
target.write_text(
    text[:start]
    + text[text.rindex("}", start, text.index(".terminal", start) if ".terminal" in text[start:] else None) + 1 :],
    encoding="utf-8",
)
