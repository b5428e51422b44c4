"""Clinical notes of the sample hospital: they name the patient, relatives and staff, as real ones do, and carry eponyms and negations."""

from data.synthetic.names import CLINICIANS
from data.synthetic.population import Person, Visit


def note(person: Person, visit: Visit) -> tuple[str, str]:
    """(title, text) of the note of a visit."""
    given, family, _ = CLINICIANS[visit.clinician]
    day = visit.start.strftime("%m/%d/%Y")
    title = "Mr." if person.sex == "male" else "Ms."
    conditions = sorted({one.name for one, _ in person.conditions})
    has = "; ".join(conditions) or "no chronic conditions"
    if visit.kind == "IMP":
        text = (
            f"DISCHARGE SUMMARY\nPatient: {person.family.upper()}, {person.given} (MRN {person.mrn('EHR')}), "
            f"born {person.birth.isoformat()}.\nAdmitted {day}. {title} {person.family} was treated by Dr. {family}. "
            f"Known: {has}. Foley catheter removed on day two. No sign of Parkinson disease.\n"
            f"Next of kin can be reached at {person.phone}."
        )
    elif visit.kind == "EMER":
        text = (
            f"EMERGENCY NOTE {day}\n{person.given} {person.family} of {person.street}, {person.city}, {person.state} {person.zip}, "
            f"came by ambulance. Denies chest pain. History: {has}. Seen by {given} {family}."
        )
    else:
        text = (
            f"{title} {person.given} {person.family} seen on {day}. {has.capitalize()}. "
            f"Discussed diet and exercise. Will call {person.phone}. Signed, {given} {family} MD."
        )
    return ("Discharge summary" if visit.kind == "IMP" else f"Visit note {person.family}", text)
