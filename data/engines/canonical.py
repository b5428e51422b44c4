"""The one form in which values leave: the same on any number of threads, and ready for JSON.

Sums of DOUBLEs depend in their last bits on the order of adding, so DOUBLEs are rounded to nine significant digits before they are
shown or hashed (measured: avg, stddev and corr of the same rows agreed at nine digits on any number of threads, not always at twelve).
JSON has no NaN and no infinity: both become null. Dates and times are ISO 8601 text; those beyond the years that Python knows, and the
infinite ones, are written from their numbers.
"""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import to_json

DIGITS = 9
_EXACT = 2**53
_ENDLESS = {True: 2**31 - 1, False: 2**63 - 1}  # DuckDB's 'infinity': of days, and of any smaller unit
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_BY_NUMBER = re.compile(r"time(32|64)|\[ns")  # Arrow's way to Python takes 24:00 for midnight, and no nanoseconds
_TYPES = {"int64": "BIGINT", "int32": "INTEGER", "int16": "SMALLINT", "int8": "TINYINT", "double": "DOUBLE", "float": "FLOAT",
          "string": "VARCHAR", "large_string": "VARCHAR", "bool": "BOOLEAN", "date32[day]": "DATE", "null": "NULL"}  # fmt: skip


def canonical(table: pa.Table) -> pa.Table:
    """The table with its floating columns rounded; everything else as it is."""
    for place, column in enumerate(table.columns):
        if pa.types.is_floating(column.type):
            table = table.set_column(place, table.field(place).name, _rounded(column))
    return table


def _rounded(column: pa.ChunkedArray) -> pa.Array:
    values = pc.cast(column, pa.float64()).combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], pa.float64())
    numbers = values.to_numpy(zero_copy_only=False)
    with np.errstate(all="ignore"):
        return pa.array(round_significant(numbers), pa.float64(), mask=~np.isfinite(numbers))


def round_significant(numbers: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Numbers to DIGITS significant digits; inputs that differ only in their last bits come out as the same bits."""
    size = np.abs(numbers)
    usable = np.isfinite(size) & (size > 1e-290) & (size < 1e290)
    power = np.zeros_like(size)
    power[usable] = DIGITS - 1 - np.floor(np.log10(size[usable]))
    up, down = np.power(10.0, np.maximum(power, 0)), np.power(10.0, np.maximum(-power, 0))
    whole = np.rint(numbers * up / down)
    return np.where(usable, whole / up * down, 0.0) + 0.0  # the last turns -0.0 into 0.0


def to_python(table: pa.Table) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
    """(names, DuckDB-like type names, rows) with values ready for JSON."""
    names = list(table.column_names)
    types = [_TYPES.get(str(field.type), _other_type(field.type)) for field in table.schema]
    columns = [_values(column) for column in table.columns]
    return names, types, list(zip(*columns, strict=True)) if columns else []


def digest(columns: Sequence[str], types: Sequence[str], rows: Sequence[Any]) -> str:
    """SHA-256 over names, types and rows."""
    return hashlib.sha256(to_json([list(columns), list(types), list(rows)])).hexdigest()


def _other_type(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        return f"DECIMAL({type_.precision},{type_.scale})"
    return "TIMESTAMP" if pa.types.is_timestamp(type_) else str(type_).upper()


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_decimal(column.type):
        return _decimals(column)
    values = _pythons(column)
    plain = pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_string(column.type)
    return values if plain or pa.types.is_boolean(column.type) else [_value(one) for one in values]


def _decimals(column: pa.ChunkedArray) -> list[Any]:
    """Whole ones as ints, others as floats where all of the column have at most 15 digits; else one by one."""
    scale = column.type.scale
    largest = pc.max(pc.abs(column)).as_py()
    if scale == 0 or largest is None or largest >= Decimal(10) ** (15 - scale):
        return [_value(one) for one in column.to_pylist()]
    power = 10.0**scale  # exact; dividing the whole number by it gives the nearest double, which prints as the decimal
    floats = pc.cast(column, pa.float64())
    whole = np.rint(floats.to_numpy() * power) / power
    return [None if np.isnan(one) else one for one in whole.tolist()] if column.null_count else whole.tolist()


def _pythons(column: pa.ChunkedArray) -> list[Any]:
    """A column's values as Python has them; one by one and partly as text where Python cannot hold them all."""
    if not _BY_NUMBER.search(str(column.type)):
        with suppress(OverflowError, ValueError, TypeError, pa.ArrowException):
            return list(column.to_pylist())
    return [_scalar(one) for one in column]


def _scalar(one: pa.Scalar) -> Any:
    """One value as Python has it, dates and times as text."""
    if not one.is_valid:
        return None
    match one:
        case pa.ListScalar() | pa.StructScalar():  # maps and lists of a fixed size are among these lists
            return _parts(one)
        case pa.DictionaryScalar() | pa.UnionScalar() | pa.ExtensionScalar():
            return _scalar(one.value)
        case pa.Date32Scalar():
            return _day(one.value)
        case pa.TimestampScalar():
            return _moment(one.value, one.type.unit, bool(one.type.tz))
        case pa.Time32Scalar() | pa.Time64Scalar():
            return _clock(one.value, one.type.unit)
    try:
        return one.as_py()
    except (OverflowError, ValueError, TypeError, pa.ArrowException):
        return f"({one.type})"


def _parts(one: Any) -> Any:
    if isinstance(one, pa.StructScalar):
        return {name: _scalar(part) for name, part in one.items()}
    pairs = isinstance(one, pa.MapScalar)
    return [tuple(map(_scalar, part.values())) if pairs else _scalar(part) for part in one.values]


def _day(days: int) -> str:
    return _endless(days, "D") or _signed(str(np.datetime64(days, "D")))


def _moment(value: int, unit: str, zoned: bool) -> str:
    """A timestamp as Python's isoformat writes it: without a fraction, or with one of six digits, or of nine where it needs them."""
    if endless := _endless(value, unit):
        return endless
    seconds, rest = divmod(value, _PER_SECOND[unit])
    return _signed(str(np.datetime64(seconds, "s"))) + _fraction(rest, unit) + ("+00:00" if zoned else "")


def _clock(value: int, unit: str) -> str:
    seconds, rest = divmod(value, _PER_SECOND[unit])
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + _fraction(rest, unit)


def _fraction(rest: int, unit: str) -> str:
    if not rest:
        return ""
    digits = f"{rest * 10**9 // _PER_SECOND[unit]:09}"
    return f".{digits.removesuffix('000')}"


def _endless(value: int, unit: str) -> str:
    endless = _ENDLESS[unit == "D"]
    return {endless: "infinity", -endless: "-infinity"}.get(value, "")


def _signed(iso: str) -> str:
    """ISO 8601 asks for four digits of a year at least, and for a sign where there are more."""
    year, rest = iso[: iso.index("-", 1)], iso[iso.index("-", 1) :]
    return f"{int(year):+05}{rest}" if len(year) > 4 or year.startswith("-") else iso


def _value(value: Any) -> Any:
    match value:
        case Decimal():
            return _number(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta() | UUID():
            return str(value)
        case bytes():
            return value.hex()
        case float():
            return float(round_significant(np.array([value]))[0]) if np.isfinite(value) else None
        case list() | tuple():
            return [_value(one) for one in value]
        case dict():
            return {name: _value(one) for name, one in value.items()}
        case _:
            return value


def _number(value: Decimal) -> int | float | str:
    """An int for a type without decimals, a float where that is exact enough, text where neither holds it."""
    if value.as_tuple().exponent == 0:
        whole = int(value)
        return whole if abs(whole) < _EXACT else str(whole)
    return float(value) if len(value.as_tuple().digits) <= 15 else str(value.normalize())
