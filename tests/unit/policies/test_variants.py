"""The attack corpora in other spellings, and attacks that are answered: what comes back must show nothing that rests on few persons.

A block of tests/fixtures/answered is headed by `-- why:` (what must not be seen) and `-- secret:` (its values). Ungoverned, the block shows
each of its secrets on the tiny hospital; as the researcher gets it, none. READINGROOM_ALL_VARIANTS=1 tries all variants, not a sample.
"""

import logging
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from data.errors import ReadingRoomError
from policies.decide import decide
from policies.workbench.questions import Block, blocks
from tests.unit.policies.variants import sampled, variants

pytestmark = pytest.mark.unit
FIXTURES = Path(__file__).parents[2] / "fixtures"
REFUSED = list(blocks(FIXTURES / "refused"))
ANSWERED = list(blocks(FIXTURES / "answered"))
ONE_IN = 1 if os.environ.get("READINGROOM_ALL_VARIANTS") == "1" else 8
SECRETS = re.compile(r"^-- secret: (.+)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def quiet():
    """Sqlglot logs each text it cannot parse in full; a thousand attacks would fill the log."""
    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def named(corpus: list[Block]) -> list:
    return [pytest.param(block, id=block.name) for block in corpus]


def tried(block: Block) -> Iterator[tuple[str, str]]:
    return (one for one in variants(block.sql, block.heads["rule"]) if sampled(*one, ONE_IN))


@pytest.mark.parametrize("block", named(REFUSED))
def test_attacks_are_refused_in_every_spelling(block, grants, held):
    allowed = []
    for name, text in tried(block):
        try:
            decide(text, grants[block.heads.get("role", "researcher")], held, 11)
            allowed.append((name, text))
        except ReadingRoomError:
            continue
    assert allowed == []


@pytest.mark.parametrize("block", named(ANSWERED))
def test_answered_attacks_show_no_secret(block, grants, held, tiny):
    secrets = secrets_of(block)
    bare = tiny.execute(block.sql).fetchall()
    assert [one for one in secrets if not shown(one, bare)] == []  # the attack would work on an ungoverned table
    assert [one for one in secrets if shown(one, governed(block.sql, grants, held, tiny))] == []


@pytest.mark.parametrize("block", named(ANSWERED))
def test_answered_attacks_show_no_secret_in_another_spelling(block, grants, held, tiny):
    spellings = [text for _, text in variants(block.sql, "none of words")]
    for text in spellings[:: 1 if ONE_IN == 1 else len(spellings) // 2]:
        try:
            rows = governed(text, grants, held, tiny)
        except ReadingRoomError:  # shows nothing
            continue
        assert [one for one in secrets_of(block) if shown(one, rows)] == []


def test_the_corpora_are_large_and_hold_no_attack_twice():
    texts = [block.sql for block in (*REFUSED, *ANSWERED)]
    assert len(set(texts)) == len(texts) >= 500
    assert len(REFUSED) >= 400
    assert len(ANSWERED) >= 90
    others = {text for block in REFUSED for _, text in tried(block)}
    assert len(others | set(texts)) >= 1500


def test_every_answered_attack_names_its_secret():
    assert [block.name for block in ANSWERED if not (secrets_of(block) and block.heads.get("why"))] == []


def secrets_of(block: Block) -> list[str]:
    return [one.strip() for line in SECRETS.findall(block.sql) for one in line.split(",")]


def governed(sql: str, grants, held, tiny) -> list[tuple]:
    """What the researcher is shown: the rows without the column that marks withheld ones."""
    judged = decide(sql, grants["researcher"], held, 11)
    return [row[: judged.visible] for row in tiny.execute(judged.sql).fetchall()]


def shown(secret: str, value: object) -> bool:
    """Whether a secret stands among values, within lists and structs too; numbers are compared as numbers."""
    if isinstance(value, dict):
        return shown(secret, list(value.values()))
    if isinstance(value, list | tuple):
        return any(shown(secret, one) for one in value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return re.fullmatch(r"-?[0-9.]+", secret) is not None and abs(float(value) - float(secret)) < 1e-9
    return str(value) == secret
