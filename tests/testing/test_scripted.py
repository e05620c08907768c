"""The scripted server: real HTTP, exact answers, and an account of what was asked that may be shown to anybody."""

from __future__ import annotations

import json

import pytest
import requests

from engine.testing import picture
from engine.testing.scripted import Reply, ScriptedServer, Seen


def test_answers_come_in_order_and_the_last_one_again_and_again() -> None:
    with ScriptedServer([Reply.json({"first": 1}, 201), lambda seen: Reply(seen.raw + b"!")]) as server:
        assert (one := requests.post(server.url, timeout=5)).status_code == 201
        assert one.json() == {"first": 1}
        assert [requests.post(server.url, data=text, timeout=5).text for text in ("a", "b")] == ["a!", "b!"]
    assert [seen.raw for seen in server.seen] == [b"", b"a", b"b"]
    assert server.connections == 3


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_answered(method: str) -> None:
    with ScriptedServer([Reply(b"{}")]) as server:
        assert requests.request(method, f"{server.url}/a?b=c", timeout=5).content == b"{}"
    assert server.seen[0].told == {"request": f"{method} /a?b=c"}


def test_a_connection_can_break_in_the_middle() -> None:
    with (
        ScriptedServer([Reply(b"0123456789", cut=4)]) as server,
        pytest.raises(requests.exceptions.ChunkedEncodingError),
    ):
        requests.get(server.url, timeout=5)


def test_an_answer_can_come_without_a_length() -> None:
    with ScriptedServer([Reply(b"0123456789", chunked=True)]) as server:
        answer = requests.get(server.url, timeout=5)
    assert answer.content == b"0123456789"
    assert "Content-Length" not in answer.headers


def test_a_server_without_an_answer_is_none() -> None:
    with pytest.raises(ValueError, match="at least one answer"):
        ScriptedServer([])


def test_what_was_asked_is_told_without_pictures_and_credentials() -> None:
    image = picture(64, 48)
    with ScriptedServer([Reply()]) as server:
        requests.post(
            f"{server.url}/paint?api_key=hunter2&size=8",
            json={"images": [image.base64, f"data:image/png;base64,{image.base64}"], "words": "a cat", "n": 2},
            auth=("anna", "hunter2"),
            headers={"X-Api-Key": "hunter2", "Cookie": "session=hunter2"},
            timeout=5,
        )
        requests.post(server.url, data={"words": "a cat"}, files={"one": ("one.png", image.data)}, timeout=5)
        requests.post(server.url, data=image.data, headers={"Content-Type": "image/png"}, timeout=5)
        requests.post(server.url, data="{", headers={"Content-Type": "application/json"}, timeout=5)
    told = [seen.told for seen in server.seen]
    described = image.describe()
    assert told[0] == {
        "request": "POST /paint?api_key=[redacted]&size=8",
        "body": {"images": [described, described], "words": "a cat", "n": 2},
        "credentials": ["Authorization", "Cookie", "X-Api-Key"],
    }
    assert told[1]["body"] == {"words": "a cat", "one": described}
    assert told[2]["body"] == f"{len(image.data)} bytes of image/png"
    assert told[3]["body"] == "1 bytes that are no JSON"
    shown = json.dumps(told) + repr(server.seen)
    assert "hunter2" not in shown
    assert image.base64[:60] not in shown


def test_a_header_is_found_whatever_its_case() -> None:
    seen = Seen("GET", "/", {"x-one": "1"}, b"")
    assert seen.header("X-One") == "1"
    assert seen.header("X-Two") is None
