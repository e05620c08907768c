"""The double of ComfyUI answers as the real one did: the same statuses, the same kinds of error at the same nodes.

Each difference is named here with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from engine.preview import PreviewServer
from engine.tables.live_nodes import live_nodes
from tests.preview.comfyui import Comfy, png
from tests.recordings import RECORDINGS, needs_recordings

pytestmark = needs_recordings

#: Stricter than the real server, which ignores an input that a node does not have.
STRICTER = "ok_unknown_extra_input"

#: A body of 100 MiB to another endpoint.
ELSEWHERE = "err_upload_too_large"


def recorded(name: str) -> Any:
    assert RECORDINGS is not None
    return json.loads((RECORDINGS / "comfyui" / f"{name}.json").read_text(encoding="utf-8"))


def posts() -> list[str]:
    if RECORDINGS is None:
        return []
    names = [path.stem for path in sorted(Path(RECORDINGS / "comfyui").glob("*_*.json"))]
    return [
        n for n in names if n.startswith(("err_", "ok_", "prompt_")) and "request" in recorded(n) and n != ELSEWHERE
    ]


@pytest.fixture
def comfy() -> Iterator[Comfy]:
    with PreviewServer(protocol="comfyui", check=lambda *_: [], missing=["nope.safetensors"]) as server:
        client = Comfy(server)
        client.upload("probe in.png", png(64, 64))
        client.upload("not.png", b"this is no picture")
        yield client


def errors_of(body: dict[str, Any]) -> dict[str, Any]:
    """What a client can act on: nodes, kinds, messages, the input's name; texts with lists of models are theirs."""
    return {
        node: {
            "class_type": entry["class_type"],
            "dependent_outputs": entry["dependent_outputs"],
            "errors": [
                (error["type"], error["message"], error["extra_info"].get("input_name"), sorted(error["extra_info"]))
                for error in entry["errors"]
            ],
        }
        for node, entry in body.get("node_errors", {}).items()
    }


@pytest.mark.parametrize("name", posts())
def test_a_graph_is_judged_as_it_was(comfy: Comfy, name: str) -> None:
    theirs = recorded(name)
    answer = comfy.post("/prompt", theirs["request"])
    if name == STRICTER:
        assert answer.status_code == 400
        (error,) = answer.json()["node_errors"]["3"]["errors"]
        assert (error["type"], error["details"]) == ("unknown_input", "bogus_extra")
        return
    assert answer.status_code == theirs["status"], answer.text[:500]
    assert answer.headers["Content-Type"] == theirs["content_type"]
    if isinstance(theirs["body"], str):
        assert answer.text == theirs["body"]
        return
    ours, expected = answer.json(), theirs["body"]
    assert ours.keys() == expected.keys()
    assert errors_of(ours) == errors_of(expected)
    if "error" in expected:
        assert ours["error"] == expected["error"]


@pytest.mark.parametrize("name", ["err_value_below_min", "err_value_above_max", "err_missing_input", "err_null_value"])
def test_details_are_the_recorded_ones(comfy: Comfy, name: str) -> None:
    theirs = recorded(name)
    ours = comfy.post("/prompt", theirs["request"]).json()
    for node, entry in theirs["body"]["node_errors"].items():
        for mine, expected in zip(ours["node_errors"][node]["errors"], entry["errors"], strict=True):
            assert (mine["details"], mine["message"]) == (expected["details"], expected["message"])


@pytest.mark.parametrize(
    ("raw", "name"), [(b"{nope", "err_bad_json"), (b"", "err_empty_body"), (b"[]", "err_body_list")]
)
def test_a_body_that_is_no_request_is_answered_as_it_was(comfy: Comfy, raw: bytes, name: str) -> None:
    theirs = recorded(name)
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{comfy.url}/prompt", data=raw, headers=headers, timeout=10)
    assert answer.status_code == theirs["status"]
    assert answer.headers["Content-Type"] == theirs["content_type"]
    if isinstance(theirs["body"], str):
        assert answer.text == theirs["body"]
    else:
        assert answer.json() == theirs["body"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/history/unknown-id", "misc_GET_history_unknown-id"),
        ("/api/queue", "misc_GET_api_queue"),
        ("/features", "misc_GET_features"),
        ("/embeddings", "misc_GET_embeddings"),
        ("/object_info/NoSuch", "misc_GET_object_info_NoSuch"),
        ("/models/nope", "misc_GET_models_nope"),
        ("/nope", "misc_GET_nope"),
    ],
)
def test_small_questions_have_the_recorded_answers(comfy: Comfy, path: str, name: str) -> None:
    theirs, answer = recorded(name), comfy.get(path)
    assert answer.status_code == theirs["status"]
    assert answer.headers.get("Content-Type") == theirs["content_type"]
    assert (answer.json() if theirs["status"] == 200 else answer.text) == theirs["body"]


def test_what_there_is_has_the_recorded_shape(comfy: Comfy) -> None:
    assert set(recorded("misc_GET_models")["body"]) <= set(comfy.get("/models").json())
    stats, theirs = comfy.get("/system_stats").json(), recorded("system_stats")["body"]
    assert stats.keys() == theirs.keys()
    assert stats["system"].keys() == theirs["system"].keys()
    assert stats["devices"][0].keys() == theirs["devices"][0].keys()
    assert "preview" in stats["system"]["comfyui_version"]
    wrong = requests.put(f"{comfy.url}/prompt", timeout=10)
    assert (wrong.status_code, wrong.text) == (405, recorded("misc_PUT_prompt")["body"])


def test_nodes_are_described_in_the_recorded_spelling(comfy: Comfy) -> None:
    ours, theirs = comfy.get("/object_info").json(), recorded("object_info")
    theirs = theirs.get("body", theirs)
    speaker: Any = comfy.server.speaker
    again = live_nodes(ours, speaker._nodes)
    assert again.unreadable == ()
    for name, node in speaker._nodes.classes.items():
        found = again.classes[name]
        assert (found.outputs, found.result, list(found.inputs)) == (node.outputs, node.result, list(node.inputs))
        for key, one in node.inputs.items():
            other = found.inputs[key]
            assert (other.kind, other.required, other.low, other.high) == (one.kind, one.required, one.low, one.high)
    known = set(ours) & set(theirs)
    assert len(known) > 40
    for name in known:
        assert ours[name].keys() <= theirs[name].keys() | {"name"}


def test_a_finished_job_is_kept_as_it_was(comfy: Comfy) -> None:
    theirs = recorded("history_finished")["body"]
    expected = next(iter(theirs.values()))
    ours = comfy.run(recorded("prompt_success")["request"])
    assert ours["outputs"] == expected["outputs"]
    assert ours["prompt"][2:] == expected["prompt"][2:]
    assert ours["meta"] == expected["meta"]
    assert shape_of(ours["status"]) == shape_of(expected["status"])


def test_a_failed_job_is_kept_as_it_was(comfy: Comfy) -> None:
    expected = next(iter(recorded("history_failed_not_an_image")["body"].values()))
    ours = comfy.run(recorded("ok_or_err_not_an_image")["request"])
    assert ours["outputs"] == {}
    mine, theirs = ours["status"]["messages"][-1], expected["status"]["messages"][-1]
    assert mine[0] == theirs[0] == "execution_error"
    assert mine[1].keys() == theirs[1].keys()
    for key in ("node_id", "node_type", "exception_type", "current_inputs"):
        assert mine[1][key] == theirs[1][key]


def test_a_partly_valid_graph_runs_as_it_did(comfy: Comfy) -> None:
    answer = comfy.post("/prompt", recorded("ok_partially_valid")["request"])
    assert answer.status_code == 200
    assert list(answer.json()["node_errors"]) == ["50"]
    ours = comfy.wait(answer.json()["prompt_id"])
    assert (ours["status"]["status_str"], list(ours["outputs"])) == ("success", ["9"])


def test_messages_come_in_the_recorded_order(comfy: Comfy) -> None:
    def essence(messages: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        kept = []
        for message in messages:
            if message.get("type") in (None, "feature_flags"):
                continue
            data = message["data"]
            detail = data.get("node", data.get("value")) if message["type"] in ("executing", "executed") else None
            kept.append((message["type"], detail))
        return kept

    graph = recorded("prompt_success")["request"]["prompt"]
    graph["3"]["inputs"]["steps"] = 3
    with comfy.listen("probe-ws") as socket:
        comfy.run({"prompt": graph, "client_id": "probe-ws"})
        ours = essence(socket.until_done())
    theirs = essence(recorded("ws_success"))
    # Which of two loaders runs first is chance on the real server; what is told about each is not.
    assert sorted(map(str, ours)) == sorted(map(str, theirs))
    kinds = [kind for kind, _ in ours]
    assert kinds[:4] == [kind for kind, _ in theirs][:4]
    assert kinds[-3:] == ["execution_success", "status", "executing"]


def shape_of(status: dict[str, Any]) -> Any:
    messages = [(event, sorted(data)) for event, data in status["messages"]]
    return status["status_str"], status["completed"], messages


def test_the_deliberate_difference_is_still_recorded() -> None:
    assert STRICTER in posts()
