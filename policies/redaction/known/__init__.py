"""What the vault knows of patients, their relatives and staff, and the pass that finds it in a text."""

from policies.redaction.known.known import Known
from policies.redaction.known.reading import Persons, read_known
from policies.redaction.known.vault import Vault

__all__ = ["Known", "Persons", "Vault", "read_known"]
