"""From received bytes to OMOP CDM v5.4: `extract` stages what sources sent, `normalise` maps it, both in DuckDB."""

from data.normalise.build import VERSION, Balance, balance, normalise
from data.normalise.extract import extract
from data.normalise.persons import Decision, read_decisions
from data.normalise.vocabulary import STARTER_VERSION, Vocabulary, open_vocabulary

__all__ = [
    "STARTER_VERSION",
    "VERSION",
    "Balance",
    "Decision",
    "Vocabulary",
    "balance",
    "extract",
    "normalise",
    "open_vocabulary",
    "read_decisions",
]
