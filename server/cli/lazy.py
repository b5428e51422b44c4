"""Commands whose files are read when they are called for: a command starts without what the others need."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

Adds = Callable[[typer.Typer], None]


def lazy_group(parts: Mapping[str, Callable[[], Adds]]) -> type[TyperGroup]:
    """A group with those commands, in that order. Each names what loads its file, and gives what adds its commands to an application."""
    made: dict[str, Any] = {}

    def load(name: str) -> None:
        if name in made:
            return
        part = typer.Typer(rich_markup_mode=None, add_completion=False)
        part.callback()(lambda: None)  # so that it is a group, however few commands it has
        parts[name]()(part)
        made.update(get_group(part).commands)

    class Lazy(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(parts)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name in parts:
                load(cmd_name)
            else:
                self.commands = cast("Any", dict.fromkeys(parts))  # in which near names are looked for
            return made.get(cmd_name)

    return Lazy
