"""The policy a data steward writes: which role, for which purpose, may ask what, of which release.

Everything not granted is denied. The file is YAML, checked whole before it is used: unknown words, tables and columns are
errors that name the line. A policy is known by the digest of its meaning, so a comment changes nothing. Nothing here judges.
"""

import hashlib
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from data.catalogue.model import TAGS, Catalogue, Table, catalogue
from data.errors import BadRequest

Mode = Literal["aggregate", "record"]
Tag = Literal[
    "person_key", "record_key", "identifier", "quasi_identifier", "date", "free_text", "clinical", "operational"
]
# HL7 v3 PurposeOfUse codes (value set 2.16.840.1.113883.1.11.20448), the part that grants may name.
Purpose = Literal["TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH", "HQUALIMP", "ETREAT", "CLINTRCH", "PATADMIN"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Threshold(_Strict):
    """Small-cell rule: a cell resting on 1 to `hide_below` - 1 persons is hidden, and no hidden cell stands alone."""

    hide_below: Annotated[int, Field(ge=2, le=1000)]


class Bounds(_Strict):
    """What one call may cost at most."""

    seconds: Annotated[float, Field(gt=0, le=600)] = 30
    rows: Annotated[int, Field(ge=1, le=100_000)] = 1000
    bytes: Annotated[int, Field(ge=1000, le=100_000_000)] = 4_000_000


def _known_tables(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in catalogue()):
            raise ValueError(f"no table of the catalogue matches '{pattern}'")
    return patterns


def _known_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        table, _, column = name.rpartition(".")
        if table not in catalogue() or column not in {one.name for one in catalogue()[table].columns}:
            raise ValueError(f"'{name}' is no column of the catalogue (write table.column)")
    return names


class Grant(_Strict):
    """One role with one purpose of use: the release it is answered from, the mode, the tables and the tags it may see."""

    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    purpose: Purpose
    release: Literal["deidentified", "limited", "identified"]
    mode: Mode
    tables: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_tables)]
    tags: tuple[Tag, ...] = Field(min_length=1)
    hide: Annotated[tuple[str, ...], AfterValidator(_known_columns)] = ()
    threshold: str = "cms"
    bounds: Bounds = Bounds()
    calls_per_hour_alert: Annotated[int, Field(ge=1)] = 500

    def grants_table(self, name: str) -> bool:
        """Whether any of the patterns covers the table."""
        return any(fnmatchcase(name, pattern) for pattern in self.tables)

    def columns(self, table: Table) -> tuple[str, ...]:
        """Columns of the table this grant may use: every tag of a column must be granted, and it must not be hidden."""
        if not self.grants_table(table.name):
            return ()
        granted = set(self.tags)
        return tuple(
            column.name
            for column in table.columns
            if column.tags <= granted and f"{table.name}.{column.name}" not in self.hide
        )


class Example(_Strict):
    """A question with the verdict it must get: the policy's own test."""

    sql: str
    role: str
    purpose: Purpose
    expect: Literal["allowed", "refused"]
    rule: str = ""


class Policy(_Strict):
    """The whole policy file."""

    version: Literal[1]
    contact: Annotated[str, Field(min_length=3)]
    thresholds: dict[str, Threshold] = {"cms": Threshold(hide_below=11)}
    grants: tuple[Grant, ...] = Field(min_length=1)
    examples: tuple[Example, ...] = ()

    def digest(self) -> str:
        """SHA-256 over the meaning: the same for two files that differ in comments or order of keys only."""
        meaning = json.dumps(self.model_dump(mode="json", exclude={"examples"}), sort_keys=True)
        return hashlib.sha256(meaning.encode()).hexdigest()

    def grant(self, role: str, purpose: str) -> Grant | None:
        """The grant for role and purpose, if there is one."""
        return next((grant for grant in self.grants if (grant.role, grant.purpose) == (role, purpose)), None)


def parse_policy(text: str, place: str = "policy") -> Policy:
    """Policy from YAML text. Raises BadRequest naming `place`, the line and what is wrong."""
    try:
        tree = yaml.safe_load(text)
        policy = Policy.model_validate(tree)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise BadRequest(
            f"{place}{line} is not valid YAML.", "Mend the file at that line.", code="bad_policy"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = _line_of(text, first["loc"])
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = first["msg"].removeprefix("Value error, ")
        advice = f"Mend {where}. Tags are: {', '.join(sorted(TAGS))}. See docs/reference/policy.md."
        raise BadRequest(f"{place}:{at}: {where}: {problem}.", advice, code="bad_policy") from error
    return _cross_checked(policy, place)


def _cross_checked(policy: Policy, place: str) -> Policy:
    seen: set[tuple[str, str]] = set()
    for number, grant in enumerate(policy.grants, 1):
        key = (grant.role, grant.purpose)
        if key in seen:
            problem = f"grant {number} repeats role {grant.role} with purpose {grant.purpose}"
            raise BadRequest(f"{place}: {problem}.", "Join the two grants into one.", code="bad_policy")
        seen.add(key)
        if grant.threshold not in policy.thresholds:
            problem = f"grant {number} names threshold '{grant.threshold}', which is not under thresholds"
            raise BadRequest(f"{place}: {problem}.", "Add it there or name another.", code="bad_policy")
    return policy


def _line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """Line (from 1) where the part of the YAML document at `loc` begins, or of its nearest parent that exists."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        else:
            found = None
        if found is None:
            break
        node = found
    return int(node.start_mark.line) + 1 if node is not None else 1


def load_policy(path: Path) -> Policy:
    """Policy from a file. Raises BadRequest where it cannot be read or is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"The policy file {path} cannot be read.", "Check the path in readingroom.yaml.") from error
    return parse_policy(text, str(path))


def granted_schema(grant: Grant, held: dict[str, dict[str, str]], tables: Catalogue) -> dict[str, dict[str, str]]:
    """What of a release's tables (name -> column -> type) the grant may use; tables with no column left are dropped."""
    schema: dict[str, dict[str, str]] = {}
    for name, columns in held.items():
        allowed = set(grant.columns(tables[name]))
        if kept := {column: type_ for column, type_ in columns.items() if column in allowed}:
            schema[name] = kept
    return schema
