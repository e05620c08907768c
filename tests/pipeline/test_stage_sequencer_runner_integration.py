"""Stages in sequence: one call for each, in order, each one's pictures handed to the next as they came."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import (
    ApiClient,
    Catalog,
    Image,
    PipelineResult,
    PipelineRunner,
    RunConfig,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
)
from engine.testing import FakeClient, picture

CATALOG = Catalog()
BASE = RunConfig(
    prompt="a lighthouse at dusk",
    seed=11,
    subseed=12,
    width=64,
    height=48,
    steps=4,
    upscaler_name="Lanczos",
    upscale_factor=1.5,
    hires_upscale_factor=2,
    adetailer_model="face_yolov8n.pt",
)
TAKING = ("img2img", "hires", "upscale", "adetailer")


def plan_of(kinds: Sequence[str], disabled: Sequence[int] = (), images: tuple[Any, ...] = ()) -> StageExecutionPlan:
    stages = [
        StageExecution(f"{index}-{kind}", StageConfig(kind, enabled=index not in disabled))
        for index, kind in enumerate(kinds)
    ]
    return StageExecutionPlan(tuple(stages), images)


def assert_threaded(result: PipelineResult, given_images: tuple[Image, ...] = ()) -> None:
    """Each stage that ran got exactly the bytes that the one before gave."""
    before = given_images
    for stage in result.stages:
        if stage.status == "skipped":
            continue
        assert stage.request is not None
        assert [image.data for image in stage.request.input_images] == [image.data for image in before]
        before = stage.images
    assert result.images == before


class TestWithAFake:
    @given(
        first=st.sampled_from(("txt2img", *TAKING)),
        later=st.lists(st.sampled_from(TAKING), max_size=4),
        batch=st.integers(1, 3),
        data=st.data(),
    )
    @settings(max_examples=40, deadline=None)
    def test_any_order(self, first: str, later: list[str], batch: int, data: st.DataObject) -> None:
        kinds = [first, *later]
        disabled = data.draw(st.sets(st.integers(1, len(kinds) - 1)) if later else st.just(set()))
        images = () if first == "txt2img" else tuple(picture(64, 40, str(number)) for number in range(batch))
        client = FakeClient(backend="a1111", catalog=CATALOG)
        plan = plan_of(kinds, tuple(disabled), images)
        result = PipelineRunner(client).run_pipeline(plan, RunConfig(BASE, batch_size=batch, upscale_factor=1))
        enabled = [stage.id for index, stage in enumerate(plan.stages) if index not in disabled]
        assert [request.stage_id for request in client.requests] == enabled
        assert [stage.id for stage in result.stages if stage.status == "completed"] == enabled
        assert [stage.id for stage in result.stages] == [stage.id for stage in plan.stages]
        assert {len(stage.images) for stage in result.stages if stage.images} == {batch}
        assert_threaded(result, images)

    def test_handles_are_handed_on_themselves(self) -> None:
        """Not copies of them: nothing is decoded, and no text is encoded twice."""
        client = FakeClient(backend="a1111", catalog=CATALOG)
        result = PipelineRunner(client).run_pipeline(plan_of(("txt2img", "upscale")), BASE)
        assert client.requests[1].input_images[0] is result.stages[0].images[0]

    def test_a_runner_keeps_nothing_of_a_run(self) -> None:
        client = FakeClient(backend="a1111", catalog=CATALOG)
        runner, plan = PipelineRunner(client), plan_of(("txt2img", "img2img"))
        first, second = runner.run_pipeline(plan, BASE), runner.run_pipeline(plan, BASE)
        assert first.images == second.images
        assert [stage.wire_digests for stage in first.stages] == [stage.wire_digests for stage in second.stages]

    def test_runs_may_go_on_at_once(self) -> None:
        barrier = threading.Barrier(4, timeout=20)
        client = FakeClient(backend="a1111", catalog=CATALOG, during=lambda _: barrier.wait())
        runner, plan = PipelineRunner(client), plan_of(("txt2img", "img2img"))
        results: dict[int, PipelineResult] = {}

        def run(seed: int) -> None:
            results[seed] = runner.run_pipeline(plan, RunConfig(BASE, seed=seed))

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(results) == [0, 1, 2, 3]
        for seed, result in results.items():
            assert_threaded(result)
            assert [stage.seeds for stage in result.stages] == [(seed,), (seed,)]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    preview = pytest.importorskip("engine.preview", reason="the preview server needs Pillow")

    def check(name: str, body: object) -> list[str]:
        problems = CATALOG.contracts.load(f"a1111/{name}").problems(body, encoded_images=True)
        return [f"{'/'.join(problem.path)} {problem.message}" for problem in problems]

    with preview.PreviewServer(check=check) as running:
        yield running


class TestOverRealHttp:
    """The real client, the real tables, and the preview server that holds every body against its contract."""

    @pytest.fixture
    def client(self, server: Any) -> Iterator[ApiClient]:
        # Every request is counted: a question before the run would be one.
        with ApiClient(server.url, backend="a1111", catalog=CATALOG, check_names=False) as client:
            yield client

    def run(self, client: ApiClient, plan: StageExecutionPlan, **base: object) -> PipelineResult:
        return PipelineRunner(client).run_pipeline(plan, RunConfig(BASE, **base)).raise_for_status()

    @pytest.mark.parametrize("last", list(itertools.permutations(("upscale", "adetailer"))), ids="-".join)
    def test_every_stage_is_one_call_in_the_plans_order(self, server: Any, client: ApiClient, last: Any) -> None:
        kinds = ("txt2img", "img2img", "hires", *last)
        before = len(server.requests)
        result = self.run(client, plan_of(kinds))
        sent = server.requests[before:]
        ends = {"upscale": "extra-single-image", "txt2img": "txt2img"}
        assert [seen.path.rsplit("/", 1)[1] for seen in sent] == [ends.get(kind, "img2img") for kind in kinds]
        assert_threaded(result)
        assert [(image.width, image.height) for image in result.images] == [(192, 144)]

    def test_what_a_server_gave_is_sent_on_byte_for_byte(self, server: Any, client: ApiClient) -> None:
        before = len(server.requests)
        result = self.run(client, plan_of(("txt2img", "img2img", "upscale")), batch_size=2)
        _, *redrawn, one, two = server.requests[before:]
        first, second = result.stages[0].images, result.stages[1].images
        assert [seen.body["init_images"] for seen in redrawn] == [[image.base64] for image in first]
        assert [one.body["image"], two.body["image"]] == [image.base64 for image in second]
        assert b"parameters\x00" in base64.b64decode(one.body["image"])  # the server's own metadata is kept
        assert [seen.body["seed"] for seen in redrawn] == [11, 12]
        assert result.stages[1].seeds == (11, 12)

    def test_a_picture_of_any_kind_goes_through_as_it_is(self, server: Any, client: ApiClient) -> None:
        import io

        from PIL import Image as Pillow

        stream = io.BytesIO()
        Pillow.linear_gradient("L").resize((72, 56)).convert("RGB").save(stream, "JPEG", quality=40)
        before = len(server.requests)
        self.run(client, plan_of(("img2img",), images=(stream.getvalue(),)), denoising_strength=0.0)
        (seen,) = server.requests[before:]
        assert base64.b64decode(seen.body["init_images"][0]) == stream.getvalue()
        assert (seen.body["width"], seen.body["height"], seen.body["denoising_strength"]) == (72, 56, 0.0)

    def test_what_is_sent_is_what_a_dry_check_shows(self, server: Any, client: ApiClient) -> None:
        """But for the pictures: in a dry check they are stand-ins of the size that comes."""
        plan = plan_of(("txt2img", "hires", "adetailer"))
        planned = PipelineRunner(client).check(plan, BASE)
        before = len(server.requests)
        self.run(client, plan)
        for stage, seen in zip(planned.stages, server.requests[before:], strict=True):
            assert stage.prepared is not None
            (body,) = stage.prepared.bodies
            assert list(body) == list(seen.body)
            for key in body.keys() - {"init_images"}:
                assert body[key] == seen.body[key], key

    def test_a_stage_that_the_server_refuses_ends_the_run(self, server: Any, client: ApiClient) -> None:
        plan = plan_of(("txt2img", "upscale", "img2img"))
        before = len(server.requests)
        result = PipelineRunner(client).run_pipeline(plan, RunConfig(BASE, upscaler_name="No such upscaler"))
        assert result.status == "failed"
        assert [stage.status for stage in result.stages] == ["completed", "failed", "skipped"]
        assert "could not find upscaler named No such upscaler" in str(result.error)
        assert result.images == result.stages[0].images
        assert len(server.requests) - before == 2
