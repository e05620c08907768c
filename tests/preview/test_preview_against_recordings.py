"""The preview answers as the real server did, body for body, to everything that was ever recorded.

Each difference is named here with its reason. What is made from chance on the real server (seeds of -1, model
hashes) is masked on both sides.
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

#: Stricter than the real server, which takes these: 422 here.
STRICTER = {
    "err-alwayson-list": "a list is no object",
    "err-enable-hr-null": "null is no boolean",
    "err-null-prompt": "null is no text (500 there)",
    "err-null-steps": "null is no integer (500 there)",
    "err-prompt-number": "a number is no text",
    "err-steps-float": "2.5 is no integer",
    "txt2img-cfg-string": "a text is no number",
    "txt2img-steps-as-string": "a text is no number",
    "img2img-sd-upscale-script": "selectable scripts are not run",
    "txt2img-seed-resize": "selectable scripts are not run",
}

#: Not there: nobody needs them to see a pipeline.
ABSENT = {
    "extra-batch",
    "err-interrogate",
    "offline-interrogate-clip",
    "get-adetailer-schema",
    "get-cmd-flags",
    "get-controlnet-models",
    "get-embeddings",
    "get-extensions",
    "get-hypernetworks",
    "get-loras",
    "get-memory",
    "get-realesrgan-models",
    "get-sd-modules",
    "post-refresh-checkpoints",
    "post-refresh-loras",
    "post-refresh-vae",
    "post-reload-checkpoint",
    "post-unload-checkpoint",
}

OTHER_WORDS = {"err-size-zero": "the real text speaks of convolution kernels"}

#: Forge answers these as the preview does not: what is not there for AUTOMATIC1111 is not there for it either.
FORGE_ALONE = {
    "get-controlnet-models": "an extension that the preview does not have",
    "err-override-wrong-type": "the text of a conversion",
    "get-cmd-flags": "a 500 there",
}

#: The servers of the family, and the protocol that stands for each.
FAMILY = {"a1111": "sdapi", "forge": "sdapi-forge"}

#: Answers whose values are the preview's own: options, lists of models, texts of pictures that were not recorded.
OWN_VALUES = re.compile(
    r"get-(options|sd-models|sd-modules|prompt-styles|sd-vae|samplers|upscalers|scripts|progress|adetailer|internal)|png-info"
)


def recorded(name: str, family: str = "a1111") -> dict[str, Any]:
    assert RECORDINGS is not None
    loaded: dict[str, Any] = json.loads((RECORDINGS / family / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def names(family: str = "a1111") -> list[str]:
    if RECORDINGS is None:
        return []
    found = []
    for path in sorted(Path(RECORDINGS / family).glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and "request" in data and "response" in data and path.stem != "live-interrupt":
            found.append(path.stem)
    return found


def send(replays: Replays, name: str, family: str = "a1111") -> requests.Response:
    request = recorded(name, family)["request"]
    if name == "err-content-type":  # its body was sent without saying what it is
        request["headers"] = {}
    return replays.send(FAMILY[family], request)


def masked(value: object, seeded: bool) -> str:
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r"Model hash: [0-9a-f]{10}", "Model hash: *", text)
    text = re.sub(r" \[[0-9a-f]{10}\]", "", text)
    if not seeded:
        text = re.sub(r"Seed: \d+", "Seed: *", text)
    text = re.sub(r"Version: [\w.-]+", "Version: *", text)
    return text.replace("preview-sd15", "tiny15")


CHANCE = ("subseed", "all_subseeds", "job_timestamp", "version", "sd_model_hash")


@pytest.mark.parametrize(("family", "name"), [(family, name) for family in FAMILY for name in names(family)])
def test_the_answer_is_the_recorded_one(replays: Replays, family: str, name: str) -> None:
    theirs = recorded(name, family)
    answer = send(replays, name, family)
    if family == "forge" and name in FORGE_ALONE:
        assert answer.status_code >= 400
        return
    if name in STRICTER:
        assert answer.status_code == 422
        return
    if name in ABSENT and (family, name) != ("forge", "get-sd-modules"):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
        return
    if name == "get-internal-ping":  # recorded without the user interface, which is what answers it
        assert answer.status_code == 200
        return
    assert answer.status_code == theirs["status"], answer.text[:300]
    ours: Any = answer.json()
    expected: Any = None if theirs["response"] == "null" else theirs["response"]
    if name in OTHER_WORDS:
        assert {**ours, "errors": "", "message": ""} == {**expected, "errors": "", "message": ""}
    elif theirs["status"] >= 400:
        assert strip(ours) == strip(expected)
    elif isinstance(expected, dict) and "images" in expected:
        check_generation(ours, expected, theirs["request"]["body"])
    elif isinstance(expected, dict) and "html_info" in expected:
        assert ours["html_info"] == expected["html_info"]
        assert ours.keys() == expected.keys()
        if size := re.search(r"PNG (\d+)x(\d+)", expected["image"]):
            assert opened(ours["image"]).size == (int(size[1]), int(size[2]))
    elif OWN_VALUES.match(name):
        assert type(ours) is type(expected)
        if isinstance(ours, list) and ours and expected:
            assert ours[0].keys() == expected[0].keys()
    else:
        assert ours == expected


def strip(value: Any) -> Any:
    """Forge echoes what it refuses, pictures included; where a page explains it, the page counts as well."""
    if isinstance(value, dict):
        return {k: strip(v) for k, v in value.items() if k != "input" or not isinstance(v, str)}
    return [strip(item) for item in value] if isinstance(value, list) else value


def check_generation(ours: dict[str, Any], expected: dict[str, Any], body: dict[str, Any]) -> None:
    assert list(ours) == ["images", "parameters", "info"]
    sizes = [re.search(r"PNG (\d+)x(\d+)", text) for text in expected["images"]]
    assert [opened(text).size for text in ours["images"]] == [(int(m[1]), int(m[2])) for m in sizes if m]
    for parameters in (ours["parameters"], expected["parameters"]):
        parameters.pop("init_images", None)
    assert json.dumps(ours["parameters"]) == json.dumps(expected["parameters"])
    info, told = json.loads(ours["info"]), json.loads(expected["info"])
    assert list(info) == list(told)
    seeded = body.get("seed", -1) != -1
    skip = CHANCE if seeded else (*CHANCE, "seed", "all_seeds")
    for key in told:
        assert type(info[key]) is type(told[key])
        if key not in skip:
            assert masked(info[key], seeded) == masked(told[key], seeded), key
    for text, line in zip(ours["images"], info["infotexts"], strict=False):
        assert opened(text).info["parameters"] == line


def test_progress_at_rest_is_the_recorded_one() -> None:
    with PreviewServer(check=lambda name, body: []) as fresh:
        assert requests.get(f"{fresh.url}/sdapi/v1/progress", timeout=10).json() == recorded("get-progress")["response"]


LISTS = ["get-schedulers", "get-latent-upscale-modes", "get-face-restorers"]


@pytest.mark.parametrize("family", FAMILY)
def test_the_lists_that_no_machine_changes_are_the_recorded_ones(replays: Replays, family: str) -> None:
    for name in LISTS:
        assert send(replays, name, family).json() == recorded(name, family)["response"]


@pytest.mark.parametrize("family", FAMILY)
def test_what_there_is_has_the_recorded_names(replays: Replays, family: str) -> None:
    def essence(items: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
        return [(item["name"], item["options"].get("scheduler")) for item in items]

    def pair(name: str) -> tuple[Any, Any]:
        return send(replays, name, family).json(), recorded(name, family)["response"]

    samplers, theirs = pair("get-samplers")
    assert essence(samplers) == essence(theirs)
    upscalers, theirs = pair("get-upscalers")
    assert {item["name"] for item in theirs} <= {item["name"] for item in upscalers}
    options, theirs = pair("get-options")
    assert set(options) <= set(theirs)


def test_png_info_reads_an_infotext_as_the_real_server_does(replays: Replays) -> None:
    expected = recorded("png-info")["response"]
    made = send(replays, "txt2img-basic").json()["images"][0]
    asked = {"method": "POST", "path": "/sdapi/v1/png-info", "body": {"image": made}}
    ours = replays.send("sdapi", asked).json()
    assert masked(ours["info"], True) == masked(expected["info"], True)
    own = {"Model hash", "Model", "Version"}
    assert ours["items"] == {}
    assert {k: v for k, v in ours["parameters"].items() if k not in own} == {
        k: v for k, v in expected["parameters"].items() if k not in own
    }


def test_the_deliberate_differences_are_still_recorded() -> None:
    assert ({*STRICTER, *OTHER_WORDS} | ABSENT) <= set(names())
