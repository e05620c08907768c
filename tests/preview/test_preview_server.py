"""What the server is as a server: strict, bounded, on loopback only, and gone when it is stopped."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
import time
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.preview import PreviewServer
from tests.preview.conftest import Client, as_png, opened, photo


def accept(name: str, body: object) -> list[str]:
    return []


def test_a_body_that_does_not_meet_its_contract_is_refused_with_every_problem() -> None:
    asked: list[tuple[str, object]] = []

    def check(name: str, body: object) -> list[str]:
        asked.append((name, body))
        return ["no_such_field is no field", "steps is too large"]

    with PreviewServer(check=check) as server:
        client = Client(server.url)
        refused = client.post("txt2img", {"no_such_field": 1}, status=422)
        assert refused == {
            "detail": [
                {"loc": ["body"], "msg": "no_such_field is no field", "type": "value_error.contract"},
                {"loc": ["body"], "msg": "steps is too large", "type": "value_error.contract"},
            ]
        }
        client.post("img2img", {}, status=422)
        client.post("extra-single-image", {}, status=422)
    assert asked == [("txt2img", {"no_such_field": 1}), ("img2img", {}), ("extras", {})]


def test_requests_are_remembered_without_showing_their_bodies() -> None:
    with PreviewServer(check=accept) as server:
        client = Client(server.url)
        client.get("/sdapi/v1/samplers")
        client.post("txt2img", {"width": 64, "height": 64, "prompt": "a secret"})
        client.get("/sdapi/v1/nope?x=1", status=404)
        assert [(seen.method, seen.path) for seen in server.requests] == [
            ("GET", "/sdapi/v1/samplers"),
            ("POST", "/sdapi/v1/txt2img"),
            ("GET", "/sdapi/v1/nope"),
        ]
        method, path, body = server.requests[1]
        assert (method, path, body) == (
            "POST",
            "/sdapi/v1/txt2img",
            {"width": 64, "height": 64, "prompt": "a secret"},
        )
        assert "secret" not in repr(server.requests)


def test_only_the_latest_requests_are_remembered() -> None:
    with PreviewServer(check=accept) as server:
        for number in range(260):
            requests.get(f"{server.url}/{number}", timeout=10)
        assert [seen.path for seen in server.requests] == [f"/{number}" for number in range(4, 260)]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "example.org", "", "::1", "8.8.8.8"])
def test_other_hosts_than_loopback_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"use 127\.0\.0\.1"):
        PreviewServer(check=accept, host=host)


def test_localhost_and_every_loopback_address_will_do() -> None:
    with PreviewServer(check=accept, host="localhost") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert requests.get(f"{server.url}/internal/ping", timeout=10).status_code == 200


def test_a_server_has_no_address_before_its_start_and_starts_once() -> None:
    server = PreviewServer(check=accept)
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = server.url
    with server:
        pass
    with pytest.raises(RuntimeError, match="started already"):
        server.start()
    server.stop()


def test_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match=r"."):
            PreviewServer(check=accept, port=taken.getsockname()[1]).start()


def test_after_the_end_there_is_no_thread_and_no_listener() -> None:
    before = set(threading.enumerate())
    with PreviewServer(check=accept) as server:
        requests.get(f"{server.url}/internal/ping", timeout=10)
        port = int(server.url.rpartition(":")[2])
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_client_that_says_nothing_does_not_hold_up_the_end() -> None:
    with PreviewServer(check=accept) as server:
        silent = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5)
        # An answered request proves that the silent connection, made earlier, has been accepted too.
        requests.get(f"{server.url}/internal/ping", timeout=10)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    silent.close()


def test_a_generation_that_runs_does_not_hold_up_the_end() -> None:
    with PreviewServer(check=accept, delay=60) as server:
        answers: list[int] = []
        url = f"{server.url}/sdapi/v1/txt2img"
        body = {"width": 64, "height": 64, "steps": 150}
        thread = threading.Thread(target=lambda: answers.append(requests.post(url, json=body, timeout=60).status_code))
        thread.start()
        wait_for_job(Client(server.url))
        started = time.monotonic()
    thread.join()
    assert time.monotonic() - started < 10
    assert answers == [200]


def wait_for_job(client: Client) -> dict[str, Any]:
    for _ in range(200):
        progress: dict[str, Any] = client.get("/sdapi/v1/progress?skip_current_image=true")
        if progress["state"]["sampling_step"] > 0:
            return progress
        time.sleep(0.02)
    raise AssertionError("no job was seen")


def run_slowly(ending: str, **body: object) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Start a slow generation, watch it, end it; returns progress, answer and progress afterwards."""
    with PreviewServer(check=accept, delay=20) as server:
        client = Client(server.url)
        answers: list[Any] = []
        sent = {"width": 64, "height": 64, "steps": 100, "seed": 3, **body}
        thread = threading.Thread(target=lambda: answers.append(client.post("txt2img", sent)))
        thread.start()
        progress = wait_for_job(client)
        requests.post(f"{server.url}/sdapi/v1/{ending}", timeout=10)
        if ending == "skip":
            requests.post(f"{server.url}/sdapi/v1/interrupt", timeout=10)
        thread.join()
        return progress, answers[0], client.get("/sdapi/v1/progress")


def test_an_interrupted_job_answers_at_once_with_what_it_has() -> None:
    progress, answer, after = run_slowly("interrupt", n_iter=3)
    assert progress["state"]["job"] == "scripts_txt2img"
    assert progress["state"]["job_count"] == 3
    assert 0 < progress["progress"] < 0.5
    assert progress["eta_relative"] > 0
    assert len(answer["images"]) == 1
    assert "interrupted" in opened(answer["images"][0]).info["stage-engine-preview"]
    assert json.loads(answer["info"])["steps"] == 100
    assert after["state"]["interrupted"] is True
    assert after["state"]["job"] == ""
    assert after["progress"] == 0.0
    whole = PreviewServer(check=accept)
    with whole:
        same = Client(whole.url).post("txt2img", {"width": 64, "height": 64, "steps": 100, "seed": 3, "n_iter": 3})
    assert same["images"][0] != answer["images"][0]


def test_an_interrupt_while_nothing_runs_is_lost() -> None:
    with PreviewServer(check=accept) as server:
        client = Client(server.url)
        assert client.post("interrupt", None) == {}
        assert client.get("/sdapi/v1/progress")["state"]["interrupted"] is True
        images, _ = client.make("txt2img", n_iter=2)
        assert len(images) == 2
        assert client.get("/sdapi/v1/progress")["state"]["interrupted"] is False


def test_a_restart_brings_the_options_back() -> None:
    with PreviewServer(check=accept) as server:
        client = Client(server.url)
        client.post("options", {"CLIP_stop_at_last_layers": 2})
        server.restart()
        assert client.get("/sdapi/v1/options")["CLIP_stop_at_last_layers"] == 1


def test_a_skipped_picture_lets_the_next_one_begin() -> None:
    _, answer, _ = run_slowly("skip", n_iter=2)
    assert len(answer["images"]) in (1, 2)  # the interrupt that follows may come before the second picture


def test_two_generations_run_one_after_the_other() -> None:
    with PreviewServer(check=accept, delay=0.2) as server:
        client = Client(server.url)
        body = {"width": 64, "height": 64, "steps": 4}
        threads = [threading.Thread(target=client.post, args=("txt2img", body)) for _ in range(3)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started >= 0.6


class TestAuth:
    @pytest.fixture
    def guarded(self) -> Any:
        with PreviewServer(check=accept, auth=("ann", "p:äss")) as server:
            yield server

    def test_without_a_name(self, guarded: PreviewServer) -> None:
        answer = requests.get(f"{guarded.url}/sdapi/v1/samplers", timeout=10)
        assert answer.status_code == 401
        assert answer.text == '{"error":"HTTPException","detail":"Not authenticated","body":"","errors":""}'

    @pytest.mark.parametrize("pair", [("ann", "wrong"), ("bob", "p:äss"), ("", ""), ("ann", "")])
    def test_with_the_wrong_name_or_password(self, guarded: PreviewServer, pair: tuple[str, str]) -> None:
        token = base64.b64encode(":".join(pair).encode()).decode()
        url = f"{guarded.url}/sdapi/v1/samplers"
        answer = requests.get(url, headers={"Authorization": f"Basic {token}"}, timeout=10)
        assert answer.status_code == 401
        expected = '{"error":"HTTPException","detail":"Incorrect username or password","body":"","errors":""}'
        assert answer.text == expected

    @pytest.mark.parametrize("token", ["!!!", "", "a", "=", "\u00e4"])
    def test_with_a_header_that_is_no_base64(self, guarded: PreviewServer, token: str) -> None:
        headers = {"Authorization": f"Basic {token}".encode()}
        url = f"{guarded.url}/sdapi/v1/samplers"
        assert requests.get(url, headers=headers, timeout=10).status_code == 401

    def test_with_the_right_ones(self, guarded: PreviewServer) -> None:
        token = base64.b64encode("ann:p:äss".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        assert requests.get(f"{guarded.url}/sdapi/v1/samplers", headers=headers, timeout=10).status_code == 200


class TestBodies:
    def raw(self, client: Client, data: bytes, **headers: str) -> requests.Response:
        headers = {"Content-Type": "application/json", **headers}
        return requests.post(f"{client.url}/sdapi/v1/txt2img", data=data, headers=headers, timeout=30)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"{nope", "Expecting property name"),
            (b'{"prompt": NaN}', "NaN is no JSON value"),
            (b'{"cfg_scale": 1e999}', "not a finite number"),
            (b'{"steps": 1, "steps": 2}', "'steps' stands there twice"),
            (b'{"prompt": "\\ud800"}', "lone surrogate"),
            (b'{"prompt": "\xff"}', "invalid start byte"),
            (b'{"seed": ' + b"9" * 5000 + b"}", "digits"),
            (b'{"styles": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
            (b'{"styles": ' + b"[" * 60 + b"]" * 60 + b"}", "nested too deeply"),
        ],
    )
    def test_what_is_no_json_is_refused(self, client: Client, data: bytes, words: str) -> None:
        answer = self.raw(client, data)
        assert answer.status_code == 422
        (problem,) = answer.json()["detail"]
        assert problem["type"] == "value_error.jsondecode"
        assert words in problem["msg"]

    def test_a_broken_body_is_not_echoed_whole(self, client: Client) -> None:
        answer = self.raw(client, b'{"init_images": ["' + b"A" * 10_000 + b'"')
        assert answer.status_code == 422
        assert len(answer.content) < 1000

    @pytest.mark.parametrize("data", [b"[]", b"5", b'"text"', b"null"])
    def test_json_that_is_no_object_is_refused(self, client: Client, data: bytes) -> None:
        answer = self.raw(client, data)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["msg"] == "value is not a valid dict"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("steps", True),
            ("steps", "20"),
            ("steps", 2.5),
            ("seed", 2**63),
            ("seed", None),
            ("cfg_scale", True),
            ("cfg_scale", "7"),
            ("enable_hr", 1),
            ("enable_hr", "true"),
            ("prompt", 5),
            ("styles", "one"),
            ("override_settings", []),
        ],
    )
    def test_a_value_of_the_wrong_type_is_refused_by_name(self, client: Client, field: str, value: object) -> None:
        refused = client.post("txt2img", {field: value}, status=422)
        assert [problem["loc"] for problem in refused["detail"]] == [["body", field]]

    def test_a_large_body_is_refused_before_it_is_read(self) -> None:
        with PreviewServer(check=accept, max_body_bytes=1000) as server:
            client = Client(server.url)
            assert self.raw(client, json.dumps({"prompt": "x" * 900, "width": 64, "height": 64}).encode()).ok
            answer = self.raw(client, b'{"prompt": "' + b"x" * 2_000_000 + b'"}')
            assert answer.status_code == 413
            assert "at most 1000 are read" in answer.json()["detail"]
            assert [seen.body is None for seen in server.requests] == [False]

    @pytest.mark.parametrize("length", ["-1", "abc", "9" * 30])
    def test_a_length_that_is_none_is_refused(self, client: Client, length: str) -> None:
        port = int(client.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(f"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")

    def test_a_body_in_chunks_is_refused(self, client: Client) -> None:
        answer = requests.post(f"{client.url}/sdapi/v1/txt2img", data=iter([b"{}"]), timeout=10)
        assert answer.status_code == 411

    @settings(max_examples=40, deadline=None)
    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=5))
    def test_no_value_in_any_field_breaks_the_server(self, server: PreviewServer, value: object) -> None:
        client = Client(server.url)
        for field in ("alwayson_scripts", "override_settings", "styles", "sampler_name", "hr_scale", "seed"):
            url = f"{client.url}/sdapi/v1/txt2img"
            answer = requests.post(url, json={"width": 8, "height": 8, field: value}, timeout=30)
            assert answer.status_code in (200, 422), (field, answer.text)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_and_the_right_ones_named(client: Client, method: str) -> None:
    answer = requests.request(method, f"{client.url}/sdapi/v1/txt2img", timeout=10)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["Allow"] == "POST"


def test_a_fault_inside_is_an_answer_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def broken(name: str, body: object) -> list[str]:
        raise LookupError("the contract is gone")

    with PreviewServer(check=broken) as server, caplog.at_level(logging.ERROR, "engine.preview"):
        refused = Client(server.url).post("txt2img", {}, status=500)
        assert refused == {"error": "LookupError", "detail": "", "body": "", "errors": "the contract is gone"}
        assert Client(server.url).get("/internal/ping") == {}
    assert "could not answer POST /sdapi/v1/txt2img" in caplog.text


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with PreviewServer(check=accept) as server:
        client = Client(server.url)
        client.get("/nope", status=404)
        client.post("png-info", {"image": as_png(photo(8, 8))})
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as raw:
            raw.sendall(b"GARBAGE\r\n\r\n")
            raw.recv(1000)
    assert capfd.readouterr() == ("", "")


def test_options_are_read_and_set(client: Client) -> None:
    with PreviewServer(check=accept, missing=["nope"]) as server:
        own = Client(server.url)
        assert own.post("options", {"sd_model_checkpoint": "other.safetensors"}) is None
        assert own.get("/sdapi/v1/options")["sd_model_checkpoint"] == "other.safetensors"
        assert own.make("txt2img")[1]["sd_model_name"] == "other"
        own.make("txt2img", override_settings={"CLIP_stop_at_last_layers": 2})
        assert own.get("/sdapi/v1/options")["CLIP_stop_at_last_layers"] == 1
        stays = {"CLIP_stop_at_last_layers": 2, "sd_model_checkpoint": "nope"}
        own.make("txt2img", override_settings=stays, override_settings_restore_afterwards=False)
        options = own.get("/sdapi/v1/options")
        assert options["CLIP_stop_at_last_layers"] == 2
        assert options["sd_model_checkpoint"] == "other.safetensors"
    assert client.get("/sdapi/v1/options")["sd_model_checkpoint"] == "preview-sd15.safetensors"
