"""Progress and the word to stop while a server is at work, over real HTTP: with threads, time and sockets."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import (
    ApiClient,
    CancelToken,
    Catalog,
    Event,
    GenerateImagesRequest,
    PipelineRunner,
    Progress,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
)
from engine.testing import picture
from engine.testing.scripted import Reply, ScriptedServer, Seen
from tests.client.conftest import Ask, Connect, Serve
from tests.client.generations import generation

ONE = picture(64, 64, "one")
RUNS = {"progress": 0.25, "state": {"job_count": 1, "sampling_step": 5, "sampling_steps": 20}}
GOOD = Reply.json(generation(ONE.base64))


class Family:
    """A server of the family: generations wait until they are released or interrupted."""

    def __init__(self, *, first_is_quick: bool = False) -> None:
        self.release = threading.Event()
        self.started = threading.Event()
        self.interrupts = 0
        self._quick = itertools.count() if first_is_quick else itertools.count(1)

    def __call__(self, seen: Seen) -> Reply:
        if "progress" in seen.path:
            assert seen.path == "/sdapi/v1/progress?skip_current_image=true"
            return Reply.json(RUNS)
        if "interrupt" in seen.path:
            self.interrupts += 1
            self.release.set()
            return Reply.json({})
        if next(self._quick) == 0:
            return GOOD
        self.started.set()
        self.release.wait(20)
        return GOOD


def quick(client: ApiClient) -> ApiClient:
    """The client, asking for progress so often that a test need not wait."""
    progress = client.backend.steps.progress
    assert progress is not None
    client.backend = replace(
        client.backend, steps=replace(client.backend.steps, progress=replace(progress, every=0.02))
    )
    return client


class TestAPostInFlight:
    def test_the_token_stops_it_and_the_server(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        family, token = Family(), CancelToken()
        client = quick(connect(serve(family)))
        threading.Thread(target=lambda: (family.started.wait(10), token.cancel())).start()
        began = time.monotonic()
        result = client.generate_images(ask(), cancel_token=token)
        assert (result.cancelled, result.images, family.interrupts > 0) == (True, (), True)
        assert time.monotonic() - began < 5

    def test_a_shared_server_is_left_alone(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        family, token = Family(), CancelToken()
        client = connect(serve(family), shared=True)
        threading.Thread(target=lambda: (family.started.wait(10), token.cancel())).start()
        result = client.generate_images(ask(), cancel_token=token)
        assert (result.cancelled, family.interrupts) == (True, 0)
        assert [warning.code for warning in result.warnings] == ["cancel-not-told"]
        family.release.set()

    def test_a_request_of_another_thread_is_not_stopped_with_it(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        family, token = Family(), CancelToken()
        client = quick(connect(serve(family)))
        other: list[Any] = []
        thread = threading.Thread(
            target=lambda: other.append(client.generate_images(ask(seed=1), cancel_token=CancelToken()))
        )
        thread.start()
        assert family.started.wait(10)
        threading.Timer(0.3, token.cancel).start()
        threading.Timer(1.0, family.release.set).start()
        result = client.generate_images(ask(seed=2), cancel_token=token)
        thread.join()
        assert (result.cancelled, family.interrupts) == (True, 0)
        assert len(other[0].images) == 1

    def test_progress_is_told_in_this_thread(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        family, told = Family(), list[tuple[Progress, threading.Thread]]()

        def tell(progress: Progress) -> None:
            told.append((progress, threading.current_thread()))
            family.release.set()

        result = quick(connect(serve(family))).generate_images(ask(), on_progress=tell)
        assert len(result.images) == 1
        assert told == [(Progress(0.25, 5, 20, 0, 1), threading.current_thread())]

    def test_a_listener_that_raises_costs_no_picture(
        self, serve: Serve, connect: Connect, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        family = Family()

        def broken(progress: Progress) -> None:
            family.release.set()
            raise RuntimeError("no luck")

        assert quick(connect(serve(family))).generate_images(ask(), on_progress=broken).images
        assert "on_progress raised" in caplog.text

    def test_an_error_of_the_network_is_raised_here(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        from engine import BackendUnreachableError

        with pytest.raises(BackendUnreachableError):
            connect(serve(Reply(raw=b""))).generate_images(ask(), cancel_token=CancelToken())


class TestThroughTheRunner:
    def run(self, client: ApiClient, token: CancelToken, *kinds: str) -> tuple[Any, list[Event]]:
        events: list[Event] = []
        stages = tuple(StageExecution(f"{n}-{kind}", StageConfig(kind)) for n, kind in enumerate(kinds))
        plan = StageExecutionPlan(stages)
        return PipelineRunner(client, listeners=[events.append]).run_pipeline(
            plan, {"prompt": "x", "seed": 7}, token
        ), events

    def test_a_stage_that_is_stopped_is_cancelled_and_the_next_does_not_run(
        self, serve: Serve, connect: Connect
    ) -> None:
        family, token = Family(first_is_quick=True), CancelToken()
        server = serve(family)
        threading.Thread(target=lambda: (family.started.wait(10), token.cancel())).start()
        result, events = self.run(quick(connect(server)), token, "txt2img", "img2img", "img2img")
        assert (result.status, [stage.status for stage in result.stages]) == (
            "cancelled",
            ["completed", "cancelled", "skipped"],
        )
        assert result.images == (ONE,)  # those of the stage that had ended
        assert result.error is None
        finished = [event.stage.status for event in events if event.kind == "stage_finished" and event.stage]
        assert finished == ["completed", "cancelled"]
        assert events[-1].kind == "run_finished"

    def test_progress_is_an_event(self, serve: Serve, connect: Connect) -> None:
        family, token = Family(), CancelToken()
        threading.Thread(target=lambda: (family.started.wait(10), time.sleep(0.2), family.release.set())).start()
        _, events = self.run(quick(connect(serve(family))), token, "txt2img")
        told = [event for event in events if event.kind == "progress"]
        assert [(event.stage_id, event.index, event.progress) for event in told] == [
            ("0-txt2img", 0, Progress(0.25, 5, 20, 0, 1))
        ]


# -- jobs ---------------------------------------------------------------------------------------------------------


class Painter:
    """A server of jobs: one runs until it is released, and tells so through a websocket."""

    def __init__(self) -> None:
        self.release, self.stopped, self.started = threading.Event(), threading.Event(), threading.Event()
        self.job = ""
        self.said: list[Any] = []

    def __call__(self, seen: Seen) -> Reply:
        path = seen.path.partition("?")[0]
        if path == "/prompt":
            self.job = seen.body["prompt_id"]
            self.started.set()
            return Reply.json({"prompt_id": self.job, "node_errors": {}})
        if path.startswith("/history"):
            assert path == f"/history/{self.job}"
            if self.stopped.is_set():
                messages = [["execution_interrupted", {}]]
                status = {"status_str": "error", "completed": False, "messages": messages}
                return Reply.json({self.job: {"outputs": {}, "status": status}})
            if not self.release.is_set():
                return Reply.json({})
            image = {"filename": "a b&c.png", "subfolder": "", "type": "output"}
            entry = {"outputs": {"save": {"images": [image]}}, "status": {"status_str": "success", "completed": True}}
            return Reply.json({self.job: entry})
        if seen.path == "/queue":
            if seen.method == "POST":
                return Reply(headers=())
            return Reply.json({"queue_running": [[0, self.job, {}, {}, []]], "queue_pending": []})
        if path == "/interrupt":
            assert seen.body == {"prompt_id": self.job}
            self.stopped.set()
            return Reply(headers=())
        if path == "/view":
            assert seen.path == "/view?filename=a+b%26c.png&subfolder=&type=output"
            assert "Content-Type" not in seen.headers
            return Reply(ONE.data, headers=(("Content-Type", "image/png"),))
        assert path == "/ws"
        key = seen.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
        return Reply(raw=head.encode(), then=self._speak)

    def _speak(self) -> bytes:
        """What the websocket says once there is a job; then the job is done, if there is something to say."""
        self.started.wait(10)
        said = [one(self.job) if callable(one) else one for one in self.said]
        if said:
            threading.Timer(0.2, self.release.set).start()
        return b"".join(_frame(one) for one in said)


def _frame(said: Any) -> bytes:
    """A websocket's frame: text of JSON, or bytes as they are in a binary one."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack("!H", len(data))
    return (b"\x82" if isinstance(said, bytes) else b"\x81") + size + data


@pytest.fixture(scope="module")
def jobs() -> Catalog:
    return Catalog([Path(__file__).resolve().parent / "jobs"])


@pytest.fixture
def painter(serve: Serve) -> Iterator[tuple[Painter, ScriptedServer]]:
    painter = Painter()
    yield painter, serve(painter)
    painter.release.set()
    painter.started.set()


def request() -> GenerateImagesRequest:
    toggles = {f"{kind}_enabled": False for kind in ("txt2img", "img2img", "upscale", "adetailer")}
    return GenerateImagesRequest("one", "paint", {"stage_type": "paint", **toggles, "wish": "a lighthouse"})


class TestAJobInFlight:
    def test_it_is_done(self, painter: tuple[Painter, ScriptedServer], jobs: Catalog) -> None:
        painter[0].release.set()
        with ApiClient(painter[1].url, backend="painter", catalog=jobs, ids=lambda: "mine") as client:
            result = client.generate_images(request())
        assert [image.data for image in result.images] == [ONE.data]
        assert painter[0].job == "mine"

    def test_the_token_stops_it(self, painter: tuple[Painter, ScriptedServer], jobs: Catalog) -> None:
        token, server = CancelToken(), painter[0]
        server.said = []
        threading.Thread(target=lambda: (server.started.wait(10), token.cancel())).start()
        with ApiClient(painter[1].url, backend="painter", catalog=jobs) as client:
            result = client.generate_images(request(), cancel_token=token)
        assert (result.cancelled, result.images, server.stopped.is_set()) == (True, (), True)

    def test_the_websocket_tells_of_progress(self, painter: tuple[Painter, ScriptedServer], jobs: Catalog) -> None:
        pytest.importorskip("websocket")
        told: list[Progress] = []
        painter[0].said = [
            {"type": "status", "data": {"sid": "x"}},
            b"\x00\x00\x00\x01a preview",
            lambda job: {"type": "progress", "data": {"prompt_id": job, "value": 3, "max": 4}},
            lambda job: {"type": "progress", "data": {"prompt_id": "another", "value": 1, "max": 4}},
        ]
        with ApiClient(painter[1].url, backend="painter", catalog=jobs) as client:
            assert client.generate_images(request(), on_progress=told.append).images
        assert told == [Progress(0.75, 3, 4)]
        asked = [seen for seen in painter[1].seen if seen.path.startswith("/ws?clientId=")]
        assert len(asked) == 1
        assert "Origin" not in asked[0].headers

    @pytest.mark.parametrize("missing", ["the library", "the socket"])
    def test_without_one_it_works_the_same(
        self,
        painter: tuple[Painter, ScriptedServer],
        jobs: Catalog,
        missing: str,
        monkeypatch: pytest.MonkeyPatch,
        serve: Serve,
    ) -> None:
        server = painter[1]
        if missing == "the library":
            monkeypatch.setitem(sys.modules, "websocket", None)
        else:
            server = serve(lambda seen: Reply(status=404) if seen.path.startswith("/ws") else painter[0](seen))
        painter[0].release.set()
        with ApiClient(server.url, backend="painter", catalog=jobs) as client:
            assert client.generate_images(request()).images

    def test_a_message_without_end_is_not_kept(self, painter: tuple[Painter, ScriptedServer], serve: Serve) -> None:
        pytest.importorskip("websocket")
        from engine.websocket import Listener

        heard: list[Any] = []

        def endless() -> bytes:
            return b"\x81\x7f" + struct.pack("!Q", 2**40) + b"x" * 20_000_000

        def server(seen: Seen) -> Reply:
            return replace(painter[0](seen), then=endless)

        listener = Listener(f"ws{serve(server).url.removeprefix('http')}/ws", {}, 5, heard.append)
        assert listener.ready.wait(5)
        listener._thread.join(5)
        assert not listener._thread.is_alive()  # it broke off by itself
        listener.close()
        assert heard == []
