"""AUTOMATIC1111's field rules and traps, each by its name: what is sent, so that the server does what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.errors import PayloadError
from engine.images import Image
from engine.tables.forms import Each, ListOf, ObjectOf
from engine.tables.traverse import of_kind, rows_of
from tests.payloads.building import BACKENDS, Maker
from tests.payloads.pictures import picture
from tests.recordings import load, needs_recordings

BACKEND = BACKENDS["a1111"]
A1111 = Maker("a1111")
bodies, body, calls = A1111.bodies, A1111.body, A1111.calls

SAMPLING = ("txt2img", "img2img", "hires", "adetailer")
ON_IMG2IMG = ("img2img", "hires", "adetailer")
REFINED = {"refiner_enabled": True, "refiner_model_name": "sdxl_refiner [7440042bbd]"}
HIRES = {"hires_enabled": True}


def units(**own: Any) -> list[dict[str, Any]]:
    """The units that are sent for one unit with these fields."""
    args = body("adetailer", {"adetailer_units": [{"model": "face.pt", **own}]})["alwayson_scripts"]["ADetailer"][
        "args"
    ]
    return list(args[2:])


# Strengths ------------------------------------------------------------------------------------------------------


def test_a_denoise_of_0_survives_in_every_stage() -> None:
    assert body("img2img", {"denoising_strength": 0.0})["denoising_strength"] == 0.0
    assert body("txt2img", {**HIRES, "hires_denoise": 0})["denoising_strength"] == 0
    assert body("hires", {"hires_denoise": 0.0})["denoising_strength"] == 0.0
    assert units(denoising_strength=0)[0]["ad_denoising_strength"] == 0


def test_hires_strength_never_becomes_img2img_strength() -> None:
    base = {**HIRES, "hires_denoise": 0.7}
    assert body("img2img", {}, base)["denoising_strength"] == 0.4
    assert body("img2img", {}, {**base, "denoising_strength": 0.3})["denoising_strength"] == 0.3
    assert body("adetailer", {}, base)["denoising_strength"] == 0


def test_img2img_strength_never_becomes_hires_strength() -> None:
    base = {**HIRES, "denoising_strength": 0.9}
    assert body("txt2img", {}, base)["denoising_strength"] == 0.3
    assert body("hires", {}, base)["denoising_strength"] == 0.3
    assert "denoising_strength" not in body("txt2img", {}, {"denoising_strength": 0.9})


# The checkpoint, the VAE and other options ----------------------------------------------------------------------


@pytest.mark.parametrize("stage", SAMPLING)
def test_no_word_on_model_vae_or_clip_skip_sends_no_override(stage: str) -> None:
    assert "override_settings" not in body(stage)


@pytest.mark.parametrize("stage", SAMPLING)
def test_an_empty_vae_is_the_checkpoint_s_own_and_absent_is_no_key(stage: str) -> None:
    assert body(stage, {}, {"vae_name": ""})["override_settings"] == {"sd_vae": "None"}
    assert body(stage, {"vae_name": None}, {"vae_name": "", "clip_skip": 2})["override_settings"] == {
        "CLIP_stop_at_last_layers": 2
    }
    assert body(stage, {}, {"vae_name": "vae/anime.pt [31e35c80fc]"})["override_settings"] == {"sd_vae": "anime.pt"}


@pytest.mark.parametrize("stage", SAMPLING)
def test_model_and_clip_skip_go_through_options_without_a_hash(stage: str) -> None:
    sent = body(stage, {}, {"model_name": "dreamshaper_8 [879db523c3]", "clip_skip": 2})
    assert sent["override_settings"] == {"sd_model_checkpoint": "dreamshaper_8", "CLIP_stop_at_last_layers": 2}
    assert not {"clip_skip", "sd_model", "sd_vae", "model_name"} & set(sent)


@pytest.mark.parametrize("stage", SAMPLING)
def test_options_are_put_back_pictures_are_sent_and_no_file_is_kept(stage: str) -> None:
    sent = body(stage)
    assert sent["override_settings_restore_afterwards"] is True
    assert sent["send_images"] is True
    assert sent["save_images"] is False


# Samplers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", SAMPLING)
@pytest.mark.parametrize(
    ("given", "sampler", "scheduler"),
    [
        ({}, "Euler a", "Automatic"),
        ({"sampler_name": ""}, "Euler a", "Automatic"),
        ({"sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M", "Karras"),
        ({"sampler_name": "Euler SGM Uniform"}, "Euler", "SGM Uniform"),  # the server splits this one wrongly
        ({"sampler_name": "Euler", "scheduler": "align_your_steps"}, "Euler", "Align Your Steps"),
    ],
)
def test_joined_sampler_names_are_split_and_a_sampler_is_always_sent(
    stage: str, given: dict[str, object], sampler: str, scheduler: str
) -> None:
    sent = body(stage, {}, given)
    assert (sent["sampler_name"], sent["scheduler"]) == (sampler, scheduler)


@pytest.mark.parametrize("stage", SAMPLING)
def test_no_server_s_default_is_relied_on(stage: str) -> None:
    sent = body(stage)
    assert (sent["steps"], sent["cfg_scale"], sent["prompt"], sent["negative_prompt"]) == (20, 7.0, "", "")
    assert (sent["tiling"], sent["restore_faces"], sent["subseed_strength"]) == (False, False, 0)
    assert {"width", "height", "batch_size", "n_iter", "seed"} <= sent.keys()


# The refiner ----------------------------------------------------------------------------------------------------


def test_refiner_keys_are_both_there_or_neither() -> None:
    on = body("txt2img", {}, REFINED)
    assert (on["refiner_checkpoint"], on["refiner_switch_at"]) == ("sdxl_refiner", 0.8)
    for base in ({}, {**REFINED, "refiner_enabled": False}, {"refiner_model_name": "x", "refiner_switch_at": 0.5}):
        assert not {"refiner_checkpoint", "refiner_switch_at"} & body("txt2img", {}, base).keys()


@pytest.mark.parametrize("stage", [*ON_IMG2IMG, "upscale"])
def test_the_refiner_reaches_no_other_stage(stage: str) -> None:
    assert not [key for key in body(stage, {}, {**REFINED, **HIRES}) if "refiner" in key]


# Hires fix ------------------------------------------------------------------------------------------------------


def test_hr_keys_are_there_only_with_enable_hr() -> None:
    base = {"hires_enabled": False, "hires_denoise": 0.7, "hires_steps": 9, "hires_upscaler_name": "Lanczos"}
    off = body("txt2img", {}, base)
    assert not [key for key in off if key.startswith("hr_") or key in ("enable_hr", "denoising_strength")]
    assert body("txt2img", {}, {**base, **HIRES})["enable_hr"] is True


def test_a_hires_pass_always_has_its_strength_an_upscaler_and_steps() -> None:
    sent = body("txt2img", HIRES)
    assert (sent["denoising_strength"], sent["hr_upscaler"], sent["hr_scale"]) == (0.3, "Latent", 2.0)
    assert sent["hr_second_pass_steps"] == 0


def test_hires_steps_0_are_the_first_pass_s() -> None:
    assert body("txt2img", {**HIRES, "hires_steps": 0})["hr_second_pass_steps"] == 0
    assert body("txt2img", {**HIRES, "hires_steps": 7})["hr_second_pass_steps"] == 7
    assert body("hires", {"hires_steps": 0, "steps": 12})["steps"] == 12
    assert body("hires", {"hires_steps": 7, "steps": 12})["steps"] == 7


def test_a_hires_size_may_be_given_instead_of_a_factor() -> None:
    sent = body("txt2img", {**HIRES, "hires_width": 1024, "hires_height": 768})
    assert (sent["hr_resize_x"], sent["hr_resize_y"]) == (1024, 768)
    assert not {"hr_resize_x", "hr_resize_y"} & body("txt2img", HIRES).keys()


def test_the_hires_pass_may_have_its_own_words() -> None:
    own = {
        "hires_sampler_name": "DPM++ 2M Karras",
        "hires_model_name": "b [31e35c80fc]",
        "hires_prompt": "fine",
        "hires_negative_prompt": "",
    }
    sent = body("txt2img", {**HIRES, **own}, {"model_name": "a"})
    assert (sent["hr_sampler_name"], sent["hr_scheduler"]) == ("DPM++ 2M", "Karras")
    assert (sent["hr_checkpoint_name"], sent["override_settings"]) == ("b", {"sd_model_checkpoint": "a"})
    assert sent["hr_prompt"] == "fine"
    assert "hr_negative_prompt" not in sent
    stage = body("hires", own, {"model_name": "a", "negative_prompt": "fog", "prompt": "a"})
    assert (stage["sampler_name"], stage["scheduler"]) == ("DPM++ 2M", "Karras")
    assert stage["override_settings"] == {"sd_model_checkpoint": "b"}
    assert (stage["prompt"], stage["negative_prompt"]) == ("fine", "fog")


# The hires stage ------------------------------------------------------------------------------------------------


def test_a_hires_stage_enlarges_the_real_input_down_to_a_multiple_of_8() -> None:
    sent = body("hires", {"hires_upscale_factor": 1.5}, {"width": 2048}, (70, 50))
    assert (sent["width"], sent["height"]) == (104, 72)
    assert body("hires", {"hires_upscale_factor": 1.1}, {}, (480, 480))["width"] == 528  # exact: 480 x 1.1 is 528
    sent = body("hires", {"hires_width": 128, "hires_height": 96}, {}, (70, 50))
    assert (sent["width"], sent["height"]) == (128, 96)


@pytest.mark.parametrize("upscaler", ["Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (nearest-exact)"])
def test_a_latent_upscaler_is_resize_mode_3(upscaler: str) -> None:
    sent = body("hires", {"hires_upscaler_name": upscaler})
    assert sent["resize_mode"] == 3
    assert "override_settings" not in sent


def test_any_other_upscaler_is_an_option_of_the_request() -> None:
    sent = body("hires", {"hires_upscaler_name": "R-ESRGAN 4x+"}, {"model_name": "a"})
    assert sent["resize_mode"] == 0
    assert sent["override_settings"] == {"sd_model_checkpoint": "a", "upscaler_for_img2img": "R-ESRGAN 4x+"}


def test_a_hires_stage_goes_through_img2img_without_the_hires_keys() -> None:
    sent = body("hires", {}, {**HIRES, "hires_denoise": 0.5})
    assert sent["denoising_strength"] == 0.5
    assert not [key for key in sent if key.startswith("hr_") or key == "enable_hr"]
    assert BACKEND.stages["hires"].submit.request.path == ("sdapi", "v1", "img2img")


# Pictures that come in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["img2img", "adetailer"])
def test_sizes_follow_the_real_input_and_not_base(stage: str) -> None:
    sent = body(stage, {}, {"width": 512, "height": 512}, (1024, 768))
    assert (sent["width"], sent["height"]) == (1024, 768)
    assert (body(stage, {}, {}, (71, 50))["width"], body(stage, {}, {}, (71, 50))["height"]) == (64, 48)


def test_an_img2img_s_own_size_wins_side_by_side() -> None:
    sent = body("img2img", {"width": 640}, {}, (1024, 768))
    assert (sent["width"], sent["height"]) == (640, 768)


@pytest.mark.parametrize("stage", ON_IMG2IMG)
def test_a_picture_that_is_too_small_to_work_on_is_refused_before_any_call(stage: str) -> None:
    factor = {"hires_upscale_factor": 1.0} if stage == "hires" else {}
    with pytest.raises(PayloadError, match="width must be at least 8, not 0"):
        body(stage, factor, {}, (7, 64))


@pytest.mark.parametrize("stage", ON_IMG2IMG)
def test_several_pictures_go_one_by_one_with_seed_plus_k(stage: str) -> None:
    sent = bodies(stage, {}, {"seed": 5, "subseed": 50}, (64, 64), (128, 64), (64, 128))
    assert [b["seed"] for b in sent] == [5, 6, 7]
    assert [b["subseed"] for b in sent] == [50, 50, 50]
    assert [len(b["init_images"]) for b in sent] == [1, 1, 1]
    assert [b["init_images"][0] for b in sent] == [
        picture(*s, f"input {n}") for n, s in enumerate([(64, 64), (128, 64), (64, 128)])
    ]
    assert [b["batch_size"] * b["n_iter"] for b in sent] == [1, 1, 1]


@pytest.mark.parametrize("stage", ON_IMG2IMG)
def test_in_a_variation_the_subseed_counts_and_the_seed_stays(stage: str) -> None:
    sent = bodies(stage, {}, {"seed": 5, "subseed": 50, "subseed_strength": 0.1}, (64, 64), (64, 64))
    assert [(b["seed"], b["subseed"]) for b in sent] == [(5, 50), (5, 51)]


def test_a_seed_that_the_server_draws_is_drawn_anew_for_every_picture() -> None:
    assert [b["seed"] for b in bodies("img2img", {}, {"seed": -1}, (64, 64), (64, 64))] == [-1, -1]


def test_the_largest_seed_may_count_on() -> None:
    assert bodies("img2img", {}, {"seed": 2**32 - 1}, (64, 64), (64, 64))[1]["seed"] == 2**32


def test_base_s_batch_does_not_multiply_pictures_that_come_in() -> None:
    base = {"batch_size": 4, "n_iter": 2}
    assert body("txt2img", {}, base)["batch_size"] == 4
    for stage in ON_IMG2IMG:
        assert (body(stage, {}, base)["batch_size"], body(stage, {}, base)["n_iter"]) == (1, 1)
    assert body("img2img", {"batch_size": 2}, base)["batch_size"] == 2


# Masks ----------------------------------------------------------------------------------------------------------


def test_a_mask_goes_with_all_its_keys_and_none_goes_without() -> None:
    keys = {
        "mask",
        "mask_blur",
        "inpainting_fill",
        "inpaint_full_res",
        "inpaint_full_res_padding",
        "inpainting_mask_invert",
    }
    assert not keys & body("img2img").keys()
    mask = Image.predict(64, 64)
    sent = body("img2img", {"mask_image": mask, "mask_invert": True, "mask_content": "latent_noise"})
    assert {key: sent[key] for key in keys} == {
        "mask": mask,
        "mask_blur": 4,
        "inpainting_fill": 2,
        "inpaint_full_res": False,
        "inpaint_full_res_padding": 32,
        "inpainting_mask_invert": 1,
    }
    assert type(sent["inpainting_mask_invert"]) is int
    assert type(body("img2img", {"mask_image": mask})["inpainting_mask_invert"]) is int


@pytest.mark.parametrize(("mode", "number"), [("stretch", 0), ("crop", 1), ("fill", 2), ("latent", 3)])
def test_resize_modes_are_numbers_on_the_wire(mode: str, number: int) -> None:
    assert body("img2img", {"resize_mode": mode})["resize_mode"] == number


# ADetailer ------------------------------------------------------------------------------------------------------


def test_adetailer_is_img2img_that_skips_itself_with_both_booleans_before_the_units() -> None:
    sent = body("adetailer", {"adetailer_units": [{"model": "face.pt"}, {"model": "hand.pt"}]})
    assert BACKEND.stages["adetailer"].submit.request.path == ("sdapi", "v1", "img2img")
    args = sent["alwayson_scripts"]["ADetailer"]["args"]
    assert args[:2] == [True, True]
    assert [unit["ad_model"] for unit in args[2:]] == ["face.pt", "hand.pt"]
    assert list(sent["alwayson_scripts"]) == ["ADetailer"]


def test_where_the_server_drops_every_unit_the_picture_is_not_redrawn() -> None:
    base = {"denoising_strength": 0.9, "hires_denoise": 0.9, "adetailer_denoise": 0.6}
    sent = body("adetailer", {"adetailer_model": "face.pt"}, base)
    assert sent["denoising_strength"] == 0
    assert sent["alwayson_scripts"]["ADetailer"]["args"][2]["ad_denoising_strength"] == 0.6


@pytest.mark.parametrize("count", [1, 4])
def test_up_to_four_units_are_sent(count: int) -> None:
    listed = [{"model": f"{n}.pt"} for n in range(count)]
    args = body("adetailer", {"adetailer_units": listed})["alwayson_scripts"]["ADetailer"]["args"]
    assert len(args) == 2 + count


@pytest.mark.parametrize(
    ("field", "value", "switch", "key"),
    [
        ("steps", 5, "ad_use_steps", "ad_steps"),
        ("cfg_scale", 0, "ad_use_cfg_scale", "ad_cfg_scale"),
        ("checkpoint", "x", "ad_use_checkpoint", "ad_checkpoint"),
        ("vae", "None", "ad_use_vae", "ad_vae"),
        ("sampler", "DDIM", "ad_use_sampler", "ad_sampler"),
        ("noise_multiplier", 1.0, "ad_use_noise_multiplier", "ad_noise_multiplier"),
        ("clip_skip", 1, "ad_use_clip_skip", "ad_clip_skip"),
    ],
)
def test_a_unit_s_value_goes_beside_its_switch(field: str, value: Any, switch: str, key: str) -> None:
    (sent,) = units(**{field: value})
    assert (sent[switch], sent[key]) == (True, value)
    (without,) = units()
    assert not {switch, key} & without.keys()


def test_a_unit_s_size_has_one_switch_for_both_sides() -> None:
    (sent,) = units(inpaint_width=512, inpaint_height=640)
    assert (sent["ad_use_inpaint_width_height"], sent["ad_inpaint_width"], sent["ad_inpaint_height"]) == (
        True,
        512,
        640,
    )


def test_a_unit_s_joined_sampler_name_is_split() -> None:
    (sent,) = units(ad_sampler="DPM++ 2M Karras")
    assert (sent["ad_sampler"], sent["ad_scheduler"], sent["ad_use_sampler"]) == ("DPM++ 2M", "Karras", True)


def test_the_old_name_of_mask_k_is_never_sent() -> None:
    (sent,) = units(ad_mask_k_largest=2)
    assert sent["ad_mask_k"] == 2
    assert "ad_mask_k_largest" not in sent


def test_the_detector_is_never_sent_as_the_checkpoint() -> None:
    sent = body("adetailer", {"adetailer_model": "face.pt"}, {"model": "base"})
    assert sent["override_settings"] == {"sd_model_checkpoint": "base"}
    assert sent["alwayson_scripts"]["ADetailer"]["args"][2]["ad_model"] == "face.pt"


# Other always-on scripts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["txt2img", "img2img"])
def test_other_always_on_scripts_pass_as_they_are(stage: str) -> None:
    scripts = {"ControlNet": {"args": [{"weight": 0, "model": None}]}}
    assert body(stage, {}, {"extra_scripts": scripts})["alwayson_scripts"] == scripts
    assert "alwayson_scripts" not in body(stage)


@pytest.mark.parametrize("stage", ["txt2img", "img2img"])
@pytest.mark.parametrize("name", ["ADetailer", "adetailer", "REFINER", "Refiner", "sampler", "Seed", "extra Options"])
def test_scripts_that_other_fields_own_are_refused_in_any_case(stage: str, name: str) -> None:
    with pytest.raises(PayloadError) as refusal:
        body(stage, {}, {"extra_scripts": {name: {"args": []}}})
    (finding,) = refusal.value.findings
    assert finding.code == "value-reserved-key"
    assert f"must not hold {name!r}" in finding.message


@pytest.mark.parametrize("stage", ["adetailer", "hires", "upscale"])
def test_other_scripts_do_not_reach_stages_that_do_not_take_them(stage: str) -> None:
    scripts = body(stage, {}, {"extra_scripts": {"ControlNet": {"args": []}}}).get("alwayson_scripts", {})
    assert "ControlNet" not in scripts


# Extras ---------------------------------------------------------------------------------------------------------


def test_extras_enlarge_by_a_factor() -> None:
    sent = body("upscale", {"upscale_factor": 1.5}, {"hires_upscale_factor": 4})
    assert (sent["resize_mode"], sent["upscaling_resize"]) == (0, 1.5)
    assert not {"upscaling_resize_w", "upscaling_resize_h", "upscaling_crop"} & sent.keys()


def test_extras_enlarge_to_a_size() -> None:
    sent = body("upscale", {"upscale_width": 1024, "upscale_height": 768, "upscale_crop": False})
    assert (sent["resize_mode"], sent["upscaling_resize_w"], sent["upscaling_resize_h"]) == (1, 1024, 768)
    assert sent["upscaling_crop"] is False
    assert "upscaling_resize" not in sent


def test_extras_take_one_picture_by_the_server_s_own_names() -> None:
    first, second = bodies("upscale", {"upscaler": "R-ESRGAN 4x+"}, {}, (64, 64), (32, 32))
    assert (first["image"], second["image"]) == (picture(64, 64, "input 0"), picture(32, 32, "input 1"))
    assert first["upscaler_1"] == "R-ESRGAN 4x+"
    assert not {"image_base64", "upscaler", "upscale_first", "prompt", "seed"} & first.keys()
    assert (first["upscaler_2"], first["extras_upscaler_2_visibility"]) == ("None", 0)


def test_extras_restore_faces_where_asked() -> None:
    sent = body("upscale", {"gfpgan_visibility": 0.5, "codeformer_visibility": 1, "codeformer_weight": 0})
    assert (sent["gfpgan_visibility"], sent["codeformer_visibility"], sent["codeformer_weight"]) == (0.5, 1, 0)
    plain = body("upscale")
    assert (plain["gfpgan_visibility"], plain["codeformer_visibility"]) == (0, 0)


def test_a_second_upscaler_comes_with_its_share() -> None:
    sent = body("upscale", {"upscaler_2": "Nearest", "upscaler_2_visibility": 0.25})
    assert (sent["upscaler_2"], sent["extras_upscaler_2_visibility"]) == ("Nearest", 0.25)


# What should come back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "own", "size", "expected"),
    [
        ("txt2img", {}, (64, 64), (1, 512, 512)),
        ("txt2img", {"batch_size": 2, "n_iter": 3}, (64, 64), (6, 512, 512)),
        ("txt2img", {**HIRES, "hires_upscale_factor": 1.1}, (64, 64), (1, 560, 560)),
        ("txt2img", {**HIRES, "hires_width": 768, "hires_height": 1024}, (64, 64), (1, 768, 1024)),
        ("img2img", {}, (70, 50), (1, 64, 48)),
        ("img2img", {"width": 256, "batch_size": 2}, (70, 50), (2, 256, 48)),
        ("hires", {"hires_upscale_factor": 1.5}, (70, 50), (1, 104, 72)),
        ("upscale", {"upscale_factor": 1.5}, (51, 35), (1, 72, 48)),
        ("upscale", {"upscale_width": 1024, "upscale_height": 768}, (51, 35), (1, 1024, 768)),
        ("adetailer", {}, (70, 50), (1, 70, 50)),
    ],
)
def test_count_and_size_are_foretold(
    stage: str, own: dict[str, object], size: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    (call,) = calls(stage, own, {}, size)
    assert (call.count, call.width, call.height) == expected


# What the server knows ------------------------------------------------------------------------------------------


COMPONENTS = {
    "txt2img": "StableDiffusionProcessingTxt2Img",
    "img2img": "StableDiffusionProcessingImg2Img",
    "hires": "StableDiffusionProcessingImg2Img",
    "adetailer": "StableDiffusionProcessingImg2Img",
    "upscale": "ExtrasSingleImageRequest",
}


def targets(stage: str) -> Iterator[tuple[str, ...]]:
    """Every target that a row of the flat table can write, and every key of an object inside a list."""
    for row in rows_of(BACKEND.stages[stage].table.flow):
        yield row.target
        for each in of_kind(Each, row.expression):
            if isinstance(each.body, ListOf):  # words of a text: they write no key
                continue
            assert isinstance(each.body, ObjectOf)
            yield from ((*row.target, "*", key) for key, _ in each.body.entries)


def test_the_targets_are_those_of_all_rows() -> None:
    assert ("override_settings", "upscaler_for_img2img") in set(targets("hires"))
    assert ("alwayson_scripts", "ADetailer", "args", "*", "ad_model") in set(targets("adetailer"))
    for stage in BACKEND.stages:
        assert {target[0] for target in targets(stage)} >= body(stage).keys()


@needs_recordings
@pytest.mark.parametrize("stage", COMPONENTS)
def test_every_key_that_a_table_can_write_is_one_that_the_server_knows(stage: str) -> None:
    known = load("a1111", "openapi")["components"]["schemas"][COMPONENTS[stage]]["properties"]
    written = {target[0] for target in targets(stage)}
    assert written
    assert written <= set(known)


@needs_recordings
def test_every_key_of_a_unit_is_one_that_the_extension_knows() -> None:
    known = load("a1111", "get-adetailer-schema")["response"]["properties"]
    written = {target[-1] for target in targets("adetailer") if "*" in target}
    assert len(written) > 30
    assert written <= set(known)


@needs_recordings
@pytest.mark.parametrize("stage", SAMPLING)
def test_every_override_is_an_option_that_the_server_has(stage: str) -> None:
    known = load("a1111", "get-options")["response"]
    written = {target[1] for target in targets(stage) if target[0] == "override_settings"}
    assert {"sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"} <= written
    assert written <= set(known)


@needs_recordings
def test_the_script_s_title_is_the_server_s() -> None:
    known = load("a1111", "get-scripts")["response"]["img2img"]
    assert {t[1] for t in targets("adetailer") if t[0] == "alwayson_scripts"} == {"ADetailer"}
    assert "adetailer" in known
