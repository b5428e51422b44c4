"""Clinical notes of the sample hospital: they name the patient, relatives and staff, as real ones do, and carry eponyms and negations.

A few also say what no system knows: a nickname, or a neighbour. Each note comes with the key of the identifiers in it.
"""

from dataclasses import dataclass

from data.synthetic import relatives
from data.synthetic.names import CLINICIANS
from data.synthetic.population import Person, Visit

Span = tuple[int, int, str, bool]


@dataclass(frozen=True)
class _Mark:
    """An identifier of a kind, as it is written."""

    text: str
    kind: str
    known: bool = True


_Piece = str | _Mark


def note(person: Person, visit: Visit) -> tuple[str, str]:
    """(title, text) of the note of a visit."""
    title, text, _ = note_with_spans(person, visit)
    return title, text


def note_with_spans(person: Person, visit: Visit) -> tuple[str, str, list[Span]]:
    """(title, text, spans) of the note of a visit; the title may hold the family name, the spans are of the text alone.

    A span is (start, stop, kind, known): characters `start` to `stop`, not included, are an identifier. Kinds: NAME (without title or degree),
    DATE, PHONE, EMAIL, ADDRESS (the street), PLACE (the city), ZIP, MRN. `known` says whether some source system sends it as a patient's, a
    relative's or a clinician's, so that the vault holds it; a date is never known so. Spans are in order and do not overlap.
    """
    text, spans = _written(_pieces(person, visit))
    return "Discharge summary" if visit.kind == "IMP" else f"Visit note {person.family}", text, spans


def _written(pieces: list[_Piece]) -> tuple[str, list[Span]]:
    """The pieces as one text, and where in it the marked ones stand."""
    text, spans = "", []
    for piece in pieces:
        if isinstance(piece, _Mark):
            spans.append((len(text), len(text) + len(piece.text), piece.kind, piece.known))
        text += piece.text if isinstance(piece, _Mark) else piece
    return text, spans


def _name(text: str, known: bool = True) -> _Mark:
    return _Mark(text, "NAME", known)


def _pieces(person: Person, visit: Visit) -> list[_Piece]:
    given, family, _ = CLINICIANS[visit.clinician]
    day, seen_by = _Mark(visit.start.strftime("%m/%d/%Y"), "DATE", known=False), _name(f"{given} {family}")
    title = "Mr." if person.sex == "male" else "Ms."
    conditions = sorted({one.name for one, _ in person.conditions})
    has = "; ".join(conditions) or "no chronic conditions"
    whole, phone = _name(f"{person.given} {person.family}"), _Mark(person.phone, "PHONE")
    if visit.kind == "IMP":
        return [
            "DISCHARGE SUMMARY\nPatient: ", _name(f"{person.family.upper()}, {person.given}"), " (MRN ", _Mark(person.mrn("EHR"), "MRN"),
            "), born ", _Mark(person.birth.isoformat(), "DATE", known=False), ".\nAdmitted ", day, f". {title} ", _name(person.family),
            " was treated by Dr. ", _name(family), f". Known: {has}. Foley catheter removed on day two. No sign of Parkinson disease.\n",
            *_kin(person), *_unknown(person, visit),
        ]  # fmt: skip
    if visit.kind == "EMER":
        return [
            "EMERGENCY NOTE ", day, "\n", whole, " of ", _Mark(person.street, "ADDRESS"), ", ", _Mark(person.city, "PLACE"), f", {person.state} ",
            _Mark(person.zip, "ZIP"), ", came by ambulance", *_with(person), f". Denies chest pain. History: {has}. Seen by ", seen_by, ".",
            *_unknown(person, visit),
        ]  # fmt: skip
    return [
        f"{title} ", whole, " seen on ", day, f". {has.capitalize()}. Discussed diet and exercise. Will call ", phone, ".", *_helped(person),
        *_referred(person, visit), *_unknown(person, visit), " Signed, ", seen_by, " MD.",
    ]  # fmt: skip


def _kin(person: Person) -> list[_Piece]:
    kin = relatives.relative(person)
    if kin is None:
        return ["Next of kin can be reached at ", _Mark(person.phone, "PHONE"), "."]
    mail: list[_Piece] = [" or ", _Mark(kin.email, "EMAIL")] if kin.email else []
    name, phone = _name(f"{kin.given} {kin.family}"), _Mark(kin.phone, "PHONE")
    return [f"Next of kin: {kin.relation} ", name, ", can be reached at ", phone, *mail, "."]


def _with(person: Person) -> list[_Piece]:
    kin = relatives.relative(person)
    return [f", with {kin.relation} ", _name(f"{kin.given} {kin.family}")] if kin else []


def _helped(person: Person) -> list[_Piece]:
    kin = relatives.relative(person)
    return [f" {kin.relation.capitalize()} ", _name(kin.given), " helps with medication."] if kin else []


def _referred(person: Person, visit: Visit) -> list[_Piece]:
    _, family, _ = CLINICIANS[(visit.clinician + 1 + person.number) % len(CLINICIANS)]
    return [" Referred to Dr. ", _name(family), "."] if person.number % 4 == 1 else []


def _unknown(person: Person, visit: Visit) -> list[_Piece]:
    """In a few notes: somebody, or a name, that no system knows."""
    turn = (person.number * 3 + person.visits.index(visit) // 2) % 20
    if turn == 0:
        return [
            " Likes to be called ",
            _name(relatives.NICKNAMES[person.number % len(relatives.NICKNAMES)], known=False),
            ".",
        ]
    if turn == 1:
        given, family = relatives.NEIGHBOURS[person.number % len(relatives.NEIGHBOURS)]
        called = _Mark(f"617-555-01{person.number % 100:02d}", "PHONE", known=False)
        return [" The neighbour, ", _name(f"{given} {family}", known=False), ", looks in daily, ", called, "."]
    return []
