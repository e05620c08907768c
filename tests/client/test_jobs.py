"""Jobs: submitted, looked for, fetched and stopped, as ComfyUI does it; played by hand, without a socket or a clock."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import (
    AnswerError,
    BackendError,
    BackendTimeoutError,
    BackendUnreachableError,
    Catalog,
    GenerateImagesRequest,
    HttpStatusError,
    JobError,
)
from engine.backends.build import prepare
from engine.conversation.exchange import exchange
from engine.conversation.talk import HttpRequest, HttpResponse
from engine.errors import StageEngineError
from engine.testing import picture
from engine.testing.playing import Played, answer, play

CATALOG = Catalog([Path(__file__).resolve().parent / "jobs"])
PAINTED, OTHER = picture(64, 64, "painted"), picture(64, 64, "other")
AWAY = BackendUnreachableError("gone", code="backend-unreachable", backend="painter", stage="one")
SLOW = BackendTimeoutError("slow", code="backend-timeout", backend="painter", stage="one")


def run(
    server: Callable[[HttpRequest], Any], kind: str = "paint", *, images: int = 1, shared: bool = False, **how: Any
) -> Played:
    backend = CATALOG.backend("painter")
    inputs = tuple(picture(64, 64, f"input {n}") for n in range(images)) if kind == "repaint" else ()
    request = GenerateImagesRequest("one", kind, {"stage_type": kind, "wish": "a lighthouse"}, inputs)
    counter = itertools.count()
    talk = exchange(
        backend,
        backend.stages[kind],
        prepare(backend, request),
        stage_id="one",
        shared=shared,
        watched=True,
        ids=lambda: f"id-{next(counter)}",
    )
    return play(talk, server, **how)


def done(file: str = "x.png", status: str = "success") -> dict[str, Any]:
    return {
        "outputs": {"save": {"images": [{"filename": file, "subfolder": "", "type": "output"}]}},
        "status": {"status_str": status, "completed": status == "success", "messages": []},
    }


def ended(event: str, **more: Any) -> dict[str, Any]:
    told = [["execution_start", {}], ["execution_cached", {"nodes": []}], [event, more]]
    return {**done(status="error"), "status": {"status_str": "error", "completed": False, "messages": told}}


class Painter:
    """A server that takes jobs: a job waits, runs for some looks, and ends; it can be told to stop."""

    def __init__(self, *, waits: int = 1, runs: int = 2, ends: Callable[[], dict[str, Any]] = done) -> None:
        self.waits, self.runs, self.ends = waits, runs, ends
        self.jobs: dict[str, int] = {}
        self.bodies: list[dict[str, Any]] = []
        self.stopped: dict[str, str] = {}
        self.uploads: list[HttpRequest] = []
        self.gone: set[str] = set()

    def state(self, job: str) -> str:
        if job in self.stopped:
            return self.stopped[job]
        asked = self.jobs[job]
        return "waiting" if asked <= self.waits else "running" if asked <= self.waits + self.runs else "done"

    def __call__(self, request: HttpRequest) -> Any:
        match request.path:
            case ("upload", "image"):
                self.uploads.append(request)
                name = re.search(rb'filename="([^"]+)"', request.body or b"")
                assert name is not None
                return answer({"name": name[1].decode(), "subfolder": "stage-engine", "type": "input"})
            case ("prompt",):
                body = json.loads(request.body or b"")
                self.bodies.append(body)
                self.jobs[body["prompt_id"]] = 0
                return answer({"prompt_id": body["prompt_id"], "number": 1, "node_errors": {}})
            case ("history", job):
                if job not in self.jobs:
                    return answer({})
                self.jobs[job] += 1
                state = self.state(job)
                if state == "interrupted":
                    return answer({job: ended("execution_interrupted")})
                return answer({job: self.ends()} if state == "done" else {})
            case ("queue",) if request.method == "GET":
                lists: dict[str, list[Any]] = {
                    "queue_running": [[0, "somebody-elses", {}, {}, []]],
                    "queue_pending": [],
                }
                for job in self.jobs:
                    if (state := self.state(job)) in ("running", "waiting"):
                        lists["queue_running" if state == "running" else "queue_pending"].append([1, job, {}, {}, []])
                return answer(lists)
            case ("queue",):
                for job in json.loads(request.body or b"")["delete"]:
                    if job in self.jobs and self.state(job) == "waiting":
                        self.stopped[job] = "deleted"
                return HttpResponse(200, b"")
            case ("interrupt",):
                job = json.loads(request.body or b"")["prompt_id"]
                if job in self.jobs and self.state(job) == "running":
                    self.stopped[job] = "interrupted"
                return HttpResponse(200, b"")
            case ("view",):
                name = dict(request.query)["filename"]
                if name in self.gone:
                    return HttpResponse(404, b"")
                return HttpResponse(200, PAINTED.data, "image/png")
        raise AssertionError(f"nobody serves {request}")


class TestAJob:
    def test_it_is_submitted_looked_for_and_fetched(self) -> None:
        played = run(Painter(waits=0, runs=0))
        assert played.kinds == ["POST /prompt", "GET /history/id-1", "GET /view"]
        assert [image.data for image in played.made.images] == [PAINTED.data]
        assert json.loads(played.sent[0].body or b"") == {
            "prompt": {"wish": "a lighthouse", "prefix": "id-1"},
            "prompt_id": "id-1",
            "client_id": "id-0",
        }
        assert dict(played.sent[2].query) == {"filename": "x.png", "subfolder": "", "type": "output"}
        assert played.sent[2].accept == "image/*"

    def test_the_queue_is_asked_where_the_history_does_not_know_it(self) -> None:
        played = run(Painter(waits=1, runs=1))
        assert played.kinds[1:5] == ["GET /history/id-1", "GET /queue"] * 2

    def test_looks_begin_soon_and_settle_at_their_interval(self) -> None:
        played = run(Painter(waits=0, runs=20))
        assert played.waited[2:7] == pytest.approx([0.0625, 0.125, 0.25, 0.25, 0.25])

    def test_every_picture_is_a_job_with_a_name_of_its_own(self) -> None:
        server = Painter()
        played = run(server, "repaint", images=3)
        assert len(played.made.images) == 3
        assert list(server.jobs) == ["id-1", "id-2", "id-3"]
        assert {body["client_id"] for body in server.bodies} == {"id-0"}

    def test_the_same_request_has_the_same_digest_whatever_its_job_is_called(self) -> None:
        assert len({run(Painter(waits=waits)).made.wire_digests for waits in (0, 1)}) == 1

    def test_a_picture_is_uploaded_once_and_stands_in_the_payload_by_name(self) -> None:
        server = Painter()
        run(server, "repaint", images=2)
        first = picture(64, 64, "input 0")
        name = f"{first.digest.removeprefix('sha256:')}.png"
        assert server.bodies[0]["prompt"]["image"] == f"stage-engine/{name}"
        assert len(server.uploads) == 2
        assert (server.uploads[0].content_type or "").startswith("multipart/form-data; boundary=")
        sent = server.uploads[0].body or b""
        assert first.data in sent
        for part in (
            b'name="type"\r\n\r\ninput',
            b'name="subfolder"\r\n\r\nstage-engine',
            b'name="overwrite"\r\n\r\ntrue',
        ):
            assert part in sent
        assert b"Content-Type: image/png" in sent

    def test_the_same_picture_twice_is_sent_once(self) -> None:
        server = Painter()
        backend = CATALOG.backend("painter")
        request = GenerateImagesRequest("one", "repaint", {"stage_type": "repaint", "wish": "x"}, (OTHER, OTHER))
        play(exchange(backend, backend.stages["repaint"], prepare(backend, request), stage_id="one"), server)
        assert (len(server.uploads), len(server.bodies)) == (1, 2)

    @pytest.mark.parametrize("said", [{}, {"name": ""}, {"name": 5, "subfolder": None}, [], None, {"name": "x" * 2000}])
    def test_an_upload_that_gets_no_name_is_an_error(self, said: Any) -> None:
        server = Painter()
        played = run(lambda request: answer(said) if "upload" in request.path else server(request), "repaint")
        assert isinstance(played.error, AnswerError)
        assert played.error.code == "answer-no-upload"
        assert server.bodies == []


class TestRefusals:
    def test_node_errors_beside_success_are_a_refusal_and_the_job_is_stopped(self) -> None:
        server = Painter()
        errors = {"50": {"class_type": "LoadImage", "errors": [{"message": "Bad", "details": "image - no.png"}]}}

        def partial(request: HttpRequest) -> Any:
            if request.path == ("prompt",):
                server(request)
                return answer({"prompt_id": "id-1", "number": 1, "node_errors": errors})
            return server(request)

        played = run(partial)
        assert isinstance(played.error, AnswerError)
        assert played.error.code == "answer-refused"
        assert "LoadImage: Bad: image - no.png" in str(played.error)
        assert played.kinds == ["POST /prompt", "POST /queue", "POST /interrupt"]
        assert server.stopped == {"id-1": "deleted"}

    def test_a_refusal_is_no_job(self) -> None:
        said = {"error": {"type": "no_prompt", "message": "No prompt provided", "details": "none"}, "node_errors": {}}
        played = run(lambda _: answer(said, 400))
        assert isinstance(played.error, HttpStatusError)
        assert "No prompt provided: none" in str(played.error)
        assert len(played.sent) == 1

    def test_a_rate_limit_on_a_submission_is_not_tried_again(self) -> None:
        played = run(lambda _: answer({}, 429, retry_after=0.1))
        assert played.error is not None
        assert (played.error.code, len(played.sent)) == ("http-too-many", 1)

    def test_a_job_that_failed_says_why_without_the_folders_of_the_server(self) -> None:
        why = {"node_type": "LoadImage", "exception_message": "cannot identify '/srv/comfyui/in put/not.png'\n"}
        played = run(Painter(ends=lambda: ended("execution_error", **why)))
        assert isinstance(played.error, JobError)
        assert played.error.code == "job-failed"
        assert "LoadImage: cannot identify '…/not.png'" in str(played.error)

    def test_pictures_of_a_failed_job_are_no_results(self) -> None:
        played = run(Painter(ends=lambda: ended("execution_error")))
        assert played.error is not None
        assert "GET /view" not in played.kinds

    def test_somebody_else_stopped_it(self) -> None:
        played = run(Painter(ends=lambda: ended("execution_interrupted")))
        assert isinstance(played.error, JobError)
        assert played.error.code == "job-interrupted"

    def test_a_state_that_nobody_has_heard_of(self) -> None:
        played = run(Painter(ends=lambda: done(status="transcended")))
        assert isinstance(played.error, AnswerError)
        assert played.error.code == "job-state-unknown"


class TestWhatGetsLost:
    def test_a_job_that_nobody_knows_any_more_is_lost(self) -> None:
        server = Painter(waits=0, runs=2)

        def forgets(request: HttpRequest) -> Any:
            if len(server.jobs) and server.jobs.get("id-1", 0) > 1:
                server.jobs.clear()  # the server was started anew
            return server(request)

        played = run(forgets)
        assert isinstance(played.error, JobError)
        assert played.error.code == "job-lost"
        assert played.kinds[-4:] == ["GET /history/id-1", "GET /queue"] * 2

    def test_one_round_of_silence_is_a_race_and_no_loss(self) -> None:
        """Between the two questions the job went from the queue into the history."""
        server, rounds = Painter(waits=0, runs=2), itertools.count()

        def races(request: HttpRequest) -> Any:
            if request.path == ("queue",) and request.method == "GET" and next(rounds) == 1:
                return answer({"queue_running": [], "queue_pending": []})
            return server(request)

        assert run(races).made.images

    def test_a_lost_answer_to_the_submission_is_no_second_submission(self) -> None:
        server = Painter()

        def loses(request: HttpRequest) -> Any:
            found = server(request)
            return SLOW if request.path == ("prompt",) else found

        played = run(loses)
        assert played.made.images
        assert (len(server.bodies), played.kinds.count("POST /prompt")) == (1, 1)

    @pytest.mark.parametrize("problem", [AWAY, SLOW])
    def test_a_submission_that_never_came_there_is_what_it_was(self, problem: BackendError) -> None:
        server = Painter()
        played = run(lambda request: problem if request.path == ("prompt",) else server(request))
        assert played.error is problem
        assert played.kinds == ["POST /prompt"] + ["GET /history/id-1", "GET /queue"] * 2

    def test_nor_where_looking_fails_too(self) -> None:
        played = run(lambda request: SLOW if request.path == ("prompt",) else AWAY)
        assert played.error is SLOW

    @pytest.mark.parametrize("hiccup", [AWAY, SLOW, HttpResponse(503, b""), HttpResponse(429, b"")])
    def test_a_question_is_asked_again(self, hiccup: Any) -> None:
        server, asked = Painter(), itertools.count()

        def stumbles(request: HttpRequest) -> Any:
            return hiccup if request.method == "GET" and next(asked) % 4 < 3 else server(request)

        played = run(stumbles)
        assert played.made.images
        assert len(server.bodies) == 1

    @pytest.mark.parametrize(
        ("hiccup", "code"), [(AWAY, "backend-unreachable"), (HttpResponse(503, b""), "http-status")]
    )
    def test_but_not_for_ever(self, hiccup: Any, code: str) -> None:
        server = Painter()
        played = run(lambda request: hiccup if request.method == "GET" else server(request))
        assert played.error is not None
        assert (played.error.code, len(played.sent)) == (code, 6)

    def test_a_server_that_wants_to_be_asked_later_is(self) -> None:
        server, asked = Painter(waits=0, runs=0), itertools.count()

        def busy(request: HttpRequest) -> Any:
            late = request.path[0] == "history" and next(asked) == 0
            return answer({}, 429, retry_after=7.0) if late else server(request)

        assert 7 <= run(busy).now < 8

    def test_no_wish_of_a_server_is_waited_for_for_ever(self) -> None:
        server, asked = Painter(waits=0, runs=0), itertools.count()

        def busy(request: HttpRequest) -> Any:
            late = request.path[0] == "history" and next(asked) == 0
            return answer({}, 429, retry_after=1e9) if late else server(request)

        assert run(busy).now < 31

    def test_a_job_without_an_end_is_left_and_stopped(self) -> None:
        server = Painter(waits=0, runs=10**9)
        played = run(server)
        assert isinstance(played.error, BackendTimeoutError)
        assert played.error.code == "job-timeout"
        assert 3600 <= played.now < 3601
        assert server.stopped == {"id-1": "interrupted"}

    def test_a_remembered_picture_that_is_gone_is_made_anew_under_another_name(self) -> None:
        files = iter(["old.png", "new.png"])
        server = Painter(waits=0, runs=0, ends=lambda: done(next(files)))
        server.gone.add("old.png")
        played = run(server)
        assert [image.data for image in played.made.images] == [PAINTED.data]
        assert [body["prompt"]["prefix"] for body in server.bodies] == ["id-1", "id-2"]

    def test_once(self) -> None:
        server = Painter(waits=0, runs=0)
        server.gone.add("x.png")
        played = run(server)
        assert isinstance(played.error, HttpStatusError)
        assert (played.error.code, len(server.bodies)) == ("http-not-found", 2)


class TestPictures:
    @pytest.mark.parametrize(
        ("view", "code"),
        [
            (HttpResponse(200, b"<html>", "text/html"), "answer-media-type"),
            (HttpResponse(200, b"nonsense", "image/png"), "answer-bad-image"),
            (HttpResponse(200, PAINTED.data[:50], "image/png"), "answer-bad-image"),
            (HttpResponse(200, b"", ""), "answer-bad-image"),
            (HttpResponse(403, b"", ""), "http-unauthorized"),
        ],
    )
    def test_what_is_fetched_must_be_one(self, view: HttpResponse, code: str) -> None:
        server = Painter()
        played = run(lambda request: view if request.path == ("view",) else server(request))
        assert played.error is not None
        assert played.error.code == code

    @pytest.mark.parametrize(
        "image",
        [
            {},
            {"filename": 5.5},
            {"filename": None},
            {"filename": "x", "subfolder": [], "type": "output"},
            "x.png",
            5,
            None,
            {"filename": "x" * 1001, "subfolder": "", "type": "output"},
        ],
    )
    def test_what_leads_to_it_must_be_there(self, image: Any) -> None:
        entry = {**done(), "outputs": {"save": {"images": [image]}}}
        played = run(Painter(ends=lambda: entry))
        assert isinstance(played.error, AnswerError)
        assert played.error.code == "answer-bad-place"

    @pytest.mark.parametrize("outputs", [{}, None, [], {"save": {}}, {"save": {"images": []}}, {"preview": done()}])
    def test_a_job_that_is_done_and_made_nothing(self, outputs: Any) -> None:
        played = run(Painter(ends=lambda: {**done(), "outputs": outputs}))
        assert isinstance(played.error, AnswerError)
        assert played.error.code == "answer-no-images"


class TestStopping:
    def test_one_that_waits_is_taken_out_of_the_queue(self) -> None:
        server = Painter(waits=1000)
        played = run(server, cancel_at=1.0)
        assert (played.made.cancelled, played.made.images, played.made.warnings) == (True, (), ())
        assert server.stopped == {"id-1": "deleted"}
        assert played.now < 3  # nobody knows it, twice: it is gone

    def test_one_that_runs_is_interrupted(self) -> None:
        server = Painter(waits=0, runs=1000)
        played = run(server, cancel_at=1.0)
        assert played.made.cancelled
        assert server.stopped == {"id-1": "interrupted"}
        assert played.kinds[-3:] == ["POST /queue", "POST /interrupt", "GET /history/id-1"]

    def test_one_that_is_done_first_is_discarded(self) -> None:
        late = Painter(waits=0, runs=8)

        def deaf(request: HttpRequest) -> Any:
            return HttpResponse(200, b"") if request.path in (("interrupt",),) else late(request)

        played = run(deaf, cancel_at=1.0)
        assert (played.made.cancelled, played.made.images) == (True, ())
        assert "GET /view" not in played.kinds

    def test_one_that_does_not_stop_is_left(self) -> None:
        late = Painter(waits=0, runs=10**9)
        played = run(
            lambda request: HttpResponse(200, b"") if request.path == ("interrupt",) else late(request), cancel_at=1.0
        )
        assert played.made.cancelled
        assert 31 <= played.now < 32
        assert [warning.code for warning in played.made.warnings] == ["cancel-unanswered"]

    def test_it_names_the_job_so_a_shared_server_is_told_too(self) -> None:
        server = Painter(waits=0, runs=1000)
        assert run(server, cancel_at=1.0, shared=True).made.cancelled
        assert server.stopped == {"id-1": "interrupted"}

    def test_pictures_of_jobs_that_had_ended_are_kept(self) -> None:
        server = Painter(waits=0, runs=5)
        played = run(server, "repaint", images=3, cancel_at=2.0)
        assert played.made.cancelled
        assert 1 <= len(played.made.images) < 3

    def test_a_server_that_goes_away_meanwhile_is_no_failure(self) -> None:
        server = Painter(waits=0, runs=1000)
        stopped = []

        def dies(request: HttpRequest) -> Any:
            if request.method == "POST" and request.path != ("prompt",):
                stopped.append(request)
            return AWAY if stopped else server(request)

        played = run(dies, cancel_at=1.0)
        assert played.made.cancelled
        assert {warning.code for warning in played.made.warnings} == {"cancel-refused", "cancel-unanswered"}


class TestTheWebsocket:
    def test_it_is_listened_to_by_this_clients_name(self) -> None:
        played = run(Painter(), "repaint", images=2)
        assert [(one.path, one.query) for one in played.listened] == [(("ws",), (("clientId", "id-0"),))]

    def test_it_tells_of_progress_of_this_job_alone(self) -> None:
        def told(job: str, value: Any, most: Any = 20) -> dict[str, Any]:
            return {"type": "progress", "data": {"prompt_id": job, "value": value, "max": most, "node": "3"}}

        said = [told("id-1", 5), told("another", 6), told("id-1", 10), {"type": "status"}, told("id-1", "x"), [], None]
        said += [told("id-1", 1, 0), told("id-1", 5, 3), told("id-1", True)]
        played = run(Painter(runs=20), messages=[(0.3 + n / 10, one) for n, one in enumerate(said)])
        assert [(one.step, one.steps, one.ratio) for one in played.told] == [(5, 20, 0.25), (10, 20, 0.5)]

    def test_a_hint_makes_it_look_at_once(self) -> None:
        """Without it, looks are 0.25 s apart by then."""
        hint = {"type": "executing", "data": {"node": None, "prompt_id": "id-1"}}
        other = {"type": "executing", "data": {"node": None, "prompt_id": "another"}}
        played = run(Painter(waits=0, runs=4), messages=[(0.5, other), (0.6, hint)])
        assert played.now == pytest.approx(0.6)

    def test_a_flood_does_not_keep_it_from_looking(self) -> None:
        noise = [(n / 1000, {"type": "progress", "data": {}}) for n in range(5000)]
        assert run(Painter(waits=1, runs=2), messages=noise).made.images


# -- whatever a server answers ------------------------------------------------------------------------------------

_KEYS = ["outputs", "save", "images", "status", "status_str", "messages", "filename", "id-1", "queue_running", "name"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 500) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    _JSON.map(lambda data: json.dumps(data).encode()),
    st.sampled_from([PAINTED.data, b"", b"{}", b"[" * 5000]),
)
_SAID = st.one_of(
    st.just("as it should"),
    st.builds(
        HttpResponse,
        st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 404, 410, 413, 429, 500, 503]),
        _BODIES,
        st.sampled_from(["application/json", "image/png", "text/html", ""]),
        st.one_of(st.none(), st.floats(0, 1e9)),
    ),
    st.sampled_from([AWAY, SLOW]),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(_SAID, max_size=12),
    cancel_at=st.one_of(st.none(), st.floats(0, 10)),
    kind=st.sampled_from(["paint", "repaint"]),
)
def test_whatever_a_server_answers_it_ends_in_pictures_or_a_typed_error(
    said: list[Any], cancel_at: float | None, kind: str
) -> None:
    server, turns = Painter(), iter(said)

    def anything(request: HttpRequest) -> Any:
        proper = server(request)
        turn = next(turns, "as it should")
        return proper if isinstance(turn, str) else turn

    played = run(anything, kind, cancel_at=cancel_at)  # `play` raises where it does not end
    if played.error is not None:
        assert isinstance(played.error, StageEngineError)
        assert len(str(played.error)) < 800
    else:
        assert played.made.cancelled or played.made.images
        assert all(image.width > 0 for image in played.made.images)
    assert played.now <= 3600 + 60
