"""What the vault knows is found in every written form; what is ordinary is left where it stands alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.redaction.known import Known, Vault
from policies.redaction.known.reading import split_name
from policies.redaction.spans import Text

pytestmark = pytest.mark.unit
KNOWN = Known.of(
    names=[("Quigley", "Rosalind"), ("Young", "Grace"), ("Ng", "Wei"), ("O'Hara-Nuñez", "José María"), ("van der Berg", "Anke"), ("Smith27", "Ora9")],
    numbers=["EHR|E000123", "LAB|77-10492", "1.2.840.113619.2.55"],
    phones=["617-555-2314"],
    streets=["12 Larkspur Lane Apt 4"],
    ssns=["SSN|123-45-6789"],
    places=[("Bellows Falls", "VT"), ("Reading", "MA")],
    emails=["r.quigley@example.com"],
)  # fmt: skip
VAULT = Vault(KNOWN)


def struck(text: str) -> list[str]:
    return [text[one.start : one.stop] for one in sorted(VAULT.find([Text(text)])[0])]


@pytest.mark.parametrize(
    "text",
    [
        "Rosalind Quigley", "QUIGLEY, ROSALIND", "quigley, r", "Ms. Quigley's chart", "Dr Quigley", "Quigley-Smith", "R. Quigley", "ROSALIND came",
        "Q u i g l e y", "Q U I G L E Y", "Quig-\n  ley", "Mrs. Young", "Young, Grace", "grace young", "G. Young", "YOUNG^GRACE", "Mr. Ng", "Wei Ng", "Jose Maria",
        "O'Hara", "Nunez", "NUÑEZ", "Anke", "Berg", "Smith", "Smith27", "E000123", "e000123", "E-000123", "E 000123", "EOOO123", "000123", "77-10492", "7710492",
        "1.2.840.113619.2.55", "617-555-2314", "(617) 555-2314", "617.555.2314", "6175552314", "+1 617 555 2314", "555-2314", "6 1 7 5 5 5 2 3 1 4",
        "12 Larkspur Lane", "12 LARKSPUR LANE APT 4", "123-45-6789", "123 45 6789", "123456789", "Bellows Falls", "BELLOWS FALLS, VT", "Reading, MA",
        "r.quigley@example.com", "R.Quigley@Example.COM",
    ],
)  # fmt: skip
def test_each_written_form_is_found(text):
    assert struck(f"Note: {text} was seen."), text


@pytest.mark.parametrize(
    "text",
    [
        "a young woman", "Grace period", "reading glasses", "New Young lady", "Quigleyville", "bergamot", "12 Lark Lane", "pt E000124", "call 555-2315",
        "BP 123/45, HR 67", "617 mg of 555", "weight 123.45 kg", "ng/mL",
    ],
)  # fmt: skip
def test_what_is_not_known_or_ordinary_is_left(text):
    assert struck(f"Note: {text}.") == []


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_survived(text):
    for span in VAULT.find([Text(text)])[0]:
        assert 0 <= span.start < span.stop <= len(text)


@given(
    st.sampled_from(["Quigley", "E000123", "617-555-2314", "Bellows Falls"]),
    st.sampled_from([" ", "\n", "\t", ",", ".", "(", ")", "/", '"', ";", ":"]),
)
def test_any_mark_may_stand_beside(form, mark):
    text = f"x{mark}{form}{mark}y"
    assert form in struck(text) or any(form in one for one in struck(text))


def test_nothing_known_finds_nothing():
    assert Vault(Known({})).find([Text("Rosalind Quigley 617-555-2314")]) == [[]]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Marsh, Helen, MD", ("Marsh", "Helen")), ("Dr. Helen Marsh", ("Marsh", "Helen")), ("MARSH^HELEN^A", ("MARSH", "HELEN A")),
        ("Marsh", ("Marsh", "")), ("", ("", "")),
    ],
)  # fmt: skip
def test_a_name_in_one_piece_is_split(name, split):
    assert split_name(name) == split


def test_the_digest_does_not_depend_on_order():
    one = Known.of(names=[("Abel", "Ana"), ("Zeno", "Zoe")], phones=["617-555-2314", "617-555-2315"])
    other = Known.of(names=[("Zeno", "Zoe"), ("Abel", "Ana")], phones=["617-555-2315", "617-555-2314"])
    assert one.digest() == other.digest() != KNOWN.digest()
