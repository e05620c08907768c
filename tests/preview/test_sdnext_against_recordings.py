"""The double of SD.Next answers as the real one did: statuses, shapes, sizes, and what infotexts say was done.

Each difference is named here with its reason. What is chance on the real server (seeds of -1, the order of operations,
which is a set there) is masked on both sides.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from engine.preview import PreviewServer
from tests.preview.conftest import Replays, opened
from tests.recordings import RECORDINGS, needs_recordings

pytestmark = needs_recordings

PROTOCOL = "sdapi-sdnext"

#: Stricter than the real server, which takes these: 422 here.
STRICTER = {"steps-as-string": "a text is no number"}

#: Other words for the same refusal, or the same words about another list.
OTHER = {
    "hr-sdnext-esrgan-offline": "a preview has every upscaler that it lists",
    "extra-ESRGAN_4x_Valar": "a preview has every upscaler that it lists",
    "more-options-2": "a preview knows fewer options",
    "script-prompt-matrix": "selectable scripts are ignored, and this one is an IndexError there",
    "more-control-endpoint": "another endpoint, which is not there",
    "process-single": "another endpoint, which is not there",
    "detect": "another endpoint, which is not there",
    "more-options-jpeg-after": "the model had been unloaded by a request before",
    "txt2img-after-options-unknown": "the model had been unloaded by a request before",
    "more-txt2img-after-null": "the model had been unloaded by a request before",
    "startup-txt2img-model-not-loaded": "the preview's model is loaded from the start",
    "more-txt2img-png": "the format had been set by a request before",
    "refiner-sdnext": "the refiner had been loaded by a request before",
    "refiner-sdnext-and-hr": "the refiner had been loaded by a request before",
    "err-two-types": "see the list of problems",
    "txt2img-samples-format-webp": "an override of the format is dropped: the same",
}

#: Requests whose answers this test compares: generations, and refusals of anything.
KINDS = re.compile(
    r"(err-|hr-|txt2img|img2img-|refiner-sdnext|detailer|more-|unknown|override|steps|null|script|extra-)"
)


def recorded(name: str) -> dict[str, Any]:
    assert RECORDINGS is not None
    loaded: dict[str, Any] = json.loads((RECORDINGS / "sdnext" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def names() -> list[str]:
    if RECORDINGS is None:
        return []
    found = []
    for path in sorted(Path(RECORDINGS / "sdnext").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if KINDS.match(path.stem) and isinstance(data, dict) and "request" in data and path.stem not in OTHER:
            found.append(path.stem)
    return found


def masked(text: str, seeded: bool) -> str:
    """An infotext without what no two machines share."""
    text = re.sub(r"Operations: ([^,]+)", lambda m: "Operations: " + "; ".join(sorted(m[1].split("; "))), text)
    text = re.sub(r"Init image hash: \w+", "Init image hash: *", text)
    text = re.sub(r"Model: [^,]+", "Model: *", text)
    if not seeded:
        text = re.sub(r"Seed: \d+", "Seed: *", text)
    return text.replace("Version: preview", "Version: unknown")


CHANCE = ("subseed", "all_subseeds", "job_timestamp", "infotexts")


@pytest.mark.parametrize("name", names())
def test_the_answer_is_the_recorded_one(replays: Replays, name: str) -> None:
    theirs = recorded(name)
    answer = replays.send(PROTOCOL, theirs["request"])
    if name in STRICTER:
        assert answer.status_code == 422
        return
    assert answer.status_code == theirs["status"], answer.text[:300]
    if theirs["status"] == 204:
        assert answer.content == b""
        return
    ours, expected = answer.json(), theirs["response"]
    if theirs["status"] >= 400:
        assert strip(ours) == strip(expected)
    elif isinstance(expected, dict) and "info" in expected and "images" in expected:
        check_generation(ours, expected, theirs["request"]["body"])
    elif isinstance(expected, dict):
        assert ours.keys() == expected.keys()


def strip(value: Any) -> Any:
    """Bodies that are echoed hold pictures, and another machine's stack."""
    if isinstance(value, dict):
        return {k: strip(v) for k, v in value.items() if k != "input"}
    return [strip(item) for item in value] if isinstance(value, list) else value


def check_generation(ours: dict[str, Any], expected: dict[str, Any], body: dict[str, Any]) -> None:
    assert list(ours) == ["images", "parameters", "info"]
    sizes = [re.search(r"(JPEG|PNG) (\d+)x(\d+)", text) for text in expected["images"]]
    wanted = [(found[1], (int(found[2]), int(found[3]))) for found in sizes if found]
    assert [(image.format, image.size) for image in map(opened, ours["images"])] == wanted
    assert list(ours["parameters"]) == list(expected["parameters"])
    for key in ours["parameters"]:
        if key not in ("init_images", "mask", "sd_model_checkpoint"):
            assert ours["parameters"][key] == expected["parameters"][key], key
    if expected["info"] == "":
        assert ours["info"] == ""
        return
    info, told = json.loads(ours["info"]), json.loads(expected["info"])
    assert list(info) == list(told)
    seeded = body.get("seed", -1) != -1
    for key in told:
        if key not in CHANCE and (seeded or key not in ("seed", "all_seeds")):
            assert info[key] == told[key], key
    assert [masked(t, seeded) for t in info["infotexts"]] == [masked(t, seeded) for t in told["infotexts"]]


@pytest.mark.parametrize("name", ["get-progress", "get-status", "get-checkpoint", "get-sd-models", "get-detailers"])
def test_states_have_the_recorded_keys(replays: Replays, name: str) -> None:
    theirs = recorded(name)
    ours, expected = replays.send(PROTOCOL, theirs["request"]).json(), theirs["response"]
    if isinstance(expected, list):
        assert ours[0].keys() == expected[0].keys()
    else:
        assert ours.keys() == expected.keys()
        assert ours.get("state", {}).keys() == expected.get("state", {}).keys()


def test_the_lists_are_part_of_the_recorded_ones(replays: Replays) -> None:
    for name in ("get-samplers", "get-upscalers"):
        theirs = recorded(name)
        ours = {item["name"] for item in replays.send(PROTOCOL, theirs["request"]).json()}
        assert ours <= {item["name"] for item in theirs["response"]}
        assert len(ours) > 30
    broken = replays.send(PROTOCOL, recorded("get-schedulers")["request"])
    assert broken.status_code == 500
    assert broken.json().keys() == recorded("get-schedulers")["response"].keys()


def test_the_parameters_are_in_the_exif(replays: Replays) -> None:
    answer = replays.send(PROTOCOL, recorded("txt2img-basic")["request"]).json()
    text = answer["images"][0]
    asked = {"method": "POST", "path": "/sdapi/v1/png-info", "body": {"image": text}}
    told = replays.send(PROTOCOL, asked).json()
    assert told["info"] == json.loads(answer["info"])["infotexts"][0]
    assert told["items"]["parameters"] == told["info"]


def test_a_minute_has_so_many_polls() -> None:
    with PreviewServer(protocol=PROTOCOL, check=lambda *_: []) as server:
        url = f"{server.url}/sdapi/v1/progress"
        statuses = [requests.get(url, timeout=10).status_code for _ in range(300)]
        assert statuses == [200] * 299 + [429]
        theirs = recorded("ratelimit/ratelimit-progress-429")
        assert requests.get(url, timeout=10).json() == theirs["response"]
        assert requests.get(f"{server.url}/sdapi/v1/status", timeout=10).status_code == 200


def test_the_deliberate_differences_are_still_recorded() -> None:
    assert RECORDINGS is not None
    known = {path.stem for path in Path(RECORDINGS / "sdnext").glob("*.json")}
    assert STRICTER.keys() | OTHER.keys() <= known
