"""What a host that learns is given of a run: one record, after success, and never any harm to the run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from engine import (
    CancelToken,
    Catalog,
    Event,
    PipelineResult,
    PipelineRunner,
    PlanError,
    PlanOptions,
    RunConfig,
    StageConfig,
    StageEngineError,
    StageExecution,
    StageExecutionPlan,
)
from engine.testing import CancelAfter, FakeClient, picture

CATALOG = Catalog()
CONTRACT = CATALOG.contracts.load("learning_record")
BASE = RunConfig(
    prompt="a lighthouse",
    model="base_model [12345678]",
    sampler="DPM++ 2M Karras",
    steps=24,
    cfg_scale=5.5,
    seed=-1,
    batch_size=2,
    upscaler_name="Lanczos",
    output_dir=Path("pictures"),
)
PLAN = StageExecutionPlan(
    (
        StageExecution("first", StageConfig("txt2img", {"width": 64, "height": 48})),
        StageExecution("off", StageConfig("img2img", enabled=False)),
        StageExecution("last", StageConfig("upscale", {"upscale_factor": 1.5})),
    ),
    run_id="run-7",
)


def fake(**options: Any) -> FakeClient:
    return FakeClient(backend="a1111", catalog=CATALOG, **options)


class Writer:
    """A writer with both methods: append_record is the one that counts."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def append_record(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def write(self, record: dict[str, Any]) -> None:
        raise AssertionError("append_record comes first")


def recorded(
    plan: StageExecutionPlan = PLAN, base: Any = BASE, client: FakeClient | None = None
) -> tuple[PipelineResult, dict[str, Any]]:
    """A run, and its record, which meets its contract and is plain JSON."""
    records: list[dict[str, Any]] = []
    runner = PipelineRunner(fake() if client is None else client, on_learning_record=records.append)
    result = runner.run_pipeline(plan, base)
    (record,) = records
    assert CONTRACT.problems(record, encoded_images=True) == []
    jsonschema.Draft202012Validator(CONTRACT.schema).validate(record)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    return result, record


class TestTheRecord:
    def test_it_says_what_was_asked_for(self) -> None:
        _, record = recorded()
        assert record["run_id"] == "run-7"
        assert record["base_config"] == {**BASE, "output_dir": "pictures"}
        assert [(s["order"], s["id"], s["stage_type"], s["status"]) for s in record["stages"]] == [
            (0, "first", "txt2img", "completed"),
            (1, "off", "img2img", "skipped"),
            (2, "last", "upscale", "completed"),
        ]
        assert record["stages"][0]["stage_config"] == {"width": 64, "height": 48}

    def test_it_says_what_ran_in_canonical_words(self) -> None:
        _, record = recorded()
        assert record["primary"] == {
            "model_name": "base_model",
            "sampler_name": "DPM++ 2M",
            "scheduler": "karras",
            "steps": 24,
            "cfg_scale": 5.5,
        }

    def test_the_first_stage_that_samples_counts_whatever_its_type(self) -> None:
        stages = (
            StageExecution("enlarge", StageConfig("upscale")),
            StageExecution("repair", StageConfig("adetailer", {"adetailer_model": "face_yolov8n.pt", "steps": 9})),
            StageExecution("redraw", StageConfig("img2img", {"steps": 31})),
        )
        _, record = recorded(StageExecutionPlan(stages, (picture(64, 64),)))
        assert record["primary"]["steps"] == 9

    def test_what_is_left_to_the_server_is_null(self) -> None:
        _, record = recorded(base=RunConfig(BASE, model=None))
        assert record["primary"]["model_name"] is None
        _, record = recorded(StageExecutionPlan((PLAN.stages[2],), (picture(64, 64),)))
        assert set(record["primary"].values()) == {None}
        assert record["stages"][0]["seed"] == {"requested": None, "drawn": False, "actual": []}

    def test_it_holds_requested_and_actual_seeds(self) -> None:
        result, record = recorded()
        request = result.stages[0].request
        assert request is not None
        drawn = request.fields["seed"]
        assert isinstance(drawn, int)
        assert record["stages"][0]["seed"] == {"requested": drawn, "drawn": True, "actual": [drawn, drawn + 1]}
        _, record = recorded(base=RunConfig(BASE, seed=5))
        assert record["stages"][0]["seed"] == {"requested": 5, "drawn": False, "actual": [5, 6]}
        left = StageExecutionPlan(PLAN.stages[:1], options=PlanOptions(seed="server"))
        _, record = recorded(left)
        assert record["stages"][0]["seed"]["requested"] == -1

    def test_it_names_every_image_by_its_digest(self) -> None:
        result, record = recorded()
        assert [image["digest"] for image in record["outputs"]] == [image.digest for image in result.images]
        assert [image["name"] for image in record["outputs"]] == ["last-1.png", "last-2.png"]
        assert record["outputs"] == record["stages"][2]["images"]
        assert (record["outputs"][0]["width"], record["outputs"][0]["height"]) == (96, 72)
        assert record["stages"][1]["images"] == []

    def test_it_holds_durations_and_events(self) -> None:
        result, record = recorded()
        assert record["duration"] == round(result.duration, 3)
        assert [s["duration"] for s in record["stages"]] == [round(s.duration, 3) for s in result.stages]
        assert [(event["kind"], event["stage"]) for event in record["events"]] == [
            ("run_started", None),
            ("stage_started", "first"),
            ("stage_finished", "first"),
            ("stage_started", "last"),
            ("stage_finished", "last"),
        ]
        times = [event["at"] for event in record["events"]]
        assert times == sorted(times)
        assert times[-1] <= record["timestamp"]

    def test_no_image_data_and_no_address_in_memory_is_in_it(self) -> None:
        mask, host_object = picture(64, 64, "mask"), object()
        hidden = "QUJD" * 200
        stages = (
            StageExecution(
                "only",
                StageConfig("img2img", {"mask": mask, "alwayson_scripts": {"ControlNet": {"args": [hidden]}}}),
            ),
        )
        base = RunConfig(BASE, preset_name=host_object, output_name=mask.data)
        images = (picture(64, 64),)
        _, record = recorded(StageExecutionPlan(stages, images), base)
        text = json.dumps(record)
        for secret in (mask.base64[:60], images[0].base64[:60], hidden[:80], hex(id(host_object))):
            assert secret not in text
        assert record["base_config"]["preset_name"] == "<object>"
        assert record["base_config"]["output_name"] == mask.digest
        assert record["stages"][0]["stage_config"]["mask"] == mask.describe()

    def test_its_contract_is_closed(self) -> None:
        _, record = recorded()
        spots: list[dict[str, Any]] = [record, record["primary"], record["stages"][0], record["stages"][0]["seed"]]
        spots += [record["events"][0], record["outputs"][0]]
        for spot in spots:
            spot["no_such_key"] = 1
            assert len(CONTRACT.problems(record, encoded_images=True)) == 1
            del spot["no_such_key"]
        for key in list(record):
            assert CONTRACT.problems({k: v for k, v in record.items() if k != key}, encoded_images=True) != []


class TestTheHooks:
    def test_each_is_called_once(self) -> None:
        writer, records = Writer(), list[dict[str, Any]]()
        runner = PipelineRunner(fake(), learning_writer=writer, on_learning_record=records.append)
        assert runner.run_pipeline(PLAN, BASE).success
        assert len(writer.records) == len(records) == 1
        assert writer.records == records

    def test_a_writer_may_have_write_alone(self) -> None:
        records: list[dict[str, Any]] = []
        PipelineRunner(fake(), learning_writer=SimpleNamespace(write=records.append)).run_pipeline(PLAN, BASE)
        assert [record["run_id"] for record in records] == ["run-7"]

    def test_a_writer_that_can_do_neither_is_refused_at_once(self) -> None:
        with pytest.raises(TypeError, match="append_record"):
            PipelineRunner(fake(), learning_writer=object())

    def test_none_is_off(self) -> None:
        result = PipelineRunner(fake(), learning_writer=None, on_learning_record=None).run_pipeline(PLAN, BASE)
        assert result.success
        assert result.warnings == ()

    def test_it_can_be_switched_off_and_on(self) -> None:
        writer, records = Writer(), list[dict[str, Any]]()
        hooks: dict[str, Any] = {"learning_writer": writer, "on_learning_record": records.append}
        runner = PipelineRunner(fake(), learning_enabled=False, **hooks)
        assert runner.run_pipeline(PLAN, BASE).success
        assert writer.records == records == []
        runner.learning_enabled = True
        runner.run_pipeline(PLAN, BASE)
        assert len(writer.records) == len(records) == 1

    def test_a_host_s_own_plan_is_recorded_as_it_was_read(self) -> None:
        records: list[dict[str, Any]] = []
        config = SimpleNamespace(payload={"steps": 7, "width": 64, "height": 48}, metadata=None, enabled=True)
        plan = SimpleNamespace(stages=[SimpleNamespace(stage_type="txt2img", config=config)], run_id="theirs")
        runner = PipelineRunner(fake(), on_learning_record=records.append)
        assert runner.run_pipeline(plan, SimpleNamespace(prompt="a cat", preset_name="p")).success
        (record,) = records
        assert CONTRACT.problems(record, encoded_images=True) == []
        assert record["run_id"] == "theirs"
        assert record["base_config"] == {"prompt": "a cat", "preset_name": "p"}
        assert record["stages"][0]["stage_config"] == {"steps": 7, "width": 64, "height": 48}
        assert record["primary"]["steps"] == 7

    def test_what_a_config_holds_under_words_that_count_for_nothing_is_bounded(self) -> None:
        twice: list[Any] = []
        twice += [twice, twice]
        for much in (twice, list(range(50_000)), dict.fromkeys(map(str, range(50_000)))):
            _, record = recorded(base=RunConfig(BASE, preset_name=much))
            assert len(json.dumps(record)) < 300_000

    def test_a_false_writer_is_still_a_writer(self) -> None:
        class Empty(Writer):
            def __len__(self) -> int:
                return len(self.records)

        writer = Empty()
        PipelineRunner(fake(), learning_writer=writer).run_pipeline(PLAN, BASE)
        assert len(writer) == 1

    def test_one_that_changes_its_record_does_not_change_the_others(self) -> None:
        records: list[dict[str, Any]] = []
        writer = SimpleNamespace(append_record=lambda record: record.clear())
        PipelineRunner(fake(), learning_writer=writer, on_learning_record=records.append).run_pipeline(PLAN, BASE)
        assert records[0]["run_id"] == "run-7"

    @pytest.mark.parametrize("which", ["learning_writer", "on_learning_record"])
    def test_one_that_raises_hurts_neither_the_run_nor_the_other(
        self, which: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(_: object) -> None:
            raise OSError("disk full")

        writer, records = Writer(), list[dict[str, Any]]()
        hooks: dict[str, Any] = {"learning_writer": writer, "on_learning_record": records.append}
        hooks[which] = SimpleNamespace(append_record=broken) if which == "learning_writer" else broken
        told: list[Event] = []
        with caplog.at_level(logging.CRITICAL, "engine"):
            result = PipelineRunner(fake(), listeners=[told.append], **hooks).run_pipeline(PLAN, BASE)
        assert result.success
        assert len(result.images) == 2
        assert [warning.code for warning in result.warnings] == ["learning-hook-raised"]
        assert "OSError" in result.warnings[0].message
        assert len(writer.records) + len(records) == 1
        assert told[-1].result == result  # who listens hears of it too

    def test_hooks_are_called_before_the_run_is_said_to_be_over(self) -> None:
        order: list[str] = []
        runner = PipelineRunner(
            fake(),
            listeners=[lambda event: order.append(event.kind)],
            on_learning_record=lambda _: order.append("record"),
        )
        runner.run_pipeline(PLAN, BASE)
        assert order[-2:] == ["record", "run_finished"]


class TestWhenNothingIsLearned:
    def run(self, client: FakeClient, token: Any = None, base: Any = BASE) -> PipelineResult:
        writer, records = Writer(), list[dict[str, Any]]()
        runner = PipelineRunner(client, learning_writer=writer, on_learning_record=records.append)
        try:
            return runner.run_pipeline(PLAN, base, token)
        finally:
            assert (writer.records, records) == ([], [])

    def test_a_run_that_fails(self) -> None:
        error = StageEngineError("no luck", code="test")
        assert self.run(fake(fails={"last": error})).status == "failed"

    def test_a_run_that_is_partial(self) -> None:
        assert self.run(fake(gives={"first": 1})).status == "partial"
        assert self.run(fake(gives={"last": 1})).status == "partial"

    def test_a_run_that_is_cancelled(self) -> None:
        token = CancelToken()
        token.cancel()
        assert self.run(fake(), token).status == "cancelled"
        assert self.run(fake(), CancelAfter(1)).status == "cancelled"

    def test_a_plan_that_is_refused(self) -> None:
        with pytest.raises(PlanError):
            self.run(fake(), base=RunConfig(BASE, steps=0))
