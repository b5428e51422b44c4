"""Notes of ACI-Bench with invented identities put into them at known places, so that every identifier in them is labelled.

What stood in the notes already (names of invented patients, dates) is labelled by `aci_bench.tsv`. The notes themselves are not shipped: they
are read from a copy of https://github.com/wyim/aci-bench. Some notes are turned to lower case, some to capitals, as some systems write them.
"""

import csv
import gzip
import io
import re
from collections import defaultdict
from functools import cache
from importlib import resources
from pathlib import Path

from data.errors import BadRequest
from evals.redaction.gold import HELD_OUT, TUNE, Document, Label
from evals.redaction.identities import Cast, Filled
from evals.redaction.templates import HELD_OUT as HELD_OUT_TEMPLATES
from evals.redaction.templates import TUNE as TUNE_TEMPLATES

_FILES = {"train.csv.gz": (TUNE, 2), "valid.csv.gz": (HELD_OUT, 6)}  # part, notes made of each note
_SENTENCES = 9
_AGE = re.compile(r"\b\d{1,2}(?=[ -](?:year|month|week|day)s?[ -]old\b)")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr)\b\.?(?= [A-Z]| ?$)")
_SENTENCE_ENDS = re.compile(r"(?<=[a-z]{3}\.)(?=\n|$| [A-Z])")


def aci_documents(folder: Path) -> list[Document]:
    """The labelled notes. `folder` holds train.csv.gz and valid.csv.gz. Raises BadRequest where it does not."""
    made = []
    for name, (part, copies) in _FILES.items():
        for encounter, note in _notes(folder / name):
            pieces = _labelled(encounter, note)
            made += [_made(encounter, pieces, part, copy) for copy in range(copies)]
    return made


def _notes(path: Path) -> list[tuple[str, str]]:
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
        return [(row["encounter_id"], row["note"]) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise BadRequest(
            f"{path} is no file of ACI-Bench (gzip of CSV with columns encounter_id and note).",
            "Name the folder that holds it.",
        ) from error


@cache
def _known() -> dict[str, list[tuple[str, str]]]:
    """(words, label) by encounter, longest words first."""
    text = resources.files("evals.redaction").joinpath("aci_bench.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), delimiter="\t")
    known: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        known[row["encounter_id"]].append((row["words"], row["label"]))
    return {encounter: sorted(words, key=lambda one: (-len(one[0]), one)) for encounter, words in known.items()}


def _labelled(encounter: str, note: str) -> list[Filled]:
    """A note as pieces: what stood in it already is labelled, and what is neutral, such as ages under 90."""
    places: list[tuple[int, int, str]] = []
    for words, label in _known().get(encounter, []):
        places += [(*match.span(), label) for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", note)]
    places += [(*match.span(), "AGE") for match in _AGE.finditer(note)]
    pieces, end = [], 0
    for start, stop, label in sorted(places, key=lambda one: (one[0], -one[1])):
        if start >= end:
            pieces += [Filled(note[end:start]), Filled(note[start:stop], label)]
            end = stop
    return [*pieces, Filled(note[end:])]


def _made(encounter: str, note: list[Filled], part: str, copy: int) -> Document:
    """One note with a cast of its own: a head, sentences at ends of sentences, a signature."""
    templates = HELD_OUT_TEMPLATES if part == HELD_OUT else TUNE_TEMPLATES
    cast = Cast(f"{encounter}/{copy}", part)
    pieces = [*cast.one(templates.heads), Filled("\n\n"), *_with_sentences(note, cast, templates.sentences)]
    pieces += [Filled("\n\n"), *cast.one(templates.signatures), Filled("\n")]
    pieces = [part for one in pieces for part in ([one] if one.label else _titled(one.text))]
    if cast.chance(0.12):
        pieces = [Filled(one.text.lower(), one.label) for one in pieces]
    elif cast.chance(0.12):
        pieces = [Filled(one.text.upper(), one.label) for one in pieces]
    return joined(f"{encounter}/{copy}", pieces, encounter, part)


def _titled(text: str) -> list[Filled]:
    """Unlabelled text with its titles labelled: a title is neutral, struck out with a name or not."""
    pieces, end = [], 0
    for match in _TITLE.finditer(text):
        pieces += [Filled(text[end : match.start()]), Filled(match[0], "TITLE")]
        end = match.end()
    return [*pieces, Filled(text[end:])]


def _with_sentences(note: list[Filled], cast: Cast, sentences: tuple[str, ...]) -> list[Filled]:
    ends = [
        (number, match.start())
        for number, one in enumerate(note)
        if not one.label
        for match in _SENTENCE_ENDS.finditer(one.text)
    ]
    chosen = [ends[place] for place in cast.places(range(len(ends)), _SENTENCES)]
    filled = dict(zip(chosen, cast.some(sentences, len(chosen)), strict=True))
    made: list[Filled] = []
    for number, one in enumerate(note):
        at = 0
        for place in (place for piece, place in chosen if piece == number):
            made += [Filled(one.text[at:place] + " "), *filled[number, place]]
            at = place
        made.append(Filled(one.text[at:], one.label))
    return made


def joined(name: str, pieces: list[Filled], unit: str, part: str) -> Document:
    """Pieces as one labelled document."""
    text, labels = "", []
    for piece in pieces:
        if piece.label and piece.text:
            labels.append(Label(len(text), len(text) + len(piece.text), piece.label))
        text += piece.text
    return Document(name, text, tuple(labels), unit, part)
