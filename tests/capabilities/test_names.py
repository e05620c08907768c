"""Names of a person's own become each server's before anything is built."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine import ApiClient, Catalog, PayloadError, PipelineRunner, StageConfig, StageExecution, TableError
from engine import StageExecutionPlan as Plan
from engine.backends.names import Names, load_names
from engine.testing import picture
from tests.capabilities.answering import Answering
from tests.capabilities.test_probe import ANSWERS

CATALOG = Catalog()
FILE = """format: 1
checkpoints:
  the dream: {a1111: dream.safetensors, "http://127.0.0.1:9": other.safetensors}
  elsewhere: {"http://127.0.0.1:1/": far.safetensors}
vaes:
  soft: {a1111: soft.pt}
upscalers:
  big: {a1111: Lanczos}
detectors:
  face: {a1111: face_yolov8n.pt}
loras:
  night: {a1111: dark}
"""


def written(tmp_path: Path, text: str = FILE) -> Path:
    file = tmp_path / "names.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def bodies(tmp_path: Path, kind: str, url: str = "http://127.0.0.1:2", **fields: object) -> tuple[Any, list[str]]:
    with ApiClient(url, backend="a1111", catalog=CATALOG, names=written(tmp_path)) as client:
        images = () if kind == "txt2img" else (picture(64, 64),)
        plan = Plan((StageExecution("one", StageConfig(kind, fields)),), images)
        prepared = PipelineRunner(client).check(plan, {"prompt": "a"}).stages[0].prepared
    assert prepared is not None
    return prepared.bodies[0], [f"{warning.code} {warning.message}" for warning in prepared.warnings]


def test_each_kind_of_name(tmp_path: Path) -> None:
    body, warnings = bodies(
        tmp_path, "txt2img", model="the dream", vae="soft", loras=[{"name": "night", "weight": 0.5}]
    )
    assert body["override_settings"] == {"sd_model_checkpoint": "dream.safetensors", "sd_vae": "soft.pt"}
    assert body["prompt"] == "a <lora:dark:0.5>"
    body, _ = bodies(tmp_path, "upscale", upscaler="big")
    assert body["upscaler_1"] == "Lanczos"
    body, _ = bodies(tmp_path, "adetailer", adetailer_units=[{"model": "face", "checkpoint": "the dream"}])
    unit = body["alwayson_scripts"]["ADetailer"]["args"][2]
    assert (unit["ad_model"], unit["ad_checkpoint"]) == ("face_yolov8n.pt", "dream.safetensors")
    assert warnings == []


def test_an_address_counts_before_the_back_end(tmp_path: Path) -> None:
    body, _ = bodies(tmp_path, "txt2img", "http://127.0.0.1:9/", model="the dream")
    assert body["override_settings"]["sd_model_checkpoint"] == "other.safetensors"


def test_other_names_pass(tmp_path: Path) -> None:
    body, warnings = bodies(tmp_path, "txt2img", model="dream.safetensors", vae="the dream")
    assert body["override_settings"] == {"sd_model_checkpoint": "dream.safetensors", "sd_vae": "the dream"}
    assert warnings == []


def test_a_name_without_a_word_for_this_server_is_told_of(tmp_path: Path) -> None:
    body, warnings = bodies(tmp_path, "txt2img", model="elsewhere")
    assert body["override_settings"]["sd_model_checkpoint"] == "elsewhere"
    assert warnings == ["names-no-entry names.yaml knows the checkpoint 'elsewhere', and not what a1111 calls it"]


def test_the_server_is_asked_for_its_own_name(tmp_path: Path) -> None:
    names = load_names(written(tmp_path, "format: 1\ncheckpoints: {d: {a1111: draem}}\n"), CATALOG)
    plan = Plan((StageExecution("one", StageConfig("txt2img", {"model": "d"})),))
    with (
        Answering(ANSWERS) as server,
        ApiClient(server.url, backend="a1111", catalog=CATALOG, names=names) as client,
        pytest.raises(PayloadError, match="no checkpoint 'draem'"),
    ):
        PipelineRunner(client).run_pipeline(plan, {"prompt": "a"})


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "format: 1\ncheckpoints: {d: {a1112: x}}\n",
            "names-unknown-backend",
            "2:19: error[names-unknown-backend] there is no",
        ),
        ("format: 1\nmodels: {}\n", "names-shape", "2:1: error[names-shape] models is not known there"),
        ("format: 1\nvaes: {d: {a1111: ''}}\n", "names-shape", "2:12: error[names-shape] vaes.d.a1111"),
        ("format: 1\nvaes: {d: x}\n", "names-shape", "2:8: error[names-shape] vaes.d must be"),
        ("format: 2\n", "names-shape", "1:1: error[names-shape] format must be 1"),
        ("[]\n", "names-shape", "the file must be"),
        ("format: 1\nformat: 1\n", "document-duplicate-key", "format"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, code: str, said: str) -> None:
    with pytest.raises(TableError) as caught:
        load_names(written(tmp_path, text), CATALOG)
    assert {finding.code for finding in caught.value.findings} == {code}
    assert said in str(caught.value)


def test_the_file_on_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "names.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    names = load_names(written(tmp_path, text), CATALOG)
    assert names.called("checkpoints", "dreamshaper", "comfyui", "") == "sd15/dreamshaper_8.safetensors"
    assert names.called("checkpoints", "dreamshaper", "comfyui", "http://192.168.1.20:8188/") == "dream/v8.safetensors"
    assert names.called("detectors", "face", "forge", "") is None


def test_no_names_are_no_words() -> None:
    assert Names().called("checkpoints", "x", "a1111", "") is None
