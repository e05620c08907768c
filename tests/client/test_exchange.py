"""How calls become an answer: driven by hand, without a socket, and then through the client, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import pytest

from engine import (
    AnswerError,
    BackendTimeoutError,
    Catalog,
    GenerateImagesRequest,
    GenerateResult,
    HttpStatusError,
    Image,
    ImageError,
    PipelineRunner,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
)
from engine.backends.build import prepare
from engine.backends.exchange import HttpRequest, HttpResponse, exchange
from engine.testing import picture
from tests.client.conftest import Ask, Connect, Serve
from tests.client.scripted import Reply, generation

ONE, TWO, THREE = (picture(64, 64, name).base64 for name in ("one", "two", "three"))
Steps: TypeAlias = Generator[HttpRequest, HttpResponse, GenerateResult]
Start: TypeAlias = Callable[[GenerateImagesRequest], Steps]


def good(*images: str, **told: Any) -> HttpResponse:
    return HttpResponse(200, json.dumps(generation(*images, **told)).encode())


def finished(steps: Steps, last: HttpResponse | Exception) -> GenerateResult:
    """What the exchange gives when it is told the last thing."""
    with pytest.raises(StopIteration) as caught:
        if isinstance(last, Exception):
            steps.throw(last)
        else:
            steps.send(last)
    result: GenerateResult = caught.value.value
    return result


@pytest.fixture
def start(catalog: Catalog) -> Start:
    def started(request: GenerateImagesRequest) -> Steps:
        backend = catalog.backend("a1111")
        return exchange(backend, backend.stages[request.stage_type], prepare(backend, request), stage_id="one")

    return started


class TestWithoutASocket:
    def test_one_call_is_one_request_and_one_answer(self, start: Start, ask: Ask) -> None:
        steps = start(ask(batch_size=2))
        outgoing = next(steps)
        assert (outgoing.method, outgoing.path) == ("POST", ("sdapi", "v1", "txt2img"))
        assert json.loads(outgoing.body)["prompt"] == "a lighthouse"
        result = finished(steps, good(ONE, TWO, seeds=[7, 8]))
        assert [image.base64 for image in result.images] == [ONE, TWO]
        assert (result.seeds, result.expected, result.error) == ((7, 8), 2, None)
        assert len(result.wire_digests) == 1
        assert result.wire_digests[0].startswith("sha256:")

    @pytest.mark.parametrize(
        ("kind", "path", "read"),
        [
            ("txt2img", "txt2img", 900),
            ("img2img", "img2img", 900),
            ("hires", "img2img", 900),
            ("adetailer", "img2img", 900),
            ("upscale", "extra-single-image", 1800),
        ],
    )
    def test_each_stage_has_its_place_and_its_patience(
        self, start: Start, ask: Ask, kind: str, path: str, read: float
    ) -> None:
        outgoing = next(start(ask(kind)))
        assert outgoing.path == ("sdapi", "v1", path)
        assert (outgoing.timeouts.connect, outgoing.timeouts.read) == (10, read)

    def test_pictures_go_one_after_the_other_and_nothing_is_sent_ahead(self, start: Start, ask: Ask) -> None:
        steps = start(ask("img2img", images=3))
        seeds, outgoing = [], next(steps)
        for answer in (ONE, TWO):
            seeds.append(json.loads(outgoing.body)["seed"])
            outgoing = steps.send(good(answer, seeds=[seeds[-1]]))
        result = finished(steps, good(THREE, seeds=[9]))
        assert [image.base64 for image in result.images] == [ONE, TWO, THREE]
        assert seeds == [7, 8]
        assert result.seeds == (7, 8, 9)
        assert len(set(result.wire_digests)) == len(result.info) == 3

    def test_a_failure_of_the_first_call_is_raised(self, start: Start, ask: Ask) -> None:
        steps = start(ask("img2img", images=2))
        next(steps)
        with pytest.raises(HttpStatusError, match="out of memory"):
            steps.send(HttpResponse(500, b'{"errors": "out of memory"}'))

    @pytest.mark.parametrize(
        ("how", "kind"),
        [
            (HttpResponse(500, b'{"errors": "out of memory"}'), HttpStatusError),
            (HttpResponse(200, b"{"), AnswerError),
            (HttpResponse(200, b'{"images": []}'), AnswerError),
            (BackendTimeoutError("slow", code="backend-timeout", backend="a1111", stage="one"), BackendTimeoutError),
        ],
    )
    def test_a_failure_midway_keeps_the_pictures_and_stops(
        self, start: Start, ask: Ask, how: HttpResponse | Exception, kind: type[Exception]
    ) -> None:
        steps = start(ask("img2img", images=3))
        next(steps)
        steps.send(good(ONE))
        result = finished(steps, how)
        assert [image.base64 for image in result.images] == [ONE]
        assert isinstance(result.error, kind)
        assert result.expected == 3
        assert result.seeds == (7,)
        assert len(result.wire_digests) == 2  # the second body was sent, and may have been worked on

    def test_one_call_that_gives_fewer_does_not_stop_the_others(self, start: Start, ask: Ask) -> None:
        steps = start(ask("img2img", images=2, batch_size=2))
        next(steps)
        steps.send(good(ONE, seeds=[7, 8]))
        result = finished(steps, good(TWO, THREE, seeds=[8, 9]))
        assert (len(result.images), result.expected) == (3, 4)
        assert [warning.code for warning in result.warnings] == ["answer-fewer-images"]

    def test_seeds_are_given_for_all_images_or_for_none(self, start: Start, ask: Ask) -> None:
        steps = start(ask("img2img", images=2))
        next(steps)
        steps.send(good(ONE, seeds=[7]))
        result = finished(steps, HttpResponse(200, json.dumps({"images": [TWO]}).encode()))
        assert result.seeds == ()

    def test_a_stand_in_is_never_sent(self, start: Start, ask: Ask) -> None:
        request = ask("upscale")
        dry = GenerateImagesRequest("one", "upscale", request.fields, (Image.predict(64, 64),))
        with pytest.raises(ImageError, match="stand-in"):
            next(start(dry))

    def test_nothing_that_is_sent_or_comes_shows_its_pictures(self, start: Start, ask: Ask) -> None:
        outgoing = next(start(ask("upscale")))
        assert b"iVBOR" in outgoing.body
        for one in (outgoing, good(ONE)):
            assert "iVBOR" not in repr(one)


class TestSeedsOfSeveralPictures:
    def sent(self, start: Start, request: GenerateImagesRequest) -> list[tuple[int, int]]:
        steps, found = start(request), []
        outgoing = next(steps)
        for _ in request.input_images[1:]:
            found.append(json.loads(outgoing.body))
            outgoing = steps.send(good(ONE))
        found.append(json.loads(outgoing.body))
        return [(body["seed"], body["subseed"]) for body in found]

    @pytest.mark.parametrize("kind", ["img2img", "hires", "adetailer"])
    def test_the_seed_is_counted_up(self, start: Start, ask: Ask, kind: str) -> None:
        assert self.sent(start, ask(kind, images=3)) == [(7, 9), (8, 9), (9, 9)]

    @pytest.mark.parametrize("strength", [0.25, 1])
    def test_in_a_variation_the_subseed_is(self, start: Start, ask: Ask, strength: float) -> None:
        request = ask("img2img", images=3, subseed_strength=strength)
        assert self.sent(start, request) == [(7, 9), (7, 10), (7, 11)]

    def test_the_largest_seed_is_counted_up_too(self, start: Start, ask: Ask) -> None:
        assert self.sent(start, ask("img2img", images=2, seed=2**32 - 1))[1][0] == 2**32

    def test_a_seed_that_the_server_draws_stays_as_it_is(self, start: Start, ask: Ask) -> None:
        request = ask("img2img", images=2)
        left = GenerateImagesRequest(
            "one", "img2img", {**request.fields, "seed": -1, "subseed": -1}, request.input_images
        )
        assert self.sent(start, left) == [(-1, -1), (-1, -1)]


class TestOverHttp:
    def test_order_is_kept(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        server = serve(*(Reply.json(generation(image, seeds=[n])) for n, image in enumerate((ONE, TWO, THREE))))
        request = ask("img2img", images=3)
        result = connect(server).generate_images(request)
        assert [image.base64 for image in result.images] == [ONE, TWO, THREE]
        assert [seen.body["init_images"] for seen in server.seen] == [[image.base64] for image in request.input_images]

    def test_a_failure_midway_is_a_partial_stage_and_a_partial_run(self, serve: Serve, connect: Connect) -> None:
        server = serve(Reply.json(generation(ONE)), Reply(raw=b""), Reply.json(generation(THREE)))
        stages = (
            StageExecution("redraw", StageConfig("img2img")),
            StageExecution("enlarge", StageConfig("upscale", {"upscaler_name": "Lanczos"})),
        )
        plan = StageExecutionPlan(stages, tuple(picture(64, 64, str(number)) for number in range(3)))
        result = PipelineRunner(connect(server)).run_pipeline(plan, {"prompt": "x", "seed": 7})
        assert result.status == "partial"
        assert [stage.status for stage in result.stages] == ["partial", "skipped"]
        assert [image.base64 for image in result.images] == [ONE]
        assert result.error is not None
        assert result.error.code == "backend-unreachable"
        assert len(server.seen) == 2

    def test_nothing_is_sent_where_one_of_the_bodies_is_wrong(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        """Not even those before it: the second picture is too small to be enlarged to a size that servers know."""
        server = serve(Reply.json(generation(ONE)))
        request = ask("img2img", images=2)
        small = GenerateImagesRequest("one", "img2img", request.fields, (picture(64, 64), picture(4, 64)))
        from engine import PayloadError

        with pytest.raises(PayloadError, match="width must be at least 8, not 0"):
            connect(server).generate_images(small)
        assert server.seen == []

    def test_threads_may_share_a_client(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        from concurrent.futures import ThreadPoolExecutor

        server = serve(lambda seen: Reply.json(generation(picture(64, 64, str(seen.body["seed"])).base64)))
        client = connect(server)
        requests = [ask(seed=seed) for seed in range(12)]
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(client.generate_images, requests))
        assert [result.images[0] for result in results] == [picture(64, 64, str(seed)) for seed in range(12)]
