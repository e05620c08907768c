"""Where every value came from: what is explained is what is built, and each origin is the right one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.backends.build import Call, prepare
from engine.errors import PayloadError
from engine.reference.explained import Explained, explained
from engine.request import GenerateImagesRequest
from engine.values import same
from tests.cli.test_command import run
from tests.payloads.building import BACKENDS, planned
from tests.payloads.test_snapshots import BUILT, request_of


def assembled(values: tuple[Explained, ...]) -> Any:
    """The body that the explained values say, lists as mappings from places."""
    body: dict[str, Any] = {}
    for value in values:
        here = body
        for step in value.path[:-1]:
            here = here.setdefault(step, {})
        assert value.path[-1] not in here, f"{value.path} is explained twice"
        here[value.path[-1]] = unlisted(value.value)
    return body


def unlisted(value: Any) -> Any:
    """The value with every list that holds something as a mapping from places, as `assembled` makes them."""
    if isinstance(value, dict):
        return {key: unlisted(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and value:
        return {str(index): unlisted(part) for index, part in enumerate(value)}
    return value


def built(backend: str, request: GenerateImagesRequest) -> tuple[Call, ...]:
    try:
        return prepare(BACKENDS[backend], request)
    except PayloadError:
        return ()


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_what_is_explained_is_what_is_built(backend: str) -> None:
    seen = 0
    for one in BUILT:
        if one.backend == backend:
            request = request_of(one.case)
            calls = built(backend, request)
            told = list(explained(BACKENDS[backend], request)) if calls else []
            assert len(told) == len(calls)
            for call, values in zip(calls, told, strict=True):
                assert same(assembled(values), unlisted(dict(call.body))), one
                seen += 1
    assert seen > 5


def origins(backend: str, request: GenerateImagesRequest, call: int = 0) -> dict[str, list[tuple[Any, ...]]]:
    """Target -> (field, kind of its origin, key, what was added) of each of its sources."""
    values = list(explained(BACKENDS[backend], request))[call]
    return {
        "/".join(value.path): [
            (s.name, None if s.origin is None else s.origin.kind, None if s.origin is None else s.origin.key, s.added)
            for s in value.sources
        ]
        for value in values
    }


def test_each_kind_of_origin() -> None:
    request = planned("txt2img", {"sampler": "DPM++ 2M Karras", "width": 640}, {"steps": 30, "vae": "x.pt"})
    found = origins("a1111", request)
    assert found["width"] == [("width", "stage", "width", 0)]
    assert found["steps"] == [("steps", "base", "steps", 0)]
    assert found["override_settings/sd_vae"] == [("vae_name", "base", "vae", 0)]
    assert found["height"] == [("height", "default", None, 0)]
    assert found["scheduler"] == [("scheduler", "derived", "sampler", 0)]
    assert found["send_images"] == []


def test_a_first_names_the_one_that_was_taken_and_a_product_names_both() -> None:
    given = origins("a1111", planned("hires", {"hires_steps": 9, "steps": 20}, None, (64, 48)))
    assert given["steps"] == [("hires_steps", "stage", "hires_steps", 0)]
    assert given["width"] == [
        ("input.width", None, None, 0),
        ("hires_upscale_factor", "default", None, 0),
    ]
    assert origins("a1111", planned("hires", {"steps": 20}))["steps"] == [("steps", "stage", "steps", 0)]


def test_what_a_call_s_place_adds_is_told() -> None:
    request = planned("img2img", {"seed": 40}, None, (64, 64), (64, 64))
    assert origins("a1111", request, 0)["seed"] == [("seed", "stage", "seed", 0)]
    assert origins("a1111", request, 1)["seed"] == [("seed", "stage", "seed", 1)]


def test_entries_of_items_are_followed_into_their_list() -> None:
    request = planned("adetailer", {"adetailer_units": [{"model": "a.pt"}, {"model": "b.pt", "steps": 9}]})
    found = origins("a1111", request)
    assert found["alwayson_scripts/ADetailer/args/3/ad_model"] == [
        ("adetailer_units.1.model", "stage", "adetailer_units", 0)
    ]
    assert found["alwayson_scripts/ADetailer/args/3/ad_use_steps"] == []
    assert found["alwayson_scripts/ADetailer/args/0"] == []


PLAN = """
base_config:
  prompt: a lighthouse
  seed: 7
stages:
  - stage_type: txt2img
    stage_config: {sampler: Euler}
"""


def test_the_command_shows_lines_of_plan_and_row(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    done = run("payloads", "plan.yaml", "--explain", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert any(
        line.startswith('prompt: "a lighthouse"  <- prompt (base_config, plan.yaml:3)  [row mappings/a1111/')
        for line in lines
    )
    assert any("<- sampler_name (the stage's config says sampler, plan.yaml:7)" in line for line in lines)
    assert any(line.startswith("steps: 20  <- steps (default, mappings/request.yaml:") for line in lines)
    assert any(line.startswith("send_images: true  <- the row says it  [row ") for line in lines)


def test_the_command_as_json(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    data = json.loads(run("payloads", "plan.yaml", "--explain", "--json", cwd=tmp_path).stdout)
    call = data["stages"][0]["calls"][0]
    told = {"/".join(value["path"]): value for value in call["explained"]}
    assert told["seed"]["value"] == 7
    assert told["seed"]["sources"] == [
        {"field": "seed", "kind": "base", "key": "seed", "at": {"file": "plan.yaml", "line": 4, "column": 3}}
    ]
    assert told["seed"]["row"]["file"].startswith("mappings/")
    plain = json.loads(run("payloads", "plan.yaml", "--json", cwd=tmp_path).stdout)
    assert "explained" not in plain["stages"][0]["calls"][0]
