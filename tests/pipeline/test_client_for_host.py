"""Our client in the place of a host's own: the same call, the same outcome, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine import ApiClient, Catalog, ClientForHost, HostClient, PipelineRunner, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.preview import PreviewServer
from engine.wire import encode

CATALOG = Catalog()
BASE = {"prompt": "a lighthouse", "width": 64, "height": 64, "seed": 7, "subseed": 8, "upscaler_name": "Lanczos"}


@pytest.fixture(scope="module")
def client() -> Iterator[ApiClient]:
    with (
        PreviewServer(protocol="sdapi", check=lambda _name, _body: []) as server,
        ApiClient(server.url, backend="a1111", catalog=CATALOG) as client,
    ):
        yield client


def test_a_body_as_hosts_build_them_gives_an_outcome(client: ApiClient) -> None:
    timings: dict[str, float] = {}
    body: dict[str, Any] = {"prompt": "a lighthouse", "width": 64, "height": 64, "steps": 5, "seed": 7, "batch_size": 2}
    outcome = ClientForHost(client).generate_images(stage="txt2img", payload=body, timings=timings)
    assert outcome.ok
    assert outcome.error is None
    assert outcome.result is not None
    assert [text[:8] for text in outcome.result.images] == ["iVBORw0K"] * 2
    assert outcome.result.info["all_seeds"] == [7, 8]
    assert outcome.result.stage == "txt2img"
    assert timings == outcome.result.timings
    assert timings["generate_images"] > 0


def test_it_stands_for_itself_behind_the_runner(client: ApiClient) -> None:
    kinds = ("txt2img", "img2img", "hires", "upscale")
    plan = Plan(tuple(StageExecution(kind, StageConfig(kind)) for kind in kinds))
    direct = PipelineRunner(client).run_pipeline(plan, BASE)
    behind = HostClient(ClientForHost(client), backend="a1111", catalog=CATALOG)
    through = PipelineRunner(behind).run_pipeline(plan, BASE)
    assert through.success
    assert [stage.images for stage in through.stages] == [stage.images for stage in direct.stages]
    assert [stage.seeds for stage in through.stages] == [stage.seeds for stage in direct.stages]


@pytest.mark.parametrize(
    ("stage", "change", "said"),
    [
        ("txt2img", {"promt": "x"}, "did you mean 'prompt'"),
        ("txt2img", {"steps": "20"}, "steps must be a whole number"),
        ("txt2img", {"steps": float("nan")}, "not a finite number"),
        ("txt2img", {"prompt": object()}, "Python object"),
        ("upscale", {"image_base64": "x"}, "image_base64 is not known"),
        ("txt2imgs", {}, "did you mean 'txt2img'"),
    ],
)
def test_a_wrong_body_is_an_outcome_and_is_not_sent(
    client: ApiClient, stage: str, change: dict[str, Any], said: str
) -> None:
    outcome = ClientForHost(client).generate_images(stage=stage, payload=change)
    assert not outcome.ok
    assert outcome.result is None
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.stage) == ("payload_validation_error", stage)
    assert said in outcome.error.message
    assert isinstance(outcome.error.details["findings"], list)


def test_what_is_no_mapping_is_one_too(client: ApiClient) -> None:
    nothing: Any = None
    outcome = ClientForHost(client).generate_images(stage="txt2img", payload=nothing)
    assert outcome.error is not None
    assert "must be a mapping, not null" in outcome.error.message


def test_a_server_that_is_not_there_is_a_connection_error() -> None:
    with ApiClient("http://127.0.0.1:9", backend="a1111", catalog=CATALOG) as client:
        outcome = ClientForHost(client).generate_images(stage="txt2img", payload={"prompt": "x"})
    assert outcome.error is not None
    assert outcome.error.code == "connection_error"
    assert outcome.error.details["code"] == "backend-unreachable"


def test_the_body_is_not_changed(client: ApiClient) -> None:
    planned = PipelineRunner(client).check(Plan((StageExecution("a", StageConfig("txt2img")),)), BASE)
    assert planned.stages[0].prepared is not None
    body: Any = dict(planned.stages[0].prepared.bodies[0])
    before = encode(body)
    ClientForHost(client).generate_images(stage="txt2img", payload=body)
    assert encode(body) == before
