"""HL7 v2 messages sent to us by MLLP (HL7 Transport Specification: MLLP, Release 1): kept in a spool, then acknowledged (HL7 2.5.1, 2.9.2).

AA once the message is on disk, AE where it is none, AR where it is too long. Nothing is interpreted but what an acknowledgement repeats.
"""

import re
import socket
import socketserver
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from data.errors import Busy
from data.sources.base import register
from data.sources.listening import Spool, SpoolDirectory
from data.types import System

_START, _END = b"\x0b", b"\x1c"
_READ = 64 << 10


@register("hl7v2-mllp")
class Hl7v2Mllp(SpoolDirectory):
    """One arrival a message. `listen` receives; `read` gives what was received so far.

    `idle_seconds` bounds how long a sender may stay silent, `most_bytes` a message, `connections` how many may send at once.
    """

    kind: ClassVar[str] = "hl7v2-mllp"
    endings = (".hl7",)
    media = "hl7v2"

    def __init__(
        self,
        name: str,
        system: System,
        path: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 2575,
        idle_seconds: float = 300.0,
        most_bytes: int = 16 << 20,
        connections: int = 64,
    ) -> None:
        super().__init__(name, system, path)
        self.host, self.port = host, port
        self.idle_seconds, self.most_bytes, self.connections = idle_seconds, most_bytes, connections

    def listen(self) -> "MllpListener":
        """Starts to listen in the background. Raises Busy where the port is taken."""
        return MllpListener(self)


class MllpListener(socketserver.ThreadingTCPServer):
    """One thread a sender, so that a slow one holds up nobody; beyond `connections` a sender is turned away at once."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, source: Hl7v2Mllp) -> None:
        self.source = source
        self.spool = Spool(source.name, source.path, ".hl7")
        self._free = threading.Semaphore(source.connections)
        self._open: set[socket.socket] = set()
        try:
            super().__init__((source.host, source.port), _Sender)
        except OSError as error:
            raise Busy(
                f"Source {source.name} cannot listen on {source.host}:{source.port}: {error.strerror}.",
                "Set another `port` in its options, or end what holds this one.",
            ) from error
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.server_address[:2]
        return str(host), int(port)

    @property
    def received(self) -> int:
        """Messages kept."""
        return self.spool.received

    @property
    def refused(self) -> int:
        """What was no message, too long, or from a sender too many."""
        return self.spool.refused

    def process_request(self, request: Any, client_address: Any) -> None:
        """Gives a sender a thread of its own, if one is free."""
        if not self._free.acquire(blocking=False):
            self.spool.refuse()
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One sender, until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that broke off; its message was not acknowledged and is not kept."""
        self.spool.refuse()

    def close(self) -> None:
        """Ends listening, and every sender."""
        self.shutdown()
        self._thread.join()
        for one in list(self._open):
            self.shutdown_request(one)
        self.server_close()


class _Sender(socketserver.BaseRequestHandler):
    """One connection: frames in, acknowledgements out, in order."""

    server: MllpListener

    def handle(self) -> None:
        source, spool = self.server.source, self.server.spool
        self.request.settimeout(source.idle_seconds)
        held = b""
        while True:
            try:
                piece = self.request.recv(_READ)
            except (TimeoutError, OSError):
                piece = b""
            if not piece:
                if held:
                    spool.refuse()
                return
            held = self._messages(held + piece)
            if len(held) > source.most_bytes:  # whoever sends on without an end is told once and cut off
                spool.refuse()
                self.request.sendall(_framed(acknowledge(held[1:2000], "AR", "the message is too long")))
                return

    def _messages(self, held: bytes) -> bytes:
        """Takes whole frames off what is held; gives what is left. What stands before a frame is no message and is dropped."""
        while True:
            before, start, rest = held.partition(_START)
            if before.strip(b"\r\n \x1c"):
                self.server.spool.refuse()
            if not start:
                return b""
            message, end, left = rest.partition(_END)
            if not end:
                return start + rest
            self.request.sendall(_framed(self._answer(message)))
            held = left

    def _answer(self, message: bytes) -> bytes:
        spool = self.server.spool
        if len(message) > self.server.source.most_bytes:
            spool.refuse()
            return acknowledge(message[:2000], "AR", "the message is too long")
        if not message.lstrip(b"\xef\xbb\xbf\r\n").startswith(b"MSH") or len(message) < 9:
            spool.refuse()
            return acknowledge(message[:2000], "AE", "no MSH segment")
        try:
            spool.keep(message)
        except OSError:
            spool.refuse()
            return acknowledge(message[:2000], "AE", "the message could not be kept; send it again")
        return acknowledge(message, "AA")


def _framed(message: bytes) -> bytes:
    return _START + message + _END + b"\r"


def acknowledge(message: bytes, code: str, text: str = "") -> bytes:
    """The ACK of a message in original mode: sender and receiver change places, the control id is repeated."""
    header = re.split(rb"\r\n|\r|\n", message.lstrip(b"\xef\xbb\xbf\r\n"))[0].decode("latin-1")
    separator = header[3:4] if header.startswith("MSH") and len(header) > 8 else "|"
    fields = header.split(separator) if header.startswith("MSH") else ["MSH", "^~\\&"]
    fields += [""] * (19 - len(fields))
    trigger = fields[8].split(fields[1][:1] or "^")
    kind = fields[1][:1].join(["ACK", *trigger[1:2]])
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    control = f"RR{datetime.now(UTC).strftime('%H%M%S%f')}"
    msh = [
        "MSH",
        fields[1],
        fields[4],
        fields[5],
        fields[2],
        fields[3],
        now,
        "",
        kind,
        control,
        fields[10] or "P",
        fields[11] or "2.5.1",
    ]
    msa = ["MSA", code, fields[9], text]
    return (separator.join(msh) + "\r" + separator.join(msa).rstrip(separator) + "\r").encode(
        "latin-1", errors="replace"
    )
