"""An imaging repository by DICOMweb: studies by QIDO-RS, their metadata by WADO-RS (PS3.18, 10.6 and 10.4). Pixels are never asked for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx2 as httpx

from data.errors import SourceDown
from data.sources.base import MadeArrival, register
from data.types import System

_JSON = {"Accept": "application/dicom+json"}
_STUDY = "0020000D"
_PIXELS = frozenset({"7FE00010", "7FE00008", "7FE00009"})


@register("dicomweb")
class Dicomweb:
    """One arrival a study: the metadata of its instances. `page` studies are listed at a time; `token_file` holds a bearer token."""

    kind: ClassVar[str] = "dicomweb"

    def __init__(
        self,
        name: str,
        system: System,
        url: str,
        *,
        token_file: Path | None = None,
        page: int = 200,
        timeout: float = 30.0,
    ) -> None:
        self.name, self.system, self.url = name, system, url.rstrip("/")
        self.token_file, self.page, self.timeout = token_file, page, timeout

    def read(self, position: str | None = None) -> Iterator[MadeArrival]:
        """Studies in the order of their UIDs. Raises SourceDown where the server cannot be reached or gives something else."""
        with httpx.Client(timeout=self.timeout, headers=_JSON | self._token()) as client:
            for study in self._studies(client):
                metadata = self._json(client, f"/studies/{study}/metadata", {})
                instances = [_header(one) for one in metadata] if isinstance(metadata, list) else []
                content = json.dumps(instances, sort_keys=True).encode()
                yield MadeArrival(f"{study}.json", "dicom+json", lambda content=content: content)  # type: ignore[misc]

    def _studies(self, client: httpx.Client) -> list[str]:
        """UIDs of all studies. A server that pays no heed to `offset` gives the same page again: then it has given all."""
        found: dict[str, None] = {}
        while True:
            page = self._json(client, "/studies", {"limit": self.page, "offset": len(found)})
            uids = [str(one[_STUDY]["Value"][0]) for one in page or [] if one.get(_STUDY, {}).get("Value")]
            new = [uid for uid in uids if uid not in found]
            found |= dict.fromkeys(new)
            if not new or len(uids) < self.page:
                return sorted(found)

    def _json(self, client: httpx.Client, path: str, parameters: dict[str, Any]) -> Any:
        try:
            reply = client.get(self.url + path, params=parameters)
            reply.raise_for_status()
            return reply.json() if reply.content else []
        except httpx.HTTPStatusError as error:
            problem = f"answered {error.response.status_code}"
        except httpx.HTTPError as error:
            problem = f"cannot be reached ({type(error).__name__})"
        except ValueError:
            problem = "gave something that is no DICOM JSON"
        raise SourceDown(f"Source {self.name}: {self.url} {problem}.", "Check its url, and the token if it needs one.")

    def _token(self) -> dict[str, str]:
        if self.token_file is None:
            return {}
        try:
            return {"Authorization": f"Bearer {self.token_file.read_text(encoding='utf-8').strip()}"}
        except OSError as error:
            raise SourceDown(f"Source {self.name}: {self.token_file} cannot be read.", "Check `token_file`.") from error


def _header(instance: Any) -> Any:
    """An instance's attributes without the places of its pixels and other bulk data."""
    if not isinstance(instance, dict):
        return instance
    return {
        tag: value
        for tag, value in instance.items()
        if tag not in _PIXELS and not (isinstance(value, dict) and "BulkDataURI" in value)
    }
