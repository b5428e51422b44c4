"""Redaction: text in, text without identities out; known identifiers first, then written patterns.

This is the true but thin form: what the vault knows and what has a shape is found; a name nobody told us of is not.
The publisher redacts each distinct text once; the pipeline asks `find` as a second line. Nothing here keeps a text.
"""

from policies.redaction.known import Known, read_known
from policies.redaction.redactor import KnownIdentifiers, find, make_redactor
from policies.redaction.second import SecondLine

__all__ = ["Known", "KnownIdentifiers", "SecondLine", "find", "make_redactor", "read_known"]
