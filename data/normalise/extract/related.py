"""Hands people whom a record names to staging.other_person: relatives, staff, and what else is said of a patient.

A file says the same of the same people in record after record; what was said lately is not said again. The memory for that is bounded.
"""

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from data.normalise.extract.rows import Rows

_MOST_SAID = 50_000
PATIENT, RELATIVE, STAFF = "patient", "relative", "staff"

Name = tuple[str | None, str | None]  # family, given
Address = tuple[str | None, str | None, str | None, str | None]  # street, city, state, ZIP


class Related:
    """Rows of staging.other_person, each different one once as long as it is remembered."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._said: set[tuple[Any, ...]] = set()

    def heard(self, *what: Any) -> bool:
        """Whether the same was asked lately; from now on it was."""
        if what in self._said:
            return True
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said.add(what)
        return False

    def add(
        self,
        origin: Mapping[str, Any],
        role: str,
        mrn: str | None = None,
        *,
        names: Iterable[Name | str] = (),
        phones: Iterable[str | None] = (),
        emails: Iterable[str | None] = (),
        addresses: Iterable[Address] = (),
        identifiers: Iterable[str | None] = (),
    ) -> None:
        """Somebody: a row for the first of each, one for the second, and so on. A name may be one piece; identifiers are system|number.

        `mrn` is the patient whom it is about, by the number of the source; staff have none.
        """
        lists = (
            [name for name in names if any(name)],
            [phone for phone in phones if phone],
            [email for email in emails if email],
            [address for address in addresses if any(address)],
            [identifier for identifier in identifiers if identifier],
        )
        for name, phone, email, address, identifier in zip_longest(*lists):
            whole, (family, given) = (name, (None, None)) if isinstance(name, str) else (None, name or (None, None))
            street, city, state, code = address or (None,) * 4
            if self.heard(origin["source"], role, mrn, whole, family, given, phone, email, address, identifier):
                continue
            self._rows.add("other_person", {
                **origin, "role": role, "mrn": mrn, "name": whole, "family": family, "given": given, "phone": phone, "email": email,
                "street": street, "city": city, "state": state, "zip": code, "identifier": identifier,
            })  # fmt: skip
