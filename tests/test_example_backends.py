"""The back ends under examples/backends, against small servers of their kinds on loopback."""

from __future__ import annotations

import email
import itertools
import json
import re
import threading
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from engine import ApiClient, CancelToken, Catalog, Event, PipelineResult, PipelineRunner, load_plan
from engine.cases import BuiltCase
from engine.errors import PayloadError
from engine.plan import StageConfig, StageExecution, StageExecutionPlan
from engine.testing import picture
from engine.testing.scripted import Reply, ScriptedServer, Seen
from engine.testing.tables import CaseRun, TablesUnderTest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "backends"
TOKEN = "sk-an-example-token"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog([FOLDER])


def test_they_are_proven(catalog: Catalog) -> None:
    assert [finding for finding in catalog.findings() if finding.backend in ("openai_images", "renderfarm")] == []
    assert list(catalog.backend("openai_images").stages) == ["txt2img", "img2img"]
    assert list(catalog.backend("renderfarm").stages) == ["txt2img", "img2img", "upscale"]


TABLES = TablesUnderTest(FOLDER)


@pytest.mark.parametrize("case", [*TABLES.runs()], ids=str)
def test_every_case_is_what_is_kept_of_it(case: CaseRun) -> None:
    """As `pytest --mappings examples/backends` has it."""
    kept = FOLDER / "snapshots" / str(case)
    if isinstance(case.result, BuiltCase):
        assert list(case.result.bodies) == json.loads(kept.with_suffix(".json").read_text(encoding="utf-8"))
    else:
        assert str(case.result) == kept.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")


def run(client: ApiClient, *stages: StageExecution, **how: Any) -> PipelineResult:
    base = {"prompt": "a lighthouse", "seed": 7, "width": 64, "height": 48}
    return PipelineRunner(client, **how).run_pipeline(StageExecutionPlan(stages), base)


def stage(kind: str, **fields: object) -> StageExecution:
    return StageExecution(kind, StageConfig(kind, fields))


def parts_of(seen: Seen) -> dict[str, Message]:
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    parts = [part for part in email.message_from_bytes(head + seen.raw).get_payload() if isinstance(part, Message)]
    return {str(part.get_param("name", header="content-disposition")): part for part in parts}


# -- of the shape of OpenAI's Images ------------------------------------------------------------------------------


def images_api(seen: Seen) -> Reply:
    if seen.headers.get("Authorization") != f"Bearer {TOKEN}":
        given = seen.headers.get("Authorization", "none").removeprefix("Bearer ")
        error = {"message": f"Incorrect API key provided: {given}.", "type": "invalid_request_error", "code": "invalid"}
        return Reply.json({"error": error}, 401)
    if seen.path == "/v1/images/generations":
        assert seen.headers["Content-Type"] == "application/json"
        body = seen.body
        width, height = map(int, body["size"].split("x"))
        made = [picture(width, height, f"{body['prompt']} {n}") for n in range(body["n"])]
    else:
        assert seen.path == "/v1/images/edits"
        parts = parts_of(seen)
        assert parts["image"].get_content_type() == "image/png"
        data = parts["image"].get_payload(decode=True)
        assert isinstance(data, bytes)
        assert data.startswith(b"\x89PNG")
        made = [picture(64, 48, f"edited {len(data)}")]
    return Reply.json({"created": 1, "data": [{"b64_json": one.base64} for one in made], "usage": {"total_tokens": 9}})


class TestOpenaiImages:
    @pytest.fixture
    def connect(self, catalog: Catalog) -> Callable[..., ApiClient]:
        return lambda server, **how: ApiClient(f"{server.url}/v1", backend="openai_images", catalog=catalog, **how)

    def test_two_stages(self, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", TOKEN)
        with ScriptedServer([images_api]) as server, connect(server) as client:
            result = run(client, stage("txt2img", batch_size=2), stage("img2img", model_name="dall-e-2"))
        edited = [picture(64, 48, f"edited {one.size_bytes}") for one in result.stages[0].images]
        assert list(result.raise_for_status().images) == edited
        assert len(result.images) == 2
        assert [seen.path for seen in server.seen] == ["/v1/images/generations"] + ["/v1/images/edits"] * 2
        assert server.seen[0].body == {"prompt": "a lighthouse", "n": 2, "size": "64x48"}
        assert {name: part.get_payload() for name, part in parts_of(server.seen[1]).items() if name != "image"} == {
            "prompt": "a lighthouse",
            "model": "dall-e-2",
            "response_format": "b64_json",
        }
        assert result.stages[0].info[0] == {"total_tokens": 9}

    def test_a_wrong_token_is_told_and_not_shown(self, connect: Any) -> None:
        with ScriptedServer([images_api]) as server, connect(server, auth="sk-wrong-and-secret") as client:
            result = run(client, stage("txt2img"))
        text = str(result.error)
        assert "Incorrect API key provided" in text
        assert "OPENAI_API_KEY" in text
        assert "sk-wrong-and-secret" not in text + json.dumps(result.to_json())

    def test_what_it_cannot_do_is_refused_before_anything_is_sent(self, connect: Any) -> None:
        large = stage("txt2img", hires_enabled=True, hires_upscaler_name="Latent")
        with ScriptedServer([images_api]) as server, connect(server, auth=TOKEN) as client:
            with pytest.raises(PayloadError, match="it has one pass"):
                run(client, large)
            assert server.seen == []


# -- jobs ---------------------------------------------------------------------------------------------------------


class Renderfarm:
    """Jobs that take some looks; each makes the pictures that it was asked for."""

    def __init__(self, looks: int = 2) -> None:
        self.looks, self.url = looks, ""
        self.jobs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.deleted = threading.Event()
        self.running = threading.Event()
        self._numbers = itertools.count(1)

    def __call__(self, seen: Seen) -> Reply:
        assert seen.headers["X-Api-Key"] == TOKEN
        if seen.path == "/api/files":
            part = parts_of(seen)["file"]
            assert re.fullmatch(r"[0-9a-f]{64}\.png", str(part.get_filename()))
            name = f"file-{next(self._numbers)}"
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            self.files[name] = data
            return Reply.json({"file": {"id": name}}, 201)
        if seen.path == "/api/jobs":
            name = f"job-{next(self._numbers)}"
            self.jobs[name] = {"task": seen.body["task"], "asked": 0, "state": "rendering"}
            return Reply.json({"id": name}, 202)
        if seen.path.startswith("/pictures/"):
            return Reply(picture(64, 48, seen.path).data, headers=(("Content-Type", "image/png"),))
        name = seen.path.removeprefix("/api/jobs/")
        job = self.jobs[name]
        if seen.method == "DELETE":
            job["state"] = "cancelled"
            self.deleted.set()
            return Reply(status=204, headers=())
        return Reply.json({"job": self._told(name, job)})

    def _told(self, name: str, job: dict[str, Any]) -> dict[str, Any]:
        job["asked"] += 1
        if job["state"] == "cancelled":
            return {"state": "cancelled"}
        if job["asked"] <= self.looks:
            self.running.set()
            return {"state": "queued" if job["asked"] == 1 else "rendering", "progress": job["asked"] / 10}
        if job["task"].get("model") == "broken":
            return {"state": "failed", "error": {"code": "oom", "message": "no memory in /srv/farm/gpu/3"}}
        seed = job["task"].get("sampling", {}).get("seed", 0)
        pictures = [
            {"url": f"{self.url}/pictures/{name}-{n}.png", "seed": seed + n} for n in range(job["task"].get("count", 1))
        ]
        return {"state": "finished", "pictures": pictures, "stats": {"gpu": "A"}}


class TestRenderfarm:
    @pytest.fixture
    def farm(self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Any:
        from dataclasses import replace

        monkeypatch.setenv("RENDERFARM_KEY", TOKEN)
        farm = Renderfarm()
        with ScriptedServer([farm]) as server:
            farm.url = server.url
            with ApiClient(server.url, backend="renderfarm", catalog=catalog) as client:
                look = client.backend.steps.look
                assert look is not None
                quick = replace(client.backend.steps, look=replace(look, every=0.02))
                client.backend = replace(client.backend, steps=quick)
                yield farm, server, client

    def test_three_stages(self, farm: Any) -> None:
        server, client = farm[1:]
        events: list[Event] = []
        enlarge = stage("upscale", upscaler_name="Lanczos", upscale_factor=1)
        result = run(client, stage("txt2img", batch_size=2), stage("img2img"), enlarge, listeners=[events.append])
        assert result.raise_for_status().status == "completed"
        assert [len(one.images) for one in result.stages] == [2, 2, 2]
        assert result.stages[0].seeds == (7, 8)
        assert result.stages[1].seeds == (7, 8)
        tasks = [job["task"] for job in farm[0].jobs.values()]
        assert [task["kind"] for task in tasks] == ["paint"] + ["repaint"] * 2 + ["enlarge"] * 2
        assert [farm[0].files[task["picture"]] for task in tasks[1:3]] == [one.data for one in result.stages[0].images]
        assert {event.progress.ratio for event in events if event.progress is not None} == {0.1, 0.2}
        assert sum(seen.path == "/api/files" for seen in server.seen) == 4

    def test_a_job_that_fails(self, farm: Any) -> None:
        result = run(farm[2], stage("txt2img", model_name="broken"))
        assert result.error is not None
        assert result.error.code == "job-failed"
        assert "oom: no memory in …/3" in str(result.error)

    def test_a_job_that_is_stopped(self, farm: Any) -> None:
        farm[0].looks = 10**9
        token = CancelToken()
        threading.Thread(target=lambda: (farm[0].running.wait(10), token.cancel())).start()
        plan = StageExecutionPlan((stage("txt2img"),))
        result = PipelineRunner(farm[2]).run_pipeline(plan, {"prompt": "x"}, token)
        assert (result.status, farm[0].deleted.is_set()) == ("cancelled", True)
        assert result.stages[0].warnings == ()

    def test_a_picture_elsewhere_is_not_fetched(self, farm: Any) -> None:
        farm[0].url = "http://cdn.example.invalid"
        result = run(farm[2], stage("txt2img"))
        assert result.error is not None
        assert result.error.code == "answer-url-outside"


@pytest.mark.parametrize("backend", ["openai_images", "renderfarm"])
def test_the_plan_that_both_run(catalog: Catalog, backend: str) -> None:
    file = load_plan(FOLDER / "plan.yaml", catalog)
    client = ApiClient("http://127.0.0.1:9", backend=backend, catalog=catalog)
    planned = PipelineRunner(client).check(file.plan, file.base_config)
    assert [one.prepared is not None and len(one.prepared.calls) for one in planned.stages] == [1, 1]
