"""A back end, a stage type, a group and fields from a folder outside of the package: data only, run over HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine import ApiClient, Catalog, PipelineRunner, PlanError, RunConfig, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.testing import picture

FOLDER = Path(__file__).resolve().parent / "own_backend"


@pytest.fixture
def catalog() -> Catalog:
    return Catalog([FOLDER])


@pytest.fixture
def easel() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A small server of the made-up kind: it answers with as many pictures as are asked for."""
    seen: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, body))
            width, height = body.get("size", (32, 24))
            count = body.get("how_many", 1)
            made = [picture(width, height, f"{len(seen)}/{n}").data for n in range(count)]
            result = {
                "pictures": [{"data": base64.b64encode(data).decode()} for data in made],
                "about": {"seeds": [body.get("seed", 0) + n for n in range(count)]},
            }
            answer = json.dumps({"result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join()


def stage(kind: str, **fields: object) -> StageExecution:
    return StageExecution(f"the-{kind}", StageConfig(kind, fields))


def test_the_folder_is_proven(catalog: Catalog) -> None:
    assert "easel" in catalog.names()
    assert list(catalog.backend("easel").stages) == ["txt2img", "frame"]


def test_check_names_what_other_back_ends_do_not_say_of_the_new_fields(catalog: Catalog) -> None:
    found = catalog.findings()
    others = [name for name in catalog.names() if name != "easel"]
    assert {(finding.code, finding.backend, finding.stage) for finding in found} == {
        ("field-unread", name, "txt2img") for name in others
    }
    assert {finding.field for finding in found} == {"frame_colour", "frame_enabled", "frame_width"}
    assert len(found) == 3 * len(others)


def test_it_runs_end_to_end(catalog: Catalog, easel: tuple[str, list[tuple[str, dict[str, Any]]]]) -> None:
    url, seen = easel
    plan = Plan((stage("txt2img", batch_size=2, frame_enabled=True, frame_width=3), stage("frame")))
    base = RunConfig(prompt="a cat", seed=40, width=64, height=48, frame_color="walnut", hires_enabled=False)
    with ApiClient(url, backend="easel", catalog=catalog) as client:
        result = PipelineRunner(client).run_pipeline(plan, base).raise_for_status()
    assert [path for path, _ in seen] == ["/api/paint", "/api/frame%20it", "/api/frame%20it"]
    assert seen[0][1] == {
        "words": {"yes": "a cat", "no": ""},
        "size": [64, 48],
        "how_many": 2,
        "seed": 40,
        "frame": {"wood": "walnut", "width": 3},
    }
    assert [body["picture"] for _, body in seen[1:]] == [image.base64 for image in result.stages[0].images]
    assert all(body["frame"] == {"wood": "walnut", "width": 12} for _, body in seen[1:])
    assert result.stages[0].seeds == (40, 41)
    assert len(result.images) == 2


def test_its_own_fields_are_checked_like_any_other(catalog: Catalog) -> None:
    client = ApiClient("http://127.0.0.1:9", backend="easel", catalog=catalog)
    plan = Plan((stage("txt2img", frame_enabled=True, frame_colour="plastic"), stage("frame", frame_widht=3)))
    with pytest.raises(PlanError) as caught:
        PipelineRunner(client).run_pipeline(plan, {"prompt": "a"})
    text = str(caught.value)
    assert "frame_colour must be one of 'oak', 'walnut', not 'plastic'" in text
    assert "did you mean 'frame_width'?" in text
