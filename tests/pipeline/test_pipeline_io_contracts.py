"""What goes into a stage and what goes out of it: requests, wire bodies and results against their contracts."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from engine import (
    ApiClient,
    Catalog,
    GenerateImagesRequest,
    Image,
    PayloadError,
    PipelineRunner,
    PlannedStage,
    RunConfig,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
)
from engine.testing import FakeClient, picture
from engine.wire import described, encode

CATALOG = Catalog()
STAGES = ("txt2img", "img2img", "hires", "upscale", "adetailer")
TOGGLES = ("txt2img_enabled", "img2img_enabled", "upscale_enabled", "adetailer_enabled")
WIRE = {"txt2img": "txt2img", "img2img": "img2img", "hires": "img2img", "upscale": "extras", "adetailer": "img2img"}

#: What a stage cannot do without, in its own config.
NEEDED: dict[str, dict[str, object]] = {
    "txt2img": {},
    "img2img": {},
    "hires": {},
    "upscale": {"upscaler_name": "Lanczos"},
    "adetailer": {"adetailer_units": [{"model": "face_yolov8n.pt"}]},
}
#: Everything that people set for a whole run, for every kind of stage, whether the stage has it or not.
EVERYTHING = RunConfig(
    prompt="a lighthouse at dusk",
    negative_prompt="fog",
    styles=["oil"],
    model_name="base_model [12345678]",
    vae_name="some_vae.safetensors",
    clip_skip=2,
    seed=77,
    subseed=78,
    subseed_strength=0.25,
    steps=24,
    cfg_scale=5.5,
    sampler_name="DPM++ 2M Karras",
    eta=0.5,
    tiling=True,
    restore_faces=True,
    width=640,
    height=384,
    batch_size=2,
    n_iter=2,
    refiner_enabled=True,
    refiner_model_name="refiner_model [87654321]",
    refiner_switch_step=18,
    hires_enabled=True,
    hires_upscale_factor=1.5,
    hires_upscaler_name="R-ESRGAN 4x+",
    hires_denoise=0.55,
    hires_steps=12,
    hires_sampler_name="Euler a",
    hires_scheduler="karras",
    hires_model_name="hires_model",
    hires_prompt="sharp",
    hires_negative_prompt="soft",
    denoising_strength=0.35,
    upscaler_name="Lanczos",
    upscale_factor=2,
    gfpgan_visibility=0.5,
    codeformer_visibility=0.25,
    adetailer_model="face_yolov8n.pt",
    adetailer_confidence=0.4,
    extra_scripts={"ControlNet": {"args": []}},
)
#: The words of the two groups on the wire.
REFINER_KEYS = {"refiner_checkpoint", "refiner_switch_at"}
HIRES_KEYS = {"enable_hr"} | {
    f"hr_{word}"
    for word in (
        *("scale", "resize_x", "resize_y", "upscaler", "second_pass_steps", "sampler_name", "scheduler"),
        *("checkpoint_name", "prompt", "negative_prompt"),
    )
}
#: What is always sent, so that no default of a server's counts.
SAMPLED = {
    *("prompt", "negative_prompt", "seed", "subseed", "subseed_strength", "steps", "cfg_scale", "sampler_name"),
    *("scheduler", "width", "height", "batch_size", "n_iter", "tiling", "restore_faces"),
    *("override_settings_restore_afterwards", "send_images", "save_images"),
}
REDRAWN = SAMPLED | {"init_images", "denoising_strength", "resize_mode"}
ENLARGED = {
    *("image", "resize_mode", "upscaling_resize", "upscaler_1", "upscaler_2", "extras_upscaler_2_visibility"),
    *("gfpgan_visibility", "codeformer_visibility", "codeformer_weight"),
}
EXPLICIT = {
    "txt2img": SAMPLED,
    "img2img": REDRAWN,
    "hires": REDRAWN,
    "upscale": ENLARGED,
    "adetailer": REDRAWN | {"alwayson_scripts"},
}


def planned(stage: str, base: Mapping[str, object] | None = None, **own: object) -> PlannedStage:
    """One stage of a plan, resolved and built; the pictures that it takes are real."""
    images = () if stage == "txt2img" else (picture(96, 64, "one"), picture(64, 96, "two"))
    config = StageConfig(stage, {**NEEDED[stage], **own})
    plan = StageExecutionPlan((StageExecution("only", config),), images)
    client = FakeClient(backend="a1111", catalog=CATALOG)
    return PipelineRunner(client).check(plan, {"seed": 5} if base is None else base).stages[0]


def request_of(stage: PlannedStage) -> GenerateImagesRequest:
    assert stage.request is not None
    return stage.request


def bodies_of(stage: PlannedStage) -> list[dict[str, Any]]:
    """The bodies as they are sent: JSON, with base64 text for images."""
    assert stage.prepared is not None
    return [json.loads(encode(body)) for body in stage.prepared.bodies]


def minimal_and_full(stage: str) -> list[PlannedStage]:
    found = [planned(stage), planned(stage, EVERYTHING)]
    if stage == "img2img":
        found.append(planned(stage, EVERYTHING, mask_image=picture(96, 64, "mask"), mask_blur=0, batch_size=3))
    if stage == "txt2img":
        found.append(planned(stage, EVERYTHING, hires_width=1024, hires_height=512))
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_requests_and_bodies_meet_their_contracts(stage: str) -> None:
    for one in minimal_and_full(stage):
        assert CATALOG.request_contracts[stage].problems(request_of(one).payload) == []
        for body in bodies_of(one):
            assert CATALOG.contracts.load(f"a1111/{WIRE[stage]}").problems(body, encoded_images=True) == []


@pytest.mark.parametrize("stage", STAGES)
def test_contracts_are_closed(stage: str) -> None:
    one = planned(stage, EVERYTHING)
    for word in ("no_such_key", "image_base64", "output_dir", "Prompt"):
        request = {**request_of(one).payload, word: "x"}
        assert [p.path for p in CATALOG.request_contracts[stage].problems(request)] == [(word,)]
        body = {**bodies_of(one)[0], word: "x"}
        contract = CATALOG.contracts.load(f"a1111/{WIRE[stage]}")
        assert [p.path for p in contract.problems(body, encoded_images=True)] == [(word,)]


@pytest.mark.parametrize("stage", STAGES)
def test_bodies_are_explicit(stage: str) -> None:
    for one in minimal_and_full(stage):
        for body in bodies_of(one):
            assert EXPLICIT[stage] - body.keys() == set()
            assert None not in body.values()


@pytest.mark.parametrize("stage", STAGES)
def test_only_txt2img_may_use_a_refiner(stage: str) -> None:
    one = planned(stage, EVERYTHING)
    refiner = {name for name in request_of(one).fields if name.startswith("refiner")}
    keys = set().union(*bodies_of(one)) & REFINER_KEYS
    if stage == "txt2img":
        assert refiner == {"refiner_enabled", "refiner_model_name", "refiner_switch_at"}
        assert keys == REFINER_KEYS
        assert bodies_of(one)[0]["refiner_checkpoint"] == "refiner_model"
        assert bodies_of(one)[0]["refiner_switch_at"] == pytest.approx(0.75)  # step 18 of 24
    else:
        assert refiner == set()
        assert keys == set()


@pytest.mark.parametrize("stage", STAGES)
def test_hires_reaches_txt2img_and_the_hires_stage_only(stage: str) -> None:
    one = planned(stage, EVERYTHING)
    hires = {name for name in request_of(one).fields if name.startswith("hires")}
    bodies = bodies_of(one)
    sent = json.dumps([{**body, "init_images": None, "image": None} for body in bodies])
    if stage == "txt2img":
        assert set(bodies[0]) & HIRES_KEYS == HIRES_KEYS - {"hr_resize_x", "hr_resize_y"}
        assert bodies[0]["denoising_strength"] == 0.55
    elif stage == "hires":
        assert "hires_enabled" in hires
        assert [set(body) & HIRES_KEYS for body in bodies] == [set(), set()]  # img2img has no such words
        assert [(body["width"], body["height"]) for body in bodies] == [(144, 96), (96, 144)]
        assert {body["denoising_strength"] for body in bodies} == {0.55}
    else:
        assert hires == set()
        assert [set(body) & HIRES_KEYS for body in bodies] == [set() for _ in bodies]
        for value in ("0.55", "hires_model", "sharp", "R-ESRGAN 4x+"):
            assert value not in sent


def test_switched_off_groups_leave_nothing_but_their_switch() -> None:
    off = RunConfig(EVERYTHING, refiner_enabled=False, hires_enabled=False)
    one = planned("txt2img", off)
    named = {n for n in request_of(one).fields if n.startswith(("refiner", "hires"))}
    assert named == {"refiner_enabled", "hires_enabled"}
    body = bodies_of(one)[0]
    assert set(body) & (REFINER_KEYS | HIRES_KEYS | {"denoising_strength"}) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_request_names_its_stage_and_switches_only_its_own_toggle(stage: str) -> None:
    fields = request_of(planned(stage, EVERYTHING)).fields
    assert fields["stage_type"] == stage
    assert {name: fields[name] for name in TOGGLES} == {name: name == f"{stage}_enabled" for name in TOGGLES}


def test_strengths_of_one_stage_are_not_those_of_another() -> None:
    base = RunConfig(hires_enabled=True, hires_denoise=0.7, denoising_strength=0.0, seed=1)
    assert bodies_of(planned("txt2img", base))[0]["denoising_strength"] == 0.7
    assert {body["denoising_strength"] for body in bodies_of(planned("img2img", base))} == {0.0}
    assert {body["denoising_strength"] for body in bodies_of(planned("hires", base))} == {0.7}
    assert {body["denoising_strength"] for body in bodies_of(planned("adetailer", base))} == {0}


def test_images_go_one_by_one_with_sizes_from_their_headers() -> None:
    one = planned("img2img", EVERYTHING, subseed_strength=0)
    first, second = bodies_of(one)
    images = [image.base64 for image in request_of(one).input_images]
    assert [body["init_images"] for body in (first, second)] == [[image] for image in images]
    assert [(body["width"], body["height"]) for body in (first, second)] == [(96, 64), (64, 96)]
    assert [body["seed"] for body in (first, second)] == [77, 78]
    assert [body["subseed"] for body in (first, second)] == [78, 78]


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_input_gives_the_same_bytes_and_is_not_changed(stage: str) -> None:
    own = copy.deepcopy({**NEEDED[stage], "extra_scripts": {"ControlNet": {"args": [{"weight": 1}]}}})
    if stage in ("hires", "upscale", "adetailer"):
        del own["extra_scripts"]
    base = dict(EVERYTHING)
    before = copy.deepcopy((base, own))
    first, second = planned(stage, base, **own), planned(stage, base, **own)
    assert (base, own) == before
    assert first.prepared is not None
    assert second.prepared is not None
    assert [encode(b) for b in first.prepared.bodies] == [encode(b) for b in second.prepared.bodies]
    assert [call.digest for call in first.prepared.calls] == [call.digest for call in second.prepared.calls]


def test_what_a_caller_changes_later_does_not_change_the_request() -> None:
    styles = ["oil"]
    one = planned("txt2img", {"styles": styles, "seed": 1})
    styles.append("water")
    assert request_of(one).fields["styles"] == ["oil"]


def test_tuples_and_foreign_mappings_are_taken_as_lists_and_mappings() -> None:
    base = RunConfig(styles=("oil", "water"), extra_scripts=RunConfig(ControlNet={"args": ()}), seed=1)
    body = bodies_of(planned("txt2img", base))[0]
    assert body["styles"] == ["oil", "water"]
    assert body["alwayson_scripts"] == {"ControlNet": {"args": []}}


class TestAClientHoldsRequestsAgainstTheirContract:
    """Not every request comes from a runner."""

    @pytest.fixture
    def client(self) -> ApiClient:
        return ApiClient("http://127.0.0.1:9", backend="a1111", catalog=CATALOG)

    def test_a_field_that_is_not_known_is_no_field_that_is_dropped(self, client: ApiClient) -> None:
        fields = {**request_of(planned("txt2img")).fields, "refiner_switch": 0.5}
        with pytest.raises(PayloadError) as caught:
            client.generate_images(GenerateImagesRequest("mine", "txt2img", fields))
        assert [(f.code, f.stage) for f in caught.value.findings] == [("request-contract", "mine")]
        assert "refiner_switch is not known there" in str(caught.value)
        assert "did you mean 'refiner_switch_at'" in str(caught.value)

    def test_a_request_without_pictures_for_a_stage_that_takes_some(self, client: ApiClient) -> None:
        with pytest.raises(PayloadError, match="input_images is missing"):
            client.generate_images(GenerateImagesRequest("mine", "img2img", request_of(planned("img2img")).fields))

    def test_groups_follow_the_switches_in_the_fields(self, client: ApiClient) -> None:
        """Whatever `groups` says: else a request made by hand would lose its refiner in silence."""
        full = request_of(planned("txt2img", EVERYTHING))
        by_hand = GenerateImagesRequest(full.stage_id, full.stage_type, full.fields)
        assert by_hand.groups == frozenset()
        assert client.prepare(by_hand).bodies == client.prepare(full).bodies
        assert REFINER_KEYS | {"enable_hr"} <= client.prepare(by_hand).bodies[0].keys()

    def test_all_faults_come_at_once(self, client: ApiClient) -> None:
        fields = {**request_of(planned("txt2img")).fields, "steps": 0, "width": True, "cfg_scale": "7"}
        with pytest.raises(PayloadError) as caught:
            client.prepare(GenerateImagesRequest("mine", "txt2img", fields))
        assert [f.message.split()[0] for f in caught.value.findings] == ["cfg_scale", "steps", "width"]


def test_no_image_data_is_in_any_description() -> None:
    hidden = base64.b64encode(bytes(range(256)) * 8).decode()
    wrapped = base64.encodebytes(bytes(range(256)) * 8).decode()
    scripts = {"ControlNet": {"args": [{"image": hidden}, {"image": f"data:image/png;base64,{hidden}"}, wrapped]}}
    one = planned("img2img", EVERYTHING, mask_image=picture(96, 64, "mask"), extra_scripts=scripts)
    assert one.prepared is not None
    bodies = one.prepared.bodies
    assert hidden in encode(bodies[0]).decode()

    client = FakeClient(backend="a1111", catalog=CATALOG)
    images = request_of(one).input_images
    config = StageConfig("img2img", {"mask_image": picture(96, 64, "mask"), "extra_scripts": scripts})
    result = PipelineRunner(client).run_pipeline(
        StageExecutionPlan((StageExecution("only", config),), images), EVERYTHING
    )
    assert result.success
    shown = [json.dumps(result.to_json()), repr(result), json.dumps([described(body) for body in bodies]), repr(bodies)]
    for image in (*images, *result.images):
        for text in shown:
            assert image.base64[:60] not in text
    for text in (shown[0], shown[2]):
        assert hidden[:80] not in text
        assert wrapped[77:140] not in text
        assert "characters, sha256:" in text


def test_a_result_is_json_data_that_names_every_image() -> None:
    client = FakeClient(backend="a1111", catalog=CATALOG)
    plan = StageExecutionPlan((StageExecution("first", StageConfig("txt2img")),), run_id="mine")
    result = PipelineRunner(client).run_pipeline(plan, {"prompt": "x", "batch_size": 2, "seed": 3})
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert data["run_id"] == "mine"
    assert data["status"] == "completed"
    assert data["images"] == [image.describe() for image in result.images]
    (stage,) = data["stages"]
    assert stage["request"]["prompt"] == "x"
    assert stage["seeds"] == [3, 4]
    assert len(stage["wire_digests"]) == 1
    assert isinstance(Image.from_bytes(result.images[0].data), Image)
