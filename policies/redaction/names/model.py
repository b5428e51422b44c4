"""Weighs features: the likelihoods of "neither", "name" and "place" by a softmax over summed weights (multinomial logistic regression)."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from math import exp

Weights = dict[str, tuple[float, float, float]]
CLASSES = ("neither", "name", "place")
FILE = "weights.tsv"


def _text() -> str:
    return files(__package__).joinpath(FILE).read_text(encoding="utf-8")


@cache
def version() -> str:
    """Digest of the weights."""
    return hashlib.sha256(_text().encode()).hexdigest()[:12]


@cache
def read_weights() -> tuple[Weights, Weights, Weights]:
    """The weights of the first, second and third weighing, from `weights.tsv`: stage, feature, three numbers."""
    stages: tuple[Weights, Weights, Weights] = ({}, {}, {})
    for line in _text().splitlines():
        if not line.startswith("#"):
            stage, feature, *numbers = line.split("\t")
            neither, name, place = map(float, numbers)
            stages[int(stage) - 1][feature] = (neither, name, place)
    return stages


def weigh(found: Iterable[str], weights: Weights) -> tuple[float, float]:
    """(likelihood of a name, likelihood of a place)."""
    neither = name = place = 0.0
    for feature in found:
        one = weights.get(feature)
        if one is not None:
            neither += one[0]
            name += one[1]
            place += one[2]
    most = max(neither, name, place)
    a, b, c = exp(neither - most), exp(name - most), exp(place - most)
    total = a + b + c
    return b / total, c / total
