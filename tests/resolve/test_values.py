"""What becomes of a value: absent, null, "", 0 and false are five things; true is no number, NaN is none either."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from engine.images import Image
from engine.seeds import Seeds
from tests.resolve.resolving import ABSENT, RULES, fields, refused, resolution

PICTURE = Image.predict(8, 8)


@pytest.mark.parametrize(
    ("config", "vae"),
    [
        ({}, ABSENT),  # the server's own
        ({"vae_name": None}, ABSENT),
        ({"vae_name": ""}, ""),  # the checkpoint's own
        *(({"vae_name": word}, "") for word in ("none", "None", "automatic", "Automatic", "No VAE", "no vae (x)")),
        ({"vae": "anime.pt"}, "anime.pt"),
        ({"sd_vae": "vae/anime.pt [31e35c80fc]"}, "anime.pt"),
        ({"vae_name": "vae\\anime.safetensors"}, "anime.safetensors"),
        ({"vae_name": "novae.pt"}, "novae.pt"),
    ],
)
def test_no_vae_is_not_the_same_as_no_word_on_it(config: Any, vae: Any) -> None:
    assert fields("txt2img", config)["vae_name"] == vae


def test_an_empty_vae_in_the_stage_goes_over_base_and_null_takes_base_back() -> None:
    assert fields("txt2img", {"vae": "anime.pt"}, {"vae": ""})["vae_name"] == ""
    assert fields("txt2img", {"vae": "anime.pt"}, {"vae": None})["vae_name"] is ABSENT


def test_zero_and_false_are_values() -> None:
    found = fields("img2img", {"cfg_scale": 5, "tiling": True}, {"cfg_scale": 0, "denoise": 0.0, "tiling": False})
    assert (found["cfg_scale"], found["denoising_strength"], found["tiling"]) == (0, 0.0, False)


def test_an_empty_prompt_goes_over_base() -> None:
    assert fields("txt2img", {"prompt": "a cat"}, {"prompt": ""})["prompt"] == ""


@pytest.mark.parametrize("given", [20, 20.0])
def test_a_whole_number_may_be_written_with_a_point(given: Any) -> None:
    found = fields("txt2img", {"steps": given, "seed": given})
    assert found["steps"] == 20
    assert {type(found["steps"]), type(found["seed"])} == {int}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "must be a whole number, not true"),
        (False, "must be a whole number, not false"),
        ("20", "must be a whole number, not '20'"),
        (2.5, "must be a whole number, not 2.5"),
        (0, "must be at least 1, not 0"),
        (-0.0, "must be at least 1, not -0.0"),
        (151, "must be at most 150, not 151"),
        (10**40, "must be at most 150, not a number of about 39 digits"),
        (1e300, "must be at most 150, not 1e+300"),
        (math.nan, "is nan, which is not a finite number"),
        (math.inf, "is inf, which is not a finite number"),
        (-math.inf, "is -inf, which is not a finite number"),
        ([20], "must be a whole number, not a list of 1"),
        ({}, "must be a whole number, not a mapping"),
        (b"20", "is a Python bytes, which is no JSON value"),
        (PICTURE, "is an image, and takes none"),
    ],
)
def test_a_number_that_is_none_is_refused_in_one_sentence(value: Any, said: str) -> None:
    assert refused("txt2img", {"steps": value}) == f"config-value: steps {said}"
    assert refused("txt2img", {}, {"steps": value}) == f"config-value: steps {said}"


@pytest.mark.parametrize("value", [True, "7", math.nan, -1, 101, 10**400])
def test_a_ratio_or_factor_is_held_to_its_bounds(value: Any) -> None:
    assert refused("txt2img", {"cfg_scale": value}).startswith("config-value: cfg_scale ")


@pytest.mark.parametrize("size", [0, 4, 12, 100, 4097, 4104, True, "512", 512.5])
def test_a_size_is_a_multiple_of_8_in_its_bounds(size: Any) -> None:
    assert "config-value: width must be" in refused("txt2img", {"width": size})


@pytest.mark.parametrize("seed", [-2, 2**32, True, "5", 1.5])
def test_a_seed_out_of_range_is_refused(seed: Any) -> None:
    assert refused("txt2img", {"seed": seed}).startswith("config-value: seed must be ")


@pytest.mark.parametrize("word", ["sampler_name", "refiner_model_name", "prompt", "vae", "model"])
def test_a_number_where_text_belongs_is_refused_without_the_table_s_words(word: str) -> None:
    said = refused(
        "txt2img", {"refiner_enabled": True, word: 5, **({} if "refiner" in word else {"refiner_model_name": "x"})}
    )
    assert said == f"config-value: {word} needs text, not a number"


def test_control_characters_leave_prompts_but_tab_and_newline() -> None:
    found = fields("txt2img", {"prompt": "a\x00b\x1b[0m\tc\r\nd\re\x7f\x85f", "negative_prompt": "\x07"})
    assert found["prompt"] == "ab[0m\tc\nd\nef"
    assert found["negative_prompt"] == ""


def test_text_of_every_script_passes_and_half_a_character_does_not() -> None:
    assert fields("txt2img", {"prompt": "灯台 🗼 \u200d"})["prompt"] == "灯台 🗼 \u200d"
    assert (
        refused("txt2img", {"prompt": "a\ud800"})
        == "config-value: prompt holds a lone surrogate, which is no character"
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("dreamshaper_8.safetensors [879db523c3]", "dreamshaper_8.safetensors"),
        ("dreamshaper_8", "dreamshaper_8"),
        ("photo [inpainting]", "photo [inpainting]"),
        ("[879db523c3]", "[879db523c3]"),
    ],
)
@pytest.mark.parametrize("field", ["model_name", "refiner_model_name", "hires_model_name"])
def test_a_title_loses_its_hash(field: str, title: str, name: str) -> None:
    on = {"refiner_enabled": True, "refiner_model_name": "x", "hires_enabled": True}
    assert fields("txt2img", on, {field: title})[field] == name


@pytest.mark.parametrize(
    ("given", "scheduler"),
    [
        ("Karras", "karras"),
        ("SGM Uniform", "sgm_uniform"),
        ("none", "automatic"),
        ("Align Your Steps", "align_your_steps"),
    ],
)
def test_a_scheduler_goes_by_its_label_and_by_its_word(given: str, scheduler: str) -> None:
    assert fields("txt2img", {"scheduler_name": given})["scheduler"] == scheduler
    assert fields("txt2img", {"scheduler_name": scheduler})["scheduler"] == scheduler


def test_an_unknown_scheduler_is_refused_with_the_nearest() -> None:
    assert refused("txt2img", {"scheduler": "karas"}).endswith("not 'karas'\n  did you mean 'karras'?")


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_a_blank_sampler_is_the_default_one(blank: str | None) -> None:
    assert fields("txt2img", {"sampler": blank})["sampler_name"] == "Euler a"


@pytest.mark.parametrize(
    ("joined", "sampler", "scheduler"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "karras"),
        ("DPM++ 2M SDE Exponential", "DPM++ 2M SDE", "exponential"),
        ("DPM++ 2M Polyexponential", "DPM++ 2M", "polyexponential"),
        ("Euler SGM Uniform", "Euler", "sgm_uniform"),
        ("dpm++ 2m karras", "dpm++ 2m", "karras"),
        ("Euler a", "Euler a", "automatic"),
        ("Karras", "Karras", "automatic"),
        ("MyKarras", "MyKarras", "automatic"),
    ],
)
def test_legacy_names_are_split(joined: str, sampler: str, scheduler: str) -> None:
    found = fields("txt2img", {"sampler": joined})
    assert (found["sampler_name"], found["scheduler"]) == (sampler, scheduler)
    found = fields("txt2img", {"hires_enabled": True}, {"hires_sampler_name": joined})
    assert found["hires_sampler_name"] == sampler
    assert found["hires_scheduler"] == (ABSENT if scheduler == "automatic" else scheduler)


@pytest.mark.parametrize("name", ["hires_steps", "hires_width", "hires_height"])
def test_0_means_not_given_where_the_rules_say_so(name: str) -> None:
    assert fields("hires", {}, {name: 0})[name] is ABSENT


def test_what_is_no_picture_is_no_mask() -> None:
    assert refused("img2img", {}, {"mask": 5}) == "config-value: mask must be an image"
    assert refused("txt2img", {}, {"prompt": PICTURE}) == "config-value: prompt is an image, and takes none"


@pytest.mark.parametrize("scripts", [{}, {"ControlNet": {"args": [{"weight": 0.5}, None, True, 0, ""]}}])
def test_arguments_of_scripts_pass_as_they_are(scripts: Any) -> None:
    assert fields("txt2img", {"alwayson_scripts": scripts})["extra_scripts"] == scripts


@pytest.mark.parametrize(
    "scripts",
    [[], "x", {"x": []}, {"x": {}}, {"x": {"args": {}}}, {"x": {"args": [], "y": 1}}, {"x": {"args": [math.nan]}}],
)
def test_arguments_of_another_shape_are_refused(scripts: Any) -> None:
    assert refused("txt2img", {"extra_scripts": scripts}).startswith("config-value: extra_scripts")


def test_neither_config_is_changed() -> None:
    base = {"adetailer_units": [{"ad_model": "face.pt", "ad_steps": 5.0}], "styles": ["a"], "prompt": "a\x00"}
    own = {"sampler": "Euler Karras", "adetailer_units": [{"model": "hand.pt", "steps": 6.0}]}
    before = copy.deepcopy((base, own))
    resolution("adetailer", base, own)
    resolution("adetailer", base)
    assert (base, own) == before


# Units of ADetailer ---------------------------------------------------------------------------------------------


def units(own: dict[str, Any], base: dict[str, Any] | None = None) -> Any:
    return fields("adetailer", base, own)["adetailer_units"]


def unit(**own: Any) -> dict[str, Any]:
    (found,) = units({"adetailer_units": [{"model": "face.pt", **own}]})
    return dict(found)


def test_flat_fields_make_one_unit() -> None:
    own = {
        "adetailer_model": "face.pt",
        "adetailer_denoise": 0.0,
        "adetailer_confidence": 0.5,
        "adetailer_prompt": "eyes",
    }
    assert units(own) == [unit(denoising_strength=0.0, confidence=0.5, prompt="eyes")]


def test_flat_fields_may_be_spread_over_both_configs() -> None:
    base = {"adetailer_model": "face.pt", "adetailer_denoise": 0.9, "adetailer_prompt": "eyes"}
    assert units({"adetailer_denoise": 0.2}, base) == [unit(denoising_strength=0.2, prompt="eyes")]


def test_units_and_flat_fields_count_by_their_layer() -> None:
    listed, flat = {"adetailer_units": [{"model": "hand.pt"}]}, {"adetailer_model": "face.pt"}
    assert [u["model"] for u in units(flat, listed)] == ["face.pt"]
    assert [u["model"] for u in units(listed, flat)] == ["hand.pt"]
    assert [u["model"] for u in units({**flat, **listed})] == ["hand.pt"]
    assert [u["model"] for u in units({**flat, "adetailer_units": None})] == ["face.pt"]


def test_a_flat_field_that_no_unit_is_made_of_is_refused() -> None:
    said = refused("adetailer", {"adetailer_units": [{"model": "hand.pt"}]}, {"adetailer_confidence": 0.5})
    assert said == "config-together: adetailer_confidence is given without adetailer_model: they count together only"
    assert "needs adetailer_units or adetailer_model" in refused("adetailer", {}, {"adetailer_confidence": 0.5})
    said = refused("adetailer", {"adetailer_units": [{"model": "hand.pt"}]}, {"adetailer_confidence": 5})
    assert "adetailer_confidence must be at most 1, not 5" in said


@pytest.mark.parametrize("word", ["ad_model", "model"])
def test_a_unit_s_fields_go_by_both_names(word: str) -> None:
    assert units({"adetailer_units": [{word: "face.pt", "ad_denoising_strength": 0.1}]}) == [
        unit(denoising_strength=0.1)
    ]


def test_every_field_of_a_unit_has_the_extension_s_own_name() -> None:
    rules = RULES.fields["adetailer_units"].items
    for name, rule in rules.items():
        assert any(alias.startswith("ad_") for alias in rule.aliases), name
    assert unit(ad_mask_k_largest=3)["mask_k"] == 3


def test_two_names_in_a_unit_must_agree() -> None:
    assert units({"adetailer_units": [{"model": "a", "ad_model": "a"}]})[0]["model"] == "a"
    assert refused("adetailer", {}, {"adetailer_units": [{"model": "a", "ad_model": "b"}]}) == (
        "config-alias-conflict: adetailer_units.0 says 'model' and 'ad_model', which are the same field, "
        "and they differ\n  keep 'model'"
    )


def test_a_unit_s_values_are_normalised_like_any_other() -> None:
    found = unit(
        ad_steps=5.0, ad_sampler="DPM++ 2M Karras", checkpoint="x.safetensors [31e35c80fc]", prompt="a\x00b", mask_k=2.0
    )
    assert (found["steps"], found["sampler"], found["scheduler"]) == (5, "DPM++ 2M", "karras")
    assert (found["checkpoint"], found["prompt"], found["mask_k"]) == ("x.safetensors", "ab", 2)
    assert {type(found["steps"]), type(found["mask_k"])} == {int}
    assert unit(sampler="Euler Karras", scheduler="Beta")["scheduler"] == "beta"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ad_checkpoint", "Use same checkpoint"),
        ("ad_vae", "Use same VAE"),
        ("ad_sampler", "Use same sampler"),
        ("ad_scheduler", "Use same scheduler"),
        ("ad_controlnet_model", "None"),
        ("ad_controlnet_module", "None"),
        ("ad_steps", None),
    ],
)
def test_what_the_extension_writes_for_nothing_is_nothing(key: str, value: Any) -> None:
    assert unit(**{key: value}) == unit()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "adetailer_units must have at least 1 "),
        ([{"model": "a"}] * 5, "adetailer_units must have at most 4 items"),
        (["a"], "adetailer_units.0 must be a mapping"),
        ({"model": "a"}, "adetailer_units must be a list"),
        ([{"prompt": "x"}], "adetailer_units.0.model is missing"),
        ([{"model": "None"}], "adetailer_units.0.model is missing"),
        ([{"model": None}], "adetailer_units.0.model is missing"),
        ([{"model": "a"}, {"model": "b", "promt": "x"}], "adetailer_units.1.promt is not known there"),
        ([{"model": "a", "ad_use_steps": True}], "adetailer_units.0.ad_use_steps is not known there"),
        ([{"model": "a", "confidence": 1.5}], "adetailer_units.0.confidence must be at most 1"),
        ([{"model": "a", "prompt": 5}], "adetailer_units.0.prompt needs text, not a number"),
        ([{"model": "a", "inpaint_width": 512}], "adetailer_units.0.inpaint_height is missing"),
        ([{"model": "a", "scheduler": "karras"}], "adetailer_units.0.sampler is missing"),
        ([{"model": "a", "confidence": math.nan}], "adetailer_units/0/confidence is nan"),
    ],
)
def test_a_unit_that_the_server_would_drop_is_refused(given: Any, said: str) -> None:
    assert refused("adetailer", {}, {"adetailer_units": given}).startswith(f"config-value: {said}")


@pytest.mark.parametrize("blank", ["", "None"])
def test_a_detector_that_is_none_is_missing(blank: str) -> None:
    assert refused("adetailer", {}, {"adetailer_model": blank}) == (
        "config-missing: a stage of type adetailer needs adetailer_units or adetailer_model: "
        f"adetailer_model is {blank!r}, which counts as not given\n"
        "  give adetailer_units or adetailer_model in the stage's config or in base_config"
    )


def test_a_flat_field_s_fault_is_said_once_and_by_its_own_name() -> None:
    assert refused("adetailer", {}, {"adetailer_model": "face.pt", "adetailer_denoise": 2}) == (
        "config-value: adetailer_denoise must be at most 1, not 2"
    )
    assert refused("adetailer", {}, {"adetailer_model": 5}) == "config-value: adetailer_model must be text, not 5"


def test_the_detector_is_not_the_checkpoint() -> None:
    found = fields("adetailer", {"model": "base.safetensors"}, {"adetailer_model": "face.pt"})
    assert found["model_name"] == "base.safetensors"
    assert found["adetailer_units"][0]["model"] == "face.pt"


# Seeds ----------------------------------------------------------------------------------------------------------


def test_only_a_seed_of_minus_1_is_drawn_and_it_is_said_whose_it_was() -> None:
    asked: list[tuple[str, bool]] = []

    def draw(name: str, own: bool) -> int:
        asked.append((name, own))
        return 7

    assert fields("txt2img", {"seed": -1}, {"subseed": -1.0}, draw)["seed"] == 7
    assert asked == [("seed", False), ("subseed", True)]
    asked.clear()
    assert fields("txt2img", {"seed": 0, "subseed": 5}, {}, draw)["seed"] == 0
    assert asked == []


def test_a_base_seed_is_drawn_once_a_run_and_a_stage_s_own_anew() -> None:
    seeds = Seeds(RULES.schemas)
    first, second = seeds.for_stage("first"), seeds.for_stage("second")
    assert first("seed", False) == second("seed", False)
    assert len({first("seed", True), second("seed", True), first("seed", False)}) == 3


def test_a_dry_run_draws_the_same_from_the_same_plan() -> None:
    one, again, other = (Seeds(RULES.schemas, dry=digest) for digest in ("a", "a", "b"))
    assert one.for_stage("x")("seed", True) == again.for_stage("x")("seed", True)
    assert one.for_stage("x")("seed", False) != other.for_stage("x")("seed", False)
    assert one.for_stage("x")("seed", True) != one.for_stage("y")("seed", True)
    assert one.for_stage("x")("seed", False) != one.for_stage("x")("subseed", False)


def test_drawn_seeds_are_in_the_field_s_range() -> None:
    most = RULES.schemas["seed"]["maximum"]
    drawn = [Seeds(RULES.schemas, dry=str(n)).for_stage("x")("seed", True) for n in range(200)]
    assert all(value is not None and 0 <= value <= most for value in drawn)
    assert max(value for value in drawn if value is not None) > most // 2


def test_the_server_draws_where_it_is_told_to() -> None:
    assert Seeds(RULES.schemas, leave=True).for_stage("x")("seed", True) is None
    assert fields("txt2img", {"seed": -1}, draw=Seeds(RULES.schemas, leave=True).for_stage("x"))["seed"] == -1
