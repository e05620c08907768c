"""The server's side of a WebSocket (RFC 6455), as much as a server of small messages needs.

This module knows the handshake and frames: what is sent goes out in one frame; what comes in is bounded, must be
masked, and is pinged, closed or ignored as the standard asks. It knows nothing about what is said.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Final

__all__ = ["Channel", "accept_key"]

#: What clients say is small; a longer message ends the conversation (1009).
_MAX_RECEIVED: Final = 1024 * 1024

#: How long a client may take to read what it is sent, in seconds.
_PATIENCE: Final = 5.0

_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def accept_key(headers: Mapping[str, str]) -> str | None:
    """What proves to a client that its handshake was understood; None where the request is no handshake.

    `headers` have lower-case names.
    """
    key = headers.get("sec-websocket-key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        is_key = False
    upgrades = [word.strip().lower() for word in headers.get("upgrade", "").split(",")]
    if not is_key or "websocket" not in upgrades or headers.get("sec-websocket-version") != "13":
        return None
    return base64.b64encode(hashlib.sha1((key + _GUID).encode("ascii"), usedforsecurity=False).digest()).decode("ascii")


class Channel:
    """One open WebSocket, on a connection whose timeout it takes over. Many threads may send; one receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # For what is sent: a client that reads nothing must not hold up those who have something to say.
        connection.settimeout(_PATIENCE)
        self._sending = threading.Lock()
        self._open = True

    def send_text(self, text: str) -> None:
        """Send a text. Where the other side is gone, nothing happens."""
        self._send(_TEXT, text.encode("utf-8"))

    def send_binary(self, data: bytes) -> None:
        """Send bytes. Where the other side is gone, nothing happens."""
        self._send(_BINARY, data)

    def receive(self) -> str | bytes | None:
        """The next message; None when the conversation is over."""
        parts: list[bytes] = []
        kind = 0
        while (frame := self._frame(_MAX_RECEIVED - sum(map(len, parts)))) is not None:
            final, code, data = frame
            if code == _CLOSE:
                break
            if code == _PING:
                self._send(_PONG, data)
            elif code in (_TEXT, _BINARY, 0):
                kind = code if code != 0 else kind
                parts.append(data)
                if final:
                    whole = b"".join(parts)
                    return whole.decode("utf-8", "replace") if kind == _TEXT else whole
        self.close()
        return None

    def close(self, code: int = 1000) -> None:
        """End the conversation."""
        self._send(_CLOSE, struct.pack(">H", code))
        self._open = False
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self, code: int, data: bytes) -> None:
        length = len(data)
        if length < 126:
            head = struct.pack(">BB", 0x80 | code, length)
        elif length < 65536:
            head = struct.pack(">BBH", 0x80 | code, 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | code, 127, length)
        with self._sending:
            if not self._open:
                return
            try:
                self._connection.sendall(head + data)
            except OSError:
                self._open = False

    def _frame(self, room: int) -> tuple[bool, int, bytes] | None:
        head = self._read(2)
        if head is None:
            return None
        length = head[1] & 0x7F
        if length >= 126:
            more = self._read(2 if length == 126 else 8)
            if more is None:
                return None
            length = int.from_bytes(more, "big")
        if not head[1] & 0x80 or length > room:
            self.close(1009 if head[1] & 0x80 else 1002)
            return None
        mask, data = self._read(4), self._read(length)
        if mask is None or data is None:
            return None
        stream = mask * (length // 4 + 1)
        plain = (int.from_bytes(data, "big") ^ int.from_bytes(stream[:length], "big")).to_bytes(length, "big")
        return bool(head[0] & 0x80), head[0] & 0x0F, plain

    def _read(self, count: int) -> bytes | None:
        found = bytearray()
        while len(found) < count:
            try:
                piece = self._connection.recv(count - len(found))
            except TimeoutError:
                if self._open:
                    continue  # nobody has to say anything
                return None
            except OSError:
                return None
            if not piece:
                return None
            found += piece
        return bytes(found)
