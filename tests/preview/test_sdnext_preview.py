"""SD.Next's ways, seen in pictures: what enlarges, what is left out without a word, what a format keeps."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image, ImageChops

from engine.preview import Fault, PreviewServer
from engine.preview.notes import Note, read_note, write_note
from engine.preview.pixels import decode
from engine.preview.sdnext.limits import RateLimit
from tests.preview.conftest import as_png, opened, photo

Body = dict[str, Any]


def accept(name: str, body: object) -> list[str]:
    return []


def serve(**settings: Any) -> PreviewServer:
    return PreviewServer(protocol="sdapi-sdnext", check=accept, **settings)


@pytest.fixture(scope="module")
def server() -> Iterator[PreviewServer]:
    with serve(missing=["lost"]) as running:
        # Many requests in one minute: here the limit is off.
        requests.post(f"{running.url}/sdapi/v1/options", json={"server_rate_limit": 0}, timeout=10)
        yield running


def post(server: PreviewServer, path: str, body: Body, status: int = 200) -> Any:
    answer = requests.post(f"{server.url}/sdapi/v1/{path}", json=body, timeout=60)
    assert answer.status_code == status, answer.text[:400]
    return answer.json() if answer.content else None


def make(server: PreviewServer, path: str = "txt2img", **body: Any) -> tuple[list[Image.Image], str]:
    usual = {"prompt": "a cat", "width": 64, "height": 64, "steps": 20, "seed": 7, "sampler_name": "Euler"}
    answer = post(server, path, {**usual, **body})
    return [opened(text) for text in answer["images"]], "\n".join(json.loads(answer["info"])["infotexts"])


def note_of(server: PreviewServer, **body: Any) -> str:
    usual = {"prompt": "a cat", "width": 64, "height": 64, "steps": 20, "seed": 7, "sampler_name": "Euler"}
    note = decode(post(server, "txt2img", {**usual, **body})["images"][0]).note
    assert note is not None
    return " | ".join(note.log)


HIRES = {"enable_hr": True, "hr_scale": 2.0, "hr_resize_mode": 1, "hr_upscaler": "Latent Bilinear"}


@pytest.mark.parametrize(
    ("body", "size", "operations"),
    [
        ({**HIRES, "hr_denoising_strength": 0.5}, (128, 128), "upscale; hires; txt2img"),
        ({**HIRES, "hr_upscaler": "Resize Lanczos"}, (128, 128), "upscale; txt2img"),
        ({**HIRES, "hr_upscaler": "Resize Lanczos", "hr_force": True}, (128, 128), "upscale; hires; txt2img"),
        ({**HIRES, "hr_upscaler": "Latent", "hr_force": True}, (64, 64), "upscale; hires; txt2img"),
        ({"enable_hr": True, "hr_scale": 2.0, "hr_upscaler": "Latent", "denoising_strength": 0.5}, (64, 64), "hires; "),
        ({**HIRES, "hr_resize_x": 96, "hr_resize_y": 128}, (96, 128), "upscale; hires; txt2img"),
        ({**HIRES, "enable_hr": False}, (64, 64), "txt2img"),
    ],
)
def test_what_enlarges_and_what_only_says_so(
    server: PreviewServer, body: Body, size: tuple[int, int], operations: str
) -> None:
    (image,), text = make(server, **body)
    assert image.size == size
    assert f"Operations: {operations}" in text


def test_what_relatives_call_a_refiner_is_left_out_without_a_word(server: PreviewServer) -> None:
    plain, _ = make(server)
    other, text = make(server, refiner_checkpoint="preview-refiner", refiner_switch_at=0.5)
    assert plain[0].tobytes() == other[0].tobytes()
    assert "Refiner" not in text


def test_the_refiner_needs_all_it_needs(server: PreviewServer) -> None:
    whole = {
        "enable_hr": True,
        "refiner_start": 0.5,
        "refiner_steps": 10,
        "override_settings": {"sd_model_refiner": "preview-refiner"},
    }
    plain, _ = make(server)
    refined, text = make(server, **whole)
    assert plain[0].tobytes() != refined[0].tobytes()
    assert "Refiner: preview-refiner, Refiner steps: 10, Refiner start: 0.5" in text
    assert "refiner preview-refiner from 0.5" in note_of(server, **whole)
    for change in ({"enable_hr": False}, {"refiner_steps": 0}, {"refiner_start": 1.0}, {"override_settings": {}}):
        assert "Refiner" not in make(server, **{**whole, **change})[1]


@pytest.mark.parametrize(("mode", "size"), [(0, (64, 48)), (1, (96, 128)), (2, (96, 128)), (3, (96, 128))])
def test_img2img_looks_at_a_size_only_where_it_is_told_to(
    server: PreviewServer, mode: int, size: tuple[int, int]
) -> None:
    sent = {"init_images": [as_png(photo(64, 48))], "width": 96, "height": 128, "resize_mode": mode}
    (image,), _ = make(server, "img2img", **sent)
    assert image.size == size


def test_a_mask_keeps_what_is_outside_it(server: PreviewServer) -> None:
    sent, mask = photo(128, 128), Image.new("L", (128, 128), 0)
    mask.paste(255, (32, 32, 64, 64))
    with serve() as own:
        post(own, "options", {"samples_format": "png"})
        body = {"init_images": [as_png(sent)], "mask": as_png(mask), "mask_blur": 0, "denoising_strength": 0.9}
        (image,), text = make(own, "img2img", **body)
    assert image.format == "PNG"
    assert ImageChops.difference(sent, image.convert("RGB")).getbbox() == (32, 32, 64, 64)
    assert "Operations: inpaint" in text


def test_a_jpeg_keeps_infotext_and_note_from_stage_to_stage(server: PreviewServer) -> None:
    first = post(server, "txt2img", {"prompt": "ein Gruß, 猫", "width": 256, "height": 256, "seed": 3})
    picture = decode(first["images"][0])
    assert picture.texts["parameters"].startswith("ein Gruß, 猫\nNegative prompt: ")
    second = post(server, "img2img", {"init_images": first["images"], "denoising_strength": 0.3, "seed": 4})
    note = decode(second["images"][0]).note
    assert note is not None
    assert [line.split(" ")[0] for line in note.log] == ["txt2img", "img2img"]


def test_a_note_is_cut_to_what_a_jpeg_can_hold() -> None:
    note = Note("猫" * 600, "犬" * 600)
    for number in range(32):
        note = note.with_line(f"{number} " + "狐" * 590)
    text = write_note(note, 65_000)
    assert len(text) <= 65_000
    found = read_note(text)
    assert found is not None
    assert found.log[-1] == note.log[-1]
    assert 0 < len(found.log) < 32


def test_a_model_that_is_not_there_is_no_error(server: PreviewServer) -> None:
    answer = post(server, "txt2img", {"sd_model_checkpoint": "lost", "width": 64, "height": 64})
    assert (answer["images"], answer["info"]) == ([], "")
    # An override is left out instead, and so is a title with a hash.
    for title in ("lost", "other [0123456789]"):
        assert "Model: preview-sd15" in make(server, override_settings={"sd_model_checkpoint": title})[1]
    assert "Model: other" in make(server, override_settings={"sd_model_checkpoint": "sub/other"})[1]
    assert "Model: preview-sd15" in make(server)[1]


def test_the_field_for_a_model_sticks(server: PreviewServer) -> None:
    with serve() as own:
        make(own, sd_model_checkpoint="mine")
        assert "Model: mine" in make(own)[1]
        assert requests.get(f"{own.url}/sdapi/v1/checkpoint", timeout=10).json()["title"] == "mine"


def test_the_detailer_works_and_shows_what_it_found_first(server: PreviewServer) -> None:
    body = {"width": 256, "height": 256, "detailer_enabled": True, "detailer_models": ["face-yolo8n"]}
    images, text = make(server, **body, detailer_include_detections=True)
    assert len(images) == 2
    assert text.startswith("Detailer annotations\n")
    plain, _ = make(server, width=256, height=256)
    assert ImageChops.difference(plain[0], images[1]).getbbox() is not None
    _, claimed = make(server, **{**body, "detailer_models": ["lost"]})
    assert "Detailer: lost" in claimed


def test_a_picture_can_be_detailed_alone(server: PreviewServer) -> None:
    first = post(server, "txt2img", {"prompt": "a cat", "width": 256, "height": 256, "seed": 7})["images"][0]
    answer = post(server, "detail", {"image": first, "detailer_strength": 0.5, "detailer_include_detections": True})
    assert sorted(answer) == ["detections", "image", "info", "seed"]
    assert opened(answer["image"]).size == (256, 256)
    refused = post(server, "detail", {"image": first, "detailer_models": ["lost"]}, status=500)
    assert refused == {"error": "detailer produced no result"}
    for wrong in ({"detailer_conf": 7}, {"detailer_resolution": 64}, {"detailer_strength": -1}):
        post(server, "detail", {"image": first, **wrong}, status=422)


def test_extras_are_broken_as_released(server: PreviewServer) -> None:
    body = {"image": as_png(photo(16, 16)), "upscaler_1": "Resize Lanczos", "upscaling_resize": 2}
    assert post(server, "extra-single-image", body, status=500)["error"] == "ValidationError"


def stop_while_it_runs(ending: str) -> tuple[Any, Any]:
    with serve(delay=20) as own:
        answers: list[Any] = []
        body = {"width": 64, "height": 64, "steps": 100, "seed": 3, "n_iter": 2}
        thread = threading.Thread(target=lambda: answers.append(post(own, "txt2img", body)))
        thread.start()
        for _ in range(200):
            state = requests.get(f"{own.url}/sdapi/v1/progress", timeout=10).json()
            if state["state"]["sampling_step"] > 0:
                break
            time.sleep(0.02)
        assert state["id"] != ""
        assert post(own, ending, {}, status=204) is None
        if ending == "skip":
            time.sleep(0.2)
            post(own, "interrupt", {}, status=204)
        thread.join()
        return answers[0], requests.get(f"{own.url}/sdapi/v1/status", timeout=10).json()


def test_an_interrupted_job_answers_with_its_last_preview() -> None:
    answer, status = stop_while_it_runs("interrupt")
    (image,) = map(opened, answer["images"])
    assert image.size == (32, 32)
    assert status["status"] == "interrupted"


def test_a_skipped_picture_is_none() -> None:
    answer, _ = stop_while_it_runs("skip")
    assert len(answer["images"]) <= 1


def test_a_minute_later_the_limit_is_new() -> None:
    now = 0.0
    limit = RateLimit(lambda: now)
    assert [limit.exceeded("/a", 300, generates=True) for _ in range(62)] == [False] * 61 + [True]
    assert not limit.exceeded("/b", 300, generates=True)
    now = 59.0
    assert limit.exceeded("/a", 300, generates=True)
    now = 60.0
    assert not limit.exceeded("/a", 300, generates=True)
    assert not any(limit.exceeded("/c", 0, generates=False) for _ in range(500))


def test_who_may_ask_is_asked() -> None:
    with serve(auth=("ann", "secret")) as own:
        url = f"{own.url}/sdapi/v1/sd-models"
        assert requests.get(url, timeout=10).json()["detail"] == "Not authenticated"
        assert requests.get(url, auth=("ann", "wrong"), timeout=10).json()["detail"] == "Unauthorized"
        assert requests.get(url, auth=("ann", "secret"), timeout=10).status_code == 200


def test_strength_0_enlarges_or_details_and_leaves_the_prompts_alone(server: PreviewServer) -> None:
    first = post(server, "txt2img", {"prompt": "a cat", "width": 256, "height": 256, "seed": 7})["images"]
    sent = {"init_images": first, "denoising_strength": 0, "prompt": "", "width": 384, "height": 384}
    larger = post(server, "img2img", {**sent, "resize_mode": 1, "resize_name": "Resize Lanczos"})["images"]
    assert opened(larger[0]).size == (384, 384)
    note = decode(larger[0]).note
    assert note is not None
    assert (note.prompt, note.log[1]) == ("a cat", "upscale Resize Lanczos · 256x256 to 384x384")
    detailed = post(server, "img2img", {**sent, "init_images": larger, "detailer_enabled": True})["images"]
    note = decode(detailed[0]).note
    assert note is not None
    assert [line.split(" ")[0] for line in note.log] == ["txt2img", "upscale", "detailer"]


def test_failures_are_the_servers_own() -> None:
    faults = (Fault(1, "oom"), Fault(2, "status", 503), Fault(3, "drop"), Fault("hires", "status", 500))
    with serve(faults=faults) as own:
        small = {"width": 64, "height": 64}
        assert post(own, "txt2img", small, status=500)["error"] == "OutOfMemoryError"
        assert post(own, "txt2img", small, status=503)["code"] == 503
        with pytest.raises(requests.ConnectionError):
            post(own, "txt2img", small)
        body = {**HIRES, "init_images": [as_png(photo(64, 64))], "hr_denoising_strength": 0.5}
        post(own, "img2img", body, status=500)


def test_a_contract_is_held_here_too() -> None:
    def check(name: str, body: object) -> list[str]:
        return [f"{name} is wrong"]

    with PreviewServer(protocol="sdapi-sdnext", check=check) as own:
        for path, name in (("txt2img", "txt2img"), ("img2img", "img2img"), ("extra-single-image", "extras")):
            refused = post(own, path, {}, status=422)
            assert refused["detail"][0]["msg"] == f"{name} is wrong"
