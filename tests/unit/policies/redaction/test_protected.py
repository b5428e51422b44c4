"""Protected terms: clinical words that look like names stay, and hardly a usual name is among them."""

import importlib
import pkgutil
import re

import faker.providers.person as persons
import pytest
from faker.providers.person.en_US import Provider as American

from policies.redaction.folding import fold
from policies.redaction.protected import Protected, bare, clinical_shape, load, ordinary, reading

pytestmark = pytest.mark.unit

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

# Words protected alone although they are among the most usual names of the US: months, which a note names far oftener than a person.
# "Dr. May" and "May Smith" are the business of the names pass: a title or the form of a full name counts more.
USUAL_NAMES_KEPT = {"april", "may"}
# Abbreviations that are given or family names too: antinuclear antibodies, cyclooxygenase, lower extremity.
USUAL_ABBREVIATIONS = {"ana", "cox", "le"}

# A sentence, and the words in it that must stay.
EPONYMS = """
Babinski downgoing bilaterally: babinski
Foley catheter removed on day two: foley
Foley in place: foley
history of Parkinson's disease: parkinson's
Parkinson disease, stage 2: parkinson
Alzheimer's dementia: alzheimer's
Wilson disease was ruled out: wilson
Wilson's disease: wilson's
Crohn's flare: crohn's
McMurray test negative: mcmurray
negative Lachman and anterior drawer: lachman
Tinel's sign at the wrist: tinel's
Phalen test positive: phalen
Romberg negative: romberg
positive Murphy's sign: murphy's
Homans sign negative: homans
Apgar scores 8 and 9: apgar
Glasgow coma scale 15: glasgow
Braden score 18: braden
Morse fall scale 45: morse
Hodgkin lymphoma: hodgkin
Kaposi sarcoma: kaposi
Hickman line flushed: hickman
Swan-Ganz catheter: swan ganz
in Trendelenburg position: trendelenburg
semi-Fowler position: fowler
Billroth II: billroth
status post Whipple: whipple
Kocher clamp: kocher
Bartholin cyst: bartholin
Skene gland: skene
Purkinje cells: purkinje
Langerhans cell histiocytosis: langerhans
Golgi apparatus: golgi
Gram stain: gram
Giemsa stain: giemsa
Wright-Giemsa stain: wright giemsa
direct Coombs negative: coombs
Rorschach test: rorschach
Beck depression inventory: beck
Hamilton depression scale: hamilton
Mallampati class II: mallampati
Gleason 3+4: gleason
Bethesda III: bethesda
Karnofsky 80: karnofsky
Child-Pugh class B: child pugh
Ranson criteria: ranson
Wells score 3: wells
Geneva score: geneva
Framingham risk: framingham
Holter monitor: holter
Bruce protocol: bruce
Doppler ultrasound: doppler
Kelly clamp: kelly
Allis clamp: allis
Metzenbaum scissors: metzenbaum
Jackson-Pratt drain: jackson pratt
Penrose drain: penrose
Kirschner wire: kirschner
Bell's palsy: bell's
Graves' disease: graves'
Cushing syndrome: cushing
Addison's disease: addison's
Young Mania Rating Scale: young
Ramsay Hunt syndrome: ramsay hunt
Down syndrome: down
Stevens-Johnson syndrome: stevens johnson
Guillain-Barré syndrome: guillain barre
Sjögren's syndrome: sjogren's
seen again in May: may
"""
CASES = [tuple(line.rsplit(": ", 1)) for line in EPONYMS.strip().splitlines()]

NAMES_ALONE = [
    "wilson", "murphy", "jackson", "johnson", "kelly", "bell", "graves", "young", "wells", "hamilton", "baker", "turner", "hunter",
    "cooper", "stewart", "bruce", "child", "beck",
]  # fmt: skip

SHAPES = {
    "appendicitis": True, "cholecystectomy": True, "nephrostomy": True, "tracheotomy": True, "hyponatremia": True, "proteinuria": True,
    "cardiomyopathy": True, "fibromyalgia": True, "kyphoplasty": True, "colonoscopy": True, "mammogram": True, "angiography": True,
    "atenolol": True, "lisinopril": True, "valsartan": True, "rosuvastatin": True, "adalimumab": True, "osimertinib": True,
    "fluconazole": True, "amoxicillin": True, "azithromycin": True, "doxycycline": True, "levofloxacin": True, "enoxaparin": True,
    "sitagliptin": True, "empagliflozin": True, "semaglutide": True, "ritonavir": True, "lidocaine": True, "lorazepam": True,
    "phenobarbital": True, "sumatriptan": True, "ondansetron": True, "omeprazole": True, "amlodipine": True, "montelukast": True,
    "furosemide": True, "hydrochlorothiazide": True, "hypertension": True, "osteoarthritis": True, "anti-dopaminergic-nephropathy": True,
    "april": False, "ingram": False, "pegram": False, "aristide": False, "mccaine": False, "ranvir": False, "jasvir": False,
    "antonia": False, "anastasis": False, "euphemia": False, "berzitis": False, "hypolite": False, "angiolini": False,
    "costopoulos": False, "ethiopia": False, "tavolone": False, "grguric": False, "leonide": False, "parin": False, "itis": False,
    "": False, "-": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def protected() -> Protected:
    return load()


@pytest.fixture(scope="module")
def usual_names() -> set[str]:
    """The 500 most usual family names of the US, and as many given names of men and of women (Faker's weights are the census's)."""
    lists = (American.last_names, American.first_names_male, American.first_names_female)
    return {fold(name) for weights in lists for name in sorted(weights, key=weights.get, reverse=True)[:500]}


def names_of_the_world() -> set[str]:
    """Every word of every name that Faker knows in any language, in Latin letters."""
    found = set()
    for module in pkgutil.iter_modules(persons.__path__):
        provider = importlib.import_module(f"{persons.__name__}.{module.name}").Provider
        lists = [getattr(provider, name) for name in dir(provider) if "name" in name and "format" not in name]
        names = [name for one in lists if isinstance(one, tuple | list | dict) for name in one if isinstance(name, str)]
        found |= {fold(word) for name in names if "{" not in name for word in re.findall(r"[^\W\d_]+", name)}
    return found


@pytest.mark.parametrize("name", [*reading.TERMS, *reading.LISTS])
def test_files_are_sorted_folded_and_without_doubles(name: str):
    terms = [line.partition("\t")[0] for line in reading.lines(reading.read_files()[name])]
    assert terms == sorted(set(terms))
    assert terms == [fold(term).strip() for term in terms]


@pytest.mark.parametrize("name", reading.TERMS)
def test_companions_are_folded_words_or_groups(name: str):
    _, lines = reading.terms(reading.read_files()[name])
    words = [word for line in lines for word in line.partition("\t")[2].split(" ")]
    assert [word for word in words if not word or word != fold(word)] == []
    assert {word for word in words if word[0] == "@"} <= {"@heads", "@doses"}


@pytest.mark.parametrize(("sentence", "words"), CASES, ids=[case[0] for case in CASES])
def test_an_eponym_stays_in_its_usual_phrase(protected: Protected, sentence: str, words: str):
    tokens = WORD.findall(fold(sentence).replace("s' ", "s "))
    for word in words.split():
        place = tokens.index(word.rstrip("'"))
        near = {*tokens[max(0, place - 2) : place], *tokens[place + 1 : place + 3]}
        assert protected.keeps(word, near)


@pytest.mark.parametrize("name", NAMES_ALONE)
def test_a_usual_name_is_not_protected_alone(protected: Protected, name: str):
    assert name in protected.with_head
    assert not protected.keeps(name, {"doctor", "was", "seen", "yesterday"})


def test_only_listed_usual_names_are_protected_alone(protected: Protected, usual_names: set[str]):
    assert protected.alone & usual_names == USUAL_NAMES_KEPT
    assert protected.abbreviations & usual_names == USUAL_ABBREVIATIONS


def test_no_usual_name_is_protected_by_any_head(usual_names: set[str]):
    """The heads are many ("test", "procedure"); a usual name needs companions of its own."""
    files = reading.read_files()
    lines = [line.partition("\t") for name in reading.TERMS for line in reading.terms(files[name])[1]]
    assert {term for term, _, near in lines if "@heads" in near.split()} & usual_names == set()


def test_medicines_and_clinical_words_stay(protected: Protected):
    kept = "lasix lyrica norvasc tylenol zofran keflex metformin escherichia dexcom omnipod paxlovid laparoscopic reading bath"
    assert [word for word in kept.split() if not protected.keeps(word)] == []
    assert {"htn", "copd", "bun", "chf", "gerd", "cabg", "bid"} <= protected.abbreviations
    assert {"assessment", "plan", "hpi"} <= protected.sections
    assert {"mr", "dr", "md", "rn", "facs"} <= protected.titles


def test_brands_named_like_women_need_a_dose(protected: Protected):
    assert not protected.keeps("camila", {"saw", "me"})
    assert protected.keeps("camila", {"takes", "daily"})


@pytest.mark.parametrize(("word", "shape"), SHAPES.items())
def test_clinical_shape(word: str, shape: bool):
    assert clinical_shape(word) is shape


def test_no_name_of_the_world_has_a_clinical_shape():
    names = names_of_the_world()
    assert len(names) > 30_000
    assert {name for name in names if clinical_shape(name)} == set()


@pytest.mark.parametrize(
    "word",
    [
        "pain", "edema", "stopped", "stopping", "studies", "quickly", "larger", "happiest", "nontender", "diagnoses", "women", "has", "boxes",
        "noticed", "abdominally",
    ],
)  # fmt: skip
def test_ordinary_words_and_their_inflections(word: str):
    assert ordinary(word)


@pytest.mark.parametrize("word", ["parkinson", "martinez", "xq", "nonadri", "pembrolizumab", "jones", ""])
def test_what_is_not_ordinary(word: str):
    assert not ordinary(word)


def test_phrases_are_found_as_whole_words(protected: Protected):
    text = "new york heart association iii; knew york heart association; st. jude valve, west niles, port-a-cath"
    found = [text[start:stop] for start, stop in protected.phrases.find(text)]
    assert found == ["new york heart association", "st. jude valve", "port-a-cath"]


def test_a_steward_adds_words_and_phrases():
    more = load(["Zorgplein", "  Sint  Barbara Kliniek "])
    assert more.keeps("zorgplein")
    assert more.phrases.find("in sint barbara kliniek.") == [(3, 23)]
    assert not load().keeps("zorgplein")


def test_the_version_tells_what_decides():
    assert load().version == load([]).version == load([" "]).version
    assert load(["zorgplein"]).version != load().version
    assert load(["a b", "c"]).version == load(["c", "a b"]).version


def test_loading_is_remembered():
    assert load(["zorgplein"]) is load(["Zorgplein"])


@pytest.mark.parametrize(
    ("word", "stem"), [("crohn's", "crohn"), ("graves'", "graves"), ("foley", "foley"), ("'", ""), ("", "")]
)
def test_bare_words(word: str, stem: str):
    assert bare(word) == stem
