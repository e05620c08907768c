"""`stage-engine preview` in real processes: what it tells, how it fails on demand, how it stops."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from engine.preview import STAGES, Fault, read_fault

ROOT = Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def preview(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command with `--json`, and what its first line says. It is stopped with Ctrl-C and must end well."""
    command = [sys.executable, "-m", "engine.cli", "preview", "--json", *options]
    known = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    with subprocess.Popen(
        command, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            rest, notes = process.communicate(timeout=30)
        assert (process.returncode, rest, notes) == (0, "", "")


def failing(*options: str) -> subprocess.CompletedProcess[str]:
    known = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "engine.cli", "preview", *options]
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def draw(address: str, path: str = "txt2img", **body: object) -> requests.Response:
    sent = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, **body}
    return requests.post(f"{address}/sdapi/v1/{path}", json=sent, timeout=60)


#: What the contract asks for besides.
BODY = {
    "negative_prompt": "",
    "sampler_name": "Euler",
    "scheduler": "Automatic",
    "cfg_scale": 7.0,
    "batch_size": 1,
    "n_iter": 1,
    "send_images": True,
    "save_images": False,
    "override_settings_restore_afterwards": True,
}


def test_it_says_where_it_is_and_fails_as_it_was_told() -> None:
    options = ("--fail-on", "2=503", "--fail-on", "3=oom", "--fail-on", "4=drop", "--missing", "lost")
    with preview(*options) as (process, told):
        assert told["schema_version"] == 1
        assert told["backend"] == "a1111"
        assert told["protocol"] == "sdapi"
        assert told["pid"] == process.pid
        address = told["address"]
        assert address.startswith("http://127.0.0.1:")
        assert draw(address, **BODY).status_code == 200
        second = draw(address, **BODY)
        assert (second.status_code, second.json()["error"]) == (503, "HTTPException")
        third = draw(address, **BODY)
        assert (third.status_code, third.json()["error"]) == (500, "OutOfMemoryError")
        with pytest.raises(requests.ConnectionError):
            draw(address, **BODY)
        # A body that does not meet the contract is no generation: the next one is the fifth.
        assert draw(address, no_such_field=1).status_code == 422
        fifth = draw(address, **BODY, override_settings={"sd_model_checkpoint": "lost"})
        assert json.loads(fifth.json()["info"])["sd_model_name"] != "lost"


def test_a_person_sees_what_is_asked_and_how_it_was_answered() -> None:
    command = [sys.executable, "-m", "engine.cli", "preview", "--fail-on", "1=oom"]
    known = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        address = told[0].split()[-1]
        assert address.startswith("http://127.0.0.1:")
        requests.get(f"{address}/sdapi/v1/progress", timeout=10)
        draw(address, **BODY)
        process.send_signal(signal.SIGTERM)
        _, notes = process.communicate(timeout=30)
    assert process.returncode == 0
    assert told[2] == "It will fail on 1=oom.\n"
    assert "POST /sdapi/v1/txt2img  500" in notes
    assert "progress" not in notes
    assert notes.endswith("Stopped.\n")


def test_progress_moves_while_a_picture_takes_its_time_and_ctrl_c_does_not_wait_for_it() -> None:
    answers: list[requests.Response] = []
    with preview("--delay", "60") as (_, told):
        url = told["address"]
        thread = threading.Thread(target=lambda: answers.append(draw(url, **{**BODY, "steps": 150})))
        thread.start()
        steps: set[int] = set()
        for _attempt in range(200):
            state = requests.get(f"{url}/sdapi/v1/progress", timeout=10).json()["state"]
            steps.add(state["sampling_step"])
            if len(steps) >= 3:
                break
            time.sleep(0.05)
        assert len(steps) >= 3
        began = time.monotonic()
    assert time.monotonic() - began < 15
    thread.join()
    assert answers[0].status_code == 200


def test_a_port_can_be_named_and_must_be_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = failing("--port", str(port))
    assert done.returncode == 2
    assert f"{port} cannot be used" in done.stderr
    with preview("--port", str(port)) as (_, told):
        assert told["address"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fail-on", "upscale=explode"], "'explode' is no way to fail"),
        (["--backend", "nope"], "there is no back end 'nope'"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(options: list[str], words: str) -> None:
    done = failing(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "write what fails and how"),
        ("", "write what fails and how"),
        ("upscale=200", "write what fails and how"),
        ("sharpen=500", "'sharpen' is no stage"),
        ("0=oom", "'0' is no stage"),
        ("99999999999=oom", "is no stage"),
        ("upscale=explode", "'explode' is no way to fail"),
    ],
)
def test_a_failure_that_is_none_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_fault(text)


def test_help_shows_how() -> None:
    done = failing("--help")
    assert done.returncode == 0
    assert "stage-engine preview --port 7860" in done.stdout


def test_faults_are_read_back() -> None:
    assert read_fault("upscale=500") == Fault("upscale", "status", 500)
    assert read_fault("3=oom") == Fault(3, "oom")
    assert {read_fault(f"{stage}=drop").where for stage in STAGES} == set(STAGES)
