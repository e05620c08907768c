"""Requests of every form and where they may go, over real HTTP: queries, headers, forms, tokens, paces, addresses."""

from __future__ import annotations

import email
import logging
import time
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import AnswerError, ApiClient, BackendError, Catalog, GenerateImagesRequest, StageEngineError
from engine.addresses import inside
from engine.backends.places import Place
from engine.backends.steps import Auth, RequestForm, Timeouts
from engine.conversation.outgoing import outgoing
from engine.credentials import credentials
from engine.errors import Position
from engine.multipart import Part, form_data
from engine.testing import picture
from engine.testing.scripted import Reply, ScriptedServer, Seen
from engine.transport import Transport, retry_after
from engine.values import Later
from tests.client.conftest import Serve

ONE, INPUT = picture(64, 64, "one"), picture(32, 32, "input")
CATALOG = Catalog([Path(__file__).resolve().parent / "jobs"])
TOKEN = "tok-3n-s3cret"
WHOLE = Reply(ONE.data, headers=(("Content-Type", "image/png"),))


def ask(kind: str) -> GenerateImagesRequest:
    toggles = {f"{name}_enabled": False for name in ("txt2img", "img2img", "upscale", "adetailer")}
    inputs = (INPUT,) if kind == "repaint" else ()
    return GenerateImagesRequest("one", kind, {"stage_type": kind, **toggles, "wish": 'grün "quoted"\r\n'}, inputs)


def booth(server: ScriptedServer | str, **how: Any) -> ApiClient:
    return ApiClient(server if isinstance(server, str) else server.url, backend="booth", catalog=CATALOG, **how)


def parts_of(seen: Seen) -> dict[str, list[Message]]:
    message = email.message_from_bytes(
        b"Content-Type: " + seen.headers["Content-Type"].encode() + b"\r\n\r\n" + seen.raw
    )
    found: dict[str, list[Message]] = {}
    for part in message.get_payload():
        assert isinstance(part, Message)
        found.setdefault(str(part.get_param("name", header="content-disposition")), []).append(part)
    return found


class TestForms:
    def test_a_payload_as_a_form(self, serve: Serve) -> None:
        server = serve(WHOLE)
        with booth(server, ids=lambda: "a b/c") as client:
            result = client.generate_images(ask("paint"))
        assert [image.data for image in result.images] == [ONE.data]
        seen = server.seen[0]
        assert (seen.method, seen.path) == ("POST", "/v1/paint?quality=high&job=a+b%2Fc")
        assert seen.headers["X-Version"] == "2"
        assert seen.headers["Accept"].startswith("image/*")
        sent = {name: [part.get_payload(decode=True) for part in parts] for name, parts in parts_of(seen).items()}
        assert sent == {
            "wish": ['grün "quoted"\r\n'.encode()],
            "loud": [b"true"],
            "sizes[]": [b"1", b"2"],
            "options": [b'{"a":null}'],
        }

    def test_the_same_parts_give_the_same_bytes(self) -> None:
        parts = [Part("a", b"1"), Part("file", INPUT.data, 'x"\r\n.png', "image/png")]
        assert form_data(parts) == form_data(list(parts))
        body, kind = form_data(parts)
        assert b'filename="x%22%0D%0A.png"' in body
        assert kind.partition("boundary=")[2].encode() not in INPUT.data

    @given(st.lists(st.tuples(st.text('ab\r\n"', max_size=4), st.binary(max_size=30)), max_size=4))
    def test_what_is_put_in_comes_out(self, pairs: list[tuple[str, bytes]]) -> None:
        body, kind = form_data([Part(name, data) for name, data in pairs])
        boundary = kind.partition("boundary=")[2].encode()
        pieces = body.split(b"--" + boundary)
        assert pieces[-1] == b"--\r\n"
        assert [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces[1:-1]] == [
            d for _, d in pairs
        ]

    def test_an_answer_that_is_a_picture_though_json_was_expected(self, serve: Serve) -> None:
        with booth(serve(WHOLE)) as client:
            assert client.generate_images(ask("repaint")).images == (ONE,)

    @pytest.mark.parametrize(
        "reply", [Reply(b"", 204), Reply(b"{}"), Reply(b"x", headers=(("Content-Type", "image/png"),))]
    )
    def test_an_answer_that_should_be_a_picture_and_is_none(self, serve: Serve, reply: Reply) -> None:
        with booth(serve(reply)) as client, pytest.raises(AnswerError) as caught:
            client.generate_images(ask("paint"))
        assert caught.value.code == "answer-bad-image"


class TestAddressesInAnswers:
    def fetch(self, serve: Serve, address: Any, base: str = "") -> tuple[ScriptedServer, Any]:
        def answer(seen: Seen) -> Reply:
            href = address.replace("BASE", server.url) if isinstance(address, str) else address
            return Reply.json({"pictures": [{"href": href}]}) if seen.method == "POST" else WHOLE

        server = serve(answer)
        with booth(server.url + base) as client:
            return server, client.generate_images(ask("repaint"))

    @pytest.mark.parametrize(
        "address", ["BASE/files/1.png?sig=a%2Fb", "/files/1.png?sig=a%2Fb", "files/1.png?sig=a%2Fb"]
    )
    def test_one_below_the_base_url_is_fetched(self, serve: Serve, address: str) -> None:
        server, result = self.fetch(serve, address)
        assert result.images == (ONE,)
        assert server.seen[1].path == "/files/1.png?sig=a%2Fb"
        assert server.seen[1].headers["Accept"] == "image/*"

    def test_a_picture_may_stand_in_its_own_address(self, serve: Serve) -> None:
        server, result = self.fetch(serve, f"data:image/png;base64,{ONE.base64}")
        assert (result.images, len(server.seen)) == ((ONE,), 1)

    @pytest.mark.parametrize(
        "address",
        [
            "http://127.0.0.1:1/x.png",
            "https://example.invalid/x.png",
            "//example.invalid/x.png",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "BASE/outside.png",
            "BASE/api/../outside.png",
            "BASE/api/%2e%2e/outside.png",
            "/outside.png",
            "../outside.png",
            "BASE@example.invalid/api/x",
            "BASE/api/x\n",
            "BASE\\api\\x",
            "http://[::1",
            "http://127.0.0.1:port/api/x",
            "x" * 3000,
        ],
    )
    def test_one_that_leads_elsewhere_is_not(self, serve: Serve, address: str) -> None:
        with pytest.raises(AnswerError) as caught:
            self.fetch(serve, address, "/api")
        assert caught.value.code == "answer-url-outside"
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("address", [None, 5.5, "", "  ", [], {}])
    def test_one_that_is_none(self, serve: Serve, address: Any) -> None:
        with pytest.raises(AnswerError) as caught:
            self.fetch(serve, address)
        assert caught.value.code == "answer-bad-place"

    @given(st.text(max_size=40) | st.from_regex(r"(https?:)?//[a-z@:.0-9]{0,12}/?[a-z./%2e]{0,12}", fullmatch=True))
    def test_whatever_it_says_it_stays_below(self, url: str) -> None:
        base = "http://server:8188/api"
        try:
            found = inside(base, url)
        except ValueError:
            return
        assert found.startswith(f"{base}/")
        assert ".." not in found.split("/")


class TestPathsWithPartsOfAnswers:
    """What a server says stays in its segment, or goes nowhere."""

    FORM = RequestForm(
        "GET",
        ("files", Place(("name",), in_info=False, at=Position("x", 1, 1)), Later("job_id")),
        Position("x", 1, 1),
        query=(("in", Place(("folder",), in_info=False, at=Position("x", 1, 1))),),
    )

    def sent(self, item: Any, job: str = "j") -> str:
        request = outgoing(self.FORM, {"job_id": job}, Timeouts(), item=item, backend="booth", stage="one")
        with Transport("http://server/base") as transport:
            return transport.address(request)

    @pytest.mark.parametrize(
        ("name", "there"),
        [
            ("a.png", "a.png"),
            ("a b/c?d#e", "a%20b%2Fc%3Fd%23e"),
            ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
            ("%2e%2e", "%252e%252e"),
            (7, "7"),
            ("grün\r\nX: y", "gr%C3%BCn%0D%0AX%3A%20y"),
        ],
    )
    def test_they_are_one_segment(self, name: Any, there: str) -> None:
        assert self.sent({"name": name, "folder": "a&b"}) == f"http://server/base/files/{there}/j?in=a%26b"

    def test_a_query_may_be_empty_and_a_segment_not(self) -> None:
        assert self.sent({"name": "a", "folder": ""}).endswith("/files/a/j?in=")
        for name in ("", ".", ".."):
            with pytest.raises(AnswerError) as caught:
                self.sent({"name": name, "folder": ""})
            assert caught.value.code == "answer-bad-place"
            with pytest.raises(AnswerError):
                self.sent({"name": "a", "folder": ""}, job=name)

    @pytest.mark.parametrize("item", [{}, {"name": None}, {"name": True}, {"name": 1.5}, {"name": []}, [], "x", None])
    def test_what_is_missing_is_told(self, item: Any) -> None:
        with pytest.raises(AnswerError, match="at /name stands nothing that leads to it"):
            self.sent(item)


class TestTokens:
    def test_it_comes_from_the_environment_that_the_data_names(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BOOTH_KEY", f" {TOKEN}\n")
        server = serve(WHOLE)
        with booth(server) as client:
            client.generate_images(ask("paint"))
        assert server.seen[0].headers["X-Key"] == f"Key {TOKEN}"
        assert "Authorization" not in server.seen[0].headers

    def test_or_from_the_caller(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BOOTH_KEY", "another")
        server = serve(WHOLE)
        with booth(server, auth=TOKEN) as client:
            client.generate_images(ask("paint"))
        assert server.seen[0].headers["X-Key"] == f"Key {TOKEN}"

    def test_a_name_and_a_password_go_where_they_always_go(self, serve: Serve) -> None:
        server = serve(WHOLE)
        with booth(server, auth=("me", "pass word")) as client:
            client.generate_images(ask("paint"))
        assert server.seen[0].headers["Authorization"] == "Basic bWU6cGFzcyB3b3Jk"
        assert "X-Key" not in server.seen[0].headers

    @pytest.mark.parametrize("value", ["", "  "])
    def test_an_empty_one_is_none(self, serve: Serve, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("BOOTH_KEY", value)
        server = serve(WHOLE)
        with booth(server) as client:
            client.generate_images(ask("paint"))
        assert "X-Key" not in server.seen[0].headers

    @pytest.mark.parametrize("token", ["two words", "li\nne", "grün", "nul\x00"])
    def test_one_that_no_header_can_hold_is_refused_and_not_shown(self, token: str) -> None:
        with pytest.raises(StageEngineError) as caught:
            booth("http://127.0.0.1:1", auth=token)
        assert caught.value.code == "auth-token"
        assert token not in str(caught.value)

    def test_a_back_end_that_has_no_place_for_one_says_so(self) -> None:
        with pytest.raises(StageEngineError, match="has no 'auth'"):
            ApiClient("http://127.0.0.1:1", backend="a1111", catalog=CATALOG, auth=TOKEN)

    def test_it_is_in_no_error_log_or_repr(self, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
        told = Reply.json({"error": f"Incorrect API key provided: {TOKEN}"}, 401)
        with booth(serve(told), auth=TOKEN) as client, caplog.at_level(logging.DEBUG):
            with pytest.raises(BackendError) as caught:
                client.generate_images(ask("paint"))
            shown = [repr(vars(client)), repr(vars(client._transport)), repr(client._transport._credentials)]
        assert "[redacted]" in str(caught.value)
        for text in (*shown, str(caught.value), repr(caught.value), caplog.text):
            assert TOKEN not in text

    def test_nothing_is_sent_where_nothing_is_known(self) -> None:
        assert dict(credentials(Auth("X-Key", "", "NOBODY_SET_THIS"), None).headers) == {}


class TestPace:
    def test_requests_of_a_kind_keep_their_distance(self, serve: Serve) -> None:
        server = serve(WHOLE)
        began = time.monotonic()
        with booth(server) as client:
            for _ in range(3):
                client.generate_images(ask("paint"))
        assert time.monotonic() - began >= 0.3

    def test_others_do_not_wait(self, serve: Serve) -> None:
        server = serve(WHOLE)
        with booth(server) as client:
            began = time.monotonic()
            for _ in range(3):
                client.generate_images(ask("repaint"))
        assert time.monotonic() - began < 0.3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        (" 2.5 ", 2.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_when_a_server_wants_to_be_asked_again(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds
