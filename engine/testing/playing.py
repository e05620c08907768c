"""Runs a conversation by hand: a clock that jumps, answers that a test gives, and no socket or thread.

The conversation is the real one (`engine.conversation.exchange`); what stands in for the server is a list of answers,
or a function. This module knows what a conversation asks of its driver, and no step of any back end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.conversation.talk import HttpRequest, HttpResponse, Incoming, Listen, Outgoing, Start, Talk, Tick
from engine.errors import BackendError
from engine.events import Progress
from engine.results import GenerateResult
from engine.values import Json

__all__ = ["Played", "after", "answer", "play"]

#: What a server says to a request: an answer, a failure on the way, or either after some seconds.
Said: TypeAlias = "HttpResponse | BackendError"
#: A conversation that takes more steps than this is taken to go on for ever.
MOST_STEPS = 100_000


@dataclass(frozen=True)
class after:  # noqa: N801 - it reads as a word
    """An answer that comes so many seconds later. While it is waited for in the foreground, nothing else happens."""

    seconds: float
    said: Said


def answer(data: object, status: int = 200, **more: object) -> HttpResponse:
    """An answer of JSON."""
    return HttpResponse(status, json.dumps(data).encode(), "application/json", **more)  # type: ignore[arg-type]


@dataclass
class Played:
    """What came of it. `sent`: every request, in order. `waited`: each wait. `now`: the clock at the end."""

    result: GenerateResult | None = None
    error: BackendError | None = None
    sent: list[HttpRequest] = field(default_factory=list)
    listened: list[HttpRequest] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    now: float = 0.0

    @property
    def made(self) -> GenerateResult:
        """The result; the error is raised where there is one."""
        if self.error is not None:
            raise self.error
        if self.result is None:
            raise ValueError("the conversation gave neither a result nor an error")
        return self.result

    @property
    def kinds(self) -> list[str]:
        """What was sent, as people read it, without queries."""
        return [f"{one.method} /{'/'.join(one.path)}" for one in self.sent]


def play(
    talk: Talk[GenerateResult],
    server: Callable[[HttpRequest], Said | after] | Sequence[Said | after],
    *,
    cancel_at: float | None = None,
    messages: Sequence[tuple[float, Json]] = (),
    alone: bool = True,
) -> Played:
    """Run a conversation to its end. `server` answers requests, or is a list of answers, the last one again and again.

    `cancel_at`: the second at which the token says stop. `messages`: what a websocket says, and when. `alone`: whether
    no other long request is under way. Raises RuntimeError for a conversation that does not end.
    """
    playing = _Playing(server, cancel_at, messages, alone)
    played, incoming, failure = playing.played, None, None
    for _ in range(MOST_STEPS):
        try:
            outgoing = talk.send(incoming) if failure is None else talk.throw(failure)
        except StopIteration as end:
            played.result = end.value
            return played
        except BackendError as problem:
            played.error = problem
            return played
        incoming, failure = playing.done(outgoing)
    raise RuntimeError(f"the conversation has not ended after {MOST_STEPS} steps")


class _Playing:
    """What stands in for the driver: the clock, the answers, the word to stop, and the websocket."""

    def __init__(
        self,
        server: Callable[[HttpRequest], Said | after] | Sequence[Said | after],
        cancel_at: float | None,
        messages: Sequence[tuple[float, Json]],
        alone: bool,
    ) -> None:
        self.played = Played()
        self._server = server if callable(server) else None
        self._queue = [] if callable(server) else list(server)
        self._cancel_at, self._was_told = cancel_at, False
        self._unheard = sorted(messages, key=lambda one: one[0])
        self._due: tuple[float, Said] | None = None
        self._alone = alone

    def done(self, outgoing: Outgoing) -> tuple[Incoming, BackendError | None]:
        """Do what the conversation wants; what it is then sent, or what is thrown into it."""
        if isinstance(outgoing, HttpRequest):
            said = self._said_to(outgoing)
            if isinstance(said, after):
                self.played.now += said.seconds
                said = said.said
            return (None, said) if isinstance(said, BackendError) else (said, None)
        if isinstance(outgoing, Start):
            said = self._said_to(outgoing.request)
            late, found = (said.seconds, said.said) if isinstance(said, after) else (0.0, said)
            self._due = (self.played.now + late, found)
        elif isinstance(outgoing, Listen):
            self.played.listened.append(outgoing.request)
        elif isinstance(outgoing, Progress):
            self.played.told.append(outgoing)
        else:
            return self._tick(outgoing.seconds), None
        return None, None

    def _said_to(self, request: HttpRequest) -> Said | after:
        self.played.sent.append(request)
        if self._server is not None:
            return self._server(request)
        return self._queue.pop(0) if len(self._queue) > 1 else self._queue[0]

    def _tick(self, seconds: float) -> Tick:
        """Let the clock jump to the first thing that happens within a wait."""
        self.played.waited.append(seconds)
        now = self.played.now
        listens = bool(self._unheard and self.played.listened)
        moments = [now + seconds]
        moments += [max(now, self._due[0])] if self._due is not None else []
        moments += [max(now, self._unheard[0][0])] if listens else []
        moments += [max(now, self._cancel_at)] if self._cancel_at is not None and not self._was_told else []
        self.played.now = now = min(moments)
        self._was_told = self._cancel_at is not None and now >= self._cancel_at
        heard = [message for at, message in self._unheard if listens and at <= now]
        self._unheard = [one for one in self._unheard if not listens or one[0] > now]
        outcome = self._due[1] if self._due is not None and self._due[0] <= now else None
        return Tick(now, self._was_told, outcome, tuple(heard), self._alone)
