"""Conversations that are played by hand: the clock, and answers that come late."""

from __future__ import annotations

from typing import Any

from engine.backends.steps import Timeouts
from engine.conversation.talk import HttpRequest, HttpResponse, Tick
from engine.results import GenerateResult
from engine.testing.playing import after, answer, play


def test_an_answer_that_is_waited_for_lets_the_clock_run() -> None:
    asked = HttpRequest("GET", ("state",), None, None, Timeouts(1, 1))
    heard: list[Any] = []

    def talk() -> Any:
        heard.append((yield asked))
        heard.append((yield asked))
        return GenerateResult(())

    played = play(talk(), [after(3.5, answer({"n": 1})), answer({"n": 2})])
    assert played.now == 3.5
    assert [type(one) for one in heard] == [HttpResponse, HttpResponse]
    assert [one.body for one in heard] == [b'{"n": 1}', b'{"n": 2}']
    assert played.kinds == ["GET /state", "GET /state"]
    assert not any(isinstance(one, Tick) for one in heard)
