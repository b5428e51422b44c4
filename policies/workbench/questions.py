"""Questions to try a policy on, and the verdict of each. A corpus is a folder of SQL files, or one such file.

Blocks of a file are separated by an empty line; a block may begin with comments `-- role: ROLE`, `-- purpose: PURPOSE`, `-- rule: RULE`
(the refusal it must get) and `-- why: WORDS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.catalogue.model import Catalogue, catalogue
from data.errors import BadRequest, ReadingRoomError, Refused
from policies.decide import Judge
from policies.guard.resolve import Schema
from policies.model import Example, Policy
from policies.releases import base_column, compile_release

HEADS = ("role", "purpose", "rule", "why")


@dataclass(frozen=True)
class Question:
    """One question as somebody would ask it. `name` is where it stands: a file and block, an example, a call."""

    name: str
    sql: str
    role: str
    purpose: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    break_glass: bool = False


@dataclass(frozen=True)
class Verdict:
    """Allowed with obligations, or refused by a rule (for what is no question, the code of the error) in words."""

    allowed: bool
    rule: str = ""
    message: str = ""
    instead: str = ""
    obligations: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The verdict in one line."""
        return f"allowed ({', '.join(self.obligations)})" if self.allowed else f"refused by {self.rule}: {self.message}"


@dataclass(frozen=True)
class Block:
    """A block of a corpus file: its heads, its SQL and where it stands."""

    name: str
    heads: Mapping[str, str]
    sql: str


def blocks(path: Path) -> Iterator[Block]:
    """The blocks of a file, or of all `.sql` files of a folder and the folders in it, in order of name. Raises BadRequest."""
    if not path.exists():
        raise BadRequest(f"There is no corpus {path}.", "Name a folder of .sql files, or one file.")
    for file in sorted(path.rglob("*.sql")) if path.is_dir() else [path]:
        for number, text in enumerate(file.read_text(encoding="utf-8").split("\n\n"), 1):
            heads, lines = {}, []
            for line in text.strip().splitlines():
                name, _, value = line.removeprefix("-- ").partition(": ")
                if line.startswith("-- ") and name in HEADS:
                    heads[name] = value
                else:
                    lines.append(line)
            if sql := "\n".join(lines).strip():
                yield Block(f"{file.stem}-{number}", heads, sql)


def asked_as(block: Block, policy: Policy) -> Iterator[Question]:
    """The block as each grant of the policy would ask it, or as those its heads name."""
    for grant in policy.grants:
        named = block.heads.get("role", grant.role), block.heads.get("purpose", grant.purpose)
        if named == (grant.role, grant.purpose):
            yield Question(block.name, block.sql, *named, break_glass=grant.break_glass)


def of_example(number: int, example: Example) -> Question:
    """A policy's own example as a question."""
    return Question(
        f"example {number}",
        example.sql,
        example.role,
        example.purpose,
        example.attributes,
        example.break_glass,
    )


def verdict(judge: Judge, question: Question) -> Verdict:
    """The verdict on one question, as over a snapshot of which only the columns are known; whether a grant still holds is left out."""
    try:
        grant = judge.grant(question.role, question.purpose, break_glass=question.break_glass)
        held = holds(judge.policy, grant.release)
        judged = judge.judge(question.sql, grant, held, "no snapshot", attributes=question.attributes)
        return Verdict(True, obligations=judged.obligations)
    except Refused as refusal:
        return Verdict(False, refusal.rule, refusal.message, refusal.allowed)
    except ReadingRoomError as error:
        return Verdict(False, error.code, error.message, error.advice)


def holds(policy: Policy, release: str, tables: Catalogue | None = None) -> Schema:
    """What a release of the policy holds over the catalogue: table -> column -> type."""
    tables = tables or catalogue()
    compiled = compile_release(release, tables, policy.releases.get(release))
    return {
        name: {column: _type(name, column, tables) for column in columns}
        for name, (columns, _) in compiled.tables.items()
    }


def _type(table: str, column: str, tables: Catalogue) -> str:
    base = base_column(tables[table], column)
    return base.type if base is not None and base.name == column else "BIGINT"  # the year or the offset of a date
