"""What the sample hospital treats: conditions, drugs, tests, procedures, and how often. Codes and names are facts of SNOMED CT, RxNorm,
LOINC and CVX; how often they occur is made up, in proportions a ward would find plausible.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """A condition: SNOMED code, share of persons who have it at 80, share at 20, and the RxNorm drugs that follow it."""

    code: str
    name: str
    old: float
    young: float
    drugs: tuple[str, ...] = ()


CONDITIONS = (
    Condition("44054006", "Type 2 diabetes mellitus", 0.24, 0.01, ("106892",)),
    Condition("59621000", "Essential hypertension", 0.55, 0.03, ("314076", "310798")),
    Condition("55822004", "Hyperlipidemia", 0.40, 0.03, ("312961",)),
    Condition("53741008", "Coronary arteriosclerosis", 0.18, 0.0, ("309362",)),
    Condition("239873007", "Osteoarthritis of knee", 0.25, 0.0, ("310965",)),
    Condition("195662009", "Acute viral pharyngitis", 0.10, 0.30, ()),
    Condition("10509002", "Acute bronchitis", 0.15, 0.20, ("308192",)),
    Condition("271737000", "Anemia", 0.18, 0.08, ()),
    Condition("65363002", "Otitis media", 0.02, 0.20, ("308192",)),
    Condition("73595000", "Stress", 0.15, 0.30, ()),
    Condition("278860009", "Chronic low back pain", 0.25, 0.05, ("198405",)),
    Condition("230690007", "Cerebrovascular accident", 0.08, 0.0, ("309362",)),
    Condition("38822007", "Cystitis", 0.12, 0.08, ()),
    Condition("840539006", "COVID-19", 0.12, 0.15, ()),
)
RARE = Condition("62106007", "Concussion with no loss of consciousness", 0.0, 0.0)
RARE_PERSONS = 5  # of the first thousand: below any threshold

DRUGS = {
    "106892": "insulin isophane, human 70 UNT/ML / insulin, regular, human 30 UNT/ML Injectable Suspension [Humulin]",
    "314076": "lisinopril 10 MG Oral Tablet",
    "310798": "hydrochlorothiazide 25 MG Oral Tablet",
    "312961": "simvastatin 20 MG Oral Tablet",
    "309362": "clopidogrel 75 MG Oral Tablet",
    "310965": "ibuprofen 200 MG Oral Tablet",
    "308192": "amoxicillin 500 MG Oral Tablet",
    "198405": "ibuprofen 100 MG Oral Tablet",
}
PROCEDURES = (
    ("399208008", "Plain chest X-ray"),
    ("29303009", "Electrocardiographic procedure"),
    ("73761001", "Colonoscopy"),
    ("430193006", "Medication Reconciliation"),
    ("40701008", "Echocardiography"),
)
VACCINES = (
    ("140", "Influenza, seasonal, injectable, preservative free"),
    ("113", "Td (adult) preservative free"),
    ("10", "IPV"),
)
ALLERGIES = (
    ("419474003", "Allergy to mould"),
    ("91936005", "Allergy to penicillin"),
    ("300913006", "Shellfish allergy"),
)


@dataclass(frozen=True)
class Test:
    """A laboratory test: LOINC, name, unit, mean and spread in that unit, other unit and the factor to it, condition that raises it."""

    code: str
    name: str
    unit: str
    mean: float
    spread: float
    other_unit: str = ""
    to_other: float = 1.0
    raised_by: str = ""
    raise_by: float = 0.0


TESTS = (
    Test("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 95, 9, "mmol/L", 1 / 18.016, "44054006", 70),
    Test("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 5.4, 0.3, raised_by="44054006", raise_by=2.2),
    Test("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.95, 0.15, "umol/L", 88.42),
    Test(
        "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 185, 25, "mmol/L", 1 / 38.67, "55822004", 50
    ),
    Test("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 14.0, 1.1, raised_by="271737000", raise_by=-4.0),
)
MODALITIES = (("CT", "CHEST"), ("MR", "BRAIN"), ("CR", "CHEST"), ("US", "ABDOMEN"))
WARDS = ("Ward A", "Ward B", "Intensive Care", "Maternity", "Surgery")
CLINICS = ("Cardiology", "Diabetes", "General", "Orthopedics", "Eye")
PAYERS = ("Public", "Private One", "Private Two", "Self-pay")
