"""A small client of ComfyUI's protocol, with a WebSocket by hand: the library's own is tried elsewhere."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from PIL import Image

from engine.preview import PreviewServer
from tests.preview.conftest import photo


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    photo(width, height).save(file, "PNG")
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


class Comfy:
    """Asks a running double."""

    def __init__(self, server: PreviewServer) -> None:
        self.server, self.url = server, server.url

    def post(self, path: str, body: object) -> requests.Response:
        return requests.post(f"{self.url}{path}", json=body, timeout=60)

    def get(self, path: str, **query: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", params=query, timeout=60)

    def upload(self, name: str, data: bytes, **fields: str) -> requests.Response:
        return requests.post(f"{self.url}/upload/image", files={"image": (name, data)}, data=fields, timeout=60)

    def submit(self, graph: Mapping[str, Any], **more: Any) -> str:
        answer = self.post("/prompt", {"prompt": graph, **more})
        assert answer.status_code == 200, answer.text[:800]
        assert answer.json()["node_errors"] == {}
        job: str = answer.json()["prompt_id"]
        return job

    def wait(self, job: str) -> dict[str, Any]:
        """The history of a job, as soon as there is one."""
        for _ in range(600):
            found = self.get(f"/history/{job}").json()
            if job in found:
                entry: dict[str, Any] = found[job]
                return entry
            time.sleep(0.02)
        raise AssertionError(f"{job} never ended")

    def run(self, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.post("/prompt", body)
        assert answer.status_code == 200, answer.text[:800]
        return self.wait(answer.json()["prompt_id"])

    def pictures(self, entry: Mapping[str, Any]) -> list[Image.Image]:
        """The results of a job that went well."""
        assert entry["status"]["status_str"] == "success", entry["status"]
        found = [place for output in entry["outputs"].values() for place in output["images"]]
        return [opened(self.get("/view", **place).content) for place in found]

    def make(self, graph: Mapping[str, Any]) -> list[Image.Image]:
        return self.pictures(self.wait(self.submit(graph)))

    @contextlib.contextmanager
    def listen(self, client: str = "") -> Iterator[Socket]:
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            key = base64.b64encode(os.urandom(16)).decode()
            connection.sendall(
                f"GET /ws?clientId={client} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            found = Socket(connection)
            try:
                assert found.head.startswith("HTTP/1.1 101 ")
                yield found
            finally:
                found.close()


class Socket:
    """The client's side of a WebSocket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._stream = connection, connection.makefile("rb")
        lines = []
        while (line := self._stream.readline().decode()) not in ("\r\n", ""):
            lines.append(line)
        self.head = "".join(lines)

    def close(self) -> None:
        self._stream.close()

    def send(self, code: int, data: bytes, *, masked: bool = True, final: bool = True) -> None:
        mask = os.urandom(4)
        sent = bytes(byte ^ mask[k % 4] for k, byte in enumerate(data)) if masked else data
        self.send_head(code, len(data), masked=masked, final=final)
        self._connection.sendall((mask if masked else b"") + sent)

    def send_head(self, code: int, length: int, *, masked: bool = True, final: bool = True) -> None:
        head = bytes([(0x80 if final else 0) | code])
        bit = 0x80 if masked else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", length)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", length)
        self._connection.sendall(head)

    def frame(self) -> tuple[int, bytes] | None:
        head = self._stream.read(2)
        if len(head) < 2:
            return None
        assert head[0] & 0x80
        assert not head[1] & 0x80
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(self._stream.read(2), "big")
        elif length == 127:
            length = int.from_bytes(self._stream.read(8), "big")
        return head[0] & 0x0F, self._stream.read(length)

    def message(self) -> dict[str, Any]:
        found = self.frame()
        assert found is not None
        code, data = found
        if code == 1:
            told: dict[str, Any] = json.loads(data)
            return told
        return {"code": code, "data": data}

    def until_done(self) -> list[dict[str, Any]]:
        """All messages up to the one that says that nothing runs any more."""
        found = []
        while True:
            found.append(self.message())
            if found[-1].get("type") == "executing" and found[-1]["data"]["node"] is None:
                return found
