"""FHIR Bulk Data Access (IG v2): kick-off, polling, manifest, files, deletions; SMART Backend Services for the token.

The position of the source is the manifest under way and how far its files are fetched, or the transaction time of the last whole
export, which is the next one's `_since`. So an export that breaks off goes on where it was, while its files are still there.
"""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import httpx2 as httpx

from data.errors import SourceDown
from data.sources.base import register
from data.sources.smart import Backend
from data.types import System

_FHIR, _NDJSON = "application/fhir+json", "application/fhir+ndjson"
_TRIES = 3
_MEDIA = (("output", "fhir+ndjson"), ("deleted", "fhir+deleted"), ("error", "fhir+outcome"))


@dataclass(frozen=True)
class ExportArrival:
    """A file of an export, fetched when it is opened, and where the source stands once it is kept."""

    name: str
    media: str
    position: str
    fetch: Any

    def open(self) -> BinaryIO:
        """The bytes, whole: they were all fetched, to a temporary file, before the first is given."""
        return cast("BinaryIO", self.fetch())


@register("fhir-export")
class FhirExport:
    """One arrival a file of the manifest, and one the manifest itself.

    `url` is the FHIR base; `group` exports one group's patients; `types` are resource types; `client_id` and `key` (PEM or JWK file)
    are those registered for SMART Backend Services; `token_url` is discovered where it is not given.
    """

    kind: ClassVar[str] = "fhir-export"

    def __init__(  # noqa: PLR0913  # one keyword an option of the room's file
        self,
        name: str,
        system: System,
        url: str,
        *,
        group: str | None = None,
        types: Sequence[str] = (),
        client_id: str | None = None,
        key: Path | None = None,
        token_url: str | None = None,
        scope: str = "system/*.read",
        poll_seconds: float = 5.0,
        timeout: float = 3600.0,
    ) -> None:
        self.name, self.system, self.url = name, system, url.rstrip("/")
        self.group, self.types = group, tuple(types)
        self.poll_seconds, self.timeout = poll_seconds, timeout
        self._client_id, self._key, self._token_url, self._scope = client_id, key, token_url, scope

    def read(self, position: str | None = None) -> Iterator[ExportArrival]:
        """The files of an export begun now, or of the one the position says is under way. Raises SourceDown where the server fails."""
        stands: dict[str, Any] = json.loads(position) if position else {}
        try:
            with httpx.Client(timeout=60.0, follow_redirects=False) as client:
                backend = None
                if self._client_id and self._key:
                    backend = Backend(
                        self.name, client, self.url, self._client_id, self._key, self._token_url, self._scope
                    )
                yield from _Export(self, client, backend, stands).arrivals()
        except httpx.HTTPError as error:
            raise self.down(f"cannot be reached ({type(error).__name__})") from error

    def down(self, problem: str, advice: str = "Check its url, and that the server is up.") -> SourceDown:
        """The error that this source is down."""
        return SourceDown(f"Source {self.name}: {self.url} {problem}.", advice)


class _Export:
    """One export, from its kick-off or from where the last one broke off."""

    def __init__(
        self, source: FhirExport, client: httpx.Client, backend: Backend | None, stands: Mapping[str, Any]
    ) -> None:
        self.source, self.client, self.backend = source, client, backend
        self.since: str | None = stands.get("since")
        self.manifest: dict[str, Any] | None = stands.get("manifest")
        self.done: int = stands.get("done", 0)
        self.status: str | None = stands.get("status")

    def arrivals(self) -> Iterator[ExportArrival]:
        if self.manifest is not None and self._gone():
            self.manifest, self.done = None, 0
        if self.manifest is None:
            self.status = self._kick_off()
            self.manifest = self._wait(self.status)
            moment = str(self.manifest["transactionTime"])
            content = json.dumps(self.manifest, sort_keys=True).encode()
            yield ExportArrival(f"{moment}/manifest.json", "fhir+manifest", self._position(0), lambda: _held(content))
        files = _files(self.manifest)
        moment = str(self.manifest["transactionTime"])
        for number, (media, one) in list(enumerate(files))[self.done :]:
            name = f"{moment}/{media.partition('+')[2]}/{one.get('type', 'any')}.{number:05d}.ndjson"
            yield ExportArrival(name, media, self._position(number + 1), lambda url=one["url"]: self._fetch(url))
        self._finish()

    def _position(self, done: int) -> str:
        """Where the source stands: the export is whole, or so many of its files are fetched."""
        manifest = self.manifest or {}
        if done >= len(_files(manifest)):
            return json.dumps({"since": manifest["transactionTime"]})
        return json.dumps({"since": self.since, "manifest": manifest, "done": done, "status": self.status})

    def _gone(self) -> bool:
        """Whether the files of the export under way are not there any more."""
        files = _files(self.manifest or {})[self.done :]
        if not files:
            return True
        with self.client.stream("GET", files[0][1]["url"], headers=self._headers(files[0][1]["url"], _NDJSON)) as reply:
            return reply.status_code in (404, 410)

    def _kick_off(self) -> str:
        level = f"/Group/{self.source.group}" if self.source.group else ""
        parameters = {"_outputFormat": _NDJSON}
        if self.source.types:
            parameters["_type"] = ",".join(self.source.types)
        if self.since:
            parameters["_since"] = self.since
        reply = self._get(f"{self.source.url}{level}/$export", _FHIR, parameters, {"Prefer": "respond-async"})
        if reply.status_code != 202 or "Content-Location" not in reply.headers:
            raise self.source.down(f"refused the export: {_outcome(reply)}", "Check what the client may read.")
        return str(httpx.URL(str(reply.url)).join(reply.headers["Content-Location"]))

    def _wait(self, status: str) -> dict[str, Any]:
        """Asks until the export is ready, as often as the server says."""
        end = time.monotonic() + self.source.timeout
        while True:
            reply = self._get(status, "application/json")
            if reply.status_code == 200:
                return _manifest(self.source, reply)
            if reply.status_code not in (202, 429, 503):
                raise self.source.down(f"gave up the export: {_outcome(reply)}", "Start again later.")
            pause = _pause(reply.headers.get("Retry-After"), self.source.poll_seconds)
            if time.monotonic() + pause > end:
                raise self.source.down("has not finished the export in time", "Raise `timeout` in its options.")
            time.sleep(pause)

    def _get(
        self, url: str, accept: str, parameters: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request, with the token; anew where the token has run out or the server is busy for a moment."""
        reply = self.client.get(url, params=parameters, headers=self._headers(url, accept) | dict(more or {}))
        if reply.status_code == 401 and self.backend is not None:
            self.backend.forget()
            reply = self.client.get(url, params=parameters, headers=self._headers(url, accept) | dict(more or {}))
        return reply

    def _headers(self, url: str, accept: str) -> dict[str, str]:
        """What goes with a request. The token goes to the server it is for, and to no other."""
        headers = {"Accept": accept}
        if self.backend is None:
            return headers
        if _origin(url) == _origin(self.source.url):
            return headers | {"Authorization": f"Bearer {self.backend.token()}"}
        if (self.manifest or {}).get("requiresAccessToken"):
            raise self.source.down(
                "names files on another server that needs the token",
                "The token is not sent to other servers; ask for files of its own.",
            )
        return headers

    def _fetch(self, url: str) -> BinaryIO:
        """A file of the export, whole, in a temporary file. A download that breaks off is tried again, then given up."""
        problem = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(min(self.source.poll_seconds, 2**attempt))
            target = tempfile.TemporaryFile()  # noqa: SIM115  # the raw store closes it
            try:
                with self.client.stream("GET", url, headers=self._headers(url, _NDJSON)) as reply:
                    if reply.status_code == 200:
                        for piece in reply.iter_bytes():
                            target.write(piece)
                        target.seek(0)
                        return cast("BinaryIO", target)
                    problem = f"answered {reply.status_code} for a file of the export"
                    if reply.status_code == 401 and self.backend is not None:
                        self.backend.forget()
            except httpx.HTTPError as error:
                problem = f"broke off a file of the export ({type(error).__name__})"
            except BaseException:
                target.close()
                raise
            target.close()
        raise self.source.down(problem, "Ingest again: what was fetched is kept, and it goes on from there.")

    def _finish(self) -> None:
        """Tells the server that its files may go. It is a courtesy: whether it works changes nothing here."""
        if self.status and _origin(self.status) == _origin(self.source.url):
            try:
                self.client.delete(self.status, headers=self._headers(self.status, _FHIR))
            except httpx.HTTPError:
                return


def _files(manifest: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(media, one) for section, media in _MEDIA for one in manifest.get(section) or []]


def _manifest(source: FhirExport, reply: httpx.Response) -> dict[str, Any]:
    manifest: dict[str, Any] = {}
    try:
        manifest = reply.json()
        datetime.fromisoformat(str(manifest["transactionTime"]))
        readable = all(str(one["url"]).startswith(("https://", "http://")) for _, one in _files(manifest))
    except (ValueError, KeyError, TypeError, AttributeError):
        readable = False
    if readable:
        return manifest
    raise source.down("gave a manifest that cannot be read", "Ask its vendor: the manifest of IG v2 is expected.")


def _outcome(reply: httpx.Response) -> str:
    """What an answer says, by its codes: the words of an OperationOutcome may hold a patient's data."""
    try:
        issues = reply.json().get("issue", [])
        codes = ", ".join(sorted({f"{one.get('severity', '?')} {one.get('code', '?')}"[:60] for one in issues}))
    except (ValueError, AttributeError, TypeError):
        codes = ""
    return f"status {reply.status_code}" + (f" ({codes})" if codes else "")


def _pause(told: str | None, otherwise: float) -> float:
    """Seconds to wait: as told in seconds or as a date (RFC 9110, 10.2.3), at least a tenth, at most five minutes."""
    seconds = otherwise
    if told and told.strip().isdigit():
        seconds = float(told)
    elif told:
        try:
            seconds = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            seconds = otherwise
    return min(max(seconds, 0.1), 300.0)


def _origin(url: str) -> tuple[str, str, int | None]:
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def _held(content: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the raw store closes it
    file.write(content)
    file.seek(0)
    return cast("BinaryIO", file)
