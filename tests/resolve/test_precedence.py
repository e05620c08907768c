"""Which of the words wins: a field's names, the two configs, what is derived, the defaults, and who sees what.

Every test is one sentence of the rules of precedence.
"""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import PlanError
from engine.images import Image
from engine.plan import StageConfig, StageExecution, StageExecutionPlan
from engine.planning import plan_run
from engine.rules.resolve import Origin
from tests.resolve.resolving import ABSENT, CATALOG, RULES, fields, refused, resolution

MASK = Image.predict(64, 64)
REFINED = {"refiner_enabled": True, "refiner_model_name": "refiner"}


# Names of one field ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ["model_name", "model", "sd_model_checkpoint"])
def test_a_field_goes_by_each_of_its_names(alias: str) -> None:
    assert fields("txt2img", {alias: "dreamshaper"})["model_name"] == "dreamshaper"


def test_two_names_that_agree_are_one_word() -> None:
    assert fields("txt2img", {"steps": 20, "model": "a", "model_name": "a"})["model_name"] == "a"
    assert fields("txt2img", {"model": None, "model_name": None})["model_name"] is ABSENT


@pytest.mark.parametrize("layer", ["base_config", "stage_config"])
def test_two_names_that_differ_are_refused(layer: str) -> None:
    config = {"model": "a", "model_name": "b"}
    said = refused("txt2img", config, {}) if layer == "base_config" else refused("txt2img", {}, config)
    assert said == (
        f"config-alias-conflict: {layer} says 'model' and 'model_name', which are the same field, and they differ\n"
        "  keep 'model_name'"
    )


def test_a_name_that_is_null_beside_one_that_is_not_differs() -> None:
    assert "they differ" in refused("txt2img", {"model": "a", "model_name": None})
    assert "they differ" in refused("txt2img", {"model": None, "model_name": "a"})


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ("", None), (0, None), ("1", 1)])
def test_values_that_python_takes_for_equal_differ(one: Any, other: Any) -> None:
    assert "they differ" in refused("txt2img", {"cfg": one, "cfg_scale": other})


def test_a_whole_number_is_the_same_however_it_is_written() -> None:
    assert fields("txt2img", {"cfg": 7, "cfg_scale": 7.0})["cfg_scale"] == 7


def test_names_meet_across_layers() -> None:
    assert fields("txt2img", {"model": "base"}, {"sd_model_checkpoint": "own"})["model_name"] == "own"


# Stage over base over default -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "own", "steps"),
    [
        ({}, {}, 20),
        ({"steps": 30}, {}, 30),
        ({}, {"steps": 40}, 40),
        ({"steps": 30}, {"steps": 40}, 40),
        ({"steps": 30}, {"steps": None}, 20),
        ({"steps": None}, {}, 20),
        ({"steps": None}, {"steps": 40}, 40),
    ],
)
def test_the_stage_goes_over_base_and_base_over_the_default(base: Any, own: Any, steps: int) -> None:
    assert fields("txt2img", base, own)["steps"] == steps


def test_null_in_the_stage_takes_back_what_base_says() -> None:
    assert fields("txt2img", {"model_name": "a"}, {"model_name": None})["model_name"] is ABSENT


@pytest.mark.parametrize("word", ["", "  ", "Use same sampler"])
def test_a_value_that_means_not_given_takes_back_what_base_says(word: str) -> None:
    base = {"hires_enabled": True, "hires_sampler_name": "DDIM"}
    assert fields("txt2img", base, {"hires_sampler_name": word})["hires_sampler_name"] is ABSENT


def test_after_that_the_default_applies() -> None:
    assert fields("txt2img", {"sampler_name": "DDIM"}, {"sampler_name": ""})["sampler_name"] == "Euler a"
    assert (
        fields("txt2img", {**REFINED, "refiner_switch_at": 0.4}, {"refiner_switch_at": None})["refiner_switch_at"]
        == 0.8
    )


def test_every_value_knows_where_it_comes_from() -> None:
    base = {"cfg": 5, "sampler": "Euler Karras"}
    origins = resolution("txt2img", base, {"steps": 3, "seed": -1}, lambda name, own: 7).origins
    assert origins["cfg_scale"] == Origin("base", "cfg")
    assert origins["steps"] == Origin("stage", "steps")
    assert origins["scheduler"] == Origin("derived", "sampler")
    assert origins["width"].kind == "default"
    assert origins["stage_type"] == Origin("constant")
    assert origins["seed"] == Origin("drawn", "seed")
    assert origins["subseed"].kind == "drawn"


# Derived values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "own", "sampler", "scheduler"),
    [
        # A joined name gives its scheduler,
        ({"sampler_name": "DPM++ 2M Karras"}, {}, "DPM++ 2M", "karras"),
        # and belongs to the layer of its source: the stage's beats the base's scheduler.
        ({"scheduler": "beta"}, {"sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M", "karras"),
        # It dies with its source,
        ({"sampler_name": "DPM++ 2M Karras"}, {"sampler_name": "Euler"}, "Euler", "automatic"),
        ({"sampler_name": "DPM++ 2M Karras"}, {"sampler_name": None}, "Euler a", "automatic"),
        ({"sampler_name": "DPM++ 2M Karras"}, {"sampler_name": ""}, "Euler a", "automatic"),
        # but what base says outright does not.
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "beta"}, {"sampler_name": "Euler"}, "Euler", "beta"),
        # Within a layer the explicit one wins,
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "beta"}, {}, "DPM++ 2M", "beta"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "Automatic"}, {}, "DPM++ 2M", "automatic"),
        ({}, {"sampler_name": "DPM++ 2M Karras", "scheduler": "none"}, "DPM++ 2M", "automatic"),
        # and a null, or a blank, is not explicit: it takes back what lies below and no more.
        ({"scheduler": "beta"}, {"sampler_name": "DPM++ 2M Karras", "scheduler": None}, "DPM++ 2M", "karras"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": ""}, {}, "DPM++ 2M", "karras"),
        ({"sampler_name": "DPM++ 2M Karras"}, {"scheduler": None}, "DPM++ 2M", "automatic"),
        ({"sampler_name": "DPM++ 2M Karras"}, {"scheduler": "simple"}, "DPM++ 2M", "simple"),
    ],
)
def test_a_scheduler_in_a_joined_sampler_name(base: Any, own: Any, sampler: str, scheduler: str) -> None:
    found = fields("txt2img", base, own)
    assert (found["sampler_name"], found["scheduler"]) == (sampler, scheduler)


@pytest.mark.parametrize(
    ("base", "own", "ratio"),
    [
        ({"refiner_switch_step": 16, "steps": 20}, {}, 0.8),
        ({"refiner_switch_steps": 16, "steps": 20}, {}, 0.8),
        # The steps are those of the stage, wherever they come from.
        ({"refiner_switch_step": 16, "steps": 20}, {"steps": 40}, 0.4),
        ({"refiner_switch_step": 10}, {}, 0.5),
        # The layers count as for any derived value.
        ({"refiner_switch_at": 0.3}, {"refiner_switch_step": 16}, 0.8),
        ({"refiner_switch_step": 16}, {"refiner_switch_at": 0.3}, 0.3),
        ({"refiner_switch_step": 16, "refiner_switch_at": 0.3}, {}, 0.3),
        ({"refiner_switch_step": 16}, {"refiner_switch_step": None}, 0.8),
        ({"refiner_switch_step": 4, "refiner_switch_at": None}, {}, 0.2),
        ({"refiner_switch_at": 0.3}, {"refiner_switch_step": None}, 0.3),
    ],
)
def test_a_refiner_s_switch_from_a_step(base: Any, own: Any, ratio: float) -> None:
    found = fields("txt2img", {**REFINED, **base}, own)
    assert found["refiner_switch_at"] == ratio
    assert found["refiner_switch_step"] is ABSENT


def test_the_ratio_is_exact_on_the_decimals() -> None:
    assert fields("txt2img", {**REFINED, "refiner_switch_step": 7, "steps": 100})["refiner_switch_at"] == 0.07


# Groups are kept to their stages --------------------------------------------------------------------------------


EVERYTHING: dict[str, Any] = {
    "hires_enabled": True,
    "hires_denoise": 0.7,
    "hires_steps": 9,
    "refiner_enabled": True,
    "refiner_model_name": "refiner",
    "denoising_strength": 0.2,
    "mask_blur": 9,
    "upscaler_name": "Lanczos",
    "upscale_factor": 3,
    "adetailer_model": "face.pt",
    "extra_scripts": {"ControlNet": {"args": []}},
    "width": 1024,
    "batch_size": 4,
    "prompt": "a lighthouse",
}


@pytest.mark.parametrize("stage", list(RULES.stages))
def test_a_foreign_group_s_field_in_base_is_not_visible(stage: str) -> None:
    seen = {name for group in RULES.stages[stage].groups for name in RULES.groups[group]}
    flags = {"stage_type", *RULES.toggles, "refiner_enabled", "hires_enabled"}
    assert set(fields(stage, EVERYTHING)) <= seen | flags


def test_hires_strength_is_not_the_strength_of_another_stage() -> None:
    assert fields("img2img", EVERYTHING)["denoising_strength"] == 0.2
    assert fields("img2img", {"hires_enabled": True, "hires_denoise": 0.7})["denoising_strength"] == 0.4
    assert fields("hires", EVERYTHING)["hires_denoise"] == 0.7


@pytest.mark.parametrize(
    ("stage", "name", "belongs"),
    [
        ("img2img", "hires_denoise", "txt2img and hires"),
        ("img2img", "hires_enabled", "txt2img"),
        ("img2img", "refiner_model_name", "txt2img"),
        ("hires", "width", "txt2img and img2img"),
        ("upscale", "denoising_strength", "img2img"),
        ("upscale", "prompt", "txt2img, img2img, hires and adetailer"),
        ("txt2img", "mask_blur", "img2img"),
        ("txt2img", "adetailer_model", "adetailer"),
    ],
)
def test_a_foreign_group_s_field_in_the_stage_s_own_config_is_refused(stage: str, name: str, belongs: str) -> None:
    said = refused(stage, {"upscaler_name": "Lanczos"}, {name: EVERYTHING[name]})
    assert said == f"config-foreign-field: {name} is no field of a stage of type {stage}\n  it belongs to {belongs}"


def test_it_is_not_refused_where_its_switch_is_there_and_off() -> None:
    whole = {"hires_enabled": False, "hires_denoise": 0.7, "refiner_enabled": False, "refiner_model_name": "x"}
    assert fields("img2img", {}, whole) == fields("img2img")
    assert fields("txt2img", {}, whole) == fields("txt2img")
    assert fields("img2img", {"hires_enabled": False}, {"hires_denoise": 0.7}) == fields("img2img")


def test_the_stage_s_own_word_on_the_switch_counts_before_the_base_s() -> None:
    assert "hires_denoise is no field" in refused("img2img", {}, {"hires_denoise": 0.7, "hires_enabled": None})
    said = refused("img2img", {"hires_enabled": False}, {"hires_enabled": True, "hires_denoise": 0.7})
    assert "hires_enabled is no field" in said
    assert "hires_denoise is no field" in said


def test_null_is_never_foreign() -> None:
    assert fields("txt2img", {}, {"mask_blur": None, "adetailer_model": None, "upscale_factor": None}) == fields(
        "txt2img"
    )


def test_a_group_of_the_stage_that_is_not_on_is_refused() -> None:
    assert refused("txt2img", {}, {"hires_denoise": 0.7}) == (
        "config-group-off: hires_denoise is given, but hires_enabled is not true\n"
        "  say hires_enabled: true, or leave hires_denoise out"
    )
    assert refused("img2img", {"mask": MASK}, {"mask_blur": 3}) == (
        "config-group-off: mask_blur is given, but mask_image is not in the stage's own config\n"
        "  give mask_image in the stage's own config, or leave mask_blur out"
    )


def test_a_base_switch_turns_a_group_on_and_the_stage_s_own_turns_it_off() -> None:
    assert fields("txt2img", {"hires_enabled": True, "hires_denoise": 0.0})["hires_denoise"] == 0.0
    off = fields("txt2img", {"hires_enabled": True, "hires_denoise": 0.0}, {"hires_enabled": False})
    assert off["hires_denoise"] is ABSENT
    assert off["hires_enabled"] is False


def test_a_size_and_a_batch_are_a_picture_stage_s_own_affair() -> None:
    found = fields("img2img", EVERYTHING)
    assert (found["width"], found["height"], found["batch_size"]) == (ABSENT, ABSENT, ABSENT)
    found = fields("img2img", EVERYTHING, {"width": 768, "batch_size": 2})
    assert (found["width"], found["height"], found["batch_size"], found["n_iter"]) == (768, ABSENT, 2, ABSENT)


def test_a_mask_is_a_stage_s_own_affair_and_brings_its_defaults() -> None:
    assert fields("img2img", {"mask_image": MASK})["mask_image"] is ABSENT
    found = fields("img2img", {"mask_blur": 9}, {"mask": MASK})
    assert (found["mask_image"], found["mask_blur"], found["mask_content"]) == (MASK, 4, "original")
    assert fields("img2img", {}, {"mask": None})["mask_blur"] is ABSENT


@pytest.mark.parametrize("word", ["true", "false", 1, 0, "", [], {}])
@pytest.mark.parametrize("switch", ["hires_enabled", "refiner_enabled"])
def test_a_switch_that_is_not_a_boolean_is_refused_and_said_once(switch: str, word: Any) -> None:
    said = refused("txt2img", {}, {switch: word})
    assert said.startswith(f"config-value: {switch} must be true or false, not ")
    assert said.count("config-") == 1
    assert refused("txt2img", {switch: word}) == said


def test_a_switch_that_nobody_sets_is_off() -> None:
    found = fields("txt2img", {"hires_enabled": None})
    assert (found["hires_enabled"], found["refiner_enabled"]) == (False, False)


def test_the_word_strength_on_txt2img_points_to_the_hires_pass() -> None:
    assert refused("txt2img", {}, {"denoising_strength": 0.3}) == (
        "config-foreign-field: denoising_strength is no field of a stage of type txt2img\n"
        "  on txt2img the only strength is the hires pass's - write hires_denoise"
    )
    assert fields("txt2img", {"denoising_strength": 0.3})["denoising_strength"] is ABSENT


# What must be there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", "  ", "None", "none", " None ", "None [31e35c80fc]"])
def test_a_refiner_that_is_on_needs_a_name(blank: str) -> None:
    assert refused("txt2img", {"refiner_enabled": True, "refiner_model_name": blank}) == (
        f"config-missing: refiner_enabled is true, and refiner_model_name is {blank!r}, which counts as not given\n"
        "  give refiner_model_name in the stage's config or in base_config, or say refiner_enabled: false"
    )


@pytest.mark.parametrize("own", [{}, {"refiner_model_name": None}, {"refiner_checkpoint": ""}])
def test_a_name_that_the_stage_takes_back_is_missing(own: Any) -> None:
    assert "config-missing" in refused("txt2img", {"refiner_enabled": True, **({} if own == {} else REFINED)}, own)


@pytest.mark.parametrize("switch", [0, 1, 0.0, 1.0, -0.5, 2])
def test_a_refiner_s_switch_of_0_or_1_is_refused(switch: float) -> None:
    assert "refiner_switch_at must be" in refused("txt2img", {**REFINED, "refiner_switch_at": switch})


def test_a_switch_at_the_last_step_is_refused_by_the_field_that_was_written() -> None:
    said = refused("txt2img", {**REFINED, "refiner_switch_steps": 20})
    assert said == "config-value: refiner_switch_at, made from refiner_switch_steps, must be less than 1, not 1"


def test_a_required_field_is_asked_for_once_where_its_stage_runs() -> None:
    assert refused("upscale") == (
        "config-missing: a stage of type upscale needs upscaler_name\n"
        "  give upscaler_name in the stage's config or in base_config"
    )
    assert fields("upscale", {"upscaler": "Lanczos"})["upscaler_name"] == "Lanczos"
    assert refused("upscale", {"upscaler": 5}) == "config-value: upscaler must be text, not 5"


@pytest.mark.parametrize(
    ("stage", "one", "other"),
    [
        ("txt2img", {"seed_resize_width": 512}, "seed_resize_height"),
        ("hires", {"hires_height": 512}, "hires_width"),
        ("upscale", {"upscale_width": 512}, "upscale_height"),
        ("upscale", {"upscaler_2": "Nearest"}, "upscaler_2_visibility"),
        ("upscale", {"upscaler_2_visibility": 0.5}, "upscaler_2_name"),
    ],
)
def test_fields_that_count_together_only_are_refused_alone(stage: str, one: dict[str, Any], other: str) -> None:
    base = {"upscaler_name": "Lanczos"}
    word = next(iter(one))
    assert refused(stage, base, one) == f"config-together: {word} is given without {other}: they count together only"
    assert fields(stage, {**base, other: "Nearest" if other.endswith("name") else 0.5 if "vis" in other else 64}, one)


def test_a_given_size_of_0_is_no_size() -> None:
    found = fields("hires", {}, {"hires_width": 0, "hires_height": 0})
    assert (found["hires_width"], found["hires_height"]) == (ABSENT, ABSENT)
    assert fields("upscale", {}, {"upscaler_name": "L", "upscaler_2": "None", "upscaler_2_visibility": 0})


# Constants and keys that mean nothing ---------------------------------------------------------------------------


def test_every_request_says_its_type_and_the_four_toggles_only_its_own_true() -> None:
    for name, stage in RULES.stages.items():
        found = fields(name, {"upscaler_name": "Lanczos", "adetailer_model": "face.pt"})
        assert found["stage_type"] == name
        assert {t: found[t] for t in RULES.toggles} == {t: t == stage.toggle for t in RULES.toggles}
    assert fields("hires")["hires_enabled"] is True
    assert fields("hires", {"hires_enabled": False})["hires_enabled"] is True


def test_what_a_stage_type_fixes_cannot_be_said_otherwise() -> None:
    assert refused("hires", {}, {"hires_enabled": False}) == (
        "config-constant: hires_enabled is always true on a stage of type hires"
    )
    assert refused("txt2img", {}, {"stage_type": "upscale"}) == (
        'config-constant: stage_type is always "txt2img" on a stage of type txt2img'
    )
    assert fields("hires", {}, {"hires_enabled": True, "stage_type": "hires"}) == fields("hires")


def test_words_that_are_dropped_on_purpose_are_no_faults() -> None:
    words: dict[str, Any] = dict.fromkeys(RULES.drops, "x")
    assert words
    assert fields("txt2img", words, words) == fields("txt2img")


def test_toggles_of_other_stages_are_the_plan_s_affair() -> None:
    assert fields("txt2img", {}, dict.fromkeys(RULES.toggles, True)) == fields("txt2img")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("promt", "did you mean 'prompt'?"),
        ("Steps", "did you mean 'steps'?"),
        ("upscale", "did you mean"),
        ("outputdir", "did you mean 'output_dir'?"),
        ("input_images", "pictures are the plan's: write input_images there"),
        (5, "keys are text"),
        (None, "keys are text"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_word(key: Any, hint: str) -> None:
    said = refused("txt2img", {}, {key: 1})
    assert said.startswith(f"config-unknown-key: stage_config has no field {key!r}\n  {hint}")
    assert refused("txt2img", {key: 1}).startswith(f"config-unknown-key: base_config has no field {key!r}\n  {hint}")


@pytest.mark.parametrize("key", ["", "input.width", "input.image", "qqqq"])
def test_an_unknown_key_that_resembles_nothing_is_refused(key: str) -> None:
    assert "stage_config has no field" in refused("txt2img", {}, {key: None})


def test_all_that_is_wrong_is_said_at_once() -> None:
    own = {"promt": 1, "steps": 0, "hires_denoise": 0.5, "width": 12}
    codes = [line.partition(":")[0] for line in refused("txt2img", {"cfg": "7"}, own).splitlines() if line[0] != " "]
    assert codes == ["config-unknown-key", "config-group-off", "config-value", "config-value", "config-value"]


# A group that has a stage of its own ----------------------------------------------------------------------------


def hires_plan(own: dict[str, Any], *, larger: bool = True) -> list[Any]:
    """Whether txt2img makes a hires pass, in a plan with a hires stage behind it and hires switched on in base."""
    stages = (
        StageExecution("first", StageConfig("txt2img", own)),
        StageExecution("larger", StageConfig("hires", enabled=larger)),
    )
    planned = plan_run(StageExecutionPlan(stages), {"enable_hr": True}, CATALOG)
    return [stage.request.fields["hires_enabled"] for stage in planned.stages if stage.request is not None]


def test_hires_in_base_beside_a_hires_stage_is_ambiguous_unless_txt2img_says_which() -> None:
    with pytest.raises(PlanError, match="say hires_enabled: true or false in the config of first"):
        hires_plan({})
    assert hires_plan({"hires_enabled": False}) == [False, True]
    assert hires_plan({"enable_hr": True}) == [True, True]
    assert hires_plan({}, larger=False) == [True]
