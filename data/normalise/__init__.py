"""From received bytes to OMOP CDM v5.4: `extract` stages what sources sent, `normalise` maps it, both in DuckDB."""

from data.normalise.build import VERSION, Balance, balance, normalise
from data.normalise.extract import extract

__all__ = ["VERSION", "Balance", "balance", "extract", "normalise"]
