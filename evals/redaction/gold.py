"""Labelled texts, as a steward or a built-in set hands them in: Presidio's evaluator form, JSON or JSON lines, gzip or not.

A record is `{"full_text": ..., "spans": [{"entity_type", "start_position", "end_position", "entity_value"?}]}`; positions count characters.
A bad record is kept out and told by file and number, never by what it holds; the others go on. A file that cannot be read at all is an error.
"""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from data.errors import BadRequest
from evals.redaction.kinds import is_known, plain

TUNE, HELD_OUT = "tune", "held-out"
_ADVICE = "See docs/how-to/measure-redaction.md for the form."


@dataclass(frozen=True)
class Label:
    """Characters `start` to `stop` (not included) were labelled so by a person."""

    start: int
    stop: int
    label: str


@dataclass(frozen=True)
class Document:
    """A labelled text. `name` says where it is from; documents of one `unit` (a template, a note) are alike and drawn together."""

    name: str
    text: str
    labels: tuple[Label, ...]
    unit: str = ""
    part: str = HELD_OUT


@dataclass
class Gold:
    """What was read: documents, bad records by file and number with the reason, labels the table of kinds does not have."""

    documents: list[Document] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


def read_gold(paths: Sequence[Path]) -> Gold:
    """Reads labelled files. Raises BadRequest where a file cannot be read, or no file holds one good record."""
    gold = Gold()
    for path in paths:
        before = len(gold.bad)
        found = 0
        for number, record in records(path):
            found += 1
            try:
                gold.documents.append(document_of(f"{path.name}#{number}", record))
            except ValueError as error:
                gold.bad.append(f"{path.name}, record {number}: {error}")
        if not found:
            raise BadRequest(f"{path} holds no records.", _ADVICE)
        if len(gold.bad) - before == found:
            raise BadRequest(f"{path} holds no good record; the first: {gold.bad[before]}.", _ADVICE)
    labels = Counter(plain(one.label) for document in gold.documents for one in document.labels)
    gold.unknown = Counter({label: count for label, count in labels.items() if not is_known(label)})
    return gold


def document_of(name: str, record: Any, part: str = HELD_OUT, unit: str = "") -> Document:
    """A record as a document. Raises ValueError, which names no value of the text, where it is not of the form."""
    if not isinstance(record, dict):
        raise ValueError("it is not an object")
    text, spans = record.get("full_text"), record.get("spans")
    if not isinstance(text, str):
        raise ValueError("'full_text' is missing or no text")
    if not isinstance(spans, list):
        raise ValueError("'spans' is missing or no list")
    labels = tuple(_label(text, number, span) for number, span in enumerate(spans, 1))
    return Document(name, text, labels, unit or name, part)


def _label(text: str, number: int, span: Any) -> Label:
    if not isinstance(span, dict):
        raise ValueError(f"span {number} is not an object")
    label = span.get("entity_type")
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"span {number} has no 'entity_type'")
    start, stop = (_whole_number(span, number, which) for which in ("start_position", "end_position"))
    if start < 0 or stop > len(text):
        raise ValueError(f"span {number} lies outside the text")
    if start >= stop:
        raise ValueError(f"span {number} ends where it starts or before")
    value = span.get("entity_value")
    if isinstance(value, str) and value != text[start:stop]:
        raise ValueError(
            f"span {number} does not stand where its 'entity_value' does (positions count characters, not bytes)"
        )
    return Label(start, stop, label)


def _whole_number(span: dict[str, Any], number: int, which: str) -> int:
    place = span.get(which)
    if not isinstance(place, int) or isinstance(place, bool):
        raise ValueError(f"span {number} has no whole number as '{which}'")
    return place


def records(path: Path) -> Iterator[tuple[int, Any]]:
    """(number, record) of a file; of JSON lines the number is the line's. A line that is no JSON comes as None."""
    text = _text(path)
    first = text.lstrip()[:1]
    if not first:
        raise BadRequest(f"{path} is empty.", _ADVICE)
    if first not in "[{":
        raise BadRequest(f"{path} is neither JSON nor JSON lines.", _ADVICE)
    if first == "[":
        yield from enumerate(_whole(path, text), 1)
        return
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    read = [(number, _line(line)) for number, line in lines]
    if all(one is None for _, one in read):
        yield from enumerate(chain([_whole(path, text)]), 1)  # one record, written over several lines
        return
    yield from read


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _whole(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.", _ADVICE
        ) from error
    except RecursionError as error:
        raise BadRequest(f"{path} is nested too deeply to be labelled texts.", _ADVICE) from error


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} is not UTF-8: byte {error.start} cannot be read.", "Save it as UTF-8.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadRequest(f"{path} is a damaged gzip file.", "Pack it again.") from error
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.", "Name a file of labelled texts.") from error
