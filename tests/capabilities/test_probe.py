"""What a live server tells of itself, and a plan held against it before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import (
    ApiClient,
    BackendUnreachableError,
    Catalog,
    HttpStatusError,
    PayloadError,
    PipelineRunner,
    PlanOptions,
    StageConfig,
    StageExecution,
)
from engine import StageExecutionPlan as Plan
from engine.backends.server import Entry, ServerDescription
from engine.testing import picture
from tests.capabilities.answering import Answering
from tests.recordings import RECORDINGS, load, needs_recordings

CATALOG = Catalog()

MODELS = [
    {"title": "dream.safetensors [31e35c80fc]", "model_name": "dream", "filename": "/srv/models/dream.safetensors"},
    {"title": "sketch.safetensors", "model_name": "sketch", "filename": "C:\\models\\sketch.safetensors"},
]
ANSWERS: dict[str, tuple[int, object]] = {
    "/sdapi/v1/sd-models": (200, MODELS),
    "/sdapi/v1/samplers": (200, [{"name": "Euler a"}, {"name": "Euler"}]),
    "/sdapi/v1/schedulers": (200, [{"name": "automatic", "label": "Automatic"}, {"name": "karras", "label": "Karras"}]),
    "/sdapi/v1/upscalers": (200, [{"name": "None"}, {"name": "Lanczos"}]),
    "/sdapi/v1/latent-upscale-modes": (200, [{"name": "Latent"}]),
    "/sdapi/v1/sd-vae": (200, []),
    "/sdapi/v1/loras": (200, [{"name": "dark", "alias": "darkness"}]),
    "/adetailer/v1/ad_model": (200, {"ad_model": ["face_yolov8n.pt"]}),
    "/sdapi/v1/scripts": (200, {"txt2img": ["adetailer"], "img2img": ["adetailer"]}),
    "/sdapi/v1/options": (200, {"sd_model_checkpoint": "dream.safetensors [31e35c80fc]"}),
}


def client(url: str, **more: Any) -> ApiClient:
    return ApiClient(url, backend="a1111", catalog=CATALOG, **more)


def probed(answers: dict[str, tuple[int, object]]) -> ServerDescription:
    with Answering(answers) as server, client(server.url) as api:
        return api.probe()


def stage(kind: str, **fields: object) -> StageExecution:
    return StageExecution(f"the-{kind}", StageConfig(kind, fields))


def lacking(*stages: StageExecution, answers: dict[str, tuple[int, object]] = ANSWERS, **base: object) -> list[str]:
    """What a run on this server is refused for; nothing was sent."""
    takes = stages[0].stage_type != "txt2img"
    with Answering(answers) as server, client(server.url) as api, pytest.raises(PayloadError) as caught:
        plan = Plan(stages, (picture(64, 64),) if takes else ())
        PipelineRunner(api).run_pipeline(plan, {"prompt": "a", "upscaler_name": "Lanczos", **base})
    assert not any(path.endswith("2img") or "extra" in path for path in server.asked)
    return [f"{finding.message} | {finding.hint}" for finding in caught.value.findings]


def runs(*stages: StageExecution, answers: dict[str, tuple[int, object]] = ANSWERS, **more: Any) -> list[str]:
    """The warnings of a run that was let through to the server (which then fails it, so that it ends there)."""
    with Answering(answers) as server, client(server.url, **more) as api:
        result = PipelineRunner(api).run_pipeline(Plan(stages), {"prompt": "a"})
    assert result.status == "failed"
    assert server.asked[-1].endswith("2img")
    return [warning.message for warning in result.warnings]


class TestDescription:
    def test_names_are_those_that_find_an_entry(self) -> None:
        server = probed(ANSWERS)
        assert server.checkpoints == (
            Entry("dream.safetensors [31e35c80fc]", ("dream.safetensors", "dream")),
            Entry("sketch.safetensors", ("sketch",)),
        )
        assert server.checkpoint == "dream.safetensors [31e35c80fc]"
        assert server.upscalers is not None
        assert [entry.name for entry in server.upscalers] == ["None", "Lanczos", "Latent"]
        assert server.unanswered == ()

    def test_unknown_is_not_empty(self) -> None:
        server = probed({"/sdapi/v1/samplers": (200, []), "/sdapi/v1/loras": (404, {})})
        assert server.samplers == ()
        assert server.loras is None
        assert server.vaes is None
        assert server.to_json()["samplers"] == []
        assert server.to_json()["loras"] is None

    @pytest.mark.parametrize(
        "answer",
        [
            (500, {"error": "no", "detail": ""}),
            (200, b"<html>hello</html>"),
            (200, {"error": "not a list"}),
            (200, None),
            (200, 7),
        ],
    )
    def test_an_answer_that_cannot_be_used_leaves_the_list_unknown(self, answer: tuple[int, object]) -> None:
        server = probed({**ANSWERS, "/adetailer/v1/ad_model": answer})
        assert server.detectors is None
        assert [finding.code for finding in server.unanswered] == ["probe-unanswered"]
        assert server.samplers is not None

    def test_half_of_a_list_is_not_taken_for_the_whole(self) -> None:
        server = probed({**ANSWERS, "/sdapi/v1/latent-upscale-modes": (500, {})})
        assert server.upscalers is None

    def test_what_is_no_name_is_passed_over(self) -> None:
        odd: list[object] = [{"name": 7}, {}, None, "x", {"name": ""}, {"name": "n" * 2000}, {"name": "Euler"}]
        server = probed({**ANSWERS, "/sdapi/v1/samplers": (200, odd)})
        assert server.samplers == (Entry("Euler"),)

    def test_a_server_that_is_not_there_is_an_error(self) -> None:
        with client("http://127.0.0.1:9") as api, pytest.raises(BackendUnreachableError):
            api.probe()

    def test_a_server_that_lets_nobody_in_is_an_error(self) -> None:
        locked = dict.fromkeys(ANSWERS, (401, {"detail": "Not authenticated"}))
        with Answering(locked) as server, client(server.url) as api, pytest.raises(HttpStatusError) as caught:
            api.probe()
        assert caught.value.status == 401
        assert len(server.asked) == 1

    def test_it_is_asked_once_and_again_when_it_is_old(self) -> None:
        with Answering(ANSWERS) as server, client(server.url) as api:
            first = api.probe()
            assert api.probe() is first
            assert len(server.asked) == len(ANSWERS)
            assert api.probe(max_age=0) is not first
            assert len(server.asked) == 2 * len(ANSWERS)


class TestRun:
    def test_a_plan_that_names_what_there_is_runs(self) -> None:
        everything = stage(
            "txt2img",
            model="dream.safetensors [31e35c80fc]",
            sampler="Euler Karras",
            loras=[{"name": "some/where/dark.safetensors"}],
            hires_enabled=True,
            vae="",
        )
        assert runs(everything) == []
        assert runs(stage("txt2img", model="sketch")) == []

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            (
                {"model": "draem"},
                "the server has no checkpoint 'draem', which model_name names | did you mean 'dream'?",
            ),
            (
                {"sampler_name": "euler a"},
                "the server has no sampler 'euler a', which sampler_name names | did you mean 'Euler a'?",
            ),
            (
                {"scheduler": "beta"},
                "the server has no scheduler 'beta', which scheduler names | it has: Automatic, Karras",
            ),
            ({"vae": "soft.pt"}, "the server has no VAE 'soft.pt', which vae_name names | it has none"),
            (
                {"refiner_enabled": True, "refiner_model_name": "polish"},
                "the server has no checkpoint 'polish', which refiner_model_name names | "
                "it has: dream.safetensors [31e35c80fc], sketch.safetensors",
            ),
            (
                {"loras": [{"name": "dark"}, {"name": "light"}]},
                "the server has no LoRA 'light', which loras.1.name names | it has: dark",
            ),
            (
                {"hires_enabled": True, "hires_upscaler_name": "Latent (sharp)"},
                "the server has no upscaler 'Latent (sharp)', which hires_upscaler_name names | did you mean 'Latent'?",
            ),
        ],
    )
    def test_a_name_that_the_server_lacks_is_refused(self, fields: dict[str, object], message: str) -> None:
        assert lacking(stage("txt2img", **fields)) == [message]

    def test_detectors_and_scripts_are_needed(self) -> None:
        unit = {"model": "hand.pt"}
        assert lacking(stage("adetailer", adetailer_units=[unit])) == [
            "the server has no detector 'hand.pt', which adetailer_units.0.model names | it has: face_yolov8n.pt"
        ]
        bare = {**ANSWERS, "/sdapi/v1/scripts": (200, {"txt2img": [], "img2img": []})}
        bare.pop("/adetailer/v1/ad_model")
        assert lacking(stage("adetailer", adetailer_units=[unit]), answers=bare) == [
            "the server has no script 'adetailer', and stages of type adetailer need it | "
            "install it there, or disable the stage"
        ]

    def test_everything_that_is_lacking_is_said_at_once(self) -> None:
        found = lacking(stage("txt2img", model="x"), stage("upscale", upscaler_name="y"), sampler="Euler b")
        assert len(found) == 3

    def test_what_is_unknown_is_not_checked(self) -> None:
        quiet: dict[str, tuple[int, object]] = {"/sdapi/v1/samplers": ANSWERS["/sdapi/v1/samplers"]}
        assert runs(stage("txt2img", model="anything", vae="soft.pt"), answers=quiet) == []

    def test_a_server_of_which_nothing_is_learned_is_a_warning(self) -> None:
        broken = dict.fromkeys(ANSWERS, (500, {}))
        assert len(runs(stage("txt2img", model="anything"), answers=broken)) == len(ANSWERS)

    def test_it_can_be_switched_off(self) -> None:
        assert runs(stage("txt2img", model="anything"), check_names=False) == []

    def test_a_server_that_is_not_there_is_told_before_the_run(self) -> None:
        with client("http://127.0.0.1:9") as api, pytest.raises(BackendUnreachableError):
            PipelineRunner(api).run_pipeline(Plan((stage("txt2img"),)), {"prompt": "a"})

    def test_the_plans_line_is_named(self, tmp_path: Path) -> None:
        from engine import load_plan

        file = tmp_path / "plan.yaml"
        file.write_text(
            "base_config:\n  prompt: a\n  model: draem\nstages: [{stage_type: txt2img}]\n", encoding="utf-8"
        )
        loaded = load_plan(file, CATALOG)
        with Answering(ANSWERS) as server, client(server.url) as api, pytest.raises(PayloadError) as caught:
            PipelineRunner(api).run_pipeline(loaded.plan, loaded.base_config)
        (finding,) = caught.value.findings
        assert finding.at is not None
        assert (finding.code, finding.at.line) == ("server-lacks-name", 3)

    def test_what_a_server_lacks_is_never_left_out(self) -> None:
        plan = Plan((stage("txt2img", model="draem"),), options=PlanOptions(on_unsupported="warn"))
        with Answering(ANSWERS) as server, client(server.url) as api, pytest.raises(PayloadError):
            PipelineRunner(api).run_pipeline(plan, {"prompt": "a"})


def recorded(folder: str) -> dict[str, tuple[int, object]]:
    """Every question that was recorded of a server: what it answered."""
    assert RECORDINGS is not None
    answers: dict[str, tuple[int, object]] = {}
    for file in sorted((RECORDINGS / folder).glob("get-*.json"), key=lambda file: (len(file.stem), file.stem)):
        recording = load(folder, file.stem)
        if recording["request"]["method"] == "GET":
            answers.setdefault(recording["request"]["path"], (recording["status"], recording["response"]))
    return answers


def comfyui() -> dict[str, tuple[int, object]]:
    """The two questions that ComfyUI is asked."""
    return {
        "/object_info": (200, load("comfyui", "object_info")),
        "/system_stats": (200, load("comfyui", "system_stats")["body"]),
    }


@needs_recordings
class TestRecordings:
    def test_automatic1111(self) -> None:
        server = probed(recorded("a1111"))
        assert server.checkpoints is not None
        assert [entry.name for entry in server.checkpoints][:2] == [
            "random15.safetensors",
            "random15_refiner.safetensors",
        ]
        assert server.checkpoints[0].is_called("random15")
        assert server.samplers is not None
        assert len(server.samplers) > 15
        assert (server.vaes, server.loras) == ((), ())
        assert server.detectors is not None
        assert "face_yolov8n.pt" in [entry.name for entry in server.detectors]
        assert server.scripts is not None
        assert "adetailer" in [entry.name for entry in server.scripts]
        assert server.unanswered == ()
        json.dumps(server.to_json())

    def test_sdnext(self) -> None:
        with Answering(recorded("sdnext")) as server, ApiClient(server.url, backend="sdnext", catalog=CATALOG) as api:
            told = api.probe()
        assert told.checkpoint == "Diffusers/tiny15"
        assert told.schedulers is None
        assert told.detectors is not None
        assert "face-yolo8n" in [entry.name for entry in told.detectors]
        assert told.unanswered == ()

    @pytest.mark.parametrize("backend", [name for name in ("a1111", "forge", "sdnext") if name in CATALOG.names()])
    def test_a_portable_plan_finds_its_names_on_each_server(self, backend: str) -> None:
        fields = {"sampler": "DPM++ 2M Karras", "hires_enabled": True, "hires_upscaler_name": "Latent"}
        stages = (
            stage("txt2img", **fields),
            stage("upscale", upscaler_name="Lanczos"),
            stage("adetailer", adetailer_model="face_yolov8n.pt"),
        )
        with Answering(recorded(backend)) as server, ApiClient(server.url, backend=backend, catalog=CATALOG) as api:
            runner = PipelineRunner(api)
            assert list(runner.check_server(runner.check(Plan(stages), {"prompt": "a"}))) == []

    def test_comfyui(self) -> None:
        with Answering(comfyui()) as server, ApiClient(server.url, backend="comfyui", catalog=CATALOG) as api:
            told = api.probe()
        assert told.version == "0.3.64"
        assert told.checkpoints is not None
        assert [entry.name for entry in told.checkpoints] == ["random15.safetensors", "random15_refiner.safetensors"]
        assert (told.upscalers, told.loras, told.detectors) == ((), (), None)
        assert told.nodes is not None
        assert len(told.nodes) == 496
        assert told.unanswered == ()

    @pytest.mark.parametrize(
        ("kind", "fields", "lacking"),
        [
            ("txt2img", {"model": "random15.safetensors"}, None),
            (
                "txt2img",
                {"model": "random51.safetensors"},
                "no 'random51.safetensors', which model_name asks for",
            ),
            (
                "adetailer",
                {"model_name": "random15.safetensors", "adetailer_model": "face_yolov8n.pt"},
                "the server has no node",
            ),
        ],
    )
    def test_a_graph_is_held_against_the_servers_own_nodes(
        self, kind: str, fields: dict[str, object], lacking: str | None
    ) -> None:
        images = () if kind == "txt2img" else (picture(64, 64),)
        with Answering(comfyui()) as server, ApiClient(server.url, backend="comfyui", catalog=CATALOG) as api:
            runner = PipelineRunner(api)
            planned = runner.check(Plan((stage(kind, **fields),), images), {"prompt": "a"})
            if lacking is None:
                assert list(runner.check_server(planned)) == []
                return
            with pytest.raises(PayloadError) as caught:
                runner.check_server(planned)
        assert lacking in str(caught.value)
        assert {finding.code for finding in caught.value.findings} <= {"server-lacks-name", "server-lacks-part"}

    @pytest.mark.parametrize("folder", ["a1111", "forge", "sdnext", "comfyui"])
    @pytest.mark.parametrize("backend", CATALOG.names())
    def test_no_server_breaks_a_probe(self, folder: str, backend: str) -> None:
        with Answering(recorded(folder)) as server, ApiClient(server.url, backend=backend, catalog=CATALOG) as api:
            json.dumps(api.probe().to_json())
