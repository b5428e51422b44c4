"""Redaction: text in, text without identities out.

Finding is a list of passes (`passes.py`): shapes, names by lists and context, Presidio on what is in doubt, a steward's own recognisers; and
what the vault knows (`known`). Writing puts surrogates in place (`surrogates.py`). Publishing redacts each distinct text once
(`redactor.py`); the pipeline looks again at what comes back (`second.py`). Nothing here keeps or tells a text.
"""

from policies.redaction.known import Known, read_known
from policies.redaction.passes import make_finder
from policies.redaction.redactor import make_redactor
from policies.redaction.second import SecondLine
from policies.redaction.settings import Settings

__all__ = ["Known", "SecondLine", "Settings", "make_finder", "make_redactor", "read_known"]
