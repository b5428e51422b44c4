"""k and l are what counting by hand gives."""

from collections import Counter, defaultdict
from statistics import median

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.catalogue.model import catalogue
from data.snapshots import Measures, measured
from policies.releases import CustomRelease, compile_release, risk

pytestmark = pytest.mark.unit
RELEASE = compile_release("limited", catalogue())

persons = st.lists(
    st.tuples(st.sampled_from([8507, 8532, 0]), st.sampled_from([1950, 1960, None]), st.sampled_from(["02139", "02140", None]),
              st.frozensets(st.integers(1, 4), max_size=3)),
    min_size=1, max_size=40,
)  # fmt: skip


def figures(people):
    """What the questions find of persons (sex, year of birth, ZIP code, diagnoses)."""
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS made")
        con.execute("CREATE SCHEMA made.operations")
        for name in RELEASE.tables:
            place = f"made.{name}" if "." in name else f"made.main.{name}"
            types = {column.name: column.type for column in catalogue()[name].columns}
            con.execute(f"CREATE TABLE {place} ({', '.join(f'{one} {types[one]}' for one in RELEASE.columns(name))})")
        for place, (sex, born, zip_, diagnoses) in enumerate(people):
            con.execute("INSERT INTO made.main.location (location_id, zip) VALUES (?, ?)", [place, zip_])
            con.execute(
                "INSERT INTO made.main.person (person_id, gender_concept_id, year_of_birth, location_id) VALUES (?, ?, ?, ?)",
                [place, sex, born, place],
            )
            for diagnosis in diagnoses:
                con.execute(
                    "INSERT INTO made.main.condition_occurrence (person_id, condition_concept_id) VALUES (?, ?)",
                    [place, diagnosis],
                )
        found = measured(con, Measures({}, risk.prepare(RELEASE, catalogue()), (), risk.figures(RELEASE, catalogue())))
    return found["figures"]


@settings(max_examples=25, deadline=None)
@given(persons)
def test_k_and_l_equal_a_count_by_hand(people):
    classes = defaultdict(list)
    for *quasi, diagnoses in people:
        classes[tuple(quasi)].append(diagnoses)
    sizes = [len(members) for members in classes.values()]
    varied = [len(frozenset().union(*members)) for members in classes.values()]
    found = figures(people)
    k = risk.anonymity(found["classes"])
    assert (k["k"], k["classes"], k["persons"]) == (min(sizes), len(sizes), len(people))
    assert {row["size"]: row["classes"] for row in k["distribution"]} == Counter(sizes)
    for limit in risk.SMALL:
        assert k["below"][str(limit)]["persons"] == sum(size for size in sizes if size < limit)
    assert k["highest_risk"] == pytest.approx(1 / min(sizes))
    assert k["average_risk"] == pytest.approx(sum(1 / len(classes[tuple(quasi)]) for *quasi, _ in people) / len(people))
    l_ = risk.diversity(found["diagnoses"], found["shared"])
    assert (l_["l"], l_["median"], l_["classes"]) == (min(varied), median(varied), len(varied))
    assert l_["at_most_one"] == sum(one <= 1 for one in varied)
    assert l_["all_share_one"] == sum(len(m) > 1 and bool(frozenset.intersection(*m)) for m in classes.values())


def test_quasi_identifiers_are_what_the_release_shows():
    assert "location.city" in risk.quasi_identifiers(RELEASE, catalogue())
    assert "location.city" not in risk.quasi_identifiers(compile_release("deidentified", catalogue()), catalogue())
    apart = CustomRelease(
        base="limited", ground="homes that lead to no person", drop=("person.location_id", "person.race_*")
    )
    left = risk.quasi_identifiers(compile_release("own", catalogue(), apart), catalogue())
    assert not [name for name in left if name.startswith("location.") or "race" in name]


def test_a_release_without_persons_has_no_k(publish_as):
    bare = CustomRelease(base="deidentified", ground="operations without any person", drop=("person",))
    found = publish_as(compile_release("own", catalogue(), bare))
    assert "classes" not in found["figures"]


def test_codes_of_one_person_alone_are_counted(publish_as):
    found = publish_as(compile_release("deidentified", catalogue()))["figures"]
    assert found["alone condition_occurrence.condition_source_value"] == [{"codes": 3, "alone": 1}]


def test_nobody_is_no_risk():
    assert risk.anonymity([])["k"] == 0
    assert risk.diversity([], [])["median"] == 0.0
