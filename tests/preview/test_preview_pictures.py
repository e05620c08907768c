"""What is on the pictures: what a stage promises to change, to leave alone, and to say."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from engine.preview.captions import TITLE, draw_caption, plain
from engine.preview.notes import Note, read_note, write_note
from tests.preview.conftest import Client, as_png, opened, photo

NOTE = "stage-engine-preview"


def changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int] | None:
    """The box of all pixels that differ."""
    return ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox()


def note_of(image: Image.Image) -> Note:
    note = read_note(image.info[NOTE])
    assert note is not None
    return note


def detailer(*args: object) -> dict[str, Any]:
    return {"alwayson_scripts": {"ADetailer": {"args": list(args)}}}


FACE = {"ad_model": "face_yolov8n.pt"}


class TestTxt2img:
    def test_the_same_request_gives_the_same_bytes(self, client: Client) -> None:
        body = {"prompt": "a cat", "width": 256, "height": 320, "seed": -1, "subseed": -1, "n_iter": 2}
        assert client.post("txt2img", body) == client.post("txt2img", body)

    @pytest.mark.parametrize(
        "change",
        [
            {"prompt": "a dog"},
            {"negative_prompt": "rain"},
            {"seed": 8},
            {"cfg_scale": 3},
            {"steps": 4},
            {"subseed": 5, "subseed_strength": 0.2},
            {"override_settings": {"sd_model_checkpoint": "preview-sdxl.safetensors"}},
            {"refiner_checkpoint": "preview-refiner.safetensors", "refiner_switch_at": 0.5},
            {"enable_hr": True, "denoising_strength": 0.5},
            {"restore_faces": True},
            detailer(True, False, FACE),
        ],
    )
    def test_every_setting_can_be_seen(self, client: Client, change: dict[str, Any]) -> None:
        plain, _ = client.make("txt2img")
        other, _ = client.make("txt2img", **change)
        assert plain[0].tobytes() != other[0].tobytes()

    def test_seeds_count_up_and_each_gives_the_picture_of_its_own(self, client: Client) -> None:
        images, info = client.make("txt2img", seed=7, batch_size=2, n_iter=2)
        assert info["all_seeds"] == [7, 8, 9, 10]
        assert info["index_of_first_image"] == 0
        for image, seed in zip(images, info["all_seeds"], strict=True):
            alone, _ = client.make("txt2img", seed=seed)
            assert alone[0].tobytes() == image.tobytes()

    def test_with_a_subseed_strength_the_seed_stays_and_the_subseed_counts(self, client: Client) -> None:
        images, info = client.make("txt2img", seed=7, subseed=3, subseed_strength=0.4, batch_size=3)
        assert info["all_seeds"] == [7, 7, 7]
        assert info["all_subseeds"] == [3, 4, 5]
        assert len({image.tobytes() for image in images}) == 3
        assert "Variation seed: 4, Variation seed strength: 0.4" in info["infotexts"][1]

    def test_a_seed_of_minus_one_depends_on_the_request_alone(self, client: Client) -> None:
        first, second = client.make("txt2img", seed=-1)[1], client.make("txt2img", seed=-1)[1]
        other = client.make("txt2img", seed=-1, prompt="a dog")[1]
        assert first["seed"] == second["seed"] != other["seed"]
        assert 0 <= first["seed"] < 2**32

    @pytest.mark.parametrize(("asked", "got"), [((70, 50), (64, 48)), ((512, 768), (512, 768)), ((8, 8), (8, 8))])
    def test_sizes_are_rounded_down_to_a_multiple_of_8(
        self, client: Client, asked: tuple[int, int], got: tuple[int, int]
    ) -> None:
        images, info = client.make("txt2img", width=asked[0], height=asked[1])
        assert images[0].size == got
        assert (info["width"], info["height"]) == asked

    @pytest.mark.parametrize(
        ("how", "size"),
        [
            ({"hr_scale": 1.5}, (96, 96)),
            ({"hr_scale": 2.3}, (144, 144)),
            ({"hr_resize_x": 96, "hr_resize_y": 128}, (96, 128)),
            ({"hr_resize_x": 128}, (128, 128)),
            ({"hr_resize_y": 96}, (96, 96)),
        ],
    )
    def test_hires_really_enlarges(self, client: Client, how: dict[str, Any], size: tuple[int, int]) -> None:
        images, info = client.make("txt2img", enable_hr=True, denoising_strength=0.5, **how)
        assert images[0].size == size
        assert (info["width"], info["height"]) == (64, 64)

    def test_hires_of_strength_0_draws_nothing_new(self, client: Client) -> None:
        none = client.make("txt2img", enable_hr=True, denoising_strength=0.0)[0][0]
        some = client.make("txt2img", enable_hr=True, denoising_strength=0.3)[0][0]
        plain = client.make("txt2img")[0][0].resize((128, 128), Image.Resampling.LANCZOS)
        # The caption of so small a picture is one word at its foot; above it there must be no difference.
        above = (0, 0, 128, 90)
        assert changed(plain.crop(above), none.crop(above)) is None
        assert changed(plain.crop(above), some.crop(above)) is not None

    def test_hires_with_a_prompt_or_checkpoint_of_its_own_shows(self, client: Client) -> None:
        hires = {"enable_hr": True, "denoising_strength": 0.5}
        plain = client.make("txt2img", **hires)[0][0]
        for own in ({"hr_prompt": "a dog"}, {"hr_checkpoint_name": "preview-sdxl"}):
            assert changed(plain, client.make("txt2img", **hires, **own)[0][0]) is not None

    @pytest.mark.parametrize(("switch", "touched"), [(0.5, True), (0.0, True), (None, True), (1.0, False)])
    def test_the_refiner_shows_beyond_its_switch(self, client: Client, switch: float | None, touched: bool) -> None:
        plain = client.make("txt2img")[0][0]
        refined = client.make("txt2img", refiner_checkpoint="preview-refiner", refiner_switch_at=switch)[0][0]
        box = changed(plain, refined)
        assert (box is not None) is touched
        if switch == 0.5:
            assert box is not None
            assert 16 < box[0] < 36

    def test_the_picture_carries_its_infotext(self, client: Client) -> None:
        images, info = client.make("txt2img", prompt="ein Gruß, 猫", n_iter=2)
        assert [image.info["parameters"] for image in images] == info["infotexts"]

    def test_a_grid_stands_in_front_where_pictures_are_to_be_saved(self, client: Client) -> None:
        images, info = client.make("txt2img", batch_size=3, save_images=True)
        assert info["index_of_first_image"] == 1
        assert len(images) == len(info["infotexts"]) == 4
        assert images[0].size == (128, 128)
        assert images[0].crop((0, 0, 64, 64)).tobytes() == images[1].tobytes()
        lone, info = client.make("txt2img", batch_size=3, save_images=True, override_settings={"return_grid": False})
        assert (len(lone), info["index_of_first_image"]) == (3, 0)

    @pytest.mark.parametrize(
        "body",
        [
            {"width": 20_000, "height": 64},
            {"width": 16_384, "height": 16_384},
            {"width": 4096, "height": 4096, "batch_size": 9},
            {"enable_hr": True, "hr_scale": 1000, "denoising_strength": 0.5},
            {"batch_size": 2**40},
            {"n_iter": 65},
        ],
    )
    def test_pictures_that_would_exhaust_memory_are_refused(self, client: Client, body: dict[str, Any]) -> None:
        refused = client.post("txt2img", {"width": 64, "height": 64, **body}, status=500)
        assert refused["error"] == "OutOfMemoryError"

    @pytest.mark.parametrize("body", [{"hr_scale": 0.01}, {"hr_scale": -1.0}])
    def test_a_hires_size_of_nothing_is_refused(self, client: Client, body: dict[str, Any]) -> None:
        base = {"width": 64, "height": 64, "enable_hr": True, "denoising_strength": 0.5}
        assert client.post("txt2img", {**base, **body}, status=500)["error"] == "RuntimeError"

    @pytest.mark.parametrize("field", ["infotext", "firstpass_image"])
    def test_what_is_not_read_is_refused_and_not_ignored(self, client: Client, field: str) -> None:
        assert field in client.post("txt2img", {field: "x"}, status=422)["detail"]


class TestModels:
    def test_any_model_is_there_under_its_name(self, client: Client) -> None:
        overrides = {"sd_model_checkpoint": "sub/my model.safetensors [0123abcdef]", "sd_vae": "my.vae.pt"}
        _, info = client.make("txt2img", override_settings=overrides)
        assert (info["sd_model_name"], info["sd_model_hash"]) == ("sub/my model", "0123abcdef")
        assert info["sd_vae_name"] == "my.vae.pt"
        assert "Model hash: 0123abcdef, Model: sub/my model, VAE hash: " in info["infotexts"][0]

    @pytest.mark.parametrize("vae", ["None", "Automatic", "", "nope"])
    def test_no_vae_is_none(self, client: Client, vae: str) -> None:
        assert client.make("txt2img", override_settings={"sd_vae": vae})[1]["sd_vae_name"] is None

    def test_a_missing_checkpoint_is_ignored_in_silence(self, client: Client) -> None:
        _, info = client.make("txt2img", override_settings={"sd_model_checkpoint": "lost"})
        assert info["sd_model_name"] == "preview-sd15"

    @pytest.mark.parametrize(
        ("sampler", "scheduler", "found"),
        [
            ("DPM++ 2M Karras", None, ("DPM++ 2M", "Karras")),
            ("DPM++ 2M", None, ("DPM++ 2M", "Karras")),
            ("DPM++ 2M SDE Heun", "karras", ("DPM++ 2M SDE Heun", "Karras")),
            ("Euler a", "SGM Uniform", ("Euler a", "SGM Uniform")),
            ("Euler a", None, ("Euler a", "Automatic")),
            ("Euler SGM Uniform", None, ("DPM++ 2M", "Uniform")),
            ("no such", "no such", ("DPM++ 2M", "Karras")),
        ],
    )
    def test_samplers_are_read_as_the_server_reads_them(
        self, client: Client, sampler: str, scheduler: str | None, found: tuple[str, str]
    ) -> None:
        _, info = client.make("txt2img", sampler_name=sampler, scheduler=scheduler)
        assert info["sampler_name"] == found[0]
        assert f"Sampler: {found[0]}, Schedule type: {found[1]}, " in info["infotexts"][0]


class TestImg2img:
    def test_strength_0_keeps_every_pixel(self, client: Client) -> None:
        sent = photo(320, 256)
        images, info = client.make("img2img", init_images=[as_png(sent)], denoising_strength=0.0, width=320, height=256)
        assert images[0].tobytes() == sent.tobytes()
        assert info["denoising_strength"] == 0.0

    def test_strength_1_keeps_nothing(self, client: Client) -> None:
        black, white = Image.new("RGB", (64, 64), "black"), Image.new("RGB", (64, 64), "white")
        first, second = (
            client.make("img2img", init_images=[as_png(image)], denoising_strength=1.0)[0][0]
            for image in (black, white)
        )
        assert first.tobytes() == second.tobytes()

    def test_the_more_strength_the_less_of_the_input(self, client: Client) -> None:
        sent = photo(64, 64)

        def distance(strength: float) -> int:
            image = client.make("img2img", init_images=[as_png(sent)], denoising_strength=strength)[0][0]
            return sum(i * n for i, n in enumerate(ImageChops.difference(sent, image).convert("L").histogram()))

        distances = [distance(strength) for strength in (0.0, 0.2, 0.5, 0.8, 1.0)]
        assert distances == sorted(distances)
        assert len(set(distances)) == 5

    def test_a_mask_keeps_what_is_outside_it(self, client: Client) -> None:
        sent, mask = photo(256, 256), Image.new("L", (256, 256), 0)
        mask.paste(255, (40, 60, 120, 200))
        body = {
            "init_images": [as_png(sent)],
            "denoising_strength": 0.9,
            "width": 256,
            "height": 256,
            "mask_blur": 8,
        }
        image = client.make("img2img", mask=as_png(mask), **body)[0][0]
        box = changed(sent, image)
        assert box is not None
        assert box[0] >= 40 and box[1] >= 60 and box[2] <= 120 and box[3] <= 200
        inverted = client.make("img2img", mask=as_png(mask), inpainting_mask_invert=1, **body)[0][0]
        assert changed(sent.crop((40, 60, 120, 200)), inverted.crop((40, 60, 120, 200))) is None
        assert changed(sent, inverted) == (0, 0, 256, 256)

    def test_a_mask_may_be_the_opaque_part_of_a_picture(self, client: Client) -> None:
        sent, mask = photo(64, 64), Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        mask.paste((255, 255, 255, 255), (0, 0, 20, 64))
        image = client.make("img2img", init_images=[as_png(sent)], mask=as_png(mask), mask_blur=0)[0][0]
        box = changed(sent, image)
        assert box is not None
        assert box[2] <= 20

    def test_a_black_mask_repaints_everything_unless_the_whole_picture_is_meant(self, client: Client) -> None:
        sent, mask = photo(64, 64), as_png(Image.new("L", (64, 64), 0))
        body = {"init_images": [as_png(sent)], "mask": mask}
        assert changed(sent, client.make("img2img", **body)[0][0]) is not None
        assert changed(sent, client.make("img2img", inpaint_full_res=False, **body)[0][0]) is None

    @pytest.mark.parametrize("mode", [0, 1, 2, 3])
    def test_the_picture_takes_the_size_that_was_asked_for(self, client: Client, mode: int) -> None:
        sent = {"init_images": [as_png(photo(64, 64))], "width": 96, "height": 64, "resize_mode": mode}
        assert client.make("img2img", **sent)[0][0].size == (96, 64)

    def test_without_a_size_it_is_512_by_512(self, client: Client) -> None:
        answer = client.post("img2img", {"init_images": [as_png(photo(64, 64))], "steps": 1})
        assert opened(answer["images"][0]).size == (512, 512)

    def test_one_picture_serves_a_whole_batch_and_several_are_used_in_turn(self, client: Client) -> None:
        red, blue = as_png(Image.new("RGB", (64, 64), "red")), as_png(Image.new("RGB", (64, 64), "blue"))
        same, info = client.make("img2img", init_images=[red], batch_size=2, denoising_strength=0)
        assert [image.getpixel((0, 0)) for image in same] == [(255, 0, 0)] * 2
        turn, _ = client.make("img2img", init_images=[red, blue], batch_size=2, denoising_strength=0)
        assert [image.getpixel((0, 0)) for image in turn] == [(255, 0, 0), (0, 0, 255)]
        fewer, info = client.make("img2img", init_images=[red, blue], batch_size=3)
        assert (len(fewer), len(info["all_seeds"])) == (2, 3)
        refused = client.post("img2img", {"init_images": [red, blue]}, status=500)
        assert refused["errors"] == "bad number of images passed: 2; expecting 1 or less"

    @pytest.mark.parametrize("bad", ["", "@@@", "aGVsbG8=", "iVBORw0KGgo", 5, None])
    def test_what_is_no_picture_is_refused(self, client: Client, bad: object) -> None:
        refused = client.post("img2img", {"init_images": [bad]}, status=500)
        assert refused == {"error": "HTTPException", "detail": "Invalid encoded image", "body": "", "errors": ""}

    def test_a_picture_that_is_broken_behind_its_header_is_refused(self, client: Client) -> None:
        import base64

        data = bytearray(base64.b64decode(as_png(photo(64, 64))))
        data[60:90] = bytes(30)
        sent = base64.b64encode(data).decode()
        assert client.post("img2img", {"init_images": [sent]}, status=500)["detail"] == "Invalid encoded image"

    def test_a_bomb_is_refused_by_its_header(self, client: Client) -> None:
        import base64
        import zlib

        data = bytearray(base64.b64decode(as_png(photo(8, 8))))
        data[16:24] = (16_000).to_bytes(4, "big") * 2
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        refused = client.post("extra-single-image", {"image": base64.b64encode(data).decode()}, status=500)
        assert refused["error"] == "OutOfMemoryError"


class TestExtras:
    @pytest.mark.parametrize(
        ("size", "body", "got"),
        [
            ((51, 35), {"upscaling_resize": 1.5}, (72, 48)),
            ((64, 64), {"upscaling_resize": 2}, (128, 128)),
            ((64, 64), {"upscaling_resize": 0.5}, (32, 32)),
            ((64, 64), {"resize_mode": 1, "upscaling_resize_w": 100, "upscaling_resize_h": 80}, (100, 80)),
            (
                (64, 32),
                {"resize_mode": 1, "upscaling_resize_w": 100, "upscaling_resize_h": 100, "upscaling_crop": False},
                (200, 100),
            ),
        ],
    )
    def test_it_really_resizes(
        self, client: Client, size: tuple[int, int], body: dict[str, Any], got: tuple[int, int]
    ) -> None:
        answer = client.post("extra-single-image", {"image": as_png(photo(*size)), "upscaler_1": "Lanczos", **body})
        assert opened(answer["image"]).size == got

    def test_nearest_repeats_pixels(self, client: Client) -> None:
        sent = photo(32, 32)
        answer = client.post("extra-single-image", {"image": as_png(sent), "upscaler_1": "Nearest"})
        assert opened(answer["image"]).tobytes() == sent.resize((64, 64), Image.Resampling.NEAREST).tobytes()

    @pytest.mark.parametrize("body", [{}, {"upscaler_1": "None", "upscaling_resize": 4}])
    def test_no_upscaler_changes_nothing(self, client: Client, body: dict[str, Any]) -> None:
        sent = photo(200, 200)
        answer = client.post("extra-single-image", {"image": as_png(sent), **body})
        assert opened(answer["image"]).tobytes() == sent.tobytes()

    def test_the_infotext_survives(self, client: Client) -> None:
        made = client.post("txt2img", {"prompt": "a cat", "width": 64, "height": 64, "seed": 7})["images"][0]
        answer = client.post("extra-single-image", {"image": made, "upscaler_1": "SwinIR 4x"})
        info = opened(answer["image"]).info
        assert info["parameters"] == opened(made).info["parameters"]
        assert info["postprocessing"] == "Postprocess upscale by: 2.0, Postprocess upscaler: SwinIR 4x"
        assert client.post("png-info", {"image": answer["image"]})["items"] == {
            "postprocessing": info["postprocessing"]
        }

    @pytest.mark.parametrize("name", ["gfpgan", "codeformer"])
    def test_face_restoration_leaves_a_mark_about_the_face(self, client: Client, name: str) -> None:
        sent = photo(64, 64)
        answer = client.post("extra-single-image", {"image": as_png(sent), f"{name}_visibility": 0.8})
        box = changed(sent, opened(answer["image"]))
        assert box is not None
        assert box[0] > 8 and box[2] < 56 and box[3] < 48
        assert "visibility: 0.8" in answer["html_info"]

    def test_a_size_of_nothing_is_refused(self, client: Client) -> None:
        body = {"image": as_png(photo(8, 8)), "upscaler_1": "Lanczos", "upscaling_resize": 0.1}
        assert client.post("extra-single-image", body, status=500)["error"] == "ValueError"


class TestDetailer:
    def start(self, client: Client) -> str:
        body = {"prompt": "a cat", "width": 256, "height": 256, "seed": 7}
        image: str = client.post("txt2img", body)["images"][0]
        return image

    def run(self, client: Client, sent: str, *args: object, **body: object) -> tuple[Image.Image, dict[str, Any]]:
        base = {"init_images": [sent], "width": 256, "height": 256, "denoising_strength": 0.4, "seed": 7}
        answer = client.post("img2img", {**base, **detailer(*args), **body})
        return opened(answer["images"][0]), json.loads(answer["info"])

    def test_with_img2img_skipped_only_the_face_and_its_tag_change(self, client: Client) -> None:
        sent = self.start(client)
        image, info = self.run(client, sent, True, True, {**FACE, "ad_prompt": "bright eyes"})
        box = changed(opened(sent), image)
        assert box is not None
        where = note_of(opened(sent)).composition.face((256, 256))
        assert box[0] < where[0] < box[2] and box[1] < where[1] < box[3]
        assert box[3] - box[1] < 130 and box[3] < 180
        assert (info["width"], info["height"], info["steps"], info["sampler_name"]) == (128, 128, 1, "Euler")

    def test_two_units_leave_two_marks(self, client: Client) -> None:
        sent = self.start(client)
        one, _ = self.run(client, sent, True, True, FACE)
        two, info = self.run(client, sent, True, True, FACE, {"ad_model": "hand_yolov8n.pt"})
        box = changed(one, two)
        assert box is not None
        assert box[1] > 128
        assert info["extra_generation_params"]["ADetailer model 2nd"] == "hand_yolov8n.pt"

    def test_a_strength_of_0_leaves_the_middle_of_the_face_alone(self, client: Client) -> None:
        sent = self.start(client)
        image, _ = self.run(client, sent, True, True, {**FACE, "ad_denoising_strength": 0})
        x, y, r = note_of(opened(sent)).composition.face((256, 256))
        inner = (int(x - r * 0.6), int(y - r * 0.5), int(x + r * 0.6), int(y + r * 0.5))
        assert changed(opened(sent).crop(inner), image.crop(inner)) is None

    def test_the_mark_follows_the_offset(self, client: Client) -> None:
        sent = self.start(client)
        left, _ = self.run(client, sent, True, True, {**FACE, "ad_x_offset": -60})
        right, _ = self.run(client, sent, True, True, {**FACE, "ad_x_offset": 60})
        a, b = changed(opened(sent), left), changed(opened(sent), right)
        assert a is not None and b is not None
        assert a[0] < b[0]

    @pytest.mark.parametrize("offset", [10**6, -(10**6), 2**62])
    def test_a_region_out_of_the_picture_is_not_touched(self, client: Client, offset: int) -> None:
        sent = self.start(client)
        for unit in ({**FACE, "ad_x_offset": offset}, {**FACE, "ad_y_offset": offset}):
            assert changed(opened(sent), self.run(client, sent, True, True, unit)[0]) is None

    @pytest.mark.parametrize("grow", [10**6, -(10**6), 2**62])
    def test_a_region_may_grow_and_shrink_without_harm(self, client: Client, grow: int) -> None:
        self.run(client, self.start(client), True, True, {**FACE, "ad_dilate_erode": grow})

    @pytest.mark.parametrize(
        "bad",
        [
            {**FACE, "ad_mask_k_largest": 1},
            {**FACE, "ad_confidence": 1.5},
            {**FACE, "ad_prompt": 5},
            {**FACE, "ad_mask_k": True},
            {**FACE, "ad_mask_filter_method": "Size"},
            {**FACE, "ad_prompt": None},
        ],
    )
    def test_with_no_valid_unit_img2img_runs_on_the_whole_picture(self, client: Client, bad: dict[str, Any]) -> None:
        sent = self.start(client)
        image, info = self.run(client, sent, True, True, bad)
        plain, _ = self.run(client, sent, False, False)
        assert image.tobytes() == plain.tobytes()
        assert not any(key.startswith("ADetailer") for key in info["extra_generation_params"])

    def test_a_unit_that_is_off_does_nothing(self, client: Client) -> None:
        sent = self.start(client)
        for unit in ({"ad_model": "None"}, {**FACE, "ad_tab_enable": False}):
            assert "ADetailer model" not in self.run(client, sent, True, True, unit)[1]["extra_generation_params"]

    def test_a_missing_detector_is_named_but_finds_nothing(self, client: Client) -> None:
        sent = self.start(client)
        image, info = self.run(client, sent, True, True, {"ad_model": "nope"})
        assert changed(opened(sent), image) is None
        assert info["extra_generation_params"]["ADetailer model"] == "nope"

    def test_a_value_shows_only_with_its_switch(self, client: Client) -> None:
        sent = self.start(client)
        silent = self.run(client, sent, True, True, {**FACE, "ad_steps": 12})[1]["extra_generation_params"]
        assert "ADetailer steps" not in silent
        spoken = self.run(client, sent, True, True, {**FACE, "ad_steps": 12, "ad_use_steps": True})[1]
        assert spoken["extra_generation_params"]["ADetailer steps"] == 12

    def test_more_than_four_units_are_cut_off(self, client: Client) -> None:
        _, info = self.run(client, self.start(client), True, True, *[FACE] * 6)
        named = [key for key in info["extra_generation_params"] if key.startswith("ADetailer model")]
        assert named == ["ADetailer model", "ADetailer model 2nd", "ADetailer model 3rd", "ADetailer model 4th"]

    def test_several_pictures_give_the_first_one_each_time(self, client: Client) -> None:
        red, blue = as_png(Image.new("RGB", (64, 64), "red")), as_png(Image.new("RGB", (64, 64), "blue"))
        images, _ = client.make("img2img", init_images=[red, blue], batch_size=2, **detailer(True, True, FACE))
        assert [image.getpixel((0, 0)) for image in images] == [(255, 0, 0)] * 2

    def test_the_size_is_the_input_s_own(self, client: Client) -> None:
        sent = as_png(photo(72, 40))
        images, _ = client.make("img2img", init_images=[sent], width=64, height=64, **detailer(True, True, FACE))
        assert images[0].size == (72, 40)


class TestCaptions:
    def chain(self, client: Client) -> list[Image.Image]:
        """txt2img, img2img, upscale, adetailer, each on what the one before made."""
        made = client.post("txt2img", {"prompt": "a cat", "width": 256, "height": 384, "seed": 7})["images"]
        size = {"width": 256, "height": 384, "seed": 8}
        made.append(client.post("img2img", {"init_images": [made[0]], "prompt": "a dog", **size})["images"][0])
        made.append(client.post("extra-single-image", {"image": made[1], "upscaler_1": "Lanczos"})["image"])
        last = {"init_images": [made[2]], "seed": 9, **detailer(True, True, FACE)}
        made.append(client.post("img2img", last)["images"][0])
        return [opened(text) for text in made]

    def test_every_stage_adds_one_line(self, client: Client) -> None:
        logs = [note_of(image).log for image in self.chain(client)]
        assert [len(log) for log in logs] == [1, 2, 3, 4]
        assert [line.split(" ")[0] for line in logs[3]] == ["txt2img", "img2img", "upscale", "adetailer"]
        assert all(longer[: len(log)] == log for log, longer in pairwise(logs))

    def test_a_caption_always_covers_the_one_before(self, client: Client) -> None:
        covered = [note_of(image).covered for image in self.chain(client)]
        assert covered == sorted(covered)
        assert 0 < covered[0] < covered[2] < 0.5

    def test_the_caption_says_that_this_is_a_preview(self) -> None:
        assert TITLE == "PREVIEW - not a real model"

    @pytest.mark.parametrize("side", [8, 64, 95])
    def test_a_tiny_picture_has_no_caption(self, client: Client, side: int) -> None:
        image = client.make("txt2img", width=side, height=side)[0][0]
        assert note_of(image).covered == 0

    @pytest.mark.parametrize(
        ("size", "share"), [((96, 96), 0.4), ((512, 512), 0.3), ((512, 768), 0.2), ((1024, 512), 0.3)]
    )
    def test_the_caption_leaves_most_of_the_picture_free(self, size: tuple[int, int], share: float) -> None:
        image = Image.new("RGB", size)
        note = Note(prompt="a cat " * 4, negative="rain").with_line("txt2img " + "word " * 10)
        assert 0 < draw_caption(image, note, (255, 0, 0)).covered < share

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("Größe", "Grosse"),
            ("a\n\tb\x00c", "a b c"),
            ("猫 — \N{RIGHT SINGLE QUOTATION MARK}s", "? - 's"),
            ("7 · 20…", "7 · 20..."),
            ("", ""),
        ],
    )
    def test_a_caption_uses_only_characters_that_its_font_has(self, text: str, shown: str) -> None:
        assert plain(text) == shown

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(1, 700),
        st.integers(1, 700),
        st.text(max_size=300),
        st.text(max_size=80),
        st.lists(st.text(max_size=200), max_size=40),
        st.floats(0, 1),
    )
    def test_any_text_fits_on_any_picture(
        self, width: int, height: int, prompt: str, negative: str, lines: list[str], covered: float
    ) -> None:
        note = Note(covered=covered).with_prompts(prompt, negative)
        for line in lines:
            note = note.with_line(line)
        drawn = draw_caption(Image.new("RGB", (width, height)), note, (255, 0, 0))
        assert drawn.covered <= 1
        assert drawn.covered >= covered or min(width, height) < 96

    @given(st.text(max_size=50), st.lists(st.text(max_size=50), max_size=5), st.floats(0, 1))
    def test_a_note_is_read_as_it_was_written(self, prompt: str, lines: list[str], covered: float) -> None:
        note = Note(prompt=prompt, log=tuple(lines), covered=covered)
        assert read_note(write_note(note)) == note

    @given(
        st.text(max_size=50)
        | st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["prompt", "negative", "log", "covered", "face"]), inner)
            ),
            max_leaves=8,
        ).map(json.dumps)
    )
    def test_any_other_text_is_no_note_and_no_error(self, text: str) -> None:
        note = read_note(text)
        assert note is None or 0 <= note.covered <= 1

    def test_a_note_without_end_is_no_note(self) -> None:
        assert read_note("[" * 100_000) is None
        assert read_note(write_note(Note(log=("x" * 200_000,)))) is None
