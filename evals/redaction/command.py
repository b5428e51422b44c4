"""What `readingroom eval redaction` does: picks texts and finders, runs them, and gives the results. `cli` has the options."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from data.types import Progress, no_progress
from evals.redaction.english import language_of
from evals.redaction.gold import Document, read_gold
from evals.redaction.hospital import hospital_vault
from evals.redaction.room import room_settings, room_vault
from evals.redaction.run import OURS, STOCK, Finds, Result, run, speed_of
from evals.redaction.sets import SETS, Set, hospital_set, shared_folder, shared_set
from policies.redaction.known import Known
from policies.redaction.parallel import Searching
from policies.redaction.passes import make_finder
from policies.redaction.settings import Settings

_WORTH_TWO = 300_000  # characters from which the speed of two processes says anything
GOLD = "gold"  # the name of the set that labelled files make; it has no halves


@dataclass(frozen=True)
class Asked:
    """What to evaluate. `part`: tune, held-out or all. `room`: use its policy's settings, and for labelled files its vault."""

    gold: tuple[Path, ...] = ()
    sets: tuple[str, ...] = ()
    stock: bool = True
    strict: bool = False
    room: Path | None = None
    shared: Path | None = None
    part: str = "all"


def evaluate(asked: Asked, tell: Callable[[str], None], progress: Progress = no_progress) -> list[Result]:
    """The results, one for the labelled files and one for each set. `tell` is given what a person must know of the input."""
    settings = room_settings(asked.room) if asked.room else Settings()
    found = []
    for one, known in _sets(asked, tell, progress):
        documents = [document for document in one.documents if one.name == GOLD or asked.part in {"all", document.part}]
        found.append(_result(replace(one, documents=documents), known, settings, asked, progress))
    return found


def _sets(asked: Asked, tell: Callable[[str], None], progress: Progress) -> Iterator[tuple[Set, Known | None]]:
    """Each set with the vault it is to be searched with."""
    if asked.gold:
        yield _gold(asked.gold, tell), room_vault(asked.room) if asked.room else None
    names = asked.sets or (() if asked.gold else ("hospital",))
    shared = shared_folder(asked.shared)
    for name in SETS if "all" in names else names:
        if name == "hospital":
            yield hospital_set(), hospital_vault(progress=progress)
        elif "all" in names and shared is None:
            tell(f"The set '{name}' is left out: its data is not here (name its folder with --shared).")
        else:
            yield shared_set(name, shared), None


def _gold(paths: tuple[Path, ...], tell: Callable[[str], None]) -> Set:
    gold = read_gold(paths)
    for line in gold.bad:
        tell(f"Left out: {line}.")
    for label, count in sorted(gold.unknown.items()):
        tell(f"Label {label} ({count} spans) is in no table: it counts as an identifier of kind OTHER.")
    return Set(GOLD, gold.documents, f"labelled in {', '.join(path.name for path in paths)}")


def _result(one: Set, known: Known | None, settings: Settings, asked: Asked, progress: Progress) -> Result:
    runs = [run(OURS, make_finder(known, settings), one.documents, asked.strict, progress)]
    if asked.stock:
        from evals.redaction.stock import Stock  # noqa: PLC0415 - spaCy is loaded only where it is used

        texts = [document.text for document in one.documents]
        if sum(map(len, texts)) >= _WORTH_TWO:
            runs[0].speed_of_two = speed_of(Searching(settings, processes=2), texts)
        stock: Finds = Stock()
        runs.append(run(STOCK, stock, one.documents, asked.strict, progress))
    return Result(one, tuple(runs), _not_english(one.documents))


def _not_english(documents: list[Document]) -> int:
    return sum(language_of(one.text) not in {"", "English"} for one in documents)
