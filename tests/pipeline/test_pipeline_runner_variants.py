"""Plans of every kind through the runner: which stages run, how a run ends, and what is said before it starts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import (
    AnswerError,
    BackendUnreachableError,
    CancelToken,
    Catalog,
    Event,
    Finding,
    GenerateImagesRequest,
    GenerateResult,
    Image,
    PayloadError,
    PipelineResult,
    PipelineRunner,
    PlanError,
    PlanOptions,
    Progress,
    RunConfig,
    RunIncompleteError,
    StageConfig,
    StageEngineError,
    StageExecution,
    StageExecutionPlan,
)
from engine.testing import CancelAfter, FakeClient, FakePipeline, picture

CATALOG = Catalog()
BASE = RunConfig(prompt="a lighthouse", seed=100, upscaler_name="Lanczos", adetailer_model="face_yolov8n.pt")
NO_LUCK = StageEngineError("no luck", code="test")


def stage(kind: str, /, name: str | None = None, enabled: bool | None = None, **fields: object) -> StageExecution:
    return StageExecution(kind if name is None else name, StageConfig(kind, fields, enabled))


def plan_of(*stages: StageExecution | str, images: tuple[Any, ...] = (), **more: Any) -> StageExecutionPlan:
    every = tuple(stage(one) if isinstance(one, str) else one for one in stages)
    return StageExecutionPlan(every, images, **more)


def fake(**options: Any) -> FakeClient:
    return FakeClient(backend="a1111", catalog=CATALOG, **options)


def run(plan: StageExecutionPlan, client: FakeClient | None = None, **base: object) -> PipelineResult:
    return PipelineRunner(fake() if client is None else client).run_pipeline(plan, RunConfig(BASE, **base))


def refusal(plan: StageExecutionPlan, **base: object) -> PlanError:
    """What a runner says of a plan that it refuses; no call was made."""
    client = fake()
    with pytest.raises(PlanError) as caught:
        run(plan, client, **base)
    assert client.requests == []
    return caught.value


def codes(error: StageEngineError) -> list[str]:
    return [finding.code for finding in error.findings]


class TestOrders:
    @pytest.mark.parametrize("kind", ["txt2img", "img2img", "hires", "upscale", "adetailer"])
    def test_a_single_stage(self, kind: str) -> None:
        client = fake()
        result = run(plan_of(kind, images=() if kind == "txt2img" else (picture(64, 64),)), client)
        assert result.success
        assert [request.stage_type for request in client.requests] == [kind]
        assert len(result.images) == 1

    @pytest.mark.parametrize(
        "order",
        [
            ("txt2img", "img2img"),
            ("txt2img", "img2img", "upscale", "adetailer"),
            ("txt2img", "img2img", "adetailer", "upscale"),
            ("txt2img", "upscale", "img2img"),
            ("txt2img", "hires", "adetailer"),
            ("txt2img", "upscale", "hires", "upscale2", "img2img"),
            ("txt2img", "adetailer", "adetailer2"),
        ],
        ids=" ".join,
    )
    def test_stages_run_in_the_order_of_the_plan(self, order: tuple[str, ...]) -> None:
        client = fake()
        result = run(plan_of(*(stage(name.rstrip("2") if name[:3] != "txt" else name, name) for name in order)), client)
        assert result.success
        assert [request.stage_id for request in client.requests] == list(order)
        assert [one.id for one in result.stages] == list(order)
        assert {one.status for one in result.stages} == {"completed"}

    def test_sizes_follow_the_pictures_through_a_plan(self) -> None:
        result = run(
            plan_of("txt2img", stage("upscale", upscale_factor=1.5), "img2img", "adetailer"), width=64, height=40
        )
        sizes = [[(image.width, image.height) for image in one.images] for one in result.stages]
        assert sizes == [[(64, 40)], [(96, 56)], [(96, 56)], [(96, 56)]]

    def test_a_stage_type_may_run_twice_with_configs_of_its_own(self) -> None:
        client = fake()
        plan = plan_of(
            "txt2img",
            stage("img2img", "soft", denoising_strength=0.1),
            stage("img2img", "hard", denoising_strength=0.9),
        )
        run(plan, client)
        assert [request.fields.get("denoising_strength") for request in client.requests] == [None, 0.1, 0.9]


class TestWhichStagesRun:
    def test_a_disabled_stage_is_skipped_and_pictures_go_past_it(self) -> None:
        client = fake()
        result = run(plan_of("txt2img", stage("img2img", enabled=False), "upscale"), client)
        assert [one.status for one in result.stages] == ["completed", "skipped", "completed"]
        assert client.requests[1].input_images == result.stages[0].images
        assert result.success

    def test_a_disabled_first_stage_wants_pictures_instead(self) -> None:
        plan = plan_of(stage("txt2img", enabled=False), "upscale")
        assert codes(refusal(plan)) == ["plan-no-input"]
        assert run(replace(plan, input_images=(picture(64, 64),))).success

    @pytest.mark.parametrize(
        ("enabled", "toggle", "runs"),
        [
            *((None, None, True), (True, None, True), (False, None, False)),
            *((None, True, True), (None, False, False), (True, True, True), (False, False, False)),
        ],
    )
    def test_enabled_and_the_stages_own_toggle(self, enabled: bool | None, toggle: bool | None, runs: bool) -> None:
        own = {} if toggle is None else {"img2img_enabled": toggle}
        result = run(plan_of("txt2img", StageExecution("second", StageConfig("img2img", own, enabled))))
        assert result.stages[1].status == ("completed" if runs else "skipped")

    @pytest.mark.parametrize("enabled", [True, False])
    def test_a_toggle_that_says_the_opposite_is_refused(self, enabled: bool) -> None:
        error = refusal(plan_of("txt2img", stage("img2img", enabled=enabled, img2img_enabled=not enabled)))
        assert codes(error) == ["plan-toggle"]
        assert "leave img2img_enabled out" in str(error)

    @pytest.mark.parametrize("value", ["true", 1, 0, "", []])
    def test_a_toggle_that_is_no_boolean_is_refused(self, value: object) -> None:
        assert codes(refusal(plan_of("txt2img", stage("img2img", img2img_enabled=value)))) == ["plan-toggle"]

    def test_a_toggle_of_another_stage_or_in_base_decides_nothing(self) -> None:
        result = run(plan_of("txt2img", stage("upscale", img2img_enabled=False)), upscale_enabled=False)
        assert [one.status for one in result.stages] == ["completed", "completed"]

    def test_null_is_no_word_on_it(self) -> None:
        assert run(plan_of(stage("txt2img", txt2img_enabled=None))).success

    def test_a_disabled_stage_may_hold_anything(self) -> None:
        """It does not run, so what it says does not matter; it is not even looked at."""
        assert run(plan_of("txt2img", stage("img2img", enabled=False, no_such_field=1))).success


class TestInputImages:
    def test_handles_bytes_and_paths_feed_the_first_stage(self, tmp_path: Path) -> None:
        images = [picture(64, 64, name) for name in ("one", "two", "three", "four")]
        for name, image in (("three.png", images[2]), ("four.png", images[3])):
            (tmp_path / name).write_bytes(image.data)
        client = fake()
        given = (images[0], images[1].data, tmp_path / "three.png", str(tmp_path / "four.png"))
        result = run(plan_of("upscale", images=given), client)
        assert list(client.requests[0].input_images) == images
        assert len(result.images) == 4

    def test_three_pictures_in_are_three_out_in_order_with_seeds_counted_up(self) -> None:
        images = tuple(picture(64, 64, str(number)) for number in range(3))
        client = fake()
        result = run(plan_of("img2img", images=images), client)
        assert client.requests[0].input_images == images
        assert len(result.images) == 3
        assert result.stages[0].seeds == (100, 101, 102)

    def test_pictures_that_no_stage_takes_are_refused(self) -> None:
        assert codes(refusal(plan_of("txt2img", images=(picture(64, 64),)))) == ["plan-input-unused"]

    def test_no_pictures_where_some_are_needed_are_refused_once(self) -> None:
        assert codes(refusal(plan_of("img2img", "upscale"))) == ["plan-no-input"]

    def test_a_stage_that_would_throw_pictures_away_is_refused(self) -> None:
        error = refusal(plan_of("txt2img", stage("txt2img", "again")))
        assert codes(error) == ["plan-pictures-lost"]
        assert error.findings[0].stage == "again"

    def test_too_many_pictures_are_refused_before_the_first_call(self) -> None:
        error = refusal(plan_of("txt2img", "upscale"), batch_size=16, n_iter=100)
        assert codes(error) == ["request-contract"]
        assert "input_images must have at most 256 items, not a list of 1600" in str(error)

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC" * 200, id="base64"),
            pytest.param("data:image/png;base64,iVBORw0KGgo", id="data-url"),
            pytest.param("x" * 300, id="one-long-part"),
        ],
    )
    @pytest.mark.parametrize("where", ["input_images", "mask_image"])
    def test_a_text_that_is_a_picture_is_not_shown_as_a_file_name(self, text: str, where: str) -> None:
        own = {"mask_image": text} if where == "mask_image" else {}
        images = (text,) if where == "input_images" else (picture(64, 64),)
        error = refusal(plan_of(stage("img2img", **own), images=images))
        assert codes(error) == ["image-unreadable"]
        assert where in str(error)
        assert "from_base64" in str(error)
        assert text[:30] not in str(error)

    @pytest.mark.parametrize(
        ("given", "code"), [(b"nothing", "image-unknown-format"), ("no/such.png", "image-unreadable")]
    )
    def test_what_is_no_picture_is_named_by_its_place(self, given: object, code: str) -> None:
        error = refusal(plan_of("upscale", images=(picture(64, 64), given)))
        assert codes(error) == [code]
        assert "input_images.1" in str(error)


class TestHowARunEnds:
    def test_fewer_pictures_than_asked_for_are_partial_and_nothing_runs_after(self) -> None:
        client = fake(gives={"txt2img": 2})
        result = run(plan_of("txt2img", "upscale"), client, batch_size=3)
        assert result.status == "partial"
        assert not result.success
        assert [one.status for one in result.stages] == ["partial", "skipped"]
        assert result.images == result.stages[0].images
        assert len(result.images) == 2
        assert len(client.requests) == 1
        assert result.error is None
        with pytest.raises(RunIncompleteError, match="partial"):
            result.raise_for_status()

    def test_a_stage_that_fails_keeps_what_was_made_before_it(self) -> None:
        client = fake(fails={"img2img": NO_LUCK})
        result = run(plan_of("txt2img", "img2img", "upscale"), client)
        assert result.status == "failed"
        assert [one.status for one in result.stages] == ["completed", "failed", "skipped"]
        assert result.images == result.stages[0].images
        assert result.error is NO_LUCK
        assert result.stages[1].error is NO_LUCK
        assert result.stages[1].request is client.requests[1]
        with pytest.raises(StageEngineError, match="no luck"):
            result.raise_for_status()

    def test_a_stage_that_gives_nothing_failed(self) -> None:
        result = run(plan_of("txt2img", "upscale"), fake(gives={"txt2img": 0}))
        assert result.status == "failed"
        assert isinstance(result.error, AnswerError)
        assert result.error.code == "answer-no-images"
        assert result.images == ()

    def test_a_stage_that_failed_halfway_keeps_its_pictures(self) -> None:
        image = picture(64, 64)
        client = SimpleNamespace(generate_images=lambda _: GenerateResult((image,), expected=2, error=NO_LUCK))
        result = PipelineRunner(client, catalog=CATALOG).run_pipeline(plan_of("txt2img"), BASE)
        assert result.status == "partial"
        assert result.images == (image,)
        assert result.error is NO_LUCK

    def test_a_run_that_completed_raises_nothing(self) -> None:
        result = run(plan_of("txt2img"))
        assert result.raise_for_status() is result

    def test_warnings_of_a_client_stand_in_the_stage(self) -> None:
        warning = Finding("answer-more-images", "2 images were asked for and 3 came", severity="warning")
        client = SimpleNamespace(generate_images=lambda _: GenerateResult((picture(64, 64),), warnings=(warning,)))
        result = PipelineRunner(client, catalog=CATALOG).run_pipeline(plan_of("txt2img"), BASE)
        assert result.success
        assert result.stages[0].warnings == (warning,)
        assert result.to_json()["stages"][0]["warnings"][0]["code"] == "answer-more-images"  # type: ignore[index]

    def test_times_are_kept(self) -> None:
        result = run(plan_of("txt2img"))
        assert result.started is not None
        assert result.started.endswith("+00:00")
        assert result.stages[0].duration >= 0
        assert result.duration >= result.stages[0].duration


class TestCancel:
    def run(self, token: Any, *kinds: str, client: FakeClient | None = None) -> tuple[PipelineResult, FakeClient]:
        used = fake() if client is None else client
        return PipelineRunner(used).run_pipeline(plan_of(*kinds), BASE, token), used

    def test_before_the_run_no_call_is_made(self) -> None:
        token = CancelToken()
        token.cancel()
        result, client = self.run(token, "txt2img", "upscale")
        assert client.requests == []
        assert result.status == "cancelled"
        assert [one.status for one in result.stages] == ["cancelled", "skipped"]
        assert (result.images, result.error) == ((), None)

    @pytest.mark.parametrize("stages", [1, 2])
    def test_between_stages_what_was_made_is_kept(self, stages: int) -> None:
        result, client = self.run(CancelAfter(stages), "txt2img", "img2img", "upscale")
        assert len(client.requests) == stages
        assert result.status == "cancelled"
        assert [one.status for one in result.stages] == (["completed"] * stages + ["cancelled", "skipped"])[:3]
        assert result.images == result.stages[stages - 1].images
        assert not result.success
        with pytest.raises(RunIncompleteError) as caught:
            result.raise_for_status()
        assert caught.value.code == "run-cancelled"

    def test_while_a_stage_runs_its_pictures_are_kept_and_no_other_runs(self) -> None:
        token = CancelToken()
        client = fake(during=lambda request: token.cancel() if request.stage_id == "img2img" else None)
        result, _ = self.run(token, "txt2img", "img2img", "upscale", client=client)
        assert [one.status for one in result.stages] == ["completed", "completed", "cancelled"]
        assert result.images == result.stages[1].images

    def test_a_client_that_heeds_the_token_stops_its_stage(self) -> None:
        token = CancelToken()
        client = fake(during=lambda request: token.cancel() if request.stage_id == "img2img" else None, stops=True)
        result, _ = self.run(token, "txt2img", "img2img", "upscale", client=client)
        assert [one.status for one in result.stages] == ["completed", "cancelled", "skipped"]
        assert (result.status, result.error) == ("cancelled", None)
        assert result.images == result.stages[0].images

    def test_what_a_stopped_stage_had_made_is_in_its_result_and_goes_no_further(self) -> None:
        made = picture(64, 64, "half")

        class Stopped(FakeClient):
            def generate_images(self, request: GenerateImagesRequest, **watching: Any) -> GenerateResult:
                self.requests.append(request)
                return GenerateResult((made,), cancelled=True, expected=3)

        result, client = self.run(CancelToken(), "txt2img", "img2img", client=Stopped())
        assert [one.status for one in result.stages] == ["cancelled", "skipped"]
        assert result.stages[0].images == (made,)
        assert len(client.requests) == 1

    def test_a_client_that_takes_a_request_alone_is_given_no_more(self) -> None:
        class Old:
            def generate_images(self, request: GenerateImagesRequest) -> GenerateResult:
                return GenerateResult((picture(64, 64),))

        assert PipelineRunner(Old()).run_pipeline(plan_of("txt2img"), BASE).status == "completed"

    def test_one_whose_signature_cannot_be_read_is_given_no_more(self) -> None:
        class Odd:
            __signature__ = "no signature"

            def __call__(self, request: GenerateImagesRequest) -> GenerateResult:
                return GenerateResult((picture(64, 64),))

        client = SimpleNamespace(generate_images=Odd())
        assert PipelineRunner(client).run_pipeline(plan_of("txt2img"), BASE).status == "completed"

    def test_progress_is_told_to_every_listener_and_not_to_the_learning_record(self) -> None:
        events: list[Event] = []
        records: list[Any] = []
        client = fake(tells=(0.25, 1.0))
        runner = PipelineRunner(client, listeners=[events.append], on_learning_record=records.append)
        runner.run_pipeline(plan_of("txt2img"), BASE)
        told = [(event.stage_id, event.index, event.progress) for event in events if event.kind == "progress"]
        assert told == [("txt2img", 0, Progress(0.25)), ("txt2img", 0, Progress(1.0))]
        assert "progress" not in str(records)

    def test_a_token_that_raises_in_a_call_stops_it_and_is_warned_of_once(self) -> None:
        answers = iter([False])
        token = SimpleNamespace(is_cancelled=lambda: next(answers))
        result, _ = self.run(token, "txt2img", "upscale", client=fake(stops=True))
        assert [one.status for one in result.stages] == ["cancelled", "skipped"]
        assert [warning.code for warning in result.warnings] == ["token-raised"]

    def test_after_the_last_stage_there_is_nothing_left_to_cancel(self) -> None:
        token = CancelToken()
        result, _ = self.run(token, "txt2img", client=fake(during=lambda _: token.cancel()))
        assert result.status == "completed"

    def test_a_stage_that_failed_while_it_was_cancelled_failed(self) -> None:
        token = CancelToken()
        client = fake(fails={"txt2img": NO_LUCK}, during=lambda _: token.cancel())
        result, _ = self.run(token, "txt2img", "upscale", client=client)
        assert result.status == "failed"

    def test_of_a_foreign_token_only_is_cancelled_is_used(self) -> None:
        result, client = self.run(SimpleNamespace(is_cancelled=lambda: 1), "txt2img")
        assert (result.status, client.requests) == ("cancelled", [])

    def test_a_token_that_raises_stops_the_run_and_loses_nothing(self) -> None:
        answers = iter([False])
        result, _ = self.run(SimpleNamespace(is_cancelled=lambda: next(answers)), "txt2img", "upscale")
        assert [one.status for one in result.stages] == ["completed", "cancelled"]
        assert result.images == result.stages[0].images
        assert [warning.code for warning in result.warnings] == ["token-raised"]
        assert "StopIteration" in result.warnings[0].message


class TestSeeds:
    def seeds(self, *stages: StageExecution | str, options: PlanOptions | None = None, **base: object) -> list[object]:
        client = fake()
        plan = plan_of(*stages, options=PlanOptions() if options is None else options)
        run(plan, client, **base)
        return [request.fields.get("seed") for request in client.requests]

    def test_a_base_seed_is_drawn_once_a_run(self) -> None:
        first, second, third = self.seeds("txt2img", "img2img", "adetailer", seed=-1)
        assert isinstance(first, int)
        assert 0 <= first < 2**32
        assert first == second == third
        assert self.seeds("txt2img", seed=-1) != self.seeds("txt2img", seed=-1)

    def test_a_seed_that_nobody_gives_is_drawn_too(self) -> None:
        (seed,) = self.seeds("txt2img", seed=None)
        assert isinstance(seed, int)
        assert seed >= 0

    def test_a_stages_own_is_drawn_anew(self) -> None:
        first, second, third = self.seeds("txt2img", stage("img2img", seed=-1), "adetailer", seed=-1)
        assert first == third != second
        assert isinstance(second, int)
        assert second >= 0

    def test_a_stages_own_number_counts_for_it_alone(self) -> None:
        assert self.seeds("txt2img", stage("img2img", seed=0), "adetailer") == [100, 0, 100]

    def test_the_server_may_draw(self) -> None:
        options = PlanOptions(seed="server")
        assert self.seeds("txt2img", stage("img2img", seed=-1), "adetailer", options=options, seed=-1) == [-1, -1, -1]

    def test_a_dry_check_draws_the_same_each_time_and_another_for_another_plan(self) -> None:
        runner = PipelineRunner(fake())

        def drawn(**base: object) -> object:
            request = runner.check(plan_of("txt2img"), RunConfig(seed=-1, **base)).stages[0].request
            assert request is not None
            assert request.origins["seed"].kind == "drawn"
            return request.fields["seed"]

        assert drawn(prompt="a") == drawn(prompt="a") != drawn(prompt="b")


class TestBeforeTheFirstCall:
    def test_everything_that_is_wrong_comes_at_once(self) -> None:
        error = refusal(
            plan_of(
                stage("txt2img", steps=0, no_such=1),
                stage("imgimg", "typo"),
                stage("upscale", "twice", upscaler_name=None),
                stage("adetailer", "twice", hires_denoise=0.5),
            ),
            widht=512,
        )
        assert sorted(codes(error)) == [
            *("config-foreign-field", "config-missing", "config-unknown-key", "config-unknown-key", "config-value"),
            *("plan-duplicate-id", "plan-unknown-stage"),
        ]
        assert {f.stage for f in error.findings} == {None, "txt2img", "typo", "twice"}
        assert "did you mean 'img2img'" in str(error)

    def test_what_is_wrong_with_the_base_config_is_said_once(self) -> None:
        error = refusal(plan_of("txt2img", "img2img", stage("img2img", "again", steps=0)), widht=512, steps=True)
        said = [(f.code, f.field, f.stage) for f in error.findings]
        assert said == [
            ("config-unknown-key", "widht", None),
            ("config-value", "steps", None),
            ("config-value", "steps", "again"),
        ]

    def test_a_plan_without_stages_or_with_none_that_runs(self) -> None:
        assert codes(refusal(plan_of())) == ["plan-empty"]
        assert codes(refusal(plan_of(stage("txt2img", enabled=False)))) == ["plan-empty"]

    def test_payloads_that_cannot_be_built_come_at_once_too(self) -> None:
        client = fake()
        plan = plan_of("txt2img", *(stage("hires", f"hires{n}", hires_upscale_factor=8) for n in range(1, 6)))
        with pytest.raises(PayloadError) as caught:
            run(plan, client, width=4096, height=4096)
        assert client.requests == []
        # Where a stage has no payload, nobody knows what it would give: the next ones start anew from a small one.
        assert {(f.stage, f.code) for f in caught.value.findings} == {
            ("hires2", "payload-contract"),
            ("hires5", "payload-contract"),
        }
        assert all(f.at is not None and f.at.file == "mappings/a1111/hires.yaml" for f in caught.value.findings)
        assert caught.value.findings[0].backend == "a1111"

    def test_a_picture_too_large_to_be_one_is_refused_by_the_stage_that_would_make_it(self) -> None:
        client = fake()
        plan = plan_of(*("upscale", stage("upscale", "most")), images=(picture(4096, 8),))
        with pytest.raises(PayloadError) as caught:
            run(plan, client, upscale_factor=8)
        assert [(f.code, f.stage) for f in caught.value.findings] == [("payload-size", "most")]
        assert client.requests == []

    def test_hires_twice_is_refused_unless_the_first_says_which(self) -> None:
        error = refusal(plan_of("txt2img", "hires"), hires_enabled=True)
        assert codes(error) == ["plan-ambiguous-group"]
        for word in (True, False):
            assert run(plan_of(stage("txt2img", hires_enabled=word), "hires"), hires_enabled=True).success
        assert run(plan_of("txt2img", stage("hires", enabled=False)), hires_enabled=True).success

    def test_a_value_that_holds_itself_is_refused(self) -> None:
        loop: list[object] = []
        loop.append(loop)
        assert codes(refusal(plan_of("txt2img"), styles=loop)) == ["config-value"]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", b"7", object(), True, "7", 10**400, 1e308])
    def test_a_value_that_is_no_number_is_refused(self, value: object) -> None:
        assert codes(refusal(plan_of("txt2img"), cfg_scale=value)) == ["config-value"]

    def test_checking_sends_nothing_and_may_be_done_without_a_server(self) -> None:
        client = fake()
        planned = PipelineRunner(client).check(plan_of("txt2img", stage("img2img", enabled=False), "upscale"), BASE)
        assert client.requests == []
        assert [one.enabled for one in planned.stages] == [True, False, True]
        assert planned.stages[2].request is not None
        assert all(image.predicted for image in planned.stages[2].request.input_images)


class TestListeners:
    def test_they_are_told_in_order(self) -> None:
        told: list[Event] = []
        plan = plan_of("txt2img", stage("img2img", enabled=False), "upscale")
        result = PipelineRunner(fake(), listeners=[told.append]).run_pipeline(plan, BASE)
        assert [(event.kind, event.stage_id, event.index) for event in told] == [
            ("run_started", None, None),
            ("stage_started", "txt2img", 0),
            ("stage_finished", "txt2img", 0),
            ("stage_started", "upscale", 1),
            ("stage_finished", "upscale", 1),
            ("run_finished", None, None),
        ]
        assert {event.total for event in told} == {2}
        assert {event.run_id for event in told} == {plan.run_id}
        assert told[2].stage == result.stages[0]
        assert told[-1].result == result

    def test_one_that_raises_is_reported_and_hurts_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[str] = []

        def broken(event: Event) -> None:
            raise KeyError(event.kind)

        runner = PipelineRunner(fake(), listeners=[broken, lambda event: told.append(event.kind)])
        with caplog.at_level(logging.CRITICAL, "engine"):
            result = runner.run_pipeline(plan_of("txt2img"), BASE)
        assert result.success
        assert told == ["run_started", "stage_started", "stage_finished", "run_finished"]
        assert [warning.code for warning in result.warnings] == ["listener-raised"] * 4
        assert "KeyError at run_started" in result.warnings[0].message


class Foreign:
    """A client of somebody else's: `generate_images` and nothing more."""

    def __init__(self, answer: Callable[[GenerateImagesRequest], Any]) -> None:
        self.answer = answer

    def generate_images(self, request: GenerateImagesRequest) -> GenerateResult:
        given: GenerateResult = self.answer(request)
        return given


class TestForeignClients:
    def run(self, answer: Callable[[GenerateImagesRequest], Any], *kinds: str) -> PipelineResult:
        plan = plan_of(*kinds) if kinds else plan_of("txt2img")
        return PipelineRunner(Foreign(answer), catalog=CATALOG).run_pipeline(plan, BASE)

    def test_any_object_with_the_method_will_do(self) -> None:
        result = self.run(lambda request: GenerateResult((picture(40, 40, request.stage_id),)), "txt2img", "img2img")
        assert result.success
        assert result.stages[1].seeds == ()

    def test_what_it_raises_becomes_a_typed_error(self, caplog: pytest.LogCaptureFixture) -> None:
        picture_text = "iVBORw0KGgo" + "A" * 5000

        def broken(request: GenerateImagesRequest) -> GenerateResult:
            if request.stage_id == "img2img":
                raise ValueError(f"bad answer: {picture_text}")
            return GenerateResult((picture(40, 40),))

        with caplog.at_level(logging.DEBUG, "engine"):
            result = self.run(broken, "txt2img", "img2img", "upscale")
        assert result.status == "failed"
        assert [one.status for one in result.stages] == ["completed", "failed", "skipped"]
        assert result.error is not None
        assert result.error.code == "client-raised"
        assert "ValueError: bad answer: …" in result.error.message
        assert isinstance(result.error.__cause__, ValueError)
        assert "ValueError" in caplog.text
        assert "AAAA" not in caplog.text + str(result.error)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (None, "a NoneType"),
            ({"images": []}, "a dict"),
            (GenerateResult(None), "a NoneType of images"),  # type: ignore[arg-type]
            (GenerateResult([picture(8, 8)]), "a list of images"),  # type: ignore[arg-type]
            (GenerateResult(("iVBORw0KGgo",)), "a str as an image"),  # type: ignore[arg-type]
            (GenerateResult((Image.predict(8, 8),)), "a stand-in as an image"),
        ],
    )
    def test_nonsense_is_named_and_not_threaded_on(self, given: Any, said: str) -> None:
        result = self.run(lambda _: given, "txt2img", "upscale")
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code == "client-result"
        assert said in result.error.message
        assert result.stages[1].status == "skipped"

    def test_nothing_is_an_answer_without_images(self) -> None:
        result = self.run(lambda _: GenerateResult(()))
        assert result.error is not None
        assert result.error.code == "answer-no-images"

    def test_its_own_typed_error_is_kept(self) -> None:
        error = BackendUnreachableError("gone", code="backend-unreachable", backend="mine", stage="txt2img")

        def broken(_: GenerateImagesRequest) -> GenerateResult:
            raise error

        assert self.run(broken).error is error

    def test_a_prepare_that_gives_nothing_is_a_check_that_passed(self) -> None:
        client = SimpleNamespace(
            generate_images=lambda _: GenerateResult((picture(8, 8),)), prepare=lambda _: None, catalog="not ours"
        )
        assert PipelineRunner(client).run_pipeline(plan_of("txt2img", "upscale"), BASE).success


class TestTheDoubles:
    def test_a_fake_client_needs_no_back_end(self) -> None:
        client = FakeClient(catalog=CATALOG)
        result = run(plan_of("txt2img", "img2img"), client, width=64, height=40, batch_size=2)
        assert [(image.width, image.height) for image in result.images] == [(64, 40), (64, 40)]
        again = run(plan_of("txt2img", "img2img"), FakeClient(catalog=CATALOG), width=64, height=40, batch_size=2)
        assert result.images == again.images
        assert len({image.digest for one in result.stages for image in one.images}) == 4

    def test_a_fake_pipeline_gives_what_it_was_told(self) -> None:
        failed = PipelineResult("one", "failed", error=NO_LUCK)
        pipeline = FakePipeline([failed, NO_LUCK])
        plan, token = plan_of("txt2img", stage("img2img", enabled=False)), CancelToken()
        assert pipeline.run_pipeline(plan, BASE, token) is failed
        assert pipeline.runs == [(plan, BASE, token)]
        for _ in range(2):
            with pytest.raises(StageEngineError, match="no luck"):
                pipeline.run_pipeline(plan, BASE)
        completed = FakePipeline().run_pipeline(plan, BASE)
        assert [one.status for one in completed.stages] == ["completed", "skipped"]
        assert completed.images == completed.stages[0].images

    def test_a_picture_can_be_opened(self) -> None:
        pillow = pytest.importorskip("PIL.Image")
        import io

        opened = pillow.open(io.BytesIO(picture(37, 21, "a cat").data))
        opened.load()
        assert opened.size == (37, 21)
        assert opened.info["parameters"] == "a cat"
        assert len(opened.convert("RGB").getcolors()) == 1
