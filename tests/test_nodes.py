"""The description of nodes: the shipped one against a recorded server, how one is read, and graphs held against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.documents import read_document
from engine.errors import TableError
from engine.images import Image
from engine.tables.live_nodes import live_nodes
from engine.tables.nodes import NodeInput, Nodes, joins, read_nodes
from engine.values import ABSENT, Later
from tests.recordings import load, needs_recordings

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = read_nodes(read_document(ROOT / "schemas/comfyui/nodes.json"), "comfyui/nodes")


def recorded() -> Nodes:
    return live_nodes(load("comfyui", "object_info"), SHIPPED)


@needs_recordings
def test_the_shipped_core_nodes_are_the_recorded_ones() -> None:
    live = recorded()
    for name, kind in SHIPPED.classes.items():
        if kind.package is not None:
            assert name not in live.classes, "a core node is marked as one that must be installed"
            continue
        there = live.classes[name]
        assert (kind.outputs, kind.result) == (there.outputs, there.result), name
        assert list(kind.inputs) == list(there.inputs), name
        for key, one in kind.inputs.items():
            other = there.inputs[key]
            if one.kind == "file":
                assert other.choices is not None, f"{name}.{key} is called a file, and the server lists none"
            else:
                assert (one.schema, one.type) == (other.schema, other.type), f"{name}.{key}"
            assert (one.kind, one.required) == (other.kind, other.required), f"{name}.{key}"
            if one.default is not ABSENT:
                assert one.default == other.default, f"{name}.{key}"


@pytest.mark.parametrize("name", sorted(SHIPPED.classes))
def test_every_default_is_a_value_that_the_input_takes(name: str) -> None:
    for key, one in SHIPPED.classes[name].inputs.items():
        if one.default is not ABSENT:
            graph = {"n": {"class_type": name, "inputs": {key: one.default}}}
            assert [p for p in SHIPPED.problems(graph) if p.path[-1] == key and "missing" not in p.message] == []


@needs_recordings
@pytest.mark.parametrize("name", ["graph_txt2img", "graph_hires_refiner_upscale", "graph_img2img", "graph_no_model"])
def test_graphs_that_ran_fit(name: str) -> None:
    graph = load("comfyui", name)["prompt"]
    assert recorded().problems(graph, encoded_images=True) == []


@needs_recordings
@pytest.mark.parametrize(
    "name",
    [
        "err_bad_linked_input",
        "err_invalid_input_type",
        "err_invalid_node_type",
        "err_link_bad_slot",
        "err_link_to_unknown_node",
        "err_missing_class_type",
        "err_missing_input",
        "err_multiple",
        "err_no_upscale_models",
        "err_node_without_inputs",
        "err_null_value",
        "err_return_type_mismatch",
        "err_sampler_not_in_list",
        "err_ui_workflow_format",
        "err_value_above_max",
        "err_value_below_min",
        "err_value_not_in_list",
        "err_prompt_list",
        "err_prompt_string",
        "ok_unknown_extra_input",
    ],
)
def test_graphs_that_the_server_refused_or_misread_are_refused(name: str) -> None:
    graph = load("comfyui", name)["request"]["prompt"]
    assert recorded().problems(graph, encoded_images=True) != []


GRAPH: dict[str, Any] = {
    "load": {"class_type": "LoadImage", "inputs": {"image": Image.predict(64, 64)}},
    "scale": {
        "class_type": "ImageScale",
        "inputs": {"image": ["load", 0], "upscale_method": "lanczos", "width": 64, "height": 64, "crop": "disabled"},
    },
    "save": {"class_type": "SaveImage", "inputs": {"images": ["scale", 0], "filename_prefix": Later("job_id")}},
}


def with_input(node: str, **inputs: object) -> dict[str, Any]:
    return {**GRAPH, node: {**GRAPH[node], "inputs": {**GRAPH[node]["inputs"], **inputs}}}


def problems(graph: object) -> list[str]:
    return [f"{'/'.join(p.path)} {p.message}" for p in SHIPPED.problems(graph)]


def test_a_right_graph_has_no_problems() -> None:
    assert problems(GRAPH) == []


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ([], [" must be a graph: a mapping from nodes"]),
        ({"a": 1}, ["a must be a node: a mapping with class_type and inputs"]),
        ({"a": {"class_type": ["x"], "inputs": {}}}, ["a/class_type is no class of nodes that is known"]),
        (with_input("scale", width=16385), ["scale/inputs/width must be at most 16384, not 16385"]),
        (with_input("scale", width=True), ["scale/inputs/width must be a whole number, not true"]),
        (with_input("scale", crop="Center"), ["scale/inputs/crop must be one of 'disabled', 'center', not 'Center'"]),
        (with_input("scale", krop=1), ["scale/inputs/krop is not known there"]),
        (with_input("scale", image=["load", 1]), ["scale/inputs/image wants IMAGE, and gets MASK"]),
        (with_input("scale", image=["load", 2]), ["scale/inputs/image leads to no output of a node of this graph"]),
        (with_input("scale", image=["load", -1]), ["scale/inputs/image leads to no output of a node of this graph"]),
        (with_input("scale", image=[["load"], 0]), ["scale/inputs/image leads to no output of a node of this graph"]),
        (
            with_input("scale", image="load"),
            ["scale/inputs/image must be a link: a node and the number of one of its outputs"],
        ),
        (with_input("scale", width=["load", 0]), ["scale/inputs/width must be a whole number, not a list of 2"]),
        (with_input("load", image="a.png"), ["load/inputs/image must be an image"]),
        (
            {**GRAPH, "save": {"class_type": "SaveImage", "inputs": {}}},
            ["save/inputs/images is missing", "save/inputs/filename_prefix is missing"],
        ),
    ],
)
def test_what_is_wrong_with_a_graph_is_named(graph: object, found: list[str]) -> None:
    assert problems(graph) == found


def test_a_size_between_the_server_s_steps_is_refused() -> None:
    canvas = {"class_type": "EmptyLatentImage", "inputs": {"width": 70, "height": 64, "batch_size": 1}}
    assert problems({"canvas": canvas}) == ["canvas/inputs/width must be a multiple of 8, not 70"]


def account(**inputs: object) -> dict[str, Any]:
    return {"Own": {"input": {"required": inputs}, "output": ["IMAGE"], "output_name": ["IMAGE"], "output_node": False}}


def test_both_spellings_of_choices_are_read() -> None:
    live = live_nodes(account(a=[["x", "y"]], b=["COMBO", {"options": ["x", "y"]}]), SHIPPED)
    inputs = live.classes["Own"].inputs
    assert inputs["a"] == NodeInput("a", "choice", choices=("x", "y"))
    assert inputs["b"] == NodeInput("b", "choice", choices=("x", "y"))


def test_a_server_s_files_are_the_choices_of_what_is_called_a_file() -> None:
    data = {"VAELoader": {"input": {"required": {"vae_name": [["a.pt"]]}}, "output": ["VAE"], "output_name": ["VAE"]}}
    (one,) = live_nodes(data, SHIPPED).classes["VAELoader"].inputs.values()
    assert (one.kind, one.choices) == ("file", ("a.pt",))


@pytest.mark.parametrize(
    "node",
    [
        None,
        "x",
        {},
        {"input": [], "output": []},
        {"input": {"required": 1}, "output": []},
        {"input": {"required": {"a": []}}, "output": []},
        {"input": {"required": {"a": "INT"}}, "output": []},
        {"input": {"required": {"a": [1]}}, "output": []},
        {"input": {}, "output": "IMAGE"},
        {"input": {}, "output": ["IMAGE"], "output_name": []},
    ],
)
def test_a_class_that_cannot_be_understood_is_left_out_and_named(node: object) -> None:
    live = live_nodes({"Odd": node, **account()}, SHIPPED)  # type: ignore[dict-item]
    assert (list(live.classes), live.unreadable) == (["Own"], ("Odd",))


@pytest.mark.parametrize("data", [None, [], {}, "x", 1])
def test_what_is_no_account_at_all_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="no account"):
        live_nodes(data, SHIPPED)


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [("IMAGE", "IMAGE", True), ("IMAGE", "MASK", False), ("*", "MASK", True), ("A,B", "B", True), ("B", "A,B", False)],
)
def test_which_outputs_go_into_which_inputs(wanted: str, given: str, fits: bool) -> None:
    assert joins(wanted, given) is fits


@pytest.mark.parametrize(
    ("classes", "code"),
    [
        ({"A": {"inputs": {"x": {"type": "colour"}}}}, "nodes-form"),
        ({"A": {"inputs": {"x": {"type": "integer", "min": "0"}}}}, "nodes-form"),
        ({"A": {"inputs": {"x": {"type": "choice", "choices": "nowhere"}}}}, "nodes-form"),
        ({"A": {"inputs": {"x": {"type": "choice"}}}}, "form-shape"),
        ({"A": {"inputs": {"x": {"type": "text", "min": 1}}}}, "form-unknown-word"),
        ({"A": {"inputs": {"x": {"link": ""}}}}, "form-shape"),
        ({"A": {"outputs": {"x": 1}}}, "form-shape"),
        ({"A": {"result": 1}}, "form-shape"),
        ({"A": {"input": {}}}, "form-unknown-word"),
        ([], "form-shape"),
    ],
)
def test_a_description_is_read_strictly(classes: object, code: str, tmp_path: Path) -> None:
    file = tmp_path / "nodes.json"
    written = {"class": "class", "inputs": "inputs"}
    file.write_text(json.dumps({"format": 1, "written": written, "classes": classes}), encoding="utf-8")
    with pytest.raises(TableError) as raised:
        read_nodes(read_document(file), "x/nodes")
    assert {finding.code for finding in raised.value.findings} == {code}
