"""How calls become an answer: driven by hand, without a socket, and then through the client, over real HTTP."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import (
    AnswerError,
    BackendTimeoutError,
    Catalog,
    GenerateImagesRequest,
    HttpStatusError,
    Image,
    ImageError,
    PipelineRunner,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
)
from engine.backends.build import prepare
from engine.conversation.exchange import exchange
from engine.conversation.talk import HttpRequest, HttpResponse
from engine.errors import BackendError
from engine.testing import picture
from engine.testing.playing import Played, after, answer, play
from engine.testing.scripted import Reply
from tests.client.conftest import Ask, Connect, Serve
from tests.client.generations import generation

ONE, TWO, THREE = (picture(64, 64, name).base64 for name in ("one", "two", "three"))
Play: TypeAlias = Callable[..., Played]


def good(*images: str, **told: Any) -> HttpResponse:
    return answer(generation(*images, **told))


@pytest.fixture
def run(catalog: Catalog) -> Play:
    def played(
        request: GenerateImagesRequest, *answers: Any, shared: bool = False, watched: bool = False, **how: Any
    ) -> Played:
        backend = catalog.backend("a1111")
        calls = prepare(backend, request)
        stage = backend.stages[request.stage_type]
        talk = exchange(backend, stage, calls, stage_id="one", shared=shared, watched=watched)
        return play(talk, answers[0] if len(answers) == 1 and callable(answers[0]) else answers, **how)

    return played


class TestWithoutASocket:
    def test_one_call_is_one_request_and_one_answer(self, run: Play, ask: Ask) -> None:
        played = run(ask(batch_size=2), good(ONE, TWO, seeds=[7, 8]))
        assert played.kinds == ["POST /sdapi/v1/txt2img"]
        assert json.loads(played.sent[0].body or b"")["prompt"] == "a lighthouse"
        result = played.made
        assert [image.base64 for image in result.images] == [ONE, TWO]
        assert (result.seeds, result.expected, result.error, result.cancelled) == ((7, 8), 2, None, False)
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
        self, run: Play, ask: Ask, kind: str, path: str, read: float
    ) -> None:
        outgoing = run(ask(kind), answer({})).sent[0]
        assert outgoing.path == ("sdapi", "v1", path)
        assert (outgoing.timeouts.connect, outgoing.timeouts.read) == (10, read)

    def test_pictures_go_one_after_the_other(self, run: Play, ask: Ask) -> None:
        answers = (good(image, seeds=[seed]) for image, seed in ((ONE, 7), (TWO, 8), (THREE, 9)))
        played = run(ask("img2img", images=3), *answers)
        assert [image.base64 for image in played.made.images] == [ONE, TWO, THREE]
        assert [json.loads(one.body or b"")["seed"] for one in played.sent] == [7, 8, 9]
        assert played.made.seeds == (7, 8, 9)
        assert len(set(played.made.wire_digests)) == len(played.made.info) == 3

    def test_nothing_is_sent_ahead(self, run: Play, ask: Ask) -> None:
        played = run(ask("img2img", images=3), good(ONE), answer({}, 500), good(TWO))
        assert len(played.sent) == 2

    def test_a_failure_of_the_first_call_is_raised(self, run: Play, ask: Ask) -> None:
        played = run(ask("img2img", images=2), answer({"errors": "out of memory"}, 500))
        assert isinstance(played.error, HttpStatusError)
        assert "out of memory" in str(played.error)

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
        self, run: Play, ask: Ask, how: HttpResponse | BackendError, kind: type[Exception]
    ) -> None:
        result = run(ask("img2img", images=3), good(ONE), how).made
        assert [image.base64 for image in result.images] == [ONE]
        assert isinstance(result.error, kind)
        assert result.expected == 3
        assert result.seeds == (7,)
        assert len(result.wire_digests) == 2  # the second body was sent, and may have been worked on

    def test_one_call_that_gives_fewer_does_not_stop_the_others(self, run: Play, ask: Ask) -> None:
        request = ask("img2img", images=2, batch_size=2)
        result = run(request, good(ONE, seeds=[7, 8]), good(TWO, THREE, seeds=[8, 9], seed=8)).made
        assert (len(result.images), result.expected) == (3, 4)
        assert [warning.code for warning in result.warnings] == ["answer-fewer-images"]

    def test_seeds_are_given_for_all_images_or_for_none(self, run: Play, ask: Ask) -> None:
        assert run(ask("img2img", images=2), good(ONE, seeds=[7]), answer({"images": [TWO]})).made.seeds == ()

    def test_a_stand_in_is_never_sent(self, run: Play, ask: Ask) -> None:
        request = ask("upscale")
        dry = GenerateImagesRequest("one", "upscale", request.fields, (Image.predict(64, 64),))
        with pytest.raises(ImageError, match="stand-in"):
            run(dry, good(ONE))

    def test_nothing_that_is_sent_or_comes_shows_its_pictures(self, run: Play, ask: Ask) -> None:
        outgoing = run(ask("upscale"), answer({"image": ONE})).sent[0]
        assert b"iVBOR" in (outgoing.body or b"")
        for one in (outgoing, good(ONE)):
            assert "iVBOR" not in repr(one)


class TestSeedsOfSeveralPictures:
    def sent(self, run: Play, request: GenerateImagesRequest) -> list[tuple[int, int]]:
        bodies = [json.loads(one.body or b"") for one in run(request, good(ONE)).sent]
        return [(body["seed"], body["subseed"]) for body in bodies]

    @pytest.mark.parametrize("kind", ["img2img", "hires", "adetailer"])
    def test_the_seed_is_counted_up(self, run: Play, ask: Ask, kind: str) -> None:
        assert self.sent(run, ask(kind, images=3)) == [(7, 9), (8, 9), (9, 9)]

    @pytest.mark.parametrize("strength", [0.25, 1])
    def test_in_a_variation_the_subseed_is(self, run: Play, ask: Ask, strength: float) -> None:
        request = ask("img2img", images=3, subseed_strength=strength)
        assert self.sent(run, request) == [(7, 9), (7, 10), (7, 11)]

    def test_the_largest_seed_is_counted_up_too(self, run: Play, ask: Ask) -> None:
        assert self.sent(run, ask("img2img", images=2, seed=2**32 - 1))[1][0] == 2**32

    def test_a_seed_that_the_server_draws_stays_as_it_is(self, run: Play, ask: Ask) -> None:
        request = ask("img2img", images=2)
        left = GenerateImagesRequest(
            "one", "img2img", {**request.fields, "seed": -1, "subseed": -1}, request.input_images
        )
        assert self.sent(run, left) == [(-1, -1), (-1, -1)]


RUNS = {"progress": 0.25, "state": {"job_count": 1, "sampling_step": 5, "sampling_steps": 20}}
IDLE = {"progress": 0.0, "state": {"job_count": 0, "sampling_step": 0, "sampling_steps": 0}}


class Family:
    """A server of the family: a POST takes some seconds, progress is told meanwhile, an interrupt ends the job."""

    def __init__(self, seconds: float = 60, *, progress: Any = RUNS, heeds: bool = True) -> None:
        self.seconds, self.progress, self.heeds = seconds, progress, heeds
        self.interrupts = 0

    def __call__(self, request: HttpRequest) -> Any:
        match request.path[-1]:
            case "progress":
                assert request.query == (("skip_current_image", "true"),)
                return self.progress if isinstance(self.progress, (HttpResponse, Exception)) else answer(self.progress)
            case "interrupt":
                self.interrupts += 1
                return answer({})
        return after(self.seconds, good(ONE, seeds=[7]))


class TestProgressBesideAPost:
    def test_it_is_asked_for_at_intervals_and_told_once_each(self, run: Play, ask: Ask) -> None:
        steps = iter(range(1, 100))

        def server(request: HttpRequest) -> Any:
            if request.path[-1] == "progress":
                step = next(steps) // 2
                return answer({"progress": step / 10, "state": {"sampling_step": step, "sampling_steps": 10}})
            return after(2.2, good(ONE))

        played = run(ask(), server, watched=True)
        assert played.kinds == ["POST /sdapi/v1/txt2img"] + ["GET /sdapi/v1/progress"] * 4
        assert [(one.ratio, one.step, one.steps) for one in played.told] == [(0.0, 0, 10), (0.1, 1, 10), (0.2, 2, 10)]
        assert played.now == 2.2

    def test_nobody_watches_nobody_asks(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(5))
        assert played.kinds == ["POST /sdapi/v1/txt2img"]

    def test_it_names_the_call(self, run: Play, ask: Ask) -> None:
        played = run(ask("img2img", images=2), Family(1), watched=True)
        assert [(one.call, one.calls) for one in played.told] == [(0, 2), (1, 2)]

    @pytest.mark.parametrize(
        "progress",
        [
            HttpResponse(500, b"oh no"),
            HttpResponse(200, b"<html>"),
            HttpResponse(204, b""),
            BackendTimeoutError("slow", code="backend-timeout", backend="a1111", stage="one"),
        ],
    )
    def test_where_it_cannot_be_had_it_is_given_up(self, run: Play, ask: Ask, progress: Any) -> None:
        played = run(ask(), Family(600, progress=progress), watched=True)
        assert [image.base64 for image in played.made.images] == [ONE]
        assert played.kinds.count("GET /sdapi/v1/progress") == 5
        assert played.told == []

    @pytest.mark.parametrize(
        "told",
        [{}, [], None, {"progress": None}, {"progress": "0.5"}, {"progress": True}, {"state": {"sampling_step": 3}}],
    )
    def test_nonsense_is_not_told(self, run: Play, ask: Ask, told: Any) -> None:
        assert run(ask(), Family(2, progress=answer(told)), watched=True).told == []

    @pytest.mark.parametrize(("ratio", "shown"), [(1.7, 1.0), (-3, 0.0), (0.5, 0.5)])
    def test_a_ratio_stays_in_its_bounds(self, run: Play, ask: Ask, ratio: float, shown: float) -> None:
        told = run(ask(), Family(1, progress=answer({"progress": ratio})), watched=True).told
        assert [one.ratio for one in told] == [shown]

    def test_a_server_that_wants_to_be_left_alone_is(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(20, progress=answer({}, 429, retry_after=8.0)), watched=True)
        assert played.kinds.count("GET /sdapi/v1/progress") == 3
        assert played.made.images


class TestStoppingAPost:
    def test_the_server_is_told_and_what_it_then_answers_is_no_result(self, run: Play, ask: Ask) -> None:
        server = Family()
        played = run(ask(), server, cancel_at=3.0)
        assert played.made.cancelled
        assert played.made.images == ()
        assert server.interrupts > 0
        assert played.kinds[:3] == ["POST /sdapi/v1/txt2img", "GET /sdapi/v1/progress", "POST /sdapi/v1/interrupt"]

    def test_it_is_waited_for_until_it_ends(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(5), cancel_at=3.0)
        assert played.made.cancelled
        assert played.now == 5
        assert played.made.warnings == ()

    def test_but_not_for_ever(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(10_000), cancel_at=3.0)
        assert played.made.cancelled
        assert played.now == pytest.approx(33, abs=1)
        assert [warning.code for warning in played.made.warnings] == ["cancel-unanswered"]

    def test_while_nothing_runs_there_an_interrupt_would_be_lost(self, run: Play, ask: Ask) -> None:
        states = iter([IDLE, IDLE, IDLE, RUNS])
        server = Family(6)

        def late(request: HttpRequest) -> Any:
            if request.path[-1] == "progress":
                return answer(next(states, RUNS))
            return server(request)

        played = run(ask(), late, cancel_at=1.0)
        first = played.kinds.index("POST /sdapi/v1/interrupt")
        assert played.kinds[:first].count("GET /sdapi/v1/progress") == 4

    @pytest.mark.parametrize("progress", [IDLE, HttpResponse(500, b""), HttpResponse(200, b"?"), {"state": None}, []])
    def test_where_it_is_not_known_that_ours_runs_nothing_is_stopped(self, run: Play, ask: Ask, progress: Any) -> None:
        server = Family(progress=progress)
        played = run(ask(), server, cancel_at=1.0)
        assert played.made.cancelled
        assert server.interrupts == 0

    def test_nor_where_this_client_has_another_request_there(self, run: Play, ask: Ask) -> None:
        server = Family()
        assert run(ask(), server, cancel_at=1.0, alone=False).made.cancelled
        assert server.interrupts == 0

    def test_nor_where_others_use_the_server(self, run: Play, ask: Ask) -> None:
        server = Family()
        played = run(ask(), server, cancel_at=1.0, shared=True)
        assert played.made.cancelled
        assert (server.interrupts, played.now) == (0, 1.0)  # it is not waited for, either
        assert [warning.code for warning in played.made.warnings] == ["cancel-not-told"]

    def test_a_picture_that_is_there_when_the_word_comes_is_kept(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(1.0), cancel_at=1.0)
        assert [image.base64 for image in played.made.images] == [ONE]
        assert not played.made.cancelled

    def test_pictures_of_earlier_calls_are_kept(self, run: Play, ask: Ask) -> None:
        played = run(ask("img2img", images=3), Family(2.0), cancel_at=3.0)
        assert played.made.cancelled
        assert [image.base64 for image in played.made.images] == [ONE]
        assert played.made.expected == 3
        assert len(played.made.wire_digests) == 2

    def test_between_two_calls_nothing_need_be_told(self, run: Play, ask: Ask) -> None:
        server = Family(2.0)
        played = run(ask("img2img", images=3), server, cancel_at=2.0)
        assert (len(played.made.images), played.made.cancelled, server.interrupts) == (1, True, 0)
        assert len(played.made.wire_digests) == 1

    def test_a_token_that_said_so_before_sends_nothing(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(), cancel_at=0.0)
        assert (played.made.cancelled, played.sent, played.made.wire_digests) == (True, [], ())

    def test_a_server_that_refuses_to_be_told_is_no_failure(self, run: Play, ask: Ask) -> None:
        server = Family(5)

        def refuses(request: HttpRequest) -> Any:
            return answer({"detail": "no"}, 500) if request.path[-1] == "interrupt" else server(request)

        played = run(ask(), refuses, cancel_at=1.0)
        assert played.made.cancelled
        assert [warning.code for warning in played.made.warnings] == ["cancel-refused"]

    def test_an_answer_without_a_body_is_fine(self, run: Play, ask: Ask) -> None:
        server = Family(5)

        def silent(request: HttpRequest) -> Any:
            return HttpResponse(204, b"") if request.path[-1] == "interrupt" else server(request)

        assert run(ask(), silent, cancel_at=1.0).made.warnings == ()

    def test_a_call_that_never_ends_is_left(self, run: Play, ask: Ask) -> None:
        played = run(ask(), Family(10**6))
        assert isinstance(played.error, BackendTimeoutError)
        assert played.error.code == "job-timeout"
        assert played.now == 3600


_BODIES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"", b"{}", b"[]", b"null", ONE.encode(), json.dumps(RUNS).encode(), json.dumps(IDLE).encode()]),
    st.sampled_from([json.dumps(generation(*images)).encode() for images in ((ONE,), (ONE, TWO), (), ("x",))]),
)
_AWAY = BackendTimeoutError("slow", code="backend-timeout", backend="a1111", stage="one")
_SAID = st.one_of(
    st.just(_AWAY),
    st.builds(
        HttpResponse,
        st.sampled_from([200, 200, 200, 204, 302, 401, 404, 422, 429, 500, 503]),
        _BODIES,
        st.sampled_from(["application/json", "image/png", ""]),
        st.one_of(st.none(), st.floats(0, 1e9)),
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(_SAID, min_size=1, max_size=10),
    late=st.lists(st.floats(0, 10_000), min_size=1, max_size=4),
    cancel_at=st.one_of(st.none(), st.floats(0, 60)),
    shared=st.booleans(),
)
def test_whatever_a_server_answers_it_ends(
    run: Play, ask: Ask, said: list[Any], late: list[float], cancel_at: float | None, shared: bool
) -> None:
    turns, delays = itertools.cycle(said), itertools.cycle(late)

    def server(request: HttpRequest) -> Any:
        answered = next(turns)
        return answered if request.path[-1] in ("progress", "interrupt") else after(next(delays), answered)

    played = run(ask("img2img", images=2), server, cancel_at=cancel_at, shared=shared, watched=True)
    if played.error is None:
        assert played.made.cancelled or played.made.images
    assert played.now <= 2 * (3600 + 60)


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
