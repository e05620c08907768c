"""What a network can do to a call, over real sockets: each of it one typed error, and never a second attempt."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import socket
import sys
import time
import traceback
from base64 import b64encode
from typing import Any

import pytest

from engine import (
    AnswerError,
    ApiClient,
    BackendError,
    BackendTimeoutError,
    BackendUnreachableError,
    Catalog,
    HttpStatusError,
    StageEngineError,
)
from engine.testing import picture
from engine.testing.scripted import Reply, Seen
from tests.client.conftest import Ask, Connect, Serve
from tests.client.generations import generation

PICTURE = picture(64, 64, "result").base64
GOOD = Reply.json(generation(PICTURE))
NAME, PASSWORD = "kéeper", "s3cret:with colon"
BASIC = b64encode(f"{NAME}:{PASSWORD}".encode()).decode()


def failure(client: ApiClient, ask: Ask, kind: str = "txt2img") -> BackendError:
    with pytest.raises(BackendError) as caught:
        client.generate_images(ask(kind))
    error = caught.value
    assert (error.backend, error.stage) == ("a1111", "one")
    assert "back end a1111, stage one" in str(error)
    return error


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class TestWhereNothingComes:
    def test_nobody_listens(self, connect: Connect, ask: Ask) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        error = failure(connect(url), ask)
        assert isinstance(error, BackendUnreachableError)
        assert error.code == "backend-unreachable"
        assert f"{url} cannot be reached (Connection refused); is the server running there?" in str(error)

    def test_no_host_of_that_name(self, connect: Connect, ask: Ask) -> None:
        error = failure(connect("http://no-such-host.invalid"), ask)
        assert isinstance(error, BackendUnreachableError)
        assert "object at 0x" not in str(error)

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a connection waiting for a full queue")
    def test_a_connection_that_is_not_taken_times_out(self, connect: Connect, ask: Ask) -> None:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for one in (first, second):
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            time.sleep(0.05)
            error = failure(connect(f"http://127.0.0.1:{full.getsockname()[1]}", connect=0.2), ask)
        assert isinstance(error, BackendTimeoutError)
        assert "did not accept a connection" in str(error)

    def test_no_answer_in_time(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        server = serve(Reply(wait=10))
        started = time.monotonic()
        error = failure(connect(server, read=0.2), ask)
        assert isinstance(error, BackendTimeoutError)
        assert error.code == "backend-timeout"
        assert "did not answer in time; it may still be at work" in str(error)
        assert time.monotonic() - started < 5
        assert len(server.seen) == 1

    @pytest.mark.parametrize("chunked", [False, True])
    def test_an_answer_that_stops_in_the_middle_times_out(
        self, serve: Serve, connect: Connect, ask: Ask, chunked: bool
    ) -> None:
        server = serve(Reply(GOOD.body, pause=10, chunked=chunked))
        error = failure(connect(server, read=0.2), ask)
        assert isinstance(error, BackendTimeoutError)
        assert len(server.seen) == 1


class TestAnAnswerThatBreaks:
    @pytest.mark.parametrize("status", [200, 500])
    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("cut", [0, 20])
    def test_a_body_that_is_cut_off(
        self, serve: Serve, connect: Connect, ask: Ask, status: int, chunked: bool, cut: int
    ) -> None:
        """Never half an answer that happens to be JSON, and never "is the server running?": it was."""
        server = serve(Reply(GOOD.body, status, cut=cut, chunked=chunked))
        error = failure(connect(server), ask)
        assert isinstance(error, BackendUnreachableError)
        assert error.code == "backend-cut-off"
        assert "broke off" in str(error)
        assert "the work may have been done" in str(error)
        assert len(server.seen) == 1

    def test_a_body_that_is_cut_off_behind_whole_json(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        body = GOOD.body + b" " * 50
        assert failure(connect(serve(Reply(body, cut=len(GOOD.body)))), ask).code == "backend-cut-off"

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"HTTP/1.", id="half-a-version"),
            pytest.param(b"nonsense\r\n\r\n", id="no-http"),
            pytest.param(b"HTTP/1.1 9999 What\r\n\r\n", id="no-status"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", id="long-header"),
            pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n", id="many-headers"),
        ],
    )
    def test_what_is_no_answer_at_all(self, serve: Serve, connect: Connect, ask: Ask, raw: bytes) -> None:
        server = serve(Reply(raw=raw))
        error = failure(connect(server), ask)
        assert isinstance(error, BackendUnreachableError)
        assert len(str(error)) < 300
        assert len(server.seen) == 1

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (b"Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
            (b"Content-Encoding: gzip\r\nContent-Length: 20", b"this is not gzipped!"),
            (b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        ],
    )
    def test_a_body_that_is_not_what_its_headers_say(
        self, serve: Serve, connect: Connect, ask: Ask, headers: bytes, body: bytes
    ) -> None:
        reply = Reply(raw=b"HTTP/1.1 200 OK\r\n" + headers + b"\r\nConnection: close\r\n\r\n" + body)
        assert failure(connect(serve(reply)), ask).code == "backend-cut-off"


class TestSizes:
    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("status", [200, 500])
    def test_an_answer_that_is_too_large_is_not_read(
        self, serve: Serve, connect: Connect, ask: Ask, chunked: bool, status: int
    ) -> None:
        server = serve(Reply(b" " * 5_000_000, status, chunked=chunked))
        error = failure(connect(server, max_answer_bytes=1000), ask)
        assert isinstance(error, AnswerError)
        assert error.code == "answer-too-large"
        assert "larger than 1000 bytes" in str(error)

    def test_the_limit_counts_what_a_packed_answer_unpacks_to(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        packed = gzip.compress(b" " * 50_000_000)
        assert len(packed) < 100_000
        server = serve(Reply(packed, headers=(("Content-Encoding", "gzip"),)))
        assert failure(connect(server, max_answer_bytes=1_000_000), ask).code == "answer-too-large"

    def test_an_answer_of_exactly_the_limit_is_read(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        client = connect(serve(GOOD), max_answer_bytes=len(GOOD.body))
        assert client.generate_images(ask()).images[0].base64 == PICTURE

    @pytest.mark.parametrize("how", ["chunked", "gzip"])
    def test_other_ways_to_send_a_body_are_understood(self, serve: Serve, connect: Connect, ask: Ask, how: str) -> None:
        packed = Reply(gzip.compress(GOOD.body), headers=(("Content-Encoding", "gzip"),))
        client = connect(serve(packed if how == "gzip" else Reply(GOOD.body, chunked=True)))
        assert client.generate_images(ask()).images[0].base64 == PICTURE


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_none_is_followed(self, serve: Serve, connect: Connect, ask: Ask, status: int) -> None:
        other = serve(GOOD)
        server = serve(Reply(status=status, headers=(("Location", f"{other.url}/sdapi/v1/txt2img"),)))
        error = failure(connect(server, auth=(NAME, PASSWORD)), ask)
        assert isinstance(error, HttpStatusError)
        assert (error.code, error.status) == ("http-redirect", status)
        assert "give the address that it leads to as the base URL" in str(error)
        assert other.seen == []
        assert len(server.seen) == 1

    @pytest.mark.parametrize("place", ["http://[::1", "//", "http://a b/", "\x00", "file:///etc/passwd", ""])
    def test_one_that_leads_nowhere_is_just_that(self, serve: Serve, connect: Connect, ask: Ask, place: str) -> None:
        server = serve(Reply(status=302, headers=(("Location", place),)))
        assert isinstance(failure(connect(server), ask), HttpStatusError)

    def test_its_body_is_not_read(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        """A library that looks for the next place reads all of it first, however much there is."""
        server = serve(Reply(b" " * 2_000_000, 302, headers=(("Location", "/"),), cut=1_000_000))
        assert failure(connect(server), ask).code == "http-redirect"

    def test_a_status_of_that_kind_without_a_place(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        error = failure(connect(serve(Reply(status=304, body=b""))), ask)
        assert isinstance(error, HttpStatusError)
        assert error.status == 304


class TestOneAttempt:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_an_error_is_not_tried_again(self, serve: Serve, connect: Connect, ask: Ask, status: int) -> None:
        """The generation may have run, and another would draw another picture."""
        server = serve(Reply(b"{}", status, headers=(("Retry-After", "0"),)), GOOD)
        failure(connect(server), ask)
        assert len(server.seen) == 1

    def test_a_connection_that_is_lost_is_not_tried_again(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        server = serve(Reply(raw=b""), GOOD)
        client = connect(server)
        failure(client, ask)
        assert (len(server.seen), server.connections) == (1, 1)
        assert client.generate_images(ask()).images[0].base64 == PICTURE  # and the client is as good as before


class TestCredentials:
    def test_they_come_from_the_caller(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        server = serve(GOOD)
        connect(server, auth=(NAME, PASSWORD)).generate_images(ask())
        assert server.seen[0].headers["Authorization"] == f"Basic {BASIC}"

    def test_or_from_the_environment(
        self, serve: Serve, connect: Connect, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STAGE_ENGINE_USERNAME", "other")
        monkeypatch.setenv("STAGE_ENGINE_PASSWORD", "")
        server = serve(GOOD)
        connect(server).generate_images(ask())
        connect(server, auth=(NAME, PASSWORD)).generate_images(ask())
        sent = [seen.headers["Authorization"] for seen in server.seen]
        assert sent == [f"Basic {b64encode(b'other:').decode()}", f"Basic {BASIC}"]

    @pytest.mark.parametrize("name", ["STAGE_ENGINE_USERNAME", "STAGE_ENGINE_PASSWORD"])
    def test_half_of_them_is_none(
        self, serve: Serve, connect: Connect, ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, "half")
        server = serve(GOOD)
        connect(server).generate_images(ask())
        assert "Authorization" not in server.seen[0].headers

    def test_nothing_else_is_taken_from_the_surroundings(
        self, serve: Serve, connect: Connect, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login spy password spy\n")
        monkeypatch.setenv("NETRC", os.fspath(netrc))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        server = serve(GOOD)
        connect(server).generate_images(ask())
        assert "Authorization" not in server.seen[0].headers

    def test_cookies_are_forgotten(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        server = serve(Reply(GOOD.body, headers=(("Set-Cookie", "who=you; Path=/"),)))
        client = connect(server)
        client.generate_images(ask())
        client.generate_images(ask())
        assert "Cookie" not in server.seen[1].headers

    def test_a_server_that_wants_them_says_so_with_the_way_out(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        told = {"error": "HTTPException", "detail": "Not authenticated", "body": "", "errors": ""}
        error = failure(connect(serve(Reply.json(told, 401))), ask)
        assert error.code == "http-unauthorized"
        assert "Not authenticated" in str(error)
        assert "STAGE_ENGINE_PASSWORD" in str(error)

    def test_they_are_in_no_error_log_or_repr(
        self, serve: Serve, connect: Connect, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        answers = [
            Reply.json({"detail": "no"}, 401),
            Reply(status=302, headers=(("Location", "http://127.0.0.1:1/"),)),
            Reply(raw=b""),
            Reply(GOOD.body, cut=10),
            Reply(b"{"),
            GOOD,
        ]
        client = connect(serve(*answers), auth=(NAME, PASSWORD))
        shown = [repr(client), repr(client.__dict__), repr(vars(client._transport))]
        with caplog.at_level(logging.DEBUG):
            for _ in answers[:-1]:
                error = failure(client, ask)
                shown += [str(error), repr(error), json.dumps([f.to_json() for f in error.findings])]
                shown += traceback.format_exception(error)
            shown.append(repr(client.generate_images(ask())))
        for text in (*shown, caplog.text):
            for secret in (PASSWORD, BASIC, PICTURE[:60]):
                assert secret not in text


class TestTheBaseUrl:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("", "must begin with http"),
            ("127.0.0.1:7860", "must begin with http"),
            ("ftp://127.0.0.1", "must begin with http"),
            ("file:///etc/passwd", "must begin with http"),
            ("http://", "name a host"),
            ("http:///path", "name a host"),
            ("http://[::1", "is no URL"),
            ("http://host:99999", "is no URL"),
            ("http://host:port", "is no URL"),
            ("http://..", "is no URL"),
            ("http://" + "a" * 70 + ".example", "is no URL"),
            ("http://me:pw@host", "must not hold a name or a password"),
            ("http://me@host", "must not hold a name or a password"),
            ("http://host/?a=b", "must not hold a query or a fragment"),
            ("http://host/path?", "must not hold a query or a fragment"),
            ("http://host/path#", "must not hold a query or a fragment"),
            ("http://ho st", "holds a blank"),
            ("http://ho\nst", "holds a blank"),
            ("http://ho\x00st", "control character"),
        ],
    )
    def test_one_that_cannot_be_is_refused_at_once(self, catalog: Catalog, url: str, said: str) -> None:
        with pytest.raises(StageEngineError) as caught:
            ApiClient(url, backend="a1111", catalog=catalog)
        assert caught.value.code == "url"
        assert said in str(caught.value)
        assert "pw" not in str(caught.value)

    def test_a_path_and_a_slash_at_its_end(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        server = serve(GOOD)
        for end in ("", "/", "/below/here", "/below/here/"):
            connect(f"  {server.url}{end}").generate_images(ask())
        below = "/below/here/sdapi/v1/txt2img"
        assert [seen.path for seen in server.seen] == ["/sdapi/v1/txt2img", "/sdapi/v1/txt2img", below, below]

    def test_an_answer_cannot_change_where_the_next_request_goes(
        self, serve: Serve, connect: Connect, ask: Ask
    ) -> None:
        headers = (("Content-Location", "http://127.0.0.1:1/"), ("Refresh", "0; url=http://127.0.0.1:1/"))
        server = serve(Reply(GOOD.body, headers=headers))
        client = connect(server)
        for _ in range(2):
            client.generate_images(ask())
        assert len(server.seen) == 2


def test_a_request_is_one_post_of_json(serve: Serve, connect: Connect, ask: Ask) -> None:
    def answer(seen: Seen) -> Reply:
        assert seen.method == "POST"
        assert seen.headers["Content-Type"] == "application/json"
        assert seen.headers["User-Agent"] == "stage-engine"
        assert "python" not in json.dumps(seen.headers).lower()
        return GOOD

    server = serve(answer)
    connect(server).generate_images(ask(prompt="grün 🌊"))
    assert server.seen[0].body["prompt"] == "grün 🌊"
    assert "🌊".encode() in server.seen[0].raw  # UTF-8, not escapes
    assert re.fullmatch(rb"\{.*\}", server.seen[0].raw, re.DOTALL)
