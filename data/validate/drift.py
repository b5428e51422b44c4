"""Drift: how the profile of a build differs from the one before it. Volume, empty fields, new and vanished codes, unmapped share, numbers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["volume", "nulls", "new-code", "vanished-code", "code-mix", "unmapped", "numbers"]


@dataclass(frozen=True)
class Finding:
    """One difference worth a look: of which table, of what in it, before and now."""

    kind: Kind
    table: str
    what: str
    before: float
    now: float


# A table's rows may change by this share and its empty fields by this much before it is said; the population stability index beyond which
# a mix of codes has changed (0.25 is the usual word for "significant": Siddiqi, Credit Risk Scorecards, 2006).
_VOLUME, _NULLS, _UNMAPPED, _MIX, _MOVED = 0.2, 0.05, 0.02, 0.25, 0.25


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Finding]:
    """Findings between two profiles, those of tables first."""
    return [*_tables(before, now), *_codes(before, now), *_numbers(before, now)]


def _tables(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    for table, facts in now["tables"].items():
        past = before["tables"].get(table, {"rows": 0, "nulls": {}})
        if abs(facts["rows"] - past["rows"]) > _VOLUME * max(past["rows"], 1):
            yield Finding("volume", table, "rows", past["rows"], facts["rows"])
        for column, share in facts["nulls"].items():
            old = past["nulls"].get(column)
            if old is not None and past["rows"] and facts["rows"] and abs(share - old) > _NULLS:
                yield Finding("nulls", table, column, old, share)


def _codes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    for table, facts in now["codes"].items():
        past = before["codes"].get(table)
        if not past or not past["records"] or not facts["records"]:
            continue
        old, new = past["by_code"], facts["by_code"]
        for code in sorted(new.keys() - old.keys()):
            yield Finding("new-code", table, code, 0, new[code])
        for code in sorted(old.keys() - new.keys()):
            yield Finding("vanished-code", table, code, old[code], 0)
        shares = past["unmapped"] / past["records"], facts["unmapped"] / facts["records"]
        if abs(shares[1] - shares[0]) > _UNMAPPED:
            yield Finding("unmapped", table, "share of records", round(shares[0], 6), round(shares[1], 6))
        if (index := _stability(old, new)) > _MIX:
            yield Finding("code-mix", table, "population stability index", 0, round(index, 6))


def _stability(old: Mapping[str, int], new: Mapping[str, int]) -> float:
    """Population stability index over codes; a code missing on one side counts as half a record."""
    codes = sorted(old.keys() | new.keys())
    total_old, total_new = sum(old.values()) or 1, sum(new.values()) or 1
    index = 0.0
    for code in codes:
        was, is_ = max(old.get(code, 0), 0.5) / total_old, max(new.get(code, 0), 0.5) / total_new
        index += (is_ - was) * math.log(is_ / was)
    return index


def _numbers(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    """Measurements whose median has moved by more than a quarter of the spread there was (10th to 90th percentile)."""
    for what, facts in now["numbers"].items():
        past = before["numbers"].get(what)
        if past is None:
            continue
        old, new = past["quantiles"], facts["quantiles"]
        spread = old[-1] - old[0]
        if abs(new[2] - old[2]) > _MOVED * spread and abs(new[2] - old[2]) > 1e-9:
            yield Finding("numbers", "measurement", f"median of {what}", old[2], new[2])
