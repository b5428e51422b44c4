"""Which identifiers are known: forms of words by kind, and numbers by kind."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from policies.redaction.folding import fold
from policies.redaction.known import forms
from policies.redaction.spans import ADDRESS, EMAIL, MRN, NAME, PHONE, PLACE, SSN

Pair = tuple[str | None, str | None]


@dataclass(frozen=True)
class Known:
    """`words`: folded form -> kind. `numbers`: bare number -> kind. What `Vault` looks for.

    `ordinary`: folded words of names that are looked for in the record of who bears them only (`identities.own_names`).
    """

    words: dict[str, str]
    numbers: dict[str, str] = field(default_factory=dict)
    ordinary: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        names: Iterable[Pair] = (),
        numbers: Iterable[str | None] = (),
        phones: Iterable[str | None] = (),
        streets: Iterable[str | None] = (),
        ssns: Iterable[str | None] = (),
        places: Iterable[Pair] = (),
        emails: Iterable[str | None] = (),
    ) -> "Known":
        """From values as stored: names are (family, given), places (city, state)."""
        words: dict[str, str] = {}
        for city, state in places:
            words.update((form, PLACE) for form in forms.places(city or "", state or ""))
        named = list(names)
        for family, given in named:
            words.update((form, NAME) for form in forms.names(family or "", given or ""))
        parts = {word for pair in named for part in pair if part for word in forms.words_of(part)}
        for street in streets:
            words.update((form, ADDRESS) for form in forms.streets(street or ""))
        words.update((fold(email.strip()), EMAIL) for email in emails if email and "@" in email)
        codes: dict[str, str] = {}
        codes.update((form, MRN) for one in numbers for form in forms.numbers(one or ""))
        codes.update((form, PHONE) for one in phones for form in forms.phones(one or ""))
        codes.update((form, SSN) for one in ssns for form in forms.numbers(one or ""))
        return cls(words, codes, frozenset(part for part in parts if part not in words))

    def digest(self) -> str:
        """Digest of all that is known."""
        made = hashlib.sha256()
        for held in (self.words, self.numbers, dict.fromkeys(self.ordinary, "ordinary")):
            for form in sorted(held):
                made.update(f"{held[form]}\t{form}\n".encode())
        return made.hexdigest()[:12]
