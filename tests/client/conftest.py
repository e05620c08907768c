"""The client against a scripted server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from engine import ApiClient, Catalog, GenerateImagesRequest, PipelineRunner, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.backends.steps import Timeouts
from engine.testing import FakeClient, picture
from engine.testing.scripted import Answer, ScriptedServer

Serve: TypeAlias = Callable[..., ScriptedServer]
Connect: TypeAlias = Callable[..., ApiClient]

_CATALOG = Catalog()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return _CATALOG


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGE_ENGINE_USERNAME", "STAGE_ENGINE_PASSWORD", "BOOTH_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that gives these answers, one a request."""
    with ExitStack() as stack:
        yield lambda *answers: stack.enter_context(ScriptedServer(answers))


@pytest.fixture
def connect(catalog: Catalog) -> Iterator[Connect]:
    """A client of a server. `read`: how long it waits for the next byte, in seconds."""
    with ExitStack() as stack:

        def connected(
            server: ScriptedServer | str, *, read: float = 10.0, connect: float = 2.0, **options: Any
        ) -> ApiClient:
            url = server if isinstance(server, str) else server.url
            # These tests script every answer: a question before the run would take one away.
            client = stack.enter_context(ApiClient(url, backend="a1111", catalog=catalog, check_names=False, **options))
            timeouts = Timeouts(connect, read)
            stages = {
                name: replace(stage, description=replace(stage.description, timeouts=timeouts))
                for name, stage in client.backend.stages.items()
            }
            client.backend = replace(client.backend, stages=stages)
            return client

        yield connected


Ask: TypeAlias = Callable[..., GenerateImagesRequest]


@pytest.fixture(scope="session")
def ask(catalog: Catalog) -> Ask:
    """Makes a request as a runner does: `ask("img2img", images=2, seed=5)`."""

    def asked(kind: str = "txt2img", *, images: int = 1, **fields: object) -> GenerateImagesRequest:
        needed: dict[str, object] = {"prompt": "a lighthouse", "seed": 7, "subseed": 9}
        if kind == "upscale":
            needed = {"upscaler_name": "Lanczos"}
        if kind == "adetailer":
            needed["adetailer_model"] = "face_yolov8n.pt"
        inputs = () if kind == "txt2img" else tuple(picture(64, 64, str(number)) for number in range(images))
        plan = Plan((StageExecution("one", StageConfig(kind, {**needed, **fields})),), inputs)
        request = PipelineRunner(FakeClient(catalog=catalog)).check(plan, {}).stages[0].request
        assert request is not None
        return request

    return asked


__all__ = ["Answer", "Ask", "Connect", "Serve"]
