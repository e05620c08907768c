"""ComfyUI's graphs: what a recorded server has of them, sizes and seeds as other servers give them, names of files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.backends.build import Call, prepare
from engine.cases import Case, case_request, read_cases
from engine.client import PreparedRequest
from engine.errors import PayloadError
from engine.tables.live_nodes import live_nodes
from engine.tables.nodes import Nodes
from tests.payloads.building import BACKENDS, CASES, CATALOG, planned
from tests.payloads.pictures import picture
from tests.recordings import load, needs_recordings

COMFYUI = BACKENDS["comfyui"]
BASE = {"model_name": "sd15.safetensors", "prompt": "a lighthouse", "seed": 5}
ALL = [case for case in read_cases(CASES, "cases", CATALOG) if case.is_for("comfyui")]


def described() -> Nodes:
    found = COMFYUI.stages["txt2img"].nodes
    assert found is not None
    return found


def calls(stage: str, own: dict[str, Any] | None = None, *sizes: tuple[int, int]) -> tuple[Call, ...]:
    return prepare(COMFYUI, planned(stage, own, BASE, *sizes))


def calls_of(case: Case) -> tuple[Call, ...]:
    """The calls of a case; none of one that is refused."""
    try:
        return PreparedRequest.of(COMFYUI, case_request(case, CATALOG, picture)).calls
    except PayloadError:
        return ()


def test_there_are_graphs_to_look_at() -> None:
    assert {case.stage_type for case in ALL if calls_of(case)} == set(COMFYUI.stages)


def inputs(call: Call, node: str) -> dict[str, Any]:
    body: Any = call.body
    found: dict[str, Any] = body[node]["inputs"]
    return found


def recorded() -> Nodes:
    """The recorded server's nodes, whatever files lie there, and what would have to be installed."""
    shipped = described()
    live = live_nodes(load("comfyui", "object_info"), shipped)
    classes = {
        name: replace(
            kind,
            inputs={k: replace(one, choices=None) if one.kind == "file" else one for k, one in kind.inputs.items()},
        )
        for name, kind in live.classes.items()
    }
    return replace(live, classes={**{n: k for n, k in shipped.classes.items() if k.package is not None}, **classes})


@needs_recordings
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_recorded_server_has_every_node_and_input(case: Case) -> None:
    for call in calls_of(case):
        assert recorded().problems(call.body) == []


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_link_leads_back(case: Case) -> None:
    """Nodes stand in the order in which they run, so a graph cannot go in a circle."""
    for call in calls_of(case):
        body: Any = call.body
        before: set[str] = set()
        for name, node in body.items():
            links = {value[0] for value in node["inputs"].values() if isinstance(value, list)}
            assert links <= before
            before.add(name)


def test_pictures_of_a_batch_have_the_seeds_that_other_servers_give() -> None:
    found = calls("txt2img", {"batch_size": 2, "n_iter": 2})
    assert [inputs(call, "sampler")["seed"] for call in found] == [5, 6, 7, 8]
    assert {call.count for call in found} == {1}
    assert inputs(found[0], "canvas")["batch_size"] == 1


def test_each_picture_of_several_is_repeated_with_seeds_from_its_own() -> None:
    found = calls("img2img", {"batch_size": 2}, (64, 64), (72, 64))
    assert [inputs(call, "sampler")["seed"] for call in found] == [5, 6, 6, 7]
    assert [call.width for call in found] == [64, 64, 72, 72]


def test_the_highest_seed_with_the_largest_batch_still_fits() -> None:
    found = calls("txt2img", {"seed": 4294967295, "batch_size": 16, "n_iter": 100})
    assert len(found) == 1600
    assert inputs(found[-1], "sampler")["seed"] == 4294967295 + 1599


@pytest.mark.parametrize(
    ("stage", "own", "size", "node"),
    [
        ("txt2img", {"hires_enabled": True, "width": 520, "hires_upscale_factor": 1.3}, None, "hires_enlarge"),
        ("txt2img", {"hires_enabled": True, "hires_upscaler_name": "x4.pth"}, None, "hires_fit"),
        ("txt2img", {"hires_enabled": True, "hires_width": 640, "hires_height": 648}, None, "hires_enlarge"),
        ("img2img", {}, (70, 52), "fit"),
        ("hires", {"hires_upscale_factor": 1.1}, (70, 52), "enlarge"),
        ("hires", {"hires_upscaler_name": "Lanczos"}, (70, 52), "fit"),
        ("upscale", {"upscaler_name": "x4.pth", "upscale_factor": 1.5}, (51, 35), "fit"),
    ],
)
def test_what_a_graph_makes_is_as_large_as_it_is_said_to_be(
    stage: str, own: dict[str, Any], size: tuple[int, int] | None, node: str
) -> None:
    (call,) = calls(stage, own, *([] if size is None else [size]))
    fitted = inputs(call, node)
    assert (fitted["width"], fitted["height"]) == (call.width, call.height)


def test_an_enlargement_rounds_as_the_other_servers_do() -> None:
    (call,) = calls("upscale", {"upscaler_name": "Lanczos", "upscale_factor": 1.5}, (51, 35))
    assert (call.width, call.height) == (72, 48)  # as recorded of AUTOMATIC1111


def test_the_refiner_takes_over_where_the_first_sampler_stops() -> None:
    (call,) = calls(
        "txt2img", {"steps": 50, "refiner_enabled": True, "refiner_model_name": "r", "refiner_switch_at": 0.14}
    )
    first, second = inputs(call, "base_sampler"), inputs(call, "refiner_sampler")
    assert first["end_at_step"] == second["start_at_step"] == 7
    assert (first["add_noise"], first["return_with_leftover_noise"]) == ("enable", "enable")
    assert (second["add_noise"], second["return_with_leftover_noise"]) == ("disable", "disable")
    assert "sampler" not in call.body


def test_with_a_second_pass_the_refiner_finishes_that_one() -> None:
    own = {"steps": 20, "hires_enabled": True, "hires_denoise": 0.3, "refiner_enabled": True, "refiner_model_name": "r"}
    (call,) = calls("txt2img", own)
    first, second = inputs(call, "hires_base_sampler"), inputs(call, "hires_refiner_sampler")
    assert (first["steps"], first["start_at_step"], first["end_at_step"]) == (66, 46, 62)
    assert second["start_at_step"] == 62
    assert inputs(call, "sampler")["denoise"] == 1


def test_automatic_is_the_sampler_s_own_scheduler() -> None:
    def scheduler(**own: Any) -> str:
        (call,) = calls("txt2img", own)
        found: str = inputs(call, "sampler")["scheduler"]
        return found

    assert scheduler(sampler_name="DPM++ 2M") == "karras"
    assert scheduler(sampler_name="DPM++ 2M SDE") == "exponential"
    assert scheduler(sampler_name="Euler a") == "normal"
    assert scheduler(sampler_name="DPM++ 2M", scheduler="simple") == "simple"
    assert scheduler(sampler_name="DPM++ 2M Karras") == "karras"


def test_the_two_lookups_of_samplers_know_the_same() -> None:
    lookups = COMFYUI.stages["txt2img"].table.lookups
    assert lookups["samplers"].keys == lookups["preferred_schedulers"].keys
    choices = described().classes["KSampler"].inputs["sampler_name"].choices
    assert choices is not None
    assert {value for _, value in lookups["samplers"].entries} <= set(choices)


@pytest.mark.parametrize("sampler", ["Restart", "PLMS", "euler A"])
def test_a_sampler_without_a_counterpart_is_refused_by_name(sampler: str) -> None:
    with pytest.raises(PayloadError) as raised:
        calls("txt2img", {"sampler_name": sampler})
    (finding,) = raised.value.findings
    assert (finding.code, finding.backend) == ("value-not-in-lookup", "comfyui")
    assert "sampler_name" in finding.message
    assert sampler in finding.message
