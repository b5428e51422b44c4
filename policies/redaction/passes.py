"""The list of passes, in order. Read it to know what finds identifiers; what the vault knows comes after, per build (`known`)."""

from functools import cache

from policies.redaction.finder import Finder
from policies.redaction.known import Known, Vault
from policies.redaction.names import Names
from policies.redaction.names.lexicon import Lexicon
from policies.redaction.patterns import Patterns
from policies.redaction.presidio.doubts import Doubts
from policies.redaction.protected import load
from policies.redaction.settings import Settings
from policies.redaction.spans import Pass


@cache
def searching(settings: Settings) -> Finder:
    """The passes that rest on the text alone: shapes, names, doubts, the steward's own recognisers."""
    lexicon = Lexicon(load(settings.keep), settings.keep)
    passes: list[Pass] = [Patterns()]
    if settings.language_model:
        passes += [Names(lexicon), Doubts(settings.strike_from)]
    else:
        passes += [Names(lexicon, sure=settings.strike_from)]
    if settings.recognisers:
        from policies.redaction.presidio.recognisers import Recognisers  # noqa: PLC0415 - spaCy is loaded only where it is used

        passes.append(Recognisers(settings.recognisers, settings.score_from))
    return Finder(passes)


def make_finder(known: Known | None = None, settings: Settings | None = None) -> Finder:
    """All passes, with the vault's first where something is known."""
    passes = searching(settings or Settings()).passes
    return Finder([Vault(known), *passes] if known is not None else passes)
