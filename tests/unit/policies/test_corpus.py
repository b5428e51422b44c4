"""The corpora: every file in tests/fixtures/refused is refused by the rule it names, every one in allowed is allowed and runs.

A file may hold several questions, each headed by a comment: `-- rule: NAME` (and `-- role: ROLE`). A new leak becomes a new file first.
"""

from pathlib import Path

import pytest

from data.errors import ReadingRoomError, Refused
from policies.decide import decide

pytestmark = pytest.mark.unit
FIXTURES = Path(__file__).parents[2] / "fixtures"


def cases(folder: str) -> list:
    found = []
    for path in sorted((FIXTURES / folder).glob("*.sql")):
        for number, block in enumerate(path.read_text().split("\n\n"), 1):
            lines = [line for line in block.strip().splitlines() if line]
            heads = dict(line[3:].split(": ", 1) for line in lines if line.startswith("-- ") and ": " in line)
            sql = "\n".join(line for line in lines if not line.startswith(("-- rule: ", "-- role: ", "-- why: ")))
            if sql:
                found.append(pytest.param(heads, sql, id=f"{path.stem}-{number}"))
    return found


@pytest.mark.parametrize(("heads", "sql"), cases("refused"))
def test_attacks_are_refused_by_their_rule(heads, sql, grants, held):
    with pytest.raises(ReadingRoomError) as refusal:
        decide(sql, grants[heads.get("role", "researcher")], held, 11)
    rule = refusal.value.rule if isinstance(refusal.value, Refused) else refusal.value.code
    assert rule == heads["rule"]


@pytest.mark.parametrize(("heads", "sql"), cases("allowed"))
def test_honest_questions_are_allowed_and_run(heads, sql, grants, held, tiny):
    judged = decide(sql, grants[heads.get("role", "researcher")], held, 11)
    tiny.execute(judged.sql, dict.fromkeys(judged.parameters, 1) or None).fetchall()
