"""ComfyUI's conversation with a server that speaks as ComfyUI does: sockets, time, a websocket, uploads and all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine import CancelToken, Catalog, GenerateResult, Progress
from engine.backends.build import Call
from engine.cancel import Cancellable
from engine.conversation.exchange import exchange
from engine.credentials import Credentials
from engine.driver import Driver, UnderWay
from engine.errors import BackendError
from engine.preview import PreviewServer, read_fault
from engine.tables.concrete import Value
from engine.testing import picture
from engine.transport import Transport
from engine.values import Later

CATALOG = Catalog([Path(__file__).resolve().parent / "jobs"])
PAINTER = CATALOG.backend("painter")
INPUT = picture(64, 48, "input")


def node(kind: str, **inputs: Value) -> dict[str, Value]:
    return {"class_type": kind, "inputs": inputs}


def painting(seed: int = 7, steps: int = 4) -> dict[str, Value]:
    """A picture from nothing; the file's name begins with the job's."""
    return {
        "model": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"),
        "wanted": node("CLIPTextEncode", text="a lighthouse", clip=["model", 1]),
        "canvas": node("EmptyLatentImage", width=64, height=48, batch_size=1),
        "sampler": node(
            "KSampler",
            seed=seed,
            steps=steps,
            cfg=7.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            model=["model", 0],
            positive=["wanted", 0],
            negative=["wanted", 0],
            latent_image=["canvas", 0],
        ),
        "decoded": node("VAEDecode", samples=["sampler", 0], vae=["model", 2]),
        "save": node("SaveImage", filename_prefix=Later("job_id"), images=["decoded", 0]),
    }


def copying() -> dict[str, Value]:
    """A picture that comes in, enlarged."""
    return {
        "input": node("LoadImage", image=INPUT),
        "large": node("ImageScaleBy", image=["input", 0], upscale_method="lanczos", scale_by=2.0),
        "save": node("SaveImage", filename_prefix=Later("job_id"), images=["large", 0]),
    }


@pytest.fixture
def preview() -> Iterator[PreviewServer]:
    with PreviewServer(check=lambda _name, _body: [], protocol="comfyui") as server:
        yield server


def talk(
    url: str,
    *graphs: Mapping[str, Value],
    token: Cancellable | None = None,
    told: list[Progress] | None = None,
) -> GenerateResult:
    """The calls with these graphs, one after the other."""
    calls = [Call(n, graph, {}, 1, 64, 48) for n, graph in enumerate(graphs)]
    watch = None if told is None else told.append
    with Transport(url, credentials=Credentials()) as transport:
        driver = Driver(transport, UnderWay(), backend="painter", stage="one", token=token, on_progress=watch)
        stage = PAINTER.stages["paint"]
        return driver.run(exchange(PAINTER, stage, calls, stage_id="one", watched=watch is not None))


def test_a_picture_is_painted(preview: PreviewServer) -> None:
    result = talk(preview.url, painting(), painting(seed=8))
    assert [(image.width, image.height) for image in result.images] == [(64, 48)] * 2
    assert result.images[0] != result.images[1]


def test_a_picture_that_comes_in_is_uploaded_once(preview: PreviewServer) -> None:
    result = talk(preview.url, copying(), copying())
    assert [(image.width, image.height) for image in result.images] == [(128, 96)] * 2
    assert sum(seen.path == "/upload/image" for seen in preview.requests) == 1


def test_progress_is_told_through_the_websocket() -> None:
    pytest.importorskip("websocket")
    told: list[Progress] = []
    with PreviewServer(check=lambda _name, _body: [], protocol="comfyui", delay=0.5) as server:
        talk(server.url, painting(steps=5), told=told)
    assert told
    assert all(one.steps == 5 for one in told)
    assert [one.ratio for one in told] == sorted(one.ratio for one in told)


@pytest.mark.parametrize("running", [True, False])
def test_a_job_is_stopped_whether_it_runs_or_waits(running: bool) -> None:
    token = CancelToken()
    with PreviewServer(check=lambda _name, _body: [], protocol="comfyui", delay=20) as server:
        if not running:
            ahead = threading.Thread(target=lambda: talk(server.url, painting(seed=99), token=token))
            ahead.start()
            time.sleep(0.3)
        threading.Timer(0.4, token.cancel).start()
        began = time.monotonic()
        result = talk(server.url, painting(), token=token)
        if not running:
            ahead.join()
    assert (result.cancelled, result.images) == (True, ())
    assert result.warnings == ()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(("fault", "code"), [("lost", "job-lost"), ("oom", "job-failed"), ("503", "http-status")])
def test_what_goes_wrong_there_is_told_apart(fault: str, code: str) -> None:
    faults = [read_fault(f"1={fault}")]
    with PreviewServer(check=lambda _name, _body: [], protocol="comfyui", faults=faults) as server:
        with pytest.raises(BackendError) as caught:
            talk(server.url, painting())
        assert caught.value.code == code
        assert talk(server.url, painting()).images


def test_a_lost_answer_is_made_good_by_looking() -> None:
    with PreviewServer(check=lambda _name, _body: [], protocol="comfyui", faults=[read_fault("1=drop")]) as server:
        assert talk(server.url, painting()).images
        assert sum(seen.path == "/prompt" for seen in server.requests) == 1


def test_a_graph_that_is_refused_says_why(preview: PreviewServer) -> None:
    wrong = painting()
    sampler: Any = wrong["sampler"]
    sampler["inputs"]["sampler_name"] = "dreaming"
    with pytest.raises(BackendError) as caught:
        talk(preview.url, wrong)
    assert "KSampler: Value not in list: sampler_name: 'dreaming'" in str(caught.value)


def test_a_graph_of_which_a_part_is_refused_makes_nothing(preview: PreviewServer) -> None:
    wrong = painting()
    wrong["other"] = node("LoadImage", image="nowhere.png")
    wrong["preview"] = node("PreviewImage", images=["other", 0])
    with pytest.raises(BackendError) as caught:
        talk(preview.url, wrong)
    assert caught.value.code == "answer-refused"
    assert "LoadImage" in str(caught.value)
