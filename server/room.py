"""A room: a directory with `readingroom.yaml`, which names its sources, policy, keys and ledger. Reads and writes that file.

All paths in it are relative to the room. `init_room` writes a commented one; nothing else in the project writes configuration.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy.engine import make_url

from data.errors import BadRequest
from server.ledger.keys import PseudonymKey
from server.templates import POLICY, ROOM

FILE = "readingroom.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """One source system: a directory (`path`), or an address (`url`). `options` are those of its kind."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    kind: str
    system: Literal["ehr", "laboratory", "imaging", "research", "operations"]
    path: str | None = None
    url: str | None = None
    tables: tuple[str, ...] = ()
    options: dict[str, Any] = {}


class Quality(_Strict):
    """What stops a publish: names of Data Quality Dashboard checks (`isPrimaryKey`, `measurement.unit_concept_id.isStandardValidConcept`).

    `thresholds` are percents of rows allowed to fail, by such a name, in place of the dashboard's own. `most_quarantined` is the share
    of a source's records, in percent, that may end in quarantine.
    """

    gate: tuple[str, ...] = ()
    thresholds: dict[str, float] = {}
    most_quarantined: Annotated[float, Field(ge=0, le=100)] = 50.0


class Local(_Strict):
    """Who asks over stdio and from the command line, unless a command says otherwise. `attributes` are for row filters."""

    role: str = "researcher"
    purpose: str = "HRESCH"
    attributes: dict[str, str] = {}


class Token(_Strict):
    """A bearer token for HTTP, kept only as its SHA-256."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    subject: str
    role: str
    purpose: str
    attributes: dict[str, str] = {}


class EngineSettings(_Strict):
    """Query workers: how many, and what each may take; and how much memory a publish takes before it goes on on disk."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    publish_memory_mb: Annotated[int, Field(ge=256)] = 2048


class LedgerSettings(_Strict):
    """Where the record is kept. `durable: false` leaves the fsync to the system: faster, and a power cut may lose the last calls.

    `witness` is a file that gets each signed checkpoint too, best on another machine. With `witness_required` nothing is answered while it
    cannot be written; without, the log says so. `keep_years`: what recorded calls rest on is kept so long; never less than HIPAA's six.
    """

    url: str = "sqlite:///ledger.db"
    keep_years: Annotated[int, Field(ge=6, le=100)] = 6
    durable: bool = True
    witness: str | None = None
    witness_required: bool = False


class ConsoleSettings(_Strict):
    """Who may sign in to the console: roles of `tokens`, whatever the policy grants them. `unseal`: which of them see questions in words."""

    roles: Annotated[tuple[str, ...], Field(min_length=1)] = ("auditor", "steward")
    unseal: tuple[str, ...] = ("auditor",)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not set(self.unseal) <= set(self.roles):
            raise ValueError("unseal names a role that may not sign in")
        return self


class PseudonymKeySettings(_Strict):
    """Where the pseudonym key is, if not in the key directory: an environment variable or a file, in hexadecimal or base64."""

    env: Annotated[str | None, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = None
    file: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("say either env or file")
        return self


class RoomSettings(_Strict):
    """The whole of readingroom.yaml."""

    sources: tuple[Source, ...] = ()
    vocabulary: str | None = None
    quality: Quality = Quality()
    policy: str = "policy.yaml"
    keys: str = "keys"
    pseudonym_key: PseudonymKeySettings | None = None
    ledger: LedgerSettings = LedgerSettings()
    console: ConsoleSettings = ConsoleSettings()
    local: Local = Local()
    engine: EngineSettings = EngineSettings()
    tokens: tuple[Token, ...] = ()


class Room:
    """An opened room: its directory and settings, and where each thing lies."""

    def __init__(self, root: Path, settings: RoomSettings) -> None:
        self.root = root
        self.settings = settings
        self.policy_path = root / settings.policy
        self.keys_path = root / settings.keys
        self.raw_path = root / "raw"
        self.links_path = root / "links.jsonl"
        self.snapshots_path = root  # holds snapshots/, and `current` beside it
        self.policies_path = root / "policies"
        self.answered_path = root / "answered"
        self.ledger_head = root / "ledger.checkpoint"  # the newest signed checkpoint of the ledger

    @property
    def pseudonym_key(self) -> PseudonymKey:
        """Where the key of pseudonyms and date shifts is read."""
        told = self.settings.pseudonym_key
        if told is None:
            return PseudonymKey(self.keys_path)
        return PseudonymKey(self.keys_path, told.env, self.root / told.file if told.file is not None else None)

    @property
    def witness_path(self) -> Path | None:
        """The witness file of the ledger's checkpoints; a relative one is taken from the room."""
        return self.root / self.settings.ledger.witness if self.settings.ledger.witness is not None else None

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger; a relative SQLite path is taken from the room."""
        url = make_url(self.settings.ledger.url)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_absolute():
            url = url.set(database=str(self.root / url.database))
        return url.render_as_string(hide_password=False)

    def source_path(self, source: Source) -> Path | None:
        """Directory of a source, taken from the room where relative."""
        return self.root / source.path if source.path is not None else None

    def source_url(self, source: Source) -> str | None:
        """Address of a source; a relative SQLite path is taken from the room."""
        if source.url is None or not source.url.startswith("sqlite"):
            return source.url
        url = make_url(source.url)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_absolute():
            url = url.set(database=str(self.root / url.database))
        return url.render_as_string(hide_password=False)


def open_room(directory: Path | None) -> Room:
    """The room at `directory`, or the one the working directory lies in. Raises BadRequest with what to do."""
    root = directory.resolve() if directory is not None else _find(Path.cwd())
    path = root / FILE
    if not path.is_file():
        raise BadRequest(
            f"There is no {FILE} in {root}.", "Make a room with `readingroom init DIR`, or say --room DIR."
        )
    return Room(root, read_settings(path))


def _find(start: Path) -> Path:
    return next((one for one in (start, *start.parents) if (one / FILE).is_file()), start)


def read_settings(path: Path) -> RoomSettings:
    """Settings from the file. Raises BadRequest naming the file, the line or the setting."""
    try:
        tree: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return RoomSettings.model_validate(tree)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadRequest(f"{path}:{mark.line + 1 if mark else 1} is not valid YAML.", "Mend the file there.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"{path}: {where}: {first['msg']}.", "See docs/reference/room.md for the settings.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path} cannot be read.", "Check that it is a text file you may read.") from error


def init_room(root: Path, hospital: str = "hospital") -> list[Path]:
    """Writes the commented files of a new room; leaves those that are there alone. Gives the files written."""
    root.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in ((FILE, ROOM.replace("{hospital}", hospital)), ("policy.yaml", POLICY)):
        path = root / name
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
