"""Commands of the evals: `readingroom eval run SUITE`. Joins the command line by entry point."""

import typer

app = typer.Typer(help="Run evaluation suites against a server, as an MCP client.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Evaluation suites."""
