"""What a server did otherwise than it was asked: found in what real servers answered, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from engine.backends.build import prepare
from engine.backends.verify import differences, infotext_pairs
from engine.conversation.answers import read_results
from engine.errors import Finding, VerificationError
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.runner import PipelineRunner
from engine.testing import picture
from engine.testing.scripted import Reply
from tests.client.conftest import Connect, Serve
from tests.payloads.building import BACKENDS, planned
from tests.recordings import load, needs_recordings, with_pictures

BASE: Mapping[str, object] = {
    "prompt": "a cat",
    "negative_prompt": "bad",
    "width": 64,
    "height": 64,
    "steps": 2,
    "seed": 7,
    "cfg_scale": 5,
    "sampler_name": "Euler",
}
FACE = {"adetailer_units": [{"model": "face_yolov8n.pt"}]}
TWO = {"adetailer_units": [{"model": "face_yolov8n.pt"}, {"model": "hand_yolov8n.pt"}]}
KARRAS = {"sampler_name": "DPM++ 2M", "scheduler": "karras"}
HIRES = {"hires_enabled": True, "hires_denoise": 0.5}
REFINER = {
    "refiner_enabled": True,
    "refiner_model_name": "Diffusers/tiny15-refiner",
    "refiner_switch_at": 0.5,
    "steps": 4,
}


def told_of(backend: str, stage: str, own: Mapping[str, object], data: Any) -> list[Finding]:
    """The differences between a request and an answer."""
    made = BACKENDS[backend].stages[stage]
    (call,) = prepare(BACKENDS[backend], planned(stage, own, BASE, (64, 64)))
    results = read_results(made.answer, data, {}, backend=backend, stage="one")
    images = [Image.from_base64(str(item)) for item in results.items]
    return list(differences(made.verify, call.asked, results.info, images, (call.width, call.height), made.lookups))


#: (server, recording, stage type, what a plan says that this recording answers) -> (field, code) of each difference.
RIGHT = [
    ("a1111", "txt2img-basic", "txt2img", {}),
    ("a1111", "txt2img-sampler-scheduler", "txt2img", KARRAS),
    ("a1111", "txt2img-hr-latent", "txt2img", HIRES),
    ("a1111", "txt2img-refiner", "txt2img", REFINER | {"refiner_model_name": "tiny15_refiner.safetensors"}),
    ("a1111", "img2img-basic", "img2img", {}),
    ("a1111", "ad-skip-img2img", "adetailer", FACE),
    ("forge", "txt2img-hr-latent-modules-same", "txt2img", HIRES),
    ("forge", "txt2img-refiner-name-only", "txt2img", REFINER | {"refiner_model_name": "tiny15_refiner"}),
    ("forge", "img2img-basic", "img2img", {}),
    ("sdnext", "txt2img-basic", "txt2img", {}),
    ("sdnext", "txt2img-schedulers-sigma-karras", "txt2img", KARRAS),
    ("sdnext", "hr-sdnext-latent-force", "txt2img", HIRES),
    ("sdnext", "state-hr-lanczos-denoise0", "txt2img", HIRES | {"hires_denoise": 0}),
    ("sdnext", "refiner-sdnext-override", "txt2img", REFINER),
    ("sdnext", "refiner-sdnext-and-hr", "txt2img", REFINER | HIRES),
    ("sdnext", "txt2img-clip-skip-field", "txt2img", {"clip_skip": 2}),
    ("sdnext", "override-checkpoint", "txt2img", {"model_name": "Diffusers/tiny15-refiner"}),
    ("sdnext", "img2img-resize-mode-1", "img2img", {"width": 96, "height": 64}),
    ("sdnext", "detailer-img2img", "adetailer", FACE),
]
WRONG = [
    ("a1111", "err-unknown-sampler", "txt2img", {"sampler_name": "No Such Sampler"}, [("sampler_name", "other")]),
    (
        "a1111",
        "txt2img-scheduler-unknown",
        "txt2img",
        {"scheduler": "karras"},
        [("scheduler", "other")],
    ),
    ("a1111", "err-override-unknown-checkpoint", "txt2img", {"model_name": "nope"}, [("model_name", "other")]),
    ("a1111", "txt2img-basic", "txt2img", {"vae_name": "nope.pt"}, [("vae_name", "not-done")]),
    ("a1111", "txt2img-basic", "txt2img", {"clip_skip": 2}, [("clip_skip", "other")]),
    ("a1111", "txt2img-basic", "txt2img", HIRES, [(None, "size"), ("hires_upscaler_name", "not-done")]),
    ("a1111", "txt2img-basic", "txt2img", REFINER | {"steps": 2}, [("refiner_model_name", "not-done")]),
    ("a1111", "txt2img-size-70x50", "txt2img", {}, [(None, "size")]),
    ("a1111", "ad-err-unknown-key", "adetailer", FACE, [("adetailer_units", "other")]),
    ("a1111", "ad-disabled", "adetailer", FACE, [("adetailer_units", "not-done")]),
    ("a1111", "ad-args-bools-dict", "adetailer", TWO, [("adetailer_units", "other")]),
    ("forge", "err-unknown-sampler", "txt2img", {"sampler_name": "No Such Sampler"}, [("sampler_name", "other")]),
    ("forge", "err-override-unknown-checkpoint", "txt2img", {"model_name": "nope"}, [("model_name", "other")]),
    ("sdnext", "override-checkpoint-unknown", "txt2img", {"model_name": "nope"}, [("model_name", "other")]),
    (
        "sdnext",
        "hr-a1111-lanczos",
        "txt2img",
        HIRES,
        [(None, "size"), ("hires_enabled", "other"), ("hires_enabled", "other")],
    ),
    ("sdnext", "hr-sdnext-lanczos-noforce", "txt2img", HIRES, [("hires_enabled", "other")]),
    ("sdnext", "hr-sdnext-mode0", "txt2img", HIRES, [(None, "size"), ("hires_enabled", "other")]),
    ("sdnext", "hr-sdnext-a1111-name-latent", "txt2img", HIRES, [(None, "size")]),
    ("sdnext", "refiner-a1111", "txt2img", REFINER, [("refiner_model_name", "not-done")]),
    ("sdnext", "refiner-sdnext-override-unknown", "txt2img", REFINER, [("refiner_model_name", "not-done")]),
    (
        "sdnext",
        "txt2img-scheduler-karras",
        "txt2img",
        {"sampler_name": "DPM++ 2M", "scheduler": "karras"},
        [("scheduler", "not-done")],
    ),
    ("sdnext", "txt2img-override-clip-skip", "txt2img", {"clip_skip": 2}, [("clip_skip", "not-done")]),
    ("sdnext", "img2img-size-other", "img2img", {"width": 128, "height": 128}, [(None, "size")]),
    ("sdnext", "img2img-basic", "adetailer", FACE, [("adetailer_units", "other")]),
]


def name(case: Any) -> str | None:
    return case if isinstance(case, str) else None


@needs_recordings
@pytest.mark.parametrize(("server", "recording", "stage", "own"), RIGHT, ids=name)
def test_where_all_was_right_nothing_is_said(server: str, recording: str, stage: str, own: dict[str, Any]) -> None:
    data = with_pictures(load(server, recording)["response"])
    assert [str(finding) for finding in told_of(server, stage, own, data)] == []


@needs_recordings
@pytest.mark.parametrize(("server", "recording", "stage", "own", "expected"), WRONG, ids=name)
def test_what_a_server_did_otherwise_is_said(
    server: str, recording: str, stage: str, own: dict[str, Any], expected: list[tuple[str | None, str]]
) -> None:
    found = told_of(server, stage, own, with_pictures(load(server, recording)["response"]))
    assert [(f.field, f.code.removeprefix("verify-")) for f in found] == expected
    assert all(finding.severity == "warning" for finding in found)


def test_a_difference_says_what_was_asked_for_and_what_came() -> None:
    info = {"sampler_name": "DPM++ 2M", "infotexts": ["a\nSteps: 2, Sampler: DPM++ 2M, Size: 64x64"]}
    data = {"images": [picture(64, 64).base64], "info": json.dumps(info)}
    (found,) = told_of("a1111", "txt2img", {}, data)
    assert found.message == "sampler_name 'Euler' was asked for, and the answer says 'DPM++ 2M'"
    assert found.hint == "a name that it does not know runs as another"


@pytest.mark.parametrize("info", [{}, {"infotexts": []}, {"infotexts": [5]}, {"infotexts": [""]}, {"infotexts": None}])
def test_what_is_not_told_is_no_difference(info: dict[str, Any]) -> None:
    data = {"images": [picture(64, 64).base64], "info": json.dumps(info)}
    assert told_of("a1111", "txt2img", {"scheduler": "karras", "model_name": "x"}, data) == []


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("a cat\nNegative prompt: x\nSteps: 2, Size: 64x64", {"steps": "2", "size": "64x64"}),
        (
            'Steps: 2, Lora hashes: "a: 1, b: 2", Version: 1',
            {"steps": "2", "lora hashes": "a: 1, b: 2", "version": "1"},
        ),
        ("Operations: upscale; hires, Model: a.b", {"operations": "upscale; hires", "model": "a.b"}),
        ("Steps: 2, Steps: 3", {"steps": "2"}),
        (", , :, Steps:, Seed: 1", {"steps": "", "seed": "1"}),
        ("\x00 no pairs here", {}),
    ],
)
def test_the_pairs_of_an_infotext(text: str, pairs: dict[str, str]) -> None:
    assert infotext_pairs(text) == pairs


def test_an_infotext_of_any_length_is_read_in_little_time() -> None:
    assert infotext_pairs("a" * 5_000_000) == {}
    assert len(infotext_pairs(", ".join(f"k{n}: v" for n in range(100_000)))) == 500
    assert infotext_pairs('"' * 100_000) == {}


def plan_of(strict: bool) -> StageExecutionPlan:
    first = StageExecution("first", StageConfig("txt2img", BASE))
    second = StageExecution("second", StageConfig("upscale", {"upscaler_name": "Lanczos"}))
    return StageExecutionPlan((first, second), options=PlanOptions(strict=strict))


@pytest.mark.parametrize("strict", [False, True])
def test_a_difference_is_a_warning_and_in_a_strict_plan_an_error_that_keeps_the_pictures(
    strict: bool, serve: Serve, connect: Connect
) -> None:
    info = {"sampler_name": "LMS", "all_seeds": [7], "infotexts": ["x\nSteps: 2, Sampler: LMS"]}
    made = {"images": [picture(64, 64, "made").base64], "info": json.dumps(info)}
    enlarged = {"image": picture(128, 128).base64, "html_info": ""}
    client = connect(serve(Reply.json(made), Reply.json(enlarged)))
    result = PipelineRunner(client).run_pipeline(plan_of(strict), {})
    first, second = result.stages
    assert [warning.code for warning in first.warnings] == ["verify-other"]
    assert [image.width for image in first.images] == [64]
    if strict:
        assert (result.status, first.status, second.status) == ("failed", "failed", "skipped")
        assert isinstance(result.error, VerificationError)
        assert "sampler_name 'Euler' was asked for" in str(result.error)
    else:
        assert (result.status, result.error) == ("completed", None)
