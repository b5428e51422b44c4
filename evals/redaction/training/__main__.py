"""Teaches the names pass: `python -m evals.redaction.training [--shared DIR]` writes `policies/redaction/names/weights.tsv` anew.

Generated texts alone do; with `--shared`, the tuning halves of the labelled sets are added (never the held-out ones).
"""

import random
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from evals.redaction.training.documents import Document, Weights, samples
from evals.redaction.training.doubts import doubtful
from evals.redaction.training.generate import Labelled, Lists, Maker
from evals.redaction.training.given import given_texts
from policies.redaction.names.lexicon import Lexicon
from policies.redaction.protected import load, reading
from policies.redaction.protected.ordinary import lexicon as ordinary_words

SEED, TEXTS, RARE, SMALL, STRENGTH = 11, 16_000, 3, 0.02, 0.3
OUT = Path("policies/redaction/names/weights.tsv")
HEAD = """# Weights of the names pass: stage, feature, then its weight for "neither", "name" and "place". Written by evals/redaction/training.
# Stage 1 weighs a word by itself, stage 2 beside its neighbours, stage 3 beside what Presidio says.
"""
out = Console(highlight=False)


def fit(rows: list[tuple[list[str], int, float]]) -> Weights:
    """Multinomial logistic regression; features seen fewer than RARE times are left out."""
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform([dict.fromkeys(one, 1) for one, _, _ in rows])
    vectorizer.restrict(np.asarray((matrix > 0).sum(0)).ravel() >= RARE)
    matrix = vectorizer.transform([dict.fromkeys(one, 1) for one, _, _ in rows])
    fitted = LogisticRegression(C=STRENGTH, max_iter=500, fit_intercept=False).fit(
        matrix, [label for _, label, _ in rows], sample_weight=[weight for _, _, weight in rows]
    )
    made = {}
    for feature, place in vectorizer.vocabulary_.items():
        neither, name, town = (round(float(one), 3) for one in fitted.coef_[:, place])
        if max(abs(neither), abs(name), abs(town)) >= SMALL:
            made[feature] = (neither, name, town)
    return made


def lists_of(lexicon: Lexicon) -> Lists:
    """Words to fill templates with."""
    words = sorted(word for word in ordinary_words() if 3 < len(word) < 10)
    protected = lexicon.protected
    drugs = sorted(line.partition("\t")[0] for line in reading.lines(reading.read_files()["drugs"]))
    return Lists(
        random.Random(SEED).sample(words, 6_000),
        drugs,
        _eponyms(),
        sorted(protected.heads),
        sorted(protected.abbreviations),
    )


def _eponyms() -> list[str]:
    return sorted(line.partition("\t")[0] for line in reading.lines(reading.read_files()["eponyms"]))


def taught(documents: list[Document]) -> tuple[Weights, Weights]:
    """The first two stages. The second learns from what the first says of texts it was not taught with."""
    halves = documents[::2], documents[1::2]
    for learnt, other in (halves, halves[::-1]):
        weights = fit(list(samples(learnt, "first")))
        for document in other:
            document.weigh_first(weights)
    second = fit(list(samples(documents, "second")))
    return fit(list(samples(documents, "first"))), second


def main(
    shared: Annotated[Path | None, typer.Option(help="Directory of the real sample data.")] = None,
    path: Annotated[Path, typer.Option("--out")] = OUT,
    texts: int = TEXTS,
) -> None:
    """See the module."""
    lexicon = Lexicon(load())
    maker, forget = Maker(SEED, lists_of(lexicon)), random.Random(SEED)
    generated: list[Labelled] = [maker.text() for _ in range(texts)]
    documents = [Document(one, lexicon, forget) for one in generated]
    documents += [Document(one, lexicon, weight=weight) for one, weight in (given_texts(shared) if shared else ())]
    first, second = taught(documents)
    for document in documents:
        document.weigh_first(first)
        document.weigh_second(second)
    third = fit(doubtful(documents[-6_000:]))
    lines = [
        f"{stage}\t{feature}\t{weights[feature][0]:g}\t{weights[feature][1]:g}\t{weights[feature][2]:g}\n"
        for stage, weights in enumerate((first, second, third), 1)
        for feature in sorted(weights)
    ]
    path.write_text(HEAD + "".join(lines), encoding="utf-8")
    out.print(f"{len(documents)} texts, {len(lines)} weights, {path}")


if __name__ == "__main__":
    typer.run(main)
