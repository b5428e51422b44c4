"""Frames between the server and a query worker: a JSON header and raw bytes, each with its length before it.

Both sides use only what is here. A read that meets the end of the stream raises EOFError; one with a deadline raises TimeoutError.
"""

import json
import select
import socket
import struct
import time
from typing import Any

_LENGTHS = struct.Struct("!IQ")


def send(sock: socket.socket, header: dict[str, Any], payload: bytes = b"") -> None:
    """Sends one frame."""
    text = json.dumps(header).encode()
    sock.sendall(_LENGTHS.pack(len(text), len(payload)) + text + payload)


def receive(sock: socket.socket, deadline: float | None = None) -> tuple[dict[str, Any], bytes]:
    """One frame; `deadline` is a time.monotonic() after which TimeoutError is raised."""
    header_length, payload_length = _LENGTHS.unpack(_exactly(sock, _LENGTHS.size, deadline))
    content = _exactly(sock, header_length + payload_length, deadline)
    header: dict[str, Any] = json.loads(content[:header_length])
    return header, content[header_length:]


def _exactly(sock: socket.socket, length: int, deadline: float | None) -> bytes:
    buffer = bytearray(length)
    view, done = memoryview(buffer), 0
    while done < length:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([sock], [], [], left)[0]:
                raise TimeoutError
        count = sock.recv_into(view[done:])
        if count == 0:
            raise EOFError
        done += count
    return bytes(buffer)
