"""A running preview server, and pictures to send to it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests
from PIL import Image

from engine.preview import PreviewServer


def as_png(image: Image.Image) -> str:
    """A picture as base64 text."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def opened(text: str) -> Image.Image:
    """The picture in a base64 text."""
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    image.load()
    return image


def photo(width: int, height: int) -> Image.Image:
    """A picture that comes from elsewhere: every pixel differs from its neighbours."""
    return Image.merge(
        "RGB",
        [
            Image.linear_gradient("L").resize((width, height)),
            Image.linear_gradient("L").rotate(90).resize((width, height)),
            Image.radial_gradient("L").resize((width, height)),
        ],
    )


def with_pictures(value: Any) -> Any:
    """Recorded pictures are cut short: another takes their place."""
    if isinstance(value, str) and "chars base64" in value:
        return ("data:image/png;base64," if value.startswith("data:") else "") + as_png(photo(64, 64))
    if isinstance(value, list):
        return [with_pictures(item) for item in value]
    if isinstance(value, dict):
        return {key: with_pictures(item) for key, item in value.items()}
    return value


class Client:
    """Posts to a server and reads what it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, body: object, status: int = 200) -> Any:
        answer = requests.post(f"{self.url}/sdapi/v1/{path}", json=body, timeout=60)
        assert answer.status_code == status, answer.text[:500]
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        answer = requests.get(f"{self.url}{path}", timeout=60)
        assert answer.status_code == status
        return answer.json()

    def make(self, path: str, **body: object) -> tuple[list[Image.Image], dict[str, Any]]:
        """The pictures and `info` of a small generation."""
        answer = self.post(path, {"width": 64, "height": 64, "steps": 20, "seed": 7, "prompt": "a cat", **body})
        return [opened(text) for text in answer["images"]], json.loads(answer["info"])


class Replays:
    """Servers that recorded requests are sent to: one a protocol, and a new one after a request that changes it."""

    def __init__(self, missing: Sequence[str]) -> None:
        self._missing = missing
        self._running: dict[str, PreviewServer] = {}

    def send(self, protocol: str, request: dict[str, Any]) -> requests.Response:
        """Send a recorded request, with pictures in it."""
        if protocol not in self._running:
            server = PreviewServer(protocol=protocol, check=lambda *_: [], missing=self._missing)
            self._running[protocol] = server.start()
            if protocol == "sdapi-sdnext":  # hundreds of requests in one minute
                options = f"{server.url}/sdapi/v1/options"
                requests.post(options, json={"server_rate_limit": 0}, timeout=10)
        url = self._running[protocol].url + request["path"]
        if "raw" in request:
            headers = request.get("headers", {"Content-Type": "application/json"})
            answer = requests.request(request["method"], url, data=request["raw"], headers=headers, timeout=60)
        else:
            body = with_pictures(request.get("body"))
            sent = {} if body is None else {"json": body}
            answer = requests.request(request["method"], url, timeout=60, **sent)
        if _changes(request):
            self._running.pop(protocol).stop()
        return answer

    def close(self) -> None:
        for server in self._running.values():
            server.stop()


def _changes(request: dict[str, Any]) -> bool:
    """Whether a request leaves a server other than it was: progress shows the last job, options stay."""
    body = request.get("body")
    sticks = isinstance(body, dict) and (
        "sd_model_checkpoint" in body or body.get("override_settings_restore_afterwards") is False
    )
    generates = request["path"].endswith(("txt2img", "img2img", "-info", "-image", "-images"))
    return sticks or (request["method"] == "POST" and not generates)


@pytest.fixture(scope="session")
def replays() -> Iterator[Replays]:
    running = Replays(["nope", "nope.safetensors"])
    yield running
    running.close()


@pytest.fixture(scope="session")
def server() -> Iterator[PreviewServer]:
    with PreviewServer(check=lambda name, body: [], missing=["nope", "lost.safetensors"]) as running:
        yield running


@pytest.fixture
def client(server: PreviewServer) -> Client:
    return Client(server.url)
