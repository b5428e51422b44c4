"""Writes the reference pages that say what the code says: rules, tools, SQL, commands. `--check` fails where a page is stale.

Run as `python docs/generate.py`. The pages are committed; a test runs the check.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
REFERENCE = ROOT / "docs" / "reference"
HEAD = "<!-- Written by docs/generate.py; edit the code instead. -->\n\n"


def rules() -> str:
    """Every rule that may refuse, with its words, read from the source."""
    found: dict[str, tuple[str, str]] = {}
    for folder in ("policies", "server"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for rule, message, allowed in _refusals(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(rule, (message, allowed))
    lines = [
        "# Rules",
        "",
        "A refusal names the rule that refused. What stands in braces is filled in with the asker's own words.",
        "",
    ]
    lines += ["| rule | says | allowed instead |", "|---|---|---|"]
    lines += [f"| `{rule}` | {message} | {allowed} |" for rule, (message, allowed) in sorted(found.items())]
    return "\n".join(lines) + "\n"


def _refusals(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        named = {one.arg: one.value for one in node.keywords}
        if node.func.id == "refuse" and len(node.args) == 3 and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value), _words(node.args[1]), _words(node.args[2])
        elif node.func.id == "Refused" and isinstance(named.get("rule"), ast.Constant):
            yield str(named["rule"].value), _words(node.args[0]), _words(named.get("allowed"))  # type: ignore[attr-defined]


def _words(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{...}" for part in node.values)
    return "{...}"


def tools() -> str:
    """Every tool with its arguments."""
    from tools import TOOLS

    lines = ["# Tools", "", "What a model can ask. All of them only read.", ""]
    for tool in TOOLS.values():
        lines += [f"## {tool.name}", "", tool.description, "", "| argument | meaning |", "|---|---|"]
        for name, field in tool.arguments.model_fields.items():
            lines.append(f"| `{field.alias or name}` | {field.description or ''} |")
        lines.append("")
    return "\n".join(lines)


def sql() -> str:
    """The words of SQL that may be used."""
    from sqlglot import exp

    from policies.guard import allow

    lines = ["# SQL", "", "One SELECT in DuckDB's dialect. What is not listed here is refused.", ""]
    for name in ("SCALAR", "TEXT", "DATES", "AGGREGATES", "WINDOWS", "NESTED", "TABLES"):
        words = sorted(
            {one.sql_names()[0] if issubclass(one, exp.Func) else one.__name__ for one in getattr(allow, name)}
        )
        lines += [f"## {name.title()}", "", ", ".join(words), ""]
    lines += [
        "## Functions by name",
        "",
        ", ".join(sorted(allow.NAMED)),
        "",
        "## Left out, and why",
        "",
        *(f"- {name.lower()}: {why}" for name, why in sorted(allow.LEFT_OUT.items())),
        "",
        "## Types of casts",
        "",
        ", ".join(sorted(allow.TYPES)),
        "",
    ]
    lines += [
        "In aggregate mode `string_agg`, `list`, `mode`, `any_value`, `arg_max` and their like are refused: they show values of persons.",
        "",
    ]
    return "\n".join(lines)


def tables() -> str:
    """The catalogue."""
    from data.catalogue.model import catalogue

    lines = [
        "# Tables",
        "",
        "OMOP CDM v5.4, the imaging extension and the operations schema, with the tags that policies speak of.",
        "",
    ]
    for table in catalogue().values():
        lines += [f"## {table.name}", "", table.meaning, "", "| column | type | tags |", "|---|---|---|"]
        lines += [f"| {column.name} | {column.type} | {', '.join(sorted(column.tags))} |" for column in table.columns]
        lines.append("")
    return "\n".join(lines)


def policy_schema() -> str:
    """The JSON Schema of policy.yaml, for editors."""
    from policies.model import schema_text

    return schema_text()


def advice() -> str:
    """The rules of advice."""
    from policies.advice import ADVICE

    lines = [
        "# Advice",
        "",
        "What may be wrong with a question although it is allowed: told beside the answer and by `explain_policy`, never a reason to refuse.",
        "",
        "| rule | told of |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| `{name}` | {rule.__doc__} |" for name, rule in ADVICE.items())]) + "\n"


def commands() -> str:
    """The command line, as `--help` tells it."""
    from typer.main import get_group

    from server.cli import app

    group = get_group(app)
    lines = ["# Commands", "", f"{group.help} {group.epilog}", ""]
    for name in group.list_commands(None):
        lines += _command(f"readingroom {name}", group.get_command(None, name))
    return "\n".join(lines)


def _command(name: str, command: Any) -> Iterator[str]:
    yield from (f"## {name}", "", _flowing(command.help), "")
    parts = getattr(command, "commands", {})
    options = [one for one in command.params if one.name != "help" and not one.hidden]
    if options:
        yield from ("| option | meaning |", "|---|---|")
        yield from (f"| `{_written(one)}` | {_flowing(one.help).replace('|', chr(92) + '|')} |" for one in options)
        yield ""
    for part, below in parts.items():
        yield from _command(f"{name} {part}", below)


def _written(option: Any) -> str:
    if option.param_type_name == "argument":
        return str(option.name).upper()
    return " / ".join([*option.opts, *option.secondary_opts])


def _flowing(text: str | None) -> str:
    return " ".join((text or "").split())


PAGES = {
    "commands.md": commands,
    "rules.md": rules,
    "advice.md": advice,
    "tools.md": tools,
    "sql.md": sql,
    "tables.md": tables,
    "policy.schema.json": policy_schema,
}


def main() -> int:
    """Writes or checks the pages; 1 where one is stale."""
    stale = []
    for name, make in PAGES.items():
        path, text = REFERENCE / name, (HEAD if name.endswith(".md") else "") + make()
        if "--check" in sys.argv:
            stale += [name] if not path.exists() or path.read_text(encoding="utf-8") != text else []
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
