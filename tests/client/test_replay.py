"""Every answer that was recorded is read: it gives pictures or the right typed error, whatever the server said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.backends.places import number_at
from engine.conversation.answers import picture_of, read_results, refuse
from engine.errors import AnswerError, BackendError, HttpStatusError
from tests.payloads.building import BACKENDS
from tests.recordings import RECORDINGS, needs_recordings, with_pictures

STAGES = {"/sdapi/v1/txt2img": "txt2img", "/sdapi/v1/img2img": "img2img", "/sdapi/v1/extra-single-image": "upscale"}
SERVERS = ("a1111", "forge", "sdnext")
CODES = {401: "http-unauthorized", 403: "http-unauthorized", 404: "http-not-found", 429: "http-too-many"}


def recorded(paths: set[str]) -> list[Any]:
    """(server, file) of every recording of an answer at one of these paths."""
    found = []
    for server in SERVERS if RECORDINGS is not None else ():
        for file in sorted((Path(str(RECORDINGS)) / server).rglob("*.json")):
            told = json.loads(file.read_text(encoding="utf-8"))
            asked = told.get("request") if isinstance(told, dict) else None
            if isinstance(asked, dict) and asked.get("path", "").partition("?")[0] in paths and "response" in told:
                found.append(pytest.param(server, file, id=f"{server}/{file.stem}"))
    return found


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


@needs_recordings
@pytest.mark.parametrize(("server", "file"), recorded(set(STAGES)))
def test_an_answer_gives_pictures_or_the_right_error(server: str, file: Path) -> None:
    told = read(file)
    status, data = told["status"], with_pictures(told["response"])
    stage = STAGES[told["request"]["path"].partition("?")[0]]
    about = {"backend": server, "stage": stage}
    if status != 200:
        error = refuse(BACKENDS[server].errors, status, json.dumps(data).encode(), **about)
        assert isinstance(error, HttpStatusError)
        assert (error.status, error.code) == (status, CODES.get(status, "http-status"))
        assert "did not say why" not in error.message, "its message stands somewhere in every answer"
        assert len(error.message) < 700
        return
    form = BACKENDS["a1111" if "image" in data else server].stages[stage].answer  # SD.Next's extras are not ours to ask
    wanted = [data["image"]] if "image" in data else data["images"] or []
    try:
        results = read_results(form, data, {}, **about)
    except AnswerError as problem:
        assert problem.code == "answer-no-images"
        assert wanted == []
        assert server != "sdnext" or "no checkpoint loaded" in str(problem)
        return
    pictures = [picture_of(item, number, **about) for number, item in enumerate(results.items)]
    assert [picture.base64 for picture in pictures] == wanted[results.first : results.first + len(pictures)]
    seeds = results.seeds_of(len(pictures))
    if "info" in data:
        assert seeds == tuple(json.loads(data["info"])["all_seeds"][: len(pictures)])
    assert len(pictures) == len(wanted) - results.first or file.stem == "detailer-include-detections"


@needs_recordings
@pytest.mark.parametrize(("server", "file"), recorded({"/sdapi/v1/progress"}))
def test_progress_is_a_ratio_or_a_refusal(server: str, file: Path) -> None:
    told, step = read(file), BACKENDS[server].steps.progress
    assert step is not None
    if told["status"] != 200:
        error = refuse(
            BACKENDS[server].errors, told["status"], json.dumps(told["response"]).encode(), backend=server, stage="x"
        )
        assert isinstance(error, BackendError)
        return
    ratio = number_at(told["response"], step.ratio)
    assert ratio is not None
    assert 0 <= ratio <= 1
    assert number_at(told["response"], step.steps) is not None
