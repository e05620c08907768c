"""The double of ComfyUI: what its graphs make, to the pixel, and what becomes of jobs."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from engine.preview import Fault, PreviewServer
from engine.preview.comfyui.catalog import factor_of
from engine.preview.form import read_form
from engine.preview.notes import read_note
from engine.preview.websocket import Channel
from tests.preview.comfyui import Comfy, opened, png
from tests.preview.conftest import Client, photo
from tests.preview.conftest import as_png as as_text

Graph = dict[str, Any]


AREA = {"upscale_method": "area"}


def accept(name: str, body: object) -> list[str]:
    return []


@pytest.fixture(scope="module")
def comfy() -> Iterator[Comfy]:
    with PreviewServer(protocol="comfyui", check=accept, missing=["lost.safetensors"]) as server:
        yield Comfy(server)


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def sampling(latent: list[Any], **changes: Any) -> dict[str, Any]:
    usual = {
        "seed": 7,
        "steps": 20,
        "cfg": 7.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
        "model": ["model", 0],
        "positive": ["good", 0],
        "negative": ["bad", 0],
        "latent_image": latent,
    }
    return node("KSampler", **{**usual, **changes})


def base(**more: dict[str, Any]) -> Graph:
    """Models and prompts, and a result that takes what is called "image"."""
    return {
        "model": node("CheckpointLoaderSimple", ckpt_name="preview-sd15.safetensors"),
        "good": node("CLIPTextEncode", text="a cat", clip=["model", 1]),
        "bad": node("CLIPTextEncode", text="", clip=["model", 1]),
        **more,
        "save": node("SaveImage", filename_prefix="made", images=["image", 0]),
    }


def txt2img(width: int = 64, height: int = 64, count: int = 1, **changes: Any) -> Graph:
    return base(
        canvas=node("EmptyLatentImage", width=width, height=height, batch_size=count),
        sampler=sampling(["canvas", 0], **changes),
        image=node("VAEDecode", samples=["sampler", 0], vae=["model", 2]),
    )


def img2img(name: str, **changes: Any) -> Graph:
    return base(
        load=node("LoadImage", image=name),
        encode=node("VAEEncode", pixels=["load", 0], vae=["model", 2]),
        sampler=sampling(["encode", 0], **{"denoise": 0.5, **changes}),
        image=node("VAEDecode", samples=["sampler", 0], vae=["model", 2]),
    )


def changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox()


def words_of(image: Image.Image) -> str:
    note = read_note(image.info["stage-engine-preview"])
    assert note is not None
    return " | ".join(note.log)


class TestPictures:
    def test_a_picture_looks_as_it_does_on_other_servers(self, comfy: Comfy) -> None:
        """The same prompt, seed and model: nothing but the caption differs."""
        (ours,) = comfy.make(txt2img(256, 256))
        with PreviewServer(check=accept) as server:
            theirs = Client(server.url).make("txt2img", prompt="a cat", width=256, height=256, seed=7, cfg_scale=7)[0][
                0
            ]
        assert changed(ours.crop((0, 0, 256, 140)), theirs.crop((0, 0, 256, 140))) is None

    def test_the_picture_carries_its_graph(self, comfy: Comfy) -> None:
        graph = txt2img(seed=31)
        (image,) = comfy.make(graph)
        assert json.loads(image.info["prompt"]) == graph

    @pytest.mark.parametrize(
        "change", [{"seed": 8}, {"steps": 4}, {"cfg": 3.0}, {"latent_image": ["canvas", 0], "denoise": 0.5, "seed": 9}]
    )
    def test_every_setting_can_be_seen(self, comfy: Comfy, change: dict[str, Any]) -> None:
        assert changed(comfy.make(txt2img())[0], comfy.make(txt2img(**change))[0]) is not None

    def test_members_of_a_batch_are_not_those_of_the_next_seeds(self, comfy: Comfy) -> None:
        images = comfy.make(txt2img(count=2))
        assert len(images) == 2
        assert changed(images[0], comfy.make(txt2img(seed=7))[0]) is None
        assert changed(images[1], comfy.make(txt2img(seed=8))[0]) is not None

    @pytest.mark.parametrize(
        ("enlarge", "size"),
        [
            (node("LatentUpscaleBy", samples=["sampler", 0], upscale_method="bislerp", scale_by=1.5), (96, 144)),
            (node("LatentUpscaleBy", samples=["sampler", 0], upscale_method="bislerp", scale_by=1.45), (96, 136)),
            (
                node(
                    "LatentUpscale", samples=["sampler", 0], upscale_method="area", width=100, height=204, crop="center"
                ),
                (96, 200),
            ),
            (
                node(
                    "LatentUpscale", samples=["sampler", 0], upscale_method="area", width=128, height=0, crop="disabled"
                ),
                (128, 192),
            ),
        ],
    )
    def test_latents_grow_in_eighths(self, comfy: Comfy, enlarge: dict[str, Any], size: tuple[int, int]) -> None:
        graph = txt2img(64, 96)
        graph["enlarge"] = enlarge
        graph["again"] = sampling(["enlarge", 0], denoise=0.5)
        graph["image"]["inputs"]["samples"] = ["again", 0]
        (image,) = comfy.make(graph)
        assert image.size == size
        assert f"hires denoise 0.5, {size[0]}x{size[1]}" in words_of(image)

    @pytest.mark.parametrize(
        ("scale", "size"),
        [
            (
                node("ImageScale", image=["load", 0], **AREA, width=101, height=77, crop="center"),
                (101, 77),
            ),
            (
                node("ImageScale", image=["load", 0], **AREA, width=100, height=0, crop="disabled"),
                (100, 69),
            ),
            (
                node("ImageScale", image=["load", 0], **AREA, width=0, height=0, crop="disabled"),
                (51, 35),
            ),
            (node("ImageScaleBy", image=["load", 0], upscale_method="bicubic", scale_by=1.5), (76, 52)),
            (node("ImageUpscaleWithModel", image=["load", 0], upscale_model=["up", 0]), (204, 140)),
        ],
    )
    def test_pictures_grow_to_the_pixel(self, comfy: Comfy, scale: dict[str, Any], size: tuple[int, int]) -> None:
        comfy.upload("odd.png", png(51, 35), overwrite="true")
        graph = {
            "load": node("LoadImage", image="odd.png"),
            "up": node("UpscaleModelLoader", model_name="4x-UltraSharp.pth"),
            "image": scale,
            "save": node("SaveImage", filename_prefix="scaled", images=["image", 0]),
        }
        assert comfy.make(graph)[0].size == size

    def test_a_picture_that_has_the_size_already_is_left_alone(self, comfy: Comfy) -> None:
        (first,) = comfy.make(txt2img(256, 256))
        comfy.upload("same.png", as_bytes(first), overwrite="true")
        graph = {
            "load": node("LoadImage", image="same.png"),
            "image": node("ImageScale", image=["load", 0], **AREA, width=256, height=256, crop="disabled"),
            "save": node("SaveImage", filename_prefix="same", images=["image", 0]),
        }
        (image,) = comfy.make(graph)
        assert changed(first, image) is None
        assert words_of(image) == words_of(first)

    def test_a_vae_cuts_to_a_multiple_of_8(self, comfy: Comfy) -> None:
        comfy.upload("seventy.png", png(70, 84), overwrite="true")
        assert comfy.make(img2img("seventy.png"))[0].size == (64, 80)

    @pytest.mark.parametrize(
        ("name", "factor"),
        [("4x-UltraSharp", 4), ("RealESRGAN_x2plus", 2), ("2xNomos", 2), ("8x_NMKD", 8), ("x1_ITF", 1), ("SwinIR", 4)],
    )
    def test_the_name_of_a_network_says_by_how_much_it_enlarges(self, name: str, factor: int) -> None:
        assert factor_of(name) == factor

    def test_strength_1_keeps_nothing_and_less_keeps_some(self, comfy: Comfy) -> None:
        comfy.upload("in.png", png(64, 64), overwrite="true")
        whole, some = comfy.make(img2img("in.png", denoise=1.0))[0], comfy.make(img2img("in.png", denoise=0.2))[0]
        assert changed(photo(64, 64), whole) is not None
        assert distance(photo(64, 64), some) < distance(photo(64, 64), whole)

    def test_a_mask_keeps_what_is_outside_it(self, comfy: Comfy) -> None:
        mask = Image.new("L", (256, 256), 0)
        mask.paste(255, (40, 60, 120, 200))
        comfy.upload("room.png", png(256, 256), overwrite="true")
        comfy.upload("mask.png", as_bytes(mask.convert("RGB")), overwrite="true")
        graph = img2img("room.png", latent_image=["masked", 0], denoise=0.9)
        graph["mask"] = node("LoadImageMask", image="mask.png", channel="red")
        graph["masked"] = node("SetLatentNoiseMask", samples=["encode", 0], mask=["mask", 0])
        (image,) = comfy.make(graph)
        assert changed(photo(256, 256), image) == (40, 60, 120, 200)
        assert "inpaint denoise 0.9" in words_of(image)

    def test_a_hand_over_shows_beyond_its_step(self, comfy: Comfy) -> None:
        plain = txt2img(256, 256)
        graph = txt2img(256, 256)
        advanced = {k: v for k, v in graph["sampler"]["inputs"].items() if k not in ("seed", "denoise")}
        first = {"noise_seed": 7, "add_noise": "enable", "start_at_step": 0, "end_at_step": 10}
        rest = {"noise_seed": 7, "add_noise": "disable", "start_at_step": 10, "end_at_step": 10000}
        graph["sampler"] = node("KSamplerAdvanced", **{**advanced, **first, "return_with_leftover_noise": "enable"})
        graph["other"] = node("CheckpointLoaderSimple", ckpt_name="preview-refiner.safetensors")
        more = {**rest, "model": ["other", 0], "latent_image": ["sampler", 0], "return_with_leftover_noise": "disable"}
        graph["refiner"] = node("KSamplerAdvanced", **{**advanced, **more})
        graph["image"]["inputs"]["samples"] = ["refiner", 0]
        (refined,) = comfy.make(graph)
        box = changed(comfy.make(plain)[0].crop((0, 0, 256, 130)), refined.crop((0, 0, 256, 130)))
        assert box is not None
        assert 90 < box[0] < 150
        assert "refiner preview-refiner from 0.5" in words_of(refined)

    def test_what_was_left_unfinished_says_so(self, comfy: Comfy) -> None:
        graph = txt2img(256, 256)
        inputs = {k: v for k, v in graph["sampler"]["inputs"].items() if k not in ("seed", "denoise")}
        more = {"noise_seed": 7, "add_noise": "enable", "start_at_step": 0, "end_at_step": 10}
        graph["sampler"] = node("KSamplerAdvanced", **inputs, **more, return_with_leftover_noise="enable")
        assert "left unfinished at step 10 of 20" in words_of(comfy.make(graph)[0])

    def test_details_are_touched_and_the_size_stays(self, comfy: Comfy) -> None:
        (first,) = comfy.make(txt2img(256, 320, seed=12))
        comfy.upload("portrait.png", as_bytes(first), overwrite="true")
        classes = comfy.get("/object_info/FaceDetailer").json()["FaceDetailer"]["input"]["required"]
        usual = {k: v[1]["default"] for k, v in classes.items() if len(v) > 1 and "default" in v[1]}
        choices = {k: v[0][0] for k, v in classes.items() if isinstance(v[0], list) and v[0]}
        links = {"image": ["load", 0], "model": ["model", 0], "clip": ["model", 1], "vae": ["model", 2]}
        links |= {"positive": ["good", 0], "negative": ["bad", 0], "bbox_detector": ["detector", 0]}
        graph = base(
            load=node("LoadImage", image="portrait.png"),
            detector=node("UltralyticsDetectorProvider", model_name="bbox/face_yolov8n.pt"),
            image=node("FaceDetailer", **{**choices, **usual, **links, "wildcard": ""}),
        )
        (image,) = comfy.make(graph)
        assert image.size == first.size
        box = changed(first, image)
        assert box is not None
        assert box[3] < 300
        assert "adetailer 1 face_yolov8n.pt" in words_of(image)

    def test_loras_are_told(self, comfy: Comfy) -> None:
        graph = txt2img(256, 256, model=["lora", 0])
        strengths = {"strength_model": 0.8, "strength_clip": 0.8}
        graph["lora"] = node(
            "LoraLoader", model=["model", 0], clip=["model", 1], lora_name="ink.safetensors", **strengths
        )
        assert "LoRA ink 0.8" in words_of(comfy.make(graph)[0])


def distance(first: Image.Image, second: Image.Image) -> int:
    histogram = ImageChops.difference(first.convert("RGB"), second.convert("RGB")).convert("L").histogram()
    return sum(level * count for level, count in enumerate(histogram))


def as_bytes(image: Image.Image) -> bytes:
    import base64

    from PIL import PngImagePlugin

    note = image.info.get("stage-engine-preview")
    if note is None:
        return base64.b64decode(as_text(image))
    import io

    chunks, file = PngImagePlugin.PngInfo(), io.BytesIO()
    chunks.add_text("stage-engine-preview", note)
    image.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


class TestFiles:
    def test_a_taken_name_is_changed_unless_it_is_the_same_picture(self, comfy: Comfy) -> None:
        first, other = png(16, 16), png(24, 24)
        assert comfy.upload("my cat.png", first).json() == {"name": "my cat.png", "subfolder": "", "type": "input"}
        assert comfy.upload("my cat.png", other).json()["name"] == "my cat (1).png"
        assert comfy.upload("my cat.png", first).json()["name"] == "my cat.png"
        assert comfy.upload("my cat.png", other).json()["name"] == "my cat (1).png"
        assert comfy.upload("my cat.png", other, overwrite="true").json()["name"] == "my cat.png"
        assert opened(comfy.get("/view", filename="my cat.png", type="input").content).size == (24, 24)

    def test_a_subfolder_is_part_of_the_name(self, comfy: Comfy) -> None:
        answer = comfy.upload("a.png", png(16, 16), subfolder="sub/x").json()
        assert answer == {"name": "a.png", "subfolder": "sub/x", "type": "input"}
        graph = {
            "image": node("LoadImage", image="sub/x/a.png"),
            "save": node("SaveImage", filename_prefix="deep/er/b", images=["image", 0]),
        }
        entry = comfy.wait(comfy.submit(graph))
        assert entry["outputs"]["save"]["images"] == [
            {"filename": "b_00001_.png", "subfolder": "deep/er", "type": "output"}
        ]

    @pytest.mark.parametrize("fields", [{"subfolder": "../up"}, {"subfolder": "/etc"}, {"subfolder": "a/../../b"}])
    def test_uploads_stay_inside(self, comfy: Comfy, fields: dict[str, str]) -> None:
        assert comfy.upload("x.png", png(8, 8), **fields).status_code == 400

    def test_an_upload_without_a_picture_is_refused(self, comfy: Comfy) -> None:
        assert requests.post(f"{comfy.url}/upload/image", data={"type": "input"}, timeout=10).status_code == 400
        assert comfy.post("/upload/image", {}).status_code == 400

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({"filename": "no.png"}, 404),
            ({"filename": "../x.png"}, 400),
            ({"filename": "/etc/passwd"}, 400),
            ({"filename": "a.png", "type": "nowhere"}, 400),
            ({"filename": "a.png", "subfolder": "../.."}, 403),
            ({}, 404),
        ],
    )
    def test_views_stay_inside(self, comfy: Comfy, query: dict[str, str], status: int) -> None:
        answer = comfy.get("/view", **query)
        assert (answer.status_code, answer.content) == (status, b"")

    def test_a_result_may_not_leave_its_folder(self, comfy: Comfy) -> None:
        graph = txt2img(seed=44)
        graph["save"]["inputs"]["filename_prefix"] = "../evil"
        entry = comfy.wait(comfy.submit(graph))
        assert entry["status"]["messages"][-1][1]["node_id"] == "save"
        assert "outside the output folder" in entry["status"]["messages"][-1][1]["exception_message"]

    def test_an_upload_comes_back_byte_for_byte(self, comfy: Comfy) -> None:
        data = b"\r\n--x\r\n\r\n" + bytes(range(256)) + b" \r\n--x--\r\n "
        assert comfy.upload("odd bytes.png", data, overwrite="true").status_code == 200
        assert comfy.get("/view", filename="odd bytes.png", type="input").content == data

    @given(st.binary(max_size=300), st.text(max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_no_bytes_break_the_reader_of_forms(self, raw: bytes, boundary: str) -> None:
        read_form(raw, f"multipart/form-data; boundary={boundary}")
        read_form(b"--b\r\n" + raw + b"\r\n--b--", "multipart/form-data; boundary=b")


class TestJobs:
    def test_the_same_graph_again_gives_the_old_file_and_the_cache_says_so(self, comfy: Comfy) -> None:
        graph = txt2img(seed=90)
        first, second = comfy.wait(comfy.submit(graph)), comfy.wait(comfy.submit(graph))
        assert first["outputs"] == second["outputs"]
        cached = dict(map(tuple, second["status"]["messages"]))["execution_cached"]["nodes"]
        assert set(cached) == set(graph)
        # Under other names, and with another prefix: only the saving node runs again.
        renamed = json.loads(json.dumps(graph).replace('"canvas"', '"paper"'))
        renamed["save"]["inputs"]["filename_prefix"] = "other"
        third = comfy.wait(comfy.submit(renamed))
        assert third["outputs"]["save"]["images"][0]["filename"] == "other_00001_.png"
        assert set(dict(map(tuple, third["status"]["messages"]))["execution_cached"]["nodes"]) == set(renamed) - {
            "save"
        }

    def test_a_failed_job_may_list_cached_results(self, comfy: Comfy) -> None:
        comfy.upload("broken.png", b"not a picture", overwrite="true")
        graph = txt2img(seed=91)
        first = comfy.wait(comfy.submit(graph))
        graph["bad_load"] = node("LoadImage", image="broken.png")
        graph["bad_save"] = node("SaveImage", filename_prefix="z", images=["bad_load", 0])
        second = comfy.wait(comfy.submit(graph))
        assert second["status"]["status_str"] == "error"
        assert second["outputs"] == first["outputs"]

    def test_a_clients_own_id_is_kept_and_reusing_it_overwrites(self, comfy: Comfy) -> None:
        assert comfy.submit(txt2img(seed=1), prompt_id="mine") == "mine"
        first = comfy.wait("mine")
        comfy.submit(txt2img(seed=2), prompt_id="mine")
        for _ in range(200):
            second = comfy.get("/history/mine").json()["mine"]
            if second["outputs"] != first["outputs"]:
                return
            time.sleep(0.02)
        raise AssertionError("the second job never took the first one's place")

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"seed": -1}, "value_smaller_than_min"),
            ({"steps": True}, "invalid_input_type"),
            ({"steps": 2.5}, "invalid_input_type"),
            ({"cfg": "7"}, "invalid_input_type"),
            ({"sampler_name": "Euler a"}, "value_not_in_list"),
            ({"surprise": 1}, "unknown_input"),
            ({"model": ["nowhere", 0]}, "exception_during_inner_validation"),
        ],
    )
    def test_what_the_description_does_not_allow_is_refused(
        self, comfy: Comfy, change: dict[str, Any], kind: str
    ) -> None:
        answer = comfy.post("/prompt", {"prompt": txt2img(**change)})
        assert answer.status_code == 400
        assert kind in [e["type"] for entry in answer.json()["node_errors"].values() for e in entry["errors"]]

    def test_a_model_that_is_lacking_is_refused_and_any_other_is_there(self, comfy: Comfy) -> None:
        graph = txt2img()
        graph["model"]["inputs"]["ckpt_name"] = "lost.safetensors"
        answer = comfy.post("/prompt", {"prompt": graph})
        assert answer.json()["node_errors"]["model"]["errors"][0]["type"] == "value_not_in_list"
        graph["model"]["inputs"]["ckpt_name"] = "sub/my own model.safetensors"
        assert "my own model" in words_of(comfy.make(txt2img(256, 256) | {"model": graph["model"]})[0])

    def test_a_picture_that_is_too_large_is_a_full_card(self, comfy: Comfy) -> None:
        entry = comfy.wait(comfy.submit(txt2img(16384, 16384)))
        assert entry["status"]["messages"][-1][1]["exception_type"] == "torch.OutOfMemoryError"

    def test_another_sites_page_is_refused(self, comfy: Comfy) -> None:
        headers = {"Origin": "http://evil.example"}
        assert requests.get(f"{comfy.url}/queue", headers=headers, timeout=10).status_code == 403
        own = {"Origin": comfy.url}
        assert requests.get(f"{comfy.url}/queue", headers=own, timeout=10).status_code == 200

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6), st.lists, max_leaves=5))
    @settings(max_examples=40, deadline=None)
    def test_no_value_breaks_the_server(self, value: Any) -> None:
        for graph in (value, {"a": value}, {"a": node("SaveImage", images=value, filename_prefix=value)}):
            answer = COMFY.post("/prompt", {"prompt": graph})
            assert answer.status_code in (400, 500)
            assert answer.status_code == 400 or answer.text.startswith("500 Internal")


COMFY: Comfy


@pytest.fixture(autouse=True)
def _shared(comfy: Comfy) -> None:
    global COMFY
    COMFY = comfy


def slow(delay: float = 30.0, faults: tuple[Fault, ...] = ()) -> PreviewServer:
    return PreviewServer(protocol="comfyui", check=accept, delay=delay, faults=faults)


def wait_until_running(comfy: Comfy, job: str) -> None:
    for _ in range(400):
        if [entry[1] for entry in comfy.get("/queue").json()["queue_running"]] == [job]:
            return
        time.sleep(0.01)
    raise AssertionError("the job does not run")


class TestCancel:
    def test_pending_jobs_are_deleted_and_running_ones_interrupted(self) -> None:
        with slow() as server:
            comfy = Comfy(server)
            first, second = comfy.submit(txt2img()), comfy.submit(txt2img(seed=2))
            wait_until_running(comfy, first)
            assert comfy.get("/prompt").json() == {"exec_info": {"queue_remaining": 2}}
            # An interrupt of a job that still waits is ignored; so is one of a job that nobody knows.
            for name in (second, "nobody"):
                assert comfy.post("/interrupt", {"prompt_id": name}).status_code == 200
            time.sleep(0.2)
            assert len(comfy.get("/queue").json()["queue_pending"]) == 1
            wait_until_running(comfy, first)
            assert comfy.post("/queue", {"delete": [second]}).status_code == 200
            assert comfy.get("/queue").json()["queue_pending"] == []
            assert comfy.get(f"/history/{first}").json() == {}
            comfy.post("/interrupt", {"prompt_id": first})
            entry = comfy.wait(first)
            assert (entry["status"]["status_str"], entry["outputs"]) == ("error", {})
            assert entry["status"]["messages"][-1][0] == "execution_interrupted"
            assert comfy.get(f"/history/{second}").json() == {}

    def test_after_a_restart_nobody_knows_any_job(self) -> None:
        with slow() as server:
            comfy = Comfy(server)
            job = comfy.submit(txt2img())
            wait_until_running(comfy, job)
            server.restart()
            time.sleep(0.2)
            assert comfy.get("/queue").json() == {"queue_running": [], "queue_pending": []}
            assert comfy.get(f"/history/{job}").json() == {}

    def test_a_job_that_runs_does_not_hold_up_the_end(self) -> None:
        before = set(threading.enumerate())
        with slow(60) as server:
            comfy = Comfy(server)
            wait_until_running(comfy, comfy.submit(txt2img()))
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert set(threading.enumerate()) == before


class TestFaults:
    def test_each_kind_of_failure_is_the_servers_own(self) -> None:
        faults = (
            Fault(1, "status", 500),
            Fault(2, "status", 429),
            Fault(3, "oom"),
            Fault(4, "drop"),
            Fault(5, "lost"),
            Fault("upscale", "status", 503),
        )
        with slow(0, faults) as server:
            comfy = Comfy(server)
            first = comfy.post("/prompt", {"prompt": txt2img()})
            assert (first.status_code, first.text.split("\n")[0]) == (500, "500 Internal Server Error")
            assert comfy.post("/prompt", {"prompt": txt2img()}).status_code == 429
            entry = comfy.wait(comfy.submit(txt2img()))
            assert entry["status"]["messages"][-1][1]["exception_type"] == "torch.OutOfMemoryError"
            assert entry["status"]["messages"][-1][1]["node_id"] == "sampler"
            with pytest.raises(requests.ConnectionError):
                comfy.post("/prompt", {"prompt": txt2img(), "prompt_id": "cut"})
            # Its answer was lost, the job was not: a client that named it can find it.
            assert comfy.wait("cut")["status"]["status_str"] == "success"
            lost = comfy.submit(txt2img(seed=5))
            for _ in range(300):
                if comfy.get("/queue").json() == {"queue_running": [], "queue_pending": []}:
                    break
                time.sleep(0.01)
            assert comfy.get(f"/history/{lost}").json() == {}
            comfy.upload("in.png", png(16, 16))
            graph = {
                "load": node("LoadImage", image="in.png"),
                "image": node("ImageScaleBy", image=["load", 0], upscale_method="area", scale_by=2.0),
                "save": node("SaveImage", filename_prefix="up", images=["image", 0]),
            }
            assert comfy.post("/prompt", {"prompt": graph}).status_code == 503


class TestSockets:
    def test_previews_and_progress_reach_the_client_whose_job_it_is(self, comfy: Comfy) -> None:
        with comfy.listen("me") as mine, comfy.listen("you") as other:
            assert mine.message()["data"]["sid"] == "me"
            comfy.wait(comfy.submit(txt2img(seed=61), client_id="me"))
            told = mine.until_done()
            pictures = [message["data"] for message in told if message.get("code") == 2]
            assert pictures
            assert pictures[0][:8] == b"\0\0\0\1\0\0\0\1"
            assert opened(pictures[-1][8:]).format == "JPEG"
            steps = [m["data"]["value"] for m in told if m.get("type") == "progress"]
            assert steps == list(range(1, 21))
            comfy.wait(comfy.submit(txt2img(seed=62), client_id="you"))
            theirs = [message.get("type") for message in other.until_done()]
            assert theirs.count("execution_success") == 1

    def test_a_client_that_knows_metadata_gets_it(self, comfy: Comfy) -> None:
        with comfy.listen("modern") as heard:
            heard.send(1, json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}).encode())
            assert [heard.message()["type"] for _ in range(2)] == ["status", "feature_flags"]
            job = comfy.submit(txt2img(seed=63), client_id="modern")
            picture = next(m["data"] for m in heard.until_done() if m.get("code") == 2)
            assert picture[:4] == b"\0\0\0\4"
            length = int.from_bytes(picture[4:8], "big")
            assert json.loads(picture[8 : 8 + length])["prompt_id"] == job
            assert opened(picture[8 + length :]).format == "JPEG"

    def test_a_job_without_a_client_tells_everybody_how_far_it_is_and_no_more(self, comfy: Comfy) -> None:
        with comfy.listen("bystander") as heard:
            job = comfy.submit(txt2img(seed=64))
            comfy.wait(job)
            comfy.submit(txt2img(seed=65), client_id="bystander")
            told = [message for message in heard.until_done() if "type" in message]
            theirs = {message["type"] for message in told if message["data"].get("prompt_id") == job}
            assert theirs == {"progress_state", "progress"}
            assert [message["type"] for message in told].count("execution_start") == 1

    def test_closing_the_first_of_two_sockets_deafens_the_second(self, comfy: Comfy) -> None:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(comfy.listen("twin"))
            assert first.message()["type"] == "status"
            second = stack.enter_context(comfy.listen("twin"))
            assert second.message()["data"]["sid"] == "twin"
            first.send(8, b"\x03\xe8")
            while first.frame() is not None:
                pass
            time.sleep(0.1)
            comfy.wait(comfy.submit(txt2img(seed=66), client_id="twin"))
            second.send(9, b"hello")
            frames = [second.frame()]
            while frames[-1] is not None and frames[-1][0] != 10:
                frames.append(second.frame())
            assert frames[-1] == (10, b"hello")
            assert not any(frame is not None and b"execution_success" in frame[1] for frame in frames)

    def test_a_message_that_is_not_masked_ends_the_conversation(self, comfy: Comfy) -> None:
        with comfy.listen("bare") as heard:
            assert heard.message()["type"] == "status"
            heard.send(1, b"x" * 4, masked=False)
            assert heard.frame() == (8, (1002).to_bytes(2, "big"))

    def test_a_message_without_end_ends_the_conversation(self, comfy: Comfy) -> None:
        with comfy.listen("flood") as heard:
            assert heard.message()["type"] == "status"
            # Its length is refused before any of it is read.
            heard.send_head(1, 2 * 1024 * 1024)
            assert heard.frame() == (8, (1009).to_bytes(2, "big"))

    def test_a_text_in_pieces_is_one_message(self, comfy: Comfy) -> None:
        with comfy.listen("pieces") as heard:
            whole = json.dumps({"type": "feature_flags", "data": {}}).encode()
            heard.send(1, whole[:5], final=False)
            heard.send(9, b"")
            heard.send(0, whole[5:])
            kinds: list[object] = []
            while "feature_flags" not in kinds:
                message = heard.message()
                kinds.append(message.get("type", message.get("code")))
            assert 10 in kinds

    def test_a_client_that_reads_nothing_holds_up_nobody_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("engine.preview.websocket._PATIENCE", 0.2)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            channel = Channel(ours)
            began = time.monotonic()
            channel.send_binary(bytes(16 * 1024 * 1024))
            channel.send_text("nobody waits for this")
            assert time.monotonic() - began < 5

    def test_what_is_no_handshake_is_no_page(self, comfy: Comfy) -> None:
        assert comfy.get("/ws").status_code == 404
