"""Images sent to us by DICOM C-STORE (PS3.4, annex B; PS3.7, 9.1.1), by pynetdicom. Headers only: pixels never touch the disk."""

import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydicom import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt

from data.errors import Busy
from data.sources.base import register
from data.sources.listening import Spool, SpoolDirectory
from data.types import System

# Elements that are pictures, waveforms or documents themselves: float and integer pixel data, overlays, waveforms, encapsulated documents.
_CONTENT = (0x7FE00010, 0x7FE00008, 0x7FE00009, 0x54000100, 0x54001010, 0x00420011)
_VERIFICATION = "1.2.840.10008.1.1"  # C-ECHO
_OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0xA700, 0xC000
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it logs what it receives


@register("dicom-store")
class DicomStore(SpoolDirectory):
    """One arrival an instance. `listen` receives; `read` gives what was received so far. `callers`: AE titles that may send; any, for none."""

    kind: ClassVar[str] = "dicom-store"
    endings = (".dcm",)
    media = "dicom"

    def __init__(
        self,
        name: str,
        system: System,
        path: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 11112,
        ae_title: str = "READINGROOM",
        callers: Sequence[str] = (),
    ) -> None:
        super().__init__(name, system, path)
        self.host, self.port, self.ae_title, self.callers = host, port, ae_title, tuple(callers)

    def listen(self) -> "StoreListener":
        """Starts to listen in the background. Raises Busy where the port is taken."""
        return StoreListener(self)


class StoreListener:
    """The C-STORE provider at work; C-ECHO is answered, too."""

    def __init__(self, source: DicomStore) -> None:
        self._spool = Spool(source.name, source.path, ".dcm")
        entity = AE(ae_title=source.ae_title)
        entity.require_calling_aet = list(source.callers)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax or "", ALL_TRANSFER_SYNTAXES)
        entity.add_supported_context(_VERIFICATION)
        try:
            server = entity.start_server(
                (source.host, source.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
            )
            assert server is not None  # noqa: S101  # it is given back when it does not block
            self._server = server
        except OSError as error:
            raise Busy(
                f"Source {source.name} cannot listen on {source.host}:{source.port}: {error.strerror}.",
                "Set another `port` in its options, or end what holds this one.",
            ) from error

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    @property
    def received(self) -> int:
        """Instances kept."""
        return self._spool.received

    @property
    def refused(self) -> int:
        """Instances that could not be understood or kept."""
        return self._spool.refused

    def close(self) -> None:
        """Ends listening."""
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        """The status of one C-STORE: 0 once its header is on disk."""
        try:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            header = header_bytes(dataset)
        except Exception:  # noqa: BLE001  # whatever a sender makes the parser raise, it is told and the listener lives
            self._spool.refuse()
            return _CANNOT_UNDERSTAND
        try:
            self._spool.keep(header)
        except OSError:
            self._spool.refuse()
            return _OUT_OF_RESOURCES
        return 0


def header_bytes(dataset: Dataset) -> bytes:
    """A dataset as a DICOM file without what is picture, waveform or document."""
    for tag in [tag for tag in list(dataset.keys()) if tag in _CONTENT or tag.group in range(0x6000, 0x6100, 2)]:
        del dataset[tag]
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
