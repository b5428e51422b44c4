"""The redactor that publishing is given: finds by passes, joins what the vault knows, writes surrogates.

It returns texts and marks, and never says what it found. See `data.types.Redactor` for the promise each step makes.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import date

import duckdb

from data.types import Holds
from policies.redaction.finder import Finder
from policies.redaction.folding import fold
from policies.redaction.identities import identity_of, own_names
from policies.redaction.known import Known, Persons, Vault, read_known
from policies.redaction.known.reading import Named
from policies.redaction.parallel import Searching
from policies.redaction.patterns.dates import shifted
from policies.redaction.protected import load
from policies.redaction.settings import Settings
from policies.redaction.spans import AGE, DATE, Span, join, merge
from policies.redaction.surrogates import Surrogates, date_label
from policies.redaction.values import Values

VERSION = "4"
_OLDEST = 90  # years before the snapshot's day; the year of an earlier date tells an age over 89
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_CAPITAL = re.compile(r"(?<![^\W_])[^\W\d_a-z][^\W\d_]+")
_BORN = re.compile(
    r"\b(?:born|birth|dob|b\.)(?: year)?\W{0,3}(?:in |is |year )?\W{0,2}(1[89]\d\d)(?![\d/-])", re.IGNORECASE
)


class BuildRedactor:
    """A `data.types.Redactor` for one build. `as_of`: the snapshot's day."""

    def __init__(self, settings: Settings, known: Known, persons: Persons, key: bytes, as_of: date) -> None:
        self._searching = Searching(settings)
        self._known, self._ordinary = Finder([Vault(known)]), known.ordinary
        self._persons, self._as_of = persons, as_of
        secret = hmac.digest(key, b"readingroom surrogates", "sha256")
        self._surrogates = Surrogates(secret, settings.style)
        self._protected = load(settings.keep)
        self._values = Values(self._known, self._protected)
        self.finding = self._searching.version
        told = f"{VERSION} {self.finding} {self._known.version} {settings.style} {hashlib.sha256(secret).hexdigest()}"
        self.version = f"{VERSION}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    def search(self, texts: list[str]) -> list[str]:
        """Marks of the passes that rest on the text alone."""
        return [_marks(spans) for spans in self._searching.find(texts)]

    def complete(self, texts: list[str], marks: list[str]) -> list[str]:
        """Marks with the vault's joined in; `[]` where nothing is marked and the text must still be looked at beside whose record it is."""
        known = self._known.find(texts)
        return [
            _marks(join(text, merge((*found, *_spans(one))))) or ("[]" if self._depends(text) else "")
            for text, one, found in zip(texts, marks, known, strict=True)
        ]

    def _depends(self, text: str) -> bool:
        return _BORN.search(text) is not None or any(fold(word) in self._ordinary for word in _CAPITAL.findall(text))

    def write(
        self, texts: list[str], marks: list[str], persons: list[int | None], shifts: list[int | None], keep_dates: bool
    ) -> list[str]:
        """Texts with surrogates in place of what is marked."""
        named = self._persons.named(persons)
        return [
            self._write(
                text, _spans(one), person, named.get(person, []) if person is not None else [], shift, keep_dates
            )
            for text, one, person, shift in zip(texts, marks, persons, shifts, strict=True)
        ]

    def withholds(self, values: list[str]) -> list[Holds]:
        """What values of columns that are kept as sent hold."""
        return self._values.holds(values)

    def _write(
        self,
        text: str,
        spans: list[Span],
        person: int | None,
        named: Sequence[Named],
        shift: int | None,
        keep_dates: bool,
    ) -> str:
        old = [
            Span(*match.span(1), AGE) for match in _BORN.finditer(text) if not keep_dates and self._tells_age(match[1])
        ]
        spans = join(text, merge((*spans, *own_names(text, named, self._protected), *old)))
        record, pieces, end, seen = str(person), [], 0, dict[str, str]()
        for span in spans:
            if keep_dates and span.kind in {DATE, AGE}:
                continue
            written = text[span.start : span.stop]
            if span.kind == DATE:
                made = self._date(written, shift)
            else:
                made = self._surrogates.of(span.kind, written, identity_of(span, text, named, seen), record)
            pieces += [text[end : span.start], made]
            end = span.stop
        return "".join((*pieces, text[end:]))

    def _date(self, written: str, shift: int | None) -> str:
        if shift is None or any(self._tells_age(year) for year in _YEAR.findall(written)):
            return date_label()
        moved = shifted(written, shift)
        return date_label() if moved is None or any(self._tells_age(year) for year in _YEAR.findall(moved)) else moved

    def _tells_age(self, year: str) -> bool:
        return int(year) <= self._as_of.year - _OLDEST


def _marks(spans: Sequence[Span]) -> str:
    return json.dumps([list(span[:3]) for span in spans], separators=(",", ":")) if spans else ""


def _spans(marks: str) -> list[Span]:
    return [Span(start, stop, kind) for start, stop, kind in json.loads(marks)] if marks else []


def make_redactor(con: duckdb.DuckDBPyConnection, key: bytes, settings: Settings | None = None) -> BuildRedactor:
    """The redactor that knows whom this build knows; what `publish` is given. The build has vault.snapshot_day."""
    day = con.execute("SELECT day FROM vault.snapshot_day").fetchall()[0][0]
    return BuildRedactor(settings or Settings(), read_known(con), Persons(con), key, day)
