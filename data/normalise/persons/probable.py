"""Pairs of patients that are probably one person: Fellegi and Sunter's model (1969), computed by splink in the build's own DuckDB.

The weights are stated here and not trained on the data: the same patients give the same pairs on every machine, and a steward can read why.
m is how often a field agrees so among records of one person, u among records of two.
"""

import logging
from collections.abc import Iterator

import duckdb
import splink.comparison_level_library as levels
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.comparison_level_creator import ComparisonLevelCreator
from splink.logging import disable

from data.normalise.persons.groups import Key

_Weight = tuple[float, float]  # m, u
_PRIOR = 0.0001  # of two patients that share a block


def pairs(con: duckdb.DuckDBPyConnection, least: float) -> Iterator[tuple[Key, Key, float, bool]]:
    """Pairs whose match probability is at least `least`, most probable first, and whether both names agree but for a slip.

    Twins share all but the given name, so no probability alone makes one person of two. Reads temp table `known`.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE comparable AS SELECT row_number() OVER (ORDER BY source, mrn) AS unique_id, source, mrn, "
        "nullif(family, '') AS family, nullif(given, '') AS given, nullif(birth, '') AS birth, nullif(sex, '') AS sex, "
        "nullif(zip, '') AS zip, nullif(phone, '') AS phone FROM known WHERE birth <> '' AND family <> ''"
    )
    if con.execute("SELECT count(*) FROM comparable").fetchall()[0][0] < 2:
        return
    api = DuckDBAPI(connection=con)
    linker = Linker(api.register("comparable"), _settings())
    disable()  # a linker turns on progress lines, which are no news to a steward
    logging.getLogger("splink").setLevel(logging.ERROR)
    predicted = linker.inference.predict(threshold_match_probability=least)
    rows = con.execute(
        "SELECT l.source, l.mrn, r.source, r.mrn, round(match_probability, 6) AS sure, gamma_family > 0 AND gamma_given > 0 "
        f"FROM {predicted.physical_name} p JOIN comparable l ON l.unique_id = p.unique_id_l JOIN comparable r ON r.unique_id = p.unique_id_r "
        "ORDER BY sure DESC, 1, 2, 3, 4"
    ).fetchall()
    predicted.drop_table_from_database_and_remove_from_cache()
    for source, mrn, other_source, other_mrn, sure, named in rows:
        yield (source, mrn), (other_source, other_mrn), float(sure), bool(named)


def _settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        probability_two_random_records_match=_PRIOR,
        blocking_rules_to_generate_predictions=[
            block_on("birth", "sex"),
            block_on("family", "given", "substr(birth, 1, 4)"),
            block_on("family", "given", "substr(birth, 5, 4)"),
            block_on("phone", "given"),
        ],
        comparisons=[
            _graded(levels.DamerauLevenshteinLevel("family", 1), "family", (0.92, 0.005), (0.06, 0.0005)),
            _graded(levels.JaroWinklerLevel("given", 0.9), "given", (0.9, 0.01), (0.07, 0.005)),
            _graded(levels.DamerauLevenshteinLevel("birth", 1), "birth", (0.97, 0.00004), (0.025, 0.0008)),
            *(_equal(name, m, u) for name, m, u in _PLAIN),
        ],
        retain_intermediate_calculation_columns=False,
    )


_PLAIN = (("sex", 0.995, 0.5), ("zip", 0.8, 0.01), ("phone", 0.7, 0.00001))


def _weighed(level: ComparisonLevelCreator, m: float, u: float) -> ComparisonLevelCreator:
    return level.configure(m_probability=m, u_probability=u)


def _compared(column: str, *graded: ComparisonLevelCreator) -> comparisons.CustomComparison:
    return comparisons.CustomComparison(
        output_column_name=column, comparison_levels=[levels.NullLevel(column), *graded]
    )


def _graded(near: ComparisonLevelCreator, column: str, same: _Weight, slip: _Weight) -> comparisons.CustomComparison:
    """A column that agrees, agrees but for a slip, or does not; what is left of m and u is for the last."""
    rest = 1 - same[0] - slip[0], 1 - same[1] - slip[1]
    return _compared(
        column,
        _weighed(levels.ExactMatchLevel(column), *same),
        _weighed(near, *slip),
        _weighed(levels.ElseLevel(), *rest),
    )


def _equal(column: str, m: float, u: float) -> comparisons.CustomComparison:
    return _compared(
        column,
        _weighed(levels.ExactMatchLevel(column), m, u),
        _weighed(levels.ElseLevel(), 1 - m, 1 - u),
    )
