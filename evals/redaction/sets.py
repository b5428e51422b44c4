"""The built-in sets of labelled texts, each with a half to tune on and a half held out, whose figures count.

presidio: the synthetic sentences of microsoft/presidio-research (MIT). aci: notes of ACI-Bench with invented identities (see `aci`). Neither is
shipped; both are read from a folder that is named, or that lies beside the project. hospital: notes of the sample hospital, made anew.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import BadRequest
from evals.redaction.aci import aci_documents
from evals.redaction.gold import HELD_OUT, TUNE, Document, Label, document_of, records
from evals.redaction.hospital import KNOWN, PERSONS, hospital_notes

SETS = ("presidio", "aci", "hospital")
_PRESIDIO, _ACI = "phi/presidio_synth_v2/samples.json.gz", "notes/aci_bench"
_BESIDE = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Set:
    """A set's name, its documents, a sentence on where they are from, and the labels of what the vault knows, if there is one."""

    name: str
    documents: list[Document]
    about: str
    known: frozenset[str] = frozenset()


def shared_folder(given: Path | None) -> Path | None:
    """Where the data that is not shipped lies: the folder given, else the one beside the project, else None."""
    return given or (_BESIDE if _BESIDE.is_dir() else None)


def presidio_set(shared: Path) -> Set:
    """Documents of one template are one unit; a template's digest says which half it is in."""
    path = shared / _PRESIDIO
    documents = []
    for number, record in records(path):
        template = str(record.get("template_id"))
        part = HELD_OUT if hashlib.sha256(template.encode()).digest()[0] % 2 else TUNE
        documents.append(_without_nan(document_of(f"presidio#{number}", record, part, f"template {template}")))
    return Set(
        "presidio",
        documents,
        "synthetic sentences of microsoft/presidio-research, MIT; the finder knows nobody in them",
    )


def _without_nan(document: Document) -> Document:
    """The word `nan` in an address is what the generator wrote where it had no state: no identifier, so the label is cut there."""
    labels = []
    for one in document.labels:
        at = one.start
        for match in re.finditer(r"\bnan\b", document.text[one.start : one.stop]):
            labels += [
                Label(at, one.start + match.start(), one.label),
                Label(one.start + match.start(), one.start + match.end(), "TITLE"),
            ]
            at = one.start + match.end()
        labels.append(Label(at, one.stop, one.label))
    return replace(document, labels=tuple(one for one in labels if one.start < one.stop))


def aci_set(shared: Path) -> Set:
    """Notes with invented identities; train is for tuning, valid is held out, with sentences and name lists of its own."""
    return Set(
        "aci",
        aci_documents(shared / _ACI),
        "notes of ACI-Bench, CC BY 4.0, with invented identities; the finder knows nobody in them",
    )


def hospital_set() -> Set:
    """Notes of the sample hospital; the finder is to be given its vault."""
    about = f"notes of the sample hospital of {PERSONS} persons, with the vault that publishing knows"
    return Set("hospital", hospital_notes(), about, KNOWN)


_MADE_OF_SHARED: dict[str, tuple[Callable[[Path], Set], str]] = {
    "presidio": (presidio_set, _PRESIDIO),
    "aci": (aci_set, _ACI),
}


def shared_set(name: str, shared: Path | None) -> Set:
    """A set that is not shipped. Raises BadRequest where its data is absent."""
    make, where = _MADE_OF_SHARED[name]
    if shared is None or not (shared / where).exists():
        raise BadRequest(
            f"The set '{name}' needs {where}, which is not here.", "Name the folder that holds it with --shared."
        )
    return make(shared)
