"""The policy a data steward writes: which role, for which purpose, may ask what, of which release.

Everything not granted is denied. The file is YAML, checked whole before it is used: unknown words, tables and columns are
errors that name the line. A policy is known by the digest of its meaning, so a comment changes nothing. Nothing here judges.
"""

import hashlib
import json
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.catalogue.model import TAGS, Catalogue, Column, Table, catalogue
from data.errors import BadRequest
from policies.disclosure.profile import Profile
from policies.filters import check_filter
from policies.redaction.settings import Settings
from policies.releases import RELEASES, CustomRelease, base_column
from policies.verdict import Mode

Tag = Literal[
    "person_key", "record_key", "identifier", "quasi_identifier", "date", "free_text", "clinical", "operational"
]
# HL7 v3 PurposeOfUse codes (value set 2.16.840.1.113883.1.11.20448), the part that grants may name.
Purpose = Literal["TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH", "HQUALIMP", "ETREAT", "CLINTRCH", "PATADMIN"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Threshold(_Strict):
    """Small-cell rule: a cell resting on 1 to `hide_below` - 1 persons is hidden, and no hidden cell stands alone.

    `round_to`: counts are rounded to its multiples. `extremes: hide`: no minimum or maximum, percentiles from 5 to 95 only.
    """

    hide_below: Annotated[int, Field(ge=2, le=1000)]
    round_to: Annotated[int, Field(ge=0, le=100)] = 0
    extremes: Literal["show", "hide"] = "show"

    @property
    def profile(self) -> Profile:
        """As disclosure control takes it."""
        return Profile(self.hide_below, self.round_to, self.extremes == "show")


# Profiles that need not be written. cms: CMS cell size suppression policy (no cell of 1 to 10). ehrql: OpenSAFELY's output rules, 7 and
# below hidden, rounded to 5. pcornet: PCORnet's common data model guidance, below 11.
PROFILES: dict[str, Threshold] = {
    "cms": Threshold(hide_below=11),
    "ehrql": Threshold(hide_below=8, round_to=5),
    "pcornet": Threshold(hide_below=11),
    "strict": Threshold(hide_below=20, extremes="hide"),
}


class RowFilter(_Strict):
    """Which persons a grant reaches: SQL that selects person_id, kept or dropped. `$name` is an attribute of who asks."""

    meaning: Annotated[str, Field(min_length=10)]
    keep: str = ""
    drop: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.keep) == bool(self.drop):
            raise ValueError("write either keep or drop")
        return self


class Budget(_Strict):
    """What one principal may take: calls an hour and a day, rows a day, different persons in record mode a day. 0: no limit."""

    calls_per_hour: Annotated[int, Field(ge=0)] = 0
    calls_per_day: Annotated[int, Field(ge=0)] = 0
    rows_per_day: Annotated[int, Field(ge=0)] = 0
    persons_per_day: Annotated[int, Field(ge=0)] = 0


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
    """One role with one purpose of use: the release it is answered from, the mode, the tables and the tags it may see.

    `rows` names row filters, all of which hold. `overlap`: whose earlier answers count when two are compared. A grant with
    `break_glass` serves only who states a reason, and each such call raises an alert. Dates are inclusive.
    """

    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    purpose: Purpose
    release: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    mode: Mode
    tables: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_tables)]
    tags: tuple[Tag, ...] = Field(min_length=1)
    hide: Annotated[tuple[str, ...], AfterValidator(_known_columns)] = ()
    rows: tuple[str, ...] = ()
    threshold: str = "cms"
    overlap: Literal["none", "principal", "role"] = "principal"
    bounds: Bounds = Bounds()
    budget: Budget = Budget()
    break_glass: bool = False
    valid_from: date | None = None
    valid_until: date | None = None
    calls_per_hour_alert: Annotated[int, Field(ge=1)] = 500

    def valid_on(self, day: date) -> bool:
        """Whether the grant holds on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )

    def grants_table(self, name: str) -> bool:
        """Whether any of the patterns covers the table."""
        return any(fnmatchcase(name, pattern) for pattern in self.tables)

    def uses(self, table: Table, column: Column) -> bool:
        """Whether this grant may use the column: every tag of it must be granted, and it must not be hidden.

        So must the text that a table is made of: who may not see it may not see its words either.
        """
        hidden = f"{table.name}.{column.name}" in self.hide
        return (
            self.grants_table(table.name)
            and column.tags <= set(self.tags)
            and not hidden
            and (not table.made_of or self._uses_text(table.made_of))
        )

    def _uses_text(self, made_of: str) -> bool:
        table, _, column = made_of.rpartition(".")
        return self.uses(catalogue()[table], catalogue()[table].column(column))


class Example(_Strict):
    """A question with the verdict it must get: the policy's own test. `attributes` and `break_glass` are who asks's."""

    sql: str
    role: str
    purpose: Purpose
    attributes: dict[str, str] = {}
    break_glass: bool = False
    expect: Literal["allowed", "refused"]
    rule: str = ""


class Policy(_Strict):
    """The whole policy file."""

    version: Literal[1]
    contact: Annotated[str, Field(min_length=3)]
    thresholds: dict[str, Threshold] = {}
    row_filters: dict[str, RowFilter] = {}
    releases: dict[str, CustomRelease] = {}
    redaction: Settings = Settings()
    grants: tuple[Grant, ...] = Field(min_length=1)
    examples: tuple[Example, ...] = ()

    def digest(self) -> str:
        """SHA-256 over the meaning: the same for two files that differ in comments or order of keys only."""
        meaning = json.dumps(self.model_dump(mode="json", exclude={"examples"}), sort_keys=True)
        return hashlib.sha256(meaning.encode()).hexdigest()

    def grant(self, role: str, purpose: str, break_glass: bool = False) -> Grant | None:
        """The grant for role and purpose, if there is one; with `break_glass` the one for emergencies."""
        asked = (role, purpose, break_glass)
        return next((one for one in self.grants if (one.role, one.purpose, one.break_glass) == asked), None)

    def threshold(self, grant: Grant) -> Threshold:
        """The grant's threshold: the policy's own of that name, or the profile known by it."""
        return self.thresholds.get(grant.threshold) or PROFILES[grant.threshold]

    def base_of(self, release: str) -> str:
        """The built-in release that a release is, or is made from."""
        custom = self.releases.get(release)
        return custom.base if custom is not None else release

    def filters(self, grant: Grant) -> tuple[RowFilter, ...]:
        """The row filters of a grant."""
        return tuple(self.row_filters[name] for name in grant.rows)


def schema_text() -> str:
    """The JSON Schema of the policy file, for editors that check while one writes; JSON Schema draft 2020-12."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
    schema["title"] = "Reading Room policy"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


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
    seen: set[tuple[str, str, bool]] = set()
    for number, grant in enumerate(policy.grants, 1):
        key = (grant.role, grant.purpose, grant.break_glass)
        if key in seen:
            problem = f"grant {number} repeats role {grant.role} with purpose {grant.purpose}"
            raise BadRequest(f"{place}: {problem}.", "Join the two grants into one.", code="bad_policy")
        seen.add(key)
        if grant.threshold not in policy.thresholds and grant.threshold not in PROFILES:
            problem = f"grant {number} names threshold '{grant.threshold}', which is not under thresholds"
            raise BadRequest(f"{place}: {problem}.", "Add it there or name another.", code="bad_policy")
        if grant.release not in RELEASES and grant.release not in policy.releases:
            problem = f"grant {number} names release '{grant.release}', which is not under releases"
            advice = f"Add it there or name one of {', '.join(RELEASES)}."
            raise BadRequest(f"{place}: {problem}.", advice, code="bad_policy")
        if unknown := [name for name in grant.rows if name not in policy.row_filters]:
            problem = f"grant {number} names row filter '{unknown[0]}', which is not under row_filters"
            raise BadRequest(f"{place}: {problem}.", "Add it there or name another.", code="bad_policy")
    if taken := sorted(set(policy.releases) & set(RELEASES)):
        raise BadRequest(
            f"{place}: the release '{taken[0]}' is a built-in one.", "Give yours another name.", code="bad_policy"
        )
    for name, one in policy.row_filters.items():
        check_filter(one.keep or one.drop, f"{place}: row filter '{name}'")
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
        based = {column: base_column(tables[name], column) for column in columns}
        if kept := {
            one: columns[one] for one, base in based.items() if base is not None and grant.uses(tables[name], base)
        }:
            schema[name] = kept
    return schema
