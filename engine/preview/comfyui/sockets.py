"""Everybody who listens: WebSockets by the id that their client chose.

This module knows how messages are framed (JSON texts, and pictures with a header of big-endian numbers) and a fault of
the real server that clients must live with: of two sockets with one id the second one hears, until the first is closed.
"""

from __future__ import annotations

import json
import struct
import threading

from engine.preview.comfyui.catalog import FEATURES
from engine.preview.websocket import Channel
from engine.values import Json

__all__ = ["Sockets"]


class Sockets:
    """All open WebSockets. Safe between threads."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._features: dict[str, Json] = {}
        self._lock = threading.Lock()
        self._anonymous = 0

    def open(self, client: str, channel: Channel) -> str:
        """Add a socket; returns its id, which is the client's own if it named one."""
        with self._lock:
            if not client:
                self._anonymous += 1
                client = f"{self._anonymous:032x}"
            self._channels[client] = channel
            self._features.pop(client, None)
        return client

    def close(self, client: str) -> None:
        """Remove whoever has this id by now."""
        with self._lock:
            self._channels.pop(client, None)

    def heard(self, client: str, message: str) -> None:
        """What a client says: which features it knows. Anything else is ignored, as the server does."""
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict) and said.get("type") == "feature_flags" and isinstance(said.get("data"), dict):
            with self._lock:
                self._features[client] = said["data"]
            self.send("feature_flags", dict(FEATURES), client)

    def send(self, event: str, data: dict[str, Json], client: str | None) -> None:
        """Tell one client, or everybody (None)."""
        text = json.dumps({"type": event, "data": data}, ensure_ascii=False)
        for channel in self._of(client):
            channel.send_text(text)

    def show(self, node: str, job: str, jpeg: bytes, client: str | None) -> None:
        """Show a preview picture: plain, or with what it is of for clients that asked for that."""
        about = {"node_id": node, "display_node_id": node, "parent_node_id": None, "real_node_id": node}
        told = json.dumps({**about, "prompt_id": job, "image_type": "image/jpeg"}).encode("utf-8")
        with self._lock:
            knows = client is not None and _knows_metadata(self._features.get(client))
        framed = struct.pack(">II", 4, len(told)) + told if knows else struct.pack(">II", 1, 1)
        for channel in self._of(client):
            channel.send_binary(framed + jpeg)

    def _of(self, client: str | None) -> list[Channel]:
        with self._lock:
            if client is None:
                return list(self._channels.values())
            return [self._channels[client]] if client in self._channels else []


def _knows_metadata(features: Json) -> bool:
    return isinstance(features, dict) and features.get("supports_preview_metadata") is True
