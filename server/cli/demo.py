"""Placeholder until the demo is in place."""

import typer


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
