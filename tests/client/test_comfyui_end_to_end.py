"""A whole plan on ComfyUI: its tables, its conversation, and a server that speaks as it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import (
    ApiClient,
    Catalog,
    Event,
    PipelineRunner,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
    load_plan,
)
from engine.preview import PreviewServer

ROOT = Path(__file__).resolve().parents[2]
BASE = {"prompt": "a lighthouse", "seed": 7, "width": 64, "height": 48, "steps": 2, "model_name": "any.safetensors"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def connected(catalog: Catalog) -> Iterator[tuple[PreviewServer, ApiClient]]:
    with (
        PreviewServer(check=lambda _name, _body: [], protocol="comfyui") as server,
        ApiClient(server.url, backend="comfyui", catalog=catalog, check_names=False) as client,  # it draws with any
    ):
        yield server, client


def stage(kind: str, **fields: object) -> StageExecution:
    return StageExecution(kind, StageConfig(kind, fields))


def test_the_portrait_in_four_stages(connected: tuple[PreviewServer, ApiClient], catalog: Catalog) -> None:
    file = load_plan(ROOT / "examples" / "portrait.yaml", catalog)
    result = PipelineRunner(connected[1]).run_pipeline(file.plan, file.base_config).raise_for_status()
    sizes = [(image.width, image.height) for one in result.stages for image in one.images]
    assert sizes == [(768, 960), (768, 960), (1152, 1440), (1152, 1440)]


def test_several_pictures_go_one_by_one_with_seeds_of_their_own(connected: tuple[PreviewServer, ApiClient]) -> None:
    events: list[Event] = []
    stages = (
        stage("txt2img", batch_size=2),
        stage("img2img", denoising_strength=0.5),
        stage("hires", hires_upscaler_name="Latent"),
        stage("upscale", upscaler_name="Lanczos", upscale_factor=1.5),
    )
    runner = PipelineRunner(connected[1], listeners=[events.append])
    result = runner.run_pipeline(StageExecutionPlan(stages), BASE).raise_for_status()
    assert [len(one.images) for one in result.stages] == [2, 2, 2, 2]
    assert [one.seeds for one in result.stages] == [(7, 8), (7, 8), (7, 8), ()]
    assert len({image.digest for one in result.stages for image in one.images}) == 8
    paths = [seen.path for seen in connected[0].requests]
    assert paths.count("/prompt") == 8
    assert paths.count("/upload/image") == 6


def test_every_picture_is_kept_as_it_came(connected: tuple[PreviewServer, ApiClient]) -> None:
    plan = StageExecutionPlan((stage("txt2img"), stage("img2img")))
    result = PipelineRunner(connected[1]).run_pipeline(plan, BASE).raise_for_status()
    (first,) = result.stages[0].images
    graphs = [seen.body for seen in connected[0].requests if seen.path == "/prompt"]
    assert f"stage-engine/{first.digest.removeprefix('sha256:')}.png" in json.dumps(graphs[1])
