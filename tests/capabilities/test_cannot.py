"""What a back end cannot do: refused before anything is sent, or left out with a warning where the plan lets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine import (
    ApiClient,
    Catalog,
    GenerateImagesRequest,
    GenerateResult,
    PayloadError,
    PipelineResult,
    PipelineRunner,
    PlanOptions,
    RunConfig,
    StageConfig,
    StageExecution,
    load_plan,
)
from engine import StageExecutionPlan as Plan
from engine.backends.unsupported import possible
from engine.testing import FakeClient, picture

FOLDER = Path(__file__).resolve().parent / "modest"
CATALOG = Catalog([FOLDER])
BACKEND = CATALOG.backend("modest")
BASE = {"prompt": "a lighthouse", "seed": 5, "subseed": 6, "width": 64, "height": 64}
UNIT = {"model": "face_yolov8n.pt"}


def stage(kind: str, **fields: object) -> StageExecution:
    return StageExecution(f"the-{kind}", StageConfig(kind, fields))


def run(*stages: StageExecution, warn: bool = False, pictures: int = 0, **base: object) -> PipelineResult:
    """A run on the modest back end. Nothing may have been sent where it raises."""
    client = FakeClient(backend="modest", catalog=CATALOG)
    options = PlanOptions(on_unsupported="warn" if warn else "refuse")
    plan = Plan(stages, tuple(picture(64, 64, str(n)) for n in range(pictures)), options)
    try:
        return PipelineRunner(client).run_pipeline(plan, RunConfig(BASE, **base))
    except PayloadError:
        assert client.requests == []
        raise


def refused(*stages: StageExecution, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(PayloadError) as caught:
        run(*stages, **more)
    for finding in caught.value.findings:
        assert finding.backend == "modest"
        assert finding.stage is not None
        assert finding.hint is not None
        assert finding.severity == "error"
    return [(finding.code, finding.message) for finding in caught.value.findings]


def left_out(result: PipelineResult, index: int = 0) -> list[str]:
    assert {warning.severity for warning in result.stages[index].warnings} <= {"warning"}
    return [warning.message for warning in result.stages[index].warnings]


def body(**fields: object) -> dict[str, Any]:
    """The one body that a txt2img stage with these fields is sent as, what is not possible left out."""
    client = FakeClient(backend="modest", catalog=CATALOG)
    plan = Plan((stage("txt2img", **fields),), options=PlanOptions(on_unsupported="warn"))
    prepared = PipelineRunner(client).check(plan, BASE).stages[0].prepared
    assert prepared is not None
    return dict(prepared.bodies[0])


def test_what_nobody_asks_for_runs() -> None:
    assert run(stage("txt2img"), stage("img2img"), stage("hires"), stage("adetailer", adetailer_units=[UNIT])).success


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (
            {"tiling": True},
            "unsupported-field",
            "tiling is given, and this back end cannot do it: its pictures have edges",
        ),
        (
            {"batch_count": 2},
            "unsupported-field",
            "n_iter is given, and this back end cannot do it: it makes one batch",
        ),
        (
            {"restore_faces": True},
            "unsupported-field",
            "restore_faces is given, and this back end cannot do it: faces come in the adetailer stage",
        ),
        (
            {"sampler_name": "Restart"},
            "unsupported-value",
            "sampler_name is 'Restart', which this back end cannot do: it never goes back",
        ),
        (
            {"scheduler": "Align Your Steps"},
            "unsupported-value",
            "scheduler is 'align_your_steps', which this back end cannot do: there is no such table of steps",
        ),
        (
            {"refiner_enabled": True, "refiner_model_name": "second"},
            "unsupported-group",
            "refiner_enabled is true, and this back end cannot do that: it holds one checkpoint at a time",
        ),
    ],
)
@pytest.mark.parametrize("layer", ["stage", "base"])
def test_what_the_plan_or_the_base_asks_for_is_refused(
    layer: str, fields: dict[str, object], code: str, message: str
) -> None:
    own, base = (fields, {}) if layer == "stage" else ({}, fields)
    assert refused(stage("txt2img", **own), **base) == [(code, message)]


@pytest.mark.parametrize(
    "fields",
    [
        {"tiling": False},
        {"n_iter": 1},
        {"styles": []},
        {"refiner_enabled": False, "refiner_model_name": "second"},
        {"scheduler": "karras"},
        {"tiling": None},
    ],
)
def test_a_neutral_value_is_no_wish(fields: dict[str, object]) -> None:
    assert run(stage("txt2img", **fields)).success


def test_a_stages_own_limit_is_no_other_stages() -> None:
    assert run(stage("img2img", restore_faces=True), pictures=1).success


def test_a_group_that_is_switched_by_a_field_is_refused_once() -> None:
    found = refused(stage("img2img", mask_image=picture(64, 64), mask_blur=9, mask_content="fill"), pictures=1)
    assert found == [
        (
            "unsupported-group",
            "mask_image, mask_blur and mask_content are given, and this back end cannot do that: "
            "it paints whole pictures",
        )
    ]


def test_an_entry_of_an_item_is_named_with_its_place() -> None:
    units = [UNIT, {**UNIT, "controlnet_model": "tile", "mask_merge_invert": "Merge", "confidence": 0.9}]
    assert refused(stage("adetailer", adetailer_units=units), pictures=1) == [
        (
            "unsupported-field",
            "adetailer_units.1.controlnet_model is given, and this back end cannot do it: it has no ControlNet",
        ),
        (
            "unsupported-value",
            "adetailer_units.1.mask_merge_invert is 'Merge', which this back end cannot do: each mask is painted alone",
        ),
    ]


def test_a_stage_type_is_refused_with_its_reason() -> None:
    found = refused(stage("txt2img"), stage("upscale", upscaler_name="Lanczos"))
    assert found == [("unsupported-stage", "this back end cannot run stages of type upscale: it only samples")]


def test_everything_in_the_plan_is_refused_at_once() -> None:
    found = refused(stage("txt2img", n_iter=2, sampler="Restart"), stage("upscale", upscaler="Lanczos"), tiling=True)
    assert [code for code, _ in found] == [
        "unsupported-field",
        "unsupported-field",
        "unsupported-value",
        "unsupported-stage",
    ]


def test_the_plans_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(
        "base_config: {prompt: a}\nstages:\n  - stage_type: txt2img\n    stage_config:\n      tiling: true\n",
        encoding="utf-8",
    )
    loaded = load_plan(file, CATALOG)
    with pytest.raises(PayloadError) as caught:
        PipelineRunner(FakeClient(backend="modest", catalog=CATALOG)).check(loaded.plan, loaded.base_config)
    (finding,) = caught.value.findings
    assert finding.at is not None
    assert (finding.at.line, finding.field) == (5, "tiling")


# -- left out -----------------------------------------------------------------------------------------------------


def test_the_plan_may_say_that_it_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(
        "base_config: {prompt: a, tiling: true}\nstages: [{stage_type: txt2img}]\noptions: {on_unsupported: warn}\n",
        encoding="utf-8",
    )
    loaded = load_plan(file, CATALOG)
    client = FakeClient(backend="modest", catalog=CATALOG)
    result = PipelineRunner(client).run_pipeline(loaded.plan, loaded.base_config)
    assert result.success
    assert left_out(result) == [
        "tiling is given, and this back end cannot do it: its pictures have edges; it is left out"
    ]


def test_a_field_that_is_left_out_is_not_sent() -> None:
    assert body(tiling=True, n_iter=4) == body()


def test_a_value_that_is_left_out_gives_way_to_the_default() -> None:
    made = body(sampler_name="Restart", scheduler="align_your_steps")
    assert (made["sampler_name"], made["scheduler"]) == ("Euler a", "Automatic")
    result = run(stage("txt2img", sampler_name="Restart"), warn=True)
    assert left_out(result) == [
        "sampler_name is 'Restart', which this back end cannot do: it never goes back; 'Euler a' is taken"
    ]


def test_a_group_is_left_out_as_a_whole() -> None:
    asked = {"refiner_enabled": True, "refiner_model_name": "second", "refiner_switch_at": 0.5}
    assert body(**asked) == body()
    result = run(stage("txt2img", **asked), warn=True)
    assert left_out(result) == [
        "refiner_enabled is true, and this back end cannot do that: it holds one checkpoint at a time; it is left out"
    ]


def test_what_is_left_of_the_request_has_the_switch_off() -> None:
    fields = {"refiner_enabled": True, "refiner_model_name": "second", "refiner_switch_at": 0.5, "prompt": "a"}
    request = GenerateImagesRequest("one", "txt2img", fields, on_unsupported="warn")
    left = possible(BACKEND, request)
    assert left.request.fields == {"refiner_enabled": False, "prompt": "a"}
    assert request.fields == fields
    again = possible(BACKEND, left.request)
    assert (again.request, again.warnings) == (left.request, ())


def test_a_mask_that_is_left_out_takes_its_fields_along() -> None:
    mask = picture(64, 64)
    fields = {"mask_image": mask, "mask_blur": 4, "denoising_strength": 0.5}
    request = GenerateImagesRequest("one", "img2img", fields, (mask,), on_unsupported="warn")
    assert possible(BACKEND, request).request.fields == {"denoising_strength": 0.5}


def test_an_entry_of_an_item_is_left_out_alone() -> None:
    units = [UNIT, {**UNIT, "controlnet_model": "tile", "mask_merge_invert": "Merge", "confidence": 0.9}]
    request = GenerateImagesRequest("one", "adetailer", {"adetailer_units": units}, on_unsupported="warn")
    left = possible(BACKEND, request).request.fields["adetailer_units"]
    assert left == [UNIT, {**UNIT, "mask_merge_invert": "None", "confidence": 0.9}]
    assert "controlnet_model" in units[1]


def test_a_stage_is_passed_over_where_pictures_can_go_on() -> None:
    result = run(stage("txt2img"), stage("upscale", upscaler_name="Lanczos"), stage("img2img"), warn=True)
    assert [one.status for one in result.stages] == ["completed", "skipped", "completed"]
    assert left_out(result, 1) == [
        "this back end cannot run stages of type upscale: it only samples; the stage is left out"
    ]
    assert (result.images[0].width, result.images[0].height) == (64, 64)
    assert result.success


def test_a_stage_at_the_end_is_passed_over_too() -> None:
    result = run(stage("txt2img"), stage("upscale", upscaler_name="Lanczos"), warn=True)
    assert result.images == result.stages[0].images


def test_a_plan_of_which_nothing_is_left_is_refused() -> None:
    assert refused(stage("upscale", upscaler_name="Lanczos"), pictures=1, warn=True)[0][0] == "unsupported-stage"


def test_a_client_alone_hands_the_pictures_on() -> None:
    images = (picture(64, 64),)
    request = GenerateImagesRequest("one", "upscale", _upscale_fields(), images, on_unsupported="warn")
    with ApiClient("http://127.0.0.1:9", backend="modest", catalog=CATALOG) as client:
        result = client.generate_images(request)
    assert isinstance(result, GenerateResult)
    assert (result.images, result.wire_digests) == (images, ())
    assert [warning.code for warning in result.warnings] == ["unsupported-stage"]


def _upscale_fields() -> dict[str, Any]:
    plan = Plan((stage("upscale", upscaler_name="Lanczos"),), (picture(64, 64),))
    planned = PipelineRunner(FakeClient(catalog=CATALOG)).check(plan, BASE).stages[0].request
    assert planned is not None
    return dict(planned.fields)


def test_a_first_stage_that_is_not_possible_is_refused_whatever_the_plan_says(tmp_path: Path) -> None:
    folder = tmp_path / "mappings" / "still"
    folder.mkdir(parents=True)
    (folder / "backend.yaml").write_text(
        "format: 1\nname: still\nextends: a1111\ncannot:\n  stages: {txt2img: it repaints only}\n", encoding="utf-8"
    )
    catalog = Catalog([tmp_path])
    assert "txt2img" not in catalog.backend("still").stages
    plan = Plan((stage("txt2img"), stage("img2img")), options=PlanOptions(on_unsupported="warn"))
    with pytest.raises(PayloadError, match=r"unsupported-stage.*it repaints only"):
        PipelineRunner(FakeClient(backend="still", catalog=catalog)).check(plan, BASE)


# -- inheritance ----------------------------------------------------------------------------------------------------


def test_a_child_takes_back_what_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "mappings" / "bolder"
    folder.mkdir(parents=True)
    (folder / "backend.yaml").write_text(
        "format: 1\nname: bolder\nextends: modest\n"
        "can:\n  stages: {upscale: it has an enlarger}\n  fields: {tiling: it can}\n"
        "  values: {sampler_name: {Restart: it does}}\n"
        "stages:\n"
        "  upscale:\n"
        "    post: [sdapi, v1, extra-single-image]\n"
        "    answer: extras\n"
        "    gives: {count: {value: 1}, width: {value: 8}, height: {value: 8}}\n",
        encoding="utf-8",
    )
    (folder / "_common.yaml").write_text(
        "format: 1\nextends: modest/_common\nrows: {tiling: tiling}\n", encoding="utf-8"
    )
    catalog = Catalog([tmp_path, FOLDER])
    client = FakeClient(backend="bolder", catalog=catalog)
    plan = Plan((stage("txt2img", tiling=True, sampler_name="Restart"), stage("upscale", upscaler_name="Lanczos")))
    planned = PipelineRunner(client).check(plan, BASE)
    prepared = planned.stages[0].prepared
    assert prepared is not None
    assert (prepared.bodies[0]["tiling"], prepared.bodies[0]["sampler_name"]) == (True, "Restart")
    with pytest.raises(PayloadError, match="it makes one batch"):
        PipelineRunner(client).check(Plan((stage("txt2img", n_iter=2),)), BASE)
