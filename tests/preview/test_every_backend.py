"""Every back end that names a preview runs one plan on it, end to end, and the pictures tell the same story."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import ApiClient, Catalog, PipelineRunner, load_plan
from engine.preview import PROTOCOLS, preview_of
from engine.preview.pixels import read_picture

CATALOG = Catalog()

PLAN = """
base_config: {prompt: a lighthouse, negative_prompt: rain, seed: 7, steps: 12, cfg_scale: 7, sampler_name: Euler a,
  width: 256, height: 320, model_name: preview-sd15.safetensors}
stages:
  - {id: draw, stage_type: txt2img, stage_config: {hires_enabled: true, hires_upscale_factor: 1.5,
      hires_upscaler_name: Latent, hires_denoise: 0.5}}
  - {id: polish, stage_type: img2img, stage_config: {denoising_strength: 0.25}}
  - {id: enlarge, stage_type: upscale, stage_config: {upscaler_name: Lanczos, upscale_factor: 1.5}}
  - {id: face, stage_type: adetailer, stage_config: {adetailer_model: face_yolov8n.pt, adetailer_denoise: 0.35}}
"""


def named() -> list[str]:
    return [name for name in CATALOG.names() if CATALOG.backend(name).preview is not None]


def test_no_back_end_borrows_the_preview_of_another() -> None:
    words = {name: str(CATALOG.backend(name).preview) for name in named()}
    assert set(words.values()) <= set(PROTOCOLS)
    assert len(set(words.values())) == len(words)


@pytest.mark.parametrize("name", named())
def test_a_plan_runs_and_its_pictures_tell_what_was_done(name: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN, encoding="utf-8")
    plan = load_plan(file, CATALOG)
    with (
        preview_of(CATALOG, name) as server,
        ApiClient(server.url, backend=name, catalog=CATALOG) as client,
    ):
        result = PipelineRunner(client).run_pipeline(plan.plan, plan.base_config)
    result.raise_for_status()
    assert [len(stage.images) for stage in result.stages] == [1, 1, 1, 1]
    sizes = [(stage.images[0].width, stage.images[0].height) for stage in result.stages]
    assert sizes == [(384, 480), (384, 480), (576, 720), (576, 720)]
    note = read_picture(result.images[0].data).note
    assert note is not None
    assert note.prompt == "a lighthouse"
    assert note.log[0].startswith("txt2img 256x320 · seed 7 · ")
    assert "hires" in note.log[0]
    assert note.log[1].startswith("img2img denoise 0.25")
    assert note.log[2].startswith("upscale")
    assert "face" in note.log[3]
    assert "denoise 0.35" in note.log[3]
