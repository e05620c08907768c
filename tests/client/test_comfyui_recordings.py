"""What a running ComfyUI answered, led through the reading side: each recorded conversation to its end."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from engine import AnswerError, Catalog, GenerateImagesRequest, HttpStatusError, JobError
from engine.backends.build import prepare
from engine.conversation.exchange import exchange
from engine.conversation.talk import HttpRequest, HttpResponse
from engine.testing import picture
from engine.testing.playing import Played, answer, play
from tests import recordings

pytestmark = recordings.needs_recordings
CATALOG = Catalog([Path(__file__).resolve().parent / "jobs"])
PICTURE = picture(64, 64, "painted")
EMPTY_QUEUE = {"queue_running": [], "queue_pending": []}


def conversation(
    *,
    submit: HttpResponse | None = None,
    history: dict[str, Any] | None = None,
    queues: list[Any] | None = None,
    name: str = "job",
    save: str = "save",
) -> Played:
    """A conversation with the recorded answers. `name`: what the recorded job is called, and so ours; `save`: the node
    in the recording that is the result, which our graphs call `save`."""
    backend = CATALOG.backend("painter")
    request = GenerateImagesRequest("one", "paint", {"stage_type": "paint", "wish": "a lighthouse"})
    waiting = iter(queues or [])
    ids = itertools.chain(["client"], itertools.repeat(name))

    def server(sent: HttpRequest) -> Any:
        match sent.path:
            case ("prompt",):
                taken = {"prompt_id": name, "number": 3, "node_errors": {}}
                return answer(taken) if submit is None else submit
            case ("history", _) if (queue := next(waiting, None)) is not None:
                pending.append(queue)
                return answer(recordings.load("comfyui", "history_id_while_running")["body"])
            case ("history", _):
                return answer(_renamed(history, save) if history is not None else {})
            case ("queue",) if sent.method == "GET":
                return answer(pending.pop() if pending else EMPTY_QUEUE)
            case ("view",):
                return HttpResponse(200, PICTURE.data, "image/png")
        return HttpResponse(200, b"")

    pending: list[Any] = []
    talk = exchange(backend, backend.stages["paint"], prepare(backend, request), stage_id="one", ids=lambda: next(ids))
    return play(talk, server)


def _renamed(history: dict[str, Any], save: str) -> dict[str, Any]:
    text = json.dumps(history).replace(f'"outputs": {{"{save}":', '"outputs": {"save":')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def load(name: str) -> tuple[dict[str, Any], str]:
    """A recorded history and the name of the job in it."""
    found = recordings.load("comfyui", name)
    body: dict[str, Any] = found.get("body", found)
    return body, next(iter(body))


def test_a_job_that_runs_and_ends() -> None:
    history, name = load("history_finished")
    running = recordings.load("comfyui", "queue_running")["body"]
    assert running["queue_running"][0][1] == name
    played = conversation(history=history, name=name, save="9", queues=[running, running])
    assert [image.data for image in played.made.images] == [PICTURE.data]
    assert played.kinds[1:] == [f"GET /history/{name}", "GET /queue"] * 2 + [f"GET /history/{name}", "GET /view"]
    assert dict(played.sent[-1].query) == {"filename": "t2i_00001_.png", "subfolder": "", "type": "output"}
    assert played.made.info[0]["status_str"] == "success"


@pytest.mark.parametrize("name", ["history_identical_rerun", "history_img2img", "history_save_and_preview"])
def test_jobs_that_ended_well(name: str) -> None:
    history, job = load(name)
    save = next(iter(history[job]["outputs"]))
    assert len(conversation(history=history, name=job, save=save).made.images) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("history_failed_with_cached_outputs", "LoadImage: cannot identify image file '…/not.png'"),
        ("history_failed_not_an_image", "cannot identify image file"),
        ("history_failed_bad_prefix", "SaveImage: **** ERROR: Saving image outside the output folder is not allowed."),
        ("history_failed_two_outputs", "the job failed: "),
    ],
)
def test_jobs_that_failed(name: str, said: str) -> None:
    history, job = load(name)
    played = conversation(history=history, name=job, save="9")
    assert isinstance(played.error, JobError)
    assert played.error.code == "job-failed"
    assert said in str(played.error)
    assert "/srv" not in str(played.error)
    assert "GET /view" not in played.kinds


def test_a_job_that_was_interrupted() -> None:
    history, job = load("history_interrupted")
    played = conversation(history=history, name=job)
    assert isinstance(played.error, JobError)
    assert played.error.code == "job-interrupted"


def test_a_job_in_a_queue_of_several() -> None:
    queue = recordings.load("comfyui", "queue_running_and_pending")["body"]
    for place in ("queue_running", "queue_pending"):
        name = queue[place][0][1]
        history = {name: load("history_finished")[0][load("history_finished")[1]]}
        assert conversation(history=history, name=name, save="9", queues=[queue]).made.images


def test_nobody_knows_it() -> None:
    assert recordings.load("comfyui", "misc_GET_history_unknown-id")["body"] == {}
    played = conversation()
    assert played.error is not None
    assert played.error.code == "job-lost"


def test_a_graph_of_which_a_part_is_refused_is_refused() -> None:
    recorded = recordings.load("comfyui", "ok_partially_valid")
    played = conversation(submit=answer(recorded["body"], recorded["status"]))
    assert isinstance(played.error, AnswerError)
    assert played.error.code == "answer-refused"
    assert "LoadImage: Custom validation failed for node: image - Invalid image file: no.png" in str(played.error)
    assert played.kinds[1:] == ["POST /queue", "POST /interrupt"]


def _errors() -> list[str]:
    folder = recordings.RECORDINGS
    names = [] if folder is None else sorted(file.stem for file in (folder / "comfyui").glob("err_*.json"))
    return [name for name in names if "upload" not in name and recordings.load("comfyui", name)["status"] != 200]


@pytest.mark.parametrize("name", _errors())
def test_every_refusal_is_one_and_says_why(name: str) -> None:
    recorded = recordings.load("comfyui", name)
    body = recorded["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    played = conversation(submit=HttpResponse(recorded["status"], raw, recorded.get("content_type", "")))
    assert isinstance(played.error, HttpStatusError)
    text = str(played.error)
    assert f"the server answered {recorded['status']}: " in text
    assert "Traceback" not in text
    assert len(played.sent) == 1


def test_a_refusal_names_the_node_and_the_value() -> None:
    recorded = recordings.load("comfyui", "err_value_not_in_list")
    text = str(conversation(submit=answer(recorded["body"], 400)).error)
    assert "CheckpointLoaderSimple: Value not in list: ckpt_name: 'nope.safetensors' not in [" in text
