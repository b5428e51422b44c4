"""The pass for a steward's own recognisers: Presidio's pattern recognisers with its rule of context words.

A match scores what its pattern says, and more where a context word stands near (Presidio's LemmaContextAwareEnhancer: 0.35 more, and at least
0.4). A pattern that takes too long for one text stops the run with its name: passing it over would leave identifiers standing.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import regex
import spacy
from presidio_analyzer import Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts
from spacy.language import Language

from data.errors import BadRequest
from policies.redaction.presidio.engine import EntityEngine
from policies.redaction.settings import Recogniser
from policies.redaction.spans import Span, Text

SECONDS = 20  # for one pattern on one text
_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE


class Recognisers:
    """Finds what the given recognisers match with a score of at least `score_from`."""

    name = "recognisers"

    def __init__(self, recognisers: Sequence[Recogniser], score_from: float) -> None:
        self._given, self._from = [_of(one) for one in recognisers], score_from
        told = "\n".join(one.model_dump_json() for one in recognisers)
        self.version = f"1-{hashlib.sha256(told.encode()).hexdigest()[:12]}-{score_from}"

    def find(self, texts: list[Text]) -> list[list[Span]]:
        """For each text the matches. Raises BadRequest, naming the pattern, where one takes longer than `SECONDS`."""
        return [self._find(text.raw) for text in texts]

    def _find(self, text: str) -> list[Span]:
        found = [result for one in self._given for result in one.analyze(text, one.supported_entities)]
        if found and any(one.context for one in self._given):
            found = LemmaContextAwareEnhancer().enhance_using_context(text, found, _words(text), self._given)
        return [Span(one.start, one.end, one.entity_type) for one in found if one.score >= self._from]


class _Bounded(PatternRecognizer):  # type: ignore[misc]  # the package has no types that hold
    """Presidio's, but for a pattern out of time, which it passes over in a log line."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: int | None = None
    ) -> list[RecognizerResult]:
        told = {RecognizerResult.RECOGNIZER_NAME_KEY: self.name, RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id}
        made = []
        for pattern in self.patterns:
            try:
                for match in _compiled(pattern.regex).finditer(text, timeout=SECONDS):
                    if match[0]:
                        why = self.build_regex_explanation(
                            self.name, pattern.name, pattern.regex, pattern.score, None, _FLAGS
                        )
                        made.append(
                            RecognizerResult(self.supported_entities[0], *match.span(), pattern.score, why, dict(told))
                        )
            except TimeoutError:
                advice = "Write it so that it cannot match the same text in many ways: no `(a+)+`, no `.*.*`."
                problem = f"Pattern '{pattern.name}' of recogniser '{self.name}' took over {SECONDS} s."
                raise BadRequest(problem, advice) from None
        return made


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, _FLAGS)


def _of(one: Recogniser) -> _Bounded:
    return _Bounded(
        supported_entity=one.supported_entity,
        name=one.name,
        patterns=[Pattern(pattern.name, pattern.regex, pattern.score) for pattern in one.patterns],
        deny_list=list(one.deny_list) or None,
        context=[word.lower() for word in one.context] or None,
    )


@cache
def _tokenizer() -> Language:
    return spacy.blank("en")


def _words(text: str) -> NlpArtifacts:
    """The words of a text for the rule of context: as written, in lower case."""
    language = _tokenizer()
    language.max_length = max(language.max_length, len(text) + 1)
    doc = language.make_doc(text)
    engine = EntityEngine()
    engine.use(language)
    words = [token.lower_ for token in doc]
    return NlpArtifacts(
        entities=[],
        tokens=doc,
        tokens_indices=[token.idx for token in doc],
        lemmas=words,
        nlp_engine=engine,
        language="en",
    )
